"""Which columns of a sheet are which columns of the contract, by their names and the file's labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.contract import CONTRACT
from lib.intake.sheets import OVER, Sheet
from lib.intake.vocabulary import ANALYTE_FILLERS, BASELINE_WORDS, COLUMN_NAMES, LIMIT_WORDS, spoken, word_for
from lib.units import REFERENCE_UNITS

UNIT_IN_NAME = {"days": r"days?|tage|jours|dias|giorni|dagen|d", "weeks": r"weeks?|wochen|semaines", "months": r"months?|monate|mois|meses|mesi|mo",
                "years": r"years?|jahre|ans|anos|anni", "cm": "cm", "mm": "mm", "g": "g", "mg": "mg"}
PREFIXES = {"treatments": "tx", "labs": "lab", "lesions": "lesion", "adverse_events": "ae"}
"""Before the fields of a form, as a REDCap project has each name only once."""
ONLY_UNIT = {"inr": "ratio", "alt": "U/L", "ast": "U/L", "alp": "U/L"}
"""Analytes that clinics give in one unit."""
CENSORED = {"cnsr", "censored", "censor", "zensiert", "censure"}


def names_of(table: str, column: str) -> set[str]:
    """All names by which a column of the contract is known, in words."""
    synonyms = (name.strip() for name in COLUMN_NAMES["patients" if column == "patient" else table].get(column, "").split(";"))
    return {spoken(column), f"{PREFIXES.get(table, '')} {spoken(column)}".strip(), *synonyms} - {""}


def _contract(table: str) -> list[tuple[str, str]]:
    columns = [(column.name, column.meaning) for column in CONTRACT.get(table, ())]
    return columns or [("patient", ""), ("visit", ""), ("response", "")]


def matching_columns(sheet: Sheet, table: str) -> dict:
    """Specs of the contract's columns found in a sheet: by exact name first, then by synonym, then by the file's label."""
    free, found = list(dict.fromkeys(sheet.cells.columns)), {}
    tests = (lambda name, meaning, column: column in (name, f"{PREFIXES.get(table)}_{name}"),
             lambda name, meaning, column: _bare(column) in names_of(table, name),
             lambda name, meaning, column: _bare(column.rpartition(OVER)[2]) in names_of(table, name),
             lambda name, meaning, column: _same_label(sheet.meanings.get(column, ""), meaning),
             lambda name, meaning, column: _bare(sheet.meanings.get(column, "")) in names_of(table, name))
    for test in tests:
        for name, meaning in _contract(table):
            column = next((column for column in free if name not in found and test(name, meaning, column)), None)
            if column is not None:
                free.remove(column)
                found[name] = _spec(sheet, name, column)
    if table == "patients" and "died" not in found:
        column = next((column for column in free if set(spoken(column).split()) & CENSORED), None)
        if column is not None:
            found["died"] = {"column": column, "codes": {"0": "true", "1": "false"}}
    return {name: found[name] for name, _ in _contract(table) if name in found}


def _same_label(label: str, meaning: str) -> bool:
    """True where a file's label is the contract's meaning; SAS keeps 40 letters of it."""
    return bool(label) and label.strip().lower() in (meaning.lower(), meaning[:40].strip().lower())


def _bare(column: str) -> str:
    """A column's name in words without a unit at its end or in brackets; of a checkbox, the name of the box."""
    plain = re.sub(r"\s*[\[(].*[\])]\s*$", "", column.rpartition("___")[2])
    words = spoken(plain).split()
    units = re.compile("|".join(UNIT_IN_NAME.values()))
    while len(words) > 1 and units.fullmatch(words[-1]):
        words.pop()
    return " ".join(words)


def _spec(sheet: Sheet, name: str, column: str):
    target = next((contract.unit for contract in sum(CONTRACT.values(), ()) if contract.name == name), "")
    words = spoken(column).split()
    for unit, pattern in UNIT_IN_NAME.items():
        named = any(re.fullmatch(pattern, word) for word in words[1:])
        comparable = {target, unit} <= {"days", "weeks", "months", "years"} or {target, unit} <= {"mm", "cm"} or {target, unit} <= {"mg", "g"}
        if named and comparable and unit != target and column != name:
            return {"column": column, "unit": unit}
    return column


@dataclass(frozen=True)
class NamedAnalyte:
    """What a column's name says of a laboratory value: the analyte, the visit if any, the unit ("?" where it is not said).

    ``limit`` is "upper_normal" or "lower_normal" where the column holds a limit of normal and no value.
    """

    analyte: str
    visit: str
    unit: str
    limit: str = ""


def analyte_in(column: str, label: str = "") -> NamedAnalyte | None:
    """The analyte that a column is named after, by its name or else by its label; None where neither begins with one.

    Parameters
    ----------
    column : str
        Such as ``tbili``, ``alt_3m``, ``ALT baseline (U/L)`` or ``ast_uln``.
    label : str
        What the file calls it in words, such as ``Total bilirubin (umol/L)``.
    """
    for text in (column, label):
        bracket = re.search(r"[\[(]([^\])]+)[\])]\s*$", text)
        words = [word for word in re.split(r"[\s_./-]+", re.sub(r"\s*[\[(].*$", "", text).strip()) if word]
        while words and words[0].lower() in ANALYTE_FILLERS:
            words.pop(0)
        analyte = word_for("analyte", words[0]) if words else None
        if analyte not in REFERENCE_UNITS:
            continue
        rest = [word for word in words[1:] if word.lower() not in ANALYTE_FILLERS]
        limit = next((name for name, said in LIMIT_WORDS.items() if {word.lower() for word in rest} & said), "")
        visit = " ".join(rest)
        if visit and not limit and not (re.search(r"\d", visit) or spoken(visit) in BASELINE_WORDS):
            continue  # "ALT reason" is no visit
        bracket = bracket or re.search(r"[\[(]([^\])]+)[\])]\s*$", label)
        return NamedAnalyte(analyte, "" if limit else visit, bracket[1] if bracket else ONLY_UNIT.get(analyte, "?"), limit)
    return None
