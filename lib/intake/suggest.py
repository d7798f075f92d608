"""A first guess of the mapping from the names and contents of a source; where it is not sure it leaves a line out."""

from __future__ import annotations

import re

from lib.contract import CONTRACT
from lib.intake import adam
from lib.intake.cells import looks_like_date
from lib.intake.identifying import identifying_columns
from lib.intake.matching import analyte_in, matching_columns, names_of
from lib.intake.sheets import Sheet, as_text
from lib.intake.vocabulary import DATE_NAMES, spoken

SHEET_NAMES = {
    "patients": "patients patient record demographics patienten pazienti pacientes stammdaten baseline",
    "treatments": "treatments treatment sessions session procedures therapien behandlungen sitzungen",
    "labs": "labs lab laboratory labor laboratoire laboratorio laborwerte",
    "lesions": "lesions lesion tumours tumors imaging ct mri laesionen herde",
    "adverse_events": "adverse events event toxicity ae nebenwirkungen complications",
    "responses": "responses response recist ansprechen",
}
MARKER = "responses"
BARE_KEYS = {"patient", "visit", "visit_day", "session", "day"}
"""Columns that alone make no table: they only say whose and when."""


def suggest(sheets: list[Sheet]) -> dict:
    """A mapping as a reader would begin it.

    Parameters
    ----------
    sheets : list of Sheet
        As read; ADaM sheets are mapped by their standard, others by the names of columns, sheets and labels.

    Returns
    -------
    dict
        As a mapping file holds it: settings, then tables. A column of the contract for which nothing fits is left out.
    """
    standard = [sheet for sheet in sheets if sheet.kind == "adam"]
    tables: dict[str, list[dict]] = adam.suggest_tables(standard) if standard else {}
    zero = None
    for sheet in sheets:
        if sheet.kind == "adam":
            continue
        if not any(spoken(column) in names_of("patients", "patient") for column in sheet.cells.columns) and len(sheets) > 1:
            continue
        table = _table_of(sheet, alone=len(sheets) == 1)
        columns = matching_columns(sheet, table)
        if table == "patients":
            dates = _dates(sheet, columns)
            _add_clocks(columns, dates)
            zero = zero or ({"sheet": sheet.name, "column": dates["treatment"]} if "treatment" in dates else None)
        for wide in _wide_labs(sheet, columns):
            tables.setdefault("labs", []).append(wide)
        if set(columns) - BARE_KEYS:
            tables.setdefault(table, []).append({"sheet": sheet.name, "columns": columns})
    mapping = {"decimal": _decimal(sheets), "dates": _order(sheets), "patient_labels": _labels(sheets, tables)}
    if zero:
        mapping["time_zero"] = zero
    ordered = {table: tables[table] for table in (*CONTRACT, MARKER) if table in tables}
    return mapping | {"leave_out": [], "allow": [], "missing": [], "accept": {}, "tables": ordered}


def _table_of(sheet: Sheet, alone: bool) -> str:
    """The table a sheet resembles most; a sheet alone holds the patients unless it has no clock."""
    name = set(spoken(sheet.name).split())

    def resemblance(table: str) -> float:
        hint = 4 if name & set(SHEET_NAMES[table].split()) else 0
        required = {column.name for column in CONTRACT.get(table, ()) if column.need != "optional"}
        matched = set(matching_columns(sheet, table))
        return hint + len(matched) + len(matched & required) + (2 if alone and table == "patients" else 0)

    return max(SHEET_NAMES, key=resemblance)


def _dates(sheet: Sheet, columns: dict) -> dict[str, str]:
    """The sheet's dates of diagnosis, treatment and so on; a column that already has a place is not a date."""
    taken = {spec if isinstance(spec, str) else spec["column"] for name, spec in columns.items() if name != "first_treatment"}
    found = {}
    for column in sheet.cells.columns:
        filled = sheet.cells[column].dropna()
        if column in taken or filled.empty or filled.map(looks_like_date).mean() < 0.5:
            continue
        said = {spoken(column), spoken(sheet.meanings.get(column, ""))}
        for date, names in DATE_NAMES.items():
            if date not in found and said & {name.strip() for name in names.split(";")}:
                found[date] = column
    return found


