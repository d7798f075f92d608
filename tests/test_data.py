"""The data files: the codebook holds what the files hold, and the reference cohort lives by the protocol's rules."""

import csv
import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest

from lib import codebook
from lib.cohort import DAYS_PER_MONTH, read_cohort
from lib.codebook import CodebookError, data_files, refreshed, values_of
from lib.contract import CONTRACT
from lib.published import read_ledger

DATA = Path(__file__).resolve().parent.parent / "data"
README = (DATA / "README.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"<!-- file: (\S+) -->\n(.*?)<!-- end -->", README, flags=re.S))
TABLES = sorted(name for name in SECTIONS if name.endswith(".csv") and not name.startswith("templates/"))


def lines_of(name):
    """The codebook's lines on a file's columns: column, meaning, unit, values, blank."""
    table = SECTIONS[name].partition("| Analyte |")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if line.startswith("| `")]


def rows_of(name):
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- the codebook against the files ---------------------------------------------------------------------

def test_every_file_has_its_section_and_every_section_its_file():
    files = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file() and path.name != "README.md"}
    assert set(SECTIONS) == {name for name in files if not name.startswith((".", "own/"))}


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_checksums_are_those_of_the_files(name):
    checksum = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
    assert f"sha256 `{checksum}`" in SECTIONS[name], "the data changed: run python -m lib.codebook"


@pytest.mark.parametrize("name", TABLES)
def test_columns_listed_are_the_columns_present(name):
    rows = rows_of(name)
    assert [line[0].strip("`") for line in lines_of(name)] == list(rows[0])
    assert f"{len(rows)} rows" in SECTIONS[name]


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_explained_and_its_values_are_within_what_is_listed(name):
    rows = rows_of(name)
    for column, meaning, _, values, blank in lines_of(name):
        cells = [row[column.strip("`")] for row in rows]
        filled = [cell for cell in cells if cell.strip()]
        assert len(meaning) >= 3, column
        assert int(blank) == len(cells) - len(filled), column
        if span := re.fullmatch(r"(-?[\d.]+) to (-?[\d.]+|inf)", values):
            numbers = [float(cell) for cell in filled]
            assert (min(numbers), max(numbers)) == (float(span[1]), float(span[2])), column
        elif different := re.fullmatch(r"text, (\d+) different", values):
            assert len(set(filled)) == int(different[1]), column
        else:
            assert set(filled) == set(values.split(", ")) or not filled and values == "always blank", column


def test_laboratory_ranges_are_listed_analyte_by_analyte():
    listed = {line.split(" | ")[0].strip("| "): [cell.strip(" |") for cell in line.split(" | ")[1:]]
              for line in SECTIONS["reference/labs.csv"].partition("| Analyte |")[2].splitlines()[2:] if line}
    labs = rows_of("reference/labs.csv")
    assert set(listed) == {row["analyte"] for row in labs}
    for analyte, (unit, values, *_) in listed.items():
        numbers = [float(row["value"]) for row in labs if row["analyte"] == analyte]
        assert values == f"{min(numbers):g} to {max(numbers):g}" and {row["unit"] for row in labs if row["analyte"] == analyte} == {unit}


@pytest.mark.parametrize("table", CONTRACT)
def test_units_of_the_cohort_are_those_of_its_contract(table):
    units = {column.name: column.unit for column in CONTRACT[table]}
    assert {line[0].strip("`"): line[2] for line in lines_of(f"reference/{table}.csv")}.items() <= units.items()


@pytest.mark.parametrize("column, unit", [("_months", "months"), ("_days", "days"), ("_mm", "mm"), ("_mg", "mg"), ("_ml", "mL"), ("_years", "years")])
def test_unit_suffixes_of_column_names_say_the_unit(column, unit):
    lines = [line for name in TABLES if name.startswith("reference/") for line in lines_of(name) if line[0].strip("`").endswith(column)]
    assert lines and {line[2] for line in lines} == {unit}


# -- the command that refreshes it ----------------------------------------------------------------------

