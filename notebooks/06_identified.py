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
# # 6. What does the paper pin down?
#
# **Question.** The chapters before this one compute many numbers that the paper does not print. Which of them follow
# from what it prints, which are merely narrowed, and which could be anything? And which statements about the study are
# true of every cohort that agrees with the paper?
#
# **Uses** the ensemble: thousands of invented cohorts that all agree with the paper and are as unlike each other as
# could be found. **Answers** what one reconstruction cannot: a number of one cohort is an anecdote, however well that
# cohort fits.

# %% tags=["parameters"]
cohort = "reference"          # a folder under data/, or a path to your own
most_left = 0.5               # largest share of counts-only cohorts left inside for a quantity to count as narrowed; 0 to 1
edge_drawn = "mrecist_response"  # whose two extreme cohorts are drawn: "meld_change", "mrecist_response" or "treatment_gap"
own_claim = "os_treatment.at_24_months >= 0.25"  # your own statement: quantities of data/identified.csv and numbers, compared
deciding_power = 0.8          # power that a study should have to decide a comparison; above 0.5, below 1

# %%
from lib import identified_tables as tables
from lib import identified_text as text
from lib.cohort import read_cohort
from lib.figures import identified as figures
from lib.identified import results
from lib.identified.ranges import GRADES, read_ranges
from lib.narrative import Chapter, say
from lib.reconstruction_tables import read_made
from lib.survival.groups import groupings

study = read_cohort(cohort)
chapter = Chapter("06_identified", study, cohort=cohort, most_left=most_left, edge_drawn=edge_drawn, own_claim=own_claim,
                  deciding_power=deciding_power)

# %% [markdown]
# ## What a range means, and what it does not
#
# A quantity's **range** is taken over every cohort that was found to agree with the paper. There are two tiers. In the
# *exact* tier everything printed recomputes to its last digit; such cohorts are rare and alike. In the *tolerant* tier
# counts, tables, medians and follow-up are exact, while P values and confidence limits may be off by a little, which lets
# far more orders of deaths and censorings in.
#
# - A range over cohorts that were *found* is a lower bound on the true range: it can only grow.
# - **Shares of cohorts are not probabilities.** They depend on how the cohorts were drawn, and nobody knows how likely the
#   hospital's own patients were to look like one rather than another.
# - A **proof** is another matter: where every possible order was enumerated, or arithmetic on printed counts settles the
#   question, no cohort at all can lie outside the limits. Proofs from enumeration hold if the printed P values are those of
#   log-rank or score tests, and for every cohort that chapter 0 found should they be those of Wald tests: the paper does not say.
#   They take the printed intervals to be those of SPSS, and no two times to be alike; they leave out the figures that chapter 0
#   gives up. Cohorts of the tolerant tier need not give every figure at printed precision, so they may break a proof.
#
# **Counts-only cohorts** are what a range is compared with: they know only what the paper *counts*, that is patients, deaths, groups,
# response tables, length of follow-up. If they spread no wider than the ensemble, then the paper's medians, intervals and P
# values have said nothing about the quantity.

# %%
calibration, calibration_source = read_made("calibration.csv", "make calibrate")
say(calibration_source if calibration is None else text.calibrated(calibration))

# %%
ranges = read_ranges()
rows = tables.graded(ranges, most_left)
say(f"- **implied**: {GRADES['implied']}.\n- **narrowed**: at most {100 * most_left:g}% of the cohorts that know the printed "
    "counts alone lie where the middle 95% of the tolerant tier lies.\n- **open**: more than that do. It is the tolerant tier that is judged by; the exact tier may be "
    "narrower, or lie elsewhere.")

# %% [markdown]
# ## From pinned to open
#
# Each line is one quantity. Its bar covers the middle of the tolerant tier, measured in percent of the counts-only
# cohorts that lie below: a short bar is a pinned quantity, one that fills the grey band has learnt nothing from the
# printed survival figures. The thin black line is the exact tier. The numbers at the right are the range over all cohorts
# found.

# %%
shown = tables.drawn(rows)
chapter.figure(
    figures.draw_ranges(shown), "6.1",
    caption=f"Ranges of {len(shown)} unpublished quantities over {tables.n_cohorts(ranges):,} agreeing cohorts, as the share of counts-only cohorts "
            "below each end; bars: middle 95% of the tolerant tier; grey: middle 95% of the counts-only cohorts.",
    alt=f"Interval plot of {len(shown)} quantities. At the top {shown.title.iloc[0]} ({shown.span.iloc[0]}), at the bottom "
        f"{shown.title.iloc[-1]} ({shown.span.iloc[-1]}).")

