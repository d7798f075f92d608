"""Medians and log-rank tests of many weighted or relabelled copies of one cohort at once.

Bootstrap, leave-one-out, permutation and cut-point search each need thousands of small fits; one fit at a time
with lifelines takes milliseconds, these kernels microseconds. The tests hold them to lifelines.
"""

import numpy as np

from lib.survival.estimate import KNIFE_EDGE, number_at_risk


def weighted_medians(months, event, weights):
    """Kaplan-Meier median under each row of case weights (first time with survival <= 0.5).

    Parameters
    ----------
    months : ndarray of float, shape (n,)
    event : ndarray of bool, shape (n,)
    weights : ndarray, shape (n_copies, n)
        How often each patient counts: bootstrap counts, or 0 and 1 to leave patients out.

    Returns
    -------
    ndarray, shape (n_copies,)
        Months; infinity where survival stays above 0.5 (or nobody is left).
    """
    times, at_risk, deaths = _risk_sets(months, event, weights)
    with np.errstate(invalid="ignore"):  # 0/0 where nobody is left, which is below nothing
        survival = np.cumprod(1 - deaths / at_risk, axis=1)
    below = survival <= 0.5 + KNIFE_EDGE
    return np.where(below.any(axis=1), times[below.argmax(axis=1)], np.inf)


def logrank_statistics(months, event, in_group, weights=None):
    """Two-group log-rank score and variance for each row of group membership.

    Parameters
    ----------
    months : ndarray of float, shape (n,)
    event : ndarray of bool, shape (n,)
    in_group : ndarray of bool, shape (n_copies, n)
        Members of the first group.
    weights : ndarray, shape (n_copies, n), optional
        Case weights; 1 if not given.

    Returns
    -------
    tuple of ndarray, each of shape (n_copies,)
        Observed minus expected events of the first group, and its hypergeometric variance.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163-170.
    """
    weights = np.ones(in_group.shape) if weights is None else weights
    _, at_risk, deaths = _risk_sets(months, event, weights)
    _, at_risk_1, deaths_1 = _risk_sets(months, event, weights * in_group)
    some = np.maximum(at_risk, 1)  # where nobody is left nobody dies either
    score = (deaths_1 - deaths * at_risk_1 / some).sum(axis=1)
    spread = at_risk_1 * (at_risk - at_risk_1) / some**2 * deaths * (at_risk - deaths) / np.maximum(at_risk - 1, 1)
    return score, spread.sum(axis=1)


def logrank_p_values(months, event, in_group, weights=None):
    """Two-sided log-rank P for each row of group membership; missing where the variance is 0."""
    from scipy.special import chdtrc

    score, variance = logrank_statistics(months, event, in_group, weights)
    return chdtrc(1, score**2 / np.where(variance > 0, variance, np.nan))


def logrank_scores(months, event):
    """Each patient's log-rank score: event (1 or 0) minus the cumulative hazard up to the own time.

    The observed minus expected events of any group is the sum of its members' scores, so that a permutation
    test only has to add numbers up. The scores of all patients sum to 0.
    """
    times, own = np.unique(months, return_inverse=True)
    hazard = np.cumsum(np.bincount(own, weights=event) / number_at_risk(times, months))
    return event - hazard[own]


def _risk_sets(months, event, weights):
    """Distinct times, and the weighted numbers at risk and dying at each, shapes (t,), (m, t), (m, t)."""
    order = np.argsort(months)
    times, first = np.unique(months[order], return_index=True)
    leaving = np.add.reduceat(weights[:, order], first, axis=1)
    deaths = np.add.reduceat(weights[:, order] * event[order], first, axis=1)
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    return times, at_risk, deaths
