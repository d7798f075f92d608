"""Tables of the response chapter, as frames of text ready for `lib.narrative.Chapter.table`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.narrative import interval, join, number, p_value, percent
from lib.proportions import group_test, proportion
from lib.response import CATEGORIES, CRITERIA, RATES, Agreement, category_counts
from lib.response.criteria import NON_CR_NON_PD
from lib.response.printed import SHOWN
from lib.response.study import CohortResponse

TEXT_COLUMNS = ("First treatment", "RECIST", "mRECIST", "RECIST progression by", "Outside the liver", "Worse by mRECIST",
                "Second reader", "Rule", "Criterion", "What it asks for", "Answered in")
RATE_NAMES = {"ORR": "Objective response", "DCR": "Disease control"}
REPORTING_ITEMS = (
    ("STROBE", "7", "Definition of the outcomes", "section \"From diameters to categories\""),
    ("STROBE", "9, 12e", "Bias and sensitivity: second reader, confirmation, choice of targets", "Figure 3.4, Tables 3.8 and 3.9, last section"),
    ("STROBE", "12c, 13a", "Missing measurements and numbers evaluable", "Tables 3.1 and 3.4 (category NE)"),
    ("STROBE", "15", "Outcome data", "Table 3.4"),
    ("STROBE", "16a", "Estimates with their precision", "Table 3.6, Figure 3.3"),
    ("STROBE", "17", "Other analyses: agreement of the criteria", "Figure 3.2, Tables 3.2 and 3.3"),
    ("STROBE", "19", "Limits", "closing section"),
    ("Interventional radiology", "Criterion", "Response criterion named, whole and enhancing size", "section \"From diameters to categories\""),
    ("Interventional radiology", "Timing", "Day of the response scan", "sentence before Table 3.1"),
    ("Interventional radiology", "Modality", "CT or MRI, phases, slice thickness", "not in the rows"),
    ("Interventional radiology", "Per patient", "Response of each patient, not of each lesion", "Table 3.1, Figure 3.1"),
    ("Interventional radiology", "Sites", "Progression inside and outside the liver apart", "Table 3.3"),
    ("Interventional radiology", "Reader", "Number and blinding of readers", "not in the rows; its weight in Figure 3.4"),
)
_PERCENT_DIGITS = 1


def patient_table(judged: CohortResponse, at_most: int) -> pd.DataFrame | None:
    """Sums, change and category of each patient by each criterion.

    Parameters
    ----------
    judged : CohortResponse
    at_most : int
        Patients listed; of a larger cohort, those whose categories differ come first.

    Returns
    -------
    DataFrame of str, or None where neither criterion can be judged
        A star marks progression that new lesions alone decide.
    """
    if not judged.response:
        return None
    order = np.arange(len(judged.group))
    if len(order) > at_most and len(judged.response) == len(CRITERIA):
        differ = judged.response["RECIST"].ne(judged.response["mRECIST"]).to_numpy()
        order = np.concatenate([order[differ], order[~differ]])
    shown = order[:at_most]
    group = judged.group.iloc[shown]
    table = pd.DataFrame({"Patient": group.index, "First treatment": group.to_numpy()})
    for criterion, response in judged.response.items():
        landmark = judged.landmark(criterion).iloc[shown]
        table[f"{criterion} sum (mm)"] = [f"{number(a, 0)} to {number(b, 0)}" if b == b else None for a, b in
                                          zip(landmark.baseline_sum_mm, landmark.sum_mm)]
        table[f"{criterion} change (%)"] = [signed(value) for value in landmark.change_percent]
        star = landmark.decided_by.eq("new lesion").map({True: "*", False: ""})
        table[f"{criterion} category"] = (response.iloc[shown] + star).to_numpy()
    return table


def text_left(table: pd.DataFrame | None) -> dict:
    """Columns of words, to be aligned left; numbers stay right."""
    words = [] if table is None else [column for column in table.columns[1:] if column in TEXT_COLUMNS]
    return {"left": words} if words else {}


def patient_layout(listed: pd.DataFrame) -> dict:
    """Headings that span each criterion's three columns of `patient_table`."""
    if listed is None:
        return {}
    spans = {criterion: [column for column in listed if column.startswith(f"{criterion} ")] for criterion in CRITERIA}
    return text_left(listed) | {
            "spanners": {criterion: columns for criterion, columns in spans.items() if columns},
            "labels": {column: column.removeprefix(f"{criterion} ").capitalize() for criterion, columns in spans.items()
                       for column in columns}}


def published_layout(categories: pd.DataFrame) -> dict:
    """Headings that set each printed column of `published_table` beside ours."""
    if categories is None:
        return {}
    layout = {"group": "Criterion", "stub": "Category"}
    printed = [column for column in categories if column.endswith(", printed")]
    if not printed:
        return layout
    pairs = {column.removesuffix(", printed"): column for column in printed}
    return layout | {"spanners": {group: [group, column] for group, column in pairs.items()},
                     "labels": {group: "here" for group in pairs} | {column: "printed" for column in printed}}


