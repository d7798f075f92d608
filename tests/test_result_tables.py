"""What the tables of the clinical methods are called: their columns, indexes and types, as the docstrings promise them, and the inputs they take."""

import numpy as np
import pandas as pd
import pytest

from lib import liver_scores as liver
from lib.cohort import Cohort
from lib.published import LEDGER_COLUMNS, judge
from lib.response import CATEGORIES, agreement, agreement_matrix, assess, best_overall_response, category_counts, month_3_response, reading_spread, response_rates
from lib.response.course import extrahepatic_progression, is_responder, visit_response
from lib.toxicity import (
    events_by_term,
    grade_counts,
    grade_labs,
    labs_of,
    liver_injury,
    shift_table,
    sir_severity,
    worst_event_grades,
    worst_grades,
)

LABS = pd.DataFrame([(patient, visit, day, analyte, value, unit, low, high) for patient in ("B", "A") for visit, day in (("baseline", -3), ("month_3", 90))
                     for analyte, value, unit, low, high in (
                         ("creatinine", 1.0, "mg/dL", 0.6, 1.2), ("bilirubin", 1.5, "mg/dL", 0.2, 1.2), ("inr", 1.0, "ratio", 0.9, 1.1),
                         ("sodium", 137.0, "mmol/L", 135.0, 145.0), ("albumin", 3.4, "g/dL", 3.5, 5.0), ("alt", 50.0, "U/L", 7.0, 40.0))],
                    columns=["patient", "visit", "visit_day", "analyte", "value", "unit", "lower_normal", "upper_normal"])
PATIENTS = pd.DataFrame({"patient": ["A", "B"], "sex": ["female", "male"], "first_treatment": ["Y90", "DEB-TACE"], "anticoagulated": False})
LESIONS = pd.DataFrame([(patient, visit, day, "L1", size, size, True, False, False) for patient in ("B", "A")
                        for visit, day, size in (("baseline", -3, 40.0), ("month_3", 90, 30.0))],
                       columns=["patient", "visit", "visit_day", "lesion", "longest_diameter_mm", "viable_diameter_mm", "target", "new", "extrahepatic"])
EVENTS = pd.DataFrame({"patient": ["B", "B"], "term": ["nausea", "nausea"], "grade": [1, 2], "hospital_days": [0, 1]})
RESPONSE = pd.Series(["PR", "SD"], index=["A", "B"])
GRADED = ["patient", "visit", "visit_day", "analyte", "term", "value", "unit", "lower_normal", "upper_normal", "baseline", "grade", "new_or_worsened"]
ASSESSED = ["patient", "visit", "visit_day", "n_targets", "baseline_sum_mm", "nadir_mm", "sum_mm", "change_percent", "nadir_change_percent",
            "target_response", "non_target_response", "new_lesion", "response", "decided_by"]


@pytest.fixture(scope="module")
def graded():
    return grade_labs(LABS, PATIENTS)


def test_every_score_and_class_is_a_column_and_every_patient_and_visit_a_row():
    found = liver.liver_scores(LABS, PATIENTS)
    assert list(found.columns) == ["patient", "visit", "meld", "meld_na", "meld_3", "albi", "albi_grade", "child_pugh", "meld_band", "child_pugh_class"]
    assert set(found.columns) == {"patient", "visit", *liver.SCORES, *liver.CLASSES}
    assert found[["patient", "visit"]].to_numpy().tolist() == [[p, v] for p in ("A", "B") for v in ("baseline", "month_3")]
    assert list(found.index) == [0, 1, 2, 3]


def test_scores_before_and_after_stand_beside_each_other():
    found = liver.before_and_after(liver.liver_scores(LABS, PATIENTS), "meld")
    assert list(found.columns) == ["baseline", "month_3"] and (found.index.name, list(found.index)) == ("patient", ["A", "B"])
    turned = liver.before_and_after(liver.liver_scores(LABS, PATIENTS), "meld", "month_3", "month_9")
    assert list(turned.columns) == ["month_3", "month_9"] and turned["month_3"].notna().all() and turned["month_9"].isna().all()


def test_a_change_in_meld_has_the_order_of_the_patients():
    for patients, order in ((None, ["B", "A"]), (PATIENTS, ["A", "B"])):
        found = liver.meld_change(LABS, patients)
        assert list(found.columns) == ["patient", "baseline", "month_3", "increased"] and found.columns.name is None
        assert found["patient"].tolist() == order and str(found["increased"].dtype) == "boolean" and found["baseline"].dtype == float


def test_grades_have_their_columns_types_and_order(graded):
    assert list(graded.columns) == GRADED and list(graded.index) == list(range(len(graded)))
    assert (str(graded["grade"].dtype), str(graded["new_or_worsened"].dtype)) == ("Int64", "boolean")
    keys = graded[["patient", "visit_day", "analyte", "term"]]
    assert keys.to_numpy().tolist() == sorted(keys.to_numpy().tolist()) and set(graded["patient"]) == {"A", "B"}


