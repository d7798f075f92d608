"""How long a tweak takes: each cell run again in a live kernel, and a changed parameter until its page is there.

Run with ``.venv/bin/python tests/benchmarks/bench_tweak.py``; wanted are a median cell under 0.2 s, none over
2 s, and a page within 6 s. A page is made by a command that starts with nothing loaded; *all* is what the same change
takes in an open notebook. Chapter 5 brings along the chapters that it reads.
"""

import os
import platform
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
    for source in find_sources(ROOT / "notebooks"):
        load = os.getloadavg()[0]
        cells = rerun_seconds(source)
        print(
            f"{source.name:18} load {load:.1f}; cells run again: median {statistics.median(cells):.2f} s, "
            f"longest {max(cells):.2f} s, all {sum(cells):.1f} s; changed parameter to page {page_seconds(source):.1f} s",
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
    name, value = next((name, value) for name, value in source.parameters.items() if isinstance(value, float | int) and not isinstance(value, bool))
    changed = "0.9" if name == "conf_level" else str(value * 2)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run = subprocess.run([sys.executable, "-m", "lib.run", "-p", name, changed, source.name, "--out", folder], cwd=ROOT, capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(run.stderr)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
