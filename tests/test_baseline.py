"""Table 1's numbers: summaries, standardised differences, tests, completeness."""

import numpy as np
import pandas as pd
import pytest

from lib.baseline import (
    BaselineError,
    Variable,
    age_groups,
    analysed,
    baseline_variables,
    completeness,
    describe,
    difference_by_chance,
    group_p_value,
    groups_present,
    lab_values,
    lanes,
    largest_difference,
    largest_liver_lesion_mm,
    quantities,
    slug,
    standardised_difference,
    treatment_gap_months,
    treatment_sequences,
    visits_after_baseline,
)
from lib.cohort import build_cohort, read_cohort
from lib.published import agrees, read_ledger

GROUP = pd.Series(["a"] * 10 + ["b"] * 8)
IN_A, IN_B = GROUP == "a", GROUP == "b"
SITE = Variable("site", "Site", pd.Series(list("rrrrppeemm") + list("rpppeeem")), ("r", "p", "e", "m"))
DOSE = Variable("dose", "Dose", pd.Series([*range(1, 11), 4, 5, 6, 9, 12, 13, 14, 15]), unit="mg")
FLAG = Variable("flag", "Flag", pd.Series(list("1110000000") + list("11111110")), ("1", "0"))


@pytest.fixture(scope="module")
def study():
    return read_cohort("reference")


@pytest.fixture(scope="module")
def ledger():
    return read_ledger().drop_duplicates("quantity").set_index("quantity")["printed"]


def patients_of(**columns):
    n = len(next(iter(columns.values())))
    base = {"patient": [f"P{i}" for i in range(n)], "first_treatment": ["x"] * n, "os_treatment_months": [6.0] * n, "died": [True] * n}
    return pd.DataFrame(base | columns)


# -- names and groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("label", "name"), [("DEB-TACE", "deb_tace"), ("head/neck", "head_neck"), ("<60", "under_60"), (">60", "over_60"), (0, "0")])
def test_slug_gives_the_ledgers_names(label, name):
    assert slug(label) == name


def test_groups_keep_the_papers_order_and_leave_out_who_is_not_there():
    labels = pd.Series(["surgery", "ablation", "HIFU", "HIFU", "Y90", None])
    assert groups_present(labels) == ["Y90", "ablation", "HIFU", "surgery"]


def test_exactly_sixty_belongs_to_neither_age_group():
    assert age_groups(pd.Series([59.9, 60, 60.1, np.nan]), 60).tolist() == ["<60", "60", ">60", None]


def test_treatment_gap_is_the_difference_of_the_clocks():
    frame = pd.DataFrame({"os_liver_metastasis_months": [10.0, 5.0], "os_treatment_months": [6.5, 5.0]})
    assert treatment_gap_months(frame).tolist() == [3.5, 0.0]


# -- the paper's Table 1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["age", "sex", "extrahepatic_disease", "survival_status", "prior_chemotherapy", "ecog",
                                      "lobar_disease", "hepatic_lesions", "primary_site", "prior_metastasectomy", "treatment_gap"])
def test_reference_cohort_gives_the_printed_table(study, ledger, variable):
    made = {name: value for each in baseline_variables(study) if each.name == variable for name, value in quantities(each).items()}
    printed = {name: ledger[name] for name in made if name in ledger.index}
    assert printed, "the ledger holds this variable"
    assert {name: text for name, text in printed.items() if not agrees(made[name], text)} == {}
    assert not set(ledger.index[ledger.index.str.match(rf"{variable}\..*(count|percent|mean|sd)$")]) - set(made)


def test_early_means_up_to_and_with_the_cut():
    study = build_cohort("x", patients_of(os_liver_metastasis_months=[9.9, 10.0, 10.1], os_treatment_months=[6.0] * 3))
    timing = next(each for each in baseline_variables(study) if each.name == "treatment_gap")
    assert timing.values.tolist() == ["early", "early", "late"]


def test_a_patient_exactly_at_the_age_cut_gets_a_row():
    study = build_cohort("x", patients_of(age_years=[59, 60, 61]))
    assert next(each for each in baseline_variables(study) if each.name == "age" and each.levels).levels == ("<60", "60", ">60")


