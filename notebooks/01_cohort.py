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
# **Question.** Who are the patients, did they meet the criteria that the study set itself, did each receive the
# treatment and the technique that the protocol names, and how long were they watched?
#
# **Uses** the tables of the cohort. **Answers** Table 1 of the paper, and the figures of its Methods: eligibility,
# allocation, doses, intervals, visits and follow-up.

# %% tags=["parameters"]
cohort = "reference"           # a folder under data/, or a path to your own
conf_level = 0.95              # two-sided coverage of every interval below
age_cut_years = 60             # the paper's cut between the two age groups
early_treatment_months = 4.0   # longest gap from liver metastasis to treatment that counts as early
ablation_max_lesions = 3       # the allocation rule: ablation for at most this many liver lesions ...
ablation_size_limit_mm = 30.0  # ... each of them smaller than this
show_p_values = False          # add P values to Table 1; why they are off is said there
patients_drawn = 40            # most patients drawn one by one in the figures

# %%
import matplotlib.pyplot as plt

from lib import baseline, cohort_tables
from lib.cohort import read_cohort
from lib.figures import cohort as figures
from lib.narrative import Chapter, interval, join, months, number, percent, plain, say
from lib.protocol import Protocol, allocation, eligibility, lobes_treated, session_checks, summarise_checks, visit_times
from lib.response import month_3_response
from lib.survival.estimate import follow_up, kaplan_meier

study = read_cohort(cohort)
chapter = Chapter("01_cohort", study, cohort=cohort, conf_level=conf_level, age_cut_years=age_cut_years,
                  early_treatment_months=early_treatment_months, ablation_max_lesions=ablation_max_lesions,
                  ablation_size_limit_mm=ablation_size_limit_mm, show_p_values=show_p_values,
                  patients_drawn=patients_drawn)

# %%
patients, n_treated = study.patients, study.n_patients
first_treatment = patients["first_treatment"]
treatments = baseline.groups_present(first_treatment)
follow_up_visit = next(iter(baseline.visits_after_baseline(study)), None)
protocol = Protocol(ablation_max_lesions=ablation_max_lesions, ablation_size_limit_mm=ablation_size_limit_mm)

# %% [markdown]
# ## From treated to analysed
#
# A retrospective study of treated patients begins in the middle: who was seen and *not* treated is nowhere in the
# rows, so selection cannot be judged from them. What can be followed is each treated patient, from the criteria at
# baseline through the first treatment to the analyses. A patient enters the analysis of toxicity with an analyte
# measured at baseline and at the follow-up visit, and that of response with lesions measured at both. Everybody
# enters the analysis of survival.

# %%
baseline_checks = eligibility(study, protocol)
enters = baseline.analysed(study, follow_up_visit)
flow = cohort_tables.flow_boxes(study, baseline_checks, enters)
shares = join(f"{name} {percent(int(entered.sum()), n_treated)}" for name, entered in enters.items())

# %%
chapter.figure(
    figures.draw_flow(**flow), "1.1",
    caption=f"Flow of patients by first treatment, N = {n_treated}. The dashed box stands outside the data.",
    alt=f"{cohort_tables.counted(n_treated)} with {cohort_tables.counted(len(treatments), 'first treatment')}; "
        f"analysed: {shares}.")

# %%
given = join(f"{plain(group)} {percent(int((first_treatment == group).sum()), n_treated)}" for group in treatments)
say(f"**{cohort_tables.counted(n_treated)}** treated; the first treatment was {given}. Analysed were: {shares}.")
chapter.record("cohort.n", n_treated)
for group in treatments:
    count = int((first_treatment == group).sum())
    stem = f"first_treatment.{baseline.slug(group)}"
    chapter.record({f"{stem}.count": count, f"{stem}.percent": 100 * count / n_treated})

# %% [markdown]
# ### A second kind of treatment
#
# Some patients received another kind of liver-directed treatment later. They stay in the group of their *first*
# treatment in everything that follows, because a group formed by what happens later would favour those who lived
# long enough for it.

# %%
if "second_treatment" not in patients:
    say("The cohort has no column for a second treatment: combinations are not described.")
