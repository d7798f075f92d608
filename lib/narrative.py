"""What a chapter says and hands on: computed sentences, numbered figures and tables, recorded quantities."""

from __future__ import annotations

import gc
import html as _html
import json
import math
import os
import re
import sys
import tempfile
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path

from lib import REHEARSAL, downloads, published
from lib.aside import Aside
from lib.kept import Product
from lib.parameters import changed_from_paper, check_parameters
from lib.quantity_names import in_print, readable

ROOT = Path(__file__).resolve().parent.parent
NOT_REACHED = "not reached"


# -- text ----------------------------------------------------------------------------------------------

_FOR_PUBLICATION = ContextVar("for publication", default=None)
"""The `lib.privacy.Publication` of the chapter at hand; None where every count is shown."""


def say(text: str) -> None:
    """Show a computed sentence (Markdown) as output of the cell; nothing to say shows nothing."""
    if text:
        _display({"text/markdown": _publishable(text)})


def _publication(study, parameters: dict):
    """What is shown of a cohort whose chapters are to be published; None where all of it is."""
    if not parameters.get("publish"):
        return None
    from lib.privacy import Publication  # needed, and loaded, for publication only

    labels = () if study is None else tuple(study.patients["patient"])
    return Publication(parameters["smallest_count"], labels)


def _publishable(text: str) -> str:
    publication = _FOR_PUBLICATION.get()
    return publication.sentence(text) if publication else text


def plain(text) -> str:
    """Text from data made safe for Markdown and HTML: it shows as written and runs as nothing.

    Character references are the one escape that Markdown, HTML and the formula reader of notebooks all
    leave alone; a line break becomes a space, since a new line may start a heading or a list.

    Parameters
    ----------
    text : object

    Returns
    -------
    str
    """
    words = " ".join(str(text).split())
    return "".join(char if char.isalnum() or (i and char in " ,/%(-") else f"&#{ord(char)};"
                   for i, char in enumerate(words))


