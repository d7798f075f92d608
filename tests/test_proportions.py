"""Proportions against published tables of intervals, R, and hand calculations."""

import math

import numpy as np
import pytest
from scipy.stats import MonteCarloMethod, fisher_exact

from lib.proportions import (
    CHI_SQUARED,
    EXACT,
    ProportionError,
    _is_listed,
    denominators_giving,
    exact_group_p,
    group_test,
    large_table_p,
    proportion,
)

# R 4.2: 100 * binom.test(x, n)$conf.int and 100 * prop.test(x, n, correct = FALSE)$conf.int, one decimal.
R_INTERVALS = [
    (10, 24, (22.1, 63.4), (24.5, 61.2)),
    (15, 24, (40.6, 81.2), (42.7, 78.8)),
    (7, 13, (25.1, 80.8), (29.1, 76.8)),
    (1, 6, (0.4, 64.1), (3.0, 56.4)),
    (2, 5, (5.3, 85.3), (11.8, 76.9)),
    (3, 24, (2.7, 32.4), (4.3, 31.0)),
]


@pytest.mark.parametrize("count, n, exact, score", R_INTERVALS)
def test_intervals_match_r(count, n, exact, score):
    for method, expected in (("clopper-pearson", exact), ("wilson", score)):
        found = proportion(count, n, 0.95, method)
        assert (round(100 * found.lower, 1), round(100 * found.upper, 1)) == expected


def test_exact_interval_of_nobody_follows_the_rule_of_three():
    """Hand calculation: upper limit 1 - (alpha/2)^(1/n), lower limit 0."""
    nobody = proportion(0, 24)
    assert nobody.lower == 0
    assert nobody.upper == pytest.approx(1 - 0.025 ** (1 / 24))


def test_empty_denominator_gives_no_estimate():
    empty = proportion(0, 0)
    assert math.isnan(empty.estimate) and math.isnan(empty.lower) and math.isnan(empty.upper)


def test_wider_coverage_gives_a_wider_interval():
    assert proportion(10, 24, 0.99).lower < proportion(10, 24, 0.95).lower < 10 / 24


@pytest.mark.parametrize("count, n, message", [(5, 4, "5 of 4"), (-1, 4, "-1 of 4"), (1.5, 4, "must be whole")])
def test_impossible_proportion_is_refused(count, n, message):
    with pytest.raises(ProportionError, match=message):
        proportion(count, n)


def test_unknown_method_and_coverage_are_refused():
    with pytest.raises(ProportionError, match="'wald' is unknown"):
        proportion(1, 2, method="wald")
    with pytest.raises(ProportionError, match="conf_level is 95"):
        proportion(1, 2, conf_level=95)


@pytest.mark.parametrize("counts, ns, r_p", [
    ([7, 1, 2], [13, 6, 5], 0.3584),
    ([3, 3, 2], [13, 6, 5], 0.5207221),
    ([20, 5, 9, 1], [23, 13, 16, 7], 0.0008025782),
])
def test_exact_p_matches_r(counts, ns, r_p):
    """R 4.2: fisher.test(rbind(counts, ns - counts))$p.value."""
    assert exact_group_p(counts, ns) == pytest.approx(r_p, rel=1e-4)


def test_exact_p_beyond_enumeration_agrees_with_chi_squared():
    """Six groups of 100 hold too many tables to list; with such counts the chi-squared P is close."""
    from scipy.stats import chi2_contingency
    counts, ns = [50, 52, 47, 60, 41, 55], [100] * 6
    chi_squared = chi2_contingency([counts, [n - c for n, c in zip(ns, counts)]]).pvalue
    assert exact_group_p(counts, ns) == pytest.approx(chi_squared, abs=0.01)


def test_exact_p_of_two_groups_is_the_tea_taster():
    """Fisher's tea-tasting table, 3 of 4 against 1 of 4: two-sided P 34/70."""
    assert exact_group_p([3, 1], [4, 4]) == pytest.approx(34 / 70)


