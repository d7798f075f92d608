"""Laboratory values at baseline and at the month-3 visit.

MELD scores are drawn first, as whole numbers with the printed means, SDs, paired t test and
direction of change; then creatinine, bilirubin and INR that give each score; then the other analytes, so
that each patient's worst CTCAE v5 grade is the one intended. Values keep clear of every threshold.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from lib.reconstruct.completion.printed import CompletionError, PrintedFigures, within

# analyte: (unit, lower and upper limit of normal)
NORMAL = {
    "albumin": ("g/dL", 3.5, 5.0), "bilirubin": ("mg/dL", 0.2, 1.2), "inr": ("ratio", 0.9, 1.1),
    "alt": ("U/L", 7, 56), "ast": ("U/L", 10, 40), "alp": ("U/L", 40, 129),
    "creatinine": ("mg/dL", 0.6, 1.2), "platelets": ("10^3/uL", 150, 400), "sodium": ("mmol/L", 136, 145),
}
ENZYMES = ("alt", "ast", "alp")
# highest multiple that is still of grade 0, 1, 2, 3: of the upper limit of normal, or of a baseline above it
CEILINGS = {
    ("alt", False): (1, 3, 5, 20), ("alt", True): (1.5, 3, 5, 20),
    ("ast", False): (1, 3, 5, 20), ("ast", True): (1.5, 3, 5, 20),
    ("alp", False): (1, 2.5, 5, 20), ("alp", True): (2, 2.5, 5, 20),
    ("bilirubin", False): (1, 1.5, 3, 10), ("bilirubin", True): (1, 1.5, 3, 10),
}
INR_CEILINGS = (1.2, 1.5, 2.5)
ALBUMIN_BANDS = ((3.5, 4.7), (3.1, 3.4), (2.2, 2.9))
GRADE_3_CAUSES = ("bilirubin", "alt", "alp")
SHARE_OF_GRADE_2 = 0.25
LOWEST_MELD, HIGHEST_BASELINE_MELD, HIGHEST_MELD = 6, 13, 20
CLEAR_OF_ROUNDING = 0.03
NOT_SIGNIFICANT, MELD_NOT_SIGNIFICANT = 0.08, 0.2
SPREAD_OF_RANKS = np.linspace(1.5, 8.0, 40)
"""Disorder added to the ranks of survival, in patients, before MELD is handed out by them."""
LARGEST_FALL = 3
"""MELD points a patient may lose in three months; larger falls would need implausible recoveries."""
BATCH, DRAWS, DRAWS_PER_SCORES = 50_000, 200, 12


def draw_labs(patients: pd.DataFrame, printed: PrintedFigures, rng: np.random.Generator) -> pd.DataFrame:
    """The long table of laboratory values of both visits.

    The paper reports no laboratory value that a univariate Cox model ties to survival; draws in
    which one is are dropped.

    Parameters
    ----------
    patients : DataFrame, shape (n_patients, n_columns)
        Skeleton with ``patient, sex, visit_day, anticoagulated``.
    printed : PrintedFigures
        ``meld.*``, ``lab_toxicity.*``, ``eligibility.*``.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        ``patient, visit, visit_day, analyte, value, unit, lower_normal, upper_normal``.
    """
    for _ in range(DRAWS):
        scores = meld_scores(patients.meld_increased.to_numpy(dtype=bool), printed, rng)
        scores = _worst_die_soonest(patients, *scores, rng)
        if scores is None:
            continue
        for _ in range(DRAWS_PER_SCORES):
            try:
                baseline, month_3 = _values(patients, *scores, printed, rng)
            except _OutOfReach:
                continue
            if not _tied_to_survival(patients, baseline, month_3):
                return _long(patients, baseline, month_3, rng)
    raise CompletionError("No laboratory values were found that give the ledger's MELD and grades without tying "
                          "one of them to survival; try another seed.")


def meld_scores(increased: np.ndarray, printed: PrintedFigures,
                rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """MELD at baseline and month 3 with the printed means, SDs, P value and direction of change.

    Parameters
    ----------
    increased : ndarray of bool, shape (n_patients,)
    printed : PrintedFigures
    rng : numpy.random.Generator

    Returns
    -------
    tuple of ndarray of int, shape (n_patients,)
    """
    shape = (BATCH, len(increased))
    for _ in range(DRAWS):
        baseline = (LOWEST_MELD + rng.geometric(0.42, shape) - 1).clip(max=HIGHEST_BASELINE_MELD)
        baseline = baseline[_prints(baseline, "meld.baseline", printed)]
        if len(baseline) == 0:
            continue
        baseline = baseline[rng.integers(len(baseline), size=BATCH)]
        rise = rng.geometric(0.18, shape)
        fall = np.minimum(rng.geometric(0.6, shape) - 1, np.minimum(LARGEST_FALL, baseline - LOWEST_MELD))
        month_3 = np.where(increased, baseline + rise, baseline - fall)
        fits = _prints(month_3, "meld.month_3", printed) & (month_3.max(axis=1) <= HIGHEST_MELD)
        baseline, month_3 = baseline[fits], month_3[fits]
        p_values = stats.ttest_rel(month_3, baseline, axis=1).pvalue
        exact = within(p_values, printed.interval("meld.paired_t.p"))
        if exact.any():
            return baseline[exact.argmax()], month_3[exact.argmax()]
    raise CompletionError("No whole MELD scores were found with the ledger's means, SDs and paired test.")


def _prints(scores: np.ndarray, quantity: str, printed: PrintedFigures) -> np.ndarray:
    """Which rows of scores have the printed mean and SD."""
    return (within(scores.mean(axis=1), printed.interval(f"{quantity}.mean"))
            & within(scores.std(axis=1, ddof=1), printed.interval(f"{quantity}.sd")))


def _worst_die_soonest(patients: pd.DataFrame, baseline: np.ndarray, month_3: np.ndarray,
                       rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """The same pairs of scores, among patients whose MELD rose the highest with those who lived least.

    That holds as far as MELD stays untied to survival, None where it never does. Means, SDs, the paired
    test and the direction of change do not depend on who has which pair.
    """
    rose = np.flatnonzero(patients.meld_increased)
    months, died = patients.os_treatment_months.to_numpy(), patients.died.to_numpy(dtype=bool)
    rank = np.argsort(np.argsort(months[rose]))
    highest = rose[np.argsort(-month_3[rose], kind="stable")]
    for spread in SPREAD_OF_RANKS:
        soonest = rose[np.argsort(rank + rng.normal(0, spread, len(rose)))]
        pairs = np.column_stack([baseline, month_3])
        pairs[soonest] = pairs[highest]
        if (cox_score_p(pairs.astype(float), months, died) > MELD_NOT_SIGNIFICANT).all():
            return pairs[:, 0], pairs[:, 1]
    return None


def _values(patients: pd.DataFrame, meld_baseline: np.ndarray, meld_month_3: np.ndarray,
            printed: PrintedFigures, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Wide tables of analytes at both visits, one row per patient."""
    causes = _grade_3_causes(meld_month_3, printed, rng)
    baseline, month_3 = [], []
    for place, row in enumerate(patients.itertuples()):
        before = _liver_kidney(meld_baseline[place], _eligible_grid(printed), _usual(row.sex), rng,
                               most_inr=1.2 if row.anticoagulated else None)
        before |= _other_baseline(causes.get(place), rng)
        after = _month_3(before, meld_month_3[place], causes.get(place), row.anticoagulated, rng)
        baseline.append(before)
        month_3.append(after)
    return (pd.DataFrame(baseline, index=patients.index)[list(NORMAL)],
            pd.DataFrame(month_3, index=patients.index)[list(NORMAL)])


