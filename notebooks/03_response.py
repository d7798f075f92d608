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
# # 3. Did the tumours respond?
#
# **Question.** How did each patient's disease look three months after the first liver-directed treatment, by
# whole size (RECIST 1.1) and by what still enhances in the liver (mRECIST), and how sure can one be of the rates?
#
# **Uses** the lesion measurements of the cohort; nothing here is stored as a category.

# %% [markdown] tags=["published"]
# **Answers** Table 3 of the paper and its response sentences.

# %% tags=["parameters"]
cohort = "reference"              # a folder under data/, or a path to your own
conf_level = 0.95                 # two-sided coverage of every interval below; 0.5 to 0.999
response_visit = "month_3"        # the visit at which response is read
target_lesions = "recorded"       # targets as the reader marked them, or the "largest" within the limits
response_denominator = "treated"  # rates are shares of all "treated" patients, or of the "evaluable" ones
confirm_response = False          # whether a best response needs a confirming visit
minimum_stable_days = 42          # earliest day at which disease counts as stable; 0 to 365
reader_kappa = 0.53               # agreement of two readers beyond chance (Suzuki et al., Acta Oncol, 39 patients); 0 to 1
reader_matrix = None              # or a matrix of your own: {"CR": {"CR": 0.9, "PR": 0.1}, ...}
reader_draws = 5000               # second readings of the whole cohort that are drawn; 100 to 100000
reader_seed = 2020                # seed of these draws
largest_denominator = 100         # the largest n tried when a printed percentage is traced to its denominator; 10 to 1000
patients_drawn = 40               # most patients drawn or listed one by one; 10 to 80
publish = False                   # True: counts of few patients are suppressed, single patients left out
smallest_count = 5                # with publish: the smallest count that is shown; 2 to 100

# %%
from lib import response_tables as tables
from lib import response_words as words
from lib.cohort import read_cohort
from lib.figures import response as figures
from lib.literature import read_literature
from lib.narrative import Chapter, say
from lib.published import parse_printed, read_ledger
from lib.response import RATES, READER_SOURCE, agreement, response_rates
from lib.response.printed import column_denominators, printed_response, progression_bounds
from lib.response.study import (CONFIRMED, UNCONFIRMED, best_by_rule, discordances, judge_cohort, quantities,
                                second_readings)
from lib.visits import stands_in, visit_meant

study = read_cohort(cohort, ("lesions",))
chapter = Chapter("03_response", study, cohort=cohort, conf_level=conf_level, response_visit=response_visit,
                  target_lesions=target_lesions, response_denominator=response_denominator,
                  confirm_response=confirm_response, minimum_stable_days=minimum_stable_days,
                  reader_kappa=reader_kappa, reader_matrix=reader_matrix, reader_draws=reader_draws,
                  reader_seed=reader_seed, largest_denominator=largest_denominator, patients_drawn=patients_drawn,
                  publish=publish, smallest_count=smallest_count)

# %% [markdown]
# ## From diameters to categories
#
# **RECIST 1.1** adds the longest diameters of at most five target lesions, two an organ, lymph nodes by their short
# axis, and compares the sum with baseline and with the smallest earlier sum:
#
# | Category | RECIST 1.1 (whole body) | mRECIST (here the liver only) |
# |---|---|---|
# | CR | all targets gone, nodes below `10 mm`, all non-targets gone | no enhancement left in any target |
# | PR | sum at least `30%` below baseline | the same, on enhancing diameters |
# | PD | sum at least `20%` *and* `5 mm` above the nadir, a new lesion, or unequivocal progression of non-targets | `20%` above the nadir; a new lesion of `10 mm` that enhances |
# | SD | neither | neither |
# | NE | a target not measured, unless the rest already proves progression | the same |
#
# Two things about mRECIST matter here. It was made for hepatocellular carcinoma, whose viable part takes up
# contrast in the arterial phase; using it for another tumour, such as leiomyosarcoma, is an extrapolation that no
# validation stands behind. And it has no rule of millimetres: a small residue that grows a little is progression.
#
# A target that was not measured is never taken for gone, and a patient without the visit is not evaluable.