@pytest.mark.parametrize("counts, ns", [([4, 5], [4, 5]), ([0, 0], [4, 5]), ([2], [4]), ([2, 0], [4, 0]), ([], [])])
def test_exact_p_is_missing_where_nothing_can_be_compared(counts, ns):
    assert math.isnan(exact_group_p(counts, ns))


def test_exact_p_refuses_unequal_lengths():
    with pytest.raises(ProportionError, match="2 counts for 1 denominators"):
        exact_group_p([1, 2], [3])


def test_denominator_search_finds_one_hidden_denominator():
    """1/7 = 14.29, 2/7 = 28.57, 4/7 = 57.14 percent: by hand, no other denominator up to 200 prints these."""
    assert denominators_giving([1, 2, 4], ["14.3", "28.6", "57.1"]) == [7]


def test_denominator_search_says_when_none_serves():
    assert denominators_giving([1, 2], ["10.0", "50.0"]) == []


def test_zero_percent_alone_pins_nothing_down():
    assert denominators_giving([0], ["0"], up_to=5) == [1, 2, 3, 4, 5]


def test_in_large_groups_chi_squared_stands_for_the_exact_test_and_says_so():
    small, large = ([40, 60], [100, 110]), ([3000, 3100, 3050], [10_000, 10_100, 9_900])
    assert group_test(*small) == EXACT and group_test(*large) == CHI_SQUARED
    hits, ns, share = np.array(large[0]), np.array(large[1]), 9150 / 30_000
    chi_squared = ((hits - share * ns) ** 2 / (share * (1 - share) * ns)).sum()
    assert exact_group_p(*large) == pytest.approx(np.exp(-chi_squared / 2))  # the tail with two degrees of freedom


def test_tables_are_drawn_as_scipy_draws_them():
    table = np.array([[3, 5, 1], [6, 2, 4]])
    theirs = fisher_exact(table, method=MonteCarloMethod(n_resamples=999, rng=np.random.default_rng(0))).pvalue
    assert large_table_p(table, 999) == theirs
    assert 0 < large_table_p([[300_000, 290_000, 40], [299_000, 291_000, 55]], 99) < 1  # where scipy's own fails


# -- at the edges ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("arguments", [(1, 2.5), (1, -1), (0.5, 2), (3, 2), (-1, 2)])
def test_what_is_not_so_many_of_so_many_is_refused(arguments):
    with pytest.raises(ProportionError, match=f"^{arguments[0]} of {arguments[1]} is not a proportion: "):
        proportion(*arguments)


@pytest.mark.parametrize("conf_level", [-0.5, 0, 1, 1.5, 95])
def test_a_coverage_outside_0_to_1_is_refused(conf_level):
    with pytest.raises(ProportionError, match=f"^conf_level is {conf_level}; give the coverage as a fraction between 0 and 1"):
        proportion(1, 2, conf_level)


def test_nobody_everybody_and_one_of_one_are_proportions():
    """Clopper-Pearson: of n of n the lower limit is (alpha/2)^(1/n), the upper 1."""
    one, everybody = proportion(1, 1), proportion(3.0, 3)
    assert (one.count, one.n, one.estimate, one.upper) == (1, 1, 1.0, 1.0) and one.lower == pytest.approx(0.025)
    assert (everybody.estimate, everybody.upper, type(everybody.count), type(everybody.n)) == (1.0, 1.0, int, int) and everybody.lower == pytest.approx(0.025 ** (1 / 3))
    nobody = proportion(0, 1, 0.9)
    assert (nobody.estimate, nobody.lower, nobody.conf_level, nobody.method) == (0.0, 0.0, 0.9, "clopper-pearson") and nobody.upper == pytest.approx(0.95)


def test_exact_p_of_tables_small_enough_for_paper_and_pencil():
    """One of one against none of three: the only other table is 0 and 1, three times as likely. One of one, none of one, none of two: 1, 1 and 2 of 4."""
    assert exact_group_p([1, 0], [1, 3]) == pytest.approx(1 / 4) and exact_group_p([0, 1], [1, 3]) == pytest.approx(1)
    assert exact_group_p([1, 0, 0], [1, 1, 2]) == pytest.approx(1 / 2) and exact_group_p([0, 0, 1], [1, 1, 2]) == pytest.approx(1)
    assert exact_group_p([0, 1, 0, 0], [0, 1, 0, 3]) == pytest.approx(1 / 4)  # empty groups, first and last, change nothing
    assert exact_group_p((0, 3), np.array([3, 3])) == pytest.approx(2 / 20)


