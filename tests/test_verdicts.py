"""The verdict chapter's tables, checked on a ledger of five rows counted by hand."""

import json

import pandas as pd
import pytest

from lib.published import judge, summary
from lib.verdicts import by_section, differing, read_handed_on, results_folder, section_of, whole_ledger

LEDGER = pd.DataFrame([
    ("cohort.n", "24", "patients", "Abstract, Results: patients", "reproduced", ""),
    ("cohort.n", "24", "patients", "Methods: Patients, opening", "reproduced", ""),
    ("meld.month_3.mean", "8.8", "score", "Abstract, Results: MELD", "differs", "Results print 8.9"),
    ("eligibility.ecog.max", "2", "score", "Methods: Patients, eligibility", "method", ""),
    ("protocol.enrolment.start", "June 2011", "month", "Methods: Patients, study period", "not derivable", ""),
], columns=["quantity", "printed", "unit", "place", "expected", "note"])
ENTRIES = {
    "cohort.n": {"value": 24, "chapter": "01_cohort"},
    "meld.month_3.mean": {"value": 8.875, "chapter": "02_toxicity"},
    "eligibility.ecog.max": {"value": 2, "holds": True, "observed": "0 to 1", "chapter": "01_cohort"},
    "protocol.enrolment.start": {"value": None, "reason": "no dates", "chapter": "01_cohort"},
}


def hand_on(folder, chapter, quantities, not_the_papers=()):
    folder.mkdir(parents=True, exist_ok=True)
    document = {"chapter": chapter, "quantities": quantities, "not_the_papers": list(not_the_papers)}
    (folder / f"{chapter}.json").write_text(json.dumps(document), encoding="utf-8")


def test_captions_and_axes_belong_to_the_figures():
    assert [section_of(place) for place in ("Figure 1 caption", "Figure 1 axis", "Table 2: MELD score", "Main points",
                                            "Abstract, Results: MELD")] == ["Figures", "Figures", "Table 2", "Main points", "Abstract"]


def test_sections_count_each_place():
    sections = by_section(judge(LEDGER, ENTRIES))
    assert list(sections.index) == ["Abstract", "Methods"]
    assert sections.loc["Abstract"].to_dict() == {"reproduced": 1, "method": 0, "differs": 1, "not derivable": 0}
    assert sections.loc["Methods"].to_dict() == {"reproduced": 1, "method": 1, "differs": 0, "not derivable": 1}


def test_a_section_list_without_any_difference_still_shows_the_verdict():
    sections = by_section(judge(LEDGER.iloc[:2], ENTRIES))
    assert sections["differs"].sum() == 0


def test_differing_shows_the_recomputed_value_one_decimal_finer():
    table = differing(judge(LEDGER, ENTRIES))
    assert table[["Figure", "Printed", "Recomputed", "Note"]].to_numpy().tolist() == [
        ["MELD, month 3: mean", "8.8", "8.88", "Results print 8.9"]]


def test_whole_ledger_joins_places_that_print_the_same_string():
    table = whole_ledger(judge(LEDGER, ENTRIES))
    row = table[table.Figure == "Patients treated (patients)"].iloc[0]
    assert row["Where printed"] == "Abstract, Results: patients; Methods: Patients, opening"
    assert row["chapter"] == "Chapter 1: cohort"
    assert len(table) == 4


def test_a_figure_nobody_recomputed_is_unaccounted_for_and_unexpected():
    judged = judge(LEDGER, {})
    assert summary(judged)["unaccounted"] == 5 == summary(judged)["unexpected"]
    assert set(whole_ledger(judged).chapter) == {"No chapter"}


def test_handed_on_results_leave_the_verdict_itself_out(tmp_path):
    hand_on(tmp_path / "results", "01_cohort", {"cohort.n": {"value": 24}})
    hand_on(tmp_path / "results", "04_survival", {}, ["conf_level"])
    hand_on(tmp_path / "results", "05_verdict", {"contradictions.count": {"value": 1}})
    handed_on = read_handed_on(results_folder(tmp_path))
    assert set(handed_on.entries) == {"cohort.n"}
    assert handed_on.not_the_papers == ("conf_level (04_survival)",)


def test_without_any_results_the_reader_is_told_to_run_the_chapters(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.verdicts.ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="run them first, with 'python -m lib.run'"):
        results_folder(tmp_path / "nowhere")
