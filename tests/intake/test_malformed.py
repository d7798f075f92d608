"""Malformed inputs, each with the sentence a reader gets: never a traceback, exit code 1, nothing written.

The sentences expected are those a reader needs: the place and what is wrong there, worded before the code was run on them.
"""

import datetime
import struct
import zipfile

import openpyxl
import pandas as pd
import pytest
import yaml

from lib.intake.__main__ import main

PATIENTS = """patient,age_years,sex,first_treatment,os_treatment_months,died,liver_pfs_months,liver_progressed
A1,61,female,TACE,10.5,true,6.5,true
A2,55,male,TACE,20.25,false,12.0,true
A3,70,female,Y90,31.5,false,14.5,false
A4,48,male,Y90,8.75,true,8.75,false
"""
DATED = """patient,sex,treatment,date first treatment,last contact,date diagnosis,died
A1,female,TACE,2015-03-04,2016-04-20,2013-06-20,yes
A2,male,TACE,2015-05-16,2017-01-08,2014-01-30,no
A3,female,Y90,2015-06-20,2018-02-11,2012-11-09,no
"""
LABS = """patient,visit,visit_day,analyte,value,unit,lower_normal,upper_normal
A1,baseline,-3,bilirubin,0.8,mg/dL,0.2,1.2
A2,baseline,-3,bilirubin,0.6,mg/dL,0.2,1.2
A3,baseline,-3,bilirubin,0.9,mg/dL,0.2,1.2
A4,baseline,-3,bilirubin,1.1,mg/dL,0.2,1.2
"""
LESIONS = """patient,visit,visit_day,lesion,longest_diameter_mm,target,new,extrahepatic
A1,baseline,-5,L1,50,true,false,false
A1,month_3,90,L1,20,true,false,false
"""
EVENTS = "patient,term,grade,onset_day,relation\nA1,nausea,2,3,related\n"
SESSIONS = "patient,session,day,treatment\nA1,1,0,TACE\nA2,1,0,TACE\nA3,1,0,Y90\nA4,1,0,Y90\n"


