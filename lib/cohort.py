"""A cohort: five tables read from a folder, checked against the contract, ready for the chapters.

Only ``patients.csv`` is required, with ``patient``, ``first_treatment``, ``os_treatment_months``
and ``died``. All else is optional, but checked where it is present: a chapter asks
``Cohort.lacking`` and leaves out what it cannot compute.
"""

from __future__ import annotations

import csv
import difflib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lib import ADMITTED, CHECKED
from lib.cohort_files import WORDS_FOR_MISSING, looked_up, read_any_parquet, read_clean, read_trusted, table_files
from lib.contract import (
    CONTRADICTION,
    CONTRACT,
    DTYPES,
    IMPLAUSIBLE,
    KEYS,
    STRUCTURE,
    TABLES,
    UNREADABLE,
    CohortError,
    Column,
    Problem,
    breaches,
)
from lib.intake.identifying import cap_ages
from lib.kept import handed_over, kept

__all__ = ["Cohort", "CohortError", "DAYS_PER_MONTH", "build_cohort", "read_cohort"]

DATA = Path(__file__).resolve().parents[1] / "data"
INVENTED_COHORTS = ("reference",)
"""Folders under ``data/`` whose patients were made up; any other cohort counts as real people."""

DAYS_PER_MONTH = 30.4375
LONGEST_PLAUSIBLE_MONTHS = 600.0
"""Fifty years of follow-up after a liver-directed treatment: beyond it, months are taken for days."""

ROUNDING_DAYS = 2.0
"""Months kept to one decimal move a death by up to 1.5 days, so later visits get this leeway."""



@dataclass(frozen=True)
class Cohort:
    """The tables of one cohort; a table that was not given is None.

    Attributes
    ----------
    name : str
        Name of the folder.
    patients : DataFrame, shape (n_patients, n_columns)
        One row per patient. Booleans are ``bool``, or nullable ``boolean`` where a cell is blank.
    treatments, labs, lesions, adverse_events : DataFrame or None
        One row per session, measurement, lesion at a visit, and event.
    invented : bool
        True only for the project's own made-up cohorts.
    """

    name: str
    patients: pd.DataFrame
    treatments: pd.DataFrame | None = None
    labs: pd.DataFrame | None = None
    lesions: pd.DataFrame | None = None
    adverse_events: pd.DataFrame | None = None
    invented: bool = False

    @property
    def n_patients(self) -> int:
        """Number of patients, the denominator "treated"."""
        return len(self.patients)

    def lacking(self, *needs: str) -> tuple[str, ...]:
        """Those of ``needs`` ("labs", "patients.ecog") that the cohort does not hold.

        A column counts as lacking where it is absent or wholly blank; a table, where it is absent.
        """
        def absent(need: str) -> bool:
            table, _, column = need.partition(".")
            frame = getattr(self, table)
            if frame is None or not column:
                return frame is None
            return column not in frame or not frame[column].notna().any()

        return tuple(need for need in needs if absent(need))


def read_cohort(name_or_path: str | Path, tables: tuple[str, ...] = TABLES, without: tuple[str, ...] = ()) -> Cohort:
    """Read a cohort by its name under ``data/`` or by the path of its folder.

    Parameters
    ----------
    name_or_path : str or Path
        "reference", or a folder with ``patients.csv`` and any of the other four tables; each may be Parquet instead of CSV.
    tables : tuple of str
        Tables wanted. All are read and checked all the same, unless the run that asks has checked the cohort already.
    without : tuple of str
        Columns ("labs.upper_normal") that the caller makes no use of: where the run has checked a large cohort, they are not read.

    Returns
    -------
    Cohort
        Tables typed and checked.

    Raises
    ------
    CohortError
        With every problem of every table in one message, worst first, one line each.
    """
    folder = _folder(name_or_path)
    if os.environ.get(ADMITTED) == str(folder) and (checked := _read_admitted(folder, tables, without) or _read_checked(tables)):
        return checked
    problems: list[Problem] = []
    texts, clean, files = {}, {}, {}
    invented = _is_invented(folder)
    for table in TABLES:
        found = table_files(folder, table)
        if len(found) > 1:
            problems.append(Problem(STRUCTURE, found[0].name, 0, "", "there twice", f"{found[0].name} or {found[1].name}", "remove one of the two"))
        if not found:
            continue
        path = files[table] = found[0]
        frame = read_clean(path, table, invented)
        if frame is not None:
            clean[table] = frame
        else:
            texts[table] = _read_text(path, problems) if path.suffix == ".csv" else _read_parquet(path, problems)
    if not files.keys() & {"patients"}:
        problems.append(Problem(STRUCTURE, "patients.csv", 0, "", "missing", "one row per patient",
                                f"put patients.csv into {folder}"))
    try:
        study = _checked(folder.name, texts, problems, invented, clean) if problems or clean else _checked_texts(folder.name, texts, invented)
    except CohortError as error:
        raise CohortError(str(error).partition("\n")[0], _in_their_files(error.problems, files)) from None
    return replace(study, **{table: None for table in TABLES[1:] if table not in tables})


