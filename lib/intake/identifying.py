"""Columns that could tell who a patient is: recognised by their name, in several languages, and by their content.

A column is judged twice, because either alone fails: an export may call a surname ``var7``, and a column called
``phone`` may be empty in the rows at hand. The kinds follow the identifiers of the HIPAA safe-harbor rule,
45 CFR 164.514(b)(2), as far as a table of a liver study can hold them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

OLDEST_AGE_YEARS = 89
"""Ages above it are capped: the safe-harbor rule aggregates "90 or older"."""

MOST_OF_THE_CELLS = 0.5
FREE_TEXT_LETTERS = 60
FREE_TEXT_WORDS = 7
BIRTH_GAP_YEARS = 18

# whole words of a column's name, in English, German, French, Spanish, Italian, Dutch and Portuguese, without accents
NAMED = {
    "a name": "name names surname firstname lastname forename fullname initials nachname vorname namen familienname patientenname "
              "prenom nom nombre apellido apellidos cognome nome achternaam voornaam sobrenome patname ptname patientname",
    "a record number": "mrn ssn nhs nhsnumber medicalrecord recordnumber chartno chartnumber hospitalnumber casenumber accession "
                       "fallnummer patientennummer krankenkassennummer versichertennummer ipp nir historia nhc dni nss "
                       "codicefiscale bsn patientnummer prontuario cpf passport insurance pid",
    "a date of birth": "dob birth birthdate birthday dateofbirth geburtsdatum geburtstag gebdat geb naissance datenaissance ddn "
                       "nacimiento fechanacimiento nascita datanascita geboortedatum geboorte nascimento brthdtc brthdt brthdtm",
    "an address": "address street zip zipcode postcode postal postalcode town adresse strasse plz wohnort anschrift "
                  "rue ville codepostal direccion calle ciudad domicilio indirizzo adres straat postcode woonplaats "
                  "endereco cep",
    "a phone number": "phone telephone tel mobile cell fax cellphone telefon telefonnummer handy mobil telephonenumber "
                      "portable telefono movil cellulare telefoon telefone celular phonenumber",
    "an e-mail address": "email mail emailaddress correo courriel",
    "free text": "notes note comment comments remark remarks freetext narrative bemerkung bemerkungen kommentar anmerkung "
                 "freitext commentaire commentaires remarque remarques observacion observaciones comentario comentarios osservazioni opmerking "
                 "opmerkingen observacoes",
}
# two words side by side, of which neither alone would tell
NAMED_TOGETHER = {
    "a record number": ("medical record", "record number", "record no", "chart number", "hospital number", "case number", "social security",
                        "patient number", "insurance number", "study number hospital", "numero dossier", "numero historia",
                        "hospital id", "patient no"),
    "a date of birth": ("birth date", "date birth", "date of birth", "date naissance", "fecha nacimiento", "data nascita", "date de naissance"),
    "an address": ("home address", "zip code", "post code", "code postal", "codigo postal"),
    "a phone number": ("phone number", "mobile number", "cell number"),
    "a name": ("first name", "last name", "family name", "given name", "maiden name", "full name"),
}
# what a word of NAMED means beside these: a drug's name and a birth weight are nobody's
HARMLESS_BESIDE = {"drug", "treatment", "site", "visit", "event", "lesion", "test", "analyte", "form", "study", "instrument",
                   "unit", "lab", "term", "redcap", "weight", "blood", "red", "white", "count", "device"}

WRITTEN = {
    "an e-mail address": re.compile(r"\s*[^@\s]+@[^@\s]+\.[A-Za-z]{2,}\s*"),
    "a phone number": re.compile(r"\s*(\+|00)\d[\d\s()./-]{7,}\s*|\s*\(?0?\d{2,4}\)?[\s./-]\d{3,4}[\s./-]\d{3,5}\s*"),
    "a record number": re.compile(r"\s*\d{3}-\d{2}-\d{4}\s*|\s*\d{7,12}\s*|\s*(MRN|NHS|PID|KV|SSN)[ :#-]*\d{4,}\s*", re.I),
    "an address": re.compile(
        r"\s*\d{1,5}[a-z]?,?\s+([\w.'-]+\s+){1,4}(street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd)\b\.?.*"
        r"|\s*[\w.'-]{3,}(stra(ss|ß)e|str\.|weg|platz|gasse|straat|laan)\s+\d{1,4}\b.*"
        r"|\s*\d{0,4},?\s*(rue|avenue|boulevard|calle|via|avenida|rua)\s+[\w.'-]{2,}.*", re.I),
    "a name": re.compile(
        r"\s*[A-ZÀ-Þ][a-zà-ÿ'-]+,\s+[A-ZÀ-Þ][a-zà-ÿ'-]+(\s+[A-ZÀ-Þ]\.?)?\s*"
        r"|\s*(Mr|Mrs|Ms|Miss|Dr|Herr|Frau|Mme|Sr|Sra|Sig|Dhr|Mevr)\.?\s+[A-ZÀ-Þ][\w'-]+.*"),
}
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")


@dataclass(frozen=True)
class Identifying:
    """A column that could identify patients: its name, what it looks like, and how that showed.

    ``position`` is the first row (0-based) whose content gave it away, None where the name did.
    """

    column: str
    looks_like: str
    by: str
    position: int | None = None


def identifying_columns(frame: pd.DataFrame, allowed: Iterable[str] = ()) -> list[Identifying]:
    """Columns that look like identifiers of a person.

    Parameters
    ----------
    frame : DataFrame, shape (n_rows, n_columns)
        Cells as text or typed, blanks as missing.
    allowed : iterable of str
        Columns that a reader has named as harmless; they are passed over.

    Returns
    -------
    list of Identifying
        In the order of the columns; the content itself is never repeated.

    References
    ----------
    45 CFR 164.514(b)(2), the safe-harbor method of de-identification.
    """
    allowed, found = set(allowed), []
    newest = _newest_year(frame)
    for position, column in enumerate(frame.columns):
        if column in allowed:
            continue
        cells = frame.iloc[:, position]
        kind = kind_by_name(str(column))
        if kind:
            found.append(Identifying(str(column), kind, "name"))
            continue
        kind, row = _kind_by_content(cells, newest)
        if kind:
            found.append(Identifying(str(column), kind, "content", row))
    return found


def kind_by_name(column: str) -> str:
    """What a column's name says it holds ("a phone number"), empty where it gives nothing away."""
    words = words_of(column)
    spoken, joined = " ".join(words), "".join(words)
    for kind, pairs in NAMED_TOGETHER.items():
        if any(f" {pair} " in f" {spoken} " for pair in pairs):
            return kind
    for kind, listed in NAMED.items():
        known = set(listed.split())
        if joined in known or (known & set(words) and not HARMLESS_BESIDE & set(words)):
            return kind
    return ""


