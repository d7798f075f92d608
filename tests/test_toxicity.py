"""CTCAE grades at the limits of the standards' own text, and the summaries built on them."""

import re
import time

import numpy as np
import pandas as pd
import pytest

from lib import toxicity
from lib.toxicity import (
    EarlyDeaths,
    ToxicityError,
    early_deaths,
    events_by_term,
    events_in_window,
    grade_counts,
    grade_labs,
    liver_injury,
    read_ctcae,
    shift_table,
    sir_severity,
    worst_event_grades,
    worst_grades,
)
from lib.units import REFERENCE_UNITS, UnitError, conversion_factor, to_reference_units

LIMITS = {"alt": (7, 40), "ast": (8, 40), "alp": (40, 120), "bilirubin": (0.2, 1.2), "creatinine": (0.6, 1.2), "inr": (0.9, 1.1),
          "albumin": (3.5, 5.0), "platelets": (150, 400), "sodium": (135, 145)}


def labs_of(analyte, baseline, value, limits=None, unit=None, patient="A"):
    """Two visits of one analyte; None leaves a visit out."""
    low, high = limits or LIMITS[analyte]
    rows = [(patient, visit, day, analyte, number, unit or REFERENCE_UNITS[analyte], low, high)
            for visit, day, number in (("baseline", -3, baseline), ("month_3", 90, value)) if number is not None]
    return pd.DataFrame(rows, columns=["patient", "visit", "visit_day", "analyte", "value", "unit", "lower_normal", "upper_normal"])


def grade_of(analyte, baseline, value, version="5", anticoagulated=False, term=None, rule="as printed", **more):
    patients = pd.DataFrame({"patient": ["A"], "anticoagulated": [anticoagulated]})
    graded = grade_labs(labs_of(analyte, baseline, value, **more), patients, version, rule)
    graded = graded[(graded["visit"] == "month_3") & (graded["term"] == term if term else True)]
    return graded["grade"].item()


def patients_of(*names, treatments=None):
    return pd.DataFrame({"patient": names, "first_treatment": treatments or ["DEB-TACE"] * len(names), "anticoagulated": False})


# -- limits, from the text of the standards (ULN: ALT 40, ALP 120, bilirubin 1.2, creatinine 1.2, INR 1.1) ----------

