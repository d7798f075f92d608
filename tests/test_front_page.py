"""The front page follows what the chapters handed on: the paper's study, a changed choice, or a reader's own cohort."""

import shutil

import pytest

from lib.pages import BOOK, write_front_page


@pytest.fixture
def front_page(tmp_path):
    """A function that makes the front page from one chapter's document and returns its text."""

    def make(**document):
        book, out = tmp_path / "book", tmp_path / "out"
        shutil.copytree(BOOK, book)
        (out / "notebooks").mkdir(parents=True)
        (out / "notebooks" / "01_cohort.ipynb").touch()
        quantities = {"cohort.n": {"value": 31}, "os_treatment.median": {"value": float("inf")}}
        write_front_page(book, out, {"01_cohort": {"cohort": "reference", "quantities": quantities, "cells": {"cohort.n": 4}} | document})
        return (book / "index.md").read_text("utf-8")

    return make


def test_the_published_analysis_says_what_is_invented_and_shows_its_verdicts(front_page):
    text = front_page()
    assert "What is invented" in text and "A published study of 31 patients" in text and 'class="dashboard"' in text
    assert "patient data" not in text and "not the published analysis" not in text


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
