"""Files for download, and what a preview shows, made by forks of a chapter's process while it goes on.

Print files of a figure take longer than the figure that a page shows, and nothing in the chapter waits for them: on two
cores they cost a chapter that runs alone next to no time.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time

#: Longest wait for a fork. Another thread may have held a lock when the process was forked, which nobody frees in the fork.
PATIENCE_S = 60
_SIGNAL_WHEN_PARENT_ENDS = 1  # PR_SET_PDEATHSIG of prctl(2)


class Aside:
    """Work that nobody waits for until `finish`: one fork at a time does what has gathered since the last.

    A fork holds what this process held at that moment, figures and fonts included. When this process comes to `finish` it
    takes its share of what the fork has not begun. What a fork does not finish, because it failed, hung or was killed, is
    done again here, so that an error is raised as it is. Where processes are not forked safely (other systems than Linux),
    and where ``STUDY_AT_ONCE`` is set since no core is free, all work is done at once.

    Parameters
    ----------
    patience_s : float
        Longest wait for a fork.
    """

    def __init__(self, patience_s: float = PATIENCE_S):
        self._waiting, self._fork, self._at_once = [], None, sys.platform != "linux" or "STUDY_AT_ONCE" in os.environ
        self._patience_s = patience_s

    def do(self, function, *arguments) -> None:
        """Have a call made aside that may be made twice; its value is dropped, its error is raised by a later `do` or by `finish`."""
        if self._at_once:
            function(*arguments)
            return
        self._waiting.append((function, arguments))
        if self._fork is None or self._fork.has_ended():
            self._collect()
            calls, self._waiting = self._waiting[:_Fork.MOST], self._waiting[_Fork.MOST:]
            self._fork = _Fork(calls)

    def finish(self) -> None:
        """Return when all that was asked for is done; what is asked for later is done at once."""
        self._at_once = True
        waiting, self._waiting = self._waiting, []
        for function, arguments in waiting:
            function(*arguments)
        if self._fork is not None:
            self._fork.share()
        self._collect()

    def _collect(self):
        fork, self._fork = self._fork, None
        if fork is not None:
            fork.finish(self._patience_s)


class _Fork:
    """A fork of this process that makes some calls.

    Their numbers lie in a pipe, one byte each; whoever has read a number makes that call. The numbers of those made come
    back by a second pipe.
    """

    MOST = 256

    def __init__(self, calls):
        self._calls, self._made_here = calls, set()
        self._to_make, numbers = os.pipe()
        os.write(numbers, bytes(range(len(calls))))
        os.close(numbers)
        self._made, made = os.pipe()
        parent, self.pid = os.getpid(), os.fork()
        if self.pid == 0:
            self._work_and_exit(made, parent)
        os.close(made)

    def has_ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def share(self):
        """Make, here, the calls that the fork has not begun."""
        for number in self._numbers():
            self._make(number)
            self._made_here.add(number)

    def finish(self, patience_s):
        """Wait for the fork's end and make, here, the calls that it has not made."""
        end = time.monotonic() + patience_s
        while not self.has_ended() and time.monotonic() < end:
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)  # of one that has ended nothing is left to kill
        os.waitpid(self.pid, 0)
        made = self._made_here.union(os.read(self._made, self.MOST))
        os.close(self._to_make)
        os.close(self._made)
        for number in range(len(self._calls)):
            if number not in made:
                self._make(number)

    def _numbers(self):
        while number := os.read(self._to_make, 1):
            yield number[0]

    def _make(self, number):
        function, arguments = self._calls[number]
        function(*arguments)

    def _work_and_exit(self, made, parent):
        """Do the work of a fork, unless its parent ends before, and leave without a trace of the process that it was."""
        try:
            ctypes.CDLL(None).prctl(_SIGNAL_WHEN_PARENT_ENDS, signal.SIGKILL)
            gc.disable()  # a fork does not live long enough for its garbage to matter
            if os.getppid() == parent:
                for number in self._numbers():
                    self._make(number)
                    os.write(made, bytes([number]))
        finally:
            os._exit(0)
