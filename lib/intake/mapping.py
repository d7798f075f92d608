"""The mapping file: which column of a source is which column of the contract, in which unit, with which codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lib.contract import CONTRACT, STRUCTURE, Problem
from lib.intake.sheets import Sheet, refusal

RESPONSES = "responses"
"""A table that is compared with the lesions and never kept: categories as the source recorded them."""
COLUMNS = {table: tuple(column.name for column in columns) for table, columns in CONTRACT.items()}
COLUMNS[RESPONSES] = ("patient", "visit", "response")

UNITS = ("days", "weeks", "months", "years", "study day", "mm", "cm", "mg", "g", "ml", "l")
PLAUSIBILITY = ("wrong_unit", "duplicate_patients", "reversed_event_flag", "day_month_swap", "months_look_like_days",
                "visit_after_death", "response_contradicts_lesions")
FILLED = "*"
SPEC_KEYS = {"column", "value", "unit", "codes", "since", "sheet", "where"}

HEADING = """\
# Which column of the source is which column of the study, in which unit, with which codes: a first guess, to be edited.
#   column: source column                               read as it stands
#   column: {column: source column, unit: days}         units: days, weeks, months, years, study day, mm, cm, mg, g, ml, l
#   column: {column: source column, codes: {1: female}} what each code means; the word is the study's
#   column: {column: last contact, since: diagnosis}    time from one date column to another, in months or days
#   column: {column: AVAL, sheet: adtte, where: {PARAMCD: OS}}   a column of another sheet with the same patient
#   column: {value: mg/dL}                              the same in every row
# sheet: a file's name without its ending, an Excel sheet, or of a REDCap export: record (what is said once of a patient),
#   visits (what is said at several events), or the name of a repeating instrument.
# decimal: point or comma. dates: ymd, dmy or mdy. patient_labels: keep, or new (P001, P002, ... in the order of the source).
# leave_out: columns never read. allow: columns that look identifying and are not. missing: codes that stand for a blank.
# accept: plausibility checks whose finding is right after all, each with your reason.
"""


@dataclass(frozen=True)
class Spec:
    """Where one column of the contract comes from: a source column or a constant ``value``."""

    column: str = ""
    value: str | None = None
    unit: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    since: str = ""
    sheet: str = ""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """Rows of one sheet that make rows of one table."""

    table: str
    sheet: str
    columns: Mapping[str, Spec]
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A mapping, checked: how a whole source becomes the five tables."""

    parts: tuple[Part, ...]
    decimal: str = "point"
    dates: str = "ymd"
    patient_labels: str = "keep"
    time_zero: tuple[str, str] | None = None
    leave_out: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()


OPTIONS = {"decimal": ("point", "comma"), "dates": ("ymd", "dmy", "mdy"), "patient_labels": ("keep", "new")}
KNOWN_KEYS = {*OPTIONS, "time_zero", "leave_out", "allow", "missing", "accept", "tables"}


