"""Liver scores against published check values, R's tests and hand calculations."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest

from lib.liver_scores import (
    LiverScoreError,
    albi,
    albi_grade,
    before_and_after,
    child_pugh,
    child_pugh_class,
    class_crossings,
    liver_scores,
    meld,
    meld_3,
    meld_band,
    meld_change,
    meld_na,
    paired_change,
)

CREATININE, BILIRUBIN, INR = [0.8, 1.3, 1.9, 5.0], [0.7, 1.9, 4.0, 10.0], [1.0, 1.2, 1.8, 2.5]


def labs(rows, unit=None):
    """Long labs from (patient, visit, analyte, value); reference units unless told."""
    units = {"creatinine": "mg/dL", "bilirubin": "mg/dL", "inr": "ratio", "sodium": "mmol/L", "albumin": "g/dL"} | (unit or {})
    frame = pd.DataFrame(rows, columns=["patient", "visit", "analyte", "value"])
    return frame.assign(visit_day=0, unit=frame["analyte"].map(units), lower_normal=np.nan, upper_normal=np.nan)


def visit(patient, when, creatinine, bilirubin, inr, sodium=140.0, albumin=4.0):
    values = {"creatinine": creatinine, "bilirubin": bilirubin, "inr": inr, "sodium": sodium, "albumin": albumin}
    return [(patient, when, analyte, value) for analyte, value in values.items()]


def test_meld_matches_the_check_values_of_the_unos_formula():
    # worked by hand from the printed formula, e.g. 9.57 ln 1.3 + 3.78 ln 1.9 + 11.20 ln 1.2 + 6.43 = 13.41
    assert meld(CREATININE, BILIRUBIN, INR).tolist() == [6, 13, 24, 39]


def test_meld_na_adds_sodium_only_above_eleven():
    # 13 + 1.32 x 9 - 0.033 x 13 x 9 = 21.02; the first patient's MELD of 6 stays
    assert meld_na(CREATININE, BILIRUBIN, INR, [128] * 4).tolist() == [6, 21, 29, 39]
    # MELD 11 (bilirubin 3.35: 3.78 ln 3.35 + 6.43 = 11.0) is not above 11
    assert meld(1, 3.35, 1) == 11 and meld_na(1, 3.35, 1, 125) == 11


def test_meld_3_matches_the_check_values():
    assert meld_3(CREATININE, BILIRUBIN, INR, [128] * 4, [2.8] * 4, True).tolist() == [16, 22, 31, 40]
    assert meld_3(CREATININE, BILIRUBIN, INR, [138] * 4, [3.5] * 4, False).tolist() == [6, 14, 25, 37]


def test_meld_bounds_floor_cap_and_dialysis():
    assert meld(0.1, 0.1, 0.5) == 6                       # every input counts as 1.0
    assert meld(9.0, 1.0, 1.0) == meld(4.0, 1.0, 1.0) == meld(1.0, 1.0, 1.0, dialysis=True) == 20  # 9.57 ln 4 + 6.43 = 19.70
    assert meld(4.0, 80.0, 20.0) == 40                    # 69.8 uncapped


@pytest.mark.parametrize("missing", ["creatinine", "bilirubin", "inr"])
def test_a_missing_input_gives_a_missing_score(missing):
    values = {"creatinine": 1.0, "bilirubin": 1.0, "inr": 1.0} | {missing: np.nan}
    assert np.isnan(meld(*values.values()))
    assert np.isnan(meld_na(*values.values(), 137))
    assert np.isnan(meld_3(*values.values(), 137, 3.5, True))


def test_missing_sodium_takes_meld_na_but_not_meld():
    assert meld(1, 1, 1) == 6
    assert np.isnan(meld_na(1, 1, 1, np.nan))


def test_albi_matches_check_values_and_grade_limits():
    # Johnson 2015: 0.66 log10(17.1) - 0.085 x 35 = 0.8138 - 2.975
    assert albi([10, 17.1, 34.2], [40, 35, 28]) == pytest.approx([-2.74, -2.16, -1.37], abs=0.005)
    # grade 1 ends at -2.60 and grade 2 at -1.39, both ends included
    assert albi_grade([-2.60, -2.59, -1.39, -1.38]).tolist() == [1, 2, 2, 3]
    assert np.isnan(albi_grade(np.nan))


@pytest.mark.parametrize(("bilirubin", "albumin", "inr", "ascites", "encephalopathy", "points", "letter"), [
    (1.9, 3.6, 1.6, "none", 0, 5, "A"),
    (2.0, 3.5, 1.7, "mild", 1, 10, "C"),
    (3.0, 2.8, 2.3, "mild", 2, 10, "C"),
    (3.1, 2.7, 2.4, "moderate", 3, 15, "C"),
    (1.0, 4.0, 1.0, "none", 1, 6, "A"),
    (1.0, 4.0, 1.0, "mild", 1, 7, "B"),
    (2.5, 3.0, 2.0, "mild", 0, 9, "B"),
])
def test_child_pugh_points_at_their_limits(bilirubin, albumin, inr, ascites, encephalopathy, points, letter):
    # Pugh 1973: bilirubin <2 / 2-3 / >3, albumin >3.5 / 2.8-3.5 / <2.8, INR <1.7 / 1.7-2.3 / >2.3
    found = child_pugh([bilirubin], [albumin], [inr], [ascites], [encephalopathy])
    assert found.tolist() == [points]
    assert child_pugh_class(found).tolist() == [letter]


def test_child_pugh_refuses_an_unknown_degree_and_passes_on_the_unknown():
    with pytest.raises(LiverScoreError, match="ascites 'some' is unknown"):
        child_pugh([1.0], [4.0], [1.0], ["some"], [0])
    assert np.isnan(child_pugh([1.0], [4.0], [1.0], [None], [0]))
    assert child_pugh_class([np.nan]).tolist() == [None]


def test_meld_bands_are_those_of_wiesner_2003():
    assert meld_band([6, 9, 10, 19, 20, 29, 30, 40, np.nan]).tolist() == [
        "6-9", "6-9", "10-19", "10-19", "20-29", "20-29", "30-40", "30-40", None]


def test_scores_do_not_depend_on_the_unit():
    rows = visit("A", "baseline", 1.9, 4.0, 1.8, 128, 2.8)
    patients = pd.DataFrame({"patient": ["A"], "sex": ["female"]})
    mass = liver_scores(labs(rows), patients)
    # 4.0 mg/dL bilirubin is 68.4 umol/L; 1.9 mg/dL creatinine 168.0 umol/L (molar masses 584.66 and 113.12)
    other = [("A", "baseline", analyte, {"creatinine": 167.96, "bilirubin": 68.416, "albumin": 28.0}.get(analyte, value))
             for _, _, analyte, value in rows]
    molar = liver_scores(labs(other, {"creatinine": "umol/L", "bilirubin": "µmol/L", "albumin": "g/L", "sodium": "mEq/L"}), patients)
    assert mass["meld"].tolist() == molar["meld"].tolist() == [24]
    assert molar["meld_na"].tolist() == [29] and molar["meld_3"].tolist() == [31]
    assert molar["albi"].item() == pytest.approx(0.66 * math.log10(68.416) - 0.085 * 28, abs=1e-4)


def test_child_pugh_needs_ascites_and_encephalopathy():
    frame = labs(visit("A", "baseline", 1, 1, 1) + visit("A", "month_3", 1, 2.5, 1))
    unknown = liver_scores(frame, pd.DataFrame({"patient": ["A"], "sex": ["male"]}))
    assert unknown["child_pugh"].isna().all() and unknown["child_pugh_class"].isna().all()
    known = liver_scores(frame, pd.DataFrame({"patient": ["A"], "sex": ["male"], "ascites": ["none"], "encephalopathy": [0]}))
    assert before_and_after(known, "child_pugh").loc["A"].tolist() == [5, 6]


def test_unknown_sex_takes_meld_3_only():
    scores = liver_scores(labs(visit("A", "baseline", 1, 1, 1)), pd.DataFrame({"patient": ["A"], "sex": [None]}))
    assert scores["meld"].item() == 6 and np.isnan(scores["meld_3"].item())


def test_meld_change_names_who_rose_and_leaves_the_unknown_open():
    frame = labs(visit("up", "baseline", 1, 1, 1) + visit("up", "month_3", 1.3, 1.9, 1.2)
                 + visit("same", "baseline", 1, 1, 1) + visit("same", "month_3", 1.0, 1.0, 1.0)
                 + visit("down", "baseline", 1.3, 1.9, 1.2) + visit("down", "month_3", 1, 1, 1)
                 + visit("lost", "baseline", 1, 1, 1))
    patients = pd.DataFrame({"patient": ["up", "same", "down", "lost", "nothing"]})
    found = meld_change(frame, patients).set_index("patient")
    assert found.loc["up", ["baseline", "month_3"]].tolist() == [6, 13]
    assert found.loc[["up", "same", "down"], "increased"].tolist() == [True, False, False]
    assert found.loc[["lost", "nothing"], "increased"].isna().all()


def test_meld_change_does_not_see_later_visits():
    frame = labs(visit("A", "baseline", 1, 1, 1) + visit("A", "month_3", 1, 1, 1) + visit("A", "month_6", 4, 9, 3))
    assert meld_change(frame)["increased"].tolist() == [False]
    assert meld_change(frame, after="month_6")["increased"].tolist() == [True]


def test_paired_change_matches_r():
    # R 4.2: x <- c(7,8,9,10,7,8); y <- c(9,8,12,11,6,15); t.test(y, x, paired = TRUE):
    # mean difference 2, 95 percent CI -0.9682522 4.9682522, p-value 0.1438
    # wilcox.test(y, x, paired = TRUE, exact = FALSE, correct = FALSE): p-value = 0.1041
    found = paired_change([7, 8, 9, 10, 7, 8, np.nan], [9, 8, 12, 11, 6, 15, 4])
    assert (found.n, found.n_up, found.n_same, found.n_down) == (6, 4, 1, 1)
    assert (found.change, found.lower, found.upper) == pytest.approx((2, -0.9682522, 4.9682522), abs=1e-6)
    assert found.t_p == pytest.approx(0.1438, abs=5e-5)
    assert found.wilcoxon_p == pytest.approx(0.1041, abs=5e-5)
    assert found.sd_after == pytest.approx(np.std([9, 8, 12, 11, 6, 15], ddof=1))


def test_paired_change_gives_back_the_published_p_from_published_means():
    # a mean change of 33/24 and a two-sided P of 0.062 with 23 degrees of freedom imply an SD of 3.43:
    # t = 1.375 / (3.43 / sqrt(24)) = 1.96, P(|t23| > 1.96) = 0.062 (Student's table: 0.0622)
    values = np.r_[np.zeros(12), np.ones(12)]
    spread = (values - values.mean()) / np.std(values, ddof=1) * 3.43 + 1.375
    assert paired_change(np.zeros(24), spread).t_p == pytest.approx(0.062, abs=5e-4)


@pytest.mark.parametrize(("before", "after", "n", "change"), [([], [], 0, None), ([7], [9], 1, 2.0), ([np.nan], [9], 0, None)])
def test_too_few_pairs_give_no_interval_and_no_test(before, after, n, change):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nobody is no accident
        found = paired_change(before, after)
    assert found.n == n
    assert np.isnan(found.change) if change is None else found.change == change
    assert all(np.isnan([found.lower, found.upper, found.t_p, found.wilcoxon_p]))


def test_nobody_changed_gives_no_p():
    found = paired_change([7, 8, 9], [7, 8, 9])
    assert (found.change, found.n_same) == (0, 3)
    assert np.isnan(found.t_p) and np.isnan(found.wilcoxon_p)


def test_class_crossings_tell_the_direction():
    moved = class_crossings([1, 1, 2, 3, np.nan], [1, 2, 1, 3, 2], ["a", "b", "c", "d", "e"], [1, 2, 3])
    assert moved[["patient", "worse"]].values.tolist() == [["b", True], ["c", False]]


@pytest.mark.parametrize("call", [lambda: meld(0, 1, 1), lambda: meld(1, -2, 1), lambda: albi(1, 0)])
def test_a_value_of_zero_is_refused_by_name(call):
    with pytest.raises(LiverScoreError, match="a value of zero or below is not a measurement"):
        call()


def test_unequal_lengths_are_refused():
    with pytest.raises(LiverScoreError, match="give one pair per patient"):
        paired_change([1, 2], [1])


# -- at the edges of the formulas ---------------------------------------------------------------------------------------

def test_a_score_that_falls_on_a_half_is_rounded_up():
    """Male, sodium 126, albumin 2.7, all else 1: 0.82 x 11 + 1.85 x 0.8 + 6 = 16.5 exactly, which binary fractions put just below."""
    assert meld_3(1, 1, 1, 126, 2.7, False) == 17


def test_inputs_are_held_between_their_limits():
    """MELD-Na of a MELD of 24: at 125 it is 24 + 1.32 x 12 - 0.033 x 24 x 12 = 30.3. MELD 3.0 with all else 1, a man's: 6 + 0.82 x 12 = 15.8 at 125,
    6 + 1.85 x 2 = 9.7 at an albumin of 1.5, 6 + 11.14 ln 3 = 18.2 at a creatinine of 3; a woman's 7.3."""
    assert meld_na(1.9, 4.0, 1.8, [110, 125, 137, 150]).tolist() == [30, 30, 24, 24]
    assert meld_3(1, 1, 1, [110, 125, 137, 150], 4, False).tolist() == [16, 16, 6, 6]
    assert meld_3(1, 1, 1, 137, [1.0, 1.5, 3.5, 4.5], False).tolist() == [10, 10, 6, 6]
    assert meld_3([0.2, 1, 3, 9], [0.2, 1, 1, 1], [0.2, 1, 1, 1], 137, 4, False).tolist() == [6, 6, 18, 18]
    assert meld_3(1, 1, 1, 137, 4, [False, True]).tolist() == [6, 7]
    assert meld_3(1, 1, 1, 137, 4, False, dialysis=[False, True]).tolist() == [6, 18]


