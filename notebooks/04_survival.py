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
# # 4. How long did the patients live?
#
# **Question.** What were overall survival and liver progression-free survival, does anything about a patient foretell
# them, and what can a cohort of this size say at all?
#
# **Uses** the cohort of chapter 1, MELD scores from laboratory values as in chapter 2, and response from lesion
# measurements as in chapter 3. The chapter has two halves. The first is the analysis as it is usually
# published; the second is the analysis that the same patients deserve.

# %% [markdown] tags=["published"]
# **Answers** Figures 1 to 4 and Table 2 of the paper, with the conventions of the program they were made with, and then
# asks what the paper did not.

# %% tags=["parameters"]
cohort = "reference"                 # a folder under data/, or a path to your own
conf_level = 0.95                    # two-sided coverage of every interval below; 0.5 to 0.999
early_treatment_months = 4.0         # longest gap from liver metastasis to treatment that counts as early; 0 to 600
landmark_months = 3.0                # from when patients count, where groups become known only after treatment; 0 to 24
median_convention = "spss"           # whose median and interval: "spss", "r", "sas" or "lifelines"
modern_interval = "log-log"          # scale of the second interval and of the bands: "log-log", "log" or "plain"
cox_ties = "breslow"                 # tied deaths in Cox regression: "breslow", "efron" or "exact"
liver_pfs_definition = "liver"       # event of liver PFS: "liver", "liver_or_death" or "any_or_death"
crossovers = "first treatment"       # patients with a second treatment: "first treatment" or "censored at the switch"
detectable_power = 0.8               # power at which the smallest detectable hazard ratio is given; above 0.5, below 1
n_resamples = 2000                   # random resamples of the bootstrap, permutation and cut-point search; 200 to 20000
seed = 20200905                      # of the random resamples
smallest_risk_set = 5                # a delayed-entry curve starts where so many patients are at risk; 1 to 1000
publish = False                      # True: counts of few patients are suppressed, single patients left out
smallest_count = 5                   # with publish: the smallest count that is shown; 2 to 100

# %%
from lib import needs
from lib import survival_records as records
from lib import survival_tables as tables
from lib import survival_text as text
from lib.claims import judge_claims, read_claims
from lib.cohort import read_cohort
from lib.figures import survival as figures
from lib.figures.many import shading_note
from lib.literature import read_literature
from lib.narrative import Chapter, say
from lib.published import read_ledger
from lib.survival import CLOCKS, assumptions, batteries, clocks, compare, groups, paper, regression, wording
from lib.survival.choices import Choices
from lib.visits import with_month_3

study = read_cohort(cohort, ("treatments", "labs", "lesions"), without=("labs.lower_normal", "labs.upper_normal"))
choices = Choices(conf_level, median_convention, modern_interval, cox_ties)
chapter = Chapter(
    "04_survival", study, cohort=cohort, conf_level=conf_level, early_treatment_months=early_treatment_months,
    landmark_months=landmark_months, median_convention=median_convention, modern_interval=modern_interval,
    cox_ties=cox_ties, liver_pfs_definition=liver_pfs_definition, crossovers=crossovers,
    detectable_power=detectable_power, n_resamples=n_resamples, seed=seed, smallest_risk_set=smallest_risk_set,
    publish=publish, smallest_count=smallest_count)

# %%
study, renamed = with_month_3(study)
say(renamed)
patients, n_treated, alpha = study.patients, study.n_patients, choices.alpha
time, died = patients.os_treatment_months.to_numpy(float), patients.died.to_numpy(bool)
coverage, population = choices.coverage, f"N = {n_treated}, {text.counted(int(died.sum()), 'death')}"

# %% [markdown]
# ## The analysis as usually published
#
# ### Four clocks
#
# The same deaths are counted from three moments: diagnosis of the tumour, diagnosis of liver metastasis, and the
# first liver-directed treatment. The later the clock starts, the shorter the survival it shows; only the last
# clock starts when the treatment under study does. The fourth clock stops at progression in the liver.
#
# Each figure shows the Kaplan-Meier estimate with its pointwise band, a tick for each patient censored (unless there are too
# many to tell apart), and the median dropped to the axis. The table under the axis counts, *at the start of each period*,
# who is still at risk and how many events and censorings lie behind: read it before believing the right end of a curve.

