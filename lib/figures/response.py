"""Figures of the response chapter: waterfall, alluvial, rates, second readings, spider."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from lib.cohort import DAYS_PER_MONTH
from lib.figures.many import corners
from lib.figures.style import CATEGORY_COLOURS, FULL_WIDTH_IN, GREY, HATCHES, INK, LINE_STYLES, MARKERS, PALE, colour_for
from lib.response import CATEGORIES, Agreement
from lib.response.study import CohortResponse

WIDTH_IN = 4.8
"""Narrower than the page: the labels then stay readable on a phone."""
MARGIN_IN, BAR_IN = 0.9, 0.165
LARGEST_CHANGE = 100.0
NODE_WIDTH, GAP, THINNEST_LABELLED = 0.10, 0.04, 0.02
RESPONSE_LINE, PROGRESSION_LINE = -30.0, 20.0


# -- waterfall -----------------------------------------------------------------------------------------

def draw_waterfall(judged: CohortResponse, drawn: int):
    """Change of each patient's sum from baseline to the landmark visit, by both criteria.

    Parameters
    ----------
    judged : CohortResponse
    drawn : int
        Most patients drawn as bars; a larger cohort is drawn as one sorted curve a treatment.

    Returns
    -------
    matplotlib Figure, or None where there is nothing to draw
    """
    if not judged.response:
        return None
    tables = {name: judged.landmark(name).assign(group=judged.group) for name in judged.response}
    bars = len(judged.group) if len(judged.group) <= drawn else 0
    width = min(FULL_WIDTH_IN, max(WIDTH_IN, MARGIN_IN + BAR_IN * bars))
    figure, axes = plt.subplots(len(tables), 1, figsize=(width, 0.5 + 2.75 * len(tables)), sharey=True, squeeze=False)
    for ax, (criterion, table) in zip(axes[:, 0], tables.items()):
        measured = table.dropna(subset="change_percent").sort_values("change_percent", ascending=False, kind="stable")
        draw = _bars if len(measured) <= drawn else _profiles
        draw(ax, measured, judged.groups)
        for y, text in ((PROGRESSION_LINE, "+20"), (RESPONSE_LINE, "−30")):
            ax.axhline(y, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=3)
            ax.text(1.01, y, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8.5)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_title(f"{criterion}: {len(measured):,} of {len(table):,} patients measured")
        ax.set_ylabel("Change in sum (%)")
        ax.set_ylim(-108, LARGEST_CHANGE + 32)
    figure.legend(handles=_group_handles(judged.groups, star=len(judged.group) <= drawn), loc="outside lower center", ncols=2)
    return figure


def _bars(ax, measured: pd.DataFrame, groups: list[str]) -> None:
    colours, hatches = colour_for(groups), dict(zip(groups, HATCHES * len(groups)))
    heights = measured.change_percent.clip(upper=LARGEST_CHANGE)
    # a change of nothing still gets a sliver, so that the patient is seen
    heights = heights.mask(heights.abs() < 0.8, 0.8)
    ax.bar(range(len(measured)), heights, color=[colours[each] for each in measured.group], edgecolor="white",
           linewidth=0.6, hatch=[hatches[each] for each in measured.group], width=0.86, zorder=2)
    for x, change in enumerate(measured.change_percent):
        if change > LARGEST_CHANGE:
            ax.text(x, LARGEST_CHANGE + 3, f"+{change:.0f}", ha="center", va="bottom", rotation=90, fontsize=8)
    # in points: as large as the bars are wide, and none at all where that is too small to read
    size = min(8.0, 0.9 * 72 * (ax.figure.get_figwidth() - MARGIN_IN) / max(len(measured), 1))
    labels = [f"{row.Index}  {row.response}{'*' if row.decided_by == 'new lesion' else ''}" for row in measured.itertuples()]
    ax.set_xticks(range(len(measured)), labels if size >= 4 else [""] * len(labels), rotation=90, fontsize=size)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.7, max(len(measured), 3) - 0.3)


def _profiles(ax, measured: pd.DataFrame, groups: list[str]) -> None:
    """One sorted curve a treatment: a waterfall of thousands without bars thinner than the ink."""
    colours = colour_for(groups)
    for i, group in enumerate(groups):
        changes = measured.loc[measured.group.eq(group), "change_percent"].clip(upper=LARGEST_CHANGE).to_numpy()
        if len(changes):
            share = np.linspace(0, 100, len(changes) + 1)
            shown = corners(share)
            ax.step(share[shown], np.append(changes, changes[-1])[shown], where="post", color=colours[group],
                    linestyle=LINE_STYLES[i % len(LINE_STYLES)], linewidth=2)
    ax.set_xlabel("Share of the treatment's patients (%)")
    ax.set_xlim(0, 100)


def _group_handles(groups: list[str], star: bool) -> list:
    colours = colour_for(groups)
    if not star:
        return [Line2D([], [], color=colours[group], linestyle=LINE_STYLES[i % len(LINE_STYLES)], linewidth=2, label=group)
                for i, group in enumerate(groups)]
    handles = [Patch(facecolor=colours[group], edgecolor="white", hatch=hatch, label=group)
               for group, hatch in zip(groups, HATCHES * len(groups))]
    return [*handles, Line2D([], [], linestyle="none", label="* PD by a new lesion alone")]


# -- from RECIST to mRECIST ----------------------------------------------------------------------------

def draw_alluvial(both: Agreement | None):
    """Flow of patients from their RECIST to their mRECIST category.

    Parameters
    ----------
    both : Agreement or None

    Returns
    -------
    matplotlib Figure, or None where there is nothing to draw
    """
    if both is None:
        return None
    order = [each for each in reversed(CATEGORIES) if each in both.table.index]
    counts = both.table.reindex(index=order, columns=order)
    total = max(int(counts.to_numpy().sum()), 1)
    figure, ax = plt.subplots(figsize=(WIDTH_IN, 4.0))
    left, right = _stack(counts.sum(axis=1) / total), _stack(counts.sum() / total)
    leaving, arriving = dict(left), dict(right)
    for first in order:
        for second in order:
            share = counts.loc[first, second] / total
            if share:
                _ribbon(ax, leaving[first], arriving[second], share, first, second, counts.loc[first, second])
                leaving[first] -= share
                arriving[second] -= share
    _nodes(ax, left, counts.sum(axis=1), total, 0.0, "RECIST")
    _nodes(ax, right, counts.sum(), total, 1.0, "mRECIST")
    ax.set(xlim=(-0.32, 1.32), ylim=(-0.03, 1.12 + GAP * (len(order) - 1)))
    ax.axis("off")
    return figure


def _stack(shares: pd.Series) -> dict[str, float]:
    """Upper edge of each category's node, the first one topmost."""
    top, edges = 1.0 + GAP * (len(shares) - 1), {}
    for category, share in shares.items():
        edges[category] = top
        top -= share + GAP
    return edges


