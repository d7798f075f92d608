"""How often the truth lies inside the ensemble's range: trials with known patients, printed, reconstructed, compared.

    python -m lib.reconstruct.calibration [--trials N] [--walked N] [--seconds S] [--processes N] [--scheduler ADDRESS]

writes ``data/calibration.csv``, one row a trial, measure and statistic. Of each trial of `lib.reconstruct.simulated`
only its printed figures go on; `lib.reconstruct.sampler` draws cohorts within the ensemble's tolerance, and for each
unpublished statistic the truth is placed among the drawn cohorts. Two measures are tried on each trial, from one walk:

* ``prior``: draws of the sampler, that is of its prior conditioned on what is printed;
* ``ensemble``: as the tolerant tier is made, by jumps from those draws, orders taking turns.

On the first trials, as many as ``--walked`` says, a third is tried, which tells a walk that is too short from a prior
that is wrong:

* ``several walks``: as ``ensemble``, from `N_WALKS` independent walks, with orders of all of them taking turns.

The budget is small, seconds a trial, and shares of truths inside the ranges are what they are: ranges of one short walk
hold the truth less often than 95 times in 100. It is never extended for a statistic that fails; a walk that meets no consistent cohort is tried again with twice
the budget, at most `ATTEMPTS` times, whatever the truth.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from lib.proportions import proportion
from lib.published import DATA
from lib.reconstruct.diversity import STATISTICS, unpublished_statistics
from lib.reconstruct.ensemble import TOLERANCE, order_of, spread
from lib.reconstruct.executor import ExecutorError, run_tasks
from lib.reconstruct.exploring import explored
from lib.reconstruct.sampler import sample, trial_constraints
from lib.reconstruct.simulated import VISIT_DAYS, printed_of, simulated_trial
from lib.reconstruct.times import liver_progression

FILE = DATA / "calibration.csv"
SEED, N_TRIALS, SECONDS = 20200901, 100, 2.0
MEASURES = ("prior", "ensemble")
SEVERAL, N_WALKS, N_WALKED = "several walks", 5, 0
ATTEMPTS = 3
N_JUMPS = 400
DRAWS, PROGRESSIONS = 200, 40
"""Cohorts compared a measure, and those of the ensemble that are given liver progression, which no order decides."""
TOUCHING = 1e-9
AIM = (0.90, 0.99)
"""Where the share of truths inside a 95% range should lie."""


def calibrate(task: str, seed: int, seconds: float) -> pd.DataFrame:
    """One trial simulated, printed, reconstructed and compared.

    Parameters
    ----------
    task : str
        ``trial-<number>`` for the measures of one walk, ``walks-<number>`` for that of several.
    seed : int
        Of the simulation and of the walks.
    seconds : float
        Budget of a walk (`lib.reconstruct.sampler.sample`).

    Returns
    -------
    DataFrame, one row a measure and statistic
        ``trial, n, n_died, hazard, censoring, measure, n_cohorts, n_orders, seconds, statistic, truth, low, middle,
        high, share_below, share_up_to``. The shares are those of the drawn cohorts below the truth, and below or at
        it. Empty from ``low`` on where no consistent cohort was met, or none could be given liver progression.
    """
    kind, _, digits = task.partition("-")
    number = int(digits)
    patients = simulated_trial(number, seed)
    printed = printed_of(patients)
    truths = unpublished_statistics(patients.assign(cohort=0, tier="truth", seed=seed)).iloc[0]
    trial = {"trial": number, "n": len(patients), "n_died": int(patients.died.sum()),
             "hazard": patients.attrs["hazard"], "censoring": patients.attrs["censoring"]}
    cohorts, spent = reconstruct(printed, [seed, number], seconds, several=kind == "walks")
    rows = []
    for measure in cohorts:
        drawn = unpublished_statistics(cohorts[measure]) if spent else pd.DataFrame(columns=[*STATISTICS])
        measured = [name for name in STATISTICS if measure == "ensemble" or not name.startswith("liver_pfs")]
        orders = {order_of(cohort) for _, cohort in cohorts[measure].groupby("cohort")}
        rows += [trial | {"measure": measure, "n_cohorts": len(drawn), "n_orders": len(orders), "seconds": spent,
                          "statistic": name, "truth": truths[name]} | placed(truths[name], drawn[name].to_numpy(float))
                 for name in measured]
    return pd.DataFrame(rows)


def reconstruct(printed: pd.DataFrame, seed: list[int], seconds: float,
                several: bool = False) -> tuple[dict[str, pd.DataFrame], float]:
    """Cohorts drawn from what is printed of a trial.

    Parameters
    ----------
    printed : DataFrame
        From `lib.reconstruct.simulated.printed_of`.
    seed : list of int
    seconds : float
        Budget of a walk at the first attempt.
    several : bool
        Draw from `N_WALKS` walks.

    Returns
    -------
    dict of str to DataFrame
        For each of `MEASURES`, or for `SEVERAL`, the ensemble's columns that the statistics need; liver progression is missing but for
        `PROGRESSIONS` cohorts of ``ensemble``.
    float
        Seconds of budget spent; 0 where no walk met a consistent cohort, and the tables are empty.
    """
    constraints, spent = trial_constraints(printed), 0.0
    n_walks, measures = (N_WALKS, (SEVERAL,)) if several else (1, MEASURES)
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([*seed, attempt])
        budget = seconds * 2**attempt
        walks = [sample(constraints, TOLERANCE, int(rng.integers(2**31)), DRAWS // n_walks, budget) for _ in range(n_walks)]
        spent += n_walks * budget
        # cohorts are numbered anew
        draws = pd.concat([walk.assign(cohort=walk.cohort + DRAWS * number) for number, walk in enumerate(walks)])
        if len(draws):
            break
    else:
        return dict.fromkeys(measures, pd.DataFrame({"cohort": []})), 0.0
    jumped = [cohort for _, cohort in explored(draws, constraints, TOLERANCE, rng, N_JUMPS, DRAWS).groupby("cohort")]
    unlike = [jumped[number] for number in spread([order_of(each) for each in jumped], DRAWS, rng)]
    drawn = [cohort for _, cohort in draws.groupby("cohort")]
    return {measure: _completed(drawn if measure == "prior" else unlike, printed,
                                PROGRESSIONS if measure == "ensemble" else 0, rng) for measure in measures}, spent


def _completed(cohorts: list[pd.DataFrame], printed: pd.DataFrame, n_progressions: int,
               rng: np.random.Generator) -> pd.DataFrame:
    """Drawn cohorts with a treatment each and, for some of them, liver progression; one table."""
    progressing = set(rng.choice(len(cohorts), min(n_progressions, len(cohorts)), replace=False).tolist())
    return pd.concat([_with_treatment(cohort.reset_index(drop=True), printed, number in progressing, rng).assign(
        cohort=number, tier="tolerant", seed=0) for number, cohort in enumerate(cohorts)], ignore_index=True)


def _with_treatment(cohort: pd.DataFrame, printed: pd.DataFrame, with_progression: bool,
                    rng: np.random.Generator) -> pd.DataFrame:
    """A drawn cohort with DEB-TACE as the cross-table counts it and, where wanted, liver progression."""
    counts = printed.set_index("quantity").printed
    n_deb_tace, n_responding = (int(counts[f"{name}.count"]) for name in ("first_treatment.deb_tace", "mrecist.deb_tace.orr"))
    responded, deb_tace = cohort.mrecist_responder.to_numpy(bool), np.zeros(len(cohort), bool)
    for members, size in ((responded, n_responding), (~responded, n_deb_tace - n_responding)):
        deb_tace[rng.choice(np.flatnonzero(members), size, replace=False)] = True
    cohort = cohort.assign(first_treatment=np.where(deb_tace, "DEB-TACE", "other"), liver_pfs_months=np.nan,
                           liver_progressed=False)
    if with_progression:
        rows = {"liver_pfs": trial_constraints(printed, arm="liver_pfs").overall}
        demands = SimpleNamespace(rows=rows, visit_window_days=VISIT_DAYS,
                                  n_progressed_at_visit=int(counts["mrecist.total.pd.count"]))
        progression = liver_progression(cohort, demands, rng)
        if progression is not None:
            cohort[[*progression]] = progression
    return cohort


def placed(truth: float, drawn: np.ndarray) -> dict[str, float]:
    """Where a truth stands among drawn values.

    Parameters
    ----------
    truth : float
        Infinite for a median that is not reached.
    drawn : ndarray of float
        Missing values are left out.

    Returns
    -------
    dict
        ``low``, ``middle``, ``high`` (2.5th, 50th, 97.5th percentile, each one of the values), ``share_below``,
        ``share_up_to``; missing where nothing was drawn.
    """
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return dict.fromkeys(("low", "middle", "high", "share_below", "share_up_to"), np.nan)
    low, middle, high = np.quantile(drawn, (0.025, 0.5, 0.975), method="inverted_cdf")
    return {"low": low, "middle": middle, "high": high, "share_below": (drawn < truth - TOUCHING).mean(),
            "share_up_to": (drawn <= truth + TOUCHING).mean()}


def coverage(calibration: pd.DataFrame, level: float = 0.95, by: tuple[str, ...] = ("measure", "statistic")) -> pd.DataFrame:
    """How often the truth lay inside the central range of a level.

    Parameters
    ----------
    calibration : DataFrame
        ``data/calibration.csv``.
    level : float
        Share of the drawn cohorts that the range holds, both its ends included.
    by : tuple of str
        Columns to tell apart, such as ``hazard`` or ``censoring`` besides.

    Returns
    -------
    DataFrame
        The columns of ``by``, ``n_trials``, ``n_reconstructed``, ``n_inside``, ``coverage`` (of those
        reconstructed), ``lower`` and ``upper`` (Clopper-Pearson 95% interval for 100 trials being a sample), and
        ``within_aim``: whether ``coverage`` lies in `AIM`, which is meant for a level of 0.95.
    """
    tail = (1 - level) / 2
    known = calibration.share_below.notna()
    inside = known & (calibration.share_up_to >= tail - TOUCHING) & (calibration.share_below < 1 - tail - TOUCHING)
    table = calibration.assign(known=known, inside=inside).groupby([*by], sort=False, observed=True).agg(
        n_trials=("known", "size"), n_reconstructed=("known", "sum"), n_inside=("inside", "sum")).reset_index()
    shares = [proportion(int(row.n_inside), int(row.n_reconstructed)) for row in table.itertuples()]
    table = table.assign(coverage=[share.estimate for share in shares], lower=[share.lower for share in shares],
                         upper=[share.upper for share in shares])
    return table.assign(within_aim=table.coverage.between(*AIM))


def main(arguments: list[str] | None = None) -> int:
    """Calibrate what is missing, then write the table and print the coverage of each statistic."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.calibration",
                                     description="Simulate trials, reconstruct them from their printed figures, compare.")
    parser.add_argument("--trials", type=int, default=N_TRIALS)
    parser.add_argument("--walked", type=int, default=N_WALKED, help="trials also reconstructed from several walks")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="budget of one walk")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=1, help="worker processes of this machine")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--found", type=Path, default=Path("build/calibration"), help="folder of the trials' results")
    parser.add_argument("--out", type=Path, default=FILE, help="CSV file to write")
    options = parser.parse_args(arguments)
    tasks = [f"trial-{number:04d}" for number in range(options.trials)]
    tasks += [f"walks-{number:04d}" for number in range(min(options.walked, options.trials))]
    settings = {"seed": options.seed, "seconds": options.seconds}
    try:
        files = run_tasks(partial(calibrate, **settings), tasks, options.found, processes=options.processes,
                          scheduler=options.scheduler, settings=settings,
                          report=lambda line: print(line, file=sys.stderr, flush=True))
    except ExecutorError as error:
        print(error, file=sys.stderr)
        return 1
    table = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    table.to_csv(options.out, index=False, lineterminator="\n", float_format="%.6g")
    print(coverage(table).to_string(index=False, float_format="{:.3f}".format))
    return 0


if __name__ == "__main__":
    from lib.reconstruct.calibration import main as importable  # workers import the tasks by the module's name

    sys.exit(importable())
