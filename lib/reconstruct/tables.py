"""Write the five tables of a cohort: stable bytes, and all of them or none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pandas as pd

SIGNIFICANT_DIGITS = 9
"""Months up to 250 keep six decimals, far below a minute."""


def write_tables(tables: dict[str, pd.DataFrame], folder: str | Path) -> None:
    """Write tables as ``<name>.csv``, replacing the old ones only when all new ones are complete.

    Parameters
    ----------
    tables : dict of str to DataFrame
    folder : path
        Made where it is missing.

    Notes
    -----
    UTF-8, LF, booleans as true and false, missing cells blank, floats with at most
    ``SIGNIFICANT_DIGITS``: the same tables are the same bytes on every machine.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as unfinished:
        for name, table in tables.items():
            _spelled(table).to_csv(Path(unfinished, f"{name}.csv"), index=False, lineterminator="\n",
                                   encoding="utf-8", float_format=f"%.{SIGNIFICANT_DIGITS}g")
        for name in tables:
            os.replace(Path(unfinished, f"{name}.csv"), folder / f"{name}.csv")


def _spelled(table: pd.DataFrame) -> pd.DataFrame:
    """Booleans in the contract's words."""
    words = {True: "true", False: "false"}
    return table.assign(**{name: cells.map(words) for name, cells in table.items()
                           if pd.api.types.is_bool_dtype(cells)})