def test_meld_3_multiplies_what_the_formula_multiplies():
    """Creatinine 2, bilirubin 3, INR 1.5, sodium 130, albumin 3.0, a man:
    5.010 + 5.74 - 1.846 + 3.686 + 7.722 + 0.925 - 0.634 + 6 = 26.60; at the worst of everything 42.8, which counts as 40."""
    assert meld_3(2, 3, 1.5, 130, 3.0, False) == 27 and meld_3(3, 9, 3, 125, 1.5, True) == 40


def test_dialysis_counts_in_meld_with_sodium():
    assert meld_na(1, 1, 1, 137, dialysis=[True, False]).tolist() == [20, 6]


@pytest.mark.parametrize(("call", "says"), [
    (lambda: meld(0, 1, 1), "creatinine is 0: "), (lambda: meld(1, [2, -2, np.nan], 1), "bilirubin is -2: "), (lambda: meld(1, 1, [-0.5]), "inr is -0.5: "),
    (lambda: meld_na(1, 1, 1, 0), "sodium is 0: "), (lambda: meld_3(1, 1, 1, 137, -3, True), "albumin is -3: "), (lambda: meld_3(1, 1, 1, -137, 3, True), "sodium is -137: "),
    (lambda: albi(0, 40), "bilirubin is 0: "), (lambda: albi(10, -40), "albumin is -40: "), (lambda: child_pugh([1], [-4], [1], ["none"], [0]), "albumin is -4: "),
    (lambda: child_pugh([0], [4], [1], ["none"], [0]), "bilirubin is 0: "), (lambda: child_pugh([1], [4], [-1], ["none"], [0]), "inr is -1: "),
    (lambda: child_pugh([1, 1], [4, 4], [1, 1], ["none", "much"], [0, 0]), "ascites 'much' is unknown; use one of none, mild, "),
    (lambda: child_pugh([1], [4], [1], ["none"], [5]), "encephalopathy '5' is unknown; use one of none, 0, 1, 2, 3, 4"),
    (lambda: paired_change([1, 2], [1]), "2 values before and 1 after: "), (lambda: paired_change([1], [1, 2, 3]), "1 values before and 3 after: "),
    *((lambda level=level: paired_change([1, 2], [2, 4], level), f"conf_level is {level}; ") for level in (0, 1, 1.5, 95))])
