"""Figures of a thousand and of ten thousand patients can be read: no text on another, none struck through, none off the page."""

import re
import sys
from functools import cache
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from lib import survival_tables, survival_text
from lib.cohort import DAYS_PER_MONTH, build_cohort
from lib.figures import cohort, many, survival, toxicity
from lib.figures.style import DISPLAY_DPI, PRINT_DPI, lay_out, use_style
from lib.protocol import Protocol, allocation
from lib.survival import CLOCKS, assumptions, batteries, clocks, compare, groups, kaplan_meier, regression
from lib.survival.choices import Choices
from lib.suppression import can_be_read_off
from lib.toxicity import events_by_term, events_in_window, liver_injury
from lib.visits import with_month_3

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
from registry import registry  # noqa: E402

SIZES = (1_000, 10_000)
CHOICES = Choices(0.95, "spss", "log-log", "breslow")


@cache
def comparisons(n):
    study, _ = with_month_3(build_cohort("registry", **registry(n)))
    return study, batteries.compare_all(study, groups.groupings(study, 4.0), 0.95)


@cache
def figures(n):
    """Figures of a registry by their numbers in the chapters, laid out as they are shown."""
    use_style()
    study, grouped = comparisons(n)
    patients = study.patients
    time, died = patients.os_treatment_months.to_numpy(float), patients.died.to_numpy(bool)
    curves = groups.clock_curves(study, 0.95, "liver")
    drawn = {f"4.{number}": survival.draw_clock(name, curve, CHOICES) for number, (name, curve) in enumerate(curves.items(), 1)}
    drawn["4.5"] = survival.draw_comparisons(grouped, CHOICES)
    covariates = groups.patient_covariates(study, groups.groupings(study, 4.0))
    screen = regression.univariate_screen(covariates, time, died, ties="breslow", conf_level=0.95)
    drawn["4.6"] = survival.draw_forest(survival_tables.screen_forest(screen), xlabel="Hazard ratio").figure
    entered = {name: clocks.naive_and_delayed(patients, CLOCKS[name][0], 5) for name in ("os_diagnosis", "os_liver_metastasis")}
    drawn["4.9"] = survival.draw_delayed_entry(entered)
    liver = batteries.liver_progression(study, 0.95)
    drawn["4.10"] = survival.draw_incidence(liver.incidence, liver.curve)
    searched, corrected = compare.search_cut(groups.treatment_gap(patients).round(6), time, died, range(1, 13), n_resamples=200)
    drawn["4.11"] = survival.draw_cut_search(searched, 4.0, corrected, 0.05).figure
    drawn["4.12"] = survival.draw_arms(batteries.by_first_treatment(study, "first treatment", 0.95)[0], CHOICES)
    grouping, by_level = grouped["treatment_gap"]
    drawn["4.13"] = survival.draw_hazard_checks(assumptions.proportional_hazards(*grouping.arrays(patients)), grouping, by_level)
    _, ax = plt.subplots(figsize=cohort.SMALL_IN)
    drawn["1.3"] = cohort.draw_burden(ax, allocation(study, Protocol()), 3, 30.0).figure
    ax = Figure(figsize=(toxicity.WIDTH_IN, 4.4), layout="constrained").subplots()
    drawn["2.2"] = toxicity.plot_liver_injury(ax, liver_injury(study.labs), patients.set_index("patient")["first_treatment"]).figure
    drawn["2.3"] = events_figure(events_by_term(events_in_window(study.adverse_events, 3 * DAYS_PER_MONTH), patients), n)
    return {number: laid_out(figure) for number, figure in drawn.items()}


def events_figure(table, n):
    ax = Figure(figsize=(toxicity.WIDTH_IN, 1.2 + 0.32 * max(len(table), 2)), layout="constrained").subplots()
    return toxicity.plot_events(ax, table, n).figure


def laid_out(figure):
    plt.close(figure)
    canvas = FigureCanvasAgg(lay_out(figure, DISPLAY_DPI))
    figure.set_dpi(DISPLAY_DPI)
    canvas.draw()
    return figure


# -- measures of a drawn figure ------------------------------------------------------------------------------


def tick_labels(axis):
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [tick.label1 for tick in ticks if low <= tick.get_loc() <= high and tick.label1.get_visible() and tick.label1.get_text()]


def texts(ax):
    """All texts that are seen of an axes."""
    legend = ax.get_legend()
    shown = [*ax.texts, ax.title, getattr(ax, "_left_title"), *([*legend.get_texts(), legend.get_title()] if legend else [])]
    if ax.axison:
        shown += [each for axis in (ax.xaxis, ax.yaxis) for each in (*tick_labels(axis), axis.label)]
    return [text for text in shown if text.get_visible() and text.get_text().strip()]


def box(text, pad=-1.0):
    """Where a text stands, in pixels, a pixel less on each side."""
    return text.get_window_extent().padded(pad)


