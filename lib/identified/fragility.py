"""How firmly a claim stands: patients whose outcome would have to change, and patients or months that would decide it."""

from __future__ import annotations

from itertools import combinations

import numba
import numpy as np
import pandas as pd
from scipy.special import chdtri

from lib.identified.claims import printed_quantities
from lib.identified.cohorts import TREATMENTS, Cohorts
from lib.identified.predicates import holds, names_in
from lib.identified.quantities import GROUPINGS, PARTS, hazard_ratio, second_level
from lib.identified.responses import ALPHA

MOST_CHANGES = 3
N_COHORTS, N_SIMULATED = 100, 100
SIZES = (24, 48, 96, 192, 384, 768, 1536)
FURTHER_MONTHS = (0.0, 12.0, 36.0)
OUTCOME = ("curves", "landmarks", "gaps", "printed", "ratios")
"""Parts that a change of vital status moves and that are quick enough to try every change."""


def of_outcomes(predicate: str, cohorts: Cohorts, most_changes: int = MOST_CHANGES) -> np.ndarray | None:
    """Fewest patients of each cohort whose vital status has to change for a claim to flip.

    Parameters
    ----------
    predicate : str
    cohorts : Cohorts
    most_changes : int
        Every choice of so many patients is tried.

    Returns
    -------
    ndarray of int, shape (n_cohorts,), or None
        ``most_changes + 1`` where that many do not suffice. None where the predicate reads a quantity that vital status does
        not move, or that is too slow to try every change.

    Notes
    -----
    A change makes a patient who died censored at the same time, or the reverse. The changed cohort no longer agrees with
    the paper; the number says how much a claim hangs on single patients, as the fragility index of trials does.

    References
    ----------
    Bomze D, et al. Survival-inferred fragility index of phase 3 clinical trials. JAMA Netw Open 2020;3:e2017675.
    """
    names = set(names_in(predicate))
    parts = _parts(names, cohorts.of(np.arange(1)))
    if parts is None:
        return None
    fewest = np.full(len(cohorts), most_changes + 1)
    before = holds(predicate, _values(parts, cohorts))
    for many in range(1, most_changes + 1):
        choices = np.array([*combinations(range(cohorts.n_patients), many)])
        for number in np.flatnonzero((fewest > many) & ~np.isnan(before)):
            changed = cohorts.of(np.full(len(choices), number))
            died = changed["died"].copy()
            places = np.arange(len(choices))[:, None]
            died[places, choices] = ~died[places, choices]
            after = holds(predicate, _values(parts, Cohorts(changed.columns | {"died": died}, changed.tier)))
            if (after == 1 - before[number]).any():
                fewest[number] = many
    return fewest


def _computed_by(part: str):
    return {"printed": printed_quantities, "ratios": _ratios}.get(part) or PARTS[part]


def _ratios(cohorts: Cohorts) -> dict[str, np.ndarray]:
    months = cohorts["os_treatment_months"]
    return {f"os_treatment.{name}.hazard_ratio": hazard_ratio(months, np.zeros_like(months), cohorts["died"],
                                                              second_level(cohorts, name).astype(float))["hazard_ratio"]
            for name in GROUPINGS}


def _parts(names: set[str], one: Cohorts) -> list[str] | None:
    """The quick parts that give all the names; None if some name has no quick part."""
    found = {part: set(_computed_by(part)(one)) for part in OUTCOME}
    chosen = [part for part, gives in found.items() if gives & names]
    return chosen if names <= set().union(*(found[part] for part in chosen)) else None


def _values(parts: list[str], cohorts: Cohorts) -> dict[str, np.ndarray]:
    return {name: values for part in parts for name, values in _computed_by(part)(cohorts).items()}


