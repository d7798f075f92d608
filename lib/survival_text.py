"""Sentences, captions and alternative texts of the survival chapter, computed from its results."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.figures.many import MOST_LANES, shading_note, ticks_note
from lib.narrative import join, months, number, p_value, percent, plain
from lib.survival.checks import for_large_samples
from lib.survival.competing import PROGRESSION
from lib.survival.estimate import follow_up, median_survival
from lib.survival.groups import CLOCKS, missing_groupings
from lib.survival.paper import compare_with_quoted
from lib.survival.regression import adjust
from lib.survival.wording import agreement, evidence, hazard_in_words
from lib.survival_tables import in_months, limits, p_cell, ratio


def counted(n: int, noun: str) -> str:
    """``1 death``, ``17 deaths``."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def screening_sentence(screens: list, alpha: float) -> str:
    """How many of the univariate tests came out below alpha, against how many chance alone would give."""
    p_values = pd.concat([screen.p_value for screen in screens]).dropna()
    if not len(p_values):
        return "No univariate test could be computed."
    names = pd.concat([screen.covariate[screen.p_value < alpha] for screen in screens])
    adjusted = adjust(p_values, "holm")
    found = f"{len(names)} were below {alpha:.2g}" + (f" ({'; '.join(names)})" if len(names) else "")
    return (f"Of **{len(p_values)}** univariate tests {found}; if nothing mattered, chance alone would give about "
            f"{alpha * len(p_values):.1f}. After Holm's adjustment for all of them **{int((adjusted < alpha).sum())}** remain.")


def agreement_sentence(beside: pd.DataFrame) -> str:
    """How far the convention tables are from R's own output."""
    if beside.empty:
        return "R has not been run on these patients; the tests of the collection hold the same code to R on others."
    both = beside[np.isfinite(beside.ours) & np.isfinite(beside.of_r)]
    apart = (both.ours - both.of_r).abs().max()
    same_ends = (np.isfinite(beside.ours) == np.isfinite(beside.of_r)).all()
    shown = "less than 0.000001" if apart < 1e-6 else f"{apart:.2g}"
    return (f"R itself was run on these patients: of **{len(beside)}** medians, limits and P values in Tables 4.5 and 4.6 the largest "
            f"difference is {shown}, and R leaves {'the same' if same_ends else 'other'} limits unreached.")


def range_sentence(p_values: dict, alpha: float) -> str:
    """How far the P values of one comparison lie apart, and whether a convention could have changed the conclusion."""
    sentences = []
    for label, by_test in p_values.items():
        found = [p for p in by_test.values() if p is not None]
        if not found:
            continue
        crosses = min(found) < alpha <= max(found)
        sentences.append(f"{label}: from {p_cell(min(found))} to {p_cell(max(found))}, "
                         + ("**on both sides** of the limit" if crosses else "all on one side of the limit"))
    return f"The choice of test moves P like this. {'; '.join(sentences)}." if sentences else "No comparison has a P value."


def left_out_sentence(alone: dict, p_alone: dict, n: int, alpha: float) -> str:
    """What leaving one patient out does at most to each median and P value."""
    if reason := for_large_samples(n):
        return f"Each patient's own weight is {reason}: of {n:,} patients no single one decides."
    medians = [f"{label} {months(min(without))} to {in_months(max(without))}" for label, (_, without) in alone.items()]
    if not medians:
        return "One patient cannot be left out of one."
    flips = [label for label, (p, without) in p_alone.items()
             if p is not None and (np.asarray(without) < alpha).any() != (p < alpha)]
    changed = f"One patient less would change the conclusion on {join(flips)}." if flips else \
        "No single patient changes the conclusion of a comparison."
    return f"Leaving out one patient moves the medians as follows: {join(medians)}. {changed}"


