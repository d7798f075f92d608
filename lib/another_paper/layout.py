"""Which figures a cohort has, and where each stands in its array."""

from __future__ import annotations

from dataclasses import dataclass

from lib.another_paper.ledger import named

PROGRAMS = {"spss": (0, 0), "r": (1, 1), "sas": (2, 2), "lifelines": (0, 2)}
"""Program to its code for a flat step at one half (beginning, middle, middle before the next event) and for the
interval (SPSS's symmetric one, log, log-log)."""
OF_A_GROUP = ("median", "median.lower", "median.upper", "follow_up.reverse_median", "follow_up.median", "follow_up.min",
              "follow_up.max")
OF_A_COMPARISON = ("p", "p.wald", "hazard_ratio", "hazard_ratio.lower", "hazard_ratio.upper")


@dataclass(frozen=True)
class Layout:
    """Where each figure stands in a cohort's array.

    Attributes
    ----------
    groups : tuple of str
        One or two.
    survival_at, mean_time_to : tuple of float
    """

    groups: tuple[str, ...]
    survival_at: tuple[float, ...]
    mean_time_to: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        """Names by place: ``median(placebo)``, ``hazard_ratio``, ``mean_time_gained.12``."""
        of_a_group = [*OF_A_GROUP, *(f"survival.{each:g}" for each in self.survival_at),
                      *(f"mean_time.{each:g}" for each in self.mean_time_to)]
        sets = self.groups if len(self.groups) == 1 else (*self.groups, "")
        names = [named(quantity, group) for group in sets for quantity in of_a_group]
        if len(self.groups) == 2:
            names += [*OF_A_COMPARISON, *(f"mean_time_gained.{each:g}" for each in self.mean_time_to)]
        return names
