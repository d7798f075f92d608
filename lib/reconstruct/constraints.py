"""What the ledger demands of an invented cohort's survival times.

The printed strings give intervals; the tables `CLOCKS`, `GROUPINGS` and the few constants below say how the
quantities are defined. Nothing else is known here: a row added to the ledger is a constraint added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH
from lib.published import agrees, parse_printed
from lib.survival.compare import logrank
from lib.survival.estimate import kaplan_meier, mean_survival, median_survival

CLOCKS = {
    # ledger prefix: (months, event)
    "os_treatment": ("os_treatment_months", "died"),
    "os_liver_metastasis": ("os_liver_metastasis_months", "died"),
    "os_diagnosis": ("os_diagnosis_months", "died"),
    "liver_pfs": ("liver_pfs_months", "liver_progressed"),
}
AXIS_TICKS = 5
"""An axis has this many intervals; its longest time lies in the last one, or the axis would be shorter."""
VISIT_LEEWAY_DAYS = 29
"""A visit called "month 3" may be this early or late: days 62 to 120."""


class ConstraintError(ValueError):
    """A ledger that no cohort can satisfy; the message names the rows and the remedy."""


@dataclass(frozen=True)
class Grouping:
    """Two groups of patients told apart by a yes-no column.

    Attributes
    ----------
    ledger : str
        The grouping's name inside a quantity, e.g. ``treatment_gap`` in ``os_treatment.treatment_gap.early.median``.
    flag : str
        The boolean column of the skeleton.
    levels : tuple of str
        The ledger's name of the level where the flag is false, then where it is true.
    count : str
        The quantity that counts the patients whose flag is true.
    """

    ledger: str
    flag: str
    levels: tuple[str, str]
    count: str


GROUPINGS = (
    Grouping("extrahepatic_disease", "extrahepatic_disease", ("no", "yes"), "extrahepatic_disease.yes.count"),
    Grouping("meld_change", "meld_increased", ("not_increased", "increased"), "meld_change.increased.count"),
    Grouping("treatment_gap", "early_treatment", ("late", "early"), "treatment_gap.early.count"),
    Grouping("mrecist_response", "mrecist_responder", ("non_responders", "responders"), "mrecist.total.orr.count"),
)


@dataclass(frozen=True)
class Interval:
    """The half-open interval of values that print alike."""

    lower: float = -math.inf
    upper: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.lower <= value < self.upper

    def __and__(self, other: Interval) -> Interval:
        return Interval(max(self.lower, other.lower), min(self.upper, other.upper))

    def narrowed(self, by: float) -> Interval:
        """The interval without so much at each end."""
        return Interval(self.lower + by, self.upper - by)

    @property
    def empty(self) -> bool:
        return self.lower >= self.upper

    @property
    def half_width(self) -> float:
        return (self.upper - self.lower) / 2


@dataclass(frozen=True)
class MedianRow:
    """A printed median with the limits of its symmetric interval, months.

    A limit that the ledger does not ask to be reproduced is unbounded; two limits narrow the median to the
    middle between them. ``printed_median`` is the median's interval without that narrowing.
    """

    quantity: str
    median: Interval
    lower: Interval
    upper: Interval
    printed_median: Interval = Interval()

    def as_array(self) -> np.ndarray:
        """The six ends, with 1e9 for infinity, for the kernels."""
        ends = [end for part in (self.median, self.lower, self.upper) for end in (part.lower, part.upper)]
        return np.clip(ends, -1e9, 1e9)


@dataclass(frozen=True)
class GroupComparison:
    """Two printed rows, for the flag false and true, and the log-rank P value between them."""

    grouping: Grouping
    n_flagged: int
    rows: tuple[MedianRow, MedianRow]
    p_value: Interval


@dataclass(frozen=True)
class SurvivalConstraints:
    """Everything the ledger says of a survival skeleton; months unless the name says otherwise."""

    n: int
    n_died: int
    rows: dict[str, MedianRow]
    comparisons: tuple[GroupComparison, ...]
    follow_up_median: Interval
    shortest_day: int
    follow_up_min: Interval
    follow_up_max: Interval
    longest_diagnosis: Interval
    early_cut: float
    n_progressed_at_visit: int
    visit_window_days: tuple[int, int]


class _Ledger:
    """The ledger's figures that a cohort has to reproduce, by quantity."""

    def __init__(self, ledger: pd.DataFrame):
        binding = ledger[ledger.expected.isin(["reproduced", "method"])]
        self._rows = dict(iter(binding.groupby("quantity")))

    def __contains__(self, quantity: str) -> bool:
        return quantity in self._rows

    def interval(self, quantity: str) -> Interval:
        """Values that print as every row of the quantity does."""
        if quantity not in self._rows:
            raise ConstraintError(f"The ledger prints no {quantity} that is to be reproduced; add the row.")
        rows = self._rows[quantity]
        shared = Interval()
        for text in rows.printed:
            shared &= printed_interval(text, lower_limit=quantity.endswith(".lower"))
        if shared.empty:
            places = "; ".join(f"{row.printed} ({row.place})" for row in rows.itertuples())
            raise ConstraintError(f"The ledger contradicts itself on {quantity}: {places}. "
                                  "Mark what cannot be true as 'differs'.")
        return shared

    def count(self, quantity: str) -> int:
        interval = self.interval(quantity)
        return math.ceil(interval.lower)

    def value(self, quantity: str) -> float:
        self.interval(quantity)
        return parse_printed(self._rows[quantity].printed.iloc[0]).value

    def median_row(self, quantity: str) -> MedianRow:
        median = self.interval(f"{quantity}.median")
        lower, upper = (self.interval(f"{quantity}.{end}") if f"{quantity}.{end}" in self else Interval()
                        for end in ("lower", "upper"))
        middle = Interval((lower.lower + upper.lower) / 2, (lower.upper + upper.upper) / 2)
        if (median & middle).empty:
            raise ConstraintError(f"{quantity}.median, .lower and .upper contradict each other: the interval is "
                                  f"centred between {middle.lower:g} and {middle.upper:g}, not on the median.")
        return MedianRow(quantity, median & middle, lower, upper, median)


