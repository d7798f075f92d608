"""Files written by forks of a chapter's process: all of them, in order, with their errors told."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.aside import Aside


def write(path, text):
    path.write_text(f"{text} {os.getpid()}")


def fail(path):
    raise OSError(28, "No space left on device", str(path))


def test_all_that_was_asked_for_is_done_when_it_is_finished(tmp_path):
    aside = Aside()
    for number in range(5):
        aside.do(write, tmp_path / str(number), "made")
    aside.finish()
    assert [(tmp_path / str(number)).read_text().split()[0] for number in range(5)] == ["made"] * 5


@pytest.mark.skipif("sys.platform != 'linux'", reason="forks are for Linux")
def test_the_first_is_done_by_another_process_and_what_comes_after_the_end_by_this_one(tmp_path):
    aside = Aside()
    aside.do(write, tmp_path / "first", "made")
    while not aside._fork.has_ended():
        time.sleep(0.01)
    aside.finish()
    aside.do(write, tmp_path / "late", "made")
    assert (tmp_path / "first").read_text() != f"made {os.getpid()}"
    assert (tmp_path / "late").read_text() == f"made {os.getpid()}"


def test_where_every_core_is_taken_nothing_is_forked(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_AT_ONCE", "1")
    Aside().do(write, tmp_path / "first", "made")
    assert (tmp_path / "first").read_text() == f"made {os.getpid()}"


def test_an_error_of_a_fork_reaches_the_chapter_as_it_was(tmp_path):
    aside = Aside()
    with pytest.raises(OSError, match="No space left on device") as error:
        aside.do(fail, tmp_path / "figure.pdf")
        aside.finish()
    assert error.value.filename == str(tmp_path / "figure.pdf")


@pytest.mark.skipif("sys.platform != 'linux'", reason="forks are for Linux")
@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), 9), lambda: time.sleep(600)], ids=["killed", "hangs"])
def test_what_a_fork_does_not_finish_is_done_again(tmp_path, end):
    def write_and_end_in_a_fork(path, parent=os.getpid()):
        write(path, "made")
        if os.getpid() != parent:
            end()

    aside = Aside(patience_s=0.5)
    aside.do(write_and_end_in_a_fork, tmp_path / "file")
    while not (tmp_path / "file").exists():
        time.sleep(0.01)
    forked = aside._fork.pid
    aside.finish()
    assert (tmp_path / "file").read_text() == f"made {os.getpid()}"
    assert not Path(f"/proc/{forked}").exists()


@pytest.mark.skipif("sys.platform != 'linux'", reason="forks are for Linux")
def test_a_fork_ends_with_the_process_that_asked_for_it(tmp_path):
    program = ("import os, sys, time\nfrom lib.aside import Aside\n"
               "def work():\n    open(sys.argv[1], 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
               "Aside().do(work)\nwhile not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():\n    time.sleep(0.01)\nos._exit(0)")
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "pid")], check=True, timeout=60)
    fork = Path("/proc", (tmp_path / "pid").read_text(), "stat")
    end = time.monotonic() + 10
    while fork.exists() and fork.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < end:
        time.sleep(0.01)
    assert not fork.exists() or fork.read_text().rpartition(")")[2].split()[0] == "Z"


def test_nothing_asked_for_ends_at_once():
    Aside().finish()


@pytest.mark.skipif("sys.platform != 'linux'", reason="forks are for Linux")
def test_what_the_fork_has_not_begun_at_the_end_is_shared_and_nothing_done_twice(tmp_path):
    def slowly(path):
        with open(path, "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.2)

    aside = Aside()
    for number in range(12):  # the first goes to a fork, the others gather until it has ended
        aside.do(slowly, tmp_path / str(number))
    time.sleep(0.5)
    aside.do(slowly, tmp_path / "12")  # these twelve go to one fork
    aside.finish()
    by = [(tmp_path / str(number)).read_text().split() for number in range(13)]
    assert all(len(each) == 1 for each in by)
    assert len({each[0] for each in by}) == 3 and [str(os.getpid())] in by[1:]


@pytest.mark.skipif("sys.platform != 'linux'", reason="forks are for Linux")
def test_a_fork_that_fails_leaves_the_rest_to_this_process(tmp_path):
    def fails_in_a_fork(path, parent=os.getpid()):
        if os.getpid() != parent:
            raise OSError("in the fork")
        write(path, "made")

    aside = Aside()
    aside.do(time.sleep, 0.3)
    for number in range(3):
        aside.do(fails_in_a_fork, tmp_path / str(number))
    time.sleep(0.6)
    aside.do(write, tmp_path / "last", "made")
    aside.finish()
    assert {path.read_text() for path in tmp_path.iterdir()} == {f"made {os.getpid()}"}
    assert len(list(tmp_path.iterdir())) == 4
