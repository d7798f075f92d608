"""Draw cohorts that agree with what a paper prints of one arm's survival, within a tolerance.

What is printed comes as a `TrialConstraints`, from a ledger by `trial_constraints` or made by hand:

    constraints = trial_constraints(ledger)                       # whatever of the figures below the ledger prints
    draws = sample(constraints, Tolerance(0.005, 1.0), seed=1, n_wanted=200, seconds=120)

The ledger is a table with the columns ``quantity, printed, expected`` (`lib.published.read_ledger`), rows marked
``reproduced``. Read are ``cohort.n``, ``survival_status.dead.count``; where printed ``follow_up.median``, ``.min`` and
``.max``; ``<arm>.median``, ``.lower``, ``.upper``; ``<arm>.survival_<months>_months`` (a fraction); and for each
`Grouping` its count, ``<arm>.<grouping>.<level>.median``, ``.lower``, ``.upper`` and ``<arm>.<grouping>.p``. A median
may be printed as ``not reached``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lib.reconstruct import scoring
from lib.reconstruct.constraints import (GROUPINGS, ConstraintError, GroupComparison, Grouping, Interval, MedianRow,
                                         SurvivalConstraints, printed_interval)

STEPS_PER_SECOND = 1_200_000
"""What one core did when this was written, for 24 patients and 4 comparisons; a budget in seconds is a number of
steps, so that a seed gives the same cohorts on a slow machine."""
PATIENTS_TIMES_ROWS = 24 * 9
BETAS = tuple(np.geomspace(0.15, 40, 12))
STEPS_A_ROUND = 50
BURN_IN = 0.1
DECIMALS = 3
"""Months are kept to a thousandth, 44 minutes."""
EDGE_MONTHS = 0.001
"""Kept free at the ends of a tolerated limit: a program that takes 1.96 for the normal quantile prints limits that
differ by up to 2e-5 of their half width."""
NEVER = Interval(math.inf, math.inf)


@dataclass(frozen=True)
class Tolerance:
    """How far a drawn cohort's figures may be from the printed ones; never less than printing itself allows.

    Attributes
    ----------
    p : float
        For log-rank P values.
    limit_months : float
        For confidence limits of medians.
    """

    p: float = 0.005
    limit_months: float = 1.0


@dataclass(frozen=True)
class TrialConstraints:
    """What is printed of one arm's survival; an `Interval()` binds nothing.

    Attributes
    ----------
    n, n_died : int
    overall : MedianRow
    comparisons : tuple of GroupComparison
        Any number of two-group comparisons of the same patients.
    follow_up_median, follow_up_min, follow_up_max : Interval
        Plain median, shortest and longest time of all patients, months.
    survival : dict of float to Interval
        Kaplan-Meier survival (0 to 1) by landmark in months.
    """

    n: int
    n_died: int
    overall: MedianRow
    comparisons: tuple[GroupComparison, ...] = ()
    follow_up_median: Interval = Interval()
    follow_up_min: Interval = Interval(0.0)
    follow_up_max: Interval = Interval()
    survival: dict[float, Interval] = field(default_factory=dict)


def trial_constraints(ledger: pd.DataFrame, arm: str = "os_treatment",
                      groupings: tuple[Grouping, ...] = GROUPINGS) -> TrialConstraints:
    """Constraints on one arm from whatever a ledger prints of it.

    Parameters
    ----------
    ledger : DataFrame
        See the module's text.
    arm : str
        The clock's name in the ledger.
    groupings : tuple of Grouping
        Those without a printed count are left out.

    Returns
    -------
    TrialConstraints

    Raises
    ------
    ConstraintError
        If the number of patients or of deaths is missing, or two places of the ledger contradict each other.
    """
    binding = ledger[ledger.expected == "reproduced"]
    printed = {quantity: list(texts) for quantity, texts in binding.groupby("quantity").printed}

    def interval(quantity: str, default: Interval = Interval()) -> Interval:
        shared = default
        for text in printed.get(quantity, []):
            shared &= NEVER if text == "not reached" else printed_interval(text, lower_limit=quantity.endswith(".lower"))
        if shared.empty and shared != NEVER:
            raise ConstraintError(f"The ledger contradicts itself on {quantity}: {'; '.join(printed[quantity])}.")
        return shared

    def row(name: str) -> MedianRow:
        median = interval(f"{name}.median")
        return MedianRow(name, median, interval(f"{name}.lower"), interval(f"{name}.upper"), median)

    counts = {quantity: math.ceil(interval(quantity).lower) for quantity in
              ("cohort.n", "survival_status.dead.count", *(each.count for each in groupings)) if quantity in printed}
    for quantity in ("cohort.n", "survival_status.dead.count"):
        if quantity not in counts:
            raise ConstraintError(f"The ledger prints no {quantity} that is to be reproduced; add the row.")
    landmark = re.compile(rf"{re.escape(arm)}\.survival_([\d.]+)_months")
    return TrialConstraints(
        counts["cohort.n"], counts["survival_status.dead.count"], row(arm),
        tuple(GroupComparison(each, counts[each.count],
                              tuple(row(f"{arm}.{each.ledger}.{level}") for level in each.levels),
                              interval(f"{arm}.{each.ledger}.p", Interval(0.0, 1.0)))
              for each in groupings if each.count in counts),
        interval("follow_up.median"), interval("follow_up.min", Interval(0.0)), interval("follow_up.max"),
        {float(found[1]): interval(quantity) for quantity in printed if (found := landmark.fullmatch(quantity))})


def sample(constraints: TrialConstraints | SurvivalConstraints, tolerance: Tolerance, seed: int, n_wanted: int,
           seconds: float) -> pd.DataFrame:
    """Cohorts drawn at random from all that agree with what is printed.

    Parameters
    ----------
    constraints : TrialConstraints or SurvivalConstraints
        Of the latter, the rows from first treatment.
    tolerance : Tolerance
    seed : int
    n_wanted : int
        Most cohorts to return; they are spread evenly over the walk.
    seconds : float
        Budget, in seconds of the core that `STEPS_PER_SECOND` was measured on: a fixed number of steps.

    Returns
    -------
    DataFrame, one row a patient
        ``cohort`` (from 0), ``os_treatment_months`` (ascending within a cohort), ``died``, and one boolean column for
        each comparison, named by its grouping's ``flag``. ``attrs``: ``n_cohorts``, ``n_steps``, ``n_seen``
        (consistent cohorts at the ends of rounds, before thinning), ``least_misfit`` (months; 0 where any was met).
        Empty if none was met.

    Notes
    -----
    The distribution sampled is the prior below, conditioned on every figure lying within the tolerance. Under the
    prior, patients die and are censored at constant rates that no label changes: times are independent and
    exponential with an unknown common mean (scale-free prior, density (sum of times) ** -n), every choice of
    ``n_died`` deaths is as likely as any other, and so is every labelling with the printed group sizes. It says least
    about a patient that figures such as the printed ones are about, and it favours no result of a comparison.

    The draws come from a replica-exchange Metropolis walk whose energy is the misfit of `scoring.misfit`. Where the
    misfit is 0 the tempered density is the prior at every temperature, so consistent cohorts of all replicas are
    kept. Draws of one seed are correlated; draws of different seeds are independent, from a random start.

    References
    ----------
    Geyer CJ. Markov chain Monte Carlo maximum likelihood. Computing Science and Statistics 1991:156-163.
    """
    if n_wanted < 1 or seconds <= 0:
        raise ValueError("A draw needs n_wanted of at least 1 and seconds above 0.")
    trial = trial_of(constraints)
    arrays = constraint_arrays(trial, tolerance)
    rng = np.random.default_rng(seed)
    starts = [random_start(trial, arrays[2], rng) for _ in BETAS]
    months, died, labels = (np.array([start[part] for start in starts]) for part in range(3))
    n_rounds = _rounds(trial, seconds)
    n_comparisons, capacity = len(trial.comparisons), 2 * n_wanted
    kept = (np.empty((capacity, trial.n)), np.empty((capacity, trial.n), bool),
            np.empty((capacity, n_comparisons, trial.n), bool), np.empty(capacity, np.int64))
    n_kept, n_seen, least = scoring.walk(
        months, died, labels, *arrays, np.array(BETAS), n_rounds, STEPS_A_ROUND, int(BURN_IN * n_rounds),
        int(rng.integers(2**31)), DECIMALS, *kept)
    chosen = np.unique(np.linspace(0, n_kept - 1, min(n_kept, n_wanted)).round().astype(int))
    draws = table_of(trial, *(part[chosen] for part in kept[:3]))
    draws.attrs = {"n_cohorts": len(chosen), "n_steps": n_rounds * STEPS_A_ROUND * len(BETAS), "n_seen": int(n_seen),
                   "least_misfit": float(least)}
    return draws


def constraint_arrays(trial: TrialConstraints, tolerance: Tolerance) -> tuple[np.ndarray, ...]:
    """A trial's intervals as `scoring.misfit` takes them, widened to the tolerance.

    Parameters
    ----------
    trial : TrialConstraints
    tolerance : Tolerance

    Returns
    -------
    tuple of ndarray
        ``rows``, ``z_ends``, ``follow_up``, ``landmarks``.
    """
    rows = np.array([row.as_array() for row in widened_rows(trial, tolerance)])
    z_ends = np.empty((len(trial.comparisons), 2))
    for number, comparison in enumerate(trial.comparisons):
        p = widened(comparison.p_value, tolerance.p)
        z_ends[number] = [-ndtri(min(max(end, 0.0), 1.0) / 2) for end in (p.upper, p.lower)]
    ends = [end for part in (trial.follow_up_median, trial.follow_up_min, trial.follow_up_max)
            for end in (part.lower, part.upper)]
    landmarks = [(months, share.lower, share.upper) for months, share in sorted(trial.survival.items())]
    return (rows, np.clip(z_ends, 0, 1e9), np.clip(ends, -1e9, 1e9), np.array(landmarks, float).reshape(-1, 3))


def widened_rows(trial: TrialConstraints, tolerance: Tolerance) -> list[MedianRow]:
    """The overall row, then each comparison's rows for the flag false and true, limits widened to the tolerance."""
    printed = [trial.overall, *(row for each in trial.comparisons for row in each.rows)]
    return [_widened_row(row, tolerance.limit_months - EDGE_MONTHS) for row in printed]


