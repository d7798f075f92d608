"""Who the patients are: age, sex, ECOG, primary site, earlier treatment, why follow-up ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.contract import SITES
from lib.reconstruct.completion.printed import CompletionError, PrintedFigures, within

YOUNGEST, OLDEST = 34, 86
YOUNGEST_AT_DIAGNOSIS = 22
MORE_OFTEN_FEMALE = ("pelvis", "IVC")
"""Leiomyosarcoma of the pelvis is mostly uterine, that of the vena cava mostly a disease of women."""
DRAWS = 400
BATCH = 5_000


def draw_demographics(skeleton: pd.DataFrame, printed: PrintedFigures,
                      rng: np.random.Generator) -> pd.DataFrame:
    """Table 1 without disease and treatment, one row per patient.

    Parameters
    ----------
    skeleton : DataFrame, shape (n_patients, n_columns)
    printed : PrintedFigures
        ``age.*``, ``sex.*``, ``ecog.*``, ``primary_site.*``, ``prior_chemotherapy.*``,
        ``prior_metastasectomy.*``.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        ``age_years, sex, ecog, primary_site, prior_chemotherapy, prior_hepatic_metastasectomy,
        anticoagulated, censoring_reason``.
    """
    found = pd.DataFrame(index=skeleton.index)
    found["age_years"] = _ages_by_patient(skeleton, _ages(len(skeleton), printed, rng), rng)
    male = _choose(rng.random(len(skeleton)), printed.count("sex.male.count"))
    found["sex"] = np.where(male, "male", "female")
    older = (found.age_years - found.age_years.mean()) / found.age_years.std()
    found["ecog"] = _ecog(older + rng.normal(0, 1.5, len(found)), printed)
    found["primary_site"] = _sites(male, printed, rng)
    # no chemotherapy for comorbidity or for little disease outside the liver
    spared = older + found.ecog - skeleton.extrahepatic_disease + rng.normal(0, 1.0, len(found))
    found["prior_chemotherapy"] = ~_choose(spared, printed.count("prior_chemotherapy.no.count"))
    gap = skeleton.os_liver_metastasis_months - skeleton.os_treatment_months
    found["prior_hepatic_metastasectomy"] = _choose(
        gap + rng.normal(0, 6, len(gap)), printed.count("prior_metastasectomy.yes.count"))
    found["anticoagulated"] = _anticoagulated(found.primary_site, skeleton.meld_increased)
    found["censoring_reason"] = _censoring_reasons(skeleton, rng)
    return found


def _ages(n: int, printed: PrintedFigures, rng: np.random.Generator) -> np.ndarray:
    """Whole ages with the printed mean, SD and counts on either side of the cut."""
    cut = round(printed.value("age.cut"))
    n_under, n_over = printed.count("age.under_60.count"), printed.count("age.over_60.count")
    mean, sd = printed.interval("age.mean"), printed.interval("age.sd")
    if n_under + n_over != n:
        raise CompletionError(f"The ledger's age groups hold {n_under} and {n_over} of {n} patients; "
                              "the completion needs an age group for each.")
    for _ in range(DRAWS):
        spread = np.rint(rng.normal(sum(mean) / 2, sum(sd) / 2, (BATCH, n))).clip(YOUNGEST, OLDEST)
        exact = (within(spread.mean(axis=1), mean) & within(spread.std(axis=1, ddof=1), sd)
                 & ((spread < cut).sum(axis=1) == n_under) & ((spread > cut).sum(axis=1) == n_over))
        if exact.any():
            return spread[exact.argmax()].astype(int)
    raise CompletionError("No whole ages were found with the ledger's mean, SD and age groups.")


def _ages_by_patient(skeleton: pd.DataFrame, ages: np.ndarray,
                     rng: np.random.Generator) -> np.ndarray:
    """Ages in an order in which everyone was adult when the sarcoma was diagnosed."""
    years_before = (skeleton.os_diagnosis_months - skeleton.os_treatment_months).to_numpy() / 12
    for _ in range(DRAWS * BATCH // 100):
        shuffled = rng.permutation(ages)
        if (shuffled - years_before >= YOUNGEST_AT_DIAGNOSIS).all():
            return shuffled
    raise CompletionError("No order of the ages makes every patient an adult at diagnosis; "
                          "search for a skeleton with shorter times from diagnosis.")


def _choose(scores, count: int) -> np.ndarray:
    """True for the ``count`` highest scores."""
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-np.asarray(scores, dtype=float), kind="stable")[:count]] = True
    return chosen


def _ecog(frailty: pd.Series, printed: PrintedFigures) -> np.ndarray:
    """ECOG scores in the printed numbers, the frailer the higher."""
    counts = printed.counts("ecog")
    scores = sorted(int(score) for score, count in counts.items() for _ in range(count))
    ecog = np.empty(len(frailty), dtype=int)
    ecog[np.argsort(frailty.to_numpy(), kind="stable")] = scores
    return ecog


def _sites(male: np.ndarray, printed: PrintedFigures, rng: np.random.Generator) -> np.ndarray:
    """Primary sites in the printed numbers; some sites only for women, as far as there are women."""
    counts = printed.counts("primary_site", SITES)
    slots = sorted((site for site, count in counts.items() for _ in range(count)),
                   key=lambda site: (site not in MORE_OFTEN_FEMALE, rng.random()))
    women_first = np.lexsort((rng.random(len(male)), male))
    n_female_sites = sum(site in MORE_OFTEN_FEMALE for site in slots)
    others = rng.permutation(women_first[n_female_sites:])
    sites = np.empty(len(male), dtype=object)
    sites[np.concatenate([women_first[:n_female_sites], others])] = slots
    return sites


def _anticoagulated(sites: pd.Series, meld_increased: pd.Series) -> pd.Series:
    """One patient after a tumour of the vena cava takes an anticoagulant; no printed figure says so."""
    able = ((sites == "IVC") & ~meld_increased.astype(bool)).to_numpy()
    first = np.zeros(len(sites), dtype=bool)
    first[able.argmax()] = able.any()
    return pd.Series(first, sites.index)


def _censoring_reasons(skeleton: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Most of the living are followed to the end of the study; one in five is lost before."""
    alive = np.flatnonzero(~skeleton.died.to_numpy(dtype=bool))
    reasons = np.full(len(skeleton), "", dtype=object)
    reasons[alive] = "alive at last contact"
    reasons[rng.permutation(alive)[:len(alive) // 5]] = "lost to follow-up"
    return reasons
