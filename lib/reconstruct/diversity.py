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
    numbers = ensemble.cohort.to_numpy()
    ordered = np.lexsort((ensemble.os_treatment_months.to_numpy(), numbers))
    marks = "".join(np.where(ensemble.died.to_numpy(bool), "D", "c")[ordered])
    starts = np.unique(numbers[ordered], return_index=True)[1].tolist()
    return _heads(ensemble).assign(order=[marks[start:end] for start, end in zip(starts, [*starts[1:], len(marks)])])


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

    Raises
    ------
    ValueError
        If the cohorts are not all of one size.
    """
    heads = _heads(ensemble)
    if ensemble.cohort.value_counts().nunique() > 1:
        raise ValueError("The cohorts are not all of one size.")
    ensemble = ensemble.sort_values("cohort", kind="stable")

    def shaped(column: pd.Series, kind: type) -> np.ndarray:
        return column.to_numpy(kind).reshape(len(heads), -1)

    months, died = shaped(ensemble.os_treatment_months, float), shaped(ensemble.died, bool)
    progression = shaped(ensemble.liver_pfs_months, float)
    complete = ~np.isnan(progression).any(axis=1)
    overall = _curves(months, died)
    return heads.assign(
        os_12_months=_survival_at(overall, 12), os_24_months=_survival_at(overall, 24), rmst_24_months=_restricted_means(overall, 24),
        reverse_km_follow_up_months=_medians(_curves(months, ~died)),
        hr_late_treatment=_hazard_ratios(months, died, ~shaped(ensemble.early_treatment, bool)),
        hr_extrahepatic=_hazard_ratios(months, died, shaped(ensemble.extrahepatic_disease, bool)),
        median_os_deb_tace_months=_medians(_curves(months, died, shaped(ensemble.first_treatment == "DEB-TACE", bool))),
        liver_pfs_6_months=np.where(complete, _survival_at(_curves(progression, shaped(ensemble.liver_progressed, bool)), 6), np.nan))


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


def _heads(ensemble: pd.DataFrame) -> pd.DataFrame:
    """Number, tier and seed of each cohort."""
    heads = ensemble.drop_duplicates("cohort").sort_values("cohort", ignore_index=True)
    return heads[["cohort", "tier", "seed"]].astype({"cohort": int, "tier": str, "seed": int})


def _curves(months: np.ndarray, events: np.ndarray, members: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each cohort's times, ascending, whether the members' Kaplan-Meier curve steps at them, and its survival, all (n_cohorts, n)."""
    members = np.ones(months.shape, bool) if members is None else members
    order = np.argsort(months, axis=1, kind="stable")
    months, events, members = (np.take_along_axis(each, order, axis=1) for each in (months, events, members))
    deaths, at_risk = _deaths_and_at_risk(months, events & members, members)
    # of equal times the first counts all
    steps = (deaths > 0) & np.diff(months, axis=1, prepend=-np.inf).astype(bool)
    return months, steps, np.cumprod(np.where(steps, 1 - deaths / np.maximum(at_risk, 1), 1.0), axis=1)


def _deaths_and_at_risk(months: np.ndarray, events: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events at, and members under observation just before, each patient's time."""
    here, others = months[:, :, None], months[:, None, :]
    return ((others == here) & events[:, None, :]).sum(axis=2), ((others >= here) & members[:, None, :]).sum(axis=2)


def _survival_at(curves: tuple, landmark: float) -> np.ndarray:
    months, _, survival = curves
    before = (months <= landmark).sum(axis=1, keepdims=True)
    return np.take_along_axis(np.concatenate([np.ones_like(months[:, :1]), survival], axis=1), before, axis=1)[:, 0]


def _restricted_means(curves: tuple, horizon: float) -> np.ndarray:
    means = []
    for months, steps, survival in zip(*curves):
        early = steps & (months < horizon)
        means.append(np.diff(np.concatenate([[0.0], months[early], [horizon]])) @ np.concatenate([[1.0], survival[early]]))
    return np.array(means)


def _medians(curves: tuple) -> np.ndarray:
    months, _, survival = curves
    reached = survival <= 0.5 + 1e-9
    return np.where(reached.any(axis=1), np.take_along_axis(months, reached.argmax(axis=1)[:, None], axis=1)[:, 0], np.inf)


def _hazard_ratios(months: np.ndarray, died: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(O1/E1)/(O0/E0) of the log-rank test."""
    order = np.argsort(months, axis=1, kind="stable")
    months, died, members = (np.take_along_axis(each, order, axis=1) for each in (months, died, members))
    deaths, at_risk = _deaths_and_at_risk(months, died, np.ones_like(died))
    at_risk_inside = _deaths_and_at_risk(months, died, members)[1]
    first = np.diff(months, axis=1, prepend=-np.inf).astype(bool)
    # added one after the other: a sum in pairs would differ in the last digit
    expected = np.cumsum(np.where(first, deaths * at_risk_inside / at_risk, 0.0), axis=1)[:, -1]
    inside, total = (died & members).sum(axis=1), died.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(inside < total, (inside / expected) / ((total - inside) / (total - expected)), np.inf)


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
