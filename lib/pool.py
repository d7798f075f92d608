"""Chapters executed side by side, in a pool of processes."""

import multiprocessing
import os
from concurrent.futures import CancelledError, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from lib.execute import ChapterError, execute_chapter, prepare_worker, start_kernel
from lib.preheated import is_serving


def execute_all(sources, changes, staging, timeout_s, n_processes, preheated=True):
    """Execute chapters in a pool of processes, the longest first, those that need the others after them.

    Raises
    ------
    lib.execute.ChapterError
        One line for each chapter that failed.
    """
    with Workers(staging, min(n_processes, len(sources)), preheated) as workers:
        workers.execute(sources, changes, timeout_s)


class Workers:
    """Processes that execute chapters and write to one folder.

    Parameters
    ----------
    staging : pathlib.Path
    n_processes : int
        Most of them at a time; one is started when there is work for it.
    preheated : bool
        Whether they are forks of the server that the caller has begun, if so.
    """

    def __init__(self, staging, n_processes, preheated=True):
        self.staging = staging
        # forks of the server that the caller has begun, or started anew; a fork of this process would inherit its event loops
        context = multiprocessing.get_context("forkserver" if preheated and is_serving() else "spawn")
        self._pool = ProcessPoolExecutor(max(1, n_processes), context, prepare_worker, (staging, dict(os.environ)))
        self._processes = self._pool._processes  # the pool forgets them when it is shut down, while they still work

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        if kind is not None and not issubclass(kind, ChapterError):  # Ctrl-C, most likely: nothing that still runs is wanted
            for process in list(self._processes.values()):
                process.kill()
        self._pool.shutdown(cancel_futures=True)

    def start_kernel(self, folder):
        """Have a worker start a kernel for a chapter of a folder, which is not known yet; return at once."""
        self._pool.submit(start_kernel, folder)

    def execute(self, sources, changes, timeout_s):
        """Execute chapters as `execute_all` does; after one that failed these workers take no others."""
        with tqdm(total=len(sources), desc="chapters", unit="chapter", disable=None) as bar:
            for last in (False, True):
                ready = sorted((source for source in sources if source.runs_last is last), key=lambda source: source.turn)
                jobs = {self._submit(source, changes.get(source.name, {}), timeout_s): source for source in ready}
                if not last and 0 < len(ready) < len(sources):
                    self.start_kernel(sources[0].path.parent)  # for the chapter that waits for all of these: who has nothing else to do has time for that
                for job in as_completed(jobs):
                    if _failure(job, jobs[job].name):
                        break
                    bar.set_postfix_str(jobs[job].name)
                    bar.update()
                else:
                    continue
                # what is under way ends; what is called off would be waited for for ever. Not by shutting the pool down: Python
                # takes its thread for ended when Ctrl-C interrupts that (https://github.com/python/cpython/issues/90882)
                wait([job for job in jobs if not job.cancel()])
                raise ChapterError("\n".join(sorted(filter(None, (_failure(job, source.name) for job, source in jobs.items())))))

    def _submit(self, source, parameters, timeout_s):
        return self._pool.submit(execute_chapter, source.path, self.staging / "notebooks" / f"{source.name}.ipynb", parameters, timeout_s)


def _failure(job, name):
    """Why a finished job failed, in one sentence; empty for success and for a job called off after another's failure."""
    try:
        job.result()
    except CancelledError:
        return ""
    except ChapterError as error:
        return str(error)
    except BrokenProcessPool:
        return f"{name}: the process executing it was ended from outside."
    return ""
