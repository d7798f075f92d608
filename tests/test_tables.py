"""Tables in three forms: HTML read by a parser, CSV as text, Word by python-docx; cells are compared with the frame."""

import csv
import re

import docx
import numpy as np
import pandas as pd
import pytest
from docx.enum.text import WD_ALIGN_PARAGRAPH
from lxml import html as html_parser

from lib.tables import add_word_table, render, save_docx, to_html, write_csv, write_docx

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

RESPONSE = pd.DataFrame({
    "Criterion": ["RECIST", "RECIST", "mRECIST", "mRECIST"], "Response": ["PD", "SD", "PD", "SD"],
    "n": ["13", "10", "9", "5"], "%": ["54.2", "41.7", "37.5", "20.8"], "DEB-TACE n": ["7", "6", "3", None], "DEB-TACE %": ["53.8", "46.2", "23.1", None]})
LAYOUT = {"stub": "Response", "group": "Criterion", "spanners": {"Total": ["n", "%"], "DEB-TACE": ["DEB-TACE n", "DEB-TACE %"]},
          "labels": {"DEB-TACE n": "n", "DEB-TACE %": "%"}, "notes": ["Of 24 patients.", "*PD*: progressive disease."]}


def page(frame=RESPONSE, name="Table 3.1", **layout):
    return to_html(render(frame, **(layout or LAYOUT)), name)


def tree(html):
    return html_parser.fromstring(html)


# -- HTML -----------------------------------------------------------------------------------------------

def test_cells_stand_where_the_frame_has_them():
    body = [[" ".join(cell.text_content().split()) for cell in row] for row in tree(page()).xpath(".//tbody/tr")]
    assert body == [["RECIST"], ["PD", "13", "54.2", "7", "53.8"], ["SD", "10", "41.7", "6", "46.2"],
                    ["mRECIST"], ["PD", "9", "37.5", "3", "23.1"], ["SD", "5", "20.8", "–", "–"]]


def test_every_header_cell_names_its_scope_and_none_is_empty():
    """WCAG 2.2, technique H63: scope associates header cells with data cells."""
    headers = tree(page()).xpath(".//th")
    assert {header.get("scope") for header in headers} == {"col", "colgroup", "row"}
    assert all(header.text_content().strip() for header in headers)
    assert all(row[0].tag == "th" and row[0].get("scope") in ("row", "colgroup") for row in tree(page()).xpath(".//tbody/tr"))


def test_no_header_is_empty_without_a_stub_column_of_our_choice():
    headers = tree(page(pd.DataFrame({"Site": ["Pelvis"], "n": ["5"]}), notes=[])).xpath(".//th")
    assert [header.text_content().strip() for header in headers] == ["Site", "n", "Pelvis"]


def test_spanners_span_their_columns():
    spanning = {cell.text_content().strip(): cell.get("colspan") for cell in tree(page()).xpath(".//thead//th[@colspan]")}
    assert spanning == {"Total": "2", "DEB-TACE": "2"}


def test_the_id_follows_from_the_cells():
    assert page() == page()
    first, other = (tree(html).get("id") for html in (page(), page(RESPONSE.assign(n="1"))))
    assert first != other and re.fullmatch(r"t[0-9a-f]{10}", first)
    assert len(tree(page()).xpath("//*[@id]")) == 1


def test_colours_and_background_come_from_the_page():
    html = page()
    style = re.search(r"<style>(.*?)</style>", html, flags=re.S).group(1)
    declared = re.findall(r"[{;\s](color|background|border[a-z-]*): ([^;}]+)", style)
    assert {value for name, value in declared if name in ("color", "background")} == {"inherit", "transparent"}
    assert {word for name, value in declared for word in value.split() if name.startswith("border")} <= {
        "collapse", "none", "1px", "2px", "solid", "currentColor"}
    assert not re.search(r"style=|bgcolor|rgb|hsl", html)


