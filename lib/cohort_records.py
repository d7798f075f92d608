"""What the cohort chapter hands on: each quantity of its scope, and for a limit whether the rows respect it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.baseline import (
    Variable,
    groups_present,
    largest_difference,
    quantities,
    slug,
    treatment_gap_months,
    treatment_sequences,
)
from lib.cohort import Cohort
from lib.cohort_tables import observed
from lib.narrative import Chapter, interval
from lib.protocol import Protocol

NOT_IN_THE_ROWS = {
    "protocol.enrolment.start": "the rows hold no calendar dates",
    "protocol.enrolment.end": "the rows hold no calendar dates",
    "protocol.spss_version": "a fact of the program, not of the patients",
}
"""Printed facts that no row can tell, and why."""


def record_treated(chapter: Chapter, study: Cohort) -> None:
    """Patients, first treatments and combinations."""
    patients, n = study.patients, study.n_patients
    chapter.record("cohort.n", n)
    for group in groups_present(patients["first_treatment"]):
        count = int((patients["first_treatment"] == group).sum())
        stem = f"first_treatment.{slug(group)}"
        chapter.record({f"{stem}.count": count, f"{stem}.percent": 100 * count / n})
    if "second_treatment" in patients:
        sequences = treatment_sequences(patients)
        chapter.record({"combination.any.count": int(sequences.sum()), "combination.kinds": sequences.index.nlevels})
        for (first, second), count in sequences.items():
            chapter.record(f"combination.{slug(first)}_then_{slug(second)}.count", int(count))


def record_variables(chapter: Chapter, variables: list[Variable], first_treatment: pd.Series) -> None:
    """Counts, percentages, means and SDs of Table 1, and the largest SMD of each number."""
    first_treatment = first_treatment.astype("category")
    for variable in variables:
        chapter.record(quantities(variable))
        if variable.levels:
            continue
        value, a, _ = largest_difference(variable, first_treatment)
        if a and np.isfinite(value):
            chapter.record(f"balance.{variable.name}.largest_smd", value)


def record_cuts(chapter: Chapter, patients: pd.DataFrame, age_cut_years: float, early_treatment_months: float) -> None:
    """The two cuts of the paper: whether each puts every patient into one of its groups."""
    if "age_years" in patients:
        exactly = int((patients["age_years"] == age_cut_years).sum())
        chapter.record("age.cut", age_cut_years, holds=exactly == 0, observed=f"{exactly} of {len(patients)} patients are exactly that old")
    if "os_liver_metastasis_months" in patients:
        gap = treatment_gap_months(patients)
        early = int((gap <= early_treatment_months + 1e-9).sum())
        chapter.record("treatment_gap.cut", early_treatment_months, holds=bool(gap.notna().all() and 0 < early < len(gap)),
                       observed=f"gaps of {interval(gap.min(), gap.max())} months")


def limit_values(quantity: str, protocol: Protocol) -> dict[str, float]:
    """The ledger quantities behind a check and the limits that the code applies to them."""
    weeks = {"lower": protocol.min_interval_weeks, "upper": protocol.max_interval_weeks}
    beads = {f"protocol.deb_tace.{size}.{end}": float(limit) for size, text in
             (("bead_small", protocol.small_beads_um), ("bead_large", protocol.large_beads_um))
             for end, limit in zip(("lower", "upper"), text.split("-"), strict=True)}
    several = {
        "protocol.deb_tace.beads": beads,
        "protocol.deb_tace.doxorubicin_loaded": {
            "protocol.deb_tace.doxorubicin_loaded": protocol.doxorubicin_mg_per_ml,
            "protocol.deb_tace.doxorubicin_loaded_volume": 1.0},
        "protocol.deb_tace.interval": {f"protocol.deb_tace.interval.{end}": week for end, week in weeks.items()},
        "protocol.y90.interval": {f"protocol.y90.interval.{end}": week for end, week in weeks.items()},
    }
    single = {
        "eligibility.ecog.max": protocol.max_ecog,
        "eligibility.bilirubin.max": protocol.max_bilirubin_mg_dl,
        "eligibility.creatinine.max": protocol.max_creatinine_mg_dl,
        "eligibility.inr.max": protocol.max_inr,
        "eligibility.platelets.min": protocol.min_platelets_per_ul,
        "protocol.deb_tace.bead_volume.max": protocol.max_bead_volume_ml,
        "protocol.deb_tace.doxorubicin.max": protocol.max_doxorubicin_mg,
        "protocol.ablation.needle": protocol.needle_gauge,
        "protocol.ablation.margin.min": protocol.min_margin_mm,
    }
    return several.get(quantity) or {quantity: single[quantity]}


SESSION_CHECKS = (
    "protocol.deb_tace.beads", "protocol.deb_tace.doxorubicin_loaded", "protocol.deb_tace.bead_volume.max",
    "protocol.deb_tace.doxorubicin.max", "protocol.deb_tace.interval", "protocol.y90.interval",
    "protocol.ablation.needle", "protocol.ablation.margin.min")


def record_checks(chapter, summary: pd.DataFrame, protocol: Protocol, of: str) -> None:
    """Record each limit with whether the rows hold it, and what they show.

    Parameters
    ----------
    chapter : Chapter
    summary : DataFrame
        From ``lib.protocol.summarise_checks``.
    protocol : Protocol
    of : str
        What is counted: "patients" or "sessions".
    """
    for row in summary.to_dict("records"):
        for quantity, limit in limit_values(row["quantity"], protocol).items():
            if pd.isna(row["holds"]):
                chapter.record(quantity, None, reason=f"{row['criterion']} is not known")
            else:
                chapter.record(quantity, limit, holds=row["holds"],
                               observed=f"{observed(row)} in {row['n_known']}/{row['n']} {of}")


def record_sessions(chapter: Chapter, summary: pd.DataFrame, protocol: Protocol) -> None:
    """The checks of technique; a limit without a session to check is recorded with that reason."""
    record_checks(chapter, summary, protocol, "checks")
    for check in SESSION_CHECKS:
        for quantity in limit_values(check, protocol):
            if quantity not in chapter.quantities:
                chapter.record(quantity, None, reason="no session to check")


def record_allocation(chapter: Chapter, allocated: pd.DataFrame, protocol: Protocol) -> None:
    """The limits of the allocation rule, held where no ablated patient lies outside them."""
    ablated = allocated[(allocated["given"] == "ablation") & allocated["rule"].notna()]
    within = int((~ablated["departs"]).sum())
    limits = {"allocation.ablation.lesions.min": 1, "allocation.ablation.lesions.max": protocol.ablation_max_lesions,
              "allocation.ablation.lesion_size.limit": protocol.ablation_size_limit_mm / 10}
    for quantity, limit in limits.items():
        if len(ablated):
            chapter.record(quantity, limit, holds=within == len(ablated), observed=f"{within}/{len(ablated)} ablated within the rule")
        else:
            chapter.record(quantity, None, reason="nobody with known lesions was ablated")


def record_visits(chapter: Chapter, times: pd.DataFrame, protocol: Protocol) -> None:
    """When laboratory values and scans of the follow-up visit were taken, against its window."""
    for quantity, source in (("visit.month_3.time", "labs"), ("protocol.response_time", "lesions")):
        own = times[times["source"] == source]
        if own.empty:
            chapter.record(quantity, None, reason=f"no day of a follow-up visit in {source}")
        else:
            chapter.record(quantity, protocol.visit_months, holds=bool(own["in_window"].all()),
                           observed=f"months {interval(own['months'].min(), own['months'].max())}")


def record_follow_up(chapter: Chapter, follow_up: dict) -> None:
    """Naive median and range, and the reverse Kaplan-Meier median beside them."""
    chapter.record({"follow_up.median": follow_up["naive_median"], "follow_up.min": follow_up["naive_min"],
                    "follow_up.max": follow_up["naive_max"]})
    chapter.record("follow_up.reverse_km.median", follow_up["reverse"].value, reason="nobody was censored")


def record_not_in_the_rows(chapter: Chapter) -> None:
    """What the paper prints and no row can tell."""
    for quantity, reason in NOT_IN_THE_ROWS.items():
        chapter.record(quantity, None, reason=reason)
