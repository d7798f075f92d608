"""Survival estimates, tests and models against hand calculations, textbooks and second programs, and at their limits."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test, multivariate_logrank_test
from oracles.survival_input import freireich
from scipy.stats import binom

from lib.survival import SurvivalDataError, batch, check_clocks, check_survival, compare, estimate, regression
from lib.survival.estimate import kaplan_meier, median_survival
from lib.once import KEPT, once

ALL_DIE = (np.arange(1, 25.0), np.ones(24, bool))


@pytest.fixture(scope="module")
def leukaemia():
    rows = freireich()
    return rows.months.to_numpy(float), rows.event.to_numpy(bool), np.where(rows.group == 1, "6-MP", "placebo"), rows.x.to_numpy()


@pytest.fixture(scope="module")
def random_cohort():
    rng = np.random.default_rng(11)
    return np.round(rng.exponential(12, 40), 1), rng.random(40) < 0.7, rng.random(40) < 0.4


# -- curves ------------------------------------------------------------------------------------------------

def test_curve_of_6_mp_arm_is_the_textbook_one(leukaemia):
    """Collett, Modelling Survival Data in Medical Research; Kleinbaum and Klein, table 2.2."""
    months, event, arm, _ = leukaemia
    curve = kaplan_meier(months[arm == "6-MP"], event[arm == "6-MP"])
    printed = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert curve.at(list(printed)) == pytest.approx(list(printed.values()), abs=5e-5)
    assert median_survival(curve).value == 23
    assert median_survival(kaplan_meier(months[arm == "placebo"], event[arm == "placebo"])).value == 8


def test_curve_is_that_of_lifelines(random_cohort):
    months, event, _ = random_cohort
    theirs = KaplanMeierFitter().fit(months, event)
    curve = kaplan_meier(months, event)
    at = np.linspace(0, months.max(), 50)
    assert curve.at(at) == pytest.approx(theirs.survival_function_at_times(at).to_numpy(), abs=1e-12)
    lower, upper = curve.band("log-log")
    defined = ~np.isnan(lower)
    band = theirs.confidence_interval_.loc[curve.times].to_numpy()
    assert lower[defined] == pytest.approx(band[defined, 0], abs=1e-9)
    assert upper[defined] == pytest.approx(band[defined, 1], abs=1e-9)


def test_median_and_intervals_of_24_deaths_by_each_program():
    """S(t) = 1 - t/24 is 0.5 from 12 to 13. SPSS by hand: SE(S) = sqrt(0.25/24), density (14 - 10)/24 over 14 - 10 months."""
    curve = kaplan_meier(*ALL_DIE)
    half = 1.959964 * math.sqrt(0.25 / 24) / ((14 - 10) / 24 / (14 - 10))
    assert tuple(median_survival(curve, "spss")) == pytest.approx((12, 12 - half, 12 + half), abs=1e-5)
    assert tuple(median_survival(curve, "r")) == (12.5, 9, 18)
    assert tuple(median_survival(curve, "sas")) == (12.5, 7, 17)
    assert tuple(median_survival(curve, "lifelines")) == (12, 7, 17)
    assert tuple(median_survival(curve, "r", "plain")) == (12.5, 8, 17)


def test_spss_prints_a_negative_lower_limit_as_zero():
    months, event = np.array([1, 2, 3, 20, 30, 40.0]), np.ones(6, bool)
    # S: 5/6, 4/6, 3/6, 2/6, ...: u = 2, l = 20; density (4/6 - 2/6)/18; SE(S(3)) = sqrt(0.25/6)
    upper = 3 + 1.959964 * math.sqrt(0.25 / 6) * 18 / (1 / 3)
    assert tuple(median_survival(kaplan_meier(months, event))) == pytest.approx((3, 0, upper), abs=1e-4)


def test_floating_error_does_not_move_a_median():
    """Five of 15 die, two are censored, two of 8 die: 10/15 x 7/8 x 6/7 is 1/2 exactly, in floating point a little more."""
    event = np.array([True] * 5 + [False] * 2 + [True] * 2 + [False] + [True] * 4 + [False])
    months = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 31, 32, 33, 34.0])
    curve = kaplan_meier(months, event)
    assert curve.at(9) > 0.5  # what a program without a tolerance sees
    assert median_survival(curve, "spss").value == 9
    assert median_survival(curve, "r").value == (9 + 30) / 2
    assert batch.weighted_medians(months, event, np.ones((1, 15)))[0] == 9


def test_median_that_is_not_reached_is_infinite_and_says_why():
    curve = kaplan_meier([5, 6, 7, 8], [True, False, False, False])
    median = median_survival(curve)
    assert median.value == math.inf and median.lower is None and "above 0.5" in median.reason
    assert tuple(median_survival(curve, "r")) == (math.inf, 5, math.inf)  # the lower band is below one half from 5 on


@pytest.mark.parametrize("months, event, median, mean", [
    ([5.0], [True], 5.0, 5.0), ([5.0], [False], math.inf, 5.0), ([0.0, 0.0, 4.0], [True, True, True], 0.0, 4 / 3),
    ([3.0, 3.0, 3.0, 3.0], [True] * 4, 3.0, 3.0), ([500.0, 600.0], [True, True], 500.0, 550.0)])
def test_one_patient_ties_zero_and_huge_times(months, event, median, mean):
    curve = kaplan_meier(months, event)
    assert median_survival(curve).value == median
    assert estimate.mean_survival(curve).value == pytest.approx(mean)


def test_mean_is_the_area_under_the_steps():
    """1 until 2, 2/3 until 5, then (after a censoring at 3) 0 at 5: 2 + 2/3 x 3 = 4."""
    curve = kaplan_meier([2, 3, 5], [True, False, True])
    assert estimate.mean_survival(curve).value == pytest.approx(4)
    assert estimate.mean_survival(curve, 3).value == pytest.approx(2 + 2 / 3)
    with pytest.raises(SurvivalDataError, match="up to 9 months, but nobody was followed beyond 4"):
        estimate.mean_survival(kaplan_meier([2, 4], [True, False]), 9)


def test_survival_beyond_follow_up_is_not_computed():
    curve = kaplan_meier([2, 4], [True, False])
    assert estimate.survival_at(curve, 3).value == 0.5
    beyond = estimate.survival_at(curve, 5)
    assert beyond.value is None and beyond.reason == "nobody was followed to 5 months"


def test_at_risk_table_counts_at_the_start_of_each_period():
    table = estimate.at_risk_table(kaplan_meier([1, 2, 2, 6, 9], [True, True, False, False, True]), [0, 2, 6, 12])
    assert table.at_risk.tolist() == [5, 4, 2, 0]  # a patient leaving at 2 or 6 is still at risk there
    assert table.events.tolist() == [0, 1, 2, 3]
    assert table.censored.tolist() == [0, 0, 1, 2]
    assert (table[["at_risk", "events", "censored"]].sum(axis=1) == 5).all()


def test_follow_up_by_hand():
    """Censorings at 4 and 8: the reverse curve is 2/3 after 4 (three still at risk), 0 after 8."""
    watched = estimate.follow_up([2, 4, 6, 8], [True, False, True, False])
    assert (watched["naive_median"], watched["naive_min"], watched["naive_max"]) == (5, 2, 8)
    assert watched["reverse"].value == 8
    assert estimate.follow_up([2, 4], [True, True])["reverse"].value == math.inf  # nobody censored: no end is known


# -- refusals ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("months, event, message", [
    ([1, 2], [True], "2 survival times but 1 event flags"),
    ([], [], "No patients"),
    ([1, np.nan, 3], [True] * 3, "1 of 3 patients have a missing or infinite survival time, first at position 2"),
    ([1, np.inf], [True] * 2, "missing or infinite survival time"),
    ([1, -2], [True] * 2, r"a negative survival time, first at position 2 \(value -2.0\)"),
    ([30, 1365], [True] * 2, r"1365 months, 114 years: these look like days. Divide by 30.4375 \(1365 days are 44.8 months\)"),
    ([1, 2], [1, 0], "must be true .* or false"),
    ([1, 2], ["dead", "alive"], "CNSR"),
    ([1, 2], [True, None], "a missing event flag")])
def test_times_that_cannot_be_analysed_are_refused_in_one_sentence(months, event, message):
    with pytest.raises(SurvivalDataError, match=message):
        check_survival(months, event)


def test_entry_must_come_before_the_end_of_follow_up():
    with pytest.raises(SurvivalDataError, match="an entry that is not before the end"):
        kaplan_meier([4, 5], [True, True], entry=[1, 5])
    with pytest.raises(SurvivalDataError, match="2 survival times but 1 entry"):
        kaplan_meier([4, 5], [True, True], entry=[1])


def test_a_clock_in_days_is_named_with_its_ratio():
    patients = pd.DataFrame({"patient": ["P01", "P02", "P03"], "os_diagnosis_months": [20.0, 30, 40],
                             "os_treatment_months": [10.0 * 30.4375, 15 * 30.4375, 20 * 30.4375]})
    with pytest.raises(SurvivalDataError, match=r"exceeds `os_diagnosis_months` for 3 of 3, first P01 .* ratio is 15.2.*looks like days"):
        check_clocks(patients, ["os_diagnosis_months", "os_treatment_months"])
    check_clocks(patients.assign(os_treatment_months=[10.0, 15, 20]), ["os_diagnosis_months", "os_treatment_months"])


def test_unknown_conventions_are_refused():
    curve = kaplan_meier(*ALL_DIE)
    with pytest.raises(SurvivalDataError, match="'stata' is not one of spss, r, sas, lifelines"):
        median_survival(curve, "stata")
    with pytest.raises(SurvivalDataError, match="interval 'logit' is not one of"):
        curve.band("logit")
    with pytest.raises(SurvivalDataError, match="weighting 'peto' is not one of"):
        compare.logrank([1, 2], [True, True], ["a", "b"], weighting="peto")
    with pytest.raises(SurvivalDataError, match="ties 'none' is not one of"):
        regression.cox([1, 2], [True, True], [0, 1], ties="none")


# -- comparisons -------------------------------------------------------------------------------------------

def test_logrank_family_of_the_leukaemia_trial_is_the_printed_one(leukaemia):
    """Kleinbaum and Klein, Survival Analysis, chapter 2: log-rank 16.79, Wilcoxon 13.46, Tarone-Ware 15.12."""
    months, event, arm, _ = leukaemia
    printed = {"log-rank": 16.79, "Breslow-Wilcoxon": 13.46, "Tarone-Ware": 15.12}
    for weighting, chi_square in printed.items():
        assert compare.logrank(months, event, arm, weighting=weighting).statistic == pytest.approx(chi_square, abs=0.005)


@pytest.mark.parametrize("months, event, group, reason", [
    ([1, 2, 3], [True] * 3, ["a", "a", "a"], "only one group has patients"),
    ([1, 2, 3], [False] * 3, ["a", "b", "b"], "there are no events"),
    ([1, 2, 3], [False, True, True], ["a", "b", "b"], "no event tells the groups apart: they were never at risk together")])
def test_a_test_without_information_says_why(months, event, group, reason):
    result = compare.logrank(months, event, group)
    assert result.p_value is None and result.reason == reason


def test_missing_group_labels_are_refused():
    with pytest.raises(SurvivalDataError, match="a missing group label, first at position 2"):
        compare.logrank([1, 2], [True, True], ["a", None])


def test_permutation_p_by_enumerating_every_arrangement_in_python(random_cohort):
    months, event, member = (values[:9] for values in random_cohort)
    assert 0 < member.sum() < 9

    def observed_minus_expected(chosen):
        total = 0.0
        for t in np.unique(months[event]):
            risk = months >= t
            total += (chosen & (months == t) & event).sum() - ((months == t) & event).sum() * (chosen & risk).sum() / risk.sum()
        return abs(total)

    arrangements = [np.isin(np.arange(9), chosen) for chosen in itertools.combinations(range(9), int(member.sum()))]
    reached = [observed_minus_expected(chosen) >= observed_minus_expected(member) - 1e-9 for chosen in arrangements]
    result = compare.permutation_logrank(months, event, member)
    assert (result.p_value, result.n_arrangements, result.exact) == (pytest.approx(np.mean(reached)), len(arrangements), True)


def test_permutation_beyond_enumeration_is_seeded_and_states_its_error(leukaemia, random_cohort):
    months, event, arm, _ = leukaemia
    first, second = (compare.permutation_logrank(months, event, arm, n_resamples=500, seed=3) for _ in range(2))
    assert first == second and not first.exact and first.n_arrangements == 500
    assert first.p_value == pytest.approx(1 / 501)  # P of the log-rank test is 0.00004: no arrangement of 500 comes near
    assert first.mc_error == pytest.approx(math.sqrt(first.p_value * (1 - first.p_value) / 500))
    assert compare.permutation_logrank(*random_cohort).exact


def test_what_is_worked_out_once_is_worked_out_anew_for_other_values_types_or_shapes():
    asked = []
    total = once(lambda values, scale: asked.append(scale) or values.sum() * scale)
    values = np.arange(6.0)
    assert total(values, 2) == total(values.copy(), 2) == 30 and asked == [2]
    values[0] = 1.0  # the same array, changed in place
    assert total(values, 2) == 32 and total(values.reshape(2, 3), 2) == 32 and total(values.astype(int), 2) == 32 and len(asked) == 4
    for scale in range(10, 10 + KEPT):
        total(values, scale)
    assert total(values, 2) == 32 and len(asked) == 5 + KEPT  # the oldest were dropped


def test_bootstrap_interval_of_24_deaths_is_the_binomial_one():
    """The resampled median is at most t if at least 12 of 24 draws fall on the t first patients: a binomial probability."""
    result = compare.bootstrap_median(*ALL_DIE, n_resamples=20_000, seed=5)
    at_most = np.array([binom.sf(11, 24, k / 24) for k in range(25)])
    assert result.n_failed == 0
    assert result.lower == np.argmax(at_most >= 0.025)
    assert result.upper == np.argmax(at_most >= 0.975)


def test_bootstrap_counts_resamples_without_a_median():
    """Two of four die first: no median if fewer than two draws of four hit the dead. Binomial(4, 1/2): 5/16."""
    result = compare.bootstrap_median([1, 2, 5, 5], [True, True, False, False], n_resamples=20_000, seed=1)
    assert result.n_failed / 20_000 == pytest.approx(5 / 16, abs=0.01)
    assert result.upper == math.inf
    assert compare.bootstrap_median([4, 5], [False, False], n_resamples=50).n_failed == 50


def test_difference_in_restricted_means_by_hand():
    """Group a: 1 to 2, then 1/2 to 4; group b: 1 to 1, then 1/2 to 4. Areas up to 4: 3 and 2.5."""
    result = compare.rmst_difference([2, 4, 1, 4], [True, True, True, False], ["a", "a", "b", "b"])
    assert (result["first"], result["second"], result["to_months"]) == (3, 2.5, 4)
    assert result["difference"].value == pytest.approx(0.5)
    beyond = compare.rmst_difference([2, 4, 1, 4], [True, True, True, False], ["a", "a", "b", "b"], to_months=6)
    assert beyond["difference"].value is None and "beyond 4.0 months" in beyond["difference"].reason


def test_smallest_detectable_hazard_ratio_is_schoenfelds():
    """(1.96 + 0.8416) / sqrt(17 / 4) = 0.6795 x 2 = 1.359; e to that is 3.89."""
    from greenwood import logrank_power

    ratio = compare.smallest_detectable_hazard_ratio(17)
    assert ratio == pytest.approx(3.892, abs=0.001)
    assert logrank_power(ratio, 17) == pytest.approx(0.8, abs=1e-4)
    assert compare.power_to_detect(2.0, 17) == pytest.approx(logrank_power(2.0, 17), abs=1e-3)
    assert compare.smallest_detectable_hazard_ratio(0) == math.inf


def test_leaving_one_out_equals_refitting_with_lifelines(random_cohort):
    months, event, member = random_cohort
    table = compare.leave_one_out(months, event, np.where(member, "early", "late"))
    alone = compare.leave_one_out(months, event)
    for i in range(0, 40, 7):
        kept = np.arange(40) != i
        theirs = logrank_test(months[kept & member], months[kept & ~member], event[kept & member], event[kept & ~member])
        assert table.p_value[i] == pytest.approx(theirs.p_value, abs=1e-10)
        assert alone["median"][i] == KaplanMeierFitter().fit(months[kept], event[kept]).median_survival_time_
        assert table["early"][i] == KaplanMeierFitter().fit(months[kept & member], event[kept & member]).median_survival_time_


def test_search_over_one_cut_is_the_permutation_test(random_cohort):
    months, event, _ = random_cohort
    values = np.random.default_rng(2).exponential(5, 40)
    table, corrected = compare.search_cut(values, months, event, [4], n_resamples=4000, seed=0)
    exact = compare.permutation_logrank(months, event, values <= 4)
    assert corrected == pytest.approx(exact.p_value, abs=4 * math.sqrt(exact.p_value / 4000))
    assert table.p_value[0] == pytest.approx(compare.logrank(months, event, values <= 4).p_value)


def test_searching_for_the_best_cut_costs_something(random_cohort):
    months, event, _ = random_cohort
    values = np.random.default_rng(2).exponential(5, 40)
    table, corrected = compare.search_cut(values, months, event, range(1, 13), seed=0)
    assert corrected > table.p_value.min()
    nowhere, nothing = compare.search_cut(values, months, event, [100])
    assert nothing is None and math.isnan(nowhere.p_value[0])
    with pytest.raises(SurvivalDataError, match="1 of 40 patients have no value"):
        compare.search_cut(np.append(values[:39], np.nan), months, event, [4])


# -- Cox regression ----------------------------------------------------------------------------------------

def test_hazard_ratios_of_the_leukaemia_trial_are_the_printed_ones(leukaemia):
    """Kleinbaum and Klein, chapter 3: placebo against 6-MP, 4.523 (Breslow: Stata); 4.817 by Efron's ties (R)."""
    months, event, arm, _ = leukaemia
    assert regression.cox(months, event, arm == "placebo", ties="breslow").hazard_ratio == pytest.approx(4.523, abs=0.0005)
    assert regression.cox(months, event, arm == "placebo", ties="efron").hazard_ratio == pytest.approx(4.817, abs=0.0005)