# %%
curves = groups.clock_curves(study, conf_level, liver_pfs_definition)

# %%
if curve := curves.get("os_diagnosis"):
    chapter.figure(figures.draw_clock("os_diagnosis", curve, choices), "4.1", **text.clock("os_diagnosis", curve, choices))
say(needs.not_computed(study, "Survival from diagnosis"))

# %%
if curve := curves.get("os_liver_metastasis"):
    chapter.figure(figures.draw_clock("os_liver_metastasis", curve, choices), "4.2", **text.clock("os_liver_metastasis", curve, choices))
say(needs.not_computed(study, "Survival from liver metastasis"))

# %%
if curve := curves.get("os_treatment"):
    chapter.figure(figures.draw_clock("os_treatment", curve, choices), "4.3", **text.clock("os_treatment", curve, choices))

# %%
if curve := curves.get("liver_pfs"):
    chapter.figure(figures.draw_clock("liver_pfs", curve, choices), "4.4", **text.clock("liver_pfs", curve, choices))
say(needs.not_computed(study, "Liver progression-free survival"))

# %% [markdown]
# The median of SPSS, the default here, is the first time at which survival is at or below one half; its interval
# is symmetric around it, and a lower limit below zero is printed as zero. The second interval of Table 4.1 is the one
# that most statisticians would print today: it holds the times at which the band contains one half, and can neither be
# negative nor symmetric by force. The mean of a Kaplan-Meier curve is the area under it up to the longest time, and
# another number than the median.

# %% [markdown] tags=["published"]
# The paper's program was SPSS. Its main points call its medians "mean".

# %%
chapter.table(
    tables.clock_table(curves, choices), "4.1",
    caption=f"Survival by clock, N = {n_treated}: median with its {choices.program} {coverage} interval and the "
            f"{modern_interval} interval of the same median, mean restricted to the longest time, share at twelve months.")

# %% [markdown] tags=["published"]
# The first figure of the paper has an axis in months and one in proportions. Both are figures of the paper too, and
# both can be held against the rows: a curve has to fit on its axis, and the axis should not be much longer than the
# curve.

# %%
records.record_clocks(chapter, curves, choices, read_ledger())
say(text.clock_medians(curves, choices))
chapter.leaves_open("os_diagnosis.at_*", "os_liver_metastasis.at_*", "os_treatment.at_*", "liver_pfs.at_*", "*.rmst_24_months")

# %% [markdown]
# ### How long were they followed?
#
# The naive follow-up is the median of all observed times, which counts a death as the end of follow-up: deadly
# disease looks poorly followed. The reverse Kaplan-Meier estimate takes censoring as the event, and asks how long a
# patient *would* have been observed had nobody died.

# %%
say(text.watched(time, died, choices) + chapter.mark("follow_up.reverse_km.median", "median by reverse Kaplan-Meier"))

# %% [markdown]
# ### Four ways to divide the patients
#
# The patients are divided up to four times, as Krzyston et al. 2020 did, and the halves are compared. Two of the divisions
# are known at first treatment: disease outside the liver, and the time from liver metastasis to treatment. The other
# two, the change of the MELD score and the response on imaging, become known only at the visit three months later; what
# is wrong with comparing them from treatment is taken up below. Here they stand as they are usually printed.

# %%
divided = groups.groupings(study, early_treatment_months)
grouped = batteries.compare_all(study, divided, conf_level)
comparisons = {name: grouping.arrays(patients) for name, (grouping, _) in grouped.items()}
tests = {name: compare.logrank(*arrays) for name, arrays in comparisons.items()}

# %%
for sentence in text.not_compared(study, divided, grouped):
    say(sentence)

# %%
if grouped:
    chapter.figure(figures.draw_comparisons(grouped, choices), "4.5", **text.groups(grouped, tests, n_treated, choices))

# %%
if grouped:
    chapter.table(
        tables.group_table(grouped, tests, choices), "4.2", group="Group",
        caption=f"Median overall survival from first treatment by group, N = {n_treated}; {choices.program} {coverage} "
                f"interval, {modern_interval} interval, two-sided log-rank P.",
        notes=["n/N counts the patients whose group is known.",
               "A lower limit of 0.0 is a negative limit of the symmetric formula, printed as zero."])
    records.record_groups(chapter, grouped, tests, choices)
    chapter.leaves_open()

