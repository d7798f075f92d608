"""What the paper leaves unsaid, as switches: which test gave the P values, whether times are whole days, and of what month.

    python -m lib.reconstruct.ambiguities

writes ``data/ambiguities.csv``: one row for each combination, and whether exact cohorts exist under it. With the
log-rank test the orders of ``data/exact_orders.csv`` are all there are; Cox's score test is the log-rank test where no
times are tied. Cox's Wald test gives other P values to the same patients, so other labellings: all orders are gone
through again, but only labellings with a log-rank P value near the printed one, so that "not found" is all that can be said.
The orders found by the Wald test are written to ``data/wald_orders.csv`` (some 12 minutes of one core; kept where it stops).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import scipy  # its parts load where they are used
from scipy.special import ndtri

from lib.published import DATA, read_ledger
from lib.reconstruct.constraints import GroupComparison, Interval, SurvivalConstraints, survival_constraints
from lib.reconstruct.enumeration import FILE as EXACT_ORDERS
from lib.reconstruct.enumeration import TOUCHING
from lib.reconstruct.executor import ExecutorError, run_tasks
from lib.reconstruct.kernels import unpack
from lib.reconstruct.search import (MOST_JOINT_READINGS, LabelReading, Order, Solution, bounded_order, joint_choices,
                                    label_readings, order_bits, possible_orders, programmes)

FILE, WALD_ORDERS = DATA / "ambiguities.csv", DATA / "wald_orders.csv"
TESTS = ("log-rank", "Cox, score", "Cox, Wald")
MONTHS_OF_DAYS = {"any": None, "30.4375 (a Julian year's twelfth)": 30.4375, "30.4167 (365 days' twelfth)": 365 / 12,
                  "30.44": 30.44, "30": 30.0, "30.5": 30.5}
"""Days of a month where times are whole days; any: times need not be whole days, and the month does not matter."""
P_LEEWAY = 0.03
"""How far a log-rank P value may lie from the printed one for its labelling's Wald P to be looked at.

