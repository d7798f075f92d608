"""The reference cohort as institutions would hand it over: REDCap, Excel, SPSS, Stata and ADaM, with invented dates."""

import datetime
import re

import openpyxl
import pandas as pd
import pyreadstat

from lib.cohort import DAYS_PER_MONTH, read_cohort
from lib.contract import CONTRACT
from lib.intake.templates import BOXES, choice_code, redcap_dictionary, redcap_name, template_fields

BASE_DATE = datetime.date(2012, 3, 1)
TABLES = tuple(CONTRACT)


def reference():
    """The tables of the reference cohort by name."""
    cohort = read_cohort("reference")
    return {table: getattr(cohort, table) for table in TABLES}


def first_treatment(patients):
    """An invented date of first treatment for each patient, some weeks apart."""
    return {label: BASE_DATE + datetime.timedelta(days=37 * place) for place, label in enumerate(patients["patient"])}


def dated(table, frame, zero):
    """A table with the dates the templates ask for in place of days and months."""
    start = frame["patient"].map(zero)

    def days_later(days):
        return [day + datetime.timedelta(days=round(count)) for day, count in zip(start, days, strict=True)]

    dates = {}
    if table == "patients":
        months = frame["os_treatment_months"]
        dates = {"date_first_treatment": days_later(0 * months), "date_last_contact": days_later(months * DAYS_PER_MONTH),
                 "date_liver_progression": days_later(frame["liver_pfs_months"] * DAYS_PER_MONTH),
                 "date_diagnosis": days_later((months - frame["os_diagnosis_months"]) * DAYS_PER_MONTH),
                 "date_liver_metastasis": days_later((months - frame["os_liver_metastasis_months"]) * DAYS_PER_MONTH)}
    else:
        day = next(name for name in ("day", "visit_day", "onset_day") if name in frame)
        dates = {"date": days_later(frame[day])}
    columns = {field.name: dates[field.name] if field.name in dates else frame[field.name]
               for field in template_fields(table) if field.name in dates or field.name in frame}
    return pd.DataFrame(columns, dtype=object)


def dated_tables():
    tables = reference()
    zero = first_treatment(tables["patients"])
    return {table: dated(table, frame, zero) for table, frame in tables.items()}


def write_redcap(folder, labelled=False):
    """A REDCap project of the template, exported raw or labelled, beside its data dictionary."""
    dictionary = redcap_dictionary()
    dictionary.to_csv(folder / "dictionary.csv", index=False)
    rows = [row for table, frame in dated_tables().items() for row in _redcap_rows(table, frame, labelled)]
    fields = [name for row in dictionary.to_dict("records") for name in
              ([f"history___{box}" for box in BOXES] if row["Field Type"] == "checkbox" else [row["Variable / Field Name"]])]
    columns = [fields[0], "redcap_repeat_instrument", "redcap_repeat_instance", *fields[1:]]
    export = pd.DataFrame(rows, columns=columns, dtype=object).sort_values("record_id", kind="stable")
    if labelled:
        labels = dict(zip(dictionary["Variable / Field Name"], dictionary["Field Label"], strict=True))
        meanings = {column.name: column.meaning for column in CONTRACT["patients"]}
        named = {**labels, "redcap_repeat_instrument": "Repeat Instrument", "redcap_repeat_instance": "Repeat Instance",
                 **{f"history___{box}": f"history (choice={meanings[box]})" for box in BOXES}}
        export.columns = [named[column] for column in columns]
    export.to_csv(folder / "export.csv", index=False)
    return folder


def _redcap_rows(table, frame, labelled):
    instances = frame.groupby("patient").cumcount() + 1
    for instance, row in zip(instances, frame.to_dict("records"), strict=True):
        cells = {"record_id": row["patient"]}
        if table != "patients":
            cells |= {"redcap_repeat_instrument": table.replace("_", " ").title() if labelled else table, "redcap_repeat_instance": instance}
        for field in template_fields(table):
            if field.name in row and field.name != "patient":
                name = f"history___{field.name}" if field.name in BOXES else redcap_name(table, field)
                cells[name] = _redcap_cell(field, row[field.name], labelled)
        yield cells


