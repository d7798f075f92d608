"""What the toxicity chapter says and hands on: sentences that follow the rows, and quantities under their ledger names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib import liver_scores, published, toxicity
from lib.liver_scores import PairedChange
from lib.narrative import interval, join, number, p_value, percent, plain
from lib.proportions import proportion
from lib.quantity_names import readable
from lib.toxicity_tables import ANALYTE_NAMES, NAMED_AT_MOST, limits


def _in_text(analyte: str) -> str:
    name = ANALYTE_NAMES[analyte]
    return name if name.isupper() else name.lower()


def most_changed(grades: pd.DataFrame, visit: str, analytes=toxicity.PAPER_ANALYTES) -> str:
    """Which analytes most often had a new or worsened grade, and which reached grade 3."""
    wanted = (grades["visit"] == visit) & grades["analyte"].isin(analytes)
    later = grades.loc[wanted, ["patient", "analyte", "grade", "new_or_worsened"]]
    known = later.dropna(subset="new_or_worsened")
    if known.empty:
        return "No analyte can be graded at both visits."
    worse, n = known[known["new_or_worsened"].astype(bool)]["analyte"].value_counts(), known["analyte"].value_counts()
    if worse.empty:
        return "No analyte has a new or worsened grade in any patient."
    leading = join([f"{_in_text(analyte)}, {percent(count, n[analyte])}" for analyte, count in worse.head(3).items()])
    high = later[(later["grade"] >= 3).fillna(False)].groupby("analyte", observed=True)["patient"].nunique()
    reached = join([f"{_in_text(analyte)} in {high[analyte]}" for analyte in analytes if analyte in high])
    return (f"New or worsened grades are most frequent for {leading}. "
            + (f"Patients at grade 3 or above: {reached}." if len(high) else "No value reached grade 3."))


def worst_grade_sentence(worst: pd.DataFrame, worst_new: pd.Series) -> str:
    """The headline count, what of it is new, and who reached grade 3 by which analyte."""
    grade = worst["worst_grade"]
    n = int(grade.notna().sum())
    if not n:
        return "Worst grades are not computed: no patient is graded at this visit."
    severe = worst.loc[(grade >= 3).fillna(False), "worst_terms"]
    causes = "; ".join(f"{plain(patient)} ({terms.lower()})" for patient, terms in severe.head(NAMED_AT_MOST).items())
    more = f"; and {len(severe) - NAMED_AT_MOST} more" if len(severe) > NAMED_AT_MOST else ""
    low, third, fourth = (percent(int(holds.sum()), n) for holds in (grade.between(1, 2), grade == 3, grade == 4))
    new = percent(int((worst_new > 0).sum()), int(worst_new.notna().sum()))
    return (f"Worst grade was 1 or 2 in **{low}**, 3 in **{third}** and 4 in {fourth} of the patients graded. "
            f"Counting only what is new or worse than at baseline, {new} had any grade. "
            + (f"Grade 3 or above: {causes}{more}." if len(severe) else "Nobody reached grade 3."))


def reading_notes(of_the_publication: bool) -> list[str]:
    """Footnote of the table of readings: what the publication leaves open; none for another cohort."""
    return ["The paper names the version; it names neither the baseline rule nor what it does with abnormalities present at "
            "baseline."] if of_the_publication else []


def printed_counts(ledger: pd.DataFrame, counts: pd.DataFrame, worst_grade: pd.Series) -> str:
    """The paper's own count of grade 1 or 2, its contradiction, and which readings of the rows give which figure.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.
    counts : DataFrame
        From `lib.toxicity_tables.readings`.
    worst_grade : Series of Int64
        One worst grade per patient under the chapter's own choices.
    """
    rows = ledger[ledger["quantity"] == "lab_toxicity.grade_1_2.count"]
    places = rows.groupby("printed", sort=False)["place"].agg(lambda found: " and ".join(found))
    told = "; ".join(f"**{printed}** ({place})" for printed, place in places.items())
    low, severe = int(worst_grade.between(1, 2).sum()), int((worst_grade == 3).sum())
    paper = f"The paper prints {told}." + (" Both cannot hold." if len(places) > 1 else "")
    if worst_grade.isna().all():
        return f"{paper} These rows can tell nothing of it: no patient is graded."
    sentences = [paper,
                 f"These rows give {low} with worst grade 1 or 2; with the {severe} of grade 3 that makes {low + severe} "
                 f"of {len(worst_grade)}."]
    for printed in places.index:
        agree = counts[counts["grade_1_2"] == int(printed)]
        each = [f"version {version} ({_how(own)})" for version, own in agree.groupby("version", sort=False)]
        sentences.append(f"A count of {printed} comes from {join(each)}." if each else f"No reading gives {printed}.")
    return " ".join(sentences)


def _how(counts: pd.DataFrame) -> str:
    """The baseline rules and readings of some rows of the readings, those alike told once."""
    by_rule = counts.groupby("rule", sort=False)["reading"].agg(lambda found: join(list(found)))
    if len(set(by_rule)) == 1 and len(by_rule) == len(toxicity.BASELINE_RULES):
        return f"either baseline rule, {by_rule.iloc[0]}"
    return "; ".join(f"{rule}, {readings}" for rule, readings in by_rule.items())


def injury_sentence(injury: pd.DataFrame) -> str:
    """How many patients lie in each range of the eDISH plot."""
    ranges = injury["range"].dropna()
    if ranges.empty:
        return "Hy's law is not judged: no patient has ALT and bilirubin with their limits after baseline."
    n, counts = len(ranges), ranges.value_counts()
    hy = injury[injury["range"] == toxicity.HYS_LAW]
    bilirubin, alt = (percent(int(counts.get(name, 0)), n) for name in (toxicity.HYPERBILIRUBINAEMIA, toxicity.TEMPLES_COROLLARY))
    told = (f"{percent(len(hy), n)} patients lie in Hy's law range; {bilirubin} have bilirubin alone above 2 times ULN and "
            f"{alt} ALT alone above 3 times ULN.")
    if not len(hy):
        return f"{told} Nobody meets the laboratory part of Hy's law."
    return (f"{told} Of those in Hy's law range {int((hy['alp'] >= 2).sum())} have ALP at or above 2 times ULN, "
            "which points away from hepatocellular injury.")


def clinical_sentence(events: pd.DataFrame, worst: pd.Series) -> str:
    """Patients with mild and with severe events, under both ways of counting the mild ones."""
    n, mild = len(worst), events[events["grade"].between(1, 2)]["patient"].nunique()
    worst_mild, severe = int(worst.between(1, 2).sum()), int((worst >= 3).sum())
    extra = mild - worst_mild
    told = ("the same" if not extra else f"fewer by {extra}: whoever had a severe event and milder ones beside it")
    return (f"**{percent(mild, n)}** patients had at least one event of grade 1 or 2 and **{percent(severe, n)}** one of "
            f"grade 3 or above. Counted by worst grade, as the laboratory count is, grade 1 or 2 would be "
            f"{percent(worst_mild, n)}, {told}.")


def sir_sentence(events: pd.DataFrame) -> str:
    """How many events each scale calls severe."""
    if events.empty:
        return "No event to put on either scale."
    severity = toxicity.sir_severity(events)
    n, unknown = len(events), int(severity.isna().sum())
    severe, moderate = percent(int((severity >= 3).sum()), n), percent(int((severity == 2).sum()), n)
    told = (f"On the SIR scale {severe} events were severe or worse and {moderate} moderate; "
            f"by CTCAE {percent(int((events['grade'] >= 3).sum()), n)} were grade 3 or worse.")
    return told + (f" For {unknown} the stay in hospital is not recorded." if unknown else "")


def deaths_sentence(patients: pd.DataFrame, days: tuple[int, ...], conf_level: float) -> str:
    """Early deaths; where there is none, how much remains possible."""
    told = []
    for limit in days:
        found = toxicity.early_deaths(patients, limit)
        share = proportion(found.deaths, found.n_followed, conf_level)
        known = f"{100 * conf_level:g}% interval {interval(100 * share.lower, 100 * share.upper)}%"
        told.append(f"{percent(found.deaths, found.n_followed)} died within {limit} days "
                    f"({known if found.n_followed else 'nobody was followed that long'})")
    return "; ".join(told) + "."


def score_sentence(change: dict[str, PairedChange], conf_level: float) -> str:
    """What the paired tests of the scores say, and whether they agree."""
    tested = {name: each for name, each in change.items() if not np.isnan(each.t_p)}
    if not tested:
        return "No score is tested: fewer than two patients have one at both visits, or nobody changed."
    name, first = next(iter(tested.items()))
    told = [f"{name} went from {number(first.mean_before)} to {number(first.mean_after)}, a change of **{number(first.change)}** "
            f"({100 * conf_level:g}% interval {limits(first.lower, first.upper)}; paired t {p_value(first.t_p)}, "
            f"Wilcoxon {p_value(first.wilcoxon_p)}; n = {first.n})."]
    where = {other: "above" if each.lower > 0 else "below" if each.upper < 0 else "around" for other, each in tested.items()}
    parts = [f"{side} zero for {join([other for other in where if where[other] == side])}"
             for side in ("above", "below", "around") if side in where.values()]
    told.append(f"The interval of the change lies {join(parts)}.")
    if len(parts) > 1:
        told.append("The answer depends on the score, so the score has to be named before the data are seen.")
    return " ".join(told)


def rose_and_fell(change: dict[str, PairedChange]) -> str:
    """Patients whose score rose, stayed and fell, score by score."""
    return " ".join(f"{name}: {each.n_up} rose, {each.n_same} stayed, {each.n_down} fell." for name, each in change.items() if each.n)


# -- quantities of the ledger --------------------------------------------------------------------------

def laboratory_quantities(worst_grade: pd.Series) -> dict[str, int]:
    """Laboratory counts under their ledger names; nothing where nobody was graded."""
    graded = worst_grade.dropna()
    if graded.empty:
        return {}
    low = graded[graded.between(1, 2)]
    found = {"lab_toxicity.n_graded": len(graded), "lab_toxicity.grade_1_2.count": len(low),
             "lab_toxicity.grade_3.count": int((graded == 3).sum()), "lab_toxicity.grade_4.count": int((graded == 4).sum()),
             "lab_toxicity.grade_3.grade": int(graded.max())}
    if len(low):
        found |= {"lab_toxicity.grade_1_2.min": int(low.min()), "lab_toxicity.grade_1_2.max": int(low.max())}
    return found


def clinical_quantities(events: pd.DataFrame | None) -> dict[str, float]:
    """Clinical counts under their ledger names; nothing where no events were recorded."""
    if events is None:
        return {}
    term, mild = events["term"].str.lower(), events[events["grade"].between(1, 2)]
    gallbladder, syndrome = events[term.str.contains("cholecystitis")], events[term.str.contains("emboli[sz]ation syndrome")]
    complaints = events[term.isin(["nausea", "right upper quadrant pain", "epigastric pain"])]["grade"]
    found = {"clinical_toxicity.grade_1_2.count": mild["patient"].nunique(),
             "clinical_toxicity.grade_3.count": events[events["grade"] == 3]["patient"].nunique(),
             "cholecystitis.grade_2.count": int((gallbladder["grade"] == 2).sum()),
             "postembolization_syndrome.grade_3.count": syndrome[syndrome["grade"] == 3]["patient"].nunique()}
    stay = syndrome["hospital_days"] if "hospital_days" in syndrome else pd.Series(dtype=float)
    highest = {"clinical_toxicity.grade_1_2.max": mild["grade"], "clinical_toxicity.grade_3.grade": events["grade"],
               "cholecystitis.grade": gallbladder["grade"], "postembolization_syndrome.grade": syndrome["grade"],
               "postembolization_syndrome.hospital_days": stay}
    found |= {name: float(values.max()) for name, values in highest.items() if values.notna().any()}
    found |= {"clinical_toxicity.grade_1_2.min": float(mild["grade"].min())} if len(mild) else {}
    return found | ({"clinical_toxicity.nausea_or_pain.grade": float(complaints.mode().max())} if len(complaints) else {})


def meld_quantities(found: PairedChange, change: pd.DataFrame, visit: str = "month_3") -> dict[str, float]:
    """MELD before and after under the ledger's names; nothing where no patient has both visits."""
    if not found.n:
        return {}
    known = change["increased"].dropna()
    values = {"meld.n_paired": found.n, "meld.baseline.mean": found.mean_before, "meld.baseline.sd": found.sd_before,
              f"meld.{visit}.mean": found.mean_after, f"meld.{visit}.sd": found.sd_after, "meld.change.mean": found.change,
              "meld.change.lower": found.lower, "meld.change.upper": found.upper, "meld.paired_t.p": found.t_p,
              "meld.wilcoxon.p": found.wilcoxon_p,
              "meld_change.increased.count": int(known.sum()),
              "meld_change.not_increased.count": int((~known).sum())}
    return {name: value for name, value in values.items() if not np.isnan(value)}


