"""What is kept between executions of a chapter: by content, under `lib.watch` only, and never another number."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import get_named_colors_mapping
from matplotlib.path import Path as Outline
from matplotlib.ticker import Formatter
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from lib.figures.style import use_style
from lib.kept import KEPT_IN, Product, hand_over, handed_over, kept

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def total():
    """A sum that is kept, and the list of what was asked of it."""
    asked = []

    @kept
    def summed(table, scale=1):
        asked.append(scale)
        if scale == 0:
            raise ValueError("nothing")
        return table["months"].sum() * scale

    return summed, asked


def test_nothing_is_kept_but_where_a_folder_is_named(total, monkeypatch, tmp_path):
    monkeypatch.delenv(KEPT_IN, raising=False)
    monkeypatch.chdir(tmp_path)
    summed, asked = total
    table = pd.DataFrame({"months": [1.0, 2.0]})
    assert summed(table) == summed(table) == 3 and asked == [1, 1] and not list(tmp_path.iterdir())


def test_what_is_kept_is_found_by_the_content_of_all_arguments(total, monkeypatch, tmp_path):
    monkeypatch.setenv(KEPT_IN, str(tmp_path))
    summed, asked = total
    table = pd.DataFrame({"months": [1.0, 0.0], "died": [True, False]})
    assert summed(table) == summed(table.copy()) == 1 and asked == [1]
    assert summed(table, 2) == summed(table, scale=2) == 2 and asked == [1, 2]
    table.loc[0, "months"] = np.nextafter(1.0, 2.0)  # the same table, changed in place in its last digit
    assert summed(table) > 1 and asked == [1, 2, 1]
    assert summed(table.assign(died=True)) == summed(table) and asked == [1, 2, 1, 1]
    assert summed(table.astype({"months": "float32"})) == 1 and len(asked) == 5


def test_a_folder_that_others_may_enter_is_left_alone(total, monkeypatch, tmp_path):
    """What is kept is pickled: whoever can write there could have code run."""
    monkeypatch.setenv(KEPT_IN, str(tmp_path))
    tmp_path.chmod(0o701)
    summed, asked = total
    assert summed(pd.DataFrame({"months": [1.0]})) == summed(pd.DataFrame({"months": [1.0]})) == 1
    assert asked == [1, 1] and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("mode", "found"), [(0o700, 1), (0o710, None), (0o701, None), (0o707, None)])
def test_what_is_handed_over_is_read_from_a_folder_of_this_user_alone(tmp_path, mode, found):
    hand_over(1, tmp_path / "given")
    tmp_path.chmod(mode)
    assert handed_over(tmp_path / "given") == found


def test_an_error_is_not_kept(total, monkeypatch, tmp_path):
    monkeypatch.setenv(KEPT_IN, str(tmp_path))
    summed, asked = total
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            summed(pd.DataFrame({"months": [1.0]}), 0)
    assert asked == [0, 0]


def curves(months=(3.0, 7.5, 12.0), title="Overall survival", colour="#004F85"):
    """Two panels with what the study's figures are made of: steps, bands, bars, text, a legend."""
    use_style()
    fig, (above, below) = plt.subplots(2, 1, figsize=(6, 4), sharex=True)
    survival = np.linspace(1, 0, len(months))
    above.step(months, survival, color=colour, label="all", where="post")
    above.fill_between(months, survival - 0.1, survival + 0.1, step="post", alpha=0.2)
    above.axvspan(2, 4)
    above.set(title=title, ylabel="Proportion", xlim=(0, 24))
    above.legend()
    below.bar(months, [1, 2, 3], hatch="//")
    below.text(0.5, 0.5, "n = 3", transform=below.transAxes)
    return fig


@pytest.fixture
def page(monkeypatch, tmp_path):
    """A folder where what is shown is kept; the figures of the test are closed."""
    monkeypatch.setenv(KEPT_IN, str(tmp_path))
    yield tmp_path
    plt.close("all")


def test_a_figure_made_again_of_the_same_data_is_found(page):
    Product(curves()).write(b"picture")
    assert Product(curves()).read() == b"picture" and len(list(page.iterdir())) == 1


def test_a_figure_of_kept_numbers_is_the_one_of_numbers_worked_out(page):
    """What was kept comes with a type object of its own in memory, and with words that are no longer one object."""
    months, frame = np.array([3.0, 7.5, 12.0]), pd.DataFrame({"Group": ["early"] * 2, "n": ["early", None]})
    Product(curves(months), frame).write(b"picture")
    again, same = pickle.loads(pickle.dumps(months)), frame.map(lambda cell: cell and "".join(list(cell)))
    assert again.dtype is not months.dtype and same.iloc[0, 0] is not same.iloc[1, 0]
    assert Product(curves(again), same).read() == b"picture"