def overlapping(figure):
    """Pairs of texts that stand on each other."""
    shown = [(text.get_text(), box(text)) for ax in figure.axes for text in texts(ax)]
    return [(one, other) for (one, a), (other, b) in combinations(shown, 2) if a.overlaps(b)]


def struck(figure):
    """Texts through which a line goes, or which the edge of a bar cuts."""
    found = []
    for ax in figure.axes:
        paths = [line.get_path().transformed(line.get_transform()) for line in ax.lines if line.get_linestyle() != "None"]
        paths += [path.transformed(each.get_transform()) for each in ax.collections if isinstance(each, LineCollection) for path in each.get_paths()]
        bars = [bar.get_window_extent() for bar in ax.patches if isinstance(bar, Rectangle) and bar.get_width()]
        for text in texts(ax):
            place = box(text, 1.0)
            cut = any(bar.overlaps(place) and Bbox.intersection(bar, place).bounds != place.bounds for bar in bars)
            if cut or any(path.intersects_bbox(place, filled=False) for path in paths):
                found.append(text.get_text())
    return found


def off_the_page(figure):
    return [text.get_text() for ax in figure.axes for text in texts(ax)
            if not (figure.bbox.x0 - 1 <= box(text).x0 and box(text).x1 <= figure.bbox.x1 + 1 and box(text).y1 <= figure.bbox.y1 + 1)]


def barely_labelled(figure):
    """Axes with marks of which fewer than two have a number."""
    return [ax.get_xlabel() or ax.get_ylabel() for ax in figure.axes if ax.axison for axis in (ax.xaxis, ax.yaxis)
            if len(axis.get_majorticklocs()) and any(tick.label1.get_visible() for tick in axis.get_major_ticks()) and len(tick_labels(axis)) < 2]


def test_the_measures_find_what_they_are_for():
    figure = Figure(layout="none")
    ax = figure.subplots()
    for x, word in ((0.5, "one"), (0.51, "other"), (0.1, "struck"), (0.8, "cut"), (1.2, "away")):
        ax.text(x, 0.5, word)
    ax.plot([0, 0.3], [0.5, 0.52])
    ax.add_patch(Rectangle((0.81, 0.4), 0.1, 0.2))
    ax.set(xlim=(0, 1), ylim=(0, 1), xscale="linear", xticks=[0.5])
    FigureCanvasAgg(figure).draw()
    assert overlapping(figure) == [("one", "other")] and set(struck(figure)) == {"struck", "cut"}
    assert off_the_page(figure) == ["away"] and len(barely_labelled(figure)) == 1


# -- the chapters' figures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SIZES)
def test_no_text_stands_on_another_or_off_the_page(n):
    found = {number: (overlapping(figure), off_the_page(figure)) for number, figure in figures(n).items()}
    assert {number: each for number, each in found.items() if any(each)} == {}


@pytest.mark.parametrize("n", SIZES)
def test_no_text_is_struck_through(n):
    # in 4.9 the median, and in 2.2 the names of the ranges, have a white rim, for lines that must cross them
    found = {number: struck(figure) for number, figure in figures(n).items() if number not in ("4.9", "2.2")}
    assert {number: each for number, each in found.items() if each} == {}


@pytest.mark.parametrize("n", SIZES)
def test_every_axis_has_two_numbers_and_none_is_a_formula(n):
    assert {number: each for number, figure in figures(n).items() if (each := barely_labelled(figure))} == {}
    assert not [text.get_text() for figure in figures(n).values() for ax in figure.axes for text in texts(ax) if "$" in text.get_text()]


@pytest.mark.parametrize("n", SIZES)
def test_bars_of_events_fill_their_axis_and_every_number_is_written(n):
    figure, (study, _) = figures(n)["2.3"], comparisons(n)
    ax, table = figure.axes[0], events_by_term(events_in_window(study.adverse_events, 3 * DAYS_PER_MONTH), study.patients)
    assert table["any"].max() > 0.5 * ax.get_xlim()[1]
    written = [int(number.replace(",", "")) for text in ax.texts for number in re.findall(r"(?:^|: )([\d,]*\d)", text.get_text())]
    assert sorted(written) == sorted(count for count in table[list(toxicity.GRADE_COLOURS)].to_numpy(int).ravel() if count)


def test_events_of_nearly_everybody_keep_the_axis_of_the_cohort():
    table = pd.DataFrame({1: [15, 1], 2: [1, 0], 3: [0, 0], 4: [0, 0], 5: [0, 0], "any": [16, 1]}, index=["nausea", "fever"])
    assert events_figure(table, 24).axes[0].get_xlim() == (0, 24)


@pytest.mark.parametrize("n", SIZES)
def test_every_group_is_named_with_its_median(n):
    arms = batteries.by_first_treatment(comparisons(n)[0], "first treatment", 0.95)[0]
    key = [text.get_text() for text in figures(n)["4.12"].axes[0].get_legend().get_texts()]
    assert key == [f"{arm}: {CHOICES.median(curve).value:.1f}" for arm, curve in arms.items()]


