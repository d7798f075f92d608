"""What a changed parameter leaves as it is, kept from one execution of a chapter to the next while chapters are watched.

`lib.watch` makes the folder, empties it when the data change, and removes it. Every other run works out all its numbers itself;
a run of many sites hands the checked cohort of each to its chapters (`hand_over`). All this is kept pickled, and whoever
writes a pickle can have code run where it is read: a folder that others may enter is left alone.
"""

import os
import stat
import tempfile
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path

from lib.content import content_name

#: Names the folder for what is kept; only its owner may enter it.
KEPT_IN = "STUDY_KEPT"


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
        self._parts = parts
        self._name = content_name(parts) if folder and _is_private(folder) else None
        self._file = self._name and Path(folder, self._name)

    def read(self) -> bytes | None:
        """What was kept; None where nothing was, or no folder for that is named."""
        with suppress(FileNotFoundError):
            return self._file and self._file.read_bytes()

    def is_unchanged(self) -> bool:
        """Whether the parts are as they were; a later cell may have gone on with a figure that waits to be drawn."""
        return self._file is None or content_name(self._parts) == self._name

    def write(self, made: bytes) -> None:
        """Keep it, where there is a folder for that and all parts can be written down."""
        if self._file:
            with suppress(OSError), tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False) as part:
                part.write(made)
                os.replace(part.name, self._file)


def hand_over(given, file) -> None:
    """Write what a process that this one starts is to find with `handed_over`.

    Parameters
    ----------
    given : object
        What can be pickled.
    file : path-like
        To write; nobody but this user may enter its folder.
    """
    import joblib

    joblib.dump(given, file)


def handed_over(file):
    """What `hand_over` wrote; None where others than this user may enter the folder."""
    if not _is_private(Path(file).parent):
        return None
    import joblib

    return joblib.load(file)


@cache
def _looked_up(estimate, folder):
    from joblib import Memory

    return Memory(folder, verbose=0).cache(estimate) if _is_private(folder) else estimate


def _is_private(folder) -> bool:
    try:
        return not os.stat(folder).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except FileNotFoundError:
        return False
