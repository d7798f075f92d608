"""Trials whose patients are known, and what a paper like this one would print of them.

The patients come from models that the sampler does not assume: hazards that fall, rise or differ between patients,
three patterns of censoring, groups that differ in survival. Of each trial only the kinds of figures that the ledger
holds are printed, in its format: whole months for medians, a tenth for limits and follow-up, a thousandth for P.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
from lifelines.statistics import logrank_test

from lib.cohort import DAYS_PER_MONTH
from lib.reconstruct.constraints import GROUPINGS
from lib.reconstruct.verify import spss_median

HAZARDS = {"constant": "exponential times", "falling": "Weibull times of shape 0.7", "rising": "Weibull times of shape 1.6",
           "mixed": "exponential times, every second patient at five times the others' hazard"}
CENSORING = {"accrual": "uniform follow-up from 0.3 to 3 times the typical survival",
             "dropout": "exponential follow-up with a mean of twice the typical survival",
             "long": "uniform follow-up from 1.5 to 5 times the typical survival"}
SIZES = (15, 60)
VISIT_DAYS = (62, 120)
FEWEST_IN_GROUP = 4
_SHAPES = {"falling": 0.7, "rising": 1.6}


def simulated_trial(number: int, seed: int) -> pd.DataFrame:
    """The patients of one trial; hazards and censoring patterns take turns, everything else is drawn.

    Parameters
    ----------
    number : int
        The trial's number, from 0.
    seed : int

    Returns
    -------
    DataFrame, one row a patient, ascending by time
        The ensemble's columns that the statistics need. ``attrs``: ``hazard``, ``censoring``, ``n_redrawn``.

    Notes
    -----
    Number of patients uniform in `SIZES`; typical survival uniform from 6 to 30 months; each group's share uniform
    from 0.3 to 0.7, its log hazard ratio normal with standard deviation 0.6. The liver progresses at a constant rate
    that is no function of survival. A trial in which a row's median or limits cannot be computed is drawn anew: the
    paper printed all of its rows.
    """
    rng = np.random.default_rng([seed, number])
    hazard = [*HAZARDS][number % len(HAZARDS)]
    censoring = [*CENSORING][number // len(HAZARDS) % len(CENSORING)]
    for n_redrawn in range(10_000):
        patients = _patients(rng, hazard, censoring)
        if patients is not None and np.isfinite([end for row in _rows(patients).values() for end in row]).all():
            patients.attrs = {"hazard": hazard, "censoring": censoring, "n_redrawn": n_redrawn}
            return patients
    raise RuntimeError(f"No trial with {hazard} hazard and {censoring} censoring prints all rows.")


def _patients(rng: np.random.Generator, hazard: str, censoring: str) -> pd.DataFrame | None:
    n, typical = int(rng.integers(SIZES[0], SIZES[1] + 1)), rng.uniform(6, 30)
    columns, log_hazard = {}, np.zeros(n)
    for column in (*(grouping.flag for grouping in GROUPINGS), "deb_tace"):
        size = int(np.clip(round(rng.uniform(0.3, 0.7) * n), FEWEST_IN_GROUP, n - FEWEST_IN_GROUP))
        columns[column] = rng.permutation(np.arange(n) < size)
        log_hazard += rng.normal(0, 0.6) * (columns[column] - size / n)
    if hazard == "mixed":
        log_hazard += np.where(rng.permutation(np.arange(n) < n // 2), np.log(5), 0.0)
    death = typical * (rng.exponential(1, n) * np.exp(-log_hazard)) ** (1 / _SHAPES.get(hazard, 1.0))
    follow_up = typical * {"accrual": rng.uniform(0.3, 3, n), "dropout": rng.exponential(2, n),
                           "long": rng.uniform(1.5, 5, n)}[censoring]
    months = np.round(np.minimum(death, follow_up), 3)
    if len(np.unique(months)) < n or months.min() <= 0:
        return None
    patients = pd.DataFrame({"os_treatment_months": months, "died": death <= follow_up, **columns})
    patients = patients.join(_liver_progression(patients, typical, rng))
    patients["first_treatment"] = np.where(patients.pop("deb_tace"), "DEB-TACE", "other")
    return patients.sort_values("os_treatment_months", ignore_index=True)


def _liver_progression(patients: pd.DataFrame, typical: float, rng: np.random.Generator) -> pd.DataFrame:
    """Progression seen at the month-3 visit, or at its time later on; death and last contact censor."""
    n, treated = len(patients), patients.os_treatment_months.to_numpy()
    visit = rng.uniform(VISIT_DAYS[0], VISIT_DAYS[1], n) / DAYS_PER_MONTH
    progression = rng.exponential(typical * rng.uniform(0.4, 1.5), n)
    # whoever responds at the visit has not progressed by then
    progression += np.where(patients.mrecist_responder, visit, 0.0)
    at_visit = (progression <= visit) & (visit < treated)
    later = (progression > visit) & (progression < treated)
    months = np.round(np.where(at_visit, visit, np.where(later, progression, treated)), 3)
    return pd.DataFrame({"mrecist_pd_month_3": at_visit, "liver_progressed": at_visit | later, "liver_pfs_months": months})


def _rows(patients: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Median and limits of every row that the paper prints."""
    def row(members, months="os_treatment_months", event="died"):
        return spss_median(patients[months][members].tolist(), patients[event][members].tolist())

    everyone = np.ones(len(patients), bool)
    rows = {"os_treatment": row(everyone), "liver_pfs": row(everyone, "liver_pfs_months", "liver_progressed")}
    for grouping in GROUPINGS:
        flag = patients[grouping.flag].to_numpy(bool)
        for level, members in zip(grouping.levels, (~flag, flag)):
            rows[f"os_treatment.{grouping.ledger}.{level}"] = row(members)
    return rows


def printed_of(patients: pd.DataFrame) -> pd.DataFrame:
    """What a paper like this one prints of a trial.

    Parameters
    ----------
    patients : DataFrame
        From `simulated_trial`.

    Returns
    -------
    DataFrame
        A ledger: ``quantity, printed, expected``.
    """
    months, died = patients.os_treatment_months, patients.died
    printed = {"cohort.n": str(len(patients)), "survival_status.dead.count": str(int(died.sum())),
               "follow_up.median": _shown(months.median(), 1), "follow_up.min": _shown(months.min(), 1),
               "follow_up.max": _shown(months.max(), 1),
               "mrecist.total.pd.count": str(int(patients.mrecist_pd_month_3.sum())),
               "first_treatment.deb_tace.count": str(int((patients.first_treatment == "DEB-TACE").sum())),
               "mrecist.deb_tace.orr.count": str(int(((patients.first_treatment == "DEB-TACE")
                                                      & patients.mrecist_responder).sum()))}
    for name, (median, lower, upper) in _rows(patients).items():
        printed |= {f"{name}.median": _shown(median, 0), f"{name}.lower": _shown(lower, 1), f"{name}.upper": _shown(upper, 1)}
    for grouping in GROUPINGS:
        flag = patients[grouping.flag]
        printed[grouping.count] = str(int(flag.sum()))
        printed[f"os_treatment.{grouping.ledger}.p"] = _shown(
            logrank_test(months[flag], months[~flag], died[flag], died[~flag]).p_value, 3)
    return pd.DataFrame({"quantity": [*printed], "printed": [*printed.values()], "expected": "reproduced"})


def _shown(value: float, decimals: int) -> str:
    """A number as printed, halves rounded up."""
    return str(Decimal(repr(round(float(value), 9))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
