"""Sampler, executor, ensemble and its verifier.

Expected values come from lifelines, scipy, `lib.reconstruct.verify` (lifelines and plain Python), counting by hand,
and the ledger.
"""

import os
import signal
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import restricted_mean_survival_time
from scipy.stats import chisquare, f_oneway

from lib.published import read_ledger
from lib.reconstruct import ensemble_verify, scoring
from lib.reconstruct.constraints import ConstraintError, GROUPINGS, GroupComparison, Interval, MedianRow, survival_constraints
from lib.reconstruct.diversity import STATISTICS, order_counts, seed_spread, unpublished_statistics
from lib.reconstruct.ensemble import FILE, assemble, order_of, spread
from lib.reconstruct.enumeration import FILE as EXACT_ORDERS
from lib.reconstruct.enumeration import examine
from lib.reconstruct.executor import ExecutorError, run_tasks
from lib.reconstruct.exploring import explored
from lib.reconstruct.search import order_bits
from lib.reconstruct.sampler import (NEVER, Tolerance, TrialConstraints, constraint_arrays, sample, trial_constraints,
                                     widened)
from lib.reconstruct.verify import spss_median

FREE_ROW = MedianRow("free", Interval(), Interval(), Interval())
EVERY = 20
"""The tests verify one cohort of the ensemble in so many; ``python -m lib.reconstruct.ensemble --verify`` all."""


@pytest.fixture(scope="module")
def ensemble():
    assert FILE.exists(), "data/ensemble.parquet is not there: python -m lib.reconstruct.ensemble makes it"
    return pd.read_parquet(FILE)


@pytest.fixture(scope="module")
def ledger():
    return ensemble_verify.read_ledger()


def cohort_of(rng, n):
    return np.sort(rng.exponential(10, n)), rng.random(n) < 0.7, rng.random(n) < 0.5


# -- scores ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_row_misfit_is_the_distance_of_the_spss_median_and_limits(seed):
    months, died, members = cohort_of(np.random.default_rng(seed), 24)
    median, lower, upper = spss_median(months[members], died[members])
    if np.isnan(upper):
        pytest.skip("no limits on this draw")
    half = upper - median
    row = MedianRow("", Interval(median + 1, median + 2), Interval(median - half - 3, median - half - 2),
                    Interval(upper - 0.5, upper + 0.5)).as_array()
    assert scoring.row_misfit(months, died, members, True, row) == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_log_rank_z_is_that_of_lifelines(seed):
    months, died, members = cohort_of(np.random.default_rng(seed), 30)
    theirs = logrank_test(months[members], months[~members], died[members], died[~members]).test_statistic
    assert scoring.log_rank_z(died, members) ** 2 == pytest.approx(theirs)


def test_a_sum_that_stops_early_is_never_below_what_was_enough():
    months, died, members = cohort_of(np.random.default_rng(3), 24)
    arrays = (np.array([FREE_ROW.as_array(), [90, 91, -1e9, 1e9, -1e9, 1e9], [90, 91, -1e9, 1e9, -1e9, 1e9]], float),
              np.array([[3.0, 3.1]]), np.array([-1e9, 1e9] * 3), np.zeros((0, 3)))
    whole = scoring.misfit(months, died, members[None], *arrays)
    for enough in (0.0, 1.0, whole / 2, whole, whole + 1):
        stopped = scoring.misfit(months, died, members[None], *arrays, enough)
        assert stopped == whole or enough < stopped <= whole


def test_a_change_that_is_taken_back_leaves_the_cohort_as_it_was():
    months, died, members = cohort_of(np.random.default_rng(4), 24)
    cohort, changes = (months, died, np.array([members, ~members])), set()
    before = [part.tobytes() for part in cohort]
    for _ in range(1000):
        _, change, *what = scoring.propose(*cohort, np.array([-1e9, 1e9] * 3))
        scoring.take_back(*cohort, change, *what)
        assert [part.tobytes() for part in cohort] == before
        changes.add(change)
    assert changes == {scoring.NOTHING, scoring.TIME, scoring.DEATHS, scoring.DEATHS_AND_LABELS, 0, 1}


