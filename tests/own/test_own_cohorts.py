"""All chapters on cohorts unlike ours: none raises, and no sentence speaks of a publication or of a number that is none."""

import json
import re
import warnings
from pathlib import Path

import matplotlib
import own_cohorts
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

import lib.downloads
import lib.narrative
from lib.cohort import read_cohort
from lib.contract import CONTRACT
from lib.needs import BEGIN, README, SECTIONS, refreshed
from lib.notebooks import find_sources, read_source, without_publication

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CHAPTERS = [source.path for source in find_sources(NOTEBOOKS) if not source.about_publication]
QUICK = {"n_resamples": 200, "reader_draws": 100}
NO_NUMBER = re.compile(r"(?<!\w)(nan|NaN|None|NaT|inf|<NA>)(?!\w)")
THE_PAPER = re.compile(r"\b[Tt]he paper\b|\bpaper's\b|\bpublished analysis\b|\binvented\b|\((?:paper|Table \d of)", re.I)


@pytest.fixture
def tell(monkeypatch, tmp_path):
    """A function that runs the chapters for an own cohort; returns all that they show, as text, and what they hand on."""
    monkeypatch.setattr(lib.narrative, "ROOT", tmp_path)
    monkeypatch.delenv("STUDY_OUT", raising=False)
    monkeypatch.setattr(lib.downloads, "image", lambda fig, *given, **named: fig.draw_without_rendering() or b"")
    matplotlib.use("Agg")

    def run(folder, **changed):
        shown = []
        monkeypatch.setattr(lib.narrative, "_display", lambda data, metadata=None: shown.append((data, metadata)))
        for path in CHAPTERS:
            names = {"__name__": "__main__"}
            for cell in without_publication(read_source(path)).cells:
                if cell.cell_type != "code":
                    shown.append(({"text/markdown": cell.source}, None))
                    continue
                exec(compile(cell.source, path.name, "exec"), names)  # noqa: S102 - the chapters are ours
                if "parameters" in cell.metadata.get("tags", []):
                    names |= {name: value for name, value in {**QUICK, **changed}.items() if name in names} | {"cohort": folder}
        handed_on = {path.stem: json.loads(path.read_text(), parse_constant=_refuse) for path in (tmp_path / "build" / "lab" / "results").glob("*.json")}
        return [text for data, metadata in shown for text in _texts(data, metadata)], handed_on

    return run


def _refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def _texts(data, metadata):
    yield data.get("text/markdown", "")
    html = re.sub(r"<style>.*?</style>", "", data.get("text/html", ""), flags=re.S)
    yield from (" ".join(cell.split()) for cell in re.split(r"<[^>]+>", html) if cell.strip())
    if "image/png" in data:
        yield metadata["image/png"]["alt"]


def check(texts):
    wrong = [text for text in texts if NO_NUMBER.search(text) or THE_PAPER.search(text)]
    assert not wrong, wrong[:5]


