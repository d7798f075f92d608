"""The toxicity chapter's tables and sentences: hand-counted cohorts, and cohorts with something missing."""

import shutil

import jupytext
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lib import toxicity, toxicity_tables as tables, toxicity_text as text
from lib.cohort import DATA, read_cohort
from lib.figures import toxicity as draw
from lib.liver_scores import paired_change
from lib.narrative import ROOT
from lib.parameters import ParameterError
from lib.published import read_ledger
from lib.units import REFERENCE_UNITS

LIMITS = {"alt": (7, 40), "ast": (8, 40), "alp": (40, 120), "bilirubin": (0.2, 1.2), "inr": (0.9, 1.1), "albumin": (3.5, 5.0),
          "creatinine": (0.6, 1.2), "sodium": (135, 145), "platelets": (150, 400)}
NORMAL = {"alt": 20, "ast": 20, "alp": 80, "bilirubin": 0.6, "inr": 1.0, "albumin": 4.0, "creatinine": 0.8, "sodium": 140, "platelets": 200}


def labs_for(changed, patients=("A", "B", "C", "D")):
    """Normal values for all at both visits, but for `changed`: (patient, visit, analyte) -> value, None to leave the row out."""
    rows = [(patient, visit, day, analyte, changed.get((patient, visit, analyte), normal), REFERENCE_UNITS[analyte], *LIMITS[analyte])
            for patient in patients for visit, day in (("baseline", -3), ("month_3", 90)) for analyte, normal in NORMAL.items()]
    frame = pd.DataFrame(rows, columns=["patient", "visit", "visit_day", "analyte", "value", "unit", "lower_normal", "upper_normal"])
    return frame.dropna(subset="value").reset_index(drop=True)


@pytest.fixture(scope="module")
def four():
    """A: ALT grade 3. B: albumin grade 1, as at baseline. C: all normal. D: no visit at month 3."""
    changed = {("A", "month_3", "alt"): 210, ("B", "baseline", "albumin"): 3.4, ("B", "month_3", "albumin"): 3.4}
    changed |= {("D", "month_3", analyte): None for analyte in NORMAL}
    return labs_for(changed)


@pytest.fixture(scope="module")
def four_patients():
    return pd.DataFrame({"patient": list("ABCD"), "first_treatment": ["Y90", "Y90", "ablation", "Y90"], "anticoagulated": False, "sex": "female",
                         "os_treatment_months": [10.0, 2.0, 0.5, 0.5], "died": [False, True, True, False]})


@pytest.fixture(scope="module")
def grades(four, four_patients):
    return toxicity.grade_labs(four, four_patients)


def test_share_prints_the_clopper_pearson_interval_of_a_table():
    # Clopper-Pearson 10/24: 22.1 to 63.4; 3/24: 2.7 to 32.4 (published tables)
    assert tables.share(10, 24, 0.95) == "10/24 (41.7%; 22.1 to 63.4)"
    assert tables.share(3, 24, 0.95) == "3/24 (12.5%; 2.7 to 32.4)"
    assert tables.share(0, 0, 0.95) == "0/0"


def test_worst_table_counts_by_treatment_and_names_the_ungraded(grades, four_patients):
    table = tables.worst_table(grades, four_patients, "month_3").set_index(["Block", "Worst grade"])
    block = table.loc["Any grade at the visit"]
    assert list(block.columns) == ["All (N = 4)", "Y90 (n = 3)", "ablation (n = 1)"]
    assert block.loc["Grade 3"].tolist() == ["1/3 (33.3%)", "1/2 (50.0%)", "0/1 (0.0%)"]
    assert block.loc["Grade 1"].tolist() == ["1/3 (33.3%)", "1/2 (50.0%)", "0/1 (0.0%)"]
    assert block.loc["Not graded"].tolist() == ["1", "1", "0"]
    assert table.loc[("New or worsened since baseline", "Grade 1"), "All (N = 4)"] == "0/3 (0.0%)"


