"""Kernels forked from a process that has imported everything already.

Importing pandas, lifelines and matplotlib costs more than most chapters' work. The standard library's fork server pays it
once; each chapter then gets a fork of that server, which has executed no cell: it holds modules and none of another
chapter's names. Notebooks come out byte for byte as from kernels started anew; the tests compare them.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing import forkserver, process, util

#: What chapters import, and what a kernel is made of; no module here keeps a thread or a clock.
PRELOADED = ("lib.preloaded",)


#: Names, for the server alone, the folder of the socket by which it is asked for forks; blank where the folder is not to be removed.
_SOCKET_FOLDER = "STUDY_SERVER_FOLDER"

#: Names, for the server alone, the modules that it imports.
_MODULES = "STUDY_SERVER_MODULES"

#: Letters of the folder for temporary files; a socket's path has 107 (``man 7 unix``), of which multiprocessing takes 32.
_LONGEST_FOLDER = 75

if _SOCKET_FOLDER in os.environ:
    # this is the server: the runner removes the folder, unless it is killed outright; the server ends after it, even then
    if folder := os.environ.pop(_SOCKET_FOLDER):
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the runner alone, which this process ends with
    gc.disable()  # here, not in its forks: hardly any of what is imported is garbage, and to look through it takes a second


def is_possible() -> bool:
    """Whether kernels can be forked here: on Linux, outside daemons, which may have no children, where a socket's path is not too long."""
    if sys.platform != "linux" or process.current_process().daemon:
        return False
    return _is_known() or len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER


def is_serving() -> bool:
    """Whether this process can have kernels forked: it, or the one it comes from, has started the server."""
    return is_possible() and _is_known()


def _is_known():
    return forkserver._forkserver._forkserver_address is not None


def begin_server(environment: dict, modules=PRELOADED) -> None:
    """Start the server, whose forks are the processes of later pools and kernels, unless it runs; it imports while its caller goes on.

    Parameters
    ----------
    environment : dict of str to str
        What must be set before Python starts or a library is imported: hash seed, numbers of threads.
    modules : sequence of str
        What it imports; a name that is no module, or one with a fault, is passed over: whoever imports it is told.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])
    environment = {**environment, _MODULES: " ".join(modules)}
    if not _is_known():
        # a folder that is there already is in use, perhaps by the process that started this one
        is_own = process.current_process()._config.get("tempdir") is None
        environment = {**environment, _SOCKET_FOLDER: util.get_temp_dir() if is_own else ""}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def end_server() -> None:
    """End the server that this process has started, with all that was asked of it while it still imported."""
    if (pid := forkserver._forkserver._forkserver_pid) is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        forkserver._forkserver._stop()


class ForkedKernel:
    """The process of a forked kernel, with the methods of `subprocess.Popen` that Jupyter asks for."""

    stdin = stdout = stderr = None

    def __init__(self, command, cwd, env):
        context = multiprocessing.get_context("forkserver")
        self._process = context.Process(target=_run_kernel, args=(list(command), str(cwd), dict(env)), daemon=True)
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        """Exit code, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout=None):
        """Wait for the end; the exit code."""
        self._process.join(timeout)
        return self._process.exitcode

    def send_signal(self, number):
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def share_server():
    """Have kernels of this process, a fork of the server, forked from that server too.

    The standard library knows the server's address here but not its process, and would start another, which has
    imported nothing.
    """
    if is_serving():
        forkserver._forkserver.ensure_running = _nothing


def _nothing():
    """The server is running as long as the process that started it."""


def end_with_parent():
    """End this process when the one that asked for it is gone, however that ended; the server stays while a fork of it lives."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_join_and_exit, args=(parent,), daemon=True).start()


def _join_and_exit(parent):
    parent.join()
    os._exit(1)


def _run_kernel(command, cwd, env):
    """Become the kernel that ``command`` would have started."""
    os.setsid()
    gc.enable()
    end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    tempfile.tempdir = None  # read anew from the environment
    sys.path[0:0] = [""] if sys.path[:1] != [""] else []
    sys.argv = ["ipykernel_launcher", *command[command.index("ipykernel_launcher") + 1:]]
    # a child of multiprocessing reads nothing from the terminal; a kernel's own messages go where its parent's go
    process.current_process()._config["daemon"] = False  # a cell may start processes of its own
    import matplotlib

    # already imported, so that the choice of an ipykernel for matplotlib would come too late
    matplotlib.rcParams["backend"] = os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    from ipykernel.kernelapp import IPKernelApp

    sys.modules.pop("__mp_main__", None)
    sys.modules["debugpy"] = None  # the debugger, which nobody uses here, would take half of the kernel's start to load
    kernel = IPKernelApp.instance()
    kernel.initialize()
    del sys.modules["debugpy"]
    kernel.start()


for _name in os.environ.pop(_MODULES, "").split():  # last: what is imported may import this module
    with suppress(Exception):
        importlib.import_module(_name)
