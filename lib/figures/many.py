"""How figures stay legible and small where there are too many patients to draw one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.figures.style import BLUE

MOST_MARKS = 500  # points drawn one by one; above, an area is shaded by how many lie in it
MOST_STEPS = 1500  # corners of a step curve: more than a printed page can show
MOST_TICKS = 300  # censoring ticks of a curve; above, they would only blacken it
MOST_LANES = 40  # patients drawn one by one in the timeline of immortal time
CELLS_ACROSS = 45


def is_crowded(n_points: int) -> bool:
    """Whether points are shaded instead of drawn."""
    return n_points > MOST_MARKS


def shading_note(n_points: int) -> str:
    """A sentence for the caption of a shaded figure; empty where each point is drawn."""
    return f" Above {MOST_MARKS} patients shading counts them instead of one mark each." if is_crowded(n_points) else ""


def ticks_note(curve) -> str:
    """A sentence for the caption of a curve without its censoring ticks; empty where they are drawn."""
    crowded = int((curve.censored > 0).sum()) > MOST_TICKS
    return f" Above {MOST_TICKS} different times, censoring ticks are not drawn." if crowded else ""


def draw_density(ax, x, y, xscale: str = "linear", yscale: str = "linear"):
    """Shade the plane by the number of points in each cell, on a logarithmic scale with its key.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : array-like of float, shape (n,)
        Points with a missing coordinate are left out; on a logarithmic axis all must be above 0.
    xscale, yscale : {"linear", "log"}

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    edges = [_edges(values[known], scale) for values, scale in ((x, xscale), (y, yscale))]
    counts, *_ = np.histogram2d(x[known], y[known], edges)
    counts = np.ma.masked_equal(counts.T, 0)
    shades = LinearSegmentedColormap.from_list("counts", ["#C9DDEE", BLUE, "#001B33"])
    # one picture in the file instead of a polygon a cell
    mesh = ax.pcolormesh(*edges, counts, cmap=shades, norm=LogNorm(1, max(counts.max(), 2)), rasterized=True)
    ax.set(xscale=xscale, yscale=yscale)
    ax.figure.colorbar(mesh, ax=ax, label="Patients per cell", shrink=0.8, format="{x:,.0f}")  # the style writes no mathematics, which 10³ would be
    return ax


def _edges(values, scale: str):
    low, high = (values.min(), values.max()) if len(values) else (1.0, 2.0)
    if low == high:
        low, high = low * 0.95 - 1e-9, high * 1.05 + 1e-9
    return np.geomspace(low, high, CELLS_ACROSS) if scale == "log" else np.linspace(low, high, CELLS_ACROSS)


def evenly(rows: pd.DataFrame, at_most: int) -> pd.DataFrame:
    """All rows, or where there are more than ``at_most`` an evenly spaced choice of them in order."""
    if len(rows) <= at_most:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, at_most).round().astype(int)]


def corners(times: np.ndarray) -> np.ndarray:
    """Positions of a step curve's times to draw: all, or the last in each of `MOST_STEPS` equal stretches of the axis.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Ascending.
    """
    if len(times) <= MOST_STEPS:
        return np.arange(len(times))
    stretch = np.floor((times - times[0]) / (times[-1] - times[0]) * MOST_STEPS)
    return np.flatnonzero(np.append(np.diff(stretch) > 0, True) | (np.arange(len(times)) == 0))
