"""Kernels forked from a server that has imported the libraries: the same outputs, nothing shared, nothing left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from lib.notebooks import find_sources
from lib.preheated import is_possible
from lib.run import main

pytestmark = pytest.mark.skipif(not is_possible(), reason="kernels are forked on Linux only")
ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "import sys; from lib.run import main; sys.exit(main(sys.argv[2:], sys.argv[1]))"


def run(*arguments):
    """A run in a process of its own: the server forks from a fresh Python."""
    return subprocess.run([sys.executable, "-c", PROGRAM, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def short():
    """A folder whose path is short: that of a socket has room for a hundred letters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_chapter_comes_out_byte_for_byte_as_from_a_kernel_started_anew(tmp_path, contents):
    ways = {way: tmp_path / way for way in ("plain", "preheated")}
    for way, out in ways.items():
        extra = ["--no-preheated"] if way == "plain" else []
        done = run(ROOT / "notebooks", "03_response", "--no-pages", "--out", out, *extra)
        assert done.returncode == 0, done.stderr
    plain, preheated = (contents(out) for out in ways.values())
    assert len(plain) > 20  # the notebook, its results, and files of figures and tables
    assert preheated == plain


LEAVES = """\
import builtins, os, sys
import numpy
secret = builtins.secret = numpy.secret = 1
sys.modules["secret"] = numpy
os.environ["SECRET"] = "1"
numpy.random.seed(5)"""
FINDS = """\
import builtins, os, sys
import numpy
found = [name for name, holder in (("globals", globals()), ("builtins", vars(builtins)), ("modules", sys.modules), ("numpy", vars(numpy)),
                                   ("environment", {key.lower() for key in os.environ})) if "secret" in holder]
assert not found, found
first = numpy.random.random()
numpy.random.seed(5)
assert first != numpy.random.random(), "the state of random numbers was handed on\""""


