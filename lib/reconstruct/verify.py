"""Check a written cohort against the ledger with other means than those that made it.

Reads the five CSV files as they lie on disk and recomputes every published figure with lifelines, scipy
and plain Python; shares no code with the search or the completion, so that a mistake there shows here.

    python -m lib.reconstruct.verify data/reference
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
from pathlib import Path

import pandas as pd
from lifelines.statistics import logrank_test
from scipy import stats

LEDGER = Path(__file__).resolve().parents[2] / "data" / "published.csv"
TABLES = ("patients", "treatments", "labs", "lesions", "adverse_events")
DAYS_PER_MONTH = 30.4375
CTCAE_VERSION = 5.0
CONF_LEVEL_PERCENT, NORMAL_QUANTILE = 95.0, 1.96
WORDS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
         "sixteen seventeen eighteen nineteen twenty").split()
SIX_ANALYTES = ("albumin", "bilirubin", "inr", "alt", "ast", "alp")
LEDGER_NAMES = {"DEB-TACE": "deb_tace", "Y90": "y90", "ablation": "ablation"}
TOUCHES = 1e-9
"""S = 0.5 exactly occurs; floating error must not decide on which side it falls."""


class VerificationError(ValueError):
    """The folder cannot be verified; the message names the file and the remedy."""


def verify(folder: str | Path, ledger_path: str | Path = LEDGER) -> pd.DataFrame:
    """Recompute the ledger from the written rows, and check that the rows agree with each other.

    Parameters
    ----------
    folder : path
        Holds ``patients.csv`` and the other four tables.
    ledger_path : path
        A ledger of printed figures.

    Returns
    -------
    DataFrame
        ``quantity, place, printed, expected, recomputed, ok``; one row per ledger row but for those not
        derivable, then one per rule of coherence (``place`` is "among the rows").

    Raises
    ------
    VerificationError
        If a table is missing.
    """
    tables = read_tables(Path(folder))
    with Path(ledger_path).open(encoding="utf-8", newline="") as stream:
        ledger = [row for row in csv.DictReader(stream) if row["expected"] != "not derivable"]
    printed = {row["quantity"]: number(row["printed"]) for row in ledger}
    findings = findings_of(tables, printed["treatment_gap.cut"])
    values = quantities(findings, printed)
    rules = protocol_rules(findings, printed)
    judged = [_judge(row, values, rules) for row in ledger]
    judged += [{"quantity": name, "place": "among the rows", "printed": "", "expected": "true",
                "recomputed": str(holds).lower(), "ok": holds}
               for name, holds in coherence(findings).items()]
    return pd.DataFrame(judged)


def number(printed: str) -> float:
    """A printed figure as a number: digits, digits with a blank between thousands, or a word."""
    text = printed.strip().lower()
    return float(WORDS.index(text)) if text in WORDS else float(text.replace(" ", ""))


def prints_as(value: float, printed: str) -> bool:
    """Whether a value rounds to the printed figure; an exact half may go either way."""
    decimals = len(printed.partition(".")[2]) if printed[:1].isdigit() else 0
    return abs(value - number(printed)) <= 0.5 * 10.0**-decimals + 1e-9


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The five tables as written; a missing one is refused.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    VerificationError
        Naming the file.
    """
    for name in TABLES:
        if not (folder / f"{name}.csv").is_file():
            raise VerificationError(f"{folder} holds no {name}.csv; verification needs "
                                    f"{', '.join(f'{table}.csv' for table in TABLES)}.")
    return {name: pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])
            for name in TABLES}


def _judge(row: dict[str, str], values: dict[str, float], rules: dict[str, bool]) -> dict:
    """Verdict on one ledger row; a figure expected to differ is ok when it does."""
    shown = {key: row[key] for key in ("quantity", "place", "printed", "expected")}
    if row["expected"] == "method":
        holds = rules.get(row["quantity"])
        return shown | {"recomputed": "not checked" if holds is None else str(holds).lower(), "ok": bool(holds)}
    value = values.get(row["quantity"])
    if value is None or math.isnan(value):
        return shown | {"recomputed": "not computed", "ok": False}
    return shown | {"recomputed": f"{value:.4f}".rstrip("0").rstrip("."),
                    "ok": prints_as(value, row["printed"]) == (row["expected"] == "reproduced")}


