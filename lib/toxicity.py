"""Toxicity: CTCAE grades of laboratory values, clinical adverse events, early death.

Grades follow `data/ctcae.csv`, which holds the limits of versions 4.03, 5 and 6 as the standards print them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from lib.cohort import DAYS_PER_MONTH
from lib.cohort_files import lined_up, looked_up
from lib.kept import kept
from lib.refusal import Refusal
from lib.units import to_reference_units
from lib.wide import pivoted

CTCAE_FILE = Path(__file__).resolve().parent.parent / "data" / "ctcae.csv"
CTCAE_VERSIONS = ("4.03", "5", "6")
BASELINE_RULES = ("as printed", "multiples of ULN")
PAPER_ANALYTES = ("albumin", "bilirubin", "inr", "alt", "ast", "alp")
BASELINE = "baseline"
GRADED_BY = ["value", "lower_normal", "upper_normal", "baseline", "baseline_lower_normal", "baseline_upper_normal", "anticoagulated"]
GRADES = (0, 1, 2, 3, 4, 5)
HYS_LAW, TEMPLES_COROLLARY, HYPERBILIRUBINAEMIA = "Hy's law range", "Temple's corollary", "hyperbilirubinaemia"
# a value computed onto a limit (3 x 1.1 = 3.3000000000000003) must not cross it
_RELATIVE_TOLERANCE = 1e-9


class ToxicityError(Refusal, ValueError):
    """Toxicity cannot be graded from these rows; the message names what is wrong and the remedy."""


# -- the standard ---------------------------------------------------------------------------------------

@cache
def read_ctcae() -> pd.DataFrame:
    """The laboratory limits of CTCAE, one row per version, term, grade and condition.

    Returns
    -------
    DataFrame
        ``version`` (text: "4.03", "5", "6"), ``analyte, term, grade``, ``applies_if`` (the condition the
        standard sets), ``comparison`` (>, >=, <, <=) of the value with ``limit`` times ``reference`` (ULN,
        LLN, baseline, or both baseline and ULN) or with ``limit`` itself in ``unit`` (absolute), and
        ``printed`` (the grade's text).

    References
    ----------
    National Cancer Institute. Common Terminology Criteria for Adverse Events, v4.03 (2010), v5.0 (2017), v6.0 (2025).
    """
    return pd.read_csv(CTCAE_FILE, dtype={"version": str, "unit": str}, keep_default_na=False)


def ctcae_edition(version) -> str:
    """The version as the data file writes it; "5.0", 5.0, 5 and "v5" are all "5".

    Raises
    ------
    ToxicityError
        On a version that is not in the data file.
    """
    text = str(version).strip().lower().removeprefix("v")
    text = {"4": "4.03", "4.0": "4.03", "5.0": "5", "6.0": "6"}.get(text, text)
    if text not in CTCAE_VERSIONS:
        raise ToxicityError(f"CTCAE version '{version}' is not in data/ctcae.csv; it holds {', '.join(CTCAE_VERSIONS)}.")
    return text


# -- grading -------------------------------------------------------------------------------------------

@kept
def grade_labs(labs: pd.DataFrame, patients: pd.DataFrame, version="5", baseline_rule: str = "as printed",
               analytes=None) -> pd.DataFrame:
    """CTCAE grade of every laboratory value.

    Parameters
    ----------
    labs : DataFrame
        Long: ``patient, visit, visit_day, analyte, value, unit, lower_normal, upper_normal``; any usual unit;
        without days or limits they count as missing.
    patients : DataFrame
        ``patient`` and, for INR, ``anticoagulated``; without it INR of versions that ask is not graded.
    version : str or float
        "4.03", "5" or "6".
    baseline_rule : {"as printed", "multiples of ULN"}
        The version's own rule for an abnormal baseline, or fixed limits for everyone.
    analytes : sequence of str, optional
        Which analytes (default: all that the standard grades).

    Returns
    -------
    DataFrame
        One row per patient, visit, analyte and term: ``value, lower_normal, upper_normal, baseline`` in
        reference units; ``grade`` (Int64; missing where the standard cannot be applied, never 0 for that); and
        ``new_or_worsened`` (boolean; the grade is above what the baseline value itself has under the same rule).

    Raises
    ------
    ToxicityError
        On an unknown version, rule or analyte, or two values of one analyte at one visit.

    Notes
    -----
    The baseline visit has no earlier value, so its own grade rests on the fixed limits. A value is compared
    with the baseline visit's value; whether that was abnormal, with the normal limits of its day.
    """
    version = ctcae_edition(version)
    if baseline_rule not in BASELINE_RULES:
        raise ToxicityError(f"baseline_rule '{baseline_rule}' is unknown; use one of {', '.join(map(repr, BASELINE_RULES))}.")
    criteria = read_ctcae().query("version == @version")
    wanted = _known_analytes(criteria, analytes)
    fixed = _fixed_limits(criteria)
    followed = criteria if baseline_rule == "as printed" else fixed
    columns = ["patient", "visit", "visit_day", "analyte", "term", "value", "unit", "lower_normal", "upper_normal",
               "baseline", "grade", "new_or_worsened"]
    terms = criteria[["analyte", "term"]].drop_duplicates()
    pieces = []
    for analyte, term in terms.to_numpy():
        # analyte by analyte, so that a registry's values are never all copied, converted and beside their baselines at once
        piece = _with_baseline(_of_analyte(labs, analyte if analyte in wanted else None), patients)
        if len(piece):
            piece = piece.assign(term=pd.Categorical(pd.Series(term, piece.index), sorted(terms["term"])) if _is_long(labs) else term)
            grade, worse = _graded(piece, followed[followed["term"] == term], fixed[fixed["term"] == term])
            pieces.append(piece.assign(grade=pd.array(grade, dtype="Int64"), new_or_worsened=pd.array(worse, dtype="boolean"))[columns])
    if not pieces:
        return _of_analyte(labs, None).assign(baseline=np.nan, term=pd.Series(dtype=object), grade=pd.Series(dtype="Int64"),
                           new_or_worsened=pd.Series(dtype="boolean"))[columns].reset_index(drop=True)
    graded = pd.concat(pieces, ignore_index=True)
    del pieces
    return graded if _is_long(labs) else graded.sort_values(["patient", "visit_day", "analyte", "term"], ignore_index=True)


def _is_long(labs: pd.DataFrame) -> bool:
    """Whether the table holds categories, as a registry's does: nobody reads its rows in order."""
    return isinstance(labs["patient"].dtype, pd.CategoricalDtype)


@kept
def worst_by_reading(labs: pd.DataFrame, patients: pd.DataFrame, visit: str, analytes=PAPER_ANALYTES) -> dict:
    """Each patient's worst laboratory grade at a visit under every version, baseline rule and reading.

    Parameters
    ----------
    labs, patients : DataFrame
        As for `grade_labs`.
    visit : str
    analytes : sequence of str

    Returns
    -------
    dict
        (version, baseline rule, whether only new or worse grades count) -> ndarray of float, shape (n_patients,), the
        ``worst_grade`` of `worst_grades`, NaN where nothing is graded. A limit that several versions share is applied once.
    """
    standards = {version: read_ctcae().query("version == @version") for version in CTCAE_VERSIONS}
    found = {(version, rule, only_new): np.full(len(patients), np.nan)
             for version in CTCAE_VERSIONS for rule in BASELINE_RULES for only_new in (False, True)}
    places = pd.Series(np.arange(len(patients)), patients["patient"])
    for analyte in _known_analytes(read_ctcae(), analytes):
        # analyte by analyte, as in `grade_labs`
        rows = _with_baseline(_of_analyte(labs, analyte), patients)
        rows = rows[rows["visit"] == visit]
        place = looked_up(rows["patient"], places)
        rows, place = rows[place.notna().to_numpy()], place[place.notna()].to_numpy(dtype=int)
        known = {}
        for version, criteria in standards.items():
            own = criteria[criteria["analyte"] == analyte]
            fixed = _fixed_limits(own)
            for rule, followed in {"as printed": own, "multiples of ULN": fixed}.items():
                for term in dict.fromkeys(own["term"]):
                    limits = followed[followed["term"] == term]
                    key = limits.drop(columns=["version", "term", "printed"]).to_csv()
                    if key not in known:
                        grade, worse = _graded(rows, limits, fixed[fixed["term"] == term])
                        known[key] = {False: grade, True: grade * worse}
                    for only_new, grade in known[key].items():
                        worst = found[version, rule, only_new]
                        worst[place] = np.fmax(worst[place], grade)
    return found


def _graded(rows: pd.DataFrame, followed: pd.DataFrame, fixed: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """One term's grades, and whether each is above that of the baseline value under the same rule (1 or 0); NaN for undecided."""
    at_baseline = (rows["visit"] == BASELINE).to_numpy()
    later = rows.loc[~at_baseline, GRADED_BY]
    before, after = _grade(_as_baseline(later), followed), _grade(later, followed)
    # without a grade there is no event, whatever the baseline was
    undecided = np.isnan(after) | (np.isnan(before) & (after > 0))
    grade, worse = np.empty(len(rows)), np.zeros(len(rows))
    grade[at_baseline], grade[~at_baseline] = _grade(rows.loc[at_baseline, GRADED_BY], fixed), after
    worse[~at_baseline] = np.where(undecided, np.nan, after > before)
    return grade, worse


def labs_of(study) -> pd.DataFrame:
    """The laboratory table of a cohort; an empty one where the cohort has none."""
    columns = {"patient": object, "visit": object, "visit_day": float, "analyte": object, "value": float, "unit": object,
               "lower_normal": float, "upper_normal": float}
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    return empty if study.labs is None else study.labs


def _known_analytes(criteria: pd.DataFrame, analytes) -> list[str]:
    graded = list(dict.fromkeys(criteria["analyte"]))
    wanted = graded if analytes is None else list(analytes)
    unknown = [analyte for analyte in wanted if analyte not in graded]
    if unknown:
        raise ToxicityError(f"CTCAE has no limits for {', '.join(unknown)} in data/ctcae.csv; it grades {', '.join(graded)}.")
    return wanted


def _of_analyte(labs: pd.DataFrame, analyte: str | None) -> pd.DataFrame:
    """The values of one analyte in its reference unit; no row for None."""
    optional = ["visit_day", "lower_normal", "upper_normal"]
    labs = labs[labs["analyte"] == analyte].assign(**{name: np.nan for name in optional if name not in labs})
    twice = labs.duplicated(["patient", "visit"])
    if twice.any():
        row = labs[twice].iloc[0]
        raise ToxicityError(f"labs: patient {row['patient']} has two values of {row['analyte']} at visit "
                            f"'{row['visit']}'; keep one.")
    return to_reference_units(labs)


def _with_baseline(labs: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Each row of one analyte with its patient's baseline value and limits, and whether the patient is anticoagulated."""
    at_baseline = labs[labs["visit"] == BASELINE]
    before = looked_up(labs["patient"], pd.Series(np.arange(len(at_baseline)), at_baseline["patient"])).fillna(-1).to_numpy(dtype=int)
    rows = labs.reset_index(drop=True)
    for name, at_first in (("value", "baseline"), ("lower_normal", "baseline_lower_normal"), ("upper_normal", "baseline_upper_normal")):
        rows[at_first] = at_baseline[name].astype(float).array.take(before, allow_fill=True)
        rows[name] = rows[name].astype(float)
    known = patients.reindex(columns=["patient", "anticoagulated"]).set_index("patient")["anticoagulated"]
    rows["anticoagulated"] = looked_up(rows["patient"], known).astype("boolean").astype(float)  # NaN where it is not known
    return rows


def _as_baseline(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows as if each value were its own baseline."""
    return rows.assign(value=rows["baseline"], lower_normal=rows["baseline_lower_normal"],
                       upper_normal=rows["baseline_upper_normal"])


def _fixed_limits(criteria: pd.DataFrame) -> pd.DataFrame:
    """The criteria without whatever asks for a baseline: everyone's baseline counts as normal."""
    asks = ["baseline above ULN", "baseline below LLN", "anticoagulated"]
    kept = criteria[~criteria["applies_if"].isin(asks) & (criteria["reference"] != "baseline")]
    return kept.assign(applies_if="any", reference=kept["reference"].replace("baseline and ULN", "ULN"))


def _grade(rows: pd.DataFrame, criteria: pd.DataFrame) -> np.ndarray:
    """The highest grade whose criterion holds; NaN while a higher one is undecided.

    Truth is three-valued (Kleene): 1, 0, or NaN where a limit is missing; a false condition settles a
    criterion whatever its limit, and the minimum of two truths is their "and".
    """
    met, possible = np.zeros(len(rows)), np.zeros(len(rows))
    for criterion in criteria.itertuples():
        condition, exceeds = _condition(rows, criterion.applies_if), _exceeds(rows, criterion)
        holds = np.where((condition == 0) | (exceeds == 0), 0.0, np.minimum(condition, exceeds))
        met = np.where(holds == 1, np.maximum(met, criterion.grade), met)
        possible = np.where(holds != 0, np.maximum(possible, criterion.grade), possible)
    return np.where((met == possible) & rows["value"].notna().to_numpy(), met, np.nan)


def _condition(rows: pd.DataFrame, applies_if: str) -> np.ndarray:
    if applies_if == "any":
        return np.ones(len(rows))
    if applies_if.endswith("anticoagulated"):
        treated = rows["anticoagulated"].to_numpy()
        return treated if applies_if == "anticoagulated" else 1 - treated
    comparison, limit = {
        "baseline above ULN": (">", "baseline_upper_normal"),
        "baseline not above ULN": ("<=", "baseline_upper_normal"),
        "baseline below LLN": ("<", "baseline_lower_normal"),
    }[applies_if]
    return _compare(rows["baseline"].to_numpy(), comparison, rows[limit].to_numpy())


def _exceeds(rows: pd.DataFrame, criterion) -> np.ndarray:
    if criterion.reference == "absolute":
        return _compare(rows["value"].to_numpy(), criterion.comparison, np.full(len(rows), float(criterion.limit)))
    columns = {"ULN": ["upper_normal"], "LLN": ["lower_normal"], "baseline": ["baseline"],
               "baseline and ULN": ["baseline", "upper_normal"]}[criterion.reference]
    # above both is above the larger; NaN, if either is missing
    limit = np.maximum.reduce([rows[name].to_numpy() for name in columns])
    return _compare(rows["value"].to_numpy(), criterion.comparison, criterion.limit * limit)


def _compare(left: np.ndarray, comparison: str, right: np.ndarray) -> np.ndarray:
    beyond = left - right if comparison.startswith(">") else right - left
    allowance = _RELATIVE_TOLERANCE * np.abs(right)
    return np.where(np.isnan(beyond), np.nan, beyond >= -allowance if comparison.endswith("=") else beyond > allowance)


# -- laboratory summaries ------------------------------------------------------------------------------

def worst_grades(grades: pd.DataFrame, patients, visit: str = "month_3", analytes=PAPER_ANALYTES,
                 only_new: bool = False) -> pd.DataFrame:
    """Each patient's worst laboratory grade at a visit.

    Parameters
    ----------
    grades : DataFrame
        From `grade_labs`.
    patients : array-like of str
        Who is asked about; one without a graded value at the visit gets a missing grade.
    visit : str
    analytes : sequence of str
        Which analytes count (default: the six the paper followed).
    only_new : bool
        Count only grades that are new or worse than at baseline; others become 0, undecided ones missing.

    Returns
    -------
    DataFrame
        Indexed by patient: ``worst_grade`` (Int64), ``n_graded`` (analytes graded), ``worst_terms`` (text).
        A worst grade over fewer than all analytes is a lower bound.
    """
    read = ["patient", "analyte", "term", "grade", *(["new_or_worsened"] if only_new else [])]
    at_visit = grades.loc[(grades["visit"] == visit) & grades["analyte"].isin(analytes), read]
    grade = at_visit["grade"]
    if only_new:
        grade = grade * at_visit["new_or_worsened"]
    index = pd.Index(list(patients), name="patient")
    place = looked_up(at_visit["patient"], pd.Series(np.arange(len(index)), index))
    asked = (place.notna() & grade.notna()).to_numpy()
    place, grade = place[asked].to_numpy(dtype=int), grade[asked].to_numpy(dtype=float)
    worst = np.full(len(index), np.nan)
    np.fmax.at(worst, place, grade)
    analytes_of = pd.DataFrame({"place": place, "analyte": at_visit["analyte"].array[asked]}).drop_duplicates()["place"]
    leading = (grade == worst[place]) & (grade > 0)
    return pd.DataFrame({"worst_grade": pd.array(worst, dtype="Int64"), "n_graded": np.bincount(analytes_of, minlength=len(index)),
                         "worst_terms": _joined(at_visit["term"][asked][leading], place[leading], len(index))}, index)


def _joined(texts: pd.Series, place: np.ndarray, n: int) -> np.ndarray:
    """At each of n places its texts in the order of the rows, joined by semicolons; one text of each place at a time."""
    texts, turn = texts.to_numpy(dtype=object), pd.Series(place).groupby(place).cumcount().to_numpy()
    joined = np.full(n, "", object)
    for number in np.unique(turn):
        own = turn == number
        joined[place[own]] += texts[own] if number == 0 else "; " + texts[own]
    return joined


def grade_counts(grades, groups=None) -> pd.DataFrame:
    """Patients per grade.

    Parameters
    ----------
    grades : Series of Int64
        One worst grade per patient, missing where not graded.
    groups : Series of str, optional
        A group per patient, on the same index; adds a column per group.

    Returns
    -------
    DataFrame
        Rows 0 to 5 and ``"not graded"``; columns ``"all"`` and each group.
    """
    rows = [*GRADES, "not graded"]
    labels = grades.astype(object).where(grades.notna(), "not graded")
    counts = {"all": labels.value_counts()}
    for group in ([] if groups is None else list(dict.fromkeys(groups))):
        counts[group] = labels[groups == group].value_counts()
    return pd.DataFrame({name: count.reindex(rows, fill_value=0) for name, count in counts.items()})


def shift_table(grades: pd.DataFrame, term: str, visit: str = "month_3") -> pd.DataFrame:
    """Grade at baseline against grade at a later visit, in patients.

    Parameters
    ----------
    grades : DataFrame
        From `grade_labs`.
    term : str
        A CTCAE term, e.g. "Hypoalbuminemia".
    visit : str

    Returns
    -------
    DataFrame
        Rows: baseline grade 0 to 4 and ``"missing"``; columns: the same at `visit`. Patients with neither
        value are left out.
    """
    order = [*GRADES[:-1], "missing"]
    wide = pivoted(grades.loc[grades["term"] == term, ["patient", "visit", "grade"]], "visit", "grade", [BASELINE, visit])[[BASELINE, visit]]
    wide = wide.dropna(how="all").astype(object)
    wide = wide.where(wide.notna(), "missing")
    return pd.crosstab(wide[BASELINE], wide[visit]).reindex(index=order, columns=order, fill_value=0)


def liver_injury(labs: pd.DataFrame, after: str = BASELINE) -> pd.DataFrame:
    """Each patient's peak ALT, AST, bilirubin and ALP after baseline, as multiples of the upper limit of normal.

    Parameters
    ----------
    labs : DataFrame
        Long, as for `grade_labs`.
    after : str
        The visit left out.

    Returns
    -------
    DataFrame
        Indexed by patient: ``alt, ast, bilirubin, alp`` (NaN where no value or no limit) and ``range`` (text,
        missing where ALT or bilirubin is): `HYS_LAW` for ALT above 3 and bilirubin above 2 times ULN,
        `TEMPLES_COROLLARY` for ALT alone, `HYPERBILIRUBINAEMIA` for bilirubin alone, else "neither".

    References
    ----------
    FDA. Guidance for industry: drug-induced liver injury (2009). Watkins PB, et al. Hepatology 2011;54:1480-1485.
    """
    wanted = (labs["visit"] != after) & labs["analyte"].isin(["alt", "ast", "bilirubin", "alp"])
    later = labs.loc[wanted, labs.columns.intersection(["patient", "analyte", "value", "upper_normal"])]
    times = later["value"] / (later["upper_normal"] if "upper_normal" in later else np.nan)
    peaks = times.groupby([later["patient"], later["analyte"].astype(object)], observed=True).max().unstack("analyte")
    peaks = peaks.reindex(index=pd.Index(labs["patient"].unique(), name="patient"), columns=["alt", "ast", "bilirubin", "alp"])
    known = peaks["alt"].notna() & peaks["bilirubin"].notna()
    alt, bilirubin = peaks["alt"] > 3, peaks["bilirubin"] > 2
    injury = np.select([~known, alt & bilirubin, alt, bilirubin], [None, HYS_LAW, TEMPLES_COROLLARY, HYPERBILIRUBINAEMIA], default="neither")
    return peaks.rename_axis(columns=None).assign(range=injury)


# -- clinical events -----------------------------------------------------------------------------------

SIR_SEVERITY = {1: "mild", 2: "moderate", 3: "severe", 4: "life-threatening or disabling", 5: "death"}


def events_in_window(events: pd.DataFrame, window_days: float) -> pd.DataFrame:
    """Adverse events that began from first treatment to the end of a window.

    Parameters
    ----------
    events : DataFrame
        ``patient, term, grade`` and, where known, ``onset_day, relation, hospital_days``.
    window_days : float
        Last day counted, day 0 being the first treatment.

    Returns
    -------
    DataFrame
        Events with an unknown day are kept: leaving them out would make a treatment look safer.
    """
    if "onset_day" not in events:
        return events
    onset = events["onset_day"]
    return events[onset.isna() | onset.between(0, window_days)]


def worst_event_grades(events: pd.DataFrame, patients) -> pd.Series:
    """Each patient's worst clinical grade; 0 for a patient without an event.

    Parameters
    ----------
    events : DataFrame
        ``patient, grade``.
    patients : array-like of str

    Returns
    -------
    Series of Int64, indexed by patient
    """
    worst = events.groupby("patient", observed=True)["grade"].max()
    return lined_up(worst, pd.Index(list(patients), name="patient")).fillna(0).astype("Int64").rename("worst_grade")


def events_by_term(events: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Patients per term and worst grade, most frequent term first.

    Parameters
    ----------
    events : DataFrame
        ``patient, term, grade``; a patient counts once a term, with the worst grade.
    patients : DataFrame
        ``patient, first_treatment``.

    Returns
    -------
    DataFrame
        Indexed by term: columns 1 to 5 (patients with that worst grade), ``any``, and one column per first
        treatment (patients with the term at any grade). Empty without events.
    """
    worst = events.groupby(["term", "patient"], as_index=False, observed=True)["grade"].max()
    worst["treatment"] = looked_up(worst["patient"], patients.set_index("patient")["first_treatment"])
    treatments = list(dict.fromkeys(patients["first_treatment"]))
    by_grade = pd.crosstab(worst["term"], worst["grade"]).reindex(columns=GRADES[1:], fill_value=0)
    by_treatment = pd.crosstab(worst["term"], worst["treatment"]).reindex(columns=treatments, fill_value=0)
    table = by_grade.assign(any=by_grade.sum(axis=1)).join(by_treatment)
    return table.loc[sorted(table.index, key=lambda term: (-table.loc[term, "any"], term))]


def sir_severity(events: pd.DataFrame) -> pd.Series:
    """Severity of each event on the scale of the Society of Interventional Radiology, 1 to 5.

    Parameters
    ----------
    events : DataFrame
        ``grade`` (CTCAE) and, where known, ``hospital_days``.

    Returns
    -------
    Series of Int64
        5 for a CTCAE grade 5; 4 for a CTCAE grade 4; else by the stay in hospital the event caused: 3 above
        one day, 2 for one day (overnight); without a stay 2 where CTCAE says grade 3, else 1. Missing where the
        stay is unknown and the grade is below 4.

    Notes
    -----
    SIR grades escalation of care, CTCAE grades the event. The rows hold days in hospital but neither drugs nor
    interventions, so an event treated on the ward without an extra night counts as mild: a lower bound.

    References
    ----------
    Khalilzadeh O, et al. J Vasc Interv Radiol 2017;28:1432-1437.
    """
    grade, days = events["grade"], events.reindex(columns=["hospital_days"])["hospital_days"].astype(float)
    severity = np.select([grade >= 4, days > 1, (days > 0) | (grade == 3)], [grade, 3, 2], default=1)
    return pd.Series(severity, index=events.index, dtype="Int64").mask(days.isna() & (grade < 4)).rename("sir_severity")


# -- early death ---------------------------------------------------------------------------------------

@dataclass(frozen=True)
class EarlyDeaths:
    """Deaths within some days of first treatment.

    Attributes
    ----------
    deaths : int
    n_followed : int
        Patients who died by the day or were followed to it: the denominator.
    n_lost : int
        Censored before the day; whether they lived to it is unknown.
    """

    deaths: int
    n_followed: int
    n_lost: int


def early_deaths(patients: pd.DataFrame, days: float) -> EarlyDeaths:
    """Deaths from any cause up to a day after first treatment.

    Parameters
    ----------
    patients : DataFrame
        ``os_treatment_months`` and ``died``; a month has 30.4375 days.
    days : float

    Returns
    -------
    EarlyDeaths
    """
    followed_days = patients["os_treatment_months"] * DAYS_PER_MONTH
    died = patients["died"].astype(bool)
    # months kept to some decimals put day 30 at 29.99 or 30.01: half a day either way is the same day
    deaths = died & (followed_days < days + 0.5)
    lost = ~died & (followed_days < days - 0.5)
    return EarlyDeaths(int(deaths.sum()), int((~lost).sum()), int(lost.sum()))
