"""A cohort's response as chapter 3 tells it: a hand-made cohort of four, the paper's own table, and cohorts at the edges."""

import math
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lib import response_tables as tables
from lib import response_words as words
from lib.cohort import build_cohort, read_cohort
from lib.figures import response as figures
from lib.figures.style import use_style
from lib.literature import LiteratureError, read_literature
from lib.published import DATA, judge, read_ledger
from lib.response import agreement, response_rates
from lib.response.printed import column_denominators, printed_response, progression_bounds
from lib.response.study import (
    CONFIRMED,
    UNCONFIRMED,
    best_by_rule,
    discordances,
    judge_cohort,
    progressed_outside,
    quantities,
    second_readings,
)

# patient, treatment, (lesion, extrahepatic, new, baseline mm, month 3 mm, viable baseline, viable month 3)
FOUR = {
    "A1": ("DEB-TACE", [("L1", False, False, 50, 30, 50, 0)]),                                        # PR, CR
    "A2": ("DEB-TACE", [("L1", False, False, 40, 40, 40, 38), ("E1", True, True, None, 12, None, None)]),  # PD*, SD
    "B1": ("Y90", [("L1", False, False, 60, 60, 20, 30)]),                                            # SD, PD
    "B2": ("Y90", [("L1", False, False, 30, None, 30, None)]),                                        # NE, NE
}


def cohort(content=FOUR, name="four", drop=()):
    patients = pd.DataFrame([{"patient": patient, "first_treatment": treatment, "os_treatment_months": 12.0, "died": False,
                              "extrahepatic_disease": True} for patient, (treatment, _) in content.items()])
    rows = [{"patient": patient, "visit": visit, "visit_day": day, "lesion": lesion, "longest_diameter_mm": size,
             "viable_diameter_mm": viable, "target": not new, "new": new, "extrahepatic": outside}
            for patient, (_, listed) in content.items() for lesion, outside, new, before, after, viable_before, viable_after in listed
            for visit, day, size, viable in (("baseline", -5, before, viable_before), ("month_3", 90, after, viable_after))
            if size is not None]
    lesions = pd.DataFrame(rows).drop(columns=list(drop)) if rows else None
    return build_cohort(name, patients, lesions=lesions)


@pytest.fixture(scope="module")
def four():
    return judge_cohort(cohort())


@pytest.fixture(scope="module")
def reference():
    return judge_cohort(read_cohort("reference"))


@pytest.fixture(autouse=True)
def drawing():
    use_style()
    yield
    plt.close("all")


# -- the cohort of four, by hand -------------------------------------------------------------------------

def test_four_patients_have_the_categories_they_were_made_for(four):
    assert four.response["RECIST"].to_dict() == {"A1": "PR", "A2": "PD", "B1": "SD", "B2": "NE"}
    assert four.response["mRECIST"].to_dict() == {"A1": "CR", "A2": "SD", "B1": "PD", "B2": "NE"}
    assert four.n_evaluable("RECIST") == 3 and progressed_outside(four) == ["A2"]


def test_quantities_have_ledger_names_and_named_denominators(four):
    treated, evaluable = quantities(four), quantities(four, denominator="evaluable")
    assert treated["recist.total.orr.percent"] == (25.0, "") and treated["recist.total.orr.n"] == (4, "")
    assert evaluable["recist.total.orr.percent"][0] == pytest.approx(100 / 3) and evaluable["recist.y90.orr.n"] == (1, "")
    assert treated["mrecist.deb_tace.dcr.count"] == (2, "")
    assert treated["extrahepatic_progression.count"] == (1, "") and treated["response.worse_by_mrecist.count"] == (1, "")


def test_treatment_nobody_had_is_missing_with_a_reason_and_not_zero(four):
    assert quantities(four)["recist.ablation.pd.count"] == (None, "no evaluable patient had ablation first")


def test_discordant_patients_come_with_what_decided_them(four):
    table = discordances(four).set_index("patient")
    assert list(table.index) == ["A2", "B1", "A1"]
    assert table.loc["A2", "recist_decided_by"] == "new lesion" and table.outside_liver["A2"] and table.worse_by_mrecist["B1"]


