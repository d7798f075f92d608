"""Cox regression of one covariate at a time, with the ties, tests and safeguards that two dozen patients need."""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import scipy  # its parts load where they are used

from lib.kept import kept
from lib.once import once
from lib.survival.checks import SurvivalDataError, check_groups, check_survival, for_large_samples
from lib.survival.risk_sets import MANY, RiskSets, fit_cox

TIES = ("breslow", "efron", "exact")
MOST_EXACT, MOST_EXACT_AT_RISK = 5000, 500


@dataclass(frozen=True)
class CoxResult:
    """One hazard ratio; numbers are None where they do not exist, `reason` saying why.

    Attributes
    ----------
    hazard_ratio, lower, upper : float or None
        Per unit of the covariate, with the Wald interval.
    log_hazard_ratio, std_error : float or None
        On the scale of the fit.
    wald_p, score_p, likelihood_ratio_p : float or None
        Two-sided P of the three tests. The score test exists even where the estimate does not.
    n, n_events : int
        Patients (or, with delayed entry, rows) and events.
    ties : str
        Treatment of tied event times.
    reason : str
    """

    hazard_ratio: float | None
    lower: float | None
    upper: float | None
    log_hazard_ratio: float | None
    std_error: float | None
    wald_p: float | None
    score_p: float | None
    likelihood_ratio_p: float | None
    n: int
    n_events: int
    ties: str
    reason: str = ""


def cox(months, event, covariate, *, ties="breslow", conf_level=0.95, entry=None):
    """Cox regression on one covariate.

    Parameters
    ----------
    months, event, entry
        See `lib.survival.checks.check_survival`; several rows a patient (counting process) are allowed with `entry`.
    covariate : array-like of float, shape (n_patients,)
        Its values, without missing ones.
    ties : {"breslow", "efron", "exact"}
        Breslow as SPSS and SAS do by default, Efron as R and lifelines, exact as R's ``ties="exact"`` (the discrete
        likelihood; SAS calls it DISCRETE).
    conf_level : float
        Two-sided coverage of the Wald interval.

    Returns
    -------
    CoxResult
        Without an estimate, and with the reason, where the covariate is constant, nobody had an event, or the
        likelihood is monotone (every event has the highest, or the lowest, value of its risk set).

    References
    ----------
    Cox DR. J R Stat Soc B 1972;34:187-220. Breslow N. Biometrics 1974;30:89-99. Efron B. J Am Stat Assoc 1977;72:557-565.
    Efron by lifelines, Breslow by greenwood, exact by statsmodels (conditional logistic regression); above
    `lib.survival.risk_sets.MANY` rows, Efron and Breslow by `fit_cox` there, and exact is left out.
    """
    months, event, entry = check_survival(months, event, entry)
    x = _check_covariate(covariate, len(months))
    if ties not in TIES:
        raise SurvivalDataError(f"ties {ties!r} is not one of {', '.join(TIES)}.")
    n_events = int(event.sum())
    reason = why_no_hazard_ratio(months, event, x, entry, ties)
    if reason:
        score_p = _score_p(months, event, x - x.mean(), entry, ties) if "monotone" in reason else None
        return CoxResult(None, None, None, None, None, None, score_p, None, len(x), n_events, ties, reason)
    if ties == "exact" and (too_tied := why_not_exact(months, event)):
        return CoxResult(None, None, None, None, None, None, None, None, len(x), n_events, ties, too_tied)
    centred = (x - x.mean()) / x.std()  # platelets in thousands and a ratio near 1 converge alike
    fit = {"breslow": _breslow, "efron": _efron, "exact": _exact}[ties]
    if len(x) > MANY and ties != "exact":
        fit = partial(_by_running_sums, ties=ties)
    beta, error, score_p, lr_p = fit(months, event, centred, entry)
    beta, error = beta / x.std(), error / x.std()
    return _result(beta, error, score_p, lr_p, len(x), n_events, ties, conf_level)


def _result(beta, error, score_p, lr_p, n, n_events, ties, conf_level):
    from scipy.special import ndtr, ndtri

    half = ndtri(0.5 + conf_level / 2) * error
    ratio, lower, upper = (float(v) for v in np.exp([beta, beta - half, beta + half]))
    return CoxResult(ratio, lower, upper, float(beta), float(error), float(2 * ndtr(-abs(beta / error))),
                     float(score_p), float(lr_p), n, n_events, ties)


