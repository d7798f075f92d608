"""Figures of a summary that exclude each other, whoever the patients were.

Each check takes a `Summary` and returns what it looked at: a `Check` a figure or pair of figures, passed or not. A check that does
not pass is arithmetic, no suspicion: a misprint, a denominator that is not named, or a method that is not the stated one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

from scipy.special import ndtr

from lib.another_paper.granularity import grim_sums, grimmer_sums
from lib.another_paper.ledger import Figure, Summary, named
from lib.proportions import denominators_giving

SLACK = 1e-9
Z = 1.959963984540054


@dataclass(frozen=True)
class Check:
    """One comparison of printed figures.

    Attributes
    ----------
    name : str
        Which check.
    figures : str
        What was compared, as printed.
    passed : bool
    finding : str
        One sentence on what was found.
    place : str
        Where the figures are printed.
    """

    name: str
    figures: str
    passed: bool
    finding: str
    place: str = ""


def printed_twice(summary: Summary) -> list[Check]:
    """One quantity printed at two places as figures that no single value rounds to."""
    found = []
    for first, second in combinations(summary.figures, 2):
        if first.name == second.name:
            same = max(first.lower, second.lower) < min(first.upper, second.upper) - SLACK or first.lower == second.lower
            found.append(_check("Printed twice", (first, second), same,
                                "one value can print as both" if same else "no value rounds to both"))
    return found


def totals(summary: Summary) -> list[Check]:
    """Patients and events of the groups against those of all patients."""
    found = []
    for quantity in ("n", "events"):
        parts, total = [summary.find(quantity, group) for group in summary.groups], summary.find(quantity)
        if len(parts) == 2 and total and all(parts):
            added = sum(int(part.value) for part in parts)
            found.append(_check("Totals", (*parts, total), added == total.value, f"the groups add up to {added}"))
    return found


def percentages(summary: Summary) -> list[Check]:
    """Each percentage against its count out of the patients it is said to be of."""
    found = []
    for percent in summary.figures:
        kind, _, item = percent.quantity.partition(".")
        quantity = "events" if percent.quantity == "events.percent" else f"count.{item}" if kind == "percent" else ""
        count, n = summary.find(quantity, percent.group) if quantity else None, _patients(summary, percent.group)
        if count is None or n is None:
            continue
        fits = denominators_giving([int(count.value)], [percent.printed], up_to=max(2 * n, n + 20))
        passed = percent.lower - SLACK <= 100 * count.value / n <= percent.upper + SLACK
        others = f"; it would fit {' or '.join(map(str, fits))} patients" if fits else "; it fits no number of patients near"
        found.append(_check("Percentage from count", (count, percent), passed, f"{int(count.value)} of {n} is {100 * count.value / n:.2f}%"
                            + ("" if passed else others)))
    return found


def means(summary: Summary) -> list[Check]:
    """GRIM and GRIMMER for means and SDs of whole numbers."""
    found = []
    for mean in summary.figures:
        if not mean.quantity.startswith("mean.") or not mean.note.lower().startswith("whole"):
            continue
        n, sd = _patients(summary, mean.group), summary.find(f"sd.{mean.quantity[5:]}", mean.group)
        if n is None:
            continue
        sums = grim_sums(mean.printed, n)
        found.append(_check("GRIM", (mean,), bool(sums), f"{n} whole numbers with the sum {_some(sums)} have such a mean" if sums else
                            f"no {n} whole numbers have such a mean"))
        if sums and sd and n > 1:
            both = grimmer_sums(mean.printed, sd.printed, n)
            found.append(_check("GRIMMER", (mean, sd), bool(both), f"{n} whole numbers can have this mean and SD" if both else
                                f"no {n} whole numbers have this mean and this SD (denominator {n - 1})"))
    return found


def intervals(summary: Summary) -> list[Check]:
    """Symmetry of intervals: of a median about itself for SPSS, of a hazard ratio on the logarithmic scale."""
    found = []
    for group in (*summary.groups, ""):
        median, lower, upper = (summary.find(quantity, group) for quantity in ("median", "median.lower", "median.upper"))
        if not (median and lower and upper) or not all(map(math.isfinite, (median.value, upper.value))):
            continue
        ordered = lower.lower < median.upper - SLACK and median.lower < upper.upper - SLACK
        found.append(_check("Interval holds its estimate", (median, lower, upper), ordered, "lower, estimate and upper are in order" if ordered
                            else "the estimate lies outside its own interval"))
        if summary.program != "spss" or math.isinf(lower.lower):
            continue
        low, high = (lower.lower + upper.lower) / 2, (lower.upper + upper.upper) / 2
        share = max(low, median.lower), min(high, median.upper)
        found.append(_check("Symmetric interval (SPSS)", (median, lower, upper), share[0] < share[1],
                            f"the middle of the limits lies between {low:g} and {high:g}" + (
                                f", so the unrounded median between {share[0]:g} and {share[1]:g}" if share[0] < share[1] else "")))
    ratio = [summary.find(quantity) for quantity in ("hazard_ratio", "hazard_ratio.lower", "hazard_ratio.upper")]
    if all(ratio) and all(each.lower > 0 for each in ratio):
        low, high = math.sqrt(ratio[1].lower * ratio[2].lower), math.sqrt(ratio[1].upper * ratio[2].upper)
        passed = max(low, ratio[0].lower) < min(high, ratio[0].upper) + SLACK
        found.append(_check("Hazard ratio in the middle of its interval", ratio, passed,
                            f"the geometric middle of the limits lies between {low:.3g} and {high:.3g}"))
    return found


def hazard_ratio_and_events(summary: Summary) -> list[Check]:
    """The width of a hazard ratio's interval against the events, and a Wald P against the interval."""
    ratio = [summary.find(quantity) for quantity in ("hazard_ratio", "hazard_ratio.lower", "hazard_ratio.upper")]
    if not all(ratio) or not all(each.lower > 0 for each in ratio):
        return []
    narrowest, widest = (math.log(upper / lower) / (2 * Z) for upper, lower in
                         ((ratio[2].lower, ratio[1].upper), (ratio[2].upper, ratio[1].lower)))
    found, events = [], summary.count("events")
    if events is None and all(summary.find("events", group) for group in summary.groups):
        events = sum(summary.count("events", group) for group in summary.groups)
    if events:
        least = 2 / math.sqrt(events)
        passed = widest >= least - SLACK
        found.append(_check("Interval against events", ratio[1:], passed, f"{events} events allow a standard error of the log ratio of at least "
                            f"{least:.3f}; the interval has {narrowest:.3f} to {widest:.3f}"))
    if wald := summary.find("p.wald"):
        logs = math.log(ratio[0].lower), math.log(ratio[0].upper)
        nearest = 0.0 if logs[0] <= 0 <= logs[1] else min(map(abs, logs))
        low, high = 2 * ndtr(-max(map(abs, logs)) / max(narrowest, SLACK)), 2 * ndtr(-nearest / widest)
        passed = wald.lower <= high and low <= wald.upper
        found.append(_check("Wald P against interval", (*ratio, wald), passed, f"ratio and interval give P from {low:.2g} to {high:.2g}"))
    return found