V5 = [  # CTCAE v5.0, 27 November 2017, Investigations
    # ">ULN - 3.0 x ULN if baseline was normal", ">3.0 - 5.0", ">5.0 - 20.0", ">20.0"
    ("alt", 30, 40, 0), ("alt", 30, 40.1, 1), ("alt", 30, 120, 1), ("alt", 30, 120.1, 2), ("alt", 30, 200, 2), ("alt", 30, 200.1, 3),
    ("alt", 30, 800, 3), ("alt", 30, 800.1, 4),
    # "1.5 - 3.0 x baseline if baseline was abnormal": baseline 60, so 90 is the first grade 1 and 60 to 90 is the gap
    ("ast", 60, 60, 0), ("ast", 60, 89.9, 0), ("ast", 60, 90, 1), ("ast", 60, 180, 1), ("ast", 60, 180.1, 2), ("ast", 60, 300, 2),
    ("ast", 60, 300.1, 3), ("ast", 60, 1200, 3), ("ast", 60, 1200.1, 4),
    # a baseline on the limit, or below the lower limit, is normal
    ("alt", 40, 60, 1), ("alt", 5, 60, 1),
    # "2.0 - 2.5 x baseline": baseline 200
    ("alp", 100, 120, 0), ("alp", 100, 120.1, 1), ("alp", 100, 300, 1), ("alp", 100, 300.1, 2), ("alp", 100, 600, 2), ("alp", 100, 600.1, 3),
    ("alp", 100, 2400.1, 4), ("alp", 200, 399.9, 0), ("alp", 200, 400, 1), ("alp", 200, 500, 1), ("alp", 200, 500.1, 2),
    ("alp", 200, 1000, 2), ("alp", 200, 1000.1, 3), ("alp", 200, 4000.1, 4),
    # "> 1.0 - 1.5 x baseline": no gap
    ("bilirubin", 1.0, 1.2, 0), ("bilirubin", 1.0, 1.8, 1), ("bilirubin", 1.0, 1.81, 2), ("bilirubin", 1.0, 3.6, 2), ("bilirubin", 1.0, 3.61, 3),
    ("bilirubin", 1.0, 12.0, 3), ("bilirubin", 1.0, 12.01, 4), ("bilirubin", 2.0, 2.0, 0), ("bilirubin", 2.0, 2.01, 1),
    ("bilirubin", 2.0, 3.0, 1), ("bilirubin", 2.0, 3.01, 2), ("bilirubin", 2.0, 6.0, 2), ("bilirubin", 2.0, 6.01, 3), ("bilirubin", 2.0, 20.01, 4),
    # ">ULN - 1.5 x ULN", ">1.5 - 3.0 x baseline; >1.5 - 3.0 x ULN", ">3.0 x baseline; >3.0 - 6.0 x ULN", ">6.0 x ULN"
    ("creatinine", 0.6, 0.9, 0), ("creatinine", 0.6, 0.91, 2), ("creatinine", 0.6, 1.8, 2), ("creatinine", 0.6, 1.81, 3),
    ("creatinine", 1.2, 1.21, 1), ("creatinine", 1.2, 1.8, 1), ("creatinine", 1.2, 3.61, 3), ("creatinine", 1.2, 7.2, 3), ("creatinine", 1.2, 7.21, 4),
    ("creatinine", 1.0, 1.1, 0),
    # ">1.2 - 1.5", ">1.5 - 2.5", ">2.5": absolute, whatever the ULN
    ("inr", 1.0, 1.2, 0), ("inr", 1.0, 1.21, 1), ("inr", 1.0, 1.5, 1), ("inr", 1.0, 1.51, 2), ("inr", 1.0, 2.5, 2), ("inr", 1.0, 2.51, 3),
    # "<LLN - 3 g/dL", "<3 - 2", "<2"; grade 4 is clinical
    ("albumin", 4.0, 3.5, 0), ("albumin", 4.0, 3.49, 1), ("albumin", 4.0, 3.0, 1), ("albumin", 4.0, 2.99, 2), ("albumin", 4.0, 2.0, 2),
    ("albumin", 4.0, 1.99, 3), ("albumin", 4.0, 0.5, 3),
    # "<LLN - 75,000/mm3", "<75,000 - 50,000", "<50,000 - 25,000", "<25,000"
    ("platelets", 200, 150, 0), ("platelets", 200, 149, 1), ("platelets", 200, 75, 1), ("platelets", 200, 74, 2), ("platelets", 200, 50, 2),
    ("platelets", 200, 49, 3), ("platelets", 200, 25, 3), ("platelets", 200, 24, 4),
]
V6 = [  # CTCAE v6.0, 2025
    ("alt", 30, 120.1, 2), ("alt", 60, 59.9, 0), ("alt", 60, 60, 1), ("alt", 60, 90, 1), ("alt", 60, 90.1, 2), ("alt", 60, 120, 2), ("alt", 60, 120.1, 3),
    ("alt", 60, 240, 3), ("alt", 60, 240.1, 4),
    # ALP: ">Baseline and ULN", grade 1 only
    ("alp", 100, 120, 0), ("alp", 100, 120.1, 1), ("alp", 100, 5000, 1), ("alp", 200, 200, 0), ("alp", 200, 200.1, 1), ("alp", 200, 150, 0),
    ("bilirubin", 2.0, 1.99, 0), ("bilirubin", 2.0, 2.0, 1), ("bilirubin", 2.0, 3.01, 2), ("bilirubin", 2.0, 5.0, 2), ("bilirubin", 2.0, 5.01, 3),
    ("bilirubin", 2.0, 20.0, 3), ("bilirubin", 2.0, 20.01, 4), ("bilirubin", 1.0, 3.61, 3),
    # creatinine: multiples of the baseline only if that was below LLN (0.6)
    ("creatinine", 0.7, 1.15, 0), ("creatinine", 0.5, 0.75, 0), ("creatinine", 0.5, 0.76, 2), ("creatinine", 0.5, 1.5, 2), ("creatinine", 0.5, 1.51, 3),
    ("creatinine", 1.0, 1.21, 1), ("creatinine", 1.0, 1.81, 2), ("creatinine", 1.0, 3.61, 3), ("creatinine", 1.0, 7.21, 4),
    ("inr", 1.0, 1.21, 1), ("albumin", 4.0, 1.99, 3),
    # "<50,000 - 10,000/mm3", "<10,000"
    ("platelets", 200, 24, 3), ("platelets", 200, 10, 3), ("platelets", 200, 9.9, 4),
]
V4 = [  # CTCAE v4.03, 14 June 2010: no baseline rule for the liver enzymes and bilirubin
    ("alt", 60, 90, 1), ("alt", 60, 120.1, 2), ("alt", 200, 200, 2), ("ast", 60, 200.1, 3), ("alp", 200, 200, 1), ("alp", 100, 300.1, 2),
    ("bilirubin", 2.0, 2.0, 2), ("bilirubin", 2.0, 1.8, 1),
    # ">1 - 1.5 x baseline; >ULN - 1.5 x ULN"
    ("creatinine", 0.6, 0.6, 0), ("creatinine", 0.6, 0.61, 1), ("creatinine", 0.6, 0.9, 1), ("creatinine", 0.6, 0.91, 2), ("creatinine", 0.6, 1.81, 3),
    # ">1 - 1.5 x ULN" (ULN 1.1)
    ("inr", 1.0, 1.1, 0), ("inr", 1.0, 1.11, 1), ("inr", 1.0, 1.65, 1), ("inr", 1.0, 1.66, 2), ("inr", 1.0, 2.75, 2), ("inr", 1.0, 2.76, 3),
    ("platelets", 200, 24, 4), ("albumin", 4.0, 2.99, 2),
]
CASES = [(version, *case) for version, cases in (("5", V5), ("6", V6), ("4.03", V4)) for case in cases]


@pytest.fixture(scope="module")
def graded_cases():
    """All cases graded in one call per version, one case a patient."""
    grades = {}
    for version in ("4.03", "5", "6"):
        own = [(number, *case[1:4]) for number, case in enumerate(CASES) if case[0] == version]
        frame = pd.concat([labs_of(analyte, baseline, value, patient=str(number)) for number, analyte, baseline, value in own])
        graded = grade_labs(frame, patients_of(*(str(number) for number, *_ in own)), version)
        grades |= graded[graded["visit"] == "month_3"].set_index("patient")["grade"].to_dict()
    return grades


@pytest.mark.parametrize(("number", "version", "analyte", "baseline", "value", "grade"), [(i, *case) for i, case in enumerate(CASES)])
def test_grade_at_the_printed_limits(graded_cases, number, version, analyte, baseline, value, grade):
    assert graded_cases[str(number)] == grade


@pytest.mark.parametrize(("version", "value", "term", "grade"), [
    ("5", 135, "Hyponatremia", 0), ("5", 134, "Hyponatremia", 1), ("5", 130, "Hyponatremia", 1), ("5", 129, "Hyponatremia", 2),
    ("5", 124, "Hyponatremia", 3), ("5", 119, "Hyponatremia", 4), ("4.03", 129, "Hyponatremia", 3), ("4.03", 119, "Hyponatremia", 4),
    ("6", 129.5, "Hyponatremia", 2), ("6", 124.9, "Hyponatremia", 3), ("5", 129, "Hypernatremia", 0),
    ("5", 145, "Hypernatremia", 0), ("5", 146, "Hypernatremia", 1), ("5", 151, "Hypernatremia", 2), ("5", 156, "Hypernatremia", 3), ("5", 161, "Hypernatremia", 4)])
