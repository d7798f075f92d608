"""Scientific faults, put into a copy of lib/ one at a time: each must turn the test that guards against it red.

The table is faults.yaml: what the fault is, in which module, the right and the wrong text, and the test.
"""

import json
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


#: Reads lines, each some tests and a file for their report, and says how pytest ended. Each pytest runs in a fork of a Python
#: that has imported the libraries, which takes longer than most tests, and nothing of the tree.
SERVER = """
import json, os, signal, sys
import lifelines, matplotlib.pyplot, numba, pandas, pandera, pint, pytest, scipy.stats, statsmodels.api
for line in sys.stdin:
    tests, report = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        signal.alarm(600)  # a fault may make a loop endless
        code = pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests])
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Tree:
    """A copy of what the tests need, in which pytest runs with that tree's own lib."""

    def __init__(self, folder):
        self.folder = folder
        for part in ("lib", "data", "tests"):
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / "notebooks").symlink_to(ROOT / "notebooks")
        self.server = subprocess.Popen([sys.executable, "-c", SERVER], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})

    def outcome(self, *tests):
        """Exit code and report of pytest run on some tests."""
        report = self.folder / "report.txt"
        self.server.stdin.write(json.dumps([tests, str(report)]) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline()), report.read_text("utf-8")

    def close(self):
        self.server.communicate()


def run_with(fault, tree):
    module = tree.folder / fault["module"]
    source = module.read_text("utf-8")
    assert source.count(fault["right"]) == 1, f"{fault['module']} no longer holds the text that this fault replaces"
    module.write_text(source.replace(fault["right"], fault["wrong"]), "utf-8")
    try:
        return tree.outcome(fault["test"])
    finally:
        module.write_text(source, "utf-8")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Fault -> exit code and report; two copies of the tree work side by side."""
    trees = [Tree(tmp_path_factory.mktemp("tree")) for _ in range(2)]
    code, report = trees[0].outcome(*sorted({fault["test"] for fault in FAULTS}))
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
        found = {name: result for found in pool.map(work, range(len(trees))) for name, result in found.items()}
    for tree in trees:
        tree.close()
    return found


def test_the_table_names_at_least_forty_different_faults():
    changes = {(fault["module"], fault["right"], fault["wrong"]) for fault in FAULTS}
    assert len(changes) == len({fault["fault"] for fault in FAULTS}) == len(FAULTS) >= 40
    assert all(fault["right"] != fault["wrong"] for fault in FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["fault"] for fault in FAULTS])
def test_each_fault_turns_its_test_red(fault, outcomes):
    code, report = outcomes[fault["fault"]]
    assert code == 1, report
    assert f"FAILED {fault['test']}" in report, report
