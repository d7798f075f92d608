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
# # 0. How were these patients invented?
#
# **Question.** Who are the patients of these chapters, how were they found, and what can be learned from people who do
# not exist?
#
# **Uses** the ledger of printed figures, the invented cohorts, and what longer searches have left in `data/`. **Answers** nothing
# that the paper prints: it says on what the other chapters stand.

# %% tags=["parameters"]
cohort = "reference"        # the cohort whose place among the exact ones is shown: a folder under data/
walk_seed = 1               # of the walk that is shown looking for a cohort
ensemble_tier = "tolerant"  # which invented cohorts are described: "tolerant" or "exact"

# %%
from itertools import count

from lib import reconstruction_tables as tables
from lib.cohort import read_cohort
from lib.figures import reconstruction as draw
from lib.narrative import Chapter, join, number, percent, say
from lib.published import read_ledger
from lib.quantity_names import readable
from lib.reconstruct import diversity, story
from lib.reconstruct.alternatives import given_up
from lib.reconstruct.ambiguities import solutions_of
from lib.reconstruct.constraints import survival_constraints
from lib.reconstruct.ensemble import TOLERANCE
from lib.reconstruct.proofs.__main__ import proofs_table, quick_proofs
from lib.reconstruct.sampler import trial_constraints

study = read_cohort(cohort)
chapter = Chapter("00_reconstruction", study, cohort=cohort, walk_seed=walk_seed, ensemble_tier=ensemble_tier)
ledger = read_ledger()
next_table, next_figure = (map("0.{}".format, count(1)) for _ in range(2))
constraints = survival_constraints(ledger)

# %% [markdown]
# ## In short
#
# The hospital's records are not public. The printed figures are, and they are narrow windows: a median printed as a whole month
# allows half a month on either side, a P value of three decimals allows next to nothing. We searched for patients on whom the
# paper's own analysis falls through all these windows at once.
#
# Such patients show that the figures *can* stand together, and under which conventions. They show which figures *cannot* stand
# together, because then no search finds anybody, and for some figures we prove that nobody can. What they never show is what the
# hospital's patients were like: whatever the paper does not print is our invention, and other inventions are as good.

# %%
demanded = tables.demands(ledger)
chapter.table(
    demanded, next(next_table), stub="Kind",
    caption=f"What the invented patients have to give: {demanded['Quantities'].sum()} quantities, printed in "
            f"{demanded['Places printed'].sum()} places, for {constraints.n} patients of whom {constraints.n_died} died.",
    notes=["*Given up*: places whose figure no cohort can give together with the others, most often because two places of the paper "
           "disagree; the end of the chapter lists them."])

# %% [markdown]
# ## Why it can be done at all
#
# Put the patients in order of time from first treatment, and write a D for each death and a c for each patient censored. This
# string, with a note of who belongs to which group, decides more than it seems to. Every log-rank test depends on the order alone. So
# does the height of every Kaplan-Meier curve after each death, and therefore *which* patient's time is the printed median. The
# interval that SPSS prints, the median plus and minus a multiple of the distance between two death times, is then a
# sum of times. Finding the times is a linear programme, which computers solve exactly; finding the string is a search.
#
# ## One cohort is being found
#
# The search for cohorts that are nearly exact is a walk. It begins with a random cohort, changes one time, death or label at a
# time, and prefers changes that bring the figures nearer to the printed ones. Twelve walkers go at once, the hot ones free to
# roam, the cold ones strict; they trade places, so that good finds reach the strict and the stuck are set free.

# %%
trace = story.walk_trace(trial_constraints(ledger), TOLERANCE, walk_seed, n_rounds=2000)
nearest, n_steps = trace["least"].iloc[-1], trace["steps"].iloc[-1]
chapter.figure(
    draw.plot_walk(trace, months_within=TOLERANCE.limit_months), next(next_figure),
    caption=f"One walk (seed {walk_seed}) towards a cohort of {constraints.n} patients: total distance of all survival figures from "
            f"what is tolerated (P values within {TOLERANCE.p:g}, limits of medians within {TOLERANCE.limit_months:g} month, all "
            "else as printed; months, a log-rank z counting thirty). At zero a cohort has been found.",
    alt=f"Three lines falling with the steps of the walk. The nearest cohort comes within {number(nearest, 2)} months in "
        f"{n_steps:,} steps; the hottest walker stays far away.")
say(f"After {n_steps:,} steps the nearest cohort was " + (f"**{number(nearest, 2)} months** away in all" if nearest > 0 else "**found**")
    + "; a seed of the ensemble walks longer, and keeps each cohort that it meets at zero.")

# %% [markdown]
# ## How narrow exactness is
#
# No walk ever met a cohort that is exact to every printed decimal. Exact cohorts come from an enumeration: every order of
# deaths and censorings, on each order every labelling of each group, and a linear programme for each combination that is left. The
# next picture follows one order down.

