"""Sentences of what the paper pins down, computed from the written results of `lib.identified`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.identified.predicates import Between, decided, holds, names_in
from lib.identified.ranges import IMPLIED, NARROWED, OPEN, lookup, read_ranges, shown
from lib.identified.responses import fewest_changes
from lib.identified.results import CONTRADICTED, PROOFS_HOLD, TEMPTING, UNDECIDED, VERDICTS, read_values
from lib.identified_tables import COMPARISONS, capital
from lib.narrative import join
from lib.published import LedgerError, read_ledger
from lib.reconstruct import AIM
from lib.reconstruction_tables import coverage_of
from lib.survival.estimate import kaplan_meier

GROUPS = {
    # quantity's grouping: (flag, names where it is true and false, first level first)
    "extrahepatic_disease": ("extrahepatic_disease", {False: "no extrahepatic disease", True: "extrahepatic disease"}),
    "meld_change": ("meld_increased", {False: "MELD not increased", True: "MELD increased"}),
    "treatment_gap": ("early_treatment", {True: "early treatment", False: "late treatment"}),
    "mrecist_response": ("mrecist_responder", {True: "responders", False: "non-responders"}),
}
EDGES = {"meld_change": "os_treatment.meld_change.landmark_hazard_ratio", "mrecist_response": "os_treatment.mrecist_response.hazard_ratio",
         "treatment_gap": "os_treatment.treatment_gap.rmst_difference"}
"""The quantity whose extreme cohorts are drawn for a grouping."""
FLAGGED = ("yes", "increased", "early", "responders")
"""Levels that stand for a true flag."""


def pinned(rows: pd.DataFrame, by_counts: int) -> str:
    """How many quantities have each grade, and the ends of the list."""
    counts, pinned_first = rows.grade.value_counts(), rows[rows.grade != IMPLIED]
    return (f"Of **{len(rows)}** quantities that the cohorts give, **{counts.get(IMPLIED, 0)}** are implied, {counts.get(NARROWED, 0)} "
            f"narrowed and **{counts.get(OPEN, 0)}** open; {by_counts} more, such as response rates, are arithmetic on printed counts. Relative "
            "to what the printed counts alone allow, the best pinned of those that are not implied is "
            f"{_named(pinned_first.iloc[0])}, the least {_named(pinned_first.iloc[-1])}.")


def _named(row) -> str:
    return f"the {row.title} ({row.span}{f' {row.unit}' if row.unit else ''})"


def hazard_ratios(rows: pd.DataFrame) -> str:
    """The four hazard ratios, which the printed P values pin."""
    ratios = rows[rows.quantity.str.fullmatch(r"os_treatment\.[a-z_]+\.hazard_ratio")].sort_values("share_left")
    listed = [f"{row.title.removeprefix('hazard ratio, ')} {row.span}" for row in ratios.itertuples()]
    return (f"The printed P values pin the hazard ratios: {join(listed)}. "
            "A P value and the numbers of patients leave a ratio little room; which side of 1 it falls on, the printed medians must say.")


def of_verdicts(verdicts: pd.DataFrame) -> str:
    """The claims by verdict, as a list with one line for each claim."""
    lines = []
    for verdict, meaning in VERDICTS.items():
        claims = verdicts.claim[verdicts.verdict == verdict]
        if len(claims):
            lines.append(f"**{capital(verdict)}** ({len(claims)} of {len(verdicts)}): {meaning}.\n")
            lines += [f"- {claim}." for claim in claims]
            lines.append("")
    return "\n".join(lines)


def claim_sentences(verdicts: pd.DataFrame) -> str:
    """A list with a sentence for each claim that cohorts speak for and against, and for each that only the last printed digits decide."""
    lines = [f"- *{row.claim}*: true in {row.n_for:,} and false in {row.n_against:,} of {row.n_cohorts:,} cohorts found."
             for row in verdicts[verdicts.verdict == UNDECIDED].itertuples()]
    for row in verdicts[verdicts.verdict.isin([IMPLIED, CONTRADICTED])].itertuples():
        share, word = (row.tolerant_share, "true") if row.verdict == IMPLIED else (1 - row.tolerant_share, "false")
        if share < 1:
            lines.append(f"- *{row.claim}*: {row.verdict} by the figures as printed, yet {word} in no more than {100 * share:.1f}% of the cohorts of "
                         "the tolerant tier, whose P values and limits may be a little off. The last printed digits decide it.")
    return "\n".join(lines) if lines else "No claim is undecided."


def own_claim(predicate: str) -> str:
    """What the proofs say of a reader's own predicate, and the cohorts kept."""
    values = read_values(names_in(predicate))
    found = holds(predicate, {name: values[name].to_numpy(float) for name in names_in(predicate) if name in values})
    parts = []
    for tier in ("tolerant", "exact", "directed"):
        truth = found[(values.tier == tier).to_numpy() & ~np.isnan(found)]
        if len(truth):
            parts.append(f"{int(truth.sum()):,} of {len(truth):,} {tier} cohorts")
    known = found[~np.isnan(found)]
    verdict = ("true in every cohort found" if len(known) and known.all() else "false in every cohort found" if len(known) and not known.any()
               else "undecided by the paper" if len(known) else "not computed in any cohort")
    counted = f"is true in {join(parts) if parts else 'no cohort'}"
    proof = decided(predicate, _limits)
    if proof is not None:
        return f"`{predicate}` is {IMPLIED if proof else CONTRADICTED}: {VERDICTS[IMPLIED if proof else CONTRADICTED]}. It {counted}. {PROOFS_HOLD}"
    return f"No proof decides it. `{predicate}` {counted}: {verdict}."


