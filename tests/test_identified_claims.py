"""Predicates, verdicts, directed search and fragility: each on cohorts made by hand, and the written results against them."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from scipy.stats import fisher_exact

from lib import identified_text as text
from lib import published
from lib.figures import identified as figures
from lib.identified import claims, directed, fragility, responses, results
from lib.identified.cohorts import Cohorts, from_table
from lib.identified.predicates import Between, PredicateError, decided, holds, names_in
from lib.identified.proved import Limits
from lib.reconstruct.ambiguities import WALD_ORDERS, solutions_of
from lib.reconstruct.constraints import survival_constraints
from lib.reconstruct.ensemble import FILE as ENSEMBLE
from lib.reconstruct.ensemble_verify import faults_of, read_ledger
from lib.reconstruct.verify import spss_median
from lib.survival.compare import logrank

VERDICTS = results.read_result(results.VERDICT_FILE)
EXTREMES = results.read_result(results.EXTREMES_FILE)


# -- sentences -----------------------------------------------------------------------------------------


def test_a_proof_that_cohorts_slightly_off_the_printed_figures_break_is_told_with_their_share():
    rows = pd.DataFrame([("Firm", "implied", 1.0), ("Brittle", "implied", 0.25), ("Wrong", "contradicted", 0.0), ("Nearly", "contradicted", 0.125)],
                        columns=["claim", "verdict", "tolerant_share"])
    said = text.claim_sentences(rows).splitlines()
    assert [line.partition(", whose")[0] for line in said] == [
        "- *Brittle*: implied by the figures as printed, yet true in no more than 25.0% of the cohorts of the tolerant tier",
        "- *Nearly*: contradicted by the figures as printed, yet false in no more than 87.5% of the cohorts of the tolerant tier"]


def test_every_cohort_of_the_exact_tier_has_early_treatment_significant_by_breslow_wilcoxon_and_not_by_log_rank():
    """By lifelines, on the cohorts themselves. The claim is undecided only because the P values may be Wald's: the next test."""
    cohorts = pd.read_parquet(ENSEMBLE).query("tier == 'exact'")
    assert cohorts.cohort.nunique() >= 20
    for _, rows in list(cohorts.groupby("cohort"))[:20]:
        p = {weights: logrank_test(*(rows.os_treatment_months[rows.early_treatment == early] for early in (True, False)),
                                   *(rows.died[rows.early_treatment == early] for early in (True, False)), weightings=weights).p_value
             for weights in (None, "wilcoxon")}
        assert p[None] > 0.05 > p["wilcoxon"]


def test_cohorts_whose_printed_p_values_are_walds_refute_what_all_log_rank_cohorts_share():
    """By lifelines, with the median read as SPSS does: four P values and nine rows of the Kaplan-Meier table as printed, yet other conclusions."""
    constraints, rng, seen = survival_constraints(published.read_ledger()), np.random.default_rng(1), []
    for order in pd.read_csv(WALD_ORDERS).order:
        for solution in solutions_of(order, constraints, "Cox, Wald"):
            near = [solution.programme.nearest(np.sort(rng.uniform(2.5, latest, 24)), solution.room / 2) for latest in np.linspace(5, 44.9, 60)]
            months, died = np.mean(near, axis=0), solution.order.died  # inside what linear rows allow, so no two alike
            assert np.diff(months).min() > 1e-6
            assert _as_printed(spss_median(months, died), constraints.rows["os_treatment"])
            flags = {}
            for comparison, reading in zip(constraints.comparisons, solution.choice):
                flag = flags[comparison.grouping.flag] = np.array([bool(reading.labels[0] >> place & 1) for place in range(24)])
                fitted = CoxPHFitter().fit(pd.DataFrame({"months": months, "died": died, "flag": flag.astype(float)}), "months", "died",
                                           fit_options={"precision": 1e-10})
                assert fitted.summary.p.iloc[0] in comparison.p_value
                for row, members in zip(comparison.rows, (~flag, flag)):
                    assert _as_printed(spss_median(months[members], died[members]), row)
            early = flags["early_treatment"]
            seen.append((KaplanMeierFitter().fit(months, died).predict(12.0),
                         logrank_test(months[early], months[~early], died[early], died[~early], weightings="wilcoxon").p_value))
    at_12_months, breslow = zip(*seen)
    assert len(seen) == 2 and max(at_12_months) < 0.5 and max(breslow) > 0.05


