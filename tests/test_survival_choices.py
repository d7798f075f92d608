"""A choice is obeyed everywhere, one left unsaid is what the help says, and what cannot be computed says why, with its counts.

Expectations are relations that hold by definition, worked by hand, or a second program's.
"""

import inspect
import math
import warnings
from dataclasses import fields
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy import stats

from lib.cohort import read_cohort
from lib.survival import SurvivalDataError, assumptions, batch, clocks, compare, competing, estimate, groups, regression
from lib.survival.checks import MOST_IN_SMALL_SAMPLE
from lib.survival.estimate import kaplan_meier, median_survival

pytestmark = pytest.mark.filterwarnings("error")  # a division by 0 that slips through is a wrong number elsewhere

Z95 = 1.959963984540054  # quantile of the normal distribution
MONTHS = np.array([1.0, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9, 10, 12])  # tied deaths at 2, 4 and 9
EVENT = np.array([1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0], bool)
X = np.array([3.0, 1, 4, 1.5, 5, 2, 6, 2.5, 1.7, 5.5, 2.2, 4.4, 0.5, 3.3])
MEMBER = X > 2.4
ENTRY = np.array([0, 0.5, 0, 1, 0, 2, 0, 3, 0, 1, 0, 4, 0, 2.0])
PATIENTS = pd.DataFrame({"os_treatment_months": MONTHS, "os_diagnosis_months": MONTHS + ENTRY, "died": EVENT})
GROUPING = groups.Grouping("Status", pd.Series(np.where(MEMBER, "with", "without")), {"without": "No", "with": "Yes"}, np.full(14, 1.5))
KIND = np.where(EVENT, np.where(np.arange(14) % 3 == 0, "death", "progression"), "censored")


def same(found, again):
    """Whether two results hold the same, arrays, frames and missing values among them."""
    if isinstance(found, dict):
        return list(found) == list(again) and all(same(found[key], again[key]) for key in found)
    if isinstance(found, tuple | list):
        return len(found) == len(again) and all(map(same, found, again))
    if isinstance(found, pd.DataFrame | pd.Series):
        return found.equals(again)
    if hasattr(found, "__dataclass_fields__"):
        return all(same(getattr(found, each.name), getattr(again, each.name)) for each in fields(found))
    return np.array_equal(found, again, equal_nan=isinstance(found, float | np.ndarray) and np.asarray(found).dtype.kind == "f")


# -- choices -----------------------------------------------------------------------------------------------

FRAME = pd.DataFrame({"x": X, "site": list("abc") * 4 + ["a", "b"]})
CURVE = kaplan_meier(MONTHS, EVENT)
ANALYSES = {
    "curve": partial(kaplan_meier, MONTHS, EVENT), "band": CURVE.band, "median": partial(median_survival, CURVE),
    "survival": partial(estimate.survival_at, CURVE, 5.0), "follow-up": partial(estimate.follow_up, MONTHS, EVENT),
    "log-rank": partial(compare.logrank, MONTHS, EVENT, MEMBER), "permutation": partial(compare.permutation_logrank, np.tile(MONTHS, 3), np.tile(EVENT, 3), np.tile(MEMBER, 3)),
    "bootstrap": partial(compare.bootstrap_median, MONTHS, EVENT), "restricted means": partial(compare.rmst_difference, MONTHS, EVENT, MEMBER),
    "detectable": partial(compare.smallest_detectable_hazard_ratio, 17), "power": partial(compare.power_to_detect, 2.0, 17),
    "search": partial(compare.search_cut, X, MONTHS, EVENT, [2, 3]), "Cox": partial(regression.cox, MONTHS, EVENT, X),
    "Firth": partial(regression.firth_cox, MONTHS, EVENT, X), "levels": partial(regression.categorical_test, MONTHS, EVENT, FRAME.site),
    "screen": partial(regression.univariate_screen, FRAME, MONTHS, EVENT), "proportional": partial(assumptions.proportional_hazards, MONTHS, EVENT, X),
    "influence": partial(assumptions.influence, MONTHS, EVENT, X), "form": partial(assumptions.functional_form, MONTHS, EVENT, X),
    "entry": partial(clocks.entry_dependence, MONTHS + 5, EVENT, ENTRY), "incidence": partial(competing.cumulative_incidence, MONTHS, KIND),
    "Gray": partial(competing.gray_test, MONTHS, KIND, MEMBER),
    "three answers": partial(clocks.naive_landmark_time_dependent, PATIENTS, GROUPING, 2.0),
    "timed": partial(clocks.time_dependent_cox, PATIENTS, "os_treatment_months", "died", ENTRY, MEMBER),
    "delayed": partial(clocks.naive_and_delayed, PATIENTS, "os_diagnosis_months", 3),
}
UNSAID = {"conf_level": 0.95, "ties": "breslow", "alpha": 0.05, "power": 0.8, "share_in_group": 0.5, "seed": 0, "interval": "log-log",
          "weighting": "log-rank", "convention": "spss", "cause": "progression"}
