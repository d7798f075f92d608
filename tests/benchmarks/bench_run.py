"""How long a whole run takes, beside papermill called once for each chapter, in one sitting.

Run with ``.venv/bin/python tests/benchmarks/bench_run.py [REPETITIONS]``; prints medians and ranges in seconds, and
the load of the machine before each repetition. Its last output is kept in ``bench_run.txt``.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import jupytext
from machine import described

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def main(repetitions=5):
    """Time both ways in turn, so that a busy moment of the machine falls on both."""
    seconds = {"papermill, one by one": [], "lib.run --no-preheated": [], "lib.run": []}
    print(f"{described()}, {len(CHAPTERS)} chapters, {repetitions} repetitions")
    for number in range(1, repetitions + 1):
        print(f"load average before repetition {number}: {os.getloadavg()[0]:.1f}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            seconds["papermill, one by one"].append(timed(papermill_one_by_one, Path(folder)))
        for way in ("lib.run --no-preheated", "lib.run"):
            with tempfile.TemporaryDirectory() as folder:
                seconds[way].append(timed(partial(whole_run, *way.split()[1:]), Path(folder)))
    for way, times in seconds.items():
        print(f"{way:24} median {statistics.median(times):6.1f} s, range {min(times):.1f} to {max(times):.1f}")
    one_by_one = statistics.median(seconds.pop("papermill, one by one"))
    for way, times in seconds.items():
        print(f"{way:24} takes {statistics.median(times) / one_by_one:.2f} times as long")


def timed(work, folder):
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work(folder)
    return time.perf_counter() - start


def whole_run(*arguments_and_folder):
    """The study's runner without pages; the last argument is the output folder."""
    *arguments, folder = arguments_and_folder
    command([sys.executable, "-m", "lib.run", "--no-pages", *arguments, "--out", folder])


def papermill_one_by_one(folder):
    """One papermill command a chapter, as a user would type it."""
    (folder / "results").mkdir()
    for chapter in CHAPTERS:
        notebook = folder / f"{chapter.stem}.ipynb"
        jupytext.write(jupytext.read(chapter), notebook)
        command([sys.executable, "-m", "papermill", notebook, notebook, "--cwd", ROOT / "notebooks", "--no-progress-bar"],
                {**os.environ, "STUDY_OUT": str(folder)})


def command(words, environment=None):
    """Run a command in the project's folder; its last words end the benchmark where it fails."""
    run = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stderr[-2000:] or run.stdout[-2000:])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
