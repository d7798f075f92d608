"""Cohorts that agree with another paper's printed figures, found by drawing each group and pairing the draws.

Each group is drawn by `lib.reconstruct.sampler` from all cohorts that agree with the group's own figures. Draws of the two groups are
then paired at random, and a pair is kept if it agrees with the comparison and with what is printed of all patients. Where
too few pairs agree, the nearest ones are led to agreement by small changes (`lib.another_paper.figures.climb`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.another_paper.layout import PROGRAMS, Layout
from lib.another_paper.ledger import Summary
from lib.another_paper.scale import Scale, kind_of
from lib.kept import kept


@dataclass(frozen=True)
class Search:
    """How hard, and how exactly, cohorts are searched for.

    Attributes
    ----------
    seed : int
    n_wanted : int
        Most cohorts kept.
    seconds : float
        Budget for drawing one group, in the sampler's seconds: a number of steps.
    p_within, time_within : float
        How far a P value, and a limit of a median in the paper's time unit, may be from the printed one; never less
        than printing itself allows.
    """

    seed: int = 1
    n_wanted: int = 1000
    seconds: float = 2.0
    p_within: float = 0.0
    time_within: float = 0.0


@dataclass(frozen=True)
class Ensemble:
    """Cohorts that agree with what is printed, and how they were found.

    Attributes
    ----------
    summary : Summary
    layout : Layout
    scale : Scale
    search : Search
    months, died, first : ndarray, shape (n_cohorts, n)
        In months of the search, ascending within a cohort.
    figures : ndarray, shape (n_cohorts, n_figures)
        As the kernels hold them.
    printed : tuple of ndarray
        From `lib.another_paper.scale.printed_arrays`.
    n_tried, n_agreed, n_led : int
        Pairs tried, pairs that agreed, cohorts led to agreement.
    nearest : tuple of (str, float, float)
        Where nothing was found, what the nearest pair misses: figure, its value there, units off.
    """

    summary: Summary
    layout: Layout
    scale: Scale
    search: Search
    months: np.ndarray
    died: np.ndarray
    first: np.ndarray
    figures: np.ndarray
    printed: tuple[np.ndarray, ...]
    n_tried: int
    n_agreed: int
    n_led: int
    nearest: tuple[tuple[str, float, float], ...] = ()

    def __len__(self) -> int:
        return len(self.months)

    @property
    def settings(self) -> tuple:
        """What `lib.another_paper.figures.figures_of` takes beside a cohort."""
        flat, scale = PROGRAMS[self.summary.program or "spss"]
        at, to = (np.array(times) * self.scale.factor for times in (self.layout.survival_at, self.layout.mean_time_to))
        return len(self.layout.groups) == 2, flat, scale, at, to

    @property
    def same_events(self) -> bool:
        """Whether the number of events of each group is printed."""
        return all(self.summary.count("events", group) is not None for group in self.layout.groups)

    def values(self, name: str) -> np.ndarray:
        """A figure of every cohort, in the paper's units; infinity for not reached, NaN where it does not exist."""
        return self.scale.outward(kind_of(name), self.figures[:, self.layout.names.index(name)])


@kept
def find_cohorts(summary: Summary, search: Search = Search()) -> Ensemble:
    """Search for cohorts that agree with what a paper prints.

    Parameters
    ----------
    summary : Summary
        From `lib.another_paper.ledger.read_paper`.
    search : Search

    Returns
    -------
    Ensemble
        Possibly empty, which proves nothing: it then says what the nearest cohort misses.
    """
    from lib.another_paper.pairing import search_cohorts  # compiled code takes long to load

    return search_cohorts(summary, search)
