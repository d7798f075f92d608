"""Time the search's kernels against lifelines, Rust's survival and R's survival on the same cohorts, in one run.

    python tests/benchmarks/bench_kernels.py [--cohorts N] [--out FILE]

The Rust crate comes as the Python package survival 2.0.0, which is no part of the environment: name a folder that holds
it, ``pip install --no-deps --target FOLDER survival==2.0.0``, in PYTHONPATH.

Each cohort has 24 patients and four groupings. The work is the same for every program: one overall and eight group
Kaplan-Meier medians, and four log-rank tests. Results of all programs must agree, or the run fails. Times are of one
core; compilation and start of programs are left out, reading of R's input too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numba
import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test

from lib.reconstruct import scoring

N_PATIENTS, N_GROUPINGS, SEED = 24, 4, 20200901
MOST_SECONDS_A_SCORE = 4e-6
ABSENT = {"R survival": "no Rscript on this machine", "Rust survival": "the package is not in PYTHONPATH"}
R_PROGRAM = """
suppressMessages(library(survival))
rows <- read.csv(commandArgs(TRUE)[1])
parts <- split(rows, rows$cohort)
started <- sum(proc.time()[1:2])
found <- sapply(parts, function(x) {
  middle <- function(keep) unname(quantile(survfit(Surv(months, died) ~ 1, data = x[keep, ]), 0.5, conf.int = FALSE))
  c(middle(rep(TRUE, nrow(x))),
    sapply(1:4, function(g) { m <- x[[paste0("g", g)]] == 1
      c(middle(!m), middle(m), survdiff(Surv(months, died) ~ m, data = x)$chisq) }))
})
cat(sum(proc.time()[1:2]) - started, "\\n")
write.table(t(found), commandArgs(TRUE)[2], sep = ",", row.names = FALSE, col.names = FALSE, na = "")
"""


@numba.njit(cache=True)
def score_all(months, died, labels, rows, z_ends, follow_up, landmarks):
    """Sum of the misfits of all cohorts: medians, limits, log-rank tests and follow-up."""
    total = 0.0
    for cohort in range(len(months)):
        total += scoring.misfit(months[cohort], died[cohort], labels[cohort], rows, z_ends, follow_up, landmarks)
    return total


def cohorts(n_cohorts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random cohorts without ties; every group has at least 6 patients."""
    rng = np.random.default_rng(SEED)
    months = np.sort(rng.exponential(12, (n_cohorts, N_PATIENTS)), axis=1).round(9)
    died = rng.permuted(np.tile(np.arange(N_PATIENTS) < 17, (n_cohorts, 1)), axis=1)
    sizes = (15, 8, 11, 10)
    labels = np.stack([rng.permuted(np.tile(np.arange(N_PATIENTS) < size, (n_cohorts, 1)), axis=1) for size in sizes], 1)
    return months, died, labels


def by_kernels(months, died, labels) -> tuple[float, float]:
    """Seconds of the batch kernel, and of one score."""
    rows = np.tile([8.5, 9.5, 0.0, 1.0, 21.0, 22.0], (1 + 2 * N_GROUPINGS, 1))
    arrays = (rows, np.tile([0.3, 0.31], (N_GROUPINGS, 1)), np.array([9.3, 9.5, 2.4, 2.6, 44.0, 45.0]), np.zeros((0, 3)))
    score_all(months[:2], died[:2], labels[:2], *arrays)
    started = time.process_time()
    score_all(months, died, labels, *arrays)
    seconds = time.process_time() - started
    return seconds, seconds / len(months)


def figures_by_kernels(months, died, labels) -> np.ndarray:
    """Medians (infinite where not reached) and chi-squares, for the comparison of results."""
    found = np.empty((len(months), 1 + 3 * N_GROUPINGS))
    for cohort in range(len(months)):
        everyone = np.ones(N_PATIENTS, bool)
        found[cohort, 0] = _median(months[cohort], died[cohort], everyone)
        for number, members in enumerate(labels[cohort]):
            found[cohort, 1 + 3 * number:4 + 3 * number] = (
                _median(months[cohort], died[cohort], ~members), _median(months[cohort], died[cohort], members),
                scoring.log_rank_z(died[cohort], members) ** 2)
    return found


def _median(months, died, members) -> float:
    """The median for which the kernel finds no distance, among the members' times; NaN where S is 0.5 there.

    Where S touches 0.5, R takes the middle of the step and floating error decides for lifelines.
    """
    at_risk, survival = members.sum(), 1.0
    for event in died[members]:
        survival *= 1 - event / at_risk
        at_risk -= 1
        if abs(survival - 0.5) < 1e-9:
            return np.nan
    for candidate in months[members & died]:
        row = np.array([candidate, candidate, -1e9, 1e9, -1e9, 1e9])
        if scoring.row_misfit(months, died, members, True, row) == 0.0:
            return candidate
    return np.inf


