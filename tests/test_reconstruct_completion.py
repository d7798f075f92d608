"""Completing a survival skeleton to a cohort, and verifying what was written.

Expectations come from the paper's printed figures (the ledger), from the wording of CTCAE v5.0 and RECIST 1.1, from
hand calculation, from lifelines, and from the domain modules, which share no code with the completion or the verifier.
"""

import math
import shutil

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from lib.cohort import DATA, build_cohort
from lib.liver_scores import meld as domain_meld
from lib.published import read_ledger
from lib.reconstruct import verify as verifier
from lib.reconstruct.completion import SKELETON_COLUMNS, CompletionError, complete
from lib.reconstruct.completion.labs import cox_score_p
from lib.reconstruct.completion.printed import PrintedFigures
from lib.reconstruct.tables import write_tables
from lib.response import extrahepatic_progression, month_3_response
from lib.toxicity import grade_labs, worst_grades

REFERENCE = DATA / "reference"
EARLY_TREATMENT_MONTHS = 4.0
TABLES = ["patients", "treatments", "labs", "lesions", "adverse_events"]


@pytest.fixture(scope="module")
def ledger():
    return read_ledger()


@pytest.fixture(scope="module")
def skeleton():
    """The survival part of the committed cohort, told apart again from its rows."""
    findings = verifier.findings_of(verifier.read_tables(REFERENCE), EARLY_TREATMENT_MONTHS)
    patients = findings["patients"].assign(mrecist_pd_month_3=lambda rows: rows.mrecist == "PD")
    return patients[list(SKELETON_COLUMNS)]


@pytest.fixture(scope="module", params=[11, 12])
def completed(request, skeleton, ledger, tmp_path_factory):
    """Cohorts from two seeds that made no committed file: tables and folder."""
    tables = complete(skeleton, ledger, request.param)
    folder = tmp_path_factory.mktemp(f"seed_{request.param}", numbered=False)
    write_tables(tables, folder)
    return tables, folder


@pytest.fixture
def copied(tmp_path):
    """A copy of the reference cohort for planting faults in."""
    return shutil.copytree(REFERENCE, tmp_path / "cohort")


def failures(folder):
    judged = verifier.verify(folder)
    return set(judged.quantity[~judged.ok])


# The cohort


def test_reference_cohort_prints_every_figure_of_the_paper():
    judged = verifier.verify(REFERENCE)
    assert judged[~judged.ok].to_dict("records") == []
    assert len(judged) > 350


def test_completion_with_another_seed_prints_every_figure_too(completed):
    assert failures(completed[1]) == set()


def test_completion_meets_the_contract(completed):
    tables, _ = completed
    cohort = build_cohort("trial", **tables, invented=True)
    assert cohort.n_patients == 24
    assert cohort.lacking(*TABLES) == ()


def test_grades_by_the_toxicity_module_are_those_of_the_verifier(completed):
    tables, folder = completed
    cohort = build_cohort("trial", **tables, invented=True)
    worst = worst_grades(grade_labs(cohort.labs, cohort.patients), cohort.patients.patient).worst_grade
    found = verifier.findings_of(verifier.read_tables(folder), EARLY_TREATMENT_MONTHS)["patients"].set_index("patient")
    assert worst.reindex(found.index).tolist() == found.worst_grade.tolist()


def test_categories_by_the_response_module_are_those_of_the_verifier(completed):
    tables, folder = completed
    lesions = build_cohort("trial", **tables, invented=True).lesions
    found = verifier.findings_of(verifier.read_tables(folder), EARLY_TREATMENT_MONTHS)["patients"].set_index("patient")
    for criterion, column in (("RECIST", "recist"), ("mRECIST", "mrecist")):
        assert month_3_response(lesions, criterion).reindex(found.index).tolist() == found[column].tolist()
    outside = extrahepatic_progression(lesions).reindex(found.index)
    assert outside.tolist() == found.extrahepatic_progression.tolist()


