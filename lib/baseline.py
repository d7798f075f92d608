"""Who was treated: baseline variables, their summaries by group, and what the cohort leaves blank."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from lib.cohort import Cohort
from lib.cohort_files import lined_up
from lib.contract import SITES, TREATMENTS
from lib.refusal import Refusal
from lib.units import REFERENCE_UNITS, to_reference_units
from lib.wide import pivoted

YES_NO = ("yes", "no")


class BaselineError(Refusal, ValueError):
    """A baseline variable cannot be summarised as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Variable:
    """One variable of Table 1, measured once per patient.

    Attributes
    ----------
    name : str
        Stem of its quantities in the ledger, e.g. "extrahepatic_disease".
    label : str
        As a reader would write it.
    values : Series, shape (n_patients,)
        Numbers, or labels among ``levels``; missing where not known.
    levels : tuple of str
        Categories in the order shown; empty for a number.
    unit : str
        Unit of a number.
    decimals : int
        Decimals in which its mean and quartiles are printed.
    outcome : bool
        True for what happened after treatment: it is described, not balanced.
    """

    name: str
    label: str
    values: pd.Series
    levels: tuple[str, ...] = ()
    unit: str = ""
    decimals: int = 1
    outcome: bool = False


def slug(label: object) -> str:
    """A label as a part of a quantity's name: "DEB-TACE" -> "deb_tace", "<60" -> "under_60"."""
    words = str(label).lower().replace("<", "under ").replace(">", "over ").replace("+", " plus")
    return re.sub(r"[\W_]+", "_", words).strip("_")


def groups_present(labels: pd.Series, order: Sequence[str] = TREATMENTS) -> list[str]:
    """The groups that have patients, those of ``order`` first, then others by size."""
    present = labels.dropna().value_counts()
    known = [group for group in order if group in present.index]
    others = sorted((group for group in present.index if group not in known),
                    key=lambda group: (-present[group], str(group)))
    return known + others


def treatment_gap_months(patients: pd.DataFrame) -> pd.Series:
    """Months from liver metastasis to the first treatment, the difference of the two clocks."""
    return patients["os_liver_metastasis_months"] - patients["os_treatment_months"]


def age_groups(age_years: pd.Series, cut: float) -> pd.Series:
    """Patients below and above ``cut``; the paper's two groups leave out who is exactly that old."""
    labels = np.select([age_years < cut, age_years > cut, age_years == cut],
                       [f"<{cut:g}", f">{cut:g}", f"{cut:g}"], default=None)
    return pd.Series(labels, age_years.index, dtype=object)


def baseline_variables(study: Cohort, age_cut_years: float = 60,
                       early_treatment_months: float = 4) -> list[Variable]:
    """The variables of Table 1 that the cohort holds, in the paper's order and then ours.

    Parameters
    ----------
    study : Cohort
        Columns it lacks are left out.
    age_cut_years : float
        Cut between the younger and the older patients.
    early_treatment_months : float
        Longest gap from liver metastasis to treatment that still counts as early.

    Returns
    -------
    list of Variable
    """
    patients = study.patients
    held = {column for column in patients if patients[column].notna().any()}
    made = []
    if "age_years" in held:
        ages = age_groups(patients["age_years"], age_cut_years)
        levels = tuple(f"{sign}{age_cut_years:g}" for sign in "<>")
        exact = (f"{age_cut_years:g}",) if (ages == f"{age_cut_years:g}").any() else ()
        made += [Variable("age", "Age", patients["age_years"], unit="years"),
                 Variable("age", "Age group, years", ages, (levels[0], *exact, levels[1]))]
    made += [_categories(patients, *each) for each in _CATEGORIES if each[0] in held]
    if "n_liver_lesions" in held:
        made += _lesion_variables(patients)
    made += _disease_variables(study, held, early_treatment_months)
    made += _lab_variables(study)
    status = patients["died"].map({True: "dead", False: "alive"})
    return [*made, Variable("survival_status", "Survival status", status, ("dead", "alive"),
                            outcome=True)]


