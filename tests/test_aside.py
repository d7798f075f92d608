"""Files written by forks of a chapter's process: all of them, in order, with their errors told."""

import os

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
    aside.finish()
    aside.do(write, tmp_path / "late", "made")
    assert (tmp_path / "first").read_text() != f"made {os.getpid()}"
    assert (tmp_path / "late").read_text() == f"made {os.getpid()}"


def test_an_error_of_a_fork_reaches_the_chapter_as_it_was(tmp_path):
    aside = Aside()
    with pytest.raises(OSError, match="No space left on device") as error:
        aside.do(fail, tmp_path / "figure.pdf")
        aside.finish()
    assert error.value.filename == str(tmp_path / "figure.pdf")


@pytest.mark.skipif("sys.platform != 'linux'", reason="forks are for Linux")
def test_a_fork_that_is_killed_is_told(tmp_path):
    aside = Aside()
    aside.do(lambda: os.kill(os.getpid(), 9))
    with pytest.raises(RuntimeError, match="ended from outside"):
        aside.finish()


def test_nothing_asked_for_ends_at_once():
    Aside().finish()
