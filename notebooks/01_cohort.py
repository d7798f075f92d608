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
# # 1. Who was treated, and was it as planned?
#
# **Question.** Who are the patients, did they meet the criteria of the protocol, did each receive the treatment and the
# technique that it names, and how long were they watched?
#
# **Uses** the tables of the cohort.

# %% [markdown] tags=["published"]
# **Answers** Table 1 of the paper, and the figures of its Methods: eligibility, allocation, doses, intervals, visits
# and follow-up.

# %% tags=["parameters"]
cohort = "reference"           # a folder under data/, or a path to your own
conf_level = 0.95              # two-sided coverage of every interval below; 0.5 to 0.999
age_cut_years = 60             # the paper's cut between the two age groups; 18 to 100
early_treatment_months = 4.0   # longest gap from liver metastasis to treatment that counts as early; 0 to 600
ablation_max_lesions = 3       # the allocation rule: ablation for at most this many liver lesions (1 to 50) ...
ablation_size_limit_mm = 30.0  # ... each of them smaller than this; 1 to 200
show_p_values = False          # add P values to Table 1; why they are off is said there
patients_drawn = 40            # most patients drawn one by one in the figures; 10 to 80
publish = False                # True: counts of few patients are suppressed, single patients left out
smallest_count = 5             # with publish: the smallest count that is shown; 2 to 100

# %%
import matplotlib.pyplot as plt

from lib import baseline, cohort_records, cohort_tables, cohort_text, protocol
from lib.cohort import read_cohort
from lib.figures import cohort as figures
from lib.narrative import Chapter, percent, plain, say
from lib.survival.estimate import follow_up, kaplan_meier
from lib.survival_text import UNPRINTED_BY_TREATMENT

study = read_cohort(cohort, without=("labs.lower_normal", "labs.upper_normal"))
chapter = Chapter("01_cohort", study, cohort=cohort, conf_level=conf_level, age_cut_years=age_cut_years,
                  early_treatment_months=early_treatment_months, ablation_max_lesions=ablation_max_lesions,
                  ablation_size_limit_mm=ablation_size_limit_mm, show_p_values=show_p_values,
                  patients_drawn=patients_drawn,
                  publish=publish, smallest_count=smallest_count)

# %%
patients, n_treated, first_treatment = study.patients, study.n_patients, study.patients["first_treatment"]
limits = protocol.Protocol(ablation_max_lesions=ablation_max_lesions, ablation_size_limit_mm=ablation_size_limit_mm)
visit = baseline.first_follow_up_visit(study)

# %% [markdown]
# ## From treated to analysed
#
# A retrospective study of treated patients begins in the middle. Who was seen and *not* treated is nowhere in the
# rows, so selection into the study cannot be judged from them; the dashed box of the diagram stands for what is not
# known. What can be followed is each treated patient: from the criteria at baseline, through the first treatment, to
# the analyses of the later chapters.
#
# A patient enters the analysis of **toxicity** with the same analyte measured at baseline and at the follow-up visit,
# and that of **response** with lesions measured at both. Everybody enters the analysis of **survival**, because a time
# and a state are asked of every patient. A number that shrinks from box to box is a denominator that changes later.

# %%
baseline_checks = protocol.eligibility(study, limits)
enters = baseline.analysed(study, visit)
flow = cohort_tables.flow_boxes(study, baseline_checks, enters)

# %%
chapter.figure(
    figures.draw_flow(**flow), "1.1", alt=f"{cohort_text.counted(n_treated)}; analysed: {cohort_text.shares(enters)}.",
    caption=f"Flow of patients by first treatment, N = {n_treated}. The dashed box stands outside the data.")

# %%
say(cohort_text.treated(study, enters))
say(cohort_text.second_kind(patients))
cohort_records.record_treated(chapter, study)

# %% [markdown]
# Some patients received another kind of liver-directed treatment later. They stay in the group of their *first*
# treatment in everything that follows. A group formed by what happens later would hold only those who lived long enough
# for it to happen, and would look better for that reason alone.