def words_of(name: str) -> list[str]:
    """The words of a column's name in small letters, without accents: "DateOfBirth" is date, of, birth."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return [word for word in re.split(r"[^a-z]+", apart.lower()) if word]


def cap_ages(age_years: pd.Series) -> pd.Series:
    """Ages with those above `OLDEST_AGE_YEARS` set to the next year, which stands for "90 or older"."""
    return age_years.where(~(age_years > OLDEST_AGE_YEARS), OLDEST_AGE_YEARS + 1)


def _kind_by_content(cells: pd.Series, newest_year: float) -> tuple[str, int | None]:
    if pd.api.types.is_bool_dtype(cells) or pd.api.types.is_float_dtype(cells):
        return "", None
    texts = _Texts(cells)
    if not texts.counts.any():
        return "", None
    for kind, pattern in WRITTEN.items():
        hits = texts.which(pattern.fullmatch)
        # one e-mail address or telephone number in a column is one too many; digits alone need company
        enough = texts.share(hits) >= MOST_OF_THE_CELLS if kind in {"a record number", "a name"} else hits.any()
        if enough:
            return kind, texts.first_row(hits)
    years = texts.years()
    if len(years) and np.median(years) <= newest_year - BIRTH_GAP_YEARS:
        return "a date of birth", texts.first_row(texts.counts > 0)
    long = texts.which(lambda text: len(text) >= FREE_TEXT_LETTERS and len(text.split()) >= FREE_TEXT_WORDS)
    if long.any() and len({texts.words[place] for place in np.flatnonzero(long)}) >= MOST_OF_THE_CELLS * texts.counts[long].sum():
        return "free text", texts.first_row(long)
    return "", None


class _Texts:
    """The different texts of a column, each looked at once, however often it stands there.

    Attributes
    ----------
    words : list of str
        Without blanks around them.
    counts : ndarray of int
        Cells with each text; 0 for an empty one.
    """

    def __init__(self, cells: pd.Series):
        if isinstance(cells.dtype, pd.CategoricalDtype):
            self._codes, values = cells.cat.codes.to_numpy(), cells.cat.categories
        else:
            # 1 and True are equal, and not the same text
            same = cells.dtype != object or pd.api.types.infer_dtype(cells, skipna=True) == "string"
            self._codes, values = pd.factorize(cells if same else cells.map(str, na_action="ignore"))
        self.words = [str(value).strip() for value in values]
        self.counts = np.bincount(self._codes[self._codes >= 0], minlength=len(self.words))
        self.counts[[not word for word in self.words]] = 0

    def which(self, holds) -> np.ndarray:
        """Which texts satisfy a function."""
        return np.array([bool(holds(word)) for word in self.words], bool) & (self.counts > 0)

    def share(self, texts: np.ndarray) -> float:
        """The share of the filled cells that have one of the texts."""
        return self.counts[texts].sum() / self.counts.sum()

    def first_row(self, texts: np.ndarray) -> int:
        """The first cell that has one of the texts."""
        return int(np.flatnonzero(texts[self._codes] & (self._codes >= 0))[0])

    def years(self) -> np.ndarray:
        """Years of a column that is mostly ISO dates, a year a cell, else nothing."""
        dates = self.which(ISO_DATE.fullmatch)
        if not dates.any() or self.share(dates) < MOST_OF_THE_CELLS:
            return np.array([])
        return np.repeat([float(self.words[place][:4]) for place in np.flatnonzero(dates)], self.counts[dates])


def _newest_year(frame: pd.DataFrame) -> float:
    """The latest median year of any date column, minus infinity where there is none."""
    columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
    found = [_Texts(cells).years() for cells in columns if not pd.api.types.is_numeric_dtype(cells)]  # no number is an ISO date
    return max((float(np.median(years)) for years in found if len(years)), default=float("-inf"))