def test_hazard_ratio_does_not_depend_on_the_unit_of_the_covariate(leukaemia):
    months, event, _, cells = leukaemia
    for ties in regression.TIES:
        one, thousand = (regression.cox(months, event, cells * factor, ties=ties) for factor in (1.0, 1000.0))
        assert one.log_hazard_ratio == pytest.approx(1000 * thousand.log_hazard_ratio, rel=1e-6)
        assert one.wald_p == pytest.approx(thousand.wald_p, rel=1e-6)


@pytest.mark.parametrize("covariate, event, reason", [
    ([1, 1, 1, 1], [True] * 4, "everyone has the same value"), ([1, 2, 3, 4], [False] * 4, "there are no events"),
    ([4, 3, 2, 1], [True] * 4, "monotone likelihood: every event has the highest"),
    ([0, 0, 1, 1], [True, True, False, False], "monotone likelihood: every event has the lowest"),
    ([0, 1, 1, 1], [False, True, True, True], "no event told patients of different values apart")])
def test_cox_regression_refuses_what_has_no_estimate_and_says_why(covariate, event, reason):
    for ties in regression.TIES:
        fit = regression.cox([1, 2, 3, 4], event, covariate, ties=ties)
        assert fit.hazard_ratio is None and fit.reason.startswith(reason)
        assert (fit.score_p is not None) == reason.startswith("monotone")