def _ribbon(ax, y_left: float, y_right: float, share: float, first: str, second: str, count: int) -> None:
    """One flow; outlined where the second category is the worse one, pale where nothing changes."""
    x0, x1 = NODE_WIDTH / 2, 1 - NODE_WIDTH / 2
    middle = (x0 + x1) / 2
    points = [(x0, y_left), (middle, y_left), (middle, y_right), (x1, y_right), (x1, y_right - share),
              (middle, y_right - share), (middle, y_left - share), (x0, y_left - share), (x0, y_left)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    worse = "NE" not in (first, second) and CATEGORIES.index(second) > CATEGORIES.index(first)
    ax.add_patch(PathPatch(Path(points, codes), facecolor=to_rgba(CATEGORY_COLOURS.get(first, PALE), 0.35 if first == second else 0.7),
                           edgecolor=INK if worse else GREY, linewidth=1.6 if worse else 0.5, zorder=3 if worse else 2))
    if share < THINNEST_LABELLED:
        return
    ax.text(x1 - 0.03, y_right - share / 2, f"{count:,}", ha="right", va="center", fontsize=9, zorder=4,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85})


def _nodes(ax, edges: dict[str, float], counts: pd.Series, total: int, x: float, title: str) -> None:
    for category, top in edges.items():
        height = counts[category] / total
        if not height:
            continue
        ax.add_patch(plt.Rectangle((x - NODE_WIDTH / 2, top - height), NODE_WIDTH, height, facecolor=CATEGORY_COLOURS.get(category, PALE),
                                   edgecolor=INK, linewidth=0.8, zorder=3))
        side = -1 if x < 0.5 else 1
        ax.text(x + side * (NODE_WIDTH / 2 + 0.02), top - height / 2, f"{category} {counts[category]:,}",
                ha="right" if side < 0 else "left", va="center", fontsize=10, zorder=4)
    ax.text(x, 1.06 + GAP * (len(edges) - 1), title, ha="center", va="bottom", fontweight="bold", fontsize=10)


