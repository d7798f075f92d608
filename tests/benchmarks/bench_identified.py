"""Time and memory of all quantities against the number of cohorts.

    python tests/benchmarks/bench_identified.py [--most N] [--out FILE]

The ensemble's cohorts are repeated, each time moved a little in time, until there are as many as asked for; every size
runs in a process of its own. Compilation and start are left out of the time, not of the memory. Writes
``data/identified_scale.csv``, which chapter 6 draws.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from lib.identified.cohorts import MONTHS, Cohorts, from_table
from lib.identified.quantities import QUANTITIES, compute
from lib.published import DATA
from lib.reconstruct.ensemble import FILE as ENSEMBLE

SIZES = (100, 1_000, 2_000, 10_000, 100_000)


def cohorts_of(n_cohorts: int, ensemble: Path) -> Cohorts:
    """So many cohorts, no two alike."""
    cohorts = from_table(pd.read_parquet(ensemble))
    chosen = cohorts.of(np.arange(n_cohorts) % len(cohorts))
    stretch = 1 + np.arange(n_cohorts)[:, None] / n_cohorts / 100
    return Cohorts(chosen.columns | {name: chosen[name] * stretch for name in MONTHS}, chosen.tier)


def measure(n_cohorts: int, ensemble: Path) -> tuple[float, float, float]:
    """Seconds of one core, seconds on the clock, and the largest memory in MB."""
    cohorts = cohorts_of(n_cohorts, ensemble)
    compute(cohorts.of(np.arange(2)))
    started, clock = time.process_time(), time.perf_counter()
    compute(cohorts)
    return (time.process_time() - started, time.perf_counter() - clock,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2))


def main() -> int:
    """Measure every size and write the file; the exit code says whether 2,000 cohorts kept to 60 seconds of one core."""
    parser = argparse.ArgumentParser(description="Time and memory of all quantities against the number of cohorts.")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of cohorts")
    parser.add_argument("--out", type=Path, default=DATA / "identified_scale.csv", help="CSV file to write")
    parser.add_argument("--ensemble", type=Path, default=ENSEMBLE, help="table of agreeing cohorts")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(*measure(options.one, options.ensemble))
        return 0
    rows = []
    for size in [size for size in SIZES if size <= options.most]:
        answer = subprocess.run([sys.executable, __file__, "--one", str(size), "--ensemble", str(options.ensemble)], capture_output=True, text=True, check=True)
        seconds, clock, memory = map(float, answer.stdout.split())
        rows.append({"n_cohorts": size, "n_quantities": len(QUANTITIES), "cpu_seconds": round(seconds, 2),
                     "clock_seconds": round(clock, 2), "memory_mb": round(memory), "load": round(os.getloadavg()[0], 1)})
        print(rows[-1], flush=True)
    pd.DataFrame(rows).assign(python=platform.python_version(), machine=platform.machine()).to_csv(
        options.out, index=False, lineterminator="\n")
    return int(next((row["cpu_seconds"] > 60 for row in rows if row["n_cohorts"] == 2_000), False))


if __name__ == "__main__":
    sys.exit(main())
