"""Executed chapters made into a web book: readable without a server, without a network, and by keyboard."""

import json
import re
import shutil
from functools import lru_cache
from pathlib import Path

import jinja2
import nbformat
import pandas as pd

from lib import dashboard
from lib.freshness import REPORT
from lib.narrative import NOT_REACHED, months, percent
from lib.notebooks import ANOTHER_PAPER
from lib.published import DATA, read_ledger
from lib.report import write_report
from lib.sphinx_process import SphinxProcess

BOOK = Path(__file__).resolve().parent / "book"

#: Files of one figure or table offered below it, with what a reader calls them.
FIGURE_FORMATS = {"png": "PNG, 300 dpi", "svg": "SVG", "pdf": "PDF"}
TABLE_FORMATS = {"csv": "CSV", "docx": "Word"}

#: On top of every page.
INVENTED = "These patients are invented: no row describes a real person."
NOT_OURS = "Contains patient data: keep these pages where the data may be kept."

#: What the collection is called, for the study re-run and for a cohort of the reader's own.
TITLE_OF_ANOTHER_PAPER = "Another paper, held against its own numbers"
TITLE, TITLE_OF_OTHERS = "Leiomyosarcoma in the liver: a study re-run", "Liver-directed treatment: a cohort analysed"

_REFERENCE = re.compile(r"\b(Figure|Table) (\d+\.\d+)\b")
#: ``n = 24``, which stays on one line.
_EQUATION = re.compile(r"\b([nNP]) = (?=\d)")
_CAPTION = re.compile(r"\A\*\*(Figure|Table) (\d+\.\d+)\.\*\*")


class PagesError(RuntimeError):
    """Sphinx could not make the pages; the message holds its last words."""


def build_pages(out, sphinx=None):
    """Make ``html/`` and ``report.docx`` from the executed chapters of an output folder.

    Parameters
    ----------
    out : path-like
        Holds ``notebooks/*.ipynb``, ``results/*.json``, ``figures/`` and ``tables/`` as the chapters wrote them.
    sphinx : lib.sphinx_process.SphinxProcess, optional
        One that has not been started; a new one by default.

    Raises
    ------
    PagesError
        When Sphinx stops.
    """
    out = Path(out)
    book, html = out / ".book", out / "html"
    shutil.rmtree(book, ignore_errors=True)
    title, notice = write_book(out, book)
    with sphinx or SphinxProcess() as sphinx:  # its pages and the report are made side by side
        sphinx.start(sphinx_arguments(book, html, title, notice))
        write_report(out, out / REPORT, title, notice)
        refuse_faults(*sphinx.wait(), book)
    shutil.copyfile(out / REPORT, html / REPORT)
    for leftover in (".buildinfo", ".doctrees"):
        (html / leftover).unlink(missing_ok=True)
    shutil.rmtree(book)


def write_book(out, book, preview=False):
    """Write the sources of the pages: the chapters as their pages want them, the front page, and the files for download.

    Parameters
    ----------
    out : pathlib.Path
        As for `build_pages`.
    book : pathlib.Path
        A folder to be made.
    preview : bool
        True where figures, tables and the report have not been written for download: none is offered.

    Returns
    -------
    title, notice : str
        What the collection is called, and the words on top of every page.
    """
    shutil.copytree(BOOK, book, ignore=shutil.ignore_patterns("__pycache__", "__init__.py", "markup.py"))
    results = read_documents(out / "results")
    labels = places_of_labels(results)
    for path in sorted((out / "notebooks").glob("*.ipynb")):
        notebook = path.read_text("utf-8")
        mentioned = tuple((label, labels[label]) for label in _mentioned(notebook) if label in labels)
        page = _page(notebook, path.stem, json.dumps(results.get(path.stem, {})), mentioned, preview)
        (book / path.name).write_text(page, encoding="utf-8")
    _copy_downloads(out, book / "extra", preview)
    write_front_page(book, out, results, preview)
    invented = is_invented(results)
    title, notice = (TITLE, INVENTED) if invented else (TITLE_OF_OTHERS, NOT_OURS)
    return TITLE_OF_ANOTHER_PAPER if is_of_another_paper(results) else title, notice


@lru_cache(maxsize=16)
def _page(notebook, name, document, labels, preview):
    """`page_of` from text to text: while chapters are watched, the pages of those that have not changed are made once."""
    return nbformat.writes(page_of(nbformat.reads(notebook, as_version=4), name, json.loads(document), dict(labels), preview)) + "\n"


@lru_cache(maxsize=16)
def _mentioned(notebook):
    """Numbered figures and tables that a text speaks of."""
    return tuple(dict.fromkeys(match[0] for match in _REFERENCE.finditer(notebook)))