# %%
ordered = study.patients.sort_values("os_treatment_months", kind="stable")
own_order = story.order_of_times(ordered["os_treatment_months"], ordered["died"])
shown_cohort = "the reference cohort" if cohort == "reference" else "the given cohort"
orders, orders_source = tables.read_made("exact_orders.csv", "python -m lib.reconstruct.enumeration")
exact_orders = orders.order[orders.n_feasible_readings > 0].tolist()
shown_order = own_order if own_order in exact_orders else exact_orders[0]
whose = f"{shown_cohort}'s" if own_order == shown_order else "that with most room; the given cohort's own allows no exact times"
all_orders, left_orders = story.n_possible_orders(constraints)

# %%
steps = story.labellings_left(shown_order, constraints)
chapter.figure(
    draw.plot_labellings(steps), next(next_figure),
    caption=f"What the search leaves of one order ({shown_order}, {whose}): ways to say who of {constraints.n} patients belongs to "
            f"which of {2 * len(constraints.comparisons)} groups (number). {left_orders:,} of {all_orders:,} orders are gone through like this.",
    alt=f"Bars that shrink from {draw.in_words(steps['labellings'].iloc[0])} labellings to {draw.in_words(steps['labellings'].iloc[-1])}.")

# %%
chapter.table(
    tables.exact_orders_table(orders, own_order, shown_cohort), next(next_table), left=["Order of deaths (D) and censorings (c)"],
    caption=f"The {len(orders)} of {all_orders:,} orders on which no two printed rows of survival from first treatment contradict "
            f"each other, and the {len(exact_orders)} on which exact times exist.",
    notes=["*Joint readings*: ways to read all rows at once. *Room*: the largest share of every printed interval's half width that times "
           "can keep free. No list of joint readings was cut short. " + orders_source])

# %%
exact_times = story.time_ranges(solutions_of(shown_order, constraints))
ensemble, ensemble_source = tables.read_made("ensemble.parquet", "python -m lib.reconstruct.ensemble")
fixed = exact_times[exact_times["latest"] - exact_times["earliest"] < 0.25]
own_months = ordered["os_treatment_months"].to_numpy() if own_order == shown_order else None
say(f"On this order **{percent(len(fixed), len(exact_times))}** of the patients have a time that is fixed to within a quarter of a "
    f"month, although the paper prints no patient's time.")

# %%
if ensemble is not None:
    chapter.figure(
        draw.plot_time_ranges(exact_times, story.drawn_ranges(ensemble, ensemble_tier), own_months, ensemble_tier, shown_cohort), next(next_figure),
        caption=f"How little exactness leaves: for each of {constraints.n} patients in order of time, the months in which exact cohorts "
                f"of the order {shown_order} have the death or last contact, and those in which the middle 95% of the "
                f"{ensemble_tier} tier's cohorts have it (any order).",
        alt=f"Horizontal ranges, one a patient. {len(fixed)} of {len(exact_times)} exact ranges are shorter than a quarter of a month; the "
            f"ranges of the {ensemble_tier} tier are wider.")
else:
    say(f"The {ensemble_tier} tier: {ensemble_source}")

# %% [markdown]
# ## Many cohorts instead of one
#
# Counting cohorts misleads: a thousand cohorts on one order are one idea told a thousand times. A little tolerance on the
# confidence limits, which the paper prints to a tenth of a month, buys many orders. The ensemble therefore has two tiers: an
# **exact** one, and a **tolerant** one in which counts, tables, medians and follow-up are as printed, P values within `0.005` and
# limits within one month.

# %%
by_tolerance, tolerance_source = tables.read_made("orders_by_tolerance.csv", "python -m lib.reconstruct.diversity")
if by_tolerance is not None:
    most = by_tolerance.groupby("limit_tolerance_months")["n_orders_so_far"].max()
    chapter.figure(
        draw.plot_orders_by_tolerance(by_tolerance, TOLERANCE.limit_months), next(next_figure),
        caption=f"Distinct orders of deaths and censorings met within each tolerance of the confidence limits, by number of seeds "
                f"(P values within {TOLERANCE.p:g}; cohorts of {constraints.n} patients). {by_tolerance['seed'].nunique()} seeds at each tolerance, "
                f"{join(f'{each:g}' for each in sorted(by_tolerance['seconds'].unique()))} seconds a seed; counts still rise with effort, so they are lower bounds. "
                "The ensemble's tolerance is the thick line.",
        alt=f"Lines that rise with the number of seeds, highest for the widest tolerance: {join(f'{n} orders with limits within {limit:g}' for limit, n in most.items())} (months).")
say(tolerance_source)

