"""What is possible in each cell and impossible in a clinic: checks on the imported tables, each with a name to accept it by."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd
from scipy.stats import mannwhitneyu

from lib.contract import CONTRADICTION, IMPLAUSIBLE, Problem
from lib.intake.convert import Converted, Stamp
from lib.intake.sheets import as_text
from lib.intake.vocabulary import FACTORS, RECIST_WORDS, spoken
from lib.response.criteria import RECIST, assess
from lib.units import REFERENCE_UNITS, UnitError, to_reference_units

TIMES_ULN = {"albumin": (0.2, 2.0), "bilirubin": (0.02, 60.0), "inr": (0.4, 15.0), "alt": (0.02, 500.0), "ast": (0.02, 500.0),
             "alp": (0.05, 60.0), "creatinine": (0.1, 25.0), "platelets": (0.005, 8.0), "sodium": (0.7, 1.35)}
"""Multiples of the upper limit of normal between which a living patient's value lies."""
USUAL_ULN = {"albumin": 5.0, "bilirubin": 1.2, "inr": 1.1, "alt": 50.0, "ast": 40.0, "alp": 125.0, "creatinine": 1.2, "platelets": 400.0,
             "sodium": 145.0}
"""In `REFERENCE_UNITS`: common adult limits, against which only factors above `LIMIT_FACTOR` count."""
LIMIT_FACTOR = 4.0
SEPARATION = 0.85
"""Share of (dead, censored) pairs in which the dead was followed longer; 0.5 where death and follow-up are unrelated."""
FEWEST_PER_GROUP = 4
SIGNIFICANCE = 0.01
ALIKE_COLUMNS = 6
LONGEST_MEDIAN_MONTHS = 120.0
LATE_VISIT_MONTHS = 1.0


def implausibilities(done: Converted, accepted: Iterable[str] = ()) -> list[Problem]:
    """Findings of every check that the mapping does not accept.

    Parameters
    ----------
    done : Converted
        Tables with the contract's columns and, for messages, where their rows came from.
    accepted : iterable of str
        Names of checks, as in ``lib.intake.mapping.PLAUSIBILITY``.

    Returns
    -------
    list of Problem
        Each remedy ends with how to accept the finding.
    """
    return [problem for name, check in CHECKS.items() if name not in set(accepted) for problem in check(done)]


def _problem(done: Converted, name: str, table: str, position: int | None, column: str, value, expected: str, remedy: str,
             severity: int = IMPLAUSIBLE) -> Problem:
    file, row = done.places[table][position if position is not None else 0]
    source = done.sources.get((table, column), column)
    return Problem(severity, file, row if position is not None else 0, source, str(value), expected,
                   f"{remedy}, or write accept: {{{name}: your reason}} in the mapping")


def _numbers(frame: pd.DataFrame, column: str) -> pd.Series:
    return pd.to_numeric(frame[column], errors="coerce") if column in frame else pd.Series(float("nan"), frame.index)


def _wrong_unit(done: Converted) -> list[Problem]:
    """Values, or limits, that are a conversion factor away from where they belong."""
    labs = done.tables.get("labs")
    if labs is None or not {"analyte", "value", "unit"} <= set(labs):
        return []
    found = []
    for analyte, rows in labs[labs["analyte"].isin(REFERENCE_UNITS)].groupby("analyte", sort=False):
        rows = rows.assign(value=_numbers(rows, "value"), upper_normal=_numbers(rows, "upper_normal"))
        try:
            rows = to_reference_units(rows.drop(columns="lower_normal", errors="ignore"))
        except UnitError:
            continue  # reported when the cell was read
        usual = USUAL_ULN[analyte]
        limit = rows["upper_normal"]
        odd_limit = (limit > usual * LIMIT_FACTOR) | (limit < usual / LIMIT_FACTOR)
        ratio = rows["value"] / limit.where(~odd_limit).fillna(usual)
        low, high = TIMES_ULN[analyte]
        far = (ratio > high) | (ratio < low)
        factor = FACTORS.get(analyte)
        if factor and len(ratio.dropna()) > 2 and not factor**-0.5 < ratio.median() < factor**0.5:
            far |= ratio.notna()
        unit, shown = REFERENCE_UNITS[analyte], labs.loc[rows.index, "unit"]
        for position in rows.index[far]:
            found.append(_problem(done, "wrong_unit", "labs", position, "value", f"{as_text(labs.at[position, 'value'])} {shown[position]}",
                                  f"{analyte} within {low:g} to {high:g} times the upper limit of normal (about {usual:g} {unit})",
                                  "check the unit" + (f" (a factor of {factor:g} is usual)" if factor else "")))
        for position in rows.index[odd_limit & ~far]:
            found.append(_problem(done, "wrong_unit", "labs", position, "upper_normal",
                                  f"{as_text(labs.at[position, 'upper_normal'])} {shown[position]}",
                                  f"an upper limit of {analyte} near {usual:g} {unit}", "give the limit in the unit of the value"))
    return found


