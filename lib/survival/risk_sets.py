"""Sums over risk sets, and the Cox partial likelihood built from them, in time n log n.

The libraries fit each model as well, and are used for cohorts up to `MANY` patients. They loop over event times or rows,
which a registry of a million cannot wait for; here one sort and running sums do the same work. The tests hold both to
each other and to R.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from lib.once import once

MANY = 5_000  # patients above which Cox models are fitted here
CONVERGED, MOST_STEPS = 1e-10, 50


class RiskSets:
    """The patients sorted by time once, for any number of sums.

    Parameters
    ----------
    months : ndarray of float, shape (n,)
    event : ndarray of bool, shape (n,)
    entry : ndarray of float, shape (n,), optional
        A patient is at risk after `entry` and up to `months`.

    Attributes
    ----------
    times : ndarray, shape (n_times,)
        Distinct times with an event.
    deaths : ndarray of int, shape (n_times,)
        Events at each.
    at : ndarray of int, shape (n_events,)
        Position in `times` of each event, in the order given.
    """

    def __init__(self, months, event, entry=None):
        self._order = in_order(months)
        exits, dying = months[self._order], event[self._order]
        ends = exits[dying]
        first = np.append(True, ends[1:] != ends[:-1])[:len(ends)]
        self.times = ends[first]
        self._first = np.searchsorted(exits, self.times, side="left")
        self._event = event
        at = np.empty(len(months), np.intp)
        at[self._order[dying]] = np.cumsum(first) - 1
        self.at = at[event]
        self.deaths = np.bincount(self.at, minlength=len(self.times))
        self._entered = None
        if entry is not None:
            self._entered = in_order(entry)
            self._not_yet = np.searchsorted(entry[self._entered], self.times, side="left")

    def at_risk(self, values):
        """Sum of `values`, shape (n,) or (n, k), over those at risk at each event time: shape (n_times,) or (n_times, k)."""
        if values.ndim == 2:  # one column after the other: side by side in memory they are summed several times slower
            return np.column_stack([self.at_risk(column) for column in values.T])
        total = _tail_sums(values[self._order])[self._first]
        if self._entered is not None:
            total = total - _tail_sums(values[self._entered])[self._not_yet]
        return total

    def of_deaths(self, values):
        """Sum of `values` over those with an event at each event time."""
        values = values[self._event]
        if values.ndim == 1:
            return np.bincount(self.at, weights=values, minlength=len(self.times))
        return np.column_stack([np.bincount(self.at, weights=column, minlength=len(self.times)) for column in values.T])

    def shares(self, ties):
        """Event time of each event, and the share of the tied dying that Efron's rule takes out of its risk set."""
        which = np.repeat(np.arange(len(self.times)), self.deaths)
        if ties != "efron":
            return which, None
        before = np.repeat(np.cumsum(self.deaths) - self.deaths, self.deaths)
        return which, (np.arange(len(which)) - before) / self.deaths[which]


@partial(once, kept=4)  # of a million patients, each takes 8 MB
def in_order(months):
    """The stable order of times, which the models and checks of one set of patients ask for one after the other."""
    return np.argsort(months, kind="stable")


def _tail_sums(values):
    """Sums from each position to the end, and 0 after the last."""
    return np.append(np.cumsum(values[::-1], dtype=float)[::-1], 0.0)


@dataclass(frozen=True)
class PartialLikelihood:
    """A fitted Cox model.

    Attributes
    ----------
    coefficients, errors : ndarray, shape (n_covariates,)
    log_likelihood, null_log_likelihood : float
    score_statistic : float
        Of the test that all coefficients are 0.
    """

    coefficients: np.ndarray
    errors: np.ndarray
    log_likelihood: float
    null_log_likelihood: float
    score_statistic: float


def fit_cox(months, event, covariates, entry=None, ties="breslow"):
    """Cox regression by Newton's method, step-halved.

    Parameters
    ----------
    months, event, entry
        See `RiskSets`.
    covariates : ndarray of float, shape (n, n_covariates)
        Standardised, so that one tolerance suits all.
    ties : {"breslow", "efron"}

    Returns
    -------
    PartialLikelihood

    Raises
    ------
    FloatingPointError
        Where the likelihood has no maximum within reach.
    """
    if entry is None:  # in the order of time each sum reads memory from end to end
        order = in_order(months)
        months, event, covariates = months[order], event[order], covariates[order]
    return _fitted(RiskSets(months, event, entry), covariates, ties)


def _fitted(sets, covariates, ties):
    beta = np.zeros(covariates.shape[1])
    value, score, information = null = _derivatives(sets, covariates, beta, ties)
    for _ in range(MOST_STEPS):
        step = np.linalg.solve(information, score)
        if float(score @ step) < CONVERGED**2 * max(1.0, abs(value)):
            errors = np.sqrt(np.diag(np.linalg.inv(information)))
            return PartialLikelihood(beta, errors, value, null[0], float(null[1] @ np.linalg.solve(null[2], null[1])))
        for _ in range(MOST_STEPS):
            found = _derivatives(sets, covariates, beta + step, ties)
            if found[0] >= value - 1e-9 * abs(value):
                break
            step = step / 2
        beta, (value, score, information) = beta + step, found
    raise FloatingPointError("Cox regression did not converge")


