"""What protects the patients of a reader's own cohort: refusals before a run, and suppression before publication."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from lib.cohort import Cohort, read_cohort
from lib.contract import CONTRADICTION, TABLES, CohortError, Problem
from lib.intake.identifying import identifying_columns
from lib.intake.output import refuse_tracked

_SHARE = re.compile(r"(?<![\d.,/])(\d[\d,]*)(/| of )(\d[\d,]*)(?![\d.,]*\d)(?:(?=/)|(\s*\([^()]*%[^()]*\))?)")
_COUNTED = re.compile(
    r"(?<![\d.,/])(?P<n>\d+)(?= (?:of the |more |other |new )?(?:patients?|deaths?|events?|died|censored|sessions?|lesions?|had|responded|who)\b)"
    r"|(?<=died )(?P<a>\d+)|(?<=censored )(?P<b>\d+)|(?<=\()(?P<c>\d+)(?=\))|(?<=: )(?P<d>\d+)(?=$|\n|;)")
_WHOLE = re.compile(r"\d[\d,]*")


def admit(folder: str | Path, out: Path, allow: Iterable[str] = ()) -> Cohort:
    """A cohort that may be analysed into an output folder.

    Parameters
    ----------
    folder : str or Path
        The cohort.
    out : Path
        Where the run will write.
    allow : iterable of str
        Columns that look identifying and are not.

    Returns
    -------
    Cohort

    Raises
    ------
    CohortError
        Where the cohort breaks the contract, a column looks like an identifier, or version control could
        pick up the cohort or the pages.
    """
    study = read_cohort(folder)
    allow, problems = set(allow), []
    for table in TABLES:
        frame = getattr(study, table)
        for found in identifying_columns(frame, allow) if frame is not None else ():
            problems.append(Problem(CONTRADICTION, f"{table}.csv", 0 if found.position is None else found.position + 2, found.column, "",
                                    f"nothing like {found.looks_like}",
                                    f"replace or remove the column, or say --allow {found.column} if it is harmless"))
    if problems:
        raise CohortError("The cohort was not read, because it could tell who its patients are:", problems)
    for place in (Path(folder), Path(out)):
        refuse_tracked(place)
    return study


# -- suppression -------------------------------------------------------------------------------------------


def is_small(count: int, of: int | None, smallest: int) -> bool:
    """Whether a count, or what is left of its denominator, is of fewer patients than may be shown; nobody may be shown."""
    small = lambda number: 0 < number < smallest  # noqa: E731
    return small(count) or (of is not None and (small(of) or small(of - count)))


def masked(text: str, smallest: int) -> str:
    """A sentence in which counts of too few patients read ``<5``.

    Parameters
    ----------
    text : str
        With shares as ``3/24 (12.5%)``, ``3 of 24``, or counts as ``3 patients``.
    smallest : int
        Smallest count that is shown.

    Returns
    -------
    str
        The percentage beside a suppressed share goes with it.
    """
    def share(match):
        count, of = (_number(match[i]) for i in (1, 3))
        return f"<{smallest}{match[2]}{match[3]}" if is_small(count, of, smallest) and count <= of else match[0]

    def count(match):
        return f"<{smallest}" if is_small(int(match[0]), None, smallest) else match[0]

    return _COUNTED.sub(count, _SHARE.sub(share, text))


def suppressed(frame: pd.DataFrame, smallest: int, group: str | None = None) -> pd.DataFrame:
    """A table without counts of too few patients, and without what would give them back by subtraction.

    Parameters
    ----------
    frame : DataFrame
        Cells as text (``3/24 (12.5%)``) or whole numbers.
    smallest : int
        Smallest count that is shown.
    group : str, optional
        Column whose values head blocks of rows, within which columns are added up.

    Returns
    -------
    DataFrame of str and numbers
        A suppressed cell reads ``<5``. Where one cell alone is suppressed in a row or in a column of a block, the
        smallest other count of that row or column goes too, marked ``suppressed``.

    References
    ----------
    Hundepool A et al. Statistical Disclosure Control, 2012, chapter 4 (primary and secondary suppression).
    """
    counts = frame.map(_count_of)
    for column in counts:
        if column == group or not _holds_counts(frame[column], column):
            counts[column] = None
    n = counts.map(lambda cell: None if cell is None else cell[0])
    hidden = counts.map(lambda cell: cell is not None and is_small(*cell, smallest))
    blocks = frame[group] if group else pd.Series(0, index=frame.index)
    secondary = _secondary(n, hidden, blocks)
    shown = frame.astype(object).mask(hidden, f"<{smallest}")
    return shown.mask(secondary & ~hidden, "suppressed")


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
    measured = re.search(r"months|mm\b|version|grade of|P\b|ratio|day|SD|CTCAE$", str(name))
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
    """Handed-on quantities without counts of too few patients, nor the percentages of the same stem."""
    small = {name.rpartition(".")[0] for name, entry in quantities.items()
             if name.endswith((".count", ".n")) and isinstance(entry["value"], (int, float)) and is_small(int(entry["value"]), None, smallest)}

    def shown(name, entry):
        stem, _, last = name.rpartition(".")
        if stem in small and last in ("count", "n", "percent", "lower", "upper", "estimate"):
            return {"value": None, "reason": f"suppressed: fewer than {smallest} patients"}
        return entry | ({"observed": masked(entry["observed"], smallest)} if entry.get("observed") else {})

    return {name: shown(name, entry) for name, entry in quantities.items()}


@dataclass(frozen=True)
class Publication:
    """What is shown of a cohort where its chapters are to be published.

    Attributes
    ----------
    smallest : int
        Smallest count that is shown.
    labels : tuple of str
        The patients' labels, none of which is shown.

    Raises
    ------
    CohortError
        Where labels are mere numbers, which in a sentence could not be told from a result.
    """

    smallest: int
    labels: tuple[str, ...] = ()

    def __post_init__(self):
        bare = next((label for label in self.labels if re.fullmatch(r"[\d.,]+", label)), None)
        if bare is not None:
            raise CohortError(f'patients.csv, patient, "{bare}": expected labels such as P{bare} where counts are to be published, since a '
                              "mere number in a sentence cannot be told from a result; put a letter before each label in every table.")

    @property
    def note(self) -> str:
        """The footnote of every table."""
        return f"Counts below {self.smallest}, and those that would give them back, are suppressed."

    def sentence(self, text: str) -> str:
        """A sentence without small counts and without a patient's label."""
        return masked(self._unnamed(text), self.smallest)

    def table(self, frame: pd.DataFrame, group: str | None = None) -> pd.DataFrame:
        """A table without small counts and without a patient's label."""
        return suppressed(frame.map(lambda cell: self._unnamed(cell) if isinstance(cell, str) else cell), self.smallest, group)

    def quantities(self, quantities: dict[str, dict]) -> dict[str, dict]:
        """Handed-on quantities without small counts."""
        return suppressed_quantities(quantities, self.smallest)

    def figure(self, fig) -> None:
        """Mask small counts in a figure's texts."""
        mask_figure(fig, self.smallest)

    def _unnamed(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub("a patient", text)
        return text

    @cached_property
    def _patterns(self) -> list[re.Pattern]:
        """Labels as whole words, as written and as `lib.narrative.plain` escapes them."""
        from lib.narrative import plain  # narrative publishes through this module

        forms = sorted({form for label in self.labels for form in (label, plain(label))}, key=len, reverse=True)
        return [re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, forms)) + r")(?!\w)")] if forms else []


def mask_figure(fig, smallest: int) -> None:
    """Mask counts of too few patients in a figure's texts: shares, counts in words, and numbers at risk."""
    from matplotlib.text import Text

    for text in fig.findobj(Text):
        if text.get_gid() == COUNT_GID and _WHOLE.fullmatch(text.get_text().strip()):
            text.set_text(f"<{smallest}" if is_small(_number(text.get_text()), None, smallest) else text.get_text())
        elif text.get_text():
            text.set_text(masked(text.get_text(), smallest))


COUNT_GID = "count"
"""What a figure's bare counts, such as numbers at risk, carry, so that they are told from the numbers of an axis."""