RESAMPLES = {"permutation": 10_000, "bootstrap": 2000, "search": 2000}


@pytest.mark.parametrize("name", ANALYSES)
def test_what_is_left_unsaid_is_what_the_help_says(name):
    analysis = ANALYSES[name]
    said = {choice: value for choice, value in (UNSAID | {"n_resamples": RESAMPLES.get(name)}).items()
            if choice in inspect.signature(analysis).parameters and not (name == "median" and choice == "interval")}
    assert said or name == "Gray"
    assert same(analysis(), analysis(**said))


@pytest.mark.parametrize(("name", "intervals"), [
    ("curve", lambda found: found.band()), ("follow-up", lambda found: found["reverse"]), ("bootstrap", lambda found: (found.lower, found.upper)),
    ("restricted means", lambda found: (found["difference"].lower, found["difference"].upper)), ("Cox", lambda found: (found.lower, found.upper)), ("Firth", lambda found: (found.lower, found.upper)),
    ("screen", lambda found: (found.lower[0], found.upper[0])), ("proportional", lambda found: (found.early.lower, found.late.lower)),
    ("incidence", lambda found: (found["death"].lower[5], found["progression"].upper[5])),
    ("three answers", lambda found: tuple(each["fit"].upper for each in found.values())), ("timed", lambda found: (found.lower, found.upper)),
    ("delayed", lambda found: (*found["naive"].band(), *found["delayed"].band()))])
def test_every_interval_has_the_coverage_asked_for(name, intervals):
    """Each limit lies elsewhere at another coverage."""
    usual, narrow = (intervals(ANALYSES[name](conf_level=level)) for level in (0.95, 0.6))
    for one, other in zip(usual, narrow, strict=True):
        if np.isfinite(np.asarray(one, float)).any() and name not in ("follow-up", "bootstrap"):
            assert not np.array_equal(one, other, equal_nan=True)
    assert not same(tuple(usual), tuple(narrow))


@pytest.mark.parametrize("ties", regression.TIES)
def test_ties_are_treated_as_asked_in_every_analysis(ties):
    fit = partial(regression.cox, ties=ties)
    screen = ANALYSES["screen"](ties=ties)
    assert screen.hazard_ratio[0] == fit(MONTHS, EVENT, X).hazard_ratio
    general = "efron" if ties == "efron" else "breslow"  # there is no exact form of what follows
    assert screen.p_value[1] == regression.categorical_test(MONTHS, EVENT, FRAME.site, ties=general)["p_value"]
    answers = ANALYSES["three answers"](ties=ties)
    assert answers["from treatment"]["fit"] == fit(MONTHS, EVENT, MEMBER)
    assert answers["from the landmark"]["fit"] == fit(MONTHS[MONTHS > 2] - 2, EVENT[MONTHS > 2], MEMBER[MONTHS > 2])
    assert {answer["fit"].ties for answer in answers.values()} == {ties}
    assert ANALYSES["entry"](ties=ties) == fit(MONTHS + 5, EVENT, ENTRY, entry=ENTRY)
    assert ANALYSES["delayed"](ties=ties)["dependence"] == fit(MONTHS + ENTRY, EVENT, ENTRY, entry=ENTRY)
    check = ANALYSES["proportional"](ties=ties, split_months=4.0)
    assert check.early == fit(np.minimum(MONTHS, 4), EVENT & (MONTHS <= 4), X)
    assert check.late == fit(MONTHS[MONTHS > 4] - 4, EVENT[MONTHS > 4], X[MONTHS > 4])
    for name in ("influence", "form"):
        assert same(ANALYSES[name](ties=ties), ANALYSES[name](ties=general))
    assert check.p_value == ANALYSES["proportional"](ties=general).p_value
    assert ANALYSES["form"](ties=ties)["linear_p"] == regression.cox(MONTHS, EVENT, X, ties=general).likelihood_ratio_p