def test_sentences_count_what_the_rows_hold(four):
    assert words.population(four) == ("At month 3, of all treated patients, 3/4 (75.0%) evaluable by RECIST and "
                                      "3/4 (75.0%) evaluable by mRECIST. The response scans were taken on day 90 to 90 "
                                      "(median 90; 3 dated).")
    assert words.change(four).startswith("By RECIST, 0 of 3 measured sums grew by 20% or more and 1 shrank by 30% or more; "
                                         "new lesions alone made 1 patient progress.")
    both = agreement(four.response["RECIST"], four.response["mRECIST"])
    assert words.reclassified(four, both, 0.95).startswith(
        "0/3 (0.0%) patients evaluable by both criteria keep their category; 2 are better by mRECIST than by RECIST, 1 worse (B1)")
    assert words.why_discordant(four, discordances(four)) == (
        "1 patient progressed by RECIST but not by mRECIST: in 1 of them disease outside the liver had progressed (A2), "
        "which mRECIST as used here does not look at.")
    assert words.outside_liver(four).startswith("Here 1/1 (100.0%) patients")


def test_patient_table_stars_the_new_lesion_and_leaves_the_unmeasured_blank(four):
    table = tables.patient_table(four, 40).set_index("Patient")
    assert table.loc["A2", "RECIST category"] == "PD*" and table.loc["A2", "mRECIST category"] == "SD"
    assert table.loc["A1", "RECIST sum (mm)"] == "50 to 30" and table.loc["A1", "RECIST change (%)"] == "-40"
    assert table.loc["B1", "mRECIST change (%)"] == "+50"
    assert table.loc["B2", "RECIST category"] == "NE" and table.loc["B2", "RECIST sum (mm)"] is None


def test_long_patient_table_starts_with_those_who_differ():
    many = {f"P{i}": ("Y90", [("L1", False, False, 50, 50, 50, 50 if i < 8 else 0)]) for i in range(10)}
    listed = tables.patient_table(judge_cohort(cohort(many)), at_most=3)
    assert listed.Patient.tolist() == ["P8", "P9", "P0"]


def test_published_table_shows_the_unevaluable_by_denominator(four):
    treated = tables.published_table(four, None, "treated").set_index(["Criterion", "Category"])
    assert treated.loc[("RECIST", "NE"), "total"] == "1/4 (25.0%)"
    evaluable = tables.published_table(four, None, "evaluable").set_index(["Criterion", "Category"])
    assert evaluable.loc[("RECIST", "PD"), "total"] == "1/3 (33.3%)" and evaluable.loc[("RECIST", "NE"), "total"] == "1"


def test_cross_table_adds_up(four):
    both = agreement(four.response["RECIST"], four.response["mRECIST"])
    table = tables.cross_table(both).set_index("RECIST")
    assert table.loc["total", "total"] == "4" and table.loc["SD", "PD"] == "1" and table.loc["NE", "NE"] == "1"


def test_best_response_by_rule_shows_what_confirmation_takes_away(four):
    best = best_by_rule(four, minimum_stable_days=42)["RECIST"]
    assert best[UNCONFIRMED]["A1"] == "PR" and best[CONFIRMED]["A1"] == "SD"
    assert best_by_rule(four, minimum_stable_days=91)["RECIST"][UNCONFIRMED]["B1"] == "NE"


def test_misspelt_landmark_visit_is_said_and_gives_no_rate():
    judged = judge_cohort(cohort(), visit="week_6")
    assert judged.lacking["RECIST"] == "no follow-up visit is named 'week_6'; there are month_3"
    assert judged.response == {} and quantities(judged)["recist.total.orr.count"][0] is None


# -- the paper's own table -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def printed():
    return printed_response(read_ledger())


