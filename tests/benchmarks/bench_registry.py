"""A registry of 10^3 to 10^6 patients through all chapters, and its statistics beside R and scikit-survival.

    python tests/benchmarks/bench_registry.py [--sizes 1000 10000 100000 1000000] [--pages]

Writes ``bench_registry.csv`` (one row a size), ``bench_registry.txt`` and ``bench_registry.png`` beside itself. Seconds
are of the wall clock, ``cpu_s`` of all processors together, which other work on the machine disturbs less; ``loop_s`` is what a
loop in plain Python takes just before (`machine.loop_seconds`), as a machine's speed may change from size to size; memory is the
largest sum, over all processes of the run, of what each has for itself and its part of what it shares (PSS). Registries
are read from Parquet files.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from machine import loop_seconds
from registry import SEED, registry, write_registry

ROOT = Path(__file__).resolve().parents[2]
SIZES = (1_000, 10_000, 100_000, 1_000_000)
GIB, MB = 2**30, 1e6
FITTED_FROM = 100_000  # below, the start of the kernels and the drawing of figures hide the growth
COVARIATES = ("age_years", "ecog", "extrahepatic_disease", "n_liver_lesions", "prior_chemotherapy")
R_PROGRAM = """
suppressMessages(library(survival))
rows <- read.csv(commandArgs(TRUE)[1])
timed <- function(work) { gc(); sum(system.time(work)[1:2]) }
cat(timed(survfit(Surv(months, died) ~ 1, data = rows)),
    timed(survdiff(Surv(months, died) ~ extrahepatic_disease, data = rows)),
    timed(coxph(Surv(months, died) ~ age_years + ecog + extrahepatic_disease + n_liver_lesions + prior_chemotherapy,
                data = rows, ties = "breslow")))
"""


def main(arguments=None):
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="A registry through all chapters.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--pages", action="store_true", help="make the pages too, and say how large the largest is")
    options = parser.parse_args(arguments)
    table = pd.DataFrame([one_size(n, options.pages) for n in options.sizes])
    table.to_csv(Path(__file__).with_suffix(".csv"), index=False)
    write_report(table)


def write_report(table):
    """Print the table with the power by which the seconds grow, and draw it."""
    here = Path(__file__)
    lines = [f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {os.cpu_count()} cores, seed {SEED}",
             table.to_string(index=False)]
    large = table[table.patients >= FITTED_FROM]
    if len(large) > 1:
        exponent, of_cpu = (np.polyfit(np.log(large.patients), np.log(large[name]), 1)[0] for name in ("seconds", "cpu_s"))
        lines.append(f"seconds grow as patients to the power {exponent:.2f}, processor seconds {of_cpu:.2f}, fitted from {FITTED_FROM:,} patients on")
        plot(table, exponent, here.with_suffix(".png"))
    text = "\n".join(lines)
    print(text)
    here.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")


def one_size(n, pages):
    """One row: the run's seconds, memory and disk, and seconds of the same statistics by each program."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        cohort, out = write_registry(folder / "registry", n), folder / "out"
        command = [sys.executable, "-m", "lib.run", "--cohort", cohort, "--out", out] + ([] if pages else ["--no-pages"])
        load, loop_s = os.getloadavg()[0], loop_seconds()
        seconds, memory, cpu_s = watched(command)
        row = {"patients": n, "load": round(load, 1), "loop_s": round(loop_s, 1),
               "seconds": round(seconds, 1), "cpu_s": round(cpu_s, 1), "peak_gib": round(memory / GIB, 2),
               "input_mb": round(size(cohort) / MB, 1), "output_mb": round(size(out) / MB, 1),
               "largest_svg_mb": round(max((path.stat().st_size for path in out.rglob("*.svg")), default=0) / MB, 2),
               "largest_page_mb": round(max(page_size(path, out / "html") for path in (out / "html").glob("*.html")) / MB, 2) if pages else np.nan}
    print(", ".join(f"{name} {value}" for name, value in row.items()), file=sys.stderr, flush=True)
    return row | statistics_of(n)