def _read_admitted(folder: Path, tables: tuple[str, ...], without: tuple[str, ...]) -> Cohort | None:
    """The tables wanted of a cohort that this run has checked, without checking them again; None where they are small."""
    typed, labels = {}, None
    for table in ("patients", *tables):
        for path in table_files(folder, table):
            wanted = tuple(column.name for column in CONTRACT[table] if f"{table}.{column.name}" not in without)
            frame = read_trusted(path, table, wanted, labels)
            if frame is None:
                return None
            labels = pd.Index(frame["patient"]) if table == "patients" else labels
            typed[table] = frame
    return _settle(folder.name, typed, _is_invented(folder), labels) if "patients" in typed else None


def _read_checked(tables: tuple[str, ...]) -> Cohort | None:
    """The tables wanted of a cohort that this run has checked and kept; None where it has kept none."""
    if not (file := os.environ.get(CHECKED)) or (study := handed_over(file)) is None:
        return None
    return replace(study, **{table: None for table in TABLES[1:] if table not in tables})


def _in_their_files(problems, files: dict[str, Path]) -> list[Problem]:
    """Problems under the names of the files read; Parquet has no header row."""
    parquet = {f"{table}.csv": path.name for table, path in files.items() if path.suffix == ".parquet"}
    return [replace(problem, file=parquet[problem.file], row=max(problem.row - 1, 0)) if problem.file in parquet else problem
            for problem in problems]


def _read_parquet(path: Path, problems: list[Problem]) -> pd.DataFrame:
    """A Parquet file as it stands; what cannot be read at all is reported."""
    try:
        return read_any_parquet(path)
    except (OSError, ValueError) as trouble:
        problems.append(Problem(STRUCTURE, f"{path.stem}.csv", 0, "", "unreadable", "Parquet", f"save it again ({trouble})"))
        return pd.DataFrame()


def build_cohort(name: str, patients: pd.DataFrame, treatments: pd.DataFrame | None = None,
                 labs: pd.DataFrame | None = None, lesions: pd.DataFrame | None = None,
                 adverse_events: pd.DataFrame | None = None, invented: bool = False) -> Cohort:
    """A cohort from frames, held to the same contract as files.

    Parameters
    ----------
    name : str
        Name shown in messages and on pages.
    patients, treatments, labs, lesions, adverse_events : DataFrame or None
        As read from the files, typed or as text.
    invented : bool
        True holds the frames to the paper's treatments, sites and visits.

    Raises
    ------
    CohortError
        As ``read_cohort``; rows are numbered as if the frame had been saved as CSV.
    """
    given = zip(TABLES, (patients, treatments, labs, lesions, adverse_events), strict=True)
    tables = {table: frame.reset_index(drop=True) for table, frame in given if frame is not None}
    return _checked(name, tables, [], invented)


def is_ours(name_or_path: str | Path) -> bool:
    """True for the project's own invented cohorts; any other counts as real people, and so does one that is not there."""
    try:
        return _is_invented(_folder(name_or_path))
    except CohortError:
        return False


def _folder(name_or_path: str | Path) -> Path:
    for folder in (DATA / name_or_path, Path(name_or_path).expanduser()):
        if folder.is_dir():
            return folder.resolve()
    known = sorted(path.parent.name for path in DATA.glob("*/patients.csv"))
    raise CohortError(
        f'No cohort "{name_or_path}": it is neither a folder under data/ '
        f'(there: {", ".join(known) or "none"}) nor a path to a folder with patients.csv.')