def number(value: float | None, decimals: int = 1) -> str:
    """A number at the given decimals (half away from zero), or a dash where it is missing."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return NOT_REACHED
    return f"{published.round_half_up(value, decimals):.{decimals}f}"


def months(value: float | None, decimals: int = 1) -> str:
    """A time in months without its unit; infinite or missing is ``not reached``."""
    return NOT_REACHED if value is None or not math.isfinite(value) else number(value, decimals)


def interval(lower: float | None, upper: float | None, decimals: int = 1) -> str:
    """``22.9 to 31.0``; a limit that does not exist is ``not reached``."""
    return f"{months(lower, decimals)} to {months(upper, decimals)}"


def percent(count: int, of: int, decimals: int = 1) -> str:
    """``10/24 (41.7%)``; of nobody, ``0/0``."""
    return f"{count}/{of}" + (f" ({number(100 * count / of, decimals)}%)" if of else "")


def p_value(p: float | None) -> str:
    """``P = 0.102``, ``P < 0.001``, or ``P not computed``."""
    if p is None or math.isnan(p):
        return "P not computed"
    return "P < 0.001" if p < 0.0005 else f"P = {number(p, 3)}"


def join(items, last: str = "and") -> str:
    """``a, b and c``."""
    items = [str(item) for item in items]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else "none"


# -- a chapter -----------------------------------------------------------------------------------------

class Chapter:
    """One notebook's figures, tables and recorded quantities.

    Parameters
    ----------
    name : str
        The notebook's stem, e.g. ``"04_survival"``.
    study : Cohort or None
        The cohort the chapter reads (`lib.cohort.read_cohort`); None for a chapter that reads results.
    whose : str
        Who the patients are, where the usual sentence of the banner does not hold. Markdown.
    **parameters
        Every analysis choice of the chapter's parameters cell.

    Raises
    ------
    ParameterError
        One sentence for a value outside what is allowed.

    Notes
    -----
    Under ``python -m lib.run`` the output folder comes in the environment variable ``STUDY_OUT`` and files
    are written; in a live notebook results go to ``build/lab`` and figure and table files are left out,
    so that a re-run answers at once. Where ``STUDY_PREVIEW`` is set (`lib.watch`) they are left out too, and what is shown
    and was not kept (`lib.kept`) is drawn by forks while the chapter goes on, and put in its place when the chapter hands on
    its results. Where ``STUDY_NO_PRINT_FILES`` is set (`lib.sites`), only what is for print is left out: figures' files and
    Word tables.
    """

    def __init__(self, name: str, study=None, *, whose: str = "", **parameters):
        _keep_what_is_loaded()
        check_parameters(parameters)
        self.name, self.study, self.parameters = name, study, parameters
        self.changed = changed_from_paper(parameters)
        self.writes_files = "STUDY_OUT" in os.environ and "STUDY_PREVIEW" not in os.environ
        self.is_preview = {"STUDY_OUT", "STUDY_PREVIEW"} <= os.environ.keys()
        self.writes_print_files = self.writes_files and "STUDY_NO_PRINT_FILES" not in os.environ
        self.out = Path(os.environ.get("STUDY_OUT", ROOT / "build" / "lab"))
        self.quantities: dict[str, dict] = {}
        self.cells: dict[str, int] = {}
        self.marked: set[str] = set()
        self.listed: dict[str, list[dict]] = {"figures": [], "tables": []}
        self.aside = Aside()
        self.unseen: list[tuple] = []
        self.publication = _publication(study, parameters)
        self.whose_patients = downloads.whose_patients(study, whose, bool(self.publication))
        _FOR_PUBLICATION.set(self.publication)
        self._use_style()
        say(banner(study, self.changed, whose))

    @property
    def is_published_analysis(self) -> bool:
        """True for our cohort under the paper's own choices."""
        return not self.changed and (self.study is None or self.study.invented)

    def figure(self, fig, label: str, caption: str, alt: str, individual: bool = False, counts=()) -> None:
        """Show a figure with its numbered caption and alternative text, and save it as PNG, SVG and PDF.

        Parameters
        ----------
        fig : matplotlib Figure or Axes, or None
            None where nothing could be drawn: nothing is shown, and the chapter's sentence says why.
        label : str
            Number in the text, e.g. ``"4.1"``.
        caption : str
            What is shown, of whom (n/N), unit and method. Markdown.
        alt : str
            The figure's message in one or two plain sentences, computed from the data.
        individual : bool
            True where single patients can be told apart: such a figure is left out of what is published.
        counts : iterable of int
            Counts of patients that can be read off lengths or positions: where one is too small to be published, so is the figure.
        """
        if fig is None:
            return
        fig = getattr(fig, "figure", fig)
        if self.publication:
            if individual:
                _close(fig)
                say(f"Figure {label} shows single patients and is left out of what is published.")
                return
            if self.publication.reveals(counts):
                _close(fig)
                say(f"Figure {label} shows counts below the smallest that is published, and is left out.")
                return
            self.publication.figure(fig)
            caption, alt = _publishable(caption), _publishable(alt)
        width_px = round(float(fig.get_size_inches()[0]) * 96)
        self._show("image/png", lambda: partial(_drawn, fig), [fig], alt=alt, width=width_px)
        say(f"**Figure {label}.** {caption}")
        self._list("figures", f"figure_{label.replace('.', '_')}", label, caption, alt=alt)
        if self.writes_print_files:
            downloads.load_writers()  # else each fork would load them anew
            self.aside.do(self._save_figure, fig, f"figure_{label.replace('.', '_')}")
        _close(fig)

    def table(self, table, label: str, caption: str, notes=(), individual: bool = False, counts=(), **layout) -> None:
        """Show a table with its numbered caption and save it as CSV, HTML and Word.

        Parameters
        ----------
        table : DataFrame or great_tables.GT, or None
            None where nothing could be computed: nothing is shown, and the chapter's sentence says why.
        label : str
            Number in the text, e.g. ``"4.1"``.
        caption : str
            What is shown, of whom (n/N), unit and method. Markdown.
        notes : sequence of str
            Footnotes (for a DataFrame).
        individual : bool
            True where single patients are listed: such a table is left out of what is published.
        counts : iterable of int
            Counts of patients that its percentages give back: where one is too small to be published, so is the table.
        **layout
            Passed to `lib.tables.render` (for a DataFrame).
        """
        if table is None:
            return
        from lib import tables

        if self.publication:
            if individual:
                say(f"Table {label} lists single patients and is left out of what is published.")
                return
            if self.publication.reveals(counts):
                say(f"Table {label} gives back counts below the smallest that is published, and is left out.")
                return
            layout["labels"] = self.publication.headings(table) | dict(layout.get("labels") or {})
            table, caption = self.publication.table(table, layout.get("group")), _publishable(caption)
            notes = [*map(_publishable, notes), self.publication.note]
        is_laid_out = hasattr(table, "as_raw_html")
        frame = table._tbl_data if is_laid_out else table
        say(f"**Table {label}.** {caption}")

        def begin():
            shown = table if is_laid_out else tables.render(table, notes=notes, **layout)
            return partial(tables.to_html, shown, f"Table {label}")

        html = self._show("text/html", begin, [table, label, notes, layout])
        stem = f"table_{label.replace('.', '_')}"
        self._list("tables", stem, label, caption)
        if self.writes_files:
            folder = _folder(self.out / "tables")
            tables.write_csv(frame, folder / f"{stem}.csv", self.whose_patients)
            title = f"Table {label}. {_unmarked(caption)}"
            (folder / f"{stem}.html").write_text(_page(html, title, self.whose_patients), encoding="utf-8")
        if self.writes_print_files:
            import docx  # noqa: F401 - else each fork would load it anew

            self.aside.do(tables.write_docx, html, title, folder / f"{stem}.docx", self.whose_patients)

    def answered(self, items):
        """Reporting items that name only tables and figures which this chapter shows.

        Parameters
        ----------
        items : DataFrame
            With a column ``Answered in``, whose references may be to what this cohort does not allow.

        Returns
        -------
        DataFrame
        """
        shown = {(kind.rstrip("s"), entry["label"]) for kind in self.listed for entry in self.listed[kind]}
        return items.assign(**{"Answered in": items["Answered in"].map(lambda text: _shown_only(text, shown))})

    def record(self, quantity, value=None, *, holds: bool | None = None, observed: str = "", reason: str = "") -> None:
        """Record a recomputed quantity under its ledger name (or any dotted name of its own).

        Parameters
        ----------
        quantity : str or mapping
            Dotted name, or a mapping of names to values.
        value : float, int, str or None
            None means not computed, with the `reason`. Infinity means not reached.
        holds : bool, optional
            For protocol figures: whether the rows respect the figure.
        observed : str
            What the rows show, e.g. ``"0.4 to 1.8 mg/dL"``.
        reason : str
            Why a value is missing.

        Raises
        ------
        ValueError
            If the quantity was recorded before with another value, or None comes without a reason.
        """
        if not isinstance(quantity, str):
            for name, each in quantity.items():
                self.record(name, each, reason=reason)
            return
        value = _scalar(value)
        if value is None and holds is None and not reason:
            raise ValueError(f"{quantity}: say why it is not computed (reason=...).")
        entry = {"value": value}
        entry |= {"holds": bool(holds)} if holds is not None else {}
        entry |= {"observed": observed} if observed else {}
        entry |= {"reason": reason} if reason else {}
        if self.quantities.get(quantity, entry) != entry:
            raise ValueError(f"{quantity} is recorded twice, as {self.quantities[quantity]['value']} and {value}.")
        self.quantities[quantity] = entry
        if number := _cell_number():
            self.cells[quantity] = number

    def mark(self, quantity: str, label: str = "") -> str:
        """The mark beside a number that the paper does not print: its range over all cohorts that agree with the paper.

        Parameters
        ----------
        quantity : str
            Dotted name (`lib.identified.ranges.lookup`).
        label : str
            What the range is of, where the sentence leaves that open.

        Returns
        -------
        str
            To be put behind the number; blank where this is not the published analysis.
        """
        from lib import open_ranges

        return open_ranges.mark(quantity, label) if self.is_published_analysis else ""

    def of_invented(self, text: str) -> str:
        """A text on what is invented beyond the print; blank for an own cohort."""
        return text if self.study is None or self.study.invented else ""

    def leaves_open(self, *patterns: str) -> None:
        """Show what the paper leaves open of the numbers above: those recorded since the last call, and any named.

        Parameters
        ----------
        *patterns : str
            Dotted names, with ``*`` for any part, of further numbers that are shown and not recorded.
        """
        if not self.is_published_analysis:
            return
        from lib import open_ranges

        printed = set(published.read_ledger().quantity)
        names = [name for name in dict.fromkeys([*self.quantities, *open_ranges.matching(patterns)])
                 if name not in printed and name not in self.marked and not name.startswith(("protocol.", "contradictions."))]
        self.marked.update(names)
        if names:
            _display({"text/html": open_ranges.note(names)})

    def against_paper(self, label: str | None = None):
        """Close the chapter: compare its quantities with the ledger and hand them on.

        Parameters
        ----------
        label : str, optional
            Number of the closing table; the next free one by default.

        Notes
        -----
        Writes ``results/NN_name.json``. Where the cohort is not the reference cohort nothing is compared;
        where a parameter differs from the paper's, the table says that this is not the published analysis.
        """
        self.hand_on()
        if self.study is not None and not self.study.invented:
            say("No publication is held against this cohort: the quantities above are its own.")
            return
        ledger = published.read_ledger()
        judged = published.judge(ledger[ledger.quantity.isin(self.quantities)], self.quantities)
        label = label or f"{int(self.name[:2])}.{len(self.listed['tables']) + 1}"
        self.table(_comparison(judged), label, _comparison_caption(judged, self.changed),
                   left=["Verdict", "Where printed"], notes=_COMPARISON_NOTES)
        self.hand_on()

    def hand_on(self, **extra) -> None:
        """Write the chapter's quantities to ``results/NN_name.json``, in one move, once its files for download are there."""
        self.aside.finish()
        self._put_in_place()
        document = {"chapter": self.name, "cohort": getattr(self.study, "name", None),
                    "invented": self.study is None or self.study.invented, "parameters": self._public(),
                    "not_the_papers": sorted(self.changed), **extra, **self.listed, "quantities": self._handed_on(),
                    "cells": self.cells}
        path = _folder(self.out / "results") / f"{self.name}.json"
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False, default=float, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    def _handed_on(self) -> dict:
        """Quantities as JSON can hold them: a time that is not reached has no number."""
        quantities = self.quantities
        if self.publication:
            quantities = self.publication.quantities(quantities)
        return {name: published.encoded(entry) for name, entry in quantities.items()}

    def _public(self) -> dict:
        """Parameters as handed on: a cohort by its name, so that no path of this machine is kept."""
        shown = {name: value for name, value in self.parameters.items() if name != "cohort"}
        return shown | ({"cohort": self.study.name} if self.study is not None else {})

    def _list(self, kind: str, stem: str, label: str, caption: str, **more) -> None:
        if any(entry["label"] == label for entry in self.listed[kind]):
            self.listed[kind] = [entry for entry in self.listed[kind] if entry["label"] != label]
        self.listed[kind].append({"label": label, "file": stem, "caption": caption, **more})

    def _show(self, kind: str, begin, parts, **metadata):
        """Show what follows from some parts, and return it; in a preview it may be found, or is made aside and shown later, and not returned.

        What ``begin`` does is done in the cell; it gives the call that makes what is shown.
        """
        metadata = {kind: metadata} if metadata else {}
        if not self.is_preview:
            made = begin()()
            _display({kind: made}, metadata)
            return made
        product = Product(*parts)
        made = product.read()
        if REHEARSAL in os.environ:
            if made is None:
                product.write(_encoded(begin()()))
        elif made is not None:
            _display({kind: _of_kind(kind, made)}, metadata)
        else:
            place = _display({"text/plain": "to be drawn"}, display_id=True)
            file = Path(tempfile.gettempdir(), place.display_id)
            self.unseen.append((place, kind, file, metadata))
            self.aside.do(_keep, begin(), file, product)

    def _put_in_place(self) -> None:
        """Show what was made aside, each where its cell stands."""
        while self.unseen:
            place, kind, file, metadata = self.unseen.pop(0)
            place.update({kind: _of_kind(kind, file.read_bytes())}, metadata=metadata, raw=True)

    def _save_figure(self, fig, stem: str) -> None:
        from lib.figures.style import PRINT_DPI

        folder = _folder(self.out / "figures")
        for kind, dpi in PRINT_DPI.items():
            (folder / f"{stem}.{kind}").write_bytes(downloads.image(fig, kind, dpi, self.whose_patients))

    @staticmethod
    def _use_style() -> None:
        from lib.figures.style import use_style

        use_style()


