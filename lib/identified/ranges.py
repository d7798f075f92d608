"""Every unpublished quantity over all cohorts that agree with the paper: its range, and how far the paper pins it.

    from lib.identified.ranges import lookup
    lookup("os_treatment.treatment_gap.hazard_ratio").mark     # "2.23 to 2.28, implied within these limits"

reads ``data/identified.csv``, which ``python -m lib.identified`` writes. A range over cohorts that were found is a lower
bound on the true range; only a proved limit says what cannot be. Shares of cohorts are not probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from lib.published import DATA
from lib.refusal import Refusal

FILE = DATA / "identified.csv"
IMPLIED, NARROWED, OPEN = "implied", "narrowed", "open"
GRADES = {
    IMPLIED: "proved: every cohort that gives the printed figures at printed precision, less those that chapter 0 gives up, with no two times alike, "
             "gives the same number as it is shown; a cohort of the tolerant tier may give another",
    NARROWED: "at most half of the cohorts that know the printed counts alone lie where the middle 95% of the tolerant tier lies",
    OPEN: "more than half do: judged by the tolerant tier, the printed survival figures hardly say more than the printed counts",
}
MOST_LEFT = 0.5
"""Largest share of marginals-only cohorts inside the ensemble's middle range for a quantity to count as narrowed."""
MIDDLE = (0.025, 0.975)
P_DECIMALS = 3
COLUMNS = ["quantity", "title", "unit", "chapter", "decimals", "grade", "share_left", "share_below", "exact_share_left", "exact_share_below", "ground", "proved_low", "proved_high",
           "low", "high", "tolerant_lower", "tolerant_middle", "tolerant_upper", "exact_low", "exact_high",
           "marginals_lower", "marginals_upper", "n_cohorts", "n_missing"]


class IdentifiedError(Refusal, ValueError):
    """The file of ranges cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Range:
    """One quantity over all cohorts; numbers are NaN where there is none, infinite where a time is not reached.

    Attributes
    ----------
    quantity, title, unit : str
    decimals : int
        To how many it is shown.
    grade : str
        A key of `GRADES`.
    ground : str
        Of the proved limits; blank where there are none.
    low, high : float
        Over every cohort found, both tiers.
    proved_low, proved_high : float
    n_cohorts : int
        How many cohorts have a value; 0 where the quantity is proved without any.
    """

    quantity: str
    title: str
    unit: str
    decimals: int
    grade: str
    ground: str
    low: float
    high: float
    proved_low: float
    proved_high: float
    n_cohorts: int

    @property
    def span(self) -> str:
        """Its range over all cohorts found, or the one value that is proved: ``2.20 to 2.44``, ``14.2 to not reached``."""
        ends = (self.proved_low, self.proved_high) if self.grade == IMPLIED else (self.low, self.high)
        low, high = (shown(end, self.decimals, self.unit) for end in ends)
        return low if low == high else f"{low} to {high}"

    @property
    def mark(self) -> str:
        """The range with its grade, for beside a number: ``2.20 to 2.44 (narrowed)``."""
        return f"{self.span} ({self.grade})"


def shown(value: float, decimals: int, unit: str = "months") -> str:
    """A number as the collection shows it; infinity is ``not reached`` for a time, ``infinite`` for a ratio.

    What has three decimals is a P value: one that rounds to nought is ``<0.001``.
    """
    if np.isnan(value):
        return "none"
    if np.isinf(value):
        return "not reached" if unit == "months" else "infinite"
    if decimals == P_DECIMALS and 0 <= value < 0.0005:
        return "<0.001"
    return f"{value + 0.0:.{decimals}f}"


@cache
def read_ranges(path: str | Path = FILE) -> pd.DataFrame:
    """Read the file of ranges.

    Parameters
    ----------
    path : path

    Returns
    -------
    DataFrame, indexed by quantity
        `COLUMNS`.

    Raises
    ------
    IdentifiedError
        If it is missing or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise IdentifiedError(f"{path.name} is not there; make it with 'python -m lib.identified'.")
    table = pd.read_csv(path, dtype={"unit": str, "ground": str}, keep_default_na=True).fillna({"unit": "", "ground": ""})
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise IdentifiedError(f"{path.name} lacks the column {missing[0]}; make it anew with 'python -m lib.identified'.")
    return table.set_index("quantity", drop=False)


def lookup(quantity: str) -> Range | None:
    """What the ensemble says of a quantity that a chapter records.

    Parameters
    ----------
    quantity : str
        Its dotted name, such as ``os_treatment.at_24_months``.

    Returns
    -------
    Range or None
        None for a quantity that the ensemble's columns do not allow.
    """
    table = read_ranges()
    if quantity not in table.index:
        return None
    row = table.loc[quantity]
    return Range(quantity, row.title, row.unit, int(row.decimals), row.grade, row.ground, row.low, row.high, row.proved_low,
                 row.proved_high, int(row.n_cohorts))