def test_one_y90_patient_is_worse_by_mrecist_than_by_recist(completed):
    """Table 3 prints three Y90 patients PD by mRECIST and two by RECIST."""
    found = verifier.findings_of(verifier.read_tables(completed[1]), EARLY_TREATMENT_MONTHS)["patients"]
    odd = found[(found.mrecist == "PD") & (found.recist != "PD")]
    assert odd[["first_treatment", "recist"]].to_numpy().tolist() == [["Y90", "SD"]]


def test_discordant_progression_is_outside_the_liver_or_an_ablation_zone(completed):
    """At least (7-3)+(4-3) = 5 are PD by RECIST alone, and 4 extrahepatic progressions cannot be all of them."""
    found = verifier.findings_of(verifier.read_tables(completed[1]), EARLY_TREATMENT_MONTHS)["patients"]
    discordant = found[(found.recist == "PD") & (found.mrecist != "PD")]
    assert len(discordant) == 5
    assert discordant.extrahepatic_progression.sum() == 4
    assert discordant.first_treatment[~discordant.extrahepatic_progression].tolist() == ["ablation"]


def test_no_laboratory_value_predicts_survival(completed):
    """The paper found none by univariate Cox regression; Wald P of lifelines, the completion uses a score test."""
    tables, _ = completed
    wide = tables["labs"].pivot(index="patient", columns=["visit", "analyte"], values="value")
    survival = tables["patients"].set_index("patient")[["os_treatment_months", "died"]]
    for column in wide:
        values = (wide[column] - wide[column].mean()) / wide[column].std()
        fitted = CoxPHFitter().fit(survival.assign(value=values), "os_treatment_months", "died")
        assert fitted.summary.p["value"] > 0.05, column


def test_order_of_patients_does_not_follow_survival(completed):
    months = completed[0]["patients"].os_treatment_months
    assert abs(np.corrcoef(np.arange(len(months)), months)[0, 1]) < 0.6


def test_most_patients_had_nausea_pain_and_fatigue(completed):
    events = completed[0]["adverse_events"]
    for terms in (["nausea"], ["right upper quadrant pain", "epigastric pain"], ["fatigue"]):
        assert 2 * events[events.term.isin(terms)].patient.nunique() > 24


def test_counts_come_from_the_ledger(skeleton, ledger):
    changed = ledger.copy()
    for quantity, printed in (("sex.male.count", "10"), ("sex.female.count", "14"), ("ecog.0.count", "20"),
                              ("ecog.1.count", "4"), ("protocol.ablation.needle", "16")):
        changed.loc[changed.quantity == quantity, "printed"] = printed
    tables = complete(skeleton, changed, 11)
    assert (tables["patients"].sex == "male").sum() == 10
    assert (tables["patients"].ecog == 1).sum() == 4
    assert set(tables["treatments"].needle_gauge.dropna()) == {16}


def test_same_seed_gives_the_same_bytes(completed, skeleton, ledger, tmp_path):
    _, folder = completed
    write_tables(complete(skeleton, ledger, int(folder.name.removeprefix("seed_"))), tmp_path)
    assert all((tmp_path / f"{name}.csv").read_bytes() == (folder / f"{name}.csv").read_bytes() for name in TABLES)


def test_files_have_line_feeds_and_words_for_booleans(completed):
    text = (completed[1] / "patients.csv").read_bytes()
    assert b"\r" not in text
    assert b"True" not in text and b"true" in text


# Refusals of the completion


def test_skeleton_without_a_column_is_refused(skeleton, ledger):
    with pytest.raises(CompletionError, match="lacks the column died"):
        complete(skeleton.drop(columns="died"), ledger, 1)


def test_skeleton_of_another_size_is_refused(skeleton, ledger):
    with pytest.raises(CompletionError, match="holds 23 patients, the ledger 24"):
        complete(skeleton.iloc[1:], ledger, 1)