def test_a_figure_is_the_same_before_and_after_another_with_a_band_is_drawn(page, monkeypatch):
    """Bars share one outline, and axvspan sets how finely it would be bent on polar axes."""
    def bars():
        use_style()
        figure, axes = plt.subplots()
        axes.bar([1], [1])
        return figure

    shared = Outline.unit_rectangle()
    monkeypatch.setattr(shared, "_interpolation_steps", 1)
    Product(bars()).write(b"bars")
    curves()
    assert shared._interpolation_steps > 1, "matplotlib no longer does so"
    assert Product(bars()).read() == b"bars"
    closed = bars()
    plt.close(closed)
    assert Product(closed).read() == b"bars", "whether pyplot has it still is of no account"


#: What a chapter's cell may do to a figure; each alters what is seen.
ALTERED = {
    "data": lambda fig: fig.axes[0].lines[0].set_ydata([1, 0.5, np.nextafter(0, 1)]),
    "title": lambda fig: fig.axes[0].set_title("Overall survival "),
    "colour": lambda fig: fig.axes[0].lines[0].set_color("#004F86"),
    "line style": lambda fig: fig.axes[0].lines[0].set_linestyle("--"),
    "limits": lambda fig: fig.axes[0].set_xlim(0, 25),
    "ticks": lambda fig: fig.axes[1].set_xticks([0, 12]),
    "hatch": lambda fig: fig.axes[1].patches[0].set_hatch("x"),
    "width of a bar": lambda fig: fig.axes[1].patches[0].set_width(0.1),
    "place of a text": lambda fig: fig.axes[1].texts[0].set_position((0.5, 0.6)),
    "visibility": lambda fig: fig.axes[1].texts[0].set_visible(False),
    "legend": lambda fig: fig.axes[0].get_legend().remove(),
    "size": lambda fig: fig.set_size_inches(6, 4.01),
    "a panel more": lambda fig: fig.add_axes((0.8, 0.8, 0.1, 0.1)),
    "layout": lambda fig: fig.set_layout_engine("tight"),
    "transparency": lambda fig: fig.axes[0].collections[0].set_alpha(0.3),
    "order": lambda fig: fig.axes[0].lines[0].set_zorder(9),
    "scale": lambda fig: fig.axes[0].set_xscale("symlog"),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_a_figure_altered_in_anything_is_not_found(alter, page):
    Product(curves()).write(b"picture")
    altered = curves()
    alter(altered)
    assert Product(altered).read() is None


def test_settings_of_matplotlib_count_too(page):
    Product(curves()).write(b"picture")
    same, figure = curves(), curves()
    with mpl.rc_context({"savefig.facecolor": "yellow"}):  # read while it is drawn
        assert Product(figure).read() is None
    assert Product(same).read() == b"picture"


def test_a_table_is_found_by_its_cells_its_number_its_notes_and_its_layout(page):
    frame = pd.DataFrame({"Group": ["early", "late"], "Median (months)": [22.9, np.nan], "n": [12, 12]})
    Product(frame, "9.1", ["of all"], {"left": ["n"]}).write(b"table")
    assert Product(frame.copy(), "9.1", ["of all"], {"left": ["n"]}).read() == b"table"
    assert Product(frame.assign(n=[12, 11]), "9.1", ["of all"], {"left": ["n"]}).read() is None
    assert Product(frame.rename(columns={"n": "N"}), "9.1", ["of all"], {"left": ["n"]}).read() is None
    assert Product(frame, "9.2", ["of all"], {"left": ["n"]}).read() is None
    assert Product(frame, "9.1", ["of most"], {"left": ["n"]}).read() is None
    assert Product(frame, "9.1", ["of all"], {"left": ["Group"]}).read() is None


def in_months(value, place):
    """A formatter as a reader may write it in a chapter, and edit it there."""
    return f"{value:.0f} months"


class InMonths(Formatter):
    def __call__(self, value, place=None):
        return in_months(value, place)


class OwnFrame(pd.DataFrame):
    """A table that a reader's code shows in its own way."""


def _callback(figure):
    axes = figure.axes[0]
    axes.callbacks.connect("ylim_changed", lambda axes: axes.set_title("moved"))


#: Of these the bytes would not tell all that is seen.
NOT_TOLD = {
    "lambda": lambda fig: fig.axes[0].xaxis.set_major_formatter(lambda value, place: f"{value:.0f} months"),
    "function of a chapter": lambda fig: fig.axes[0].xaxis.set_major_formatter(in_months),
    "class of a chapter": lambda fig: fig.axes[0].xaxis.set_major_formatter(InMonths()),
    "function of an axis": lambda fig: fig.axes[0].secondary_xaxis("top", functions=(in_months, in_months)),
    "callback": _callback,
    "polar axes": lambda fig: fig.add_subplot(projection="polar"),
}


@pytest.mark.parametrize("alter", NOT_TOLD.values(), ids=NOT_TOLD)
def test_a_figure_of_which_its_bytes_would_not_tell_all_is_not_kept(alter, page):
    figure = curves()
    alter(figure)
    product = Product(figure)
    product.write(b"picture")
    assert product.read() is None and product.is_unchanged() and not list(page.iterdir())


def test_a_table_of_a_chapters_own_class_is_not_kept(page):
    Product(OwnFrame({"n": [1]}), "9.1").write(b"table")
    assert not list(page.iterdir())


def test_masked_cells_are_not_those_that_they_hide(page):
    counts = np.array([[0.0, 1.0], [2.0, 3.0]])
    for cells in (counts, np.ma.masked_equal(counts, 0)):
        figure, axes = plt.subplots()
        axes.pcolormesh(cells, vmin=0, vmax=3)
        assert Product(figure).read() is None
        Product(figure).write(b"mesh")


def test_a_colour_of_a_readers_own_name_counts(page, monkeypatch):
    monkeypatch.setitem(get_named_colors_mapping(), "own", "#111111")
    Product(curves(colour="own")).write(b"picture")
    monkeypatch.setitem(get_named_colors_mapping(), "own", "#222222")
    assert Product(curves(colour="own")).read() is None


def test_a_figure_that_a_later_cell_goes_on_with_is_told_from_what_it_was(page):
    figure = curves()
    product = Product(figure)
    assert product.is_unchanged() and product.is_unchanged(), "writing it down changes nothing"
    figure.axes[0].set_title("later")
    assert not product.is_unchanged()


def test_a_folder_that_is_gone_keeps_nothing(page):
    product = Product("table")
    page.rmdir()
    product.write(b"table")
    assert product.read() is None and Product("table").read() is None


def test_nothing_shown_is_kept_where_others_may_enter_or_no_folder_is_named(page, monkeypatch):
    page.chmod(0o701)
    Product("table").write(b"table")
    assert Product("table").read() is None
    monkeypatch.delenv(KEPT_IN)
    Product("table").write(b"table")
    assert Product("table").read() is None and not list(page.iterdir())


PAGE = """
from lib.narrative import Chapter
import matplotlib.pyplot as plt, pandas as pd
chapter = Chapter("04_survival")
for label, months in (("4.1", 3), ("4.2", {months})):
    fig, ax = plt.subplots()
    ax.plot([0, months], [1, 0])
    chapter.figure(fig, label, "A line.", "A line falls.")
    chapter.table(pd.DataFrame({{"Group": ["all"], "Months": [months]}}), label, "Months.")
chapter.hand_on()
"""


def _shown(months, folder, store=None, code=PAGE):
    """What a notebook's page shows."""
    environment = {key: value for key, value in os.environ.items() if key != KEPT_IN} | {"STUDY_OUT": str(folder), "STUDY_PREVIEW": "1"}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code.format(months=months))])
    client = NotebookClient(notebook, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(ROOT)}})
    client.execute(env=environment | ({KEPT_IN: str(store)} if store else {}))
    return [output["data"] for output in notebook.cells[0].outputs if "data" in output]


