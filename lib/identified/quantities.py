"""Every quantity of chapters 1 to 4 that the paper does not print and that the columns of the ensemble allow.

Names are those under which the chapters record them (`lib.narrative.Chapter.record`), or would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, ndtr, ndtri

from lib.cohort import DAYS_PER_MONTH
from lib.identified import dealt, group_tests, kernels
from lib.identified.cohorts import TREATMENTS, Cohorts
from lib.reconstruct.completion.visits import FIRST_VISIT_DAY, LAST_VISIT_DAY, VISIT_SPREAD_DAYS

CONF_LEVEL = 0.95
LANDMARK_MONTHS, EARLIEST_CUT, LATEST_CUT = 3.0, 1, 12
POINTS_MONTHS = (6.0, 12.0, 24.0)
RMST_MONTHS = 24.0
SMALLEST_RISK_SET = 5
SAME_TIME_MONTHS = 2.0 / DAYS_PER_MONTH
N_RESAMPLES, SEED = 2000, 20200905
"""Choices of the chapters' parameters cells; a test holds them together."""
VISIT_MONTHS = 3.0
"""When the imaging visit was planned, as the ledger prints it; a test holds them together."""

CLOCKS = {"os_treatment": ("os_treatment_months", "died", "overall survival from first treatment"),
          "os_liver_metastasis": ("os_liver_metastasis_months", "died", "overall survival from liver metastasis"),
          "os_diagnosis": ("os_diagnosis_months", "died", "overall survival from diagnosis"),
          "liver_pfs": ("liver_pfs_months", "liver_progressed", "liver progression-free survival")}
GROUPINGS = {
    # name: (flag, whether the second level is where the flag is true, second level against first, title in the Cox table)
    "extrahepatic_disease": ("extrahepatic_disease", True, "with against without extrahepatic disease", "extrahepatic_disease"),
    "meld_change": ("meld_increased", True, "MELD increased against not", "meld_score_at_3_months"),
    "treatment_gap": ("early_treatment", False, "late against early treatment", "time_from_liver_metastasis_to_treatment"),
    "mrecist_response": ("mrecist_responder", False, "mRECIST non-responders against responders",
                         "imaging_response_by_mrecist"),
}
SLUGS = {"DEB-TACE": "deb_tace", "Y90": "y90", "ablation": "ablation"}


@dataclass(frozen=True)
class Quantity:
    """What a quantity is.

    Attributes
    ----------
    title : str
        In a reader's words.
    unit : str
        Blank for a pure number.
    chapter : int
        Where it is computed for the reference cohort.
    decimals : int
        To how many it is shown.
    by_treatment : bool
        Whether it depends on who had which treatment or which category of response.
    """

    title: str
    unit: str
    chapter: int
    decimals: int
    by_treatment: bool = False


QUANTITIES: dict[str, Quantity] = {}


def _known(name: str, title: str, unit: str = "", chapter: int = 4, decimals: int = 2, by_treatment: bool = False) -> str:
    QUANTITIES[name] = Quantity(title, unit, chapter, decimals, by_treatment)
    return name


def _known_ratio(name: str, title: str) -> None:
    """A hazard ratio with its limits."""
    _known(name, title)
    for end in ("lower", "upper"):
        _known(f"{name}.{end}", f"{end} limit of the {title}")


for _clock, (_, _, _title) in CLOCKS.items():
    for _months in POINTS_MONTHS:
        _known(f"{_clock}.at_{_months:.0f}_months", f"{_months:.0f}-month {_title}")
    if _clock in ("os_treatment", "liver_pfs"):
        _known(f"{_clock}.rmst_24_months", f"mean {_title}, up to 24 months", "months", decimals=1)
for _clock in CLOCKS:
    _known(f"{_clock}.mean", f"mean {CLOCKS[_clock][2]}, up to the longest time", "months", decimals=1)
