"""The figures of the trust suites: kept with the hash of the code they were measured on, and shown in the README."""

import hashlib
import json
import re
from pathlib import Path

from lib.freshness import reached_from

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("figures.json")
SURVIVORS = Path(__file__).with_name("survivors.csv")
BEGIN, END = "<!-- reliability: begin -->", "<!-- reliability: end -->"

#: What each suite is called, in the order of the table.
SUITES = ("same bytes", "scientific faults", "mutation", "fuzzing", "kills")


#: Suites that try part of ``lib/``: what this file imports, by whatever way. The others run the chapters, or tests of all.
ENTRANCES = {"fuzzing": Path("tests/trust/fuzz.py")}


def hash_of_lib(suite=None, root=ROOT):
    """A digest of the Python files of ``lib/`` that a suite's figures follow from, by name and content; without a suite, of all."""
    digest = hashlib.sha256()
    for path in sorted(reached_from(root / ENTRANCES[suite], root)) if suite in ENTRANCES else sorted((root / "lib").rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def read():
    """The committed figures: suite to its figures and the ``lib`` hash they belong to."""
    return json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}


def keep(suite, figures):
    """Write a suite's figures beside those of the others, and the README's table from all of them."""
    known = read() | {suite: {"lib": hash_of_lib(suite), **figures}}
    FILE.write_text(json.dumps({name: known[name] for name in SUITES if name in known}, indent=1) + "\n", encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text("utf-8"), read()), encoding="utf-8")


def stale(figures):
    """Suites whose figures were measured on other code of ``lib/`` than they would be now."""
    return [name for name, each in figures.items() if each["lib"] != hash_of_lib(name)]


def with_table(text, figures):
    """The README with its reliability table made anew.

    Raises
    ------
    ValueError
        Where the README has no place for it.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md needs one {BEGIN} and one {END}.")
    rows = "\n".join(f"| {name} | {asked} | {_said(figures, suite, told)} |" for name, asked, suite, told in _ROWS)
    table = f"| What | Asked | Found |\n|---|---|---|\n{rows}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: f"{BEGIN}\n{table}\n{END}", text, flags=re.S)


def _said(figures, suite, told):
    return told(figures[suite]) if suite in figures else "not run yet"


def _thousands(number):
    return f"{number:,}"


def _share(figures):
    from scipy.stats import binomtest

    killed, tried, of = figures["killed"], figures["tried"], figures["mutants"]
    low, high = binomtest(killed, tried).proportion_ci(method="exact")
    within = f", 95% interval {100 * low:.1f} to {100 * high:.1f} by Clopper and Pearson" if tried < of else ""
    drawn = f"drawn with seed {figures['seed']} from {_thousands(of)}" if tried < of else "all there are"
    return f"{_thousands(killed)} of {_thousands(tried)} killed ({100 * killed / tried:.1f}%{within}); {drawn}; those that lived are judged in [tests/trust/survivors.csv](tests/trust/survivors.csv)"


#: Row, suite, what is asked for, and what the figures say of it.
_ROWS = (
    ("The same bytes", "two runs, the second in a fresh clone and a folder of another name",
     "same bytes", lambda found: f"{_thousands(found['files'])} files, {found['differ']} differ"),
    ("Scientific faults", "each of at least 40 turns its named test red",
     "scientific faults", lambda found: f"{found['noticed']} of {found['faults']} noticed"),
    ("Line mutants", "95% killed in the modules that compute clinical quantities; changes of wording alone are left out", "mutation", _share),
    ("Made-up input", "100,000 exports, cohorts, mappings and files of bytes: no crash, no hang over 2 s, no file outside the output folder",
     "fuzzing", lambda found: f"{_thousands(found['inputs'])} tried, {_thousands(found['refused'])} refused in words, {_thousands(found['read'])} read; longest {found['longest_s']:g} s of CPU time"),
    ("Runs killed outright", "50 at moments over the whole run: earlier files whole, nothing left running, a rerun completes",
     "kills", lambda found: f"{found['kills']} killed, {found['while_running']} of them while running; {found['faults']} faults"),
)
