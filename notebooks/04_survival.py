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
# measurements as in chapter 3. **Answers** Figures 1 to 4 and Table 2 of the paper, and then asks what the paper did not.
#
# The chapter has two halves. The first repeats the published analysis, with the conventions of the program it was made
# with. The second is the analysis that the same patients deserve.

# %% tags=["parameters"]
cohort = "reference"                 # a folder under data/, or a path to your own
conf_level = 0.95                    # two-sided coverage of every interval below
early_treatment_months = 4.0         # longest gap from liver metastasis to treatment that counts as early
landmark_months = 3.0                # from when patients count, where groups become known only after treatment
median_convention = "spss"           # whose median and interval: "spss", "r", "sas" or "lifelines"
modern_interval = "log-log"          # scale of the second interval and of the bands: "log-log", "log" or "plain"
cox_ties = "breslow"                 # tied deaths in Cox regression: "breslow", "efron" or "exact"
liver_pfs_definition = "liver"       # event of liver PFS: "liver", "liver_or_death" or "any_or_death"
crossovers = "first treatment"       # patients with a second treatment: "first treatment" or "censored at the switch"
detectable_power = 0.8               # power at which the smallest detectable hazard ratio is given
n_resamples = 2000                   # random resamples of the bootstrap, permutation and cut-point search
seed = 20200905                      # of the random resamples
smallest_risk_set = 5                # a delayed-entry curve starts where so many patients are at risk

# %%
import numpy as np
import pandas as pd

from lib import survival_tables as tables
from lib.claims import judge_claims, read_claims
from lib.cohort import read_cohort
from lib.figures import survival as figures
from lib.literature import read_literature
from lib.narrative import Chapter, interval, join, months, number, p_value, percent, plain, say
from lib.published import read_ledger
from lib.survival import CLOCKS, assumptions, clocks, compare, competing, groups, paper, regression, wording
from lib.survival.estimate import follow_up, kaplan_meier, mean_survival, median_survival, survival_at

study = read_cohort(cohort)
chapter = Chapter(
    "04_survival", study, cohort=cohort, conf_level=conf_level, early_treatment_months=early_treatment_months,
    landmark_months=landmark_months, median_convention=median_convention, modern_interval=modern_interval,
    cox_ties=cox_ties, liver_pfs_definition=liver_pfs_definition, crossovers=crossovers,
    detectable_power=detectable_power, n_resamples=n_resamples, seed=seed,
    smallest_risk_set=smallest_risk_set)

# %%
patients, n_treated = study.patients, study.n_patients
time, died = patients.os_treatment_months.to_numpy(float), patients.died.to_numpy(bool)
ledger, quoted = read_ledger(), paper.quoted_medians(read_literature())
alpha, coverage = 1 - conf_level, f"{100 * conf_level:g}%"

# %% [markdown]
# # The published analysis
#
# ## Four clocks
#
# The same deaths are counted from three moments: diagnosis of the tumour, diagnosis of liver metastasis, and the
# first liver-directed treatment. The later the clock starts, the shorter the survival it shows; only the last
# clock starts when the treatment under study does. The fourth clock stops at progression in the liver.
#
# Each figure shows the Kaplan-Meier estimate with its pointwise band, a tick for each patient censored, and the
# median dropped to the axis. The table under the axis counts, *at the start of each period*, who is still at risk and
# how many events and censorings lie behind: read it before believing the right end of a curve.

# %%
curves = groups.clock_curves(study, conf_level, liver_pfs_definition)
medians = {name: median_survival(curve, median_convention) for name, curve in curves.items()}
titles = {name: title for name, (_, _, title) in CLOCKS.items()}

# %%
def show_clock(name, label, xlabel, ylabel):
    """One of the paper's four figures: curve, caption and alternative text from the data."""
    curve, median = curves[name], medians[name]
    counts = f"n = {curve.n}, {tables.counted(curve.n_events, 'event')}, {curve.n - curve.n_events} censored"
    chapter.figure(
        figures.draw_survival({titles[name]: curve}, xlabel=xlabel, ylabel=ylabel, interval=modern_interval,
                              median_convention=median_convention),
        label,
        caption=f"{titles[name]} ({counts}), Kaplan-Meier with {coverage} {modern_interval} band; median "
                f"{tables.in_months(median.value)}, dropped to the axis by the {tables.PROGRAMS[median_convention]} convention.",
        alt=f"Step curve falling from 1 to {curve.survival[-1]:.2f} over {curve.longest:.0f} months; the median is "
            f"{tables.in_months(median.value)} ({counts}).")