# %%
say(text.pinned(rows, int((ranges.n_cohorts == 0).sum())))
say(text.hazard_ratios(rows))

# %%
chapter.table(
    tables.range_table(rows), "6.1", group="Chapter", left=["Grade"],
    caption=f"{len(rows)} quantities that the chapters compute and the paper does not print: range over all agreeing cohorts found, the two "
            "tiers, limits that are proved, the counts-only cohorts, and the grade.",
    notes=["Where treatment matters, treatments are dealt anew among patients whom no printed figure tells apart. *Values dealt at random*: the "
           "reference cohort's values, dealt to the patients of each cohort; laboratory values so that, as printed, none is significant.",
           "Cohorts of the tolerant tier need not agree at printed precision, so they can lie well outside a proved limit, and their middle 95% can "
           "miss the exact tier altogether."])

# %%
counts = rows.grade.value_counts()
chapter.record({f"identified.{grade}.count": int(counts.get(grade, 0)) for grade in GRADES})

# %% [markdown]
# ## Statements held against every cohort
#
# A claim is a statement that is true or false of a cohort. Some are the paper's own; others are those that its
# figures invite a reader to make. Words such as *improve*, *effective* and *safe* compare with patients treated
# otherwise; a study with one arm has none.
#
# A claim is *implied* or *contradicted* only by proof. Where there is none, a directed search looks for cohorts
# that push the claim's quantity as far as it will go in either direction; a claim that survives that is *held in all
# found*, which is less than implied. All others are *undecided*: of the cohorts found, which agree with the paper at least
# within the tolerance, some say yes, and some say no.

# %%
verdicts = results.read_result(results.VERDICT_FILE)
chapter.table(
    tables.claim_table(verdicts), "6.2", left=["Place", "Verdict", "Ground"],
    caption=f"{len(verdicts)} claims, each against every agreeing cohort found: verdict, share of the tolerant / exact tier in which it is true, "
            "cohorts for and against it (those of the directed search and of dealt treatments included), and the ground of a proof.",
    notes=[*tables.meanings(), results.PROOFS_HOLD,
           "Of the tests of chapter 4 the claims read the log-rank, Wald, Firth, permutation and Breslow-Wilcoxon tests; Tarone-Ware's is not among them."])

# %%
say(text.of_verdicts(verdicts))
chapter.record({f"ensemble_claims.{verdict.replace(' ', '_')}.count": int((verdicts.verdict == verdict).sum()) for verdict in results.VERDICTS})

# %%
judged = tables.verdict_rows(verdicts)
chapter.figure(
    figures.draw_verdicts(judged), "6.2",
    caption=f"Share of the tolerant tier's cohorts in which each of {len(judged)} claims is true, with its verdict. A full bar is no "
            f"proof, and an empty one no disproof. {results.PROOFS_HOLD}",
    alt=f"Bars of {len(judged)} claims by verdict; {int((judged.verdict == results.UNDECIDED).sum())} of them are undecided.")

# %%
say(text.claim_sentences(verdicts))

# %% [markdown]
# ### Two cohorts, one paper
#
# What it means for a claim to be undecided is best seen in two cohorts. Both outer panels agree with the paper in
# every count, table and median; between them they span what a directed search could reach.

# %%
extremes = results.read_result(results.EXTREMES_FILE)
flags = {name: (grouping.labels == next(level for level in grouping.levels if level in text.FLAGGED)).to_numpy()
         for name, grouping in groupings(study).items()}
edge, curves = text.EDGES[edge_drawn], text.edge_curves(extremes, edge_drawn, study.patients, flags)
chapter.figure(
    figures.draw_edges(curves, "Months from first liver-directed treatment"), "6.3",
    caption=f"Overall survival in the cohorts at the edges of *{ranges.title[edge]}*, found by directed search from the ensemble, "
            f"and in this chapter's cohort (n = {study.n_patients} each); Kaplan-Meier.",
    alt=f"Survival curves of two groups in {len(curves)} cohorts; {', '.join(curves)}.")

# %% [markdown]
# ### Your own statement
#
# The parameter `own_claim` takes any comparison of the quantities of chapters 1 to 4, by the names under which they
# are kept in `data/identified.csv`, joined by `and`, `or` and `not`. The proofs are asked first; then it is held against
# every cohort kept.

# %%
say(text.own_claim(own_claim))

