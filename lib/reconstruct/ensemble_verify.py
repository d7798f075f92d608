"""Check every cohort of the written ensemble by other means than those that made it.

Reads the parquet file as it lies on disk and recomputes each printed figure that its columns allow with lifelines and
plain Python (`lib.reconstruct.verify`); shares no code with the sampler, the search or the completion.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from lib.reconstruct.verify import LEDGER, LEDGER_NAMES, number, prints_as, survival_quantities
from lib.reconstruct.verify import table_3 as responses

P_WITHIN, LIMIT_WITHIN_MONTHS = 0.005, 1.0
"""What the tolerant tier allows itself, stated here anew: a wrong tolerance in the search has to show."""
FLAGS = ("died", "liver_progressed", "extrahepatic_disease", "meld_increased", "early_treatment", "mrecist_responder",
         "mrecist_pd_month_3", "extrahepatic_progression", "solitary")
MONTHS = ("os_treatment_months", "os_liver_metastasis_months", "os_diagnosis_months", "liver_pfs_months")
ORDERS_AT_LEAST, SEEDS_AT_LEAST, LARGEST_SHARE, COHORTS_AT_LEAST = 300, 20, 0.02, 2000


def faults_of(cohort: pd.DataFrame, ledger: list[dict[str, str]]) -> list[str]:
    """What is wrong with one cohort.

    Parameters
    ----------
    cohort : DataFrame, shape (n_patients, n_columns)
        One cohort of the ensemble.
    ledger : list of dict
        Rows of the ledger, as `read_ledger` returns them.

    Returns
    -------
    list of str
        One sentence a fault; empty for a cohort that agrees with every printed figure, to its tier's tolerance.
    """
    empty = [column for column in (*FLAGS, *MONTHS) if cohort[column].isna().any()]
    if empty:
        return [f"{column} has an empty cell" for column in empty]
    words = {column: cohort[column].astype(str) for column in ("tier", "first_treatment", "second_treatment", "mrecist",
                                                              "recist")}
    cohort = cohort.assign(**words)
    tier, values = cohort.tier.iloc[0], _values(cohort)
    faults = [f"{row['quantity']} is {values[row['quantity']]:.4f}, printed {row['printed']} ({row['place']})"
              for row in ledger if row["expected"] == "reproduced" and row["quantity"] in values
              and not _agrees(values[row["quantity"]], row, tier)]
    cut = next(number(row["printed"]) for row in ledger if row["quantity"] == "treatment_gap.cut")
    return faults + [f"{rule} does not hold" for rule, holds in _rules(cohort, cut).items() if not holds]


def read_ledger(path: Path = LEDGER) -> list[dict[str, str]]:
    """The ledger's rows as they are written."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _agrees(value: float, row: dict[str, str], tier: str) -> bool:
    if prints_as(value, row["printed"]):
        return True
    quantity = row["quantity"]
    if tier != "tolerant" or not quantity.startswith("os_treatment."):
        return False
    distance = abs(value - number(row["printed"]))
    if quantity.endswith(".p"):
        return distance <= P_WITHIN
    return quantity.endswith((".lower", ".upper")) and distance <= LIMIT_WITHIN_MONTHS


def _values(cohort: pd.DataFrame) -> dict[str, float]:
    """Every figure of the ledger that the columns allow, by quantity."""
    n = len(cohort)
    values = survival_quantities(cohort) | responses(cohort) | {"cohort.n": n}
    groups = {"survival_status.dead": cohort.died, "survival_status.alive": ~cohort.died,
              "extrahepatic_disease.yes": cohort.extrahepatic_disease,
              "extrahepatic_disease.no": ~cohort.extrahepatic_disease,
              "hepatic_lesions.solitary": cohort.solitary, "hepatic_lesions.multiple": ~cohort.solitary,
              "combination.any": cohort.second_treatment != ""}
    for first, name in LEDGER_NAMES.items():
        groups[f"first_treatment.{name}"] = cohort.first_treatment == first
        for second, later in LEDGER_NAMES.items():
            if second != first:
                groups[f"combination.{name}_then_{later}"] = ((cohort.first_treatment == first)
                                                              & (cohort.second_treatment == second))
    for name, members in groups.items():
        values |= {f"{name}.count": int(members.sum()), f"{name}.percent": 100 * int(members.sum()) / n}
    return values