# %%
if "os_diagnosis" in curves:
    show_clock("os_diagnosis", "4.1", "Months from diagnosis of leiomyosarcoma", "Overall survival (proportion)")

# %%
if "os_liver_metastasis" in curves:
    show_clock("os_liver_metastasis", "4.2", "Months from diagnosis of liver metastasis", "Overall survival (proportion)")

# %%
show_clock("os_treatment", "4.3", "Months from first liver-directed treatment", "Overall survival (proportion)")

# %%
if "liver_pfs" in curves:
    show_clock("liver_pfs", "4.4", "Months from first liver-directed treatment", "Liver PFS (proportion)")

# %% [markdown]
# The paper's program was SPSS. Its median is the first time at which survival is at or below one half; its interval
# is symmetric around it, and a lower limit below zero is printed as zero. The second interval of Table 4.1 is the one
# that most statisticians would print today: it holds the times at which the band contains one half, and can neither be
# negative nor symmetric by force. The paper's main points call its medians "mean"; the mean of a Kaplan-Meier curve
# is the area under it up to the longest time, and another number.

# %%
chapter.table(
    tables.clock_table(curves, titles, median_convention, modern_interval), "4.1",
    caption=f"Survival by clock, N = {n_treated}: median with its {tables.PROGRAMS[median_convention]} {coverage} interval and "
            f"the {modern_interval} interval of the same median, mean restricted to the longest time, and the proportion at "
            "twelve months.")

# %%
for name, median in medians.items():
    mean = mean_survival(curves[name])
    chapter.record({f"{name}.median": median.value, f"{name}.lower": median.lower, f"{name}.upper": median.upper},
                   reason=median.reason)
    chapter.record(f"{name}.mean", mean.value)
    chapter.record(f"{name}.at_12_months", survival_at(curves[name], 12.0).value, reason="nobody was followed so far")
say(" ".join(f"{titles[name]}: median **{tables.in_months(m.value)}** ({coverage} CI {tables.limits(m)})."
             for name, m in medians.items()))

# %% [markdown]
# The first figure of the paper has an axis in months and one in proportions. Both are figures of the paper too, and
# both can be held against the rows: a curve has to fit on its axis, and the axis should not be much longer than the
# curve.

# %%
for name in curves:
    for quantity, check in paper.axis_checks(curves[name], ledger, f"{name}.axis").items():
        chapter.record(quantity, check["value"], holds=check["holds"], observed=check["observed"])
chapter.record("protocol.conf_level", 100 * conf_level, holds=True, observed=f"every interval at {coverage}")

# %% [markdown]
# ## How long were they followed?
#
# The paper's follow-up is the median of all observed times, which counts a death as the end of follow-up: deadly
# disease looks poorly followed. The reverse Kaplan-Meier estimate takes censoring as the event, and asks how long a
# patient *would* have been observed had nobody died.

# %%
watched = follow_up(time, died, conf_level)
reverse = watched["reverse"]
say(f"Median observed time was {months(watched['naive_median'])} months (range {months(watched['naive_min'])} to "
    f"{months(watched['naive_max'])}); median potential follow-up by reverse Kaplan-Meier was "
    f"**{tables.in_months(reverse.value)}** ({coverage} CI {tables.limits(reverse)}). {percent(int((~died).sum()), n_treated)} were alive "
    "at last contact.")

# %% [markdown]
# ## Four ways to divide the patients
#
# The paper's Table 2 divides the patients four times and compares the halves. Two of the divisions are known at first
# treatment: disease outside the liver, and the time from liver metastasis to treatment. The other two, the change of
# the MELD score and the response on imaging, become known only at the visit three months later; what is wrong with
# comparing them from treatment is taken up below. Here they stand as the paper has them.

# %%
divided = groups.groupings(study, early_treatment_months)
grouped = {name: (grouping, tables.group_curves(study, grouping, conf_level))
           for name, grouping in groups.comparable(divided).items()}
comparisons = {name: grouping.arrays(patients) for name, (grouping, _) in grouped.items()}
tests = {name: compare.logrank(*arrays) for name, arrays in comparisons.items()}
for sentence in tables.not_compared(study, divided, grouped):
    say(sentence)

