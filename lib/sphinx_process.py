"""Sphinx in a process of its own, which loads it while chapters are executed and then waits for pages to make.

Each build is made by a fork of that process, since Sphinx's extensions keep state that a second build in one process would
meet. Before the second it rehearses: what Sphinx and its libraries look up, compile, format and highlight for the pages of that
moment is then there for every fork.
"""

import functools
import gc
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.orphan import end_with_parent


class SphinxProcess:
    """Builds of pages, one after another: loading begins at once, a build with `start`; leaving the ``with`` block calls it off."""

    def __init__(self):
        self._options = []
        self._begin()

    def _begin(self):
        command = [sys.executable, "-m", "lib.orphan", "lib.sphinx_process"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._told = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._process.stdout.closed:
            return
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.read()  # ends when a fork that was building has noticed
        self._process.stdout.close()

    def prepare(self, arguments):
        """Have configuration and theme read for the next build, whose folders are there; ``arguments`` are those of ``sphinx-build``."""
        self._told = _as_line(arguments)
        self._process.stdin.write(_as_line([*self._options, *arguments]))
        self._process.stdin.flush()

    def start(self, arguments):
        """Begin the build; ``arguments`` are those of ``sphinx-build``."""
        if self._process.poll() is not None or self._told not in (None, _as_line(arguments)):
            self.__exit__()
            self._begin()
        if not self._told:
            self.prepare(arguments)
        self._process.stdin.write(_BUILD)
        self._process.stdin.flush()
        self._told = None

    def wait(self):
        """Return the exit code and the error output of the build that was started."""
        if answer := self._process.stdout.readline():
            self._options = []
            return tuple(json.loads(answer))
        self.__exit__()
        self._begin()
        self._options = ["-E", "-a"]  # what half a build has left is not to be gone on with
        return 1, "its process was ended."


#: Folder of the rehearsal, beside that of the sources; whoever ends this process removes it.
REHEARSED = ".rehearsed"

#: The word to build.
_BUILD = "\n"


def _as_line(arguments):
    return json.dumps([str(each) for each in arguments]) + "\n"


def main():
    """Load what pages need; for each line of JSON, the arguments of ``sphinx-build``, build at the next line and answer with one."""
    # ruff: noqa: F401
    importlib.metadata.entry_points = functools.cache(importlib.metadata.entry_points)  # before others take it by its name
    import myst_nb.core.lexers
    import myst_nb.sphinx_ext
    import sphinx.builders.html
    import sphinx.cmd.build
    import sphinx.domains.cpp
    import sphinx_book_theme
    import sphinxcontrib.bibtex

    import lib.book.markup

    _work_out_once()
    orders = open(0, "rb", buffering=0)  # noqa: SIM115 - unbuffered: what follows a line is left to the fork
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    n_builds = 0
    while line := orders.readline():
        arguments = json.loads(line)
        if n_builds == 1:
            _rehearse(arguments[-2])
        with tempfile.TemporaryFile() as words:
            gc.freeze()  # memory that the fork need not copy
            build = os.fork()
            if not build:
                os.dup2(words.fileno(), 2)
                os._exit(_build(arguments, orders))  # all is written; taking down what was loaded would take a second
            code = os.waitstatus_to_exitcode(os.waitpid(build, 0)[1])
            words.seek(0)
            answers.write(json.dumps([code, words.read().decode(errors="replace")]) + "\n")
        answers.flush()
        n_builds += 1


def _work_out_once():
    """Have what one build of this process compiles, formats and highlights known to its later forks."""
    import jinja2
    import sphinx.highlighting
    from pybtex.style.formatting import BaseStyle

    _remember(jinja2.Environment, "compile", lambda environment, source, *names: (
        type(environment), environment.autoescape, environment.trim_blocks, environment.lstrip_blocks, *environment.extensions, source, *names))
    _remember(BaseStyle, "format_entry", lambda style, label, entry: (type(style), label, entry.key, repr(entry)))
    _remember(sphinx.highlighting, "highlight", lambda code, lexer, formatter: (
        code, type(lexer), repr(lexer.options), len(lexer.filters), type(formatter), repr(formatter.options)))


def _remember(owner, name, key):
    """Keep what a function of a library gave, by a key of its arguments; an error is not kept, nor what was asked by name."""
    function, found = getattr(owner, name), {}

    @functools.wraps(function)
    def remembered(*given, **named):
        if named:
            return function(*given, **named)
        known = key(*given)
        if known not in found:
            found[known] = function(*given)
        return found[known]

    setattr(owner, name, remembered)


def _rehearse(book):
    """Make all pages, for nobody."""
    import sphinx.cmd.build

    folder = Path(book).with_name(REHEARSED)
    shutil.rmtree(folder, ignore_errors=True)
    sphinx.cmd.build.main(["-b", "html", "-Q", "-d", str(folder / "doctrees"), book, str(folder / "html")])
    shutil.rmtree(folder, ignore_errors=True)


def _build(arguments, orders):
    """Set up Sphinx, wait for the word, build; the exit code."""
    import sphinx.cmd.build
    from sphinx.application import Sphinx

    class WaitingSphinx(Sphinx):
        """Has read its configuration and extensions when the word to build comes."""

        def build(self, *arguments):
            gc.disable()  # the process ends with the build
            if not orders.readline():
                os._exit(1)  # called off: half a build would be taken for a whole one by the next
            super().build(*arguments)

    end_with_parent()
    sphinx.cmd.build.Sphinx = WaitingSphinx
    code = sphinx.cmd.build.main(arguments)
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main()