@pytest.fixture
def folder(tmp_path):
    """A data folder of one table, described."""
    (tmp_path / "sizes.csv").write_text("size_mm,colour,note\n12,red,\n3,blue|green,\n", encoding="utf-8")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "patients.csv").write_text("patient\nX\n")
    return tmp_path


TEXT = ("# Sizes\n\nProse of ours.\n\n<!-- file: sizes.csv -->\n| `size_mm` | longest side | mm | old |\n"
        "| `colour` | colour by eye | | |\n| `note` | remarks | | |\n<!-- end -->\n\nMore prose.\n")


def test_a_refresh_keeps_prose_meanings_and_units_and_renews_the_rest(folder):
    text = refreshed(TEXT, folder)
    checksum = hashlib.sha256((folder / "sizes.csv").read_bytes()).hexdigest()
    assert text.startswith("# Sizes\n\nProse of ours.\n") and text.endswith("<!-- end -->\n\nMore prose.\n")
    assert f"2 rows, sha256 `{checksum}`" in text
    assert "| `size_mm` | longest side | mm | 3 to 12 | 0 |" in text
    assert "| `colour` | colour by eye |  | blue\\|green, red | 0 |" in text and "| `note` | remarks |  | always blank | 2 |" in text


def test_a_second_refresh_changes_nothing_and_a_changed_cell_does(folder):
    once = refreshed(TEXT, folder)
    assert refreshed(once, folder) == once
    (folder / "sizes.csv").write_text("size_mm,colour,note\n12,red,\n4,blue|green,\n", encoding="utf-8")
    assert "4 to 12" in refreshed(once, folder)


def test_the_committed_codebook_is_fresh():
    assert refreshed(README) == README, "run python -m lib.codebook"


@pytest.mark.parametrize("change, message", [
    (lambda folder: (folder / "more.csv").write_text("a\n1\n"), "more.csv has no section in README.md: write a heading"),
    (lambda folder: (folder / "sizes.csv").unlink(), "describes sizes.csv, which is not there"),
    (lambda folder: (folder / "sizes.csv").write_text("size_mm,weight_g\n1,2\n"), "sizes.csv: column weight_g is not described"),
])
def test_what_does_not_fit_is_refused_with_the_remedy(folder, change, message):
    change(folder)
    with pytest.raises(CodebookError, match=message):
        refreshed(TEXT, folder)


def test_a_cohort_of_ones_own_is_not_described(folder):
    assert data_files(folder) == ["sizes.csv"]


def test_files_that_are_no_tables_get_their_size_and_checksum(folder):
    (folder / "notes.json").write_bytes(b"{}\n")
    text = refreshed(TEXT + "<!-- file: notes.json -->\n<!-- end -->\n", folder)
    assert f"3 bytes, sha256 `{hashlib.sha256(b'{}' + bytes([10])).hexdigest()}`" in text


def test_the_command_rewrites_the_readme(folder, monkeypatch, capsys):
    monkeypatch.setattr(codebook, "CODEBOOK", folder / "README.md")
    monkeypatch.setattr(codebook, "refreshed", lambda text, refresh=refreshed: refresh(text, folder))
    (folder / "README.md").write_text(TEXT, encoding="utf-8")
    codebook.main()
    assert (folder / "README.md").read_text(encoding="utf-8") == refreshed(TEXT, folder)
    assert "describes" in capsys.readouterr().out


@pytest.mark.parametrize("cells, phrase", [
    (["3", "12", ""], "3 to 12"), (["-10", "9"], "-10 to 9"), (["7", "7"], "7"), (["true", "false"], "false, true"), (["", " "], "always blank"),
    (["3", "many"], "3, many"), (["a, b", "c"], "text, 2 different"), ([f"P{i:02}" for i in range(1, 25)], "text, 24 different")])
def test_values_in_words(cells, phrase):
    assert values_of(pd.Series(cells)) == phrase


# -- the reference cohort -------------------------------------------------------------------------------

