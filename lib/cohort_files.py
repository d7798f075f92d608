"""The files of a cohort: CSV or Parquet, large ones read by column straight into their types.

A large file is read the quick way first, which accepts clean files only. Anything else is left to the careful reader of
`lib.cohort`, which goes cell by cell and says what is wrong.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from lib.contract import CONTRACT, KEYS, Column

ENDINGS = (".csv", ".parquet")
LARGE_BYTES = 4_000_000  # CSV files up to this size are read cell by cell
MANY_ROWS = 50_000  # tables up to this length hold plain text, longer ones categories
WORDS_FOR_MISSING = {"na", "n/a", "nan", "null", "none given", ".", "-", "?", "missing"}


def table_files(folder: Path, table: str) -> list[Path]:
    """The files of a folder that hold a table; one, none, or too many."""
    return [path for ending in ENDINGS if (path := folder / f"{table}{ending}").is_file()]


def is_cohort(folder: Path) -> bool:
    """Whether a folder holds a table of patients."""
    return bool(table_files(folder, "patients"))


def read_clean(path: Path, table: str, invented: bool) -> pd.DataFrame | None:
    """A table in the types of the contract, if its file has nothing to object to.

    Parameters
    ----------
    path : Path
        Parquet, or CSV of more than `LARGE_BYTES`.
    table : str
        One of ``lib.contract.TABLES``.
    invented : bool
        Whether the project's own words are asked for too.

    Returns
    -------
    DataFrame or None
        None where the file is small, or a cell, a column or a key breaks the contract.
    """
    import pyarrow as pa

    columns = {column.name: column for column in CONTRACT[table]}
    try:
        if path.suffix == ".parquet":
            arrow = _parquet(path, columns, strict=True)
        elif path.stat().st_size > LARGE_BYTES:
            arrow = _large_csv(path, columns, strict=True)
        else:
            return None
        if arrow is None or any(column.required and name not in arrow for name, column in columns.items()):
            return None
        frame = _in_types(arrow, columns)
    except (pa.ArrowException, ValueError, TypeError, OSError):
        return None
    if frame.empty:
        return None
    clean = all(_is_clean(frame[name], columns[name], invented) for name in frame) and not _has_repeated_keys(table, frame)
    return _as_text_where_short(frame, table) if clean else None


def read_trusted(path: Path, table: str, wanted: tuple[str, ...] | None = None, labels: pd.Index | None = None) -> pd.DataFrame | None:
    """A table whose file has been checked in this run, only the columns wanted; None where it cannot be read quickly.

    ``labels`` holds the labels of all patients, which need then not be made again of the file's own million.
    """
    import pyarrow as pa

    columns = {column.name: column for column in CONTRACT[table] if wanted is None or column.name in wanted}
    try:
        arrow = _parquet(path, columns) if path.suffix == ".parquet" else _large_csv(path, columns) if path.stat().st_size > LARGE_BYTES else None
        if arrow is None:
            return None
        return _as_text_where_short(_in_types(arrow, columns, labels), table)
    except (pa.ArrowException, ValueError, TypeError, OSError):
        return None


def read_any_parquet(path: Path) -> pd.DataFrame:
    """All of a Parquet file as it stands, for the careful reader."""
    return pd.read_parquet(path)


def _in_types(read: dict, columns: dict[str, Column], labels: pd.Index | None = None) -> pd.DataFrame:
    """Each column read and put into its type before the next, so that a table is never in memory twice."""
    import pyarrow as pa

    # Arrow's memory may not be written to
    frame = pd.DataFrame({name: _among(read_column(), labels) if name == "patient" and labels is not None else _typed(read_column(), columns[name]).copy()
                          for name, read_column in read.items()}, copy=False)
    pa.default_memory_pool().release_unused()
    return frame


def _parquet(path, columns, strict=False):
    """Name -> function that reads it, of those columns that the file has; None for a strict reader where it has others, or one twice."""
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    if len(set(names)) < len(names) or (strict and not set(names) <= set(columns)):
        return None
    return {name: partial(_parquet_column, path, name, columns[name].kind == "text") for name in names if name in columns}


def _parquet_column(path, name, is_text):
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, read_dictionary=[name] if is_text else None) as file:
        if not file.num_row_groups:
            return file.read(columns=[name]).column(name)
        parts = []
        for number in range(file.num_row_groups):
            part = file.read_row_group(number, columns=[name]).column(name)
            # a repeated dictionary of a million names is kept once
            parts += _with_one_dictionary(part, parts[0].dictionary if parts else None).chunks if pa.types.is_dictionary(part.type) else part.chunks
    return pa.chunked_array(parts, part.type)


def _large_csv(path, columns, strict=False):
    """As `_parquet`, of a CSV file whose header needs no quotes; None for a strict reader where a number is the word NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    with path.open("rb") as stream:
        header = stream.readline().decode("utf-8-sig").strip().split(",")
    if len(set(header)) < len(header) or (strict and not set(header) <= set(columns)):
        return None
    types = {"text": pa.dictionary(pa.int32(), pa.string()), "number": pa.float64(), "whole": pa.float64(), "truth": pa.bool_()}
    wanted = [name for name in header if name in columns]
    table = csv.read_csv(
        path, parse_options=csv.ParseOptions(ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types={name: types[columns[name].kind] for name in wanted}, include_columns=wanted, null_values=[""],
            strings_can_be_null=True, true_values=["true", "True", "TRUE"], false_values=["false", "False", "FALSE"]))
    if strict and any(pc.any(pc.is_nan(table[name])).as_py() for name in wanted if pa.types.is_floating(table[name].type)):
        return None
    return {name: partial(table.column, name) for name in wanted}


