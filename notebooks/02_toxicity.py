# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2. What did treatment do to the liver, and to the patients?
#
# **Question.** How many patients had laboratory or clinical toxicity by three months, how severe was it, and did
# liver function change?
#
# **Uses** the laboratory values and adverse events of the cohort of chapter 1.

# %% [markdown] tags=["published"]
# **Answers** the toxicity and MELD paragraphs of the paper's Results, which have no table of their own.

# %% tags=["parameters"]
cohort = "reference"            # a folder under data/, or a path to your own
conf_level = 0.95               # two-sided coverage of every interval below; 0.5 to 0.999
ctcae_version = 5               # 4.03, 5 or 6; the paper used 5
baseline_rule = "as printed"    # or "multiples of ULN": ignore an abnormal baseline
toxicity_visit = "month_3"      # the visit at which laboratory toxicity is judged
toxicity_window_months = 3.0    # clinical events count from first treatment to here; 0 to 600
patients_drawn = 40             # most patients drawn one by one; larger cohorts are thinned evenly; 10 to 80
publish = False                 # True: counts of few patients are suppressed, single patients left out
smallest_count = 5              # with publish: the smallest count that is shown; 2 to 100

# %%
from matplotlib.figure import Figure

from lib import needs
from lib import toxicity_tables as tables
from lib import toxicity_text as text
from lib.cohort import DAYS_PER_MONTH, read_cohort
from lib.figures import toxicity as draw
from lib.figures.many import shading_note
from lib.liver_scores import SCORES, before_and_after, liver_scores, meld_rise, paired_change
from lib.narrative import Chapter, percent, plain, say
from lib.published import read_ledger
from lib.toxicity import (PAPER_ANALYTES, ctcae_edition, events_by_term, events_in_window, grade_labs, labs_of,
                          liver_injury, worst_event_grades, worst_grades)
from lib.visits import stands_in, visit_meant

study = read_cohort(cohort, ("labs", "adverse_events"))
chapter = Chapter("02_toxicity", study, cohort=cohort, conf_level=conf_level, ctcae_version=ctcae_version,
                  baseline_rule=baseline_rule, toxicity_visit=toxicity_visit, toxicity_window_months=toxicity_window_months,
                  patients_drawn=patients_drawn,
                  publish=publish, smallest_count=smallest_count)
named_visit, toxicity_visit = toxicity_visit, visit_meant(study.labs, toxicity_visit)
patients, labs, n_treated = study.patients, labs_of(study), study.n_patients
edition, visit = f"CTCAE version {ctcae_edition(ctcae_version)}", plain(toxicity_visit.replace("_", " "))
thinned = f" An even choice of {patients_drawn} patients is drawn." if n_treated > patients_drawn else ""
interval_note = f"CI: {100 * conf_level:g}% Clopper-Pearson interval, in percent."

# %% [markdown]
# ## Laboratory toxicity
# ### The limits
# CTCAE grades a laboratory value by multiples of the upper limit of normal (ULN), by fixed values, or by multiples of
# the patient's own baseline. Version `5` switches to the baseline where that was abnormal: an ALT between `1.0` and
# `1.5` times an abnormal baseline then has no grade at all. Such gaps stand in the standard, and they are kept here.
# INR is graded by baseline in anticoagulated patients only, so anticoagulation is a column of the cohort.
#
# The limits live in `data/ctcae.csv`, one row for each version, grade and condition, with the standard's words beside
# them. The project's tests hold every limit to that text, and hold version `4.03` to an open clinical data set that was
# graded independently, value by value.

# %%
chapter.table(tables.criteria_table(ctcae_version), "2.1",
              f"Laboratory limits of {edition} as the standard prints them, for the six analytes that count.",
              left=["Where", "Grade 1", "Grade 2", "Grade 3", "Grade 4"],
              notes=["ULN, LLN: upper and lower limit of normal. A dash: the version has no such laboratory grade."])

# %% [markdown]
# ### Each analyte before and after
# A line is a patient, the band is the range of normal. What matters is how far the dark lines leave the band: they end
# in a grade that is new or worse than at baseline. Scales are logarithmic except for albumin and INR.

# %%
lacking = needs.not_computed(study, "Laboratory toxicity")
gradable = labs.iloc[:0] if lacking else labs
grades = grade_labs(gradable, patients, ctcae_version, baseline_rule, PAPER_ANALYTES)
worst = worst_grades(grades, patients["patient"], toxicity_visit)
worst_new = worst_grades(grades, patients["patient"], toxicity_visit, only_new=True)["worst_grade"]
n_graded = int(worst["worst_grade"].notna().sum())
n_complete = int((worst["n_graded"] == len(PAPER_ANALYTES)).sum())
say(stands_in(named_visit, toxicity_visit))
if n_graded == 0:
    say(f"**{lacking or f'No laboratory value can be graded at {visit}: laboratory toxicity not computed.'}**")

