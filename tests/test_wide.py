"""Rows set beside each other as pandas itself pivots them, whatever the names are kept as."""

import numpy as np
import pandas as pd
import pytest

from lib.wide import pivoted

ROWS = pd.DataFrame({"patient": ["P10", "P2", "P2", "P7", "P10", "P7"], "visit": ["late", "baseline", "late", "late", "baseline", "week 3"],
                     "value": [5.0, 1.5, np.nan, 2.0, 4.0, 9.0]})
SPARE = {"patient": pd.CategoricalDtype(["P0", "P10", "P2", "P3", "P7"]), "visit": pd.CategoricalDtype(["~", "baseline", "late", "week 3"])}


@pytest.mark.parametrize("types", [{}, {"patient": "category"}, {"visit": "category"}, SPARE])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 4, 2]])
def test_one_key_gives_what_pandas_gives(types, order):
    expected = ROWS.pivot(index="patient", columns="visit", values="value")[["late", "baseline"]].rename_axis(columns=None).reset_index()
    found = pivoted(ROWS.iloc[order].astype(types), "visit", "value", ["late", "baseline"])
    assert found["patient"].dtype == ROWS.astype(types)["patient"].dtype
    pd.testing.assert_frame_equal(found.astype({"patient": object}), expected)


@pytest.mark.parametrize("types", [{}, SPARE])
def test_two_keys_give_what_pandas_gives(types):
    long = pd.concat([ROWS.assign(analyte="alt"), ROWS.iloc[[1, 3]].assign(analyte="ast", value=[70.0, 80.0])])
    expected = long.pivot(index=["patient", "visit"], columns="analyte", values="value").reindex(columns=["ast", "alt", "inr"])
    found = pivoted(long.astype(types), "analyte", "value", ["ast", "alt", "inr"], ("patient", "visit"))
    pd.testing.assert_frame_equal(found.astype({"patient": object, "visit": object}), expected.rename_axis(columns=None).reset_index(), check_dtype=False)
    assert found["inr"].isna().all() and list(found.columns) == ["patient", "visit", "ast", "alt", "inr"]


def test_values_keep_their_kind_and_a_word_nobody_has_is_missing():
    whole = pivoted(ROWS.assign(value=pd.array([1, 2, None, 4, 5, 6], dtype="Int64")), "visit", "value", ["baseline", "nowhere"])
    assert whole["baseline"].dtype == "Int64" and whole["baseline"].fillna(-1).tolist() == [5, 2, -1] and whole["nowhere"].isna().all()
    words = pivoted(ROWS.assign(value=list("abcdef")), "visit", "value", ["late"])
    assert words["late"].tolist() == ["a", "c", "d"] and words["patient"].tolist() == ["P10", "P2", "P7"]


@pytest.mark.parametrize("types", [{}, SPARE])
def test_no_rows_give_no_rows(types):
    found = pivoted(ROWS.iloc[:0].astype(types), "visit", "value", ["late"])
    assert list(found.columns) == ["patient", "late"] and len(found) == 0
    assert list(pivoted(ROWS.iloc[:0].astype(types), "visit", "value", [], ("patient", "visit")).columns) == ["patient", "visit"]
