"""The figures of other studies: complete against the paper, consistent in themselves, discrepancies noted."""

import pandas as pd
import pytest

from lib.proportions import denominators_giving
from lib.published import DATA, agrees, parse_printed
from lib.response.agreement import READER_KAPPA, READER_KAPPA_LOWER, READER_KAPPA_UPPER

COLUMNS = ["study", "topic", "subgroup", "n", "quantity", "value", "lower", "upper", "interval", "unit", "time_origin",
           "source", "paper_prints", "place", "note"]
# Every figure of another study in the paper's Introduction and Discussion, in reading order.
FOREIGN_FIGURES = {
    "Introduction": "1 10-30 15 21.9 6.9",
    "Discussion: background": "<1 10-24 126 58.0 12.5 7.9 331 17 56 84",
    "Discussion: overall survival": "28 12 6 8 2 26.7 14.2 11 18 24 7 30 21.2 6.3 25 26 30 25 5 5 3.5 19 9",
    "Discussion: response": "48 36 38.9 3",
    "Discussion: doxorubicin": "12.8 18 37 13 5 <1",
    "Discussion: clinical toxicity": "3 72 one 3 two",
    "Discussion: laboratory toxicity": "single 3 18",
}


@pytest.fixture(scope="module")
def literature():
    return pd.read_csv(DATA / "literature.csv", dtype={"paper_prints": str}, keep_default_na=True)


def test_columns_are_those_of_the_codebook(literature):
    assert list(literature.columns) == COLUMNS


@pytest.mark.parametrize("place", FOREIGN_FIGURES)
def test_every_foreign_figure_of_the_paper_is_there(literature, place):
    listed = literature.loc[literature.place.eq(place), "paper_prints"]
    assert sorted(listed) == sorted(FOREIGN_FIGURES[place].split())


def test_rows_are_unique_and_sourced(literature):
    assert not literature.duplicated(["study", "subgroup", "quantity"]).any()
    assert literature.source.isin(["abstract", "as quoted by the paper"]).all()
    assert literature.loc[literature.source.eq("as quoted by the paper"), "paper_prints"].notna().all()


def test_a_row_has_a_value_or_a_range(literature):
    assert (literature.value.notna() | literature.interval.eq("range")).all()
    both = literature.dropna(subset=["value", "lower", "upper"])
    assert ((both.lower <= both.value) & (both.value <= both.upper)).all()


def test_survival_names_its_time_origin(literature):
    timed = literature.quantity.str.contains(r"\b(?:os|pfs|rfs|local_pfs)\.")
    assert literature.loc[timed, "time_origin"].notna().all()


def test_only_noted_figures_disagree_with_their_source(literature):
    """What the paper prints must be the value beside it, or the note must say why it is not."""
    number = literature[literature.paper_prints.notna() & literature.value.notna() & ~literature.paper_prints.isin(["single"])]
    differing = number[[not agrees(row.value, row.paper_prints) for row in number.itertuples()]]
    assert differing[["study", "quantity"]].values.tolist() == [["Pierce 2016", "orr.percent"]]
    assert differing.note.notna().all()


@pytest.mark.parametrize("study, quantity, count, n", [
    ("Chapiro 2015", "mrecist.orr.percent", 12, 25), ("Miller 2018", "orr.percent", 14, 39),
    ("DeMatteo 2001", "resected.percent", 56, 331), ("Maluccio 2006", "response.percent", 9, 15),
])
def test_percentages_follow_from_the_counts_of_the_abstracts(literature, study, quantity, count, n):
    row, = literature[literature.study.eq(study) & literature.quantity.eq(quantity)].itertuples()
    assert agrees(100 * count / n, f"{row.value:g}")


def test_pierce_response_is_seven_of_eighteen(literature):
    """38.9 % is 7/18: among denominators up to the 28 patients no other gives it."""
    assert [n for n in range(1, 29) for k in range(n + 1) if agrees(100 * k / n, "38.9")] == [18]
    assert 18 in denominators_giving([7], ["38.9"])
    assert literature[literature.quantity.eq("n.elective")].value.item() == 18


def test_reader_kappa_of_the_chapter_is_the_cited_one(literature):
    row, = literature[literature.quantity.eq("recist.kappa")].itertuples()
    assert (row.value, row.lower, row.upper) == (READER_KAPPA, READER_KAPPA_LOWER, READER_KAPPA_UPPER)


def test_words_and_numbers_of_the_paper_are_readable(literature):
    words = literature.paper_prints.dropna()
    plain = words[~words.str.contains(r"[-<]|single")]
    assert all(parse_printed(word).value > 0 for word in plain)