def _as_printed(found, row):
    """Whether a median and its limits lie where the printed ones do."""
    return all(value in interval for value, interval in zip(found, (row.median, row.lower, row.upper)))


# -- predicates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("predicate", "expected"), [
    ("a > 2", [0, 0, 1]), ("a >= 2", [0, 1, 1]), ("1 < a <= 2", [0, 1, 0]), ("not a > 2", [1, 1, 0]),
    ("a > 2 or b.c < 1", [1, 0, 1]), ("a < 3 and b.c < 1", [1, 0, 0]), ("a - b.c > 0", [1, 0, 1]), ("2 * a / 4 >= -b.c + 1", [1, 1, 1]),
])
def test_a_predicate_is_true_cohort_by_cohort(predicate, expected):
    values = {"a": np.array([1.0, 2.0, 3.0]), "b.c": np.array([0.5, 2.0, 2.0])}
    assert holds(predicate, values).tolist() == expected


def test_missing_is_neither_true_nor_false_and_not_reached_is_longest():
    found = holds("a > b", {"a": np.array([np.nan, np.inf, np.inf]), "b": np.array([1.0, 5.0, np.inf])})
    assert np.isnan(found[0]) and found[1:].tolist() == [1, 0]


def test_survival_of_exactly_one_half_is_one_half():
    assert holds("a >= 0.5", {"a": np.array([0.5 - 1e-16])}).tolist() == [1]
    assert holds("a > 0.5", {"a": np.array([0.5 + 1e-16])}).tolist() == [0]


@pytest.mark.parametrize(("predicate", "expected"), [
    ("a > 1", True), ("a > 3", False), ("a > 2.5", None), ("a > 1 and a < 9", True), ("a > 2.5 and a > 3", False), ("a > 2.5 or a > 1", True),
    ("not a > 3", True), ("a > nothing", None), ("a - a > -2", True), ("a / a > 0.5", True), ("1 / (a - a) > 0", None),
])
def test_limits_decide_a_predicate_or_do_not(predicate, expected):
    limits = lambda name: Between(2.0, 3.0) if name == "a" else Between(-np.inf, np.inf)  # noqa: E731
    assert decided(predicate, limits) is expected


def test_names_are_read_in_order():
    assert names_in("x.y > 2 and a < x.y") == ["x.y", "a"]


@pytest.mark.parametrize(("predicate", "message"), [
    ("a >", "'a >' cannot be read"), ("a == 1", "'a == 1' is not allowed in a predicate"), ("f(a) > 1", "'f(a)' is not allowed"),
    ("a > 'x'", "not allowed"), ("missing > 1", "names missing, which is not computed"),
])
def test_a_predicate_that_cannot_be_read_is_refused(predicate, message):
    with pytest.raises(PredicateError, match=re.escape(message)):
        holds(predicate, {"a": np.array([1.0])})


# -- verdicts ------------------------------------------------------------------------------------------

TIER = np.array(["tolerant", "tolerant", "exact"])


def verdict(predicate, values, extremes=(), proofs=None, needs=""):
    table = pd.DataFrame([{"claim": "c", "place": "tempting", "predicate": predicate, "needs": needs}])
    edge = {"q": np.array(extremes, float)} if len(extremes) else {}
    return claims.judge(table, {"q": np.array(values, float)}, TIER, edge, {}, proofs or {}).iloc[0]


@pytest.mark.parametrize(("predicate", "values", "extremes", "expected"), [
    ("q > 1", [2, 3, 4], [5], "held in all found"), ("q > 1", [2, 3, 4], [0.5], "undecided"), ("q > 1", [0, 3, 4], [], "undecided"),
    ("q > 9", [2, 3, 4], [5], "held in none found"), ("q > 9", [2, 3, 4], [10], "undecided"),
])
def test_without_a_proof_the_cohorts_decide(predicate, values, extremes, expected):
    assert verdict(predicate, values, extremes).verdict == expected


