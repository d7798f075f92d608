"""Figures of what the paper pins down: ranges, verdicts, cohorts at the edges, and studies that would decide."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from lib.figures.style import BLUE, FULL_WIDTH_IN, GREEN, GREY, INK, LINE_STYLES, ORANGE, PALE, PALETTE, SKY, VERMILION
from lib.identified.ranges import IMPLIED, NARROWED, OPEN
from lib.identified.results import CONTRADICTED, FAILED, HELD, NOT_TESTABLE, UNDECIDED
from lib.identified.results import IMPLIED as PROVED

GRADE_LOOKS = {IMPLIED: (BLUE, "s"), NARROWED: (GREEN, "o"), OPEN: (ORANGE, "D")}
VERDICT_LOOKS = {PROVED: (BLUE, ""), HELD: (SKY, "////"), UNDECIDED: (ORANGE, "...."), FAILED: (VERMILION, "////"),
                 CONTRADICTED: (VERMILION, ""), NOT_TESTABLE: ("white", "xxxx")}
ROW_IN, LABEL_CHARACTERS = 0.205, 56


def draw_ranges(rows: pd.DataFrame) -> Figure:
    """Each quantity's range among cohorts that know the printed counts alone, pinned ones first.

    Parameters
    ----------
    rows : DataFrame
        In the order shown: ``title``, ``grade``, ``share_left``, ``share_below``, ``exact_share_left``, ``exact_share_below`` (0 to 1) and
        ``span``, the range in words.

    Returns
    -------
    Figure
    """
    labels = [fill(title, LABEL_CHARACTERS) for title in rows.title]
    heights = np.array([ROW_IN + 0.12 * label.count("\n") for label in labels])
    fig = Figure(figsize=(FULL_WIDTH_IN, heights.sum() + 0.9))
    ax = fig.subplots()
    positions = np.cumsum(heights) - heights / 2
    for row, label, y in zip(rows.itertuples(), labels, positions):
        colour, marker = GRADE_LOOKS[row.grade]
        ends = np.array([row.share_below, row.share_below + row.share_left]) * 100
        ax.plot(ends, [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([ends.mean()], [y], marker=marker, color=colour, markersize=3.6)
        exact = np.array([row.exact_share_below, row.exact_share_below + row.exact_share_left]) * 100
        ax.plot(exact, [y - 0.055, y - 0.055], color=INK, linewidth=0.9, marker="|", markersize=3)
        ax.text(-0.015, y, label, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=7, linespacing=1.0)
        ax.text(1.015, y, row.span, transform=ax.get_yaxis_transform(), ha="left", va="center", fontsize=7)
    ax.set(ylim=(heights.sum(), 0), xlim=(0, 100), yticks=[], xticks=[0, 25, 50, 75, 100],
           xlabel="Position among cohorts that know the printed counts only (%)")
    ax.axvspan(2.5, 97.5, color=PALE, alpha=0.35, linewidth=0, zorder=0)
    ax.spines["left"].set_visible(False)
    handles = [Line2D([], [], color=colour, marker=marker, markersize=3.6, linewidth=2.2, label=grade)
               for grade, (colour, marker) in GRADE_LOOKS.items() if (rows.grade == grade).any()]
    handles.append(Line2D([], [], color=INK, linewidth=0.9, label="exact tier, all of it"))
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.2, 1.0), ncols=4, handlelength=1.6, columnspacing=1.2)
    return fig


def draw_verdicts(rows: pd.DataFrame) -> Figure:
    """For each claim the share of cohorts in which it is true, coloured by verdict.

    Parameters
    ----------
    rows : DataFrame
        ``claim``, ``verdict`` and ``share`` (0 to 1), in the order shown.

    Returns
    -------
    Figure
    """
    labels = [fill(claim, LABEL_CHARACTERS) for claim in rows.claim]
    heights = np.array([ROW_IN + 0.12 * label.count("\n") for label in labels])
    fig = Figure(figsize=(FULL_WIDTH_IN, heights.sum() + 1.1))
    ax = fig.subplots()
    positions = np.cumsum(heights) - heights / 2
    for row, label, y in zip(rows.itertuples(), labels, positions):
        colour, hatch = VERDICT_LOOKS[row.verdict]
        ax.barh(y, 100, height=0.13, color="white", edgecolor=PALE, linewidth=0.6)
        ax.barh(y, 100 * row.share, height=0.13, color=colour, hatch=hatch, edgecolor="white" if colour != "white" else GREY, linewidth=0.4)
        ax.text(-0.015, y, label, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=7, linespacing=1.0)
        ax.text(1.015, y, row.verdict, transform=ax.get_yaxis_transform(), ha="left", va="center", fontsize=7)
    ax.set(ylim=(heights.sum(), 0), xlim=(0, 100), yticks=[], xlabel="Cohorts in which the claim is true (% of the ensemble)")
    ax.spines["left"].set_visible(False)
    ax.legend(handles=[Patch(facecolor=colour, hatch=hatch, edgecolor="white" if colour != "white" else GREY, label=verdict)
                       for verdict, (colour, hatch) in VERDICT_LOOKS.items() if (rows.verdict == verdict).any()],
              loc="lower center", bbox_to_anchor=(0.05, 1.0), ncols=3, handlelength=1.4, columnspacing=1.2)
    return fig


def draw_edges(curves: dict[str, dict], xlabel: str) -> Figure:
    """Kaplan-Meier curves of two groups in cohorts that agree with the paper, side by side.

    Parameters
    ----------
    curves : dict of str to dict
        Panel's title -> group -> `lib.survival.estimate.Curve`.
    xlabel : str

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 2.9))
    axes = np.atleast_1d(fig.subplots(1, len(curves), sharey=True))
    for ax, (title, groups) in zip(axes, curves.items()):
        for (group, curve), colour, style in zip(groups.items(), PALETTE, LINE_STYLES):
            ax.step(np.append(curve.times, curve.longest), np.append(curve.survival, curve.survival[-1]), where="post",
                    color=colour, linestyle=style, label=f"{group} (n = {curve.n})")
            censored = curve.times[curve.censored > 0]
            ax.plot(censored, curve.at(censored), "|", color=colour, markersize=6)
        ax.set(title=fill(title, 26), xlim=(0, 48), ylim=(0, 1.02), xticks=[0, 12, 24, 36, 48])
        ax.title.set_fontsize(8.5)
    axes[0].set_ylabel("Overall survival (proportion)")
    fig.supxlabel(xlabel, fontsize=9)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return fig


