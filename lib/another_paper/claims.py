"""Sentences about a summary, judged: by the print alone where it decides, else by the cohorts found and a search against.

*implied* and *contradicted* need no cohort: every value that prints so makes the comparison true, or false. *held in all
found* means that it is true in every cohort found and that a search for a counterexample failed; *held in none found* the
reverse; *undecided* that both kinds of cohort agree with the print. Shares of found cohorts are no probabilities.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from lib.another_paper.ensemble import Ensemble
from lib.another_paper.ledger import Claim, PaperError, Summary
from lib.another_paper.scale import NEVER, kind_of, printed_value

SEARCH_STARTS, SEARCH_STEPS = 6, 4000
_PREDICATE = re.compile(r"(?P<left>[^<>]+?)\s*(?P<relation><=|>=|<|>)\s*(?P<right>[^<>]+)")


@dataclass(frozen=True)
class Predicate:
    """A comparison of a figure with a figure or a number.

    Attributes
    ----------
    left : str
    above : bool
        True for "left above right".
    strict : bool
    right : str or float
    """

    left: str
    above: bool
    strict: bool
    right: str | float

    def holds(self, left, right):
        """The comparison itself, for numbers or arrays."""
        if self.above:
            return left > right if self.strict else left >= right
        return left < right if self.strict else left <= right

    @property
    def needs(self) -> list[str]:
        """Names of the figures that it compares."""
        return [self.left] + ([self.right] if isinstance(self.right, str) else [])


@dataclass(frozen=True)
class Verdict:
    """A judged claim.

    Attributes
    ----------
    claim : Claim
    verdict : str
    n_true, n_judged : int
        Found cohorts in which it is true, of those in which it can be judged.
    evidence : str
    """

    claim: Claim
    verdict: str
    n_true: int
    n_judged: int
    evidence: str


def parse_predicate(claim: Claim, summary: Summary, names: list[str]) -> Predicate | None:
    """A claim's comparison; None for one that no cohort can judge (``needs ...``).

    Raises
    ------
    PaperError
        Naming the row, where it cannot be read or compares what a cohort does not have.
    """
    where = f"{summary.file}, row {claim.row}: claim {claim.predicate!r}"
    if claim.predicate.startswith("needs "):
        return None
    found = _PREDICATE.fullmatch(claim.predicate)
    if not found:
        raise PaperError(f"{where} is no comparison; write one such as median({summary.groups[0]}) > 12, or 'needs' and what it would need.")
    left, right = found["left"].strip(), found["right"].strip()
    if left not in names:
        raise PaperError(f"{where} compares {left!r}, which is no figure of a cohort; use one of {', '.join(names)}. A time of survival or "
                         "mean time must stand in a row of its own, if need be with nothing printed.")
    try:
        right = float(right)
    except ValueError:
        if right not in names:
            raise PaperError(f"{where} compares with {right!r}, which is neither a number nor a figure of a cohort.") from None
        if kind_of(right) != kind_of(left):
            raise PaperError(f"{where} compares {left} with {right}, which are not of one kind.") from None
    return Predicate(left, found["relation"].startswith(">"), len(found["relation"]) == 1, right)


def usual_claims(summary: Summary) -> list[Claim]:
    """What readers are tempted to conclude, for a summary whose CSV lists no claim."""
    if len(summary.groups) == 1:
        return [Claim(f"At least half of the patients are free of {summary.event} at {time:g} {summary.time_unit}",
                      f"survival.{time:g}({summary.groups[0]}) >= 50", "usual question") for time in summary.survival_at]
    first, second = summary.groups
    return [
        Claim(f"The median is longer in {second} than in {first}", f"median({second}) > median({first})", "usual question"),
        Claim("The groups differ beyond chance (two-sided log-rank P < 0.05)", "p < 0.05", "usual question"),
        Claim("The interval of the hazard ratio lies above one", "hazard_ratio.lower > 1", "usual question"),
        Claim("The interval of the hazard ratio lies below one", "hazard_ratio.upper < 1", "usual question"),
        *(Claim(f"More of {second} than of {first} are free of {summary.event} at {time:g} {summary.time_unit}",
                f"survival.{time:g}({second}) > survival.{time:g}({first})", "usual question") for time in summary.survival_at)]


def judge(ensemble: Ensemble) -> list[Verdict]:
    """Judge every claim of a summary, or the usual ones where it lists none.

    Parameters
    ----------
    ensemble : Ensemble
        From `lib.another_paper.ensemble.find_cohorts`.

    Returns
    -------
    list of Verdict

    Raises
    ------
    PaperError
        For a claim that cannot be read.
    """
    summary = ensemble.summary
    claims = list(summary.claims) or usual_claims(summary)
    predicates = [parse_predicate(claim, summary, ensemble.layout.names) for claim in claims]
    return [_judged(ensemble, claim, predicate, number) for number, (claim, predicate) in enumerate(zip(claims, predicates, strict=True))]


def _judged(ensemble: Ensemble, claim: Claim, predicate: Predicate | None, number: int) -> Verdict:
    if predicate is None:
        return Verdict(claim, "not testable", 0, 0, f"No cohort can judge it: it {claim.predicate}.")
    decided = _decided_by_print(ensemble.summary, predicate)
    left = ensemble.values(predicate.left)
    right = ensemble.values(predicate.right) if isinstance(predicate.right, str) else np.full(len(left), predicate.right)
    known = ~(np.isnan(left) | np.isnan(right))
    true = predicate.holds(left[known], right[known])
    n_true, n_judged = int(true.sum()), int(known.sum())
    if decided is not None:
        return Verdict(claim, "implied" if decided else "contradicted", n_true, n_judged, "The printed figures alone decide it.")
    if not n_judged:
        return Verdict(claim, "not judged", 0, 0, "No cohort was found that could judge it.")
    if 0 < n_true < n_judged:
        return Verdict(claim, "undecided", n_true, n_judged, "Cohorts of both kinds agree with the print.")
    all_true = n_true == n_judged
    starts = np.flatnonzero(known)
    if _counterexample(ensemble, predicate, starts, all_true, number):
        return Verdict(claim, "undecided", n_true, n_judged, f"It is {'true' if all_true else 'false'} in every cohort drawn; a search found one "
                                                             "in which it is not.")
    effort = f"{SEARCH_STEPS:,} steps from each of {min(SEARCH_STARTS, len(starts))} cohorts"
    return Verdict(claim, "held in all found" if all_true else "held in none found", n_true, n_judged,
                   f"A search for a cohort in which it is {'false' if all_true else 'true'} failed ({effort}).")


def _decided_by_print(summary: Summary, predicate: Predicate) -> bool | None:
    """Whether every value that prints as printed makes the comparison true, or false; None where the print leaves it open."""
    ends = []
    for name in (predicate.left, predicate.right):
        figure = printed_value(summary, name) if isinstance(name, str) else None
        if isinstance(name, str) and figure is None:
            return None
        ends.append((name, name) if figure is None else (figure.lower, figure.upper))
    (low, high), (right_low, right_high) = ends
    if not predicate.above:
        low, high, right_low, right_high = -high, -low, -right_high, -right_low
    if low > right_high or (low == right_high and not predicate.strict):
        return True
    return False if high < right_low or (high == right_low and predicate.strict) else None


def _counterexample(ensemble: Ensemble, predicate: Predicate, starts: np.ndarray, all_true: bool, number: int) -> bool:
    """Whether a climb from the cohorts nearest to it ends in one where the comparison is the other way."""
    from lib.another_paper import figures as kernels  # compiled code takes long to load

    left, right, constant, sign = _direction(ensemble, predicate, all_true)
    values = ensemble.figures[:, left] - (constant if right < 0 else ensemble.figures[:, right])
    nearest = starts[np.argsort(sign * values[starts], kind="stable")[:SEARCH_STARTS]]
    for turn, cohort in enumerate(nearest):
        months, died, first = (part[cohort].copy() for part in (ensemble.months, ensemble.died, ensemble.first))
        settings = ensemble.settings
        kernels.climb(months, died, first, settings[0], ensemble.same_events, *settings[1:], len(ensemble.layout.names), *ensemble.printed,
                      left, right, constant, sign, SEARCH_STEPS, 1000 * number + turn + ensemble.search.seed)
        figures = np.empty(len(ensemble.layout.names))
        kernels.figures_of(months, died, first, *settings, figures)
        ends = [float(ensemble.scale.outward(kind_of(predicate.left), figures[[place]])[0]) if place >= 0 else predicate.right
                for place in (left, right)]
        if not any(map(math.isnan, ends)) and bool(predicate.holds(*ends)) != all_true:
            return True
    return False


def _direction(ensemble: Ensemble, predicate: Predicate, all_true: bool) -> tuple[int, int, float, float]:
    """Places, constant and sign with which a climb makes the comparison fail (or, if it never held, hold)."""
    names, kind = ensemble.layout.names, kind_of(predicate.left)
    left = names.index(predicate.left)
    right = names.index(predicate.right) if isinstance(predicate.right, str) else -1
    constant = 0.0 if right >= 0 else ensemble.scale.inward(kind, predicate.right) if kind != "time" else predicate.right * ensemble.scale.factor
    downwards = predicate.above == all_true
    if kind == "p":  # a small P is a large z
        downwards = not downwards
    return left, right, float(np.clip(constant, -NEVER, NEVER)), 1.0 if downwards else -1.0


def extremes(ensemble: Ensemble, name: str, seed: int = 0) -> tuple[float, float]:
    """The least and greatest value of a figure in any cohort found, after a search for lower and higher ones.

    Parameters
    ----------
    ensemble : Ensemble
        Not empty.
    name : str
        A name of its layout.
    seed : int

    Returns
    -------
    tuple of float
        In the paper's units; the true range is at least as wide. NaN where the figure exists in no cohort.
    """
    from lib.another_paper import figures as kernels  # compiled code takes long to load

    place, kind, settings = ensemble.layout.names.index(name), kind_of(name), ensemble.settings
    inner, ends = ensemble.figures[:, place], []
    known = np.flatnonzero(~np.isnan(inner))
    if not len(known):
        return math.nan, math.nan
    for sign in (1.0, -1.0):
        starts = known[np.argsort(sign * inner[known], kind="stable")[:SEARCH_STARTS]]
        best = float((sign * inner[starts]).min())
        for turn, start in enumerate(starts):
            months, died, first = (part[start].copy() for part in (ensemble.months, ensemble.died, ensemble.first))
            best = min(best, kernels.climb(months, died, first, settings[0], ensemble.same_events, *settings[1:], len(ensemble.layout.names),
                                           *ensemble.printed, place, -1, 0.0, sign, SEARCH_STEPS, seed + SEARCH_STARTS * place + turn))
        ends.append(sign * best)
    ends = ensemble.scale.outward(kind, np.array(ends))
    return float(ends.min()), float(ends.max())
