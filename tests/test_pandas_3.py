"""What would break on pandas 3 (pandas_3.md): the bound that keeps it away, and its rules switched on in this pandas."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
RULES = ("mode.copy_on_write", "future.infer_string", "future.no_silent_downcasting")


def test_lifelines_still_asks_for_pandas_below_3():
    """When this turns red, lifelines has given up its bound: raise ours and read pandas_3.md again."""
    bounds = [Requirement(each).specifier for each in metadata.requires("lifelines") if Requirement(each).name == "pandas"]
    assert bounds and not any(bound.contains("3.0.0") for bound in bounds)
    assert "pandas>=2.3,<3" in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.skipif(int(pd.__version__.partition(".")[0]) > 2, reason="these are the rules of this pandas")
def test_domain_suites_pass_under_the_rules_of_pandas_3():
    switches = "; ".join(f"pd.set_option({rule!r}, True)" for rule in RULES)
    program = f"import sys, pandas as pd, pytest; {switches}; sys.exit(pytest.main(sys.argv[1:]))"
    suites = [f"tests/{name}.py" for name in ("test_domain_edges", "test_liver_scores", "test_proportions", "test_toxicity")]
    done = subprocess.run([sys.executable, "-c", program, "-q", "-p", "no:cacheprovider", *suites], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]
