"""The verdicts on all printed figures at a glance, each with the way to the cell that computes it."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import pandas as pd

from lib.published import judge, summary
from lib.quantity_names import readable

CONTRADICTIONS = "contradictions.count"

#: Verdicts in the order in which a reader wants them, with the heading and what the verdict means.
SECTIONS = {
    "differs": ("differ", "The value recomputed from the rows does not print as published."),
    "not derivable": ("not derivable", "The rows cannot tell: they hold no calendar date, for instance."),
    "unaccounted": ("not recomputed", "No chapter of this run recomputes the figure."),
    "reproduced": ("reproduced", "The value recomputed from the rows prints as published."),
    "method": ("of method, respected", "A figure of the protocol, such as a dose, which the rows respect."),
}


@dataclass(frozen=True)
class Tile:
    """One number of the dashboard: ``count`` figures ``what``, and the page that lists them."""

    count: int
    what: str
    place: str


@dataclass(frozen=True)
class Dashboard:
    """The verdicts, computed from what the chapters handed on.

    Attributes
    ----------
    judged : DataFrame
        From `lib.published.judge`, with ``cell``: page and anchor of the computing cell, or empty.
    counts : dict of str to int
        From `lib.published.summary`.
    contradictions : int or None
        Places where printed figures exclude each other; None where no chapter counted them.
    contradictions_place : str
        Page and anchor of the cell that counts them.
    """

    judged: pd.DataFrame
    counts: dict[str, int]
    contradictions: int | None
    contradictions_place: str

    @property
    def tiles(self) -> list[Tile]:
        """Its numbers in reading order; verdicts that no figure has are left out."""
        found = self.judged.verdict.value_counts()
        order = ["reproduced", "method", "differs", "not derivable", "unaccounted"]
        tiles = [Tile(int(found[verdict]), SECTIONS[verdict][0], f"dashboard.html#{anchor(verdict)}") for verdict in order if verdict in found]
        if self.contradictions is not None:
            tiles.append(Tile(self.contradictions, "contradictions in the paper itself", self.contradictions_place))
        return tiles


def read_dashboard(documents: dict[str, dict], ledger: pd.DataFrame) -> Dashboard:
    """Judge the ledger by what the chapters handed on.

    Parameters
    ----------
    documents : dict of str to dict
        Chapter name to its ``results/NN_name.json``.
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    Dashboard
    """
    entries, cells = {}, places_of_cells(documents)
    for name, document in documents.items():
        entries |= {quantity: entry | {"chapter": name} for quantity, entry in document.get("quantities", {}).items()}
    judged = judge(ledger, entries)
    judged["cell"] = [cells.get(quantity, "") for quantity in judged.quantity]
    counted = entries.get(CONTRADICTIONS, {}).get("value")
    return Dashboard(judged, summary(judged), counted, cells.get(CONTRADICTIONS, ""))


def places_of_cells(documents: dict[str, dict]) -> dict[str, str]:
    """For each recorded quantity the cell that recorded it: ``"os.median"`` to ``"04_survival.html#cell-7"``."""
    return {
        quantity: f"{name}.html#cell-{number}"
        for name, document in documents.items()
        for quantity, number in document.get("cells", {}).items()
    }


def anchor(verdict: str) -> str:
    """The name of a verdict's section in an address."""
    return verdict.replace(" ", "-")


def page(dashboard: Dashboard) -> str:
    """The dashboard's own page, in Markdown: one table for each verdict, one line for each figure.

    Parameters
    ----------
    dashboard : Dashboard

    Returns
    -------
    str
    """
    parts = [
        "---\nhtml_theme.sidebar_secondary.remove: true\n---\n",
        "# Every printed figure and its verdict\n",
        f"The ledger lists {dashboard.counts['published']} figures that the paper prints of its own study, place by place. "
        "Each line leads to the cell that computes the figure from the rows. Places that print the same string share a line.\n",
    ]
    for verdict, (what, meaning) in SECTIONS.items():
        rows = dashboard.judged[dashboard.judged.verdict == verdict]
        if len(rows):
            parts.append(f"({anchor(verdict)})=\n## {len(rows)} {what}\n\n{meaning}\n\n{_table(rows, what)}\n")
    return "\n".join(parts)


def _table(rows: pd.DataFrame, name: str) -> str:
    keys = ["quantity", "unit", "printed", "recomputed", "note", "as_expected", "cell"]
    grouped = rows.groupby(keys, sort=False)["place"].agg("; ".join).reset_index()
    notes = grouped.note.any()
    heads = ["Figure", "Printed", "Recomputed", "Where printed", *(["Note"] if notes else []), "Computed in"]
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "\n".join(_line(row, notes) for row in grouped.itertuples())
    return (
        f'<div class="ledger" role="region" aria-label="Figures {html.escape(name)}" tabindex="0">\n'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n</div>\n"
    )


def _line(row, notes: bool) -> str:
    unexpected = "" if row.as_expected else " <strong>(unexpected)</strong>"
    number = row.cell.rpartition("-")[2]
    link = f'<a href="{row.cell}">Chapter {int(row.cell[:2])}, cell {number}</a>' if row.cell else "–"
    cells = [row.printed, row.recomputed, row.place, *([row.note] if notes else [])]
    texts = "".join(f"<td>{html.escape(text)}</td>" for text in cells)
    code = re.sub(r"([._])", r"\1<wbr>", html.escape(row.quantity))  # where a long name may break
    name = f"{html.escape(readable(row.quantity))} ({html.escape(row.unit)})"
    return f'<tr><th scope="row">{name}{unexpected}<br><code>{code}</code></th>{texts}<td>{link}</td></tr>'