def test_captions_say_where_censoring_ticks_are_left_out():
    _, grouped = comparisons(SIZES[0])
    tests = {name: compare.logrank(*grouping.arrays(comparisons(SIZES[0])[0].patients)) for name, (grouping, _) in grouped.items()}
    caption = survival_text.groups(grouped, tests, SIZES[0], CHOICES)["caption"]
    assert f"Above {many.MOST_TICKS} different times, censoring ticks are not drawn." in caption
    lines = [line for ax in figures(SIZES[0])["4.5"].axes for line in ax.lines if line.get_marker() == "|"]
    assert lines and not any(len(line.get_xdata()) for line in lines)
    few = kaplan_meier([1.0, 2.0, 3.0], [True, False, True])
    assert many.ticks_note([few], [few, few]) == "" and many.are_ticked([few, few])


def test_a_figure_of_cuts_between_which_few_patients_lie_shows_small_counts():
    table = pd.DataFrame({"cut": [1.0, 2.0, 3.0], "p_value": 0.2, "n_early": [10, 22, 40], "n_late": [90, 78, 60]})
    assert not can_be_read_off(survival.counts_at_cuts(table), 5)
    assert can_be_read_off(survival.counts_at_cuts(table.assign(n_early=[10, 12, 40], n_late=[90, 88, 60])), 5)
    assert can_be_read_off(survival.counts_at_cuts(table.assign(n_early=[3, 22, 40], n_late=[97, 78, 60])), 5)


def test_labels_at_the_right_are_on_the_page_in_print_too():
    figure = figures(SIZES[0])["4.10"]
    FigureCanvasAgg(figure)
    figure.set_dpi(PRINT_DPI["png"])
    assert max(text.get_window_extent().x1 for text in figure.axes[0].texts) < figure.bbox.x1 - 5
    figure.set_dpi(DISPLAY_DPI)


def test_counts_of_a_million_patients_have_room():
    rng = np.random.default_rng(0)
    months, died, late = np.ceil(rng.exponential(600, 10**6)) / DAYS_PER_MONTH, rng.random(10**6) < 0.9, rng.random(10**6) < 0.5
    halves = {"early": kaplan_meier(months[~late], died[~late]), "late": kaplan_meier(months[late], died[late])}
    whole = {"all": kaplan_meier(months, died)}
    searched = pd.DataFrame({"cut": np.arange(1.0, 13), "p_value": 0.2, "n_early": 184_900, "n_late": 815_100})
    use_style()
    for figure in (survival.draw_survival(halves, xlabel="Months"), survival.draw_survival(whole, xlabel="Months"),
                   survival.draw_survival_panels({"a": halves, "b": halves}, xlabel="Months"),
                   survival.draw_cut_search(searched, 4.0, 0.3, 0.05).figure):
        assert (overlapping(laid_out(figure)), struck(figure), off_the_page(figure)) == ([], [], [])


# -- what keeps them apart ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("low, high, ticks", [
    (0.27, 16, [0.3, 1, 3, 10]), (0.79, 2.25, [1, 1.5, 2]), (0.95, 1.08, [0.96, 1.0, 1.04, 1.08]), (1, 40, [1, 3, 10, 30])])
def test_a_logarithmic_axis_has_the_fewest_round_numbers_that_are_enough(low, high, ticks):
    assert many.log_ticks(low, high) == pytest.approx(ticks)


def test_labels_are_moved_only_where_they_would_meet():
    assert many.apart([0.2, 0.9, 0.5], 0.05).tolist() == [0.2, 0.9, 0.5]
    assert many.apart([0.5, 0.48, 0.52], 0.05) == pytest.approx([0.53, 0.48, 0.58])


def test_three_curves_or_medians_that_lie_together_are_named_in_a_key():
    few = {name: kaplan_meier(np.arange(1.0, 9) + shift, [True] * 8) for name, shift in (("a", 0), ("b", 0.1), ("c", 0.2))}
    _, ax = plt.subplots()
    survival.draw_curves(ax, few)
    assert len(ax.get_legend().get_texts()) == 3
    _, ax = plt.subplots()
    survival.draw_curves(ax, {name: few[name] for name in "ab"})
    assert ax.get_legend() is None
    plt.close("all")


@pytest.mark.parametrize(("times", "drawn"), [((60, 40), True), ((60, 41), False), ((100,), True), ((101,), False)])
def test_ticks_are_left_out_above_a_hundred_times_of_a_panel_as_its_caption_says(times, drawn):
    curves = [SimpleNamespace(censored=np.array([1] * n + [0, 0])) for n in times]
    assert many.are_ticked(curves) is drawn
    assert many.ticks_note(curves) == ("" if drawn else " Above 100 different times, censoring ticks are not drawn.")
