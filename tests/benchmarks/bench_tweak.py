"""How long a tweak takes: each cell run again in a live kernel, and a changed parameter until its page is there.

Run with ``.venv/bin/python tests/benchmarks/bench_tweak.py`` once ``make`` has run; wanted are a median cell under 0.2 s,
none over 2 s, and a page within 6 s. *All* is what a change takes in an open notebook. Both ways of the README to a page are
timed, each a command that starts with nothing loaded: ``lib.run -p`` for the chapter alone, and, after an edit of its
``.py``, ``make``, which also executes chapter 5 and makes all pages. The first is measured with ``build/`` there, from which chapter 5
takes the chapters that it reads.
"""

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import start_new_kernel

from lib.notebooks import find_sources, read_source

ROOT = Path(__file__).resolve().parents[2]


def main():
    """Print one line a chapter, and the load before each."""
    print(f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        chapters = Path(shutil.copytree(ROOT / "notebooks", Path(folder) / "notebooks"))
        make(chapters, Path(folder) / "build")
        for source in find_sources(ROOT / "notebooks"):
            load = os.getloadavg()[0]
            cells = rerun_seconds(source)
            print(
                f"{source.name:18} load {load:.1f}; cells run again: median {statistics.median(cells):.2f} s, "
                f"longest {max(cells):.2f} s, all {sum(cells):.1f} s; changed parameter to page: lib.run -p {page_seconds(source):.1f} s, "
                f"edited and make {edited_seconds(source, chapters, Path(folder) / 'build'):.1f} s",
                flush=True,
            )


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


def edited_seconds(source, chapters, build):
    """Seconds of what ``make`` does after that choice was changed in a copy of the chapter; the copy is then as it was, and made."""
    name, value = changed(source)
    copy = chapters / source.path.name
    text, page = copy.read_text("utf-8"), build / "html" / f"{source.name}.html"
    before = page.read_bytes()
    copy.write_text(re.sub(rf"^{name} = [^ ]+", f"{name} = {value}", text, count=1, flags=re.M), encoding="utf-8")
    seconds = make(chapters, build)
    assert page.read_bytes() != before, page
    copy.write_text(text, encoding="utf-8")
    make(chapters, build)
    return seconds


def changed(source):
    """Name and another value of a chapter's first numeric choice."""
    name, value = next((name, value) for name, value in source.parameters.items() if isinstance(value, float | int) and not isinstance(value, bool))
    return name, "0.9" if name == "conf_level" else str(value * 2)


def make(chapters, build):
    """Seconds of ``make`` on a folder of chapters."""
    return timed("-c", "import sys; from lib.run import main; main(['--changed', '--out', sys.argv[1]], sys.argv[2])", build, chapters)


def timed(*arguments):
    """Seconds of a call of Python in the project's folder; its words end the benchmark where it fails."""
    start = time.perf_counter()
    run = subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stderr)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