def test_score_test_survives_monotone_likelihood_as_a_logrank_test():
    months, event = np.array([1, 2, 3, 4, 5, 6.0]), np.array([True, True, True, False, False, False])
    member = np.array([1, 1, 1, 0, 0, 0])
    fit = regression.cox(months, event, member)
    assert fit.hazard_ratio is None
    assert fit.score_p == pytest.approx(logrank_test(months[:3], months[3:], event[:3], event[3:]).p_value)


def test_firth_is_finite_under_monotone_likelihood_and_maximises_the_penalised_likelihood():
    from scipy.optimize import minimize_scalar

    months, event = np.array([1, 2, 3, 4, 5, 6, 7, 8.0]), np.array([True] * 4 + [False] * 4)
    x = np.array([1, 1, 1, 1, 0, 0, 0, 0.0])

    def penalised(beta):
        loglik = information = 0.0
        for t in months[event]:
            w = np.exp(beta * x[months >= t])
            share = (w * x[months >= t]).sum() / w.sum()
            loglik += beta * x[months == t][0] - np.log(w.sum())
            information += share * (1 - share)
        return -(loglik + 0.5 * np.log(information))

    best = minimize_scalar(penalised, bounds=(-10, 10), method="bounded", options={"xatol": 1e-10}).x
    fit = regression.firth_cox(months, event, x)
    assert math.log(fit.hazard_ratio) == pytest.approx(best, abs=1e-5)
    assert 1 < fit.lower < fit.hazard_ratio < fit.upper
    assert regression.firth_cox(months, ~event & False, x).reason == "there are no events"


