"""Refuse a commit that would hold patients other than the invented ones; run by ``.githooks/pre-commit``.

Only the standard library is used: the hook runs whether or not the environment is made.
"""

import csv
import io
import subprocess
import sys

#: Folders whose tables are invented: the reference cohort, the templates for hospitals and what the tests make up.
INVENTED = ("data/reference/", "data/templates/", "tests/")

#: A table with a patient's label and any of these tells of single patients, whatever its name.
CLINICAL = {"first_treatment", "os_treatment_months", "died", "visit", "visit_day", "lesion", "analyte", "grade", "term", "treatment",
            "usubjid", "record_id", "redcap_event_name"}
PATIENT = {"patient", "usubjid", "subjid", "record_id", "patient_id", "mrn"}

#: Formats that hold tables and cannot be looked into here.
CLOSED = (".xlsx", ".xls", ".sav", ".dta", ".xpt", ".sas7bdat", ".parquet")
OURS = ("data/ensemble.parquet", "data/extremes.parquet", "data/identified_values.parquet")


def main():
    """Name each staged file that holds patients; 1 where there is one."""
    staged = _git("diff", "--cached", "--name-only", "--diff-filter=ACMR", "-z").decode().split("\0")
    found = [path for path in staged if path and holds_patients(path, lambda path=path: _git("show", f":{path}"))]
    for path in found:
        print(f"{path}: looks like patients' data, which is never committed; move it to cohorts/ or data/own/, which git ignores.", file=sys.stderr)
    return 1 if found else 0


def holds_patients(path, read):
    """Whether a file would bring patients other than the invented ones under version control.

    Parameters
    ----------
    path : str
        Relative to the repository, with forward slashes.
    read : callable
        Returns the file's bytes; called for tables in text only.

    Returns
    -------
    bool
    """
    low = path.lower()
    if path.startswith(INVENTED) or path in OURS:
        return False
    if low.endswith(CLOSED):
        return True
    if not low.endswith((".csv", ".tsv", ".txt")):
        return False
    head = read().decode("utf-8-sig", errors="replace").partition("\n")[0]
    sign = max(",;\t", key=head.count)
    names = {name.strip().lower() for row in csv.reader(io.StringIO(head), delimiter=sign) for name in row}
    return bool(names & PATIENT) and bool(names & CLINICAL - PATIENT)


def _git(*words):
    return subprocess.run(["git", *words], check=True, capture_output=True).stdout


if __name__ == "__main__":
    sys.exit(main())