@cache
def _keep_what_is_loaded() -> None:
    """Have the garbage collector pass over the libraries loaded by now, which stay as long as the chapter does."""
    if "lib.preloaded" not in sys.modules:  # else it has frozen them
        gc.collect()
        gc.freeze()


def _shown_only(text: str, shown: set) -> str:
    """A text with a word on the tables and figures it names that are not among those shown."""
    kind, named = "", []
    for found in re.finditer(r"\b(Table|Figure)s?\b|\b\d+\.\d+\b", text):
        kind = found[1] or kind
        if not found[1]:
            named.append((kind, found[0]))
    absent = [f"{kind} {label}" for kind, label in named if (kind.lower(), label) not in shown]
    if not absent:
        return text
    return "not shown for this cohort" if len(absent) == len(named) else f"{text}; not shown: {join(absent)}"


def banner(study, changed: dict, whose: str = "") -> str:
    """The line above each chapter: who the patients are, and whether this is the published analysis.

    Parameters
    ----------
    study : Cohort or None
    changed : dict
        From `lib.parameters.changed_from_paper`.
    whose : str
        Who the patients are, in place of the usual sentence.

    Returns
    -------
    str
        Markdown.
    """
    invented = study is None or study.invented
    who = whose or ("**Invented patients.** No row describes a real person: the patients were searched so that the paper's "
           "analysis of them gives the paper's figures." if invented else
           "**Contains patient data.** Keep these pages where the data may be kept.")
    lines = [f"> {who}"]
    if changed:
        usual, heading = ("paper", "Not the published analysis") if invented else ("usual", "Choices other than the usual ones")
        choices = join(f"`{name}` is {value!r} ({usual}: {paper!r})" for name, (value, paper) in changed.items())
        lines.append(f">\n> **{heading}.** {choices}.")
    return "\n".join(lines)