FIRST_COLUMNS = ("patient age_years sex ecog primary_site prior_chemotherapy extrahepatic_disease lobar_disease n_liver_lesions "
                 "first_treatment os_diagnosis_months os_liver_metastasis_months os_treatment_months died liver_pfs_months "
                 "liver_progressed").split()


@pytest.fixture(scope="module")
def study():
    return read_cohort("reference")


@pytest.fixture(scope="module")
def patients(study):
    return study.patients.set_index("patient")


def printed(quantity):
    """A protocol figure of the paper, as a number."""
    return float(read_ledger().set_index("quantity").printed[[quantity]].iloc[0].replace(" ", ""))


def test_the_reference_cohort_keeps_the_contract(study):
    """`read_cohort` refuses any breach; here: that the whole cohort is there, and known as invented."""
    assert study.invented and study.name == "reference"
    assert study.n_patients == printed("cohort.n")
    assert study.lacking("treatments", "labs", "lesions", "adverse_events") == ()
    assert list(study.patients)[:len(FIRST_COLUMNS)] == FIRST_COLUMNS


def test_patients_carry_labels_and_no_identifying_columns(study):
    assert study.patients["patient"].str.fullmatch(r"P\d\d").all()
    assert not [name for table in ("patients", "treatments", "labs", "lesions", "adverse_events")
                for name in getattr(study, table) if re.search(r"name|birth|date|record|address|zip", name)]


def test_patients_met_the_eligibility_limits_at_baseline(study, patients):
    """Methods of the paper; platelets are printed per microlitre and kept in thousands."""
    baseline = study.labs[study.labs.visit == "baseline"].pivot(index="patient", columns="analyte", values="value")
    assert len(baseline) == len(patients) and baseline.notna().all(axis=None)
    assert patients.ecog.max() <= printed("eligibility.ecog.max")
    for analyte in ("bilirubin", "creatinine"):
        assert baseline[analyte].max() <= printed(f"eligibility.{analyte}.max")
    assert 1000 * baseline.platelets.min() >= printed("eligibility.platelets.min")


def test_ablation_was_for_few_and_small_lesions(study, patients):
    ablated = patients.index[patients.first_treatment == "ablation"]
    liver = study.lesions[(study.lesions.visit == "baseline") & ~study.lesions.extrahepatic & study.lesions.patient.isin(ablated)]
    assert patients.n_liver_lesions[ablated].max() <= printed("allocation.ablation.lesions.max")
    assert liver.longest_diameter_mm.max() < 10 * printed("allocation.ablation.lesion_size.limit")


def test_doses_and_devices_keep_to_the_protocol(study):
    sessions = study.treatments
    beads = sessions[sessions.treatment == "DEB-TACE"]
    assert beads.doxorubicin_mg.max() <= printed("protocol.deb_tace.doxorubicin.max")
    assert beads.bead_volume_ml.max() <= printed("protocol.deb_tace.bead_volume.max")
    assert (beads.doxorubicin_mg / beads.bead_volume_ml).round(6).eq(printed("protocol.deb_tace.doxorubicin_loaded")).all()
    assert set(beads.bead_size_um) <= {"70-150", "100-300"}
    ablations = sessions[sessions.treatment == "ablation"]
    assert ablations.margin_mm.min() >= printed("protocol.ablation.margin.min")
    assert set(ablations.needle_gauge) == {printed("protocol.ablation.needle")}
    assert sessions.loc[sessions.treatment != "DEB-TACE", ["doxorubicin_mg", "bead_volume_ml", "bead_size_um"]].isna().all(axis=None)


