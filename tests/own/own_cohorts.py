"""Cohorts unlike ours: cut from the reference, made odd on purpose, or taken from public data of installed packages."""

from functools import cache

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH, read_cohort

TABLES = ("patients", "treatments", "labs", "lesions", "adverse_events")
NEEDED = ["patient", "first_treatment", "os_treatment_months", "died"]
STRANGE = {"DEB-TACE": "<b>TACE</b> *x* | `y` $z$ ümlaut", "Y90": '[a](http://x) & "q"', "ablation": "治療"}


_read_once = cache(read_cohort)


def reference():
    """The five tables of the reference cohort, as copies."""
    study = _read_once("reference")
    return {table: getattr(study, table).copy() for table in TABLES}


def of(patients):
    """The tables with those patients only."""
    return {table: frame[frame["patient"].isin(patients)] for table, frame in reference().items()}


def one_patient():
    return of(["P01"])


def two_patients():
    return of(["P01", "P02"])


def no_events():
    tables = reference()
    tables["patients"] = tables["patients"].assign(died=False, liver_progressed=False, censoring_reason="alive at last contact")
    return tables


def one_treatment():
    patients = reference()["patients"]
    return of(patients.loc[(patients["first_treatment"] == "DEB-TACE") & patients["second_treatment"].isna(), "patient"])


def labs_missing():
    tables = reference()
    tables["labs"] = tables["labs"].assign(value=np.nan)
    return tables


def seven_visits():
    """Six more visits, a month apart, as far as each patient was followed."""
    tables = reference()
    ends = tables["patients"].set_index("patient")["os_treatment_months"] * DAYS_PER_MONTH
    for table in ("labs", "lesions"):
        later = tables[table][tables[table]["visit"] == "month_3"]
        more = [later.assign(visit=f"month_{k}", visit_day=later["visit_day"] + 30 * (k - 3)) for k in range(4, 10)]
        frame = pd.concat([tables[table], *more])
        tables[table] = frame[frame["visit_day"] <= frame["patient"].map(ends)]
    return tables


def three_hundred_months():
    """Clocks stretched until the longest follow-up is 300 months."""
    tables = reference()
    clocks = ["os_liver_metastasis_months", "os_treatment_months", "liver_pfs_months"]
    patients = tables["patients"].drop(columns="os_diagnosis_months")
    tables["patients"] = patients.assign(age_years=95, **{clock: patients[clock] * 300 / patients["os_treatment_months"].max() for clock in clocks})
    return {"patients": tables["patients"]}


def strange_names():
    """Treatments whose names hold Markdown, HTML and letters outside ASCII."""
    tables = reference()
    for table, columns in {"patients": ("first_treatment", "second_treatment"), "treatments": ("treatment",)}.items():
        for column in columns:
            tables[table][column] = tables[table][column].map(STRANGE)
    return tables


def other_visit_names():
    tables = reference()
    tables["labs"]["visit"] = tables["labs"]["visit"].replace({"month_3": "week 12"})
    tables["lesions"]["visit"] = tables["lesions"]["visit"].replace({"month_3": "first CT"})
    return tables


def no_creatinine():
    tables = reference()
    return {"patients": tables["patients"], "labs": tables["labs"][tables["labs"]["analyte"] != "creatinine"]}


def four_columns():
    return {"patients": reference()["patients"][NEEDED]}


def died_at_once():
    return {"patients": reference()["patients"][NEEDED].assign(os_treatment_months=0.0)}


ODD = (one_patient, two_patients, no_events, one_treatment, labs_missing, seven_visits, three_hundred_months, strange_names, other_visit_names,
       no_creatinine, four_columns, died_at_once)


def pbcseq(n_patients=60):
    """Real patients of the Mayo trial in primary biliary cirrhosis, 1974-1984, as the package greenwood carries them.

    Survival and repeated laboratory values, no imaging. A transplantation ends observation. Therneau and Grambsch,
    Modeling Survival Data, 2000.
    """
    import greenwood

    rows = greenwood.load_dataset("pbcseq")
    rows = rows.to_pandas() if hasattr(rows, "to_pandas") else pd.DataFrame(rows)
    rows = rows[rows["id"] <= n_patients]
    first = rows.drop_duplicates("id")
    patients = pd.DataFrame({
        "patient": "M" + first["id"].astype(str), "age_years": first["age"].round(1), "sex": first["sex"].map({"f": "female", "m": "male"}),
        "first_treatment": first["trt"].map({1: "D-penicillamine", 0: "placebo"}).fillna("placebo"),
        "os_treatment_months": first["futime"] / DAYS_PER_MONTH, "died": first["status"] == 2})
    analytes = {"bili": ("bilirubin", "mg/dL", 0.2, 1.2), "albumin": ("albumin", "g/dL", 3.5, 5.0), "ast": ("ast", "U/L", 5, 40),
                "platelet": ("platelets", "10^3/uL", 150, 400)}
    visits = rows.assign(visit=["baseline" if day == 0 else f"visit {1 + i}" for day, i in zip(rows["day"], rows.groupby("id").cumcount(), strict=True)])
    visits = visits[visits["day"] <= visits["futime"]]
    labs = [pd.DataFrame({"patient": "M" + visits["id"].astype(str), "visit": visits["visit"], "visit_day": visits["day"], "analyte": analyte,
                          "value": pd.to_numeric(visits[column], errors="coerce"), "unit": unit, "lower_normal": low, "upper_normal": high})
            for column, (analyte, unit, low, high) in analytes.items()]
    return {"patients": patients, "labs": pd.concat(labs, ignore_index=True)}


def save(tables, folder):
    """Write tables as the CSV files of a cohort; returns the folder as text."""
    folder.mkdir(parents=True)
    for table, frame in tables.items():
        frame.map(lambda cell: str(cell).lower() if isinstance(cell, (bool, np.bool_)) else cell).to_csv(folder / f"{table}.csv", index=False)
    return str(folder)