_COMPARISON_NOTES = [
    "*reproduced*: the value recomputed from the rows prints as published. *differs*: it does not. "
    "*method*: a figure of the protocol, which the rows respect. *not derivable*: the rows cannot tell."]


def _comparison(judged):
    """One row per figure, those that differ first: what is printed (and where), what was recomputed, and the verdict."""
    order = {verdict: i for i, verdict in enumerate(("differs", published.UNACCOUNTED, "not derivable", "reproduced", "method"))}
    shown = judged.sort_values("verdict", key=lambda verdicts: verdicts.map(order), kind="stable")
    shown = shown.assign(
        Figure=shown.quantity.map(readable) + " (" + shown.unit.map(in_print) + ")",
        Verdict=[row.verdict + ("" if row.as_expected else " (unexpected)") for row in shown.itertuples()])
    shown = shown.rename(columns={"printed": "Printed", "recomputed": "Recomputed", "place": "Where printed"})
    keys = ["Figure", "Printed", "Recomputed", "Verdict"]
    return shown.groupby(keys, sort=False)["Where printed"].agg("; ".join).reset_index()


def _comparison_caption(judged, changed: dict) -> str:
    counts = published.summary(judged)
    text = (f"Against the paper: of {counts['published']} printed figures that this chapter recomputes, "
            f"{counts['reproduced']} are reproduced at printed precision, {counts['method']} are figures of method that "
            f"the rows respect, {counts['differs']} differ and {counts['not_derivable']} cannot be derived.")
    return f"{text} **Not the published analysis:** {join(f'`{name}`' for name in changed)} changed." if changed else text