def test_sodium_is_graded_in_both_directions(version, value, term, grade):
    assert grade_of("sodium", 140, value, version, term=term) == grade


@pytest.mark.parametrize(("version", "baseline", "value", "grade"), [
    # ">1 - 1.5 x baseline if on anticoagulation": baseline 2.0
    ("5", 2.0, 2.0, 0), ("5", 2.0, 2.1, 1), ("5", 2.0, 3.0, 1), ("5", 2.0, 3.1, 2), ("5", 2.0, 5.1, 3), ("4.03", 2.0, 2.0, 0), ("6", 2.0, 3.1, 2)])
def test_inr_of_an_anticoagulated_patient_is_graded_by_baseline(version, baseline, value, grade):
    assert grade_of("inr", baseline, value, version, anticoagulated=True) == grade


def test_unknown_anticoagulation_leaves_inr_ungraded():
    patients = pd.DataFrame({"patient": ["A"]})
    graded = grade_labs(labs_of("inr", 1.0, 1.4), patients)
    assert graded.loc[graded["visit"] == "month_3", "grade"].isna().all()


@pytest.mark.parametrize("version", ["4.03", "5", "6"])
@pytest.mark.parametrize("analyte", ["alt", "ast", "alp", "bilirubin", "creatinine"])
def test_a_missing_upper_limit_gives_a_missing_grade(version, analyte):
    low, high = LIMITS[analyte]
    assert grade_of(analyte, high / 2, high / 2, version, limits=(low, np.nan)) is pd.NA


def test_a_missing_lower_limit_hides_only_what_depends_on_it():
    # "<3 - 2 g/dL" needs no LLN; whether 3.4 is below it, nobody knows
    assert grade_of("albumin", 4.0, 2.9, limits=(np.nan, 5.0)) == 2
    assert grade_of("albumin", 4.0, 3.4, limits=(np.nan, 5.0)) is pd.NA


def test_a_missing_baseline_leaves_open_what_asks_for_it():
    assert grade_of("alt", None, 100) is pd.NA
    assert grade_of("alt", None, 100, version="4.03") == 1
    assert grade_of("alt", None, 100, rule="multiples of ULN") == 1
    assert grade_of("albumin", None, 2.5) == 2


def test_a_missing_value_gives_a_missing_grade():
    assert grade_of("alt", 30, np.nan) is pd.NA


def test_fixed_limits_ignore_an_abnormal_baseline():
    assert grade_of("alt", 60, 85) == 0 and grade_of("alt", 60, 85, rule="multiples of ULN") == 1
    assert grade_of("alp", 200, 150, "6", rule="multiples of ULN") == 1
    assert grade_of("inr", 2.0, 2.0, anticoagulated=True, rule="multiples of ULN") == 2


def test_a_value_computed_onto_a_limit_does_not_cross_it():
    # 3 x 1.1 is 3.3000000000000003 and 3 x 0.1 0.30000000000000004 in floating point
    assert grade_of("bilirubin", 1.0, 3.3, limits=(0.2, 1.1)) == 2
    assert grade_of("albumin", 40.0, 30.0, unit="g/L", limits=(35.0, 50.0)) == 1
    # nor fall short of one that counts itself: 1.5 x 60.2 is 90.30000000000001
    assert grade_of("alt", 60.2, 90.3) == 1 and grade_of("alt", 60.2, 90.2) == 0


@pytest.mark.parametrize(("analyte", "unit", "factor"), [
    # 17.1 umol bilirubin and 88.4 umol creatinine per litre are 1 mg/dL; 1 ukat is 60 U
    ("bilirubin", "umol/L", 17.1), ("bilirubin", "µmol/L", 17.1), ("creatinine", "umol/L", 88.4), ("albumin", "g/L", 10.0),
    ("alt", "ukat/L", 1 / 60), ("alt", "IU/L", 1.0), ("platelets", "10^9/L", 1.0), ("platelets", "/mm3", 1000.0), ("platelets", "K/uL", 1.0),
    ("sodium", "mEq/L", 1.0)])
def test_grades_do_not_depend_on_the_unit(analyte, unit, factor):
    assert conversion_factor(analyte, unit) == pytest.approx(1 / factor, rel=1e-3)
    low, high = LIMITS[analyte]
    for baseline, value in ((0.9 * high, 0.3 * high), (0.9 * high, 1.4 * high), (1.5 * high, 4.0 * high)):
        same = {} if analyte != "sodium" else {"term": "Hypernatremia"}
        assert grade_of(analyte, baseline, value, **same) == grade_of(
            analyte, baseline * factor, value * factor, unit=unit, limits=(low * factor, high * factor), **same)


@pytest.mark.parametrize(("analyte", "unit"), [("alt", "mg/dL"), ("bilirubin", "g"), ("inr", "s"), ("albumin", "banana"), ("sodium", ""),
                                               ("platelets", "9^9^9^9^9"), ("creatinine", "__import__('os')")])
def test_a_unit_that_does_not_fit_is_refused_by_name(analyte, unit):
    with pytest.raises(UnitError, match=analyte):
        conversion_factor(analyte, unit)


def test_conversion_leaves_other_columns_and_analytes_alone():
    frame = labs_of("albumin", 40, 30, unit="g/L", limits=(35, 50))
    other = frame.assign(analyte="ferritin", unit="ng/mL")
    converted = to_reference_units(pd.concat([frame, other], ignore_index=True))
    assert converted["value"].tolist() == pytest.approx([4.0, 3.0, 40, 30])
    assert converted["unit"].tolist() == ["g/dL", "g/dL", "ng/mL", "ng/mL"]