@numba.njit(cache=True)
def _significant_share(months, died, second, n_patients, further, n_simulated, critical, seed):
    """Share of studies drawn from one cohort in which the log-rank test of two groups exceeds a critical value."""
    np.random.seed(seed)
    n, hazard, total = months.size, np.zeros(2), np.zeros(2)
    for patient in range(n):
        hazard[int(second[patient])] += died[patient]
        total[int(second[patient])] += months[patient]
    hits = 0
    exits, events, members = np.empty(n_patients), np.empty(n_patients, np.bool_), np.empty(n_patients, np.bool_)
    for _ in range(n_simulated):
        inside = 0
        for place in range(n_patients):
            patient = np.random.randint(n)
            exits[place], events[place], members[place] = months[patient], died[patient], second[patient]
            inside += members[place]
            if not died[patient] and further > 0.0:
                group = int(second[patient])
                rate = (hazard[group] + 0.5) / total[group]
                more = np.random.exponential(1.0 / rate)
                exits[place] += min(more, further)
                events[place] = more < further
        order, difference, variance, at_risk = np.argsort(exits), 0.0, 0.0, n_patients
        start = 0
        while start < n_patients:
            stop, dying, dying_inside, leaving_inside = start, 0, 0, 0
            while stop < n_patients and exits[order[stop]] == exits[order[start]]:
                dying += events[order[stop]]
                dying_inside += events[order[stop]] and members[order[stop]]
                leaving_inside += members[order[stop]]
                stop += 1
            if dying and at_risk > 1:
                share = inside / at_risk
                difference += dying_inside - dying * share
                variance += share * (1 - share) * dying * (at_risk - dying) / (at_risk - 1)
            inside -= leaving_inside
            at_risk -= stop - start
            start = stop
        hits += variance > 0 and difference * difference / variance > critical
    return hits / n_simulated


def deciding(cohorts: Cohorts, seed: int = 6) -> pd.DataFrame:
    """Power of larger and longer studies of which each cohort would be typical.

    Parameters
    ----------
    cohorts : Cohorts
    seed : int

    Returns
    -------
    DataFrame
        One row a comparison, number of patients and further months of follow-up: ``comparison``, ``n_patients``,
        ``further_months``, ``power_lower``, ``power_middle``, ``power_upper`` (2.5th, 50th and 97.5th percentile over cohorts of the
        share of simulated studies with log-rank P < 0.05), ``n_cohorts``, ``n_simulated``.

    Notes
    -----
    A study is drawn with replacement from a cohort's patients. Longer follow-up lets those censored live on, at a constant
    rate of death of their group (deaths plus one half over months observed), for so many months more. The spread over
    cohorts is what the paper leaves open; within a cohort the true effect is taken to be the cohort's own.
    """
    rng, critical = np.random.default_rng(seed), float(chdtri(1, ALPHA))
    chosen = cohorts.of(rng.choice(len(cohorts), min(N_COHORTS, len(cohorts)), replace=False))
    rows = []
    for name, members, among in _two_groups(chosen):
        for further in FURTHER_MONTHS:
            for size in SIZES:
                powers = [_significant_share(months[use], died[use], second[use], max(2, round(size * use.mean())), further,
                                             N_SIMULATED, critical, int(rng.integers(2**31)))
                          for months, died, second, use in zip(chosen["os_treatment_months"], chosen["died"], members, among)]
                lower, middle, upper = np.quantile(powers, (0.025, 0.5, 0.975))
                rows.append({"comparison": name, "n_patients": size, "further_months": further, "power_lower": lower,
                             "power_middle": middle, "power_upper": upper, "n_cohorts": len(chosen), "n_simulated": N_SIMULATED})
    return pd.DataFrame(rows)


def _two_groups(cohorts: Cohorts) -> list[tuple[str, np.ndarray, np.ndarray]]:
    everyone = np.ones_like(cohorts["died"])
    groups = [(name, second_level(cohorts, name), everyone) for name in GROUPINGS]
    y90, deb_tace = (cohorts["first_treatment"] == TREATMENTS.index(name) for name in ("Y90", "DEB-TACE"))
    return [*groups, ("y90_vs_deb_tace", y90, y90 | deb_tace)]


def of_claims(claims: pd.DataFrame, cohorts: Cohorts, seed: int = 6) -> pd.DataFrame:
    """Fragility of every claim that a change of outcomes can flip.

    Parameters
    ----------
    claims : DataFrame
        From `lib.identified.claims.read_claims`.
    cohorts : Cohorts
    seed : int
        Of the cohorts that are tried, `N_COHORTS` at most.

    Returns
    -------
    DataFrame
        ``claim``, ``fewest``, ``middle``, ``most`` (changes over cohorts; `MOST_CHANGES` + 1 is more than could be tried),
        ``share_by_one`` (of cohorts that one patient flips) and ``n_cohorts``.
    """
    rng, rows = np.random.default_rng(seed), []
    chosen = cohorts.of(np.sort(rng.choice(len(cohorts), min(N_COHORTS, len(cohorts)), replace=False)))
    for claim in claims[claims.needs == ""].itertuples():
        changes = of_outcomes(claim.predicate, chosen)
        if changes is None:
            continue
        rows.append({"claim": claim.claim, "fewest": int(changes.min()), "middle": float(np.median(changes)), "most": int(changes.max()),
                     "share_by_one": float((changes == 1).mean()), "n_cohorts": len(chosen)})
    return pd.DataFrame(rows)