def delayed_sentence(entered: dict) -> str:
    """How far the naive medians overstate, and whether entry can be taken as independent of survival."""
    sentences = []
    for name, result in entered.items():
        naive = median_survival(result["naive"], "lifelines").value
        if result["delayed"] is None:
            sentences.append(f"{CLOCKS[name][2]}: too few patients are ever at risk together for a delayed-entry curve.")
            continue
        delayed = median_survival(result["delayed"], "lifelines").value
        sentences.append(f"{CLOCKS[name][2]}: the naive median is {in_months(naive)}, that with delayed entry {in_months(delayed)} "
                         f"({evidence(result['dependence'].wald_p).replace('a difference', 'dependence on the time of entry')}).")
    return " ".join(sentences)


UNPRINTED_BY_TREATMENT = " The paper prints no survival by treatment: which patient had which is ours."


def arms_sentence(arms: dict, choices, marks: dict | None = None) -> str:
    """Median survival of each first treatment, with the number of patients and deaths behind it, and the mark of its range."""
    shown = [f"{plain(arm)} {in_months(choices.median(curve).value)} ({counted(curve.n_events, 'death')} of {curve.n})"
             f"{(marks or {}).get(arm, '')}" for arm, curve in arms.items()]
    return f"Median survival by first treatment: {join(shown)}."


def forms_sentence(checked: dict, alpha: float) -> str:
    """Which continuous covariates bend."""
    bent = [label for label, (_, _, form, _) in checked.items() if form and form["curvature_p"] is not None and
            form["curvature_p"] < alpha]
    return f"A bend is seen for {join(bent)}." if bent else "No covariate bends more than chance allows."


def models_sentence(checked: dict, n_events: int, alpha: float) -> str:
    """Which assumptions fail, and how little so few deaths can show of it."""
    if all(check.p_value is None for check, *_ in checked.values()):
        return "No model could be checked."
    failing = [label for label, (check, *_) in checked.items() if check.p_value is not None and check.p_value < alpha]
    worst, change = max(((label, float(moved.dfbetas.abs().max())) for label, (_, moved, *_) in checked.items() if moved is not None),
                        key=lambda item: item[1], default=("", 0.0))
    hazards = f"Proportional hazards fail for {join(failing)}." if failing else "No test speaks against proportional hazards."
    single = f" The most influential single patient moves the log hazard ratio of {worst} by {change:.1f} standard errors." if worst else ""
    return (f"{hazards} {forms_sentence(checked, alpha)}{single} With {counted(n_events, 'death')} these checks find gross failures only: that none "
            "is found does not show that the assumptions hold.")


def literature_sentence(own: dict, quoted: pd.DataFrame) -> str:
    """How an own median stands among the quoted ones, those with the same time origin apart."""
    if own["value"] is None or not len(quoted):
        return "There is no median to compare."
    held = compare_with_quoted(own["value"], own["lower"], own["upper"], own["time_origin"], quoted)
    same, other = held[held.same_origin], held[~held.same_origin]
    return (f"The median of {in_months(own['value'])} from {own['time_origin']} is below {percent(int(same.lower_than.sum()), len(same))} "
            f"of the quoted medians with the same time zero, of which {percent(int(same.similar.sum()), len(same))} lie within its interval. "
            f"{len(other)} more have another time zero ({join(sorted(set(other.time_origin)))}): the difference to them mixes the clock "
            "with the treatment.")


def not_compared(study, divided: dict, grouped: dict) -> list[str]:
    """One sentence for each division of the patients that cannot be compared, saying why."""
    sentences = list(missing_groupings(study).values())
    for name, grouping in divided.items():
        if name in grouped:
            continue
        counts = join(f"{grouping.levels[level]}: {count}" for level, count in grouping.counts().items())
        sentences.append(f"{grouping.title} does not divide these patients ({counts}): nothing is compared.")
    return sentences



NOTHING_COMPARED = "No comparison can be made: the cohort gives no division with patients on both sides."
NO_LAB_SCREEN = "No laboratory values to regress on: Cox regression on them is not computed."
NO_LATE_GROUPS = "No group of these patients became known only after treatment: neither remedy is needed."
NO_EARLIER_CLOCK = "No time of diagnosis or of liver metastasis: delayed entry is not computed."
NO_CUT = "Time from liver metastasis to treatment does not divide these patients: no cut is searched."