def test_what_is_no_measurement_is_refused_by_name_and_value(call, says):
    with pytest.raises(LiverScoreError, match="^" + says):
        call()


def test_two_patients_who_moved_are_enough_for_a_test():
    """Changes 1 and 2: t = 1.5 / (0.7071 / sqrt 2) = 3, whose tail with one degree of freedom is that of Cauchy's distribution;
    Wilcoxon: W = 0 of mean 1.5 and variance 1.25, z = 1.342."""
    found = paired_change([0, 0], [1, 2])
    assert found.t_p == pytest.approx(1 - 2 / math.pi * math.atan(3)) and found.wilcoxon_p == pytest.approx(math.erfc(1.5 / math.sqrt(1.25) / math.sqrt(2)))
    assert (found.mean_before, found.sd_before, found.mean_after) == (0, 0, 1.5) and found.sd_after == pytest.approx(math.sqrt(0.5))
    down = paired_change([1, 2], [0, 0])
    assert (down.t_p, down.wilcoxon_p, down.change, down.n_down, down.n_up) == (found.t_p, found.wilcoxon_p, -1.5, 2, 0)
    assert (down.lower, down.upper) == pytest.approx((-found.upper, -found.lower))


def test_a_wider_coverage_widens_the_interval_of_a_change():
    """Changes 1, 2, 3: quantiles of t with 2 degrees of freedom, 9.924843 for 99% and 2.919986 for 90%, over sqrt 3."""
    for level, quantile in ((0.99, 9.924843), (0.90, 2.919986)):
        found = paired_change([0, 0, 0], [1, 2, 3], level)
        assert (found.lower, found.upper) == pytest.approx((2 - quantile / math.sqrt(3), 2 + quantile / math.sqrt(3)), abs=1e-5)


