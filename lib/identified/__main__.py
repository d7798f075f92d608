"""Compute what the paper pins down and write ``data/identified.csv``.

    python -m lib.identified [--deals N] [--marginals N]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from lib.identified import ranges
from lib.identified.cohorts import CohortsError, from_table, with_treatments_dealt
from lib.identified.marginals import marginal_cohorts
from lib.identified.proved import proved
from lib.identified.quantities import BY_TREATMENT, QUANTITIES, compute
from lib.reconstruct.ensemble import FILE as ENSEMBLE

SIGNIFICANT_DIGITS = 10
"""Enough for any comparison, few enough that machines agree."""


def main(arguments: list[str] | None = None) -> int:
    """Write the ranges; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lib.identified", description="Every unpublished quantity over the ensemble.")
    parser.add_argument("--ensemble", type=Path, default=ENSEMBLE, help="table of agreeing cohorts")
    parser.add_argument("--deals", type=int, default=4, help="times that treatments are dealt anew in each cohort")
    parser.add_argument("--marginals", type=int, default=40, help="seeds of the cohorts that know the counts alone, 50 each")
    parser.add_argument("--out", type=Path, default=ranges.FILE, help="CSV file to write")
    options = parser.parse_args(arguments)
    if not options.ensemble.is_file():
        print(f"{options.ensemble} is not there; make it with 'python -m lib.reconstruct.ensemble'.", file=sys.stderr)
        return 1
    try:
        cohorts = from_table(pd.read_parquet(options.ensemble))
    except CohortsError as error:
        print(error, file=sys.stderr)
        return 1
    started = time.process_time()
    found = compute(cohorts)
    seconds = time.process_time() - started
    dealt = compute(with_treatments_dealt(cohorts.repeated(options.deals), np.random.default_rng(6)),
                    lambda part: part in BY_TREATMENT)
    dealt = {name: values for name, values in dealt.items() if QUANTITIES[name].by_treatment}
    table = ranges.summarise(QUANTITIES, found, cohorts.tier, dealt, compute(marginal_cohorts(options.marginals)), proved())
    table.to_csv(options.out, index=False, lineterminator="\n", float_format=f"%.{SIGNIFICANT_DIGITS}g")
    counts = table.grade.value_counts()
    print(f"{options.out}: {len(table)} quantities over {len(cohorts)} cohorts ({seconds:.0f} s), "
          f"{', '.join(f'{counts.get(grade, 0)} {grade}' for grade in ranges.GRADES)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