# -- captions: what chapter.figure and chapter.table need beside the picture ---------------------------------

def clock(name: str, curve, choices) -> dict:
    """Caption and alternative text of one of the paper's four figures."""
    median = in_months(choices.median(curve).value)
    counts = f"n = {curve.n}, {counted(curve.n_events, 'event')}, {curve.n - curve.n_events} censored"
    return {"caption": f"{CLOCKS[name][2]} ({counts}), Kaplan-Meier with {choices.coverage} {choices.modern_interval} band; median "
                       f"{median}, dropped to the axis by the {choices.program} convention.{ticks_note([curve])}",
            "alt": f"Step curve falling from 1 to {curve.survival[-1]:.2f} over {curve.longest:.0f} months; the median is {median} "
                   f"({counts})."}


def clock_medians(curves: dict, choices) -> str:
    """The median and interval of each clock."""
    found = {CLOCKS[name][2]: choices.median(curve) for name, curve in curves.items()}
    return " ".join(f"{title}: median **{in_months(m.value)}** ({choices.coverage} CI {limits(m)})." for title, m in found.items())


def watched(time, died, choices) -> str:
    """Naive and reverse Kaplan-Meier follow-up in one sentence."""
    found = follow_up(time, died, choices.conf_level)
    reverse = found["reverse"]
    return (f"Median observed time was {months(found['naive_median'])} months (range {months(found['naive_min'])} to "
            f"{months(found['naive_max'])}); median potential follow-up by reverse Kaplan-Meier was **{in_months(reverse.value)}** "
            f"({choices.coverage} CI {limits(reverse)}). {percent(int((~died).sum()), len(died))} were alive at last contact.")


def groups(grouped: dict, tests: dict, n: int, choices) -> dict:
    """Caption and alternative text of the small multiples of Table 2."""
    found = " ".join(f"{grouping.title}: {p_value(tests[name].p_value)}." for name, (grouping, _) in grouped.items())
    return {"caption": f"Overall survival from first treatment by group, N = {n}: Kaplan-Meier with {choices.coverage} "
                       f"{choices.modern_interval} bands, medians dropped to the axis, numbers at risk below."
                       f"{ticks_note(*(by_level.values() for _, by_level in grouped.values()))}",
            "alt": f"Small multiples of survival by group. {found}"}


def forest(rows: pd.DataFrame, n: int, n_events: int) -> dict:
    """Caption and alternative text of the forest plot of hazard ratios."""
    clear = int(((rows.lower > 1) | (rows.upper < 1)).sum())
    return {"caption": f"The hazard ratios of Table 4.3, N = {n}, {counted(n_events, 'death')}; right of the line, the risk is higher.",
            "alt": f"Forest plot of {counted(len(rows), 'hazard ratio')}; {clear} of their intervals leave out one."}


def hazard(grouping, fit) -> str:
    """What one hazard ratio leaves open."""
    return f"**{grouping.title}.** The hazard ratio is {hazard_in_words(fit.hazard_ratio, fit.lower, fit.upper)}."


def detectable(n_events: int, ratio_found: float, power: float, power_of_two: float) -> str:
    """What so many deaths can find."""
    return (f"With {counted(n_events, 'death')} even two equal groups must differ by a hazard ratio of **{number(ratio_found)}** to be "
            f"found with power {power:g}; against a ratio of two, the power is {number(100 * power_of_two, 0)}%.")


def small_sample_notes(n: int) -> list[str]:
    """A footnote on what is left out because the sample is large; none for a small one."""
    reason = for_large_samples(n)
    return [f"Permutation, Firth's regression and bootstrap: {reason}."] if reason else []


