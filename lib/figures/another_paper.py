"""Figures of the chapter on another paper: curves of found cohorts, and what the print leaves open."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.figures.style import FULL_WIDTH_IN, INK, LINE_STYLES, PALE, PALETTE

MOST_CURVES = 150


def draw_found_curves(curves: dict[str, list[tuple[np.ndarray, np.ndarray]]], known: dict[str, tuple[np.ndarray, np.ndarray]], *,
                      longest: float, xlabel: str, ylabel: str) -> Figure:
    """Kaplan-Meier curves of cohorts that agree with one summary, a panel a group.

    Parameters
    ----------
    curves : dict
        Group to its curves: times from 0 ascending, and survival (0 to 1) from each on.
    known : dict
        Group to the curve of the true patients; empty where nobody knows them.
    longest : float
        End of the axis, in the unit of the times.
    xlabel, ylabel : str

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 3.1))
    panels = np.atleast_1d(fig.subplots(1, len(curves), sharey=True))
    for ax, (group, found), colour in zip(panels, curves.items(), PALETTE, strict=False):
        for times, survival in found[:MOST_CURVES]:
            ax.step(times, survival, where="post", color=colour, linewidth=0.5, alpha=0.18)
        ax.plot([], [], color=colour, linewidth=1.2, label=f"{min(len(found), MOST_CURVES)} found cohorts")
        if group in known:
            ax.step(*known[group], where="post", color=INK, linewidth=1.8, linestyle=LINE_STYLES[1], label="the true patients")
        ax.axhline(0.5, color=PALE, linewidth=0.8, zorder=0)
        ax.set(title=group, xlabel=xlabel, xlim=(0, longest), ylim=(0, 1.02))
        ax.legend(loc="upper right")
    panels[0].set_ylabel(ylabel)
    return fig


def draw_open_ranges(ranges: pd.DataFrame) -> Figure:
    """The least and greatest value of each figure that the paper does not print, a panel a unit.

    Parameters
    ----------
    ranges : DataFrame
        ``Figure``, ``panel`` (the axis label with its unit), ``lower``, ``upper``, ``middle`` and ``known`` (NaN where not
        known), all finite but for ``known``.

    Returns
    -------
    Figure
    """
    panels = list(dict.fromkeys(ranges.panel))
    sizes = [int((ranges.panel == panel).sum()) for panel in panels]
    fig = Figure(figsize=(FULL_WIDTH_IN, 0.9 + 0.34 * sum(sizes) + 0.55 * len(panels)))
    axes = np.atleast_1d(fig.subplots(len(panels), 1, height_ratios=[size + 0.6 for size in sizes]))
    for ax, panel in zip(axes, panels, strict=True):
        rows = ranges[ranges.panel == panel].reset_index(drop=True)
        places = np.arange(len(rows))
        ax.hlines(places, rows.lower, rows.upper, color=PALETTE[0], linewidth=5, alpha=0.35, label="range found")
        ax.plot(rows.middle, places, linestyle="", marker="|", markersize=9, color=PALETTE[0], label="middle cohort")
        if rows.known.notna().any():
            ax.plot(rows.known, places, linestyle="", marker="D", markersize=5, color=INK, label="the true patients")
        ax.set_yticks(places, rows.Figure)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlabel(panel)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.xaxis.grid(True, color=PALE, linewidth=0.6)
    axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    return fig
