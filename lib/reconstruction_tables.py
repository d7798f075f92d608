"""Tables and sentences of the chapter on how the patients were invented."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lib.narrative import join, number, percent
from lib.published import DATA
from lib.quantity_names import readable
from lib.reconstruct import AIM

KINDS = {"counts": (".count", ".n"), "percentages": (".percent",), "medians": (".median",),
         "confidence limits of medians": (".lower", ".upper"), "P values": (".p",), "means and standard deviations": (".mean", ".sd")}
NOTHING_MORE = "nothing"
ANY_UNIT = "any"
"""In ``data/ambiguities.csv``: times need not be whole days."""
MEASURES = {"prior": "the sampler's own draws, as many from each of a trial's walks",
            "ensemble": "made as the tolerant tier is, by jumps from these draws, orders taking turns"}
"""The measures of ``data/calibration.csv``, in words."""


def read_made(name: str, command: str) -> tuple[pd.DataFrame | None, str]:
    """A table of ``data/`` that a longer search has made.

    Parameters
    ----------
    name : str
        The file's name.
    command : str
        What makes it.

    Returns
    -------
    DataFrame or None
        None where the file is not there.
    str
        A sentence that names file and command, as read or as missing.
    """
    path = Path(DATA, name)
    if not path.is_file():
        return None, f"`data/{name}` is not there, so this is not shown; `{command}` makes it."
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=path.stem != "proofs")
    return table, f"Read from `data/{name}`, which `{command}` makes."


def demands(ledger: pd.DataFrame) -> pd.DataFrame:
    """How many printed figures of each kind the invented patients have to give.

    Parameters
    ----------
    ledger : DataFrame
        From `lib.published.read_ledger`.

    Returns
    -------
    DataFrame
        ``Kind``, ``Quantities``, ``Places printed`` and ``Given up``.
    """
    results, rows, seen = ledger[ledger.expected.isin(["reproduced", "differs"])], [], set()
    for kind, endings in KINDS.items():
        here = results[results.quantity.str.endswith(endings)]
        # a limit belongs to a median; the axis of a figure and the range of a grade do not
        if kind.startswith("confidence"):
            medians = set(results.quantity[results.quantity.str.endswith(".median")].str.removesuffix(".median"))
            medians |= set(results.quantity[results.quantity.str.endswith(".mean")].str.removesuffix(".mean"))
            here = here[here.quantity.str.rsplit(".", n=1).str[0].isin(medians)]
        seen |= set(here.index)
        rows.append(_demand(kind, here))
    rows.append(_demand("others: grades, follow-up, axes, days", results.drop(index=seen)))
    return pd.DataFrame(rows)


def _demand(kind: str, rows: pd.DataFrame) -> dict:
    return {"Kind": kind, "Quantities": rows.quantity.nunique(), "Places printed": len(rows),
            "Given up": int((rows.expected == "differs").sum())}


def exact_orders_table(orders: pd.DataFrame, own: str | None, whose: str = "the reference cohort") -> pd.DataFrame:
    """Orders of deaths and censorings on which no two printed rows contradict each other.

    Parameters
    ----------
    orders : DataFrame
        ``data/exact_orders.csv``.
    own : str or None
        The shown cohort's order.
    whose : str
        What that cohort is called.
    """
    return pd.DataFrame({
        "Order of deaths (D) and censorings (c)": [order + (f" ({whose}'s)" if order == own else "") for order in orders.order],
        "Joint readings": orders.n_joint_readings, "With exact times": orders.n_feasible_readings,
        "Room": [f"{number(100 * room, 1)}%" if room > 0 else "none" for room in orders.room]})


def tiers_table(counts: pd.DataFrame) -> pd.DataFrame:
    """Size and diversity of the ensemble's tiers, from `lib.reconstruct.diversity.order_counts`."""
    return pd.DataFrame({
        "Tier": counts.index, "Cohorts": counts.n_cohorts.to_numpy(), "Independent seeds": counts.n_seeds.to_numpy(),
        "Distinct orders": counts.n_orders.to_numpy(),
        "Share of the most frequent order": [f"{number(100 * share, 1)}%" for share in counts.largest_share]})


