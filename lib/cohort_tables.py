"""Tables of the cohort chapter as text: each cell with its denominator, each check with its limit."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

import numpy as np
import pandas as pd

from lib.baseline import (
    Variable,
    describe,
    group_p_value,
    groups_present,
    largest_difference,
    treatment_sequences,
)
from lib.cohort import Cohort
from lib.narrative import interval, join, months, number, p_value, percent
from lib.protocol import Protocol, eligible
from lib.quantity_names import in_print
from lib.survival.estimate import follow_up

STUB, GROUP = "Level", "Characteristic"
NAMED_AT_MOST = 10
"""Patients named one by one in a sentence or a cell; more than these are counted."""


def table_one(variables: Sequence[Variable], groups: pd.Series,
              show_p_values: bool = False) -> pd.DataFrame:
    """Table 1 overall and by group, ready for ``Chapter.table(stub="Level", group="Characteristic")``.

    Parameters
    ----------
    variables : sequence of Variable
        In the order shown.
    groups : Series, shape (n_patients,)
        First treatment of each patient.
    show_p_values : bool
        Adds a column of unadjusted P values.

    Returns
    -------
    DataFrame of str
        Columns "Characteristic", "Level", "All (N = 24)", one per group with its letter and size,
        "Missing", and where there are two groups or more "Largest SMD" with the letters of its pair.
        Outcomes have neither SMD nor P.
    """
    groups = groups.astype("category")  # told apart many times, which of text would take long in a registry
    order = groups_present(groups)
    letters = dict(zip(order, _letters(len(order)), strict=True))
    rows = [row for variable in variables
            for row in _rows(variable, groups, order, letters, show_p_values)]
    sizes = groups.value_counts()
    heads = {"all": f"All (N = {len(groups)})"}
    heads |= {group: f"{letters[group]}: {group} (n = {sizes[group]})" for group in order}
    if len(order) == 1:
        heads.pop(order[0])
    shown = pd.DataFrame(rows).rename(columns=heads)
    wanted = [GROUP, STUB, *heads.values(), "Missing", "Largest SMD", "P"]
    return shown[[column for column in wanted if column in shown]]


def _letters(count: int) -> list[str]:
    return [ascii_uppercase[i % 26] + (str(i // 26) if i >= 26 else "") for i in range(count)]


def _rows(variable, groups, order, letters, show_p_values) -> list[dict[str, str]]:
    """The rows of one variable; what holds for all its levels stands in the first."""
    described = describe(variable, groups, order)
    unit = variable.unit.replace("^3", "³").replace("/u", "/µ")
    heading = variable.label + (f", {unit}" if unit else "")
    cells = described.to_dict("records")
    if variable.levels:
        rows = [{STUB: level} | {cell["group"]: _share(cell["count"], cell["n_known"])
                                 for cell in cells if cell["level"] == level}
                for level in variable.levels]
    else:
        rows = [{STUB: "mean ± SD (n/N)"} | {cell["group"]: _mean(cell, variable.decimals) for cell in cells},
                {STUB: "median (quartiles)"} | {cell["group"]: _median(cell, variable.decimals) for cell in cells}]
    first = {"Missing": str(described["n_missing"].iloc[0])}
    if len(order) > 1:
        first["Largest SMD"] = "" if variable.outcome else _difference(variable, groups, order, letters)
        if show_p_values:
            first["P"] = "" if variable.outcome else _p(group_p_value(variable, groups))
    blanks = dict.fromkeys(first, "")
    return [{GROUP: heading} | row | (blanks if i else first) for i, row in enumerate(rows)]


def _share(count: int, known: int) -> str:
    return percent(count, known)


def _mean(cell: dict, decimals: int) -> str:
    if not cell["n_known"]:
        return f"{number(None)} (0/{cell['n_group']})"
    spread = f" ± {number(cell['sd'], decimals)}" if np.isfinite(cell["sd"]) else ""
    return f"{number(cell['mean'], decimals)}{spread} ({cell['n_known']}/{cell['n_group']})"


def _median(cell: dict, decimals: int) -> str:
    if not cell["n_known"]:
        return number(None)
    return f"{number(cell['median'], decimals)} ({number(cell['q1'], decimals)} to {number(cell['q3'], decimals)})"


def _difference(variable, groups, order, letters) -> str:
    value, a, b = largest_difference(variable, groups, order)
    if np.isnan(value):
        return "not computed"
    size = "no overlap" if np.isinf(value) else number(value, 2)
    return f"{size} ({letters[a]}, {letters[b]})"


def _p(p: float) -> str:
    return p_value(p).removeprefix("P ").removeprefix("= ")


def flow_boxes(study: Cohort, checks: pd.DataFrame, enters: pd.DataFrame) -> dict:
    """Texts of the flow diagram.

    Parameters
    ----------
    study : Cohort
    checks : DataFrame
        From ``lib.protocol.eligibility``.
    enters : DataFrame of bool
        From ``lib.baseline.analysed``.

    Returns
    -------
    dict
        ``top``, ``groups`` and ``analysed``, as ``lib.figures.cohort.draw_flow`` takes them.
    """
    patients, n = study.patients.set_index("patient"), study.n_patients
    verdicts = eligible(checks)
    met, departed = (int(verdicts.eq(state).sum()) for state in (True, False))
    top = [f"Treated: {n:,} patient{'' if n == 1 else 's'}", f"met every baseline criterion: {met}/{n}"]
    top += [f"departed from one or more: {departed}/{n}"] if departed else []
    top += [f"not all criteria known: {n - met - departed}/{n}"] if met + departed < n else []
    groups = {}
    for group in groups_present(patients["first_treatment"]):
        own = patients["first_treatment"] == group
        died = int(patients["died"][own].sum())
        groups[str(group)] = [percent(int(own.sum()), n), *_second_kinds(study.patients, group),
                              f"died {died}, censored {int(own.sum()) - died}"]
    analysed = ["Analysed", *[f"{name}: {int(entered.sum())}/{n}" for name, entered in enters.items()]]
    return {"top": ["Screened: not in the rows", "\n".join(top)], "groups": groups, "analysed": analysed}


def _second_kinds(patients: pd.DataFrame, group: str) -> list[str]:
    if "second_treatment" not in patients:
        return []
    sequences = treatment_sequences(patients)
    if group not in sequences.index.get_level_values(0):
        return ["no second kind"]
    return [f"then {second}: {count}" for second, count in sequences[group].items()]


def checks_table(summary: pd.DataFrame, protocol: Protocol, of: str) -> pd.DataFrame:
    """Each criterion with its limit, how many met it, what was observed, and who departs.

    Parameters
    ----------
    summary : DataFrame
        From ``lib.protocol.summarise_checks``.
    protocol : Protocol
    of : str
        What is counted: "patients" or "sessions".

    Returns
    -------
    DataFrame of str
    """
    rows = [{"Criterion": row["criterion"], "Limit": limit_text(row["quantity"], protocol),
             f"Met, {of}": percent(row["n_met"], row["n_known"]),
             "Observed": observed(row), "Not known": f"{row['n'] - row['n_known']}",
             "Departing": few(row["departing"])}
            for row in summary.to_dict("records")]
    return pd.DataFrame(rows)


def few(patients: Sequence[str]) -> str:
    """Patients by name, ``NAMED_AT_MOST`` of them, and how many more."""
    more = [f"{len(patients) - NAMED_AT_MOST:,} more"] if len(patients) > NAMED_AT_MOST else []
    listed = [*patients[:NAMED_AT_MOST], *more]
    return "; ".join(listed) if any("," in patient for patient in patients) else join(listed)


def observed(row: dict) -> str:
    """The range of a criterion's values with its unit, "0.5 to 1.7 mg/dL", or how often each word."""
    unit = {"ratio": "", "score": ""}.get(row["unit"], f" {in_print(row['unit'])}")
    if row["words"]:
        return ", ".join(f"{word}{unit} ({count})" for word, count in row["words"].items())
    if not row["n_known"]:
        return "not known"
    low, high = _compact(row["lowest"]), _compact(row["highest"])
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"


