"""Figures of the survival chapter: Kaplan-Meier curves with their at-risk tables, timelines, incidence and forest plots."""

from __future__ import annotations

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lib.figures.many import (
    MOST_LANES,
    MOST_MARKS,
    MOST_TICKS,
    apart,
    are_ticked,
    corners,
    draw_density,
    evenly,
    is_crowded,
    log_ticks,
    one_in,
    width_in,
)
from lib.figures.style import FULL_WIDTH_IN, GREY, HALO, HATCHES, INK, LINE_STYLES, MARKERS, PALETTE
from lib.survival.competing import PROGRESSION
from lib.suppression import COUNT_GID
from lib.survival.estimate import at_risk_table, median_survival
from lib.survival.groups import SHORT_TITLES

ROW_IN = 0.185
AXIS_IN, PANEL_IN, CUTS_IN = 5.9, 2.7, 5.0  # lengths of the time axis across the page, of one of two beside each other, of cuts
LABEL_CHARACTERS = 38
LABEL_WIDTH, LABEL_HEIGHT = 0.1, 0.08  # of a median's value and of a curve's name, as shares of the axes of a panel
TICK_STEPS = (0.5, 1, 2, 3, 6, 12, 24, 36, 48, 60, 120)
AT_RISK_COLUMNS = {"at_risk": "At risk", "events": "Events", "censored": "Censored"}


CLOCK_AXES = {
    "os_diagnosis": ("Months from diagnosis of leiomyosarcoma", "Overall survival (proportion)"),
    "os_liver_metastasis": ("Months from diagnosis of liver metastasis", "Overall survival (proportion)"),
    "os_treatment": ("Months from first liver-directed treatment", "Overall survival (proportion)"),
    "liver_pfs": ("Months from first liver-directed treatment", "Liver PFS (proportion)"),
}


def month_ticks(longest: float, at_most: int = 8) -> np.ndarray:
    """Ticks of a time axis in months from 0 to at least `longest`, in steps that clinicians read."""
    step = next((step for step in TICK_STEPS if longest / step <= at_most), longest / at_most)
    return np.arange(0, np.ceil(longest / step + 1e-9) + 1) * step


def draw_survival(curves: dict, *, xlabel: str, ylabel: str = "Overall survival (proportion)", interval: str = "log-log",
                  median_convention: str = "spss", table_rows=("at_risk", "events", "censored")):
    """Kaplan-Meier curves over their extended at-risk table, on one time axis.

    Parameters
    ----------
    curves : dict
        Label -> `lib.survival.estimate.Curve`, in the order shown; one curve needs no label on the plot.
    xlabel, ylabel : str
        With units.
    interval : {"log-log", "log", "plain"}
        Scale of the pointwise bands.
    median_convention : str
        Convention of the medians dropped to the axis.
    table_rows : sequence of str
        Of "at_risk", "events", "censored".

    Returns
    -------
    matplotlib Figure
    """
    ticks = month_ticks(max(curve.longest for curve in curves.values()))
    n_rows = len(curves) * (len(table_rows) + (len(curves) > 1))
    figure, (ax, below) = plt.subplots(2, 1, sharex=True, figsize=(FULL_WIDTH_IN, 3.1 + ROW_IN * n_rows),
                                       height_ratios=[3.1, ROW_IN * n_rows])
    draw_curves(ax, curves, interval=interval, median_convention=median_convention)
    ax.set(ylabel=ylabel, xlim=(ticks[0], ticks[-1]), xticks=ticks)
    ax.tick_params(labelbottom=True)
    ax.set_xlabel(xlabel)
    write_at_risk(below, curves, ticks, table_rows)
    return figure


def draw_clock(name: str, curve, choices):
    """One of the paper's four figures: the curve of a clock (`CLOCK_AXES`) over its at-risk table, by the reader's choices."""
    xlabel, ylabel = CLOCK_AXES[name]
    return draw_survival({name: curve}, xlabel=xlabel, ylabel=ylabel, interval=choices.modern_interval,
                         median_convention=choices.median_convention)


