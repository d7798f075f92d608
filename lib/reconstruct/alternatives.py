"""Which printed figure has to be given up: each single one in turn, and whether exact cohorts then exist.

    python -m lib.reconstruct.alternatives

writes ``data/alternatives.csv``. The ledger marks figures that no cohort gives together with all others as
``differs``. Here such a figure is demanded after all, and another one given up in its place:

* the rows of everybody and of the figure's own comparison, and the follow-up, exclude each other (`prefixes`), so the
  figures of the other comparisons are no alternative, whatever they are;
* without one figure among those rows, either no beginning of an order is left, or the orders with such a beginning
  are examined one by one against everything else that is printed of survival from first treatment (`enumeration`).

What is established holds for cohorts without tied times.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from lib.published import DATA, read_ledger
from lib.reconstruct.constraints import (ConstraintError, GroupComparison, Interval, MedianRow, SurvivalConstraints,
                                         survival_constraints)
from lib.reconstruct.enumeration import examine
from lib.reconstruct.executor import ExecutorError, run_tasks
from lib.reconstruct.prefixes import allowed_beginnings
from lib.reconstruct.search import MOST_JOINT_READINGS, possible_orders

FILE = DATA / "alternatives.csv"
FOLLOW_UP = {"follow_up.median": "follow_up_median", "follow_up.min": "follow_up_min", "follow_up.max": "follow_up_max"}
FREE_TIME = Interval(0.0, 1e6)
NOTHING = "nothing"
COLUMNS = ("given_up", "printed", "n_beginnings", "n_orders", "n_joint_orders", "n_feasible_orders", "room", "n_cut", "verdict")


def demanded(ledger: pd.DataFrame, quantity: str) -> SurvivalConstraints:
    """Constraints with a figure that the ledger gives up (``differs``) demanded after all."""
    return survival_constraints(ledger.assign(expected=ledger.expected.mask(ledger.quantity == quantity, "reproduced")))


def given_up(ledger: pd.DataFrame) -> list[str]:
    """Limits and medians of the compared groups that the ledger marks as ``differs``."""
    rows = ledger[(ledger.expected == "differs") & ledger.quantity.str.fullmatch(r"os_treatment\.\w+\.\w+\.(median|lower|upper)")]
    return list(dict.fromkeys(rows.quantity))


def without(constraints: SurvivalConstraints, quantity: str) -> SurvivalConstraints:
    """The same constraints with one figure free.

    Parameters
    ----------
    constraints : SurvivalConstraints
    quantity : str
        A median, limit or P value from first treatment, or a figure of the follow-up, by its name in the ledger.

    Returns
    -------
    SurvivalConstraints

    Raises
    ------
    ConstraintError
        If nothing of that name binds.
    """
    if quantity in FOLLOW_UP:
        return replace(constraints, **{FOLLOW_UP[quantity]: FREE_TIME})
    stem, _, part = quantity.rpartition(".")
    if stem == constraints.rows["os_treatment"].quantity:
        return replace(constraints, rows=constraints.rows | {"os_treatment": _freed(constraints.rows["os_treatment"], part)})
    comparisons = tuple(_without(each, stem, part) for each in constraints.comparisons)
    if comparisons == constraints.comparisons:
        raise ConstraintError(f"{quantity} binds nothing that could be given up.")
    return replace(constraints, comparisons=comparisons)


def _without(comparison: GroupComparison, stem: str, part: str) -> GroupComparison:
    if part == "p" and stem.endswith(f".{comparison.grouping.ledger}"):
        return replace(comparison, p_value=Interval(0.0, 1.0))
    return replace(comparison, rows=tuple(_freed(row, part) if row.quantity == stem else row for row in comparison.rows))


def _freed(row: MedianRow, part: str) -> MedianRow:
    """A row with one of median, lower and upper free; the median is then narrowed by what is left."""
    ends = {"median": row.printed_median, "lower": row.lower, "upper": row.upper} | {part: Interval()}
    lower, upper = ends["lower"], ends["upper"]
    middle = Interval((lower.lower + upper.lower) / 2, (lower.upper + upper.upper) / 2)
    return MedianRow(row.quantity, ends["median"] & middle, lower, upper, ends["median"])


def candidates(constraints: SurvivalConstraints, quantity: str) -> list[str]:
    """The figures among which an alternative to a given one can be: those of its own comparison, of everybody, of follow-up."""
    stem, _, _ = quantity.rpartition(".")
    comparison = comparison_of(constraints, quantity)
    rows = [row.quantity for row in comparison.rows] + ["os_treatment"]
    names = [f"{row}.{part}" for row in rows for part in ("median", "lower", "upper")]
    return [name for name in (*names, *FOLLOW_UP) if name != quantity] + [f"os_treatment.{comparison.grouping.ledger}.p"]


def comparison_of(constraints: SurvivalConstraints, quantity: str) -> GroupComparison:
    """The comparison that a figure belongs to."""
    return next(each for each in constraints.comparisons if quantity.startswith(f"os_treatment.{each.grouping.ledger}."))


def alternative(constraints: SurvivalConstraints, quantity: str, in_its_place: str) -> dict:
    """What becomes of all else that is printed when one figure is given up in another's place.

    Parameters
    ----------
    constraints : SurvivalConstraints
        From `demanded`.
    quantity : str
        The figure demanded.
    in_its_place : str
        The figure given up.

    Returns
    -------
    dict
        ``n_beginnings`` (labelled beginnings of orders that the rows of everybody and of the comparison allow; blank
        where the walk was too long to finish), ``n_orders`` (orders examined one by one), ``n_joint_orders`` (those on
        which no pair of all rows contradicts), ``n_feasible_orders``, ``room`` (largest share of every half width that
        times keep free), ``n_cut`` (orders whose list of readings was cut), ``verdict``.
    """
    freed = without(constraints, in_its_place)
    beginnings = allowed_beginnings(freed, comparison_of(freed, quantity))
    row = {"given_up": in_its_place, "n_beginnings": beginnings.n_found if beginnings.complete else None}
    if beginnings.complete and not beginnings.n_found:
        return row | {"n_orders": 0, "n_joint_orders": 0, "n_feasible_orders": 0, "n_cut": 0, "verdict": "impossible"}
    orders = np.array(sorted(possible_orders(freed, np.random.default_rng(0), exhaustive=True)), np.int64)
    if beginnings.complete:
        orders = orders[beginnings.among(orders)]
    own = comparison_of(freed, quantity)  # last: the freed rows are those with most labellings
    freed = replace(freed, comparisons=(*(each for each in freed.comparisons if each != own), own))
    found = [each for each in (examine(bits, freed) for bits in orders.tolist()) if each is not None and each["n_joint_readings"]]
    feasible = [each for each in found if each["n_feasible_readings"]]
    cut = sum(each["n_joint_readings"] >= MOST_JOINT_READINGS for each in found)
    return row | {"n_orders": len(orders), "n_joint_orders": len(found), "n_feasible_orders": len(feasible),
                  "room": max((each["room"] for each in found), default=None), "n_cut": cut,
                  "verdict": "possible" if feasible else "not found" if cut else "impossible"}


def try_task(task: str) -> pd.DataFrame:
    """One row of the table: a task is the figure demanded and the figure given up in its place, joined by ``+``."""
    quantity, in_its_place = task.split("+")
    constraints = demanded(read_ledger(), quantity)
    if in_its_place == NOTHING:
        beginnings = allowed_beginnings(constraints, comparison_of(constraints, quantity))
        verdict = "impossible" if beginnings.complete and not beginnings.n_found else "not found"
        return pd.DataFrame([{"given_up": NOTHING, "n_beginnings": beginnings.n_found, "verdict": verdict}])
    return pd.DataFrame([alternative(constraints, quantity, in_its_place)])


def main(arguments: list[str] | None = None) -> int:
    """Try every alternative to every figure given up, and write the file."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.alternatives",
                                     description="Give up another figure than the one that the ledger gives up.")
    parser.add_argument("--processes", type=int, default=1, help="worker processes")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--found", type=Path, default=Path("build/alternatives"), help="folder of what was tried so far")
    parser.add_argument("--out", type=Path, default=FILE, help="CSV file to write")
    options = parser.parse_args(arguments)
    ledger = read_ledger()
    tasks = [f"{quantity}+{name}" for quantity in given_up(ledger)
             for name in (NOTHING, *candidates(demanded(ledger, quantity), quantity))]
    try:
        files = run_tasks(try_task, tasks, options.found, processes=options.processes, scheduler=options.scheduler,
                          report=lambda line: print(line, file=sys.stderr, flush=True))
    except ExecutorError as error:
        print(error, file=sys.stderr)
        return 1
    table = pd.concat([pd.read_parquet(file).astype(object) for file in files], ignore_index=True)
    table["printed"] = table.given_up.map(ledger[ledger.expected != "differs"].drop_duplicates("quantity").set_index("quantity").printed)
    whole = [name for name in COLUMNS if name.startswith("n_")]
    table = table.reindex(columns=COLUMNS).astype(dict.fromkeys(whole, "Int64") | {"room": float})
    table.to_csv(options.out, index=False, lineterminator="\n")
    print(table[["given_up", "verdict"]].to_string(index=False))
    return 0


if __name__ == "__main__":
    from lib.reconstruct.alternatives import main as importable  # workers import the task by the module's name

    sys.exit(importable())
