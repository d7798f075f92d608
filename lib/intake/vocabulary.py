"""Words of hospitals for the words of the contract, in English and in several other languages."""

from __future__ import annotations

from lib.intake.identifying import words_of

# names a column may have, beside its own; compared word by word, without accents, digits and case
COLUMN_NAMES = {
    "patients": {
        "patient": "patient id; record id; subject; subject id; study id; usubjid; pat id; patienten id; id; case id; paciente; paziente; record",
        "age_years": "age; age at treatment; alter; edad; eta; leeftijd; age annees",
        "sex": "gender; geschlecht; sexe; sexo; sesso; geslacht",
        "ecog": "ecog ps; performance status; ecog performance status; ecog status",
        "primary_site": "primary; primary tumour; primary tumor; primary tumor site; primarius; primaertumor; site primitif; tumour site",
        "prior_chemotherapy": "prior chemo; previous chemotherapy; chemotherapy before; vorchemotherapie; chemotherapy before the first treatment",
        "extrahepatic_disease": "extrahepatic; extrahepatic metastases; extrahepatic metastasis; ehd; extrahepatisch",
        "lobar_disease": "lobes; lobar involvement; lobe involvement; distribution",
        "n_liver_lesions": "number of liver lesions; liver lesions; number of lesions; n lesions; anzahl lebermetastasen; anzahl laesionen",
        "first_treatment": "treatment; therapy; initial treatment; arm; behandlung; therapie; erste behandlung; traitement; tratamiento; trattamento",
        "os_diagnosis_months": "os from diagnosis; os diagnosis; survival from diagnosis",
        "os_liver_metastasis_months": "os from liver metastasis; os liver metastasis; survival from liver metastasis",
        "os_treatment_months": "os; overall survival; survival; os months; survival months; follow up; follow up months; os time; "
                               "survival time; gesamtueberleben; survie globale; os from treatment; time",
        "died": "death; dead; deceased; vital status; status; os event; death event; verstorben; gestorben; vitalstatus; deces; "
                "fallecido; muerte; deceduto; overleden; event",
        "liver_pfs_months": "pfs; liver pfs; hepatic pfs; progression free survival; pfs months; pfs time",
        "liver_progressed": "progression; progressed; pfs event; liver progression; hepatic progression; progress",
        "second_treatment": "second therapy; subsequent treatment; zweite behandlung; crossover treatment",
        "prior_hepatic_metastasectomy": "prior hepatectomy; liver resection; prior liver resection; metastasectomy; liver metastases resected before",
        "anticoagulated": "anticoagulation; anticoagulant; antikoagulation; on anticoagulation",
        "censoring_reason": "reason for censoring; censor reason; reason censored",
        "ascites": "aszites; ascite; ascitis",
        "encephalopathy": "hepatic encephalopathy; enzephalopathie; encephalopathie",
        "dialysis": "dialyse; dialisis; dialisi",
    },
    "treatments": {
        "session": "session number; redcap repeat instance; repeat instance; sitzung; treatment number",
        "day": "tx date; treatment day; session day; date of session; treatment date; session date; date treatment; behandlungsdatum; date",
        "treatment": "therapy; procedure; modality; behandlung; traitement",
        "lobe": "lobe treated; treated lobe; lappen",
        "approach": "selectivity; catheter; zugang",
        "bead_size_um": "bead size; beads; particle size",
        "doxorubicin_mg": "doxorubicin; dose; doxorubicin dose; dosis",
        "bead_volume_ml": "bead volume; volume",
        "needle_gauge": "needle; gauge",
        "margin_mm": "margin; ablation margin",
    },
    "labs": {
        "visit": "visit name; timepoint; time point; redcap event name; event name; zeitpunkt; visite",
        "visit_day": "day; visit date; lab date; date; lab day; sample date; date of labs; date of lab; lab dt; blood draw date; date of blood draw; labordatum; entnahmedatum; datum; fecha",
        "analyte": "test; lab test; parameter; paramcd; lab; laborwert; messgroesse; analyse; analyt",
        "value": "result; lab value; lab result; aval; wert; ergebnis; resultat; valor; valore; messwert",
        "unit": "units; lab unit; einheit; unite; unidad; unita",
        "lower_normal": "lln; lower limit; normal low; anrlo; range low; lower limit of normal; untergrenze",
        "upper_normal": "uln; upper limit; normal high; anrhi; range high; upper limit of normal; obergrenze",
    },
    "lesions": {
        "visit": "visit name; timepoint; time point; redcap event name; event name; zeitpunkt; visite",
        "visit_day": "day; lesion date; scan date; ct date; imaging date; visit date; date; datum; fecha",
        "lesion": "lesion id; lesion number; lesion label; laesion; herd; tumour",
        "longest_diameter_mm": "diameter; longest diameter; size; size mm; diameter mm; durchmesser; groesse; diametre",
        "viable_diameter_mm": "viable diameter; enhancing diameter; viable; vital; mrecist diameter",
        "target": "target lesion; zielherd; zielaesion", "new": "new lesion; neu; neuer herd", "extrahepatic": "outside liver; extrahepatisch",
        "node": "lymph node; nodal", "short_axis_mm": "short axis; kurzachse", "organ": "location; site; organe; lokalisation",
        "unequivocal_progression": "unequivocal pd; non target progression",
    },
    "adverse_events": {
        "term": "adverse event; ae term; ae; ctcae term; event; aedecod; nebenwirkung; ereignis; toxicity",
        "grade": "ctcae grade; ae grade; aetoxgr; grad; severity grade; toxicity grade",
        "onset_day": "onset; onset date; ae start; start date; ae date; beginn; date; day",
        "relation": "relationship; causality; related; aerel; attribution; zusammenhang",
        "hospital_days": "days in hospital; hospitalisation days; hospital stay; krankenhaustage; length of stay",
    },
    "responses": {
        "visit": "visit name; timepoint; redcap event name; event name; avisit",
        "response": "recist; recist response; overall response; tumour response; tumor response; best response; ansprechen",
    },
}
# dates of which a clock is made: names of columns
DATE_NAMES = {
    "treatment": "date first treatment; first treatment date; date of first treatment; treatment date; date treatment; trtsdt; treatment start; "
                 "erste behandlung datum; datum erste behandlung; behandlungsdatum; start date; fecha tratamiento; date traitement",
    "contact": "date last contact; last contact date; last contact; date of last contact; last follow up; date last follow up; last follow up date; "
               "date of death or last contact; death or last contact; letzter kontakt; datum letzter kontakt; dernieres nouvelles; lstalvdt; "
               "date dernieres nouvelles; ultimo contacto; last seen; date of last follow up",
    "diagnosis": "date diagnosis; diagnosis date; date of diagnosis; diagnosedatum; datum erstdiagnose; erstdiagnose; date diagnostic; fecha diagnostico",
    "metastasis": "date liver metastasis; liver metastasis date; date of liver metastasis; date hepatic metastasis; lebermetastasen datum; "
                  "datum lebermetastasen",
    "progression": "date liver progression; liver progression date; progression date; date progression; date of progression; "
                   "progressionsdatum; datum progress; date of liver progression or last scan; date liver progression or censoring",
}
# words of a cell for the words of the contract
CELL_WORDS = {
    "sex": {"female": "f female woman w weiblich frau femme feminin femenino mujer femmina femminile vrouw vrouwelijk",
            "male": "m male man maennlich mannlich mann homme masculin masculino hombre varon maschio maschile mannelijk"},
    "lobar_disease": {"bilobar": "bilobar both bilobaer bilobaire", "unilobar": "unilobar one single unilobaer unilobaire"},
    "ascites": {"none": "none no absent keine kein aucune", "mild": "mild slight gering leicht legere", "moderate": "moderate severe marked mittel maessig"},
    "relation": {"related": "related yes definite probable definitely probably sicher wahrscheinlich",
                 "possibly": "possibly possible moeglich moglich", "unrelated": "unrelated no none not unlikely remote kein"},
    "analyte": {"albumin": "albumin alb albumina albumine", "bilirubin": "bilirubin bili tbil tbili bilirubine bilirrubina bilirubina",
                "inr": "inr", "alt": "alt gpt sgpt alat alanine", "ast": "ast got sgot asat aspartate",
                "alp": "alp ap alkp alkph alkaline phosphatase", "creatinine": "creatinine crea creat kreatinin creatinina krea",
                "platelets": "platelets platelet plt plat thrombozyten thrombocytes plaquettes plaquetas thrombo",
                "sodium": "sodium natrium na sodio"},
}
TRUE_WORDS = set("true yes y j ja oui si sim 1 checked x wahr vrai positive present".split())
FALSE_WORDS = set("false no n nein non nee nao 0 unchecked falsch faux negative absent".split())
DIED_WORDS = ({"dead", "died", "deceased", "death", "tot", "verstorben", "gestorben", "decede", "decedee", "mort", "fallecido", "muerto", "deceduto",
               "overleden"},
              {"alive", "living", "censored", "lebend", "lebt", "vivant", "vivante", "vivo", "levend"})