def test_exact_p_agrees_with_scipy_for_every_small_table_and_never_exceeds_one():
    for first, second in ((5, 4), (6, 3)):
        for a in range(first + 1):
            for b in range(second + 1):
                if 0 < a + b < first + second:
                    found = exact_group_p([a, b], [first, second])
                    assert found <= 1 and found == pytest.approx(fisher_exact([[a, b], [first - a, second - b]]).pvalue)


@pytest.mark.parametrize("function", [exact_group_p, group_test])
@pytest.mark.parametrize(("counts", "ns", "says"), [
    ([1, 2], [3], "^2 counts for 1 denominators: "), ([1], [3, 4], "^1 counts for 2 denominators: "), ([[1], [2]], [[3], [4]], "^2 counts for 2 denominators: "),
    ([-1, 2], [3, 4], "^a count lies outside 0 to its denominator"), ([4, 2], [3, 4], "^a count lies outside 0 to its denominator")])
def test_counts_that_fit_no_groups_are_refused(function, counts, ns, says):
    with pytest.raises(ProportionError, match=says):
        function(counts, ns)


@pytest.mark.parametrize(("counts", "ns", "listed"), [
    ([1000, 1000, 0], [1499, 1999, 5000], True),  # 1500 x 2000 ways to fill all groups but the last: three million
    ([1000, 1000, 0], [1499, 2000, 5000], False), ([5, 5, 0], [10**6, 10**6, 10**6], True),  # 11 x 11: no group has more than all ten
    ([2000, 1], [2_999_999, 10**7], True), ([1_500_000, 10**7], [3_000_000, 10**8], False)])
def test_up_to_three_million_tables_are_listed(counts, ns, listed):
    assert _is_listed(np.array(counts), np.array(ns)) is listed


@pytest.mark.parametrize(("counts", "ns", "method"), [
    ([1500, 1500, 100], [3000, 3000, 200], CHI_SQUARED),  # 3100 of 6200: in the last group 100 are expected on either side
    ([1500, 1500, 99], [3000, 3000, 200], EXACT), ([1500, 1500, 100, 0], [3000, 3000, 200, 0], CHI_SQUARED), ([0, 1500, 1500, 100], [0, 3000, 3000, 200], CHI_SQUARED),
    ([0, 0, 0], [10**4] * 3, EXACT), ([10**4] * 3, [10**4] * 3, EXACT), ([500], [1000], EXACT), ([], [], EXACT), ([3], [10**8], EXACT)])
def test_the_test_that_is_named_is_the_one_made(counts, ns, method):
    assert group_test(counts, ns) == method


def test_a_share_of_draws_counts_the_observed_table_among_them():
    """99,999 draws and the observed table: P is a whole number of hundred-thousandths, and the same each time."""
    counts, ns = [50, 52, 47, 60, 41, 55], [100] * 6
    p = exact_group_p(counts, ns)
    assert p * 100_000 == pytest.approx(round(p * 100_000), abs=1e-6) and p == exact_group_p(counts, ns)
    # no draw of nine comes near a table this far from independence
    assert large_table_p([[95, 5, 50], [5, 95, 50]], 9) == pytest.approx(1 / 10)


def test_denominators_are_sought_up_to_the_largest_asked_for_and_from_the_largest_count():
    assert denominators_giving([0], ["0"]) == list(range(1, 201)) and denominators_giving([7], ["100"]) == [7]
    assert denominators_giving([1], ["100"], up_to=1) == [1] and denominators_giving((2, 3), ("50.0", "75.0")) == [4]
    for counts, percents, says in (([1], [], "^1 counts for 0 percentages: "), ([1, 2], ["5"], "^2 counts for 1 percentages: ")):
        with pytest.raises(ProportionError, match=says):
            denominators_giving(counts, percents)
