"""What the chapter on another paper shows: tables, curves and sentences, computed from a summary and its cohorts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from lib.another_paper.checks import Check
from lib.another_paper.claims import Verdict, extremes
from lib.another_paper.ensemble import Ensemble
from lib.another_paper.ledger import PaperError, Summary
from lib.another_paper.scale import LONGEST_MONTHS, Scale, kind_of, printed_value
from lib.figures.another_paper import MOST_CURVES
from lib.kept import kept
from lib.narrative import join, months, number, plain
from lib.published import DATA
from lib.survival import kaplan_meier

FOLDER = DATA / "another_paper"
FOLLOW_UP = ("follow_up.max", "follow_up.min", "follow_up.median", "follow_up.reverse_median")
"""Left out: what a paper prints of survival hardly bounds how long a single patient was followed."""


def paper_path(name: str) -> Path:
    """The CSV of a name under ``data/another_paper/``, or of a path.

    Raises
    ------
    PaperError
        Where there is neither.
    """
    for path in (FOLDER / f"{name}.csv", Path(name).expanduser()):
        if path.is_file():
            return path
    known = join(sorted(path.stem for path in FOLDER.glob("*.csv")), last="or")
    raise PaperError(f"paper {name!r} is neither a file nor one of {known}; give the path of the CSV that you filled in.")


def checks_table(checks: list[Check]) -> pd.DataFrame:
    """One row a check, those that do not pass first."""
    ordered = sorted(checks, key=lambda check: check.passed)
    return pd.DataFrame({"Check": [check.name for check in ordered], "Figures": [check.figures for check in ordered],
                         "Verdict": ["agrees" if check.passed else "DOES NOT AGREE" for check in ordered],
                         "What was found": [check.finding for check in ordered]})


def checks_sentence(checks: list[Check], summary: Summary) -> str:
    """How many checks the print allows, and which fail."""
    failed = [check for check in checks if not check.passed]
    if not checks:
        return "The print allows no check: it gives single figures that nothing binds together."
    verdict = ("**all agree**. Figures can agree and still be wrong: a check sees contradictions only" if not failed else
               f"**{len(failed)} do not agree**: {join(f'{check.name.lower()} ({plain(check.figures)})' for check in failed)}")
    return f"Of {len(checks)} checks that the {len(summary.figures)} printed figures allow, {verdict}."


def search_sentence(found: Ensemble) -> str:
    """What was searched, how hard, and what came of it."""
    effort = (f"{found.n_tried:,} pairs of drawn groups were tried" if len(found.layout.groups) == 2 else f"{found.n_tried:,} draws were tried")
    if len(found):
        return (f"{effort}; {found.n_agreed:,} agreed with everything printed, and {found.n_led} that nearly agreed were led there by small changes. "
                f"**{len(found)} invented cohorts** are kept.")
    missed = join(f"{plain(name)} ({shown(name, value)})" for name, value, _ in found.nearest[:4])
    return (f"{effort}, and **no cohort was found**. That proves nothing. The nearest cohort misses "
            f"{missed or 'nothing that can be named, because no group could be drawn'}. Look at the checks above, name the program, or "
            "allow P values and limits to be further off.")


def shown(name: str, value: float) -> str:
    """A value of a figure in the paper's units, as a table shows it."""
    if value is None or math.isnan(value):
        return "–"
    if kind_of(name) == "p":
        return np.format_float_positional(value, precision=2, fractional=False, trim="-") if value >= 1e-6 else "<0.000001"
    return number(value, 0) if kind_of(name) == "survival" else number(value, 2) if kind_of(name) == "ratio" else months(value)


