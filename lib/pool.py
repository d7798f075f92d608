"""Chapters executed side by side, in a pool of processes."""

import multiprocessing
import os
from concurrent.futures import CancelledError, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from lib.execute import ChapterError, execute_chapter, prepare_worker
from lib.preheated import is_serving


def execute_all(sources, changes, staging, timeout_s, n_processes, preheated=True):
    """Execute chapters in a pool of processes, the longest first, those that need the others after them.

    Raises
    ------
    lib.execute.ChapterError
        One line for each chapter that failed.
    """
    n_processes = max(1, min(n_processes, len(sources)))
    # forks of the server that the caller has begun, or started anew; a fork of this process would inherit its event loops
    context = multiprocessing.get_context("forkserver" if preheated and is_serving() else "spawn")
    with (
        tqdm(total=len(sources), desc="chapters", unit="chapter", disable=None) as bar,
        ProcessPoolExecutor(n_processes, context, prepare_worker, (staging, dict(os.environ))) as pool,
    ):
        for last in (False, True):
            ready = sorted((source for source in sources if source.runs_last is last), key=lambda source: source.turn)
            jobs = {_submit(pool, source, changes, staging, timeout_s): source for source in ready}
            failures = []
            for job in as_completed(jobs):
                if failure := _failure(job, jobs[job].name):
                    failures.append(failure)
                    pool.shutdown(wait=False, cancel_futures=True)
                else:
                    bar.set_postfix_str(jobs[job].name)
                    bar.update()
            if failures:
                raise ChapterError("\n".join(failures))


def _submit(pool, source, changes, staging, timeout_s):
    target = staging / "notebooks" / f"{source.name}.ipynb"
    return pool.submit(execute_chapter, source.path, target, changes.get(source.name, {}), timeout_s)


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
