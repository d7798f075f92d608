"""The ledger and its verdicts: printed strings, rounding and judgements worked out by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from lib.published import (DATA, LEDGER_COLUMNS, LedgerError, agrees, decoded, encoded, judge, parse_printed, read_ledger, read_results,
                           round_half_up, summary, verdict)

# -- reading printed figures ----------------------------------------------------------------------------


@pytest.mark.parametrize("text, value, decimals", [
    ("62.8", 62.8, 1), ("9", 9.0, 0), ("0.0", 0.0, 1), ("31.0", 31.0, 1), ("0.142", 0.142, 3), ("1.89", 1.89, 2),
    ("-1.5", -1.5, 1), ("50 000", 50000.0, 0), ("50\u00a0000", 50000.0, 0), ("1 234 567", 1234567.0, 0),
    ("Nineteen", 19.0, 0), ("one", 1.0, 0), (" Three ", 3.0, 0), ("zero", 0.0, 0),
])
def test_printed_figures_are_read_with_their_precision(text, value, decimals):
    figure = parse_printed(text)
    assert (figure.value, figure.decimals) == (value, decimals)


@pytest.mark.parametrize("text", ["", "June 2011", "9 months", "1,5", "5 0", "12 34", "22.9-31.0", "41.7%", "<0.001", "thirty", "1e3"])
def test_what_is_not_one_number_is_refused(text):
    with pytest.raises(LedgerError, match="is not a printed number: write it in digits"):
        parse_printed(text)


def test_a_printed_figure_stands_for_an_interval_of_half_its_last_decimal():
    figure = parse_printed("22.9")
    assert (figure.lower, figure.upper) == pytest.approx((22.85, 22.95))
    assert (parse_printed("27").lower, parse_printed("27").upper) == (26.5, 27.5)


# -- rounding -------------------------------------------------------------------------------------------

# by hand: the decimal halves go away from zero, although 0.1425, 2.675 and 1.005 lie below the half in binary
@pytest.mark.parametrize("value, decimals, expected", [
    (0.1425, 3, 0.143), (8.85, 1, 8.9), (2.675, 2, 2.68), (1.005, 2, 1.01), (0.5, 0, 1), (1.5, 0, 2), (2.5, 0, 3),
    (-2.5, 0, -3), (8.875, 1, 8.9), (8.875, 2, 8.88), (41.66666666666667, 1, 41.7), (0.14249, 3, 0.142), (30.434782608695652, 1, 30.4),
])
def test_halves_round_away_from_zero(value, decimals, expected):
    assert round_half_up(value, decimals) == expected


def test_floating_error_below_a_half_is_forgiven_but_a_real_shortfall_is_not():
    assert round_half_up(8.85 - 1e-12, 1) == 8.9
    assert round_half_up(8.8499, 1) == 8.8


def test_numbers_from_numpy_round_like_python_ones():
    assert round_half_up(np.float64(0.1425), 3) == 0.143
    assert round_half_up(np.int64(24), 0) == 24


def test_no_negative_zero_and_no_failure_on_huge_or_missing_values():
    assert math.copysign(1, round_half_up(-0.04, 1)) == 1
    assert round_half_up(1e30, 1) == 1e30
    assert math.isnan(round_half_up(float("nan"), 1))


# -- agreement ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("value, printed, same", [
    (100 * 10 / 24, "41.7", True), (100 * 10 / 24, "42", True), (100 * 7 / 13, "54", True), (100 * 7 / 13, "30.4", False),
    (100 * 7 / 23, "30.4", True), (213 / 24, "8.9", True), (213 / 24, "8.8", False), (1.89, "1.9", True), (1.89, "1.89", True),
    (0.14249, "0.143", False), (19, "Nineteen", True), (0, "0.0", True), (50000, "50 000", True),
    (None, "9", False), (float("nan"), "9", False), (float("inf"), "9", False), ("5.0", "5.0", True), ("4.03", "5.0", False),
])
def test_a_value_agrees_where_it_prints_as_published(value, printed, same):
    assert agrees(value, printed) is same


# -- verdicts -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("entry, expected", [
    (None, "unaccounted"),
    ({"value": 9.04}, "reproduced"), ({"value": 9.5}, "differs"), ({"value": math.inf}, "differs"),
    ({"value": None, "reason": "no dates"}, "not derivable"),
    ({"value": None, "holds": True}, "method"), ({"value": 9, "holds": True}, "method"),
    ({"value": None, "holds": False}, "differs"), ({"value": 9, "holds": False}, "differs"), ({"value": 8, "holds": True}, "differs"),
])
def test_verdict_on_a_printed_nine(entry, expected):
    assert verdict("9", "reproduced", entry) == expected


@pytest.mark.parametrize("entry", [None, {"value": 9.04}, {"value": None, "holds": True}])
def test_the_expected_verdict_has_no_say_in_the_verdict(entry):
    given = {verdict("9", expected, entry) for expected in ("reproduced", "differs", "not derivable", "method")}
    assert len(given) == 1


def ledger_of(*rows):
    return pd.DataFrame(rows, columns=LEDGER_COLUMNS)


SMALL = ledger_of(
    ("os.median", "9", "months", "Abstract", "reproduced", ""),
    ("os.median", "9.0", "months", "Results", "reproduced", ""),
    ("os.p", "0.142", "P", "Results", "differs", ""),
    ("dates.start", "June 2011", "calendar month", "Methods", "not derivable", ""),
    ("dose.max", "100", "mg", "Methods", "method", ""),
    ("never.recorded", "1", "patients", "Table 1", "reproduced", ""))
ENTRIES = {"os.median": {"value": 9.04, "chapter": "04"}, "os.p": {"value": 0.1425, "chapter": "04"},
           "dates.start": {"value": None, "reason": "the rows hold no dates", "chapter": "01"},
           "dose.max": {"value": 100, "holds": True, "observed": "75 to 100 mg", "chapter": "01"}}


def test_each_printed_place_is_judged_on_its_own():
    judged = judge(SMALL, ENTRIES)
    assert list(judged.verdict) == ["reproduced", "reproduced", "differs", "not derivable", "method", "unaccounted"]
    assert list(judged.as_expected) == [True, True, True, True, True, False]
    assert list(judged.chapter) == ["04", "04", "04", "01", "01", ""]


def test_recomputed_values_show_one_decimal_more_only_where_they_differ():
    assert list(judge(SMALL, ENTRIES).recomputed) == [
        "9", "9.0", "0.1425", "the rows hold no dates", "75 to 100 mg", "not recorded"]


@pytest.mark.parametrize("value, shown", [(math.inf, "not reached"), (21.0, "21"), (8.875, "8.88"), ("4.03", "4.03")])
def test_recomputed_text_of_special_values(value, shown):
    ledger = ledger_of(("q", "8.8" if value == 8.875 else "20", "u", "Abstract", "differs", ""))
    assert judge(ledger, {"q": {"value": value}}).recomputed.tolist() == [shown]


def test_summary_counts_every_row_once():
    counts = summary(judge(SMALL, ENTRIES))
    assert counts == {"published": 6, "reproduced": 2, "differs": 1, "not_derivable": 1, "method": 1,
                      "unaccounted": 1, "unexpected": 1}


def test_summary_of_an_empty_ledger_is_all_zero():
    assert set(summary(judge(ledger_of(), {})).values()) == {0}


# -- the ledger file ------------------------------------------------------------------------------------

def write(tmp_path, text):
    path = tmp_path / "ledger.csv"
    path.write_text(text, encoding="utf-8")
    return path


HEAD = "quantity,printed,unit,place,expected,note\n"


@pytest.mark.parametrize("text, message", [
    ("quantity,printed,unit,place,note\n", "column expected is missing"),
    (HEAD + "a,9,months,Abstract,perhaps,\n", "row 2: expected verdict 'perhaps' is unknown"),
    (HEAD + "a,9,months,Abstract,reproduced,\nb,nine months,months,Abstract,reproduced,\n", "row 3: 'nine months' is not a printed number"),
    (HEAD + "a,9,months,Abstract,reproduced,\na,8,months,Abstract,reproduced,\n", "row 3: a is stated twice at 'Abstract'"),
    (HEAD + "a,9,months,Abstract,reproduced,,one,too,many\n", "cannot be read|unknown|missing"),
])
def test_a_faulty_ledger_is_refused_by_row(tmp_path, text, message):
    with pytest.raises(LedgerError, match=message):
        read_ledger(write(tmp_path, text))


def test_a_missing_or_foreign_file_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="none.csv cannot be read"):
        read_ledger(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(HEAD.encode() + "a,9,\xb5m,Abstract,method,\n".encode("latin-1"))
    with pytest.raises(LedgerError, match="latin.csv cannot be read as a CSV table in UTF-8"):
        read_ledger(tmp_path / "latin.csv")


def test_calendar_months_may_stand_where_nothing_can_be_derived(tmp_path):
    ledger = read_ledger(write(tmp_path, HEAD + "dates.start,June 2011,calendar month,Methods,not derivable,\n"))
    assert ledger.printed.tolist() == ["June 2011"]


# -- what chapters hand on ------------------------------------------------------------------------------

def hand_on(folder, chapter, **quantities):
    document = {"chapter": chapter, "quantities": {name: {"value": value} for name, value in quantities.items()}}
    (folder / f"{chapter}.json").write_text(json.dumps(document))


def test_results_of_two_chapters_are_gathered_with_their_chapter(tmp_path):
    hand_on(tmp_path, "01_a", n=24)
    hand_on(tmp_path, "02_b", n=24, died=17)
    entries = read_results(tmp_path)
    assert (entries["n"]["value"], entries["n"]["chapter"], entries["died"]["chapter"]) == (24, "01_a", "02_b")


def test_two_chapters_that_disagree_are_refused(tmp_path):
    hand_on(tmp_path, "01_a", n=24)
    hand_on(tmp_path, "02_b", n=23)
    with pytest.raises(LedgerError, match="n is 24 in 01_a but 23 in 02_b"):
        read_results(tmp_path)


def test_no_results_yet_leave_everything_unaccounted(tmp_path):
    counts = summary(judge(SMALL, read_results(tmp_path)))
    assert counts["unaccounted"] == len(SMALL)


# -- at the edges ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "value"), [("50\u202f000", 50_000.0), ("1 234 567.5", 1_234_567.5), ("-0.25", -0.25), ("Twenty", 20.0), ("TEN", 10.0), (" 62.80 ", 62.8)])
def test_figures_are_read_however_they_are_set(text, value):
    figure = parse_printed(text)
    assert (figure.text, figure.value, figure.decimals) == (text, value, {" 62.80 ": 2, "-0.25": 2, "1 234 567.5": 1}.get(text, 0))


@pytest.mark.parametrize("text", ["1 23", "1234 5", "12 3456", "5.", ".5", "--5", "1.2.3", "12 000 00", "5 months"])
def test_digits_set_apart_are_one_number_only_in_threes(text):
    with pytest.raises(LedgerError, match=f"^'{text}' is not a printed number: "):
        parse_printed(text)


@pytest.mark.parametrize(("value", "decimals", "expected"), [
    (8.85 - 4e-10, 1, 8.9), (8.85 - 6e-10, 1, 8.8),  # forgiven is what is lost at the ninth decimal
    (15, -1, 20), (14.9, -1, 10), (-0.05, 1, -0.1), (2.0**49 + 0.5, 0, 2.0**49 + 1), (math.inf, 1, math.inf), (-math.inf, 1, -math.inf), (0, 2, 0)])
def test_rounding_at_its_limits(value, decimals, expected):
    assert round_half_up(value, decimals) == expected


def test_an_infinite_value_goes_through_json_as_not_reached():
    reached, never = {"value": 9.0, "reason": "r"}, {"value": math.inf, "reason": "r"}
    assert encoded(never) == {"value": None, "not_reached": True, "reason": "r"} and decoded(encoded(never)) == never
    assert encoded(reached) == decoded(reached) == reached and never["value"] == math.inf
    for entry in ({"value": None}, {"value": "5.0"}, {"value": 3}, {"value": None, "not_reached": False}):
        assert encoded(entry) == decoded(entry) == entry
    assert json.loads(json.dumps(encoded(never), allow_nan=False)) == encoded(never)


def test_results_that_were_not_reached_are_read_as_infinite_and_other_files_are_left_alone(tmp_path):
    (tmp_path / "01_a.json").write_text(json.dumps({"chapter": "01_a", "quantities": {"m": {"value": None, "not_reached": True, "reason": "\u00b5"}}}, ensure_ascii=False), "utf-8")
    (tmp_path / "02_b.json").write_text(json.dumps({"chapter": "02_b"}))
    (tmp_path / "notes.txt").write_text("no JSON")
    assert read_results(tmp_path) == read_results(str(tmp_path)) == {"m": {"value": math.inf, "reason": "\u00b5", "chapter": "01_a"}}


def test_a_value_two_chapters_record_alike_is_the_first_ones(tmp_path):
    for chapter in ("02_b", "01_a", "03_c"):
        hand_on(tmp_path, chapter, n=24)
    assert read_results(tmp_path)["n"]["chapter"] == "01_a"


@pytest.mark.parametrize(("value", "printed", "shown"), [
    (0.5, "0.123456", "0.500000"), (0.1234564, "0.123457", "0.123456"), (0.123456, "0.12346", "0.12346"), (0.12344, "0.12346", "0.123440"),
    (21.0, "20", "21"), (21.4, "20", "21.4"), (19.6, "20", "20"), (0.05, "0.1", "0.1"), (0.04, "0.1", "0.04")])
def test_a_recomputed_value_is_shown_as_printed_or_one_decimal_finer(value, printed, shown):
    """By hand; beyond six decimals nothing finer is shown."""
    assert judge(ledger_of(("q", printed, "u", "Abstract", "differs", "")), {"q": {"value": value}}).recomputed.tolist() == [shown]


def test_an_entry_without_a_value_shows_its_reason_or_that_it_has_none():
    ledger = ledger_of(*((name, "9", "u", "Abstract", "not derivable", "") for name in "abc"))
    judged = judge(ledger, {"a": {"value": None, "reason": "no dates", "chapter": "01"}, "b": {"value": None}, "c": {"value": None, "observed": "8 to 10", "reason": "no dates"}})
    assert judged.recomputed.tolist() == ["no dates", "not derivable", "8 to 10"] and judged.chapter.tolist() == ["01", "", ""]
    assert judged.verdict.tolist() == ["not derivable"] * 3 and judged.as_expected.all()


def test_the_row_named_is_the_one_at_fault(tmp_path):
    good = "a,9,months,Abstract,reproduced,\n"
    for text, message in ((good + "b,9,months,Abstract,reproduced,\nc,9,months,Abstract,perhaps,\n", "^ledger.csv, row 4: expected verdict 'perhaps' is unknown; use one of reproduced, "),
                          (good + "b,8,months,Results,reproduced,\na,9,months,Results,reproduced,\nb,9,months,Results,differs,\n",
                           "^ledger.csv, row 5: b is stated twice at 'Results'; "),
                          (good + "b,9 months,months,Abstract,differs,\n", "^ledger.csv, row 3: '9 months' is not a printed number")):
        with pytest.raises(LedgerError, match=message):
            read_ledger(write(tmp_path, HEAD + text))


def test_a_ledger_is_read_as_text_with_nothing_made_missing(tmp_path):
    ledger = read_ledger(write(tmp_path, HEAD + "a,9.0,NA,Abstract,reproduced,\nb,007,%,Results,differs,n/a\n"))
    assert ledger.to_numpy().tolist() == [["a", "9.0", "NA", "Abstract", "reproduced", ""], ["b", "007", "%", "Results", "differs", "n/a"]]
    assert list(read_ledger(str(write(tmp_path, HEAD)))) == LEDGER_COLUMNS and len(read_ledger()) == len(LEDGER)


# -- the paper's ledger: structure that follows from the paper's own tables ------------------------------

LEDGER = read_ledger()


def printed(quantity, place):
    rows = LEDGER[(LEDGER.quantity == quantity) & LEDGER.place.str.startswith(place)]
    assert len(rows) == 1, f"{quantity} at {place}"
    return rows.printed.iloc[0]


def test_every_part_of_the_paper_is_in_the_ledger():
    """Cells by hand: Table 1 has 26 counts and percentages and 2 age cuts; Table 2 has 8 rows of 3, 4 P values, 2 cuts
    and one confidence level; Table 3 has 8 rows of 4 counts and percentages."""
    parts = LEDGER.place.str.extract(r"^(Abstract|Main points|Methods|Results|Table \d|Figure \d|Discussion)")[0]
    assert parts.notna().all()
    counts = parts.value_counts()
    assert (counts["Table 1"], counts["Table 2"], counts["Table 3"]) == (26 * 2 + 2, 8 * 3 + 4 + 2 + 1, 8 * 4 * 2)
    assert set(counts.index) == {"Abstract", "Main points", "Methods", "Results", "Discussion", "Table 1", "Table 2", "Table 3",
                                 "Figure 1", "Figure 2", "Figure 3", "Figure 4"}
    assert len(LEDGER) >= 300


@pytest.mark.parametrize("variable", ["age", "sex", "first_treatment", "extrahepatic_disease", "survival_status",
                                      "prior_chemotherapy", "ecog", "lobar_disease", "hepatic_lesions", "primary_site"])
def test_each_variable_of_table_1_adds_up_to_24(variable):
    rows = LEDGER[LEDGER.place.str.startswith("Table 1") & LEDGER.quantity.str.match(rf"{variable}\..*\.count$")]
    assert rows.printed.astype(int).sum() == 24


def test_percentages_of_table_1_are_those_of_24():
    rows = LEDGER[LEDGER.place.str.startswith("Table 1")].set_index("quantity").printed
    for quantity in [q for q in rows.index if q.endswith(".count")]:
        assert agrees(100 * int(rows[quantity]) / 24, rows[quantity.replace(".count", ".percent")]), quantity


@pytest.mark.parametrize("criterion", ["recist", "mrecist"])
@pytest.mark.parametrize("column, n", [("total", 24), ("deb_tace", 13), ("y90", 6), ("ablation", 5)])
def test_columns_of_table_3_hold_their_patients(criterion, column, n):
    assert sum(int(printed(f"{criterion}.{column}.{c}.count", "Table 3")) for c in ("pd", "sd", "pr", "cr")) == n


def test_treatments_of_table_3_add_up_to_the_total():
    for criterion in ("recist", "mrecist"):
        for category in ("pd", "sd", "pr", "cr"):
            by_treatment = sum(int(printed(f"{criterion}.{t}.{category}.count", "Table 3")) for t in ("deb_tace", "y90", "ablation"))
            assert by_treatment == int(printed(f"{criterion}.total.{category}.count", "Table 3"))


def test_only_deb_tace_percentages_of_table_3_are_expected_to_differ():
    table = LEDGER[LEDGER.place.str.startswith("Table 3")]
    differing = table[table.expected == "differs"]
    n = {"total": 24, "deb_tace": 13, "y90": 6, "ablation": 5}
    wrong = [q for q in table.quantity if q.endswith(".percent") and not agrees(
        100 * int(printed(q.replace(".percent", ".count"), "Table 3")) / n[q.split(".")[1]], printed(q, "Table 3"))]
    assert sorted(differing.quantity) == sorted(wrong)
    assert all(".deb_tace." in quantity for quantity in wrong)


def test_where_two_places_disagree_tables_win_over_results_over_the_abstract():
    rank = LEDGER.place.str.extract(r"^(Table|Results)")[0].map({"Table": 2, "Results": 1}).fillna(0)
    figures = LEDGER[LEDGER.expected.isin(["reproduced", "differs"])]
    for quantity, rows in figures.groupby("quantity"):
        best = rows.loc[rank[rows.index].idxmax(), "printed"]
        if rows.expected.nunique() > 1:
            value = parse_printed(best).value
            for row in rows.itertuples():
                assert row.expected == ("reproduced" if agrees(value, row.printed) else "differs"), (quantity, row.place)


def test_units_are_one_to_a_quantity():
    units = LEDGER.groupby("quantity").unit.nunique()
    assert (units == 1).all(), units[units > 1]


def test_every_expected_difference_says_why():
    assert LEDGER[LEDGER.expected.isin(["differs", "not derivable"])].note.str.len().min() > 0


def test_names_are_dotted_snake_case():
    assert LEDGER.quantity.str.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+").all()


def test_a_ledger_that_is_changed_by_its_reader_or_in_its_file_is_read_as_the_file_has_it(tmp_path):
    path = tmp_path / "ledger.csv"
    path.write_bytes((DATA / "published.csv").read_bytes())
    first = read_ledger(path)
    as_printed = first.printed[0]
    first.loc[0, "printed"] = "changed by its reader"
    assert read_ledger(path).printed[0] == as_printed
    path.write_text(path.read_text("utf-8").replace(first.place[1], "another place", 1), encoding="utf-8")
    assert "another place" in set(read_ledger(path).place)
