"""Two or more survival curves compared: log-rank family, permutation, restricted means, and what a cohort can show."""

from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import pandas as pd

from lib.kept import kept
from lib.once import once
from lib.survival.batch import logrank_p_values, logrank_scores, weighted_medians
from lib.survival.checks import SurvivalDataError, check_groups, check_survival, for_large_samples
from lib.survival.estimate import Estimate

WEIGHTINGS = {"log-rank": None, "Breslow-Wilcoxon": "wilcoxon", "Tarone-Ware": "tarone-ware"}
ENUMERABLE = 40  # patients: two halves of 2^20 subsets are the most that are enumerated
AT_A_TIME = 1_000  # shuffles, of up to 2,000 patients each: 16 MB


@dataclass(frozen=True)
class TestResult:
    """A test of equal survival. `p_value` is None where it cannot be computed, `reason` saying why."""

    method: str
    statistic: float | None
    df: int
    p_value: float | None
    reason: str = ""
    observed: dict = field(default_factory=dict)
    expected: dict = field(default_factory=dict)

    __test__ = False  # its name begins with "Test"; it is no test of the suite


def logrank(months, event, group, *, weighting="log-rank", entry=None):
    """Test of equal survival between groups: log-rank, Breslow-Wilcoxon (Gehan) or Tarone-Ware.

    Parameters
    ----------
    months, event, entry
        See `lib.survival.checks.check_survival`; delayed entry only for the log-rank test.
    group : array-like, shape (n_patients,)
        Group label of each patient.
    weighting : {"log-rank", "Breslow-Wilcoxon", "Tarone-Ware"}
        Weight of each event time: 1, the number at risk, or its square root.

    Returns
    -------
    TestResult
        Chi-square on groups - 1 degrees of freedom.

    References
    ----------
    Collett D. Modelling Survival Data in Medical Research, 3rd ed., section 2.6. By lifelines, and with delayed
    entry, which lifelines lacks, by greenwood.
    """
    months, event, entry = check_survival(months, event, entry)
    group = check_groups(group, len(months))
    if weighting not in WEIGHTINGS:
        raise SurvivalDataError(f"weighting {weighting!r} is not one of {', '.join(WEIGHTINGS)}.")
    reason, df = _why_not(months, event, group, entry), len(set(group)) - 1
    if reason:
        return TestResult(weighting, None, df, None, reason)
    if entry is not None:
        if weighting != "log-rank":
            raise SurvivalDataError("Delayed entry is supported for the log-rank test only.")
        return _logrank_delayed(months, event, group, entry)
    statistic, p_value = _lifelines_logrank(months, event, pd.factorize(group)[0], WEIGHTINGS[weighting])
    return TestResult(weighting, statistic, df, p_value)


@once
@kept
def _lifelines_logrank(months, event, codes, weightings):
    from lifelines.statistics import multivariate_logrank_test

    result = multivariate_logrank_test(months, codes, event, weightings=weightings)
    return float(result.test_statistic), float(result.p_value)


def _logrank_delayed(months, event, group, entry):
    import greenwood

    labels = [str(label) for label in group]
    result = greenwood.logrank_test(greenwood.Surv(entry, months, event), labels)
    return TestResult("log-rank", float(result.statistic), result.df, float(result.p_value),
                      observed=result.observed, expected=result.expected)


@dataclass(frozen=True)
class PermutationResult:
    """Permutation P: `exact` over all `n_arrangements`, or Monte Carlo with its standard error."""

    p_value: float | None
    exact: bool
    n_arrangements: int
    mc_error: float = 0.0
    reason: str = ""


