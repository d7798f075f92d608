"""Curves, medians, tests and time zero worked by hand from a few patients, and what a cohort offers to them."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy import stats
from test_survival_choices import ANALYSES, EVENT, GROUPING, KIND, MEMBER, MONTHS, PATIENTS, X, Z95, same

from lib.cohort import read_cohort
from lib.survival import SurvivalDataError, clocks, compare, competing, estimate, groups, regression
from lib.survival.estimate import kaplan_meier, median_survival

pytestmark = pytest.mark.filterwarnings("error")  # a division by 0 that slips through is a wrong number elsewhere

# -- Gray's test and cumulative incidence ------------------------------------------------------------------

@pytest.mark.parametrize(("months", "kind", "group", "df", "reason"), [
    ([1, 2, 3], ["death", "progression", "censored"], ["a", "a", "a"], 0, "only one group has patients"),
    ([1, 2, 3], ["death", "censored", "death"], ["a", "b", "c"], 2, "nobody had progression"),
    ([1, 2, 3], ["censored", "progression", "progression"], ["a", "b", "b"], 1, "the groups were never at risk together")])
def test_a_test_of_gray_that_cannot_be_made_keeps_its_name_and_degrees_of_freedom(months, kind, group, df, reason):
    assert competing.gray_test(months, kind, group) == compare.TestResult("Gray", None, df, None, reason)


def test_a_test_of_gray_without_competing_events_has_its_name_and_degrees_of_freedom():
    found = competing.gray_test(MONTHS, np.where(EVENT, "progression", "censored"), np.where(MEMBER, "a", "b"))
    assert (found.method, found.df) == ("Gray", 1) and found.p_value == pytest.approx(stats.chi2(1).sf(found.statistic))
    assert competing.gray_test(MONTHS, KIND, np.where(MEMBER, "a", "b"), "death").p_value != found.p_value


def test_incidence_begins_at_0_and_has_the_limits_of_its_step():
    """Of four, one progresses at 1, one dies at 2: 1/4 from 1 on. Log-log limits, p^exp(-+ z SE / (p log p)), SE^2 = p (1 - p) / 4 before any censoring."""
    found = competing.cumulative_incidence([1, 2, 3, 3], ["progression", "death", "censored", "censored"])
    part = found["progression"]
    assert list(found) == ["progression", "death"] and part.times[0] == part.incidence[0] == 0 and part.at([0.5, 1, 9]).tolist() == [0, 0.25, 0.25]
    reach = Z95 * math.sqrt(0.25 * 0.75 / 4) / (0.25 * math.log(0.25))
    assert (part.lower[1], part.upper[1]) == pytest.approx((0.25 ** math.exp(-reach), 0.25 ** math.exp(reach))) and part.lower[0] == part.upper[0] == 0


# -- curves ------------------------------------------------------------------------------------------------

def test_a_curve_with_delayed_entry_has_a_step_at_each_entry_after_time_zero():
    curve = kaplan_meier([2.0, 4, 5], [True, False, True], entry=[-1.0, 0.5, 3])
    assert curve.times.tolist() == [0, 0.5, 2, 3, 4, 5] and curve.at_risk.tolist() == [1, 1, 2, 1, 2, 1]
    assert curve.events.tolist() == [0, 0, 1, 0, 0, 1] and curve.censored.tolist() == [0, 0, 0, 0, 1, 0]
    assert (curve.n, curve.n_events, curve.longest) == (3, 2, 5.0) and curve.hazard_variance[2] == 1 / 2


SPSS = [(np.arange(1, 21.0), np.ones(20, bool), 10, math.sqrt(0.25 / 20) / (0.10 / 2)),  # 0.55 at 9 and 0.45 at 11, exactly
        ([2.0, 2, 5, 9], [True] * 4, 2, math.sqrt(0.25 / 4) / (0.75 / 5)),  # 1 at 0, then 1/2 at 2 and 1/4 at 5
        # 0.6 from 4 on, whatever leaves at 4.5; 0.48 at 6 and 0.36 at 7, with Greenwood's 1/90 + 1/72 + 1/56 + 1/42 + 1/20
        ([1.0, 2, 3, 4, 4.5, 6, 6.5, 7, 8, 9], [True] * 4 + [False, True, False, True, False, False], 6,
         0.48 * math.sqrt(1 / 90 + 1 / 72 + 1 / 56 + 1 / 42 + 1 / 20) / ((0.6 - 0.48 * 2 / 3) / 3))]


@pytest.mark.parametrize(("months", "event", "median", "error"), SPSS)
def test_the_interval_of_spss_by_hand(months, event, median, error):
    found = median_survival(kaplan_meier(months, event))
    assert tuple(found) == pytest.approx((median, max(0.0, median - Z95 * error), median + Z95 * error)) and found.reason == ""


@pytest.mark.parametrize(("months", "event", "median", "reason"), [
    ([5.0, 6, 7], [True, False, False], math.inf, "survival stays above 0.5, so SPSS gives no standard error"),
    ([1.0, 2, 3, 4], [True, True, False, False], 2.0, "survival stays above 0.45, so SPSS has no density at the median"),
    ([5.0], [True], 5.0, "survival falls to 0 at the median, where it has no standard error"),
    ([0.0, 0, 4], [True] * 3, 0.0, "survival falls to 0 at the median, where it has no standard error")])
def test_a_median_without_an_interval_of_spss_says_why(months, event, median, reason):
    assert median_survival(kaplan_meier(months, event)) == estimate.Estimate(median, None, None, reason)


def test_a_curve_that_ends_on_one_half_has_the_median_of_each_convention():
    """Two of four die, two are still followed: R prints the beginning of the step, SAS's formula has no end to take the middle of."""
    curve = kaplan_meier([1.0, 2, 3, 4], [True, True, False, False])
    assert [median_survival(curve, convention).value for convention in ("spss", "r", "sas", "lifelines")] == [2, 2, math.inf, 2]


