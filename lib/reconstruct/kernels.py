"""Compiled kernels of the search: Kaplan-Meier rows, log-rank tests and bounds on times, from an order alone.

Patients stand in the order of their times, no two alike. Then the flags and labels fix every survival
probability, every log-rank test, and where on the list each median and limit is read; what is left of a printed
row are bounds on differences of times. Bounds are kept as a matrix: ``bounds[i, j]`` is the largest allowed
``months[j] - months[i]``, with time zero as node 0 and the patient at position p as node p + 1. A matrix is kept
closed (shortest paths), so a contradiction shows as soon as it arises.
"""

from __future__ import annotations

import math

import numba
import numpy as np

KNIFE_EDGE = 1e-9  # a survival this close to 0.5, 0.55 or 0.45 touches it
MISSING = -1

_jit = numba.njit(cache=True)


@_jit
def read_row(died, members, flag, position, spread):
    """Where a Kaplan-Meier row is read: SPSS's median and the two times that give its density.

    Parameters
    ----------
    died : bool array, shape (n,)
        Event flags, in order of time.
    members : bool array, shape (n,)
        Group labels, in order of time.
    flag : bool
        The label of the row's patients.
    position : int array, shape (3,)
        Filled with the positions of the median (first S <= 0.5), of the last S >= 0.55 and of the first
        S <= 0.45; -1 where the curve does not get there.
    spread : float array, shape (1,)
        Filled with SE[S(median)] / (S_above - S_below): the median's standard error for each month between the
        two times.

    Returns
    -------
    bool
        False if the row has no median or no limits.

    References
    ----------
    IBM SPSS Statistics Algorithms, KM: survival percentiles and their standard errors.
    """
    at_risk = 0
    for patient in range(died.size):
        at_risk += members[patient] == flag
    position[:] = MISSING
    survival, variance, error, above, below = 1.0, 0.0, 0.0, 0.0, 0.0
    for patient in range(died.size):
        if members[patient] != flag:
            continue
        if died[patient]:
            survival *= (at_risk - 1) / at_risk
            if at_risk > 1:
                variance += 1.0 / (at_risk * (at_risk - 1))
            if survival >= 0.55 - KNIFE_EDGE:
                position[1], above = patient, survival
            if position[0] == MISSING and survival <= 0.5 + KNIFE_EDGE:
                position[0], error = patient, survival * math.sqrt(variance)
            if position[2] == MISSING and survival <= 0.45 + KNIFE_EDGE:
                position[2], below = patient, survival
        at_risk -= 1
    if position.min() == MISSING or error <= 0.0:
        return False
    spread[0] = error / (above - below)
    return True


@_jit
def log_rank_chi_square(died, members):
    """Two-group log-rank chi-square from order, flags and labels; 0 where its variance is 0.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163-170.
    """
    inside = members.sum()
    outside = members.size - inside
    difference, variance = 0.0, 0.0
    for patient in range(died.size):
        if died[patient]:
            share = inside / (inside + outside)
            difference += members[patient] - share
            variance += share * (1 - share)
        if members[patient]:
            inside -= 1
        else:
            outside -= 1
    return difference * difference / variance if variance > 0.0 else 0.0


@_jit
def tighten(bounds, i, j, limit):
    """Demand ``months[j] - months[i] <= limit``; False (bounds unusable) if that contradicts them."""
    if limit >= bounds[i, j]:
        return True
    if bounds[j, i] + limit < -KNIFE_EDGE:
        return False
    for a in range(bounds.shape[0]):
        through = bounds[a, i] + limit
        for b in range(bounds.shape[0]):
            if through + bounds[j, b] < bounds[a, b]:
                bounds[a, b] = through + bounds[j, b]
    return True


@_jit
def tighten_row(bounds, position, width, row):
    """Demand a printed row of the times where it is read; False if that contradicts the bounds.

    Parameters
    ----------
    bounds : float array, shape (n + 1, n + 1)
    position : int array, shape (3,)
        From `read_row`.
    width : float
        Half width of the interval for each month between the two density times.
    row : float array, shape (6,)
        `MedianRow.as_array`: ends of median, lower limit, upper limit.

    Notes
    -----
    Median and half width share the limits; each is bounded by the extremes of the other, so this is a
    relaxation. The linear programme in `times` is exact.
    """
    median, above, below = position[0] + 1, position[1] + 1, position[2] + 1
    if not (tighten(bounds, 0, median, row[1]) and tighten(bounds, median, 0, -row[0])):
        return False
    for _ in range(2):
        earliest, latest = -bounds[median, 0], bounds[0, median]
        narrowest = max(row[4] - latest, earliest - row[3])
        widest = min(row[5] - earliest, latest - row[2])
        if narrowest > widest:
            return False
        if not (tighten(bounds, above, below, widest / width) and tighten(bounds, below, above, -narrowest / width)):
            return False
        narrowest, widest = -bounds[below, above] * width, bounds[above, below] * width
        if not tighten(bounds, 0, median, min(row[3] + widest, row[5] - narrowest)):
            return False
        if not tighten(bounds, median, 0, -max(row[2] + narrowest, row[4] - widest)):
            return False
    return True


