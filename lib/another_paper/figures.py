"""Compiled kernels: the figures of one cohort in one or two groups, its distance from what is printed, and a climb.

A cohort stands in order of time, no two times alike: ``months`` ascending, ``died`` (had the event) and ``first`` (member
of the first group) in the same order. Its figures are one array, whose places `Layout` names. The tests hold them to
`lib.survival`, which is held to R.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lib.reconstruct.scoring import CONF_FACTOR, FARTHEST, KNIFE_EDGE, NEVER

LARGEST_LOG_RATIO = 15.0
NOTHING, NO_LIMITS, EVERYTHING = 0, 1, 2
"""How much of a part of the figures is wanted; the limits of a median take longest."""

_jit = numba.njit(cache=True)
_within = numba.njit(cache=True, forceinline=True)  # of a short function that a loop calls, handing over the arrays takes longest


@_jit
def _first_below(months, values, n, flat):
    """First time at which a step function is at or below one half, by a program's rule for a flat step there."""
    for patient in range(n):
        if values[patient] <= 0.5 + KNIFE_EDGE:
            if flat == 0 or abs(values[patient] - 0.5) > KNIFE_EDGE:
                return months[patient]
            for later in range(patient + 1, n):
                if not abs(values[later] - 0.5) <= KNIFE_EDGE:
                    return (months[patient] + months[later]) / 2
            return months[patient] if flat == 1 else NEVER
    return NEVER


