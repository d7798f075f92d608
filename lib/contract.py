"""What the five tables of a cohort must hold, and how a breach is reported.

Each column is described once, in ``CONTRACT``: readers check against it, the codebook is written
from it, and a pandera schema is built from it. Where a value is for the institution to choose
(treatments, primary sites, visits), only the project's own cohorts are held to the paper's words.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from lib.refusal import Refusal

if TYPE_CHECKING:
    import pandera.pandas as pandera

TABLES = ("patients", "treatments", "labs", "lesions", "adverse_events")
SHOWN_PER_KIND = 3
SHOWN_LETTERS = 60

DTYPES = {"text": "object", "number": "float64", "whole": "Int64", "truth": "boolean"}

STRUCTURE, UNREADABLE, OUT_OF_RANGE, CONTRADICTION, IMPLAUSIBLE = range(5)


@dataclass(frozen=True)
class Column:
    """One column of a table: its kind, its unit, and the values it may take.

    ``need`` is "filled" (the column must be there, without blanks), "column" (it must be there,
    cells may be blank) or "optional". ``allowed`` binds every cohort, ``ours`` only the project's.
    """

    name: str
    kind: str
    meaning: str
    unit: str = ""
    need: str = "optional"
    lower: float | None = None
    upper: float | None = None
    allowed: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    pattern: str = ""

    @property
    def required(self) -> bool:
        """True where a table without this column is refused."""
        return self.need != "optional"

    def values(self, invented: bool) -> tuple[str, ...]:
        """The words this column may hold, empty where any will do."""
        return self.allowed or (self.ours if invented else ())

    def expected(self, invented: bool = False) -> str:
        """What a cell should hold, as a phrase: "a whole number, 0 to 4, or blank"."""
        words = self.values(invented)
        if words:
            phrase = "one of " + ", ".join(words)
        elif self.kind == "truth":
            phrase = "true or false"
        elif self.kind == "text":
            phrase = f"text such as {self.pattern}" if self.pattern else "text"
        else:
            phrase = "a whole number" if self.kind == "whole" else "a number"
            phrase += f" of {self.unit}" if self.unit else ""
            phrase += self._range()
        return phrase if self.need == "filled" else f"{phrase}, or blank"

    def _range(self) -> str:
        if self.lower is not None and self.upper is not None:
            return f", {self.lower:g} to {self.upper:g}"
        if self.lower is not None:
            return f", {self.lower:g} or more"
        return ""


PATIENT = Column("patient", "text", "the patient's label, never a record number", need="filled")
VISIT = Column("visit", "text", "name of the visit", need="filled", ours=("baseline", "month_3"))
VISIT_DAY = Column("visit_day", "number", "day of the visit, from first treatment", "days",
                   lower=-3660, upper=36600)
TREATMENTS = ("DEB-TACE", "Y90", "ablation")
SITES = ("retroperitoneum", "pelvis", "extremities", "mesentery", "IVC", "head/neck", "unknown")

CONTRACT: dict[str, tuple[Column, ...]] = {
    "patients": (
        PATIENT,
        Column("age_years", "number", "age at first treatment", "years", lower=0, upper=120),
        Column("sex", "text", "sex", allowed=("female", "male")),
        Column("ecog", "whole", "ECOG performance status at baseline", lower=0, upper=4),
        Column("primary_site", "text", "site of the primary tumour", ours=SITES),
        Column("prior_chemotherapy", "truth", "chemotherapy before the first treatment"),
        Column("extrahepatic_disease", "truth", "disease outside the liver at first treatment"),
        Column("lobar_disease", "text", "liver lobes involved", allowed=("bilobar", "unilobar")),
        Column("n_liver_lesions", "whole", "liver metastases at baseline", "lesions", lower=1),
        Column("first_treatment", "text", "first liver-directed treatment", need="filled",
               ours=TREATMENTS),
        Column("os_diagnosis_months", "number", "diagnosis to death or last contact", "months",
               lower=0),
        Column("os_liver_metastasis_months", "number",
               "liver metastasis to death or last contact", "months", lower=0),
        Column("os_treatment_months", "number", "first treatment to death or last contact",
               "months", need="filled", lower=0),
        Column("died", "truth", "true for a death, false for a censored patient", need="filled"),
        Column("liver_pfs_months", "number", "first treatment to liver progression or censoring",
               "months", lower=0),
        Column("liver_progressed", "truth", "true for liver progression, false for censoring"),
        Column("second_treatment", "text", "a second kind of liver-directed treatment",
               ours=TREATMENTS),
        Column("prior_hepatic_metastasectomy", "truth", "liver metastases resected before"),
        Column("anticoagulated", "truth", "on anticoagulation (decides how INR is graded)"),
        Column("censoring_reason", "text", "why follow-up ended, blank for the dead"),
        Column("ascites", "text", "ascites at baseline", allowed=("none", "mild", "moderate")),
        Column("encephalopathy", "whole", "hepatic encephalopathy grade at baseline",
               lower=0, upper=4),
        Column("dialysis", "truth", "dialysis twice or more in the week before baseline"),
    ),
    "treatments": (
        PATIENT,
        Column("session", "whole", "number of the session, from 1", lower=1),
        Column("day", "number", "day of the session, first treatment being 0", "days",
               need="filled", lower=0, upper=36600),
        Column("treatment", "text", "treatment given", need="filled", ours=TREATMENTS),
        Column("lobe", "text", "lobe treated", ours=("right", "left")),
        Column("approach", "text", "how selective the catheter was", ours=("selective", "lobar")),
        Column("bead_size_um", "text", "range of bead diameters, um", pattern="70-150"),
        Column("doxorubicin_mg", "number", "doxorubicin given in the session", "mg", lower=0),
        Column("bead_volume_ml", "number", "volume of loaded beads", "mL", lower=0),
        Column("needle_gauge", "whole", "gauge of the ablation antenna", lower=1, upper=40),
        Column("margin_mm", "number", "smallest ablation margin", "mm", lower=0),
    ),
    "labs": (
        PATIENT, VISIT, VISIT_DAY,
        Column("analyte", "text", "what was measured", need="filled",
               ours=("albumin", "bilirubin", "inr", "alt", "ast", "alp", "creatinine",
                     "platelets", "sodium")),
        Column("value", "number", "the measurement, in the unit beside it", need="column", lower=0),
        Column("unit", "text", "unit of the value and of both limits", need="filled"),
        Column("lower_normal", "number", "lower limit of normal", lower=0),
        Column("upper_normal", "number", "upper limit of normal", lower=0),
    ),
    "lesions": (
        PATIENT, VISIT, VISIT_DAY,
        Column("lesion", "text", "label of the lesion within its patient", need="filled"),
        Column("longest_diameter_mm", "number", "longest diameter, 0 for a lesion gone", "mm",
               need="column", lower=0, upper=500),
        Column("viable_diameter_mm", "number", "longest enhancing diameter, liver lesions", "mm",
               lower=0, upper=500),
        Column("target", "truth", "a target lesion", need="filled"),
        Column("new", "truth", "new since baseline", need="filled"),
        Column("extrahepatic", "truth", "outside the liver", need="filled"),
        Column("node", "truth", "a lymph node, judged by its short axis"),
        Column("short_axis_mm", "number", "short axis of a node", "mm", lower=0, upper=500),
        Column("organ", "text", "organ the lesion lies in"),
        Column("unequivocal_progression", "truth", "unequivocal progression of a non-target"),
    ),
    "adverse_events": (
        PATIENT,
        Column("term", "text", "CTCAE term", need="filled"),
        Column("grade", "whole", "CTCAE grade", need="filled", lower=1, upper=5),
        Column("onset_day", "number", "day of onset, from first treatment", "days",
               lower=-3660, upper=36600),
        Column("relation", "text", "relation to the treatment",
               allowed=("related", "unrelated", "possibly")),
        Column("hospital_days", "number", "days in hospital", "days", lower=0, upper=3660),
    ),
}

KEYS = {
    "patients": ("patient",),
    "treatments": ("patient", "session"),
    "labs": ("patient", "visit", "analyte"),
    "lesions": ("patient", "visit", "lesion"),
    "adverse_events": (),
}


@dataclass(frozen=True)
class Problem:
    """One breach of the contract; ``row`` counts as a spreadsheet does, the header being row 1."""

    severity: int
    file: str
    row: int
    column: str
    value: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        place = f"row {self.row}" if self.row else "whole file"
        column = f", {_on_one_line(self.column)}" if self.column else ""
        value = f", {_on_one_line(self.value)}" if self.value else ""
        return f"{self.file}, {place}{column}{value}: expected {self.expected}; {self.remedy}."


class CohortError(Refusal, ValueError):
    """A cohort is not there or breaks the contract; ``problems`` lists each breach, worst first."""

    def __init__(self, sentence: str, problems: Iterable[Problem] = ()):
        self.problems = tuple(sorted(problems, key=_rank))
        super().__init__("\n".join([sentence, *_shown(self.problems)]))


def _on_one_line(value: str) -> str:
    """A value as it stands in the file, but short, on one line and without control characters."""
    shown = "".join(char if char.isprintable() else " " for char in value)
    return shown if len(shown) <= SHOWN_LETTERS else shown[:SHOWN_LETTERS] + "..."


def _rank(problem: Problem) -> tuple[int, int, str, int]:
    """Worst first, then the order of the tables; the files of an institution's export come after them."""
    table = problem.file.removesuffix(".csv")
    place = TABLES.index(table) if table in TABLES else len(TABLES)
    return problem.severity, place, problem.file, problem.row


