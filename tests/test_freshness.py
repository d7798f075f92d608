"""Nothing twice: which chapters a second run executes, judged by content and never by file times."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lib.run

from lib.freshness import _imported_of_ours, chapter_keys, imported_names, reached_from, stale_chapters
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
    """A chapter imports ``a`` and this ``b``, in a function; chapters are executed by ``pool``, which imports ``engine``; ``c`` is imported by nobody."""
    for name in ("lib/book", "lib/kinds", "data/reference", "data/own/mine"):
        (tmp_path / name).mkdir(parents=True)
    files = {"lib/a.py": "def work():\n    from lib.kinds import (  # of b\n        other,\n        b,\n    )\n", "lib/pool.py": "import os; import lib.engine as engine\n"}
    for name in ("lib/__init__.py", "lib/kinds/__init__.py", "lib/kinds/b.py", "lib/c.py", "lib/engine.py", "lib/terms.csv", "lib/pages.py", "lib/book/conf.py",
                 "data/reference/patients.csv", "data/README.md", "data/own/mine/patients.csv", "requirements.txt", *files):
        (tmp_path / name).write_text(files.get(name, "1"))
    return tmp_path


@pytest.mark.parametrize(("name", "counts_for"), [
    ("lib/a.py", ["01_a", "05_verdict"]), ("lib/kinds/b.py", ["01_a", "05_verdict"]), ("lib/kinds/__init__.py", ["01_a", "05_verdict"]), ("lib/c.py", []),
    *((name, NAMES) for name in ("lib/pool.py", "lib/engine.py", "lib/__init__.py", "lib/terms.csv", "data/reference/patients.csv", "requirements.txt")),
    *((name, []) for name in ("lib/book/conf.py", "lib/pages.py", "data/README.md", "data/own/mine/patients.csv"))])
def test_what_a_chapter_follows_from_counts_for_it_and_the_look_of_pages_and_cohorts_of_ones_own_do_not(chapters, tmp_path, name, counts_for):
    source, root = chapters / "01_a.py", project(tmp_path / "project")
    source.write_text(source.read_text() + "\nimport lib.a\n")
    sources = find_sources(chapters)
    before = chapter_keys(sources, {}, root)
    (root / name).write_text((root / name).read_text() + "\n# changed")
    after = chapter_keys(sources, {}, root)
    assert [key for key in before if after[key] != before[key]] == list(counts_for)


@pytest.mark.parametrize("statement", ["from lib.a import work", "    from lib.a import (work,\n  other)", "import numpy, lib.a", "if True: import lib.a", "x = 1; from lib import a",
                                       "from lib \\\n  import a", "import numpy, \\\n lib.a as b", "\tfrom lib import other, a as b  # comment", "from lib import (  # all\n  a\n)"])
def test_an_import_is_found_however_it_is_written(tmp_path, statement):
    root = project(tmp_path / "project")
    compile(f"if True:\n{statement}" if statement[0].isspace() else statement, "statement", "exec")
    (root / "entrance.py").write_text(f"x = 1\n{statement}\n")
    assert root / "lib" / "a.py" in reached_from(root / "entrance.py", root)


def test_every_import_of_the_project_is_found():
    for path in [*(ROOT / "lib").rglob("*.py"), *(ROOT / "notebooks").glob("*.py")]:
        text = path.read_text("utf-8")
        named = {name for name in imported_names(ast.parse(text)) if name.split(".")[0] == "lib"}
        assert named <= set(_imported_of_ours(text)), path
        assert not re.search(r"import_module|__import__", text) or path.name == "preheated.py", f"{path}: `reached_from` does not follow this"


def test_a_chapter_that_is_executed_loads_nothing_of_ours_but_what_it_is_found_to_follow_from(tmp_path):
    program = "import runpy, sys; runpy.run_path(sys.argv[1]); print('\\n'.join(module.__file__ for name, module in sys.modules.items() if name.split('.')[0] == 'lib'))"
    for product in ("results", "tables", "figures", "notebooks"):
        (tmp_path / product).mkdir()
    environment = {**os.environ, "STUDY_OUT": str(tmp_path), "MPLBACKEND": "agg"}
    for source in sorted(find_sources(ROOT / "notebooks"), key=lambda source: source.runs_last):
        done = subprocess.run([sys.executable, "-c", program, source.path], cwd=source.path.parent, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        loaded = {Path(line) for line in done.stdout.splitlines() if line.startswith(str(ROOT / "lib"))}
        assert len(loaded) > 5 and loaded <= reached_from(source.path), source.name


def test_a_cohort_of_ones_own_counts_by_its_content(chapters, tmp_path):
    sources, root, cohort = find_sources(chapters), project(tmp_path / "project"), tmp_path / "mine"
    cohort.mkdir()
    (cohort / "patients.csv").write_text("a")
    changes = {source.name: {"cohort": str(cohort)} for source in sources}
    before = chapter_keys(sources, changes, root)
    (cohort / "patients.csv").write_text("b")
    assert not set(before.values()) & set(chapter_keys(sources, changes, root).values())


@pytest.mark.parametrize(("named", "counts"), [("own/mine", True), ("../data/own/mine", True), ("reference", False)])
def test_a_cohort_of_ones_own_counts_where_a_chapter_is_given_it_in_its_parameters_cell(chapters, tmp_path, named, counts):
    root, source = project(tmp_path / "project"), chapters / "01_a.py"
    source.write_text(source.read_text().replace("conf_level = 0.95", f"conf_level = 0.95\ncohort = {named!r}"))
    sources = find_sources(chapters)
    before = chapter_keys(sources, {}, root)
    (root / "data" / "own" / "mine" / "patients.csv").write_text("2")
    after = chapter_keys(sources, {}, root)
    assert [key for key in before if after[key] != before[key]] == (["01_a", "05_verdict"] if counts else [])


@pytest.mark.parametrize("damage", ["html/index.html", "html/01_a.html", "report.docx"])
def test_pages_and_the_report_that_are_gone_are_made_again_and_no_chapter_is_executed(chapters, tmp_path, monkeypatch, damage):
    out = tmp_path / "out"
    assert main(["--out", str(out)], chapters) == 0
    before = (out / damage).read_bytes()
    (out / damage).unlink()
    monkeypatch.setattr("lib.run._execute", None)
    assert main(["--changed", "--out", str(out)], chapters) == 0
    assert damage == "report.docx" or (out / damage).read_bytes() == before
    assert (out / damage).is_file()
    made = (out / damage).stat().st_mtime_ns
    assert main(["--changed", "--out", str(out)], chapters) == 0 and (out / damage).stat().st_mtime_ns == made


def test_chapters_asked_for_by_name_with_their_pages_are_not_made_twice(chapters, tmp_path):
    out = tmp_path / "out"
    assert main(["--changed", "--out", str(out), "01_a"], chapters) == 0
    made = (out / "html" / "index.html").stat().st_mtime_ns
    assert main(["--changed", "--out", str(out), "01_a"], chapters) == 0
    assert (out / "html" / "index.html").stat().st_mtime_ns == made


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