def test_limits_stay_within_0_and_1_and_are_missing_where_survival_is_0():
    """3/4, 1/2, 1/4 and 0: with an error of sqrt(3/16/4) the plain limits of 3/4 and of 1/4 reach beyond; of 1 there is no log-log limit."""
    curve = kaplan_meier([1.0, 2, 3, 4], [True] * 4)
    bands = {interval: curve.band(interval) for interval in ("plain", "log", "log-log")}
    assert bands["plain"][1][1] == 1 and bands["plain"][0][3] == 0 and bands["log"][1][1] == 1
    assert all(np.isnan(limit[-1]) and not np.isnan(limit[1:-1]).any() for band in bands.values() for limit in band)
    assert [np.isnan(bands[interval][0][0]) for interval in bands] == [False, False, True] and bands["plain"][0][0] == bands["log"][1][0] == 1
    assert bands["plain"][0][2] == pytest.approx(0.5 - Z95 * math.sqrt(0.25 / 4))


def test_a_restricted_mean_by_hand():
    """1 until 2, 1/2 until 4, then 0: up to 3 the area is 2.5 with variance (1/2)^2 x 1 / (2 x 1); beyond the last death it stays 3."""
    curve = kaplan_meier([2.0, 4.0], [True, True])
    error = math.sqrt(0.25 / 2)
    assert tuple(estimate.mean_survival(curve, 3)) == pytest.approx((2.5, 2.5 - Z95 * error, 2.5 + Z95 * error))
    assert estimate.mean_survival(curve, 9).value == 3
    watched = kaplan_meier([2.0, 4.0], [True, False])
    assert estimate.mean_survival(watched, 4 + 1e-9).value == pytest.approx(3)
    with pytest.raises(SurvivalDataError, match=r"^The mean is asked for up to 4\.5 months, but nobody was followed beyond 4\.$"):
        estimate.mean_survival(watched, 4.5)


def test_ticks_of_an_at_risk_table_are_months_and_its_counts_whole():
    table = estimate.at_risk_table(kaplan_meier([1, 2, 2, 6, 9], [True, True, False, False, True]), range(0, 13, 6))
    assert list(table) == ["months", "at_risk", "events", "censored"] and [str(kind) for kind in table.dtypes] == ["float64"] + ["int64"] * 3


# -- time zero ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("becomes", [[True, True, True, False], [1, 1, 1, 0], pd.array([True, True, True, False], dtype="boolean")])
@pytest.mark.parametrize("known", [[3.0, -1.0, None, 3.0], pd.array([3.0, -1.0, None, 3.0], dtype="Float64")])
def test_periods_of_a_status_however_it_is_written(known, becomes):
    """Known after 3 months, before time zero (so from it), never, and never become."""
    patients = pd.DataFrame({"months": [5.0, 6.0, 7.0, 8.0], "died": [True, True, False, True]}, index=[9, 9, 3, 1])
    found = clocks.counting_process(patients, "months", "died", known, becomes)
    assert list(found) == ["patient_row", "start", "stop", "event", "status"] and found.index.tolist() == list(range(5))
    assert found.to_numpy().tolist() == [[0, 0, 3, False, False], [0, 3, 5, True, True], [1, 0, 6, True, True], [2, 0, 7, False, False], [3, 0, 8, True, False]]