@_jit
def _group_figures(months, died, members, flag, everyone, flat, scale, at, to, wanted, room, out):
    """Fill ``out`` with the figures of the patients whose membership is ``flag``, or of everyone, as `layout.OF_A_GROUP` orders them.

    ``room``, of shape (5, n), is to work in.
    """
    size = months.size
    if not everyone:
        size = 0
        for patient in range(months.size):
            size += members[patient] == flag
    times, survival, reverse, lower, upper = room[0], room[1], room[2], room[3], room[4]
    limits = wanted == EVERYTHING and scale != 0
    here, now, spread, mirrored = 0, 1.0, 0.0, 1.0
    above, above_months, below_months, below, error = 1.0, 0.0, 0.0, -1.0, -1.0
    for patient in range(months.size):
        if not (everyone or members[patient] == flag):
            continue
        at_risk = size - here
        if died[patient]:
            now *= (at_risk - 1) / at_risk
            if at_risk > 1:
                spread += 1.0 / (at_risk * (at_risk - 1))
            if now >= 0.55 - KNIFE_EDGE:
                above, above_months = now, months[patient]
            if error < 0.0 and now <= 0.5 + KNIFE_EDGE:
                error = now * math.sqrt(spread)
            if below < 0.0 and now <= 0.45 + KNIFE_EDGE:
                below, below_months = now, months[patient]
        else:
            mirrored *= (at_risk - 1) / at_risk
        times[here], survival[here], reverse[here] = months[patient], now, mirrored
        if limits:
            width = CONF_FACTOR * math.sqrt(spread)
            if now <= 0.0 or (scale == 2 and spread == 0.0):
                lower[here], upper[here] = math.nan, math.nan
            elif scale == 2:
                shift = width / math.log(now)
                lower[here], upper[here] = now ** math.exp(-shift), now ** math.exp(shift)
            else:
                lower[here], upper[here] = now * math.exp(-width), now * math.exp(width)
        here += 1
    median = _first_below(times, survival, size, flat)
    out[0] = median
    if scale == 0:
        out[1], out[2] = math.nan, math.nan
        if below >= 0.0 and error > 0.0:
            half = CONF_FACTOR * error * (below_months - above_months) / (above - below)
            out[1], out[2] = median - half, median + half
    elif limits:
        out[1], out[2] = _first_below(times, lower, size, flat), _first_below(times, upper, size, flat)
    out[3] = _first_below(times, reverse, size, flat)
    out[4] = (times[(size - 1) // 2] + times[size // 2]) / 2
    out[5], out[6] = times[0], times[size - 1]
    over = survival[size - 1] > 0.0  # past the last time the curve is not defined
    for number in range(at.size):
        value = 1.0
        for patient in range(size):
            if times[patient] > at[number]:
                break
            value = survival[patient]
        out[7 + number] = math.nan if over and at[number] > times[size - 1] else value
    for number in range(to.size):
        area, since, value = 0.0, 0.0, 1.0
        for patient in range(size):
            if times[patient] >= to[number]:
                break
            area += value * (times[patient] - since)
            since, value = times[patient], survival[patient]
        area += value * (to[number] - since)
        out[7 + at.size + number] = math.nan if over and to[number] > times[size - 1] else area


@numba.njit(cache=True, error_model="numpy")  # somebody is at risk at every death, so no division is by zero
def _comparison_figures(died, first, room, out):
    """Fill ``out`` with the absolute z of log-rank and Wald test, the log hazard ratio and its limits; ``room`` as in `_group_figures`."""
    inside, outside_, member, share = room[0], room[1], room[2], room[3]  # at each death
    n_deaths, n_first = 0, first.sum()
    n_second = first.size - n_first
    for patient in range(first.size):
        if died[patient]:
            inside[n_deaths], outside_[n_deaths], member[n_deaths] = n_first, n_second, first[patient]
            n_deaths += 1
        if first[patient]:
            n_first -= 1
        else:
            n_second -= 1
    beta, information = 0.0, 0.0
    for step in range(60):
        ratio = math.exp(beta)
        for death in range(n_deaths):
            share[death] = inside[death] * ratio / (inside[death] * ratio + outside_[death])
        score, information = 0.0, 0.0
        for death in range(n_deaths):
            score += member[death] - share[death]
            information += share[death] * (1 - share[death])
        if step == 0:
            out[0] = abs(score) / math.sqrt(information) if information > 0.0 else math.nan
        if information <= 1e-9:
            break
        change = score / information
        beta += min(max(change, -1.0), 1.0)
        if abs(change) < 1e-11 or abs(beta) > LARGEST_LOG_RATIO:
            break
    if abs(beta) > LARGEST_LOG_RATIO or information <= 1e-9:
        out[1:5] = math.nan
        out[2] = NEVER if beta > 0 else -NEVER
        return
    error = 1.0 / math.sqrt(information)
    out[1], out[2] = abs(beta) / error, beta
    out[3], out[4] = beta - CONF_FACTOR * error, beta + CONF_FACTOR * error


@_jit
def figures_of(months, died, first, two, flat, scale, at, to, out):
    """All figures of a cohort.

    Parameters
    ----------
    months : float array, shape (n,)
        Ascending, no two alike.
    died, first : bool arrays, shape (n,)
    two : bool
        Whether there are two groups.
    flat, scale : int
        From `lib.another_paper.layout.PROGRAMS`.
    at, to : float arrays
        Times of survival, and up to which the mean time is taken.
    out : float array, shape (n_figures,)
        Filled: times in months (``NEVER`` where not reached), survival from 0 to 1, P values as absolute z, ratios as
        logarithms; NaN where a figure does not exist.
    """
    room = np.empty((5, months.size))
    for part in range(4 if two else 1):
        _part_figures(part, months, died, first, flat, scale, at, to, EVERYTHING, room, out)


@_within
def _part_figures(part, months, died, first, flat, scale, at, to, wanted, room, out):
    """Fill one part of ``out``: the first group's figures (0), the second's (1), those of all (2) or of the comparison (3)."""
    block = 7 + at.size + to.size
    here = out[part * block:]
    if part < 3:
        _group_figures(months, died, first, part == 0, part == 2, flat, scale, at, to, wanted, room, here)
    else:
        _comparison_figures(died, first, room, here)
        for number in range(to.size):
            place = 7 + at.size + number
            here[5 + number] = out[block + place] - out[place]


@_jit
def _wanted(at, to, place, left, right):
    """How much of each part is wanted for what is printed, at ``place``, and for two figures more (-1: none)."""
    block, wanted = 7 + at.size + to.size, np.zeros(4, np.int64)
    for number in range(-2, place.size):
        figure = left if number == -2 else right if number == -1 else place[number]
        if figure < 0:
            continue
        part = min(figure // block, 3)
        within = figure - part * block
        wanted[part] = EVERYTHING if within == 1 or within == 2 else max(wanted[part], NO_LIMITS)
        if part == 3 and within >= 5:  # a mean time gained is that of the second group less that of the first
            wanted[0], wanted[1] = max(wanted[0], NO_LIMITS), max(wanted[1], NO_LIMITS)
    return wanted


@_within
def distance(figures, place, lower, upper, unit):
    """How far figures are from printed intervals, in units of each; 0 where all agree.

    Parameters
    ----------
    figures : float array
        From `figures_of`.
    place : int array, shape (n_printed,)
        Where each printed figure stands.
    lower, upper, unit : float arrays, shape (n_printed,)
    """
    total = 0.0
    for number in range(place.size):
        value = figures[place[number]]
        if math.isnan(value):
            total += FARTHEST
        else:
            total += min(max(lower[number] - value, value - upper[number], 0.0) / unit[number], FARTHEST)
    return total


@_within
def _agrees(months, died, first, two, flat, scale, at, to, wanted, room, figures, place, lower, upper):
    """Fill ``figures`` as `figures_of` does, with what is wanted, up to the first part that is off what is printed; whether none is off."""
    block = 7 + at.size + to.size
    for part in range(4 if two else 1):
        if wanted[part] == NOTHING:
            continue
        _part_figures(part, months, died, first, flat, scale, at, to, wanted[part], room, figures)
        for number in range(place.size):
            if part * block <= place[number] and (part == 3 or place[number] < (part + 1) * block):
                value = figures[place[number]]
                if not lower[number] <= value <= upper[number]:
                    return False
    return True


@_jit
def merge(months_1, died_1, months_2, died_2, months, died, first):
    """Two groups, each in order of time, put into one order."""
    i, j = 0, 0
    for here in range(months.size):
        if j == months_2.size or (i < months_1.size and months_1[i] <= months_2[j]):
            months[here], died[here], first[here] = months_1[i], died_1[i], True
            i += 1
        else:
            months[here], died[here], first[here] = months_2[j], died_2[j], False
            j += 1


@numba.njit(cache=True, nogil=True)  # called from several threads at once
def pair_distances(months_1, died_1, months_2, died_2, pairs, flat, scale, at, to, n_figures, place, lower, upper, unit):
    """Distance from what is printed for each pair of a first and a second group's draw.

    Parameters
    ----------
    months_1, died_1 : arrays, shape (n_draws, n_first)
    months_2, died_2 : arrays, shape (n_draws, n_second)
    pairs : int array, shape (n_pairs, 2)
    flat, scale, at, to, place, lower, upper, unit
        As in `figures_of` and `distance`.
    n_figures : int

    Returns
    -------
    float array, shape (n_pairs,)
    """
    n = months_1.shape[1] + months_2.shape[1]
    months, died, first, room = np.empty(n), np.empty(n, np.bool_), np.empty(n, np.bool_), np.empty((5, n))
    figures, found, block = np.empty(n_figures), np.empty(len(pairs)), 7 + at.size + to.size
    wanted = _wanted(at, to, place, -1, -1)
    of_first, of_second = np.empty((len(months_1), block)), np.empty((len(months_2), block))
    for draws_months, draws_died, own, part in ((months_1, died_1, of_first, 0), (months_2, died_2, of_second, 1)):
        for draw in range(len(draws_months)):
            _group_figures(draws_months[draw], draws_died[draw], draws_died[draw], True, True, flat, scale, at, to, wanted[part], room, own[draw])
    for number in range(len(pairs)):
        i, j = pairs[number]
        figures[:block], figures[block:2 * block] = of_first[i], of_second[j]
        merge(months_1[i], died_1[i], months_2[j], died_2[j], months, died, first)
        for part in range(2, 4):
            if wanted[part] != NOTHING:
                _part_figures(part, months, died, first, flat, scale, at, to, wanted[part], room, figures)
        found[number] = distance(figures, place, lower, upper, unit)
    return found


@_within
def _propose(months, died, first, same_events):
    """Change a cohort at random, in place, keeping the size of the groups and the number of events; False for no change."""
    n = months.size
    i = np.random.randint(n)
    kind = np.random.random()
    if kind < 0.5:
        width = 0.4 if kind < 0.1 else (0.08 if kind < 0.3 else 0.01)
        new, event, member = months[i] * math.exp(width * np.random.normal()), died[i], first[i]
        step = 1 if new > months[i] else -1
        here = i
        while 0 <= here + step < n and (months[here + step] - new) * step < 0:
            months[here], died[here], first[here] = months[here + step], died[here + step], first[here + step]
            here += step
        months[here], died[here], first[here] = new, event, member
        return True
    j = np.random.randint(n)
    if kind < 0.75:
        if died[i] == died[j] or (same_events and first[i] != first[j]):
            return False
        died[i], died[j] = died[j], died[i]
        return True
    if first[i] == first[j] or (same_events and died[i] != died[j]):
        return False
    first[i], first[j] = first[j], first[i]
    return True


@_jit
def climb(months, died, first, two, same_events, flat, scale, at, to, n_figures, place, lower, upper, unit, left, right,
          constant, sign, n_steps, seed):
    """Change a cohort, in place, towards agreement with what is printed or, agreeing, towards an extreme.

    Parameters
    ----------
    months, died, first : arrays, shape (n,)
    same_events : bool
        Whether each group keeps its number of events.
    left, right : int
        Places of two figures whose difference, times ``sign``, is to become small; a right of -1 stands for
        ``constant``, a left of -1 asks for agreement alone.
    constant, sign : float
    n_steps, seed : int

    Returns
    -------
    float
        With a left of -1 the distance reached, else the signed difference reached (infinite where the start does not agree).
    """
    np.random.seed(seed)
    figures, room, wanted = np.empty(n_figures), np.empty((5, months.size)), _wanted(at, to, place, left, right)
    new_months, new_died, new_first = months.copy(), died.copy(), first.copy()
    figures_of(months, died, first, two, flat, scale, at, to, figures)
    far = distance(figures, place, lower, upper, unit)
    if left >= 0 and far > 0.0:
        return math.inf
    best = far if left < 0 else _difference(figures, left, right, constant, sign)
    for step in range(n_steps):
        if left < 0 and best <= 0.0:
            break
        new_months[:] = months
        new_died[:] = died
        new_first[:] = first
        changed = False
        for _ in range(1 + np.random.randint(3)):  # an order gives way to another by changes that balance each other
            changed |= _propose(new_months, new_died, new_first, same_events)
        if not changed:
            continue
        if left >= 0:
            if not _agrees(new_months, new_died, new_first, two, flat, scale, at, to, wanted, room, figures, place, lower, upper):
                continue
            far = _difference(figures, left, right, constant, sign)
        else:
            for part in range(4):
                if wanted[part] != NOTHING:
                    _part_figures(part, new_months, new_died, new_first, flat, scale, at, to, wanted[part], room, figures)
            far = distance(figures, place, lower, upper, unit)
        warmth = 0.02 * (1.0 - step / n_steps)
        if far <= best - warmth * math.log(1.0 - np.random.random()):
            months[:] = new_months
            died[:] = new_died
            first[:] = new_first
            best = far
    return best


@_jit
def _difference(figures, left, right, constant, sign):
    value = sign * (figures[left] - (constant if right < 0 else figures[right]))
    return math.inf if math.isnan(value) else value


@_jit
def many_figures(months, died, first, two, flat, scale, at, to, out):
    """`figures_of` for each cohort of arrays of shape (n_cohorts, n); ``out`` has the shape (n_cohorts, n_figures)."""
    for cohort in range(len(months)):
        figures_of(months[cohort], died[cohort], first[cohort], two, flat, scale, at, to, out[cohort])
