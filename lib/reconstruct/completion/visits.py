"""Days of the imaging visit and of later treatment, inside each patient's follow-up."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH
from lib.reconstruct.completion.printed import CompletionError, PrintedFigures

FIRST_VISIT_DAY, LAST_VISIT_DAY = 60, 120
"""What may be called the month-3 visit, one month to either side."""
VISIT_SPREAD_DAYS = 8
"""Standard deviation of the days around the planned one, before the window cuts them."""
SECOND_TREATMENT_DELAY_DAYS = 21


def visit_days(skeleton: pd.DataFrame, printed: PrintedFigures,
               rng: np.random.Generator) -> np.ndarray:
    """Day of the month-3 visit of each patient, counted from first treatment.

    A patient whose liver progressed at that visit has it on the day of progression; the others have it
    before any later liver progression and before the end of follow-up.

    Parameters
    ----------
    skeleton : DataFrame, shape (n_patients, n_columns)
    printed : PrintedFigures
        ``visit.month_3.time``, in months.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n_patients,)

    Raises
    ------
    CompletionError
        If a patient's follow-up leaves no day for the visit.
    """
    planned = round(printed.value("visit.month_3.time") * DAYS_PER_MONTH)
    days = []
    for row in skeleton.itertuples():
        progression = row.liver_pfs_months * DAYS_PER_MONTH
        if row.mrecist_pd_month_3:
            day, latest = round(progression), math.floor(row.os_treatment_months * DAYS_PER_MONTH)
        else:
            latest = math.ceil(progression) - 1 if row.liver_progressed else math.floor(progression)
            day = max(min(round(rng.normal(planned, VISIT_SPREAD_DAYS)), latest, LAST_VISIT_DAY), FIRST_VISIT_DAY)
        if not FIRST_VISIT_DAY <= day <= min(latest, LAST_VISIT_DAY):
            raise CompletionError(f"Skeleton row {row.Index}: no day from {FIRST_VISIT_DAY} to {LAST_VISIT_DAY} "
                                  f"is left for the month-3 visit (liver PFS {progression:.1f} days, follow-up "
                                  f"to day {latest}); search for another skeleton.")
        days.append(day)
    return np.array(days)


def second_treatment_day(row) -> int:
    """First day a second kind of treatment can start: after the visit and after any liver progression.

    Parameters
    ----------
    row : namedtuple
        A skeleton row with ``visit_day``.

    Returns
    -------
    int
        Day from first treatment.
    """
    trigger = row.visit_day
    if row.liver_progressed:
        trigger = max(trigger, math.ceil(row.liver_pfs_months * DAYS_PER_MONTH))
    return int(trigger + SECOND_TREATMENT_DELAY_DAYS)
