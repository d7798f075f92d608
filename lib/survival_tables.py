"""Tables of the survival chapter: numbers in, cells as printed out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from lib.narrative import interval, months, number, percent
from lib.survival import (
    bootstrap_median,
    firth_cox,
    kaplan_meier,
    mean_survival,
    median_survival,
    permutation_logrank,
    rmst_difference,
    smallest_detectable_hazard_ratio,
    survival_at,
)
from lib.survival.checks import for_large_samples
from lib.survival.choices import PROGRAMS, Choices
from lib.survival.competing import PFS_DEFINITIONS
from lib.survival.estimate import MEDIAN_CONVENTIONS
from lib.survival.groups import CLOCKS
from lib.toxicity_tables import ANALYTE_NAMES



def estimate(value, decimals: int = 1) -> str:
    """``9.0 (0.0 to 21.4)``; "not reached" and "not computed" in words."""
    if value.value is None:
        return "not computed"
    return f"{months(value.value, decimals)} ({limits(value, decimals)})"


def limits(value, decimals: int = 1) -> str:
    """``0.0 to 21.4``; "not computed" where the method gives no limit at all."""
    found = [limit for limit in (value.lower, value.upper) if limit is not None and math.isfinite(limit)]
    return interval(value.lower, value.upper, decimals) if found else "not computed"


def in_months(value) -> str:
    """``9.0 months``, or ``not reached``."""
    return f"{months(value)} months" if value is not None and math.isfinite(value) else months(value)


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


def p_cell(p) -> str:
    """A P value as a cell: three decimals."""
    return "–" if p is None or math.isnan(p) else "<0.001" if p < 0.0005 else number(p, 3)


def clock_table(curves: dict, choices: Choices) -> pd.DataFrame:
    """Medians, means and landmark survival of each clock.

    Parameters
    ----------
    curves : dict
        Quantity name -> Curve.
    choices : Choices
    """
    rows = []
    for name, curve in curves.items():
        at_year = survival_at(curve, 12.0, choices.modern_interval)
        rows.append({"Time": CLOCKS[name][2], "Patients": curve.n, "Events": curve.n_events,
                     "Median, months": estimate(choices.median(curve)),
                     f"{choices.modern_interval} interval": limits(choices.modern(curve)),
                     "Mean to the longest time": estimate(mean_survival(curve)),
                     "At 12 months": "not computed" if at_year.value is None else
                     f"{number(100 * at_year.value, 0)}% ({_limits(at_year, 100, 0)})"})
    return pd.DataFrame(rows)


def _limits(value, scale=1, decimals=1):
    if all(limit is None or not np.isfinite(limit) for limit in (value.lower, value.upper)):
        return "no interval"  # no event, or everybody had it, by then
    shown = [number(scale * limit, decimals) if limit is not None and np.isfinite(limit) else "none"
             for limit in (value.lower, value.upper)]
    return " to ".join(shown)


def group_table(grouped: dict, tests: dict, choices: Choices) -> pd.DataFrame:
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
                         "Deaths": curve.n_events, "Median, months": estimate(choices.median(curve)),
                         f"{choices.modern_interval} interval": limits(choices.modern(curve)),
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
    """Univariate Cox regression of the laboratory values at each visit, one analyte a row; see `lab_layout`.

    Parameters
    ----------
    screens : dict
        Heading -> DataFrame from `univariate_screen`.
    spreads : dict
        Heading -> Series with the standard deviation that a hazard ratio refers to; not shown again for the landmark.
    """
    analytes = list(dict.fromkeys(name for screen in screens.values() for name in screen.covariate))
    table = pd.DataFrame({"Analyte": [ANALYTE_NAMES.get(name, name) for name in analytes]})
    for heading, screen in screens.items():
        by_name = screen.set_index("covariate")
        if heading != "landmark":
            table[f"SD, {heading}"] = [number(spreads[heading].get(name), 2) for name in analytes]
        table[f"HR, {heading}"] = [ratio(by_name.loc[name]) if name in by_name.index else "–" for name in analytes]
        table[f"P, {heading}"] = [p_cell(by_name.p_value.get(name)) for name in analytes]
    return table


def lab_layout(screens: dict) -> dict:
    """Spanners and short headings of `lab_table`, for `lib.tables.render`."""
    columns = {heading: [f"{kind}, {heading}" for kind in ("SD", "HR", "P") if (kind, heading) != ("SD", "landmark")]
               for heading in screens}
    labels = {column: "Hazard ratio" if column.startswith("HR") else column.split(",")[0] for group in columns.values() for column in group}
    return {"spanners": {heading.capitalize(): group for heading, group in columns.items()}, "labels": labels}


def convention_medians(curves: dict) -> pd.DataFrame:
    """The same medians under the conventions of four programs, and all four intervals of SPSS's median."""
    rows = []
    for label, curve in curves.items():
        row = {"Curve": label}
        row |= {PROGRAMS[name]: estimate(median_survival(curve, name)) for name in MEDIAN_CONVENTIONS}
        rows.append(row)
    return pd.DataFrame(rows)


def convention_tests(comparisons: dict, p_values: dict) -> pd.DataFrame:
    """P of the same comparisons by every test that a program might have printed.

    Parameters
    ----------
    comparisons : dict
        Label -> (months, died, member of the second group), arrays of shape (n_known,).
    p_values : dict
        Label -> `lib.survival.batteries.all_p_values` of the comparison.
    """
    tied = any(len(np.unique(time[died])) < died.sum() for time, died, _ in comparisons.values())
    columns = {}
    for label, arrays in comparisons.items():
        found = p_values[label] if tied else _one_for_all_ties(p_values[label])
        permuted = permutation_logrank(*arrays)
        cells = {test: p_cell(p) for test, p in found.items()}
        columns[label] = cells | {"Permutation log-rank" + (", exact" if permuted.exact else ""): p_cell(permuted.p_value)}
    return pd.DataFrame(columns).rename_axis("Test").reset_index()


