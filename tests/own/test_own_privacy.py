"""Suppression before publication, and the hook that keeps patients out of version control."""

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from lib.cohort import CohortError
from lib.commit_guard import holds_patients
from lib.privacy import Publication
from lib.suppression import COUNT_GID, masked, suppressed, suppressed_quantities

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("text, shown", [
    ("Of 24 patients 19 died.", "Of 24 patients 19 died."),
    ("3/24 (12.5%) had it", "<5/24 had it"),
    ("10/24 (41.7%) had it", "10/24 (41.7%) had it"),
    ("22/24 (91.7%) had it", ">19/24 had it"),  # two did not
    ("0/24 (0.0%) had it", "0/24 (0.0%) had it"),
    ("24/24 (100.0%)", "24/24 (100.0%)"),
    ("2/3 (66.7%)", "<5/<5"),
    ("2 patients died", "<5 patients died"),
    ("grade 3 at 2.5 months", "grade 3 at 2.5 months"),
    ("1,003/1,200 (83.6%)", "1,003/1,200 (83.6%)"),
    ("3 of 24", "<5 of 24"),
    ("DEB-TACE: died 9, censored 4", "DEB-TACE: died suppressed, censored <5"),  # of 13
    ("n = 24, 20 events, 4 censored", "n = 24, suppressed events, <5 censored"),
    ("n = 24, 17 events, 7 censored", "n = 24, 17 events, 7 censored"),
    ("MELD: 12 rose, 10 stayed, 2 fell.", "MELD: 12 rose, suppressed stayed, <5 fell."),
])
def test_sentences_keep_large_counts_only(text, shown):
    assert masked(text, 5) == shown


def test_a_suppressed_cell_cannot_be_got_back_by_subtraction():
    """By hand: 3 is small; its row's 7 and, in its column, 9 go too; then the cell where these two meet."""
    table = pd.DataFrame({"Level": ["yes", "no", "total"], "A": ["3", "9", "12"], "B": ["7", "30", "37"], "All": ["10", "39", "49"]})
    shown = suppressed(table, 5)
    assert shown.at[0, "A"] == "<5"
    for frame in (shown[["A", "B", "All"]], shown[["A", "B", "All"]].T):
        hidden = frame.map(lambda cell: not str(cell).isdigit()).sum(axis=1)
        assert not (hidden == 1).any()
    assert "49" in set(shown["All"])


def test_complements_and_small_denominators_are_suppressed():
    table = pd.DataFrame({"Level": ["a", "b"], "All, n/N (%)": ["22/24 (91.7%)", "12/24 (50.0%)"], "One, n/N (%)": ["3/4 (75.0%)", "0/4 (0.0%)"]})
    shown = suppressed(table, 5)
    assert shown.iloc[0, 1] == ">19" and shown.iloc[0, 2] == "<5" and "3/4" not in shown.to_csv() and "0/4" not in shown.to_csv()


def test_a_table_without_small_counts_stays_as_it_is():
    table = pd.DataFrame({"Level": ["a", "b"], "n": [10, 12], "Median, months": ["3.5", "4"]})
    assert suppressed(table, 5).astype(str).equals(table.astype(str))


def test_results_for_programs_are_suppressed_with_their_percentages():
    shown = suppressed_quantities({"sex.male.count": {"value": 3}, "sex.male.percent": {"value": 12.5}, "sex.female.count": {"value": 21},
                                   "a.max": {"value": 2.0, "observed": "2/24 patients"}}, 5)
    assert shown["sex.male.count"]["value"] is None and shown["sex.male.percent"]["value"] is None
    assert shown["a.max"]["observed"] == "<5/24 patients" and shown["sex.female.count"]["value"] is None, "24 less 21 are 3"


def test_what_was_computed_from_a_suppressed_share_goes_with_it():
    """8/24 give the interval 15.6 to 55.3 and no other share of 24 does: it would give the 8 back."""
    row = {"Analyte": "ALT", "Grade 1": "12", "Any, n/N (%)": "3/24 (12.5%)", "Any, CI (%)": "2.7 to 32.4", "New, n/N (%)": "9/24 (37.5%)",
           "New, CI (%)": "18.8 to 59.4", "Died, n/N": "2/24", "Median, months": "9.4"}
    shown = suppressed(pd.DataFrame([row]), 5).iloc[0]
    assert shown["Any, CI (%)"] == "suppressed" and shown["Median, months"] == "9.4"
    assert (shown["New, n/N (%)"] == row["New, n/N (%)"]) == (shown["New, CI (%)"] == row["New, CI (%)"])


def test_a_whole_number_that_leaves_few_of_the_cohort_is_suppressed():
    shown = suppressed(pd.DataFrame({"Analyte": ["INR", "ALT"], "Grade 0": ["20", "13"]}), 5, total=24)
    assert shown.at[0, "Grade 0"] == ">19" and shown.at[1, "Grade 0"] == "suppressed", "the column's other count goes too"


@pytest.mark.parametrize("text, shown", [
    ("Grade 3 or above: bilirubin in 1, ALT in 2.", "Grade 3 or above: bilirubin in <5, ALT in <5."),
    ("Grade 1 or 2 within 3 months, by CTCAE version 5, in Table 2.4.", "Grade 1 or 2 within 3 months, by CTCAE version 5, in Table 2.4."),
    ("Median 9.4 months (95% CI 0.0 to 21.4), P = 0.042, hazard ratio 2.", "Median 9.4 months (95% CI 0.0 to 21.4), P = 0.042, hazard ratio <5."),
    ("Worst grade was 1 or 2 in **22/24 (91.7%)**, 3 in **2/24 (8.3%)** and 4 in 0/24 (0.0%).",
     "Worst grade was 1 or 2 in **>19/24**, 3 in **<5/24** and 4 in 0/24 (0.0%)."),
    ("By RECIST 1/24 (4.2%) responded (95% Clopper-Pearson interval 0.1 to 21.1%).", "By RECIST <5/24 responded."),
    ("By RECIST 10/24 (41.7%) responded (95% Wilson interval 24.5 to 61.2%).", "By RECIST 10/24 (41.7%) responded (95% Wilson interval 24.5 to 61.2%)."),
    ("Of 24 patients **3** had it, fewer by 1.", "Of 24 patients **<5** had it, fewer by <5."),
])
def test_a_published_sentence_has_no_small_number_that_may_count_patients(text, shown):
    assert Publication(5).sentence(text) == shown


