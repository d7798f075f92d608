"""The data sets of the survival oracle: published ones, awkward ones, and the reference cohort.

``python tests/oracles/survival_input.py`` rewrites ``survival_input.csv``; then run ``survival.R`` on it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
COLUMNS = ["dataset", "patient", "months", "event", "entry", "group", "x", "kind"]


def _frame(dataset, months, event, **more):
    return pd.DataFrame({"dataset": dataset, "patient": range(1, len(months) + 1), "months": months,
                         "event": np.asarray(event, dtype=int), **more}).reindex(columns=COLUMNS)


def freireich():
    """Remission in weeks, 6-MP (group 1) against placebo. Freireich et al., Blood 1963;21:699-716."""
    treated = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    # log10 of the white cell count, thousands: Kleinbaum and Klein, Survival Analysis, appendix
    log_cells = [2.31, 4.06, 3.28, 4.43, 2.96, 2.88, 3.60, 2.32, 2.57, 3.20, 2.80, 2.70, 2.60, 2.16, 2.05, 2.01, 1.78, 2.20,
                 2.53, 1.47, 1.45, 2.80, 5.00, 4.91, 4.48, 4.01, 4.36, 2.42, 3.49, 3.97, 3.52, 3.05, 2.32, 3.26, 3.49, 2.12,
                 1.50, 3.06, 2.30, 2.95, 2.73, 1.97]
    event = [1] * 9 + [0] * 12 + [1] * 21
    return _frame("freireich", treated + placebo, event, group=[1] * 21 + [0] * 21, x=log_cells)


def aml():
    """Acute myelogenous leukaemia, weeks; maintained chemotherapy is group 1. Miller, Survival Analysis, 1997."""
    months = [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161, 5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45]
    event = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    entry = [2, 0, 5, 7, 1, 12, 3, 0, 20, 6, 30, 0, 1, 2, 3, 0, 4, 6, 8, 2, 10, 0, 7]  # invented
    kinds = np.where(np.array(event) == 0, "censored", np.where(np.arange(23) % 3 == 0, "death", "progression"))
    return _frame("aml", months, event, group=[1] * 11 + [0] * 12, entry=entry, kind=kinds)


def ovarian():
    """Ovarian cancer trial, 26 patients, days turned into months. Edmunson et al. 1979 (data set of R's survival)."""
    import greenwood

    data = greenwood.load_dataset("ovarian", backend="pandas")
    entry = (data.futime / 30.4375 * np.linspace(0, 0.6, len(data))).round(3)  # invented
    kind = np.where(data.fustat == 0, "censored", np.where(data["ecog.ps"] == 1, "progression", "death"))
    return _frame("ovarian", (data.futime / 30.4375).round(6), data.fustat, group=data.rx - 1, x=data.age, entry=entry, kind=kind)


def awkward():
    """Curves at the edges: nothing censored, survival of exactly one half, ties everywhere, one patient, no event."""
    return pd.concat([
        _frame("uncensored", range(1, 25), [1] * 24),
        _frame("half", [2, 4, 6, 9, 11, 13], [1, 1, 1, 0, 1, 1]),
        _frame("half_then_censored", [1, 2, 3, 4], [1, 1, 0, 0]),
        _frame("thirds", [1, 2, 3, 4, 5, 6, 7], [1, 0, 1, 0, 1, 1, 0]),
        _frame("ties", [2, 2, 2, 5, 5, 5, 5, 9, 9, 9, 12, 12], [1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1],
               group=[0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1], x=[3.1, 5.2, 2.2, 4.8, 4.1, 3.9, 2.5, 4.4, 2.0, 1.8, 3.0, 3.3]),
        _frame("one_dead", [5], [1]), _frame("one_alive", [5], [0]), _frame("nobody_died", [4, 8, 15], [0, 0, 0]),
    ])


def reference():
    """The four clocks and the four groupings of the reference cohort, as the survival chapter derives them."""
    from lib.cohort import read_cohort
    from lib.survival import groupings
    from lib.survival.clocks import delayed_entry
    from lib.survival.competing import event_kind

    study = read_cohort("reference")
    patients = study.patients
    pieces = [
        _frame("reference.os_diagnosis", patients.os_diagnosis_months, patients.died,
               entry=delayed_entry(patients, "os_diagnosis_months")),
        _frame("reference.os_liver_metastasis", patients.os_liver_metastasis_months, patients.died,
               entry=delayed_entry(patients, "os_liver_metastasis_months")),
        _frame("reference.os_treatment", patients.os_treatment_months, patients.died, x=patients.age_years),
        _frame("reference.liver_pfs", patients.liver_pfs_months, patients.liver_progressed, kind=event_kind(patients),
               group=patients.extrahepatic_disease.astype(int)),
    ]
    for name, grouping in groupings(study, early_treatment_months=4.0).items():
        member = (grouping.labels == list(grouping.levels)[1]).astype(int)
        pieces.append(_frame(f"reference.{name}", patients.os_treatment_months, patients.died, group=member))
    return pd.concat(pieces)


def survival_input():
    """All data sets, in the columns that `survival.R` reads."""
    return pd.concat([freireich(), aml(), ovarian(), awkward(), reference()], ignore_index=True)


if __name__ == "__main__":
    survival_input().to_csv(HERE / "survival_input.csv", index=False)