# %% [markdown]
# #### What the four comparisons allow one to say
#
# A median is one point of a curve; with few patients it can jump by a year when one of them dies a week
# earlier. The sentence below is computed from the medians and the tests, and changes with them.

# %% [markdown] tags=["published"]
# The paper calls the medians "considerable" in difference and the tests not significant, and its discussion builds on
# the medians.

# %%
for name, (grouping, by_level) in grouped.items():
    found = {level: choices.median(curve).value for level, curve in by_level.items()}
    say(wording.comparison_sentence(grouping, found, tests[name].p_value, alpha))
if not grouped:
    say(text.NOTHING_COMPARED)

# %% [markdown]
# ### Does anything foretell survival?
#
# Univariate Cox regression of clinical variables, and of laboratory values at baseline and at three months. A hazard
# ratio above one means a higher risk of death. A covariate of several levels gets one global test, because its single
# levels hold too few patients for a ratio each.
#
# Many tests find something by chance. *Holm* keeps the probability of any false alarm in the table at the level of one
# test; *FDR* (Benjamini and Hochberg) keeps the expected share of false alarms among the findings there.

# %%
covariates = groups.patient_covariates(study, divided)
screen = regression.univariate_screen(covariates, time, died, ties=cox_ties, conf_level=conf_level)

# %%
chapter.table(
    tables.screen_table(screen), "4.3", left=["Contrast", "Hazard ratio"],
    caption=f"Univariate Cox regression of overall survival from first treatment, {population}; Wald {coverage} interval "
            f"and P ({choices.ties} ties), adjusted for {screen.p_value.notna().sum()} tests.",
    notes=["Groups known only at three months are counted from first treatment here, as they are usually printed."])
records.record_screen(chapter, screen)
chapter.leaves_open("os_treatment.cox.*")

# %%
forest = tables.screen_forest(screen)
if len(forest):
    chapter.figure(figures.draw_forest(forest, xlabel=f"Hazard ratio of death ({coverage} interval, log scale)"), "4.6",
                   **text.forest(forest, n_treated, int(died.sum())))

# %%
lab_screens, lab_spreads = batteries.screen_labs(study, landmark_months, ties=cox_ties, conf_level=conf_level)
if lab_screens:
    chapter.table(
        tables.lab_table(lab_screens, lab_spreads), "4.4", **tables.lab_layout(lab_screens),
        caption=f"Univariate Cox regression on each laboratory value, N = {n_treated}: hazard ratio per standard deviation "
                f"(SD) with Wald {coverage} interval and P ({choices.ties} ties).",
        notes=[f"*Landmark*: the three-month values of patients still followed at {landmark_months:g} months, counted from there.",
               "SD in reference units (g/dL, mg/dL, U/L, 10³/µL, mmol/L)."])
else:
    say(text.NO_LAB_SCREEN)

# %%
at_visits = [found for heading, found in lab_screens.items() if heading != "landmark"]
say(text.screening_sentence([screen, *at_visits], alpha))
say(text.landmark_columns(lab_screens, time, died, landmark_months))

# %% [markdown]
# ## The analysis that the data deserve
#
# From here on the methods are the point: each answers a question that the usual analysis leaves open.
#
# ### Whose median is it?
#
# Programs disagree about the same patients, and papers seldom name the rule. They differ in three places. *The flat
# step*: where survival is exactly one half for a while, SPSS and lifelines take the beginning of the step, R and SAS its
# middle. *The interval*: SPSS puts a symmetric interval around the median; the others read it off the band, whose scale is
# logarithmic in R and log-log in SAS and lifelines. *Ties and tests*: a P value may come from the log-rank
# test, one of its weighted relatives, or any of three tests of a Cox model under three treatments of ties.
#
# The values of SPSS and SAS follow their documented formulas; neither program was run. R was.

# %%
all_curves = batteries.name_curves(curves, grouped)
titled = {grouping.title: comparisons[name] for name, (grouping, _) in grouped.items()}
p_values = {title: batteries.all_p_values(*arrays) for title, arrays in titled.items()}

