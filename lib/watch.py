"""Pages that follow the chapters while they are edited: ``python -m lib.watch``, or ``make watch``.

Everything that a page needs is loaded beforehand: saving a chapter forks a Python that has imported the libraries,
executes the chapter in it and has a waiting Sphinx make the one page. The pages go to a folder of their own and offer no
files for download; ``make`` makes those, and writes what is kept.
"""

import argparse
import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from lib.environment import fixed_environment
from lib.execute import ChapterError
from lib.freshness import chapter_keys, imported_names, take_over
from lib.kept import KEPT_IN
from lib.notebooks import NotebookError, find_sources
from lib.pages import PagesError, refuse_faults, sphinx_arguments, write_book
from lib.parameters import ParameterError
from lib.pool import Workers
from lib.preheated import PRELOADED, begin_server, end_server, is_possible
from lib.rehearsal import Rehearsal
from lib.run import STAGING, RunError, locked, prepare_staging, publish
from lib.sphinx_process import REHEARSED, SphinxProcess

ROOT = Path(__file__).resolve().parents[1]
PRODUCTS = ("results", "notebooks")

#: Seconds between two looks at the files; a file is read when it was the same in two of them.
PATIENCE_S = 0.1

_WATCHED = (".py", ".csv", ".json", ".parquet", ".md", ".j2", ".css", ".js", ".bib")

#: How the folder for what is kept of chapters begins.
_KEPT = ".kept-"

#: What Sphinx keeps among the sources of the pages.
_OF_SPHINX = ("doctrees", "warnings.txt")


def main(arguments=None, notebooks=ROOT / "notebooks"):
    """Watch the chapters until interrupted, or told to end; where the code itself is changed, begin anew with it.

    Returns
    -------
    int
        0: ended by Ctrl-C or SIGTERM. 1: the folder is taken or cannot be written.
    """
    parser = argparse.ArgumentParser(prog="python -m lib.watch", description="Execute a chapter and make its page whenever it is saved.")
    parser.add_argument("--out", metavar="FOLDER", default=ROOT / "build" / "preview", help="where to write (default: build/preview)")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="longest time for one cell (default: %(default)s)")
    options = parser.parse_args(arguments)
    out = Path(options.out).resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with locked(out):
            _watch(Path(notebooks), out, options.timeout)
            print("The code has changed; starting anew.", flush=True)
            _await_loadable()
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Watching stopped: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        end_server()
        print("\nStopped.")
        return 0
    return os.execv(sys.executable, [sys.executable, "-m", "lib.watch", *(sys.argv[1:] if arguments is None else map(str, arguments))])


def _watch(notebooks, out, timeout_s):
    """Refresh the pages after each change; return when the code that does so has changed."""
    os.environ["STUDY_PREVIEW"] = "1"  # read by kernels: no files for download
    code, seen = _state(ROOT / "lib"), None
    if is_possible():
        begin_server(fixed_environment(), [*_imported_by([__file__, *sorted(notebooks.glob("*.py"))]), *PRELOADED, "lib.compiler", "joblib"])
    with Preview(notebooks, out, timeout_s) as preview:
        while _state(ROOT / "lib") == code:
            now = _state(notebooks, ROOT / "data")
            if now != seen:
                time.sleep(PATIENCE_S)
                if now == _state(notebooks, ROOT / "data"):  # an editor may still be writing
                    seen = now
                    preview.refresh()
            time.sleep(PATIENCE_S)


def _await_loadable():
    """Wait until what this module imports can be imported as it is now; each fault is told once."""
    while True:
        code = _state(ROOT / "lib")
        loaded = subprocess.run([sys.executable, "-c", f"import {__spec__.name}"], cwd=ROOT, capture_output=True, text=True)
        if loaded.returncode == 0:
            return
        *_, place = re.findall(r'File "(.*)", line (\d+)', loaded.stderr)
        print(f"{place[0]}, line {place[1]}: {loaded.stderr.splitlines()[-1]}. It is read again at the next change.", file=sys.stderr, flush=True)
        while _state(ROOT / "lib") == code:
            time.sleep(PATIENCE_S)


def _state(*folders):
    """Time and size of each file that a chapter may follow from."""
    state = {}
    for path in (path for folder in folders for path in folder.rglob("*")):
        if path.suffix in _WATCHED and not path.name.startswith("."):
            with suppress(FileNotFoundError):  # an editor may be putting another file in its place
                state[path] = (path.stat().st_mtime_ns, path.stat().st_size)
    return state


def _imported_by(paths):
    """Names of the modules that some files import."""
    return list(dict.fromkeys(name for path in paths for name in imported_names(_parsed(path))))


def _parsed(path):
    """The syntax tree of a file; an empty one where it has a fault, of which the refresh speaks."""
    try:
        return ast.parse(Path(path).read_text("utf-8"))
    except SyntaxError:
        return ast.Module([], [])


