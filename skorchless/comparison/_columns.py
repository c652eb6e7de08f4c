"""Which columns of a table models learn from: those of no use go, those that say all are told.

A table comes as a frame of pandas, polars or Arrow, with any names; it leaves as a frame of pandas
with text for names and a type for each column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless._tables.columns import type_columns
from skorchless._tables.names import with_names
from skorchless._tables.notes import Note, list_names, quote

# A column of which nine texts in ten are different names its rows, and has no categories; in
# fewer rows than ten that may be chance.
SHARE_OF_NAMES, FEWEST_NAMED = 0.9, 10


def is_frame(X: Any) -> bool:
    """Tell a data frame or an Arrow table."""
    return isinstance(X, pd.DataFrame) or (hasattr(X, "to_pandas") and hasattr(X, "columns"))


def as_pandas(table: Any, drop: Collection[str] = ()) -> tuple[pd.DataFrame, list[Note]]:
    """Return a frame of pandas whose names are text and different, without row numbers."""
    return with_names(table if isinstance(table, pd.DataFrame) else table.to_pandas(), drop)


def typed_columns(X: pd.DataFrame, X_test: Any) -> tuple[pd.DataFrame, Any, list[Note]]:
    """Return training and test samples with types, those of both decided together."""
    if not isinstance(X_test, pd.DataFrame):
        X, notes = type_columns(X)
        return X, X_test, notes
    if list(X.columns) != list(X_test.columns):
        raise ValueError(
            f"X_test must have the columns of X, {list_names(X.columns)}, and has "
            f"{list_names(X_test.columns)}."
        )
    both, notes = type_columns(pd.concat([X, X_test], ignore_index=True))
    return (
        both.iloc[: len(X)].set_axis(X.index),
        both.iloc[len(X) :].set_axis(X_test.index),
        notes,
    )


def columns_to_leave_out(X: pd.DataFrame) -> dict[str, Note]:
    """Return the columns that say nothing of other rows, each with what is said of it."""
    found = {}
    for name in X.columns:
        if why := _why_left_out(X[name]):
            found[name] = Note(name, f"{why}, left out", is_loss=True)
    return found


def _why_left_out(column: pd.Series[Any]) -> str | None:
    """Return why a column is left out; None for one that is not."""
    n_rows, n_values = len(column), int(column.notna().sum())
    if n_values == 0:
        return "no value"
    is_text = pd.api.types.is_string_dtype(column.dtype) or column.dtype == object
    if is_text and n_values >= FEWEST_NAMED:
        n_different = column.nunique()
        if n_different >= SHARE_OF_NAMES * n_values:
            return f"{n_different:,} different texts in {n_rows:,} rows"
    return None


def leaks(X: pd.DataFrame, y: Array, names: Iterable[Any] = ()) -> list[Note]:
    """Return a note on each column that has one value a class, and another one for each.

    ``names`` are those of labels (N, L).
    """
    targets = {"the labels": y}
    if y.ndim == 2:
        targets = {f"label {quote(name)}": y[:, j] for j, name in enumerate(names)}
    # Numbered in the order of their first rows, so that one to one means equal.
    codes = {what: pd.factorize(labels)[0] for what, labels in targets.items()}
    notes = []
    for name in X.columns:
        values, _ = pd.factorize(X[name], use_na_sentinel=False)
        notes += [
            Note(
                name,
                f"it tells {what} one to one; drop it unless it is known before they are",
                is_loss=True,
            )
            for what in targets
            if np.array_equal(values, codes[what])
        ]
    return notes
