"""What a chapter says and hands on: sentences by hand, escaping through a Markdown renderer, files byte by byte."""

import io
import json
import math
import os
import re
from types import SimpleNamespace

import docx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from lxml import html as html_parser
from markdown_it import MarkdownIt

from lib.narrative import Chapter, banner, interval, join, months, number, p_value, percent, plain, say
from lib.parameters import ParameterError
from lib.published import judge, read_ledger

REFERENCE = SimpleNamespace(name="reference", invented=True)
OWN = SimpleNamespace(name="ward_7", invented=False)
HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "**bold** and _slanted_", "`code`", "a | b", "[link](javascript:alert(1))",
           "![picture](x.png)", "# heading", "- item", "1. item", "> quote", "---", "$x^2$", r"\(x\) \[y\]", "~~gone~~", "&lt;b&gt; &amp; &copy;",
           "http://example.org www.example.org", "<!-- hidden", "line one\n# heading\n\n    code", "{role}`x`", "é ² µ – ≤ 中", "| a |\n|---|\n| b |", "+ item", "* item",
           "&#60;b&#62;", "'quoted' \"twice\"", "a\\"]


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show: a list of (data, metadata)."""
    displayed = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata=None, raw=False: displayed.append((data, metadata)))
    return displayed


@pytest.fixture
def out(monkeypatch, tmp_path):
    """The output folder of a run."""
    monkeypatch.setenv("STUDY_OUT", str(tmp_path))
    return tmp_path


def markdown(shown):
    return [data["text/markdown"] for data, _ in shown if "text/markdown" in data]


def rendered(text):
    """The elements and the text that a reader gets from a Markdown cell (GitHub flavour, HTML allowed)."""
    renderer = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    tree = html_parser.fragment_fromstring(renderer.render(text), create_parent="div")
    return {element.tag for element in tree.iterdescendants()}, tree.text_content().strip()


# -- words ----------------------------------------------------------------------------------------------

def test_percentages_name_their_denominator():
    assert percent(10, 24) == "10/24 (41.7%)"
    assert percent(7, 13) == "7/13 (53.8%)"
    assert percent(0, 6) == "0/6 (0.0%)"
    assert percent(np.int64(1), np.int64(8), decimals=0) == "1/8 (13%)"  # 12.5, half up
    assert percent(0, 0) == "0/0"


@pytest.mark.parametrize("value, text", [
    (9, "9.0"), (8.85, "8.9"), (26.96, "27.0"), (0, "0.0"), (math.inf, "not reached"), (None, "not reached"), (math.nan, "not reached")])
def test_months(value, text):
    assert months(value) == text


def test_intervals_and_missing_numbers():
    assert interval(22.85, 30.96) == "22.9 to 31.0"
    assert interval(9.3, math.inf) == "9.3 to not reached"
    assert (number(None), number(math.nan), number(math.inf), number(-0.04), number(2.675, 2)) == ("–", "–", "not reached", "0.0", "2.68")


@pytest.mark.parametrize("p, text", [(0.1425, "P = 0.143"), (0.763, "P = 0.763"), (0.0005, "P = 0.001"), (0.0004999, "P < 0.001"),
                                     (0.0, "P < 0.001"), (1.0, "P = 1.000"), (None, "P not computed"), (math.nan, "P not computed")])
def test_p_values(p, text):
    assert p_value(p) == text


@pytest.mark.parametrize("items, text", [([], "none"), (["a"], "a"), (["a", "b"], "a and b"), ([1, 2, 3], "1, 2 and 3")])
def test_lists_in_words(items, text):
    assert join(items) == text


# -- escaping -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_data_shows_as_written_and_runs_as_nothing(text):
    for before, after in (("Patient ", " died."), ("", "")):
        tags, visible = rendered(before + plain(text) + after)
        assert tags <= {"p"}
        assert visible == f"{before}{' '.join(text.split())}{after}".strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_also_safe_in_html(text):
    tree = html_parser.fragment_fromstring(f"<p>{plain(text)}</p>")
    assert len(tree) == 0 and tree.text_content() == " ".join(text.split())


@pytest.mark.parametrize("text", ["$x$", r"\(x\)", "$$y$$"])
def test_escaped_text_holds_no_delimiter_of_formulas(text):
    """Notebooks look for formulas in the source, before Markdown is read."""
    assert not re.search(r"[$\\]", plain(text))


def test_ordinary_labels_stay_readable():
    assert plain("DEB-TACE") == "DEB-TACE" and plain("head/neck") == "head/neck" and plain(24) == "24"


def test_a_caption_with_escaped_text_reaches_word_and_web_pages_as_written(shown, out):
    chapter = Chapter("01_cohort", REFERENCE)
    label = "<b>P_01</b> $1$"
    chapter.table(pd.DataFrame({"Site": ["x"], "n": ["1"]}), "1.1", caption=f"**Sites** of {plain(label)} (*n*).")
    chapter.hand_on()
    page = html_parser.parse(str(out / "tables" / "table_1_1.html"))
    assert page.findtext(".//title") == page.findtext(".//h1") == f"Table 1.1. Sites of {label} (n)."
    word = docx.Document(out / "tables" / "table_1_1.docx")
    assert word.paragraphs[0].text == f"Table 1.1. Sites of {label} (n)."


# -- the banner -----------------------------------------------------------------------------------------

def test_the_banner_says_that_patients_are_invented(shown):
    Chapter("01_cohort", REFERENCE, cohort="reference", conf_level=0.95)
    assert len(shown) == 1
    assert "**Invented patients.**" in markdown(shown)[0] and "Not the published analysis" not in markdown(shown)[0]


def test_the_banner_of_ones_own_cohort_does_not_call_patients_invented(shown):
    Chapter("01_cohort", OWN, cohort="ward_7")
    assert "Invented" not in markdown(shown)[0] and "Contains patient data" in markdown(shown)[0]


def test_a_changed_choice_is_named_with_the_papers(shown):
    chapter = Chapter("04_survival", REFERENCE, conf_level=0.9)
    assert "**Not the published analysis.**" in markdown(shown)[0]
    assert "`conf_level` is 0.9 (paper: 0.95)" in markdown(shown)[0]
    assert not chapter.is_published_analysis


def test_every_line_of_the_banner_is_in_its_quote_block():
    lines = banner(REFERENCE, {"conf_level": (0.9, 0.95)}).splitlines()
    assert len(lines) == 3 and all(line.startswith(">") for line in lines)


def test_only_our_cohort_under_the_papers_choices_is_the_published_analysis(shown):
    assert Chapter("01_cohort", REFERENCE, conf_level=0.95).is_published_analysis
    assert not Chapter("01_cohort", OWN, conf_level=0.95).is_published_analysis


def test_a_refused_parameter_stops_the_chapter_before_it_says_anything(shown):
    with pytest.raises(ParameterError, match="conf_level = 95 is not allowed"):
        Chapter("04_survival", REFERENCE, conf_level=95)
    assert shown == []


# -- figures --------------------------------------------------------------------------------------------

def drawn():
    """A figure with what tends to carry ids and clocks: text, markers, hatches and a clip path."""
    fig, ax = plt.subplots()
    ax.step([0, 6, 12], [1.0, 0.6, 0.3], where="post", marker="+")
    ax.bar([1, 2], [0.2, 0.4], hatch="//", alpha=0.3)
    ax.fill_between([0, 12], [0.9, 0.1], [1.0, 0.5], alpha=0.2)
    ax.set(xlabel="Months from first treatment", ylabel="Surviving")
    return fig


def test_a_figure_shows_its_caption_and_alternative_text(shown, out):
    chapter = Chapter("04_survival", REFERENCE)
    chapter.figure(drawn(), "4.1", caption="Survival (n = 3/3), months.", alt="The curve falls from 1 to 0.3 at 12 months.")
    data, metadata = shown[1]
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == "The curve falls from 1 to 0.3 at 12 months."
    assert metadata["image/png"]["width"] == round(6.8 * 96)
    assert markdown(shown)[1] == "**Figure 4.1.** Survival (n = 3/3), months."
    assert plt.get_fignums() == []


def test_figure_files_are_the_same_bytes_each_time_and_hold_no_clock(shown, monkeypatch, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, epoch in zip(folders, ("0", "1700000000")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        monkeypatch.setenv("STUDY_OUT", str(folder))
        chapter = Chapter("04_survival", REFERENCE)
        chapter.figure(drawn(), "4.1", caption="c", alt="a")
        chapter.hand_on()
    for kind in ("png", "svg", "pdf"):
        first, second = ((folder / "figures" / f"figure_4_1.{kind}").read_bytes() for folder in folders)
        assert first == second, kind
        assert b"CreationDate" not in first and b"<dc:date>" not in first and b"Software" not in first


def test_where_nothing_is_for_print_the_tables_for_programs_and_browsers_are_still_written(shown, out, monkeypatch):
    monkeypatch.setenv("STUDY_NO_PRINT_FILES", "1")
    chapter = Chapter("04_survival", REFERENCE)
    chapter.figure(drawn(), "4.1", caption="c", alt="a")
    chapter.table(pd.DataFrame({"Group": ["all"], "n": [3]}), "4.1", "c")
    chapter.hand_on()
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == ["results/04_survival.json", "tables/table_4_1.csv", "tables/table_4_1.html"]
    assert sum("image/png" in data for data, _ in shown) == 1


def test_saved_files_say_whose_patients_they_show_and_the_shown_figure_does_not(shown, out):
    """Pillow, python-docx and the SVG's own text are read back: the words must survive outside the page."""
    from PIL import Image

    fig = drawn()
    chapter = Chapter("04_survival", REFERENCE)
    chapter.figure(fig, "4.1", caption="c", alt="a")
    chapter.table(pd.DataFrame({"Group": ["all"], "n": [3]}), "4.1", "c")
    chapter.hand_on()
    words, files = "Invented patients: re-run of Krzyston et al. 2020, see README", out / "figures"
    assert not fig.texts
    picture = Image.open(files / "figure_4_1.png")
    assert picture.text["Description"] == words
    width, height = fig.get_size_inches()
    assert picture.size == pytest.approx((300 * width, 300 * (height + 0.2)), abs=1.5)
    strip = picture.convert("L").crop((0, picture.height - 58, picture.width, picture.height))
    assert strip.getextrema()[0] < 200
    assert words in (files / "figure_4_1.svg").read_text("utf-8")
    assert words.encode() in (files / "figure_4_1.pdf").read_bytes()
    assert words in (out / "tables" / "table_4_1.html").read_text("utf-8")
    assert docx.Document(out / "tables" / "table_4_1.docx").paragraphs[-1].text == words


