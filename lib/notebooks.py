"""The chapters as files: found in a folder and read with their parameters."""

import ast
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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


def _defaults_of(text, name):
    return default_parameters(_read(text), name)


def read_source(path):
    """A py:percent file as a notebook without outputs, with the file's own cells and tags."""
    return deepcopy(_read(Path(path).read_text("utf-8")))


@lru_cache(maxsize=64)
def _read(text):
    """Read once for as long as the text is the same: a watched folder after each change of one chapter, a chapter for all sites."""
    import jupytext  # takes most of a second to load, during which the server of `lib.preheated` can load, too

    return jupytext.reads(text, fmt="py:percent")


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