def test_progression_outside_the_visit_window_is_refused(skeleton, ledger):
    late = skeleton.copy()
    row = late.index[late.mrecist_pd_month_3][0]
    late.loc[row, ["liver_pfs_months", "os_treatment_months"]] = [5.0, 9.0]
    with pytest.raises(CompletionError, match="no day from 60 to 120"):
        complete(late, ledger, 1)


def test_cross_table_that_no_skeleton_can_meet_is_refused(skeleton, ledger):
    changed = ledger.copy()
    changed.loc[changed.quantity == "mrecist.y90.pd.count", "printed"] = "4"
    with pytest.raises(CompletionError, match="Table 3"):
        complete(skeleton, changed, 1)


def test_unilobar_and_solitary_of_different_number_are_refused(skeleton, ledger):
    changed = ledger.copy()
    changed.loc[changed.quantity == "lobar_disease.unilobar.count", "printed"] = "5"
    with pytest.raises(CompletionError, match="5 unilobar and 4 solitary"):
        complete(skeleton, changed, 1)


def test_failed_write_leaves_the_old_files(copied):
    class Broken(pd.DataFrame):
        def to_csv(self, *args, **kwargs):
            raise OSError("disk full")

        def assign(self, **kwargs):
            return self

    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    with pytest.raises(OSError, match="disk full"):
        write_tables({"patients": pd.DataFrame({"patient": ["X"]}), "labs": Broken({"patient": ["X"]})}, copied)
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before


# Printed figures


def rows(*figures):
    return pd.DataFrame(figures, columns=["quantity", "printed", "expected"])


def test_two_roundings_of_one_figure_narrow_the_interval():
    """1.89 and 1.9 are both true of [1.885, 1.895)."""
    printed = PrintedFigures(rows(("sd", "1.9", "reproduced"), ("sd", "1.89", "reproduced")))
    assert printed.interval("sd") == pytest.approx((1.885, 1.895))


def test_contradicting_rows_are_refused_unless_one_is_expected_to_differ():
    with pytest.raises(CompletionError, match="20 and 21"):
        PrintedFigures(rows(("n", "20", "reproduced"), ("n", "21", "reproduced"))).count("n")
    assert PrintedFigures(rows(("n", "20", "differs"), ("n", "21", "reproduced"))).count("n") == 21


def test_count_in_words_and_missing_quantity():
    printed = PrintedFigures(rows(("n", "Nineteen", "reproduced")))
    assert printed.count("n") == 19
    with pytest.raises(CompletionError, match="prints no age.mean"):
        printed.value("age.mean")


def test_score_test_is_the_log_rank_test_for_two_groups():
    """Without ties the Cox score test of a yes-no covariate is the log-rank test (Collett, section 3.9)."""
    from lifelines.statistics import logrank_test

    months = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    died = np.array([1, 1, 0, 1, 1, 0, 1, 1, 1, 0], dtype=bool)
    group = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0, 0], dtype=float)
    expected = logrank_test(months[group == 1], months[group == 0], died[group == 1], died[group == 0]).p_value
    assert cox_score_p(np.column_stack([group, np.ones(10)]), months, died) == pytest.approx([expected, 1.0])


# The verifier


def test_spss_median_of_24_uncensored_times():
    """Times 1..24: S(12) = 0.5, SE = sqrt(0.25/24), f = (14/24 - 10/24)/(14 - 10): 12 +- 1.96 * 2.449."""
    half = 1.96 * math.sqrt(0.25 / 24) / ((14 / 24 - 10 / 24) / 4)
    assert verifier.spss_median(range(1, 25), [True] * 24) == pytest.approx((12, 12 - half, 12 + half))
    assert half == pytest.approx(4.8, abs=0.01)


def test_spss_median_is_not_reached_without_deaths():
    assert all(math.isnan(value) for value in verifier.spss_median([1, 2, 3], [False] * 3))


def test_restricted_mean_of_uncensored_times_is_their_mean():
    assert verifier.restricted_mean([2, 4, 9], [True] * 3) == pytest.approx(5)


