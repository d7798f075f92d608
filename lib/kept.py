"""What a changed parameter leaves as it is, kept from one execution of a chapter to the next while chapters are watched.

`lib.watch` makes the folder, empties it when the data change, and removes it. Every other run works out all its numbers itself.
Numbers are kept pickled, and whoever writes a pickle can have code run where it is read: a folder that others may enter is left alone.
"""

import hashlib
import io
import os
import stat
import tempfile
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
from pickle import DEFAULT_PROTOCOL, Pickler

#: Names the folder for what is kept; only its owner may enter it.
KEPT_IN = "STUDY_KEPT"

#: Settings of matplotlib that only say where a figure would be opened; a notebook's are not a script's.
_OF_WINDOWS = ("backend", "backend_fallback", "interactive")


def kept(estimate):
    """Look up what a function gave for the same arguments earlier, where a folder for that is named.

    Parameters
    ----------
    estimate : callable
        Takes arrays, tables and plain values, which are compared by their content, reads nothing else but ``data/``, and
        gives what can be pickled.

    Returns
    -------
    callable
    """
    @wraps(estimate)
    def asked(*given, **named):
        folder = os.environ.get(KEPT_IN)
        return (_looked_up(estimate, folder) if folder else estimate)(*given, **named)

    return asked


class Product:
    """A picture or a table's HTML as a page shows it, kept by all that it is made of.

    Parameters
    ----------
    *parts : object
        A matplotlib Figure that is not laid out yet, tables and plain values.
    """

    def __init__(self, *parts):
        folder = os.environ.get(KEPT_IN)
        name = _content(parts) if folder and _is_private(folder) else None
        self._file = name and Path(folder, name)

    def read(self) -> bytes | None:
        """What was kept; None where nothing was, or no folder for that is named."""
        with suppress(FileNotFoundError):
            return self._file and self._file.read_bytes()

    def write(self, made: bytes) -> None:
        """Keep it, where there is a folder for that and all parts can be written down."""
        if self._file:
            with tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False) as part:
                part.write(made)
            os.replace(part.name, self._file)


@cache
def _looked_up(estimate, folder):
    from joblib import Memory

    return Memory(folder, verbose=0).cache(estimate) if _is_private(folder) else estimate


def _is_private(folder) -> bool:
    return not os.stat(folder).st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _content(parts) -> str | None:
    """A name that follows from all that parts would be restored from and from matplotlib's settings; None where they cannot be written down."""
    import numpy as np
    from matplotlib import rcParams
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Outline
    from matplotlib.transforms import TransformNode

    class Content(Pickler):
        def reducer_override(self, part):
            if isinstance(part, np.ndarray | np.generic) and not part.dtype.hasobject:  # what was kept has a type object of its own
                return np.ndarray, (part.shape, part.dtype.str, part.tobytes())
            if not isinstance(part, Figure | Outline | TransformNode):
                return NotImplemented
            function, arguments, state, *more = part.__reduce_ex__(DEFAULT_PROTOCOL)
            if isinstance(part, TransformNode):  # what hangs on it is listed by its address in memory
                state = {**state, "_parents": list(state["_parents"].values())}
            elif isinstance(part, Outline):  # all bars share one, and a band in another figure sets its steps, which only polar axes heed
                state = {**state, "_interpolation_steps": 1}
            else:  # how many figures pyplot had, and whether it has this one still
                state = {name: of for name, of in state.items() if name not in ("_number", "_restore_to_pylab")}
            return function, arguments, state, *more

    written = io.BytesIO()
    try:
        Content(written).dump((parts, {name: setting for name, setting in rcParams.items() if name not in _OF_WINDOWS}))
    except Exception:  # a reader's figure may hold anything; then it is drawn each time
        return None
    return hashlib.sha256(written.getbuffer()).hexdigest()
