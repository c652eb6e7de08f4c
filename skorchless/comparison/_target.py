"""take_target: the labels out of a table, or in a sentence why its column has none."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless.comparison._split import TEST_SIZE

# Whole numbers are labels where there are at most 20 different ones, or at most one for every 20
# rows: prices and ages in years have more.
MOST_CODES = 20
LARGEST_SHARE = 0.05
# Columns that a message names at most.
MOST_NAMES = 10


def take_target(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, Array]:
    """Return the features and the labels (N,) of the rows that have one."""
    if name not in frame.columns:
        alike = get_close_matches(name.lower(), [str(column).lower() for column in frame], n=1)
        hint = [column for column in frame if str(column).lower() in alike]
        did_you_mean = f"; did you mean {hint[0]!r}?" if hint else "."
        raise ValueError(
            f"there is no column {name!r}{did_you_mean} There is "
            f"{list_names(list(frame.columns))}."
        )
    if frame.shape[1] == 1:
        raise ValueError(f"there is no column beside {name!r} to predict it from.")
    labeled = frame[frame[name].notna()]
    y = _labels(labeled[name])
    _check_classes(name, y, n_missing=len(frame) - len(labeled))
    return labeled.drop(columns=name), y


def _labels(column: pd.Series[Any]) -> Array:
    """Return labels (N,): whole numbers as integers, other numbers as they are, or text."""
    if column.dtype.kind in "mM":
        raise ValueError(f"column {column.name!r} has dates or durations, not classes.")
    if pd.api.types.is_integer_dtype(column):
        is_unsigned = pd.api.types.is_unsigned_integer_dtype(column)
        return column.to_numpy(dtype=np.uint64 if is_unsigned else np.int64)
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return column.map(str).to_numpy(dtype=object).astype(str)
    # Beside missing labels, integers come as floats.
    numbers = column.to_numpy(dtype=np.float64)
    are_whole = (np.abs(numbers) < 2**53) & (numbers == np.floor(numbers))
    return numbers.astype(np.int64) if are_whole.all() else numbers


def _check_classes(name: str, y: Array, n_missing: int) -> None:
    """Raise for labels that are none, or too few of a class to be split."""
    labels, counts = np.unique(y, return_counts=True)
    if len(labels) < 2:
        there_is = f"only {labels[0]!s}" if len(labels) else "no value"
        beside = f" beside {n_missing:,} rows without a value" if n_missing else ""
        raise ValueError(
            f"column {name!r} needs at least two classes, but has {there_is}{beside}."
        )
    is_continuous = y.dtype.kind == "f"
    are_many = y.dtype.kind in "iu" and len(labels) > max(MOST_CODES, LARGEST_SHARE * len(y))
    if is_continuous or are_many:
        raise ValueError(
            f"column {name!r} has {len(labels):,} different numbers in {len(y):,} rows: that is "
            "a regression, and these models predict classes."
        )
    if y.dtype.kind in "iu" and len(labels) > MOST_CODES:
        warnings.warn(
            f"column {name!r} has {len(labels):,} different whole numbers; each is taken for a "
            "class of its own.",
            stacklevel=2,
        )
    if counts.min() < 2:
        single = [str(label) for label in labels[counts < 2]]
        raise ValueError(
            f"column {name!r} has a single row of {list_names(single)}; a split into training and "
            "test rows needs two of each class."
        )
    if np.ceil(TEST_SIZE * len(y)) < len(labels):
        raise ValueError(
            f"column {name!r} has {len(labels):,} classes in {len(y):,} rows: too few rows to set "
            "a quarter of them aside with each class among them."
        )


def list_names(names: list[str]) -> str:
    """Return names, or the first of them, as a sentence lists them."""
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return ", ".join(repr(name) for name in names[:MOST_NAMES]) + more
