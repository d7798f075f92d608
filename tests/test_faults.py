"""Scientific faults, put into a copy of lib/ one at a time: each must turn the test that guards against it red.

The table is faults.yaml: what the fault is, in which module, the right and the wrong text, and the test.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FAULTS = yaml.safe_load((ROOT / "tests" / "faults.yaml").read_text("utf-8"))


def copy_of_the_tree(folder):
    for part in ("lib", "data", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "notebooks").symlink_to(ROOT / "notebooks")
    return folder


def outcome(tree, *tests):
    """Exit code and report of pytest run in a tree on some tests, with that tree's own lib."""
    run = subprocess.run([sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests], cwd=tree,
                         capture_output=True, text=True, timeout=600, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return run.returncode, run.stdout


def run_with(fault, tree):
    module = tree / fault["module"]
    source = module.read_text("utf-8")
    assert source.count(fault["right"]) == 1, f"{fault['module']} no longer holds the text that this fault replaces"
    module.write_text(source.replace(fault["right"], fault["wrong"]), "utf-8")
    try:
        return outcome(tree, fault["test"])
    finally:
        module.write_text(source, "utf-8")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Fault -> exit code and report; two copies of the tree work side by side."""
    trees = [copy_of_the_tree(tmp_path_factory.mktemp("tree")) for _ in range(2)]
    code, report = outcome(trees[0], *sorted({fault["test"] for fault in FAULTS}))
    assert code == 0, f"the tests must pass before a fault can turn them red:\n{report}"

    def work(number):
        found = {}
        for fault in FAULTS[number::len(trees)]:
            try:
                found[fault["fault"]] = run_with(fault, trees[number])
            except AssertionError as error:
                found[fault["fault"]] = None, str(error)
        return found

    with ThreadPoolExecutor(len(trees)) as pool:
        return {name: result for found in pool.map(work, range(len(trees))) for name, result in found.items()}


def test_the_table_names_at_least_forty_different_faults():
    changes = {(fault["module"], fault["right"], fault["wrong"]) for fault in FAULTS}
    assert len(changes) == len({fault["fault"] for fault in FAULTS}) == len(FAULTS) >= 40
    assert all(fault["right"] != fault["wrong"] for fault in FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["fault"] for fault in FAULTS])
def test_each_fault_turns_its_test_red(fault, outcomes):
    code, report = outcomes[fault["fault"]]
    assert code == 1, report
    assert f"FAILED {fault['test']}" in report, report