# %%
if grouped:
    chapter.figure(
        figures.draw_survival_panels(
            {grouping.title: {grouping.levels[level]: curve for level, curve in by_level.items()}
             for grouping, by_level in grouped.values()},
            xlabel="Months from first treatment", median_convention=median_convention, interval=modern_interval),
        "4.5",
        caption=f"Overall survival from first treatment by group, N = {n_treated}: Kaplan-Meier with {coverage} "
                f"{modern_interval} bands, medians dropped to the axis, numbers at risk below.",
        alt="Small multiples of survival by group. " + " ".join(
            f"{grouping.title}: {p_value(tests[name].p_value)}." for name, (grouping, _) in grouped.items()))

# %%
if grouped:
    chapter.table(
        tables.group_table(grouped, tests, median_convention, modern_interval), "4.2",
        caption=f"Median overall survival from first treatment by group, N = {n_treated}; {tables.PROGRAMS[median_convention]} "
                f"{coverage} interval, {modern_interval} interval, two-sided log-rank P.",
        notes=["n/N counts the patients whose group is known.",
               "A lower limit of 0.0 is a negative limit of the symmetric formula, printed as zero."])

# %%
for name, (grouping, by_level) in grouped.items():
    chapter.record(f"os_treatment.{name}.p", tests[name].p_value, reason=tests[name].reason)
    for level, curve in by_level.items():
        median = median_survival(curve, median_convention)
        stem = f"os_treatment.{name}.{level}"
        chapter.record({f"{stem}.median": median.value, f"{stem}.lower": median.lower, f"{stem}.upper": median.upper},
                       reason=median.reason)

# %% [markdown]
# ### What the four comparisons allow one to say
#
# The paper calls the medians "considerable" in difference and the tests not significant, and its discussion builds on
# the medians. A median is one point of a curve; with few patients it can jump by a year when one of them dies a week
# earlier. The sentence below is computed from the medians and the tests, and changes with them.

# %%
for name, (grouping, by_level) in grouped.items():
    say(wording.comparison_sentence(grouping, {level: median_survival(curve, median_convention).value
                                               for level, curve in by_level.items()}, tests[name].p_value, alpha))

# %% [markdown]
# ## Does anything foretell survival?
#
# The paper reports univariate Cox regressions of clinical variables and of laboratory values at baseline and at three
# months, says that none was significant, and prints none. Here are all of them. A hazard ratio above one means a
# higher risk of death. A covariate of several levels gets one global test, because its single levels hold too few
# patients for a ratio each.
#
# Many tests find something by chance. *Holm* keeps the probability of any false alarm in the table at the level of one
# test; *FDR* (Benjamini and Hochberg) keeps the expected share of false alarms among the findings there.

# %%
covariates = groups.patient_covariates(study, early_treatment_months)
screen = regression.univariate_screen(covariates, time, died, ties=cox_ties, conf_level=conf_level)
chapter.table(
    tables.screen_table(screen), "4.3", left=["Contrast", "Hazard ratio"],
    caption=f"Univariate Cox regression of overall survival from first treatment, N = {n_treated}, {tables.counted(int(died.sum()), 'death')}; "
            f"Wald {coverage} interval and P ({cox_ties} ties), adjusted for {screen.p_value.notna().sum()} tests.",
    notes=["Groups known only at three months are shown as the paper analysed them, from first treatment."])

# %%
forest = tables.screen_forest(screen)
if len(forest):
    chapter.figure(
        figures.draw_forest(forest, xlabel=f"Hazard ratio of death ({coverage} interval, log scale)"), "4.6",
        caption=f"The hazard ratios of Table 4.3, N = {n_treated}, {tables.counted(int(died.sum()), 'death')}; right of the line, the risk is higher.",
        alt=f"Forest plot of {len(forest)} hazard ratios; {int(((forest.lower > 1) | (forest.upper < 1)).sum())} of their intervals "
            "leave out one.")

# %%
lab_screens, lab_spreads = tables.screen_labs(study, landmark_months, ties=cox_ties, conf_level=conf_level)
if lab_screens:
    chapter.table(
        tables.lab_table(lab_screens, lab_spreads), "4.4",
        caption=f"Univariate Cox regression on each laboratory value, N = {n_treated}: hazard ratio per standard deviation "
                f"with Wald {coverage} interval and P ({cox_ties} ties).",
        notes=[f"*Landmark*: three-month values again, for the patients still followed at {landmark_months:g} months and counted "
               "from there.", "Standard deviations in reference units (g/dL, mg/dL, U/L, 10^3/uL, mmol/L)."])

