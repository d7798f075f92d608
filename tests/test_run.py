"""The runner: what it refuses, what it leaves whole when a chapter fails, and the sameness of two runs."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from lib.execute import ChapterError, execute_chapter, execute_in_turn
from lib.normal_form import normalise
from lib.notebooks import NotebookError, find_sources, read_value
from lib.run import changed_parameters, choose, default_folder, main, summary_line

GOOD = "print(conf_level)"

WRITES_RESULT = """\
import json, os
from pathlib import Path

folder = Path(os.environ["STUDY_OUT"]) / "results"
seen = sorted(path.stem for path in folder.glob("*.json"))
(folder / "{name}.json").write_text(json.dumps({{"seen": seen, "quantities": {{}}}}))
print(seen)"""

FIGURE_AND_TABLE = """\
import matplotlib.pyplot as plt
import pandas as pd

from lib.narrative import Chapter

chapter = Chapter("{name}", None, cohort=cohort, conf_level=conf_level)

# %%
fig, ax = plt.subplots()
ax.plot([0, 1], [0, 1])
chapter.figure(fig, "1.1", caption="A line.", alt="A line that rises.")

# %%
chapter.table(pd.DataFrame({{"Group": ["a", "b"], "n": [1, 2]}}), "1.1", caption="Two groups.")
print(object(), {{"x", "y", "z"}})

# %%
chapter.hand_on()"""


def run(folder, out, *more, pages=False):
    return main([*([] if pages else ["--no-pages"]), "--out", str(out), *more], folder)


def printed(out, name):
    """What a chapter's cells printed, from its executed notebook."""
    notebook = nbformat.read(out / "notebooks" / f"{name}.ipynb", as_version=4)
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))


# -- a run that goes well ------------------------------------------------------------------------------


WORKER = """
import signal, sys
from pathlib import Path
from jupyter_core.utils import run_sync
from lib import execute

execute.start_kernel(Path.cwd())
if sys.argv[1] == "died":
    run_sync(execute._waiting[0].signal_kernel)(signal.SIGKILL)
    while run_sync(execute._waiting[0].is_alive)():
        pass
execute.execute_chapter("01_a.py", "01_a.ipynb", {}, 60)
assert not execute._waiting
"""


@pytest.mark.parametrize("kernel", ["lives", "died"])
def test_a_chapter_is_executed_whether_or_not_the_kernel_that_waited_for_it_lives(kernel, collection):
    folder = collection(_01_a=GOOD)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "STUDY_OUT": str(folder)}
    subprocess.run([sys.executable, "-c", WORKER, kernel], cwd=folder, env=environment, check=True, timeout=180)
    assert nbformat.read(folder / "01_a.ipynb", 4).cells[-1].execution_count


