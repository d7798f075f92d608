"""The verdicts at a glance: counted from what chapters hand on, each line leading to the computing cell."""

import re

import pandas as pd
import pytest

from lib.dashboard import page, places_of_cells, read_dashboard

LEDGER = pd.DataFrame(
    [
        ("cohort.n", "24", "patients", "Abstract", "reproduced", ""),
        ("cohort.n", "24", "patients", "Results", "reproduced", ""),
        ("os.median", "22.9", "months", "Figure 4", "reproduced", ""),
        ("bead.dose", "50", "mg", "Methods", "method", ""),
        ("first.month", "May 2004", "date", "Methods", "not derivable", "no <dates>"),
    ],
    columns=["quantity", "printed", "unit", "place", "expected", "note"],
)


@pytest.fixture
def documents():
    return {
        "01_cohort": {
            "quantities": {"cohort.n": {"value": 24}, "bead.dose": {"value": 50, "holds": True}, "first.month": {"value": None, "reason": "no dates"}},
            "cells": {"cohort.n": 3, "bead.dose": 5},
        },
        "04_survival": {"quantities": {"os.median": {"value": 23.4}, "contradictions.count": {"value": 7}}, "cells": {"os.median": 9, "contradictions.count": 11}},
    }


def test_the_tiles_count_the_ledger_by_verdict(documents):
    """Counted by hand: two places of n, one dose, one median that prints as 23.4 and not 22.9, one date."""
    tiles = {tile.what: tile.count for tile in read_dashboard(documents, LEDGER).tiles}
    assert tiles == {"reproduced": 2, "of method, respected": 1, "differ": 1, "not derivable": 1, "contradictions in the paper itself": 7}


def test_a_figure_that_no_chapter_recomputes_is_said_to_be_so(documents):
    del documents["04_survival"]
    board = read_dashboard(documents, LEDGER)
    assert {tile.what: tile.count for tile in board.tiles}["not recomputed"] == 1 and board.contradictions is None


def test_a_changed_result_changes_the_tiles(documents):
    documents["04_survival"]["quantities"]["os.median"]["value"] = 22.94
    assert read_dashboard(documents, LEDGER).counts["differs"] == 0


def test_each_line_leads_to_the_cell_that_recorded_its_figure(documents):
    assert places_of_cells(documents)["os.median"] == "04_survival.html#cell-9"
    text = page(read_dashboard(documents, LEDGER))
    line = re.search(r"<tr><th[^>]*>Survival: median \(months\).*?<code>os\.<wbr>median</code>.*?</tr>", text)[0]
    assert '<a href="04_survival.html#cell-9">Chapter 4, cell 9</a>' in line and "22.9" in line and "23.4" in line


def test_places_that_print_the_same_share_a_line_and_notes_stay_text(documents):
    text = page(read_dashboard(documents, LEDGER))
    assert text.count("<code>cohort.<wbr>n</code>") == 1 and "Abstract; Results" in text
    assert "no &lt;dates&gt;" in text and "<dates>" not in text


def test_an_unexpected_verdict_is_marked(documents):
    text = page(read_dashboard(documents, LEDGER))
    assert re.findall(r"\(unexpected\)</strong><br><code>([\w.<>]+)</code>", text) == ["os.<wbr>median"]
