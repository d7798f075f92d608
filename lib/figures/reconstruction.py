"""Figures of the chapter on how the patients were invented."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.figures.style import BLUE, FULL_WIDTH_IN, GREEN, GREY, INK, LINE_STYLES, MARKERS, ORANGE, PALE, PALETTE, VERMILION

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def plot_labellings(steps: pd.DataFrame) -> Figure:
    """Bars on a logarithmic scale: what each step of the search leaves of the ways to label one order.

    Parameters
    ----------
    steps : DataFrame
        ``step`` and ``labellings``, from `lib.reconstruct.story.labellings_left`.

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 0.9 + 0.4 * len(steps)))
    ax = fig.subplots()
    counts = steps.labellings.clip(lower=0.5)
    ax.barh(steps.step, counts, left=0.5, color=BLUE, height=0.62)
    ax.set_xscale("log")
    ax.set_xlim(0.5, counts.max() * 1e4)
    for place, count in enumerate(steps.labellings):
        ax.annotate(in_words(count), (max(count, 0.5), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)
    ax.invert_yaxis()
    ax.set_xticks([])  # the numbers stand beside the bars
    ax.minorticks_off()
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel("Ways to label the patients (number, logarithmic)")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return fig


def in_words(count: float) -> str:
    """``304``, ``15,120``, or ``4.7 × 10²⁴`` for what nobody would read as digits."""
    if count < 1e7:
        return f"{count:,.0f}"
    power = int(np.floor(np.log10(count)))
    return f"{count / 10**power:.1f} × 10{str(power).translate(_RAISED)}"


def plot_walk(trace: pd.DataFrame, months_within: float) -> Figure:
    """Distance from the printed figures along a walk.

    Parameters
    ----------
    trace : DataFrame
        From `lib.reconstruct.story.walk_trace`.
    months_within : float
        A tenth of this and less is drawn as one: the scale is linear below.

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 3.2))
    ax = fig.subplots()
    thousands = trace.steps / 1000
    ax.plot(thousands, trace.hottest, color=GREY, lw=0.6, label="walker at the highest temperature: roams")
    ax.plot(thousands, trace.coldest, color=ORANGE, lw=1.0, label="walker at the lowest temperature: insists")
    ax.plot(thousands, trace.least, color=BLUE, lw=1.8, ls=LINE_STYLES[1], label="nearest cohort so far")
    ax.set_yscale("symlog", linthresh=months_within / 10, linscale=0.4)
    ax.set_ylim(0, None)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("Steps of all walkers (thousands)")
    ax.set_ylabel("Distance from the\nprinted figures (months)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1, borderpad=0)
    return fig


def plot_time_ranges(exact: pd.DataFrame, drawn: pd.DataFrame, months: np.ndarray | None, tier: str,
                     whose: str = "the reference cohort") -> Figure:
    """Patients in order of time: where exact cohorts of one order have them, and where a tier's cohorts do.

    Parameters
    ----------
    exact : DataFrame
        From `lib.reconstruct.story.time_ranges`.
    drawn : DataFrame
        From `lib.reconstruct.story.drawn_ranges`.
    months : ndarray of float, shape (n,), optional
        The shown cohort's own times, ascending.
    tier : str
        The drawn cohorts' tier.
    whose : str
        What the shown cohort is called.

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 5.0))
    ax = fig.subplots()
    ax.hlines(drawn.place, drawn.low, drawn.high, color=PALE, lw=9, label=f"middle 95% of the {tier} tier, whatever the order")
    ends = exact.latest.clip(lower=exact.earliest + 0.15)  # a range of an hour would not be seen
    ax.hlines(exact.place, exact.earliest, ends, color=BLUE, lw=6, label="all exact cohorts of this order")
    if months is not None and len(months) == len(exact):
        for event, marker, word in ((True, "o", "died"), (False, "|", "censored")):
            here = exact.died.to_numpy() == event
            ax.plot(months[here], exact.place[here], marker, color=VERMILION, ms=3.6 if event else 9, mew=1.6, ls="none",
                    label=f"{whose}: {word}")
    ax.set_yticks([place for place in exact.place if place == 1 or place % 4 == 0])
    ax.invert_yaxis()
    ax.set_xlim(0, None)
    ax.set_xlabel("Time from first treatment to death or last contact (months)")
    ax.set_ylabel("Patient, in order of time")
    ax.legend(loc="upper right")
    return fig


def plot_orders_by_tolerance(table: pd.DataFrame, chosen_months: float) -> Figure:
    """Distinct orders of deaths and censorings met, seed by seed, for each tolerance of confidence limits.

    Parameters
    ----------
    table : DataFrame
        ``data/orders_by_tolerance.csv``.
    chosen_months : float
        The tolerance of the ensemble, drawn thicker.

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 3.4))
    ax = fig.subplots()
    for number, (limit, rows) in enumerate(table.groupby("limit_tolerance_months")):
        seeds = np.arange(1, len(rows) + 1)
        ax.plot(seeds, rows.n_orders_so_far, color=PALETTE[number % len(PALETTE)], marker=MARKERS[number % len(MARKERS)], ms=5,
                ls=LINE_STYLES[number % len(LINE_STYLES)], lw=2.6 if limit == chosen_months else 1.4,
                label=f"limits within {limit:g} month{'s' if limit != 1 else ''}")
    ax.set_ylim(0, None)
    ax.set_xticks(np.arange(1, table.groupby("limit_tolerance_months").size().max() + 1))
    ax.set_xlabel("Independent seeds, each with the same budget (number)")
    ax.set_ylabel("Distinct orders met so far\n(number)")
    ax.legend(loc="upper left")
    return fig


def plot_coverage(coverage: pd.DataFrame, names: dict[str, str], aim: tuple[float, float]) -> Figure:
    """How often the truth of known trials lay inside the range: one row a statistic, one marker a measure.

    Parameters
    ----------
    coverage : DataFrame
        ``measure``, ``statistic``, ``coverage``, ``lower``, ``upper`` (shares), ``n_reconstructed``.
    names : dict of str to str
        Statistic -> words.
    aim : tuple of float
        Ends of the share aimed for.

    Returns
    -------
    Figure
    """
    statistics = list(dict.fromkeys(coverage.statistic))
    measures = list(dict.fromkeys(coverage.measure))
    fig = Figure(figsize=(FULL_WIDTH_IN, 1.2 + 0.42 * len(statistics)))
    ax = fig.subplots()
    ax.axvspan(100 * aim[0], 100 * aim[1], color=PALE, lw=0, label=f"aim: {100 * aim[0]:.0f} to {100 * aim[1]:.0f}%")
    for number, measure in enumerate(measures):
        rows = coverage[coverage.measure == measure].set_index("statistic").reindex(statistics)
        places = np.arange(len(statistics)) + 0.22 * (number - (len(measures) - 1) / 2)
        errors = 100 * np.array([rows.coverage - rows.lower, rows.upper - rows.coverage])
        ax.errorbar(100 * rows.coverage, places, xerr=errors, fmt=MARKERS[number], ms=5, color=(BLUE, ORANGE, GREEN)[number % 3],
                    elinewidth=1.3, capsize=2.5, label=f"{measure} measure")
    ax.set_yticks(np.arange(len(statistics)), [fill(names.get(each, each), 32) for each in statistics])
    ax.invert_yaxis()
    ax.set_xlim(min(50.0, 100 * coverage.lower.min() - 2), 100.5)
    ax.axvline(95, color=GREY, lw=0.9, ls=LINE_STYLES[2])
    ax.set_xlabel("Trials whose true value lay inside the 95% range (%)")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3, labelcolor=INK)
    return fig
