"""The verdicts at a glance: counted from what chapters hand on, each line leading to the computing cell."""

import json
import re

import pandas as pd
import pytest

from lib.dashboard import README, page, places_of_cells, read_dashboard, readme_block, with_block
from lib.published import read_ledger

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
    assert tiles == {"reproduced": 2, "protocol figures kept": 1, "differ": 1, "not derivable": 1, "contradictions and oddities in the paper itself": 7}


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


@pytest.fixture
def with_claims(documents):
    counts = {"ensemble_claims.implied.count": 2, "ensemble_claims.held_in_all_found.count": 1, "ensemble_claims.undecided.count": 0, "identified.open.count": 5}
    documents["06_identified"] = {"quantities": {name: {"value": value} for name, value in counts.items()}, "cells": dict.fromkeys(counts, 8)}
    return documents


def test_claims_and_unprinted_numbers_are_counted_and_lead_to_their_cell(with_claims):
    board = read_dashboard(with_claims, LEDGER)
    assert [(tile.count, tile.what) for tile in board.claims] == [(2, "implied"), (1, "held in all found")]
    assert [(tile.count, tile.what, tile.place) for tile in board.grades] == [(5, "open", "06_identified.html#cell-8")]


def test_each_claim_has_a_line_that_leads_to_the_cell_which_counts_its_verdict(with_claims):
    claims = pd.DataFrame({"claim": ["A lives longer than <B>", "C"], "place": ["Discussion", "tempting"], "verdict": ["implied", "not testable"], "ground": ["printed figures", ""]})
    text = page(read_dashboard(with_claims, LEDGER), claims)
    line = re.search(r'<tr><th scope="row">A lives.*?</tr>', text)[0]
    assert "2 claims" in text and "&lt;B&gt;" in line and '<a href="06_identified.html#cell-8">Chapter 6, cell 8</a>' in line and "printed figures" in line
    assert "claims" not in page(read_dashboard({}, LEDGER), claims)


def test_the_readme_block_has_a_row_for_each_thing_that_was_counted(documents, with_claims):
    block = readme_block(read_dashboard(with_claims, LEDGER))
    assert "| [5 printed figures](notebooks/05_verdict.ipynb) | 2 reproduced, 1 protocol figures kept, 1 differ, 1 not derivable |" in block
    assert "7 contradictions and oddities in the paper itself" in block and "| [3 claims](notebooks/06_identified.ipynb) | 2 implied, 1 held in all found |" in block
    assert with_block(f"before\n{block}\nafter", "<!-- dashboard: begin -->\nx\n<!-- dashboard: end -->") == "before\n<!-- dashboard: begin -->\nx\n<!-- dashboard: end -->\nafter"


def test_the_readme_shows_the_dashboard_of_the_run(study_run):
    documents = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((study_run.out / "results").glob("*.json"))}
    block = readme_block(read_dashboard(documents, read_ledger()))
    assert block in README.read_text("utf-8"), f"README.md shows other figures than the run; after make, write them with python -m lib.dashboard:\n{block}"
