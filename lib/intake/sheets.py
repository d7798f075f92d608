"""What every reader of a source returns: sheets of cells, with the row numbers and code labels of the file."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from lib.contract import STRUCTURE, CohortError, Problem

REFUSED = "Nothing was imported"
OVER = " / "
"""Between a title over several columns and the title of one of them."""


@dataclass(frozen=True)
class Sheet:
    """One table of a source, as it stands.

    Attributes
    ----------
    name : str
        Name by which a mapping calls the sheet: a file's stem, an Excel sheet, a REDCap instrument.
    file : str
        File, and sheet where it has several, as messages name it.
    cells : DataFrame, shape (n_rows, n_columns)
        Text, numbers, truth values and dates as the file holds them, blanks as None; the index counts rows as a
        spreadsheet does, the header being row 1.
    labels : mapping of str to mapping of str to str
        For a coded column, the label of each code (SPSS, Stata, REDCap).
    meanings : mapping of str to str
        What a column is called in words, where the file says so.
    identifiers : frozenset of str
        Columns that a data dictionary marks as identifying.
    kind : str
        "" for a plain table, "redcap" or "adam" for sheets of these standards.
    """

    name: str
    file: str
    cells: pd.DataFrame
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    identifiers: frozenset[str] = frozenset()


def structure_problem(file: str, value: str, expected: str, remedy: str, row: int = 0, column: str = "") -> Problem:
    """A file that cannot be read as a table."""
    return Problem(STRUCTURE, file, row, column, value, expected, remedy)


def refusal(problems: list[Problem]) -> CohortError:
    """All problems of a source in one error, worst first, one line each."""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return CohortError(f"{REFUSED}, {count}:", problems)


def as_text(cell) -> str:
    """A cell as a mapping writes it: 1.0 is "1", also where a spreadsheet has saved it so as text; a date is ISO, a blank is empty."""
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and pd.isna(cell)):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat()
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    text = str(cell).strip()
    return text[:-2] if re.fullmatch(r"-?\d+\.0", text) else text


def plain_cell(cell):
    """A cell as text, int, float, bool or date; blanks of any library as None."""
    if cell is None or cell is pd.NaT:
        return None
    if isinstance(cell, str):
        return cell.strip() or None
    if hasattr(cell, "item"):
        cell = cell.item()
    if isinstance(cell, datetime.datetime):
        return cell.date()
    if isinstance(cell, (float, int)) and not isinstance(cell, bool) and pd.isna(cell):
        return None
    return cell


def plain_frame(frame: pd.DataFrame, first_row: int = 2) -> pd.DataFrame:
    """A frame of plain cells whose index counts rows as a spreadsheet does."""
    columns = {position: [plain_cell(cell) for cell in frame.iloc[:, position].astype(object)]
               for position in range(frame.shape[1])}
    plain = pd.DataFrame(columns, index=range(first_row, first_row + len(frame)), dtype=object)
    plain.columns = [str(column).strip() for column in frame.columns]
    return plain.dropna(how="all")
