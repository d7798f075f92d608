"""Patients who are public: what their own figures are, beside the range that their summary leaves open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lib.another_paper.layout import Layout
from lib.another_paper.ledger import PaperError, Summary
from lib.another_paper.scale import Scale, kind_of, scale_of
from lib.cohort import DAYS_PER_MONTH
from lib.survival import cox, kaplan_meier, logrank, mean_survival, median_survival, survival_at

COLUMNS = ("group", "time", "event")


def known_patients(name: str) -> pd.DataFrame | None:
    """The patients behind a summary.

    Parameters
    ----------
    name : str
        ``"six-mp"`` for the trial of 6-mercaptopurine, which the package lifelines carries; ``"ovarian"`` for the trial in
        ovarian cancer, which greenwood carries; the path of a CSV file with the columns ``group, time, event`` (1 or 0);
        blank for none.

    Returns
    -------
    DataFrame or None
        ``group``, ``time``, ``event`` (bool).

    Raises
    ------
    PaperError
        One sentence on a file that cannot be used.
    """
    if not name:
        return None
    if name == "six-mp":
        from lifelines.datasets import load_leukemia

        table = load_leukemia()
        return pd.DataFrame({"group": np.where(table.Rx == 1, "placebo", "6-MP"), "time": table.t.astype(float), "event": table.status == 1})
    if name == "ovarian":
        from greenwood import load_dataset

        table = load_dataset("ovarian", backend="pandas")
        return pd.DataFrame({"group": np.where(table.rx == 2, "combination", "single agent"), "time": table.futime / DAYS_PER_MONTH,
                             "event": table.fustat == 1})
    path = Path(name).expanduser()
    try:
        table = pd.read_csv(path, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PaperError(f"{path} cannot be read as a CSV table: {error}") from None
    if missing := [column for column in COLUMNS if column not in table]:
        raise PaperError(f"{path.name}: column {missing[0]} is missing; patients need {', '.join(COLUMNS)}.")
    time = pd.to_numeric(table.time, errors="coerce")
    wrong = np.flatnonzero(time.isna() | (time < 0) | ~table.event.isin([0, 1]))
    if len(wrong):
        row = int(wrong[0])
        raise PaperError(f"{path.name}, row {row + 2}: time {table.time[row]!r} with event {table.event[row]!r}; a time is a number from 0 "
                         "on, an event 1 or 0.")
    return pd.DataFrame({"group": table.group.astype(str), "time": time.astype(float), "event": table.event == 1})


def figures_of_patients(patients: pd.DataFrame, summary: Summary, layout: Layout) -> dict[str, float]:
    """The figures of known patients by the names of a layout, computed by `lib.survival` and not by the search's kernels.

    Parameters
    ----------
    patients : DataFrame
        From `known_patients`.
    summary : Summary
    layout : Layout

    Returns
    -------
    dict
        Those that exist, in the paper's units; the hazard ratio with Breslow ties.

    Raises
    ------
    PaperError
        If the patients' groups are not those of the summary.
    """
    if set(patients.group) != set(layout.groups):
        raise PaperError(f"the known patients are in the groups {', '.join(sorted(set(patients.group)))}, {summary.file} has "
                         f"{', '.join(layout.groups)}; use the same names.")
    found, scale = {}, scale_of(summary)
    sets = layout.groups if len(layout.groups) == 1 else (*layout.groups, "")
    for group in sets:
        own = patients[patients.group == group] if group else patients
        found |= {f"{quantity}({group})" if group else quantity: value for quantity, value in _of_group(own, summary, layout, scale).items()}
    if len(layout.groups) == 2:
        first = (patients.group == layout.groups[0]).to_numpy()
        time, event = patients.time.to_numpy() * scale.factor, patients.event.to_numpy()
        fit = cox(time, event, first.astype(float))
        found |= {"p": logrank(time, event, first).p_value, "p.wald": fit.wald_p, "hazard_ratio": fit.hazard_ratio,
                  "hazard_ratio.lower": fit.lower, "hazard_ratio.upper": fit.upper}
        for to in layout.mean_time_to:
            both = [found.get(f"mean_time.{to:g}({group})") for group in layout.groups]
            if None not in both:
                found[f"mean_time_gained.{to:g}"] = both[1] - both[0]
    return {name: float(value) for name, value in found.items() if value is not None and name in layout.names}


def _of_group(patients: pd.DataFrame, summary: Summary, layout: Layout, scale: Scale) -> dict[str, float | None]:
    # in months of the search: `lib.survival` takes months, and refuses what looks like days
    time, event = patients.time.to_numpy() * scale.factor, patients.event.to_numpy()
    curve = kaplan_meier(time, event)
    program = summary.program or "spss"
    median = median_survival(curve, program)
    reverse = median_survival(kaplan_meier(time, ~event), program)
    found = {"median": median.value, "median.lower": median.lower, "median.upper": median.upper, "follow_up.reverse_median": reverse.value,
             "follow_up.median": float(np.median(time)), "follow_up.min": time.min(), "follow_up.max": time.max()}
    for at in layout.survival_at:
        found[f"survival.{at:g}"] = survival_at(curve, at * scale.factor).value
    for to in layout.mean_time_to:
        if to * scale.factor <= time.max() or curve.survival[-1] == 0:
            found[f"mean_time.{to:g}"] = mean_survival(curve, to * scale.factor).value
    return {name: None if value is None else float(scale.outward(kind_of(name), np.array(value))) for name, value in found.items()}
