"""Rows of patients set beside each other: one row a patient, found by codes instead of by names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def pivoted(rows: pd.DataFrame, columns: str, values: str, wanted: Sequence[str], index: Sequence[str] = ("patient",)) -> pd.DataFrame:
    """What `DataFrame.pivot` gives, without sorting a registry's millions of rows by name.

    Parameters
    ----------
    rows : DataFrame
        Each combination of ``index`` and ``columns`` at most once.
    columns : str
        Column whose words become columns.
    values : str
        Column that fills them.
    wanted : sequence of str
        The words, in order.
    index : sequence of str
        Columns that name a row of the result.

    Returns
    -------
    DataFrame
        Columns ``index`` and ``wanted``, sorted by ``index``; missing where there is no such row.
    """
    keys = [rows[name].astype("category") for name in index]
    sizes = [len(key.cat.categories) for key in keys]
    at = np.zeros(len(rows), np.intp)
    for key, size in zip(keys, sizes, strict=True):
        at = at * size + key.cat.codes.to_numpy()
    there = np.zeros(int(np.prod(sizes)), bool)
    there[at] = True
    line, found = np.cumsum(there) - 1, np.flatnonzero(there)
    wide = {}
    for name, key, codes in zip(index, keys, np.unravel_index(found, sizes) if len(rows) else [found] * len(keys), strict=True):
        named = pd.Categorical.from_codes(codes, dtype=key.dtype)
        wide[name] = named if isinstance(rows[name].dtype, pd.CategoricalDtype) else named.astype(rows[name].dtype)
    for word in wanted:
        own = np.flatnonzero((rows[columns] == word).to_numpy())
        source = np.full(len(found), -1)
        source[line[at[own]]] = own
        wide[word] = rows[values].array.take(source, allow_fill=True)
    return pd.DataFrame(wide, copy=False)