def test_printed_percentages_of_deb_tace_are_shares_of_23(printed):
    """7/23 = 30.4, 6/23 = 26.1, 3/23 = 13.0, 4/23 = 17.4; the column holds 13 patients; it adds up to 56.5 and 56.4."""
    columns = column_denominators(printed).set_index(["criterion", "group"])
    assert columns.loc[("RECIST", "DEB-TACE"), "denominators"] == [23] == columns.loc[("mRECIST", "DEB-TACE"), "denominators"]
    assert columns.n["RECIST"].to_dict() == {"total": 24, "DEB-TACE": 13, "Y90": 6, "ablation": 5}
    assert columns.percent_sum[("RECIST", "DEB-TACE")] == pytest.approx(56.5)
    assert columns.percent_sum[("mRECIST", "DEB-TACE")] == pytest.approx(56.4)
    assert columns.index[~columns.right].tolist() == [("RECIST", "DEB-TACE"), ("mRECIST", "DEB-TACE")]


def test_four_extrahepatic_progressions_cannot_explain_five(printed):
    """By hand from Table 3: (7 - 3) + (4 - 3) = 5 patients at least; Y90 puts 3 - 2 = 1 the other way."""
    bounds = progression_bounds(printed)
    assert bounds["RECIST only"][0] == 5 and bounds["mRECIST only"][0] == 1
    assert "**cannot explain all of them**" in words.printed_bounds(bounds, 4)
    assert "**could explain them**" in words.printed_bounds(bounds, 5)


def test_wrong_columns_are_named_and_only_they(printed):
    said = words.wrong_columns(column_denominators(printed), 100)
    assert said.count("holds 13 patients, yet its percentages are shares of 23") == 2 and "Y90" not in said
    right = printed.assign(percent=printed.percent.replace({"30.4": "53.8", "26.1": "46.2", "13.0": "23.1", "17.4": "30.8"}))
    assert words.wrong_columns(column_denominators(right), 100).startswith("Every printed percentage")


def test_a_short_search_says_so_and_accuses_no_right_column(printed):
    """Tried up to 20 only, 23 is not found; the columns of 24 patients are right all the same."""
    columns = column_denominators(printed, up_to=20)
    assert columns.loc[~columns.right, "group"].tolist() == ["DEB-TACE", "DEB-TACE"]
    assert "shares of no number up to 20" in words.wrong_columns(columns, 20)


def test_reference_cohort_gives_the_papers_response_as_the_ledger_expects(reference):
    found = {name: {"value": value} | ({"reason": reason} if reason else {}) for name, (value, reason) in quantities(reference).items()}
    ledger = read_ledger()
    judged = judge(ledger[ledger.quantity.isin(found)], found)
    assert set(ledger.quantity[ledger.quantity.str.match("m?recist")]) <= set(judged.quantity)
    assert judged.loc[~judged.as_expected, ["quantity", "printed", "recomputed"]].values.tolist() == []
    assert judged.verdict.value_counts().to_dict() == {"reproduced": 76, "differs": 6}


# -- cohorts at the edges --------------------------------------------------------------------------------

def everything(judged, drawn=40):
    """All tables, sentences and figures of the chapter for one cohort."""
    both = None if judged.lacking else agreement(judged.response["RECIST"], judged.response["mRECIST"])
    differing = None if judged.lacking else discordances(judged)
    rates = {name: response_rates(each, judged.group, judged.groups) for name, each in judged.response.items()}
    first = {name: float(table.estimate.iloc[0]) for name, table in rates.items()}
    spreads = second_readings(judged, 0.53, None, 200, 1)
    best = best_by_rule(judged, 42)
    listed = tables.patient_table(judged, drawn)
    return {
        "words": [words.population(judged), words.change(judged), words.listed(judged, listed), words.differing(judged, differing),
                  words.reclassified(judged, both, 0.95), words.why_discordant(judged, differing), words.outside_liver(judged),
                  words.rates(judged, rates, 0.95), words.readings(spreads, first, 0.95), words.course(judged, best, UNCONFIRMED),
                  words.targets_matter(judged, judged, "largest")],
        "tables": [listed, tables.cross_table(both), tables.published_table(judged, None, "treated"),
                   tables.rates_table(rates), tables.reader_table(spreads, first, 0.95), tables.course_table(best)],
        "figures": [figures.draw_waterfall(judged, drawn), figures.draw_alluvial(both), figures.draw_rates(rates),
                    figures.draw_readings(spreads, first), figures.draw_spider(judged, drawn)]}


