"""Time zero, competing risks, groups, model checks, wording and figures of the survival chapter."""

import math
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lib import survival_tables as tables
from lib import survival_text as text
from lib.cohort import DAYS_PER_MONTH, read_cohort
from lib.figures import survival as figures
from lib.published import agrees, read_ledger
from lib.survival import SurvivalDataError, assumptions, batteries, clocks, compare, competing, groups, oracle, paper, wording
from lib.survival.estimate import kaplan_meier, median_survival


@pytest.fixture(scope="module")
def reference():
    return read_cohort("reference")


@pytest.fixture
def four():
    """Deaths at 2, 5, 9 and a censoring at 12 months from treatment; the first is gone before a landmark at 3."""
    return pd.DataFrame({"patient": list("abcd"), "months": [2.0, 5.0, 9.0, 12.0], "died": [True, True, True, False]})


def switch_on(**columns):
    return pd.DataFrame({"os_treatment_months": [10.0, 10.0], "liver_pfs_months": [4.0, 10.0],
                         "liver_progressed": [True, False], "died": [True, True], **columns})


# -- landmarks and time-dependent status -------------------------------------------------------------------

def test_landmark_leaves_out_who_is_gone_and_restarts_the_clock(four):
    later = clocks.landmark(four, "months", "died", 3.0)
    assert later.patient.tolist() == list("bcd") and later.months.tolist() == [2, 6, 9]
    assert clocks.landmark(four, "months", "died", 2.0).patient.tolist() == list("bcd")  # gone at the landmark is gone
    assert len(clocks.landmark(four, "months", "died", 12.0)) == 0
    assert clocks.landmark(four, "months", "died", 0).months.tolist() == four.months.tolist()
    with pytest.raises(SurvivalDataError, match="-1 months; it cannot lie before time zero"):
        clocks.landmark(four, "months", "died", -1)


def test_status_counts_only_from_the_day_it_is_known(four):
    periods = clocks.counting_process(four, "months", "died", [3.0, 3.0, np.nan, 3.0], [True, True, True, False])
    rows = [tuple(row) for row in periods[["patient_row", "start", "stop", "event", "status"]].itertuples(index=False)]
    assert rows == [(0, 0, 2, True, False),  # died before the status was known
                    (1, 0, 3, False, False), (1, 3, 5, True, True),
                    (2, 0, 9, True, False),  # never known
                    (3, 0, 12, False, False)]
    assert periods.event.sum() == four.died.sum() and (periods.stop - periods.start).sum() == four.months.sum()


def test_immortal_months_are_those_before_the_status_was_known(four):
    assert clocks.immortal_months(four, "months", [3.0, 3.0, np.nan, 3.0], [True, True, True, False]) == 2 + 3


def test_a_status_known_at_treatment_gives_the_ordinary_cox_regression(four):
    from lib.survival.regression import cox

    status = np.array([True, False, True, False])
    timed = clocks.time_dependent_cox(four, "months", "died", np.zeros(4), status)
    assert timed.log_hazard_ratio == pytest.approx(cox(four.months, four.died, status).log_hazard_ratio)


def test_immortal_time_makes_a_useless_status_look_protective_and_the_remedies_undo_it():
    """Everybody has the same hazard; status is a coin, but is seen only in who lives to 3 months."""
    rng = np.random.default_rng(1)
    months = rng.exponential(4, 4000)
    coin = rng.random(4000) < 0.5
    seen = coin & (months > 3)
    patients = pd.DataFrame({"os_treatment_months": months, "died": True})
    grouping = groups.Grouping("Status", pd.Series(np.where(seen, "with", "without")), {"without": "No", "with": "Yes"},
                               np.full(4000, 3.0))
    answers = clocks.naive_landmark_time_dependent(patients, grouping, 3.0)
    assert answers["from treatment"]["fit"].upper < 0.6  # a coin that "halves" the hazard
    for remedy in ("from the landmark", "time-dependent"):
        assert answers[remedy]["fit"].lower < 1 < answers[remedy]["fit"].upper


