"""Make the ensemble: thousands of invented cohorts that all agree with the paper, as unlike each other as can be.

    python -m lib.reconstruct.ensemble [--seeds N] [--seconds S] [--processes N] [--scheduler ADDRESS]
    python -m lib.reconstruct.ensemble --verify

Two tiers. *tolerant*: every count, cross-table, median and follow-up at printed precision, P values from first
treatment within 0.005, confidence limits within 1.0 month (`lib.reconstruct.sampler`, which says what distribution is
sampled). *exact*: everything at printed precision, on the orders that `lib.reconstruct.enumeration` found and that
keep `LEAST_ROOM`. In both, the other clocks, liver progression, treatments and responses are then drawn to the
printed precision of their own rows.

The tolerant tier is chosen for diversity: from a seed's draws jumps lead to orders of deaths and censorings that a walk
seldom meets (`lib.reconstruct.exploring`), within a seed the orders take turns, and no order has more than
`LARGEST_SHARE` of the tier. How frequent orders are within the tier therefore means nothing.
"""

from __future__ import annotations

import argparse
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from lib.published import DATA, read_ledger
from lib.reconstruct.constraints import survival_constraints
from lib.reconstruct.enumeration import FILE as EXACT_ORDERS
from lib.reconstruct.executor import ExecutorError, run_tasks, write_whole
from lib.reconstruct.exploring import explored
from lib.reconstruct.sampler import Tolerance, sample
from lib.reconstruct.search import SKELETON_COLUMNS, bounded_order, complete_clocks, order_bits, solutions
from lib.reconstruct.times import liver_progression, outer_clocks

FILE = DATA / "ensemble.parquet"
TOLERANCE = Tolerance(p=0.005, limit_months=1.0)
N_TOLERANT, N_EXACT = 2000, 200
LARGEST_SHARE = 0.02
DRAWS_A_SEED, N_JUMPS, COHORTS_A_SEED = 400, 20_000, 120
CLOCK_DRAWS = 3
ATTEMPTS = 3
COLUMNS = ("cohort", "tier", "seed", *SKELETON_COLUMNS, "first_treatment", "second_treatment", "mrecist", "recist",
           "extrahepatic_progression", "solitary")


def draw_tolerant(seed: int, seconds: float, n_cohorts: int = COHORTS_A_SEED) -> pd.DataFrame:
    """Cohorts of the tolerant tier from one seed.

    Parameters
    ----------
    seed : int
    seconds : float
        Budget of the sampler (`lib.reconstruct.sampler.sample`).
    n_cohorts : int
        At most so many.

    Returns
    -------
    DataFrame, one row a patient
        `COLUMNS`; cohorts that cannot be completed are left out.
    """
    ledger = _ledger()
    constraints, completed = survival_constraints(ledger), []
    draws = sample(constraints, TOLERANCE, seed, DRAWS_A_SEED, seconds)
    draws = explored(draws, constraints, TOLERANCE, np.random.default_rng([2, seed]), N_JUMPS)
    # times ascend within a cohort
    orders = ["".join(row) for row in np.where(draws.died.to_numpy(bool).reshape(-1, constraints.n), "D", "c")]
    for number in spread(orders, n_cohorts, np.random.default_rng(seed)):
        core = draws.iloc[number * constraints.n:(number + 1) * constraints.n]
        rng = np.random.default_rng([seed, number])
        cohort = _with_clocks(core.drop(columns="cohort").reset_index(drop=True), constraints, rng)
        completed.append(_with_treatment(cohort, rng))
    return _joined(completed, "tolerant", seed)


def draw_exact(seed: int, n_cohorts: int) -> pd.DataFrame:
    """Cohorts of the exact tier from one seed.

    Parameters
    ----------
    seed : int
    n_cohorts : int
        Attempts; some cannot be completed.

    Returns
    -------
    DataFrame, one row a patient
        `COLUMNS`.
    """
    constraints, found = survival_constraints(_ledger()), exact_solutions()
    rng, completed = np.random.default_rng([1, seed]), []
    for _ in range(n_cohorts):
        completed.append(_with_treatment(complete_clocks(found[rng.integers(len(found))], constraints, rng), rng))
    return _joined(completed, "exact", seed)