def widened(printed: Interval, tolerance: float) -> Interval:
    """The values within a tolerance of the printed figure, or that print as it, whichever is more.

    An end without bound stays; "0" for a negative limit is then all values up to the tolerance.
    """
    if not math.isfinite(printed.half_width):
        return Interval(printed.lower, max(printed.upper, tolerance))
    middle, half = (printed.lower + printed.upper) / 2, max(printed.half_width, tolerance - 1e-9)
    return Interval(middle - half, middle + half)


def _widened_row(row: MedianRow, limit_months: float) -> MedianRow:
    """A row with its median as printed: not narrowed to the middle of limits that are widened."""
    median = row.median if row.printed_median == Interval() else row.printed_median
    lower, upper = (widened(limit, limit_months) for limit in (row.lower, row.upper))
    return MedianRow(row.quantity, median, lower, upper, median)


def trial_of(constraints: TrialConstraints | SurvivalConstraints) -> TrialConstraints:
    """What of a study's constraints its rows from first treatment hold."""
    if isinstance(constraints, TrialConstraints):
        return constraints
    return TrialConstraints(constraints.n, constraints.n_died, constraints.rows["os_treatment"],
                            constraints.comparisons, constraints.follow_up_median, constraints.follow_up_min,
                            constraints.follow_up_max)


