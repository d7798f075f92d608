"""How figures stay legible and small where there are too many patients to draw one by one, and their numbers are long."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.figures.style import BLUE

MOST_MARKS = 500  # points drawn one by one; above, an area is shaded by how many lie in it
MOST_STEPS = 1500  # corners of a step curve: more than a printed page can show
MOST_TICKS = 100  # censoring ticks of the curves of a panel; above, they would hide each other and the curves
MOST_LANES = 40  # patients drawn one by one in the timeline of immortal time
CELLS_ACROSS = 45
DIGIT = 0.64  # width of a digit of the house's font, as a share of its size
LOG_STEPS = ((1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))


def is_crowded(n_points: int) -> bool:
    """Whether points are shaded instead of drawn."""
    return n_points > MOST_MARKS


def shading_note(n_points: int) -> str:
    """A sentence for the caption of a shaded figure; empty where each point is drawn."""
    return f" Above {MOST_MARKS} patients shading counts them instead of one mark each." if is_crowded(n_points) else ""


def are_ticked(curves) -> bool:
    """Whether the curves of a panel have their censoring ticks."""
    return sum(int((curve.censored > 0).sum()) for curve in curves) <= MOST_TICKS


def ticks_note(*panels) -> str:
    """A sentence for the caption where a panel's curves are without their censoring ticks; empty where all have them."""
    crowded = not all(are_ticked(curves) for curves in panels)
    return f" Above {MOST_TICKS} different times, censoring ticks are not drawn." if crowded else ""


def width_in(texts, fontsize: float) -> float:
    """Inches that the longest of some numbers takes; what separates their digits is half as wide."""
    return max((len(text) - 0.5 * sum(map(text.count, ",.: ")) for text in texts), default=0) * DIGIT * fontsize / 72


def one_in(texts, fontsize: float, room_in: float) -> int:
    """Of numbers in a row, each with so much room, how many share one that is written: 1 where all have room."""
    return int(np.ceil((width_in(texts, fontsize) + 0.06) / room_in))


def apart(heights, room: float) -> np.ndarray:
    """Heights of labels: moved up where one would come nearer than `room` to the one below it."""
    placed = np.array(heights, dtype=float)
    order = np.argsort(placed, kind="stable")
    for below, above in zip(order, order[1:]):
        placed[above] = max(placed[above], placed[below] + room)
    return placed


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis: the fewest of `LOG_STEPS` of which three lie between the limits, else evenly spaced ones."""
    from matplotlib.ticker import MaxNLocator

    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in LOG_STEPS:
        ticks = [tick for power in powers for step in steps if low <= (tick := float(f"{step}e{power}")) <= high]
        if len(ticks) > 2:
            return ticks
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]


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
    from matplotlib.ticker import NullFormatter

    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    edges = [_edges(values[known], scale) for values, scale in ((x, xscale), (y, yscale))]
    counts, *_ = np.histogram2d(x[known], y[known], edges)
    counts = np.ma.masked_equal(counts.T, 0)
    shades = LinearSegmentedColormap.from_list("counts", ["#C9DDEE", BLUE, "#001B33"])
    # one picture in the file instead of a polygon a cell
    mesh = ax.pcolormesh(*edges, counts, cmap=shades, norm=LogNorm(1, max(counts.max(), 2)), rasterized=True)
    ax.set(xscale=xscale, yscale=yscale)
    ticks = log_ticks(1, mesh.norm.vmax) if mesh.norm.vmax < 100 else None
    key = ax.figure.colorbar(mesh, ax=ax, label="Patients per cell", shrink=0.8, ticks=ticks, format="{x:,.0f}")  # the style writes no mathematics, which 10³ would be
    key.minorformatter = NullFormatter()
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
