"""Sentences of the cohort chapter: each follows from the rows, and says so where they cannot tell."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from lib.baseline import (
    Variable,
    difference_by_chance,
    groups_present,
    lanes,
    largest_difference,
    treatment_gap_months,
    treatment_sequences,
)
from lib.cohort import Cohort
from lib.cohort_tables import few
from lib.contract import CONTRACT, TREATMENTS
from lib.figures.many import MOST_MARKS, is_crowded
from lib.narrative import interval, join, months, number, percent, plain
from lib.protocol import Protocol

TABLE_1_COLUMNS = ("age_years", "sex", "ecog", "primary_site", "prior_chemotherapy", "prior_hepatic_metastasectomy",
                   "extrahepatic_disease", "lobar_disease", "n_liver_lesions")


def counted(count: int, noun: str = "patient") -> str:
    """A count with its noun: "1 patient", "5,000 patients"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def named(labels: Iterable) -> str:
    """Labels from data as a list in brackets, or nothing: " (P03 and P07)"."""
    labels = [plain(label) for label in labels]
    return f" ({few(labels)})" if labels else ""


def share_in_words(count: int, of: int) -> str:
    """How many of them, in words: all, most, half, some or none."""
    if count in (0, of):
        return "none of them" if count == 0 else "all of them"
    return "half of them" if 2 * count == of else "most of them" if 2 * count > of else "some of them"


def shares(enters: pd.DataFrame) -> str:
    """Who enters each analysis: "survival 24/24 (100.0%) and ..."."""
    return join(f"{name} {percent(int(entered.sum()), len(enters))}" for name, entered in enters.items())


def treated(study: Cohort, enters: pd.DataFrame) -> str:
    """How many were treated, with what first, and how many enter each analysis."""
    first = study.patients["first_treatment"]
    given = join(f"{plain(group)} {percent(int((first == group).sum()), len(first))}" for group in groups_present(first))
    return f"The cohort holds **{counted(len(first))}**; the first treatment was {given}. Analysed were: {shares(enters)}."


def second_kind(patients: pd.DataFrame) -> str:
    """Who received a second kind of treatment, in which order."""
    if "second_treatment" not in patients:
        return "The cohort has no column for a second treatment: combinations are not described."
    sequences = treatment_sequences(patients)
    listed = [f"{plain(first)} and then {plain(second)} ({count})" for (first, second), count in sequences.items()]
    return (f"A second kind of treatment was given to {percent(int(sequences.sum()), len(patients))}"
            f"{': ' + join(listed) if listed else ''}.")


def absent(study: Cohort) -> str:
    """Characteristics of the paper's Table 1 that the cohort lacks."""
    meanings = {column.name: column.meaning for column in CONTRACT["patients"]}
    lacking = [meanings[column] for column in TABLE_1_COLUMNS if study.lacking(f"patients.{column}")]
    if not lacking:
        return "Every characteristic that Table 1 can hold is in this cohort."
    return f"Not in this cohort, and so not in the table: {'; '.join(lacking)}."


def age_cut(patients: pd.DataFrame, cut: float) -> str:
    """How many patients the two age groups leave out."""
    if "age_years" not in patients:
        return "Ages are not known: the age groups are not formed."
    exactly = int((patients["age_years"] == cut).sum())
    return (f"The two age groups, below and above {cut:g}, leave out who is exactly {cut:g}: "
            f"{percent(exactly, int(patients['age_years'].notna().sum()))} of these patients.")


def balance(variables: list[Variable], first_treatment: pd.Series) -> str:
    """How many characteristics differ by more than chance gives groups of these sizes."""
    first_treatment = first_treatment.astype("category")
    groups, sizes = groups_present(first_treatment), first_treatment.value_counts()
    compared = [(variable, *largest_difference(variable, first_treatment)) for variable in variables if not variable.outcome]
    compared = [each for each in compared if each[2]]
    if len(groups) < 2 or not compared:
        return "There are no two groups with known characteristics: nothing is to be balanced."
    a, b = groups[:2]
    beyond = [variable.label for variable, value, first, second in compared
              if value > 1.96 * difference_by_chance(sizes[first], sizes[second])]
    n_pairs = len(groups) * (len(groups) - 1) // 2
    return (f"Between {plain(a)} ({sizes[a]}) and {plain(b)} ({sizes[b]}) chance alone gives an SMD of about "
            f"{number(difference_by_chance(sizes[a], sizes[b]), 2)}. Of {counted(len(compared), 'characteristic')} "
            f"{sum(value > 0.1 for _, value, _, _ in compared)} exceed 0.1 for some pair; {len(beyond)} exceed even twice what "
            f"chance gives that pair ({join(beyond)}), where up to {number(0.05 * n_pairs * len(compared), 0)} would by chance alone.")


