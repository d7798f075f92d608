"""Sphinx in a process of its own, which loads it while chapters are executed and then waits for pages to make.

A process for each build, since Sphinx's extensions keep state that a second build in one process would meet.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


class SphinxProcess:
    """One build of pages: loading begins at once, the build with `start`; leaving the ``with`` block calls it off.

    Parameters
    ----------
    arguments : list, optional
        Those of ``sphinx-build``, where they are known and the folders are there: configuration and theme are then read
        beforehand too.
    """

    def __init__(self, arguments=None):
        command = [sys.executable, "-m", "lib.orphan", "lib.sphinx_process"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._told = None
        if arguments:
            self._tell(arguments)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stderr.close()

    def start(self, arguments):
        """Begin the build; ``arguments`` are those of ``sphinx-build``."""
        if self._told and self._told != _as_line(arguments):
            self.__exit__()
            self.__init__()
        if not self._told:
            self._tell(arguments)
        self._process.stdin.close()

    def _tell(self, arguments):
        self._told = _as_line(arguments)
        self._process.stdin.write(self._told)
        self._process.stdin.flush()

    def wait(self):
        """Return the exit code and the error output of the build that was started."""
        words = self._process.stderr.read()
        return self._process.wait(), words


def _as_line(arguments):
    return json.dumps([str(each) for each in arguments]) + "\n"


def main():
    """Load what pages need, read the arguments of ``sphinx-build`` as a line of JSON, and build when the input ends."""
    # ruff: noqa: F401
    import myst_nb.core.lexers
    import myst_nb.sphinx_ext
    import sphinx.builders.html
    import sphinx.cmd.build
    import sphinx.domains.cpp
    import sphinx_book_theme
    import sphinxcontrib.bibtex
    from sphinx.application import Sphinx

    import lib.book.markup

    class WaitingSphinx(Sphinx):
        """Has read its configuration, extensions and templates when the word to build comes."""

        def build(self, *arguments):
            templates = self.builder.templates
            for folder in map(Path, templates.pathchain):
                for path in folder.rglob("*.html"):
                    templates.environment.get_template(str(path.relative_to(folder)))
            sys.stdin.read()
            super().build(*arguments)

    sphinx.cmd.build.Sphinx = WaitingSphinx
    if given := sys.stdin.readline():
        code = sphinx.cmd.build.main(json.loads(given))
        sys.stderr.flush()
        os._exit(code)  # all is written; taking down what was loaded would take a second


if __name__ == "__main__":
    main()
