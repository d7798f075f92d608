"""Checks of a univariate Cox model: proportional hazards, influence of single patients, and functional form."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.kept import kept
from lib.survival.checks import SurvivalDataError, check_survival, for_large_samples
from lib.survival.clocks import landmark
from lib.survival.regression import _check_covariate, _chi2_p, _greenwood, breslow_or_efron, cox, why_no_hazard_ratio
from lib.survival.risk_sets import MANY, cox_residuals, fit_cox


@dataclass(frozen=True)
class ProportionalHazards:
    """Grambsch-Therneau test with what its plot needs.

    Attributes
    ----------
    p_value : float or None
        Small: the log hazard ratio changes with time. None where there is no model, `reason` saying why.
    event_months, log_hazard_ratios : ndarray, shape (n_events,)
        Scaled Schoenfeld residuals plus the coefficient: a local estimate of the log hazard ratio at each event.
    early, late : CoxResult or None
        Hazard ratio before and after `split_months`.
    split_months : float or None
    reason : str
    """

    p_value: float | None
    event_months: np.ndarray
    log_hazard_ratios: np.ndarray
    early: object | None
    late: object | None
    split_months: float | None
    reason: str = ""


def proportional_hazards(months, event, covariate, *, ties="breslow", split_months=None, conf_level=0.95):
    """Test proportional hazards of one covariate, and estimate its hazard ratio before and after a time.

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    covariate : array-like of float, shape (n_patients,)
    ties : {"breslow", "efron"}
    split_months : float, optional
        Where to split; the median event time if not given.
    conf_level : float

    Returns
    -------
    ProportionalHazards
        The test regresses the residuals on the Kaplan-Meier transform of time, R's default.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515-526. Schoenfeld D. Biometrika 1982;69:239-241. By greenwood, above
    `lib.survival.risk_sets.MANY` patients by `cox_residuals` there.
    """
    months, event, _ = check_survival(months, event)
    x = _check_covariate(covariate, len(months))
    reason = why_no_hazard_ratio(months, event, x)
    if not reason and event.sum() < 3:
        reason = "fewer than three events"
    if reason:
        return ProportionalHazards(None, np.empty(0), np.empty(0), None, None, None, reason)
    p_value, residuals = _schoenfeld(months, event, x, breslow_or_efron(ties))
    split = float(np.median(months[event])) if split_months is None else float(split_months)
    early = cox(np.minimum(months, split), event & (months <= split), x, ties=ties, conf_level=conf_level)
    later = landmark(pd.DataFrame({"months": months, "event": event, "x": x}), "months", "event", split)
    late = cox(later.months, later.event, later.x, ties=ties, conf_level=conf_level) if len(later) else None
    return ProportionalHazards(p_value, np.sort(months[event]), residuals, early, late, split)


@kept
def _schoenfeld(months, event, x, ties):
    """P of the test, and the scaled residuals plus the coefficient in the order of time."""
    if len(months) > MANY:
        found = cox_residuals(months, event, x, ties)
        return found.proportional_p, found.scaled_schoenfeld
    model = _centred(months, event, x, ties)
    return float(model.cox_zph(transform="km").global_test["p_value"]), np.asarray(model.residuals("scaledsch"))[:, 0]


def _centred(months, event, x, ties):
    """Greenwood's fit; its residuals take exp(coefficient x value), which overflows for values far from 0."""
    return _greenwood(months, event, (x - x.mean())[:, None], None, ties)


