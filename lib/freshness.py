"""What a run need not do again: chapters whose code, data, parameters and lock are those of the last run.

Everything is judged by content, never by file times. The account of a run is ``made.json`` in its output folder.
"""

import ast
import hashlib
import json
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = "made.json"

REPORT = "report.docx"

#: Made of the chapters' outputs, and anew from them where they are touched.
_PAGES = ("html/", REPORT)

#: Only the pages come from these; a change of them executes no chapter.
OF_PAGES = ("lib/book", "lib/pages.py", "lib/sphinx_process.py", "lib/report.py", "lib/dashboard.py")

#: No chapter reads these by themselves; a reader's own cohort counts where a chapter is given it.
_ASIDE = ("data/README.md", "data/own/")

#: What executes chapters and writes their notebooks, whatever they import.
_EXECUTES = "lib/pool.py"

#: An import of ours, which Python allows at the beginning of a line and after ";" or ":".
_IMPORT = re.compile(r"(?:^|[;:])[ \t\f]*(?:from[ \t]+(lib[\w.]*)[ \t]+import\b[ \t]*(\([^)]*\)|[^\n;]*)|import\b([^\n;]*))", re.M)


def chapter_keys(sources, changes, root=ROOT):
    """For each chapter a digest of all that its outputs follow from.

    Parameters
    ----------
    sources : list of lib.notebooks.Source
        All chapters of the collection.
    changes : dict of str to dict
        Chapter name to the parameters that differ from its defaults.
    root : pathlib.Path
        The project: its ``lib/``, ``data/`` and ``requirements.txt``.

    Returns
    -------
    dict of str to str
        Of the code, a chapter's key covers what it imports, directly or by way of others, and what executes it. A chapter
        that reads the results of the others has their keys in its own.
    """
    code = dict(_contents(root / "lib", root, but=OF_PAGES))
    imports = {}
    executing = {root / _EXECUTES, *reached_from(root / _EXECUTES, root, imports)}
    reached = {source.name: _names(executing | reached_from(source.path, root, imports), root) for source in sources}
    shared = _digest(sys.version, *_contents(root / "data", root, but=_ASIDE), _of_file(root / "requirements.txt"))
    keys = {}
    for source in sorted(sources, key=lambda source: source.runs_last):
        given = changes.get(source.name, {})
        used = [(name, digest) for name, digest in code.items() if not name.endswith(".py") or name in reached[source.name]]
        cohort = root / "data" / Path(str(given.get("cohort", source.parameters.get("cohort", "reference")))).expanduser()
        own = [] if cohort == root / "data" / "reference" else [*_contents(cohort, cohort)]
        own += [_of_file(paper)] if (paper := Path(str(given.get("paper", "")))).is_absolute() else []
        others = sorted(keys.items()) if source.runs_last else ()
        keys[source.name] = _digest(shared, used, _of_file(source.path), json.dumps(given, sort_keys=True), *own, others)
    return keys


def stale_chapters(out, keys):
    """Names of the chapters to execute again, and whether the pages must be made again.

    Parameters
    ----------
    out : pathlib.Path
        An output folder, with or without the account of an earlier run.
    keys : dict of str to str
        From `chapter_keys`.

    Returns
    -------
    stale : set of str
        All chapters where an output is missing, was edited, or belongs to a chapter that is no more.
    pages : bool
        Whether they are to be made though no chapter is executed.
    """
    record = _read(out)
    if not record or set(record["chapters"]) - set(keys):
        return set(keys), True
    touched = {file for file, _ in record["files"].items() ^ _files(out, record["products"]).items()}
    if any(not file.startswith(_PAGES) for file in touched):
        return set(keys), True
    return {name for name, key in keys.items() if record["chapters"].get(name) != key}, bool(touched) or record["pages"] != pages_key(keys)


def pages_key(keys, root=ROOT):
    """A digest of all that the pages follow from."""
    return _digest(sorted(keys.items()), *_contents(root / "lib", root))