def test_grade_table_has_the_graded_as_denominator(grades, four_patients):
    table = tables.grade_table(grades, four_patients, "month_3").set_index("Analyte")
    assert table.loc["ALT", "Graded"] == "3/4"
    # Clopper-Pearson limits of 1/3: 0.8 to 90.6; of 0/3 the upper is 1 - 0.025^(1/3) = 70.8
    assert table.loc["Albumin", ["Any grade, n/N (%)", "Any grade, CI (%)"]].tolist() == ["1/3 (33.3%)", "0.8 to 90.6"]
    assert table.loc["Albumin", ["New or worsened, n/N (%)", "New or worsened, CI (%)"]].tolist() == ["0/3 (0.0%)", "0.0 to 70.8"]


def test_shift_tables_keep_every_patient(grades):
    table = tables.shift_tables(grades, "month_3")
    assert (table.groupby("Analyte")["Patients"].sum() == 4).all()
    albumin = table[table["Analyte"].str.startswith("Albumin")].set_index("Baseline")
    assert albumin.loc["Baseline grade 1", "Grade 1"] == 1
    assert albumin.loc["Baseline grade 0", ["Grade 0", "Missing"]].tolist() == [2, 1]


def test_readings_cover_each_version_rule_and_reading(four, four_patients):
    counts = tables.readings(four, four_patients, "month_3")
    assert len(counts) == 3 * 2 * 2
    assert (counts[["grade_0", "grade_1_2", "grade_3_4", "not_graded"]].sum(axis=1) == 4).all()
    first = counts.set_index(["version", "rule", "reading"])
    assert first.loc[("5", "as printed", "any grade"), ["grade_0", "grade_1_2", "grade_3_4", "not_graded"]].tolist() == [1, 1, 1, 1]
    assert first.loc[("5", "as printed", "new or worsened"), "grade_1_2"] == 0


def test_worst_grade_sentence_names_cause_and_denominator(grades):
    worst = toxicity.worst_grades(grades, list("ABCD"))
    new = toxicity.worst_grades(grades, list("ABCD"), only_new=True)["worst_grade"]
    told = text.worst_grade_sentence(worst, new)
    assert "1 or 2 in **1/3 (33.3%)**, 3 in **1/3 (33.3%)**" in told
    assert "new or worse than at baseline, 1/3 (33.3%)" in told
    assert "A (alanine aminotransferase increased)" in told


def test_the_papers_two_counts_are_quoted_with_their_places(four, four_patients, grades):
    worst = toxicity.worst_grades(grades, list("ABCD"))["worst_grade"]
    told = text.printed_counts(read_ledger(), tables.readings(four, four_patients, "month_3"), worst)
    assert "**20** (Abstract" in told and "**21** (Results: laboratory toxicity)" in told and "Both cannot hold" in told
    assert "No reading gives 20." in told and "No reading gives 21." in told
    nobody = text.printed_counts(read_ledger(), tables.readings(four, four_patients, "month_9"), worst.mask(worst.notna()))
    assert "no patient is graded" in nobody and "give 0" not in nobody


def test_deaths_table_leaves_the_lost_out_of_the_denominator(four_patients):
    # dead at 0.5 and 2.0 months, lost at 0.5, alive at 10
    table = tables.deaths_table(four_patients).set_index("Within")["All (N = 4)"]
    assert table["30 days: deaths, n/N (%; CI)"].startswith("1/3 (33.3%")
    assert table["30 days: censored before"] == "1"
    assert table["90 days: deaths, n/N (%; CI)"].startswith("2/3 (66.7%")


EVENTS = pd.DataFrame({"patient": ["A", "A", "B"], "term": ["nausea", "postembolization syndrome", "nausea"], "grade": [1, 3, 2],
                       "onset_day": [1.0, 2.0, 3.0], "hospital_days": [0.0, 6.0, 0.0]})


def test_events_table_counts_patients_by_worst_grade(four_patients):
    table = tables.events_table(EVENTS, four_patients).set_index("Term")
    assert table.loc["nausea", ["Grade 1", "Grade 2", "Grade 3"]].tolist() == [1, 1, 0]
    assert table.loc["nausea", "Y90 (n = 3)"] == "2/3 (66.7%)"
    assert table.loc["Any event", ["Grade 1", "Grade 2", "Grade 3"]].tolist() == [0, 1, 1]
    assert table.loc["Any event", "Grade 3 or above, n/N (%)"] == "1/4 (25.0%)"


