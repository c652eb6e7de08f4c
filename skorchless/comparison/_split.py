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

TEST_SIZE = 0.25  # train_test_split's default


@dataclass(frozen=True)
class Split:
    """The samples that all models are fitted on, and those they are all tested on."""

    X: Any
    y: Array
    X_test: Any
    y_test: Array


def resolve_split(
    X: Any, y: Any, X_test: Any, y_test: Any, test_size: float, random_state: Any
) -> Split:
    """Return the given split, or one that is drawn where no test samples are given."""
    if (X_test is None) != (y_test is None):
        missing = "X_test" if X_test is None else "y_test"
        raise ValueError(f"X_test and y_test go together, but {missing} is None.")
    y = _check_labels(X, y)
    if X_test is None:
        return draw_split(X, y, test_size=test_size, random_state=random_state)
    y_test = _check_labels(X_test, y_test)
    unknown = sorted(set(y_test.tolist()) - set(y.tolist()), key=str)
    if unknown:
        raise ValueError(
            f"y_test has labels that y has not, so that no model can know them: {unknown}."
        )
    return Split(X, y, X_test, y_test)


def draw_split(X: Any, y: Array, *, test_size: float = TEST_SIZE, random_state: Any) -> Split:
    """Return ``X`` and ``y`` split at random, each class in proportion."""
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=test_size, stratify=y, random_state=random_state
    )
    return Split(X, y, X_test, y_test)


def _check_labels(X: Any, y: Any) -> Array:
    """Return labels (N,) as NumPy; raise unless they are classes, one for each row of ``X``."""
    labels: Array = column_or_1d(to_numpy(y))
    if labels.dtype == object and not all(isinstance(label, str) for label in labels):
        # Of several kinds, which have no order, or of one that an array has a dtype for.
        found = np.asarray(pd.Series(labels, dtype=object).infer_objects())
        are_mixed = found.dtype == object and not pd.isna(labels).any()
        labels = labels.astype(str) if are_mixed else found
    if n_missing := int(pd.isna(labels).sum()):
        raise ValueError(f"y has {n_missing:,} missing labels; leave these samples out.")
    check_classification_targets(labels)
    check_consistent_length(X, labels)
    return labels
