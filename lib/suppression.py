"""Counts of too few patients taken out of sentences, tables, figures and results, with what would give them back."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

COUNT_GID = "count"
"""What a figure's bare counts, such as numbers at risk, carry, so that they are told from the numbers of an axis."""
GONE = "suppressed"

_SHARE = re.compile(r"(?<![\d.,/<>])(\d[\d,]*)(/| of )(\d[\d,]*)(?![\d.,]*\d)(?:(?=/)|(\s*\([^()]*%[^()]*\))?)")
_COUNTED = re.compile(
    r"(?<![\d.,/])(?P<n>\d+)(?= (?:of the |more |other |new )?(?:patients?|deaths?|events?|died|censored|sessions?|lesions?|had|responded|who)\b)"
    r"|(?<=died )(?P<a>\d+)|(?<=censored )(?P<b>\d+)|(?<=\()(?P<c>\d+)(?=\))|(?<=: )(?P<d>\d+)(?=$|\n|;)")
_ADDING_UP = re.compile(r"died (\d+), censored (\d+)|(\d+) events?, (\d+) censored|(\d+) rose, (\d+) stayed, (\d+) fell")
_NO_COUNT = re.compile(
    r"\d in \**[<>]?\d+/|(?:[Gg]rades?(?: was)?|CTCAE|[Vv]ersions?|Tables?|Figures?|[Cc]hapters?|[Mm]onths?|month_|[Dd]ays?|[Vv]isits?|MELD|ECOG|[Ll]evels?|[Ss]eed|"
    r"at most|at least|exceed|beyond|above|below|within|over|under|power) \**\d[\d.,]*(?:(?: or | to | and |, |–|-)\d[\d.]*)*"
    r"|\d[\d.,]*\**(?: to \d[\d.,]*)?[ -]?(?:months?|days?|weeks?|years?|mm|mg|mL|%|times|points?|levels?|tests?|programs?|draws?)\b"
    r"|\d[\d,]*\.\d+|\d[\d,]*%|&#\d+;|</?\w[^>]*>|`[^`]*`|\]\([^)]*\)")
"""Numbers of a sentence that count nobody: names of standards, times, measurements, decimals, code and links."""
_BARE = re.compile(r"(?<![\w.,/<>&#-])\d+(?![\w/]|[.,]\d)")
_INTERVAL_OF_MASKED = re.compile(r"([<>]\d+(?:/| of )<?\d+[^.;()]{0,60}?) \(\d[\d.]*%[^()]*interval[^()]*\)")
"""What follows a masked share and was computed from it would give the share back."""
_WHOLE = re.compile(r"\d[\d,]*")
_ROWS_AT_RISK = 3
"""At risk, events and censored add up to the patients of a curve."""


def is_small(count: int, of: int | None, smallest: int) -> bool:
    """Whether a count, or what is left of its denominator, is of fewer patients than may be shown; nobody may be shown."""
    small = lambda number: 0 < number < smallest  # noqa: E731
    return small(count) or (of is not None and (small(of) or small(of - count)))


def in_place_of(count: int, of: int | None, smallest: int) -> str:
    """What is written for a small count: ``<5``, or where only what is left is small, that more had it (``>19`` of 24)."""
    return f"<{smallest}" if of is None or count < smallest else f">{of - smallest}"


