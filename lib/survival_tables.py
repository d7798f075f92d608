"""Tables of the survival chapter: numbers in, cells as printed out."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd

from lib.narrative import interval, join, months, number, percent, plain
from lib.survival import (
    bootstrap_median,
    cox,
    firth_cox,
    kaplan_meier,
    logrank,
    mean_survival,
    median_survival,
    permutation_logrank,
    rmst_difference,
    smallest_detectable_hazard_ratio,
    survival_at,
)
from lib.survival.assumptions import functional_form, influence, proportional_hazards
from lib.survival.compare import WEIGHTINGS
from lib.survival.competing import PFS_DEFINITIONS, gray_test
from lib.survival.estimate import MEDIAN_CONVENTIONS
from lib.survival.groups import lab_covariates, missing_groupings
from lib.survival.oracle import median_by_r, p_values_by_r
from lib.survival.paper import compare_with_quoted
from lib.survival.regression import TIES, adjust, univariate_screen
from lib.survival.wording import evidence

PROGRAMS = {"spss": "SPSS", "r": "R", "sas": "SAS", "lifelines": "lifelines"}


def estimate(value, decimals: int = 1) -> str:
    """``9.0 (0.0 to 21.4)``; "not reached" and "not computed" in words."""
    if value.value is None:
        return "not computed"
    return f"{months(value.value, decimals)} ({limits(value, decimals)})"


def limits(value, decimals: int = 1) -> str:
    """``0.0 to 21.4``; "not computed" where the method gives no limit at all."""
    found = [limit for limit in (value.lower, value.upper) if limit is not None and math.isfinite(limit)]
    return interval(value.lower, value.upper, decimals) if found else "not computed"


def counted(n: int, noun: str) -> str:
    """``1 death``, ``17 deaths``."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def ratio(fit, decimals: int = 2) -> str:
    """Hazard ratio with its interval, ``2.27 (0.83 to 6.30)``, of anything with `hazard_ratio`, `lower` and `upper`."""
    if fit is None or fit.hazard_ratio is None or math.isnan(fit.hazard_ratio):
        return "not estimable"
    low, middle, high = (_shown(value, decimals) for value in (fit.lower, fit.hazard_ratio, fit.upper))
    return f"{middle} ({low} to {high})"


def _shown(value, decimals):
    if value is None or math.isnan(value):
        return "none"
    if value > 999:
        return ">999"
    return "<0.01" if value < 0.01 else number(value, decimals)


def in_months(value) -> str:
    """``9.0 months``, or ``not reached``."""
    return f"{months(value)} months" if value is not None and math.isfinite(value) else months(value)


def p_cell(p) -> str:
    """A P value as a cell: three decimals."""
    return "–" if p is None or math.isnan(p) else "<0.001" if p < 0.0005 else number(p, 3)


def clock_table(curves: dict, titles: dict, convention: str, interval_scale: str) -> pd.DataFrame:
    """Medians, means and landmark survival of each clock.

    Parameters
    ----------
    curves, titles : dict
        Quantity name -> Curve, and its title.
    convention, interval_scale : str
        Median convention of the first interval, and scale of the second.
    """
    rows = []
    for name, curve in curves.items():
        at_year = survival_at(curve, 12.0, interval_scale)
        rows.append({"Time": titles[name], "Patients": curve.n, "Events": curve.n_events,
                     "Median, months": estimate(median_survival(curve, convention)),
                     f"{interval_scale} interval": limits(median_survival(curve, convention, interval_scale)),
                     "Mean to the longest time": estimate(mean_survival(curve)),
                     "At 12 months": "not computed" if at_year.value is None else
                     f"{number(100 * at_year.value, 0)}% ({_limits(at_year, 100, 0)})"})
    return pd.DataFrame(rows)


def _limits(value, scale=1, decimals=1):
    shown = [number(scale * limit, decimals) if limit is not None and np.isfinite(limit) else "none"
             for limit in (value.lower, value.upper)]
    return " to ".join(shown)


