"""Between a paper's own numbers and those of the kernels: times in months of the search, P as z, ratios as logarithms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from lib.another_paper.layout import Layout
from lib.another_paper.ledger import Figure, Summary, named

NEVER = 1e9
"""A time that is not reached; `lib.reconstruct.scoring` has the same, and takes long to load."""
LONGEST_MONTHS = 12.0
"""The longest printed time becomes so many months of the search, whose steps are made for months."""
UNITS = {"time": 1.0, "survival": 1 / 30, "p": 1 / 30, "ratio": 1 / 30}
"""What counts as one unit off, by kind: a month of the search, a thirtieth of survival, of z, of a log ratio."""
OPEN = 1e-9
"""The upper end of a printed interval does not belong to it."""


def kind_of(name: str) -> str:
    """``survival``, ``p``, ``ratio`` or ``time``, from a figure's name."""
    if name.startswith("survival."):
        return "survival"
    return "p" if name in ("p", "p.wald") else "ratio" if name.startswith("hazard_ratio") else "time"


@dataclass(frozen=True)
class Scale:
    """How one paper's figures are expressed in the kernels.

    Attributes
    ----------
    factor : float
        Months of the search in one of the paper's time units.
    """

    factor: float

    def inward(self, kind: str, value: float) -> float:
        """A value of the paper, in its own units, as the kernels hold it."""
        if kind == "survival":
            return value / 100
        if kind == "p":
            return float(-ndtri(min(max(value, 0.0), 1.0) / 2))
        if kind == "ratio":
            return math.log(value) if value > 0 else -NEVER
        return min(value * self.factor, NEVER)

    def outward(self, kind: str, values: np.ndarray) -> np.ndarray:
        """Values of the kernels in the paper's own units; infinity for not reached."""
        if kind == "survival":
            return 100 * values
        if kind == "p":
            return 2 * ndtr(-values)
        if kind == "ratio":
            with np.errstate(over="ignore"):
                return np.exp(values)
        return np.where(values >= NEVER, math.inf, values / self.factor)

    def interval(self, figure: Figure, within: float = 0.0) -> tuple[float, float]:
        """The values of the kernels that agree with a printed figure, or lie within so much of it (paper's units)."""
        lower, upper = figure.lower, figure.upper
        rounding = (upper - lower) / 2
        wider = max(within - rounding, 0.0) if math.isfinite(rounding) else within
        lower, upper = lower - wider, upper + wider
        kind = kind_of(figure.quantity)
        ends = [-NEVER if math.isinf(end) and end < 0 else NEVER if math.isinf(end) and kind != "p" else self.inward(kind, end)
                for end in (lower, upper)]
        if kind == "p":
            ends = [min(self.inward(kind, upper), NEVER), min(self.inward(kind, lower), NEVER)]
        return ends[0], ends[1] if ends[0] == ends[1] else ends[1] - OPEN


def scale_of(summary: Summary) -> Scale:
    """The scale on which a paper's longest printed time is `LONGEST_MONTHS`."""
    times = [each.value for each in summary.figures if each.quantity.startswith(("median", "follow_up")) and math.isfinite(each.value)]
    longest = max([*times, *summary.survival_at, *summary.mean_time_to], default=1.0)
    return Scale(LONGEST_MONTHS / longest if longest > 0 else 1.0)


def printed_arrays(summary: Summary, layout: Layout, scale: Scale, p_within: float, time_within: float) -> tuple[np.ndarray, ...]:
    """What is printed, as `lib.another_paper.figures.distance` takes it.

    Parameters
    ----------
    summary : Summary
    layout : Layout
    scale : Scale
    p_within, time_within : float
        Least tolerance of P values, and of limits of medians in the paper's time unit.

    Returns
    -------
    tuple of ndarray
        ``place``, ``lower``, ``upper``, ``unit``. Limits of a median bind only where the program is known.
    """
    places = {name: place for place, name in enumerate(layout.names)}
    rows = []
    for figure in binding(summary):
        kind = kind_of(figure.quantity)
        limit = figure.quantity in ("median.lower", "median.upper")
        within = p_within if kind == "p" else time_within if limit else 0.0
        rows.append((places[figure.name], *scale.interval(figure, within), UNITS[kind]))
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.empty(0)] * 4
    return columns[0].astype(np.int64), *(column.astype(float) for column in columns[1:])


def binding(summary: Summary) -> list[Figure]:
    """Printed figures that a found cohort must agree with; limits of survival shares are checked, not searched for."""
    known = set(Layout(summary.groups, summary.survival_at, summary.mean_time_to).names)
    return [figure for figure in summary.figures if figure.name in known
            and (summary.program or figure.quantity not in ("median.lower", "median.upper"))]


def printed_value(summary: Summary, name: str) -> Figure | None:
    """The printed figure of a name as `Layout` writes it, or None."""
    return next((each for each in summary.figures if named(each.quantity, each.group) == name), None)
