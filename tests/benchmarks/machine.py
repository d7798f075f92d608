"""What a benchmark's seconds were measured on: they tell nothing without it."""

import os
import platform
import time


def described():
    """Date, Python, cores and the seconds of a loop in plain Python, by which machines can be held against each other."""
    return f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {os.cpu_count()} cores, ten million squares added in {loop_seconds():.1f} s"


def loop_seconds():
    """Seconds of processor time."""
    start, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number * number
    return time.process_time() - start
