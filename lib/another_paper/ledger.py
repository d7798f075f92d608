"""The CSV of another paper: one printed figure a row, read into a `Summary` or refused in one sentence.

Columns ``quantity, group, printed, place, note``. A row whose ``printed`` is blank says nothing, except that
``survival.<time>`` and ``mean_time.<time>`` are then asked for. Quantities:

==============================  =====================================================================================
study, source, event            words: what is summarised, where it is printed, what ends the time (death, relapse)
time_unit                       days, weeks, months or years
known_patients                  where the patients are public: a name or the path of a CSV (`lib.another_paper.known`)
program                         spss, r, sas or lifelines: whose median and interval; blank where unknown
n, events, events.percent       patients of the group, those with an event, their percentage
median, .lower, .upper          Kaplan-Meier median and its 95% limits; ``not reached`` is a figure too
survival.<time>, .lower, .upper Kaplan-Meier survival at a time, in percent, and its 95% limits
mean_time.<time>                restricted mean time up to a time
follow_up.median, .min, .max    of all times observed; ``follow_up.reverse_median`` by reverse Kaplan-Meier
p, p.wald                       two-sided P of the log-rank test, and of the Cox model; ``<0.001`` is a figure too
hazard_ratio, .lower, .upper    ratio and 95% limits; the group says of whom: ``placebo vs 6-MP``
count.<item>, percent.<item>    patients with a property, and their percentage
mean.<item>, sd.<item>          mean and standard deviation; a note that begins with ``whole`` says that each
                                patient's value is a whole number
claim                           a comparison to be judged, its words in the note: ``median(6-MP) > median(placebo)``;
                                ``mean_time_gained.<time>`` is the second group's less the first's
==============================  =====================================================================================

A blank group means all patients.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from lib.published import LedgerError, parse_printed

COLUMNS = ("quantity", "group", "printed", "place", "note")
WORDS = ("study", "source", "event", "time_unit", "program", "known_patients")
TIME_UNITS = ("days", "weeks", "months", "years")
PROGRAMS = ("spss", "r", "sas", "lifelines")
NOT_REACHED = ("not reached", "nr", "not estimable", "ne")
LARGEST_VALUE = 1e6
LARGEST_N = 400
"""More patients than this in a group are more than the search was made for."""

_NUMBER = r"\d+(?:\.\d+)?"
_QUANTITIES = [
    "n", "events", r"events\.percent", r"median(?:\.lower|\.upper)?", rf"survival\.{_NUMBER}(?:\.lower|\.upper)?",
    rf"mean_time\.{_NUMBER}", r"follow_up\.(?:median|min|max|reverse_median)", r"p(?:\.wald)?", r"hazard_ratio(?:\.lower|\.upper)?",
    r"(?:count|percent|mean|sd)\.[\w-]+"]
_OF_A_COMPARISON = re.compile(r"p(\.wald)?|hazard_ratio(\.lower|\.upper)?")
_IN_PERCENT = ("survival.", "percent.", "events.percent")
_MAY_BE_A_BOUND = ("p", "p.wald", "median", "survival.", "follow_up.", "hazard_ratio")
_ASKED = re.compile(rf"(survival|mean_time)\.({_NUMBER})")


class PaperError(ValueError):
    """The CSV cannot be read as a summary; the message names file, row, column, value and remedy."""


@dataclass(frozen=True)
class Figure:
    """One printed figure.

    Attributes
    ----------
    quantity, group : str
        The group is blank for all patients and for a comparison.
    printed : str
    lower, upper : float
        The values that print so: from `lower`, up to but without `upper`.
    place, note : str
    row : int
        Line of the CSV.
    """

    quantity: str
    group: str
    printed: str
    lower: float
    upper: float
    place: str
    note: str
    row: int

    @property
    def value(self) -> float:
        """The figure as printed; infinity where it is not reached."""
        return math.inf if self.lower == math.inf else parse_printed(self.printed.lstrip("<>=≤≥ ")).value

    @property
    def is_bound(self) -> bool:
        """Whether only a bound is printed, such as ``<0.001``."""
        return self.printed[0] in "<>≤≥"

    @property
    def name(self) -> str:
        """``median(placebo)``, or the quantity alone for all patients and comparisons."""
        return named(self.quantity, self.group)


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, or one that a reader may be tempted to write, as a comparison."""

    words: str
    predicate: str
    place: str
    row: int = 0