@cache
def exact_solutions() -> list:
    """Readings that allow exact times and keep room for rounding, on the orders that the enumeration lists."""
    constraints, listed = survival_constraints(_ledger()), pd.read_csv(EXACT_ORDERS)
    return [solution for order in listed.order[listed.n_feasible_readings > 0]
            for solution in solutions(bounded_order(order_bits(order), constraints), constraints)]


def draw(task: str, seconds: float, n_exact: int) -> pd.DataFrame:
    """The table of a task named ``tolerant-<seed>`` or ``exact-<seed>``."""
    tier, _, seed = task.partition("-")
    return draw_tolerant(int(seed), seconds) if tier == "tolerant" else draw_exact(int(seed), n_exact)


@cache
def _ledger() -> pd.DataFrame:
    return read_ledger()


def _with_clocks(cohort: pd.DataFrame, constraints, rng: np.random.Generator) -> pd.DataFrame | None:
    """A drawn cohort with the outer clocks and liver progression; None if their rows cannot be met."""
    for draw_clock in (partial(outer_clocks, n_draws=CLOCK_DRAWS), liver_progression):
        columns = draw_clock(cohort, constraints, rng)
        if columns is None:
            return None
        cohort = cohort.join(columns)
    return cohort


def _with_treatment(skeleton: pd.DataFrame | None, rng: np.random.Generator) -> pd.DataFrame | None:
    """A skeleton with treatments and responses as the cross-tables count them; None if they cannot be met."""
    if skeleton is None:
        return None
    # slow to load: only where cohorts are made, not where their tolerance is shown
    from lib.reconstruct.completion.assignment import assign_treatment_and_response
    from lib.reconstruct.completion.printed import CompletionError, PrintedFigures
    from lib.reconstruct.completion.visits import visit_days

    printed = PrintedFigures(_ledger())
    for _ in range(ATTEMPTS):
        try:
            visits = skeleton.assign(visit_day=visit_days(skeleton, printed, rng))
            return skeleton.join(assign_treatment_and_response(visits, printed, rng))
        except CompletionError:
            continue
    return None


def completed(core: pd.DataFrame, constraints, rng: np.random.Generator) -> pd.DataFrame | None:
    """A cohort's times, deaths and labels with everything else that an ensemble's row holds; None if that cannot be met.

    Parameters
    ----------
    core : DataFrame, one row a patient
        ``os_treatment_months``, ``died`` and the four groupings' flags.
    constraints : SurvivalConstraints
    rng : numpy.random.Generator
    """
    return _with_treatment(_with_clocks(core, constraints, rng), rng)


def _joined(cohorts: list[pd.DataFrame | None], tier: str, seed: int) -> pd.DataFrame:
    tables = [cohort.assign(cohort=number, tier=tier, seed=seed)[[*COLUMNS]]
              for number, cohort in enumerate(each for each in cohorts if each is not None)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*COLUMNS])


def spread(orders: list[str], n_wanted: int, rng: np.random.Generator) -> list[int]:
    """Places of draws chosen from a seed's: orders take turns, each gives its cohorts at random.

    Parameters
    ----------
    orders : list of str
        The order of deaths and censorings of each draw.
    n_wanted : int
        At most so many.
    rng : numpy.random.Generator

    Returns
    -------
    list of int
        Ascending.
    """
    turns, times = [], {}
    for place in rng.permutation(len(orders)).tolist():
        times[orders[place]] = times.get(orders[place], 0) + 1
        turns.append((times[orders[place]], place))
    turns.sort(key=lambda turn: turn[0])
    return sorted(place for _, place in turns[:n_wanted])


def order_of(cohort: pd.DataFrame) -> str:
    """Deaths (D) and censorings (c) of a cohort in order of time from first treatment."""
    return "".join(np.where(cohort.sort_values("os_treatment_months", kind="stable").died, "D", "c"))