def _redcap_cell(field, value, labelled):
    if value is None or pd.isna(value):
        return None
    if field.name in BOXES:
        return ("Checked" if value else "Unchecked") if labelled else int(value)
    if field.column.kind == "truth" and not field.is_date:
        return ("Yes" if value else "No") if labelled else int(value)
    return choice_code(value) if field.words and not labelled else value


def fill_template(path, template):
    """The Excel template filled with the reference cohort."""
    book = openpyxl.load_workbook(template)
    for table, frame in dated_tables().items():
        sheet = book[table]
        header = [cell.value for cell in sheet[1]]
        for number, row in enumerate(frame.to_dict("records"), start=2):
            for place, name in enumerate(header, start=1):
                value = row.get(name)
                if value is not None and not pd.isna(value):
                    sheet.cell(number, place, value={True: "yes", False: "no"}[value] if isinstance(value, bool) else value)
    book.save(path)
    return path


GERMAN = {"patient": "Patienten-ID", "age_years": "Alter", "sex": "Geschlecht", "died": "Verstorben", "first_treatment": "Erste Behandlung",
          "date_first_treatment": "Datum erste Behandlung", "date_last_contact": "Datum letzter Kontakt", "date_diagnosis": "Diagnosedatum",
          "date_liver_metastasis": "Datum Lebermetastasen", "date_liver_progression": "Progressionsdatum"}


def write_german_excel(path):
    """Patients and laboratory as a European sheet: dates as 05.03.2012, decimals with a comma, a header over two rows."""
    tables = dated_tables()
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Patienten"
    patients = tables["patients"][list(GERMAN)]
    sheet.append(["Export der Abteilung"])
    sheet.append(list(GERMAN.values()))
    for row in patients.to_dict("records"):
        sheet.append([_german(value) for value in row.values()])
    labs = book.create_sheet("Labor")
    names = {"patient": "Patienten-ID", "visit": "Zeitpunkt", "date": "Datum", "analyte": "Laborwert", "value": "Ergebnis", "unit": "Einheit",
             "lower_normal": "Untergrenze", "upper_normal": "Obergrenze"}
    labs.append(["Patienten-ID", "Zeitpunkt", "Datum", "Messung", None, None, "Normbereich", None])
    labs.append([None, None, None, "Laborwert", "Ergebnis", "Einheit", "Untergrenze", "Obergrenze"])
    for area in ("A1:A2", "B1:B2", "C1:C2", "D1:F1", "G1:H1"):
        labs.merge_cells(area)
    for row in tables["labs"][list(names)].to_dict("records"):
        labs.append([_german(value) for value in row.values()])
    book.save(path)
    return path


def _german(value):
    words = {"female": "weiblich", "male": "männlich", True: "ja", False: "nein"}
    if isinstance(value, (str, bool)) and value in words:
        return words[value]
    if isinstance(value, datetime.date):
        return value.strftime("%d.%m.%Y")
    return str(value).replace(".", ",") if isinstance(value, float) else value


CODED = ("sex", "primary_site", "lobar_disease", "first_treatment", "second_treatment", "censoring_reason", "treatment", "lobe", "approach",
         "visit", "analyte", "relation", "organ")


def write_statistics(folder, extension):
    """One SPSS or Stata file a table: words as numeric codes with value labels, truth as 0 and 1, blanks as system missing."""
    write = {"sav": pyreadstat.write_sav, "dta": pyreadstat.write_dta}[extension]
    for table, frame in reference().items():
        columns, labels = {}, {}
        for name, cells in frame.items():
            if name in CODED:
                words = sorted(cells.dropna().unique())
                columns[name] = cells.map({word: float(code) for code, word in enumerate(words, start=1)})
                labels[name] = {code: word for code, word in enumerate(words, start=1)}
            elif cells.dtype == bool:
                columns[name], labels[name] = cells.astype(float), {0: "no", 1: "yes"}
            else:
                columns[name] = cells if cells.dtype != object else cells.fillna("").astype(str)
        write(pd.DataFrame(columns), str(folder / f"{table}.{extension}"), variable_value_labels=labels)
    return folder


