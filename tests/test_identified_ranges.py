"""Ranges, grades and proved limits: the rule on examples made by hand, and what the written file must not contradict."""

import numpy as np
import pytest

from lib.identified import proved, ranges
from lib.identified.proved import Limits
from lib.identified.quantities import GROUPINGS, QUANTITIES, Quantity
from lib.published import read_ledger
from lib.reconstruct.completion.printed import PrintedFigures
from lib.reconstruct.ambiguities import exact_readings, solutions_of
from lib.reconstruct.constraints import survival_constraints

TABLE = ranges.read_ranges()


@pytest.mark.parametrize(("limits", "decimals", "share_left", "expected"), [
    (Limits(1.1621, 1.1624, ""), 2, 0.9, "implied"), (Limits(1.1621, 1.1651, ""), 2, 0.01, "narrowed"),
    (Limits(0.0, 1.0, ""), 2, 0.5, "narrowed"), (None, 2, 0.501, "open"), (None, 2, 0.0, "narrowed"),
    (Limits(np.inf, np.inf, ""), 1, 1.0, "implied"),
])
def test_a_grade_needs_a_proof_or_a_gain(limits, decimals, share_left, expected):
    assert ranges.grade(limits, decimals, share_left) == expected


def test_share_left_counts_both_ends_and_not_the_missing():
    assert ranges.share_inside(np.array([1.0, 2, 3, np.inf, np.nan]), 2.0, 3.0) == 0.5
    assert ranges.share_inside(np.array([1.0, np.inf]), 1.0, np.inf) == 1.0


def test_a_table_of_ranges_by_hand():
    values = np.array([1.0, 2.0, 3.0, np.nan])
    table = ranges.summarise({"q": Quantity("A quantity", "months", 4, 1)}, {"q": values},
                             np.array(["tolerant", "tolerant", "exact", "exact"]), {}, {"q": np.array([0.5, 1.5, 2.5, 9.0])},
                             {"q": Limits(0.0, 4.0, "printed median")})
    row = table.iloc[0]
    assert (row.low, row.high, row.exact_low, row.exact_high) == (1.0, 3.0, 3.0, 3.0)
    assert (row.tolerant_lower, row.tolerant_upper, row.share_left, row.grade) == (1.0, 2.0, 0.25, "narrowed")
    assert (row.n_cohorts, row.n_missing, row.proved_high) == (3, 1, 4.0)


@pytest.mark.parametrize(("value", "decimals", "expected"), [(1.234, 2, "1.23"), (np.inf, 1, "not reached"), (-0.0, 1, "0.0"), (np.nan, 1, "none"),
                                                           (0.0004, 3, "<0.001"), (0.0006, 3, "0.001"), (0.0004, 2, "0.00")])
def test_numbers_are_shown_as_in_the_chapters(value, decimals, expected):
    assert ranges.shown(value, decimals) == expected
    assert ranges.shown(np.inf, 2, "") == "infinite"


# -- proofs --------------------------------------------------------------------------------------------


def test_extremes_of_agreement_by_hand():
    """Rows 2, 1 and columns 1, 1, 1: the diagonal can be empty, and can hold both of the categories they share."""
    assert proved._extremes(np.eye(4), [2, 1, 0, 0], [1, 1, 1, 0]).tolist() == [0, 2]


def test_y90_has_a_patient_who_is_worse_by_mrecist():
    """RECIST PD 2, mRECIST PD 3 among the same six patients (Table 3)."""
    limits = proved.from_counts(PrintedFigures(read_ledger()))["response.worse_by_mrecist.count"]
    assert limits.low == 1


def test_what_printed_medians_say_of_other_times():
    """Median liver PFS prints as 9 months: above one half at 6, at most one half at 12. From treatment 9 months too."""
    found = proved.from_medians(survival_constraints(read_ledger()))
    assert 0.5 < found["liver_pfs.at_6_months"].low and found["liver_pfs.at_6_months"].high == 1
    assert (found["os_treatment.at_12_months"].low, found["os_treatment.at_12_months"].high) == (0, 0.5)
    assert found["os_diagnosis.at_24_months"].low > 0.5