def worded(name: str, summary: Summary) -> str:
    """A figure's name in a reader's words."""
    quantity, _, rest = name.partition("(")
    of = f", {rest.rstrip(')')}" if rest else ", all" if quantity.startswith(("median", "survival", "mean_time.", "follow_up")) else ""
    stem, _, time = quantity.partition(".")
    words = {"median": "Median", "median.lower": "Median, lower limit", "median.upper": "Median, upper limit", "p": "Log-rank P", "p.wald": "Wald P",
             "follow_up.reverse_median": "Follow-up (reverse Kaplan-Meier)", "follow_up.median": "Median of all times",
             "follow_up.min": "Shortest time", "follow_up.max": "Longest time", "hazard_ratio": f"Hazard ratio, {' vs '.join(summary.groups)}",
             "hazard_ratio.lower": "Hazard ratio, lower limit", "hazard_ratio.upper": "Hazard ratio, upper limit"}
    if quantity in words:
        return words[quantity] + of
    label = {"survival": f"Free of {summary.event} at", "mean_time": "Mean time up to", "mean_time_gained": f"Mean time gained by {summary.groups[-1]} up to"}[stem]
    return f"{label} {time} {summary.time_unit}{of}"


def unit_of(name: str, summary: Summary) -> str:
    """A figure's unit, or blank."""
    return {"survival": "%", "time": summary.time_unit, "p": "", "ratio": ""}[kind_of(name)]


@kept
def open_figures(found: Ensemble, known: dict[str, float] | None) -> pd.DataFrame:
    """Each figure that the paper does not print, or prints as a bound only, with the range that the print leaves open.

    Parameters
    ----------
    found : Ensemble
        Not empty.
    known : dict or None
        Figures of the true patients (`lib.another_paper.known.figures_of_patients`).

    Returns
    -------
    DataFrame
        ``name``, ``Figure``, ``unit``, ``lower``, ``middle``, ``upper``, ``n`` (cohorts in which it exists), ``known`` (NaN
        where unknown) and ``inside`` (None where unknown).
    """
    rows, summary = [], found.summary
    for name in found.layout.names:
        printed, quantity = printed_value(summary, name), name.partition("(")[0]
        if printed and not printed.is_bound or quantity in FOLLOW_UP or quantity in ("median.lower", "median.upper") and not summary.program:
            continue
        values = found.values(name)
        exists = values[~np.isnan(values)]
        if not len(exists):
            continue
        lower, upper = extremes(found, name, found.search.seed)
        true = (known or {}).get(name, math.nan)
        rows.append({"name": name, "Figure": worded(name, summary), "unit": unit_of(name, summary), "lower": lower,
                     "middle": float(np.median(exists)), "upper": upper, "n": len(exists), "known": true,
                     "inside": None if math.isnan(true) else bool(lower <= true <= upper)})
    return pd.DataFrame(rows, columns=["name", "Figure", "unit", "lower", "middle", "upper", "n", "known", "inside"])


def open_table(figures: pd.DataFrame) -> pd.DataFrame:
    """`open_figures` as shown."""
    table = pd.DataFrame({
        "Figure": figures.Figure, "Unit": figures.unit,
        "Range found": [_range(row.name_, row.lower, row.upper) for row in figures.rename(columns={"name": "name_"}).itertuples()],
        "Middle cohort": [shown(name, value) for name, value in zip(figures.name, figures.middle, strict=True)]})
    if figures.known.notna().any():
        table["True patients"] = [shown(name, value) for name, value in zip(figures.name, figures.known, strict=True)]
        table["Inside"] = [{None: "–", True: "yes", False: "NO"}[inside] for inside in figures.inside]
    return table


def _range(name: str, lower: float, upper: float) -> str:
    return shown(name, lower) if shown(name, lower) == shown(name, upper) else f"{shown(name, lower)} to {shown(name, upper)}"


def drawn_ranges(figures: pd.DataFrame) -> pd.DataFrame:
    """The finite ranges of `open_figures` with the axis each is drawn on."""
    finite = figures[np.isfinite(figures.lower) & np.isfinite(figures.upper) & ~figures.name.map(kind_of).eq("p")]
    labels = {"time": "Time ({})", "survival": "Share of patients ({})", "ratio": "Hazard ratio"}
    return finite.assign(panel=[labels[kind_of(name)].format(unit) for name, unit in zip(finite.name, finite.unit, strict=True)],
                         known=finite.known.where(np.isfinite(finite.known)))