def draw_curves(ax, curves: dict, *, interval: str = "log-log", median_convention: str = "spss", bands: bool = True,
                colours=None, label_curves: bool = True, ticked: bool | None = None):
    """Steps, bands, censoring ticks (unless there are too many) and medians of the curves on one axis; returns the axis."""
    colours = colours or _colours(curves)
    ticked = are_ticked(curves.values()) if ticked is None else ticked
    for (label, curve), style in zip(curves.items(), _cycle(LINE_STYLES)):
        colour = colours[label]
        times, survival = _extended(curve.times, curve.survival, curve.longest)
        ax.step(times, survival, where="post", color=colour, linestyle=style, label=label)
        if bands:
            lower, upper = (_extended(curve.times, limit, curve.longest)[1] for limit in curve.band(interval))
            ax.fill_between(times, lower, upper, step="post", color=colour, alpha=0.13, linewidth=0)
        censored = curve.times[curve.censored > 0] if ticked else curve.times[:0]
        ax.plot(censored, curve.at(censored), "|", color=colour, markersize=7, markeredgewidth=1.2)
    medians = {label: median_survival(curve, median_convention).value for label, curve in curves.items()}
    crowded = _crowded(medians, LABEL_WIDTH * max(curve.longest for curve in curves.values()))
    labelled = label_curves and len(curves) > 1
    in_key = labelled and not _has_room(curves, medians)
    for label, median in medians.items():
        _drop_median(ax, median, colours[label], left=label in crowded, written=not in_key, halo=not ticked)
    ax.set_ylim(0, 1.02)
    ax.set_yticks(np.arange(0, 1.01, 0.25))
    if in_key:
        _label_in_key(ax, medians)
    elif labelled:
        _label_directly(ax, curves, colours)
    return ax


def write_at_risk(ax, curves: dict, ticks, table_rows=("at_risk", "events", "censored")):
    """Counts at the start of each period under the ticks they belong to; returns the axis."""
    ax.set_ylim(0, 1)
    ax.axis("off")
    colours = _colours(curves)
    lines = []
    for label, curve in curves.items():
        table = at_risk_table(curve, ticks)
        lines += [(label, None, colours[label])] if len(curves) > 1 else []
        lines += [(AT_RISK_COLUMNS[row], table[row], INK) for row in table_rows]
    left, step = _room_for_counts([counts for _, counts, _ in lines if counts is not None], ticks, AXIS_IN, 0.03)
    for i, (title, counts, colour) in enumerate(lines):
        height = 1 - (i + 0.5) / len(lines)
        heading = counts is None
        ax.text(-left, height, title, transform=ax.transAxes, ha="right", va="center", fontsize=8, color=_text_colour(colour),
                fontweight="bold" if heading else "normal")
        for tick, count in zip(ticks[::step], counts[::step] if counts is not None else []):
            ax.text(tick, height, f"{count:,d}", ha="center", va="center", fontsize=8, gid=COUNT_GID)
    return ax


def _room_for_counts(rows, ticks, axis_in, usual):
    """Where the text left of the counts ends, as a share of the axis, and at which of the ticks counts are written (1: at each)."""
    starts, all_counts = ([f"{count:,d}" for row in rows for count in row[:end]] for end in (1, None))
    return (max(usual, (width_in(starts, 8) / 2 + 0.06) / axis_in),
            one_in(all_counts, 8, axis_in / max(len(ticks) - 1, 1)))


