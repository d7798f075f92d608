"""Eligibility, allocation and technique, at and beside each printed limit."""

import pandas as pd
import pytest

from lib.cohort import build_cohort, read_cohort
from lib.cohort_records import SESSION_CHECKS, limit_values
from lib.cohort_tables import limit_text
from lib.protocol import PAPER, Protocol, allocation, eligibility, eligible, lobes_treated, session_checks, summarise_checks, visit_times
from lib.published import agrees, read_ledger


@pytest.fixture(scope="module")
def study():
    return read_cohort("reference")


def patients_of(n, **columns):
    base = {"patient": [f"P{i}" for i in range(n)], "first_treatment": ["DEB-TACE"] * n, "os_treatment_months": [6.0] * n, "died": [True] * n}
    return pd.DataFrame(base | columns)


def labs_of(analyte, unit, *values):
    return pd.DataFrame({"patient": [f"P{i}" for i in range(len(values))], "visit": "baseline", "analyte": analyte, "value": values, "unit": unit})


def test_the_limits_in_the_code_are_the_printed_ones():
    ledger = read_ledger().drop_duplicates("quantity").set_index("quantity")["printed"]
    checks = [*SESSION_CHECKS, *ledger.index[ledger.index.str.startswith("eligibility.")]]
    used = {name: value for check in checks for name, value in limit_values(check, PAPER).items()}
    assert {name for name, value in used.items() if not agrees(value, ledger[name])} == set()
    printed = set(ledger.index[ledger.index.str.match(r"protocol\.(deb_tace|y90|ablation)|eligibility")])
    assert printed == set(used)
    assert agrees(PAPER.ablation_max_lesions, ledger["allocation.ablation.lesions.max"])
    assert agrees(PAPER.ablation_size_limit_mm / 10, ledger["allocation.ablation.lesion_size.limit"])
    assert agrees(PAPER.visit_months, ledger["visit.month_3.time"])
    assert all(limit_text(check, PAPER) for check in checks)


# -- eligibility -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("analyte", "unit", "within", "beyond"), [
    ("bilirubin", "mg/dL", 2.0, 2.1), ("bilirubin", "umol/L", 34.0, 34.5), ("creatinine", "mg/dL", 2.0, 2.01),
    ("creatinine", "umol/L", 176.0, 178.0), ("inr", "ratio", 1.5, 1.51), ("platelets", "10^3/uL", 50.0, 49.9), ("platelets", "10^9/L", 50.0, 49.0)])
def test_a_limit_is_included(analyte, unit, within, beyond):
    checks = eligibility(build_cohort("x", patients_of(2), labs=labs_of(analyte, unit, within, beyond)))
    own = checks[checks["quantity"].str.contains(analyte)]
    assert own["meets"].tolist() == [True, False]


def test_ecog_two_is_in_and_three_is_out():
    checks = eligibility(build_cohort("x", patients_of(2, ecog=[2, 3])))
    assert checks.loc[checks["quantity"] == "eligibility.ecog.max", "meets"].tolist() == [True, False]


def test_a_missing_value_is_neither_in_nor_out():
    checks = eligibility(build_cohort("x", patients_of(2, ecog=[0, None]), labs=labs_of("inr", "ratio", 1.0)))
    summary = summarise_checks(checks).set_index("quantity")
    assert summary.loc["eligibility.ecog.max", ["n", "n_known", "n_met"]].tolist() == [2, 1, 1]
    assert summary.loc["eligibility.ecog.max", "holds"] == True
    assert pd.isna(summary.loc["eligibility.bilirubin.max", "holds"])
    assert eligible(checks).isna().all()


def test_one_breach_decides_whatever_is_unknown():
    checks = eligibility(build_cohort("x", patients_of(2, ecog=[3, 1])))
    verdict = eligible(checks)
    assert verdict["P0"] == False or not verdict["P0"]
    assert pd.isna(verdict["P1"])
    row = summarise_checks(checks).set_index("quantity").loc["eligibility.ecog.max"]
    assert row["departing"] == ("P0",) and row["holds"] == False


def test_every_reference_patient_was_eligible(study):
    assert eligible(eligibility(study)).all()


# -- allocation --------------------------------------------------------------------------------------------


def allocated_of(count, sizes, treatment="ablation", protocol=PAPER):
    lesions = pd.DataFrame([("P0", "baseline", f"L{i}", size, True, False, False) for i, size in enumerate(sizes)],
                           columns=["patient", "visit", "lesion", "longest_diameter_mm", "target", "new", "extrahepatic"])
    frame = patients_of(1, n_liver_lesions=[count]).assign(first_treatment=treatment)
    return allocation(build_cohort("x", frame, lesions=lesions), protocol).iloc[0]


@pytest.mark.parametrize(("count", "sizes", "rule"), [
    (3, [29.9, 10, 5], "ablation"), (3, [30, 10, 5], "embolisation"), (4, [10, 10, 10, 10], "embolisation"), (1, [12], "ablation"),
    (4, [], "embolisation")])  # many lesions decide without their sizes
def test_rule_at_its_limits(count, sizes, rule):
    assert allocated_of(count, sizes)["rule"] == rule


def test_unknown_size_leaves_few_lesions_undecided():
    row = allocated_of(2, [])
    assert pd.isna(row["rule"]) and pd.isna(row["departs"])
    assert pd.isna(allocated_of(2, [10, None])["rule"])
    assert allocated_of(None, [35])["rule"] == "embolisation"  # a large lesion decides without the number


@pytest.mark.parametrize(("treatment", "departs"), [("ablation", False), ("DEB-TACE", True), ("Y90", True)])
def test_who_departs(treatment, departs):
    assert bool(allocated_of(2, [10, 20], treatment)["departs"]) is departs