# -- delayed entry -----------------------------------------------------------------------------------------

def test_delayed_entry_by_hand():
    """Entries 0, 1, 3; deaths at 2 and 4 of the first two, at 5 of the third. At 2: 2 at risk; at 4: 2; at 5: 1."""
    curve = kaplan_meier([2, 4, 5], [True, True, True], entry=[0, 1, 3])
    assert curve.at_risk[curve.events > 0].tolist() == [2, 2, 1]
    assert curve.at([1, 2, 4, 5]).tolist() == [1, 0.5, 0.25, 0]


def test_an_emptied_risk_set_takes_the_curve_to_zero_and_conditioning_mends_it():
    months, died, entry = np.array([2.0, 6, 8, 9]), np.ones(4, bool), np.array([0.0, 3, 3, 4])
    assert kaplan_meier(months, died, entry=entry).at(2) == 0  # one patient at risk, who dies: lifelines refuses this
    start = clocks.first_reliable_month(months, entry, 2)
    assert start == 3
    kept = clocks.conditional_on(months, died, entry, start)
    assert kaplan_meier(kept[0], kept[1], entry=kept[2]).at([6, 8, 9]) == pytest.approx([2 / 3, 1 / 3, 0])
    assert clocks.first_reliable_month(months, entry, 4) is None


def test_delayed_entry_is_the_wait_for_treatment():
    patients = pd.DataFrame({"os_diagnosis_months": [30.0, 12.0], "os_treatment_months": [10.0, 12.0], "died": [True, True]})
    assert clocks.delayed_entry(patients, "os_diagnosis_months").tolist() == [20, 0]
    with pytest.raises(SurvivalDataError, match="`os_treatment_months` is shorter than `os_diagnosis_months` for 1"):
        clocks.delayed_entry(patients, "os_treatment_months", "os_diagnosis_months")


def test_naive_curve_overstates_survival_of_those_who_lived_to_be_treated():
    """Exponential survival from diagnosis, median 12 ln 2 = 8.3; treatment at a random time; only the treated are seen."""
    rng = np.random.default_rng(8)
    total, wait = rng.exponential(12, 6000), rng.uniform(0, 24, 6000)
    seen = total > wait
    patients = pd.DataFrame({"os_diagnosis_months": total, "os_treatment_months": total - wait, "died": True})[seen]
    result = clocks.naive_and_delayed(patients.reset_index(drop=True), "os_diagnosis_months", 50)
    assert median_survival(result["naive"]).value > 12
    assert median_survival(result["delayed"]).value == pytest.approx(12 * math.log(2), abs=1.0)
    assert result["dependence"].lower < 1 < result["dependence"].upper


# -- switches, progression, competing risks ----------------------------------------------------------------

def test_follow_up_ends_at_the_switch_of_treatment():
    patients = pd.DataFrame({"patient": ["a", "b"], "first_treatment": ["Y90", "Y90"]})
    sessions = pd.DataFrame({"patient": ["a", "a", "b"], "day": [0, 2 * DAYS_PER_MONTH, 0],
                             "treatment": ["Y90", "DEB-TACE", "Y90"]})
    switch = clocks.months_to_switch(patients, sessions)
    assert switch[0] == pytest.approx(2) and np.isnan(switch[1])
    months, died = clocks.censor_at_switch([5.0, 7.0], [True, True], switch)
    assert months.tolist() == [2, 7] and died.tolist() == [False, True]
    assert np.isnan(clocks.months_to_switch(patients, None)).all()


def test_a_death_at_the_switch_of_treatment_still_counts():
    """A patient who dies on the day of another treatment has died, not switched: the tie goes to the event."""
    months, died = clocks.censor_at_switch([5.0, 5.0, 5.1], [True, False, True], [5.0, 5.0, 5.0])
    assert list(months) == [5.0, 5.0, 5.0]
    assert list(died) == [True, False, False]