else:
    sequences = baseline.treatment_sequences(patients)
    n_combined = int(sequences.sum())
    listed = [f"{plain(first)} and then {plain(second)} ({count})" for (first, second), count in sequences.items()]
    say(f"A second kind of treatment was given to {percent(n_combined, n_treated)}{': ' if listed else ''}"
        f"{join(listed) if listed else ''}.")
    chapter.record({"combination.any.count": n_combined, "combination.kinds": sequences.index.nlevels})
    for (first, second), count in sequences.items():
        chapter.record(f"combination.{baseline.slug(first)}_then_{baseline.slug(second)}.count", int(count))

# %% [markdown]
# ## Table 1
#
# Each cell is a count over its own denominator: the patients of that column whose value is known. Missing values
# are counted in a column of their own and never enter a percentage.
#
# The **standardised mean difference** (SMD) says how far two groups lie apart in units of their spread: the
# difference of the means, or of the proportions, over the root of the mean of the two variances; for a variable
# with several categories it is the distance of the two sets of proportions in that scale. The table shows the
# largest SMD over all pairs of treatments, and between which two. Above `0.1` is the usual sign of imbalance in
# large samples; in small ones chance alone gives more, and how much is computed below.
#
# **P values are left out by choice.** A test of a baseline difference asks whether chance could have produced it,
# but these patients were not drawn by lot: a rule and a preference put them where they are. With few patients a
# test would also call large differences "not significant", which says nothing about balance. `show_p_values`
# adds them for those who are asked for them.

# %%
variables = baseline.baseline_variables(study, age_cut_years, early_treatment_months)
table_1 = cohort_tables.table_one(variables, first_treatment, show_p_values)
letters_note = "Largest SMD: the largest over all pairs of treatments; the letters name the pair." if len(treatments) > 1 else ""

# %%
chapter.table(
    table_1, "1.1", stub="Level", group="Characteristic", labels={"Level": "Characteristic"},
    caption=f"Patients at baseline, all (N = {n_treated}) and by first treatment: n/N (%) or mean ± SD.",
    notes=["N in each cell: patients with a known value. Quartiles interpolate between neighbours (type 7).",
           *([letters_note] if letters_note else []), "Survival status is an outcome and is described only.",
           *(["P: Kruskal-Wallis or Fisher-Freeman-Halton, unadjusted."] if show_p_values else [])])

# %%
for variable in variables:
    chapter.record(baseline.quantities(variable))
exact_age = int((patients["age_years"] == age_cut_years).sum()) if "age_years" in patients else None
if exact_age is not None:
    chapter.record("age.cut", age_cut_years, holds=exact_age == 0,
                   observed=f"{exact_age} of {n_treated} patients are exactly that old")
    say(f"The two age groups, below and above {age_cut_years:g}, leave out who is exactly {age_cut_years:g}: "
        f"{percent(exact_age, n_treated)} of these patients.")

# %%
absent = [each for each in ("age_years", "sex", "ecog", "primary_site", "prior_chemotherapy", "extrahepatic_disease",
                            "lobar_disease", "n_liver_lesions", "prior_hepatic_metastasectomy")
          if study.lacking(f"patients.{each}")]
if absent:
    say(f"Not in this cohort, and so not in Table 1.1: {join(absent)}.")

# %% [markdown]
# ### How large is a difference that chance alone would make?
#
# Between two groups of the same patients the SMD scatters around zero with a standard error of about
# `sqrt(1/n_a + 1/n_b)` (Hedges and Olkin), and for a variable with several categories it scatters more. With groups as
# small as these, the usual threshold is far below what chance gives: an SMD here is a warning and not a proof. And who
# looks at many characteristics and pairs will find some beyond twice that error, whoever the patients are.

# %%
balance = [(variable, *baseline.largest_difference(variable, first_treatment))
           for variable in variables if not variable.outcome]
sizes = first_treatment.value_counts()
beyond = [variable.label for variable, value, a, b in balance
          if a and value > 1.96 * baseline.difference_by_chance(sizes[a], sizes[b])]
over_usual = sum(value > 0.1 for _, value, _, _ in balance)

# %%
if len(treatments) < 2:
    say("One first treatment only: there is nothing to balance.")
