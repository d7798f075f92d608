"""A source with its mapping as the tables of the contract; every cell that cannot be read becomes a problem."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field

import pandas as pd

from lib.contract import CONTRADICTION, CONTRACT, STRUCTURE, UNREADABLE, Column, Problem
from lib.intake.cells import (
    TO_DAYS,
    CellError,
    date_of,
    is_blank,
    looks_like_date,
    number_of,
    scaled,
    truth_of,
    word_of,
)
from lib.intake.mapping import COLUMNS, FILLED, RESPONSES, Part, Plan, Spec
from lib.intake.sheets import Sheet, as_text
from lib.units import REFERENCE_UNITS, UnitError, conversion_factor

_BY_NAME = {table: {column.name: column for column in columns} for table, columns in CONTRACT.items()}
_BY_NAME[RESPONSES] = {"patient": _BY_NAME["labs"]["patient"], "visit": _BY_NAME["labs"]["visit"],
                       "response": Column("response", "text", "category as recorded")}
MONTHS_DECIMALS = 6


@dataclass(frozen=True)
class Stamp:
    """A calendar date of one cell, kept only until the order of a patient's dates is checked."""

    table: str
    column: str
    patient: str
    date: datetime.date
    place: tuple[str, int, str, str]


@dataclass
class Converted:
    """Tables on their way to the contract.

    Attributes
    ----------
    tables : dict of str to DataFrame
        Columns of the contract, cells as text, numbers and truth values.
    places : dict of str to list of (str, int)
        File and row that each row of a table came from.
    sources : dict of (str, str) to str
        Source column of each column of a table.
    """

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    places: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    stamps: list[Stamp] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    time_zero: dict[str, datetime.date] = field(default_factory=dict)


def convert(plan: Plan, sheets: list[Sheet]) -> Converted:
    """All tables of a mapping.

    Parameters
    ----------
    plan : Plan
        The mapping, checked against the sheets.
    sheets : list of Sheet
        The source.

    Returns
    -------
    Converted
        ``problems`` lists every cell that could not be read; the tables hold a blank there.
    """
    work = _Conversion(plan, {sheet.name: sheet for sheet in sheets})
    work.find_time_zero()
    for table in COLUMNS:
        parts = [part for part in plan.parts if part.table == table]
        if parts:
            work.add_table(table, parts)
    work.name_first_treatments()
    work.label_patients()
    return work.done