# %%
if ensemble is not None:
    counts = diversity.order_counts(ensemble)
    chapter.table(
        tables.tiers_table(counts), next(next_table), stub="Tier",
        caption=f"Size and diversity of the {counts['n_cohorts'].sum():,} invented cohorts of {constraints.n} patients each.",
        notes=["*Order*: the string of deaths and censorings by time from first treatment. "
               + tables.exact_tier_note(ensemble, exact_orders) + " " + ensemble_source])

# %% [markdown]
# Each seed starts anew from a random cohort. If seeds disagree about a statistic more than the cohorts of one seed do, then every
# seed stays in a corner of its own, and the number of seeds, not of cohorts, says how much has been seen.

# %%
if ensemble is not None:
    spread = diversity.seed_spread(diversity.unpublished_statistics(ensemble), ensemble_tier)
    chapter.table(
        tables.spread_table(spread, diversity.STATISTICS), next(next_table), stub="Statistic, not published",
        caption=f"{len(spread)} statistics that the paper does not print, over the {counts.loc[ensemble_tier, 'n_cohorts']:,} cohorts and "
                f"{counts.loc[ensemble_tier, 'n_seeds']} seeds of the {ensemble_tier} tier.",
        notes=["*Share between seeds*: intraclass correlation of a one-way analysis of variance. Near none: one seed walks through what there is. "
               "Near all: each seed knows one corner."])
    chapter.record({f"reconstruction.{name}.share_between_seeds": value for name, value in spread["icc"].items()}, reason="one seed")

# %% [markdown]
# ## Does the range hold the truth?
#
# The idea can be tested where the truth is known. Trials were simulated with patients we know, only what this paper printed was
# printed of them, cohorts were searched from that print alone, and each known truth was looked for inside the cohorts' range. A
# range of `95%` that holds the truth in far fewer trials is too narrow, and one that always holds it says too little.
#
# The sampler draws cohorts from a stated distribution: before anything is printed, every order and labelling with the printed counts
# is as likely as any other, and times fall off at one constant, unknown rate. That is the most colourless assumption we know, and
# no more than that: hospital data need not follow it, so the simulated trials do not. The tolerant tier is then made by jumps from
# these draws, and picked for orders unlike each other, so it no longer follows that distribution; both are tested.
#
# A truth outside the range has one of two causes. The walk may have been too short to reach all that the print allows: then walks
# from different starts disagree. Or the assumption is wrong for that trial: then they agree on a range without the truth.

# %%
calibration, calibration_source = tables.read_made("calibration.csv", "make calibrate")
if calibration is not None:
    coverage = tables.coverage_of(calibration)
    chapter.figure(
        draw.plot_coverage(coverage, diversity.STATISTICS, tables.AIM), next(next_figure),
        caption=f"Truth of {calibration['trial'].nunique()} simulated trials inside the 95% range of the cohorts reconstructed from their "
                "print, by statistic (% of trials reconstructed, with Clopper-Pearson 95% interval). " + tables.measures_note(coverage),
        alt=f"One row a statistic. {int(coverage['within_aim'].sum())} of {len(coverage)} shares lie within the aim; the lowest is "
            f"{number(100 * coverage['coverage'].min(), 0)}%.")
say(calibration_source)

# %%
if calibration is not None:
    chapter.table(
        tables.coverage_table(coverage, diversity.STATISTICS), next(next_table), stub="Statistic, not published", group="Measure",
        caption=f"How often the 95% range held the truth of {calibration['trial'].nunique()} simulated trials of "
                f"{calibration['n'].min()} to {calibration['n'].max()} patients.",
        notes=[tables.measures_note(coverage),
               f"Hazards: {join(calibration['hazard'].unique())}; censoring: {join(calibration['censoring'].unique())}. Aim: "
               f"{100 * tables.AIM[0]:g} to {100 * tables.AIM[1]:g}% of trials. A statistic outside the aim stays in the table."])
    say(tables.coverage_sentence(coverage))
    say(tables.scenarios_sentence(calibration))
    say(tables.walks_sentence(calibration))

# %% [markdown]
# ## What no cohort can give
#
# Not finding is not the same as impossible. The verdict *impossible* stands only where everything was tried, or where a programme that
# searches exhaustively has no solution; *possible* where an example was found and checked; *not found* where
# neither can be said, with what was tried.

# %%
proofs, proofs_source = tables.read_made("proofs.csv", "python -m lib.reconstruct.proofs")
fresh = proofs_table(quick_proofs(ledger))
same = fresh.equals(proofs.head(len(fresh)))
verdicts = proofs["verdict"].value_counts()
chapter.record({f"reconstruction.claims.{verdict.replace(' ', '_')}": int(n) for verdict, n in verdicts.items()})
say(f"Of {len(proofs)} claims {join(f'**{n}** are {verdict}' for verdict, n in verdicts.items())}. The first {len(fresh)} were proved anew "
    f"just now, with {'the same verdicts' if same else '**other verdicts than in the file: make it anew**'}.")

