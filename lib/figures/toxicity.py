"""Figures of the toxicity chapter: laboratory values before and after, liver injury, events, liver scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from lib.baseline import groups_present
from lib.figures.cohort import as_text
from lib.figures.many import draw_density, evenly, is_crowded, width_in
from lib.figures.style import GREY, HALO, INK, MARKERS, colour_for
from lib.toxicity import HYPERBILIRUBINAEMIA, HYS_LAW, TEMPLES_COROLLARY
from lib.units import REFERENCE_UNITS
from lib.wide import pivoted

WIDTH_IN = 5.2  # narrower than a page: 9 pt stays 9 px on a telephone
LOGARITHMIC = ("bilirubin", "alt", "ast", "alp", "creatinine")
SHOWN_UNITS = REFERENCE_UNITS | {"platelets": "10³/µL"}
NORMAL_BAND = "#E3ECF4"
TERMS_DRAWN = 20
_ABOVE = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "handletextpad": 0.4, "columnspacing": 1.1, "borderaxespad": 0.2}
WORSE, OTHERS = "#B2430C", "#A6A6A6"  # dark orange and pale grey: far apart in lightness too
# light to dark with the grade: the order survives greyscale
GRADE_COLOURS = {1: "#DCE6EF", 2: "#8FB3D1", 3: "#B2430C", 4: "#6E1F00", 5: "#222222"}


def plot_before_after(grades: pd.DataFrame, analytes: dict[str, str], visit: str, at_most: int = 60):
    """Each analyte at baseline and at a later visit, a line per patient, over the normal range.

    Parameters
    ----------
    grades : DataFrame
        From `lib.toxicity.grade_labs`.
    analytes : dict
        Analyte -> name shown.
    visit : str
        The later visit.
    at_most : int
        Most lines of a panel; of more patients an even choice is drawn.

    Returns
    -------
    matplotlib Figure
        Two panels a row; dark lines are patients with a new or worsened grade.
    """
    n_rows = -(-len(analytes) // 2)
    figure = Figure(figsize=(WIDTH_IN, 2.1 * n_rows + 0.3), layout="constrained")
    axes = figure.subplots(n_rows, 2, squeeze=False).ravel()
    drawn = ["patient", "visit", "value", "lower_normal", "upper_normal", "new_or_worsened"]
    for ax, (analyte, name) in zip(axes, analytes.items()):
        _panel(ax, grades.loc[grades["analyte"] == analyte, drawn].drop_duplicates(["patient", "visit"]), analyte, visit, at_most)
        ax.set_title(name)
    for ax in axes[len(analytes):]:
        ax.set_axis_off()
    return figure


def _panel(ax, rows: pd.DataFrame, analyte: str, visit: str, at_most: int) -> None:
    values = pivoted(rows, "visit", "value", ["baseline", visit]).set_index("patient").dropna(how="all")
    shown = evenly(values, at_most)
    worse = rows[(rows["visit"] == visit) & rows["patient"].isin(shown.index)].set_index("patient")["new_or_worsened"]
    worse = worse.reindex(shown.index).fillna(False).astype(bool)
    limits = rows[["lower_normal", "upper_normal"]].median()
    if limits.notna().any():
        ax.axhspan(limits.fillna({"lower_normal": 1e-9, "upper_normal": 1e9})["lower_normal"],
                   limits.fillna({"upper_normal": 1e9})["upper_normal"], color=NORMAL_BAND, lw=0, zorder=0)
    _courses(ax, shown, worse)
    if analyte in LOGARITHMIC and (values > 0).any(axis=None):
        _log_scale(ax.yaxis, ax, values.to_numpy())
    elif values.notna().any(axis=None):
        low, high = np.nanmin(values), np.nanmax(values)
        ax.set_ylim(min(low, limits.fillna(low)["lower_normal"]) * 0.95, max(high, limits.fillna(high)["upper_normal"]) * 1.05)
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if values.empty:
        ax.text(0.5, 0.5, "no values", ha="center", va="center", color=GREY, transform=ax.transAxes)
    ax.set_xlim(-0.15, 1.15)
    ax.set_xticks([0, 1], ["baseline", as_text(visit.replace("_", " "))])
    ax.set_ylabel(SHOWN_UNITS.get(analyte, ""))


def _courses(ax, pairs: pd.DataFrame, marked: pd.Series) -> None:
    """A line per patient from the first column to the second; one artist for the marked, one for the others."""
    styles = {False: {"color": OTHERS, "lw": 0.9, "ms": 2.6, "zorder": 2}, True: {"color": WORSE, "lw": 1.3, "ms": 3.4, "zorder": 3}}
    for chosen, style in styles.items():
        own = pairs[marked[pairs.index].to_numpy() == chosen].to_numpy(dtype=float)
        gaps = np.full((len(own), 1), np.nan)
        ax.plot(np.tile([0, 1, np.nan], len(own)), np.hstack([own, gaps]).ravel(), marker="o", **style)


def _log_scale(axis, ax, values: np.ndarray) -> None:
    """Logarithmic with plain numbers at 1, 2 and 5 times the powers of ten."""
    low, high = np.nanmin(values[values > 0]), np.nanmax(values)
    setter = ax.set_yscale if axis is ax.yaxis else ax.set_xscale
    setter("log")
    ticks = [step * 10.0**power for power in range(-3, 5) for step in (1, 2, 5)]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter("{x:g}")
    (ax.set_ylim if axis is ax.yaxis else ax.set_xlim)(low / 1.3, high * 1.3)


def plot_liver_injury(ax, injury: pd.DataFrame, treatments: pd.Series):
    """Evaluation of drug-induced serious hepatotoxicity (eDISH): peak ALT against peak bilirubin, in multiples of ULN.

    Parameters
    ----------
    ax : matplotlib Axes
    injury : DataFrame
        From `lib.toxicity.liver_injury`.
    treatments : Series
        First treatment by patient: marker and colour.

    Returns
    -------
    matplotlib Axes
    """
    seen = injury.dropna(subset=["alt", "bilirubin"])
    groups = groups_present(treatments)
    colours = colour_for(groups)
    crowded = is_crowded(len(seen))
    if crowded:
        draw_density(ax, seen["alt"], seen["bilirubin"], "log", "log")
    for number, group in enumerate(groups if not crowded else ()):
        own = seen[seen.index.isin(treatments.index[treatments == group])]
        ax.scatter(own["alt"], own["bilirubin"], s=34, marker=MARKERS[number % len(MARKERS)], color=colours[group],
                   edgecolor=INK, linewidth=0.6, alpha=1 if len(seen) <= 100 else 0.5, zorder=3,
                   label=f"{as_text(group)} (n = {len(own)})")
    edges = seen[["alt", "bilirubin"]].to_numpy()
    low, high = (min(0.2, edges.min() / 1.4), max(10.0, edges.max() * 1.6)) if len(seen) else (0.2, 10.0)
    for axis in (ax.xaxis, ax.yaxis):
        _log_scale(axis, ax, np.array([low, high]))
    ax.axvline(3, color=INK, lw=1, ls=(0, (5, 2)))
    ax.axhline(2, color=INK, lw=1, ls=(0, (5, 2)))
    ax.fill_between([3, high * 2], 2, high * 2, color="#F6E3D8", lw=0, zorder=0)
    for x, y, across, up, text in ((0.985, 0.985, "right", "top", HYS_LAW), (0.015, 0.985, "left", "top", HYPERBILIRUBINAEMIA),
                                   (0.985, 0.015, "right", "bottom", TEMPLES_COROLLARY)):
        ax.text(x, y, text, ha=across, va=up, transform=ax.transAxes, color=GREY, style="italic",
                path_effects=HALO if crowded else None)
    if not len(seen):
        ax.text(0.5, 0.5, "no values", ha="center", va="center", color=GREY, transform=ax.transAxes)
    ax.set_xlabel("peak ALT after baseline, multiples of ULN")
    ax.set_ylabel("peak bilirubin, multiples of ULN")
    if groups and not crowded:
        ax.legend(ncols=min(len(groups), 3), **_ABOVE)
    return ax


def plot_events(ax, table: pd.DataFrame, n_patients: int):
    """Patients with each adverse event, stacked by worst grade.

    Parameters
    ----------
    ax : matplotlib Axes
    table : DataFrame
        From `lib.toxicity.events_by_term`.
    n_patients : int
        The denominator.

    Returns
    -------
    matplotlib Axes
        As long as the cohort, or shorter where no event comes near half of it; a number that its bar is too short for
        stands beside the bars.
    """
    terms = table.index[::-1]
    left, beside = np.zeros(len(terms)), [[] for _ in terms]
    longest = table.loc[terms, list(GRADE_COLOURS)].sum(axis=1).max() if len(table) else 0
    end = max(n_patients, 1) if 2 * longest > n_patients or not longest else 1.6 * longest
    names = [as_text(term) for term in terms]
    axis_in = WIDTH_IN - 0.4 - width_in(names, 8.0)
    for grade in [grade for grade in GRADE_COLOURS if len(table) and table[grade].any()]:
        width = table.loc[terms, grade].to_numpy(dtype=float)
        bars = ax.barh(range(len(terms)), width, left=left, height=0.72, label=f"grade {grade}",
                       color=GRADE_COLOURS[grade], edgecolor=INK, linewidth=0.6)
        counts = [f"{count:,.0f}" if count else "" for count in width]
        fits = [width_in([count], 8.5) + 0.03 <= axis_in * length / end for count, length in zip(counts, width)]
        ax.bar_label(bars, np.where(fits, counts, ""), label_type="center", color="white" if grade > 2 else INK, fontsize=8.5)
        for place, count, inside in zip(beside, counts, fits):
            place += [f"{grade}: {count}"] if count and not inside else []
        left += width
    for height, (length, place) in enumerate(zip(left, beside)):
        if place:
            ax.annotate(f"grade {', '.join(place)}", (length, height), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    ax.set_yticks(range(len(terms)), names)
    ax.set_xlim(0, end)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlabel(f"patients, of {n_patients:,}")
    if left.any():
        ax.legend(ncols=5, handlelength=1.4, **_ABOVE)
    else:
        ax.text(0.5, 0.5, "no events", ha="center", va="center", color=GREY, transform=ax.transAxes)
    return ax


def plot_scores(pairs: dict[str, pd.DataFrame], visit: str, at_most: int = 60):
    """Liver scores before and after, a line per patient, with the means.

    Parameters
    ----------
    pairs : dict
        Score's name -> DataFrame indexed by patient with ``baseline`` and `visit`.
    visit : str
    at_most : int
        Most lines of a panel; of more patients an even choice is drawn. The means are of all.

    Returns
    -------
    matplotlib Figure
        Two panels a row: dark lines rose, pale ones did not; the black bars are means. Patients with the same
        two whole scores are drawn side by side.
    """
    n_rows = -(-len(pairs) // 2)
    figure = Figure(figsize=(WIDTH_IN, 2.4 * n_rows + 0.2), layout="constrained")
    axes = figure.subplots(n_rows, 2, squeeze=False).ravel()
    for ax, (name, pair) in zip(axes, pairs.items()):
        pair = pair[["baseline", visit]].astype(float).dropna()
        rose = pair[visit] > pair["baseline"]
        drawn = evenly(pair, at_most)
        drawn = _apart(drawn) if name != "ALBI" else drawn
        _courses(ax, drawn, rose)
        for x, column in enumerate(["baseline", visit]):
            if len(pair):
                ax.plot([x - 0.1, x + 0.1], [pair[column].mean()] * 2, color=INK, lw=3, solid_capstyle="butt", zorder=5)
        if pair.empty:
            ax.text(0.5, 0.5, "no values", ha="center", va="center", color=GREY, transform=ax.transAxes)
        ax.set_title(name)
        ax.set_xlim(-0.2, 1.2)
        ax.set_xticks([0, 1], ["baseline", as_text(visit.replace("_", " "))])
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=name != "ALBI"))
        ax.set_ylabel("score")
    for ax in axes[len(pairs):]:
        ax.set_axis_off()
    return figure


def _apart(pair: pd.DataFrame) -> pd.DataFrame:
    """Whole scores moved a little up or down, so that patients with the same two scores are seen side by side."""
    alike = pair.groupby(list(pair.columns))
    place, size = alike.cumcount(), alike[pair.columns[0]].transform("size")
    step = np.minimum(0.16, 0.9 / size)
    return pair.add((place - (size - 1) / 2) * step, axis=0)