def test_global_test_of_several_levels_is_the_logrank_test_without_ties(random_cohort):
    months, event, _ = random_cohort
    months = months + np.linspace(0, 0.01, 40)
    levels = np.array(list("pqrs"))[np.random.default_rng(4).integers(0, 4, 40)]
    theirs = multivariate_logrank_test(months, levels, event)
    ours = regression.categorical_test(months, event, levels)
    assert (ours["statistic"], ours["df"]) == (pytest.approx(theirs.test_statistic), 3)


def test_global_test_counts_only_levels_at_risk():
    test = regression.categorical_test([1, 2, 3, 4], [False, True, True, True], ["gone", "p", "q", "p"])
    assert test["df"] == 1
    assert regression.categorical_test([1, 2], [False, False], ["p", "q"])["reason"] == "there are no events"


def test_screen_names_contrasts_counts_the_known_and_adjusts(leukaemia):
    months, event, arm, cells = leukaemia
    frame = pd.DataFrame({"cells": cells, "arm": arm, "flag": arm == "6-MP", "site": list("abc") * 14, "score": [0, 1] * 21})
    frame.loc[:4, "cells"] = np.nan
    screen = regression.univariate_screen(frame, months, event).set_index("covariate")
    assert screen.n["cells"] == 37 and screen.n["arm"] == 42
    assert screen.contrast["arm"] == "placebo against 6-MP" and screen.contrast["flag"] == "yes against no"
    assert screen.hazard_ratio["flag"] == pytest.approx(1 / screen.hazard_ratio["arm"])
    assert screen.contrast["score"] == "" and screen.df["site"] == 2 and math.isnan(screen.hazard_ratio["site"])
    assert screen.reason["site"] == "global test"