def draw_survival_panels(panels: dict, *, xlabel: str, median_convention: str = "spss", interval: str = "log-log"):
    """Several comparisons of two groups as small multiples, each with its numbers at risk.

    Parameters
    ----------
    panels : dict
        Title -> curves (label -> Curve).
    xlabel : str
    median_convention, interval : str

    Returns
    -------
    matplotlib Figure
    """
    columns = 2 if len(panels) > 1 else 1
    rows = int(np.ceil(len(panels) / columns))
    ticks = month_ticks(max(curve.longest for curves in panels.values() for curve in curves.values()), at_most=5)
    ticked = all(are_ticked(curves.values()) for curves in panels.values())
    figure, axes = plt.subplots(2 * rows, columns, figsize=(FULL_WIDTH_IN, 3.15 * rows), squeeze=False,
                                height_ratios=[2.6, 0.5] * rows)
    for i, (title, curves) in enumerate(panels.items()):
        row, column = divmod(i, columns)
        ax, below = axes[2 * row, column], axes[2 * row + 1, column]
        draw_curves(ax, curves, median_convention=median_convention, interval=interval, ticked=ticked)
        ax.set(xlim=(0, ticks[-1]), xticks=ticks, xlabel=xlabel, ylabel="Overall survival" if column == 0 else "")
        ax.set_title(title, fontsize=9)
        below.set_xlim(0, ticks[-1])
        _write_numbers_at_risk(below, curves, ticks)
    for empty in axes.T.reshape(columns, -1)[-1][2 * (rows - 1):] if len(panels) % columns else []:
        empty.axis("off")
    return figure


def draw_comparisons(grouped: dict, choices):
    """Small multiples of the groupings; `grouped` is quantity name -> (Grouping, level -> Curve)."""
    panels = {grouping.title: {grouping.levels[level]: curve for level, curve in by_level.items()}
              for grouping, by_level in grouped.values()}
    return draw_survival_panels(panels, xlabel="Months from first treatment", median_convention=choices.median_convention,
                                interval=choices.modern_interval)


def draw_arms(arms: dict, choices):
    """Survival by first treatment, with numbers at risk and events."""
    return draw_survival(arms, xlabel=CLOCK_AXES["os_treatment"][0], interval=choices.modern_interval,
                         median_convention=choices.median_convention, table_rows=("at_risk", "events"))


def _write_numbers_at_risk(ax, curves, ticks):
    ax.set_ylim(0, 1)
    ax.axis("off")
    colours = _colours(curves)
    ax.text(-0.03, 1.0, "At risk", transform=ax.transAxes, fontsize=7.5, color=GREY, ha="right", va="bottom")
    rows = [at_risk_table(curve, ticks).at_risk for curve in curves.values()]
    left, step = _room_for_counts(rows, ticks, PANEL_IN, 0.05)
    for i, (label, row, style) in enumerate(zip(curves, rows, _cycle(LINE_STYLES))):
        height = 1 - (i + 0.5) / len(curves)
        ax.plot([-left - 0.09, -left], [height, height], transform=ax.transAxes, color=colours[label], linestyle=style, clip_on=False)
        for tick, count in zip(ticks[::step], row[::step]):
            ax.text(tick, height, f"{count:,d}", ha="center", va="center", fontsize=8, gid=COUNT_GID)


def draw_immortal_time(patients: pd.DataFrame, landmark_months: float):
    """Timeline of the patients whose status became known after treatment: the time before it was immortal.

    Parameters
    ----------
    patients : pandas.DataFrame
        `patient`, `months`, `died`, `known_months`, `group` (label), one row a patient.
    landmark_months : float

    Returns
    -------
    matplotlib Figure
    """
    shown = evenly(patients.sort_values(["group", "months"]), MOST_LANES).reset_index(drop=True)
    groups = list(dict.fromkeys(shown.group))
    figure, ax = plt.subplots(figsize=(FULL_WIDTH_IN, 0.17 * len(shown) + 1.1))
    for i, row in shown.iterrows():
        known = min(row.known_months, row.months) if row.known_months == row.known_months else row.months
        colour = PALETTE[groups.index(row.group) % len(PALETTE)]
        ax.barh(i, known, color="white", edgecolor=GREY, hatch=HATCHES[1], height=0.62, linewidth=0.6)
        ax.barh(i, row.months - known, left=known, color=colour, height=0.62)
        ax.plot(row.months, i, marker="X" if row.died else ">", color=INK, markersize=5, clip_on=False, linestyle="none")
    ax.axvline(landmark_months, color=INK, linestyle=LINE_STYLES[1], linewidth=1)
    ax.set_yticks(range(len(shown)), shown.patient, fontsize=7)
    ax.set(xlabel="Months from first treatment", xlim=(0, None), ylim=(-0.7, len(shown) - 0.3))
    _legend_of_timeline(ax, groups, landmark_months)
    return figure


