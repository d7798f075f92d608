"""Line mutants of the modules that compute clinical quantities, by mutmut: how many do the tests kill?

Works in a copy of the tree, so that nothing here is touched. Which mutants are tried is a seeded draw, or all.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("lib", "data", "tests", "notebooks", "requirements.txt", "README.md", "pyproject.toml", "Makefile")

#: The modules that compute clinical quantities. Those that only put them into words, tables or figures are held by
#: other tests, and functions that numba compiles cannot be mutated this way.
DOMAIN = (
    *(f"lib/survival/{name}.py" for name in ("estimate", "compare", "regression", "competing", "clocks", "groups", "assumptions", "batch")),
    *(f"lib/response/{name}.py" for name in ("criteria", "rates", "course", "agreement")),
    "lib/toxicity.py", "lib/liver_scores.py", "lib/proportions.py", "lib/published.py", "lib/units.py", "lib/visits.py",
)
#: Tests of the domain by example; the slow ones (laws over many drawn cases, tables, figures) are left out, so that the share
#: of the killed is a little smaller than it would be with them.
TESTS = ("test_survival", "test_survival_r", "test_survival_design", "test_response", "test_toxicity", "test_liver_scores",
         "test_proportions", "test_published", "test_domain_edges")

#: mutmut's exit codes of a worker; all others are a test that failed.
SURVIVED, NO_TESTS, TIMED_OUT = 0, 33, (36, 24, -24, 152)


def mutation(n_mutants=None, seed=1, processes=1):
    """Try mutants and count the killed.

    Parameters
    ----------
    n_mutants : int, optional
        How many to draw; all without it.
    seed : int
        Of the draw.
    processes : int
        Mutants tried at a time.

    Returns
    -------
    figures : dict
        ``mutants`` there are, ``tried``, ``killed`` (timeouts among them), ``seed``, and ``by_module`` with tried and killed.
    survivors : list of dict
        ``module``, ``function``, ``right`` and ``wrong`` line of each that no test noticed.
    """
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        tree = _copy(Path(folder))
        known = _names(tree)
        drawn = known if n_mutants is None else sorted(random.Random(seed).sample(known, min(n_mutants, len(known))))
        done = _mutmut(tree, "run", "--max-children", str(processes), *drawn)
        if done.returncode:
            raise RuntimeError(f"mutmut stopped: {(done.stdout + done.stderr)[-2000:]}")
        codes = {name: code for name, code in _codes(tree).items() if name in set(drawn)}
        survivors = [_described(tree, name) for name in drawn if codes[name] in (SURVIVED, NO_TESTS)]
    tried, killed = Counter(map(_module, drawn)), Counter(_module(name) for name, code in codes.items() if code not in (SURVIVED, NO_TESTS, None))
    figures = {"mutants": len(known), "tried": len(drawn), "killed": killed.total(), "timed_out": sum(code in TIMED_OUT for code in codes.values()),
               "seed": None if n_mutants is None else seed, "by_module": {name: {"tried": tried[name], "killed": killed[name]} for name in sorted(tried)}}
    return figures, survivors


def _copy(tree):
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb_checkpoints"))
        else:
            shutil.copy(source, tree)
    tests = [f"tests/{name}.py" for name in TESTS if (tree / "tests" / f"{name}.py").is_file()]
    settings = {"source_paths": ["lib"], "only_mutate": list(DOMAIN), "also_copy": [name for name in COPIED if name not in ("lib", "tests", "pyproject.toml")],
                "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "fastest_first"], "pytest_add_cli_args_test_selection": tests,
                "process_isolation": "forkserver", "track_dependencies": False, "use_git_change_detection": False}
    with open(tree / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return tree


def _mutmut(tree, *arguments):
    # the copy's own lib must come before the installed one, and byte-code of one mutant must not serve another
    paths = os.pathsep.join(filter(None, (str(tree / "tests" / "trust"), os.environ.get("PYTHONPATH"))))
    return subprocess.run([sys.executable, "-m", "mutmut", *arguments], cwd=tree, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"})


_LIST = """
import sys
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name
from pathlib import Path
for name in sys.argv[1:]:
    for mutant in mutate_file_contents(name, Path(name).read_text("utf-8")).mutant_names:
        print(get_mutant_name(Path(name), mutant))
"""


def _names(tree):
    listed = subprocess.run([sys.executable, "-c", _LIST, *DOMAIN], cwd=tree, capture_output=True, text=True, check=True)
    return sorted(listed.stdout.split())


def _codes(tree):
    return {name: code for path in (tree / "mutants").rglob("*.meta") for name, code in json.loads(path.read_text("utf-8"))["exit_code_by_key"].items()}


def _module(name):
    """``lib.survival.compare`` of ``lib.survival.compare.x_logrank__mutmut_3``."""
    return name.rpartition(".")[0]


def _described(tree, name):
    """A survivor as a reader judges it: the line as it stands and as it was changed."""
    shown = _mutmut(tree, "show", name).stdout.splitlines()
    right = [line[1:].strip() for line in shown if line.startswith("-") and not line.startswith("---")]
    wrong = [line[1:].strip() for line in shown if line.startswith("+") and not line.startswith("+++")]
    function = name.rpartition(".")[2].removeprefix("x_").rpartition("__mutmut_")[0]
    return {"module": _module(name), "function": function, "right": " ".join(right), "wrong": " ".join(wrong)}
