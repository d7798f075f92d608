"""Many sites through one run, beside one run a site, in one sitting.

Run with ``.venv/bin/python tests/benchmarks/bench_sites.py [SITES] [PATIENTS] [SINGLE_RUNS]``; 40 sites of 50 patients by
default. Single runs are timed for the first few sites (5 by default) and multiplied up. Many sites leave out the files for
print that a single run writes, so both are also timed with them and without; with them, for a quarter of the sites. The
output is kept in ``bench_sites.txt``.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import described
from registry import write_registry

ROOT = Path(__file__).resolve().parents[2]


def main(n_sites=40, n_patients=50, n_single=5):
    """Print seconds of both ways and their ratios."""
    lines = [f"{described()}, load {os.getloadavg()[0]:.1f} before; {n_sites} sites of {n_patients} patients"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sites = [write_registry(folder / "sites" / f"site_{number:02d}", n_patients, "csv", seed=number) for number in range(n_sites)]
        alone = [timed(folder, "--cohort", site) for site in sites[:n_single]]
        alone_unprinted = [timed(folder, "--cohort", site, unprinted=True) for site in sites[:n_single]]
        together = timed(folder, "--cohort", folder / "sites" / "*")
        few = max(1, n_sites // 4)
        for site in sites[few:]:
            shutil.rmtree(site)
        together_printed = timed(folder, "--cohort", folder / "sites" / "*", "--print-files") / few
    lines += [
        f"one run a site: {told(alone)}, so {n_sites * statistics.median(alone):.0f} s for all {n_sites}; without files for print {told(alone_unprinted)}",
        f"all sites at once: {together:.0f} s, {together / n_sites:.1f} s a site; with files for print ({few} sites) {together_printed:.1f} s a site; load {os.getloadavg()[0]:.1f} after",
        f"all at once takes {together / n_sites / statistics.median(alone):.2f} times as long as one run a site",
        f"the same files from both: {together / n_sites / statistics.median(alone_unprinted):.2f} times without files for print, "
        f"{together_printed / statistics.median(alone):.2f} times with them",
    ]
    text = "\n".join(lines)
    print(text)
    Path(__file__).with_suffix(".txt").write_text(text + "\n", encoding="utf-8")


def told(seconds):
    """Median and range."""
    return f"median {statistics.median(seconds):.1f} s of {len(seconds)} ({min(seconds):.1f} to {max(seconds):.1f})"


def timed(folder, *arguments, unprinted=False):
    """Wall-clock seconds of a run without pages, every cohort of which is completed."""
    environment = os.environ | ({"STUDY_NO_PRINT_FILES": "1"} if unprinted else {})
    command = [sys.executable, "-m", "lib.run", "--no-pages", *map(str, arguments), "--out", str(folder / "out")]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    shutil.rmtree(folder / "out")
    return seconds


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
