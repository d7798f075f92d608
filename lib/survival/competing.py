"""Liver progression with death competing, and the definitions of progression-free survival."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH
from lib.survival.checks import SurvivalDataError, check_groups
from lib.survival.compare import TestResult

PFS_DEFINITIONS = {
    "liver": "event: liver progression; death censors",
    "liver_or_death": "event: liver progression or death",
    "any_or_death": "event: any progression (liver or RECIST at 3 months) or death",
}
CENSORED, PROGRESSION, DEATH = "censored", "progression", "death"
SAME_TIME_MONTHS = 2.0 / DAYS_PER_MONTH  # clocks kept to a tenth of a month differ by up to two days


def progression_free(patients, definition="liver", progressed_elsewhere_months=None):
    """Times and events of progression-free survival by one of the definitions.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `liver_pfs_months`, `liver_progressed`, `os_treatment_months`, `died`.
    definition : {"liver", "liver_or_death", "any_or_death"}
    progressed_elsewhere_months : array-like of float, shape (n_patients,), optional
        For "any_or_death": months to progression anywhere (missing where there was none).

    Returns
    -------
    tuple of ndarray
        Months and event flags, shape (n_patients,).

    Notes
    -----
    A death counts where progression was still being looked for when the patient died (the two clocks end together);
    a patient whose imaging ended earlier is censored there.
    """
    if definition not in PFS_DEFINITIONS:
        raise SurvivalDataError(f"PFS definition {definition!r} is not one of {', '.join(PFS_DEFINITIONS)}.")
    kind = event_kind(patients)
    months = patients.liver_pfs_months.to_numpy()
    event = kind == PROGRESSION
    if definition == "liver":
        return months, event
    event = kind != CENSORED
    if definition == "any_or_death" and progressed_elsewhere_months is not None:
        elsewhere = np.asarray(progressed_elsewhere_months, dtype=float)
        earlier = elsewhere <= months  # missing compares as False
        months, event = np.where(earlier, elsewhere, months), event | earlier
    return months, event


def event_kind(patients):
    """First event of each patient on the liver clock: "progression", "death" (competing) or "censored"."""
    followed_to_death = patients.died & (np.abs(patients.os_treatment_months - patients.liver_pfs_months) <= SAME_TIME_MONTHS)
    return np.where(patients.liver_progressed, PROGRESSION, np.where(followed_to_death, DEATH, CENSORED))


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of one cause: step function with pointwise interval, times from 0 in months."""

    times: np.ndarray
    incidence: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def at(self, months):
        """Cumulative incidence at `months`."""
        return self.incidence[np.searchsorted(self.times, np.asarray(months) + 1e-12, side="right") - 1]


def cumulative_incidence(months, kind, *, conf_level=0.95):
    """Aalen-Johansen cumulative incidence of each cause, by greenwood.

    Parameters
    ----------
    months : array-like of float, shape (n_patients,)
    kind : array-like of str, shape (n_patients,)
        "censored" or the cause.
    conf_level : float

    Returns
    -------
    dict
        Cause -> Incidence; a cause nobody had is absent.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141-150. Putter H, Fiocco M, Geskus RB. Stat Med 2007;26:2389-2430.
    """
    import greenwood

    causes, response = _causes(months, kind)
    if not causes:
        return {}
    frame = greenwood.AalenJohansen(conf_type="log-log", conf_level=conf_level).fit(response).to_frame(format="pandas")
    return {cause: _incidence(frame[frame.cause == cause]) for cause in causes}


def _causes(months, kind):
    """The causes that somebody had, and greenwood's response."""
    import greenwood

    causes = [cause for cause in dict.fromkeys(kind) if cause != CENSORED]
    return causes, greenwood.Surv(months, pd.Categorical(kind, categories=[CENSORED, *causes]))


def _incidence(rows):
    start = lambda column: np.concatenate([[0.0], rows[column]])  # noqa: E731
    return Incidence(start("time"), start("estimate"), start("conf_low"), start("conf_high"))


def gray_test(months, kind, group, cause=PROGRESSION):
    """Gray's test of equal cumulative incidence of one cause between groups, by greenwood.

    Returns
    -------
    TestResult

    References
    ----------
    Gray RJ. Ann Stat 1988;16:1141-1154.
    """
    import greenwood

    group = check_groups(group, len(months))
    df = len(set(group)) - 1
    causes, response = _causes(months, kind)
    if not df or cause not in causes:
        return TestResult("Gray", None, df, None, f"nobody had {cause}" if df else "only one group has patients")
    try:
        with np.errstate(invalid="ignore"):  # greenwood divides by an emptied risk set, and drops the result
            result = greenwood.grays_test(response, [str(label) for label in group], cause=cause)
    except np.linalg.LinAlgError:  # a variance of 0
        result = None
    if result is None or not np.isfinite(result.p_value):
        return TestResult("Gray", None, df, None, "the groups were never at risk together")
    return TestResult("Gray", float(result.statistic), df, float(result.p_value))
