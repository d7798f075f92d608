"""Sphinx in a process of its own, which loads it while chapters are executed and then waits for pages to make.

A process for each build, since Sphinx's extensions keep state that a second build in one process would meet.
"""

import json
import subprocess
import sys


class SphinxProcess:
    """One build of pages: loading begins at once, the build with `start`; leaving the ``with`` block calls it off."""

    def __init__(self):
        command = [sys.executable, "-m", "lib.orphan", "lib.sphinx_process"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stderr.close()

    def start(self, arguments):
        """Begin the build; ``arguments`` are those of ``sphinx-build``."""
        self._process.stdin.write(json.dumps([str(each) for each in arguments]))
        self._process.stdin.close()

    def wait(self):
        """Return the exit code and the error output of the build that was started."""
        words = self._process.stderr.read()
        return self._process.wait(), words


def main():
    """Load what pages need, read the arguments of ``sphinx-build`` as JSON, and build."""
    # ruff: noqa: F401
    import myst_nb.core.lexers
    import myst_nb.sphinx_ext
    import sphinx.builders.html
    import sphinx.domains.cpp
    import sphinx_book_theme
    import sphinxcontrib.bibtex
    from sphinx.cmd.build import main as build

    import lib.book.markup

    if given := sys.stdin.read():
        sys.exit(build(json.loads(given)))


if __name__ == "__main__":
    main()
