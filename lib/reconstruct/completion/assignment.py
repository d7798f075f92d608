"""Who had which treatment and which response: one exact integer programme over the printed tables.

Each patient takes exactly one *option*: first and second treatment, mRECIST and RECIST category at
the imaging visit, extrahepatic progression, and whether the liver lesion is solitary. The counts of
the ledger are equalities; clinical preferences are costs, with a seeded random part so that the
optimum is one point, the same with every solver.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp

from lib.contract import TREATMENTS
from lib.reconstruct.completion.visits import DAYS_PER_MONTH, second_treatment_day
from lib.reconstruct.completion.printed import CompletionError, PrintedFigures, slug

CATEGORIES = ("CR", "PR", "SD", "PD")


class Option(NamedTuple):
    """One way a patient may have been treated and may have responded."""

    patient: int
    first_treatment: str
    second_treatment: str
    mrecist: str
    recist: str
    extrahepatic_progression: bool
    solitary: bool


def assign_treatment_and_response(skeleton: pd.DataFrame, printed: PrintedFigures,
                                  rng: np.random.Generator) -> pd.DataFrame:
    """Give every patient treatments, categories and lesion pattern as the printed tables count them.

    Parameters
    ----------
    skeleton : DataFrame, shape (n_patients, n_columns)
        The survival skeleton with ``visit_day`` of the imaging visit.
    printed : PrintedFigures
        Cross-tables ``mrecist.*``, ``recist.*``, ``combination.*``, ``hepatic_lesions.*``,
        ``extrahepatic_progression`` and ``first_treatment.*``.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        The fields of ``Option``, one row per patient, in the skeleton's order.

    Raises
    ------
    CompletionError
        If no assignment meets all counts.
    """
    options = [option for row in skeleton.itertuples()
               for option in _options_of(row, _combinations(printed))]
    costs = np.array([_cost(option, skeleton) for option in options]) + 0.2 * rng.random(len(options))
    rows, counts = _equalities(options, printed, len(skeleton))
    solution = milp(costs, constraints=LinearConstraint(rows, counts, counts), integrality=1,
                    bounds=Bounds(0, 1), options={"mip_rel_gap": 0.0})
    if solution.x is None:
        raise CompletionError("No assignment of treatments and responses meets the ledger's tables on "
                              "this skeleton; try another seed or check the rows of Table 3.")
    chosen = [option for option, taken in zip(options, solution.x, strict=True) if taken > 0.5]
    return pd.DataFrame(chosen).set_index("patient").sort_index().rename_axis(None)


def _combinations(printed: PrintedFigures) -> dict[tuple[str, str], int]:
    """(first, second) treatment -> number of patients."""
    pairs = {f"{slug(first)}_then_{slug(second)}": (first, second)
             for first in TREATMENTS for second in TREATMENTS if first != second}
    counts = printed.counts("combination")
    return {pairs[name]: count for name, count in counts.items() if name in pairs}


def _options_of(row, combinations: dict[tuple[str, str], int]) -> Iterator[Option]:
    """Every option one patient's survival row allows."""
    mrecist = ["CR", "PR"] if row.mrecist_responder else ["PD"] if row.mrecist_pd_month_3 else ["SD"]
    for first in TREATMENTS:
        seconds = ["", *(second for start, second in combinations if start == first)]
        for category in mrecist:
            for recist, outside in _recist_given(category, row.extrahepatic_disease):
                for solitary in (False, True):
                    for second in seconds:
                        if second and not _has_time(row, solitary):
                            continue
                        yield Option(row.Index, first, second, category, recist, outside, solitary)


def _recist_given(mrecist: str, extrahepatic: bool) -> Iterator[tuple[str, bool]]:
    """(RECIST category, extrahepatic progression) that can go with an mRECIST category."""
    if mrecist == "CR" and not extrahepatic:
        yield "CR", False
    if mrecist in ("CR", "PR"):
        yield "PR", False
    yield "SD", False
    yield "PD", False
    if extrahepatic:
        yield "PD", True


def _has_time(row, solitary: bool) -> bool:
    """Whether a second course, of two sessions where both lobes are diseased, ends before follow-up does."""
    longest_course = 0 if solitary else 49
    last_day = second_treatment_day(row) + longest_course
    return last_day + 14 <= row.os_treatment_months * DAYS_PER_MONTH


def _cost(option: Option, skeleton: pd.DataFrame) -> float:
    """How far an option strays from what is clinically expected; 0 is ordinary."""
    discordant = option.recist == "PD" and option.mrecist != "PD"
    zone_read_as_growth = option.first_treatment == "ablation"
    cost = 0.0
    if discordant and not option.extrahepatic_progression and not zone_read_as_growth:
        cost += 1.0  # whole diameter up while its viable part shrinks, without an ablation zone
    if option.extrahepatic_progression and (not discordant or zone_read_as_growth):
        cost += 1.0  # the discordant patients are the ones extrahepatic progression has to explain
    if option.mrecist == "PD" and option.recist != "PD":
        cost += 2.0
    if option.recist == "CR":
        cost += 6.0 / skeleton.liver_pfs_months[option.patient]  # the one whose liver stays free longest
    if option.second_treatment and not skeleton.liver_progressed[option.patient]:
        cost += 1.0  # a second kind of treatment usually answers progression in the liver
    return cost


def _equalities(options: list[Option], printed: PrintedFigures,
                n_patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows over the options and the count each must sum to."""
    table = pd.DataFrame(options)
    rows = [table.patient == patient for patient in range(n_patients)]
    counts = [1] * n_patients

    def require(selected: pd.Series, count: int) -> None:
        rows.append(selected)
        counts.append(count)

    for treatment, count in printed.counts("first_treatment", TREATMENTS).items():
        require(table.first_treatment == treatment, count)
        for criteria in ("mrecist", "recist"):
            found = printed.counts(f"{criteria}.{slug(treatment)}")
            for category in CATEGORIES:
                require((table.first_treatment == treatment) & (table[criteria] == category),
                        found[category.lower()])
    for (first, second), count in _combinations(printed).items():
        require((table.first_treatment == first) & (table.second_treatment == second), count)
    require(table.solitary, printed.count("hepatic_lesions.solitary.count"))
    require(table.extrahepatic_progression, printed.count("extrahepatic_progression.count"))
    return np.array(rows, dtype=float), np.array(counts, dtype=float)