def printed_interval(text: str, *, lower_limit: bool = False) -> Interval:
    """The values that print as a given string.

    Parameters
    ----------
    text : str
        The figure as printed: ``"0.763"``, ``"9"``, ``"Nineteen"``.
    lower_limit : bool
        True for the lower limit of a survival time, where SPSS prints a negative value as 0.

    Returns
    -------
    Interval
        ``"9"`` is 8.5 to 9.5, its upper end excluded.
    """
    printed = parse_printed(text)
    below = -math.inf if lower_limit and printed.value == 0 else printed.lower
    return Interval(below, printed.upper)


def survival_constraints(ledger: pd.DataFrame) -> SurvivalConstraints:
    """Constraints on a survival skeleton.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`; the rows expected to be ``reproduced`` or ``method`` bind.

    Returns
    -------
    SurvivalConstraints

    Raises
    ------
    ConstraintError
        If a needed row is missing, or rows contradict each other: one quantity printed twice, an interval not
        centred on its median, counts that do not add up, a median outside the range of follow-up.
    """
    figures = _Ledger(ledger)
    n, n_died = figures.count("cohort.n"), figures.count("survival_status.dead.count")
    if figures.count("survival_status.alive.count") != n - n_died:
        raise ConstraintError("survival_status.dead.count and .alive.count do not add up to cohort.n.")
    planned = round(figures.value("visit.month_3.time") * DAYS_PER_MONTH)
    axis_end, axis_start = figures.value("os_diagnosis.axis.upper"), figures.value("os_diagnosis.axis.lower")
    constraints = SurvivalConstraints(
        n=n, n_died=n_died,
        rows={clock: figures.median_row(clock) for clock in CLOCKS},
        comparisons=tuple(_comparison(figures, grouping, n) for grouping in GROUPINGS),
        follow_up_median=figures.interval("follow_up.median"),
        shortest_day=math.ceil(figures.interval("follow_up.min").lower * DAYS_PER_MONTH),
        follow_up_min=figures.interval("follow_up.min"),
        follow_up_max=figures.interval("follow_up.max"),
        longest_diagnosis=Interval(axis_end - (axis_end - axis_start) / AXIS_TICKS, axis_end),
        early_cut=figures.value("treatment_gap.cut"),
        n_progressed_at_visit=figures.count("mrecist.total.pd.count"),
        visit_window_days=(planned - VISIT_LEEWAY_DAYS, planned + VISIT_LEEWAY_DAYS),
    )
    _refuse_medians_beyond_follow_up(constraints, figures.interval("follow_up.min"))
    return constraints


