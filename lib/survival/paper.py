"""What the paper puts around its survival figures: the axis of Figure 1, and the studies it compares itself with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lib.published import parse_printed
from lib.survival.wording import similar


def axis_checks(curve, ledger: pd.DataFrame, stem: str = "os_diagnosis.axis") -> dict:
    """Hold a printed axis against the curve that has to fit on it.

    Parameters
    ----------
    curve : lib.survival.estimate.Curve
    ledger : DataFrame
        From `lib.published.read_ledger`.
    stem : str
        Quantity of the axis; its rows end in "lower", "upper", "survival.lower" and "survival.upper".

    Returns
    -------
    dict
        Quantity -> dict with `value` (the printed end), `holds` and `observed`. The end of a time axis holds if the
        longest time lies within the last interval of the axis (a fifth of it: ticks at every 50 of 250).
    """
    printed = ledger.drop_duplicates("quantity").set_index("quantity").printed
    ends = {end: parse_printed(printed[f"{stem}.{end}"]).value for end in ("lower", "upper", "survival.lower", "survival.upper")
            if f"{stem}.{end}" in printed}
    shortest, longest = float(curve.exit.min()), curve.longest
    lowest, highest = float(curve.survival.min()), float(curve.survival.max())
    holds = {"lower": shortest >= ends.get("lower", 0), "survival.lower": lowest >= ends.get("survival.lower", 0),
             "upper": 0.8 * ends.get("upper", np.inf) < longest <= ends.get("upper", np.inf),
             "survival.upper": highest <= ends.get("survival.upper", 1)}
    observed = {"lower": f"shortest time {shortest:.1f} months", "upper": f"longest time {longest:.1f} months",
                "survival.lower": f"lowest survival {lowest:.2f}", "survival.upper": f"highest survival {highest:.2f}"}
    return {f"{stem}.{end}": {"value": value, "holds": bool(holds[end]), "observed": observed[end]}
            for end, value in ends.items()}


def quoted_medians(literature: pd.DataFrame, outcomes=("os.median", "pfs.median", "local_pfs.median", "rfs.median")) -> pd.DataFrame:
    """Medians of other studies from the table of quoted figures, one a row.

    Parameters
    ----------
    literature : DataFrame
        ``data/literature.csv``.
    outcomes : sequence of str
        Quantities to keep.

    Returns
    -------
    DataFrame
        `study`, `topic`, `subgroup`, `n`, `outcome`, `value`, `lower`, `upper`, `time_origin`, `source`; numbers as float, missing where
        not reported.
    """
    rows = literature[literature.quantity.isin(outcomes)].rename(columns={"quantity": "outcome"})
    rows = rows.assign(**{column: pd.to_numeric(rows[column], errors="coerce") for column in ("n", "value", "lower", "upper")})
    columns = ["study", "topic", "subgroup", "n", "outcome", "value", "lower", "upper", "time_origin", "source"]
    return rows.loc[rows.value.notna(), columns].reset_index(drop=True)


def own_median(estimate, n: int, time_origin: str = "first treatment") -> dict:
    """An own median as a row beside the quoted ones."""
    return {"label": "This cohort", "n": n, "time_origin": time_origin, "value": estimate.value, "lower": estimate.lower,
            "upper": estimate.upper}


def forest_rows(quoted: pd.DataFrame, own: list[dict]) -> pd.DataFrame:
    """Own and quoted medians as rows of a forest plot, grouped by time origin so that no axis is shared unsaid.

    Parameters
    ----------
    quoted : DataFrame
        From `quoted_medians`.
    own : list of dict
        Rows with `label`, `n`, `value`, `lower`, `upper`, `time_origin`.

    Returns
    -------
    DataFrame
        As `lib.figures.survival.draw_forest` takes it: `label`, `estimate`, `lower`, `upper`, `text`, `group`, `highlight`.
    """
    theirs = [{"label": f"{row.study}, {row.subgroup}", "n": row.n, "value": row.value, "lower": row.lower, "upper": row.upper,
               "time_origin": row.time_origin, "highlight": False} for row in quoted.itertuples()]
    rows = pd.DataFrame([entry | {"highlight": True} for entry in own] + theirs)
    rows["group"] = "from " + rows.time_origin
    rows["estimate"], rows["text"] = rows.value, [_figures(row) for row in rows.itertuples()]
    rows[["lower", "upper"]] = rows[["lower", "upper"]].astype(float)
    order = list(dict.fromkeys(rows.group))
    return rows.assign(rank=rows.group.map(order.index)).sort_values("rank", kind="stable", ignore_index=True)


def _figures(row):
    n = "" if pd.isna(row.n) else f"n = {row.n:.0f}, "
    limits = "no interval" if pd.isna(row.lower) else f"{row.lower:.1f} to {row.upper:.1f}"
    return f"{n}{row.value:.1f} ({limits})"


def origins_match(first: str, second: str) -> bool:
    """Whether two medians count from the same moment, so that their difference means anything."""
    return first.strip().lower() == second.strip().lower()


def compare_with_quoted(value, lower, upper, time_origin: str, quoted: pd.DataFrame) -> pd.DataFrame:
    """Hold an own median against each quoted one.

    Parameters
    ----------
    value, lower, upper : float
        Own median and interval, months.
    time_origin : str
    quoted : DataFrame
        From `quoted_medians`.

    Returns
    -------
    DataFrame
        The quoted rows with `same_origin`, `higher` (ours above theirs), `lower_than` (ours below), and `similar` (theirs within our
        interval).
    """
    return quoted.assign(
        same_origin=[origins_match(time_origin, origin) for origin in quoted.time_origin],
        higher=value > quoted.value, lower_than=value < quoted.value,
        similar=[bool(similar(theirs, lower, upper)) for theirs in quoted.value])