def assemble(tables: list[pd.DataFrame], n_tolerant: int = N_TOLERANT) -> pd.DataFrame:
    """One table of all seeds' cohorts, numbered anew, frequent orders thinned.

    Parameters
    ----------
    tables : list of DataFrame
        From `draw_tolerant` and `draw_exact`.
    n_tolerant : int
        Least size of the tolerant tier, which sets how often an order may occur.

    Returns
    -------
    DataFrame

    Raises
    ------
    ExecutorError
        If fewer tolerant cohorts remain than asked for.
    """
    rng, most = np.random.default_rng(0), int(LARGEST_SHARE * n_tolerant)
    cohorts = [cohort for table in tables for _, cohort in table.groupby("cohort")]
    times_kept, kept = {}, []
    for number in rng.permutation(len(cohorts)):
        cohort = cohorts[number]
        if cohort.tier.iloc[0] == "tolerant":
            order = order_of(cohort)
            times_kept[order] = times_kept.get(order, 0) + 1
            if times_kept[order] > most:
                continue
        kept.append(number)
    ensemble = pd.concat([cohorts[number].assign(cohort=place) for place, number in enumerate(sorted(kept))],
                         ignore_index=True)
    found = ensemble[ensemble.tier == "tolerant"].cohort.nunique()
    if found < n_tolerant:
        raise ExecutorError(f"{found} tolerant cohorts were found with no order above {LARGEST_SHARE:.0%}, "
                            f"{n_tolerant} are wanted; run again with more --seeds, what was found is kept.")
    return compact(ensemble)


def compact(ensemble: pd.DataFrame) -> pd.DataFrame:
    """The same table with small whole numbers and words stored as such."""
    words = ("tier", "first_treatment", "second_treatment", "mrecist", "recist")
    flags = [column for column in ensemble if ensemble[column].isin([True, False]).all() and column not in words
             and column not in ("cohort", "seed")]
    return ensemble.astype({"cohort": "int32", "seed": "int32"} | {column: bool for column in flags}
                           | {column: "category" for column in words})


def main(arguments: list[str] | None = None) -> int:
    """Draw what is missing, then write the ensemble; or verify the written one."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.ensemble",
                                     description="Make or verify the ensemble of invented cohorts.")
    parser.add_argument("--verify", action="store_true", help="check every cohort of the written file")
    parser.add_argument("--seeds", type=int, default=32, help="seeds of the tolerant tier")
    parser.add_argument("--seconds", type=float, default=7.0, help="budget of one seed's sampler")
    parser.add_argument("--processes", type=int, default=1, help="worker processes of this machine")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--found", type=Path, default=Path("build/ensemble"), help="folder of the seeds' results")
    parser.add_argument("--out", type=Path, default=FILE, help="file to write, or to verify")
    options = parser.parse_args(arguments)
    if options.verify:
        from lib.reconstruct.ensemble_verify import report
        return report(options.out)
    tasks = [f"tolerant-{seed:04d}" for seed in range(1, options.seeds + 1)]
    tasks += [f"exact-{seed:04d}" for seed in range(1, 21)]
    settings = {"seconds": options.seconds, "n_exact": N_EXACT // 20 + 2}
    try:
        files = run_tasks(partial(draw, **settings), tasks, options.found, processes=options.processes,
                          scheduler=options.scheduler, settings=settings,
                          report=lambda line: print(line, file=sys.stderr, flush=True))
        ensemble = assemble([pd.read_parquet(file) for file in files])
    except ExecutorError as error:
        print(error, file=sys.stderr)
        return 1
    write_whole(ensemble, options.out)
    counts = ensemble.groupby("tier", observed=True).cohort.nunique()
    print(f"{options.out}: {counts['tolerant']} tolerant and {counts['exact']} exact cohorts.")
    return 0


if __name__ == "__main__":
    from lib.reconstruct.ensemble import main as importable  # workers import the tasks by the module's name

    sys.exit(importable())
