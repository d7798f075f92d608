"""Laws that hold whatever the patients are: hypothesis looks for a counterexample to each."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lib.liver_scores import albi, child_pugh, meld, meld_na, paired_change
from lib.proportions import exact_group_p, proportion
from lib.published import agrees, round_half_up
from lib.response import assess
from lib.response.rates import response_rates
from lib.survival import (
    at_risk_table,
    cox,
    kaplan_meier,
    logrank,
    mean_survival,
    median_survival,
    rmst_difference,
    survival_at,
)
from lib.toxicity import grade_labs

settings.register_profile("laws", max_examples=60, deadline=None)
settings.load_profile("laws")

CONVENTIONS = ("spss", "r")

#: Months with a decimal, as papers print them, so that ties are common.
tenths = st.integers(0, 1200).map(lambda tenths: tenths / 10)


@st.composite
def patients(draw, smallest=1, groups=False):
    """Times, event flags and, where asked, two groups of at least one patient each."""
    n = draw(st.integers(smallest, 30))
    frame = pd.DataFrame({"months": draw(st.lists(tenths, min_size=n, max_size=n)),
                          "event": draw(st.lists(st.booleans(), min_size=n, max_size=n))})
    if groups:
        frame["group"] = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
        assume(frame.group.nunique() == 2)
    return frame


def shuffled(frame, seed):
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def equal(one, other, rel=1e-9):
    """Equal numbers, both absent, or both not reached."""
    if one is None or other is None:
        return one is other
    return one == pytest.approx(other, rel=rel, abs=1e-12, nan_ok=True)


# -- survival ------------------------------------------------------------------------------------------


@given(patients(), st.integers(0, 99))
def test_a_curve_does_not_depend_on_the_order_of_patients(frame, seed):
    one, other = (kaplan_meier(each.months, each.event) for each in (frame, shuffled(frame, seed)))
    np.testing.assert_array_equal(one.times, other.times)
    np.testing.assert_array_equal(one.at_risk, other.at_risk)
    np.testing.assert_allclose(one.survival, other.survival, rtol=1e-12)
    for convention in CONVENTIONS:
        assert all(equal(*pair) for pair in zip(median_survival(one, convention), median_survival(other, convention), strict=True))


@given(patients(), st.sampled_from([0.5, 2.0, 12 / 365.25 * 30.4375]))
def test_a_curve_scales_with_the_unit_of_time(frame, unit):
    one, other = (kaplan_meier(frame.months * factor, frame.event) for factor in (1, unit))
    np.testing.assert_allclose(other.times, one.times * unit, rtol=1e-12)
    np.testing.assert_allclose(other.survival, one.survival, rtol=1e-12)
    for convention in CONVENTIONS:
        ours, theirs = median_survival(one, convention), median_survival(other, convention)
        assert equal(ours.value * unit, theirs.value)


@given(patients())
def test_a_curve_falls_from_one_and_never_below_zero(frame):
    curve = kaplan_meier(frame.months, frame.event)
    assert ((curve.survival >= 0) & (curve.survival <= 1)).all()
    assert (np.diff(curve.survival) <= 1e-12).all()


@given(patients())
def test_without_censoring_survival_is_the_share_still_alive(frame):
    curve = kaplan_meier(frame.months, np.ones(len(frame), bool))
    for months in (1.0, 6.0, 24.0):
        if months <= curve.longest:
            assert survival_at(curve, months).value == pytest.approx((frame.months > months).mean(), abs=1e-12)


@given(patients())
def test_medians_lie_inside_the_data_or_are_not_reached(frame):
    curve = kaplan_meier(frame.months, frame.event)
    for convention in CONVENTIONS:
        median = median_survival(curve, convention).value
        assert median == math.inf or frame.months.min() <= median <= frame.months.max()


@given(patients())
def test_the_median_of_r_lies_inside_its_interval(frame):
    curve = kaplan_meier(frame.months, frame.event)
    for interval in ("log", "log-log", "plain"):
        median = median_survival(curve, "r", interval)
        if median.lower > median.value:
            # as R's NA: Greenwood's band ends where the curve meets zero, and here the median is that very time
            assert median.lower == math.inf and curve.survival[curve.times == median.value] == 0
        else:
            assert median.lower <= median.value <= median.upper


@given(patients())
def test_the_number_at_risk_falls_from_everybody(frame):
    table = at_risk_table(kaplan_meier(frame.months, frame.event), [0, 3, 6, 12, 60])
    assert table.at_risk.iloc[0] == len(frame)
    assert (table.at_risk.diff().dropna() <= 0).all()
    for months, at_risk in zip(table.index if "months" not in table else table.months, table.at_risk, strict=True):
        assert at_risk == (frame.months >= months).sum()


@given(patients())
def test_a_mean_to_the_longest_time_lies_inside_the_data(frame):
    curve = kaplan_meier(frame.months, frame.event)
    mean = mean_survival(curve).value
    assert mean is None or frame.months.min() - 1e-9 <= mean <= frame.months.max() + 1e-9


@given(patients(smallest=2, groups=True))
def test_swapping_groups_changes_no_test_and_flips_every_sign(frame):
    swapped = 1 - frame.group
    for weighting in ("log-rank", "Breslow-Wilcoxon", "Tarone-Ware"):
        one, other = (logrank(frame.months, frame.event, group, weighting=weighting) for group in (frame.group, swapped))
        assert equal(one.p_value, other.p_value)
    for ties in ("breslow", "efron"):
        one, other = (cox(frame.months, frame.event, group, ties=ties) for group in (frame.group, swapped))
        if one.hazard_ratio is None:
            assert other.hazard_ratio is None
        else:
            assert one.log_hazard_ratio == pytest.approx(-other.log_hazard_ratio, abs=1e-6)
            assert one.lower == pytest.approx(1 / other.upper, rel=1e-5)


@given(patients(smallest=4, groups=True))
def test_swapping_groups_flips_the_difference_in_restricted_means(frame):
    ordered = frame.sort_values("group", kind="stable")
    one = rmst_difference(ordered.months, ordered.event, ordered.group)["difference"]
    turned = ordered.iloc[::-1]
    other = rmst_difference(turned.months, turned.event, turned.group)["difference"]
    assert (one.value is None) == (other.value is None)
    if one.value is not None:
        assert one.value == pytest.approx(-other.value, abs=1e-9)
        assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-9, nan_ok=True)


@given(patients(smallest=2, groups=True))
def test_tests_between_groups_use_only_the_order_of_times(frame):
    stretched = frame.months**1.1
    for weighting in ("log-rank", "Breslow-Wilcoxon", "Tarone-Ware"):
        one, other = (logrank(months, frame.event, frame.group, weighting=weighting) for months in (frame.months, stretched))
        assert equal(one.p_value, other.p_value)


# -- toxicity and liver scores -------------------------------------------------------------------------

RISING = {"alt": (7, 40, "U/L"), "ast": (10, 40, "U/L"), "alp": (40, 120, "U/L"), "bilirubin": (0.2, 1.2, "mg/dL"),
          "creatinine": (0.6, 1.2, "mg/dL")}
FALLING = {"albumin": (3.5, 5.0, "g/dL")}
LIMITS = RISING | FALLING


def followed_from(analyte, baseline, value):
    lower, upper, unit = LIMITS[analyte]
    visits = [("baseline", -5, baseline), ("month_3", 90, value)]
    return pd.DataFrame([{"patient": "A", "visit": visit, "visit_day": day, "analyte": analyte, "value": amount, "unit": unit,
                          "lower_normal": lower, "upper_normal": upper} for visit, day, amount in visits])


@given(st.sampled_from(sorted(LIMITS)), st.sampled_from(["4.03", "5", "6"]), st.sampled_from(["as printed", "multiples of ULN"]),
       st.floats(0.1, 6), st.floats(0.05, 30), st.floats(0.05, 30))
def test_a_grade_never_falls_as_the_value_gets_worse(analyte, version, rule, baseline, first, second):
    lower, upper, _ = LIMITS[analyte]
    scale = upper if analyte in RISING else lower
    better, worse = sorted((first * scale, second * scale), reverse=analyte in FALLING)
    patients = pd.DataFrame({"patient": ["A"], "anticoagulated": [False]})
    grades = []
    for value in (better, worse):
        graded = grade_labs(followed_from(analyte, baseline * scale, value), patients, version, rule)
        grades.append(graded[graded.visit == "month_3"].grade.iloc[0])
    if not any(pd.isna(grade) for grade in grades):
        assert 0 <= grades[0] <= grades[1] <= 4


amounts = st.floats(0.1, 40)


@given(amounts, amounts, amounts, st.sampled_from(["creatinine", "bilirubin", "inr"]), st.floats(1, 5))
def test_meld_never_falls_as_an_input_rises(creatinine, bilirubin, inr, which, factor):
    values = {"creatinine": creatinine, "bilirubin": bilirubin, "inr": inr}
    higher = values | {which: values[which] * factor}
    before, after = (float(meld(each["creatinine"], each["bilirubin"], each["inr"])) for each in (values, higher))
    assert 6 <= before <= after <= 40


@given(amounts, amounts, amounts, st.floats(110, 150), st.floats(0, 20))
def test_lower_sodium_never_lowers_meld_na(creatinine, bilirubin, inr, sodium, drop):
    normal, low = (float(meld_na(creatinine, bilirubin, inr, each)) for each in (sodium, max(sodium - drop, 100)))
    assert low >= normal


@given(st.floats(2, 500), st.floats(15, 55), st.floats(1.01, 3))
def test_albi_rises_with_bilirubin_and_falls_with_albumin(bilirubin, albumin, factor):
    assert albi(bilirubin * factor, albumin) > albi(bilirubin, albumin) > albi(bilirubin, albumin * factor)


@given(st.floats(0.1, 30), st.floats(1, 6), st.floats(0.8, 5), st.sampled_from(["none", "slight", "moderate"]))
def test_child_pugh_counts_five_to_fifteen_points(bilirubin, albumin, inr, ascites):
    (points,) = child_pugh([bilirubin], [albumin], [inr], [ascites], ["none"])
    assert 5 <= points <= 15 and points == int(points)


pairs = st.lists(st.tuples(st.integers(6, 40), st.integers(6, 40)), min_size=2, max_size=30)


@given(pairs)
def test_swapping_before_and_after_flips_a_change(measured):
    before, after = np.array(measured, float).T
    one, other = paired_change(before, after), paired_change(after, before)
    assert equal(one.change, -other.change) and equal(one.lower, -other.upper) and equal(one.t_p, other.t_p)
    assert (one.n_up, one.n_same, one.n_down) == (other.n_down, other.n_same, other.n_up)


# -- response and proportions --------------------------------------------------------------------------


@st.composite
def lesions(draw):
    """A patient's liver lesions at baseline and two visits, targets and others, with or without a new one."""
    n = draw(st.integers(1, 4))
    rows = []
    for number in range(n):
        target = number < 2
        start = draw(st.integers(15, 90))
        for visit, day in (("baseline", -10), ("month_3", 90), ("month_6", 180)):
            longest = start if visit == "baseline" else draw(st.sampled_from([0, start // 2, start, start + 10, 2 * start]))
            rows.append((visit, day, f"L{number}", longest, draw(st.integers(0, longest)) if visit != "baseline" else longest, target, False))
    if draw(st.booleans()):
        rows.append(("month_3", 90, "N1", 20, 20, False, True))
        rows.append(("month_6", 180, "N1", 20, 20, False, True))
    frame = pd.DataFrame(rows, columns=["visit", "visit_day", "lesion", "longest_diameter_mm", "viable_diameter_mm", "target", "new"])
    return frame.assign(patient="A", extrahepatic=False, organ="liver")


@given(lesions(), st.sampled_from(["RECIST", "mRECIST"]), st.integers(0, 99))
def test_a_category_depends_on_neither_the_order_nor_the_names_of_lesions(frame, criterion, seed):
    renamed = shuffled(frame, seed).assign(lesion=lambda each: each.lesion.map(lambda name: f"focus {hash(name) % 997}{name}"))
    one, other = assess(frame, criterion), assess(renamed, criterion)
    assert list(one.response) == list(other.response)


@given(lesions(), st.sampled_from(["RECIST", "mRECIST"]))
def test_a_new_lesion_never_makes_a_category_better(frame, criterion):
    order = ["CR", "PR", "non-CR/non-PD", "SD", "NE", "PD"]
    without = assess(frame[~frame.new], criterion).response
    with_new = assess(frame, criterion).response
    assert all(new == old or new == "PD" for new, old in zip(with_new, without, strict=True))
    assert set(without) <= set(order)


@given(lesions(), st.integers(2, 4))
def test_recist_categories_of_growth_in_step_do_not_depend_on_scale_beyond_the_5_mm(frame, factor):
    """Twice as large in every diameter: shares are equal, so only the 5 mm rule can tell, and it only makes PD."""
    larger = frame.assign(longest_diameter_mm=frame.longest_diameter_mm * factor, viable_diameter_mm=frame.viable_diameter_mm * factor)
    one, other = assess(frame, "RECIST").response, assess(larger, "RECIST").response
    assert all(new == old or new == "PD" for new, old in zip(other, one, strict=True))


@given(st.lists(st.tuples(st.sampled_from(["CR", "PR", "SD", "PD", "NE"]), st.sampled_from(["a", "b"])), min_size=1, max_size=30))
def test_objective_response_never_exceeds_disease_control(judged):
    response, group = (pd.Series(each) for each in zip(*judged, strict=True))
    groups = sorted(set(group))
    rates = response_rates(response, group, groups).set_index(["rate", "group"])
    for name in [*groups, "total"]:
        assert rates.loc[("ORR", name), "count"] <= rates.loc[("DCR", name), "count"] <= rates.loc[("DCR", name), "n"]


@given(st.integers(1, 200), st.data(), st.sampled_from(["clopper-pearson", "wilson"]))
def test_an_interval_holds_its_estimate_and_mirrors(n, data, method):
    count = data.draw(st.integers(0, n))
    one, other = proportion(count, n, method=method), proportion(n - count, n, method=method)
    assert 0 <= one.lower <= one.estimate + 1e-12 and one.estimate - 1e-12 <= one.upper <= 1
    assert one.lower == pytest.approx(1 - other.upper, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda pair: (min(pair), max(pair))), min_size=2, max_size=3),
       st.integers(0, 99))
def test_an_exact_test_does_not_depend_on_the_order_of_groups(tallies, seed):
    counts, ns = zip(*tallies, strict=True)
    turned = np.random.default_rng(seed).permutation(len(tallies))
    one = exact_group_p(counts, ns)
    other = exact_group_p([counts[each] for each in turned], [ns[each] for each in turned])
    nothing_to_compare = sum(counts) in (0, sum(ns))
    assert math.isnan(one) if nothing_to_compare else 0 < one <= 1 + 1e-12
    assert equal(one, other)


@given(st.integers(-10**6, 10**6), st.integers(0, 3))
def test_a_value_agrees_with_its_own_print(number, decimals):
    value = number / 10**4
    printed = f"{round_half_up(value, decimals):.{decimals}f}"
    assume(not printed.startswith("-"))
    assert agrees(value, printed)
