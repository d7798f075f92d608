"""Import an institution's export: ``python -m lib.intake SOURCE --out FOLDER``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lib.cohort import Cohort
from lib.contract import TABLES, CohortError
from lib.intake.importing import identifying, import_cohort
from lib.intake.mapping import read_mapping, write_mapping
from lib.intake.output import refuse_tracked, refuse_used, write_cohort
from lib.intake.sheets import refusal, structure_problem
from lib.intake.sources import read_source
from lib.intake.suggest import suggest


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 where a folder or a mapping was written, 1 with a report on stderr where not."""
    given = _parser().parse_args(arguments)
    try:
        print(_imported(given) if given.out else _suggested(given))
    except CohortError as refused:
        print(refused, file=sys.stderr)
        return 1
    except (OSError, MemoryError) as trouble:
        print(f"Nothing was imported: {trouble.strerror or 'out of memory' if isinstance(trouble, OSError) else 'out of memory'} "
              f"({given.source}).", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.intake", description="Turn an institution's export into a cohort of five tables: "
                                     "CSV, Excel, SPSS, Stata, SAS transport, parquet; REDCap and CDISC ADaM are recognised.")
    parser.add_argument("source", type=Path, help="a file, or a folder of files")
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--out", type=Path, metavar="FOLDER", help="new folder for the cohort, outside version control")
    wanted.add_argument("--suggest", type=Path, metavar="FILE", help="write a first guess of the mapping, to be edited")
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="the edited mapping; without it the guess is used")
    parser.add_argument("--leave-out", action="append", default=[], metavar="COLUMN", help="never read this column")
    parser.add_argument("--allow", action="append", default=[], metavar="COLUMN", help="this column looks identifying and is not")
    return parser


def _imported(given: argparse.Namespace) -> str:
    refuse_tracked(given.out)
    refuse_used(given.out)
    mapping = read_mapping(given.mapping) if given.mapping else None
    cohort = import_cohort(read_source(given.source), mapping, given.out.name, given.leave_out, given.allow,
                           given.mapping.name if given.mapping else "mapping")
    write_cohort(cohort, given.out)
    return _summary(cohort, given.out)


def _suggested(given: argparse.Namespace) -> str:
    refuse_tracked(given.suggest)
    sheets = read_source(given.source)
    mapping = suggest(sheets)
    mapping["leave_out"] = identifying(sheets, mapping) if mapping["tables"].get("patients") else []
    try:
        write_mapping(mapping, given.suggest)
    except FileExistsError:
        raise refusal([structure_problem(given.suggest.name, "exists", "a new file", "name another one or remove it")]) from None
    left_out = f"Left out, since they look identifying: {', '.join(mapping['leave_out'])}. " if mapping["leave_out"] else ""
    return f"{left_out}{given.suggest}: read it, correct it, then import with --mapping {given.suggest} --out FOLDER"


def _summary(cohort: Cohort, folder: Path) -> str:
    counts = [f"{len(frame)} {table.replace('_', ' ')}" for table in TABLES if (frame := getattr(cohort, table)) is not None]
    return f"{folder}: {', '.join(counts)}. Next: python -m lib.run --cohort {folder}"


if __name__ == "__main__":
    sys.exit(main())