@pytest.mark.parametrize(("creatinine", "bilirubin", "inr", "score"),
                         [(0.8, 0.7, 1.0, 6), (1.3, 1.9, 1.2, 13), (1.9, 4.0, 1.8, 24), (5, 10, 2.5, 39)])
def test_meld_of_the_verifier(creatinine, bilirubin, inr, score):
    """Hand calculation with 9.57 ln Cr + 3.78 ln bilirubin + 11.2 ln INR + 6.43."""
    assert verifier.meld(creatinine, bilirubin, inr) == score == int(domain_meld(creatinine, bilirubin, inr))


@pytest.mark.parametrize(("analyte", "value", "baseline", "grade"), [
    ("alt", 56, 30, 0), ("alt", 57, 30, 1), ("alt", 169, 30, 2), ("alt", 281, 30, 3), ("alt", 1121, 30, 4),
    ("alt", 119, 80, 0), ("alt", 120, 80, 1), ("alt", 241, 80, 2), ("alt", 401, 80, 3),
    ("alp", 323, 100, 2), ("alp", 322, 100, 1), ("alp", 399, 200, 0), ("alp", 401, 200, 1), ("alp", 501, 200, 2),
    ("bilirubin", 1.2, 0.5, 0), ("bilirubin", 1.9, 0.5, 2), ("bilirubin", 3.7, 0.5, 3), ("bilirubin", 1.9, 1.8, 1),
    ("bilirubin", 2.8, 1.8, 2), ("bilirubin", 5.5, 1.8, 3), ("inr", 1.2, 1.0, 0), ("inr", 1.3, 1.0, 1),
    ("inr", 1.6, 1.0, 2), ("inr", 2.6, 1.0, 3), ("albumin", 3.0, 4.0, 1), ("albumin", 2.9, 4.0, 2),
    ("albumin", 1.9, 4.0, 3), ("albumin", 3.5, 4.0, 0)])
def test_grades_of_the_verifier_are_those_of_the_standard(analyte, value, baseline, grade):
    """CTCAE v5.0, limits of normal ALT 56, ALP 129, bilirubin 1.2, albumin 3.5."""
    limits = {"alt": (7, 56), "alp": (40, 129), "bilirubin": (0.2, 1.2), "inr": (0.9, 1.1), "albumin": (3.5, 5)}
    lower, upper = limits[analyte]
    assert verifier.ctcae_grade(analyte, value, baseline, lower, upper, False) == grade


def test_inr_of_an_anticoagulated_patient_is_graded_by_baseline():
    assert verifier.ctcae_grade("inr", 1.3, 1.4, 0.9, 1.1, True) == 0
    assert verifier.ctcae_grade("inr", 1.5, 1.4, 0.9, 1.1, True) == 1


@pytest.mark.parametrize(("value", "printed", "same"), [
    (62.849, "62.8", True), (62.851, "62.8", False), (8.875, "8.9", True), (19, "Nineteen", True), (0.0, "0", True),
    (50000, "50 000", True), (0.1429, "0.142", False), (0.1429, "0.143", True)])
def test_a_value_prints_as_the_figure_it_rounds_to(value, printed, same):
    assert verifier.prints_as(value, printed) is same


def plant(folder, table, change):
    path = folder / f"{table}.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    change(frame)
    frame.to_csv(path, index=False)


def where(frame, conditions):
    return frame.index[np.logical_and.reduce([frame[name] == value for name, value in conditions.items()])][0]


def put(column, value, **conditions):
    """A fault: another value in the first row that meets the conditions."""
    return lambda frame: frame.loc.__setitem__((where(frame, conditions), column), value)


def drop(**conditions):
    return lambda frame: frame.drop(index=where(frame, conditions), inplace=True)


def lengthen_follow_up(frame):
    row = frame.os_treatment_months.astype(float).idxmax()
    frame.loc[row, "os_treatment_months"] = repr(1.01 * float(frame.os_treatment_months[row]))


