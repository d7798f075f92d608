"""What a hospital can collect with: a REDCap data dictionary and an Excel workbook that import as they are.

Both are made from the contract by ``python -m lib.intake.templates``. They ask for dates, which people know; intake turns
them into days and months.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from lib.contract import CONTRACT, Column
from lib.intake.matching import PREFIXES

TEMPLATES = Path(__file__).resolve().parents[2] / "data" / "templates"
DICTIONARY, WORKBOOK = "redcap_data_dictionary.csv", "cohort_template.xlsx"
LAST_ROW = 500
MADE = datetime.datetime(2020, 1, 1)
"""One date in the workbook's properties, so that making it again changes nothing but what changed."""

DATES = {
    "os_diagnosis_months": ("date_diagnosis", "date of diagnosis"),
    "os_liver_metastasis_months": ("date_liver_metastasis", "date of liver metastasis"),
    "os_treatment_months": ("date_first_treatment", "date of first treatment"),
    "liver_pfs_months": ("date_liver_progression", "date of liver progression or last scan"),
}
CONTACT = ("date_last_contact", "date of death or last contact")
DAYS = {"day": "date", "visit_day": "date", "onset_day": "date"}
BOXES = ("prior_chemotherapy", "prior_hepatic_metastasectomy", "anticoagulated")
"""Facts of the history, ticked where they hold: a REDCap checkbox field."""

HEADERS = ("Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label", "Choices, Calculations, OR Slider Labels",
           "Field Note", "Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max", "Identifier?",
           "Branching Logic (Show field only if...)", "Required Field?", "Custom Alignment", "Question Number (surveys only)",
           "Matrix Group Name", "Matrix Ranking?", "Field Annotation")


@dataclass(frozen=True)
class Field:
    """One thing to fill in: its name, its column of the contract, and whether it is a date."""

    name: str
    label: str
    column: Column
    is_date: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Choices offered; where the contract leaves them open, the study's own stand as examples to edit."""
        return self.column.allowed or self.column.ours


def template_fields(table: str) -> list[Field]:
    """What the templates ask for in one table of the contract, in its order.

    Parameters
    ----------
    table : str
        A key of ``lib.contract.CONTRACT``.
    """
    fields = []
    for column in CONTRACT[table]:
        if column.name in DATES:
            fields.append(Field(*DATES[column.name], column, is_date=True))
            if column.name == "os_treatment_months":
                fields.append(Field(*CONTACT, column, is_date=True))
        elif column.name in DAYS:
            fields.append(Field("date", f"date ({column.meaning.partition(',')[0]})", column, is_date=True))
        else:
            fields.append(Field(column.name, column.meaning, column))
    return fields


def redcap_name(table: str, field: Field) -> str:
    """The field's name in REDCap: of the record in the first form, with the form's prefix in the others."""
    if field.name == "patient":
        return "record_id"
    return field.name if table == "patients" else f"{PREFIXES[table]}_{field.name}"


def choice_code(word: str) -> str:
    """A REDCap code for a word: letters, digits and underscores only."""
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")


def redcap_dictionary() -> pd.DataFrame:
    """The data dictionary of a REDCap project: one form a table, of which all but the first repeat.

    Returns
    -------
    DataFrame
        The 18 columns that REDCap uploads.
    """
    rows = []
    for table in CONTRACT:
        for field in template_fields(table):
            if field.name in BOXES:
                if field.name == BOXES[0]:
                    rows.append(_row("history", table, "checkbox", "history", "Tick what holds", choices=_boxes()))
            elif field.name != "patient" or table == "patients":
                rows.append(_field_row(table, field))
    return pd.DataFrame(rows, columns=HEADERS)


def _boxes() -> str:
    meanings = {column.name: column.meaning for column in CONTRACT["patients"]}
    return " | ".join(f"{name}, {meanings[name]}" for name in BOXES)


def _field_row(table: str, field: Field) -> dict:
    column, kind, choices, check, note = field.column, "text", "", "", ""
    if field.is_date:
        check = "date_ymd"
    elif column.kind == "truth":
        kind = "yesno"
    elif field.words:
        kind, choices = "dropdown", " | ".join(f"{choice_code(word)}, {word}" for word in field.words)
        note = "" if column.allowed else "Edit the choices to your own"
    elif column.kind in {"number", "whole"}:
        check, note = ("integer" if column.kind == "whole" else "number"), column.unit
    limits = {} if field.is_date or not check else {"Text Validation Min": _limit(column.lower), "Text Validation Max": _limit(column.upper)}
    label = field.label if table == "patients" else f"{field.label} ({table.replace('_', ' ')})"  # a labelled export shows nothing else
    return _row(redcap_name(table, field), table, kind, label, note, choices, check,
                "y" if column.need == "filled" else "") | limits


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _row(name: str, form: str, kind: str, label: str, note: str = "", choices: str = "", check: str = "", required: str = "") -> dict:
    values = (name, form, "", kind, label, choices, note, check, "", "", "", "", required)
    return dict(zip(HEADERS, values + ("",) * (len(HEADERS) - len(values)), strict=True))


def excel_template() -> Workbook:
    """A workbook with one sheet a table, drop-down lists for fixed words, and a guide that explains every column."""
    book = Workbook()
    book.properties.created = book.properties.modified = MADE
    guide = book.active
    guide.title = "Guide"
    guide.append(["sheet", "column", "meaning", "what to enter"])
    for table in CONTRACT:
        sheet = book.create_sheet(table)
        sheet.freeze_panes = "B2"
        for place, field in enumerate(template_fields(table), start=1):
            letter = get_column_letter(place)
            sheet.cell(1, place, field.name).font = Font(bold=True)
            sheet.column_dimensions[letter].width = max(12, len(field.name) + 2)
            guide.append([table, field.name, field.label, _entry(field)])
            _offer(sheet, letter, field)
    for cell in guide[1]:
        cell.font = Font(bold=True)
    for letter, width in zip("ABCD", (16, 30, 60, 70), strict=True):
        guide.column_dimensions[letter].width = width
    return book


def _entry(field: Field) -> str:
    if field.is_date:
        return "a date; it is turned into a time and not kept"
    if field.column.kind == "truth":
        return "yes or no, or blank"
    if field.words and not field.column.allowed:
        return "your own word, such as " + ", ".join(field.words)
    return field.column.expected()


def _offer(sheet, letter: str, field: Field) -> None:
    words = ("yes", "no") if field.column.kind == "truth" else field.column.allowed
    cells = f"{letter}2:{letter}{LAST_ROW}"
    if words and not field.is_date:
        choice = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=True)
        sheet.add_data_validation(choice)
        choice.add(cells)
    elif field.is_date:
        for row in range(2, LAST_ROW + 1):
            sheet[f"{letter}{row}"].number_format = "yyyy-mm-dd"


def write_templates(folder: Path = TEMPLATES) -> None:
    """Write both templates into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    redcap_dictionary().to_csv(folder / DICTIONARY, index=False)
    excel_template().save(folder / WORKBOOK)


if __name__ == "__main__":
    write_templates()
