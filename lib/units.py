"""Laboratory units: any usual spelling to the one unit each analyte is analysed in, by pint."""

from __future__ import annotations

import re
from functools import cache

import pandas as pd

from lib.refusal import Refusal

REFERENCE_UNITS = {
    "albumin": "g/dL", "bilirubin": "mg/dL", "inr": "ratio", "alt": "U/L", "ast": "U/L", "alp": "U/L",
    "creatinine": "mg/dL", "platelets": "10^3/uL", "sodium": "mmol/L",
}
# g/mol, PubChem: bilirubin CID 5280352, creatinine CID 588, sodium CID 5360545; albumin is human serum albumin's 66.5 kDa
MOLAR_MASS_G_MOL = {"bilirubin": 584.66, "creatinine": 113.12, "albumin": 66_500.0, "sodium": 22.98977}
_CONVERTED = ("value", "lower_normal", "upper_normal")
# cell counts as laboratories write them: pint reads K as kelvin, G as gauss and knows no leading slash
_COUNT_SPELLINGS = {"k/ul": "10^3/uL", "x10e3/ul": "10^3/uL", "thou/ul": "10^3/uL", "x10e9/l": "10^9/L", "10e3/ul": "10^3/uL",
                    "10e9/l": "10^9/L", "g/l": "10^9/L", "/ul": "1/uL", "/mm3": "1/mm^3", "cells/ul": "1/uL",
                    "10^3/mm3": "10^3/mm^3"}
# two characters that look like micro, and the sign of multiplication
_SIGNS = str.maketrans({"\N{GREEK SMALL LETTER MU}": "u", "\N{MICRO SIGN}": "u", "\N{MULTIPLICATION SIGN}": "x"})
# a unit, not a computation: pint would work out 9^9^9 with patience
_PLAUSIBLE = re.compile(r"[^\^*]{1,24}((\^|\*\*)-?\d{1,2}[^\^*]{0,12}){0,2}")


class UnitError(Refusal, ValueError):
    """A laboratory unit cannot be read or does not fit its analyte; the message names both and the remedy."""


def to_reference_units(labs: pd.DataFrame) -> pd.DataFrame:
    """Convert laboratory values and their normal limits to the reference unit of each analyte.

    Parameters
    ----------
    labs : DataFrame
        Long: ``analyte, value, unit, lower_normal, upper_normal`` and any other columns; the limits are
        in the row's own unit.

    Returns
    -------
    DataFrame
        A copy with `REFERENCE_UNITS` in ``unit``; analytes outside `REFERENCE_UNITS` stay as they are.

    Raises
    ------
    UnitError
        On a unit that pint cannot read or that does not measure the analyte.
    """
    labs = labs.copy()
    known = labs["analyte"].isin(REFERENCE_UNITS)
    pairs = labs.loc[known, ["analyte", "unit"]].drop_duplicates()
    for analyte, unit in pairs.to_numpy():
        if unit == REFERENCE_UNITS[analyte]:
            continue
        factor = conversion_factor(analyte, unit)
        rows = known & (labs["analyte"] == analyte) & (labs["unit"].isna() if pd.isna(unit) else labs["unit"] == unit)
        if factor != 1.0:
            for column in labs.columns.intersection(_CONVERTED):
                labs[column] = labs[column].where(~rows, labs[column] * factor)
        labs.loc[rows, "unit"] = REFERENCE_UNITS[analyte]
    return labs


def conversion_factor(analyte: str, unit: str) -> float:
    """What a value in `unit` is multiplied by to be in the analyte's reference unit.

    Parameters
    ----------
    analyte : str
        A key of `REFERENCE_UNITS`.
    unit : str
        As the laboratory writes it: mg/dL, umol/L, µmol/L, g/L, U/L, IU/L, µkat/L, 10^9/L, K/uL, mEq/L, ...

    Returns
    -------
    float

    Raises
    ------
    UnitError
        On a unit that cannot be read or does not measure the analyte.
    """
    if analyte not in REFERENCE_UNITS:
        raise UnitError(f"analyte '{analyte}' has no reference unit here; known are {', '.join(REFERENCE_UNITS)}.")
    reference = REFERENCE_UNITS[analyte]
    if pd.isna(unit) or not str(unit).strip():
        if analyte == "inr":
            return 1.0
        raise UnitError(f"labs: {analyte} has no unit; write one, such as {reference}.")
    if unit == reference:
        return 1.0
    try:
        if not _PLAUSIBLE.fullmatch(str(unit).strip()):
            raise ValueError(unit)
        return _factor(analyte, str(unit).strip())
    except Exception as error:  # pint raises many kinds for a text that is not a unit
        raise UnitError(f"labs: unit '{unit}' does not measure {analyte}; write {reference} or a unit that converts "
                        "to it.") from error


@cache
def _factor(analyte: str, unit: str) -> float:
    registry = _registry()
    if analyte == "inr":
        if unit.lower() in {"ratio", "1", "inr", "{inr}"}:
            return 1.0
        raise UnitError(unit)
    source = registry.parse_expression(_spelling(analyte, unit))
    target = registry.parse_expression(REFERENCE_UNITS[analyte])
    mass = MOLAR_MASS_G_MOL.get(analyte)
    context = ("chemistry",) if mass else ()
    keywords = {"mw": registry.Quantity(mass, "g/mol")} if mass else {}
    # 1e-12: 0.1 and its like, so that a value on a limit stays on it
    return float(f"{source.to(target.units, *context, **keywords).magnitude / target.magnitude:.12g}")


def _spelling(analyte: str, unit: str) -> str:
    compact = re.sub(r"\s+", "", unit.translate(_SIGNS).replace("**", "^"))
    if analyte == "platelets":
        compact = re.sub(r"^x(?=10\^)", "", compact)
        return _COUNT_SPELLINGS.get(compact.lower(), compact)
    if analyte == "sodium":
        return re.sub(r"(?i)^meq", "mmol", compact)  # one charge per ion
    return re.sub(r"^I?U(?=/)", "enzyme_unit", compact)


@cache
def _registry():
    from pint import UnitRegistry

    return UnitRegistry()
