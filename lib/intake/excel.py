"""Excel workbooks as sheets: merged header rows joined, formulas by their stored value, oversized files refused unopened."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import pandas as pd

from lib.contract import Problem
from lib.intake.sheets import OVER, Sheet, plain_cell, structure_problem

LARGEST_UNPACKED_MB = 200
LARGEST_RATIO = 200
"""Real sheets shrink some 5 to 30 times when packed; a bomb, thousands of times."""
GUIDE_SHEETS = {"guide", "words"}
"""Sheets of our own template that hold explanations, not patients."""


def read_excel(file: Path, problems: list[Problem]) -> list[Sheet]:
    """Every filled sheet of a workbook.

    Parameters
    ----------
    file : Path
        An .xlsx or .xlsm file; macros are never run.
    problems : list of Problem
        Extended by what keeps the file from being read.
    """
    if not _is_safe(file, problems):
        return []
    # defusedxml, where installed, is what openpyxl parses with: entities and external references are refused
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # styles and validations that openpyxl does not keep
            values = openpyxl.load_workbook(file, data_only=True)
            formulas = openpyxl.load_workbook(file, data_only=False)
    except Exception as trouble:  # damaged workbooks raise many kinds
        reason = (str(trouble).splitlines() or [type(trouble).__name__])[0][:80]
        problems.append(structure_problem(file.name, "unreadable", "an Excel workbook", f"save it again as .xlsx ({reason})"))
        return []
    sheets = [_read_sheet(file, sheet, formulas[sheet.title], problems) for sheet in values.worksheets
              if sheet.title.lower() not in GUIDE_SHEETS]
    return [sheet for sheet in sheets if sheet is not None]


def _is_safe(file: Path, problems: list[Problem]) -> bool:
    if file.read_bytes()[:4] == b"\xd0\xcf\x11\xe0":
        problems.append(structure_problem(file.name, "locked or in the old format", "an .xlsx file without a password",
                                          "remove the password and save it as .xlsx"))
        return False
    try:
        with zipfile.ZipFile(file) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
    except (zipfile.BadZipFile, OSError):
        problems.append(structure_problem(file.name, "unreadable", "an Excel workbook", "save it again as .xlsx"))
        return False
    if unpacked > LARGEST_UNPACKED_MB * 1e6 or unpacked > LARGEST_RATIO * max(file.stat().st_size, 10_000):
        problems.append(structure_problem(file.name, f"{unpacked / 1e6:.0f} MB when unpacked",
                                          f"at most {LARGEST_UNPACKED_MB} MB, packed no more than {LARGEST_RATIO} times",
                                          "save the sheets with the data as a new workbook"))
        return False
    return True


def _read_sheet(file: Path, sheet, formulas, problems: list[Problem]) -> Sheet | None:
    name = f"{file.name}, sheet {sheet.title}"
    rows = {number: [plain_cell(cell) for cell in row]
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)}
    problems += _formula_problems(name, rows, formulas)
    for area in sheet.merged_cells.ranges:
        for number in range(area.min_row, area.max_row + 1):
            for place in range(area.min_col - 1, area.max_col):
                rows[number][place] = rows[area.min_row][area.min_col - 1]
    filled = [number for number, row in rows.items() if any(cell is not None for cell in row)]
    start = next((number for number in filled if len({cell for cell in rows[number] if cell is not None}) > 1), None)
    if start is None:
        return None
    depth = _header_depth(sheet, start)
    header = _joined(rows[start + step] for step in range(depth))
    kept = [place for place, title in enumerate(header) if title or any(rows[n][place] is not None for n in filled if n >= start + depth)]
    body = [number for number in filled if number >= start + depth]
    cells = pd.DataFrame([[rows[number][place] for place in kept] for number in body], dtype=object, index=body,
                         columns=[header[place] for place in kept])
    return Sheet(sheet.title, name, cells)


def _header_depth(sheet, start: int) -> int:
    """Rows of the header: as many as the merged cells that begin in its first row reach over, with what stands below."""
    depth = 1
    for area in sheet.merged_cells.ranges:
        if area.min_row == start:
            depth = max(depth, area.max_row - start + 1, 2 if area.max_col > area.min_col else 1)
    return depth


def _joined(rows) -> list[str]:
    """Titles over one another as one, "ALT / baseline"; a title merged downwards counts once."""
    titles = []
    for column in zip(*rows, strict=True):
        parts = list(dict.fromkeys(str(cell) for cell in column if cell is not None))
        titles.append(OVER.join(parts))
    return titles


def _formula_problems(name: str, rows: dict, formulas) -> list[Problem]:
    found = []
    for number, row in enumerate(formulas.iter_rows(), start=1):
        for place, cell in enumerate(row):
            value = rows[number][place] if place < len(rows.get(number, ())) else None
            if cell.data_type == "f" and value is None:
                found.append(structure_problem(name, "a formula without a stored value", "a value",
                                               "open the file in Excel and save it, or paste the values", number, cell.column_letter))
            elif isinstance(value, str) and value.startswith("#") and value.rstrip("!?").isupper() and cell.data_type in "ef":
                found.append(structure_problem(name, value, "a value", "correct the formula or clear the cell", number,
                                               cell.column_letter))
    return found
