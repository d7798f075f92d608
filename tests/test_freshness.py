"""Nothing twice: which chapters a second run executes, judged by content and never by file times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lib.run

from lib.freshness import chapter_keys, stale_chapters
from lib.notebooks import find_sources
from lib.run import main, run

ROOT = Path(__file__).resolve().parents[1]
WRITES = """\
import json, os
from pathlib import Path

folder = Path(os.environ["STUDY_OUT"]) / "results"
(folder / "{name}.json").write_text(json.dumps({{"quantities": {{}}, "made": "{name}"}}))"""
NAMES = ("01_a", "02_b", "05_verdict")


@pytest.fixture
def chapters(collection):
    return collection(**{f"_{name}": WRITES.format(name=name) for name in NAMES})


@pytest.fixture
def executed(chapters, tmp_path):
    """A function that runs with --changed and names the chapters whose notebooks were written anew."""

    def again(*more):
        folder = tmp_path / "out" / "notebooks"
        before = {path.stem: path.stat().st_mtime_ns for path in folder.glob("*.ipynb")}
        assert main(["--no-pages", "--changed", "--out", str(tmp_path / "out"), *more], chapters) == 0
        return sorted(path.stem for path in folder.glob("*.ipynb") if before.get(path.stem) != path.stat().st_mtime_ns)

    assert again() == sorted(NAMES)
    return again


def test_after_no_change_nothing_is_executed_whatever_the_file_times_say(executed, chapters):
    for path in chapters.glob("*.py"):
        os.utime(path, (2e9, 2e9))
    assert executed() == []


def test_an_edited_chapter_runs_with_the_chapter_that_reads_it(executed, chapters):
    source = chapters / "02_b.py"
    times = source.stat()
    source.write_text(source.read_text() + "\nprint('edited')\n")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert executed() == ["02_b", "05_verdict"]
    assert executed() == []


def test_a_changed_parameter_counts_as_a_change_and_so_does_its_return(executed):
    assert executed("-p", "conf_level", "0.9") == sorted(NAMES)
    assert executed("-p", "conf_level", "0.9") == []
    assert executed() == sorted(NAMES)


@pytest.mark.parametrize("damage", ["remove", "edit", "add"])
def test_outputs_that_were_touched_are_made_again(executed, tmp_path, damage):
    made = tmp_path / "out" / "notebooks"
    if damage == "remove":
        (made / "01_a.ipynb").unlink()
    else:
        (made / ("01_a.ipynb" if damage == "edit" else "stray.txt")).write_text("{}")
    assert set(executed()) >= {"01_a", "05_verdict"}
    assert sorted(path.name for path in made.iterdir()) == [f"{name}.ipynb" for name in NAMES]


def test_an_account_that_cannot_be_read_counts_as_none(executed, tmp_path):
    (tmp_path / "out" / "made.json").write_text("[")
    assert executed() == sorted(NAMES)


def test_a_chapter_asked_for_by_name_runs_even_unchanged(executed, chapters, tmp_path):
    notebook = tmp_path / "out" / "notebooks" / "01_a.ipynb"
    before = notebook.stat().st_mtime_ns
    assert main(["--no-pages", "--out", str(tmp_path / "out"), "01_a"], chapters) == 0
    assert notebook.stat().st_mtime_ns != before
    assert executed() == []


def project(tmp_path):
    for name in ("lib/book", "data/reference"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("lib/a.py", "lib/pages.py", "lib/book/conf.py", "data/reference/patients.csv", "requirements.txt"):
        (tmp_path / name).write_text("1")
    return tmp_path


@pytest.mark.parametrize(("name", "counts"), [("lib/a.py", True), ("data/reference/patients.csv", True), ("requirements.txt", True), ("lib/book/conf.py", False), ("lib/pages.py", False)])
def test_code_data_and_lock_count_and_the_look_of_pages_does_not(chapters, tmp_path, name, counts):
    sources, root = find_sources(chapters), project(tmp_path / "project")
    before = chapter_keys(sources, {}, root)
    (root / name).write_text("2")
    after = chapter_keys(sources, {}, root)
    assert [after[key] != before[key] for key in before] == [counts] * len(sources)


def test_a_cohort_of_ones_own_counts_by_its_content(chapters, tmp_path):
    sources, root, cohort = find_sources(chapters), project(tmp_path / "project"), tmp_path / "mine"
    cohort.mkdir()
    (cohort / "patients.csv").write_text("a")
    changes = {source.name: {"cohort": str(cohort)} for source in sources}
    before = chapter_keys(sources, changes, root)
    (cohort / "patients.csv").write_text("b")
    assert not set(before.values()) & set(chapter_keys(sources, changes, root).values())


def test_a_folder_without_a_run_needs_everything(tmp_path):
    assert stale_chapters(tmp_path, {"01_a": "key"}) == ({"01_a"}, True)


def test_the_whole_study_run_again_does_nothing_in_under_two_seconds(study_run):
    """The bound is what a reader takes for nothing; the account must name every chapter, or there would be nothing to skip.

    Seconds of the processor, as tests beside this one take their share of the clock's; the best of some.
    """
    made = json.loads((study_run.out / "made.json").read_text())
    assert set(made["chapters"]) == {source.name for source in find_sources(ROOT / "notebooks")}
    written = {path: path.stat().st_mtime_ns for path in study_run.out.rglob("*.ipynb")}
    seconds = []
    while not seconds or min(seconds) >= 2 and len(seconds) < 10:
        before = _of_processor()
        done = subprocess.run([sys.executable, "-m", "lib.run", "--changed", "--out", study_run.out], cwd=ROOT, capture_output=True, text=True)
        seconds.append(_of_processor() - before)
        assert (done.returncode, done.stdout) == (study_run.code, study_run.said)
        assert written == {path: path.stat().st_mtime_ns for path in written}
    assert min(seconds) < 2, seconds


@pytest.mark.parametrize(("flags", "says"), [([], "--changed"), (["-B", "-o", "environment"], "lib.run\n")])
def test_make_leaves_what_has_not_changed_and_make_b_runs_all(flags, says):
    done = subprocess.run(["make", "-n", *flags], cwd=ROOT, capture_output=True, text=True)
    assert says in done.stdout.replace("lib.run \n", "lib.run\n"), done.stdout + done.stderr


def test_chapters_import_what_they_use_and_no_more():
    """Less of the processor than the packages that they are made with, imported whole: a ratio, as machines differ.

    The two are timed one after the other, as other tests make the machine slower for a while; the best of some pairs.
    """
    program = "import ast, sys; text = open(sys.argv[1]).read(); exec(compile(ast.Module([n for n in ast.parse(text).body if isinstance(n, (ast.Import, ast.ImportFrom))], []), 'imports', 'exec'))"
    whole = [sys.executable, "-c", "import pandas, seaborn, lifelines"]
    for source in find_sources(ROOT / "notebooks"):
        assert any(_seconds([sys.executable, "-c", program, source.path]) < _seconds(whole) for _ in range(5)), source.name


def _seconds(command):
    before = _of_processor()
    subprocess.run(command, cwd=ROOT, check=True)
    return _of_processor() - before


def _of_processor():
    """Seconds that the processes begun here and ended have taken of the processor."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.parametrize("touched", [False, True], ids=["as it was left", "touched since"])