def curve(summary: Summary) -> list[Check]:
    """What a Kaplan-Meier curve cannot do: rise, miss its median, end above what its events leave, or be too certain."""
    found = []
    for group in (*summary.groups, ""):
        points = [(time, figure) for time in summary.survival_at if (figure := summary.find(f"survival.{time:g}", group))]
        median, n, events = summary.find("median", group), _patients(summary, group), summary.count("events", group)
        for (_, earlier), (_, later) in zip(points, points[1:], strict=False):
            found.append(_check("A curve does not rise", (earlier, later), later.lower <= earlier.upper, "survival must not increase with time"))
        for time, figure in points:
            if median:
                late, early = median.lower > time, median.upper <= time
                passed = not (late and figure.upper <= 50 + SLACK) and not (early and figure.lower > 50 + SLACK)
                found.append(_check("Survival against median", (figure, median), passed,
                                    f"at {time:g} {summary.time_unit} the curve is {'above' if late else 'at or below' if early else 'near'} one half"))
            found += _certainty(summary, figure, n)
        if median and n and events is not None:
            passed = math.isfinite(median.value) or 2 * events < n
            if not math.isfinite(median.value):
                found.append(_check("Median not reached", (median,), passed, f"{events} events in {n} patients leave at most "
                                    f"{100 * (n - events) / n:.1f}% at the end of the curve"))
            elif not events:
                found.append(_check("Median without events", (median,), False, "nobody had the event"))
        for time, figure in points:
            if n and events is not None:
                fewest = math.ceil(n * (1 - min(figure.upper, 100) / 100) - SLACK)
                shortest = summary.find("follow_up.min", group) or summary.find("follow_up.min")
                if shortest and shortest.lower >= time:
                    exact = [k for k in range(events + 1) if figure.lower - SLACK <= 100 * (n - k) / n <= figure.upper + SLACK]
                    found.append(_check("Survival before any censoring", (figure, shortest), bool(exact),
                                        f"everybody was followed, so it is a share of {n}: " + (f"{n - exact[0]} of {n}" if exact else "none rounds to it")))
                elif events == 0 and fewest > 0:
                    found.append(_check("Survival without events", (figure,), False, "nobody had the event, so the curve stays at 100%"))
    return found


