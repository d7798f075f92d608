"""What a cohort offers to survival analysis: the groupings of the paper's Table 2, and the covariates of the Cox models."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib import needs
from lib.baseline import lab_values
from lib.cohort import DAYS_PER_MONTH
from lib.cohort_files import lined_up
from lib.survival.checks import SurvivalDataError
from lib.survival.competing import progression_free
from lib.survival.estimate import kaplan_meier

CLOCKS = {
    "os_diagnosis": ("os_diagnosis_months", "died", "Overall survival from diagnosis"),
    "os_liver_metastasis": ("os_liver_metastasis_months", "died", "Overall survival from liver metastasis"),
    "os_treatment": ("os_treatment_months", "died", "Overall survival from first treatment"),
    "liver_pfs": ("liver_pfs_months", "liver_progressed", "Liver progression-free survival from first treatment"),
}
SHORT_TITLES = {"os_diagnosis": "OS from diagnosis", "os_liver_metastasis": "OS from liver metastasis",
                "os_treatment": "OS from first treatment", "liver_pfs": "Liver PFS"}
GROUPING_TITLES = {"extrahepatic_disease": "extrahepatic disease", "meld_change": "change of the MELD score",
                   "treatment_gap": "time from liver metastasis to treatment", "mrecist_response": "response on imaging"}
GROUPING_SECTIONS = {"extrahepatic_disease": "Survival by disease outside the liver", "meld_change": "Survival by change of MELD",
                     "treatment_gap": "Survival by time to treatment", "mrecist_response": "Survival by response"}
ANALYTES = ("albumin", "bilirubin", "inr", "alt", "ast", "alp", "creatinine", "platelets", "sodium")


@dataclass(frozen=True)
class Grouping:
    """A division of the patients in two.

    Attributes
    ----------
    title : str
        As a table row names it.
    labels : pandas.Series of str, shape (n_patients,)
        Level of each patient (a key of `levels`), missing where unknown.
    levels : dict
        Level -> its name for readers, in the order shown.
    known_months : ndarray or None, shape (n_patients,)
        Months from first treatment at which the level became known; None where it was known at treatment.
    patients : dict
        Level -> its patients in a sentence; where empty, the names of the levels in italics.
    scores : pandas.DataFrame or None, shape (n_patients, ...)
        The scores that the levels were read from, for whoever wants them too; None where there are none.
    """

    title: str
    labels: pd.Series
    levels: dict
    known_months: np.ndarray | None = None
    patients: dict = field(default_factory=dict)
    scores: pd.DataFrame | None = None

    @property
    def in_words(self):
        """Level -> its patients, as a sentence names them."""
        return {level: self.patients.get(level, f"*{name}*") for level, name in self.levels.items()}

    @property
    def known(self):
        """Patients with a level, ndarray of bool."""
        return self.labels.notna().to_numpy()

    def arrays(self, patients):
        """Survival of the patients with a level: months, died, and membership of the second level.

        Parameters
        ----------
        patients : pandas.DataFrame
            With `os_treatment_months` and `died`, in the order of `labels`.

        Returns
        -------
        tuple of ndarray, each of shape (n_known,)
        """
        known = patients[self.known]
        member = (self.labels[self.known] == list(self.levels)[1]).to_numpy()
        return known.os_treatment_months.to_numpy(float), known.died.to_numpy(bool), member

    def counts(self):
        """Patients of each level, in order."""
        found = Counter(self.labels.dropna())
        return {level: found.get(level, 0) for level in self.levels}


def clock_curves(study, conf_level=0.95, liver_pfs_definition="liver"):
    """Kaplan-Meier curve of each clock that the cohort has: quantity name -> Curve.

    Patients whose time or event is not recorded are left out; the curve's `n` says how many remain.

    Parameters
    ----------
    study : lib.cohort.Cohort
    conf_level : float
    liver_pfs_definition : str
        See `lib.survival.competing.progression_free`.
    """
    patients, curves = study.patients, {}
    for name, (clock, event, _) in CLOCKS.items():
        if study.lacking(f"patients.{clock}", f"patients.{event}"):
            continue
        known = (patients[clock].notna() & patients[event].notna()).to_numpy()
        months, happened = patients[clock][known], patients[event][known]
        if name == "liver_pfs":
            elsewhere = progression_months(study)[known] if liver_pfs_definition == "any_or_death" else None
            months, happened = progression_free(patients[known], liver_pfs_definition, elsewhere)
        curves[name] = kaplan_meier(months, happened, conf_level=conf_level)
    return curves


def treatment_gap(patients):
    """Months from liver metastasis to first treatment; missing where a clock is."""
    return patients.os_liver_metastasis_months - patients.os_treatment_months


def groupings(study, early_treatment_months=4.0):
    """The groupings of Table 2 that the cohort allows.

    Parameters
    ----------
    study : lib.cohort.Cohort
    early_treatment_months : float
        Treatment gap up to which treatment is early.

    Returns
    -------
    dict
        Quantity name -> Grouping; one whose data are absent is left out (`missing_groupings` says which and why).
    """
    builders = {"extrahepatic_disease": _by_extrahepatic, "meld_change": _by_meld,
                "treatment_gap": lambda s: _by_gap(s, early_treatment_months), "mrecist_response": _by_response}
    absent = missing_groupings(study)
    return {name: build(study) for name, build in builders.items() if name not in absent}


def comparable(found):
    """Those of the groupings in which both levels have patients."""
    return {name: grouping for name, grouping in found.items() if all(grouping.counts().values())}


def missing_groupings(study):
    """Groupings that the cohort cannot give: quantity name -> one sentence."""
    lacking = {name: needs.missing(study, section) for name, section in GROUPING_SECTIONS.items()}
    return {name: f"No {needs.in_words(missing)}: survival by {GROUPING_TITLES[name]} is not computed."
            for name, missing in lacking.items() if missing}


def _labelled(flags, yes, no):
    """Text labels from a nullable boolean column."""
    flags = pd.Series(flags).astype("boolean")
    return flags.map({True: yes, False: no}).astype(object).where(flags.notna(), None).reset_index(drop=True)


def _by_extrahepatic(study):
    return Grouping("Extrahepatic disease", _labelled(study.patients.extrahepatic_disease, "yes", "no"),
                    {"no": "No", "yes": "Yes"},
                    patients={"no": "patients without extrahepatic disease", "yes": "patients with extrahepatic disease"})


def _meld(study):
    """MELD of each patient at `baseline` and `month_3`, and whether it `increased`."""
    from lib.liver_scores import meld_change

    return meld_change(study.labs, study.patients).set_index("patient").reindex(study.patients.patient)


def _by_meld(study):
    change = _meld(study)
    return Grouping("MELD score at 3 months", _labelled(change.increased, "increased", "not_increased"),
                    {"not_increased": "Decreased or stable", "increased": "Increased"}, visit_months(study.labs, study.patients),
                    {"not_increased": "patients whose MELD score fell or stayed the same", "increased": "patients whose MELD score rose"}, change)


def _by_gap(study, early_treatment_months):
    # clocks in decimal months differ by rounding: a gap of 4.0000001 is 4
    gap = treatment_gap(study.patients)
    early = gap.round(6).le(early_treatment_months).where(gap.notna())
    cut = f"{early_treatment_months:g} months"
    return Grouping("Time from liver metastasis to treatment", _labelled(early, "early", "late"),
                    {"early": f"≤{cut}", "late": f">{cut}"},
                    patients={"early": f"patients treated within {cut} of the liver metastasis", "late": "patients treated later"})


def _by_response(study):
    from lib.response import is_responder, month_3_response

    responder = is_responder(month_3_response(study.lesions, "mRECIST", study.patients.patient))
    return Grouping("Imaging response by mRECIST", _labelled(responder, "responders", "non_responders"),
                    {"responders": "Responders", "non_responders": "Non-responders"},
                    visit_months(study.lesions, study.patients),
                    {"responders": "responders by mRECIST", "non_responders": "non-responders"})


def visit_months(table, patients, visit="month_3"):
    """Months from first treatment to a visit (its last day), shape (n_patients,); missing where there was none or no day is recorded."""
    if "visit_day" not in table:
        return np.full(len(patients), np.nan)
    days = table.loc[table.visit == visit, ["patient", "visit_day"]].groupby("patient", observed=True).visit_day.max()
    return lined_up(days, patients.patient).to_numpy(float) / DAYS_PER_MONTH


def progression_months(study):
    """Months to progression anywhere by RECIST at the 3-month visit, shape (n_patients,); missing where there was none."""
    from lib.response import month_3_response

    patients = study.patients
    if study.lesions is None:
        return np.full(len(patients), np.nan)
    progressed = month_3_response(study.lesions, "RECIST", patients.patient).eq("PD").to_numpy()
    return np.where(progressed, visit_months(study.lesions, patients), np.nan)


PATIENT_COVARIATES = {
    "age_years": "Age, per 10 years", "sex": "Sex", "ecog": "ECOG performance status, per point",
    "primary_site": "Primary site", "prior_chemotherapy": "Prior chemotherapy",
    "prior_hepatic_metastasectomy": "Prior hepatic metastasectomy", "extrahepatic_disease": "Extrahepatic disease",
    "lobar_disease": "Lobar disease", "n_liver_lesions": "Liver lesions, per lesion",
    "first_treatment": "First treatment",
}


def patient_covariates(study, divided):
    """Covariates of the univariate Cox models that are not laboratory values, named for readers.

    Parameters
    ----------
    study : lib.cohort.Cohort
    divided : dict
        From `groupings`.

    Returns
    -------
    pandas.DataFrame, shape (n_patients, n_covariates)
        Columns whose data the cohort lacks are absent.
    """
    patients = study.patients.reset_index(drop=True)
    present = {column: title for column, title in PATIENT_COVARIATES.items() if not study.lacking(f"patients.{column}")}
    frame = pd.DataFrame({title: patients[column] for column, title in present.items()})
    if "Age, per 10 years" in frame:
        frame["Age, per 10 years"] = frame["Age, per 10 years"] / 10
    if not study.lacking("patients.os_liver_metastasis_months"):
        frame["Treatment gap, per month"] = treatment_gap(patients)
    if study.labs is not None:
        scores = divided["meld_change"].scores if "meld_change" in divided else _meld(study)
        frame["MELD at baseline, per point"] = scores.baseline.to_numpy()
        frame["MELD at 3 months, per point"] = scores.month_3.to_numpy()
    for grouping in divided.values():
        if grouping.title != "Extrahepatic disease":
            levels = list(grouping.levels.values())
            named = grouping.labels.map(grouping.levels)
            frame[grouping.title] = pd.Categorical(named, categories=levels)
    return frame


def lab_covariates(study, visit):
    """Laboratory values at a visit in reference units, standardised, so that hazard ratios are per standard deviation.

    Parameters
    ----------
    study : lib.cohort.Cohort
    visit : str
        "baseline" or "month_3".

    Returns
    -------
    tuple
        DataFrame of standardised values, shape (n_patients, n_analytes), and a Series with each standard deviation.

    Raises
    ------
    SurvivalDataError
        If the cohort has no laboratory values.
    """
    if study.labs is None:
        raise SurvivalDataError("No labs: Cox regression on laboratory values is not computed.")
    wide = lab_values(study, visit).reset_index(drop=True)
    wide = wide[[a for a in ANALYTES if a in wide] + [a for a in wide if a not in ANALYTES]]
    spread = wide.std(ddof=1)
    return (wide - wide.mean()) / spread.where(spread > 0, 1.0), spread


def model_covariates(study, divided):
    """The covariates known at first treatment whose Cox models are checked: label -> (values, whether continuous).

    Parameters
    ----------
    study : lib.cohort.Cohort
    divided : dict
        From `groupings`.
    """
    patients, covariates = study.patients, {}
    for grouping in divided.values():
        if grouping.known_months is None:
            second = list(grouping.levels)[1]
            covariates[f"{grouping.title}: {grouping.levels[second]}"] = (
                np.where(grouping.known, (grouping.labels == second).to_numpy(float), np.nan), False)
    if not study.lacking("patients.os_liver_metastasis_months"):
        covariates["Treatment gap (months)"] = (treatment_gap(patients).to_numpy(), True)
    for column, title in {"age_years": "Age (years)", "n_liver_lesions": "Liver lesions (number)"}.items():
        if not study.lacking(f"patients.{column}"):
            covariates[title] = (patients[column].to_numpy(float), True)
    return covariates