_CATEGORIES = (
    ("sex", "sex", "Sex", ("female", "male")),
    ("ecog", "ecog", "ECOG performance status", ()),
    ("primary_site", "primary_site", "Primary disease site", SITES),
    ("prior_chemotherapy", "prior_chemotherapy", "Prior chemotherapy", YES_NO),
    ("prior_hepatic_metastasectomy", "prior_metastasectomy", "Prior hepatic metastasectomy", YES_NO),
    ("anticoagulated", "anticoagulated", "Anticoagulated", YES_NO),
    ("extrahepatic_disease", "extrahepatic_disease", "Extrahepatic disease", YES_NO),
    ("lobar_disease", "lobar_disease", "Lobar disease", ("bilobar", "unilobar")),
)


def _categories(patients, column, name, label, levels) -> Variable:
    values = patients[column]
    if levels == YES_NO:
        values = values.astype("boolean").map({True: "yes", False: "no"})
    elif not levels:
        levels = tuple(str(level) for level in sorted(values.dropna().unique()))
        values = values.map(str, na_action="ignore")
    return Variable(name, label, values.astype(object), tuple(groups_present(values, levels))
                    if levels is not YES_NO else levels)


def _lesion_variables(patients: pd.DataFrame) -> list[Variable]:
    count = patients["n_liver_lesions"].astype("Float64")
    solitary = (count == 1).map({True: "solitary", False: "multiple"}).astype(object)
    return [Variable("hepatic_lesions", "Hepatic lesions", solitary, ("multiple", "solitary")),
            Variable("n_liver_lesions", "Number of liver lesions", count.astype(float))]


def _disease_variables(study: Cohort, held: set, early_treatment_months: float) -> list[Variable]:
    made = []
    if not study.lacking("lesions") and (largest := largest_liver_lesion_mm(study)).notna().any():
        made.append(Variable("largest_lesion", "Largest liver lesion", largest, unit="mm"))
    if "os_liver_metastasis_months" in held:
        gap = treatment_gap_months(study.patients)
        timing = np.select([gap <= early_treatment_months + 1e-9, gap.notna()],
                           ["early", "late"], default=None)
        made += [Variable("gap", "Liver metastasis to treatment", gap, unit="months"),
                 Variable("treatment_gap", f"Treated within {early_treatment_months:g} months",
                          pd.Series(timing, gap.index, dtype=object), ("early", "late"))]
    return made


_LAB_LABELS = {"albumin": "Albumin", "bilirubin": "Bilirubin", "inr": "INR", "creatinine": "Creatinine",
               "platelets": "Platelets"}


def _lab_variables(study: Cohort) -> list[Variable]:
    values = lab_values(study, "baseline")
    return [Variable(analyte, label, values[analyte].reset_index(drop=True),
                     unit="" if analyte == "inr" else REFERENCE_UNITS[analyte],
                     decimals=0 if analyte == "platelets" else 2)
            for analyte, label in _LAB_LABELS.items()
            if analyte in values and values[analyte].notna().any()]


def lab_values(study: Cohort, visit: str) -> pd.DataFrame:
    """Laboratory values of one visit, a row per patient and a column per analyte, in reference units.

    Returns
    -------
    DataFrame, shape (n_patients, n_analytes)
        Indexed by patient in the order of ``patients``; no columns where there is no labs table.
    """
    patients = pd.Index(study.patients["patient"])
    if study.labs is None:
        return pd.DataFrame(index=patients)
    at_visit = to_reference_units(study.labs.loc[study.labs["visit"] == visit, ["patient", "analyte", "value", "unit"]])
    return lined_up(pivoted(at_visit, "analyte", "value", sorted(at_visit["analyte"].unique())).set_index("patient"), patients)


def liver_lesions_at_baseline(study: Cohort) -> pd.DataFrame:
    """The rows of ``lesions`` that describe the liver before treatment."""
    lesions = study.lesions
    return lesions[(lesions["visit"] == "baseline") & ~lesions["extrahepatic"]]


