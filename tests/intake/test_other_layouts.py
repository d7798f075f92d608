"""Layouts that the round trips do not have: events, numeric codes, wide sheets, odd encodings."""

import openpyxl
import pandas as pd
import pytest

from lib.cohort import read_cohort
from lib.intake.__main__ import main
from lib.intake.sources import read_source
from lib.intake.suggest import suggest


def imported(source, tmp_path, capsys, *options):
    assert main([str(source), "--out", str(tmp_path / "out"), *options]) == 0, capsys.readouterr().err
    return read_cohort(tmp_path / "out")


DICTIONARY = """field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier
record_id,base,text,Record ID,,
hospital_no,base,text,Hospital,,y
sex,base,radio,Sex,"1, Female | 2, Male",
treatment,base,dropdown,First treatment,"1, TACE | 2, Radioembolisation",
os_months,base,text,Overall survival,,
died,base,yesno,Died,,
analyte,visit,dropdown,Analyte,"1, Albumin | 2, ALT",
"""
EXPORT = """record_id,redcap_event_name,hospital_no,sex,treatment,os_months,died,ecog,alt,alt_day
1,baseline_arm_1,x,1,2,10.5,1,0,30,-2
1,month_3_arm_1,,,,,,,45,91
2,baseline_arm_1,y,2,1,12.5,0,1,28,-4
2,month_3_arm_1,,,,,,,31,88
"""


def test_redcap_events_with_numeric_codes_and_marked_identifiers(tmp_path, capsys):
    source = tmp_path / "redcap"
    source.mkdir()
    (source / "dictionary.csv").write_text(DICTIONARY)
    (source / "export.csv").write_text(EXPORT)
    assert main([str(source), "--out", str(tmp_path / "out")]) == 1
    assert "export.csv, row 1, hospital_no, looks like an identifier by its data dictionary" in capsys.readouterr().err
    sheets = {sheet.name: sheet for sheet in read_source(source)}
    assert list(sheets["visits"].cells.columns) == ["record_id", "redcap_event_name", "alt", "alt_day"]
    mapping = tmp_path / "m.yaml"
    mapping.write_text("""
leave_out: [hospital_no]
tables:
  patients:
    sheet: record
    columns: {patient: record_id, sex: sex, first_treatment: treatment, os_treatment_months: os_months, died: died, ecog: ecog}
  labs:
    sheet: visits
    columns: {patient: record_id, visit: redcap_event_name, visit_day: alt_day, analyte: {value: alt}, value: alt, unit: {value: U/L}}
""")
    cohort = imported(source, tmp_path, capsys, "--mapping", str(mapping))
    assert list(cohort.patients["sex"]) == ["female", "male"] and list(cohort.patients["died"]) == [True, False]
    assert list(cohort.patients["first_treatment"]) == ["Radioembolisation", "TACE"]
    assert list(zip(cohort.labs["visit"], cohort.labs["value"], strict=True)) == [
        ("baseline", 30), ("month_3", 45), ("baseline", 28), ("month_3", 31)]


OWN_DICTIONARY = """Variable / Field Name,Form Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels",Identifier?
study_id,base,text,Study ID,,
last_name,base,text,Last name,,y
gender,base,radio,Sex,"1, Female | 2, Male",
index_tx,base,dropdown,First liver-directed treatment,"1, TACE | 2, Y90",
tx_dt,base,text,Date of first treatment,,
vital,end,radio,Vital status,"0, Alive | 1, Dead",
last_fu,end,text,Date of death or last contact,,
comments,end,notes,Comments,,
lab_dt,labs,text,Date of labs,,
tbili,labs,text,Total bilirubin (umol/L),,
alt,labs,text,ALT,,
alt_uln,labs,text,ALT upper limit,,
"""
OWN_EXPORT = """study_id,redcap_event_name,last_name,gender,index_tx,tx_dt,vital,last_fu,comments,lab_dt,tbili,alt,alt_uln
A1,enrolment_arm_1,Miller,1.0,1.0,2015-03-04,,,,2015-03-02,10,30,40
A1,month_3_arm_1,,,,,,,,2015-06-02,12.5,,
A1,end_arm_1,,,,,1.0,2016-03-03,moved away,,,,
A2,enrolment_arm_1,Smith,2.0,2.0,2015-05-16,,,,2015-05-16,8,28,45
A2,month_3_arm_1,,,,,,,,2015-08-14,9,41,45
A2,end_arm_1,,,,,0.0,2017-05-15,,,,,
"""


