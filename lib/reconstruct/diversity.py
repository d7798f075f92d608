"""How unlike each other the cohorts of the ensemble are, and what tolerance buys.

    python -m lib.reconstruct.diversity [--seeds N] [--seconds S]

writes ``data/orders_by_tolerance.csv``. The functions return data; a chapter draws and words it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import scipy  # its parts load where they are used

from lib.published import DATA, read_ledger
from lib.reconstruct.constraints import survival_constraints
from lib.reconstruct.ensemble import order_of
from lib.reconstruct.exploring import explored
from lib.reconstruct.sampler import Tolerance, sample

FILE = DATA / "orders_by_tolerance.csv"
LIMIT_TOLERANCES_MONTHS = (0.5, 1.0, 2.0, 4.0)
MOST_DRAWS, N_JUMPS = 400, 5000
STATISTICS = {
    "os_12_months": "12-month overall survival from first treatment",
    "os_24_months": "24-month overall survival from first treatment",
    "rmst_24_months": "restricted mean survival to 24 months, months",
    "reverse_km_follow_up_months": "median follow-up by reverse Kaplan-Meier, months",
    "hr_late_treatment": "observed-to-expected hazard ratio, late against early treatment",
    "hr_extrahepatic": "observed-to-expected hazard ratio, with against without extrahepatic disease",
    "median_os_deb_tace_months": "median overall survival after DEB-TACE, months",
    "liver_pfs_6_months": "6-month liver progression-free survival",
}
"""Eight statistics that the paper does not print, and what they are."""


def orders(ensemble: pd.DataFrame) -> pd.DataFrame:
    """The order of deaths and censorings of each cohort.

    Parameters
    ----------
    ensemble : DataFrame
        ``data/ensemble.parquet``.

    Returns
    -------
    DataFrame, one row a cohort
        ``cohort, tier, seed, order``.
    """
    rows = [(number, cohort.tier.iloc[0], cohort.seed.iloc[0], order_of(cohort))
            for number, cohort in ensemble.groupby("cohort")]
    return pd.DataFrame(rows, columns=["cohort", "tier", "seed", "order"])


def order_counts(ensemble: pd.DataFrame) -> pd.DataFrame:
    """Size and diversity of each tier.

    Parameters
    ----------
    ensemble : DataFrame

    Returns
    -------
    DataFrame, indexed by tier
        ``n_cohorts``, ``n_seeds``, ``n_orders`` and ``largest_share``, the share of the most frequent order.
    """
    found = orders(ensemble).astype({"tier": str})
    return found.groupby("tier").agg(
        n_cohorts=("cohort", "size"), n_seeds=("seed", "nunique"), n_orders=("order", "nunique"),
        largest_share=("order", lambda order: order.value_counts(normalize=True).iloc[0]))


def unpublished_statistics(ensemble: pd.DataFrame) -> pd.DataFrame:
    """Eight statistics of every cohort that the paper does not print (`STATISTICS`).

    Parameters
    ----------
    ensemble : DataFrame

    Returns
    -------
    DataFrame, one row a cohort
        ``cohort, tier, seed`` and the keys of `STATISTICS`; infinite where a median is not reached, missing where
        the cohort has no times of liver progression.
    """
    rows = [{"cohort": number, "tier": str(cohort.tier.iloc[0]), "seed": int(cohort.seed.iloc[0]),
             **_statistics(cohort)} for number, cohort in ensemble.groupby("cohort")]
    return pd.DataFrame(rows)


def seed_spread(statistics: pd.DataFrame, tier: str = "tolerant") -> pd.DataFrame:
    """Spread of each unpublished statistic between seeds against within seeds.

    Parameters
    ----------
    statistics : DataFrame
        From `unpublished_statistics`.
    tier : str

    Returns
    -------
    DataFrame, indexed by statistic
        ``low``, ``middle``, ``high`` (2.5th, 50th, 97.5th percentile), ``sd_between`` and ``sd_within`` seeds (square
        roots of the variance components), ``icc`` (share of the variance that lies between seeds) and
        ``variance_ratio`` (mean square between over within; 1 where seeds are alike), ``n_infinite`` (cohorts
        without the statistic, left out of the spread).

    Notes
    -----
    One-way random-effects analysis of variance with unequal group sizes. An ICC near 0 says that a single seed
    already walks through what there is; near 1, that each seed stays in a corner of its own, and that the number of
    seeds, not of cohorts, is the sample size.

    References
    ----------
    Searle SR, Casella G, McCulloch CE. Variance Components. Wiley 1992, section 3.6.
    """
    chosen = statistics[statistics.tier == tier]
    return pd.DataFrame({name: _components(chosen[name].to_numpy(float), chosen.seed.to_numpy())
                         for name in STATISTICS}).T.rename_axis("statistic")


def split_r_hat(chains: list[np.ndarray]) -> float:
    """Whether independent walks agree: the rank-normalised split R-hat, near 1 where they do.

    Parameters
    ----------
    chains : list of ndarray of float
        A statistic of each walk's draws, in the walk's order. Infinite values are ranked; cut to the shortest chain.

    Returns
    -------
    float
        Missing with fewer than two chains, chains of fewer than four draws, or where all values are equal; infinite
        where the halves of the chains differ and none varies.

    References
    ----------
    Vehtari A, Gelman A, Simpson D, Carpenter B, Buerkner PC. Rank-normalization, folding, and localization: an improved
    R-hat for assessing convergence of MCMC. Bayesian Analysis 2021;16:667-718.
    """
    size = min((len(chain) for chain in chains), default=0) // 2
    if len(chains) < 2 or size < 2:
        return np.nan
    halves = np.array([half for chain in chains for half in (chain[:size], chain[-size:])])
    scores = scipy.special.ndtri((scipy.stats.rankdata(halves).reshape(halves.shape) - 0.375) / (halves.size + 0.25))
    within, between = scores.var(axis=1, ddof=1).mean(), scores.mean(axis=1).var(ddof=1)
    if within > 0:
        return float(((size - 1) / size + between / within) ** 0.5)
    return np.inf if between > 0 else np.nan


def _components(values: np.ndarray, seeds: np.ndarray) -> dict[str, float]:
    finite = np.isfinite(values)
    low, middle, high = np.quantile(values, (0.025, 0.5, 0.975), method="inverted_cdf")
    groups = [values[finite & (seeds == seed)] for seed in np.unique(seeds[finite])]
    n, sizes = int(finite.sum()), np.array([len(group) for group in groups])
    missing = {"low": low, "middle": middle, "high": high, "n_infinite": int((~finite).sum())}
    if len(groups) < 2 or n == len(groups):
        return missing | dict.fromkeys(("sd_between", "sd_within", "icc", "variance_ratio"), np.nan)
    grand = values[finite].mean()
    between = sum(len(group) * (group.mean() - grand) ** 2 for group in groups) / (len(groups) - 1)
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / (n - len(groups))
    typical_size = (n - (sizes**2).sum() / n) / (len(groups) - 1)
    component = max((between - within) / typical_size, 0.0)
    total = component + within
    return missing | {"sd_between": component**0.5, "sd_within": within**0.5,
                      "icc": component / total if total > 0 else np.nan,
                      "variance_ratio": between / within if within > 0 else np.inf}


def _statistics(cohort: pd.DataFrame) -> dict[str, float]:
    months, died = cohort.os_treatment_months.to_numpy(), cohort.died.to_numpy(bool)
    deb_tace = (cohort.first_treatment == "DEB-TACE").to_numpy()
    return {
        "os_12_months": _survival_at(months, died, 12), "os_24_months": _survival_at(months, died, 24),
        "rmst_24_months": _restricted_mean(months, died, 24),
        "reverse_km_follow_up_months": _median(months, ~died),
        "hr_late_treatment": _hazard_ratio(months, died, ~cohort.early_treatment.to_numpy(bool)),
        "hr_extrahepatic": _hazard_ratio(months, died, cohort.extrahepatic_disease.to_numpy(bool)),
        "median_os_deb_tace_months": _median(months[deb_tace], died[deb_tace]),
        "liver_pfs_6_months": np.nan if cohort.liver_pfs_months.isna().any() else _survival_at(
            cohort.liver_pfs_months.to_numpy(), cohort.liver_progressed.to_numpy(bool), 6)}


def _curve(months: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Event times and Kaplan-Meier survival after each."""
    times = np.unique(months[events])
    at_risk = (months[None, :] >= times[:, None]).sum(axis=1)
    deaths = ((months[None, :] == times[:, None]) & events).sum(axis=1)
    return times, np.cumprod(1 - deaths / at_risk)


