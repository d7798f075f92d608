"""Tables in house style: one frame becomes HTML for the page, CSV for a program, Word for a manuscript."""

from __future__ import annotations

import copy
import hashlib
import re
from functools import cache
from pathlib import Path

import pandas as pd

WHOSE = "Whose patients"
"""Column of a saved table that says whether its patients are invented."""

# what a spreadsheet runs: =, @ (also full-width) or tab first, or a sign before anything but figures and their
# punctuation
_FORMULA = re.compile(r"^(?:[=@\t\uff1d\uff20\uff0b\uff0d]|[+\-](?!(?:[\d\s.,;:%()\[\]\u2013-]|\bto\b)*$))")

# figures stay on one line; words in a column of figures, from 25 characters on, may break
_LONG_CELL = re.compile(r'(<td class="[^"]*gt_right)("[^>]*>[^<]{25,})')


def render(frame: pd.DataFrame, *, stub: str | None = None, group: str | None = None,
           spanners: dict[str, list[str]] | None = None, labels: dict[str, str] | None = None,
           notes: tuple[str, ...] | list[str] = (), left: list[str] | None = None):
    """Lay a frame out as a great_tables table in house style.

    Parameters
    ----------
    frame : DataFrame
        The cells, as text or numbers already in their printed precision; missing cells show a dash.
    stub : str, optional
        Column that names the rows (default: the first column, as plain text).
    group : str, optional
        Column whose values head groups of rows.
    spanners : dict, optional
        Label -> columns it spans.
    labels : dict, optional
        Column -> heading.
    notes : sequence of str
        Footnotes below the table: population, method, abbreviations. Markdown.
    left : list of str, optional
        Columns aligned left besides the text of the stub.

    Returns
    -------
    great_tables.GT
    """
    from great_tables import GT, md

    frame = frame.reset_index(drop=True)
    stub = stub or next(column for column in frame.columns if column != group)
    shown = frame.rename(columns=str)
    table = GT(shown, rowname_col=stub, groupname_col=group, id=_table_id(frame))
    others = [column for column in shown.columns if column not in (stub, group)]
    table = table.tab_stubhead(label=(labels or {}).get(stub, stub))
    if labels:
        table = table.cols_label(cases={column: label for column, label in labels.items() if column in others})
    for label, columns in (spanners or {}).items():
        table = table.tab_spanner(label=label, columns=columns)
    table = table.cols_align(align="right", columns=others) if others else table
    if left:
        table = table.cols_align(align="left", columns=left)
    table = table.sub_missing(missing_text="–")
    for note in notes:
        table = table.tab_source_note(md(note))
    return table


_STYLE = """<style>
{id} {{overflow-x: auto;}}
{id} table {{border-collapse: collapse; font-size: 0.9em; margin: 0 0 0.5em 0; color: inherit; background: transparent;
 border-top: 2px solid currentColor; border-bottom: 2px solid currentColor; font-variant-numeric: tabular-nums;}}
{id} th, {id} td {{padding: 3px 8px; border: none; background: transparent; color: inherit; vertical-align: top;}}
{id} thead tr:last-child {{border-bottom: 1px solid currentColor;}}
{id} .gt_column_spanner {{border-bottom: 1px solid currentColor;}}
{id} .gt_left {{text-align: left;}} {id} .gt_right {{text-align: right;}} {id} .gt_center {{text-align: center;}}
{id} td.gt_right:not(.wraps) {{white-space: nowrap;}}
{id} .gt_stub {{font-weight: normal; padding-left: 16px;}}
{id} .gt_group_heading {{font-weight: bold; text-align: left; padding-top: 6px;}}
{id} tfoot {{border-top: 1px solid currentColor;}} {id} .gt_sourcenote {{font-size: 0.92em; text-align: left;}}
</style>"""