# %% [markdown]
# ## How firmly does a claim stand?
#
# The **fragility** of a claim is the fewest patients whose outcome would have to be another, dead instead of alive at last
# contact or the reverse, for the claim to flip; for response rates, whose response would have to be. Every choice of up to three
# patients is tried, of responses every number. The changed cohort no longer agrees with the paper; the number says how much
# hangs on single patients.

# %%
fragility = results.read_result(results.FRAGILITY_FILE)
chapter.table(
    tables.fragility_table(fragility, verdicts), "6.3", left=["Verdict"],
    caption=f"Fewest patients whose vital status has to change to flip a claim, over {int(fragility.n_cohorts.max())} agreeing cohorts drawn at random "
            f"from the ensemble, every choice of up to {results.TOO_MANY - 1} patients tried: in the most fragile cohort, in half of them, in the "
            "firmest, and the share in which one patient suffices.",
    notes=[f"*over {results.TOO_MANY - 1}*: no choice of up to {results.TOO_MANY - 1} patients flips the claim; more were not tried.",
           "Left out: claims that vital status does not move, or with too slow a test to try every change."])

# %%
say(text.firmness(fragility, verdicts))
say(text.response_firmness())

# %% [markdown]
# ## What would decide it?
#
# Studies are drawn from each cohort's own patients, larger and followed for longer, and compared by the log-rank test.
# Two uncertainties come together: within a cohort the luck of the draw, which the power counts, and between cohorts
# what the paper leaves open, which the band shows. The effect is taken to be the cohort's own, as if its patients
# were typical.

# %%
deciding = results.read_result(results.DECIDING_FILE)
simulated = deciding.iloc[0]
chapter.figure(
    figures.draw_power(deciding[deciding.further_months == 0], tables.COMPARISONS, deciding_power), "6.4",
    caption=f"Power of the log-rank test (two-sided, level 0.05) in studies drawn from {int(simulated.n_cohorts)} agreeing cohorts, "
            f"{int(simulated.n_simulated)} simulated studies each: median over cohorts and middle 95% (band); dashed: a power of {deciding_power:g}.",
    alt=text.power_alt(deciding))

# %%
needed = results.patients_needed(deciding, deciding_power)
chapter.table(
    tables.deciding_table(needed), "6.4", group="Comparison",
    caption=f"Patients with whom the log-rank test reaches a power of {deciding_power:g}, among the sizes simulated (24 to 1,536): in the cohort that needs "
            "fewest, in half of the cohorts, in the one that needs most (2.5th to 97.5th percentile over cohorts).",
    notes=["Longer follow-up: patients censored live on at their group's constant rate of death."])
say(text.deciding_sentence(needed, deciding_power))

# %% [markdown]
# ## What it costs
#
# All quantities of all cohorts are computed by compiled kernels, which the tests hold to lifelines, greenwood and firthmodels.
# On logarithmic axes, as those of the left panel, time in step with the number of cohorts is a line that rises one decade for
# each decade.

# %%
scale = results.read_result(results.SCALE_FILE)
chapter.figure(
    figures.draw_scale(scale), "6.5",
    caption=f"Time and memory of {int(scale.n_quantities.max())} quantities against the number of cohorts, {int(scale.n_cohorts.min()):,} to "
            f"{int(scale.n_cohorts.max()):,}, one core; measured once, by `tests/benchmarks/bench_identified.py`.",
    alt=text.scale_alt(scale))

# %% [markdown]
# ## Against the paper
#
# The claims that the paper itself makes, with what its own figures decide.

# %%
own = text.papers_own(verdicts)
chapter.table(
    tables.claim_table(own)[["Claim", "Place", "Verdict", "Ground"]], "6.5", left=["Place", "Verdict", "Ground"],
    caption=f"{len(own)} claims of the paper and their verdicts; claims are in our words.")
chapter.hand_on()

# %% [markdown]
# ## What this does and does not show
#
# - It shows which numbers of this collection a reader may quote as consequences of the paper: the implied ones, with
#   their proof, and no others.
# - It shows that some comfortable statements are undecided, by exhibiting cohorts on either side.
# - It does **not** say how probable anything is. The ensemble was drawn for diversity, not by nature.
# - It does **not** say what the hospital's patients were like, nor whether treatment helped them.
# - Laboratory values, ages and the like are not in the ensemble. Where they are called *dealt at random*, the reference
#   cohort's values were dealt to other patients; lesion sizes and toxicity are not searched at all.
#
# ## Try this
#
# Set `own_claim = "os_treatment.treatment_gap.hazard_ratio > 2.2"` in the parameters cell and run the chapter again; then
# raise the number until the verdict changes. Or set `most_left = 0.25`, and see which quantities are no longer called
# narrowed.