def courses(study: Cohort) -> str:
    """What the swimmer plot shows, for who cannot see it."""
    drawn, n = lanes(study), study.n_patients
    return (f"Swimmer plot by first treatment: {percent(int(drawn['died'].sum()), n)} died, "
            f"{percent(int(drawn['progression_months'].notna().sum()), n)} had liver progression; the longest was followed for "
            f"{months(drawn['end_months'].max())} months.")


def burden_drawn(n_located: int) -> str:
    """How the figure of lesions shows its patients."""
    if is_crowded(n_located):
        return (f"Above {MOST_MARKS} patients: median, middle half (thick) and middle nine tenths (thin) of each treatment, not one mark "
                "a patient.")
    return "Equal counts are drawn side by side."


def drawn_of(n_drawn: int, n_treated: int) -> str:
    """That a figure shows a choice of the patients, where it does."""
    return f" {n_drawn} of {n_treated:,} are drawn, evenly spaced in their order." if n_drawn < n_treated else ""


def gap(patients: pd.DataFrame, early_treatment_months: float) -> str:
    """Time from liver metastasis to the first treatment."""
    if "os_liver_metastasis_months" not in patients or (known := treatment_gap_months(patients).dropna()).empty:
        return "No time of liver metastasis: the gap to treatment is not described."
    early = int((known <= early_treatment_months + 1e-9).sum())
    return (f"Treatment began {interval(known.min(), known.max())} months after liver metastasis (median "
            f"{months(known.median())}); within {early_treatment_months:g} months for {percent(early, len(known))}.")


def outside_limits(summary: pd.DataFrame, n_treated: int) -> str:
    """Who lies outside a limit of eligibility, and what could not be checked."""
    departing = list(dict.fromkeys(patient for row in summary["departing"] for patient in row))
    unknown = summary.loc[summary["n_known"] == 0, "criterion"]
    parts = []
    if len(unknown) < len(summary):
        parts.append(f"{percent(len(departing), n_treated)} of the patients lie outside a limit at baseline{named(departing)}.")
    if len(unknown):
        parts.append(f"Not checked, because not in this cohort: {join(unknown)}.")
    return " ".join(parts)