def summarise(quantities: dict, ensemble: dict[str, np.ndarray], tier: np.ndarray, dealt: dict[str, np.ndarray],
              marginals: dict[str, np.ndarray], limits: dict) -> pd.DataFrame:
    """Gather the ranges of all quantities into one table.

    Parameters
    ----------
    quantities : dict of str to Quantity
    ensemble, dealt, marginals : dict of str to ndarray
        From `lib.identified.quantities.compute`: of the ensemble, of the ensemble with treatments dealt anew (those that
        depend on treatments only), and of the cohorts that know the counts alone.
    tier : ndarray of str
        Of the ensemble's cohorts.
    limits : dict of str to Limits
        From `lib.identified.proved.proved`.

    Returns
    -------
    DataFrame
        `COLUMNS`, chapter by chapter.
    """
    rows = []
    for name, quantity in quantities.items():
        values = ensemble[name]
        found = np.concatenate([values, dealt.get(name, np.empty(0))])
        tolerant = values[tier == "tolerant"] if name not in dealt else found
        row = {"quantity": name, "title": quantity.title, "unit": quantity.unit, "chapter": quantity.chapter,
               "decimals": quantity.decimals, "n_cohorts": int((~np.isnan(found)).sum()), "n_missing": int(np.isnan(found).sum())}
        row["low"], row["high"] = _ends(found)
        row["exact_low"], row["exact_high"] = _ends(values[tier == "exact"])
        row["tolerant_lower"], row["tolerant_middle"], row["tolerant_upper"] = _quantiles(tolerant, (MIDDLE[0], 0.5, MIDDLE[1]))
        row["marginals_lower"], row["marginals_upper"] = _quantiles(marginals[name], MIDDLE)
        row["share_left"] = share_inside(marginals[name], row["tolerant_lower"], row["tolerant_upper"])
        row["share_below"] = share_inside(marginals[name], -np.inf, row["tolerant_lower"], strictly_below=True)
        row["exact_share_left"] = share_inside(marginals[name], row["exact_low"], row["exact_high"])
        row["exact_share_below"] = share_inside(marginals[name], -np.inf, row["exact_low"], strictly_below=True)
        rows.append(row | _proof(limits.get(name), quantity.decimals, row["share_left"]))
    rows += [_from_counts(name, each) for name, each in limits.items() if name not in quantities and not name.endswith("fisher_p")]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["chapter", "quantity"], kind="stable", ignore_index=True)


def share_inside(values: np.ndarray, low: float, high: float, strictly_below: bool = False) -> float:
    """Share of values within two ends, both included (the upper one not if `strictly_below`); the missing do not count."""
    values = values[~np.isnan(values)]
    slack = lambda end: 1e-9 * max(1.0, abs(end)) if np.isfinite(end) else 0.0  # noqa: E731
    upper = values < high - slack(high) if strictly_below else values <= high + slack(high)
    return float(((values >= low - slack(low)) & upper).mean()) if len(values) else np.nan


def grade(limits, decimals: int, share_left: float) -> str:
    """The grade of a quantity, by the rule of `GRADES`."""
    if limits is not None and shown(limits.low, decimals) == shown(limits.high, decimals):
        return IMPLIED
    return NARROWED if share_left <= MOST_LEFT else OPEN


def _proof(limits, decimals: int, share_left: float) -> dict:
    row = {"grade": grade(limits, decimals, share_left), "ground": "", "proved_low": np.nan, "proved_high": np.nan}
    return row | ({"ground": limits.ground, "proved_low": limits.low, "proved_high": limits.high} if limits else {})


def _from_counts(name: str, limits) -> dict:
    """A quantity that is arithmetic on printed counts and needs no cohort."""
    criterion, _, rest = name.partition(".")
    decimals = 3 if name.endswith("_p") else 1 if name.endswith("percent") else 0
    return {"quantity": name, "title": rest.replace(".", " ").replace("_", " ") if criterion == "treatment_gap" else
            f"{'mRECIST' if criterion == 'mrecist' else 'RECIST'}: {rest.replace('.', ', ').replace('_', ' ')}",
            "unit": "%" if name.endswith("percent") else "", "chapter": 1 if criterion == "treatment_gap" else 3,
            "decimals": decimals, "grade": grade(limits, decimals, np.nan), "share_left": np.nan, "ground": limits.ground,
            "proved_low": limits.low, "proved_high": limits.high, "low": limits.low, "high": limits.high, "n_cohorts": 0,
            "n_missing": 0}


def _ends(values: np.ndarray) -> tuple[float, float]:
    values = values[~np.isnan(values)]
    return (float(values.min()), float(values.max())) if len(values) else (np.nan, np.nan)


def _quantiles(values: np.ndarray, at: tuple[float, ...]) -> tuple[float, ...]:
    values = values[~np.isnan(values)]
    if not len(values):
        return (np.nan,) * len(at)
    return tuple(float(value) for value in np.quantile(values, at, method="inverted_cdf"))
