"""The search for a survival skeleton: intervals, kernels, linear programmes, and the exact result.

Expected values come from hand calculations, lifelines, statsmodels, scipy's shortest paths, brute-force
enumeration of small cohorts, and the ledger.
"""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lifelines.statistics import logrank_test
from scipy.sparse.csgraph import floyd_warshall
from scipy.stats import chi2
from statsmodels.duration.survfunc import SurvfuncRight

from lib.cohort import DAYS_PER_MONTH
from lib.published import read_ledger
from lib.reconstruct import kernels
from lib.reconstruct.constraints import (GROUPINGS, ConstraintError, GroupComparison, Interval, MedianRow, misfits,
                                         printed_interval, survival_constraints, survival_figures)
from lib.reconstruct.search import (SKELETON_COLUMNS, Order, SearchError, bounded_order, complete_clocks,
                                    find_skeleton, label_readings, possible_orders, solutions)
from lib.reconstruct.times import (CUT_DISTANCE_MONTHS, Reading, TimesProgramme, clock_months, on_grid, reading_of)

SEED = 10
ANYTHING = Interval()


@pytest.fixture(scope="module")
def ledger():
    return read_ledger()


@pytest.fixture(scope="module")
def constraints(ledger):
    return survival_constraints(ledger)


@pytest.fixture(scope="module")
def skeleton(ledger):
    return find_skeleton(SEED, ledger)


def edited(ledger, quantity, printed):
    """The ledger with another string printed everywhere for one quantity."""
    changed = ledger.copy()
    changed.loc[changed.quantity == quantity, "printed"] = printed
    return changed


def random_order(rng, n):
    """Flags, labels and ascending times without ties."""
    return rng.random(n) < 0.7, rng.random(n) < 0.5, np.cumsum(rng.uniform(0.1, 2, n))


# -- the ledger's intervals ------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, lower_limit, lower, upper", [
    ("9", False, 8.5, 9.5),
    ("0.763", False, 0.7625, 0.7635),
    ("22.9", True, 22.85, 22.95),
    ("0", True, -math.inf, 0.5),
    ("0.0", True, -math.inf, 0.05),
    ("0", False, -0.5, 0.5),
    ("Nineteen", False, 18.5, 19.5),
])
def test_printed_string_stands_for_its_rounding_interval(text, lower_limit, lower, upper):
    interval = printed_interval(text, lower_limit=lower_limit)
    assert (interval.lower, interval.upper) == pytest.approx((lower, upper))


def test_interval_excludes_its_upper_end():
    assert 8.5 in Interval(8.5, 9.5) and 9.5 not in Interval(8.5, 9.5)


def test_limits_narrow_the_printed_median_to_their_middle(constraints):
    # 27 (22.9-31.0): the middle of the limits lies between (22.85 + 30.95) / 2 and (22.95 + 31.05) / 2
    median = constraints.rows["os_liver_metastasis"].median
    assert (median.lower, median.upper) == pytest.approx((26.90, 27.00))


def test_a_figure_expected_to_differ_does_not_bind(constraints):
    increased = next(each for each in constraints.comparisons if each.grouping.flag == "meld_increased")
    assert increased.rows[1].upper == ANYTHING
    assert (increased.p_value.lower, increased.p_value.upper) == pytest.approx((0.1425, 0.1435))


def test_shortest_follow_up_is_the_first_whole_day_that_prints_as_the_ledger_says(constraints):
    # 2.45 months are 74.57 days
    assert constraints.shortest_day == 75
    assert 74 / DAYS_PER_MONTH < 2.45 <= 75 / DAYS_PER_MONTH < 2.55


def test_longest_time_lies_in_the_last_interval_of_the_axis(constraints):
    assert (constraints.longest_diagnosis.lower, constraints.longest_diagnosis.upper) == (200, 250)


@pytest.mark.parametrize("quantity, printed, message", [
    ("os_diagnosis.upper", "90.0", r"os_diagnosis\.median, \.lower and \.upper contradict each other"),
    ("survival_status.alive.count", "8", r"do not add up to cohort\.n"),
    ("meld_change.not_increased.count", "15", r"meld_change\.not_increased\.count is 15"),
    ("follow_up.max", "21.0", r"extrahepatic_disease\.no\.median lies outside the range of follow-up"),
])
def test_a_ledger_that_contradicts_itself_is_refused_by_name(ledger, quantity, printed, message):
    with pytest.raises(ConstraintError, match=message):
        survival_constraints(edited(ledger, quantity, printed))