def claims_table(verdicts: list[Verdict]) -> pd.DataFrame:
    """One row a claim."""
    return pd.DataFrame({"Claim": [each.claim.words for each in verdicts], "Verdict": [each.verdict for each in verdicts],
                         "True in": [f"{each.n_true}/{each.n_judged}" if each.n_judged else "–" for each in verdicts],
                         "What decides": [each.evidence for each in verdicts]})


def claims_sentence(verdicts: list[Verdict]) -> str:
    """How many claims have which verdict."""
    counts = pd.Series([each.verdict for each in verdicts]).value_counts(sort=False)
    return f"Of {len(verdicts)} claims {join(f'{n} {_are(n)} {verdict}' for verdict, n in counts.items())}."


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def whose(patients: pd.DataFrame | None) -> str:
    """Who the patients of the chapter are: the found ones are invented, and the true ones are shown where they are public."""
    text = "**Invented patients.** The cohorts found below describe no real person: they were searched so that they give the paper's figures."
    return text if patients is None else f"{text} Only what is called *true patients* is not invented: their times are public."


def truth_sentence(figures: pd.DataFrame | None, patients: pd.DataFrame | None) -> str:
    """Whether the true patients lie inside what the print leaves open, and why not where they do not."""
    if patients is None:
        return "The patients of this paper are not public, so nothing can be held against them."
    if figures is None:
        return "The patients of this paper are public, but no cohort was found to hold against them."
    judged = figures[figures.inside.notna()]
    outside = judged[~judged.inside.astype(bool)]
    text = (f"The patients of this paper are public. Of {len(judged)} figures that the summary does not print, **{int(judged.inside.astype(bool).sum())} lie "
            "inside the range found** for the true patients")
    if len(outside):
        misses = join(f"{each.Figure} ({shown(each.name_, each.known)} against {_range(each.name_, each.lower, each.upper)})"
                      for each in outside.rename(columns={"name": "name_"}).itertuples())
        ties = patients.time.duplicated().any()
        text += f"; {len(outside)} {'does' if len(outside) == 1 else 'do'} not: {misses}"
        if ties:
            text += ". Many true times are alike, while no two times of a found cohort are: tests and ratios treat tied times by rules of their own"
    return f"{text}."


