"""A pytest plug-in that tries mutants: tests are collected once, then each mutant meets, in a process of its own, those that reach it.

Of these the quickest come first, and the first that fails ends the process. Modules stay imported from mutant to mutant;
what they and the fixtures have computed does not, because the process that forks has run no test.
"""

import functools
import gc
import json
import os
import resource
import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest

#: What became of a mutant, by the exit code of its process; a signal means that it ran out of time.
KILLED, SURVIVED, NOT_REACHED = 1, 0, 33


def pytest_addoption(parser):
    parser.addoption("--mutants", metavar="FILE", help="a JSON list of the mutants to try; what became of each is written beside it")


def pytest_runtestloop(session):
    """In place of pytest's own loop."""
    file = Path(session.config.getoption("--mutants"))
    clean = file.with_suffix(".clean.json")
    if _forked(lambda: _run_clean(session, clean), 600):
        raise pytest.UsageError(f"the tests fail without a mutant: {clean.read_text('utf-8') if clean.is_file() else 'no account'}")
    measured = json.loads(clean.read_text("utf-8"))
    reached, seconds = measured["reached"], measured["seconds"]
    found = {}
    for mutant in json.loads(file.read_text("utf-8")):
        function = mutant.partition("__mutmut_")[0]
        items = sorted((item for item in session.items if function in reached[item.nodeid]), key=lambda item: seconds[item.nodeid])
        limit = 3 + 10 * sum(seconds[item.nodeid] for item in items)
        found[mutant] = _forked(lambda items=items, mutant=mutant: _run_mutant(session, mutant, items, seconds), limit) if items else NOT_REACHED
        file.with_suffix(".found.json").write_text(json.dumps(found), encoding="utf-8")
    return True


def _forked(work, cpu_seconds):
    """The exit code of ``work`` in a child process; negative when it ran out of CPU time or hung."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_seconds) + 1, int(cpu_seconds) + 5))
        signal.alarm(int(4 * cpu_seconds) + 60)  # one that waits uses no CPU time
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            os._exit(work())
        except BaseException:  # a mutant may raise anything, SystemExit and a broken fixture among them
            os._exit(KILLED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run_mutant(session, mutant, items, seconds):
    from mutmut.mutation.trampoline import set_mutant_under_test

    set_mutant_under_test(mutant)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    for item, following in zip(items, [*items[1:], None], strict=True):
        # one that never ends in a quick test need not use up the time of all: ten seconds are more than any fixture takes
        resource.setrlimit(resource.RLIMIT_CPU, (min(hard, int(time.process_time() + 10 + 10 * seconds[item.nodeid])), hard))
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return KILLED
    return SURVIVED


def _run_clean(session, account):
    """Run everything without a mutant; note what each test takes, and which functions it or one of its fixtures reaches."""
    from mutmut.mutation.trampoline import set_mutant_under_test
    from mutmut.state import state

    set_mutant_under_test("stats")
    recorder = _Fixtures(state)
    session.config.pluginmanager.register(recorder)
    caches = [each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper)]
    reached, seconds, failed = {}, {}, []
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        for cache in caches:  # or only the first of many tests would reach what is behind it
            cache.cache_clear()
        state()._stats.clear()
        before, began = session.testsfailed, time.process_time()
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds[item.nodeid] = time.process_time() - began
        fixtures = [definition for definitions in item._fixtureinfo.name2fixturedefs.values() for definition in definitions]
        reached[item.nodeid] = sorted(set(state()._stats).union(*(recorder.reached[id(each)] for each in fixtures)))
        failed += [item.nodeid] * (session.testsfailed > before)
    account.write_text(json.dumps({"reached": reached, "seconds": seconds} if not failed else failed), encoding="utf-8")
    return bool(failed)


class _Fixtures:
    """Which functions each fixture reaches: one that serves many tests is set up for the first alone."""

    def __init__(self, state):
        self.state, self.reached = state, defaultdict(set)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        earlier = set(self.state()._stats)
        self.state()._stats.clear()
        try:
            return (yield)
        finally:
            self.reached[id(fixturedef)] |= self.state()._stats
            self.state()._stats.update(earlier)
