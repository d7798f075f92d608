"""The paper's own response table, as the ledger holds it, and what can be computed from its printed figures alone."""

from __future__ import annotations

import pandas as pd

from lib.baseline import slug
from lib.contract import TREATMENTS
from lib.proportions import denominators_giving
from lib.published import parse_printed
from lib.response.agreement import discordance_bounds

PLACE = "Table 3"
SHOWN = ("PD", "SD", "PR", "CR")
"""Categories in the order of the paper's table."""


def printed_response(ledger: pd.DataFrame) -> pd.DataFrame:
    """Counts and percentages of the paper's response table.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    DataFrame
        ``criterion``, ``group`` ("total" first), ``category``, ``count`` (int), ``percent`` (as printed).
    """
    there = ledger[ledger.place.str.startswith(PLACE)].set_index("quantity").printed
    rows = []
    for criterion in ("RECIST", "mRECIST"):
        for group in ("total", *TREATMENTS):
            for category in SHOWN:
                stem = f"{slug(criterion)}.{slug(group)}.{slug(category)}"
                rows.append({"criterion": criterion, "group": group, "category": category,
                             "count": int(parse_printed(there[f"{stem}.count"]).value), "percent": there[f"{stem}.percent"]})
    return pd.DataFrame(rows)


def column_denominators(printed: pd.DataFrame, up_to: int = 100) -> pd.DataFrame:
    """For each column of the table: patients it holds, what its percentages add up to, and their denominator.

    Parameters
    ----------
    printed : DataFrame
        From `printed_response`.
    up_to : int
        Largest denominator tried, though never below the patients that the column holds.

    Returns
    -------
    DataFrame
        ``criterion``, ``group``, ``n`` (sum of counts), ``percent_sum``, ``denominators`` (list of int that
        give every printed percentage of the column) and ``right`` (whether n is among them).
    """
    rows = []
    for (criterion, group), column in printed.groupby(["criterion", "group"], sort=False):
        n = int(column["count"].sum())
        found = denominators_giving(column["count"], column.percent, max(up_to, n))
        rows.append({"criterion": criterion, "group": group, "n": n,
                     "percent_sum": sum(parse_printed(text).value for text in column.percent),
                     "denominators": found, "right": n in found})
    return pd.DataFrame(rows)


def progression_bounds(printed: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """How many patients must, and could, be PD by one criterion and not by the other.

    Parameters
    ----------
    printed : DataFrame
        From `printed_response`.

    Returns
    -------
    dict
        "RECIST only" and "mRECIST only" -> (fewest, most) over the treatments.
    """
    groups = printed[printed.group.ne("total")]
    ns = groups[groups.criterion.eq("RECIST")].groupby("group", sort=False)["count"].sum()
    recist, mrecist = (groups[groups.criterion.eq(name) & groups.category.eq("PD")].set_index("group")["count"].reindex(ns.index)
                       for name in ("RECIST", "mRECIST"))
    return {"RECIST only": discordance_bounds(recist, mrecist, ns), "mRECIST only": discordance_bounds(mrecist, recist, ns)}
