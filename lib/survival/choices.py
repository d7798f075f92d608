"""The conventions that a reader chose for the survival chapter, in one object that estimates by them."""

from __future__ import annotations

from dataclasses import dataclass

from lib.survival.estimate import median_survival
from lib.survival.regression import cox

PROGRAMS = {"spss": "SPSS", "r": "R", "sas": "SAS", "lifelines": "lifelines"}


@dataclass(frozen=True)
class Choices:
    """Conventions of a run.

    Attributes
    ----------
    conf_level : float
        Two-sided coverage of every interval.
    median_convention : str
        See `lib.survival.estimate.median_survival`.
    modern_interval : str
        Scale of the second interval of a median and of the bands.
    cox_ties : str
        See `lib.survival.regression.cox`.
    """

    conf_level: float = 0.95
    median_convention: str = "spss"
    modern_interval: str = "log-log"
    cox_ties: str = "breslow"

    @property
    def alpha(self) -> float:
        """Level of a two-sided test."""
        return 1 - self.conf_level

    @property
    def coverage(self) -> str:
        """``"95%"``."""
        return f"{100 * self.conf_level:g}%"

    @property
    def program(self) -> str:
        """The program whose median convention is used, for readers."""
        return PROGRAMS[self.median_convention]

    @property
    def ties(self) -> str:
        """The treatment of tied deaths, for readers: Breslow and Efron are names."""
        return self.cox_ties if self.cox_ties == "exact" else self.cox_ties.capitalize()

    def median(self, curve):
        """Median of a curve with its interval (Estimate)."""
        return median_survival(curve, self.median_convention)

    def modern(self, curve):
        """The same median with the interval of the band (Estimate)."""
        return median_survival(curve, self.median_convention, self.modern_interval)

    def cox(self, months, event, covariate):
        """Cox regression on one covariate (CoxResult)."""
        return cox(months, event, covariate, ties=self.cox_ties, conf_level=self.conf_level)