def _is_invented(folder: Path) -> bool:
    return folder.parent == DATA and folder.name in INVENTED_COHORTS


def _read_text(path: Path, problems: list[Problem]) -> pd.DataFrame:
    """All cells of a CSV file as text; rows of the wrong length are reported and left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream, strict=True)]
    except (UnicodeDecodeError, csv.Error) as trouble:
        problems.append(Problem(STRUCTURE, path.name, 0, "", "unreadable", "CSV in UTF-8",
                                f"save it again as CSV UTF-8 ({trouble})"))
        return pd.DataFrame()
    while rows and not any(rows[-1]):
        rows.pop()
    if not rows:
        problems.append(Problem(STRUCTURE, path.name, 0, "", "empty", "a header and rows",
                                "fill the file or remove it"))
        return pd.DataFrame()
    header = rows[0]
    if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
        problems.append(Problem(STRUCTURE, path.name, 1, "", "one column", "commas between columns",
                                "save it as comma-separated, with points as decimal signs"))
        return pd.DataFrame()
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            problems.append(Problem(STRUCTURE, path.name, number, "", f"{len(row)} cells",
                                    f"{len(header)} cells, as the header has",
                                    "quote cells that hold a comma and drop blank lines"))
    if problems and any(p.file == path.name for p in problems):
        return pd.DataFrame(columns=header)
    return pd.DataFrame(rows[1:], columns=header, dtype=object)


@kept
def _checked_texts(name: str, tables: dict[str, pd.DataFrame], invented: bool) -> Cohort:
    return _checked(name, tables, [], invented)


def _checked(name: str, tables: dict[str, pd.DataFrame], problems: list[Problem],
             invented: bool, clean: dict[str, pd.DataFrame] | None = None) -> Cohort:
    """Typed tables as a ``Cohort``; all problems found on the way raised together.

    ``clean`` holds tables in their types, of which nothing but agreement with the others is left to check.
    """
    broken = {problem.file.removesuffix(".csv") for problem in problems}
    typed = dict(clean or {})
    for table, frame in tables.items():
        if table not in broken:
            problems += _header_problems(table, frame)
            typed[table] = _typed(table, frame, problems, invented)
    problems += contradictions(typed)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise CohortError(f'Cohort "{name}" was not read, {count}:', problems)
    return _settle(name, typed, invented)


def _settle(name: str, typed: dict[str, pd.DataFrame], invented: bool, labels: pd.Index | None = None) -> Cohort:
    settled = {table: _settled(frame) for table, frame in typed.items()}
    labels = pd.Index(settled["patients"]["patient"]) if labels is None else labels
    settled = {table: _sharing(frame, labels) for table, frame in settled.items()}
    if not invented and "age_years" in settled["patients"]:
        settled["patients"]["age_years"] = cap_ages(settled["patients"]["age_years"])
    return Cohort(name=name, invented=invented, **settled)


def _sharing(frame: pd.DataFrame, labels: pd.Index) -> pd.DataFrame:
    """The frame with the one list of patients of all long tables, which need not be kept, and compared at every step, by the million."""
    cells = frame["patient"]
    if isinstance(cells.dtype, pd.CategoricalDtype) and cells.cat.categories is not labels:
        frame["patient"] = cells.cat.set_categories(labels)
    return frame


def _header_problems(table: str, frame: pd.DataFrame) -> list[Problem]:
    """Columns that are missing, doubled or not in the contract."""
    file, known = f"{table}.csv", [column.name for column in CONTRACT[table]]
    found = []
    for column in CONTRACT[table]:
        if column.required and column.name not in frame:
            found.append(Problem(STRUCTURE, file, 1, column.name, "missing",
                                 f"a column with {column.expected()}",
                                 f"add the column ({column.meaning})"))
    for doubled in sorted(set(frame.columns[frame.columns.duplicated()])):
        found.append(Problem(STRUCTURE, file, 1, str(doubled), "given twice", "each column once",
                             "remove one of the two"))
    for stray in [str(column) for column in frame.columns if column not in known]:
        near = difflib.get_close_matches(stray.lower(), known, n=1, cutoff=0.75)
        remedy = f"rename it to {near[0]}" if near else "remove it, or see the codebook for names"
        found.append(Problem(STRUCTURE, file, 1, stray, "unknown column",
                             "only columns of the contract", remedy))
    if table == "patients" and frame.empty and not found:
        found.append(Problem(STRUCTURE, file, 0, "", "no rows", "at least one patient",
                             "add one row per patient"))
    return found


def _typed(table: str, frame: pd.DataFrame, problems: list[Problem], invented: bool) -> pd.DataFrame:
    """The frame in the schema's dtypes; unreadable cells and breaches are added to ``problems``."""
    frame = frame.loc[:, ~frame.columns.duplicated()]
    columns = [column for column in CONTRACT[table] if column.name in frame]
    unreadable = []
    typed = pd.DataFrame({column.name: _converted(table, column, frame[column.name], unreadable)
                          for column in columns}, index=frame.index)
    told = {(problem.row, problem.column) for problem in unreadable}
    problems += unreadable
    problems += [problem for problem in breaches(table, typed, invented)
                 if (problem.row, problem.column) not in told]
    return typed


