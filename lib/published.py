"""The ledger of printed figures, and the verdict on each of them.

The ledger, ``data/published.csv``, holds one row per place where the paper prints a figure of its own
study. A chapter records what it recomputes under the same quantity names; this module compares.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import pandas as pd

from lib.refusal import Refusal

DATA = Path(__file__).resolve().parent.parent / "data"
LEDGER_COLUMNS = ["quantity", "printed", "unit", "place", "expected", "note"]
VERDICTS = ("reproduced", "differs", "not derivable", "method")
UNACCOUNTED = "unaccounted"
_WHOLE_FROM = 2.0 ** 50
_WORDS = {word: number for number, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty".split())}


class LedgerError(Refusal, ValueError):
    """The ledger cannot be read as figures; the message names the row and the remedy."""


@dataclass(frozen=True)
class Printed:
    """A printed figure: its value, its decimals, and the half-open interval it stands for."""

    text: str
    value: float
    decimals: int

    @property
    def half_width(self) -> float:
        return 0.5 * 10.0 ** -self.decimals

    @property
    def lower(self) -> float:
        """Smallest value that rounds (half away from zero) to the printed one."""
        return self.value - self.half_width

    @property
    def upper(self) -> float:
        """First value that no longer rounds to the printed one."""
        return self.value + self.half_width


def parse_printed(text: str) -> Printed:
    """Read a printed figure: ``"62.8"``, ``"50 000"``, ``"Nineteen"``.

    Parameters
    ----------
    text : str
        The figure as printed; its decimals are its precision.

    Returns
    -------
    Printed

    Raises
    ------
    LedgerError
        If the text is not one number in digits or words.
    """
    stripped = text.strip()
    if stripped.lower() in _WORDS:
        return Printed(text, float(_WORDS[stripped.lower()]), 0)
    digits = re.sub(r"(?<=\d)[\s\u00a0\u202f](?=\d{3}\b)", "", stripped)
    if not re.fullmatch(r"-?\d+(\.\d+)?", digits):
        raise LedgerError(f"'{text}' is not a printed number: write it in digits (62.8) or as one word (Nineteen).")
    decimals = len(digits.partition(".")[2])
    return Printed(text, float(digits), decimals)


def round_half_up(value: float, decimals: int) -> float:
    """Round half away from zero, as SPSS prints; 1e-9 of floating error is forgiven.

    Parameters
    ----------
    value : float
    decimals : int

    Returns
    -------
    float
    """
    value = float(value)  # numpy writes its own numbers as "np.float64(2.5)"
    if not abs(value) < _WHOLE_FROM:
        return value  # too large (or infinite, or missing) to hold decimals
    step = Decimal(1).scaleb(-decimals)
    rounded = float(Decimal(repr(round(value, 9))).quantize(step, rounding=ROUND_HALF_UP))
    return rounded or 0.0  # no "-0.0"


def agrees(value: float | str | None, printed: str) -> bool:
    """Whether a recomputed value prints as the published string.

    Parameters
    ----------
    value : float or str
        The recomputed figure, in the ledger's unit; text (a version, a calendar month) must equal the
        printed string.
    printed : str
        The figure as published.

    Returns
    -------
    bool
        False for a missing or infinite value.
    """
    if isinstance(value, str):
        return value == printed
    if value is None or not math.isfinite(value):
        return False
    target = parse_printed(printed)
    return round_half_up(value, target.decimals) == target.value


def read_ledger(path: str | Path | None = None) -> pd.DataFrame:
    """Read and check the ledger of printed figures.

    Parameters
    ----------
    path : path, optional
        A CSV with the columns of ``data/published.csv`` (the default).

    Returns
    -------
    DataFrame of str, one row per printed figure, in the paper's order.

    Raises
    ------
    LedgerError
        Naming file, row and remedy, if the file cannot be read, a column is missing, a verdict is unknown,
        a figure cannot be read, or one place states the same quantity twice.
    """
    path = Path(path) if path else DATA / "published.csv"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LedgerError(_UNREADABLE.format(path.name, error)) from None
    return _checked(content, path.name).copy()


_UNREADABLE = "{} cannot be read as a CSV table in UTF-8: {}"


@lru_cache(maxsize=2)
def _checked(content: bytes, file: str) -> pd.DataFrame:
    """The ledger in a file of this content and name, which a chapter asks for many times."""
    try:
        ledger = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    except ValueError as error:
        raise LedgerError(_UNREADABLE.format(file, error)) from None
    missing = [column for column in LEDGER_COLUMNS if column not in ledger]
    if missing:
        raise LedgerError(f"{file}: column {missing[0]} is missing; the ledger needs {', '.join(LEDGER_COLUMNS)}.")
    for row, record in enumerate(ledger.itertuples(), start=2):
        if record.expected not in VERDICTS:
            raise LedgerError(f"{file}, row {row}: expected verdict '{record.expected}' is unknown; "
                              f"use one of {', '.join(VERDICTS)}.")
        if record.expected != "not derivable":
            try:
                parse_printed(record.printed)
            except LedgerError as error:
                raise LedgerError(f"{file}, row {row}: {error}") from None
    twice = ledger.duplicated(["quantity", "place"])
    if twice.any():
        row = int(twice.to_numpy().argmax())
        raise LedgerError(f"{file}, row {row + 2}: {ledger.quantity[row]} is stated twice at "
                          f"'{ledger.place[row]}'; give each place a name of its own.")
    return ledger


def encoded(entry: dict) -> dict:
    """A recorded entry as JSON can hold it, which has no infinity: ``value`` null and ``not_reached`` true."""
    value = entry["value"]
    return entry | {"value": None, "not_reached": True} if isinstance(value, float) and math.isinf(value) else entry


def decoded(entry: dict) -> dict:
    """The inverse of `encoded`."""
    if not entry.get("not_reached"):
        return entry
    return {key: value for key, value in entry.items() if key != "not_reached"} | {"value": math.inf}


def read_results(folder: str | Path) -> dict[str, dict]:
    """Gather what the chapters recomputed.

    Parameters
    ----------
    folder : path
        A folder of ``NN_name.json`` files as chapters write them.

    Returns
    -------
    dict
        Quantity -> entry (``value``, ``chapter`` and, where given, ``holds``, ``observed``, ``reason``).

    Raises
    ------
    LedgerError
        If two chapters record one quantity with different values.
    """
    entries: dict[str, dict] = {}
    for path in sorted(Path(folder).glob("*.json")):
        document = json.loads(path.read_bytes())
        for quantity, entry in document.get("quantities", {}).items():
            entry = decoded(entry) | {"chapter": document["chapter"]}
            earlier = entries.setdefault(quantity, entry)
            if earlier["value"] != entry["value"]:
                raise LedgerError(f"{quantity} is {earlier['value']} in {earlier['chapter']} but {entry['value']} "
                                  f"in {entry['chapter']}; record it in one chapter only.")
    return entries


def verdict(printed: str, expected: str, entry: dict | None) -> str:
    """Judge one ledger row against what was recomputed.

    Parameters
    ----------
    printed, expected : str
        The ledger's figure and its expected verdict (which only tells protocol figures, ``method``, apart).
    entry : dict or None
        The recorded entry; None if no chapter recorded the quantity.

    Returns
    -------
    str
        ``reproduced``, ``differs``, ``not derivable``, ``method`` (the rows respect the protocol
        figure) or ``unaccounted`` (nothing was recorded).
    """
    if entry is None:
        return UNACCOUNTED
    if entry.get("holds") is not None:
        holds = entry["holds"] and (entry["value"] is None or agrees(entry["value"], printed))
        return "method" if holds else "differs"
    if entry["value"] is None:
        return "not derivable"
    return "reproduced" if agrees(entry["value"], printed) else "differs"


def judge(ledger: pd.DataFrame, entries: dict[str, dict]) -> pd.DataFrame:
    """The ledger with each figure's recomputed value and verdict.

    Parameters
    ----------
    ledger : DataFrame
        From `read_ledger`.
    entries : dict
        From `read_results`, or the quantities of one chapter.

    Returns
    -------
    DataFrame
        The ledger's columns plus ``recomputed`` (text), ``verdict``, ``as_expected`` and ``chapter``.
    """
    judged = ledger.copy()
    found = [entries.get(quantity) for quantity in ledger.quantity]
    judged["verdict"] = [verdict(row.printed, row.expected, entry) for row, entry in zip(ledger.itertuples(), found)]
    judged["recomputed"] = [_recomputed(row.printed, entry) for row, entry in zip(ledger.itertuples(), found)]
    judged["as_expected"] = judged.verdict == judged.expected
    judged["chapter"] = [entry.get("chapter", "") if entry else "" for entry in found]
    return judged


def _recomputed(printed: str, entry: dict | None) -> str:
    """A recorded entry as text, one decimal finer than printed where the two differ."""
    if entry is None:
        return "not recorded"
    if entry.get("observed"):
        return entry["observed"]
    value = entry["value"]
    if value is None:
        return entry.get("reason") or "not derivable"
    if isinstance(value, str):
        return value
    decimals = parse_printed(printed).decimals
    if not math.isfinite(value):
        return "not reached"
    shown = f"{round_half_up(value, decimals):.{decimals}f}"
    if agrees(value, printed) or float(value).is_integer():
        return shown
    return f"{round_half_up(value, decimals + 1):.{decimals + 1}f}" if decimals < 6 else shown


def summary(judged: pd.DataFrame) -> dict[str, int]:
    """Counts of verdicts: the line a run ends with.

    Parameters
    ----------
    judged : DataFrame
        From `judge`.

    Returns
    -------
    dict
        ``published``, ``reproduced``, ``differs``, ``not_derivable``, ``method``, ``unaccounted`` and
        ``unexpected`` (rows whose verdict is not the expected one).
    """
    counts = judged.verdict.value_counts()
    names = {"reproduced": "reproduced", "differs": "differs", "not_derivable": "not derivable",
             "method": "method", "unaccounted": UNACCOUNTED}
    return {"published": len(judged)} | {key: int(counts.get(name, 0)) for key, name in names.items()} | {
        "unexpected": int((~judged.as_expected).sum())}
