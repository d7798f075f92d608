"""What the verdict chapter shows: results handed on by the other chapters, and the ledger as tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib.published import read_results
from lib.quantity_names import readable
from lib.refusal import Refusal

SECTIONS = ("Abstract", "Main points", "Methods", "Results", "Figures", "Table 1", "Table 2", "Table 3", "Discussion")
ROOT = Path(__file__).resolve().parent.parent


class NothingHandedOn(Refusal, FileNotFoundError):
    """No chapter has handed on results; the message says how to get them."""


@dataclass(frozen=True)
class HandedOn:
    """What the chapters before recomputed.

    Attributes
    ----------
    entries : dict
        Quantity -> entry, as `lib.published.judge` takes them.
    not_the_papers : tuple of str
        Choices that differed from the paper's, as ``parameter (chapter)``; empty for the published analysis.
    """

    entries: dict[str, dict]
    not_the_papers: tuple[str, ...]


def results_folder(out: Path, own_chapter: str = "05_verdict") -> Path:
    """The folder to read results from: the run's own, or the last published run in a live notebook.

    Parameters
    ----------
    out : Path
        Where the chapter writes.
    own_chapter : str
        The reading chapter, whose own earlier results do not count.

    Returns
    -------
    Path

    Raises
    ------
    NothingHandedOn
        If no chapter has handed on results.
    """
    for folder in (Path(out) / "results", ROOT / "build" / "results"):
        if any(path.stem != own_chapter for path in folder.glob("*.json")):
            return folder
    raise NothingHandedOn("No results of the other chapters are found: run them first, with 'python -m lib.run'.")


def read_handed_on(folder: Path, own_chapter: str = "05_verdict") -> HandedOn:
    """Read the results of the chapters before.

    Parameters
    ----------
    folder : Path
        From `results_folder`.
    own_chapter : str
        Left out.

    Returns
    -------
    HandedOn
    """
    entries = {quantity: entry for quantity, entry in read_results(folder).items() if entry["chapter"] != own_chapter}
    changed = []
    for path in sorted(Path(folder).glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["chapter"] != own_chapter:
            changed += [f"{name} ({document['chapter']})" for name in document.get("not_the_papers", [])]
    return HandedOn(entries, tuple(changed))


def section_of(place: str) -> str:
    """The part of the paper that a place belongs to; captions and axes count as figures."""
    head = place.partition(":")[0].partition(",")[0]
    return "Figures" if head.startswith("Figure") else head


def by_section(judged: pd.DataFrame) -> pd.DataFrame:
    """Number of figures by part of the paper and verdict.

    Parameters
    ----------
    judged : DataFrame
        From `lib.published.judge`.

    Returns
    -------
    DataFrame
        Index: parts in the paper's order; columns: the verdicts that occur.
    """
    counts = pd.crosstab(judged.place.map(section_of), judged.verdict)
    verdicts = [v for v in ("reproduced", "method", "differs", "not derivable", "unaccounted") if v in counts or v == "differs"]
    order = [section for section in SECTIONS if section in counts.index]
    order += [section for section in counts.index if section not in order]
    return counts.reindex(index=order, columns=verdicts, fill_value=0)


def differing(judged: pd.DataFrame) -> pd.DataFrame:
    """The figures that differ, with what is known of the reason."""
    rows = judged[judged.verdict == "differs"]
    return pd.DataFrame({"Figure": rows.quantity.map(readable), "Printed": rows.printed, "Recomputed": rows.recomputed,
                         "Where printed": rows.place, "Note": rows.note})


def whole_ledger(judged: pd.DataFrame) -> pd.DataFrame:
    """The ledger by chapter, one line per quantity and printed string.

    Parameters
    ----------
    judged : DataFrame
        From `lib.published.judge`.

    Returns
    -------
    DataFrame
        ``chapter``, ``Figure``, ``Printed``, ``Recomputed``, ``Verdict``, ``Where printed``.
    """
    shown = judged.assign(
        chapter=judged.chapter.map(_chapter_title), Figure=judged.quantity.map(readable) + " (" + judged.unit + ")",
        Verdict=judged.verdict.where(judged.as_expected, judged.verdict + " (unexpected)"))
    shown = shown.rename(columns={"printed": "Printed", "recomputed": "Recomputed", "place": "Where printed"})
    keys = ["chapter", "Figure", "Printed", "Recomputed", "Verdict"]
    return shown.sort_values("chapter", kind="stable").groupby(keys, sort=False)["Where printed"].agg("; ".join).reset_index()


def _chapter_title(name: str) -> str:
    return f"Chapter {int(name[:2])}: {name[3:].replace('_', ' ')}" if name else "No chapter"