# %%
measured = set(grades.loc[grades["value"].notna(), "analyte"])
drawn = {name: tables.ANALYTE_NAMES[name] for name in PAPER_ANALYTES if name in measured}
changed = text.most_changed(grades, toxicity_visit)
if n_graded:
    chapter.figure(draw.plot_before_after(grades, drawn, toxicity_visit, patients_drawn), "2.1", individual=True,
                   caption=f"The analytes that count at baseline and {visit}, a line per patient ({n_graded}/{n_treated} graded), over "
                           f"the normal range (band). Dark lines: a grade that is new or worse than at baseline.{thinned}",
                   alt=f"{len(drawn)} liver tests at baseline and {visit}, over their normal ranges. {changed}")

# %%
if n_graded:
    chapter.table(tables.grade_table(grades, patients, toxicity_visit, conf_level=conf_level), "2.2",
                  f"{edition} grade of each analyte at {visit}, patients, N = {n_treated}; baseline rule: {baseline_rule}.",
                  **tables.GRADE_LAYOUT,
                  notes=[interval_note, "New or worsened: above the grade that the baseline value has under the same rule. A value "
                         "without its normal limit or a needed baseline is not graded; it never counts as grade 0."])

# %%
say(changed)

# %% [markdown]
# ### From baseline to three months
# A shift table keeps what a count of grades at one visit loses: where each patient came from. The baseline itself has no
# earlier value, so it is graded by multiples of ULN. After an abnormal baseline a later grade of `0` can therefore
# mean "within the standard's gap", not "normal".

# %%
if n_graded:
    chapter.table(tables.shift_tables(grades, toxicity_visit), "2.3",
                  f"Shift of the {edition} grade from baseline (rows) to {visit} (columns), patients per analyte, N = {n_treated}.",
                  group="Analyte", stub="Baseline", **tables.SHIFT_LAYOUT,
                  notes=["Missing: no grade at that visit. Baseline grades that nobody had are left out."])

# %% [markdown]
# ### The worst grade of each patient
# The headline counts patients, each by one worst grade over the six analytes.

# %%
if n_graded:
    chapter.table(tables.worst_table(grades, patients, toxicity_visit, conf_level), "2.4",
                  f"Worst laboratory grade per patient at {visit} by first treatment, n/N (%), with an interval where two grades "
                  "are joined.",
                  group="Block", stub="Worst grade",
                  notes=[interval_note, f"N counts the patients graded: {n_graded}/{n_treated}, of them {n_complete} on all six "
                         "analytes; with fewer, the worst grade is a lower bound. Treatments were chosen by burden and "
                         "preference: the columns describe, they do not compare."])

# %%
say(text.worst_grade_sentence(worst, worst_new))

# %% [markdown]
# ### One count, many readings
# Which reading of "toxicity" and which version of the standard give which count?

# %% [markdown] tags=["published"]
# The paper prints the count of patients with grade `1` or `2` in its Abstract and again in its Results.

# %%
counts = tables.readings(gradable, patients, toxicity_visit)
if n_graded:
    chapter.table(counts.rename(columns=tables.READING_LABELS), "2.5",
                  f"Patients by worst laboratory grade at {visit} under each version, baseline rule and reading, N = {n_treated}.",
                  stub="CTCAE", left=["Baseline rule", "Counted"], notes=text.reading_notes(study.invented))

# %%
if study.invented:
    say(text.printed_counts(read_ledger(), counts, worst["worst_grade"]))

# %% [markdown]
# ### Was the liver injured?
# Drug-induced liver injury that threatens life shows as a raised ALT *with* a raised bilirubin: the upper right of the
# eDISH plot, Hy's law range, beyond `3` and `2` times ULN. ALT alone (lower right) is Temple's corollary; bilirubin alone
# (upper left) points to bile flow or tumour. The plot takes each patient's highest values after baseline.