# %%
chapter.table(
    tables.convention_medians(all_curves), "4.5",
    caption=f"Median survival in months with its {coverage} interval, by the default of four programs, N = {n_treated}.",
    notes=["SPSS: first time with S(t) at most 0.5; symmetric interval. R (survival): middle of a flat step; log interval. SAS "
           "(LIFETEST): middle of a flat step; log-log interval. lifelines: first time; log-log interval."])

# %%
if titled:
    chapter.table(
        tables.convention_tests(titled, p_values), "4.6",
        caption=f"Two-sided P of each comparison by every test that a program might have printed, N = {n_treated}.",
        notes=["Without tied deaths the three treatments of ties agree and are shown once; R's ties=\"exact\" is SAS's DISCRETE. The "
               "permutation test counts every way to deal the labels."])

# %%
say(text.agreement_sentence(batteries.beside_r(all_curves, titled, p_values)))
say(text.range_sentence(p_values, alpha))

# %% [markdown]
# ### What a small sample needs
#
# The log-rank P and the Cox interval lean on large numbers. Where numbers are small, better tools exist, and cost
# nothing. A **permutation test** deals the group labels anew in every possible way and counts how often the difference
# comes out as large. **Firth's** regression removes the bias of a hazard ratio from few deaths, and stays finite
# when every death falls on one side. The **mean gained** compares areas under the curves up to a time that both groups
# reach, and needs no proportional hazards. The **detectable ratio** says what the study could have found: the
# hazard ratio that so many deaths reveal with the power asked for.

# %%
if titled:
    chapter.table(
        tables.small_sample_table(titled, choices, power=detectable_power, n_resamples=n_resamples, seed=seed), "4.7",
        caption=f"Comparisons of Table 4.2 with tools for small samples, N = {n_treated}: hazard ratio of the second level "
                f"against the first with {coverage} Wald (Cox) and profile-likelihood (Firth) interval, permutation log-rank "
                "P, difference in restricted mean survival (first minus second).",
        notes=["Permutation P: exact over all arrangements, or with its Monte Carlo error. Horizon: the time up to which means are "
               f"compared. Detectable ratio: found with power {detectable_power:g} by a two-sided log-rank test at level {alpha:.2g} with "
               "these deaths and group sizes (Schoenfeld 1981).", *text.small_sample_notes(n_treated)])

# %%
for name, (grouping, _) in grouped.items():
    fit = choices.cox(*comparisons[name])
    permuted = compare.permutation_logrank(*comparisons[name], n_resamples=n_resamples, seed=seed)
    records.record_small_sample(chapter, name, fit, permuted)
    say(text.hazard(grouping, fit) + chapter.mark(f"os_treatment.{name}.hazard_ratio", "hazard ratio"))
chapter.leaves_open(*[f"os_treatment.{name}.{part}" for name in grouped for part in (
    "hazard_ratio.*", "firth*", "wald_p", "score_p", "likelihood_ratio_p", "breslow_wilcoxon_p", "tarone_ware_p", "rmst_difference")])

# %%
detectable = compare.smallest_detectable_hazard_ratio(int(died.sum()), alpha=alpha, power=detectable_power)
power_of_two = compare.power_to_detect(2.0, int(died.sum()), alpha=alpha)
say(text.detectable(int(died.sum()), detectable, detectable_power, power_of_two))

# %% [markdown]
# #### How sure is a median?
#
# The bootstrap draws patients with replacement and looks how the median moves. It makes no formula's assumption; but a
# resample may have no median at all, because its curve never comes down to one half. Those count as "not reached", and
# the table says how many there were.

# %%
chapter.table(
    tables.bootstrap_table(all_curves, choices, n_resamples=n_resamples, seed=seed), "4.8",
    caption=f"Intervals ({coverage}) of each median in months by SPSS's formula, the log-log band, and {n_resamples:,} "
            f"bootstrap resamples (percentiles), N = {n_treated}.", notes=text.small_sample_notes(n_treated))

# %% [markdown]
# #### Does one patient decide?
#
# Each tick of the next figure is the analysis without one of the patients; the diamond is everybody. Where ticks
# lie far from the diamond, a single patient carries the result.

