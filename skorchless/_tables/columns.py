"""Types by column: each column of a frame becomes numbers, dates, booleans or stays text.

A few stray texts among numbers count as missing, and are said. `read_table` and `compare` call
`type_columns`; nothing is printed or warned of here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from skorchless._tables.dates import DATE_NAME, read_compact_dates, read_times_of_day
from skorchless._tables.nested import is_nested, unnest
from skorchless._tables.notes import Note
from skorchless._tables.texts import Language, TextColumn, TypedColumn


def type_columns(
    frame: pd.DataFrame,
    *,
    language: Language | None = None,
    missing: Collection[str] = (),
    untyped: Collection[str] = (),
) -> tuple[pd.DataFrame, list[Note]]:
    """Return a frame with types, and notes on the columns that were not plain.

    ``missing`` are texts that count as missing in every column; columns of ``untyped`` stay as
    they are. Names have to be text, and different.
    """
    language = language or Language()
    # Columns that have a type are skipped: to look at each of 20,000 takes seconds.
    open_names = [
        str(name)
        for name, dtype in frame.dtypes.items()
        if name not in untyped and _is_to_type(dtype, str(name))
    ]
    columns: dict[str, pd.Series[Any]] = {}
    origins: dict[str, list[str]] = {}
    for origin in open_names:
        parts = dict(_unnested(origin, frame[origin]))
        for name in parts:
            if name in columns or (name in frame and name != origin):
                said = f"two columns are called {name!r}, one of them within {origin!r}."
                raise ValueError(said)
        columns |= parts
        origins[origin] = list(parts)
    typed = {name: _typed(column, name, language, missing) for name, column in columns.items()}
    if ambiguous := [name for name, column in typed.items() if column.is_ambiguous]:
        certain = [column for column in typed.values() if not column.is_ambiguous]
        language = replace(
            language,
            decimal=language.decimal or _first(column.decimal for column in certain),
            day_first=_first(column.day_first for column in certain),
        )
        for name in ambiguous:
            typed[name] = _typed(columns[name], name, language, missing)
    frame = _replaced(frame, origins, {name: column.values for name, column in typed.items()})
    notes = [
        Note(name, "; ".join(column.remarks), column.is_loss)
        for name, column in typed.items()
        if column.remarks
    ]
    return frame, notes


def _first(values: Iterator[Any]) -> Any:
    """Return the first value that is not None; None without any."""
    return next((value for value in values if value is not None), None)


def _replaced(
    frame: pd.DataFrame, origins: dict[str, list[str]], columns: dict[str, pd.Series[Any]]
) -> pd.DataFrame:
    """Return a frame with ``columns`` in the place of those that they came from."""
    columns = {name: column.set_axis(frame.index) for name, column in columns.items()}
    if list(columns) == list(origins):
        frame = frame.copy(deep=False)
        for name, column in columns.items():
            frame[name] = column
        return frame
    kept = frame.drop(columns=[*origins])
    together = pd.concat([kept, pd.DataFrame(columns, index=frame.index)], axis=1)
    return together[[new for name in frame.columns for new in origins.get(name, [name])]]


def _unnested(name: str, column: pd.Series[Any]) -> Iterator[tuple[str, pd.Series[Any]]]:
    """Yield a column, one of lists and records as several."""
    if is_nested(column):
        for part, values in unnest(column, name).items():
            yield from _unnested(part, values)
    else:
        yield name, column


def _is_to_type(dtype: Any, name: str) -> bool:
    """Tell a column whose dtype does not say yet what its values are."""
    if isinstance(dtype, pd.CategoricalDtype):
        return False
    if isinstance(dtype, (pd.PeriodDtype, pd.StringDtype)) or dtype.kind == "O":
        return True
    if dtype.kind in "iuf":
        return DATE_NAME.search(name) is not None
    return str(dtype).endswith("[pyarrow]")


def _typed(
    column: pd.Series[Any], name: str, language: Language, missing: Collection[str]
) -> TypedColumn:
    """Return a column with its type."""
    column = column.reset_index(drop=True)
    if str(column.dtype).endswith("[pyarrow]"):
        column = _without_arrow(column)
    if column.dtype.kind in "iuf":
        return _compact_dates(column) if DATE_NAME.search(name) else TypedColumn(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        return TypedColumn(column.dt.to_timestamp())
    if column.dtype == object:
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind in OBJECTS:
            return TypedColumn(OBJECTS[kind](column))
        column = column.map(_as_text, na_action="ignore").astype("str")
    if not pd.api.types.is_string_dtype(column.dtype):
        return TypedColumn(column)
    return TextColumn.of(column.astype("str"), missing).typed(name, language)


def _as_text(value: Any) -> str:
    """Return a value of a mixed column as text: 3.0 of a sheet as "3"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _integers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return Python's integers as int64, as floats beside missing values or beyond 64 bits."""
    try:
        return _floats(column) if column.hasnans else column.astype("int64")
    except OverflowError:
        return _floats(column)


def _floats(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return Python's numbers as floats; those beyond them are infinite."""
    return (
        column.map(_as_float, na_action="ignore")
        .astype(object)
        .where(column.notna(), np.nan)
        .astype("float64")
    )


def _as_float(value: Any) -> float:
    """Return a number as a float."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _dates(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return Python's dates and times as datetimes, those with a time zone in UTC."""
    has_zone = any(getattr(value, "tzinfo", None) is not None for value in column.dropna())
    if not has_zone:
        return column.astype("datetime64[us]")
    return pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")


def _without_arrow(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of pandas' Arrow types with the type of its own that pandas has for it."""
    text = str(column.dtype)
    for begin, dtype in ARROW.items():
        if text.startswith(begin):
            return column.astype("datetime64[us, UTC]" if "tz=" in text else dtype)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return column.astype(object)


# Arrow's types by the beginnings of their names, and those of pandas.
ARROW: dict[str, Any] = {
    "date": "datetime64[us]",
    "timestamp": "datetime64[us]",
    "duration": "timedelta64[us]",
    "bool": "boolean",
    "dictionary": "category",
    "decimal": object,
    "string": "str",
    "large_string": "str",
}


def _compact_dates(column: pd.Series[Any]) -> TypedColumn:
    """Return a column of whole numbers named a date as dates, where all of them can be."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    present = ~np.isnan(values)
    if not present.any() or (values[present] % 1 != 0).any() or (values[present] > 1e8).any():
        return TypedColumn(column)
    texts = pd.Series(np.where(present, values, 0).astype(np.int64).astype(str), dtype="str")
    dates = read_compact_dates(texts.where(present))
    return TypedColumn(dates if (dates.notna().to_numpy() == present).all() else column)


# What pandas finds in a column of Python's objects, and what is made of it.
OBJECTS: dict[str, Callable[[pd.Series[Any]], pd.Series[Any]]] = {
    **dict.fromkeys(("floating", "mixed-integer-float", "decimal", "empty"), _floats),
    "integer": _integers,
    "boolean": lambda column: column.astype("boolean" if column.hasnans else "bool"),
    **dict.fromkeys(("date", "datetime", "datetime64"), _dates),
    "time": lambda column: read_times_of_day(column.map(str, na_action="ignore").astype("str")),
    **dict.fromkeys(("timedelta", "timedelta64"), lambda column: column.astype("timedelta64[us]")),
}
