"""An invented registry of any size, in the five tables of a cohort: what the chapters are timed on.

    python tests/benchmarks/registry.py 100000 FOLDER [--form csv] [--seed N]

Every value is drawn at random; no row describes a real person. Survival depends on disease outside the liver and on
response, days are whole (so that times are tied, as in a registry), a tenth of the laboratory values and diameters
is missing, and who dies before the visit at three months has none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20200901
DAYS_PER_MONTH = 30.4375
TREATMENTS = np.array(["DEB-TACE", "Y90", "ablation"])
SITES = np.array(["retroperitoneum", "pelvis", "extremities", "mesentery", "IVC", "head/neck", "unknown"])
TERMS = np.array(["Fatigue", "Abdominal pain", "Nausea", "Fever", "Anorexia", "Vomiting"])

#: Analyte: unit, limits of normal, median and spread (of the logarithm) of the values.
ANALYTES = {
    "albumin": ("g/dL", 3.5, 5.0, 3.9, 0.12), "bilirubin": ("mg/dL", 0.2, 1.2, 0.7, 0.5), "inr": ("ratio", 0.9, 1.1, 1.05, 0.12),
    "alt": ("U/L", 7.0, 40.0, 28.0, 0.6), "ast": ("U/L", 8.0, 40.0, 30.0, 0.55), "alp": ("U/L", 40.0, 120.0, 95.0, 0.45),
    "creatinine": ("mg/dL", 0.6, 1.2, 0.9, 0.3), "platelets": ("10^3/uL", 150.0, 400.0, 220.0, 0.35),
    "sodium": ("mmol/L", 135.0, 145.0, 139.0, 0.02),
}


def registry(n_patients: int, seed: int = SEED) -> dict[str, pd.DataFrame]:
    """The five tables of an invented registry.

    Parameters
    ----------
    n_patients : int
    seed : int

    Returns
    -------
    dict of str to DataFrame
        Table name to rows; texts are categories, so that a million patients fit into memory.
    """
    rng = np.random.default_rng(seed)
    patients = _patients(rng, n_patients)
    seen_again = patients["os_treatment_months"].to_numpy() * DAYS_PER_MONTH > 125
    return {"patients": patients, "treatments": _treatments(rng, patients), "labs": _labs(rng, patients, seen_again),
            "lesions": _lesions(rng, patients, seen_again), "adverse_events": _events(rng, patients)}


def _patients(rng, n: int) -> pd.DataFrame:
    outside = rng.random(n) < 0.4
    arm = rng.choice(3, n, p=[0.55, 0.25, 0.2])
    lesions = np.where(arm == 2, rng.integers(1, 4, n), rng.integers(1, 9, n))
    to_death = rng.exponential(600 * np.where(outside, 0.6, 1.0), n) + 10
    to_end = rng.uniform(60, 3650, n)
    days = np.ceil(np.minimum(to_death, to_end))
    died = to_death <= to_end
    to_progression = np.ceil(rng.exponential(400, n) + 20)
    progressed = to_progression < days
    to_metastasis = np.floor(rng.exponential(150, n))
    second = np.where(rng.random(n) < 0.12, (arm + rng.integers(1, 3, n)) % 3, -1)
    second[days < 60] = -1
    return pd.DataFrame({
        "patient": pd.Index([f"R{number:07d}" for number in range(1, n + 1)], dtype=object),
        "age_years": np.round(rng.uniform(20, 89, n)), "sex": _words(["female", "male"], (rng.random(n) < 0.4).astype(int)),
        "ecog": rng.choice(4, n, p=[0.5, 0.35, 0.12, 0.03]), "primary_site": _words(SITES, rng.integers(0, len(SITES), n)),
        "prior_chemotherapy": rng.random(n) < 0.6, "extrahepatic_disease": outside,
        "lobar_disease": _words(["bilobar", "unilobar"], (rng.random(n) < 0.5).astype(int)), "n_liver_lesions": lesions,
        "first_treatment": _words(TREATMENTS, arm),
        "os_diagnosis_months": (days + to_metastasis + np.floor(rng.exponential(500, n))) / DAYS_PER_MONTH,
        "os_liver_metastasis_months": (days + to_metastasis) / DAYS_PER_MONTH,
        "os_treatment_months": days / DAYS_PER_MONTH, "died": died,
        "liver_pfs_months": np.where(progressed, to_progression, days) / DAYS_PER_MONTH, "liver_progressed": progressed,
        "second_treatment": _words(TREATMENTS, second), "anticoagulated": rng.random(n) < 0.1,
    })


def _words(words, codes) -> pd.Categorical:
    """Texts as categories; a code of -1 is a blank."""
    return pd.Categorical.from_codes(codes, list(words))


def _treatments(rng, patients: pd.DataFrame) -> pd.DataFrame:
    n = len(patients)
    arm, second = (patients[name].cat.codes.to_numpy() for name in ("first_treatment", "second_treatment"))
    again, switch = rng.random(n) < 0.4, second >= 0
    last_day = patients["os_treatment_months"].to_numpy() * DAYS_PER_MONTH
    again &= last_day > 45
    who = np.concatenate([np.arange(n), np.flatnonzero(again), np.flatnonzero(switch)])
    kind = np.concatenate([arm, arm[again], second[switch]])
    day = np.concatenate([np.zeros(n), rng.integers(21, 42, again.sum()), rng.integers(43, 59, switch.sum())])
    order = np.lexsort((day, who))
    who, kind, day = who[order], kind[order], day[order]
    beads = kind == 0
    number = np.arange(len(who)) - np.flatnonzero(np.r_[True, who[1:] != who[:-1]])[np.cumsum(np.r_[True, who[1:] != who[:-1]]) - 1]
    volume = np.where(beads, rng.choice([1.0, 2.0, 3.0, 4.0], len(who)), np.nan)
    return pd.DataFrame({
        "patient": _of(patients, who), "session": number + 1, "day": day, "treatment": _words(TREATMENTS, kind),
        "lobe": _words(["right", "left"], np.where(kind == 2, -1, rng.integers(0, 2, len(who)))),
        "bead_size_um": _words(["70-150", "100-300"], np.where(beads, rng.integers(0, 2, len(who)), -1)),
        "doxorubicin_mg": volume * 37.5, "bead_volume_ml": volume,
        "needle_gauge": pd.array(np.where(kind == 2, 17, 0), "Int64").astype("Int64"), "margin_mm": np.where(kind == 2, rng.integers(3, 12, len(who)), np.nan),
    }).assign(needle_gauge=lambda rows: rows["needle_gauge"].where(rows["needle_gauge"] > 0))


def _of(patients: pd.DataFrame, who) -> pd.Categorical:
    """Labels of patients by their position."""
    return pd.Categorical.from_codes(who, patients["patient"])


def _labs(rng, patients: pd.DataFrame, seen_again) -> pd.DataFrame:
    n, k = len(patients), len(ANALYTES)
    _, lower, upper, middle, spread = (np.array(each) for each in zip(*ANALYTES.values(), strict=True))
    own = rng.normal(0, 1, (n, k))
    first = middle * np.exp(spread * own)
    later = first[seen_again] * np.exp(rng.normal(0.05, 0.25, (int(seen_again.sum()), k)) * np.minimum(1, 4 * spread))
    who = np.concatenate([np.repeat(np.arange(n), k), np.repeat(np.flatnonzero(seen_again), k)])
    visit = np.repeat([0, 1], [n * k, len(later) * k])
    what = np.tile(np.arange(k), n + len(later))
    value = np.concatenate([first.ravel(), later.ravel()]).round(2)
    value[rng.random(len(value)) < 0.1] = np.nan
    return pd.DataFrame({
        "patient": _of(patients, who), "visit": _words(["baseline", "month_3"], visit),
        "visit_day": np.where(visit == 0, -1.0, 90.0), "analyte": _words(list(ANALYTES), what), "value": value,
        "unit": _words(units := sorted({row[0] for row in ANALYTES.values()}), np.array([units.index(row[0]) for row in ANALYTES.values()])[what]),
        "lower_normal": lower[what], "upper_normal": upper[what],
    })


def _lesions(rng, patients: pd.DataFrame, seen_again) -> pd.DataFrame:
    n_lesions = np.minimum(patients["n_liver_lesions"].to_numpy(), 4)
    who = np.repeat(np.arange(len(patients)), n_lesions)
    index = np.arange(len(who)) - np.repeat(np.cumsum(n_lesions) - n_lesions, n_lesions)
    size = np.where(patients["first_treatment"].cat.codes.to_numpy()[who] == 2, rng.uniform(10, 30, len(who)), rng.uniform(10, 90, len(who)))
    viable = size * rng.uniform(0.7, 1.0, len(who))
    again = seen_again[who]
    shrunk = np.repeat(rng.normal(0.85, 0.3, len(patients)), n_lesions)[again].clip(0, 3)
    later = size[again] * shrunk
    later_viable = np.minimum(later, viable[again] * shrunk * rng.choice([0.0, 0.3, 0.8, 1.0], again.sum()))
    new = np.flatnonzero(seen_again & (rng.random(len(patients)) < 0.12))
    diameters = [np.concatenate([size, later, rng.uniform(8, 30, len(new))]).round(1), np.concatenate([viable, later_viable, np.full(len(new), 8.0)]).round(1)]
    diameters[0][len(size):][rng.random(len(later) + len(new)) < 0.03] = np.nan
    diameters[1] = np.where(np.isnan(diameters[0]), np.nan, np.minimum(diameters[1], diameters[0]))
    rows = np.repeat([0, 1, 2], [len(size), len(later), len(new)])
    label = np.concatenate([index, index[again], np.full(len(new), 4)])
    elsewhere = (rng.random(len(new)) < 0.4)
    return pd.DataFrame({
        "patient": _of(patients, np.concatenate([who, who[again], new])),
        "visit": _words(["baseline", "month_3"], np.minimum(rows, 1)), "visit_day": np.where(rows == 0, -5.0, 88.0),
        "lesion": _words([f"L{number}" for number in range(1, 5)] + ["N1"], label),
        "longest_diameter_mm": diameters[0], "viable_diameter_mm": diameters[1], "target": label < 2, "new": rows == 2,
        "extrahepatic": np.concatenate([np.zeros(len(size) + len(later), bool), elsewhere]),
    })


def _events(rng, patients: pd.DataFrame) -> pd.DataFrame:
    n = len(patients)
    who = np.flatnonzero(rng.random(n) < 0.5)
    who = np.sort(np.concatenate([who, who[rng.random(len(who)) < 0.3]]))
    last = patients["os_treatment_months"].to_numpy()[who] * DAYS_PER_MONTH
    grade = rng.choice([1, 2, 3, 4], len(who), p=[0.55, 0.3, 0.12, 0.03])
    return pd.DataFrame({
        "patient": _of(patients, who), "term": _words(TERMS, rng.integers(0, len(TERMS), len(who))), "grade": grade,
        "onset_day": np.floor(rng.uniform(0, 1, len(who)) * np.minimum(last, 150)), "hospital_days": np.where(grade > 2, rng.integers(0, 9, len(who)), 0),
    })


def write_registry(folder: Path, n_patients: int, form: str = "parquet", seed: int = SEED) -> Path:
    """Write a registry as a cohort's folder of Parquet or CSV files, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in registry(n_patients, seed).items():
        if form == "parquet":
            rows.to_parquet(folder / f"{name}.parquet", index=False)
        else:
            truth = {column: rows[column].map({True: "true", False: "false"}) for column in rows if rows[column].dtype == bool}
            rows.assign(**truth).to_csv(folder / f"{name}.csv", index=False)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write an invented registry.")
    parser.add_argument("patients", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--form", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    print(write_registry(options.folder, options.patients, options.form, options.seed))