@pytest.mark.parametrize("place", ["upper", "lower"])
def test_the_words_below_a_saved_figure_move_nothing_in_it(place):
    from PIL import Image

    from lib.downloads import image

    fig, ax = plt.subplots(layout="constrained")
    ax.plot([0, 1], [0, 1], label="Survival")
    fig.legend(loc=f"outside {place} center")
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    plain, signed, plain_again = (Image.open(io.BytesIO(image(fig, "png", 100, words))).convert("RGB") for words in ("", "Invented patients", ""))
    assert signed.height - plain.height == 20
    assert signed.crop((0, 0, *plain.size)).tobytes() == plain.tobytes()
    assert plain_again.tobytes() == plain.tobytes()


def test_a_figure_is_drawn_once_for_each_of_its_files(shown, out, monkeypatch):
    from lib.figures.style import use_style

    use_style()  # has matplotlib lay out every figure
    draws = []
    draw = plt.Figure.draw
    monkeypatch.setattr(plt.Figure, "draw", lambda figure, renderer: draws.append(type(renderer).__name__) or draw(figure, renderer))
    chapter = Chapter("04_survival", REFERENCE)
    chapter.aside.finish()  # what is saved from now on is saved at once
    chapter.figure(drawn(), "4.1", caption="c", alt="a")
    # the figure shown, then its files: PNG, SVG, PDF
    assert draws == ["RendererAgg", "RendererAgg", "MixedModeRenderer", "MixedModeRenderer"]