@dataclass(frozen=True)
class Summary:
    """What a paper prints of one or two groups' survival.

    Attributes
    ----------
    file, study, source, event, time_unit, program : str
        The program is blank where unknown.
    groups : tuple of str
        One or two; of two the first is the numerator of the hazard ratio.
    figures : tuple of Figure
    survival_at, mean_time_to : tuple of float
        Times at which survival, and up to which the mean time, is printed or asked for.
    claims : tuple of Claim
    """

    file: str
    study: str
    source: str
    event: str
    time_unit: str
    program: str
    known_patients: str
    groups: tuple[str, ...]
    figures: tuple[Figure, ...]
    survival_at: tuple[float, ...]
    mean_time_to: tuple[float, ...]
    claims: tuple[Claim, ...]

    def find(self, quantity: str, group: str = "") -> Figure | None:
        """The first printed figure of a quantity, or None."""
        return next((each for each in self.figures if each.quantity == quantity and each.group == group), None)

    def count(self, quantity: str, group: str = "") -> int | None:
        """A printed count, or None."""
        found = self.find(quantity, group)
        return None if found is None else int(found.value)


def named(quantity: str, group: str) -> str:
    """How a quantity of a group is called in tables and claims."""
    return f"{quantity}({group})" if group else quantity


def read_paper(path: str | Path) -> Summary:
    """Read and check the CSV of another paper.

    Parameters
    ----------
    path : path

    Returns
    -------
    Summary

    Raises
    ------
    PaperError
        One sentence, for the first fault found.
    """
    path = Path(path)
    rows = _rows(path)
    words = {row["quantity"]: row["printed"] for row in rows if row["quantity"] in WORDS}
    unit = words.get("time_unit", "").lower()
    program = words.get("program", "").lower()
    if unit not in TIME_UNITS:
        raise PaperError(f"{path.name}: time_unit is {unit or 'missing'!r}; write a row time_unit with one of {', '.join(TIME_UNITS)}.")
    if program and program not in PROGRAMS:
        raise PaperError(f"{path.name}: program is {program!r}; write one of {', '.join(PROGRAMS)}, or leave it blank.")
    groups = _groups(path, rows)
    figures = tuple(_figure(path, row, groups) for row in rows
                    if row["printed"] and row["quantity"] not in (*WORDS, "claim"))
    asked = [_ASKED.match(row["quantity"]) for row in rows]
    times = {kind: tuple(sorted({float(found[2]) for found in asked if found and found[1] == kind})) for kind in ("survival", "mean_time")}
    summary = Summary(path.name, words.get("study") or path.stem, words.get("source", ""), words.get("event") or "event", unit, program,
                      words.get("known_patients", ""), groups, figures, times["survival"], times["mean_time"],
                      tuple(Claim(row["note"] or row["printed"], row["printed"], row["place"], row["row"])
                            for row in rows if row["quantity"] == "claim" and row["printed"]))
    _refuse_what_cannot_be_searched(path, summary)
    return summary