else:
    by_chance = baseline.difference_by_chance(sizes[treatments[0]], sizes[treatments[1]])
    n_pairs = len(treatments) * (len(treatments) - 1) // 2
    say(f"Between {plain(treatments[0])} ({sizes[treatments[0]]}) and {plain(treatments[1])} ({sizes[treatments[1]]}) chance "
        f"alone gives an SMD of about {number(by_chance, 2)}. Of {len(balance)} characteristics {over_usual} exceed 0.1 for "
        f"some pair; {len(beyond)} exceed even twice what chance gives that pair ({join(beyond)}), where up to "
        f"{number(0.05 * n_pairs * len(balance), 0)} would by chance alone.")
    chapter.record({f"balance.{variable.name}.largest_smd": value for variable, value, a, b in balance if a and not variable.levels})

# %% [markdown]
# ## One line per patient
#
# Each lane starts at the liver metastasis (thin, grey), turns to the colour and hatching of the first treatment at
# month zero, and ends in a cross for a death or an open arrow for a patient alive at last contact. Ticks are
# sessions, diamonds sessions of another kind of treatment, circles the follow-up scan, and triangles liver
# progression. What the scan said by each criterion stands at the right: **CR** complete response, **PR** partial
# response, **SD** stable disease, **PD** progressive disease, **NE** not evaluable. The chapter on response shows how
# it is judged. Lanes are sorted within each treatment, the longest first.

# %%
all_lanes = baseline.lanes(study)
drawn_lanes = figures.thinned(all_lanes, patients_drawn)
judged = study.lesions is not None and follow_up_visit is not None
responses = {criterion: month_3_response(study.lesions, criterion, patients["patient"], follow_up_visit)
             for criterion in ("RECIST", "mRECIST")} if judged else {}
visits = visit_times(study, follow_up_visit, protocol) if follow_up_visit else None
scan_months = visits[visits["source"] == "lesions"].set_index("patient")["months"] if judged else None

# %%
n_died = int(patients["died"].sum())
n_progressed = int(all_lanes["progression_months"].notna().sum())
chosen = f" {len(drawn_lanes)} of {n_treated:,} are drawn, evenly spaced in their order." if len(drawn_lanes) < n_treated else ""
chapter.figure(
    figures.draw_swimmer(drawn_lanes, study.treatments, responses, scan_months), "1.2",
    caption=f"Course of each patient from liver metastasis to death or last contact, in months, N = {n_treated:,}; "
            f"time zero is the first treatment.{chosen}",
    alt=f"Swimmer plot by first treatment: {n_died} of {n_treated} patients died, {n_progressed} had liver "
        f"progression; the longest was followed for {months(patients['os_treatment_months'].max())} months.")

# %%
gap = baseline.treatment_gap_months(patients) if not study.lacking("patients.os_liver_metastasis_months") else None
if gap is None:
    say("No time of liver metastasis: the gap to treatment is not described.")
else:
    early = int((gap <= early_treatment_months + 1e-9).sum())
    say(f"Treatment began {months(gap.min())} to {months(gap.max())} months after liver metastasis (median "
        f"{months(gap.median())}); within {early_treatment_months:g} months for {percent(early, int(gap.notna().sum()))}.")
    chapter.record("treatment_gap.cut", early_treatment_months, holds=bool(gap.notna().all() and 0 < early < n_treated),
                   observed=f"gaps of {months(gap.min())} to {months(gap.max())} months")

# %% [markdown]
# ## Were they eligible?
#
# The study treated patients with an ECOG status of at most two, limited bilirubin and creatinine, and an INR and a
# platelet count within limits *or correctable to them*. A value beyond a correctable limit is therefore reported
# as a departure that may have been allowed, not as an error. Values are converted to one unit before they are
# compared; a patient without the value is neither in nor out.

# %%
eligibility_summary = summarise_checks(baseline_checks)
cohort_tables.record_checks(chapter, eligibility_summary, protocol, "patients")
if eligibility_summary["n_known"].any():
    chapter.table(
        cohort_tables.checks_table(eligibility_summary, protocol, "patients"), "1.2", left=["Limit", "Departing"],
        caption=f"Eligibility at baseline: patients who met each criterion among those with the value known, N = {n_treated}.",
        notes=["Not known: patients without the value. Limits are those of the paper's Methods."])

