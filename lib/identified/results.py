"""The written results of `lib.identified`: read, and worded where a rule is behind the words. Needs no compiler."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lib.identified.ranges import IdentifiedError
from lib.published import DATA

VERDICT_FILE, VALUES_FILE, EXTREMES_FILE = "ensemble_verdicts.csv", "identified_values.parquet", "extremes.parquet"
FRAGILITY_FILE, DECIDING_FILE, SCALE_FILE = "fragility.csv", "deciding.csv", "identified_scale.csv"
IMPLIED, CONTRADICTED, HELD, FAILED = "implied", "contradicted", "held in all found", "held in none found"
UNDECIDED, NOT_TESTABLE = "undecided", "not testable"
VERDICTS = {
    IMPLIED: "proved of every cohort that gives the printed figures at printed precision",
    CONTRADICTED: "the opposite is proved of them",
    HELD: "true in every cohort found; a search for a counterexample met none",
    FAILED: "false in every cohort found; a search for an example met none",
    UNDECIDED: "of the cohorts found, which agree with the paper at least within the tolerance, some say yes and some say no",
    NOT_TESTABLE: "it needs patients treated otherwise, and the study has one arm",
}
PROOFS_HOLD = ("A proof holds for cohorts that give the printed figures at printed precision, less the figures that chapter 0 gives up, with no "
               "two times alike: for all of them if their P values are of the log-rank or score test, for those that chapter 0 found if of Cox's Wald test. "
               "Cohorts of the tolerant tier, and those searched or dealt from it, may break it, and then count for or against all the same.")
"""What a proof is of, for the notes of tables and figures."""
TEMPTING = "tempting"
"""Place of a claim that the paper does not make, but that its figures invite."""
TOO_MANY = 4
"""In the fragility table: more changes than were tried."""


def read_result(name: str, folder: Path = DATA) -> pd.DataFrame:
    """One of the files, by its name.

    Raises
    ------
    IdentifiedError
        If it is missing.
    """
    path = Path(folder) / name
    if not path.is_file():
        raise IdentifiedError(f"{path.name} is not there; make it with 'python -m lib.identified'.")
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path).fillna(dict.fromkeys(("place", "predicate", "needs", "ground", "quantity"), ""))


def read_values(names: list[str] | None = None, folder: Path = DATA) -> pd.DataFrame:
    """Quantities of every cohort kept, one row a cohort.

    Parameters
    ----------
    names : list of str, optional
        Which; all if not given. One that is not kept has no column.
    folder : path

    Returns
    -------
    DataFrame
        ``tier``, ``cohort`` and one column a quantity.
    """
    values = read_result(VALUES_FILE, folder)
    values = values if names is None else values[values.quantity.isin(names)]
    wide = values.pivot(index=["tier", "cohort"], columns="quantity", values="value")
    return wide.rename_axis(columns=None).reset_index().astype({"tier": str})


def patients_needed(deciding: pd.DataFrame, power: float) -> pd.DataFrame:
    """Patients with whom a comparison reaches a power, read off the simulated sizes.

    Parameters
    ----------
    deciding : DataFrame
        ``data/deciding.csv``.
    power : float

    Returns
    -------
    DataFrame
        ``comparison``, ``further_months``, and ``fewest``, ``middle``, ``most``: the smallest simulated size at which the upper, the
        middle and the lower end of the power over cohorts reaches it; infinite where none does.
    """
    def first(rows: pd.DataFrame, column: str) -> float:
        enough = rows.n_patients[rows[column] >= power]
        return float(enough.min()) if len(enough) else math.inf

    return pd.DataFrame([
        {"comparison": name, "further_months": further, "fewest": first(rows, "power_upper"), "middle": first(rows, "power_middle"),
         "most": first(rows, "power_lower")} for (name, further), rows in deciding.groupby(["comparison", "further_months"], sort=False)])