# %%
say(tables.screening_sentence([screen, *lab_screens.values()], alpha))
for row in screen[screen.hazard_ratio.notna()].itertuples():
    chapter.record(f"os_treatment.cox.{tables.slug(row.covariate)}.hazard_ratio", row.hazard_ratio)

# %% [markdown]
# # The analysis that the data deserve
#
# From here on the numbers are those of these patients and not in the paper. The methods are the point: each answers a
# question that the published analysis leaves open.
#
# ## Whose median is it?
#
# Programs disagree about the same patients, and papers seldom name the rule. They differ in three places. *The flat
# step*: where survival is exactly one half for a while, SPSS and lifelines take the beginning of the step, R and SAS its
# middle. *The interval*: SPSS puts a symmetric interval around the median; the others read it off the band, whose scale is
# logarithmic in R and log-log in SAS and lifelines. *Ties and tests*: a P value may come from the log-rank
# test, one of its weighted relatives, or any of three tests of a Cox model under three treatments of ties.
#
# The values of SPSS and SAS follow their documented formulas; neither program was run. R was.

# %%
all_curves = {titles[name]: curve for name, curve in curves.items()} | {
    f"{grouping.title}: {grouping.levels[level]}": curve
    for grouping, by_level in grouped.values() for level, curve in by_level.items()}
titled = {grouping.title: comparisons[name] for name, (grouping, _) in grouped.items()}

# %%
chapter.table(
    tables.convention_medians(all_curves), "4.5",
    caption=f"Median survival in months with its {coverage} interval, by the default of four programs, N = {n_treated}.",
    notes=["SPSS: first time with S(t) at most 0.5; symmetric interval. R (survival): middle of a flat step; log interval. SAS "
           "(LIFETEST): middle of a flat step; log-log interval. lifelines: first time; log-log interval."])

# %%
if titled:
    chapter.table(
        tables.convention_tests(titled), "4.6",
        caption=f"Two-sided P of each comparison by every test that a program might have printed, N = {n_treated}.",
        notes=["R's ties=\"exact\" is SAS's DISCRETE. The permutation test counts every way to deal the labels."])

# %%
say(tables.agreement_sentence(tables.beside_r(all_curves, titled)))
say(tables.range_sentence(titled, alpha))

# %% [markdown]
# ## What a small sample needs
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
        tables.small_sample_table(titled, conf_level=conf_level, power=detectable_power, n_resamples=n_resamples, seed=seed), "4.7",
        caption=f"Comparisons of Table 4.2 with tools for small samples, N = {n_treated}: hazard ratio of the second level against "
                f"the first with {coverage} Wald (Cox) and profile-likelihood (Firth) interval, permutation log-rank P, difference in "
                "restricted mean survival (first minus second).",
        notes=[f"Detectable ratio: hazard ratio found with power {detectable_power:g} by a two-sided log-rank test at level "
               f"{alpha:.2g} with these deaths and group sizes (Schoenfeld 1981)."])

# %%
for name, (grouping, _) in grouped.items():
    fit = regression.cox(*comparisons[name], ties=cox_ties, conf_level=conf_level)
    permuted = compare.permutation_logrank(*comparisons[name], n_resamples=n_resamples, seed=seed)
    chapter.record(f"os_treatment.{name}.hazard_ratio", fit.hazard_ratio, reason=fit.reason)
    chapter.record(f"os_treatment.{name}.permutation_p", permuted.p_value, reason=permuted.reason)
    say(f"**{grouping.title}.** The hazard ratio is {wording.hazard_in_words(fit.hazard_ratio, fit.lower, fit.upper)}.")

# %%
detectable = compare.smallest_detectable_hazard_ratio(int(died.sum()), 0.5, alpha=alpha, power=detectable_power)
say(f"With {tables.counted(int(died.sum()), 'death')} even two equal groups must differ by a hazard ratio of **{number(detectable)}** to be found "
    f"with power {detectable_power:g}; against a ratio of two, the power is "
    f"{number(100 * compare.power_to_detect(2.0, int(died.sum()), alpha=alpha), 0)}%.")

