"""REDCap exports, raw or labelled: rows of one file split into the record, its visits and its repeating instruments."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd

from lib.intake.sheets import Sheet, as_text

# what REDCap calls its own columns, in raw and in labelled exports
EVENT, INSTRUMENT, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
LABELLED = {"Event Name": EVENT, "Repeat Instrument": INSTRUMENT, "Repeat Instance": INSTANCE, "Record ID": "record_id"}
FIELD, FIELD_LABEL, CHOICES, KIND = ("Variable / Field Name", "Field Label", "Choices, Calculations, OR Slider Labels", "Field Type")
IDENTIFIER = "Identifier?"
RAW_DICTIONARY = {"field_name": FIELD, "field_label": FIELD_LABEL, "select_choices_or_calculations": CHOICES, "field_type": KIND,
                  "identifier": IDENTIFIER}
CHECKBOX = re.compile(r"(?P<field>\w+?)___(?P<code>\w+)")
LABELLED_CHECKBOX = re.compile(r"(?P<label>.+) \(choice=(?P<choice>.+)\)")
CODED = {"radio", "dropdown", "checkbox", "select"}


def split(sheets: list[Sheet]) -> list[Sheet]:
    """REDCap exports among the sheets split by instrument, their data dictionary applied; other sheets as they are.

    Parameters
    ----------
    sheets : list of Sheet
        As read; a sheet with the columns of a data dictionary describes the exports beside it and holds no patients.
    """
    dictionaries = [sheet for sheet in sheets if is_dictionary(sheet)]
    fields = {}
    for dictionary in dictionaries:
        fields |= _fields(dictionary)
    found = []
    for sheet in sheets:
        if sheet in dictionaries:
            continue
        found += _instruments(_described(sheet, fields)) if _is_export(sheet, fields) else [sheet]
    return found


def is_dictionary(sheet: Sheet) -> bool:
    """True for a REDCap data dictionary, as downloaded or as the API gives it."""
    return {FIELD, FIELD_LABEL} <= set(sheet.cells.columns) or {"field_name", "field_label"} <= set(sheet.cells.columns)


def _is_export(sheet: Sheet, fields: dict) -> bool:
    columns = {LABELLED.get(column, column) for column in sheet.cells.columns}
    marked = {EVENT, INSTRUMENT, INSTANCE} & columns or any(CHECKBOX.fullmatch(column) or LABELLED_CHECKBOX.fullmatch(column)
                                                            for column in columns)
    return bool(marked) or len(columns & set(fields)) > 1


def _fields(dictionary: Sheet) -> dict[str, dict]:
    """Label, kind and choices (code to label) of each field of a data dictionary."""
    rows = dictionary.cells.rename(columns=RAW_DICTIONARY)
    fields = {}
    for _, row in rows.iterrows():
        choices, kind = {}, as_text(row.get(KIND))
        if kind in CODED:
            for choice in as_text(row.get(CHOICES)).split("|"):
                code, comma, label = choice.partition(",")
                if comma:
                    choices[code.strip()] = label.strip()
        elif kind == "yesno":
            choices = {"1": "Yes", "0": "No"}
        elif kind == "truefalse":
            choices = {"1": "True", "0": "False"}
        fields[as_text(row[FIELD])] = {"label": as_text(row[FIELD_LABEL]), "kind": kind, "choices": choices,
                                       "identifier": as_text(row.get(IDENTIFIER)).lower() == "y"}
    return fields


def _described(sheet: Sheet, fields: dict) -> Sheet:
    """Labelled headers back to field names where the dictionary knows them, with meanings and code labels."""
    by_label = {facts["label"]: name for name, facts in fields.items()}
    names, labels, meanings = [], {}, {}
    for column in sheet.cells.columns:
        name = LABELLED.get(column, by_label.get(column, column))
        ticked = LABELLED_CHECKBOX.fullmatch(column)
        if ticked:
            field = by_label.get(ticked["label"])
            codes = {label: code for code, label in fields.get(field, {}).get("choices", {}).items()}
            meanings[column] = ticked["choice"]
            if ticked["choice"] in codes:
                name = f"{field}___{codes[ticked['choice']].lower()}"
        box = CHECKBOX.fullmatch(name)
        if box:
            choices = {code.lower(): label for code, label in fields.get(box["field"], {}).get("choices", {}).items()}
            meanings[name] = choices.get(box["code"], "")
        elif name in fields:
            labels[name], meanings[name] = fields[name]["choices"], fields[name]["label"]
        names.append(name)
    marked = frozenset(name for name, facts in fields.items() if facts["identifier"])
    return Sheet(sheet.name, sheet.file, sheet.cells.set_axis(names, axis=1), labels, meanings, "redcap", marked)


def _instruments(sheet: Sheet) -> list[Sheet]:
    """One sheet for the record, one for what is recorded at several events, one for each repeating instrument."""
    cells = sheet.cells
    if cells.empty or cells.columns.duplicated().any():
        return [sheet]
    repeats = cells[INSTRUMENT] if INSTRUMENT in cells else pd.Series(None, cells.index, dtype=object)
    once = cells[repeats.isna()]
    parts = _record(sheet, once.drop(columns=[INSTRUMENT, INSTANCE], errors="ignore"))
    for instrument, rows in cells[repeats.notna()].groupby(repeats[repeats.notna()], sort=False):
        rows = _with_own_columns(rows, cells.columns[0]).drop(columns=[INSTRUMENT])
        parts.append(replace(sheet, name=re.sub(r"\W+", "_", as_text(instrument)).lower(), cells=rows))
    return parts


def _record(sheet: Sheet, once: pd.DataFrame) -> list[Sheet]:
    key = once.columns[0]
    if EVENT not in once or not once[key].duplicated().any():
        record, visits = _with_own_columns(once, key), once.iloc[:0]
    else:
        fillings = once.drop(columns=EVENT).groupby(key, sort=False).count().max()
        at_visits = [column for column in fillings.index if fillings[column] > 1]
        single = [key, *(column for column in fillings.index if fillings[column] == 1)]
        first = once.groupby(key, sort=False)[single[1:]].first()
        rows = once.drop_duplicates(key)[key]
        record = pd.DataFrame({key: rows, **{column: rows.map(first[column]) for column in single[1:]}}, dtype=object)
        record = record.where(record.notna(), None)
        visits = once[[key, EVENT, *at_visits]].dropna(subset=at_visits, how="all") if at_visits else once.iloc[:0]
    parts = [replace(sheet, name="record", cells=record)] if len(record) else []
    if len(visits):
        parts.append(replace(sheet, name="visits", cells=visits))
    return parts


def _with_own_columns(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows without columns that belong to other instruments, which are blank or unticked throughout."""
    blank = [column for column in rows.columns if column != key and rows[column].isna().all()]
    return rows.drop(columns=blank)