def _converted(table: str, column: Column, cells: pd.Series, problems: list[Problem]) -> pd.Series:
    """One column in its dtype, unreadable cells reported and left missing."""
    cells = cells.astype(object).where(cells.notna() & (cells.astype(str).str.strip() != ""), None)
    text = cells.map(str, na_action="ignore")
    missing_word = text.str.lower().isin(WORDS_FOR_MISSING)
    if column.kind == "text":
        result, bad = text, missing_word
    elif column.kind == "truth":
        result = text.str.lower().map({"true": True, "false": False})
        bad = text.notna() & result.isna()
    else:
        result = pd.to_numeric(text, errors="coerce")
        result = result.where(np.isfinite(result.astype(float)))
        bad = text.notna() & result.isna()
        if column.kind == "whole":
            bad |= result.notna() & ((result != result.round()) | (result.abs() >= 2.0**53))  # no double holds each larger one
    for index in text.index[bad]:
        problems.append(Problem(UNREADABLE, f"{table}.csv", int(index) + 2, column.name,
                                f'"{text[index]}"', column.expected(),
                                _remedy(column, text[index], missing_word[index])))
    return result.where(~bad, None).astype(DTYPES[column.kind])


def _remedy(column: Column, text: str, is_missing_word: bool) -> str:
    if is_missing_word:
        return "leave a missing cell blank"
    if column.kind == "truth":
        return "write true or false in words"
    if text.count(",") == 1 and text.replace(",", "").lstrip("-").isdigit():
        return "write the decimal sign as a point"
    if text[:1] in "<>" and len(text) > 1:
        return "write the limit itself as a number"
    return "write digits only, without a unit"


def _settled(frame: pd.DataFrame) -> pd.DataFrame:
    """Plain ``bool`` and ``int64`` where nothing is missing; blank text becomes NaN."""
    plain = {"boolean": "bool", "Int64": "int64"}
    settled = {}
    for name, cells in frame.items():
        if str(cells.dtype) in plain and not cells.isna().any():
            cells = cells.astype(plain[str(cells.dtype)])
        elif cells.dtype == object:
            cells = cells.where(cells.notna(), np.nan)
        settled[name] = cells
    return pd.DataFrame(settled, index=frame.index, copy=False)  # `frame` is not used any more


# Checks between columns and between tables. Each returns problems; rows with a missing value
# on either side are never contradictory.


def contradictions(tables: dict[str, pd.DataFrame]) -> list[Problem]:
    """Problems no single column shows: clocks, deaths, patients and lesions that disagree.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Typed tables; one that lacks a required column is left out of the comparison.
    """
    tables = {table: frame for table, frame in tables.items()
              if all(column.name in frame for column in CONTRACT[table] if column.required)}
    if "patients" not in tables:
        return []
    found = _patients_disagree(tables["patients"])
    found += _months_look_like_days(tables["patients"])
    for table, frame in tables.items():
        found += _repeated_keys(table, frame)
        if table != "patients":
            found += _unknown_patients(table, frame, tables["patients"])
            found += _after_last_contact(table, frame, tables["patients"])
    if "treatments" in tables:
        found += _sessions_disagree(tables["treatments"], tables["patients"])
    if "labs" in tables:
        found += _limits_disagree(tables["labs"])
    if "lesions" in tables:
        found += _lesions_disagree(tables["lesions"], tables["patients"])
    if "adverse_events" in tables:
        found += _fatal_events_of_the_living(tables["adverse_events"], tables["patients"])
    return found