def _legend_of_timeline(ax, groups, landmark_months):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Patch(facecolor="white", edgecolor=GREY, hatch=HATCHES[1], label="status not yet known (immortal time)")]
    handles += [Patch(color=PALETTE[i % len(PALETTE)], label=group) for i, group in enumerate(groups)]
    handles += [Line2D([], [], color=INK, linestyle=LINE_STYLES[1], linewidth=1, label=f"landmark, {landmark_months:g} months"),
                Line2D([], [], color=INK, marker="X", linestyle="none", markersize=5, label="died"),
                Line2D([], [], color=INK, marker=">", linestyle="none", markersize=5, label="alive at last contact")]
    ax.legend(handles=handles, loc="lower right", fontsize=8)


def draw_delayed_entry(entered: dict, interval: str = "log-log"):
    """Naive and delayed-entry curves of several clocks, with the size of the delayed-entry risk set below.

    Parameters
    ----------
    entered : dict
        Quantity name of the clock -> dict with `naive` and `delayed` (Curve), and `start_months` from which the latter is conditional.

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = plt.subplots(2, len(entered), figsize=(FULL_WIDTH_IN, 4.3), squeeze=False, height_ratios=[3, 1],
                                sharex="col")
    for column, (name, panel) in enumerate(entered.items()):
        ax, below = axes[:, column]
        naive, delayed = panel["naive"], panel["delayed"]
        draw_curves(ax, {"naive": naive}, interval=interval, colours={"naive": GREY})
        if delayed is not None:
            shown = delayed.times >= panel["start_months"]
            times = np.concatenate([[panel["start_months"]], delayed.times[shown]])
            survival = np.concatenate([[1.0], delayed.survival[shown]])
            drawn = corners(times)
            ax.step(times[drawn], survival[drawn], where="post", color=PALETTE[0], linestyle=LINE_STYLES[1])
            drawn = corners(delayed.times)
            below.step(delayed.times[drawn], delayed.at_risk[drawn], where="post", color=PALETTE[0])
        drawn = corners(naive.times)
        below.step(naive.times[drawn], naive.at_risk[drawn], where="post", color=GREY)
        ticks = month_ticks(naive.longest, at_most=5)
        ax.set(title=SHORT_TITLES[name], xlim=(0, ticks[-1]), xticks=ticks, ylabel="Overall survival" if column == 0 else "")
        below.set(xlabel=CLOCK_AXES[name][0].replace("diagnosis of leiomyosarcoma", "diagnosis").replace("diagnosis of l", "l"), ylim=(0, None), ylabel="At risk" if column == 0 else "")
        below.yaxis.set_major_formatter("{x:,.9g}")
        ax.text(0.98, 0.97, "naive", color=GREY, transform=ax.transAxes, ha="right", va="top", fontsize=8.5)
        ax.text(0.98, 0.89, "delayed entry", color=PALETTE[0], transform=ax.transAxes, ha="right", va="top", fontsize=8.5)
    return figure


def draw_incidence(incidence: dict, naive_curve, xlabel: str = "Months from first treatment"):
    """Cumulative incidence of each cause stacked to one, beside the complement of the Kaplan-Meier curve.

    Parameters
    ----------
    incidence : dict
        Cause -> `lib.survival.competing.Incidence`.
    naive_curve : Curve
        Kaplan-Meier curve that censors the competing event.

    Returns
    -------
    matplotlib Figure
    """
    figure, ax = plt.subplots(figsize=(FULL_WIDTH_IN, 3.4))
    figure.set_layout_engine("constrained", w_pad=0.1)  # the labels at the right are wider in print than on the screen
    longest = naive_curve.longest
    *ends, end = apart([*(curve.incidence[-1] for curve in incidence.values()), 1 - naive_curve.survival[-1]], 0.055)
    for (cause, curve), style, colour, height in zip(incidence.items(), _cycle(LINE_STYLES), PALETTE, ends):
        times, values = _extended(curve.times, curve.incidence, longest)
        ax.step(times, values, where="post", color=colour, linestyle=style)
        lower, upper = (_extended(curve.times, limit, longest)[1] for limit in (curve.lower, curve.upper))
        ax.fill_between(times, lower, upper, step="post", color=colour, alpha=0.13, linewidth=0)
        ax.annotate("progression in the liver" if cause == PROGRESSION else f"{cause} before it", (longest, height), xytext=(4, 0), textcoords="offset points", color=colour, va="center")
    times, survival = _extended(naive_curve.times, naive_curve.survival, longest)
    ax.step(times, 1 - survival, where="post", color=GREY, linewidth=1.1, linestyle=LINE_STYLES[2])
    ax.annotate("1 - Kaplan-Meier", (longest, end), xytext=(4, 0), textcoords="offset points", color=GREY,
                va="center")
    ticks = month_ticks(longest)
    ax.set(xlabel=xlabel, ylabel="Cumulative incidence (proportion)", xlim=(0, ticks[-1]), xticks=ticks, ylim=(0, 1.02))
    return figure


def draw_cut_search(table: pd.DataFrame, cut: float, corrected_p: float | None, alpha: float):
    """Log-rank P at each cut of a covariate, with the cut in use and the P corrected for the search.

    Parameters
    ----------
    table : pandas.DataFrame
        From `lib.survival.search_cut`.
    cut : float
        The cut in use.
    corrected_p : float or None
    alpha : float
        Conventional limit, drawn as a line.

    Returns
    -------
    matplotlib Axes
    """
    _, ax = plt.subplots(figsize=(FULL_WIDTH_IN, 3.1))
    ax.plot(table.cut, table.p_value, color=PALETTE[0], marker="o", markersize=4)
    chosen = table[np.isclose(table.cut, cut)]
    ax.plot(chosen.cut, chosen.p_value, marker="o", markersize=9, markerfacecolor="none", color=INK, linestyle="none")
    lines = [(alpha, f"level {alpha:.2g}", GREY, LINE_STYLES[1])]
    lines += [(corrected_p, "best cut, corrected", _text_colour(PALETTE[4]), LINE_STYLES[2])] if corrected_p is not None else []
    for height, text, colour, style in lines:
        ax.axhline(height, color=colour, linestyle=style, linewidth=1.1)
        ax.annotate(text, (1, height), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points", color=colour,
                    va="bottom" if height >= max(line[0] for line in lines) else "top", fontsize=8)
    counts = [f"{row.n_early:,}:{row.n_late:,}" for row in table.itertuples()]
    room_in = CUTS_IN / max(len(table), 1)
    if one_in(counts, 7.5, room_in) > 1:
        counts = [count.replace(":", ":\n") for count in counts]
    step = one_in("\n".join(counts).split("\n"), 7.5, room_in)
    for cut, count in list(zip(table.cut, counts))[::step]:
        ax.annotate(count, (cut, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                    textcoords="offset points", fontsize=7.5, ha="center", color=GREY)
    smallest = np.nanmin([*table.p_value, corrected_p if corrected_p is not None else 1, alpha])
    ticks = [tick for tick in (0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1) if tick >= smallest / 2]
    ax.set(xlabel="Cut between early and late treatment (months from liver metastasis)", ylabel="Log-rank P (log scale)",
           yscale="log", ylim=(smallest / 1.6, 1.15), xticks=table.cut)
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    return ax


def counts_at_cuts(table: pd.DataFrame) -> np.ndarray:
    """Counts of patients that `draw_cut_search` shows: on each side of a cut, and between a cut and the next."""
    return np.concatenate([table.n_early, table.n_late, np.diff(table.n_early)])


def draw_forest(table: pd.DataFrame, *, xlabel: str, no_effect: float | None = 1.0, log: bool = True):
    """Estimates with their intervals, one a row, and the figures beside them.

    Parameters
    ----------
    table : pandas.DataFrame
        `label`, `estimate`, `lower`, `upper` (missing where there is none), `text` (written to the right), and optionally
        `group` (a heading whenever it changes) and `highlight`.
    xlabel : str
    no_effect : float or None
        Where the reference line stands.
    log : bool
        Logarithmic axis.

    Returns
    -------
    matplotlib Axes
    """
    lines = list(_with_headings(table))[::-1]
    labels = [heading or fill(row.label, LABEL_CHARACTERS) for heading, row in lines]
    heights = np.array([0.075 + 0.125 * (label.count("\n") + 1) for label in labels])
    positions = np.cumsum(heights) - heights / 2
    _, ax = plt.subplots(figsize=(FULL_WIDTH_IN, heights.sum() + 0.6))
    limits = _forest_limits(table, log)
    for (heading, row), label, y in zip(lines, labels, positions):
        ax.text(-0.02, y, label, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=8,
                fontweight="bold" if heading else "normal", linespacing=1.0)
        if heading:
            continue
        colour = PALETTE[4] if getattr(row, "highlight", False) else PALETTE[0]
        ax.text(1.02, y, row.text, transform=ax.get_yaxis_transform(), ha="left", va="center", fontsize=8)
        if np.isfinite(row.lower) and np.isfinite(row.upper):
            ax.plot(np.clip([row.lower, row.upper], *limits), [y, y], color=colour, linewidth=1.3)
            for end, marker in ((row.lower, "<"), (row.upper, ">")):
                if not limits[0] <= end <= limits[1]:
                    ax.plot(np.clip(end, *limits), y, marker=marker, color=colour, markersize=4)
        if np.isfinite(row.estimate):
            ax.plot(np.clip(row.estimate, *limits), y, marker="D" if colour == PALETTE[4] else "s", color=colour, markersize=4.5)
    if no_effect is not None:
        ax.axvline(no_effect, color=GREY, linewidth=0.9)
    ax.set(xlabel=xlabel, ylim=(0, heights.sum()), yticks=[], xscale="log" if log else "linear", xlim=limits)
    if log:
        ticks = log_ticks(*limits)
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    ax.spines["left"].set_visible(False)
    return ax


def draw_medians(rows: pd.DataFrame, xlabel: str):
    """Own and quoted medians (`lib.survival.paper.forest_rows`) on one linear axis, headed by their time origins."""
    return draw_forest(rows, xlabel=xlabel, no_effect=None, log=False)


def _with_headings(table):
    last = None
    for row in table.itertuples():
        group = getattr(row, "group", None)
        if group != last and group:
            yield group, None
        last = group
        yield None, row


def _forest_limits(table, log):
    finite = table[["estimate", "lower", "upper"]].to_numpy(float)
    finite = finite[np.isfinite(finite) & (finite > 0 if log else True)]
    if not len(finite):
        return (0.1, 10.0) if log else (0.0, 1.0)
    if log:
        return max(finite.min() * 0.8, 0.01), min(finite.max() * 1.25, 100.0)
    return min(0.0, float(finite.min())), float(finite.max()) * 1.05


def draw_left_out(medians: dict, p_values: dict, alpha: float):
    """What leaving out each patient in turn does to medians and P values.

    Parameters
    ----------
    medians, p_values : dict
        Label -> (value with everyone, values with one patient left out).
    alpha : float

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = plt.subplots(2, 1, figsize=(FULL_WIDTH_IN, 0.27 * (len(medians) + len(p_values)) + 1.3),
                                height_ratios=[max(len(medians), 1), max(len(p_values), 1)])
    for ax, rows, xlabel in [(axes[0], medians, "Median (months)"), (axes[1], p_values, "Log-rank P")]:
        for i, (everyone, without) in enumerate(reversed(rows.values())):
            without = np.asarray(without, dtype=float)
            ax.plot(without[np.isfinite(without)], np.full(np.isfinite(without).sum(), i), "|", color=PALETTE[0], markersize=10)
            if everyone is not None and np.isfinite(everyone):
                ax.plot(everyone, i, marker="D", color=PALETTE[4], markersize=5, markerfacecolor="none")
        ax.set_yticks(range(len(rows)), list(reversed(rows)), fontsize=8)
        ax.set(xlabel=xlabel, ylim=(-0.6, len(rows) - 0.4))
    axes[0].set_xlim(left=0)
    axes[1].set_xlim(0, 1)
    axes[1].axvline(alpha, color=GREY, linestyle=LINE_STYLES[1], linewidth=1)
    return figure


