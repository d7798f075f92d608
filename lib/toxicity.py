"""Toxicity: CTCAE grades of laboratory values, clinical adverse events, early death.

Grades follow `data/ctcae.csv`, which holds the limits of versions 4.03, 5 and 6 as the standards print them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from lib.units import REFERENCE_UNITS, to_reference_units

CTCAE_FILE = Path(__file__).resolve().parent.parent / "data" / "ctcae.csv"
CTCAE_VERSIONS = ("4.03", "5", "6")
BASELINE_RULES = ("as printed", "multiples of ULN")
PAPER_ANALYTES = ("albumin", "bilirubin", "inr", "alt", "ast", "alp")
BASELINE = "baseline"
GRADES = (0, 1, 2, 3, 4, 5)
# a value computed onto a limit (3 x 1.1 = 3.3000000000000003) must not cross it
_RELATIVE_TOLERANCE = 1e-9


class ToxicityError(ValueError):
    """Toxicity cannot be graded from these rows; the message names what is wrong and the remedy."""


# -- the standard ---------------------------------------------------------------------------------------

@cache
def read_ctcae() -> pd.DataFrame:
    """The laboratory limits of CTCAE, one row per version, term, grade and condition.

    Returns
    -------
    DataFrame
        ``version`` (text: "4.03", "5", "6"), ``analyte, term, grade``, ``applies_if`` (the condition the
        standard sets), ``comparison`` (>, >=, <, <=) of the value with ``limit`` times ``reference`` (ULN,
        LLN, baseline) or with ``limit`` itself in ``unit`` (absolute), and ``printed`` (the grade's text).

    References
    ----------
    National Cancer Institute. Common Terminology Criteria for Adverse Events, v4.03 (2010), v5.0 (2017), v6.0 (2025).
    """
    return pd.read_csv(CTCAE_FILE, dtype={"version": str, "unit": str}, keep_default_na=False)


def ctcae_version(version) -> str:
    """The version as the data file writes it; "5.0", 5.0, 5 and "v5" are all "5".

    Raises
    ------
    ToxicityError
        On a version that is not in the data file.
    """
    text = str(version).strip().lower().removeprefix("v")
    text = {"4": "4.03", "4.0": "4.03", "5.0": "5", "6.0": "6"}.get(text, text)
    if text not in CTCAE_VERSIONS:
        raise ToxicityError(f"CTCAE version '{version}' is not in data/ctcae.csv; it holds {', '.join(CTCAE_VERSIONS)}.")
    return text


# -- grading -------------------------------------------------------------------------------------------

def grade_labs(labs: pd.DataFrame, patients: pd.DataFrame, version="5", baseline_rule: str = "as printed",
               analytes=None) -> pd.DataFrame:
    """CTCAE grade of every laboratory value.

    Parameters
    ----------
    labs : DataFrame
        Long: ``patient, visit, visit_day, analyte, value, unit, lower_normal, upper_normal``; any usual unit.
    patients : DataFrame
        ``patient`` and, for INR, ``anticoagulated``; without it INR of versions that ask is not graded.
    version : str or float
        "4.03", "5" or "6".
    baseline_rule : {"as printed", "multiples of ULN"}
        The version's own rule for an abnormal baseline, or fixed limits for everyone.
    analytes : sequence of str, optional
        Which analytes (default: all that the standard grades).

    Returns
    -------
    DataFrame
        One row per patient, visit, analyte and term: ``value, lower_normal, upper_normal, baseline`` in
        reference units; ``grade`` (Int64; missing where the standard cannot be applied, never 0 for that); and
        ``new_or_worsened`` (boolean; the grade is above what the baseline value itself has under the same rule).

    Raises
    ------
    ToxicityError
        On an unknown version, rule or analyte, or two values of one analyte at one visit.

    Notes
    -----
    The baseline visit has no earlier value, so its own grade rests on the fixed limits. A value is compared
    with the baseline visit's value; whether that was abnormal, with the normal limits of its day.
    """
    version = ctcae_version(version)
    if baseline_rule not in BASELINE_RULES:
        raise ToxicityError(f"baseline_rule '{baseline_rule}' is unknown; use one of {', '.join(map(repr, BASELINE_RULES))}.")
    criteria = read_ctcae().query("version == @version")
    rows = _with_baseline(_of_analytes(labs, criteria, analytes), patients)
    fixed = _fixed_limits(criteria)
    followed = criteria if baseline_rule == "as printed" else fixed
    pieces = []
    for analyte, term in criteria[["analyte", "term"]].drop_duplicates().itertuples(index=False):
        piece = rows[rows["analyte"] == analyte].assign(term=term)
        at_baseline = piece["visit"] == BASELINE
        graded = _grade(piece, followed[followed["term"] == term])
        before = _grade(_as_baseline(piece), followed[followed["term"] == term])
        own = _grade(piece, fixed[fixed["term"] == term])
        worse = (graded > before).astype("boolean").mask(at_baseline, False)
        # a grade of 0 is no event, whatever the baseline; missing stays missing
        worse = worse.mask((graded == 0).fillna(False), False)
        pieces.append(piece.assign(grade=graded.where(~at_baseline, own), new_or_worsened=worse))
    order = ["patient", "visit_day", "analyte", "term"]
    columns = ["patient", "visit", "visit_day", "analyte", "term", "value", "unit", "lower_normal", "upper_normal",
               "baseline", "grade", "new_or_worsened"]
    graded = pd.concat(pieces) if pieces else rows.assign(term="", grade=pd.NA, new_or_worsened=pd.NA)
    return graded.sort_values(order, kind="stable")[columns].reset_index(drop=True)


def _of_analytes(labs: pd.DataFrame, criteria: pd.DataFrame, analytes) -> pd.DataFrame:
    graded = list(dict.fromkeys(criteria["analyte"]))
    wanted = graded if analytes is None else list(analytes)
    unknown = [analyte for analyte in wanted if analyte not in graded]
    if unknown:
        raise ToxicityError(f"CTCAE has no limits for {', '.join(unknown)} in data/ctcae.csv; it grades {', '.join(graded)}.")
    labs = labs[labs["analyte"].isin(wanted)]
    twice = labs.duplicated(["patient", "visit", "analyte"])
    if twice.any():
        row = labs[twice].iloc[0]
        raise ToxicityError(f"labs: patient {row['patient']} has two values of {row['analyte']} at visit '{row['visit']}'; keep one.")
    return to_reference_units(labs)


def _with_baseline(labs: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Each row with its patient's baseline value and limits, and whether the patient is anticoagulated."""
    at_baseline = labs[labs["visit"] == BASELINE]
    baseline = at_baseline[["patient", "analyte", "value", "lower_normal", "upper_normal"]].rename(
        columns={"value": "baseline", "lower_normal": "baseline_lower_normal", "upper_normal": "baseline_upper_normal"})
    rows = labs.merge(baseline, on=["patient", "analyte"], how="left")
    numeric = ["value", "lower_normal", "upper_normal", "baseline", "baseline_lower_normal", "baseline_upper_normal"]
    rows[numeric] = rows[numeric].astype(float)
    known = patients.set_index("patient").get("anticoagulated")
    rows["anticoagulated"] = (pd.array([pd.NA] * len(rows), dtype="boolean") if known is None
                              else rows["patient"].map(known).astype("boolean"))
    return rows


def _as_baseline(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows as if each value were its own baseline."""
    return rows.assign(value=rows["baseline"], lower_normal=rows["baseline_lower_normal"],
                       upper_normal=rows["baseline_upper_normal"])


def _fixed_limits(criteria: pd.DataFrame) -> pd.DataFrame:
    """The criteria without whatever asks for a baseline: everyone's baseline counts as normal."""
    asks = ["baseline above ULN", "baseline below LLN", "anticoagulated"]
    kept = criteria[~criteria["applies_if"].isin(asks) & (criteria["reference"] != "baseline")]
    return kept.assign(applies_if="any")


def _grade(rows: pd.DataFrame, criteria: pd.DataFrame) -> pd.Series:
    """The highest grade whose criterion holds; missing while a higher one is undecided.

    Truth is three-valued (Kleene): a criterion with a missing limit is neither met nor unmet, but a false
    condition settles it all the same.
    """
    met = pd.Series(0, index=rows.index)
    possible = pd.Series(0, index=rows.index)
    for criterion in criteria.itertuples():
        holds = _condition(rows, criterion.applies_if) & _exceeds(rows, criterion)
        met = met.where(~holds.fillna(False), np.maximum(met, criterion.grade))
        possible = possible.where(~holds.fillna(True), np.maximum(possible, criterion.grade))
    return met.astype("Int64").mask((met != possible) | rows["value"].isna())


def _condition(rows: pd.DataFrame, applies_if: str) -> pd.Series:
    if applies_if == "any":
        return pd.Series(True, index=rows.index, dtype="boolean")
    if applies_if in ("anticoagulated", "not anticoagulated"):
        return rows["anticoagulated"] if applies_if == "anticoagulated" else ~rows["anticoagulated"]
    left, comparison, right = {
        "baseline above ULN": ("baseline", ">", "baseline_upper_normal"),
        "baseline not above ULN": ("baseline", "<=", "baseline_upper_normal"),
        "baseline below LLN": ("baseline", "<", "baseline_lower_normal"),
        "value above baseline": ("value", ">", "baseline"),
    }[applies_if]
    return _compare(rows[left], comparison, rows[right])


def _exceeds(rows: pd.DataFrame, criterion) -> pd.Series:
    column = {"ULN": "upper_normal", "LLN": "lower_normal", "baseline": "baseline"}.get(criterion.reference)
    limit = criterion.limit * rows[column] if column else pd.Series(float(criterion.limit), index=rows.index)
    return _compare(rows["value"], criterion.comparison, limit)


def _compare(left: pd.Series, comparison: str, right: pd.Series) -> pd.Series:
    near = (left - right).abs() <= _RELATIVE_TOLERANCE * right.abs()
    strictly = (left > right) if comparison.startswith(">") else (left < right)
    result = (strictly | near) if comparison.endswith("=") else (strictly & ~near)
    return result.astype("boolean").mask(left.isna() | right.isna())