# %%
alone, p_alone = batteries.leave_each_out(curves, grouped, comparisons, tests, choices)
if alone:
    chapter.figure(figures.draw_left_out(alone, p_alone, alpha), "4.7", individual=True, **text.left_out(alone, p_alone, n_treated, alpha))
say(text.left_out_sentence(alone, p_alone, n_treated, alpha))

# %% [markdown]
# ### Immortal time
#
# Whether a patient responds, or the MELD score rises, is known at the three-month visit. To belong to a group, one
# has to live to that visit: those months before are *immortal*, and counting them as survival of the group flatters
# whoever is in it. Two remedies are standard. The **landmark** analysis starts the clock for everybody at the same
# moment, and leaves out who died or was lost before. The **time-dependent** analysis lets each patient change group on the
# day the status became known.

# %%
after_visit = {name: grouping for name, (grouping, _) in grouped.items() if grouping.known_months is not None}
if "mrecist_response" in after_visit:
    timeline = batteries.immortal_timeline(patients, after_visit["mrecist_response"])
    chapter.figure(figures.draw_immortal_time(timeline, landmark_months), "4.8", individual=True, **text.timeline(timeline))

# %%
answers = {name: clocks.naive_landmark_time_dependent(patients, grouping, landmark_months, ties=cox_ties, conf_level=conf_level)
           for name, grouping in after_visit.items()}

# %%
if answers:
    chapter.table(
        tables.timing_table(answers, grouped), "4.9", group="Comparison",
        caption=f"Groups known only after treatment, three ways, N = {n_treated}: medians in months of the first and the second "
                f"level, hazard ratio of the second against the first with {coverage} Wald interval, log-rank P (time-dependent: "
                "Wald).", notes=[f"The landmark is {landmark_months:g} months; medians there are counted from it."])

# %%
for name, grouping in after_visit.items():
    landmark_p = answers[name]["from the landmark"]["p_value"]
    chapter.record(f"os_treatment.{name}.landmark_p", landmark_p, reason="too few patients at the landmark")
    say(text.remedy(grouping, answers[name], landmark_months, alpha) + chapter.mark(f"os_treatment.{name}.landmark_p", "P from the landmark"))
say(text.early_deaths(time, died, landmark_months) if after_visit else text.NO_LATE_GROUPS)
chapter.leaves_open("os_treatment.*.landmark_*", "os_treatment.*.time_dependent_*")

# %% [markdown]
# ### Living long enough to be treated
#
# Survival from diagnosis and from liver metastasis is counted for patients who *were* treated. Nobody who died before
# treatment can be among them. A patient treated five years after diagnosis had survived five years for certain, and
# enters the naive curve as if the risk had been run under observation. **Delayed entry** counts each patient
# only from the day of treatment on: at risk late, not early.
#
# The remedy has its own limits. Its first risk sets are tiny, so the curve is drawn for those who live to the
# time at which enough patients have entered. And it assumes that the time of entry says nothing about the risk
# afterwards; the table tests that.

# %%
entered = {name: clocks.naive_and_delayed(patients, CLOCKS[name][0], smallest_risk_set, ties=cox_ties, conf_level=conf_level)
           for name in ("os_diagnosis", "os_liver_metastasis") if name in curves}

# %%
if entered:
    chapter.figure(figures.draw_delayed_entry(entered, modern_interval), "4.9",
                   **text.delayed(entered, n_treated, smallest_risk_set))

# %%
if entered:
    chapter.table(
        tables.delayed_table(entered, choices), "4.10",
        caption=f"Median survival in months, naive and with delayed entry, N = {n_treated}, with {modern_interval} {coverage} "
                "interval; regression of survival on the months waited for treatment.")
    say(text.delayed_sentence(entered))
else:
    say(text.NO_EARLIER_CLOCK)
chapter.leaves_open("*.delayed_entry.*", "*.entry_dependence.*")

# %% [markdown]
# ### Progression and death compete
#
# Liver PFS has no agreed event. Three readings are common, and a parameter chooses among them; Table 4.11 shows what
# each gives.
#
# Where death censors, the Kaplan-Meier curve pretends that the dead could still progress. The **cumulative incidence**
# asks instead which share of the patients had progressed, and which had died before, by each time; the two and the
# event-free share add up to one.

