"""The marks beside numbers that the paper does not print: all of them, each with its range and grade, and nowhere else."""

import json
import re

import nbformat
import pytest

from lib import narrative, open_ranges
from lib.identified.ranges import Range, lookup, read_ranges
from lib.published import read_ledger

CHAPTERS = ("01_cohort", "02_toxicity", "03_response", "04_survival")


def made(**changes):
    """A range as the file of ranges might hold it."""
    return Range(**{"quantity": "a.median", "title": "median of a", "unit": "months", "decimals": 1, "grade": "open", "ground": "", "low": 4.24, "high": 9.0,
                    "proved_low": float("nan"), "proved_high": float("nan"), "n_cohorts": 12} | changes)


@pytest.mark.parametrize(("changes", "says"), [
    ({}, "4.2 to 9.0 months"), ({"high": float("inf")}, "4.2 months to not reached"), ({"low": float("inf"), "high": float("inf")}, "not reached"),
    ({"unit": "%"}, "4.2 to 9.0%"), ({"unit": ""}, "4.2 to 9.0"), ({"grade": "implied", "proved_low": 5.0, "proved_high": 5.01}, "5.0 months")])  # fmt: skip
def test_a_range_has_its_unit_behind_a_number_only(monkeypatch, changes, says):
    monkeypatch.setattr(open_ranges, "lookup", lambda name: made(**changes))
    where = ", proved" if changes.get("grade") == "implied" else " in all cohorts found"
    assert f" {says}{where}: " in open_ranges.mark("a.median") and f"<td>{says}</td>" in open_ranges.note(["a.median"])


def test_a_note_counts_its_grades_and_shows_what_is_pinned_first(monkeypatch):
    ranges = {"a": made(title="first"), "b": made(title="second", grade="implied", proved_low=1.0, proved_high=1.0), "c": None}
    monkeypatch.setattr(open_ranges, "lookup", ranges.get)
    text = open_ranges.note([*ranges])
    assert "3 numbers of this part are not printed" in text and "1 implied, 1 open, 1 not searched." in text
    assert re.findall(r'data-quantity="(\w)"', text) == ["b", "a", "c"]
    assert open_ranges.note([]) == ""


def test_text_of_the_file_stays_text(monkeypatch):
    monkeypatch.setattr(open_ranges, "lookup", lambda name: made(title="a <b> & c"))
    assert "A &lt;b&gt; &amp; c" in open_ranges.note(["a"])


@pytest.fixture
def shown(monkeypatch, tmp_path):
    monkeypatch.setattr(narrative, "ROOT", tmp_path)
    monkeypatch.delenv("STUDY_OUT", raising=False)
    outputs = []
    monkeypatch.setattr(narrative, "_display", lambda data, metadata=None: outputs.append(data))
    return outputs


def test_each_number_is_marked_once_and_a_printed_one_never(shown):
    chapter = narrative.Chapter("09_test")
    chapter.record({"cohort.n": 24, "os_treatment.at_12_months": 0.5})
    chapter.leaves_open("os_treatment.at_*_months")
    chapter.leaves_open("os_treatment.at_*_months")
    (note,) = [data["text/html"] for data in shown if "text/html" in data]
    named = re.findall(r'data-quantity="([^"]+)"', note)
    assert {"os_treatment.at_6_months", "os_treatment.at_12_months", "os_treatment.at_24_months"} == set(named) and len(named) == 3
    assert lookup("os_treatment.at_24_months").span in chapter.mark("os_treatment.at_24_months")


def test_another_choice_than_the_papers_has_no_marks(shown):
    chapter = narrative.Chapter("09_test", early_treatment_months=6.0)
    chapter.record("os_treatment.at_12_months", 0.5)
    chapter.leaves_open("*")
    assert chapter.mark("os_treatment.at_24_months") == "" and not any("text/html" in data for data in shown)


def test_every_number_of_the_chapters_that_the_paper_does_not_print_is_marked(study_run):
    """A reader can point at any recorded number and see whether the paper implies it; and every range of the file is shown somewhere."""
    printed, marked_anywhere = set(read_ledger().quantity), set()
    for name in CHAPTERS:
        recorded = json.loads((study_run.out / "results" / f"{name}.json").read_text("utf-8"))["quantities"]
        notebook = nbformat.read(study_run.out / "notebooks" / f"{name}.ipynb", as_version=4)
        notes = [output.data["text/html"] for cell in notebook.cells for output in cell.get("outputs", []) if "open-ranges" in output.get("data", {}).get("text/html", "")]
        marked = {quantity for note in notes for quantity in re.findall(r'data-quantity="([^"]+)"', note)}
        unprinted = {quantity for quantity in recorded if quantity not in printed and not quantity.startswith("protocol.")}
        assert unprinted <= marked, f"{name}: {sorted(unprinted - marked)[:5]}"
        marked_anywhere |= marked
    assert set(read_ranges().index) - printed <= marked_anywhere, sorted(set(read_ranges().index) - printed - marked_anywhere)[:9]