def draw_hazard_checks(check, grouping, by_level: dict, xlabel: str = "Months from first treatment"):
    """Proportional hazards: scaled Schoenfeld residuals against time, and the log-log plot of the groups.

    Parameters
    ----------
    check : lib.survival.assumptions.ProportionalHazards
    grouping : lib.survival.groups.Grouping
    by_level : dict
        Level -> Curve.

    Returns
    -------
    matplotlib Figure
    """
    curves = {grouping.levels[level]: curve for level, curve in by_level.items()}
    figure, (left, right) = plt.subplots(1, 2, figsize=(FULL_WIDTH_IN, 3.1))
    crowded = is_crowded(len(check.event_months))
    if crowded:
        draw_density(left, check.event_months, check.log_hazard_ratios)
    else:
        left.plot(check.event_months, check.log_hazard_ratios, "o", color=PALETTE[0], markersize=4)
    if len(check.event_months) > 3:
        left.plot(*_running_mean(check.event_months, check.log_hazard_ratios), color=PALETTE[4])
    left.axhline(0, color=GREY, linewidth=0.9)
    left.set(title="Local log hazard ratio", xlabel=xlabel, ylabel="Log hazard ratio at each death")
    for (label, curve), style, colour in zip(curves.items(), _cycle(LINE_STYLES), PALETTE):
        inside = corners(curve.times)
        inside = inside[(curve.survival[inside] > 0) & (curve.survival[inside] < 1) & (curve.times[inside] > 0)]
        right.step(curve.times[inside], np.log(-np.log(curve.survival[inside])), where="post", color=colour, linestyle=style,
                   label=label)
    separator = "\n" if crowded else " "  # the key of the shading takes room that the label would need
    right.set(title="Log-log survival", xlabel=f"{xlabel}{separator}(log scale)", ylabel="log(-log S)", xscale="log")
    ticks = [tick for tick in (1, 2, 3, 6, 12, 24, 48, 96) if right.get_xlim()[0] <= tick <= right.get_xlim()[1]]
    right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    right.legend(loc="lower right", fontsize=8)
    return figure


