"""Reading a source: a file or a folder of CSV, Excel, SPSS, Stata, SAS transport or parquet files, as sheets."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from lib.contract import Problem
from lib.intake import redcap
from lib.intake.excel import read_excel
from lib.intake.sheets import Sheet, plain_cell, plain_frame, refusal, structure_problem

ADAM_SHEETS = {"adsl", "adtte", "adlb", "adrs", "adae", "adtr", "adex"}
LARGEST_FILE_MB = 200
DELIMITERS = ",;\t|"


def read_source(source: str | Path) -> list[Sheet]:
    """All sheets of a file, or of the files in a folder.

    Parameters
    ----------
    source : str or Path
        A file, or a folder whose files are read; its subfolders are not.

    Returns
    -------
    list of Sheet
        REDCap exports are already split into the record and its repeating instruments.

    Raises
    ------
    CohortError
        Where a file cannot be read, with every such file in one message.
    """
    source = Path(source).expanduser()
    if not source.exists():
        raise refusal([structure_problem(str(source), "missing", "a file or a folder", "check the path")])
    files = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith((".", "~$"))
                   and path.suffix.lower() not in {".yaml", ".yml", ".md", ".txt"}) if source.is_dir() else [source]
    problems, sheets = [], []
    if not files:
        problems.append(structure_problem(source.name, "an empty folder", "files to read", "put the export into it"))
    for file in files:
        sheets += _read_file(file, problems)
    if problems:
        raise refusal(problems)
    return [_recognised(sheet) for sheet in redcap.split(sheets)]


def _read_file(file: Path, problems: list[Problem]) -> list[Sheet]:
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        remedy = "save it as .xlsx" if file.suffix.lower() in {".xls", ".ods", ".numbers"} else "export it again or take it out"
        problems.append(structure_problem(file.name, file.suffix or "no extension", "one of " + ", ".join(READERS), remedy))
        return []
    if file.stat().st_size == 0:
        problems.append(structure_problem(file.name, "empty", "a header and rows", "export it again or remove it"))
        return []
    if file.stat().st_size > LARGEST_FILE_MB * 1e6:
        problems.append(structure_problem(file.name, f"{file.stat().st_size / 1e6:.0f} MB", f"at most {LARGEST_FILE_MB} MB",
                                          "export the needed columns and patients only"))
        return []
    before = len(problems)
    sheets = reader(file, problems)
    for sheet in sheets:
        problems += _header_problems(sheet)
    if not sheets and len(problems) == before:
        problems.append(structure_problem(file.name, "no rows", "a header and rows", "export it again or remove it"))
    return sheets


def _header_problems(sheet: Sheet) -> list[Problem]:
    columns, found = pd.Index(sheet.cells.columns), []
    for column in columns[columns.duplicated()].unique():
        found.append(structure_problem(sheet.file, "given twice", "each column once", "rename one of the two", 1, str(column)))
    for position in [place for place, column in enumerate(columns) if not column]:
        if sheet.cells.iloc[:, position].notna().any():
            found.append(structure_problem(sheet.file, f"column {position + 1} without a name", "a name above each column",
                                           "name the column or remove it", 1))
    if sheet.cells.empty and not found:
        found.append(structure_problem(sheet.file, "no rows", "rows below the header", "export it again or remove it"))
    return found


def _recognised(sheet: Sheet) -> Sheet:
    """CDISC ADaM sheets marked as such, by their required identifiers; other sheets as they are."""
    upper = {column.upper() for column in sheet.cells.columns}
    name = sheet.name.lower().split("_")[0]
    if {"STUDYID", "USUBJID"} <= upper and name in ADAM_SHEETS:
        cells = sheet.cells.set_axis([column.upper() for column in sheet.cells.columns], axis=1)
        meanings = {column.upper(): meaning for column, meaning in sheet.meanings.items()}
        return Sheet(name, sheet.file, cells, sheet.labels, meanings, "adam")
    return sheet


def _read_csv(file: Path, problems: list[Problem]) -> list[Sheet]:
    text = _decoded(file, problems)
    if text is None:
        return []
    delimiter = max(DELIMITERS, key=text.split("\n", 1)[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as trouble:
        problems.append(structure_problem(file.name, "unreadable", "CSV", f"save it again as CSV UTF-8 ({trouble})"))
        return []
    numbered = [(number, [cell.strip() for cell in row]) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    if not numbered:
        problems.append(structure_problem(file.name, "empty", "a header and rows", "export it again or remove it"))
        return []
    header = numbered[0][1]
    wrong = [(number, row) for number, row in numbered[1:] if len(row) != len(header)]
    for number, row in wrong:
        problems.append(structure_problem(file.name, f"{len(row)} cells", f"{len(header)} cells, as the header has",
                                          "quote cells that hold the delimiter", number))
    if wrong:
        return []
    cells = pd.DataFrame([[cell or None for cell in row] for _, row in numbered[1:]], dtype=object,
                         index=[number for number, _ in numbered[1:]], columns=header)
    return [Sheet(file.stem, file.name, cells)]


def _decoded(file: Path, problems: list[Problem]) -> str | None:
    """The text of a CSV file in UTF-8, UTF-16 or, as Excel saves it in the West, Windows-1252."""
    raw = file.read_bytes()
    encodings = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    problems.append(structure_problem(file.name, "unreadable", "text in UTF-8", "save it again as CSV UTF-8"))
    return None


def _read_statistics(file: Path, problems: list[Problem]) -> list[Sheet]:
    """SPSS, Stata and SAS files with their value and variable labels; user-missing values as blanks."""
    import pyreadstat

    readers = {".sav": pyreadstat.read_sav, ".zsav": pyreadstat.read_sav, ".dta": pyreadstat.read_dta, ".xpt": pyreadstat.read_xport,
               ".sas7bdat": pyreadstat.read_sas7bdat}
    try:
        frame, facts = readers[file.suffix.lower()](str(file))
    except Exception as trouble:  # the C reader raises many kinds for a damaged file
        problems.append(structure_problem(file.name, "unreadable", f"a {file.suffix} file", f"export it again ({_first_line(trouble)})"))
        return []
    labels = {column: {str(plain_text(code)): str(label) for code, label in codes.items()}
              for column, codes in facts.variable_value_labels.items()}
    meanings = {column: label for column, label in facts.column_names_to_labels.items() if label}
    return [Sheet(file.stem, file.name, plain_frame(frame), labels, meanings)]


def plain_text(code) -> str:
    """The code of a value label as its cell is written: 1.0 is "1"."""
    return str(int(code)) if isinstance(code, float) and code.is_integer() else str(code)


def _read_parquet(file: Path, problems: list[Problem]) -> list[Sheet]:
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(file)
        rows = pd.DataFrame({name: [plain_cell(cell) for cell in table.column(place).to_pylist()]
                             for place, name in enumerate(table.column_names)}, dtype=object)
    except Exception as trouble:  # damaged files raise many kinds
        problems.append(structure_problem(file.name, "unreadable", "a parquet file", f"export it again ({_first_line(trouble)})"))
        return []
    return [Sheet(file.stem, file.name, plain_frame(rows))]


def _first_line(trouble: Exception) -> str:
    return (str(trouble).splitlines() or [type(trouble).__name__])[0][:80]


READERS = {".csv": _read_csv, ".tsv": _read_csv, ".xlsx": read_excel, ".xlsm": read_excel, ".sav": _read_statistics,
           ".zsav": _read_statistics, ".dta": _read_statistics, ".xpt": _read_statistics, ".sas7bdat": _read_statistics,
           ".parquet": _read_parquet}
