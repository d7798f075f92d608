"""Limits that no cohort agreeing with the paper can break, each with the ground on which it stands.

Three grounds. *printed counts*: a quantity is arithmetic on printed counts, or a linear programme over the cross-tables
that they allow. *printed median*: survival before a median is above one half, from it on at most one half. *all exact
orders*: `lib.reconstruct.enumeration` lists every order of deaths and censorings on which all printed survival figures
can hold to their printed precision; on each, every labelling of the patients is known, and with it every quantity that
depends on order and labels alone; linear programmes give the extremes of times. The paper does not say which test gave
its P values: limits hold for the log-rank (or score) test, and on what `lib.reconstruct.ambiguities` found by Wald's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.stats import fisher_exact

from lib.identified.cohorts import CATEGORIES, TREATMENTS
from lib.identified.kernels import permutation_p_values
from lib.identified.quantities import CLOCKS, GROUPINGS, POINTS_MONTHS, SLUGS, comparison, weighted_tests
from lib.proportions import exact_group_p
from lib.published import read_ledger
from lib.reconstruct import kernels as order_kernels
from lib.reconstruct.ambiguities import exact_readings
from lib.reconstruct.completion.printed import PrintedFigures
from lib.reconstruct.constraints import SurvivalConstraints, survival_constraints
from lib.reconstruct.search import Solution

COUNTS, MEDIAN, ORDERS = "printed counts", "printed median", "all exact orders"
RATES = {"orr": ("CR", "PR"), "dcr": ("CR", "PR", "SD")}


@dataclass(frozen=True)
class Limits:
    """Smallest and largest value that agreement with the printed figures allows, and the ground."""

    low: float
    high: float
    ground: str


def proved(ledger: pd.DataFrame | None = None) -> dict[str, Limits]:
    """Every limit that is proved, by quantity; the narrower where there are two grounds.

    Parameters
    ----------
    ledger : DataFrame, optional
        From `lib.published.read_ledger` (the default).

    Returns
    -------
    dict of str to Limits
    """
    ledger = read_ledger() if ledger is None else ledger
    constraints = survival_constraints(ledger)
    exact = [solution for by_test in exact_readings(constraints).values() for solution in by_test]
    found: dict[str, Limits] = {}
    for limits in (from_counts(PrintedFigures(ledger)), from_medians(constraints), from_orders(exact)):
        for name, each in limits.items():
            if name not in found or each.high - each.low < found[name].high - found[name].low:
                found[name] = each
    return found


def from_counts(printed: PrintedFigures) -> dict[str, Limits]:
    """Quantities that follow from the cross-tables of treatment and response.

    Parameters
    ----------
    printed : PrintedFigures

    Returns
    -------
    dict of str to Limits
    """
    sizes = {slug: printed.counts("first_treatment", TREATMENTS)[treatment] for treatment, slug in SLUGS.items()}
    sizes = {"total": sum(sizes.values())} | sizes
    tables = {criterion: {group: printed.counts(f"{criterion}.{group}") for group in SLUGS.values()}
              for criterion in ("recist", "mrecist")}
    values: dict[str, float] = {}
    for criterion, by_group in tables.items():
        by_group["total"] = {each: sum(by_group[slug][each] for slug in SLUGS.values()) for each in ("cr", "pr", "sd", "pd")}
        for rate, categories in RATES.items():
            hits = {group: sum(by_group[group][each.lower()] for each in categories) for group in sizes}
            for group, n in sizes.items():
                stem = f"{criterion}.{group}.{rate}"
                values |= {f"{stem}.count": hits[group], f"{stem}.percent": 100 * hits[group] / n, f"{stem}.n": n}
            values[f"{criterion}.{rate}.exact_p"] = exact_group_p([hits[slug] for slug in SLUGS.values()],
                                                                  [sizes[slug] for slug in SLUGS.values()])
            values[f"{criterion}.best.{rate}.count"] = hits["total"]  # a single visit after baseline is printed
        for group, n in sizes.items():
            for category in CATEGORIES:
                count, stem = by_group[group][category.lower()], f"{criterion}.{group}.{category.lower()}"
                values |= {f"{stem}.n": n, f"{stem}.percent": 100 * count / n}
            for category in ("non_cr_non_pd", "ne"):  # the printed categories add up to all patients
                values |= {f"{criterion}.{group}.{category}.{part}": value for part, value in
                           (("count", 0), ("percent", 0), ("n", n))}
    two = [(tables["mrecist"][slug]["cr"] + tables["mrecist"][slug]["pr"], sizes[slug]) for slug in ("deb_tace", "y90")]
    values["mrecist.deb_tace_vs_y90.orr.fisher_p"] = float(fisher_exact([[hit, n - hit] for hit, n in two]).pvalue)
    values |= {f"treatment_gap.{level}.percent": 100 * printed.count(f"treatment_gap.{level}.count") / sizes["total"]
               for level in ("early", "late")}
    found = {name: Limits(float(value), float(value), COUNTS) for name, value in values.items()}
    return found | _agreement({criterion: {slug: by_group[slug] for slug in SLUGS.values()}
                               for criterion, by_group in tables.items()})


def _agreement(tables: dict) -> dict[str, Limits]:
    """Extremes of kappa and of the patients who are worse by mRECIST, over all cross-classifications of the tables."""
    n = sum(sum(counts.values()) for counts in tables["recist"].values())
    shares = {criterion: np.array([sum(counts[each.lower()] for counts in by_group.values()) / n for each in CATEGORIES])
              for criterion, by_group in tables.items()}
    chance = float(shares["recist"] @ shares["mrecist"])
    same, worse = np.eye(4), np.triu(np.ones((4, 4)), 1)  # rows RECIST, columns mRECIST, from CR to PD
    agreed, worsened = np.zeros(2), np.zeros(2)
    for slug in SLUGS.values():
        margins = [[tables[criterion][slug][each.lower()] for each in CATEGORIES] for criterion in ("recist", "mrecist")]
        agreed += _extremes(same, *margins)
        worsened += _extremes(worse, *margins)
    kappa = (agreed / n - chance) / (1 - chance)
    return {"response.kappa": Limits(*map(float, kappa), COUNTS),
            "response.worse_by_mrecist.count": Limits(*map(float, worsened), COUNTS)}


def _extremes(cost: np.ndarray, rows, columns) -> np.ndarray:
    """Smallest and largest sum of marked cells of a table with given margins; its corners are whole numbers."""
    sums = np.array([np.kron(each, np.ones(4)) for each in np.eye(4)] + [np.kron(np.ones(4), each) for each in np.eye(4)])
    solve = lambda sign: linprog(sign * cost.ravel(), A_eq=sums, b_eq=[*rows, *columns], method="highs").fun  # noqa: E731
    return np.round([solve(1), -solve(-1)], 9)


def from_medians(constraints: SurvivalConstraints) -> dict[str, Limits]:
    """What a printed median says of survival at another time.

    Parameters
    ----------
    constraints : SurvivalConstraints

    Returns
    -------
    dict of str to Limits
        Above one half means by more than `KNIFE_EDGE`, as the medians are read.
    """
    found = {}
    for clock in CLOCKS:
        median = constraints.rows[clock].printed_median
        for months in POINTS_MONTHS:
            if months < median.lower:
                found[f"{clock}.at_{months:.0f}_months"] = Limits(0.5 + order_kernels.KNIFE_EDGE, 1.0, MEDIAN)
            elif months >= median.upper:
                found[f"{clock}.at_{months:.0f}_months"] = Limits(0.0, 0.5, MEDIAN)
    return found


def from_orders(found: list[Solution]) -> dict[str, Limits]:
    """Extremes over exact orders, every labelling and all times that the printed figures allow.

    Parameters
    ----------
    found : list of Solution
        Of `lib.reconstruct.ambiguities.exact_readings`.

    Returns
    -------
    dict of str to Limits
    """
    return _of_labels(found) | _of_times(found) if found else {}


def _of_labels(found: list[Solution]) -> dict[str, Limits]:
    """Hazard ratios and their tests, which depend on order and labels alone."""
    extremes, n = {}, found[0].programme.n
    for name, (flag, where_true, _, _) in GROUPINGS.items():
        labelled = {(str(solution.order), bits): solution.order.died for solution in found
                    for reading in solution.choice if reading.comparison.grouping.flag == flag for bits in reading.labels}
        died, members = np.array([*labelled.values()]), np.zeros((len(labelled), n), bool)
        for row, (_, bits) in zip(members, labelled):
            order_kernels.unpack(bits, row)
        places = np.tile(np.arange(1.0, n + 1), (len(died), 1))  # any times in this order give the same
        second = members if where_true else ~members
        extremes |= comparison(name, places, died, second) | weighted_tests(name, places, died, second)
        extremes[f"os_treatment.{name}.permutation_p"] = [permutation_p_values(months, events, groups[None])[0]
                                                         for months, events, groups in zip(places, died, second)]
    return {name: Limits(float(np.min(values)), float(np.max(values)), ORDERS) for name, values in extremes.items()}


def _of_times(found: list[Solution]) -> dict[str, Limits]:
    """Survival at given times and the reverse Kaplan-Meier median, by the extremes of single patients' times."""
    names = [f"os_treatment.at_{months:.0f}_months" for months in POINTS_MONTHS]
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    reverse = [np.inf, -np.inf]
    for solution in found:
        died, n = solution.order.died, solution.programme.n
        survival = np.cumprod(np.where(died, 1 - 1 / np.arange(n, 0, -1), 1.0))
        earliest, latest = solution.programme.extremes()
        for name, months in zip(names, POINTS_MONTHS):
            fewest, most = (latest <= months).sum(), (earliest <= months).sum()  # patients gone by then
            low[name] = min(low[name], survival[most - 1] if most else 1.0)
            high[name] = max(high[name], survival[fewest - 1] if fewest else 1.0)
        watched = np.cumprod(np.where(died, 1.0, 1 - 1 / np.arange(n, 0, -1)))
        middle = int((watched <= 0.5 + order_kernels.KNIFE_EDGE).argmax())
        reverse = [min(reverse[0], earliest[middle]), max(reverse[1], latest[middle])]
    return ({name: Limits(float(low[name]), float(high[name]), ORDERS) for name in names}
            | {"follow_up.reverse_km.median": Limits(*map(float, reverse), ORDERS)})