def draw_functional_form(forms: dict):
    """Martingale residuals of the model without covariates against each covariate, with a running mean.

    Parameters
    ----------
    forms : dict
        Axis label (with unit) -> (values, residuals).

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = plt.subplots(1, len(forms), figsize=(FULL_WIDTH_IN, 2.8), sharey=True, squeeze=False)
    for ax, (label, (values, residuals)) in zip(axes[0], forms.items()):
        if is_crowded(len(values)):
            draw_density(ax, values, residuals)
        else:
            ax.plot(values, residuals, MARKERS[0], color=PALETTE[0], markersize=4)
        ax.plot(*_running_mean(values, residuals), color=PALETTE[4])
        ax.axhline(0, color=GREY, linewidth=0.9)
        ax.set_xlabel(label)
    axes[0, 0].set_ylabel("Deaths minus expected")
    return figure


def _running_mean(x, y, share=0.4):
    """Mean of the nearest share of points: enough to show a bend, nothing to extrapolate from."""
    order = np.argsort(x, kind="stable")
    x, y = np.asarray(x, float)[order], np.asarray(y, float)[order]
    half = max(int(np.ceil(share * len(x) / 2)), 1)
    at = np.linspace(0, len(x) - 1, min(len(x), MOST_MARKS)).round().astype(int)
    first, last = np.maximum(at - half, 0), np.minimum(at + half + 1, len(x))
    total = np.concatenate([[0.0], np.cumsum(y)])
    return x[at], (total[last] - total[first]) / (last - first)


def _crowded(medians, room):
    """Curves whose median another one follows so closely that their values would overlap."""
    drawn = sorted((median, label) for label, median in medians.items() if median is not None and np.isfinite(median))
    return {label for (median, label), (following, _) in zip(drawn, drawn[1:]) if following - median < room}


def _drop_median(ax, median, colour, left=False, written=True, halo=False):
    """The median down to the axis, with its value right of the line, or left of it where another value follows close."""
    if median is None or not np.isfinite(median):
        return
    ax.plot([0, median, median], [0.5, 0.5, 0], color=colour, linewidth=0.8, linestyle=LINE_STYLES[2])
    if not written:
        return
    ax.annotate(f"{median:.1f}", (median, 0), xytext=(-2 if left else 2, 2), textcoords="offset points", fontsize=8,
                ha="right" if left else "left", color=_text_colour(colour), path_effects=HALO if halo else None)


def _has_room(curves, medians):
    """Whether names and medians can stand at the curves: these have long steps, and no two names or three medians meet."""
    longest = max(curve.longest for curve in curves.values())
    found = np.sort([median for median in medians.values() if median is not None and np.isfinite(median)])
    below = np.sort(_where_to_label(curves)[1])[:-1]
    return (max(len(curve.times) for curve in curves.values()) <= MOST_TICKS and not (np.diff(below) < LABEL_HEIGHT).any()
            and not (found[2:] - found[:-2] < LABEL_WIDTH * longest).any())


def _label_in_key(ax, medians):
    """Name the curves, with their medians, in a key where they leave it room."""
    lines = {line.get_label(): line for line in ax.lines}
    values = {label: f"{median:.1f}" if median is not None and np.isfinite(median) else "not reached" for label, median in medians.items()}
    ax.legend([lines[label] for label in values], [f"{label}: {value}" for label, value in values.items()],
              title="Median, months", title_fontsize=8, fontsize=8, alignment="left", handlelength=1.8)


def _where_to_label(curves):
    """The time at which the curves lie furthest apart, and each curve's height there, 0 where it has ended."""
    grid = np.linspace(0.26, 0.5, 25) * max(curve.longest for curve in curves.values())
    values = np.array([np.where(grid <= curve.longest, curve.at(grid), np.nan) for curve in curves.values()])
    both = ~np.isnan(values).any(axis=0)
    spread = np.where(both, np.nan_to_num(values).max(axis=0) - np.nan_to_num(values).min(axis=0), -1.0)
    at = int(spread.argmax())
    return grid[at], np.nan_to_num(values[:, at])


