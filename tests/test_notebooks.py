"""The chapters: outputs that follow from the cells, pairs that agree, and the rules a chapter keeps."""

import ast
import base64
import io
import json
import re
import shutil
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
from PIL import Image

import lib.narrative
from lib.notebooks import PUBLISHED, find_sources, read_source
from lib.parameters import PARAMETERS
from lib.run import summary_line

ROOT = Path(__file__).resolve().parents[1]
SOURCES = find_sources(ROOT / "notebooks")
each_chapter = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)

#: Names that hold a digit and are no result.
NAMES_WITH_DIGITS = [
    r"m?RECIST(?: version)? 1\.1", r"CTCAE(?: v| version)? ?\d(?:\.\d+)?", r"MELD 3\.0", r"\bY90\b",
    r"\bversion \d(?:\.\d+)?", r"\b3-month\b", r"\bet al\. (?:19|20)\d\d\b",
]  # fmt: skip
REFERENCES = r"\b(?:Figures?|Tables?|[Cc]hapters?|[Ss]ections?|[Nn]otebooks?) \d+(?:\.\d+)?(?:(?:, | and | to |-|–)\d+(?:\.\d+)?)*"
LONGEST_CELL = 25

#: For each parameter a value other than the paper's under which the reference cohort gives another answer.
OTHER_VALUES = {
    "conf_level": 0.8, "age_cut_years": 65, "early_treatment_months": 6.0, "ablation_max_lesions": 1, "ablation_size_limit_mm": 50.0,
    "show_p_values": True, "patients_drawn": 10, "largest_denominator": 20,
    "ctcae_version": 4.03, "baseline_rule": "multiples of ULN", "toxicity_visit": "month_6", "toxicity_window_months": 0.5,
    "response_visit": "month_6", "target_lesions": "largest", "response_denominator": "evaluable", "confirm_response": True,
    "minimum_stable_days": 120, "reader_kappa": 0.9, "reader_matrix": {category: {category: 1.0} for category in ("CR", "PR", "SD", "PD")},
    "reader_draws": 500, "reader_seed": 1,
    "landmark_months": 6.0, "median_convention": "r", "modern_interval": "plain", "cox_ties": "efron", "liver_pfs_definition": "any_or_death",
    "crossovers": "censored at the switch", "detectable_power": 0.9, "n_resamples": 300, "seed": 1, "smallest_risk_set": 1,
    "most_left": 0.25, "edge_drawn": "treatment_gap", "own_claim": "os_treatment.at_24_months > 0.3",
    "deciding_power": 0.9,
    "publish": True, "smallest_count": 10,
    "paper": "ovarian", "n_cohorts": 50, "search_seconds": 0.3, "p_within": 0.01, "limits_within": 1.0, "search_seed": 2,
    "walk_seed": 2, "ensemble_tier": "exact",
}  # fmt: skip

#: Choices under which another one matters: the smallest count is that of what is published.
ONLY_WITH = {"smallest_count": {"publish": True}}

#: Announced to `lib.narrative.Chapter`, which obeys them in whatever it shows; that they do is tested by changing them.
OBEYED_BY_THE_CHAPTER = {"publish", "smallest_count"}


def committed(source):
    return nbformat.read(source.path.with_suffix(".ipynb"), as_version=4)


def code_cells(source):
    return [cell for cell in read_source(source.path).cells if cell.cell_type == "code"]


def is_parameters(cell):
    return "parameters" in cell.metadata.get("tags", [])


# -- outputs -------------------------------------------------------------------------------------------


def test_each_source_has_its_executed_notebook_and_no_other_lies_there():
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks == {source.name for source in SOURCES}


@each_chapter
def test_a_fresh_run_gives_the_committed_outputs(source, study_run):
    fresh = nbformat.read(study_run.out / "notebooks" / f"{source.name}.ipynb", as_version=4)
    kept = committed(source)
    assert len(fresh.cells) == len(kept.cells)
    for number, (new, old) in enumerate(zip(fresh.cells, kept.cells, strict=True), start=1):
        new_pictures, old_pictures = take_pictures(new), take_pictures(old)
        assert new == old, f"cell {number} of {source.name} gives another output: run make refresh"
        assert len(new_pictures) == len(old_pictures)
        for one, other in zip(new_pictures, old_pictures, strict=True):
            assert_alike(one, other, f"the picture of cell {number} of {source.name}")


def take_pictures(cell):
    """Remove a cell's pictures and return them."""
    outputs = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    return [base64.b64decode(output.data.pop("image/png")) for output in outputs]


def assert_alike(one, other, what):
    """Equal size, and no more than a whisper of difference: fonts are drawn alike to a grey level or so."""
    first, second = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float) for png in (one, other))
    assert first.shape == second.shape, what
    assert np.abs(first - second).mean() < 0.5, what


