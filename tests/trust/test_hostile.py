"""What people may hand over, on purpose or not: it is shown as text, read as data or refused, and runs as nothing."""

import ast
import csv
import html.parser
import json
import re
import warnings
import zipfile
from pathlib import Path

import fuzz
import markdown_it
import matplotlib
import numpy as np
import pandas as pd
import pytest

import lib.downloads
import lib.narrative
from lib.cohort import read_cohort
from lib.compare_runs import write_comparison
from lib.intake.__main__ import main
from lib.notebooks import find_sources, read_source, without_publication
from lib.sites import write_summary
from lib.tables import write_csv

ROOT = Path(__file__).resolve().parents[2]

#: One text that is HTML, Markdown, a formula of a spreadsheet, of TeX and of a template at once; the number tells fields apart.
PAYLOAD = '=1+1 <b id="evil{0}">x</b> <script>evil()</script> <img src="http://evil.test/i{0}" onerror="evil()"> ![i](http://evil.test/m{0}) [l](javascript:evil()) `c` *e* $m$ {{{{7*7}}}}'

#: Columns of free text that the contract lets a cohort fill as it likes.
FIELDS = {"patients": ["patient", "primary_site", "first_treatment", "second_treatment", "censoring_reason"],
          "treatments": ["patient", "treatment", "lobe", "approach"], "labs": ["patient"], "lesions": ["patient", "lesion", "organ"],
          "adverse_events": ["patient", "term"]}


def poisoned():
    """The reference cohort, every text that a chapter could show replaced by the payload and its own old value."""
    study, known = read_cohort("reference"), {}

    def poison(value):
        if pd.isna(value):
            return value
        return f"{PAYLOAD.format(known.setdefault(value, len(known)))} {value}"

    tables = {table: getattr(study, table).copy() for table in FIELDS}
    for table, columns in FIELDS.items():
        for column in columns:
            tables[table][column] = tables[table][column].map(poison)
    return tables


class _Elements(html.parser.HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self):
        super().__init__()
        self.elements, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def elements_of(shown):
    parser = _Elements()
    parser.feed(shown)
    return parser.elements, "".join(parser.text)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """All that the chapters show of the poisoned cohort, as HTML: Markdown rendered as notebooks and pages do."""
    patch, outputs, folder = pytest.MonkeyPatch(), [], tmp_path_factory.mktemp("poisoned")
    for table, frame in poisoned().items():
        frame.map(lambda cell: str(cell).lower() if isinstance(cell, (bool, np.bool_)) else cell).to_csv(folder / f"{table}.csv", index=False)
    patch.setattr(lib.narrative, "ROOT", folder)
    patch.delenv("STUDY_OUT", raising=False)
    patch.setattr(lib.downloads, "image", lambda fig, *given, **named: fig.draw_without_rendering() or b"")
    patch.setattr(lib.narrative, "_display", lambda data, metadata=None: outputs.append((data, metadata)))
    matplotlib.use("Agg")
    warnings.simplefilter("ignore", UserWarning)  # labels this long leave no room for axes
    quick = {"n_resamples": 200, "reader_draws": 100, "cohort": str(folder)}
    for source in find_sources(ROOT / "notebooks"):
        if source.about_publication:
            continue
        names = {"__name__": "__main__"}
        for cell in without_publication(read_source(source.path)).cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, source.name, "exec"), names)  # noqa: S102 - the chapters are ours
                if "parameters" in cell.metadata.get("tags", []):
                    names |= {name: value for name, value in quick.items() if name in names}
    patch.undo()
    markdown = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table")
    rendered = [markdown.render(data["text/markdown"]) if "text/markdown" in data else data.get("text/html", "") for data, _ in outputs]
    alts = [metadata["image/png"]["alt"] for data, metadata in outputs if "image/png" in data]
    results = [json.loads(path.read_text("utf-8")) for path in sorted((folder / "build" / "lab" / "results").glob("*.json"))]
    return rendered, alts, results


def test_text_of_a_cohort_makes_no_element_in_any_output(shown):
    rendered, _, results = shown
    assert len(results) == 4 and len(rendered) > 60
    for piece in rendered:
        for tag, attributes in elements_of(piece)[0]:
            assert tag not in ("script", "img", "iframe", "object"), (tag, attributes, piece[:300])
            assert not any("evil" in str(value) and name in ("id", "src", "href", "onerror") for name, value in attributes.items()), (tag, attributes)


