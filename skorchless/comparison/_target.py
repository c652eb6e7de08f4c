"""take_target: the labels out of a table, or in a sentence why a column has none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless._tables.columns import type_columns
from skorchless._tables.notes import Note, did_you_mean, list_names, quote
from skorchless._tables.texts import BOOLEANS, MOST_STRAY
from skorchless.comparison._split import TEST_SIZE

# Whole numbers are labels where there are at most 20 different ones, or at most one for every 20
# rows: prices and ages in years have more.
MOST_CODES = 20
LARGEST_SHARE = 0.05
WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")


def take_target(
    frame: pd.DataFrame,
    names: Sequence[str],
    *,
    test_size: float = TEST_SIZE,
    classes: bool = False,
) -> tuple[pd.DataFrame, Any, list[Note]]:
    """Return the features and the labels of the rows that have any, and what was left out.

    The labels are one column (N,), or a frame (N, L) of zeros and ones. ``classes`` says that
    numbers are labels, however many there are.
    """
    for name in names:
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns)
            there_is = list_names(frame.columns)
            raise ValueError(f"there is no column {name!r}{hint} There is {there_is}.")
    if frame.shape[1] == len(names):
        it = "it" if len(names) == 1 else "them"
        raise ValueError(f"there is no column beside {list_names(names)} to predict {it} from.")
    y: Any
    if len(names) == 1:
        is_kept, y, notes = take_labels(
            frame[names[0]], names[0], test_size=test_size, classes=classes
        )
    else:
        is_kept, y, notes = take_label_columns(frame[[*names]])
    return frame.drop(columns=[*names])[is_kept], y, notes


def take_label_columns(columns: pd.DataFrame) -> tuple[Array, pd.DataFrame, list[Note]]:
    """Return which rows (n_rows,) have all labels, these as zeros and ones (N, L), and remarks.

    Each column has to have two values, in numbers or words.
    """
    columns = columns.apply(_without_blanks)
    is_kept = columns.notna().all(axis=1).to_numpy(dtype=bool)
    if not is_kept.any():
        raise ValueError(f"no row has a value in each of {list_names(columns.columns)}.")
    notes = _missing_notes(int((~is_kept).sum()))
    found = {}
    for name in columns.columns:
        found[name], remark = _zeros_and_ones(columns[name][is_kept], name)
        notes += [Note(str(name), remark)] if remark else []
    return is_kept, pd.DataFrame(found, columns=columns.columns), notes


def _zeros_and_ones(column: pd.Series[Any], name: Any) -> tuple[Array, str]:
    """Return a column of two values as zeros and ones (N,), and what is said of it."""
    labels = _labels(column, name, classes=True)
    texts = pd.Series(labels).map(str).str.strip()
    codes, words = pd.factorize(texts.str.lower())
    if len(words) != 2:
        has = f"{len(words):,}: " if len(words) > 1 else "only "
        raise ValueError(
            f"column {name!r} must have two values to be one of several labels, and has "
            f"{has}{list_names(texts.iloc[np.unique(codes, return_index=True)[1]])}."
        )
    # Of words of no known pair the second one in order, as in `classes_` of two classes.
    in_order = [str(label).strip().lower() for label in np.unique(labels)]
    one = next((pair[0] for pair in BOOLEANS if {*words} == {*pair}), in_order[-1])
    values = (codes == [*words].index(one)).astype(np.int64)
    if {*words} in ({"0", "1"}, {"0.0", "1.0"}):
        return values, ""
    shown = [quote(texts.iloc[int(np.argmax(values == value))]) for value in (1, 0)]
    return values, f"{shown[0]} is 1, {shown[1]} is 0"


def take_labels(
    column: pd.Series[Any], name: str, *, test_size: float = TEST_SIZE, classes: bool = False
) -> tuple[Array, Array, list[Note]]:
    """Return which rows (n_rows,) have a label to learn, the labels (N,), and what is left out."""
    column = _without_blanks(column)
    is_kept = column.notna().to_numpy(dtype=bool, copy=True)
    y = _labels(column[is_kept], name, classes=classes)
    n_missing = len(column) - len(y)
    notes = _missing_notes(n_missing)
    is_repeated = pd.Series(y).duplicated(keep=False).to_numpy()
    if is_repeated.any() and not is_repeated.all():
        single = np.unique(y[~is_repeated])
        rows = "row of" if len(single) == 1 else "rows of"
        said = f"the only {rows} {list_names(single)} left out"
        why = "training and test samples need one each"
        notes.append(Note(name, f"{said}, since {why}", is_loss=True))
        is_kept[is_kept] = is_repeated
        y = y[is_repeated]
    _check_classes(name, y, n_missing, test_size)
    notes += [
        Note(name, f"{same} are different labels, but for case and blanks the same")
        for same in _alike(y)
    ]
    n_classes = len(np.unique(y))
    if y.dtype.kind in "iu" and n_classes > MOST_CODES and not classes:
        notes.append(Note(name, f"each of {n_classes:,} whole numbers is taken for a class"))
    return is_kept, y.astype(str) if y.dtype.kind == "O" else y, notes


def _without_blanks(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column in which texts of blanks are missing."""
    if not pd.api.types.is_string_dtype(column.dtype):
        return column
    are_blank = column.map(lambda value: isinstance(value, str) and not value.strip())
    return column.mask(are_blank.astype(bool))