def test_a_death_at_time_zero_counts_just_after_it():
    found = clocks.counting_process(pd.DataFrame({"months": [0.0, 2.0], "died": [True, True]}), "months", "died", [np.nan, 1.0], [False, True])
    assert found.stop.tolist() == [1e-9, 1.0, 2.0] and found.event.tolist() == [True, False, True]


def test_a_landmark_half_a_month_before_time_zero_is_refused():
    with pytest.raises(SurvivalDataError, match="^The landmark is -0.5 months; it cannot lie before time zero"):
        clocks.landmark(PATIENTS, "os_treatment_months", "died", -0.5)


def test_after_the_last_patient_a_landmark_has_empty_answers():
    answers = clocks.naive_landmark_time_dependent(PATIENTS, GROUPING, 12.0)
    assert list(answers) == ["from treatment", "from the landmark", "time-dependent"]
    assert answers["from the landmark"] == {"n": 0, "n_events": 0, "medians": [], "fit": None, "p_value": None}
    naive, timed = answers["from treatment"], answers["time-dependent"]
    assert naive["medians"] == [median_survival(kaplan_meier(MONTHS[side], EVENT[side])).value for side in (~MEMBER, MEMBER)]
    assert (naive["n"], naive["n_events"], naive["p_value"]) == (14, 10, compare.logrank(MONTHS, EVENT, MEMBER).p_value)
    assert timed == {"n": 14, "n_events": 10, "medians": [], "fit": timed["fit"], "p_value": timed["fit"].wald_p}
    assert timed["fit"] == ANALYSES["timed"].func(PATIENTS, "os_treatment_months", "died", np.full(14, 1.5), MEMBER)
    alone = clocks.naive_landmark_time_dependent(PATIENTS, GROUPING, 9.5)["from the landmark"]  # one at 10 months, one at 12
    assert alone["n"] == 2 and len(alone["medians"]) == 2


def test_a_clock_shorter_than_treatment_is_counted_in_patients():
    patients = pd.DataFrame({"os_diagnosis_months": [9.5, 8.0, 12.0], "os_treatment_months": [10.0, 8.0 + 1e-9, 11.0]})
    with pytest.raises(SurvivalDataError, match=r"^`os_diagnosis_months` is shorter than `os_treatment_months` for 1 patients\.$"):
        clocks.delayed_entry(patients, "os_diagnosis_months")
    assert clocks.delayed_entry(patients[1:], "os_diagnosis_months").tolist() == [0, 1]


def test_a_delayed_curve_begins_where_its_risk_set_is_large_enough():
    """Entries at 0, 0.5, 1 and 1.5; one leaves at 1.2: two at risk just after 0.5, three just after 1, never four."""
    months, entry = np.array([9.0, 8, 1.2, 7]), np.array([0.0, 0.5, 1.0, 1.5])
    assert [clocks.first_reliable_month(months, entry, n) for n in (1, 2, 3, 4)] == [0, 0.5, 1, None]
    patients = pd.DataFrame({"clock": [*months, np.nan], "os_treatment_months": [*(months - entry), 1.0], "died": [True, False, True, True, True]})
    found = clocks.naive_and_delayed(patients, "clock", 2)
    assert (found["start_months"], found["n"], found["naive"].n, found["delayed"].n) == (0.5, 4, 4, 4)
    assert found["delayed"].entry.tolist() == [0.5, 0.5, 1.0, 1.5] and list(found) == ["naive", "delayed", "start_months", "n", "dependence"]
    assert clocks.naive_and_delayed(patients, "clock", 4) | {"dependence": None, "naive": None} == {
        "naive": None, "delayed": None, "start_months": None, "n": 0, "dependence": None}


def test_who_leaves_at_the_start_of_a_conditional_curve_is_not_in_it():
    months, died, entry = clocks.conditional_on(np.array([2.0, 3, 9]), np.array([True, False, True]), np.array([0.0, 1, 4]), 3.0)
    assert (months.tolist(), died.tolist(), entry.tolist()) == ([9], [True], [4])


