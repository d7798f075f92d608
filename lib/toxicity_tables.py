"""Tables of the toxicity chapter as text: counts with their denominators, intervals named."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib import liver_scores as liver
from lib import toxicity
from lib.baseline import groups_present
from lib.cohort_files import lined_up, looked_up
from lib.narrative import interval, join, number, p_value, percent
from lib.proportions import proportion

ANALYTE_NAMES = {"albumin": "Albumin", "bilirubin": "Bilirubin", "inr": "INR", "alt": "ALT", "ast": "AST", "alp": "ALP",
                 "creatinine": "Creatinine", "platelets": "Platelets", "sodium": "Sodium"}
LAB_GRADES = (0, 1, 2, 3, 4)
NAMED_AT_MOST = 12
"""Patients named in a cell; a longer list is cut and counted."""


def share(count: int, n: int, conf_level: float) -> str:
    """``21/24 (87.5%; 67.6 to 97.3)``: count, denominator, percentage and its Clopper-Pearson interval."""
    if not n:
        return "0/0"
    found = proportion(count, n, conf_level)
    return f"{count}/{n} ({number(100 * found.estimate)}%; {interval(100 * found.lower, 100 * found.upper)})"


def share_and_interval(name: str, count: int, n: int, conf_level: float) -> dict[str, str]:
    """Two cells, ``name, n/N (%)`` and ``name, CI (%)``, for tables with room for a column each."""
    found = proportion(count, n, conf_level)
    return {f"{name}, n/N (%)": percent(count, n), f"{name}, CI (%)": interval(100 * found.lower, 100 * found.upper) if n else None}


def spanned(**spanners: list[str]) -> dict[str, dict]:
    """Layout for `lib.tables.render`: columns under a common heading lose the words that the heading says.

    Parameters
    ----------
    **spanners
        Heading, with underscores for spaces -> columns; what follows the heading in a column's name is shown.
    """
    spanners = {heading.replace("_", " "): columns for heading, columns in spanners.items()}
    labels = {column: column.removeprefix(heading).lstrip(", ") for heading, columns in spanners.items() for column in columns}
    return {"spanners": spanners, "labels": labels}


def names(patients) -> str:
    """Patients by label, a long list cut short: "P01, P02 and 7 more"."""
    patients = [str(patient) for patient in patients]
    more = len(patients) - NAMED_AT_MOST
    return join([*patients[:NAMED_AT_MOST], f"{more} more"] if more > 0 else patients)


def headings(patients: pd.DataFrame) -> dict[str, str]:
    """Column headings: "All (N = 24)" and one per first treatment, if there are two or more."""
    sizes = patients["first_treatment"].value_counts()
    groups = groups_present(patients["first_treatment"])
    by_treatment = {group: f"{group} (n = {sizes[group]})" for group in groups}
    return {"all": f"All (N = {len(patients)})"} | (by_treatment if len(groups) > 1 else {})


def _members(patients: pd.DataFrame, column: str) -> np.ndarray:
    """Which patients stand in a column of `headings`."""
    return np.ones(len(patients), bool) if column == "all" else (patients["first_treatment"] == column).to_numpy()


def _of_members(rows: pd.DataFrame, patients: pd.DataFrame, members: np.ndarray) -> pd.DataFrame:
    """The rows of another table that are about these patients."""
    return rows[looked_up(rows["patient"], pd.Series(members, patients["patient"])).eq(True).to_numpy()]


# -- laboratory ----------------------------------------------------------------------------------------

def criteria_table(version, analytes=toxicity.PAPER_ANALYTES) -> pd.DataFrame:
    """The limits of a CTCAE version as the standard prints them, one row per analyte and condition."""
    criteria = toxicity.read_ctcae().query("version == @toxicity.ctcae_edition(@version)")
    rows = []
    for analyte in analytes:
        own = criteria[criteria["analyte"] == analyte]
        for condition, ladder in own.groupby("applies_if", sort=False):
            cells = ladder.groupby("grade", sort=True)["printed"].agg("; ".join)
            rows.append({"Analyte": ANALYTE_NAMES[analyte], "Where": "everyone" if condition == "any" else condition,
                         **{f"Grade {grade}": cells.get(grade, "–") for grade in LAB_GRADES[1:]}})
    return pd.DataFrame(rows)


def grade_table(grades: pd.DataFrame, patients: pd.DataFrame, visit: str, analytes=toxicity.PAPER_ANALYTES,
                conf_level: float = 0.95) -> pd.DataFrame:
    """Patients per grade of each analyte at a visit, with any grade and any new or worsened one."""
    rows = []
    for analyte in analytes:
        wanted = (grades["analyte"] == analyte) & (grades["visit"] == visit)
        own = grades.loc[wanted, ["grade", "new_or_worsened"]].dropna(subset="grade")
        known = own["new_or_worsened"].dropna()
        counts = {f"Grade {grade}": int((own["grade"] == grade).sum()) for grade in LAB_GRADES} if len(own) else {}
        rows.append({"Analyte": ANALYTE_NAMES[analyte], "Graded": f"{len(own)}/{len(patients)}",
                     **{f"Grade {grade}": None for grade in LAB_GRADES}, **{name: str(count) for name, count in counts.items()},
                     **share_and_interval("Any grade", int((own["grade"] > 0).sum()), len(own), conf_level),
                     **share_and_interval("New or worsened", int(known.sum()), len(known), conf_level)})
    return pd.DataFrame(rows)


GRADE_LAYOUT = spanned(Grade=[f"Grade {grade}" for grade in LAB_GRADES], Any_grade=["Any grade, n/N (%)", "Any grade, CI (%)"],
                       New_or_worsened=["New or worsened, n/N (%)", "New or worsened, CI (%)"])


def shift_tables(grades: pd.DataFrame, visit: str, analytes=toxicity.PAPER_ANALYTES) -> pd.DataFrame:
    """The shift table of each analyte one under the other; baseline grades that nobody had are left out."""
    terms = toxicity.read_ctcae().drop_duplicates("term").set_index("term")["analyte"]
    pieces = []
    for analyte in analytes:
        for term in terms.index[terms == analyte].intersection(grades["term"].unique()):
            shift = toxicity.shift_table(grades, term, visit)
            shift = shift[shift.sum(axis=1) > 0].assign(Patients=lambda table: table.sum(axis=1))
            stub = [f"Baseline grade {grade}" if grade != "missing" else "Baseline missing" for grade in shift.index]
            shift = shift.rename(columns={"missing": "Missing"} | {grade: f"Grade {grade}" for grade in LAB_GRADES})
            pieces.append(shift.reset_index(drop=True).assign(Analyte=f"{ANALYTE_NAMES[analyte]}: {term}", Baseline=stub))
    columns = ["Analyte", "Baseline", *[f"Grade {grade}" for grade in LAB_GRADES], "Missing", "Patients"]
    return (pd.concat(pieces) if pieces else pd.DataFrame(columns=columns))[columns].reset_index(drop=True)


def worst_table(grades: pd.DataFrame, patients: pd.DataFrame, visit: str, conf_level: float = 0.95) -> pd.DataFrame:
    """Patients by worst grade over the six analytes: any grade, and new or worsened ones only."""
    rows = []
    for only_new, block in ((False, "Any grade at the visit"), (True, "New or worsened since baseline")):
        worst = toxicity.worst_grades(grades, patients["patient"], visit, only_new=only_new)["worst_grade"]
        lines = {f"Grade {grade}": worst == grade for grade in LAB_GRADES}
        lines |= {"Grade 1 or 2": worst.between(1, 2), "Grade 3 or 4": worst >= 3}
        members = {heading: _members(patients, column) for column, heading in headings(patients).items()}
        for label, holds in lines.items():
            cells = {heading: _of_graded(holds, worst, own, label, conf_level) for heading, own in members.items()}
            rows.append({"Block": block, "Worst grade": label, **cells})
        rows.append({"Block": block, "Worst grade": "Not graded",
                     **{heading: str(int(worst[own].isna().sum())) for heading, own in members.items()}})
    return pd.DataFrame(rows)


def _of_graded(holds: pd.Series, worst: pd.Series, members: np.ndarray, label: str, conf_level: float) -> str:
    # the arrays: their labels need not be picked out as well
    count, n = int(holds.array[members].fillna(False).sum()), int((~worst.array[members].isna()).sum())
    return share(count, n, conf_level) if " or " in label else percent(count, n)


def readings(labs: pd.DataFrame, patients: pd.DataFrame, visit: str) -> pd.DataFrame:
    """The headline count under each CTCAE version, baseline rule and reading of "toxicity".

    Returns
    -------
    DataFrame
        ``version, rule, reading``, and patients: ``grade_0, grade_1_2, grade_3_4, not_graded``.
    """
    rows = []
    for (version, rule, only_new), worst in toxicity.worst_by_reading(labs, patients, visit).items():
        rows.append({"version": version, "rule": rule, "reading": "new or worsened" if only_new else "any grade",
                     "grade_0": int((worst == 0).sum()), "grade_1_2": int(((worst >= 1) & (worst <= 2)).sum()),
                     "grade_3_4": int((worst >= 3).sum()), "not_graded": int(np.isnan(worst).sum())})
    return pd.DataFrame(rows)


SHIFT_LAYOUT = spanned(Grade=[f"Grade {grade}" for grade in LAB_GRADES])
READING_LABELS = {"version": "CTCAE", "rule": "Baseline rule", "reading": "Counted", "grade_0": "Worst grade 0",
                  "grade_1_2": "Worst grade 1–2", "grade_3_4": "Worst grade 3–4", "not_graded": "Not graded"}


# -- clinical ------------------------------------------------------------------------------------------

def events_table(events: pd.DataFrame, patients: pd.DataFrame, conf_level: float = 0.95) -> pd.DataFrame:
    """Patients per term and worst grade, with exact intervals, overall and by first treatment."""
    table = toxicity.events_by_term(events, patients)
    worst = toxicity.worst_event_grades(events, patients["patient"])
    sizes, heads = patients["first_treatment"].value_counts(), headings(patients)
    shown_grades = [grade for grade in (1, 2, 3, 4, 5) if grade <= 3 or (len(table) and table[grade].any())]
    def line(term, by_grade, by_group):
        return {"Term": term, **{f"Grade {grade}": by_grade[grade] for grade in shown_grades},
                **share_and_interval("Any grade", sum(by_grade.values()), len(patients), conf_level),
                **share_and_interval("Grade 3 or above", sum(by_grade[grade] for grade in (3, 4, 5)), len(patients), conf_level),
                **{heading: percent(by_group(group), sizes[group]) for group, heading in heads.items() if group != "all"}}

    rows = [line(term, {grade: int(row[grade]) for grade in (1, 2, 3, 4, 5)}, lambda group, row=row: int(row[group]))
            for term, row in table.iterrows()]
    rows.append(line("Any event", {grade: int((worst == grade).sum()) for grade in (1, 2, 3, 4, 5)},
                     lambda group: int((worst[_members(patients, group)] > 0).sum())))
    return pd.DataFrame(rows)


def events_layout(table: pd.DataFrame) -> dict[str, dict]:
    """Headings of the table of adverse events, whichever grades it shows."""
    pairs = {"Any_grade": "Any grade", "Grade_3_or_above": "Grade 3 or above"}
    return spanned(Grade=[column for column in table if column.startswith("Grade ") and column[6:].isdigit()],
                   **{key: [f"{name}, n/N (%)", f"{name}, CI (%)"] for key, name in pairs.items()})


def sir_table(events: pd.DataFrame) -> pd.DataFrame:
    """Events by SIR severity against CTCAE grade."""
    severity = toxicity.sir_severity(events)
    rows = []
    for level, label in [*toxicity.SIR_SEVERITY.items(), (None, "stay in hospital not recorded")]:
        own = events[severity.isna() if level is None else (severity == level).fillna(False)]
        if level is None and own.empty:
            continue
        by_grade = {f"CTCAE grade {grade}": int((own["grade"] == grade).sum()) for grade in (1, 2, 3, 4, 5)}
        rows.append({"SIR severity": label if level is None else f"{level} {label}", **by_grade, "Events": len(own),
                     "Patients": own["patient"].nunique()})
    return pd.DataFrame(rows)


SIR_LAYOUT = spanned(CTCAE_grade=[f"CTCAE grade {grade}" for grade in (1, 2, 3, 4, 5)])


def deaths_table(patients: pd.DataFrame, days=(30, 90), conf_level: float = 0.95) -> pd.DataFrame:
    """Deaths within some days of first treatment, overall and by first treatment."""
    rows = []
    for limit in days:
        found = {heading: toxicity.early_deaths(patients[_members(patients, column)], limit)
                 for column, heading in headings(patients).items()}
        shares = {heading: share(each.deaths, each.n_followed, conf_level) for heading, each in found.items()}
        rows.append({"Within": f"{limit} days: deaths, n/N (%; CI)", **shares})
        rows.append({"Within": f"{limit} days: censored before", **{heading: str(each.n_lost) for heading, each in found.items()}})
    return pd.DataFrame(rows)


def stay_table(events: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Days in hospital for adverse events, overall and by first treatment."""
    days = events.get("hospital_days", pd.Series(np.nan, index=events.index)).astype(float)
    stays = events.assign(hospital_days=days)
    columns = {}
    for column, heading in headings(patients).items():
        members = _members(patients, column)
        own = _of_members(stays, patients, members)
        known, admitted = own["hospital_days"].dropna(), own.loc[own["hospital_days"] > 0, "patient"].nunique()
        # events whose stays are all unknown are not events without a stay
        told = [None] * 3 if len(own) and known.empty else [percent(admitted, int(members.sum())), number(known.sum(), 0),
                                                            number(max(known, default=0), 0)]
        columns[heading] = [*told, str(int(own["hospital_days"].isna().sum()))]
    labels = ["Patients admitted, n/N (%)", "Days in hospital, total", "Longest stay, days", "Events with the stay not recorded"]
    return pd.DataFrame({"Stay": labels, **columns})


