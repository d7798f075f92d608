"""Changing the study as a reader does: each "Try this" performed by papermill, and one in a real JupyterLab."""

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from playwright.sync_api import expect, sync_playwright

from lib.notebooks import find_sources, read_source, read_value
from lib.parameters import PARAMETERS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = find_sources(ROOT / "notebooks")
each_chapter = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def try_this(source):
    """The closing section of a chapter, as one line of text."""
    text = "\n".join(cell.source for cell in read_source(source.path).cells if cell.cell_type == "markdown")
    assert text.count("## Try this") == 1, f"{source.name} has no section 'Try this'"
    return " ".join(text.partition("## Try this")[2].split())


def changes_to_try(source):
    """Name and value of each change that the section names: ``name = value`` in code, or ``name`` to ``value``."""
    return re.findall(r"`(\w+)`? (?:=|to) `?([^`]+)`", try_this(source))


CHANGES = [(source, name, value) for source in SOURCES for name, value in changes_to_try(source)]


def perform(source, name, value, out):
    """Run one chapter with one parameter changed, from the command line."""
    try:
        value = str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        pass
    command = [sys.executable, "-m", "lib.run", "--no-pages", "-p", name, value, source.name, "--out", out]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def shown(folder, source):
    """All that the cells of an executed chapter show, below the banner."""
    notebook = nbformat.read(folder / "notebooks" / f"{source.name}.ipynb", as_version=4)
    return [output.get("data", output.get("text")) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def text_of(outputs):
    return "\n".join(output if isinstance(output, str) else "\n".join(map(str, output.values())) for output in outputs)


@each_chapter
def test_each_chapter_ends_with_something_to_try(source):
    assert changes_to_try(source), f"{source.name}: write the change as `name = value`"
    for name, value in changes_to_try(source):
        assert name in source.parameters, f"{source.name} has no parameter {name}"
        assert read_value(name, value.strip("\"'"), source.parameters[name]) != source.parameters[name]


@pytest.mark.parametrize(("source", "name", "value"), CHANGES, ids=[f"{source.name}-{name}" for source, name, _ in CHANGES])
def test_what_a_chapter_says_to_try_works(source, name, value, study_run, tmp_path):
    out = tmp_path / "out"
    if source.runs_last:  # it reads what the others have written
        shutil.copytree(study_run.out, out, ignore=shutil.ignore_patterns("html"))
    done = perform(source, name, value, out)
    assert done.returncode == 0, done.stderr
    before, after = shown(study_run.out, source), shown(out, source)
    changed = [one for one in after if one not in before]
    if not PARAMETERS[name].presentation:  # what changes no result leaves the published analysis as it is
        assert "Not the published analysis" in text_of(after[:3]) and name in text_of(after[:3])
        changed.pop(0)
    assert changed, "nothing changed but the banner"
    if (name, value) == changes_to_try(source)[0]:
        for label in re.findall(r"Table (\d+\.\d+)", try_this(source)):
            tables = [(folder / "tables" / f"table_{label.replace('.', '_')}.csv").read_text() for folder in (study_run.out, out)]
            assert tables[0] != tables[1], f"Table {label} did not change"


@each_chapter
def test_the_parameters_cell_says_of_each_choice_what_it_does_and_which_values_it_takes(source):
    (cell,) = [cell for cell in read_source(source.path).cells if "parameters" in cell.metadata.get("tags", [])]
    for line in cell.source.splitlines():
        name = line.split(" = ")[0]
        comment = line.partition("#")[2]
        assert len(comment.split()) >= 3, f"{source.name}: {name} is not explained"
        if words := re.match(r"one of ('.*)", PARAMETERS[name].allowed):
            unnamed = [word for word in re.findall(r"'([^']+)'", words.group(1)) if word not in line]
            assert not unnamed, f"{source.name}: {name} also takes {unnamed}"
        ends = re.match(r"a (?:whole )?number (?:from|above) (\S+) (?:to|and below) (\S+)", PARAMETERS[name].allowed)
        if ends and "seed" not in name:
            low, high = ends.groups()
            assert re.search(rf"\b{low} to {high}\b|above {low}, below {high}\b", comment), f"{source.name}: {name} takes {low} to {high}"


@each_chapter
def test_a_wrong_value_gets_one_sentence(source, tmp_path):
    name = next(name for name, default in source.parameters.items() if type(default) in (int, float) and not PARAMETERS[name].check(-3))
    done = perform(source, name, "-3", tmp_path / "out")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "is not allowed: it takes a" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_changed_figure_in_the_ledger_changes_the_verdict(study_run, copy_of_the_study):
    """The other half of the last chapter's "Try this"."""
    ledger = copy_of_the_study / "data" / "published.csv"
    table = pd.read_csv(ledger, dtype=str, keep_default_na=False)
    row = table.index[table.quantity == "os_treatment.median"][0]
    table.loc[row, "printed"] = "10.4"
    table.to_csv(ledger, index=False)
    out = copy_of_the_study / "build"
    shutil.copytree(study_run.out, out, ignore=shutil.ignore_patterns("html"))
    command = [sys.executable, "-m", "lib.run", "--no-pages", "05_verdict", "--out", out]
    done = subprocess.run(command, cwd=copy_of_the_study, env=environment(copy_of_the_study), capture_output=True, text=True, timeout=300)
    assert "NOT as expected" in done.stdout, done.stdout + done.stderr
    before, after = (json.loads((folder / "results" / "05_verdict.json").read_text())["summary"] for folder in (study_run.out, out))
    assert after["reproduced"] == before["reproduced"] - 1 and after["differs"] == before["differs"] + 1


# -- a real JupyterLab ---------------------------------------------------------------------------------


@pytest.fixture
def copy_of_the_study(tmp_path):
    """The study's files in a folder of their own, with the environment of this one."""
    study = tmp_path / "study"
    study.mkdir()
    for name in ("lib", "notebooks", "data"):
        shutil.copytree(ROOT / name, study / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "own"))
    for name in ("pyproject.toml", "README.md", "Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, study / name)
    (study / ".venv").symlink_to(sys.prefix)
    return study


def environment(study):
    """The study's own ``lib`` comes before the installed one; nothing of the user's Jupyter plays a part."""
    jupyter = {name: str(study / ".jupyter" / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTERLAB_SETTINGS_DIR")}
    return {name: value for name, value in os.environ.items() if name != "STUDY_OUT"} | {"PYTHONPATH": str(study), **jupyter}


@pytest.fixture
def lab(copy_of_the_study):
    """JupyterLab as ``make lab`` starts it, on a free port; gives its address and the study's folder."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "continuous integration needs Chromium"
        pytest.skip("needs Chromium (on Debian: apt-get install chromium)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port={port} --IdentityProvider.token= --ServerApp.password="
    command = ["make", "lab", "-o", "environment", f"LAB={options}"]
    with open(copy_of_the_study / "lab.log", "w") as log:
        server = subprocess.Popen(command, cwd=copy_of_the_study, env=environment(copy_of_the_study), stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(address, server, copy_of_the_study / "lab.log")
        yield address, copy_of_the_study
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def wait_until_up(address, server, log, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(f"{address}/api", timeout=5).read()
        except OSError:
            assert server.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.3)


def test_a_chapter_changed_in_jupyterlab_changes_its_sentence_and_table_and_both_files(lab, study_run):
    address, study = lab
    source = next(source for source in SOURCES if source.name == "04_survival")
    name, value = changes_to_try(source)[0]
    assert (name, value) == ("early_treatment_months", "6.0")
    changed = f"{name} = {value}  # changed in JupyterLab"
    script, notebook = (study / "notebooks" / f"04_survival.{ending}" for ending in ("py", "ipynb"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(address)
        expect(page.locator(".jp-MarkdownViewer")).to_contain_text("Where to begin", timeout=60_000)
        page.locator(".jp-MarkdownViewer a", has_text="notebooks/04_survival.py").click()
        line = page.locator(".jp-Notebook .cm-line", has_text=f"{name} = 4.0")
        line.click()
        page.keyboard.press("Home")
        page.keyboard.press("Shift+End")
        page.keyboard.insert_text(changed)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        expect(page.locator(".jp-Notebook")).to_contain_text("Not the published analysis", timeout=120_000)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=120_000, state="attached")
        page.keyboard.press("Control+s")
        wait_for(lambda: changed in script.read_text("utf-8") and changed in notebook.read_text("utf-8"))
        browser.close()
    before = source.path.read_text("utf-8").splitlines()
    after = script.read_text("utf-8").splitlines()
    assert [line for line in after if line not in before] == [changed]
    assert len(after) == len(before), "saving changed more than the parameter"
    check_outputs(nbformat.read(notebook, as_version=4), nbformat.read(study_run.out / "notebooks" / "04_survival.ipynb", as_version=4))


def check_outputs(changed, published):
    """Every cell ran without error; Table 4.2 and the sentence below it are others than the published ones."""
    cells = [cell for cell in changed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    for marker in ('"4.2", group=', "wording.comparison_sentence("):
        new, old = (next(cell for cell in notebook.cells if marker in cell.source) for notebook in (changed, published))
        assert text_of(output.data for output in new.outputs if "data" in output) != text_of(output.data for output in old.outputs if "data" in output), marker
    assert "≤6 months" in json.dumps(changed.cells, ensure_ascii=False)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