# -- rates ---------------------------------------------------------------------------------------------

def draw_rates(rates: Mapping[str, pd.DataFrame]):
    """Objective response and disease control by treatment, with exact and score intervals.

    Parameters
    ----------
    rates : mapping of str to DataFrame
        Criterion -> `lib.response.response_rates`.

    Returns
    -------
    matplotlib Figure, or None where there is nothing to draw
    """
    if not rates:
        return None
    groups = next(iter(rates.values())).group.unique()
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH_IN, 1.5 + 0.62 * len(groups) * 2), sharex=True)
    for ax, (rate, title) in zip(axes, (("ORR", "Objective response (CR + PR)"), ("DCR", "Disease control (CR + PR + SD)"))):
        for k, table in enumerate(rates.values()):
            _rate_rows(ax, table[table.rate.eq(rate)].reset_index(drop=True), 0.17 * (1 - 2 * k) if len(rates) > 1 else 0.0, k)
        ax.set_yticks(range(len(groups)), ["all" if group == "total" else group for group in groups])
        ax.set_ylim(len(groups) - 0.5, -0.5)
        ax.set_title(title)
        ax.grid(axis="x", color=PALE, linewidth=0.6)
    axes[-1].set(xlabel="Patients (%)", xlim=(0, 100))
    marks = [Line2D([], [], color=INK, marker=MARKERS[k], markerfacecolor=("white", INK)[k % 2], label=f"{name} (Clopper-Pearson)")
             for k, name in enumerate(rates)]
    figure.legend(handles=[*marks, Line2D([], [], color=GREY, linewidth=5, alpha=0.4, label="Wilson")],
                  loc="outside lower center", ncols=2)
    return figure


def _rate_rows(ax, table: pd.DataFrame, shift: float, k: int) -> None:
    for i, row in enumerate(table.itertuples()):
        y = i - shift
        if row.n == 0:
            ax.text(2, y, "nobody", va="center", fontsize=8, color=GREY)
            continue
        ax.plot([100 * row.wilson_lower, 100 * row.wilson_upper], [y, y], color=GREY, linewidth=5, alpha=0.4, solid_capstyle="butt")
        ax.plot([100 * row.exact_lower, 100 * row.exact_upper], [y, y], color=INK, linewidth=1.2)
        ax.plot([100 * row.estimate], [y], marker=MARKERS[k], color=INK, markerfacecolor=("white", INK)[k % 2], markersize=6,
                clip_on=False, zorder=4)
        ax.text(1.015, y, f"{row.count:,}/{row.n:,}", transform=ax.get_yaxis_transform(), va="center", fontsize=8)


# -- readers -------------------------------------------------------------------------------------------