def _shown(problems: tuple[Problem, ...]) -> list[str]:
    """One line a problem, repeats of one kind cut short after ``SHOWN_PER_KIND``."""
    lines, seen = [], {}
    for problem in problems:
        kind = (problem.severity, problem.file, problem.column, problem.expected)
        seen.setdefault(kind, []).append(problem)
    for kind, alike in seen.items():
        lines += [str(problem) for problem in alike[:SHOWN_PER_KIND]]
        more = len(alike) - SHOWN_PER_KIND
        if more > 0:
            lines.append(f"{kind[1]}, {more} more row{'s' if more > 1 else ''}, {kind[2]}: "
                         f"as above, expected {kind[3]}.")
    return lines


@cache
def schema(table: str, invented: bool = False) -> pandera.DataFrameSchema:
    """The pandera schema of one table.

    Parameters
    ----------
    table : str
        One of ``TABLES``.
    invented : bool
        True for the project's own cohorts, whose treatments, sites and visits are fixed too.

    Returns
    -------
    pandera.DataFrameSchema
        Columns with nullable dtypes (``Int64``, ``boolean``), ranges, words and blanks allowed.
    """
    # pandera takes about half a second to import; only a cohort that is read has to pay it
    import pandera.pandas as pa

    def checks(column: Column) -> list:
        words, made = column.values(invented), []
        if words:
            made.append(pa.Check.isin(words))
        if column.pattern:
            made.append(pa.Check.str_matches(r"^\d+-\d+$"))
        if column.lower is not None:
            made.append(pa.Check.ge(column.lower))
        if column.upper is not None:
            made.append(pa.Check.le(column.upper))
        return made

    return pa.DataFrameSchema({
        column.name: pa.Column(DTYPES[column.kind], checks(column), required=column.required,
                               nullable=column.need != "filled",
                               unique=KEYS[table] == (column.name,),
                               report_duplicates="exclude_first")
        for column in CONTRACT[table]
    }, name=table)


