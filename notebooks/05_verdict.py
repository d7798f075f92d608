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
# # 5. Does the paper follow from its own patients?
#
# **Question.** Which of the figures that the paper prints follow from patient-level rows, which cannot, and
# where do two places of the paper exclude each other?
#
# **Uses** what chapters 1 to 4 handed on, the ledger of printed figures and the figures of other studies that
# the paper quotes. **Answers** every table and figure of the paper, place by place.

# %% tags=["parameters"]
cohort = "reference"       # a folder under data/, or a path to your own
largest_denominator = 100  # the largest n tried when a printed percentage is traced to its denominator; 10 to 1000

# %%
from lib.claims import judge_claims, quoted_studies, read_claims
from lib.cohort import read_cohort
from lib.consistency import contradictions, findings_table
from lib.figures.verdict import plot_verdicts
from lib.narrative import Chapter, join, say
from lib.literature import read_literature
from lib.published import judge, read_ledger, summary
from lib.verdicts import by_section, differing, read_handed_on, results_folder, whole_ledger

study = read_cohort(cohort)
chapter = Chapter("05_verdict", study, cohort=cohort, largest_denominator=largest_denominator)

# %% [markdown]
# ## How a verdict is reached
#
# The ledger holds one row for each place at which the paper prints a figure of its own study. A figure is
# **reproduced** when the value recomputed from the rows prints as the same string: the decimals printed are the
# precision asked for. It **differs** when it does not. Figures of **method**, such as a dose or an eligibility
# limit, are not results: the rows are checked to respect them. A few figures, such as calendar dates, are
# **not derivable** from rows that hold none.
#
# The patients were searched so that the figures come out. A reproduced figure therefore shows that the paper's
# figures *can* hold together, not that the hospital's patients were these.

# %%
ledger = read_ledger()
handed_on = read_handed_on(results_folder(chapter.out))
judged = judge(ledger, handed_on.entries)
counts = summary(judged)

# %%
if chapter.is_published_analysis and not handed_on.not_the_papers:
    say(f"Of **{counts['published']}** published figures **{counts['reproduced']}** are reproduced at printed "
        f"precision, {counts['method']} are figures of method that the rows respect, {counts['differs']} differ and "
        f"{counts['not_derivable']} cannot be derived. {counts['unaccounted']} are unaccounted for"
        + (f", and {counts['unexpected']} have a verdict other than the expected one." if counts["unexpected"] else "."))
else:
    say("**Not the published analysis**, so the verdicts below are not the paper's: "
        f"{join(handed_on.not_the_papers) if handed_on.not_the_papers else 'the cohort is not the reference cohort'}.")

# %% [markdown]
# ## The verdicts, section by section
#
# Each bar is a part of the paper; its length is the number of figures printed there. The same figure
# printed in three places counts three times, because each place can be wrong on its own.

# %%
sections = by_section(judged)
chapter.figure(
    plot_verdicts(sections), "5.1",
    caption=f"Verdict on each of {counts['published']} printed figures by the part of the paper that prints it "
            "(number of figures; n is the number printed in that part).",
    alt=f"Stacked bars by part of the paper. {counts['reproduced']} of {counts['published']} figures are reproduced; "
        f"most of the {counts['differs']} that differ are printed in "
        f"{join(sections.sort_values('differs', ascending=False).index[:2])}.")

# %% [markdown]
# ## The figures that differ
#
# These are the figures that our patients do not give. A note says what is known of the reason.

# %%
chapter.table(
    differing(judged), "5.1", left=["Where printed", "Note"],
    caption=f"The {counts['differs']} printed figures that differ from the value recomputed from the rows.",
    notes=["*Recomputed* is shown one decimal finer than printed."])

# %% [markdown]
# ## Where the paper contradicts itself
#
# The next table needs no patients: it compares printed figures with each other. Two printed figures
# contradict each other when no single value rounds to both; a percentage contradicts its count when no
# patient number of its column gives it.

# %%
findings = contradictions(ledger, largest_denominator)
chapter.table(
    findings_table(findings), "5.2", stub="Finding", left=["What shows it", "Where printed"],
    caption=f"{len(findings)} contradictions and oddities found by computation in the printed figures.")

# %%
chapter.record("contradictions.count", len(findings))
say(f"The check finds **{len(findings)}** places where the paper's figures are at odds, among them: "
    f"{join(finding.title for finding in findings if 'percentages of' in finding.title)}.")

# %% [markdown]
# ## The paper's claims
#
# A claim that compares two figures is evaluated on the recomputed values, and on the other study's figures as
# its own abstract gives them. Words such as *improve*, *effective* or *benefit* need a control arm. This study
# has a single arm, so such a claim is **not testable**, however the figures fall.

# %%
literature = read_literature()
claims = judge_claims(read_claims(), handed_on.entries, literature)
chapter.table(
    claims, "5.3", stub="Claim", left=["Where printed", "Verdict", "What shows it"],
    caption=f"{len(claims)} claims of the paper, each evaluated on the recomputed figures and the literature.",
    notes=["Claims are in our words. *holds* and *does not hold* are about the direction of the figures compared; "
           "whether chance explains them is said beside."])

# %%
verdicts = claims["Verdict"].value_counts()
chapter.record({f"claims.{verdict.replace(' ', '_')}.count": int(number) for verdict, number in verdicts.items()})
say(f"Verdicts on {len(claims)} claims: {join(f'*{verdict}* for {number}' for verdict, number in verdicts.items())}.")

# %% [markdown]
# ## What the paper says of other studies
#
# A comparison is as good as the figure it compares with. Beside each figure that the paper quotes stands what
# the abstract of the study itself says, and of whom.

# %%
quoted = quoted_studies(literature)
chapter.table(
    quoted, "5.4", stub="Study", left=["Figure", "Verdict", "Note"],
    caption=f"{len(quoted)} figures of other studies that the paper quotes, beside the studies' own abstracts.")

# %%
misquoted = quoted[quoted["Verdict"] == "differs"]
say(f"{len(misquoted)} of {len(quoted)} quoted figures differ from the study's abstract"
    f"{': ' + join(misquoted['Study']) if len(misquoted) else ''}. "
    "Where a figure agrees but belongs to a subgroup, the note says whose it is.")

# %% [markdown]
# ## Against the paper
#
# The whole ledger, by chapter: each printed figure, where it stands, what the rows give, and the verdict.

# %%
chapter.table(
    whole_ledger(judged), "5.5", stub="Figure", group="chapter", left=["Verdict", "Where printed"],
    caption=f"All {counts['published']} printed figures against the values recomputed from the rows.",
    notes=["One line per figure and printed string; places that print the same string share a line."])

# %%
chapter.hand_on(summary=counts)
say(f"**{counts['reproduced']} of {counts['published']} published figures reproduced**, {counts['method']} figures of "
    f"method respected, {counts['differs']} differ, {counts['not_derivable']} not derivable.")

# %% [markdown]
# ## What this does and does not show
#
# - It shows that one set of rows can carry almost everything the paper prints, under conventions that the paper
#   names only in part.
# - It shows where no set of rows can, because printed figures exclude each other.
# - It does **not** show that the hospital's patients looked like these. Many different cohorts give the same
#   printed figures, and anything the paper does not print is ours.
# - A claim that does not hold here is a claim about printed figures, not about a treatment.
#
# ## Try this
#
# Change one figure in the ledger, `data/published.csv`, and re-run: the verdict, the counts, the picture and
# the list of contradictions follow. Or set `largest_denominator` to `20`: the denominator behind the
# percentages of the response table is no longer found, and the finding says so.
