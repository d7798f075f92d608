"""lib.survival against R itself: the values R printed are stored, and R is run again where it is installed."""

import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.survival import compare, competing, estimate, regression
from lib.survival.assumptions import functional_form, influence, null_martingale_residuals, proportional_hazards
from lib.survival.clocks import conditional_on, entry_dependence, landmark, time_dependent_cox

ORACLES = Path(__file__).parent / "oracles"
INPUT = pd.read_csv(ORACLES / "survival_input.csv", keep_default_na=True)
STORED = pd.read_csv(ORACLES / "survival_r.csv").set_index(["dataset", "quantity"]).value
DATASETS = list(INPUT.dataset.unique())


def having(column):
    return [name for name, rows in INPUT.groupby("dataset", sort=False) if rows[column].notna().all()]


def rows_of(dataset):
    rows = INPUT[INPUT.dataset == dataset].reset_index(drop=True)
    return rows.assign(event=rows.event.astype(bool))


def assert_like_r(ours, dataset, quantity, rel=1e-6):
    """R's NA is our "not reached" or "not computed"."""
    theirs = STORED[dataset, quantity]
    if math.isnan(theirs):
        assert ours is None or not math.isfinite(ours), f"{dataset} {quantity}: R has none, we have {ours}"
    else:
        assert ours == pytest.approx(theirs, rel=rel, abs=1e-9), f"{dataset} {quantity}"


def test_stored_output_of_r_is_what_r_gives_now(tmp_path):
    if shutil.which("Rscript") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have R: install r-base-core, r-cran-survival and r-cran-cmprsk.")
        pytest.skip("R is not installed; its stored values are still compared.")
    again = tmp_path / "r.csv"
    subprocess.run(["Rscript", str(ORACLES / "survival.R"), str(ORACLES / "survival_input.csv"), str(again)], check=True,
                   capture_output=True, timeout=300)
    fresh = pd.read_csv(again).set_index(["dataset", "quantity"]).value
    stored, fresh = (values.drop("R", level="dataset") for values in (STORED, fresh))
    assert list(fresh.index) == list(stored.index)
    np.testing.assert_allclose(fresh, stored, rtol=1e-6, atol=1e-9)


def test_r_saw_the_reference_cohort_as_it_is_now():
    from oracles.survival_input import survival_input

    now = survival_input()
    stale = "the cohort has changed since R ran: run tests/oracles/survival_input.py, then survival.R (see tests/oracles/README.md)"
    pd.testing.assert_frame_equal(now.reset_index(drop=True), INPUT, check_dtype=False, rtol=1e-9, obj=stale)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("interval", ["log", "log-log", "plain"])
def test_medians_and_intervals_are_those_of_r(dataset, interval):
    rows = rows_of(dataset)
    median = estimate.median_survival(estimate.kaplan_meier(rows.months, rows.event), "r", interval)
    for name, ours in zip(("", ".lower", ".upper"), median):
        assert_like_r(ours, dataset, f"median.{interval}{name}")


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("interval", ["log", "log-log", "plain"])
def test_curves_and_bands_are_those_of_r(dataset, interval):
    rows = rows_of(dataset)
    curve = estimate.kaplan_meier(rows.months, rows.event)
    for months in (3, 6, 12):
        if months > curve.longest:
            continue  # R carries the last step forward; we say that nobody was followed so far
        ours = estimate.survival_at(curve, months, interval)
        assert_like_r(ours.value, dataset, f"survival.{months}")
        if ours.value == 1 and interval == "log-log":
            # R prints 1 before its first time and NA after it; a band of no width would claim certainty
            assert math.isnan(ours.lower) and math.isnan(ours.upper)
            continue
        assert_like_r(ours.lower, dataset, f"survival.{months}.{interval}.lower")
        assert_like_r(ours.upper, dataset, f"survival.{months}.{interval}.upper")