# What follows from the rows of each patient: MELD, grades, categories.


def findings_of(tables: dict[str, pd.DataFrame], gap_cut_months: float) -> dict[str, pd.DataFrame]:
    """The tables, with each patient's MELD, worst laboratory grade, categories and groups joined on.

    Parameters
    ----------
    tables : dict of str to DataFrame
    gap_cut_months : float
        Liver metastasis to treatment, at most this for early treatment.
    """
    patients = tables["patients"].set_index("patient")
    rows = {}
    for patient in patients.index:
        labs = tables["labs"][tables["labs"].patient == patient]
        lesions = tables["lesions"][tables["lesions"].patient == patient]
        rows[patient] = _laboratory(labs, bool(patients.anticoagulated[patient])) | _response(lesions)
    patients = patients.join(pd.DataFrame.from_dict(rows, orient="index"))
    patients["meld_increased"] = patients.meld_month_3 > patients.meld_baseline
    patients["mrecist_responder"] = patients.mrecist.isin(["CR", "PR"])
    patients["early_treatment"] = (patients.os_liver_metastasis_months
                                   - patients.os_treatment_months) <= gap_cut_months
    return tables | {"patients": patients.reset_index(names="patient")}


def _laboratory(labs: pd.DataFrame, anticoagulated: bool) -> dict:
    """MELD at both visits and the worst grade of six analytes at the later one."""
    before = labs[labs.visit == "baseline"].set_index("analyte")
    after = labs[labs.visit == "month_3"].set_index("analyte")
    grades = {name: ctcae_grade(name, after.value[name], before.value[name], after.lower_normal[name],
                                after.upper_normal[name], anticoagulated) for name in SIX_ANALYTES}
    worst = max(grades.values())
    return {"meld_baseline": meld(*(before.value[name] for name in ("creatinine", "bilirubin", "inr"))),
            "meld_month_3": meld(*(after.value[name] for name in ("creatinine", "bilirubin", "inr"))),
            "worst_grade": worst,
            "worst_analytes": "+".join(name for name, grade in grades.items() if grade == worst)}


def meld(creatinine: float, bilirubin: float, inr: float) -> int:
    """UNOS MELD before 2016, mg/dL: inputs of at least 1, creatinine of at most 4, rounded, 6 to 40."""
    score = (9.57 * math.log(min(max(creatinine, 1), 4)) + 3.78 * math.log(max(bilirubin, 1))
             + 11.2 * math.log(max(inr, 1)) + 6.43)
    return min(max(math.floor(score + 0.5), 6), 40)


def ctcae_grade(analyte: str, value: float, baseline: float, lower_normal: float, upper_normal: float,
                anticoagulated: bool) -> int:
    """Grade by CTCAE v5.0: as the standard words it, one sentence a grade."""
    if analyte == "albumin":
        return 3 if value < 2 else 2 if value < 3 else 1 if value < lower_normal else 0
    if analyte == "inr":
        if anticoagulated:
            return sum(value > limit * baseline for limit in (1, 1.5, 2.5))
        return sum(value > limit for limit in (1.2, 1.5, 2.5))
    abnormal = baseline > upper_normal
    times = value / (baseline if abnormal else upper_normal)
    if analyte in ("alt", "ast"):
        first = times >= 1.5 if abnormal else times > 1
        return 4 if times > 20 else 3 if times > 5 else 2 if times > 3 else int(first)
    if analyte == "alp":
        first = times >= 2.0 if abnormal else times > 1
        return 4 if times > 20 else 3 if times > 5 else 2 if times > 2.5 else int(first)
    return 4 if times > 10 else 3 if times > 3 else 2 if times > 1.5 else int(times > 1)


def _response(lesions: pd.DataFrame) -> dict:
    """RECIST 1.1 of all lesions, mRECIST of the liver, and whether disease outside the liver grew."""
    before, after = lesions[lesions.visit == "baseline"], lesions[lesions.visit == "month_3"]
    liver = ~after.extrahepatic
    outside = _target_sums(before[before.extrahepatic], after[after.extrahepatic], "longest_diameter_mm")
    grew = outside[1] - outside[0] >= 5 and outside[1] >= 1.2 * outside[0]
    return {"recist": _category(before, after, "longest_diameter_mm", least_growth_mm=5),
            "mrecist": _category(before[~before.extrahepatic], after[liver], "viable_diameter_mm", 0),
            "extrahepatic_progression": bool(after[~liver].new.any() or grew),
            "new_lesion": bool(after.new.any()), "new_liver_lesion": bool(after[liver].new.any())}