def written(figure):
    figure.draw_without_rendering()
    return [text for text in figure.findobj(plt.Text) if text.get_text().strip() and text.get_visible()]


EDGES = {
    "one": {"A1": FOUR["A1"]},
    "everyone responds": {f"P{i}": (treatment, [("L1", False, False, 50, 0, 50, 0)])
                          for i, treatment in enumerate(["Y90", "Y90", "DEB-TACE"])},
    "nobody evaluable": {"B2": FOUR["B2"]},
    "unknown treatment": {"A1": ("histotripsy", FOUR["A1"][1]), "B1": FOUR["B1"]},
}


@pytest.mark.parametrize("name", EDGES)
def test_edge_cohorts_are_told_whole(name):
    found = everything(judge_cohort(cohort(EDGES[name])))
    assert all(sentence.strip() and "nan" not in sentence.lower() for sentence in found["words"])
    assert not any(table.astype(str).map(lambda cell: cell.lower() == "nan").any(axis=None) for table in found["tables"] if table is not None)
    assert [kind for kind in ("tables", "figures") for each in found[kind] if each is None] in ([], ["tables", "figures"])
    assert all(written(figure) for figure in found["figures"] if figure is not None)
    assert (found["figures"][3] is None) == (found["tables"][4] is None), "only second readings may be left out: nobody was evaluable"


@pytest.mark.parametrize("drop, criteria", [((), ["RECIST", "mRECIST"]), (("viable_diameter_mm",), ["mRECIST"])])
def test_missing_measurements_give_one_sentence_and_no_zero(drop, criteria):
    without = {patient: (treatment, []) for patient, (treatment, _) in FOUR.items()}
    judged = judge_cohort(cohort(FOUR if drop else without, drop=drop))
    assert list(judged.lacking) == criteria
    found, values = everything(judged), quantities(judged)
    assert all(values[f"{criterion.lower()}.total.pd.count"][0] is None for criterion in criteria)
    assert all("Not computed: the cohort has no lesions" in found["words"][i] for i in (3, 4, 5))
    assert found["tables"][1] is None and found["figures"][1] is None, "agreement needs both criteria"
    assert (found["tables"][0] is None) == (found["figures"][0] is None) == (not drop), "one criterion alone is still shown"


def test_everyone_responding_has_no_test_and_no_kappa():
    judged = judge_cohort(cohort(EDGES["everyone responds"]))
    values = quantities(judged)
    assert values["mrecist.total.orr.percent"] == (100.0, "")
    assert values["mrecist.orr.exact_p"] == (None, "nothing to compare between treatments")
    assert values["response.kappa"][0] is None
    assert second_readings(judged, 0.53, None, 100, 1) == {}
    stated = second_readings(judged, 0.53, {"CR": {"CR": 0.5, "SD": 0.5}}, 4000, 1)
    assert stated[("RECIST", "stated matrix")].ORR.mean() == pytest.approx(0.5, abs=0.03)


def test_several_visits_give_a_spider_of_all_of_them():
    rows = cohort().lesions
    later = rows[rows.visit.eq("month_3")].assign(visit="month_6", visit_day=180.0)
    study = cohort()
    judged = judge_cohort(build_cohort("later", study.patients, lesions=pd.concat([rows, later])))
    assert judged.follow_ups == 2
    figure = figures.draw_spider(judged, 40)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert len(lines) == 3 and lines[0].get_ydata()[-1] == pytest.approx(-40)
    assert best_by_rule(judged, 42)["RECIST"][CONFIRMED]["A1"] == "PR"


def test_undated_visits_leave_out_the_course_only():
    judged = judge_cohort(cohort(drop=("visit_day",)))
    assert judged.response["RECIST"]["A1"] == "PR" and best_by_rule(judged, 42) == {}
    assert "no days" in words.course(judged, {}, UNCONFIRMED)


