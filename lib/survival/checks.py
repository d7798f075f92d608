"""What survival times must satisfy before anything is estimated from them."""

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH, LONGEST_PLAUSIBLE_MONTHS
from lib.refusal import Refusal


MOST_IN_SMALL_SAMPLE = 2000
"""Patients up to which resampling, Firth's regression and leaving each patient out are computed."""


def for_large_samples(n_patients):
    """Say why a tool for small samples is left out; an empty string up to `MOST_IN_SMALL_SAMPLE` patients."""
    if n_patients <= MOST_IN_SMALL_SAMPLE:
        return ""
    return f"left out above {MOST_IN_SMALL_SAMPLE:,} patients, where formulae for large samples serve"


class SurvivalDataError(Refusal, ValueError):
    """Survival data that cannot be analysed; the message says what is wrong and what to do."""


def check_survival(months, event, entry=None):
    """Validate survival times and return them as arrays.

    Parameters
    ----------
    months : array-like of float, shape (n_patients,)
        Time from time zero to the event or to last contact, in months, >= 0 and finite.
    event : array-like of bool, shape (n_patients,)
        True for an event, False for censoring (the reverse of CDISC ``CNSR``).
    entry : array-like of float, shape (n_patients,), optional
        Delayed entry: months from time zero to the start of observation, below `months`.

    Returns
    -------
    tuple of ndarray
        `months` as float, `event` as bool and `entry` as float (None where not given).

    Raises
    ------
    SurvivalDataError
        On unequal lengths, no patients, missing, infinite or negative times, times that look like
        days, an event that is not boolean, or an entry that is not before the exit.
    """
    months = _as_floats(months)
    event = _as_flags(event)
    if len(months) != len(event):
        raise SurvivalDataError(
            f"{len(months)} survival times but {len(event)} event flags: each patient needs both."
        )
    if len(months) == 0:
        raise SurvivalDataError("No patients: a survival curve needs at least one.")
    _refuse_rows(~np.isfinite(months), "a missing or infinite survival time", months)
    _refuse_rows(months < 0, "a negative survival time", months)
    _refuse_days(months)
    if entry is None:
        return months, event, None
    return months, event, _check_entry(months, entry)


def check_groups(group, n_patients):
    """Return the group labels as an array of objects; refuse missing ones.

    Raises
    ------
    SurvivalDataError
        On a length other than `n_patients`, or a missing label (its row is named).
    """
    group = pd.Series(group).reset_index(drop=True)
    if len(group) != n_patients:
        raise SurvivalDataError(f"{n_patients} patients but {len(group)} group labels.")
    _refuse_rows(group.isna().to_numpy(), "a missing group label", group.to_numpy())
    return group.to_numpy(dtype=object)


def check_clocks(patients, clocks):
    """Refuse clocks that do not nest, and say so when one of them looks like days.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient.
    clocks : sequence of str
        Columns in months, the earliest time zero first: each time must be at least the next one.
    """
    for outer, inner in zip(clocks, clocks[1:]):
        wrong = patients[inner] > patients[outer] + 1e-6
        if not wrong.any():
            continue
        ratio = (patients[inner] / patients[outer]).median()
        days = f" Their median ratio is {ratio:.1f}: `{inner}` looks like days; divide it by {DAYS_PER_MONTH}."
        first = patients.index[wrong][0]
        name = patients.loc[first].get("patient", f"row {first}")
        raise SurvivalDataError(
            f"patients: `{inner}` exceeds `{outer}` for {wrong.sum()} of {len(patients)}, first {name} "
            f"({patients.loc[first, inner]:g} against {patients.loc[first, outer]:g})."
            + (days if 10 < ratio < 100 else " Correct the dates behind these clocks.")
        )


def _as_floats(numbers):
    if isinstance(numbers, np.ndarray) and numbers.dtype == float:  # nothing to be converted, which in a registry takes long
        return numbers.copy()
    if isinstance(numbers, pd.Series) and numbers.dtype == float:
        return numbers.to_numpy(copy=True)
    return np.asarray(pd.array(numbers, dtype="Float64").to_numpy(float, na_value=np.nan))


def _as_flags(event):
    if isinstance(event, np.ndarray) and event.dtype == bool:
        return event.copy()
    flags = pd.Series(event).reset_index(drop=True)
    _refuse_rows(flags.isna().to_numpy(), "a missing event flag", flags.to_numpy())
    values = set(flags.unique().tolist())
    if not values <= {True, False} or any(not isinstance(v, (bool, np.bool_)) for v in values):
        raise SurvivalDataError(
            f"The event flag holds {sorted(map(str, values))[:4]}; it must be true (event) or false "
            "(censored). A CDISC CNSR column is the reverse: use CNSR == 0."
        )
    return flags.to_numpy(dtype=bool)


def _check_entry(months, entry):
    entry = np.asarray(entry, dtype=float)
    if len(entry) != len(months):
        raise SurvivalDataError(f"{len(months)} survival times but {len(entry)} entry times.")
    _refuse_rows(~np.isfinite(entry), "a missing or infinite entry time", entry)
    _refuse_rows(entry >= months, "an entry that is not before the end of follow-up", entry)
    return entry


def _refuse_days(months):
    longest = months.max()
    if longest > LONGEST_PLAUSIBLE_MONTHS:
        raise SurvivalDataError(
            f"The longest time is {longest:g} months, {longest / 12:.0f} years: these look like days. "
            f"Divide by {DAYS_PER_MONTH} ({longest:g} days are {longest / DAYS_PER_MONTH:.1f} months)."
        )


def _refuse_rows(wrong, what, values):
    if wrong.any():
        rows = np.flatnonzero(wrong)
        raise SurvivalDataError(
            f"{len(rows)} of {len(wrong)} patients have {what}, first at position {rows[0] + 1} "
            f"(value {values[rows[0]]}): correct it or leave the patient out explicitly."
        )