def test_a_proof_outweighs_the_cohorts_of_the_tolerant_tier():
    row = verdict("q > 1", [0, 3, 4], proofs={"q": Limits(2.0, 5.0, "all exact orders")})
    assert (row.verdict, row.ground, row.tolerant_share, row.exact_share) == ("implied", "all exact orders", 0.5, 1.0)
    assert verdict("q > 7", [0, 3, 4], proofs={"q": Limits(2.0, 5.0, "x")}).verdict == "contradicted"


def test_a_claim_that_needs_a_control_arm_is_not_testable():
    assert verdict("", [1, 2, 3], needs="control arm").verdict == "not testable"


def test_printed_figures_prove_without_any_cohort():
    """Median overall survival prints as 9 months: below every quoted median of doxorubicin (12.8 and 21.9)."""
    table = pd.DataFrame([{"claim": "c", "place": "p", "needs": "", "predicate": "os_treatment.median > literature.doxorubicin.os.lowest"},
                          {"claim": "d", "place": "p", "needs": "", "predicate": "meld.paired_t.p >= 0.05"}])
    assert claims.judge(table, {}, TIER, {}, {}, {}).verdict.tolist() == ["contradicted", "implied"]


def test_literature_takes_all_quoted_medians():
    found = claims.literature_quantities()
    assert (found["literature.doxorubicin.os.lowest"], found["literature.doxorubicin.os.highest"]) == (12.8, 21.9)


@pytest.mark.parametrize(("line", "message"), [
    ("c,p,q >,", "row 2: 'q >' cannot be read"), ("c,p,,", "row 2: the claim has no predicate"),
    ("c,p,q > 1,luck", "row 2: needs is 'luck'; leave it blank or write 'control arm'"),
])
def test_a_broken_table_of_claims_is_refused_with_its_row(tmp_path, line, message):
    path = tmp_path / "claims.csv"
    path.write_text(f"claim,place,predicate,needs\n{line}\n", encoding="utf-8")
    with pytest.raises(claims.ClaimsError, match=re.escape(message)):
        claims.read_claims(path)


# -- the written results -------------------------------------------------------------------------------


def test_every_claim_has_its_written_verdict():
    listed = claims.read_claims()
    assert VERDICTS.claim.tolist() == listed.claim.tolist() and VERDICTS.predicate.tolist() == listed.predicate.tolist()
    assert set(VERDICTS.verdict) <= set(results.VERDICTS)


def test_verdicts_follow_from_their_counts():
    for row in VERDICTS[(VERDICTS.n_cohorts > 0) & (VERDICTS.ground == "")].itertuples():
        expected = "undecided" if row.n_for and row.n_against else "held in all found" if row.n_for else "held in none found"
        assert row.verdict == expected, row.claim
        assert row.n_for + row.n_against == row.n_cohorts


def test_no_exact_cohort_speaks_against_a_proof():
    proved = VERDICTS[(VERDICTS.ground != "") & VERDICTS.exact_share.notna()]
    assert len(proved) > 10
    for row in proved.itertuples():
        assert row.exact_share == (1.0 if row.verdict == "implied" else 0.0), row.claim


@pytest.mark.parametrize(("claim", "expected"), [
    # Table 2: medians 22 against 8, 24 against 6, P = 0.102; 9 against 12.8 months of doxorubicin; Table 3: 7/13 against 1/6
    ("Patients without extrahepatic disease have the longer median survival", "implied"),
    ("Patients with extrahepatic disease have the longer median survival", "contradicted"),
    ("Early treatment is associated with longer survival (two-sided log-rank P < 0.05)", "contradicted"),
    ("Median survival is favorable against doxorubicin (medians alone)", "contradicted"),
    ("More patients respond to DEB-TACE than to Y90", "implied"),
    ("Liver-directed treatment is safe", "not testable"),
])
def test_what_the_printed_figures_say_by_eye(claim, expected):
    assert VERDICTS.set_index("claim").verdict[claim] == expected