# %%
if "liver_pfs" in curves:
    liver = batteries.liver_progression(study, conf_level)
    chapter.figure(figures.draw_incidence(liver.incidence, liver.curve), "4.10",
                   **text.incidence(liver.incidence, len(liver.kinds), choices))

# %%
if "liver_pfs" in curves:
    chapter.table(
        tables.pfs_table(liver.definitions, liver.incidence, choices), "4.11", left=["Event"],
        caption=f"Liver progression-free survival in months by definition, n = {len(liver.kinds)}: SPSS {coverage} interval, "
                f"{modern_interval} interval, and the share with an event by twelve months.")
    say(text.overstated(liver.curve, liver.incidence, liver.gray(grouped)))
say(needs.not_computed(study, "Liver progression-free survival"))
chapter.leaves_open("liver_pfs.incidence.*", "liver_pfs.liver_or_death.*", "liver_pfs.*.gray_p")

# %% [markdown]
# ### Where to cut the gap
#
# A cut chosen because it divides well must pay for the choice. The next figure tries every cut from one to
# twelve months. The corrected P is the share of random reassignments of the gap whose *best* cut divides the
# patients as well as the best cut here.

# %% [markdown] tags=["published"]
# The paper divides its patients at a gap of four months between liver metastasis and treatment, and does not say why
# there.

# %%
if "treatment_gap" in grouped:
    gap = groups.treatment_gap(patients)
    known = gap.notna().to_numpy()
    searched, corrected = compare.search_cut(gap[known].round(6), time[known], died[known], range(1, 13),
                                             n_resamples=n_resamples, seed=seed)

# %%
if "treatment_gap" in grouped:
    chapter.figure(figures.draw_cut_search(searched, early_treatment_months, corrected, alpha), "4.11",
                   counts=figures.counts_at_cuts(searched), **text.cuts(searched, corrected, n_resamples))

# %%
if "treatment_gap" in grouped:
    continuous = choices.cox(time[known], died[known], gap[known])
    chapter.record({"os_treatment.treatment_gap.corrected_p": corrected,
                    "os_treatment.treatment_gap.per_month.hazard_ratio": continuous.hazard_ratio}, reason="the gap does not vary")
    say(text.best_cut(searched, corrected, continuous, alpha) + chapter.mark("os_treatment.treatment_gap.corrected_p", "corrected P"))
else:
    say(text.NO_CUT)
chapter.leaves_open("os_treatment.treatment_gap.*")

# %% [markdown]
# ### By first treatment
#
# Treatments are not dealt by chance: they follow the burden of disease and the wishes of patients. The curves below
# describe groups of patients; they cannot compare treatments. Patients who later had a second kind of treatment stay
# with the first, or are censored on the day of the switch, as the parameter says.

# %%
arms, switch, arms_test = batteries.by_first_treatment(study, crossovers, conf_level)
chapter.figure(figures.draw_arms(arms, choices), "4.12",
               **text.arms(arms, choices, chapter.of_invented(text.UNPRINTED_BY_TREATMENT)))

# %%
records.record_arms(chapter, arms, choices)
marks = {arm: chapter.mark(f"os_treatment.first_treatment.{records.slug(arm)}.median") for arm in arms}
say(text.switched(arms, switch, crossovers, arms_test.p_value, choices, marks))
chapter.leaves_open("os_treatment.first_treatment.*")

# %% [markdown]
# ### Do the models hold?
#
# A hazard ratio is one number for the whole of follow-up. If the groups' hazards cross, it is an average of
# opposites. The left panel shows the local log hazard ratio at each death, which should not drift; in the right panel
# the curves should keep their distance.

# %%
shown = "treatment_gap" if "treatment_gap" in grouped else next(iter(grouped), None)
if shown:
    check = assumptions.proportional_hazards(*comparisons[shown], ties=cox_ties, conf_level=conf_level)
    chapter.figure(figures.draw_hazard_checks(check, *grouped[shown]), "4.13",
                   **text.hazards(grouped[shown][0], check, int(comparisons[shown][1].sum())))