def test_one_quantity_printed_twice_in_conflict_is_refused_with_both_places(ledger):
    changed = ledger.copy()
    changed.loc[changed.index[changed.quantity == "follow_up.median"][0], "place"] = "Here"
    twin = changed[changed.place == "Here"].assign(place="There", printed="9.6")
    with pytest.raises(ConstraintError, match=r"9\.4 \(Here\); 9\.6 \(There\)"):
        survival_constraints(pd.concat([changed, twin], ignore_index=True))


def test_a_missing_row_is_named(ledger):
    with pytest.raises(ConstraintError, match=r"prints no follow_up\.max"):
        survival_constraints(ledger[ledger.quantity != "follow_up.max"])


# -- kernels: rows and tests from an order alone ----------------------------------------------------------------

def test_spss_interval_of_24_uncensored_times_matches_hand_calculation():
    # S(12) = 12/24; last S >= 0.55 at 10 (14/24), first S <= 0.45 at 14 (10/24); SE = sqrt(0.25/24) / ((4/24)/4)
    row = MedianRow("hand", ANYTHING, ANYTHING, ANYTHING)
    reading = reading_of(row, np.ones(24, dtype=bool))
    assert (reading.median + 1, reading.above + 1, reading.below + 1) == (12, 10, 14)
    half = reading.width * (14 - 10)
    assert half == pytest.approx(1.959964 * math.sqrt(0.25 / 24) * 24, abs=1e-6)
    assert (12 - half, 12 + half) == pytest.approx((7.2, 16.8), abs=0.05)


