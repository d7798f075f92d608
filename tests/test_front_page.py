"""The front page follows what the chapters handed on: the paper's study, a changed choice, or a reader's own cohort."""

import shutil

import pytest

from lib.pages import BOOK, write_front_page
from lib.published import read_ledger


@pytest.fixture
def front_page(tmp_path):
    """A function that makes the front page from one chapter's document and returns its text."""

    def make(preview=False, **document):
        book, out = tmp_path / "book", tmp_path / "out"
        shutil.copytree(BOOK, book)
        (out / "notebooks").mkdir(parents=True)
        (out / "notebooks" / "01_cohort.ipynb").touch()
        quantities = {"cohort.n": {"value": 31}, "os_treatment.median": {"value": float("inf")}}
        write_front_page(book, out, {"01_cohort": {"cohort": "reference", "quantities": quantities, "cells": {"cohort.n": 4}} | document}, preview)
        return (book / "index.md").read_text("utf-8")

    return make


def test_the_published_analysis_says_what_is_invented_and_shows_its_verdicts(front_page):
    text = front_page()
    assert "What is invented" in text and "A published study of 31 patients" in text and 'class="dashboard"' in text
    assert "patient data" not in text and "not the published analysis" not in text


def test_what_was_found_begins_with_what_the_verdicts_count(front_page):
    """Of the whole ledger only the one quantity of the document is recomputed here, and it differs from the paper's 24."""
    text = front_page(quantities={"cohort.n": {"value": 31}, "contradictions.count": {"value": 7}})
    ledger = read_ledger()
    n_places = (ledger.quantity == "cohort.n").sum()
    assert f"gives 0 of the paper's {len(ledger)} figures; {n_places} come out otherwise, and in 7 places the paper is at odds with itself" in text


def test_a_cohort_of_the_readers_own_is_not_held_against_the_paper(front_page):
    text = front_page(cohort="ours")
    assert "contains patient data" in text and "31 patients treated" in text
    for word in ("invented", "paper", "krzyston", "class=\"dashboard\"", "\ndashboard\n"):
        assert word not in text.replace('aria-labelledby="invented"', "").replace('id="invented"', "").replace("To read on paper", ""), word


def test_a_changed_choice_of_the_papers_shows_no_verdicts(front_page):
    text = front_page(not_the_papers=["early_treatment_months"])
    assert "**not the published analysis**" in text and "What is invented" in text and 'class="dashboard"' not in text


def test_a_median_that_is_not_reached_reads_as_a_sentence(front_page):
    assert "Median survival from the first treatment was not reached.</li>" in " ".join(front_page(cohort="ours").split())


def test_what_the_paper_pins_down_is_counted_with_a_link_for_each_number(front_page):
    counts = {"ensemble_claims.implied.count": {"value": 4}, "identified.narrowed.count": {"value": 9}}
    text = front_page(quantities=counts, cells={"ensemble_claims.implied.count": 12})
    assert '<a href="01_cohort.html#cell-12"><span class="count">4</span> <span class="what">implied</span></a>' in text and "9 numbers that the paper does not print" in text


@pytest.mark.parametrize("preview", [False, True])
def test_a_preview_offers_and_shows_no_file_that_only_a_run_makes(front_page, preview):
    figures = [{"label": "4.3", "file": "figure_4_3", "caption": "Overall survival", "alt": "A curve"}]
    text = front_page(preview=preview, figures=figures)
    assert [name in text for name in ("report.docx", "figures/figure_4_3.png")] == [not preview] * 2


def test_without_chapter_6_nothing_is_said_of_what_the_paper_pins_down(front_page):
    assert "pins down" not in front_page()


def test_another_papers_pages_do_not_speak_of_the_study(tmp_path):
    book, out = tmp_path / "book", tmp_path / "out"
    shutil.copytree(BOOK, book)
    (out / "notebooks").mkdir(parents=True)
    write_front_page(book, out, {"07_another_paper": {"cohort": None, "quantities": {}, "cells": {}}})
    text = (book / "index.md").read_text("utf-8")
    assert text.count("Another paper") and "leiomyosarcoma" not in text and not (book / "dashboard.md").exists() and not [*book.glob("*.j2")]