@pytest.mark.parametrize("nothing", [LABS.iloc[:0], labs_of(Cohort("own", PATIENTS)), LABS.assign(analyte="ferritin"), LABS])
def test_no_graded_value_leaves_an_empty_table_of_the_same_columns_and_types(nothing):
    found = grade_labs(nothing, PATIENTS, analytes=[] if nothing is LABS else None)
    assert list(found.columns) == GRADED and found.index.equals(pd.RangeIndex(0)) and (str(found["grade"].dtype), str(found["new_or_worsened"].dtype)) == ("Int64", "boolean")
    assert all(found[name].dtype == float for name in ("value", "lower_normal", "upper_normal", "baseline"))


def test_a_cohort_without_laboratory_values_has_an_empty_table_of_them():
    own = Cohort("own", PATIENTS, labs=LABS)
    assert labs_of(own) is LABS
    empty = labs_of(Cohort("own", PATIENTS))
    assert list(empty.columns) == list(LABS.columns) and len(empty) == 0 and empty.dtypes.tolist() == LABS.assign(visit_day=0.0).dtypes.tolist()


def test_summaries_of_grades_are_indexed_by_patient_grade_and_baseline_grade(graded):
    worst = worst_grades(graded, ["B", "C", "A"])
    assert list(worst.columns) == ["worst_grade", "n_graded", "worst_terms"] and (worst.index.name, list(worst.index)) == ("patient", ["B", "C", "A"])
    assert (str(worst["worst_grade"].dtype), worst["n_graded"].dtype) == ("Int64", int)
    assert worst.loc["C"].isna().tolist() == [True, False, False] and worst.loc["C", ["n_graded", "worst_terms"]].tolist() == [0, ""]
    counts = grade_counts(worst["worst_grade"], pd.Series(["x", "x", "y"], index=worst.index))
    assert list(counts.columns) == ["all", "x", "y"] and list(counts.index) == [0, 1, 2, 3, 4, 5, "not graded"] and set(counts.dtypes) == {np.dtype(int)}
    assert list(grade_counts(worst["worst_grade"]).columns) == ["all"]
    shift = shift_table(graded, "Hypoalbuminemia")
    assert list(shift.index) == list(shift.columns) == [0, 1, 2, 3, 4, "missing"] and (shift.index.name, shift.columns.name) == ("baseline", "month_3")
    assert set(shift.dtypes) == {np.dtype(int)} and shift.loc[1, 1] == shift.to_numpy().sum() == 2


def test_liver_injury_is_indexed_by_patient_in_the_order_of_the_values():
    found = liver_injury(LABS)
    assert list(found.columns) == ["alt", "ast", "bilirubin", "alp", "range"] and found.columns.name is None
    assert (found.index.name, list(found.index)) == ("patient", ["B", "A"]) and found[["ast", "alp"]].isna().all(axis=None)


def test_event_tables_have_their_names_and_types():
    worst = worst_event_grades(EVENTS, ["A", "B"])
    assert (worst.name, worst.index.name, str(worst.dtype), worst.tolist()) == ("worst_grade", "patient", "Int64", [0, 2])
    by_term = events_by_term(EVENTS, PATIENTS)
    assert list(by_term.columns) == [1, 2, 3, 4, 5, "any", "Y90", "DEB-TACE"] and by_term.index.name == "term" and set(by_term.dtypes) == {np.dtype(int)}
    severity = sir_severity(EVENTS.set_axis([7, 9]))
    assert (severity.name, str(severity.dtype), list(severity.index)) == ("sir_severity", "Int64", [7, 9])


def test_assessments_have_their_columns_and_one_row_a_follow_up_visit():
    found = assess(LESIONS.set_axis(pd.Index(list("wxyz"), name="patient")), "RECIST")  # whatever the rows' own index is called
    assert list(found.columns) == ASSESSED and list(found.index) == [0, 1] and found["patient"].tolist() == ["A", "B"]
    assert found["decided_by"].tolist() == ["", ""] and found["n_targets"].dtype == int and found["new_lesion"].dtype == bool
    assert list(assess(LESIONS[LESIONS.visit == "baseline"], "RECIST").columns) == ASSESSED


def test_one_category_a_patient_is_a_series_by_patient():
    assessed = assess(LESIONS, "RECIST")
    for found, name in ((visit_response(assessed), "response"), (month_3_response(LESIONS, "RECIST"), "response"),
                        (extrahepatic_progression(LESIONS), "extrahepatic_progression"), (best_overall_response(assessed), "best_overall_response")):
        assert (found.name, found.index.name) == (name, "patient") and sorted(found.index) == ["A", "B"]
    assert visit_response(assessed, ["C", "B"]).to_dict() == {"C": "NE", "B": "SD"} and list(month_3_response(LESIONS, "RECIST").index) == ["B", "A"]
    assert extrahepatic_progression(LESIONS).dtype == bool and str(is_responder(RESPONSE).dtype) == "boolean"


