"""The batch statistics of the ensemble against lifelines, greenwood, firthmodels and the chapters' own functions, to 1e-9."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from firthmodels import FirthCoxPH
from lifelines import AalenJohansenFitter, CoxPHFitter, CoxTimeVaryingFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test, multivariate_logrank_test
from lifelines.utils import restricted_mean_survival_time
from scipy.optimize import minimize_scalar
from scipy.special import chdtri, ndtri

from lib.baseline import Variable, largest_difference
from lib.identified import dealt, group_tests, kernels, quantities
from lib.identified.cohorts import CATEGORIES, TREATMENTS, Cohorts, CohortsError, from_table, with_treatments_dealt
from lib.published import read_ledger
from lib.response.agreement import agreement, worse_by
from lib.survival import clocks, compare
from lib.survival.estimate import kaplan_meier, median_survival
from lib.survival.competing import gray_test
from lib.survival.regression import cox

N_COHORTS, N_PATIENTS = 12, 24
CLOSE = 1e-9


def a_table(ties: bool, seed: int = 5) -> pd.DataFrame:
    """Cohorts drawn at random, with tied times or without; every group has patients."""
    rng = np.random.default_rng(seed)
    tables = []
    for number in range(N_COHORTS):
        treated = 0.5 + rng.exponential(14, N_PATIENTS)
        treated = np.ceil(treated) if ties else treated
        metastasis = treated + rng.exponential(9, N_PATIENTS)
        progressed = rng.random(N_PATIENTS) < 0.5
        flag = lambda many: rng.permutation(np.arange(N_PATIENTS) < many)  # noqa: E731
        tables.append(pd.DataFrame({
            "cohort": number, "tier": "tolerant", "os_treatment_months": treated, "os_liver_metastasis_months": metastasis,
            "os_diagnosis_months": metastasis + rng.exponential(30, N_PATIENTS),
            "liver_pfs_months": np.where(progressed, np.ceil(treated * rng.uniform(0.3, 0.9, N_PATIENTS)) / 1.0, treated),
            "died": flag(17), "liver_progressed": progressed, "extrahepatic_disease": flag(15), "meld_increased": flag(8),
            "early_treatment": flag(11), "mrecist_responder": flag(10), "mrecist_pd_month_3": False, "solitary": flag(4),
            "first_treatment": rng.permutation(np.repeat(TREATMENTS, (13, 6, 5))),
            "mrecist": rng.choice(CATEGORIES, N_PATIENTS), "recist": rng.choice(CATEGORIES, N_PATIENTS)}))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module", params=[False, True], ids=["no ties", "ties"])
def drawn(request) -> tuple[Cohorts, dict]:
    cohorts = from_table(a_table(request.param))
    return cohorts, quantities.compute(cohorts)


def rows(cohorts: Cohorts):
    """Number, months, died of each cohort."""
    return [(number, cohorts["os_treatment_months"][number], cohorts["died"][number]) for number in range(len(cohorts))]


def test_every_quantity_is_computed_and_described(drawn):
    _, found = drawn
    assert set(found) == set(quantities.QUANTITIES)
    assert all(values.shape == (N_COHORTS,) for values in found.values())


@pytest.mark.parametrize("clock", quantities.CLOCKS)
def test_survival_and_means_are_those_of_lifelines(drawn, clock):
    cohorts, found = drawn
    months, event = (cohorts[column] for column in quantities.CLOCKS[clock][:2])
    for number in range(N_COHORTS):
        theirs = KaplanMeierFitter().fit(months[number], event[number])
        for point in (6, 12, 24):
            ours = found[f"{clock}.at_{point}_months"][number]
            if np.isnan(ours):
                assert months[number].max() < point and theirs.survival_function_.iloc[-1, 0] > 0
            else:
                assert ours == pytest.approx(theirs.survival_function_at_times(point).item(), abs=CLOSE)
        assert found[f"{clock}.mean"][number] == pytest.approx(
            restricted_mean_survival_time(theirs, t=months[number].max()), rel=CLOSE)


def test_medians_are_the_chapters(drawn):
    cohorts, found = drawn
    for number, months, died in rows(cohorts):
        assert found["follow_up.reverse_km.median"][number] == median_survival(kaplan_meier(months, ~died)).value
        for place, slug in enumerate(quantities.SLUGS.values()):
            members = cohorts["first_treatment"][number] == place
            expected = median_survival(kaplan_meier(months[members], died[members])).value
            assert found[f"os_treatment.first_treatment.{slug}.median"][number] == expected


@pytest.mark.parametrize("grouping", quantities.GROUPINGS)
def test_cox_regression_is_that_of_lifelines_and_of_the_chapters(drawn, grouping):
    cohorts, found = drawn
    second, stem = quantities.second_level(cohorts, grouping), f"os_treatment.{grouping}"
    for number, months, died in rows(cohorts):
        ours = [found[f"{stem}.{part}"][number] for part in ("hazard_ratio", "hazard_ratio.lower", "hazard_ratio.upper", "wald_p")]
        fit = cox(months, died, second[number], ties="breslow")
        assert ours == pytest.approx([fit.hazard_ratio, fit.lower, fit.upper, fit.wald_p], rel=1e-7)  # greenwood stops at 1e-9 in the score
        if len(set(months)) == N_PATIENTS:
            frame = pd.DataFrame({"months": months, "died": died, "x": second[number].astype(float)})
            theirs = CoxPHFitter().fit(frame, "months", "died", fit_options={"precision": 1e-22, "r_precision": 1e-16})  # else it stops at 1e-7
            assert np.log(ours[0]) == pytest.approx(float(theirs.params_["x"]), abs=CLOSE)
            error = np.log(ours[2] / ours[1]) / (2 * ndtri(0.975))
            assert error == pytest.approx(float(theirs.standard_errors_["x"]), rel=CLOSE)
            ratio_test = theirs.log_likelihood_ratio_test()
            assert found[f"{stem}.likelihood_ratio_p"][number] == pytest.approx(ratio_test.p_value, rel=CLOSE)
            # without ties the score test is the log-rank test
            theirs = logrank_test(months[second[number]], months[~second[number]], died[second[number]], died[~second[number]])
            assert found[f"{stem}.score_p"][number] == pytest.approx(theirs.p_value, rel=CLOSE)
        assert found[f"{stem}.score_p"][number] == pytest.approx(fit.score_p, rel=1e-8)


@pytest.mark.parametrize("grouping", quantities.GROUPINGS)
def test_weighted_tests_are_those_of_lifelines(drawn, grouping):
    cohorts, found = drawn
    second = quantities.second_level(cohorts, grouping)
    for number, months, died in rows(cohorts):
        one, other = second[number], ~second[number]
        for test, weights in (("breslow_wilcoxon", "wilcoxon"), ("tarone_ware", "tarone-ware")):
            theirs = logrank_test(months[one], months[other], died[one], died[other], weightings=weights)
            assert found[f"os_treatment.{grouping}.{test}_p"][number] == pytest.approx(theirs.p_value, rel=CLOSE)


def test_three_treatments_are_compared_as_by_lifelines(drawn):
    cohorts, found = drawn
    for number, months, died in rows(cohorts):
        theirs = multivariate_logrank_test(months, cohorts["first_treatment"][number], died)
        assert found["os_treatment.first_treatment.p"][number] == pytest.approx(theirs.p_value, rel=CLOSE)


def test_gray_is_that_of_greenwood(drawn):
    """Greenwood's test is held to R's cmprsk elsewhere."""
    cohorts, found = drawn
    kinds = quantities.event_kinds(cohorts)
    names = np.array(["censored", "progression", "death"], dtype=object)
    for grouping in ("extrahepatic_disease", "treatment_gap"):
        second = quantities.second_level(cohorts, grouping)
        for number in range(N_COHORTS):
            theirs = gray_test(cohorts["liver_pfs_months"][number], names[kinds[number]], second[number])
            assert found[f"liver_pfs.{grouping}.gray_p"][number] == pytest.approx(theirs.p_value, rel=CLOSE)


def test_one_group_alone_is_compared_with_nobody():
    months, kinds = np.arange(1.0, 9.0), np.array([1, 2, 0, 1, 1, 2, 1, 0])
    assert np.isnan(group_tests.gray(months, kinds, np.ones(8, bool)))
    assert np.isnan(group_tests.three_groups_log_rank(months, kinds == 1, np.zeros(8, int)))


@pytest.mark.parametrize("grouping", ["meld_change", "mrecist_response"])
def test_time_dependent_regression_is_that_of_lifelines(drawn, grouping):
    cohorts, found = drawn
    known, second = quantities.visit_months(cohorts), quantities.second_level(cohorts, grouping)
    fits = quantities.time_dependent(cohorts, grouping, known)
    for number, months, died in rows(cohorts):
        if len(set(months)) < N_PATIENTS:  # lifelines has Efron's ties only
            continue
        periods = []
        for patient in range(N_PATIENTS):
            change = known[number, patient]
            if second[number, patient] and change < months[patient]:
                periods += [(patient, 0.0, change, 0.0, False), (patient, change, months[patient], 1.0, died[patient])]
            else:
                periods.append((patient, 0.0, months[patient], 0.0, died[patient]))
        frame = pd.DataFrame(periods, columns=["patient", "start", "stop", "x", "died"])
        theirs = CoxTimeVaryingFitter().fit(frame, id_col="patient", event_col="died", start_col="start", stop_col="stop",
                                            fit_options={"precision": 1e-22, "r_precision": 1e-16})  # else it stops at 1e-7
        assert np.log(fits["hazard_ratio"][number]) == pytest.approx(float(theirs.params_["x"]), abs=CLOSE)
        assert found[f"os_treatment.{grouping}.time_dependent_p"][number] == pytest.approx(float(theirs.summary.p["x"]), rel=1e-8)


def test_a_dealt_visit_lies_in_its_window_and_before_the_end(drawn):
    """Who progressed at the visit progressed on its day; a later progression, death or last contact comes after it."""
    table = a_table(False).assign(os_treatment_months=lambda each: each.os_treatment_months + 3, mrecist_pd_month_3=lambda each: each.index % 9 == 0)
    table["liver_progressed"] |= table.mrecist_pd_month_3
    table["liver_pfs_months"] = np.where(table.mrecist_pd_month_3, 95 / 30.4375, table.os_treatment_months.clip(lower=3.6))
    cohorts = from_table(table)
    days = quantities.visit_months(cohorts) * 30.4375
    at_visit = cohorts["mrecist_pd_month_3"]
    assert days[at_visit] == pytest.approx(95)
    assert (days >= 62 - 1e-9).all() and (days <= 120 + 1e-9).all()
    assert (days <= cohorts["liver_pfs_months"] * 30.4375 + 1e-9).all()
    # day 70 for everybody: a progression that day was seen at a later visit than this one, a last contact was not
    early = table.assign(liver_pfs_months=70 / 30.4375, os_treatment_months=70 / 30.4375, mrecist_pd_month_3=False)
    days = quantities.visit_months(from_table(early)) * 30.4375
    progressed = from_table(early)["liver_progressed"]
    assert days[progressed].max() == pytest.approx(69) and days[~progressed].max() == pytest.approx(70)


def test_continuous_covariates_and_late_entry_are_fitted_as_in_the_chapters(drawn):
    cohorts, found = drawn
    for number, months, died in rows(cohorts):
        gap = quantities.treatment_gap(cohorts)[number]
        fit, stem = cox(months, died, gap), "os_treatment.treatment_gap.per_month"
        ours = [found[f"{stem}.{part}"][number] for part in ("hazard_ratio", "hazard_ratio.lower", "hazard_ratio.upper", "wald_p")]
        assert ours == pytest.approx([fit.hazard_ratio, fit.lower, fit.upper, fit.wald_p], rel=1e-7)
        for clock in ("os_diagnosis", "os_liver_metastasis"):
            patients = pd.DataFrame({"os_treatment_months": months, "died": died, "clock": cohorts[f"{clock}_months"][number]})
            expected = clocks.naive_and_delayed(patients, "clock", 5)
            fit = expected["dependence"]
            ours = [found[f"{clock}.entry_dependence.{part}"][number] for part in ("hazard_ratio", "hazard_ratio.lower", "hazard_ratio.upper", "p")]
            assert ours == pytest.approx([fit.hazard_ratio, fit.lower, fit.upper, fit.wald_p], rel=1e-7)
            assert found[f"{clock}.delayed_entry.start"][number] == pytest.approx(expected["start_months"], rel=CLOSE)
            assert found[f"{clock}.delayed_entry.median"][number] == pytest.approx(
                median_survival(expected["delayed"], "lifelines").value, rel=CLOSE)


def test_firth_regression_is_that_of_firthmodels(drawn):
    cohorts, found = drawn
    for grouping in ("meld_change", "treatment_gap"):
        second, stem = quantities.second_level(cohorts, grouping), f"os_treatment.{grouping}"
        for number, months, died in rows(cohorts)[:6]:
            x = second[number].astype(float)
            response = np.array(list(zip(died, months)), dtype=[("event", bool), ("time", float)])
            model = FirthCoxPH(backend="numpy", gtol=1e-10, xtol=1e-10, max_iter=500, max_halfstep=30, max_step=1.0)
            model.fit(((x - x.mean()) / x.std())[:, None], response).lrt()
            limits = np.exp(model.conf_int(alpha=0.05, method="pl", max_iter=500, tol=1e-9)[0] / x.std())
            assert found[f"{stem}.firth"][number] == pytest.approx(float(np.exp(model.coef_[0] / x.std())), rel=CLOSE)
            assert found[f"{stem}.firth_p"][number] == pytest.approx(float(model.lrt_pvalues_[0]), rel=1e-8)
            ours = [found[f"{stem}.firth.lower"][number], found[f"{stem}.firth.upper"][number]]
            assert ours == pytest.approx(limits.tolist(), rel=1e-7)


def test_a_hazard_ratio_without_an_estimate_is_infinite_zero_or_missing():
    """Three deaths, all in one group, before anybody else is gone: by hand, the likelihood rises without end."""
    months, none = np.array([1.0, 2, 3, 4, 5, 6]), np.zeros(6)
    died, member = np.array([1, 1, 1, 0, 0, 0], bool), np.array([1.0, 1, 1, 0, 0, 0])
    assert kernels.cox(months, none, died, member)[0] == np.inf
    assert kernels.cox(months, none, died, 1 - member)[0] == -np.inf
    assert np.isnan(kernels.cox(months, none, died, np.ones(6))[0])
    log_ratio, lower, upper, _ = kernels.firth(months, none, died, member, chdtri(1, 0.05) / 2)
    # by a search for the largest penalised likelihood: sum over deaths of bx - log S0, and half the log information
    def penalised(beta):
        sizes = [(3 - k, 3) for k in range(3)]  # of either group at risk at each death
        shares = [a * np.exp(beta) / (a * np.exp(beta) + b) for a, b in sizes]
        return (sum(beta - np.log(a * np.exp(beta) + b) for a, b in sizes)
                + 0.5 * np.log(sum(share * (1 - share) for share in shares)))
    expected = minimize_scalar(lambda beta: -penalised(beta), bounds=(0, 10), method="bounded", options={"xatol": 1e-10}).x
    assert log_ratio == pytest.approx(expected, abs=1e-6)
    assert lower < log_ratio < upper


def test_permutation_p_counts_the_same_arrangements_as_the_chapters(drawn):
    cohorts, found = drawn
    for grouping in quantities.GROUPINGS:
        second = quantities.second_level(cohorts, grouping)
        for number, months, died in rows(cohorts):
            expected = compare.permutation_logrank(months, died, second[number])
            assert expected.exact
            assert found[f"os_treatment.{grouping}.permutation_p"][number] == pytest.approx(expected.p_value, abs=1e-12)


def test_permutation_p_of_four_patients_by_hand():
    """Deaths at 1, 2, 3, 4; the first two against the last two. Scores 3/4, 5/12, -1/12, -13/12: of 6 pairs, 2 reach 7/6."""
    found = kernels.permutation_p_values(np.array([1.0, 2, 3, 4]), np.ones(4, bool), np.array([[True, True, False, False]]))
    assert found[0] == pytest.approx(2 / 6)


def test_mean_gained_and_corrected_p_are_the_chapters(drawn):
    cohorts, found = drawn
    gap = quantities.treatment_gap(cohorts).round(6)
    for number, months, died in rows(cohorts):
        searched, corrected = compare.search_cut(gap[number], months, died, range(1, 13), n_resamples=quantities.N_RESAMPLES,
                                          seed=quantities.SEED)
        assert found["os_treatment.treatment_gap.corrected_p"][number] == pytest.approx(corrected, abs=1e-12)
        assert found["os_treatment.treatment_gap.best_cut_p"][number] == pytest.approx(searched.p_value.min(), rel=CLOSE)
        for grouping in quantities.GROUPINGS:
            second = quantities.second_level(cohorts, grouping)[number]
            order = np.argsort(second, kind="stable")
            gained = compare.rmst_difference(months[order], died[order], second[order])["difference"].value
            assert found[f"os_treatment.{grouping}.rmst_difference"][number] == pytest.approx(gained, rel=CLOSE, abs=CLOSE)


@pytest.mark.parametrize("grouping", ["meld_change", "mrecist_response"])
def test_the_landmark_leaves_out_who_is_gone_by_then(drawn, grouping):
    cohorts, found = drawn
    second = quantities.second_level(cohorts, grouping)
    for number, months, died in rows(cohorts):
        stay = months > 3.0
        theirs = logrank_test((months - 3)[stay & second[number]], (months - 3)[stay & ~second[number]],
                              died[stay & second[number]], died[stay & ~second[number]])
        assert found[f"os_treatment.{grouping}.landmark_p"][number] == pytest.approx(theirs.p_value, rel=1e-8)
        fit = cox(months[stay] - 3, died[stay], second[number][stay])
        stem = f"os_treatment.{grouping}.landmark_hazard_ratio"
        assert [found[stem + part][number] for part in ("", ".lower", ".upper")] == pytest.approx([fit.hazard_ratio, fit.lower, fit.upper], rel=1e-7)
        for name, members in (("first", stay & ~second[number]), ("second", stay & second[number])):
            expected = median_survival(kaplan_meier(months[members] - 3, died[members])).value
            assert found[f"os_treatment.{grouping}.landmark_median.{name}"][number] == pytest.approx(expected, rel=CLOSE)


def test_cumulative_incidence_is_that_of_lifelines(drawn):
    cohorts, found = drawn
    kinds = quantities.event_kinds(cohorts)
    for number in range(N_COHORTS):
        months = cohorts["liver_pfs_months"][number]
        if len(set(months)) < N_PATIENTS:  # lifelines breaks ties at random
            continue
        for cause, name in ((1, "progression"), (2, "death")):
            theirs = AalenJohansenFitter(calculate_variance=False).fit(months, kinds[number], event_of_interest=cause)
            for point in (6, 12, 24):
                expected = theirs.cumulative_density_.loc[:point].iloc[-1, 0]
                assert found[f"liver_pfs.incidence.{name}.at_{point}_months"][number] == pytest.approx(expected, abs=CLOSE)


def test_cumulative_incidence_with_a_tie_by_hand():
    """Four at risk at 2 months, one of each cause: 1/4 each; then half of 1/2 dies at 5."""
    found = np.empty(2)
    months, kinds = np.array([2.0, 2.0, 5.0, 7.0]), np.array([1, 2, 1, 0])
    kernels.cumulative_incidence(months, kinds, 1, np.array([3.0, 6.0]), found)
    assert found.tolist() == [0.25, 0.5]
    kernels.cumulative_incidence(months, kinds, 2, np.array([3.0, 6.0]), found)
    assert found.tolist() == [0.25, 0.25]


def test_agreement_and_balance_are_the_chapters(drawn):
    cohorts, found = drawn
    for number in range(N_COHORTS):
        recist, mrecist = (pd.Series(np.array(CATEGORIES)[cohorts[name][number]]) for name in ("recist", "mrecist"))
        both = agreement(recist, mrecist)
        ours = [found[f"response.kappa{part}"][number] for part in ("", ".lower", ".upper", ".linear")]
        assert ours == pytest.approx([both.kappa, both.lower, both.upper, both.weighted], abs=CLOSE)
        assert found["response.worse_by_mrecist.count"][number] == len(worse_by(mrecist, recist))
        gap = pd.Series(quantities.treatment_gap(cohorts)[number])
        treated = pd.Series(np.array(TREATMENTS)[cohorts["first_treatment"][number]])
        value, *_ = largest_difference(Variable("gap", "Gap", gap), treated)
        assert found["balance.gap.largest_smd"][number] == pytest.approx(value, rel=CLOSE)


def test_choices_are_those_of_the_parameters_cells():
    from lib.parameters import PARAMETERS

    chosen = {"conf_level": quantities.CONF_LEVEL, "landmark_months": quantities.LANDMARK_MONTHS, "seed": quantities.SEED,
              "smallest_risk_set": quantities.SMALLEST_RISK_SET, "n_resamples": quantities.N_RESAMPLES}
    assert chosen == {name: PARAMETERS[name].paper for name in chosen}
    ledger = read_ledger()
    assert {quantities.VISIT_MONTHS} == set(ledger.printed[ledger.quantity == "visit.month_3.time"].astype(float))


def test_the_reference_cohort_has_the_values_that_the_chapters_hand_on(study_run):
    from lib.cohort import read_cohort
    from lib.response import is_responder, month_3_response
    from lib.survival.groups import groupings

    study = read_cohort("reference")
    divided, patients = groupings(study), study.patients
    mrecist, recist = (month_3_response(study.lesions, criterion, patients.patient) for criterion in ("mRECIST", "RECIST"))
    table = patients.assign(
        cohort=0, tier="exact", meld_increased=(divided["meld_change"].labels == "increased").to_numpy(),
        early_treatment=(divided["treatment_gap"].labels == "early").to_numpy(), mrecist=mrecist.to_numpy(),
        recist=recist.to_numpy(), mrecist_responder=is_responder(mrecist).to_numpy(bool),
        mrecist_pd_month_3=mrecist.eq("PD").to_numpy(), solitary=patients.n_liver_lesions.eq(1))
    ours = quantities.compute(from_table(table))
    handed_on = {}
    for path in (study_run.out / "results").glob("0[1-4]_*.json"):
        handed_on |= json.loads(path.read_text("utf-8"))["quantities"]
    shared = [name for name in ours if isinstance(handed_on.get(name, {}).get("value"), (int, float))
              and name not in dealt.reference_values()[0]]
    assert len(shared) > 25
    for name in shared:
        assert ours[name][0] == pytest.approx(handed_on[name]["value"], rel=1e-6), name


def test_dealt_covariates_keep_their_values_and_their_strata(drawn):
    cohorts, found = drawn
    values, strata, flags = dealt.reference_values()
    assert set(values) <= set(found) and {f"os_treatment.cox.{each}.hazard_ratio" for each in ("sex", "age_per_10_years")} <= set(values)
    assert values["os_treatment.cox.sex.hazard_ratio"].sum() == 8  # men of 24 (Table 1)
    places = dealt._deal(cohorts["meld_increased"], flags["meld_increased"], np.random.default_rng(1))
    assert (np.sort(places, axis=1) == np.arange(N_PATIENTS)).all()
    assert (flags["meld_increased"][places] == cohorts["meld_increased"]).all()


@pytest.mark.parametrize(("p", "condition", "missing"), [(0.01, True, True), (0.05, True, False), (0.01, False, False)])
def test_dealt_laboratory_values_are_dealt_again_while_one_is_significant(drawn, p, condition, missing):
    def regression(months, entry, died, x):
        return {"hazard_ratio": np.ones(len(x)), "wald_p": np.full(len(x), p)}

    found = dealt.dealt_hazard_ratios(drawn[0], regression, condition)
    assert np.isnan(found[dealt.lab_name("albumin", "baseline")]).all() == missing
    assert (found["os_treatment.cox.sex.hazard_ratio"] == 1).all()


# -- cohorts -------------------------------------------------------------------------------------------


def test_dealing_treatments_keeps_the_cross_tables_and_the_survival():
    cohorts = from_table(a_table(False))
    responder = (cohorts["mrecist"] < 2)
    cohorts.columns["mrecist_responder"][:] = responder
    cohorts.columns["mrecist_pd_month_3"][:] = cohorts["mrecist"] == 3
    dealt = with_treatments_dealt(cohorts, np.random.default_rng(1))
    assert ((dealt["mrecist"] < 2) == responder).all()
    for number in range(N_COHORTS):
        for criterion in ("mrecist", "recist"):
            before, after = (pd.crosstab(each["first_treatment"][number], each[criterion][number]) for each in (cohorts, dealt))
            assert before.equals(after)
    assert (dealt["first_treatment"] != cohorts["first_treatment"]).any()
    assert (dealt["os_treatment_months"] == cohorts["os_treatment_months"]).all()


@pytest.mark.parametrize(("change", "message"), [
    (lambda table: table.drop(columns="died"), "lacks the column died"),
    (lambda table: table.iloc[1:], "Cohorts of one size are needed; the table's have 23 to 24 patients"),
    (lambda table: table.assign(recist=table.recist.where(table.index != 30, "XX")), "recist is 'XX'; known are CR, PR, SD, PD"),
    (lambda table: table.assign(liver_pfs_months=table.liver_pfs_months.where(table.index != 30)),
     "Cohort 1: liver_pfs_months has an empty cell"),
])
def test_a_table_that_holds_no_cohorts_is_refused(change, message):
    with pytest.raises(CohortsError, match=re.escape(message)):
        from_table(change(a_table(False)))