def test_styles_reach_no_other_table_of_the_page():
    html = page()
    table_id = tree(html).get("id")
    rules = re.search(r"<style>(.*?)</style>", html, flags=re.S).group(1)
    selectors = [part.strip() for rule in re.findall(r"([^{}]+)\{", rules) for part in rule.split(",")]
    assert selectors and all(selector.startswith(f"#{table_id}") for selector in selectors)


def test_the_keyboard_reaches_a_wide_table_and_its_region_is_named():
    region = tree(page())
    assert (region.get("role"), region.get("aria-label"), region.get("tabindex")) == ("region", "Table 3.1", "0")


def test_hostile_cells_and_headings_are_text():
    hostile = "<img src=x onerror=alert(1)>"
    frame = pd.DataFrame({hostile: [hostile, "b"], "n": [hostile, "1"], "g": [hostile, hostile]})
    table = tree(page(frame, group="g", spanners={hostile: ["n"]}, notes=[]))
    assert table.xpath(".//img") == []
    assert sum(element.text_content().strip() == hostile for element in table.xpath(".//th | .//td")) == 5


def test_notes_are_markdown_below_the_table():
    notes = tree(page()).xpath(".//tfoot//td")
    assert [note.text_content().strip() for note in notes] == ["Of 24 patients.", "PD: progressive disease."]
    assert tree(page()).xpath(".//tfoot//em")[0].text == "PD"


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_cell_shows_a_dash_and_never_zero(missing):
    table = tree(page(pd.DataFrame({"Row": ["a", "b"], "n": ["1", missing]}, dtype=object), notes=[]))
    assert [cell.text_content().strip() for cell in table.xpath(".//td")] == ["1", "–"]


def test_a_table_of_no_rows_keeps_its_headings():
    table = tree(page(pd.DataFrame({"Row": [], "n": []}, dtype=object), notes=[]))
    assert [cell.text_content().strip() for cell in table.xpath(".//th")] == ["Row", "n"]


def test_the_frame_is_not_changed():
    before = RESPONSE.copy(deep=True)
    page()
    pd.testing.assert_frame_equal(RESPONSE, before)


# -- CSV ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("cell", ["=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "+A1", "-A1+2", "-2+cmd", "\t=1", "\r=1", "\n=1", "+t1", "\uff1d1"])
def test_text_that_a_spreadsheet_would_run_is_defused(tmp_path, cell):
    """OWASP, "CSV injection": cells that begin with =, +, -, @, tab or line end, also full-width."""
    write_csv(pd.DataFrame({"Row": [cell], cell: ["1"]}), tmp_path / "t.csv")
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        heading, row = csv.reader(file)
    assert heading[1] == row[0] == "'" + cell.lstrip("\r\n")


