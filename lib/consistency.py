"""Where a paper contradicts itself: checks that need its printed figures alone, no patients.

Each check reads the ledger and returns findings; a ledger without the contradiction gives none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from lib.proportions import denominators_giving
from lib.published import LedgerError, parse_printed, round_half_up
from lib.quantity_names import readable


@dataclass(frozen=True)
class Finding:
    """One contradiction or oddity of the printed figures.

    Attributes
    ----------
    title : str
        What is at odds, in a few words.
    evidence : str
        The figures that show it.
    places : tuple of str
        Where they are printed.
    """

    title: str
    evidence: str
    places: tuple[str, ...]


def interval_of(printed: str) -> tuple[float, float]:
    """The values that print as the given string: [lower, upper)."""
    figure = parse_printed(printed)
    return figure.lower, figure.upper


def disagreeing_places(ledger: pd.DataFrame) -> list[Finding]:
    """Quantities printed at two places as figures that no single value can round to.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    list of Finding
        ``1.9`` and ``1.89`` do not disagree: 1.89 prints as both.
    """
    findings = []
    for quantity, rows in _numeric(ledger).groupby("quantity", sort=False):
        for first, second in combinations(rows.drop_duplicates("printed").itertuples(), 2):
            (low1, high1), (low2, high2) = interval_of(first.printed), interval_of(second.printed)
            if max(low1, low2) > min(high1, high2) - 1e-9:
                findings.append(Finding(
                    f"{readable(quantity)} is printed as {first.printed} and as {second.printed}",
                    f"No value rounds to both: {first.printed} stands for {low1:g} to {high1:g}, "
                    f"{second.printed} for {low2:g} to {high2:g} ({first.unit}).",
                    _places(rows, (first.printed, second.printed))))
    return findings


def wrong_denominators(ledger: pd.DataFrame, largest: int = 100) -> list[Finding]:
    """Table columns whose percentages fit another denominator than the column's own patients.

    Parameters
    ----------
    ledger : DataFrame
    largest : int
        The largest denominator tried.

    Returns
    -------
    list of Finding
        One per column, with the denominators that fit all its percentages.
    """
    findings = []
    for column, rows in table_cells(ledger).groupby("column", sort=False):
        counts = [int(parse_printed(text).value) for text in rows["count"]]
        fitting = denominators_giving(counts, rows.percent, up_to=largest)
        if any(counts) and sum(counts) not in fitting:
            total = sum(parse_printed(text).value for text in rows.percent)
            findings.append(Finding(
                f"{column}: percentages of {_any_of(fitting)}, patients {sum(counts)}",
                f"The counts of the column add up to {sum(counts)}; its percentages fit only a denominator of "
                f"{_any_of(fitting)} and add up to {round_half_up(total, 1):.1f}%.", tuple(rows.place)))
    return findings


def means_called_medians(ledger: pd.DataFrame) -> list[Finding]:
    """The same printed figure called a mean at one place and a median at another."""
    numeric = _numeric(ledger)
    findings = []
    for stem in sorted({q.removesuffix(".mean") for q in numeric.quantity if q.endswith(".mean")}):
        means = numeric[numeric.quantity == f"{stem}.mean"]
        medians = numeric[numeric.quantity == f"{stem}.median"]
        shared = sorted(set(means.printed) & set(medians.printed))
        if shared:
            both = pd.concat([means, medians])
            findings.append(Finding(
                f"{readable(stem)}: {shared[0]} is a mean and a median",
                f"{shared[0]} {means.unit.iloc[0]} is called the mean in {', '.join(means.place)} and the median in "
                f"{', '.join(medians.place)}.", _places(both, shared)))
    return findings


def asymmetric_intervals(ledger: pd.DataFrame) -> list[Finding]:
    """Intervals that are not symmetric about the printed estimate, and the estimate that would mend it.

    The SPSS interval is estimate plus and minus one half-width, so the estimate lies at its midpoint. A lower
    limit printed as 0 stands for a negative one and is left out.
    """
    firsts = _numeric(ledger).drop_duplicates("quantity").set_index("quantity")
    findings = []
    for quantity in [q for q in firsts.index if q.endswith(".median")]:
        stem = quantity.removesuffix(".median")
        limits = [f"{stem}.lower", f"{stem}.upper"]
        if not all(limit in firsts.index for limit in limits) or parse_printed(firsts.printed[limits[0]]).value == 0:
            continue
        lower, upper = (interval_of(firsts.printed[limit]) for limit in limits)
        middle = ((lower[0] + upper[0]) / 2, (lower[1] + upper[1]) / 2)
        estimate = interval_of(firsts.printed[quantity])
        printed = parse_printed(firsts.printed[quantity]).value
        if middle[0] <= printed < middle[1]:
            continue
        low, high = max(middle[0], estimate[0]), min(middle[1], estimate[1])
        mend = (f"an unrounded median of {low:.2f} to {high:.2f} would mend it" if low < high
                else "no unrounded median mends it")
        findings.append(Finding(
            f"{readable(stem)}: {firsts.printed[quantity]} ({firsts.printed[limits[0]]} to {firsts.printed[limits[1]]}) is not symmetric",
            f"The midpoint of the limits lies between {middle[0]:.2f} and {middle[1]:.2f}, not at {printed:g}; {mend}.",
            (firsts.place[quantity],)))
    return findings


def shared_limits(ledger: pd.DataFrame) -> list[Finding]:
    """Intervals of two different estimates that end at the same printed limit, a mark of a copied cell.

    Limits of different patients agree to a decimal by chance alone only now and then; a limit of 0 stands for
    any negative one and is left out, as is one printed without decimals.
    """
    figures = {row.quantity: parse_printed(row.printed) for row in _numeric(ledger).drop_duplicates("quantity").itertuples()}
    findings = []
    for side in ("lower", "upper"):
        stems = [q.removesuffix(f".{side}") for q in figures if q.endswith(f".{side}")]
        for first, second in combinations([stem for stem in stems if f"{stem}.median" in figures], 2):
            limit, other = figures[f"{first}.{side}"], figures[f"{second}.{side}"]
            if limit.value == other.value != 0 and limit.decimals and other.decimals:
                findings.append(Finding(
                    f"{readable(first)} and {readable(second)} share the {side} limit {limit.text}",
                    f"Medians of {figures[f'{first}.median'].text} and {figures[f'{second}.median'].text} are printed with "
                    f"the same {side} limit, {limit.text}; a copied cell is plausible, not proven.",
                    _where(ledger, f"{first}.{side}", f"{second}.{side}")))
    return findings


def worse_by_viable_part(ledger: pd.DataFrame) -> list[Finding]:
    """Columns with more progression by mRECIST than by RECIST: a patient worse where only the viable part counts."""
    counts = _counts(ledger)
    findings = []
    for group in _groups(counts):
        whole, viable = counts[f"recist.{group}.pd.count"], counts[f"mrecist.{group}.pd.count"]
        if viable > whole and group != "total":
            findings.append(Finding(
                f"{readable(f'recist.{group}').removeprefix('RECIST, ')}: more progression by mRECIST ({viable}) than by RECIST ({whole})",
                f"At least {viable - whole} patient has progressive disease by mRECIST but not by RECIST.",
                _where(ledger, f"recist.{group}.pd.count", f"mrecist.{group}.pd.count")))
    return findings


def unexplained_progressions(ledger: pd.DataFrame) -> list[Finding]:
    """Patients with RECIST but not mRECIST progression, against the extrahepatic progressions printed."""
    counts = _counts(ledger)
    groups = [group for group in _groups(counts) if group != "total"]
    at_least = sum(max(0, counts[f"recist.{g}.pd.count"] - counts[f"mrecist.{g}.pd.count"]) for g in groups)
    outside = counts.get("extrahepatic_progression.count")
    if outside is None or at_least <= outside:
        return []
    return [Finding(
        f"{outside} extrahepatic progressions cannot explain {at_least} progressions by RECIST alone",
        f"By treatment, RECIST counts at least {at_least} patients as progressive whom mRECIST (the liver only) does "
        f"not; extrahepatic progression is printed for {outside}. At least {at_least - outside} must have "
        "progressed by the whole diameter while the viable part did not.",
        _where(ledger, "extrahepatic_progression.count", *(f"recist.{g}.pd.count" for g in groups)))]


def visit_after_follow_up(ledger: pd.DataFrame) -> list[Finding]:
    """A visit of every patient later than the shortest follow-up."""
    firsts = _numeric(ledger).drop_duplicates("quantity").set_index("quantity")
    if not {"follow_up.min", "visit.month_3.time"} <= set(firsts.index):
        return []
    shortest, visit = (parse_printed(firsts.printed[q]).value for q in ("follow_up.min", "visit.month_3.time"))
    if shortest >= visit:
        return []
    return [Finding(
        f"Imaging and laboratory values of all patients at {visit:g} months, with a follow-up from {shortest:g} months",
        f"The shortest follow-up ({shortest:g} months) ends before the {visit:g}-month visit that all patients are "
        "reported to have had; the visit must have been early for at least one of them.",
        _where(ledger, "follow_up.min", "visit.month_3.time"))]


def age_left_out(ledger: pd.DataFrame) -> list[Finding]:
    """Two age groups, below and above one cut, that leave the cut itself out."""
    numeric = _numeric(ledger)
    cut = numeric[numeric.quantity == "age.cut"]
    if cut.empty or not {"age.under_60.count", "age.over_60.count"} <= set(numeric.quantity):
        return []
    below, above = (_counts(ledger)[f"age.{side}_60.count"] for side in ("under", "over"))
    return [Finding(
        f"Age groups below and above {cut.printed.iloc[0]} leave out {cut.printed.iloc[0]} itself",
        f"{below} patients are below and {above} above {cut.printed.iloc[0]} years; a patient of exactly "
        f"{cut.printed.iloc[0]} has no group.", tuple(cut.place))]


def same_patients_by_logic(ledger: pd.DataFrame) -> list[Finding]:
    """Solitary and unilobar disease in equal numbers: one lesion lies in one lobe, so they are the same patients."""
    counts = _counts(ledger)
    solitary, unilobar = counts.get("hepatic_lesions.solitary.count"), counts.get("lobar_disease.unilobar.count")
    if solitary is None or solitary != unilobar:
        return []
    return [Finding(
        f"Solitary = unilobar = {solitary}",
        f"A single lesion lies in one lobe, so all {solitary} patients with a solitary lesion are unilobar; as only "
        f"{unilobar} are unilobar they are the same patients, and nobody had several lesions in one lobe.",
        _where(ledger, "hepatic_lesions.solitary.count", "lobar_disease.unilobar.count"))]


def toxicity_totals(ledger: pd.DataFrame) -> list[Finding]:
    """Grade 1-2 and grade 3 laboratory toxicity that add up to different totals at different places."""
    numeric = _numeric(ledger)
    low = numeric[numeric.quantity == "lab_toxicity.grade_1_2.count"]
    high = numeric[numeric.quantity == "lab_toxicity.grade_3.count"]
    n = _counts(ledger).get("cohort.n")
    if low.printed.nunique() < 2 or high.empty or n is None:
        return []
    grade_3 = int(parse_printed(high.printed.iloc[0]).value)
    totals = [f"{row.printed} + {grade_3} = {int(parse_printed(row.printed).value) + grade_3} of {n} ({row.place})"
              for row in low.drop_duplicates("printed").itertuples()]
    return [Finding("Laboratory toxicity adds up to different totals", "; ".join(totals) + ".", tuple(low.place))]


CHECKS = (disagreeing_places, wrong_denominators, toxicity_totals, means_called_medians, asymmetric_intervals, shared_limits,
          worse_by_viable_part, unexplained_progressions, visit_after_follow_up, age_left_out, same_patients_by_logic)


def contradictions(ledger: pd.DataFrame, largest_denominator: int = 100) -> list[Finding]:
    """Every finding of every check, in the order of `CHECKS`.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.
    largest_denominator : int
        The largest n tried when a printed percentage is traced to its denominator.

    Returns
    -------
    list of Finding
    """
    findings = []
    for check in CHECKS:
        options = (largest_denominator,) if check is wrong_denominators else ()
        findings += check(ledger, *options)
    return findings


def findings_table(findings: list[Finding]) -> pd.DataFrame:
    """Findings as a table: finding, evidence, places."""
    return pd.DataFrame({"Finding": [finding.title for finding in findings],
                         "What shows it": [finding.evidence for finding in findings],
                         "Where printed": ["; ".join(finding.places) for finding in findings]})


# -- reading the ledger ---------------------------------------------------------------------------------

def _numeric(ledger: pd.DataFrame) -> pd.DataFrame:
    """Rows that print a number (calendar dates do not)."""
    def readable(text: str) -> bool:
        try:
            parse_printed(text)
        except LedgerError:
            return False
        return True
    return ledger[ledger.printed.map(readable).astype(bool)]


def _counts(ledger: pd.DataFrame) -> dict[str, int]:
    """Counts by quantity; where places disagree, the last printed (tables come after text) stands."""
    rows = _numeric(ledger)
    rows = rows[rows.quantity.str.endswith((".count", ".n"))]
    return {row.quantity: int(parse_printed(row.printed).value) for row in rows.itertuples()}


def _groups(counts: dict[str, int]) -> list[str]:
    """Columns of the response table that both criteria have."""
    groups = [q.split(".")[1] for q in counts if q.startswith("recist.") and q.endswith(".pd.count")]
    return [group for group in groups if f"mrecist.{group}.pd.count" in counts]


def table_cells(ledger: pd.DataFrame) -> pd.DataFrame:
    """Table cells that print a count and its percentage, with the column of patients they belong to."""
    table = ledger[ledger.place.str.startswith("Table")].copy()
    table["kind"] = table.quantity.str.rsplit(".", n=1).str[-1]
    table["stem"] = table.quantity.str.rsplit(".", n=1).str[0]
    table = table[table.kind.isin(["count", "percent"])]
    cells = table.pivot(index=["stem", "place"], columns="kind", values="printed").dropna().reset_index()
    cells["column"] = [_column_of(stem, place) for stem, place in zip(cells.stem, cells.place)]
    order = {place: i for i, place in enumerate(ledger.place)}
    return cells.sort_values("place", key=lambda places: places.map(order))


def _column_of(stem: str, place: str) -> str:
    """What a cell's percentages should add up to 100 over: a variable of Table 1, a treatment of Table 3."""
    table, _, row = place.partition(": ")
    parts = row.split(", ")
    return f"{table}, {parts[0]}, {parts[-1]}" if len(parts) == 3 else f"{table}, {parts[0]}"


def _places(rows: pd.DataFrame, printed) -> tuple[str, ...]:
    return tuple(f"{row.place} ({row.printed})" for row in rows.itertuples() if row.printed in printed)


def _where(ledger: pd.DataFrame, *quantities: str) -> tuple[str, ...]:
    rows = ledger[ledger.quantity.isin(quantities)]
    return tuple(dict.fromkeys(f"{row.place} ({row.printed})" for row in rows.itertuples()))


def _any_of(numbers: set[int]) -> str:
    return " or ".join(str(number) for number in sorted(numbers)) or "no single number"
