"""The search for cohorts: each group drawn by the sampler, draws paired, near misses led to agreement. Slow to load."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from lib.another_paper import figures as kernels
from lib.another_paper.ensemble import Ensemble, Search
from lib.another_paper.layout import Layout
from lib.another_paper.ledger import Summary
from lib.another_paper.scale import Scale, kind_of, printed_arrays, scale_of
from lib.reconstruct.constraints import Interval, MedianRow
from lib.reconstruct.sampler import Tolerance, TrialConstraints, sample

N_THREADS = 2
DRAWS_A_GROUP = 2000
PAIRS_A_DRAW = 100
FEWEST_DRAWS = 300
MOST_SPLITS = 7
MOST_CLIMBS = 200
CLIMB_STEPS = 6000


def search_cohorts(summary: Summary, search: Search) -> Ensemble:
    """See `lib.another_paper.ensemble.find_cohorts`."""
    layout, scale = Layout(summary.groups, summary.survival_at, summary.mean_time_to), scale_of(summary)
    printed = printed_arrays(summary, layout, scale, search.p_within, search.time_within)
    empty = np.empty((0, sum(summary.count("n", group) for group in layout.groups)))
    found = Ensemble(summary, layout, scale, search, empty, empty.astype(bool), empty.astype(bool),
                     np.empty((0, len(layout.names))), printed, 0, 0, 0)
    splits, rng = event_splits(summary), np.random.default_rng(search.seed)
    ways = list(itertools.product(splits, _pins(summary)))
    parts = [_pairs(found, *way, n_wanted, len(ways), rng) for way, n_wanted in zip(ways, _shares(search.n_wanted, len(ways)), strict=True)]
    months, died, first, distances = (np.concatenate(each) for each in zip(*(part[:4] for part in parts), strict=True))
    n_tried, n_agreed = (sum(part[place] for part in parts) for place in (4, 5))
    return _finished(found, months, died, first, distances, n_tried, n_agreed, rng)


def event_splits(summary: Summary) -> list[tuple[int, ...]]:
    """Numbers of events by group that the print allows; evenly thinned to `MOST_SPLITS`."""
    events = [summary.count("events", group) for group in summary.groups]
    total = summary.count("events")
    if all(each is not None for each in events):
        return [tuple(events)]
    if len(events) == 1:
        return [(total,)]
    sizes = [summary.count("n", group) for group in summary.groups]
    known = [range(each, each + 1) if each is not None else range(size + 1) for each, size in zip(events, sizes, strict=True)]
    possible = [(first, total - first) for first in known[0] if total - first in known[1]
                and not any(_reached(summary, group) and not each for group, each in zip(summary.groups, (first, total - first), strict=True))]
    return [possible[round(place)] for place in np.linspace(0, len(possible) - 1, min(len(possible), MOST_SPLITS))]


def _reached(summary: Summary, group: str) -> bool:
    median = summary.find("median", group)
    return median is not None and math.isfinite(median.value)


def _shares(n_wanted: int, n_parts: int) -> list[int]:
    return [n_wanted // n_parts + (part < n_wanted % n_parts) for part in range(n_parts)]


def _pins(summary: Summary) -> list[tuple[int, int]]:
    """Which group holds the shortest and which the longest time of all, where these are printed of all patients."""
    groups = range(len(summary.groups))
    ends = [groups if summary.find(f"follow_up.{end}") and len(groups) > 1 else (0,) for end in ("min", "max")]
    return list(itertools.product(*ends))


def _pairs(found: Ensemble, split: tuple[int, ...], pinned: tuple[int, int], n_wanted: int, n_ways: int, rng: np.random.Generator) -> tuple:
    """Draw the groups and pair the draws: the agreeing pairs and, where they are too few, the nearest others.

    Of several ways to split the events and to place the shortest and longest time each has its share of the effort.
    """
    summary, search = found.summary, replace(found.search, seconds=found.search.seconds / n_ways)
    seeds = rng.integers(2**31, size=len(split)).tolist()
    draws = _side_by_side(lambda number: _draw(summary, found.scale, summary.groups[number], split[number], [number == pin for pin in pinned], search,
                                               seeds[number]), range(len(split)))
    nothing = (found.months, found.died, found.first, np.empty(0), 0, 0)
    if any(not len(draw[0]) for draw in draws):
        return nothing
    own = [_own_distances(found, group, *draw) for group, draw in zip(summary.groups, draws, strict=True)]
    if len(draws) == 1:
        pairs, distances = np.arange(len(own[0]))[:, None], own[0]
    else:
        draws = [_agreeing(found, group, draw, off, n_ways, rng) for group, draw, off in zip(summary.groups, draws, own, strict=True)]
        _, flat, scale, at, to = found.settings
        pairs = np.stack([rng.integers(len(draw[0]), size=PAIRS_A_DRAW * DRAWS_A_GROUP // n_ways) for draw in draws], axis=1)
        pairs = pairs[np.unique(pairs[:, 0] * len(draws[1][0]) + pairs[:, 1], return_index=True)[1]]
        distances = np.concatenate(_side_by_side(lambda part: kernels.pair_distances(
            *draws[0], *draws[1], part, flat, scale, at, to, len(found.layout.names), *found.printed), np.array_split(pairs, N_THREADS)))
    n_agreed = int((distances == 0).sum())
    order = np.argsort(distances + np.where(distances == 0, -rng.random(len(distances)), 0.0), kind="stable")[:max(n_wanted, math.ceil(MOST_CLIMBS / n_ways))]
    order = order[: n_wanted] if n_agreed >= n_wanted else order
    return *_merged(draws, pairs[order]), np.maximum(distances[order], 0.0), len(pairs), n_agreed


def _side_by_side(function, items) -> list:
    """Results of compiled code that lets other threads run, in the order of the items."""
    with ThreadPoolExecutor(N_THREADS) as pool:
        return list(pool.map(function, items))


def _own_distances(found: Ensemble, group: str, months: np.ndarray, died: np.ndarray) -> np.ndarray:
    """How far each draw of one group is from the group's own printed figures."""
    names = Layout((group,), found.layout.survival_at, found.layout.mean_time_to).names
    figures, printed = np.empty((len(months), len(names))), _own_printed(found, names)
    kernels.many_figures(months, died, np.ones_like(died), False, *found.settings[1:], figures)
    return np.array([kernels.distance(each, *printed) for each in figures])


