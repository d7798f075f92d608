"""Hold another paper's survival summary against its own numbers: ``python -m lib.another_paper my_paper.csv``.

Prints the checks, the search, the claims and what stays open; ``--out`` writes them as tables, with the found cohorts.
The chapter with figures: ``python -m lib.run -p paper my_paper.csv 07_another_paper``.
"""

from __future__ import annotations

import argparse
import html
import sys
from pathlib import Path

import pandas as pd

from lib.another_paper import report
from lib.another_paper.checks import run_checks
from lib.another_paper.claims import judge, parse_predicate
from lib.another_paper.ensemble import Ensemble, Search, find_cohorts
from lib.another_paper.layout import Layout
from lib.another_paper.known import figures_of_patients, known_patients
from lib.another_paper.ledger import PaperError, read_paper


def main(arguments: list[str] | None = None) -> int:
    """Judge one CSV; 0 where every check passes, 1 where one does not or no cohort is found, 2 where the CSV cannot be used."""
    options = _parse(arguments)
    try:
        summary = read_paper(report.paper_path(options.paper))
        layout = Layout(summary.groups, summary.survival_at, summary.mean_time_to)
        for claim in summary.claims:
            parse_predicate(claim, summary, layout.names)  # a faulty claim is told before the search
        patients = known_patients(summary.known_patients)
        known = None if patients is None else figures_of_patients(patients, summary, layout)
        checks = run_checks(summary)
        found = find_cohorts(summary, Search(options.seed, options.cohorts, options.seconds, options.p_within, options.limits_within))
        tables = {"checks": report.checks_table(checks), "claims": report.claims_table(judge(found))}
        if len(found):
            tables["open_figures"] = report.open_table(report.open_figures(found, known))
        print(f"{summary.study}: {report.population(summary)}.\n")
        for sentence in (report.checks_sentence(checks, summary), report.search_sentence(found)):
            print(html.unescape(sentence.replace("**", "")))
        for name, table in tables.items():
            print(f"\n{name.replace('_', ' ').capitalize()}\n{table.to_string(index=False)}")
        if options.out:
            print(f"\n{_written(Path(options.out), tables, found)}")
    except PaperError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{options.out} cannot be written: {error.strerror}.", file=sys.stderr)
        return 2
    return 0 if len(found) and all(check.passed for check in checks) else 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lib.another_paper", description="Hold a survival summary against its own numbers.")
    parser.add_argument("paper", metavar="CSV", help="the filled-in data/templates/another_paper.csv, or a name under data/another_paper/")
    parser.add_argument("--out", metavar="FOLDER", help="write the tables and the found cohorts as CSV files")
    parser.add_argument("--cohorts", type=int, default=300, metavar="N", help="most cohorts to keep (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="effort of drawing one group (default: %(default)s)")
    parser.add_argument("--p-within", type=float, default=0.0, metavar="P", help="how far a P value may be from the printed one")
    parser.add_argument("--limits-within", type=float, default=0.0, metavar="T", help="how far a limit of a median may be, in the paper's time unit")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the random draws (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.cohorts < 1 or options.seconds <= 0 or options.p_within < 0 or options.limits_within < 0 or options.seed < 0:
        parser.error("--cohorts and --seconds must be above 0; --p-within, --limits-within and --seed not below 0.")
    return options


def _written(folder: Path, tables: dict[str, pd.DataFrame], found: Ensemble) -> Path:
    """Write the tables, and the cohorts in the paper's time unit; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = found.layout.groups
    n_cohorts, n = found.months.shape
    tables = tables | {"invented_cohorts": pd.DataFrame({
        "cohort": pd.Series(range(n_cohorts)).repeat(n).to_numpy(), "time": (found.months / found.scale.factor).ravel().round(6),
        "event": found.died.ravel().astype(int),
        "group": [groups[0] if member else groups[-1] for member in found.first.ravel()]})}
    for name, table in tables.items():
        beside = folder / f".{name}.part"
        table.to_csv(beside, index=False)
        beside.replace(folder / f"{name}.csv")
    return folder


if __name__ == "__main__":
    sys.exit(main())
