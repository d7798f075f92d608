"""Chapters computed ahead of their first change, while nothing else is to do, for what `lib.kept` keeps of them."""

import multiprocessing
import os
import runpy
import shutil
import signal
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress

from lib import REHEARSAL
from lib.execute import prepare_worker
from lib.preheated import is_serving


class Rehearsal:
    """A fork of the run's server that computes and draws chapters, the longest first.

    Parameters
    ----------
    folder : pathlib.Path
        For what the chapters write, which nobody reads.
    """

    def __init__(self, folder):
        self._folder, self._known, self._process = folder, set(), None

    def begin(self, sources):
        """Go through the chapters that were not yet; those that read the others' results have little of their own."""
        waiting = sorted((each for each in sources if not each.runs_last and each.name not in self._known), key=lambda source: source.turn)
        if waiting and is_serving():
            context = multiprocessing.get_context("forkserver")
            self._process = context.Process(target=_rehearse, args=([each.path for each in waiting], self._folder, dict(os.environ)))
            with _signals_wait():  # a process whose start is broken off is not known, and could not be ended
                (self._folder / "results").mkdir(parents=True, exist_ok=True)
                self._process.start()

    def leave_out(self, sources):
        """These chapters were executed."""
        self._known.update(source.name for source in sources)

    def end(self):
        """Break it off; a chapter that was not finished begins anew the next time."""
        process, self._process = self._process, None
        if process is not None and process.is_alive():  # of one that ended long ago the number may be another's
            process.kill()
            process.join()
        self._known.update(path.stem for path in self._folder.glob("results/*.json"))
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def _signals_wait():
    """What would end the watch waits for the block's end."""
    came = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _rehearse(paths, folder, environment):
    os.nice(19)
    prepare_worker(folder, environment)
    os.environ[REHEARSAL] = os.environ["STUDY_AT_ONCE"] = "1"
    import matplotlib

    matplotlib.use("agg")
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        for path in paths:
            os.chdir(path.parent)
            with suppress(Exception):  # told where the chapter is executed for its page
                runpy.run_path(str(path), run_name="__main__")