def test_sir_table_sets_both_scales_against_each_other():
    table = tables.sir_table(EVENTS).set_index("SIR severity")
    assert table.loc["3 severe", ["CTCAE grade 3", "Events", "Patients"]].tolist() == [1, 1, 1]
    assert table.loc["1 mild", ["CTCAE grade 1", "CTCAE grade 2", "Events"]].tolist() == [1, 1, 2]


def test_an_unknown_stay_is_not_a_stay_of_zero(four_patients):
    unknown = EVENTS.assign(hospital_days=np.nan)
    assert tables.sir_table(unknown).set_index("SIR severity").loc["stay in hospital not recorded", "Events"] == 3
    assert "For 3 the stay in hospital is not recorded" in text.sir_sentence(unknown)
    stay = tables.stay_table(unknown, four_patients).set_index("Stay")["All (N = 4)"]
    assert pd.isna(stay["Days in hospital, total"]) and stay["Events with the stay not recorded"] == "3"


def test_clinical_sentence_shows_both_ways_of_counting(four_patients):
    told = text.clinical_sentence(EVENTS, toxicity.worst_event_grades(EVENTS, four_patients["patient"]))
    assert "**2/4 (50.0%)** patients had at least one event of grade 1 or 2 and **1/4 (25.0%)** one of grade 3" in told
    assert "would be 1/4 (25.0%), fewer by 1" in told


def test_score_sentence_follows_the_intervals():
    flat, up = paired_change([7, 8, 9, 7], [8, 7, 9, 8]), paired_change([7, 8, 9, 7], [9, 10, 11.5, 9])
    assert "around zero for MELD." in text.score_sentence({"MELD": flat}, 0.95)
    both = text.score_sentence({"MELD": flat, "ALBI": up}, 0.95)
    assert "above zero for ALBI and around zero for MELD" in both and "depends on the score" in both
    assert "No score is tested" in text.score_sentence({"MELD": paired_change([7], [9])}, 0.95)


def test_quantities_are_left_out_where_nothing_is_known():
    assert text.laboratory_quantities(pd.Series([pd.NA, pd.NA], dtype="Int64")) == {}
    assert text.clinical_quantities(None) == {}
    none = text.clinical_quantities(EVENTS.iloc[:0])
    assert none["clinical_toxicity.grade_1_2.count"] == 0 and "cholecystitis.grade" not in none
    assert text.meld_quantities(paired_change([], []), pd.DataFrame({"increased": []})) == {}


def test_figures_say_so_where_there_is_nothing_to_draw(four_patients):
    empty = toxicity.grade_labs(labs_for({}).iloc[:0], four_patients)
    figure = draw.plot_before_after(empty, {"alt": "ALT", "inr": "INR"}, "month_3")
    assert [ax.texts[0].get_text() for ax in figure.axes] == ["no values", "no values"]
    injury = toxicity.liver_injury(labs_for({}).iloc[:0])
    ax = draw.plot_liver_injury(Figure().subplots(), injury, four_patients.set_index("patient")["first_treatment"])
    assert "no values" in [note.get_text() for note in ax.texts]
    ax = draw.plot_events(Figure().subplots(), toxicity.events_by_term(EVENTS.iloc[:0], four_patients), 4)
    assert ax.texts[0].get_text() == "no events"


def courses(ax, colour):
    """The (before, after) pairs that an axis draws in a colour."""
    (line,) = [line for line in ax.lines if line.get_color() == colour]
    return np.asarray(line.get_ydata(), dtype=float).reshape(-1, 3)[:, :2].tolist()


def test_lines_stand_for_patients(grades):
    ax = draw.plot_before_after(grades, {"alt": "ALT"}, "month_3").axes[0]
    assert courses(ax, draw.WORSE) == [[20, 210]]
    assert sorted(courses(ax, draw.OTHERS)[:2]) == [[20, 20], [20, 20]] and len(courses(ax, draw.OTHERS)) == 3
    assert ax.get_ylabel() == "U/L"
    thin = draw.plot_before_after(grades, {"alt": "ALT"}, "month_3", at_most=2).axes[0]
    assert len(courses(thin, draw.WORSE)) + len(courses(thin, draw.OTHERS)) == 2