def test_one_pair_moved_by_the_same_as_all_has_no_test():
    same = paired_change([1, 2, 3], [2, 3, 4])  # no spread: a t of infinity
    assert math.isnan(same.t_p) and (same.change, same.lower, same.upper, same.n_up) == (1, 1, 1, 3)
    assert math.isnan(paired_change([1, 2], [1, 3]).wilcoxon_p)


# -- patients and visits ------------------------------------------------------------------------------------------------

def test_each_patient_has_the_facts_of_its_own():
    """A woman with mild ascites on dialysis, a man with neither, and two of whom little or nothing is known."""
    rows = [row for patient in ("man", "woman", "little", "stranger") for row in visit(patient, "baseline", 1, 2.5, 1, 137, 4)]
    patients = pd.DataFrame({"patient": ["woman", "man", "little"], "sex": ["female", "male", None], "dialysis": pd.array([True, False, pd.NA], dtype="boolean"),
                             "ascites": ["mild", "none", None], "encephalopathy": [0, 1, 0]})
    for frame in (patients, patients.assign(dialysis=patients["dialysis"].astype(object).where(patients["dialysis"].notna(), None))):
        found = liver_scores(labs(rows), frame).set_index("patient").loc[["woman", "man", "little", "stranger"]]
        # bilirubin 2.5: MELD 3.78 ln 2.5 + 6.43 = 9.9, on dialysis 23.2; MELD 3.0 6 + 4.56 ln 2.5 = 10.2, on dialysis and a woman 23.7; Child-Pugh 2 + 1 + 1
        assert found["meld"].tolist() == [23, 10, 10, 10]
        assert found["meld_3"].fillna(-1).tolist() == [24, 10, -1, -1]
        assert found["child_pugh"].fillna(-1).tolist() == [7, 7, -1, -1] and found["child_pugh_class"].fillna("unknown").tolist() == ["B", "B", "unknown", "unknown"]
        assert found["meld_band"].tolist() == ["20-29", "10-19", "10-19", "10-19"] and found["albi_grade"].eq(2).all()


