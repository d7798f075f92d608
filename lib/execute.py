"""One chapter executed headless by papermill, in a process of its own."""

import gc
import logging
import os
import signal
import sys
from collections import deque
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest
from pathlib import Path
from uuid import uuid4

import nbformat
import papermill
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from lib import preheated
from lib.environment import set_environment
from lib.normal_form import normalise, write_notebook
from lib.notebooks import read_source, without_publication


class ChapterError(RuntimeError):
    """A chapter did not run to its end; the message names its cell and the error."""


class _ForkedKernelProvisioner(LocalProvisioner):
    """A kernel of this machine whose process is a fork of the run's server."""

    async def launch_kernel(self, cmd, **kwargs):
        self.process = preheated.ForkedKernel(cmd, kwargs.get("cwd") or os.getcwd(), kwargs.get("env") or os.environ)
        self.pid, self.pgid = self.process.pid, None
        return self.connection_info


class _Client(AsyncKernelClient):
    """Opens its channels and waits for the kernel's answer once, however often it is told to."""

    _is_ready = False

    def start_channels(self, *channels, **named):
        if not self._is_ready:
            super().start_channels(*channels, **named)

    async def wait_for_ready(self, timeout=None):
        if not self._is_ready:
            await super().wait_for_ready(timeout)
        self._is_ready = True


class _ThisPythonKernelManager(AsyncKernelManager):
    """Starts the Python that runs this program, or forks one that has imported what chapters need.

    A kernelspec named ``python3`` of another Python, in a user's folder or on ``JUPYTER_PATH``, would come first.

    On Linux they talk over sockets that have a name and neither a port nor a file (``man 7 unix``, "abstract"). A free
    TCP port, looked up here and bound by the kernel a second later, may by then be another program's: the kernel dies.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.client_factory, self._client = _Client, None
        if sys.platform == "linux":
            self.transport, self.ip = "ipc", f"@kernel-{uuid4()}"

    async def _async_pre_start_kernel(self, **kwargs):
        if self.provisioner is None and preheated.is_serving():
            self.kernel_id = self.kernel_id or str(uuid4())
            self.provisioner = _ForkedKernelProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**kwargs)

    def client(self, **kwargs):
        self._client = self._client or super().client(**kwargs)
        return self._client

    def end(self):
        """End the kernel at once, without waiting for it, and close what it is spoken to by, with its thread and sockets."""
        run_sync(self.signal_kernel)(signal.SIGKILL)
        run_sync(self._async_cleanup_resources)()
        if self._client is not None:
            self._client.stop_channels()

    @property
    def kernel_spec(self):
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=CRITICAL"]
        return KernelSpec(argv=argv, display_name="Python 3 (ipykernel)", language="python")


def prepare_worker(folder, environment):
    """Set a pool worker's environment, which its kernels inherit, and end the worker when its parent is gone.

    Ctrl-C is for the parent alone, which then ends this process.

    Parameters
    ----------
    folder : path-like
        Where the chapters write; IPython's and Jupyter's own files go there too, so that neither a user's
        start-up scripts nor leftovers in a home directory play a part.
    environment : dict of str to str
        The runner's; a fork of a server has that of the time when the server was started.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.enable()  # off in the server
    os.environ.clear()
    os.environ.update(environment)
    set_environment(folder)
    preheated.end_with_parent()
    preheated.share_server()


_waiting = deque()  # managers of kernels that were started before their chapter's turn


def start_kernel(folder):
    """Start the kernel for the next chapter that this process executes, and wait until it answers.

    Parameters
    ----------
    folder : path-like
        The chapter's, which is the kernel's working directory.
    """
    client = _begin_kernel(folder)
    client.start_new_kernel_client()
    _waiting.append(client.km)


def _begin_kernel(folder, environment=None):
    client = NotebookClient(nbformat.v4.new_notebook(), kernel_manager_class=_ThisPythonKernelManager)
    client.create_kernel_manager()
    client.start_new_kernel(cwd=str(folder), env={**os.environ, **(environment or {})})
    return client