def to_html(table, name: str = "Table") -> str:
    """The table as HTML that keeps its meaning where styles are dropped.

    Parameters
    ----------
    table : great_tables.GT
    name : str
        What a screen reader calls the region, e.g. ``"Table 4.1"``.

    Returns
    -------
    str
        With a fixed id, header cells that name their scope, a scroll region that the keyboard reaches, and
        colours taken from the page.
    """
    html = table.as_raw_html()
    table_id = re.match(r'<div id="([^"]+)"', html).group(1)
    html = re.sub(r"<style>.*?</style>", _STYLE.format(id=f"#{table_id}"), html, flags=re.S)
    html = re.sub(r'<div id="[^"]+"[^>]*>', f'<div id="{table_id}" role="region" aria-label="{name}" tabindex="0">', html, count=1)
    html = re.sub(r' headers="[^"]*"| data-quarto-[a-z-]+="[^"]*"| (?:row|col)span="1"', "", html)
    html = re.sub(r'(<t[hd][^>]*?) id="[^"]*"', r"\1", html)
    return _LONG_CELL.sub(r"\1 wraps\2", html)


def write_csv(frame: pd.DataFrame, path: Path, words: str = "") -> None:
    """Write a table for programs; text that a spreadsheet would run as a formula gets a leading quote, and a cell
    stays on one line.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    words : str
        Whose patients they are, in a last column `WHOSE`, as a CSV file has no other place that every program keeps.
    """
    frame = frame.assign(**{WHOSE: words}) if words else frame
    frame.map(_defuse).rename(columns=_defuse).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _defuse(cell):
    if not isinstance(cell, str):
        return cell
    line = re.sub(r" *[\r\n]+ *", " ", cell).strip(" ")
    return f"'{line}" if _FORMULA.match(line) else line


def write_docx(html: str, caption: str, path: Path, words: str = "") -> None:
    """Write a table as a Word document with a real Word table.

    Parameters
    ----------
    html : str
        From `to_html`.
    caption : str
        Plain text above the table.
    path : Path
    words : str
        Who the patients are, in a line below the table.
    """
    import docx
    from docx.shared import Pt

    document = docx.Document()
    add_word_table(document, html, caption)
    if words:
        document.add_paragraph().add_run(words).font.size = Pt(7)
    save_docx(document, path)


def add_word_table(document, html: str, caption: str) -> None:
    """Append caption, table and footnotes to a Word document, spans kept.

    Parameters
    ----------
    document : docx.document.Document
    html : str
        From `to_html`.
    caption : str
    """
    from lxml import html as parser

    tree = parser.fromstring(html)
    rows = tree.xpath(".//thead/tr | .//tbody/tr")
    n_columns = max(sum(int(cell.get("colspan", 1)) for cell in row) for row in rows)
    document.add_paragraph(caption, style="Caption").paragraph_format.keep_with_next = True
    grid = document.add_table(rows=len(rows), cols=n_columns)
    size = _word_size(n_columns)
    cells = [list(row.cells) for row in grid.rows]  # grid.cell() lists the whole table at every call
    taken: set[tuple[int, int]] = set()
    for r, row in enumerate(rows):
        column = 0
        for cell in row:
            while (r, column) in taken:
                column += 1
            wide, high = int(cell.get("colspan", 1)), int(cell.get("rowspan", 1))
            taken |= {(r + i, column + j) for i in range(high) for j in range(wide)}
            merged = cells[r][column]
            if wide > 1 or high > 1:  # slow: it looks for the place of the cell in the whole table
                merged = merged.merge(cells[min(r + high, len(rows)) - 1][min(column + wide, n_columns) - 1])
            _fill_word_cell(merged._tc, cell, size)
            column += wide
    _share_word_width(grid)
    n_head = len(tree.xpath(".//thead/tr"))
    for r, row in enumerate(grid.rows):
        _dress_word_row(row, heads=r < n_head, rules=["top"] * (r == 0) + ["bottom"] * (r in (n_head - 1, len(rows) - 1)))
    for note in tree.xpath(".//tfoot//td"):
        document.add_paragraph().add_run(" ".join(note.text_content().split())).font.size = size