# %%
departing = list(dict.fromkeys(patient for row in eligibility_summary["departing"] for patient in row))
unknown = eligibility_summary.loc[eligibility_summary["n_known"] == 0, "criterion"]
if len(unknown) < len(eligibility_summary):
    say(f"{percent(len(departing), n_treated)} of the patients lie outside a limit at baseline{cohort_tables.named(departing)}.")
if len(unknown):
    say(f"Not checked, because not in this cohort: {join(unknown)}.")

# %% [markdown]
# ## Did each receive the treatment that the rule names?
#
# The paper's rule, as code: ablation for patients with at most `ablation_max_lesions` liver lesions, each smaller
# than `ablation_size_limit_mm`, in a place that can be ablated; embolisation for all others, with beads unless the
# patient preferred radioembolisation. Place and preference are not in the rows. So an ablated patient *outside* the
# limits departs from the rule, while an embolised patient *inside* them may have had a lesion out of reach.

# %%
allocated = allocation(study, protocol)
ablated, embolised = (allocated[allocated["given"] == kind] for kind in ("ablation", "embolisation"))
outside, inside = (kind[kind["departs"].fillna(False)] for kind in (ablated, embolised))
n_ruled, n_other = int(allocated["rule"].notna().sum()), int(allocated["given"].isna().sum())

# %%
if n_ruled == 0:
    say("Number or size of the liver lesions is not known: the allocation rule is not applied.")
else:
    chapter.table(
        cohort_tables.allocation_table(allocated), "1.3",
        caption=f"First treatment given against the treatment that the rule names, patients, N = {n_treated}.",
        notes=[f"Rule: ablation for at most {ablation_max_lesions} liver lesions, each below {ablation_size_limit_mm:g} mm. "
               "Lesions: median (range).", "Not applicable: number or size not known."])

# %%
if n_ruled:
    say(f"Ablated although the rule names embolisation: {percent(len(outside), len(ablated))} of the ablated"
        f"{cohort_tables.named(outside['patient'])}. Embolised although lesions were few and small: "
        f"{percent(len(inside), len(embolised))} of the embolised{cohort_tables.named(inside['patient'])}."
        + (f" The rule does not know the treatment of {percent(n_other, n_treated)}." if n_other else ""))

# %%
limits = {"allocation.ablation.lesions.min": 1, "allocation.ablation.lesions.max": ablation_max_lesions,
          "allocation.ablation.lesion_size.limit": ablation_size_limit_mm / 10}
known_rule = ablated["rule"].notna()
for quantity, limit in limits.items():
    if known_rule.any():
        chapter.record(quantity, limit, holds=bool(len(outside) == 0),
                       observed=f"{int(known_rule.sum() - len(outside))}/{int(known_rule.sum())} ablated within the rule")
    else:
        chapter.record(quantity, None, reason="nobody with known lesions was ablated")

# %% [markdown]
# ## Was the technique as planned?
#
# Every session is checked against the numbers of the paper's Methods: bead size, loading, volume and dose of
# doxorubicin, antenna, margin. For a patient embolised in both lobes, the weeks between the first session in each
# lobe are checked too. A treatment that the protocol does not describe is not checked.

# %%
if study.treatments is None:
    say("No treatments table: the technique is not checked.")
elif (session_summary := summarise_checks(session_checks(study, protocol))).empty:
    say("No session is of a treatment that the protocol describes: the technique is not checked.")
else:
    cohort_tables.record_checks(chapter, session_summary, protocol, "checks")
    chapter.table(
        cohort_tables.checks_table(session_summary, protocol, "sessions"), "1.4", left=["Limit", "Departing"],
        caption=f"Technique: sessions that kept each limit, of {len(study.treatments)} sessions in "
                f"{study.treatments['patient'].nunique()} of {n_treated} patients.",
        notes=["Weeks between the lobes are counted once per patient treated in both. Limits are the paper's."])

# %%
if study.treatments is not None:
    unnamed = sorted(set(study.treatments["treatment"]) - {"DEB-TACE", "Y90", "ablation"})
    lobes = lobes_treated(study)
    both = int((lobes["n_lobes"] > 1).sum())
    say((f"Not described by the protocol: {join(map(plain, unnamed))}. " if unnamed else "")
        + (f"Of the embolised patients with disease in both lobes {percent(both, len(lobes))} had both treated." if len(lobes)
           else "Lobes are not known, or nobody with disease in both was embolised."))

