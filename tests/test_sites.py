"""Many cohorts in one command: every site executed, a lost worker replaced, a failing site named, one page over all."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import psutil
import pytest
from dask.distributed import LocalCluster

from lib.notebooks import NotebookError
from lib.run import main
from lib.sites import earlier_results, find_sites, set_aside, summary_row, write_summary

ROOT = Path(__file__).resolve().parents[1]

WRITES = """\
import json, os
from pathlib import Path

import pandas as pd

{before}
n = len(pd.read_csv(Path(cohort, "patients.csv")))
folder = Path(os.environ["STUDY_OUT"]) / "results"
(folder / "01_a.json").write_text(json.dumps({{"quantities": {{"cohort.n": {{"value": n}}, "mrecist.total.orr.count": {{"value": 1}}}}}}))"""

#: The kernel's parent is the Dask worker: the first kernel of site "b" takes its worker with it.
LOSES_ITS_WORKER_ONCE = """\
import signal
lost = Path(cohort, "lost")
if Path(cohort).name == "b" and not lost.exists():
    lost.touch()
    os.kill(os.getppid(), signal.SIGKILL)"""

FAILS_AT_B = """\
if Path(cohort).name == "b":
    raise ValueError("the liver is missing")"""


def write_site(folder, n, label="P"):
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{label}{number},Y90,10.5,true\n" for number in range(n))
    (folder / "patients.csv").write_text("patient,first_treatment,os_treatment_months,died\n" + rows)


@pytest.fixture
def sites(tmp_path):
    for name, n in (("a", 2), ("b", 3)):
        write_site(tmp_path / "sites" / name, n)
    return tmp_path / "sites"


def run(folder, sites, out, *more):
    return main(["--cohort", f"{sites}/*", "--out", str(out), "--processes", "1", *more], folder)


def summary(out):
    return pd.read_csv(out / "summary.csv", dtype=str, keep_default_na=False).set_index("Site")


def test_each_site_is_executed_even_when_a_worker_is_lost(collection, sites, tmp_path):
    out = tmp_path / "out"
    assert run(collection(_01_a=WRITES.format(before=LOSES_ITS_WORKER_ONCE)), sites, out) == 0
    assert (sites / "b" / "lost").exists()
    table = pd.read_csv(out / "summary.csv", dtype=str)
    # one responder of two patients, and one of three
    assert table[["Site", "Patients", "Responded, mRECIST", "Run"]].to_numpy().tolist() == [["a", "2", "1/2 (50.0%)", "complete"], ["b", "3", "1/3 (33.3%)", "complete"]]
    assert "2 sites, all complete" in (out / "summary.html").read_text()
    assert (out / "b" / "notebooks" / "01_a.ipynb").is_file()
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == [".lock"]


def test_a_worker_executes_one_site_after_the_other(collection, sites, tmp_path):
    """What the kernels are forked from outlives the first site, whose temporary folder goes."""
    out = tmp_path / "out"
    assert run(collection(_01_a=WRITES.format(before="")), sites, out) == 0
    assert pd.read_csv(out / "summary.csv", dtype=str).Run.tolist() == ["complete", "complete"]


KEEPS_NOTHING_TO_CHECK = """\
import os, sys

assert sys.platform != "linux" or "lib.cohort" in sys.modules  # loaded once for all sites
import lib.cohort

def checked(*given):
    raise RuntimeError("checked again")

lib.cohort._checked = lib.cohort._checked_texts = checked
patients = lib.cohort.read_cohort(cohort).patients
print("Labels:", *patients.patient)
print("Kept for this user alone:", oct(os.stat(os.path.dirname(os.environ["STUDY_CHECKED"])).st_mode & 0o777))"""


def test_a_site_is_checked_once_and_each_chapter_is_handed_its_own(collection, sites, tmp_path):
    write_site(sites / "b", 2, label="Q")
    out = tmp_path / "out"
    assert run(collection(_01_a=KEEPS_NOTHING_TO_CHECK), sites, out) == 0
    for site, labels in (("a", "P0 P1"), ("b", "Q0 Q1")):
        executed = (out / site / "notebooks" / "01_a.ipynb").read_text("utf-8")
        assert f"Labels: {labels}\\n" in executed and "Kept for this user alone: 0o700" in executed
    assert not list(out.rglob(".checked"))


WRITES_FOR_PRINT = """\
import matplotlib.pyplot as plt
import pandas as pd