# %% [markdown]
# ## Table 1
#
# Each cell is a count over its own denominator: the patients of that column whose value is known. Missing values are
# counted in a column of their own and never enter a percentage. A number is given as mean and standard deviation, and
# as median and quartiles, which a few extreme patients cannot move.
#
# The **standardised mean difference** (SMD) says how far two groups lie apart in units of their spread: the difference
# of the means, or of the proportions, over the root of the mean of the two variances. For a variable with several
# categories it is the distance of the two sets of proportions on that scale. The table shows the largest SMD over all
# pairs of treatments, and between which two. Above `0.1` is the usual sign of imbalance in large samples; what chance
# alone gives in small ones is computed below the table.
#
# **P values are left out by choice.** A test of a baseline difference asks whether chance could have produced it. Patients
# of clinical routine are not drawn by lot: rules and preferences put them where they are, so the question has no meaning.
# With few patients a test would also call large differences "not significant", which says nothing about balance.
# `show_p_values` adds them for those who are asked for them.

# %%
variables = baseline.baseline_variables(study, age_cut_years, early_treatment_months)
chapter.table(
    cohort_tables.table_one(variables, first_treatment, show_p_values), "1.1", stub="Level", group="Characteristic",
    caption=f"Patients at baseline, all (N = {n_treated}) and by first treatment: n/N (%) or mean ± SD."
            + chapter.of_invented(cohort_text.UNPRINTED_BY_TREATMENT),
    labels={"Level": "Characteristic"}, notes=cohort_tables.table_one_notes(first_treatment, show_p_values))

# %%
say(cohort_text.absent(study))
say(cohort_text.age_cut(patients, age_cut_years))
cohort_records.record_variables(chapter, variables, first_treatment)
cohort_records.record_cuts(chapter, patients, age_cut_years, early_treatment_months)
chapter.leaves_open()

# %% [markdown]
# ### How large is a difference that chance alone would make?
#
# Between two groups of the same patients the SMD scatters around zero with a standard error of about
# `sqrt(1/n_a + 1/n_b)` (Hedges and Olkin), and for a variable with several categories it scatters more. With groups as
# small as these, the usual threshold is far below what chance gives: an SMD here is a warning and not a proof. And who
# looks at many characteristics and pairs will find some beyond twice that error, whoever the patients are.

# %%
say(cohort_text.balance(variables, first_treatment))

# %% [markdown]
# ## One line per patient
#
# Each lane starts at the liver metastasis (thin, grey), turns to the colour and hatching of the first treatment at
# month zero, and ends in a cross for a death or an open arrow for a patient alive at last contact. Ticks are sessions,
# diamonds sessions of another kind of treatment, circles the follow-up scan, and triangles liver progression. What the
# scan said by each criterion stands at the right: **CR** complete response, **PR** partial response, **SD** stable
# disease, **PD** progressive disease, **NE** not evaluable. The chapter on response shows how it is judged.
#
# Lanes are sorted within each treatment, the longest first. Look for short lanes with an early circle: a patient who
# dies soon after the visit was still judged at it, and one who dies before it never is. And look at the grey parts:
# a long wait between metastasis and treatment is time that the patient had already survived.

# %%
courses = figures.thinned(baseline.lanes(study), patients_drawn)
visits = protocol.visit_times(study, visit, limits)
scan_months = visits[visits["source"] == "lesions"].set_index("patient")["months"]
responses = baseline.responses(study, visit)

# %%
chapter.figure(
    figures.draw_swimmer(courses, study.treatments, responses, scan_months), "1.2", individual=True,
    alt=cohort_text.courses(study),
    caption=f"Course of each patient to death or last contact, in months, N = {n_treated:,}; time zero is the first "
            f"treatment.{cohort_text.drawn_of(len(courses), n_treated)}"
            + chapter.of_invented(UNPRINTED_BY_TREATMENT))

# %%
say(cohort_text.gap(patients, early_treatment_months))

# %% [markdown]
# ## Were they eligible?
#
# The criteria are those of Krzyston et al. 2020: an ECOG status of at most two, limited bilirubin and creatinine, and
# an INR and a platelet count within limits *or correctable to them*. A value beyond a correctable limit is therefore
# reported as a departure that may have been allowed, not as an error. All values are converted to one unit before they
# are compared. A patient without the value is neither in nor out: a missing value is no agreement.