def group_table(grouped: dict, tests: dict, convention: str, interval_scale: str) -> pd.DataFrame:
    """The paper's Table 2: median survival by group, with the log-rank P.

    Parameters
    ----------
    grouped : dict
        Quantity name -> (Grouping, level -> Curve).
    tests : dict
        Quantity name -> TestResult.
    """
    rows = []
    for name, (grouping, curves) in grouped.items():
        n_known = int(grouping.known.sum())
        for i, (level, curve) in enumerate(curves.items()):
            rows.append({"Group": grouping.title, "Level": grouping.levels[level], "Patients": percent(curve.n, n_known),
                         "Deaths": curve.n_events, "Median, months": estimate(median_survival(curve, convention)),
                         f"{interval_scale} interval": limits(median_survival(curve, convention, interval_scale)),
                         "P": p_cell(tests[name].p_value) if i == 0 else ""})
    return pd.DataFrame(rows)


def screen_table(screen: pd.DataFrame) -> pd.DataFrame:
    """Univariate Cox regression of the covariates, one a row."""
    return pd.DataFrame({
        "Covariate": screen.covariate, "Contrast": screen.contrast, "Patients": screen.n, "Deaths": screen.n_events,
        "Hazard ratio": [row.reason if row.df > 1 else ratio(row) + (f": {row.reason}" if row.reason else "")
                         for row in screen.itertuples()],
        "P": screen.p_value.map(p_cell), "Holm": screen.p_holm.map(p_cell), "FDR": screen.p_fdr.map(p_cell)})


def lab_table(screens: dict, spreads: dict) -> pd.DataFrame:
    """Univariate Cox regression of the laboratory values at each visit, one analyte a row.

    Parameters
    ----------
    screens : dict
        Heading -> DataFrame from `univariate_screen`.
    spreads : dict
        Heading -> Series with the standard deviation that a hazard ratio refers to.
    """
    analytes = list(dict.fromkeys(name for screen in screens.values() for name in screen.covariate))
    table = pd.DataFrame({"Analyte": analytes})
    for heading, screen in screens.items():
        by_name = screen.set_index("covariate")
        table[f"SD, {heading}"] = [number(spreads[heading].get(name), 2) for name in analytes]
        table[f"Hazard ratio per SD, {heading}"] = [
            ratio(by_name.loc[name]) if name in by_name.index else "–"
            for name in analytes]
        table[f"P, {heading}"] = [p_cell(by_name.p_value.get(name)) for name in analytes]
    return table


def convention_medians(curves: dict) -> pd.DataFrame:
    """The same medians under the conventions of four programs, and all four intervals of SPSS's median."""
    rows = []
    for label, curve in curves.items():
        row = {"Curve": label}
        row |= {PROGRAMS[name]: estimate(median_survival(curve, name)) for name in MEDIAN_CONVENTIONS}
        rows.append(row)
    return pd.DataFrame(rows)


def convention_tests(comparisons: dict) -> pd.DataFrame:
    """P of the same comparisons by every test that a program might have printed.

    Parameters
    ----------
    comparisons : dict
        Label -> (months, died, member of the second group), arrays of shape (n_known,).
    """
    columns = {}
    for label, (time, died, member) in comparisons.items():
        cells = {test: p_cell(p) for test, p in all_p_values(time, died, member).items()}
        permuted = permutation_logrank(time, died, member)
        columns[label] = cells | {"Permutation log-rank" + (", exact" if permuted.exact else ""): p_cell(permuted.p_value)}
    return pd.DataFrame(columns).rename_axis("Test").reset_index()


def small_sample_table(comparisons: dict, *, conf_level, power, n_resamples, seed) -> pd.DataFrame:
    """What a small sample allows: permutation P, Cox and Firth hazard ratios, difference in restricted means."""
    rows = []
    for label, (time, died, member) in comparisons.items():
        fit, firth = cox(time, died, member, conf_level=conf_level), firth_cox(time, died, member, conf_level=conf_level)
        permuted = permutation_logrank(time, died, member, n_resamples=n_resamples, seed=seed)
        order = np.argsort(member, kind="stable")  # the difference is first level minus second
        gained = rmst_difference(time[order], died[order], member[order], conf_level=conf_level)
        detectable = smallest_detectable_hazard_ratio(int(died.sum()), float(member.mean()), alpha=1 - conf_level, power=power)
        rows.append({"Comparison": label, "Hazard ratio, Cox": ratio(fit),
                     "Hazard ratio, Firth": ratio(firth),
                     "Permutation P": p_cell(permuted.p_value),
                     "Arrangements": f"all {permuted.n_arrangements:,}" if permuted.exact else
                     f"{permuted.n_arrangements:,} random (±{permuted.mc_error:.3f})",
                     "Mean gained, months": estimate(gained["difference"]), "within": f"{gained['to_months']:.1f} months",
                     "Detectable ratio": number(detectable, 1)})
    return pd.DataFrame(rows)


