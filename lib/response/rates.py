"""Counts of categories, objective response and disease control, each with its denominator."""

from __future__ import annotations

import pandas as pd

from lib.proportions import exact_group_p, proportion
from lib.response.criteria import CATEGORIES, NON_CR_NON_PD, ResponseError

OBJECTIVE_RESPONSE = ("CR", "PR")
DISEASE_CONTROL = ("CR", "PR", "SD", NON_CR_NON_PD)
RATES = {"ORR": OBJECTIVE_RESPONSE, "DCR": DISEASE_CONTROL}
DENOMINATORS = ("treated", "evaluable")


def category_counts(response: pd.Series, group: pd.Series, groups, denominator: str = "treated") -> pd.DataFrame:
    """Patients in each category, in total and by group.

    Parameters
    ----------
    response : Series of str, indexed by patient
    group : Series of str, indexed by patient
        For instance the first treatment.
    groups : sequence of str
        Groups to report, in order; one that nobody had has a denominator of 0.
    denominator : {"treated", "evaluable"}
        All patients, or those whose category is not NE.

    Returns
    -------
    DataFrame
        ``group`` ("total" first), ``category``, ``count``, ``n``: each group with every category.

    Raises
    ------
    ResponseError
        On an unknown denominator or category, or a patient without a group.
    """
    if denominator not in DENOMINATORS:
        raise ResponseError(f"denominator = '{denominator}' is unknown; use one of {', '.join(DENOMINATORS)}.")
    strange = response[~response.isin(CATEGORIES)]
    if len(strange):
        raise ResponseError(f"response '{strange.iloc[0]}' of {strange.index[0]} is unknown; use one of {', '.join(CATEGORIES)}.")
    group = group.reindex(response.index)
    if group.isna().any():
        raise ResponseError(f"patient {group.index[group.isna()][0]} has a response but no group; give the first treatment.")
    # counted as categories and without their labels: in a registry the text of a million would be compared for each group
    response, group = (pd.Series(labels.array).astype("category") for labels in (response, group))
    rows = []
    for name, members in (("total", response), *((name, response[group.eq(name)]) for name in groups)):
        counts = members.value_counts()
        n = len(members) if denominator == "treated" else int(members.ne("NE").sum())
        rows += [{"group": name, "category": each, "count": int(counts.get(each, 0)), "n": n} for each in CATEGORIES]
    return pd.DataFrame(rows)


def response_rates(response: pd.Series, group: pd.Series, groups, conf_level: float = 0.95,
                   denominator: str = "treated") -> pd.DataFrame:
    """Objective response and disease control, in total and by group, with two intervals and an exact test.

    Parameters
    ----------
    response, group, groups, denominator
        As in `category_counts`.
    conf_level : float
        Two-sided coverage.

    Returns
    -------
    DataFrame
        ``rate`` ("ORR", "DCR"), ``group``, ``count``, ``n``, ``estimate``, ``exact_lower``,
        ``exact_upper`` (Clopper-Pearson), ``wilson_lower``, ``wilson_upper`` (fractions; missing where
        n is 0) and ``p`` (Fisher-Freeman-Halton across the groups; the same in all rows of a rate).
    """
    counts = category_counts(response, group, groups, denominator)
    rows = []
    for rate, members in RATES.items():
        totals = counts[counts.category.isin(members)].groupby("group", sort=False).agg(count=("count", "sum"), n=("n", "first"))
        separate = totals.drop(index="total")
        p = exact_group_p(separate["count"], separate.n)
        for name, row in totals.iterrows():
            exact = proportion(row["count"], row.n, conf_level)
            wilson = proportion(row["count"], row.n, conf_level, "wilson")
            rows.append({"rate": rate, "group": name, "count": exact.count, "n": exact.n, "estimate": exact.estimate,
                         "exact_lower": exact.lower, "exact_upper": exact.upper, "wilson_lower": wilson.lower,
                         "wilson_upper": wilson.upper, "p": p})
    return pd.DataFrame(rows)
