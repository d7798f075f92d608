"""Results in words: each sentence follows from the numbers, the conventions chosen and the confidence level."""

from __future__ import annotations

import math


def evidence(p: float | None, alpha: float = 0.05) -> str:
    """What a P value allows one to say of a difference.

    Parameters
    ----------
    p : float or None
        Two-sided; None or missing where the test could not be computed.
    alpha : float
        Level at which a difference is called evidence, one minus the confidence level.

    Returns
    -------
    str
        "evidence of a difference", "no evidence of a difference" or "not tested".
    """
    if p is None or math.isnan(p):
        return "not tested"
    return "evidence of a difference" if p < alpha else "no evidence of a difference"


def compare_medians(first: float | None, second: float | None, decimals: int = 1) -> str:
    """"longer", "shorter" or "the same" for the first of two medians as printed; "not comparable" if neither is reached.

    A median that is not reached is infinite, and so longer than one that is.
    """
    if first is None or second is None or (math.isinf(first) and math.isinf(second)):
        return "not comparable"
    if math.isinf(first) or math.isinf(second):
        return "longer" if first > second else "shorter"
    difference = round(first - second, decimals + 2)
    if abs(difference) < 0.5 * 10**-decimals:
        return "the same"
    return "longer" if difference > 0 else "shorter"


def similar(value: float | None, lower: float | None, upper: float | None) -> bool | None:
    """Whether a value lies within an interval: the weakest sense of "similar"; None where a figure is missing."""
    if value is None or lower is None or upper is None:
        return None
    return lower <= value <= upper


def hazard_in_words(ratio: float | None, lower: float | None, upper: float | None) -> str:
    """What a hazard ratio with its interval leaves open.

    Returns
    -------
    str
        E.g. "compatible with a third of the hazard as well as with 6.3 times the hazard".
    """
    if ratio is None or lower is None or upper is None:
        return "not estimable"
    if lower > 1 or upper < 1:
        return f"away from no difference, between {lower:.2g} and {upper:.2g} times the hazard"
    return f"compatible with {lower:.2g} times the hazard as well as with {upper:.2g} times the hazard"


def agreement(p_before: float | None, p_after: float | None, alpha: float = 0.05) -> str:
    """Whether a second analysis changes what a first one allowed one to say."""
    before, after = evidence(p_before, alpha), evidence(p_after, alpha)
    if "not tested" in (before, after):
        return "cannot be compared with it"
    return "agrees with it" if before == after else f"changes it to {after}"


def comparison_sentence(grouping, medians: dict, p: float | None, alpha: float = 0.05) -> str:
    """One sentence on a comparison of two groups: which median is longer, and whether the test supports it.

    Parameters
    ----------
    grouping : lib.survival.groups.Grouping
    medians : dict
        Level -> median in months (infinite if not reached), for the levels that have patients.
    p : float or None
        Log-rank P.
    alpha : float

    Returns
    -------
    str
        Markdown.
    """
    from lib.survival.checks import SurvivalDataError

    if len(medians) < 2:
        return f"**{grouping.title}.** Everyone is in one group: nothing is compared."
    if len(medians) > 2:
        raise SurvivalDataError(f"{grouping.title} has {len(medians)} levels; the sentence compares two.")
    (first, one), (second, other) = medians.items()
    names, shown = grouping.in_words, [("not reached" if math.isinf(m) else f"{m:.1f} months") for m in (one, other)]
    how = compare_medians(one, other)
    verb = "was not comparable between" if how == "not comparable" else f"was {how} in"
    joint = "and" if how in ("the same", "not comparable") else "than in"
    tested = "no test is possible" if p is None else f"log-rank P = {p:.3f}"
    warning = "" if p is None or p < alpha or how == "the same" else " (chance alone could explain a difference of this size)"
    return (f"**{grouping.title}.** Median survival {verb} {names[first]} ({shown[0]}) {joint} {names[second]} ({shown[1]}); "
            f"{tested}, {evidence(p, alpha)}{warning}.")