def why_no_hazard_ratio(months, event, covariate, entry=None, ties=None):
    """Say why a covariate has no finite hazard ratio; an empty string where it has one.

    With one covariate the partial likelihood is monotone exactly when every event carries the highest value of its
    risk set (hazard ratio to infinity) or every event the lowest (to zero). Heinze and Schemper, Biometrics 2001.
    The exact likelihood compares the dying with the others at risk alone: where none are left it learns nothing.
    """
    if not event.any():
        return "there are no events"
    if np.ptp(covariate) == 0:
        return "everyone has the same value"
    highest = lowest = True
    for time in np.unique(months[event]):
        dies = (months == time) & event
        at_risk = (months >= time) & (True if entry is None else entry < time)
        dying, others = covariate[dies], covariate[at_risk & ~dies if ties == "exact" else at_risk]
        if len(others):
            highest &= bool(dying.min() >= others.max())
            lowest &= bool(dying.max() <= others.min())
        if not highest and not lowest:
            return ""
    if highest and lowest:
        return "no event told patients of different values apart"
    side = "highest" if highest else "lowest"
    return f"monotone likelihood: every event has the {side} value at risk, so the hazard ratio has no finite estimate"


def why_not_exact(months, event):
    """Say why the exact likelihood is out of reach; an empty string where it is not.

    Its terms run over all ways to choose the dying from those at risk: a million patients with tied days have no such sum.
    """
    sets = RiskSets(months, event)
    too_many_tied = (sets.deaths > 1).any() and sets.at_risk(np.ones(len(months))).max() > MOST_EXACT_AT_RISK
    if len(months) > MOST_EXACT or too_many_tied:
        return f"the exact treatment of ties is computed for at most {MOST_EXACT_AT_RISK} patients at risk"
    return ""


def _by_running_sums(months, event, x, entry, ties):
    fit = fit_cox(months, event, x[:, None], entry, ties)
    lr_p = _chi2_p(2 * (fit.log_likelihood - fit.null_log_likelihood))
    return float(fit.coefficients[0]), float(fit.errors[0]), _chi2_p(fit.score_statistic), lr_p


def breslow_or_efron(ties):
    """The treatment of ties where there is no exact one: Efron's if asked for, else Breslow's."""
    return "efron" if ties == "efron" else "breslow"


@kept
def _breslow(months, event, x, entry):
    model = _greenwood(months, event, x[:, None], entry, "breslow")
    return float(model.coef_[0]), float(model.std_error_[0]), _chi2_p(model.score_stat_), _chi2_p(model.lr_stat_)


@kept
def _efron(months, event, x, entry):
    from lifelines import CoxPHFitter

    frame = pd.DataFrame({"months": months, "event": event, "x": x})
    if entry is not None:
        frame["entry"] = entry
    # the default precision stops early: coefficients differ from R's in the fifth digit
    model = CoxPHFitter().fit(frame, "months", "event", entry_col=None if entry is None else "entry",
                              fit_options={"precision": 1e-14})
    lr_p = model.log_likelihood_ratio_test().p_value
    # lifelines has no score test
    return float(model.params_["x"]), float(model.standard_errors_["x"]), _score_p(months, event, x, entry, "efron"), lr_p