@_jit
def tighten_middle(bounds, lower, upper):
    """Demand that the plain median of all times lies within two ends; False if that contradicts the bounds."""
    n = bounds.shape[0] - 1
    if n % 2:
        middle = (n + 1) // 2
        return tighten(bounds, 0, middle, upper) and tighten(bounds, middle, 0, -lower)
    a, b = n // 2, n // 2 + 1
    return (tighten(bounds, 0, a, upper) and tighten(bounds, b, 0, -lower)
            and tighten(bounds, 0, a, 2 * upper + bounds[b, 0]) and tighten(bounds, 0, b, 2 * upper + bounds[a, 0])
            and tighten(bounds, a, 0, bounds[0, b] - 2 * lower) and tighten(bounds, b, 0, bounds[0, a] - 2 * lower))


@_jit
def start_bounds(n, min_gap, shortest_lower, shortest_upper, longest_lower, longest_upper, middle_lower, middle_upper):
    """Bounds that hold for every order: ascending times, shortest and longest, and the plain median."""
    bounds = np.full((n + 1, n + 1), 1e6)
    for node in range(n + 1):
        bounds[node, node] = 0.0
    for node in range(1, n):
        tighten(bounds, node + 1, node, -min_gap)
    tighten(bounds, 0, 1, shortest_upper)
    tighten(bounds, 1, 0, -shortest_lower)
    tighten(bounds, 0, n, longest_upper)
    tighten(bounds, n, 0, -longest_lower)
    for _ in range(3):
        tighten_middle(bounds, middle_lower, middle_upper)
    return bounds


@_jit
def unpack(bits, flags):
    """Spread the bits of a whole number over a boolean array, position 0 first."""
    for position in range(flags.size):
        flags[position] = (bits >> position) & 1


