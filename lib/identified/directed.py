"""Cohorts at the edges: a search among agreeing cohorts for the most extreme value of one quantity.

A share of an ensemble says little about what is possible; a search that wants a counterexample says more. It starts from
cohorts of the ensemble and walks through patients' times, deaths and labels; cohorts that agree with the printed figures
from first treatment, within the tolerances of the ensemble's tolerant tier, are kept where they push the quantity
further. The best are completed with the other clocks and with treatments, as the ensemble's are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numba
import numpy as np
import pandas as pd

from lib.identified import kernels
from lib.identified.cohorts import Cohorts
from lib.identified.quantities import GROUPINGS, LANDMARK_MONTHS, RMST_MONTHS
from lib.published import read_ledger
from lib.reconstruct import scoring
from lib.reconstruct.ensemble import COLUMNS, TOLERANCE, compact, completed
from lib.reconstruct.sampler import DECIMALS, constraint_arrays, trial_constraints

LANDMARK, GAINED, RATIO, ALIVE, FOLLOWED = range(5)
TARGETS = {f"os_treatment.{name}.{part}": (code, place) for place, name in enumerate(GROUPINGS) for part, code in
           (("landmark_hazard_ratio", LANDMARK), ("rmst_difference", GAINED), ("hazard_ratio", RATIO))}
TARGETS |= {"os_treatment.at_24_months": (ALIVE, 0), "follow_up.reverse_km.median": (FOLLOWED, 0)}
"""Quantities that can be searched for: what is pushed, and the grouping's place. The landmark is pushed by its z."""
BETA_A_MONTH = 12.0
"""How strongly the walk is held to the printed figures; only a misfit of 0 counts as found."""
WARMEST, COLDEST = 0.5, 12.0
N_STARTS, N_STEPS = 24, 60_000
MOST_COMPLETED = 6
TRIES = 8

_jit = numba.njit(cache=True)


@_jit
def pushed(code, months, died, second):
    """The searched value, larger is further: a z, months, a log ratio or a share."""
    n = months.size
    entry, everyone = np.zeros(n), np.ones(n, np.bool_)
    if code == LANDMARK:
        for patient in range(n):
            entry[patient] = LANDMARK_MONTHS if months[patient] > LANDMARK_MONTHS else math.inf
        difference, variance = kernels.log_rank(months, entry, died & (months > LANDMARK_MONTHS), second)
        return difference / math.sqrt(variance) if variance > 0.0 else 0.0
    if code == GAINED:
        first, last = 0.0, 0.0
        for patient in range(n):
            if second[patient]:
                last = max(last, months[patient])
            else:
                first = max(first, months[patient])
        horizon = min(first, last)
        return (kernels.restricted_mean(months, died, ~second, horizon)
                - kernels.restricted_mean(months, died, second, horizon)) / 2.0
    if code == RATIO:
        beta, _, _, _ = kernels.cox(months, entry, died, second.astype(np.float64))
        return min(max(beta, -4.0), 4.0)
    if code == ALIVE:
        found = np.empty(1)
        kernels.survival_points(months, entry, died, everyone, np.array([RMST_MONTHS]), found)
        return 5.0 * found[0]
    return min(kernels.median_time(months, entry, ~died, everyone), months[n - 1]) / 4.0


@_jit
def push(code, place, second_where_true, sign, months, died, labels, rows, z_ends, follow_up, landmarks, n_steps, seed,
         decimals, best_months, best_died, best_labels):
    """Walk from one cohort, ever colder, and keep the agreeing cohort that is furthest.

    Parameters
    ----------
    code, place : int
        From `TARGETS`.
    second_where_true : bool
        Whether the grouping's second level is where its label is true.
    sign : int
        1 to push up, -1 to push down.
    months, died, labels
        The start, in order of time; changed in place.
    rows, z_ends, follow_up, landmarks
        As in `scoring.misfit`.
    n_steps, seed, decimals : int
    best_months, best_died, best_labels : arrays
        Filled with the furthest cohort, its times rounded to so many decimals.

    Returns
    -------
    float
        Its value, sign included; minus infinity if no agreeing cohort was met.
    """
    np.random.seed(seed)
    n, unit = months.size, 10.0**decimals
    new_months, new_died, new_labels = np.empty(n), np.empty(n, np.bool_), np.empty_like(labels)
    second = labels[place] == second_where_true
    value = sign * pushed(code, months, died, second)
    misfit = scoring.misfit(months, died, labels, rows, z_ends, follow_up, landmarks)
    best = -math.inf
    for step in range(n_steps):
        heat = WARMEST * (COLDEST / WARMEST) ** (step / n_steps)
        new_months[:] = months
        new_died[:] = died
        new_labels[:] = labels
        factor = scoring.propose(new_months, new_died, new_labels, follow_up)[0]
        if math.isnan(factor):
            continue
        chance = math.log(1.0 - np.random.random())
        # more than this and even the largest gain would not carry the step
        new_misfit = scoring.misfit(new_months, new_died, new_labels, rows, z_ends, follow_up, landmarks,
                                    misfit + (8.0 * heat - chance) / BETA_A_MONTH)
        if BETA_A_MONTH * (misfit - new_misfit) + 8.0 * heat < chance:
            continue
        new_value = sign * pushed(code, new_months, new_died, new_labels[place] == second_where_true)
        if BETA_A_MONTH * (misfit - new_misfit) + heat * (new_value - value) < chance:
            continue
        months[:] = new_months
        died[:] = new_died
        labels[:] = new_labels
        misfit, value = new_misfit, new_value
        if misfit > 0.0 or value <= best:
            continue
        new_months[:] = np.floor(months * unit + 0.5) / unit
        legal = (follow_up[2] <= new_months[0] <= follow_up[3] and follow_up[4] <= new_months[n - 1] <= follow_up[5]
                 and (new_months[1:] > new_months[:-1]).all())
        if legal and scoring.misfit(new_months, died, labels, rows, z_ends, follow_up, landmarks) == 0.0:
            best = value
            best_months[:] = new_months
            best_died[:] = died
            best_labels[:] = labels
    return best