def _report(table: str, frame: pd.DataFrame, wrong: pd.Series, column: str, expected: str,
            remedy: str) -> list[Problem]:
    """A contradiction for each row where ``wrong`` holds; missing comparisons are no contradiction."""
    rows = frame.index[wrong.fillna(False).astype(bool)]
    return [Problem(CONTRADICTION, f"{table}.csv", int(index) + 2, column,
                    _shown_value(frame.at[index, column]), expected, remedy) for index in rows]


def _shown_value(value) -> str:
    if pd.isna(value):
        return "blank"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column, or missing values where the frame lacks it."""
    return frame[name] if name in frame else pd.Series(np.nan, frame.index)


def _patients_disagree(patients: pd.DataFrame) -> list[Problem]:
    found = []
    for outer, inner in (("os_diagnosis_months", "os_liver_metastasis_months"),
                         ("os_liver_metastasis_months", "os_treatment_months"),
                         ("os_diagnosis_months", "os_treatment_months"),
                         ("os_treatment_months", "liver_pfs_months")):
        if {outer, inner} <= set(patients):
            later = patients[inner] > patients[outer] + 1e-9
            found += _report("patients", patients, later, inner, f"no more than {outer}",
                             "check both times: the longer clock starts earlier or ends later")
    died = _column(patients, "died").astype("boolean")
    if "censoring_reason" in patients:
        found += _report("patients", patients, died & patients["censoring_reason"].notna(),
                         "censoring_reason", "blank for a patient who died",
                         "clear the reason or correct died")
    if {"liver_pfs_months", "liver_progressed"} <= set(patients):
        half = patients["liver_pfs_months"].isna() != patients["liver_progressed"].isna()
        found += _report("patients", patients, half, "liver_progressed",
                         "a value exactly where liver_pfs_months has one", "fill or clear both")
    if "second_treatment" in patients:
        same = patients["second_treatment"] == patients["first_treatment"]
        found += _report("patients", patients, same, "second_treatment",
                         "a treatment other than the first, or blank", "list repeats as sessions")
    if {"age_years", "os_diagnosis_months"} <= set(patients):
        before = patients["os_diagnosis_months"] - patients["os_treatment_months"]
        found += _report("patients", patients, before > 12 * (patients["age_years"] + 1),
                         "os_diagnosis_months", "a diagnosis after birth",
                         "check that times are months, not days")
    return found


def _months_look_like_days(patients: pd.DataFrame) -> list[Problem]:
    """A clock after treatment that runs for half a century is in days."""
    found = []
    for column in ("os_treatment_months", "liver_pfs_months"):
        longest = _column(patients, column).astype("float64").max()
        if longest > LONGEST_PLAUSIBLE_MONTHS:
            found.append(Problem(
                IMPLAUSIBLE, "patients.csv", int(patients[column].idxmax()) + 2, column,
                f"{longest:g}", f"months, at most {LONGEST_PLAUSIBLE_MONTHS:g}",
                f"if the column is in days, divide it by {DAYS_PER_MONTH} "
                f"({longest:g} days are {longest / DAYS_PER_MONTH:.1f} months)"))
    return found


def _repeated_keys(table: str, frame: pd.DataFrame) -> list[Problem]:
    keys = list(KEYS[table])
    if len(keys) < 2 or not set(keys) <= set(frame):
        return []
    repeated = frame[keys].notna().all(axis=1) & frame.duplicated(keys)
    return _report(table, frame, repeated, keys[-1], "one row per " + ", ".join(keys),
                   "remove the repeated row or label it apart")


def _unknown_patients(table: str, frame: pd.DataFrame, patients: pd.DataFrame) -> list[Problem]:
    unknown = frame["patient"].notna() & ~frame["patient"].isin(patients["patient"])
    return _report(table, frame, unknown, "patient", "a patient of patients.csv",
                   "correct the label or add the patient")


def _of_patient(frame: pd.DataFrame, patients: pd.DataFrame, column: str) -> pd.Series:
    """A patient's value beside each row of another table; missing where patients are not unique."""
    if column not in patients:
        return pd.Series(np.nan, frame.index)
    return looked_up(frame["patient"], patients.drop_duplicates("patient").set_index("patient")[column])


