"""All benchmarks in one sitting, and the cost table of the README made from them.

    python tests/benchmarks/measure.py [--quick]

Takes about half an hour on two quiet cores (``--quick``: no million patients, one repetition). Each benchmark leaves its
output beside itself; the table goes between the marks in the README, with the date and the machine's load.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_registry import GIB, MB, ROOT, one_size, size, watched

BEGIN, END = "<!-- costs: begin -->", "<!-- costs: end -->"
README = ROOT / "README.md"
COHORTS = 100_000
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
    quick = parser.parse_args().quick
    load = os.getloadavg()[0]
    rows = [reference()] + [registry_row(n) for n in (10_000, 1_000_000)[:1 if quick else 2]] + [cohorts()]
    write_table(rows, load)
    benchmark("bench_run.py", *(["1"] if quick else []))
    benchmark("bench_tweak.py")
    benchmark("bench_sites.py", *(["6", "50", "2"] if quick else []))
    benchmark("bench_registry.py", "--pages", "--sizes", "1000", "10000", "100000", *([] if quick else ["1000000"]))


def reference():
    """The published analysis with its pages."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, memory = watched([sys.executable, "-m", "lib.run", "--out", folder])
        return "24 patients, all chapters and pages", seconds, memory, size(Path(folder))


def registry_row(n):
    """A registry through all chapters."""
    row = one_size(n, pages=False)
    return f"{n:,} patients, all chapters of a registry", row["seconds"], row["peak_gib"] * GIB, row["output_mb"] * MB


def cohorts():
    """Kernels on many cohorts of 24, in a process of their own."""
    seconds, memory = watched([sys.executable, "-c", KERNELS])
    return f"{COHORTS:,} cohorts of 24: nine medians with limits and four log-rank tests of each", seconds, memory, 0


def benchmark(name, *arguments):
    """Run one benchmark, show its output, and keep it beside the program."""
    program = Path(__file__).with_name(name)
    run = subprocess.run([sys.executable, program, *arguments], cwd=ROOT, capture_output=True, text=True)
    text = run.stdout if run.returncode == 0 else f"{run.stdout}\n{name} failed:\n{run.stderr}"
    print(text, flush=True)
    program.with_suffix(".txt").write_text(text, encoding="utf-8")


def write_table(rows, load):
    """Put the table between its marks in the README, or before the section on the layout where there is none yet."""
    lines = ["| Work | Seconds | Memory, GiB | Disk, MB |", "|---|---:|---:|---:|"]
    lines += [f"| {work} | {seconds:.0f} | {memory / GIB:.1f} | {disk / MB:.0f} |" for work, seconds, memory, disk in rows]
    note = (f"Measured on {time.strftime('%d %B %Y').lstrip('0')} by `python tests/benchmarks/measure.py`: Python {platform.python_version()}, "
            f"{os.cpu_count()} cores, load average {load:.1f} before. Disk is what a run writes.")
    block = "\n".join([BEGIN, "## Costs", "", *lines, "", note, END])
    text = README.read_text("utf-8")
    if BEGIN in text:
        text = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, text, flags=re.S)
    else:
        text = text.replace("## Layout", f"{block}\n\n## Layout", 1)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