@kept
def influence(months, event, covariate, *, ties="breslow"):
    """How far each patient moves the log hazard ratio (dfbeta), approximate and by refitting without the patient.

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    covariate : array-like of float, shape (n_patients,)
    ties : {"breslow", "efron"}

    Returns
    -------
    pandas.DataFrame
        One row a patient, in the order given: `dfbeta`, `dfbetas` (in standard errors) and `hazard_ratio_without`
        (missing where the refit has no estimate, and for everybody above `lib.survival.checks.MOST_IN_SMALL_SAMPLE`).

    References
    ----------
    Therneau TM, Grambsch PM. Modeling Survival Data, 2000, section 7.1. dfbeta by greenwood, above `MANY` patients by
    `lib.survival.risk_sets.cox_residuals`.
    """
    months, event, _ = check_survival(months, event)
    x = _check_covariate(covariate, len(months))
    reason = why_no_hazard_ratio(months, event, x)
    if reason:
        raise SurvivalDataError(f"Influence needs a hazard ratio, and {reason}.")
    method = breslow_or_efron(ties)
    if len(x) > MANY:
        found = cox_residuals(months, event, x, method)
        columns = {"dfbeta": found.dfbeta, "dfbetas": found.dfbetas}
    else:
        model = _centred(months, event, x, method)
        columns = {kind: np.asarray(model.residuals(kind))[:, 0] for kind in ("dfbeta", "dfbetas")}
    everyone = np.arange(len(x))
    without = np.nan if for_large_samples(len(x)) else [_ratio_of(months, event, x, everyone != left_out, method) for left_out in everyone]
    return pd.DataFrame({**columns, "hazard_ratio_without": without})


def _ratio_of(months, event, x, kept, ties):
    months, event, x = months[kept], event[kept], x[kept]
    if why_no_hazard_ratio(months, event, x):
        return np.nan
    z = (x - x.mean()) / x.std()
    # one fit a patient: the running sums take a millisecond where a library takes fifty
    return float(np.exp(fit_cox(months, event, z[:, None], ties=ties).coefficients[0] / x.std()))


@kept
def functional_form(months, event, covariate, *, ties="breslow"):
    """Is a straight line on the log-hazard scale enough for a continuous covariate?

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    covariate : array-like of float, shape (n_patients,)
    ties : {"breslow", "efron"}

    Returns
    -------
    dict
        `linear_p` (likelihood ratio against nothing), `curvature_p` (squared term added to the line),
        `log_likelihoods` of "linear", "logarithm" (None with values <= 0) and "quadratic", and `martingale`: residuals of the model
        without covariates, whose smoothed course against the covariate shows its form.

    References
    ----------
    Therneau TM, Grambsch PM, Fleming TR. Biometrika 1990;77:147-160 (martingale residuals).
    """
    months, event, _ = check_survival(months, event)
    x = _check_covariate(covariate, len(months))
    reason = why_no_hazard_ratio(months, event, x)
    if reason or len(np.unique(x)) < 4:
        return {"linear_p": None, "curvature_p": None, "log_likelihoods": {}, "martingale": None,
                "reason": reason or "fewer than four different values"}
    method = breslow_or_efron(ties)
    z = (x - x.mean()) / x.std()
    shapes = {"linear": z[:, None], "quadratic": np.column_stack([z, z**2])}
    if (x > 0).all():
        logs = np.log(x)
        shapes["logarithm"] = ((logs - logs.mean()) / logs.std())[:, None]
    likelihoods = {name: _log_likelihood(months, event, columns, method) for name, columns in shapes.items()}
    linear_p = cox(months, event, x, ties=method).likelihood_ratio_p
    return {"linear_p": linear_p, "curvature_p": _chi2_p(2 * (likelihoods["quadratic"] - likelihoods["linear"])),
            "log_likelihoods": {"logarithm": None} | likelihoods, "martingale": null_martingale_residuals(months, event), "reason": ""}


def _log_likelihood(months, event, columns, ties):
    if len(months) > MANY:
        return fit_cox(months, event, columns, ties=ties).log_likelihood
    return float(_greenwood(months, event, columns, None, ties).loglik_)


def null_martingale_residuals(months, event):
    """Events minus cumulative hazard (Nelson-Aalen) of each patient: the log-rank scores; shape (n_patients,)."""
    from lib.survival.batch import logrank_scores

    months, event, _ = check_survival(months, event)
    return logrank_scores(months, event)
