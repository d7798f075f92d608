"""Two runs side by side: only what differs, row by row, and one sentence where there is nothing to compare."""

import json

import pandas as pd
import pytest

from lib.compare_runs import CompareError, compare_runs, find_run, write_comparison
from lib.run import main


@pytest.fixture
def made(tmp_path):
    """A function that writes one run's folder: a chapter with quantities and one table."""

    def write(name, quantities, table, chapter="04_survival"):
        folder = tmp_path / name
        for part in ("results", "tables"):
            (folder / part).mkdir(parents=True)
        entries = {quantity: {"value": value} for quantity, value in quantities.items()}
        document = {"quantities": entries, "tables": [{"label": "4.2", "file": "table_4_2"}]}
        (folder / "results" / f"{chapter}.json").write_text(json.dumps(document))
        pd.DataFrame(table).to_csv(folder / "tables" / "table_4_2.csv", index=False)
        return folder

    return write


TABLE = {"Group": ["gap", "gap", "stage"], "Patients": ["11", "13", "24"]}


def rows(changes):
    return [tuple(row) for row in changes.itertuples(index=False)]


def test_only_what_differs_is_shown(made):
    one = made("one", {"a.p": 0.1, "a.n": 24}, TABLE)
    other = made("other", {"a.p": 0.25, "a.n": 24}, {**TABLE, "Patients": ["12", "12", "24"]})
    assert rows(compare_runs(one, other)) == [
        ("04_survival", "recorded", "a.p", "0.1", "0.25"),
        ("04_survival", "Table 4.2", "gap, Patients", "11", "12"),
        ("04_survival", "Table 4.2", "gap (2), Patients", "13", "12"),
    ]


def test_a_run_and_itself_differ_nowhere(made, capsys):
    one = made("one", {"a.p": 0.1}, TABLE)
    assert compare_runs(one, one).empty
    assert main(["--compare", str(one), str(one), "--out", str(one / "compared")]) == 0
    assert "No number differs." in capsys.readouterr().out


def test_a_row_of_one_run_only_counts_once_and_so_does_a_table_of_other_columns(made):
    one = made("one", {}, TABLE)
    fewer = made("fewer", {}, {name: values[:2] for name, values in TABLE.items()})
    assert rows(compare_runs(one, fewer)) == [("04_survival", "Table 4.2", "stage", "24", "(absent)")]
    wider = made("wider", {}, {**TABLE, "Deaths": ["1", "2", "3"]})
    assert rows(compare_runs(one, wider)) == [("04_survival", "Table 4.2", "the whole table", "Group, Patients", "Group, Patients, Deaths")]


def test_a_quantity_that_was_not_computed_shows_its_reason(made):
    one = made("one", {"a.p": 0.1}, TABLE)
    other = made("other", {}, TABLE)
    (other / "results" / "04_survival.json").write_text(json.dumps({"quantities": {"a.p": {"value": None, "reason": "nobody died"}}, "tables": []}))
    assert rows(compare_runs(one, other))[0] == ("04_survival", "recorded", "a.p", "0.1", "not computed: nobody died")


def test_the_comparison_is_written_as_csv_and_as_a_page_that_runs_nothing(made, tmp_path):
    one = made("one", {"a.p": "<script>"}, TABLE)
    other = made("other", {"a.p": "no"}, TABLE)
    page = write_comparison(compare_runs(one, other), tmp_path / "out")
    assert "<script>" not in page.read_text() and "&lt;script&gt;" in page.read_text()
    assert list(pd.read_csv(tmp_path / "out" / "changed.csv")) == ["Chapter", "Place", "Number", "one", "other"]


def test_runs_without_a_common_chapter_are_refused(made):
    with pytest.raises(CompareError, match="have no chapter in common"):
        compare_runs(made("one", {}, TABLE), made("other", {}, TABLE, chapter="01_cohort"))


def test_runs_are_found_by_folder_by_name_and_as_published(made, tmp_path):
    build = made("build", {}, TABLE)
    changed = made("build/runs/conf_level=0.9", {}, TABLE)
    assert find_run("published", build) == build
    assert find_run("conf_level=0.9", build) == find_run(str(changed), build) == changed
    with pytest.raises(CompareError, match="there is no such run; there are published, conf_level=0.9."):
        find_run("conf_level=0.8", build)


def test_a_run_that_was_not_made_gets_one_sentence(tmp_path, capsys):
    assert main(["--compare", str(tmp_path / "nowhere"), str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "there is no such run" in error and error.count("\n") == 1
