"""The look of figures: colours seen through published models of colour vision, and what backs them up.

Colours count as distinct from a CIELAB difference of 10: some four times the just noticeable difference of 2.3 (Mahy,
Van Eycken & Oosterlinck 1994), because small marks and thin lines need more than large patches do (Stone, Szafir &
Setlur 2014).
"""

import re
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.figures import style

DISTINCT = 10.0

# Machado, Oliveira & Fernandes 2009, IEEE Trans Vis Comput Graph 15:1291, table 1, severity 1.0; acts on linear RGB
VISION = {
    "full": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
# IEC 61966-2-1: linear sRGB to XYZ under D65
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(colour):
    rgb = np.array(mpl.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(colour, vision="full"):
    """CIELAB 1976 of a colour as it is seen."""
    xyz = TO_XYZ @ np.clip(VISION[vision] @ linear(colour), 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colours, vision="full", lightness_only=False):
    """Smallest difference between any two colours; in greyscale only lightness is left."""
    part = slice(0, 1) if lightness_only else slice(None)
    return min(np.linalg.norm((lab(a, vision) - lab(b, vision))[part]) for a, b in combinations(colours, 2))


# -- the yardstick itself -------------------------------------------------------------------------------

@pytest.mark.parametrize("colour, published", [
    ("#FF0000", (53.24, 80.09, 67.20)), ("#0000FF", (32.30, 79.19, -107.86)), ("#FFFFFF", (100, 0, 0)), ("#000000", (0, 0, 0))])
def test_cielab_of_primaries_is_the_published_one(colour, published):
    """Lindbloom's colour calculator, sRGB under D65."""
    assert lab(colour) == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize("vision", VISION)
def test_greys_stay_grey_under_every_vision(vision):
    assert VISION[vision].sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)


def test_the_yardstick_catches_a_red_and_a_green_that_deuteranopia_confuses():
    red, green = "#A86E00", "#7B8B00"
    assert closest([red, green]) > 2 * DISTINCT > DISTINCT > closest([red, green], "deuteranopia")


# -- palettes -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("name", ["PALETTE", "TREATMENT_COLOURS", "CATEGORY_COLOURS"])
def test_colours_are_distinct_under_every_colour_vision(name, vision):
    colours = getattr(style, name)
    assert closest(list(colours.values()) if isinstance(colours, dict) else colours, vision) >= DISTINCT


@pytest.mark.parametrize("name", ["TREATMENT_COLOURS", "CATEGORY_COLOURS"])
def test_treatments_and_response_categories_are_distinct_in_greyscale(name):
    assert closest(list(getattr(style, name).values()), lightness_only=True) >= DISTINCT


def test_neighbours_of_the_palette_are_distinct_in_greyscale():
    """Six colours below lightness 61 cannot all be; what colour cannot do, form does (below)."""
    assert all(closest(pair, lightness_only=True) >= DISTINCT for pair in zip(style.PALETTE, style.PALETTE[1:]))


@pytest.mark.parametrize("name", ["PALETTE", "HATCHES", "MARKERS", "LINE_STYLES", "TREATMENT_COLOURS", "CATEGORY_COLOURS"])
def test_no_entry_is_listed_twice(name):
    entries = getattr(style, name)
    entries = list(entries.values()) if isinstance(entries, dict) else entries
    assert len(set(entries)) == len(entries)


def test_every_palette_colour_has_a_hatch_and_a_marker_of_its_own():
    assert len(style.HATCHES) >= len(style.PALETTE) and len(style.MARKERS) >= len(style.PALETTE)
    assert len(style.LINE_STYLES) >= len(style.TREATMENT_COLOURS)


def rasterised(draw):
    """Greyscale pixels of a small drawing, 1 white to 0 black."""
    fig, ax = plt.subplots(figsize=(2, 2), dpi=100)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.axis("off")
    draw(ax)
    fig.canvas.draw()
    pixels = np.asarray(fig.canvas.buffer_rgba())[..., :3].mean(axis=2) / 255
    plt.close(fig)
    return pixels


@pytest.mark.parametrize("forms, draw", [
    (style.LINE_STYLES, lambda ax, form: ax.plot([0, 1], [0.5, 0.5], color="black", linestyle=form)),
    (style.HATCHES, lambda ax, form: ax.add_patch(plt.Rectangle((0, 0), 1, 1, facecolor="white", edgecolor="black", hatch=form))),
    (style.MARKERS, lambda ax, form: ax.plot([0.5], [0.5], color="black", marker=form, markersize=40)),
], ids=["line styles", "hatches", "markers"])
def test_forms_differ_in_black_on_white(forms, draw):
    """At least 5% of the ink differs between any two forms."""
    style.use_style()
    drawings = [rasterised(lambda ax: draw(ax, form)) for form in forms]
    for first, second in combinations(drawings, 2):
        ink = max((1 - first).sum(), (1 - second).sum())
        assert np.abs(first - second).sum() > 0.05 * ink


@pytest.mark.parametrize("colour", [*style.PALETTE, style.CATEGORY_COLOURS["CR"], style.CATEGORY_COLOURS["PD"]])
def test_lines_and_marks_reach_the_contrast_of_wcag(colour):
    """WCAG 2.2, 1.4.11: 3 to 1 on white."""
    assert 1.05 / (TO_XYZ[1] @ linear(colour) + 0.05) >= 3


@pytest.mark.parametrize("colour", ["INK", "GREY"])
def test_text_colours_reach_the_contrast_of_wcag(colour):
    """WCAG 2.2, 1.4.3: 4.5 to 1 on white."""
    luminance = TO_XYZ[1] @ linear(getattr(style, colour))
    assert 1.05 / (luminance + 0.05) >= 4.5


@pytest.mark.parametrize("colour", list(style.TREATMENT_COLOURS.values()) + [style.CATEGORY_COLOURS["PD"], style.CATEGORY_COLOURS["CR"]])
def test_marks_stand_out_from_the_page(colour):
    """Far more than distinct from white."""
    assert closest([colour, "#FFFFFF"]) >= 4 * DISTINCT


# -- giving colours to groups ---------------------------------------------------------------------------

def test_treatments_keep_their_colour_whatever_their_order_or_company():
    for groups in (["Y90", "ablation"], ["ablation", "surgery", "Y90"], ["DEB-TACE"]):
        colours = style.colour_for(groups)
        assert all(colours[group] == style.TREATMENT_COLOURS[group] for group in groups if group in style.TREATMENT_COLOURS)


def test_other_groups_get_colours_that_no_shown_treatment_has():
    colours = style.colour_for(["DEB-TACE", "Y90", "ablation", "surgery", "cryoablation", "HIFU"])
    assert len(set(colours.values())) == 6


def test_groups_named_twice_and_no_groups():
    assert list(style.colour_for(["early", "late", "early"])) == ["early", "late"]
    assert style.colour_for([]) == {}


def test_more_groups_than_colours_start_again():
    colours = style.colour_for([f"group {i}" for i in range(8)])
    assert len(colours) == 8 and colours["group 0"] == colours["group 6"] and set(colours.values()) == set(style.PALETTE)


# -- settings -------------------------------------------------------------------------------------------

def test_style_fixes_what_would_change_a_files_bytes():
    with mpl.rc_context():
        style.use_style()
        assert mpl.rcParams["svg.hashsalt"] and mpl.rcParams["font.family"] == ["DejaVu Sans"]
        assert [entry["color"] for entry in mpl.rcParams["axes.prop_cycle"]] == style.PALETTE


def test_all_colours_are_written_in_full():
    colours = style.PALETTE + list(style.CATEGORY_COLOURS.values()) + [style.INK, style.GREY, style.PALE]
    assert all(re.fullmatch(r"#[0-9A-F]{6}", colour) for colour in colours)