def left_out(alone: dict, p_alone: dict, n: int, alpha: float) -> dict:
    """Caption and alternative text of the leave-one-out figure."""
    return {"caption": f"Medians (months) and log-rank P with each of {n} patients left out in turn (ticks) and with everybody "
                       "(diamonds).",
            "alt": left_out_sentence(alone, p_alone, n, alpha)}


def timeline(rows: pd.DataFrame) -> dict:
    """Caption and alternative text of the timeline of immortal time; `rows` as `draw_immortal_time` takes them."""
    immortal = np.minimum(rows.known_months, rows.months).sum()
    drawn = f" An even choice of {MOST_LANES} patients is drawn." if len(rows) > MOST_LANES else ""
    return {"caption": f"Each patient's time from first treatment by later response (n = {len(rows)}); hatched, the time before the "
                       f"response was known.{drawn}",
            "alt": f"Horizontal bars for {counted(len(rows), 'patient')}; {months(immortal)} patient-months lie before the response "
                   "was known."}


def remedy(grouping, answers: dict, landmark_months: float, alpha: float) -> str:
    """What the landmark analysis does to the naive one, and how far it is from fair itself."""
    naive, fair = answers["from treatment"], answers["from the landmark"]
    late = int((grouping.known_months[grouping.known] > landmark_months).sum())
    return (f"**{grouping.title}.** The landmark analysis ({p_value(fair['p_value'])}, {naive['n'] - fair['n']} of {naive['n']} patients "
            f"left out) {agreement(naive['p_value'], fair['p_value'], alpha)}: {evidence(fair['p_value'], alpha)}. The visit came after "
            f"the landmark in {percent(late, int(grouping.known.sum()))}, whose group still borrows from the future there.")


def early_deaths(time, died, landmark_months: float) -> str:
    """How many deaths came before the landmark, and so how much it can change."""
    early = int((died & (time <= landmark_months)).sum())
    if early:
        return (f"{counted(early, 'patient')} of {len(time)} died before the landmark: the naive comparison counts those deaths against whoever had "
                "no chance to be grouped otherwise.")
    return ("Nobody died before the landmark. The first death is where a log-rank test and a Cox model begin, so here they are the "
            "same from treatment as from the landmark, and only the medians move. In patients who die earlier they would not be.")


def landmark_columns(screens: dict, time, died, landmark_months: float) -> str:
    """Why the columns of the three-month visit and of the landmark agree, where they do; `screens` from `batteries.screen_labs`."""
    if not {"3 months", "landmark"} <= set(screens):
        return ""
    visit, landmark = (screens[heading].set_index("covariate").hazard_ratio for heading in ("3 months", "landmark"))
    left_out = counted(int((time <= landmark_months).sum()), "patient")
    if (died & (time <= landmark_months)).any() or not np.allclose(visit, landmark.reindex(visit.index), equal_nan=True):
        return f"From the landmark on, {left_out} of {len(time)} are left out, and the columns of Table 4.4 may differ for that."
    return (f"In Table 4.4 the columns *3 months* and *landmark* agree because nobody died in the first {landmark_months:g} months: a Cox model "
            f"compares patients at each death only ({left_out} of {len(time)} left out).")


def delayed(entered: dict, n: int, smallest_risk_set: int) -> dict:
    """Caption and alternative text of the delayed-entry figure."""
    return {"caption": f"Naive and delayed-entry Kaplan-Meier curves by time zero, n = {n}, with the number at risk below; the delayed "
                       f"curve starts with {smallest_risk_set} patients at risk and is conditional on reaching that time."
                       f"{ticks_note(*([panel['naive']] for panel in entered.values()))}",
            "alt": delayed_sentence(entered)}


def incidence(found: dict, n: int, choices) -> dict:
    """Caption and alternative text of the cumulative incidence figure."""
    shares = join(f"{cause} {number(100 * float(curve.at(12.0)), 0)}%" for cause, curve in found.items())
    return {"caption": f"Cumulative incidence of liver progression and of death before it (Aalen-Johansen with {choices.coverage} "
                       f"log-log bands, n = {n}), beside the complement of the Kaplan-Meier curve, in which death censors.",
            "alt": f"Rising step curves and a reference; at twelve months: {shares}."}