def _word_size(n_columns: int):
    """Type that lets a table of so many columns stand upright on A4."""
    from docx.shared import Pt

    return Pt(9 if n_columns <= 5 else 8 if n_columns <= 8 else 6.5)


def _share_word_width(grid, width_cm: float = 17.0) -> None:
    """Columns share the page by what they hold: each by its longest cell, words beyond thirty letters breaking into lines."""
    from docx.oxml.ns import qn
    from docx.shared import Cm, Twips

    longest = [6] * len(grid.columns)
    for row in grid.rows:
        column = 0
        for cell in row._tr.tc_lst:
            if cell.grid_span == 1:
                longest[column] = max(longest[column], min(30, sum(len(text.text or "") for text in cell.iter(qn("w:t"))) + 4))
            column += cell.grid_span
    widths = [Twips(round(Cm(width_cm).twips * letters / sum(longest))) for letters in longest]  # Word rounds to twips
    for column, width in zip(grid.columns, widths, strict=True):
        column._gridCol.w = width
    for row in grid.rows:
        column = 0
        for cell in row._tr.tc_lst:
            cell.width = sum(widths[column : column + cell.grid_span])
            column += cell.grid_span


def _fill_word_cell(tc, cell, size) -> None:
    """Bold for headings, right for figures, and no room between the lines of a table."""
    heading = "gt_group_heading" in cell.get("class", "") or cell.getparent().getparent().tag == "thead"
    paragraph = _word_paragraph(heading, "gt_right" in cell.get("class", ""), size)
    if text := " ".join(cell.text_content().split()):
        paragraph.r_lst[0].text = text
    tc.replace(tc.p_lst[0], paragraph)


@cache
def _word_paragraph_xml(bold: bool, right: bool, size):
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    weight, side = "<w:b/>" if bold else '<w:b w:val="0"/>', '<w:jc w:val="right"/>' if right else ""
    return parse_xml(f'<w:p {nsdecls("w")}><w:pPr><w:spacing w:after="0" w:before="0"/>{side}</w:pPr>'
                     f'<w:r><w:rPr>{weight}<w:sz w:val="{round(2 * size.pt)}"/></w:rPr></w:r></w:p>')


def _word_paragraph(bold: bool, right: bool, size):
    """A paragraph to be filled: a copy, since python-docx takes a millisecond to make one part by part."""
    return copy.deepcopy(_word_paragraph_xml(bold, right, size))


def _dress_word_row(row, heads: bool, rules: list[str]) -> None:
    """A row stays on one page, heads are repeated on each page, and rules stand above and below as in print."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    properties = row._tr.get_or_add_trPr()
    for name in ["w:cantSplit"] + ["w:tblHeader"] * heads:
        properties.append(OxmlElement(name))
    for cell in row._tr.tc_lst if rules else ():
        borders = OxmlElement("w:tcBorders")
        for side in rules:
            border = OxmlElement(f"w:{side}")
            border.set(qn("w:val"), "single")
            border.set(qn("w:sz"), "8")
            borders.append(border)
        cell.get_or_add_tcPr().append(borders)


def save_docx(document, path: Path) -> None:
    """Save a Word document without the clock in it, so that the same table gives the same bytes.

    Parameters
    ----------
    document : docx.document.Document
    path : Path
    """
    import datetime
    import io
    import zipfile

    epoch = datetime.datetime(2020, 1, 1)
    properties = document.core_properties
    properties.created = properties.modified = epoch
    properties.author, properties.comments = "", ""
    buffer = io.BytesIO()
    document.save(buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0)), source.read(name),
                            compress_type=zipfile.ZIP_DEFLATED)


def _table_id(frame: pd.DataFrame) -> str:
    """An id that follows from the cells: great_tables draws a random one, which would change each run."""
    return "t" + hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:10]
