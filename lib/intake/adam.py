"""CDISC ADaM data sets mapped by their standard: ADSL, ADTTE, ADLB, ADRS, ADTR, ADAE and ADEX.

References
----------
CDISC. Analysis Data Model Implementation Guide 1.3: ``CNSR`` is 0 for an event and above 0 for censoring; ``ADY`` and
``ASTDY`` count from day 1 and have no day 0.
"""

from __future__ import annotations

import re

from lib.intake.cells import looks_like_date
from lib.intake.matching import matching_columns
from lib.intake.sheets import Sheet, as_text
from lib.intake.vocabulary import word_for
from lib.units import REFERENCE_UNITS

CLOCKS = {"os_treatment_months": ("OS",), "os_diagnosis_months": ("OSDIAG", "OSDX"), "os_liver_metastasis_months": ("OSLM", "OSMET"),
          "liver_pfs_months": ("LPFS", "HPFS")}
SEVERITY = {"MILD": "1", "MODERATE": "2", "SEVERE": "3", "LIFE THREATENING": "4", "FATAL": "5"}
"""CTCAE 5.0, general definitions: grade 1 mild, 2 moderate, 3 severe, 4 life-threatening, 5 death."""
CDISC_UNITS = {"GI/L": "10^9/L", "THOU/uL": "10^3/uL", "FRACTION OF 1": "ratio", "RATIO": "ratio"}
RECIST = ("OVR", "OVRLRESP", "RSP")
TARGET_DIAMETER = re.compile(r"LDIAM\d+")


def suggest_tables(sheets: list[Sheet]) -> dict[str, list[dict]]:
    """The tables of a mapping for ADaM sheets.

    Parameters
    ----------
    sheets : list of Sheet
        Named adsl, adtte and so on.
    """
    by_name = {sheet.name: sheet for sheet in sheets}
    tables = {}
    if "adsl" in by_name:
        subjects = by_name["adsl"]
        columns = matching_columns(subjects, "patients") | _subjects(subjects)
        columns |= _clocks(by_name["adtte"]) if "adtte" in by_name else {}
        tables["patients"] = [_part(subjects, columns)]
    makers = {"adex": ("treatments", lambda sheet: {}), "adlb": ("labs", _labs), "adtr": ("lesions", _lesions),
              "adae": ("adverse_events", _events), "adrs": ("responses", _responses)}
    for name, (table, make) in makers.items():
        if name not in by_name:
            continue
        sheet = by_name[name]
        special = make(sheet)
        columns = matching_columns(sheet, table) | special.get("columns", {}) | {"patient": "USUBJID"}
        if len(columns) > 2:
            tables[table] = [_part(sheet, columns, special.get("where"))]
            if "baseline" in special:
                tables[table].insert(0, _part(sheet, columns | {"visit": {"value": "baseline"}}, special["baseline"]))
    return tables


def _part(sheet: Sheet, columns: dict, where: dict | None = None) -> dict:
    """One part; subjects never treated, who have no TRTSDT, are left out."""
    chosen = dict(where or {})
    if "TRTSDT" in sheet.cells and sheet.cells["TRTSDT"].notna().any():
        chosen["TRTSDT"] = "*"
    part = {"sheet": sheet.name, "columns": {"patient": "USUBJID"} | columns}
    return part | {"where": chosen} if chosen else part


def _first(sheet: Sheet, *names: str) -> str | None:
    return next((name for name in names if name in sheet.cells and sheet.cells[name].notna().any()), None)


def _subjects(sheet: Sheet) -> dict:
    found = {"patient": "USUBJID", "age_years": _first(sheet, "AGE"), "sex": _first(sheet, "SEX"),
             "first_treatment": _first(sheet, "TRT01A", "TRT01P", "ACTARM", "ARM"), "ecog": _first(sheet, "ECOGBL", "ECOG")}
    return {name: column for name, column in found.items() if column}


def _clocks(sheet: Sheet) -> dict:
    """Clocks and event flags of ADTTE, by parameter; dates are preferred to AVAL, which may count the first day."""
    cells, found = sheet.cells, {}
    if "PARAMCD" not in cells:
        return {}
    for clock, codes in CLOCKS.items():
        code = next((code for code in codes if (cells["PARAMCD"] == code).any()), None)
        if code is None:
            continue
        rows = cells[cells["PARAMCD"] == code]
        chosen = {"sheet": sheet.name, "where": {"PARAMCD": code}}
        if {"ADT", "STARTDT"} <= set(cells) and rows["ADT"].dropna().map(looks_like_date).all() and rows["STARTDT"].notna().any():
            found[clock] = chosen | {"column": "ADT", "since": "STARTDT"}
        else:
            found[clock] = chosen | {"column": "AVAL", "unit": _time_unit(rows)}
        flag = {"os_treatment_months": "died", "liver_pfs_months": "liver_progressed"}.get(clock)
        if flag and "CNSR" in cells:
            values = sorted({as_text(cell) for cell in rows["CNSR"].dropna()})
            found[flag] = chosen | {"column": "CNSR", "codes": {value: "true" if value == "0" else "false" for value in values}}
    return found


