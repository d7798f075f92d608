"""Beginnings of a labelled order that the printed rows of everybody and of one grouping allow.

A proof that rows exclude each other need not name every order and every labelling. This walk builds both at once,
patient by patient in order of time, and turns back where the rows read so far contradict each other: whatever
follows, no cohort begins like that. A branch ends where all three rows are read. P values are not used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from lib.reconstruct.constraints import GroupComparison, SurvivalConstraints
from lib.reconstruct.kernels import KNIFE_EDGE, MISSING, tighten, tighten_row
from lib.reconstruct.times import CONF_FACTOR

CAPACITY = 2_000_000
MOST_STEPS = 1_000_000_000

_jit = numba.njit(cache=True)


@dataclass(frozen=True)
class Beginnings:
    """Labelled beginnings of orders that the rows allow.

    Attributes
    ----------
    orders, labels : ndarray of int, shape (n_kept,)
        Bit p is set if the patient at position p died, and if the patient carries the flag.
    lengths : ndarray of int, shape (n_kept,)
        Patients of each beginning.
    n_found, n_steps : int
        Beginnings met, and patients placed on the way.
    complete : bool
        False where the walk was stopped at its most steps, or met more beginnings than it can keep.
    """

    orders: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray
    n_found: int
    n_steps: int
    complete: bool

    def among(self, orders: np.ndarray) -> np.ndarray:
        """Which of some orders begin like one of these, labels aside."""
        begins = np.zeros(len(orders), dtype=bool)
        for length in np.unique(self.lengths):
            mask = (1 << int(length)) - 1
            begins |= np.isin(orders & mask, self.orders[self.lengths == length])
        return begins


def allowed_beginnings(constraints: SurvivalConstraints, comparison: GroupComparison, most_steps: int = MOST_STEPS,
                       capacity: int = CAPACITY) -> Beginnings:
    """Every beginning of a labelled order on which everybody's row and a comparison's rows do not exclude each other.

    Parameters
    ----------
    constraints : SurvivalConstraints
        Of them count the numbers of patients and deaths, the follow-up and the overall row.
    comparison : GroupComparison
        Its two rows; its P value is not used.
    most_steps, capacity : int

    Returns
    -------
    Beginnings
        None of them, if complete, is a proof: no cohort without tied times has these rows.
    """
    follow_up = [end for part in (constraints.follow_up_median, constraints.follow_up_min, constraints.follow_up_max)
                 for end in (part.lower, part.upper)]
    rows = np.array([row.as_array() for row in (*comparison.rows, constraints.rows["os_treatment"])])
    orders, labels, lengths = (np.zeros(capacity, np.int64) for _ in range(3))
    found, steps = _walk(constraints.n, constraints.n_died, comparison.n_flagged, rows, np.clip(follow_up, -1e9, 1e9),
                         CONF_FACTOR, orders, labels, lengths, most_steps)
    kept = min(found, capacity)
    return Beginnings(orders[:kept], labels[:kept], lengths[:kept], found, steps,
                      steps < most_steps and found <= capacity)


@_jit
def _earliest(position, width, depth, rows, follow_up, n, places, bounds, local):
    """Earliest time of the patient at `depth` under all marks read so far; -1 where they contradict each other.

    Only patients at a mark (a median, a density time, the middle pair, the first) enter the system.
    """
    m = 0
    for number in range(13):
        if number < 9:
            mark = position[number // 3, number % 3]
        else:
            mark = (0, (n - 1) // 2, n // 2, depth)[number - 9]
        if mark < 0 or mark > depth:
            continue
        place = m
        while place > 0 and places[place - 1] > mark:
            place -= 1
        if place > 0 and places[place - 1] == mark:
            continue
        for later in range(m, place, -1):
            places[later] = places[later - 1]
        places[place] = mark
        m += 1
    size = m + 1
    matrix = bounds[:size, :size]
    matrix[:] = 1e6
    for node in range(size):
        matrix[node, node] = 0.0
        for later in range(node + 1, size):
            matrix[later, node] = -follow_up[2] if node == 0 else 0.0
    for node in range(1, size):
        matrix[0, node] = follow_up[5]
    matrix[0, 1] = min(matrix[0, 1], follow_up[3])
    a, b = 0, 0
    for node in range(m):
        if places[node] == (n - 1) // 2:
            a = node + 1
        if places[node] == n // 2:
            b = node + 1
    if b > 0:  # the middle pair: the earlier is at most, the later at least, the plain median
        if not (tighten(matrix, 0, a, follow_up[1]) and tighten(matrix, b, 0, -follow_up[0])):
            return -1.0
    for each in range(3):
        for which in range(3):
            local[each, which] = MISSING
            for node in range(m):
                if places[node] == position[each, which]:
                    local[each, which] = node
        if local[each, 0] >= 0:
            node = local[each, 0] + 1
            if not (tighten(matrix, 0, node, rows[each, 1]) and tighten(matrix, node, 0, -rows[each, 0])):
                return -1.0
    for _ in range(2):
        for each in range(3):
            if local[each, 2] >= 0 and not tighten_row(matrix, local[each], width[each], rows[each]):
                return -1.0
    return -matrix[size - 1, 0]


@_jit
def _walk(n, n_died, n_flagged, rows, follow_up, conf_factor, orders, labels, depths, most_steps):
    """All beginnings on which everybody's row and both groups' rows are read without contradiction.

    Parameters
    ----------
    n, n_died, n_flagged : int
    rows : float array, shape (3, 6)
        Printed rows of the group without the flag, of that with it, and of everybody.
    follow_up : float array, shape (6,)
        Ends of the plain median, the shortest and the longest time.
    conf_factor : float
    orders, labels, depths : int arrays, shape (capacity,)
        Filled: bits of deaths and flags of the first `depth` patients.
    most_steps : int

    Returns
    -------
    tuple of int
        Beginnings found (more than the capacity: the rest was only counted), and steps walked.
    """
    left = np.zeros((n + 1, 3), np.int64)
    left[0, 0], left[0, 1], left[0, 2] = n - n_flagged, n_flagged, n
    deaths = np.zeros(n + 1, np.int64)
    survival, hazard = np.ones((n + 1, 3)), np.zeros((n + 1, 3))
    above, error, width = np.ones((n + 1, 3)), np.zeros((n + 1, 3)), np.zeros((n + 1, 3))
    position = np.full((n + 1, 3, 3), MISSING)
    earliest = np.full(n + 1, follow_up[2])
    choice = np.full(n + 1, MISSING)
    places, bounds, local = np.zeros(16, np.int64), np.zeros((16, 16)), np.zeros((3, 3), np.int64)
    found, steps, depth = 0, 0, 0
    while depth >= 0 and steps < most_steps:
        choice[depth] += 1
        pick = choice[depth]
        if depth == n or pick > 3:
            choice[depth] = MISSING
            depth -= 1
            continue
        flag, died = pick & 1, pick >> 1
        here = deaths[depth] + died
        if left[depth, flag] == 0 or here > n_died or n_died - here > n - depth - 1:
            continue
        steps += 1
        below = depth + 1
        deaths[below], earliest[below] = here, earliest[depth]
        usable, read = True, False
        if depth >= n // 2:
            earliest[below] = max(earliest[below], follow_up[0])
        latest = follow_up[1] if depth <= (n - 1) // 2 else follow_up[5]
        for each in range(3):
            mine = each == flag or each == 2
            at_risk = left[depth, each]
            left[below, each] = at_risk - mine
            survival[below, each], hazard[below, each] = survival[depth, each], hazard[depth, each]
            above[below, each], error[below, each] = above[depth, each], error[depth, each]
            width[below, each] = width[depth, each]
            for which in range(3):
                position[below, each, which] = position[depth, each, which]
            if not (mine and died):
                continue
            now = survival[depth, each] * (at_risk - 1) / at_risk
            survival[below, each] = now
            if at_risk > 1:
                hazard[below, each] += 1.0 / (at_risk * (at_risk - 1))
            if now >= 0.55 - KNIFE_EDGE:
                position[below, each, 1], above[below, each] = depth, now
            if position[below, each, 0] == MISSING and now <= 0.5 + KNIFE_EDGE:
                position[below, each, 0] = depth
                error[below, each] = now * math.sqrt(hazard[below, each])
                usable &= error[below, each] > 0.0 and position[below, each, 1] >= 0
                earliest[below] = max(earliest[below], rows[each, 0])
                latest = min(latest, rows[each, 1])
                read = True
            if usable and position[below, each, 2] == MISSING and now <= 0.45 + KNIFE_EDGE:
                position[below, each, 2] = depth
                width[below, each] = conf_factor * error[below, each] / (above[below, each] - now)
                narrowest = max(rows[each, 4] - rows[each, 1], rows[each, 0] - rows[each, 3])
                earliest[below] = max(earliest[below], follow_up[2] + narrowest / width[below, each])
                read = True
        for each in range(3):
            if position[below, each, 0] == MISSING:  # a median still to come is not before now
                latest = min(latest, rows[each, 1])
        if not usable or earliest[below] > latest:
            continue
        if read:
            earliest[below] = _earliest(position[below], width[below], depth, rows, follow_up, n, places, bounds,
                                        local)
            if earliest[below] < 0.0 or earliest[below] > latest:
                continue
        complete = True
        for each in range(3):
            # a row with nobody left, or no death to come, is never read
            if position[below, each, 2] == MISSING:
                complete = False
                usable &= left[below, each] > 0 and here < n_died
        if not usable:
            continue
        if complete:
            if found < orders.size:
                orders[found], labels[found], depths[found] = 0, 0, below
                for patient in range(below):
                    orders[found] |= np.int64(choice[patient] >> 1) << patient
                    labels[found] |= np.int64(choice[patient] & 1) << patient
            found += 1
            continue
        depth = below
        choice[depth] = MISSING
    return found, steps