def by_lifelines(months, died, labels) -> tuple[float, np.ndarray]:
    """Seconds, and the same figures."""
    found = np.empty((len(months), 1 + 3 * N_GROUPINGS))
    started = time.process_time()
    for cohort, (times, events) in enumerate(zip(months, died)):
        row = [KaplanMeierFitter().fit(times, events).median_survival_time_]
        for members in labels[cohort]:
            row += [KaplanMeierFitter().fit(times[keep], events[keep]).median_survival_time_ for keep in (~members, members)]
            row.append(logrank_test(times[members], times[~members], events[members], events[~members]).test_statistic)
        found[cohort] = row
    return time.process_time() - started, found


def by_rust(months, died, labels) -> tuple[float, np.ndarray] | None:
    """Seconds, and the same figures, one call a curve and a test; None without the package."""
    try:
        from survival import _survival as rust
    except ImportError:
        return None

    def middle(times, events):
        curve = rust.survfitkm(times, events, se_fit=False)
        reached = np.flatnonzero(np.asarray(curve.surv) <= 0.5)
        return curve.time[reached[0]] if len(reached) else np.inf

    found, events, groups = np.empty((len(months), 1 + 3 * N_GROUPINGS)), died.astype(float), labels.astype(np.int32)
    started = time.process_time()
    for cohort, (times, event) in enumerate(zip(months, events)):
        row = [middle(times, event)]
        for number, members in enumerate(labels[cohort]):
            row += [middle(times[keep], event[keep]) for keep in (~members, members)]
            row.append(rust.logrank_test(times, event.astype(np.int32), groups[cohort, number]).statistic)
        found[cohort] = row
    return time.process_time() - started, found


def by_r(months, died, labels) -> tuple[float, np.ndarray] | None:
    """Seconds by R's own clock, and the same figures; None without R."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        table = pd.DataFrame({"cohort": np.repeat(np.arange(len(months)), N_PATIENTS), "months": months.ravel(),
                              "died": died.ravel().astype(int),
                              **{f"g{number + 1}": labels[:, number].ravel().astype(int) for number in range(N_GROUPINGS)}})
        source, target, program = (Path(folder, name) for name in ("in.csv", "out.csv", "program.R"))
        table.to_csv(source, index=False)
        program.write_text(R_PROGRAM, encoding="utf-8")
        run = subprocess.run(["Rscript", str(program), str(source), str(target)], capture_output=True, text=True, check=True)
        return float(run.stdout), pd.read_csv(target, header=None).fillna(np.inf).to_numpy(float)


def agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of figures that agree to 1e-6, both infinite too; medians where S touches 0.5 are left out."""
    compared = ~np.isnan(ours)
    return float(np.isclose(ours[compared], theirs[compared], rtol=0, atol=1e-6).mean())


def main(arguments: list[str] | None = None) -> int:
    """Time the programs, compare their results, print and write the table."""
    parser = argparse.ArgumentParser(description="Kernels against lifelines and R survival.")
    parser.add_argument("--cohorts", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("kernels.txt"))
    options = parser.parse_args(arguments)
    data = cohorts(options.cohorts)
    seconds, one = by_kernels(*data)
    ours = figures_by_kernels(*data)
    lines = [f"{options.cohorts} cohorts of {N_PATIENTS} patients, 9 Kaplan-Meier rows and 4 log-rank tests each, CPU time of "
             f"one core; load average {os.getloadavg()[0]:.1f}",
             f"{'kernels (numba)':<18}{seconds:10.3f} s   {1e6 * one:10.2f} us a cohort"]
    agree = True
    for name, result in (("lifelines", by_lifelines(*data)), ("Rust survival", by_rust(*data)),
                         ("R survival", by_r(*data))):
        if result is None:
            lines.append(f"{name:<18}not measured: {ABSENT[name]}")
            continue
        share = agreement(ours, result[1])
        agree &= share == 1.0
        lines.append(f"{name:<18}{result[0]:10.3f} s   {1e6 * result[0] / options.cohorts:10.2f} us a cohort, "
                     f"{result[0] / seconds:,.0f} times the kernels' time; {share:.2%} of figures agree")
    if one > MOST_SECONDS_A_SCORE:
        lines.append(f"one score takes more than {1e6 * MOST_SECONDS_A_SCORE:g} us")
    text = "\n".join(lines)
    print(text)
    options.out.write_text(text + "\n", encoding="utf-8")
    return int(not agree or one > MOST_SECONDS_A_SCORE)


if __name__ == "__main__":
    sys.exit(main())