def test_a_chapter_finds_the_libraries_imported(collection, tmp_path):
    folder = collection(_01_a='import sys\nassert "lifelines" in sys.modules')
    done = run(folder, "--no-pages", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr


def test_a_forked_kernel_collects_garbage_and_has_the_debugger_for_whoever_imports_it(collection, tmp_path):
    folder = collection(_01_a='import gc, sys\nassert gc.isenabled()\nassert "debugpy" not in sys.modules\nimport debugpy\nassert debugpy.listen')
    done = run(folder, "--no-pages", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr


FIRST = """\
import os
from pathlib import Path
import psutil
Path(os.environ["STUDY_OUT"], "first.part").write_text(str(psutil.Process().create_time()))
Path(os.environ["STUDY_OUT"], "first.part").rename(Path(os.environ["STUDY_OUT"], "first"))"""
LOOKS = """\
import os, time
from pathlib import Path
import psutil
server, end = psutil.Process().parent(), time.monotonic() + 60
while not Path(os.environ["STUDY_OUT"], "first").exists():
    assert time.monotonic() < end
    time.sleep(0.05)
younger = max(float(Path(os.environ["STUDY_OUT"], "first").read_text()), psutil.Process().create_time())
while not any(child.create_time() > younger for child in server.children()):
    assert time.monotonic() < end, "no kernel was started while this chapter ran"
    time.sleep(0.05)"""


def test_the_kernel_of_the_chapter_that_waits_for_the_others_is_started_while_one_of_them_still_runs(collection, tmp_path):
    done = run(collection(_01_a=FIRST, _02_b=LOOKS, _05_verdict="print(1)"), "--no-pages", "--processes", "2", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr


def test_a_wrong_command_line_leaves_nothing_of_the_server_that_was_begun_for_it(collection, tmp_path, short):
    runner = subprocess.Popen([sys.executable, "-c", PROGRAM, collection(_01_a="done = True"), "99"], cwd=ROOT, env={**os.environ, "TMPDIR": str(short)},
                              stderr=subprocess.PIPE, text=True)
    family, servers = set(), set()
    while runner.poll() is None:
        with suppress(psutil.NoSuchProcess):
            family.update(psutil.Process(runner.pid).children(recursive=True))
            servers.update(each for each in family if "multiprocessing.forkserver" in " ".join(each.cmdline()))
        time.sleep(0.01)
    assert servers, "no server was begun"
    assert not any(server.is_running() for server in servers), "it was left to load what nobody asked for"
    assert (runner.returncode, runner.stderr.read()) == (2, "There is no chapter 99; there are 01_a.\n")
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert not list(short.iterdir())


def test_a_chapter_sees_nothing_that_another_has_left(collection, tmp_path):
    folder = collection(_01_a=LEAVES, _02_b=FINDS, _03_c=LEAVES)
    assert len(find_sources(folder)) == 3
    done = run(folder, "--no-pages", "--processes", "1", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr


def test_a_cell_that_fails_and_a_kernel_that_dies_are_told_as_ever(collection, tmp_path, capsys):
    for code, says in (("1 / 0", "ZeroDivisionError"), ("import os\nos._exit(3)", "kernel died")):
        folder = collection(_01_a=code)
        said = [run(folder, "--no-pages", "--out", tmp_path / "out", *extra) for extra in (["--no-preheated"], [])]
        assert [done.returncode for done in said] == [1, 1]
        assert says in said[0].stderr and said[1].stderr.splitlines()[-1] == said[0].stderr.splitlines()[-1]


def test_a_runner_killed_outright_leaves_no_server_and_no_kernel(collection, tmp_path, short):
    out = tmp_path / "out"
    folder = collection(_01_a="import os, time\nfrom pathlib import Path\nPath(os.environ['STUDY_OUT'], 'reached').touch()\ntime.sleep(120)")
    runner = subprocess.Popen([sys.executable, "-c", PROGRAM, folder, "--no-pages", "--out", out], cwd=ROOT, env={**os.environ, "TMPDIR": str(short)})
    end = time.monotonic() + 60
    while not list((out / ".staging").glob("*/reached")):
        assert time.monotonic() < end and runner.poll() is None, "the cell was never reached"
        time.sleep(0.05)
    family = psutil.Process(runner.pid).children(recursive=True)
    assert len(family) >= 3  # the server, a worker and its kernel
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert list(short.iterdir())  # the server's socket
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert not list(short.iterdir())
    collection(_01_a="done = True")
    assert main(["--no-pages", "--out", str(out)], folder) == 0  # the folder is free, and a rerun completes


def test_a_server_of_an_earlier_run_knows_the_environment_of_this_one(collection, tmp_path, monkeypatch):
    folder = collection(_01_a="import os\nassert 'STUDY_EARLIER' in os.environ")
    monkeypatch.setenv("STUDY_EARLIER", "1")
    assert main(["--no-pages", "--out", str(tmp_path / "out")], folder) == 0
    monkeypatch.delenv("STUDY_EARLIER")
    monkeypatch.setenv("STUDY_LATER", "1")
    collection(_01_a="import os\nassert 'STUDY_LATER' in os.environ and 'STUDY_EARLIER' not in os.environ")
    assert main(["--no-pages", "--out", str(tmp_path / "out")], folder) == 0


@pytest.mark.parametrize(("letters", "forked"), [(75, True), (76, False), (150, False)])
def test_where_the_path_of_a_socket_would_be_too_long_kernels_are_started_anew(collection, tmp_path, short, letters, forked):
    temporary = short / ("t" * (letters - len(str(short)) - 1))
    temporary.mkdir()
    assert len(str(temporary)) == letters
    folder = collection(_01_a='import sys\nprint("lifelines" in sys.modules)')
    done = subprocess.run([sys.executable, "-c", PROGRAM, folder, "--no-pages", "--out", tmp_path / "out"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stderr
    assert f'"{forked}\\n"' in (tmp_path / "out" / "notebooks" / "01_a.ipynb").read_text()