# -- liver scores --------------------------------------------------------------------------------------

def score_table(scores: pd.DataFrame, patients: pd.DataFrame, visit: str, conf_level: float = 0.95) -> pd.DataFrame:
    """Each score before and after with its paired change, overall and by first treatment; a score nobody has is left out."""
    pairs = {column: lined_up(liver.before_and_after(scores, column, after=visit), patients["patient"]) for column in liver.SCORES}
    pairs = {column: pair for column, pair in pairs.items() if len(pair.dropna())}
    rows = []
    for group, heading in headings(patients).items():
        members = _members(patients, group)
        for column, pair in pairs.items():
            label, pair = liver.SCORES[column], pair[members]
            found = liver.paired_change(pair[liver.BASELINE], pair[visit], conf_level)
            change = number(found.change, 2) + (f" ({limits(found.lower, found.upper)})" if found.n > 1 else "")
            rows.append({"Group": heading, "Score": label, "Patients": f"{found.n}/{int(members.sum())}",
                         "Baseline, mean (SD)": f"{number(found.mean_before, 2)} ({number(found.sd_before, 2)})",
                         "After, mean (SD)": f"{number(found.mean_after, 2)} ({number(found.sd_after, 2)})",
                         "Change (CI)": change, "Higher / same / lower": f"{found.n_up} / {found.n_same} / {found.n_down}",
                         "Paired t": p_value(found.t_p), "Wilcoxon": p_value(found.wilcoxon_p)})
    return pd.DataFrame(rows)