@pytest.mark.parametrize("treatment, key", [("DEB-TACE", "deb_tace"), ("Y90", "y90")])
def test_lobes_of_bilobar_disease_are_treated_apart_in_time(study, patients, treatment, key):
    bilobar = patients.index[(patients.lobar_disease == "bilobar") & (patients.first_treatment == treatment)]
    sessions = study.treatments[(study.treatments.treatment == treatment) & study.treatments.patient.isin(bilobar)]
    gaps = []
    for _, own in sessions.sort_values("day").groupby("patient"):
        first = own.groupby("lobe").day.min().sort_values()
        gaps += list(first.diff().dropna())
    assert gaps
    assert min(gaps) >= 7 * printed(f"protocol.{key}.interval.lower") and max(gaps) <= 7 * printed(f"protocol.{key}.interval.upper")


@pytest.mark.parametrize("table", ["labs", "lesions"])
def test_the_visit_at_three_months_is_one_and_before_death(study, patients, table):
    visits = getattr(study, table).query("visit == 'month_3'").groupby("patient").visit_day.agg(["min", "max"])
    assert set(visits.index) == set(patients.index)
    assert visits["min"].min() >= 60 and visits["max"].max() <= 120
    last_day = patients.os_treatment_months * DAYS_PER_MONTH
    assert (visits["max"] <= last_day[visits.index] + 1e-6).all()


def test_clocks_are_nested_and_fit_their_figure(patients):
    assert (patients.os_diagnosis_months >= patients.os_liver_metastasis_months).all()
    assert (patients.os_liver_metastasis_months >= patients.os_treatment_months).all()
    assert (patients.liver_pfs_months <= patients.os_treatment_months + 1e-9).all()
    # the axis of Figure 1 runs to 250 months in steps of 50, so the longest survival lies in its last step
    assert printed("os_diagnosis.axis.upper") - 50 < patients.os_diagnosis_months.max() <= printed("os_diagnosis.axis.upper")


def test_one_lesion_is_solitary_and_unilobar(study, patients):
    solitary = patients.n_liver_lesions == 1
    assert (patients.lobar_disease[solitary] == "unilobar").all()
    liver = study.lesions[(study.lesions.visit == "baseline") & ~study.lesions.extrahepatic]
    assert (liver.groupby("patient").lesion.nunique()[patients.index[solitary]] == 1).all()


def test_extrahepatic_lesions_belong_to_patients_with_extrahepatic_disease(study, patients):
    outside = set(study.lesions[(study.lesions.visit == "baseline") & study.lesions.extrahepatic].patient)
    assert outside == set(patients.index[patients.extrahepatic_disease])


def test_a_new_lesion_appears_only_where_it_is_new(study):
    seen = study.lesions.groupby(["patient", "lesion"]).visit.agg(set)
    new = study.lesions[study.lesions.new].groupby(["patient", "lesion"]).visit.agg(set)
    assert all("baseline" not in seen[key] for key in new.index)
    absent_at_baseline = {key for key, visits in seen.items() if "baseline" not in visits}
    assert absent_at_baseline == set(new.index)


def test_second_treatments_are_those_of_the_paper(patients):
    pairs = patients[patients.second_treatment.notna()].groupby(["first_treatment", "second_treatment"]).size().to_dict()
    assert pairs == {("Y90", "DEB-TACE"): 1, ("ablation", "DEB-TACE"): 1, ("ablation", "Y90"): 1}
    assert len(patients[patients.prior_hepatic_metastasectomy]) == 2


def test_the_reasons_of_censoring_are_given_for_the_living_alone(patients):
    assert patients.censoring_reason.notna().eq(~patients.died).all()


def test_clinical_events_of_the_paper_are_in_the_rows(study, patients):
    events = study.adverse_events
    embolisation = events[events.term.str.contains("embolization syndrome|embolisation syndrome") & (events.grade == 3)]
    assert embolisation.hospital_days.tolist() == [printed("postembolization_syndrome.hospital_days")]
    treated = study.treatments[study.treatments.patient.isin(embolisation.patient) & (study.treatments.day <= embolisation.onset_day.iloc[0])]
    assert treated.sort_values("day").treatment.iloc[-1] == "DEB-TACE"
    cholecystitis = events[events.term.str.contains("cholecystitis")]
    assert cholecystitis.grade.tolist() == [2, 2]
    assert events.grade.max() == 3