def permutation_logrank(months, event, group, *, n_resamples=10_000, seed=0):
    """Permutation log-rank test of two groups: how often does shuffling the labels give as large a difference?

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    group : array-like, shape (n_patients,)
        Two labels.
    n_resamples, seed : int
        Random arrangements and their seed, used only where enumeration is out of reach (above 40 patients).

    Returns
    -------
    PermutationResult
        Exact: share of all arrangements with |O - E| at least the observed one. Monte Carlo: (k + 1)/(m + 1), with
        the standard error sqrt(p (1 - p) / m).

    Notes
    -----
    O - E of a group is the sum of its members' log-rank scores, so the arrangements are the subsets of one size;
    they are counted by splitting the patients into two halves. Exchangeability takes censoring to be alike in
    both groups.

    References
    ----------
    Peto R, Peto J. J R Stat Soc A 1972;135:185-207. Pagano M, Tritchler D. J Am Stat Assoc 1983;78:435-440.
    """
    months, event, _ = check_survival(months, event)
    group = check_groups(group, len(months))
    labels = list(dict.fromkeys(group))
    reason = for_large_samples(len(months)) or _why_not(months, event, group)
    if reason or len(labels) != 2:
        return PermutationResult(None, True, 0, reason=reason or f"{len(labels)} groups: the test is for two")
    members = group == labels[0]
    scores = logrank_scores(months, event)
    observed = abs(scores[members].sum()) - 1e-9  # an equally large difference counts, whatever the rounding
    if len(months) <= ENUMERABLE:
        extreme, total = _count_subsets(scores, int(members.sum()), observed)
        return PermutationResult(extreme / total, True, total)
    rng = np.random.default_rng(seed)
    hits = 0
    for start in range(0, n_resamples, AT_A_TIME):
        shuffled = rng.permuted(np.tile(scores, (min(AT_A_TIME, n_resamples - start), 1)), axis=1)
        hits += int((np.abs(shuffled[:, : members.sum()].sum(axis=1)) >= observed).sum())
    p = (hits + 1) / (n_resamples + 1)
    return PermutationResult(p, False, n_resamples, float(np.sqrt(p * (1 - p) / n_resamples)))


@once
@kept
def _count_subsets(scores, size, limit):
    """Subsets of `size` patients whose |sum of scores| reaches `limit`, and all of them."""
    left, right = (_subset_sums(half) for half in np.array_split(scores, 2))
    extreme = total = 0
    for k in range(max(0, size + 1 - len(right)), min(size + 1, len(left))):
        sums, others = np.sort(left[k]), np.sort(right[size - k])  # sums in order are looked up several times faster
        short = np.searchsorted(others, limit - sums) - np.searchsorted(others, -limit - sums)
        total += len(sums) * len(others)
        extreme += int((len(others) - short.clip(0)).sum())  # nothing falls short of a limit of 0
    return extreme, total


def _subset_sums(scores):
    """Sums of all subsets, by their size from 0 on."""
    by_size = [np.zeros(1)]
    for score in scores:
        with_it = [sums + score for sums in by_size]
        by_size = [by_size[0], *map(np.append, by_size[1:], with_it), with_it[-1]]
    return by_size


@dataclass(frozen=True)
class BootstrapResult:
    """Percentile interval of a median; `n_failed` resamples had no median and count as infinite.

    The limits are None where nothing was drawn, `reason` saying why.
    """

    lower: float | None
    upper: float | None
    n_resamples: int
    n_failed: int
    reason: str = ""


def bootstrap_median(months, event, *, n_resamples=2000, seed=0, conf_level=0.95):
    """Bootstrap percentile interval of the Kaplan-Meier median, patients drawn with replacement.

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    n_resamples, seed : int
        Resamples and their seed.
    conf_level : float
        Two-sided coverage.

    Returns
    -------
    BootstrapResult
        A resample whose curve stays above 0.5 has no median: it is counted as failed and kept as infinity, so that
        the upper limit is infinite rather than too low when failures are common.

    References
    ----------
    Efron B. J Am Stat Assoc 1981;76:312-319.
    """
    months, event, _ = check_survival(months, event)
    n = len(months)
    if reason := for_large_samples(n):
        return BootstrapResult(None, None, 0, 0, reason)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_resamples)
    medians = np.sort(weighted_medians(months, event, weights))
    tail = (1 - conf_level) / 2
    lower, upper = (medians[int(np.ceil(q * n_resamples)) - 1] for q in (tail, 1 - tail))
    return BootstrapResult(float(lower), float(upper), n_resamples, int(np.isinf(medians).sum()))