def test_definitions_of_liver_pfs_count_different_events():
    patients = switch_on()
    months, event = competing.progression_free(patients, "liver")
    assert months.tolist() == [4, 10] and event.tolist() == [True, False]
    assert competing.progression_free(patients, "liver_or_death")[1].tolist() == [True, True]
    months, event = competing.progression_free(patients, "any_or_death", [3.0, np.nan])
    assert months.tolist() == [3, 10] and event.tolist() == [True, True]
    with pytest.raises(SurvivalDataError, match="'os' is not one of liver, liver_or_death, any_or_death"):
        competing.progression_free(patients, "os")


def test_a_death_after_imaging_ended_is_no_competing_event():
    kinds = competing.event_kind(switch_on(liver_pfs_months=[4.0, 6.0]))
    assert kinds.tolist() == ["progression", "censored"]


def test_cumulative_incidence_without_censoring_is_a_proportion_and_shares_add_up_to_one():
    kinds = ["progression", "death", "progression", "death", "progression"]
    incidence = competing.cumulative_incidence([1, 2, 3, 4, 5], kinds)
    assert incidence["progression"].at([0.5, 1, 3, 5]) == pytest.approx([0, 0.2, 0.4, 0.6])
    months, kinds = np.array([1, 2, 2.5, 4, 5, 7.0]), np.array(["death", "progression", "censored", "progression", "censored", "death"])
    parts = competing.cumulative_incidence(months, kinds)
    free = kaplan_meier(months, kinds != "censored")
    for t in (1, 2, 4, 6, 7):
        assert sum(part.at(t) for part in parts.values()) + free.at(t) == pytest.approx(1)
    assert competing.cumulative_incidence([1, 2], ["censored", "censored"]) == {}


def test_kaplan_meier_complement_is_never_below_cumulative_incidence(reference):
    patients = reference.patients
    incidence = competing.cumulative_incidence(patients.liver_pfs_months, competing.event_kind(patients))["progression"]
    curve = kaplan_meier(*competing.progression_free(patients, "liver"))
    assert (1 - curve.survival >= incidence.at(curve.times) - 1e-12).all()


def test_gray_test_without_information_says_why():
    assert competing.gray_test([1, 2], ["death", "death"], ["a", "b"]).reason == "nobody had progression"
    assert competing.gray_test([1, 2], ["death", "progression"], ["a", "a"]).reason == "only one group has patients"


# -- what the cohort offers --------------------------------------------------------------------------------

def test_groupings_have_the_published_sizes(reference):
    printed = read_ledger().drop_duplicates("quantity").set_index("quantity").printed
    found = groups.groupings(reference, 4.0)
    for quantity, (name, level) in {"extrahepatic_disease.no.count": ("extrahepatic_disease", "no"),
                                    "meld_change.increased.count": ("meld_change", "increased"),
                                    "treatment_gap.early.count": ("treatment_gap", "early"),
                                    "mrecist.total.orr.count": ("mrecist_response", "responders")}.items():
        if quantity in printed:
            assert agrees(found[name].counts()[level], printed[quantity]), quantity


def survival_rows():
    ledger = read_ledger()
    stems = tuple(f"{clock}." for clock in groups.CLOCKS)
    rows = ledger[ledger.quantity.str.startswith(stems) & ~ledger.quantity.str.contains("axis|mean")]
    return rows.drop_duplicates(["quantity", "printed"])


@pytest.mark.parametrize("row", list(survival_rows().itertuples()), ids=lambda row: f"{row.quantity}={row.printed}")
def test_reference_cohort_gives_each_printed_survival_figure_unless_it_is_expected_to_differ(row, reference):
    parts = row.quantity.split(".")
    if len(parts) == 2:
        median = median_survival(groups.clock_curves(reference)[parts[0]])
    else:
        grouping = groups.groupings(reference, 4.0)[parts[1]]
        if parts[2] == "p":
            ours = compare.logrank(*grouping.arrays(reference.patients)).p_value
            assert agrees(ours, row.printed) == (row.expected == "reproduced")
            return
        median = median_survival(batteries.group_curves(reference, grouping, 0.95)[parts[2]])
    ours = {"median": median.value, "lower": median.lower, "upper": median.upper}[parts[-1]]
    assert agrees(ours, row.printed) == (row.expected == "reproduced")


