"""Compiled tests of groups that `lib.identified.kernels` has no room for: several groups at once, and competing events."""

from __future__ import annotations

import math

import numba
import numpy as np

_jit = numba.njit(cache=True)


@_jit
def three_groups_log_rank(exits, events, groups):
    """Log-rank chi-square of three groups, 2 degrees of freedom.

    Parameters
    ----------
    exits : float array, shape (n,)
    events : bool array, shape (n,)
    groups : int array, shape (n,)
        0, 1 or 2.

    Returns
    -------
    float
        NaN where the three were never at risk together.

    References
    ----------
    Collett D. Modelling Survival Data in Medical Research, section 2.8.
    """
    difference, variance = np.zeros(2), np.zeros((2, 2))
    for patient in range(exits.size):
        if not events[patient]:
            continue
        now, at_risk, dying, first = exits[patient], np.zeros(3), 0, True
        for other in range(exits.size):
            if exits[other] >= now:
                at_risk[groups[other]] += 1.0
                if events[other] and exits[other] == now:
                    dying += 1
                    first &= other >= patient
        total = at_risk.sum()
        share = at_risk[:2] / total
        difference -= share
        if groups[patient] < 2:
            difference[groups[patient]] += 1.0
        if first and total > 1:
            scale = dying * (total - dying) / (total - 1.0)
            for row in range(2):
                for column in range(2):
                    variance[row, column] += scale * share[row] * ((row == column) - share[column])
    determinant = variance[0, 0] * variance[1, 1] - variance[0, 1] ** 2
    if determinant <= 1e-12:
        return math.nan
    return (variance[1, 1] * difference[0] ** 2 - 2.0 * variance[0, 1] * difference[0] * difference[1]
            + variance[0, 0] * difference[1] ** 2) / determinant


@_jit
def gray(exits, kinds, members):
    """Gray's chi-square of equal cumulative incidence of cause 1 in two groups, 1 degree of freedom.

    Parameters
    ----------
    exits : float array, shape (n,)
    kinds : int array, shape (n,)
        0 for censored, 1 for the cause, 2 for a competing one.
    members : bool array, shape (n,)
        Of the first group.

    Returns
    -------
    float
        NaN where the groups were never at risk together.

    Notes
    -----
    In the notation of the paper ``weight`` is R/S and ``modified`` is R(1-F)/S of a group. What an event at one time
    adds to the score directly, and through every later weight, is squared for each group and cause; ``later`` gathers
    the weights met so far, so that the sums over later times need no second pass.

    References
    ----------
    Gray RJ. Ann Stat 1988;16:1141-1154, formulas 2.1 and 3.1 with rho = 0.
    """
    order, n = np.argsort(exits), exits.size
    at_risk, survival, incidence = np.zeros(2), np.ones(2), np.zeros(2)
    for patient in range(n):
        at_risk[0 if members[patient] else 1] += 1.0
    pooled, score, variance = 0.0, 0.0, 0.0
    # of the first group's score: the weights gathered, and sums of squares and products that wait for the last of them
    later, squares, products = np.zeros(2), np.zeros(2), np.zeros(2)
    start = 0
    while start < n:
        stop, counts = start, np.zeros((3, 2))
        while stop < n and exits[order[stop]] == exits[order[start]]:
            counts[kinds[order[stop]], 0 if members[order[stop]] else 1] += 1.0
            stop += 1
        causes, rivals = counts[1].sum(), counts[2].sum()
        if causes + rivals > 0:
            weight, modified, after, risen = np.zeros(2), np.zeros(2), survival.copy(), incidence.copy()
            for group in range(2):
                if at_risk[group] > 0:
                    weight[group] = at_risk[group] / survival[group]
                    modified[group] = weight[group] * (1.0 - incidence[group])
                    after[group] = survival[group] * (at_risk[group] - counts[1, group] - counts[2, group]) / at_risk[group]
                    risen[group] += survival[group] * counts[1, group] / at_risk[group]
            total = weight.sum()
            raised = pooled + causes / total
            own = np.zeros(2)
            if at_risk[0] > 0:
                own[0] = weight[0] * (1.0 - weight[0] / total)
                own[1] = -weight[0] * weight[1] / total
                score += counts[1, 0] - causes * modified[0] / modified.sum()
            if pooled < 1.0:
                later += own * causes / (total * (1.0 - pooled))
            for group in range(2):
                left = (1.0 - raised) / after[group] if after[group] > 0 else 0.0
                if at_risk[group] > 0 and causes > 0:
                    scale = total * survival[group]
                    tied = 1.0 - (causes - 1.0) / (scale - 1.0) if scale > 1.0 else 1.0
                    spread = tied * survival[group] * causes / (total * at_risk[group])
                    kept = 1.0 - left
                    direct = own[group] - kept * later[group]
                    squares[group] += kept * kept * spread
                    products[group] += direct * kept * spread
                    variance += direct * direct * spread
                if after[group] > 0 and counts[2, group] > 0:
                    tied = 1.0 - (counts[2, group] - 1.0) / (at_risk[group] - 1.0) if at_risk[group] > 1 else 1.0
                    spread = tied * survival[group] ** 2 * counts[2, group] / at_risk[group] ** 2
                    direct = left * later[group]
                    squares[group] += left * left * spread
                    products[group] -= direct * left * spread
                    variance += direct * direct * spread
            pooled, survival, incidence = raised, after, risen
        for place in range(start, stop):
            at_risk[0 if members[order[place]] else 1] -= 1.0
        start = stop
    for group in range(2):
        variance += later[group] * (later[group] * squares[group] + 2.0 * products[group])
    return score * score / variance if variance > 1e-12 else math.nan