def _survival_at(months: np.ndarray, events: np.ndarray, landmark: float) -> float:
    times, survival = _curve(months, events)
    return float(survival[times <= landmark][-1]) if (times <= landmark).any() else 1.0


def _restricted_mean(months: np.ndarray, events: np.ndarray, horizon: float) -> float:
    times, survival = _curve(months, events)
    early = times < horizon
    steps = np.diff(np.concatenate([[0.0], times[early], [horizon]]))
    return float(steps @ np.concatenate([[1.0], survival[early]]))


def _median(months: np.ndarray, events: np.ndarray) -> float:
    times, survival = _curve(months, events)
    reached = times[survival <= 0.5 + 1e-9]
    return float(reached[0]) if len(reached) else np.inf


def _hazard_ratio(months: np.ndarray, died: np.ndarray, members: np.ndarray) -> float:
    """(O1/E1)/(O0/E0) of the log-rank test."""
    expected = 0.0
    for time in np.unique(months[died]):
        at_risk = months >= time
        expected += (died & (months == time)).sum() * (at_risk & members).sum() / at_risk.sum()
    inside, total = (died & members).sum(), died.sum()
    return float((inside / expected) / ((total - inside) / (total - expected))) if inside < total else np.inf


def orders_by_tolerance(seeds: range, seconds: float) -> pd.DataFrame:
    """Distinct orders that a walk and the jumps from it meet within each tolerance of confidence limits.

    Parameters
    ----------
    seeds : range
    seconds : float
        Budget of one seed at one tolerance.

    Returns
    -------
    DataFrame, one row a tolerance and seed
        ``limit_tolerance_months, p_tolerance, seed, seconds, n_seen`` (consistent cohorts the walk met), ``n_orders``
        (distinct orders of this seed), ``n_orders_so_far`` (of this and all earlier seeds).
    """
    constraints, rows = survival_constraints(read_ledger()), []
    for limit in LIMIT_TOLERANCES_MONTHS:
        together: set[str] = set()
        for seed in seeds:
            tolerance = Tolerance(limit_months=limit)
            draws = sample(constraints, tolerance, seed, MOST_DRAWS, seconds)
            reached = explored(draws, constraints, tolerance, np.random.default_rng([2, seed]), N_JUMPS)
            found = {order_of(cohort) for _, cohort in reached.groupby("cohort")}
            together |= found
            rows.append({"limit_tolerance_months": limit, "p_tolerance": tolerance.p, "seed": seed, "seconds": seconds,
                         "n_seen": draws.attrs["n_seen"], "n_orders": len(found), "n_orders_so_far": len(together)})
    return pd.DataFrame(rows)


def main(arguments: list[str] | None = None) -> int:
    """Write the table of orders by tolerance."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.diversity",
                                     description="Count distinct orders within each tolerance.")
    parser.add_argument("--seeds", type=int, default=2, help="seeds at each tolerance")
    parser.add_argument("--seconds", type=float, default=6.0, help="budget of one seed at one tolerance")
    parser.add_argument("--out", type=Path, default=FILE, help="CSV file to write")
    options = parser.parse_args(arguments)
    table = orders_by_tolerance(range(1, options.seeds + 1), options.seconds)
    table.to_csv(options.out, index=False, lineterminator="\n")
    print(table.groupby("limit_tolerance_months").n_orders_so_far.last().to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
