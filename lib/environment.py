"""What a kernel inherits: fixed clocks, seeds and threads, no user's settings, and where to write."""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

#: 1 September 2020, the month the paper appeared: what programs that want a date are given for "now".
PUBLICATION_EPOCH_S = "1598918400"

#: More threads than cores slow each other down, and sums made in parallel differ in the last digit.
_SINGLE_THREADED = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), "1"
)


def set_environment(folder):
    """Set what kernels inherit from this process: the output folder, fixed clocks and seeds, no user's settings.

    Temporary files go into the folder too: a kernel that is killed outright leaves its connection file, and with the
    folder it is removed.
    """
    folder = Path(folder)
    temporary = folder / ".tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        fixed_environment(),
        STUDY_OUT=str(folder),
        TMPDIR=str(temporary),
        IPYTHONDIR=str(folder / ".ipython"),
        JUPYTER_RUNTIME_DIR=str(folder / ".jupyter"),
    )
    # an exported backend would keep the kernel from showing figures
    os.environ.pop("MPLBACKEND", None)
    tempfile.tempdir = None  # read anew from the environment


def fixed_environment():
    """What must be set before a kernel's Python starts and before libraries are imported, the same for every run."""
    matplotlib_defaults = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "matplotlibrc"
    return {**_SINGLE_THREADED, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": PUBLICATION_EPOCH_S, "MATPLOTLIBRC": str(matplotlib_defaults)}