def read_documents(folder):
    """The chapters' own account of themselves: chapter name to the content of ``results/NN_name.json``."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(Path(folder).glob("*.json"))}


def places_of_labels(results):
    """Where each numbered figure and table stands: ``"Figure 4.1"`` to ``"04_survival.html#figure-4-1"``."""
    return {
        f"{word} {entry['label']}": f"{chapter}.html#{_anchor(word, entry['label'])}"
        for chapter, document in results.items()
        for word, kind in (("Figure", "figures"), ("Table", "tables"))
        for entry in document.get(kind, [])
    }


def _anchor(word, label):
    return f"{word}-{label}".lower().replace(".", "-")


def page_of(notebook, name, document, labels, preview=False):
    """A chapter as its page wants it; the chapter itself stays as executed.

    Code is folded, pictures get their alternative text, captions an anchor and downloads, and each mention of a
    numbered figure or table becomes a link.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The executed chapter.
    name : str
        Its name, such as ``04_survival``.
    document : dict
        Its ``results/NN_name.json``, with the lists ``figures`` and ``tables``.
    labels : dict of str to str
        From `places_of_labels`.
    preview : bool
        See `write_book`.

    Returns
    -------
    nbformat.NotebookNode
    """
    page = nbformat.from_dict(notebook)
    page.cells = list(_joined_code(page.cells, set(document.get("cells", {}).values())))
    files = {(kind, entry["label"]): "" if preview else entry["file"] for kind in ("figures", "tables") for entry in document.get(kind, [])}
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = _linked(cell.source, labels)
        elif cell.cell_type == "code":
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
            for output in cell.outputs:
                _dress_output(output, cell, files, labels)
    page.cells.append(nbformat.v4.new_markdown_cell(_downloads_of_chapter(name)))
    for number, cell in enumerate(page.cells):
        cell.id = f"cell-{number}"  # cells made here have a random one, by which an unchanged page would look changed
    return page


def _joined_code(cells, numbers):
    """Code that shows nothing joins the code after it, under one fold; a cell that recorded a quantity gets a place to lead to."""
    waiting = []
    for cell in cells:
        if cell.cell_type == "code":
            waiting.append(cell)
            if not cell.outputs:
                continue
        yield from _one_fold(waiting, numbers)
        waiting = []
        if cell.cell_type != "code":
            yield cell
    yield from _one_fold(waiting, numbers)


def _one_fold(cells, numbers):
    if anchors := [cell.execution_count for cell in cells if cell.execution_count in numbers]:
        spans = "".join(f'<span id="cell-{number}" class="cell-anchor"></span>' for number in anchors)
        yield nbformat.v4.new_markdown_cell(f'<div class="cell-anchors">{spans}</div>')
    if cells:
        last = cells[-1]
        last.source = "\n\n".join(cell.source for cell in cells)
        last.metadata["tags"] = sorted({tag for cell in cells for tag in cell.metadata.get("tags", [])})
        yield last


def _dress_output(output, cell, files, labels):
    data = output.get("data", {})
    if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
        cell.metadata["mystnb"] = {"image": {"alt": alt}}
    if "text/markdown" in data:
        text = data["text/markdown"]
        text = _EQUATION.sub("\\1\u00a0=\u00a0", text)
        caption = _CAPTION.match(text)
        data["text/markdown"] = _caption(text, *caption.groups(), files, labels) if caption else _linked(text, labels)


def _caption(text, word, label, files, labels):
    folder, formats = ("figures", FIGURE_FORMATS) if word == "Figure" else ("tables", TABLE_FORMATS)
    file = files.get((folder, label))
    head, rest = f"**{word} {label}.**", text[len(f"**{word} {label}.**") :]
    downloads = " ".join(
        f'<a href="{folder}/{file}.{kind}" download aria-label="{word} {label} as {shown}">{shown}</a>'
        for kind, shown in formats.items()
        if file
    )
    return f'<span id="{_anchor(word, label)}" class="caption-anchor"></span>{head}{_linked(rest, labels)} <span class="downloads">{downloads}</span>'


def _linked(text, labels):
    """Text whose mentions of numbered figures and tables are links; headings and code stay as they are."""

    def link(match):
        place = labels.get(match.group(0))
        return f'<a href="{place}">{match.group(0)}</a>' if place else match.group(0)

    lines = text.split("\n")
    return "\n".join(line if line.startswith(("#", "    ", "```")) else _REFERENCE.sub(link, line) for line in lines)


def _downloads_of_chapter(name):
    return (
        '<div class="chapter-downloads">Download this chapter: '
        f'<a href="notebooks/{name}.ipynb" download>notebook with its outputs</a> '
        f'<a href="notebooks/{name}.py" download>Python script</a></div>'
    )


def _copy_downloads(out, extra, preview):
    for product in () if preview else ("figures", "tables"):
        shutil.copytree(out / product, extra / product)
    (extra / "notebooks").mkdir(parents=True)
    for path in (out / "notebooks").glob("*.ipynb"):
        shutil.copyfile(path, extra / "notebooks" / path.name)
        (extra / "notebooks" / f"{path.stem}.py").write_text(_script(path.read_text("utf-8")), encoding="utf-8")


@lru_cache(maxsize=16)
def _script(notebook):
    import jupytext

    return jupytext.writes(jupytext.reads(notebook, fmt="ipynb"), fmt="py:percent")


def write_front_page(book, out, results, preview=False):
    """Fill ``index.md`` and, for the published analysis, ``dashboard.md`` from what the chapters recorded.

    Parameters
    ----------
    book : pathlib.Path
        Folder of the Sphinx sources, with the template ``index.md.j2``.
    out : pathlib.Path
        The output folder.
    results : dict of str to dict
        From `read_documents`.
    preview : bool
        See `write_book`.
    """
    of_another_paper = is_of_another_paper(results)
    verdicts = dashboard.read_dashboard(results, read_ledger()) if is_published_analysis(results) and not of_another_paper else None
    if verdicts:
        (book / "dashboard.md").write_text(dashboard.page(verdicts, _judged_claims() if verdicts.claims else None), encoding="utf-8")
    found = {quantity: entry["value"] for document in results.values() for quantity, entry in document.get("quantities", {}).items()}
    template = _template((book / ("another_paper.md.j2" if of_another_paper else "index.md.j2")).read_text("utf-8"))
    page = template.render(
        value=found.get,
        chapters=sorted(path.stem for path in (out / "notebooks").glob("*.ipynb")),
        invented=is_invented(results),
        report=not preview,
        published_analysis=is_published_analysis(results),
        dashboard=verdicts,
        picture=None if preview else _front_picture(results),
    )
    (book / "index.md").write_text(page, encoding="utf-8")
    for template in book.glob("*.md.j2"):
        template.unlink()


@lru_cache(maxsize=2)
def _template(text):
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.globals.update(months=months, percent=percent, not_reached=NOT_REACHED, printed=_printed_figures())
    return environment.from_string(text)


def is_of_another_paper(results):
    """True when nothing was run but the chapter that holds another paper against its own numbers."""
    return set(results) == {ANOTHER_PAPER}


def _judged_claims():
    """The claims with their verdicts over all cohorts found; None where they were never computed."""
    path = DATA / "ensemble_verdicts.csv"
    return pd.read_csv(path, keep_default_na=False) if path.is_file() else None


def is_invented(results):
    """True when every chapter read the reference cohort, whose patients are invented."""
    return all(document.get("cohort") in ("reference", None) for document in results.values())


def is_published_analysis(results):
    """True when the reference cohort was analysed under the paper's own choices throughout."""
    return is_invented(results) and not any(document.get("not_the_papers") for document in results.values())


