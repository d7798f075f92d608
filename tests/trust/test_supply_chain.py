"""What the study is built from: locked with hashes, under licences that fit, watched for known faults."""

import csv
import re

import licences
import pytest
import yaml
from licences import LOCKS, ROOT


@pytest.fixture(scope="module")
def listed():
    with open(licences.LIST, encoding="utf-8", newline="") as file:
        return {row["package"]: row["licence"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_line_of_a_lock_names_one_version_and_its_hashes(lock):
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.read_text("utf-8"))[1:]
    assert len(entries) > 10
    for entry in entries:
        assert re.match(r"[\w.\[\]-]+==[\w.!+]+", entry), entry.partition("\n")[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.partition("\n")[0]


def test_both_locks_agree():
    first, second = (dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text("utf-8"), re.M)) for lock in LOCKS)
    assert {name: second[name] for name in first.keys() & second.keys()} == {name: first[name] for name in first.keys() & second.keys()}


def test_make_installs_with_hash_checking():
    text = (ROOT / "Makefile").read_text("utf-8")
    assert text.count("-r requirements.txt") == text.count("--require-hashes -r requirements.txt") == 1
    assert text.count("-r tests/trust/requirements.txt") == text.count("--require-hashes -r tests/trust/requirements.txt") == 1


def test_every_locked_package_is_listed_with_its_licence(listed):
    assert sorted(listed) == licences.locked(everywhere=True), "run python tests/trust/licences.py"
    here = {name: licences.licence(name) for name in licences.locked() if _installed(name)}
    assert len(here) > 150
    assert {name: listed[name] for name in here} == here, "run python tests/trust/licences.py"


def _installed(name):
    try:
        return bool(licences.metadata.version(name))
    except licences.metadata.PackageNotFoundError:
        return False


def test_every_licence_may_stand_beside_mit(listed):
    """Where a package offers a choice one fitting licence is enough; of those it joins, all must fit."""
    for name, expression in listed.items():
        offered = [licences.parts(each) for each in expression.split(" OR ")]
        assert expression and any(every <= licences.COMPATIBLE for every in offered), (name, expression)


@pytest.mark.parametrize("expression", ["GPL-3.0-only", "AGPL-3.0", "", "MIT AND GPL-2.0", "SSPL-1.0"])
def test_a_licence_that_does_not_fit_would_be_noticed(expression):
    assert not any(licences.parts(each) <= licences.COMPATIBLE for each in expression.split(" OR "))


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))


@pytest.mark.parametrize(("name", "runs"), [("vulnerabilities", "pip-audit"), ("newest", "python -m pytest")])
def test_each_week_known_faults_and_newest_releases_are_looked_at(name, runs):
    found = workflow(name)
    assert found[True]["schedule"]  # YAML reads "on" as true
    assert any(runs in step.get("run", "") for job in found["jobs"].values() for step in job["steps"])


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_workflows_may_only_read(path):
    assert yaml.safe_load(path.read_text("utf-8"))["permissions"] == {"contents": "read"}
