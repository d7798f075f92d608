"""Columns read as categories, some of which nobody has, as a registry's or a part of one: each method gives what plain text gives."""

from dataclasses import replace

import pandas as pd
import pytest

from lib.cohort import Cohort, read_cohort
from lib.liver_scores import liver_scores, meld_change
from lib.response import assess, best_overall_response, month_3_response
from lib.survival.clocks import months_to_switch
from lib.survival.groups import GROUPING_TITLES, groupings, lab_covariates, progression_months, visit_months
from lib.toxicity import (
    PAPER_ANALYTES,
    events_by_term,
    grade_labs,
    liver_injury,
    worst_by_reading,
    worst_event_grades,
    worst_grades,
)
from lib.units import to_reference_units
from lib.visits import visit_meant, with_month_3

TABLES = ("patients", "labs", "lesions", "treatments", "adverse_events")


def with_spare_categories(table):
    """The table with each text column as categories, among them two that no row has, the first of all and the last."""
    texts = [name for name in table if table[name].dtype == object and table[name].map(type, na_action="ignore").dropna().eq(str).all()]
    return table.assign(**{name: pd.Categorical(table[name], ["(nobody)", *sorted(table[name].dropna().unique()), "~nobody"]) for name in texts})


@pytest.fixture(scope="module")
def studies():
    plain = read_cohort("reference")
    return plain, replace(plain, **{name: with_spare_categories(getattr(plain, name)) for name in TABLES})


METHODS = {
    "RECIST": lambda study: assess(study.lesions, "RECIST"),
    "mRECIST": lambda study: assess(study.lesions, "mRECIST"),
    "largest targets": lambda study: assess(study.lesions, "RECIST", "largest"),
    "best response": lambda study: best_overall_response(assess(study.lesions, "mRECIST")),
    "landmark response": lambda study: month_3_response(study.lesions, "mRECIST"),
    "units": lambda study: to_reference_units(study.labs),
    "grades": lambda study: grade_labs(study.labs, study.patients),
    "worst grades": lambda study: worst_grades(grade_labs(study.labs, study.patients), study.patients.patient.astype(object)).assign(
        worst_terms=lambda worst: ["; ".join(sorted(terms.split("; "))) for terms in worst.worst_terms]),
    "liver injury": lambda study: liver_injury(study.labs),
    "worst event grades": lambda study: worst_event_grades(study.adverse_events, study.patients.patient.astype(object)),
    "events by term": lambda study: events_by_term(study.adverse_events, study.patients),
    "liver scores": lambda study: liver_scores(study.labs, study.patients),
    "MELD change": lambda study: meld_change(study.labs, study.patients),
    "months to a visit": lambda study: pd.DataFrame({"months": visit_months(study.labs, study.patients)}),
    "months to progression": lambda study: pd.DataFrame({"months": progression_months(study)}),
    "months to a switch": lambda study: pd.DataFrame({"months": months_to_switch(study.patients, study.treatments)}),
    "laboratory covariates": lambda study: lab_covariates(study, "baseline")[0],
    **{f"grouping by {name}": lambda study, name=name: groupings(study)[name].labels for name in GROUPING_TITLES},
}


def plain_text(found):
    """The rows of a result as text, in the order of their content: categories, and a registry's order of rows, aside."""
    frame = pd.DataFrame(found)
    frame = frame.reset_index(drop=isinstance(frame.index, pd.RangeIndex))
    return sorted(map(repr, frame.astype(object).where(frame.notna(), None).rename(columns=str).to_dict("records")))


@pytest.mark.parametrize("method", METHODS)
def test_a_category_that_nobody_has_appears_nowhere_and_changes_nothing(studies, method):
    plain, categories = studies
    expected, found = plain_text(METHODS[method](plain)), plain_text(METHODS[method](categories))
    assert len(expected) > 1 and found == expected


def test_worst_grades_under_every_reading_do_not_depend_on_categories(studies):
    found = [worst_by_reading(study.labs, study.patients, "month_3", PAPER_ANALYTES) for study in studies]
    assert found[0].keys() == found[1].keys() and all(pd.Series(found[0][key]).equals(pd.Series(found[1][key])) for key in found[0])


@pytest.mark.parametrize("names", [["baseline", "week 12"], ["(nobody)", "baseline", "month_3", "week 12", "~nobody"]])
def test_a_visit_that_stands_in_is_found_and_renamed_among_categories(names):
    labs = pd.DataFrame({"patient": ["A", "A"], "visit": pd.Categorical(["baseline", "week 12"], names), "visit_day": [-3, 84]})
    assert visit_meant(labs) == "week 12"
    study, told = with_month_3(Cohort("own", pd.DataFrame({"patient": ["A"]}), labs=labs))
    assert study.labs["visit"].tolist() == ["baseline", "month_3"] and set(study.labs["visit"].cat.categories) == {"baseline", "month_3"} and "week 12" in told