@contextmanager
def _kernel():
    """What papermill is told of a chapter's kernel: the one that waits, ended afterwards, or how to start and end one."""
    manager = _waiting.popleft() if _waiting else None
    if manager is None or not run_sync(manager.is_alive)():
        # its last cell has run and its files are closed; taking down what is loaded takes a second
        yield {"kernel_manager_class": _ThisPythonKernelManager, "shutdown_kernel": "immediate"}
        return
    try:
        yield {"km": manager}
    finally:
        manager.end()


def execute_in_turn(jobs, timeout_s, environment, first):
    """Execute chapters one after another; the kernel of each starts while the one before it runs.

    Parameters
    ----------
    jobs : list of (path-like, path-like, dict)
        What `execute_chapter` is given for each: its file, the notebook to write, and changed parameters.
    timeout_s : float
        Longest time that one cell may take.
    environment : dict of str to str
        What kernels find in theirs besides what they inherit.
    first : callable
        What must be done before the first chapter; its kernel starts meanwhile. When it raises, no chapter is executed.

    Raises
    ------
    ChapterError
        As `execute_chapter` does; later chapters are not executed.
    """
    try:
        steps = [first, *(partial(execute_chapter, *job, timeout_s) for job in jobs)]
        for step, following in zip_longest(steps, jobs):
            if following:
                _waiting.append(_begin_kernel(Path(following[0]).parent, environment).km)
            step()
    finally:
        while _waiting:
            _waiting.popleft().end()


def execute_chapter(source, target, parameters, timeout_s):
    """Execute a chapter and write the finished notebook.

    Parameters
    ----------
    source : path-like
        The chapter's py:percent file; its folder is the working directory.
    target : path-like
        The ``.ipynb`` to write; untouched unless every cell ran.
    parameters : dict of str to object
        Values that differ from the parameters cell; all must be names that the chapter has.
    timeout_s : float
        Longest time that one cell may take.

    Raises
    ------
    ChapterError
        When a cell raises or takes too long, or the kernel dies.
    """
    source = Path(source)
    started = []
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # of a timeout it says what the error below says better
    notebook = read_source(source)
    if _is_own(parameters.get("cohort", "reference")):
        notebook = without_publication(notebook)
    try:
        with _kernel() as kernel:
            executed = papermill.execute_notebook(
                notebook,
                None,
                parameters=parameters,
                cwd=source.parent,
                progress_bar=False,
                execution_timeout=timeout_s,
                on_cell_start=lambda cell, cell_index: started.append(_place(cell, cell_index)),
                **kernel,
            )
    except PapermillExecutionError as error:
        raise ChapterError(f"{source.stem}, {started[-1]}: {error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise ChapterError(f"{source.stem}, {started[-1]}: took longer than {timeout_s:g} s and was stopped; --timeout allows more.") from None
    except RuntimeError as error:  # a kernel that dies, or never answers, before its first cell has no class of its own
        if started and not isinstance(error, DeadKernelError):
            raise
        where = started[-1] if started else "before its first cell"
        raise ChapterError(f"{source.stem}, {where}: the kernel died ({error}).") from None
    _refuse_unfinished(executed, source.stem)
    write_notebook(normalise(executed), target)


def _is_own(cohort):
    """Whether the chapter reads a reader's own patients."""
    if cohort == "reference":
        return False
    from lib.cohort import is_ours  # pandas takes a moment to load, which the published analysis need not wait

    return not is_ours(cohort)


def _refuse_unfinished(notebook, name):
    """Papermill marks every cell completed even where the kernel died; only a count proves that a cell ran."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            raise ChapterError(f"{name}, {_place(cell, index)}: never ran.")


def _place(cell, index):
    first_line = cell.source.strip().partition("\n")[0]
    return f"cell {index + 1} ({first_line})"
