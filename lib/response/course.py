"""From categories at visits to one category a patient: the landmark visit, and the best of the whole course."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from lib.cohort_files import lined_up
from lib.response.criteria import CATEGORIES, NON_CR_NON_PD, RECIST, Criterion, ResponseError, assess

LANDMARK_VISIT = "month_3"
RESPONSES = ("CR", "PR")
MINIMUM_STABLE_DAYS = 42
"""Six weeks: RECIST 1.1 leaves the shortest stable disease to the protocol and names six to eight weeks."""
CONFIRMATION_DAYS = 28
OUTSIDE_LIVER = replace(RECIST, name="RECIST outside the liver", compartment="extrahepatic")


def visit_response(assessments: pd.DataFrame, patients=None, visit: str = LANDMARK_VISIT) -> pd.Series:
    """Category of each patient at one visit.

    Parameters
    ----------
    assessments : DataFrame
        From `assess`.
    patients : sequence of str, optional
        All patients to report, in order; those without the visit are "NE". Default: those assessed.
    visit : str

    Returns
    -------
    Series of str, indexed by patient, named "response"

    Raises
    ------
    ResponseError
        If other follow-up visits exist but none has this name: a misspelt visit is not missing data.
    """
    named = assessments[assessments.visit.eq(visit)]
    if named.empty and len(assessments):
        known = ", ".join(sorted(assessments.visit.unique()))
        raise ResponseError(f"lesions: no follow-up visit is named '{visit}'; there are {known}: name one of these.")
    patients = pd.unique(assessments.patient) if patients is None else list(patients)
    response = lined_up(named.set_index("patient").response, pd.Index(patients, name="patient"))
    return response.astype(object).where(response.notna(), "NE").rename("response")


def month_3_response(lesions: pd.DataFrame, criterion: str | Criterion, patients=None, visit: str = LANDMARK_VISIT,
                     targets: str = "recorded") -> pd.Series:
    """Category of each patient at the landmark visit, straight from lesions.

    Parameters
    ----------
    lesions : DataFrame
        As `assess` takes them.
    criterion : {"RECIST", "mRECIST"} or Criterion
    patients : sequence of str, optional
        All patients to report; those without the visit are "NE". Default: all patients with lesions.
    visit : str
    targets : {"recorded", "largest"}

    Returns
    -------
    Series of str, indexed by patient
        CR, PR, SD, non-CR/non-PD, PD or NE; `is_responder` turns it into responders.

    Raises
    ------
    ResponseError
        As `assess` and `visit_response`.
    """
    patients = pd.unique(lesions.patient) if patients is None else patients
    return visit_response(assess(lesions, criterion, targets), patients, visit)


def is_responder(response: pd.Series) -> pd.Series:
    """Whether each category is an objective response.

    Parameters
    ----------
    response : Series of str
        Categories.

    Returns
    -------
    Series of boolean (nullable)
        True for CR and PR, False for the others, missing for NE: not evaluable is not "did not respond".
    """
    return response.isin(RESPONSES).astype("boolean").mask(response.eq("NE")).rename("responder")


def extrahepatic_progression(lesions: pd.DataFrame, patients=None, visit: str = LANDMARK_VISIT,
                             targets: str = "recorded") -> pd.Series:
    """Whether disease outside the liver, judged alone by RECIST 1.1, had progressed at a visit.

    Parameters
    ----------
    lesions, patients, visit, targets
        As in `month_3_response`.

    Returns
    -------
    Series of bool, indexed by patient
    """
    patients = pd.unique(lesions.patient) if patients is None else patients
    concerned = lesions[lesions.patient.isin(lesions.patient[lesions.extrahepatic.eq(True)])]
    if visit not in concerned.visit.unique():
        concerned = lesions  # among all visits it is seen whether that is a visit's name
    return month_3_response(concerned, OUTSIDE_LIVER, patients, visit, targets).eq("PD").rename("extrahepatic_progression")


def best_overall_response(assessments: pd.DataFrame, patients=None, confirm: bool = False,
                          minimum_stable_days: float = MINIMUM_STABLE_DAYS,
                          confirmation_days: float = CONFIRMATION_DAYS) -> pd.Series:
    """Best category from the start of treatment to first progression.

    Parameters
    ----------
    assessments : DataFrame
        From `assess`, with ``visit_day`` counted from first treatment.
    patients : sequence of str, optional
        All patients to report; those never assessed are "NE".
    confirm : bool
        Whether CR and PR count only when a later visit confirms them (RECIST 1.1 Table 3: needed where
        response is the primary endpoint of a non-randomised study).
    minimum_stable_days, confirmation_days : float
        Earliest day of a stable disease; least distance of a confirming visit. At most one visit not
        evaluable may lie between a response and its confirmation.

    Returns
    -------
    Series of str, indexed by patient, named "best_overall_response"

    Raises
    ------
    ResponseError
        If a day is missing: neither duration can then be judged.

    Notes
    -----
    The rules for windows and confirmation are those of R's admiralonco (``derive_param_bor``,
    ``derive_param_confirmed_bor``); a response not confirmed counts as stable disease if late enough.
    """
    undated = assessments[assessments.visit_day.isna()]
    if len(undated):
        row = undated.iloc[0]
        raise ResponseError(f"lesions: visit {row.visit} of {row.patient} has no visit_day; best overall response needs it "
                            "to judge how long disease was stable: give the day or use the landmark visit.")
    patients = pd.unique(assessments.patient) if patients is None else list(patients)
    ordered = assessments.sort_values(["patient", "visit_day"])
    confirmation = confirmation_days if confirm else None
    starts = np.flatnonzero(np.diff(pd.factorize(ordered.patient)[0], prepend=-1))
    lengths = np.diff(starts, append=len(ordered))
    (day, days), (category, categories) = pd.factorize(ordered.visit_day), pd.factorize(ordered.response)
    visit = day * len(categories) + category
    course = visit[starts]  # many patients share one course, which is judged once
    for later in range(1, lengths.max(initial=0)):
        longer = np.flatnonzero(lengths > later)
        course[longer] = course.max() + 1 + pd.factorize(course[longer] * len(days) * len(categories) + visit[starts[longer] + later])[0]
    _, first, which = np.unique(course, return_index=True, return_inverse=True)
    judged = [_best(tuple(zip(days[day[start:end]].tolist(), categories[category[start:end]])), minimum_stable_days, confirmation)
              for start, end in zip(starts[first], starts[first] + lengths[first])]
    best = pd.Series(np.array(judged, object)[which], ordered.patient.iloc[starts], name="best_overall_response")
    best = lined_up(best, pd.Index(patients, name="patient"))
    return best.where(best.notna(), "NE")


def _best(course: tuple[tuple[float, str], ...], minimum_stable_days: float, confirmation_days: float | None) -> str:
    """Best category of one patient's dated visits, those after first progression left out."""
    categories = [category for _, category in course]
    if "PD" in categories:
        course = course[:categories.index("PD") + 1]
    return min((_credited(course, i, minimum_stable_days, confirmation_days) for i in range(len(course))),
               key=CATEGORIES.index, default="NE")


def _credited(course, i: int, minimum_stable_days: float, confirmation_days: float | None) -> str:
    """What one visit contributes to the best overall response."""
    day, category = course[i]
    if category in ("PD", "NE"):
        return category
    if category in RESPONSES and (confirmation_days is None or _confirmed(course, i, confirmation_days)):
        return category
    if day < minimum_stable_days:
        return "NE"
    return NON_CR_NON_PD if category == NON_CR_NON_PD else "SD"


def _confirmed(course, i: int, confirmation_days: float) -> bool:
    """Whether a later visit confirms the response at visit i with nothing contrary in between."""
    day, category = course[i]
    confirming = {"CR": {"CR"}, "PR": {"CR", "PR"}}[category]
    not_evaluable = 0
    for later_day, later in course[i + 1:]:
        if later in confirming and later_day >= day + confirmation_days:
            return True
        # after a complete response a partial one is disease come back, which confirms nothing
        confirming = {"CR"} if later == "CR" else confirming
        if later == "NE":
            not_evaluable += 1
        elif later not in confirming:
            return False
        if not_evaluable > 1:
            return False
    return False