def exact_tier_note(ensemble: pd.DataFrame, exact_orders: list[str]) -> str:
    """How many of the orders with exact times the exact tier has.

    Parameters
    ----------
    ensemble : DataFrame
        ``data/ensemble.parquet``.
    exact_orders : list of str
        Orders on which exact times exist.
    """
    from lib.reconstruct.diversity import orders

    found = orders(ensemble)
    n = len(set(found.order[found.tier == "exact"]) & set(exact_orders))
    said = f"The exact tier has {n} of the {len(exact_orders)} orders with exact times"
    return f"{said}." if n == len(exact_orders) else f"{said}: on the others times keep too little room to be rounded, so its narrowness is partly ours."


def spread_table(spread: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """What the ensemble says of unpublished statistics, and whether its seeds say the same.

    Parameters
    ----------
    spread : DataFrame
        From `lib.reconstruct.diversity.seed_spread`.
    names : dict of str to str
        Statistic -> words.
    """
    return pd.DataFrame({
        "Statistic, not published": [names[each] for each in spread.index],
        "Middle": [number(value, 2) for value in spread.middle],
        "Middle 95% of cohorts": [f"{number(low, 2)} to {number(high, 2)}" for low, high in zip(spread.low, spread.high)],
        "SD between seeds": [number(value, 3) for value in spread.sd_between],
        "SD within a seed": [number(value, 3) for value in spread.sd_within],
        "Share between seeds": [f"{number(100 * value, 0)}%" for value in spread.icc]})


def coverage_of(calibration: pd.DataFrame) -> pd.DataFrame:
    """Coverage of 95% ranges by measure and statistic, from ``data/calibration.csv``."""
    from lib.reconstruct.calibration import coverage  # the simulation behind it is not needed without its result

    return coverage(calibration)


def coverage_table(coverage: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """How often the truth of known trials lay inside the range, from `lib.reconstruct.calibration.coverage`."""
    return pd.DataFrame({
        "Measure": coverage.measure, "Statistic, not published": [names[each] for each in coverage.statistic],
        "Truth inside": [percent(int(inside), int(n)) for inside, n in zip(coverage.n_inside, coverage.n_reconstructed)],
        "95% interval": [f"{number(100 * low, 0)} to {number(100 * high, 0)}%" for low, high in zip(coverage.lower, coverage.upper)],
        "Not reconstructed": coverage.n_trials - coverage.n_reconstructed,
        "Within the aim": ["yes" if within else "no" for within in coverage.within_aim]})


def measures_note(coverage: pd.DataFrame) -> str:
    """What the measures are, those that are there."""
    return f"Measures: {'; '.join(f'*{each}*, {MEASURES[each]}' for each in dict.fromkeys(coverage.measure))}."


def coverage_sentence(coverage: pd.DataFrame) -> str:
    """How many shares lie within the aim, and what follows for a range over the ensemble."""
    within, low, high = int(coverage.within_aim.sum()), 100 * coverage.coverage.min(), 100 * coverage.coverage.max()
    said = (f"**{within} of {len(coverage)}** shares are within the aim of {100 * AIM[0]:g} to {100 * AIM[1]:g}%; they run from "
            f"{number(low, 0)} to {number(high, 0)}%. ")
    if (coverage.coverage < AIM[0]).any():
        return said + ("Where the share is below the aim, **a 95% range over the cohorts is too narrow**: the truth lies outside it more often "
                       "than one would think, so read it as the least that the print leaves open, not as the most.")
    return said + "A range over the cohorts holds the truth about as often as it says."


def scenarios_sentence(calibration: pd.DataFrame) -> str:
    """How often ranges made as the tolerant tier's held the truth, by hazard of death and by pattern of censoring."""
    from lib.reconstruct.calibration import coverage

    chosen = calibration[calibration.measure == "ensemble"]
    shares = {column: coverage(chosen, by=(column,)) for column in ("hazard", "censoring")}
    said = {column: join(f"{row[column]} {percent(int(row.n_inside), int(row.n_reconstructed))}" for _, row in table.iterrows())
            for column, table in shares.items()}
    return (f"Over all statistics, ranges made as the tolerant tier's held the truth, by how patients died: {said['hazard']}; by how they were "
            f"censored: {said['censoring']}. The distribution drawn from has constant hazard, and dropout for censoring.")


def walks_sentence(calibration: pd.DataFrame) -> str:
    """Whether the independent walks of the simulated trials agree, and how often the range holds the truth where they do."""
    from lib.reconstruct.calibration import MOST_R_HAT, N_WALKS, coverage

    compared = calibration[calibration.r_hat.notna()]
    shares = coverage(compared.assign(agree=compared.r_hat <= MOST_R_HAT), by=("agree",)).set_index("agree")
    held = {agree: percent(int(row.n_inside), int(row.n_reconstructed)) for agree, row in shares.iterrows()}
    said = (f"Each trial was walked {N_WALKS} times from random starts. Over trials and statistics, the walks agree (split R-hat at most "
            f"{MOST_R_HAT:g}) in {percent(int((compared.r_hat <= MOST_R_HAT).sum()), len(compared))} of the comparisons. ")
    if len(held) < 2:
        return said
    said += f"Where they agree, the range of the draws held the truth in {held[True]}, where they do not in {held[False]}. "
    if shares.coverage[True] >= AIM[0]:
        return said + ("So over all statistics together, agreeing walks give a share within the aim although the simulated patients do not "
                       "follow the distribution that is drawn from; a single statistic may still miss it.")
    return said + ("Agreement does not bring the share to the aim, so **longer walks alone would not mend it**: the distribution drawn from, which the "
                   "simulated patients do not follow, has its part.")


def proofs_shown(proofs: pd.DataFrame) -> pd.DataFrame:
    """Claims and verdicts, impossible ones first."""
    order = {"impossible": 0, "not found": 1, "possible": 2}
    shown = proofs.sort_values("verdict", key=lambda verdicts: verdicts.map(order), kind="stable")
    return pd.DataFrame({"Claim": shown.claim, "Verdict": shown.verdict, "What was tried": shown.method, "What came out": shown.evidence})


def alternatives_shown(alternatives: pd.DataFrame) -> pd.DataFrame:
    """Figures given up in another's place, and what is left of everything else."""
    rows = []
    for row in alternatives.itertuples():
        tried = ("too many beginnings to list" if pd.isna(row.n_beginnings) else f"{int(row.n_beginnings):,} beginnings")
        if not pd.isna(row.n_orders) and row.n_orders:
            tried += f", {int(row.n_orders):,} orders examined, {int(row.n_joint_orders):,} with joint readings"
        rows.append({"Given up instead": "nothing" if row.given_up == NOTHING_MORE else f"{readable(row.given_up)}, printed {row.printed}",
                     "What was tried": tried, "Orders with exact times": 0 if pd.isna(row.n_feasible_orders) else int(row.n_feasible_orders),
                     "All else": row.verdict})
    return pd.DataFrame(rows)


def alternatives_sentence(alternatives: pd.DataFrame, given_up: str, printed: str, own_row: str) -> str:
    """Whether giving up the figure that the cohort gives up is the only way out.

    Parameters
    ----------
    alternatives : DataFrame
        ``data/alternatives.csv``.
    given_up : str
        The figure the ledger gives up, by name.
    printed : str
        As printed.
    own_row : str
        What its comparison is called.
    """
    others = alternatives[alternatives.given_up != NOTHING_MORE]
    possible, open_ones = (others.given_up[others.verdict == verdict].map(readable).tolist() for verdict in ("possible", "not found"))
    tried = f"Among the {len(others)} medians, limits, P values and follow-up figures tried in its place"
    said = (f"The printed {printed} ({readable(given_up)}) contradicts the other medians and limits of its own comparison, of all patients and "
            f"of the follow-up, so other medians, limits and P values than these ({own_row}, all patients, follow-up) cannot be to blame alone. ")
    if possible:
        said += f"{tried}, giving up a single one makes the rest possible for {join(possible)}"
    else:
        said += f"{tried}, **none** makes the rest possible"
    said += (f"; for {join(open_ones)} no exact cohort was found, which is no proof." if open_ones else
             ": of these figures it is the only single one whose loss makes all others possible." if not possible else ".")
    return said + " Printed counts were not given up, and times were taken as distinct."


def inside_sentence(name: str) -> str:
    """A name as it stands inside a sentence: a first word is not capitalised, an acronym keeps its capitals."""
    return name if name[1:2].isupper() else f"{name[:1].lower()}{name[1:]}"


def ambiguities_shown(combinations: pd.DataFrame) -> pd.DataFrame:
    """Which tests and units of time leave exact cohorts."""
    return pd.DataFrame({
        "Test behind the P values": combinations.test, "Days of a month, if times are whole days": combinations.days_of_a_month.replace(ANY_UNIT, "times need not be whole days"),
        "Exact cohorts": combinations.verdict,
        "Orders": [f"{found:,} of {tried:,}" for found, tried in zip(combinations.n_orders, combinations.n_orders_tried)],
        "Readings": [f"{found:,} of {tried:,}" for found, tried in zip(combinations.n_readings, combinations.n_readings_tried)]})


def ambiguities_sentences(combinations: pd.DataFrame) -> str:
    """Which combinations of test and unit leave exact cohorts, and what follows for whole days.

    Parameters
    ----------
    combinations : DataFrame
        ``data/ambiguities.csv``.

    Notes
    -----
    Where no times are tied, Cox's score test is the log-rank test, so its rows are not counted a second time.
    """
    once = combinations[combinations.test != "Cox, score"]
    possible = once[once.verdict == "possible"]
    names = {"log-rank": "log-rank (or score) test", "Cox, Wald": "Wald test"}
    said = (f"Without tied times Cox's score test is the log-rank test, so the two are one possibility. Counted so, **{len(possible)} of "
            f"{len(once)}** combinations leave{'s' if len(possible) == 1 else ''} exact cohorts")
    units = {test: ["times that need not be whole days" if unit == ANY_UNIT else f"whole days, {unit} to a month" for unit in rows.days_of_a_month]
             for test, rows in possible.groupby("test", sort=False)}
    said += "".join(f"{': ' if place == 0 else '; '}the {names[test]} with {join(each)}" for place, (test, each) in enumerate(units.items())) + ". "
    whole = once[once.days_of_a_month != ANY_UNIT]
    left = whole[whole.verdict == "possible"].days_of_a_month.unique()
    n_lengths = whole.days_of_a_month.nunique()
    if len(left):
        return said + f"With times in whole days {len(left)} of the {n_lengths} lengths of a month tried leave{'s' if len(left) == 1 else ''} a cohort."
    unproved = [names[test] for test in whole.test[whole.verdict == "not found"].unique()]
    return said + (
        f"With times in whole days **none** of the {n_lengths} lengths of a month tried leaves a cohort"
        + (f" (by the {join(unproved)} none was found, which is no proof)" if unproved else "")
        + ". A hospital's times are differences of dates, so whole days. With whole-day, distinct times we know no cohort that gives every "
          "figure demanded: fractions of a day, tied times or another convention must be involved.")


def given_up_table(ledger: pd.DataFrame) -> pd.DataFrame:
    """The printed figures that the invention does not give, and why."""
    rows = ledger[ledger.expected == "differs"]
    return pd.DataFrame({"Figure": rows.quantity.map(readable), "Printed": rows.printed, "Where printed": rows.place, "Why": rows.note})