def bootstrap_table(curves: dict, *, conf_level, n_resamples, seed) -> pd.DataFrame:
    """Median of each curve with the SPSS, log-log and bootstrap intervals."""
    rows = []
    for label, curve in curves.items():
        drawn = bootstrap_median(curve.exit, curve.died, n_resamples=n_resamples, seed=seed, conf_level=conf_level)
        rows.append({"Curve": label, "Median, months": months(median_survival(curve).value),
                     "SPSS": limits(median_survival(curve)), "log-log": limits(median_survival(curve, "lifelines")),
                     "Bootstrap": interval(drawn.lower, drawn.upper), "Resamples without a median":
                     percent(drawn.n_failed, drawn.n_resamples)})
    return pd.DataFrame(rows)


def timing_table(answers: dict, grouped: dict) -> pd.DataFrame:
    """Naive, landmark and time-dependent answers to the same questions, one a row.

    Parameters
    ----------
    answers : dict
        Quantity name -> answers from `lib.survival.clocks.naive_landmark_time_dependent`.
    grouped : dict
        Quantity name -> (Grouping, ...).
    """
    rows = []
    for name, by_analysis in answers.items():
        grouping = grouped[name][0]
        for analysis, answer in by_analysis.items():
            rows.append({"Comparison": f"{grouping.title}: {' against '.join(grouping.levels.values())}", "Analysis": analysis,
                         "Patients": answer["n"], "Deaths": answer["n_events"],
                         "Medians": " against ".join(months(median) for median in answer["medians"]) or "–",
                         "Hazard ratio": ratio(answer["fit"]), "P": p_cell(answer["p_value"])})
    return pd.DataFrame(rows)


def delayed_table(entered: dict, titles: dict, interval_scale: str) -> pd.DataFrame:
    """Naive and delayed-entry medians of each clock, from `lib.survival.clocks.naive_and_delayed`."""
    rows = []
    for name, result in entered.items():
        delayed = result["delayed"]
        rows.append({"Time": titles[name], "Naive median": estimate(median_survival(result["naive"], "lifelines", interval_scale)),
                     "Delayed-entry median": "not computed" if delayed is None else
                     estimate(median_survival(delayed, "lifelines", interval_scale)),
                     "For those alive at": "–" if delayed is None else f"{result['start_months']:.1f} months", "Patients": result["n"],
                     "Hazard ratio per month of waiting": ratio(result["dependence"]), "P": p_cell(result["dependence"].wald_p)})
    return pd.DataFrame(rows)


def pfs_table(definitions: dict, incidence: dict, interval_scale: str, conf_level: float) -> pd.DataFrame:
    """Liver PFS by each definition, with the share that had an event by twelve months."""
    rows = []
    for name, (time, event) in definitions.items():
        curve = kaplan_meier(time, event, conf_level=conf_level)
        rows.append({"Definition": name, "Event": PFS_DEFINITIONS[name].removeprefix("event: "), "Events": curve.n_events,
                     "Median, months": estimate(median_survival(curve)),
                     f"{interval_scale} interval": limits(median_survival(curve, "lifelines", interval_scale)),
                     "By 12 months": f"{number(100 * (1 - float(curve.at(12.0))), 0)}%"})
    for cause, curve in incidence.items():
        rows.append({"Definition": f"cumulative incidence: {cause}", "Event": f"{cause} as the first event", "Events": None,
                     "Median, months": None, f"{interval_scale} interval": None,
                     "By 12 months": f"{number(100 * float(curve.at(12.0)), 0)}%"})
    table = pd.DataFrame(rows)
    return table.assign(Events=table.Events.astype("Int64"))


def assumption_table(rows: dict) -> pd.DataFrame:
    """Checks of each univariate Cox model, one a row."""
    shown = []
    for label, (check, moved, form, _) in rows.items():
        early, late = check.early, check.late
        shown.append({
            "Covariate": label, "Proportional hazards, P": p_cell(check.p_value),
            "Early hazard ratio": ratio(early) if early else "–",
            "Late hazard ratio": ratio(late) if late else "–",
            "Largest dfbeta, SE": number(moved.dfbetas.abs().max(), 2) if moved is not None else "–",
            "Without one patient": f"{moved.hazard_ratio_without.min():.2f} to {moved.hazard_ratio_without.max():.2f}"
            if moved is not None else "–",
            "Curvature, P": p_cell(form["curvature_p"]) if form else "–"})
    return pd.DataFrame(shown)