# %%
eligibility = protocol.summarise_checks(baseline_checks)
cohort_records.record_checks(chapter, eligibility, limits, "patients")
if eligibility["n_known"].any():
    chapter.table(
        cohort_tables.checks_table(eligibility, limits, "patients"), "1.2", individual=True, left=["Limit", "Departing"],
        caption=f"Eligibility at baseline: patients who met each criterion among those with the value known, N = {n_treated}.",
        notes=["Not known: patients without the value. Limits are those of Krzyston et al. 2020."])

# %%
say(cohort_text.outside_limits(eligibility, n_treated))

# %% [markdown]
# ## Did each receive the treatment that the rule names?
#
# The rule of Krzyston et al. 2020, as code: ablation for patients with few and small liver lesions in a place that can
# be ablated; embolisation for all others, with drug-eluting beads unless the patient preferred radioembolisation. Place and preference are not in the rows. So an
# ablated patient *outside* the limits departs from the rule, while an embolised patient *inside* them may have had a
# lesion out of reach.

# %%
say(cohort_text.ablation_rule(limits))
allocated = protocol.allocation(study, limits)
cohort_records.record_allocation(chapter, allocated, limits)
if allocated["rule"].notna().any():
    chapter.table(
        cohort_tables.allocation_table(allocated), "1.3", notes=cohort_tables.allocation_notes(limits),
        caption=f"First treatment given against the treatment that the rule names, patients, N = {n_treated}.")

# %%
say(cohort_text.departures(allocated))

# %% [markdown]
# ## Was the technique as planned?
#
# Every session is checked against the published protocol of Krzyston et al. 2020: bead size, loading, volume and dose of
# doxorubicin, antenna, margin. For a patient embolised in both lobes, the weeks between the first session in each lobe
# are checked too: the second lobe has to wait until the first has recovered, and must not wait too long. A treatment
# that the protocol does not describe is named below the table and not checked.

# %%
sessions = protocol.summarise_checks(protocol.session_checks(study, limits))
cohort_records.record_sessions(chapter, sessions, limits)
if len(sessions):
    chapter.table(
        cohort_tables.checks_table(sessions, limits, "sessions"), "1.4", individual=True, left=["Limit", "Departing"],
        caption=f"Technique: sessions that kept each limit, of {len(study.treatments)} sessions in "
                f"{study.treatments['patient'].nunique()} of {n_treated} patients.",
        notes=["Weeks between the lobes are counted once per patient treated in both. Limits are those of Krzyston et al. 2020."])

# %%
say(cohort_text.beyond_protocol(study, protocol.lobes_treated(study)))

# %% [markdown]
# ### Was the follow-up visit on time?
#
# Toxicity and response are reported at a three-month visit. No window is published for it; here a visit counts as
# that of month three from `day 60` to `day 120`. Where a patient's own follow-up ends before three months are over, the
# visit had to come early: both can be true only within such a window.

# %%
say(cohort_text.visits(study, visits, visit, limits))
cohort_records.record_visits(chapter, visits, limits)

# %% [markdown]
# ## Why the treatments cannot be compared fairly
#
# Treatment is chosen for a patient, and what decides the choice decides the course as well. By the rule, ablation goes to
# patients with few and small lesions: it is given *because* the disease is limited. Between other treatments the patient's
# preference may decide, and preference may go with age, fitness or pain. The figure shows the first difference; the second
# leaves no trace in the rows.
#
# Adjustment needs patients who are alike and were treated differently. Where the shaded zone of the rule holds one
# treatment only, there are none, and no regression can supply them: it would extend a line into a region without data.
# Differences in survival or response between the treatments are therefore described in this collection, and not
# attributed to them.

# %%
if located := int(allocated[["n_liver_lesions", "largest_mm"]].notna().all(axis=1).sum()):
    figure, ax = plt.subplots(figsize=figures.SMALL_IN)
    figures.draw_burden(ax, allocated, ablation_max_lesions, ablation_size_limit_mm)
    chapter.figure(
        figure, "1.3", individual=True, alt=cohort_text.zone(allocated),
        caption=f"Number of liver lesions and diameter of the largest (mm) by first treatment, {percent(located, n_treated)} "
                f"patients. Shaded: where the rule names ablation. {cohort_text.burden_drawn(located)}")

