"""Time zero done right: landmarks, time-dependent covariates, delayed entry, and the switch of treatment."""

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH
from lib.cohort_files import lined_up, looked_up
from lib.survival.checks import SurvivalDataError, check_survival
from lib.survival.compare import logrank
from lib.survival.estimate import kaplan_meier, median_survival, number_at_risk
from lib.survival.regression import CoxResult, cox


def landmark(patients, months, event, landmark_months):
    """Patients still followed at a landmark, with their time counted from it.

    Parameters
    ----------
    patients : pandas.DataFrame, shape (n_patients, ...)
        Any columns.
    months, event : str
        Columns of `patients` with the time (months) and the event flag.
    landmark_months : float
        The landmark, months from time zero, >= 0.

    Returns
    -------
    pandas.DataFrame
        Rows with follow-up beyond the landmark; `months` is reduced by it. May be empty.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719.
    """
    if landmark_months < 0:
        raise SurvivalDataError(f"The landmark is {landmark_months} months; it cannot lie before time zero.")
    check_survival(patients[months], patients[event])
    later = patients[patients[months] > landmark_months].copy()
    later[months] = later[months] - landmark_months
    return later


def counting_process(patients, months, event, known_months, becomes):
    """Split each patient's time where a status becomes known, for a time-dependent covariate.

    Parameters
    ----------
    patients : pandas.DataFrame
    months, event : str
        Columns with the time (months) and the event flag.
    known_months : array-like of float, shape (n_patients,)
        When the status becomes known; missing where it never does.
    becomes : array-like of bool, shape (n_patients,)
        The status from then on; before, everyone counts as False.

    Returns
    -------
    pandas.DataFrame
        One row a period: `patient_row`, `start`, `stop` (months), `event`, `status`.

    References
    ----------
    Therneau T, Crowson C, Atkinson E. Using time dependent covariates and time dependent coefficients in the Cox model
    (vignette of R package survival).
    """
    exit_months, died, _ = check_survival(patients[months], patients[event])
    exit_months = np.maximum(exit_months, 1e-9)  # an event at time zero happens just after it
    known = np.asarray(known_months, dtype=float)
    becomes = np.asarray(becomes, dtype=bool)
    splits = becomes & (known < exit_months)  # missing compares as False
    rows = np.arange(len(patients))
    cut = np.where(splits, np.maximum(known, 0.0), exit_months)
    before = pd.DataFrame({"patient_row": rows, "start": 0.0, "stop": cut, "event": died & ~splits, "status": False})
    after = pd.DataFrame({"patient_row": rows, "start": cut, "stop": exit_months, "event": died, "status": True})[splits]
    periods = pd.concat([before, after]).sort_values(["patient_row", "start"])
    return periods[periods.stop > periods.start].reset_index(drop=True)


def time_dependent_cox(patients, months, event, known_months, becomes, *, ties="breslow", conf_level=0.95) -> CoxResult:
    """Cox regression on a status that counts only from the day it is known; see `counting_process`."""
    periods = counting_process(patients, months, event, known_months, becomes)
    return cox(periods.stop, periods.event, periods.status, entry=periods.start, ties=ties, conf_level=conf_level)


def immortal_months(patients, months, known_months, becomes):
    """Months that the naive comparison credits to a status before it was known, summed over its patients."""
    credited = np.minimum(np.asarray(known_months, dtype=float), patients[months].to_numpy())
    return float(np.nansum(credited[np.asarray(becomes, dtype=bool)]))


def delayed_entry(patients, clock, time_zero="os_treatment_months"):
    """Months from a clock's time zero to first treatment: the patient could not have been observed before.

    Parameters
    ----------
    patients : pandas.DataFrame
    clock : str
        Survival from an earlier time zero, months.
    time_zero : str
        Survival from first treatment, months.

    Returns
    -------
    ndarray of float, shape (n_patients,)

    Raises
    ------
    SurvivalDataError
        If the earlier clock is the shorter one.
    """
    entry = (patients[clock] - patients[time_zero]).to_numpy()
    if n_wrong := int((entry < -1e-6).sum()):
        raise SurvivalDataError(f"`{clock}` is shorter than `{time_zero}` for {n_wrong} patients.")
    return np.maximum(entry, 0.0)


def first_reliable_month(exit_months, entry_months, at_least):
    """Earliest time from which the delayed-entry risk set holds `at_least` patients; None if it never does.

    With delayed entry the first risk sets are tiny, and one early death can take the curve to 0 for good. The curve
    is therefore drawn for those who reach this time (conditional survival; R's ``start.time``).
    """
    starts = np.unique(entry_months)
    enough = number_at_risk(starts + 1e-9, exit_months, entry_months) >= at_least
    return float(starts[enough.argmax()]) if enough.any() else None


