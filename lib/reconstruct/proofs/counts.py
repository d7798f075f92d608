"""Counts and percentages that no patients can give, shown by trying all of them."""

from __future__ import annotations

import math
from itertools import product

import pandas as pd

from lib.consistency import table_cells
from lib.proportions import denominators_giving
from lib.published import agrees, parse_printed
from lib.reconstruct.proofs.claim import IMPOSSIBLE, Proof, decided
from lib.reconstruct.proofs.printed import printed_counts


def percentages_of_another_number(ledger: pd.DataFrame) -> list[Proof]:
    """Table columns whose percentages are not of the column's own patients, with every number that does give them.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    list of Proof
        One for each column with a percentage that its counts cannot give.
    """
    proofs = []
    for column, rows in table_cells(ledger).groupby("column", sort=False):
        counts = [int(parse_printed(text).value) for text in rows["count"]]
        if not any(counts) or sum(counts) in denominators_giving(counts, rows.percent, up_to=sum(counts)):
            continue
        largest = _largest_denominator(counts, rows.percent)
        fitting = denominators_giving(counts, rows.percent, up_to=largest)
        printed = ", ".join(f"{count} ({percent})" for count, percent in zip(counts, rows.percent))
        proofs.append(Proof(
            f"{column}: {printed} are percentages of the {sum(counts)} patients of the column", IMPOSSIBLE,
            f"every number of patients from {max(counts)} to {largest}, beyond which the percentages only fall",
            f"only {_listed(fitting)} gives them" if fitting else "no number gives them all",
            tuple(f"{stem}.percent" for stem in rows.stem)))
    return proofs


def _largest_denominator(counts: list[int], percents) -> int:
    """The largest number of patients of which a count can be its printed percentage; the least such bound of a column."""
    bounds = [math.floor(100 * count / parse_printed(percent).lower) for count, percent in zip(counts, percents)
              if count and parse_printed(percent).lower > 0]
    return min(bounds)


def progression_by_both_criteria(ledger: pd.DataFrame) -> list[Proof]:
    """What the two response tables leave for patients who progress by one criterion alone.

    Parameters
    ----------
    ledger : DataFrame

    Returns
    -------
    list of Proof
        Empty where the ledger prints no response table by both criteria.

    Notes
    -----
    Within a treatment, the patients with progression by both criteria can be any number that the two counts and the
    patients of the treatment allow; all combinations over the treatments are tried.
    """
    counts = printed_counts(ledger)
    groups = [name.split(".")[1] for name in counts if name.startswith("recist.") and name.endswith(".pd.count")]
    groups = [name for name in groups if name != "total" and f"mrecist.{name}.pd.count" in counts]
    if not groups:
        return []
    patients = {name: sum(counts.get(f"recist.{name}.{each}.count", 0) for each in ("cr", "pr", "sd", "pd"))
                for name in groups}
    choices = [[(counts[f"recist.{name}.pd.count"] - both, counts[f"mrecist.{name}.pd.count"] - both)
                for both in _both(counts[f"recist.{name}.pd.count"], counts[f"mrecist.{name}.pd.count"],
                                  patients[name])] for name in groups]
    combinations = list(product(*choices))
    only_recist = [sum(pair[0] for pair in each) for each in combinations]
    only_mrecist = [sum(pair[1] for pair in each) for each in combinations]
    quantities = tuple(f"{criterion}.{name}.pd.count" for criterion in ("recist", "mrecist") for name in groups)
    method = f"all {len(combinations)} ways in which the two counts of each treatment can overlap"
    proofs = []
    outside = counts.get("extrahepatic_progression.count")
    if outside is not None:
        proofs.append(Proof(
            f"{outside} extrahepatic progressions account for every patient who progressed by RECIST but not by mRECIST",
            decided(min(only_recist) <= outside), method,
            f"from {min(only_recist)} to {max(only_recist)} patients progressed by RECIST alone",
            (*quantities, "extrahepatic_progression.count")))
    proofs.append(Proof(
        "Whoever progressed by mRECIST progressed by RECIST, too", decided(min(only_mrecist) == 0),
        method, f"at least {min(only_mrecist)} progressed by mRECIST alone", quantities))
    return proofs


def _both(first: int, second: int, n: int) -> range:
    """How many of n can belong to two groups of these sizes."""
    return range(max(0, first + second - n), min(first, second) + 1)


def several_lesions_in_one_lobe(ledger: pd.DataFrame) -> list[Proof]:
    """Whether a patient can have several liver lesions, all in one lobe."""
    counts = printed_counts(ledger)
    names = ("hepatic_lesions.solitary.count", "lobar_disease.unilobar.count", "cohort.n")
    if not set(names) <= set(counts):
        return []
    solitary, unilobar, n = (counts[name] for name in names)
    # one lesion lies in one lobe, so the solitary are among the unilobar
    allowed = [both for both in _both(solitary, unilobar, n) if both == solitary]
    several = {unilobar - both for both in allowed}
    return [Proof(
        "Some patient had several liver lesions, all of them in one lobe",
        decided(max(several, default=0)),
        f"all {len(_both(solitary, unilobar, n))} overlaps of {solitary} patients with a solitary lesion and {unilobar} "
        "with unilobar disease, less those that leave a single lesion in two lobes",
        f"such patients number {_listed(sorted(several))}" if several else "no overlap is left", names[:2])]


def refused_percentages(ledger: pd.DataFrame) -> list[str]:
    """Table cells that are to be reproduced although their count is not that percentage of the column's patients.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    list of str
        One sentence a cell, with its place, figures and remedy.
    """
    cells = table_cells(ledger)
    verdicts = ledger.set_index(["quantity", "place"]).expected
    sentences = []
    for _, rows in cells.groupby("column", sort=False):
        n = sum(int(parse_printed(text).value) for text in rows["count"])
        for stem, place, printed, percent in zip(rows.stem, rows.place, rows["count"], rows.percent):
            binding, count = verdicts.get((f"{stem}.percent", place)) == "reproduced", int(parse_printed(printed).value)
            if binding and n and not agrees(100 * count / n, percent):
                sentences.append(f"{stem}.percent ({place}) is printed as {percent}, but {count} of the column's {n} "
                                 f"patients are {100 * count / n:.1f}%; mark it as 'differs'.")
    return sentences


def _listed(numbers: list[int]) -> str:
    return " or ".join(str(number) for number in numbers)