def test_words_that_go_with_files_of_an_own_cohort():
    from lib.downloads import whose_patients

    own = SimpleNamespace(invented=False)
    assert whose_patients(own) == "Contains patient data" and whose_patients(own, for_publication=True) == ""
    assert whose_patients(None, "**Invented patients.** Of another paper.").startswith("Invented patients")


def test_an_axes_is_as_good_as_its_figure(shown, out):
    fig = drawn()
    chapter = Chapter("04_survival", REFERENCE)
    chapter.figure(fig.axes[0], "4.2", caption="c", alt="a")
    chapter.hand_on()
    assert (out / "figures" / "figure_4_2.svg").exists()


def test_what_could_not_be_computed_shows_nothing_and_reporting_items_say_so(shown, out):
    chapter = Chapter("04_survival")
    shown.clear()
    chapter.figure(None, "4.1", caption="Survival.", alt="")
    chapter.table(None, "4.1", caption="Medians.")
    assert not shown and chapter.listed == {"figures": [], "tables": []}
    chapter.figure(drawn(), "4.2", caption="Survival.", alt="A curve that falls from one to zero.")
    items = pd.DataFrame({"Answered in": ["Figure 4.2", "Tables 4.1 and 4.3, Figure 4.2", "Table 4.1", "not in the rows"]})
    assert list(chapter.answered(items)["Answered in"]) == [
        "Figure 4.2", "Tables 4.1 and 4.3, Figure 4.2; not shown: Table 4.1 and Table 4.3", "not shown for this cohort", "not in the rows"]