def largest_liver_lesion_mm(study: Cohort) -> pd.Series:
    """Longest diameter of each patient's largest liver lesion at baseline, in mm.

    Returns
    -------
    Series, shape (n_patients,)
        Indexed as ``patients``; missing where none was measured, or a target lesion was not: the
        largest of the others could be smaller than it.
    """
    rows = liver_lesions_at_baseline(study)
    unmeasured = rows.loc[rows["target"] & rows["longest_diameter_mm"].isna(), "patient"]
    largest = rows.groupby("patient", observed=True)["longest_diameter_mm"].max().drop(unmeasured.unique())
    return lined_up(largest, study.patients["patient"]).astype(float).set_axis(study.patients.index)


def describe(variable: Variable, groups: pd.Series | None = None,
             order: Sequence[str] | None = None) -> pd.DataFrame:
    """Counts, or moments and quartiles, of a variable over all patients and by group.

    Parameters
    ----------
    variable : Variable
    groups : Series, shape (n_patients,), optional
        Group label of each patient.
    order : sequence of str, optional
        Groups to describe, empty ones included; by default those present.

    Returns
    -------
    DataFrame
        One row per group ("all" first) and level: ``group, level, n_group, n_known, n_missing`` and
        ``count``, or for a number ``mean, sd, median, q1, q3, lowest, highest``. Quartiles interpolate
        (type 7 of Hyndman and Fan); the SD divides by n - 1 and is missing for one patient.
    """
    values = _as_categories(variable).values.reset_index(drop=True)
    slices: dict[Hashable, pd.Series] = {"all": values}
    if groups is not None:
        labels = groups.reset_index(drop=True).astype("category")
        slices |= {group: values[labels == group] for group in order or groups_present(labels)}
    rows = []
    for group, own in slices.items():
        known = own.dropna()
        base = {"group": group, "n_group": len(own), "n_known": len(known),
                "n_missing": len(own) - len(known)}
        if variable.levels:
            rows += [base | {"level": level, "count": int((known == level).sum())}
                     for level in variable.levels]
        else:
            rows.append(base | {"level": ""} | _moments(known.astype(float)))
    return pd.DataFrame(rows)


def _as_categories(variable: Variable) -> Variable:
    """The variable with its labels as categories, which in a registry are counted many times faster."""
    return replace(variable, values=variable.values.astype("category")) if variable.levels else variable


def _moments(known: pd.Series) -> dict[str, float]:
    if known.empty:
        return dict.fromkeys(("mean", "sd", "median", "q1", "q3", "lowest", "highest"), np.nan)
    q1, median, q3 = np.quantile(known, [0.25, 0.5, 0.75])
    return {"mean": known.mean(), "sd": known.std(ddof=1), "median": median, "q1": q1, "q3": q3,
            "lowest": known.min(), "highest": known.max()}


def quantities(variable: Variable) -> dict[str, float]:
    """A variable's ledger quantities over all patients: counts and percentages, or mean and SD.

    Returns
    -------
    dict of str to float
        "ecog.0.count", "ecog.0.percent" (of the patients with a known value), "age.mean", "age.sd".
        Empty where nothing is known.
    """
    rows = describe(variable)
    if not rows["n_known"].iloc[0]:
        return {}
    if not variable.levels:
        return {f"{variable.name}.{moment}": float(rows[moment].iloc[0]) for moment in ("mean", "sd")
                if np.isfinite(rows[moment].iloc[0])}
    found = {}
    for row in rows.to_dict("records"):
        stem = f"{variable.name}.{slug(row['level'])}"
        found |= {f"{stem}.count": row["count"], f"{stem}.percent": 100 * row["count"] / row["n_known"]}
    return found


