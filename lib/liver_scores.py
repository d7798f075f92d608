"""Liver function scores from laboratory values: MELD, MELD-Na, MELD 3.0, ALBI, Child-Pugh, before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.cohort_files import lined_up, looked_up
from lib.refusal import Refusal
from lib.units import MOLAR_MASS_G_MOL, to_reference_units
from lib.wide import pivoted

BASELINE, MONTH_3 = "baseline", "month_3"
# Wiesner R, et al. Gastroenterology 2003;124:91-96 groups three-month mortality by these bands
MELD_BANDS = {"6-9": (6, 9), "10-19": (10, 19), "20-29": (20, 29), "30-40": (30, 40)}
SCORES = {"meld": "MELD", "meld_na": "MELD-Na", "meld_3": "MELD 3.0", "albi": "ALBI", "child_pugh": "Child-Pugh"}
CLASSES = {"meld_band": "MELD band", "albi_grade": "ALBI grade", "child_pugh_class": "Child-Pugh class"}
_INPUTS = ["creatinine", "bilirubin", "inr", "sodium", "albumin"]
_FACTS = ["sex", "dialysis", "ascites", "encephalopathy"]


class LiverScoreError(Refusal, ValueError):
    """A liver score cannot be computed from these values; the message says which and why."""


# -- the scores ----------------------------------------------------------------------------------------

def meld(creatinine_mg_dl, bilirubin_mg_dl, inr, dialysis=False) -> np.ndarray:
    """Model for end-stage liver disease, the original score as UNOS applied it.

    Parameters
    ----------
    creatinine_mg_dl, bilirubin_mg_dl, inr : array-like of float
        Positive; below 1.0 they count as 1.0, creatinine above 4.0 as 4.0.
    dialysis : array-like of bool
        At least two dialyses in the last week: creatinine counts as 4.0.

    Returns
    -------
    ndarray of float
        Whole numbers from 6 to 40; NaN where an input is missing.

    Raises
    ------
    LiverScoreError
        On a value of zero or below.

    References
    ----------
    Kamath PS, et al. Hepatology 2001;33:464-470; UNOS policy 3.6 (2002).
    """
    creatinine, bilirubin, inr = _positive(creatinine=creatinine_mg_dl, bilirubin=bilirubin_mg_dl, inr=inr)
    creatinine = np.where(dialysis, 4.0, np.clip(creatinine, 1.0, 4.0))
    score = 9.57 * np.log(creatinine) + 3.78 * np.log(_floor(bilirubin)) + 11.20 * np.log(_floor(inr)) + 6.43
    return np.minimum(_round(score), 40)  # never below 6, as the inputs have floors


def meld_na(creatinine_mg_dl, bilirubin_mg_dl, inr, sodium_mmol_l, dialysis=False) -> np.ndarray:
    """MELD with sodium: the sodium term enters where MELD is above 11.

    Parameters
    ----------
    creatinine_mg_dl, bilirubin_mg_dl, inr : array-like of float
        As for `meld`.
    sodium_mmol_l : array-like of float
        Held between 125 and 137.
    dialysis : array-like of bool

    Returns
    -------
    ndarray of float
        Whole numbers from 6 to 40; NaN where an input is missing.

    Raises
    ------
    LiverScoreError
        On a value of zero or below.

    References
    ----------
    OPTN policy 9.1.D (2016), after Kim WR, et al. N Engl J Med 2008;359:1018-1026.
    """
    score = meld(creatinine_mg_dl, bilirubin_mg_dl, inr, dialysis)
    (sodium,) = _positive(sodium=sodium_mmol_l)
    deficit = 137 - np.clip(sodium, 125, 137)
    # from a score of 12 to 40 this never leaves 12 to 40
    with_sodium = _round(score + 1.32 * deficit - 0.033 * score * deficit)
    return np.where(score > 11, with_sodium, np.where(np.isnan(sodium), np.nan, score))


def meld_3(creatinine_mg_dl, bilirubin_mg_dl, inr, sodium_mmol_l, albumin_g_dl, female, dialysis=False) -> np.ndarray:
    """MELD 3.0, which adds sex and albumin.

    Parameters
    ----------
    creatinine_mg_dl, bilirubin_mg_dl, inr : array-like of float
        Below 1.0 they count as 1.0; creatinine above 3.0 as 3.0.
    sodium_mmol_l, albumin_g_dl : array-like of float
        Held between 125 and 137, and 1.5 and 3.5.
    female : array-like of bool
    dialysis : array-like of bool
        Creatinine counts as 3.0.

    Returns
    -------
    ndarray of float
        Whole numbers from 6 to 40; NaN where an input is missing.

    Raises
    ------
    LiverScoreError
        On a value of zero or below.

    References
    ----------
    Kim WR, et al. Gastroenterology 2021;161:1887-1895.
    """
    creatinine, bilirubin, inr, sodium, albumin = _positive(
        creatinine=creatinine_mg_dl, bilirubin=bilirubin_mg_dl, inr=inr, sodium=sodium_mmol_l, albumin=albumin_g_dl)
    log_creatinine = np.log(np.where(dialysis, 3.0, np.clip(creatinine, 1.0, 3.0)))
    log_bilirubin = np.log(_floor(bilirubin))
    deficit_na = 137 - np.clip(sodium, 125, 137)
    deficit_albumin = 3.5 - np.clip(albumin, 1.5, 3.5)
    score = (1.33 * np.asarray(female, dtype=bool) + 4.56 * log_bilirubin + 0.82 * deficit_na
             - 0.24 * deficit_na * log_bilirubin + 9.09 * np.log(_floor(inr)) + 11.14 * log_creatinine
             + 1.85 * deficit_albumin - 1.83 * deficit_albumin * log_creatinine + 6)
    return np.minimum(_round(score), 40)  # never below 6, as the inputs have floors


def albi(bilirubin_umol_l, albumin_g_l) -> np.ndarray:
    """Albumin-bilirubin score; lower is better.

    Parameters
    ----------
    bilirubin_umol_l, albumin_g_l : array-like of float
        Positive; note the units, which are not the reference units.

    Returns
    -------
    ndarray of float
        NaN where an input is missing.

    Raises
    ------
    LiverScoreError
        On a value of zero or below.

    References
    ----------
    Johnson PJ, et al. J Clin Oncol 2015;33:550-558.
    """
    bilirubin, albumin = _positive(bilirubin=bilirubin_umol_l, albumin=albumin_g_l)
    return 0.66 * np.log10(bilirubin) - 0.085 * albumin


def albi_grade(score) -> np.ndarray:
    """ALBI grade: 1 up to -2.60, 2 up to -1.39, 3 above; NaN where the score is missing."""
    score = np.asarray(score, dtype=float)
    return _banded(score, score > -2.60, score > -1.39)


def child_pugh(bilirubin_mg_dl, albumin_g_dl, inr, ascites, encephalopathy) -> np.ndarray:
    """Child-Pugh points, 5 to 15 (A 5-6, B 7-9, C 10-15).

    Parameters
    ----------
    bilirubin_mg_dl, albumin_g_dl, inr : array-like of float
    ascites : array-like of str
        "none", "mild" or "moderate" (or more: "severe" counts as moderate).
    encephalopathy : array-like
        Grade 0 to 4, or "none".

    Returns
    -------
    ndarray of float
        NaN where an input is missing.

    Raises
    ------
    LiverScoreError
        On an unknown degree of ascites or encephalopathy.

    References
    ----------
    Pugh RN, et al. Br J Surg 1973;60:646-649, with the INR limits in general use.
    """
    bilirubin, albumin, inr = _positive(bilirubin=bilirubin_mg_dl, albumin=albumin_g_dl, inr=inr)
    points = [_banded(bilirubin, bilirubin >= 2, bilirubin > 3),
              _banded(albumin, albumin <= 3.5, albumin < 2.8),
              _banded(inr, inr >= 1.7, inr > 2.3),
              _degree(ascites, {"none": 1, "mild": 2, "slight": 2, "moderate": 3, "severe": 3}, "ascites"),
              _degree(encephalopathy, {"none": 1, "0": 1, "1": 2, "2": 2, "3": 3, "4": 3}, "encephalopathy")]
    return np.sum(np.broadcast_arrays(*points), axis=0)


def child_pugh_class(points) -> np.ndarray:
    """A (5-6), B (7-9) or C (10-15); None where the points are missing."""
    points = np.asarray(points, dtype=float)
    return np.select([np.isnan(points), points >= 10, points >= 7], [None, "C", "B"], default="A")


def meld_band(score) -> np.ndarray:
    """The band of a MELD score (6-9, 10-19, 20-29, 30-40); None where the score is missing."""
    score = np.asarray(score, dtype=float)
    return np.select([score >= low for low, _ in reversed(MELD_BANDS.values())], list(reversed(MELD_BANDS)), default=None)


def _positive(**values) -> list[np.ndarray]:
    arrays = {name: np.asarray(value, dtype=float) for name, value in values.items()}
    for name, array in arrays.items():
        if np.any(array <= 0):
            raise LiverScoreError(f"{name} is {np.nanmin(array):g}: a value of zero or below is not a measurement; "
                                  "leave it empty if unknown.")
    return list(arrays.values())


def _floor(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 1.0)


def _round(values: np.ndarray) -> np.ndarray:
    """Half up, as UNOS rounds; 1e-9 for halves that floating point puts just below."""
    return np.floor(values + 0.5 + 1e-9)


def _banded(values: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """1 to 3 points, by whether a value is in the second band or worse, and in the third; NaN where it is missing."""
    return np.where(np.isnan(values), np.nan, 1.0 + second + third)


def _degree(values, points: dict[str, int], name: str) -> np.ndarray:
    texts = pd.Series(np.atleast_1d(values))
    texts = texts.map(lambda value: f"{value:g}" if isinstance(value, (int, float)) else str(value).strip().lower(),
                      na_action="ignore")
    unknown = texts[texts.notna() & ~texts.isin(points)]
    if len(unknown):
        raise LiverScoreError(f"{name} '{unknown.iloc[0]}' is unknown; use one of {', '.join(points)}.")
    return texts.map(points).to_numpy(dtype=float)


# -- patients ------------------------------------------------------------------------------------------

def liver_scores(labs: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """All scores and classes of each patient at each visit.

    Parameters
    ----------
    labs : DataFrame
        Long: ``patient, visit, visit_day, analyte, value, unit, ...``; any usual unit.
    patients : DataFrame
        ``patient`` and, where known, ``sex, dialysis, ascites, encephalopathy``.

    Returns
    -------
    DataFrame
        ``patient, visit`` and a column per score and class, missing where an input is. Child-Pugh is missing
        throughout where ascites or encephalopathy is not known; both are known at baseline only, so that later
        visits carry them forward and a change in points is the laboratory's.

    Raises
    ------
    LiverScoreError, UnitError
        On values or units that are no measurement.
    """
    labs = to_reference_units(labs.loc[labs["analyte"].isin(_INPUTS), ["patient", "visit", "analyte", "value", "unit"]])
    wide = pivoted(labs, "analyte", "value", _INPUTS, ("patient", "visit"))
    facts = patients.reindex(columns=["patient", *_FACTS]).set_index("patient")
    for name in _FACTS:
        wide[name] = looked_up(wide["patient"], facts[name])
    sex, dialysis = wide["sex"], wide["dialysis"].astype("boolean").fillna(False)
    kidney_and_liver = wide["creatinine"], wide["bilirubin"], wide["inr"]
    score_3 = meld_3(*kidney_and_liver, wide["sodium"], wide["albumin"], sex == "female", dialysis)
    score_albi = albi(wide["bilirubin"] * 1e4 / MOLAR_MASS_G_MOL["bilirubin"], wide["albumin"] * 10)
    scores = wide[["patient", "visit"]].assign(
        meld=meld(*kidney_and_liver, dialysis), meld_na=meld_na(*kidney_and_liver, wide["sodium"], dialysis),
        meld_3=np.where(sex.isna(), np.nan, score_3), albi=score_albi, albi_grade=albi_grade(score_albi),
        child_pugh=child_pugh(wide["bilirubin"], wide["albumin"], wide["inr"], wide["ascites"], wide["encephalopathy"]))
    return scores.assign(meld_band=meld_band(scores["meld"]), child_pugh_class=child_pugh_class(scores["child_pugh"]))


def before_and_after(scores: pd.DataFrame, column: str, before: str = BASELINE, after: str = MONTH_3) -> pd.DataFrame:
    """One score or class at two visits, a row per patient.

    Parameters
    ----------
    scores : DataFrame
        From `liver_scores`.
    column : str
        A score or class of `SCORES` or `CLASSES`.
    before, after : str
        Visits.

    Returns
    -------
    DataFrame
        Indexed by patient, columns `before` and `after`; missing where a visit is.
    """
    return pivoted(scores, "visit", column, [before, after]).set_index("patient")


def meld_change(labs: pd.DataFrame, patients: pd.DataFrame | None = None, after: str = MONTH_3) -> pd.DataFrame:
    """Whose MELD rose from baseline to three months, or to another visit.

    Parameters
    ----------
    labs : DataFrame
        Long, as for `liver_scores`.
    patients : DataFrame, optional
        With ``dialysis`` where known; every patient of it gets a row.
    after : str
        The later visit.

    Returns
    -------
    DataFrame
        ``patient, baseline`` and the later visit (whole MELD scores, NaN where unknown) and ``increased``
        (boolean, missing where either score is).
    """
    known = patients if patients is not None else labs[["patient"]].drop_duplicates()
    return meld_rise(liver_scores(labs, known), known, after)


def meld_rise(scores: pd.DataFrame, patients: pd.DataFrame, after: str = MONTH_3) -> pd.DataFrame:
    """As `meld_change`, from scores already computed by `liver_scores`."""
    wide = before_and_after(scores, "meld", after=after)
    wide = lined_up(wide, pd.Index(patients["patient"], name="patient")).astype(float)
    increased = (wide[after] > wide[BASELINE]).astype("boolean").mask(wide.isna().any(axis=1))
    return wide.assign(increased=increased).reset_index()


# -- before against after ------------------------------------------------------------------------------

@dataclass(frozen=True)
class PairedChange:
    """A score before and after in the same patients.

    Attributes
    ----------
    n : int
        Patients with both values; all else is about them.
    mean_before, sd_before, mean_after, sd_after : float
        Sample SD; NaN below two patients.
    change, lower, upper : float
        Mean of after minus before, with its t interval.
    t_p, wilcoxon_p : float
        Two-sided; NaN where there is nothing to test.
    n_up, n_same, n_down : int
    """

    n: int
    mean_before: float
    sd_before: float
    mean_after: float
    sd_after: float
    change: float
    lower: float
    upper: float
    t_p: float
    wilcoxon_p: float
    n_up: int
    n_same: int
    n_down: int


def paired_change(before, after, conf_level: float = 0.95) -> PairedChange:
    """Mean change with its interval, paired t test and Wilcoxon signed-rank test.

    Parameters
    ----------
    before, after : array-like of float, shape (n_patients,)
        The same patients in the same order; pairs with a missing value are left out.
    conf_level : float
        Two-sided coverage of the interval of the change.

    Returns
    -------
    PairedChange

    Raises
    ------
    LiverScoreError
        On unequal lengths or a coverage outside (0, 1).

    Notes
    -----
    Wilcoxon: zero changes left out, normal approximation with the correction for ties and none for
    continuity, as SPSS does and R's ``wilcox.test(paired = TRUE, exact = FALSE, correct = FALSE)``.
    """
    from scipy import stats  # half a second, which a chapter without a paired test need not wait

    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if before.shape != after.shape:
        raise LiverScoreError(f"{before.size} values before and {after.size} after: give one pair per patient.")
    if not 0 < conf_level < 1:
        raise LiverScoreError(f"conf_level is {conf_level}; give the coverage as a fraction between 0 and 1, such as 0.95.")
    both = ~np.isnan(before) & ~np.isnan(after)
    before, after = before[both], after[both]
    difference, n = after - before, int(both.sum())
    spread = difference.std(ddof=1) if n > 1 else np.nan
    half = stats.t.ppf((1 + conf_level) / 2, n - 1) * spread / np.sqrt(n) if n > 1 else np.nan
    change = difference.mean() if n else np.nan
    t_p = float(2 * stats.t.sf(abs(change) * np.sqrt(n) / spread, n - 1)) if n > 1 and spread > 0 else np.nan
    return PairedChange(n, *_mean_and_sd(before), *_mean_and_sd(after), change, change - half, change + half, t_p,
                        _wilcoxon_p(difference), *(int((np.sign(difference) == sign).sum()) for sign in (1, 0, -1)))


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    return (float(values.mean()) if len(values) else np.nan, float(values.std(ddof=1)) if len(values) > 1 else np.nan)


def _wilcoxon_p(difference: np.ndarray) -> float:
    moved = difference[difference != 0]
    if len(moved) < 2:
        return np.nan
    from scipy import stats

    return float(stats.wilcoxon(moved, method="asymptotic").pvalue)


def class_crossings(before, after, patients, order) -> pd.DataFrame:
    """Who moved from one class to another.

    Parameters
    ----------
    before, after : array-like
        Classes, missing where unknown.
    patients : array-like of str
    order : sequence
        The classes from best to worst.

    Returns
    -------
    DataFrame
        A row per patient who moved: ``patient, before, after`` and ``worse`` (bool).
    """
    frame = pd.DataFrame({"patient": list(patients), "before": list(before), "after": list(after)}).dropna()
    rank = {name: place for place, name in enumerate(order)}
    moved = frame[frame["before"] != frame["after"]]
    return moved.assign(worse=moved["after"].map(rank) > moved["before"].map(rank)).reset_index(drop=True)