def test_a_gap_at_the_cut_is_early_whatever_the_rounding():
    patients = pd.DataFrame({"patient": ["a", "b"], "os_liver_metastasis_months": [9.3, 9.0], "os_treatment_months": [5.3, 4.9]})
    assert patients.os_liver_metastasis_months[0] - patients.os_treatment_months[0] > 4  # floating error
    grouping = groups._by_gap(SimpleNamespace(patients=patients), 4.0)
    assert grouping.labels.tolist() == ["early", "late"]


def test_patients_without_a_gap_have_no_group():
    patients = pd.DataFrame({"patient": list("ab"), "os_liver_metastasis_months": [14.0, np.nan], "os_treatment_months": [10.0, 4.9],
                             "died": [True, True]})
    grouping = groups._by_gap(SimpleNamespace(patients=patients), 4.0)
    assert grouping.known.tolist() == [True, False] and grouping.counts() == {"early": 1, "late": 0}
    assert [len(part) for part in grouping.arrays(patients)] == [1, 1, 1]


def test_moving_the_cut_or_the_landmark_moves_the_sentence(reference):
    def sentence(cut):
        grouping = groups.groupings(reference, cut)["treatment_gap"]
        curves = batteries.group_curves(reference, grouping, 0.95)
        p = compare.logrank(*grouping.arrays(reference.patients)).p_value
        return wording.comparison_sentence(grouping, {level: median_survival(c).value for level, c in curves.items()}, p)

    assert len({sentence(cut) for cut in (2.0, 4.0, 12.0)}) == 3
    grouping = groups.groupings(reference, 4.0)["meld_change"]
    answers = [clocks.naive_landmark_time_dependent(reference.patients, grouping, at)["from the landmark"] for at in (3.0, 6.0)]
    assert answers[0]["n"] > answers[1]["n"] and answers[0]["medians"] != answers[1]["medians"]


def test_absent_tables_switch_off_their_groupings_with_a_sentence(reference):
    from lib.cohort import build_cohort

    bare = build_cohort("bare", reference.patients[["patient", "first_treatment", "os_treatment_months", "died"]])
    assert groups.groupings(bare) == {}
    assert groups.missing_groupings(bare)["meld_change"] == "No labs: survival by change of the MELD score is not computed."
    assert list(groups.clock_curves(bare)) == ["os_treatment"]
    with pytest.raises(SurvivalDataError, match="No labs"):
        groups.lab_covariates(bare, "baseline")


def test_laboratory_covariates_are_standardised(reference):
    values, spread = groups.lab_covariates(reference, "baseline")
    assert values.mean().abs().max() < 1e-9 and values.std(ddof=1).to_numpy() == pytest.approx(1)
    albumin = reference.labs[(reference.labs.analyte == "albumin") & (reference.labs.visit == "baseline")].value.astype(float)
    assert spread["albumin"] == pytest.approx(albumin.std(ddof=1))


# -- model checks ------------------------------------------------------------------------------------------

def test_crossing_hazards_are_found_and_split():
    """One group dies evenly until 10, the other all late: the hazard ratio turns from high to low."""
    months = np.concatenate([np.linspace(1, 9, 30), np.linspace(9.5, 20, 10), np.linspace(6, 12, 40)])
    event, member = np.ones(80, bool), np.r_[np.ones(40), np.zeros(40)]
    check = assumptions.proportional_hazards(months, event, member, split_months=8.0)
    assert check.p_value < 0.01
    assert check.early.hazard_ratio > 1 > check.late.hazard_ratio


