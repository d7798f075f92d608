"""Many analyses of one cohort at a time: every test of a comparison, every laboratory value, every model check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.survival.assumptions import functional_form, influence, proportional_hazards
from lib.survival.checks import for_large_samples
from lib.survival.clocks import censor_at_switch, months_to_switch
from lib.survival.compare import WEIGHTINGS, leave_one_out, logrank
from lib.survival.competing import PFS_DEFINITIONS, cumulative_incidence, event_kind, gray_test, progression_free
from lib.survival.estimate import kaplan_meier, median_survival
from lib.survival.groups import CLOCKS, SHORT_TITLES, comparable, lab_covariates, progression_months
from lib.survival.oracle import median_by_r, p_values_by_r
from lib.survival.regression import TIES, cox, univariate_screen


def group_curves(study, grouping, conf_level) -> dict:
    """Level -> curve of overall survival from first treatment, for the levels that have patients."""
    time, died = study.patients.os_treatment_months.to_numpy(float), study.patients.died.to_numpy(bool)
    members = {level: (grouping.labels == level).to_numpy() for level in grouping.levels}
    return {level: kaplan_meier(time[member], died[member], conf_level=conf_level)
            for level, member in members.items() if member.any()}


def all_p_values(time, died, member) -> dict:
    """P of one comparison by the log-rank family and the three tests of Cox regression under each treatment of ties."""
    found = {name: logrank(time, died, member, weighting=name).p_value for name in WEIGHTINGS}
    for ties in TIES:
        fit = cox(time, died, member, ties=ties)
        found |= {f"Cox {ties}: Wald": fit.wald_p, f"Cox {ties}: score": fit.score_p,
                  f"Cox {ties}: likelihood ratio": fit.likelihood_ratio_p}
    return found


def beside_r(curves: dict, comparisons: dict, p_values: dict) -> pd.DataFrame:
    """Every figure of the convention tables that R printed too: `what`, `ours`, `of_r`.

    Parameters
    ----------
    curves : dict
        Label -> Curve.
    comparisons : dict
        Label -> (months, died, member).
    p_values : dict
        Label -> `all_p_values` of the comparison.
    """
    rows = []
    for label, curve in curves.items():
        for scale in ("log", "log-log", "plain"):
            theirs = median_by_r(curve, scale)
            for ours, value in zip(median_survival(curve, "r", scale), theirs or ()):
                rows.append({"what": f"{label}, {scale}", "ours": ours, "of_r": value})
    for label, arrays in comparisons.items():
        theirs = p_values_by_r(*arrays)
        for test, p in p_values[label].items():
            if test in theirs:
                rows.append({"what": f"{label}, {test}", "ours": p, "of_r": theirs[test]})
    return pd.DataFrame(rows, columns=["what", "ours", "of_r"])


def screen_labs(study, landmark_months: float, *, ties, conf_level) -> tuple[dict, dict]:
    """Cox regressions of the laboratory values: at baseline, at three months from treatment, and from the landmark.

    Returns
    -------
    tuple of dict
        Heading -> DataFrame from `univariate_screen`, and heading -> standard deviations; empty without laboratory values.
    """
    if study.labs is None:
        return {}, {}
    time, died = study.patients.os_treatment_months.to_numpy(float), study.patients.died.to_numpy(bool)
    still = time > landmark_months
    screens, spreads = {}, {}
    at_visit = {visit: lab_covariates(study, visit) for visit in ("baseline", "month_3")}
    for heading, visit, kept, since in [("baseline", "baseline", np.ones(len(died), bool), 0.0),
                                        ("3 months", "month_3", np.ones(len(died), bool), 0.0),
                                        ("landmark", "month_3", still, landmark_months)]:
        values, spreads[heading] = at_visit[visit]
        if kept.any() and len(values.columns):
            screens[heading] = univariate_screen(values[kept].reset_index(drop=True), time[kept] - since, died[kept], ties=ties,
                                                 conf_level=conf_level)
    return screens, spreads


def check_models(covariates: dict, time, died, *, ties: str, conf_level: float) -> dict:
    """Run the checks of the univariate Cox models.

    Parameters
    ----------
    covariates : dict
        Label -> (values, shape (n_patients,), missing where unknown; whether continuous).

    Returns
    -------
    dict
        Label -> (ProportionalHazards, influence or None, functional form or None, values of the known).
    """
    checked = {}
    for label, (values, continuous) in covariates.items():
        values = np.asarray(values, dtype=float)
        known = ~np.isnan(values)
        arrays = (np.asarray(time)[known], np.asarray(died)[known], values[known])
        check = proportional_hazards(*arrays, ties=ties, conf_level=conf_level)
        checked[label] = (check, None if check.reason else influence(*arrays, ties=ties),
                          functional_form(*arrays, ties=ties) if continuous else None, values[known])
    return checked


def gray_of_known(patients, kinds, labels):
    """Gray's test of liver progression between the patients whose group is known."""
    known = labels.notna().to_numpy()
    return gray_test(patients.liver_pfs_months.to_numpy(float)[known], kinds[known], labels[known])