# %%
injury = liver_injury(labs)
n_both = int(injury["range"].notna().sum())
if n_both:
    ax = Figure(figsize=(draw.WIDTH_IN, 4.4), layout="constrained").subplots()
    draw.plot_liver_injury(ax, injury, patients.set_index("patient")["first_treatment"])
    chapter.figure(ax, "2.2", individual=True,
                   caption="Peak ALT against peak bilirubin after baseline (eDISH), multiples of ULN, logarithmic; "
                           f"{n_both}/{n_treated} patients with both. Dashed: the limits of Hy's law.{shading_note(n_both)}",
                   alt=f"Peak ALT against peak bilirubin in multiples of the upper limit of normal. {text.injury_sentence(injury)}")

# %%
say(text.injury_sentence(injury) + " Progression in the liver can raise either value without any toxicity of treatment.")

# %% [markdown]
# ## Clinical toxicity
# Events were reported by the patients themselves. A patient counts once a term, with the worst grade; events before
# the first treatment or after the window do not count, events of unknown day do.

# %%
recorded = study.adverse_events is not None
events = events_in_window(study.adverse_events, toxicity_window_months * DAYS_PER_MONTH) if recorded else None
window = f"within {toxicity_window_months:g} months of first treatment"
if not recorded:
    say("**Clinical toxicity is not computed:** the cohort has no table of adverse events. No event recorded is not the "
        "same as no event.")

# %%
if recorded:
    say(chapter.of_invented(text.printed_of_events(events)))
    listed = tables.events_table(events, patients, conf_level)
    chapter.table(listed, "2.6", f"Clinical adverse events {window}, by term and worst CTCAE grade, patients, N = {n_treated}.",
                  **tables.events_layout(listed),
                  notes=[interval_note, "Columns by first treatment: any grade, n/N (%). Related or not, every event counts."])

# %%
if recorded:
    every_term = events_by_term(events, patients)
    by_term = every_term.head(draw.TERMS_DRAWN)
    cut = f"; the {len(by_term)} most frequent of {len(every_term)} terms" if len(every_term) > len(by_term) else ""
    ax = Figure(figsize=(draw.WIDTH_IN, 1.2 + 0.32 * max(len(by_term), 2)), layout="constrained").subplots()
    leading = [f"{plain(term)} {percent(int(count), n_treated)}" for term, count in by_term["any"].head(3).items()]
    chapter.figure(draw.plot_events(ax, by_term, n_treated), "2.3", counts=by_term.to_numpy().ravel(),
                   caption=f"Patients with each clinical adverse event {window}, by worst CTCAE grade, N = {n_treated}{cut}.",
                   alt=f"Stacked bars of patients per adverse event, by worst grade. Most frequent: {'; '.join(leading) or 'none'}.")

# %%
if recorded:
    say(text.clinical_sentence(events, worst_event_grades(events, patients["patient"])))

# %% [markdown]
# ### The interventionist's scale
# CTCAE grades the event; the Society of Interventional Radiology (SIR) grades the escalation of care. The rows hold days in
# hospital but neither drugs nor interventions. An event treated on the ward without an extra night therefore counts as
# mild, and the SIR column is a lower bound.

# %%
if recorded:
    chapter.table(tables.sir_table(events), "2.7",
                  f"Adverse events {window} by SIR severity (rows) and CTCAE grade (columns): {len(events)} events in "
                  f"{events['patient'].nunique()}/{n_treated} patients.", **tables.SIR_LAYOUT,
                  notes=["SIR: overnight stay = moderate, admission beyond a day = severe (Khalilzadeh et al., J Vasc Interv "
                         "Radiol 2017). Without a stay, CTCAE grade 3 counts as moderate."])

# %%
if recorded:
    say(text.sir_sentence(events))

# %%
if recorded:
    chapter.table(tables.stay_table(events, patients), "2.8",
                  f"Days in hospital for adverse events {window}, by first treatment, N = {n_treated}.")

# %% [markdown]
# ### Early death
# Death within `30` days is the usual measure of procedural safety; within `90` days it mixes safety with the disease.
# Patients censored before the day are not in the denominator: nobody knows whether they lived to it.

# %%
chapter.table(tables.deaths_table(patients, conf_level=conf_level), "2.9",
              f"Deaths from any cause soon after the first treatment, by first treatment, N = {n_treated}.",
              notes=[interval_note, "n/N: N died by the day or were followed to it."])

# %%
say(text.deaths_sentence(patients, (30, 90), conf_level))

# %% [markdown]
# ## Liver function
# MELD has variants, and reports seldom name theirs. The original score sees creatinine, bilirubin and
# INR; MELD-Na adds sodium, MELD 3.0 sex and albumin. MELD cannot fall below `6`: in livers this good it can hardly
# improve. ALBI, from albumin and bilirubin alone, has no floor and was made for such patients.