def curves_of(found: Ensemble) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Kaplan-Meier curves of found cohorts by group, in the paper's time unit."""
    groups = dict(zip(found.layout.groups, (True, False), strict=False))
    step = max(1, len(found) // MOST_CURVES)
    months_, died, first = (each[::step] for each in (found.months, found.died, found.first))
    return {group: _found_curves(*(each[first == flag].reshape(len(first), -1) for each in (months_, died)), found.scale)
            for group, flag in groups.items()}


def _found_curves(time: np.ndarray, event: np.ndarray, scale: Scale) -> list[tuple[np.ndarray, np.ndarray]]:
    """`_curve` of each row: the times ascend and no two are alike, so all are one product."""
    drawn = time <= 2 * LONGEST_MONTHS
    steps = np.where(event & drawn, 1 - 1 / np.arange(time.shape[1], 0, -1), 1.0)
    survival = np.cumprod(np.insert(steps, 0, 1.0, axis=1), axis=1)
    times = np.insert(np.minimum(time, 2 * LONGEST_MONTHS), 0, 0.0, axis=1) / scale.factor
    # all that is later ends at one point
    ends = np.minimum(drawn.sum(axis=1) + 2, times.shape[1])
    return [(times[row, :end], survival[row, :end]) for row, end in enumerate(ends)]


def known_curves(patients: pd.DataFrame | None, scale: Scale) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kaplan-Meier curves of the true patients by group, in the paper's time unit."""
    return {} if patients is None else {group: _curve(own.time.to_numpy() * scale.factor, own.event.to_numpy(), scale)
                                        for group, own in patients.groupby("group")}


def _curve(time: np.ndarray, event: np.ndarray, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """A curve up to twice the longest printed time, beyond which nothing is drawn."""
    curve = kaplan_meier(np.minimum(time, 2 * LONGEST_MONTHS), event & (time <= 2 * LONGEST_MONTHS))
    return curve.times / scale.factor, curve.survival


def axis_end(found: Ensemble) -> float:
    """Where the time axis of the curves ends: half as far again as the longest time that is printed or asked for."""
    return 1.5 * LONGEST_MONTHS / found.scale.factor


def population(summary: Summary) -> str:
    """``42 patients (placebo 21, 6-MP 21), 30 events (relapse)``."""
    sizes = [summary.count("n", group) for group in summary.groups]
    events = [summary.count("events", group) for group in summary.groups]
    total = sum(events) if None not in events else summary.count("events")
    groups = f" ({', '.join(f'{plain(group)} {n}' for group, n in zip(summary.groups, sizes, strict=True))})" if len(sizes) > 1 else ""
    return f"{sum(sizes)} patients{groups}, {total} with the event ({plain(summary.event)})"


def curves_text(found: Ensemble, patients: pd.DataFrame | None) -> dict[str, str]:
    """Caption and alternative text of the figure of found curves."""
    groups = join(plain(group) for group in found.layout.groups)
    beside = ", with the curve of the true patients" if patients is not None else ""
    at_half = found.scale.outward("time", found.figures[:, [found.layout.names.index(f"median({group})") for group in found.layout.groups]])
    medians = join(f"{plain(group)} {shown('median', float(np.median(column)))}" for group, column in zip(found.layout.groups, at_half.T, strict=True))
    return {"caption": f"Kaplan-Meier curves by group of invented cohorts that agree with the print ({population(found.summary)}){beside}. "
                       f"Time in {found.summary.time_unit}.",
            "alt": f"Many thin survival curves for {groups}, from {len(found)} invented cohorts that agree with everything printed{beside}. "
                   f"They cross one half near the printed medians ({medians} {found.summary.time_unit}) and spread elsewhere."}


def ranges_text(figures: pd.DataFrame, found: Ensemble) -> dict[str, str]:
    """Caption and alternative text of the figure of open ranges."""
    judged = figures[figures.inside.notna()]
    inside = f" The true patients lie inside in {int(judged.inside.astype(bool).sum())} of {len(judged)} figures." if len(judged) else ""
    return {"caption": f"What the print leaves open: least, middle and greatest value of figures that it does not print, in {len(found)} "
                       f"invented cohorts and the directed search from them ({population(found.summary)}). Figures that are not reached in some cohort "
                       "are in the table only.",
            "alt": f"Horizontal bars from the least to the greatest value found of {len(drawn_ranges(figures))} figures that the paper does not print.{inside}"}


def open_notes(summary: Summary) -> list[str]:
    """Footnotes of the table of open figures."""
    method = {"": "first time with survival at most one half", "spss": "SPSS", "r": "R (survival), log interval", "sas": "SAS (LIFETEST), log-log interval",
              "lifelines": "lifelines, log-log interval"}[summary.program]
    return [f"Medians: {method}. Mean time: area under the Kaplan-Meier curve. Wald P: Cox regression.",
            "*Middle cohort*: the median over found cohorts, no estimate."]


def recorded(checks: list[Check], found: Ensemble, verdicts: list[Verdict]) -> dict[str, int]:
    """What the chapter hands on."""
    return {"another_paper.checks.count": len(checks), "another_paper.checks.failed.count": sum(not each.passed for each in checks),
            "another_paper.cohorts.count": len(found), "another_paper.claims.count": len(verdicts),
            "another_paper.claims.undecided.count": sum(each.verdict == "undecided" for each in verdicts)}