def test_checks_without_a_model_say_why():
    check = assumptions.proportional_hazards([1, 2, 3], [True, True, False], [1, 1, 1])
    assert check.p_value is None and check.reason == "everyone has the same value"
    assert assumptions.functional_form([1, 2, 3, 4], [True] * 4, [0, 1, 0, 1])["reason"] == "fewer than four different values"
    with pytest.raises(SurvivalDataError, match="Influence needs a hazard ratio, and there are no events"):
        assumptions.influence([1, 2], [False, False], [0, 1])


def test_influence_without_a_patient_is_a_refit(reference):
    from lib.survival.regression import cox

    patients = reference.patients
    time, died, age = patients.os_treatment_months.to_numpy(), patients.died.to_numpy(), patients.age_years.to_numpy()
    moved = assumptions.influence(time, died, age)
    kept = np.arange(len(age)) != 3
    assert moved.hazard_ratio_without[3] == pytest.approx(cox(time[kept], died[kept], age[kept]).hazard_ratio, rel=1e-6)


# -- words -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("p, words", [(0.049, "evidence of a difference"), (0.05, "no evidence of a difference"), (None, "not tested"),
                                      (math.nan, "not tested")])
def test_words_follow_the_p_value(p, words):
    assert wording.evidence(p, 0.05) == words


@pytest.mark.parametrize("first, second, words", [(22, 8, "longer"), (8, 22, "shorter"), (9.01, 9.02, "the same"),
                                                  (math.inf, 8, "longer"), (math.inf, math.inf, "not comparable"), (None, 3, "not comparable")])
def test_words_follow_the_medians(first, second, words):
    assert wording.compare_medians(first, second) == words


def test_a_comparison_sentence_says_who_lived_longer_and_whether_chance_explains_it():
    grouping = groups.Grouping("Stage", pd.Series(["a", "b"]), {"a": "early", "b": "late"})
    tell = wording.comparison_sentence
    assert tell(grouping, {"a": 22.0, "b": 8.0}, 0.763) == (
        "**Stage.** Median survival was longer in *early* (22.0 months) than in *late* (8.0 months); log-rank P = 0.763, no evidence "
        "of a difference (chance alone could explain a difference of this size).")
    assert tell(grouping, {"a": 22.0, "b": 8.0}, 0.01).endswith("log-rank P = 0.010, evidence of a difference.")
    assert tell(grouping, {"a": math.inf, "b": math.inf}, None) == (
        "**Stage.** Median survival was not comparable between *early* (not reached) and *late* (not reached); no test is possible, "
        "not tested.")
    assert tell(grouping, {"a": 3.0}, None) == "**Stage.** Everyone is in one group: nothing is compared."


def test_a_remedy_that_changes_the_conclusion_says_so():
    assert wording.agreement(0.2, 0.3) == "agrees with it"
    assert wording.agreement(0.2, 0.01) == "changes it to evidence of a difference"
    assert wording.agreement(None, 0.01) == "cannot be compared with it"


def test_hazard_in_words_names_both_ends():
    assert wording.hazard_in_words(2.2, 0.83, 6.0) == "compatible with 0.83 times the hazard as well as with 6 times the hazard"
    assert wording.hazard_in_words(2.2, 1.5, 6.0) == "away from no difference, between 1.5 and 6 times the hazard"
    assert wording.hazard_in_words(None, None, None) == "not estimable"


# -- the paper's surroundings ------------------------------------------------------------------------------

def test_axis_holds_only_if_the_longest_time_lies_in_its_last_interval():
    ledger = read_ledger()
    inside, short, beyond = (paper.axis_checks(kaplan_meier([5, longest], [True, False]), ledger)["os_diagnosis.axis.upper"]
                             for longest in (230, 95, 260))
    assert inside["holds"] and inside["observed"] == "longest time 230.0 months"
    assert not short["holds"] and not beyond["holds"]


