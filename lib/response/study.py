"""Response of one cohort: both criteria at the landmark, what cannot be judged and why, and the quantities handed on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from lib.baseline import groups_present, slug
from lib.cohort import Cohort
from lib.cohort_files import lined_up
from lib.contract import TREATMENTS
from lib.response.agreement import agreement, agreement_matrix, reading_spread, worse_by
from lib.response.course import LANDMARK_VISIT, best_overall_response, extrahepatic_progression, visit_response
from lib.response.criteria import BASELINE, CATEGORIES, CRITERIA, assess
from lib.response.rates import category_counts, response_rates

UNCONFIRMED, CONFIRMED = "best overall", "best overall, confirmed"
NEEDS = {"RECIST": ("lesions", "lesions.longest_diameter_mm"),
         "mRECIST": ("lesions", "lesions.longest_diameter_mm", "lesions.viable_diameter_mm")}


@dataclass(frozen=True)
class CohortResponse:
    """Categories of a cohort's patients at the landmark visit.

    Attributes
    ----------
    group : Series of str, indexed by patient
        First treatment.
    groups : list of str
        Treatments that somebody had, in order.
    assessments : dict of str to DataFrame
        Criterion -> every follow-up visit (`assess`); only criteria the cohort's columns allow.
    response : dict of str to Series
        Criterion -> category at the landmark visit, for all patients.
    lacking : dict of str to str
        Criterion -> why it cannot be judged.
    extrahepatic : Series of bool or None
        Progression outside the liver at the landmark visit.
    visit : str
        The landmark visit.
    """

    group: pd.Series
    groups: list[str]
    assessments: dict[str, pd.DataFrame]
    response: dict[str, pd.Series]
    lacking: dict[str, str]
    extrahepatic: pd.Series | None
    visit: str

    @property
    def visit_label(self) -> str:
        """The landmark visit in words: "month 3"."""
        return self.visit.replace("_", " ")

    @property
    def n_treated(self) -> int:
        """All patients of the cohort."""
        return len(self.group)

    def n_evaluable(self, criterion: str) -> int:
        """Patients whose category is not NE."""
        return int(self.response[criterion].ne("NE").sum())

    def landmark(self, criterion: str) -> pd.DataFrame:
        """Sums and reasons at the landmark visit, indexed by patient."""
        return self._landmarks[criterion]

    @cached_property
    def _landmarks(self) -> dict[str, pd.DataFrame]:
        at_visit = {name: table[table.visit.eq(self.visit)] for name, table in self.assessments.items()}
        return {name: lined_up(table.set_index("patient"), self.group.index) for name, table in at_visit.items()}

    @property
    def follow_ups(self) -> int:
        """Largest number of follow-up visits of any patient."""
        return max((int(table.patient.value_counts(sort=False).max()) for table in self.assessments.values() if len(table)), default=0)


def judge_cohort(study: Cohort, visit: str = LANDMARK_VISIT, targets: str = "recorded") -> CohortResponse:
    """Judge every patient of a cohort by RECIST 1.1 and mRECIST.

    Parameters
    ----------
    study : Cohort
    visit : str
        Landmark visit.
    targets : {"recorded", "largest"}

    Returns
    -------
    CohortResponse
        Criteria whose columns the cohort lacks are named in ``lacking`` and left out elsewhere; so are both
        where follow-up visits exist but none is the landmark.
    """
    group = study.patients.set_index("patient").first_treatment
    lacking = {name: f"the cohort has no {need.replace('.', ' column ')}" for name, needs in NEEDS.items()
               for need in study.lacking(*needs)[:1]}
    if not lacking and (elsewhere := _other_visits(study.lesions, visit)):
        lacking = dict.fromkeys(CRITERIA, f"no follow-up visit is named '{visit}'; there are {elsewhere}")
    judged = {name: assess(study.lesions, name, targets) for name in CRITERIA if name not in lacking}
    return CohortResponse(
        group=group, groups=groups_present(group), assessments=judged, lacking=lacking, visit=visit,
        response={name: visit_response(table, group.index, visit) for name, table in judged.items()},
        extrahepatic=extrahepatic_progression(study.lesions, group.index, visit, targets) if judged else None)


def _other_visits(lesions: pd.DataFrame, visit: str) -> str:
    """The follow-up visits there are where none has the landmark's name; empty where one has, or there is none."""
    names = sorted(set(lesions.visit.unique()) - {BASELINE})
    return "" if visit in names else ", ".join(names)


def quantities(judged: CohortResponse, conf_level: float = 0.95, denominator: str = "treated") -> dict[str, tuple]:
    """What the chapter hands on: name -> (value, reason it is missing).

    Parameters
    ----------
    judged : CohortResponse
    conf_level : float
    denominator : {"treated", "evaluable"}

    Returns
    -------
    dict
        Counts and percentages of categories, ORR and DCR with their n, by criterion and treatment, under the
        ledger's names; agreement of the criteria; progression outside the liver.
    """
    found = {}
    for criterion in CRITERIA:
        groups = list(dict.fromkeys([*TREATMENTS, *judged.groups]))
        if criterion in judged.lacking:
            names = [f"{slug(criterion)}.{slug(name)}.{slug(each)}.{part}" for name in ("total", *groups)
                     for each in ("CR", "PR", "SD", "PD", "ORR", "DCR") for part in ("count", "percent", "n")]
            found |= {name: (None, judged.lacking[criterion]) for name in names}
            continue
        counts = category_counts(judged.response[criterion], judged.group, groups, denominator)
        rates = response_rates(judged.response[criterion], judged.group, groups, conf_level, denominator)
        for row in counts.itertuples():
            found |= _named(criterion, row.group, row.category, row.count, row.n)
        for row in rates.itertuples():
            found |= _named(criterion, row.group, row.rate, row.count, row.n)
            found[f"{slug(criterion)}.{slug(row.rate)}.exact_p"] = (
                (row.p, "") if row.p == row.p else (None, "nothing to compare between treatments"))
    return found | _between_criteria(judged, conf_level)