def test_a_hospitals_own_redcap_project_imports_by_the_guess_as_it_stands(tmp_path, capsys):
    """Its own names, events, one column per analyte, codes saved as 1.0. 4 March 2015 to 3 March 2016 are 365 days, 16 May 2015 to 15 May 2017 730."""
    source = tmp_path / "redcap"
    source.mkdir()
    (source / "dictionary.csv").write_text(OWN_DICTIONARY)
    (source / "export.csv").write_text(OWN_EXPORT)
    mapping = tmp_path / "mapping.yaml"
    assert main([str(source), "--suggest", str(mapping)]) == 0
    assert "Left out, since they look identifying: last_name, comments." in capsys.readouterr().out
    cohort = imported(source, tmp_path, capsys, "--mapping", str(mapping))
    patients = cohort.patients
    assert list(patients["sex"]) == ["female", "male"] and list(patients["first_treatment"]) == ["TACE", "Y90"]
    assert list(patients["died"]) == [True, False]
    assert list(patients["os_treatment_months"]) == pytest.approx([365 / 30.4375, 730 / 30.4375], abs=1e-6)
    labs = cohort.labs[["patient", "visit", "visit_day", "analyte", "value", "unit", "upper_normal"]]
    assert set(labs.fillna(0).itertuples(index=False, name=None)) == {
        ("A1", "baseline", -2, "bilirubin", 10, "umol/L", 0), ("A1", "month_3", 90, "bilirubin", 12.5, "umol/L", 0),
        ("A2", "baseline", 0, "bilirubin", 8, "umol/L", 0), ("A2", "month_3", 90, "bilirubin", 9, "umol/L", 0),
        ("A1", "baseline", -2, "alt", 30, "U/L", 40), ("A2", "baseline", 0, "alt", 28, "U/L", 45), ("A2", "month_3", 90, "alt", 41, "U/L", 45)}


def test_a_name_that_begins_like_an_analyte_is_no_measurement(tmp_path):
    rows = "patient,treatment,os,died,alt_reason,ast_uln,na\nA,TACE,3,yes,tired,40,140\nB,TACE,5,no,well,40,141\n"
    (tmp_path / "e.csv").write_text(rows)
    assert set(suggest(read_source(tmp_path / "e.csv"))["tables"]) == {"patients"}


def test_one_wide_sheet_with_laboratory_beside_the_patients(tmp_path, capsys):
    book = openpyxl.Workbook()
    book.active.append(["Patient", "Sex", "Treatment", "OS (days)", "Status", "ALT baseline (U/L)", "ALT 3 months (U/L)", "Bili baseline (µmol/L)"])
    book.active.append(["A", "F", "TACE", 304.375, "dead", 30, 45, 10.0])
    book.active.append(["B", "M", "TACE", 608.75, "alive", 28, None, 12.5])
    book.save(tmp_path / "wide.xlsx")
    cohort = imported(tmp_path / "wide.xlsx", tmp_path, capsys)
    assert list(cohort.patients["os_treatment_months"]) == [10, 20] and list(cohort.patients["died"]) == [True, False]
    assert sorted(zip(cohort.labs["patient"], cohort.labs["analyte"], cohort.labs["visit"], cohort.labs["value"], strict=True)) == [
        ("A", "alt", "baseline", 30), ("A", "alt", "month_3", 45), ("A", "bilirubin", "baseline", 10), ("B", "alt", "baseline", 28),
        ("B", "bilirubin", "baseline", 12.5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_semicolons_decimal_commas_and_encodings(encoding, tmp_path, capsys):
    text = "Patient;Geschlecht;Behandlung;OS Monate;Verstorben\nA;männlich;Kryo;10,5;ja\nB;weiblich;Kühlung;12,25;nein\n"
    (tmp_path / "export.csv").write_bytes(text.encode(encoding))
    patients = imported(tmp_path / "export.csv", tmp_path, capsys).patients
    assert list(patients["os_treatment_months"]) == [10.5, 12.25] and list(patients["sex"]) == ["male", "female"]
    assert list(patients["first_treatment"]) == ["Kryo", "Kühlung"]


def test_day_first_is_read_from_dates_that_leave_no_choice(tmp_path, capsys):
    """From 5 March to 20 April 2015 are 46 days."""
    (tmp_path / "e.csv").write_text("patient,treatment,date first treatment,last contact,died\nA,TACE,05/03/2015,20/04/2015,yes\n")
    months = imported(tmp_path / "e.csv", tmp_path, capsys).patients["os_treatment_months"][0]
    assert months == pytest.approx(46 / 30.4375, abs=1e-6)


def test_censoring_flag_is_reversed_where_its_name_says_so(tmp_path, capsys):
    (tmp_path / "e.csv").write_text("patient,treatment,os,cnsr\nA,TACE,10,0\nB,TACE,12,1\n")
    assert list(imported(tmp_path / "e.csv", tmp_path, capsys).patients["died"]) == [True, False]


def test_accepted_findings_pass(tmp_path, capsys):
    rows = "".join(f"C{place},TACE,{place + 0.5},{'yes' if place > 6 else 'no'}\n" for place in range(14))
    (tmp_path / "e.csv").write_text("patient,treatment,os,died\n" + rows)
    (tmp_path / "m.yaml").write_text("""
accept: {reversed_event_flag: recruitment ended late}
tables: {patients: {sheet: e, columns: {patient: patient, first_treatment: treatment, os_treatment_months: os, died: died}}}
""")
    assert imported(tmp_path / "e.csv", tmp_path, capsys, "--mapping", str(tmp_path / "m.yaml")).n_patients == 14


def test_the_guess_leaves_out_what_it_does_not_know(tmp_path):
    pd.DataFrame({"patient": ["A"], "treatment": ["TACE"], "os": [3], "died": ["yes"], "shoe": [42]}).to_csv(tmp_path / "e.csv", index=False)
    (part,) = suggest(read_source(tmp_path / "e.csv"))["tables"]["patients"]
    assert part["columns"] == {"patient": "patient", "first_treatment": "treatment", "os_treatment_months": "os", "died": "died"}