@pytest.mark.parametrize("make", [*own_cohorts.ODD, own_cohorts.pbcseq], ids=lambda make: make.__name__)
def test_every_chapter_tells_of_the_cohort_and_of_no_publication(make, tell, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        texts, handed_on = tell(own_cohorts.save(make(), tmp_path / "own"))
    check(texts)
    assert any("Contains patient data" in text for text in texts)
    assert set(handed_on) == {path.stem for path in CHAPTERS} and not any(document["invented"] for document in handed_on.values())


def test_every_chapter_tells_of_a_cohort_imported_from_adam(adam_cohort, tell):
    """254 subjects of the CDISC pilot study under three drugs, of whom 3 died: laboratory and events, no imaging."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        texts, handed_on = tell(str(adam_cohort))
    check(texts)
    told = "\n".join(texts)
    assert "Xanomeline High Dose" in told and "RECIST cannot be judged" in told
    assert "not reached" in told and value(handed_on["04_survival"]["quantities"], "os_treatment.median") is None


def test_lesions_without_viable_diameters_are_judged_by_recist_alone(tell, tmp_path):
    tables = own_cohorts.reference()
    tables["lesions"] = tables["lesions"].drop(columns="viable_diameter_mm")
    texts, _ = tell(own_cohorts.save(tables, tmp_path / "own"))
    check(texts)
    assert any("mRECIST cannot be judged" in text for text in texts)


def test_a_visit_of_another_name_stands_for_month_3(tell, tmp_path):
    texts, handed_on = tell(own_cohorts.save(own_cohorts.other_visit_names(), tmp_path / "own"))
    told = "\n".join(texts)
    assert "**week 12**, the follow-up visit nearest to three months, stands for it" in told and "**first CT**" in told
    # the reference cohort gives the paper's counts: 10 responders by mRECIST, in Table 3 of the paper
    assert handed_on["03_response"]["quantities"]["mrecist.total.orr.count"]["value"] == 10


def test_without_creatinine_only_meld_is_missing(tell, tmp_path):
    told = "\n".join(tell(own_cohorts.save(own_cohorts.no_creatinine(), tmp_path / "own"))[0])
    assert "No creatinine: MELD not computed." in told
    assert "Worst grade was" in told


def test_ages_above_89_are_capped(tmp_path):
    study = read_cohort(own_cohorts.save(own_cohorts.three_hundred_months(), tmp_path / "own"))
    assert set(study.patients["age_years"]) == {90}  # 45 CFR 164.514(b)(2)(i)(C): "90 or older"


def test_a_cohort_called_reference_elsewhere_is_not_ours(tell, tmp_path):
    assert not read_cohort(own_cohorts.save(own_cohorts.four_columns(), tmp_path / "reference")).invented


@pytest.fixture
def quantities_of(monkeypatch, tmp_path):
    """What a chapter hands on without the columns of a list, figures neither laid out nor drawn."""
    monkeypatch.setattr(lib.narrative, "ROOT", tmp_path)
    monkeypatch.delenv("STUDY_OUT", raising=False)
    monkeypatch.setattr(lib.downloads, "image", lambda *given, **named: b"")
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda engine, figure: None)
    monkeypatch.setattr(lib.narrative, "_display", lambda data, metadata=None: None)

    def run(chapter, column, count):
        tables = own_cohorts.reference()
        table, _, analyte = column.partition(": ")
        table, _, name = table.partition(".")
        if analyte:
            tables[table] = tables[table][tables[table]["analyte"] != analyte]
        elif name in tables.get(table, ()):
            required = next(each for each in CONTRACT[table] if each.name == name).required
            tables = {key: frame for key, frame in tables.items() if key != table} if required else tables | {table: tables[table].drop(columns=name)}
        folder = own_cohorts.save(tables, tmp_path / f"own {count}")
        (path,) = (path for path in CHAPTERS if path.stem.startswith(f"0{chapter}"))
        names = {"__name__": "__main__"}
        for cell in without_publication(read_source(path)).cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, path.name, "exec"), names)  # noqa: S102 - the chapters are ours
                if "parameters" in cell.metadata.get("tags", []):
                    names |= {key: value for key, value in QUICK.items() if key in names} | {"cohort": folder}
        return json.loads((tmp_path / "build" / "lab" / "results" / f"{path.stem}.json").read_text())["quantities"]

    return run


def value(quantities, name):
    return quantities.get(name, {}).get("value")


@pytest.mark.parametrize("chapter", sorted({section.chapter for section in SECTIONS}))
def test_a_section_needs_exactly_the_columns_of_the_readme(chapter, quantities_of):
    own = [section for section in SECTIONS if section.chapter == chapter]
    columns = ["none", *dict.fromkeys(column for section in own for column in section.columns)]
    handed_on = {column: quantities_of(chapter, column, count) for count, column in enumerate(columns)}
    for section in own:
        for column, quantities in handed_on.items():
            computed = value(quantities, section.quantity) is not None
            assert computed != (column in section.columns), (section.name, column)


def test_the_readme_holds_the_table_of_sections():
    text = README.read_text("utf-8")
    assert BEGIN in text and refreshed(text) == text, "run python -m lib.needs"
