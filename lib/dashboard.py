"""The verdicts at a glance, each with the way to the cell that computes it: printed figures, claims, what is not printed.

``python -m lib.dashboard`` writes the README's dashboard from ``build/results``.
"""

from __future__ import annotations

import html
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lib.published import judge, read_ledger, summary
from lib.quantity_names import in_print, readable

CONTRADICTIONS = "contradictions.count"
CLAIMS, GRADES = re.compile(r"ensemble_claims\.(\w+)\.count"), re.compile(r"identified\.(\w+)\.count")
"""Quantities that count claims by verdict, and numbers that the paper does not print by grade."""

#: Verdicts in the order in which a reader wants them, with the heading and what the verdict means.
SECTIONS = {
    "differs": ("differ", "The value recomputed from the rows does not print as published."),
    "not derivable": ("not derivable", "The rows cannot tell: they hold no calendar date, for instance."),
    "unaccounted": ("not recomputed", "No chapter of this run recomputes the figure."),
    "reproduced": ("reproduced", "The value recomputed from the rows prints as published."),
    "method": ("protocol figures kept", "A figure of the protocol, such as a dose, which the rows respect."),
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
    claims, grades : list of Tile
        Claims held against every cohort found, by verdict; numbers that the paper does not print, by how far it pins them.
        Empty where no chapter counted them.
    """

    judged: pd.DataFrame
    counts: dict[str, int]
    contradictions: int | None
    contradictions_place: str
    claims: list[Tile] = field(default_factory=list)
    grades: list[Tile] = field(default_factory=list)

    @property
    def tiles(self) -> list[Tile]:
        """Its numbers in reading order; verdicts that no figure has are left out."""
        found = self.judged.verdict.value_counts()
        order = ["reproduced", "method", "differs", "not derivable", "unaccounted"]
        tiles = [Tile(int(found[verdict]), SECTIONS[verdict][0], f"dashboard.html#{anchor(verdict)}") for verdict in order if verdict in found]
        if self.contradictions is not None:
            tiles.append(Tile(self.contradictions, "contradictions and oddities in the paper itself", self.contradictions_place))
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
    return Dashboard(judged, summary(judged), counted, cells.get(CONTRADICTIONS, ""), _tiles(CLAIMS, entries, cells), _tiles(GRADES, entries, cells))


def _tiles(pattern: re.Pattern, entries: dict[str, dict], cells: dict[str, str]) -> list[Tile]:
    """A tile for each recorded count whose name fits, in the order recorded; what nothing has is left out."""
    found = [(pattern.fullmatch(name), entry["value"], cells.get(name, f"{entry['chapter']}.html")) for name, entry in entries.items()]
    return [Tile(int(count), name[1].replace("_", " "), place) for name, count, place in found if name and count]


README = Path(__file__).resolve().parents[1] / "README.md"
_BLOCK = re.compile(r"<!-- dashboard: begin -->\n.*?<!-- dashboard: end -->", re.S)


def readme_block(dashboard: Dashboard) -> str:
    """The dashboard as the README shows it, in Markdown between its two marks; links lead to the notebooks."""
    lines = ["| What was held against the paper | Found |", "|---|---|"]
    rows = [(f"{dashboard.counts['published']} printed figures", [tile for tile in dashboard.tiles if tile.place.startswith("dashboard")], "05_verdict"),
            ("The paper against itself", [tile for tile in dashboard.tiles if not tile.place.startswith("dashboard")], "05_verdict"),
            (f"{sum(tile.count for tile in dashboard.claims)} claims", dashboard.claims, "06_identified"),
            (f"{sum(tile.count for tile in dashboard.grades)} numbers that it does not print", dashboard.grades, "06_identified")]
    lines += [f"| [{name}](notebooks/{chapter}.ipynb) | {', '.join(f'{tile.count} {tile.what}' for tile in tiles)} |"
              for name, tiles, chapter in rows if tiles]
    return "\n".join(["<!-- dashboard: begin -->", *lines, "<!-- dashboard: end -->"])


def with_block(readme: str, block: str) -> str:
    """The README's text with its dashboard made anew."""
    return _BLOCK.sub(lambda _: block, readme)


def main(results: Path) -> None:
    """Write the README's dashboard from the results of a run of the published analysis."""
    documents = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(results.glob("*.json"))}
    README.write_text(with_block(README.read_text("utf-8"), readme_block(read_dashboard(documents, read_ledger()))), encoding="utf-8")


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


def page(dashboard: Dashboard, claims: pd.DataFrame | None = None) -> str:
    """The dashboard's own page, in Markdown: one table for each verdict, one line for each figure; then the claims.

    Parameters
    ----------
    dashboard : Dashboard
    claims : DataFrame, optional
        ``claim``, ``place``, ``verdict`` and ``ground``, one row a claim held against every cohort found.

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
    if claims is not None and len(claims) and dashboard.claims:
        parts.append(f"(claims)=\n## {len(claims)} claims\n\nEach is held against every cohort found that agrees with the printed figures.\n\n"
                     f"{_claims_table(claims, {tile.what: tile.place for tile in dashboard.claims})}\n")
    return "\n".join(parts)


def _claims_table(claims: pd.DataFrame, cells: dict[str, str]) -> str:
    """One line a claim, with the way to the cell that counts its verdict."""
    heads = "".join(f'<th scope="col">{each}</th>' for each in ("Claim", "Verdict", "Stands on", "Where made", "Judged in"))
    lines = []
    for row in claims.itertuples():
        cell = cells.get(row.verdict, "")
        link = f'<a href="{cell}">{_place_in_words(cell)}</a>' if cell else "–"
        texts = "".join(f"<td>{html.escape(str(text))}</td>" for text in (row.verdict, row.ground or "cohorts found", row.place))
        lines.append(f'<tr><th scope="row">{html.escape(row.claim)}</th>{texts}<td>{link}</td></tr>')
    return ('<div class="ledger" role="region" aria-label="Claims" tabindex="0">\n'
            f"<table><thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody></table>\n</div>\n")


def _place_in_words(cell: str) -> str:
    """``04_survival.html#cell-7`` as ``Chapter 4, cell 7``."""
    chapter, _, anchored = cell.partition(".html")
    return f"Chapter {int(chapter[:2])}" + (f", cell {anchored.rpartition('-')[2]}" if anchored else "")


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
    name = f"{html.escape(readable(row.quantity))} ({html.escape(in_print(row.unit))})"
    return f'<tr><th scope="row">{name}{unexpected}<br><code>{code}</code></th>{texts}<td>{link}</td></tr>'


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else README.parent / "build" / "results")
