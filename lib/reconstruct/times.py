"""Survival times for an order of events: linear programmes, and the clocks around the first treatment.

Given the order, every printed median and limit is linear in the times (see `kernels`), so a linear programme
decides exactly whether times exist, and finds those nearest to a random draw. Programmes are solved with room to
spare, then times are put on a grid of tenths of a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
import scipy  # its parts load where they are used

from lib.cohort import DAYS_PER_MONTH
from lib.reconstruct.constraints import Interval, MedianRow, SurvivalConstraints
from lib.reconstruct.kernels import read_row

CONF_FACTOR = NormalDist().inv_cdf(0.975)  # every interval of the ledger is a 95% one
GRID_DAYS = 0.1
MIN_GAP_MONTHS = 0.5 / DAYS_PER_MONTH  # half a day keeps the order when times go onto the grid
CUT_DISTANCE_MONTHS = 0.06
"""A treatment gap keeps this distance from the cut between early and late."""
LEAST_ROOM = 0.05
"""Share of every printed interval's half width that times keep free: what has less is a sliver that another
program's 1.96 would spoil."""
ROOM = 0.2
"""The same before times are rounded, for a clock with room enough."""
DRAWS_AVERAGED = 5


@dataclass(frozen=True)
class Reading:
    """Where a printed row is read on a list of patients in order of time.

    Attributes
    ----------
    row : MedianRow
    median, above, below : int
        Positions of the median and of the two times that give its density.
    width : float
        Half width of the interval for each month between those two times.
    """

    row: MedianRow
    median: int
    above: int
    below: int
    width: float

    def holds(self, months: np.ndarray) -> bool:
        """Whether times in this order give the printed row and keep `LEAST_ROOM`."""
        half = self.width * (months[self.below] - months[self.above])
        median, row = months[self.median], self.row
        figures = ((median, row.median), (median - half, row.lower), (median + half, row.upper))
        return all(value in interval.narrowed(LEAST_ROOM * _half_width(interval)) for value, interval in figures)


def reading_of(row: MedianRow, events: np.ndarray, members: np.ndarray | None = None) -> Reading | None:
    """Read a printed row on an order.

    Parameters
    ----------
    row : MedianRow
    events : ndarray of bool, shape (n,)
        Event flags in order of time.
    members : ndarray of bool, shape (n,), optional
        The row's patients; all if not given.

    Returns
    -------
    Reading or None
        None where the order leaves the row without a median or without limits.
    """
    members = np.ones(len(events), dtype=bool) if members is None else members
    position, spread = np.zeros(3, dtype=np.int64), np.zeros(1)
    if not read_row(events, members, True, position, spread):
        return None
    return Reading(row, *(int(each) for each in position), CONF_FACTOR * float(spread[0]))