@kept
def _exact(months, event, x, entry):
    """Discrete-time likelihood: a conditional logistic regression with one stratum for each risk set."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    dying, values, strata = [], [], []
    for time in np.unique(months[event]):
        risk_set = (months >= time) & (True if entry is None else entry < time)
        dies = ((months == time) & event)[risk_set]
        if dies.all():
            continue  # such a stratum carries no information
        dying.append(dies)
        values.append(x[risk_set])
        strata.append(np.full(risk_set.sum(), time))
    model = ConditionalLogit(np.concatenate(dying).astype(float), np.concatenate(values)[:, None],
                             groups=np.concatenate(strata))
    result = model.fit(method="newton", disp=0)
    zero = np.zeros(1)
    information = -model.hessian(zero)[0, 0]
    return (float(result.params[0]), float(result.bse[0]), _chi2_p(model.score(zero)[0] ** 2 / information),
            _chi2_p(2 * (model.loglike(result.params) - model.loglike(zero))))


@once
def _greenwood(months, event, x, entry, ties):
    import greenwood

    times = greenwood.Surv(months, event) if entry is None else greenwood.Surv(entry, months, event)
    return greenwood.CoxPH(ties=ties).fit(times, x)


def _score_p(months, event, x, entry, ties):
    """P of the score test, which needs no finite estimate: U(0)^2 / I(0)."""
    sets = RiskSets(months, event, entry)
    which, share = sets.shares(ties)
    share = 0.0 if share is None else share
    total, first, second = (sets.at_risk(values)[which] for values in (np.ones(len(x)), x, x**2))
    deaths = sets.deaths[which]
    size = total - share * deaths
    mean = (first - share * sets.of_deaths(x)[which]) / size
    spread = (second - share * sets.of_deaths(x**2)[which]) / size - mean**2
    if ties == "exact":  # hypergeometric: the dying are drawn without replacement
        spread = spread * (total - deaths) / np.maximum(total - 1, 1)
    score, information = x[event].sum() - mean.sum(), spread.sum()
    return _chi2_p(score**2 / information)


def _chi2_p(statistic, df=1):
    from scipy.special import chdtrc

    return float(chdtrc(df, statistic))


def _check_covariate(covariate, n_patients):
    x = np.asarray(pd.to_numeric(pd.Series(covariate)), dtype=float)
    if len(x) != n_patients:
        raise SurvivalDataError(f"{n_patients} survival times but {len(x)} values of the covariate.")
    if np.isnan(x).any():
        raise SurvivalDataError(
            f"{int(np.isnan(x).sum())} of {n_patients} patients have no value of the covariate; leave them out explicitly."
        )
    return x


@dataclass(frozen=True)
class FirthResult:
    """Firth-penalised hazard ratio with its profile-likelihood interval; None where it does not exist."""

    hazard_ratio: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    reason: str = ""


def firth_cox(months, event, covariate, *, conf_level=0.95):
    """Firth's penalised Cox regression on one covariate, by firthmodels (Breslow ties).

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    covariate : array-like of float, shape (n_patients,)
    conf_level : float
        Two-sided coverage of the profile-likelihood interval.

    Returns
    -------
    FirthResult
        A finite hazard ratio even under monotone likelihood; P from the penalised likelihood ratio.

    References
    ----------
    Heinze G, Schemper M. Biometrics 2001;57:114-119.
    """
    months, event, _ = check_survival(months, event)
    x = _check_covariate(covariate, len(months))
    reason = for_large_samples(len(x)) or why_no_hazard_ratio(months, event, x)
    if reason and "monotone" not in reason:
        return FirthResult(None, None, None, None, reason)
    from firthmodels import FirthCoxPH

    response = np.array(list(zip(event, months)), dtype=[("event", bool), ("time", float)])
    scale = x.std()
    # numpy backend: compiling the numba one would take longer than all fits of the chapter
    model = FirthCoxPH(backend="numpy", gtol=1e-7, max_iter=500, max_halfstep=30, max_step=1.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a fit that did not converge only warns
            model.fit(((x - x.mean()) / scale)[:, None], response).lrt()
            limits = model.conf_int(alpha=1 - conf_level, method="pl")[0] / scale
    except (RuntimeWarning, UserWarning, FloatingPointError, np.linalg.LinAlgError):
        return FirthResult(None, None, None, None, "Firth's fit did not converge")
    lower, upper = (float(limit) if np.isfinite(limit) else None for limit in np.exp(limits))
    return FirthResult(float(np.exp(model.coef_[0] / scale)), lower, upper, float(model.lrt_pvalues_[0]))


def categorical_test(months, event, levels, *, ties="breslow"):
    """Global score test of a covariate with several levels, which needs no finite hazard ratio.

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    levels : array-like, shape (n_patients,)
        Level of each patient.
    ties : {"breslow", "efron"}

    Returns
    -------
    dict
        `statistic`, `df`, `p_value` (None with a `reason` where it cannot be computed).

    References
    ----------
    Score test of all indicator variables at zero. Its covariance is singular where a level leaves before the first
    event; the degrees of freedom are its rank.
    """
    months, event, _ = check_survival(months, event)
    indicators = pd.get_dummies(check_groups(levels, len(months))).to_numpy()
    sets = RiskSets(months, event)
    which, share = sets.shares(ties)
    share = 0.0 if share is None else share[:, None]
    mean = sets.at_risk(indicators)[which] - share * sets.of_deaths(indicators)[which]
    mean = mean / mean.sum(axis=1, keepdims=True)
    score = indicators[event].sum(axis=0) - mean.sum(axis=0)
    information = np.diag(mean.sum(axis=0)) - mean.T @ mean
    sizes, axes = np.linalg.eigh(information)
    seen = sizes > 1e-9 * sizes.max()
    df = int(seen.sum())
    if df == 0:
        reason = "there are no events" if not event.any() else "only one level has patients at risk"
        return {"statistic": None, "df": 0, "p_value": None, "reason": reason}
    statistic = float((((score @ axes) ** 2)[seen] / sizes[seen]).sum())
    return {"statistic": statistic, "df": df, "p_value": _chi2_p(statistic, df), "reason": ""}


def univariate_screen(covariates, months, event, *, ties="breslow", conf_level=0.95):
    """Univariate Cox regression on each column, with Holm's and Benjamini-Hochberg's adjustment of the P values.

    Parameters
    ----------
    covariates : pandas.DataFrame, shape (n_patients, n_covariates)
        Booleans and numbers give a hazard ratio; text and categories of two levels a hazard ratio of the second (in
        alphabetical order, or of the category), of more levels a global score test. Rows with a missing value are left out and
        counted.
    months, event
        See `lib.survival.checks.check_survival`.
    ties : {"breslow", "efron", "exact"}
    conf_level : float

    Returns
    -------
    pandas.DataFrame
        One row a covariate: `covariate`, `contrast`, `n`, `n_events`, `hazard_ratio`, `lower`, `upper`, `p_value` (Wald, or
        global score test), `df`, `p_holm`, `p_fdr`, `reason`.
    """
    rows = [_screen_one(name, covariates[name], months, event, ties, conf_level) for name in covariates]
    table = pd.DataFrame(rows, columns=["covariate", "contrast", "n", "n_events", "hazard_ratio", "lower", "upper", "p_value",
                                        "df", "reason"])
    numbers = ["hazard_ratio", "lower", "upper", "p_value"]
    table[numbers] = table[numbers].astype(float)
    table["p_holm"], table["p_fdr"] = adjust(table.p_value, "holm"), adjust(table.p_value, "fdr_bh")
    return table


def _screen_one(name, column, months, event, ties, conf_level):
    known = column.notna().to_numpy()
    column, months, event = column[known], np.asarray(months)[known], np.asarray(event)[known]
    row = {"covariate": name, "n": int(known.sum()), "n_events": int(event.sum()), "df": 1, "reason": ""}
    if not known.any():
        return row | {"contrast": "", "reason": "no patient has a value"}
    contrast, values = contrast_of(column)
    row["contrast"] = contrast
    if values is None:
        test = categorical_test(months, event, column, ties=breslow_or_efron(ties))
        return row | {"p_value": test["p_value"], "df": test["df"], "reason": test["reason"] or "global test"}
    fit = cox(months, event, values, ties=ties, conf_level=conf_level)
    return row | {"hazard_ratio": fit.hazard_ratio, "lower": fit.lower, "upper": fit.upper, "p_value": fit.wald_p,
                  "reason": fit.reason}


def contrast_of(column):
    """What a hazard ratio of this column compares ("" for a number), and its values (None for more than two levels)."""
    if pd.api.types.infer_dtype(column) == "boolean":
        return "yes against no", column.to_numpy(float)
    if pd.api.types.is_numeric_dtype(column):
        return "", column.to_numpy(float)
    levels = pd.Categorical(column).remove_unused_categories().categories
    if len(levels) == 1:
        return "one level", np.zeros(len(column))
    if len(levels) == 2:
        return f"{levels[1]} against {levels[0]}", (column == levels[1]).to_numpy(float)
    return f"{len(levels)} levels", None


def adjust(p_values, method):
    """P values adjusted for their number; missing ones stay missing and do not count.

    Parameters
    ----------
    p_values : array-like of float
    method : {"holm", "fdr_bh"}
        Family-wise error (Holm 1979) or false discovery rate (Benjamini and Hochberg 1995).
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted, known = np.full(len(p_values), np.nan), ~np.isnan(p_values)
    if known.any():
        adjusted[known] = {"holm": _holm, "fdr_bh": scipy.stats.false_discovery_control}[method](p_values[known])
    return adjusted


def _holm(p_values):
    """Holm's P values. Those of statsmodels come with a collection of garbage, which takes longer than a chapter's regressions."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1)), 1)
    return adjusted