def group_curves(study, grouping, conf_level) -> dict:
    """Level -> curve of overall survival from first treatment, for the levels that have patients."""
    months_, died = study.patients.os_treatment_months.to_numpy(float), study.patients.died.to_numpy(bool)
    members = {level: (grouping.labels == level).to_numpy() for level in grouping.levels}
    return {level: kaplan_meier(months_[member], died[member], conf_level=conf_level)
            for level, member in members.items() if member.any()}


def screen_forest(screen: pd.DataFrame) -> pd.DataFrame:
    """Rows of a forest plot from `univariate_screen`, those with a hazard ratio."""
    known = screen[screen.hazard_ratio.notna()]
    return pd.DataFrame({"label": known.covariate.str.cat(known.contrast.where(known.contrast.str.contains("against"), ""), sep=", ")
                         .str.strip(", "), "estimate": known.hazard_ratio, "lower": known.lower, "upper": known.upper,
                         "text": [ratio(row) for row in known.itertuples()]})


def screen_labs(study, landmark_months: float, *, ties, conf_level) -> tuple[dict, dict]:
    """Cox regressions of the laboratory values: at baseline, at three months from treatment, and from the landmark.

    Returns
    -------
    tuple of dict
        Heading -> DataFrame from `univariate_screen`, and heading -> standard deviations; empty without laboratory values.
    """
    if study.labs is None:
        return {}, {}
    months_, died = study.patients.os_treatment_months.to_numpy(float), study.patients.died.to_numpy(bool)
    still = months_ > landmark_months
    screens, spreads = {}, {}
    for heading, visit, kept, since in [("baseline", "baseline", np.ones(len(died), bool), 0.0),
                                        ("3 months", "month_3", np.ones(len(died), bool), 0.0),
                                        ("landmark", "month_3", still, landmark_months)]:
        values, spreads[heading] = lab_covariates(study, visit)
        if kept.any() and len(values.columns):
            screens[heading] = univariate_screen(values[kept].reset_index(drop=True), months_[kept] - since, died[kept], ties=ties,
                                                 conf_level=conf_level)
    return screens, spreads


def screening_sentence(screens: list, alpha: float) -> str:
    """How many of the univariate tests came out below alpha, against how many chance alone would give."""
    p_values = pd.concat([screen.p_value for screen in screens]).dropna()
    if not len(p_values):
        return "No univariate test could be computed."
    names = pd.concat([screen.covariate[screen.p_value < alpha] for screen in screens])
    adjusted = adjust(p_values, "holm")
    found = f"{len(names)} were below {alpha:.2g}" + (f" ({', '.join(names)})" if len(names) else "")
    return (f"Of **{len(p_values)}** univariate tests {found}; if nothing mattered, chance alone would give about "
            f"{alpha * len(p_values):.1f}. After Holm's adjustment for all of them **{int((adjusted < alpha).sum())}** remain.")


