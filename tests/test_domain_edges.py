"""Small facts at the edges of the methods that no other suite states, found by mutants that lived; each worked by hand."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy import stats

from lib.cohort import Cohort
from lib.liver_scores import child_pugh, class_crossings, liver_scores, paired_change
from lib.proportions import Proportion, large_table_p, proportion
from lib.response import agreement
from lib.response.agreement import agreement_matrix, discordance_bounds, reading_spread, worse_by
from lib.response.course import best_overall_response, is_responder
from lib.response.criteria import ResponseError, assess
from lib.response.rates import response_rates
from lib.survival import kaplan_meier, logrank, rmst_difference, survival_at
from lib.survival.assumptions import functional_form, influence, proportional_hazards
from lib.survival.checks import MOST_IN_SMALL_SAMPLE, SurvivalDataError
from lib.survival.clocks import immortal_months
from lib.survival.compare import _corrected_in_large_samples, bootstrap_median, search_cut, smallest_detectable_hazard_ratio
from lib.survival.regression import univariate_screen, why_no_hazard_ratio
from lib.toxicity import ctcae_edition, early_deaths, events_by_term, events_in_window, liver_injury, sir_severity, worst_event_grades
from lib.units import conversion_factor, to_reference_units
from lib.visits import stands_in, visit_meant, with_month_3

# -- proportions -----------------------------------------------------------------------------------------


def test_a_proportion_carries_what_it_was_made_of():
    found = proportion(3, 12, 0.9, "wilson")
    assert (found.count, found.n, found.estimate, found.conf_level, found.method) == (3, 12, 0.25, 0.9, "wilson")


def test_a_proportion_of_nobody_has_a_count_and_no_estimate():
    found = proportion(0, 0, 0.9, "wilson")
    assert isinstance(found, Proportion) and (found.count, found.n, found.conf_level, found.method) == (0, 0, 0.9, "wilson")
    assert all(map(math.isnan, (found.estimate, found.lower, found.upper)))


@pytest.mark.parametrize(("arguments", "says"), [
    ((1, 2, 0.95, "wald"), r"^interval method 'wald' is unknown; use one of clopper-pearson, wilson\.$"),
    ((1, 2, 0.0), r"^conf_level is 0\.0; give the coverage as a fraction"), ((1, 2, 1.0), r"^conf_level is 1\.0"),
])
def test_what_makes_no_proportion_is_refused_in_full(arguments, says):
    with pytest.raises(ValueError, match=says):
        proportion(*arguments)


# -- visits ----------------------------------------------------------------------------------------------


def visits(*rows):
    return pd.DataFrame(rows, columns=["visit", "visit_day"]).assign(patient="A")


@pytest.mark.parametrize(("table", "meant"), [
    (None, "month_3"),
    (visits(("baseline", -5)), "month_3"),
    (visits(("baseline", -5), ("month_3", 400), ("week 13", 91)), "month_3"),  # the name counts before the day
    (visits(("baseline", -5), ("late", 170), ("CT 1", 88)), "CT 1"),  # 3 months are 91.3 days
    (visits(("baseline", -5), ("CT 1", 60), ("CT 2", 124)), "CT 1"),  # 31.3 days off against 32.7
    (visits(("late", 101.3125), ("early", 81.3125)), "late"),  # ten days off either way: the first listed
    (visits(("first", np.nan), ("second", np.nan)), "first"),
    (visits(("first", np.nan), ("second", 500)), "second"),
    (visits(("CT 1", 10), ("CT 1", 90), ("CT 1", 92), ("CT 2", 70)), "CT 1"),  # by the median day, 90
])
def test_the_visit_nearest_to_three_months_stands_for_it(table, meant):
    assert visit_meant(table) == meant


def test_a_table_without_days_takes_the_first_follow_up_listed():
    assert visit_meant(pd.DataFrame({"visit": ["baseline", "CT 2", "CT 1"]})) == "CT 2"


def test_a_visit_that_stands_in_is_renamed_in_its_table_and_told_once():
    patients = pd.DataFrame({"patient": ["A"]})
    study = Cohort("own", patients, labs=visits(("baseline", -5), ("week 12", 84)), lesions=visits(("baseline", -5), ("month_3", 90)))
    renamed, told = with_month_3(study)
    assert list(renamed.labs["visit"]) == ["baseline", "month_3"] and list(renamed.lesions["visit"]) == ["baseline", "month_3"]
    assert list(study.labs["visit"]) == ["baseline", "week 12"]
    sentence = "No visit is named month&#95;3: **week 12**, the follow-up visit nearest to three months, stands for it."
    assert told == sentence == stands_in("month_3", "week 12") and stands_in("month_3", "month_3") == ""
    both, told = with_month_3(replace(study, lesions=visits(("week 12", 84))))
    assert list(both.lesions["visit"]) == ["month_3"] and told == sentence
    assert with_month_3(replace(study, labs=None))[1] == ""


# -- units -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("analyte", "unit", "factor"), [
    ("platelets", "x10^9/L", 1.0), ("platelets", "10^9 / L", 1.0), ("platelets", "×10^3/µL", 1.0), ("platelets", "/mm3", 0.001), ("platelets", "cells/uL", 0.001),
    ("platelets", "K/uL", 1.0), ("platelets", "10**9/L", 1.0), ("sodium", "mEq/L", 1.0), ("sodium", "meq/l", 1.0), ("albumin", "g/L", 0.1), ("inr", "INR", 1.0),
    ("alt", "IU/L", 1.0), ("alt", "U/L", 1.0), ("bilirubin", "mg/L", 0.1), ("creatinine", "µmol/L", 113.12 / 10_000),
])
def test_usual_spellings_are_read(analyte, unit, factor):
    assert conversion_factor(analyte, unit) == pytest.approx(factor, rel=1e-9)


def test_value_and_limits_are_converted_together_and_strange_analytes_stay():
    labs = pd.DataFrame({"analyte": ["albumin", "albumin", "ferritin"], "value": [35.0, 3.5, 7.0], "unit": ["g/L", "g/dL", "ng/mL"],
                         "lower_normal": [35.0, 3.5, 1.0], "upper_normal": [50.0, 5.0, 9.0]})
    done = to_reference_units(labs)
    assert done["value"].tolist() == [3.5, 3.5, 7.0] and done["unit"].tolist() == ["g/dL", "g/dL", "ng/mL"]
    assert done["lower_normal"].tolist() == [3.5, 3.5, 1.0] and done["upper_normal"].tolist() == [5.0, 5.0, 9.0]
    assert labs["value"].tolist() == [35.0, 3.5, 7.0]


# -- toxicity and liver scores ---------------------------------------------------------------------------


def test_severity_by_the_stay_in_hospital_row_by_row():
    events = pd.DataFrame({"grade": [5, 4, 2, 2, 3, 1, 1, 4], "hospital_days": [0, 9, 2, 1, 0, 0, np.nan, np.nan]}, index=list("abcdefgh"))
    found = sir_severity(events)
    assert found.name == "sir_severity" and list(found.index) == list("abcdefgh")
    assert found.fillna(-1).tolist() == [5, 4, 3, 2, 2, 1, -1, 4]
    assert sir_severity(events[["grade"]]).fillna(-1).tolist() == [5, 4, -1, -1, -1, -1, -1, 4]


def test_the_window_holds_both_its_ends_and_the_undated():
    events = pd.DataFrame({"onset_day": [-1, 0, 30, 31, np.nan], "grade": 1})
    assert list(events_in_window(events, 30).index) == [1, 2, 4]
    assert len(events_in_window(events[["grade"]], 30)) == 5


def test_worst_grades_and_terms_count_a_patient_once():
    events = pd.DataFrame({"patient": ["A", "A", "B", "B"], "term": ["nausea", "nausea", "fever", "nausea"], "grade": [1, 3, 2, 1]})
    worst = worst_event_grades(events, ["A", "B", "C"])
    assert worst.to_dict() == {"A": 3, "B": 2, "C": 0} and (worst.name, worst.index.name, str(worst.dtype)) == ("worst_grade", "patient", "Int64")
    table = events_by_term(events, pd.DataFrame({"patient": ["A", "B", "C"], "first_treatment": ["Y90", "TACE", "Y90"]}))
    assert list(table.index) == ["nausea", "fever"] and list(table.columns) == [1, 2, 3, 4, 5, "any", "Y90", "TACE"]
    assert table.loc["nausea"].tolist() == [1, 0, 1, 0, 0, 2, 1, 1] and table.loc["fever"].tolist() == [0, 1, 0, 0, 0, 1, 0, 1]


def test_early_deaths_at_the_very_day():
    """30 days are 30/30.4375 = 0.98563 months: a death on the day counts, a censoring on it was followed to it; 0.02 months are more than half a day."""
    at = 30 / 30.4375
    patients = pd.DataFrame({"os_treatment_months": [at, at, at - 0.02, at + 0.02, 0.1], "died": [True, False, False, True, True]})
    found = early_deaths(patients, 30)
    assert (found.deaths, found.n_followed, found.n_lost) == (2, 4, 1)


def test_a_crossing_says_from_where_to_where_and_whether_it_is_worse():
    found = class_crossings(["A", "B", "A"], ["B", "A", "A"], ["P1", "P2", "P3"], ["A", "B", "C"])
    assert list(found.columns) == ["patient", "before", "after", "worse"] and list(found.index) == [0, 1]
    assert found.to_numpy().tolist() == [["P1", "A", "B", True], ["P2", "B", "A", False]]


def test_a_paired_change_of_few_by_hand():
    """Differences 1, 2, 3: mean 2, SD 1; t with 2 degrees of freedom at 95% is 4.302653; half width 4.302653/sqrt(3)."""
    found = paired_change([1, 1, 1, np.nan], [2, 3, 4, 9])
    assert (found.n, found.mean_before, found.sd_before, found.mean_after, found.change) == (3, 1.0, 0.0, 3.0, 2.0)
    assert found.sd_after == pytest.approx(1.0) and found.upper == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)
    assert found.lower == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-6) and (found.n_up, found.n_same, found.n_down) == (3, 0, 0)
    one = paired_change([1], [2])
    assert (one.n, one.change) == (1, 1.0) and all(map(math.isnan, (one.sd_before, one.lower, one.upper, one.t_p, one.wilcoxon_p)))
    same = paired_change([1, 2], [1, 2])
    assert math.isnan(same.t_p) and math.isnan(same.wilcoxon_p) and same.n_same == 2


# -- response --------------------------------------------------------------------------------------------


def test_agreement_by_hand_and_over_all_four_categories():
    """Two of three alike; by chance 1/3 x 2/3 + 1/3 x 0 + 1/3 x 1/3 = 1/3; kappa (2/3 - 1/3) / (2/3) = 0.5."""
    first, second = pd.Series(["PR", "SD", "PD"], index=list("abc")), pd.Series(["PD", "PR", "PR"], index=list("cba"))
    found = agreement(first, second)
    assert found.n == 3 and found.observed == pytest.approx(2 / 3) and found.kappa == pytest.approx(0.5)
    assert list(found.table.index) == list(found.table.columns) == ["CR", "PR", "SD", "PD"]
    assert found.table.loc["PR", "PR"] == found.table.loc["SD", "PR"] == found.table.loc["PD", "PD"] == 1 and found.table.to_numpy().sum() == 3
    assert -1 <= found.lower < 0.5 < found.upper <= 1
    wider = agreement(first, second, 0.99)
    assert wider.upper >= found.upper and wider.lower <= found.lower


def test_the_unevaluable_stand_in_the_table_and_out_of_the_kappa():
    found = agreement(pd.Series(["PR", "NE", "PD"]), pd.Series(["PR", "PR", "PD"]))
    assert found.n == 2 and found.observed == 1.0 and found.table.loc["NE", "PR"] == 1 and math.isnan(found.lower)
    alone = agreement(pd.Series(["SD", "SD"]), pd.Series(["SD", "SD"]))
    assert (alone.n, alone.observed) == (2, 1.0) and math.isnan(alone.kappa) and math.isnan(alone.weighted)


def test_other_patients_are_refused_and_worse_is_named():
    with pytest.raises(ResponseError, match=r"^the two classifications hold different patients; classify the same ones by both\.$"):
        agreement(pd.Series(["PR"], index=["a"]), pd.Series(["PR"], index=["b"]))
    assert worse_by(pd.Series(["PD", "PR", "NE"], index=list("abc")), pd.Series(["SD", "SD", "CR"], index=list("abc"))) == ["a"]


def test_bounds_of_discordance_by_hand_and_each_count_within_its_group():
    """Groups of 5 and 4: 3 against 1 and 0 against 2. At least 2 + 0, at most min(3, 4) + min(0, 2)."""
    assert discordance_bounds([3, 0], [1, 2], [5, 4]) == (2, 3)
    for first, second in (([6, 0], [1, 2]), ([3, 0], [1, 5])):
        with pytest.raises(ResponseError, match="exceeds its group"):
            discordance_bounds(first, second, [5, 4])


def test_rows_of_a_readers_matrix_are_shares():
    response = pd.Series(["PR"] * 3 + ["SD"])
    matrix = agreement_matrix(response, 0.6)
    assert list(matrix.columns) == ["CR", "PR", "SD", "PD"]
    assert matrix.loc["PR"].tolist() == pytest.approx([0, 0.6 + 0.4 * 0.75, 0.4 * 0.25, 0]) and matrix.sum(axis=1).tolist() == pytest.approx([1] * 4)
    steps = agreement_matrix(response, 0.6, neighbours_only=True)
    same = 0.6 + 0.4 * (0.75**2 + 0.25**2)
    assert steps.loc["CR"].tolist() == pytest.approx([same, 1 - same, 0, 0]) and steps.loc["PR"].tolist() == pytest.approx([(1 - same) / 2, same, (1 - same) / 2, 0])


def test_a_certain_second_reader_repeats_or_turns_every_reading():
    response = pd.Series(["CR", "SD", "SD", "NE"])
    same = {"CR": {"CR": 1.0}, "SD": {"SD": 1.0}}
    for denominator, n in (("treated", 4), ("evaluable", 3)):
        found = reading_spread(response, same, 5, 0, denominator)
        assert set(found["ORR"]) == {1 / n} and set(found["DCR"]) == {3 / n} and len(found) == 5
    worse = reading_spread(response, {"CR": {"PD": 1.0}, "SD": {"PD": 1.0}}, 2, 0)
    assert set(worse["ORR"]) == set(worse["DCR"]) == {0.0}
    # a row's rounding is spread over its own shares: 0.9999997 and no share for another row
    almost = reading_spread(response, {"CR": {"CR": 0.9999997}, "SD": {"SD": 1.0}}, 3, 0)
    assert set(almost["ORR"]) == {0.25}


def course(*visits):
    return pd.DataFrame(visits, columns=["visit_day", "response"]).assign(patient="A", visit=[f"v{i}" for i in range(len(visits))])


@pytest.mark.parametrize(("visits", "best"), [
    (((60, "PR"), (88, "PR")), "PR"), (((60, "PR"), (87, "PR")), "SD"), (((60, "PR"), (90, "CR")), "PR"),
    (((60, "CR"), (90, "PR")), "SD"), (((60, "CR"), (90, "CR")), "CR"),
    (((60, "PR"), (80, "NE"), (100, "PR")), "PR"), (((60, "PR"), (70, "NE"), (80, "NE"), (100, "PR")), "SD"),
    (((60, "PR"), (70, "CR"), (95, "PR")), "SD"), (((60, "PR"), (70, "SD"), (95, "PR")), "SD"),
    (((30, "PR"), (40, "PD")), "PD"), (((30, "SD"),), "NE"), (((42, "SD"),), "SD"), (((30, "PR"),), "NE"), (((30, "PD"), (60, "CR")), "PD"),
])
def test_confirmed_best_response_by_the_windows_of_the_definition(visits, best):
    """RECIST 1.1, table 3, with 28 days to a confirmation, 42 days of stable disease and at most one visit not evaluable."""
    assert best_overall_response(course(*visits), confirm=True)["A"] == best


def test_responders_are_flags_with_a_gap_for_the_unevaluable():
    found = is_responder(pd.Series(["CR", "PR", "SD", "PD", "NE"]))
    assert found.tolist()[:4] == [True, True, False, False] and found.isna().tolist() == [False] * 4 + [True] and found.name == "responder"


def test_rates_of_a_table_by_hand():
    response, group = pd.Series(["PR", "SD", "PD", "NE"]), pd.Series(["x", "x", "y", "y"])
    found = response_rates(response, group, ["x", "y", "z"], 0.9).set_index(["rate", "group"])
    assert found["count"].tolist() == [1, 1, 0, 0, 2, 2, 0, 0] and found["n"].tolist() == [4, 2, 2, 0, 4, 2, 2, 0]
    assert found.loc[("DCR", "x"), "estimate"] == 1.0 and math.isnan(found.loc[("ORR", "z"), "estimate"])
    # of 2 against 2: 2 of 2 against 0 of 2 has probability 1/6, its mirror the same
    assert found.loc[("DCR", "total"), "p"] == pytest.approx(1 / 3) and found.loc[("ORR", "y"), "p"] == pytest.approx(1.0)


def test_the_largest_five_lesions_two_an_organ_are_the_targets():
    """RECIST 1.1: where targets are chosen by size, a third lesion of the liver is not one, however large."""
    sizes = {"L1": ("liver", 50), "L2": ("liver", 40), "L3": ("liver", 30), "G1": ("lung", 20), "G2": ("lung", 15)}
    rows = [("A", visit, day, name, size if visit == "baseline" else later, False, organ) for name, (organ, size) in sizes.items()
            for visit, day, later in (("baseline", -5, 0), ("month_3", 90, 0 if name != "L3" else 30))]
    frame = pd.DataFrame(rows, columns=["patient", "visit", "visit_day", "lesion", "longest_diameter_mm", "new", "organ"])
    frame = frame.assign(target=False, extrahepatic=frame["organ"].eq("lung"), viable_diameter_mm=frame["longest_diameter_mm"])
    judged = assess(frame, "RECIST", "largest")
    assert judged["baseline_sum_mm"].tolist() == [50 + 40 + 20 + 15]
    assert judged["response"].tolist() == ["PR"]  # all targets gone, one other left


# -- survival --------------------------------------------------------------------------------------------


def test_a_curve_is_read_at_a_death_from_its_right():
    curve = kaplan_meier([1.0, 2.0, 3.0, 4.0], [True, True, False, False])
    assert [survival_at(curve, at).value for at in (0, 0.999, 1, 1.5, 2, 4)] == [1.0, 1.0, 0.75, 0.75, 0.5, 0.5]
    assert survival_at(curve, 4.5).value is None
    ended = kaplan_meier([1.0, 2.0], [True, True])
    assert survival_at(ended, 9).value == 0.0


def test_without_events_before_the_horizon_a_difference_of_means_says_why():
    found = rmst_difference([1.0, 2.0, 3.0, 4.0], [True, True, False, False], [0, 0, 1, 1], to_months=1.5)
    assert found["difference"].value is None and found["difference"].reason == "a group has no event before the horizon"


@pytest.fixture
def regression():
    rng = np.random.default_rng(4)
    x = rng.uniform(1, 9, 60)
    return rng.exponential(20 / x), np.ones(60, bool), x


def test_intervals_before_and_after_the_split_have_the_coverage_asked_for(regression):
    months, event, x = regression
    narrow, wide = (proportional_hazards(months, event, x, conf_level=level) for level in (0.8, 0.99))
    usual = proportional_hazards(months, event, x)
    for part in ("early", "late"):
        low, mid, high = (getattr(each, part) for each in (narrow, usual, wide))
        assert low.log_hazard_ratio == mid.log_hazard_ratio == high.log_hazard_ratio
        reach = {0.8: 1.2815516, 0.95: 1.959964, 0.99: 2.5758293}  # quantiles of the normal distribution
        for each, level in ((low, 0.8), (mid, 0.95), (high, 0.99)):
            assert math.log(each.upper) - each.log_hazard_ratio == pytest.approx(reach[level] * each.std_error, rel=1e-6)


def test_forms_of_a_covariate_carry_their_likelihoods_and_no_reason(regression):
    months, event, x = regression
    found = functional_form(months, event, x)
    assert found["reason"] == "" and set(found["log_likelihoods"]) == {"linear", "quadratic", "logarithm"}
    assert found["log_likelihoods"]["quadratic"] >= found["log_likelihoods"]["linear"]
    assert functional_form(months, event, x - 5)["log_likelihoods"]["logarithm"] is None


# -- liver scores ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("ascites", "points"), [("none", 1), ("mild", 2), ("slight", 2), ("moderate", 3), ("severe", 3), (" Severe ", 3)])
def test_each_degree_of_ascites_has_its_points(ascites, points):
    """Pugh 1973: none 1, slight 2, moderate 3; all else here has its 1 point each."""
    assert child_pugh([1.0], [4.0], [1.0], [ascites], ["none"]) == [4 + points]


@pytest.mark.parametrize(("grade", "points"), [("none", 1), (0, 1), (1, 2), (2.0, 2), (3, 3), ("4", 3)])
def test_each_grade_of_encephalopathy_has_its_points(grade, points):
    assert child_pugh([1.0], [4.0], [1.0], ["none"], [grade]) == [4 + points]


@pytest.mark.parametrize(("bilirubin", "albumin", "inr", "points"), [
    (1.9, 3.6, 1.6, 5), (2.0, 3.6, 1.6, 6), (3.0, 3.6, 1.6, 6), (3.1, 3.6, 1.6, 7), (1.9, 3.5, 1.6, 6), (1.9, 2.8, 1.6, 6), (1.9, 2.7, 1.6, 7),
    (1.9, 3.6, 1.7, 6), (1.9, 3.6, 2.3, 6), (1.9, 3.6, 2.4, 7)])
def test_laboratory_points_change_at_the_limits_of_pugh(bilirubin, albumin, inr, points):
    """Bilirubin 2 to 3 mg/dL, albumin 2.8 to 3.5 g/dL and INR 1.7 to 2.3 have 2 points, beyond them 3."""
    assert child_pugh([bilirubin], [albumin], [inr], ["none"], ["none"]) == [points]


def test_dialysis_counts_as_a_creatinine_of_4_in_every_meld():
    """All else 1: 9.57 ln 4 + 6.43 = 19.70, so 20. MELD-Na with sodium 137 is the same.

    MELD 3.0 (Kim 2021) counts at most 3 mg/dL: 11.14 ln 3 + 6 = 18.24, so 18, for a man with albumin 3.5."""
    rows = [{"patient": patient, "visit": "baseline", "visit_day": 0, "analyte": analyte, "value": value, "unit": unit}
            for patient in ("on", "off") for analyte, value, unit in (
                ("bilirubin", 1.0, "mg/dL"), ("inr", 1.0, "ratio"), ("creatinine", 1.0, "mg/dL"), ("sodium", 137.0, "mmol/L"), ("albumin", 3.5, "g/dL"))]
    patients = pd.DataFrame({"patient": ["on", "off"], "sex": "male", "dialysis": [True, False]})
    found = liver_scores(pd.DataFrame(rows), patients).set_index("patient")[["meld", "meld_na", "meld_3"]]
    assert found.loc["on"].tolist() == [20, 20, 18] and found.loc["off"].tolist() == [6, 6, 6]


# -- survival ----------------------------------------------------------------------------------------------

TIED = {"months": [1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0], "event": [True, True, True, False, True, True, True, False],
        "x": [3.0, 1.0, 4.0, 2.0, 5.0, 2.5, 1.5, 3.5]}


def test_influence_treats_ties_as_asked():
    """lifelines fits by Efron: the ratio without each patient is its fit of the others."""
    frame = pd.DataFrame(TIED)
    found = influence(*TIED.values(), ties="efron").hazard_ratio_without
    expected = [CoxPHFitter().fit(frame.drop(index=patient), "months", "event", fit_options={"precision": 1e-12}).hazard_ratios_["x"] for patient in frame.index]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    assert influence(*TIED.values()).hazard_ratio_without.tolist() != pytest.approx(expected, rel=1e-5)


def test_a_screen_gives_the_ratio_interval_and_p_of_the_one_model():
    """Without ties every method agrees with lifelines."""
    frame = pd.DataFrame({"months": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], "event": [True, True, False, True, True, True, False],
                          "x": [3.0, 1.0, 4.0, 2.0, 5.0, 2.5, 1.5]})
    model = CoxPHFitter().fit(frame, "months", "event", fit_options={"precision": 1e-12}).summary.loc["x"]
    row = univariate_screen(frame[["x"]], frame.months, frame.event).iloc[0]
    assert [row.hazard_ratio, row.lower, row.upper, row.p_value] == pytest.approx(
        [model["exp(coef)"], model["exp(coef) lower 95%"], model["exp(coef) upper 95%"], model["p"]], rel=1e-6)
    assert (row.n, row.n_events, row.df, row.reason) == (7, 5, 1, "")


@pytest.mark.parametrize(("x", "side"), [([5, 1, 3], None), ([1, 5, 3], None), ([5, 4, 3], "highest"), ([1, 2, 3], "lowest")])
def test_a_likelihood_is_monotone_only_where_every_death_is_on_one_side(x, side):
    reason = why_no_hazard_ratio(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]), np.array(x, float))
    assert (side in reason) if side else reason == ""


def test_a_bootstrap_is_repeated_by_its_seed():
    months, event = np.sqrt(np.arange(1.0, 31.0)), np.ones(30, bool)
    first, again, other = (bootstrap_median(months, event, n_resamples=15, seed=seed) for seed in (4, 4, 5))
    assert first == again and first != other


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5, -0.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(SurvivalDataError, match="must lie between 0 and 1"):
        smallest_detectable_hazard_ratio(20, share)


def test_the_corrected_p_of_a_search_is_that_of_all_orders():
    """Six patients, cuts that take two and three of them: all 720 orders of the scores, each cut's sum in its own standard deviations."""
    months, event = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [True, False, True, True, True, False]
    # Peto's scores: death 1 - (sum of d/n so far), censoring minus the sum so far
    hazard = np.cumsum([1 / 6, 0, 1 / 4, 1 / 3, 1 / 2, 0])
    orders = np.array(list(itertools.permutations(np.array(event) - hazard)))
    sums = np.abs(np.stack([orders[:, :2].sum(axis=1), orders[:, :3].sum(axis=1)], axis=1))
    largest = (sums / np.sqrt((sums**2).mean(axis=0))).max(axis=1)
    expected = (largest >= largest[0] - 1e-9).mean()
    table, found = search_cut([1, 2, 3, 4, 5, 6], months, event, [2, 3], n_resamples=20_000, seed=1)
    assert table.n_early.tolist() == [2, 3] and table.n_late.tolist() == [4, 3]
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20_000))


