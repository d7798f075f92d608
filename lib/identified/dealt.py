"""Covariates that the ensemble does not hold, dealt to its patients at random: what Cox regression could say of them.

The paper prints how many patients had each sex or performance status, and means of age and of MELD; nothing it prints
says who lived how long with which. The reference cohort's values are therefore dealt to the patients of each cohort:
laboratory values and MELD scores together, to a patient whose MELD score rose as theirs did; the number of liver
lesions to a patient who has as many as one, or more, as theirs; all else to anyone. Of the laboratory values the paper says that
regression on them, at baseline and at three months, found nothing significant: deals in which one of its six analytes has
Wald's P below 0.05 are dealt again.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lib.identified.cohorts import Cohorts

FOLLOWED = ("albumin", "bilirubin", "inr", "alt", "ast", "alp")
"""The analytes that the paper followed."""
VISITS = ("baseline", "month_3")
ALPHA, MOST_DEALS, SEED = 0.05, 40, 7
LABS, LESIONS, FREE = "meld_increased", "solitary", None


@cache
def reference_values() -> tuple[dict[str, np.ndarray], dict[str, str | None], dict[str, np.ndarray]]:
    """The reference cohort's covariates by the quantity's name, the stratum of each, and the strata's flags."""
    from lib.cohort import read_cohort
    from lib.survival.groups import groupings, lab_covariates, patient_covariates
    from lib.survival.regression import contrast_of
    from lib.survival_records import slug

    study = read_cohort("reference")
    divided = groupings(study)
    grouped = {grouping.title for grouping in divided.values()}
    values, strata = {}, {}
    for title, column in patient_covariates(study, divided).items():
        numbers = contrast_of(column)[1]
        if numbers is not None and title not in grouped and title not in ("Extrahepatic disease", "Treatment gap, per month"):
            values[f"os_treatment.cox.{slug(title)}.hazard_ratio"] = np.asarray(numbers, float)
            strata[f"os_treatment.cox.{slug(title)}.hazard_ratio"] = (
                LABS if title.startswith("MELD") else LESIONS if title.startswith("Liver lesions") else FREE)
    for visit in VISITS:
        standardised, _ = lab_covariates(study, visit)
        for analyte in FOLLOWED:
            values[lab_name(analyte, visit)], strata[lab_name(analyte, visit)] = standardised[analyte].to_numpy(float), LABS
    flags = {LABS: (divided["meld_change"].labels == "increased").to_numpy(),
             LESIONS: study.patients.n_liver_lesions.eq(1).to_numpy()}
    return values, strata, flags


def lab_name(analyte: str, visit: str) -> str:
    """The quantity's name of a laboratory value's hazard ratio."""
    return f"os_treatment.cox.{analyte}.{visit}.hazard_ratio"


def dealt_hazard_ratios(cohorts: Cohorts, hazard_ratio, condition: bool = True) -> dict[str, np.ndarray]:
    """Hazard ratio of each covariate, its values dealt at random, in each cohort.

    Parameters
    ----------
    cohorts : Cohorts
    hazard_ratio : callable
        `lib.identified.quantities.hazard_ratio`.
    condition : bool
        Whether laboratory values are dealt again until none that the paper followed is significant.

    Returns
    -------
    dict of str to ndarray, shape (n_cohorts,)
        NaN where the cohort's strata are not of the reference cohort's sizes, or no deal of `MOST_DEALS` passes.
    """
    values, strata, flags = reference_values()
    rng, months, died = np.random.default_rng(SEED), cohorts["os_treatment_months"], cohorts["died"]
    entry, found = np.zeros_like(months), {name: np.full(len(cohorts), np.nan) for name in values}
    labs = [lab_name(analyte, visit) for analyte in FOLLOWED for visit in VISITS]
    left = np.arange(len(cohorts))
    for attempt in range(MOST_DEALS):
        if not len(left):
            break
        places = {stratum: _deal(cohorts[stratum][left] if stratum else np.zeros_like(died[left]),
                                 flags[stratum] if stratum else np.zeros(died.shape[1], bool), rng) for stratum in (LABS, LESIONS, FREE)}
        passes = np.ones(len(left), bool)
        for name in values if attempt == 0 else [name for name in values if strata[name] == LABS]:
            fits = places[strata[name]] is not None
            if not fits:
                continue
            fit = hazard_ratio(months[left], entry[left], died[left], values[name][places[strata[name]]])
            found[name][left] = fit["hazard_ratio"]
            passes &= ~(fit["wald_p"] < ALPHA) if condition and name in labs else True
        left = left[~passes]
    for name in values:
        if strata[name] == LABS:
            found[name][left] = np.nan
    return found


def _deal(strata: np.ndarray, of_reference: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """For each patient of each cohort a patient of the reference cohort in the same stratum, each once; None if sizes differ."""
    if strata.shape[1] != len(of_reference) or (strata.sum(axis=1) != of_reference.sum()).any():
        return None
    taken = np.lexsort((rng.random(strata.shape), np.broadcast_to(of_reference, strata.shape)), axis=1)
    dealt = np.empty_like(taken)
    np.put_along_axis(dealt, np.argsort(strata, axis=1, kind="stable"), taken, axis=1)
    return dealt
