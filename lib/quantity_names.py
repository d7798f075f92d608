"""Names of recomputed quantities as a clinician says them: ``os_treatment.lower`` is survival from treatment, lower limit."""

from __future__ import annotations

#: The beginning of a name, in words; the longest that fits counts.
_SUBJECTS = {
    "os_diagnosis": "Survival from diagnosis", "os_liver_metastasis": "Survival from liver metastasis",
    "os_treatment": "Survival from treatment", "liver_pfs": "Liver progression-free survival", "os": "Survival", "n": "Patients",
    "pfs": "Progression-free survival", "local_pfs": "Local progression-free survival", "rfs": "Recurrence-free survival",
    "recist": "RECIST", "mrecist": "mRECIST", "meld": "MELD", "ecog": "ECOG status",
    "lab_toxicity": "Laboratory toxicity", "clinical_toxicity": "Clinical toxicity", "cohort.n": "Patients treated",
    "follow_up": "Follow-up", "protocol.conf_level": "Protocol, confidence level", "treatment_gap": "Gap from liver metastasis to treatment",
    "protocol.ctcae_version": "Protocol, CTCAE version", "protocol.spss_version": "Protocol, SPSS version", "meld_change": "MELD change",
}

#: Parts of a name that are not simply their words.
_PARTS = {
    "deb_tace": "DEB-TACE", "y90": "Y90", "cr": "CR", "pr": "PR", "sd": "SD", "pd": "PD", "ne": "NE", "total": "all treatments",
    "orr": "objective response", "dcr": "disease control", "month_3": "month 3", "grade_1_2": "grade 1 or 2", "grade_3": "grade 3",
    "grade_2": "grade 2", "grade_3_4": "grade 3 or 4", "tace": "TACE", "over_60": "over 60", "under_60": "under 60", "ivc": "IVC", "head_neck": "head or neck", "inr": "INR",
    "ecog": "ECOG", "treatment_gap": "gap to treatment", "meld_change": "MELD", "mrecist_response": "mRECIST",
    "extrahepatic_disease": "extrahepatic disease", "non_responders": "non-responders", "not_increased": "not increased",
    "y90_then_deb_tace": "Y90, then DEB-TACE", "ablation_then_deb_tace": "ablation, then DEB-TACE",
    "ablation_then_y90": "ablation, then Y90", "bead_small": "small beads", "bead_large": "large beads", "paired_t": "paired t test",
}  # fmt: skip

#: The last part, where it says which statistic the number is.
_STATISTICS = {
    "count": "number", "percent": "percentage", "n": "denominator", "median": "median", "mean": "mean", "sd": "standard deviation",
    "lower": "lower limit", "upper": "upper limit", "p": "P value", "min": "lowest", "max": "highest", "grade": "grade",
    "limit": "limit", "cut": "cut", "time": "time", "window": "window", "start": "start", "end": "end",
}


def readable(quantity: str) -> str:
    """A quantity's dotted name in words.

    Parameters
    ----------
    quantity : str
        As in the ledger and in what chapters record, e.g. ``"recist.deb_tace.pd.percent"``.

    Returns
    -------
    str
        E.g. ``"RECIST, DEB-TACE, PD: percentage"``; parts that are not known keep their own words, so that no two
        quantities share a name.
    """
    parts = quantity.split(".")
    n = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in _SUBJECTS), 0)
    named = [_SUBJECTS[".".join(parts[:n])]] if n else []
    rest = parts[n:]
    statistic = _STATISTICS.get(rest[-1]) if rest and (named or len(rest) > 1) else None
    named += [_PARTS.get(part, part.replace("_", " ")) for part in (rest[:-1] if statistic else rest)]
    words = ", ".join(named)
    words = words if words[1:2].isupper() else f"{words[:1].upper()}{words[1:]}"  # mRECIST keeps its small m
    return f"{words}: {statistic}" if statistic else words


def in_print(unit: str) -> str:
    """A unit as a reader expects it: ``10^3/uL`` of the data is ``10³/µL``, ``um`` is ``µm``."""
    return "µm" if unit == "um" else unit.replace("10^3", "10³").replace("10^9", "10⁹").replace("/uL", "/µL").replace("umol", "µmol")
