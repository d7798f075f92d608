"""What a changed parameter leaves as it is, kept from one execution of a chapter to the next while chapters are watched.

`lib.watch` names the folder, empties it when the data change, and removes it. Every other run works out all its numbers itself.
"""

import os
from functools import cache, wraps

#: Names the folder for what is kept.
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


@cache
def _looked_up(estimate, folder):
    from joblib import Memory

    return Memory(folder, verbose=0).cache(estimate)
