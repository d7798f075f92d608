"""Find a survival skeleton: an order of deaths, group labels and times that give every printed survival figure.

The search is an enumeration, not a walk. An *order* is the string of deaths and censorings sorted by time from
first treatment; on an order, each labelling of the patients has a fixed log-rank P, and its printed medians and
limits bound differences of times. So, order by order: all labellings of each grouping with the printed P, then
all choices of one labelling a grouping whose bounds do not contradict each other, then a linear programme for the
times of each choice. Orders come earliest overall median first: where the median is read after the lower of the
two middle patients, both and all between them are squeezed between two printed figures, and little room is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtri

from lib.cohort import DAYS_PER_MONTH
from lib.published import read_ledger
from lib.reconstruct import kernels
from lib.reconstruct.constraints import (GroupComparison, Interval, SurvivalConstraints, misfits,
                                         survival_constraints)
from lib.reconstruct.times import (CONF_FACTOR, LEAST_ROOM, MIN_GAP_MONTHS, Reading, TimesProgramme,
                                   liver_progression, outer_clocks, reading_of, treatment_months)

MOST_ORDERS = 5_000_000
MOST_JOINT_READINGS = 20_000


class SearchError(RuntimeError):
    """No skeleton was found; the message says how far the search got."""


@dataclass(frozen=True)
class Order:
    """Deaths and censorings in order of time, with the bounds the overall row puts on the times."""

    died: np.ndarray
    bounds: np.ndarray

    def __str__(self) -> str:
        return "".join("D" if died else "c" for died in self.died)


@dataclass(frozen=True)
class LabelReading:
    """Where both rows of one comparison are read, and every labelling that reads them there.

    Attributes
    ----------
    comparison : GroupComparison
    positions : ndarray of int, shape (2, 3)
        Positions of median and density times in the group without and with the flag.
    widths : ndarray of float, shape (2,)
    labels : tuple of int
        Bit p is set if the patient at position p carries the flag.
    """

    comparison: GroupComparison
    positions: np.ndarray
    widths: np.ndarray
    labels: tuple[int, ...]

    def readings(self) -> list[Reading]:
        return [Reading(row, *(int(each) for each in position), float(width))
                for row, position, width in zip(self.comparison.rows, self.positions, self.widths)]


@dataclass(frozen=True)
class Solution:
    """An order with one reading for each comparison for which exact times exist.

    Attributes
    ----------
    order : Order
    choice : tuple of LabelReading
    programme : TimesProgramme
    readings : tuple of Reading
        All rows of the programme.
    room : float
        Largest share of every interval's half width that times can keep free at once.
    """

    order: Order
    choice: tuple[LabelReading, ...]
    programme: TimesProgramme
    readings: tuple[Reading, ...]
    room: float


def possible_orders(constraints: SurvivalConstraints, rng: np.random.Generator,
                    exhaustive: bool = False) -> list[int]:
    """Orders that the overall row, the follow-up and the counts allow, earliest overall median first.

    Parameters
    ----------
    constraints : SurvivalConstraints
    rng : numpy.random.Generator
        Shuffles the orders of one median position.
    exhaustive : bool
        Keep nothing free for rounding, so that an order left out is impossible.

    Returns
    -------
    list of int
        Bit p of an order is set if the patient at position p died.

    Raises
    ------
    SearchError
        If there are too many orders to enumerate.
    """
    n_orders = math.comb(constraints.n, constraints.n_died)
    if n_orders > MOST_ORDERS:
        raise SearchError(f"{constraints.n_died} deaths among {constraints.n} patients have {n_orders} orders; "
                          f"the search enumerates at most {MOST_ORDERS}.")
    orders, beginnings, positions = np.zeros((3, n_orders), np.int64)
    n_read = kernels.readable_orders(constraints.n, constraints.n_died, orders, beginnings, positions)
    begun, kind = np.unique(beginnings[:n_read], return_inverse=True)
    possible = kernels.possible_beginnings(begun, start_bounds(constraints, exhaustive), constraints.rows["os_treatment"].as_array(),
                                           CONF_FACTOR, _ends(constraints.follow_up_median))[kind]
    orders, positions = orders[:n_read][possible], positions[:n_read][possible]
    shuffled = rng.permutation(len(orders))
    return orders[shuffled[np.argsort(positions[shuffled], kind="stable")]].tolist()


def bounded_order(bits: int, constraints: SurvivalConstraints, exhaustive: bool = False) -> Order:
    """An order as flags, with the overall row's bounds on its times; `exhaustive` as in `possible_orders`."""
    died = np.zeros(constraints.n, dtype=bool)
    kernels.unpack(bits, died)
    reading = reading_of(constraints.rows["os_treatment"], died)
    bounds = start_bounds(constraints, exhaustive)
    position = np.array([reading.median, reading.above, reading.below])
    for _ in range(3):
        kernels.tighten_row(bounds, position, reading.width, reading.row.as_array())
        kernels.tighten_middle(bounds, *_ends(constraints.follow_up_median))
    return Order(died, bounds)


def order_bits(order: str) -> int:
    """An order, a string of D (death) and c (censoring), as a number: bit p is set if the patient at position p died."""
    return sum(1 << place for place, event in enumerate(order) if event == "D")


