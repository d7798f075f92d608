"""Run many independent tasks, keep each result as soon as it is there, and go on where an earlier run stopped.

A process pool of this machine by default; a Dask cluster where a scheduler's address is given. Results are written
by the process that calls, one file a task, complete or not at all: a task whose file exists is done, so no task is
lost when a worker dies, and none is done twice.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pandas as pd

SETTINGS = "settings.json"
MOST_LOSSES = 3
"""Times in a row that the workers may die before a single task is finished."""


class ExecutorError(RuntimeError):
    """The workers died again and again, or the scheduler cannot be reached; the message names the remedy."""


def run_tasks(work: Callable[[str], pd.DataFrame], tasks: Sequence[str], folder: str | Path, *, processes: int = 1,
              scheduler: str | None = None, settings: dict | None = None,
              report: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Do every task whose result is not yet in the folder.

    Parameters
    ----------
    work : callable
        Makes a task's table from its name; importable where the workers run, and its own source of randomness.
    tasks : sequence of str
        Names, each a valid file name, none twice.
    folder : path
        Made where it is missing; holds ``<task>.parquet`` for each finished task.
    processes : int
        Workers of this machine; without effect where a scheduler is given.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://127.0.0.1:8786``.
    settings : dict, optional
        What the results depend on besides the tasks' names, kept beside them: a folder of other settings is refused.
    report : callable
        Is told of each finished task.

    Returns
    -------
    list of Path
        The tasks' files, in the tasks' order.

    Raises
    ------
    ValueError
        If a task is named twice.
    ExecutorError
        If workers die `MOST_LOSSES` times without finishing anything, the scheduler does not answer, or the folder
        holds results of other settings. What was finished stays.
    """
    if len(set(tasks)) != len(tasks):
        raise ValueError("A task is named twice; every seed may be asked for once.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = {task: folder / f"{task}.parquet" for task in tasks}
    if settings is not None:
        _keep_to_settings(settings, folder)
    missing = [task for task in tasks if not files[task].exists()]
    finished = _on_cluster(work, missing, scheduler) if scheduler else _on_this_machine(work, missing, processes)
    for number, (task, table) in enumerate(finished, 1):
        write_whole(table, files[task])
        report(f"{number} of {len(missing)}: {task}")
    return [files[task] for task in tasks]


def _keep_to_settings(settings: dict, folder: Path) -> None:
    """Note the settings of a new folder; refuse one that was begun with others."""
    note, wanted = folder / SETTINGS, json.dumps(settings, sort_keys=True)
    begun = note.read_text(encoding="utf-8") if note.exists() else "" if any(folder.glob("*.parquet")) else wanted
    if begun != wanted:
        raise ExecutorError(f"{folder} holds results of other settings ({begun or 'not noted'}) than asked for "
                            f"({wanted}); remove it, or name another folder.")
    note.write_text(wanted, encoding="utf-8")


def write_whole(table: pd.DataFrame, path: Path) -> None:
    """Write a parquet file that is complete from the moment it has its name.

    Parameters
    ----------
    table : DataFrame
    path : Path
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    table.to_parquet(unfinished, index=False, compression="zstd")
    os.replace(unfinished, path)


def _on_this_machine(work: Callable, tasks: Sequence[str], processes: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Finished tasks from a pool, which is started anew with the rest when a worker is killed."""
    left, losses = list(tasks), 0
    while left:
        # spawned: a fork would carry over the caller's threads
        with ProcessPoolExecutor(min(processes, len(left)), multiprocessing.get_context("spawn")) as pool:
            futures = {pool.submit(work, task): task for task in left}
            for future in as_completed(futures):
                try:
                    table = future.result()
                except BrokenProcessPool:
                    losses += 1
                    break
                losses = 0
                left.remove(futures[future])
                yield futures[future], table
        if losses == MOST_LOSSES:
            raise ExecutorError(f"Workers died {losses} times in a row with {len(left)} tasks left, perhaps for want "
                                "of memory; run with fewer processes. Finished tasks are kept.")


def _on_cluster(work: Callable, tasks: Sequence[str], scheduler: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Finished tasks from a Dask cluster, which gives a dead worker's tasks to the others."""
    from distributed import Client
    from distributed import as_completed as as_dask_completes

    try:
        client = Client(scheduler, timeout="10s", set_as_default=False)
    except OSError as error:
        raise ExecutorError(f"No Dask scheduler answers at {scheduler}; start one with "
                            "'dask scheduler' and give its address.") from error
    with client:
        # the task's name as key: a task asked for again is the same task to the scheduler
        futures = {client.submit(work, task, key=f"reconstruct-{task}", retries=MOST_LOSSES): task for task in tasks}
        for future in as_dask_completes(futures, loop=client.loop):
            yield futures[future], future.result()
            future.release()
