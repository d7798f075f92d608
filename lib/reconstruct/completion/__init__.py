"""Complete a survival skeleton to a whole cohort: everything the survival figures leave open.

A skeleton holds, per patient, the clocks, the events and the groups that the survival figures tie together.
The completion adds what the other printed counts, means and cross-tables demand, and what a
clinician expects beside them; all of it is invented.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.reconstruct.completion.assignment import assign_treatment_and_response
from lib.reconstruct.completion.demographics import draw_demographics
from lib.reconstruct.completion.events import draw_adverse_events
from lib.reconstruct.completion.imaging import draw_lesion_counts, draw_lesions
from lib.reconstruct.completion.labs import draw_labs
from lib.reconstruct.completion.printed import CompletionError, PrintedFigures
from lib.reconstruct.completion.sessions import draw_sessions
from lib.reconstruct.completion.visits import visit_days

__all__ = ["CompletionError", "complete"]

SKELETON_COLUMNS = (
    "os_treatment_months", "os_liver_metastasis_months", "os_diagnosis_months", "died", "liver_pfs_months",
    "liver_progressed", "extrahepatic_disease", "meld_increased", "early_treatment", "mrecist_responder",
    "mrecist_pd_month_3")
PATIENT_COLUMNS = [
    "patient", "age_years", "sex", "ecog", "primary_site", "prior_chemotherapy", "extrahepatic_disease",
    "lobar_disease", "n_liver_lesions", "first_treatment", "os_diagnosis_months",
    "os_liver_metastasis_months", "os_treatment_months", "died", "liver_pfs_months", "liver_progressed",
    "second_treatment", "prior_hepatic_metastasectomy", "anticoagulated", "censoring_reason"]


def complete(skeleton: pd.DataFrame, ledger: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """Fill in all tables of a cohort from its survival skeleton and the ledger.

    Parameters
    ----------
    skeleton : DataFrame, shape (n_patients, n_columns)
        One row per patient with ``SKELETON_COLUMNS``; times in months, the rest boolean.
    ledger : DataFrame
        From ``lib.published.read_ledger``.
    seed : int
        The same skeleton, ledger and seed give the same tables.

    Returns
    -------
    dict of str to DataFrame
        ``patients, treatments, labs, lesions, adverse_events`` in the contract of ``lib.contract``.

    Raises
    ------
    CompletionError
        If the skeleton lacks a column or a patient count, or cannot meet the ledger's figures.
    """
    printed = PrintedFigures(ledger)
    _check(skeleton, printed)
    streams = iter(np.random.default_rng(seed).spawn(8))
    patients = _named(skeleton, next(streams))
    patients["visit_day"] = visit_days(patients, printed, next(streams))
    patients = patients.join(assign_treatment_and_response(patients, printed, next(streams)))
    patients = patients.join(draw_demographics(patients, printed, next(streams)))
    patients["lobar_disease"] = np.where(patients.solitary, "unilobar", "bilobar")
    patients["n_liver_lesions"] = draw_lesion_counts(patients, printed, next(streams))
    treatments = draw_sessions(patients, printed, next(streams))
    return {
        "patients": patients[PATIENT_COLUMNS],
        "treatments": treatments,
        "labs": draw_labs(patients, printed, next(streams)),
        "lesions": draw_lesions(patients, printed, rng := next(streams)),
        "adverse_events": draw_adverse_events(patients, treatments, printed, rng),
    }


def _check(skeleton: pd.DataFrame, printed: PrintedFigures) -> None:
    missing = [column for column in SKELETON_COLUMNS if column not in skeleton]
    if missing:
        raise CompletionError(f"The skeleton lacks the column {missing[0]}; it needs "
                              f"{', '.join(SKELETON_COLUMNS)}.")
    if len(skeleton) != (n := printed.count("cohort.n")):
        raise CompletionError(f"The skeleton holds {len(skeleton)} patients, the ledger {n}; "
                              "search again with this ledger.")
    unilobar = printed.count("lobar_disease.unilobar.count")
    if unilobar != (solitary := printed.count("hepatic_lesions.solitary.count")):
        raise CompletionError(f"The ledger prints {unilobar} unilobar and {solitary} solitary patients; the "
                              "completion takes them for the same patients and needs equal counts.")


def _named(skeleton: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Patients in an order that says nothing about survival, labelled P01 and on."""
    patients = skeleton.sample(frac=1, random_state=rng).reset_index(drop=True)
    patients.insert(0, "patient", [f"P{number:02d}" for number in range(1, len(patients) + 1)])
    return patients