def test_a_treatment_the_rule_does_not_know_is_not_judged():
    row = allocated_of(2, [10, 20], "HIFU")
    assert row["rule"] == "ablation" and pd.isna(row["given"]) and pd.isna(row["departs"])


def test_limits_of_the_rule_are_obeyed():
    assert allocated_of(2, [40, 10], protocol=Protocol(ablation_size_limit_mm=50))["rule"] == "ablation"
    assert allocated_of(2, [10, 10], protocol=Protocol(ablation_max_lesions=1))["rule"] == "embolisation"


def test_nobody_was_ablated_against_the_rule(study):
    allocated = allocation(study)
    assert not allocated.loc[allocated["given"] == "ablation", "departs"].any()


# -- sessions ----------------------------------------------------------------------------------------------

SESSION = {"patient": "P0", "session": 1, "day": 0, "treatment": "DEB-TACE", "lobe": "right", "bead_size_um": "70-150",
           "doxorubicin_mg": 100.0, "bead_volume_ml": 2.0}


def checked(*sessions, n=1, **patients):
    frame = patients_of(n, **patients)
    frame["first_treatment"] = sessions[0]["treatment"]
    study = build_cohort("x", frame, treatments=pd.DataFrame(sessions))
    return summarise_checks(session_checks(study)).set_index("quantity")["holds"]


@pytest.mark.parametrize(("quantity", "change"), [
    ("protocol.deb_tace.beads", {"bead_size_um": "300-500"}), ("protocol.deb_tace.doxorubicin_loaded", {"bead_volume_ml": 1.9}),
    ("protocol.deb_tace.bead_volume.max", {"bead_volume_ml": 2.1, "doxorubicin_mg": 105.0}),
    ("protocol.deb_tace.doxorubicin.max", {"doxorubicin_mg": 101.0})])
def test_each_dose_rule_fails_alone(quantity, change):
    assert checked(SESSION)[quantity] == True
    assert checked(SESSION | change)[quantity] == False


@pytest.mark.parametrize(("days", "holds"), [(34, False), (35, True), (49, True), (50, False)])  # 5 and 7 weeks
@pytest.mark.parametrize("treatment", ["DEB-TACE", "Y90"])
def test_weeks_between_the_lobes(treatment, days, holds):
    first = {"patient": "P0", "session": 1, "day": 0, "treatment": treatment, "lobe": "right"}
    second = first | {"session": 2, "day": days, "lobe": "left"}
    quantity = "protocol." + treatment.lower().replace("-", "_") + ".interval"
    assert checked(first, second)[quantity] == holds


def test_one_lobe_has_no_interval_and_a_later_session_does_not_move_it():
    first = {"patient": "P0", "session": 1, "day": 0, "treatment": "Y90", "lobe": "right"}
    assert "protocol.y90.interval" not in checked(first, first | {"session": 2, "day": 40})
    assert checked(first, first | {"session": 2, "day": 42, "lobe": "left"}, first | {"session": 3, "day": 150})["protocol.y90.interval"] == True


@pytest.mark.parametrize(("change", "needle", "margin"), [
    ({}, True, True), ({"needle_gauge": 17}, False, True), ({"margin_mm": 4.9}, True, False)])
def test_ablation_rules(change, needle, margin):
    holds = checked({"patient": "P0", "session": 1, "day": 0, "treatment": "ablation", "needle_gauge": 14, "margin_mm": 5.0} | change)
    assert holds["protocol.ablation.needle"] == needle and holds["protocol.ablation.margin.min"] == margin


def test_a_dose_not_written_down_is_not_kept():
    holds = checked({"patient": "P0", "session": 1, "day": 0, "treatment": "DEB-TACE"})
    assert holds.isna().all()


def test_other_treatments_are_not_checked():
    assert checked({"patient": "P0", "session": 1, "day": 0, "treatment": "HIFU"}).empty


def test_reference_sessions_keep_the_protocol(study):
    summary = summarise_checks(session_checks(study))
    assert set(summary["quantity"]) == set(SESSION_CHECKS) and summary["holds"].all()
    assert (summary["n_known"] == summary["n"]).all()


def test_lobes_of_bilobar_patients(study):
    lobes = lobes_treated(study)
    bilobar = study.patients[(study.patients["lobar_disease"] == "bilobar") & (study.patients["first_treatment"] != "ablation")]
    assert set(lobes["patient"]) == set(bilobar["patient"])
    assert lobes_treated(build_cohort("x", patients_of(1))).empty


# -- visits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "inside"), [(59, False), (60, True), (120, True), (121, False)])
def test_window_of_the_visit(day, inside):
    labs = labs_of("alt", "U/L", 5.0).assign(visit="month_3", visit_day=day)
    times = visit_times(build_cohort("x", patients_of(1), labs=labs), "month_3")
    assert times["in_window"].tolist() == [inside]
    assert times["months"].item() == pytest.approx(day / 30.4375)


def test_a_visit_on_two_days_is_counted_by_its_last():
    labs = pd.concat([labs_of(analyte, "U/L", 5.0).assign(visit="month_3", visit_day=day) for analyte, day in (("alt", 119), ("ast", 121))])
    times = visit_times(build_cohort("x", patients_of(1), labs=labs), "month_3")
    assert (times["day"].tolist(), times["in_window"].tolist()) == ([121], [False])


def test_no_visit_days_no_times():
    assert visit_times(build_cohort("x", patients_of(1), labs=labs_of("alt", "U/L", 5.0)), "month_3").empty
