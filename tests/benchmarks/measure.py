"""All benchmarks in one sitting, and the cost table of the README made from them.

    python tests/benchmarks/measure.py [--quick]

Takes about half an hour on two quiet cores (``--quick``: no million patients, one repetition). Each benchmark leaves its
output beside itself; the table goes to ``costs.txt`` and between the marks in the README, with the date and the machine's load.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from bench_registry import GIB, MB, ROOT, size, watched
from machine import described

BEGIN, END = "<!-- costs: begin -->", "<!-- costs: end -->"
README = ROOT / "README.md"
COHORTS = 100_000
SHOWN = (10_000, 1_000_000)
KERNELS = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import bench_kernels
bench_kernels.by_kernels(*bench_kernels.cohorts({COHORTS}))
"""


def main():
    """Run everything, and write the table."""
    parser = argparse.ArgumentParser(description="All benchmarks, and the cost table of the README.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repetitions", type=int, default=5, help="of the whole run beside papermill")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    sizes = ["1000", "10000", "100000", *([] if options.quick else ["1000000"])]
    if benchmark("bench_registry.py", "--pages", "--sizes", *sizes):
        write_table([*reference(), *registry_rows(), cohorts()], load)
    benchmark("bench_run.py", str(1 if options.quick else options.repetitions))
    benchmark("bench_tweak.py")
    benchmark("bench_sites.py", *(["6", "50", "2"] if options.quick else []))


def reference():
    """The published analysis with its pages, and the same again with nothing changed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "lib.run", "--changed", "--out", folder]
        return [(name, *watched(command)[:2], size(Path(folder))) for name in
                ("24 patients, all chapters and pages", "The same with nothing changed since")]


def registry_rows():
    """Registries through all chapters with their pages, as the benchmark has just measured them."""
    table = pd.read_csv(Path(__file__).with_name("bench_registry.csv")).set_index("patients")
    return [(f"{n:,} patients, all chapters and pages of a registry", row.seconds, row.peak_gib * GIB, row.output_mb * MB)
            for n, row in table.iterrows() if n in SHOWN]


def cohorts():
    """Kernels on many cohorts of 24, in a process of their own."""
    seconds, memory, _ = watched([sys.executable, "-c", KERNELS])
    return f"{COHORTS:,} cohorts of 24: nine medians with limits and four log-rank tests of each", seconds, memory, 0


def benchmark(name, *arguments):
    """Run one benchmark, show its output, and keep it beside the program; False where it failed."""
    program = Path(__file__).with_name(name)
    run = subprocess.run([sys.executable, program, *arguments], cwd=ROOT, capture_output=True, text=True)
    text = run.stdout if run.returncode == 0 else f"{run.stdout}\n{name} failed:\n{run.stderr}"
    print(text, flush=True)
    program.with_suffix(".txt").write_text(text, encoding="utf-8")
    return run.returncode == 0


def write_table(rows, load):
    """Put the table between its marks in the README, or before the section on the layout where there is none yet."""
    lines = ["| Work | Seconds | Memory, GiB | Disk, MB |", "|---|---:|---:|---:|"]
    lines += [f"| {work} | {seconds:.{0 if seconds >= 10 else 1}f} | {memory / GIB:.1f} | {disk / MB:.0f} |" for work, seconds, memory, disk in rows]
    note = f"Measured by `python tests/benchmarks/measure.py`: {described()}, load average {load:.1f} before. Disk is what a run writes."
    Path(__file__).with_name("costs.txt").write_text("\n".join([*lines, "", note, ""]), encoding="utf-8")
    block = "\n".join([BEGIN, "## Costs", "", *lines, "", note, END])
    text = README.read_text("utf-8")
    if BEGIN in text:
        text = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, text, flags=re.S)
    else:
        text = text.replace("## Layout", f"{block}\n\n## Layout", 1)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
