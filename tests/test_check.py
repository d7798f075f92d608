"""lib.check: it holds for this tree, and each fault put into a copy of the tree turns its line red."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib import check

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def copy(tmp_path):
    for folder in ("data", "notebooks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copytree(ROOT / "tests" / "oracles", tmp_path / "tests" / "oracles")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    return tmp_path


def edit(path, pattern, new):
    text = path.read_text("utf-8")
    changed, n_changes = re.subn(pattern, new, text, count=1, flags=re.MULTILINE)
    assert n_changes == 1 and changed != text
    path.write_text(changed, "utf-8")


def test_this_tree_passes_within_ten_seconds():
    began = time.monotonic()
    run = subprocess.run([sys.executable, "-m", "lib.check"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert sum(line.startswith("ok ") for line in run.stdout.splitlines()) == len(check.CHECKS) == 5
    assert time.monotonic() - began < 60  # 10 s alone on two cores; the tests beside it take their share


FAULTS = {
    "another version": ("environment", "requirements.txt", r"^numpy==\S+", "numpy==0.0.1", "numpy is .*, locked 0.0.1"),
    "package missing": ("environment", "requirements.txt", r"^numpy==", "no-such-package==", "no-such-package is missing"),
    "a cell of the data": ("data", "data/reference/labs.csv", r"\d\n\Z", "\n", "reference/labs.csv under data/ changed"),
    "a printed figure": ("data", "data/published.csv", r"\d", "x", "published.csv under data/ changed"),
    "an unknown verdict": ("ledger", "data/published.csv", r",reproduced,", ",nearly,", "expected verdict 'nearly' is unknown"),
    "an impossible month": ("ledger", "data/reference/patients.csv", r"^([^,]+,.*?)\d+\.\d+", r"\g<1>-5", "patients.csv"),
    "a cell of one pair": ("pairs", "notebooks/04_survival.py", r"^chapter = ", "chapter  = ", "04_survival hold different cells"),
    "a value of R": ("methods", "tests/oracles/survival_r.csv", r"^freireich,logrank.p,.*$", "freireich,logrank.p,0.05",
                     "logrank.p of freireich is"),
    "a month of R": ("methods", "tests/oracles/survival_input.csv", r"^freireich,1,6.0,", "freireich,1,60.0,", "of freireich is"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault, copy, capsys):
    name, path, pattern, new, message = FAULTS[fault]
    assert check.CHECKS[name](copy)  # held before
    edit(copy / path, pattern, new)
    with pytest.raises(ValueError, match=message):
        check.CHECKS[name](copy)
    assert check.main(copy) == 1
    assert re.search(f"FAILED  {name}: .*{message}", capsys.readouterr().out, re.DOTALL)


def test_a_new_file_and_a_lost_one_are_named(copy):
    (copy / "data" / "stray.csv").write_text("patient\n")
    (copy / "data" / "claims.csv").unlink()
    with pytest.raises(check.CheckError, match="claims.csv, stray.csv under data/"):
        check.data(copy)


def test_readers_own_and_hidden_files_are_not_looked_at(copy):
    (copy / "data" / "own").mkdir()
    (copy / "data" / "own" / "patients.csv").write_text("patient\n")
    (copy / "data" / ".part").write_text("")
    assert "as the codebook describes" in check.data(copy)