# %%
for check in cohort_tables.SESSION_CHECKS:
    for quantity in cohort_tables.limit_values(check, protocol):
        if quantity not in chapter.quantities:
            chapter.record(quantity, None, reason="no session to check")

# %% [markdown]
# ### Was the follow-up visit on time?
#
# Toxicity and response are reported at a three-month visit. The paper prints no window for it; here a visit counts as
# that of month three from `day 60` to `day 120`. Where a patient's own follow-up ends before three months are over,
# the visit had to come early, and both can only be true within such a window.

# %%
if visits is None or visits.empty:
    say("No day of a follow-up visit is recorded: its time is not checked.")
else:
    early_end = int((patients["os_treatment_months"] < protocol.visit_months).sum())
    say(f"Visits of {plain(follow_up_visit)} took place on day {visits['day'].min():.0f} to {visits['day'].max():.0f} "
        f"(median {visits['day'].median():.0f}); {percent(int(visits['in_window'].sum()), len(visits))} lie within the window. "
        f"Follow-up of {percent(early_end, n_treated)} patients ended before month {protocol.visit_months:g}.")

# %%
for quantity, source in (("visit.month_3.time", "labs"), ("protocol.response_time", "lesions")):
    own = visits[visits["source"] == source] if visits is not None else []
    if len(own):
        chapter.record(quantity, protocol.visit_months, holds=bool(own["in_window"].all()),
                       observed=f"months {months(own['months'].min())} to {months(own['months'].max())}")
    else:
        chapter.record(quantity, None, reason=f"no day of a follow-up visit in {source}")

# %% [markdown]
# ## Why the treatments cannot be compared fairly
#
# Ablation went to patients with few and small lesions: it was given *because* the disease was limited. Radioembolisation
# went to those who preferred it, and preference may go with age, fitness or pain. The figure shows the first
# difference; the second leaves no trace in the rows. Adjustment needs patients who are alike and were treated
# differently. Where the zone of the rule holds one treatment only, there are none, and no regression can supply them.

# %%
located = allocated.dropna(subset=["n_liver_lesions", "largest_mm"])
if located.empty:
    say("Number or size of the liver lesions is not known: burden is not compared.")
else:
    figure, ax = plt.subplots(figsize=(5.2, 3.6))
    figures.draw_burden(ax, allocated, ablation_max_lesions, ablation_size_limit_mm)
    chapter.figure(
        figure, "1.3",
        caption=f"Number of liver lesions and diameter of the largest (mm) by first treatment, {percent(len(located), n_treated)} "
                "patients. Shaded: where the rule names ablation. Equal counts are drawn side by side.",
        alt=f"{len(inside)} embolised and {len(ablated) - len(outside)} ablated patients lie in the zone of few and small lesions.")

# %%
differences = {variable.name: (value, a, b) for variable, value, a, b in balance if a}
burden = [(label, *differences[name]) for name, label in (("n_liver_lesions", "number of lesions"),
          ("largest_lesion", "largest lesion")) if name in differences]
if burden and not located.empty:
    apart = join(f"{label}, SMD {number(value, 1)} between {plain(a)} and {plain(b)}" for label, value, a, b in burden)
    say(f"Disease burden by treatment: {apart}. In the zone of the rule lie {len(ablated) - len(outside)} ablated and "
        f"{len(inside)} embolised patients"
        + ("." if ablated.empty or embolised.empty else
           ": no embolised patient is comparable with an ablated one." if inside.empty else
           ": only these embolised patients are comparable with ablated ones."))

# %%
if {"DEB-TACE", "Y90"} <= set(treatments) and not study.lacking("patients.extrahepatic_disease"):
    outside_liver = patients.groupby("first_treatment")["extrahepatic_disease"].agg(["sum", "count"])
    pair = join(f"{percent(int(outside_liver.loc[group, 'sum']), int(outside_liver.loc[group, 'count']))} after {group}"
                for group in ("DEB-TACE", "Y90"))
    say(f"Disease outside the liver was present in {pair}. Preference itself was not recorded for any of the "
        f"{int(sizes['Y90'])} patients who had Y90 first: nothing can be adjusted for it.")