def watched(command):
    """Seconds of a command, the largest memory of its processes together in bytes, and the processor seconds of them all."""
    start, peak, cpu_s = time.perf_counter(), 0, 0
    run = subprocess.Popen([*map(str, command)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    root = psutil.Process(run.pid)
    while run.poll() is None:
        looked = time.perf_counter()
        memory, used = _memory_and_cpu(root)
        peak, cpu_s = max(peak, memory), max(cpu_s, used)
        # to look through some gigabytes of pages takes a part of a second of a core, which the run would want
        with suppress(subprocess.TimeoutExpired):
            run.wait(max(0.2, 9 * (time.perf_counter() - looked)))
    seconds = time.perf_counter() - start
    if run.returncode:
        raise SystemExit(run.stderr.read())
    return seconds, peak, cpu_s


def _memory_and_cpu(root):
    """Bytes of a process and all that come from it, and their processor seconds with those of their children that have ended.

    The system counts a fork server's children to the server, and the server, which nobody waits for, to no one.
    """
    memory = used = 0
    try:
        for each in [root, *root.children(recursive=True)]:
            try:
                memory += each.memory_full_info().pss
                times = each.cpu_times()
            except psutil.Error:
                continue
            used += times.user + times.system + times.children_user + times.children_system
    except psutil.Error:
        pass
    return memory, used


def size(folder):
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def page_size(page, html):
    """Bytes of a page with the pictures it shows."""
    text = page.read_text("utf-8")
    return page.stat().st_size + sum(path.stat().st_size for path in (html / "_images").glob("*") if path.name in text)


def statistics_of(n):
    """Processor seconds of Kaplan-Meier, log-rank and Cox (five covariates, Breslow ties) by each program; missing where absent."""
    from lib.survival import kaplan_meier, logrank
    from lib.survival.risk_sets import fit_cox

    patients = registry(n)["patients"]
    months, died = patients.os_treatment_months.to_numpy(float), patients.died.to_numpy(bool)
    x = patients[list(COVARIATES)].astype(float)
    z = ((x - x.mean()) / x.std()).to_numpy()
    outside = patients.extrahepatic_disease.to_numpy()
    found = {"km_s": cpu(lambda: kaplan_meier(months, died)), "logrank_s": cpu(lambda: logrank(months, died, outside)),
             "cox_s": cpu(lambda: fit_cox(months, died, z))}
    return found | by_r(x.assign(months=months, died=died.astype(int))) | by_scikit_survival(months, died, outside, z)


def cpu(work):
    """Processor seconds of the second of two calls: the first loads libraries."""
    work()
    start = time.process_time()
    work()
    return round(time.process_time() - start, 3)


def by_r(rows):
    """The same by R's survival, by R's own clock."""
    if not shutil.which("Rscript"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        data, program = Path(folder) / "rows.csv", Path(folder) / "program.R"
        rows.to_csv(data, index=False)
        program.write_text(R_PROGRAM, encoding="utf-8")
        run = subprocess.run(["Rscript", str(program), str(data)], capture_output=True, text=True, check=True)
    return dict(zip(("km_r_s", "logrank_r_s", "cox_r_s"), map(float, run.stdout.split())))


def by_scikit_survival(months, died, outside, z):
    """The same by scikit-survival where it is installed; it is no part of the environment."""
    try:
        from sksurv.compare import compare_survival
        from sksurv.linear_model import CoxPHSurvivalAnalysis
        from sksurv.nonparametric import kaplan_meier_estimator
        from sksurv.util import Surv
    except ImportError:
        return {}
    y = Surv.from_arrays(died, months)
    return {"km_sksurv_s": cpu(lambda: kaplan_meier_estimator(died, months)), "logrank_sksurv_s": cpu(lambda: compare_survival(y, outside)),
            "cox_sksurv_s": cpu(lambda: CoxPHSurvivalAnalysis(ties="breslow").fit(z, y))}


def plot(table, exponent, target):
    """Seconds against patients on logarithmic axes, with n log n through the last point."""
    from matplotlib.figure import Figure

    from lib.figures.style import BLUE, FULL_WIDTH_IN, GREY, use_style

    use_style()
    ax = Figure(figsize=(FULL_WIDTH_IN, 3.4)).subplots()
    n = table.patients.to_numpy(float)
    grown = n * np.log(n)
    ax.loglog(n, table.seconds.iloc[-1] * grown / grown[-1], color=GREY, linestyle="--", label="n log n through the largest")
    ax.loglog(n, table.seconds, color=BLUE, marker="o", label=f"all chapters (power {exponent:.2f} from {FITTED_FROM:,} patients on)")
    ax.set(xlabel="Patients", ylabel="Seconds")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:,.12g}")  # the style writes no mathematics, which powers of ten would be
    ax.legend()
    ax.figure.savefig(target, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