class _Conversion:
    """The state of one conversion: the plan, the sheets, and what is done so far."""

    def __init__(self, plan: Plan, sheets: dict[str, Sheet]):
        self.plan, self.sheets, self.done = plan, sheets, Converted()
        self.keys = {part.sheet: part.columns["patient"].column for part in reversed(plan.parts) if "patient" in part.columns}
        self._looked_up: dict[tuple, dict[str, tuple[int, object]]] = {}

    # -- time zero ------------------------------------------------------------------------------------------------

    def find_time_zero(self) -> None:
        """The date of each patient's first treatment: the mapped column, else the earliest dated session."""
        if self.plan.time_zero:
            sheet, column = self.plan.time_zero
            where = next((part.where for part in self.plan.parts if part.sheet == sheet), {})
            sources = [(sheet, column, where)]
        else:
            sources = [(part.sheet, part.columns["day"].column, part.where) for part in self.plan.parts
                       if part.table == "treatments" and "day" in part.columns and part.columns["day"].column]
        for name, column, where in sources:
            for row, key, cell in self._keyed(name, column, where):
                date = self._date(cell, name, row, column) if looks_like_date(cell) or self.plan.time_zero else None
                known = self.done.time_zero.get(key)
                if date and (known is None or date < known):
                    self.done.time_zero[key] = date

    def _keyed(self, name: str, column: str, where) -> list[tuple[int, str, object]]:
        """Row, patient and cell of a column, blanks left out."""
        sheet = self.sheets[name]
        if name not in self.keys or self.keys[name] not in sheet.cells:
            return []
        rows = _chosen(sheet.cells, where)
        return [(int(row), as_text(key), cell) for row, key, cell in zip(rows.index, rows[self.keys[name]], rows[column], strict=True)
                if not is_blank(cell, self.plan.missing) and as_text(key)]

    def _date(self, cell, name: str, row: int, column: str) -> datetime.date | None:
        try:
            return date_of(cell, self.plan.dates)
        except CellError as trouble:
            self._tell(trouble, self.sheets[name].file, row, column, cell)
            return None

    def _tell(self, trouble: CellError, file: str, row: int, column: str, cell) -> None:
        problem = Problem(UNREADABLE, file, row, column, f'"{as_text(cell)}"', trouble.expected, trouble.remedy)
        if problem not in self.done.problems:
            self.done.problems.append(problem)

    # -- tables ---------------------------------------------------------------------------------------------------

    def add_table(self, table: str, parts: list[Part]) -> None:
        """Convert the parts of a table and join them."""
        records, places = [], []
        for part in parts:
            sheet = self.sheets[part.sheet]
            for name, spec in part.columns.items():
                if spec.column:
                    self.done.sources[table, name] = spec.column
            for row in _chosen(sheet.cells, part.where).index:
                record = self._record(part, sheet, int(row))
                if record is not None:
                    records.append(record)
                    places.append((sheet.file, int(row)))
        names = [name for name in COLUMNS[table] if any(name in record for record in records)]
        frame = pd.DataFrame([[record.get(name) for name in names] for record in records], columns=names, dtype=object)
        required = {column.name for column in _BY_NAME[table].values() if column.required}
        self.done.tables[table] = frame.drop(columns=[name for name in names if name not in required and frame[name].isna().all()])
        self.done.places[table] = places
        if not records:
            self.done.problems.append(Problem(STRUCTURE, self.sheets[parts[0].sheet].file, 0, "", f"no rows for {table}",
                                              "rows that the mapping chooses", "correct where: or leave the table out"))

    def _record(self, part: Part, sheet: Sheet, row: int) -> dict | None:
        """One row of a table, None where all that is mapped is blank."""
        cells = sheet.cells.loc[row]
        own = [spec.column for name, spec in part.columns.items() if spec.column and not spec.sheet and name not in {"patient", "session", "visit"}]
        if own and all(is_blank(cells[column], self.plan.missing) for column in own):
            return None
        key = as_text(cells[part.columns["patient"].column]) if part.columns["patient"].column else part.columns["patient"].value
        analyte, value = part.columns.get("analyte"), part.columns.get("value")
        if analyte and analyte.value and value and value.column and is_blank(cells[value.column], self.plan.missing):
            return None  # a wide sheet has a column for every analyte and visit, filled or not
        record = {}
        for name, spec in part.columns.items():
            record[name] = key or None if name == "patient" else self._value(part, sheet, row, key, name, spec)
        if part.table == "labs":
            self._check_unit(record, sheet, row, part)
        return record

    def _value(self, part: Part, sheet: Sheet, row: int, key: str, name: str, spec: Spec):
        column = _BY_NAME[part.table][name]
        if spec.value is not None:
            cell, label, origin, at = spec.value, "", sheet, row
        else:
            origin = self.sheets[spec.sheet] if spec.sheet and spec.sheet != part.sheet else sheet
            at, cell = (row, sheet.cells.at[row, spec.column]) if origin is sheet else self._lookup(spec.sheet, spec, key)
            label = origin.labels.get(spec.column, {}).get(as_text(cell), "")
        text = as_text(cell)
        free = column.kind == "text" and not column.allowed
        if text not in spec.codes and (is_blank(cell, self.plan.missing, free) or (label and is_blank(label, (), free))):
            return None
        try:
            if column.kind == "text":
                return word_of(cell, spec, label, column)
            if column.kind == "truth":
                return truth_of(cell, spec, label, column)
            return self._number(part.table, column, spec, key, cell, label, origin, at)
        except CellError as trouble:
            self._tell(trouble, origin.file, at, spec.column or name, cell)
            return None

    def _number(self, table: str, column: Column, spec: Spec, key: str, cell, label: str, sheet: Sheet, row: int) -> float | None:
        if as_text(cell) in spec.codes:
            return number_of(spec.codes[as_text(cell)], "point")
        if spec.since or looks_like_date(cell):
            return self._time(table, column, spec, key, cell, sheet, row)
        try:
            value = number_of(cell, self.plan.decimal)
        except CellError:
            if not label:
                raise
            value = number_of(label, self.plan.decimal)
        value = scaled(value, spec.unit, column)
        return round(value, MONTHS_DECIMALS) if spec.unit else value

    def _time(self, table: str, column: Column, spec: Spec, key: str, cell, sheet: Sheet, row: int) -> float | None:
        """The time between two dates, in the unit of the column; without ``since`` it counts from time zero."""
        if column.unit not in TO_DAYS:
            raise CellError(column.expected(), "calendar dates are not kept: map another column")
        date = date_of(cell, self.plan.dates)
        self.done.stamps.append(Stamp(table, column.name, key, date, (sheet.file, row, spec.column, as_text(cell))))
        if spec.since:
            start_cell = sheet.cells.at[row, spec.since]
            if is_blank(start_cell, self.plan.missing):
                if column.need == "filled":
                    self.done.problems.append(Problem(UNREADABLE, sheet.file, row, spec.since, "blank", f"a date, from which {column.name} counts",
                                                      "fill the cell or leave the row out"))
                return None
            start = self._date(start_cell, sheet.name, row, spec.since)
            if start is None:
                return None
            self.done.stamps.append(Stamp(table, f"{column.name} since", key, start, (sheet.file, row, spec.since, as_text(start_cell))))
        else:
            start = self.done.time_zero.get(key)
            if start is None:
                raise CellError("a patient whose first treatment is dated", "date the first treatment, and name its column as time_zero: "
                                                                            "in the mapping")
        days = (date - start).days
        if column.name == "age_years":
            return float(math.floor(-days / TO_DAYS["years"]))
        return round(days / TO_DAYS[column.unit], MONTHS_DECIMALS) if column.unit != "days" else days

    def _lookup(self, name: str, spec: Spec, key: str) -> tuple[int, object]:
        """Row and cell of another sheet for a patient; a second row with another value is a problem."""
        index = (name, spec.column, tuple(spec.where.items()))
        if index not in self._looked_up:
            found: dict[str, tuple[int, object]] = {}
            for row, patient, cell in self._keyed_anywhere(name, spec):
                if patient in found and as_text(found[patient][1]) != as_text(cell):
                    self.done.problems.append(Problem(CONTRADICTION, self.sheets[name].file, row, spec.column, f'"{as_text(cell)}"',
                                                      f"one value per patient, as in row {found[patient][0]}",
                                                      "choose the row with where: in the mapping"))
                found.setdefault(patient, (row, cell))
            self._looked_up[index] = found
        return self._looked_up[index].get(key, (0, None))

    def _keyed_anywhere(self, name: str, spec: Spec):
        if name not in self.keys:
            same = [key for key in self.keys.values() if key in self.sheets[name].cells]
            if not same:
                raise CellError(f"a patient column in sheet {name}", f"map a table from {name}, or move the column")
            self.keys[name] = same[0]
        return self._keyed(name, spec.column, spec.where)

    def _check_unit(self, record: dict, sheet: Sheet, row: int, part: Part) -> None:
        analyte, unit = record.get("analyte"), record.get("unit")
        if analyte == "inr" and not unit:
            record["unit"] = "ratio"
        elif analyte in REFERENCE_UNITS and unit:
            try:
                conversion_factor(analyte, unit)
            except UnitError:
                spec = part.columns["unit"]
                self.done.problems.append(Problem(UNREADABLE, sheet.file, row, spec.column or "unit", f'"{unit}"',
                                                  f"a unit that measures {analyte}, such as {REFERENCE_UNITS[analyte]}",
                                                  "correct the unit, or write codes: for it in the mapping"))
        elif analyte and not unit and record.get("value") is not None:
            self.done.problems.append(Problem(UNREADABLE, sheet.file, row, "unit", "blank", f"the unit of {analyte}",
                                              "fill the cell, or map unit: {value: ...}"))

    # -- what follows from the tables -----------------------------------------------------------------------------

    def name_first_treatments(self) -> None:
        """Where the patients' sheet does not say it, the first treatment is that of the earliest session."""
        patients, sessions = self.done.tables.get("patients"), self.done.tables.get("treatments")
        if patients is None or sessions is None or "first_treatment" in patients or not {"day", "treatment"} <= set(sessions):
            return
        order = [name for name in ("day", "session") if name in sessions]
        opening = sessions.dropna(subset=["day"]).sort_values(order, kind="stable", key=pd.to_numeric).drop_duplicates("patient")
        patients["first_treatment"] = patients["patient"].map(opening.set_index("patient")["treatment"]).astype(object)

    def label_patients(self) -> None:
        """New labels in the order of the patients' sheet, so that no number of the institution is kept."""
        if self.plan.patient_labels == "keep" or "patients" not in self.done.tables:
            return
        known = [key for key in dict.fromkeys(self.done.tables["patients"]["patient"]) if key]
        labels = {key: f"P{place:03d}" for place, key in enumerate(known, start=1)}
        for frame in self.done.tables.values():
            frame["patient"] = frame["patient"].map(lambda key: labels.get(key, key))
        self.done.stamps = [Stamp(s.table, s.column, labels.get(s.patient, s.patient), s.date, s.place) for s in self.done.stamps]
        self.done.time_zero = {labels.get(key, key): date for key, date in self.done.time_zero.items()}


def _chosen(cells: pd.DataFrame, where) -> pd.DataFrame:
    """The rows in which each column of ``where`` holds one of its values; "*" means any."""
    for column, wanted in where.items():
        text = cells[column].map(as_text)
        cells = cells[(text != "") if wanted == (FILLED,) else text.isin(wanted)]
    return cells
