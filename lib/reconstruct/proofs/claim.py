"""What a proof says: a claim about all cohorts, the verdict on it, and what was tried to reach it."""

from __future__ import annotations

from dataclasses import dataclass

IMPOSSIBLE, POSSIBLE, NOT_FOUND = "impossible", "possible", "not found"


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


def words(quantity: str) -> str:
    """A ledger name as a reader would say it: ``os_liver_metastasis`` is "survival from liver metastasis"."""
    stem, _, part = quantity.rpartition(".") if quantity.endswith((".median", ".lower", ".upper", ".p", ".mean")) else (quantity, "", "")
    parts = {"lower": "lower limit of ", "upper": "upper limit of ", "median": "median of ", "p": "P value of ", "mean": "mean of "}
    clock, _, group = stem.partition(".")
    said = clock.replace("os_", "survival from ", 1) if clock.startswith("os_") else clock
    said = said.replace("liver_pfs", "liver PFS").replace("meld", "MELD") + (f" ({group.replace('.', ': ')})" if group else "")
    return parts.get(part, "") + said.replace("_", " ").replace("meld", "MELD")