def rates_layout(rated: pd.DataFrame) -> dict:
    """Rows of `rates_table` grouped by rate and criterion."""
    return {} if rated is None else {"group": "Rate", "stub": "Group"}


def signed(value: float) -> str:
    """A change with its sign; a dash where it is missing."""
    return number(value, 0) if not value > 0 else f"+{number(value, 0)}"


def published_table(judged: CohortResponse, printed: pd.DataFrame | None, denominator: str) -> pd.DataFrame | None:
    """Categories by treatment over their true denominators, beside the printed table where there is one.

    Parameters
    ----------
    judged : CohortResponse
    printed : DataFrame or None
        From `lib.response.printed.printed_response`; None where no publication is held against the cohort.
    denominator : {"treated", "evaluable"}

    Returns
    -------
    DataFrame of str, or None where neither criterion can be judged
        ``Criterion``, ``Category`` and, for the total and each treatment, ``n/N (%)`` here and as printed.
    """
    blocks = []
    for criterion, response in judged.response.items():
        counts = category_counts(response, judged.group, judged.groups, denominator)
        rare = [each for each in (NON_CR_NON_PD, "NE") if counts.loc[counts.category.eq(each), "count"].any()]
        wide = counts.assign(cell=[percent(row.count, row.n) for row in counts.itertuples()])
        wide = wide.pivot(index="category", columns="group", values="cell").reindex([*SHOWN, *rare])
        if denominator == "evaluable" and "NE" in rare:
            wide.loc["NE"] = counts[counts.category.eq("NE")].set_index("group")["count"].astype(str)
        block = pd.DataFrame({"Criterion": criterion, "Category": wide.index})
        for group in ("total", *judged.groups):
            block[group] = wide[group].to_numpy()
            if printed is not None:
                block[f"{group}, printed"] = _printed_cells(printed, criterion, group, wide.index)
        blocks.append(block)
    return pd.concat(blocks, ignore_index=True) if blocks else None


def _printed_cells(printed: pd.DataFrame, criterion: str, group: str, categories) -> list[str | None]:
    column = printed[printed.criterion.eq(criterion) & printed.group.eq(group)].set_index("category")
    return [f"{column.at[each, 'count']} ({column.at[each, 'percent']})" if each in column.index else None for each in categories]


def denominator_table(columns: pd.DataFrame) -> pd.DataFrame:
    """For each printed column, the patients it holds and the denominator its percentages reveal.

    Parameters
    ----------
    columns : DataFrame
        From `lib.response.printed.column_denominators`.

    Returns
    -------
    DataFrame of str
    """
    return pd.DataFrame({
        "Criterion": columns.criterion, "Column": columns.group, "Patients counted": columns.n.astype(str),
        "Denominator of the percentages": [join(found) for found in columns.denominators],
        "Sum of the percentages": [number(total) for total in columns.percent_sum],
        "Right": columns.right.map({True: "yes", False: "no"})})


def rates_table(rates: Mapping[str, pd.DataFrame]) -> pd.DataFrame | None:
    """Objective response and disease control by treatment, with both intervals and the exact test.

    Parameters
    ----------
    rates : mapping of str to DataFrame
        Criterion -> `response_rates`.

    Returns
    -------
    DataFrame of str, or None where neither criterion can be judged
    """
    blocks = [pd.DataFrame({
        "Rate": [f"{RATE_NAMES[rate]}, {criterion}: {p_value(table.p.iloc[0])}"] * len(table),
        "Group": table.group, "n/N (%)": [percent(row.count, row.n) for row in table.itertuples()],
        "Clopper-Pearson": [limits(row.exact_lower, row.exact_upper) for row in table.itertuples()],
        "Wilson": [limits(row.wilson_lower, row.wilson_upper) for row in table.itertuples()]})
        for criterion, both in rates.items() for rate, table in both.groupby("rate", sort=False)]
    return pd.concat(blocks, ignore_index=True) if blocks else None


def tests_named(rates: Mapping[str, pd.DataFrame]) -> str:
    """What the P values of `rates_table` were computed by."""
    separate = [table[table.group.ne("total")] for both in rates.values() for _, table in both.groupby("rate")]
    return " or ".join(dict.fromkeys(group_test(own["count"], own.n) for own in separate))


def limits(lower: float, upper: float) -> str | None:
    """An interval of fractions as percent, or nothing where it does not exist."""
    return interval(100 * lower, 100 * upper, _PERCENT_DIGITS) if lower == lower else None


def cross_table(both: Agreement | None) -> pd.DataFrame | None:
    """Patients by RECIST (rows) and mRECIST (columns), with totals.

    Parameters
    ----------
    both : Agreement or None

    Returns
    -------
    DataFrame of str, or None where one of the criteria cannot be judged
    """
    if both is None:
        return None
    order = [each for each in reversed(CATEGORIES) if each in both.table.index]
    counts = both.table.reindex(index=order, columns=order)
    counts["total"] = counts.sum(axis=1)
    counts.loc["total"] = counts.sum()
    shown = counts.astype(int).astype(str).mask(counts.eq(0), "·")
    return shown.rename_axis(None, axis=1).rename_axis("RECIST").reset_index()


