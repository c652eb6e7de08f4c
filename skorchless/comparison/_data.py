"""The samples of a comparison: from arrays, a frame or a file, split, with notes on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_consistent_length, column_or_1d

from skorchless._arrays import Array, to_numpy
from skorchless._tables.files import load_table
from skorchless._tables.names import at_commas
from skorchless._tables.notes import Note, as_lines, list_names
from skorchless.comparison._columns import (
    as_pandas,
    columns_to_leave_out,
    is_frame,
    leaks,
    typed_columns,
)
from skorchless.comparison._indicator import (
    constant_labels,
    has_label_columns,
    indicator,
    label_frame,
)
from skorchless.comparison._preprocessor import check_numbers, describe_columns
from skorchless.comparison._split import Split, resolve_split
from skorchless.comparison._target import take_label_columns, take_labels, take_target

READ_PARAMS = {"sep", "encoding", "header", "na"}


@dataclass(frozen=True)
class Data:
    """Samples to fit and to test on, and what is to be said of them."""

    split: Split
    is_table: bool  # frames of pandas, with types, rather than arrays
    facts: dict[str, str]  # name, target, kinds of columns
    notes: list[Note]

    @property
    def summary(self) -> str:
        """Return one line that says what the models are fitted and tested on."""
        split, name = self.split, self.facts.get("data")
        n_features = np.shape(split.X)[1] if np.ndim(split.X) > 1 else 1
        return (f"{Path(name).name}: " if name else "") + (
            f"{len(split.y):,} training and {len(split.y_test):,} test samples, "
            f"{n_features} feature{'s' * (n_features != 1)}, {len(split.classes):,} "
            f"{'labels' if split.is_multilabel else 'classes'}"
        )


def resolve_data(
    X: Any,
    y: Any,
    *,
    target: Any,
    drop: Iterable[Any],
    classes: bool,
    read_params: dict[str, Any],
    X_test: Any,
    y_test: Any,
    test_size: float,
    random_state: Any,
    is_left_alone: bool,
    progress: Callable[[str], object] | None,
) -> Data:
    """Return the samples, split; frames with types, unless they are for models of the user's.

    ``is_left_alone`` says that frames with labels beside them go to the models as they are.
    """
    drop = [drop] if isinstance(drop, str) else [str(name) for name in drop]
    targets = _target_names(target, drop)
    facts: dict[str, str] = {}
    notes: list[Note] = []
    if isinstance(X, (str, Path)) or hasattr(X, "read"):
        X, name, notes = _load(X, targets, drop, read_params, progress)
        facts, drop = {"data": name}, []
    elif read_params:
        raise ValueError("read_params are for files, and X is none.")
    _check_has_labels(X, y, target)
    is_table = is_frame(X) and (target is not None or not is_left_alone)
    if target is not None:
        X, y, found = _from_table(X, targets, drop, classes, test_size, notes, progress)
        facts["target"] = ", ".join(y.columns) if y.ndim == 2 else targets[0]
        notes, drop = notes + found, []
    if not is_table and drop:
        raise ValueError(
            "drop names columns of a table: X is none, or goes to models of your own as it is."
        )
    if not is_table:
        split = resolve_split(X, y, X_test, y_test, test_size, random_state)
        return Data(split, False, {}, _label_notes(split))
    X, X_test, found = _typed(X, X_test, drop, is_read="data" in facts)
    if target is None and X_test is None:
        check_consistent_length(X, y)
        is_kept, y, more = _take_labels(y, test_size, classes)
        X, found = X[is_kept], found + more
    split = resolve_split(X, y, X_test, y_test, test_size, random_state)
    of_labels = indicator(y) if has_label_columns(y) else (np.asarray(y),)
    notes += found + leaks(X, *of_labels) + _label_notes(split)
    if not is_left_alone:
        split, found = _without_useless_columns(X, split)
        notes += found
    return Data(split, True, facts | describe_columns(split.X), notes)


def _target_names(target: Any, drop: list[str]) -> list[str]:
    """Return the names of the columns that have the labels, as given; raise for dropped ones."""
    if target is None:
        return []
    is_one = isinstance(target, str) or not isinstance(target, Iterable)
    names = [str(name).strip() for name in ([target] if is_one else target)]
    if not names:
        raise ValueError(f"target must name at least one column, got {target!r}.")
    if both := [name for name in (*names, *at_commas(names, ())) if name in drop]:
        raise ValueError(f"drop names {both[0]!r}, which is the target.")
    return names


def _take_labels(y: Any, test_size: float, classes: bool) -> tuple[Array, Any, list[Note]]:
    """Return which samples of a frame have labels, the labels beside it, and what is left out."""
    if has_label_columns(y):
        return take_label_columns(label_frame(y))
    column = pd.Series(column_or_1d(to_numpy(y), warn=True))
    return take_labels(column, "y", test_size=test_size, classes=classes)


def _label_notes(split: Split) -> list[Note]:
    """Return what is said of the training labels, where there are several for each sample."""
    return constant_labels(split.y, split.classes) if split.is_multilabel else []


def _check_has_labels(X: Any, y: Any, target: Any) -> None:
    """Raise unless the labels are either beside the samples or in a column of their table."""
    if target is not None and y is not None:
        raise ValueError("y and target are two places for the labels: pass one of them.")
    if target is not None and not is_frame(X):
        raise ValueError(
            f"target names a column of a frame or a file, and X is a {type(X).__name__}."
        )
    if target is None and y is None:
        if not is_frame(X):
            raise ValueError("y must have the labels of X, or target name their column.")
        names = list_names(as_pandas(X)[0].columns)
        raise ValueError(f"target must say which column has the labels, by --target: {names}.")


def _without_useless_columns(X: pd.DataFrame, split: Split) -> tuple[Split, list[Note]]:
    """Return samples without the columns that say nothing, and why each is left out."""
    useless = columns_to_leave_out(X)
    if len(useless) == X.shape[1]:
        why = "; ".join(f"{name}: {note.text}" for name, note in useless.items())
        raise ValueError(f"no column is left to predict from. {why}")
    X_train, X_test = (part.drop(columns=[*useless]) for part in (split.X, split.X_test))
    return replace(split, X=X_train, X_test=X_test), [*useless.values()]


def _load(
    path: Any,
    targets: list[str],
    drop: list[str],
    read_params: dict[str, Any],
    progress: Callable[[str], object] | None,
) -> tuple[pd.DataFrame, str, list[Note]]:
    """Return the table of a file, its name, and what is to be said of it."""
    name = str(path if isinstance(path, (str, Path)) else getattr(path, "name", "a file"))
    if unknown := sorted({*read_params} - READ_PARAMS):
        raise ValueError(
            f"read_params may have {', '.join(sorted(READ_PARAMS))}, not {list_names(unknown)}."
        )
    if progress is not None:
        progress(f"loading {Path(name).name} ...")
    # Whether a comma is part of a name is not known yet.
    frame, notes = load_table(
        path, target=[*targets, *at_commas(targets, ())], drop=drop, **read_params
    )
    if progress is not None:
        progress("done")
    return frame, name, notes


def _from_table(
    table: Any,
    targets: list[str],
    drop: list[str],
    classes: bool,
    test_size: float,
    notes: list[Note],
    progress: Callable[[str], object] | None,
) -> tuple[pd.DataFrame, Any, list[Note]]:
    """Return the samples and labels of a table that has both."""
    try:
        frame, of_names = as_pandas(table, drop)
        names = at_commas(targets, frame.columns)
        X, y, found = take_target(frame, names, test_size=test_size, classes=classes)
    except ValueError:
        # How the table was read may be the cause.
        for line in as_lines(notes) if progress is not None else ():
            progress(line)  # type: ignore[misc]
        raise
    return X, y, of_names + found


def _typed(
    X: Any, X_test: Any, drop: list[str], *, is_read: bool
) -> tuple[pd.DataFrame, Any, list[Note]]:
    """Return training and test samples with types, and without dropped columns.

    A table that was read from a file has its types.
    """
    if is_read and X_test is None:
        check_numbers(X)
        return X, None, []
    X, notes = as_pandas(X, drop)
    if X_test is not None and not is_frame(X_test):
        raise ValueError(f"X_test must be a frame as X is, and is a {type(X_test).__name__}.")
    if X_test is not None:
        X_test, _ = as_pandas(X_test, drop)
    X, X_test, found = typed_columns(X, X_test)
    for frame in (X, X_test):
        if isinstance(frame, pd.DataFrame):
            check_numbers(frame)
    return X, X_test, notes + found