def forms_to_draw(checked: dict) -> dict:
    """Label -> (values, martingale residuals) of the continuous covariates."""
    return {label: (values, form["martingale"]) for label, (_, _, form, values) in checked.items()
            if form is not None and form["martingale"] is not None}



def compare_all(study, divided: dict, conf_level: float) -> dict:
    """Curves of each division that has patients on both sides: name -> (Grouping, level -> Curve)."""
    return {name: (grouping, group_curves(study, grouping, conf_level)) for name, grouping in comparable(divided).items()}


def name_curves(curves: dict, grouped: dict) -> dict:
    """All curves of the chapter under names for readers: the clocks, then each level of each grouping."""
    by_group = {f"{grouping.title}: {grouping.levels[level]}": curve
                for grouping, by_level in grouped.values() for level, curve in by_level.items()}
    return {CLOCKS[name][2]: curve for name, curve in curves.items()} | by_group


def leave_each_out(curves: dict, grouped: dict, comparisons: dict, tests: dict, choices) -> tuple[dict, dict]:
    """Medians of the clocks, and P of the comparisons, with everybody and with each patient left out.

    Returns
    -------
    tuple of dict
        Title -> (value with everybody, values with one patient left out), for medians and for P; empty where there are too
        many patients for one to decide.
    """
    if for_large_samples(max(curve.n for curve in curves.values())):
        return {}, {}
    medians = {SHORT_TITLES[name]: (choices.median(curve).value, leave_one_out(curve.exit, curve.died)["median"])
               for name, curve in curves.items() if curve.n > 1}
    p_values = {grouped[name][0].title: (tests[name].p_value, leave_one_out(*arrays).p_value)
                for name, arrays in comparisons.items()}
    return medians, p_values


def immortal_timeline(patients, grouping) -> pd.DataFrame:
    """Rows of the timeline of a status that becomes known after treatment: `patient, months, died, known_months, group`."""
    rows = pd.DataFrame({"patient": patients.patient, "months": patients.os_treatment_months, "died": patients.died,
                         "known_months": grouping.known_months})
    return rows.assign(group=grouping.labels.map(grouping.levels).to_numpy())[grouping.known]


@dataclass(frozen=True)
class LiverProgression:
    """Liver progression of the patients whose imaging is known.

    Attributes
    ----------
    patients : pandas.DataFrame
        Those patients.
    known : ndarray of bool
        Which patients of the cohort they are.
    kinds : ndarray of str
        First event of each: "progression", "death" or "censored".
    incidence : dict
        Cause -> Incidence.
    curve : Curve
        Kaplan-Meier, death censoring.
    definitions : dict
        Definition -> (months, event).
    """

    patients: pd.DataFrame
    known: np.ndarray
    kinds: np.ndarray
    incidence: dict
    curve: object
    definitions: dict

    def gray(self, grouped: dict) -> dict:
        """Gray's test for each grouping known at treatment: title -> TestResult."""
        return {grouping.title: gray_of_known(self.patients, self.kinds, grouping.labels[self.known])
                for grouping, _ in grouped.values() if grouping.known_months is None}


def liver_progression(study, conf_level: float) -> LiverProgression:
    """Everything that the section on competing risks shows; see `LiverProgression`."""
    known = (study.patients.liver_pfs_months.notna() & study.patients.liver_progressed.notna()).to_numpy()
    patients, elsewhere = study.patients[known], progression_months(study)[known]
    definitions = {name: progression_free(patients, name, elsewhere) for name in PFS_DEFINITIONS}
    kinds = event_kind(patients)
    return LiverProgression(patients, known, kinds, cumulative_incidence(patients.liver_pfs_months, kinds, conf_level=conf_level),
                            kaplan_meier(*definitions["liver"], conf_level=conf_level), definitions)


def by_first_treatment(study, crossovers: str, conf_level: float) -> tuple[dict, np.ndarray, object]:
    """Survival by first treatment, with patients who switched counted or censored at the switch.

    Returns
    -------
    tuple
        Treatment -> Curve (largest group first), months to the switch (missing where there was none), log-rank TestResult.
    """
    patients = study.patients
    switch = months_to_switch(patients, study.treatments)
    time, died = patients.os_treatment_months.to_numpy(float), patients.died.to_numpy(bool)
    if crossovers == "censored at the switch":
        time, died = censor_at_switch(time, died, switch)
    arms = {}
    for arm in patients.first_treatment.value_counts().index:
        member = (patients.first_treatment == arm).to_numpy()
        arms[str(arm)] = kaplan_meier(time[member], died[member], conf_level=conf_level)
    return arms, switch, logrank(time, died, patients.first_treatment)