def slug(text: str) -> str:
    """A reader's name as part of a quantity name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def beside_r(curves: dict, comparisons: dict) -> pd.DataFrame:
    """Every figure of the convention tables that R printed too: `what`, `ours`, `of_r`.

    Parameters
    ----------
    curves : dict
        Label -> Curve.
    comparisons : dict
        Label -> (months, died, member).
    """
    rows = []
    for label, curve in curves.items():
        for scale in ("log", "log-log", "plain"):
            theirs = median_by_r(curve, scale)
            for ours, value in zip(median_survival(curve, "r", scale), theirs or ()):
                rows.append({"what": f"{label}, {scale}", "ours": ours, "of_r": value})
    for label, arrays in comparisons.items():
        theirs = p_values_by_r(*arrays)
        for test, p in all_p_values(*arrays).items():
            if test in theirs:
                rows.append({"what": f"{label}, {test}", "ours": p, "of_r": theirs[test]})
    return pd.DataFrame(rows, columns=["what", "ours", "of_r"])


def all_p_values(time, died, member) -> dict:
    """P of one comparison by the log-rank family and the three tests of Cox regression under each treatment of ties."""
    found = {name: logrank(time, died, member, weighting=name).p_value for name in WEIGHTINGS}
    for ties in TIES:
        fit = cox(time, died, member, ties=ties)
        found |= {f"Cox {ties}: Wald": fit.wald_p, f"Cox {ties}: score": fit.score_p,
                  f"Cox {ties}: likelihood ratio": fit.likelihood_ratio_p}
    return found


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


def range_sentence(comparisons: dict, alpha: float) -> str:
    """How far the P values of one comparison lie apart, and whether a convention could have changed the conclusion."""
    sentences = []
    for label, arrays in comparisons.items():
        found = [p for p in all_p_values(*arrays).values() if p is not None]
        if not found:
            continue
        crosses = min(found) < alpha <= max(found)
        sentences.append(f"{label}: from {p_cell(min(found))} to {p_cell(max(found))}, "
                         + ("**on both sides** of the limit" if crosses else "all on one side of the limit"))
    return f"The choice of test moves P like this. {'; '.join(sentences)}." if sentences else "No comparison has a P value."


def left_out_sentence(alone: dict, p_alone: dict, alpha: float) -> str:
    """What leaving one patient out does at most to each median and P value."""
    medians = [f"{label} {months(min(without))} to {in_months(max(without))}" for label, (_, without) in alone.items()]
    if not medians:
        return "One patient cannot be left out of one."
    flips = [label for label, (p, without) in p_alone.items()
             if p is not None and (np.asarray(without) < alpha).any() != (p < alpha)]
    changed = f"One patient less would change the conclusion on {join(flips)}." if flips else \
        "No single patient changes the conclusion of a comparison."
    return f"Leaving out one patient moves the medians as follows: {join(medians)}. {changed}"


def delayed_sentence(entered: dict, titles: dict) -> str:
    """How far the naive medians overstate, and whether entry can be taken as independent of survival."""
    sentences = []
    for name, result in entered.items():
        naive = median_survival(result["naive"], "lifelines").value
        if result["delayed"] is None:
            sentences.append(f"{titles[name]}: too few patients are ever at risk together for a delayed-entry curve.")
            continue
        delayed = median_survival(result["delayed"], "lifelines").value
        sentences.append(f"{titles[name]}: the naive median is {in_months(naive)}, that with delayed entry {in_months(delayed)} "
                         f"({evidence(result['dependence'].wald_p).replace('a difference', 'dependence on the time of entry')}).")
    return " ".join(sentences)


def arms_sentence(arms: dict, convention: str) -> str:
    """Median survival of each first treatment, with the number of patients and deaths behind it."""
    shown = [f"{plain(arm)} {in_months(median_survival(curve, convention).value)} ({counted(curve.n_events, 'death')} of {curve.n})"
             for arm, curve in arms.items()]
    return f"Median survival by first treatment: {join(shown)}."


def check_models(covariates: dict, time, died, *, ties: str, conf_level: float) -> dict:
    """Run the checks of the univariate Cox models.

    Parameters
    ----------
    covariates : dict
        Label -> (values, shape (n_patients,), missing where unknown; whether continuous).

    Returns
    -------
    dict
        Label -> (ProportionalHazards, influence or None, functional form or None, values of the known).
    """
    checked = {}
    for label, (values, continuous) in covariates.items():
        values = np.asarray(values, dtype=float)
        known = ~np.isnan(values)
        arrays = (np.asarray(time)[known], np.asarray(died)[known], values[known])
        check = proportional_hazards(*arrays, ties=ties, conf_level=conf_level)
        checked[label] = (check, None if check.reason else influence(*arrays, ties=ties),
                          functional_form(*arrays, ties=ties) if continuous else None, values[known])
    return checked


def forms_to_draw(checked: dict) -> dict:
    """Label -> (values, martingale residuals) of the continuous covariates."""
    return {label: (values, form["martingale"]) for label, (_, _, form, values) in checked.items()
            if form is not None and form["martingale"] is not None}


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


def gray_of_known(patients, kinds, labels):
    """Gray's test of liver progression between the patients whose group is known."""
    known = labels.notna().to_numpy()
    return gray_test(patients.liver_pfs_months.to_numpy(float)[known], kinds[known], labels[known])