def _derivatives(sets, z, beta, ties):
    """Log partial likelihood, score and information at `beta`."""
    k = z.shape[1]
    upper = np.triu_indices(k)
    risk = np.exp(np.clip(z @ beta, -500, 500))
    each = np.ascontiguousarray(z.T)
    columns = np.vstack([risk, risk * each, risk * each[upper[0]] * each[upper[1]]]).T
    sums = sets.at_risk(columns)
    which, share = sets.shares(ties)
    if share is not None:
        sums = sums[which] - share[:, None] * sets.of_deaths(columns)[which]
        times = np.ones(len(which))
    else:
        times = sets.deaths.astype(float)
    size, mean = sums[:, 0], sums[:, 1:k + 1] / sums[:, :1]
    second = ((sums[:, k + 1:] / sums[:, :1]) * times[:, None]).sum(axis=0)
    spread = np.zeros((k, k))
    spread[upper] = second
    spread = spread + np.triu(spread, 1).T - (mean * times[:, None]).T @ mean
    dying = sets.of_deaths(z).sum(axis=0)
    value = float(dying @ beta - (times * np.log(size)).sum())
    return value, dying - (mean * times[:, None]).sum(axis=0), spread


@dataclass(frozen=True)
class CoxResiduals:
    """Residuals of a Cox model of one covariate.

    Attributes
    ----------
    proportional_p : float
        P of the Grambsch-Therneau test on the Kaplan-Meier transform of time.
    scaled_schoenfeld : ndarray, shape (n_events,)
        Plus the coefficient, in the order of time, the tied in the order given.
    dfbeta, dfbetas : ndarray, shape (n,)
        Approximate change of the coefficient by each patient, as it stands and in standard errors.
    """

    proportional_p: float
    scaled_schoenfeld: np.ndarray
    dfbeta: np.ndarray
    dfbetas: np.ndarray


def cox_residuals(months, event, x, ties="breslow"):
    """Fit a Cox model of one covariate and find its residuals, as greenwood does one event at a time.

    Parameters
    ----------
    months, event
        See `RiskSets`.
    x : ndarray of float, shape (n,)
    ties : {"breslow", "efron"}
        Of the model and of its Schoenfeld residuals; dfbeta is of Breslow's form under both.

    Returns
    -------
    CoxResiduals

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515-526. Therneau TM, Grambsch PM. Modeling Survival Data, 2000, chapters 4, 6, 7.
    """
    from scipy.special import chdtrc

    scale = x.std()
    z = (x - x.mean()) / scale
    sets = RiskSets(months, event)
    fit = _fitted(sets, z[:, None], ties)
    beta, variance = fit.coefficients[0], fit.errors[0] ** 2
    risk = np.exp(z * fit.coefficients[0])
    mean, spread = _means_at_risk(sets, np.column_stack([risk, risk * z, risk * z**2]), ties)
    order = np.argsort(months[event], kind="stable")
    at = sets.at[order]
    schoenfeld = z[event][order] - mean[at]

    deaths, at_risk = sets.deaths, sets.at_risk(np.ones(len(x)))
    survival = np.cumprod(1 - deaths / at_risk)
    transformed = 1 - np.concatenate([[1.0], survival[:-1]])
    centred = transformed - (deaths @ transformed) / deaths.sum()
    score, information = centred[at] @ schoenfeld, deaths * spread
    left = centred**2 @ information - (centred @ information) ** 2 / information.sum()

    size, weighted = sets.at_risk(np.column_stack([risk, risk * z])).T
    breslow, hazard = weighted / size, deaths / size
    until = np.searchsorted(sets.times, months, side="right")
    summed, summed_mean = (np.concatenate([[0.0], np.cumsum(each)])[until] for each in (hazard, hazard * breslow))
    dfbeta = -risk * (z * summed - summed_mean)
    dfbeta[event] += z[event] - breslow[sets.at]
    dfbeta *= variance
    return CoxResiduals(float(chdtrc(1, score**2 / left)), (schoenfeld * variance * len(at) + beta) / scale, dfbeta / scale,
                        dfbeta / np.sqrt(variance))


def _means_at_risk(sets, columns, ties):
    """Risk-weighted mean and variance of the covariate at each event time; under Efron's rule the means over the tied."""
    which, share = sets.shares(ties)
    sums = sets.at_risk(columns)
    if share is not None:
        sums = sums[which] - share[:, None] * sets.of_deaths(columns)[which]
    mean = sums[:, 1] / sums[:, 0]
    spread = sums[:, 2] / sums[:, 0] - mean**2
    if share is None:
        return mean, spread
    return tuple(np.bincount(which, weights=each) / sets.deaths for each in (mean, spread))