With ten times this leeway, on 400 orders drawn at random, 57,714 labellings gave a printed P by the Wald test; their
log-rank P values were at most 0.017 away from it.
"""
SECONDS = 5.0
N_TASKS = 300
COLUMNS = ("test", "days_of_a_month", "verdict", "n_orders", "n_orders_tried", "n_readings", "n_readings_tried")

_jit = numba.njit(cache=True)


@_jit
def wald_z(died, members):
    """Wald statistic of Cox's regression on one flag, from the order alone; 0 where the estimate is infinite.

    Parameters
    ----------
    died, members : bool arrays, shape (n,)
        In order of time, no two times alike.

    Returns
    -------
    float
        The coefficient over its standard error.
    """
    beta = 0.0
    for _ in range(50):
        inside, outside = 0, 0
        score, information = 0.0, 0.0
        for patient in range(died.size - 1, -1, -1):
            if members[patient]:
                inside += 1
            else:
                outside += 1
            if died[patient]:
                share = inside * math.exp(beta) / (inside * math.exp(beta) + outside)
                score += members[patient] - share
                information += share * (1 - share)
        if information < 1e-9:
            return 0.0
        step = score / information
        beta += step
        if abs(step) < 1e-10:
            return beta * math.sqrt(information)
        if abs(beta) > 20.0:
            return 0.0
    return 0.0


@_jit
def _wald_within(died, labels, lower, upper):
    """Which labellings (as bits) have an absolute Wald statistic between two ends."""
    kept, members = np.zeros(labels.size, np.bool_), np.zeros(died.size, np.bool_)
    for number in range(labels.size):
        unpack(labels[number], members)
        z = abs(wald_z(died, members))
        kept[number] = lower <= z <= upper
    return kept


def readings_by_test(order: Order, comparison: GroupComparison, test: str) -> tuple[list[LabelReading], np.ndarray]:
    """As `lib.reconstruct.search.label_readings`, with the P value of a named test.

    Parameters
    ----------
    order : Order
    comparison : GroupComparison
    test : str
        One of `TESTS`.

    Returns
    -------
    list of LabelReading
    ndarray, shape (n + 1, n + 1)
        The order's bounds, tightened by what all the labellings imply.
    """
    if test != "Cox, Wald":
        return label_readings(order, comparison)
    p = comparison.p_value
    wide = replace(comparison, p_value=Interval(max(p.lower - P_LEEWAY, 0.0), min(p.upper + P_LEEWAY, 1.0)))
    found, hull = label_readings(order, wide)
    ends = -ndtri(p.upper / 2), -ndtri(p.lower / 2)
    kept = []
    for reading in found:
        labels = np.array(reading.labels, np.int64)
        inside = labels[_wald_within(order.died, labels, *ends)]
        if len(inside):
            kept.append(LabelReading(comparison, reading.positions, reading.widths, tuple(int(each) for each in inside)))
    return kept, hull


def exact_solutions(order: Order, constraints: SurvivalConstraints, test: str) -> tuple[list[Solution], bool]:
    """Every choice of readings on an order for which exact times exist, by a named test.

    Parameters
    ----------
    order : Order
        From `lib.reconstruct.search.bounded_order`, exhaustive.
    constraints : SurvivalConstraints
    test : str

    Returns
    -------
    list of Solution
    bool
        True where the list of joint readings was cut short.
    """
    readings, tightened = [], order
    for comparison in constraints.comparisons:
        found, bounds = readings_by_test(tightened, comparison, test)
        if not found:
            return [], False
        readings.append(found)
        tightened = Order(order.died, bounds)
    choices = joint_choices(tightened, readings, constraints)
    return ([Solution(order, choice, programme, rows, room)
             for choice, programme, rows, room in programmes(order, choices, constraints, exhaustive=True) if room > TOUCHING],
            len(choices) >= MOST_JOINT_READINGS)


def whole_days(solution: Solution, days_of_a_month: float, seconds: float = SECONDS) -> np.ndarray | None | bool:
    """Whole days, no two alike, that give a solution's rows.

    Parameters
    ----------
    solution : Solution
    days_of_a_month : float
    seconds : float
        Most time for the integer programme.

    Returns
    -------
    ndarray of int, shape (n,), or None or False
        Days; None where there are none; False where the time ran out.
    """
    programme = solution.programme
    left, right = programme.inequalities
    n = programme.n
    apart = np.eye(n)[:-1] - np.eye(n)[1:]
    lower, upper = np.array(programme.bounds).T * days_of_a_month
    bounds = scipy.optimize.Bounds(np.ceil(lower - 1e-9), np.floor(upper - 1e-9))
    rows = (left / days_of_a_month, -np.inf, right - 1e-7), (apart, -np.inf, -1)
    answer = scipy.optimize.milp(np.zeros(n), integrality=np.ones(n), bounds=bounds,
                                 constraints=[scipy.optimize.LinearConstraint(*each) for each in rows],
                                 options={"time_limit": seconds})
    if answer.status == 2:
        return None
    if answer.x is None:
        return False
    days = np.round(answer.x).astype(int)
    return days if (left @ (days / days_of_a_month) <= right + 1e-9).all() and (np.diff(days) > 0).all() else False


def try_orders(task: str) -> pd.DataFrame:
    """Orders with exact times by Cox's Wald test, among those of one task (``wald-<number>``: every `N_TASKS`-th order)."""
    constraints = survival_constraints(read_ledger())
    orders = sorted(possible_orders(constraints, np.random.default_rng(0), exhaustive=True))
    mine = orders[int(task.partition("-")[2])::N_TASKS]
    rows = []
    for bits in mine:
        found, cut = exact_solutions(bounded_order(bits, constraints, exhaustive=True), constraints, "Cox, Wald")
        if found or cut:
            rows.append({"bits": bits, "n_readings": len(found), "cut": cut})
    rows = rows or [{"bits": -1, "n_readings": 0, "cut": False}]  # a task without any is a row, too: it was tried
    return pd.DataFrame(rows).assign(n_tried=len(mine))