def test_absent_and_blank_columns_are_left_out():
    study = build_cohort("x", patients_of(sex=[None, None]))
    assert [each.name for each in baseline_variables(study)] == ["survival_status"]


# -- describe ----------------------------------------------------------------------------------------------


def test_moments_of_one_to_ten():
    row = describe(Variable("x", "X", pd.Series(range(1, 11)))).iloc[0]
    # by hand; the SD is R's sd(1:10), the quartiles R's quantile(1:10), type 7
    assert row["mean"] == 5.5 and row["sd"] == pytest.approx(3.02765, abs=1e-5)
    assert (row["q1"], row["median"], row["q3"]) == (3.25, 5.5, 7.75)


def test_missing_values_leave_the_denominator_and_are_counted():
    rows = describe(Variable("x", "X", pd.Series(["yes", None, "no", "yes"]), ("yes", "no")))
    assert rows["count"].tolist() == [2, 1]
    assert rows["n_known"].unique() == [3] and rows["n_missing"].unique() == [1] and rows["n_group"].unique() == [4]


def test_a_level_nobody_has_and_a_group_without_patients_are_zeros_with_their_denominator():
    rows = describe(FLAG, GROUP, ["a", "c"])
    assert rows.loc[rows["group"] == "c", ["n_group", "n_known", "count"]].to_numpy().tolist() == [[0, 0, 0], [0, 0, 0]]


def test_one_patient_has_a_mean_and_no_sd():
    row = describe(Variable("x", "X", pd.Series([4.0]))).iloc[0]
    assert row["mean"] == 4 and np.isnan(row["sd"])
    assert quantities(Variable("x", "X", pd.Series([4.0]))) == {"x.mean": 4.0}


def test_nothing_known_gives_no_quantity():
    assert quantities(Variable("x", "X", pd.Series([None, None]), ("yes", "no"))) == {}
    assert np.isnan(describe(Variable("x", "X", pd.Series([np.nan]))).loc[0, "mean"])


def test_percentages_use_the_known():
    found = quantities(Variable("x", "X", pd.Series(["yes", None, "no", "no"]), ("yes", "no")))
    assert found["x.yes.percent"] == pytest.approx(100 / 3) and found["x.yes.count"] == 1


# -- standardised differences ------------------------------------------------------------------------------


def test_difference_of_numbers_by_hand():
    # means 2 and 4, both variances 1: (4 - 2) / sqrt((1 + 1) / 2) = 2
    numbers = Variable("x", "X", pd.Series([1, 2, 3, 3, 4, 5]))
    first = pd.Series([True] * 3 + [False] * 3)
    assert standardised_difference(numbers, first, ~first) == pytest.approx(2.0)


def test_difference_of_proportions_by_hand():
    # 1/2 and 1/4: 0.25 / sqrt((0.25 + 0.1875) / 2) = 0.534522
    flags = Variable("x", "X", pd.Series(list("1100") + list("1000")), ("1", "0"))
    first = pd.Series([True] * 4 + [False] * 4)
    assert standardised_difference(flags, first, ~first) == pytest.approx(0.534522, abs=1e-6)
    assert standardised_difference(Variable("x", "X", flags.values, ("0", "1")), first, ~first) == pytest.approx(0.534522, abs=1e-6)


def test_differences_agree_with_the_tableone_package():
    # PyPI tableone 0.9.6: TableOne(df, columns=["site", "dose"], categorical=["site"], groupby="g", smd=True).smd_table
    assert standardised_difference(DOSE, IN_A, IN_B) == pytest.approx(1.136827, abs=1e-6)
    assert standardised_difference(SITE, IN_A, IN_B) == pytest.approx(0.786518, abs=1e-6)


def test_order_of_categories_does_not_matter():
    turned = Variable("site", "Site", SITE.values, ("m", "e", "r", "p"))
    assert standardised_difference(turned, IN_A, IN_B) == pytest.approx(standardised_difference(SITE, IN_A, IN_B))


