"""What a proof says: a claim about all cohorts, the verdict on it, and what was tried to reach it."""

from __future__ import annotations

from dataclasses import dataclass

IMPOSSIBLE, POSSIBLE, NOT_FOUND = "impossible", "possible", "not found"


def decided(possible) -> str:
    """The verdict where everything was tried: whether anything is left."""
    return POSSIBLE if possible else IMPOSSIBLE


@dataclass(frozen=True)
class Proof:
    """A claim about every cohort that could stand behind the printed figures.

    Attributes
    ----------
    claim : str
        What is asked for, in a reader's words.
    verdict : str
        ``impossible``: nothing was left untried, or a programme without a solution; ``possible``: an example was
        found and checked; ``not found``: neither.
    method : str
        How everything was tried, and how much that was.
    evidence : str
        What came out, in figures.
    quantities : tuple of str
        The ledger's figures that the claim is about.
    """

    claim: str
    verdict: str
    method: str
    evidence: str
    quantities: tuple[str, ...] = ()