BASELINE_WORDS = {"baseline", "screening", "bl", "base", "ausgangswert", "pre", "enrolment", "enrollment", "inclusion", "pretreatment",
                  "pre treatment", "before treatment", "vor therapie"}
# words beside an analyte that tell neither which it is nor when it was measured
ANALYTE_FILLERS = set("total serum plasma blood level value result lab phosphatase aminotransferase transaminase count".split())
LIMIT_WORDS = {"upper_normal": {"uln", "upper", "high", "obergrenze"}, "lower_normal": {"lln", "lower", "low", "untergrenze"}}

# Units by which a lab value of one unit is mistaken for another, as multiples of the reference unit's figures
FACTORS = {"bilirubin": 17.1, "creatinine": 88.42, "albumin": 10.0, "platelets": 1000.0}
RECIST_WORDS = {"CR": "cr complete", "PR": "pr partial", "SD": "sd stable", "PD": "pd progressive progression", "NE": "ne missing"}


def spoken(name: str) -> str:
    """A name as its words, without case, accents, digits and underscores."""
    return " ".join(words_of(name))


def word_for(column: str, cell: str) -> str | None:
    """The contract's word for a cell ("weiblich" is female), or None where it is not clear."""
    for word, synonyms in CELL_WORDS.get(column, {}).items():
        if cell.lower() == word or spoken(cell) in synonyms.split() or spoken(cell) == spoken(word):
            return word
    if column == "analyte":
        first = (words_of(cell) or [""])[0]
        return next((word for word, synonyms in CELL_WORDS["analyte"].items() if first in synonyms.split()), None)
    return None


def truth_for(column: str, cell: str) -> bool | None:
    """Whether a cell says yes, or None where it is not clear."""
    lower = cell.lower().strip()
    words = set(words_of(cell)) or {lower}
    if column == "died" and len(words) <= 2:
        if words & DIED_WORDS[0] and not words & {"not", "nicht"}:
            return True
        if words & DIED_WORDS[1]:
            return False
    if lower in TRUE_WORDS or words <= TRUE_WORDS and words:
        return True
    return False if lower in FALSE_WORDS or (words and words <= FALSE_WORDS) else None
