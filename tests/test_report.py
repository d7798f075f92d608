"""The Word report: headings, computed sentences, real tables, pictures at print resolution with their texts."""

import base64
import io

import docx
import matplotlib.pyplot as plt
import nbformat.v4 as v4
import pandas as pd
import pytest

from lib.narrative import plain
from lib.report import add_markdown, plain_text, write_report
from lib.tables import render, to_html


def picture(dpi):
    buffer = io.BytesIO()
    figure = plt.figure(figsize=(4, 2))
    figure.savefig(buffer, format="png", dpi=dpi)
    plt.close(figure)
    return buffer.getvalue()


@pytest.fixture
def out(tmp_path):
    """An output folder with one executed chapter: a sentence, a figure and a table."""
    show = lambda data, metadata=None: v4.new_output("display_data", data=data, metadata=metadata or {})  # noqa: E731
    shown = base64.b64encode(picture(100)).decode()
    outputs = [
        show({"image/png": shown}, {"image/png": {"alt": "A curve that falls."}}),
        show({"text/markdown": "**Figure 7.1.** Survival, *n* = 3."}),
        show({"text/markdown": "**Table 7.1.** Patients."}),
        show({"text/html": to_html(render(pd.DataFrame({"Arm": ["A", "B"], "n": [1, 2]}), notes=["All treated."]), "Table 7.1")}),
        show({"text/markdown": "Of **3** patients 2 died."}),
        show({"text/markdown": "It was 2. <span class=\"open-range\">(1 to 3)</span>"}),
    ]
    cells = [v4.new_markdown_cell("# 7. How long?\n\n**Question.** How?\n\n- one\n- two"), v4.new_code_cell("secret = 1", outputs=outputs)]
    for folder in ("notebooks", "figures"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notebooks" / "07_time.ipynb").write_text(nbformat_text(cells), encoding="utf-8")
    (tmp_path / "figures" / "figure_7_1.png").write_bytes(picture(300))
    return tmp_path


def nbformat_text(cells):
    import nbformat

    return nbformat.writes(v4.new_notebook(cells=cells))


@pytest.fixture
def report(out):
    write_report(out, out / "report.docx", "A study", "Invented.")
    return docx.Document(out / "report.docx")


def test_it_holds_title_notice_headings_lists_and_computed_sentences_but_no_code(report):
    texts = [(each.style.name, each.text) for each in report.paragraphs]
    for expected in [("Title", "A study"), ("Normal", "Invented."), ("Heading 1", "7. How long?"), ("List Bullet", "two"), ("Normal", "Of 3 patients 2 died.")]:
        assert expected in texts
    assert not any("secret" in text for _, text in texts)
    assert report.sections[0].header.paragraphs[0].text == "Invented."


def test_marks_become_runs(report):
    (sentence,) = (each for each in report.paragraphs if each.text.startswith("Of 3"))
    assert [(run.text, bool(run.bold)) for run in sentence.runs] == [("Of ", False), ("3", True), (" patients 2 died.", False)]


def test_a_mark_for_the_pages_look_is_plain_text_in_word(report):
    assert any("It was 2. (1 to 3)" in paragraph.text for paragraph in report.paragraphs) and not any("span" in paragraph.text for paragraph in report.paragraphs)


def test_a_table_is_a_word_table_under_its_caption(report):
    (table,) = report.tables
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["Arm", "n"], ["A", "1"], ["B", "2"]]
    captions = [each.text for each in report.paragraphs if each.style.name == "Caption"]
    assert captions == ["Figure 7.1. Survival, n = 3.", "Table 7.1. Patients."]


def test_a_figure_comes_at_300_dpi_with_its_alternative_text(report):
    (shape,) = report.inline_shapes
    assert shape._inline.docPr.get("descr") == "A curve that falls."
    image = report.part.related_parts[shape._inline.graphic.graphicData.pic.blipFill.blip.embed].image
    assert image.horz_dpi == 300 and image.px_width == 1200
    assert shape.width.inches == pytest.approx(4)  # 1200 pixels at 300 dpi


def test_the_same_chapters_give_the_same_bytes(out):
    write_report(out, out / "one.docx", "A study", "Invented.")
    write_report(out, out / "two.docx", "A study", "Invented.")
    assert (out / "one.docx").read_bytes() == (out / "two.docx").read_bytes()


def test_text_from_data_reads_as_it_was_written(report):
    document = docx.Document()
    add_markdown(document, f"A *{plain('50% <b>*bold*</b>')}* of $n^2$")
    assert document.paragraphs[0].text == "A 50% <b>*bold*</b> of n^2"


def test_a_caption_loses_its_marks_only():
    assert plain_text("**Table 1.2.** Of `x` and\n*y*.") == "Table 1.2. Of x and y."


def test_the_report_of_the_study_holds_every_figure_and_table(study_run):
    import json

    report = docx.Document(study_run.out / "report.docx")
    listed = [json.loads(path.read_text("utf-8")) for path in sorted((study_run.out / "results").glob("*.json"))]
    assert len(report.inline_shapes) == sum(len(each["figures"]) for each in listed)
    assert len(report.tables) == sum(len(each["tables"]) for each in listed)
    assert all(len(shape._inline.docPr.get("descr")) > 20 for shape in report.inline_shapes)
    assert (study_run.out / "html" / "report.docx").read_bytes() == (study_run.out / "report.docx").read_bytes()