def take_over(shelf, folder, name, key):
    """Copy a chapter's files from an output folder where they stand as its last run left them.

    Parameters
    ----------
    shelf : pathlib.Path
        An output folder, with or without the account of a run.
    folder : pathlib.Path
        Gets the files; its folders of products are there.
    name : str
        The chapter.
    key : str
        From `chapter_keys`: what the chapter would follow from now.

    Returns
    -------
    bool
        False, and nothing copied, where the chapter is not there, has changed, or a file of it was touched.
    """
    record = _read(shelf)
    if not record or record["chapters"].get(name) != key:
        return False
    files = {}
    try:
        stems = _stems(shelf, name)
        files = {file: digest for file, digest in record["files"].items() if file.rpartition(".")[0] in stems}
        for file in files:
            shutil.copyfile(shelf / file, folder / file)
        whole = bool(files) and all(_of_file(folder / file) == digest for file, digest in files.items())
    except (OSError, ValueError):
        whole = False
    for file in () if whole else files:
        (folder / file).unlink(missing_ok=True)
    return whole


def leave_out(folder, name):
    """Remove the files that a chapter has written to a folder: what it does not write again must not stay."""
    with suppress(OSError, ValueError):  # it has written nothing there
        stems = _stems(folder, name)
        for path in folder.glob("*/*"):
            if path.relative_to(folder).as_posix().rpartition(".")[0] in stems:
                path.unlink()


def imported_names(tree):
    """Names of modules in the imports of a syntax tree, wherever they stand; of ``from a import b`` both, since ``b`` may be one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def reached_from(entrance, root=ROOT, imports=None):
    """Files of ``lib/`` that a file imports, or that these import, wherever in them the import stands.

    Found in the text, as parsing all of it would take longer than all else that is asked before a run that does nothing.
    What each file imports is kept in `imports`, for callers that ask for several entrances.
    """
    imports = {} if imports is None else imports
    reached, new = set(), {entrance}
    while new:
        reached |= new
        imports |= {path: _files_imported(path, root) for path in new - imports.keys()}
        new = set().union(*(imports[path] for path in new)) - reached
    return reached - {entrance}


def _files_imported(path, root):
    names = set(_imported_of_ours(path.read_text("utf-8")))
    packages = {name.rsplit(".", n)[0] for name in names for n in range(name.count(".") + 1)}
    candidates = {root / (package.replace(".", "/") + end) for package in packages for end in (".py", "/__init__.py")}
    return {path for path in candidates if path.is_file()}


def _imported_of_ours(text):
    for package, names, modules in _IMPORT.findall(text.replace("\\\n", " ")):
        yield from [package, *(f"{package}.{name}" for name in re.findall(r"\w+", names))] if package else re.findall(r"\blib(?:\.\w+)*", modules)


def _names(paths, root):
    return {path.relative_to(root).as_posix() for path in paths}


def _stems(out, name):
    """Paths without endings of what a chapter has written."""
    document = json.loads((out / "results" / f"{name}.json").read_text("utf-8"))
    listed = {f"{kind}/{entry['file']}" for kind in ("figures", "tables") for entry in document.get(kind, [])}
    return {f"results/{name}", f"notebooks/{name}", *listed}


def write_record(out, keys, executed, products, pages):
    """Note what a run has made.

    Parameters
    ----------
    out : pathlib.Path
    keys : dict of str to str
        From `chapter_keys`, taken before the run: a file edited during it counts as changed.
    executed : iterable of str
        Chapters that the run executed; the keys of the others stay as they were.
    products : sequence of str
        Folders and files of the output folder that are watched.
    pages : str or None
        From `pages_key`, taken before the run; None where no pages were made.
    """
    earlier = (_read(out) or {"chapters": {}})["chapters"]
    chapters = {name: keys[name] if name in executed else earlier[name] for name in keys if name in executed or name in earlier}
    record = {"chapters": chapters, "pages": pages, "products": list(products), "files": _files(out, products)}
    beside = Path(out) / f".{RECORD}.part"
    beside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    beside.replace(Path(out) / RECORD)


def _read(out):
    """The account of the last run; None where there is none, or none that can be read."""
    try:
        record = json.loads((Path(out) / RECORD).read_text("utf-8"))
        return record if {"chapters", "pages", "products", "files"} <= set(record) else None
    except (OSError, ValueError, TypeError):
        return None


def _files(out, products):
    paths = (path for product in products for path in (Path(out) / product, *sorted((Path(out) / product).rglob("*"))) if path.is_file())
    return {path.relative_to(out).as_posix(): _of_file(path) for path in paths}


def _contents(folder, root, but=()):
    """Relative name and digest of each file; byte-code and editors' leavings are left out."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(root).as_posix()
        hidden = any(part.startswith((".", "__pycache__")) for part in Path(name).parts)
        if path.is_file() and not hidden and not name.startswith(but or ("\0",)):
            yield name, _of_file(path)


def _of_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
