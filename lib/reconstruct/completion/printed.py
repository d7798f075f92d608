"""The ledger as the completion needs it: counts, and intervals of unrounded values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import pandas as pd

from lib.published import Printed, parse_printed


class CompletionError(ValueError):
    """A skeleton and a ledger that no cohort can satisfy together; the message names the figure."""


class PrintedFigures:
    """Printed figures by quantity; of a quantity printed twice, only rows to be reproduced count.

    Parameters
    ----------
    ledger : DataFrame
        From ``lib.published.read_ledger``.
    """

    def __init__(self, ledger: pd.DataFrame):
        self._figures: dict[str, list[Printed]] = {}
        for row in ledger[ledger.expected.isin(["reproduced", "method"])].itertuples():
            self._figures.setdefault(row.quantity, []).append(parse_printed(row.printed))

    def value(self, quantity: str) -> float:
        """The value printed for a quantity, the one with most decimals where it is printed twice."""
        if quantity not in self._figures:
            raise CompletionError(f"The ledger prints no {quantity}; add its row, with the verdict "
                                  "'reproduced' or 'method'.")
        return max(self._figures[quantity], key=lambda figure: figure.decimals).value

    def count(self, quantity: str) -> int:
        """A printed count; a contradiction between two places is refused."""
        lower, upper = self.interval(quantity)
        return math.floor((lower + upper) / 2)

    def interval(self, quantity: str) -> tuple[float, float]:
        """Half-open interval of the values that print as every row of the quantity does."""
        self.value(quantity)
        lower = max(figure.lower for figure in self._figures[quantity])
        upper = min(figure.upper for figure in self._figures[quantity])
        if lower >= upper:
            shown = " and ".join(sorted({figure.text for figure in self._figures[quantity]}))
            raise CompletionError(f"The ledger prints {quantity} as {shown}; mark the rows that "
                                  "cannot be true as 'differs'.")
        return lower, upper

    def counts(self, family: str, words: Iterable[str] = ()) -> dict[str, int]:
        """Counts of a family such as ``primary_site.*.count``, keyed by the contract's words."""
        by_slug = {slug(word): word for word in words}
        pattern = re.compile(re.escape(family) + r"\.([^.]+)\.count")
        names = [found.group(1) for found in map(pattern.fullmatch, self._figures) if found]
        return {by_slug.get(name, name): self.count(f"{family}.{name}.count") for name in names}


def slug(word: str) -> str:
    """A word as the ledger spells it inside a quantity: ``"DEB-TACE"`` is ``deb_tace``."""
    return re.sub(r"[^a-z0-9]+", "_", word.lower())


def within(values, interval: tuple[float, float]):
    """Whether values lie in a half-open interval, element by element."""
    return (values >= interval[0]) & (values < interval[1])