_known("follow_up.reverse_km.median", "median follow-up by reverse Kaplan-Meier", "months", 1, 1)
_known("gap.mean", "mean time from liver metastasis to treatment", "months", 1, 1)
_known("gap.sd", "standard deviation of the time from liver metastasis to treatment", "months", 1, 1)
_known("balance.gap.largest_smd", "largest standardised difference of the time to treatment between treatments", "", 1, 2, True)
for _name, (_, _, _contrast, _cox_name) in GROUPINGS.items():
    _stem = f"os_treatment.{_name}"
    _known_ratio(f"{_stem}.hazard_ratio", f"hazard ratio, {_contrast}")
    for _part, _what in (("firth", "Firth's hazard ratio"), ("firth.lower", "lower limit of Firth's hazard ratio"),
                         ("firth.upper", "upper limit of Firth's hazard ratio")):
        _known(f"{_stem}.{_part}", f"{_what}, {_contrast}")
    for _part, _what in (("wald_p", "P of Cox regression (Wald)"), ("score_p", "P of Cox regression (score)"),
                         ("likelihood_ratio_p", "P of Cox regression (likelihood ratio)"), ("firth_p", "P of Firth's regression"),
                         ("permutation_p", "exact permutation P"), ("breslow_wilcoxon_p", "Breslow-Wilcoxon P"),
                         ("tarone_ware_p", "Tarone-Ware P")):
        _known(f"{_stem}.{_part}", f"{_what}, {_contrast}", decimals=3)
    _known(f"{_stem}.rmst_difference", f"mean survival gained, first minus second level, {_contrast}", "months", decimals=1)
    _known(f"os_treatment.cox.{_cox_name}.hazard_ratio", f"hazard ratio in the Cox table, {_contrast}")
for _name in ("meld_change", "mrecist_response"):
    _known(f"os_treatment.{_name}.landmark_p", f"log-rank P from the landmark at 3 months, {GROUPINGS[_name][2]}", decimals=3)
    _known_ratio(f"os_treatment.{_name}.landmark_hazard_ratio", f"hazard ratio from the landmark at 3 months, {GROUPINGS[_name][2]}")
    for _number in ("first", "second"):
        _known(f"os_treatment.{_name}.landmark_median.{_number}",
               f"median survival from the landmark at 3 months, {_number} group of {GROUPINGS[_name][2]}", "months", decimals=1)
    _known_ratio(f"os_treatment.{_name}.time_dependent_hazard_ratio",
                 f"time-dependent hazard ratio, {GROUPINGS[_name][2]} (days of the visit dealt at random)")
    _known(f"os_treatment.{_name}.time_dependent_p",
           f"P of time-dependent Cox regression (Wald), {GROUPINGS[_name][2]} (days of the visit dealt at random)", decimals=3)
for _name in ("extrahepatic_disease", "treatment_gap"):
    _known(f"liver_pfs.{_name}.gray_p", f"P of Gray's test of liver progression, {GROUPINGS[_name][2]}", decimals=3)
_known_ratio("os_treatment.treatment_gap.per_month.hazard_ratio", "hazard ratio per month from liver metastasis to treatment")
_known("os_treatment.treatment_gap.per_month.wald_p", "P (Wald) of the months from liver metastasis to treatment", decimals=3)
_known("os_treatment.treatment_gap.best_cut_p", "smallest log-rank P over the cuts of the time to treatment", decimals=3)
_known("os_treatment.cox.treatment_gap_per_month.hazard_ratio", "hazard ratio per month from liver metastasis to treatment, in the Cox table")
_known("os_treatment.treatment_gap.corrected_p", "P of the best cut of the time to treatment, corrected for the search", decimals=3)
for _treatment, _slug in SLUGS.items():
    _known(f"os_treatment.first_treatment.{_slug}.median", f"median overall survival after {_treatment}", "months", 4, 1, True)
    _known(f"os_treatment.first_treatment.{_slug}.at_12_months", f"12-month overall survival after {_treatment}", "", 4, 2, True)