def masked(text: str, smallest: int, bare: bool = False) -> str:
    """A sentence in which counts of too few patients read ``<5``.

    Parameters
    ----------
    text : str
        With shares as ``3/24 (12.5%)``, ``3 of 24``, or counts as ``3 patients``.
    smallest : int
        Smallest count that is shown.
    bare : bool
        Mask every other whole number below it, too, unless it is a grade, a time, a measurement or the like; for sentences, where
        a number alone may count patients, and not for an axis.

    Returns
    -------
    str
        The percentage beside a suppressed share goes with it. Counts that add up to a number known (died and censored) go together.
    """
    def share(match):
        count, of = (_number(match[i]) for i in (1, 3))
        if count > of or not is_small(count, of, smallest):
            return match[0]
        return f"{in_place_of(count, of, smallest)}{match[2]}{f'<{smallest}' if 0 < of < smallest else match[3]}"

    def adding_up(match):
        parts = {i: int(match[i]) for i in range(1, 8) if match[i] is not None}
        small = [i for i, part in parts.items() if is_small(part, None, smallest)]
        others = [i for i, part in parts.items() if i not in small and part]
        gone = {*small, min(others, key=parts.get)} if len(small) == 1 and others else set(small)
        shown = match[0]
        for i in sorted(gone, reverse=True):
            start, end = (at - match.start() for at in match.span(i))
            shown = f"{shown[:start]}{f'<{smallest}' if i in small else GONE}{shown[end:]}"
        return shown

    def count(match):
        return f"<{smallest}" if is_small(int(match[0]), None, smallest) else match[0]

    text = _INTERVAL_OF_MASKED.sub(r"\1", _SHARE.sub(share, _ADDING_UP.sub(adding_up, text)))
    text = _COUNTED.sub(count, text)
    if not bare:
        return text
    kept, shown = 0, []
    for safe in _NO_COUNT.finditer(text):
        shown += [_BARE.sub(count, text[kept:safe.start()]), safe[0]]
        kept = safe.end()
    return "".join([*shown, _BARE.sub(count, text[kept:])])


def suppressed(frame: pd.DataFrame, smallest: int, group: str | None = None, total: int | None = None) -> pd.DataFrame:
    """A table without counts of too few patients, and without what would give them back.

    Parameters
    ----------
    frame : DataFrame
        Cells as text (``3/24 (12.5%)``) or whole numbers.
    smallest : int
        Smallest count that is shown.
    group : str, optional
        Column whose values head blocks of rows, within which columns are added up.
    total : int, optional
        Patients of the cohort: a whole number that leaves too few of them is suppressed as well.

    Returns
    -------
    DataFrame of str and numbers
        A suppressed cell reads ``<5``, or ``>19`` where too few of 24 are left. Where one cell alone is suppressed in a row or in a
        column of a block, the smallest other count of that row or column goes too, marked ``suppressed``; so does what stands
        beside a suppressed share and was computed from it, such as its interval.

    References
    ----------
    Hundepool A et al. Statistical Disclosure Control, 2012, chapter 4 (primary and secondary suppression).
    """
    counts = frame.map(_count_of)
    for column in counts:
        if column == group or not _holds_counts(frame[column], column):
            counts[column] = None
    n = counts.map(lambda cell: None if cell is None else cell[0])
    hidden = counts.map(lambda cell: cell is not None and is_small(cell[0], cell[1] or total, smallest))
    blocks = frame[group] if group else pd.Series(0, index=frame.index)
    secondary = _secondary(n, hidden, blocks)
    primary = counts.map(lambda cell: None if cell is None else in_place_of(cell[0], cell[1] or total, smallest))
    shown = frame.astype(object).mask(hidden, primary).mask(secondary & ~hidden, GONE)
    return shown.mask(_computed_from(frame, counts, hidden | secondary), GONE)


def _computed_from(frame: pd.DataFrame, counts: pd.DataFrame, gone: pd.DataFrame) -> pd.DataFrame:
    """Cells with digits to the right of a share that is gone, up to the next count: its interval or percentage."""
    found = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for row in frame.index:
        share_is_gone = False
        for column in frame.columns:
            count = counts.at[row, column]
            if count is not None:
                share_is_gone = bool(gone.at[row, column]) and count[1] is not None
            elif share_is_gone and re.search(r"\d", str(frame.at[row, column])) and not re.search(r"months|mm\b|day", str(column)):
                found.at[row, column] = True
    return found


def _secondary(n: pd.DataFrame, hidden: pd.DataFrame, blocks: pd.Series) -> pd.DataFrame:
    """The cells that must go with the hidden ones, found row by row and column by column until nothing changes."""
    gone = hidden.copy()
    lines = [[(row, column) for column in n.columns] for row in n.index]
    lines += [[(row, column) for row in rows] for rows in blocks.groupby(blocks, sort=False).groups.values() for column in n.columns]
    changed = True
    while changed:
        changed = False
        for line in lines:
            if sum(bool(gone.at[cell]) for cell in line) != 1:
                continue
            others = [cell for cell in line if not gone.at[cell] and n.at[cell] is not None and n.at[cell] > 0]
            if others:
                gone.at[min(others, key=lambda cell: n.at[cell])] = changed = True
    return gone


