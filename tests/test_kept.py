"""What is kept between executions of a chapter: by content, under `lib.watch` only, and never another number."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.kept import KEPT_IN, kept

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def total():
    """A sum that is kept, and the list of what was asked of it."""
    asked = []

    @kept
    def summed(table, scale=1):
        asked.append(scale)
        if scale == 0:
            raise ValueError("nothing")
        return table["months"].sum() * scale

    return summed, asked


def test_nothing_is_kept_but_where_a_folder_is_named(total, monkeypatch, tmp_path):
    monkeypatch.delenv(KEPT_IN, raising=False)
    monkeypatch.chdir(tmp_path)
    summed, asked = total
    table = pd.DataFrame({"months": [1.0, 2.0]})
    assert summed(table) == summed(table) == 3 and asked == [1, 1] and not list(tmp_path.iterdir())


def test_what_is_kept_is_found_by_the_content_of_all_arguments(total, monkeypatch, tmp_path):
    monkeypatch.setenv(KEPT_IN, str(tmp_path))
    summed, asked = total
    table = pd.DataFrame({"months": [1.0, 0.0], "died": [True, False]})
    assert summed(table) == summed(table.copy()) == 1 and asked == [1]
    assert summed(table, 2) == summed(table, scale=2) == 2 and asked == [1, 2]
    table.loc[0, "months"] = np.nextafter(1.0, 2.0)  # the same table, changed in place in its last digit
    assert summed(table) > 1 and asked == [1, 2, 1]
    assert summed(table.assign(died=True)) == summed(table) and asked == [1, 2, 1, 1]
    assert summed(table.astype({"months": "float32"})) == 1 and len(asked) == 5


def test_a_folder_that_others_may_enter_is_left_alone(total, monkeypatch, tmp_path):
    """What is kept is pickled: whoever can write there could have code run."""
    monkeypatch.setenv(KEPT_IN, str(tmp_path))
    tmp_path.chmod(0o701)
    summed, asked = total
    assert summed(pd.DataFrame({"months": [1.0]})) == summed(pd.DataFrame({"months": [1.0]})) == 1
    assert asked == [1, 1] and not list(tmp_path.iterdir())


def test_an_error_is_not_kept(total, monkeypatch, tmp_path):
    monkeypatch.setenv(KEPT_IN, str(tmp_path))
    summed, asked = total
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            summed(pd.DataFrame({"months": [1.0]}), 0)
    assert asked == [0, 0]


#: Chapters with much that is kept, each with choices that differ from the paper's.
CHANGES = [
    ("00_reconstruction", {"walk_seed": 2}),
    ("02_toxicity", {"conf_level": 0.9, "ctcae_version": 4.03, "baseline_rule": "multiples of ULN"}),
    ("04_survival", {"conf_level": 0.9, "cox_ties": "efron", "landmark_months": 6.0}),
    ("07_another_paper", {"n_cohorts": 100, "search_seed": 2}),
]


@pytest.mark.parametrize(("name", "changes"), CHANGES, ids=[name for name, _ in CHANGES])
def test_a_changed_chapter_gives_the_same_numbers_with_what_its_last_run_has_kept(name, changes, tmp_path):
    text = (ROOT / "notebooks" / f"{name}.py").read_text("utf-8")
    changed = text
    for parameter, value in changes.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{parameter} = "))
        changed = changed.replace(line, f"{parameter} = {value!r}", 1)
    (tmp_path / "kept").mkdir(mode=0o700)
    store = {KEPT_IN: str(tmp_path / "kept")}
    paper = _results(text, name, tmp_path / "paper", store)
    stored = _stored(tmp_path)
    assert _results(text, name, tmp_path / "again", store) == paper and _stored(tmp_path) == stored and stored, "another process found nothing"
    assert _results(changed, name, tmp_path / "helped", store) == _results(changed, name, tmp_path / "afresh")


def _stored(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("kept/**/output.pkl")}


def _results(text, name, folder, environment=()):
    """What a chapter hands on, run as a script."""
    folder.mkdir()
    script = folder / f"{name}.py"
    script.write_text(text, encoding="utf-8")
    environment = {**os.environ, "STUDY_OUT": str(folder), "STUDY_PREVIEW": "1", "STUDY_REHEARSAL": "1", "MPLBACKEND": "agg", **dict(environment)}
    subprocess.run([sys.executable, script], cwd=ROOT / "notebooks", env=environment, check=True, capture_output=True, timeout=300)
    return json.loads((folder / "results" / f"{name}.json").read_text("utf-8"))
