"""Two runs' numbers side by side, only those that changed: recorded quantities and cells of tables."""

import json
from html import escape
from pathlib import Path

import pandas as pd

from lib.tables import WHOSE, write_csv

#: The columns of a comparison, before one column for each of the two runs.
KEYS = ["Chapter", "Place", "Number"]
ABSENT = "(absent)"


class CompareError(ValueError):
    """Two runs cannot be compared; the message says why in one sentence."""


def find_run(name, build):
    """The output folder that a name stands for.

    Parameters
    ----------
    name : str
        A folder, ``published`` for the published analysis, or the name of a folder below ``build/runs``.
    build : pathlib.Path
        The project's folder of runs.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    CompareError
        When no such run has been made.
    """
    candidates = [build] if name == "published" else [Path(name), build / "runs" / name]
    for folder in candidates:
        if any((folder / "results").glob("*.json")):
            return folder.resolve()
    made = sorted(path.name for path in (build / "runs").glob("*") if any((path / "results").glob("*.json")))
    known = ["published", *made] if any((build / "results").glob("*.json")) else made
    raise CompareError(f"--compare {name}: there is no such run; {'there are ' + ', '.join(known) if known else 'none has been made yet'}.")


def compare_runs(first, second):
    """Every number that differs between two runs, in the chapters that both hold.

    Parameters
    ----------
    first, second : path-like
        Output folders of two runs.

    Returns
    -------
    DataFrame, shape (n_changes, 5)
        Chapter, the place (``recorded``, or a table), the number's name, and its value in each run as text.

    Raises
    ------
    CompareError
        When the runs have no chapter in common.
    """
    first, second = Path(first), Path(second)
    documents = [_documents(folder) for folder in (first, second)]
    shared = [name for name in documents[0] if name in documents[1]]
    if not shared:
        raise CompareError(f"{first} and {second} have no chapter in common, so nothing can be compared.")
    rows = []
    for name in shared:
        before, after = documents[0][name], documents[1][name]
        rows += [(name, "recorded", *change) for change in _changes(_recorded(before), _recorded(after))]
        for label, file in (_tables(before) | _tables(after)).items():
            changes = _table_changes(*(folder / "tables" / f"{file}.csv" for folder in (first, second)))
            rows += [(name, f"Table {label}", *change) for change in changes]
    order = {name: number for number, name in enumerate(shared)}
    rows.sort(key=lambda row: (order[row[0]], row[1] != "recorded", [int(part) for part in row[1].partition(" ")[2].split(".") if part]))
    return pd.DataFrame(rows, columns=[*KEYS, *run_names(first, second)])


def run_names(first, second):
    """What the two columns are called: the folders' names, or their whole paths where these are the same."""
    names = [Path(folder).name for folder in (first, second)]
    return names if names[0] != names[1] else [str(first), str(second)]


def write_comparison(changes, folder):
    """Write ``changed.csv`` and ``changed.html``.

    Parameters
    ----------
    changes : DataFrame
        From `compare_runs`.
    folder : path-like
        Made where it does not exist.

    Returns
    -------
    pathlib.Path
        The page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(changes, folder / "changed.csv")
    page = folder / "changed.html"
    page.write_text(_page(changes), encoding="utf-8")
    return page


def as_text(changes):
    """The comparison for a terminal: one line per changed number, grouped by chapter and place."""
    if changes.empty:
        return "No number differs."
    before, after = changes.columns[-2:]
    lines = [f"{len(changes)} numbers differ: {before} -> {after}"]
    for (chapter, place), part in changes.groupby(KEYS[:2], sort=False):
        lines.append(f"\n{chapter}, {place}")
        lines += [f"  {row.Number}: {row.before} -> {row.after}" for row in part.rename(columns={before: "before", after: "after"}).itertuples()]
    return "\n".join(lines)


def _documents(folder):
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((folder / "results").glob("*.json"))}


def _recorded(document):
    """Quantity to the text of its value; for figures of method, what the rows show."""
    return {name: _shown(entry) for name, entry in document["quantities"].items()}


def _shown(entry):
    if entry["value"] is None:
        return entry.get("observed") or (str(entry["holds"]) if "holds" in entry else f"not computed: {entry['reason']}")
    return f"{entry['value']:.6g}" if isinstance(entry["value"], float) else str(entry["value"])


def _tables(document):
    return {entry["label"]: entry["file"] for entry in document.get("tables", [])}


def _table_changes(before, after):
    """Cells that differ; a row, or a table of other columns, that only one run has counts once."""
    tables = [pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns=WHOSE, errors="ignore") if path.is_file() else None
              for path in (before, after)]
    if any(table is None for table in tables) or list(tables[0]) != list(tables[1]):
        return [("the whole table", *(ABSENT if table is None else ", ".join(table) for table in tables))]
    old, new = (_rows(table) for table in tables)
    changes = []
    for row in [*old, *(row for row in new if row not in old)]:
        if row in old and row in new:
            changes += [(f"{row}, {column}", was, now) for column, was, now in _changes(old[row], new[row])]
        else:
            changes.append((row, *("; ".join(side[row].values()) if row in side else ABSENT for side in (old, new))))
    return changes


def _rows(table):
    """Row name to its cells by column; a row is named by its first cell, and counted where that repeats."""
    rows, seen = {}, {}
    for values in table.to_dict("records"):
        name = next(iter(values.values()))
        seen[name] = seen.get(name, 0) + 1
        rows[name if seen[name] == 1 else f"{name} ({seen[name]})"] = dict(list(values.items())[1:])
    return rows


def _changes(before, after):
    """Name, value before and value after of whatever differs, in the order of the first run, then of the second."""
    names = [*before, *(name for name in after if name not in before)]
    pairs = ((name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in names)
    return [(name, old, new) for name, old, new in pairs if old != new]


def _page(changes):
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in changes.columns)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in changes.itertuples(index=False))
    title = escape(f"{changes.columns[-2]} and {changes.columns[-1]}: {len(changes)} numbers differ")
    style = "body{font:1rem/1.5 sans-serif;margin:2rem}td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #777}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{style}</style></head>\n<body><main>\n<h1>{title}</h1>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</main></body>\n</html>\n"
    )