def _target_sums(before: pd.DataFrame, after: pd.DataFrame, diameter: str) -> tuple[float, float]:
    return before[before.target][diameter].sum(), after[after.target][diameter].sum()


def _category(before: pd.DataFrame, after: pd.DataFrame, diameter: str, least_growth_mm: float) -> str:
    """Response category at the second of two visits, baseline being the smallest sum so far."""
    first, second = _target_sums(before, after, diameter)
    grown = second >= 1.2 * first and second - first >= least_growth_mm and second > first
    if after.new.any() or grown:
        return "PD"
    if after[diameter].sum() == 0:
        return "CR"
    return "PR" if second <= 0.7 * first else "SD"


# Survival as SPSS prints it.


def spss_median(months, died) -> tuple[float, float, float]:
    """Kaplan-Meier median with the interval of SPSS: median +- 1.96 SE, a negative limit shown as 0.

    SE = SE_Greenwood[S(median)] / f, f the slope of S between the last time with S >= 0.55 and the first
    with S <= 0.45 (IBM SPSS Statistics Algorithms, KM).

    Parameters
    ----------
    months : sequence of float, shape (n_patients,)
    died : sequence of bool, shape (n_patients,)

    Returns
    -------
    tuple of float
        Median, lower, upper; NaN where the curve does not come down far enough.
    """
    survival, greenwood, curve = 1.0, 0.0, [(0.0, 1.0, 0.0)]
    for time in sorted({float(month) for month, dead in zip(months, died, strict=True) if dead}):
        at_risk = sum(month >= time for month in months)
        deaths = sum(bool(dead) and month == time for month, dead in zip(months, died, strict=True))
        survival *= 1 - deaths / at_risk
        greenwood += deaths / (at_risk * (at_risk - deaths)) if at_risk > deaths else math.inf
        # where S is 0 its standard error is 0 as well
        curve.append((time, survival, survival * math.sqrt(greenwood) if survival > 0 else 0.0))
    reached = [(time, error) for time, share, error in curve if share <= 0.5 + TOUCHES]
    below = [(time, share) for time, share, _ in curve if share <= 0.45 + TOUCHES]
    if not reached:
        return math.nan, math.nan, math.nan
    median, error = reached[0]
    if not below:
        return median, math.nan, math.nan
    above = [(time, share) for time, share, _ in curve if share >= 0.55 - TOUCHES][-1]
    slope = (above[1] - below[0][1]) / (below[0][0] - above[0])
    half = NORMAL_QUANTILE * error / slope
    return median, max(median - half, 0.0), median + half


def restricted_mean(months, died) -> float:
    """Area under the Kaplan-Meier curve up to the longest time, the mean SPSS prints."""
    area, survival, since = 0.0, 1.0, 0.0
    for time in sorted({float(month) for month in months}):
        area += survival * (time - since)
        since = time
        at_risk = sum(month >= time for month in months)
        deaths = sum(bool(dead) and month == time for month, dead in zip(months, died, strict=True))
        survival *= 1 - deaths / at_risk
    return area


