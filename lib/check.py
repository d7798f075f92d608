"""For a user who doubts an install: environment, data, ledger, notebook pairs and methods, checked in seconds.

`python -m lib.check` prints one line a check and ends with 1 when one of them fails.
"""

import hashlib
import math
import re
import sys
from importlib import metadata
from pathlib import Path

import pandas as pd
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]

#: Largest relative distance from R's value; R's own output is stored with 15 digits.
CLOSE = 1e-6


class CheckError(ValueError):
    """A check failed; the message is one sentence that says where and what to do."""


def main(root=ROOT):
    """Run every check, print a line for each, and return the exit code.

    Parameters
    ----------
    root : pathlib.Path
        The study's folder.

    Returns
    -------
    int
        0 when every check holds, 1 otherwise.
    """
    outcomes = [_outcome(name, check, root) for name, check in CHECKS.items()]
    return 0 if all(outcomes) else 1


def _outcome(name, check, root):
    """Print what a check found; True when it holds."""
    try:
        holds, said = True, check(root)
    except (CheckError, OSError, ValueError) as error:
        holds, said = False, error
    print(f"{'ok    ' if holds else 'FAILED'}  {name}: {said}")
    return holds


def environment(root):
    """Every package of the lock is installed in the locked version."""
    locked = [Requirement(line.rstrip(" \\")) for line in (root / "requirements.txt").read_text("utf-8").splitlines()
              if re.match(r"[A-Za-z0-9]", line)]
    wanted = [each for each in locked if each.marker is None or each.marker.evaluate()]
    wrong = [f"{each.name} is {found or 'missing'}, locked{str(each.specifier).replace('==', ' ')}" for each in wanted
             if not each.specifier.contains(found := _installed(each.name) or "", prereleases=True)]
    if wrong:
        raise CheckError(f"{len(wrong)} of {len(wanted)} packages differ from requirements.txt ({_some(wrong)}); run make environment "
                         "in a fresh .venv.")
    return f"Python {sys.version_info.major}.{sys.version_info.minor}, {len(wanted)} packages as locked"


def _installed(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def data(root):
    """Every file under data/ is the one that the codebook describes, by its checksum; readers' own cohorts are not looked at."""
    from lib.codebook import data_files

    described = dict(re.findall(r"<!-- file: (\S+) -->\n.*?sha256 `(\w+)`", (root / "data" / "README.md").read_text("utf-8")))
    present = {name: hashlib.sha256((root / "data" / name).read_bytes()).hexdigest() for name in data_files(root / "data")}
    changed = sorted(name for name in described.keys() | present.keys() if described.get(name) != present.get(name))
    if changed:
        raise CheckError(f"{_some(changed)} under data/ changed, came or went since data/README.md was written; restore with "
                         "git checkout, or describe a wanted change with python -m lib.codebook.")
    return f"{len(present)} files as the codebook describes them"


def ledger(root):
    """The ledger, the reference cohort and the claims can be read and keep their contracts."""
    from lib.cohort import read_cohort
    from lib.published import read_ledger

    rows = read_ledger(root / "data" / "published.csv")
    cohort = read_cohort(root / "data" / "reference")
    return f"{len(rows)} published figures and {len(cohort.patients)} invented patients read without a complaint"


def pairs(root):
    """Each chapter's two files hold the same cells."""
    import jupytext

    sources = sorted((root / "notebooks").glob("[0-9][0-9]_*.py"))
    apart = [path.stem for path in sources if _cells(jupytext.read(path)) != _cells(jupytext.read(path.with_suffix(".ipynb")))]
    if apart:
        raise CheckError(f"the .py and the .ipynb of {_some(apart)} hold different cells; run make refresh.")
    return f"{len(sources)} chapters, both files in step"


def _cells(notebook):
    return [(cell.cell_type, sorted(cell.metadata.get("tags", [])), cell.source) for cell in notebook.cells]


def methods(root):
    """Curves, tests and regressions of public data sets give the values R printed for them."""
    from lib.survival import cox, kaplan_meier, logrank, median_survival

    oracles = root / "tests" / "oracles"
    rows = pd.read_csv(oracles / "survival_input.csv")
    printed = pd.read_csv(oracles / "survival_r.csv").set_index(["dataset", "quantity"]).value
    compared = 0
    for name in ("freireich", "ovarian", "ties"):
        patients = rows[rows.dataset == name].assign(event=lambda frame: frame.event.astype(bool))
        months, event, group = patients.months, patients.event, patients.group
        median = median_survival(kaplan_meier(months, event), "r", "log-log")
        fit = cox(months, event, group)
        ours = dict(zip(("median.log-log", "median.log-log.lower", "median.log-log.upper"), median, strict=True)) | {
            "logrank.p": logrank(months, event, group).p_value, "cox_group.breslow.coef": fit.log_hazard_ratio,
            "cox_group.breslow.se": fit.std_error}
        for quantity, value in ours.items():
            _same(name, quantity, value, printed[name, quantity])
        compared += len(ours)
    return f"{compared} values equal those of R"


def _same(dataset, quantity, ours, theirs):
    reached = math.isfinite(ours)
    if reached != math.isfinite(theirs) or (reached and not math.isclose(ours, theirs, rel_tol=CLOSE)):
        raise CheckError(f"{quantity} of {dataset} is {ours:.9g} here and {theirs:.9g} in R; a library or lib/survival has changed.")


def _some(names, shown=3):
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


#: Name -> check: takes the study's folder, returns what it found, raises a `CheckError` on a fault.
CHECKS = {"environment": environment, "data": data, "ledger": ledger, "pairs": pairs, "methods": methods}

if __name__ == "__main__":
    sys.exit(main())
