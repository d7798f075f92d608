"""The same bytes: two builds of the study held against each other, file by file.

``python tests/trust/rebuild.py ONE OTHER`` compares two output folders, with ``--between-pythons`` as two Python versions
are compared: numbers to 1e-9, pictures by their pixels.
"""

import argparse
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

#: Files that no reader reads and that two runs need not share: the lock of a run, and its account of what it made, which
#: holds the version of Python.
OWN_AFFAIRS = {".lock", "made.json"}

#: Largest relative difference of a number between two Python versions.
CLOSE = 1e-9

#: What notebooks, previews and other runs keep below ``build/``, beside what ``make`` has made.
OF_OTHERS = ("lab", "preview", "runs", "compared", "sites")


def built(out):
    """Relative path to file of all that a run has made for its readers."""
    out = Path(out)
    files = {path.relative_to(out): path for path in sorted(out.rglob("*")) if path.is_file() and path.name not in OWN_AFFAIRS}
    return {place.as_posix(): path for place, path in files.items() if place.parts[0] not in OF_OTHERS}


def same_bytes(one, other):
    """What two builds do not share byte by byte, one sentence a file; empty where they are the same.

    Parameters
    ----------
    one, other : path-like
        Output folders.
    """
    first, second = built(one), built(other)
    faults = [f"{name} is in one build only" for name in sorted(first.keys() ^ second.keys())]
    faults += [f"{name} differs" for name in sorted(first.keys() & second.keys()) if first[name].read_bytes() != second[name].read_bytes()]
    words = [str(Path(folder).resolve()).encode() for folder in (one, other)]
    return faults + [f"{name} holds the path of a build" for name, path in sorted((first | second).items()) if any(word in path.read_bytes() for word in words)]


def same_numbers(one, other):
    """What two Python versions' builds do not share: recorded quantities to 1e-9, table cells, and pictures pixel by pixel."""
    first, second = built(one), built(other)
    faults = [f"{name} is in one build only" for name in sorted(first.keys() ^ second.keys())]
    for name in sorted(first.keys() & second.keys()):
        if name.startswith("results/"):
            faults += _apart(name, json.loads(first[name].read_text("utf-8")), json.loads(second[name].read_text("utf-8")))
        elif name.startswith("figures/") and name.endswith(".png"):
            faults += [f"{name} shows another picture"] if _pixels(first[name].read_bytes()) != _pixels(second[name].read_bytes()) else []
        elif name.startswith("tables/") and name.endswith(".csv"):
            faults += [f"{name} differs"] if first[name].read_bytes() != second[name].read_bytes() else []
    return faults


def _apart(where, one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [f"{where}: {key} is in one build only" for key in one.keys() ^ other.keys()]
        return keys + [fault for key in one.keys() & other.keys() for fault in _apart(f"{where}: {key}", one[key], other[key])]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [fault for place, pair in enumerate(zip(one, other, strict=True)) for fault in _apart(f"{where}: {place}", *pair)]
    if isinstance(one, float) and isinstance(other, float) and math.isclose(one, other, rel_tol=CLOSE, abs_tol=1e-12):
        return []
    return [] if one == other else [f"{where}: {one} and {other}"]


def _pixels(png):
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    return picture.shape, picture.tobytes()


def rebuild():
    """Run the study twice, here and in a fresh clone, into differently named folders.

    Returns
    -------
    figures : dict
        ``files`` compared.
    faults : list of str
    """
    with tempfile.TemporaryDirectory(prefix="rebuild") as folder:
        folder = Path(folder)
        clone = folder / "another clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        uncommitted = subprocess.run(["git", "-C", ROOT, "status", "--porcelain", "lib", "notebooks", "data"], capture_output=True, text=True, check=True).stdout
        faults = [f"not committed, so not in the clone: {uncommitted.strip()}"] if uncommitted.strip() else []
        outs = [(ROOT, folder / "one"), (clone, folder / "second é")]
        for tree, out in outs:
            # the clone's own lib comes before the installed one, for the runner and for its kernels
            done = subprocess.run([sys.executable, "-m", "lib.run", "--out", out], cwd=tree, capture_output=True, text=True,
                                  env=os.environ | {"PYTHONPATH": str(tree)})
            if not (out / "html" / "index.html").is_file():
                return {"files": 0}, [f"the study did not run: {done.stderr}"]
        faults += same_bytes(*(out for _, out in outs))
        clock = re.compile(rb"20(?:2[4-9]|3\d)-\d\d-\d\d[T ]\d\d:\d\d")
        faults += [f"{name} holds a time of day" for name, path in built(outs[0][1]).items() if path.suffix in (".html", ".ipynb", ".csv", ".json", ".svg") and clock.search(path.read_bytes())]
        return {"files": len(built(outs[0][1]))}, faults


def main(arguments=None):
    """Compare two folders from the command line; 1 where they differ."""
    parser = argparse.ArgumentParser(description="Compare two builds of the study.")
    parser.add_argument("folders", nargs=2, type=Path)
    parser.add_argument("--between-pythons", action="store_true", help="numbers to 1e-9 and pictures by pixel, instead of bytes")
    options = parser.parse_args(arguments)
    faults = (same_numbers if options.between_pythons else same_bytes)(*options.folders)
    print("\n".join(faults) or f"{len(built(options.folders[0]))} files, no difference")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