def _compact(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else number(value, 2).rstrip("0")


def limit_text(quantity: str, protocol: Protocol) -> str:
    """The protocol's limit behind a check, in words."""
    weeks = f"{protocol.min_interval_weeks:g} to {protocol.max_interval_weeks:g} weeks"
    return {
        "eligibility.ecog.max": f"at most {protocol.max_ecog}",
        "eligibility.bilirubin.max": f"at most {protocol.max_bilirubin_mg_dl:g} mg/dL",
        "eligibility.creatinine.max": f"at most {protocol.max_creatinine_mg_dl:g} mg/dL",
        "eligibility.inr.max": f"at most {protocol.max_inr:g}, or correctable to it",
        "eligibility.platelets.min": f"at least {protocol.min_platelets_per_ul:,.0f} /µL, or correctable",
        "protocol.deb_tace.beads": f"{protocol.small_beads_um} or {protocol.large_beads_um} µm",
        "protocol.deb_tace.doxorubicin_loaded": f"{protocol.doxorubicin_mg_per_ml:g} mg per mL",
        "protocol.deb_tace.bead_volume.max": f"at most {protocol.max_bead_volume_ml:g} mL",
        "protocol.deb_tace.doxorubicin.max": f"at most {protocol.max_doxorubicin_mg:g} mg",
        "protocol.deb_tace.interval": weeks,
        "protocol.y90.interval": weeks,
        "protocol.ablation.needle": f"{protocol.needle_gauge} gauge",
        "protocol.ablation.margin.min": f"at least {protocol.min_margin_mm:g} mm",
    }[quantity]


def allocation_table(allocated: pd.DataFrame) -> pd.DataFrame:
    """Treatment given against the treatment that the rule names, in patients.

    Parameters
    ----------
    allocated : DataFrame
        From ``lib.protocol.allocation``.

    Returns
    -------
    DataFrame of str
        One row per first treatment; columns "Rule: ablation", "Rule: embolisation",
        "Rule not applicable" and "Lesions", "Largest lesion, mm" (median and range).
    """
    rows = []
    for group in groups_present(allocated["first_treatment"]):
        own = allocated[allocated["first_treatment"] == group]
        rows.append({"First treatment": group,
                     "Rule: ablation": percent(int(own["rule"].eq("ablation").sum()), len(own)),
                     "Rule: embolisation": percent(int(own["rule"].eq("embolisation").sum()), len(own)),
                     "Rule not applicable": percent(int(own["rule"].isna().sum()), len(own)),
                     "Liver lesions": _spread(own["n_liver_lesions"]),
                     "Largest lesion, mm": _spread(own["largest_mm"])})
    return pd.DataFrame(rows)


def allocation_notes(protocol: Protocol) -> list[str]:
    """Footnotes of the allocation table."""
    return [f"Rule: ablation for at most {protocol.ablation_max_lesions} liver lesions, each below "
            f"{protocol.ablation_size_limit_mm:g} mm. Lesions: median (range).", "Not applicable: number or size not known."]


def _spread(values: pd.Series) -> str:
    known = values.dropna().astype(float)
    if known.empty:
        return "not known"
    return f"{_compact(known.median())} ({_compact(known.min())} to {_compact(known.max())})"


def follow_up_table(patients: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Follow-up of all patients and by first treatment, naive and by reverse Kaplan-Meier.

    Parameters
    ----------
    patients : DataFrame
    conf_level : float
        Two-sided coverage of the reverse Kaplan-Meier median's log-log interval.

    Returns
    -------
    DataFrame of str
    """
    groups = groups_present(patients["first_treatment"])
    slices = {"All": patients} | {group: patients[patients["first_treatment"] == group]
                                  for group in groups if len(groups) > 1}
    rows = []
    for group, own in slices.items():
        times = follow_up(own["os_treatment_months"], own["died"], conf_level)
        reverse = times["reverse"]
        limits = (interval(reverse.lower, reverse.upper) if np.isfinite(reverse.lower or np.inf)
                  else "interval not computed")
        rows.append({"First treatment": group, "Died": percent(int(own["died"].sum()), len(own)),
                     "Naive median (range), months": f"{months(times['naive_median'])} "
                     f"({months(times['naive_min'])} to {months(times['naive_max'])})",
                     f"Reverse KM median ({100 * conf_level:g}% CI), months":
                     "not computed: nobody was censored" if own["died"].all()
                     else f"{months(reverse.value)} ({limits})"})
    return pd.DataFrame(rows)


def table_one_notes(groups: pd.Series, show_p_values: bool) -> list[str]:
    """Footnotes of Table 1."""
    notes = ["N in each cell: patients with a known value. Quartiles interpolate between neighbours (type 7)."]
    if groups.nunique() > 1:
        notes.append("Largest SMD: the largest over all pairs of treatments; the letters name the pair.")
    notes.append("Survival status is an outcome and is described only.")
    return [*notes, "P: Kruskal-Wallis or Fisher-Freeman-Halton (chi-squared in large groups), unadjusted."] if show_p_values else notes


REPORTING = (
    ("STROBE", "4, 5", "Design and setting", "opening of this chapter; no dates are in the rows"),
    ("STROBE", "6a", "Eligibility and selection", "Figure 1.1, Table 1.2"),
    ("STROBE", "7, 11", "Variables and their groupings", "parameters cell, Table 1.1"),
    ("STROBE", "8", "Sources of measurement", "codebook of the data folder"),
    ("STROBE", "9", "Bias", "Table 1.3, Figure 1.3"),
    ("STROBE", "10", "Study size", "Figure 1.1"),
    ("STROBE", "12c, 14b", "Missing data", "Table 1.1, Figure 1.4"),
    ("STROBE", "13a, 13c", "Numbers at each stage, flow diagram", "Figure 1.1"),
    ("STROBE", "13b", "Reasons for not taking part", "not in the rows"),
    ("STROBE", "14a", "Characteristics of the patients", "Table 1.1, Figure 1.2"),
    ("STROBE", "14c", "Follow-up time", "Table 1.5, Figure 1.5"),
    ("SIR, transcatheter therapy", "patients", "Number, size and lobes of the tumours, disease outside the liver, earlier treatment",
     "Table 1.1, Figure 1.3"),
    ("SIR, transcatheter therapy", "technique", "Agent, dose, particles, selectivity, sessions and intervals", "Table 1.4, sentence below it"),
    ("SIR, tumour ablation", "technique", "Applicator, margin, number and size of the tumours", "Table 1.3, Table 1.4"),
)


def reporting_table() -> pd.DataFrame:
    """The reporting items that this chapter answers, and where.

    References
    ----------
    von Elm E et al. The STROBE statement. Lancet 2007;370:1453-1457.
    Brown DB et al. Transcatheter therapy for hepatic malignancy. J Vasc Interv Radiol 2007;18:1469-1478 (SIR).
    Ahmed M et al. Image-guided tumor ablation: a 10-year update. Radiology 2014;273:241-260.
    """
    return pd.DataFrame(REPORTING, columns=["Standard", "Item", "What it asks for", "Answered in"])