def survival_quantities(patients: pd.DataFrame) -> dict[str, float]:
    """Every survival figure of the ledger, from one row per patient.

    Parameters
    ----------
    patients : DataFrame, shape (n_patients, n_columns)
        The clocks, ``died``, liver PFS, and the booleans ``extrahepatic_disease, meld_increased,
        early_treatment, mrecist_responder``.

    Returns
    -------
    dict of str to float
        Quantity -> value, months and P values unrounded.
    """
    values: dict[str, float] = {}

    def curve(name: str, rows: pd.DataFrame, time: str, event: str) -> None:
        values.update(zip((f"{name}.median", f"{name}.lower", f"{name}.upper"),
                          spss_median(rows[time].tolist(), rows[event].tolist()), strict=True))

    for clock in ("os_diagnosis", "os_liver_metastasis", "os_treatment"):
        curve(clock, patients, f"{clock}_months", "died")
        values[f"{clock}.mean"] = restricted_mean(patients[f"{clock}_months"].tolist(), patients.died.tolist())
    curve("liver_pfs", patients, "liver_pfs_months", "liver_progressed")
    for group, column, yes, no in (("extrahepatic_disease", "extrahepatic_disease", "yes", "no"),
                                   ("meld_change", "meld_increased", "increased", "not_increased"),
                                   ("treatment_gap", "early_treatment", "early", "late"),
                                   ("mrecist_response", "mrecist_responder", "responders", "non_responders")):
        inside, outside = patients[patients[column]], patients[~patients[column]]
        for name, rows in ((yes, inside), (no, outside)):
            curve(f"os_treatment.{group}.{name}", rows, "os_treatment_months", "died")
            values[f"{group}.{name}.count"] = len(rows)
        values[f"os_treatment.{group}.p"] = logrank_test(
            inside.os_treatment_months, outside.os_treatment_months, inside.died, outside.died).p_value
    values["follow_up.median"] = statistics.median(patients.os_treatment_months)
    values["follow_up.min"], values["follow_up.max"] = min(patients.os_treatment_months), max(patients.os_treatment_months)
    return values


def quantities(findings: dict[str, pd.DataFrame], printed: dict[str, float]) -> dict[str, float]:
    """Every figure of the ledger that can be recomputed, by quantity.

    Parameters
    ----------
    findings : dict of str to DataFrame
        From `findings_of`.
    printed : dict of str to float
        Figures that define a group (cuts, windows), by quantity.
    """
    patients = findings["patients"]
    values = survival_quantities(patients)
    values |= _table_1(patients, printed["age.cut"])
    values |= _toxicity(findings, printed["clinical_toxicity.window"])
    values |= table_3(patients)
    return values


def _share(name: str, chosen, n: int) -> dict[str, float]:
    return {f"{name}.count": int(sum(chosen)), f"{name}.percent": 100 * int(sum(chosen)) / n}


def _table_1(patients: pd.DataFrame, age_cut: float) -> dict[str, float]:
    n = len(patients)
    values = {"cohort.n": n, "age.mean": statistics.mean(patients.age_years), "age.sd": statistics.stdev(patients.age_years)}
    groups = {"age.under_60": patients.age_years < age_cut, "age.over_60": patients.age_years > age_cut,
              "survival_status.dead": patients.died, "survival_status.alive": ~patients.died,
              "extrahepatic_disease.yes": patients.extrahepatic_disease,
              "extrahepatic_disease.no": ~patients.extrahepatic_disease,
              "prior_chemotherapy.yes": patients.prior_chemotherapy,
              "prior_chemotherapy.no": ~patients.prior_chemotherapy,
              "prior_metastasectomy.yes": patients.prior_hepatic_metastasectomy,
              "hepatic_lesions.solitary": patients.n_liver_lesions == 1,
              "hepatic_lesions.multiple": patients.n_liver_lesions > 1,
              "combination.any": patients.second_treatment.notna()}
    for family in ("sex", "lobar_disease", "ecog", "primary_site", "first_treatment"):
        for word in patients[family].unique():
            name = LEDGER_NAMES.get(word, str(word).lower().replace("/", "_"))
            groups[f"{family}.{name}"] = patients[family] == word
    for first, second in patients[["first_treatment", "second_treatment"]].dropna().itertuples(index=False):
        groups[f"combination.{LEDGER_NAMES[first]}_then_{LEDGER_NAMES[second]}"] = (
            (patients.first_treatment == first) & (patients.second_treatment == second))
    for name, chosen in groups.items():
        values |= _share(name, chosen, n)
    return values


