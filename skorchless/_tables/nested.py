"""Columns whose values are lists, arrays or records: several columns in the place of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skorchless._arrays import Array


def is_nested(column: pd.Series[Any]) -> bool:
    """Tell a column of lists, arrays, records or bytes by its first value."""
    if column.dtype != object and not _is_arrow_nested(column):
        return False
    present = column[column.notna()]
    first = present.iloc[0] if len(present) else None
    return isinstance(first, (list, tuple, np.ndarray, dict, set, bytes))


def unnest(column: pd.Series[Any], name: str) -> dict[str, pd.Series[Any]]:
    """Return columns ``name[0]``, ... of lists of one length, or ``name.field`` of records.

    Raises
    ------
    ValueError
        If lists have several lengths, or values are of another kind.
    """
    present = column.notna().to_numpy()
    values = [_as_record(value) for value in column[present]]
    if all(isinstance(value, dict) for value in values):
        fields = dict.fromkeys(field for value in values for field in value)
        return {
            f"{name}.{field}": _column([value.get(field) for value in values], present)
            for field in fields
        }
    if all(isinstance(value, (list, tuple, np.ndarray)) for value in values):
        return _unnest_lists([_as_array(value, name) for value in values], present, name)
    kinds = sorted({type(value).__name__ for value in values})
    raise ValueError(
        f"column {name!r} has values of a kind that no model takes: {', '.join(kinds)}; "
        f"leave it out."
    )


def _as_record(value: Any) -> Any:
    """Return a record for the pairs that Arrow makes of a map; other values as they are."""
    is_list = isinstance(value, list) and len(value) > 0
    is_map = is_list and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    return dict(value) if is_map else value


def _unnest_lists(values: list[Any], present: Array, name: str) -> dict[str, pd.Series[Any]]:
    """Return a column for each entry of lists or arrays of one shape."""
    shapes = {value.shape for value in values}
    if len(shapes) > 1:
        lengths = sorted(len(value) for value in values)
        raise ValueError(
            f"column {name!r} has lists of different lengths, {lengths[0]:,} to {lengths[-1]:,}: "
            "leave it out, or make as many columns of it as it has values."
        )
    entries = np.stack(values).reshape(len(values), -1)
    if entries.dtype.kind not in "biuf":
        return {
            f"{name}[{j}]": _column(list(entries[:, j]), present) for j in range(entries.shape[1])
        }
    # At once: embeddings have hundreds of entries.
    dtype = np.result_type(entries, np.float32)
    rows = np.full((len(present), entries.shape[1]), np.nan, dtype=dtype)
    rows[present] = entries
    return {f"{name}[{j}]": pd.Series(rows[:, j]) for j in range(rows.shape[1])}


def _as_array(value: Any, name: str) -> Array:
    """Return a list or an array of values, or of lists of one length, as an array."""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(
            f"column {name!r} has lists of lists of different lengths: leave it out."
        ) from None


def _column(values: list[Any], present: Array) -> pd.Series[Any]:
    """Return a column with ``values`` where they are present, and missing ones elsewhere."""
    column = np.full(len(present), None, dtype=object)
    column[present] = np.fromiter(values, dtype=object, count=len(values))
    return pd.Series(column, dtype=object).infer_objects()


def _is_arrow_nested(column: pd.Series[Any]) -> bool:
    """Tell a column of pandas' Arrow types with lists or structs."""
    text = str(column.dtype)
    return text.endswith("[pyarrow]") and text.startswith(
        ("list", "fixed_size_list", "large_list", "struct")
    )