def test_every_extreme_cohort_agrees_with_the_paper():
    ledger = read_ledger()
    assert EXTREMES.cohort.nunique() >= 12
    for number, cohort in EXTREMES.groupby("cohort"):
        assert faults_of(cohort, ledger) == [], number


def test_extremes_come_in_both_directions():
    assert EXTREMES.groupby("quantity", observed=True).direction.nunique().eq(2).all()


def test_the_kept_values_are_those_of_the_extreme_cohorts():
    values = results.read_values()
    kept = values[values.tier == "directed"].set_index("cohort")
    for number, cohort in [*EXTREMES.groupby("cohort")][:4]:
        p = logrank(cohort.os_treatment_months, cohort.died, cohort.meld_increased).p_value
        assert kept.loc[number, "os_treatment.meld_change.p"] == pytest.approx(p, rel=1e-6)


def test_the_kept_values_are_those_of_the_ensemble():
    """Else the ensemble was made anew and the results were not: python -m lib.identified."""
    ensemble, values = pd.read_parquet(ENSEMBLE), results.read_values(["os_treatment.treatment_gap.p", "follow_up.reverse_km.median"])
    kept = values[values.tier != "directed"].set_index("cohort")
    assert len(kept) == ensemble.cohort.nunique()
    numbers = sorted(ensemble.cohort.unique())
    for place in (0, len(numbers) // 2, len(numbers) - 1):
        cohort = ensemble[ensemble.cohort == numbers[place]]
        p = logrank(cohort.os_treatment_months, cohort.died, cohort.early_treatment).p_value
        assert kept.loc[place, "os_treatment.treatment_gap.p"] == pytest.approx(p, rel=1e-6)
        watched = KaplanMeierFitter().fit(cohort.os_treatment_months, ~cohort.died).median_survival_time_
        assert kept.loc[place, "follow_up.reverse_km.median"] == pytest.approx(watched, rel=1e-6)


# -- directed search -----------------------------------------------------------------------------------


def test_the_search_pushes_a_quantity_and_keeps_to_the_paper():
    start = from_table(EXTREMES[EXTREMES.cohort < 4])
    found = {sign: directed.search("os_treatment.treatment_gap.rmst_difference", sign, start, 1, 4, 4000) for sign in (1, -1)}
    gained = {sign: directed.pushed(directed.GAINED, *_first(table)) for sign, table in found.items()}
    assert gained[1] > gained[-1]
    ledger = read_ledger()
    assert all(faults_of(cohort, ledger) == [] for table in found.values() for _, cohort in table.groupby("cohort"))


def _first(table):
    cohort = table[table.cohort == 0]
    return cohort.os_treatment_months.to_numpy(float), cohort.died.to_numpy(bool), ~cohort.early_treatment.to_numpy(bool)


# -- fragility -----------------------------------------------------------------------------------------


def a_cohort(months, died, extrahepatic):
    n = len(months)
    columns = {name: np.zeros((1, n), bool) for name in ("liver_progressed", "meld_increased", "early_treatment", "mrecist_responder",
                                                         "mrecist_pd_month_3", "solitary")}
    columns |= {name: np.array([months], float) for name in ("os_treatment_months", "os_liver_metastasis_months", "os_diagnosis_months",
                                                             "liver_pfs_months")}
    columns |= {name: np.zeros((1, n), int) for name in ("first_treatment", "mrecist", "recist")}
    return Cohorts(columns | {"died": np.array([died], bool), "extrahepatic_disease": np.array([extrahepatic], bool)}, np.array(["exact"]))


def test_changes_of_vital_status_by_hand():
    """Six deaths at 1 to 6 months: the median is 3. One death fewer before 4 leaves half alive later; two are needed for 5."""
    cohort = a_cohort([1, 2, 3, 4, 5, 6], [1] * 6, [0, 0, 0, 1, 1, 1])
    assert fragility.of_outcomes("os_treatment.median > 3.5", cohort).tolist() == [1]
    assert fragility.of_outcomes("os_treatment.median > 4.5", cohort).tolist() == [2]
    assert fragility.of_outcomes("os_treatment.median > 100", cohort, most_changes=1).tolist() == [2]
    assert fragility.of_outcomes("response.kappa > 0", cohort) is None


def test_changes_of_response_by_hand():
    """7/13 against 1/6: with three more responders 4/6 is above 7/13, with two 3/6 is not."""
    assert responses.fewest_changes((7, 1), (13, 6), significant=False) == 3
    needed = responses.fewest_changes((7, 1), (13, 6), significant=True)
    assert fisher_exact([[7, 6], [1, 5]]).pvalue > 0.05
    assert any(fisher_exact([[a, 13 - a], [b, 6 - b]]).pvalue < 0.05 for a in range(14) for b in range(7)
               if abs(a - 7) + abs(b - 1) == needed and a * 6 > b * 13)
    assert responses.fewest_changes((0, 0), (1, 1), significant=True) == math.inf
    # 2 of 2 against 1 of 2: one patient makes them equal, which is not more often
    assert responses.fewest_changes((2, 1), (2, 2), significant=False) == 1


def test_a_larger_study_has_more_power_and_equal_groups_have_none():
    rng = np.random.default_rng(2)
    months, second = np.concatenate([rng.exponential(20, 12), rng.exponential(5, 12)]), np.arange(24) >= 12
    share = [fragility._significant_share(months, np.ones(24, bool), second, size, 0.0, 200, 3.84, 1) for size in (24, 192)]
    assert share[0] < share[1] and share[1] > 0.95
    same = np.concatenate([months[:12], months[:12]])
    level = fragility._significant_share(same, np.ones(24, bool), second, 200, 0.0, 2000, 3.841459, 1)
    assert level == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / 2000) ** 0.5)