@pytest.mark.parametrize("name", ["influence", "form", "proportional", "levels"])
def test_efrons_treatment_of_ties_is_another_than_breslows(name):
    assert not same(ANALYSES[name](ties="efron"), ANALYSES[name](ties="breslow"))


NUMBERS = [field.name for field in fields(regression.CoxResult)][:8]


# -- many patients -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("entry", [None, ENTRY / 2])
def test_a_model_of_many_is_that_of_few(monkeypatch, ties, entry):
    """Running sums, used above so many patients, against lifelines and greenwood below."""
    few = regression.cox(MONTHS, EVENT, X, ties=ties, entry=entry)
    monkeypatch.setattr(regression, "MANY", 13)
    monkeypatch.setattr(regression, "_breslow", None)
    monkeypatch.setattr(regression, "_efron", None)
    many = regression.cox(MONTHS, EVENT, X, ties=ties, entry=entry)
    assert (many.n, many.n_events, many.ties, many.reason) == (few.n, few.n_events, few.ties, "")
    assert [getattr(many, name) for name in NUMBERS] == pytest.approx([getattr(few, name) for name in NUMBERS], rel=1e-6)


def test_an_exact_model_of_many_stays_exact(monkeypatch):
    few = regression.cox(MONTHS, EVENT, X, ties="exact")
    monkeypatch.setattr(regression, "MANY", 3)
    assert regression.cox(MONTHS, EVENT, X, ties="exact") == few


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_checks_of_a_model_of_many_are_those_of_few(monkeypatch, ties):
    order = np.argsort(MONTHS, kind="stable")
    few = [ANALYSES[name](ties=ties) for name in ("proportional", "influence", "form")]
    monkeypatch.setattr(assumptions, "MANY", 13)
    monkeypatch.setattr(assumptions, "_greenwood", None)
    check, moved, form = (ANALYSES[name](ties=ties) for name in ("proportional", "influence", "form"))
    assert check.p_value == pytest.approx(few[0].p_value, rel=1e-6)
    assert sorted(check.log_hazard_ratios) == pytest.approx(sorted(few[0].log_hazard_ratios), rel=1e-6) and len(order)
    assert list(moved) == ["dfbeta", "dfbetas", "hazard_ratio_without"]
    if ties == "breslow":
        assert moved.dfbeta.tolist() == pytest.approx(few[1].dfbeta.tolist(), rel=1e-6)
        assert moved.dfbetas.tolist() == pytest.approx(few[1].dfbetas.tolist(), rel=1e-6)
    assert form["log_likelihoods"] == pytest.approx(few[2]["log_likelihoods"], rel=1e-9)


def test_a_standardised_dfbeta_is_in_standard_errors():
    moved = ANALYSES["influence"]()
    error = regression.cox(MONTHS, EVENT, X).std_error
    assert moved.dfbetas.tolist() == pytest.approx((moved.dfbeta / error).tolist(), rel=1e-6)


LARGE = MOST_IN_SMALL_SAMPLE + 1
LARGE_MONTHS, LARGE_X = np.linspace(1, 100, LARGE), np.arange(LARGE) % 7.0


def test_tools_for_small_samples_are_left_out_of_large_ones():
    months, event = LARGE_MONTHS, np.arange(LARGE) % 50 == 0
    reason = f"left out above {MOST_IN_SMALL_SAMPLE:,} patients, where formulae for large samples serve"
    found = compare.permutation_logrank(months, event, LARGE_X > 3)
    assert found == compare.PermutationResult(None, True, 0, 0.0, reason)
    assert regression.firth_cox(months, event, LARGE_X) == regression.FirthResult(None, None, None, None, reason)
    assert assumptions.influence(months, event, LARGE_X).hazard_ratio_without.isna().all()


@pytest.mark.parametrize(("n", "tied", "reached"), [(500, True, True), (501, True, False), (501, False, True), (5000, False, True), (5001, False, False)])
def test_the_exact_treatment_of_ties_reaches_as_far_as_it_says(n, tied, reached):
    months = np.arange(1.0, n + 1)
    if tied:
        months[-1] = n - 1
    reason = regression.why_not_exact(months, np.ones(n, bool))
    assert reason == ("" if reached else "the exact treatment of ties is computed for at most 500 patients at risk")