def _toxicity(findings: dict[str, pd.DataFrame], window_months: float) -> dict[str, float]:
    patients, events = findings["patients"], findings["adverse_events"]
    kinds = findings["treatments"].groupby("patient").treatment.nunique()
    syndromes = events[events.term == "postembolization syndrome"]
    gallbladder = events[events.term == "acute cholecystitis"]
    early = events[events.onset_day <= window_months * DAYS_PER_MONTH]
    low_grade, mild = patients.worst_grade[patients.worst_grade.between(1, 2)], early.grade[early.grade <= 2]
    complaints = early[early.term.isin(["nausea", "right upper quadrant pain", "epigastric pain"])]
    values = {
        "combination.kinds": float(kinds[kinds > 1].mean()),
        "lab_toxicity.grade_1_2.count": int(patients.worst_grade.between(1, 2).sum()),
        "lab_toxicity.grade_1_2.min": low_grade.min(), "lab_toxicity.grade_1_2.max": low_grade.max(),
        "lab_toxicity.grade_3.count": int((patients.worst_grade == 3).sum()),
        "lab_toxicity.grade_3.grade": patients.worst_grade.max(),
        "clinical_toxicity.grade_1_2.count": early[early.grade <= 2].patient.nunique(),
        "clinical_toxicity.grade_1_2.min": mild.min(), "clinical_toxicity.grade_1_2.max": mild.max(),
        "clinical_toxicity.grade_3.count": early[early.grade >= 3].patient.nunique(),
        "clinical_toxicity.grade_3.grade": early.grade.max(),
        "clinical_toxicity.nausea_or_pain.grade": float(complaints.grade.mode().max()),
        "cholecystitis.grade_2.count": int((gallbladder.grade == 2).sum()),
        "cholecystitis.grade": float(gallbladder.grade.mean()),
        "postembolization_syndrome.grade_3.count": syndromes[syndromes.grade == 3].patient.nunique(),
        "postembolization_syndrome.grade": float(syndromes.grade.mean()),
        "postembolization_syndrome.hospital_days": float(syndromes.hospital_days.mean()),
        "meld.paired_t.p": float(stats.ttest_rel(patients.meld_month_3, patients.meld_baseline).pvalue)}
    for visit in ("baseline", "month_3"):
        scores = patients[f"meld_{visit}"].tolist()
        values |= {f"meld.{visit}.mean": statistics.mean(scores), f"meld.{visit}.sd": statistics.stdev(scores)}
    return values


def table_3(patients: pd.DataFrame) -> dict[str, float]:
    """Response by treatment: counts and percentages, by quantity.

    Parameters
    ----------
    patients : DataFrame
        ``first_treatment``, ``recist``, ``mrecist`` and ``extrahepatic_progression``, one row a patient.
    """
    values: dict[str, float] = {}
    columns = {"total": patients} | {LEDGER_NAMES.get(name, name): rows
                                     for name, rows in patients.groupby("first_treatment")}
    for criteria in ("recist", "mrecist"):
        for name, rows in columns.items():
            found = rows[criteria]
            for category in ("CR", "PR", "SD", "PD"):
                values |= _share(f"{criteria}.{name}.{category.lower()}", found == category, len(rows))
            values |= _share(f"{criteria}.{name}.orr", found.isin(["CR", "PR"]), len(rows))
            values |= _share(f"{criteria}.{name}.dcr", found.isin(["CR", "PR", "SD"]), len(rows))
            values[f"{criteria}.{name}.orr.n"] = values[f"{criteria}.{name}.dcr.n"] = len(rows)
    worse = patients[patients.recist == "PD"]
    values["extrahepatic_progression.count"] = int(worse.extrahepatic_progression.sum())
    return values


# Rules of the protocol, which rows respect rather than reproduce, and rules of coherence.


def protocol_rules(findings: dict[str, pd.DataFrame], printed: dict[str, float]) -> dict[str, bool]:
    """Whether the rows respect each protocol figure.

    Parameters
    ----------
    findings : dict of str to DataFrame
        From `findings_of`.
    printed : dict of str to float
        The protocol figures by quantity.
    """
    patients = findings["patients"]
    longest = patients.os_diagnosis_months.max()
    # SPSS draws five intervals; an axis that ends at 250 means that the last one is not empty
    axis_end = printed["os_diagnosis.axis.upper"]
    rules = {
        "age.cut": bool((patients.age_years != printed["age.cut"]).all()),
        "treatment_gap.cut": bool(0 < patients.early_treatment.sum() < len(patients)),
        "protocol.ctcae_version": printed["protocol.ctcae_version"] == CTCAE_VERSION,
        "protocol.conf_level": printed["protocol.conf_level"] == CONF_LEVEL_PERCENT,
        "os_diagnosis.axis.lower": bool(patients.os_diagnosis_months.min() > printed["os_diagnosis.axis.lower"]),
        "os_diagnosis.axis.upper": bool(0.8 * axis_end < longest <= axis_end),
        "os_diagnosis.axis.survival.lower": printed["os_diagnosis.axis.survival.lower"] == 0,
        "os_diagnosis.axis.survival.upper": printed["os_diagnosis.axis.survival.upper"] == 1}
    return rules | _visit_rules(findings, printed) | _entry_rules(findings, printed) | _session_rules(findings, printed)