@pytest.mark.parametrize(("analyte", "unit", "factor"), [
    *(("creatinine", f"{micro}mol/L", 113.12 / 10_000) for micro in ("\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}", "u")),
    *(("platelets", unit, 1.0) for unit in ("10^3/uL", "\N{MULTIPLICATION SIGN}10^3/\N{GREEK SMALL LETTER MU}L", "x10^3/uL", " x 10^9 / L ", "10**9/L", "THOU/uL", "G/L",
                                            "K/\N{MICRO SIGN}L", "10E3/uL", "x10E9/L", "10^3/mm3")),
    *(("platelets", unit, 0.001) for unit in ("/uL", "/mm3", "cells/uL", "1/mm^3")),
    *(("sodium", unit, 1.0) for unit in ("mmol/L", "mEq/L", "MEQ/L", "meq / L")), ("sodium", "mg/dL", 10 / 22.98977),
    *(("inr", unit, 1.0) for unit in ("ratio", "Ratio", "1", "INR", "{INR}", " inr ", "", " ", None, np.nan)),
    *(("alt", unit, 1.0) for unit in ("U/L", "IU/L", "mU/mL", " U / L ")), ("ast", "\N{MICRO SIGN}kat/L", 60.0), ("albumin", "g/L", 0.1), ("albumin", " g / L", 0.1)])
def test_a_unit_is_read_however_it_is_spelled(analyte, unit, factor):
    """Molar masses of creatinine and sodium as PubChem has them; 1 ukat is 60 U."""
    assert conversion_factor(analyte, unit) == pytest.approx(factor, rel=1e-9)


@pytest.mark.parametrize(("analyte", "unit", "says"), [
    ("ferritin", "ug/L", "^analyte 'ferritin' has no reference unit here; known are albumin, bilirubin, inr, "),
    *(("albumin", unit, r"^labs: albumin has no unit; write one, such as g/dL\.$") for unit in ("", "  ", None, np.nan)),
    *((analyte, unit, "^" + re.escape(f"labs: unit '{unit}' does not measure {analyte}; write ")) for analyte, unit in (
        ("inr", "g/L"), ("alt", "umol/L"), ("platelets", "g/dL"), ("sodium", "U/L"), ("albumin", "2"), ("creatinine", "mg/dL + 1"), ("platelets", "10^999/L")))])
def test_a_unit_that_cannot_be_used_is_refused_with_the_unit_to_write(analyte, unit, says):
    with pytest.raises(UnitError, match=says):
        conversion_factor(analyte, unit)


def test_each_row_is_converted_by_its_own_unit_and_a_missing_one_only_where_none_is_needed():
    """Albumin in g/L and g/dL, INR with and without its word, bilirubin in mg/L beside albumin in mg/L."""
    rows = [("albumin", 35.0, "g/L", 4.0), ("albumin", 3.5, "g/dL", 4.0), ("inr", 1.1, None, 4.0), ("inr", 1.2, "INR", 4.0),
            ("bilirubin", 12.0, "mg/L", 4.0), ("albumin", 35_000.0, "mg/L", 4.0), ("ferritin", 7.0, None, 4.0)]
    labs = pd.DataFrame(rows, columns=["analyte", "value", "unit", "upper_normal"])
    done = to_reference_units(labs)
    assert done["value"].tolist() == pytest.approx([3.5, 3.5, 1.1, 1.2, 1.2, 3.5, 7.0])
    assert done["unit"].fillna("none").tolist() == ["g/dL", "g/dL", "ratio", "ratio", "mg/dL", "g/dL", "none"]
    assert done["upper_normal"].tolist() == pytest.approx([0.4, 4.0, 4.0, 4.0, 0.4, 0.0004, 4.0]) and "lower_normal" not in done


def test_values_already_in_their_unit_are_left_alone():
    labs = pd.DataFrame({"analyte": ["alt", "ast"], "value": [40, 50], "unit": "U/L"})
    done = to_reference_units(labs)
    assert done.equals(labs) and done["value"].dtype == labs["value"].dtype
    assert to_reference_units(labs.assign(unit="IU/L"))["value"].dtype == labs["value"].dtype
    assert to_reference_units(labs.assign(unit="\N{MICRO SIGN}kat/L"))["value"].tolist() == pytest.approx([2400, 3000])


# -- the data file -----------------------------------------------------------------------------------------------

def test_each_version_grades_the_same_analytes():
    criteria = read_ctcae()
    analytes = criteria.groupby("version")["analyte"].agg(lambda names: set(names))
    assert set(analytes.index) == {"4.03", "5", "6"}
    assert all(found == set(REFERENCE_UNITS) for found in analytes)


def test_limits_rise_with_the_grade_and_appear_in_the_printed_text():
    criteria = read_ctcae()
    keys = ["version", "term", "applies_if", "reference"]
    for key, ladder in criteria.groupby(keys):
        limits = ladder.sort_values("grade")["limit"].tolist()
        falling = ladder["comparison"].iloc[0].startswith("<")
        assert limits == sorted(limits, reverse=falling), key
    numbered = criteria[(criteria["limit"] != 1)]
    for row in numbered.itertuples():
        shown = f"{row.limit * 1000:,.0f}" if row.analyte == "platelets" else f"{row.limit:g}"
        assert shown in row.printed, row


@pytest.mark.parametrize("given", ["5", "5.0", 5, 5.0, "v5.0"])
def test_version_may_be_written_in_any_usual_way(given):
    assert toxicity.ctcae_edition(given) == "5"


def test_an_unknown_version_rule_or_analyte_is_refused():
    frame, patients = labs_of("alt", 30, 30), patients_of("A")
    with pytest.raises(ToxicityError, match="version '3' is not in data/ctcae.csv"):
        grade_labs(frame, patients, "3")
    with pytest.raises(ToxicityError, match="baseline_rule 'mine' is unknown"):
        grade_labs(frame, patients, baseline_rule="mine")
    with pytest.raises(ToxicityError, match="no limits for ferritin"):
        grade_labs(frame, patients, analytes=["ferritin"])


def test_two_values_at_one_visit_are_refused():
    frame = pd.concat([labs_of("alt", 30, 30), labs_of("alt", None, 31)])
    with pytest.raises(ToxicityError, match="patient A has two values of alt at visit 'month_3'"):
        grade_labs(frame, patients_of("A"))