def discordance_table(differing: pd.DataFrame | None, at_most: int) -> pd.DataFrame | None:
    """Patients whose categories differ, and what decided each.

    Parameters
    ----------
    differing : DataFrame or None
        From `lib.response.study.discordances`; None where one of the criteria cannot be judged.
    at_most : int

    Returns
    -------
    DataFrame of str, or None
    """
    if differing is None:
        return None
    shown = differing.head(at_most)
    return pd.DataFrame({
        "Patient": shown.patient, "First treatment": shown.group, "RECIST": shown.recist, "mRECIST": shown.mrecist,
        "RECIST progression by": shown.recist_decided_by.where(shown.recist_decided_by.ne(""), None),
        "Outside the liver": shown.outside_liver.map({True: "progressed", False: "no"}),
        "Worse by mRECIST": shown.worse_by_mrecist.map({True: "yes", False: "no"})})


def reader_table(spreads: Mapping[tuple, pd.DataFrame], observed: Mapping[str, float], coverage: float) -> pd.DataFrame | None:
    """What second readings do to the objective response rate.

    Parameters
    ----------
    spreads : mapping of (criterion, reader model) to DataFrame
        From `reading_spread`.
    observed : mapping of str to float
        Criterion -> objective response rate of the first reading.
    coverage : float
        Central share of readings that the range holds.

    Returns
    -------
    DataFrame of str, or None where nothing was reread
    """
    if not spreads:
        return None
    tail = (1 - coverage) / 2
    rows = []
    for (criterion, model), drawn in spreads.items():
        orr = drawn.ORR.dropna()
        rows.append({"Criterion": criterion, "Second reader": model, "First reading (%)": number(100 * observed[criterion]),
                     "Median (%)": number(100 * orr.median()),
                     f"{100 * coverage:g}% of readings (%)": limits(orr.quantile(tail), orr.quantile(1 - tail)),
                     "Another rate than the first (%)": number(100 * (orr - observed[criterion]).abs().gt(1e-9).mean())})
    return pd.DataFrame(rows)


def course_table(best: Mapping[str, Mapping[str, pd.Series]]) -> pd.DataFrame | None:
    """Categories at the landmark beside those of the whole course.

    Parameters
    ----------
    best : mapping of str to mapping of str to Series
        Criterion -> (rule -> category of each patient).

    Returns
    -------
    DataFrame of str, or None where no course can be judged
    """
    if not best:
        return None
    rows = []
    for criterion, rules in best.items():
        for rule, response in rules.items():
            counts = response.value_counts()
            row = {"Criterion": criterion, "Rule": rule} | {each: str(counts.get(each, 0)) for each in CATEGORIES
                                                           if each != NON_CR_NON_PD or counts.get(each, 0)}
            rows.append(row | {RATE_NAMES[rate]: percent(int(response.isin(members).sum()), len(response))
                               for rate, members in RATES.items()})
    return pd.DataFrame(rows)


def reporting_items() -> pd.DataFrame:
    """What reporting standards ask of response, and where the chapter answers it.

    References
    ----------
    von Elm E, et al. The STROBE statement. Lancet 2007;370:1453-1457.
    Brown DB, et al. Reporting standards for transcatheter therapy of hepatic malignancy. J Vasc Interv Radiol 2009;20:S425-S434.
    Ahmed M, et al. Image-guided tumor ablation: standardization of terminology. Radiology 2014;273:241-260.
    """
    return pd.DataFrame(REPORTING_ITEMS, columns=["Standard", "Item", "What it asks for", "Answered in"])


def other_studies(literature: pd.DataFrame, observed: Mapping[str, tuple[int, int]], conf_level: float) -> pd.DataFrame:
    """Response rates of the studies that the paper compares itself with, each with an exact interval.

    Parameters
    ----------
    literature : DataFrame
        Rows of ``data/literature.csv``.
    observed : mapping of str to (count, n)
        Rates of this cohort, by label.
    conf_level : float

    Returns
    -------
    DataFrame of str
    """
    rates = literature[literature.topic.eq("liver-directed") & literature.quantity.str.fullmatch(r"(mrecist\.)?orr\.percent|response\.percent")]
    rows = [("This cohort", label, count, n, None) for label, (count, n) in observed.items()]
    for row in rates.itertuples():
        n = int(row.n)
        rule = {"mrecist.orr.percent": "mRECIST", "orr.percent": "RECIST"}.get(row.quantity, "its own")
        rows.append((row.study, rule, round(row.value * n / 100), n, row.paper_prints or None))
    found = [proportion(count, n, conf_level) for *_, count, n, _ in rows]
    return pd.DataFrame({
        "Study": [row[0] for row in rows], "Criterion": [row[1] for row in rows], "n/N (%)": [percent(row[2], row[3]) for row in rows],
        "Clopper-Pearson": [limits(each.lower, each.upper) for each in found], "Quoted (%)": [row[4] for row in rows]})