def _duplicate_patients(done: Converted) -> list[Problem]:
    """Two labels with the same facts throughout."""
    patients = done.tables["patients"].drop(columns="patient", errors="ignore")
    filled = patients.notna().sum(axis=1) >= ALIKE_COLUMNS
    text = patients.map(as_text)
    again = text.duplicated() & filled
    found = []
    for position in text.index[again]:
        twin = text.index[(text == text.loc[position]).all(axis=1)][0]
        found.append(_problem(done, "duplicate_patients", "patients", position, "patient", "the same facts under another label",
                              f"each patient once (as in row {done.places['patients'][twin][1]})", "remove one of the two", CONTRADICTION))
    return found


def _reversed_event_flag(done: Converted) -> list[Problem]:
    """The "dead" are followed longest: 1 may have meant censored, as in CDISC's CNSR."""
    patients = done.tables["patients"]
    found = []
    for clock, flag in (("os_treatment_months", "died"), ("liver_pfs_months", "liver_progressed")):
        if not {clock, flag} <= set(patients):
            continue
        months = _numbers(patients, clock)
        event = patients[flag].map(lambda cell: None if cell is None else bool(cell))
        with_event, censored = months[event == True].dropna(), months[event == False].dropna()  # noqa: E712
        if min(len(with_event), len(censored)) < FEWEST_PER_GROUP:
            continue
        test = mannwhitneyu(with_event, censored, alternative="greater")
        share = test.statistic / (len(with_event) * len(censored))
        if share >= SEPARATION and test.pvalue < SIGNIFICANCE:
            found.append(_problem(done, "reversed_event_flag", "patients", None, flag, f"{share:.0%} of the pairs",
                                  "events not mostly among those followed longest", "reverse the codes if true stands for censored"))
    return found


def _months_look_like_days(done: Converted) -> list[Problem]:
    patients = done.tables["patients"]
    found = []
    for clock in ("os_treatment_months", "liver_pfs_months"):
        months = _numbers(patients, clock).dropna()
        if len(months) and months.median() > LONGEST_MEDIAN_MONTHS and (months == months.round()).all():
            found.append(_problem(done, "months_look_like_days", "patients", None, clock, f"median {months.median():g}",
                                  f"months, with a median below {LONGEST_MEDIAN_MONTHS:g}", "write unit: days for the column"))
    return found


def _visit_after_death(done: Converted) -> list[Problem]:
    """A visit named month_3 of a patient who died earlier, where no day tells when it was."""
    patients = done.tables["patients"]
    if not {"os_treatment_months", "died"} <= set(patients):
        return []
    dead = patients[patients["died"] == True].drop_duplicates("patient").set_index("patient")  # noqa: E712
    last, found = _numbers(dead, "os_treatment_months"), []
    for table in ("labs", "lesions", "responses"):
        frame = done.tables.get(table)
        if frame is None or "visit" not in frame:
            continue
        months = frame["visit"].map(lambda visit: float(named[1]) if (named := re.fullmatch(r"month_(\d+)", as_text(visit))) else None).astype(float)
        undated = frame["visit_day"].isna() if "visit_day" in frame else pd.Series(True, frame.index)
        late = undated & (months > frame["patient"].map(last) + LATE_VISIT_MONTHS)
        for position in frame.index[late]:
            found.append(_problem(done, "visit_after_death", table, position, "visit", as_text(frame.at[position, "visit"]),
                                  f"a visit before the patient's death at {last[frame.at[position, 'patient']]:.1f} months",
                                  "correct the visit or the date of death", CONTRADICTION))
    return found