def _visit_rules(findings: dict[str, pd.DataFrame], printed: dict[str, float]) -> dict[str, bool]:
    patients, labs, lesions = findings["patients"], findings["labs"], findings["lesions"]

    def on_time(table: pd.DataFrame, months: float) -> bool:
        visit = table[table.visit == "month_3"]
        near = (visit.visit_day / DAYS_PER_MONTH - months).abs() < 1
        return bool(near.all()) and set(visit.patient) == set(patients.patient)

    onset_months = findings["adverse_events"].onset_day / DAYS_PER_MONTH
    return {"visit.month_3.time": on_time(labs, printed["visit.month_3.time"]),
            "protocol.response_time": on_time(lesions, printed["protocol.response_time"]),
            "clinical_toxicity.window": bool((onset_months <= printed["clinical_toxicity.window"]).all())}


def _entry_rules(findings: dict[str, pd.DataFrame], printed: dict[str, float]) -> dict[str, bool]:
    """Eligibility, and which patients were ablated."""
    patients, labs, lesions = (findings[name] for name in ("patients", "labs", "lesions"))
    first = labs[labs.visit == "baseline"].pivot(index="patient", columns="analyte", values="value")
    ablated = patients[patients.first_treatment == "ablation"]
    at_entry = lesions[(lesions.visit == "baseline") & ~lesions.extrahepatic & lesions.patient.isin(ablated.patient)]
    limit_mm = 10 * printed["allocation.ablation.lesion_size.limit"]
    most = {"eligibility.ecog.max": patients.ecog, "eligibility.bilirubin.max": first.bilirubin,
            "eligibility.creatinine.max": first.creatinine, "eligibility.inr.max": first.inr,
            "allocation.ablation.lesions.max": ablated.n_liver_lesions}
    least = {"eligibility.platelets.min": 1000 * first.platelets,
             "allocation.ablation.lesions.min": ablated.n_liver_lesions}
    return ({name: bool((values <= printed[name]).all()) for name, values in most.items()}
            | {name: bool((values >= printed[name]).all()) for name, values in least.items()}
            | {"allocation.ablation.lesion_size.limit": bool((at_entry.longest_diameter_mm < limit_mm).all())})


def _session_rules(findings: dict[str, pd.DataFrame], printed: dict[str, float]) -> dict[str, bool]:
    sessions = findings["treatments"]
    beads, ablations = sessions[sessions.treatment == "DEB-TACE"], sessions[sessions.treatment == "ablation"]
    sizes = {kind: f"{printed[f'protocol.deb_tace.{kind}.lower']:.0f}-{printed[f'protocol.deb_tace.{kind}.upper']:.0f}"
             for kind in ("bead_small", "bead_large")}
    per_ml = printed["protocol.deb_tace.doxorubicin_loaded"] / printed["protocol.deb_tace.doxorubicin_loaded_volume"]
    loaded = bool(((beads.doxorubicin_mg / beads.bead_volume_ml - per_ml).abs() < 1e-6).all()) and len(beads) > 0
    rules = {f"protocol.deb_tace.{kind}.{end}": size in set(beads.bead_size_um) <= set(sizes.values())
             for kind, size in sizes.items() for end in ("lower", "upper")}
    needles, margins = ablations.needle_gauge, ablations.margin_mm
    rules |= {
        "protocol.deb_tace.doxorubicin_loaded": loaded, "protocol.deb_tace.doxorubicin_loaded_volume": loaded,
        "protocol.deb_tace.bead_volume.max": bool(
            (beads.bead_volume_ml <= printed["protocol.deb_tace.bead_volume.max"]).all()),
        "protocol.deb_tace.doxorubicin.max": bool(
            (beads.doxorubicin_mg <= printed["protocol.deb_tace.doxorubicin.max"]).all()),
        "protocol.ablation.needle": bool((needles == printed["protocol.ablation.needle"]).all()),
        "protocol.ablation.margin.min": bool((margins >= printed["protocol.ablation.margin.min"]).all())}
    for treatment, name in (("DEB-TACE", "deb_tace"), ("Y90", "y90")):
        weeks = _weeks_between_lobes(findings, treatment)
        rules[f"protocol.{name}.interval.lower"] = bool(weeks) and min(weeks) >= printed[f"protocol.{name}.interval.lower"]
        rules[f"protocol.{name}.interval.upper"] = bool(weeks) and max(weeks) <= printed[f"protocol.{name}.interval.upper"]
    return rules