def test_months_before_a_status_was_known_are_summed_over_those_who_came_to_have_it():
    """3 of 10 months, all 2 of 2 (the status came after the end), none where the day is missing or the status never came."""
    patients = pd.DataFrame({"months": [10.0, 2.0, 5.0, 7.0]})
    for becomes in ([True, True, True, False], pd.array([True, True, True, False], dtype="boolean"), [1, 1, 1, 0]):
        assert immortal_months(patients, "months", [3.0, 4.0, np.nan, 1.0], becomes) == 5.0


# -- tables of counts and best responses, once more --------------------------------------------------------------------

def test_a_large_table_is_tested_by_chi_squared_only_where_every_expected_count_is_large():
    """Expected 100 in each cell, so chi-squared = 4 x 10^2 / 100 = 4; then 130 x 8 / 300 = 3.5 in one, where Fisher's test of scipy holds."""
    assert large_table_p([[90, 110], [110, 90]], 2_000) == pytest.approx(stats.chi2(1).sf(4), rel=1e-9)
    table, n_draws = [[7, 123], [1, 169]], 40_000
    fisher = stats.fisher_exact(table).pvalue
    assert large_table_p(table, n_draws) == pytest.approx(fisher, abs=4 * np.sqrt(fisher / n_draws))
    assert abs(stats.chi2_contingency(table, correction=False).pvalue - fisher) > 4 * np.sqrt(fisher / n_draws)


