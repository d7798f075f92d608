"""How long a whole run takes, beside papermill called once for each chapter, in one sitting.

Run with ``.venv/bin/python tests/benchmarks/bench_run.py [REPETITIONS]``; prints medians and ranges in seconds, and
the load of the machine before each repetition. Its last output is kept in ``bench_run.txt``.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def main(repetitions=5):
    """Time both ways in turn, so that a busy moment of the machine falls on both."""
    seconds = {"lib.run": [], "papermill, one by one": []}
    print(f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {os.cpu_count()} cores, {len(CHAPTERS)} chapters, {repetitions} repetitions")
    for number in range(1, repetitions + 1):
        print(f"load average before repetition {number}: {os.getloadavg()[0]:.1f}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            seconds["papermill, one by one"].append(timed(papermill_one_by_one, Path(folder)))
        with tempfile.TemporaryDirectory() as folder:
            seconds["lib.run"].append(timed(whole_run, Path(folder)))
    for way, times in seconds.items():
        print(f"{way:24} median {statistics.median(times):6.1f} s, range {min(times):.1f} to {max(times):.1f}")
    print(f"ratio of medians {statistics.median(seconds['lib.run']) / statistics.median(seconds['papermill, one by one']):.2f}")


def timed(work, folder):
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work(folder)
    return time.perf_counter() - start


def whole_run(folder):
    """The study's runner without pages."""
    subprocess.run([sys.executable, "-m", "lib.run", "--no-pages", "--out", folder], cwd=ROOT, check=True, capture_output=True)


def papermill_one_by_one(folder):
    """One papermill command a chapter, as a user would type it."""
    (folder / "results").mkdir()
    for chapter in CHAPTERS:
        notebook = folder / f"{chapter.stem}.ipynb"
        jupytext.write(jupytext.read(chapter), notebook)
        command = [sys.executable, "-m", "papermill", notebook, notebook, "--cwd", ROOT / "notebooks", "--no-progress-bar"]
        subprocess.run(command, env={**os.environ, "STUDY_OUT": str(folder)}, check=True, capture_output=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