def standardised_difference(variable: Variable, in_a: pd.Series, in_b: pd.Series) -> float:
    """Absolute standardised mean difference of a variable between two groups.

    Parameters
    ----------
    variable : Variable
    in_a, in_b : Series of bool, shape (n_patients,)
        Who belongs to each group.

    Returns
    -------
    float
        |difference| over the root of the mean of the two variances; for several categories the
        Mahalanobis distance of the two vectors of proportions. 0 where the groups do not differ,
        infinite where they differ and neither varies, missing where a group has no known value
        (or, for a number, fewer than two).

    References
    ----------
    Austin PC. Stat Med 2009;28:3083-3107. Yang D, Dalton JE. SAS Global Forum 2012, paper 335.
    """
    a, b = (_in_group(variable, members) for members in (in_a, in_b))
    return _difference(variable, a, b)


def _in_group(variable: Variable, members: pd.Series) -> np.ndarray | None:
    """Proportions of all categories but the last, which follows from them, or mean and variance; None where too few are known."""
    own = variable.values.reset_index(drop=True)[np.asarray(members, dtype=bool)].dropna()
    if len(own) < (1 if variable.levels else 2):
        return None
    if variable.levels:
        return np.array([(own == level).mean() for level in variable.levels[:-1]])
    own = own.astype(float)
    return np.array([own.mean(), own.var(ddof=1)])


def _difference(variable: Variable, a: np.ndarray | None, b: np.ndarray | None) -> float:
    if a is None or b is None:
        return np.nan
    if variable.levels:
        return _distance_of_proportions(a, b)
    return _over_spread(abs(a[0] - b[0]), np.sqrt((a[1] + b[1]) / 2))


def _distance_of_proportions(p: np.ndarray, q: np.ndarray) -> float:
    spread = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    difference = p - q
    inverse = np.linalg.pinv(spread, rcond=1e-10, hermitian=True)
    # a difference in a direction in which neither group varies cannot be measured in spreads
    if np.abs(difference - spread @ inverse @ difference).max(initial=0) > 1e-9:
        return np.inf
    return float(np.sqrt(max(difference @ inverse @ difference, 0.0)))


def _over_spread(difference: float, spread: float) -> float:
    if difference < 1e-12:
        return 0.0
    return float(difference / spread) if spread > 0 else np.inf


def largest_difference(variable: Variable, groups: pd.Series,
                       order: Sequence[str] | None = None) -> tuple[float, str, str]:
    """The largest standardised difference over all pairs of groups, and the pair.

    Parameters
    ----------
    variable : Variable
    groups : Series, shape (n_patients,)
    order : sequence of str, optional
        Groups to pair; by default those present.

    Returns
    -------
    tuple of float, str, str
        Missing value and empty names where no pair can be compared.
    """
    labels, variable = groups.reset_index(drop=True).astype("category"), _as_categories(variable)
    groups_of = {group: _in_group(variable, labels == group) for group in order or groups_present(labels)}
    pairs = [(_difference(variable, groups_of[a], groups_of[b]), a, b) for a, b in combinations(groups_of, 2)]
    measured = [pair for pair in pairs if not np.isnan(pair[0])]
    return max(measured, key=lambda pair: pair[0], default=(np.nan, "", ""))


def difference_by_chance(n_a: int, n_b: int) -> float:
    """Standard error of a standardised difference between equal groups: what chance alone gives.

    References
    ----------
    Hedges LV, Olkin I. Statistical Methods for Meta-Analysis (1985), chapter 5, at a true difference of 0.
    """
    if min(n_a, n_b) < 1:
        raise BaselineError(f"chance needs two groups with patients, not {n_a} and {n_b}.")
    return float(np.sqrt(1 / n_a + 1 / n_b))