def test_progression_elsewhere_ends_the_time_without_progression_only_if_it_comes_no_later():
    patients = pd.DataFrame({"os_treatment_months": [10.0, 10, 10, 10], "liver_pfs_months": [4.0, 6, 10, 8], "liver_progressed": [True, False, False, False],
                             "died": [True, True, True, False]})
    elsewhere = pd.array([4.0, 7.0, None, 3.0], dtype="Float64")
    months, event = competing.progression_free(patients, "any_or_death", elsewhere)
    assert months.tolist() == [4, 6, 10, 3] and event.tolist() == [True, False, True, True]
    assert competing.progression_free(patients)[1].tolist() == [True, False, False, False]
    for definition in ("liver", "liver_or_death"):  # what happened elsewhere does not count
        assert competing.progression_free(patients, definition, elsewhere)[0].tolist() == [4, 6, 10, 8]
    months, event = competing.progression_free(patients, "any_or_death", [np.nan, 6.0, np.nan, 8.0])  # on the last day of follow-up
    assert months.tolist() == [4, 6, 10, 8] and event.tolist() == [True, True, True, True]
    assert competing.event_kind(patients).tolist() == ["progression", "censored", "death", "censored"]
    two_days = patients.assign(liver_pfs_months=[4.0, 6, 10 - 1.9 / 30.4375, 10 - 2.1 / 30.4375], died=True)
    assert competing.event_kind(two_days).tolist() == ["progression", "censored", "death", "censored"]


# -- screens and levels ------------------------------------------------------------------------------------

def test_a_screen_says_of_each_covariate_what_it_compared_and_why_not():
    columns = {"none": pd.Series([None] * 14, dtype=object), "flag": pd.array(MEMBER, dtype="boolean"), "object flag": pd.Series(list(MEMBER), dtype=object),
               "number": X, "two": pd.Categorical(np.where(MEMBER, "low", "high"), categories=["low", "absent", "high"]),
               "three": list("abc") * 4 + ["a", "b"], "one": ["same"] * 14}
    found = regression.univariate_screen(pd.DataFrame(columns), MONTHS, EVENT).set_index("covariate")
    assert list(found) == ["contrast", "n", "n_events", "hazard_ratio", "lower", "upper", "p_value", "df", "reason", "p_holm", "p_fdr"]
    assert found.contrast.to_dict() == {"none": "", "flag": "yes against no", "object flag": "yes against no", "number": "", "two": "high against low",
                                        "three": "3 levels", "one": "one level"}
    assert found.reason.to_dict() == {"none": "no patient has a value", "flag": "", "object flag": "", "number": "", "two": "", "three": "global test",
                                      "one": "everyone has the same value"}
    assert found.n.tolist() == [0] + [14] * 6 and found.n_events.tolist() == [0] + [10] * 6 and found.df.tolist() == [1] * 5 + [2, 1]
    assert {str(found[column].dtype) for column in ("hazard_ratio", "lower", "upper", "p_value", "p_holm", "p_fdr")} == {"float64"}
    assert found.hazard_ratio["flag"] == found.hazard_ratio["object flag"] == pytest.approx(1 / found.hazard_ratio["two"])
    refused = regression.univariate_screen(pd.DataFrame(columns)[["none", "one"]], MONTHS, EVENT)
    assert {str(refused[column].dtype) for column in ("hazard_ratio", "lower", "upper", "p_value")} == {"float64"}
    p = found.p_value.dropna()
    assert found.p_holm["three"] == regression.adjust(p, "holm")[list(p.index).index("three")]
    assert found.p_fdr["flag"] == regression.adjust(p, "fdr_bh")[list(p.index).index("flag")]


@pytest.mark.parametrize("column", [pd.Series([True, False]), pd.Series([True, False], dtype=object), pd.Series([1, 0]), pd.Series(["b", "a"])])
def test_values_of_a_contrast_are_numbers(column):
    values = regression.contrast_of(column)[1]
    assert values.tolist() == [1, 0] and values.dtype == float


def test_a_global_test_has_its_statistic_degrees_of_freedom_and_p():
    """At 1 one of a, a, b, b, c dies and at 2 one of a, b, b, c; c then leaves. The covariance by hand from the shares 2/5, 2/5, 1/5 and 1/4, 1/2, 1/4."""
    found = regression.categorical_test([1.0, 2, 3, 4, 2.5], [True, True, False, False, False], ["a", "b", "a", "b", "c"])
    shares = np.array([[2 / 5, 2 / 5, 1 / 5], [1 / 4, 1 / 2, 1 / 4]])
    score = np.array([1, 1, 0]) - shares.sum(axis=0)
    covariance = sum(np.diag(share) - np.outer(share, share) for share in shares)
    statistic = score[:2] @ np.linalg.solve(covariance[:2, :2], score[:2])  # the third is what the first two leave
    assert found == {"statistic": pytest.approx(statistic), "df": 2, "p_value": pytest.approx(stats.chi2(2).sf(statistic)), "reason": ""}