# -- baseline, new and worsened ------------------------------------------------------------------------------------

def test_the_baseline_visit_is_graded_by_fixed_limits():
    graded = grade_labs(labs_of("alt", 130, 130), patients_of("A")).set_index("visit")["grade"]
    assert graded["baseline"] == 2 and graded["month_3"] == 0


@pytest.mark.parametrize(("analyte", "baseline", "value", "version", "new"), [
    ("albumin", 4.0, 3.4, "5", True), ("albumin", 3.4, 3.3, "5", False), ("albumin", 3.4, 2.9, "5", True), ("albumin", 2.9, 3.4, "5", False),
    # graded against an abnormal baseline: any grade of version 5 is a rise; version 6 calls the baseline itself grade 1
    ("alt", 60, 90, "5", True), ("alt", 250, 375, "5", True), ("alt", 60, 60, "6", False), ("alt", 60, 91, "6", True), ("alt", 30, 30, "5", False)])
def test_new_or_worsened(analyte, baseline, value, version, new):
    graded = grade_labs(labs_of(analyte, baseline, value), patients_of("A"), version)
    assert graded.loc[graded["visit"] == "month_3", "new_or_worsened"].item() == new
    assert not graded.loc[graded["visit"] == "baseline", "new_or_worsened"].item()


def test_new_or_worsened_is_open_without_a_baseline_grade():
    graded = grade_labs(labs_of("albumin", None, 2.5), patients_of("A"))
    assert graded["new_or_worsened"].isna().all()


# -- summaries: three patients worked by hand ------------------------------------------------------------------------

@pytest.fixture(scope="module")
def three():
    frame = pd.concat([
        labs_of("alt", 30, 210, patient="A"), labs_of("albumin", 4.0, 3.4, patient="A"),       # grade 3, grade 1
        labs_of("alt", 30, 30, patient="B"), labs_of("albumin", 3.4, 3.4, patient="B"),        # 0, and 1 as at baseline
        labs_of("alt", 30, None, patient="C"), labs_of("albumin", 4.0, None, patient="C"),     # no visit at month 3
        labs_of("platelets", 200, 20, patient="B")])                                           # grade 4, not among the six
    frame = pd.concat([frame, labs_of("alt", None, 900, patient="B").assign(visit="month_9", visit_day=270)])
    return grade_labs(frame, patients_of("A", "B", "C"))


def test_worst_grade_per_patient(three):
    worst = worst_grades(three, ["A", "B", "C", "D"])
    assert worst["worst_grade"].tolist() == [3, 1, pd.NA, pd.NA]
    assert worst["n_graded"].tolist() == [2, 2, 0, 0]
    assert worst["worst_terms"].tolist() == ["Alanine aminotransferase increased", "Hypoalbuminemia", "", ""]


def test_terms_of_one_worst_grade_stand_in_the_order_of_the_rows():
    """By CTCAE 5 albumin of 2.5 g/dL and ALT of 180 (4.5 times the limit) are both grade 2; the next patient has the second alone."""
    frame = pd.concat([labs_of("albumin", 4.0, 2.5, patient="A"), labs_of("alt", 30, 180, patient="A"),
                       labs_of("alt", 30, 180, patient="B")])
    for rows in (frame, frame.iloc[::-1]):
        graded = grade_labs(rows, patients_of("A", "B"))
        in_order = graded[(graded.visit == "month_3") & (graded.patient == "A")]["term"].tolist()
        assert sorted(in_order) == ["Alanine aminotransferase increased", "Hypoalbuminemia"]
        assert worst_grades(graded, ["A", "B"])["worst_terms"].tolist() == ["; ".join(in_order), "Alanine aminotransferase increased"]
        turned = worst_grades(graded.iloc[::-1], ["A", "B"])["worst_terms"].tolist()
        assert turned == ["; ".join(in_order[::-1]), "Alanine aminotransferase increased"]


def test_worst_new_grade_drops_what_was_there_before(three):
    assert worst_grades(three, ["A", "B", "C"], only_new=True)["worst_grade"].tolist() == [3, 0, pd.NA]


def test_a_later_visit_does_not_count_at_month_3_but_can_be_asked_for(three):
    assert worst_grades(three, ["B"], visit="month_9")["worst_grade"].tolist() == [4]


def test_grade_counts_by_group_add_up(three):
    worst = worst_grades(three, ["A", "B", "C"])["worst_grade"]
    counts = grade_counts(worst, pd.Series(["x", "x", "y"], index=worst.index))
    assert counts["all"].to_dict() == {0: 0, 1: 1, 2: 0, 3: 1, 4: 0, 5: 0, "not graded": 1}
    assert (counts["x"] + counts["y"] == counts["all"]).all()


def test_shift_table_keeps_the_missing_visit(three):
    shift = shift_table(three, "Hypoalbuminemia")
    assert shift.loc[0, 1] == 1 and shift.loc[1, 1] == 1 and shift.loc[0, "missing"] == 1
    assert shift.to_numpy().sum() == 3


def test_no_labs_at_all_gives_missing_everywhere():
    empty = labs_of("alt", 30, 30).iloc[:0]
    graded = grade_labs(empty, patients_of("A"))
    assert len(graded) == 0
    assert worst_grades(graded, ["A"])["worst_grade"].isna().all()
    assert shift_table(graded, "Hypoalbuminemia").to_numpy().sum() == 0
    assert liver_injury(empty).empty


@pytest.mark.parametrize(("alt", "bilirubin", "name"), [
    (3.0, 2.0, "neither"), (3.1, 2.1, "Hy's law range"), (3.1, 2.0, "Temple's corollary"), (3.0, 2.1, "hyperbilirubinaemia")])