def combinations(solutions: dict[str, list[Solution]], n_orders_tried: dict[str, int]) -> pd.DataFrame:
    """Whether exact cohorts exist under each test and each unit of time.

    Parameters
    ----------
    solutions : dict
        Test -> every reading found that has exact times.
    n_orders_tried : dict
        Test -> orders of deaths and censorings tried.

    Returns
    -------
    DataFrame
        `COLUMNS`. Where all orders were tried and none is left the verdict is ``impossible``, which for the Wald test is
        never said: labellings far from the printed P value by the log-rank test are not looked at.
    """
    rows = []
    for test, found in solutions.items():
        for unit, days in MONTHS_OF_DAYS.items():
            days_found = [True if days is None else whole_days(each, days) for each in found]
            kept = [each for each, answer in zip(found, days_found) if answer is not None and answer is not False]
            undecided = any(answer is False for answer in days_found)
            verdict = "possible" if kept else "not found" if undecided or test == "Cox, Wald" else "impossible"
            rows.append({"test": test, "days_of_a_month": unit, "verdict": verdict,
                         "n_orders": len({str(each.order) for each in kept}), "n_orders_tried": n_orders_tried[test],
                         "n_readings": len(kept), "n_readings_tried": len(found)})
    return pd.DataFrame(rows, columns=[*COLUMNS])


def exact_readings(constraints: SurvivalConstraints) -> dict[str, list[Solution]]:
    """Every reading of the rows for which exact times exist, on the orders that are written down.

    Parameters
    ----------
    constraints : SurvivalConstraints

    Returns
    -------
    dict of str to list of Solution
        By test. Log-rank: all there are. Wald: all that were found.
    """
    return {"log-rank": _solutions_on(pd.read_csv(EXACT_ORDERS).order, constraints, "log-rank"),
            "Cox, Wald": _solutions_on(pd.read_csv(WALD_ORDERS).order, constraints, "Cox, Wald")}


def _solutions_on(orders: Iterable[str], constraints: SurvivalConstraints, test: str) -> list[Solution]:
    return [solution for order in orders for solution in solutions_of(order, constraints, test)]


def solutions_of(order: str, constraints: SurvivalConstraints, test: str = "log-rank") -> list[Solution]:
    """Every reading of an order, a string of D and c, for which exact times exist by a test."""
    return exact_solutions(bounded_order(order_bits(order), constraints, exhaustive=True), constraints, test)[0]


def main(arguments: list[str] | None = None) -> int:
    """Try every combination and write both files."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.ambiguities",
                                     description="Which tests and units of time leave exact cohorts.")
    parser.add_argument("--tasks", type=int, default=N_TASKS, help=f"of {N_TASKS} parts of all orders, how many are tried by Wald (default: all)")
    parser.add_argument("--processes", type=int, default=1, help="worker processes")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--found", type=Path, default=Path("build/ambiguities"), help="folder of what was tried so far")
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write into")
    options = parser.parse_args(arguments)
    constraints = survival_constraints(read_ledger())
    try:
        files = run_tasks(try_orders, [f"wald-{number:03d}" for number in range(options.tasks)], options.found,
                          processes=options.processes, scheduler=options.scheduler,
                          report=lambda line: print(line, file=sys.stderr, flush=True))
    except ExecutorError as error:
        print(error, file=sys.stderr)
        return 1
    tables = [pd.read_parquet(file) for file in files]
    tried = pd.concat(tables, ignore_index=True)
    by_wald = tried[tried.n_readings > 0].sort_values("bits")
    orders = [str(bounded_order(int(bits), constraints, exhaustive=True)) for bits in by_wald.bits]
    options.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"order": orders, "n_feasible_readings": by_wald.n_readings}).to_csv(options.out / WALD_ORDERS.name, index=False, lineterminator="\n")
    n_possible = len(possible_orders(constraints, np.random.default_rng(0), exhaustive=True))
    n_wald = sum(int(table.n_tried.iloc[0]) for table in tables)
    by_rank = _solutions_on(pd.read_csv(EXACT_ORDERS).order, constraints, "log-rank")
    table = combinations(dict(zip(TESTS, (by_rank, by_rank, _solutions_on(orders, constraints, "Cox, Wald")))), dict(zip(TESTS, (n_possible, n_possible, n_wald))))
    table.to_csv(options.out / FILE.name, index=False, lineterminator="\n")
    print(table.to_string(index=False))
    return 0


if __name__ == "__main__":
    from lib.reconstruct.ambiguities import main as importable  # workers import the tasks by the module's name

    sys.exit(importable())
