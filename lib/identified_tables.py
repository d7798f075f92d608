"""Tables of what the paper pins down, from the written results of `lib.identified`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.identified.ranges import GRADES, IMPLIED, NARROWED, OPEN, shown
from lib.identified.results import TEMPTING, TOO_MANY, VERDICTS

COMPARISONS = {"extrahepatic_disease": "Extrahepatic disease", "meld_change": "Change of the MELD score",
               "treatment_gap": "Time from liver metastasis to treatment", "mrecist_response": "Response by mRECIST",
               "y90_vs_deb_tace": "Y90 against DEB-TACE"}


def graded(ranges: pd.DataFrame, most_left: float) -> pd.DataFrame:
    """The quantities that cohorts give, regraded by a reader's limit, pinned ones first, with their ranges in words.

    Parameters
    ----------
    ranges : DataFrame
        From `lib.identified.ranges.read_ranges`.
    most_left : float
        Largest share of counts-only cohorts left inside for a quantity to count as narrowed.

    Returns
    -------
    DataFrame
        With ``span`` and, where proved limits exist, ``proved``.
    """
    rows = ranges[ranges.n_cohorts > 0].copy()
    rows["grade"] = [row.grade if row.grade == IMPLIED else NARROWED if row.share_left <= most_left else OPEN for row in rows.itertuples()]
    rows["span"] = [_span(row.low, row.high, row.decimals, row.unit) for row in rows.itertuples()]
    rows["proved"] = [_span(row.proved_low, row.proved_high, row.decimals, row.unit) if row.ground else "–" for row in rows.itertuples()]
    place = rows.grade.map({grade: number for number, grade in enumerate(GRADES)})
    return rows.assign(place=place).sort_values(["place", "share_left"], kind="stable", ignore_index=True)


def n_cohorts(ranges: pd.DataFrame) -> int:
    """Agreeing cohorts that the ranges are taken over, treatments as they are."""
    return int(ranges.n_cohorts[ranges.quantity == "os_treatment.at_12_months"].iloc[0])


def _span(low: float, high: float, decimals: int, unit: str) -> str:
    low, high = shown(low, decimals, unit), shown(high, decimals, unit)
    return low if low == high else f"{low} to {high}"


def drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """The quantities of the interval plot, so that it fits a page; the table has all.

    Left out are the limits of intervals, what stands there under another name or by another method, and shares that are
    near one in any case.
    """
    left_out = (r"\.cox\.|\.lower$|\.upper$|rmst_difference$|firth|wald_p$|\.mean$|\.sd$|\.start$|os_diagnosis\.at_|metastasis\.at_6|"
                r"landmark_p$|score_p$|likelihood_ratio_p$|breslow_wilcoxon_p$|tarone_ware_p$|time_dependent_p$|entry_dependence\.p$|linear$|"
                r"first_treatment\.[a-z0-9_]+\.at_|incidence\.death\.at_(?:6|24)|largest_smd$|incidence\.progression\.at_6")
    return rows[~rows.quantity.str.contains(left_out)].reset_index(drop=True)


def range_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Every quantity with both tiers, the counts-only cohorts and its grade; grouped by chapter."""
    text = lambda low, high: [_span(*each) for each in zip(rows[low], rows[high], rows.decimals, rows.unit)]  # noqa: E731
    units = np.where(rows.unit == "", "", ", " + rows.unit)
    return pd.DataFrame({
        "Quantity": [capital(title) for title in rows.title] + units, "Chapter": "Chapter " + rows.chapter.astype(str), "All found": rows.span,
        "Tolerant, middle 95%": text("tolerant_lower", "tolerant_upper"), "Exact": text("exact_low", "exact_high"),
        "Proved": rows.proved, "Counts only, middle 95%": text("marginals_lower", "marginals_upper"),
        "Grade": rows.grade}).sort_values("Chapter", kind="stable", ignore_index=True)


def capital(title: str) -> str:
    """A title with its first letter large; mRECIST keeps its small one."""
    return title if title[1:2].isupper() else title[:1].upper() + title[1:]


def claim_table(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Every claim with its verdict and the cohorts for and against it."""
    return pd.DataFrame({
        "Claim": verdicts.claim, "Place": np.where(verdicts.place == TEMPTING, "not claimed", verdicts.place),
        "Verdict": verdicts.verdict, "True in": [_share(row) for row in verdicts.itertuples()],
        "For": _counts(verdicts.n_for, verdicts.n_cohorts), "Against": _counts(verdicts.n_against, verdicts.n_cohorts),
        "Ground": np.where(verdicts.ground == "", "–", verdicts.ground)})


def _share(row) -> str:
    if np.isnan(row.tolerant_share):
        return "–"
    return f"{100 * row.tolerant_share:.1f}% / {100 * row.exact_share:.1f}%"


def _counts(counts, of) -> list[str]:
    return [f"{count:,}" if n else "–" for count, n in zip(counts, of)]


def verdict_rows(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Claims that cohorts can tell, by verdict and share, for the figure."""
    rows = verdicts[verdicts.n_cohorts > 0].assign(share=verdicts.tolerant_share)
    order = rows.verdict.map({verdict: place for place, verdict in enumerate(
        ("implied", "held in all found", "undecided", "held in none found", "contradicted"))})
    return rows.assign(place=order).sort_values(["place", "share"], ascending=[True, False], kind="stable", ignore_index=True)


def fragility_table(fragility: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Patients whose outcome has to change to flip each claim."""
    verdict = dict(zip(verdicts.claim, verdicts.verdict))
    return pd.DataFrame({
        "Claim": fragility.claim, "Verdict": fragility.claim.map(verdict), "Fewest": fragility.fewest.map(_changes),
        "Half of the cohorts": fragility.middle.map(_changes), "Most": fragility.most.map(_changes),
        "One patient suffices": [f"{100 * share:.0f}%" for share in fragility.share_by_one]})


def _changes(value: float) -> str:
    return f"over {TOO_MANY - 1}" if value >= TOO_MANY else f"{value:g}"


def deciding_table(needed: pd.DataFrame) -> pd.DataFrame:
    """Patients that would decide each comparison, by further follow-up."""
    return pd.DataFrame({
        "Comparison": needed.comparison.map(COMPARISONS),
        "Follow-up": ["as it was" if months == 0 else f"{months:.0f} months longer" for months in needed.further_months],
        "Fewest": needed.fewest.map(_patients), "Half of the cohorts": needed.middle.map(_patients), "Most": needed.most.map(_patients)})


def _patients(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "over 1,536"


def meanings(of: dict[str, str] = VERDICTS) -> list[str]:
    """What each word means, as footnotes."""
    return ["; ".join(f"*{word}*: {meaning}" for word, meaning in of.items()) + "."]