def _weeks_between_lobes(findings: dict[str, pd.DataFrame], treatment: str) -> list[float]:
    """Weeks from one lobe to the other, each course of one treatment in bilobar disease."""
    patients, sessions = findings["patients"], findings["treatments"]
    bilobar = set(patients[patients.lobar_disease == "bilobar"].patient)
    weeks = []
    for patient, course in sessions[sessions.treatment == treatment].groupby("patient"):
        if patient in bilobar and course.lobe.nunique() == 2:
            weeks.append(float(course.groupby("lobe").day.min().sort_values().diff().iloc[-1]) / 7)
    return weeks


def coherence(findings: dict[str, pd.DataFrame]) -> dict[str, bool]:
    """Whether columns and tables agree with each other as they do in life.

    Parameters
    ----------
    findings : dict of str to DataFrame
        From `findings_of`.
    """
    patients, events = findings["patients"], findings["adverse_events"]
    years_before = (patients.os_diagnosis_months - patients.os_treatment_months) / 12
    rules = {
        "clocks are nested": _clocks_nest(patients),
        "no row after the end of follow-up": _nothing_late(findings),
        "liver PFS is no longer than survival": (patients.liver_pfs_months <= patients.os_treatment_months + 1e-6).all(),
        "liver PFS starts with mRECIST progression": _pfs_follows_imaging(findings),
        "solitary patients are unilobar": ((patients.n_liver_lesions == 1) == (patients.lobar_disease == "unilobar")).all(),
        "liver lesions are counted right": _lesions_counted(findings),
        "at most five targets, two an organ, each measurable": _targets_are_measurable(findings["lesions"]),
        "extrahepatic disease has lesions": _extrahepatic_agrees(findings),
        "embolised patients were not for ablation": _allocation_kept(findings),
        "both lobes of bilobar disease treated": _both_lobes(findings),
        "second treatment follows the visit": _second_is_later(findings),
        "grade 3 by bilirubin, ALT or ALP": _grade_3_causes(patients),
        "no grade above 3": (patients.worst_grade <= 3).all() and (events.grade <= 3).all(),
        "one grade 3 event, after DEB-TACE": _syndrome_after_beads(findings),
        "the living have a reason for censoring": (patients.censoring_reason.isna() == patients.died).all(),
        "adults at diagnosis": (patients.age_years - years_before >= 18).all(),
    }
    return {name: bool(holds) for name, holds in rules.items()}


def _clocks_nest(patients: pd.DataFrame) -> bool:
    return bool((patients.os_diagnosis_months >= patients.os_liver_metastasis_months).all()
                and (patients.os_liver_metastasis_months >= patients.os_treatment_months).all())


def _nothing_late(findings: dict[str, pd.DataFrame]) -> bool:
    last_day = findings["patients"].set_index("patient").os_treatment_months * DAYS_PER_MONTH
    days = [("treatments", "day"), ("labs", "visit_day"), ("lesions", "visit_day"), ("adverse_events", "onset_day")]
    return all((findings[table][day] <= findings[table].patient.map(last_day) + 0.5).all() for table, day in days)


def _pfs_follows_imaging(findings: dict[str, pd.DataFrame]) -> bool:
    """Progression at the visit is an event on its day; without it the liver is stable beyond the visit."""
    patients, lesions = findings["patients"], findings["lesions"]
    visit = patients.patient.map(lesions[lesions.visit == "month_3"].groupby("patient").visit_day.first())
    day = patients.liver_pfs_months * DAYS_PER_MONTH
    worse = patients.mrecist == "PD"
    return bool((patients.liver_progressed & ((day - visit).abs() <= 0.5))[worse].all()
                and (day > visit - 0.5)[~worse].all()
                and (day > visit)[~worse & patients.liver_progressed].all())


