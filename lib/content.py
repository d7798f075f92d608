"""What a figure or a table is made of, as a name: by its data, looks and settings, not by where they lie in memory."""

import hashlib
import io
import sys
from functools import cache
from pickle import DEFAULT_PROTOCOL, Pickler
from types import FunctionType, MethodType

#: Settings of matplotlib that only say where a figure would be opened; a notebook's are not a script's.
_OF_WINDOWS = ("backend", "backend_fallback", "interactive")

_KNOWN_CODE = {*sys.stdlib_module_names, "lib", "matplotlib", "mpl_toolkits", "cycler", "dateutil", "numpy", "pandas", "seaborn", "great_tables"}


def content_name(parts) -> str | None:
    """A name that is the same for parts that look the same, and another for all others.

    Parameters
    ----------
    parts : object
        Figures, tables and plain values.

    Returns
    -------
    str or None
        A digest of what the parts and matplotlib's settings would be restored from; None where that does not say all that is seen.
    """
    from matplotlib import rcParams
    from matplotlib.colors import get_named_colors_mapping

    settings = {name: setting for name, setting in rcParams.items() if name not in _OF_WINDOWS}
    written = io.BytesIO()
    try:
        _pickler()(written).dump((parts, settings, dict(get_named_colors_mapping())))
    except Exception:  # a reader's figure may hold anything; then it is drawn each time
        return None
    return hashlib.sha256(written.getbuffer()).hexdigest()


@cache
def _pickler():
    """A pickler whose bytes are the same for what looks the same, and which refuses what its bytes would not tell apart."""
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.cbook import CallbackRegistry
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Outline
    from matplotlib.transforms import TransformNode

    class Content(Pickler):
        def reducer_override(self, part):
            if isinstance(part, type | FunctionType):
                return _refuse_unless_known(part)  # written by its name alone, which stays where a reader edits the code
            if type(part) is np.ndarray or isinstance(part, np.generic):
                return _plain(part)
            if isinstance(part, Axes) and part.name != "rectilinear":
                raise TypeError("its outlines are bent by steps that figures share")
            if not isinstance(part, CallbackRegistry | Figure | Outline | TransformNode):
                return NotImplemented
            if isinstance(part, CallbackRegistry):
                for called in (proxy() for calls in part.callbacks.values() for number, proxy in calls.items() if number not in part._pickled_cids):
                    if called is not None:  # it is left out, and may act while the figure is drawn
                        _refuse_unless_known(called if isinstance(called, FunctionType | MethodType) else type(called))
            function, arguments, state, *more = part.__reduce_ex__(DEFAULT_PROTOCOL)
            return function, arguments, state | _alike(part, state), *more

    def _alike(part, state):
        """What differs between figures that look the same."""
        if isinstance(part, TransformNode):  # what hangs on it is listed by its address in memory
            return {"_parents": list(state["_parents"].values())}
        if isinstance(part, Outline):  # all bars share one, and a band in another figure sets its steps
            return {"_interpolation_steps": 1}
        if isinstance(part, CallbackRegistry):  # goes up each time it is written
            return {"_cid_gen": 0}
        return {"_number": 0, "_restore_to_pylab": False}  # how many figures pyplot had, and whether it has this one still

    def _plain(part):
        """An array without its type object, of which what was kept has its own, and its words, which it may share or not."""
        if part.dtype.names is not None:
            return NotImplemented
        if not part.dtype.hasobject:
            return np.ndarray, (part.shape, part.dtype.str, part.tobytes())
        cells = part.ravel().tolist()
        if not {type(cell) for cell in cells} <= {str, int, float, bool, type(None)}:
            return NotImplemented
        return np.ndarray, (part.shape, "O", "\n".join(map(repr, cells)))

    return Content


def _refuse_unless_known(part):
    """Go on with code of a library or of the study, with which a watch begins anew when it changes; other code is a reader's, of a chapter."""
    if (part.__module__ or "builtins").partition(".")[0] not in _KNOWN_CODE:
        raise TypeError("code is written by its name alone")
    return NotImplemented
