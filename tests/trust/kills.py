"""A runner killed outright at random moments: are its outputs whole, is nothing left running, does a rerun complete?"""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from lib.run import main; sys.exit(main(sys.argv[2:], sys.argv[1]))"

#: Found in the environment of every process that a trial has started, whoever its parent is by now.
MARK = "STUDY_TRIAL"

#: Longest that a kernel may take to notice that its runner is gone.
LINGER_S = 30

CHAPTER = '''\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A question?

# %% tags=["parameters"]
cohort = "reference"
conf_level = 0.95

# %%
import matplotlib.pyplot as plt
import pandas as pd

from lib.narrative import Chapter

chapter = Chapter("{name}", None, cohort=cohort, conf_level=conf_level)

# %%
fig, ax = plt.subplots()
ax.plot([0, 1], [0, 1])
chapter.figure(fig, "{number}.1", caption="A line.", alt="A line that rises.")

# %%
chapter.table(pd.DataFrame({{"Group": ["a", "b"], "n": [1, 2]}}), "{number}.1", caption="Two groups.")
chapter.hand_on()
'''


def write_chapters(folder):
    """Two small chapters, each with a figure and a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in ((1, "01_a"), (2, "02_b")):
        (folder / f"{name}.py").write_text(CHAPTER.format(name=name, number=number), encoding="utf-8")
    return folder


def start(chapters, out, *more, mark=None, limit=None, **environment):
    """A run in a process of its own; ``limit`` is called in it before it begins."""
    marked = {MARK: mark} if mark else {}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(chapters), "--out", str(out), *more], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, preexec_fn=limit, env=os.environ | marked | environment)


def running(mark):
    """Processes that a trial has started and that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


def lingering(mark, seconds=LINGER_S):
    """Those that are still there after a patient wait."""
    end = time.monotonic() + seconds
    while (left := running(mark)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def files_of(out):
    """Relative path to content of each file below the output folder but the lock and what a run works in."""
    paths = (path for path in Path(out).rglob("*") if path.is_file())
    relative = {path.relative_to(out): path for path in paths}
    return {str(name): path.read_bytes() for name, path in relative.items() if name.parts[0] != ".staging" and name.name != ".lock"}


def kills(folder, n_kills, seed=1):
    """Kill a run at moments drawn over its whole length, and look after each.

    Parameters
    ----------
    folder : pathlib.Path
        Empty; chapters, outputs and temporary files go here.
    n_kills : int
    seed : int
        Of the moments.

    Returns
    -------
    figures : dict
        ``kills``, those ``while_running`` (the others came when the run had just ended), and ``seed``.
    faults : list of str
        One sentence for each thing that was not as it should be.
    """
    chapters, out, temporary = write_chapters(folder / "chapters"), folder / "out", folder / "tmp"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary)}
    began = time.monotonic()
    first = start(chapters, out, **environment)
    if first.wait():
        raise RuntimeError(first.stderr.read())
    length, before, faults, hits = time.monotonic() - began, files_of(out), [], 0
    for trial, share in enumerate(_moments(n_kills, seed), start=1):
        mark = uuid.uuid4().hex
        runner = start(chapters, out, mark=mark, **environment)
        time.sleep(share * length)
        hits += runner.poll() is None
        runner.send_signal(signal.SIGKILL)
        runner.communicate()
        where = f"kill {trial}, after {share:.0%} of a run"
        faults += [f"{where}: {process.name()} was left running" for process in lingering(mark)]
        now = files_of(out)
        faults += [f"{where}: {name} is not whole" for name in sorted(before) if now.get(name) != before[name]]
        rerun = start(chapters, out, **environment)
        said = rerun.communicate(timeout=300)[1]
        faults += [f"{where}: the run after it ended with {rerun.returncode}: {said}"] if rerun.returncode else []
        faults += [f"{where}: the run after it gave other files"] if files_of(out) != before else []
        faults += [f"{where}: {path.name} was left in {path.parent.name}" for path in [*temporary.iterdir(), *out.glob(".staging*")]]
    return {"kills": n_kills, "while_running": hits, "seed": seed}, faults


def _moments(n_kills, seed):
    """Shares of a run's length, one drawn from each of as many equal parts."""
    draw = random.Random(seed)
    moments = [(part + draw.random()) / n_kills for part in range(n_kills)]
    draw.shuffle(moments)
    return moments