@_jit
def readable_orders(n, n_died, orders, beginnings, median_position):
    """All orders of deaths and censorings on which the overall row has a median and limits, ascending.

    Parameters
    ----------
    n, n_died : int
    orders, beginnings, median_position : int arrays, long enough
        Filled: bit p of an order is set if the patient at position p died; its bits up to the last position at which the row is
        read, which is a death; where the overall median is read.

    Returns
    -------
    int
        How many were filled in.
    """
    found = 0
    died, everyone = np.zeros(n, np.bool_), np.ones(n, np.bool_)
    position, spread = np.zeros(3, np.int64), np.zeros(1)
    order = (np.int64(1) << n_died) - 1
    while order < (np.int64(1) << n):
        unpack(order, died)
        if read_row(died, everyone, True, position, spread):
            orders[found], median_position[found] = order, position[0]
            beginnings[found] = order & ((np.int64(1) << (position[2] + 1)) - 1)
            found += 1
        # next number with as many bits (Gosper's hack, HAKMEM item 175)
        lowest = order & -order
        ripple = order + lowest
        order = (((ripple ^ order) >> 2) // lowest) | ripple
    return found


@_jit
def possible_beginnings(beginnings, bounds, row, conf_factor, middle):
    """Whether the overall row agrees with the bounds on the orders that begin so, whatever comes after.

    Parameters
    ----------
    beginnings : int array
        From `readable_orders`.
    bounds : float array, shape (n + 1, n + 1)
        From `start_bounds`.
    row : float array, shape (6,)
    conf_factor : float
        1.96 for a coverage of 95%.
    middle : float array, shape (2,)
        Ends of the plain median of all times.

    Returns
    -------
    bool array
    """
    n = bounds.shape[0] - 1
    possible, died, everyone = np.zeros(beginnings.size, np.bool_), np.zeros(n, np.bool_), np.ones(n, np.bool_)
    position, spread, scratch = np.zeros(3, np.int64), np.zeros(1), np.empty_like(bounds)
    for number in range(beginnings.size):
        unpack(beginnings[number], died)
        read_row(died, everyone, True, position, spread)
        scratch[:] = bounds
        possible[number] = (tighten_row(scratch, position, conf_factor * spread[0], row)
                            and tighten_middle(scratch, middle[0], middle[1])
                            and tighten_row(scratch, position, conf_factor * spread[0], row))
    return possible


@_jit
def score_ranges(died):
    """Least and greatest sum of log-rank scores that so many patients from a position on can have.

    A patient's score is the event (1 or 0) minus the cumulative hazard of all patients at the own time; the
    observed minus expected deaths of a group are the sum of its patients' scores, however the rest is labelled.

    Returns
    -------
    tuple of array
        Scores, shape (n,); least and greatest sums, shape (n + 1, n + 1): by first position and number of patients.
    """
    n = died.size
    scores, hazard = np.zeros(n), 0.0
    for patient in range(n):
        hazard += died[patient] / (n - patient)
        scores[patient] = died[patient] - hazard
    least, greatest = np.zeros((n + 1, n + 1)), np.zeros((n + 1, n + 1))
    for start in range(n):
        ascending = np.sort(scores[start:])
        for many in range(1, n - start + 1):
            least[start, many] = least[start, many - 1] + ascending[many - 1]
            greatest[start, many] = greatest[start, many - 1] + ascending[n - start - many]
    return scores, least, greatest


@_jit
def row_is_open(bounds, median, above, below, width, row):
    """Whether a row passes `tighten_row`'s first look, at no cost: False is final, True is not."""
    earliest, latest = max(row[0], -bounds[median, 0]), min(row[1], bounds[0, median])
    return (earliest <= latest
            and bounds[above, below] * width >= max(row[4] - latest, earliest - row[3]) - KNIFE_EDGE
            and -bounds[below, above] * width <= min(row[5] - earliest, latest - row[2]) + KNIFE_EDGE)


@_jit
def possible_labels(died, n_flagged, rows, chi_square, bounds, conf_factor, labels, positions, widths, hull):
    """All ways to label `n_flagged` patients that give the printed P and do not contradict the bounds.

    A depth-first walk along the patients carries both groups' curves and the log-rank sums, so a step costs
    the same at every depth. A branch ends where its median or density times are out of bounds, and where no
    labelling of the patients to come can bring the log-rank statistic to the printed P.

    Parameters
    ----------
    died : bool array, shape (n,)
    n_flagged : int
    rows : float array, shape (2, 6)
        Printed rows of the group without and with the flag.
    chi_square : float array, shape (2,)
        Ends of the log-rank statistic.
    bounds : float array, shape (n + 1, n + 1)
    conf_factor : float
        1.96 for a coverage of 95%.
    labels : int array, shape (capacity,)
        Filled: bit p is set if the patient at position p is labelled.
    positions : int array, shape (capacity, 2, 3)
    widths : float array, shape (capacity, 2)
        Filled for both groups, as in `tighten_row`.
    hull : float array, shape (n + 1, n + 1)
        Filled with the loosest of the bounds that the labellings leave, each with its rows: what any of them
        implies for the times.

    Returns
    -------
    int
        How many there are; more than the capacity means that the rest was only counted.
    """
    n = died.size
    scores, least, greatest = score_ranges(died)
    deaths_from = np.zeros(n + 1)
    for patient in range(n - 1, -1, -1):
        deaths_from[patient] = deaths_from[patient + 1] + died[patient]
    left = np.zeros((n + 1, 2), np.int64)
    left[0, 0], left[0, 1] = n - n_flagged, n_flagged
    difference, variance = np.zeros(n + 1), np.zeros(n + 1)
    survival, hazard = np.ones((n + 1, 2)), np.zeros((n + 1, 2))
    error, above, width = np.zeros((n + 1, 2)), np.zeros((n + 1, 2)), np.zeros((n + 1, 2))
    position = np.full((n + 1, 2, 3), MISSING)
    choice = np.full(n + 1, MISSING)
    scratch = np.empty_like(bounds)
    hull[:] = -1e6
    found, depth = 0, 0
    while depth >= 0:
        if depth == n:
            # the walk's own tests leave a leaf only to be tightened
            if position[n].min() != MISSING:
                scratch[:] = bounds
                if (tighten_row(scratch, position[n, 1], width[n, 1], rows[1])
                        and tighten_row(scratch, position[n, 0], width[n, 0], rows[0])):
                    hull[:] = np.maximum(hull, scratch)
                    if found < labels.size:
                        labels[found] = 0
                        for patient in range(n):
                            labels[found] |= np.int64(choice[patient]) << patient
                        positions[found], widths[found] = position[n], width[n]
                    found += 1
            depth -= 1
            continue
        choice[depth] += 1
        group = choice[depth]
        if group > 1:
            choice[depth] = MISSING
            depth -= 1
            continue
        at_risk = left[depth, group]
        if at_risk == 0:
            continue
        below = depth + 1
        difference[below] = difference[depth] + group * scores[depth]
        variance[below] = variance[depth]
        if died[depth]:
            share = left[depth, 1] / (n - depth)
            variance[below] += share * (1 - share)
        to_label = left[depth, 1] - group
        lowest, highest = difference[below] + least[below, to_label], difference[below] + greatest[below, to_label]
        farthest = max(abs(lowest), abs(highest))
        nearest = max(0.0, lowest, -highest)
        if (farthest * farthest < chi_square[0] * variance[below] - KNIFE_EDGE
                or nearest * nearest > chi_square[1] * (variance[below] + 0.25 * deaths_from[below]) + KNIFE_EDGE):
            continue
        for each in range(2):  # element by element: numba is slow at copying short rows
            left[below, each] = left[depth, each] - (each == group)
            survival[below, each], hazard[below, each] = survival[depth, each], hazard[depth, each]
            error[below, each], above[below, each] = error[depth, each], above[depth, each]
            width[below, each] = width[depth, each]
            for which in range(3):
                position[below, each, which] = position[depth, each, which]
        if died[depth]:
            survival[below, group] *= (at_risk - 1) / at_risk
            if at_risk > 1:
                hazard[below, group] += 1.0 / (at_risk * (at_risk - 1))
            now = survival[below, group]
            if now >= 0.55 - KNIFE_EDGE:
                position[below, group, 1], above[below, group] = depth, now
            if position[below, group, 0] == MISSING and now <= 0.5 + KNIFE_EDGE:
                position[below, group, 0] = depth
                error[below, group] = now * math.sqrt(hazard[below, group])
                out_of_bounds = bounds[0, depth + 1] < rows[group, 0] or -bounds[depth + 1, 0] > rows[group, 1]
                if out_of_bounds or error[below, group] <= 0.0 or position[below, group, 1] == MISSING:
                    continue
            if position[below, group, 2] == MISSING and now <= 0.45 + KNIFE_EDGE:
                position[below, group, 2] = depth
                width[below, group] = conf_factor * error[below, group] / (above[below, group] - now)
                if not row_is_open(bounds, position[below, group, 0] + 1, position[below, group, 1] + 1, depth + 1,
                                   width[below, group], rows[group]):
                    continue
        depth = below
        choice[depth] = MISSING
    return found


@_jit
def joint_readings(bounds, middle, sizes, positions, widths, rows, chosen):
    """All choices of one reading for each comparison that do not contradict each other.

    Parameters
    ----------
    bounds : float array, shape (n + 1, n + 1)
    middle : float array, shape (2,)
        Ends of the plain median of all times.
    sizes : int array, shape (n_comparisons,)
        Number of readings of each comparison.
    positions : int array, shape (n_comparisons, capacity, 2, 3)
    widths : float array, shape (n_comparisons, capacity, 2)
    rows : float array, shape (n_comparisons, 2, 6)
    chosen : int array, shape (limit, n_comparisons)
        Filled with the number of the reading of each comparison.

    Returns
    -------
    int
        How many there are; more than the limit means that the rest was only counted.
    """
    n_comparisons = sizes.size
    stack = np.empty((n_comparisons + 1, bounds.shape[0], bounds.shape[1]))
    stack[0] = bounds
    choice = np.full(n_comparisons, MISSING)
    found, depth = 0, 0
    while depth >= 0:
        if depth == n_comparisons:
            if found < chosen.shape[0]:
                chosen[found] = choice
            found += 1
            depth -= 1
            continue
        choice[depth] += 1
        pick = choice[depth]
        if pick == sizes[depth]:
            choice[depth] = MISSING
            depth -= 1
            continue
        deeper = stack[depth + 1]
        deeper[:] = stack[depth]
        if (tighten_row(deeper, positions[depth, pick, 1], widths[depth, pick, 1], rows[depth, 1])
                and tighten_row(deeper, positions[depth, pick, 0], widths[depth, pick, 0], rows[depth, 0])
                and tighten_middle(deeper, middle[0], middle[1])):
            depth += 1
    return found
