"""Several labels for each sample: a column of zeros and ones for each, whatever holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.multiclass import type_of_target

from skorchless._arrays import Array, to_numpy
from skorchless._tables.notes import Note, list_names
from skorchless.comparison._columns import as_pandas, is_frame

# What scikit-learn calls columns that are no zeros and ones.
MULTIOUTPUT = {"multiclass-multioutput", "continuous-multioutput"}


def has_label_columns(y: Any) -> bool:
    """Tell labels of two columns or more; raise for lists and sets of labels."""
    y = to_numpy(y)
    try:
        shape = y.shape if hasattr(y, "shape") else np.shape(y)
        values = np.asarray(y) if len(shape) == 1 and not issparse(y) else np.empty(0)
        is_legacy = values.dtype == object and any(
            isinstance(labels, (list, tuple, set, frozenset)) for labels in values
        )
    except ValueError:  # lists of several lengths
        is_legacy = True
    if is_legacy:
        raise ValueError(
            "y has lists or sets of labels; scikit-learn's MultiLabelBinarizer makes of them a "
            "column of zeros and ones for each label."
        )
    return len(shape) == 2 and shape[1] > 1


def indicator(y: Any) -> tuple[Array, Array]:
    """Return zeros and ones (N, L) as integers, and the labels' names (L,) or numbers.

    Raise for other values.
    """
    values, names = _values_and_names(y)
    if n_missing := int(pd.isna(values).sum()):
        raise ValueError(f"y has {n_missing:,} missing labels; leave these samples out.")
    is_indicator = ((values == 0) | (values == 1)).all(axis=0)
    if not is_indicator.all():
        j = int(is_indicator.argmin())
        kind = type_of_target(values)
        unsupported = f"{kind} is not supported: " if kind in MULTIOUTPUT else ""
        raise ValueError(
            f"{unsupported}several columns of y must be labels of zeros and ones, and column "
            f"{names[j]} has {list_names(pd.unique(values[:, j]), quoted=False)}."
        )
    return values if values.dtype.kind in "iu" else values.astype(np.int64), names


def label_frame(y: Any) -> pd.DataFrame:
    """Return columns of labels as a frame, values and names as they are."""
    values, names = _values_and_names(y)
    return pd.DataFrame(values, columns=None if names.dtype.kind == "i" else names)


def constant_labels(Y: Array, names: Array) -> list[Note]:
    """Return a note on each label that all training samples have, or none."""
    return [
        Note(str(name), f"always {column[0]} in training: there is nothing to learn", is_loss=True)
        for name, column in zip(names, Y.T, strict=True)
        if (column == column[0]).all()
    ]


def _values_and_names(y: Any) -> tuple[Array, Array]:
    """Return values (N, L) of any container, and its columns' names (L,) or numbers."""
    # Columns of a range have no names, but numbers that pandas gave them.
    if is_frame(y) and not isinstance(y.columns, pd.RangeIndex):
        frame, _ = as_pandas(y)
        return frame.to_numpy(), frame.columns.to_numpy(dtype=str)
    values = y.toarray() if issparse(y) else np.asarray(to_numpy(y))
    return values, np.arange(values.shape[1])