@pytest.mark.parametrize(("event", "levels", "reason"), [([False] * 3, "abc", "there are no events"), ([False, True, True], "abb", "only one level has patients at risk"),
                                                        ([True] * 3, "aaa", "only one level has patients at risk")])
def test_a_global_test_that_cannot_be_made_says_why(event, levels, reason):
    assert regression.categorical_test([1.0, 2, 3], event, list(levels)) == {"statistic": None, "df": 0, "p_value": None, "reason": reason}


def test_a_global_test_by_efron_by_hand():
    """Two levels alone: the score of the one indicator, squared, over its information, both by Efron's rule, of the tied two of the first moment.

    Of a, a, b, b the a and a b die together: means 1/2 and (2 - 1/2) / (4 - 1) = 1/2 of a, variances 1/4 and 1/4; then the b of a, b: 1/2 and 1/4.
    """
    found = regression.categorical_test([1.0, 1, 2, 3], [True, True, True, False], ["a", "b", "b", "a"], ties="efron")
    assert found["statistic"] == pytest.approx((1 - 3 / 2) ** 2 / (3 / 4)) and found["df"] == 1


def test_a_model_without_ties_is_that_of_lifelines_by_every_treatment():
    months = MONTHS + np.arange(14) / 100
    model = CoxPHFitter().fit(pd.DataFrame({"months": months, "event": EVENT, "x": X}), "months", "event", fit_options={"precision": 1e-12})
    for ties in regression.TIES:
        found = regression.cox(months, EVENT, X, ties=ties)
        assert (found.log_hazard_ratio, found.std_error, found.likelihood_ratio_p) == pytest.approx(
            (model.params_["x"], model.standard_errors_["x"], model.log_likelihood_ratio_test().p_value), rel=1e-6)


# -- what a cohort offers ----------------------------------------------------------------------------------

def test_a_gap_at_either_side_of_a_cut_is_named_by_it():
    patients = pd.DataFrame({"os_liver_metastasis_months": [14.0, 16.0, np.nan], "os_treatment_months": [10.0, 10.0, 1.0], "died": True})
    found = groups._by_gap(SimpleNamespace(patients=patients), 4.0)
    assert found.title == "Time from liver metastasis to treatment" and found.labels.tolist() == ["early", "late", None]
    assert found.in_words == {"early": "patients treated within 4 months of the liver metastasis", "late": "patients treated later"}


def test_liver_pfs_is_counted_by_the_definition_asked_for():
    reference = read_cohort("reference")
    elsewhere = groups.progression_months(reference)
    for definition in competing.PFS_DEFINITIONS:
        months, event = competing.progression_free(reference.patients, definition, elsewhere)
        curve = groups.clock_curves(reference, liver_pfs_definition=definition)["liver_pfs"]
        assert curve.exit.tolist() == months.tolist() and curve.died.tolist() == event.tolist()
    usual, narrow = groups.clock_curves(reference), groups.clock_curves(reference, 0.5)
    assert same(usual["liver_pfs"], kaplan_meier(*competing.progression_free(reference.patients, "liver"))) and narrow["os_treatment"].conf_level == 0.5
    sooner = elsewhere < reference.patients.liver_pfs_months.to_numpy()
    assert sooner.any()  # or the definitions would not be told apart


def test_a_response_is_known_at_its_visit_and_named_by_its_criteria():
    reference = read_cohort("reference")
    found = groups.groupings(reference)["mrecist_response"]
    assert found.title == "Imaging response by mRECIST"
    assert found.in_words == {"responders": "responders by mRECIST", "non_responders": "non-responders"}
    assert np.array_equal(found.known_months, groups.visit_months(reference.lesions, reference.patients), equal_nan=True)
    assert same(groups.groupings(reference)["treatment_gap"].counts(), groups.groupings(reference, 4.0)["treatment_gap"].counts())


def test_without_lesions_nobody_is_known_to_have_progressed_elsewhere():
    found = groups.progression_months(SimpleNamespace(patients=PATIENTS, lesions=None))
    assert found.shape == (14,) and np.isnan(found).all()


def test_checked_covariates_are_numbers_with_fractions():
    study = SimpleNamespace(patients=pd.DataFrame({"age_years": [50, 61], "n_liver_lesions": [1, 3]}),
                            lacking=lambda *needs: tuple(need for need in needs if need == "patients.os_liver_metastasis_months"))
    found = groups.model_covariates(study, {})
    assert {name: (values.tolist(), values.dtype, continuous) for name, (values, continuous) in found.items()} == {
        "Age (years)": ([50, 61], float, True), "Liver lesions (number)": ([1, 3], float, True)}