# %%
checked = batteries.check_models(groups.model_covariates(study, divided), time, died, ties=cox_ties,
                                 conf_level=conf_level)
if checked:
    chapter.table(
        tables.assumption_table(checked), "4.12",
        caption=f"Checks of the univariate Cox models, {population}: test of proportional hazards, hazard ratio before and after "
                f"the median time of death with {coverage} interval, influence of single patients, curvature.",
        notes=["dfbeta in standard errors of the log hazard ratio; *without one patient*: range of hazard ratios when each patient "
               "is left out."])

# %%
if forms := batteries.forms_to_draw(checked):
    chapter.figure(
        figures.draw_functional_form(forms), "4.14", alt=text.forms_sentence(checked, alpha),
        caption=f"Martingale residuals of the model without covariates against each continuous covariate, {population}, with a "
                f"running mean: a straight course supports a linear effect.{shading_note(n_treated)}")
say(text.models_sentence(checked, int(died.sum()), alpha))

# %% [markdown]
# ### Against the literature
#
# The medians stand beside those of the studies that Krzyston et al. 2020 quote. Two medians can be compared only if
# their clocks start at the same moment: a patient randomised to a drug is met at another point of the disease than one
# sent to a radiologist. The two figures group the studies by what their clock starts at, and leave out none that is
# quoted. In the second, the studies also count different events: liver progression here, any progression, local
# progression or recurrence there.

# %%
quoted = paper.quoted_medians(read_literature())
overall, progression = quoted[quoted.outcome == "os.median"], quoted[quoted.outcome != "os.median"]

# %%
own = paper.own_median(choices.median(curves["os_treatment"]), n_treated)
chapter.figure(figures.draw_medians(paper.forest_rows(overall, [own]), "Median overall survival (months)"), "4.15",
               **text.literature(own, overall, "Median overall survival"))

# %%
if "liver_pfs" in curves:
    own_pfs = paper.own_median(choices.median(curves["liver_pfs"]), curves["liver_pfs"].n)
    chapter.figure(figures.draw_medians(paper.forest_rows(progression, [own_pfs]), "Median progression-free survival (months)"),
                   "4.16", **text.literature(own_pfs, progression, "Median progression-free survival"))

# %%
say(text.literature_sentence(own, overall))

# %% [markdown] tags=["published"]
# #### The paper's claims about survival
#
# Each claim is held against the numbers. "Favorable" has to mean higher, "lower" lower, and "similar" at least within the
# range of the others. *Improve*, *effective* and *benefit* say that patients did better than they would have done
# otherwise. One arm has no otherwise: whatever the numbers, such a claim is **not testable** here.

# %% tags=["published"]
if chapter.is_published_analysis:
    claims = read_claims()
    chapter.table(
        judge_claims(claims[~claims.subject.str.startswith("meld.")], chapter.quantities, read_literature()), "4.13",
        left=["Where printed", "Verdict", "What shows it"],
        caption=f"What the paper claims about survival, each claim evaluated on the figures of this chapter (N = {n_treated}) and "
                "of the quoted studies.")

# %% [markdown] tags=["published"]
# ## Against the paper

# %%
chapter.against_paper()

# %% [markdown]
# ## What this does and does not show
#
# A small cohort can find only very large effects, and the comparisons that look largest are those that hindsight
# distorts most: groups known only after treatment, a cut of unknown origin, treatments chosen by burden of disease. What is
# left of each after its remedy stands above, computed. Whether liver-directed treatment prolongs life is a question for a
# study with a control arm.

# %% [markdown] tags=["published"]
# The published medians, intervals and P values can all come from one set of patients, by the conventions of one
# program. That is what the invented patients were searched for; it is no evidence about the hospital's own.
#
# Figures that the paper does not print (hazard ratios, landmark results, competing risks, model checks) are those of
# these invented patients. Other patients agree with the paper as well and differ there: quote none of them.

# %% [markdown]
# ## Try this
#
# Set `early_treatment_months = 6.0` in the parameters cell and run the chapter again: the groups, Table 4.2 and the
# sentence below it change, while the corrected P of the cut-point search does not. Then try `median_convention = "r"`,
# and see which medians a change of program moves.