def breaches(table: str, frame: pd.DataFrame, invented: bool = False) -> list[Problem]:
    """Breaches of the schema by a typed frame, one problem a cell.

    Parameters
    ----------
    table : str
        One of ``TABLES``; ``frame`` holds its columns in the dtypes of ``schema``.
    """
    from pandera.errors import SchemaErrors

    try:
        with warnings.catch_warnings():
            # pandera joins its own lists of failures in a way that pandas will give up
            warnings.simplefilter("ignore", FutureWarning)
            schema(table, invented).validate(frame, lazy=True)
    except SchemaErrors as refusal:
        cases = refusal.failure_cases.dropna(subset=["index"])
    else:
        return []
    by_name = {column.name: column for column in CONTRACT[table]}
    found = {}
    for name, check, value, index in cases[["column", "check", "failure_case", "index"]].itertuples(
            index=False):
        found.setdefault((int(index), name),
                         _breach(table, by_name[name], check, value, int(index), invented))
    return list(found.values())


def _breach(table, column, check, value, index, invented) -> Problem:
    file, row = f"{table}.csv", index + 2
    if check == "not_nullable":
        return Problem(OUT_OF_RANGE, file, row, column.name, "blank", column.expected(invented),
                       "fill the cell or leave the row out")
    if check == "field_uniqueness":
        return Problem(CONTRADICTION, file, row, column.name, f'"{value}"',
                       "one row per patient", "merge the rows or give each patient its own label")
    words = column.values(invented)
    remedy = "use one of these words" if words else "check the value and its unit"
    shown = f'"{value}"' if column.kind == "text" else f"{value:g}"
    return Problem(OUT_OF_RANGE, file, row, column.name, shown, column.expected(invented), remedy)