def test_a_score_is_missing_where_its_analyte_is_and_other_analytes_do_not_matter():
    rows = visit("A", "baseline", 1, 1, 1)
    for lacking, missing in (("sodium", {"meld_na", "meld_3"}), ("albumin", {"meld_3", "albi", "albi_grade"}), ("creatinine", {"meld", "meld_na", "meld_3", "meld_band"}),
                             ("inr", {"meld", "meld_na", "meld_3", "meld_band"}), ("bilirubin", {"meld", "meld_na", "meld_3", "meld_band", "albi", "albi_grade"})):
        kept = [row for row in rows if row[2] != lacking] + [("A", "baseline", "ferritin", 0.0)]
        found = liver_scores(labs(kept, {"ferritin": "ug/L"}), pd.DataFrame({"patient": ["A"], "sex": ["male"]})).iloc[0]
        assert set(found.index[found.isna()]) == missing | {"child_pugh", "child_pugh_class"}


def test_albi_takes_its_own_units_from_the_reference_units():
    """1 mg/dL of bilirubin, 584.66 g/mol, is 10,000 / 584.66 umol/L; albumin 4 g/dL is 40 g/L."""
    scores = liver_scores(labs(visit("A", "baseline", 1, 1, 1)), pd.DataFrame({"patient": ["A"]}))
    assert scores["albi"].item() == pytest.approx(0.66 * math.log10(10_000 / 584.66) - 0.085 * 40, rel=1e-12)


def test_a_change_is_that_of_the_visits_asked_for_with_dialysis_where_known():
    frame = labs(visit("A", "baseline", 1, 1, 1) + visit("A", "month_6", 1, 2.5, 1))
    found = meld_change(frame, pd.DataFrame({"patient": ["A"], "dialysis": [True]}), "month_6")
    assert found.to_dict("records") == [{"patient": "A", "baseline": 20, "month_6": 23, "increased": True}]
    assert meld_change(frame)["increased"].isna().all()