# %% [markdown]
# ### How sure is a median?
#
# The bootstrap draws patients with replacement and looks how the median moves. It makes no formula's assumption; but a
# resample may have no median at all, because its curve never comes down to one half. Those count as "not reached", and
# the table says how many there were.

# %%
chapter.table(
    tables.bootstrap_table(all_curves, conf_level=conf_level, n_resamples=n_resamples, seed=seed), "4.8",
    caption=f"Intervals ({coverage}) of each median in months by SPSS's formula, the log-log band, and {n_resamples:,} bootstrap "
            "resamples (percentiles).")

# %% [markdown]
# ### Does one patient decide?
#
# Each tick of the next figure is the analysis without one of the patients; the diamond is everybody. Where ticks
# lie far from the diamond, a single patient carries the result.

# %%
left_out = {name: compare.leave_one_out(*comparisons[name]) for name in grouped}
alone = {name: (medians[name].value, compare.leave_one_out(curve.exit, curve.died)["median"])
         for name, curve in curves.items() if curve.n > 1}
alone = {groups.SHORT_TITLES[name]: values for name, values in alone.items()}
p_alone = {grouped[name][0].title: (tests[name].p_value, left_out[name].p_value) for name in grouped}
chapter.figure(
    figures.draw_left_out(alone, p_alone, alpha), "4.7",
    caption=f"Medians (months) and log-rank P with each of {n_treated} patients left out in turn (ticks) and with everybody "
            "(diamonds).",
    alt=tables.left_out_sentence(alone, p_alone, alpha))

# %%
say(tables.left_out_sentence(alone, p_alone, alpha))

# %% [markdown]
# ## Immortal time
#
# Whether a patient responds, or the MELD score rises, is known at the three-month visit. To belong to a group, one
# has to live to that visit: those months before are *immortal*, and counting them as survival of the group flatters
# whoever is in it. Two remedies are standard. The **landmark** analysis starts the clock for everybody at the same
# moment, and leaves out who died or was lost before. The **time-dependent** analysis lets each patient change group on the
# day the status became known.

# %%
after_visit = {name: grouping for name, (grouping, _) in grouped.items() if grouping.known_months is not None}
if "mrecist_response" in after_visit:
    grouping = after_visit["mrecist_response"]
    timeline = pd.DataFrame({"patient": patients.patient, "months": time, "died": died, "known_months": grouping.known_months,
                             "group": grouping.labels.map(grouping.levels)})[grouping.known]
    immortal = clocks.immortal_months(patients[grouping.known], "os_treatment_months", timeline.known_months,
                                      np.ones(len(timeline), bool))
    chapter.figure(
        figures.draw_immortal_time(timeline, landmark_months), "4.8",
        caption=f"Each patient's time from first treatment by later response (n = {len(timeline)}); hatched, the time before "
                "the response was known.",
        alt=f"Horizontal bars for {len(timeline)} patients; {months(immortal)} patient-months lie before the response was known.")

# %%
answers = {name: clocks.naive_landmark_time_dependent(patients, grouping, landmark_months, ties=cox_ties, conf_level=conf_level)
           for name, grouping in after_visit.items()}
if answers:
    chapter.table(
        tables.timing_table(answers, grouped), "4.9", group="Comparison",
        caption=f"Groups known only after treatment, three ways: medians in months of the first and the second level, hazard ratio "
                f"of the second against the first with {coverage} Wald interval, log-rank P (time-dependent: Wald).",
        notes=[f"The landmark is {landmark_months:g} months; medians there are counted from it."])

# %%
for name, grouping in after_visit.items():
    naive, fair = answers[name]["from treatment"], answers[name]["from the landmark"]
    unknown = int((grouping.known_months[grouping.known] > landmark_months).sum())
    chapter.record(f"os_treatment.{name}.landmark_p", fair["p_value"], reason="too few patients at the landmark")
    say(f"**{grouping.title}.** The landmark analysis ({p_value(fair['p_value'])}, {naive['n'] - fair['n']} of {naive['n']} patients left out) "
        f"{wording.agreement(naive['p_value'], fair['p_value'], alpha)}: {wording.evidence(fair['p_value'], alpha)}. The visit came "
        f"after the landmark in {percent(unknown, int(grouping.known.sum()))}, whose group still borrows from the future there.")