# %%
named_visit, response_visit = response_visit, visit_meant(study.lesions, response_visit)
judged = judge_cohort(study, response_visit, target_lesions)
for name, (value, reason) in quantities(judged, conf_level, response_denominator).items():
    chapter.record(name, value, reason=reason)
when = judged.visit_label
say(stands_in(named_visit, response_visit))
say(words.population(judged))
chapter.leaves_open()

# %%
listed = tables.patient_table(judged, patients_drawn)
chapter.table(
    listed, "3.1", individual=True, caption=f"Sums of diameters at baseline and at {when}, their change, and the category "
    f"by each criterion, from {words.TARGETS_IN_WORDS[target_lesions]}. {words.listed(judged, listed)}; sums in mm.",
    notes=["\\* New lesions alone decide the progression. The two sums differ in what they measure (whole lesions "
           "anywhere, enhancing parts in the liver) and in which lesions they include."], **tables.patient_layout(listed))

# %% [markdown]
# ## How much the sums changed
#
# A **waterfall** orders patients by the change of their sum. The dashed lines are the limits of response and of
# progression; at a first follow-up the nadir is the baseline, so that both lines can be drawn in one picture. The category
# stands beside the patient's name; new lesions can make it worse than the bar looks.

# %%
chapter.figure(
    figures.draw_waterfall(judged, patients_drawn), "3.1", individual=True,
    caption=words.waterfall(judged, when, patients_drawn, figures.LARGEST_CHANGE),
    alt=words.change(judged))
say(words.change(judged))

# %% [markdown]
# ## The same scans, two answers
#
# Each band leads from the category by RECIST to the category by mRECIST. **Cohen's kappa** measures the agreement beyond
# what the two sets of frequencies would give by chance; with linear weights, disagreeing by one step counts a third of
# disagreeing from end to end.

# %%
both = None if judged.lacking else agreement(judged.response["RECIST"], judged.response["mRECIST"], conf_level)
chapter.figure(
    figures.draw_alluvial(both), "3.2", counts=[] if both is None else both.table.to_numpy().ravel(),
    caption=f"Patients from their RECIST to their mRECIST category at {when}, n = {judged.n_treated}. "
    "Pale bands keep their category; an outlined band is worse by mRECIST.",
    alt=words.reclassified(judged, both, conf_level))
say(words.reclassified(judged, both, conf_level))

# %%
crossed = tables.cross_table(both)
chapter.table(crossed, "3.2", caption="Patients by RECIST (rows) and mRECIST (columns) "
              f"at {when}, n = {judged.n_treated}.")

# %% [markdown]
# Which patients, and why? mRECIST leaves out disease beyond the liver. After ablation there is another reason: the zone
# of coagulation is meant to be larger than the tumour was, and RECIST measures the zone.

# %%
differing = None if judged.lacking else discordances(judged)
shown = tables.discordance_table(differing, patients_drawn)
chapter.table(shown, "3.3", individual=True, caption="Patients whose categories differ between the criteria: "
              f"{words.differing(judged, differing)}",
              notes=["Outside the liver: RECIST 1.1 applied to extrahepatic lesions alone."], **tables.text_left(shown))

# %%
say(words.why_discordant(judged, differing))

# %% [markdown]
# ## Categories by treatment, each with its denominator
#
# Each cell is a count over the patients who had the treatment first.

# %% [markdown] tags=["published"]
# The paper's own cell, of its Table 3, stands beside it.

# %%
printed = printed_response(read_ledger())
categories = tables.published_table(judged, printed if study.invented else None, response_denominator)
chapter.table(
    categories, "3.4", caption=f"Imaging response at {when} by criterion and first treatment: n/N (%), N = "
    f"{response_denominator} patients.",
    notes=["Printed: count and percentage as in Table 3 of the paper."] if study.invented else [],
    **tables.published_layout(categories))

# %% [markdown] tags=["published"]
# A percentage and its count together reveal the denominator. The search takes each printed column, tries every
# denominator up to `largest_denominator`, and keeps those that give all four printed percentages. It uses printed
# figures only, so that it holds for the paper whatever the patients.

