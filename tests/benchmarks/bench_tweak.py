"""How long a tweak takes: each cell run again in a live kernel, and a changed parameter until its page is there.

Run with ``.venv/bin/python tests/benchmarks/bench_tweak.py [NUMBER ...]`` once ``make`` has run; wanted are a median cell under 0.2 s,
none over 2 s, and a page within 6 s of the moment at which a chapter was saved with a changed parameter, while ``make watch`` is
running; timed are the change and its taking back, beside the seconds of a loop in plain Python just before: a machine that
others share may take three times as long as an hour ago. Watching has gone through the chapters by then, as it does in its first
minute. *All* is what a change takes in an open notebook. For comparison the one command that starts with nothing loaded: ``lib.run -p``
for the chapter alone, with ``build/`` there, from which chapter 5 takes the chapters that it reads.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.manager import start_new_kernel
from machine import described, loop_seconds

from lib.notebooks import find_sources, read_source

ROOT = Path(__file__).resolve().parents[2]


PATIENCE_S = 120
IDLE_S = 10  # a chapter that reads the results is executed after it


def main(*names):
    """Print one line for each chapter named by its number, or for all, with the load and the loop's seconds before each."""
    timed("-m", "lib.run", "--changed")  # as make has left it: a tweaked chapter takes the others from there
    lines = [described()]
    with tempfile.TemporaryDirectory() as folder, watching(Path(folder)) as chapters:
        for source in (each for each in find_sources(ROOT / "notebooks") if not names or each.name[:2] in names):
            load, loop_s = os.getloadavg()[0], loop_seconds()
            cells = rerun_seconds(source)
            lines.append(
                f"{source.name:18} load {load:.1f}, loop {loop_s:.1f} s; cells run again: median {statistics.median(cells):.2f} s, "
                f"longest {max(cells):.2f} s, all {sum(cells):.1f} s; changed parameter to page: saved under make watch "
                f"{' and '.join(saved_seconds(source, chapters, Path(folder) / 'preview'))}, lib.run -p {page_seconds(source):.1f} s"
            )
            print(lines[-1], flush=True)
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rerun_seconds(source):
    """Seconds of each code cell on its second run in one kernel."""
    cells = [cell.source for cell in read_source(source.path).cells if cell.cell_type == "code"]
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(source.path.parent), stderr=subprocess.DEVNULL)
    try:
        for cell in cells:
            _execute(client, cell)
        return [_execute(client, cell) for cell in cells]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _execute(client, cell):
    start = time.perf_counter()
    reply = client.execute_interactive(cell, output_hook=lambda message: None, timeout=120)
    assert reply["content"]["status"] == "ok", reply["content"]
    return time.perf_counter() - start


def page_seconds(source):
    """Seconds of the command that makes one chapter's page with its first numeric choice changed."""
    with tempfile.TemporaryDirectory() as folder:
        return timed("-m", "lib.run", "-p", *changed(source), source.name, "--out", folder)


@contextmanager
def watching(folder):
    """A copy of the chapters, watched as ``make watch`` does; its pages are in ``preview`` of the folder."""
    chapters = Path(shutil.copytree(ROOT / "notebooks", folder / "notebooks"))
    program = "import sys; from lib.watch import main; sys.exit(main(['--out', sys.argv[1]], sys.argv[2]))"
    watch = subprocess.Popen([sys.executable, "-c", program, folder / "preview", chapters], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        ahead = {source.name for source in find_sources(chapters) if not source.runs_last}
        _until(lambda: ahead == {path.stem for path in folder.glob("preview/.rehearsal/results/*.json")})
        yield chapters
    finally:
        watch.terminate()
        watch.wait()


def saved_seconds(source, chapters, preview):
    """Seconds, with those of the loop just before, from saving that choice changed in a copy of the chapter to another page, and back."""
    name, value = changed(source)
    copy, page = chapters / source.path.name, preview / "html" / f"{source.name}.html"
    text = copy.read_text("utf-8")
    for saved in (re.sub(rf"^{name} = [^ ]+", f"{name} = {value}", text, count=1, flags=re.M), text):
        before, loop_s = page.read_bytes(), loop_seconds()
        start = time.perf_counter()
        copy.write_text(saved, encoding="utf-8")
        _until(lambda: page.read_bytes() != before)
        yield f"{time.perf_counter() - start:.1f} s (loop {loop_s:.1f})"
        time.sleep(IDLE_S)


def _until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("make watch has made no page")
        time.sleep(0.02)


def changed(source):
    """Name and another value of a chapter's first numeric choice."""
    name, value = next((name, value) for name, value in source.parameters.items() if isinstance(value, float | int) and not isinstance(value, bool))
    return name, "0.9" if name == "conf_level" else str(value * 2)


def timed(*arguments):
    """Seconds of a call of Python in the project's folder; its words end the benchmark where it fails."""
    start = time.perf_counter()
    run = subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stderr)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