def by_rule(allocated: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The allocated patients by what they were given and whether they depart.

    Returns
    -------
    dict of str to DataFrame
        "ablated", "embolised", and of these "outside" the limits of the rule and "inside" them.
    """
    ablated, embolised = (allocated[allocated["given"] == kind] for kind in ("ablation", "embolisation"))
    return {"ablated": ablated, "embolised": embolised, "outside": ablated[ablated["departs"].fillna(False)],
            "inside": embolised[embolised["departs"].fillna(False)]}


def departures(allocated: pd.DataFrame) -> str:
    """Who was not given the treatment that the rule names."""
    if allocated["rule"].isna().all():
        return "Number or size of the liver lesions is not known: the allocation rule is not applied."
    of = by_rule(allocated)
    other = int(allocated["given"].isna().sum())
    return (f"Ablated although the rule names embolisation: {percent(len(of['outside']), len(of['ablated']))} of the ablated"
            f"{named(of['outside']['patient'])}. Embolised although lesions were few and small: "
            f"{percent(len(of['inside']), len(of['embolised']))} of the embolised{named(of['inside']['patient'])}."
            + (f" The rule does not know the treatment of {percent(other, len(allocated))}." if other else ""))


def beyond_protocol(study: Cohort, lobes: pd.DataFrame) -> str:
    """What the protocol does not describe, and whether both diseased lobes were treated."""
    if study.treatments is None:
        return "No treatments table: the technique is not checked."
    unnamed = sorted(set(study.treatments["treatment"]) - set(TREATMENTS))
    text = f"Not described by the protocol: {join(map(plain, unnamed))}. " if unnamed else ""
    text += _approach(study.treatments)
    if lobes.empty:
        return f"{text}Lobes are not known, or nobody with disease in both was embolised."
    both = int((lobes["n_lobes"] > 1).sum())
    return f"{text}Of the embolised patients with disease in both lobes {percent(both, len(lobes))} had both treated."


def _approach(treatments: pd.DataFrame) -> str:
    known = treatments["approach"].dropna() if "approach" in treatments else pd.Series(dtype=object)
    if known.empty:
        return ""
    counts = join(f"{plain(approach)} in {percent(int(count), len(known))}" for approach, count in known.value_counts().items())
    return f"The approach was {counts} of the sessions where it is recorded. "


def visits(study: Cohort, times: pd.DataFrame, visit: str | None, protocol: Protocol) -> str:
    """When the follow-up visit took place, and whose follow-up ended before its time."""
    if times.empty:
        return "No day of a follow-up visit is recorded: its time is not checked."
    day, followed = times["day"], study.patients["os_treatment_months"]
    short = int((followed < protocol.visit_months).sum())
    return (f"Visits of {plain(visit.replace('_', ' '))} took place on day {day.min():.0f} to {day.max():.0f} (median {day.median():.0f}); "
            f"{percent(int(times['in_window'].sum()), len(times))} lie within the window. Follow-up of "
            f"{percent(short, len(followed))} of the patients ended before month {protocol.visit_months:g}.")


def zone(allocated: pd.DataFrame) -> str:
    """Who lies in the zone of the rule, for who cannot see the figure."""
    of = by_rule(allocated)
    return (f"{counted(len(of['ablated']) - len(of['outside']), 'ablated patient')} and "
            f"{counted(len(of['inside']), 'embolised patient')} lie in the zone of few and small lesions.")


def comparability(variables: list[Variable], allocated: pd.DataFrame) -> str:
    """How far the treatments lie apart in burden, and whether anybody is comparable."""
    if allocated[["n_liver_lesions", "largest_mm"]].isna().any(axis=1).all():
        return "Number or size of the liver lesions is not known: burden is not compared."
    measures = {"n_liver_lesions": "number of lesions", "largest_lesion": "largest lesion"}
    found = [(measures[variable.name], *largest_difference(variable, allocated["first_treatment"]))
             for variable in variables if variable.name in measures]
    apart = join(f"{label}, SMD {number(value, 1)} between {plain(a)} and {plain(b)}" for label, value, a, b in found if a)
    of = by_rule(allocated)
    text = f"Disease burden by treatment: {apart}. {zone(allocated)}"
    if of["ablated"].empty or of["embolised"].empty:
        return text
    return f"{text} " + ("No embolised patient is comparable with an ablated one." if of["inside"].empty
                         else "Only these embolised patients are comparable with ablated ones.")


def preference(study: Cohort) -> str:
    """What stands beside the preference that decided between the two embolisations."""
    first = study.patients["first_treatment"]
    if not {"DEB-TACE", "Y90"} <= set(first) or study.lacking("patients.extrahepatic_disease"):
        return "DEB-TACE and Y90, between which preference decided, or disease outside the liver, are not in this cohort: preference is not discussed."
    known = study.patients.groupby("first_treatment")["extrahepatic_disease"].agg(["sum", "count"])
    pair = join(f"{percent(int(known.loc[group, 'sum']), int(known.loc[group, 'count']))} after {group}" for group in ("DEB-TACE", "Y90"))
    return (f"Disease outside the liver was present in {pair}. Preference itself was recorded for none of the "
            f"{counted(int((first == 'Y90').sum()))} who had Y90 first: nothing can be adjusted for it.")


def known_items(matrix: pd.DataFrame) -> str:
    """How many items of data are known for everybody, and which is the least complete.

    Parameters
    ----------
    matrix : DataFrame of bool
        From ``lib.baseline.completeness``.
    """
    n_items, n_full = matrix.shape[1], int(matrix.all().sum())
    text = f"{n_full} of {n_items} items are known for every patient"
    if n_full == n_items:
        return f"{text}."
    weakest = matrix.mean().idxmin()
    return f"{text}; the least complete is {weakest}, {percent(int(matrix[weakest].sum()), len(matrix))}."


def missing_tables(study: Cohort) -> str:
    """Tables that were not given."""
    lacking = study.lacking("treatments", "labs", "lesions", "adverse_events")
    return f"Tables not in this cohort: {join(plain(table) for table in lacking)}." if lacking else "All five tables were given."


def watched(patients: pd.DataFrame, follow_up: dict) -> str:
    """Both medians of follow-up, and what made the naive one short."""
    naive, reverse = follow_up["naive_median"], follow_up["reverse"].value
    text = (f"Naive median follow-up was {months(naive)} months (range {interval(follow_up['naive_min'], follow_up['naive_max'])}); "
            f"by reverse Kaplan-Meier it was {months(reverse)}.")
    short = patients["os_treatment_months"] < naive
    n_short, n_died = int(short.sum()), int((short & patients["died"]).sum())
    if not n_short:
        return text
    return (f"{text} Of the {counted(n_short)} observed for less than the naive median, {n_died} had died: death, not loss of "
            f"contact, shortened the times of {share_in_words(n_died, n_short)}.")


UNPRINTED_BY_TREATMENT = " The paper's Table 1 is of all patients: how its lines divide by treatment is ours."


def ablation_rule(protocol) -> str:
    """The limits of the allocation rule in use."""
    return (f"The rule names ablation for at most **{protocol.ablation_max_lesions}** liver lesions, each smaller than "
            f"**{protocol.ablation_size_limit_mm:g} mm**.")
