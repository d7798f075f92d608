"""What chapter 0 shows of the search: the possibilities one order leaves, a walk on its way, how narrow exactness is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.kept import kept
from lib.reconstruct import scoring
from lib.reconstruct.constraints import SurvivalConstraints
from lib.reconstruct.sampler import BETAS, STEPS_A_ROUND, Tolerance, TrialConstraints, constraint_arrays, random_start
from lib.reconstruct.search import (Order, Solution, bounded_order, joint_choices, label_readings, order_bits,
                                    possible_orders, programmes)


def order_of_times(months: np.ndarray, died: np.ndarray) -> str:
    """Deaths (D) and censorings (c) in order of time."""
    return "".join(np.where(np.asarray(died, bool)[np.argsort(months, kind="stable")], "D", "c"))


@kept
def n_possible_orders(constraints: SurvivalConstraints) -> tuple[int, int]:
    """How many orders the printed numbers of deaths and patients have, and how many overall survival and follow-up leave."""
    left = possible_orders(constraints, np.random.default_rng(0), exhaustive=True)
    return math.comb(constraints.n, constraints.n_died), len(left)


@kept
def labellings_left(order: str, constraints: SurvivalConstraints) -> pd.DataFrame:
    """How many ways to say who belongs to which group each step of the search leaves, on one order.

    Parameters
    ----------
    order : str
        Deaths (D) and censorings (c) in order of time.
    constraints : SurvivalConstraints

    Returns
    -------
    DataFrame
        ``step`` and ``labellings`` (float: they run to 10 ** 24).
    """
    bounded = bounded_order(order_bits(order), constraints, exhaustive=True)
    sizes = [math.comb(constraints.n, each.n_flagged) for each in constraints.comparisons]
    readings, tightened, kept = [], bounded, []
    for comparison in constraints.comparisons:
        found, bounds = label_readings(tightened, comparison)
        kept.append(sum(len(each.labels) for each in found))
        if not found:
            break
        readings.append(found)
        tightened = Order(bounded.died, bounds)
    steps = [("group sizes as printed", math.prod(sizes)), ("each P value, median and interval possible", math.prod(kept))]
    if len(readings) == len(constraints.comparisons):
        choices = joint_choices(tightened, readings, constraints)
        steps.append(("no two rows contradict each other", _n_labellings(choices)))
        with_times = [choice for choice, _, _, room in programmes(bounded, choices, constraints, exhaustive=True) if room > 0]
        steps.append(("times exist that give every row", _n_labellings(with_times)))
    return pd.DataFrame(steps, columns=["step", "labellings"]).astype({"labellings": float})


def _n_labellings(choices) -> int:
    return sum(math.prod(len(reading.labels) for reading in choice) for choice in choices)


@kept
def walk_trace(trial: TrialConstraints, tolerance: Tolerance, seed: int, n_rounds: int) -> pd.DataFrame:
    """A walk of `lib.reconstruct.sampler.sample`, its distance from the printed figures after every round.

    Parameters
    ----------
    trial : TrialConstraints
        From `lib.reconstruct.sampler.trial_constraints`.
    tolerance : Tolerance
    seed, n_rounds : int
        A round is `STEPS_A_ROUND` steps of each of the walkers, which then may trade temperatures.

    Returns
    -------
    DataFrame, one row a round
        ``round``, ``steps`` (of all walkers), ``coldest``, ``hottest`` (misfit of the walkers at the lowest and the highest
        temperature, months), ``least`` (the least misfit of any walker so far).
    """
    arrays, rng = constraint_arrays(trial, tolerance), np.random.default_rng(seed)
    starts = [random_start(trial, arrays[2], rng) for _ in BETAS]
    months, died, labels = (np.array([start[part] for start in starts]) for part in range(3))
    seeds, chances = np.empty((n_rounds, len(BETAS)), np.int64), np.zeros((n_rounds, len(BETAS)))
    for number in range(n_rounds):
        seeds[number] = rng.integers(2**31, size=len(BETAS))
        trading = chances[number, number % 2:-1:2]
        trading[:] = rng.random(len(trading))
    coldest, hottest, least = np.empty((3, n_rounds))
    scoring.trace(months, died, labels, *arrays, np.array(BETAS), STEPS_A_ROUND, seeds, chances, coldest, hottest, least)
    rounds = np.arange(1, n_rounds + 1)
    return pd.DataFrame({"round": rounds, "steps": rounds * STEPS_A_ROUND * len(BETAS), "coldest": coldest, "hottest": hottest, "least": least})


@kept
def time_ranges(solutions: Sequence[Solution]) -> pd.DataFrame:
    """How early and how late each patient of an order can be followed to in any exact solution.

    Parameters
    ----------
    solutions : sequence of Solution
        Of one order.

    Returns
    -------
    DataFrame, one row a place in order of time
        ``place`` (from 1), ``died``, ``earliest``, ``latest`` (months).
    """
    n = solutions[0].programme.n
    earliest, latest = np.full(n, np.inf), np.full(n, -np.inf)
    for solution in solutions:
        first, last = solution.programme.extremes()
        earliest, latest = np.fmin(earliest, first), np.fmax(latest, last)
    return pd.DataFrame({"place": np.arange(1, n + 1), "died": solutions[0].order.died, "earliest": earliest, "latest": latest})


def drawn_ranges(ensemble: pd.DataFrame, tier: str) -> pd.DataFrame:
    """Where the middle 95% of a tier's cohorts have the time of each place.

    Parameters
    ----------
    ensemble : DataFrame
        ``data/ensemble.parquet``.
    tier : str

    Returns
    -------
    DataFrame, one row a place in order of time
        ``place``, ``low``, ``high`` (months).
    """
    chosen = ensemble[ensemble.tier == tier]
    n_cohorts = chosen.cohort.nunique()
    months = np.sort(chosen.sort_values("cohort", kind="stable").os_treatment_months.to_numpy().reshape(n_cohorts, -1), axis=1)
    low, high = np.quantile(months, (0.025, 0.975), axis=0)
    return pd.DataFrame({"place": np.arange(1, months.shape[1] + 1), "low": low, "high": high})