def overstated(curve, found: dict, gray: dict) -> str:
    """How far one minus Kaplan-Meier lies above the cumulative incidence at a year, and Gray's tests (title -> TestResult)."""
    above = 1 - float(curve.at(12.0)) - float(found[PROGRESSION].at(12.0)) if PROGRESSION in found else 0.0
    tests = join(f"{plain(title)} {p_value(test.p_value)}" for title, test in gray.items())
    return (f"At twelve months the Kaplan-Meier complement puts liver progression {number(100 * above)} percentage points above its "
            f"cumulative incidence. Gray's test of equal incidence: {tests}.")


def cuts(searched: pd.DataFrame, corrected: float | None, n_resamples: int) -> dict:
    """Caption and alternative text of the cut-point search."""
    n = int(searched.n_early[0] + searched.n_late[0])
    drawn = "draws of their normal limit" if for_large_samples(n) else "permutations"
    return {"caption": f"Log-rank P of early against late treatment at each cut of the gap (n = {n:,}; early:late above), the cut in use "
                       f"circled, and the P of the best cut corrected by {n_resamples:,} {drawn}.",
            "alt": f"P values at {len(searched)} cuts, the smallest {p_value(searched.p_value.min())}; corrected for the search, "
                   f"{p_value(corrected)}."}


def best_cut(searched: pd.DataFrame, corrected: float | None, continuous, alpha: float) -> str:
    """The best cut, its corrected P, and the covariate left continuous."""
    best = searched.sort_values("p_value").iloc[0]
    return (f"The best cut is {best.cut:g} months ({p_value(best.p_value)}); corrected for having looked at {len(searched)} cuts, "
            f"**{p_value(corrected)}**: {evidence(corrected, alpha)}. Left continuous, which needs no cut at all, each month of the gap "
            f"multiplies the hazard by {ratio(continuous)}, {p_value(continuous.wald_p)}. Between liver metastasis and treatment a "
            "patient has to live, so this comparison carries its own immortal time.")


def arms(found: dict, choices, more: str = "") -> dict:
    """Caption (with `more` at its end) and alternative text of survival by first treatment."""
    sizes = join(f"{plain(arm)} n = {curve.n}" for arm, curve in found.items())
    return {"caption": f"Overall survival by first treatment ({sizes}), Kaplan-Meier with {choices.coverage} {choices.modern_interval} "
                       f"bands. The groups differ in disease, not only in treatment.{more}{ticks_note(found.values())}",
            "alt": arms_sentence(found, choices)}


def switched(found: dict, switch, crossovers: str, p: float | None, choices, marks: dict | None = None) -> str:
    """Medians by first treatment, how switches count, and what the test is worth."""
    return (f"{arms_sentence(found, choices, marks)} {counted(int(np.isfinite(switch).sum()), 'patient')} switched; their follow-up counts by "
            f"*{crossovers}*. Log-rank {p_value(p)} tells groups apart, not treatments.")


def hazards(grouping, check, n_events: int) -> dict:
    """Caption and alternative text of the proportional-hazards figure."""
    return {"caption": f"{grouping.title}: scaled Schoenfeld residuals with a running mean, and log-log survival of the groups "
                       f"(n = {int(grouping.known.sum())}, {counted(n_events, 'death')}).{shading_note(n_events)}",
            "alt": f"Local log hazard ratios against time, and two log-log curves; test of proportional hazards {p_value(check.p_value)}."}


def literature(own: dict, quoted: pd.DataFrame, outcome: str) -> dict:
    """Caption and alternative text of a forest plot of medians."""
    return {"caption": f"{outcome} of this cohort (n = {own['n']}) and of {counted(len(quoted), 'group')} of patients in other studies "
                       "that Krzyston et al. 2020 quote, by the start of the clock; a median without a line was printed without an interval.",
            "alt": literature_sentence(own, quoted)}