@pytest.mark.parametrize("name", ["recist.orr.exact_p", "mrecist.dcr.exact_p"])
def test_printed_counts_give_the_chapters_exact_test(name):
    from scipy.stats import fisher_exact  # of a table of two rows and three columns: by network in R, listed here

    from lib.proportions import exact_group_p

    hits = {"recist.orr.exact_p": (0, 0, 1), "mrecist.dcr.exact_p": (10, 3, 2)}[name]  # Table 3
    assert proved.from_counts(PrintedFigures(read_ledger()))[name].low == pytest.approx(exact_group_p(hits, (13, 6, 5)))
    assert fisher_exact([[7, 1], [6, 5]]).pvalue > 0.05


@pytest.fixture(scope="module")
def limits():
    """Of the order whose enumeration takes a second; the others may only widen them."""
    return proved.from_orders(solutions_of("DDDDDDDDDDDDcDccDcDcDcDc", survival_constraints(read_ledger())))


def test_the_written_limits_hold_what_one_order_gives(limits):
    _held(limits)


def test_the_written_limits_hold_what_the_orders_found_by_walds_test_give():
    """Table 2: 0.763, 0.143, 0.102, 0.753, which there are Wald's P values, to the printed digits."""
    by_wald = proved.from_orders(exact_readings(survival_constraints(read_ledger()))["Cox, Wald"])
    for name, p in {"extrahepatic_disease": 0.763, "meld_change": 0.143, "treatment_gap": 0.102, "mrecist_response": 0.753}.items():
        found = by_wald[f"os_treatment.{name}.wald_p"]
        assert [found.low, found.high] == pytest.approx([p, p], abs=0.0005)
    _held(by_wald)


def _held(limits):
    for name, each in limits.items():
        row = TABLE.loc[name]
        if row.ground == proved.ORDERS:
            assert row.proved_low <= each.low + 1e-6 and each.high <= row.proved_high + 1e-6, name


def test_the_log_rank_p_of_enumerated_labels_is_the_printed_one(limits):
    """Wald's P is near the log-rank P that the labels were chosen for: 0.763, 0.143, 0.102, 0.753 (Table 2)."""
    printed = {"extrahepatic_disease": 0.763, "meld_change": 0.143, "treatment_gap": 0.102, "mrecist_response": 0.753}
    for name, p in printed.items():
        assert limits[f"os_treatment.{name}.wald_p"].low == pytest.approx(p, abs=0.012)


# -- the file ------------------------------------------------------------------------------------------


def test_the_file_has_every_quantity_and_known_grades():
    assert set(QUANTITIES) <= set(TABLE.index)
    assert set(TABLE.grade) <= set(ranges.GRADES)
    assert (TABLE.n_cohorts[[*QUANTITIES]] >= 2000).all()


def test_no_exact_cohort_breaks_a_proved_limit():
    held = TABLE[TABLE.proved_low.notna() & TABLE.exact_low.notna()]
    assert len(held) > 20
    assert (held.exact_low >= held.proved_low - 1e-6).all() and (held.exact_high <= held.proved_high + 1e-6).all()


def test_grades_follow_from_the_columns():
    for row in TABLE.itertuples():
        bounds = None if np.isnan(row.proved_low) else Limits(row.proved_low, row.proved_high, row.ground)
        assert row.grade == ranges.grade(bounds, row.decimals, row.share_left), row.quantity


def test_middle_ranges_lie_within_all_that_was_found():
    found = TABLE[TABLE.n_cohorts > 0]
    assert (found.low <= found.tolerant_lower).all() and (found.tolerant_upper <= found.high).all()
    assert (found.tolerant_lower <= found.tolerant_middle).all()


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_two_names_of_one_quantity_have_one_range(grouping):
    one, other = (TABLE.loc[name, ["low", "high", "grade"]].tolist() for name in
                  (f"os_treatment.{grouping}.hazard_ratio", f"os_treatment.cox.{GROUPINGS[grouping][3]}.hazard_ratio"))
    assert one == other


def test_a_quantity_is_looked_up_with_its_mark():
    found = ranges.lookup("mrecist.deb_tace.dcr.count")
    assert (found.grade, found.ground, found.mark) == ("implied", "printed counts", "10 (implied)")
    assert ranges.lookup("os_treatment.cox.primary_site.hazard_ratio") is None
    wide = ranges.lookup("os_treatment.first_treatment.y90.median")
    assert wide.grade == "open" and wide.span.endswith("to not reached")


def test_a_missing_file_is_refused_with_the_command(tmp_path):
    with pytest.raises(ranges.IdentifiedError, match="identified.csv is not there; make it with 'python -m lib.identified'"):
        ranges.read_ranges(tmp_path / "identified.csv")