def observed_window(events: pd.DataFrame) -> str:
    """The days on which the counted events began, for the record of the protocol."""
    onset = events["onset_day"].dropna() if "onset_day" in events else pd.Series(dtype=float)
    if onset.empty:
        return "no day of onset is recorded"
    return f"events began on days {number(onset.min(), 0)} to {number(onset.max(), 0)}"


def printed_of_events(events: pd.DataFrame) -> str:
    """Which rows of the table of adverse events the paper prints, and that the others were invented freely."""
    printed = published.read_ledger().quantity
    ours = sorted(events["term"].dropna().unique())
    counted = [term for term in ours if f"clinical_toxicity.{'_'.join(term.lower().split())}.count" in set(printed)]
    figures = printed[printed.str.match(r"clinical_toxicity\..*\.(?:count|grade|min|max)$")].drop_duplicates()
    return (f"**Of {len(ours)} terms of Table 2.6 the paper counts the patients of {len(counted) or 'none'}.** What it prints of "
            f"clinical toxicity is {join(readable(name).removeprefix('Clinical toxicity, ') for name in figures)}. All else in this table, by term and by treatment, "
            "was invented freely within these figures.")


def printed_of_scores(scores: pd.DataFrame, visit: str) -> str:
    """Which liver scores the paper prints, and that the others follow from values that were invented freely."""
    printed = published.read_ledger().quantity
    known = {name: label for name, label in liver_scores.SCORES.items()
             if not liver_scores.before_and_after(scores, name, after=visit).dropna().empty}
    theirs = {name for name in known if printed.str.startswith(f"{name}.").any()}
    others = [label for name, label in known.items() if name not in theirs]
    return (f"**Of the scores in Table 2.10 the paper prints {join(known[name] for name in known if name in theirs)} only, and of all patients "
            f"only.** {join(others)}, and every line by treatment, follow from laboratory values that were invented freely within the "
            "printed figures.")