@each_chapter
def test_committed_outputs_hold_no_error_no_warning_and_no_script(source):
    for cell in committed(source).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
            assert "application/javascript" not in output.get("data", {})
            assert "<script" not in "".join(output.get("data", {}).get("text/html", ""))


@each_chapter
def test_every_code_cell_was_run_in_order(source):
    counts = [cell.execution_count for cell in committed(source).cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@each_chapter
def test_every_picture_has_an_alternative_text(source):
    pictures = [output for cell in committed(source).cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert pictures
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 20


@each_chapter
def test_figures_and_tables_are_numbered_by_chapter_from_one(source, study_run):
    document = json.loads((study_run.out / "results" / f"{source.name}.json").read_text())
    for kind in ("figures", "tables"):
        labels = [entry["label"] for entry in document[kind]]
        assert labels == [f"{int(source.name[:2])}.{number}" for number in range(1, len(labels) + 1)]


@each_chapter
def test_a_caption_names_whom_it_shows(source, study_run):
    document = json.loads((study_run.out / "results" / f"{source.name}.json").read_text())
    for entry in document["figures"]:
        assert re.search(r"\d|\bstudies\b", entry["caption"]), f"Figure {entry['label']} does not say how many it shows"


# -- pairs and rules -----------------------------------------------------------------------------------


@each_chapter
def test_source_and_notebook_hold_the_same_cells(source):
    def cells(notebook):
        return [(cell.cell_type, tuple(cell.metadata.get("tags", [])), cell.source) for cell in notebook.cells]

    back = jupytext.reads(jupytext.writes(committed(source), fmt="py:percent"), fmt="py:percent")
    assert cells(back) == cells(read_source(source.path)) == cells(committed(source))


@each_chapter
def test_markdown_holds_no_result_digits(source):
    for cell in read_source(source.path).cells:
        if cell.cell_type == "markdown":
            for line in without_allowed_digits(cell.source).splitlines():
                assert not re.search(r"\d", line), f"{source.name}: a digit in Markdown: {line.strip()}"


def without_allowed_digits(markdown):
    """Markdown less headings, list numbers, code, formulas, link targets, references and names of standards."""
    text = re.sub(r"```.*?```|\$\$.*?\$\$", "", markdown, flags=re.S)
    text = re.sub(r"^#+ .*$|^\s*\d+\. ", "", text, flags=re.M)
    text = re.sub(r"`[^`]*`|\$[^$\n]*\$|\]\([^)]*\)", "", text)
    for allowed in (REFERENCES, *NAMES_WITH_DIGITS):
        text = re.sub(allowed, "", text)
    return text


@pytest.mark.parametrize("markdown", ["Median survival was 9 months.", "It fell by 20%.", "See Figure 2, where 7 died.", "By 2020 all had died."])
def test_the_digit_rule_sees_a_typed_result(markdown):
    assert re.search(r"\d", without_allowed_digits(markdown))


@pytest.mark.parametrize("markdown", ["# 4. How long?", "See Figures 1 to 4 and Table 2.", "By RECIST 1.1 and CTCAE v5.0.", "At least `30%`.", "$x_1$",
                                      "As Krzyston et al. 2020 did."])
def test_the_digit_rule_lets_names_and_references_pass(markdown):
    assert not re.search(r"\d", without_allowed_digits(markdown))


@each_chapter
def test_a_chapter_opens_with_its_question_then_its_parameters(source):
    cells = read_source(source.path).cells
    assert cells[0].cell_type == "markdown"
    assert re.match(r"# \d\. .*\?\n", cells[0].source), "the title is a question"
    assert "**Question.**" in cells[0].source
    assert sum(len(re.findall("^# ", cell.source, flags=re.M)) for cell in cells if cell.cell_type == "markdown") == 1
    position = [is_parameters(cell) for cell in cells].index(True)
    # what the chapter answers of the paper is a cell of its own: it is left out for a reader's own cohort
    assert [(cell.cell_type, cell.metadata.get("tags")) for cell in cells[1:position]] in ([], [("markdown", [PUBLISHED])])
    assert sum(is_parameters(cell) for cell in cells) == 1


@each_chapter
def test_a_chapter_closes_with_the_paper_its_limits_and_something_to_try(source):
    text = "\n".join(cell.source for cell in read_source(source.path).cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ (.*)$", text, flags=re.M)
    closing = [next(heading for heading in headings if heading.startswith(start)) for start in ("Against the paper", "What this does and does not show", "Try this")]
    assert headings[-3:] == closing


@each_chapter
def test_no_cell_is_longer_than_a_screen(source):
    for cell in code_cells(source):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source


@each_chapter
def test_imports_stand_in_one_cell_right_after_the_parameters(source):
    first, *rest = [cell for cell in code_cells(source) if not is_parameters(cell)]
    assert "import" in first.source
    for cell in rest:
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, (ast.Import, ast.ImportFrom)), cell.source


@each_chapter
def test_no_path_tricks_no_star_imports_no_magics(source):
    for cell in code_cells(source):
        assert "sys.path" not in cell.source
        assert not re.search(r"^\s*(?:[%!]|from \S+ import \*)", cell.source, flags=re.M), cell.source


# -- parameters ----------------------------------------------------------------------------------------


@each_chapter
def test_defaults_are_the_papers_choices_and_each_is_explained(source):
    for name, value in source.parameters.items():
        assert value == PARAMETERS[name].paper, name
    (cell,) = [cell for cell in code_cells(source) if is_parameters(cell)]
    for line in cell.source.splitlines():
        assert re.search(r"# \S.{8,}", line), f"{line!r} is not explained"


@each_chapter
def test_every_parameter_is_used_beyond_being_announced(source):
    used = set()
    for cell in code_cells(source):
        if not is_parameters(cell):
            used |= names_read(ast.parse(cell.source))
    assert set(source.parameters) - used - OBEYED_BY_THE_CHAPTER == set()


def names_read(tree):
    """Names that code reads, but for the call that only announces all parameters to the chapter."""
    announced = {
        name
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Chapter"
        for name in ast.walk(call)
    }
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in announced}


@pytest.fixture
def answers(monkeypatch, tmp_path, study_run):
    """A function that runs a chapter's cells with parameters changed and returns all they show and hand on."""
    monkeypatch.setattr(lib.narrative, "ROOT", tmp_path)
    monkeypatch.delenv("STUDY_OUT", raising=False)
    shutil.copytree(study_run.out / "results", tmp_path / "build" / "lab" / "results")

    def run(source, **changed):
        if not changed and source.name in _PUBLISHED_ANSWERS:
            return _PUBLISHED_ANSWERS[source.name]
        shown = []
        monkeypatch.setattr(lib.narrative, "_display", lambda data, metadata=None: shown.append(data))
        names = {"__name__": "__main__"}
        for cell in code_cells(source):
            exec(compile(cell.source, source.name, "exec"), names)  # noqa: S102 - the chapters are ours
            if is_parameters(cell):
                names.update(changed)
        quantities = json.loads((tmp_path / "build" / "lab" / "results" / f"{source.name}.json").read_text())["quantities"]
        # a banner that repeats the parameter is no answer, nor are the marks that only the published analysis has
        answer = [data for data in map(without_marks, shown) if data != {"text/html": ""} and "Not the published analysis" not in str(data.get("text/markdown"))], quantities
        return answer if changed else _PUBLISHED_ANSWERS.setdefault(source.name, answer)

    return run


def without_marks(data):
    """An output without the ranges over other cohorts; a note of ranges becomes nothing."""
    return {kind: re.sub(r' <span class="open-range">.*?</span>|<details class="open-ranges">.*?</details>', "", value, flags=re.S)
            if isinstance(value, str) else value for kind, value in data.items()}


_PUBLISHED_ANSWERS = {}


@pytest.mark.parametrize(
    ("source", "name"),
    [(source, name) for source in SOURCES for name in source.parameters if name != "cohort"],
    ids=lambda value: getattr(value, "name", value),
)
def test_changing_a_parameter_changes_the_answer(source, name, answers):
    beside = ONLY_WITH.get(name, {})
    assert answers(source, **beside, **{name: OTHER_VALUES[name]}) != answers(source, **beside)


@pytest.mark.parametrize("source", [source for source in SOURCES if "cohort" in source.parameters], ids=lambda source: source.name)
def test_another_cohort_changes_the_answer(source, answers, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "data" / "reference", other)
    for table in other.glob("*.csv"):
        header, *rows = table.read_text("utf-8").splitlines()
        first = rows[0].split(",")[0]
        kept = [row for row in rows if row.split(",")[0] != first]
        table.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")
    assert answers(source, cohort=str(other)) != answers(source)


# -- what the run says ---------------------------------------------------------------------------------


def test_the_run_ends_with_the_page_to_open_and_the_count_of_figures(study_run):
    summary = json.loads((study_run.out / "results" / "05_verdict.json").read_text())["summary"]
    assert study_run.said.splitlines()[-2:] == [str(study_run.out / "html" / "index.html"), summary_line(summary)]


def test_every_published_figure_is_accounted_for_as_expected(study_run):
    assert study_run.code == 0, study_run.said
    summary = json.loads((study_run.out / "results" / "05_verdict.json").read_text())["summary"]
    n_rows = len((ROOT / "data" / "published.csv").read_text("utf-8").strip().splitlines()) - 1
    assert summary["published"] == n_rows
    assert summary["reproduced"] + summary["differs"] + summary["not_derivable"] + summary["method"] == n_rows
    assert summary["unaccounted"] == summary["unexpected"] == 0


def test_the_readme_states_the_count_of_the_run(study_run):
    summary = json.loads((study_run.out / "results" / "05_verdict.json").read_text())["summary"]
    assert summary_line(summary) in " ".join((ROOT / "README.md").read_text("utf-8").split())
