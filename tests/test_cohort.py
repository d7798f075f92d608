"""The contract of a cohort: what is read, what is refused, and in which words."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.cohort import DAYS_PER_MONTH, Cohort, CohortError, build_cohort, read_cohort
from lib.contract import CONTRACT, TABLES, schema
from lib.published import read_ledger

MINIMAL = "patient,first_treatment,os_treatment_months,died\nA,DEB-TACE,12.5,true\nB,Y90,3,false\n"


@pytest.fixture
def folder(tmp_path):
    """A function that writes tables as text into a folder and returns it."""

    def write(patients=MINIMAL, **tables):
        for table, text in {"patients": patients, **tables}.items():
            if text is not None:
                (tmp_path / f"{table}.csv").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def refusal(folder_path):
    with pytest.raises(CohortError) as refused:
        read_cohort(folder_path)
    return str(refused.value)


# -- what is read ------------------------------------------------------------------------------------------


def test_reference_cohort_has_the_papers_patients():
    study = read_cohort("reference")
    ledger = read_ledger().drop_duplicates("quantity").set_index("quantity")["printed"]
    assert study.n_patients == int(ledger["cohort.n"])
    assert (study.patients["sex"] == "female").sum() == int(ledger["sex.female.count"])
    assert study.patients["died"].sum() == int(ledger["survival_status.dead.count"])
    assert study.invented and study.name == "reference"
    assert not study.lacking(*TABLES)


def test_four_columns_are_enough(folder):
    study = read_cohort(folder())
    assert list(study.patients["patient"]) == ["A", "B"]
    assert study.patients["died"].tolist() == [True, False] and study.patients["died"].dtype == bool
    assert study.labs is None and not study.invented
    assert study.lacking("labs", "patients.ecog", "patients.died") == ("labs", "patients.ecog")


def test_a_blank_column_counts_as_lacking(folder):
    study = read_cohort(folder(MINIMAL.replace("died\n", "died,ecog\n").replace("true", "true,").replace("false", "false,")))
    assert study.lacking("patients.ecog") == ("patients.ecog",)


def test_blank_cells_stay_missing_and_never_become_false_or_zero(folder):
    study = read_cohort(folder("patient,first_treatment,os_treatment_months,died,prior_chemotherapy,ecog,primary_site\n"
                               "A,x,1,true,true,,\nB,x,2,false,,1,spleen\n"))
    assert study.patients["prior_chemotherapy"].isna().tolist() == [False, True]
    assert study.patients["ecog"].isna().tolist() == [True, False]
    assert study.patients["primary_site"].isna().tolist() == [True, False]


def test_own_treatments_sites_and_visits_may_be_anything(folder):
    study = read_cohort(folder(MINIMAL.replace("Y90", "bland embolisation"),
                               labs="patient,visit,analyte,value,unit\nA,week 2,lipase,5,U/L\n"))
    assert study.labs["visit"].tolist() == ["week 2"]


def test_invented_cohorts_are_held_to_the_papers_words(folder):
    patients = read_cohort(folder(MINIMAL.replace("Y90", "bland embolisation"))).patients
    with pytest.raises(CohortError, match=r'patients.csv, row 3, first_treatment, "bland embolisation": expected one of DEB-TACE, Y90, ablation'):
        build_cohort("x", patients, invented=True)


def test_a_folder_named_reference_elsewhere_is_not_ours(tmp_path):
    own = tmp_path / "reference"
    own.mkdir()
    (own / "patients.csv").write_text(MINIMAL)
    assert not read_cohort(own).invented


def test_truth_may_be_in_capitals_and_cells_may_have_spaces(folder):
    study = read_cohort(folder("\ufeffpatient , first_treatment,os_treatment_months,died\n A ,x, 3 ,TRUE\n"))
    assert study.patients.loc[0, ["patient", "died"]].tolist() == ["A", True]


def test_frames_pass_the_same_door_as_files():
    study = read_cohort("reference")
    again = build_cohort(study.name, *(getattr(study, table) for table in TABLES), invented=True)
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(again, table), getattr(study, table))


def test_an_empty_events_table_is_not_an_absent_one(folder):
    study = read_cohort(folder(adverse_events="patient,term,grade\n"))
    assert study.adverse_events is not None and study.adverse_events.empty


def test_a_cohort_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        read_cohort("reference").name = "other"


def test_five_thousand_patients_are_read_in_seconds():
    n = 5000
    patients = pd.DataFrame({"patient": [f"P{i}" for i in range(n)], "first_treatment": "x", "os_treatment_months": 5.0, "died": True})
    labs = pd.DataFrame([(f"P{i}", visit, analyte, 1.0, "U/L") for i in range(n) for visit in ("baseline", "month_3") for analyte in "abcdefghi"],
                        columns=["patient", "visit", "analyte", "value", "unit"])
    start = time.process_time()
    assert len(build_cohort("x", patients, labs=labs).labs) == 90_000
    assert time.process_time() - start < 5


def test_importing_the_reader_does_not_import_pandera():
    import subprocess
    import sys

    code = "import sys, lib.cohort; sys.exit('pandera' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("table", TABLES)
def test_the_pandera_schema_holds_the_contracts_columns(table):
    assert list(schema(table).columns) == [column.name for column in CONTRACT[table]]
    assert all(column.meaning for column in CONTRACT[table])


# -- what is refused: files --------------------------------------------------------------------------------


def test_unknown_name_gets_one_sentence():
    with pytest.raises(CohortError, match=r'^No cohort "nowhere": it is neither a folder under data/ .* nor a path .*\.$') as refused:
        read_cohort("nowhere")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("patients", "sentence"), [
    (None, "patients.csv, whole file, missing: expected one row per patient; put patients.csv into"),
    ("", "patients.csv, whole file, empty: expected a header and rows; fill the file or remove it."),
    ("patient,first_treatment,os_treatment_months,died\n", "patients.csv, whole file, no rows: expected at least one patient"),
    (MINIMAL.replace(",", ";"), "patients.csv, row 1, one column: expected commas between columns; save it as comma-separated"),
    (MINIMAL.replace("Y90,3", "Y90,3,5"), "patients.csv, row 3, 5 cells: expected 4 cells, as the header has"),
    (MINIMAL.replace("\nB", "\n\nB"), "patients.csv, row 3, 0 cells: expected 4 cells"),
    (MINIMAL.replace(",died", ",dead"), "patients.csv, row 1, died, missing: expected a column with true or false"),
    (MINIMAL.replace("died", "died,died").replace("true", "true,true").replace("false", "false,false"),
     "patients.csv, row 1, died, given twice: expected each column once; remove one of the two."),
    (MINIMAL.replace("died", "died,ECOG").replace("true", "true,1").replace("false", "false,1"),
     "patients.csv, row 1, ECOG, unknown column: expected only columns of the contract; rename it to ecog."),
    (MINIMAL.replace("died", "died,surname").replace("true", "true,Doe").replace("false", "false,Roe"),
     "patients.csv, row 1, surname, unknown column: expected only columns of the contract; remove it"),
    ('patient,first_treatment,os_treatment_months,died\n"A,x,1,true\n', "patients.csv, whole file, unreadable: expected CSV in UTF-8"),
])
def test_a_broken_file_is_refused(folder, patients, sentence):
    assert sentence in refusal(folder(patients))


def test_a_file_in_another_encoding_is_refused(folder):
    path = folder()
    (path / "patients.csv").write_bytes(MINIMAL.replace("DEB-TACE", "Chémo").encode("latin-1"))
    assert "patients.csv, whole file, unreadable: expected CSV in UTF-8; save it again as CSV UTF-8" in refusal(path)


# -- what is refused: cells --------------------------------------------------------------------------------

FULL = ("patient,age_years,sex,ecog,n_liver_lesions,first_treatment,os_diagnosis_months,os_liver_metastasis_months,"
        "os_treatment_months,died,liver_pfs_months,liver_progressed,second_treatment,censoring_reason,extrahepatic_disease\n"
        "A,63,female,1,2,DEB-TACE,30,20,12.5,true,6,true,Y90,,false\n"
        "B,55,male,0,1,Y90,40,9,8,false,8,false,,alive,true\n")


@pytest.mark.parametrize(("old", "new", "sentence"), [
    ("12.5", '"12,5"', 'row 2, os_treatment_months, "12,5": expected a number of months, 0 or more; write the decimal sign as a point.'),
    ("12.5", "NA", 'row 2, os_treatment_months, "NA": expected a number of months, 0 or more; leave a missing cell blank.'),
    ("12.5", "", "row 2, os_treatment_months, blank: expected a number of months, 0 or more; fill the cell"),
    ("12.5", "-1", "row 2, os_treatment_months, -1: expected a number of months, 0 or more"),
    ("12.5", "inf", 'row 2, os_treatment_months, "inf": expected a number of months'),
    ("12.5", "12 months", 'row 2, os_treatment_months, "12 months": expected a number of months, 0 or more; write digits only'),
    (",true,6", ",yes,6", 'row 2, died, "yes": expected true or false; write true or false in words.'),
    (",true,6", ",1,6", 'row 2, died, "1": expected true or false'),
    (",true,6", ",,6", "row 2, died, blank: expected true or false; fill the cell"),
    ("female", "F", 'row 2, sex, "F": expected one of female, male, or blank; use one of these words.'),
    ("A,63", "A,630", "row 2, age_years, 630: expected a number of years, 0 to 120, or blank; check the value and its unit."),
    ("female,1", "female,1.5", 'row 2, ecog, "1.5": expected a whole number, 0 to 4, or blank'),
    ("female,1", "female,5", "row 2, ecog, 5: expected a whole number, 0 to 4, or blank"),
    ("1,2,DEB", "1,0,DEB", "row 2, n_liver_lesions, 0: expected a whole number of lesions, 1 or more"),
    ("B,55", "A,55", 'row 3, patient, "A": expected one row per patient'),
    ("B,55", ",55", "row 3, patient, blank: expected text; fill the cell"),
    # clocks and states that contradict each other
    ("30,20,12.5", "15,20,12.5", "row 2, os_liver_metastasis_months, 20: expected no more than os_diagnosis_months"),
    ("30,20,12.5", "30,10,12.5", "row 2, os_treatment_months, 12.5: expected no more than os_liver_metastasis_months"),
    ("true,6,true", "true,13,true", "row 2, liver_pfs_months, 13: expected no more than os_treatment_months"),
    ("true,6,true", "true,6,", "row 2, liver_progressed, blank: expected a value exactly where liver_pfs_months has one"),
    ("Y90,,false", "DEB-TACE,,false", 'row 2, second_treatment, "DEB-TACE": expected a treatment other than the first, or blank'),
    ("Y90,,false", "Y90,alive,false", 'row 2, censoring_reason, "alive": expected blank for a patient who died'),
    ("30,20,12.5", "1300,20,12.5", "row 2, os_diagnosis_months, 1300: expected a diagnosis after birth"),
])
def test_a_bad_cell_of_patients_is_named(folder, old, new, sentence):
    assert FULL.count(old) == 1, "the fault must be made exactly once"
    said = refusal(folder(FULL.replace(old, new)))
    assert f"patients.csv, {sentence}" in said


def test_months_that_are_days_are_refused_with_the_ratio(folder):
    days = 1366  # 1366 / 30.4375 = 44.9 (by hand)
    said = refusal(folder(MINIMAL.replace("12.5", str(days))))
    assert (f"patients.csv, row 2, os_treatment_months, {days}: expected months, at most 600; if the column is in days, "
            "divide it by 30.4375 (1366 days are 44.9 months).") in said


def test_fifty_years_of_months_are_still_months(folder):
    assert read_cohort(folder(MINIMAL.replace("12.5", "600"))).patients["os_treatment_months"].max() == 600


LABS = "patient,visit,visit_day,analyte,value,unit,lower_normal,upper_normal\nA,baseline,-3,alt,20,U/L,7,40\nA,month_3,90,alt,25,U/L,7,40\n"
LESIONS = ("patient,visit,visit_day,lesion,longest_diameter_mm,viable_diameter_mm,target,new,extrahepatic\n"
           "A,baseline,-3,L1,30,25,true,false,false\nA,month_3,90,L1,28,,true,false,false\nB,baseline,-3,E1,12,,true,false,true\n")
SESSIONS = "patient,session,day,treatment,lobe,bead_size_um\nA,1,0,DEB-TACE,right,70-150\nA,2,40,Y90,left,\nB,1,0,Y90,left,\n"
EVENTS = "patient,term,grade,onset_day,relation,hospital_days\nA,nausea,1,2,related,0\nB,fatigue,2,5,possibly,\n"


@pytest.mark.parametrize(("table", "text", "old", "new", "sentence"), [
    ("labs", LABS, "A,month_3", "Z,month_3", 'row 3, patient, "Z": expected a patient of patients.csv; correct the label or add the patient.'),
    ("labs", LABS, "3,90,alt", "3,400,alt", "row 3, visit_day, 400: expected a day before the patient's death or last contact"),
    ("labs", LABS, "A,month_3,90", "A,baseline,-3", 'row 3, analyte, "alt": expected one row per patient, visit, analyte'),
    ("labs", LABS, "alt,25", "alt,<5", 'row 3, value, "<5": expected a number, 0 or more, or blank; write the limit itself as a number.'),
    ("labs", LABS, "25,U/L,7,40", "25,U/L,40,7", "row 3, upper_normal, 7: expected more than lower_normal"),
    ("labs", LABS, "25,U/L", "25,", "row 3, unit, blank: expected text"),
    ("labs", LABS, ",value", ",result", "row 1, value, missing: expected a column with a number, 0 or more, or blank"),
    ("lesions", LESIONS, "30,25", "30,35", "row 2, viable_diameter_mm, 35: expected no more than longest_diameter_mm"),
    ("lesions", LESIONS, "25,true,false", "25,true,true", "row 2, new, true: expected false at baseline"),
    ("lesions", LESIONS, "B,baseline,-3,E1", "A,baseline,-3,E1",
     "row 4, extrahepatic, true: expected false, as patients.csv has no extrahepatic disease"),
    ("lesions", LESIONS, "28,,true", "28,,", "row 3, target, blank: expected true or false"),
    ("treatments", SESSIONS, "A,1,0", "A,1,4", "row 2, day, 4: expected 0 for a patient's first session"),
    ("treatments", SESSIONS, "B,1,0,Y90", "B,1,0,DEB-TACE", 'row 4, treatment, "DEB-TACE": expected first_treatment of patients.csv in the first session'),
    ("treatments", SESSIONS, "B,1,0,Y90,left,", "B,1,0,Y90,left,\nB,2,9,ablation,left,",
     'row 5, treatment, "ablation": expected second_treatment of patients.csv to name it'),
    ("treatments", SESSIONS, "A,2,40,Y90", "A,2,40,DEB-TACE", "second_treatment"),
    ("treatments", SESSIONS, "70-150", "small", 'row 2, bead_size_um, "small": expected text such as 70-150, or blank'),
    ("treatments", SESSIONS, "A,2", "A,1", "row 3, session, 1: expected one row per patient, session"),
    ("adverse_events", EVENTS, "nausea,1", "nausea,6", "row 2, grade, 6: expected a whole number, 1 to 5"),
    ("adverse_events", EVENTS, "fatigue,2", "fatigue,5", "row 3, grade, 5: expected 1 to 4 for a patient who is alive"),
    ("adverse_events", EVENTS, "possibly", "maybe", 'row 3, relation, "maybe": expected one of related, unrelated, possibly, or blank'),
    ("adverse_events", EVENTS, "1,2,related", "1,999,related", "row 2, onset_day, 999: expected a day before the patient's death"),
])
def test_a_bad_cell_of_another_table_is_named(folder, table, text, old, new, sentence):
    read_cohort(folder(FULL, **{table: text}))  # sound before the fault
    assert text.count(old) == 1, "the fault must be made exactly once"
    said = refusal(folder(FULL, **{table: text.replace(old, new)}))
    assert sentence in said
    assert all(line.split(".csv")[0] in TABLES for line in said.splitlines()[1:])


def test_more_liver_lesions_than_counted_are_refused(folder):
    more = LESIONS + "A,baseline,-3,L2,20,20,true,false,false\nA,baseline,-3,L3,20,20,true,false,false\n"
    assert "patients.csv, row 2, n_liver_lesions, 2: expected at least the liver lesions listed at baseline" in refusal(folder(FULL, lesions=more))


def test_a_day_rounded_with_its_months_is_no_contradiction(folder):
    # a death on day 91 is 2.9898 months; kept as 3.0 or 2.9 the visit of day 91 must still stand
    for months in ("3.0", "2.95"):
        read_cohort(folder(MINIMAL.replace("12.5", months), labs="patient,visit,visit_day,analyte,value,unit\nA,month_3,91,alt,5,U/L\n"))
    assert 91 / DAYS_PER_MONTH == pytest.approx(2.9898, abs=1e-4)


# -- the report --------------------------------------------------------------------------------------------


def test_all_problems_come_in_one_report_worst_first(folder):
    text = FULL.replace("female,1", "female,5").replace("12.5,true", "12.5,yes").replace("30,20", "15,20").replace("patient,age", "patient,extra,age")
    text = text.replace("A,63", "A,,63").replace("B,55", "B,,55")
    with pytest.raises(CohortError) as refused:
        read_cohort(folder(text, labs=LABS.replace("A,month_3", "Z,month_3")))
    order = [problem.column for problem in refused.value.problems]
    assert order == ["extra", "died", "ecog", "os_liver_metastasis_months", "patient"]
    assert str(refused.value).splitlines()[0] == f'Cohort "{folder().name}" was not read, 5 problems:'
    assert len(str(refused.value).splitlines()) == 6


def test_a_cell_is_reported_once(folder):
    said = refusal(folder(FULL.replace("12.5", "NA")))
    assert said.count("os_treatment_months") == 1


def test_repeats_of_one_problem_are_counted_not_listed(folder):
    rows = "".join(f"P{i},x,5,maybe\n" for i in range(50))
    said = refusal(folder("patient,first_treatment,os_treatment_months,died\n" + rows)).splitlines()
    assert len(said) == 5
    assert said[-1] == "patients.csv, 47 more rows, died: as above, expected true or false."


def test_a_value_of_many_lines_is_told_in_one(folder):
    text = 'patient,first_treatment,os_treatment_months,died\nA,x,"12\n\u202e' + "z" * 500 + '",true\n'
    said = refusal(folder(text)).splitlines()
    assert len(said) == 2 and len(said[1]) < 250 and said[1].isprintable()


@pytest.mark.filterwarnings("error")
def test_a_refusal_comes_without_warnings(folder):
    refusal(folder(FULL.replace("female,1", ",5").replace("A,63", "A,630"), labs=LABS.replace("25,U/L", ",")))


JUNK = ["", "NA", "-1", "1e400", "TRUE", "yes", "0", "99999", "'", "=1+1", "1,5", '"x,y"', '"un', "P01", "baseline", "12.5.1", "0x1F", "1_000", " P01 ", "5\r", "\0"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.tuples(st.sampled_from(TABLES), st.integers(0, 30), st.integers(0, 14), st.sampled_from(JUNK)), max_size=8))
def test_any_text_is_read_or_refused_line_by_line(tmp_path, faults):
    texts = {"patients": FULL, "labs": LABS, "lesions": LESIONS, "treatments": SESSIONS, "adverse_events": EVENTS}
    for table, row, column, junk in faults:
        rows = [line.split(",") for line in texts[table].splitlines()]
        cells = rows[row % len(rows)]
        cells[column % len(cells)] = junk
        texts[table] = "\n".join(",".join(each) for each in rows) + "\n"
    for table, text in texts.items():
        (tmp_path / f"{table}.csv").write_text(text, encoding="utf-8")
    try:
        assert read_cohort(tmp_path).n_patients > 0
    except CohortError as refused:
        assert all(line.split(",")[0].removesuffix(".csv") in TABLES for line in str(refused).splitlines()[1:])


def test_nothing_is_read_in_part(folder):
    with pytest.raises(CohortError):
        read_cohort(folder(FULL, labs=LABS.replace("25", "high")))


def test_a_missing_comparison_is_no_contradiction(folder):
    text = FULL.replace("30,20,12.5", ",,12.5").replace("A,63", "A,")
    assert np.isnan(read_cohort(folder(text)).patients.loc[0, "os_diagnosis_months"])


def test_cohort_is_a_value():
    assert isinstance(read_cohort("reference"), Cohort)


@pytest.mark.parametrize("digits", ["99999999999999999999", "-9007199254740993", "1e30"])
def test_a_whole_number_too_large_to_be_one_is_refused_in_words(tmp_path, digits):
    (tmp_path / "patients.csv").write_text(f"patient,first_treatment,os_treatment_months,died,ecog\nA,TACE,10.5,true,{digits}\nB,Y90,20.25,false,1\n")
    with pytest.raises(CohortError, match=rf'patients\.csv, row 2, ecog, "{digits}"'):
        read_cohort(tmp_path)