def rmst_difference(months, event, group, *, to_months=None, conf_level=0.95):
    """Difference in restricted mean survival time, first label minus second, by greenwood.

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    group : array-like, shape (n_patients,)
        Two labels, compared in order of appearance in `group`.
    to_months : float, optional
        Horizon; the shorter of the two groups' longest follow-ups if not given.

    Returns
    -------
    dict
        `difference` (Estimate, months), `p_value` (Wald), `to_months`, `first`, `second` (means by label).

    References
    ----------
    Uno H et al. J Clin Oncol 2014;32:2380-2385.
    """
    months, event, _ = check_survival(months, event)
    group = check_groups(group, len(months))
    first, second = _two_labels(group)
    shared = min(months[group == label].max() for label in (first, second))
    horizon = shared if to_months is None else float(to_months)
    nothing = {"to_months": horizon, "p_value": None, "first": None, "second": None}
    if horizon > shared:
        reason = f"one group was not followed beyond {shared:.1f} months"
        return nothing | {"difference": Estimate(None, reason=reason)}
    if not all((event & (group == label) & (months < horizon)).any() for label in (first, second)):
        return nothing | {"difference": Estimate(None, reason="a group has no event before the horizon")}
    import greenwood

    # greenwood sorts the labels and subtracts in that order: False, the first group, comes before True
    result = greenwood.rmst_test(greenwood.Surv(months, event), tau=horizon, group=group == second, conf_level=conf_level)
    return {"difference": Estimate(result.estimate, result.lower_ci, result.upper_ci), "p_value": float(result.p_value),
            "to_months": horizon, "first": float(result.rmst1), "second": float(result.rmst2)}


def smallest_detectable_hazard_ratio(n_events, share_in_group=0.5, *, alpha=0.05, power=0.8):
    """Hazard ratio (above 1) that a two-sided log-rank test of this many events detects with this power.

    Parameters
    ----------
    n_events : int
        Events in both groups together.
    share_in_group : float
        Share of the patients in one group, above 0 and below 1.
    alpha, power : float
        Two-sided error and power.

    Returns
    -------
    float
        Infinity where there is no event.

    References
    ----------
    Schoenfeld D. Biometrika 1981;68:316-319.
    """
    if not 0 < share_in_group < 1:
        raise SurvivalDataError(f"share_in_group is {share_in_group}; it must lie between 0 and 1.")
    if n_events == 0:
        return float("inf")
    normal = NormalDist()
    effect = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
    return float(np.exp(effect / np.sqrt(n_events * share_in_group * (1 - share_in_group))))


def power_to_detect(hazard_ratio, n_events, share_in_group=0.5, *, alpha=0.05):
    """Power of a two-sided log-rank test against a hazard ratio (Schoenfeld 1981); the far tail is left out."""
    normal = NormalDist()
    effect = abs(np.log(hazard_ratio)) * np.sqrt(n_events * share_in_group * (1 - share_in_group))
    return float(normal.cdf(effect - normal.inv_cdf(1 - alpha / 2)))


def leave_one_out(months, event, group=None):
    """Median (and log-rank P of two groups) with each patient left out in turn.

    Parameters
    ----------
    months, event
        See `lib.survival.checks.check_survival`.
    group : array-like, optional
        Two labels.

    Returns
    -------
    pandas.DataFrame
        One row a patient, in the order given: `median`, and with groups `p_value` and the median of each label.
    """
    months, event, _ = check_survival(months, event)
    keep = 1.0 - np.eye(len(months))
    if group is None:
        return pd.DataFrame({"median": weighted_medians(months, event, keep)})
    group = check_groups(group, len(months))
    labels = _two_labels(group)
    medians = {label: weighted_medians(months, event, keep * (group == label)) for label in labels}
    members = np.broadcast_to(group == labels[0], keep.shape)
    return pd.DataFrame({"p_value": logrank_p_values(months, event, members, keep), **medians})


