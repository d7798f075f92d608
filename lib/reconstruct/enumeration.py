"""Which orders of deaths and censorings allow every printed survival figure: all of them tried, none left out.

    python -m lib.reconstruct.enumeration

writes ``data/exact_orders.csv``, one row for each order that passes a stage of `lib.reconstruct.search` that few
pass. Nothing is kept free for rounding: times may tie, the shortest and longest lie anywhere in their printed
intervals, and an order counts where its linear programme has any solution. What is established, and its limits:

* an order that the file does not list as ``feasible`` has no cohort without tied times that gives the printed rows
  from first treatment, the four log-rank P values and the follow-up, by SPSS's interval formula, at printed precision;
* this holds where no list of joint readings was cut, which ``n_joint_readings`` below
  `lib.reconstruct.search.MOST_JOINT_READINGS` shows for each order (the command says so of all orders);
* programmes are solved in floating point, to HiGHS's tolerance of 1e-7.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from lib.published import DATA, read_ledger
from lib.reconstruct.constraints import SurvivalConstraints, survival_constraints
from lib.reconstruct.search import (MOST_JOINT_READINGS, Order, bounded_order, joint_choices, label_readings,
                                    possible_orders, programmes)

FILE = DATA / "exact_orders.csv"
TOUCHING = -1e-7
"""Room of a programme whose only solutions lie on the rim, less what HiGHS tolerates."""


def examine(bits: int, constraints: SurvivalConstraints) -> dict | None:
    """What becomes of one order.

    Parameters
    ----------
    bits : int
        Bit p is set if the patient at position p died.
    constraints : SurvivalConstraints

    Returns
    -------
    dict or None
        ``order``, ``n_joint_readings``, ``n_feasible_readings`` and
        ``room`` (share of every half width that times can keep free; negative if none is feasible). None where
        some comparison has no labelling at all.
    """
    order = bounded_order(bits, constraints, exhaustive=True)
    readings, tightened = [], order
    for comparison in constraints.comparisons:
        found, bounds = label_readings(tightened, comparison)
        if not found:
            return None
        readings.append(found)
        tightened = Order(order.died, bounds)
    choices = joint_choices(tightened, readings, constraints)
    rooms = [room for *_, room in programmes(order, choices, constraints, exhaustive=True)]
    return {"order": str(order), "n_joint_readings": len(choices),
            "n_feasible_readings": sum(room > TOUCHING for room in rooms), "room": round(max(rooms, default=-1.0), 6)}


def enumerate_orders(constraints: SurvivalConstraints, n_processes: int = 1) -> tuple[pd.DataFrame, int]:
    """Every order that the overall row allows, examined.

    Parameters
    ----------
    constraints : SurvivalConstraints
    n_processes : int

    Returns
    -------
    DataFrame
        Orders with at least one labelling of each grouping and one joint reading, as in `examine`, best first.
    int
        How many orders were examined.
    """
    orders = possible_orders(constraints, np.random.default_rng(0), exhaustive=True)
    with ProcessPoolExecutor(n_processes, initializer=_share, initargs=(constraints,)) as pool:
        examined = [row for row in pool.map(_examine_shared, orders, chunksize=500) if row is not None]
    table = pd.DataFrame([row for row in examined if row["n_joint_readings"]],
                         columns=["order", "n_joint_readings", "n_feasible_readings", "room"])
    return table.sort_values(["room", "order"], ascending=[False, True], ignore_index=True), len(orders)


_shared: SurvivalConstraints | None = None


def _share(constraints: SurvivalConstraints) -> None:
    global _shared
    _shared = constraints


def _examine_shared(bits: int) -> dict | None:
    return examine(bits, _shared)


def main(arguments: list[str] | None = None) -> int:
    """Enumerate, write the file, print one line of counts."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.enumeration",
                                     description="Try every order of deaths and censorings.")
    parser.add_argument("--processes", type=int, default=1, help="worker processes")
    parser.add_argument("--out", type=Path, default=FILE, help="CSV file to write")
    options = parser.parse_args(arguments)
    table, n_orders = enumerate_orders(survival_constraints(read_ledger()), options.processes)
    table.to_csv(options.out, index=False, lineterminator="\n")
    cut = int((table.n_joint_readings >= MOST_JOINT_READINGS).sum())
    print(f"{n_orders} orders examined, {len(table)} with a joint reading (at most {table.n_joint_readings.max()} "
          f"an order; {cut} lists cut), {int((table.n_feasible_readings > 0).sum())} feasible.")
    return int(cut > 0)


if __name__ == "__main__":
    sys.exit(main())