def _add_clocks(columns: dict, dates: dict[str, str]) -> None:
    """Clocks from dates: treatment, diagnosis and metastasis to last contact, treatment to progression."""
    clocks = {"os_treatment_months": ("contact", "treatment"), "os_diagnosis_months": ("contact", "diagnosis"),
              "os_liver_metastasis_months": ("contact", "metastasis"), "liver_pfs_months": ("progression", "treatment")}
    for clock, (end, start) in clocks.items():
        if clock not in columns and {end, start} <= set(dates):
            columns[clock] = {"column": dates[end], "since": dates[start]}
    if columns.get("first_treatment") in dates.values():
        del columns["first_treatment"]


def _wide_labs(sheet: Sheet, columns: dict) -> list[dict]:
    """Columns named after an analyte, one part for each: "ALT baseline (U/L)", or "ALT" where another column names the visit."""
    if "value" in columns or "patient" not in columns:
        return []
    visits = {name: spec for name, spec in matching_columns(sheet, "labs").items() if name in ("visit", "visit_day")}
    named = {column: analyte_in(column, sheet.meanings.get(column, "")) for column in sheet.cells.columns}
    parts = []
    for column, found in named.items():
        if found is None or found.limit or sheet.cells[column].dropna().map(looks_like_date).any():
            continue
        if found.visit:
            when = {"visit": {"value": found.visit}}
        elif "visit" in visits:
            when = visits
        else:
            continue
        limits = {other.limit: name for name, other in named.items() if other and other.limit and other.analyte == found.analyte}
        parts.append({"sheet": sheet.name, "columns": {
            "patient": columns["patient"], **when, "analyte": {"value": found.analyte}, "value": column, "unit": {"value": found.unit}, **limits}})
    return parts


def _texts(sheets: list[Sheet]) -> list[str]:
    return [cell for sheet in sheets if sheet.kind != "adam" for column in range(sheet.cells.shape[1])
            for cell in sheet.cells.iloc[:, column].dropna() if isinstance(cell, str)]


def _decimal(sheets: list[Sheet]) -> str:
    """Comma where numbers as text have a comma and none has a point."""
    texts = _texts(sheets)
    commas = sum(bool(re.fullmatch(r"-?\d+,\d+", text)) for text in texts)
    points = sum(bool(re.fullmatch(r"-?\d+\.\d+", text)) for text in texts)
    return "comma" if commas > points else "point"


def _order(sheets: list[Sheet]) -> str:
    """Day first or month first, where some date leaves no choice; else undecided, which refuses dates with slashes."""
    pairs = [(int(found[1]), int(found[2])) for text in _texts(sheets) if (found := re.fullmatch(r"(\d{1,2})[./-](\d{1,2})[./-]\d{4}", text))]
    day_first, month_first = sum(first > 12 for first, _ in pairs), sum(second > 12 for _, second in pairs)
    if day_first == month_first:
        return "ymd"
    return "dmy" if day_first > month_first else "mdy"


def _labels(sheets: list[Sheet], tables: dict) -> str:
    """New labels where the patient column may hold an institution's numbers."""
    for part in tables.get("patients", []):
        sheet = next(sheet for sheet in sheets if sheet.name == part["sheet"])
        column = part["columns"].get("patient")
        column = column["column"] if isinstance(column, dict) else column
        if column is None:
            continue
        numbers = sheet.cells[column].map(as_text)
        if sheet.kind == "adam" or identifying_columns(sheet.cells[[column]]) or numbers.str.fullmatch(r"\D*\d{5,}\D*").any():
            return "new"
    return "keep"