from lib.narrative import Chapter

chapter = Chapter("01_a")
chapter.figure(plt.figure(), "1.1", caption="c", alt="a")
chapter.table(pd.DataFrame({"n": [1]}), "1.1", "c")
chapter.hand_on()"""


@pytest.mark.parametrize(("asked", "for_print"), [
    ((), set()),
    (("--print-files",), {"figures/figure_1_1.pdf", "figures/figure_1_1.png", "figures/figure_1_1.svg", "tables/table_1_1.docx"}),
])
def test_files_for_print_are_written_when_asked_for(collection, sites, tmp_path, asked, for_print):
    out = tmp_path / "out"
    assert run(collection(_01_a=WRITES_FOR_PRINT), sites, out, *asked) == 0
    for site in ("a", "b"):
        made = {path.relative_to(out / site).as_posix() for path in (out / site).rglob("*.*")}
        assert made == {"results/01_a.json", "notebooks/01_a.ipynb", "tables/table_1_1.csv", "tables/table_1_1.html", ".site"} | for_print


def test_a_failing_site_is_named_and_the_others_are_made(collection, sites, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(collection(_01_a=WRITES.format(before=FAILS_AT_B)), sites, out) == 1
    error = capsys.readouterr().err
    assert error.startswith("b: 01_a, cell ") and "the liver is missing" in error and "Traceback" not in error
    assert (out / "a" / "results" / "01_a.json").is_file() and not (out / "b").exists()
    assert list(pd.read_csv(out / "summary.csv").Patients) == ["2", "–"]


def test_a_pattern_without_a_cohort_is_refused(collection, tmp_path, capsys):
    assert run(collection(_01_a="pass"), tmp_path / "nowhere", tmp_path / "out") == 2
    assert "no folder of that pattern holds a patients.csv" in capsys.readouterr().err


def test_two_sites_of_one_name_are_refused(sites, tmp_path):
    write_site(tmp_path / "more" / "a", 1)
    with pytest.raises(NotebookError, match="two folders are called a"):
        find_sites(f"{tmp_path}/*/a", tmp_path / "out")


def test_a_median_that_is_not_reached_says_so(tmp_path):
    (tmp_path / "a" / "results").mkdir(parents=True)
    quantities = {"cohort.n": {"value": 4}, "os_treatment.median": {"value": float("inf")}, "os_treatment.lower": {"value": 2.0}}
    (tmp_path / "a" / "results" / "04.json").write_text(json.dumps({"quantities": quantities}))
    assert summary_row(tmp_path, "a", "")["Median survival from first treatment, months (interval)"] == "not reached (2.0 to not reached)"


# -- whose patients they are -----------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "says"), [
    (ROOT / "pages here", "expected a folder that version control ignores"),
    ("sites", "the cohorts themselves lie there"),
])
def test_an_output_folder_that_may_not_hold_results_is_refused_before_anything_is_run(collection, sites, tmp_path, capsys, place, says):
    assert run(collection(_01_a=f"from pathlib import Path\nPath({str(tmp_path)!r}, 'ran').touch()"), sites, tmp_path / place) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (ROOT / "pages here").exists() and not (tmp_path / "ran").exists()
    assert sorted(path.name for path in sites.rglob("*")) == ["a", "b", "patients.csv", "patients.csv"]


def test_a_site_that_could_tell_who_its_patients_are_fails_unless_its_column_is_allowed(collection, sites, tmp_path, capsys):
    write_site(sites / "b", 3, label="812340")
    folder, out = collection(_01_a=WRITES.format(before="")), tmp_path / "out"
    assert run(folder, sites, out) == 1
    assert re.fullmatch("b: The cohort was not read, .* nothing like a record number.*", capsys.readouterr().err.strip())
    assert summary(out).Run["a"] == "complete" and "nothing like a record number" in summary(out).Run["b"]
    assert "nothing like a record number" in (out / "summary.html").read_text() and not (out / "b").exists()
    assert run(folder, sites, out, "--allow", "patient") == 0


def test_a_site_that_version_control_could_pick_up_fails(collection, sites, tmp_path, capsys):
    (sites / "b" / ".git").mkdir()
    out = tmp_path / "out"
    assert run(collection(_01_a=WRITES.format(before="")), sites, out) == 1
    assert capsys.readouterr().err.startswith(f"b: {sites}/b, whole file: expected a folder that version control ignores")
    assert summary(out).Run["a"] == "complete" and not (out / "b").exists()


# -- results of an earlier run ---------------------------------------------------------------------------


def test_results_of_a_site_that_fails_or_is_gone_are_set_aside_and_named(collection, sites, tmp_path, capsys, contents):
    folder, out = collection(_01_a=WRITES.format(before="")), tmp_path / "out"
    write_site(sites / "c", 4)
    assert run(folder, sites, out) == 0
    (out / "mine").mkdir()  # not made by a run
    before = {name: contents(out / name) for name in "bc"}
    (sites / "b" / "patients.csv").rename(sites / "b" / "patients.txt")
    (sites / "c").rename(tmp_path / "c")
    capsys.readouterr()
    assert run(folder, sites, out) == 1
    said = capsys.readouterr().err
    for name in "bc":
        assert f"Earlier results of {name} lie in {out}/earlier/{name}, they are not of this run.\n" in said
        assert not (out / name).exists() and contents(out / "earlier" / name) == before[name]
    table = summary(out)
    assert table["Earlier results, not of this run"].to_dict() == {"a": "–", "b": "earlier/b", "c": "earlier/c"}
    assert table.Patients.to_dict() == {"a": "2", "b": "–", "c": "–"} and table.Run["c"] == "not in this run"
    page = (out / "summary.html").read_text()
    assert "2 sites, 1 not complete" in page and '<a href="earlier/b/notebooks/">' in page
    assert (out / "mine").is_dir()
    # as they return, what was set aside gives way
    (sites / "b" / "patients.txt").rename(sites / "b" / "patients.csv")
    (tmp_path / "c").rename(sites / "c")
    assert run(folder, sites, out) == 0
    assert not (out / "earlier").exists() and contents(out / "c") == before["c"] and list(summary(out).index) == ["a", "b", "c"]


def test_a_folder_of_the_readers_own_is_left_where_it_is(tmp_path, contents):
    for own in ("b", "mine", "earlier/a"):
        (tmp_path / own).mkdir(parents=True)
        (tmp_path / own / "letter.txt").write_text("mine")
    before = contents(tmp_path)
    set_aside(tmp_path, {"a"})
    assert contents(tmp_path) == before
    assert earlier_results(tmp_path, {"b": "failed"}) == {"b": "b"}


def test_a_chapter_asked_for_is_run_alone_and_the_others_results_stay(collection, sites, tmp_path):
    folder, out = collection(_01_a=WRITES.format(before=""), _02_b="print(1)", _03_c="print(1)"), tmp_path / "out"
    assert run(folder, sites, out) == 0
    before = {path.name: path.stat().st_mtime_ns for path in (out / "b" / "notebooks").iterdir()}
    assert run(folder, sites, out, "02_b", "03") == 0
    after = {path.name: path.stat().st_mtime_ns for path in (out / "b" / "notebooks").iterdir()}
    assert {name for name in after if after[name] == before[name]} == {"01_a.ipynb"} and len(after) == 3
    assert summary(out).Patients["b"] == "3"


# -- what is asked for, and what is found ----------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "says"), [
    (["--refresh"], "--refresh writes the published analysis"),
    (["--changed"], "--changed is for one cohort at a time"),
    (["--no-preheated"], "--no-preheated is for one cohort at a time"),
    (["07_nothing"], "There is no chapter 07_nothing; there are 01_a."),
    (["--scheduler", "nonsense"], "--scheduler nonsense: expected the address of a Dask scheduler, such as tcp://host:8786."),
    (["--scheduler", "carrier://pigeon:1"], "--scheduler carrier://pigeon:1: expected the address"),
])
def test_an_option_that_many_sites_cannot_heed_gets_one_sentence_and_exit_2(collection, sites, tmp_path, capsys, arguments, says):
    assert run(collection(_01_a="pass"), sites, tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(says) and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_scheduler_for_one_cohort_is_refused(collection, sites, tmp_path, capsys):
    assert main(["--cohort", str(sites / "a"), "--scheduler", "tcp://host:8786", "--out", str(tmp_path / "out")], collection(_01_a="pass")) == 2
    assert capsys.readouterr().err.startswith("--scheduler is for many cohorts at once") and not (tmp_path / "out").exists()


def test_an_empty_folder_is_a_site_that_failed_and_a_file_is_left_aside(collection, sites, tmp_path, capsys):
    (sites / "empty").mkdir()
    (sites / "letter.txt").write_text("")
    out = tmp_path / "out"
    assert run(collection(_01_a=WRITES.format(before="")), sites, out) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "Left aside, since a site is a folder: letter.txt."
    assert [line for line in said if line.startswith("empty: ") and "patients.csv" in line]
    assert list(summary(out).index) == ["a", "b", "empty"] and "patients.csv" in summary(out).Run["empty"]
    assert "3 sites, 1 not complete" in (out / "summary.html").read_text()


def test_the_output_folder_is_no_site_even_where_the_pattern_names_it(sites):
    (sites / "out").mkdir()
    assert find_sites(f"{sites}/*", sites / "out") == ([sites / "a", sites / "b"], [])


@pytest.mark.parametrize("name", ["earlier", "summary.csv"])
def test_a_site_whose_name_is_taken_is_refused(sites, tmp_path, name):
    write_site(sites / name, 1)
    with pytest.raises(NotebookError, match=f"no site can be called {name}; give it another name"):
        find_sites(f"{sites}/*", tmp_path / "out")


def test_the_summary_leads_to_the_chapters_of_each_complete_site(tmp_path):
    names = ["a & <b> #1?", "b:c", "d e"]
    for name in names:
        (tmp_path / name / "notebooks").mkdir(parents=True)
    write_summary(tmp_path, [*names, "z"], {"z": "failed"})
    page = (tmp_path / "summary.html").read_text()
    links = re.findall('<a href="([^"]*)">([^<]*)</a>', page)
    assert links == [("a%20%26%20%3Cb%3E%20%231%3F/notebooks/", "a &amp; &lt;b&gt; #1?"), ("b%3Ac/notebooks/", "b:c"), ("d%20e/notebooks/", "d e")]
    assert all((tmp_path / unquote(target)).is_dir() for target, _ in links) and "<td>z</td>" in page


# -- a cluster, and Ctrl-C -------------------------------------------------------------------------------


def test_a_scheduler_without_workers_is_told_of_and_waited_for(collection, sites, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lib.sites.PATIENCE_S", 0.5)
    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster:
        later = threading.Timer(2, cluster.scale, [1])
        later.start()
        assert run(collection(_01_a=WRITES.format(before="")), sites, tmp_path / "out", "--scheduler", cluster.scheduler_address) == 0
        later.join()
    assert capsys.readouterr().err == f"The scheduler at {cluster.scheduler_address} has no workers yet; the sites wait for the first, Ctrl-C ends the wait.\n"
    assert set(summary(tmp_path / "out").Run) == {"complete"}


def test_a_scheduler_that_does_not_answer_is_named(collection, sites, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lib.sites.Client", lambda address: (_ for _ in ()).throw(OSError(f"Timed out trying to connect to {address} after 30 s")))
    assert run(collection(_01_a="pass"), sites, tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1") == 1
    assert capsys.readouterr().err == "The scheduler at tcp://127.0.0.1:1 does not answer; start it, or correct the address.\n"


@pytest.mark.parametrize("moment", ["workers begin", "a cell runs"])
def test_ctrl_c_ends_many_sites_in_one_sentence_with_nothing_half_made(collection, sites, tmp_path, moment):
    folder, out = collection(_01_a="import os, time\nfrom pathlib import Path\nPath(os.environ['STUDY_OUT'], 'reached').touch()\ntime.sleep(120)"), tmp_path / "out"
    program = "import sys; from lib.run import main; sys.exit(main(sys.argv[2:], sys.argv[1]))"
    runner = subprocess.Popen([sys.executable, "-c", program, folder, "--cohort", f"{sites}/*", "--processes", "2", "--out", out], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 90
    while not (list(out.rglob("reached")) if moment == "a cell runs" else len(psutil.Process(runner.pid).children()) >= 2):
        assert time.monotonic() < end and runner.poll() is None, f"the moment never came: {runner.communicate()}"
        time.sleep(0.02)
    family = psutil.Process(runner.pid).children(recursive=True)
    os.killpg(runner.pid, signal.SIGINT)  # as a terminal does; the group is the runner's own
    _, said = runner.communicate(timeout=60)
    assert (runner.returncode, said) == (130, f"Stopped; the sites that were complete are in {out}, which has no summary of this run.\n")
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert [path.name for path in out.iterdir()] == [".lock"]