def test_medians_are_compared_only_within_one_time_zero():
    quoted = pd.DataFrame({"study": ["A", "B"], "topic": "t", "subgroup": "all", "n": [10.0, np.nan], "outcome": "os.median",
                           "value": [12.0, 30.0], "lower": [8.0, np.nan], "upper": [16.0, np.nan],
                           "time_origin": ["First treatment", "randomisation"], "source": "abstract"})
    held = paper.compare_with_quoted(9.0, 0.0, 21.4, "first treatment", quoted)
    assert held.same_origin.tolist() == [True, False] and held.lower_than.tolist() == [True, True]
    assert held.similar.tolist() == [True, False]
    rows = paper.forest_rows(quoted, [{"label": "ours", "n": 24, "value": 9.0, "lower": 0.0, "upper": 21.4, "time_origin": "first treatment"}])
    assert rows.highlight.tolist()[0] and rows.text.tolist()[-1] == "30.0 (no interval)"
    own = {"value": 9.0, "lower": 0.0, "upper": 21.4, "time_origin": "first treatment"}
    assert "below 1/1 (100.0%) of the quoted medians with the same time zero" in text.literature_sentence(own, quoted)


def test_values_of_r_are_found_by_the_patients_and_by_nothing_else(reference):
    curve = groups.clock_curves(reference)["os_treatment"]
    assert oracle.median_by_r(curve).value == pytest.approx(median_survival(curve, "r").value)
    shifted = kaplan_meier(curve.exit + 0.5, curve.died)
    assert oracle.median_by_r(shifted) is None
    assert oracle.p_values_by_r(curve.exit + 0.5, curve.died, curve.died) == {}


# -- tables and figures ------------------------------------------------------------------------------------

def test_screening_sentence_counts_what_chance_would_find():
    screen = pd.DataFrame({"covariate": ["a", "b", "c"], "p_value": [0.01, 0.5, np.nan]})
    assert text.screening_sentence([screen, screen[:2]], 0.05) == (
        "Of **4** univariate tests 2 were below 0.05 (a; a); if nothing mattered, chance alone would give about 0.2. After Holm's "
        "adjustment for all of them **2** remain.")
    assert text.screening_sentence([screen[1:2]], 0.05).startswith("Of **1** univariate tests 0 were below 0.05; ")


def test_a_landmark_before_every_death_says_that_it_changes_no_test():
    time, died = np.array([2.0, 5.0, 9.0]), np.array([True, True, False])
    assert text.early_deaths(time, died, 1.0).startswith("Nobody died before the landmark.")
    assert text.early_deaths(time, died, 3.0).startswith("1 patient of 3 died before the landmark")


def test_ties_are_told_apart_only_where_deaths_are_tied():
    member = np.array([True, False, True, False])
    untied, tied = ({"x": (np.array([first, second, 3, 4.0]), np.ones(4, bool), member)} for first, second in ((1, 2), (1, 1)))
    untied, tied = (tables.convention_tests(each, {"x": batteries.all_p_values(*each["x"])}) for each in (untied, tied))
    assert "Cox, any ties: Wald" in set(untied.Test) and "Cox efron: Wald" in set(tied.Test)


def test_laboratory_table_shows_each_visit_under_its_heading(reference):
    screens, spreads = batteries.screen_labs(reference, 3.0, ties="breslow", conf_level=0.95)
    table, layout = tables.lab_table(screens, spreads), tables.lab_layout(screens)
    assert list(layout["spanners"]) == ["Baseline", "3 months", "Landmark"]
    assert ["Analyte", *(column for group in layout["spanners"].values() for column in group)] == list(table.columns)
    assert len(table) == len(groups.ANALYTES)


def test_range_sentence_tells_when_a_test_could_change_the_conclusion(reference):
    arrays = groups.groupings(reference, 4.0)["treatment_gap"].arrays(reference.patients)
    found = batteries.all_p_values(*arrays)
    assert ("**on both sides**" in text.range_sentence({"gap": found}, np.mean(list(found.values())))) and \
        "all on one side" in text.range_sentence({"gap": found}, 0.999)