# %%
scores = liver_scores(labs, patients)
pairs = {label: before_and_after(scores, name, after=toxicity_visit) for name, label in SCORES.items() if name != "child_pugh"}
change = {label: paired_change(pair["baseline"], pair[toxicity_visit], conf_level) for label, pair in pairs.items()}
scored = max(each.n for each in change.values())

# %%
if scored:
    say(chapter.of_invented(text.printed_of_scores(scores, toxicity_visit)))
    chapter.table(tables.score_table(scores, patients, toxicity_visit, conf_level), "2.10",
                  f"Liver scores at baseline and {visit} in the patients with both, n/N, by first treatment; a higher score is a "
                  "worse liver.",
                  group="Group", stub="Score",
                  notes=[f"Change: mean of after minus before with its {100 * conf_level:g}% t interval. Wilcoxon signed-rank: "
                         "zero changes left out, normal approximation corrected for ties. MELD scores are whole numbers, as UNOS "
                         "applied them."])

# %%
if scored:
    chapter.figure(draw.plot_scores({label: pairs[label] for label in change if change[label].n}, toxicity_visit, patients_drawn),
                   "2.4", individual=True,
                   caption=f"Liver scores at baseline and {visit}, a line per patient (n = {scored}/{n_treated}). Dark lines "
                           f"rose; bars are means; patients with equal whole scores are drawn side by side.{thinned}",
                   alt=f"Liver scores before and after. {text.rose_and_fell(change)}")

# %%
say(needs.not_computed(study, "MELD"))
say(text.score_sentence(change, conf_level))

# %% [markdown]
# ### Who crossed a class?
# A mean can move while nobody changes class, and the reverse. Bands of MELD follow the groups in which three-month
# mortality was first tabulated; ALBI grades have their published limits.

# %%
if scored:
    chapter.table(tables.crossings_table(scores, toxicity_visit), "2.11", individual=True,
                  caption=f"Patients who crossed a class between baseline and {visit}, N = {n_treated}.", left=["Who moved"],
                  notes=["Patients: those with the class at both visits."])

# %%
if scores["child_pugh"].isna().all():
    say("Child-Pugh is not computed: it needs ascites and encephalopathy, and the cohort does not record both.")
else:
    say("Child-Pugh carries ascites and encephalopathy forward from baseline, the only time they are recorded: its change "
        "is the laboratory's.")

# %% [markdown]
# ## Reporting items
# What STROBE and the reporting standards of interventional radiology ask of safety results, and where each is answered.

# %%
chapter.table(chapter.answered(tables.reporting_items()), "2.12",
              f"Reporting items on outcomes and safety and where this chapter answers them (N = {n_treated}).",
              group="Standard", stub="Item", left=["Answered in"],
              notes=["STROBE: von Elm et al., Lancet 2007. Interventional radiology, J Vasc Interv Radiol: Brown et al. 2009 "
                     "(transarterial treatment); Salem et al. 2011 (radioembolisation); Ahmed et al. 2014 (ablation)."])

# %% [markdown] tags=["published"]
# ## Against the paper
# Every figure of toxicity and MELD that the paper prints, beside its recomputation.

# %%
chapter.record(text.laboratory_quantities(worst["worst_grade"]))
chapter.record(text.clinical_quantities(events))
chapter.record(text.meld_quantities(change["MELD"], meld_rise(scores, patients, toxicity_visit), toxicity_visit))
chapter.record("protocol.ctcae_version", holds=ctcae_version == 5, observed=f"graded by {edition}")
if recorded:
    chapter.record("clinical_toxicity.window", holds=toxicity_window_months == 3, observed=text.observed_window(events))
chapter.leaves_open()

# %%
chapter.against_paper()

# %% [markdown]
# ## What this does and does not show
# - The grades follow from the rows by the standard's own text, gaps included. Whether treatment *caused* a grade does not
#   follow: liver metastases that grow raise the same values.
# - One visit after baseline sees what persists at three months. The peak after embolisation comes within days and is not in
#   the rows; laboratory toxicity of the first weeks is invisible here.
# - Patients too ill to return for the visit cannot be graded; where such patients exist, the tables name their number.
# - A paired test that is not significant in a cohort of this size does not show that liver function was kept: read the
#   interval of the change instead.
# - MELD was made for cirrhosis. In metastatic disease with a healthy liver it sits at its floor.
#
# ## Try this
# Set `ctcae_version = 6` in the parameters cell and run the chapter again: which patients change their worst grade, and
# is it the new limits or the new baseline rule that moves them?