def _own_printed(found: Ensemble, names: list[str]) -> tuple[np.ndarray, ...]:
    """What is printed of the figures named, placed among them."""
    place, *bounds = found.printed
    own = np.array([names.index(name) if (name := found.layout.names[each]) in names else -1 for each in place], dtype=np.int64)
    return own[own >= 0], *(bound[own >= 0] for bound in bounds)


def _agreeing(found: Ensemble, group: str, draw: tuple[np.ndarray, np.ndarray], off: np.ndarray, n_ways: int,
              rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The draws that agree with their group's own figures; of fewer than `FEWEST_DRAWS` the nearest others are led there."""
    order = np.argsort(off, kind="stable")[:max(int((off == 0).sum()), math.ceil(FEWEST_DRAWS / n_ways))]
    months, died = (part[order].copy() for part in draw)
    off = off[order]
    names = Layout((group,), found.layout.survival_at, found.layout.mean_time_to).names
    printed = _own_printed(found, names)
    for number in np.flatnonzero(off):
        off[number] = kernels.climb(months[number], died[number], np.ones_like(died[number]), False, True, *found.settings[1:], len(names), *printed,
                                    -1, -1, 0.0, 1.0, CLIMB_STEPS, int(rng.integers(2**31)))
    best = np.flatnonzero(off == 0) if (off == 0).any() else np.arange(len(off))
    return months[best], died[best]


def _merged(draws: list, pairs: np.ndarray) -> tuple[np.ndarray, ...]:
    if len(draws) == 1:
        months, died = (part[pairs[:, 0]] for part in draws[0])
        return months, died, np.ones_like(died)
    n = draws[0][0].shape[1] + draws[1][0].shape[1]
    months, died, first = np.empty((len(pairs), n)), np.empty((len(pairs), n), bool), np.empty((len(pairs), n), bool)
    for number, (i, j) in enumerate(pairs):
        kernels.merge(draws[0][0][i], draws[0][1][i], draws[1][0][j], draws[1][1][j], months[number], died[number], first[number])
    return months, died, first


def _draw(summary: Summary, scale: Scale, group: str, events: int, pinned: list[bool], search: Search,
          seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws of one group that agree with its own figures, ascending in time: months and events."""
    n = summary.count("n", group)

    def interval(quantity: str, of: str = group, within: float = 0.0) -> Interval:
        figure = summary.find(quantity, of)
        return Interval() if figure is None else Interval(*scale.interval(figure, within))

    limits = [interval(f"median.{end}", within=search.time_within) if summary.program == "spss" else Interval() for end in ("lower", "upper")]
    median = interval("median")
    shortest, longest = interval("follow_up.min") & Interval(0.0), interval("follow_up.max")
    of_all = [interval(f"follow_up.{end}", "") if len(summary.groups) > 1 else Interval() for end in ("min", "max")]
    shortest &= of_all[0] if pinned[0] else Interval(of_all[0].lower)
    longest &= of_all[1] if pinned[1] else Interval(upper=of_all[1].upper)
    shares = {time * scale.factor: interval(f"survival.{time:g}") for time in summary.survival_at if summary.find(f"survival.{time:g}", group)}
    trial = TrialConstraints(n, events, MedianRow(group, median, *limits, median), (), interval("follow_up.median"), shortest, longest, shares)
    draws = sample(trial, Tolerance(0.0, 0.0), seed, DRAWS_A_GROUP, search.seconds)
    shape = (draws.attrs["n_cohorts"], n)
    return draws.os_treatment_months.to_numpy(float).reshape(shape), draws.died.to_numpy(bool).reshape(shape)


def _finished(found: Ensemble, months, died, first, distances, n_tried: int, n_agreed: int, rng: np.random.Generator) -> Ensemble:
    """Lead the nearest to agreement where too few agree, compute all figures, and keep what agrees."""
    settings, n_wanted = found.settings, found.search.n_wanted
    names, n_led = found.layout.names, 0
    if (distances == 0).sum() < n_wanted and len(distances):
        for cohort in np.argsort(distances, kind="stable")[int((distances == 0).sum()):][:MOST_CLIMBS]:
            distances[cohort] = kernels.climb(months[cohort], died[cohort], first[cohort], settings[0], found.same_events,
                                              *settings[1:], len(names), *found.printed, -1, -1, 0.0, 1.0, CLIMB_STEPS,
                                              int(rng.integers(2**31)))
            n_led += distances[cohort] == 0
    figures = np.empty((len(months), len(names)))
    kernels.many_figures(months, died, first, *settings, figures)
    kept = np.flatnonzero(distances == 0)[:n_wanted]
    nearest = () if len(kept) or not len(distances) else _misses(found, figures[distances.argmin()])
    return replace(found, months=months[kept], died=died[kept], first=first[kept], figures=figures[kept], n_tried=n_tried,
                   n_agreed=n_agreed, n_led=int(n_led), nearest=nearest)


def _misses(found: Ensemble, figures: np.ndarray) -> tuple[tuple[str, float, float], ...]:
    missed = []
    for place, lower, upper, unit in zip(*found.printed, strict=True):
        one = np.array([place]), np.array([lower]), np.array([upper]), np.array([unit])
        off = kernels.distance(figures, *one)
        name = found.layout.names[place]
        if off > 0:
            missed.append((name, float(found.scale.outward(kind_of(name), figures[place:place + 1])[0]), float(off)))
    return tuple(sorted(missed, key=lambda each: -each[2]))