def _day_month_swap(done: Converted) -> list[Problem]:
    """Dates out of order that fall into place with day and month exchanged."""
    contact = {stamp.patient: stamp.date for stamp in done.stamps if stamp.table == "patients" and stamp.column == "os_treatment_months"}
    found = {}
    for stamp in done.stamps:
        zero, last = done.time_zero.get(stamp.patient), contact.get(stamp.patient)
        earliest, latest = _window(stamp, zero, last)
        swapped = _swapped(stamp)
        fits = swapped and (earliest is None or earliest <= swapped) and (latest is None or swapped <= latest)
        out = (earliest is not None and stamp.date < earliest) or (latest is not None and stamp.date > latest)
        if out and fits:
            file, row, column, value = stamp.place
            found[file, row, column] = Problem(
                CONTRADICTION, file, row, column, value, "a date in the order of the patient's other dates",
                f"day and month look swapped ({swapped} would fit): correct it, or write accept: {{day_month_swap: your reason}} in the mapping")
    return list(found.values())


def _window(stamp: Stamp, zero, last):
    """The earliest and the latest date that a stamp may have."""
    if stamp.table == "patients" and stamp.column == "os_treatment_months":
        return zero, None
    if stamp.table == "patients" and stamp.column.endswith(" since"):
        return None, zero
    if stamp.table == "patients" and stamp.column == "liver_pfs_months":
        return zero, last
    return (zero if stamp.column == "day" else None), (last if stamp.table != "patients" else None)


def _swapped(stamp: Stamp):
    try:
        swapped = stamp.date.replace(month=stamp.date.day, day=stamp.date.month)
    except ValueError:
        return None
    return None if swapped == stamp.date else swapped


def _response_contradicts_lesions(done: Converted) -> list[Problem]:
    """Recorded categories against RECIST 1.1 on the recorded diameters."""
    recorded, lesions = done.tables.get("responses"), done.tables.get("lesions")
    if recorded is None or lesions is None or not {"visit", "response"} <= set(recorded):
        return []
    typed = lesions.copy()
    for column in ("longest_diameter_mm", "viable_diameter_mm", "short_axis_mm", "visit_day"):
        if column in typed:
            typed[column] = _numbers(typed, column)
    for column in ("target", "new", "extrahepatic", "node", "unequivocal_progression"):
        if column in typed:
            typed[column] = typed[column].map(bool, na_action="ignore").astype("boolean")
    try:
        judged = assess(typed, RECIST).set_index(["patient", "visit"])["response"]
    except (ValueError, KeyError, TypeError):
        return []  # lesions that cannot be judged have their own problems, or a chapter's sentence
    found = []
    for position, row in recorded.iterrows():
        said = next((word for word, words in RECIST_WORDS.items() if spoken(as_text(row["response"])).split()[:1] and
                     spoken(as_text(row["response"])).split()[0] in words.split()), None)
        measured = judged.get((row["patient"], row["visit"]))
        if said and measured and "NE" not in (said, measured) and said != measured:
            found.append(_problem(done, "response_contradicts_lesions", "responses", position, "response", said,
                                  f"{measured}, which the diameters give by RECIST 1.1", "correct the category or the diameters", CONTRADICTION))
    return found


CHECKS = {"day_month_swap": _day_month_swap, "duplicate_patients": _duplicate_patients, "visit_after_death": _visit_after_death,
          "response_contradicts_lesions": _response_contradicts_lesions, "wrong_unit": _wrong_unit,
          "reversed_event_flag": _reversed_event_flag, "months_look_like_days": _months_look_like_days}
