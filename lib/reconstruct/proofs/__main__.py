"""Prove, one by one, what the printed figures exclude; everything is tried anew, within a minute.

    python -m lib.reconstruct.proofs

writes ``data/proofs.csv``. It reads the ledger and, for liver PFS, the orders of ``data/exact_orders.csv`` and ``data/wald_orders.csv``.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from lib.published import DATA, read_ledger
from lib.quantity_names import readable
from lib.reconstruct.alternatives import comparison_of, demanded, given_up
from lib.reconstruct.ambiguities import exact_readings
from lib.reconstruct.constraints import survival_constraints
from lib.reconstruct.prefixes import allowed_beginnings
from lib.reconstruct.proofs import clocks, counts, progression, scores
from lib.reconstruct.proofs.claim import NOT_FOUND, Proof, decided
from lib.reconstruct.proofs.printed import printed_counts, printed_texts
from lib.reconstruct.search import treated_patients

FILE = DATA / "proofs.csv"
COLUMNS = ("claim", "verdict", "method", "evidence", "quantities")


def quick_proofs(ledger: pd.DataFrame) -> list[Proof]:
    """Proofs that take less than a second together: counts, percentages, means, intervals, bounds on curves.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    list of Proof
    """
    constraints, numbers = survival_constraints(ledger), printed_counts(ledger)
    events = {f"the {numbers['recist.total.pd.count']} patients with progressive disease by RECIST":
              numbers["recist.total.pd.count"]}
    return [*counts.percentages_of_another_number(ledger), *clocks.truncated_percentages(ledger),
            *counts.progression_by_both_criteria(ledger), *counts.several_lesions_in_one_lobe(ledger),
            *clocks.visits_after_the_shortest_follow_up(ledger, constraints), *scores.ages_at_once(ledger),
            *scores.two_means_of_one_score(ledger), *clocks.intervals_at_death_times(ledger, constraints),
            *clocks.symmetric_intervals(ledger), *clocks.progression_readings(constraints, events)]


def slow_proofs(ledger: pd.DataFrame) -> list[Proof]:
    """Proofs that take some seconds each: MELD as a whole, liver PFS on the exact orders, limits that exclude each other.

    Parameters
    ----------
    ledger : DataFrame

    Returns
    -------
    list of Proof
    """
    return [*scores.meld_at_once(ledger), *liver_pfs(ledger), *excluded_limits(ledger)]


def liver_pfs(ledger: pd.DataFrame) -> list[Proof]:
    """Readings of liver PFS: how many progressed at the visit, and whether death counts.

    Parameters
    ----------
    ledger : DataFrame

    Returns
    -------
    list of Proof
    """
    constraints, numbers = survival_constraints(ledger), printed_counts(ledger)
    by_test = exact_readings(constraints)
    solved = [solution for found in by_test.values() for solution in found]
    patients = treated_patients(max(by_test["log-rank"], key=lambda each: round(each.room, 6)), constraints, np.random.default_rng(1))
    progressed, outside = numbers["mrecist.total.pd.count"], numbers["extrahepatic_progression.count"]
    readings = {progressed: f"the {progressed} patients with progressive disease by mRECIST",
                progressed - outside: f"the {progressed - outside} of them left without {outside} extrahepatic progressions"}
    proofs = []
    for n_at_visit, who in readings.items():
        proofs.append(progression.searched(patients, constraints, n_at_visit, who, death_counts=False))
        excluded = progression.death_as_event(solved, constraints, n_at_visit, who)
        proofs += excluded or [progression.searched(patients, constraints, n_at_visit, who, death_counts=True)]
    return proofs


def excluded_limits(ledger: pd.DataFrame) -> list[Proof]:
    """Each limit that the ledger gives up, demanded together with the rows of everybody and its own comparison.

    Parameters
    ----------
    ledger : DataFrame

    Returns
    -------
    list of Proof
    """
    proofs = []
    for quantity in given_up(ledger):
        constraints = demanded(ledger, quantity)
        comparison = comparison_of(constraints, quantity)
        beginnings = allowed_beginnings(constraints, comparison)
        printed = printed_texts(ledger, quantity)[0]
        proofs.append(Proof(
            f"{readable(quantity)} is {printed} while every other limit and median of the two groups, of everybody from "
            "first treatment and of the follow-up stands",
            decided(beginnings.n_found) if beginnings.n_found or beginnings.complete else NOT_FOUND,
            f"all orders of deaths, censorings and group labels, patient by patient ({beginnings.n_steps:,} steps), each "
            "given up where the rows read so far contradict each other; distinct times, no P value used",
            f"{beginnings.n_found:,} beginnings of an order remain on which all three rows can be read", (quantity,)))
    return proofs


def proofs_table(proofs: list[Proof]) -> pd.DataFrame:
    """Proofs as the file has them, one row a claim."""
    rows = [asdict(proof) | {"quantities": " ".join(proof.quantities)} for proof in proofs]
    return pd.DataFrame(rows, columns=[*COLUMNS])


def main(arguments: list[str] | None = None) -> int:
    """Prove everything, write the file, print one line a claim."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.proofs",
                                     description="Show what the printed figures exclude, by trying everything.")
    parser.add_argument("--out", type=Path, default=FILE, help="CSV file to write")
    options = parser.parse_args(arguments)
    started, ledger = time.monotonic(), read_ledger()
    proofs = [*quick_proofs(ledger), *slow_proofs(ledger)]
    proofs_table(proofs).to_csv(options.out, index=False, lineterminator="\n")
    for proof in proofs:
        print(f"{proof.verdict}: {proof.claim}")
    print(f"{len(proofs)} claims in {time.monotonic() - started:.0f} s; written to {options.out}.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
