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
# # 7. Does another paper agree with its own numbers?
#
# **Question.** Do the figures that a paper prints of its patients' survival agree with each other, and what do they
# leave open?
#
# **Uses** one CSV file with the printed figures of one or two groups, and nothing else. **Hold another paper against its
# own numbers:** fill in `data/templates/another_paper.csv`, put its path into the cell below, and run the chapter. Here it is shown on
# a trial whose patients are public, so that the answer can be compared with the truth.

# %% tags=["parameters"]
paper = "six_mp"      # a CSV under data/another_paper/, or a path to your own
n_cohorts = 300       # most invented cohorts to keep; 50 to 5000
search_seconds = 1.0  # effort of drawing one group; more finds more, and takes longer; 0.1 to 600
p_within = 0.0        # how far a P value may be from the printed one, beyond rounding; 0 to 0.5
limits_within = 0.0   # how far a limit of a median may be from the printed one, in the paper's time unit; 0 to 10000
search_seed = 1       # of the random draws

# %%
from lib.another_paper import report
from lib.another_paper.checks import run_checks
from lib.another_paper.claims import judge
from lib.another_paper.ensemble import Search, find_cohorts
from lib.another_paper.known import figures_of_patients, known_patients
from lib.another_paper.ledger import read_paper
from lib.figures.another_paper import draw_found_curves, draw_open_ranges
from lib.narrative import Chapter, plain, say

path = report.paper_path(paper)
summary = read_paper(path)
true_patients = known_patients(summary.known_patients)
chapter = Chapter("07_another_paper", whose=report.whose(true_patients), paper=path.stem, n_cohorts=n_cohorts,
                  search_seconds=search_seconds, p_within=p_within, limits_within=limits_within, search_seed=search_seed)

# %%
patients = report.population(summary)
say(f"**{plain(summary.study)}.** {plain(summary.source)} The summary prints {len(summary.figures)} figures: {patients}.")

# %% [markdown]
# ## What the print alone can tell
#
# Each check compares printed figures with each other and needs no patients. A percentage must be one of whole patients; a mean of
# whole numbers is a whole sum shared out (GRIM), and their standard deviation belongs to a whole sum of squares
# (GRIMMER). The interval of a hazard ratio is symmetric on the logarithmic scale, and cannot be narrower than
# its events allow. A survival curve does not rise, and is at one half at its median.
#
# A check that fails is arithmetic and no accusation: a misprint, a denominator that is not named, or a method that is not the
# one stated.

# %%
checks = run_checks(summary)
say(report.checks_sentence(checks, summary))
if checks:
    chapter.table(report.checks_table(checks), "7.1", left=["Figures", "What was found"],
                  caption=f"Checks of the printed figures against each other, {patients}.",
                  notes=["A figure stands for every value that rounds to it."])

# %% [markdown]
# ## Cohorts that agree with the print
#
# Each group is drawn at random from all cohorts that agree with the group's own figures, by the sampler of
# `lib.reconstruct`. Draws of two groups are then paired, and a pair is kept if the comparison and the figures of all patients agree
# too. **These patients are invented**; they differ as much as the search could make them differ.

# %%
search = Search(search_seed, n_cohorts, search_seconds, p_within, limits_within)
found = find_cohorts(summary, search)
say(report.search_sentence(found))

# %%
if len(found):
    chapter.figure(
        draw_found_curves(report.curves_of(found), report.known_curves(true_patients, found.scale), longest=report.axis_end(found),
                          xlabel=f"Time ({summary.time_unit})", ylabel=f"Free of {summary.event} (proportion)"),
        "7.1", **report.curves_text(found, true_patients))

# %% [markdown]
# ## What the print leaves open
#
# A paper prints a few figures; its patients have many more. The range of each is the least and the greatest value in any cohort
# found, widened by a directed search from the two extreme cohorts. It is a lower bound of what is possible: a wider search can only
# widen it. How many of the found cohorts have a value says nothing about how probable it is.

# %%
if len(found):
    true_figures = figures_of_patients(true_patients, summary, found.layout) if true_patients is not None else None
    ranges = report.open_figures(found, true_figures)
    chapter.table(report.open_table(ranges), "7.2", caption=f"Figures that the paper does not print, in {len(found)} invented cohorts that "
                  f"agree with all it prints ({patients}).", notes=report.open_notes(summary))

# %%
if len(found) and len(report.drawn_ranges(ranges)):
    chapter.figure(draw_open_ranges(report.drawn_ranges(ranges)), "7.2", **report.ranges_text(ranges, found))

# %% [markdown]
# ## Which claims follow
#
# A claim is **implied**, or **contradicted**, where every value that prints so makes it true, or false. It is **held in all found**
# where it is true in every cohort found and a directed search for a counterexample failed: strong, and no proof. It is **undecided** where
# cohorts of both kinds agree with the print: the paper cannot support it, whatever its authors know. It is **not testable**
# where no cohort could decide it.

# %%
verdicts = judge(found)
say(report.claims_sentence(verdicts))
chapter.table(report.claims_table(verdicts), "7.3", left=["Verdict", "What decides"],
              caption=f"Claims about the patients, each judged by the printed figures and by {len(found)} invented cohorts.",
              notes=["*True in*: found cohorts in which the comparison holds, of those in which it can be judged; no probability."])

# %% [markdown]
# ## Against the paper's patients

# %%
say(report.truth_sentence(ranges if len(found) else None, true_patients))
chapter.record(report.recorded(checks, found, verdicts))
chapter.hand_on()

# %% [markdown]
# ## What this does and does not show
#
# It shows which printed figures exclude each other, which sentences follow from the print, and which need more than the paper
# gives. It does not show what the patients were: the found cohorts are invented, and none of them is the true one. It
# takes the print at its word: censoring that depends on the outcome, or an analysis other than the one named, is
# beyond it. And a search that finds nothing proves nothing.
#
# ## Try this
#
# Set `search_seed` to `2`, and see which ranges move: those are the ones the search has not exhausted. Then blank the two
# limits of the hazard ratio in a copy of `data/another_paper/six_mp.csv`, give its path as `paper`, and see how much the
# two had pinned down.
