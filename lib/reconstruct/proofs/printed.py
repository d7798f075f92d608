"""What the ledger prints of a quantity, as the proofs read it."""

from __future__ import annotations

import pandas as pd

from lib.published import parse_printed


def printed_texts(ledger: pd.DataFrame, quantity: str) -> list[str]:
    """The quantity's distinct printed strings, in the ledger's order."""
    return list(dict.fromkeys(ledger.printed[ledger.quantity == quantity]))


def printed_count(ledger: pd.DataFrame, quantity: str) -> int:
    """The whole number that the first place prints."""
    return int(parse_printed(printed_texts(ledger, quantity)[0]).value)


def printed_counts(ledger: pd.DataFrame) -> dict[str, int]:
    """Counts by quantity; where places disagree, that of the last place, a table coming after the text."""
    rows = ledger[ledger.quantity.str.endswith((".count", ".n"))]
    return {row.quantity: int(parse_printed(row.printed).value) for row in rows.itertuples()}