FAULTS = {
    "an age on the cut": ("patients", put("age_years", "60", patient="P01"), "age.cut"),
    "a longer follow-up": ("patients", lengthen_follow_up, "follow_up.max"),
    "a death undone": ("patients", put("died", "false", died="true"), "survival_status.dead.count"),
    "a sex changed": ("patients", put("sex", "female", sex="male"), "sex.male.percent"),
    "bilirubin above eligibility": (
        "labs", put("value", "2.4", visit="baseline", analyte="bilirubin"), "eligibility.bilirubin.max"),
    "a late visit": ("labs", put("visit_day", "150", visit="month_3"), "visit.month_3.time"),
    "a grade 4 value": ("labs", put("value", "2000", visit="month_3", analyte="alt"), "no grade above 3"),
    "a lesion forgotten": ("lesions", drop(visit="baseline", lesion="L1"), "liver lesions are counted right"),
    "a new lesion called old": (
        "lesions", put("new", "false", new="true", extrahepatic="true"), "extrahepatic_progression.count"),
    "a large lesion ablated": (
        "lesions", lambda frame: frame.loc.__setitem__((frame.visit == "baseline", "longest_diameter_mm"), "31"),
        "allocation.ablation.lesion_size.limit"),
    "a double dose": (
        "treatments", put("doxorubicin_mg", "200", doxorubicin_mg="100"), "protocol.deb_tace.doxorubicin.max"),
    "lobes too close": ("treatments", put("day", "20", session="2", treatment="Y90"), "protocol.y90.interval.lower"),
    "a session after death": ("treatments", put("day", "9000", session="2"), "no row after the end of follow-up"),
    "a narrow margin": ("treatments", put("margin_mm", "3", treatment="ablation"), "protocol.ablation.margin.min"),
    "cholecystitis missed": ("adverse_events", drop(term="acute cholecystitis"), "cholecystitis.grade_2.count"),
    "a short stay": (
        "adverse_events", put("hospital_days", "5", grade="3"), "postembolization_syndrome.hospital_days"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_verifier_finds_a_planted_fault(fault, copied):
    table, change, quantity = FAULTS[fault]
    plant(copied, table, change)
    assert quantity in failures(copied)


def test_command_line_of_the_verifier(copied, capsys):
    assert verifier.main([str(copied)]) == 0
    assert "rules of coherence hold" in capsys.readouterr().out
    plant(copied, *FAULTS["a narrow margin"][:2])
    assert verifier.main([str(copied)]) == 1
    assert "protocol.ablation.margin.min" in capsys.readouterr().out
    (copied / "labs.csv").unlink()
    assert verifier.main([str(copied)]) == 1
    assert "holds no labs.csv" in capsys.readouterr().err


# The command that makes a cohort; the search itself has its own suite


@pytest.fixture
def command(monkeypatch, skeleton):
    import lib.reconstruct.__main__ as module

    monkeypatch.setattr(module, "find_skeleton", lambda seed, ledger: skeleton)
    return module


def test_command_writes_a_cohort_that_passes(command, tmp_path, capsys):
    assert command.main(["--seed", "11", "--out", str(tmp_path / "made")]) == 0
    assert failures(tmp_path / "made") == set()
    assert "wrote patients.csv" in capsys.readouterr().err


def test_command_leaves_the_folder_alone_when_verification_fails(command, copied, monkeypatch, capsys):
    def with_a_fault(*arguments):
        tables = complete(*arguments)
        return tables | {"treatments": tables["treatments"].assign(margin_mm=2)}

    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    monkeypatch.setattr(command, "complete", with_a_fault)
    assert command.main(["--seed", "11", "--out", str(copied)]) == 1
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before
    assert "protocol.ablation.margin.min" in capsys.readouterr().out


def test_command_tells_why_no_cohort_was_made(command, monkeypatch, tmp_path, capsys):
    def gives_up(seed, ledger):
        raise command.SearchError("no order was left")

    monkeypatch.setattr(command, "find_skeleton", gives_up)
    assert command.main(["--out", str(tmp_path / "made")]) == 1
    assert "no order was left" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