def _limits(name: str) -> Between:
    """Proved limits of a quantity as the file of ranges has them, or the room that its printed figure leaves."""
    from lib.reconstruct.completion.printed import CompletionError, PrintedFigures  # brings a search with it that no other sentence needs

    ranges = read_ranges()
    if name in ranges.index and ranges.ground[name]:
        return Between(ranges.proved_low[name], ranges.proved_high[name])
    try:
        return Between(*PrintedFigures(read_ledger()).interval(name))
    except (CompletionError, LedgerError):
        return Between(-np.inf, np.inf)


def calibrated(calibration: pd.DataFrame) -> str:
    """How often ranges made as the tolerant tier's held a known truth, from ``data/calibration.csv``."""
    coverage = coverage_of(calibration)
    shares = 100 * coverage.coverage[coverage.measure == "ensemble"]
    return (f"In {calibration.trial.nunique()} simulated trials with known patients, reconstructed from their printed figures alone by short "
            f"searches, the middle 95% of the cohorts held the truth in {shares.min():.0f} to {shares.max():.0f}% of the trials, by statistic (chapter 0). "
            + (f"The lowest share is below the {100 * AIM[0]:g}% aimed for: a range is a lower bound on how open a number is."
               if shares.min() < 100 * AIM[0] else
               "Such a range is about as wide as it says; that of a found ensemble can still only grow."))


def edge_curves(extremes: pd.DataFrame, grouping: str, patients: pd.DataFrame, flags: dict) -> dict:
    """Curves of the groups in the two cohorts at the edges of a quantity, and in the chapter's cohort between them.

    Parameters
    ----------
    extremes : DataFrame
        ``data/extremes.parquet``.
    grouping : str
        A key of `EDGES`.
    patients : DataFrame
        Of the chapter's cohort, with ``os_treatment_months`` and ``died``.
    flags : dict of str to ndarray of bool
        Grouping -> where its flag is true in the chapter's cohort.

    Returns
    -------
    dict of str to dict of str to Curve
    """
    flag, names = GROUPS[grouping]
    quantity = EDGES[grouping]
    values = read_values([quantity])
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
            f"{': ' + join(f'*{claim}*' for claim in brittle) if len(brittle) else ''}. "
            f"For {len(some)} more, one patient suffices in some of the cohorts.")


def response_firmness() -> str:
    """How many patients would have to respond otherwise for DEB-TACE no longer to lead Y90, or to lead it significantly, by either criterion."""
    sentences = []
    for criterion in ("mRECIST", "RECIST"):
        found = [[lookup(f"{criterion.lower()}.{arm}.orr.{part}") for arm in ("deb_tace", "y90")] for part in ("count", "n")]
        if any(each is None or each.proved_low != each.proved_high for part in found for each in part):
            continue
        hits, sizes = (tuple(int(each.proved_low) for each in part) for part in found)
        larger, significant = (fewest_changes(hits, sizes, demanded) for demanded in (False, True))
        leads = hits[0] * sizes[1] > hits[1] * sizes[0]
        sentences.append(
            f"By {criterion}, {hits[0]} of {sizes[0]} patients responded to DEB-TACE and {hits[1]} of {sizes[1]} to Y90: "
            f"{larger:g} of them would have to respond otherwise for DEB-TACE {'no longer to lead' if leads else 'to lead'}, and {significant:g} for the "
            "verdict on a lead with Fisher's exact P below 0.05 to be another.")
    return " ".join(sentences)


def power_alt(deciding: pd.DataFrame) -> str:
    """What the power figure shows, in one sentence."""
    largest = deciding[(deciding.further_months == 0) & (deciding.n_patients == deciding.n_patients.max())].set_index("comparison")
    spread = (largest.power_upper - largest.power_lower).idxmax()
    return (f"Power by number of patients for {len(largest)} comparisons; with {largest.n_patients.iloc[0]:,} patients the median power is "
            f"{largest.power_middle.min():.2f} to {largest.power_middle.max():.2f}, and it differs most between cohorts for {COMPARISONS[spread]}.")


def scale_alt(scale: pd.DataFrame) -> str:
    """Time and memory of the smallest and the largest measurement, in one sentence."""
    first, last = scale.iloc[0], scale.iloc[-1]
    return (f"From {first.n_cohorts:,} to {last.n_cohorts:,} cohorts time grows from {first.cpu_seconds:.1f} to {last.cpu_seconds:.1f} seconds "
            f"and memory from {first.memory_mb:.0f} to {last.memory_mb:.0f} MB.")


def deciding_sentence(needed: pd.DataFrame, power: float) -> str:
    """How many patients would decide each comparison without longer follow-up."""
    parts = []
    for row in needed[needed.further_months == 0].itertuples():
        size = f"{row.middle:,.0f} patients" if np.isfinite(row.middle) else "more than 1,536 patients"
        ends = [f"{end:,.0f}" if np.isfinite(end) else "over 1,536" for end in (row.fewest, row.most)]
        parts.append(f"*{COMPARISONS[row.comparison]}*: "
                     f"{size} ({ends[0]} to {ends[1]} over cohorts)")
    return f"For a power of {power:g} at a two-sided level of 0.05, studies like this one would need: {'; '.join(parts)}."


def papers_own(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The claims that the paper itself makes."""
    return verdicts[verdicts.place != TEMPTING].reset_index(drop=True)
