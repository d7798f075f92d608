"""MELD scores and ages: which printed means, spreads and tests whole numbers can give together."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import scipy  # its parts load where they are used
from scipy.special import stdtrit

from lib.published import parse_printed
from lib.quantity_names import readable
from lib.reconstruct.constraints import Interval, printed_interval
from lib.reconstruct.proofs.claim import IMPOSSIBLE, NOT_FOUND, POSSIBLE, Proof, decided
from lib.reconstruct.proofs.printed import printed_count, printed_texts

LEAST_MELD, LARGEST_MELD = 6, 40
AGES = (18, 110)
SECONDS = 20.0
"""Of one integer programme; most take a tenth of a second."""


def truncated_interval(text: str) -> Interval:
    """The values of which the printed figure is what remains when further decimals are cut off (none negative)."""
    printed = parse_printed(text)
    return Interval(printed.value, printed.value + 10.0**-printed.decimals)


def sums_of(mean: Interval, n: int) -> list[int]:
    """Sums of n whole numbers whose mean lies in an interval."""
    first = math.ceil(round(mean.lower * n, 9))
    return [total for total in range(first, math.ceil(mean.upper * n) + 1) if total / n in mean]


def two_means_of_one_score(ledger: pd.DataFrame) -> list[Proof]:
    """For each mean printed twice in different ways: whether one cohort of whole scores can give both.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    list of Proof
        Both printed by rounding; then one rounded and the other cut off.
    """
    n, proofs = printed_count(ledger, "cohort.n"), []
    for quantity in [name for name in ledger.quantity.unique() if name.startswith("meld.") and name.endswith(".mean")]:
        printed = printed_texts(ledger, quantity)
        if len(printed) != 2:
            continue
        rounded = [set(sums_of(printed_interval(text), n)) for text in printed]
        cut = [set(sums_of(truncated_interval(text), n)) for text in printed]
        said = " and ".join(printed)
        ranges = " and ".join(f"{min(each)} to {max(each)}" for each in rounded)
        both = rounded[0] & rounded[1]
        proofs.append(Proof(
            f"{readable(quantity)} is {said}, both rounded", decided(both),
            f"every sum of {n} whole scores", f"the sums must be {ranges}"
            + ("" if both else ": none is in both, nor any sum of fractional scores"), (quantity,)))
        mixed = [(first, second) for first, second in ((0, 1), (1, 0)) if cut[first] & rounded[second]]
        sums = sorted(set().union(*(cut[first] & rounded[second] for first, second in mixed)))
        proofs.append(Proof(
            f"{readable(quantity)} is {said}, one of them cut off instead of rounded", decided(sums),
            f"every sum of {n} whole scores",
            "; ".join(f"a sum of {total} has the mean {total / n:.3f}" for total in sums) or "no sum gives both", (quantity,)))
    return proofs


def meld_at_once(ledger: pd.DataFrame) -> list[Proof]:
    """Whether whole MELD scores give all that is printed of them at once, for each sum at month 3.

    Parameters
    ----------
    ledger : DataFrame

    Returns
    -------
    list of Proof

    Notes
    -----
    An integer programme: how many of the patients have each pair of scores. Sums, standard deviations, the number
    whose score rose and the paired t test are then linear. A programme without a solution is a proof, its search
    being exhaustive.
    """
    n = printed_count(ledger, "cohort.n")
    before, after = (sorted(set().union(*(sums_of(printed_interval(text), n)
                                          for text in printed_texts(ledger, f"meld.{visit}.mean"))))
                     for visit in ("baseline", "month_3"))
    by_verdict: dict[str, list[str]] = {POSSIBLE: [], NOT_FOUND: [], IMPOSSIBLE: []}
    for total in after:
        tried = []
        for first in before:
            tried.append(_scores_exist(ledger, n, first, total))
            if tried[-1] == POSSIBLE:
                break
        best = next(each for each in by_verdict if each in tried)
        by_verdict[best].append(str(total))
    return [Proof(
        f"Whole MELD scores that sum to {', '.join(totals)} at month 3 give the baseline mean, both standard deviations, "
        "the number that rose, and the paired t test", verdict,
        f"an integer programme for each month-3 sum with baseline sums of {', '.join(map(str, before))} until one has a "
        f"solution, at most {SECONDS:g} s each",
        {POSSIBLE: "a solution for each of them", IMPOSSIBLE: "no programme has a solution",
         NOT_FOUND: "no solution in that time"}[verdict],
        ("meld.month_3.mean", "meld.month_3.sd", "meld.baseline.mean", "meld.baseline.sd", "meld.paired_t.p"))
        for verdict, totals in by_verdict.items() if totals]


def ages_at_once(ledger: pd.DataFrame) -> list[Proof]:
    """Whether whole ages give the printed mean, standard deviation and numbers on either side of the cut."""
    n = printed_count(ledger, "cohort.n")
    below = printed_count(ledger, "age.under_60.count")
    cut, ages = printed_count(ledger, "age.cut"), np.arange(AGES[0], AGES[1] + 1)
    found = []
    for total in sums_of(_interval(ledger, "age.mean"), n):
        squares = _squares(_interval(ledger, "age.sd"), total, n)
        rows = [np.ones(len(ages)), ages, ages**2, ages < cut, ages > cut]
        ends = [(n, n), (total, total), squares, (below, below), (n - below, n - below)]
        found.append((total, _whole(rows, ends, n)[0]))
    possible = [str(total) for total, verdict in found if verdict == POSSIBLE]
    verdict = POSSIBLE if possible else IMPOSSIBLE if all(each == IMPOSSIBLE for _, each in found) else NOT_FOUND
    return [Proof(f"Whole ages, none of them {cut}, give mean, standard deviation and both age groups", verdict,
                  f"an integer programme for each of {len(found)} sums",
                  f"sums of {', '.join(possible)} years" if possible else "no sum has a solution",
                  ("age.mean", "age.sd", "age.under_60.count", "age.over_60.count"))]


def _scores_exist(ledger: pd.DataFrame, n: int, before: int, after: int) -> str:
    risen = printed_count(ledger, "meld_change.increased.count")
    first, second = (each.ravel() for each in np.meshgrid(
        np.arange(LEAST_MELD, LARGEST_MELD + 1), np.arange(LEAST_MELD, LARGEST_MELD + 1), indexing="ij"))
    change = second - first
    rows = [np.ones(len(first)), first, second, first**2, second**2, change**2, change > 0]
    ends = [(n, n), (before, before), (after, after), _squares(_interval(ledger, "meld.baseline.sd"), before, n),
            _squares(_interval(ledger, "meld.month_3.sd"), after, n),
            _paired_squares(_interval(ledger, "meld.paired_t.p"), after - before, n), (risen, risen)]
    return _whole(rows, ends, n)[0]


def _squares(sd: Interval, total: int, n: int) -> tuple[float, float]:
    """Ends of the sum of squares that n numbers of this sum have if their standard deviation lies in an interval."""
    return sd.lower**2 * (n - 1) + total**2 / n, sd.upper**2 * (n - 1) + total**2 / n - 1e-6


def _paired_squares(p: Interval, total: int, n: int) -> tuple[float, float]:
    """Ends of the sum of squared changes whose paired t test has its P value in an interval."""
    farthest, nearest = (-stdtrit(n - 1, end / 2) for end in (p.lower, p.upper))
    mean = abs(total) / n
    least, most = ((mean / t) ** 2 * n * (n - 1) + total**2 / n for t in (farthest, nearest))
    return least, most


def _whole(rows, ends, n: int) -> tuple[str, np.ndarray | None]:
    """Whole numbers from 0 to n whose weighted sums lie between ends: verdict, and the numbers if there are any."""
    lower, upper = np.array(ends, float).T
    matrix = np.array([np.asarray(row, float) for row in rows])
    answer = scipy.optimize.milp(
        np.zeros(matrix.shape[1]), constraints=scipy.optimize.LinearConstraint(matrix, lower, upper),
        integrality=np.ones(matrix.shape[1]), bounds=scipy.optimize.Bounds(0, n), options={"time_limit": SECONDS})
    if answer.status == 2:
        return IMPOSSIBLE, None
    if answer.x is None:
        return NOT_FOUND, None
    numbers = np.round(answer.x)
    values = matrix @ numbers
    # checked again on the rounded numbers: a programme's own tolerance proves nothing
    return (POSSIBLE, numbers) if ((values >= lower - 1e-9) & (values <= upper + 1e-9)).all() else (NOT_FOUND, None)


def _interval(ledger: pd.DataFrame, quantity: str) -> Interval:
    """Values that print as every row of the quantity does."""
    shared = Interval()
    for text in printed_texts(ledger, quantity):
        shared &= printed_interval(text)
    return shared
