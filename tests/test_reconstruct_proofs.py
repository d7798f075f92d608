"""What no cohort can give: each proof against a hand calculation, brute force, or another program."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy.stats import ttest_1samp

from lib.cohort import read_cohort
from lib.published import DATA, read_ledger
from lib.reconstruct import __main__ as reconstruct
from lib.reconstruct import alternatives
from lib.reconstruct.alternatives import candidates, demanded, given_up, without
from lib.reconstruct.constraints import (ConstraintError, GroupComparison, Grouping, Interval, MedianRow,
                                         survival_constraints)
from lib.reconstruct.prefixes import allowed_beginnings
from lib.reconstruct.proofs import clocks, counts, progression, scores
from lib.reconstruct.proofs.__main__ import excluded_limits, proofs_table, quick_proofs
from lib.reconstruct.proofs.claim import IMPOSSIBLE, NOT_FOUND, POSSIBLE
from lib.reconstruct.ambiguities import exact_readings
from lib.reconstruct.search import treated_patients
from lib.reconstruct.times import TimesProgramme, reading_of

LIMIT = "os_treatment.meld_change.increased.upper"


@pytest.fixture(scope="module")
def ledger():
    return read_ledger()


@pytest.fixture(scope="module")
def constraints(ledger):
    return survival_constraints(ledger)


@pytest.fixture(scope="module")
def readings(constraints):
    return [each for found in exact_readings(constraints).values() for each in found]


def edited(ledger, quantity, printed):
    return ledger.assign(printed=ledger.printed.mask(ledger.quantity == quantity, printed))


# -- counts ------------------------------------------------------------------------------------------------


def test_both_deb_tace_columns_are_percentages_of_23(ledger):
    # 7/23 = 30.43%, 3/23 = 13.04%; 7/22 = 31.8 and 7/24 = 29.2 are not
    proofs = counts.percentages_of_another_number(ledger)
    assert [(proof.verdict, proof.evidence) for proof in proofs] == [(IMPOSSIBLE, "only 23 gives them")] * 2


def test_percentages_of_13_need_no_proof(ledger):
    mended = ledger
    for category, percent in {"pd": "53.8", "sd": "46.2"}.items():  # 7/13 and 6/13
        mended = edited(mended, f"recist.deb_tace.{category}.percent", percent)
    assert [proof.quantities[0].split(".")[0] for proof in counts.percentages_of_another_number(mended)] == ["mrecist"]


def test_no_number_beyond_the_largest_tried_gives_the_percentages():
    # 7 as 30.4% needs n below 7 / 0.3035 = 23.06
    assert counts._largest_denominator([7, 6, 0], ["30.4", "26.1", "0"]) == 23


def test_five_to_eleven_patients_progressed_by_recist_alone(ledger):
    # overlaps: DEB-TACE 7 and 3 of 13: 0-3; Y90 2 and 3 of 6: 0-2; ablation 4 and 3 of 5: 2-3
    by_hand = [(7 - a) + (2 - b) + (4 - c) for a, b, c in product(range(4), range(3), range(2, 4))]
    extrahepatic, worse = counts.progression_by_both_criteria(ledger)
    assert extrahepatic.verdict == IMPOSSIBLE
    assert extrahepatic.evidence == f"from {min(by_hand)} to {max(by_hand)} patients progressed by RECIST alone"
    assert extrahepatic.method.startswith(f"all {len(by_hand)} ways")
    # Y90: three by mRECIST, two by RECIST
    assert worse.verdict == IMPOSSIBLE and worse.evidence == "at least 1 progressed by mRECIST alone"


def test_five_extrahepatic_progressions_would_do(ledger):
    assert counts.progression_by_both_criteria(edited(ledger, "extrahepatic_progression.count", "5"))[0].verdict == POSSIBLE


def test_equal_counts_of_solitary_and_unilobar_leave_nobody_with_several_lesions_in_one_lobe(ledger):
    assert [proof.verdict for proof in counts.several_lesions_in_one_lobe(ledger)] == [IMPOSSIBLE]
    more = edited(ledger, "lobar_disease.unilobar.count", "5")
    assert [proof.verdict for proof in counts.several_lesions_in_one_lobe(more)] == [POSSIBLE]


def test_a_ledger_without_response_tables_proves_nothing_of_them(ledger):
    rest = ledger[~ledger.quantity.str.startswith(("recist", "mrecist", "hepatic"))]
    assert counts.progression_by_both_criteria(rest) == counts.several_lesions_in_one_lobe(rest) == []


def test_the_papers_binding_percentages_are_of_their_columns(ledger):
    assert counts.refused_percentages(ledger) == []


def test_a_percentage_that_cannot_come_from_its_n_is_refused_with_its_row(ledger, tmp_path):
    path = tmp_path / "published.csv"
    edited(ledger, "sex.female.percent", "64.0").to_csv(path, index=False)
    with pytest.raises(ConstraintError, match=r"sex\.female\.percent \(Table 1: Sex, Female\) is printed as 64\.0, but 16 of "
                                              r"the column's 24 patients are 66\.7%"):
        reconstruct.reconstruct(1, tmp_path / "out", path)
    assert not (tmp_path / "out").exists()


def test_the_command_refuses_it_in_a_sentence(ledger, tmp_path, capsys):
    path = tmp_path / "published.csv"
    edited(ledger, "sex.female.percent", "64.0").to_csv(path, index=False)
    assert reconstruct.main(["--ledger", str(path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.strip().endswith("mark it as 'differs'.")


# -- scores ------------------------------------------------------------------------------------------------


def test_sums_behind_the_printed_means():
    # 24 x 7.45 = 178.8, 24 x 7.55 = 181.2; 24 x 8.85 = 212.4 divides 8.8 from 8.9
    assert scores.sums_of(Interval(7.45, 7.55), 24) == [179, 180, 181]
    assert scores.sums_of(Interval(8.75, 8.85), 24) == [210, 211, 212]
    assert scores.sums_of(Interval(8.85, 8.95), 24) == [213, 214]


def test_two_means_are_one_sum_cut_off_and_rounded(ledger):
    rounded, cut = scores.two_means_of_one_score(ledger)
    assert rounded.verdict == IMPOSSIBLE
    # 213 / 24 = 8.875: cut off it is 8.8, rounded 8.9
    assert cut.verdict == POSSIBLE and cut.evidence == "a sum of 213 has the mean 8.875"


@pytest.mark.parametrize("n, largest", [(3, 4), (4, 3)])
def test_whole_numbers_exist_exactly_where_brute_force_finds_them(n, largest):
    values = np.arange(largest + 1)
    met = {(sum(each), sum(x * x for x in each)) for each in product(values, repeat=n)}
    for total in range(n * largest + 1):
        for squares in range(0, n * largest**2 + 1, 2):
            verdict, _ = scores._whole([np.ones(len(values)), values, values**2],
                                       [(n, n), (total, total), (squares, squares + 1)], n)
            expected = {(total, squares), (total, squares + 1)} & met
            assert verdict == (POSSIBLE if expected else IMPOSSIBLE)


def test_paired_squares_invert_the_t_test():
    # scipy's test of these changes gives P; its interval must hold their sum of squares
    changes = np.array([1, 2, 3, -1, 0, 4])
    p = ttest_1samp(changes, 0).pvalue
    least, most = scores._paired_squares(Interval(p - 1e-4, p + 1e-4), changes.sum(), len(changes))
    assert least < (changes**2).sum() < most and most - least < 1


def test_ages_are_whole_years(ledger):
    (proof,) = scores.ages_at_once(ledger)
    # 24 x 62.75 = 1506, 24 x 62.85 = 1508.4
    assert proof.verdict == POSSIBLE and proof.evidence == "sums of 1506, 1507, 1508 years"
    (proof,) = scores.ages_at_once(edited(ledger, "age.under_60.count", "24"))
    assert proof.verdict == IMPOSSIBLE


# -- medians and intervals ---------------------------------------------------------------------------------


def test_four_lower_limits_of_zero_are_no_death_times(ledger, constraints):
    (proof,) = clocks.intervals_at_death_times(ledger, constraints)
    assert proof.verdict == IMPOSSIBLE and len(proof.quantities) == 4
    early = replace(constraints, follow_up_min=Interval(0.0, 0.1))
    assert clocks.intervals_at_death_times(ledger, early)[0].verdict == POSSIBLE


def test_twenty_seven_months_lie_off_the_middle_of_rounded_limits_only(ledger):
    # rounded: (22.85 + 30.95) / 2 = 26.90 to (22.95 + 31.05) / 2 = 27.00; cut off: 26.95 to 27.05, median from 27.00
    every, rounded, cut = clocks.symmetric_intervals(ledger)
    assert (every.verdict, rounded.verdict, cut.verdict) == (POSSIBLE, IMPOSSIBLE, POSSIBLE)
    assert "26.90 to 27.00" in rounded.evidence and "27.00 to 27.05" in cut.evidence


def test_ten_percentages_of_the_patient_table_are_rounded_up(ledger):
    (proof,) = clocks.truncated_percentages(ledger)
    # by hand: 10/24 = 41.666 is printed 41.7; 14/24 = 58.333 is printed 58.3
    assert proof.verdict == IMPOSSIBLE
    assert "age.under_60.percent" in proof.quantities and "age.over_60.percent" not in proof.quantities


def test_thirteen_events_at_the_visit_leave_no_later_median(constraints):
    assert [proof.verdict for proof in clocks.progression_readings(constraints, {"thirteen": 13})] == [IMPOSSIBLE]
    assert clocks.progression_readings(constraints, {"eleven": 11}) == []  # 13/24 is above one half


@pytest.mark.parametrize("seed", range(5))
def test_a_curve_after_d_events_is_at_most_n_less_d(seed):
    rng = np.random.default_rng(seed)
    months, events = rng.exponential(5, 24), rng.random(24) < 0.5
    curve = KaplanMeierFitter().fit(months, events).survival_function_.iloc[:, 0]
    for month in np.sort(months):
        d = int((events & (months <= month)).sum())
        assert curve[curve.index <= month].iloc[-1] <= (24 - d) / 24 + 1e-12


def test_nobody_with_the_shortest_follow_up_came_after_three_months(ledger, constraints):
    assert clocks.visits_after_the_shortest_follow_up(ledger, constraints)[0].verdict == IMPOSSIBLE


# -- liver PFS ---------------------------------------------------------------------------------------------


def test_death_as_an_event_is_excluded_with_nine_progressions_not_with_five(readings, constraints):
    first = [each for each in readings if str(each.order).startswith("cc")]
    (proof,) = progression.death_as_event(first, constraints, 9, "nine")
    assert proof.verdict == IMPOSSIBLE
    assert progression.death_as_event(first, constraints, 5, "five") == []


def test_responders_of_the_shipped_cohort_die_as_early_as_the_proof_says(readings):
    # the proof: at least four responders dead before 8.95 months, on any exact cohort
    study = read_cohort("reference")
    patients = study.patients
    lesions = study.lesions[~study.lesions.extrahepatic]
    sums = lesions.pivot_table(index="patient", columns="visit", values="viable_diameter_mm", aggfunc="sum")
    gone = sums.month_3 <= 0.7 * sums.baseline
    dead_early = patients.set_index("patient").eval("died and os_treatment_months < 8.95")
    assert (gone & dead_early.reindex(gone.index)).sum() >= 4


@pytest.mark.parametrize("n_at_visit, death_counts", [(9, False), (5, False), (5, True)])
def test_progressions_found_give_the_printed_row_by_lifelines(readings, constraints, n_at_visit, death_counts):
    best = max(readings, key=lambda each: round(each.room, 6))
    patients = treated_patients(best, constraints, np.random.default_rng(1))
    found, _ = progression.find_progressions(patients, constraints, n_at_visit, death_counts)
    fitted = KaplanMeierFitter().fit(found.months, found.event)
    curve = fitted.survival_function_.iloc[:, 0]
    median = curve.index[curve <= 0.5 + 1e-9][0]
    above, below = curve.index[curve >= 0.55 - 1e-9][-1], curve.index[curve <= 0.45 + 1e-9][0]
    # the last step at or above 0.55 is an event's time
    above = max(found.months[found.event & (found.months <= above)])
    table = fitted.event_table.loc[:median]
    table = table[table.observed > 0]
    error = curve[median] * np.sqrt((table.observed / (table.at_risk * (table.at_risk - table.observed))).sum())
    half = 1.959964 * error * (below - above) / (curve[above] - curve[below])
    assert [round(median), round(median - half, 1), round(median + half, 1)] == [9, 1.4, 16.6]
    assert (found.months <= patients.os_treatment_months + 1e-9).all()
    assert found.at_visit.sum() == n_at_visit and not (found.at_visit & patients.mrecist_responder).any()
    if death_counts:
        assert found.event[patients.died].all()


def test_what_no_draw_gives_is_not_found_and_says_how_many_were_tried(readings, constraints):
    best = max(readings, key=lambda each: round(each.room, 6))
    patients = treated_patients(best, constraints, np.random.default_rng(1))
    proof = progression.searched(patients, constraints, 9, "nine", True, n_draws=20)
    assert proof.verdict == NOT_FOUND and "all 20 draws" in proof.method


# -- limits that exclude each other ------------------------------------------------------------------------


def small_case(seed, n=8, n_died=6, n_flagged=4):
    """A small cohort drawn at random, printed as the paper prints, and its constraints."""
    rng = np.random.default_rng(seed)
    grouping = Grouping("half", "flag", ("no", "yes"), "half.yes.count")
    while True:
        months = np.sort(rng.exponential(10, n))
        died, flag = rng.permutation(np.arange(n) < n_died), rng.permutation(np.arange(n) < n_flagged)
        printed = []
        for members in (~flag, flag, np.ones(n, dtype=bool)):
            reading = reading_of(MedianRow("x", Interval(), Interval(), Interval()), died, members)
            if reading is None:
                break
            middle, half = months[reading.median], reading.width * (months[reading.below] - months[reading.above])
            printed.append(MedianRow("x", *(Interval(value - 0.3, value + 0.3) for value in (middle, middle - half, middle + half))))
        if len(printed) == 3:
            break
    ends = [Interval(value - 0.3, value + 0.3) for value in (np.median(months), months[0], months[-1])]
    comparison = GroupComparison(grouping, n_flagged, tuple(printed[:2]), Interval(0, 1))
    full = survival_constraints(read_ledger())
    return replace(full, n=n, n_died=n_died, rows={"os_treatment": printed[2]}, comparisons=(comparison,),
                   follow_up_median=ends[0], follow_up_min=ends[1], follow_up_max=ends[2]), died, flag


def labelled_orders(n, n_died, n_flagged):
    for deaths in combinations(range(n), n_died):
        for flags in combinations(range(n), n_flagged):
            yield np.isin(np.arange(n), deaths), np.isin(np.arange(n), flags)


def begins_like_one(beginnings, died, flag):
    bits = [sum(1 << int(place) for place in np.flatnonzero(each)) for each in (died, flag)]
    masks = (1 << beginnings.lengths) - 1
    return bool(((bits[0] & masks == beginnings.orders) & (bits[1] & masks == beginnings.labels)).any())


@pytest.mark.parametrize("seed", range(4))
def test_no_labelled_order_with_times_is_ever_turned_back(seed):
    constraints, died, flag = small_case(seed)
    comparison = constraints.comparisons[0]
    beginnings = allowed_beginnings(constraints, comparison, capacity=10_000)
    assert beginnings.complete and begins_like_one(beginnings, died, flag)
    lower, upper = np.full(constraints.n, constraints.follow_up_min.lower), np.full(constraints.n, constraints.follow_up_max.upper)
    upper[0], lower[-1] = constraints.follow_up_min.upper, constraints.follow_up_max.lower
    turned_back = [pair for pair in labelled_orders(constraints.n, constraints.n_died, comparison.n_flagged)
                   if not begins_like_one(beginnings, *pair)]
    assert turned_back
    for order, labels in turned_back:
        rows = [reading_of(comparison.rows[0], order, ~labels), reading_of(comparison.rows[1], order, labels),
                reading_of(constraints.rows["os_treatment"], order)]
        if any(row is None for row in rows):
            continue
        programme = TimesProgramme(lower, upper, rows, constraints.follow_up_median, 0.0)
        assert programme.widest_room() < 1e-6, "a labelled order with times was turned back"


def test_a_walk_that_is_stopped_says_so():
    constraints, _, _ = small_case(0)
    assert not allowed_beginnings(constraints, constraints.comparisons[0], most_steps=20).complete
    assert not allowed_beginnings(constraints, constraints.comparisons[0], capacity=1).complete


def test_the_limit_of_increased_meld_excludes_the_other_limits(ledger):
    assert given_up(ledger) == [LIMIT]
    (proof,) = excluded_limits(ledger)
    assert proof.verdict == IMPOSSIBLE and proof.evidence.startswith("0 beginnings")


# -- alternatives ------------------------------------------------------------------------------------------


def test_one_figure_at_a_time_is_freed(ledger):
    all_bound = demanded(ledger, LIMIT)
    meld = all_bound.comparisons[1]
    assert (meld.rows[1].upper.lower, meld.rows[1].upper.upper) == pytest.approx((21.35, 21.45))
    freed = without(all_bound, "os_treatment.meld_change.increased.median")
    # a lower limit below 0.5 and an upper one below 21.45 leave a middle below 10.975
    assert freed.comparisons[1].rows[1].median.upper == pytest.approx(10.975)
    assert freed.comparisons[1].rows[1].upper == meld.rows[1].upper
    assert freed.comparisons[0] == all_bound.comparisons[0] and freed.rows == all_bound.rows
    assert without(all_bound, "os_treatment.meld_change.p").comparisons[1].p_value == Interval(0, 1)
    assert without(all_bound, "follow_up.median").follow_up_median == alternatives.FREE_TIME
    # 20 (9.3-30.8) without its lower limit: as printed, no longer narrowed to the middle
    row = without(all_bound, "os_treatment.meld_change.not_increased.lower").comparisons[1].rows[0]
    assert (row.median.lower, row.median.upper) == pytest.approx((19.5, 20.5))


def test_a_figure_that_binds_nothing_is_refused(ledger):
    with pytest.raises(ConstraintError, match="sex.male.count binds nothing"):
        without(demanded(ledger, LIMIT), "sex.male.count")


def test_the_file_of_alternatives_has_every_candidate_and_says_how_each_was_tried(ledger):
    table = pd.read_csv(alternatives.FILE)
    assert list(table.columns) == list(alternatives.COLUMNS)
    assert table.given_up.tolist()[1:] == candidates(demanded(ledger, LIMIT), LIMIT)
    assert set(table.verdict) <= {IMPOSSIBLE, POSSIBLE, NOT_FOUND}
    assert table.verdict[0] == IMPOSSIBLE and table.n_beginnings[0] == 0
    assert ((table.verdict == POSSIBLE) == (table.n_feasible_orders.fillna(0) > 0)).all()
    assert (table.n_cut.fillna(0) == 0).all(), "a list of readings was cut short"


# -- the list ----------------------------------------------------------------------------------------------


def test_the_committed_list_is_what_the_proofs_say(ledger):
    kept = pd.read_csv(DATA / "proofs.csv", keep_default_na=False)
    fresh = proofs_table(quick_proofs(ledger))
    pd.testing.assert_frame_equal(kept.head(len(fresh)), fresh)
    assert kept.claim.is_unique and set(kept.verdict) <= {IMPOSSIBLE, POSSIBLE, NOT_FOUND}
    known = set(ledger.quantity) | {name.rpartition(".")[0] for name in ledger.quantity}
    assert {name for names in kept.quantities for name in names.split()} <= known