def test_adjusted_p_values_by_hand():
    """Holm: 3 x 0.01, 2 x 0.02, 1 x 0.03 made monotone. Benjamini-Hochberg: 3/1 x 0.01, 3/2 x 0.02, 3/3 x 0.03."""
    assert regression.adjust([0.02, np.nan, 0.01, 0.03], "holm") == pytest.approx([0.04, np.nan, 0.03, 0.04], nan_ok=True)
    assert regression.adjust([0.02, np.nan, 0.01, 0.03], "fdr_bh") == pytest.approx([0.03, np.nan, 0.03, 0.03], nan_ok=True)
    assert np.isnan(regression.adjust([np.nan], "holm")).all()
    assert regression.adjust([0.7, 0.6], "holm").tolist() == [1, 1]  # 2 x 0.6 is no probability
    with pytest.raises(KeyError):
        regression.adjust([0.02], "bonferroni")


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_adjusted_p_values_are_those_of_statsmodels(method):
    from statsmodels.stats.multitest import multipletests

    p_values = np.round(np.random.default_rng(5).beta(0.6, 2, 40), 2)  # some tied, and some over 1 when multiplied
    assert regression.adjust(p_values, method) == pytest.approx(multipletests(p_values, method=method)[1], rel=1e-12)


def test_missing_covariate_values_are_not_dropped_in_silence():
    with pytest.raises(SurvivalDataError, match="1 of 3 patients have no value of the covariate"):
        regression.cox([1, 2, 3], [True] * 3, [1, np.nan, 2])