def test_a_category_of_nobody_changes_nothing():
    wider = Variable("site", "Site", SITE.values, ("x", *SITE.levels, "y"))
    assert standardised_difference(wider, IN_A, IN_B) == pytest.approx(standardised_difference(SITE, IN_A, IN_B))


def test_limiting_differences():
    first = pd.Series([True, True, False, False])

    def of(values, levels=()):
        return standardised_difference(Variable("x", "X", pd.Series(values), levels), first, ~first)

    assert of([1, 1, 1, 1]) == 0.0
    assert of([1, 1, 2, 2]) == np.inf  # no spread to measure it by
    assert of(["y", "y", "n", "n"], ("y", "n")) == np.inf
    assert of(["y", "n", "y", "n"], ("y", "n")) == 0.0
    assert np.isnan(of([1, 2, 3, np.nan]))  # one value has no variance
    assert np.isnan(of(["y", "n", None, None], ("y", "n")))


def test_the_largest_difference_names_its_pair():
    three = Variable("x", "X", pd.Series([1, 2, 3, 2, 3, 4, 9, 10, 11]))
    groups = pd.Series(["Y90"] * 3 + ["ablation"] * 3 + ["DEB-TACE"] * 3)
    value, a, b = largest_difference(three, groups)
    assert (a, b) == ("DEB-TACE", "Y90") and value == pytest.approx(8.0)
    empty = largest_difference(three, pd.Series(["Y90"] * 9))
    assert np.isnan(empty[0]) and empty[1:] == ("", "")


def test_chance_alone_between_thirteen_and_six():
    assert difference_by_chance(13, 6) == pytest.approx(0.49355, abs=1e-5)  # sqrt(1/13 + 1/6)
    with pytest.raises(BaselineError, match="two groups with patients, not 3 and 0"):
        difference_by_chance(3, 0)


def test_chance_gives_what_simulation_gives():
    rng = np.random.default_rng(7)
    first = pd.Series([True] * 200 + [False] * 100)
    signless = [standardised_difference(Variable("x", "X", pd.Series(rng.normal(size=300))), first, ~first) for _ in range(400)]
    # the absolute value of a normal number has the mean sqrt(2 / pi) of its spread
    assert np.mean(signless) == pytest.approx(difference_by_chance(200, 100) * np.sqrt(2 / np.pi), rel=0.08)


# -- P values ----------------------------------------------------------------------------------------------


def test_p_values_agree_with_r():
    # R 4.2.2: kruskal.test(dose, factor(g)); fisher.test(table(g, flag)); fisher.test(table(g, site))
    assert group_p_value(DOSE, GROUP) == pytest.approx(0.05013640046, abs=1e-9)
    assert group_p_value(FLAG, GROUP) == pytest.approx(0.02481831894, abs=1e-9)
    assert group_p_value(SITE, GROUP) == pytest.approx(0.7257644, abs=0.01)  # drawn, not listed
    assert group_p_value(SITE, GROUP) == group_p_value(SITE, GROUP)


def test_no_p_without_two_groups_or_variation():
    assert np.isnan(group_p_value(DOSE, pd.Series(["a"] * 18)))
    assert np.isnan(group_p_value(Variable("x", "X", pd.Series([1] * 18)), GROUP))


# -- from the tables ---------------------------------------------------------------------------------------


def test_labs_are_compared_in_one_unit():
    labs = pd.DataFrame({"patient": ["P0", "P1"], "visit": "baseline", "analyte": "bilirubin", "value": [1.0, 17.1],
                         "unit": ["mg/dL", "umol/L"]})
    values = lab_values(build_cohort("x", patients_of(age_years=[50, 60]), labs=labs), "baseline")["bilirubin"]
    assert values.round(2).tolist() == [1.0, 1.0]  # 17.1 umol/L is 1 mg/dL


def lesions_of(*rows):
    columns = ["patient", "visit", "lesion", "longest_diameter_mm", "target", "new", "extrahepatic"]
    return pd.DataFrame(rows, columns=columns)


