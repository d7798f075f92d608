"""One cell of a source as a number, a date, a truth value or a word; what cannot be read says why in a sentence."""

from __future__ import annotations

import datetime
import re

from lib.cohort import DAYS_PER_MONTH, WORDS_FOR_MISSING
from lib.contract import Column
from lib.intake.mapping import Spec
from lib.intake.sheets import as_text
from lib.intake.vocabulary import BASELINE_WORDS, CELL_WORDS, spoken, truth_for, word_for

UNSAID = {"unknown", "unk", "nd", "not done", "not applicable", "not available", "unbekannt", "k.a.", "k. a.", "inconnu",
                               "desconocido", "sconosciuto", "onbekend"}
"""Words for a missing number or flag; an unknown primary site is a fact of its own."""
MISSING = WORDS_FOR_MISSING | {"#n/a", "--"}
EXCEL_SERIALS = (20_000, 60_000)
"""1954 to 2064 in days from 1900: what Excel shows of a date whose format was lost."""
YEARS = (1900, 2100)

_ISO = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})([T ].*)?")
_PARTS = re.compile(r"(\d{1,2})([./-])(\d{1,2})[./-](\d{4})( .*)?")
_NAMED = re.compile(r"(\d{1,2})[ .-]?([A-Za-z]{3})[a-z]*[ .-]?(\d{4})(:.*)?")
_SHORT_YEAR = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}")
_PARTIAL = re.compile(r"\d{4}-\d{1,2}|\d{1,2}[./]\d{4}|[A-Za-z]{3,9} \d{4}|\d{4}-\d{2}-(UN|XX|--?)", re.I)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_VISIT_MONTH = re.compile(r"(?:month|monat|mois|mes|mese|maand|m)[ _]?(\d{1,3})|(\d{1,3})[ _-]?(?:months?|monate?|mois|meses|mesi|maanden|mo|m)")

TO_DAYS = {"days": 1.0, "weeks": 7.0, "months": DAYS_PER_MONTH, "years": 365.25}
SCALE = {("cm", "mm"): 10.0, ("mm", "mm"): 1.0, ("g", "mg"): 1000.0, ("mg", "mg"): 1.0, ("l", "mL"): 1000.0, ("ml", "mL"): 1.0}


class CellError(ValueError):
    """A cell that cannot be read: ``expected`` and ``remedy`` complete the sentence."""

    def __init__(self, expected: str, remedy: str, check: str = ""):
        super().__init__(expected)
        self.expected, self.remedy, self.check = expected, remedy, check


def is_blank(cell, missing: tuple[str, ...] = (), free_text: bool = False) -> bool:
    """True for an empty cell, a word for missing, and the codes a mapping lists as missing."""
    text = as_text(cell)
    return not text or text.lower() in MISSING or text in missing or (text.lower() in UNSAID and not free_text)


def looks_like_date(cell) -> bool:
    """True for a date, or for text written as one."""
    if isinstance(cell, datetime.date):
        return True
    text = as_text(cell)
    return isinstance(cell, str) and any(p.fullmatch(text) for p in (_ISO, _PARTS, _NAMED, _SHORT_YEAR))


def date_of(cell, order: str) -> datetime.date:
    """A date, read in the stated order.

    Parameters
    ----------
    cell : date or str
    order : str
        "dmy" or "mdy" for dates of which the year stands last; "ymd" where none does.

    Raises
    ------
    CellError
        On half dates, two-digit years, dates that do not exist, lost formats and undecided orders.
    """
    if isinstance(cell, datetime.date):
        return _in_range(cell.year, cell.month, cell.day)
    text = as_text(cell)
    if isinstance(cell, (int, float)) or (text.isascii() and text.isdigit()):
        if EXCEL_SERIALS[0] <= float(text) <= EXCEL_SERIALS[1]:
            shown = datetime.date(1899, 12, 30) + datetime.timedelta(days=int(float(text)))
            raise CellError("a date", f"give the cell a date format (as a serial number it would be {shown})")
        raise CellError("a date", "write it as YYYY-MM-DD")
    if found := _ISO.fullmatch(text):
        return _in_range(*(int(part) for part in found.groups()[:3]))
    if found := _NAMED.fullmatch(text):
        name = found[2].lower()
        if name not in _MONTHS:
            raise CellError("a date with an English month", "write it as YYYY-MM-DD")
        return _in_range(int(found[3]), _MONTHS.index(name) + 1, int(found[1]))
    if found := _PARTS.fullmatch(text):
        return _ordered(int(found[1]), int(found[3]), int(found[4]), order, found[2])
    if _SHORT_YEAR.fullmatch(text):
        raise CellError("a date with a year of four digits", "write it as YYYY-MM-DD")
    if _PARTIAL.fullmatch(text):
        raise CellError("a full date", "add the day, or clear the cell")
    raise CellError("a date", "write it as YYYY-MM-DD")


