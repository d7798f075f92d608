"""Cohorts that know only what the paper counts: what its survival figures add is measured against them.

They have the printed numbers of patients, of deaths and of every group, the cross-tables of treatment and response,
the printed median and range of follow-up, and the cut between early and late treatment; but no printed median of
survival, no confidence limit and no P value. The draws are those of the ensemble without the step that mends them into
the printed survival rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH
from lib.identified.cohorts import CATEGORIES, FLAGS, TREATMENTS, Cohorts, from_table
from lib.published import read_ledger
from lib.reconstruct.completion.printed import PrintedFigures, slug
from lib.reconstruct.completion.visits import FIRST_VISIT_DAY, LAST_VISIT_DAY
from lib.reconstruct.constraints import Interval, MedianRow, SurvivalConstraints, survival_constraints
from lib.reconstruct.sampler import Tolerance, TrialConstraints, sample

SECONDS_A_SEED = 0.5


def marginal_cohorts(n_seeds: int = 40, cohorts_a_seed: int = 50) -> Cohorts:
    """Draw cohorts that agree with the printed counts and follow-up only.

    Parameters
    ----------
    n_seeds, cohorts_a_seed : int

    Returns
    -------
    Cohorts
        Tier ``marginals``; a draw whose treatments cannot be assigned is left out.
    """
    ledger = read_ledger()
    constraints, printed = survival_constraints(ledger), PrintedFigures(ledger)
    drawn = []
    for seed in range(1, n_seeds + 1):
        rng = np.random.default_rng([6, seed])
        for _, core in sample(counts_only(constraints), Tolerance(), seed, cohorts_a_seed, SECONDS_A_SEED).groupby("cohort"):
            cohort = _completed(core.drop(columns="cohort").reset_index(drop=True), constraints, printed, rng)
            if cohort is not None:
                drawn.append(cohort.assign(cohort=len(drawn)))
    return from_table(pd.concat(drawn, ignore_index=True).assign(tier="marginals"))


def counts_only(constraints: SurvivalConstraints) -> TrialConstraints:
    """The constraints without medians, limits and P values.

    Parameters
    ----------
    constraints : SurvivalConstraints

    Returns
    -------
    TrialConstraints
    """
    def free(row: MedianRow) -> MedianRow:
        return MedianRow(row.quantity, Interval(), Interval(), Interval())

    comparisons = tuple(replace(each, rows=tuple(free(row) for row in each.rows), p_value=Interval(0.0, 1.0))
                        for each in constraints.comparisons)
    return TrialConstraints(constraints.n, constraints.n_died, free(constraints.rows["os_treatment"]), comparisons,
                            constraints.follow_up_median, constraints.follow_up_min, constraints.follow_up_max)


def _completed(core: pd.DataFrame, constraints: SurvivalConstraints, printed: PrintedFigures,
               rng: np.random.Generator) -> pd.DataFrame | None:
    """A drawn core with the other clocks and treatments; None where too few non-responders reach the visit.

    Gaps and liver progression are drawn as `lib.reconstruct.times` draws them.
    """
    treated, early, n = core.os_treatment_months.to_numpy(), core.early_treatment.to_numpy(bool), len(core)
    metastasis = treated + np.where(early, rng.uniform(0, constraints.early_cut, n),
                                    constraints.early_cut + rng.exponential(14, n))
    longest, oldest = constraints.longest_diagnosis, rng.integers(n)
    diagnosis = np.minimum(metastasis + rng.exponential(35, n), longest.upper - 1)
    diagnosis[oldest] = rng.uniform(longest.lower, longest.upper)
    responder = core.mrecist_responder.to_numpy(bool)
    last_day = np.minimum(LAST_VISIT_DAY, np.floor(treated * DAYS_PER_MONTH))
    eligible = np.flatnonzero(~responder & (last_day > FIRST_VISIT_DAY))
    if len(eligible) < constraints.n_progressed_at_visit:
        return None
    at_visit = np.zeros(n, bool)
    at_visit[rng.choice(eligible, constraints.n_progressed_at_visit, replace=False)] = True
    after = (LAST_VISIT_DAY + 1) / DAYS_PER_MONTH
    later = ~at_visit & (treated > after) & (rng.random(n) < 0.5)
    visit = rng.uniform(np.minimum(FIRST_VISIT_DAY, last_day), last_day) / DAYS_PER_MONTH
    pfs = np.where(at_visit, visit, np.where(later, rng.uniform(np.minimum(after, treated), treated), treated))
    cohort = core.assign(
        os_liver_metastasis_months=metastasis, os_diagnosis_months=np.maximum(diagnosis, metastasis), liver_pfs_months=pfs,
        mrecist_pd_month_3=at_visit, liver_progressed=at_visit | later, **_treatments(responder, at_visit, printed, rng))
    return cohort.astype({flag: bool for flag in FLAGS})


def _treatments(responder: np.ndarray, at_visit: np.ndarray, printed: PrintedFigures, rng: np.random.Generator) -> dict:
    """Treatment and response dealt at random to the patients whom the cross-tables allow them."""
    kinds = np.where(responder, 0, np.where(at_visit, 2, 1))  # CR or PR, SD, PD
    listed = [(treatment, category) for treatment in TREATMENTS for category in CATEGORIES
              for _ in range(printed.counts(f"mrecist.{slug(treatment)}")[category.lower()])]
    recist = {treatment: rng.permutation([category for category in CATEGORIES
                                          for _ in range(printed.counts(f"recist.{slug(treatment)}")[category.lower()])]).tolist()
              for treatment in TREATMENTS}
    rows = [(treatment, category, recist[treatment].pop()) for treatment, category in listed]
    kind_of = {"CR": 0, "PR": 0, "SD": 1, "PD": 2}
    wanted = np.array([kind_of[category] for _, category in listed])
    dealt = np.empty(len(kinds), int)
    for kind in range(3):
        dealt[kinds == kind] = rng.permutation(np.flatnonzero(wanted == kind))
    first, mrecist, by_recist = (np.array(column)[dealt] for column in zip(*rows))
    solitary = rng.permutation(len(kinds)) < printed.count("hepatic_lesions.solitary.count")
    return {"first_treatment": first, "mrecist": mrecist, "recist": by_recist, "solitary": solitary}