def _rows(path: Path) -> list[dict]:
    """The filled rows as written, each with its line; all that the csv module and the header can be wrong about."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PaperError(f"{path} cannot be read: {error.strerror}; give the path of a CSV file.") from None
    except UnicodeDecodeError:
        raise PaperError(f"{path.name} is not UTF-8 text; save it as 'CSV UTF-8'.") from None
    sign = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=sign))
    except csv.Error as error:
        raise PaperError(f"{path.name} cannot be read as a CSV table: {error}.") from None
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise PaperError(f"{path.name}: column {missing[0]} is missing; the first row must name {', '.join(COLUMNS)}.")
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header):]):
            raise PaperError(f"{path.name}, row {number}: {len(cells)} cells where the header has {len(header)}; put a text that holds "
                             "the separator into quotation marks.")
        row = dict(zip(header, (" ".join(cell.split()) for cell in [*cells, *[""] * len(header)]), strict=False))
        row = {column: row[column] for column in COLUMNS} | {"row": number}
        if not row["quantity"]:
            raise PaperError(f"{path.name}, row {number}: quantity is blank, with {row['printed']!r} printed; name the quantity.")
        known = row["quantity"] in (*WORDS, "claim") or any(re.fullmatch(each, row["quantity"]) for each in _QUANTITIES)
        if not known:
            raise PaperError(f"{path.name}, row {number}: quantity {row['quantity']!r} is unknown; see the template for the names.")
        rows.append(row)
    return rows


def _groups(path: Path, rows: list[dict]) -> tuple[str, ...]:
    """One or two groups, in the order of the comparison where one is printed, else as they appear."""
    comparisons = {row["group"]: row["row"] for row in rows if _OF_A_COMPARISON.fullmatch(row["quantity"]) and row["group"]}
    seen = dict.fromkeys(row["group"] for row in rows if row["group"] and row["group"] not in comparisons and row["quantity"] not in WORDS)
    groups = tuple(seen)
    if len(groups) > 2:
        raise PaperError(f"{path.name}: {len(groups)} groups ({', '.join(groups)}); a summary holds one or two, so write one file for each pair.")
    if not groups:
        raise PaperError(f"{path.name}: no row names a group; write n, events and median with a group's name, even where there is one only.")
    if len(comparisons) > 1:
        raise PaperError(f"{path.name}: P and hazard ratio are given for {' and for '.join(comparisons)}; write the same comparison in each row.")
    for text, row in comparisons.items():
        pair = tuple(part.strip() for part in re.split(r"\s+vs\.?\s+", text))
        if len(pair) != 2 or set(pair) != set(groups) or len(groups) != 2:
            raise PaperError(f"{path.name}, row {row}: group {text!r} is no comparison of the groups {' and '.join(groups)}; write "
                             f"'{groups[0]} vs {groups[-1]}' for the ratio of the first to the second.")
        groups = pair
    if len(groups) == 1 and (lone := next((row for row in rows if _OF_A_COMPARISON.fullmatch(row["quantity"]) and row["printed"]), None)):
        raise PaperError(f"{path.name}, row {lone['row']}: {lone['quantity']} compares two groups, but only {groups[0]} has rows; add the other.")
    for row in rows:
        if row["quantity"].startswith("hazard_ratio") and row["printed"] and not row["group"]:
            raise PaperError(f"{path.name}, row {row['row']}: hazard_ratio does not say of whom; write '{groups[0]} vs {groups[-1]}' or the "
                             "reverse as its group.")
    return groups


def _figure(path: Path, row: dict, groups: tuple[str, ...]) -> Figure:
    quantity, printed = row["quantity"], row["printed"]
    group = "" if _OF_A_COMPARISON.fullmatch(quantity) else row["group"] or ("" if len(groups) > 1 else groups[0])
    where = f"{path.name}, row {row['row']}: {quantity}"
    if quantity.startswith(_IN_PERCENT):
        printed = printed.rstrip("% ")
    lower, upper = _values(where, quantity, printed)
    if (quantity in ("n", "events") or quantity.startswith("count.")) and (parse_printed(printed).decimals or lower < -0.5):
        raise PaperError(f"{where} is {printed}; a number of patients is a whole number from 0 on.")
    if quantity.startswith(_IN_PERCENT):
        if not (lower < 100 and upper > 0):
            raise PaperError(f"{where} is {printed}; a percentage lies between 0 and 100.")
        if 0 < upper <= 1.01 and len(printed.partition(".")[2]) > 1:
            raise PaperError(f"{where} is {printed}; write it in percent ({50 * (lower + upper):g}).")
    if quantity in ("p", "p.wald") and not (lower <= 1 and upper > 0):
        raise PaperError(f"{where} is {printed}; a P value lies between 0 and 1.")
    if quantity.startswith(("median", "follow_up", "hazard_ratio", "sd.", "mean_time")) and upper <= 0:
        raise PaperError(f"{where} is {printed}; it cannot be negative.")
    return Figure(quantity, group, printed, lower, upper, row["place"], row["note"], row["row"])


def _values(where: str, quantity: str, printed: str) -> tuple[float, float]:
    """The values that print so; a bound such as ``<0.001`` and a time not reached included."""
    if printed.lower() in NOT_REACHED:
        if not quantity.startswith(("median", "follow_up.reverse_median")):
            raise PaperError(f"{where} is {printed!r}; only a median and its limits can be not reached.")
        return math.inf, math.inf
    bound = re.fullmatch(r"([<>≤≥])=?\s*(\S+)", printed)
    if bound and not quantity.startswith(_MAY_BE_A_BOUND):
        raise PaperError(f"{where} is {printed!r}; only survival figures can be printed as a bound, so write the number or leave it blank.")
    try:
        figure = parse_printed(bound[2] if bound else printed)
    except LedgerError:
        raise PaperError(f"{where} is {printed!r}, which is no number; write it with a decimal point, as in 12.5, or leave it blank.") from None
    if figure.value > LARGEST_VALUE:
        raise PaperError(f"{where} is {printed[:20]}, which is larger than any figure of survival; check the row.")
    if bound:
        return (-math.inf, figure.value) if bound[1] in "<≤" else (figure.value, math.inf)
    lowest = -math.inf if quantity == "median.lower" and figure.value == 0 else figure.lower
    return lowest, figure.upper


def _refuse_what_cannot_be_searched(path: Path, summary: Summary) -> None:
    for group in summary.groups:
        n, events = summary.count("n", group), summary.count("events", group)
        if n is None:
            raise PaperError(f"{path.name}: group {group} has no n; write a row with its number of patients.")
        if not 2 <= n <= LARGEST_N:
            raise PaperError(f"{path.name}: n of {group} is {n}; the search is made for 2 to {LARGEST_N} patients in a group.")
        if events is not None and events > n:
            raise PaperError(f"{path.name}: events of {group} are {events} in {n} patients; there cannot be more events than patients.")
    if summary.count("events") is None and any(summary.count("events", group) is None for group in summary.groups):
        raise PaperError(f"{path.name}: events are missing; write how many patients of each group, or of all, had the event.")
    total = summary.count("events")
    if total is not None and total > sum(summary.count("n", group) for group in summary.groups):
        raise PaperError(f"{path.name}: events of all patients are {total}, more than the groups' patients together.")
