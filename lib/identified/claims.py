"""Claims about the study, held against every cohort that agrees with the paper.

``data/ensemble_claims.csv`` states each as a predicate (`lib.identified.predicates`). A claim is *implied* or *contradicted* only
where proved limits decide it; it is *held in all found* where it is true in every cohort of the ensemble and a search for
a counterexample failed; else it is *undecided*. The share of cohorts in which it is true is no probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from lib.identified import directed
from lib.identified.cohorts import Cohorts
from lib.identified.predicates import Between, PredicateError, decided, holds, names_in
from lib.identified.proved import Limits
from lib.identified.results import CONTRADICTED, FAILED, HELD, IMPLIED, NOT_TESTABLE, UNDECIDED
from lib.identified.quantities import CLOCKS, GROUPINGS, QUANTITIES, log_rank_p, medians
from lib.literature import read_literature
from lib.published import DATA, LedgerError, read_ledger
from lib.reconstruct.completion.printed import CompletionError, PrintedFigures

FILE = DATA / "ensemble_claims.csv"
COLUMNS = ["claim", "place", "predicate", "needs"]
CONTROL_ARM = "control arm"
PRINTED = "printed figures"


class ClaimsError(ValueError):
    """The table of claims cannot be used; the message names row, value and remedy."""


def read_claims(path: str | Path = FILE) -> pd.DataFrame:
    """Read the table of claims.

    Parameters
    ----------
    path : path

    Returns
    -------
    DataFrame of str
        `COLUMNS`; ``needs`` is blank or ``control arm``.

    Raises
    ------
    ClaimsError
        Naming the row, if a column is missing, a need is unknown, or a predicate cannot be read.
    """
    path = Path(path)
    claims = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in claims]
    if missing:
        raise ClaimsError(f"{path.name}: column {missing[0]} is missing; the table needs {', '.join(COLUMNS)}.")
    for row, claim in enumerate(claims.itertuples(), start=2):
        if claim.needs not in ("", CONTROL_ARM):
            raise ClaimsError(f"{path.name}, row {row}: needs is '{claim.needs}'; leave it blank or write '{CONTROL_ARM}'.")
        if not claim.predicate and not claim.needs:
            raise ClaimsError(f"{path.name}, row {row}: the claim has no predicate; write one, or what it needs.")
        try:
            names_in(claim.predicate) if claim.predicate else []
        except PredicateError as error:
            raise ClaimsError(f"{path.name}, row {row}: {error}") from error
    return claims


def printed_quantities(cohorts: Cohorts) -> dict[str, np.ndarray]:
    """The printed survival figures of each cohort, by the ledger's names, for predicates that read them."""
    months, died, found = cohorts["os_treatment_months"], cohorts["died"], {}
    for clock, (column, event, _) in CLOCKS.items():
        found[f"{clock}.median"] = medians(cohorts, column, cohorts[event])
    levels = {"extrahepatic_disease": ("no", "yes"), "meld_change": ("not_increased", "increased"),
              "treatment_gap": ("late", "early"), "mrecist_response": ("non_responders", "responders")}
    for name, (flag, _, _, _) in GROUPINGS.items():
        for level, members in zip(levels[name], (~cohorts[flag], cohorts[flag])):
            found[f"os_treatment.{name}.{level}.median"] = medians(cohorts, members=members)
        found[f"os_treatment.{name}.p"] = log_rank_p(months, np.zeros_like(months), died, cohorts[flag])
    return found


def literature_quantities(literature: pd.DataFrame | None = None) -> dict[str, float]:
    """The lowest and highest median survival quoted of other studies: ``literature.<topic>.os.lowest`` and ``.highest``."""
    literature = read_literature() if literature is None else literature
    rows = literature[(literature.quantity == "os.median") & literature.value.notna()]
    return {f"literature.{topic.replace('-', '_')}.os.{end}": float(value)
            for topic, values in rows.groupby("topic").value for end, value in (("lowest", values.min()), ("highest", values.max()))}


def limits_of(proofs: Mapping[str, Limits], ledger: pd.DataFrame | None = None):
    """A function that gives the proved or printed limits of a quantity, and one that gives their ground."""
    printed, constants = PrintedFigures(read_ledger() if ledger is None else ledger), literature_quantities()

    def limits(name: str) -> Between:
        if name in constants:
            return Between(constants[name], constants[name])
        if name in proofs:
            return Between(proofs[name].low, proofs[name].high)
        try:
            return Between(*printed.interval(name))
        except (CompletionError, LedgerError):
            return Between(-np.inf, np.inf)

    return limits, lambda name: proofs[name].ground if name in proofs else PRINTED