# %%
chapter.table(
    tables.proofs_shown(proofs), next(next_table), stub="Claim", left=["Verdict", "What was tried", "What came out"],
    caption=f"{len(proofs)} claims about every cohort of {constraints.n} patients that could stand behind the printed figures.",
    notes=["Survival proofs are for distinct times: patients who die on the same day are read together and are not covered. " + proofs_source])

# %% [markdown]
# ## The one limit that had to go
#
# One printed limit of survival after a rise of MELD keeps everything else from being true. Is it the culprit, or would giving up
# another figure do as well? Each median, limit, P value and figure of follow-up that could be is given up in turn, and all else
# demanded.

# %%
alternatives, alternatives_source = tables.read_made("alternatives.csv", "python -m lib.reconstruct.alternatives")
(lost,) = given_up(ledger)
if alternatives is not None:
    chapter.table(
        tables.alternatives_shown(alternatives), next(next_table), stub="Given up instead", left=["What was tried", "All else"],
        caption=f"Single figures given up in place of the {ledger.printed[ledger.quantity == lost].iloc[0]} of {tables.inside_sentence(readable(lost))}, "
                f"and whether exact cohorts of {constraints.n} patients then exist.",
        notes=["*Beginnings*: labelled beginnings of orders on which the rows of all patients and of the comparison can be read. Printed counts are "
               "not given up. Times are taken as distinct: patients who die on the same day are not covered. P values, where orders were gone through, are the log-rank test's. " + alternatives_source])
    say(tables.alternatives_sentence(alternatives, lost, ledger.printed[ledger.quantity == lost].iloc[0], "change of MELD"))

# %% [markdown]
# ## What the paper leaves unsaid
#
# The paper names Cox regression, and prints P values that a log-rank test, a score test or a Wald test may have given. It does not
# say whether times are whole days, nor how many days make a month. Each combination is a switch.

# %%
combinations, combinations_source = tables.read_made("ambiguities.csv", "python -m lib.reconstruct.ambiguities")
if combinations is not None:
    chapter.table(
        tables.ambiguities_shown(combinations), next(next_table), stub="Test behind the P values", left=["Days of a month, if times are whole days", "Exact cohorts"],
        caption=f"{len(combinations)} combinations of test and unit of time, and whether exact cohorts of {constraints.n} patients exist.",
        notes=["The score test is the log-rank test where no times are tied. By the Wald test only labellings whose log-rank P value is near the "
               "printed one are looked at. " + combinations_source])
    say(tables.ambiguities_sentences(combinations))
else:
    say(combinations_source)

# %% [markdown]
# The readings of liver progression-free survival, and rounding against cutting off, are among the claims above: some
# readings survive, and the chapters use one of them and say which.
#
# ## Against the paper
#
# This chapter recomputes no figure of the paper. The figures that the invention does *not* give are these.

# %%
lost_figures = tables.given_up_table(ledger)
chapter.table(
    lost_figures, next(next_table), stub="Figure", left=["Where printed", "Why"],
    caption=f"The {len(lost_figures)} places whose printed figure the invented patients do not give, of {len(ledger)}.")

# %%
chapter.record({"reconstruction.orders.possible": all_orders, "reconstruction.orders.left": left_orders,
                "reconstruction.orders.exact": len(exact_orders), "reconstruction.given_up.places": len(lost_figures)})
chapter.record("reconstruction.cohort_is_exact", int(own_order in exact_orders))
chapter.record("reconstruction.nearest_months", round(float(nearest), 9))
chapter.hand_on()
say(f"The cohort shown in the other chapters has {'one of the exact orders' if own_order in exact_orders else 'an order that allows **no** exact times'}.")

# %% [markdown]
# ## What this does and does not show
#
# - It shows that nearly all printed figures can stand together if times may be fractions of a day, and names the few that cannot.
# - It shows how much is fixed by print alone: less of what a clinician would ask than the narrow windows suggest.
# - It does **not** show that the hospital's patients were like these. No figure that the paper does not print may be taken from
#   one invented cohort, not even the reference cohort of the other chapters.
# - A range over the ensemble is no confidence interval: it tells what agrees with the print, not what another hospital would find. A
#   share of cohorts is no probability.
# - Never pool these rows with patients, never fit a model on them, never cite a number that only they have.
#
# ## Try this
#
# Set `walk_seed` to `2` and re-run: another walk, another nearest cohort, the same narrow ranges. Set `ensemble_tier` to `"exact"`: the wide
# ranges of the picture collapse onto the narrow ones, for exactness leaves little choice, and the
# exact tier not even all of that.