def _rules(cohort: pd.DataFrame, gap_cut_months: float) -> dict[str, bool]:
    """Whether the columns agree with each other."""
    treated, metastasis, diagnosis, pfs = (cohort[column] for column in MONTHS)
    rules = {
        "clocks start before treatment, tumour first": (diagnosis >= metastasis) & (metastasis >= treated),
        "times are above zero": treated > 0,
        "liver PFS is no longer than survival": pfs <= treated + 1e-6,
        "a patient without liver progression is followed to the end": cohort.liver_progressed | ((pfs - treated).abs() < 1e-6),
        "early treatment follows from the clocks": cohort.early_treatment == (metastasis - treated <= gap_cut_months),
        "a responder has CR or PR by mRECIST": cohort.mrecist_responder == cohort.mrecist.isin(["CR", "PR"]),
        "progression at month 3 is PD by mRECIST": cohort.mrecist_pd_month_3 == (cohort.mrecist == "PD"),
        "progression at month 3 is liver progression": ~cohort.mrecist_pd_month_3 | cohort.liver_progressed,
        "extrahepatic progression needs extrahepatic disease": (~cohort.extrahepatic_progression
                                                                | cohort.extrahepatic_disease)}
    return {rule: bool(holds.all()) for rule, holds in rules.items()}


def order_of(cohort: pd.DataFrame) -> str:
    """Deaths and censorings by time from first treatment."""
    pairs = sorted(zip(cohort.os_treatment_months, cohort.died))
    return "".join("D" if died else "c" for _, died in pairs)


def verify_ensemble(ensemble: pd.DataFrame, cohorts: list[int] | None = None) -> dict[int, list[str]]:
    """Check all cohorts, or some.

    Parameters
    ----------
    ensemble : DataFrame
        As read from the file.
    cohorts : list of int, optional
        Numbers of the cohorts to check.

    Returns
    -------
    dict of int to list of str
        The faults of each cohort that has any, by its number.
    """
    ledger = read_ledger()
    chosen = ensemble if cohorts is None else ensemble[ensemble.cohort.isin(cohorts)]
    found = {int(number): faults_of(cohort, ledger) for number, cohort in chosen.groupby("cohort")}
    return {number: faults for number, faults in found.items() if faults}


def shortfalls(ensemble: pd.DataFrame) -> list[str]:
    """What the ensemble as a whole lacks in size or diversity; empty if nothing."""
    tolerant = ensemble[ensemble.tier == "tolerant"]
    orders = pd.Series({number: order_of(cohort) for number, cohort in tolerant.groupby("cohort")})
    share = orders.value_counts(normalize=True).iloc[0] if len(orders) else 1.0
    measured = (("cohorts", ensemble.cohort.nunique(), COHORTS_AT_LEAST), ("distinct orders", orders.nunique(), ORDERS_AT_LEAST),
                ("seeds", tolerant.seed.nunique(), SEEDS_AT_LEAST))
    lacking = [f"{count} {name}, at least {least} wanted" for name, count, least in measured if count < least]
    if set(ensemble.tier.astype(str)) != {"exact", "tolerant"}:
        lacking.append("two tiers, exact and tolerant, wanted")
    return lacking + ([f"one order is {share:.1%} of the tolerant tier, at most {LARGEST_SHARE:.0%} wanted"]
                      if share > LARGEST_SHARE else [])


def report(path: Path) -> int:
    """Print what is wrong with a written ensemble and one line of counts; the exit code."""
    if not path.is_file():
        print(f"{path} is not there; make it with 'python -m lib.reconstruct.ensemble'.")
        return 1
    ensemble = pd.read_parquet(path)
    faults, lacking = verify_ensemble(ensemble), shortfalls(ensemble)
    for number_, sentences in faults.items():
        print(f"cohort {number_}: {'; '.join(sentences)}")
    for sentence in lacking:
        print(sentence)
    n = ensemble.cohort.nunique()
    print(f"{n - len(faults)} of {n} cohorts agree with the ledger to their tier's tolerance.")
    return int(bool(faults or lacking))