def _time_unit(rows) -> str:
    for column in ("AVALU", "PARAM"):
        said = " ".join(rows[column].dropna().map(as_text).unique()).lower() if column in rows else ""
        for unit in ("month", "week", "year", "day"):
            if unit in said:
                return f"{unit}s"
    return "days"


def _labs(sheet: Sheet) -> dict:
    codes = {code: word_for("analyte", code) for code in sheet.cells["PARAMCD"].dropna().unique()} if "PARAMCD" in sheet.cells else {}
    codes = {code: word for code, word in codes.items() if word in REFERENCE_UNITS}
    columns = {"visit": _first(sheet, "AVISIT"), "analyte": {"column": "PARAMCD", "codes": codes}, "value": _first(sheet, "AVAL"),
               "lower_normal": _first(sheet, "ANRLO", "A1LO"), "upper_normal": _first(sheet, "ANRHI", "A1HI"), "unit": _lab_unit(sheet, codes)}
    where = {"PARAMCD": list(codes)}
    if _first(sheet, "DTYPE"):
        where["DTYPE"] = ""  # rows made from others, such as the last or the worst value
    special = {"columns": {name: column for name, column in columns.items() if column} | _day(sheet, "visit_day", "ADY"), "where": where}
    if _first(sheet, "ABLFL"):
        special["baseline"] = where | {"ABLFL": "Y"}
        special["where"] = where | {"ABLFL": ""}
    if _first(sheet, "ANL01FL"):
        special["where"] = special["where"] | {"ANL01FL": "Y"}  # one record a visit; baseline has its own flag
    return special


def _lab_unit(sheet: Sheet, codes: dict):
    column = _first(sheet, "AVALU", "LBSTRESU")
    if column:
        written = {as_text(cell) for cell in sheet.cells[column].dropna()}
        codes = {unit: word for unit, word in CDISC_UNITS.items() if unit in written}
        return {"column": column, "codes": codes} if codes else column
    names = sheet.cells.loc[sheet.cells["PARAMCD"].isin(codes), "PARAM"].dropna().unique() if "PARAM" in sheet.cells else []
    units = {name: found[1] for name in names if (found := re.search(r"\(([^()]+)\)\s*$", name))}
    return {"column": "PARAM", "codes": units} if units else None


def _day(sheet: Sheet, name: str, *days: str) -> dict:
    column = _first(sheet, *days)
    return {name: {"column": column, "unit": "study day"}} if column else {}


def _lesions(sheet: Sheet) -> dict:
    codes = [code for code in sheet.cells["PARAMCD"].dropna().unique() if TARGET_DIAMETER.fullmatch(code)] if "PARAMCD" in sheet.cells else []
    if not codes or "AVAL" not in sheet.cells:
        return {"columns": _day(sheet, "visit_day", "ADY") | ({"visit": "AVISIT"} if "AVISIT" in sheet.cells else {})}
    columns = {"visit": "AVISIT", "lesion": "PARAMCD", "longest_diameter_mm": "AVAL", "target": {"value": "true"}, "new": {"value": "false"}}
    place = _first(sheet, "TULOC")
    if place:
        places = sheet.cells[place].dropna().unique()
        columns["extrahepatic"] = {"column": place, "codes": {where: str("LIVER" not in where.upper()).lower() for where in places}}
        columns["organ"] = place
    where = {"PARAMCD": codes}
    if _first(sheet, "ANL01FL"):
        where["ANL01FL"] = "Y"
    return {"columns": columns | _day(sheet, "visit_day", "ADY"), "where": where}


def _events(sheet: Sheet) -> dict:
    grade = _first(sheet, "ATOXGR", "AETOXGR")
    severity = _first(sheet, "ASEV", "AESEV")
    columns = {"term": _first(sheet, "AEDECOD", "AETERM"), "relation": _first(sheet, "AREL", "AEREL")}
    if grade or severity:
        columns["grade"] = grade or {"column": severity, "codes": SEVERITY}
    where = {"TRTEMFL": "Y"} if _first(sheet, "TRTEMFL") else None
    return {"columns": {name: column for name, column in columns.items() if column} | _day(sheet, "onset_day", "ASTDY"), "where": where}


def _responses(sheet: Sheet) -> dict:
    code = next((code for code in RECIST if "PARAMCD" in sheet.cells and (sheet.cells["PARAMCD"] == code).any()), None)
    columns = {"visit": _first(sheet, "AVISIT"), "response": _first(sheet, "AVALC")}
    return {"columns": {name: column for name, column in columns.items() if column}, "where": {"PARAMCD": code} if code else None}