def _comparison(figures: _Ledger, grouping: Grouping, n: int) -> GroupComparison:
    n_flagged = figures.count(grouping.count)
    for level, expected in zip(grouping.levels, (n - n_flagged, n_flagged)):
        count = f"{grouping.ledger}.{level}.count"
        if count in figures and figures.count(count) != expected:
            raise ConstraintError(f"{count} is {figures.count(count)}, but cohort.n and {grouping.count} "
                                  f"leave {expected}.")
    prefix = f"os_treatment.{grouping.ledger}"
    rows = tuple(figures.median_row(f"{prefix}.{level}") for level in grouping.levels)
    return GroupComparison(grouping, n_flagged, rows, figures.interval(f"{prefix}.p"))


def _refuse_medians_beyond_follow_up(constraints: SurvivalConstraints, shortest: Interval) -> None:
    rows = [constraints.rows["os_treatment"], *(row for each in constraints.comparisons for row in each.rows)]
    for row in rows:
        if row.median.upper <= shortest.lower or row.median.lower >= constraints.follow_up_max.upper:
            raise ConstraintError(f"{row.quantity}.median lies outside the range of follow-up "
                                  "(follow_up.min to follow_up.max).")


def survival_figures(skeleton: pd.DataFrame) -> dict[str, float | None]:
    """The paper's survival analysis of a skeleton, by the ledger's quantity names.

    Parameters
    ----------
    skeleton : DataFrame, shape (n_patients, n_columns)
        From `lib.reconstruct.search.find_skeleton`.

    Returns
    -------
    dict
        Medians and limits (SPSS), restricted means, log-rank P values, naive follow-up; months. None where a
        figure cannot be computed.
    """
    follow_up = skeleton["os_treatment_months"]
    figures = {"follow_up.median": float(follow_up.median()), "follow_up.min": float(follow_up.min()),
               "follow_up.max": float(follow_up.max())}
    for clock, (months, event) in CLOCKS.items():
        curve = kaplan_meier(skeleton[months], skeleton[event])
        figures |= _estimate_figures(clock, curve) | {f"{clock}.mean": mean_survival(curve).value}
    months, event = (skeleton[column] for column in CLOCKS["os_treatment"])
    for grouping in GROUPINGS:
        prefix, flag = f"os_treatment.{grouping.ledger}", skeleton[grouping.flag]
        for level, members in zip(grouping.levels, (~flag, flag)):
            figures |= _estimate_figures(f"{prefix}.{level}", kaplan_meier(months[members], event[members]))
        figures[f"{prefix}.p"] = logrank(months, event, flag).p_value
    return figures


def _estimate_figures(prefix: str, curve) -> dict[str, float | None]:
    estimate = median_survival(curve, "spss")
    return {f"{prefix}.median": estimate.value, f"{prefix}.lower": estimate.lower, f"{prefix}.upper": estimate.upper}


def misfits(skeleton: pd.DataFrame, ledger: pd.DataFrame) -> list[str]:
    """Ledger rows on survival whose verdict is not the expected one.

    Parameters
    ----------
    skeleton : DataFrame
        From `lib.reconstruct.search.find_skeleton`.
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    list of str
        One sentence a quantity; empty for an exact skeleton. A figure expected to differ must differ.
    """
    figures = survival_figures(skeleton)
    rows = ledger[ledger.quantity.isin(list(figures)) & ledger.expected.isin(["reproduced", "differs"])]
    wrong = [f"{row.quantity} is {figures[row.quantity]}, printed {row.printed}, expected: {row.expected}"
             for row in rows.itertuples()
             if agrees(figures[row.quantity], row.printed) != (row.expected == "reproduced")]
    return list(dict.fromkeys(wrong))
