"""Means and standard deviations that whole numbers cannot have: GRIM and GRIMMER."""

from __future__ import annotations

import math

from lib.published import parse_printed

TOLERANCE = 1e-9


def grim_sums(mean: str, n: int) -> range:
    """Sums of n whole numbers whose mean prints as given, rounded either way at a half.

    Parameters
    ----------
    mean : str
        As printed; its decimals are its precision.
    n : int

    Returns
    -------
    range
        Empty where no whole numbers have such a mean.

    References
    ----------
    Brown NJL, Heathers JAJ. The GRIM test. Soc Psychol Personal Sci 2017;8:363-369.
    """
    printed = parse_printed(mean)
    return range(math.ceil(n * printed.lower - TOLERANCE), math.floor(n * printed.upper + TOLERANCE) + 1)


def grimmer_sums(mean: str, sd: str, n: int) -> list[tuple[int, int]]:
    """Sums, and sums of squares, of n whole numbers whose mean and SD print as given.

    Parameters
    ----------
    mean, sd : str
        As printed; the SD has the denominator n - 1.
    n : int
        At least 2.

    Returns
    -------
    list of tuple of int
        Sum and sum of squares. Empty where there are none: the sum of squares of whole numbers is whole, is even
        exactly if their sum is, and is never below that of numbers as equal as their sum allows.

    References
    ----------
    Anaya J. The GRIMMER test. PeerJ Preprints 2016;4:e2400v1. Allard A. Analytic-GRIMMER, 2018.
    """
    printed = parse_printed(sd)
    lowest, highest = max(printed.lower, 0.0) ** 2 * (n - 1), printed.upper**2 * (n - 1)
    found = []
    for total in grim_sums(mean, n):
        share, rest = divmod(total, n)
        least = (n - rest) * share**2 + rest * (share + 1) ** 2
        first = max(math.ceil(lowest + total**2 / n - TOLERANCE), least)
        first += (first - total) % 2
        found += [(total, squares) for squares in range(first, math.floor(highest + total**2 / n + TOLERANCE) + 1, 2)]
    return found