def test_a_live_notebook_shows_but_writes_no_figure_or_table_files(shown, monkeypatch, tmp_path):
    monkeypatch.delenv("STUDY_OUT", raising=False)
    monkeypatch.setattr("lib.narrative.ROOT", tmp_path)
    chapter = Chapter("04_survival", REFERENCE)
    chapter.figure(drawn(), "4.1", caption="c", alt="a")
    chapter.table(pd.DataFrame({"Row": ["x"], "n": ["1"]}), "4.1", caption="c")
    assert len(shown) == 5 and list(tmp_path.rglob("*.*")) == []
    chapter.hand_on()
    assert [path.name for path in tmp_path.rglob("*.*")] == ["04_survival.json"]


# -- tables ---------------------------------------------------------------------------------------------

def test_a_table_is_shown_under_its_caption_and_saved_three_ways(shown, out):
    chapter = Chapter("01_cohort", REFERENCE)
    chapter.table(pd.DataFrame({"Sex": ["Female", "Male"], "n (%)": ["16 (66.7)", "8 (33.3)"]}), "1.1", caption="Sex (n = 24/24).", notes=["By hand."])
    chapter.hand_on()
    assert markdown(shown)[1] == "**Table 1.1.** Sex (n = 24/24)."
    assert "16 (66.7)" in shown[2][0]["text/html"] and 'aria-label="Table 1.1"' in shown[2][0]["text/html"]
    assert sorted(path.name for path in (out / "tables").iterdir()) == ["table_1_1.csv", "table_1_1.docx", "table_1_1.html"]
    assert (out / "tables" / "table_1_1.csv").read_text() == (
        "Sex,n (%),Whose patients\n"
        'Female,16 (66.7),"Invented patients: re-run of Krzyston et al. 2020, see README"\n'
        'Male,8 (33.3),"Invented patients: re-run of Krzyston et al. 2020, see README"\n')


