"""What each section of the chapters needs, so that a cohort with fewer columns knows what it will be told.

The table of the README is made from here (``python -m lib.needs``), and the tests take the columns away one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lib.cohort import Cohort
from lib.contract import CONTRACT, KEYS

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- sections and columns: begin -->", "<!-- sections and columns: end -->"


@dataclass(frozen=True)
class Section:
    """One section and what it cannot do without.

    Attributes
    ----------
    chapter : str
        The chapter's number.
    name : str
        As a reader would call it.
    columns : tuple of str
        ``table.column``, or ``labs: analyte``; besides those that every table needs.
    quantity : str
        A quantity that is handed on only where the section was computed.
    """

    chapter: str
    name: str
    columns: tuple[str, ...]
    quantity: str


SECTIONS = (
    Section("1", "Patients, flow, follow-up", (), "follow_up.median"),
    Section("1", "Second treatments", ("patients.second_treatment",), "combination.any.count"),
    Section("1", "Eligibility: performance status", ("patients.ecog",), "eligibility.ecog.max"),
    Section("1", "Eligibility: creatinine", ("labs: creatinine",), "eligibility.creatinine.max"),
    Section("1", "Allocation rule", ("patients.n_liver_lesions", "lesions.longest_diameter_mm"), "allocation.ablation.lesions.max"),
    Section("1", "Technique", ("treatments.bead_volume_ml",), "protocol.deb_tace.bead_volume.max"),
    Section("2", "Laboratory toxicity", ("labs.upper_normal",), "lab_toxicity.grade_3.count"),
    Section("2", "MELD", ("labs: creatinine", "labs: bilirubin", "labs: inr"), "meld.change.mean"),
    Section("2", "Adverse events", ("adverse_events.grade",), "clinical_toxicity.grade_3.count"),
    Section("3", "Response by RECIST 1.1", ("lesions.longest_diameter_mm",), "recist.total.orr.count"),
    Section("3", "Response by mRECIST", ("lesions.longest_diameter_mm", "lesions.viable_diameter_mm"), "mrecist.total.orr.count"),
    Section("4", "Survival from first treatment", (), "os_treatment.median"),
    Section("4", "Survival from diagnosis", ("patients.os_diagnosis_months",), "os_diagnosis.median"),
    Section("4", "Survival from liver metastasis", ("patients.os_liver_metastasis_months",), "os_liver_metastasis.median"),
    Section("4", "Liver progression-free survival", ("patients.liver_pfs_months", "patients.liver_progressed"), "liver_pfs.median"),
    Section("4", "Survival by disease outside the liver", ("patients.extrahepatic_disease",), "os_treatment.extrahepatic_disease.p"),
    Section("4", "Survival by time to treatment", ("patients.os_liver_metastasis_months",), "os_treatment.treatment_gap.p"),
    Section("4", "Survival by change of MELD", ("labs: creatinine", "labs: bilirubin", "labs: inr"), "os_treatment.meld_change.p"),
    Section("4", "Survival by response", ("lesions.longest_diameter_mm", "lesions.viable_diameter_mm"), "os_treatment.mrecist_response.p"),
)


def missing(study: Cohort, section: str) -> tuple[str, ...]:
    """The columns and analytes that a section needs and the cohort lacks; a table's name where it lacks the table."""
    (wanted,) = (each for each in SECTIONS if each.name == section)
    absent = [column for column in wanted.columns if _absent(study, column)]
    tables = (re.split("[.:]", column)[0] for column in absent)
    return tuple(dict.fromkeys(table if study.lacking(table) else column for table, column in zip(tables, absent, strict=True)))


def not_computed(study: Cohort, section: str) -> str:
    """One sentence for a section that is switched off ("No creatinine: MELD not computed."); empty for one that is not."""
    lacking = missing(study, section)
    return f"No {in_words(lacking)}: {section} not computed." if lacking else ""


def in_words(columns: tuple[str, ...]) -> str:
    """Absent columns and analytes after "No": ``creatinine and no inr``."""
    return " and no ".join(re.split(r"[.:] ?", column)[-1] for column in columns)


def _absent(study: Cohort, column: str) -> bool:
    table, _, analyte = column.partition(": ")
    if not analyte:
        return bool(study.lacking(column.partition(".")[0], column))
    labs = study.labs
    return labs is None or not labs.loc[labs["analyte"] == analyte, "value"].notna().any()


def table() -> str:
    """Sections by columns needed, as a Markdown table."""
    always = ", ".join(f"`{column.name}`" for column in CONTRACT["patients"] if column.required)
    lines = [f"Every cohort needs `patients.csv` with {always}. A section whose columns are absent is left out, with one sentence.", "",
             "| Chapter | Section | Needs besides |", "|---|---|---|"]
    for section in SECTIONS:
        needs = ", ".join(f"`{column}`" if ":" not in column else f"{column.split(': ')[1]} in `labs`" for column in section.columns)
        lines.append(f"| {section.chapter} | {section.name} | {needs or '–'} |")
    keys = "; ".join(f"`{name}`: {', '.join(c.name for c in columns if c.required)}" for name, columns in CONTRACT.items()
                     if name in KEYS and name != "patients")
    return "\n".join([*lines, "", f"Columns that a table must have where it is there: {keys}."])


def refreshed(text: str) -> str:
    """The README with the table between its two marks made anew."""
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{table()}\n{END}", text, flags=re.S)


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text("utf-8")), encoding="utf-8")
