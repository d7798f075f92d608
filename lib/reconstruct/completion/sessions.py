"""Treatment sessions: what was given when, to which lobe, within the protocol."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.reconstruct.completion.printed import PrintedFigures
from lib.reconstruct.completion.visits import DAYS_PER_MONTH, second_treatment_day

COLUMNS = ["patient", "session", "day", "treatment", "lobe", "approach", "bead_size_um",
           "doxorubicin_mg", "bead_volume_ml", "needle_gauge", "margin_mm"]


def draw_sessions(patients: pd.DataFrame, printed: PrintedFigures,
                  rng: np.random.Generator) -> pd.DataFrame:
    """The table of sessions: one for unilobar disease, one per lobe for bilobar disease.

    Lobes are treated five to seven weeks apart, whatever the treatment; a patient whose follow-up ends
    before the second lobe has one session.

    Parameters
    ----------
    patients : DataFrame, shape (n_patients, n_columns)
        Skeleton with ``patient, visit_day, lobar_disease, n_liver_lesions, first_treatment,
        second_treatment``.
    printed : PrintedFigures
        ``protocol.*``.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        Columns as in ``COLUMNS``; blank where a column does not apply to the treatment.
    """
    rows = []
    for patient in patients.itertuples():
        courses = [(patient.first_treatment, 0)]
        if patient.second_treatment:
            courses.append((patient.second_treatment, second_treatment_day(patient)))
        number = 0
        for treatment, start in courses:
            for day, lobe, n_lesions in _course(patient, start, printed, rng):
                number += 1
                rows.append({"patient": patient.patient, "session": number, "day": day,
                             "treatment": treatment, "lobe": lobe}
                            | _given(treatment, n_lesions, printed, rng))
    return pd.DataFrame(rows, columns=COLUMNS)


def _course(patient, start: int, printed: PrintedFigures,
            rng: np.random.Generator) -> list[tuple[int, str, int]]:
    """(day, lobe, lesions in that lobe) of each session of one course."""
    # the right lobe is the larger one and more often diseased
    lobes = ["right", "left"] if rng.random() < 0.7 else ["left", "right"]
    if patient.lobar_disease == "unilobar":
        return [(start, lobes[0], patient.n_liver_lesions)]
    interval = (printed.value("protocol.deb_tace.interval.lower"),
                printed.value("protocol.deb_tace.interval.upper"))
    later = start + int(rng.integers(round(7 * interval[0]), round(7 * interval[1]) + 1))
    in_second = max(1, patient.n_liver_lesions // 3)
    course = [(start, lobes[0], patient.n_liver_lesions - in_second)]
    if later <= patient.os_treatment_months * DAYS_PER_MONTH:
        course.append((later, lobes[1], in_second))
    return course


def _given(treatment: str, n_lesions: int, printed: PrintedFigures,
           rng: np.random.Generator) -> dict:
    """What one session consisted of."""
    if treatment == "ablation":
        margin = printed.value("protocol.ablation.margin.min")
        return {"needle_gauge": round(printed.value("protocol.ablation.needle")),
                "margin_mm": int(rng.integers(margin, margin + 6))}
    approach = "selective" if n_lesions == 1 else "lobar"
    if treatment != "DEB-TACE":
        return {"approach": approach}
    bead = str(rng.choice(["bead_small", "bead_large"]))
    size = [round(printed.value(f"protocol.deb_tace.{bead}.{end}")) for end in ("lower", "upper")]
    most = printed.value("protocol.deb_tace.bead_volume.max")
    volume = float(rng.choice([0.5, 0.75] if approach == "selective" else [0.75, 1.0])) * most
    per_ml = (printed.value("protocol.deb_tace.doxorubicin_loaded")
              / printed.value("protocol.deb_tace.doxorubicin_loaded_volume"))
    return {"approach": approach, "bead_size_um": f"{size[0]}-{size[1]}",
            "doxorubicin_mg": round(volume * per_ml), "bead_volume_ml": volume}
