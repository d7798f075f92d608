"""One look for every figure: font, sizes, and palettes that survive colour-blindness and greyscale."""

from __future__ import annotations

import matplotlib as mpl
from cycler import cycler
from matplotlib.patheffects import withStroke

# The hues of Okabe & Ito (2008), apart under every colour-blindness, darkened until a thin line has a contrast of 3 to 1
# with the page (WCAG 2.2, 1.4.11). Six such colours cannot all stay apart in greyscale; neighbours do, so more than
# three groups want a line style, marker or hatch as well.
BLUE, ORANGE, SKY, GREEN, VERMILION, PURPLE = "#004F85", "#C58500", "#3595D8", "#00785A", "#B34700", "#CC79A7"
INK, GREY, PALE = "#222222", "#6B6B6B", "#D9D9D9"
PALETTE = [BLUE, ORANGE, GREEN, SKY, VERMILION, PURPLE]
LINE_STYLES = ["-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5))]
HATCHES = ["", "////", "....", "xxxx", "\\\\\\\\", "++"]
MARKERS = ["o", "s", "^", "D", "v", "P"]

TREATMENT_COLOURS = {"DEB-TACE": BLUE, "Y90": ORANGE, "ablation": GREEN}
# Blue for response, orange for progression; each its own lightness, so that greyscale keeps them apart.
CATEGORY_COLOURS = {"CR": "#08306B", "PR": "#6BAED6", "SD": "#D9D9D9", "PD": "#B2430C", "NE": "#FFFFFF"}

HALO = [withStroke(linewidth=2.5, foreground="white")]  # of a text that lines may cross

FULL_WIDTH_IN = 6.8
DISPLAY_DPI = 144
# of a vector file it is only crowded marks that have dots; matplotlib scales by dots over points, without rounding if the
# ratio is a power of two
PRINT_DPI = {"png": 300, "svg": 288, "pdf": 288}


def use_style() -> None:
    """Set matplotlib's defaults to the house style (DejaVu Sans, 9 pt, no top or right spine)."""
    mpl.rcParams.update({
        "font.family": "DejaVu Sans", "font.size": 9.0, "axes.titlesize": 10.0, "axes.labelsize": 9.0,
        "axes.titleweight": "bold", "axes.titlelocation": "left",
        "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "legend.fontsize": 8.5, "legend.frameon": False,
        "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=PALETTE), "lines.linewidth": 1.6,
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
        "figure.figsize": (FULL_WIDTH_IN, 4.2), "figure.dpi": 100, "figure.constrained_layout.use": True,
        "svg.hashsalt": "leiomyosarcoma-liver-study", "svg.fonttype": "none", "pdf.fonttype": 42,
        "figure.max_open_warning": 0,
        # a treatment's name may hold two dollar signs; no label of ours is a formula
        "text.parse_math": False,
    })


def lay_out(figure, dpi: float):
    """Work out a figure's layout once and for all, as at the given resolution.

    A figure that still has a layout engine, even one that does nothing, is drawn twice for each file it is saved to, the
    first time for the layout alone.

    Parameters
    ----------
    figure : matplotlib Figure
    dpi : float
        Dots per inch at which its texts are measured.

    Returns
    -------
    matplotlib Figure
        The same.
    """
    engine, own_dpi = figure.get_layout_engine(), figure.dpi
    if engine is not None:
        figure.set_dpi(dpi)
        engine.execute(figure)
        figure.set_dpi(own_dpi)
        with mpl.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
            figure.set_layout_engine(None)  # "none" would put in one that does nothing
    return figure


def colour_for(groups) -> dict[str, str]:
    """A colour for each group: the fixed one for the study's treatments, the palette's next for others.

    Parameters
    ----------
    groups : iterable of str
        Group labels in the order shown.

    Returns
    -------
    dict
        Label -> hex colour; more groups than colours start the palette again.
    """
    groups = list(dict.fromkeys(groups))
    fixed = {group: TREATMENT_COLOURS[group] for group in groups if group in TREATMENT_COLOURS}
    free = [colour for colour in PALETTE if colour not in fixed.values()] or PALETTE
    others = [group for group in groups if group not in fixed]
    return fixed | {group: free[i % len(free)] for i, group in enumerate(others)}
