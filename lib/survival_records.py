"""What the survival chapter hands on, under the names of the ledger."""

from __future__ import annotations

import re

from lib.survival.estimate import mean_survival, survival_at
from lib.survival.paper import axis_checks


def slug(text: str) -> str:
    """A reader's name as part of a quantity name."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_")


def record_clocks(chapter, curves: dict, choices, ledger) -> None:
    """Coverage; then median, interval, mean and twelve-month survival of each clock, and the axes the ledger prints."""
    coverage = 100 * choices.conf_level
    chapter.record("protocol.conf_level", coverage, holds=True, observed=f"{coverage:g}")
    for name, curve in curves.items():
        _record_median(chapter, name, choices.median(curve))
        chapter.record(f"{name}.mean", mean_survival(curve).value)
        chapter.record(f"{name}.at_12_months", survival_at(curve, 12.0).value, reason="nobody was followed so far")
        for quantity, check in axis_checks(curve, ledger, f"{name}.axis").items():
            chapter.record(quantity, check["value"], holds=check["holds"], observed=check["observed"])


def record_groups(chapter, grouped: dict, tests: dict, choices) -> None:
    """Medians, intervals and P of each comparison."""
    for name, (_, by_level) in grouped.items():
        chapter.record(f"os_treatment.{name}.p", tests[name].p_value, reason=tests[name].reason)
        for level, curve in by_level.items():
            _record_median(chapter, f"os_treatment.{name}.{level}", choices.median(curve))


def record_screen(chapter, screen) -> None:
    """Hazard ratio of each covariate that has one."""
    for row in screen[screen.hazard_ratio.notna()].itertuples():
        chapter.record(f"os_treatment.cox.{slug(row.covariate)}.hazard_ratio", row.hazard_ratio)


def record_small_sample(chapter, name: str, fit, permuted) -> None:
    """Hazard ratio and permutation P of one comparison."""
    chapter.record(f"os_treatment.{name}.hazard_ratio", fit.hazard_ratio, reason=fit.reason)
    chapter.record(f"os_treatment.{name}.permutation_p", permuted.p_value, reason=permuted.reason)


def record_arms(chapter, arms: dict, choices) -> None:
    """Median survival by first treatment."""
    for arm, curve in arms.items():
        chapter.record(f"os_treatment.first_treatment.{slug(arm)}.median", choices.median(curve).value)


def _record_median(chapter, stem: str, median) -> None:
    chapter.record({f"{stem}.median": median.value, f"{stem}.lower": median.lower, f"{stem}.upper": median.upper},
                   reason=median.reason)
