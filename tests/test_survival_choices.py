"""A choice is obeyed everywhere, one left unsaid is what the help says, and what cannot be computed says why, with its counts.

Expectations are relations that hold by definition, worked by hand, or a second program's.
"""

import inspect
import math
import warnings
from dataclasses import fields
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

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
    few = [ANALYSES[name](ties=ties) for name in ("proportional", "influence", "form")]
    monkeypatch.setattr(assumptions, "MANY", 13)
    monkeypatch.setattr(assumptions, "_greenwood", None)
    check, moved, form = (ANALYSES[name](ties=ties) for name in ("proportional", "influence", "form"))
    assert check.p_value == pytest.approx(few[0].p_value, rel=1e-6)
    assert sorted(check.log_hazard_ratios) == pytest.approx(sorted(few[0].log_hazard_ratios), rel=1e-6)
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


@pytest.mark.parametrize("ties", regression.TIES)
def test_the_score_of_a_death_leaves_out_who_has_not_entered(ties):
    """One of three at risk at 2 dies, alone in its value, and the fourth enters at 3: (1 - 1/3)^2 / (1/3 x 2/3) = 2."""
    found = regression.cox([2.0, 4, 5, 6], [True, False, False, False], [1, 0, 0, 0], ties=ties, entry=[0, 0, 0, 3])
    assert found.score_p == pytest.approx(stats.chi2(1).sf(2))


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
