"""How firmly a comparison of two response rates stands: patients whose response would have to be another."""

from __future__ import annotations

import math

ALPHA = 0.05


def fewest_changes(hits: tuple[int, int], sizes: tuple[int, int], significant: bool) -> float:
    """Fewest patients whose response has to change for the first group no longer to respond more often, or newly to do so.

    Parameters
    ----------
    hits, sizes : tuple of int
        Responders and patients of the two groups.
    significant : bool
        Whether the claim asks for Fisher's exact P below 0.05 besides.

    Returns
    -------
    float
        Infinite where no change of responses flips it.
    """
    from scipy.stats import fisher_exact  # slow to import, for one sentence

    def claim(a: int, b: int) -> bool:
        table = [[a, sizes[0] - a], [b, sizes[1] - b]]
        return a * sizes[1] > b * sizes[0] and (not significant or fisher_exact(table).pvalue < ALPHA)

    before = claim(*hits)
    return min((abs(a - hits[0]) + abs(b - hits[1]) for a in range(sizes[0] + 1) for b in range(sizes[1] + 1)
                if claim(a, b) != before), default=math.inf)