def test_every_axis_of_a_kaplan_meier_figure_has_its_unit_and_its_counts_stand_under_their_ticks():
    curve = kaplan_meier([1, 2, 2, 6, 9], [True, True, False, False, True])
    figure = figures.draw_survival({"All": curve}, xlabel="Months from first treatment")
    ax, below = figure.axes
    assert ax.get_xlabel() == "Months from first treatment" and "proportion" in ax.get_ylabel()
    at_two = [count.get_text() for count in below.texts if count.get_position()[0] == 2.0]
    assert at_two == ["4", "1", "0"]  # at risk, events, censored at the start of the period
    np.testing.assert_allclose(ax.get_xlim(), below.get_xlim())
    np.testing.assert_allclose([ax.get_position().x0, ax.get_position().x1], [below.get_position().x0, below.get_position().x1])
    plt.close(figure)


def test_groups_differ_by_line_style_and_not_by_colour_alone():
    curves = {"a": kaplan_meier([1, 2, 5], [True] * 3), "b": kaplan_meier([3, 4, 6], [True] * 3)}
    _, ax = plt.subplots()
    figures.draw_curves(ax, curves)
    named = {line.get_label(): line.get_linestyle() for line in ax.lines if line.get_label() in curves}
    assert named["a"] != named["b"]
    plt.close("all")


@pytest.mark.parametrize("curves", [
    {"one": ([5.0], [True])}, {"nobody died": ([5.0, 6.0], [False, False])}, {"at once": ([0.0, 0.0], [True, True])},
    {"a": ([1.0], [True]), "b": ([9.0, 11.0], [False, False])}, {name: ([i + 1.0, i + 2.0], [True, False]) for i, name in enumerate("abcdefgh")}])
def test_figures_draw_at_the_limits(curves):
    drawn = {name: kaplan_meier(*data) for name, data in curves.items()}
    plt.close(figures.draw_survival(drawn, xlabel="Months"))
    plt.close(figures.draw_survival_panels({"Panel": drawn}, xlabel="Months"))


@pytest.mark.parametrize("longest, ticks", [(44.9, [0, 6, 12, 18, 24, 30, 36, 42, 48]), (3.0, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]), (240, [0, 36, 72, 108, 144, 180, 216, 252])])
def test_ticks_are_steps_that_clinicians_read(longest, ticks):
    assert figures.month_ticks(longest).tolist() == ticks


def test_close_medians_are_written_on_either_side_of_their_lines():
    from lib.figures.survival import _crowded

    assert _crowded({"a": 9.3, "b": 9.4, "c": 24.0}, 3) == {"a"}
    assert _crowded({"a": 9.4, "b": 9.4}, 3) == {"a"}
    assert _crowded({"a": np.inf, "b": np.inf, "c": None, "d": 5.0}, 3) == set()


def test_columns_that_agree_because_nobody_died_before_the_landmark_say_so():
    """A Cox model looks at the times of death only: without an early death the two fits are the same."""
    screens = {heading: pd.DataFrame({"covariate": ["ALT"], "hazard_ratio": [1.5]}) for heading in ("3 months", "landmark")}
    time, died = np.array([2.0, 5.0, 9.0]), np.array([False, True, True])
    assert "agree because nobody died in the first 3 months" in text.landmark_columns(screens, time, died, 3.0)
    assert "1 patient of 3" in text.landmark_columns(screens, time, died, 3.0)
    assert "may differ" in text.landmark_columns(screens, time, np.array([True, True, True]), 3.0)
    assert text.landmark_columns({}, time, died, 3.0) == ""


def test_a_comparison_names_the_patients_and_not_the_level():
    grouping = groups.Grouping("Disease", pd.Series(["n", "y"]), {"n": "No", "y": "Yes"}, patients={"n": "patients without it", "y": "patients with it"})
    assert "longer in patients without it (22.0 months) than in patients with it (8.0 months)" in wording.comparison_sentence(
        grouping, {"n": 22.0, "y": 8.0}, 0.763)
