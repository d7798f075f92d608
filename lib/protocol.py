"""The study's protocol as code: who was eligible, which treatment the rule names, what was given.

Every limit is the paper's (Methods); each check keeps the patients who depart from it and those
for whom it cannot be told, because a missing value is no agreement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.baseline import lab_values, largest_liver_lesion_mm
from lib.cohort import DAYS_PER_MONTH, Cohort

EMBOLISATIONS = ("DEB-TACE", "Y90")
ABLATION = "ablation"
CHECK_COLUMNS = ["quantity", "criterion", "patient", "session", "value", "word", "unit", "meets"]
CHECK_DTYPES = {"session": "Int64", "value": "float64", "word": "string", "meets": "boolean"}


@dataclass(frozen=True)
class Protocol:
    """Limits of eligibility, allocation and technique; the defaults are the paper's.

    Units are in the names; a limit is included ("at most", "at least") unless said otherwise.
    """

    max_ecog: int = 2
    max_bilirubin_mg_dl: float = 2.0
    max_creatinine_mg_dl: float = 2.0
    max_inr: float = 1.5
    min_platelets_per_ul: float = 50_000
    ablation_max_lesions: int = 3
    ablation_size_limit_mm: float = 30.0
    """Each lesion must be smaller than this, not equal to it."""
    small_beads_um: str = "70-150"
    large_beads_um: str = "100-300"
    doxorubicin_mg_per_ml: float = 50.0
    max_bead_volume_ml: float = 2.0
    max_doxorubicin_mg: float = 100.0
    min_interval_weeks: float = 5.0
    max_interval_weeks: float = 7.0
    needle_gauge: int = 14
    min_margin_mm: float = 5.0
    visit_months: float = 3.0
    visit_window_days: tuple[float, float] = (60.0, 120.0)
    """What counts as a 3-month visit; the paper prints no window."""


PAPER = Protocol()


def eligibility(study: Cohort, protocol: Protocol = PAPER) -> pd.DataFrame:
    """Each eligibility criterion against each patient's baseline.

    Parameters
    ----------
    study : Cohort
    protocol : Protocol

    Returns
    -------
    DataFrame
        ``CHECK_COLUMNS``, one row per patient and criterion; ``meets`` is missing where the value is.
        A criterion whose column or analyte the cohort lacks is there with missing values.
    """
    labs = lab_values(study, "baseline")
    ecog = study.patients["ecog"].astype(float).to_numpy() if "ecog" in study.patients else np.nan

    def of(analyte: str):
        return labs[analyte].to_numpy() if analyte in labs else np.nan

    platelets_per_ul = of("platelets") * 1000.0
    return pd.concat([
        _checks(study, "eligibility.ecog.max", "ECOG performance status", ecog, "score",
                upper=protocol.max_ecog),
        _checks(study, "eligibility.bilirubin.max", "Bilirubin", of("bilirubin"), "mg/dL",
                upper=protocol.max_bilirubin_mg_dl),
        _checks(study, "eligibility.creatinine.max", "Creatinine", of("creatinine"), "mg/dL",
                upper=protocol.max_creatinine_mg_dl),
        _checks(study, "eligibility.inr.max", "INR", of("inr"), "ratio", upper=protocol.max_inr),
        _checks(study, "eligibility.platelets.min", "Platelets", platelets_per_ul, "/uL",
                lower=protocol.min_platelets_per_ul),
    ], ignore_index=True)


def _checks(study, quantity, criterion, values, unit, lower=None, upper=None) -> pd.DataFrame:
    values = pd.Series(values, study.patients.index, dtype=float)
    rows = pd.DataFrame({"quantity": quantity, "criterion": criterion,
                         "patient": study.patients["patient"], "session": pd.NA,
                         "value": values, "word": pd.NA, "unit": unit, "meets": _within(values, lower, upper)})
    return rows.astype(CHECK_DTYPES)


def _within(values: pd.Series, lower: float | None = None, upper: float | None = None) -> pd.Series:
    """True, False, or missing; 1e-9 forgives floating error of a unit conversion."""
    held = pd.Series(True, values.index)
    if lower is not None:
        held &= values >= lower - 1e-9
    if upper is not None:
        held &= values <= upper + 1e-9
    return held.astype("boolean").mask(values.isna())


def eligible(checks: pd.DataFrame) -> pd.Series:
    """Whether each patient meets every criterion that could be checked.

    Parameters
    ----------
    checks : DataFrame
        From ``eligibility``.

    Returns
    -------
    Series of boolean, indexed by patient
        False for one breach, missing where nothing is breached but something is unknown.
    """
    breached, unknown = (checks["meets"] == False).fillna(False).astype(bool), checks["meets"].isna()  # noqa: E712
    found = pd.DataFrame({"patient": checks["patient"], "breached": breached, "unknown": unknown})
    found = found.groupby("patient", sort=False, observed=True).any()
    # missing must not count as a breach
    return (~found["breached"]).astype("boolean").mask(found["unknown"] & ~found["breached"]).rename("meets")


def allocation(study: Cohort, protocol: Protocol = PAPER) -> pd.DataFrame:
    """The treatment the allocation rule names for each patient, beside the one given.

    The rule: ablation for at most ``ablation_max_lesions`` liver lesions, each below
    ``ablation_size_limit_mm``; embolisation for all others. Whether a lesion lies where it can be
    ablated is part of the paper's rule too, but not of the rows.

    Returns
    -------
    DataFrame
        ``patient, n_liver_lesions, largest_mm, rule, given, first_treatment, departs``. ``rule`` is
        missing where lesion number or size is and the other does not decide alone; ``given`` where
        the rule does not know the treatment; ``departs`` where either is.
    """
    patients = study.patients
    count = (patients["n_liver_lesions"].astype(float) if "n_liver_lesions" in patients
             else pd.Series(np.nan, patients.index))
    largest = (largest_liver_lesion_mm(study) if study.lesions is not None
               else pd.Series(np.nan, patients.index))
    few = (count <= protocol.ablation_max_lesions).astype("boolean").mask(count.isna())
    small = (largest < protocol.ablation_size_limit_mm).astype("boolean").mask(largest.isna())
    # three-valued: many lesions decide without their size, and a large one without their number
    ablate = few & small
    given = patients["first_treatment"].map(
        {ABLATION: ABLATION} | dict.fromkeys(EMBOLISATIONS, "embolisation"))
    rule = ablate.map({True: ABLATION, False: "embolisation"})
    return pd.DataFrame({"patient": patients["patient"], "n_liver_lesions": count,
                         "largest_mm": largest, "rule": rule, "given": given,
                         "first_treatment": patients["first_treatment"],
                         "departs": (rule != given).astype("boolean").mask(rule.isna() | given.isna())})


def session_checks(study: Cohort, protocol: Protocol = PAPER) -> pd.DataFrame:
    """Each technical rule against each session it applies to.

    Parameters
    ----------
    study : Cohort
    protocol : Protocol

    Returns
    -------
    DataFrame
        ``CHECK_COLUMNS``; treatments that the protocol does not name are not checked, and without a
        ``treatments`` table nothing is.
    """
    if study.treatments is None:
        return pd.DataFrame(columns=CHECK_COLUMNS)
    sessions = study.treatments
    beads = sessions[sessions["treatment"] == "DEB-TACE"]
    ablations = sessions[sessions["treatment"] == ABLATION]
    dose, volume = _numbers(beads, "doxorubicin_mg"), _numbers(beads, "bead_volume_ml")
    loading = dose / volume.where(volume > 0)
    gauge, margin = _numbers(ablations, "needle_gauge"), _numbers(ablations, "margin_mm")
    same_loading = _within(loading, protocol.doxorubicin_mg_per_ml, protocol.doxorubicin_mg_per_ml)
    made = [
        _bead_sizes(beads, protocol),
        _session_rows(beads, "protocol.deb_tace.doxorubicin_loaded", "Doxorubicin per mL of beads",
                      loading, "mg/mL", same_loading),
        _session_rows(beads, "protocol.deb_tace.bead_volume.max", "Bead volume per session", volume,
                      "mL", _within(volume, upper=protocol.max_bead_volume_ml)),
        _session_rows(beads, "protocol.deb_tace.doxorubicin.max", "Doxorubicin per session", dose,
                      "mg", _within(dose, upper=protocol.max_doxorubicin_mg)),
        *[_lobe_intervals(study, treatment, protocol) for treatment in EMBOLISATIONS],
        _session_rows(ablations, "protocol.ablation.needle", "Antenna", gauge, "gauge",
                      _within(gauge, protocol.needle_gauge, protocol.needle_gauge)),
        _session_rows(ablations, "protocol.ablation.margin.min", "Ablation margin", margin, "mm",
                      _within(margin, lower=protocol.min_margin_mm)),
    ]
    made = [rows for rows in made if len(rows)]
    return pd.concat(made, ignore_index=True) if made else pd.DataFrame(columns=CHECK_COLUMNS)


def _numbers(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows[column].astype(float) if column in rows else pd.Series(np.nan, rows.index)


def _session_rows(rows, quantity, criterion, values, unit, meets, word=pd.NA) -> pd.DataFrame:
    session = rows["session"] if "session" in rows else pd.Series(pd.NA, rows.index)
    return pd.DataFrame({"quantity": quantity, "criterion": criterion, "patient": rows["patient"],
                         "session": session, "value": values, "word": word, "unit": unit,
                         "meets": meets}).astype(CHECK_DTYPES)


def _bead_sizes(beads: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    size = (beads["bead_size_um"] if "bead_size_um" in beads
            else pd.Series(pd.NA, beads.index)).astype("string")
    named = size.isin([protocol.small_beads_um, protocol.large_beads_um]).astype("boolean")
    return _session_rows(beads, "protocol.deb_tace.beads", "Bead diameters", np.nan, "um", named.mask(size.isna()), size)


def _lobe_intervals(study: Cohort, treatment: str, protocol: Protocol) -> pd.DataFrame:
    """Weeks between the first sessions in the two lobes of a patient, for one treatment."""
    name = "protocol." + treatment.lower().replace("-", "_") + ".interval"
    sessions = study.treatments
    if "lobe" not in sessions:
        return pd.DataFrame(columns=CHECK_COLUMNS)
    own = sessions[(sessions["treatment"] == treatment) & sessions["lobe"].notna()]
    firsts = own.groupby(["patient", "lobe"], sort=False, observed=True)["day"].min().reset_index()
    two_lobed = firsts[firsts.groupby("patient", observed=True)["lobe"].transform("nunique") == 2]
    days = two_lobed.groupby("patient", sort=False, observed=True)["day"]
    spans = days.max() - days.min()
    weeks = spans / 7.0
    rows = pd.DataFrame({"patient": spans.index}, index=spans.index)
    return _session_rows(rows, name, f"{treatment}: weeks between the lobes", weeks, "weeks",
                         _within(weeks, protocol.min_interval_weeks, protocol.max_interval_weeks))


def lobes_treated(study: Cohort) -> pd.DataFrame:
    """For each embolised patient with bilobar disease, how many lobes were embolised.

    Returns
    -------
    DataFrame
        ``patient, n_lobes``; empty where lobes are not known.
    """
    if study.lacking("treatments.lobe", "patients.lobar_disease"):
        return pd.DataFrame({"patient": [], "n_lobes": []})
    bilobar = study.patients[(study.patients["lobar_disease"] == "bilobar")
                             & study.patients["first_treatment"].isin(EMBOLISATIONS)]
    embolised = study.treatments[study.treatments["treatment"].isin(EMBOLISATIONS)]
    count = embolised.groupby("patient", observed=True)["lobe"].nunique()
    return pd.DataFrame({"patient": bilobar["patient"],
                         "n_lobes": bilobar["patient"].map(count).fillna(0).astype(int)})


def visit_times(study: Cohort, visit: str | None, protocol: Protocol = PAPER) -> pd.DataFrame:
    """When each patient's visit took place, from labs and imaging.

    Returns
    -------
    DataFrame
        ``patient, source ("labs" or "lesions"), day, months, in_window``, one row per patient and source.
    """
    first, last = protocol.visit_window_days
    made = []
    for source in ("labs", "lesions"):
        table = getattr(study, source)
        if table is None or visit is None or "visit_day" not in table:
            continue
        days = table.loc[table["visit"] == visit, ["patient", "visit_day"]].groupby("patient", sort=False, observed=True)["visit_day"].max()
        made.append(pd.DataFrame({"patient": days.index, "source": source, "day": days.to_numpy(),
                                  "months": days.to_numpy() / DAYS_PER_MONTH,
                                  "in_window": days.between(first, last).to_numpy()}))
    columns = ["patient", "source", "day", "months", "in_window"]
    return pd.concat(made, ignore_index=True) if made else pd.DataFrame(columns=columns)


def summarise_checks(checks: pd.DataFrame) -> pd.DataFrame:
    """How often each criterion was met.

    Parameters
    ----------
    checks : DataFrame
        From ``eligibility`` or ``session_checks``.

    Returns
    -------
    DataFrame
        One row per criterion: ``quantity, criterion, unit, n, n_known, n_met, lowest, highest``,
        ``words`` (how often each word, where words are checked), ``departing`` (a tuple of "P03" or
        "P03, session 2") and ``holds`` (True, False, or missing where nothing is known).
    """
    rows = []
    for (quantity, criterion, unit), own in checks.groupby(["quantity", "criterion", "unit"], sort=False):
        meets = own["meets"].astype("boolean")
        known, met = int(meets.notna().sum()), int(meets.fillna(False).sum())
        values = own["value"].astype(float)
        rows.append({"quantity": quantity, "criterion": criterion, "unit": unit, "n": len(own),
                     "n_known": known, "n_met": met, "lowest": values.min(), "highest": values.max(),
                     "words": own["word"].value_counts().to_dict(),
                     "departing": tuple(_who(own[(~meets).fillna(False)])),
                     "holds": met == known if known else pd.NA})
    columns = ["quantity", "criterion", "unit", "n", "n_known", "n_met", "lowest", "highest", "words",
               "departing", "holds"]
    return pd.DataFrame(rows, columns=columns).astype({"holds": "boolean"})


def _who(rows: pd.DataFrame) -> list[str]:
    """Patients, with the session where the check was of one."""
    return [f"{patient}" if pd.isna(session) else f"{patient}, session {session}"
            for patient, session in rows[["patient", "session"]].drop_duplicates().itertuples(index=False)]