def test_a_model_refused_for_its_ties_has_its_counts_and_no_number():
    months = np.repeat(np.arange(1.0, 301), 2)
    found = regression.cox(months, np.arange(600) % 7 > 0, np.arange(600) % 5, ties="exact")
    assert (found.n, found.n_events, found.ties) == (600, 514, "exact") and found.reason.startswith("the exact treatment of ties is computed")
    assert {getattr(found, name) for name in NUMBERS} == {None}


# -- what cannot be computed -------------------------------------------------------------------------------

REFUSED = [([1.0, 2, 3], [True, True, False], [7, 7, 7], None, "everyone has the same value", 2),
           ([1.0, 2, 3], [False] * 3, [1, 2, 3], None, "there are no events", 0),
           ([1.0, 2, 3], [True, True, True], [3, 2, 1], None, "monotone likelihood: every event has the highest", 3),
           ([3.0, 3, 4], [False, False, True], [1, 2, 3], None, "no event told patients of different values apart", 1),
           ([2.0, 5, 9], [True, True, True], [1, 2, 2], [0, 3, 2], "no event told patients of different values apart", 3)]


@pytest.mark.parametrize("ties", regression.TIES)
@pytest.mark.parametrize(("months", "event", "x", "entry", "reason", "n_events"), REFUSED)
def test_a_model_without_an_estimate_has_its_counts_its_reason_and_no_number(months, event, x, entry, reason, n_events, ties):
    found = regression.cox(months, event, x, ties=ties, entry=entry)
    assert (found.n, found.n_events, found.ties) == (3, n_events, ties) and found.reason.startswith(reason)
    assert {name for name in NUMBERS if getattr(found, name) is not None} == ({"score_p"} if "monotone" in reason else set())


def test_the_exact_treatment_learns_nothing_where_all_at_risk_die_together():
    """Its terms compare the dying with those who stay; the other two treatments weigh the dying among themselves."""
    months, event, x = [3.0, 3, 3, 3], [True] * 4, [0, 1, 2, 5]
    found = regression.cox(months, event, x, ties="exact")
    assert found.hazard_ratio is None and found.score_p is None and found.reason == "no event told patients of different values apart"
    assert regression.cox(months, event, x, ties="efron").hazard_ratio == pytest.approx(1)
    # of 0, 1 and 2 the 1 and the 2 die together: exp(3 b) / (exp(3 b) + exp(2 b) + exp(b)) rises without end
    top = regression.cox([3.0, 3, 4], [True, True, False], [2, 1, 0], ties="exact")
    assert top.reason.startswith("monotone likelihood: every event has the highest") and top.score_p == pytest.approx(stats.chi2(1).sf(1.5))
    assert regression.cox([3.0, 3, 4], [True, True, False], [2, 1, 0], ties="breslow").hazard_ratio > 1
    bottom = regression.cox([3.0, 3, 4], [True, True, False], [0, 1, 2], ties="exact")
    assert bottom.reason.startswith("monotone likelihood: every event has the lowest")


@pytest.mark.parametrize("x", [[0, 1, 1, 1], [1e6, 1e6 + 1, 1e6 + 1, 1e6 + 1]])
@pytest.mark.parametrize("ties", regression.TIES)
def test_the_score_of_one_death_by_hand(x, ties):
    """One of four dies first, alone in its value: (1 - 1/4)^2 / (1/4 x 3/4) = 3 on one degree of freedom, wherever the values begin."""
    found = regression.cox([1.0, 2, 3, 4], [True, False, False, False], x, ties=ties)
    assert found.score_p == pytest.approx(stats.chi2(1).sf(3), rel=1e-6)


@pytest.mark.parametrize("ties", regression.TIES)
def test_the_score_of_a_death_beside_one_other_by_hand(ties):
    """The higher of two dies first: (1 - 1/2)^2 / (1/2 x 1/2) = 1; the last is alone."""
    assert regression.cox([1.0, 2], [True, True], [1, 0], ties=ties).score_p == pytest.approx(stats.chi2(1).sf(1))


def test_a_fit_of_firth_that_does_not_converge_says_so(monkeypatch):
    from firthmodels import FirthCoxPH

    monkeypatch.setattr(FirthCoxPH, "fit", lambda *_: warnings.warn("no convergence", RuntimeWarning, stacklevel=1))
    assert regression.firth_cox(MONTHS, EVENT, X) == regression.FirthResult(None, None, None, None, "Firth's fit did not converge")