@pytest.mark.parametrize("dataset", DATASETS)
def test_numbers_at_risk_mean_and_follow_up_are_those_of_r(dataset):
    rows = rows_of(dataset)
    curve = estimate.kaplan_meier(rows.months, rows.event)
    for months, at_risk in zip((0, 3, 6, 12), estimate.at_risk_table(curve, [0, 3, 6, 12]).at_risk):
        assert_like_r(at_risk, dataset, f"at_risk.{months}")
    mean = estimate.mean_survival(curve)
    assert_like_r(mean.value, dataset, "mean")
    assert_like_r((mean.upper - mean.value) / 1.959963984540054, dataset, "mean.se")
    reverse = estimate.median_survival(estimate.kaplan_meier(rows.months, ~rows.event), "r", "log-log")
    for name, ours in zip(("", ".lower", ".upper"), reverse):
        assert_like_r(ours, dataset, f"follow_up{name}")


@pytest.mark.parametrize("dataset", having("group"))
def test_logrank_family_is_that_of_r(dataset):
    rows = rows_of(dataset)
    for weighting, name in [("log-rank", "logrank"), ("Breslow-Wilcoxon", "wilcoxon"), ("Tarone-Ware", "tarone_ware")]:
        result = compare.logrank(rows.months, rows.event, rows.group, weighting=weighting)
        assert_like_r(result.statistic, dataset, f"{name}.chisq")
    assert_like_r(compare.logrank(rows.months, rows.event, rows.group).p_value, dataset, "logrank.p")
    batch = compare.logrank_p_values(rows.months.to_numpy(), rows.event.to_numpy(), (rows.group == 1).to_numpy()[None, :])
    assert_like_r(batch[0], dataset, "logrank.p")


@pytest.mark.parametrize("dataset", having("group"))
def test_medians_of_groups_are_those_of_r(dataset):
    rows = rows_of(dataset)
    for group, members in rows.groupby("group"):
        curve = estimate.kaplan_meier(members.months, members.event)
        for interval in ("log", "log-log", "plain"):
            for name, ours in zip(("", ".lower", ".upper"), estimate.median_survival(curve, "r", interval)):
                assert_like_r(ours, dataset, f"group{group:.0f}.median.{interval}{name}")


@pytest.mark.parametrize("dataset", having("group"))
def test_difference_in_restricted_means_is_that_of_r(dataset):
    rows = rows_of(dataset).sort_values("group", ascending=False)
    result = compare.rmst_difference(rows.months, rows.event, rows.group)
    difference = result["difference"]
    assert_like_r(result["to_months"], dataset, "rmst.to")
    assert_like_r(difference.value, dataset, "rmst.difference")
    assert_like_r((difference.upper - difference.value) / 1.959963984540054, dataset, "rmst.difference.se")


@pytest.mark.parametrize("ties", regression.TIES)
@pytest.mark.parametrize("dataset, covariate", [(d, "group") for d in having("group")] + [(d, "x") for d in having("x")])
def test_cox_regression_is_that_of_r(dataset, covariate, ties):
    rows = rows_of(dataset)
    fit = regression.cox(rows.months, rows.event, rows[covariate], ties=ties)
    for quantity, ours in {"coef": fit.log_hazard_ratio, "se": fit.std_error, "wald_p": fit.wald_p, "score_p": fit.score_p,
                           "lr_p": fit.likelihood_ratio_p}.items():
        assert_like_r(ours, dataset, f"cox_{covariate}.{ties}.{quantity}")


@pytest.mark.parametrize("dataset", having("x"))
def test_firth_is_the_penalised_likelihood_maximised_by_r(dataset):
    rows = rows_of(dataset)
    fit = regression.firth_cox(rows.months, rows.event, rows.x)
    ours = {"coef": fit.hazard_ratio, "lower": fit.lower, "upper": fit.upper}
    for quantity, ratio in ours.items():
        assert_like_r(math.log(ratio), dataset, f"firth.{quantity}", rel=1e-4)  # R's optimize is that exact
    assert_like_r(fit.p_value, dataset, "firth.p", rel=1e-5)


@pytest.mark.parametrize("dataset", having("x"))
def test_checks_of_the_cox_model_are_those_of_r(dataset):
    rows = rows_of(dataset)
    check = proportional_hazards(rows.months, rows.event, rows.x)
    assert_like_r(check.p_value, dataset, "zph.p")
    theirs = [STORED[dataset, f"schoenfeld.{i}"] for i in range(1, int(rows.event.sum()) + 1)]
    assert sorted(check.log_hazard_ratios) == pytest.approx(sorted(theirs), rel=1e-5)
    moved = influence(rows.months, rows.event, rows.x)
    for patient, dfbeta in zip(rows.patient, moved.dfbeta):
        assert_like_r(dfbeta, dataset, f"dfbeta.{patient}", rel=1e-5)
    for patient, residual in zip(rows.patient, null_martingale_residuals(rows.months, rows.event)):
        assert_like_r(residual, dataset, f"martingale.{patient}")
    from scipy.stats import chi2

    form = functional_form(rows.months, rows.event, rows.x)
    assert form["curvature_p"] == pytest.approx(chi2.sf(STORED[dataset, "curvature.lr"], 1), rel=1e-5)


