"""Files for download, written by forks of a chapter's process while it goes on.

Print files of a figure take longer than the figure that a page shows, and nothing in the chapter waits for them: on two
cores they cost a chapter that runs alone next to no time.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

#: Longest wait for a fork. Another thread may have held a lock when the process was forked, which nobody frees in the fork.
PATIENCE_S = 60
_SIGNAL_WHEN_PARENT_ENDS = 1  # PR_SET_PDEATHSIG of prctl(2)


class Aside:
    """Work that nobody waits for until `finish`: one fork at a time does what has gathered since the last.

    A fork holds what this process held at that moment, figures and fonts included. What a fork does not finish, because it
    failed, hung or was killed, is done again here, so that an error is raised as it is. Where processes are not forked
    safely (other systems than Linux), and where ``STUDY_AT_ONCE`` is set since no core is free, all work is done at once.

    Parameters
    ----------
    patience_s : float
        Longest wait for a fork.
    """

    def __init__(self, patience_s: float = PATIENCE_S):
        self._waiting, self._begun, self._at_once = [], [], sys.platform != "linux" or "STUDY_AT_ONCE" in os.environ
        self._pid, self._patience_s = None, patience_s

    def do(self, function, *arguments) -> None:
        """Have a call made aside that may be made twice; its value is dropped, its error is raised by a later `do` or by `finish`."""
        if self._at_once:
            function(*arguments)
            return
        self._waiting.append((function, arguments))
        if self._pid is None or self._has_ended():
            self._collect()
            self._fork()

    def finish(self) -> None:
        """Return when all that was asked for is done; what is asked for later is done at once."""
        self._at_once = True
        waiting, self._waiting = self._waiting, []
        _work(waiting)
        self._collect()

    def _fork(self):
        self._begun, self._waiting = self._waiting, []
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            _work_and_exit(self._begun, parent)
        self._pid = pid

    def _has_ended(self):
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _collect(self):
        if self._pid is None:
            return
        end = time.monotonic() + self._patience_s
        while not self._has_ended() and time.monotonic() < end:
            time.sleep(0.005)
        os.kill(self._pid, signal.SIGKILL)  # of one that has ended nothing is left to kill
        _, status = os.waitpid(self._pid, 0)
        begun, self._begun, self._pid = self._begun, [], None
        if status:
            _work(begun)


def _work(calls):
    for function, arguments in calls:
        function(*arguments)


def _work_and_exit(calls, parent):
    """Do the work of a fork, unless its parent ends before, and leave without a trace of the process that it was."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_SIGNAL_WHEN_PARENT_ENDS, signal.SIGKILL)
        if os.getppid() == parent:
            _work(calls)
            code = 0
    finally:
        os._exit(code)
