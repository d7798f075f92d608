"""Sentences of what the paper pins down, computed from the written results of `lib.identified`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.identified.predicates import holds, names_in
from lib.identified.ranges import IMPLIED, NARROWED, OPEN, shown
from lib.identified.results import CONTRADICTED, FAILED, HELD, NOT_TESTABLE, TEMPTING, UNDECIDED
from lib.identified.results import IMPLIED as PROVED
from lib.identified_tables import COMPARISONS
from lib.narrative import join
from lib.survival.estimate import kaplan_meier

GROUPS = {
    # quantity's grouping: (flag, names where it is true and false, first level first)
    "extrahepatic_disease": ("extrahepatic_disease", {False: "no extrahepatic disease", True: "extrahepatic disease"}),
    "meld_change": ("meld_increased", {False: "MELD not increased", True: "MELD increased"}),
    "treatment_gap": ("early_treatment", {True: "early treatment", False: "late treatment"}),
    "mrecist_response": ("mrecist_responder", {True: "responders", False: "non-responders"}),
}
FLAGGED = ("yes", "increased", "early", "responders")
"""Levels that stand for a true flag."""


def pinned(rows: pd.DataFrame, by_counts: int) -> str:
    """How many quantities have each grade, and the ends of the list."""
    counts, pinned_first = rows.grade.value_counts(), rows[rows.grade != IMPLIED]
    return (f"Of **{len(rows)}** quantities that the cohorts give, **{counts.get(IMPLIED, 0)}** are implied, {counts.get(NARROWED, 0)} "
            f"narrowed and **{counts.get(OPEN, 0)}** open; {by_counts} more, such as response rates, are arithmetic on printed counts. Of those "
            f"that are not implied, the best pinned is {_named(pinned_first.iloc[0])}, the least {_named(pinned_first.iloc[-1])}.")


def _named(row) -> str:
    return f"the {row.title} ({row.span}{f' {row.unit}' if row.unit else ''})"


def hazard_ratios(rows: pd.DataFrame) -> str:
    """The four hazard ratios, which the printed P values pin."""
    ratios = rows[rows.quantity.str.fullmatch(r"os_treatment\.[a-z_]+\.hazard_ratio")].sort_values("share_left")
    listed = [f"{row.title.removeprefix('hazard ratio, ')} {row.span}" for row in ratios.itertuples()]
    return (f"The printed P values pin the hazard ratios: {join(listed)}. "
            "A P value and the numbers of patients leave a ratio little room; which side of 1 it falls on, the printed medians must say.")


def of_verdicts(verdicts: pd.DataFrame) -> list[str]:
    """One sentence for each verdict that any claim has."""
    said = []
    for verdict, opening in ((PROVED, "The printed figures **imply**"), (CONTRADICTED, "They **contradict**"),
                             (HELD, "**Held in all found**, which proves nothing but withstood a search for the contrary, is"),
                             (FAILED, "**Held in none found** is"), (UNDECIDED, "**Undecided** is"),
                             (NOT_TESTABLE, "**Not testable** in a single arm is")):
        claims = verdicts.claim[verdicts.verdict == verdict]
        if len(claims):
            said.append(f"{opening} {join(f'*{_lower(claim)}*' for claim in claims)}.")
    return said


def _lower(claim: str) -> str:
    first = claim.split()[0]
    return claim if first.isupper() or first[1:].lower() != first[1:] else claim[0].lower() + claim[1:]


def claim_sentences(verdicts: pd.DataFrame) -> str:
    """A list with a sentence for each claim that cohorts speak for and against."""
    lines = []
    for row in verdicts[verdicts.verdict == UNDECIDED].itertuples():
        lines.append(f"- *{row.claim}*: true in {row.n_for:,} and false in {row.n_against:,} of {row.n_cohorts:,} cohorts found.")
    return "\n".join(lines) if lines else "No claim is undecided."


def own_claim(predicate: str, values: pd.DataFrame) -> str:
    """What the cohorts say of a reader's own predicate.

    Parameters
    ----------
    predicate : str
    values : DataFrame
        ``data/identified_values.parquet``.
    """
    found = holds(predicate, {name: values[name].to_numpy(float) for name in names_in(predicate) if name in values})
    parts = []
    for tier in ("tolerant", "exact", "directed"):
        truth = found[(values.tier == tier).to_numpy() & ~np.isnan(found)]
        if len(truth):
            parts.append(f"{int(truth.sum()):,} of {len(truth):,} {tier} cohorts")
    known = found[~np.isnan(found)]
    verdict = ("true in every cohort found" if len(known) and known.all() else "false in every cohort found" if len(known) and not known.any()
               else "undecided by the paper" if len(known) else "not computed in any cohort")
    return f"`{predicate}` is true in {join(parts) if parts else 'no cohort'}: {verdict}."


def edge_curves(extremes: pd.DataFrame, quantity: str, values: pd.DataFrame, patients: pd.DataFrame, flags: dict) -> dict:
    """Curves of the groups in the two cohorts at the edges of a quantity, and in the chapter's cohort between them.

    Parameters
    ----------
    extremes : DataFrame
        ``data/extremes.parquet``.
    quantity : str
        One that was searched.
    values : DataFrame
        ``data/identified_values.parquet``.
    patients : DataFrame
        Of the chapter's cohort, with ``os_treatment_months`` and ``died``.
    flags : dict of str to ndarray of bool
        Grouping -> where its flag is true in the chapter's cohort.

    Returns
    -------
    dict of str to dict of str to Curve
    """
    grouping = quantity.split(".")[1]
    flag, names = GROUPS[grouping]
    of_edge = values[values.tier == "directed"].set_index("cohort")[quantity]
    chosen = of_edge[extremes[extremes.quantity == quantity].cohort.unique()]
    panels = {}
    for word, number in (("smallest", chosen.idxmin()), ("largest", chosen.idxmax())):
        rows = extremes[extremes.cohort == number]
        panels[f"The {word} found: {shown(chosen[number], 2)}"] = _curves(rows, rows[flag].to_numpy(bool), names)
    own = {"This cohort": _curves(patients, flags[grouping], names)} if grouping in flags else {}
    (first, second) = panels.items()
    return dict([first, *own.items(), second])


def _curves(rows: pd.DataFrame, flagged: np.ndarray, names: dict) -> dict:
    months, died = rows.os_treatment_months.to_numpy(float), rows.died.to_numpy(bool)
    return {name: kaplan_meier(months[flagged == value], died[flagged == value]) for value, name in names.items() if (flagged == value).any()}


def firmness(fragility: pd.DataFrame, verdicts: pd.DataFrame) -> str:
    """Which claims one patient can flip in every cohort, and which withstand all changes that were tried."""
    brittle = fragility.claim[fragility.most == 1]
    some = fragility.claim[(fragility.fewest == 1) & (fragility.most > 1)]
    return (f"In every cohort tried a single changed outcome flips {len(brittle)} of {len(fragility)} claims"
            f"{': ' + join(f'*{_lower(claim)}*' for claim in brittle) if len(brittle) else ''}. "
            f"For {len(some)} more, one patient suffices in some of the cohorts.")


def deciding_sentence(needed: pd.DataFrame, power: float) -> str:
    """How many patients would decide each comparison without longer follow-up."""
    parts = []
    for row in needed[needed.further_months == 0].itertuples():
        size = f"{row.middle:,.0f} patients" if np.isfinite(row.middle) else "more than 1,536 patients"
        ends = [f"{end:,.0f}" if np.isfinite(end) else "over 1,536" for end in (row.fewest, row.most)]
        parts.append(f"{COMPARISONS[row.comparison].lower() if row.comparison not in ('meld_change', 'y90_vs_deb_tace') else COMPARISONS[row.comparison]}: "
                     f"{size} ({ends[0]} to {ends[1]} over cohorts)")
    return f"For a power of {power:g} at a two-sided level of 0.05, studies like this one would need: {'; '.join(parts)}."


def papers_own(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The claims that the paper itself makes."""
    return verdicts[verdicts.place != TEMPTING].reset_index(drop=True)
