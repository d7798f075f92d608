"""Figures of the verdict chapter."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from lib.figures.style import BLUE, FULL_WIDTH_IN, GREY, INK, PALE, SKY, VERMILION

_LOOKS = {"reproduced": (BLUE, ""), "method": (SKY, ""), "differs": (VERMILION, "////"),
          "not derivable": (PALE, "...."), "unaccounted": ("white", "xxxx")}


def plot_verdicts(sections: pd.DataFrame) -> Figure:
    """Stacked bars: the verdicts on the printed figures of each part of a paper.

    Parameters
    ----------
    sections : DataFrame
        Number of figures; index: parts of the paper, columns: verdicts (`lib.verdicts.by_section`).

    Returns
    -------
    Figure
    """
    fig = Figure(figsize=(FULL_WIDTH_IN, 0.6 + 0.34 * len(sections)))
    ax = fig.subplots()
    left = pd.Series(0, index=sections.index)
    labels = [f"{section} (n = {n})" for section, n in sections.sum(axis=1).items()]
    for verdict in sections.columns:
        colour, hatch = _LOOKS[verdict]
        ax.barh(labels, sections[verdict], left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.6,
                label=f"{verdict} ({sections[verdict].sum()})")
        left = left + sections[verdict]
    ax.invert_yaxis()
    ax.set_xlabel("Printed figures (number)")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.grid(True, color=PALE, linewidth=0.6)
    ax.legend(loc="lower center", bbox_to_anchor=(0.35, 1.0), ncols=min(4, len(sections.columns)), handlelength=1.4,
              columnspacing=1.2, labelcolor=INK, edgecolor=GREY)
    return fig