def _label_directly(ax, curves, colours):
    """Name each curve where the curves lie furthest apart: the upper one above its line, the others below."""
    at, heights = _where_to_label(curves)
    ranks = np.argsort(np.argsort(-heights, kind="stable"))
    for (label, curve), rank in zip(curves.items(), ranks):
        x = min(at, curve.longest)
        ax.annotate(label, (x, float(curve.at(x))), xytext=(3, 4 if rank == 0 else -4), textcoords="offset points",
                    color=_text_colour(colours[label]), fontsize=8.5, ha="left", va="bottom" if rank == 0 else "top",
                    fontweight="bold", path_effects=HALO)


def _text_colour(colour):
    """The curve's colour, darkened until it reads on white."""
    from matplotlib.colors import to_rgb

    rgb = np.array(to_rgb(colour))
    while rgb @ [0.2126, 0.7152, 0.0722] > 0.36:
        rgb = rgb * 0.9
    return tuple(rgb)


def _colours(curves):
    from lib.figures.style import colour_for

    return colour_for(curves)


def _cycle(items):
    from itertools import cycle

    return cycle(items)


def _extended(times, values, longest):
    """A step function carried to the end of follow-up, with no more corners than a page can show."""
    shown = corners(times)
    return np.append(times[shown], longest), np.append(values[shown], values[-1])