def test_text_of_a_cohort_is_shown_as_it_was_written(shown):
    """Each text that a chapter shows stands there letter by letter, after the browser has read it."""
    told = " ".join(" ".join(elements_of(piece)[1] for piece in shown[0]).split())
    found = set(re.findall(r'=1\+1 <b id="evil\d+">x</b> <script>evil\(\)</script> <img src="http://evil\.test/i\d+" onerror="evil\(\)"> '
                           r"!\[i\]\(http://evil\.test/m\d+\) \[l\]\(javascript:evil\(\)\) `c` \*e\* \$m\$ \{\{7\*7\}\} ([\w/-]+)", told))
    assert {"DEB-TACE", "Y90", "ablation"} <= found, found


def test_alternative_texts_are_attributes_that_the_writer_escapes(shown):
    """An alternative text is plain text in the notebook's metadata; docutils, which Sphinx writes pages with, makes the attribute."""
    from docutils.core import publish_parts

    alt = next((each for each in shown[1] if "evil" in each), PAYLOAD.format(0))
    page = publish_parts(f".. image:: a.png\n   :alt: {' '.join(alt.split())}\n", writer="html5")["body"]
    elements, _ = elements_of(page)
    assert [tag for tag, _ in elements] == ["img"] and elements[0][1]["alt"] == " ".join(alt.split())


# -- files on the way out --------------------------------------------------------------------------------

RUNS_IN_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


def cells_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


@pytest.mark.parametrize("hostile", ["=1+1", "+cmd|x", "-2+cmd", "@SUM(A1)"])
def test_no_csv_that_is_written_holds_a_formula(hostile, tmp_path):
    """The tables of chapters, the summary of many sites, two runs compared: whatever a folder or a group is called."""
    write_csv(pd.DataFrame({hostile: [hostile]}), tmp_path / "table.csv")
    write_comparison(pd.DataFrame([["a", "b", hostile, "1", hostile]], columns=["Chapter", "Place", "Number", hostile, "other"]), tmp_path)
    write_summary(tmp_path, [hostile], {hostile: hostile})
    for name in ("table.csv", "changed.csv", "summary.csv"):
        cells = cells_of(tmp_path / name)
        assert f"'{hostile}" in cells and not [cell for cell in cells if cell.startswith(RUNS_IN_A_SPREADSHEET)], name
    for page in ("changed.html", "summary.html"):
        assert hostile in elements_of((tmp_path / page).read_text("utf-8"))[1]


def test_names_of_sites_and_runs_are_text_in_their_pages(tmp_path):
    name = '<img src=x onerror="evil()">'
    write_summary(tmp_path, [name], {name: name})
    write_comparison(pd.DataFrame([[name, name, name, name, name]], columns=["Chapter", "Place", "Number", name, "b"]), tmp_path)
    for page in ("summary.html", "changed.html"):
        elements, text = elements_of((tmp_path / page).read_text("utf-8"))
        assert name in text and "img" not in [tag for tag, _ in elements]


# -- files on the way in ---------------------------------------------------------------------------------

PATIENTS = "patient,age_years,sex,first_treatment,os_treatment_months,died\nA1,61,female,TACE,10.5,true\nA2,55,male,Y90,20.25,false\n"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "patients.csv").write_text(PATIENTS)
    return folder


def test_a_mapping_whose_aliases_multiply_is_refused_at_once(source, tmp_path, capsys):
    """The YAML form of the billion laughs: nine levels of ten aliases, 10^9 words when written out."""
    levels = "\n".join(f"  l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 10))
    (tmp_path / "map.yaml").write_text(f"tables:\n  l0: &l0 [x, x]\n{levels}\nleave_out: *l9\n")
    assert main([str(source), "--out", str(tmp_path / "out"), "--mapping", str(tmp_path / "map.yaml")]) == 1
    said = capsys.readouterr().err
    assert "map.yaml, row 3, not YAML: expected a mapping in plain YAML; correct the line (an alias" in said and len(said) < 5_000 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("label", ["../../A1", "/etc/passwd", "A1/../../x", "..", "~root", "C:\\A1", "con", "A1\\..\\x"])
def test_a_label_that_looks_like_a_path_names_no_file(label, source, tmp_path, capsys):
    (source / "patients.csv").write_text(PATIENTS.replace("A1", label))
    before = sorted(path for path in tmp_path.rglob("*"))
    code = main([str(source), "--out", str(tmp_path / "cohort")])
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path not in before)
    assert written == ([Path("cohort"), Path("cohort/patients.csv")] if code == 0 else [])


