"""Compute what the paper pins down, and write the files of ``data/`` that say so.

    python -m lib.identified [--only ranges|claims|fragility|deciding]

``identified.csv`` holds the range and grade of every unpublished quantity, ``ensemble_verdicts.csv`` the verdict on every claim of
``ensemble_claims.csv``, ``extremes.parquet`` the cohorts that the directed search found, ``identified_values.parquet`` every
quantity of every cohort, ``fragility.csv`` and ``deciding.csv`` how firmly claims stand and what would decide them.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lib.identified import claims, directed, fragility, ranges, results
from lib.identified.cohorts import Cohorts, CohortsError, from_table, with_treatments_dealt
from lib.identified.marginals import marginal_cohorts
from lib.identified.proved import Limits, proved
from lib.identified.quantities import BY_TREATMENT, QUANTITIES, compute
from lib.published import DATA
from lib.reconstruct.ensemble import FILE as ENSEMBLE
from lib.reconstruct.executor import write_whole

SIGNIFICANT_DIGITS = 10
"""Enough for any comparison, few enough that machines agree."""
DEALS, MARGINAL_SEEDS = 4, 40


@dataclass(frozen=True)
class Found:
    """The ensemble with all that is computed of it.

    Attributes
    ----------
    cohorts : Cohorts
    values : dict of str to ndarray
        Unpublished and printed quantities; those that depend on treatments of the first deal.
    stored : dict of str to ndarray
        The same with treatments as the ensemble stores them.
    dealt : dict of str to ndarray
        Of all deals, one after the other.
    proofs : dict of str to Limits
    """

    cohorts: Cohorts
    values: dict[str, np.ndarray]
    stored: dict[str, np.ndarray]
    dealt: dict[str, np.ndarray]
    proofs: dict[str, Limits]


def find(cohorts: Cohorts) -> Found:
    """Compute every quantity of every cohort, treatments dealt anew, and the proofs."""
    stored = compute(cohorts) | claims.printed_quantities(cohorts)
    several = with_treatments_dealt(cohorts.repeated(DEALS), np.random.default_rng(6))
    moved = compute(several, lambda part: part in BY_TREATMENT) | {"balance.gap.largest_smd": compute(
        several, lambda part: part == "gaps")["balance.gap.largest_smd"]}
    dealt = {name: values for name, values in moved.items() if QUANTITIES[name].by_treatment}
    values = stored | {name: deals[:len(cohorts)] for name, deals in dealt.items()}
    return Found(cohorts, values, stored, dealt, proved())


def write_ranges(found: Found, folder: Path) -> pd.DataFrame:
    """``identified.csv``."""
    table = ranges.summarise(QUANTITIES, found.stored, found.cohorts.tier, found.dealt,
                             compute(marginal_cohorts(MARGINAL_SEEDS)), found.proofs)
    _write(table, folder / ranges.FILE.name)
    return table


def write_claims(found: Found, folder: Path) -> pd.DataFrame:
    """``extremes.parquet``, ``identified_values.parquet`` and ``ensemble_verdicts.csv``."""
    listed = claims.read_claims()
    extremes = directed.search_all(claims.to_search(listed, found.proofs), found.cohorts)
    write_whole(extremes, folder / results.EXTREMES_FILE)
    edge = from_table(extremes)
    of_edge = compute(edge) | claims.printed_quantities(edge)
    repeated = {name: np.tile(values, DEALS) for name, values in found.values.items()} | found.dealt
    verdicts = claims.judge(listed, found.values, found.cohorts.tier, of_edge, repeated, found.proofs)
    _write(verdicts, folder / results.VERDICT_FILE)
    write_whole(_long(found, edge, of_edge), folder / results.VALUES_FILE)
    return verdicts


def _long(found: Found, edge: Cohorts, of_edge: dict[str, np.ndarray]) -> pd.DataFrame:
    """Every value of every cohort, one a row, the directed ones after the ensemble's."""
    numbers, tier = [*range(len(found.cohorts)), *range(len(edge))], [*found.cohorts.tier, *["directed"] * len(edge)]
    tables = [pd.DataFrame({"quantity": name, "tier": tier, "cohort": numbers,
                            "value": _rounded(np.concatenate([values, of_edge[name]]))}) for name, values in found.values.items()]
    return pd.concat(tables, ignore_index=True).astype({"quantity": "category", "tier": "category", "cohort": "int32"})


def _rounded(values: np.ndarray, digits: int = 7) -> np.ndarray:
    """Values to so many significant digits: the file is a third as large."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(values))))
        return np.where(np.isfinite(values) & (values != 0), np.round(values * scale) / scale, values)


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n", float_format=f"%.{SIGNIFICANT_DIGITS}g")


def main(arguments: list[str] | None = None) -> int:
    """Write the files; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lib.identified", description="What the paper pins down, over the ensemble.")
    parser.add_argument("--ensemble", type=Path, default=ENSEMBLE, help="table of agreeing cohorts")
    parser.add_argument("--only", choices=["ranges", "claims", "fragility", "deciding"], help="write this part and leave the others")
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write into")
    options = parser.parse_args(arguments)
    if not options.ensemble.is_file():
        print(f"{options.ensemble} is not there; make it with 'python -m lib.reconstruct.ensemble'.", file=sys.stderr)
        return 1
    started = time.process_time()
    try:
        cohorts = from_table(pd.read_parquet(options.ensemble))
    except CohortsError as error:
        print(error, file=sys.stderr)
        return 1
    wanted = [options.only] if options.only else ["ranges", "claims", "fragility", "deciding"]
    found = find(cohorts) if {"ranges", "claims"} & set(wanted) else None
    if "ranges" in wanted:
        counts = write_ranges(found, options.out).grade.value_counts()
        print(f"{len(cohorts)} cohorts; quantities: {', '.join(f'{counts.get(each, 0)} {each}' for each in ranges.GRADES)}.")
    if "claims" in wanted:
        verdicts = write_claims(found, options.out).verdict.value_counts()
        print(f"Claims: {', '.join(f'{verdicts.get(each, 0)} {each}' for each in results.VERDICTS)}.")
    if "fragility" in wanted:
        _write(fragility.of_claims(claims.read_claims(), cohorts), options.out / results.FRAGILITY_FILE)
    if "deciding" in wanted:
        _write(fragility.deciding(cohorts), options.out / results.DECIDING_FILE)
    print(f"{time.process_time() - started:.0f} seconds of one core.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
