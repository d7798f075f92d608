"""Many cohorts of one size as arrays, one row a cohort and one column a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

TREATMENTS = ("DEB-TACE", "Y90", "ablation")
CATEGORIES = ("CR", "PR", "SD", "PD")
MONTHS = ("os_treatment_months", "os_liver_metastasis_months", "os_diagnosis_months", "liver_pfs_months")
FLAGS = ("died", "liver_progressed", "extrahepatic_disease", "meld_increased", "early_treatment", "mrecist_responder",
         "mrecist_pd_month_3", "solitary")
WORDS = {"first_treatment": TREATMENTS, "mrecist": CATEGORIES, "recist": CATEGORIES}


class CohortsError(ValueError):
    """The table cannot be read as cohorts of one size; the message names what is wrong."""


@dataclass(frozen=True)
class Cohorts:
    """Cohorts as arrays.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (n_cohorts, n_patients)
        `MONTHS` as float, `FLAGS` as bool, the columns of `WORDS` as position in their list of words.
    tier : ndarray of str, shape (n_cohorts,)
    """

    columns: dict[str, np.ndarray]
    tier: np.ndarray

    def __len__(self) -> int:
        return len(self.tier)

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]

    @property
    def n_patients(self) -> int:
        return self.columns["died"].shape[1]

    def of(self, chosen: np.ndarray) -> Cohorts:
        """The cohorts at some places, or where a boolean array is true."""
        return Cohorts({name: values[chosen] for name, values in self.columns.items()}, self.tier[chosen])

    def repeated(self, times: int) -> Cohorts:
        """Every cohort so many times, the whole list after itself."""
        return self.of(np.tile(np.arange(len(self)), times))


def from_table(table: pd.DataFrame) -> Cohorts:
    """Read a long table of cohorts, such as ``data/ensemble.parquet``.

    Parameters
    ----------
    table : DataFrame, one row a patient
        ``cohort``, ``tier`` and the columns of `MONTHS`, `FLAGS` and `WORDS`.

    Returns
    -------
    Cohorts
        In ascending order of ``cohort``.

    Raises
    ------
    CohortsError
        If a column is missing or has an empty cell, a word is unknown, or cohorts differ in size.
    """
    needed = ["cohort", "tier", *MONTHS, *FLAGS, *WORDS]
    missing = [column for column in needed if column not in table]
    if missing:
        raise CohortsError(f"The table of cohorts lacks the column {missing[0]}; it needs {', '.join(needed)}.")
    table = table.sort_values("cohort", kind="stable")
    sizes = table.groupby("cohort").size()
    if sizes.empty or sizes.nunique() > 1:
        raise CohortsError(f"Cohorts of one size are needed; the table's have {sizes.min() if len(sizes) else 0} to "
                           f"{sizes.max() if len(sizes) else 0} patients.")
    for column in needed:
        if table[column].isna().any():
            raise CohortsError(f"Cohort {table.cohort[table[column].isna()].iloc[0]}: {column} has an empty cell.")
    shape = (len(sizes), int(sizes.iloc[0]))
    columns = {name: np.ascontiguousarray(table[name].to_numpy(float).reshape(shape)) for name in MONTHS}
    columns |= {name: np.ascontiguousarray(table[name].to_numpy(bool).reshape(shape)) for name in FLAGS}
    for name, words in WORDS.items():
        places = pd.Index(words).get_indexer(table[name].astype(str))
        if (places < 0).any():
            raise CohortsError(f"{name} is '{table[name].iloc[int((places < 0).argmax())]}'; known are {', '.join(words)}.")
        columns[name] = places.reshape(shape)
    return Cohorts(columns, table.tier.astype(str).to_numpy().reshape(shape)[:, 0])


def with_treatments_dealt(cohorts: Cohorts, rng: np.random.Generator) -> Cohorts:
    """The same cohorts with treatment and response dealt anew among patients whom no printed figure tells apart.

    Parameters
    ----------
    cohorts : Cohorts
    rng : numpy.random.Generator

    Returns
    -------
    Cohorts

    Notes
    -----
    Treatment and mRECIST move as one between patients who agree in response and in progression at month 3; RECIST then
    moves between patients of one treatment. All cross-tables of treatment and response stay as printed, and no survival
    figure is printed by treatment. (Of the printed RECIST progressions enough remain with disease outside the liver for
    those that progressed there, however RECIST is dealt: 13 + 15 - 24 = 4.) The dealt cohorts thus agree with the paper
    as well as the given ones. The maker of the ensemble prefers some assignments as clinically likelier; this says what
    the paper alone leaves open.
    """
    columns = dict(cohorts.columns)
    alike = 2 * cohorts["mrecist_responder"] + cohorts["mrecist_pd_month_3"]
    from_here, to_here = _deal(alike, rng)
    for name in WORDS:
        columns[name] = _moved(columns[name], from_here, to_here)
    columns["recist"] = _moved(columns["recist"], *_deal(columns["first_treatment"], rng))
    return Cohorts(columns, cohorts.tier)


def _deal(strata: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random places to take from and to put to, within strata."""
    return np.lexsort((rng.random(strata.shape), strata), axis=1), np.argsort(strata, axis=1, kind="stable")


def _moved(values: np.ndarray, from_here: np.ndarray, to_here: np.ndarray) -> np.ndarray:
    moved = np.empty_like(values)
    np.put_along_axis(moved, to_here, np.take_along_axis(values, from_here, axis=1), axis=1)
    return moved
