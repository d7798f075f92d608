"""Clinical adverse events in the first three months, by CTCAE term and grade."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.reconstruct.completion.printed import CompletionError, PrintedFigures

# term: (share of patients, share of grade 2 among them, latest onset after a session in days)
TERMS = {
    "nausea": (0.75, 0.15, 3), "right upper quadrant pain": (0.65, 0.2, 4), "fatigue": (0.7, 0.2, 14),
    "epigastric pain": (0.3, 0.15, 5), "anorexia": (0.25, 0.1, 14), "vomiting": (0.2, 0.2, 3), "fever": (0.15, 0.0, 4),
}
MOST_HAVE = (("nausea",), ("right upper quadrant pain", "epigastric pain"), ("fatigue",))
"""Complaints that the paper says most patients had, alternatives in one bracket."""
DRAWS = 500
COLUMNS = ["patient", "term", "grade", "onset_day", "relation", "hospital_days"]


def draw_adverse_events(patients: pd.DataFrame, sessions: pd.DataFrame, printed: PrintedFigures,
                        rng: np.random.Generator) -> pd.DataFrame:
    """The table of clinical adverse events.

    Parameters
    ----------
    patients : DataFrame, shape (n_patients, n_columns)
        ``patient, visit_day, first_treatment``.
    sessions : DataFrame
        From `draw_sessions`.
    printed : PrintedFigures
        ``clinical_toxicity.*``, ``cholecystitis.*``, ``postembolization_syndrome.*``.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        Columns as in ``COLUMNS``, sorted by patient, onset and term.
    """
    n_mild = printed.count("clinical_toxicity.grade_1_2.count")
    if n_mild > len(patients):
        raise CompletionError(f"The ledger counts {n_mild} patients with clinical toxicity of {len(patients)}.")
    affected = set(rng.permutation(patients.patient)[:n_mild])
    days = sessions[sessions.treatment == sessions.patient.map(
        patients.set_index("patient").first_treatment)].groupby("patient").day.apply(list)
    rows = _mild_in_most([row for row in patients.itertuples() if row.patient in affected], len(patients), days, rng)
    rows += _named(patients[patients.patient.isin(affected)], days, printed, rng)
    events = pd.DataFrame(rows, columns=COLUMNS)
    events["hospital_days"] = events.hospital_days.astype("Int64")
    return events.sort_values(["patient", "onset_day", "term"], ignore_index=True)


def _mild_in_most(affected: list, n: int, days: pd.Series, rng: np.random.Generator) -> list[tuple]:
    """Grade 1 or 2 events of the affected, each leading complaint in more than half of all ``n`` patients."""
    for _ in range(DRAWS):
        rows = [row for patient in affected for row in _mild(patient, days[patient.patient], rng)]
        if all(2 * len({row[0] for row in rows if row[1] in terms}) > n for terms in MOST_HAVE):
            return rows
    raise CompletionError(f"With {len(affected)} of {n} patients affected no complaint is that of most; check "
                          "clinical_toxicity.grade_1_2.count in the ledger.")


def _mild(patient, days: list[int], rng: np.random.Generator) -> list[tuple]:
    """Grade 1 or 2 events of one patient, at least one."""
    able = [term for term in TERMS if patient.first_treatment != "ablation" or term != "vomiting"]
    drawn = [term for term in able if rng.random() < TERMS[term][0]] or ["fatigue"]
    rows = []
    for term in drawn:
        _, share_of_grade_2, latest = TERMS[term]
        session = int(rng.choice([day for day in days if day + latest < patient.visit_day]))
        relation = "possibly" if term in ("fatigue", "anorexia") else "related"
        rows.append((patient.patient, term, 1 + int(rng.random() < share_of_grade_2),
                     session + int(rng.integers(0, latest + 1)), relation, 0))
    return rows


def _named(patients: pd.DataFrame, days: pd.Series, printed: PrintedFigures,
           rng: np.random.Generator) -> list[tuple]:
    """The events the ledger names: acute cholecystitis and post-embolization syndrome."""
    embolised = patients[patients.first_treatment != "ablation"]
    by_beads = patients[patients.first_treatment == "DEB-TACE"].patient
    grade = printed.count("postembolization_syndrome.grade")
    n_syndromes = printed.count(f"postembolization_syndrome.grade_{grade}.count")
    with_syndrome = rng.permutation(by_beads)[:n_syndromes]
    stay = printed.count("postembolization_syndrome.hospital_days")
    rows = [(name, "postembolization syndrome", grade, int(rng.integers(1, 3)), "related", stay)
            for name in with_syndrome]
    grade = printed.count("cholecystitis.grade")
    # a report each, in different patients
    others = rng.permutation(embolised.patient[~embolised.patient.isin(with_syndrome)])
    rows += [(name, "acute cholecystitis", grade, int(days[name][0] + rng.integers(4, 21)), "related", 0)
             for name in others[:printed.count(f"cholecystitis.grade_{grade}.count")]]
    return rows
