"""The paper's claims, each evaluated on recomputed figures and on the literature it compares itself with."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from lib.narrative import join
from lib.published import DATA, LedgerError, agrees, read_ledger
from lib.quantity_names import readable
from lib.refusal import Refusal

CLAIM_COLUMNS = ["claim", "place", "relation", "subject", "object", "p", "note"]
RELATIONS = ("above", "below", "within", "not significant", "printed in", "needs a control arm")
ALPHA = 0.05

# Which rows of data/literature.csv a claim's object stands for.
LITERATURE_GROUPS = {
    "literature:doxorubicin os": ("doxorubicin", "os.median"),
    "literature:liver-directed os": ("liver-directed", "os.median"),
    "literature:resection os": ("resection", "os.median"),
}


class ClaimError(Refusal, ValueError):
    """The claims table cannot be evaluated; the message names the row and the remedy."""


def read_claims(path: str | Path | None = None) -> pd.DataFrame:
    """Read the table of claims.

    Parameters
    ----------
    path : path, optional
        A CSV with the columns of ``data/claims.csv`` (the default).

    Returns
    -------
    DataFrame of str

    Raises
    ------
    ClaimError
        Naming row and remedy, if a column is missing or a relation is unknown.
    """
    path = Path(path) if path else DATA / "claims.csv"
    claims = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [column for column in CLAIM_COLUMNS if column not in claims]
    if missing:
        raise ClaimError(f"{path.name}: column {missing[0]} is missing; the table needs {', '.join(CLAIM_COLUMNS)}.")
    for row, relation in enumerate(claims.relation, start=2):
        if relation not in RELATIONS:
            raise ClaimError(f"{path.name}, row {row}: relation '{relation}' is unknown; use one of {', '.join(RELATIONS)}.")
    return claims


def judge_claims(claims: pd.DataFrame, entries: dict[str, dict], literature: pd.DataFrame) -> pd.DataFrame:
    """Evaluate each claim.

    Parameters
    ----------
    claims : DataFrame
        From `read_claims`.
    entries : dict
        Recomputed quantities (`lib.verdicts.read_handed_on`).
    literature : DataFrame
        From `lib.literature.read_literature`.

    Returns
    -------
    DataFrame
        ``Claim``, ``Where printed``, ``Verdict`` (holds, does not hold, not testable, not computed) and
        ``What shows it``.
    """
    judged = [_judge(claim, entries, literature) for claim in claims.itertuples()]
    return pd.DataFrame({
        "Claim": claims.claim, "Where printed": claims.place, "Verdict": [verdict for verdict, _ in judged],
        "What shows it": [_with_note(evidence, note) for (_, evidence), note in zip(judged, claims.note)]})


def quoted_studies(literature: pd.DataFrame) -> pd.DataFrame:
    """What the paper prints of other studies, beside what their abstracts say.

    Parameters
    ----------
    literature : DataFrame
        From `lib.literature.read_literature`.

    Returns
    -------
    DataFrame
        ``Study``, ``Figure``, ``Abstract``, ``The paper``, ``Verdict`` (agrees, differs) and ``Note``; only figures
        that both print.
    """
    both = literature[(literature.source == "abstract") & (literature.paper_prints != "") & literature.value.notna()]
    return pd.DataFrame({
        "Study": both.study, "Figure": both.quantity.map(readable) + " (" + both.subgroup + ")",
        "Abstract": both.value.map("{:g}".format), "The paper": both.paper_prints,
        "Verdict": [_quoted(value, printed) for value, printed in zip(both.value, both.paper_prints)],
        "Note": both.note})


def _quoted(value: float, printed: str) -> str:
    try:
        return "agrees" if agrees(value, printed) else "differs"
    except LedgerError:
        return "not comparable"


def _judge(claim, entries: dict, literature: pd.DataFrame) -> tuple[str, str]:
    if claim.relation == "needs a control arm":
        return "not testable", "One arm: there is nobody untreated, or treated otherwise, to compare with."
    if claim.relation == "printed in":
        return _judge_printed(claim.subject, claim.object)
    if claim.object.startswith("literature:"):
        return _judge_literature(claim, _value(entries, claim.subject), literature)
    subject, other, p = (_value(entries, name) for name in (claim.subject, claim.object, claim.p))
    if claim.relation == "not significant":
        return _judge_insignificance(subject, other, p)
    if subject is None or other is None:
        return "not computed", "A figure it compares was not recomputed."
    holds = subject > other if claim.relation == "above" else subject < other
    return _verdict(holds), f"{_show(subject)} against {_show(other)}{_chance(p)}."


def _judge_insignificance(subject, other, p) -> tuple[str, str]:
    if p is None:
        return "not computed", "Its P value was not recomputed."
    return _verdict(p >= ALPHA), f"{_show(subject)} against {_show(other)}, P = {p:.3f}."


def _judge_printed(stem: str, table: str) -> tuple[str, str]:
    """Whether the ledger holds a figure of the quantity at the place."""
    ledger = read_ledger()
    there = ledger[ledger.place.str.startswith(table)]
    found = there.quantity.str.startswith(stem).any()
    survival = sorted({quantity.split(".")[0] for quantity in there.quantity if quantity.startswith("os_")})
    if found:
        return _verdict(True), f"{table} prints it."
    named = [f"{words[:1].lower()}{words[1:]}" for words in map(readable, survival)]
    return _verdict(False), f"{table} prints {join(named)} only." if named else f"{table} prints no survival."


def _judge_literature(claim, subject, literature: pd.DataFrame) -> tuple[str, str]:
    topic, quantity = LITERATURE_GROUPS[claim.object]
    rows = literature[(literature.topic == topic) & (literature.quantity == quantity)]
    rows = rows[rows.value.notna()]
    if subject is None or rows.empty:
        return "not computed", "A figure it compares is missing."
    values = rows.value
    holds = {"above": (subject > values).all(), "below": (subject < values).all(),
             "within": values.min() <= subject <= values.max()}[claim.relation]
    studies = "; ".join(f"{row.study} {row.value:g} from {row.time_origin}" for row in rows.itertuples())
    return _verdict(bool(holds)), f"{_show(subject)} against {studies}."


def _value(entries: dict, quantity: str) -> float | None:
    value = entries.get(quantity, {}).get("value")
    return value if isinstance(value, (int, float)) and not math.isnan(value) else None


def _show(value: float | None) -> str:
    return "not computed" if value is None else "not reached" if math.isinf(value) else f"{value:.1f}"


def _chance(p: float | None) -> str:
    if p is None:
        return ""
    return f", P = {p:.3f}: {'chance alone could explain it' if p >= ALPHA else 'chance alone explains it poorly'}"


def _verdict(holds: bool) -> str:
    return "holds" if holds else "does not hold"


def _with_note(evidence: str, note: str) -> str:
    return f"{evidence} {note}." if note else evidence