# %% tags=["published"]
columns = column_denominators(printed, largest_denominator)
chapter.table(tables.denominator_table(columns), "3.5", caption="Columns of the paper's Table 3: patients they hold, "
              "and the denominator behind their percentages.", group="Criterion", stub="Column")
say(words.wrong_columns(columns, largest_denominator))

# %% [markdown] tags=["published"]
# The printed counts bound how the two criteria must differ, too: where more patients of a treatment progress by RECIST
# than by mRECIST, the surplus progresses by RECIST alone. The paper says how many progressions were extrahepatic.

# %% tags=["published"]
ledger = read_ledger().set_index("quantity")
extrahepatic_printed = int(parse_printed(ledger.printed["extrahepatic_progression.count"]).value)
say(words.printed_bounds(progression_bounds(printed), extrahepatic_printed))

# %%
say(words.outside_liver(judged))

# %% [markdown]
# ## Objective response and disease control
#
# **Objective response** is CR or PR, **disease control** also SD. With a handful of patients a treatment, the interval
# is the result and the percentage only its middle. Two intervals are given: Clopper-Pearson never covers less than it
# says, and is wide; Wilson covers what it says on average. The exact test asks whether one rate could hold in all
# treatments; since the treatment was chosen by tumour burden and preference, not by chance, a difference would not be
# an effect of treatment, and its absence is no proof of equality.

# %%
rates = {name: response_rates(response, judged.group, judged.groups, conf_level, response_denominator)
         for name, response in judged.response.items()}
chapter.figure(
    figures.draw_rates(rates), "3.3", counts=[part for each in rates.values() for part in (*each["count"], *(each.n - each["count"]))],
    caption=f"Objective response and disease control by first treatment, n/N at the right; {100 * conf_level:g}% "
    f"intervals; N = {response_denominator} patients.", alt=words.rates(judged, rates, conf_level))
say(words.rates(judged, rates, conf_level))

# %%
rated = tables.rates_table(rates)
chapter.table(rated, "3.6", caption=f"Objective response and disease control with {100 * conf_level:g}% intervals (%), "
              f"N = {response_denominator} patients.",
              notes=[f"P: {tables.tests_named(rates)} of one rate in all treatments."], **tables.rates_layout(rated))

# %% [markdown]
# ## Beside other studies
#
# The studies are those that Krzyston et al. 2020 quote. Their patients, criteria and time points differ, so the table
# compares widths of intervals more than rates. Counts are those of the abstracts.

# %%
observed = {name: tuple(int(table[table.rate.eq("ORR") & table.group.eq("total")][part].iloc[0]) for part in ("count", "n"))
            for name, table in rates.items()}
studies = tables.other_studies(read_literature(), observed, conf_level)
chapter.table(studies, "3.7", **tables.text_left(studies),
              caption=f"Objective response beside that of other studies of liver-directed treatment, {100 * conf_level:g}% intervals (%).",
              notes=["Quoted: the percentage that Krzyston et al. 2020 print for the study, where they print one."])

# %% [markdown]
# ## What a second reader would do
#
# Two radiologists reading the same scans disagree. In the study of Suzuki and colleagues (Acta Oncologica) two readers of
# the same CT scans agreed with a kappa of `0.53`, interval `0.33` to `0.72`, and reported response rates of `33%` and
# `21%`. Their patients had other tumours and drugs, and mRECIST was not read: **to use their kappa here, for both
# criteria, is an assumption.**
#
# The kappa fixes how often readers disagree but not in what. Two models bracket it. In the first, a disagreeing reader
# draws any category as often as it occurs, which is the model behind kappa. In the second, overall agreement is the
# same but each disagreement is one step. State a matrix of your own with `reader_matrix`.