_known("os_treatment.first_treatment.p", "log-rank P of the three first treatments", "", 4, 3, True)
_known("os_treatment.first_treatment.y90_vs_deb_tace.hazard_ratio", "hazard ratio, Y90 against DEB-TACE", "", 4, 2, True)
_known("os_treatment.first_treatment.y90_vs_deb_tace.p", "log-rank P, Y90 against DEB-TACE", "", 4, 3, True)
for _clock in ("os_diagnosis", "os_liver_metastasis"):
    _known(f"{_clock}.delayed_entry.median", f"median {CLOCKS[_clock][2]} with delayed entry", "months", decimals=1)
    _known(f"{_clock}.delayed_entry.start", f"first month with enough patients at risk, {CLOCKS[_clock][2]}", "months", decimals=1)
    _known_ratio(f"{_clock}.entry_dependence.hazard_ratio", f"hazard ratio per month waited for treatment, {CLOCKS[_clock][2]}")
    _known(f"{_clock}.entry_dependence.p", f"P (Wald) of the months waited for treatment, {CLOCKS[_clock][2]}", decimals=3)
for _cause in ("progression", "death"):
    for _months in POINTS_MONTHS:
        _known(f"liver_pfs.incidence.{_cause}.at_{_months:.0f}_months",
               f"{_months:.0f}-month cumulative incidence of liver {_cause}" if _cause == "progression" else
               f"{_months:.0f}-month cumulative incidence of death without liver progression")
_known("liver_pfs.liver_or_death.median", "median survival free of liver progression and death", "months", decimals=1)
_known("liver_pfs.liver_or_death.at_12_months", "12-month survival free of liver progression and death")
for _part, _title in (("age_per_10_years", "age, per 10 years"), ("sex", "male against female"),
                      ("ecog_performance_status_per_point", "ECOG performance status, per point"),
                      ("prior_chemotherapy", "prior chemotherapy"), ("prior_hepatic_metastasectomy", "prior hepatic metastasectomy"),
                      ("lobar_disease", "unilobar against bilobar disease"), ("liver_lesions_per_lesion", "liver lesions, per lesion"),
                      ("meld_at_baseline_per_point", "MELD at baseline, per point"),
                      ("meld_at_3_months_per_point", "MELD at 3 months, per point")):
    _known(f"os_treatment.cox.{_part}.hazard_ratio", f"hazard ratio, {_title} (values dealt at random)")
for _analyte in dealt.FOLLOWED:
    for _visit in dealt.VISITS:
        _known(dealt.lab_name(_analyte, _visit), f"hazard ratio per SD of {_analyte if _analyte in ('albumin', 'bilirubin') else _analyte.upper()}, "
               f"{_visit.replace('month_3', '3 months')} (values dealt at random)")
_known("response.kappa", "Cohen's kappa of RECIST and mRECIST", "", 3, 2, True)
_known("response.kappa.lower", "lower limit of Cohen's kappa of RECIST and mRECIST", "", 3, 2, True)
_known("response.kappa.upper", "upper limit of Cohen's kappa of RECIST and mRECIST", "", 3, 2, True)
_known("response.kappa.linear", "kappa of RECIST and mRECIST with linear weights", "", 3, 2, True)
_known("response.worse_by_mrecist.count", "patients with a worse category by mRECIST than by RECIST", "patients", 3, 0, True)


def compute(cohorts: Cohorts, only: Callable[[str], bool] = lambda part: True) -> dict[str, np.ndarray]:
    """Every quantity of every cohort.

    Parameters
    ----------
    cohorts : Cohorts
    only : callable
        Of the names of `PARTS`: which to compute.

    Returns
    -------
    dict of str to ndarray of float, shape (n_cohorts,)
        Infinite where a time is not reached; NaN where the quantity does not exist.
    """
    found: dict[str, np.ndarray] = {}
    for part, computed_by in PARTS.items():
        if only(part):
            found |= computed_by(cohorts)
    return found