# %%
say(cohort_text.comparability(variables, allocated))
say(cohort_text.preference(study))

# %% [markdown]
# ## What is known of each patient
#
# An analysis is as complete as its rows. Filled cells are known, crosses are missing. For laboratory visits every
# analyte of the cohort has to be there; enhancement means a viable diameter for each target lesion in the liver. Columns
# that are blank by design, such as a second treatment for those who had one only, are left out.

# %%
matrix = baseline.completeness(study)
chapter.figure(
    figures.draw_completeness(matrix, patients_drawn), "1.4", individual=True, alt=cohort_text.known_items(matrix),
    caption=f"Completeness of {matrix.shape[1]} items of data, n/N at the right, N = {n_treated:,}.")

# %%
say(cohort_text.known_items(matrix.rename(columns=plain)))
say(cohort_text.missing_tables(study))

# %% [markdown]
# ## How long were they watched?
#
# Reports often give the median of all times to death or last contact. That **naive** median mixes two things: a patient who
# dies early has a short time, although nobody stopped watching. **Reverse Kaplan-Meier** (Schemper and Smith) turns the
# question round: loss of contact is the event and death ends the observation, so the median says how long a patient
# *would have been* followed had nobody died. The two answer different questions, and the gap between them grows with
# the number of deaths. A reader who wants to know whether late events could have been seen needs the second.

# %%
followed = follow_up(patients["os_treatment_months"], patients["died"], conf_level)
chapter.table(
    cohort_tables.follow_up_table(patients, conf_level), "1.5",
    caption=f"Follow-up from first treatment, months, all (N = {n_treated}) and by first treatment.",
    notes=["Interval: log-log. Not reached: too few were censored for the curve or its limit to cross one half."])

# %%
figure, ax = plt.subplots(figsize=figures.SMALL_IN)
reverse_curve = kaplan_meier(patients["os_treatment_months"], ~patients["died"], conf_level=conf_level)
figures.draw_follow_up(ax, reverse_curve, followed["naive_median"], followed["reverse"].value)
chapter.figure(
    figure, "1.5", alt=cohort_text.watched(patients, followed),
    caption=f"Observed times and reverse Kaplan-Meier follow-up from first treatment, months, N = {n_treated}.")

# %%
say(cohort_text.watched(patients, followed) + chapter.mark("follow_up.reverse_km.median", "by reverse Kaplan-Meier"))
cohort_records.record_follow_up(chapter, followed)
chapter.leaves_open()

# %% [markdown]
# ## Reporting items
#
# The STROBE statement lists what a report of a cohort study should hold, and the Society of Interventional Radiology what
# a report of liver embolisation or of ablation should. These are the items that this chapter answers, with the table or
# figure that answers each, and those that the rows leave open.

# %%
chapter.table(chapter.answered(cohort_tables.reporting_table()), "1.6", left=["Item", "What it asks for", "Answered in"],
              caption="Items of STROBE (cohort studies) and of the SIR reporting standards answered in this chapter.")

# %% [markdown] tags=["published"]
# ## Against the paper
#
# Each figure that the paper prints about its patients and its protocol, beside what the rows give. A limit of the
# protocol is not recomputed: the rows are checked to respect it, and what they show stands beside it.

# %%
cohort_records.record_not_in_the_rows(chapter)
chapter.against_paper()

# %% [markdown]
# ## What this does and does not show
#
# Three things stay out of reach of the rows: who was not treated and why, whether a small lesion could have been
# ablated, and what a patient preferred. The groups by first treatment are described, not compared.

# %% [markdown] tags=["published"]
# It shows that a cohort exists which agrees with the paper's Table and keeps its protocol. It does not show that the
# hospital's patients did: these rows were searched so that they would.

# %% [markdown]
# ## Try this
#
# Set `ablation_size_limit_mm` to `50` and run the chapter again: more embolised patients then lie in the zone of the
# rule, and Table 1.3 counts them as departures.
