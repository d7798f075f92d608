"""Trials with known patients, what is printed of them, and how the truth is placed among reconstructions.

Expected values come from counting by hand, from lifelines, and from the design of the simulation.
"""

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy.stats import beta

from lib.reconstruct.calibration import AIM, FILE, MEASURES, N_TRIALS, SECONDS, SEED, calibrate, coverage, main, placed
from lib.reconstruct.constraints import GROUPINGS
from lib.reconstruct.diversity import STATISTICS, split_r_hat
from lib.reconstruct.sampler import Tolerance, constraint_arrays, trial_constraints
from lib.reconstruct.scoring import misfit
from lib.reconstruct.simulated import CENSORING, HAZARDS, printed_of, simulated_trial


@pytest.fixture(scope="module")
def calibration():
    assert FILE.exists(), "data/calibration.csv is not there: make calibrate makes it"
    return pd.read_csv(FILE)


# -- simulated trials ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(24))
def test_a_trial_agrees_with_what_is_printed_of_it(number):
    """The figures come from plain Python and lifelines, the misfit from the sampler's kernel."""
    patients = simulated_trial(number, 7)
    arrays = constraint_arrays(trial_constraints(printed_of(patients)), Tolerance(0.0, 0.002))
    labels = np.array([patients[grouping.flag].to_numpy(bool) for grouping in GROUPINGS])
    assert misfit(patients.os_treatment_months.to_numpy(), patients.died.to_numpy(bool), labels, *arrays) == 0.0


def test_hazards_and_censoring_patterns_take_turns_and_sizes_vary():
    trials = [simulated_trial(number, SEED) for number in range(24)]
    assert len({(trial.attrs["hazard"], trial.attrs["censoring"]) for trial in trials}) == len(HAZARDS) * len(CENSORING)
    assert min(map(len, trials)) >= 15 and max(map(len, trials)) <= 60 and len(set(map(len, trials))) > 10


def test_printed_figures_have_the_papers_format():
    printed = printed_of(simulated_trial(3, SEED)).set_index("quantity").printed
    patients = simulated_trial(3, SEED)
    median = KaplanMeierFitter().fit(patients.os_treatment_months, patients.died).median_survival_time_
    assert abs(float(printed["os_treatment.median"]) - median) <= 0.5 and printed["os_treatment.median"].isdigit()
    assert all(len(printed[name].partition(".")[2]) == 1 for name in printed.index if name.endswith((".lower", ".upper")))
    assert all(len(printed[name].partition(".")[2]) == 3 for name in printed.index if name.endswith(".p"))


def test_liver_progression_is_seen_by_treatment_and_responders_do_not_progress_at_the_visit():
    for number in range(12):
        patients = simulated_trial(number, SEED)
        assert (patients.liver_pfs_months <= patients.os_treatment_months).all()
        assert not (patients.mrecist_pd_month_3 & patients.mrecist_responder).any()
        censored = patients[~patients.liver_progressed]
        assert (censored.liver_pfs_months == censored.os_treatment_months).all()


# -- placing the truth -----------------------------------------------------------------------------------------


def test_a_truth_is_placed_by_counting():
    drawn = np.array([1.0, 2.0, 2.0, np.inf, np.nan])
    assert placed(2.0, drawn) == {"low": 1.0, "middle": 2.0, "high": np.inf, "share_below": 0.25, "share_up_to": 0.75}
    assert placed(np.inf, drawn)["share_up_to"] == 1.0
    assert np.isnan(placed(2.0, np.array([np.nan]))["low"])


