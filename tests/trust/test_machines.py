"""What machines do to a run: killed, out of room, shut out, two at once. Earlier outputs stay whole and a rerun completes."""

import ctypes
import os
import resource
import signal
import sys

import kills
import psutil
import pytest

CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Chapters and the output folder of a run that went well, with pages; the files as they then were."""
    folder = tmp_path_factory.mktemp("machines")
    chapters, out = kills.write_chapters(folder / "chapters"), folder / "out"
    run = kills.start(chapters, out)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    return chapters, out, kills.files_of(out)


def ended(run, seconds=300):
    _, said = run.communicate(timeout=seconds)
    return run.returncode, said


def test_a_runner_killed_at_random_moments_loses_nothing(tmp_path):
    n_kills = 1  # 5 in continuous integration and 50 in full: tests/trust
    figures, faults = kills.kills(tmp_path, n_kills)
    assert faults == [] and figures["kills"] == n_kills


@pytest.mark.parametrize("largest_bytes", [200, 3_000, 30_000])
def test_a_file_that_may_not_grow_stops_the_run_in_one_sentence_and_leaves_the_old_files(finished, largest_bytes):
    """At each size another file is the first that does not fit: the working notes, a notebook or result, a figure or page."""
    chapters, out, before = finished

    def no_larger():
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))

    code, said = ended(kills.start(chapters, out, limit=no_larger))
    assert code == 1 and "too large" in said.lower() and "Traceback" not in said, said
    assert kills.files_of(out) == before and not (out / ".staging").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="root is kept from writing by dropping its capability, which Linux has")
@pytest.mark.parametrize("part", ["", "notebooks"])
def test_a_folder_that_may_not_be_written_is_named(finished, part):
    chapters, out, before = finished

    def as_everyone():
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)

    closed = out / part
    mode = closed.stat().st_mode
    closed.chmod(0o555)
    try:
        code, said = ended(kills.start(chapters, out, "--no-pages", limit=as_everyone))
    finally:
        closed.chmod(mode)
    assert code == 1 and "Permission denied" in said and str(closed) in said and "Traceback" not in said and said.count("\n") == 1, said
    assert kills.files_of(out) == before and not (out / ".staging").exists()


@pytest.mark.parametrize(("line", "more", "says"), [
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", (), "the kernel died"),
    ("import time; time.sleep(300)", ("--timeout", "5"), "took longer than 5 s and was stopped"),
    ("import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(300)", ("--timeout", "5"), "took longer than 5 s and was stopped"),
], ids=["kernel killed", "cell hangs", "cell hangs and ignores the interrupt"])
def test_a_lost_kernel_or_a_hanging_cell_ends_with_the_cell_named_and_nothing_left(finished, collection, tmp_path, line, more, says):
    _, out, before = finished
    folder = collection(_02_b=line)
    (tmp_path / "tmp").mkdir()
    code, said = ended(kills.start(folder, out, "--no-pages", *more, mark=tmp_path.name, TMPDIR=str(tmp_path / "tmp")))
    assert code == 1 and said.startswith(f"02_b, cell 3 ({line})") and says in said and said.count("\n") == 1, said
    assert kills.files_of(out) == before and not (out / ".staging").exists()
    assert kills.lingering(tmp_path.name) == [] and list((tmp_path / "tmp").iterdir()) == []


def test_an_interrupted_run_says_so_and_leaves_nothing_running(finished):
    chapters, out, before = finished
    run = kills.start(chapters, out, "--no-pages", mark="interrupted")
    while not (out / ".staging").exists():
        assert run.poll() is None
    for process in [psutil.Process(run.pid), *psutil.Process(run.pid).children()]:  # as the keyboard does: to the whole group
        process.send_signal(signal.SIGINT)
    code, said = ended(run)
    assert code == 130 and "Stopped; earlier outputs are as they were." in said, said
    assert kills.files_of(out) == before and kills.lingering("interrupted") == []


def test_of_two_runs_begun_at_once_one_wins_and_the_other_says_so(finished):
    chapters, out, before = finished
    both = [kills.start(chapters, out, "--no-pages") for _ in range(2)]
    (won, _), (lost, said) = sorted(map(ended, both))
    assert (won, lost) == (0, 1) and f"Another run is writing to {out}; wait for it to end" in said, said
    assert {name: data for name, data in kills.files_of(out).items() if name != "made.json"} == {
        name: data for name, data in before.items() if name != "made.json"}


def test_a_rerun_after_all_of_it_completes(finished):
    chapters, out, before = finished
    code, said = ended(kills.start(chapters, out))
    assert code == 0, said
    assert kills.files_of(out) == before and os.listdir(out).count(".staging") == 0