def search(quantity: str, sign: int, cohorts: Cohorts, seed: int, n_starts: int = N_STARTS,
           n_steps: int = N_STEPS) -> pd.DataFrame:
    """Agreeing cohorts in which a quantity is as large (or as small) as the search could make it.

    Parameters
    ----------
    quantity : str
        A key of `TARGETS`.
    sign : int
        1 for large, -1 for small.
    cohorts : Cohorts
        Where to start: its tolerant tier.
    seed, n_starts, n_steps : int

    Returns
    -------
    DataFrame, one row a patient
        The ensemble's columns, tier ``tolerant``; at most `MOST_COMPLETED` cohorts, furthest first.
    """
    code, place = TARGETS[quantity]
    constraints, arrays = _given()
    rng = np.random.default_rng([seed, sign > 0, sorted(TARGETS).index(quantity)])
    flags = [grouping[0] for grouping in GROUPINGS.values()]
    where_true = [*GROUPINGS.values()][place][1]
    cohorts, found = cohorts.of(cohorts.tier == "tolerant"), []
    values = [sign * pushed(code, *rows) for rows in zip(cohorts["os_treatment_months"], cohorts["died"],
                                                         cohorts[flags[place]] == where_true)]
    furthest = np.argsort(values)[::-1][:n_starts // 2]  # half from the edge of what is known, half from anywhere
    for start in [*furthest, *rng.choice(len(cohorts), n_starts - len(furthest))]:
        order = np.argsort(cohorts["os_treatment_months"][start])
        months, died = cohorts["os_treatment_months"][start][order], cohorts["died"][start][order]
        labels = np.array([cohorts[flag][start][order] for flag in flags])
        best = np.empty_like(months), np.empty_like(died), np.empty_like(labels)
        value = push(code, place, where_true, sign, months, died, labels, *arrays, n_steps, int(rng.integers(2**31)),
                     DECIMALS, *best)
        if np.isfinite(value):
            found.append((value, pd.DataFrame({"os_treatment_months": best[0], "died": best[1],
                                               **dict(zip(flags, best[2]))})))
    found.sort(key=lambda pair: -pair[0])
    return _with_the_rest([core for _, core in found], constraints, rng, seed)


def _with_the_rest(cores: list[pd.DataFrame], constraints, rng: np.random.Generator, seed: int) -> pd.DataFrame:
    kept: list[pd.DataFrame] = []
    for core in cores:
        if len(kept) == MOST_COMPLETED:
            break
        for _ in range(TRIES):
            cohort = completed(core, constraints, rng)
            if cohort is not None:
                kept.append(cohort.assign(cohort=len(kept), tier="tolerant", seed=seed)[[*COLUMNS]])
                break
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=[*COLUMNS])


@cache
def _given() -> tuple:
    from lib.reconstruct.constraints import survival_constraints

    ledger = read_ledger()
    # a hair less than the ensemble's, so that another program's 1.96 does not carry a limit over the edge
    tolerance = replace(TOLERANCE, limit_months=TOLERANCE.limit_months - 0.001)
    return survival_constraints(ledger), constraint_arrays(trial_constraints(ledger), tolerance)


def search_all(quantities: list[str], cohorts: Cohorts, seed: int = 6) -> pd.DataFrame:
    """Both directions of several quantities in one table.

    Returns
    -------
    DataFrame, one row a patient
        The ensemble's columns and ``quantity``, ``direction`` ("large" or "small"); cohorts numbered anew.
    """
    tables = []
    for quantity in quantities:
        for sign, direction in ((1, "large"), (-1, "small")):
            table = search(quantity, sign, cohorts, seed)
            tables += [cohort.assign(quantity=quantity, direction=direction) for _, cohort in table.groupby("cohort")]
    together = pd.concat([table.assign(cohort=number) for number, table in enumerate(tables)], ignore_index=True)
    return compact(together).astype({"quantity": "category", "direction": "category"})
