"""Medians and their intervals: what the printed strings alone say of the method and of the times."""

from __future__ import annotations

import math

import pandas as pd

from lib.published import parse_printed
from lib.quantity_names import readable
from lib.reconstruct.constraints import Interval, SurvivalConstraints, printed_interval
from lib.reconstruct.proofs.claim import IMPOSSIBLE, Proof, decided
from lib.reconstruct.proofs.printed import printed_count, printed_texts
from lib.reconstruct.proofs.scores import truncated_interval


def intervals_at_death_times(ledger: pd.DataFrame, constraints: SurvivalConstraints) -> list[Proof]:
    """Whether the limits printed as 0 can be those of an interval that ends at death times.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.
    constraints : SurvivalConstraints

    Returns
    -------
    list of Proof

    Notes
    -----
    The limits of Brookmeyer and Crowley, plain, log or log-log, are the first death times at which a band around
    the curve has come down to one half. The lower band lies below the curve, so a curve with a median has a lower
    limit, and that is the time of a death.
    """
    zeros = _figures(ledger, ".lower", lambda figure: figure.value == 0)
    zeros = [name for name in zeros if name.startswith("os_treatment")]
    shortest = constraints.follow_up_min.lower
    at_most = max((printed_interval(text).upper for text in ledger.printed[ledger.quantity.isin(zeros)]), default=0.0)
    impossible = zeros and shortest >= at_most
    return [Proof(
        "The intervals from first treatment are of the Brookmeyer-Crowley kind (the default of R and of lifelines)",
        decided(not impossible),
        "a bound on every time: such a limit is the time of a death, and nobody is followed for less than the shortest "
        "follow-up",
        f"{len(zeros)} lower limits are printed as 0, which stands for less than {at_most:g} months; the shortest "
        f"follow-up is at least {shortest:g} months", tuple(zeros))] if zeros else []


def symmetric_intervals(ledger: pd.DataFrame) -> list[Proof]:
    """Whether every printed interval is symmetric about its median once a negative lower limit is printed as 0.

    Parameters
    ----------
    ledger : DataFrame

    Returns
    -------
    list of Proof
        One on all intervals; one for each interval that is not symmetric about its median *as printed*.
    """
    stems = [name.removesuffix(".median") for name in _figures(ledger, ".median")]
    stems = [stem for stem in stems if {f"{stem}.lower", f"{stem}.upper"} <= set(ledger.quantity)]
    allowed = {stem: _centre(ledger, stem, printed_interval) for stem in stems}
    broken = [stem for stem in stems if allowed[stem].empty]
    proofs = [Proof(
        "Every median is the middle of its printed interval (SPSS: median plus and minus 1.96 standard errors)",
        decided(not broken), "interval arithmetic on the printed strings",
        f"{', '.join(map(readable, broken))} cannot be" if broken else f"all {len(stems)} intervals allow it", tuple(stems))]
    for stem in stems:
        value = parse_printed(_printed(ledger, f"{stem}.median")).value
        if broken or value in allowed[stem]:
            continue
        said = f"{_printed(ledger, f'{stem}.median')} ({_printed(ledger, f'{stem}.lower')} to {_printed(ledger, f'{stem}.upper')})"
        whole = range(math.ceil(allowed[stem].lower), math.ceil(allowed[stem].upper))
        proofs.append(Proof(
            f"{said}, {readable(stem)}: times are whole months, so that the median is one", decided(whole),
            "interval arithmetic on the printed strings, each rounded",
            f"a median in the middle of such limits lies from {allowed[stem].lower:.2f} to {allowed[stem].upper:.2f} months",
            (f"{stem}.median", f"{stem}.lower", f"{stem}.upper")))
        cut = _centre(ledger, stem, lambda text, lower_limit=False: truncated_interval(text))
        whole = range(math.ceil(cut.lower), math.ceil(cut.upper))
        proofs.append(Proof(
            f"{said}, {readable(stem)}: times are whole months, and the limits were cut off instead of rounded",
            decided(whole), "interval arithmetic on the printed strings, each cut off",
            f"the median then lies from {cut.lower:.2f} to {cut.upper:.2f} months", (f"{stem}.median",)))
    return proofs