def test_a_saved_page_stands_on_its_own(shown, out):
    Chapter("01_cohort", REFERENCE).table(pd.DataFrame({"Sex": ["Female"], "n": ["16"]}), "1.1", caption="Sex.")
    page = (out / "tables" / "table_1_1.html").read_text()
    tree = html_parser.fromstring(page)
    assert page.startswith("<!doctype html>") and tree.get("lang") == "en" and tree.find(".//main//table") is not None
    assert not re.search(r"https?://", page)


# -- recorded quantities --------------------------------------------------------------------------------

def test_values_are_recorded_as_plain_numbers(shown):
    chapter = Chapter("04_survival", REFERENCE)
    chapter.record("os_treatment.median", np.float64(9.04))
    chapter.record({"cohort.n": np.int64(24), "survival_status.dead.count": 17})
    chapter.record("os_y90.median", np.inf)
    assert {name: entry["value"] for name, entry in chapter.quantities.items()} == {
        "os_treatment.median": 9.04, "cohort.n": 24, "survival_status.dead.count": 17, "os_y90.median": math.inf}
    assert [type(entry["value"]) for entry in chapter.quantities.values()] == [float, int, int, float]


def test_one_quantity_has_one_value(shown):
    chapter = Chapter("04_survival", REFERENCE)
    chapter.record("os_treatment.median", 9.04)
    chapter.record("os_treatment.median", 9.04)
    with pytest.raises(ValueError, match=r"os_treatment.median is recorded twice, as 9.04 and 9.1"):
        chapter.record("os_treatment.median", 9.1)


@pytest.mark.parametrize("missing", [None, math.nan, np.nan])
def test_a_missing_value_needs_its_reason(shown, missing):
    chapter = Chapter("04_survival", REFERENCE)
    with pytest.raises(ValueError, match="os_y90.median: say why it is not computed"):
        chapter.record("os_y90.median", missing)
    chapter.record("os_y90.median", missing, reason="nobody received Y90")
    assert chapter.quantities["os_y90.median"] == {"value": None, "reason": "nobody received Y90"}


def test_protocol_figures_are_recorded_with_what_the_rows_show(shown):
    chapter = Chapter("01_cohort", REFERENCE)
    chapter.record("eligibility.ecog.max", holds=np.bool_(True), observed="0 to 1")
    assert chapter.quantities["eligibility.ecog.max"] == {"value": None, "holds": True, "observed": "0 to 1"}


# -- handing on -----------------------------------------------------------------------------------------

def test_results_are_handed_on_in_one_move_without_paths_of_this_machine(shown, out, monkeypatch):
    cohort = SimpleNamespace(name="ward_7", invented=False, path=out / "secret_folder")
    chapter = Chapter("04_survival", cohort, cohort=str(out / "secret_folder" / "ward_7"), conf_level=0.9)
    chapter.record("os_treatment.median", 11.25)
    moves = []
    replace = os.replace
    monkeypatch.setattr("os.replace", lambda source, target: (moves.append((source, target)), replace(source, target)))
    chapter.hand_on()
    written = (out / "results" / "04_survival.json").read_text()
    assert [(source.parent, target.name) for source, target in moves] == [(out / "results", "04_survival.json")]
    assert [path.name for path in (out / "results").iterdir()] == ["04_survival.json"]
    assert "secret_folder" not in written and str(out) not in written
    document = json.loads(written)
    assert document["parameters"] == {"conf_level": 0.9, "cohort": "ward_7"} and document["not_the_papers"] == ["conf_level"]
    assert document["quantities"] == {"os_treatment.median": {"value": 11.25}}


def test_a_chapter_without_a_cohort_keeps_no_path_either(shown, out):
    chapter = Chapter("05_verdict", None, cohort=str(out / "secret_folder"), conf_level=0.95)
    chapter.hand_on()
    document = json.loads((out / "results" / "05_verdict.json").read_text())
    assert document["parameters"] == {"conf_level": 0.95} and document["cohort"] is None