def _lesions_counted(findings: dict[str, pd.DataFrame]) -> bool:
    lesions = findings["lesions"]
    listed = lesions[(lesions.visit == "baseline") & ~lesions.extrahepatic].groupby("patient").size()
    return bool((findings["patients"].set_index("patient").n_liver_lesions == listed).all())


def _targets_are_measurable(lesions: pd.DataFrame) -> bool:
    targets = lesions[(lesions.visit == "baseline") & lesions.target]
    return bool((targets.longest_diameter_mm >= 10).all() and (targets.groupby("patient").size() <= 5).all()
                and (targets.groupby(["patient", "organ"]).size() <= 2).all()
                and set(targets.patient) == set(lesions.patient))


def _extrahepatic_agrees(findings: dict[str, pd.DataFrame]) -> bool:
    lesions, patients = findings["lesions"], findings["patients"]
    outside = set(lesions[(lesions.visit == "baseline") & lesions.extrahepatic].patient)
    return outside == set(patients[patients.extrahepatic_disease].patient)


def _allocation_kept(findings: dict[str, pd.DataFrame]) -> bool:
    """Three lesions or fewer, each under 3 cm, would have been ablated."""
    lesions, patients = findings["lesions"], findings["patients"]
    largest = lesions[(lesions.visit == "baseline") & ~lesions.extrahepatic].groupby("patient").longest_diameter_mm.max()
    ablatable = (patients.n_liver_lesions <= 3) & (patients.patient.map(largest) < 30)
    return bool((ablatable == (patients.first_treatment == "ablation")).all())


def _both_lobes(findings: dict[str, pd.DataFrame]) -> bool:
    """Sessions of the first treatment cover both lobes exactly in bilobar disease."""
    patients, sessions = findings["patients"].set_index("patient"), findings["treatments"]
    first = sessions[sessions.treatment == sessions.patient.map(patients.first_treatment)]
    return bool(((first.groupby("patient").lobe.nunique() == 2) == (patients.lobar_disease == "bilobar")).all())


def _second_is_later(findings: dict[str, pd.DataFrame]) -> bool:
    patients, sessions, lesions = findings["patients"], findings["treatments"], findings["lesions"]
    visit = lesions[lesions.visit == "month_3"].groupby("patient").visit_day.first()
    second = sessions[sessions.treatment != sessions.patient.map(patients.set_index("patient").first_treatment)]
    return bool((second.day > second.patient.map(visit)).all()
                and set(second.patient) == set(patients[patients.second_treatment.notna()].patient))


def _grade_3_causes(patients: pd.DataFrame) -> bool:
    causes = patients[patients.worst_grade == 3].worst_analytes
    return all(set(cause.split("+")) <= {"bilirubin", "alt", "alp"} for cause in causes)


def _syndrome_after_beads(findings: dict[str, pd.DataFrame]) -> bool:
    events, patients = findings["adverse_events"], findings["patients"].set_index("patient")
    severe = events[events.grade >= 3]
    return len(severe) == 1 and (patients.first_treatment[severe.patient] == "DEB-TACE").all()


def main(arguments: list[str] | None = None) -> int:
    """Print what a folder reproduces; 0 if every row is as expected, else 1."""
    parser = argparse.ArgumentParser(prog="python -m lib.reconstruct.verify",
                                     description="Recompute the ledger from a written cohort.")
    parser.add_argument("folder", type=Path, help="folder with the five tables")
    parser.add_argument("--ledger", type=Path, default=LEDGER, help="ledger of printed figures")
    options = parser.parse_args(arguments)
    try:
        judged = verify(options.folder, options.ledger)
    except VerificationError as error:
        print(error, file=sys.stderr)
        return 1
    return report(judged)


def report(judged: pd.DataFrame) -> int:
    """Print the rows that are not as expected and one line of counts; the exit code."""
    failed = judged[~judged.ok]
    for row in failed.itertuples():
        print(f"{row.quantity} ({row.place}): printed {row.printed or '-'}, expected {row.expected}, "
              f"recomputed {row.recomputed}")
    published = judged[judged.place != "among the rows"]
    rules = judged[judged.place == "among the rows"]
    print(f"{int(published.ok.sum())} of {len(published)} published figures as expected, "
          f"{int(rules.ok.sum())} of {len(rules)} rules of coherence hold.")
    return int(len(failed) > 0)


if __name__ == "__main__":
    sys.exit(main())