def test_liver_injury_ranges_of_the_fda_guidance(alt, bilirubin, name):
    frame = pd.concat([labs_of("alt", 400, alt * 40), labs_of("bilirubin", 9, bilirubin * 1.2)])
    found = liver_injury(frame).loc["A"]
    assert found["range"] == name
    assert (found["alt"], found["bilirubin"]) == pytest.approx((alt, bilirubin))


def test_liver_injury_takes_the_peak_and_needs_both():
    frame = pd.concat([labs_of("alt", 30, 80), labs_of("alt", None, 200).assign(visit="month_6", visit_day=180)])
    found = liver_injury(frame).loc["A"]
    assert found["alt"] == 5 and pd.isna(found["bilirubin"]) and found["range"] is None


# -- clinical events -------------------------------------------------------------------------------------------------

EVENTS = pd.DataFrame([("A", "nausea", 1, 2, 0), ("A", "nausea", 2, 5, 0), ("B", "nausea", 1, 3, 0), ("B", "pain", 3, 120, 2), ("C", "fatigue", 1, -4, 0),
                       ("C", "fever", 1, np.nan, 0)], columns=["patient", "term", "grade", "onset_day", "hospital_days"])


def test_the_window_keeps_unknown_days_and_drops_what_came_before_or_after():
    assert events_in_window(EVENTS, 91)["term"].tolist() == ["nausea", "nausea", "nausea", "fever"]


def test_a_patient_counts_once_a_term_with_the_worst_grade():
    table = events_by_term(EVENTS, patients_of("A", "B", "C", treatments=["Y90", "ablation", "Y90"]))
    assert table.loc["nausea", [1, 2, 3, "any", "Y90", "ablation"]].tolist() == [1, 1, 0, 2, 1, 1]
    assert table.index.tolist() == ["nausea", "fatigue", "fever", "pain"]


def test_worst_event_grade_is_zero_for_a_patient_without_events():
    assert worst_event_grades(EVENTS, ["A", "B", "Z"]).tolist() == [2, 3, 0]


def test_no_events_give_an_empty_table():
    assert events_by_term(EVENTS.iloc[:0], patients_of("A")).empty
    assert worst_event_grades(EVENTS.iloc[:0], ["A"]).tolist() == [0]


@pytest.mark.parametrize(("grade", "days", "severity"), [
    (1, 0, 1), (2, 0, 1), (2, 1, 2), (3, 0, 2), (3, 6, 3), (1, 2, 3), (4, 0, 4), (5, 0, 5), (4, np.nan, 4), (2, np.nan, pd.NA)])
def test_sir_severity_follows_the_escalation_of_care(grade, days, severity):
    # Khalilzadeh 2017: overnight stay = moderate, admission beyond 24 h = severe
    found = sir_severity(pd.DataFrame({"grade": [grade], "hospital_days": [days]})).tolist()
    assert found == [severity]


# -- early death -----------------------------------------------------------------------------------------------------

def test_early_deaths_leave_out_who_was_lost():
    # 30 days are 0.9856 months: dead at day 15, dead on day 30, dead at day 61, lost at day 15, alive at month 5
    patients = pd.DataFrame({"os_treatment_months": [0.5, 30 / 30.4375, 2.0, 0.5, 5.0], "died": [True, True, True, False, False]})
    assert early_deaths(patients, 30) == EarlyDeaths(deaths=2, n_followed=4, n_lost=1)
    assert early_deaths(patients, 90) == EarlyDeaths(deaths=3, n_followed=4, n_lost=1)


def test_nobody_followed_has_no_denominator():
    patients = pd.DataFrame({"os_treatment_months": [0.5], "died": [False]})
    assert early_deaths(patients, 30) == EarlyDeaths(deaths=0, n_followed=0, n_lost=1)


# -- whose limits count, and which rule ------------------------------------------------------------------------------

def two_days(analyte, before, after):
    """Baseline and month 3 of one patient, each a value with the normal limits of its own day."""
    rows = [("A", visit, day, analyte, value, REFERENCE_UNITS[analyte], low, high)
            for visit, day, (value, low, high) in (("baseline", -3, before), ("month_3", 90, after))]
    return pd.DataFrame(rows, columns=["patient", "visit", "visit_day", "analyte", "value", "unit", "lower_normal", "upper_normal"])


@pytest.mark.parametrize(("analyte", "before", "after", "version", "grade", "new"), [
    # a baseline of 45 was normal by the limit of its day, 50; 60 is above today's limit of 40 but not 1.5 times the baseline
    ("alt", (45, 7, 50), (60, 7, 40), "5", 1, True), ("alt", (45, 7, 40), (60, 7, 40), "5", 0, False),
    # 0.55 was not below the lower limit of its day, 0.5; 0.9 is above 1.5 times it
    ("creatinine", (0.55, 0.5, 1.2), (0.9, 0.6, 1.2), "6", 0, False), ("creatinine", (0.55, 0.6, 1.2), (0.9, 0.5, 1.2), "6", 2, True),
    # grade 1 on both days, each by its own limits: not new
    ("albumin", (3.4, 3.5, 5.0), (3.2, 3.3, 5.0), "5", 1, False), ("alt", (45, 7, 40), (55, 7, 50), "4.03", 1, False),
    # without a limit for the baseline value nobody knows whether grade 1 is new; grade 0 is not in any case
    ("albumin", (3.4, np.nan, 5.0), (3.2, 3.3, 5.0), "5", 1, pd.NA), ("albumin", (3.4, np.nan, 5.0), (4.0, 3.3, 5.0), "5", 0, False)])
def test_each_value_is_judged_by_the_limits_of_its_own_day(analyte, before, after, version, grade, new):
    found = grade_labs(two_days(analyte, before, after), patients_of("A"), version).set_index("visit").loc["month_3"]
    assert found["grade"] == grade and (found["new_or_worsened"] is new or found["new_or_worsened"] == new)


@pytest.mark.parametrize(("version", "rule", "grade"), [("5", "as printed", 2), ("5", "multiples of ULN", 0), ("4.03", "as printed", 2), ("4.03", "multiples of ULN", 0),
                                                        ("6", "as printed", 2), ("6", "multiples of ULN", 0)])