@pytest.mark.parametrize("dataset", having("entry"))
def test_delayed_entry_is_that_of_r(dataset):
    rows = rows_of(dataset)
    months, event, entry = rows.months.to_numpy(), rows.event.to_numpy(), rows.entry.to_numpy()
    curve = estimate.kaplan_meier(months, event, entry=entry)
    for time in (6, 12):
        assert_like_r(float(curve.at(time)), dataset, f"delayed.survival.{time}")
    for i, at_risk in enumerate(curve.at_risk[curve.events > 0], start=1):
        assert_like_r(at_risk, dataset, f"delayed.at_risk.{i}")
    later = estimate.kaplan_meier(*conditional_on(months, event, entry, 6.0)[:2],
                                  entry=conditional_on(months, event, entry, 6.0)[2])
    for name, ours in zip(("", ".lower", ".upper"), estimate.median_survival(later, "r", "log-log")):
        assert_like_r(ours, dataset, f"delayed.from_6.median{name}")
    dependence = entry_dependence(months, event, entry)
    assert_like_r(dependence.log_hazard_ratio, dataset, "delayed.entry.breslow.coef")
    assert_like_r(dependence.wald_p, dataset, "delayed.entry.breslow.wald_p")


@pytest.mark.parametrize("dataset", [d for d in having("entry") if d in having("group")])
def test_tests_with_delayed_entry_are_those_of_r(dataset):
    rows = rows_of(dataset)
    for ties in regression.TIES:
        fit = regression.cox(rows.months, rows.event, rows.group, entry=rows.entry, ties=ties)
        assert_like_r(fit.log_hazard_ratio, dataset, f"delayed.cox_group.{ties}.coef")
        assert_like_r(fit.score_p, dataset, f"delayed.cox_group.{ties}.score_p")
    # the score test of the exact likelihood is the log-rank test with its hypergeometric variance
    logrank = compare.logrank(rows.months, rows.event, rows.group, entry=rows.entry)
    assert_like_r(logrank.p_value, dataset, "delayed.cox_group.exact.score_p")


@pytest.mark.parametrize("dataset", having("group"))
def test_time_dependent_status_and_landmark_are_those_of_r(dataset):
    rows = rows_of(dataset)
    fit = time_dependent_cox(rows, "months", "event", np.full(len(rows), 3.0), rows.group == 1)
    assert_like_r(fit.log_hazard_ratio, dataset, "time_dependent.breslow.coef")
    assert_like_r(fit.wald_p, dataset, "time_dependent.breslow.wald_p")
    later = landmark(rows, "months", "event", 3.0)
    assert_like_r(compare.logrank(later.months, later.event, later.group).p_value, dataset, "landmark.p")


@pytest.mark.parametrize("dataset", having("kind"))
def test_competing_risks_are_those_of_cmprsk(dataset):
    rows = rows_of(dataset)
    incidence = competing.cumulative_incidence(rows.months, rows.kind)
    for cause in ("progression", "death"):
        for months in (3, 6, 12):
            assert_like_r(float(incidence[cause].at(months)), dataset, f"cif.{cause}.{months}")
        result = competing.gray_test(rows.months, rows.kind, rows.group, cause)
        assert_like_r(result.statistic, dataset, f"gray.{cause}.chisq")


@pytest.mark.parametrize("dataset", [d for d in having("group") if len(rows_of(d)) <= 20])
def test_permutation_p_is_that_of_all_arrangements_counted_by_r(dataset):
    rows = rows_of(dataset)
    result = compare.permutation_logrank(rows.months, rows.event, rows.group)
    assert result.exact
    assert result.n_arrangements == STORED[dataset, "permutation.arrangements"]
    assert_like_r(result.p_value, dataset, "permutation.p")