class TimesProgramme:
    """A linear programme in the times of patients who stand in order of time.

    Parameters
    ----------
    lower, upper : ndarray of float, shape (n,)
        Ends of each time, months.
    readings : sequence of Reading
        Rows to satisfy.
    middle : Interval, optional
        Where the plain median of all times has to lie.
    min_gap : float
        Least distance of one patient's time from the next, months.
    """

    def __init__(self, lower: np.ndarray, upper: np.ndarray, readings: Sequence[Reading],
                 middle: Interval | None = None, min_gap: float = MIN_GAP_MONTHS):
        self.n, self.bounds = len(lower), list(zip(lower, upper))
        self._left, self._right, self._half = [], [], []
        unit = np.eye(self.n)
        for earlier, later in zip(range(self.n - 1), range(1, self.n)):
            fixed = lower[earlier] == upper[earlier] and lower[later] == upper[later]
            if not fixed:
                self._between(unit[later] - unit[earlier], Interval(min_gap), 0.0)
        for reading in readings:
            half = reading.width * (unit[reading.below] - unit[reading.above])
            for combination, interval in ((unit[reading.median], reading.row.median),
                                          (unit[reading.median] - half, reading.row.lower),
                                          (unit[reading.median] + half, reading.row.upper)):
                self._between(combination, interval, _half_width(interval))
        if middle:
            pair = unit[(self.n - 1) // 2] + unit[self.n // 2]
            self._between(pair / 2, middle, middle.half_width)

    def _between(self, combination: np.ndarray, interval: Interval, half: float) -> None:
        for sign, end in ((1, interval.upper), (-1, -interval.lower)):
            if np.isfinite(end):
                self._left.append(sign * combination)
                self._right.append(end)
                self._half.append(half)

    @property
    def inequalities(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix and right side of all that is demanded of the times, ``matrix @ months <= right``."""
        return np.array(self._left), np.array(self._right)

    def widest_room(self) -> float:
        """Largest share of every half width that times can keep free at once; negative if no times exist."""
        left = np.column_stack([np.array(self._left), self._half])
        cost = np.append(np.zeros(self.n), -1.0)
        answer = scipy.optimize.linprog(cost, left, self._right, bounds=[*self.bounds, (-1.0, 1.0)], method="highs")
        return float(answer.x[-1]) if answer.status == 0 else -1.0

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        """Earliest and latest time, months, of each patient, each of shape (n,); NaN if no times exist.

        One programme with a copy of the times for each end: to set up one of every patient and end takes longer than to solve it.
        """
        left, right = self.inequalities
        ends = np.concatenate([np.eye(self.n), -np.eye(self.n)])
        copies = scipy.sparse.block_diag([scipy.sparse.csr_array(left)] * len(ends), format="csc")
        answer = scipy.optimize.linprog(ends.ravel(), copies, np.tile(right, len(ends)), bounds=self.bounds * len(ends), method="highs")
        if answer.status != 0:
            return np.full(self.n, np.nan), np.full(self.n, np.nan)
        earliest, latest = answer.x.reshape(2, self.n, self.n)
        return np.diag(earliest), np.diag(latest)

    def nearest(self, target: np.ndarray, room: float) -> np.ndarray | None:
        """Times with the least sum of distances from a target, keeping room; None if there are none.

        Parameters
        ----------
        target : ndarray of float, shape (n,)
        room : float
            Share of each half width to keep free.
        """
        identity, none = np.eye(self.n), np.zeros((len(self._left), self.n))
        left = np.block([[np.array(self._left), none], [identity, -identity], [-identity, -identity]])
        right = np.concatenate([np.array(self._right) - room * np.array(self._half), target, -target])
        cost = np.concatenate([np.zeros(self.n), np.ones(self.n)])
        answer = scipy.optimize.linprog(cost, left, right, bounds=[*self.bounds, *[(0, None)] * self.n], method="highs")
        return answer.x[:self.n] if answer.status == 0 else None


def _half_width(interval: Interval) -> float:
    """Half width of an interval; of a one-sided one, that of a figure printed to one decimal."""
    return interval.half_width if np.isfinite(interval.half_width) else 0.05


def on_grid(months: np.ndarray) -> np.ndarray:
    """Times on the grid of tenths of a day, in months to six decimals, as a file keeps them."""
    return np.round(np.round(months * DAYS_PER_MONTH / GRID_DAYS) * GRID_DAYS / DAYS_PER_MONTH, 6)


def treatment_months(programme: TimesProgramme, readings: Sequence[Reading], middle: Interval, room: float,
                     rng: np.random.Generator, n_draws: int = 50) -> np.ndarray | None:
    """Times from first treatment on the grid, near exponential draws.

    Parameters
    ----------
    programme : TimesProgramme
    readings : sequence of Reading
        The rows of the programme, to check the rounded times.
    middle : Interval
        Where the plain median of all times has to lie.
    room : float
        Share of every interval's half width to keep free before rounding.
    rng : numpy.random.Generator
    n_draws : int
        Attempts.

    Returns
    -------
    ndarray of float, shape (n,), or None
        Months, ascending; None if no attempt survives rounding.

    Notes
    -----
    A nearest solution lies on the rim of what is allowed, many patients half a day apart; the mean of several
    is as exact, the constraints being linear, and lies inside.
    """
    shortest, longest = programme.bounds[0][0], programme.bounds[-1][0]
    for _ in range(n_draws):
        targets = np.sort(shortest + rng.exponential(longest / 3, (DRAWS_AVERAGED, programme.n)), axis=1)
        nearest = [programme.nearest(np.minimum(target, longest), room) for target in targets]
        if any(months is None for months in nearest):
            return None
        months = on_grid(np.mean(nearest, axis=0))
        centred = np.median(months) in middle.narrowed(LEAST_ROOM * middle.half_width)
        if centred and all(reading.holds(months) for reading in readings):
            return months
    return None


def clock_months(row: MedianRow, events: np.ndarray, lower: np.ndarray, upper: np.ndarray,
                 draws: np.ndarray) -> np.ndarray | None:
    """Times of one clock that give its printed row, as near as can be to one of several draws.

    Parameters
    ----------
    row : MedianRow
    events : ndarray of bool, shape (n,)
    lower, upper : ndarray of float, shape (n,)
        Ends of each patient's time, months; equal where the time is given.
    draws : ndarray of float, shape (n_draws, n)
        Times drawn for the patients; each draw keeps its order.

    Returns
    -------
    ndarray of float, shape (n,), or None
        On the grid where not given; the draw that had to move least. None if no draw can be mended.
    """
    best, least = None, np.inf
    for draw in draws:
        draw = np.clip(draw, lower, upper)
        order = np.argsort(draw, kind="stable")
        reading = reading_of(row, events[order])
        if reading is None:
            continue
        months = TimesProgramme(lower[order], upper[order], [reading]).nearest(draw[order], ROOM)
        if months is None:
            continue
        months = np.where(lower[order] == upper[order], lower[order], on_grid(months))
        moved = np.abs(months - draw[order]).sum()
        if moved < least and reading.holds(months) and (np.diff(months) > 0).all():
            best, least = np.empty_like(months), moved
            best[order] = months
    return best


def outer_clocks(skeleton: pd.DataFrame, constraints: SurvivalConstraints, rng: np.random.Generator,
                 n_draws: int = 100) -> pd.DataFrame | None:
    """Times from diagnosis of liver metastasis and of the tumour, around the times from first treatment.

    Parameters
    ----------
    skeleton : DataFrame
        With ``os_treatment_months``, ``died`` and ``early_treatment``.
    constraints : SurvivalConstraints
    rng : numpy.random.Generator
    n_draws : int
        Draws of each clock.

    Returns
    -------
    DataFrame or None
        ``os_liver_metastasis_months`` and ``os_diagnosis_months``; None if no draw can be mended.

    Notes
    -----
    Drawn gaps to treatment are uniform for early patients, the cut plus an exponential of mean 14 months for late
    ones; gaps to diagnosis are exponential of mean 35 months, but for one patient, drawn into the last interval of the
    figure's axis.
    """
    treated, died = skeleton["os_treatment_months"].to_numpy(), skeleton["died"].to_numpy()
    early, cut, n = skeleton["early_treatment"].to_numpy(), constraints.early_cut, len(skeleton)
    lower = treated + np.where(early, CUT_DISTANCE_MONTHS, cut + CUT_DISTANCE_MONTHS)
    upper = np.where(early, treated + cut - CUT_DISTANCE_MONTHS, constraints.longest_diagnosis.upper - 1)
    gaps = np.where(early, rng.uniform(0, cut, (n_draws, n)), cut + rng.exponential(14, (n_draws, n)))
    metastasis = clock_months(constraints.rows["os_liver_metastasis"], died, lower, upper, treated + gaps)
    if metastasis is None:
        return None
    draws = metastasis + rng.exponential(35, (n_draws, n))
    longest, oldest = constraints.longest_diagnosis, rng.integers(n)
    lower, upper = metastasis.copy(), np.full(n, longest.lower - 1)
    lower[oldest], upper[oldest] = longest.lower + 1, longest.upper - 1
    draws[:, oldest] = rng.uniform(lower[oldest], upper[oldest], n_draws)
    diagnosis = clock_months(constraints.rows["os_diagnosis"], died, lower, upper, draws)
    if diagnosis is None:
        return None
    return pd.DataFrame({"os_liver_metastasis_months": metastasis, "os_diagnosis_months": diagnosis})


def liver_progression(skeleton: pd.DataFrame, constraints: SurvivalConstraints, rng: np.random.Generator,
                      n_draws: int = 200) -> pd.DataFrame | None:
    """Liver progression: at the month-3 visit, later, or not before death or last contact.

    Parameters
    ----------
    skeleton : DataFrame
        With ``os_treatment_months`` and ``mrecist_responder``.
    constraints : SurvivalConstraints
    rng : numpy.random.Generator
    n_draws : int
        Choices tried of who progresses, each with times of its own.

    Returns
    -------
    DataFrame or None
        ``mrecist_pd_month_3``, ``liver_progressed`` and ``liver_pfs_months``; None if no draw can be mended.

    Notes
    -----
    Patients with progressive disease at the visit are drawn from the non-responders, their visit days, all
    different, from the visit's window; every other patient followed beyond the window progresses with
    probability 1/2, at a uniform time. Death without progression censors.
    """
    treated, n = skeleton["os_treatment_months"].to_numpy(), len(skeleton)
    first, last = constraints.visit_window_days
    last_day = np.minimum(last, np.ceil(treated * DAYS_PER_MONTH - 0.01).astype(int) - 1)  # before the last contact
    eligible = np.flatnonzero(~skeleton["mrecist_responder"].to_numpy() & (last_day >= first))
    if len(eligible) < constraints.n_progressed_at_visit:
        return None
    for _ in range(n_draws):
        at_visit = np.zeros(n, dtype=bool)
        at_visit[rng.choice(eligible, constraints.n_progressed_at_visit, replace=False)] = True
        days = rng.integers(first, np.maximum(last_day, first) + 1)
        later = ~at_visit & (treated * DAYS_PER_MONTH > last + 2) & (rng.random(n) < 0.5)
        earliest = (last + 1) / DAYS_PER_MONTH
        visit = np.round(days / DAYS_PER_MONTH, 6)
        lower = np.where(at_visit, visit, np.where(later, earliest, treated))
        upper = np.where(at_visit, visit, np.where(later, treated - MIN_GAP_MONTHS, treated))
        draws = rng.uniform(lower, upper, (1, n))
        months = clock_months(constraints.rows["liver_pfs"], at_visit | later, lower, upper, draws)
        if months is not None:
            return pd.DataFrame({"mrecist_pd_month_3": at_visit, "liver_progressed": at_visit | later,
                                 "liver_pfs_months": months})
    return None
