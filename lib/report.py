"""The executed chapters as one Word document, for readers who will not open a web page."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from pathlib import Path

import nbformat

from lib.tables import add_word_table, save_docx

#: What only the pages give a look of its own.
_SPAN = re.compile(r'</?span(?: class="[^"]*")?>')

_CAPTION = re.compile(r"\A\*\*(Figure|Table) (\d+\.\d+)\.\*\* ?")
_PAGE_WIDTH_CM, _MARGIN_CM = 21.0, 2.0


def write_report(out, path, title, notice):
    """Write the chapters' text, computed sentences, tables and figures into one Word document.

    Parameters
    ----------
    out : path-like
        Holds ``notebooks/*.ipynb`` as executed and ``figures/*.png`` at 300 dpi.
    path : path-like
        The ``.docx`` to write: the same chapters give the same bytes.
    title : str
        On the first page and in the document's properties.
    notice : str
        Who the patients are: under the title, and on top of every page.
    """
    document = _new_document(title, notice)
    for notebook in sorted((Path(out) / "notebooks").glob("*.ipynb")):
        document.add_page_break()
        add_chapter(document, nbformat.read(notebook, as_version=4), Path(out) / "figures")
    save_docx(document, Path(path))


def _new_document(title, notice):
    import docx
    from docx.shared import Cm, Pt

    document = docx.Document()
    document.core_properties.title = title
    document.core_properties.language = "en"
    section = document.sections[0]
    section.page_width, section.page_height = Cm(_PAGE_WIDTH_CM), Cm(29.7)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(_MARGIN_CM)
    section.header.paragraphs[0].text = notice
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(10.5)
    document.add_heading(title, level=0)
    document.add_paragraph(notice)
    return document


def add_chapter(document, notebook, figures):
    """Append one executed chapter without its code.

    Parameters
    ----------
    document : docx.document.Document
    notebook : nbformat.NotebookNode
    figures : pathlib.Path
        Folder of ``figure_N_M.png`` at print resolution; a figure that is not there comes from the notebook.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            add_markdown(document, cell.source)
        elif cell.cell_type == "code":
            _add_outputs(document, cell.outputs, figures)


def _add_outputs(document, outputs, figures):
    """Shown outputs in order: a picture waits for the caption below it, a caption for the table below it."""
    picture = caption = None
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data:
            picture = (data["image/png"], output.metadata.get("image/png", {}).get("alt", ""))
        elif "text/markdown" in data:
            found = _CAPTION.match(data["text/markdown"])
            if found and found[1] == "Table":
                caption = plain_text(data["text/markdown"])
                continue
            if picture and found:
                file = figures / f"figure_{found[2].replace('.', '_')}.png"
                _add_picture(document, file.read_bytes() if file.is_file() else b64decode(picture[0]), picture[1])
                picture = None
            add_markdown(document, _SPAN.sub("", data["text/markdown"]), "Caption" if found else None)
        elif "text/html" in data and caption:
            add_word_table(document, data["text/html"], caption)
            document.add_paragraph()
            caption = None


def _add_picture(document, png, alt):
    from docx.shared import Cm

    widest = Cm(_PAGE_WIDTH_CM - 2 * _MARGIN_CM)
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.keep_with_next = True
    shape = paragraph.add_run().add_picture(io.BytesIO(png))
    if shape.width > widest:
        shape.height, shape.width = round(shape.height * widest / shape.width), widest
    shape._inline.docPr.set("descr", alt)


def plain_text(markdown):
    """Markdown without its marks, as one line."""
    return " ".join("".join(_words(token) for token in _parse(markdown) if token.type == "inline").split())


def add_markdown(document, text, style=None):
    """Append Markdown as Word headings, paragraphs, lists and quotations.

    Parameters
    ----------
    document : docx.document.Document
    text : str
    style : str, optional
        Word style of its paragraphs, instead of the one that follows from the marks.
    """
    lists, in_quote, heading = [], 0, 0
    for token in _parse(text):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append("List Bullet" if token.type.startswith("bullet") else "List Number")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type in ("blockquote_open", "blockquote_close"):
            in_quote += 1 if token.nesting == 1 else -1
        elif token.type in ("heading_open", "heading_close"):
            heading = int(token.tag[1]) if token.nesting == 1 else 0
        elif token.type == "inline":
            chosen = f"Heading {heading}" if heading else style or (lists[-1] if lists else "Quote" if in_quote else None)
            _add_runs(document.add_paragraph(style=chosen), token.children)
        elif token.type in ("math_block", "fence", "code_block"):
            document.add_paragraph(token.content.strip(), style="Quote")


def _add_runs(paragraph, tokens):
    bold = italic = False
    for token in tokens:
        if token.type in ("strong_open", "strong_close"):
            bold = token.nesting == 1
        elif token.type in ("em_open", "em_close"):
            italic = token.nesting == 1
        elif words := _word(token):
            run = paragraph.add_run(words)
            run.bold, run.italic = bold or None, (italic or token.type == "math_inline") or None
            if token.type == "code_inline":
                run.font.name = "Consolas"


def _word(token):
    return " " if token.type in ("softbreak", "hardbreak") else token.content if token.type in ("text", "text_special", "code_inline", "math_inline") else ""


def _words(token):
    return "".join(_word(child) for child in token.children)


def _parse(text):
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    return MarkdownIt("commonmark", {"html": False}).use(dollarmath_plugin).parse(text)