def test_counts_of_stable_disease_are_counts():
    """SD heads a column of patients as well as one of standard deviations."""
    shown = suppressed(pd.DataFrame({"RECIST": ["PD", "SD"], "SD": ["1", "4"], "PR": ["9", "12"]}), 5)
    assert shown["SD"].tolist() == ["<5", "<5"]


def test_headings_of_small_groups_are_masked():
    assert Publication(5).headings(pd.DataFrame(columns=["Term", "Y90 (n = 3)", "ablation (n = 5)"])) == {"Y90 (n = 3)": "Y90 (n = <5)"}

def test_no_label_of_a_patient_is_published():
    publication = Publication(5, ("P01", "P1", "Ä-7"))
    assert publication.sentence("Two progressed. P01 (pain) and Ä-7 (fever) did not, after 2.5 months. P10 is nobody.") == "Two progressed. P10 is nobody."
    assert publication.table(pd.DataFrame({"Who": ["P01; P1", "nobody"]}))["Who"].tolist() == ["not shown", "nobody"]
    with pytest.raises(CohortError, match="labels such as P17"):
        Publication(5, ("17",))


def test_numbers_at_risk_are_masked_and_the_axis_is_not():
    from matplotlib.figure import Figure

    fig = Figure()
    ax = fig.subplots()
    ax.set_xticks([0, 1, 2], ["0", "1", "2"])
    few, many = ax.text(0, 0, "3", gid=COUNT_GID), ax.text(0, 0, "12", gid=COUNT_GID)
    Publication(5).figure(fig)
    assert few.get_text() == "<5" and many.get_text() == "12"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2"]


def test_numbers_at_risk_cannot_be_got_back_from_the_rows_below_them():
    """Of 24, 15 events and 5 censored leave 4 at risk: with the 4 hidden, the 5 goes as well."""
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    texts = [ax.text(12, height, str(count), gid=COUNT_GID) for height, count in ((0.8, 4), (0.5, 15), (0.2, 5))]
    Publication(5).figure(ax.figure)
    assert [text.get_text() for text in texts] == ["<5", "15", "–"]


def test_a_figure_whose_bars_show_small_counts_is_left_out(monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    import lib.narrative

    shown = []
    monkeypatch.setattr(lib.narrative, "_display", lambda data, metadata=None: shown.append(data))
    monkeypatch.delenv("STUDY_OUT", raising=False)
    chapter = lib.narrative.Chapter("02_toxicity", publish=True, smallest_count=5)
    for label, counts in (("2.1", [12, 9]), ("2.2", [12, 3])):
        figure = Figure()
        figure.subplots().bar([0, 1], counts)
        chapter.figure(figure, label, caption="Events.", alt="Two bars.", counts=counts)
    assert [entry["label"] for entry in chapter.listed["figures"]] == ["2.1"]
    assert shown[-1]["text/markdown"] == "Figure 2.2 shows counts below the smallest that is published, and is left out."


# -- the hook ----------------------------------------------------------------------------------------------

PATIENTS = "patient,first_treatment,os_treatment_months,died\nA1,TACE,3,true\n"


@pytest.mark.parametrize("path, text, refused", [
    ("patients.csv", PATIENTS, True), ("data/reference/patients.csv", PATIENTS, False), ("build/x/labs.csv", "patient,visit,analyte\n", True),
    ("notes/export.tsv", "record_id\tredcap_event_name\tvisit\n", True), ("data/hospital.xlsx", "", True), ("data/own.sav", "", True),
    ("data/published.csv", "quantity,printed,unit\n", False), ("lib/cohort.py", "patient, died", False), ("excel.csv", "\ufeffpatient;died;visit\n", True)])
def test_the_guard_knows_patients(path, text, refused):
    assert holds_patients(path, lambda: text.encode()) is refused


def test_no_file_under_version_control_holds_other_patients():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git repository")
    files = [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]
    assert [path for path in files if holds_patients(path, lambda path=path: (ROOT / path).read_bytes())] == []


def test_the_hook_stops_a_commit_of_patients(tmp_path):
    def git(*words):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, capture_output=True, text=True, env=environment)

    git("init", "-q")
    shutil.copytree(ROOT / ".githooks", tmp_path / ".githooks")
    (tmp_path / "lib").mkdir()
    shutil.copy(ROOT / "lib" / "commit_guard.py", tmp_path / "lib")
    git("config", "core.hooksPath", ".githooks")
    (tmp_path / "readme.md").write_text("fine")
    git("add", "readme.md")
    assert git("commit", "-m", "fine").returncode == 0
    (tmp_path / "cases.csv").write_text(PATIENTS)
    git("add", "cases.csv")
    refused = git("commit", "-m", "patients")
    assert refused.returncode != 0 and "cases.csv: looks like patients' data" in refused.stderr


def test_the_repository_ignores_the_folders_it_names():
    for folder in ("cohorts/a/patients.csv", "data/own/patients.csv"):
        assert subprocess.run(["git", "check-ignore", "-q", folder], cwd=ROOT).returncode == 0