def left_running(before):
    """Children of this process that were not there before and do not end soon."""
    left = [child for child in psutil.Process().children() if child not in before]
    psutil.wait_procs(left, timeout=10)
    return [child for child in left if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


TELLS_ITS_TIMES = """\
import json, os, time
import psutil
from pathlib import Path

told = {{"begun": psutil.Process().create_time(), "first": Path("first").exists(), "given": os.environ["GIVEN"], "before": "name" in globals()}}
name = "{name}"
time.sleep(1)
Path("{name}.json").write_text(json.dumps({{**told, "ended": time.time()}}))"""


def test_a_kernel_starts_while_the_chapter_before_it_runs_and_leaves_nothing_behind(collection):
    names = ("01_a", "02_b", "03_c")
    folder = collection(**{f"_{name}": TELLS_ITS_TIMES.format(name=name) for name in names})
    before = (set(threading.enumerate()), set(psutil.Process().children()))
    jobs = [(folder / f"{name}.py", folder / f"{name}.ipynb", {}) for name in names]
    execute_in_turn(jobs, 60, {"GIVEN": "to kernels alone"}, first=(folder / "first").touch)
    a, b, c = (json.loads((folder / f"{name}.json").read_text()) for name in names)
    assert b["begun"] < a["ended"] < b["ended"] and c["begun"] < b["ended"] < c["ended"]
    assert all(told["first"] and told["given"] == "to kernels alone" and not told["before"] for told in (a, b, c))
    assert "GIVEN" not in os.environ
    # one left by each kernel made a worker slower with every site
    assert set(threading.enumerate()) <= before[0]
    assert not left_running(before[1])


def test_no_chapter_is_executed_when_what_must_come_first_fails(collection):
    folder = collection(_01_a=GOOD)
    before = set(psutil.Process().children())
    with pytest.raises(ZeroDivisionError):
        execute_in_turn([(folder / "01_a.py", folder / "01_a.ipynb", {})], 60, {}, first=lambda: 1 / 0)
    assert not (folder / "01_a.ipynb").exists()
    assert not left_running(before)


@pytest.mark.skipif(sys.platform == "win32", reason="no groups of processes there")
@pytest.mark.parametrize("more", [["--no-preheated"], ["--preheated"]], ids=["started", "forked"])
@pytest.mark.parametrize("moment", ["imports", "runs", "after a failure"])
def test_ctrl_c_ends_a_run_with_all_its_processes_in_one_sentence(collection, tmp_path, moment, more):
    ends = "1 / 0" if moment == "after a failure" else "time.sleep(120)"
    folder = collection(_01_a=f"import os, time\nfrom pathlib import Path\nPath(os.environ['STUDY_OUT'], 'reached').touch()\n{ends}",
                        _02_b="import time\ntime.sleep(120)", _03_c="import time\ntime.sleep(120)")
    program = "import sys; from lib.run import main; print('begins', flush=True); sys.exit(main(sys.argv[2:], sys.argv[1]))"
    runner = subprocess.Popen([sys.executable, "-c", program, folder, "--no-pages", "--processes", "2", "--out", tmp_path / "out", *more],
                              cwd=Path(__file__).resolve().parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    runner.stdout.readline()
    end = time.monotonic() + 60
    while moment != "imports" and not list((tmp_path / "out" / ".staging").glob("*/reached")):
        assert time.monotonic() < end and runner.poll() is None, "the cell was never reached"
        time.sleep(0.05)
    time.sleep({"imports": 1.5, "runs": 0, "after a failure": 4}[moment])  # workers have been asked for, or the failure been told
    family = psutil.Process(runner.pid).children(recursive=True)
    os.killpg(runner.pid, signal.SIGINT)  # as a terminal does; the group is the runner's own
    _, said = runner.communicate(timeout=60)
    assert runner.returncode == 130
    sentence = "Stopped; earlier outputs are as they were."
    assert said == f"{sentence}\n" or more == ["--no-preheated"] and sentence in said.splitlines()  # kernels started anew may complain
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert not list((tmp_path / "out").rglob("*.ipynb"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels have ports")
@pytest.mark.parametrize("more", [["--no-preheated"], ["--preheated"]], ids=["started", "forked"])
def test_a_runner_speaks_with_its_kernels_over_no_port_that_another_program_could_take(collection, tmp_path, more):
    code = "from ipykernel.connect import get_connection_info\nprint(get_connection_info(unpack=True)['transport'])"
    assert run(collection(_01_a=code, _02_b=code), tmp_path / "out", *more) == 0
    assert [printed(tmp_path / "out", name) for name in ("01_a", "02_b")] == ["ipc\n"] * 2


def test_a_kernel_that_does_not_start_is_told_in_one_sentence(collection, tmp_path, monkeypatch):
    monkeypatch.setattr("lib.execute.preheated.is_serving", lambda: False)  # a server of an earlier test would still fork kernels
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ChapterError, match=r"^01_a, before its first cell: the kernel died \(Kernel died"):
        execute_chapter(collection(_01_a=GOOD) / "01_a.py", tmp_path / "01_a.ipynb", {}, 60)
    assert not (tmp_path / "01_a.ipynb").exists()


def test_chapters_run_on_this_python_even_where_another_kernel_has_its_name(collection, tmp_path, monkeypatch):
    spec = tmp_path / "share" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["/bin/false", "{connection_file}"], "display_name": "other", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    out = tmp_path / "out"
    assert run(collection(_01_a="import sys\nprint(sys.executable)"), out) == 0
    assert printed(out, "01_a").strip() == sys.executable


def test_a_users_settings_do_not_reach_the_chapters(collection, tmp_path, monkeypatch):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("print('started')\nleak = 1")
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "matplotlibrc"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    out = tmp_path / "out"
    code = "import matplotlib\nprint('leak' in globals(), matplotlib.rcParams['lines.linewidth'], 'inline' in matplotlib.get_backend())"
    assert run(collection(_01_a=code), out) == 0
    assert printed(out, "01_a").strip() == "False 1.5 True"


def test_a_preview_shows_what_a_run_shows(collection, tmp_path, monkeypatch):
    """Figures and tables are made by forks and come later, each to the cell that asked for it; files for download are not made."""
    folder = collection(_01_a=FIGURE_AND_TABLE.format(name="01_a"))
    assert run(folder, tmp_path / "run") == 0
    monkeypatch.setenv("STUDY_PREVIEW", "1")
    assert run(folder, tmp_path / "preview") == 0
    shown = [(tmp_path / way / "notebooks" / "01_a.ipynb").read_bytes() for way in ("run", "preview")]
    assert shown[0] == shown[1] and b"image/png" in shown[0] and b"text/html" in shown[0]
    assert list((tmp_path / "run" / "figures").iterdir()) and not (tmp_path / "preview" / "figures").exists()


def test_a_figure_that_a_preview_cannot_draw_fails_the_chapter(collection, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDY_PREVIEW", "1")
    cannot = FIGURE_AND_TABLE.replace('ax.plot([0, 1], [0, 1])', 'ax.draw = lambda renderer: 1 / 0')
    assert run(collection(_01_a=cannot.format(name="01_a")), tmp_path / "out") == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_chapter_rerun_leaves_no_file_that_it_does_not_write_again(collection, tmp_path):
    """A figure left out for a patient's sake, say."""
    out, second = tmp_path / "out", FIGURE_AND_TABLE.format(name="02_b").replace("1.1", "2.1")
    folder = collection(_01_a=FIGURE_AND_TABLE.format(name="01_a"), _02_b=second)
    assert run(folder, out) == 0
    before = sorted(path.name for product in ("figures", "tables") for path in (out / product).iterdir())
    assert {"figure_1_1.png", "figure_2_1.png", "table_1_1.csv"} <= set(before)
    collection(_01_a=FIGURE_AND_TABLE.format(name="01_a").replace('chapter.figure(fig, "1.1", caption="A line.", alt="A line that rises.")', "plt.close(fig)"))
    assert run(folder, out, "01_a") == 0
    after = sorted(path.name for product in ("figures", "tables") for path in (out / product).iterdir())
    assert after == [name for name in before if not name.startswith("figure_1_1")]


def test_the_verdict_runs_after_the_chapters_whose_results_it_reads(collection, tmp_path):
    folder = collection(**{f"_{name}": WRITES_RESULT.format(name=name) for name in ("01_a", "02_b", "05_verdict")})
    out = tmp_path / "out"
    assert run(folder, out) == 0
    assert printed(out, "05_verdict").strip() == "['01_a', '02_b']"


def test_one_chapter_rerun_brings_the_verdict_along_and_keeps_the_others(collection, tmp_path):
    folder = collection(**{f"_{name}": WRITES_RESULT.format(name=name) for name in ("01_a", "02_b", "05_verdict")})
    out = tmp_path / "out"
    assert run(folder, out) == 0
    before = (out / "notebooks" / "02_b.ipynb").stat().st_mtime_ns
    verdict = (out / "notebooks" / "05_verdict.ipynb").stat().st_mtime_ns
    assert run(folder, out, "01") == 0
    assert (out / "notebooks" / "02_b.ipynb").stat().st_mtime_ns == before
    assert (out / "notebooks" / "05_verdict.ipynb").stat().st_mtime_ns > verdict


def test_a_parameter_reaches_the_chapters_that_have_it(collection, tmp_path):
    folder = collection(_01_a=GOOD)
    (folder / "02_b.py").write_text((folder / "01_a.py").read_text().replace("conf_level = 0.95", "other = 1").replace(GOOD, "print(other)"))
    out = tmp_path / "out"
    assert run(folder, out, "-p", "conf_level", "0.9") == 0
    assert (printed(out, "01_a").strip(), printed(out, "02_b").strip()) == ("0.9", "1")


def test_two_runs_into_different_folders_give_the_same_bytes(collection, tmp_path, contents):
    folder = collection(_01_a=FIGURE_AND_TABLE.format(name="01_a"))
    assert run(folder, tmp_path / "one", pages=True) == 0
    assert run(folder, tmp_path / "quite another", pages=True) == 0
    one, other = contents(tmp_path / "one"), contents(tmp_path / "quite another")
    assert sorted(one) == sorted(other)
    assert [name for name in one if one[name] != other[name]] == []
    assert {"html/index.html", "html/01_a.html", "figures/figure_1_1.pdf", "tables/table_1_1.docx", "notebooks/01_a.ipynb"} <= set(one)
    assert not [name for name, data in one.items() if str(tmp_path).encode() in data]


def test_what_a_chapter_no_longer_makes_is_gone_after_a_whole_run(collection, tmp_path):
    folder = collection(_01_a=GOOD, _02_b=GOOD)
    out = tmp_path / "out"
    assert run(folder, out) == 0
    (folder / "02_b.py").unlink()
    assert run(folder, out) == 0
    assert [path.name for path in (out / "notebooks").iterdir()] == ["01_a.ipynb"]


def test_no_environment_variable_or_folder_of_this_process_is_changed(collection, tmp_path):
    before = dict(os.environ), Path.cwd()
    assert run(collection(_01_a=GOOD), tmp_path / "out") == 0
    assert (dict(os.environ), Path.cwd()) == before


# -- a run that fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "more", "says"),
    [
        ("x = 1\n\n# %%\nraise ValueError('the liver is missing')", (), r"02_b, cell 4 (raise ValueError('the liver is missing')): ValueError: the liver is missing"),
        ("import os\n\n# %%\nos._exit(9)", (), "02_b, cell 4 (os._exit(9)): the kernel died"),
        ("import time\ntime.sleep(60)", ("--timeout", "2"), "02_b, cell 3 (import time): took longer than 2 s"),
    ],
    ids=["error", "kernel death", "hang"],
)
def test_a_failing_chapter_is_named_and_earlier_outputs_stay_whole(collection, tmp_path, capsys, contents, code, more, says):
    out = tmp_path / "out"
    folder = collection(_01_a=GOOD, _02_b=GOOD)
    assert run(folder, out) == 0
    before = contents(out)
    collection(_01_a="print('changed')", _02_b=code)
    capsys.readouterr()
    assert run(folder, out, *more) == 1
    assert says in capsys.readouterr().err
    assert contents(out) == before
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == [".lock"]


@pytest.mark.parametrize("more", [(), ("--no-preheated",), ("--processes", "1")], ids=["forked", "started", "one at a time"])
def test_a_chapter_that_fails_while_most_are_not_begun_ends_the_run(collection, tmp_path, more):
    folder = collection(_01_a="raise ValueError('the liver is missing')", **{f"_0{number}_b": GOOD for number in range(2, 9)})
    program = "import sys; from lib.run import main; sys.exit(main(sys.argv[2:], sys.argv[1]))"
    ended = subprocess.run([sys.executable, "-c", program, folder, "--no-pages", "--processes", "2", *more, "--out", tmp_path / "out"],
                           capture_output=True, text=True, timeout=180)
    assert ended.returncode == 1 and re.search(r"^01_a, cell 3 .*: ValueError: the liver is missing$", ended.stderr, re.M)
    assert "Traceback" not in ended.stderr and not list((tmp_path / "out").glob("notebooks/*"))


def test_pages_that_cannot_be_made_leave_the_old_ones(collection, tmp_path, capsys, contents):
    out = tmp_path / "out"
    folder = collection(_01_a=FIGURE_AND_TABLE.format(name="01_a"))
    assert run(folder, out, pages=True) == 0
    before = contents(out)
    source = folder / "01_a.py"
    source.write_text(source.read_text().replace("# # A question?", "# # A question?\n#\n# ```{nonsense}\n# ```"))
    capsys.readouterr()
    assert run(folder, out, pages=True) == 1
    assert "nonsense" in capsys.readouterr().err
    assert contents(out) == before


def test_a_runner_killed_outright_leaves_outputs_whole_and_nothing_running(collection, tmp_path, contents):
    out = tmp_path / "out"
    folder = collection(_01_a=GOOD)
    assert run(folder, out) == 0
    before = contents(out)
    collection(_01_a="import os, time\nfrom pathlib import Path\nPath(os.environ['STUDY_OUT'], 'reached').touch()\ntime.sleep(120)")
    program = "import sys; from lib.run import main; main(sys.argv[2:], sys.argv[1])"
    runner = subprocess.Popen([sys.executable, "-c", program, folder, "--no-pages", "--out", out])
    wait_for(lambda: list((out / ".staging").glob("*/reached")))
    family = psutil.Process(runner.pid).children(recursive=True)
    assert len(family) >= 2  # a worker and its kernel
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert {name: data for name, data in contents(out).items() if not name.startswith(".staging")} == before
    collection(_01_a=GOOD)
    assert run(folder, out) == 0
    assert contents(out) == before


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_of_two_runs_into_one_folder_the_second_says_so(collection, tmp_path, capsys, contents):
    out = tmp_path / "out"
    folder = collection(_01_a=GOOD)
    assert run(folder, out) == 0
    before = contents(out)
    with open(out / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert run(folder, out) == 1
    assert "Another run is writing to" in capsys.readouterr().err
    assert contents(out) == before
    assert run(folder, out) == 0


def test_a_folder_that_cannot_be_written_is_named(collection, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(collection(_01_a=GOOD), tmp_path / "file" / "out") == 1
    error = capsys.readouterr().err
    assert "cannot be written" in error and error.count("\n") == 1


# -- the command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "confidence", "0.9"], "no chapter to be run has such a parameter; there are cohort, conf_level."),
        (["-p", "conf_level", "high"], "conf_level takes a number, such as 0.95."),
        (["-p", "conf_level", "2"], "conf_level = 2.0 is not allowed"),
        (["-p", "conf_level", "nan"], "conf_level = nan is not allowed"),
        (["07_nothing"], "There is no chapter 07_nothing; there are 01_a."),
        (["--cohort", "nowhere"], "there is no such folder"),
        (["--refresh", "-p", "conf_level", "0.9"], "--refresh writes the published analysis"),
    ],
)
def test_a_wrong_command_line_gets_one_sentence_and_exit_2(collection, tmp_path, capsys, arguments, says):
    assert run(collection(_01_a=GOOD), tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_changed_parameters_get_a_folder_of_their_own(collection):
    sources = find_sources(collection(_01_a=GOOD))
    build = Path("build")
    assert default_folder(build, changed_parameters(sources, {})) == build
    assert default_folder(build, changed_parameters(sources, {"conf_level": "0.95"})) == build
    assert default_folder(build, changed_parameters(sources, {"conf_level": "0.9"})) == build / "runs" / "conf_level=0.9"
    hostile = default_folder(build, changed_parameters(sources, {"cohort": "/tmp/../etc/my cohort;rm"}))
    assert hostile == build / "runs" / "cohort=my-cohort-rm"


def test_chapters_are_chosen_by_number_name_or_path(collection):
    sources = find_sources(collection(_01_a=GOOD, _02_b=GOOD))
    for name in ("02", "02_b", "notebooks/02_b.py", "02_b.ipynb"):
        assert [source.name for source in choose(sources, [name])] == ["02_b"]


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [("6", 4.0, 6.0), ("6", 3, 6), ("4.03", 5, 4.03), ("true", False, True), ("FALSE", True, False), ("v4.03", "v5", "v4.03"), ("['a', 'b']", ["a"], ["a", "b"])],
)
def test_a_value_is_read_in_the_type_of_its_default(text, default, value):
    read = read_value("name", text, default)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(("text", "default"), [("few", 3), ("yes", True), ("six", 4.0), ("[", ["a"])])
def test_a_value_of_another_type_is_refused(text, default):
    with pytest.raises(NotebookError, match=r"-p name .*: name takes .*, such as"):
        read_value("name", text, default)


def test_the_closing_line_counts_every_published_figure():
    summary = {"published": 10, "reproduced": 5, "differs": 2, "not_derivable": 1, "method": 2, "unaccounted": 0, "unexpected": 0}
    line = summary_line(summary)
    assert line.startswith("5 of 10 published figures reproduced, 2 differ") and line.endswith("all as expected.")
    assert "NOT as expected" in summary_line({**summary, "unexpected": 1})


def test_an_unexpected_verdict_makes_the_run_fail(collection, tmp_path, capsys):
    code = WRITES_RESULT.format(name="05_verdict").replace('"quantities": {}', '"quantities": {}, "summary": summary')
    counts = {"published": 2, "reproduced": 1, "differs": 1, "not_derivable": 0, "method": 0, "unaccounted": 0, "unexpected": 1}
    out = tmp_path / "out"
    assert run(collection(_05_verdict=f"summary = {counts}\n{code}"), out) == 1
    assert "1 verdicts NOT as expected" in capsys.readouterr().out


# -- notebooks -----------------------------------------------------------------------------------------


def test_a_normalised_notebook_keeps_what_two_runs_share():
    code = nbformat.v4.new_code_cell("f()", execution_count=1, metadata={"tags": ["parameters"], "execution": {"iopub.execute_input": "now"}, "papermill": {"duration": 1}})
    code.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="a "),
        nbformat.v4.new_output("stream", name="stdout", text="<object at 0x7f12ab>\n"),
        nbformat.v4.new_output("stream", name="stderr", text="warned"),
        nbformat.v4.new_output("display_data", data={"text/html": "<b>1</b>", "text/plain": "<IPython.core.display.HTML object>"}, metadata={"image/png": {"alt": "x"}}),
        nbformat.v4.new_output("execute_result", data={"text/plain": "<Axes at 0xFF>"}, execution_count=1),
    ]
    notebook = nbformat.v4.new_notebook(cells=[code], metadata={"papermill": {"start_time": "now"}, "language_info": {"name": "python", "version": "3.11.7"}})
    tidy = normalise(notebook)
    assert tidy.metadata == {"language_info": {"name": "python"}}
    assert tidy.cells[0].metadata == {"tags": ["parameters"]}
    assert [output.get("text") for output in tidy.cells[0].outputs[:2]] == ["a <object at 0x0>\n", "warned"]
    assert tidy.cells[0].outputs[2].data == {"text/html": "<b>1</b>"}
    assert tidy.cells[0].outputs[2].metadata == {"image/png": {"alt": "x"}}
    assert tidy.cells[0].outputs[3].data == {"text/plain": "<Axes at 0x0>"}
    assert nbformat.writes(normalise(notebook)) == nbformat.writes(tidy)


@pytest.mark.parametrize(
    ("cell", "says"),
    [("level = 0.95", "has 0 cells tagged 'parameters'"), ('# %% tags=["parameters"]\nlevel = compute()', "only lines like name = value"),
     ('# %% tags=["parameters"]\nlevel = (0.95', r"cannot be read, '\(' was never closed: 'level = \(0.95'")],
)
def test_a_parameters_cell_that_cannot_be_read_is_refused(tmp_path, cell, says):
    (tmp_path / "01_a.py").write_text("# %% [markdown]\n# # Q?\n\n" + (cell if cell.startswith("#") else "# %%\n" + cell))
    with pytest.raises(NotebookError, match=says):
        find_sources(tmp_path)


def test_a_folder_without_chapters_is_refused(tmp_path):
    with pytest.raises(NotebookError, match="holds no chapter"):
        find_sources(tmp_path)
