"""Which follow-up visit is meant where a cohort names its visits in its own way."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from lib.cohort import DAYS_PER_MONTH, Cohort
from lib.narrative import plain

BASELINE, MONTH_3 = "baseline", "month_3"
MEANT_MONTHS = 3.0


def visit_meant(table: pd.DataFrame | None, asked: str = MONTH_3) -> str:
    """The follow-up visit that stands for the one asked for.

    Parameters
    ----------
    table : DataFrame or None
        Laboratory values or lesions, with ``visit`` and perhaps ``visit_day``.
    asked : str
        Name of the visit.

    Returns
    -------
    str
        ``asked`` where the table has it, or has no follow-up visit at all; else the visit whose median day lies
        nearest to three months, or the first one listed where no day is recorded.
    """
    if table is None:
        return asked
    is_later = table["visit"] != BASELINE
    if not is_later.any() or asked in table["visit"][is_later].unique():
        return asked
    later = table[is_later]
    if "visit_day" in later and later["visit_day"].notna().any():
        days = later.groupby("visit", sort=False, observed=True)["visit_day"].median().dropna()
        return str((days - MEANT_MONTHS * DAYS_PER_MONTH).abs().idxmin())
    return str(later["visit"].iloc[0])


def stands_in(asked: str, meant: str) -> str:
    """One sentence where another visit than the one asked for is used; empty where it is the same."""
    if asked == meant:
        return ""
    return (f"No visit is named {plain(asked)}: **{plain(meant)}**, the follow-up visit nearest to three months, stands for it.")


def _renamed(visits: pd.Series, meant: str) -> pd.Series:
    if isinstance(visits.dtype, pd.CategoricalDtype):
        return visits.cat.remove_unused_categories().cat.rename_categories({meant: MONTH_3})
    return visits.replace({meant: MONTH_3})


def with_month_3(study: Cohort) -> tuple[Cohort, str]:
    """The cohort with the visits nearest to three months named ``month_3``, and one sentence on each renamed.

    Parameters
    ----------
    study : Cohort

    Returns
    -------
    study : Cohort
    told : str
        Empty where nothing is renamed.
    """
    renamed, told = {}, []
    for name in ("labs", "lesions"):
        table = getattr(study, name)
        meant = visit_meant(table)
        if meant != MONTH_3:
            renamed[name] = table.assign(visit=_renamed(table["visit"], meant))
            told.append(stands_in(MONTH_3, meant))
    return replace(study, **renamed), " ".join(dict.fromkeys(told))
