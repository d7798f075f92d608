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
from lib.suppression import can_be_read_off, mask_figure, masked, suppressed, suppressed_quantities

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
        # the labels of the other tables are those of patients.csv
        for found in identifying_columns(frame, allow if table == "patients" else allow | {"patient"}) if frame is not None else ():
            problems.append(Problem(CONTRADICTION, f"{table}.csv", 0 if found.position is None else found.position + 2, found.column, "",
                                    f"nothing like {found.looks_like}",
                                    f"replace or remove the column, or say --allow {found.column} if it is harmless"))
    if problems:
        raise CohortError("The cohort was not read, because it could tell who its patients are:", problems)
    for place in (Path(folder), Path(out)):
        refuse_tracked(place)
    return study


# -- publication -------------------------------------------------------------------------------------------

_SENTENCES = re.compile(r"(?<=[.!?])(?=\s)|(?=\n)")


@dataclass(frozen=True)
class Publication:
    """What is shown of a cohort where its chapters are to be published: counts that are large enough, and no single patient.

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
        """A text without small counts, and without the sentences that name a patient."""
        return masked("".join(part for part in _SENTENCES.split(text) if not self._names(part)).lstrip(), self.smallest, bare=True)

    def table(self, frame: pd.DataFrame, group: str | None = None) -> pd.DataFrame:
        """A table without small counts and without cells that name a patient."""
        unnamed = frame.map(lambda cell: "not shown" if isinstance(cell, str) and self._names(cell) else cell)
        return suppressed(unnamed, self.smallest, group, len(self.labels) or None)

    def headings(self, frame: pd.DataFrame) -> dict[str, str]:
        """The columns whose headings hold a small count, with the headings to show: ``Y90 (n = 3)``."""
        shown = {column: re.sub(r"(?<=n = )\d+", lambda n: f"<{self.smallest}" if 0 < int(n[0]) < self.smallest else n[0], str(column))
                 for column in frame.columns}
        return {column: heading for column, heading in shown.items() if heading != column}

    def reveals(self, counts: Iterable[int]) -> bool:
        """Whether small counts could be read off a picture of these."""
        return can_be_read_off(counts, self.smallest)

    def quantities(self, quantities: dict[str, dict]) -> dict[str, dict]:
        """Handed-on quantities without small counts."""
        return suppressed_quantities(quantities, self.smallest)

    def figure(self, fig) -> None:
        """Mask small counts in a figure's texts."""
        mask_figure(fig, self.smallest)

    def _names(self, text: str) -> bool:
        return any(pattern.search(text) for pattern in self._patterns)

    @cached_property
    def _patterns(self) -> list[re.Pattern]:
        """Labels as whole words, as written and as `lib.narrative.plain` escapes them."""
        from lib.narrative import plain  # narrative publishes through this module

        forms = sorted({form for label in self.labels for form in (label, plain(label))}, key=len, reverse=True)
        return [re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, forms)) + r")(?!\w)")] if forms else []
