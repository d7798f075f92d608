"""Counts out of a named denominator: intervals, exact tests between groups, and denominators behind printed percentages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from lib.published import agrees
from lib.refusal import Refusal

INTERVALS = {"clopper-pearson": "beta", "wilson": "wilson"}
LARGEST_ENUMERATION = 3_000_000
LARGE_EXPECTED = 100.0
"""Smallest expected count from which a table too large to list is tested by chi-squared."""
# tables as likely as the observed one, up to rounding, count as extreme: how far R goes, in logarithms, and scipy
_AS_LIKELY_IN_R, _AS_LIKELY_IN_SCIPY = np.log1p(1e-7), 1 + 100 * np.finfo(float).eps
EXACT, CHI_SQUARED = "Fisher-Freeman-Halton exact test", "Pearson's chi-squared test, the counts being too large for an exact one"


class ProportionError(Refusal, ValueError):
    """A count and its denominator do not make a proportion; the message says which and why."""


@dataclass(frozen=True)
class Proportion:
    """A proportion with its interval; with an empty denominator every estimate is missing.

    Attributes
    ----------
    count, n : int
        Patients with the property, and patients judged.
    estimate, lower, upper : float
        Fractions from 0 to 1; NaN when ``n`` is 0.
    conf_level : float
    method : str
        "clopper-pearson" or "wilson".
    """

    count: int
    n: int
    estimate: float
    lower: float
    upper: float
    conf_level: float
    method: str


def proportion(count: int, n: int, conf_level: float = 0.95, method: str = "clopper-pearson") -> Proportion:
    """A proportion and its two-sided confidence interval.

    Parameters
    ----------
    count : int
        Patients with the property, 0 to `n`.
    n : int
        Patients judged; 0 gives missing estimates, not 0 %.
    conf_level : float
        Two-sided coverage, strictly between 0 and 1.
    method : {"clopper-pearson", "wilson"}
        Exact (conservative) or score interval.

    Returns
    -------
    Proportion

    Raises
    ------
    ProportionError
        On a count outside 0 to `n`, a coverage outside (0, 1) or an unknown method.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.
    Wilson EB. J Am Stat Assoc 1927;22:209-212.
    """
    if method not in INTERVALS:
        raise ProportionError(f"interval method '{method}' is unknown; use one of {', '.join(INTERVALS)}.")
    if not 0 < conf_level < 1:
        raise ProportionError(f"conf_level is {conf_level}; give the coverage as a fraction between 0 and 1, such as 0.95.")
    if count != int(count) or n != int(n) or not 0 <= count <= n:
        raise ProportionError(f"{count} of {n} is not a proportion: the count must be whole and lie between 0 and {n}.")
    count, n = int(count), int(n)
    if n == 0:
        return Proportion(0, 0, np.nan, np.nan, np.nan, conf_level, method)
    from statsmodels.stats.proportion import proportion_confint  # slow to load: only when an interval is wanted

    lower, upper = proportion_confint(count, n, alpha=1 - conf_level, method=INTERVALS[method])
    return Proportion(count, n, count / n, float(lower), float(upper), conf_level, method)


def exact_group_p(counts, ns) -> float:
    """Fisher-Freeman-Halton exact P that one proportion holds in all groups.

    scipy's own test of a larger table draws tables at random; here they are all listed. Beyond three million of
    them it is Pearson's chi-squared test where every expected count reaches `LARGE_EXPECTED`, else 100,000 seeded draws
    (standard error at most 0.002).

    Parameters
    ----------
    counts, ns : array-like of int, shape (n_groups,)
        Patients with the property and patients judged, by group; empty groups are left out.

    Returns
    -------
    float
        NaN when fewer than two groups have patients, or when all or none have the property:
        there is nothing to compare.

    Raises
    ------
    ProportionError
        On unequal lengths or a count outside 0 to its denominator.

    References
    ----------
    Freeman GH, Halton JH. Biometrika 1951;38:141-149. With two groups it is Fisher's exact test.
    """
    counts, ns = _of_groups_with_patients(counts, ns)
    if len(ns) < 2 or counts.sum() in (0, ns.sum()):
        return float("nan")
    if _is_listed(counts, ns):
        return _freeman_halton_p(counts, ns)
    return large_table_p(np.array([counts, ns - counts]), 99_999)


def group_test(counts, ns) -> str:
    """Which test `exact_group_p` makes of these counts: `EXACT` or `CHI_SQUARED`."""
    counts, ns = _of_groups_with_patients(counts, ns)
    if _is_listed(counts, ns) or _smallest_expected(np.array([counts, ns - counts])) < LARGE_EXPECTED:
        return EXACT
    return CHI_SQUARED


def _of_groups_with_patients(counts, ns) -> tuple[np.ndarray, np.ndarray]:
    counts, ns = np.asarray(counts), np.asarray(ns)
    if counts.shape != ns.shape or counts.ndim != 1:
        raise ProportionError(f"{counts.size} counts for {ns.size} denominators: give one of each per group.")
    if np.any(counts < 0) or np.any(counts > ns):
        raise ProportionError("a count lies outside 0 to its denominator: check the groups' counts.")
    return counts[ns > 0], ns[ns > 0]


def _is_listed(counts: np.ndarray, ns: np.ndarray) -> bool:
    return bool(np.prod(np.minimum(ns[:-1], counts.sum()) + 1.0) <= LARGEST_ENUMERATION)


def _smallest_expected(table: np.ndarray) -> float:
    return float(np.outer(table.sum(axis=1), table.sum(axis=0)).min() / table.sum())


def large_table_p(table, n_draws: int) -> float:
    """P of independence in a table of counts: chi-squared where every expected count is large, else exact by seeded draws.

    Parameters
    ----------
    table : array-like of int, shape (n_rows, n_columns)
        Without empty rows or columns.
    n_draws : int

    Returns
    -------
    float
        By draws: the share of tables with the same margins that are no likelier than the observed one, as `scipy.stats.fisher_exact`
        finds it; scipy's own function fails where patients outnumber the cells of all draws.
    """
    from scipy import stats

    table = np.asarray(table)
    if _smallest_expected(table) >= LARGE_EXPECTED:
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    tables = stats.random_table(table.sum(axis=1), table.sum(axis=0), seed=np.random.default_rng(0))
    likelihoods = tables.pmf(tables.rvs(size=n_draws))
    observed = float(tables.pmf(table))
    return float((np.count_nonzero(likelihoods <= observed * _AS_LIKELY_IN_SCIPY) + 1) / (n_draws + 1))


def _freeman_halton_p(counts: np.ndarray, ns: np.ndarray) -> float:
    """Sum of the probabilities of all tables no likelier than the observed one, margins fixed."""
    total = counts.sum()
    placed, log_weight = np.array([0]), np.array([0.0])
    for n in ns[:-1]:
        own = np.arange(min(n, total) + 1)
        log_weight = np.add.outer(log_weight, _log_choose(n, own)).ravel()
        placed = np.add.outer(placed, own).ravel()
    rest = total - placed
    possible = (rest >= 0) & (rest <= ns[-1])
    log_weight = log_weight[possible] + _log_choose(ns[-1], rest[possible])
    observed = _log_choose(ns, counts).sum()
    extreme = log_weight <= observed + _AS_LIKELY_IN_R
    return float(min(1.0, np.exp(log_weight[extreme] - _log_choose(ns.sum(), total)).sum()))


def _log_choose(n, k):
    return gammaln(np.add(n, 1.0)) - gammaln(np.add(k, 1.0)) - gammaln(np.subtract(n, k) + 1.0)


def denominators_giving(counts, percents, up_to: int = 200) -> list[int]:
    """Denominators that turn every count into its printed percentage.

    Parameters
    ----------
    counts : sequence of int
        Printed counts of one column.
    percents : sequence of str
        Percentages as printed beside them; their decimals are their precision.
    up_to : int
        Largest denominator tried; the search starts at the largest count.

    Returns
    -------
    list of int
        Empty when no single denominator serves the whole column.

    Raises
    ------
    ProportionError
        On unequal lengths.
    """
    counts, percents = [int(count) for count in counts], list(percents)
    if len(counts) != len(percents):
        raise ProportionError(f"{len(counts)} counts for {len(percents)} percentages: give one of each per cell.")
    start = max([1, *counts])
    return [n for n in range(start, up_to + 1)
            if all(agrees(100 * count / n, printed) for count, printed in zip(counts, percents))]