def truncated_percentages(ledger: pd.DataFrame) -> list[Proof]:
    """Whether every percentage of a table of counts could have been cut off instead of rounded."""
    n = printed_count(ledger, "cohort.n")
    figures = ledger[ledger.quantity.str.endswith((".count", ".percent")) & (ledger.expected == "reproduced")
                     & ledger.place.str.startswith("Table 1")]
    wide = figures.assign(stem=figures.quantity.str.rsplit(".", n=1).str[0],
                          kind=figures.quantity.str.rsplit(".", n=1).str[1]).pivot(index="stem", columns="kind", values="printed")
    shares = {stem: 100 * parse_printed(row["count"]).value / n for stem, row in wide.iterrows()}
    cut = [stem for stem, share in shares.items() if share not in truncated_interval(wide.percent[stem])]
    return [Proof(
        "The percentages of the patient table are cut off, not rounded", decided(not cut),
        f"all {len(wide)} percentages against their counts",
        f"{len(cut)} of them are above the exact share" if cut else "all are at or below the exact share",
        tuple(f"{stem}.percent" for stem in cut))]


def visits_after_the_shortest_follow_up(ledger: pd.DataFrame, constraints: SurvivalConstraints) -> list[Proof]:
    """Whether every patient can have had the month-3 visit at three months or later."""
    visit = parse_printed(_printed(ledger, "visit.month_3.time")).value
    possible = constraints.follow_up_min.upper > visit
    return [Proof(
        f"Every patient was examined at {visit:g} months or later", decided(possible),
        "a bound on one time", f"the shortest follow-up is below {constraints.follow_up_min.upper:g} months",
        ("follow_up.min", "visit.month_3.time"))]


def progression_readings(constraints: SurvivalConstraints, counts: dict[str, int]) -> list[Proof]:
    """Liver PFS: readings under which too many patients have progressed by the month-3 visit.

    Parameters
    ----------
    constraints : SurvivalConstraints
    counts : dict of str to int
        How a reading counts events at the visit -> patients with such an event.

    Returns
    -------
    list of Proof
        One a reading that leaves no median so late as printed; others are a matter of search.

    Notes
    -----
    Whoever is censored, a Kaplan-Meier curve after d events among n patients is at most (n - d)/n: each censoring
    only makes a later step larger.
    """
    median, last_visit = constraints.rows["liver_pfs"].median, constraints.visit_window_days[1]
    proofs, n = [], constraints.n
    for reading, events in counts.items():
        if 2 * (n - events) > n:
            continue
        proofs.append(Proof(
            f"Liver PFS: {reading} are events at the month-3 visit", IMPOSSIBLE,
            "a bound on every curve: after d events among n patients it is at most (n - d)/n, whoever is censored",
            f"after {events} events the curve is at most {n - events}/{n}, so its median is at the latest on day "
            f"{last_visit} and not at {median.lower:.2f} to {median.upper:.2f} months", ("liver_pfs.median",)))
    return proofs


def _centre(ledger: pd.DataFrame, stem: str, reading) -> Interval:
    """Where a median printed with symmetric limits lies."""
    median = reading(_printed(ledger, f"{stem}.median"))
    lower = reading(_printed(ledger, f"{stem}.lower"), lower_limit=True)
    upper = reading(_printed(ledger, f"{stem}.upper"))
    if parse_printed(_printed(ledger, f"{stem}.lower")).value == 0:
        lower = Interval(-math.inf, lower.upper)
    return median & Interval((lower.lower + upper.lower) / 2, (lower.upper + upper.upper) / 2)


def _figures(ledger: pd.DataFrame, ending: str, wanted=lambda figure: True) -> list[str]:
    rows = ledger[ledger.quantity.str.endswith(ending)]
    return list(dict.fromkeys(row.quantity for row in rows.itertuples() if wanted(parse_printed(row.printed))))


def _printed(ledger: pd.DataFrame, quantity: str) -> str:
    """What the first place prints."""
    return printed_texts(ledger, quantity)[0]
