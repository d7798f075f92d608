"""What four patients offer to survival analysis; every expectation is worked from their rows by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lib.cohort import DAYS_PER_MONTH, build_cohort, read_cohort
from lib.survival import groups

PATIENTS = pd.DataFrame({
    "patient": ["A", "B", "C", "D"], "first_treatment": ["TACE", "Y90", "TACE", "Y90"], "age_years": [50, 60, 75, 81],
    "sex": ["female", "male", "female", "male"], "ecog": [0, 1, 0, 2], "extrahepatic_disease": [True, False, True, False],
    "n_liver_lesions": [1, 3, 2, 5], "os_liver_metastasis_months": [10.0, 12.0, 9.0, 20.0], "os_treatment_months": [9.0, 4.0, 5.0, 19.5],
    "died": [True, False, True, True]})

# MELD = 3.78 ln bilirubin + 11.2 ln INR + 9.57 ln creatinine + 6.43, nothing below 1: 6 where all are 1 (6.43 rounds to 6);
# bilirubin 2 adds 2.62 (9.05, so 9), INR 1.2 adds 2.04 (8.47, so 8)
SCORES = {("A", "baseline"): (1, 1), ("A", "month_3"): (2, 1), ("B", "baseline"): (2, 1), ("B", "month_3"): (2, 1),
          ("C", "baseline"): (1, 1.2), ("C", "month_3"): (1, 1), ("D", "baseline"): (1, 1)}
DAYS = {"A": 91, "B": 85, "C": 100}
LABS = pd.DataFrame([
    {"patient": patient, "visit": visit, "visit_day": -3 if visit == "baseline" else DAYS[patient], "analyte": analyte, "value": value,
     "unit": unit, "lower_normal": 0.1, "upper_normal": 5.0}
    for (patient, visit), (bilirubin, inr) in SCORES.items()
    for analyte, value, unit in (("bilirubin", bilirubin, "mg/dL"), ("inr", inr, "ratio"), ("creatinine", 1, "mg/dL"))])


@pytest.fixture(scope="module")
def study():
    return SimpleNamespace(patients=PATIENTS.assign(extrahepatic_disease=PATIENTS.extrahepatic_disease.astype("boolean")), labs=LABS, lesions=None,
                           treatments=None, lacking=lambda *needs: tuple(
                               need for need in needs if need.startswith("patients.") and need.partition(".")[2] not in PATIENTS))


def test_extrahepatic_disease_divides_by_its_column(study):
    found = groups._by_extrahepatic(study)
    assert found.labels.tolist() == ["yes", "no", "yes", "no"] and list(found.levels) == ["no", "yes"]
    assert found.counts() == {"no": 2, "yes": 2} and found.known_months is None
    assert found.in_words == {"no": "patients without extrahepatic disease", "yes": "patients with extrahepatic disease"}
    months, died, member = found.arrays(study.patients)
    assert months.tolist() == [9, 4, 5, 19.5] and died.tolist() == [True, False, True, True] and member.tolist() == [True, False, True, False]


def test_a_change_of_meld_is_known_at_the_visit_that_shows_it(study):
    """A rises from 6 to 9, B stays at 9, C falls from 8 to 6, and D was not seen again."""
    found = groups._by_meld(study)
    assert found.labels.tolist() == ["increased", "not_increased", "not_increased", None] and found.known.tolist() == [True, True, True, False]
    assert found.counts() == {"not_increased": 2, "increased": 1} and list(found.levels) == ["not_increased", "increased"]
    assert found.known_months[:3] == pytest.approx(np.array([91, 85, 100]) / DAYS_PER_MONTH) and np.isnan(found.known_months[3])
    assert found.in_words == {"not_increased": "patients whose MELD score fell or stayed the same", "increased": "patients whose MELD score rose"}
    months, died, member = found.arrays(study.patients)
    assert months.tolist() == [9, 4, 5] and died.tolist() == [True, False, True] and member.tolist() == [True, False, False]


@pytest.mark.parametrize(("cut", "labels"), [(4.0, ["early", "late", "early", "early"]), (0.5, ["late", "late", "late", "early"])])
def test_the_gap_divides_at_the_cut(study, cut, labels):
    """The gaps are 1, 8, 4 and 0.5 months."""
    assert groups.treatment_gap(study.patients).tolist() == [1, 8, 4, 0.5]
    found = groups._by_gap(study, cut)
    assert found.labels.tolist() == labels and list(found.levels) == ["early", "late"]
    assert found.levels == {"early": f"≤{cut:g} months", "late": f">{cut:g} months"} and found.known_months is None


def test_a_level_without_words_is_named_in_italics():
    found = groups.Grouping("Arm", pd.Series(["a", None]), {"a": "Arm A", "b": "Arm B"}, patients={"b": "patients of arm B"})
    assert found.in_words == {"a": "*Arm A*", "b": "patients of arm B"} and found.counts() == {"a": 1, "b": 0}
    assert groups.comparable({"arm": found}) == {}


def test_a_visit_is_dated_by_its_last_day_and_only_for_those_who_came():
    table = pd.DataFrame({"patient": ["A", "A", "C", "B"], "visit": ["month_3", "month_3", "month_3", "baseline"], "visit_day": [80, 91, 100, -3]})
    found = groups.visit_months(table, PATIENTS)
    assert found[[0, 2]] == pytest.approx(np.array([91, 100]) / DAYS_PER_MONTH) and np.isnan(found[[1, 3]]).all()
    assert np.isnan(groups.visit_months(table.drop(columns="visit_day"), PATIENTS)).all()
    assert groups.visit_months(table, PATIENTS, "baseline")[1] == pytest.approx(-3 / DAYS_PER_MONTH)


def test_covariates_of_the_patients_are_on_the_scales_that_their_names_say(study):
    divided = {"extrahepatic_disease": groups._by_extrahepatic(study), "meld_change": groups._by_meld(study)}
    frame = groups.patient_covariates(study, divided)
    assert frame["Age, per 10 years"].tolist() == [5, 6, 7.5, 8.1]
    assert frame["Treatment gap, per month"].tolist() == [1, 8, 4, 0.5]
    assert frame["MELD at baseline, per point"].tolist() == [6, 9, 8, 6]
    assert frame["MELD at 3 months, per point"].tolist()[:3] == [9, 9, 6] and np.isnan(frame["MELD at 3 months, per point"][3])
    assert frame["ECOG performance status, per point"].tolist() == [0, 1, 0, 2] and frame["Liver lesions, per lesion"].tolist() == [1, 3, 2, 5]
    assert list(frame["MELD score at 3 months"].cat.categories) == ["Decreased or stable", "Increased"]
    assert frame["MELD score at 3 months"].tolist()[:3] == ["Increased", "Decreased or stable", "Decreased or stable"]
    assert list(frame) == ["Age, per 10 years", "Sex", "ECOG performance status, per point", "Extrahepatic disease", "Liver lesions, per lesion",
                           "First treatment", "Treatment gap, per month", "MELD at baseline, per point", "MELD at 3 months, per point",
                           "MELD score at 3 months"]


def test_levels_of_a_covariate_stand_in_the_order_of_its_groups_and_not_of_the_alphabet(study):
    """The first is what the others are compared with; by the alphabet of Unicode > would come before \N{LESS-THAN OR EQUAL TO}."""
    frame = groups.patient_covariates(study, {"treatment_gap": groups._by_gap(study, 4)})
    assert list(frame["Time from liver metastasis to treatment"].cat.categories) == ["\N{LESS-THAN OR EQUAL TO}4 months", ">4 months"]


def test_laboratory_values_are_standardised_at_the_visit_asked_for(study):
    """Bilirubin at baseline is 1, 2, 1, 1: mean 1.25, standard deviation 0.5; creatinine does not vary."""
    values, spread = groups.lab_covariates(study, "baseline")
    assert list(values) == ["bilirubin", "inr", "creatinine"] and spread["bilirubin"] == pytest.approx(0.5) and spread["creatinine"] == 0
    assert values.bilirubin.tolist() == pytest.approx([-0.5, 1.5, -0.5, -0.5]) and values.creatinine.tolist() == [0, 0, 0, 0]
    values, _ = groups.lab_covariates(study, "month_3")  # 2, 2, 1 and no value: mean 5/3, standard deviation sqrt(1/3)
    assert values.bilirubin.tolist()[:3] == pytest.approx([1 / np.sqrt(3), 1 / np.sqrt(3), -2 / np.sqrt(3)]) and np.isnan(values.bilirubin[3])


def test_models_are_checked_on_what_was_known_at_first_treatment(study):
    divided = {"extrahepatic_disease": groups._by_extrahepatic(study), "meld_change": groups._by_meld(study)}
    found = groups.model_covariates(study, divided)
    assert {name: (values.tolist(), continuous) for name, (values, continuous) in found.items()} == {
        "Extrahepatic disease: Yes": ([1, 0, 1, 0], False), "Treatment gap (months)": ([1, 8, 4, 0.5], True),
        "Age (years)": ([50, 60, 75, 81], True), "Liver lesions (number)": ([1, 3, 2, 5], True)}


def test_each_clock_of_a_cohort_has_its_curve_and_those_without_a_time_are_left_out():
    columns = ["patient", "first_treatment", "os_liver_metastasis_months", "os_treatment_months", "died"]
    cohort = build_cohort("four", PATIENTS.assign(os_liver_metastasis_months=[10.0, np.nan, 9.0, 20.0])[columns])
    curves = groups.clock_curves(cohort)
    assert list(curves) == ["os_liver_metastasis", "os_treatment"] and [curve.n for curve in curves.values()] == [3, 4]


def test_responses_and_progressions_follow_the_patients_in_whatever_order():
    reference = read_cohort("reference")
    turned = replace(reference, patients=reference.patients[::-1].reset_index(drop=True))
    assert np.array_equal(groups.progression_months(turned), groups.progression_months(reference)[::-1], equal_nan=True)
    found, again = (groups.groupings(study)["mrecist_response"] for study in (reference, turned))
    assert found.levels == {"responders": "Responders", "non_responders": "Non-responders"} and found.labels.tolist() == again.labels.tolist()[::-1]