def limits(lower: float, upper: float, decimals: int = 2) -> str:
    """``-0.08 to 2.83``; a dash for a limit that cannot be computed."""
    return f"{number(lower, decimals)} to {number(upper, decimals)}"


def crossings_table(scores: pd.DataFrame, visit: str) -> pd.DataFrame:
    """Who left a class between two visits, classes from best to worst; a class nobody has at both is left out."""
    orders = {"meld_band": list(liver.MELD_BANDS), "albi_grade": [1, 2, 3], "child_pugh_class": ["A", "B", "C"]}
    rows = []
    for column, label in liver.CLASSES.items():
        pair = liver.before_and_after(scores, column, after=visit).dropna()
        if pair.empty:
            continue
        moved = liver.class_crossings(pair[liver.BASELINE], pair[visit], pair.index, orders[column])
        steps = {(before, after): rows_of["patient"] for (before, after), rows_of in moved.groupby(["before", "after"])}
        told = "; ".join(f"{_class(before)} to {_class(after)}: {names(who)}" for (before, after), who in steps.items())
        rows.append({"Class": label, "Patients": len(pair), "Same": len(pair) - len(moved), "Worse": int(moved["worse"].sum()),
                     "Better": int((~moved["worse"].astype(bool)).sum()), "Who moved": told or "nobody"})
    return pd.DataFrame(rows)