def group_p_value(variable: Variable, groups: pd.Series) -> float:
    """P that a variable does not differ between groups: Kruskal-Wallis, or Fisher-Freeman-Halton.

    Parameters
    ----------
    variable : Variable
    groups : Series, shape (n_patients,)

    Returns
    -------
    float
        Missing where fewer than two groups have known values or nothing varies. Tables with more
        than two categories are drawn 20,000 times with a fixed seed, or tested by chi-squared: see `lib.proportions.large_table_p`.
    """
    from scipy import stats

    from lib.proportions import exact_group_p, large_table_p

    frame = pd.DataFrame({"value": variable.values.reset_index(drop=True),
                          "group": groups.astype(object).reset_index(drop=True)}).dropna()
    if frame["group"].nunique() < 2 or frame["value"].nunique() < 2:
        return np.nan
    if not variable.levels:
        return float(stats.kruskal(*[own.astype(float) for _, own in
                                     frame.groupby("group")["value"]]).pvalue)
    table = pd.crosstab(frame["group"], frame["value"])
    if table.shape[1] == 2:
        return exact_group_p(table.iloc[:, 0].to_numpy(), table.sum(axis=1).to_numpy())
    return large_table_p(table.to_numpy(), 20_000)


def treatment_sequences(patients: pd.DataFrame) -> pd.Series:
    """How many patients had each first and second kind of treatment.

    Returns
    -------
    Series of int
        Indexed by (first_treatment, second_treatment); empty where nobody had a second kind.
    """
    if "second_treatment" not in patients:
        raise BaselineError("patients has no second_treatment column: combinations are not known.")
    return patients.dropna(subset=["second_treatment"]).groupby(
        ["first_treatment", "second_treatment"], sort=False).size()


def completeness(study: Cohort) -> pd.DataFrame:
    """Which items of data each patient has.

    Parameters
    ----------
    study : Cohort

    Returns
    -------
    DataFrame of bool, shape (n_patients, n_items)
        Indexed by patient. Items: each column of ``patients`` that every patient should have, then
        for each visit "labs, visit", "liver CT, visit" and "enhancement, visit", then sessions.
        Tables the cohort lacks have no item: nothing was asked of the patients there.
    """
    patients = study.patients.set_index("patient")
    expected_blank = {"second_treatment", "censoring_reason"}
    items = {_item_name(column): patients[column].notna() for column in patients
             if column not in expected_blank}
    if study.treatments is not None:
        items["treatment sessions"] = patients.index.isin(study.treatments["patient"])
    if study.labs is not None:
        analytes, known = study.labs["analyte"].nunique(), study.labs["value"].notna()
        for visit in study.labs["visit"].unique():
            # each analyte is there once a visit
            found = lined_up(study.labs["patient"][known & (study.labs["visit"] == visit)].value_counts(sort=False), patients.index)
            items[f"all labs, {_item_name(visit)}"] = found.fillna(0) == analytes
    if study.lesions is not None:
        items |= _imaging_items(study.lesions, patients.index)
    return pd.DataFrame(items, index=patients.index).astype(bool)


_ITEM_NAMES = {
    "age_years": "age", "ecog": "ECOG", "n_liver_lesions": "number of liver lesions",
    "os_diagnosis_months": "survival from diagnosis", "died": "dead or alive",
    "os_liver_metastasis_months": "survival from liver metastasis",
    "os_treatment_months": "survival from treatment", "liver_pfs_months": "liver PFS",
}


def _item_name(column: str) -> str:
    return _ITEM_NAMES.get(column, column.replace("_", " "))


def _imaging_items(lesions: pd.DataFrame, patients: pd.Index) -> dict[str, pd.Series]:
    items = {}
    for visit in lesions["visit"].unique():
        at_visit = lesions["visit"] == visit
        measured = lesions["patient"][at_visit & lesions["longest_diameter_mm"].notna()]
        items[f"lesions measured, {_item_name(visit)}"] = pd.Series(patients.isin(measured), patients)
        if "viable_diameter_mm" in lesions:
            targets = lesions.loc[at_visit & lesions["target"] & ~lesions["extrahepatic"], ["patient", "viable_diameter_mm"]]
            complete = targets["viable_diameter_mm"].notna().groupby(targets["patient"], observed=True).all()
            items[f"enhancement, {_item_name(visit)}"] = lined_up(complete, patients).eq(True)
    return items