def _certainty(summary: Summary, figure: Figure, n: int | None) -> list[Check]:
    """The width of an interval of survival against the patients: censoring can only widen it.

    Of n patients n S(t) at most are at risk after t, so that Greenwood's sum is at least (1/S - 1)/n. The width that follows
    is taken on the plain, log and log-log scale and at both ends of what prints as the share, and the least of them counts.
    """
    lower, upper = (summary.find(f"{figure.quantity}.{end}", figure.group) for end in ("lower", "upper"))
    if not (lower and upper and n) or lower.lower <= 0 or upper.upper >= 100:
        return []
    widths = []
    for share in (min(max(end / 100, 1e-6), 1 - 1e-6) for end in (figure.lower, figure.upper)):
        error = Z * math.sqrt((1 / share - 1) / n)
        shift = error / math.log(share)
        widths += [2 * share * error, share * (math.exp(error) - math.exp(-error)), share ** math.exp(shift) - share ** math.exp(-shift)]
    least, widest = 100 * min(widths), upper.upper - lower.lower
    return [_check("Interval of survival against patients", (figure, lower, upper), widest >= least - SLACK,
                   f"{n} patients allow an interval of at least {least:.1f} percentage points; printed are {upper.value - lower.value:g}")]


def follow_up(summary: Summary) -> list[Check]:
    """Shortest, middle and longest time in order, and no median of the curve beyond the longest."""
    found = []
    for group in (*summary.groups, ""):
        ends = [figure for quantity in ("min", "median", "max") if (figure := summary.find(f"follow_up.{quantity}", group))]
        for earlier, later in zip(ends, ends[1:], strict=False):
            found.append(_check("Follow-up in order", (earlier, later), earlier.lower <= later.upper, "shortest, median and longest must ascend"))
        longest = summary.find("follow_up.max", group) or summary.find("follow_up.max")
        median = summary.find("median", group)
        if longest and median and math.isfinite(median.value):
            found.append(_check("Median within follow-up", (median, longest), median.lower <= longest.upper,
                                "nobody can have the event later than the longest follow-up"))
    return found


CHECKS = (printed_twice, totals, percentages, means, intervals, hazard_ratio_and_events, curve, follow_up)


def run_checks(summary: Summary) -> list[Check]:
    """All checks that the printed figures allow, in the order of `CHECKS`."""
    return [found for check in CHECKS for found in check(summary)]


def _patients(summary: Summary, group: str) -> int | None:
    """Patients of a group; of all, their printed number or the groups' sum."""
    n = summary.count("n", group)
    if n is None and not group:
        parts = [summary.count("n", each) for each in summary.groups]
        n = None if None in parts else sum(parts)
    return n


def _check(name: str, figures, passed: bool, finding: str) -> Check:
    shown = "; ".join(f"{named(figure.quantity, figure.group)} {figure.printed}" for figure in figures)
    places = "; ".join(dict.fromkeys(figure.place for figure in figures if figure.place))
    return Check(name, shown, bool(passed), finding[0].upper() + finding[1:] + ".", places)


def _some(sums: range) -> str:
    return str(sums[0]) if len(sums) == 1 else f"{sums[0]} to {sums[-1]}"
