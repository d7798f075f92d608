"""Liver progression: which readings of the printed median let times exist, on the exact cohorts there are.

Exact cohorts here give every figure of survival from first treatment but one (see `lib.reconstruct.enumeration`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy  # its parts load where they are used

from lib.cohort import DAYS_PER_MONTH
from lib.reconstruct import kernels
from lib.reconstruct.constraints import SurvivalConstraints
from lib.reconstruct.proofs.claim import IMPOSSIBLE, NOT_FOUND, POSSIBLE, Proof
from lib.reconstruct.search import Solution
from lib.reconstruct.times import MIN_GAP_MONTHS, clock_months

N_DRAWS = 400


def death_as_event(solutions: Sequence[Solution], constraints: SurvivalConstraints, n_at_visit: int,
                   reading: str) -> list[Proof]:
    """Whether so many progressions at the visit, and every death, leave the printed median of liver PFS.

    Parameters
    ----------
    solutions : sequence of Solution
        Every reading of every order that has exact times.
    constraints : SurvivalConstraints
    n_at_visit : int
        Patients without response who progressed at the month-3 visit.
    reading : str
        Who they are, in a reader's words.

    Returns
    -------
    list of Proof
        A proof of impossibility, or nothing: then it is a matter of search.

    Notes
    -----
    A responder's disease did not progress, so a responder who died is an event beside those at the visit. With d
    events before the printed median the curve is at most (n - d)/n there. How late a death can be is a linear
    programme for each reading; the least number of responders who must have died by then is taken over all
    labellings of all readings.
    """
    median = constraints.rows["liver_pfs"].median.lower
    fewest, n_labellings, n_programmes = constraints.n, 0, 0
    for solution in solutions:
        early = _must_be_before(solution, median)
        n_programmes += constraints.n
        response = next(each for each in solution.choice if each.comparison.grouping.flag == "mrecist_responder")
        for label in response.labels:
            flags = np.zeros(constraints.n, dtype=bool)
            kernels.unpack(label, flags)
            fewest = min(fewest, int((flags & solution.order.died & early).sum()))
            n_labellings += 1
    events = n_at_visit + fewest
    if 2 * (constraints.n - events) > constraints.n:
        return []
    orders = {str(solution.order) for solution in solutions}
    return [Proof(
        f"Liver PFS: {reading} and every death are events", IMPOSSIBLE,
        f"{n_programmes} linear programmes on all {len(solutions)} readings of the {len(orders)} orders that allow exact "
        f"times, and all {n_labellings} labellings by response",
        f"at least {fewest} responders died before {median:.2f} months, so the curve is at most "
        f"{constraints.n - events}/{constraints.n} before the printed median", ("liver_pfs.median",))]


def _must_be_before(solution: Solution, median: float) -> np.ndarray:
    """Which places of an order have no exact times at or after a month."""
    programme, early = solution.programme, np.zeros(solution.programme.n, dtype=bool)
    left, right = programme.inequalities
    for place in range(programme.n):
        cost = np.zeros(programme.n)
        cost[place] = -1.0
        answer = scipy.optimize.linprog(cost, left, right, bounds=programme.bounds, method="highs")
        early[place] = answer.status == 0 and -answer.fun < median - 1e-6
    return early


def searched(patients: pd.DataFrame, constraints: SurvivalConstraints, n_at_visit: int, reading: str,
             death_counts: bool, seed: int = 1, n_draws: int = N_DRAWS) -> Proof:
    """Look for progressions that give the printed liver PFS on the survival times of an exact solution.

    Parameters
    ----------
    patients, constraints, n_at_visit, death_counts, seed, n_draws
        As for `find_progressions`.
    reading : str
        Who progressed at the visit, in a reader's words.

    Returns
    -------
    Proof
        ``possible`` or ``not found``.
    """
    found, tried = find_progressions(patients, constraints, n_at_visit, death_counts, seed, n_draws)
    effort = f"draw {tried} of at most {n_draws}" if found is not None else f"all {tried} draws"
    later = 0 if found is None else int((found["progressed"] & ~found["at_visit"]).sum())
    return Proof(
        f"Liver PFS: {reading} are events at the month-3 visit, and death {'is an event' if death_counts else 'censors'}",
        NOT_FOUND if found is None else POSSIBLE,
        f"on the survival times of one exact solution, {effort} of who progressed when, each mended by a linear programme",
        "no draw could be mended into the printed median and limits" if found is None else
        f"{n_at_visit} progressions at the visit and {later} later ones give median and both limits",
        ("liver_pfs.median", "liver_pfs.lower", "liver_pfs.upper"))


def find_progressions(patients: pd.DataFrame, constraints: SurvivalConstraints, n_at_visit: int, death_counts: bool,
                      seed: int = 1, n_draws: int = N_DRAWS) -> tuple[pd.DataFrame | None, int]:
    """Draw who progressed when, until the printed liver PFS comes out.

    Parameters
    ----------
    patients : DataFrame, one row a patient
        From `lib.reconstruct.search.treated_patients`: read are ``os_treatment_months``, ``died`` and
        ``mrecist_responder``.
    constraints : SurvivalConstraints
    n_at_visit : int
        Patients with progression at the month-3 visit, none of them a responder.
    death_counts : bool
        Whether death without progression is an event.
    seed, n_draws : int

    Returns
    -------
    DataFrame or None
        ``months`` and ``event`` of liver PFS, ``progressed``, ``at_visit``; None if nothing was found.
    int
        Draws made.
    """
    rng, row = np.random.default_rng(seed), constraints.rows["liver_pfs"]
    treated, died = patients["os_treatment_months"].to_numpy(), patients["died"].to_numpy(bool)
    n, (first, last) = len(patients), constraints.visit_window_days
    last_day = np.minimum(last, np.ceil(treated * DAYS_PER_MONTH - 0.01).astype(int) - 1)
    eligible = np.flatnonzero(~patients["mrecist_responder"].to_numpy(bool) & (last_day >= first))
    # where death counts, those who die early are events anyway: they are drawn more often
    weights = np.where(died, 1 / treated, 0.02)[eligible] if death_counts else np.ones(len(eligible))
    for draw in range(1, n_draws + 1):
        at_visit = np.zeros(n, dtype=bool)
        at_visit[rng.choice(eligible, n_at_visit, replace=False, p=weights / weights.sum())] = True
        days = rng.integers(first, np.maximum(last_day, first) + 1)
        later = ~at_visit & (treated * DAYS_PER_MONTH > last + 2) & (rng.random(n) < rng.random())
        visit = np.round(days / DAYS_PER_MONTH, 6)
        lower = np.where(at_visit, visit, np.where(later, (last + 1) / DAYS_PER_MONTH, treated))
        upper = np.where(at_visit, visit, np.where(later, treated - MIN_GAP_MONTHS, treated))
        progressed = at_visit | later
        event = progressed | died if death_counts else progressed
        months = clock_months(row, event, lower, upper, rng.uniform(lower, upper, (1, n)))
        if months is not None:
            return pd.DataFrame({"months": months, "event": event, "progressed": progressed, "at_visit": at_visit}), draw
    return None, n_draws