def test_a_page_shows_what_was_kept_as_it_would_have_made_it(page, tmp_path_factory):
    """The second figure and table change: the first are found, and all are shown as where nothing is kept."""
    folder = tmp_path_factory.mktemp("out")
    first = _shown(5, folder, page)
    kept = {file: file.stat().st_mtime_ns for file in page.iterdir()}
    assert len(kept) == 4
    found = _shown(7, folder, page)
    now = {file: file.stat().st_mtime_ns for file in page.iterdir()}
    assert len(now) == 6 and kept.items() <= now.items(), "two of the four were made anew"
    assert found == _shown(7, folder) != first
    assert [kind for data in found for kind in data if kind in ("image/png", "text/html")] == ["image/png", "text/html"] * 2


LATER = """
frame = pd.DataFrame({{"Group": ["all"], "Months": ["22.9"]}})
chapter.figure(plt.subplots(3, 3)[0], "4.3", "Nine panels, which take a while to draw.", "Nine panels.")
chapter.table(frame, "4.3", "Months.")
frame.loc[0, "Months"] = "99.9"
chapter.table(frame, "4.4", "Later months.")
chapter.hand_on()
"""


def test_a_table_is_shown_as_it_was_in_its_cell_though_a_later_one_changes_it(page, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    code = PAGE.replace("chapter.hand_on()\n", LATER)
    for _ in range(2):
        tables = [data["text/html"] for data in _shown(5, folder, page, code) if "text/html" in data]
        assert len(tables) == 4 and "22.9" in tables[2] and "99.9" not in tables[2] and "99.9" in tables[3]


def test_a_figure_that_a_later_cell_goes_on_with_is_not_kept_as_what_it_was(page, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    code = PAGE.replace("for label", "chapter.figure(plt.subplots(3, 3)[0], '4.3', 'Nine panels, which take a while.', 'Nine panels.')\nfor label")
    _shown(5, folder, page, code.replace("chapter.hand_on()", "ax.set_title('later')\nchapter.hand_on()"))
    assert _shown(5, folder, page, code) == _shown(5, folder, code=code)


def test_a_table_that_cannot_be_laid_out_is_told_at_its_cell(page, tmp_path_factory):
    code = PAGE.replace("chapter.hand_on()\n", "chapter.table(pd.DataFrame({{'n': ['1']}}), '4.3', 'Counts.', left=['N'])\nprint('went', 'on')\n")
    with pytest.raises(CellExecutionError, match="left=") as told:
        _shown(5, tmp_path_factory.mktemp("out"), page, code)
    assert "went on" not in str(told.value)


def test_a_rehearsal_makes_what_the_page_will_show(page, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    environment = {**os.environ, "STUDY_OUT": str(folder), "STUDY_PREVIEW": "1", "STUDY_REHEARSAL": "1", "MPLBACKEND": "agg"}
    run = subprocess.run([sys.executable, "-c", PAGE.format(months=5)], cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=120)
    rehearsed = {file: file.stat().st_mtime_ns for file in page.iterdir()}
    assert len(rehearsed) == 4 and "image/png" not in run.stdout
    assert _shown(5, folder, page) == _shown(5, folder)
    assert {file: file.stat().st_mtime_ns for file in page.iterdir()} == rehearsed


#: Chapters with much that is kept, each with choices that differ from the paper's.
CHANGES = [
    ("00_reconstruction", {"walk_seed": 2}),
    ("02_toxicity", {"conf_level": 0.9, "ctcae_version": 4.03, "baseline_rule": "multiples of ULN"}),
    ("04_survival", {"conf_level": 0.9, "cox_ties": "efron", "landmark_months": 6.0}),
    ("07_another_paper", {"n_cohorts": 100, "search_seed": 2}),
]


@pytest.mark.parametrize(("name", "changes"), CHANGES, ids=[name for name, _ in CHANGES])
def test_a_changed_chapter_gives_the_same_numbers_with_what_its_last_run_has_kept(name, changes, tmp_path):
    text = (ROOT / "notebooks" / f"{name}.py").read_text("utf-8")
    changed = text
    for parameter, value in changes.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{parameter} = "))
        changed = changed.replace(line, f"{parameter} = {value!r}", 1)
    (tmp_path / "kept").mkdir(mode=0o700)
    store = {KEPT_IN: str(tmp_path / "kept")}
    paper = _results(text, name, tmp_path / "paper", store)
    stored = _stored(tmp_path)
    assert _results(text, name, tmp_path / "again", store) == paper and _stored(tmp_path) == stored and stored, "another process found nothing"
    assert _results(changed, name, tmp_path / "helped", store) == _results(changed, name, tmp_path / "afresh")


def _stored(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("kept/**/output.pkl")}


def _results(text, name, folder, environment=()):
    """What a chapter hands on, run as a script."""
    folder.mkdir()
    script = folder / f"{name}.py"
    script.write_text(text, encoding="utf-8")
    environment = {**os.environ, "STUDY_OUT": str(folder), "STUDY_PREVIEW": "1", "STUDY_REHEARSAL": "1", "MPLBACKEND": "agg", **dict(environment)}
    subprocess.run([sys.executable, script], cwd=ROOT / "notebooks", env=environment, check=True, capture_output=True, timeout=300)
    return json.loads((folder / "results" / f"{name}.json").read_text("utf-8"))