def test_tolerance_is_never_less_than_printing_and_leaves_open_ends_open():
    assert widened(Interval(0.7625, 0.7635), 0.005).lower == pytest.approx(0.758)
    assert widened(Interval(21.35, 21.45), 0.0).half_width == pytest.approx(0.05)
    assert widened(Interval(-np.inf, 0.05), 1.0) == Interval(-np.inf, 1.0)


# -- the sampler -----------------------------------------------------------------------------------------------


def test_draws_without_a_printed_figure_follow_the_prior():
    """Every order of 2 deaths and 2 censorings is as likely as the others when only the longest time is known."""
    trial = TrialConstraints(4, 2, FREE_ROW, follow_up_max=Interval(9.0, 11.0))
    draws = sample(trial, Tolerance(), seed=1, n_wanted=3000, seconds=20)
    counts = pd.Series([order_of(cohort) for _, cohort in draws.groupby("cohort")]).value_counts()
    assert len(counts) == 6
    # draws of one walk are correlated: 300 of 3000 are taken for the test
    thinned = pd.Series([order_of(cohort) for number, cohort in draws.groupby("cohort") if number % 10 == 0])
    assert chisquare(thinned.value_counts().reindex(counts.index, fill_value=0)).pvalue > 0.001


def test_draws_keep_to_survival_fractions_and_to_a_median_not_reached():
    trial = TrialConstraints(20, 6, MedianRow("os", NEVER, Interval(), Interval(), NEVER), (), Interval(9.5, 10.5),
                             survival={12.0: Interval(0.55, 0.65)})
    draws = sample(trial, Tolerance(), seed=2, n_wanted=20, seconds=5)
    assert draws.attrs["n_cohorts"] == 20
    for _, cohort in draws.groupby("cohort"):
        curve = KaplanMeierFitter().fit(cohort.os_treatment_months, cohort.died)
        assert curve.median_survival_time_ == np.inf
        assert 0.55 <= curve.predict(12.0) < 0.65
        assert cohort.died.sum() == 6 and 9.5 <= cohort.os_treatment_months.median() < 10.5


def test_draws_agree_with_the_paper_by_another_program():
    constraints = trial_constraints(read_ledger())
    draws = sample(constraints, Tolerance(0.01, 2.0), seed=1, n_wanted=10, seconds=8)
    assert draws.attrs["n_cohorts"] > 0
    for _, cohort in draws.groupby("cohort"):
        median, lower, upper = spss_median(cohort.os_treatment_months, cohort.died)
        assert 8.5 <= median < 9.5 and lower <= 2.0 and abs(upper - 21.4) <= 2.0
        for comparison in constraints.comparisons:
            members = cohort[comparison.grouping.flag]
            p = logrank_test(cohort.os_treatment_months[members], cohort.os_treatment_months[~members],
                             cohort.died[members], cohort.died[~members]).p_value
            assert members.sum() == comparison.n_flagged
            assert abs(p - (comparison.p_value.lower + comparison.p_value.upper) / 2) <= 0.01