def draw_power(table: pd.DataFrame, names: dict[str, str], power: float) -> Figure:
    """Power of larger studies by comparison, with its spread over cohorts.

    Parameters
    ----------
    table : DataFrame
        ``data/deciding.csv`` without further follow-up.
    names : dict of str to str
        Comparison -> its name for readers, in the order shown.
    power : float
        Drawn as a line.

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 3.9))
    axes = fig.subplots(2, 3, sharex=True, sharey=True).ravel()
    for ax, (name, title) in zip(axes, names.items()):
        rows = table[table.comparison == name]
        ax.fill_between(rows.n_patients, rows.power_lower, rows.power_upper, color=SKY, alpha=0.35, linewidth=0)
        ax.plot(rows.n_patients, rows.power_middle, color=BLUE, marker="o", markersize=3)
        ax.axhline(power, color=GREY, linewidth=0.9, linestyle=LINE_STYLES[1])
        ax.set(xscale="log", ylim=(0, 1.02), yticks=[0, 0.25, 0.5, 0.75, 1])
        ax.set_title(fill(title, 30), fontsize=8)
        ax.set_xticks([24, 96, 384, 1536], ["24", "96", "384", "1,536"])
        ax.minorticks_off()
    for ax in axes[len(names):]:
        ax.set_visible(False)
    axes[2].tick_params(labelbottom=True)  # nothing stands below it
    fig.supxlabel("Patients in the study (log scale)", fontsize=9)
    fig.supylabel("Power of the log-rank test (proportion)", fontsize=9)
    return fig


def draw_scale(table: pd.DataFrame) -> Figure:
    """Time on a logarithmic axis and memory on one from nought, against the number of cohorts.

    Parameters
    ----------
    table : DataFrame
        ``data/identified_scale.csv``.

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 2.8))
    for ax, column, label, colour, marker in zip(fig.subplots(1, 2), ("cpu_seconds", "memory_mb"),
                                                 ("Time of one core\n(seconds, log scale)", "Largest memory (MB)"), (BLUE, VERMILION), "os"):
        ax.plot(table.n_cohorts, table[column], color=colour, marker=marker, markersize=4)
        for row, before in zip(table.itertuples(), [0, *table.n_cohorts]):
            value = getattr(row, column)
            lift = 9 if column == "memory_mb" and row.n_cohorts < 3 * before else 0  # two near points at nearly one height
            ax.annotate(f"{value:,.1f}" if value < 10 else f"{value:,.0f}", (row.n_cohorts, value), xytext=(-2, 5 + lift),
                        textcoords="offset points", ha="right", fontsize=7)  # to the left, as the line rises to the right
        ax.set(xscale="log", yscale="log" if column == "cpu_seconds" else "linear", xlabel="Cohorts (log scale)", ylabel=label)
        ax.margins(x=0.15, y=0.2)
        ax.set_xticks(table.n_cohorts, [f"{n:,}" for n in table.n_cohorts], rotation=40, ha="right", rotation_mode="anchor")
        ax.xaxis.set_minor_formatter(NullFormatter())
        if column == "cpu_seconds":
            ax.yaxis.set_major_formatter("{x:,g}")
            ax.yaxis.set_minor_formatter(NullFormatter())
        else:
            ax.set_ylim(0, 1.2 * table[column].max())
            ax.yaxis.set_major_formatter("{x:,.0f}")
    return fig
