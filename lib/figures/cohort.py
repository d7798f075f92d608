"""Figures of the cohort chapter: flow, swimmer lanes, disease burden, completeness, follow-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.transforms import ScaledTranslation

from lib.baseline import groups_present
from lib.cohort import DAYS_PER_MONTH
from lib.figures.many import corners, evenly, is_crowded
from lib.figures.style import GREY, HATCHES, INK, MARKERS, PALE, colour_for

WIDTH_IN = 6.0
"""Narrower than the page, so that type stays legible on a phone."""
KNOWN = "#9DB2C6"
SMALL_IN = (5.2, 3.6)
LANE_IN = 0.235
TALLEST_IN = 7.6
"""Most that the lanes may take, so that figure and caption fit a printed page."""
LINE_IN, LETTER_IN, GAP_IN = 0.175, 0.083, 0.3
COLUMNS_AT_MOST = 4


def draw_flow(top: Sequence[str], groups: Mapping[str, Sequence[str]], analysed: Sequence[str]):
    """Flow of patients from screening to analysis.

    Parameters
    ----------
    top : sequence of str
        Text of the boxes above the split; the first is drawn dashed, being outside the rows.
    groups : mapping of str to sequence of str
        Heading and lines of one box per first treatment.
    analysed : sequence of str
        Lines of the last box.

    Returns
    -------
    matplotlib Figure
    """
    boxes = [[name, *lines] for name, lines in groups.items()]
    if len(boxes) > COLUMNS_AT_MOST:
        boxes = [["First treatment", *[f"{name}: {lines[0]}" for name, lines in groups.items()]]]
    letters = int((WIDTH_IN / len(boxes) - 0.3) / LETTER_IN)
    middle = ["\n".join(fill(line, letters) for line in lines) for lines in boxes]
    rows = [*[[text] for text in top], middle, ["\n".join(analysed)]]
    heights = [max(text.count("\n") + 1 for text in row) * LINE_IN + 0.16 for row in rows]
    figure, ax = plt.subplots(figsize=(WIDTH_IN, sum(heights) + GAP_IN * (len(rows) - 1) + 0.12))
    ax.set(xlim=(0, WIDTH_IN), ylim=(figure.get_figheight(), 0))
    ax.axis("off")
    bottom, above = 0.06, None
    for i, (row, height) in enumerate(zip(rows, heights, strict=True)):
        if above is not None:
            _connect(ax, above, _centres(len(row)), bottom - GAP_IN, bottom)
        for x, text in zip(_centres(len(row)), row, strict=True):
            _box(ax, x, bottom, height, text, WIDTH_IN / len(row) - 0.12, dashed=i == 0)
        above = _centres(len(row))
        bottom += height + GAP_IN
    return figure


def _centres(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * WIDTH_IN / max(count, 1)


def _box(ax, x, top, height, text, widest, dashed) -> None:
    width = min(max(len(line) for line in text.split("\n")) * LETTER_IN + 0.2, widest)
    ax.add_patch(Rectangle((x - width / 2, top), width, height, facecolor="white", edgecolor=INK,
                           linestyle="--" if dashed else "-", linewidth=0.9, zorder=2))
    ax.text(x, top + height / 2, as_text(text), ha="center", va="center", linespacing=1.3, zorder=3)


def _connect(ax, sources, targets, start, end) -> None:
    """Right-angled lines from a row of boxes to the next, an arrow head at each target."""
    middle = (start + end) / 2
    for x in sources:
        ax.plot([x, x], [start, middle], color=GREY, linewidth=0.9, zorder=1)
    spread = [*sources, *targets]
    ax.plot([min(spread), max(spread)], [middle, middle], color=GREY, linewidth=0.9, zorder=1)
    for x in targets:
        ax.annotate("", (x, end), (x, middle), zorder=1, arrowprops={
            "arrowstyle": "-|>", "color": GREY, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0})


def as_text(label: object) -> str:
    """A label from data as it is written: the house style reads no formulas in it."""
    return str(label)


def thinned(lanes: pd.DataFrame, at_most: int) -> pd.DataFrame:
    """All lanes, or where there are more than ``at_most`` an evenly spaced choice of them in order."""
    return evenly(lanes, at_most).reset_index(drop=True)


def draw_swimmer(lanes: pd.DataFrame, sessions: pd.DataFrame | None = None,
                 responses: Mapping[str, pd.Series] | None = None, response_months: pd.Series | None = None):
    """Swimmer plot: each patient's course from liver metastasis to death or last contact.

    Parameters
    ----------
    lanes : DataFrame
        From ``lib.baseline.lanes``, thinned to what the page can hold.
    sessions : DataFrame, optional
        The cohort's treatments, with ``patient, day, treatment``.
    responses : mapping of str to Series, optional
        Column heading -> category of each patient, indexed by patient.
    response_months : Series, optional
        When the response was judged, months, indexed by patient.

    Returns
    -------
    matplotlib Figure
    """
    order = groups_present(lanes["first_treatment"])
    colours, hatches = colour_for(order), dict(zip(order, HATCHES * len(order), strict=False))
    y = _lane_positions(lanes)
    lane_in = min(LANE_IN, TALLEST_IN / (y.max() + 1.5))
    figure, ax = plt.subplots(figsize=(WIDTH_IN, 1.5 + lane_in * (y.max() + 1.5)))
    ax.barh(y, -lanes["metastasis_months"].fillna(0), left=lanes["metastasis_months"].fillna(0),
            height=0.26, facecolor=PALE, edgecolor=GREY, linewidth=0.5)
    for group in order:
        own = (lanes["first_treatment"] == group).to_numpy()
        ax.barh(y[own], lanes["end_months"][own], height=0.66, color=colours[group], alpha=0.55,
                hatch=hatches[group], edgecolor="white", linewidth=0)
        # pale, so that marks are seen on it; outlined, so that it is seen on the page
        ax.barh(y[own], lanes["end_months"][own], height=0.66, facecolor="none", edgecolor=colours[group], linewidth=0.9)
        ax.annotate(f"First treatment: {as_text(group)}", (0, y[own].min() - 0.95), xytext=(3, 0),
                    textcoords="offset points", fontsize=9, fontweight="bold", va="center")
    _mark_courses(ax, lanes, y, sessions, response_months, scale=(lane_in / LANE_IN) ** 2)
    small = 8 * max(0.75, lane_in / LANE_IN)
    ax.set_yticks(y, lanes["patient"].map(as_text), fontsize=small)
    ax.set_ylim(y.max() + 0.8, -1.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    ax.set_xlabel("Months from first liver-directed treatment")
    _response_columns(ax, lanes, y, responses or {}, small + 0.5)
    _swimmer_legend(figure, lanes["metastasis_months"].notna().any(), sessions is not None,
                    response_months is not None and response_months.notna().any(), lanes["progression_months"].notna().any())
    return figure


def _lane_positions(lanes: pd.DataFrame) -> np.ndarray:
    """One unit a lane, and room for a heading above each treatment."""
    starts = (lanes["first_treatment"] != lanes["first_treatment"].shift()).cumsum().to_numpy()
    return np.arange(len(lanes)) + 1.15 * (starts - 1)


def _mark_courses(ax, lanes, y, sessions, response_months, scale) -> None:
    """Marks at three heights of a lane, so that events of one month stay apart."""
    place = pd.Series(y, lanes["patient"])
    if sessions is not None:
        drawn = sessions[sessions["patient"].isin(lanes["patient"])]
        months, at = drawn["day"] / DAYS_PER_MONTH, drawn["patient"].map(place)
        first = drawn["patient"].map(lanes.set_index("patient")["first_treatment"])
        other = (drawn["treatment"] != first).to_numpy()
        ax.scatter(months[~other], at[~other], marker="|", s=80 * scale, linewidths=1.5, color=INK, zorder=4)
        ax.scatter(months[other], at[other], marker="D", s=20 * scale, linewidths=0.9, facecolor="white",
                   edgecolor=INK, zorder=4)
    if response_months is not None:
        known = response_months.reindex(lanes["patient"]).dropna()
        ax.scatter(known, place[known.index] + 0.22, marker="o", s=17 * scale, facecolor="white",
                   edgecolor=INK, linewidths=0.9, zorder=5)
    progressed = lanes["progression_months"].notna().to_numpy()
    ax.scatter(lanes["progression_months"][progressed], y[progressed] - 0.34, marker="v", s=26 * scale,
               color=INK, zorder=6)
    died = lanes["died"].to_numpy()
    ax.scatter(lanes["end_months"][died], y[died], marker="x", s=30 * scale, color=INK, linewidths=1.7,
               zorder=7, clip_on=False)
    just_after = ax.transData + ScaledTranslation(4 / 72, 0, ax.figure.dpi_scale_trans)
    ax.scatter(lanes["end_months"][~died], y[~died], marker=">", s=36 * scale, facecolor="white",
               edgecolor=INK, zorder=7, clip_on=False, transform=just_after)


def _response_columns(ax, lanes, y, responses, fontsize) -> None:
    """Categories as text right of the axis: words survive greyscale."""
    for i, (heading, category) in enumerate(responses.items()):
        x = 1.06 + 0.135 * i
        transform = ax.get_yaxis_transform()
        ax.text(x, -1.25, heading, transform=transform, ha="center", va="center", fontsize=8.5,
                fontweight="bold")
        for patient, height in zip(lanes["patient"], y, strict=True):
            ax.text(x, height, category.get(patient, "NE"), transform=transform, ha="center",
                    va="center", fontsize=fontsize)


def _swimmer_legend(figure, with_metastasis, with_sessions, with_response, with_progression) -> None:
    def mark(marker, label, **how):
        return Line2D([], [], linestyle="", marker=marker, label=label, color=INK, **how)

    handles = [Patch(facecolor=PALE, edgecolor=GREY, linewidth=0.5, label="liver metastasis, not yet treated")] if with_metastasis else []
    if with_sessions:
        handles += [mark("|", "session", markersize=9, markeredgewidth=1.6),
                    mark("D", "session, second kind of treatment", markersize=5, markerfacecolor="white")]
    if with_response:
        handles.append(mark("o", "response judged", markersize=5.5, markerfacecolor="white"))
    if with_progression:
        handles.append(mark("v", "liver progression", markersize=6))
    handles += [mark("x", "death", markersize=6, markeredgewidth=1.7),
                mark(">", "alive at last contact (censored)", markersize=6.5, markerfacecolor="white")]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handletextpad=0.5,
                  columnspacing=1.2)


def draw_burden(ax, allocated: pd.DataFrame, max_lesions: int, size_limit_mm: float):
    """Number of liver lesions against the largest one, with the zone of the ablation rule.

    Parameters
    ----------
    ax : matplotlib Axes
    allocated : DataFrame
        From ``lib.protocol.allocation``.
    max_lesions : int
    size_limit_mm : float
        Limits of the rule.

    Returns
    -------
    matplotlib Axes
    """
    known = allocated.dropna(subset=["n_liver_lesions", "largest_mm"])
    order = groups_present(known["first_treatment"])
    colours = colour_for(order)
    crowded = is_crowded(len(known))
    if not crowded:
        ax.text(0.5, size_limit_mm, " rule: ablation", fontsize=8.5, va="bottom", color=INK)
    draw = _burden_spans if crowded else _burden_marks
    draw(ax, known, order, colours)
    # the spans leave no room for a text in the plane: there the zone is named in the key
    ax.add_patch(Rectangle((0.4, 0), max_lesions + 0.1, size_limit_mm, facecolor=PALE, alpha=0.6, edgecolor=GREY,
                           linestyle="--", linewidth=0.9, zorder=0, label="rule: ablation" if crowded else None))
    most = known["n_liver_lesions"].max() if len(known) else max_lesions
    ax.set(xlim=(0.4, max(most, max_lesions) + 0.6), ylim=(0, None))
    ax.set(xlabel="Liver lesions at baseline (number)", ylabel="Largest liver lesion (mm)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    if order:
        longest = max(len(str(group)) for group in order) + 10
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=max(1, min(3, 75 // longest)))
    return ax


def _burden_marks(ax, known, order, colours) -> None:
    """A mark a patient; those with equal counts stand side by side."""
    by_count = known.sort_values(["first_treatment", "largest_mm"]).groupby("n_liver_lesions")
    rank, of = by_count.cumcount(), by_count["patient"].transform("size")
    shift = (rank - (of - 1) / 2) * np.minimum(0.13, 0.7 / of)
    for i, group in enumerate(order):
        own = known[known["first_treatment"] == group]
        ax.scatter(own["n_liver_lesions"] + shift[own.index], own["largest_mm"], s=38, color=colours[group],
                   marker=MARKERS[i % len(MARKERS)], linewidths=0.6, edgecolor="white" if len(known) <= 200 else "none",
                   label=as_text(fill(f"{group} (n = {len(own)})", 60)), zorder=3)


def _burden_spans(ax, known, order, colours) -> None:
    """For each number of lesions and treatment the median, the middle half (thick) and the middle nine tenths (thin)."""
    for i, group in enumerate(order):
        own = known[known["first_treatment"] == group]
        spans = own.groupby("n_liver_lesions")["largest_mm"].quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack()
        x = spans.index.to_numpy(float) + 0.7 * ((i + 0.5) / len(order) - 0.5)
        ax.vlines(x, spans[0.05], spans[0.95], color=colours[group], linewidth=1, zorder=3)
        ax.vlines(x, spans[0.25], spans[0.75], color=colours[group], linewidth=4, zorder=3)
        ax.plot(x, spans[0.5], linestyle="none", marker=MARKERS[i % len(MARKERS)], color=colours[group], markeredgecolor="white",
                markersize=7, label=as_text(fill(f"{group} (n = {len(own):,})", 60)), zorder=4)


def draw_completeness(matrix: pd.DataFrame, at_most: int):
    """Which items of data are there: a cell per patient, and the share at the right.

    Parameters
    ----------
    matrix : DataFrame of bool
        From ``lib.baseline.completeness``.
    at_most : int
        Beyond this number of patients only the shares are drawn.

    Returns
    -------
    matplotlib Figure
    """
    n_patients, n_items = matrix.shape
    figure, ax = plt.subplots(figsize=(WIDTH_IN, 0.9 + 0.19 * n_items))
    y = np.arange(n_items)
    shares = matrix.mean().to_numpy()
    if n_patients <= at_most:
        ax.pcolormesh(np.arange(n_patients + 1) - 0.5, np.arange(n_items + 1) - 0.5,
                      matrix.T.to_numpy(dtype=float), cmap=_two_tones(), vmin=0, vmax=1,
                      edgecolor="white", linewidth=0.8)
        holes = np.argwhere(~matrix.T.to_numpy())
        ax.scatter(holes[:, 1], holes[:, 0], marker="x", s=14, color=INK, linewidths=1.0)
        step = max(1, int(np.ceil(n_patients / 12)))
        ax.set_xticks(np.arange(0, n_patients, step), matrix.index[::step].map(as_text), fontsize=8)
        ax.set_xlabel("Patient (filled: known, cross: missing)")
        edge = n_patients - 0.3
    else:
        ax.barh(y, 100 * shares, color=KNOWN, height=0.7)
        ax.set(xlim=(0, 100), ylim=(-0.6, n_items - 0.4), xlabel=f"Patients with the item known (% of {n_patients:,})")
        edge = 101
    for height, share, count in zip(y, shares, matrix.sum().to_numpy(), strict=True):
        ax.text(edge, height, f"{count:,}/{n_patients:,}", va="center", fontsize=8,
                fontweight="normal" if share == 1 else "bold")
    ax.set_yticks(y, matrix.columns.map(as_text), fontsize=8)
    ax.invert_yaxis()
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return figure


def _two_tones():
    from matplotlib.colors import ListedColormap

    return ListedColormap(["#FFFFFF", KNOWN])


def draw_follow_up(ax, reverse_curve, naive_median: float, reverse_median: float):
    """Observed times as they are, beside the reverse Kaplan-Meier curve of follow-up.

    Parameters
    ----------
    ax : matplotlib Axes
    reverse_curve : lib.survival Curve
        Kaplan-Meier curve in which censoring is the event.
    naive_median, reverse_median : float
        Months; infinite where not reached.

    Returns
    -------
    matplotlib Axes
    """
    observed, ends = np.unique(reverse_curve.exit, return_counts=True)
    shown = corners(observed)
    left = 1 - np.cumsum(ends) / ends.sum()
    ax.step([0, *observed[shown]], [1, *left[shown]], where="post", color=GREY, linestyle="--")
    shown = corners(reverse_curve.times)
    ax.step([*reverse_curve.times[shown], reverse_curve.longest], [*reverse_curve.survival[shown], reverse_curve.survival[-1]],
            where="post", color=INK)
    ax.axhline(0.5, color=GREY, linewidth=0.7, zorder=0)
    for median, name, height in ((naive_median, "naive", 0.06), (reverse_median, "reverse KM", 0.16)):
        if np.isfinite(median):
            ax.plot([median, median], [0, 0.5], color=GREY, linewidth=0.8, zorder=0)
            ax.text(median, height, f" {name} {median:.1f}", fontsize=8.5, va="center",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})
    ax.set(xlim=(0, None), ylim=(0, 1.02), ylabel="Share of patients",
           xlabel="Months from first liver-directed treatment")
    handles = [Line2D([], [], color=INK, label="still under observation, had nobody died (reverse KM)"),
               Line2D([], [], color=GREY, linestyle="--", label="observed longer than this, dead or alive")]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0))
    return ax
