"""How two criteria, or two readers, agree: kappa, bounds from printed tables, and what a second reading would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lib.response.criteria import CATEGORIES, NON_CR_NON_PD, ResponseError
from lib.response.rates import RATES

READER_SOURCE = "Suzuki C, et al. Acta Oncol 2010;49:509-514 (RECIST, two radiologists, 39 patients)"
READER_KAPPA, READER_KAPPA_LOWER, READER_KAPPA_UPPER = 0.53, 0.33, 0.72
"""Kappa between two readers and its 95 % interval, as the abstract of `READER_SOURCE` gives them."""

_SEVERITY = {"CR": 0, "PR": 1, "SD": 2, NON_CR_NON_PD: 2, "PD": 3}


@dataclass(frozen=True)
class Agreement:
    """Agreement of two classifications of the same patients.

    Attributes
    ----------
    table : DataFrame
        Patients by first (rows) and second (columns) classification.
    n : int
        Patients evaluable by both.
    observed : float
        Fraction in the same category.
    kappa, lower, upper : float
        Cohen's kappa, unweighted, with its large-sample interval; NaN where nothing could disagree, and
        limits NaN where the standard error is zero (perfect agreement, or a single patient).
    weighted : float
        Kappa with linear weights over the ordered categories.
    """

    table: pd.DataFrame
    n: int
    observed: float
    kappa: float
    lower: float
    upper: float
    weighted: float


def agreement(first: pd.Series, second: pd.Series, conf_level: float = 0.95) -> Agreement:
    """Cross-tabulate two classifications and measure their agreement beyond chance.

    Parameters
    ----------
    first, second : Series of str, indexed by patient
        Categories; patients not evaluable (NE) by either are left out of the kappa but not of the table.
    conf_level : float

    Returns
    -------
    Agreement

    Raises
    ------
    ResponseError
        If the two do not hold the same patients.

    References
    ----------
    Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327 (standard error).
    """
    if set(first.index) != set(second.index):
        raise ResponseError("the two classifications hold different patients; classify the same ones by both.")
    second = second.reindex(first.index)
    seen = [each for each in CATEGORIES if each in ("CR", "PR", "SD", "PD") or (first.eq(each) | second.eq(each)).any()]
    table = pd.crosstab(first.to_numpy(), second.to_numpy()).reindex(index=seen, columns=seen, fill_value=0)
    both = table.drop(index="NE", columns="NE", errors="ignore")
    counts = both.to_numpy()
    n, used = int(counts.sum()), (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    nothing = float("nan")
    # one category for everyone: agreement is complete and tells nothing, kappa being 0/0
    if used.sum() < 2:
        return Agreement(table, n, 1.0 if n else nothing, nothing, nothing, nothing, nothing)
    from statsmodels.stats.inter_rater import cohens_kappa  # slow to load: only when there is agreement to measure

    # statsmodels divides by the standard error under chance, which we do not use and which may be zero
    with np.errstate(all="ignore"):
        plain, linear = cohens_kappa(counts), cohens_kappa(counts, wt="linear")
    reach = ndtri(0.5 + conf_level / 2) * plain.std_kappa if plain.std_kappa > 1e-12 else nothing
    return Agreement(table, n, float(np.trace(counts) / n), float(plain.kappa), float(np.maximum(-1, plain.kappa - reach)),
                     float(np.minimum(1, plain.kappa + reach)), float(linear.kappa))


def worse_by(second: pd.Series, first: pd.Series) -> list[str]:
    """Patients whose second category is worse than their first.

    Parameters
    ----------
    second, first : Series of str, indexed by patient
        For instance mRECIST and RECIST.

    Returns
    -------
    list of str
        Patients in index order; NE by either is neither better nor worse.
    """
    worse = second.map(_SEVERITY) > first.reindex(second.index).map(_SEVERITY)
    return list(second.index[worse])


def discordance_bounds(first_counts, second_counts, ns) -> tuple[int, int]:
    """Fewest and most patients in a category by the first criterion but not by the second.

    Parameters
    ----------
    first_counts, second_counts : array-like of int, shape (n_groups,)
        Patients in the category, by group, as a table prints them.
    ns : array-like of int, shape (n_groups,)
        Patients of each group.

    Returns
    -------
    tuple of int
        The sums over groups of max(0, first - second) and of min(first, n - second).

    Raises
    ------
    ResponseError
        If a count exceeds its group.
    """
    first, second, n = (np.asarray(each) for each in (first_counts, second_counts, ns))
    if np.any(first > n) or np.any(second > n):
        raise ResponseError("a count exceeds its group's number of patients: check the table.")
    return int(np.maximum(0, first - second).sum()), int(np.minimum(first, n - second).sum())


# -- a second reader -----------------------------------------------------------------------------------

def agreement_matrix(response: pd.Series, kappa: float = READER_KAPPA, neighbours_only: bool = False) -> pd.DataFrame:
    """Probability of each second reading given the first, for a stated kappa.

    Parameters
    ----------
    response : Series of str
        First readings; NE takes no part.
    kappa : float
        Agreement beyond chance, 0 to 1.
    neighbours_only : bool
        False: a disagreeing reader draws from the categories as often as they occur, the very model kappa
        is defined by; expected counts stay as they are. True: the same overall agreement, but every
        disagreement is one step on the ordered scale, so that middling categories gain.

    Returns
    -------
    DataFrame, rows first reading, columns second reading, rows summing to 1

    Raises
    ------
    ResponseError
        On a kappa outside 0 to 1.
    """
    if not 0 <= kappa <= 1:
        raise ResponseError(f"reader kappa is {kappa}; give a number from 0 (chance) to 1 (the same reading).")
    evaluable = response[response.ne("NE")]
    scale = [each for each in CATEGORIES[:-1] if each != NON_CR_NON_PD or evaluable.eq(each).any()]
    share = evaluable.value_counts(normalize=True).reindex(scale, fill_value=0.0).to_numpy()
    identity = np.eye(len(scale))
    if not neighbours_only:
        matrix = kappa * identity + (1 - kappa) * share
    else:
        same = kappa + (1 - kappa) * float((share ** 2).sum())
        steps = np.eye(len(scale), k=1) + np.eye(len(scale), k=-1)
        matrix = same * identity + (1 - same) * steps / steps.sum(axis=1, keepdims=True)
    return pd.DataFrame(matrix, index=scale, columns=scale)


def reading_spread(response: pd.Series, matrix: pd.DataFrame | Mapping, draws: int, seed: int,
                   denominator: str = "treated") -> pd.DataFrame:
    """Rates that a second reader of the same scans would report, drawn many times.

    Parameters
    ----------
    response : Series of str, indexed by patient
        First readings.
    matrix : DataFrame or mapping of mappings
        First reading -> second reading -> probability; rows sum to 1. NE stays NE.
    draws : int
        Second readings of the whole cohort.
    seed : int
    denominator : {"treated", "evaluable"}

    Returns
    -------
    DataFrame, shape (draws, 2)
        "ORR" and "DCR" as fractions; NaN where nobody counts.

    Raises
    ------
    ResponseError
        On a row that is missing, negative or does not sum to 1.
    """
    matrix = _checked_matrix(matrix, response)
    generator = np.random.default_rng(seed)
    counts = response.value_counts()
    second = sum((generator.multinomial(int(counts.get(first, 0)), row.to_numpy(), size=draws)
                  for first, row in matrix.iterrows()), start=np.zeros((draws, matrix.shape[1])))
    n = len(response) if denominator == "treated" else int(response.ne("NE").sum())
    drawn = pd.DataFrame(second, columns=matrix.columns)
    return pd.DataFrame({rate: drawn[[each for each in members if each in drawn]].sum(axis=1) / (n or np.nan)
                         for rate, members in RATES.items()})


def _checked_matrix(matrix: pd.DataFrame | Mapping, response: pd.Series) -> pd.DataFrame:
    if not isinstance(matrix, pd.DataFrame):
        matrix = pd.DataFrame(matrix).T
    matrix = matrix.astype(float).fillna(0.0)
    lacking = sorted(set(response) - {"NE"} - set(matrix.index))
    if lacking:
        raise ResponseError(f"the readers' matrix has no row for {lacking[0]}; give its second readings.")
    stray = [column for column in matrix.columns if column not in CATEGORIES]
    if stray:
        raise ResponseError(f"the readers' matrix has a column '{stray[0]}'; use {', '.join(CATEGORIES)}.")
    bad = (matrix.lt(0).any(axis=1)) | ((matrix.sum(axis=1) - 1).abs() > 1e-6)
    if bad.any():
        name = matrix.index[bad][0]
        raise ResponseError(f"the readers' matrix row {name} sums to {matrix.loc[name].sum():g} or has a negative share; "
                            "probabilities of a row must sum to 1.")
    return matrix.div(matrix.sum(axis=1), axis=0)