def each(kernel: Callable, *arrays, n_found: int = 1) -> np.ndarray:
    """Run a kernel on each cohort's rows; shape (n_cohorts,), or (n_found, n_cohorts) for a kernel that gives several."""
    found = np.array([kernel(*rows) for rows in zip(*arrays, strict=True)], dtype=float)
    return found if n_found == 1 else found.reshape(-1, n_found).T


def at_points(months, events, members, points=POINTS_MONTHS) -> np.ndarray:
    """Kaplan-Meier survival at given times, shape (n_points, n_cohorts)."""
    found, none = np.empty((len(months), len(points))), np.zeros(months.shape[1])
    for number in range(len(months)):
        kernels.survival_points(months[number], none, events[number], members[number], np.array(points), found[number])
    return found.T


def _everyone(cohorts: Cohorts) -> np.ndarray:
    return np.ones_like(cohorts["died"])


def _from_start(cohorts: Cohorts) -> np.ndarray:
    return np.zeros_like(cohorts["os_treatment_months"])


def medians(cohorts: Cohorts, months: str = "os_treatment_months", events: np.ndarray | None = None,
            members: np.ndarray | None = None, entry: np.ndarray | None = None) -> np.ndarray:
    """Kaplan-Meier median of some patients of each cohort, months; infinite where not reached."""
    return each(kernels.median_time, cohorts[months], _from_start(cohorts) if entry is None else entry,
                cohorts["died"] if events is None else events, _everyone(cohorts) if members is None else members)


def _curves(cohorts: Cohorts) -> dict[str, np.ndarray]:
    found, everyone = {}, _everyone(cohorts)
    for clock, (months, event, _) in CLOCKS.items():
        survival = at_points(cohorts[months], cohorts[event], everyone)
        found |= {f"{clock}.at_{point:.0f}_months": values for point, values in zip(POINTS_MONTHS, survival)}
        horizons = {f"{clock}.mean": cohorts[months].max(axis=1)}
        if f"{clock}.rmst_24_months" in QUANTITIES:
            horizons[f"{clock}.rmst_24_months"] = np.full(len(cohorts), RMST_MONTHS)
        found |= {name: each(kernels.restricted_mean, cohorts[months], cohorts[event], everyone, horizon)
                  for name, horizon in horizons.items()}
    return found | {"follow_up.reverse_km.median": medians(cohorts, events=~cohorts["died"])}


def second_level(cohorts: Cohorts, grouping: str) -> np.ndarray:
    """Membership of the second level of a grouping, as the chapters compare it with the first."""
    flag, where_true, _, _ = GROUPINGS[grouping]
    return cohorts[flag] if where_true else ~cohorts[flag]


def _comparisons(cohorts: Cohorts) -> dict[str, np.ndarray]:
    months, died = cohorts["os_treatment_months"], cohorts["died"]
    members = {name: second_level(cohorts, name) for name in GROUPINGS}
    # one sort of all subsets serves every grouping
    permuted = np.array([kernels.permutation_p_values(*rows) for rows in zip(months, died, np.stack([*members.values()], axis=1))])
    found = {f"os_treatment.{name}.permutation_p": p for name, p in zip(members, permuted.T)}
    for name, second in members.items():
        found |= comparison(name, months, died, second) | weighted_tests(name, months, died, second)
        found[f"os_treatment.{name}.rmst_difference"] = _mean_gained(months, died, second)
    return found