def label_readings(order: Order, comparison: GroupComparison) -> tuple[list[LabelReading], np.ndarray]:
    """Every labelling that gives a comparison's P value and possible rows, gathered by where the rows are read.

    Parameters
    ----------
    order : Order
    comparison : GroupComparison

    Returns
    -------
    list of LabelReading
        Empty where the order cannot give the comparison.
    ndarray, shape (n + 1, n + 1)
        The order's bounds, tightened by what all the labellings imply.
    """
    rows = np.array([row.as_array() for row in comparison.rows])
    chi_square = np.array([chdtri(1, comparison.p_value.upper), chdtri(1, comparison.p_value.lower)])
    found, capacity, hull = 1, 0, np.empty_like(order.bounds)
    while found > capacity:
        capacity = max(found, 4096)
        labels, positions, widths = (np.zeros(capacity, np.int64), np.zeros((capacity, 2, 3), np.int64),
                                     np.zeros((capacity, 2)))
        found = kernels.possible_labels(order.died, comparison.n_flagged, rows, chi_square, order.bounds,
                                        CONF_FACTOR, labels, positions, widths, hull)
    gathered: dict[tuple, list[int]] = {}
    for number in range(found):
        key = (*positions[number].ravel().tolist(), *np.round(widths[number], 9).tolist())
        gathered.setdefault(key, []).append(number)
    readings = [LabelReading(comparison, positions[numbers[0]], widths[numbers[0]],
                             tuple(int(label) for label in labels[numbers]))
                for numbers in gathered.values()]
    return readings, hull


def joint_choices(order: Order, readings: list[list[LabelReading]],
                  constraints: SurvivalConstraints) -> list[tuple[LabelReading, ...]]:
    """Choices of one reading a comparison whose bounds on the times do not contradict each other.

    Parameters
    ----------
    order : Order
    readings : list of list of LabelReading
        Of each comparison, in the constraints' order.
    constraints : SurvivalConstraints

    Returns
    -------
    list of tuple of LabelReading
        At most `MOST_JOINT_READINGS`.
    """
    fewest_first = sorted(range(len(readings)), key=lambda number: len(readings[number]))
    ordered = [readings[number] for number in fewest_first]
    sizes = np.array([len(each) for each in ordered])
    positions = np.zeros((len(sizes), sizes.max(), 2, 3), np.int64)
    widths = np.ones((len(sizes), sizes.max(), 2))
    for number, each in enumerate(ordered):
        positions[number, :sizes[number]] = [reading.positions for reading in each]
        widths[number, :sizes[number]] = [reading.widths for reading in each]
    rows = np.array([[row.as_array() for row in each[0].comparison.rows] for each in ordered])
    chosen = np.zeros((MOST_JOINT_READINGS, len(sizes)), np.int64)
    found = kernels.joint_readings(order.bounds, _ends(constraints.follow_up_median), sizes, positions, widths,
                                   rows, chosen)
    back = np.argsort(fewest_first)
    return [tuple(ordered[number][pick[number]] for number in back)
            for pick in chosen[:min(found, MOST_JOINT_READINGS)]]


def solutions(order: Order, constraints: SurvivalConstraints, least_room: float = LEAST_ROOM,
              exhaustive: bool = False) -> list[Solution]:
    """All choices of readings on an order for which exact times exist, the roomiest first.

    Parameters
    ----------
    order : Order
    constraints : SurvivalConstraints
    least_room : float
        Share of every printed interval's half width that times must be able to keep free; 0 admits every order
        on which exact times exist at all.
    exhaustive : bool
        As in `possible_orders`.

    Returns
    -------
    list of Solution
    """
    readings, tightened = [], order
    for comparison in constraints.comparisons:
        found, bounds = label_readings(tightened, comparison)
        if not found:
            return []
        readings.append(found)
        tightened = Order(order.died, bounds)
    found = [Solution(order, choice, programme, rows, room) for choice, programme, rows, room
             in programmes(order, joint_choices(tightened, readings, constraints), constraints, exhaustive)
             if room > least_room]
    # rounded, so that floating error does not decide between equals
    return sorted(found, key=lambda solution: -round(solution.room, 6))


def programmes(order: Order, choices: list[tuple[LabelReading, ...]], constraints: SurvivalConstraints,
               exhaustive: bool = False) -> Iterator[tuple]:
    """The linear programme of each joint choice of readings on an order.

    Yields
    ------
    tuple
        The choice, its `TimesProgramme`, the programme's rows, and its widest room.
    """
    overall = reading_of(constraints.rows["os_treatment"], order.died)
    lower, upper = _ends_of_times(constraints, exhaustive)
    for choice in choices:
        rows = (overall, *(reading for each in choice for reading in each.readings()))
        programme = TimesProgramme(lower, upper, rows, constraints.follow_up_median,
                                   0.0 if exhaustive else MIN_GAP_MONTHS)
        yield choice, programme, rows, programme.widest_room()