# -- the whole chapter on cohorts with something missing ---------------------------------------------------------------

def run_chapter(folder, tmp_path, monkeypatch, **parameters):
    """Run the chapter's cells in this process without drawing files; what it said, as one text, and its names."""
    shown = []
    monkeypatch.setenv("STUDY_OUT", str(tmp_path / "out"))
    monkeypatch.setattr("lib.narrative._display", lambda data, metadata=None: shown.append(data))
    monkeypatch.setattr("lib.downloads.image", lambda *given, **named: b"")
    monkeypatch.setattr("lib.tables.write_docx", lambda html, caption, path, words="": None)
    cells = [cell for cell in jupytext.read(ROOT / "notebooks" / "02_toxicity.py").cells if cell.cell_type == "code"]
    space = {}
    for cell in cells:
        exec(compile(cell.source, "02_toxicity", "exec"), space)
        if "parameters" in cell.metadata.get("tags", []):
            space |= {"cohort": str(folder), **parameters}
    said = [data["text/markdown"] for data in shown if "text/markdown" in data]
    return "\n".join(said), space


@pytest.fixture
def folder(tmp_path):
    """A copy of the reference cohort under another name, to be damaged."""
    shutil.copytree(DATA / "reference", tmp_path / "own")
    return tmp_path / "own"


def rewrite(folder, table, change):
    path = folder / f"{table}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def test_chapter_without_labs_and_events_computes_what_is_left(folder, tmp_path, monkeypatch):
    (folder / "labs.csv").unlink()
    (folder / "adverse_events.csv").unlink()
    told, space = run_chapter(folder, tmp_path, monkeypatch)
    assert "No labs: Laboratory toxicity not computed." in told and "Clinical toxicity is not computed" in told
    assert "**Table 2.2.**" not in told and "**Figure 2.1.**" not in told, "one sentence stands in for the section"
    assert "died within 30 days" in told
    assert not [name for name in space["chapter"].quantities if name.startswith(("lab_toxicity", "clinical_toxicity.grade", "meld"))]


def test_chapter_with_all_values_blank(folder, tmp_path, monkeypatch):
    rewrite(folder, "labs", lambda labs: labs.assign(value=np.nan))
    told, _ = run_chapter(folder, tmp_path, monkeypatch)
    assert "No laboratory value can be graded" in told and "Hy's law is not judged" in told and "No score is tested" in told


def test_chapter_without_the_later_visit(folder, tmp_path, monkeypatch):
    rewrite(folder, "labs", lambda labs: labs[labs["visit"] == "baseline"])
    told, _ = run_chapter(folder, tmp_path, monkeypatch)
    assert "No laboratory value can be graded at month 3" in told


def test_chapter_on_one_patient_without_events(folder, tmp_path, monkeypatch):
    first = pd.read_csv(folder / "patients.csv")["patient"].iloc[0]
    for table in ("patients", "treatments", "labs", "lesions"):
        rewrite(folder, table, lambda frame: frame[frame["patient"] == first])
    rewrite(folder, "adverse_events", lambda events: events.iloc[:0])
    told, space = run_chapter(folder, tmp_path, monkeypatch)
    assert "**0/1 (0.0%)** patients had at least one event of grade 1 or 2" in told
    assert space["change"]["MELD"].n == 1 and "No score is tested" in told