def judge(claims: pd.DataFrame, values: Mapping[str, np.ndarray], tier: np.ndarray, extremes: Mapping[str, np.ndarray],
          dealt: Mapping[str, np.ndarray], proofs: Mapping[str, Limits]) -> pd.DataFrame:
    """A verdict on each claim.

    Parameters
    ----------
    claims : DataFrame
        From `read_claims`.
    values : mapping of str to ndarray, shape (n_cohorts,)
        Every quantity of the ensemble, printed ones included.
    tier : ndarray of str, shape (n_cohorts,)
    extremes : mapping of str to ndarray, shape (n_extremes,)
        The same of the cohorts that the directed search found.
    dealt : mapping of str to ndarray, shape (n_deals * n_cohorts,)
        The same of the ensemble with treatments dealt anew, for claims that depend on them.
    proofs : mapping of str to Limits
        From `lib.identified.proved.proved`.

    Returns
    -------
    DataFrame
        The columns of the claims, ``verdict``, ``ground`` (of a proof), ``tolerant_share`` and ``exact_share`` (of cohorts in which
        it is true), ``n_cohorts``, ``n_for`` and ``n_against`` (of all found, directed and dealt ones included), ``quantity`` (the
        first that the predicate reads), ``low`` and ``high`` (its extremes over all found).
    """
    limits, ground_of = limits_of(proofs)
    return pd.DataFrame([claim._asdict() | _judged(claim, values, tier, [extremes, dealt], limits, ground_of)
                         for claim in claims.itertuples(index=False)])


def _judged(claim, values, tier, more, limits, ground_of) -> dict:
    empty = {"verdict": NOT_TESTABLE, "ground": "", "tolerant_share": np.nan, "exact_share": np.nan, "n_cohorts": 0, "n_for": 0,
             "n_against": 0, "quantity": "", "low": np.nan, "high": np.nan}
    if claim.needs:
        return empty
    names = names_in(claim.predicate)
    own = [name for name in names if not name.startswith("literature.")]
    row, proof = empty | {"quantity": own[0]}, decided(claim.predicate, limits)
    if all(name in values for name in own):
        row |= _counted(claim.predicate, own, values, tier, more)
    elif proof is None:
        missing = next(name for name in own if name not in values)
        raise ClaimsError(f"'{claim.claim}': {missing} is not computed for cohorts, and no printed figure decides the claim.")
    if proof is not None:
        grounds = ", ".join(sorted({ground_of(name) for name in own}))
        return row | {"verdict": IMPLIED if proof else CONTRADICTED, "ground": grounds}
    return row | {"verdict": UNDECIDED if row["n_for"] and row["n_against"] else HELD if row["n_for"] else FAILED}


def _counted(predicate: str, own: list[str], values, tier, more) -> dict:
    """In how many cohorts a predicate is true, and the extremes of its first quantity."""
    extremes, dealt = more
    by_treatment = any(name in QUANTITIES and QUANTITIES[name].by_treatment for name in own)
    sources = [values, *([extremes] if extremes else []), *([dealt] if by_treatment and dealt else [])]
    constants = literature_quantities()
    truths = []
    for source in sources:
        shape = source[own[0]].shape
        truths.append(holds(predicate, dict(source) | {name: np.full(shape, value) for name, value in constants.items()}))
    found, pooled = np.concatenate(truths), np.concatenate([source[own[0]] for source in sources])
    return {"tolerant_share": float(np.nanmean(truths[0][tier == "tolerant"])), "exact_share": float(np.nanmean(truths[0][tier == "exact"])),
            "n_cohorts": int((~np.isnan(found)).sum()), "n_for": int((found == 1).sum()), "n_against": int((found == 0).sum()),
            "low": float(np.nanmin(pooled)), "high": float(np.nanmax(pooled))}


def to_search(claims: pd.DataFrame, proofs: Mapping[str, Limits]) -> list[str]:
    """Quantities that claims without a proof read and the directed search can push."""
    limits, _ = limits_of(proofs)
    open_ones = [name for claim in claims.itertuples() if not claim.needs and decided(claim.predicate, limits) is None
                 for name in names_in(claim.predicate)]
    same = {name.replace("landmark_p", "landmark_hazard_ratio") for name in open_ones}
    return sorted(same & set(directed.TARGETS))
