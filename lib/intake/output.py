"""The folder of an imported cohort: outside version control, complete or not there at all, without live formulas."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

from lib.cohort import Cohort, read_cohort
from lib.contract import TABLES, CohortError

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def refuse_tracked(folder: Path) -> None:
    """Refuse a folder that version control could pick up.

    Raises
    ------
    CohortError
        Where the folder lies in a git repository that does not ignore it.
    """
    folder = folder.expanduser().absolute()
    repository = next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
    if repository is None:
        return
    try:
        ignored = subprocess.run(["git", "-C", repository, "check-ignore", "--quiet", f"{folder.resolve()}/patients.csv"],
                                 capture_output=True).returncode == 0
    except OSError:
        ignored = False
    if not ignored:
        raise CohortError(f"{folder}, whole file: expected a folder that version control ignores; choose one outside {repository}, "
                          "or one below cohorts/ or data/own/, which are ignored.")


def refuse_used(folder: Path) -> None:
    """Refuse a folder that already holds something.

    Raises
    ------
    CohortError
    """
    folder = folder.expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CohortError(f"{folder}, whole file: expected a folder that is new or empty; name another one or empty it yourself.")


def write_cohort(cohort: Cohort, folder: Path) -> None:
    """Write the tables into a new folder, all of them or none.

    Parameters
    ----------
    cohort : Cohort
        Passes the contract; it is read back before the folder appears.
    folder : Path
        New or empty, outside version control.

    Raises
    ------
    CohortError
        Where the folder cannot be used.
    """
    folder = folder.expanduser().absolute()
    refuse_tracked(folder)
    refuse_used(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as trouble:
        raise CohortError(f"{folder}, whole file: expected a folder that can be written; choose another ({trouble.strerror}).") from None
    try:
        for table in TABLES:
            frame = getattr(cohort, table)
            if frame is not None:
                as_written(frame).to_csv(partial / f"{table}.csv", index=False)
        read_cohort(partial)
        if folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def as_written(frame: pd.DataFrame) -> pd.DataFrame:
    """A table as text: true and false in words, whole numbers without a point, text that no spreadsheet computes."""
    return pd.DataFrame({name: [_written(cell) for cell in cells] for name, cells in frame.astype(object).items()}, index=frame.index)


def _written(cell) -> str:
    if cell is None or pd.isna(cell):
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA_SIGNS) else cell
    if cell is True or cell is False or str(type(cell).__name__) in {"bool_", "bool"}:
        return "true" if cell else "false"
    return f"{cell:.9g}"