def test_chapters_that_are_brought_along_are_copied_where_they_stand_unchanged(chapters, tmp_path, touched):
    sources = find_sources(chapters)
    run(sources, sources, {}, tmp_path / "build", pages=False)
    shelf = tmp_path / "build" / "notebooks" / "01_a.ipynb"
    if touched:
        shelf.write_text(shelf.read_text().replace("01_a", "01_b"))
    asked = [source for source in sources if source.name == "05_verdict"]
    run(sources, asked, {"05_verdict": {"conf_level": 0.9}}, tmp_path / "other", pages=False, shelf=tmp_path / "build")
    record = json.loads((tmp_path / "other" / "made.json").read_text())
    assert sorted(record["chapters"]) == sorted(NAMES)
    assert stale_chapters(tmp_path / "other", chapter_keys(sources, {"05_verdict": {"conf_level": 0.9}}))[0] == set()
    assert ((tmp_path / "other" / "notebooks" / "01_a.ipynb").read_bytes() == shelf.read_bytes()) is not touched


def test_a_chapter_that_another_folder_holds_is_copied_and_not_executed(chapters, tmp_path, monkeypatch):
    sources = find_sources(chapters)
    run(sources, sources, {}, tmp_path / "build", pages=False)
    executed = []
    real = lib.run._execute
    monkeypatch.setattr("lib.run._execute", lambda chosen, *more: executed.extend(chosen) or real(chosen, *more))
    run(sources, sources[-1:], {"05_verdict": {"conf_level": 0.9}}, tmp_path / "other", pages=False, shelf=tmp_path / "build")
    assert [source.name for source in executed] == ["05_verdict"]