# %% [markdown]
# ## Living long enough to be treated
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
if entered:
    chapter.figure(
        figures.draw_delayed_entry({titles[name].split("from ")[1].capitalize(): result for name, result in entered.items()},
                                   modern_interval), "4.9",
        caption=f"Naive and delayed-entry Kaplan-Meier curves by time zero, n = {n_treated}, with the number at risk below; the "
                f"delayed curve starts with {smallest_risk_set} patients at risk and is conditional on reaching that time.",
        alt=tables.delayed_sentence(entered, titles))

# %%
if entered:
    chapter.table(
        tables.delayed_table(entered, titles, modern_interval), "4.10",
        caption=f"Median survival in months, naive and with delayed entry, with {modern_interval} {coverage} interval; P of the "
                "regression of survival on time of entry.")
    say(tables.delayed_sentence(entered, titles))

# %% [markdown]
# ## Progression and death compete
#
# The paper does not say what its liver PFS counts. Three readings are common, and a parameter chooses among them.
# The paper's median fits the first, under which these patients were searched; Table 4.11 shows what the others would
# have printed.
#
# Where death censors, the Kaplan-Meier curve pretends that the dead could still progress. The **cumulative incidence**
# asks instead which share of the patients had progressed, and which had died before, by each time; the two and the
# event-free share add up to one.

# %%
if "liver_pfs" in curves:
    imaged = patients.liver_pfs_months.notna() & patients.liver_progressed.notna()
    kinds = competing.event_kind(patients[imaged])
    incidence = competing.cumulative_incidence(patients.liver_pfs_months[imaged], kinds, conf_level=conf_level)
    censoring_death = kaplan_meier(*competing.progression_free(patients[imaged], "liver"), conf_level=conf_level)
    shares = join(f"{cause} {number(100 * float(curve.at(12.0)), 0)}%" for cause, curve in incidence.items())
    chapter.figure(
        figures.draw_incidence({f"{cause} in the liver" if cause == competing.PROGRESSION else f"{cause} before it": curve
                                for cause, curve in incidence.items()}, censoring_death),
        "4.10",
        caption=f"Cumulative incidence of liver progression and of death before it (Aalen-Johansen with {coverage} log-log bands, "
                f"n = {len(kinds)}), beside the complement of the Kaplan-Meier curve, in which death censors.",
        alt=f"Two rising step curves and a reference; at twelve months: {shares}.")

# %%
if "liver_pfs" in curves:
    definitions = {name: competing.progression_free(patients[imaged], name, groups.progression_months(study)[imaged])
                   for name in competing.PFS_DEFINITIONS}
    chapter.table(
        tables.pfs_table(definitions, incidence, modern_interval, conf_level), "4.11", left=["Event"],
        caption=f"Liver progression-free survival in months by definition, n = {len(kinds)}: SPSS {coverage} interval, {modern_interval} "
                "interval, and the share with an event by twelve months.")

# %%
if "liver_pfs" in curves:
    overstated = 1 - float(censoring_death.at(12.0)) - float(incidence[competing.PROGRESSION].at(12.0)) \
        if competing.PROGRESSION in incidence else 0.0
    gray = {name: tables.gray_of_known(patients[imaged], kinds, grouping.labels[imaged.to_numpy()])
            for name, (grouping, _) in grouped.items() if grouping.known_months is None}
    say(f"At twelve months the Kaplan-Meier complement puts liver progression {number(100 * overstated)} percentage points above its "
        "cumulative incidence. Gray's test of equal incidence: "
        f"{join(f'{plain(grouped[name][0].title)} {p_value(test.p_value)}' for name, test in gray.items())}.")

# %% [markdown]
# ## The cut at four months
#
# The paper divides its patients at a gap of four months between liver metastasis and treatment, and does not say why
# there. A cut chosen because it divides well must pay for the choice. The next figure tries every cut from one to
# twelve months. The corrected P is the share of random reassignments of the gap whose *best* cut divides the
# patients as well as the best cut here.

# %%
if "treatment_gap" in grouped:
    gap = groups.treatment_gap(patients)
    known_gap = gap.notna().to_numpy()
    searched, corrected = compare.search_cut(gap[known_gap].round(6), time[known_gap], died[known_gap], np.arange(1, 13),
                                             n_resamples=n_resamples, seed=seed)
    chapter.figure(
        figures.draw_cut_search(searched, early_treatment_months, corrected, alpha), "4.11",
        caption=f"Log-rank P of early against late treatment at each cut of the gap (n = {int(known_gap.sum())}; early:late below), the "
                f"cut in use circled, and the P of the best cut corrected by {n_resamples:,} permutations.",
        alt=f"P values at cuts from one to twelve months, the smallest {p_value(searched.p_value.min())}; corrected for the search, "
            f"{p_value(corrected)}.")