def test_fixed_limits_leave_out_every_multiple_of_the_baseline(version, rule, grade):
    """Creatinine from 0.5 (below the normal 0.6) to 0.8: 1.6 times the baseline, within the normal limits."""
    assert grade_of("creatinine", 0.5, 0.8, version, rule=rule) == grade


def test_limits_that_apply_whatever_the_baseline_stay_under_fixed_limits():
    assert grade_of("alt", 60, 130, rule="multiples of ULN") == 2 and grade_of("bilirubin", 2.0, 13.0, rule="multiples of ULN") == 4
    assert grade_of("inr", 1.0, 1.6, "4.03", rule="multiples of ULN") == 1 and grade_of("albumin", 4.0, 2.5, rule="multiples of ULN") == 2


def test_anticoagulation_is_asked_patient_by_patient():
    """INR 2.1 of 2.0: grade 1 by the baseline, grade 2 by the fixed limit, unknown where nobody knows."""
    labs = pd.concat([labs_of("inr", 2.0, 2.1, patient=patient) for patient in ("yes", "no", "unknown", "stranger")])
    patients = pd.DataFrame({"patient": ["no", "unknown", "yes"], "anticoagulated": pd.array([False, pd.NA, True], dtype="boolean")})
    graded = grade_labs(labs, patients)
    found = graded[graded["visit"] == "month_3"].set_index("patient")["grade"]
    assert found[["yes", "no"]].tolist() == [1, 2] and found[["unknown", "stranger"]].isna().all()
    assert grade_labs(labs, patients, "4.03").set_index(["patient", "visit"])["grade"].loc[[("yes", "month_3"), ("no", "month_3")]].tolist() == [1, 2]


def test_only_the_analytes_asked_for_are_graded():
    labs = pd.concat([labs_of("alt", 30, 210), labs_of("sodium", 140, 128)])
    assert grade_labs(labs, patients_of("A"), analytes=["sodium"])["term"].unique().tolist() == ["Hypernatremia", "Hyponatremia"]
    assert grade_labs(labs, patients_of("A"), analytes=("alt",))["analyte"].unique().tolist() == ["alt"]
    assert len(grade_labs(labs, patients_of("A"))) == 2 + 2 * 2
    with pytest.raises(ToxicityError, match=r"^CTCAE has no limits for ferritin, zinc in data/ctcae\.csv; it grades alt, ast, "):
        grade_labs(labs, patients_of("A"), analytes=["alt", "ferritin", "zinc"])


@pytest.mark.parametrize("left_out", [["visit_day"], ["lower_normal"], ["visit_day", "lower_normal", "upper_normal"]])
def test_columns_left_out_are_as_good_as_empty(left_out):
    labs = pd.concat([labs_of("albumin", 4.0, 2.9), labs_of("alt", 30, 130)])
    found, expected = (grade_labs(table, patients_of("A")) for table in (labs.drop(columns=left_out), labs.assign(**dict.fromkeys(left_out, np.nan))))
    pd.testing.assert_frame_equal(found, expected)


def test_a_table_of_categories_gives_the_same_grades_and_terms_as_categories():
    """As a registry's, whose rows nobody reads in order."""
    labs = pd.concat([labs_of(analyte, high, 1.6 * high, patient=patient) for patient in "BA" for analyte, (low, high) in LIMITS.items()])
    plain, coded = grade_labs(labs, patients_of("A", "B")), grade_labs(labs.astype({"patient": "category", "analyte": "category"}), patients_of("A", "B"))
    assert list(coded["term"].cat.categories) == sorted(set(plain["term"])) and plain["term"].dtype == pd.Series(["text"]).dtype and list(coded.index) == list(range(len(plain)))
    keys = ["patient", "visit_day", "analyte", "term"]
    coded = coded.astype({name: plain[name].dtype for name in ("patient", "analyte", "term")}).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(coded, plain)


# -- every reading at once -------------------------------------------------------------------------------------------

def test_worst_grades_under_every_reading_are_those_of_one_reading_at_a_time():
    """Five patients: abnormal baseline, normal baseline, no baseline, no month 3, none at all; and values of someone who is no patient."""
    values = {"A": {"alt": (60, 85), "albumin": (3.4, 3.3), "creatinine": (0.5, 0.8), "inr": (2.0, 2.1)}, "B": {"alt": (30, 130), "bilirubin": (1.0, 2.5), "alp": (200, 150)},
              "C": {"alt": (None, 130), "albumin": (None, 2.9)}, "D": {"alt": (30, None)}, "stranger": {"alt": (30, 900)}}
    labs = pd.concat([labs_of(analyte, *pair, patient=patient) for patient, own in values.items() for analyte, pair in own.items()])
    patients = patients_of("E", "D", "C", "B", "A").assign(anticoagulated=[False, False, False, False, True])
    found = toxicity.worst_by_reading(labs, patients, "month_3")
    assert set(found) == {(version, rule, only_new) for version in ("4.03", "5", "6") for rule in toxicity.BASELINE_RULES for only_new in (False, True)}
    for version, rule in {key[:2] for key in found}:
        graded = grade_labs(labs, patients, version, rule, toxicity.PAPER_ANALYTES)
        for only_new in (False, True):
            expected = worst_grades(graded, patients["patient"], only_new=only_new)["worst_grade"]
            np.testing.assert_array_equal(found[version, rule, only_new], expected.to_numpy(dtype=float, na_value=np.nan))
    # by hand, version 5: A has ALT 85 of 60, below 1.5 times it, or above ULN; albumin grade 1 as before; INR grade 1 by the baseline or 2 fixed
    np.testing.assert_array_equal(found["5", "as printed", False], [np.nan, np.nan, 2, 2, 1])
    np.testing.assert_array_equal(found["5", "multiples of ULN", False], [np.nan, np.nan, 2, 2, 2])
    np.testing.assert_array_equal(found["5", "as printed", True], [np.nan, np.nan, np.nan, 2, 1])
    # creatinine alone: 1.6 times the baseline, or within the normal limits
    creatinine = toxicity.worst_by_reading(labs, patients, "month_3", ["creatinine"])
    np.testing.assert_array_equal([creatinine["5", rule, False][-1] for rule in toxicity.BASELINE_RULES], [2, 0])
    # at baseline by fixed limits: ALP 200 of 120; INR 2.0
    baseline = toxicity.worst_by_reading(labs, patients, "baseline", ["alp", "inr", "alt"])
    np.testing.assert_array_equal(baseline["5", "as printed", False], [np.nan, 0, np.nan, 1, 2])


