"""What chapter 0 shows of the search, and the switches it lists: against lifelines, hand counts and the committed files."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from lib import reconstruction_tables as tables
from lib.cohort import DAYS_PER_MONTH, read_cohort
from lib.figures.reconstruction import in_words
from lib.published import read_ledger
from lib.reconstruct import ambiguities, story
from lib.reconstruct.alternatives import FILE as ALTERNATIVES
from lib.reconstruct.constraints import survival_constraints
from lib.reconstruct.enumeration import FILE as EXACT_ORDERS
from lib.reconstruct.sampler import Tolerance, constraint_arrays, trial_constraints
from lib.reconstruct.search import MOST_JOINT_READINGS, bounded_order, order_bits


@pytest.fixture(scope="module")
def ledger():
    return read_ledger()


@pytest.fixture(scope="module")
def constraints(ledger):
    return survival_constraints(ledger)


@pytest.fixture(scope="module")
def orders():
    return pd.read_csv(EXACT_ORDERS)


@pytest.fixture(scope="module")
def solutions(orders, constraints):
    return ambiguities.solutions_of(orders.order[0], constraints)


# -- the search ------------------------------------------------------------------------------------------


def test_an_order_is_read_from_times():
    assert story.order_of_times(np.array([3.0, 1.0, 2.0]), np.array([True, False, True])) == "cDD"
    assert order_bits("cDD") == 0b110


def test_the_shipped_cohort_has_an_exact_order(orders):
    patients = read_cohort("reference").patients
    order = story.order_of_times(patients.os_treatment_months.to_numpy(), patients.died.to_numpy())
    assert orders.n_feasible_readings[orders.order == order].tolist() != [0]


def test_labellings_start_from_the_binomial_coefficients_and_only_shrink(orders, constraints):
    steps = story.labellings_left(orders.order[0], constraints)
    # 15 with disease outside the liver, 8 with increased MELD, 11 treated early, 10 responders
    assert steps.labellings[0] == pytest.approx(comb(24, 15) * comb(24, 8) * comb(24, 11) * comb(24, 10))
    assert (steps.labellings.diff()[1:] <= 0).all() and steps.labellings.iloc[-1] > 0


def test_an_order_without_labellings_ends_there(constraints):
    # seventeen deaths first: nobody is left for the printed median of 24 months
    steps = story.labellings_left("D" * 17 + "c" * 7, constraints)
    assert steps.labellings.iloc[-1] == 0


def test_readings_with_times_are_those_of_the_enumeration(orders, constraints):
    for row in orders.itertuples():
        assert len(ambiguities.solutions_of(row.order, constraints)) == row.n_feasible_readings


def test_no_list_of_joint_readings_was_cut_short(orders):
    assert orders.n_joint_readings.max() < MOST_JOINT_READINGS


def test_exact_ranges_hold_the_shipped_cohort(solutions, constraints):
    ranges = story.time_ranges(solutions)
    months = np.sort(read_cohort("reference").patients.os_treatment_months)
    assert ((months >= ranges.earliest - 1e-6) & (months <= ranges.latest + 1e-6)).all()
    # 2.5 and 44.9 months of follow-up are printed to a tenth
    assert (ranges.earliest[0], ranges.latest[0]) == pytest.approx((2.45, 2.55))
    assert (ranges.earliest.iloc[-1], ranges.latest.iloc[-1]) == pytest.approx((44.85, 44.95))


def test_drawn_ranges_are_the_middle_of_the_cohorts():
    table = pd.DataFrame({"tier": "tolerant", "cohort": np.repeat(np.arange(201), 2),
                          "os_treatment_months": np.column_stack([np.arange(201) + 1000, np.arange(201)]).ravel()})
    ranges = story.drawn_ranges(table, "tolerant")
    assert ranges.low.tolist() == [5, 1005] and ranges.high.tolist() == [195, 1195]


def test_a_walk_repeats_itself_and_comes_nearer(ledger):
    trial = trial_constraints(ledger)
    one, again, other = (story.walk_trace(trial, Tolerance(), seed, 60) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
    assert (one.least.diff()[1:] <= 0).all() and (one.least <= one.coldest + 1e-9).all()
    assert one.least.iloc[-1] < one.least.iloc[0] / 3


# -- the switches ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_wald_statistic_agrees_with_lifelines(seed):
    rng = np.random.default_rng(seed)
    months, died, members = np.sort(rng.exponential(10, 24)), rng.random(24) < 0.7, rng.permutation(24) < 10
    frame = pd.DataFrame({"months": months, "died": died, "member": members.astype(float)})
    fitted = CoxPHFitter().fit(frame, "months", "died", fit_options={"precision": 1e-10})
    assert ambiguities.wald_z(died, members) == pytest.approx(fitted.summary.z.iloc[0], abs=1e-6)


def test_an_infinite_estimate_has_no_wald_statistic():
    died = np.array([True, True, True, False, False, False])
    assert ambiguities.wald_z(died, died.copy()) == 0


def test_wald_readings_give_the_printed_p_by_lifelines(orders, constraints):
    comparison, found = constraints.comparisons[1], 0
    order = bounded_order(order_bits(orders.order[0]), constraints, exhaustive=True)
    readings, _ = ambiguities.readings_by_test(order, comparison, "Cox, Wald")
    for reading in readings[:5]:
        members = np.array([bool(reading.labels[0] >> place & 1) for place in range(24)])
        frame = pd.DataFrame({"months": np.arange(1.0, 25), "died": order.died, "member": members.astype(float)})
        fitted = CoxPHFitter().fit(frame, "months", "died", fit_options={"precision": 1e-10})
        assert fitted.summary.p.iloc[0] in comparison.p_value
        found += 1
    assert found


def test_tenths_of_days_exist_where_whole_days_do_not(solutions):
    best = max(solutions, key=lambda each: each.room)
    tenths = ambiguities.whole_days(best, 10 * DAYS_PER_MONTH)
    assert all(reading.row.median.lower <= tenths[reading.median] / (10 * DAYS_PER_MONTH) < reading.row.median.upper
               for reading in best.readings)
    assert ambiguities.whole_days(best, DAYS_PER_MONTH) is None


def test_the_file_of_switches_has_each_combination():
    table = pd.read_csv(ambiguities.FILE)
    assert list(table.columns) == list(ambiguities.COLUMNS)
    assert list(zip(table.test, table.days_of_a_month)) == [(test, unit) for test in ambiguities.TESTS for unit in ambiguities.MONTHS_OF_DAYS]
    assert "impossible" not in set(table.verdict[table.test == "Cox, Wald"])
    by_rank = table[table.test == "log-rank"].drop(columns="test").reset_index(drop=True)
    pd.testing.assert_frame_equal(by_rank, table[table.test == "Cox, score"].drop(columns="test").reset_index(drop=True))


def test_the_log_rank_rows_of_that_file_are_what_the_programmes_say(orders, constraints):
    found = [each for order in orders.order[orders.n_feasible_readings > 0] for each in ambiguities.solutions_of(order, constraints)]
    fresh = ambiguities.combinations({"log-rank": found}, {"log-rank": 305_773})
    kept = pd.read_csv(ambiguities.FILE)
    pd.testing.assert_frame_equal(fresh, kept[kept.test == "log-rank"].reset_index(drop=True))


# -- tables and sentences --------------------------------------------------------------------------------


def test_demands_count_each_place_once(ledger):
    results = ledger[ledger.expected.isin(["reproduced", "differs"])]
    table = tables.demands(ledger)
    assert table["Places printed"].sum() == len(results)
    assert table["Given up"].sum() == (ledger.expected == "differs").sum()


def test_a_file_that_is_missing_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "DATA", tmp_path)
    table, sentence = tables.read_made("proofs.csv", "python -m lib.reconstruct.proofs")
    assert table is None
    assert sentence == "`data/proofs.csv` is not there, so this is not shown; `python -m lib.reconstruct.proofs` makes it."


@pytest.mark.parametrize("count, said", [(304, "304"), (15120, "15,120"), (4.7e24, "4.7 × 10²⁴")])
def test_numbers_beyond_reading_are_powers_of_ten(count, said):
    assert in_words(count) == said


def test_alternatives_are_told_from_what_was_only_not_found():
    others = pd.DataFrame({"given_up": ["nothing", "os_treatment.upper", "follow_up.max"], "verdict": ["impossible"] * 3})
    said = tables.alternatives_sentence(others, "os_treatment.meld_change.increased.upper", "21.4", "MELD")
    assert said.endswith("of these figures it is the only single one whose loss makes all others possible. Printed counts were not given up, "
                         "and times were taken as distinct.")
    others.loc[1, "verdict"] = "not found"
    said = tables.alternatives_sentence(others, "os_treatment.meld_change.increased.upper", "21.4", "MELD")
    assert "for Survival from treatment: upper limit no exact cohort was found, which is no proof." in said
    others.loc[1, "verdict"] = "possible"
    said = tables.alternatives_sentence(others, "os_treatment.meld_change.increased.upper", "21.4", "MELD")
    assert "makes the rest possible for Survival from treatment: upper limit." in said and "only single" not in said


def test_whole_days_are_said_to_fail_only_where_no_month_length_is_left():
    rows = [(test, unit, verdict) for test, verdict in (("log-rank", "impossible"), ("Cox, score", "impossible"), ("Cox, Wald", "not found"))
            for unit in ("any", "30")]
    table = pd.DataFrame(rows, columns=["test", "days_of_a_month", "verdict"])
    table.loc[[0, 2], "verdict"] = "possible"
    said = tables.ambiguities_sentences(table)
    assert "**1 of 4** combinations leaves exact cohorts: the log-rank (or score) test with times that need not be whole days." in said
    assert "**none** of the 1 lengths" in said and "by the Wald test none was found, which is no proof" in said and "fractions of a day" in said
    table.loc[[1, 3], "verdict"] = "possible"
    said = tables.ambiguities_sentences(table)
    assert "**2 of 4**" in said and "whole days, 30 to a month" in said and "fractions of a day" not in said


def test_the_exact_tier_says_which_exact_orders_it_lacks():
    ensemble = pd.DataFrame({"cohort": [0, 0, 1, 1], "tier": ["exact"] * 2 + ["tolerant"] * 2, "seed": 1,
                             "os_treatment_months": [1.0, 2.0] * 2, "died": [True, False, False, True]})
    assert tables.exact_tier_note(ensemble, ["Dc", "cD"]).startswith("The exact tier has 1 of the 2 orders with exact times: on the others")
    assert tables.exact_tier_note(ensemble, ["Dc"]) == "The exact tier has 1 of the 1 orders with exact times."


@pytest.mark.parametrize("name, inside", [("Survival, MELD: upper limit", "survival, MELD: upper limit"), ("MELD change", "MELD change"), ("mRECIST", "mRECIST")])
def test_acronyms_keep_their_capitals_inside_a_sentence(name, inside):
    assert tables.inside_sentence(name) == inside


def test_every_alternative_has_a_row_in_the_table():
    kept = pd.read_csv(ALTERNATIVES)
    assert len(tables.alternatives_shown(kept)) == len(kept)


def test_shares_below_the_aim_are_called_too_narrow():
    shares = pd.DataFrame({"coverage": [0.7, 0.95], "within_aim": [False, True]})
    said = tables.coverage_sentence(shares)
    assert said.startswith("**1 of 2** shares are within the aim of 90 to 99%; they run from 70 to 95%.") and "too narrow" in said
    assert "too narrow" not in tables.coverage_sentence(shares.iloc[1:])


@pytest.mark.parametrize("shares, says", [
    # of ten truths that the walks agree on, ten or eight lie inside; of two they do not agree on, one
    ([0.5] * 10 + [0.5, 1.0], ["10/12 (83.3%) of the comparisons", "held the truth in 10/10 (100.0%), where they do not in 1/2", "agreeing walks give a share within the aim"]),
    ([0.5] * 8 + [0.0, 1.0] + [0.5, 1.0], ["held the truth in 8/10 (80.0%)", "longer walks alone would not mend it"])])
def test_disagreeing_walks_are_told_from_a_wrong_assumption(shares, says):
    calibration = pd.DataFrame({"share_below": shares, "share_up_to": shares, "r_hat": [1.0] * 9 + [1.1, 1.2, float("inf")]})
    said = tables.walks_sentence(pd.concat([calibration, calibration.assign(r_hat=float("nan"))]))
    assert all(words in said for words in says)


def test_impossible_claims_come_first():
    proofs = pd.DataFrame({"claim": list("abc"), "verdict": ["possible", "impossible", "not found"], "method": "", "evidence": ""})
    assert tables.proofs_shown(proofs).Claim.tolist() == ["b", "c", "a"]


def test_constraint_arrays_count_the_figures_of_the_walk(ledger):
    rows, z_ends, follow_up, _ = constraint_arrays(trial_constraints(ledger), Tolerance())
    assert rows.shape == (9, 6) and z_ends.shape == (4, 2) and follow_up.shape == (6,)
