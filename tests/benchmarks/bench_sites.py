"""Many sites through one run, beside one run a site, in one sitting.

Run with ``.venv/bin/python tests/benchmarks/bench_sites.py [SITES] [PATIENTS] [SINGLE_RUNS]``; 40 sites of 50 patients by
default. Single runs are timed for the first few sites (5 by default) and multiplied up. The output is kept in
``bench_sites.txt``.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from registry import write_registry

ROOT = Path(__file__).resolve().parents[2]


def main(n_sites=40, n_patients=50, n_single=5):
    """Print seconds of both ways and their ratio."""
    lines = [f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before; "
             f"{n_sites} sites of {n_patients} patients"]
    with tempfile.TemporaryDirectory() as folder:
        sites = [write_registry(Path(folder) / "sites" / f"site_{number:02d}", n_patients, "csv", seed=number) for number in range(n_sites)]
        single = [timed("--cohort", site, "--out", Path(folder) / "single" / site.name) for site in sites[:n_single]]
        together = timed("--cohort", str(Path(folder) / "sites" / "*"), "--preheated", "--out", Path(folder) / "together")
        complete = (Path(folder) / "together" / "summary.csv").read_text("utf-8").count(",complete")
    alone = n_sites * statistics.median(single)
    lines += [f"one run a site: median {statistics.median(single):.1f} s of {n_single} (range {min(single):.1f} to {max(single):.1f}), "
              f"so {alone:.0f} s for all {n_sites}",
              f"all sites at once: {together:.0f} s, {complete} of {n_sites} complete; load {os.getloadavg()[0]:.1f} after",
              f"ratio {together / alone:.2f}"]
    text = "\n".join(lines)
    print(text)
    Path(__file__).with_suffix(".txt").write_text(text + "\n", encoding="utf-8")


def timed(*arguments):
    """Wall-clock seconds of a run without pages."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "lib.run", "--no-pages", *map(str, arguments)], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