def _rounds(trial: TrialConstraints, seconds: float) -> int:
    """Rounds of the walk in a budget; a step costs as many times more as it reads patients and rows."""
    size = trial.n * (1 + 2 * len(trial.comparisons)) / PATIENTS_TIMES_ROWS
    return max(int(seconds * STEPS_PER_SECOND / max(size, 0.3) / (STEPS_A_ROUND * len(BETAS))), 10)


def random_start(trial: TrialConstraints, follow_up: np.ndarray,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random cohort with the printed counts, shortest and longest time."""
    lowest, highest = max(follow_up[2], 0.0), follow_up[5]
    known = [value for value in (*follow_up[:2], trial.overall.median.lower, trial.overall.median.upper)
             if 0 < value < scoring.NO_LIMIT]
    typical = float(np.mean(known)) if known else 12.0
    months = np.sort(lowest + rng.exponential(typical, trial.n))
    months = np.sort(np.where(months < highest, months, rng.uniform(lowest, highest, trial.n)))
    if follow_up[3] < scoring.NO_LIMIT:
        months[0] = rng.uniform(lowest, follow_up[3])
    if follow_up[4] > 0:
        months[-1] = rng.uniform(follow_up[4], min(highest, follow_up[4] + typical))
    labels = [rng.permutation(np.arange(trial.n) < each.n_flagged) for each in trial.comparisons]
    return (np.sort(months), rng.permutation(np.arange(trial.n) < trial.n_died),
            np.array(labels, bool).reshape(len(trial.comparisons), trial.n))


def table_of(trial: TrialConstraints, months: np.ndarray, died: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Cohorts as a table of one row a patient, as `sample` returns them.

    Parameters
    ----------
    trial : TrialConstraints
    months, died : ndarray, shape (n_cohorts, n)
    labels : ndarray of bool, shape (n_cohorts, n_comparisons, n)
    """
    flags = {each.grouping.flag: labels[:, number].ravel() for number, each in enumerate(trial.comparisons)}
    return pd.DataFrame({"cohort": np.repeat(np.arange(len(months)), trial.n),
                         "os_treatment_months": months.ravel(), "died": died.ravel(), **flags})


def arrays_of(draws: pd.DataFrame, trial: TrialConstraints) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The months, deaths and labels of each cohort of such a table."""
    n_cohorts = len(draws) // trial.n
    months, died = (draws[column].to_numpy().reshape(n_cohorts, trial.n) for column in ("os_treatment_months", "died"))
    labels = np.array([draws[each.grouping.flag].to_numpy(bool) for each in trial.comparisons])
    labels = labels.reshape(len(trial.comparisons), n_cohorts, trial.n)
    return [(months[number].astype(float), died[number].astype(bool), labels[:, number].copy())
            for number in range(n_cohorts)]