def test_rates_and_counts_have_a_row_for_each_group_and_category_or_rate():
    counts = category_counts(RESPONSE, pd.Series(["x", "y"], index=["A", "B"]), ["y", "x"])
    assert list(counts.columns) == ["group", "category", "count", "n"]
    assert counts[["group", "category"]].to_numpy().tolist() == [[group, each] for group in ("total", "y", "x") for each in CATEGORIES]
    assert counts.set_index(["group", "category"]).loc[("y", "SD")].tolist() == [1, 1] and counts["count"].sum() == 4
    rates = response_rates(RESPONSE, pd.Series(["x", "y"], index=["A", "B"]), ["y", "x"])
    assert list(rates.columns) == ["rate", "group", "count", "n", "estimate", "exact_lower", "exact_upper", "wilson_lower", "wilson_upper", "p"]
    assert rates[["rate", "group"]].to_numpy().tolist() == [[rate, group] for rate in ("ORR", "DCR") for group in ("total", "y", "x")]


def test_readers_tables_are_indexed_by_category_and_draw():
    matrix = agreement_matrix(RESPONSE)
    assert list(matrix.index) == list(matrix.columns) == ["CR", "PR", "SD", "PD"]
    assert list(agreement_matrix(RESPONSE.replace("SD", "non-CR/non-PD")).index) == ["CR", "PR", "SD", "non-CR/non-PD", "PD"]
    spread = reading_spread(RESPONSE, matrix, 3, 1)
    assert list(spread.columns) == ["ORR", "DCR"] and spread.shape == (3, 2)
    table = agreement(RESPONSE, RESPONSE.replace("SD", "NE")).table
    assert list(table.index) == list(table.columns) == ["CR", "PR", "SD", "PD", "NE"] and table.loc["SD", "NE"] == table.loc["PR", "PR"] == 1


def test_a_judged_ledger_keeps_its_columns_and_gains_four():
    ledger = pd.DataFrame([("a", "9", "months", "Abstract", "reproduced", "")], columns=LEDGER_COLUMNS)
    found = judge(ledger, {"a": {"value": 9.2}})
    assert list(found.columns) == [*LEDGER_COLUMNS, "verdict", "recomputed", "as_expected", "chapter"] and list(ledger.columns) == LEDGER_COLUMNS
    assert found.iloc[0, -4:].tolist() == ["reproduced", "9", True, ""]


# -- the inputs that a reader's own rows may bring: a list, a column, one number, whole numbers, None for a missing value ---------

FORMS = [lambda values: values, np.array, pd.Series, lambda values: np.array(values, dtype=object)]


@pytest.mark.parametrize("form", FORMS)
def test_scores_take_any_column_of_numbers_and_a_missing_one_stays_missing(form):
    """Check values of the formulas: creatinine 1.9, bilirubin 4.0, INR 1.8; sodium 128, albumin 2.8; ALBI of 34.2 umol/L and 28 g/L."""
    creatinine, bilirubin, inr, sodium, albumin = (form([value, None]) for value in (1.9, 4.0, 1.8, 128, 2.8))
    female = form([True, True])
    for found, expected in ((liver.meld(creatinine, bilirubin, inr), 24), (liver.meld_na(creatinine, bilirubin, inr, sodium), 29),
                            (liver.meld_3(creatinine, bilirubin, inr, sodium, albumin, female), 31), (liver.albi(form([34.2, None]), form([28, None])), -1.37),
                            (liver.albi_grade(form([-2, None])), 2), (liver.child_pugh(bilirubin, albumin, inr, form(["none", None]), form([1, None])), 3 + 2 + 2 + 1 + 2)):
        assert found[0] == pytest.approx(expected, abs=0.005) and np.isnan(found[1]) and len(found) == 2
    assert list(liver.child_pugh_class(form([7, None]))) == ["B", None] and list(liver.meld_band(form([20, None]))) == ["20-29", None]
    changed = liver.paired_change(form([7, 8, None, 5]), form([9, None, 4, 6]))
    assert (changed.n, changed.change, changed.n_up) == (2, 1.5, 2)


def test_scores_take_single_numbers():
    assert (liver.meld(1.9, 4.0, 1.8), liver.meld_na(1.9, 4.0, 1.8, 128), liver.meld_3(1.9, 4.0, 1.8, 128, 2.8, True), liver.albi_grade(-1)) == (24, 29, 31, 3)
    assert liver.child_pugh(1.0, 4.0, 1.0, "mild", 0) == [6] and liver.child_pugh_class(10) == "C" and liver.meld_band(9) == "6-9"


@pytest.mark.parametrize("form", FORMS)
def test_crossings_take_any_column(form):
    found = liver.class_crossings(form(["A", "B", None]), form(["B", "B", "C"]), form(["P1", "P2", "P3"]), ("A", "B", "C"))
    assert found.to_dict("records") == [{"patient": "P1", "before": "A", "after": "B", "worse": True}]
    nobody = liver.class_crossings(form(["A"]), form(["A"]), form(["P1"]), ("A", "B"))
    assert list(nobody.columns) == ["patient", "before", "after", "worse"] and len(nobody) == 0 and nobody["worse"].dtype == bool