def _after_last_contact(table: str, frame: pd.DataFrame, patients: pd.DataFrame) -> list[Problem]:
    day = next((name for name in ("visit_day", "day", "onset_day") if name in frame), None)
    if day is None:
        return []
    last_day = _of_patient(frame, patients, "os_treatment_months").astype(float) * DAYS_PER_MONTH
    return _report(table, frame, frame[day] > last_day + ROUNDING_DAYS, day,
                   "a day before the patient's death or last contact",
                   "check the day here and os_treatment_months in patients.csv")


def _sessions_disagree(treatments: pd.DataFrame, patients: pd.DataFrame) -> list[Problem]:
    stated = _of_patient(treatments, patients, "first_treatment")
    # two treatments on one day are told apart by the session number
    order = [name for name in ("day", "session") if name in treatments]
    opening = treatments.sort_values(order, kind="stable").drop_duplicates("patient").index
    is_opening = pd.Series(treatments.index.isin(opening), treatments.index)
    found = _report("treatments", treatments, is_opening & (treatments["day"] != 0), "day",
                    "0 for a patient's first session", "count days from the first treatment")
    found += _report("treatments", treatments,
                     is_opening & stated.notna() & (treatments["treatment"].astype(object) != stated),
                     "treatment", "first_treatment of patients.csv in the first session",
                     "correct one of the two")
    if "second_treatment" in patients:
        second = _of_patient(treatments, patients, "second_treatment")
        other = stated.notna() & (treatments["treatment"].astype(object) != stated)
        found += _report("treatments", treatments, other & ~is_opening & second.isna(),
                         "treatment", "second_treatment of patients.csv to name it",
                         "fill second_treatment or correct the session")
        given = treatments[["patient", "treatment"]].astype(object).drop_duplicates().assign(given=True)
        asked = patients[["patient", "second_treatment"]].astype(object).set_axis(["patient", "treatment"], axis=1)
        had = asked.merge(given, how="left")["given"].notna().to_numpy()
        never = pd.Series(asked["treatment"].notna().to_numpy() & asked["patient"].isin(treatments["patient"]).to_numpy() & ~had,
                          patients.index)
        found += _report("patients", patients, never, "second_treatment",
                         "a treatment among the patient's sessions", "add the session or clear it")
    return found


def _limits_disagree(labs: pd.DataFrame) -> list[Problem]:
    if not {"lower_normal", "upper_normal"} <= set(labs):
        return []
    return _report("labs", labs, labs["lower_normal"] >= labs["upper_normal"], "upper_normal",
                   "more than lower_normal", "check both limits")


def _lesions_disagree(lesions: pd.DataFrame, patients: pd.DataFrame) -> list[Problem]:
    found = []
    if "viable_diameter_mm" in lesions:
        larger = lesions["viable_diameter_mm"] > lesions["longest_diameter_mm"]
        found += _report("lesions", lesions, larger, "viable_diameter_mm",
                         "no more than longest_diameter_mm", "check both diameters")
    at_baseline = lesions["visit"] == "baseline"
    found += _report("lesions", lesions, at_baseline & lesions["new"], "new",
                     "false at baseline", "a lesion seen at baseline is not new")
    outside = _of_patient(lesions, patients, "extrahepatic_disease").astype("boolean")
    found += _report("lesions", lesions, at_baseline & lesions["extrahepatic"] & ~outside,
                     "extrahepatic", "false, as patients.csv has no extrahepatic disease",
                     "correct extrahepatic_disease or the lesion")
    if "n_liver_lesions" in patients:
        in_liver = lesions[at_baseline & ~lesions["extrahepatic"].fillna(True)]
        listed = patients["patient"].map(in_liver.groupby("patient", observed=True)["lesion"].nunique())
        more = listed > patients["n_liver_lesions"].astype("Float64")
        found += _report("patients", patients, more, "n_liver_lesions",
                         "at least the liver lesions listed at baseline",
                         "count again or remove lesions from lesions.csv")
    return found


def _fatal_events_of_the_living(events: pd.DataFrame, patients: pd.DataFrame) -> list[Problem]:
    died = _of_patient(events, patients, "died").astype("boolean")
    return _report("adverse_events", events, (events["grade"] == 5) & ~died, "grade",
                   "1 to 4 for a patient who is alive", "correct the grade or died")
