"""The samples that models are fitted on, and those they are tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skorchless._arrays import Array, to_numpy
from skorchless._tables.notes import list_names
from skorchless.comparison._indicator import has_label_columns, indicator

TEST_SIZE = 0.25  # train_test_split's default


@dataclass(frozen=True)
class Split:
    """The samples that all models are fitted on, and those they are all tested on."""

    X: Any
    y: Array  # (N,), or zeros and ones (N, L)
    X_test: Any
    y_test: Array
    classes: Array  # (K,) sorted, or the names (L,) of several labels

    @property
    def is_multilabel(self) -> bool:
        """Whether samples have several labels each."""
        return self.y.ndim == 2


def resolve_split(
    X: Any, y: Any, X_test: Any, y_test: Any, test_size: float, random_state: Any
) -> Split:
    """Return the given split, or one that is drawn where no test samples are given."""
    if (X_test is None) != (y_test is None):
        missing = "X_test" if X_test is None else "y_test"
        raise ValueError(f"X_test and y_test go together, but {missing} is None.")
    y, classes = _check_labels(X, y)
    if X_test is None:
        # Each class in proportion; the combinations of several labels may be as many as samples.
        X, X_test, y, y_test = train_test_split(
            *(X, y),
            test_size=test_size,
            stratify=y if y.ndim == 1 else None,
            random_state=random_state,
        )
        return Split(X, y, X_test, y_test, classes)
    y_test, classes_test = _check_labels(X_test, y_test)
    if y.ndim != y_test.ndim or (y.ndim == 2 and not _are_same_labels(classes, classes_test)):
        raise ValueError(
            f"y_test must have the labels of y, {_described(y, classes)}, and has "
            f"{_described(y_test, classes_test)}."
        )
    unknown = sorted({*classes_test.tolist()} - {*classes.tolist()}, key=str)
    if y.ndim == 1 and unknown:
        raise ValueError(
            f"y_test has labels that y has not, so that no model can know them: {unknown}."
        )
    return Split(X, y, X_test, y_test, classes)


def _are_same_labels(names: Array, names_test: Array) -> bool:
    """Tell whether columns of labels are as many, and called the same where both have names."""
    are_named = names.dtype.kind == names_test.dtype.kind == "U"
    return np.array_equal(names, names_test) if are_named else len(names) == len(names_test)


def _described(y: Array, classes: Array) -> str:
    """Return in words what labels there are."""
    if y.ndim == 1:
        return "one column of them"
    listed = f": {list_names(classes)}" if classes.dtype.kind == "U" else ""
    return f"{len(classes):,} columns of zeros and ones{listed}"


def _check_labels(X: Any, y: Any) -> tuple[Array, Array]:
    """Return labels, one or several for each row of ``X``, and which there are."""
    if has_label_columns(y):
        check_consistent_length(X, y)
        return indicator(y)
    labels = _check_classes(y)
    check_consistent_length(X, labels)
    return labels, np.unique(labels)


def _check_classes(y: Any) -> Array:
    """Return labels (N,) as NumPy; raise unless they are classes."""
    labels: Array = column_or_1d(to_numpy(y), warn=True)
    if labels.dtype == object and not all(isinstance(label, str) for label in labels):
        # Of several kinds, which have no order, or of one that an array has a dtype for.
        found = np.asarray(pd.Series(labels, dtype=object).infer_objects())
        are_mixed = found.dtype == object and not pd.isna(labels).any()
        labels = labels.astype(str) if are_mixed else found
    if n_missing := int(pd.isna(labels).sum()):
        raise ValueError(f"y has {n_missing:,} missing labels; leave these samples out.")
    check_classification_targets(labels)
    return labels
