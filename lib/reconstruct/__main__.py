"""Make the reference cohort: search a survival skeleton, complete it, verify it, then write it.

    python -m lib.reconstruct [--seed N] [--out data/reference] [--ledger data/published.csv]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from lib.published import DATA, read_ledger
from lib.reconstruct.completion import complete
from lib.reconstruct.constraints import ConstraintError
from lib.reconstruct.proofs.counts import refused_percentages
from lib.reconstruct.search import SearchError, find_skeleton
from lib.reconstruct.tables import write_tables
from lib.reconstruct.verify import report, verify

SEED = 20200901
"""The month of the paper's issue; any other seed makes another cohort."""


def reconstruct(seed: int, out: Path, ledger_path: Path) -> int:
    """Write a cohort to ``out`` if it passes verification; the folder is untouched otherwise.

    Parameters
    ----------
    seed : int
    out, ledger_path : Path

    Returns
    -------
    int
        0 where every figure and rule is as expected, else 1.

    Raises
    ------
    ConstraintError
        If the ledger contradicts itself, with the rows named: before any search.
    """
    started = time.monotonic()
    ledger = read_ledger(ledger_path)
    if wrong := refused_percentages(ledger):
        raise ConstraintError("\n".join(wrong))
    _progress("searching for a survival skeleton", started)
    skeleton = find_skeleton(seed, ledger)
    _progress("completing it", started)
    tables = complete(skeleton, ledger, seed)
    _progress("verifying the written files", started)
    with tempfile.TemporaryDirectory() as trial:
        write_tables(tables, trial)
        code = report(verify(trial, ledger_path))
    if code == 0:
        write_tables(tables, out)
        _progress(f"wrote {', '.join(f'{name}.csv' for name in tables)} to {out}", started)
    else:
        _progress(f"left {out} as it was", started)
    return code


def _progress(message: str, started: float) -> None:
    print(f"[{time.monotonic() - started:5.0f} s] {message}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, make the cohort, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct",
                                     description="Invent a cohort on which the ledger recomputes.")
    parser.add_argument("--seed", type=int, default=SEED, help="a whole number; the same one gives the same bytes")
    parser.add_argument("--out", type=Path, default=DATA / "reference", help="folder for the five tables")
    parser.add_argument("--ledger", type=Path, default=DATA / "published.csv", help="ledger of printed figures")
    options = parser.parse_args(arguments)
    try:
        return reconstruct(options.seed, options.out, options.ledger)
    except (ValueError, SearchError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
