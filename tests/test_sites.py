"""Many cohorts in one command: every site executed, a lost worker replaced, a failing site named, one page over all."""

import json

import pandas as pd
import pytest

from lib.notebooks import NotebookError
from lib.run import main
from lib.sites import find_sites, summary_row

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


@pytest.fixture
def sites(tmp_path):
    for name, n in (("a", 2), ("b", 3)):
        (tmp_path / "sites" / name).mkdir(parents=True)
        (tmp_path / "sites" / name / "patients.csv").write_text("patient\n" + "".join(f"P{number}\n" for number in range(n)))
    (tmp_path / "sites" / "notes").mkdir()
    return tmp_path / "sites"


def run(folder, sites, out):
    return main(["--cohort", f"{sites}/*", "--out", str(out), "--processes", "1"], folder)


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
    assert main(["--cohort", f"{sites}/*", "--out", str(out), "--processes", "1", *asked], collection(_01_a=WRITES_FOR_PRINT)) == 0
    for site in ("a", "b"):
        made = {path.relative_to(out / site).as_posix() for path in (out / site).rglob("*.*")}
        assert made == {"results/01_a.json", "notebooks/01_a.ipynb", "tables/table_1_1.csv", "tables/table_1_1.html"} | for_print


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
    (tmp_path / "more" / "a").mkdir(parents=True)
    (tmp_path / "more" / "a" / "patients.csv").write_text("patient\n")
    with pytest.raises(NotebookError, match="two folders are called a"):
        find_sites(f"{tmp_path}/*/a")


def test_a_median_that_is_not_reached_says_so(tmp_path):
    (tmp_path / "a" / "results").mkdir(parents=True)
    quantities = {"cohort.n": {"value": 4}, "os_treatment.median": {"value": float("inf")}, "os_treatment.lower": {"value": 2.0}}
    (tmp_path / "a" / "results" / "04.json").write_text(json.dumps({"quantities": quantities}))
    assert summary_row(tmp_path, "a", "")["Median survival from first treatment, months (interval)"] == "not reached (2.0 to not reached)"
