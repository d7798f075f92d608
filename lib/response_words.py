"""Sentences of the response chapter: what its figures show, computed from the data."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lib.narrative import interval, join, number, p_value, percent, plain
from lib.response import CRITERIA, Agreement, worse_by
from lib.response.study import CohortResponse, progressed_outside

NAMED_AT_MOST = 12
TARGETS_IN_WORDS = {"recorded": "the targets that the reader marked", "largest": "the largest measurable lesions as targets"}
NO_READINGS = "no criterion has evaluable patients in more than one category"


def named(patients) -> str:
    """Patients by name, the later ones of a long list as a count."""
    patients = [plain(patient) for patient in sorted(patients)]
    if len(patients) <= NAMED_AT_MOST:
        return join(patients)
    return f"{', '.join(patients[:NAMED_AT_MOST])} and {len(patients) - NAMED_AT_MOST} more"


def population(judged: CohortResponse) -> str:
    """Who can be judged by which criterion, and what is missing."""
    parts = [f"{percent(judged.n_evaluable(name), judged.n_treated)} evaluable by {name}" for name in judged.response]
    words = [f"At {plain(judged.visit_label)}, of all treated patients, {join(parts)}."] if parts else []
    words += [_scan_days(judged)] if parts else []
    words += [f"**{name} cannot be judged:** {plain(reason)}." for name, reason in judged.lacking.items()]
    return " ".join(words)


def _scan_days(judged: CohortResponse) -> str:
    """When the response scans were taken."""
    days = judged.landmark(next(iter(judged.response))).visit_day.dropna()
    if days.empty:
        return "The days of the response scans are not recorded."
    return f"The response scans were taken on day {days.min():.0f} to {days.max():.0f} (median {number(days.median(), 0)}; {len(days)} dated)."


def lacking(judged: CohortResponse) -> str:
    """One sentence in place of a result that needs both criteria."""
    return f"Not computed: {next(iter(judged.lacking.values()))}."


def listed(judged: CohortResponse, table: pd.DataFrame) -> str:
    """How many patients a table lists."""
    return f"{len(table)} of {judged.n_treated} patients listed" if judged.response else lacking(judged).removesuffix(".")


def differing(judged: CohortResponse, table: pd.DataFrame | None) -> str:
    """How many categories differ, over the patients evaluable by both criteria."""
    if table is None:
        return lacking(judged)
    both = judged.response["RECIST"].ne("NE") & judged.response["mRECIST"].ne("NE")
    comparable = table.patient.isin(both.index[both])
    return f"{percent(int(comparable.sum()), int(both.sum()))} of those evaluable by both."


def change(judged: CohortResponse) -> str:
    """How many sums grew or shrank beyond the limits, and where new lesions decide."""
    parts = []
    for criterion in judged.response:
        table = judged.landmark(criterion)
        measured = int(table.change_percent.notna().sum())
        grown, shrunk = int((table.change_percent >= 20).sum()), int((table.change_percent <= -30).sum())
        alone = int(table.decided_by.eq("new lesion").sum())
        parts.append(f"By {criterion}, {grown} of {measured} measured sums grew by 20% or more and {shrunk} shrank by 30% or more; "
                     f"new lesions alone made {alone} {'patient' if alone == 1 else 'patients'} progress")
    return " ".join(f"{part}." for part in parts) or lacking(judged)


def waterfall(judged: CohortResponse, when: str, drawn: int, largest_percent: float) -> str:
    """Caption of the waterfall: what a mark is in this cohort, and whose change the axis cannot hold."""
    mark = "one bar a patient" if len(judged.group) <= drawn else "one sorted curve a treatment"
    cut = sum(int((judged.landmark(criterion).change_percent > largest_percent).sum()) for criterion in judged.response)
    beyond = f"; {cut} {'change' if cut == 1 else 'changes'} above +{largest_percent:g}% {'is' if cut == 1 else 'are'} cut" if cut else ""
    return f"Change in the sum of diameters from baseline to {when} (%), {mark}, n = {judged.n_treated}{beyond}."


def reclassified(judged: CohortResponse, both: Agreement | None, conf_level: float) -> str:
    """How many categories differ between the criteria, in which direction, and kappa."""
    if both is None:
        return lacking(judged)
    better = worse_by(judged.response["RECIST"], judged.response["mRECIST"])
    worse = worse_by(judged.response["mRECIST"], judged.response["RECIST"])
    same = round(both.observed * both.n) if both.n else 0
    text = (f"{percent(same, both.n)} patients evaluable by both criteria keep their category; {len(better)} "
            f"{'is' if len(better) == 1 else 'are'} better by mRECIST than by RECIST, {len(worse)} worse")
    text += f" ({named(worse)})" if worse else ""
    if both.kappa == both.kappa:
        reach = (f"{100 * conf_level:g}% interval {interval(both.lower, both.upper, 2)}" if both.lower == both.lower
                 else "no interval: its standard error is zero")
        return f"{text}. Cohen's kappa is {number(both.kappa, 2)} ({reach}), {number(both.weighted, 2)} with linear weights."
    return f"{text}. Kappa is not computed: {'all patients are in one category' if both.n else 'nobody is evaluable by both'}."


def why_discordant(judged: CohortResponse, differing: pd.DataFrame | None) -> str:
    """What separates the criteria among patients who progressed by RECIST only."""
    if differing is None:
        return lacking(judged)
    only = differing[differing.recist.eq("PD") & differing.mrecist.ne("NE")]
    outside = only[only.outside_liver]
    inside = only[~only.outside_liver]
    if only.empty:
        return "Nobody progressed by RECIST alone."
    parts = []
    if len(outside):
        parts.append(f"in {len(outside)} of them disease outside the liver had progressed ({named(outside.patient)}), which mRECIST as "
                     "used here does not look at")
    if len(inside):
        parts.append(f"in {len(inside)} no disease outside the liver had progressed ({named(inside.patient)}); there the whole lesions grew, or new ones appeared, "
                     "while the enhancing part did not grow enough")
    return f"{len(only)} {_patients(only)} progressed by RECIST but not by mRECIST: {'; '.join(parts)}."


def _patients(rows) -> str:
    return "patient" if len(rows) == 1 else "patients"


def wrong_columns(columns: pd.DataFrame, up_to: int) -> str:
    """Which printed columns have percentages of another denominator than the patients they hold."""
    wrong = columns[~columns.right]
    if wrong.empty:
        return "Every printed percentage is a share of the patients its column holds."
    parts = [f"{row.criterion} under {row.group} holds {row.n} patients, yet its percentages are shares of "
             f"{join(row.denominators, 'or') if row.denominators else f'no number up to {up_to}'} and add up to {number(row.percent_sum)}"
             for row in wrong.itertuples()]
    return f"**Wrong denominator:** {'; '.join(parts)}."


def printed_bounds(bounds: Mapping[str, tuple[int, int]], printed_extrahepatic: int) -> str:
    """What the printed table alone says about progression by one criterion only."""
    fewest, most = bounds["RECIST only"]
    reverse, _ = bounds["mRECIST only"]
    verdict = "cannot explain all of them" if printed_extrahepatic < fewest else "could explain them"
    return (f"The printed counts alone put at least {fewest} and at most {most} patients in RECIST progression without mRECIST "
            f"progression; the paper names {printed_extrahepatic} extrahepatic progressions, which **{verdict}**. They also put at "
            f"least {reverse} in mRECIST progression without RECIST progression.")


def outside_liver(judged: CohortResponse) -> str:
    """Who of the patients progressing by RECIST had progression outside the liver."""
    if judged.extrahepatic is None or "RECIST" in judged.lacking:
        return lacking(judged)
    who = progressed_outside(judged)
    progressed = int(judged.response["RECIST"].eq("PD").sum())
    return f"Here {percent(len(who), progressed)} patients with progression by RECIST had progression outside the liver: {named(who)}."


def rates(judged: CohortResponse, tables: Mapping[str, pd.DataFrame], conf_level: float) -> str:
    """Objective response overall and whether treatments differ, criterion by criterion."""
    parts = []
    for criterion, table in tables.items():
        row = table[table.rate.eq("ORR") & table.group.eq("total")].iloc[0]
        if row.n == 0:
            parts.append(f"By {criterion} nobody was evaluable.")
            continue
        parts.append(f"By {criterion} {percent(row['count'], row.n)} responded ({100 * conf_level:g}% Clopper-Pearson interval "
                     f"{interval(100 * row.exact_lower, 100 * row.exact_upper)}%); between treatments {p_value(row.p)}.")
    return " ".join(parts) or lacking(judged)


def readings(spreads: Mapping[tuple, pd.DataFrame], observed: Mapping[str, float], coverage: float) -> str:
    """How far a second reading can move the objective response rate."""
    tail = (1 - coverage) / 2
    parts = []
    for (criterion, model), drawn in spreads.items():
        orr = 100 * drawn.ORR
        parts.append(f"{criterion}, {model}: {100 * coverage:g}% of second readings give between {number(orr.quantile(tail))} and "
                     f"{number(orr.quantile(1 - tail))}%, the first gave {number(100 * observed[criterion])}%")
    return f"{'; '.join(parts)}." if parts else f"Not computed: {NO_READINGS}."


def targets_matter(judged: CohortResponse, other: CohortResponse, other_choice: str) -> str:
    """How many categories the other way of choosing targets would change."""
    parts = []
    for criterion in CRITERIA:
        if criterion in judged.response:
            changed = judged.response[criterion].ne(other.response[criterion])
            who = f" ({named(changed.index[changed])})" if changed.any() else ""
            parts.append(f"{int(changed.sum())} of {judged.n_treated} by {criterion}{who}")
    return f"With {TARGETS_IN_WORDS[other_choice]} instead, the category changes in {join(parts)}." if parts else lacking(judged)


def course(judged: CohortResponse, best: Mapping, rule: str) -> str:
    """Best overall response beside the landmark."""
    if not best:
        return lacking(judged) if judged.lacking else "Best overall response is not computed: the follow-up visits have no days."
    parts = []
    for criterion, rules in best.items():
        landmark, chosen = rules[f"at {judged.visit_label}"], rules[rule]
        parts.append(f"by {criterion} {percent(int(chosen.isin(['CR', 'PR']).sum()), len(chosen))} have an objective response as "
                     f"best response ({rule}), {percent(int(landmark.isin(['CR', 'PR']).sum()), len(landmark))} at the landmark")
    visits = f"Patients have at most {judged.follow_ups} follow-up {'visit' if judged.follow_ups == 1 else 'visits'}"
    return f"{visits}: {'; '.join(parts)}."
