"""The account of a run on a reader's own cohort: what was analysed, with what, and how."""

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path

RECORD = "run.json"


def write_run_record(out, cohort, changes):
    """Write ``run.json`` beside the pages: versions, parameters and file hashes, neither clock nor path of this machine.

    Parameters
    ----------
    out : pathlib.Path
        The output folder.
    cohort : path-like
        The cohort's folder; its files are named and hashed, and nothing else of them is kept.
    changes : dict of str to dict
        Chapter name to the parameters that differ from its defaults.

    Returns
    -------
    pathlib.Path
    """
    folder, out = Path(cohort), Path(out)
    record = {
        "cohort": folder.name,
        "files": {path.name: _sha256(path) for path in sorted(folder.glob("*.csv"))},
        "parameters": {chapter: {name: value for name, value in values.items() if name != "cohort"} for chapter, values in sorted(changes.items())},
        "python": platform.python_version(),
        "packages": {each.metadata["Name"]: each.version for each in sorted(metadata.distributions(), key=lambda each: each.metadata["Name"].lower())},
        "results": {path.name: _sha256(path) for path in sorted((out / "results").glob("*.json"))},
    }
    beside = out / f".{RECORD}.part"
    beside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return beside.replace(out / RECORD)


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