def _named(criterion: str, group: str, what: str, count: int, n: int) -> dict[str, tuple]:
    stem = f"{slug(criterion)}.{slug(group)}.{slug(what)}"
    if n == 0:
        reason = "no patient was evaluable" if group == "total" else f"no evaluable patient had {group} first"
        return {f"{stem}.{part}": (None, reason) for part in ("count", "percent", "n")}
    return {f"{stem}.count": (count, ""), f"{stem}.percent": (100 * count / n, ""), f"{stem}.n": (n, "")}


def _between_criteria(judged: CohortResponse, conf_level: float) -> dict[str, tuple]:
    names = ["response.kappa", "response.kappa.lower", "response.kappa.upper", "response.worse_by_mrecist.count"]
    if judged.lacking:
        reason = next(iter(judged.lacking.values()))
        found = {name: (None, reason) for name in names}
    else:
        recist, mrecist = judged.response["RECIST"], judged.response["mRECIST"]
        both = agreement(recist, mrecist, conf_level)
        kappa = "all patients are in one category, or too few to differ" if both.n else "no patient is evaluable by both criteria"
        found = {name: (value, "") if value == value else (None, kappa)
                 for name, value in zip(names, (both.kappa, both.lower, both.upper))}
        found[names[3]] = (len(worse_by(mrecist, recist)), "")
    if judged.extrahepatic is None or "RECIST" in judged.lacking:
        return found | {"extrahepatic_progression.count": (None, judged.lacking["RECIST"])}
    return found | {"extrahepatic_progression.count": (len(progressed_outside(judged)), "")}


def progressed_outside(judged: CohortResponse) -> list[str]:
    """Patients with PD by RECIST whose disease outside the liver had itself progressed.

    Parameters
    ----------
    judged : CohortResponse

    Returns
    -------
    list of str
    """
    both = judged.extrahepatic & judged.response["RECIST"].eq("PD")
    return list(both.index[both])


def discordances(judged: CohortResponse) -> pd.DataFrame:
    """Patients whose categories differ, and what decided each.

    Parameters
    ----------
    judged : CohortResponse
        With both criteria.

    Returns
    -------
    DataFrame, one row per patient that differs
        ``patient``, ``group``, ``recist``, ``mrecist``, ``recist_decided_by``, ``mrecist_decided_by``,
        ``outside_liver`` (bool) and ``worse_by_mrecist`` (bool).
    """
    recist, mrecist = judged.landmark("RECIST"), judged.landmark("mRECIST")
    table = pd.DataFrame({
        "group": judged.group, "recist": judged.response["RECIST"], "mrecist": judged.response["mRECIST"],
        "recist_decided_by": recist.decided_by.fillna(""), "mrecist_decided_by": mrecist.decided_by.fillna(""),
        "outside_liver": judged.extrahepatic})
    worse = worse_by(table.mrecist, table.recist)
    table["worse_by_mrecist"] = table.index.isin(worse)
    table = table[table.recist.ne(table.mrecist)].rename_axis("patient").reset_index()
    severity = table[["recist", "mrecist"]].apply(lambda column: column.map(CATEGORIES.index))
    order = severity.assign(patient=table.patient).sort_values(["recist", "mrecist", "patient"], ascending=[False, False, True])
    return table.loc[order.index].reset_index(drop=True)


def best_by_rule(judged: CohortResponse, minimum_stable_days: float) -> dict[str, dict[str, pd.Series]]:
    """Landmark category beside best overall response, unconfirmed and confirmed.

    Parameters
    ----------
    judged : CohortResponse
    minimum_stable_days : float

    Returns
    -------
    dict
        Criterion -> rule -> category of each patient. Empty where follow-up visits have no day, since
        neither stable disease nor confirmation can then be dated.
    """
    if any(table.visit_day.isna().any() for table in judged.assessments.values()):
        return {}
    patients = judged.group.index
    return {criterion: {f"at {judged.visit_label}": judged.response[criterion],
                        UNCONFIRMED: best_overall_response(table, patients, False, minimum_stable_days),
                        CONFIRMED: best_overall_response(table, patients, True, minimum_stable_days)}
            for criterion, table in judged.assessments.items()}


def second_readings(judged: CohortResponse, kappa: float, matrix, draws: int, seed: int,
                    denominator: str = "treated") -> dict[tuple[str, str], pd.DataFrame]:
    """Rates that a second reader would report, for each criterion and model of disagreement.

    Parameters
    ----------
    judged : CohortResponse
    kappa : float
        Agreement beyond chance.
    matrix : mapping or None
        A stated matrix in place of both models.
    draws, seed, denominator
        As in `reading_spread`.

    Returns
    -------
    dict
        (criterion, model) -> `reading_spread`. A criterion is left out where nobody is evaluable, and, without a
        stated matrix, where all are in one category: kappa then says nothing about the others.
    """
    found = {}
    for criterion, response in judged.response.items():
        if response[response.ne("NE")].nunique() < (1 if matrix else 2):
            continue
        models = {"stated matrix": matrix} if matrix else {
            "reader disagrees by any category": agreement_matrix(response, kappa),
            "reader disagrees by one step": agreement_matrix(response, kappa, neighbours_only=True)}
        found |= {(criterion, model): reading_spread(response, each, draws, seed, denominator) for model, each in models.items()}
    return found
