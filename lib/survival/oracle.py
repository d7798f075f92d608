"""R's own values for the curves and comparisons that R was given: stored beside the R code that made them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from lib.survival.estimate import Estimate

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "oracles"


@functools.cache
def _stored():
    """Input and output of `survival.R`: data set -> rows, and (data set, quantity) -> value; empty where not kept."""
    try:
        rows = pd.read_csv(FOLDER / "survival_input.csv")
        values = pd.read_csv(FOLDER / "survival_r.csv").set_index(["dataset", "quantity"]).value
    except FileNotFoundError:
        return {}, pd.Series(dtype=float)
    return dict(list(rows.groupby("dataset"))), values


def _same(rows, months, event, member=None) -> bool:
    if len(rows) != len(months) or (member is not None and rows.group.isna().any()):
        return False
    ours = np.array([months, event] + ([member] if member is not None else []), dtype=float)
    theirs = rows[["months", "event"] + (["group"] if member is not None else [])].to_numpy(float).T
    return np.allclose(ours[:, np.lexsort(ours[::-1])], theirs[:, np.lexsort(theirs[::-1])], rtol=1e-9)


def median_by_r(curve, interval: str = "log"):
    """Median and interval that R printed for the same patients; None where R has not seen them.

    Parameters
    ----------
    curve : lib.survival.estimate.Curve
    interval : {"log", "log-log", "plain"}

    Returns
    -------
    Estimate or None
    """
    datasets, values = _stored()
    for name, rows in datasets.items():
        if _same(rows, curve.exit, curve.died):
            found = [values[name, f"median.{interval}{limit}"] for limit in ("", ".lower", ".upper")]
            return Estimate(*(float("inf") if np.isnan(value) else float(value) for value in found))
    return None


def p_values_by_r(months, event, member) -> dict:
    """P values that R printed for the same comparison: test -> P; empty where R has not seen it."""
    from scipy.special import chdtrc

    datasets, values = _stored()
    for name, rows in datasets.items():
        if _same(rows, months, event, member):
            found = {"log-rank": values[name, "logrank.p"],
                     "Breslow-Wilcoxon": chdtrc(1, values[name, "wilcoxon.chisq"]),
                     "Tarone-Ware": chdtrc(1, values[name, "tarone_ware.chisq"])}
            for ties in ("breslow", "efron", "exact"):
                for test, quantity in {"Wald": "wald_p", "score": "score_p", "likelihood ratio": "lr_p"}.items():
                    found[f"Cox {ties}: {test}"] = values[name, f"cox_group.{ties}.{quantity}"]
            return {test: float(p) for test, p in found.items()}
    return {}
