"""Files for download, written by forks of a chapter's process while it goes on.

Print files of a figure take longer than the figure that a page shows, and nothing in the chapter waits for them: on two
cores they cost a chapter that runs alone next to no time.
"""

from __future__ import annotations

import os
import pickle
import sys


class Aside:
    """Work that nobody waits for until `finish`: one fork at a time does what has gathered since the last.

    A fork holds what this process held at that moment, figures and fonts included. Where processes are not forked
    safely (other systems than Linux), all work is done at once.
    """

    def __init__(self):
        self._waiting, self._at_once = [], sys.platform != "linux"
        self._pid = self._answer = None

    def do(self, function, *arguments) -> None:
        """Have a call made aside; its value is dropped, its error is raised by a later `do` or by `finish`."""
        if self._at_once:
            function(*arguments)
            return
        self._waiting.append((function, arguments))
        if self._pid is None or self._has_ended():
            self._collect()
            self._fork()

    def finish(self) -> None:
        """Return when all that was asked for is done; what is asked for later is done at once.

        Raises
        ------
        Exception
            The first error of a fork.
        """
        self._at_once = True
        waiting, self._waiting = self._waiting, []
        for function, arguments in waiting:
            function(*arguments)
        self._collect()

    def _fork(self):
        work, self._waiting = self._waiting, []
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _work_and_exit(work, writing)
        os.close(writing)
        self._pid, self._answer = pid, reading

    def _has_ended(self):
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _collect(self):
        if self._pid is None:
            return
        with open(self._answer, "rb") as pipe:
            error = pipe.read()
        _, status = os.waitpid(self._pid, 0)
        self._pid = self._answer = None
        if error:
            raise pickle.loads(error)  # written by our own fork
        if status:
            raise RuntimeError("the process that wrote files for download was ended from outside.")


def _work_and_exit(work, writing):
    """Do the work of a fork, and leave without a trace of the process that it was."""
    code = 1
    try:
        for function, arguments in work:
            function(*arguments)
        code = 0
    except BaseException as error:  # told to the process that waits
        os.write(writing, pickle.dumps(error))
    finally:
        os._exit(code)