def visits_after_baseline(study: Cohort) -> list[str]:
    """Names of the follow-up visits in labs and lesions, the earliest first."""
    tables = [table for table in (study.labs, study.lesions) if table is not None]
    visits = dict.fromkeys(visit for table in tables for visit in table["visit"].unique() if visit != "baseline")
    if not visits:
        return []
    days = {visit: [table["visit_day"][table["visit"] == visit] if "visit_day" in table else
                    pd.Series(np.inf, table.index[table["visit"] == visit]) for table in tables] for visit in visits}
    median = pd.Series({visit: pd.concat(parts).median() for visit, parts in days.items()})
    return list(median.sort_values(kind="stable").index)


def first_follow_up_visit(study: Cohort) -> str | None:
    """The earliest visit after baseline, or None where there is none."""
    return next(iter(visits_after_baseline(study)), None)


def responses(study: Cohort, visit: str | None) -> dict[str, pd.Series]:
    """Each patient's category at a visit by each criterion that the lesions allow; empty without lesions or visit.

    Returns
    -------
    dict of str to Series
        "RECIST" and "mRECIST" -> category, indexed by patient.
    """
    from lib.response import month_3_response

    if study.lesions is None or visit not in study.lesions["visit"].unique():
        return {}
    return {criterion: month_3_response(study.lesions, criterion, study.patients["patient"], visit)
            for criterion in ("RECIST", *(() if study.lacking("lesions.viable_diameter_mm") else ("mRECIST",)))}


def analysed(study: Cohort, visit: str | None) -> pd.DataFrame:
    """Who enters each analysis.

    Parameters
    ----------
    study : Cohort
    visit : str or None
        The follow-up visit at which toxicity and response are judged.

    Returns
    -------
    DataFrame of bool, shape (n_patients, n_analyses)
        Indexed by patient: "survival" (a time and a state are required of everybody), "toxicity"
        (one analyte or more at baseline and at the visit) and "response" (lesions measured at both);
        an analysis whose table is absent has no column.
    """
    patients = pd.Index(study.patients["patient"])
    made = {"survival": pd.Series(True, patients)}
    if study.labs is not None and visit:
        known = study.labs.loc[study.labs["value"].notna() & study.labs["visit"].isin(["baseline", visit]), ["patient", "analyte"]]
        twice = [own[own.duplicated()] for _, own in known.groupby("analyte", observed=True)["patient"]]
        made["toxicity"] = pd.Series(patients.isin(pd.unique(pd.concat(twice)) if twice else []), patients)
    if study.lesions is not None and visit:
        measured = study.lesions.loc[study.lesions["longest_diameter_mm"].notna(), ["patient", "visit"]]
        at = [patients.isin(measured["patient"][measured["visit"] == when]) for when in ("baseline", visit)]
        made["response"] = pd.Series(at[0] & at[1], patients)
    return pd.DataFrame(made, index=patients)


def lanes(study: Cohort) -> pd.DataFrame:
    """One lane of the swimmer plot per patient, in months from the first treatment.

    Parameters
    ----------
    study : Cohort

    Returns
    -------
    DataFrame
        ``patient, first_treatment, metastasis_months`` (0 or below), ``end_months, died`` and
        ``progression_months`` (missing without progression), by first treatment and then by time
        to death or last contact, the longest first.
    """
    patients = study.patients
    known_gap = "os_liver_metastasis_months" in patients
    made = pd.DataFrame({
        "patient": patients["patient"], "first_treatment": patients["first_treatment"],
        "metastasis_months": -treatment_gap_months(patients) if known_gap else np.nan,
        "end_months": patients["os_treatment_months"], "died": patients["died"],
        "progression_months": np.nan})
    if {"liver_pfs_months", "liver_progressed"} <= set(patients):
        progressed = patients["liver_progressed"].fillna(False).astype(bool)
        made["progression_months"] = patients["liver_pfs_months"].where(progressed)
    rank = {group: i for i, group in enumerate(groups_present(patients["first_treatment"]))}
    made = made.assign(rank=made["first_treatment"].map(rank))
    return made.sort_values(["rank", "end_months", "patient"], ascending=[True, False, True],
                            ignore_index=True).drop(columns="rank")
