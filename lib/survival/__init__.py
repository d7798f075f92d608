"""Survival analysis for a small cohort: the published analysis, and the one its data deserved.

`checks` what the times must satisfy, `estimate` curves and medians by each program's convention, `compare` tests
between groups, `regression` hazard ratios, `clocks` landmarks and delayed entry, `competing` competing risks, `assumptions`,
`groups` what a cohort offers, `batch` kernels for resampling, `claims` results in words.
"""

from lib.survival.checks import SurvivalDataError, check_clocks, check_survival
from lib.survival.compare import (
    bootstrap_median,
    leave_one_out,
    logrank,
    permutation_logrank,
    rmst_difference,
    search_cut,
    smallest_detectable_hazard_ratio,
)
from lib.survival.regression import cox, firth_cox, univariate_screen
from lib.survival.estimate import (
    at_risk_table,
    follow_up,
    kaplan_meier,
    mean_survival,
    median_survival,
    survival_at,
)
from lib.survival.groups import CLOCKS, groupings

__all__ = [
    "CLOCKS", "SurvivalDataError", "at_risk_table", "bootstrap_median", "check_clocks", "check_survival", "cox", "firth_cox",
    "follow_up", "groupings", "kaplan_meier", "leave_one_out", "logrank", "mean_survival", "median_survival",
    "permutation_logrank", "rmst_difference", "search_cut", "smallest_detectable_hazard_ratio", "survival_at",
    "univariate_screen",
]
