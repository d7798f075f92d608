"""How often the truth lies inside the ensemble's range: trials with known patients, printed, reconstructed, compared.

    python -m lib.reconstruct.calibration [--trials N] [--seconds S] [--processes N] [--scheduler ADDRESS]

writes ``data/calibration.csv``, one row a trial, measure and statistic. Of each trial of `lib.reconstruct.simulated`
only its printed figures go on; `lib.reconstruct.sampler` draws cohorts within the ensemble's tolerance, and for each
unpublished statistic the truth is placed among the drawn cohorts. As the ensemble is made from many seeds, a trial is
reconstructed from `N_WALKS` independent walks with the budget of the ensemble's, each from a random start of its own
and giving as many cohorts as any other. Two measures are tried on these walks:

* ``prior``: draws of the sampler, that is of its prior conditioned on what is printed;
* ``ensemble``: as the tolerant tier is made, by jumps from those draws, orders taking turns.

The prior (`lib.reconstruct.sampler.sample`) says that deaths and censorings come at one constant rate whatever the
labels. It is defended by how little it says, not by being true: no order, labelling or direction of a comparison is
favoured before the print is read. The simulated patients break it, so what is tested here is both whether the walks
reach what the print allows and whether a wrong prior matters once the print is known. The two are told apart by
``r_hat``: walks that disagree on a statistic have not reached it; where they agree and truths lie outside more often
than 5 times in 100, the prior is at fault.

The budget is the same for every statistic and never extended for one that fails. Walks that meet no consistent cohort
are tried again with twice the budget, at most `ATTEMPTS` times, whatever the truth. Budget and number of walks were
set before any of these trials was compared with its truth, from what longer walks did on trials of another seed; this
very setting was not tried on those.
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
from lib.reconstruct import AIM
from lib.reconstruct.diversity import STATISTICS, split_r_hat, unpublished_statistics
from lib.reconstruct.ensemble import TOLERANCE, order_of, spread
from lib.reconstruct.executor import ExecutorError, run_tasks
from lib.reconstruct.exploring import explored
from lib.reconstruct.sampler import sample, trial_constraints
from lib.reconstruct.simulated import VISIT_DAYS, printed_of, simulated_trial
from lib.reconstruct.times import liver_progression

FILE = DATA / "calibration.csv"
SEED, N_TRIALS, SECONDS, N_WALKS = 20200901, 100, 7.0, 3
MEASURES = ("prior", "ensemble")
ATTEMPTS = 3
N_JUMPS = 400
DRAWS, PROGRESSIONS = 210, 40
"""Cohorts compared a measure, and those of the ensemble that are given liver progression, which no order decides."""
TOUCHING = 1e-9
MOST_R_HAT = 1.1
"""Up to this split R-hat the walks of a trial count as agreeing on a statistic."""


def calibrate(task: str, seed: int, seconds: float) -> pd.DataFrame:
    """One trial simulated, printed, reconstructed and compared.

    Parameters
    ----------
    task : str
        ``trial-<number>``.
    seed : int
        Of the simulation and of the walks.
    seconds : float
        Budget of a walk (`lib.reconstruct.sampler.sample`).

    Returns
    -------
    DataFrame, one row a measure and statistic
        ``trial, n, n_died, hazard, censoring, measure, n_cohorts, n_orders, seconds, statistic, truth, low, middle,
        high, share_below, share_up_to, r_hat``. The shares are those of the drawn cohorts below the truth, and below
        or at it. Empty from ``low`` on where no consistent cohort was met, or none could be given liver progression.
        ``r_hat`` compares the walks (`lib.reconstruct.diversity.split_r_hat`); only ``prior`` has it, and only where
        two walks or more met a consistent cohort and their values differ.
    """
    number = int(task.partition("-")[2])
    patients = simulated_trial(number, seed)
    printed = printed_of(patients)
    truths = unpublished_statistics(patients.assign(cohort=0, tier="truth", seed=seed)).iloc[0]
    trial = {"trial": number, "n": len(patients), "n_died": int(patients.died.sum()),
             "hazard": patients.attrs["hazard"], "censoring": patients.attrs["censoring"]}
    cohorts, spent = reconstruct(printed, [seed, number], seconds)
    rows = []
    for measure in cohorts:
        drawn = unpublished_statistics(cohorts[measure]) if spent else pd.DataFrame(columns=["seed", *STATISTICS])
        measured = [name for name in STATISTICS if measure == "ensemble" or not name.startswith("liver_pfs")]
        orders = {order_of(cohort) for _, cohort in cohorts[measure].groupby("cohort")}
        rows += [trial | {"measure": measure, "n_cohorts": len(drawn), "n_orders": len(orders), "seconds": spent,
                          "statistic": name, "truth": truths[name]} | placed(truths[name], drawn[name].to_numpy(float))
                 | {"r_hat": split_r_hat([walk.to_numpy(float) for _, walk in drawn.groupby("seed")[name]])
                    if measure == "prior" else np.nan} for name in measured]
    return pd.DataFrame(rows)


def reconstruct(printed: pd.DataFrame, seed: list[int], seconds: float) -> tuple[dict[str, pd.DataFrame], float]:
    """Cohorts drawn from what is printed of a trial.

    Parameters
    ----------
    printed : DataFrame
        From `lib.reconstruct.simulated.printed_of`.
    seed : list of int
    seconds : float
        Budget of a walk at the first attempt.

    Returns
    -------
    dict of str to DataFrame
        For each of `MEASURES` the ensemble's columns that the statistics need; liver progression is missing but for
        `PROGRESSIONS` cohorts of ``ensemble``. In ``prior``, ``seed`` numbers the walks.
    float
        Seconds of budget spent; 0 where no walk met a consistent cohort, and the tables are empty.
    """
    constraints, spent = trial_constraints(printed), 0.0
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([*seed, attempt])
        budget = seconds * 2**attempt
        walks = [sample(constraints, TOLERANCE, int(rng.integers(2**31)), DRAWS // N_WALKS, budget) for _ in range(N_WALKS)]
        spent += N_WALKS * budget
        # cohorts are numbered anew
        draws = pd.concat([walk.assign(cohort=walk.cohort + DRAWS * number) for number, walk in enumerate(walks)])
        if len(draws):
            break
    else:
        return dict.fromkeys(MEASURES, pd.DataFrame({"cohort": []})), 0.0
    jumped = [cohort for _, cohort in explored(draws, constraints, TOLERANCE, rng, N_JUMPS, DRAWS).groupby("cohort")]
    unlike = [jumped[number] for number in spread([order_of(each) for each in jumped], DRAWS, rng)]
    drawn = [cohort for _, cohort in draws.groupby("cohort")]
    walk_of = [int(cohort.cohort.iloc[0]) // DRAWS for cohort in drawn]
    return {"prior": _completed(drawn, walk_of, printed, 0, rng),
            "ensemble": _completed(unlike, [0] * len(unlike), printed, PROGRESSIONS, rng)}, spent


def _completed(cohorts: list[pd.DataFrame], seeds: list[int], printed: pd.DataFrame, n_progressions: int,
               rng: np.random.Generator) -> pd.DataFrame:
    """Drawn cohorts with a treatment each and, for some of them, liver progression; one table."""
    progressing = set(rng.choice(len(cohorts), min(n_progressions, len(cohorts)), replace=False).tolist())
    return pd.concat([_with_treatment(cohort.reset_index(drop=True), printed, number in progressing, rng).assign(
        cohort=number, tier="tolerant", seed=seeds[number]) for number, cohort in enumerate(cohorts)], ignore_index=True)


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
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"budget of each of a trial's {N_WALKS} walks")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=1, help="worker processes of this machine")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, instead of processes")
    parser.add_argument("--found", type=Path, default=Path("build/calibration"), help="folder of the trials' results")
    parser.add_argument("--out", type=Path, default=FILE, help="CSV file to write")
    options = parser.parse_args(arguments)
    tasks = [f"trial-{number:04d}" for number in range(options.trials)]
    settings = {"seed": options.seed, "seconds": options.seconds}
    try:
        files = run_tasks(partial(calibrate, **settings), tasks, options.found, processes=options.processes,
                          scheduler=options.scheduler, settings=settings | {"walks": N_WALKS},
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
