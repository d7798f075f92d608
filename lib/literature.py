"""Figures of other studies: what their abstracts say, and what the paper says of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lib.published import DATA
from lib.refusal import Refusal

LITERATURE_COLUMNS = ["study", "topic", "subgroup", "n", "quantity", "value", "lower", "upper", "interval", "unit",
                      "time_origin", "source", "paper_prints", "place", "note"]


class LiteratureError(Refusal, ValueError):
    """The table of other studies cannot be read; the message names the column and the remedy."""


def read_literature(path: str | Path | None = None) -> pd.DataFrame:
    """Read the figures of other studies.

    Parameters
    ----------
    path : path, optional
        A CSV with the columns of ``data/literature.csv`` (the default).

    Returns
    -------
    DataFrame
        ``n``, ``value``, ``lower`` and ``upper`` as numbers, the rest as text ("" where blank).

    Raises
    ------
    LiteratureError
        If a column is missing or a number cannot be read.
    """
    path = Path(path) if path else DATA / "literature.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [column for column in LITERATURE_COLUMNS if column not in table]
    if missing:
        raise LiteratureError(f"{path.name}: column {missing[0]} is missing; the table needs {', '.join(LITERATURE_COLUMNS)}.")
    for column in ("n", "value", "lower", "upper"):
        numbers = pd.to_numeric(table[column].where(table[column].ne(""), None), errors="coerce")
        bad = numbers.isna() & table[column].ne("")
        if bad.any():
            row = int(bad.to_numpy().argmax())
            raise LiteratureError(f"{path.name}, row {row + 2}: {column} is '{table[column].iloc[row]}'; write a number or leave it blank.")
        table[column] = numbers.astype(float)
    return table