def search_cut(values, months, event, cuts, *, n_resamples=2000, seed=0):
    """Log-rank P at each cut of a continuous covariate, and the P of the best cut corrected for the search.

    Parameters
    ----------
    values : array-like of float, shape (n_patients,)
        The covariate; a patient is "early" where it is at or below the cut.
    months, event
        See `lib.survival.checks.check_survival`.
    cuts : array-like of float
        Cuts to try.
    n_resamples, seed : int
        Permutations of the covariate against survival, and their seed.

    Returns
    -------
    tuple
        DataFrame with one row a cut (`cut`, `n_early`, `n_late`, `p_value`), and the corrected P (None where no cut
        splits the patients): the share of permutations whose largest standardised log-rank score, over the same cuts,
        reaches the observed one. Above `lib.survival.checks.MOST_IN_SMALL_SAMPLE` patients the scores are drawn from the
        normal distribution that permutation then has.

    References
    ----------
    Lausen B, Schumacher M. Biometrics 1992;48:73-85. Altman DG et al. J Natl Cancer Inst 1994;86:829-835.
    """
    months, event, _ = check_survival(months, event)
    values, cuts = np.asarray(values, dtype=float), np.asarray(cuts, dtype=float)
    if np.isnan(values).any():
        raise SurvivalDataError(f"{int(np.isnan(values).sum())} of {len(values)} patients have no value of the covariate to cut.")
    early = values[None, :] <= cuts[:, None]
    n_early = early.sum(axis=1)
    # one cut at a time: a million patients at every cut at once would not fit into memory
    p_values = np.concatenate([logrank_p_values(months, event, members[None, :]) for members in early]) if len(cuts) else []
    table = pd.DataFrame({"cut": cuts, "n_early": n_early, "n_late": len(values) - n_early, "p_value": p_values})
    usable = early[(n_early > 0) & (n_early < len(values))].astype(float)
    scores = logrank_scores(months, event)
    if not len(usable) or np.abs(scores).max() < 1e-9:  # nobody died, or nobody was ever at risk beside another
        return table, None
    sizes = usable.sum(axis=1)
    n = len(values)
    deviation = np.sqrt(sizes * (n - sizes) / (n * (n - 1)) * (scores**2).sum())
    if for_large_samples(n):
        return table, _corrected_in_large_samples(np.abs(usable @ scores / deviation).max(), sizes, n, n_resamples, seed)
    largest = lambda copies: np.abs(copies @ usable.T / deviation).max(axis=1)  # noqa: E731
    shuffled = np.random.default_rng(seed).permuted(np.tile(scores, (n_resamples, 1)), axis=1)
    hits = int((largest(shuffled) >= largest(scores[None, :])[0] - 1e-9).sum())
    return table, (hits + 1) / (n_resamples + 1)


def _corrected_in_large_samples(observed, sizes, n, n_resamples, seed):
    """Share of draws of the permuted scores' normal limit whose largest reaches the observed one.

    Under permutation the sums of two nested groups of m <= k patients are correlated by sqrt(m (n - k) / (k (n - m))).
    """
    small, large = np.minimum.outer(sizes, sizes), np.maximum.outer(sizes, sizes)
    correlation = np.sqrt(small * (n - large) / (large * (n - small)))
    drawn = np.random.default_rng(seed).multivariate_normal(np.zeros(len(sizes)), correlation, n_resamples)
    return (int((np.abs(drawn).max(axis=1) >= observed).sum()) + 1) / (n_resamples + 1)


def _why_not(months, event, group, entry=None):
    """Why there is nothing to test; an empty string where there is."""
    if len(set(group)) < 2:
        return "only one group has patients"
    if not event.any():
        return "there are no events"
    for time in np.unique(months[event]):
        at_risk = (months >= time) & (True if entry is None else entry < time)
        if len(set(group[at_risk])) > 1 and (months[event] == time).sum() < at_risk.sum():
            return ""
    return "no event tells the groups apart: they were never at risk together"


def _two_labels(group):
    labels = list(dict.fromkeys(group))
    if len(labels) != 2:
        raise SurvivalDataError(f"{len(labels)} groups ({', '.join(map(str, labels[:4]))}); the comparison is of two.")
    return labels