def test_only_new_grades_leave_out_what_is_undecided():
    """Grade 1 without a baseline beside a new grade 2: 2; alone: missing; grade 0 of an unchanged value counts as graded."""
    labs = pd.concat([labs_of("albumin", None, 3.2, patient="A"), labs_of("alt", 30, 130, patient="A"), labs_of("albumin", None, 3.2, patient="B"),
                      labs_of("albumin", 3.2, 3.2, patient="C")])
    worst = worst_grades(grade_labs(labs, patients_of("A", "B", "C")), ["A", "B", "C"], only_new=True)
    assert worst["worst_grade"].tolist() == [2, pd.NA, 0] and worst["n_graded"].tolist() == [1, 0, 1]
    assert worst["worst_terms"].tolist() == ["Alanine aminotransferase increased", "", ""]


def test_sodium_counts_as_one_analyte_of_two_terms():
    worst = worst_grades(grade_labs(labs_of("sodium", 140, 128), patients_of("A")), ["A"], analytes=["sodium"])
    assert worst.loc["A"].tolist() == [2, 1, "Hyponatremia"]


def test_a_shift_is_of_the_visit_and_term_asked_for(three):
    later = shift_table(three, "Alanine aminotransferase increased", "month_9")
    assert later.loc[0, 4] == 1 and later.loc[0, "missing"] == 2 and later.to_numpy().sum() == 3
    alone = shift_table(grade_labs(pd.concat([labs_of("alt", None, 130, patient="A"), labs_of("alt", np.nan, np.nan, patient="B")]), patients_of("A", "B")),
                        "Alanine aminotransferase increased")
    assert alone.to_numpy().sum() == 0  # version 5 leaves the grade open without a baseline


def test_liver_injury_leaves_out_the_visit_named_and_takes_the_peak_of_all_others():
    labs = pd.concat([labs_of("alt", 400, 80), labs_of("bilirubin", 3.6, 1.2), labs_of("alt", None, 200).assign(visit="month_6", visit_day=180),
                      labs_of("albumin", 4.0, 4.0)])
    assert liver_injury(labs).loc["A", ["alt", "bilirubin", "range"]].tolist() == [5.0, 1.0, "Temple's corollary"]
    assert liver_injury(labs, after="month_6").loc["A", ["alt", "bilirubin", "range"]].tolist() == [10.0, 3.0, "Hy's law range"]
    assert liver_injury(labs.drop(columns="upper_normal")).loc["A"].isna().all()
    others = pd.concat([labs_of("ast", 40, 60), labs_of("alp", 120, 300)])
    assert liver_injury(others).loc["A", ["ast", "alp"]].tolist() == [1.5, 2.5] and liver_injury(others).loc["A", ["alt", "bilirubin", "range"]].isna().all()


@pytest.mark.parametrize(("day", "died", "deaths", "followed", "lost"), [
    (29.6, True, 1, 1, 0), (30.4, True, 1, 1, 0), (30.6, True, 0, 1, 0), (29.4, False, 0, 0, 1), (29.6, False, 0, 1, 0), (30.6, False, 0, 1, 0),
    (30.5, True, 0, 1, 0), (29.5, False, 0, 1, 0)])  # exactly half a day after is the next day, before is the day
def test_half_a_day_either_way_is_the_same_day(day, died, deaths, followed, lost):
    patients = pd.DataFrame({"os_treatment_months": [day / 30.4375], "died": [died]})
    assert early_deaths(patients, 30) == EarlyDeaths(deaths, followed, lost)


def test_terms_of_equally_many_patients_stand_by_name():
    events = pd.DataFrame({"patient": ["A", "B", "A", "B", "B"], "term": ["pain", "pain", "fever", "ascites", "fever"], "grade": [1, 2, 5, 4, 3]})
    table = events_by_term(events, patients_of("B", "A", treatments=["Y90", "ablation"]))
    assert list(table.index) == ["fever", "pain", "ascites"] and list(table.columns) == [1, 2, 3, 4, 5, "any", "Y90", "ablation"]
    assert table.to_numpy().tolist() == [[0, 0, 1, 0, 1, 2, 1, 1], [1, 1, 0, 0, 0, 2, 1, 1], [0, 0, 0, 1, 0, 1, 1, 0]]


# -- size ------------------------------------------------------------------------------------------------------------

def test_five_thousand_patients_are_graded_in_well_under_two_seconds():
    n, draw = 5000, np.random.default_rng(1)
    names = [f"P{i}" for i in range(n)]
    frame = pd.concat([pd.DataFrame({
        "patient": names, "visit": visit, "visit_day": day, "analyte": analyte, "value": high * draw.lognormal(0, 0.5, n),
        "unit": REFERENCE_UNITS[analyte], "lower_normal": low, "upper_normal": high})
        for visit, day in (("baseline", -3), ("month_3", 90)) for analyte, (low, high) in LIMITS.items() if analyte in toxicity.PAPER_ANALYTES])
    start = time.process_time()
    graded = grade_labs(frame, pd.DataFrame({"patient": names, "anticoagulated": False}))
    assert time.process_time() - start < 2  # 0.3 s of CPU; a loop over patients takes minutes
    assert len(graded) == 2 * 6 * n and graded["grade"].notna().all()
