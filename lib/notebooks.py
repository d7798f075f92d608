"""The chapters as files: found in a folder, read with their parameters, and put into one byte-stable form."""

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jupytext
import nbformat

#: Chapters that read the results of all the others, and therefore run after them.
AFTER_THE_OTHERS = ("05_verdict",)

#: The chapter that needs no patients at all, but the printed figures of any paper.
ANOTHER_PAPER = "07_another_paper"

#: Chapters about the publication and not about a cohort's patients: a run on another cohort leaves them out.
ABOUT_THE_PUBLICATION = ("00_reconstruction", "05_verdict", "06_identified", ANOTHER_PAPER)

#: Chapters that compute most, the longest first. They begin before the others, so that at the end no core waits for one of them.
LONGEST_FIRST = ("00_reconstruction", ANOTHER_PAPER, "04_survival", "06_identified")

#: Tag of cells that speak of the publication: they are left out, too, where the cohort is not the published study's.
PUBLISHED = "published"

#: Object addresses, which differ from run to run: "<Axes at 0x7f3c...>".
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")

#: Written beside a richer form of the same output, this one only repeats the object's name.
_RICHER_THAN_PLAIN_TEXT = ("text/html", "text/markdown", "text/latex", "image/png", "image/svg+xml")


class NotebookError(ValueError):
    """A notebook, or a name or value given for it, cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Source:
    """One chapter's py:percent file.

    Attributes
    ----------
    path : pathlib.Path
        The ``.py`` file.
    parameters : dict of str to object
        Names and defaults of its cell tagged ``parameters``, in the order written.
    """

    path: Path
    parameters: dict

    @property
    def name(self):
        """The file's name without its ending, such as ``04_survival``."""
        return self.path.stem

    @property
    def runs_last(self):
        """True when the chapter reads what all the others have written."""
        return self.name in AFTER_THE_OTHERS

    @property
    def turn(self):
        """Sorts chapters by when they should begin."""
        return (self.runs_last, LONGEST_FIRST.index(self.name) if self.name in LONGEST_FIRST else len(LONGEST_FIRST), self.name)

    @property
    def about_publication(self):
        """True when the chapter has nothing to say of a cohort other than the published study's."""
        return self.name in ABOUT_THE_PUBLICATION


def find_sources(folder):
    """All chapters of a folder, in the order of their numbers.

    Parameters
    ----------
    folder : path-like
        Holds one ``NN_name.py`` a chapter.

    Returns
    -------
    list of Source

    Raises
    ------
    NotebookError
        When the folder holds no chapter, or one of them has no usable parameters cell.
    """
    paths = sorted(Path(folder).glob("[0-9][0-9]_*.py"))
    if not paths:
        raise NotebookError(f"{folder} holds no chapter: a file named like 01_cohort.py.")
    return [Source(path, dict(_defaults_of(path.read_text("utf-8"), path.name))) for path in paths]


@lru_cache(maxsize=64)
def _defaults_of(text, name):
    """Read once for as long as the text is the same: a watched folder is looked through after each change of one chapter."""
    return default_parameters(jupytext.reads(text, fmt="py:percent"), name)


def read_source(path):
    """A py:percent file as a notebook without outputs, with the file's own cells and tags."""
    return jupytext.read(path, fmt="py:percent")


def without_publication(notebook):
    """The notebook without the cells tagged as speaking of the publication."""
    notebook.cells = [cell for cell in notebook.cells if PUBLISHED not in cell.metadata.get("tags", [])]
    return notebook


def default_parameters(notebook, name):
    """Names and defaults in the one cell tagged ``parameters``.

    Raises
    ------
    NotebookError
        When there is not exactly one such cell, it cannot be read, or a line of it is anything but ``name = literal``.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise NotebookError(f"{name} has {len(cells)} cells tagged 'parameters' where it needs one.")
    try:
        statements = ast.parse(cells[0].source).body
    except SyntaxError as error:
        raise NotebookError(f"{name}: the parameters cell cannot be read, {error.msg}: {(error.text or '').strip()!r}.") from error
    defaults = {}
    for statement in statements:
        try:
            (target,) = statement.targets
            defaults[target.id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError) as error:
            line = ast.unparse(statement)
            raise NotebookError(f"{name}: the parameters cell may hold only lines like name = value, not {line!r}.") from error
    return defaults


def read_value(name, text, default):
    """A parameter's value from the command line, in the type of its default.

    Parameters
    ----------
    name : str
        For the message.
    text : str
        As typed.
    default : object
        The value in the parameters cell; its type decides how ``text`` is read.

    Raises
    ------
    NotebookError
        When ``text`` is no value of that type.
    """
    if isinstance(default, str):
        return text
    readers = {bool: (_truth, "true or false"), int: (_number, "a number"), float: (float, "a number")}
    read, wanted = readers.get(type(default), (ast.literal_eval, f"a value like {default!r}"))
    try:
        return read(text)
    except (ValueError, SyntaxError) as error:
        raise NotebookError(f"-p {name} {text}: {name} takes {wanted}, such as {default!r}.") from error


def _number(text):
    """A whole number stays whole; whether a fraction will do is for `lib.parameters` to say."""
    return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else float(text)


def _truth(text):
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError as error:
        raise ValueError(text) from error


def normalise(notebook):
    """A copy of an executed notebook that holds only what two equal runs share.

    Timings, papermill's notes, cell ids drawn at random, the Python version, object addresses and plain-text
    doubles of richer outputs are dropped; neighbouring pieces of one stream are joined.
    """
    tidy = nbformat.from_dict({**notebook, "metadata": _notebook_metadata(notebook.metadata), "cells": []})
    for number, cell in enumerate(notebook.cells, start=1):
        cell = nbformat.from_dict({**cell, "id": f"cell-{number:03d}"})
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = _joined_streams([_tidy_output(output) for output in cell.outputs])
        tidy.cells.append(cell)
    return tidy


def _notebook_metadata(metadata):
    kept = {key: metadata[key] for key in ("kernelspec", "jupytext") if key in metadata}
    language = {key: value for key, value in metadata.get("language_info", {}).items() if key != "version"}
    return {**kept, "language_info": language} if language else kept


def _tidy_output(output):
    output = nbformat.from_dict(output)
    if "data" in output:
        if any(form in output.data for form in _RICHER_THAN_PLAIN_TEXT):
            output.data.pop("text/plain", None)
        output.data = nbformat.from_dict({form: _without_addresses(value) for form, value in output.data.items()})
    if output.output_type == "stream":
        output.text = _without_addresses(output.text)
    return output


def _without_addresses(value):
    return _ADDRESS.sub("at 0x0", value) if isinstance(value, str) else value


def _joined_streams(outputs):
    joined = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def write_notebook(notebook, path):
    """Write a notebook whole: into a file beside the target, which then takes the target's place."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    beside.replace(path)