ADAM_NAMES = {"patients": "adsl", "treatments": "adex", "labs": "adlb", "lesions": "adtr", "adverse_events": "adae"}
ADAM_CODES = {"albumin": "ALB", "bilirubin": "BILI", "inr": "INR", "alt": "ALT", "ast": "AST", "alp": "ALP", "creatinine": "CREAT",
              "platelets": "PLAT", "sodium": "SODIUM"}


def write_adam(folder):
    """ADaM data sets as SAS transport files: eight-letter names with labels, CNSR, study days without a day 0, SAS dates."""
    tables = reference()
    zero = first_treatment(tables["patients"])
    special = {"patients": {"age_years": "AGE", "sex": "SEX", "first_treatment": "TRT01A"},
               "labs": {"visit": "AVISIT", "visit_day": "ADY", "analyte": "PARAMCD", "value": "AVAL", "unit": "AVALU",
                        "lower_normal": "ANRLO", "upper_normal": "ANRHI"},
               "lesions": {"visit": "AVISIT", "visit_day": "ADY"},
               "adverse_events": {"term": "AEDECOD", "grade": "ATOXGR", "onset_day": "ASTDY", "relation": "AREL"}}
    for table, frame in tables.items():
        meanings = {column.name: column.meaning for column in CONTRACT[table]}
        subject = {"STUDYID": "LIVER", "USUBJID": "LIVER-" + frame["patient"]}
        dropped = {"patient", "died", "liver_progressed"} | {name for name in frame if name.startswith(("os_", "liver_pfs"))}
        columns, labels = dict(subject), dict.fromkeys(subject, "")
        for name in [name for name in frame if name not in dropped]:
            short = special.get(table, {}).get(name) or re.sub(r"[^A-Z]", "", name.upper())[:7] + str(len(columns) % 10)
            columns[short], labels[short] = _sas(table, name, frame[name]), meanings[name][:40]
        _write_xpt(folder / f"{ADAM_NAMES[table]}.xpt", columns, labels)
    _write_adtte(folder, tables["patients"], zero)
    return folder


def _sas(table, name, cells):
    if name in {"visit_day", "onset_day"}:
        return cells.where(cells < 0, cells + 1).astype(float)
    if name == "analyte":
        return cells.map(ADAM_CODES)
    if name == "sex":
        return cells.map({"female": "F", "male": "M"})
    if cells.dtype == bool:
        return cells.map({True: "Y", False: "N"})
    return cells.fillna("").astype(str) if cells.dtype == object else cells.astype(float)


def _write_adtte(folder, patients, zero):
    rows = []
    for row in patients.to_dict("records"):
        start = zero[row["patient"]]
        end = start + datetime.timedelta(days=round(row["os_treatment_months"] * DAYS_PER_MONTH))
        for code, clock, event in (("OS", "os_treatment_months", row["died"]), ("LPFS", "liver_pfs_months", row["liver_progressed"]),
                                   ("OSDIAG", "os_diagnosis_months", row["died"]), ("OSLM", "os_liver_metastasis_months", row["died"])):
            days = round(row[clock] * DAYS_PER_MONTH)
            date = start + datetime.timedelta(days=days) if code == "LPFS" else end
            rows.append({"STUDYID": "LIVER", "USUBJID": f"LIVER-{row['patient']}", "PARAMCD": code, "AVAL": float(days + 1),
                         "STARTDT": date - datetime.timedelta(days=days), "ADT": date, "CNSR": 0.0 if event else 1.0})
    frame = pd.DataFrame(rows)
    pyreadstat.write_xport(frame, str(folder / "adtte.xpt"), file_format_version=5, variable_format={"STARTDT": "DATE9.", "ADT": "DATE9."})


def _write_xpt(path, columns, labels):
    pyreadstat.write_xport(pd.DataFrame(columns), str(path), file_format_version=5, column_labels=labels)