@pytest.mark.parametrize(("x", "reason"), [([1, 1, 1, 1, 1], "everyone has the same value"), ([1, 2, 3, 1, 2], "fewer than four different values"),
                                           ([1, 2, 3, 4, 1], "")])
def test_the_form_of_a_covariate_needs_four_values(x, reason):
    found = assumptions.functional_form([1.0, 2, 3, 4, 5], [True] * 5, x[::-1] if reason else [3, 1, 4, 2, 1])
    assert list(found)[:3] == ["linear_p", "curvature_p", "log_likelihoods"] and found["reason"] == reason
    if reason:
        assert found == {"linear_p": None, "curvature_p": None, "log_likelihoods": {}, "martingale": None, "reason": reason}
    assert (found["linear_p"] is None) == bool(reason)


def test_the_logarithm_of_a_covariate_needs_values_above_0():
    forms = {least: ANALYSES["form"].func(MONTHS, EVENT, X - X.min() + least)["log_likelihoods"] for least in (0.0, 0.1)}
    assert forms[0.0]["logarithm"] is None and math.isfinite(forms[0.1]["logarithm"])


def test_proportional_hazards_that_cannot_be_tested_have_no_residuals():
    check = assumptions.proportional_hazards([1.0, 2, 3], [True, True, False], [1, 1, 1])
    assert check.event_months.shape == check.log_hazard_ratios.shape == (0,)
    assert (check.p_value, check.early, check.late, check.split_months, check.reason) == (None, None, None, None, "everyone has the same value")


def test_hazard_ratios_are_split_at_the_median_death_which_counts_as_early():
    """Deaths at 1, 2, 2, 4, 4, 6, 7, 9, 9 and 10: the median of ten is 5."""
    check = ANALYSES["proportional"]()
    assert check.split_months == 5.0 and (check.early.n_events, check.late.n_events) == (5, 5) and check.event_months.tolist() == sorted(MONTHS[EVENT])
    at_a_death = ANALYSES["proportional"](split_months=4)
    assert (at_a_death.early.n_events, at_a_death.late.n_events, at_a_death.late.n) == (5, 5, 8)
    assert ANALYSES["proportional"](split_months=12).late is None and ANALYSES["proportional"](split_months=11).late.n == 1


@pytest.mark.parametrize("ties", regression.TIES)
def test_neither_origin_nor_unit_of_a_covariate_changes_its_tests(ties):
    """A hundredth of the unit, counted from 3000: ratios to the power of a hundred, everything else the same."""
    moved = 3000 + X / 100
    one, other = (regression.cox(MONTHS, EVENT, x, ties=ties) for x in (X, moved))
    assert other.log_hazard_ratio == pytest.approx(100 * one.log_hazard_ratio, rel=1e-5)
    assert (other.wald_p, other.score_p, other.likelihood_ratio_p) == pytest.approx((one.wald_p, one.score_p, one.likelihood_ratio_p), rel=1e-5)
    if ties != "exact":
        for name in ("form", "influence"):
            one, other = (ANALYSES[name].func(MONTHS, EVENT, x, ties=ties) for x in (X, moved))
            if name == "form":
                assert [other["log_likelihoods"][key] for key in ("linear", "quadratic")] == pytest.approx(
                    [one["log_likelihoods"][key] for key in ("linear", "quadratic")], rel=1e-6)
            else:
                assert np.log(other.hazard_ratio_without).tolist() == pytest.approx((100 * np.log(one.hazard_ratio_without)).tolist(), rel=1e-5)
    one, other = (regression.firth_cox(MONTHS, EVENT, x) for x in (X, moved))
    assert np.log([other.hazard_ratio, other.lower, other.upper]) == pytest.approx(100 * np.log([one.hazard_ratio, one.lower, one.upper]), rel=1e-4)


def test_an_exact_fit_prints_nothing(capsys):
    regression.cox(MONTHS, EVENT, X, ties="exact")
    assert capsys.readouterr().out == ""