def draw_readings(spreads: Mapping[tuple, pd.DataFrame], observed: Mapping[str, float]):
    """How often each objective response rate comes out of a second reading of the same scans.

    Parameters
    ----------
    spreads : mapping of (criterion, reader model) to DataFrame
        From `lib.response.reading_spread`.
    observed : mapping of str to float
        Criterion -> rate of the first reading.

    Returns
    -------
    matplotlib Figure, or None where there is nothing to draw
    """
    if not spreads:
        return None
    figure, axes = plt.subplots(len(spreads), 1, figsize=(WIDTH_IN, 0.6 + 0.95 * len(spreads)), sharex=True, squeeze=False)
    for ax, ((criterion, model), drawn) in zip(axes[:, 0], spreads.items()):
        values, counts = np.unique(drawn.ORR.dropna().round(10), return_counts=True)
        if len(values) > 60:
            counts, edges = np.histogram(drawn.ORR, bins=50)
            values = (edges[:-1] + edges[1:]) / 2
        width = 0.8 * 100 * np.diff(values).min() if len(values) > 1 else 2.0
        ax.bar(100 * values, counts / counts.sum(), width=width, color=PALE, edgecolor=GREY, linewidth=0.6)
        ax.axvline(100 * observed[criterion], color=INK, linewidth=1.6, linestyle=LINE_STYLES[1])
        ax.set_title(f"{criterion}, {model}", fontsize=9, fontweight="normal")
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
    axes[-1, 0].set(xlabel="Objective response rate of the second reading (%)", xlim=(-2, 102))
    figure.legend(handles=[Patch(facecolor=PALE, edgecolor=GREY, label="second readings"),
                           Line2D([], [], color=INK, linestyle=LINE_STYLES[1], label="first reading")],
                  loc="outside lower center", ncols=2)
    return figure


# -- the whole course ----------------------------------------------------------------------------------

def draw_spider(judged: CohortResponse, drawn: int):
    """Change from baseline over all follow-up visits, by both criteria.

    Parameters
    ----------
    judged : CohortResponse
        With visits that have days.
    drawn : int
        Most patients drawn as lines; of a larger cohort the median and middle half at each visit.

    Returns
    -------
    matplotlib Figure, or None where there is nothing to draw
    """
    if not judged.assessments:
        return None
    figure, axes = plt.subplots(len(judged.assessments), 1, figsize=(WIDTH_IN, 0.5 + 2.75 * len(judged.assessments)),
                                sharex=True, sharey=True, squeeze=False)
    for ax, (criterion, table) in zip(axes[:, 0], judged.assessments.items()):
        courses = table.assign(group=table.patient.map(judged.group), months=table.visit_day / DAYS_PER_MONTH,
                               shown=table.change_percent.clip(upper=LARGEST_CHANGE))
        draw = _course_lines if courses.patient.nunique() <= drawn else _course_bands
        draw(ax, courses, judged.groups)
        for y in (RESPONSE_LINE, PROGRESSION_LINE):
            ax.axhline(y, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        ax.set(ylabel="Change in sum (%)", ylim=(-108, LARGEST_CHANGE + 8), xlim=(0, None))
        ax.set_title(criterion)
    axes[-1, 0].set_xlabel("Months from first treatment")
    colours = colour_for(judged.groups)
    handles = [Line2D([], [], color=colours[group], linestyle=LINE_STYLES[i % len(LINE_STYLES)], label=group)
               for i, group in enumerate(judged.groups)]
    figure.legend(handles=[*handles, Line2D([], [], color=INK, marker="*", linestyle="none", markersize=9, label="new lesion")],
                  loc="outside lower center", ncols=2)
    return figure


def _course_lines(ax, courses: pd.DataFrame, groups: list[str]) -> None:
    colours, styles = colour_for(groups), dict(zip(groups, LINE_STYLES * len(groups)))
    for _, course in courses.groupby("patient", sort=False):
        group = course.group.iloc[0]
        ax.plot([0, *course.months], [0, *course.shown], color=colours[group], linestyle=styles[group], linewidth=1.3, alpha=0.9)
        new = course[course.new_lesion]
        ax.plot(new.months, new.shown, linestyle="none", marker="*", markersize=9, color=INK, zorder=4)


def _course_bands(ax, courses: pd.DataFrame, groups: list[str]) -> None:
    """Median and middle half of each treatment at each visit, placed at the visit's median month."""
    colours = colour_for(groups)
    for i, group in enumerate(groups):
        visits = courses[courses.group.eq(group)].groupby("visit").agg(
            months=("months", "median"), lower=("shown", lambda shown: shown.quantile(0.25)), middle=("shown", "median"),
            upper=("shown", lambda shown: shown.quantile(0.75))).sort_values("months")
        x = [0, *visits.months]
        ax.fill_between(x, [0, *visits.lower], [0, *visits.upper], color=colours[group], alpha=0.18, linewidth=0)
        ax.plot(x, [0, *visits.middle], color=colours[group], linestyle=LINE_STYLES[i % len(LINE_STYLES)], linewidth=2)