def test_a_seed_gives_the_same_draws_and_another_seed_others():
    comparison = GroupComparison(GROUPINGS[0], 7, (FREE_ROW, FREE_ROW), Interval(0.2, 0.4))
    trial = TrialConstraints(15, 10, FREE_ROW, (comparison,), Interval(8.0, 9.0))
    first, again, other = (sample(trial, Tolerance(), seed, 5, 0.5) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_a_tolerated_limit_keeps_clear_of_its_end():
    """1.96 for the normal quantile moves a limit 20 months away by 0.0004 months, and may not spoil a cohort."""
    row = MedianRow("", Interval(8.5, 9.5), Interval(4.65, 4.75), Interval(39.25, 39.35))
    trial = TrialConstraints(24, 17, row)
    _, _, lower, upper, *_ = constraint_arrays(trial, Tolerance(0.005, 1.0))[0][0]
    assert 3.7 + 0.0005 < lower < 3.7 + 0.002 and 5.7 - 0.002 < upper < 5.7 - 0.0005


def test_jumps_reach_new_orders_that_agree_with_the_paper_by_another_program():
    constraints = trial_constraints(read_ledger())
    draws = sample(constraints, Tolerance(0.01, 2.0), seed=1, n_wanted=20, seconds=8)
    reached = explored(draws, constraints, Tolerance(0.01, 2.0), np.random.default_rng(1), n_jumps=6000)
    assert reached.iloc[:len(draws)].equals(draws)
    n_orders = [len({order_of(cohort) for _, cohort in table.groupby("cohort")}) for table in (draws, reached)]
    assert n_orders[1] > n_orders[0] > 0
    for _, cohort in list(reached.groupby("cohort"))[draws.attrs["n_cohorts"]::10]:
        median, lower, upper = spss_median(cohort.os_treatment_months, cohort.died)
        assert 8.5 <= median < 9.5 and lower <= 2.0 and abs(upper - 21.4) <= 2.0 and cohort.died.sum() == 17
        for comparison in constraints.comparisons:
            members = cohort[comparison.grouping.flag]
            p = logrank_test(cohort.os_treatment_months[members], cohort.os_treatment_months[~members],
                             cohort.died[members], cohort.died[~members]).p_value
            assert members.sum() == comparison.n_flagged
            assert abs(p - (comparison.p_value.lower + comparison.p_value.upper) / 2) <= 0.01


def test_no_draws_lead_nowhere():
    trial = TrialConstraints(4, 2, FREE_ROW, follow_up_max=Interval(9.0, 11.0))
    none = pd.DataFrame({"cohort": [], "os_treatment_months": [], "died": []})
    assert explored(none, trial, Tolerance(), np.random.default_rng(1), 10).empty


def test_a_ledger_without_deaths_is_refused():
    ledger = read_ledger()
    with pytest.raises(ConstraintError, match="survival_status.dead.count"):
        trial_constraints(ledger[ledger.quantity != "survival_status.dead.count"])


# -- every order -----------------------------------------------------------------------------------------------


def test_the_listed_orders_pass_or_fail_as_listed():
    constraints, listed = survival_constraints(read_ledger()), pd.read_csv(EXACT_ORDERS)
    for row in listed.itertuples():
        bits = order_bits(row.order)
        found = examine(bits, constraints)
        assert (found["n_joint_readings"], found["n_feasible_readings"]) == (row.n_joint_readings, row.n_feasible_readings)


# -- the executor ----------------------------------------------------------------------------------------------


def squares(task):
    """A task that leaves a trace of having been done."""
    time.sleep(0.3)
    return pd.DataFrame({"task": [task], "square": [int(task) ** 2], "worker": [os.getpid()]})


def dies_once(task, folder):
    mark = f"{folder}/died"
    if task == "3" and not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return squares(task)


def always_dies(task):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_run_goes_on_where_an_earlier_one_stopped(tmp_path):
    run_tasks(squares, ["1", "2"], tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    done = []
    files = run_tasks(squares, ["1", "2", "3"], tmp_path, report=done.append)
    assert done == ["1 of 1: 3"]
    assert {path.name: path.stat().st_mtime_ns for path in files[:2]} == before
    assert [pd.read_parquet(path).square[0] for path in files] == [1, 4, 9]


def test_a_killed_worker_of_the_pool_loses_no_task(tmp_path):
    found = tmp_path / "found"
    files = run_tasks(partial(dies_once, folder=str(tmp_path)), [str(number) for number in range(6)], found, processes=2)
    assert [pd.read_parquet(path).square[0] for path in files] == [0, 1, 4, 9, 16, 25]
    assert (tmp_path / "died").exists()
    assert len(list(found.iterdir())) == 6


def test_an_interrupted_run_keeps_what_it_found_and_does_the_rest(tmp_path):
    def interrupt(line):
        if line.startswith("2 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(squares, ["1", "2", "3", "4"], tmp_path, report=interrupt)
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    done = []
    files = run_tasks(squares, ["1", "2", "3", "4"], tmp_path, report=done.append)
    assert [line.partition(": ")[2] for line in done] == ["3", "4"]
    assert [pd.read_parquet(path).square[0] for path in files] == [1, 4, 9, 16]


def test_results_of_other_settings_are_not_taken_for_these(tmp_path):
    run_tasks(squares, ["1"], tmp_path, settings={"seconds": 1.0})
    run_tasks(squares, ["1"], tmp_path, settings={"seconds": 1.0})
    with pytest.raises(ExecutorError, match="other settings.*seconds.*1.0.*remove it"):
        run_tasks(squares, ["1"], tmp_path, settings={"seconds": 2.0})
    (tmp_path / "settings.json").unlink()
    with pytest.raises(ExecutorError, match="not noted"):
        run_tasks(squares, ["1"], tmp_path, settings={"seconds": 1.0})


def test_workers_that_always_die_end_the_run_with_the_remedy(tmp_path):
    with pytest.raises(ExecutorError, match="fewer processes"):
        run_tasks(always_dies, ["1"], tmp_path)


def test_a_task_named_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="named twice"):
        run_tasks(squares, ["1", "1"], tmp_path)


def test_a_scheduler_that_does_not_answer_is_named(tmp_path):
    with pytest.raises(ExecutorError, match="127.0.0.1:9"):
        run_tasks(squares, ["1"], tmp_path, scheduler="tcp://127.0.0.1:9")


def test_a_killed_dask_worker_loses_no_task_and_doubles_none(tmp_path):
    from distributed import LocalCluster

    tasks = [str(number) for number in range(16)]
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        victims, done = [], []

        def kill_midway(line):
            """Kill who has just done a task: on a busy machine one of the two may have done none yet."""
            done.append(line)
            if len(done) == 4:
                victims.append(int(pd.read_parquet(tmp_path / f"{line.partition(': ')[2]}.parquet").worker[0]))
                os.kill(victims[0], signal.SIGKILL)

        files = run_tasks(squares, tasks, tmp_path, scheduler=cluster.scheduler_address, report=kill_midway)
    tables = [pd.read_parquet(path) for path in files]
    assert [table.square[0] for table in tables] == [number**2 for number in range(16)]
    assert len(done) == len(set(line.partition(": ")[2] for line in done)) == 16
    workers = {int(table.worker[0]) for table in tables}
    assert victims[0] in workers and workers != {victims[0]}
    assert {path.name for path in tmp_path.iterdir()} == {f"{task}.parquet" for task in tasks}


# -- the ensemble ----------------------------------------------------------------------------------------------


def test_one_cohort_in_twenty_agrees_with_the_ledger(ensemble):
    numbers = sorted(ensemble.cohort.unique())[::EVERY]
    assert ensemble_verify.verify_ensemble(ensemble, numbers) == {}


def test_the_ensemble_is_large_and_diverse_enough(ensemble):
    assert ensemble_verify.shortfalls(ensemble) == []
    assert FILE.stat().st_size <= 5e6
    assert (ensemble.groupby("cohort").size() == 24).all()


def test_no_cohort_of_the_ensemble_occurs_twice(ensemble):
    columns = [*ensemble_verify.MONTHS, *ensemble_verify.FLAGS]
    keys = ensemble.groupby("cohort")[columns].apply(lambda cohort: tuple(cohort.to_numpy().ravel()))
    assert keys.is_unique


def corruptions():
    yield "a death turned into a censoring", lambda c: c.assign(died=c.died & (np.arange(24) != np.flatnonzero(c.died)[0]))
    yield "a time moved by ten months", lambda c: c.assign(
        os_treatment_months=c.os_treatment_months + 10.0 * (np.arange(24) == 11))
    yield "a response changed", lambda c: c.assign(mrecist=np.where(np.arange(24) == 0, "SD" if str(c.mrecist.iloc[0]) != "SD" else "PR", c.mrecist.astype(str)))
    yield "groups told apart the other way round", lambda c: c.assign(extrahepatic_disease=~c.extrahepatic_disease)
    yield "an empty cell", lambda c: c.assign(liver_pfs_months=c.liver_pfs_months.where(np.arange(24) != 5))
    yield "a patient treated before the metastasis", lambda c: c.assign(
        os_liver_metastasis_months=c.os_treatment_months - 0.5)
    yield "a patient missing", lambda c: c.iloc[1:]


@pytest.mark.parametrize("corrupt", [pytest.param(change, id=name) for name, change in corruptions()])
def test_a_corrupted_cohort_is_refused(ensemble, ledger, corrupt):
    number = int(ensemble.cohort[ensemble.tier == "tolerant"].iloc[0])
    cohort = ensemble[ensemble.cohort == number].reset_index(drop=True)
    assert ensemble_verify.faults_of(cohort, ledger) == []
    assert ensemble_verify.faults_of(corrupt(cohort), ledger) != []


def test_a_tolerant_cohort_does_not_pass_for_an_exact_one(ensemble, ledger):
    cohort = ensemble[ensemble.tier == "tolerant"].groupby("cohort").get_group(
        ensemble.cohort[ensemble.tier == "tolerant"].iloc[0])
    assert ensemble_verify.faults_of(cohort.assign(tier="exact"), ledger) != []


def test_verifying_a_corrupted_file_fails_and_names_the_cohort(ensemble, tmp_path, capsys):
    few = ensemble[ensemble.cohort.isin([0, 1])].copy()
    few.loc[few.cohort == 1, "os_treatment_months"] *= 1.5
    few.to_parquet(tmp_path / "few.parquet")
    assert ensemble_verify.report(tmp_path / "few.parquet") == 1
    out = capsys.readouterr().out
    assert "cohort 1:" in out and "1 of 2 cohorts agree" in out


def test_frequent_orders_are_thinned_and_too_few_cohorts_refused(ensemble):
    one = ensemble[ensemble.cohort == ensemble.cohort[ensemble.tier == "tolerant"].iloc[0]]
    copies = [one.assign(cohort=number) for number in range(5)]
    with pytest.raises(ExecutorError, match="1 tolerant cohorts"):
        assemble([pd.concat(copies)], n_tolerant=50)


def test_orders_take_turns_within_a_seed():
    chosen = spread(["Dc"] * 8 + ["cD"] * 2, 4, np.random.default_rng(0))
    assert sum(place < 8 for place in chosen) == 2 and chosen == sorted(chosen)


# -- diversity -------------------------------------------------------------------------------------------------


def test_cohorts_of_different_sizes_have_no_common_statistics(ensemble):
    """Two rows fewer here and two more there leave the total a multiple of the number of cohorts."""
    three = ensemble[ensemble.cohort.isin(sorted(ensemble.cohort.unique())[:3])]
    first, second = sorted(three.cohort.unique())[:2]
    uneven = three.assign(cohort=three.cohort.mask(three.index.isin(three.index[three.cohort == first][:2]), second))
    with pytest.raises(ValueError, match="not all of one size"):
        unpublished_statistics(uneven)


def test_unpublished_statistics_are_those_of_lifelines(ensemble):
    cohort = ensemble[ensemble.cohort == 0]
    found = unpublished_statistics(cohort).iloc[0]
    curve = KaplanMeierFitter().fit(cohort.os_treatment_months, cohort.died)
    assert found.os_12_months == pytest.approx(curve.predict(12.0))
    assert found.os_24_months == pytest.approx(curve.predict(24.0))
    assert found.rmst_24_months == pytest.approx(restricted_mean_survival_time(curve, t=24.0))
    beads = cohort[cohort.first_treatment == "DEB-TACE"]
    assert found.median_os_deb_tace_months == pytest.approx(
        KaplanMeierFitter().fit(beads.os_treatment_months, beads.died).median_survival_time_)
    assert found.reverse_km_follow_up_months == pytest.approx(
        KaplanMeierFitter().fit(cohort.os_treatment_months, ~cohort.died).median_survival_time_)


def test_variance_ratio_is_scipys_f_and_icc_is_near_what_was_put_in():
    rng = np.random.default_rng(4)
    seeds = np.repeat(np.arange(200), 10)
    values = rng.normal(0, 1, 200)[seeds] + rng.normal(0, 2, 2000)
    table = pd.DataFrame({name: values for name in STATISTICS} | {"tier": "tolerant", "seed": seeds})
    row = seed_spread(table).iloc[0]
    assert row.variance_ratio == pytest.approx(f_oneway(*(values[seeds == seed] for seed in range(200))).statistic)
    assert row.icc == pytest.approx(1 / 5, abs=0.06)  # 1 of 1 + 4


def test_counts_of_orders_by_hand():
    def cohort(number, events, seed):
        return pd.DataFrame({"cohort": number, "tier": "tolerant", "seed": seed,
                             "os_treatment_months": range(len(events)), "died": [event == "D" for event in events]})

    table = order_counts(pd.concat([cohort(0, "DcD", 1), cohort(1, "DcD", 2), cohort(2, "DDc", 2), cohort(3, "cDD", 2)]))
    assert table.loc["tolerant"].tolist() == [4, 2, 3, 0.5]