def _ordered(first: int, second: int, year: int, order: str, sign: str) -> datetime.date:
    if order == "ymd":
        if sign == ".":
            return _in_range(year, second, first)
        raise CellError("a date whose order is known", "write 'dates: dmy' or 'dates: mdy' in the mapping")
    day, month = (first, second) if order == "dmy" else (second, first)
    if month > 12 >= day:
        raise CellError(f"a date in the order {order} of the mapping", "the column mixes day-month and month-day: correct the cell",
                        "day_month_swap")
    return _in_range(year, month, day)


def _in_range(year: int, month: int, day: int) -> datetime.date:
    try:
        date = datetime.date(year, month, day)
    except ValueError:
        raise CellError("a date that exists", "correct day, month or year") from None
    if not YEARS[0] <= year <= YEARS[1]:
        raise CellError(f"a year from {YEARS[0]} to {YEARS[1]}", "correct the year")
    return date


def number_of(cell, decimal: str) -> float:
    """A number, text read with the decimal sign of the mapping.

    Raises
    ------
    CellError
        On anything else; thousands separators are refused, as 1,234 can be two numbers.
    """
    if isinstance(cell, (bool, datetime.date)):
        raise CellError("a number", "clear or correct the cell")
    if isinstance(cell, (int, float)):
        return float(cell)
    text = as_text(cell)
    if text[:1] in "<>≤≥":
        raise CellError("a number", "write the limit itself as a number")
    if decimal == "comma" and "," in text and "." not in text:
        text = text.replace(",", ".")
    elif decimal == "comma" and re.fullmatch(r"\d{1,3}\.\d{3}", text):
        raise CellError("a number with a decimal comma", "remove the point if it separates thousands")
    if _NUMBER.fullmatch(text):
        return float(text)
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        raise CellError("a number with a decimal point", "write 'decimal: comma' in the mapping, or correct the cell")
    if re.fullmatch(r"[+-]?\d[\d.,' ]*\d", text):
        raise CellError("a number without thousands separators", "remove the separators")
    if re.match(r"[+-]?\d", text):
        raise CellError("a number", "write digits only, without a unit or remark")
    raise CellError("a number", "correct the cell, list the word under missing:, or map another column")


def scaled(value: float, unit: str, column: Column) -> float:
    """A number of the source's unit in the contract's.

    Raises
    ------
    CellError
        Where the unit measures something else.
    """
    if not unit or unit == column.unit:
        return value
    if unit == "study day" and column.unit == "days":
        return value - 1 if value > 0 else value  # CDISC counts from day 1 and has no day 0
    if unit in TO_DAYS and column.unit in TO_DAYS:
        return value * TO_DAYS[unit] / TO_DAYS[column.unit]
    factor = SCALE.get((unit, column.unit))
    if factor is None:
        raise CellError(f"a unit that converts to {column.unit or 'a plain number'}", "correct unit: in the mapping")
    return value * factor


def truth_of(cell, spec: Spec, label: str, column: Column) -> bool:
    """True or false, by the mapping's codes, the file's labels, or words for yes and no in several languages.

    Raises
    ------
    CellError
        Where neither is clear: 1 and 2 are not.
    """
    text = as_text(cell)
    coded = spec.codes.get(text, spec.codes.get(label) if label else None)
    said = truth_for(column.name, coded if coded is not None else label or text)
    if said is None:
        raise CellError("a code whose meaning is known, or yes or no", f"write codes: {{{text}: true}} or {{{text}: false}} in the mapping")
    return said


def word_of(cell, spec: Spec, label: str, column: Column) -> str:
    """A word of the contract, or the institution's own where the contract leaves the choice.

    Raises
    ------
    CellError
        On a bare code or a word outside a fixed list.
    """
    text = as_text(cell)
    for given in (text, label):
        if given and given in spec.codes:
            return spec.codes[given]
    if looks_like_date(cell):
        raise CellError("text", "calendar dates are not kept: map the column to a time, or leave it out")
    shown = label or text
    if column.name in CELL_WORDS:
        word = word_for(column.name, shown)
        if word or not column.allowed:
            return word or shown
        if shown in column.allowed:
            return shown
        choices = ", ".join(column.allowed)
        raise CellError(f"one of {choices}", f"write codes: {{{text}: {column.allowed[0]}}} or another of them in the mapping")
    if column.name == "visit":
        return visit_name(shown)
    if column.name in CODED_WORDS and re.fullmatch(r"-?\d+", shown):
        raise CellError("a word, not a code", f"write codes: {{{text}: word}} in the mapping, or add the data dictionary")
    return shown


CODED_WORDS = {"first_treatment", "second_treatment", "primary_site", "treatment", "lobe", "approach", "organ", "term", "unit", "censoring_reason"}


def visit_name(text: str) -> str:
    """The chapters' name of a visit: baseline and screening are "baseline", "3 months" is "month_3"; others stay."""
    plain = re.sub(r"_arm_\d+$|\s*\(Arm \d+:.*\)$", "", text)
    if spoken(plain) in BASELINE_WORDS:
        return "baseline"
    found = _VISIT_MONTH.fullmatch(plain.lower().strip())
    return f"month_{int(found[1] or found[2])}" if found else plain