# %%
if "treatment_gap" in grouped:
    continuous = regression.cox(time[known_gap], died[known_gap], gap[known_gap], ties=cox_ties, conf_level=conf_level)
    best = searched.sort_values("p_value").iloc[0]
    chapter.record({"os_treatment.treatment_gap.corrected_p": corrected,
                    "os_treatment.treatment_gap.per_month.hazard_ratio": continuous.hazard_ratio}, reason="the gap does not vary")
    say(f"The best cut is {best.cut:g} months ({p_value(best.p_value)}); corrected for having looked at {len(searched)} cuts, "
        f"**{p_value(corrected)}**: {wording.evidence(corrected, alpha)}. Left continuous, which needs no cut at all, each month "
        f"multiplies the hazard by {tables.ratio(continuous)}, {p_value(continuous.wald_p)}. Between liver metastasis and treatment "
        "a patient has to live, so this comparison carries its own immortal time.")

# %% [markdown]
# ## By first treatment
#
# The three treatments were not dealt by chance: ablation went to few and small lesions, radioembolisation to those who
# preferred it, everyone else had DEB-TACE. The curves below describe three groups of patients; they cannot compare
# three treatments. Patients who later had a second kind of treatment stay with the first, or are censored on the day of the
# switch, as the parameter says.

# %%
switch = clocks.months_to_switch(patients, study.treatments)
by_treatment = clocks.censor_at_switch(time, died, switch) if crossovers == "censored at the switch" else (time, died)
arms = {str(arm): kaplan_meier(by_treatment[0][member], by_treatment[1][member], conf_level=conf_level)
        for arm, member in ((arm, (patients.first_treatment == arm).to_numpy()) for arm in patients.first_treatment.value_counts().index)}
chapter.figure(
    figures.draw_survival(arms, xlabel="Months from first liver-directed treatment", interval=modern_interval,
                          median_convention=median_convention, table_rows=("at_risk", "events")),
    "4.12",
    caption=f"Overall survival by first treatment ({join(f'{plain(arm)} n = {curve.n}' for arm, curve in arms.items())}), "
            f"Kaplan-Meier with {coverage} {modern_interval} bands. The groups differ in disease, not only in treatment.",
    alt=tables.arms_sentence(arms, median_convention))

# %%
arms_test = compare.logrank(*by_treatment, patients.first_treatment)
for arm, curve in arms.items():
    median = median_survival(curve, median_convention)
    chapter.record(f"os_treatment.first_treatment.{tables.slug(arm)}.median", median.value)
say(f"{tables.arms_sentence(arms, median_convention)} {tables.counted(int(np.isfinite(switch).sum()), 'patient')} switched; their follow-up counts by "
    f"*{crossovers}*. Log-rank {p_value(arms_test.p_value)} tells groups apart, not treatments.")

# %% [markdown]
# ## Do the models hold?
#
# A hazard ratio is one number for the whole of follow-up. If the groups' hazards cross, it is an average of
# opposites. The left panel shows the local log hazard ratio at each death, which should not drift; in the right panel
# the curves should keep their distance.

# %%
shown = "treatment_gap" if "treatment_gap" in grouped else next(iter(grouped), None)
if shown:
    grouping, by_level = grouped[shown]
    check = assumptions.proportional_hazards(*comparisons[shown], ties=cox_ties, conf_level=conf_level)
    chapter.figure(
        figures.draw_hazard_checks(check, {grouping.levels[level]: curve for level, curve in by_level.items()}), "4.13",
        caption=f"{grouping.title}: scaled Schoenfeld residuals with a running mean, and log-log survival of the groups "
                f"(n = {int(grouping.known.sum())}, {tables.counted(int(died[grouping.known].sum()), 'death')}).",
        alt=f"Local log hazard ratios against time, and two log-log curves; test of proportional hazards {p_value(check.p_value)}.")