# %%
spreads = second_readings(judged, reader_kappa, reader_matrix, reader_draws, reader_seed, response_denominator)
first = {name: count / n if n else float("nan") for name, (count, n) in observed.items()}
chapter.figure(
    figures.draw_readings(spreads, first), "3.4", counts=[part for count, n in observed.values() for part in (count, n - count)],
    caption=f"Objective response rate in {reader_draws} second readings of the same scans; height, share of readings. "
    f"n = {judged.n_treated}; agreement: {'stated matrix' if reader_matrix else f'kappa {reader_kappa:g}, {READER_SOURCE}'}.",
    alt=words.readings(spreads, first, conf_level))
say(words.readings(spreads, first, conf_level))

# %%
reread = tables.reader_table(spreads, first, conf_level)
chapter.table(reread, "3.8", **tables.text_left(reread), counts=[part for count, n in observed.values() for part in (count, n - count)],
              caption=f"Objective response rate of second readings, {reader_draws} draws, seed {reader_seed}.")

# %% [markdown]
# ## The landmark is not the best response
#
# Trials report the **best overall response**: the best category before progression, with stable disease only from a
# minimum duration on, and with confirmation at a later visit where response is the endpoint of a study without
# randomisation. A category read at one visit is a landmark: it can confirm nothing.

# %%
best = best_by_rule(judged, minimum_stable_days)
rule = CONFIRMED if confirm_response else UNCONFIRMED
for name, by_rule in best.items():
    for rate, members in RATES.items():
        chapter.record(f"{name.lower()}.best.{rate.lower()}.count", int(by_rule[rule].isin(members).sum()))
say(words.course(judged, best, rule))
chapter.leaves_open("response.*")

# %%
rules = tables.course_table(best)
chapter.table(rules, "3.9", **tables.text_left(rules), caption="Category at the landmark visit and best overall "
              f"response, n = {judged.n_treated} treated; stable disease from day {minimum_stable_days} on.")

# %% [markdown]
# With more than one follow-up visit, a **spider plot** shows each patient's course.

# %%
if judged.follow_ups > 1 and best:
    chapter.figure(figures.draw_spider(judged, patients_drawn), "3.5", individual=True, alt=words.course(judged, best, rule),
                   caption=f"Change in the sum of diameters over time (%), n = {judged.n_treated}; above {patients_drawn} "
                   "patients, median and middle half of each treatment. Changes above +100% are cut.")
else:
    say(f"No spider plot: no patient has a second dated follow-up visit ({judged.follow_ups} at most).")

# %% [markdown]
# ## Does the choice of targets matter?
#
# A reader marks the targets. The alternative takes the largest measurable lesions within the limits, each organ's
# largest first.

# %%
other_choice = "largest" if target_lesions == "recorded" else "recorded"
say(words.targets_matter(judged, judge_cohort(study, response_visit, other_choice), other_choice))

# %% [markdown]
# ## Reporting items
#
# What the STROBE statement and the reporting standards of interventional radiology ask of response, and where it is.

# %%
items = chapter.answered(tables.reporting_items())
chapter.table(items, "3.10", caption=f"Reporting items on response and where this chapter answers them (N = {judged.n_treated}).",
              group="Standard", stub="Item", **tables.text_left(items),
              notes=["STROBE: von Elm et al., Lancet 2007. Interventional radiology: Brown et al., J Vasc Interv Radiol "
                     "2009; Ahmed et al., Radiology 2014."])

# %% [markdown] tags=["published"]
# ## Against the paper

# %%
chapter.against_paper()

# %% [markdown]
# ## What this does and does not show
#
# - The categories follow from measurements by the standards' wording.
# - mRECIST outside hepatocellular carcinoma, one reader, one visit, no confirmation: each can move the rates by more
#   than the treatments differ.
# - RECIST 1.1 counts a lesion treated locally as measurable only if it has progressed since; lesions treated before this
#   study cannot be told from the rows.

# %% [markdown] tags=["published"]
# - That the counts match the paper is by construction of the invented patients, not evidence about real ones.
# - The arithmetic about the printed table (its denominators, its bounds) uses the paper's figures alone and does not
#   depend on these patients.

# %% [markdown]
# ## Try this
#
# Set `response_denominator = "evaluable"`, or leave a target out of one patient's follow-up in a copy of the cohort, and
# run the chapter again: the patient turns NE, and the rate changes with the denominator you named.