def test_patients_needed_are_read_off_the_sizes():
    table = pd.DataFrame({"comparison": "a", "further_months": 0.0, "n_patients": [24, 48, 96], "power_lower": [0.1, 0.5, 0.7],
                          "power_middle": [0.5, 0.8, 0.9], "power_upper": [0.8, 0.9, 1.0]})
    row = results.patients_needed(table, 0.8).iloc[0]
    assert (row.fewest, row.middle, row.most) == (24, 48, np.inf)


@pytest.mark.parametrize(("predicate", "says"), [
    # Table 2: median 9 months and P = 0.102
    ("os_treatment.treatment_gap.p < 0.05", "is contradicted: the opposite is proved"),
    ("os_treatment.at_12_months <= 0.5", "is implied: proved of every cohort that gives the printed figures"),
    ("os_treatment.mrecist_response.hazard_ratio > 1", "No proof decides it"),
])
def test_a_readers_claim_is_held_against_the_proofs_first(predicate, says):
    assert says in text.own_claim(predicate)


def test_the_share_of_truths_held_is_read_off_the_calibration():
    # four trials, truth inside all and half of the ranges
    rows = [{"trial": trial, "measure": "ensemble", "statistic": name, "share_below": share, "share_up_to": share}
            for name, shares in (("a", [0.5] * 4), ("b", [0.5, 0.5, 0.0, 1.0])) for trial, share in enumerate(shares)]
    said = text.calibrated(pd.DataFrame(rows))
    assert "In 4 simulated trials" in said and "in 50 to 100% of the trials" in said
    assert "below the 90% aimed for" in said
    assert "about as wide as it says" in text.calibrated(pd.DataFrame(rows[:4]))


def test_the_cost_figure_writes_numbers_as_numbers():
    table = pd.DataFrame({"n_cohorts": [100, 1000, 2000, 10000, 100000], "cpu_seconds": [0.2, 1.8, 3.5, 17.0, 170.0],
                          "memory_mb": [344.0, 349.0, 355.0, 600.0, 3900.0]})
    fig = figures.draw_scale(table)
    fig.canvas.draw()
    for ax in fig.axes:
        words = [label.get_text() for axis in (ax.xaxis, ax.yaxis) for label in [*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)]]
        assert not any("$" in word for word in words) and {"100", "1,000", "2,000", "10,000", "100,000"} <= set(words)
    assert fig.axes[1].get_ylim()[0] == 0
