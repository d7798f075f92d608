"""The whole way of a source to a cohort: identifiers refused, cells converted, contract and plausibility checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from lib.cohort import Cohort, build_cohort
from lib.contract import STRUCTURE, TABLES, CohortError, Problem
from lib.intake.convert import Converted, convert
from lib.intake.identifying import Identifying, cap_ages, identifying_columns
from lib.intake.mapping import RESPONSES, Plan, plan
from lib.intake.output import FORMULA_SIGNS
from lib.intake.plausibility import implausibilities
from lib.intake.sheets import Sheet, refusal
from lib.intake.suggest import suggest


def import_cohort(sheets: list[Sheet], mapping: dict | None = None, name: str = "cohort", leave_out: Iterable[str] = (),
                  allow: Iterable[str] = (), mapping_file: str = "mapping") -> Cohort:
    """A source as a cohort that passes the contract.

    Parameters
    ----------
    sheets : list of Sheet
        As ``read_source`` gives them.
    mapping : dict, optional
        As in a mapping file; without one the guess is used as it stands.
    leave_out, allow : iterable of str
        Source columns never read, and columns that look identifying and are not, besides those of the mapping.

    Returns
    -------
    Cohort
        Ages above 89 capped, text safe for spreadsheets, labels and times only: no calendar date.

    Raises
    ------
    CohortError
        With all problems in one message, worst first, one line each.
    """
    sheets = without(sheets, {*leave_out, *_named(mapping, "leave_out")})
    mapping = suggest(sheets) if mapping is None else mapping
    if isinstance(mapping, dict) and isinstance(mapping.get("tables"), dict) and not mapping["tables"].get("patients"):
        raise refusal([Problem(STRUCTURE, sheets[0].file, 1, "", "no table of patients", "a column with the patient's label beside clinical columns",
                               "write a first guess with --suggest and map patients")])
    steps = plan(mapping, sheets, mapping_file)
    steps = replace(steps, allow=(*steps.allow, *allow))
    problems = refused_columns(sheets, steps)
    done = convert(steps, sheets)
    problems += done.problems
    problems += implausibilities(done, steps.accept) if "patients" in done.tables else []
    told = {(problem.file, problem.row, problem.column) for problem in problems}
    cohort, breaches = _built(name, done)
    problems += [problem for problem in breaches  # one cell, one problem, whether or not the contract's column stands in brackets
                 if not {(problem.file, problem.row, column) for column in (problem.column, problem.column.rpartition(" (")[0])} & told]
    if problems:
        raise refusal(problems)
    return cohort


def without(sheets: list[Sheet], columns: set[str]) -> list[Sheet]:
    """The sheets without the columns a reader has left out, so that no later step can read them."""
    return [replace(sheet, cells=sheet.cells.drop(columns=[column for column in sheet.cells.columns if column in columns]))
            for sheet in sheets]


def _named(mapping, key: str) -> list[str]:
    named = mapping.get(key) if isinstance(mapping, dict) else None
    return [str(column) for column in named] if isinstance(named, list) else [str(named)] if named else []


def refused_columns(sheets: list[Sheet], steps: Plan) -> list[Problem]:
    """A problem for each column that looks identifying and that nobody has named."""
    keys = {part.columns["patient"].column for part in steps.parts if "patient" in part.columns}
    found = []
    for sheet in sheets:
        own = keys if steps.patient_labels == "new" else ()
        marked = [Identifying(column, "an identifier", "data dictionary") for column in sheet.cells.columns
                  if column in sheet.identifiers and column not in {*steps.allow, *own}]
        for trait in marked + identifying_columns(sheet.cells, {*steps.allow, *own, *sheet.identifiers}):
            if any((problem.file, problem.column) == (sheet.file, trait.column) for problem in found):
                continue  # one file's instruments share columns
            row = 1 if trait.position is None else int(sheet.cells.index[trait.position])
            found.append(Problem(STRUCTURE, sheet.file, row, trait.column, f"looks like {trait.looks_like} by its {trait.by}",
                                 "no column that could tell who a patient is",
                                 "export without it, or name it under leave_out: (never read) or allow: (harmless) in the mapping"))
    return found


def identifying(sheets: list[Sheet], mapping: dict) -> list[str]:
    """Columns that look identifying and that a guessed mapping does not use: those that a reader would leave out."""
    return list(dict.fromkeys(problem.column for problem in refused_columns(sheets, plan(mapping, sheets)) if problem.column not in _used(mapping)))


def _used(mapping) -> set[str]:
    """All words of a mapping's tables, the columns it reads among them."""
    if isinstance(mapping, dict):
        return set().union(*map(_used, mapping.values()))
    return set().union(*map(_used, mapping)) if isinstance(mapping, list) else {str(mapping)}


def _built(name: str, done: Converted) -> tuple[Cohort | None, list[Problem]]:
    """The cohort, or the contract's problems told in the rows and columns of the source."""
    tables = {table: _finished(frame) for table, frame in done.tables.items() if table != RESPONSES}
    if "patients" not in tables:
        return None, []
    try:
        cohort = build_cohort(name, **tables)
    except CohortError as refused:
        return None, [_of_source(problem, done) for problem in refused.problems]
    if "age_years" in cohort.patients:  # capped after the contract has refused an age of 611
        cohort = replace(cohort, patients=cohort.patients.assign(age_years=cap_ages(cohort.patients["age_years"])))
    return cohort, []


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    """Text that a spreadsheet would compute, made harmless."""
    return frame.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_SIGNS) else cell)


def _of_source(problem: Problem, done: Converted) -> Problem:
    table = problem.file.removesuffix(".csv")
    if table not in TABLES or table not in done.places or not done.places[table]:
        return problem
    source = done.sources.get((table, problem.column), "")
    column = problem.column if source in ("", problem.column) else f"{source} ({problem.column})"
    at = problem.row - 2
    file, row = done.places[table][at] if 0 <= at < len(done.places[table]) else (done.places[table][0][0], problem.row and 1)
    return replace(problem, file=file, row=row, column=column)