def test_a_log_rank_test_of_late_entrants_knows_who_was_at_risk_together():
    """The second patient enters at the moment of the first one's death, the third after it: nobody is at risk beside the dying."""
    found = compare.logrank([4.0, 6, 7], [True, False, False], ["a", "b", "b"], entry=[0.0, 4, 5])
    assert found == compare.TestResult("log-rank", None, 1, None, "no event tells the groups apart: they were never at risk together")
    assert compare.logrank([3.0, 3, 3], [True] * 3, ["a", "b", "b"]).reason.startswith("no event tells the groups apart")
    with pytest.raises(SurvivalDataError, match="^Delayed entry is supported for the log-rank test only"):
        compare.logrank(MONTHS, EVENT, MEMBER, entry=ENTRY / 2, weighting="Tarone-Ware")


def test_a_log_rank_test_with_delayed_entry_by_hand():
    """At 2 one of three at risk dies (a of a, b, b), at 4 one of two (b of b, b; the late a enters at 5): O(a) = 1, E(a) = 1/3."""
    found = compare.logrank([2.0, 4, 6, 9], [True, True, False, False], ["a", "b", "b", "a"], entry=[0.0, 0, 1, 5])
    assert (found.method, found.df) == ("log-rank", 1) and found.statistic == pytest.approx((1 - 1 / 3) ** 2 / (1 / 3 * 2 / 3))
    assert found.p_value == pytest.approx(stats.chi2(1).sf(2)) and sum(map(float, dict(found.observed).values())) == 2
    assert sum(map(float, dict(found.expected).values())) == pytest.approx(2)


def test_an_arrangement_without_a_difference_is_reached_by_all():
    """Each group loses one of two at 1 and one at 2: observed is expected, and every arrangement differs as much or more."""
    found = compare.permutation_logrank([1.0, 1, 2, 2], [True] * 4, list("abab"))
    assert (found.p_value, found.n_arrangements) == (1.0, 6)


@pytest.mark.parametrize(("group", "reason"), [("aaaa", "only one group has patients"), ("abca", "3 groups: the test is for two")])
def test_a_permutation_test_that_cannot_be_made_says_why(group, reason):
    assert compare.permutation_logrank([1.0, 2, 3, 4], [True] * 4, list(group)) == compare.PermutationResult(None, True, 0, 0.0, reason)


def test_more_than_two_groups_are_refused_by_the_first_four_names():
    for analysis in (compare.rmst_difference, compare.leave_one_out):
        with pytest.raises(SurvivalDataError, match=r"^5 groups \(a, b, c, d\); the comparison is of two\.$"):
            analysis([1.0, 2, 3, 4, 5], [True] * 5, list("abcde"))


@pytest.mark.parametrize(("names", "to_months"), [(("b", "a"), None), (("a", "b"), None), (("b", "a"), 3.0)])
def test_a_difference_of_means_is_the_first_group_named_less_the_second(names, to_months):
    """Group one lives 2 or 4 months, group two 1 or 4 (the last censored). Areas up to 4: 3 and 2.5; up to 3: 2.5 and 2.

    Variance of an area: the squared area beyond each death, x d / (n (n - d)). Of both: (1/2 x 2)^2 / 2 and (1/2 x 3)^2 / 2 up to 4.
    """
    found = compare.rmst_difference([2, 4, 1, 4], [True, True, True, False], [names[0]] * 2 + [names[1]] * 2, to_months=to_months)
    horizon = to_months or 4.0
    assert (found["first"], found["second"], found["to_months"]) == ((3, 2.5, 4) if horizon == 4 else (2.5, 2, 3))
    error = math.sqrt((0.5 * (horizon - 2)) ** 2 / 2 + (0.5 * (horizon - 1)) ** 2 / 2)
    assert tuple(found["difference"]) == pytest.approx((0.5, 0.5 - Z95 * error, 0.5 + Z95 * error))
    assert found["p_value"] == pytest.approx(2 * stats.norm.sf(0.5 / error))


def test_a_search_of_cuts_leaves_out_those_that_divide_nobody():
    """Of three patients the one at or below 1 dies first: |score| 2/3, which a third of the orders reach."""
    months, event, values = [1.0, 2, 3], [True, False, False], [1, 2, 3]
    table, found = compare.search_cut(values, months, event, [0, 1, 3, 9], n_resamples=3000)
    assert list(table) == ["cut", "n_early", "n_late", "p_value"] and table["cut"].dtype == float
    assert table.n_early.tolist() == [0, 1, 3, 3] and table.p_value.isna().tolist() == [True, False, True, True]
    assert found == pytest.approx(1 / 3, abs=4 * math.sqrt(2 / 9 / 3000)) and compare.search_cut(values, months, event, [0, 3])[1] is None
    table, found = compare.search_cut(values, months, event, [])
    assert table.empty and list(table) == ["cut", "n_early", "n_late", "p_value"] and found is None
    assert compare.search_cut(values, months, [False] * 3, [1, 2])[1] is None
    assert compare.search_cut([1, 2], [1.0, 2.0], [True, False], [1], n_resamples=9)[1] == 1.0  # both orders differ alike: (9 + 1) / (9 + 1)