@pytest.mark.parametrize("cell", ["-1.2", "-1.2 (-3.0 to 4.1)", "+0.5", "–", "1-2", "a=b", "P = 0.102", "-5%"])
def test_figures_and_harmless_text_stay_as_they_are(tmp_path, cell):
    write_csv(pd.DataFrame({"Row": [cell]}), tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv", dtype=str).iloc[0, 0] == cell


def test_csv_holds_every_cell_and_numbers_as_numbers(tmp_path):
    write_csv(RESPONSE.assign(value=[1.5, -2.0, np.nan, 4.0]), tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Criterion,Response,n,%,DEB-TACE n,DEB-TACE %,value"
    assert lines[2] == "RECIST,SD,10,41.7,6,46.2,-2.0" and lines[4] == "mRECIST,SD,5,20.8,,,4.0"


# -- Word -----------------------------------------------------------------------------------------------

@pytest.fixture
def word(tmp_path):
    write_docx(page(), "Table 3.1. Response (n = 24/24).", tmp_path / "t.docx")
    return docx.Document(tmp_path / "t.docx")


def test_word_holds_a_real_table_with_the_same_cells(word):
    assert len(word.tables) == 1
    grid = [[cell.text for cell in row.cells] for row in word.tables[0].rows]
    assert grid[0] == ["Response", "Total", "Total", "DEB-TACE", "DEB-TACE"]
    assert grid[1] == ["Response", "n", "%", "n", "%"]
    assert grid[2:] == [["RECIST"] * 5, ["PD", "13", "54.2", "7", "53.8"], ["SD", "10", "41.7", "6", "46.2"],
                        ["mRECIST"] * 5, ["PD", "9", "37.5", "3", "23.1"], ["SD", "5", "20.8", "–", "–"]]


def test_word_merges_spanners_stub_head_and_group_rows(word):
    rows = word.tables[0].rows
    assert rows[0].cells[1]._tc is rows[0].cells[2]._tc and rows[0].cells[3]._tc is rows[0].cells[4]._tc
    assert rows[0].cells[0].text == rows[1].cells[0].text and rows[2].cells[0]._tc is rows[2].cells[4]._tc
    assert rows[0].cells[2]._tc is not rows[0].cells[3]._tc


def test_word_has_the_caption_above_and_the_notes_below(word):
    kinds = [child.tag.rpartition("}")[2] for child in word.element.body if child.tag.rpartition("}")[2] in ("p", "tbl")]
    assert kinds == ["p", "tbl", "p", "p"]
    assert [paragraph.text for paragraph in word.paragraphs] == ["Table 3.1. Response (n = 24/24).", "Of 24 patients.", "PD: progressive disease."]
    assert word.paragraphs[0].style.name == "Caption"


def test_word_repeats_the_heads_keeps_rows_whole_and_sets_figures_right(word):
    rows = word.tables[0].rows
    told = [[child.tag.rpartition("}")[2] for child in row._tr.trPr] for row in rows]
    assert [("cantSplit" in each, "tblHeader" in each) for each in told] == [(True, True)] * 2 + [(True, False)] * 6
    assert [cell.paragraphs[0].alignment for cell in rows[3].cells][1:] == [WD_ALIGN_PARAGRAPH.RIGHT] * 4
    assert [bool(rows[i].cells[0].paragraphs[0].runs[0].bold) for i in (0, 2, 3)] == [True, True, False]


def test_word_draws_the_three_rules_of_a_printed_table(word):
    """Once in each cell: Word refuses a file with the same properties twice."""
    ruled = [[[border.tag.rpartition("}")[2] for border in borders] for borders in row._tr.iter(f"{{{W}}}tcBorders")] for row in word.tables[0].rows]
    assert [{tuple(each) for each in row} for row in ruled] == [{("top",)}, {("bottom",)}, *[set()] * 5, {("bottom",)}]
    assert all(len(cell.tcPr.findall(f"{{{W}}}tcBorders")) <= 1 for row in word.tables[0].rows for cell in row._tr.tc_lst)


def test_word_columns_share_the_page_by_what_they_hold(word):
    widths = [column.width.cm for column in word.tables[0].columns]
    # "Response" is longest in the first column (8 and 4 letters of margin), "13", "54.2", "7" and "53.8" in the others, none below 6
    assert widths == pytest.approx([17.0 * letters / 40 for letters in (12, 6, 8, 6, 8)], abs=0.01)
    for row in word.tables[0].rows:
        assert sum(cell.width for cell in row._tr.tc_lst) == sum(column.width for column in word.tables[0].columns)


def test_word_files_are_the_same_bytes_each_time_and_name_nobody(tmp_path):
    for name in ("first", "second"):
        write_docx(page(), "Table 3.1.", tmp_path / f"{name}.docx")
    assert (tmp_path / "first.docx").read_bytes() == (tmp_path / "second.docx").read_bytes()
    properties = docx.Document(tmp_path / "first.docx").core_properties
    assert (properties.author, properties.comments, properties.created.year) == ("", "", 2020)


def test_several_tables_share_one_word_document(tmp_path):
    document = docx.Document()
    add_word_table(document, page(), "Table 1.")
    add_word_table(document, page(RESPONSE.head(1), stub="Response", notes=[]), "Table 2.")
    save_docx(document, tmp_path / "t.docx")
    assert [len(table.rows) for table in docx.Document(tmp_path / "t.docx").tables] == [8, 2]