@pytest.mark.parametrize("seed", range(40))
def test_row_is_read_where_statsmodels_curve_says(seed):
    rng = np.random.default_rng(seed)
    died, members, months = random_order(rng, int(rng.integers(8, 40)))
    position, spread = np.zeros(3, np.int64), np.zeros(1)
    found = kernels.read_row(died, members, True, position, spread)
    if not died[members].any():
        assert not found
        return
    curve = SurvfuncRight(months[members], died[members])
    survival, error, times = curve.surv_prob, curve.surv_prob_se, curve.surv_times
    below, above, median = (np.flatnonzero(each) for each in (
        survival <= 0.45 + 1e-9, survival >= 0.55 - 1e-9, survival <= 0.5 + 1e-9))
    if not (len(below) and len(above)) or survival[median[0]] == 0:
        assert not found
        return
    assert found
    assert list(months[position]) == [times[median[0]], times[above[-1]], times[below[0]]]
    assert spread[0] == pytest.approx(error[median[0]] / (survival[above[-1]] - survival[below[0]]), rel=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_log_rank_agrees_with_lifelines(seed):
    rng = np.random.default_rng(1000 + seed)
    died, members, months = random_order(rng, int(rng.integers(8, 40)))
    expected = logrank_test(months[members], months[~members], died[members], died[~members])
    assert chi2.sf(kernels.log_rank_chi_square(died, members), 1) == pytest.approx(expected.p_value, abs=1e-9)


def test_log_rank_of_one_group_or_no_deaths_is_zero():
    flags = np.array([True, False, True])
    assert kernels.log_rank_chi_square(flags, np.ones(3, dtype=bool)) == 0
    assert kernels.log_rank_chi_square(np.zeros(3, dtype=bool), flags) == 0


def test_row_without_deaths_or_patients_cannot_be_read():
    row = MedianRow("none", ANYTHING, ANYTHING, ANYTHING)
    assert reading_of(row, np.zeros(5, dtype=bool)) is None
    assert reading_of(row, np.ones(5, dtype=bool), np.zeros(5, dtype=bool)) is None
    assert reading_of(row, np.ones(1, dtype=bool)) is None


def test_score_ranges_match_brute_force():
    died = np.array([True, False, True, True, False, True])
    scores, least, greatest = kernels.score_ranges(died)
    # first patient: 1 - 1/6; second, censored: -1/6; third: 1 - 1/6 - 1/4
    assert scores[:3] == pytest.approx([5 / 6, -1 / 6, 7 / 12])
    assert scores.sum() == pytest.approx(0, abs=1e-12)
    for start, many in itertools.product(range(6), range(1, 4)):
        sums = [sum(each) for each in itertools.combinations(scores[start:], many)]
        if sums:
            assert (least[start, many], greatest[start, many]) == pytest.approx((min(sums), max(sums)))


# -- kernels: bounds on differences of times --------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(10))
def test_bounds_stay_closed_like_scipy_shortest_paths(seed):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([[0.0], np.cumsum(rng.uniform(0, 3, 7))])
    bounds, edges = np.full((8, 8), 1e6), np.full((8, 8), np.inf)
    np.fill_diagonal(bounds, 0)
    for i, j in rng.integers(0, 8, (25, 2)):
        limit = truth[j] - truth[i] + rng.uniform(0, 2)
        if i != j:
            assert kernels.tighten(bounds, i, j, limit)
            edges[i, j] = min(edges[i, j], limit)
    closed = floyd_warshall(edges)
    assert np.where(bounds > 1e5, np.inf, bounds) == pytest.approx(closed)


def test_contradicting_bounds_are_refused():
    bounds = kernels.start_bounds(4, 0.1, 2.5, 2.5, 40.0, 41.0, 9.0, 10.0)
    assert not kernels.tighten(bounds.copy(), 1, 4, 30.0)
    assert kernels.tighten(bounds.copy(), 1, 4, 38.0)


# -- the enumeration of labellings, held to brute force on a small cohort ---------------------------------------

N_SMALL, N_FLAGGED = 11, 5


@pytest.fixture(scope="module")
def small():
    """A known cohort of 11, what would be printed of it, and its bounds."""
    rng = np.random.default_rng(7)
    died = np.array([True, True, False, True, True, True, True, False, True, True, True])
    members = np.isin(np.arange(N_SMALL), [1, 3, 4, 8, 9])
    months = on_grid(np.cumsum(rng.uniform(1, 4, N_SMALL)))
    rows = []
    for flag in (False, True):
        reading = reading_of(MedianRow("truth", ANYTHING, ANYTHING, ANYTHING), died, members == flag)
        median, half = months[reading.median], reading.width * (months[reading.below] - months[reading.above])
        rows.append(MedianRow("truth", *(Interval(each - 0.5, each + 0.5)
                                         for each in (median, median - half, median + half))))
    p_value = logrank_test(months[members], months[~members], died[members], died[~members]).p_value
    comparison = GroupComparison(GROUPINGS[0], N_FLAGGED, tuple(rows), Interval(p_value - 0.03, p_value + 0.03))
    bounds = kernels.start_bounds(N_SMALL, 0.1, months[0], months[0], months[-1] - 0.5, months[-1] + 0.5,
                                  months[5] - 0.5, months[5] + 0.5)
    return died, members, months, comparison, bounds


def times_exist(small, members):
    """The slow check: lifelines' P, and the linear programme on both rows."""
    died, _, months, comparison, _ = small
    p_value = logrank_test(months[members], months[~members], died[members], died[~members]).p_value
    if not comparison.p_value.lower <= p_value <= comparison.p_value.upper:
        return False
    readings = [reading_of(row, died, members == flag) for row, flag in zip(comparison.rows, (False, True))]
    if None in readings:
        return False
    lower, upper = np.full(N_SMALL, months[0]), np.full(N_SMALL, months[-1] + 0.5)
    upper[0], lower[-1] = months[0], months[-1] - 0.5
    return TimesProgramme(lower, upper, readings, Interval(months[5] - 0.5, months[5] + 0.5)).widest_room() > 0


def test_enumeration_finds_every_labelling_brute_force_finds(small):
    died, truth, months, comparison, bounds = small
    readings, _ = label_readings(Order(died, bounds), comparison)
    found = {label for reading in readings for label in reading.labels}
    expected = set()
    for chosen in itertools.combinations(range(N_SMALL), N_FLAGGED):
        if times_exist(small, np.isin(np.arange(N_SMALL), chosen)):
            expected.add(sum(1 << each for each in chosen))
    assert sum(1 << int(each) for each in np.flatnonzero(truth)) in expected
    assert expected <= found
    assert len(found) < math.comb(N_SMALL, N_FLAGGED)


def test_enumeration_accepts_only_labellings_with_the_printed_p(small):
    died, _, months, comparison, bounds = small
    readings, _ = label_readings(Order(died, bounds), comparison)
    for reading in readings:
        for label in reading.labels:
            members = (label >> np.arange(N_SMALL)) & 1 == 1
            p_value = logrank_test(months[members], months[~members], died[members], died[~members]).p_value
            assert comparison.p_value.lower - 1e-9 <= p_value <= comparison.p_value.upper + 1e-9
            assert members.sum() == N_FLAGGED
            for each, flag in zip(reading.readings(), (False, True)):
                alone = reading_of(each.row, died, members == flag)
                assert (each.median, each.above, each.below) == (alone.median, alone.above, alone.below)
                assert each.width == pytest.approx(alone.width)


def test_implied_bounds_contain_the_truth(small):
    died, _, months, comparison, bounds = small
    _, implied = label_readings(Order(died, bounds), comparison)
    nodes = np.concatenate([[0.0], months])
    assert (nodes[None, :] - nodes[:, None] <= implied + 1e-9).all()
    assert (implied <= bounds + 1e-9).all() and (implied < bounds - 1e-9).any()


# -- times ------------------------------------------------------------------------------------------------------

def test_programme_decides_whether_times_exist():
    # three deaths: median at the second, half width = width * (third - first)
    row = MedianRow("hand", Interval(4.95, 5.05), Interval(), Interval(9.95, 10.05))
    reading = Reading(row, 1, 0, 2, 0.5)
    lower, upper = np.array([2.0, 2.0, 2.0]), np.array([2.0, 30.0, 30.0])
    programme = TimesProgramme(lower, upper, [reading])
    assert programme.widest_room() == pytest.approx(1.0)
    # 5 + 0.5 * (third - 2) = 10 at the third time 12
    assert programme.nearest(np.array([2.0, 5.0, 11.0]), 1.0) == pytest.approx([2.0, 5.0, 12.0])
    # the third time is 2 + 2 * (10 +- 0.05 - second)
    earliest, latest = programme.extremes()
    assert earliest == pytest.approx([2.0, 4.95, 11.8]) and latest == pytest.approx([2.0, 5.05, 12.2])
    short = TimesProgramme(lower, np.array([2.0, 30.0, 11.0]), [reading])
    assert short.widest_room() < 0
    assert short.nearest(np.array([2.0, 5.0, 11.0]), 0.0) is None
    assert np.isnan(short.extremes()).all()


def test_grid_is_a_tenth_of_a_day():
    # 10.04 days are 0.329856 months; the nearest grid point is day 10.0
    assert on_grid(np.array([10.04 / DAYS_PER_MONTH]))[0] == round(10.0 / DAYS_PER_MONTH, 6)


def test_clock_that_cannot_reach_its_row_is_not_computed(constraints):
    nobody_lives_long = np.linspace(1.0, 20.0, 24)
    assert clock_months(constraints.rows["os_diagnosis"], np.ones(24, dtype=bool), nobody_lives_long,
                        nobody_lives_long + 1, nobody_lives_long[None, :]) is None


# -- orders -----------------------------------------------------------------------------------------------------

def test_orders_have_the_counts_and_come_earliest_median_first(constraints):
    orders = possible_orders(constraints, np.random.default_rng(1))
    assert len(set(orders)) == len(orders)
    assert {int(order).bit_count() for order in orders} == {constraints.n_died}
    medians = [reading_of(constraints.rows["os_treatment"], bounded_order(order, constraints).died).median
               for order in orders[::500]]
    assert medians == sorted(medians)
    # nobody censored among the first twelve, the other five deaths anywhere: 12 choose 5
    assert sum(order & 0xFFF == 0xFFF for order in orders) == math.comb(12, 5)


def test_too_many_orders_are_refused(constraints):
    with pytest.raises(SearchError, match="enumerates at most"):
        possible_orders(replace(constraints, n=60, n_died=30), np.random.default_rng(0))


# -- the result -------------------------------------------------------------------------------------------------

def test_skeleton_gives_every_survival_figure_of_the_ledger(skeleton, ledger):
    assert misfits(skeleton, ledger) == []
    checked = set(survival_figures(skeleton)) & set(ledger.quantity[ledger.expected == "reproduced"])
    # 12 medians, 24 limits but one, 4 P values, 3 figures of follow-up
    assert len(checked) == 12 + 23 + 4 + 3


def test_skeleton_has_the_printed_counts(skeleton, constraints):
    assert list(skeleton.columns) == list(SKELETON_COLUMNS)
    assert len(skeleton) == constraints.n and skeleton.died.sum() == constraints.n_died
    for comparison in constraints.comparisons:
        assert skeleton[comparison.grouping.flag].sum() == comparison.n_flagged
    assert skeleton.mrecist_pd_month_3.sum() == constraints.n_progressed_at_visit
    assert not (skeleton.mrecist_pd_month_3 & skeleton.mrecist_responder).any()


def test_clocks_nest_and_gaps_lie_on_their_side_of_the_cut(skeleton, constraints):
    gap = skeleton.os_liver_metastasis_months - skeleton.os_treatment_months
    assert (gap >= 0).all() and (skeleton.os_diagnosis_months >= skeleton.os_liver_metastasis_months).all()
    assert ((gap <= constraints.early_cut) == skeleton.early_treatment).all()
    assert ((gap - constraints.early_cut).abs() >= CUT_DISTANCE_MONTHS - 0.01).all()
    assert skeleton.os_diagnosis_months.max() in constraints.longest_diagnosis
    assert skeleton.os_treatment_months.min() * DAYS_PER_MONTH == pytest.approx(constraints.shortest_day, abs=1e-4)


def test_progression_lies_at_the_visit_or_later_and_never_after_follow_up(skeleton, constraints):
    days, last = skeleton.liver_pfs_months * DAYS_PER_MONTH, skeleton.os_treatment_months * DAYS_PER_MONTH
    at_visit, censored = skeleton.mrecist_pd_month_3, ~skeleton.liver_progressed
    first_day, last_day = constraints.visit_window_days
    assert skeleton.liver_progressed[at_visit].all()
    assert days[at_visit].between(first_day, last_day).all()
    assert (days[at_visit] - days[at_visit].round()).abs().max() < 1e-3
    assert (days[skeleton.liver_progressed & ~at_visit] > last_day).all()
    assert (days[~censored] <= last[~censored] + 1e-3).all()
    assert (skeleton.liver_pfs_months[censored] == skeleton.os_treatment_months[censored]).all()


def test_times_stand_on_the_grid_without_ties(skeleton):
    for column in ("os_treatment_months", "os_liver_metastasis_months", "os_diagnosis_months", "liver_pfs_months"):
        tenths = skeleton[column] * DAYS_PER_MONTH * 10
        assert (tenths - tenths.round()).abs().max() < 1e-3
        assert skeleton[column].is_unique


def test_same_seed_gives_the_same_skeleton_and_another_seed_another(skeleton, constraints):
    ordered = skeleton.sort_values("os_treatment_months")
    bits = sum(1 << position for position, died in enumerate(ordered.died) if died)
    roomiest = solutions(bounded_order(bits, constraints), constraints)[0]
    once, again, other = (complete_clocks(roomiest, constraints, np.random.default_rng([seed, bits]))
                          for seed in (SEED, SEED, SEED + 1))
    pd.testing.assert_frame_equal(once[[*SKELETON_COLUMNS]], skeleton)
    pd.testing.assert_frame_equal(once, again)
    assert not once.equals(other)


@pytest.mark.parametrize("column, quantity", [
    ("os_treatment_months", "os_treatment.upper"),
    ("os_diagnosis_months", "os_diagnosis.median"),
    ("liver_pfs_months", "liver_pfs.median"),
])
def test_a_stretched_clock_is_a_misfit(skeleton, ledger, column, quantity):
    stretched = skeleton.assign(**{column: skeleton[column] * 1.2})
    assert any(each.startswith(f"{quantity} is ") for each in misfits(stretched, ledger))


def test_a_figure_expected_to_differ_must_differ(skeleton, ledger):
    mean = survival_figures(skeleton)["os_treatment.mean"]
    assert any(each.startswith("os_treatment.mean is ")
               for each in misfits(skeleton, edited(ledger, "os_treatment.mean", f"{mean:.0f}")))
