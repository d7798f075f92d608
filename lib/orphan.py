"""A program that ends with the one that started it: ``python -m lib.orphan MODULE ARGUMENTS``.

A runner that is killed outright cannot end the processes it has started; they must notice by themselves.
"""

import os
import runpy
import sys
import threading
import time

#: Seconds between two looks at whether the parent is still there.
PATIENCE_S = 0.2


def end_with_parent():
    """End this process soon after its parent has ended, however that came about."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(PATIENCE_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