def test_the_score_of_the_best_cut_is_in_standard_deviations_of_all_orders(monkeypatch):
    """Over all orders a sum of m of n scores has the variance that sampling without replacement gives it, counted here one by one."""
    import itertools

    months, event, seen = [1.0, 2, 3, 4, 5, 6], [True, False, True, True, True, False], []
    monkeypatch.setattr(compare, "for_large_samples", lambda n: "large")
    monkeypatch.setattr(compare, "_corrected_in_large_samples", lambda *given: seen.append(given) or 0.5)
    assert compare.search_cut([1, 2, 3, 4, 5, 6], months, event, [1, 2, 3], n_resamples=70, seed=8)[1] == 0.5
    scores = np.array(event) - np.cumsum([1 / 6, 0, 1 / 4, 1 / 3, 1 / 2, 0])
    orders = np.array(list(itertools.permutations(scores)))
    standardised = [abs(scores[:m].sum()) / orders[:, :m].sum(axis=1).std() for m in (1, 2, 3)]
    (observed, sizes, n, n_resamples, seed), = seen
    assert observed == pytest.approx(max(standardised)) and sizes.tolist() == [1, 2, 3] and (n, n_resamples, seed) == (6, 70, 8)


def test_the_last_patient_at_risk_counts_in_each_copy():
    """Deaths at 1 and 2 of a, then b at 3 alone; without the last one, b has no death left to expect."""
    months, event, member = np.array([1.0, 2.0, 3.0]), np.ones(3, bool), np.array([[False, True, True]] * 2)
    score, variance = batch.logrank_statistics(months, event, member, np.array([[1.0, 1, 1], [1, 1, 0]]))
    # at 1: E = 2/3; at 2: E = 1; at 3: E = 1, and V = 2/9. Without the third: at 1: E = 1/2, V = 1/4; at 2: E = 1
    assert score == pytest.approx([2 - 8 / 3, 1 - 3 / 2]) and variance == pytest.approx([2 / 9, 1 / 4])
    assert np.isnan(batch.logrank_p_values(months, event, np.array([[True] * 3]))).all()
    copies = np.array([[0, 0, 0], [1, 0, 0], [0, 3, 3], [1, 1, 0]])
    assert batch.weighted_medians(months, np.array([True, True, False]), copies).tolist() == [np.inf, 1, 2, 1]


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
    assert bands["plain"][0][2] == pytest.approx(0.5 - Z95 * math.sqrt(0.25 / 4)) if 0.5 > Z95 * 0.25 else True


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


def test_a_landmark_takes_the_arrays_of_a_cohort_and_names_a_negative_month():
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
    alone = clocks.naive_landmark_time_dependent(PATIENTS, GROUPING, 9.5)["from the landmark"]  # at 10 and 12 months, both not members but one
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


def test_progression_elsewhere_ends_the_time_without_progression_only_if_it_comes_no_later():
    patients = pd.DataFrame({"os_treatment_months": [10.0, 10, 10, 10], "liver_pfs_months": [4.0, 6, 10, 8], "liver_progressed": [True, False, False, False],
                             "died": [True, True, True, False]})
    elsewhere = pd.array([4.0, 7.0, None, 3.0], dtype="Float64")
    months, event = competing.progression_free(patients, "any_or_death", elsewhere)
    assert months.tolist() == [4, 6, 10, 3] and event.tolist() == [True, False, True, True]
    assert competing.progression_free(patients)[1].tolist() == [True, False, False, False]
    for definition in ("liver", "liver_or_death"):  # what happened elsewhere does not count
        assert competing.progression_free(patients, definition, elsewhere)[0].tolist() == [4, 6, 10, 8]
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


def test_a_global_test_by_efron_is_the_score_test_of_lifelines_at_zero():
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
