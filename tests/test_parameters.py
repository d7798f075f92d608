"""Analysis choices: the paper's own value is allowed, foreign ones are refused in one sentence."""

import math
import re

import pytest

from lib.parameters import (PARAMETERS, ParameterError, changed_from_paper, check_parameters, number_between, one_of,
                            whole_between)


def test_a_notebook_shows_a_refusal_as_its_sentence_alone(capsys, monkeypatch, tmp_path):
    """In JupyterLab, where a reader changes the parameters cell and a traceback would hide the sentence."""
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    result = shell.run_cell("from lib.parameters import check_parameters\ncheck_parameters({'conf_level': 95})")
    shown = capsys.readouterr().out.strip()
    assert isinstance(result.error_in_exec, ParameterError)
    assert shown == f"ParameterError: {result.error_in_exec}" and "conf_level = 95 is not allowed" in shown


@pytest.fixture
def known(monkeypatch):
    """Three choices of our own making, so that the rules are tested apart from the list."""
    choices = {"level": number_between(0.95, "coverage", 0.5, 0.999), "open": number_between(4.0, "cut", 0, 10, strict=True),
               "draws": whole_between(100, "draws", 1, 1000), "rule": one_of("spss", "convention", "spss", "r"),
               "confirm": one_of(False, "confirmation", True, False)}
    monkeypatch.setattr("lib.parameters.PARAMETERS", choices)
    return choices


@pytest.mark.parametrize("name, value", [
    ("level", 0.5), ("level", 0.999), ("level", 0.9), ("open", 0.001), ("open", 9), ("draws", 1), ("draws", 1000), ("rule", "r"), ("confirm", True)])
def test_values_within_the_allowed_are_taken_ends_included(known, name, value):
    check_parameters({name: value})


@pytest.mark.parametrize("name, value", [
    ("level", 95), ("level", 0.49), ("level", "0.95"), ("level", None), ("level", math.nan), ("level", math.inf), ("level", True), ("level", [0.95]),
    ("open", 0), ("open", 10), ("draws", 0), ("draws", 1001), ("draws", 10.0), ("draws", 10.5), ("draws", True), ("draws", "10"),
    ("rule", "R"), ("rule", None), ("rule", ["spss"]), ("confirm", 1), ("confirm", 0), ("confirm", "False"), ("confirm", None)])
def test_each_refused_value_gives_one_sentence_with_the_remedy(known, name, value):
    with pytest.raises(ParameterError) as refusal:
        check_parameters({name: value})
    message = str(refusal.value)
    assert message == f"{name} = {value!r} is not allowed: it takes {known[name].allowed} ({known[name].meaning})."
    assert "\n" not in message


def test_what_is_allowed_is_said_in_words(known):
    assert [choice.allowed for choice in known.values()] == [
        "a number from 0.5 to 0.999", "a number above 0 and below 10", "a whole number from 1 to 1000", "one of 'spss', 'r'", "one of True, False"]


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(known):
    with pytest.raises(ParameterError, match=r"^levle is not a parameter of this collection; it knows confirm, draws, level, open, rule\.$"):
        check_parameters({"level": 0.9, "levle": 0.9})


def test_the_first_fault_stops_and_no_parameters_are_no_fault(known):
    check_parameters({})
    with pytest.raises(ParameterError, match="^draws = 0"):
        check_parameters({"level": 0.9, "draws": 0, "rule": "R"})


def test_only_choices_other_than_the_papers_count_as_changed(known):
    assert changed_from_paper({"level": 0.95, "draws": 100, "rule": "spss"}) == {}
    assert changed_from_paper({"level": 0.9, "draws": 100, "rule": "r"}) == {"level": (0.9, 0.95), "rule": ("r", "spss")}


def test_another_cohort_is_other_data_and_not_another_choice():
    assert changed_from_paper({"cohort": "ward_7"}) == {}


# -- the list itself ------------------------------------------------------------------------------------

def test_the_papers_own_choices():
    """Methods and tables of the paper: 95% intervals, a gap of 4 months, age 60, CTCAE 5.0, at most 3 lesions, each below 3 cm."""
    papers = {"conf_level": 0.95, "early_treatment_months": 4, "age_cut_years": 60, "ctcae_version": 5,
              "ablation_max_lesions": 3, "ablation_size_limit_mm": 30}
    assert {name: PARAMETERS[name].paper for name in papers} == papers


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_every_choice_takes_the_papers_value_and_refuses_nonsense(name):
    choice = PARAMETERS[name]
    check_parameters({name: choice.paper})
    assert (name in changed_from_paper({name: object()})) != (name in ("cohort", "paper") or choice.presentation)
    for nonsense in (object(), math.nan, ["x"], b"x", "" if isinstance(choice.paper, str) else "no such value"):
        with pytest.raises(ParameterError, match=rf"^{name} = "):
            check_parameters({name: nonsense})


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_every_choice_is_named_and_explained_in_words(name):
    choice = PARAMETERS[name]
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", name)
    assert len(choice.meaning) > 10 and choice.allowed and not choice.meaning.endswith(".")


def test_a_cohort_is_a_name_or_a_path():
    check_parameters({"cohort": "../my data/cohort"})
    for value in ("", None, 3):
        with pytest.raises(ParameterError, match="a folder under data/, or a path"):
            check_parameters({"cohort": value})