def _grade_3_causes(meld: np.ndarray, printed: PrintedFigures,
                    rng: np.random.Generator) -> dict[int, str]:
    """Patients with a grade 3 value and its analyte; bilirubin where MELD is highest."""
    count = printed.count("lab_toxicity.grade_3.count")
    n_graded = count + printed.count("lab_toxicity.grade_1_2.count")
    if n_graded != len(meld):
        raise CompletionError(f"The ledger grades {n_graded} of {len(meld)} patients; the completion gives "
                              "each patient a grade.")
    highest = int(np.argmax(meld))
    rest = rng.permutation(np.delete(np.arange(len(meld)), highest))
    chosen = [highest, *rest[:count - 1].tolist()][:count]
    return {place: GRADE_3_CAUSES[turn % len(GRADE_3_CAUSES)] for turn, place in enumerate(chosen)}


def _eligible_grid(printed: PrintedFigures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Creatinine, bilirubin and INR a patient may have had at baseline."""
    return (np.arange(0.50, printed.value("eligibility.creatinine.max") - 0.05, 0.01),
            np.arange(0.3, printed.value("eligibility.bilirubin.max") - 0.05, 0.1),
            np.arange(0.9, printed.value("eligibility.inr.max") - 0.05, 0.1))


def _usual(sex: str) -> dict[str, tuple[float, float]]:
    """Centre and spread (of the logarithm) of the values MELD is made of, before treatment."""
    return {"creatinine": (0.95 if sex == "male" else 0.75, 0.2), "bilirubin": (0.7, 0.45), "inr": (1.0, 0.1)}


def _liver_kidney(meld: int, grid, centre: dict[str, tuple[float, float]], rng: np.random.Generator,
                  most_inr: float | None = None) -> dict[str, float]:
    """Creatinine, bilirubin and INR on a grid that give a MELD score, likelier near ``centre``."""
    creatinine, bilirubin, inr = (values.ravel().round(2) for values in np.meshgrid(*grid, indexing="ij"))
    exact = _meld_unrounded(creatinine, bilirubin, inr)
    able = np.abs(exact - meld) < 0.5 - CLEAR_OF_ROUNDING
    if most_inr is not None:
        able &= inr <= most_inr
    weight = np.zeros(len(exact))
    for name, values in (("creatinine", creatinine), ("bilirubin", bilirubin), ("inr", inr)):
        middle, spread = centre[name]
        weight -= 0.5 * (np.log(values / middle) / spread) ** 2
    if not able.any():
        raise _OutOfReach(f"No creatinine, bilirubin and INR within their limits give a MELD of {meld}; "
                          "try another seed.")
    chance = np.where(able, np.exp(weight - weight[able].max()), 0.0)
    place = rng.choice(len(exact), p=chance / chance.sum())
    return {"creatinine": creatinine[place], "bilirubin": bilirubin[place], "inr": inr[place]}


class _OutOfReach(CompletionError):
    """No values within the limits give the score."""


def _meld_unrounded(creatinine, bilirubin, inr):
    """UNOS MELD before rounding, inputs below 1 taken as 1."""
    return (9.57 * np.log(np.clip(creatinine, 1.0, 4.0)) + 3.78 * np.log(np.maximum(bilirubin, 1.0))
            + 11.20 * np.log(np.maximum(inr, 1.0)) + 6.43)


def _other_baseline(cause: str | None, rng: np.random.Generator) -> dict[str, float]:
    """Analytes outside MELD before treatment: mostly normal, some ALP raised by the metastases.

    The analyte that will reach grade 3 starts normal: from a raised baseline that takes implausible values.
    """
    def mixed(analyte: str, usual: tuple[float, float], raised: tuple[float, float], share: float) -> float:
        return round(rng.uniform(*(raised if rng.random() < share and analyte != cause else usual)))

    return {"albumin": round(rng.uniform(3.2, 3.4) if rng.random() < 0.12 else rng.uniform(3.6, 4.6), 1),
            "alt": mixed("alt", (12, 44), (62, 88), 0.1), "ast": mixed("ast", (15, 35), (44, 62), 0.15),
            "alp": mixed("alp", (52, 118), (142, 205), 0.25), "platelets": round(rng.uniform(118, 372)),
            "sodium": round(rng.uniform(135.6, 143.4))}


def _month_3(before: dict[str, float], meld: int, cause: str | None, anticoagulated: bool,
             rng: np.random.Generator) -> dict[str, float]:
    """All analytes at the visit, the worst grade being 3 by ``cause``, otherwise 1 or 2."""
    def of_meld(worst: int) -> dict[str, float]:
        return _liver_kidney(meld, _month_3_grid(before, worst, cause), _near(before, cause), rng,
                             most_inr=before["inr"] if anticoagulated else None)

    worst = 2 if cause or rng.random() < SHARE_OF_GRADE_2 else 1
    try:
        after = of_meld(worst)
    except _OutOfReach:
        worst = 2
        after = of_meld(worst)
    grades = _grades(worst, cause, rng)
    after["albumin"] = _albumin(before["albumin"], grades["albumin"], rng)
    for enzyme in ENZYMES:
        after[enzyme] = _enzyme(enzyme, before[enzyme], grades[enzyme], rng)
    after["platelets"] = max(62, round(before["platelets"] * rng.uniform(0.72, 1.1)))
    after["sodium"] = round(np.clip(before["sodium"] + rng.normal(-0.5, 1.8), 132, 144))
    return after


def _month_3_grid(before: dict[str, float], worst: int,
                  cause: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values at the visit whose grades stay at ``worst`` or below, bilirubin of grade 3 if it is the cause."""
    lower, upper = 0.3, _band("bilirubin", before["bilirubin"], worst)[1]
    if cause == "bilirubin":
        lower, upper = _band("bilirubin", before["bilirubin"], 3)
        upper = min(upper, 2.0 * lower)
    return (np.arange(max(0.45, 0.65 * before["creatinine"]), 1.5 * before["creatinine"], 0.01).round(2),
            np.arange(np.ceil(lower * 10 + 0.5) / 10 if cause == "bilirubin" else lower, upper - 0.05, 0.1),
            np.arange(0.9, INR_CEILINGS[worst] - 0.05, 0.1))


def _near(before: dict[str, float], cause: str | None) -> dict[str, tuple[float, float]]:
    """Centre and spread of the visit's values: close to baseline, bilirubin the freest."""
    bilirubin = 4.2 if cause == "bilirubin" else before["bilirubin"]
    return {"creatinine": (before["creatinine"], 0.12), "bilirubin": (bilirubin, 0.35), "inr": (before["inr"], 0.10)}


def _grades(worst: int, cause: str | None, rng: np.random.Generator) -> dict[str, int]:
    """Intended grade of the analytes outside MELD; one of them has the worst grade."""
    grades = {name: int(rng.choice(worst + 1, p=_GRADE_WEIGHTS[worst])) for name in ("albumin", *ENZYMES)}
    leading = str(rng.choice(["albumin", *ENZYMES], p=[0.4, 0.2, 0.2, 0.2]))
    grades[leading] = worst
    if cause in ENZYMES:
        grades[cause] = 3
    if cause == "alt":
        grades["ast"] = 2
    return grades


_GRADE_WEIGHTS = {1: (0.62, 0.38), 2: (0.55, 0.37, 0.08)}


def _band(analyte: str, baseline: float, grade: int) -> tuple[float, float]:
    """Lower (excluded) and upper limit of a grade's values, by the CTCAE v5 baseline rule."""
    upper_normal = NORMAL[analyte][2]
    abnormal = baseline > upper_normal
    unit = baseline if abnormal else upper_normal
    ceilings = CEILINGS[analyte, abnormal]
    return (0.0 if grade == 0 else ceilings[grade - 1] * unit), ceilings[grade] * unit


def _enzyme(analyte: str, baseline: float, grade: int, rng: np.random.Generator) -> int:
    """A value of an intended grade, nearer to the lower end of its band."""
    lower, upper = _band(analyte, baseline, grade)
    if grade == 0:
        return round(min(baseline * rng.uniform(0.8, 1.2), 0.95 * upper))
    width = min(upper, 1.8 * lower) - lower
    return round(lower + width * rng.uniform(0.12, 0.85))


def _albumin(baseline: float, grade: int, rng: np.random.Generator) -> float:
    """Albumin of an intended grade; v5 has no baseline rule for it."""
    lower, upper = ALBUMIN_BANDS[grade]
    if grade == 0:
        return round(float(np.clip(baseline + rng.normal(-0.15, 0.2), lower + 0.1, upper)), 1)
    return round(rng.uniform(lower, upper), 1)


def _tied_to_survival(patients: pd.DataFrame, *visits: pd.DataFrame) -> bool:
    """Whether any analyte of any visit, or its MELD, is near significance in a univariate Cox model."""
    values = [visit.assign(meld=np.rint(_meld_unrounded(visit.creatinine, visit.bilirubin, visit.inr)))
              for visit in visits]
    p_values = cox_score_p(pd.concat(values, axis=1).to_numpy(dtype=float),
                           patients.os_treatment_months.to_numpy(), patients.died.to_numpy(dtype=bool))
    return bool((p_values < NOT_SIGNIFICANT).any())


def cox_score_p(values: np.ndarray, months: np.ndarray, died: np.ndarray) -> np.ndarray:
    """P of the score test of a univariate Cox model (Breslow ties), for many covariates at once.

    Parameters
    ----------
    values : ndarray of float, shape (n_patients, n_covariates)
    months : ndarray of float, shape (n_patients,)
    died : ndarray of bool, shape (n_patients,)

    Returns
    -------
    ndarray of float, shape (n_covariates,)
    """
    score, information = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for place in np.flatnonzero(died):
        at_risk = values[months >= months[place]]
        score += values[place] - at_risk.mean(axis=0)
        information += at_risk.var(axis=0)
    # a covariate that does not vary is tied to nothing
    statistic = np.divide(score**2, information, out=np.zeros_like(score), where=information > 0)
    return stats.chi2.sf(statistic, df=1)


def _long(patients: pd.DataFrame, baseline: pd.DataFrame, month_3: pd.DataFrame,
          rng: np.random.Generator) -> pd.DataFrame:
    """One row per patient, visit and analyte."""
    days_before = -rng.integers(0, 11, len(patients))
    rows = []
    for place, row in enumerate(patients.itertuples()):
        for visit, day, wide in (("baseline", days_before[place], baseline),
                                 ("month_3", row.visit_day, month_3)):
            for analyte, (unit, lower, upper) in NORMAL.items():
                rows.append((row.patient, visit, int(day), analyte, float(wide.at[row.Index, analyte]),
                             unit, lower, upper))
    return pd.DataFrame(rows, columns=["patient", "visit", "visit_day", "analyte", "value", "unit",
                                       "lower_normal", "upper_normal"])