def test_best_responses_have_their_name_and_those_never_assessed_are_not_evaluable():
    nobody = pd.DataFrame({"patient": [], "visit": [], "visit_day": [], "response": []})
    found = best_overall_response(nobody, ["a", "b"])
    assert found.to_dict() == {"a": "NE", "b": "NE"} and found.name == "best_overall_response" and found.index.name == "patient"


# -- what is said where there is nothing to test -----------------------------------------------------------------------

def test_a_test_that_cannot_be_made_keeps_its_name_and_degrees_of_freedom():
    found = logrank([1.0, 2.0, 3.0], [False, False, False], ["a", "b", "c"])
    assert (found.method, found.df, found.statistic, found.p_value, found.reason) == ("log-rank", 2, None, None, "there are no events")
    assert logrank([1.0, 2.0], [True, True], ["a", "a"]).df == 0


def test_a_difference_of_means_that_cannot_be_had_names_its_horizon_and_leaves_the_means_empty():
    found = rmst_difference([1.0, 2.0, 3.0, 4.0], [True, False, False, False], ["a", "a", "b", "b"])
    assert found.pop("difference").value is None and found == {"to_months": 2.0, "p_value": None, "first": None, "second": None}


def test_a_bootstrap_of_many_is_not_drawn():
    n = MOST_IN_SMALL_SAMPLE + 1
    found = bootstrap_median(np.linspace(1, 100, n), np.ones(n, bool))
    assert (found.lower, found.upper, found.n_resamples, found.n_failed) == (None, None, 0, 0) and found.reason