def _class(name) -> str:
    return f"{name:g}" if isinstance(name, (int, float, np.number)) else str(name)



# -- reporting items -----------------------------------------------------------------------------------

_STROBE, _SIR = "STROBE, cohort studies", "Reporting standards of interventional radiology"
REPORTING_ITEMS = (
    (_STROBE, "7 and 8: outcomes defined, how they were measured", "Table 2.1; laboratory and clinical toxicity"),
    (_STROBE, "12c and 14b: missing data", "Tables 2.2, 2.3 and 2.4 (not graded); Table 2.9 (censored before)"),
    (_STROBE, "15: outcome events", "Tables 2.2, 2.4, 2.6, 2.9"),
    (_STROBE, "16a: estimates with their precision", "Tables 2.2, 2.4, 2.6, 2.9, 2.10"),
    (_STROBE, "17: other analyses", "Table 2.5 (versions and rules); Table 2.10 (other scores, treatments)"),
    (_STROBE, "19: limitations", "What this does and does not show"),
    (_SIR, "Adverse events by a stated scale, with grade", "Tables 2.6 and 2.7, Figure 2.3"),
    (_SIR, "Laboratory toxicity by CTCAE, baseline and follow-up", "Tables 2.2 to 2.4, Figure 2.1"),
    (_SIR, "Liver function before and after", "Tables 2.10 and 2.11, Figure 2.4"),
    (_SIR, "Death within 30 days", "Table 2.9"),
    (_SIR, "Length of stay, admissions for adverse events", "Table 2.8"),
)


def reporting_items() -> pd.DataFrame:
    """What STROBE and the societies of interventional radiology ask of safety results, and where it stands."""
    return pd.DataFrame(REPORTING_ITEMS, columns=["Standard", "Item", "Answered in"])