def test_coverage_counts_the_truths_inside_the_range():
    rng = np.random.default_rng(5)
    rows = []
    for trial in range(40):
        drawn = rng.integers(0, 30, 101).astype(float)
        truth = float(rng.integers(-3, 33))
        rows.append({"measure": "prior", "statistic": "x", "truth": truth} | placed(truth, drawn))
    rows.append({"measure": "prior", "statistic": "x", "truth": 1.0} | placed(1.0, np.array([])))
    table = pd.DataFrame(rows)
    n_inside = int(((table.truth >= table.low) & (table.truth <= table.high)).sum())
    found = coverage(table).iloc[0]
    assert (found.n_trials, found.n_reconstructed, found.n_inside) == (41, 40, n_inside)
    assert found.lower == pytest.approx(beta.ppf(0.025, n_inside, 41 - n_inside))
    assert found.within_aim == (AIM[0] <= n_inside / 40 <= AIM[1])


@pytest.mark.parametrize(("chains", "expected"), [
    ([[1, 2, 3, 5], [2, 4, 4, 8]], 1.377677246360455),
    ([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8], [9, 7, 9, 3, 2, 3]], 1.1454509151195158)])
def test_split_r_hat_is_that_of_arviz(chains, expected):
    """arviz 0.20.0: rhat(numpy.array(chains, float), method="z_scale")."""
    assert split_r_hat([np.array(chain, float) for chain in chains]) == pytest.approx(expected, abs=1e-12)


def test_split_r_hat_ranks_infinite_medians_and_knows_where_nothing_can_be_compared():
    chains = [[1, 2, 3, 9], [2, 4, 4, 9]]
    infinite = [[np.inf if value == 9 else value for value in chain] for chain in chains]
    assert split_r_hat([*map(np.array, infinite)]) == split_r_hat([*map(np.array, chains)])
    assert np.isnan([split_r_hat([]), split_r_hat([np.arange(9.0)]), split_r_hat([np.arange(9.0), np.arange(3.0)]),
                     split_r_hat([np.ones(8), np.ones(8)])]).all()
    assert split_r_hat([np.ones(8), np.full(8, 2.0)]) == np.inf


def test_a_few_trials_are_reconstructed_and_a_foreign_truth_lies_outside():
    # small trials are the quick ones
    numbers = [number for number in range(60) if len(simulated_trial(number, SEED)) <= 21][:3]
    table = pd.concat([calibrate(f"trial-{number:04d}", SEED, 0.5) for number in numbers], ignore_index=True)
    assert (table.groupby("measure").size() == pd.Series({"ensemble": 3 * len(STATISTICS), "prior": 3 * (len(STATISTICS) - 1)})).all()
    own = coverage(table, by=("measure",))
    assert (own.n_reconstructed >= own.n_trials - len(numbers)).all()
    # the same ranges judged by another trial's truth; walks this short are too short for 95 in 100
    shifted = table.assign(truth=table.groupby(["measure", "statistic"]).truth.transform(np.roll, 1))
    assert own.coverage.min() > 0.5 > shifted.truth.between(shifted.low, shifted.high).mean()


def test_the_command_writes_the_table_and_goes_on_from_what_is_there(tmp_path, capsys):
    arguments = ["--trials", "1", "--seconds", "0.05", "--found", str(tmp_path / "found"), "--out", str(tmp_path / "out.csv")]
    assert main(arguments) == 0 and main(arguments) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert table.trial.unique().tolist() == [0] and set(table.measure) == set(MEASURES)
    assert capsys.readouterr().err.count("1 of 1") == 1


# -- the committed table ---------------------------------------------------------------------------------------


def test_the_committed_table_holds_every_trial(calibration):
    assert sorted(calibration.trial.unique()) == list(range(N_TRIALS))
    assert set(calibration.statistic) == set(STATISTICS)
    for number in range(0, N_TRIALS, 10):
        patients = simulated_trial(number, SEED)
        row = calibration[calibration.trial == number].iloc[0]
        assert (row.n, row.n_died, row.hazard) == (len(patients), patients.died.sum(), patients.attrs["hazard"])


def test_a_trial_of_the_committed_table_comes_out_again(calibration):
    again = calibrate("trial-0009", SEED, SECONDS)
    written = calibration[(calibration.trial == 9) & calibration.measure.isin(MEASURES)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, written, rtol=1e-4, check_dtype=False)