def comparison(name: str, months: np.ndarray, died: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """What Cox's and Firth's regression say of one grouping.

    Parameters
    ----------
    name : str
        A key of `GROUPINGS`.
    months, died, second : ndarray, shape (n_cohorts, n_patients)
        Survival from first treatment, and membership of the second level.

    Returns
    -------
    dict of str to ndarray, shape (n_cohorts,)
    """
    stem, x, entry = f"os_treatment.{name}", second.astype(float), np.zeros_like(months)
    fit = hazard_ratio(months, entry, died, x)
    half_quantile = np.full(len(months), chdtri(1, 1 - CONF_LEVEL) / 2)
    log_ratio, lower, upper, statistic = each(kernels.firth, months, entry, died, x, half_quantile, n_found=4)
    return with_limits(f"{stem}.hazard_ratio", fit) | {
        f"{stem}.wald_p": fit["wald_p"], f"{stem}.score_p": fit["score_p"], f"{stem}.likelihood_ratio_p": fit["likelihood_ratio_p"],
        f"os_treatment.cox.{GROUPINGS[name][3]}.hazard_ratio": fit["hazard_ratio"],
        f"{stem}.firth": np.exp(log_ratio), f"{stem}.firth.lower": np.exp(lower), f"{stem}.firth.upper": np.exp(upper),
        f"{stem}.firth_p": chdtrc(1, statistic)}


def weighted_tests(name: str, months, died, second) -> dict[str, np.ndarray]:
    """P of one grouping by the weighted relatives of the log-rank test, each of shape (n_cohorts,)."""
    entry = np.zeros_like(months)
    return {f"os_treatment.{name}.{test}_p": _chi_square_p(*each(
        kernels.weighted_log_rank, months, entry, died, second, np.full(len(months), power), n_found=2))
        for test, power in (("breslow_wilcoxon", 1.0), ("tarone_ware", 0.5))}


def hazard_ratio(months, entry, events, x) -> dict[str, np.ndarray]:
    """Cox regression of each cohort on one covariate: ``hazard_ratio, lower, upper, wald_p, score_p, likelihood_ratio_p``.

    Each is of shape (n_cohorts,).
    """
    beta, error, score_z, ratio = each(kernels.cox, months, entry, events, x, n_found=4)
    half = ndtri(0.5 + CONF_LEVEL / 2) * error
    return {"hazard_ratio": np.exp(beta), "lower": np.exp(beta - half), "upper": np.exp(beta + half),
            "wald_p": 2 * ndtr(-np.abs(beta / error)), "score_p": chdtrc(1, score_z**2), "likelihood_ratio_p": chdtrc(1, ratio)}


def with_limits(name: str, fit: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A hazard ratio of `hazard_ratio` under its name, and its limits under theirs."""
    return {name: fit["hazard_ratio"], f"{name}.lower": fit["lower"], f"{name}.upper": fit["upper"]}


def log_rank_p(months, entry, events, members) -> np.ndarray:
    """Two-sided log-rank P of each cohort; NaN where the groups were never at risk together."""
    return _chi_square_p(*each(kernels.log_rank, months, entry, events, members, n_found=2))


def _chi_square_p(difference, variance) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, chdtrc(1, difference**2 / variance), np.nan)


def _mean_gained(months, died, second) -> np.ndarray:
    """Restricted mean of the first level minus the second, up to the shorter of their longest times."""
    horizon = np.minimum(np.where(second, months, 0).max(axis=1), np.where(second, 0, months).max(axis=1))
    return (each(kernels.restricted_mean, months, died, ~second, horizon)
            - each(kernels.restricted_mean, months, died, second, horizon))


def _landmarks(cohorts: Cohorts) -> dict[str, np.ndarray]:
    found, months = {}, cohorts["os_treatment_months"]
    # whoever is gone by the landmark never enters the risk set
    entry = np.where(months > LANDMARK_MONTHS, LANDMARK_MONTHS, np.inf)
    for name in ("meld_change", "mrecist_response"):
        second = second_level(cohorts, name)
        died = cohorts["died"] & (months > LANDMARK_MONTHS)
        found[f"os_treatment.{name}.landmark_p"] = log_rank_p(months, entry, died, second)
        found |= with_limits(f"os_treatment.{name}.landmark_hazard_ratio", hazard_ratio(months, entry, died, second.astype(float)))
        for number, members in (("first", ~second), ("second", second)):
            left = medians(cohorts, events=died, members=members & (months > LANDMARK_MONTHS))
            found[f"os_treatment.{name}.landmark_median.{number}"] = left - LANDMARK_MONTHS
    return found


def visit_months(cohorts: Cohorts, seed: int = SEED) -> np.ndarray:
    """Months from first treatment to the month-3 visit, dealt as for the reference cohort, shape (n_cohorts, n_patients).

    The ensemble keeps no day of the visit. Who progressed in the liver at the visit had it that day; the others about
    three months after treatment, within the window, and before progression or the end of follow-up.
    """
    ends = cohorts["liver_pfs_months"] * DAYS_PER_MONTH
    latest = np.where(cohorts["liver_progressed"], np.ceil(ends) - 1, np.floor(ends))
    drawn = np.random.default_rng(seed).normal(VISIT_MONTHS * DAYS_PER_MONTH, VISIT_SPREAD_DAYS, ends.shape).round()
    days = np.maximum(np.minimum(np.minimum(drawn, latest), LAST_VISIT_DAY), FIRST_VISIT_DAY)
    return np.where(cohorts["mrecist_pd_month_3"], ends, days) / DAYS_PER_MONTH


def time_dependent(cohorts: Cohorts, name: str, known: np.ndarray) -> dict[str, np.ndarray]:
    """Cox regression on membership of the second level from the day on which it becomes known.

    Parameters
    ----------
    cohorts : Cohorts
    name : str
        A key of `GROUPINGS`.
    known : ndarray, shape (n_cohorts, n_patients)
        Months from first treatment.

    Returns
    -------
    dict of str to ndarray, shape (n_cohorts,)
        As `hazard_ratio`.
    """
    months, died = cohorts["os_treatment_months"], cohorts["died"]
    changes = second_level(cohorts, name) & (known < months)
    # two periods a patient: before the change, and after it, which for the others never begins
    exits = np.hstack([np.where(changes, known, months), months])
    entry = np.hstack([np.zeros_like(months), np.where(changes, known, np.inf)])
    return hazard_ratio(exits, entry, np.hstack([died & ~changes, died & changes]),
                        np.hstack([np.zeros_like(months), np.ones_like(months)]))


def _time_dependent(cohorts: Cohorts) -> dict[str, np.ndarray]:
    found, known = {}, visit_months(cohorts)
    for name in ("meld_change", "mrecist_response"):
        fit, stem = time_dependent(cohorts, name, known), f"os_treatment.{name}.time_dependent"
        found |= with_limits(f"{stem}_hazard_ratio", fit) | {f"{stem}_p": fit["wald_p"]}
    return found


def treatment_gap(cohorts: Cohorts) -> np.ndarray:
    """Months from liver metastasis to first treatment, shape (n_cohorts, n_patients)."""
    return np.maximum(cohorts["os_liver_metastasis_months"] - cohorts["os_treatment_months"], 0.0)


def _gaps(cohorts: Cohorts) -> dict[str, np.ndarray]:
    gap, months, died = treatment_gap(cohorts), cohorts["os_treatment_months"], cohorts["died"]
    per_month = hazard_ratio(months, _from_start(cohorts), died, gap)
    largest = np.zeros(len(cohorts))
    for a in range(len(TREATMENTS)):
        for b in range(a):
            largest = np.maximum(largest, _standardised_difference(gap, cohorts["first_treatment"], a, b))
    return {"gap.mean": gap.mean(axis=1), "gap.sd": gap.std(axis=1, ddof=1), "balance.gap.largest_smd": largest,
            **with_limits("os_treatment.treatment_gap.per_month.hazard_ratio", per_month),
            "os_treatment.treatment_gap.per_month.wald_p": per_month["wald_p"],
            "os_treatment.cox.treatment_gap_per_month.hazard_ratio": per_month["hazard_ratio"]}


def _standardised_difference(values, group, a, b) -> np.ndarray:
    parts = [np.ma.masked_array(values, group != each_group) for each_group in (a, b)]
    spread = np.sqrt(sum(part.var(axis=1, ddof=1) for part in parts) / 2)
    return np.abs(parts[0].mean(axis=1) - parts[1].mean(axis=1)).filled(np.nan) / spread.filled(np.nan)


def _corrected(cohorts: Cohorts) -> dict[str, np.ndarray]:
    """The cut search of chapter 4 with the same random reassignments."""
    n = cohorts.n_patients
    places = np.random.default_rng(SEED).permuted(np.tile(np.arange(float(n)), (N_RESAMPLES, 1)), axis=1).astype(int)
    cuts = np.arange(EARLIEST_CUT, LATEST_CUT + 1.0)
    gaps, months, died = treatment_gap(cohorts).round(6), cohorts["os_treatment_months"], cohorts["died"]
    by_cut = [log_rank_p(months, _from_start(cohorts), died, gaps <= cut) for cut in cuts]
    return {"os_treatment.treatment_gap.corrected_p": np.array([
        kernels.corrected_p(gap, kernels.log_rank_scores(time, event), cuts, places) for gap, time, event in zip(gaps, months, died)]),
        "os_treatment.treatment_gap.best_cut_p": np.fmin.reduce(by_cut)}


def _treatments(cohorts: Cohorts) -> dict[str, np.ndarray]:
    found, months, died = {}, cohorts["os_treatment_months"], cohorts["died"]
    for place, slug in enumerate(SLUGS.values()):
        members = cohorts["first_treatment"] == place
        stem = f"os_treatment.first_treatment.{slug}"
        found |= {f"{stem}.median": medians(cohorts, members=members),
                  f"{stem}.at_12_months": at_points(months, died, members, (12.0,))[0]}
    y90 = cohorts["first_treatment"] == TREATMENTS.index("Y90")
    two = y90 | (cohorts["first_treatment"] == TREATMENTS.index("DEB-TACE"))
    # whoever had neither never enters the risk set
    entry, stem = np.where(two, 0.0, np.inf), "os_treatment.first_treatment.y90_vs_deb_tace"
    three = each(group_tests.three_groups_log_rank, months, died, cohorts["first_treatment"])
    return found | {"os_treatment.first_treatment.p": chdtrc(2, three),
                    f"{stem}.hazard_ratio": hazard_ratio(months, entry, died & two, y90.astype(float))["hazard_ratio"],
                    f"{stem}.p": log_rank_p(months, entry, died & two, y90)}


def _delayed(cohorts: Cohorts) -> dict[str, np.ndarray]:
    found = {}
    for clock in ("os_diagnosis", "os_liver_metastasis"):
        months = cohorts[CLOCKS[clock][0]]
        entry = np.maximum(months - cohorts["os_treatment_months"], 0.0)
        starts = first_reliable_months(months, entry)
        later = np.maximum(entry, starts[:, None])
        stays = months > starts[:, None]
        fit = hazard_ratio(months, entry, cohorts["died"], entry)
        found |= {f"{clock}.delayed_entry.start": starts,
                  f"{clock}.delayed_entry.median": np.where(np.isnan(starts), np.nan, each(
                      kernels.median_time, months, later, cohorts["died"] & stays, stays)),
                  **with_limits(f"{clock}.entry_dependence.hazard_ratio", fit), f"{clock}.entry_dependence.p": fit["wald_p"]}
    return found


def first_reliable_months(months: np.ndarray, entry: np.ndarray, at_least: int = SMALLEST_RISK_SET) -> np.ndarray:
    """First entry after which so many patients are at risk, shape (n_cohorts,); NaN where there is none."""
    starts = np.sort(entry, axis=1)
    after = starts + 1e-9
    at_risk = ((months[:, None, :] >= after[:, :, None]) & (entry[:, None, :] < after[:, :, None])).sum(axis=2)
    enough = at_risk >= at_least
    return np.where(enough.any(axis=1), np.take_along_axis(starts, enough.argmax(axis=1)[:, None], axis=1)[:, 0], np.nan)


def event_kinds(cohorts: Cohorts) -> np.ndarray:
    """First event on the liver clock: 0 censored, 1 progression, 2 death without progression."""
    together = np.abs(cohorts["os_treatment_months"] - cohorts["liver_pfs_months"]) <= SAME_TIME_MONTHS
    return np.where(cohorts["liver_progressed"], 1, np.where(cohorts["died"] & together, 2, 0))


def _competing(cohorts: Cohorts) -> dict[str, np.ndarray]:
    found, kinds, months = {}, event_kinds(cohorts), cohorts["liver_pfs_months"]
    points, incidence = np.array(POINTS_MONTHS), np.empty((len(cohorts), len(POINTS_MONTHS)))
    for cause, name in ((1, "progression"), (2, "death")):
        for number in range(len(cohorts)):
            kernels.cumulative_incidence(months[number], kinds[number], cause, points, incidence[number])
        found |= {f"liver_pfs.incidence.{name}.at_{point:.0f}_months": values.copy()
                  for point, values in zip(POINTS_MONTHS, incidence.T)}
    for name in ("extrahepatic_disease", "treatment_gap"):
        found[f"liver_pfs.{name}.gray_p"] = chdtrc(1, each(group_tests.gray, months, kinds, second_level(cohorts, name)))
    return found | {
        "liver_pfs.liver_or_death.median": medians(cohorts, "liver_pfs_months", kinds > 0),
        "liver_pfs.liver_or_death.at_12_months": at_points(months, kinds > 0, _everyone(cohorts), (12.0,))[0]}


def _responses(cohorts: Cohorts) -> dict[str, np.ndarray]:
    """Agreement of the two criteria, by the formulas of `lib.response.agreement` (Fleiss, Cohen and Everitt 1969)."""
    n, shape = cohorts.n_patients, (len(cohorts), 4, 4)
    cells = np.zeros(shape)
    for row in range(4):
        for column in range(4):
            cells[:, row, column] = ((cohorts["recist"] == row) & (cohorts["mrecist"] == column)).sum(axis=1) / n
    rows, columns, diagonal = cells.sum(axis=2), cells.sum(axis=1), np.einsum("cii->ci", cells)
    observed, chance = diagonal.sum(axis=1), (rows * columns).sum(axis=1)
    kappa = (observed - chance) / (1 - chance)
    gap = (1 - kappa)[:, None]
    on = (diagonal * (1 - (rows + columns) * gap) ** 2).sum(axis=1)
    both = (rows[:, None, :] + columns[:, :, None]) ** 2
    off = (1 - kappa) ** 2 * ((cells * both).sum(axis=(1, 2)) - np.einsum("cii,cii->c", cells, both))
    half = ndtri(0.5 + CONF_LEVEL / 2) * np.sqrt((on + off - (kappa - chance * (1 - kappa)) ** 2) / n) / (1 - chance)
    worse = (cohorts["mrecist"] > cohorts["recist"]).sum(axis=1)
    apart = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    linear = 1 - (cells * apart).sum(axis=(1, 2)) / (rows[:, :, None] * columns[:, None, :] * apart).sum(axis=(1, 2))
    return {"response.kappa": kappa, "response.kappa.linear": linear, "response.kappa.lower": np.maximum(-1, kappa - half),
            "response.kappa.upper": np.minimum(1, kappa + half), "response.worse_by_mrecist.count": worse.astype(float)}


def _dealt(cohorts: Cohorts) -> dict[str, np.ndarray]:
    # cohorts that know the counts alone know of no test either
    return dealt.dealt_hazard_ratios(cohorts, hazard_ratio, condition=bool((cohorts.tier != "marginals").all()))


PARTS: dict[str, Callable[[Cohorts], dict[str, np.ndarray]]] = {
    "curves": _curves, "comparisons": _comparisons, "landmarks": _landmarks, "time_dependent": _time_dependent, "gaps": _gaps,
    "corrected": _corrected, "treatments": _treatments, "delayed": _delayed, "competing": _competing, "responses": _responses,
    "dealt": _dealt}
BY_TREATMENT = ("treatments", "responses")
"""Parts whose quantities depend on who had which treatment."""
