"""From a few cohorts within a tolerance to many unlike ones: jumps between orders, decided by linear programmes.

A walk through times alone stays for long in one corner. Given an order of deaths and censorings and its labels, a
linear programme decides at once whether times exist; so a jump exchanges patients' events and labels, the programme
places the times, and a short walk in the sampler's prior, on which every step is consistent, moves them on.
"""

from __future__ import annotations

import numba
import numpy as np
import pandas as pd

from lib.reconstruct import scoring
from lib.reconstruct.constraints import MedianRow, SurvivalConstraints
from lib.reconstruct.sampler import (DECIMALS, Tolerance, TrialConstraints, arrays_of, constraint_arrays, table_of,
                                     trial_of, widened_rows)
from lib.reconstruct.times import TimesProgramme, reading_of

FARTHEST_JUMP = 4
"""Places that two patients who exchange an event may stand apart."""
RELABELLINGS = 100
"""Attempts to exchange one or two pairs of labels so that a test agrees."""
LEAST_ROOM = 0.02
"""Share of every interval's half width that a programme's times must be able to keep free, so that a walk can start."""
ROUNDS, STEPS_A_ROUND = 40, 100
COLD = 1e9

Draw = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Months ascending, shape (n,); deaths, shape (n,); labels, shape (n_comparisons, n)."""


def explored(draws: pd.DataFrame, constraints: TrialConstraints | SurvivalConstraints, tolerance: Tolerance,
             rng: np.random.Generator, n_jumps: int, n_wanted: int | None = None) -> pd.DataFrame:
    """Drawn cohorts, and those that jumps from them reach.

    Parameters
    ----------
    draws : DataFrame
        From `lib.reconstruct.sampler.sample` with the same constraints and tolerance.
    constraints : TrialConstraints or SurvivalConstraints
    tolerance : Tolerance
    rng : numpy.random.Generator
    n_jumps : int
        Attempts; most lead nowhere. Each starts from an order met so far, all orders being as likely.
    n_wanted : int, optional
        Successful jumps after which to stop.

    Returns
    -------
    DataFrame, one row a patient
        As `sample` gives them: the draws, then one cohort for each jump that succeeded.
    """
    trial = trial_of(constraints)
    arrays, rows, met = constraint_arrays(trial, tolerance), widened_rows(trial, tolerance), arrays_of(draws, trial)
    if not met or not 0 < trial.n_died < trial.n:
        return draws
    by_order: dict[bytes, list[Draw]] = {}
    for draw in met:
        by_order.setdefault(draw[1].tobytes(), []).append(draw)
    orders, n_draws = [*by_order], len(met)
    for _ in range(n_jumps):
        if n_wanted is not None and len(met) - n_draws >= n_wanted:
            break
        known = by_order[orders[rng.integers(len(orders))]]
        months, died, labels = (part.copy() for part in known[rng.integers(len(known))])
        if not _jumped(died, labels, arrays[1], int(rng.integers(2**31))):
            continue
        draw = _placed(months, died, labels, trial, rows)
        draw = draw and _moved_on(draw, arrays, rng)
        if draw:
            order = draw[1].tobytes()
            if order not in by_order:
                by_order[order] = []
                orders.append(order)
            by_order[order].append(draw)
            met.append(draw)
    return table_of(trial, *(np.array(part) for part in zip(*met)))


@numba.njit(cache=True)
def _jumped(died, labels, z_ends, seed):
    """Exchange events of one or two pairs of patients, some with all labels, then labels until the tests agree.

    Returns whether they do; ``died`` and ``labels`` are changed in place.
    """
    np.random.seed(seed)
    n, tried = died.size, np.empty(died.size, np.bool_)
    for _ in range(np.random.randint(1, 3)):
        i, j = np.random.randint(n), np.random.randint(n)
        while died[i] == died[j] or abs(i - j) > FARTHEST_JUMP:
            i, j = np.random.randint(n), np.random.randint(n)
        died[i], died[j] = died[j], died[i]
        if np.random.random() < 0.5:
            for comparison in range(labels.shape[0]):
                labels[comparison, i], labels[comparison, j] = labels[comparison, j], labels[comparison, i]
    for comparison in range(labels.shape[0]):
        for attempt in range(RELABELLINGS + 1):
            tried[:] = labels[comparison]
            for _ in range(np.random.randint(1, 3) if attempt else 0):
                i, j = np.random.randint(n), np.random.randint(n)
                tried[i], tried[j] = tried[j], tried[i]
            z = scoring.log_rank_z(died, tried)
            if z_ends[comparison, 0] <= z <= z_ends[comparison, 1]:
                labels[comparison] = tried
                break
        else:
            return False
    return True


def _placed(months: np.ndarray, died: np.ndarray, labels: np.ndarray, trial: TrialConstraints, rows: list[MedianRow]) -> Draw | None:
    """Times for an order and its labels, near those given; None where there are none."""
    groups = [None, *(side for members in labels for side in (~members, members))]
    readings = [reading_of(row, died, members) for row, members in zip(rows, groups)]
    if any(reading is None for reading in readings):
        return None
    lower, upper = np.full(trial.n, max(trial.follow_up_min.lower, 10.0**-DECIMALS)), np.full(trial.n, trial.follow_up_max.upper)
    upper[0], lower[-1] = trial.follow_up_min.upper, max(trial.follow_up_max.lower, lower[-1])
    programme = TimesProgramme(lower, upper, readings, trial.follow_up_median)
    room = programme.widest_room()
    if room < LEAST_ROOM:
        return None
    nearest = programme.nearest(months, room / 2)
    return None if nearest is None else (nearest, died, labels)


def _moved_on(draw: Draw, arrays: tuple[np.ndarray, ...], rng: np.random.Generator) -> Draw | None:
    """The last cohort of a walk that takes consistent steps only; None where rounding spoils it."""
    months, died, labels = (part[None].copy() for part in draw)
    n = months.shape[1]
    kept = (np.empty((2, n)), np.empty((2, n), bool), np.empty((2, *draw[2].shape), bool), np.empty(2, np.int64))
    n_kept, *_ = scoring.walk(months, died, labels, *arrays, np.array([COLD]), ROUNDS, STEPS_A_ROUND, ROUNDS - 1,
                              int(rng.integers(2**31)), DECIMALS, *kept)
    return tuple(part[n_kept - 1].copy() for part in kept[:3]) if n_kept else None
