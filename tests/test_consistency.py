"""Contradictions of the paper: each is found in its ledger, and each is gone once the ledger is mended."""

import pandas as pd
import pytest

from lib.consistency import (CHECKS, age_left_out, asymmetric_intervals, contradictions, disagreeing_places, findings_table,
                             interval_of, means_called_medians, same_patients_by_logic, shared_limits, toxicity_totals,
                             unexplained_progressions, visit_after_follow_up, worse_by_viable_part, wrong_denominators)
from lib.published import LEDGER_COLUMNS, read_ledger
from lib.quantity_names import readable

LEDGER = read_ledger()


def mended(quantity, printed, place=""):
    """The paper's ledger with one figure printed otherwise (at one place, or wherever it stands)."""
    ledger = LEDGER.copy()
    rows = (ledger.quantity == quantity) & ledger.place.str.startswith(place)
    assert rows.any()
    ledger.loc[rows, "printed"] = printed
    return ledger


def ledger_of(*rows):
    return pd.DataFrame([(q, printed, "months", place, "reproduced", "") for q, printed, place in rows], columns=LEDGER_COLUMNS)


def only(findings):
    assert len(findings) == 1, [finding.title for finding in findings]
    return findings[0]


# -- the same quantity at two places --------------------------------------------------------------------

@pytest.mark.parametrize("quantity, losing, winning, places", [
    ("lab_toxicity.grade_1_2.count", "20", "21", ("Abstract", "Results")),
    ("meld.month_3.mean", "8.8", "8.9", ("Abstract", "Results")),
    ("os_treatment.meld_change.p", "0.142", "0.143", ("Results", "Table 2")),
])
def test_the_papers_disagreeing_places_are_found_and_mended(quantity, losing, winning, places):
    finding = only([f for f in disagreeing_places(LEDGER) if f.title.startswith(readable(quantity))])
    assert losing in finding.title and winning in finding.title
    assert [place.startswith(expected) for place, expected in zip(finding.places, places)] == [True, True]
    assert not [f for f in disagreeing_places(mended(quantity, winning)) if f.title.startswith(readable(quantity))]


def test_no_other_quantity_disagrees_with_itself():
    """By hand: 20 and 21, 8.8 and 8.9, 0.142 and 0.143; a baseline SD of 1.89 prints as 1.9, 41.7 prints as 42."""
    assert len(disagreeing_places(LEDGER)) == 3


@pytest.mark.parametrize("first, second, disagree", [
    ("1.9", "1.89", False), ("41.7", "42", False), ("3", "Three", False), ("0", "0.0", False),
    ("8.8", "8.9", True), ("1.9", "1.84", True), ("42", "41.4", True), ("42", "41.5", False), ("42", "42.5", False), ("42", "42.6", True),
])
def test_two_printed_figures_disagree_only_where_no_value_gives_both(first, second, disagree):
    """By hand, e.g. 42 stands for 41.5 to 42.5 and 42.5 for 42.45 to 42.55: 42.47 prints as both."""
    found = disagreeing_places(ledger_of(("q", first, "Abstract"), ("q", second, "Results")))
    assert bool(found) is disagree


def test_interval_of_a_printed_figure():
    assert interval_of("8.8") == pytest.approx((8.75, 8.85))


# -- denominators ---------------------------------------------------------------------------------------

def test_both_response_columns_of_deb_tace_are_percentages_of_23():
    findings = wrong_denominators(LEDGER)
    assert [finding.title for finding in findings] == [
        "Table 3, RECIST, DEB-TACE: percentages of 23, patients 13", "Table 3, mRECIST, DEB-TACE: percentages of 23, patients 13"]
    # by hand: 30.4 + 26.1 + 0 + 0 and 13.0 + 13.0 + 17.4 + 13.0
    assert "56.5%" in findings[0].evidence and "56.4%" in findings[1].evidence


def test_percentages_of_13_mend_the_recist_column():
    ledger = mended("recist.deb_tace.pd.percent", "53.8")
    ledger.loc[ledger.quantity == "recist.deb_tace.sd.percent", "printed"] = "46.2"
    assert [finding.title.split(":")[0] for finding in wrong_denominators(ledger)] == ["Table 3, mRECIST, DEB-TACE"]


def test_a_column_that_no_denominator_fits_is_told_so():
    finding = only([f for f in wrong_denominators(mended("sex.male.percent", "33.9")) if "Sex" in f.title])
    assert "no single number" in finding.title


def test_an_empty_column_is_not_a_contradiction():
    empty = ledger_of(("a.x.count", "0", "Table 1: A, x"), ("a.x.percent", "0", "Table 1: A, x"))
    assert wrong_denominators(empty) == []


# -- toxicity, means, intervals -------------------------------------------------------------------------

def test_laboratory_toxicity_adds_up_to_23_and_to_24():
    finding = only(toxicity_totals(LEDGER))
    assert "20 + 3 = 23 of 24" in finding.evidence and "21 + 3 = 24 of 24" in finding.evidence
    assert toxicity_totals(mended("lab_toxicity.grade_1_2.count", "21")) == []


def test_survival_is_called_a_mean_and_a_median():
    findings = means_called_medians(LEDGER)
    assert {finding.title.split(":")[0] for finding in findings} == {"Survival from diagnosis", "Survival from liver metastasis", "Survival from treatment"}
    renamed = LEDGER.assign(quantity=LEDGER.quantity.str.replace(r"^(os_.*)\.mean$", r"\1.median", regex=True))
    assert means_called_medians(renamed) == []