def conditional_on(months, event, entry, start_months):
    """Patients followed beyond `start_months`, entering no earlier: arrays `months, event, entry`, times still from zero."""
    stays = months > start_months
    return months[stays], event[stays], np.maximum(entry[stays], start_months)


def entry_dependence(months, event, entry, *, ties="breslow"):
    """Does the time of entry predict survival? Cox regression on entry time, itself with delayed entry.

    A delayed-entry curve assumes that it does not (quasi-independence). Small P: the assumption fails.

    References
    ----------
    Keiding N. Independent delayed entry. In: Survival Analysis: State of the Art, 1992. Mackenzie T. Lifetime Data Anal 2012;18:364-380.
    """
    return cox(months, event, entry, entry=entry, ties=ties)


def months_to_switch(patients, treatments):
    """Months from first treatment to the first session with another kind of treatment; missing where there is none.

    Parameters
    ----------
    patients, treatments : pandas.DataFrame
        As in the contract; day 0 is the first treatment.

    Returns
    -------
    ndarray of float, shape (n_patients,)
    """
    if treatments is None:
        return np.full(len(patients), np.nan)
    first = looked_up(treatments.patient, patients.set_index("patient").first_treatment)
    days = treatments[treatments.treatment.astype(object) != first].groupby("patient", observed=True).day.min()
    return lined_up(days, patients.patient).to_numpy() / DAYS_PER_MONTH


def censor_at_switch(months, event, switch_months):
    """Times and events with follow-up ended at the switch of treatment, where there was one."""
    months, event, _ = check_survival(months, event)
    switched = np.nan_to_num(switch_months, nan=np.inf) < months
    return np.where(switched, switch_months, months), event & ~switched


def naive_landmark_time_dependent(patients, grouping, landmark_months, *, ties="breslow", conf_level=0.95):
    """Three answers to one question about a status that becomes known after treatment.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `os_treatment_months` and `died`.
    grouping : lib.survival.groups.Grouping
        With `known_months`.
    landmark_months : float

    Returns
    -------
    dict
        "from treatment" (the naive comparison), "from the landmark" and "time-dependent": each a dict with `n`, `n_events`,
        `medians` (first and second level, months; empty for the last), `fit` (CoxResult, second level against first) and
        `p_value` (log-rank, and Wald for the last).
    """
    known = patients[grouping.known].assign(
        member=(grouping.labels[grouping.known] == list(grouping.levels)[1]).to_numpy(),
        known_months=grouping.known_months[grouping.known])
    later = landmark(known, "os_treatment_months", "died", landmark_months)
    fit = time_dependent_cox(known, "os_treatment_months", "died", known.known_months, known.member, ties=ties,
                             conf_level=conf_level)
    return {"from treatment": _answer(known, ties, conf_level), "from the landmark": _answer(later, ties, conf_level),
            "time-dependent": {"n": len(known), "n_events": int(known.died.sum()), "medians": [], "fit": fit,
                               "p_value": fit.wald_p}}


def _answer(rows, ties, conf_level):
    answer = {"n": len(rows), "n_events": int(rows.died.sum()), "medians": [], "fit": None, "p_value": None}
    if not len(rows):
        return answer
    survival = rows.os_treatment_months, rows.died
    medians = [median_survival(kaplan_meier(side.os_treatment_months, side.died)).value for _, side in rows.groupby("member")]
    return answer | {"medians": medians, "p_value": logrank(*survival, rows.member).p_value,
                     "fit": cox(*survival, rows.member, ties=ties, conf_level=conf_level)}


def naive_and_delayed(patients, clock, smallest_risk_set, *, ties="breslow", conf_level=0.95):
    """Survival from an earlier time zero, naively and with delayed entry at first treatment.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `os_treatment_months` and `died`.
    clock : str
        Survival from the earlier time zero, months.
    smallest_risk_set : int
        The delayed-entry curve starts where it has this many patients at risk.

    Returns
    -------
    dict
        `naive` and `delayed` (Curve; the latter None if the risk set never gets that large), `start_months` and `n` of the delayed
        curve, and `dependence` (CoxResult of entry on survival).
    """
    patients = patients[patients[clock].notna()]
    entry = delayed_entry(patients, clock)
    months, died = patients[clock].to_numpy(), patients.died.to_numpy()
    start = first_reliable_month(months, entry, smallest_risk_set)
    result = {"naive": kaplan_meier(months, died, conf_level=conf_level), "delayed": None, "start_months": start, "n": 0,
              "dependence": entry_dependence(months, died, entry, ties=ties)}
    if start is None:
        return result
    months, died, entry = conditional_on(months, died, entry, start)
    return result | {"delayed": kaplan_meier(months, died, entry=entry, conf_level=conf_level), "n": len(months)}
