"""Every suite of trust, in full or as a sample: ``python tests/trust [--sample] [SUITE ...]``.

In full, each suite's figures are kept in ``figures.json`` with the hash of ``lib/``, and shown in the README; a sample
only says what it found, and leaves out the two suites that ``make test`` runs whole. The exit code is 1 when a suite
found a fault.
"""

import argparse
import csv
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import figures
from figures import ROOT, SUITES, SURVIVORS

#: How much of each suite runs, in full and as a sample.
FULL = {"mutation": None, "fuzzing": 100_000, "kills": 50}
SAMPLE = {"mutation": 100, "fuzzing": 1_000, "kills": 5}

#: The least share of mutants to be killed.
LEAST_KILLED = 0.95


def main(arguments=None):
    """Run the suites asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python tests/trust", description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of: {', '.join(SUITES)}; all when none is named")
    parser.add_argument("--sample", action="store_true", help=f"{SAMPLE['mutation']} mutants, {SAMPLE['fuzzing']} inputs, {SAMPLE['kills']} kills; nothing is written")
    parser.add_argument("--of", type=int, metavar="N", help="with one suite: so many mutants, inputs or kills; the figures say so")
    parser.add_argument("--seed", type=int, default=1, help="of the draws (default: %(default)s)")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.suites) - set(SUITES)):
        parser.error(f"there is no suite {unknown[0]}; there are {', '.join(SUITES)}")
    amounts, failed = SAMPLE if options.sample else FULL, False
    for suite in options.suites or (SAMPLE if options.sample else SUITES):
        found, faults = RUN[suite](options.of or amounts.get(suite), options.seed)
        survivors = found.pop("survivors", [])
        print(f"{suite}: {', '.join(f'{name} {value}' for name, value in found.items() if not isinstance(value, dict))}")
        print("".join(f"  {fault}\n" for fault in faults), end="")
        print("".join(f"  lived: {each['module']}.{each['function']}: {each['right']} -> {each['wrong']}\n" for each in survivors), end="")
        failed |= bool(faults)
        if not options.sample:
            figures.keep(suite, found)
            _note(survivors)
    return 1 if failed else 0


def same_bytes(_, __):
    """Two runs, one of them in a fresh clone."""
    from rebuild import rebuild

    found, faults = rebuild()
    return found | {"differ": len(faults)}, faults


def scientific_faults(_, __):
    """Every named fault of the table, by the test that puts them in one after another."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/test_faults.py", "-k", "each_fault"], cwd=ROOT, capture_output=True, text=True)
    passed, failed = (int((re.search(rf"(\d+) {word}", done.stdout) or [0, 0])[1]) for word in ("passed", "failed"))
    faults = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return {"faults": passed + failed, "noticed": passed}, faults or ([done.stdout[-500:]] if done.returncode else [])


def mutation(n_mutants, seed):
    """Line mutants; what lived comes along as ``survivors``."""
    from mutants import mutation as tried

    found, survivors = tried(n_mutants, seed, int(os.environ.get("MUTANTS_AT_A_TIME", "1")))
    share, least = found["killed"] / found["tried"], least_share(found["tried"], figures.read().get("mutation"))
    return found | {"survivors": survivors}, [f"{share:.1%} killed, at least {least:.1%} wanted"] if share < least else []


def least_share(tried, committed):
    """What a run must reach: 95% of all mutants; a small draw, what the committed share gives in all but one of a thousand draws.

    Parameters
    ----------
    tried : int
    committed : dict or None
        The mutation figures that the README shows; a draw is there to notice that the tests have become worse since.
    """
    if tried >= 1_000 or not committed:
        return LEAST_KILLED
    share = min(LEAST_KILLED, committed["killed"] / committed["tried"])
    return share - 3.09 * math.sqrt(share * (1 - share) * (1 / tried + 1 / committed["tried"]))


def _note(survivors):
    """Add what lived to the list of survivors, without a judgement where it is new: somebody has to judge it."""
    if not survivors:
        return
    columns = ["module", "function", "right", "wrong", "judgement"]
    known = {}
    if SURVIVORS.is_file():
        with open(SURVIVORS, encoding="utf-8", newline="") as file:
            known = {tuple(row[name] for name in columns[:4]): row for row in csv.DictReader(file)}
    known |= {key: {**each, "judgement": ""} for each in survivors if (key := tuple(each[name] for name in columns[:4])) not in known}
    with open(SURVIVORS, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(known[key] for key in sorted(known))


def fuzzing(n_inputs, seed):
    """Made-up input to intake, mapping and contract."""
    from fuzz import fuzz

    try:
        return fuzz(n_inputs, seed), []
    except Exception as fault:  # whatever the code under test raised, with hypothesis's account of the smallest input
        notes = "\n  ".join(getattr(fault, "__notes__", []))
        return {"inputs": 0, "refused": 0, "read": 0, "longest_s": 0.0}, [f"{type(fault).__name__}: {fault}\n  {notes}"]


def kill(n_kills, seed):
    """A run killed outright at many moments."""
    from kills import kills

    with tempfile.TemporaryDirectory(prefix="kills") as folder:
        found, faults = kills(Path(folder), n_kills, seed)
    return found | {"faults": len(faults)}, faults


RUN = {"same bytes": same_bytes, "scientific faults": scientific_faults, "mutation": mutation, "fuzzing": fuzzing, "kills": kill}

if __name__ == "__main__":
    sys.exit(main())