def test_a_mean_with_a_value_of_its_own_is_no_contradiction():
    assert means_called_medians(ledger_of(("os.mean", "61", "Abstract"), ("os.median", "59", "Results"))) == []


def test_survival_from_liver_metastasis_has_an_interval_off_its_median():
    """By hand: the midpoint of 22.9 and 31.0 is 26.95; limits within half a tenth leave 26.90 to 27.00, exclusive."""
    finding = only(asymmetric_intervals(LEDGER))
    assert finding.title.startswith("Survival from liver metastasis: 27 (22.9 to 31.0)")
    assert "26.90 to 27.00 would mend it" in finding.evidence
    assert asymmetric_intervals(mended("os_liver_metastasis.upper", "31.1")) == []


@pytest.mark.parametrize("median, lower, upper, symmetric", [
    ("9", "1.4", "16.6", True), ("22", "4.7", "39.3", True), ("4", "0", "21.4", True),  # 0 stands for a negative limit
    ("9", "1.4", "17.6", False),
])
def test_symmetry_of_single_intervals(median, lower, upper, symmetric):
    ledger = ledger_of(("a.median", median, "T"), ("a.lower", lower, "T"), ("a.upper", upper, "T"))
    assert bool(asymmetric_intervals(ledger)) is not symmetric


def test_an_interval_that_no_unrounded_median_mends():
    """By hand: the midpoint of 1.4 and 19.6 is 10.5, and nothing near 10.5 prints as 9."""
    finding = only(asymmetric_intervals(ledger_of(("a.median", "9", "T"), ("a.lower", "1.4", "T"), ("a.upper", "19.6", "T"))))
    assert "no unrounded median mends it" in finding.evidence


def test_the_limit_of_increased_meld_is_also_that_of_all_patients():
    finding = only(shared_limits(LEDGER))
    assert "Survival from treatment, MELD, increased" in finding.title and "21.4" in finding.title
    assert any(place.startswith("Table 2") for place in finding.places)
    assert shared_limits(mended("os_treatment.meld_change.increased.upper", "9.8")) == []


def test_limits_of_zero_or_without_decimals_are_no_sign_of_copying():
    rows = [(f"{stem}.{part}", printed, "T") for stem in ("a", "b") for part, printed in (("median", "9"), ("lower", "0.0"), ("upper", "20"))]
    assert shared_limits(ledger_of(*rows)) == []


# -- patients -------------------------------------------------------------------------------------------

def test_y90_has_more_progression_where_only_the_viable_part_counts():
    finding = only(worse_by_viable_part(LEDGER))
    assert finding.title == "Y90: more progression by mRECIST (3) than by RECIST (2)"
    assert worse_by_viable_part(mended("mrecist.y90.pd.count", "2")) == []


def test_four_extrahepatic_progressions_leave_one_unexplained():
    """By hand: (7 - 3) + (4 - 3) = 5 patients progress by RECIST but not in the liver; 4 progressions are extrahepatic."""
    finding = only(unexplained_progressions(LEDGER))
    assert "at least 5 patients" in finding.evidence and "printed for 4" in finding.evidence and "At least 1 must" in finding.evidence
    assert unexplained_progressions(mended("extrahepatic_progression.count", "5")) == []


def test_a_three_month_visit_after_the_end_of_follow_up():
    finding = only(visit_after_follow_up(LEDGER))
    assert "2.5 months" in finding.evidence
    assert visit_after_follow_up(mended("follow_up.min", "3.1")) == []


def test_age_groups_leave_out_sixty():
    assert "leave out 60" in only(age_left_out(LEDGER)).title
    mended_groups = LEDGER.assign(quantity=LEDGER.quantity.str.replace("age.over_60", "age.from_60"))
    assert age_left_out(mended_groups) == []


def test_solitary_and_unilobar_are_the_same_four_patients():
    finding = only(same_patients_by_logic(LEDGER))
    assert finding.title == "Solitary = unilobar = 4"
    assert same_patients_by_logic(mended("lobar_disease.unilobar.count", "5")) == []


# -- all together ---------------------------------------------------------------------------------------

def test_every_check_finds_something_in_the_paper_and_nothing_in_an_empty_ledger():
    for check in CHECKS:
        assert check(LEDGER), check.__name__
        assert check(LEDGER.iloc[:0]) == [], check.__name__
    assert contradictions(LEDGER.iloc[:0]) == []


def test_contradictions_gathers_every_check_and_obeys_the_largest_denominator():
    assert contradictions(LEDGER) == [finding for check in CHECKS for finding in check(LEDGER)]
    short = [finding.title for finding in contradictions(LEDGER, 20) if "percentages of" in finding.title]
    assert short and all("no single number" in title for title in short)


def test_findings_become_a_table_of_one_row_each():
    table = findings_table(contradictions(LEDGER))
    assert len(table) == len(contradictions(LEDGER)) and (table != "").all(axis=None)
    assert findings_table([]).empty and list(findings_table([])) == list(table)


def test_places_cited_by_findings_are_places_of_the_ledger():
    places = set(LEDGER.place)
    for finding in contradictions(LEDGER):
        assert finding.places
        for place in finding.places:
            assert place in places or place.rpartition(" (")[0] in places, place