# %% [markdown]
# ## What is known of each patient
#
# An analysis is as complete as its rows. Filled cells are known, crosses are missing. For laboratory visits every
# analyte of the cohort has to be there; enhancement means a viable diameter for each target lesion in the liver.

# %%
matrix = baseline.completeness(study)
chapter.figure(
    figures.draw_completeness(matrix, patients_drawn), "1.4", alt=cohort_tables.known_items(matrix),
    caption=f"Completeness of {matrix.shape[1]} items of data, n/N at the right, N = {n_treated:,}.")

# %%
missing_tables = study.lacking("treatments", "labs", "lesions", "adverse_events")
say(cohort_tables.known_items(matrix.rename(columns=plain))
    + (f" Tables not in this cohort: {join(missing_tables)}." if missing_tables else ""))

# %% [markdown]
# ## How long were they watched?
#
# The paper gives the median of all times to death or last contact. That **naive** median mixes two things: a patient
# who dies early has a short time, although nobody stopped watching. **Reverse Kaplan-Meier** (Schemper and
# Smith) turns the question round: loss of contact is the event and death ends the observation, so the median says how
# long a patient *would have been* followed had nobody died. The two answer different questions, and the gap between
# them grows with the number of deaths.

# %%
observed_months, died = patients["os_treatment_months"], patients["died"]
watched = follow_up(observed_months, died, conf_level)
reverse_curve = kaplan_meier(observed_months, ~died, conf_level=conf_level)
chapter.table(
    cohort_tables.follow_up_table(patients, conf_level), "1.5",
    caption=f"Follow-up from first treatment, months, all (N = {n_treated}) and by first treatment.",
    notes=["Interval: log-log. Not reached: too few were censored for the curve or its limit to cross one half."])

# %%
naive, reverse = watched["naive_median"], watched["reverse"].value
figure, ax = plt.subplots(figsize=(5.2, 3.6))
figures.draw_follow_up(ax, observed_months, reverse_curve, naive, reverse)
chapter.figure(
    figure, "1.5", caption=f"Observed times and reverse Kaplan-Meier follow-up from first treatment, months, N = {n_treated}.",
    alt=f"Half the patients were observed for {months(naive)} months; the reverse Kaplan-Meier median is {months(reverse)}.")

# %%
short = observed_months < naive
n_short, n_short_died = int(short.sum()), int((short & died).sum())
say(f"Naive median follow-up was {months(naive)} months (range {interval(watched['naive_min'], watched['naive_max'])}); by "
    f"reverse Kaplan-Meier it was {months(reverse)}."
    + (f" Of the {cohort_tables.counted(n_short)} observed for less than the naive median, {n_short_died} had died: death, "
       f"not loss of contact, shortened the times of {cohort_tables.share_in_words(n_short_died, n_short)}." if n_short else ""))
chapter.record({"follow_up.median": naive, "follow_up.min": watched["naive_min"], "follow_up.max": watched["naive_max"]})
chapter.record("follow_up.reverse_km.median", reverse, reason="nobody was censored")

# %% [markdown]
# ## Reporting items
#
# The STROBE statement lists what a report of a cohort study should hold. These are the items that this chapter
# answers, and where.

# %%
chapter.table(cohort_tables.strobe_table(), "1.6", caption="STROBE items for cohort studies answered in this chapter.",
              left=["What it asks for", "Answered in"])

# %% [markdown]
# ## Against the paper
#
# Each figure that the paper prints about its patients and its protocol, beside what the rows give.

# %%
for quantity, reason in (("protocol.enrolment.start", "the rows hold no calendar dates"),
                         ("protocol.enrolment.end", "the rows hold no calendar dates"),
                         ("protocol.spss_version", "a fact of the program, not of the patients")):
    chapter.record(quantity, None, reason=reason)
chapter.against_paper()

# %% [markdown]
# ## What this does and does not show
#
# It shows that a cohort exists which agrees with the paper's Table and keeps its protocol. It does not show that the
# hospital's patients did: these rows were searched so that they would. Even for real rows, three things stay out of
# reach here: who was not treated and why, whether a small lesion could have been ablated, and what a patient
# preferred. The groups by first treatment are described, not compared.
#
# ## Try this
#
# Set `ablation_size_limit_mm` to `50` and run the chapter again: more embolised patients then lie in the zone of the
# rule, and Table 1.3 counts them as departures.