class Preview:
    """The pages of a folder of chapters, made anew one chapter at a time.

    Parameters
    ----------
    notebooks : pathlib.Path
    out : pathlib.Path
        Gets ``notebooks/``, ``results/`` and ``html/``.
    timeout_s : float
        Longest time for one cell.
    """

    def __init__(self, notebooks, out, timeout_s):
        self.notebooks, self.out, self._timeout_s = notebooks, out, timeout_s
        self._made, self._data, self._kept = {}, None, None
        for leftover in (".book", ".html", ".rehearsal", REHEARSED, STAGING, *out.glob(f"{_KEPT}*")):
            shutil.rmtree(out / leftover, ignore_errors=True)

    def __enter__(self):
        self._kept = Path(tempfile.mkdtemp(prefix=_KEPT, dir=self.out))  # only this user may enter it
        os.environ[KEPT_IN] = str(self._kept)  # read by kernels
        self._sphinx, self._workers, self._rehearsal = SphinxProcess(), None, Rehearsal(self.out / ".rehearsal")
        return self

    def __exit__(self, *error):
        self._sphinx.__exit__(*error)
        self._rehearsal.end()
        if self._workers:
            self._workers.__exit__(*error)
        for folder in (self.out / STAGING, self.out / REHEARSED, self._kept):
            shutil.rmtree(folder, ignore_errors=True)
        del os.environ[KEPT_IN]

    def refresh(self):
        """Execute what has changed and make its pages; a fault is told, and the pages stay as they are."""
        began = time.time()
        self._rehearsal.end()
        if (data := _state(ROOT / "data")) != self._data:
            shutil.rmtree(self._kept)
            self._kept.mkdir(0o700)
            self._data = data
        try:
            sources = find_sources(self.notebooks)
            keys = chapter_keys(sources, {})
            if not self._made:
                self._fetch(sources, keys)
            for last in (False, True):
                changed = [source for source in sources if source.runs_last is last and self._made.get(source.name) != keys[source.name]]
                if changed:
                    self._update(changed)
                    self._made |= {source.name: keys[source.name] for source in changed}
                    names = ", ".join(source.name for source in changed)
                    print(f"{names}: {time.time() - _saved(changed, began):.1f} s after it was saved, {self.out / 'html' / changed[0].name}.html", flush=True)
            self._rehearsal.begin(sources)
        except (NotebookError, ParameterError, ChapterError, PagesError) as error:
            print(error, file=sys.stderr, flush=True)
        except FileNotFoundError as error:
            print(f"{error.filename} was not there for a moment; it is read at the next change.", file=sys.stderr, flush=True)

    def _fetch(self, sources, keys):
        """Begin with the chapters as ``make`` has left them, where they have not changed since."""
        staging = prepare_staging(self.out, fresh=True)
        self._made = {source.name: keys[source.name] for source in sources if take_over(ROOT / "build", staging, source.name, keys[source.name])}
        publish(staging, self.out, PRODUCTS)
        shutil.rmtree(staging)
        if len(self._made) == len(sources):
            self._make_pages()
        self._ready_workers()  # waits until the server has loaded what it is asked to
        print(f"Save a chapter of {self.notebooks}, and its page follows: {self.out / 'html' / 'index.html'}", flush=True)

    def _update(self, sources):
        """Execute chapters and make their pages."""
        try:
            with self._workers as workers:
                workers.execute(sources, {}, self._timeout_s)
            self._rehearsal.leave_out(sources)
            publish(workers.staging, self.out, PRODUCTS)
            self._make_pages()
        finally:
            shutil.rmtree(workers.staging, ignore_errors=True)
            self._ready_workers()  # not before: a kernel that starts would slow down the pages

    def _ready_workers(self):
        """Have workers for the next change, one of them with a kernel that waits for its chapter."""
        self._workers = Workers(prepare_staging(self.out, fresh=False), os.cpu_count() or 1)
        self._workers.start_kernel(self.notebooks)

    def _make_pages(self):
        """Have the pages made whose sources differ from those of the last time."""
        new, book, html = (self.out / name for name in (".book.new", ".book", ".html"))
        shutil.rmtree(new, ignore_errors=True)
        title, notice = write_book(self.out, new, preview=True)
        _copy_changed(new, book, keep=_OF_SPHINX)
        shutil.rmtree(new)
        arguments = sphinx_arguments(book, html, title, notice)
        self._sphinx.start(arguments)
        ended = self._sphinx.wait()
        self._sphinx.prepare(arguments)
        refuse_faults(*ended, book)
        _copy_changed(html, self.out / "html")


def _saved(sources, began):
    """When the last of these chapters was saved; the beginning of the work where that was long before."""
    saved = max(source.path.stat().st_mtime for source in sources)
    return saved if began - saved < 10 * PATIENCE_S else began


def _copy_changed(source, target, keep=()):
    """Make ``target`` hold the files of ``source``: those of other content are replaced, each at once, and what is not there goes."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in wanted:
        old, new = target / path, source / path
        if old.is_file() and old.stat().st_size == new.stat().st_size and old.read_bytes() == new.read_bytes():
            continue
        old.parent.mkdir(parents=True, exist_ok=True)
        beside = old.with_name(f".{old.name}.part")
        shutil.copyfile(new, beside)
        os.replace(beside, old)
    for path in target.rglob("*"):
        place = path.relative_to(target)
        if path.is_file() and place not in wanted and place.parts[0] not in keep:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