def test_the_share_of_draws_counts_the_observed_one_too():
    """(k + 1) / (m + 1): no draw of nine reaches 100 standard deviations, all reach 0; one cut alone has the P of the normal distribution."""
    assert [_corrected_in_large_samples(observed, np.array([50]), 100, 9, 1) for observed in (100.0, 0.0)] == [0.1, 1.0]
    expected = 2 * stats.norm.sf(1.5)
    assert _corrected_in_large_samples(1.5, np.array([50]), 100, 20_000, 1) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20_000))


def test_two_nested_cuts_are_as_correlated_as_their_sizes_say():
    """Of 100 patients 20 and 50: correlation sqrt(20 x 50 / (50 x 80)) = 0.5; the share beyond 1.5 is that of scipy's normal distribution of two."""
    inside = stats.multivariate_normal(cov=[[1, 0.5], [0.5, 1]])
    expected = 1 - (inside.cdf([1.5, 1.5]) - 2 * inside.cdf([1.5, -1.5]) + inside.cdf([-1.5, -1.5]))
    found = _corrected_in_large_samples(1.5, np.array([20, 50]), 100, 20_000, 1)
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20_000))


@pytest.mark.parametrize(("n_events", "tested"), [(2, False), (3, True)])
def test_proportional_hazards_need_three_events(n_events, tested):
    event = np.arange(6) < n_events
    found = proportional_hazards(np.arange(1.0, 7.0), event, np.array([1.0, 0, 1, 0, 1, 0]), split_months=3.5)
    assert (found.p_value is not None) is tested


# -- toxicity, once more -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("written", "edition"), [("4", "4.03"), (4, "4.03"), ("4.0", "4.03"), (4.03, "4.03"), ("v5.0", "5"), (5, "5"), ("V6", "6"), (6.0, "6")])
def test_every_usual_spelling_of_a_version_is_read(written, edition):
    assert ctcae_edition(written) == edition


def test_a_patient_without_a_later_value_stands_in_the_table_of_liver_injury_without_a_range():
    """ALT 130 of 40 is 3.25, bilirubin 1.1 of 1 is 1.1: ALT alone is above its limit."""
    labs = pd.DataFrame([("late", "baseline", "alt", 30.0, 40.0), ("late", "month_3", "alt", 130.0, 40.0), ("late", "month_3", "bilirubin", 1.1, 1.0),
                         ("gone", "baseline", "alt", 500.0, 40.0)], columns=["patient", "visit", "analyte", "value", "upper_normal"])
    found = liver_injury(labs)
    assert found.index.tolist() == ["late", "gone"] and found.loc["late", ["alt", "bilirubin", "range"]].tolist() == [3.25, 1.1, "Temple's corollary"]
    assert found.loc["gone"].isna().all()