def _one_for_all_ties(p_values: dict) -> dict:
    """Without tied deaths the treatments of ties are one: keep the first."""
    kept = {test: p for test, p in p_values.items() if "efron" not in test and "exact" not in test}
    return {test.replace("Cox breslow", "Cox, any ties"): p for test, p in kept.items()}


def small_sample_table(comparisons: dict, choices: Choices, *, power, n_resamples, seed) -> pd.DataFrame:
    """What a small sample allows: permutation P, Cox and Firth hazard ratios, difference in restricted means."""
    rows = []
    for label, (time, died, member) in comparisons.items():
        fit, firth = choices.cox(time, died, member), firth_cox(time, died, member, conf_level=choices.conf_level)
        permuted = permutation_logrank(time, died, member, n_resamples=n_resamples, seed=seed)
        order = np.argsort(member, kind="stable")  # the difference is first level minus second
        gained = rmst_difference(time[order], died[order], member[order], conf_level=choices.conf_level)
        detectable = smallest_detectable_hazard_ratio(int(died.sum()), float(member.mean()), alpha=choices.alpha, power=power)
        rows.append({"Comparison": label, "Hazard ratio, Cox": ratio(fit),
                     "Hazard ratio, Firth": "–" if for_large_samples(len(time)) else ratio(firth),
                     "Permutation P": p_cell(permuted.p_value) + ("" if permuted.exact else f" (±{permuted.mc_error:.3f})"),
                     "Mean gained, months": estimate(gained["difference"]), "Horizon, months": number(gained["to_months"]),
                     "Detectable ratio": number(detectable, 1)})
    return pd.DataFrame(rows)


def bootstrap_table(curves: dict, choices: Choices, *, n_resamples, seed) -> pd.DataFrame:
    """Median of each curve with the SPSS, log-log and bootstrap intervals."""
    rows = []
    for label, curve in curves.items():
        drawn = bootstrap_median(curve.exit, curve.died, n_resamples=n_resamples, seed=seed, conf_level=choices.conf_level)
        rows.append({"Curve": label, "Median, months": months(median_survival(curve).value),
                     "SPSS": limits(median_survival(curve)), "log-log": limits(median_survival(curve, "lifelines")),
                     "Bootstrap": "–" if drawn.reason else interval(drawn.lower, drawn.upper),
                     "Resamples without a median": "–" if drawn.reason else percent(drawn.n_failed, drawn.n_resamples)})
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


def delayed_table(entered: dict, choices: Choices) -> pd.DataFrame:
    """Naive and delayed-entry medians of each clock, from `lib.survival.clocks.naive_and_delayed`."""
    rows = []
    for name, result in entered.items():
        delayed = result["delayed"]
        rows.append({"Time": CLOCKS[name][2], "Naive median": estimate(median_survival(result["naive"], "lifelines", choices.modern_interval)),
                     "Delayed-entry median": "not computed" if delayed is None else
                     estimate(median_survival(delayed, "lifelines", choices.modern_interval)),
                     "For those alive at": "–" if delayed is None else f"{result['start_months']:.1f} months", "Patients": result["n"],
                     "Hazard ratio per month of waiting": ratio(result["dependence"]), "P": p_cell(result["dependence"].wald_p)})
    return pd.DataFrame(rows)


def pfs_table(definitions: dict, incidence: dict, choices: Choices) -> pd.DataFrame:
    """Liver PFS by each definition, with the share that had an event by twelve months."""
    rows = []
    for name, (time, event) in definitions.items():
        curve = kaplan_meier(time, event, conf_level=choices.conf_level)
        rows.append({"Definition": name.replace("_", " "), "Event": PFS_DEFINITIONS[name].removeprefix("event: "), "Events": curve.n_events,
                     "Median, months": estimate(median_survival(curve)),
                     f"{choices.modern_interval} interval": limits(median_survival(curve, "lifelines", choices.modern_interval)),
                     "By 12 months": f"{number(100 * (1 - float(curve.at(12.0))), 0)}%"})
    for cause, curve in incidence.items():
        rows.append({"Definition": f"cumulative incidence: {cause}", "Event": f"{cause} as the first event", "Events": None,
                     "Median, months": None, f"{choices.modern_interval} interval": None,
                     "By 12 months": f"{number(100 * float(curve.at(12.0)), 0)}%"})
    return pd.DataFrame(rows, dtype=object)  # a count may be missing


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
            if moved is not None and moved.hazard_ratio_without.notna().any() else "–",
            "Curvature, P": p_cell(form["curvature_p"]) if form else "–"})
    return pd.DataFrame(shown)


def screen_forest(screen: pd.DataFrame) -> pd.DataFrame:
    """Rows of a forest plot from `univariate_screen`, those with a hazard ratio."""
    known = screen[screen.hazard_ratio.notna()]
    return pd.DataFrame({"label": known.covariate.str.cat(known.contrast.where(known.contrast.str.contains("against"), ""), sep=", ")
                         .str.strip(", "), "estimate": known.hazard_ratio, "lower": known.lower, "upper": known.upper,
                         "text": [ratio(row) for row in known.itertuples()]})