def test_a_failed_writing_leaves_the_old_results(shown, out):
    chapter = Chapter("04_survival", REFERENCE)
    chapter.hand_on()
    before = (out / "results" / "04_survival.json").read_bytes()
    chapter.quantities["bad"] = {"value": object()}
    with pytest.raises(TypeError):
        chapter.hand_on()
    assert (out / "results" / "04_survival.json").read_bytes() == before


def test_results_list_figures_and_tables_with_their_texts(shown, out):
    chapter = Chapter("04_survival", REFERENCE)
    chapter.figure(drawn(), "4.1", caption="Old.", alt="Old.")
    chapter.figure(drawn(), "4.1", caption="Survival.", alt="It falls.")
    chapter.table(pd.DataFrame({"Row": ["x"], "n": ["1"]}), "4.1", caption="Rows.")
    chapter.hand_on()
    document = json.loads((out / "results" / "04_survival.json").read_text())
    assert document["figures"] == [{"label": "4.1", "file": "figure_4_1", "caption": "Survival.", "alt": "It falls."}]
    assert document["tables"] == [{"label": "4.1", "file": "table_4_1", "caption": "Rows."}]


# -- against the paper ----------------------------------------------------------------------------------

def record_survival(chapter):
    """9 months prints as published; 21.9 does not print as 21.4."""
    chapter.record({"os_treatment.median": 9.04, "os_treatment.upper": 21.9})
    chapter.record("os_treatment.own_quantity", 1.0)


def test_a_chapter_closes_with_the_ledger_rows_it_recomputes(shown, out):
    chapter = Chapter("04_survival", REFERENCE)
    record_survival(chapter)
    chapter.against_paper()
    ledger = read_ledger()
    n_median, n_upper = ((ledger.quantity == f"os_treatment.{part}").sum() for part in ("median", "upper"))
    assert f"of {n_median + n_upper} printed figures that this chapter recomputes, {n_median} are reproduced" in markdown(shown)[-1]
    assert f"{n_upper} differ" in markdown(shown)[-1]
    table = pd.read_csv(out / "tables" / "table_4_1.csv", dtype=str)
    assert table.Verdict.tolist() == ["differs (unexpected)", "reproduced"] and table.Recomputed.tolist() == ["21.90", "9"]
    assert table.Figure.tolist() == ["Survival from treatment: upper limit (months)", "Survival from treatment: median (months)"]
    assert "Discussion: doxorubicin" in table["Where printed"][1] and "own_quantity" not in table.to_csv()
    assert "own_quantity" in (out / "results" / "04_survival.json").read_text()


def test_under_another_choice_the_comparison_says_so(shown, out):
    chapter = Chapter("04_survival", REFERENCE, conf_level=0.9)
    record_survival(chapter)
    chapter.against_paper()
    assert "**Not the published analysis:** `conf_level` changed." in markdown(shown)[-1]


def test_no_publication_is_held_against_another_cohort(shown, out):
    chapter = Chapter("04_survival", OWN)
    record_survival(chapter)
    chapter.against_paper()
    assert "No publication is held against this cohort" in markdown(shown)[-1]
    assert not (out / "tables").exists() and (out / "results" / "04_survival.json").exists()


def test_the_whole_ledger_can_be_judged_from_handed_on_results(shown, out):
    from lib.published import read_results

    chapter = Chapter("04_survival", REFERENCE)
    record_survival(chapter)
    chapter.record("os_diagnosis.median", math.inf)
    chapter.hand_on()
    judged = judge(read_ledger(), read_results(out / "results")).set_index("quantity")
    assert set(judged.verdict["os_treatment.median"]) == {"reproduced"}
    assert set(judged.verdict["os_diagnosis.median"]) == {"differs"} and set(judged.recomputed["os_diagnosis.median"]) == {"not reached"}
    assert set(judged.verdict["cohort.n"]) == {"unaccounted"}


def test_sentences_are_markdown_output(shown):
    say("Of 24 patients 17 died.")
    assert shown == [({"text/markdown": "Of 24 patients 17 died."}, {})]