def skeletons(constraints: SurvivalConstraints, seed: int) -> Iterator[pd.DataFrame]:
    """Skeletons in the order the search meets them, one for each order of deaths and censorings that has any.

    Parameters
    ----------
    constraints : SurvivalConstraints
    seed : int

    Yields
    ------
    DataFrame
        See `find_skeleton`.
    """
    for bits in possible_orders(constraints, np.random.default_rng(seed)):
        order = bounded_order(bits, constraints)
        for solution in solutions(order, constraints):
            skeleton = complete_clocks(solution, constraints, np.random.default_rng([seed, bits]))
            if skeleton is not None:
                yield skeleton
                break


def complete_clocks(solution: Solution, constraints: SurvivalConstraints,
                    rng: np.random.Generator) -> pd.DataFrame | None:
    """A skeleton on a solution: times, labels, the outer clocks and liver progression drawn at random.

    Parameters
    ----------
    solution : Solution
    constraints : SurvivalConstraints
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame or None
        None if some draw could not be mended into its printed row.
    """
    skeleton = treated_patients(solution, constraints, rng)
    for clocks in (outer_clocks, liver_progression) if skeleton is not None else ():
        columns = clocks(skeleton, constraints, rng)
        if columns is None:
            return None
        skeleton = skeleton.join(columns)
    return None if skeleton is None else skeleton.sample(frac=1, random_state=rng).reset_index(drop=True)


def treated_patients(solution: Solution, constraints: SurvivalConstraints,
                     rng: np.random.Generator) -> pd.DataFrame | None:
    """Times from first treatment and the labels of every grouping, drawn at random on a solution.

    Parameters
    ----------
    solution : Solution
    constraints : SurvivalConstraints
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame or None
        In order of time; None if no draw of times survives rounding.
    """
    months = treatment_months(solution.programme, solution.readings, constraints.follow_up_median,
                              0.8 * solution.room, rng)
    if months is None:
        return None
    patients = pd.DataFrame({"os_treatment_months": months, "died": solution.order.died})
    for reading in solution.choice:
        flags = np.zeros(constraints.n, dtype=bool)
        kernels.unpack(int(rng.choice(reading.labels)), flags)
        patients[reading.comparison.grouping.flag] = flags
    return patients


def find_skeleton(seed: int, ledger: pd.DataFrame | None = None) -> pd.DataFrame:
    """The first exact survival skeleton that a seed leads to.

    Parameters
    ----------
    seed : int
        Decides in which order the possibilities are tried, and all that the ledger leaves open.
    ledger : DataFrame, optional
        From `lib.published.read_ledger` (the project's by default).

    Returns
    -------
    DataFrame, one row a patient, in random order
        ``os_diagnosis_months``, ``os_liver_metastasis_months``, ``os_treatment_months``, ``died``,
        ``liver_pfs_months``, ``liver_progressed``, ``extrahepatic_disease``, ``meld_increased``,
        ``early_treatment``, ``mrecist_responder``, ``mrecist_pd_month_3``. Days, at 30.4375 a month, are
        multiples of a tenth.

    Raises
    ------
    SearchError
        If no order of deaths and censorings allows the ledger's figures.
    ConstraintError
        If the ledger lacks a row or contradicts itself.
    """
    ledger = read_ledger() if ledger is None else ledger
    for skeleton in skeletons(survival_constraints(ledger), seed):
        if not misfits(skeleton, ledger):
            return skeleton[[*SKELETON_COLUMNS]]
    raise SearchError("Every order of deaths and censorings was tried, and none gave all printed survival figures; "
                      "mark a figure as 'differs' in the ledger, or try another seed.")


SKELETON_COLUMNS = ("os_treatment_months", "os_liver_metastasis_months", "os_diagnosis_months", "died",
                    "liver_pfs_months", "liver_progressed", "extrahepatic_disease", "meld_increased",
                    "early_treatment", "mrecist_responder", "mrecist_pd_month_3")


def _ends(interval: Interval) -> np.ndarray:
    return np.array([interval.lower, interval.upper])


def _ends_of_times(constraints: SurvivalConstraints, exhaustive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest time of each patient in order of time, months."""
    shortest = _shortest(constraints, exhaustive)
    margin = 0.0 if exhaustive else 0.2 * constraints.follow_up_max.half_width
    lower = np.full(constraints.n, shortest.lower)
    upper = np.full(constraints.n, constraints.follow_up_max.upper - margin)
    upper[0], lower[-1] = shortest.upper, constraints.follow_up_max.lower + margin
    return lower, upper


def _shortest(constraints: SurvivalConstraints, exhaustive: bool) -> Interval:
    """Where the shortest time may lie: a given day, or anywhere in its printed interval."""
    day = round(constraints.shortest_day / DAYS_PER_MONTH, 6)
    return constraints.follow_up_min if exhaustive else Interval(day, day)


def start_bounds(constraints: SurvivalConstraints, exhaustive: bool) -> np.ndarray:
    """Bounds on the times that hold for every order."""
    return kernels.start_bounds(constraints.n, 0.0 if exhaustive else MIN_GAP_MONTHS,
                                *_ends(_shortest(constraints, exhaustive)),
                                *_ends(constraints.follow_up_max), *_ends(constraints.follow_up_median))