def _typed(column, described: Column) -> pd.Series:
    """One column in the dtype of the contract; a value that does not fit raises ValueError or TypeError."""
    import pyarrow as pa

    if described.kind == "text":
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        cells = _with_one_dictionary(column).to_pandas()
        if not isinstance(cells.dtype, pd.CategoricalDtype):
            raise TypeError("text")
        return cells.cat.remove_unused_categories() if len(cells.cat.categories) > len(cells) else cells
    if described.kind == "truth":
        if not pa.types.is_boolean(column.type):
            raise TypeError("truth")
        cells = column.to_pandas()
        return cells if column.null_count == 0 else cells.astype("boolean")
    if pa.types.is_boolean(column.type) or not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_null(column.type)):
        raise TypeError("number")
    values = column.cast(pa.float64())
    numbers = values.to_pandas()
    # a Parquet file may hold NaN for a missing number; infinity is no number
    if np.isinf(numbers.to_numpy()).any():
        raise ValueError("not finite")
    if described.kind == "whole":
        given = numbers[numbers.notna()]
        if not (given.eq(given.round()) & given.abs().lt(2.0**53)).all():  # no double holds each larger one
            raise ValueError("whole")
        return numbers.astype("int64") if numbers.notna().all() else numbers.astype("Int64")
    return numbers


def _among(column, labels: pd.Index) -> pd.Categorical:
    """Labels as categories that are there already: Arrow finds the place of each, and no text is made of it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    chunks = _with_one_dictionary(column).chunks
    if not chunks:
        return pd.Categorical.from_codes([], labels)
    own = chunks[0].dictionary
    places = pc.index_in(own, pa.array(labels, own.type)).fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(np.concatenate([places[chunk.indices.to_numpy()] for chunk in chunks]), labels)


def _with_one_dictionary(column, known=None):
    """The column with one dictionary for all its chunks, `known` if it is that one: a registry's file often repeats it in each."""
    import pyarrow as pa

    known = column.chunk(0).dictionary if known is None and column.num_chunks else known
    if any(not chunk.dictionary.equals(known) for chunk in column.chunks):
        return column.unify_dictionaries()
    return pa.chunked_array([pa.DictionaryArray.from_arrays(chunk.indices, known) for chunk in column.chunks], column.type)


def _is_clean(cells: pd.Series, column: Column, invented: bool) -> bool:
    """Whether all cells keep the column's rules."""
    if column.need == "filled" and cells.isna().any():
        return False
    if column.kind == "text":
        words = [str(word) for word in cells.cat.categories]
        allowed = column.values(invented)
        return (all(word == word.strip() and word and word.lower() not in WORDS_FOR_MISSING for word in words)
                and (not allowed or set(words) <= set(allowed))
                and (not column.pattern or all(_is_range(word) for word in words)))
    if column.kind == "truth":
        return True
    return bool((column.lower is None or not (cells < column.lower).any()) and (column.upper is None or not (cells > column.upper).any()))


def _is_range(word: str) -> bool:
    low, dash, high = word.partition("-")
    return bool(dash) and low.isdigit() and high.isdigit()


def _has_repeated_keys(table: str, frame: pd.DataFrame) -> bool:
    keys = [name for name in KEYS[table] if name in frame]
    return bool(keys) and len(keys) == len(KEYS[table]) and bool(frame.duplicated(keys).any())


def _as_text_where_short(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Text as text, but as categories in a long table with several rows a patient."""
    if table != "patients" and len(frame) > MANY_ROWS:
        return frame
    return pd.DataFrame({name: cells.astype(object) if isinstance(cells.dtype, pd.CategoricalDtype) else cells for name, cells in frame.items()})


def looked_up(keys: pd.Series, values: pd.Series) -> pd.Series:
    """The value of each key; missing for a key that has none.

    Parameters
    ----------
    keys : Series of text or categories
    values : Series
        Indexed by key, each once.
    """
    if not isinstance(keys.dtype, pd.CategoricalDtype):
        return keys.map(values)
    codes, place = keys.cat.codes.to_numpy(), _places(values.index, keys.cat.categories)
    return pd.Series(values.array.take(np.where(codes < 0, -1, place[codes]), allow_fill=True), keys.index)


def lined_up(found: pd.Series | pd.DataFrame, patients: pd.Series | pd.Index) -> pd.Series | pd.DataFrame:
    """What `reindex` gives for patients, without looking for a registry's million names where codes tell them.

    Parameters
    ----------
    found : Series or DataFrame
        Indexed by patient, as text or categories, each once.
    patients : Series or Index of text

    Returns
    -------
    Series or DataFrame
        Indexed by ``patients``, in their order; missing for one who was not found.
    """
    patients = pd.Index(patients)
    place = _places(found.index, patients)
    if isinstance(found, pd.Series):
        return pd.Series(found.array.take(place, allow_fill=True), patients, name=found.name)
    columns = {name: column.array.take(place, allow_fill=True) for name, column in found.items()}
    return pd.DataFrame(columns, patients, copy=False).set_axis(found.columns, axis=1)


def _places(index: pd.Index, labels: pd.Index) -> np.ndarray:
    """Where in an index each label stands; -1 for one that does not."""
    if isinstance(index, pd.CategoricalIndex) and index.categories.equals(labels):
        place = np.full(len(labels), -1)
        place[index.codes] = np.arange(len(index))
        return place
    return np.arange(len(labels)) if index.equals(labels) else index.get_indexer(labels)
