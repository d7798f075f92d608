"""The suites' own figures: kept true in the README, marked when old, and able to find what they look for."""

import csv
import json
import os
import re
import subprocess
import sys
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import figures
import mutants
import numpy as np
import pytest
import rebuild
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def command():
    """The module behind ``python tests/trust``."""
    spec = spec_from_file_location("trust_command", figures.FILE.with_name("__main__.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- figures and README ----------------------------------------------------------------------------------


def test_the_readme_shows_the_committed_figures():
    text = (ROOT / "README.md").read_text("utf-8")
    assert figures.with_table(text, figures.read()) == text, "run python tests/trust, or figures.keep for one suite"


def test_every_suite_has_its_row_and_its_figures_have_the_hash_they_were_measured_on():
    assert {row[2] for row in figures._ROWS} == set(figures.SUITES)
    assert all(re.fullmatch("[0-9a-f]{64}", each["lib"]) for each in figures.read().values())


def test_a_change_of_lib_makes_the_figures_old_and_a_change_elsewhere_does_not(tmp_path, monkeypatch):
    """Made-up input meets only what its suite imports, at its head or later, itself or through another module."""
    files = {"tests/trust/fuzz.py": "from lib.part import reader", "lib/__init__.py": "", "lib/part/__init__.py": "", "lib/part/reader.py": "def read():\n    import lib.words",
             "lib/words.py": "", "lib/chapters.py": "from lib import words"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(figures, "hash_of_lib", partial(figures.hash_of_lib, root=tmp_path))
    known = {suite: {"lib": figures.hash_of_lib(suite)} for suite in ("fuzzing", "kills")}
    for name, old in [("README.md", []), ("lib/chapters.py", ["kills"]), ("lib/words.py", ["fuzzing", "kills"]), ("lib/part/__init__.py", ["fuzzing", "kills"])]:
        (tmp_path / name).write_text("changed = True")
        assert figures.stale(known) == old, name
        (tmp_path / name).write_text(files.get(name, ""))


def test_made_up_input_meets_the_cohort_and_the_import_and_no_chapter():
    names = {path.relative_to(ROOT / "lib").as_posix() for path in figures.reached_from(ROOT / figures.ENTRANCES["fuzzing"])}
    assert {"cohort.py", "contract.py", "units.py", "intake/__main__.py", "intake/redcap.py", "intake/sources.py"} <= names and "narrative.py" not in names


def test_the_table_says_what_was_run_and_not_what_was_asked():
    """R: binom.test(200, 250)$conf.int is 0.7450 to 0.8478."""
    found = {"mutation": {"lib": "0" * 64, "mutants": 8000, "tried": 250, "killed": 200, "seed": 3}}
    table = figures.with_table(f"{figures.BEGIN}{figures.END}", found)
    assert "200 of 250 killed (80.0%, 95% interval 74.5 to 84.8 by Clopper and Pearson); drawn with seed 3 from 8,000" in table and table.count("not run yet") == 4


def test_every_survivor_is_judged():
    """A mutant that lives is equal to the original, or a gap that is named as one."""
    with open(figures.SURVIVORS, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert bool(rows) is ("mutation" in figures.read())
    assert all(row["judgement"].partition(":")[0] in ("equal", "text", "gap") for row in rows)


def test_the_least_share_is_95_percent_of_all_and_of_a_draw_what_the_committed_share_allows(command):
    """100 of a share of 0.9 known from 900: standard error sqrt(0.09 x (1/100 + 1/900)) = 0.031623, 3.09 of them 0.0977."""
    assert command.least_share(8_000, {"killed": 1, "tried": 2}) == command.least_share(100, None) == 0.95
    assert command.least_share(100, {"killed": 810, "tried": 900}) == pytest.approx(0.9 - 0.0977, abs=1e-4)


def test_a_sample_writes_nothing_and_runs_what_make_test_does_not(command, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(command, "RUN", {name: lambda amount, seed, name=name: (ran.append((name, amount)) or {"found": 1}, []) for name in figures.SUITES})
    monkeypatch.setattr(figures, "keep", lambda *_: pytest.fail("a sample writes nothing"))
    assert command.main(["--sample"]) == 0
    assert ran == [("mutation", 100), ("fuzzing", 1_000), ("kills", 5)] and "fuzzing: found 1" in capsys.readouterr().out


@pytest.mark.parametrize(("faults", "code"), [([], 0), (["it went wrong"], 1)])
def test_a_fault_makes_the_command_fail_and_is_told(command, monkeypatch, capsys, faults, code):
    kept = []
    monkeypatch.setattr(command, "RUN", {"kills": lambda *_: ({"kills": 50}, faults)})
    monkeypatch.setattr(figures, "keep", lambda *found: kept.append(found))
    assert command.main(["kills"]) == code and kept == [("kills", {"kills": 50})]
    assert ("it went wrong" in capsys.readouterr().out) is bool(faults)


@pytest.mark.parametrize("path", mutants.DOMAIN)
def test_the_modules_to_mutate_are_there(path):
    assert (ROOT / path).is_file()


# -- the same bytes --------------------------------------------------------------------------------------


def test_this_run_and_the_one_of_make_give_the_same_bytes(study_run):
    """Two runs of the whole study, in folders of different names; `make` has made the other one."""
    other = ROOT / "build"
    accounts = [json.loads((out / "made.json").read_text("utf-8")) if (out / "made.json").is_file() else None for out in (study_run.out, other)]
    if accounts[1] is None or any(accounts[0][part] != accounts[1][part] for part in ("chapters", "pages")):
        assert not os.environ.get("CI"), "build/ must be made before the tests"
        pytest.skip("build/ is not of this code: run make")
    assert len(rebuild.built(other)) > 300
    assert rebuild.same_bytes(study_run.out, other) == []


@pytest.fixture
def two_builds(tmp_path):
    for name in ("one", "other"):
        for folder in ("results", "tables", "figures"):
            (tmp_path / name / folder).mkdir(parents=True)
        (tmp_path / name / "results" / "a.json").write_text('{"median": 12.5, "of": ["a", 1]}')
        (tmp_path / name / "tables" / "t.csv").write_text("a,1\n")
        Image.fromarray(np.full((4, 4, 3), 200, np.uint8)).save(tmp_path / name / "figures" / "f.png")
    return tmp_path / "one", tmp_path / "other"


def test_equal_builds_have_no_difference_and_the_command_says_so(two_builds, capsys):
    assert rebuild.main([*map(str, two_builds)]) == 0 and "3 files, no difference" in capsys.readouterr().out
    assert rebuild.main([*map(str, two_builds), "--between-pythons"]) == 0


def test_a_byte_a_file_and_a_path_are_found(two_builds):
    one, other = two_builds
    (one / "more.txt").write_text(f"made in {one.resolve()}")
    (other / "tables" / "t.csv").write_text("a,2\n")
    assert rebuild.same_bytes(one, other) == ["more.txt is in one build only", "tables/t.csv differs", "more.txt holds the path of a build"]


@pytest.mark.parametrize(("value", "apart"), [("12.500000000001", False), ("12.50001", True), ("13", True), ("null", True), ('"12.5"', True)])
def test_numbers_may_differ_by_1e_9_and_no_more(two_builds, value, apart):
    one, other = two_builds
    (other / "results" / "a.json").write_text(f'{{"median": {value}, "of": ["a", 1]}}')
    assert bool(rebuild.same_numbers(one, other)) is apart


def test_one_pixel_is_found_and_another_compression_is_none(two_builds):
    one, other = two_builds
    picture = Image.open(one / "figures" / "f.png")
    picture.save(other / "figures" / "f.png", compress_level=0)
    assert rebuild.same_bytes(one, other) and rebuild.same_numbers(one, other) == []
    picture.putpixel((0, 0), (199, 200, 200))
    picture.save(other / "figures" / "f.png")
    assert rebuild.same_numbers(one, other) == ["figures/f.png shows another picture"]


# -- mutants ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("right", "wrong", "wording"), [
    ('    raise E(f"{n} has no unit.")', '    raise E(f"XX{n} has no unit.XX")', False), ('    raise E("no unit")', '    raise E("XXno unitXX")', True),
    ('    return {"NE": 1}', '    return {"XXNEXX": 1}', False), ("    return a < b", "    return a <= b", False), ('    return f("no unit", 1)', '    return f("NO UNIT", 2)', False)])
def test_a_mutant_is_of_wording_where_nothing_but_a_text_with_a_blank_differs(right, wrong, wording):
    assert mutants.only_words(["def x_f__mutmut_orig(a):", right], ["def x_f__mutmut_1(a):", wrong]) is wording


def test_a_mutant_is_described_by_the_lines_that_differ():
    right, wrong = (["def x_f__mutmut_orig(a):", "    b = 1", "    return a < b"], ["def x_f__mutmut_2(a):", "    b = 1", "    return a <= b"])
    assert mutants._described("lib.m.x_f__mutmut_2", right, wrong) == {"module": "lib.m", "function": "f", "right": "return a < b", "wrong": "return a <= b"}


def test_mutants_are_tried_in_forks_by_the_tests_that_reach_them(tmp_path):
    """A small domain of its own: of four mutants the test kills those of the sum, the unreached function's live, an endless loop runs out of time."""
    pytest.importorskip("mutmut", reason="mutmut is installed by make trust")
    (tmp_path / "domain.py").write_text("""
from mutmut.mutation.trampoline import wrap_in_trampoline
added, unreached = {}, {}
def x_add__mutmut_orig(a, b): return a + b
def x_add__mutmut_1(a, b): return a - b
def x_add__mutmut_2(a, b): return b + a
def x_add__mutmut_3(a, b):
    while True: pass
added |= {name: globals()[name] for name in ("x_add__mutmut_1", "x_add__mutmut_2", "x_add__mutmut_3")} | {"_mutmut_orig": x_add__mutmut_orig}
def x_other__mutmut_orig(): return 1
def x_other__mutmut_1(): return 2
unreached |= {"x_other__mutmut_1": x_other__mutmut_1, "_mutmut_orig": x_other__mutmut_orig}
@wrap_in_trampoline(added)
def add(a, b): return a + b
@wrap_in_trampoline(unreached)
def other(): return 1
""")
    (tmp_path / "test_domain.py").write_text("import domain\ndef test_add(): assert domain.add(2, 1) == 3\n")
    (tmp_path / "pyproject.toml").write_text('[tool.mutmut]\nsource_paths = ["."]\n')
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps([f"domain.x_add__mutmut_{number}" for number in (1, 2, 3)] + ["domain.x_other__mutmut_1"]))
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "forked_mutants", "--mutants", str(asked), "test_domain.py"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": str(figures.FILE.parent)})
    assert done.returncode == 0, done.stdout
    found = list(json.loads((tmp_path / "asked.found.json").read_text()).values())
    assert found[:2] == [1, 0] and found[2] < 0 and found[3] == 33
