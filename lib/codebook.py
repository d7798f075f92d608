"""The codebook, ``data/README.md``: columns, values and checksums of every data file, written from the files.

``python -m lib.codebook`` refreshes the generated parts after a change of the data. What people wrote stays: the
prose, and the meaning and unit of each column; the columns of a cohort take theirs from the contract.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pandas as pd

from lib.contract import CONTRACT

DATA = Path(__file__).resolve().parent.parent / "data"
CODEBOOK = DATA / "README.md"
LISTED_WORDS = 9
_SECTION = re.compile(r"<!-- file: (\S+) -->\n(.*?)<!-- end -->\n", re.S)
_CELL = re.compile(r"(?<!\\)\|")


class CodebookError(ValueError):
    """The codebook does not fit the files; the message names the file and the remedy."""


def data_files(folder: Path = DATA) -> list[str]:
    """Every data file by its path in the folder; a cohort of your own (``own/``) is not the project's.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str
    """
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*"))
             if path.is_file() and path != folder / "README.md" and not path.name.startswith(".")]
    return [name for name in names if not name.startswith("own/")]


def read_table(path: Path) -> pd.DataFrame | None:
    """A table with its cells as text, blank where nothing stands; None for a file that is no table."""
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    if path.suffix == ".parquet":
        return pd.read_parquet(path).astype(object).map(lambda cell: "" if pd.isna(cell) else str(cell))
    return None


def values_of(cells: pd.Series) -> str:
    """What a column holds, as a phrase: a range of numbers, the words themselves, or how many there are.

    Parameters
    ----------
    cells : Series of str
        Blank cells are left out.

    Returns
    -------
    str
        ``"33 to 84"``, ``"female, male"``, ``"text, 24 different"`` or ``"always blank"``.
    """
    filled = cells[cells.str.strip() != ""]
    if filled.empty:
        return "always blank"
    numbers = pd.to_numeric(filled, errors="coerce")
    if numbers.notna().all():
        low, high = filled[numbers.idxmin()], filled[numbers.idxmax()]
        return low if numbers.min() == numbers.max() else f"{low} to {high}"
    words = sorted(filled.unique())
    if len(words) <= LISTED_WORDS and all(len(word) <= 30 and "," not in word for word in words):
        return ", ".join(words)
    return f"text, {len(words)} different"


def describe(path: Path, name: str, known: dict[str, tuple[str, str]]) -> str:
    """The generated part of one file's section.

    Parameters
    ----------
    path : Path
    name : str
        The file's path in the data folder.
    known : dict
        Column -> (meaning, unit) as the codebook has them.

    Returns
    -------
    str
        Markdown: rows and checksum, then a line per column.
    """
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    table = None if name.startswith("templates/") else read_table(path)  # a form to fill in holds no data
    if table is None:
        return f"{path.stat().st_size} bytes, sha256 `{checksum}`\n"
    contract = {column.name: (column.meaning, column.unit) for column in CONTRACT.get(path.stem, ())
                if Path(name).parent.name}
    lines = [f"{len(table)} rows, sha256 `{checksum}`", "", "| Column | Meaning | Unit | Values | Blank |", "|---|---|---|---|---|"]
    for column in table:
        meaning, unit = contract.get(column) or known.get(column) or ("", "")
        if not meaning:
            raise CodebookError(f"{name}: column {column} is not described; write its line, with a meaning, into {CODEBOOK.name}.")
        cells = [f"`{column}`", meaning, unit, values_of(table[column]), f"{(table[column].str.strip() == '').sum()}"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines + _by_analyte(table)) + "\n"


def _by_analyte(table: pd.DataFrame) -> list[str]:
    """Values of a long table of measurements, analyte by analyte: one range over all of them says nothing."""
    if not {"analyte", "unit", "value", "lower_normal", "upper_normal"} <= set(table):
        return []
    lines = ["", "| Analyte | Unit | Values | Lower normal limit | Upper normal limit |", "|---|---|---|---|---|"]
    for (analyte, unit), rows in table.groupby(["analyte", "unit"], sort=False):
        ranges = [values_of(rows[column]) for column in ("value", "lower_normal", "upper_normal")]
        lines.append("| " + " | ".join([analyte, unit, *ranges]) + " |")
    return lines


def refreshed(text: str, folder: Path = DATA) -> str:
    """The codebook's text with its generated parts made anew from the files.

    Parameters
    ----------
    text : str
        The codebook as it stands.
    folder : Path

    Returns
    -------
    str

    Raises
    ------
    CodebookError
        If a file has no section, a section has no file, or a column has no meaning.
    """
    sections, files = [name for name, _ in _SECTION.findall(text)], data_files(folder)
    for name in files:
        if name not in sections:
            raise CodebookError(f"{name} has no section in {CODEBOOK.name}: write a heading, what the file is and where it "
                                f"comes from, and the lines '<!-- file: {name} -->' and '<!-- end -->'.")
    for name in sections:
        if name not in files:
            raise CodebookError(f"{CODEBOOK.name} describes {name}, which is not there: restore the file or remove its section.")

    def renew(section: re.Match) -> str:
        name, body = section.groups()
        return f"<!-- file: {name} -->\n{describe(folder / name, name, _known(body))}<!-- end -->\n"

    return _SECTION.sub(renew, text)


def _known(body: str) -> dict[str, tuple[str, str]]:
    """Column -> (meaning, unit) as people wrote them into a section's table."""
    rows = [[cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]] for line in body.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): (row[1], row[2]) for row in rows if len(row) >= 3}


def main() -> None:
    """Refresh ``data/README.md`` and say what is described."""
    CODEBOOK.write_text(refreshed(CODEBOOK.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"data/README.md describes {len(data_files())} files.")


if __name__ == "__main__":
    main()