def test_chapter_does_not_depend_on_units_or_later_visits(folder, tmp_path, monkeypatch):
    _, plain = run_chapter(folder, tmp_path, monkeypatch)

    def other_units(labs):
        factors = {"bilirubin": (17.10396, "umol/L"), "creatinine": (88.40170, "umol/L"), "albumin": (10, "g/L"), "platelets": (1, "10^9/L"), "alt": (1 / 60, "ukat/L")}
        for analyte, (factor, unit) in factors.items():
            rows = labs["analyte"] == analyte
            labs.loc[rows, ["value", "lower_normal", "upper_normal"]] *= factor
            labs.loc[rows, "unit"] = unit
        later = labs[labs["visit"] == "month_3"].assign(visit="month_6", value=lambda rows: rows["value"] * 3)
        return pd.concat([labs, later.assign(visit_day=later["visit_day"] + 1)])

    rewrite(folder, "labs", lambda labs: other_units(labs.astype({"value": float, "lower_normal": float, "upper_normal": float})))
    _, converted = run_chapter(folder, tmp_path, monkeypatch)
    assert plain["worst"].equals(converted["worst"])
    names = ["meld.baseline.mean", "meld.month_3.mean", "meld.paired_t.p", "lab_toxicity.grade_1_2.count", "lab_toxicity.grade_3.count"]
    for name in names:
        assert plain["chapter"].quantities[name]["value"] == pytest.approx(converted["chapter"].quantities[name]["value"], abs=1e-9)


def test_chapter_with_ascites_and_encephalopathy_has_child_pugh(folder, tmp_path, monkeypatch):
    rewrite(folder, "patients", lambda patients: patients.assign(ascites="none", encephalopathy=0))
    told, space = run_chapter(folder, tmp_path, monkeypatch)
    assert "Child-Pugh carries ascites and encephalopathy forward" in told
    # normal bilirubin, albumin above 3.5 and INR below 1.7 without signs are 5 points; no patient can have fewer
    assert space["scores"]["child_pugh"].min() == 5 and space["scores"]["child_pugh_class"].notna().all()


def test_chapter_takes_treatments_and_terms_it_has_never_seen(folder, tmp_path, monkeypatch):
    rewrite(folder, "patients", lambda patients: patients.replace("Y90", "<b>$x$ bland</b>"))
    rewrite(folder, "treatments", lambda rows: rows.replace("Y90", "<b>$x$ bland</b>"))
    rewrite(folder, "adverse_events", lambda events: events.assign(term="*pain* | $y$ <i>"))
    told, space = run_chapter(folder, tmp_path, monkeypatch)
    assert "<b>" not in told and "<i>" not in told
    draw.plot_events(Figure().subplots(), space["by_term"], 24).figure.savefig(tmp_path / "events.png")
    assert space["by_term"].index.tolist() == ["*pain* | $y$ <i>"]


def test_every_parameter_is_obeyed(folder, tmp_path, monkeypatch):
    _, plain = run_chapter(folder, tmp_path, monkeypatch)
    _, other = run_chapter(folder, tmp_path, monkeypatch, conf_level=0.8, ctcae_version=6, toxicity_window_months=0.1)
    assert other["change"]["MELD"].upper < plain["change"]["MELD"].upper
    assert not other["grades"]["grade"].equals(plain["grades"]["grade"])
    assert len(other["events"]) < len(plain["events"])
    rewrite(folder, "labs", lambda labs: pd.concat([labs, labs[labs["visit"] == "baseline"].assign(visit="week_1", visit_day=7)]))
    told, fixed = run_chapter(folder, tmp_path, monkeypatch, baseline_rule="multiples of ULN", toxicity_visit="week_1")
    assert fixed["worst"]["worst_grade"].max() < plain["worst"]["worst_grade"].max()
    assert "0 rose" in fixed["chapter"].listed["figures"][-1]["alt"]


def test_the_baseline_cannot_be_the_visit_judged(folder, tmp_path, monkeypatch):
    with pytest.raises(ParameterError, match="toxicity_visit = 'baseline' is not allowed"):
        run_chapter(folder, tmp_path, monkeypatch, toxicity_visit="baseline")


def test_the_reference_cohort_gives_the_papers_counts():
    # Results: 21 patients with grade 1 or 2, 3 with grade 3; 23 with clinical grade 1 or 2
    study = read_cohort("reference")
    worst = toxicity.worst_grades(toxicity.grade_labs(study.labs, study.patients), study.patients["patient"])["worst_grade"]
    assert (worst.between(1, 2).sum(), (worst == 3).sum()) == (21, 3)
    assert text.clinical_quantities(study.adverse_events)["clinical_toxicity.grade_1_2.count"] == 23