# %%
checked = tables.check_models(groups.model_covariates(study, early_treatment_months), time, died, ties=cox_ties, conf_level=conf_level)
if checked:
    chapter.table(
        tables.assumption_table(checked), "4.12",
        caption=f"Checks of the univariate Cox models, N = {n_treated}: test of proportional hazards, hazard ratio before and after the "
                f"median time of death with {coverage} interval, influence of single patients, and curvature of continuous covariates.",
        notes=["dfbeta in standard errors of the log hazard ratio; *without one patient*: range of hazard ratios when each patient is "
               "left out."])

# %%
forms = tables.forms_to_draw(checked)
if forms:
    chapter.figure(
        figures.draw_functional_form(forms), "4.14",
        caption="Martingale residuals of the model without covariates against each continuous covariate, with a running mean: a "
                f"straight course supports a linear effect (n = {n_treated}).",
        alt=tables.forms_sentence(checked, alpha))

# %%
say(tables.models_sentence(checked, int(died.sum()), alpha))

# %% [markdown]
# ## Against the literature
#
# The paper sets its medians beside those of other studies. Two medians can be compared only if their clocks start at the
# same moment: a patient randomised to a drug is met at another point of the disease than one sent to a radiologist.
# The figure groups the studies by what their clock starts at, and leaves out nothing that the paper quotes.

# %%
own = [{"label": "This cohort", "n": n_treated, "time_origin": "first treatment", "value": medians["os_treatment"].value,
        "lower": medians["os_treatment"].lower, "upper": medians["os_treatment"].upper}]
overall = quoted[quoted.outcome == "os.median"]
chapter.figure(
    figures.draw_forest(paper.forest_rows(overall, own), xlabel=f"Median overall survival (months, {coverage} interval)",
                        no_effect=None, log=False),
    "4.15",
    caption="Median overall survival of this cohort and of the studies that the paper quotes, by the start of the clock; a median "
            "without a line was printed without an interval.",
    alt=tables.literature_sentence(own[0], overall))

# %%
if "liver_pfs" in medians:
    own_pfs = [own[0] | {"value": medians["liver_pfs"].value, "lower": medians["liver_pfs"].lower, "upper": medians["liver_pfs"].upper}]
    progression = quoted[quoted.outcome != "os.median"]
    chapter.figure(
        figures.draw_forest(paper.forest_rows(progression, own_pfs), xlabel="Median progression-free survival (months)",
                            no_effect=None, log=False),
        "4.16",
        caption="Median progression-free survival by the start of the clock. The studies count different events: liver progression "
                "here, any progression, local progression or recurrence there.",
        alt=tables.literature_sentence(own_pfs[0], progression))

# %%
say(tables.literature_sentence(own[0], overall))

# %% [markdown]
# ### The paper's claims about survival
#
# Each claim is held against the numbers. "Favorable" has to mean higher, "lower" lower, and "similar" at least within the
# range of the others. *Improve*, *effective* and *benefit* say that patients did better than they would have done
# otherwise. One arm has no otherwise: whatever the numbers, such a claim is **not testable** here.

# %%
if chapter.is_published_analysis:
    claims = read_claims()
    claims = claims[~claims.subject.str.startswith("meld.")]
    chapter.table(
        judge_claims(claims, chapter.quantities, read_literature()), "4.13", left=["Where printed", "Verdict", "What shows it"],
        caption="What the paper claims about survival, each claim evaluated on the figures of this chapter and of the quoted studies.")

# %% [markdown]
# ## Against the paper

# %%
chapter.against_paper()

# %% [markdown]
# ## What this does and does not show
#
# The published medians, intervals and P values can all come from one set of patients, by the conventions of one
# program. That is what the invented patients were searched for; it is no evidence about the hospital's own.
#
# A cohort this small can find only very large effects, and the comparisons that look largest are those that hindsight
# distorts most: groups known only after treatment, a cut of unknown origin, treatments chosen by burden of disease. What is
# left of each after its remedy stands above, computed. Whether liver-directed treatment prolongs life is a question for a
# study with a control arm.
#
# Figures that the paper does not print (hazard ratios, landmark results, competing risks, model checks) are those of
# these invented patients. Other patients agree with the paper as well and differ there: quote none of them.
#
# ## Try this
#
# Set `early_treatment_months = 6.0` in the parameters cell and run the chapter again: the groups, Table 4.2 and the sentence
# below it change, while the corrected P of the cut-point search does not. Then try `median_convention = "r"`, and see which
# medians a change of program moves.