def _missing_notes(n_missing: int) -> list[Note]:
    """Return what is said of rows without a label."""
    if not n_missing:
        return []
    rows_are = "row without a label is" if n_missing == 1 else "rows without a label are"
    return [Note(None, f"{n_missing:,} {rows_are} left out", is_loss=True)]


def _labels(column: pd.Series[Any], name: str, *, classes: bool) -> Array:
    """Return labels (N,): whole numbers as integers, all else as text; raise for a quantity."""
    column = column.reset_index(drop=True)
    if pd.api.types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return column.map(str).to_numpy(dtype=object)
    is_text = pd.api.types.is_string_dtype(column.dtype) or column.dtype == object
    # As Python's texts: an array of NumPy's would be as wide as the longest for all rows.
    labels = column.map(str).to_numpy(dtype=object)
    if not classes:
        texts = pd.DataFrame({name: pd.Series(labels, dtype="str")})
        _check_is_no_quantity(name, type_columns(texts)[0][name] if is_text else column)
    if is_text:
        are_whole = all(map(WHOLE.fullmatch, labels))
        return labels.astype(np.int64) if are_whole else labels
    if pd.api.types.is_integer_dtype(column):
        is_unsigned = pd.api.types.is_unsigned_integer_dtype(column)
        return column.to_numpy(dtype=np.uint64 if is_unsigned else np.int64)
    if not pd.api.types.is_numeric_dtype(column):
        return labels
    # Beside missing labels, integers come as floats.
    numbers = column.to_numpy(dtype=np.float64)
    if _are_whole(numbers):
        return numbers.astype(np.int64)
    return np.array([f"{number:.15g}" for number in numbers], dtype=object)


def _are_whole(numbers: Array) -> bool:
    """Tell numbers that are integers, and exact ones."""
    return bool(((np.abs(numbers) < 2**53) & (numbers == np.floor(numbers))).all())


def _check_is_no_quantity(name: str, values: pd.Series[Any]) -> None:
    """Raise for dates, and for numbers that are measured or counted, a few strays among them."""
    n_values = int(values.notna().sum())
    if n_values < (1 - MOST_STRAY) * len(values):
        return
    if values.dtype.kind in "mM":
        raise ValueError(
            f"column {name!r} has dates or durations, not classes. If each is a class, say so by "
            "--classes (in Python classes=True)."
        )
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return
    n_different = int(values.nunique())
    are_many = n_different > max(MOST_CODES, LARGEST_SHARE * n_values)
    is_whole = pd.api.types.is_integer_dtype(values) or _are_whole(
        values.dropna().to_numpy(dtype=np.float64)
    )
    if are_many or not is_whole:
        raise ValueError(
            f"column {name!r} has {n_different:,} different numbers in {n_values:,} rows: that is "
            "a regression, and these models predict classes. If each number is a class, say so "
            "by --classes (in Python classes=True)."
        )


def _check_classes(name: str, y: Array, n_missing: int, test_size: float) -> None:
    """Raise for labels that are none, or too few of a class to be split."""
    labels, counts = np.unique(y, return_counts=True)
    if len(labels) < 2:
        there_is = f"only {labels[0]!s}" if len(labels) else "no value"
        beside = f" beside {n_missing:,} rows without a value" if n_missing else ""
        raise ValueError(
            f"column {name!r} needs at least two classes, but has {there_is}{beside}."
        )
    if counts.max() < 2:
        raise ValueError(
            f"column {name!r} has a single row of each of its {len(labels):,} labels; a split "
            "into training and test rows needs two of each class."
        )
    n_test = test_size if test_size >= 1 else np.ceil(test_size * len(y))
    if min(n_test, len(y) - n_test) < len(labels):
        raise ValueError(
            f"column {name!r} has {len(labels):,} classes in {len(y):,} rows: too few rows to set "
            f"{int(n_test):,} aside with each class among them."
        )


def _alike(y: Array) -> list[str]:
    """Return lists of the labels that are the same but for case and blanks."""
    if y.dtype.kind not in "UO":
        return []
    groups: dict[str, list[str]] = {}
    for label in np.unique(y):
        groups.setdefault("".join(str(label).split()).lower(), []).append(str(label))
    return [", ".join(map(repr, labels)) for labels in groups.values() if len(labels) > 1]