def test_reporting_items_point_at_tables_and_figures_of_the_chapter():
    source = (DATA.parent / "notebooks" / "03_response.py").read_text(encoding="utf-8")
    for answer in tables.reporting_items()["Answered in"]:
        for label in re.findall(r"3\.\d+", answer):
            assert f'"{label}"' in source, answer
        for heading in re.findall(r'section "([^"]+)"', answer):
            assert f"## {heading}" in source


# -- figures ---------------------------------------------------------------------------------------------

def test_waterfall_has_a_bar_a_patient_in_order_with_category_and_star(four):
    figure = figures.draw_waterfall(four, 40)
    recist = figure.axes[0]
    heights = [bar.get_height() for bar in recist.patches]
    assert heights == sorted(heights, reverse=True) and heights[-1] == pytest.approx(-40)
    assert [label.get_text() for label in recist.get_xticklabels()] == ["A2  PD*", "B1  SD", "A1  PR"]
    assert {text.get_text() for text in recist.texts} == {"+20", "−30"}


def test_the_waterfalls_caption_says_only_what_is_so(four):
    """By hand: the sums change by -40, 0 and 0% (RECIST) and by -100, -5 and +50% (mRECIST)."""
    head = "Change in the sum of diameters from baseline to month 3 (%), "
    assert words.waterfall(four, "month 3", 40, 100.0) == f"{head}one bar a patient, n = 4."
    assert words.waterfall(four, "month 3", 2, 40.0) == f"{head}one sorted curve a treatment, n = 4; 1 change above +40% is cut."


def test_waterfall_of_many_is_a_curve_a_treatment(four):
    figure = figures.draw_waterfall(four, drawn=2)
    assert not figure.axes[0].patches and figure.axes[0].get_xlabel().endswith("(%)")


def test_reference_figures_fit_their_page(reference):
    """Print width at most 7 inches, and every mark and label inside the page."""
    for figure in everything(reference)["figures"]:
        figure.draw_without_rendering()
        width, height = figure.get_size_inches()
        marks = figure.get_tightbbox()
        assert width <= 7
        assert marks.x0 >= -0.01 and marks.y0 >= -0.01 and marks.x1 <= width + 0.01 and marks.y1 <= height + 0.01


def test_alluvial_nodes_hold_all_patients(reference):
    both = agreement(reference.response["RECIST"], reference.response["mRECIST"])
    labels = [text.get_text() for text in figures.draw_alluvial(both).axes[0].texts]
    assert {"PD 13", "SD 10", "CR 1", "PD 9", "SD 5", "PR 5", "CR 5"} <= set(labels)


# -- literature ------------------------------------------------------------------------------------------

def test_other_studies_show_counts_with_exact_intervals():
    """Chapiro 12 of 25: Clopper-Pearson 27.8 to 68.7 by R 4.2 binom.test(12, 25)."""
    table = tables.other_studies(read_literature(), {"mRECIST": (10, 24)}, 0.95).set_index("Study")
    assert table.loc["Chapiro 2015", ["n/N (%)", "Clopper-Pearson"]].tolist() == ["12/25 (48.0%)", "27.8 to 68.7"]
    assert table.loc["Pierce 2016", "Quoted (%)"] == "38.9"


def test_literature_refuses_missing_columns_and_words_for_numbers(tmp_path):
    table = read_literature()
    path = tmp_path / "studies.csv"
    table.drop(columns="unit").to_csv(path, index=False)
    with pytest.raises(LiteratureError, match="studies.csv: column unit is missing"):
        read_literature(path)
    table.astype({"n": object}).assign(n="many").to_csv(path, index=False)
    with pytest.raises(LiteratureError, match="row 2: n is 'many'"):
        read_literature(path)


def test_missing_numbers_of_the_literature_stay_missing():
    table = read_literature()
    assert math.isnan(table.loc[table.quantity.eq("distant_metastasis.percent"), "value"].item())
    assert np.isfinite(table.value.dropna()).all()
