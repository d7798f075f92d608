"""The cohort chapter on cohorts unlike ours, and the texts and figures it is made of."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import lib.narrative
from lib.baseline import Variable, baseline_variables, lanes
from lib.cohort import build_cohort, read_cohort
from lib.cohort_tables import REPORTING, allocation_table, checks_table, flow_boxes, follow_up_table, table_one
from lib.cohort_text import counted, known_items, named, share_in_words
from lib.figures import cohort as figures
from lib.notebooks import read_source
from lib.protocol import PAPER, allocation, eligibility, summarise_checks

CHAPTER = Path(__file__).resolve().parents[1] / "notebooks" / "01_cohort.py"
REFERENCE = read_cohort("reference")
OTHER_TABLES = ("treatments", "labs", "lesions", "adverse_events")


@pytest.fixture
def write_cohort(tmp_path):
    """A function that saves frames as a cohort folder and returns its path."""

    def write(patients, **tables):
        folder = tmp_path / "own"
        folder.mkdir()
        for table, frame in {"patients": patients, **tables}.items():
            text = frame.map(lambda cell: str(cell).lower() if isinstance(cell, (bool, np.bool_)) else cell)
            text.to_csv(folder / f"{table}.csv", index=False)
        return str(folder)

    return write


@pytest.fixture
def tell(monkeypatch, tmp_path):
    """A function that runs the chapter's cells on a cohort; returns its sentences, figures' count and quantities."""
    monkeypatch.setattr(lib.narrative, "ROOT", tmp_path)
    monkeypatch.delenv("STUDY_OUT", raising=False)

    def run(cohort, **changed):
        shown, names = [], {"__name__": "__main__"}
        monkeypatch.setattr(lib.narrative, "_display", lambda data, metadata=None: shown.append((data, metadata)))
        for cell in read_source(CHAPTER).cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, CHAPTER.name, "exec"), names)  # noqa: S102 - the chapter is ours
                if "parameters" in cell.metadata.get("tags", []):
                    names.update(cohort=cohort, **changed)
        text = "\n".join(data["text/markdown"] for data, _ in shown if "text/markdown" in data)
        alts = [metadata["image/png"]["alt"] for data, metadata in shown if "image/png" in data]
        handed_on = json.loads((tmp_path / "build" / "lab" / "results" / "01_cohort.json").read_text())
        return text, alts, handed_on["quantities"]

    return run


def of_patients(*patients):
    return {table: (frame := getattr(REFERENCE, table))[frame["patient"].isin(patients)] for table in ("patients", *OTHER_TABLES)}


# -- other cohorts -----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_four_columns_give_sentences_for_all_that_is_missing(tell, write_cohort):
    text, alts, quantities = tell(write_cohort(REFERENCE.patients[["patient", "first_treatment", "os_treatment_months", "died"]]))
    for sentence in ("no column for a second treatment: combinations are not described", "the allocation rule is not applied",
                     "No treatments table: the technique is not checked", "No day of a follow-up visit is recorded", "burden is not compared",
                     "No time of liver metastasis: the gap to treatment is not described",
                     "Not checked, because not in this cohort: ECOG performance status, Bilirubin, Creatinine, INR and Platelets",
                     "Tables not in this cohort: treatments, labs, lesions and adverse&#95;events."):
        assert sentence in text
    assert "lie outside a limit" not in text  # nothing was checked, so nobody is said to be inside
    assert quantities["eligibility.ecog.max"]["value"] is None and quantities["eligibility.ecog.max"]["reason"]
    assert "0/24" not in text and len(alts) == 4


@pytest.mark.filterwarnings("error")
def test_one_patient(tell, write_cohort):
    one = of_patients(REFERENCE.patients["patient"].iloc[0])
    text, alts, quantities = tell(write_cohort(**one))
    assert "The cohort holds **1 patient**;" in text and "There are no two groups with known characteristics" in text
    assert quantities["cohort.n"]["value"] == 1 and len(alts) == 5
    assert "NaN" not in text and " nan" not in text
    assert not any(name.endswith(".sd") for name in quantities)  # one patient has no spread


@pytest.mark.filterwarnings("error")
def test_all_labs_missing(tell, write_cohort):
    tables = {"patients": REFERENCE.patients, "labs": REFERENCE.labs.assign(value=np.nan)}
    text, _, quantities = tell(write_cohort(**tables))
    assert "toxicity 0/24 (0.0%)" in text and "all labs, baseline, 0/24 (0.0%)" in text
    assert "Not checked, because not in this cohort: Bilirubin, Creatinine, INR and Platelets." in text
    assert quantities["eligibility.ecog.max"]["holds"] is True
    assert "bilirubin.mean" not in quantities


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("died", "sentence"), [(True, "reverse Kaplan-Meier it was not reached"), (False, "shortened the times of none of them")])
def test_everybody_or_nobody_dies(tell, write_cohort, died, sentence):
    patients = REFERENCE.patients.assign(died=died, censoring_reason=np.nan)
    text, _, quantities = tell(write_cohort(patients))
    assert sentence in text
    assert quantities["survival_status.dead.count"]["value"] == (len(patients) if died else 0)
    assert quantities["survival_status.dead.percent"]["value"] == (100 if died else 0)


@pytest.mark.filterwarnings("error")
def test_treatments_nobody_foresaw_are_named_and_not_judged(tell, write_cohort):
    names = {"DEB-TACE": "<b>bland</b> $x$", "Y90": "*HIFU*|x", "ablation": "surgery " * 8}
    tables = of_patients(*REFERENCE.patients["patient"])
    for table, columns in (("patients", ["first_treatment", "second_treatment"]), ("treatments", ["treatment"])):
        tables[table] = tables[table].assign(**{column: tables[table][column].map(names) for column in columns})
    text, _, quantities = tell(write_cohort(**tables))
    assert "The rule does not know the treatment of 24/24 (100.0%)." in text and "Not described by the protocol" in text
    assert "<b>" not in text and "*HIFU*" not in text
    assert quantities["protocol.ablation.needle"]["reason"] == "no session to check"
    assert quantities["first_treatment.hifu_x.count"]["value"] == 6


def test_a_departure_is_named_and_turns_the_verdict(tell, write_cohort):
    tables = of_patients(*REFERENCE.patients["patient"])
    beads = tables["treatments"].index[tables["treatments"]["treatment"] == "DEB-TACE"][0]
    tables["treatments"].loc[beads, "doxorubicin_mg"] = 120.0
    who = tables["treatments"].loc[beads, "patient"]
    tables["patients"].loc[tables["patients"]["patient"] == who, "ecog"] = 3
    text, _, quantities = tell(write_cohort(**tables))
    assert quantities["protocol.deb_tace.doxorubicin.max"]["holds"] is False
    assert quantities["eligibility.ecog.max"]["holds"] is False and quantities["eligibility.inr.max"]["holds"] is True
    assert f"1/24 (4.2%) of the patients lie outside a limit at baseline ({who})." in text


def test_what_the_chapter_says_to_try_brings_embolised_patients_into_the_zone(tell):
    assert "Set `ablation_size_limit_mm` to `50`" in CHAPTER.read_text("utf-8")
    paper, _, _ = tell("reference")
    tried, _, _ = tell("reference", ablation_size_limit_mm=50.0)
    assert "0 embolised patients lie in the zone" in paper and "0 embolised patients lie in the zone" not in tried
    assert "Only these embolised patients are comparable" in tried and "**Not the published analysis.**" in tried


@pytest.mark.filterwarnings("error")
def test_a_thousand_patients_are_thinned_and_all_are_counted(tell, write_cohort):
    parts = [of_patients(*REFERENCE.patients["patient"]) for _ in range(42)]
    tables = {table: pd.concat([part[table].assign(patient=part[table]["patient"] + f"-{i}") for i, part in enumerate(parts)]) for table in parts[0]}
    text, _, quantities = tell(write_cohort(**tables))
    assert quantities["cohort.n"]["value"] == 42 * 24
    assert "40 of 1,008 are drawn, evenly spaced" in text


# -- texts -------------------------------------------------------------------------------------------------


def test_table_one_has_a_denominator_in_every_count():
    table = table_one(baseline_variables(REFERENCE), REFERENCE.patients["first_treatment"])
    groups = [column for column in table if column.startswith(("All", "A:", "B:", "C:"))]
    assert groups == ["All (N = 24)", "A: DEB-TACE (n = 13)", "B: Y90 (n = 6)", "C: ablation (n = 5)"]
    counts = table.loc[~table["Level"].str.contains("median"), groups]
    assert counts.map(lambda cell: bool(pd.Series(cell).str.contains(r"\d+/\d+").item())).all(axis=None)
    assert "P" not in table and "P" in table_one(baseline_variables(REFERENCE), REFERENCE.patients["first_treatment"], True)


def test_table_one_counts_the_missing_and_leaves_them_out():
    variable = Variable("x", "X", pd.Series(["yes", None, "no", "no"]), ("yes", "no"))
    table = table_one([variable], pd.Series(["a", "a", "b", "b"]))
    assert table.iloc[0].tolist() == ["X", "yes", "1/3 (33.3%)", "1/1 (100.0%)", "0/2 (0.0%)", "1", "no overlap (A, B)"]
    assert table.iloc[1, -2:].tolist() == ["", ""]


def test_table_one_of_one_group_has_no_difference():
    table = table_one([Variable("x", "X", pd.Series([1.0, np.nan]))], pd.Series(["a", "a"]))
    assert table.columns.tolist() == ["Characteristic", "Level", "All (N = 2)", "Missing"]
    assert table["All (N = 2)"].tolist() == ["1.0 (1/2)", "1.0 (1.0 to 1.0)"]


def test_an_outcome_is_described_and_not_balanced():
    table = table_one([Variable("x", "X", pd.Series(["d", "a"]), ("d", "a"), outcome=True)], pd.Series(["a", "b"]), True)
    assert table[["Largest SMD", "P"]].iloc[0].tolist() == ["", ""]


def test_words_for_counts():
    assert [counted(n) for n in (0, 1, 5000)] == ["0 patients", "1 patient", "5,000 patients"]
    assert [share_in_words(n, 4) for n in range(5)] == ["none of them", "some of them", "half of them", "most of them", "all of them"]
    assert named([]) == "" and named(["A_1"]) != " (A_1)" and named(map(str, range(12))).endswith("9 and 2 more)")


def test_flow_counts_those_who_depart_and_those_unknown():
    patients = REFERENCE.patients.assign(ecog=[4, *[0] * 22, None])
    study = build_cohort("x", patients, labs=REFERENCE.labs)
    boxes = flow_boxes(study, eligibility(study), pd.DataFrame({"survival": [True] * 24}))
    assert boxes["top"][1].splitlines() == ["Treated: 24 patients", "met every baseline criterion: 22/24", "departed from one or more: 1/24",
                                            "not all criteria known: 1/24"]
    assert sum(int(lines[0].split("/")[0]) for lines in boxes["groups"].values()) == 24


def test_checks_table_shows_limit_observation_and_who_departs():
    study = build_cohort("x", REFERENCE.patients.assign(ecog=[3, *[1] * 23]))
    table = checks_table(summarise_checks(eligibility(study)), PAPER, "patients").set_index("Criterion")
    who = REFERENCE.patients["patient"].iloc[0]
    assert table.loc["ECOG performance status"].tolist() == ["at most 2", "23/24 (95.8%)", "1 to 3", "0", who]
    assert table.loc["INR", ["Met, patients", "Observed", "Not known"]].tolist() == ["0/0", "not known", "24"]


def test_allocation_table_adds_up():
    table = allocation_table(allocation(REFERENCE)).set_index("First treatment")
    assert table.loc["ablation", "Rule: ablation"] == "5/5 (100.0%)" and table.loc["Y90", "Rule: embolisation"] == "6/6 (100.0%)"


def test_follow_up_table_says_why_a_median_is_missing():
    patients = pd.DataFrame({"first_treatment": ["a", "a", "b", "b"], "os_treatment_months": [1.0, 2, 3, 4], "died": [True, True, False, True]})
    table = follow_up_table(patients, 0.95).set_index("First treatment")
    assert table.loc["a"].iloc[-1] == "not computed: nobody was censored"
    # one patient lost at month 3 of two at risk: the reverse curve falls to one half there
    assert table.loc["b"].iloc[-1].startswith("3.0 (")
    assert table.loc["a", "Naive median (range), months"] == "1.5 (1.0 to 2.0)"


def test_the_least_complete_item_is_named():
    matrix = pd.DataFrame({"age": [True, True], "sex": [True, False]})
    assert known_items(matrix) == "1 of 2 items are known for every patient; the least complete is sex, 1/2 (50.0%)."
    assert known_items(matrix[["age"]]) == "1 of 1 items are known for every patient."


def test_places_of_reporting_items_exist_in_the_chapter():
    source = CHAPTER.read_text("utf-8")
    for *_, place in REPORTING:
        for part in place.split(", "):
            kind, _, label = part.partition(" ")
            if kind in ("Figure", "Table"):
                assert f'"{label}"' in source, part


# -- figures -----------------------------------------------------------------------------------------------


def test_swimmer_draws_a_lane_a_patient_and_each_end_once():
    drawn = lanes(REFERENCE)
    figure = figures.draw_swimmer(drawn, REFERENCE.treatments)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == drawn["patient"].tolist()
    ends = {marks.get_offsets().shape[0] for marks in ax.collections}
    assert {int(drawn["died"].sum()), int((~drawn["died"]).sum())} <= ends
    assert ax.get_xlabel() == "Months from first liver-directed treatment"
    plt.close(figure)


def test_thinning_keeps_order_ends_and_size():
    frame = pd.DataFrame({"patient": range(1000)})
    kept = figures.thinned(frame, 40)["patient"].tolist()
    assert len(kept) == 40 and kept == sorted(set(kept)) and kept[0] == 0 and kept[-1] == 999
    assert figures.thinned(frame.head(40), 40).equals(frame.head(40))


def test_print_size_of_every_figure():
    made = [figures.draw_swimmer(lanes(REFERENCE)), figures.draw_completeness(pd.DataFrame(np.ones((5000, 30), bool)).rename(columns=str), 40),
            figures.draw_flow(["a", "b"], {f"treatment {i}": ["x"] for i in range(9)}, ["c"])]
    for figure in made:
        width, height = figure.get_size_inches()
        assert width <= 7 and height <= 9.5
        plt.close(figure)


def test_burden_separates_patients_with_equal_counts():
    allocated = pd.DataFrame({"patient": list("abcd"), "first_treatment": "Y90", "n_liver_lesions": 2.0, "largest_mm": 20.0})
    figure, ax = plt.subplots()
    figures.draw_burden(ax, allocated, 3, 30)
    x = ax.collections[0].get_offsets()[:, 0]
    assert len(set(np.round(x, 6))) == 4 and np.mean(x) == pytest.approx(2.0) and np.ptp(x) < 1
    assert ax.get_xlabel().endswith("(number)") and ax.get_ylabel().endswith("(mm)")
    plt.close(figure)