def _front_picture(results):
    """Overall survival from first treatment, or else the collection's first figure."""
    figures = [(name, entry) for name, document in results.items() for entry in document.get("figures", [])]
    wanted = [(name, entry) for name, entry in figures if entry["caption"].startswith("Overall survival from first treatment")]
    for name, entry in [*wanted, *figures]:
        return {**entry, "place": f"{name}.html#{_anchor('Figure', entry['label'])}"}
    return None


def _printed_figures():
    """For each quantity of the ledger, the figure as the paper first prints it."""
    ledger = read_ledger().drop_duplicates("quantity")
    return dict(zip(ledger.quantity, ledger.printed, strict=True))


def sphinx_arguments(book, html, title, announcement):
    """Arguments of ``sphinx-build``; what has not changed since the last build in these folders is left as it is."""
    options = ["-D", f"html_theme_options.announcement={announcement}", "-D", f"html_title={title}"]
    return ["-b", "html", "-q", "-d", book / "doctrees", "-w", book / "warnings.txt", *options, book, html]


def refuse_faults(code, words, book):
    """Raise `PagesError` where a build ended with ``code``, or with faults noted in ``book``."""
    if code:
        raise PagesError(f"Sphinx could not make the pages: {words.strip()[-2000:]}")
    warnings = (book / "warnings.txt").read_text("utf-8").strip()
    if warnings:
        raise PagesError(f"Sphinx found faults in the pages: {warnings.replace(str(book), 'book')}")