def files(**contents):
    """A case that writes text files: patients_csv="..." becomes patients.csv; without patients the good ones are added."""
    def make(folder):
        given = {name.replace("__", " ").rpartition("_")[0] + "." + name.rpartition("_")[2]: text for name, text in contents.items()}
        for name, text in ({"patients.csv": PATIENTS} | given).items():
            if text is not None:
                (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder
    return make


def patients(old, new):
    assert old in PATIENTS
    return files(patients_csv=PATIENTS.replace(old, new))


def dated(old, new):
    assert old in DATED
    return files(patients_csv=DATED.replace(old, new))


def labs(old, new):
    assert old in LABS
    return files(labs_csv=LABS.replace(old, new))


def added(name, values):
    """The good patients with one more column."""
    lines = PATIENTS.strip().splitlines()
    return files(patients_csv="\n".join(f"{line},{cell}" for line, cell in zip(lines, [name, *values], strict=True)))


def mapped(mapping, text=PATIENTS):
    def make(folder):
        files(patients_csv=text)(folder)
        (folder.parent / "mapping.yaml").write_text(mapping if isinstance(mapping, str) else yaml.safe_dump(mapping))
        return folder
    return make


def columns(**changed):
    names = PATIENTS.splitlines()[0].split(",")
    return {"tables": {"patients": {"sheet": "patients", "columns": dict(zip(names, names, strict=True)) | changed}}}


def bomb(folder):
    with zipfile.ZipFile(folder / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 250_000_000)
    return folder


def workbook(*rows, name="book.xlsx"):
    def make(folder):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(folder / name)
        return folder
    return make


def entity_bomb(folder):
    workbook(["patient", "os"], ["A1", 3])(folder)
    inside = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet><sheetData>&b;</sheetData></worksheet>'
    with zipfile.ZipFile(folder / "book.xlsx") as old, zipfile.ZipFile(folder / "evil.xlsx", "w") as new:
        for member in old.namelist():
            new.writestr(member, inside if member.endswith("sheet1.xml") else old.read(member))
    (folder / "book.xlsx").unlink()
    return folder


HEADER = ["patient", "age", "sex", "treatment", "os months", "died"]
BAD = {
    # files
    "no such source": (lambda folder: folder / "none.csv", "none.csv, whole file, missing: expected a file or a folder"),
    "empty folder": (lambda folder: folder, "an empty folder: expected files to read"),
    "empty file": (files(patients_csv=""), "patients.csv, whole file, empty: expected a header and rows"),
    "blank lines only": (files(patients_csv="\n\n  \n"), "patients.csv, whole file, empty: expected a header and rows"),
    "header only": (files(patients_csv=PATIENTS.splitlines()[0]), "patients.csv, whole file, no rows: expected rows below the header"),
    "old Excel": (files(patients_xls=b"\xd0\xcf\x11\xe0abc", patients_csv=None), "save it as .xlsx"),
    "pickle": (files(patients_pkl=b"\x80\x04.", patients_csv=None), "patients.pkl, whole file, .pkl: expected one of .csv"),
    "picture": (files(scan_png=b"\x89PNG"), "scan.png, whole file, .png: expected one of .csv"),
    "ragged row": (patients("A2,55,male", "A2,55,male,,"), "patients.csv, row 3, 10 cells: expected 8 cells, as the header has"),
    "open quote": (patients("A2,55", '"A2,55'), "patients.csv, whole file, unreadable: expected CSV"),
    "binary rubbish": (files(patients_csv=b"\x00\x01\x02\x00"), "patients.csv, whole file, unreadable: expected text in UTF-8"),
    "damaged parquet": (files(labs_parquet=b"PAR1nothing"), "labs.parquet, whole file, unreadable: expected a parquet file"),
    "damaged SPSS": (files(labs_sav=b"$FL2@(#) broken"), "labs.sav, whole file, unreadable: expected a .sav file"),
    "damaged Stata": (files(labs_dta=struct.pack("<I", 114)), "labs.dta, whole file, unreadable: expected a .dta file"),
    "damaged transport file": (files(adsl_xpt=b"HEADER RECORD"), "adsl.xpt, whole file, unreadable: expected a .xpt file"),
    "CSV named xlsx": (files(patients_xlsx=PATIENTS, patients_csv=None), "patients.xlsx, whole file, unreadable: expected an Excel workbook"),
    "locked workbook": (files(patients_xlsx=b"\xd0\xcf\x11\xe0secret", patients_csv=None), "expected an .xlsx file without a password"),
    "zip bomb": (bomb, "bomb.xlsx, whole file, 250 MB when unpacked: expected at most 200 MB"),
    "entity bomb": (entity_bomb, "evil.xlsx, whole file, unreadable: expected an Excel workbook"),
    "empty workbook": (workbook(), "book.xlsx, whole file, no rows: expected a header and rows"),
    "formula never computed": (workbook(HEADER, ["A1", 60, "f", "TACE", "=1+2", "yes"]), "row 2, E, a formula without a stored value"),
    "Excel error": (workbook(HEADER, ["A1", 60, "f", "TACE", "#DIV/0!", "yes"]), "#DIV/0!"),
    # columns
    "column twice": (patients("age_years", "sex"), "patients.csv, row 1, sex, given twice: expected each column once"),
    "column without a name": (patients("age_years", ""), "patients.csv, row 1, column 2 without a name"),
    "no clock": (patients("os_treatment_months", "shoe_size"), "os_treatment_months, missing: expected a column with a number of months"),
    "no event flag": (patients(",died,", ",hat,"), "died, missing: expected a column with true or false"),
    "nothing known": (files(patients_csv="a,b\n1,2\n"), "no table of patients"),
    # cells
    "two numbers in one cell": (patients("10.5", "10.5 (9-12)"), 'patients.csv, row 2, os_treatment_months, "10.5 (9-12)": expected a number'),
    "number with unit": (patients("61", "61 y"), 'row 2, age_years, "61 y": expected a number; write digits only'),
    "below a limit": (labs("0.8", "<0.8"), 'labs.csv, row 2, value, "<0.8": expected a number; write the limit itself as a number'),
    "comma among points": (files(patients_csv=PATIENTS.replace("10.5", '"10,5"')), "expected a number with a decimal point"),
    "thousands": (labs("0.8", '"1,234,567.0"'), "expected a number without thousands separators"),
    "word for a number": (patients("61", "old"), 'age_years, "old": expected a number; correct the cell'),
    "negative months": (patients("10.5", "-10.5"), "-10.5: expected a number of months, 0 or more"),
    "age 611": (patients("61,", "611,"), "611: expected a number of years, 0 to 120"),
    "unknown sex": (patients("A1,61,female", "A1,61,4"), 'row 2, sex, "4": expected one of female, male; write codes: {4: female}'),
    "coded event": (patients("10.5,true", "10.5,2"), 'row 2, died, "2": expected a code whose meaning is known'),
    "no label": (patients("A3,70", ",70"), "row 4, patient, blank: expected text"),
    "no time": (patients("31.5,false", ",false"), "row 4, os_treatment_months, blank: expected a number of months"),
    "coded treatment": (patients("female,TACE", "female,1"), 'row 2, first_treatment, "1": expected a word, not a code'),
    "same label": (patients("A2,55", "A1,55"), 'row 3, patient, "A1": expected one row per patient'),
    "ECOG 7": (added("ecog", [0, 7, 1, 1]), "row 3, ecog, 7: expected a whole number, 0 to 4, or blank"),
    "half an ECOG": (added("ecog", [0, 0.5, 1, 1]), "expected a whole number, 0 to 4, or blank"),
    # dates
    "no such day": (dated("2016-04-20", "2016-02-30"), 'row 2, last contact, "2016-02-30": expected a date that exists'),
    "half a date": (dated("2016-04-20", "2016-04"), "expected a full date; add the day"),
    "short year": (dated("2016-04-20", "20.04.16"), "expected a date with a year of four digits"),
    "digit that is none": (dated("2016-04-20", "²"), 'last contact, "²": expected a date'),
    "lost format": (dated("2016-04-20", "42480"), "as a serial number it would be 2016-04-20"),
    "word for a date": (dated("2016-04-20", "spring"), 'last contact, "spring": expected a date'),
    "undecided order": (files(patients_csv=DATED.replace("2016-04-20", "04/05/2016")), "expected a date whose order is known"),
    "mixed order": (files(patients_csv=DATED.replace("2016-04-20", "20/04/2016").replace("2017-01-08", "25/01/2017")
                          .replace("2018-02-11", "02/21/2018")), "the column mixes day-month and month-day"),
    "death before treatment": (dated("2016-04-20", "2014-04-20"), "row 2, last contact (os_treatment_months)"),
    "swapped day and month": (dated("2015-03-04,2016-04-20", "2015-03-04,2015-02-06"), "day and month look swapped (2015-06-02 would fit)"),
    "year 3015": (dated("2016-04-20", "3016-04-20"), "expected a year from 1900 to 2100"),
    "diagnosis after treatment": (dated("2013-06-20", "2015-08-20"), "expected no more than os_diagnosis_months"),
    "treatment undated": (dated("2015-03-04", ""), "row 2, date first treatment, blank: expected a date"),
    # between columns and tables
    "PFS above OS": (patients("6.5,true", "16.5,true"), "liver_pfs_months, 16.5: expected no more than os_treatment_months"),
    "days as months": (files(patients_csv=PATIENTS.replace("10.5", "3195")), "if the column is in days"),
    "whole days as months": (files(patients_csv="patient,treatment,os,died\nB1,TACE,320,yes\nB2,TACE,616,no\nB3,Y90,280,yes\n"),
                             "expected months, with a median below 120; write unit: days"),
    "reversed event flag": (files(patients_csv="patient,treatment,os,died\n" + "".join(
        f"C{place},TACE,{place + 0.5},{'yes' if place > 6 else 'no'}\n" for place in range(14))),
        "100% of the pairs: expected events not mostly among those followed longest"),
    "duplicate patient": (files(patients_csv=PATIENTS + "A5,61,female,TACE,10.5,true,6.5,true\n"),
                          "row 6, patient, the same facts under another label: expected each patient once (as in row 2)"),
    "lab of nobody": (labs("A4,", "A9,"), 'labs.csv, row 5, patient, "A9": expected a patient of patients.csv'),
    "lab twice": (files(labs_csv=LABS + "A1,baseline,-3,bilirubin,0.7,mg/dL,0.2,1.2\n"), "expected one row per patient, visit, analyte"),
    "lab in umol/L called mg/dL": (files(labs_csv=LABS.replace(",0.8,", ",14,").replace(",0.6,", ",10,").replace(",0.9,", ",15,")
                                         .replace(",1.1,", ",19,")), "14 mg/dL: expected bilirubin within"),
    "limit in another unit": (labs("0.8,mg/dL,0.2,1.2", "0.8,mg/dL,3,21"), "expected an upper limit of bilirubin near 1.2 mg/dL"),
    "unit of something else": (labs("0.8,mg/dL", "0.8,mmHg"), 'labs.csv, row 2, unit, "mmHg": expected a unit that measures bilirubin'),
    "no unit": (labs("0.8,mg/dL", "0.8,"), "labs.csv, row 2, unit, blank: expected the unit of bilirubin"),
    "limits reversed": (labs("0.8,mg/dL,0.2,1.2", "0.8,mg/dL,1.2,0.9"), "upper_normal, 0.9: expected more than lower_normal"),
    "visit after death": (files(labs_csv=LABS.replace("visit_day,", "").replace("-3,", "").replace("A4,baseline", "A4,month_12")),
                          "labs.csv, row 5, visit, month_12: expected a visit before the patient's death at 8.8 months"),
    "dated visit after death": (labs("A4,baseline,-3", "A4,month_12,365"), "visit_day, 365: expected a day before the patient's death"),
    "grade 6": (files(adverse_events_csv=EVENTS.replace("nausea,2", "nausea,6")), "grade, 6: expected a whole number, 1 to 5"),
    "grade 0": (files(adverse_events_csv=EVENTS.replace("nausea,2", "nausea,0")), "grade, 0: expected a whole number, 1 to 5"),
    "fatal event of the living": (files(adverse_events_csv=EVENTS.replace("A1,nausea,2", "A2,nausea,5")), "expected 1 to 4 for a patient who is alive"),
    "response against the diameters": (files(lesions_csv=LESIONS, responses_csv="patient,visit,response\nA1,month_3,PD\n"),
                                       "responses.csv, row 2, response, PD: expected PR, which the diameters give"),
    "lesion of half a metre": (files(lesions_csv=LESIONS.replace(",50,", ",5000,")), "longest_diameter_mm, 5000: expected a number of mm, 0 to 500"),
    "new at baseline": (files(lesions_csv=LESIONS.replace("50,true,false", "50,true,true")), "expected false at baseline"),
    "session before the first": (files(treatments_csv=SESSIONS.replace("A1,1,0", "A1,1,-4")), "day, -4: expected a number of days, 0 to 36600"),
    "another first treatment": (files(treatments_csv=SESSIONS.replace("A1,1,0,TACE", "A1,1,0,Y90")), "expected first_treatment of patients.csv"),
    # identifiers
    "names": (added("surname", ["Miller", "Smith", "Jones", "Brown"]), "row 1, surname, looks like a name by its name"),
    "names under another heading": (added("var7", ['"Miller, Ann"', '"Smith, Bob"', '"Jones, Eve"', '"Brown, Tom"']), "var7, looks like a name by its content"),
    "date of birth": (added("Geburtsdatum", ["1950-01-02", "", "", ""]), "Geburtsdatum, looks like a date of birth by its name"),
    "record numbers": (added("MRN", [4711, 4712, 4713, 4714]), "MRN, looks like a record number by its name"),
    "e-mail": (added("contact", ["a@b.org", "", "", ""]), "contact, looks like an e-mail address by its content"),
    "telephone": (added("reach", ["+49 30 901820", "", "", ""]), "reach, looks like a phone number by its content"),
    "address": (added("lives", ["12 Hill Road", "", "", ""]), "lives, looks like an address by its content"),
    "free text": (added("course", ["He came by himself and said that the pain had been there since the summer", "", "", ""]), "course, looks like free text"),
    # mapping
    "mapping not YAML": (mapped("tables: [unclosed"), "mapping.yaml, row 1, not YAML: expected a mapping in plain YAML"),
    "mapping builds an object": (mapped("tables: !!python/object/apply:os.system ['true']"), "not YAML: expected a mapping in plain YAML"),
    "mapping is a list": (mapped("- a\n- b\n"), "tables, list: expected a key 'tables' with at least patients"),
    "unknown key": (mapped(columns() | {"colour": "red"}), "colour, unknown key: expected one of"),
    "unknown table": (mapped({"tables": {"patients": columns()["tables"]["patients"], "scans": {}}}), "tables, scans: expected one of patients"),
    "unknown column": (mapped(columns(weight="age_years")), "patients.weight, unknown column: expected a column of the contract"),
    "column not there": (mapped(columns(age_years="alter")), "patients.age_years, alter: expected a column of patients"),
    "sheet not there": (mapped({"tables": {"patients": {"sheet": "other", "columns": {"patient": "patient"}}}}), "other: expected a sheet of the source"),
    "unknown unit": (mapped(columns(age_years={"column": "age_years", "unit": "moons"})), "patients.age_years, moons: expected a unit: days"),
    "unit that does not convert": (mapped(columns(age_years={"column": "age_years", "unit": "cm"})), "expected a unit that converts to years"),
    "blank spec": (mapped(columns(age_years=None)), "patients.age_years, blank: expected a source column"),
    "unknown date order": (mapped(columns() | {"dates": "american"}), "dates, american: expected one of ymd, dmy, mdy"),
    "unknown check": (mapped(columns() | {"accept": {"everything": "yes"}}), "accept, everything: expected one of wrong_unit"),
    "nothing chosen": (mapped({"tables": {"patients": columns()["tables"]["patients"] | {"where": {"sex": "x"}}}}),
                       "patients.csv, whole file, no rows for patients: expected rows that the mapping chooses"),
}


def test_there_are_at_least_sixty():
    assert len(BAD) >= 60


@pytest.mark.parametrize("case", BAD)
def test_malformed_input_gets_its_sentence(case, tmp_path, capsys):
    make, sentence = BAD[case]
    folder = tmp_path / "source"
    folder.mkdir()
    source, out, mapping = make(folder), tmp_path / "out", tmp_path / "mapping.yaml"
    code = main([str(source), "--out", str(out), *(["--mapping", str(mapping)] if mapping.exists() else [])])
    said = capsys.readouterr()
    assert code == 1 and said.out == ""
    assert sentence in said.err, said.err
    assert "Traceback" not in said.err and all(line for line in said.err.strip().split("\n"))
    assert not out.exists() and not list(tmp_path.glob(".out*"))


def test_the_good_files_import(tmp_path):
    """What the cases above break is whole: otherwise they would show nothing."""
    folder = tmp_path / "source"
    folder.mkdir()
    files(labs_csv=LABS, lesions_csv=LESIONS, adverse_events_csv=EVENTS, treatments_csv=SESSIONS)(folder)
    assert main([str(folder), "--out", str(tmp_path / "out")]) == 0


def test_the_good_dates_import(tmp_path):
    """4 March 2015 to 20 April 2016 are 413 days, 13.5688 months of 30.4375 days."""
    folder = tmp_path / "source"
    folder.mkdir()
    files(patients_csv=DATED)(folder)
    assert main([str(folder), "--out", str(tmp_path / "out")]) == 0
    months = pd.read_csv(tmp_path / "out" / "patients.csv")["os_treatment_months"]
    assert (datetime.date(2016, 4, 20) - datetime.date(2015, 3, 4)).days == 413
    assert months[0] == pytest.approx(413 / 30.4375, abs=1e-6)


def test_all_problems_come_in_one_report_worst_first(tmp_path, capsys):
    folder = tmp_path / "source"
    folder.mkdir()
    files(patients_csv=PATIENTS.replace("61,", "old,").replace("6.5,true", "16.5,true"), labs_csv=LABS.replace("0.8,mg/dL", "0.8,mmHg"))(folder)
    assert main([str(folder), "--out", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.strip().split("\n")
    assert lines[0] == "Nothing was imported, 3 problems:"
    assert ['"old"' in lines[1] or '"mmHg"' in lines[1], "16.5" in lines[3]] == [True, True]