def test_largest_lesion_is_of_the_liver_and_known_only_when_all_targets_are():
    study = build_cohort("x", patients_of(age_years=[50, 60, 70]), lesions=lesions_of(
        ("P0", "baseline", "L1", 20, True, False, False), ("P0", "baseline", "E1", 90, True, False, True),
        ("P0", "month_3", "L1", 80, True, False, False), ("P1", "baseline", "L1", 20, True, False, False),
        ("P1", "baseline", "L2", None, True, False, False), ("P2", "baseline", "L1", 25, True, False, False),
        ("P2", "baseline", "L2", None, False, False, False)))
    largest = largest_liver_lesion_mm(study).tolist()
    assert largest[0] == 20 and np.isnan(largest[1]) and largest[2] == 25


def test_combinations_are_the_papers(study, ledger):
    counts = {f"combination.{slug(first)}_then_{slug(second)}.count": count
              for (first, second), count in treatment_sequences(study.patients).items()}
    assert all(agrees(count, ledger[name]) for name, count in counts.items())
    assert agrees(sum(counts.values()), ledger["combination.any.count"])
    with pytest.raises(BaselineError, match="no second_treatment column"):
        treatment_sequences(patients_of(age_years=[1]))


def test_completeness_counts_what_is_missing():
    labs = pd.DataFrame({"patient": ["P0", "P0", "P1"], "visit": "baseline", "analyte": ["alt", "ast", "alt"], "value": [1, 2, 3.0], "unit": "U/L"})
    study = build_cohort("x", patients_of(age_years=[50, None, 60]), labs=labs, lesions=lesions_of(("P2", "baseline", "L1", 5, True, False, False)))
    matrix = completeness(study)
    assert matrix["age"].tolist() == [True, False, True]
    assert matrix["all labs, baseline"].tolist() == [True, False, False]
    assert matrix["lesions measured, baseline"].tolist() == [False, False, True]
    assert "treatment sessions" not in matrix and "second treatment" not in matrix


def test_who_enters_each_analysis():
    labs = pd.DataFrame([("P0", "baseline", "alt", 5.0), ("P0", "week 8", "alt", 6.0), ("P1", "baseline", "alt", 5.0), ("P1", "week 8", "ast", 6.0),
                         ("P2", "baseline", "alt", 5.0), ("P2", "week 8", "alt", None)], columns=["patient", "visit", "analyte", "value"]).assign(unit="U/L")
    study = build_cohort("x", patients_of(age_years=[1, 2, 3]), labs=labs)
    enters = analysed(study, "week 8")
    assert enters["toxicity"].tolist() == [True, False, False]
    assert enters["survival"].all() and "response" not in enters
    assert list(analysed(study, None)) == ["survival"]


def test_follow_up_visits_come_in_the_order_of_their_days():
    labs = pd.DataFrame({"patient": "P0", "visit": ["late", "baseline", "soon"], "visit_day": [90, -3, 30], "analyte": "alt", "value": 1.0, "unit": "U/L"})
    study = build_cohort("x", patients_of(age_years=[1]), labs=labs)
    assert visits_after_baseline(study) == ["soon", "late"]
    assert visits_after_baseline(build_cohort("x", patients_of(age_years=[1]))) == []


def test_lanes_are_sorted_and_keep_who_did_not_progress():
    frame = patients_of(os_treatment_months=[3.0, 9.0, 5.0], os_liver_metastasis_months=[4.0, 9.0, 8.0], liver_pfs_months=[3.0, 2.0, 5.0],
                        liver_progressed=[False, True, False])
    frame["first_treatment"] = ["Y90", "ablation", "Y90"]
    drawn = lanes(build_cohort("x", frame))
    assert drawn["patient"].tolist() == ["P2", "P0", "P1"]
    assert drawn["metastasis_months"].tolist() == [-3.0, -1.0, 0.0]
    assert drawn["progression_months"].isna().tolist() == [True, True, False]


def test_lanes_without_clocks_have_ends_only():
    drawn = lanes(build_cohort("x", patients_of(age_years=[1, 2])))
    assert drawn[["metastasis_months", "progression_months"]].isna().all(axis=None) and drawn["end_months"].tolist() == [6.0, 6.0]