class _PlainLoader(yaml.SafeLoader):
    """Plain data only: no objects, and no aliases, ten lines of which can stand for a billion words."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "an alias; write out what it stands for", self.peek_event().start_mark)
        return super().compose_node(parent, index)


class _PlainDumper(yaml.SafeDumper):
    """Writes values that occur twice twice, and what says where one column comes from on one line, as the heading explains it."""

    def ignore_aliases(self, data):
        return True

    def represent_dict(self, data):
        one_column = set(data) <= SPEC_KEYS and not any(isinstance(value, (dict, list)) for value in data.values())
        return self.represent_mapping("tag:yaml.org,2002:map", data, flow_style=bool(data) and one_column)


_PlainDumper.add_representer(dict, _PlainDumper.represent_dict)


class _Reader:
    """Collects the problems of one mapping while it is read."""

    def __init__(self, file: str):
        self.file, self.problems = file, []

    def wrong(self, place: str, value, expected: str, remedy: str) -> None:
        self.problems.append(Problem(STRUCTURE, self.file, 0, place, str(value), expected, remedy))


def read_mapping(path: str | Path) -> dict:
    """The mapping file as plain data.

    Raises
    ------
    CohortError
        Where it is missing or not YAML; tags that would build objects are refused as well.
    """
    path = Path(path).expanduser()
    try:
        mapping = yaml.load(path.read_text(encoding="utf-8"), _PlainLoader)  # noqa: S506 - a safe loader
    except OSError:
        raise refusal([Problem(STRUCTURE, path.name, 0, "", "missing", "a mapping file", "write one with --suggest")]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as trouble:  # a value error: 2015-13-45 looks like a date
        mark = getattr(trouble, "problem_mark", None)
        reason = getattr(trouble, "problem", None) or (str(trouble) if type(trouble) is ValueError else "not text in UTF-8")
        raise refusal([Problem(STRUCTURE, path.name, mark.line + 1 if mark else 0, "", "not YAML", "a mapping in plain YAML",
                               f"correct the line ({reason})")]) from None
    return mapping


def write_mapping(mapping: dict, path: str | Path) -> None:
    """Write a mapping with the explanation of its keys above it; an existing file is not replaced."""
    with Path(path).expanduser().open("x", encoding="utf-8") as stream:
        stream.write(HEADING + yaml.dump(mapping, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=110))


def plan(mapping, sheets: list[Sheet], file: str = "mapping") -> Plan:
    """A mapping checked against the source.

    Parameters
    ----------
    mapping : dict
        As read from a mapping file, or as guessed.
    sheets : list of Sheet
        The source.
    file : str
        Name of the mapping in messages.

    Raises
    ------
    CohortError
        On unknown keys, sheets, columns and units, all in one message.
    """
    reader = _Reader(file)
    if not isinstance(mapping, dict) or not isinstance(mapping.get("tables"), dict):
        reader.wrong("tables", type(mapping).__name__, "a key 'tables' with at least patients", "start from the guess of --suggest")
        raise refusal(reader.problems)
    for key in mapping.keys() - KNOWN_KEYS:
        reader.wrong(str(key), "unknown key", "one of " + ", ".join(sorted(KNOWN_KEYS)), "correct or remove it")
    for key, choices in OPTIONS.items():
        if mapping.get(key, choices[0]) not in choices:
            reader.wrong(key, mapping[key], "one of " + ", ".join(choices), "use one of these words")
    accept = mapping.get("accept") or {}
    for name in accept:
        if name not in PLAUSIBILITY:
            reader.wrong("accept", name, "one of " + ", ".join(PLAUSIBILITY), "use the name the report gives")
    by_name = {sheet.name: sheet for sheet in sheets}
    parts = tuple(_parts(mapping["tables"], by_name, reader))
    if not any(part.table == "patients" for part in parts) and not reader.problems:
        reader.wrong("tables", "no patients", "a table patients", "map the sheet with one row per patient")
    zero = _time_zero(mapping.get("time_zero"), by_name, reader)
    if reader.problems:
        raise refusal(reader.problems)
    return Plan(parts, **{key: mapping.get(key, choices[0]) for key, choices in OPTIONS.items()}, time_zero=zero,
                **{key: _strings(mapping.get(key)) for key in ("leave_out", "allow", "missing")}, accept=tuple(accept))


def _strings(value) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


def _time_zero(value, by_name: dict, reader: _Reader) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"sheet", "column"}:
        reader.wrong("time_zero", value, "{sheet: ..., column: ...} of the first treatment's date", "write both keys")
        return None
    _known_column(reader, by_name, str(value["sheet"]), str(value["column"]), "time_zero")
    return str(value["sheet"]), str(value["column"])


def _known_column(reader: _Reader, by_name: dict, sheet: str, column: str, place: str) -> None:
    if sheet not in by_name:
        reader.wrong(place, sheet, "a sheet of the source: " + ", ".join(by_name), "use the sheet's name")
    elif column not in by_name[sheet].cells.columns:
        reader.wrong(place, column, f"a column of {sheet}", "copy the column's name from the source")


def _parts(tables: dict, by_name: dict, reader: _Reader):
    for table, parts in tables.items():
        if table not in COLUMNS:
            reader.wrong("tables", table, "one of " + ", ".join(COLUMNS), "correct the table's name")
            continue
        for part in parts if isinstance(parts, list) else [parts]:
            if not isinstance(part, dict) or not isinstance(part.get("columns"), dict) or "sheet" not in part:
                reader.wrong(table, part, "a sheet and its columns", "write 'sheet:' and 'columns:' below the table")
                continue
            for key in part.keys() - {"sheet", "columns", "where"}:
                reader.wrong(table, key, "sheet, columns or where", "correct or remove the key")
            sheet = str(part["sheet"])
            where = _where(part.get("where"), by_name, sheet, table, reader)
            specs = {str(name): _spec(name, given, table, sheet, by_name, reader) for name, given in part["columns"].items()}
            if "patient" not in specs and part["columns"]:
                reader.wrong(table, "no patient", "the column with the patient's label", "map patient")
            yield Part(table, sheet, {name: spec for name, spec in specs.items() if spec}, where)


def _where(value, by_name: dict, sheet: str, place: str, reader: _Reader) -> dict[str, tuple[str, ...]]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        reader.wrong(place, value, "where: {column: value}", "write the column and its value")
        return {}
    for column in value:
        _known_column(reader, by_name, sheet, str(column), place)
    return {str(column): _strings(wanted) for column, wanted in value.items()}


def _spec(name, given, table: str, sheet: str, by_name: dict, reader: _Reader) -> Spec | None:
    place = f"{table}.{name}"
    if name not in COLUMNS[table]:
        reader.wrong(place, "unknown column", "a column of the contract: " + ", ".join(COLUMNS[table]), "correct the name")
        return None
    if given is None:
        reader.wrong(place, "blank", "a source column", "name the column, or remove the line if the source has none")
        return None
    given = given if isinstance(given, dict) else {"column": given}
    if given.keys() - SPEC_KEYS or ("column" in given) == ("value" in given):
        reader.wrong(place, given, "column or value, with unit, codes, since, sheet, where", "correct the keys")
        return None
    if "value" in given:
        return Spec(value=str(given["value"]))
    if given.get("unit") is not None and given["unit"] not in UNITS:
        reader.wrong(place, given["unit"], "a unit: " + ", ".join(UNITS), "use one of these words")
    codes = given.get("codes") or {}
    if not isinstance(codes, dict):
        reader.wrong(place, codes, "codes: {code: word}", "write each code with its word")
        codes = {}
    other = str(given.get("sheet") or sheet)
    for column in [given["column"], *([given["since"]] if given.get("since") else [])]:
        _known_column(reader, by_name, other, str(column), place)
    return Spec(str(given["column"]), None, str(given.get("unit") or ""),
                {_code(code): _code(word) for code, word in codes.items()}, str(given.get("since") or ""),
                str(given.get("sheet") or ""), _where(given.get("where"), by_name, other, place, reader))


def _code(value) -> str:
    """YAML reads an unquoted yes as true; a code is compared as text."""
    return {True: "true", False: "false", None: ""}[value] if value is None or isinstance(value, bool) else str(value)
