"""What several suites share: one real run of the study, and small collections of chapters."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "trust"))  # pytest adds it only when a test of that folder is collected

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A question?

# %% tags=["parameters"]
cohort = "reference"
conf_level = 0.95

# %%
"""


def pytest_terminal_summary(terminalreporter):
    """Say when the figures of the trust suites belong to another state of ``lib/``."""
    from figures import read, stale

    if old := stale(read()):
        terminalreporter.write_line(f"lib/ has changed since these were measured: {', '.join(old)}; make trust measures them anew.", yellow=True)


@pytest.fixture(scope="session")
def study_run(tmp_path_factory):
    """The study run once, as a user runs it: ``out`` is its output folder, ``said`` what it printed, ``code`` its exit code."""
    out = tmp_path_factory.mktemp("study") / "a folder é"
    done = subprocess.run([sys.executable, "-m", "lib.run", "--out", out], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert (out / "html" / "index.html").is_file(), f"the study did not run: {done.stdout}\n{done.stderr}"
    return SimpleNamespace(out=out, said=done.stdout, code=done.returncode)


@pytest.fixture
def collection(tmp_path):
    """A function that writes chapters, each given as the code after its parameters cell, into one folder."""
    folder = tmp_path / "chapters"
    folder.mkdir()

    def write(**chapters):
        for name, code in chapters.items():
            (folder / f"{name.lstrip('_')}.py").write_text(HEADER + code + "\n", encoding="utf-8")
        return folder

    return write


@pytest.fixture
def contents():
    """A function that maps each file below a folder, by its relative path, to its bytes; the lock and the account of the run left out."""

    def read(folder):
        files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file() and path.name not in (".lock", "made.json"))
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read
