"""RECIST 1.1 and mRECIST: the category of each follow-up visit, from measured lesions.

References
----------
Eisenhauer EA, et al. New response evaluation criteria in solid tumours: revised RECIST guideline
(version 1.1). Eur J Cancer 2009;45:228-247.
Lencioni R, Llovet JM. Modified RECIST (mRECIST) assessment for hepatocellular carcinoma.
Semin Liver Dis 2010;30:52-60.
EORTC, RECIST 1.1 questions and clarifications (nodes are one organ; reappearance after response).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.kept import kept
from lib.refusal import Refusal

BASELINE = "baseline"
NON_CR_NON_PD = "non-CR/non-PD"
CATEGORIES = ("CR", "PR", "SD", NON_CR_NON_PD, "PD", "NE")
"""Best to worst, then not evaluable; the fourth is for patients without a target lesion."""

MOST_TARGETS, MOST_TARGETS_PER_ORGAN = 5, 2
MEASURABLE_MM, MEASURABLE_NODE_MM, NORMAL_NODE_MM = 10.0, 15.0, 10.0
TOLERANCE_MM = 1e-9
"""Keeps 33 mm to 23.1 mm a fall of exactly 30 %, which binary fractions miss by a hair."""

COLUMNS = ("patient", "visit", "lesion", "longest_diameter_mm", "target", "new", "extrahepatic")
TARGET_CHOICES = ("recorded", "largest")


class ResponseError(Refusal, ValueError):
    """Lesions that no response can be read from; the message names patient, lesion and remedy."""


@dataclass(frozen=True)
class Criterion:
    """A set of response rules.

    Attributes
    ----------
    name : str
        "RECIST" or "mRECIST", as tables print it.
    viable : bool
        Measure the arterially enhancing part instead of the whole lesion.
    compartment : {"all", "liver", "extrahepatic"}
        Lesions judged; the others are left aside altogether.
    progression_mm : float
        Absolute growth that progression needs besides 20 %; 0 for none.
    new_lesion_mm : float
        Longest diameter from which a new lesion counts; 0 for any.
    """

    name: str
    viable: bool
    compartment: str
    progression_mm: float
    new_lesion_mm: float
    partial_response: float = 0.30
    progression: float = 0.20

    @property
    def measure(self) -> str:
        """What a sum adds up, in words."""
        return "viable diameters of liver targets" if self.viable else "diameters of targets"


RECIST = Criterion("RECIST", viable=False, compartment="all", progression_mm=5.0, new_lesion_mm=0.0)
MRECIST = Criterion("mRECIST", viable=True, compartment="liver", progression_mm=0.0, new_lesion_mm=10.0)
CRITERIA = {criterion.name: criterion for criterion in (RECIST, MRECIST)}


@kept
def assess(lesions: pd.DataFrame, criterion: str | Criterion = RECIST, targets: str = "recorded") -> pd.DataFrame:
    """Response at every follow-up visit.

    Parameters
    ----------
    lesions : DataFrame, one row per lesion and visit
        ``patient``, ``visit`` ("baseline" or a follow-up's name), ``lesion``, ``longest_diameter_mm``
        (mm; 0 for a lesion gone, blank for one not evaluated), ``target``, ``new``, ``extrahepatic``
        (booleans); ``viable_diameter_mm`` for mRECIST; optional ``visit_day``, ``node``,
        ``short_axis_mm``, ``organ``, ``unequivocal_progression``. A lesion too small to measure is
        entered as 5 mm, as RECIST 1.1 asks.
    criterion : Criterion or its name
    targets : {"recorded", "largest"}
        Targets as the reader marked them, or the largest measurable lesions within the limits.

    Returns
    -------
    DataFrame, one row per patient and follow-up visit, in time order
        ``n_targets``, ``baseline_sum_mm``, ``nadir_mm`` (smallest earlier sum, baseline included),
        ``sum_mm``, ``change_percent`` (from baseline), ``nadir_change_percent``, ``target_response``,
        ``non_target_response``, ``new_lesion``, ``response`` (one of `CATEGORIES`) and, for PD,
        ``decided_by``.

    Raises
    ------
    ResponseError
        On missing columns, a repeated or unannounced lesion, targets beyond the limits or too small,
        or several follow-up visits without days to order them.
    """
    criterion = CRITERIA.get(criterion, criterion)
    if not isinstance(criterion, Criterion):
        raise ResponseError(f"criterion '{criterion}' is unknown; use one of {', '.join(CRITERIA)}.")
    coded = [name for name in lesions.columns.intersection(["patient", "lesion"]) if isinstance(lesions[name].dtype, pd.CategoricalDtype)]
    numbered = lesions.copy(deep=False)  # a registry: numbers are grouped and joined many times faster than a million names
    for name in coded:
        numbered[name] = lesions[name].cat.codes
    try:
        judged = _assessed(numbered, criterion, targets)
    except ResponseError:
        judged = _assessed(lesions.astype(dict.fromkeys(coded, object)), criterion, targets)  # says it with the names
    if "patient" in coded:
        judged["patient"] = pd.Categorical.from_codes(judged.patient, dtype=lesions.patient.dtype)
    return judged


def _assessed(lesions: pd.DataFrame, criterion: Criterion, targets: str) -> pd.DataFrame:
    rows = _judged(lesions, criterion)
    judged = _visits(rows)
    for name in ("visit_day", "viable_diameter_mm", "short_axis_mm"):  # no more needed, and else copied by the million
        del rows[name]
    if criterion.compartment != "all":
        rows = rows[rows.extrahepatic.eq(criterion.compartment == "extrahepatic")]
    at_baseline = rows[rows.visit.eq(BASELINE)]
    is_target = _targets(at_baseline, criterion, targets)
    at_baseline = at_baseline[["patient", "lesion_number"]]
    targets, non_targets = at_baseline[is_target], at_baseline[~is_target]
    judged["n_targets"] = judged.patient.map(targets.patient.value_counts())
    judged["n_non_targets"] = judged.patient.map(non_targets.patient.value_counts())
    _set_beside(judged, _target_sums(_followed(rows, targets)))
    _set_beside(judged, _non_targets(_followed(rows, non_targets)))
    _set_beside(judged, _new_lesions(rows, criterion))
    return _categories(judged, criterion)


def _set_beside(judged: pd.DataFrame, by_visit: pd.DataFrame) -> None:
    """Add columns found by the number of a visit, missing for a visit without them; `join` would copy all other columns each time."""
    place = by_visit.index.get_indexer(judged.visit_number)
    for name, values in by_visit.items():
        judged[name] = values.array.take(place, allow_fill=True)


# -- lesions -------------------------------------------------------------------------------------------

def _judged(lesions: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """Lesions with defaults filled in, the size this criterion measures, and whether each is gone.

    A number for each patient's lesion and for each patient's visit stands for the two names, which a registry's millions of
    rows would be grouped by more slowly.
    """
    needed = (*COLUMNS, "viable_diameter_mm") if criterion.viable else COLUMNS
    missing = [column for column in needed if column not in lesions]
    if missing:
        raise ResponseError(f"lesions: column {missing[0]} is missing; {criterion.name} needs {', '.join(needed)}.")
    rows = lesions.copy(deep=False)
    rows.index = pd.RangeIndex(len(rows))
    for name, empty in (("visit_day", np.nan), ("viable_diameter_mm", np.nan), ("short_axis_mm", np.nan), ("organ", None),
                        ("node", False), ("unequivocal_progression", np.nan)):
        if name not in rows:
            rows[name] = empty
    for name in ("longest_diameter_mm", "viable_diameter_mm", "short_axis_mm"):
        if rows[name].dtype != float:
            rows[name] = rows[name].astype(float)
    for name in ("target", "new", "extrahepatic", "node"):
        if rows[name].dtype != bool:
            rows[name] = rows[name].astype("boolean").fillna(False).astype(bool)
    rows["unequivocal_progression"] = rows["unequivocal_progression"].astype("boolean")
    if criterion.viable:
        rows["size_mm"] = rows.viable_diameter_mm.mask(rows.longest_diameter_mm.eq(0), 0.0)
    else:
        rows["size_mm"] = rows.longest_diameter_mm.where(~rows.node, rows.short_axis_mm)
    normal_node = rows.node & (rows.size_mm < NORMAL_NODE_MM) & (not criterion.viable)
    rows["gone"] = rows.size_mm.eq(0) | normal_node
    patient, patients = pd.factorize(rows.patient)
    for name in ("lesion", "visit"):
        word, words = pd.factorize(rows[name])
        rows[f"{name}_number"] = pd.factorize(patient * len(words) + word)[0]
    _refuse_contradictions(rows, rows.lesion_number * len(words) + word)
    return rows


def _refuse_contradictions(rows: pd.DataFrame, lesion_and_visit: pd.Series) -> None:
    if len(rows) and np.bincount(lesion_and_visit).max() > 1:
        row = rows[lesion_and_visit.duplicated()].iloc[0]
        raise ResponseError(f"lesions: {row.lesion} of {row.patient} is listed twice at visit {row.visit}; keep one row.")
    at_baseline = rows.visit.eq(BASELINE)
    known = _is_among(rows.lesion_number, rows.lesion_number[at_baseline])
    unannounced = rows[~at_baseline & ~known & ~rows.new]
    unannounced = unannounced[unannounced.patient.isin(rows.patient[at_baseline])]
    if len(unannounced):
        row = unannounced.iloc[0]
        raise ResponseError(f"lesions: {row.lesion} of {row.patient} at visit {row.visit} was not seen at baseline and is "
                            "not marked new; add its baseline row or set new to true.")
    old = rows[~at_baseline & known & rows.new]
    if len(old):
        row = old.iloc[0]
        raise ResponseError(f"lesions: {row.lesion} of {row.patient} is marked new at visit {row.visit} but was seen at "
                            "baseline; set new to false or give the new lesion a name of its own.")


def _is_among(numbers: pd.Series, chosen: pd.Series) -> pd.Series:
    """`isin` of numbers counted from 0, which need not be searched for."""
    holds = np.zeros(numbers.max() + 1 if len(numbers) else 0, bool)
    holds[chosen] = True
    return pd.Series(holds[numbers], numbers.index)


def _visits(rows: pd.DataFrame) -> pd.DataFrame:
    """All visits in time order, baseline first; from every lesion, judged by this criterion or not."""
    visits = rows.groupby(["patient", "visit"], sort=False, as_index=False, observed=True).agg(
        visit_number=("visit_number", "first"), visit_day=("visit_day", "min"))
    visits["follow_up"] = visits.visit.ne(BASELINE)
    several = visits.follow_up & (visits.groupby("patient").follow_up.transform("sum") > 1)
    unplaced = visits[several & visits.visit_day.isna()]
    if len(unplaced):
        row = unplaced.iloc[0]
        raise ResponseError(f"lesions: {row.patient} has several follow-up visits but {row.visit} has no visit_day; "
                            "give the day, so that the visits can be put in order.")
    visits["has_baseline"] = ~visits.groupby("patient").follow_up.transform("all")
    return visits.sort_values(["patient", "follow_up", "visit_day"])


# -- targets -------------------------------------------------------------------------------------------

def _targets(at_baseline: pd.DataFrame, criterion: Criterion, choice: str) -> pd.Series:
    """Which baseline rows are targets of this criterion."""
    if choice not in TARGET_CHOICES:
        raise ResponseError(f"targets = '{choice}' is unknown; use one of {', '.join(TARGET_CHOICES)}.")
    if choice == "largest":
        return _largest(at_baseline, criterion)
    # a lesion without arterial enhancement is no mRECIST target, however large
    marked = at_baseline.target & ~(at_baseline.size_mm.eq(0) & criterion.viable)
    _refuse_bad_targets(at_baseline, marked, criterion)
    return marked


def _organ(rows: pd.DataFrame) -> pd.Series:
    """The organ that a limit on targets counts by: all nodes are one."""
    organ = rows.organ.astype(object)
    organ = organ.where(organ.notna(), "unstated")
    return organ.where(rows.extrahepatic, "liver").mask(rows.node, "lymph nodes")


def _measurable(rows: pd.DataFrame, criterion: Criterion) -> pd.Series:
    """Large enough at baseline to be followed; mRECIST asks it of the whole lesion and for enhancement."""
    if criterion.viable:
        return (rows.longest_diameter_mm >= MEASURABLE_MM) & (rows.size_mm > 0)
    return rows.size_mm >= np.where(rows.node, MEASURABLE_NODE_MM, MEASURABLE_MM)


def _largest(at_baseline: pd.DataFrame, criterion: Criterion) -> pd.Series:
    """The largest measurable lesions, at most two an organ, each organ's largest before any second one."""
    pool = at_baseline[_measurable(at_baseline, criterion)].assign(organ=_organ)
    pool["in_organ"] = pool.groupby(["patient", "organ"]).size_mm.rank(method="first", ascending=False)
    pool = pool[pool.in_organ <= MOST_TARGETS_PER_ORGAN].sort_values(["in_organ", "size_mm"], ascending=[True, False])
    chosen = pool.index[pool.groupby("patient").cumcount() < MOST_TARGETS]
    return pd.Series(at_baseline.index.isin(chosen), at_baseline.index)


def _refuse_bad_targets(at_baseline: pd.DataFrame, marked: pd.Series, criterion: Criterion) -> None:
    remedy = "mark the others as non-target, or let targets = 'largest' choose"
    small = at_baseline[marked & at_baseline.size_mm.notna() & ~_measurable(at_baseline, criterion)]
    if len(small):
        row = small.iloc[0]
        limit = MEASURABLE_NODE_MM if row.node and not criterion.viable else MEASURABLE_MM
        size = row.longest_diameter_mm if criterion.viable else row.size_mm
        raise ResponseError(f"lesions: target {row.lesion} of {row.patient} measures {size:g} mm at baseline; "
                            f"{criterion.name} needs {limit:g} mm: mark it as non-target.")
    counts = at_baseline[marked].groupby("patient").size()
    if (counts > MOST_TARGETS).any():
        patient = counts.idxmax()
        raise ResponseError(f"lesions: {patient} has {counts[patient]} targets; {criterion.name} allows {MOST_TARGETS}: {remedy}.")
    many = at_baseline[marked & at_baseline.patient.isin(counts.index[counts > MOST_TARGETS_PER_ORGAN])].assign(organ=_organ)
    counts = many[many.organ.ne("unstated")].groupby(["patient", "organ"]).size()
    if (counts > MOST_TARGETS_PER_ORGAN).any():
        patient, where = counts.idxmax()
        raise ResponseError(f"lesions: {patient} has {counts.max()} targets in one organ ({where}); {criterion.name} allows "
                            f"{MOST_TARGETS_PER_ORGAN}: {remedy}.")


def _followed(rows: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The rows of the lesions chosen at baseline; one not evaluated at a visit may have no row there."""
    return rows.loc[_is_among(rows.lesion_number, chosen.lesion_number), ["visit_number", "size_mm", "gone", "unequivocal_progression"]]


def _target_sums(followed: pd.DataFrame) -> pd.DataFrame:
    by_visit = followed.groupby("visit_number")
    return by_visit.agg(n_measured=("size_mm", "count"), n_targets_gone=("gone", "sum")).assign(
        measured_mm=by_visit.size_mm.sum(min_count=1))


def _non_targets(followed: pd.DataFrame) -> pd.DataFrame:
    # a non-target may be too vague to measure: a word on its progression also evaluates it
    evaluated = followed.size_mm.notna() | followed.unequivocal_progression.notna()
    progressed = followed.unequivocal_progression.fillna(False).astype(bool)
    return followed.assign(evaluated=evaluated, progressed=progressed).groupby("visit_number").agg(
        n_evaluated=("evaluated", "sum"), n_non_targets_gone=("gone", "sum"), non_target_progressed=("progressed", "any"))


def _new_lesions(rows: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """Whether a new lesion counts, or may count but was not measured well enough to tell."""
    new = rows[rows.new & rows.visit.ne(BASELINE)].copy()
    if not criterion.viable:
        new["counts"], new["unclear"] = ~new.gone, False
    else:
        longest = new.longest_diameter_mm
        first = longest.groupby([new.patient, new.lesion]).transform("first")
        large = longest >= criterion.new_lesion_mm
        # without the typical enhancement a nodule is disease only once it has grown by 10 mm
        new["counts"] = (large & (new.size_mm > 0)) | (longest - first >= MEASURABLE_MM)
        new["unclear"] = ~new.counts & (longest.isna() | (large & new.size_mm.isna()))
    return new.groupby("visit_number").agg(new_lesion=("counts", "any"), new_lesion_unclear=("unclear", "any"))


# -- categories ----------------------------------------------------------------------------------------

def _categories(judged: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """Categories of targets, of non-targets and overall, by the standards' tables."""
    for count in ("n_targets", "n_measured", "n_targets_gone", "n_non_targets", "n_evaluated", "n_non_targets_gone"):
        judged[count] = judged[count].fillna(0).astype(int)
    for flag in ("non_target_progressed", "new_lesion", "new_lesion_unclear"):
        judged[flag] = judged[flag].eq(True)
    judged["targets_gone"] = judged.n_targets_gone == judged.n_targets
    judged["non_targets_gone"] = judged.n_non_targets_gone == judged.n_non_targets
    _sums(judged)
    judged = judged[judged.follow_up].copy()
    judged["target_response"] = _target_response(judged, criterion)
    judged["non_target_response"] = _words(
        [judged.n_non_targets.eq(0), judged.non_target_progressed, judged.n_evaluated < judged.n_non_targets,
         judged.non_targets_gone], ["none", "PD", "NE", "CR"], NON_CR_NON_PD)
    judged["reappeared"] = _reappeared(judged)
    judged["response"] = _overall(judged)
    judged["decided_by"] = _decided_by(judged)
    columns = ["patient", "visit", "visit_day", "n_targets", "baseline_sum_mm", "nadir_mm", "sum_mm", "change_percent",
               "nadir_change_percent", "target_response", "non_target_response", "new_lesion", "response", "decided_by"]
    return judged[columns].astype({"target_response": object, "non_target_response": object}).reset_index(drop=True)


def _sums(judged: pd.DataFrame) -> None:
    judged["sum_mm"] = judged.measured_mm.where(judged.n_measured == judged.n_targets)
    patient = judged.patient
    judged["baseline_sum_mm"] = judged.sum_mm.where(~judged.follow_up).groupby(patient).transform("first")
    earlier = judged.sum_mm.groupby(patient).shift().groupby(patient).cummin()
    judged["nadir_mm"] = earlier.groupby(patient).ffill()
    for change, reference in (("change_percent", judged.baseline_sum_mm), ("nadir_change_percent", judged.nadir_mm)):
        judged[change] = 100 * (judged.sum_mm - reference) / reference.where(reference > 0)


def _target_response(judged: pd.DataFrame, criterion: Criterion) -> pd.Categorical:
    """CR, PR, SD, PD or NE of the targets; "none" without targets.

    Growth is read from what was measured, so that a missing target cannot hide progression.
    """
    growth = judged.measured_mm - judged.nadir_mm
    grown = ((growth > TOLERANCE_MM) & (growth >= criterion.progression * judged.nadir_mm - TOLERANCE_MM)
             & (growth >= criterion.progression_mm - TOLERANCE_MM))
    shrunk = judged.sum_mm <= (1 - criterion.partial_response) * judged.baseline_sum_mm + TOLERANCE_MM
    unknown = judged.sum_mm.isna() | judged.baseline_sum_mm.isna()
    return _words([judged.n_targets.eq(0), judged.targets_gone, grown, unknown, shrunk], ["none", "CR", "PD", "NE", "PR"], "SD")


def _words(conditions: list[pd.Series], words: list[str], default: str) -> pd.Categorical:
    """`numpy.select` of words, each of which is in memory once however many rows it stands in."""
    return pd.Categorical.from_codes(np.select(conditions, list(range(len(words))), len(words)), [*words, default])


def _reappeared(judged: pd.DataFrame) -> pd.Series:
    """Disease seen again after a complete response, which RECIST 1.1 (Table 3, footnote) calls progression."""
    clear = _complete(judged) & ~judged.new_lesion
    was_clear = clear.groupby(judged.patient).cummax().groupby(judged.patient).shift(fill_value=False)
    target_back = judged.measured_mm.gt(0) & ~judged.targets_gone
    return was_clear & (target_back | judged.non_target_response.eq(NON_CR_NON_PD))


def _complete(judged: pd.DataFrame) -> pd.Series:
    """Everything followed is gone, and something was followed."""
    target, non_target = ((part.eq("CR"), part.eq("none")) for part in (judged.target_response, judged.non_target_response))
    return (target[0] | target[1]) & (non_target[0] | non_target[1]) & (target[0] | non_target[0])


def _overall(judged: pd.DataFrame) -> np.ndarray:
    """Tables 1 and 2 of RECIST 1.1; mRECIST's table is the same."""
    target, non_target = judged.target_response, judged.non_target_response
    progressed = target.eq("PD") | non_target.eq("PD") | judged.new_lesion | judged.reappeared
    unknown = ~judged.has_baseline | judged.new_lesion_unclear
    return np.select([progressed, unknown, target.eq("none"), _complete(judged), target.eq("CR")],
                     ["PD", "NE", non_target.astype(object).replace("none", "NE"), "CR", "PR"], default=target.astype(object))


def _decided_by(judged: pd.DataFrame) -> list[str]:
    """What makes a PD a PD; empty for every other category."""
    reasons = {"targets": judged.target_response.eq("PD"), "non-targets": judged.non_target_response.eq("PD"),
               "new lesion": judged.new_lesion, "reappearance": judged.reappeared & judged.target_response.ne("PD")}
    holding = np.array([", ".join(name for place, name in enumerate(reasons) if number >> place & 1) for number in range(2 ** len(reasons))], object)
    numbers = sum(holds.to_numpy(int) << place for place, holds in enumerate(reasons.values()))
    return list(np.where(judged.response.eq("PD"), holding[numbers], ""))