def _scalar(value):
    """A plain Python value for JSON; NaN becomes None."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _cell_number() -> int | None:
    """The execution count of the cell that runs; None outside a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    # IPython 9 counts up before it runs the cell
    return shell.execution_count - 1 if shell else None


def _display(data: dict, metadata: dict | None = None, **more):
    from IPython.display import display

    return display(data, metadata=metadata or {}, raw=True, **more)


def _drawn(fig) -> bytes:
    """The figure as it is shown, laid out once for all files."""
    from lib.figures.style import DISPLAY_DPI, lay_out

    return downloads.image(lay_out(fig, DISPLAY_DPI), "png", dpi=DISPLAY_DPI)


def _keep(make, file: Path, product: Product) -> None:
    """Leave what a call makes in a file, and keep it."""
    is_unchanged = product.is_unchanged()
    made = _encoded(make())
    file.write_bytes(made)
    if is_unchanged:
        product.write(made)


def _encoded(made: str | bytes) -> bytes:
    return made if isinstance(made, bytes) else made.encode()


def _of_kind(kind: str, made: bytes) -> str | bytes:
    return made if kind.startswith("image") else made.decode()


def _close(fig) -> None:
    import matplotlib.pyplot as plt

    plt.close(fig)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _unmarked(text: str) -> str:
    """Caption without Markdown marks and escapes, for Word and page titles."""
    return _html.unescape(text.replace("*", "").replace("`", "").replace("\\", ""))


def _page(html: str, title: str, words: str = "") -> str:
    escaped, note = _html.escape(title), f"<p><small>{_html.escape(words)}</small></p>\n" if words else ""
    return (f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escaped}</title></head>\n'
            f"<body>\n<main>\n<h1>{escaped}</h1>\n{html}\n{note}</main>\n</body>\n</html>\n")