def _holds_counts(cells: pd.Series, name: object) -> bool:
    """Whether a column counts people or events: shares, or whole numbers under a heading that is no measurement."""
    filled = [cell for cell in cells if not (cell is None or cell == "" or (isinstance(cell, float) and pd.isna(cell)))]
    measured = re.search(r"months|mm\b|version|grade of|P\b|ratio|day|SD\)|CTCAE$", str(name))
    return bool(filled) and all(_count_of(cell) is not None or not re.search(r"\d", str(cell)) or "/" in str(cell) or "(" in str(cell)
                                for cell in filled) and not measured


def _count_of(cell) -> tuple[int, int | None] | None:
    """Count and denominator of a cell, None where it holds no count."""
    if isinstance(cell, bool) or cell is None:
        return None
    text = str(cell).strip()
    if found := re.match(r"(\d[\d,]*)/(\d[\d,]*)", text):
        return _number(found[1]), _number(found[2])
    return (_number(text), None) if _WHOLE.fullmatch(text) else None


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def suppressed_quantities(quantities: dict[str, dict], smallest: int) -> dict[str, dict]:
    """Handed-on quantities without counts of too few patients, the percentages of the same stem, and the count that gives them back.

    Counts of one parent (``sex.male.count``, ``sex.female.count``) add up: where one alone is small, the smallest other goes too.
    """
    counts = {name.rpartition(".")[0]: int(entry["value"]) for name, entry in quantities.items()
              if name.endswith((".count", ".n")) and isinstance(entry["value"], (int, float))}
    small = {stem for stem, count in counts.items() if is_small(count, None, smallest)}
    families: dict[str, list[str]] = {}
    for stem in counts:
        families.setdefault(stem.rpartition(".")[0], []).append(stem)
    for stems in families.values():
        others = [stem for stem in stems if stem not in small and counts[stem]]
        if len(small & set(stems)) == 1 and others:
            small.add(min(others, key=counts.get))

    def shown(name, entry):
        stem, _, last = name.rpartition(".")
        if stem in small and last in ("count", "n", "percent", "lower", "upper", "estimate"):
            return {"value": None, "reason": f"suppressed: fewer than {smallest} patients, or what would give them back"}
        return entry | ({"observed": masked(entry["observed"], smallest)} if entry.get("observed") else {})

    return {name: shown(name, entry) for name, entry in quantities.items()}


def mask_figure(fig, smallest: int) -> None:
    """Mask counts of too few patients in a figure's texts: shares, counts in words, and numbers at risk."""
    from matplotlib.text import Text

    texts = fig.findobj(Text)
    numbers = [text for text in texts if text.get_gid() == COUNT_GID and _WHOLE.fullmatch(text.get_text().strip())]
    columns: dict[tuple, list] = {}
    for text in numbers:
        columns.setdefault((id(text.axes), round(text.get_position()[0], 6)), []).append(text)
    for column in columns.values():
        _mask_at_risk(sorted(column, key=lambda text: -text.get_position()[1]), smallest)
    for text in texts:
        if text.get_text() and text.get_gid() != COUNT_GID:
            text.set_text(masked(text.get_text(), smallest))


def _mask_at_risk(column: list, smallest: int) -> None:
    """Numbers under one tick: those at risk, with events and those censored below them, add up to the patients of the curve."""
    size = _ROWS_AT_RISK if len(column) % _ROWS_AT_RISK == 0 else 1
    for first in range(0, len(column), size):
        parts = column[first:first + size]
        values = [_number(text.get_text()) for text in parts]
        small = [i for i, value in enumerate(values) if is_small(value, None, smallest)]
        others = [i for i, value in enumerate(values) if value and i not in small]
        if len(small) == 1 and others and size > 1:
            parts[min(others, key=values.__getitem__)].set_text("–")
        for i in small:
            parts[i].set_text(f"<{smallest}")


def can_be_read_off(counts: Iterable[int], smallest: int) -> bool:
    """Whether a picture of these counts, as lengths or positions, shows one of too few patients."""
    return any(is_small(int(count), None, smallest) for count in counts)