@pytest.mark.parametrize("member", ["../../evil.txt", "/tmp/evil.txt", "xl/../../evil.txt"])
def test_a_workbook_with_paths_that_climb_writes_nowhere(member, source, tmp_path, capsys):
    (source / "patients.csv").unlink()
    with zipfile.ZipFile(source / "patients.xlsx", "w") as packed:
        packed.writestr(member, "evil")
        packed.writestr("xl/workbook.xml", "<workbook/>")
    before = sorted(tmp_path.rglob("*"))
    assert main([str(source), "--out", str(tmp_path / "cohort")]) == 1
    assert sorted(tmp_path.rglob("*")) == before and not Path("/tmp/evil.txt").exists()
    assert "patients.xlsx, whole file, unreadable" in capsys.readouterr().err


def test_a_workbook_of_many_small_bombs_is_refused_before_it_is_opened(source, tmp_path, capsys):
    """Each member is small, all together are not: 300 members of 1 MB of zeros."""
    (source / "patients.csv").unlink()
    with zipfile.ZipFile(source / "patients.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(300):
            packed.writestr(f"xl/worksheets/sheet{number}.xml", b"0" * 1_000_000)
    assert main([str(source), "--out", str(tmp_path / "cohort")]) == 1
    assert "300 MB when unpacked: expected at most 200 MB" in capsys.readouterr().err


def test_a_workbook_that_lies_about_its_size_is_refused(source, tmp_path, capsys):
    """The directory says 10 bytes, the data unpacks to 250 MB: the reader must stop at what was promised."""
    (source / "patients.csv").unlink()
    path = source / "patients.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"0" * 250_000_000)
    data = path.read_bytes()
    path.write_bytes(data.replace((250_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    assert main([str(source), "--out", str(tmp_path / "cohort")]) == 1
    assert "patients.xlsx, whole file, unreadable" in capsys.readouterr().err


# -- the code itself -------------------------------------------------------------------------------------

FORBIDDEN = {"pickle", "cPickle", "dill", "shelve", "marshal", "joblib"}
#: Reads back what this user's own run or watch has written to a folder that nobody else may enter (tests/test_kept.py).
READS_ITS_OWN = {("lib/kept.py", "joblib")}
#: Of pickle, what only writes: its bytes name a figure by all that is in it.
WRITES = {"Pickler", "DEFAULT_PROTOCOL"}
RUNS_TEXT = {"eval", "exec", "compile", "read_pickle", "unsafe_load", "full_load", "system", "popen"}


@pytest.mark.parametrize("path", sorted((ROOT / "lib").rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_library_reads_no_pickle_runs_no_text_and_loads_yaml_safely(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.partition(".")[0] for alias in node.names} | {(getattr(node, "module", "") or "").partition(".")[0]}
            only_writes = getattr(node, "module", "") == "pickle" and {alias.name for alias in node.names} <= WRITES
            found = set() if only_writes else {(path.relative_to(ROOT).as_posix(), name) for name in names & FORBIDDEN}
            assert found <= READS_ITS_OWN, (path, node.lineno)
        if isinstance(node, ast.Call):
            method = isinstance(node.func, ast.Attribute)
            name = node.func.attr if method else getattr(node.func, "id", "")
            where, of = f"{path.name}:{node.lineno}", getattr(getattr(node.func, "value", None), "id", "")
            assert name not in RUNS_TEXT or (name == "compile" and of == "re"), where
            assert not (name == "load" and of in ("np", "numpy")), where
            assert not (name == "load" and of == "yaml") or ast.unparse(node.args[1]) == "_PlainLoader", where
            assert not any(word.arg in ("shell", "allow_pickle") and getattr(word.value, "value", None) for word in node.keywords), where


def test_made_up_input_is_read_or_refused_in_words():
    """A taste of the fuzzing run: 1,000 inputs in continuous integration, 100,000 in full (tests/trust)."""
    figures = fuzz.fuzz(100, seed=2)
    assert figures["inputs"] >= 100 and figures["refused"] > 0 and figures["read"] > 0
