"""What never reaches an imported folder, and where no folder is made."""

import datetime
import subprocess

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.cohort import read_cohort
from lib.intake.__main__ import main
from lib.intake.identifying import cap_ages, identifying_columns, kind_by_name
from lib.intake.sources import read_source

HEADER = "patient,age,sex,treatment,os months,died"


@pytest.fixture
def source(tmp_path):
    def write(text, name="export.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name
    return write


def run(source, out, *options):
    return main([str(source), "--out", str(out), *options])


@pytest.mark.parametrize("column, kind", [
    ("Patient Name", "a name"), ("Nachname", "a name"), ("prénom", "a name"), ("apellidos", "a name"), ("cognome", "a name"),
    ("achternaam", "a name"), ("lastName", "a name"), ("MRN", "a record number"), ("Fallnummer", "a record number"),
    ("medical_record_number", "a record number"), ("codice fiscale", "a record number"), ("DOB", "a date of birth"),
    ("Geb.-Datum", "a date of birth"), ("date_naissance", "a date of birth"), ("fecha_nacimiento", "a date of birth"),
    ("BRTHDTC", "a date of birth"), ("Straße", "an address"), ("código postal", "an address"), ("zip_code", "an address"),
    ("Telefon", "a phone number"), ("mobile", "a phone number"), ("E-Mail", "an e-mail address"), ("Bemerkungen", "free text"),
    ("comments", "free text"), ("remarques", "free text")])
def test_names_of_columns_give_identifiers_away(column, kind):
    assert kind_by_name(column) == kind


@pytest.mark.parametrize("column", ["drug_name", "redcap_event_name", "visit name", "birth_weight", "white cell count", "age", "lesion", "site",
                                    "platelets", "tumour", "PARAM", "os_treatment_months", "term", "via", "caput"])
def test_harmless_names_pass(column):
    assert kind_by_name(column) == ""


def test_columns_of_the_reference_cohort_are_harmless():
    for sheet in read_source("data/reference"):
        assert identifying_columns(sheet.cells) == []


def test_birth_dates_under_another_heading_are_found_beside_later_dates():
    frame = pd.DataFrame({"d1": ["1950-03-01", "1948-11-30", "1960-01-09"], "d2": ["2015-03-01", "2016-11-30", "2017-01-09"]})
    assert [(trait.column, trait.looks_like) for trait in identifying_columns(frame)] == [("d1", "a date of birth")]


def test_the_report_never_repeats_an_identifier(source, tmp_path, capsys):
    assert run(source(f"{HEADER},var7\nA,60,f,TACE,10,yes,+49 30 901820\n"), tmp_path / "out") == 1
    assert "901820" not in capsys.readouterr().err


def test_a_column_named_as_harmless_passes_and_only_that_one(source, tmp_path, capsys):
    file = source(f"{HEADER},notes,phone\nA,60,f,TACE,10,yes,ok,123\n")
    assert run(file, tmp_path / "out", "--allow", "notes") == 1
    said = capsys.readouterr().err
    assert "phone" in said and "notes, looks" not in said
    assert run(file, tmp_path / "out", "--allow", "notes", "--leave-out", "phone") == 0
    assert list(pd.read_csv(tmp_path / "out" / "patients.csv")) == ["patient", "age_years", "sex", "first_treatment", "os_treatment_months", "died"]


def test_record_numbers_as_labels_are_replaced(source, tmp_path):
    file = source(f"{HEADER}\n4711234,60,f,TACE,10,yes\n4711999,61,m,TACE,12,no\n")
    assert run(file, tmp_path / "out") == 0
    assert list(read_cohort(tmp_path / "out").patients["patient"]) == ["P001", "P002"]


def test_ages_above_89_are_capped_and_89_is_not(source, tmp_path):
    assert run(source(f"{HEADER}\nA,89,f,TACE,10,yes\nB,90,m,TACE,12,no\nC,103,m,TACE,14,no\n"), tmp_path / "out") == 0
    assert list(read_cohort(tmp_path / "out").patients["age_years"]) == [89, 90, 90]


@given(st.lists(st.floats(0, 120), min_size=1))
def test_capped_ages_never_pass_90_and_younger_ones_stay(ages):
    capped = cap_ages(pd.Series(ages))
    assert capped.max() <= 90 and all(new == old for new, old in zip(capped, ages, strict=True) if old <= 89)


def test_no_calendar_date_is_kept(source, tmp_path):
    file = source("patient,sex,treatment,date first treatment,last contact,died\nA,f,TACE,2015-03-04,2016-04-20,yes\n")
    assert run(file, tmp_path / "out") == 0
    kept = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert "201" not in kept and not {"2015-03-04", "2016-04-20"} & set(kept.split(","))


@pytest.mark.parametrize("formula", ["=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(1)"])
def test_formulas_are_escaped(formula, source, tmp_path):
    """The signs that OWASP lists for CSV injection."""
    assert run(source(f"{HEADER}\nA,60,f,{formula},10,yes\n"), tmp_path / "out") == 0
    assert pd.read_csv(tmp_path / "out" / "patients.csv")["first_treatment"][0] == f"'{formula}"


def test_a_folder_that_git_would_pick_up_is_refused_and_an_ignored_one_is_not(source, tmp_path, capsys):
    repository = tmp_path / "repository"
    repository.mkdir()
    subprocess.run(["git", "init", "--quiet", repository], check=True)
    (repository / ".gitignore").write_text("cohorts/\n")
    file = source(f"{HEADER}\nA,60,f,TACE,10,yes\n")
    assert run(file, repository / "mine") == 1
    assert "expected a folder that version control ignores" in capsys.readouterr().err
    assert not (repository / "mine").exists()
    assert run(file, repository / "cohorts" / "mine") == 0
    status = subprocess.run(["git", "-C", repository, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    assert "mine" not in status and "cohorts" not in status


def test_a_used_folder_is_left_as_it_is(source, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert run(source(f"{HEADER}\nA,60,f,TACE,10,yes\n"), out) == 1
    assert "expected a folder that is new or empty" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_a_mapping_is_not_overwritten(source, tmp_path, capsys):
    (tmp_path / "m.yaml").write_text("mine")
    assert main([str(source(f"{HEADER}\nA,60,f,TACE,10,yes\n")), "--suggest", str(tmp_path / "m.yaml")]) == 1
    assert "m.yaml, whole file, exists: expected a new file" in capsys.readouterr().err and (tmp_path / "m.yaml").read_text() == "mine"


def test_ages_from_dates_of_birth_that_a_reader_allows(source, tmp_path):
    """Born 10 June 1950, treated 4 March 2015: 64 years old."""
    file = source("patient,dob,sex,treatment,date first treatment,last contact,died\nA,1950-06-10,f,TACE,2015-03-04,2016-04-20,yes\n")
    mapping = tmp_path / "m.yaml"
    mapping.write_text("""
time_zero: {sheet: export, column: date first treatment}
allow: [dob]
tables:
  patients:
    sheet: export
    columns: {patient: patient, age_years: dob, sex: sex, first_treatment: treatment, os_treatment_months: last contact, died: died}
""")
    assert run(file, tmp_path / "out", "--mapping", str(mapping)) == 0
    patients = read_cohort(tmp_path / "out").patients
    assert patients["age_years"][0] == 64
    assert patients["os_treatment_months"][0] == pytest.approx((datetime.date(2016, 4, 20) - datetime.date(2015, 3, 4)).days / 30.4375, abs=1e-6)


@pytest.mark.parametrize("cells, kind, position", [
    (["P1", None, "a@b.de", "P1"], "an e-mail address", 2), (["Muster, Anna", "Muster, Anna", "P1", "P2"], "a name", 0),
    (["Muster, Anna", "P1", "P2"], "", None), ([1, True, 7654321, 7654321], "a record number", 2),
])
def test_a_column_is_judged_alike_as_text_and_as_categories(cells, kind, position):
    text = pd.Series(cells, dtype=object)
    for column in (text, text.map(str, na_action="ignore").astype("category")):
        found = [(each.looks_like, each.position) for each in identifying_columns(pd.DataFrame({"var7": column}))]
        assert found == ([(kind, position)] if kind else [])
