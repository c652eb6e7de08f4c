"""Samples read from what a caller gave, in memory or in partitions, and where to fit them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skorchless._arrays import Array, is_dask, to_numpy
from skorchless._engine.placement import Placement, dtype_of, place, resolve_device, resolve_dtype
from skorchless.estimators._data.samples import MultilabelSamples, Samples
from skorchless.estimators._data.validation import (
    READABLE_DTYPES,
    check_labels,
    check_X_y,
    is_multilabel,
)
from skorchless.estimators._sklearn_private import _check_sample_weight

if TYPE_CHECKING:
    from skorchless.estimators._data.dask import DaskSamples

AnySamples: TypeAlias = "Samples | DaskSamples"


def read_samples(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, reset: bool
) -> AnySamples:
    """Return the samples that a caller gave, checked against each other."""
    if is_dask(X):
        # Imported where it is used: Dask is optional.
        from skorchless.estimators._data.dask import read_tasks, samples_of

        tasks = read_tasks(_read_partition, estimator, X, y, sample_weight, reset=reset)
        return samples_of(tasks, X.shape[1])
    X, y = check_X_y(estimator, X, y, reset=reset)
    kind = Samples if y.ndim == 1 else MultilabelSamples
    return kind(X, y, check_sample_weight(sample_weight, y.shape[0]))


def map_partitions(
    function: Callable[..., Any],
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    reset: bool,
    **options: Any,
) -> tuple[int, list[Any]]:
    """Return the number of samples, and what ``function`` returns for each partition's.

    It gets X, labels, zeros where ``y`` is None, and weights. ``options`` are those of
    scikit-learn's ``check_array`` for X.
    """
    from skorchless.estimators._data.dask import map_tasks, read_tasks

    read = partial(_read_partition, **options)
    tasks = read_tasks(read, estimator, X, y, sample_weight, reset=reset)
    return map_tasks(function, tasks, X.shape[1])


def _read_partition(number: int, X: Any, y: Any, sample_weight: Any, **options: Any) -> Samples:
    """Return a partition as samples, checked; it may have no row."""
    import pandas as pd  # only a worker needs it

    options = {"accept_sparse": "csr", "dtype": READABLE_DTYPES, **options}
    X = check_array(X, ensure_min_samples=0, input_name="X", **options)
    y = np.zeros(X.shape[0]) if y is None else to_numpy(y)
    has_many = is_multilabel(y)
    y = np.asarray(y) if has_many else column_or_1d(y)
    if pd.isna(y).any():
        raise ValueError("Input y contains NaN.")
    weights = np.ones(len(y)) if sample_weight is None else column_or_1d(sample_weight)
    n_rows = {"X": X.shape[0], "y": len(y), "sample_weight": len(weights)}
    if len(set(n_rows.values())) > 1:
        if sample_weight is None:
            del n_rows["sample_weight"]
        counts = ", ".join(f"{n} in {name}" for name, n in n_rows.items())
        raise ValueError(f"Partition {number} has inconsistent numbers of rows: {counts}.")
    if has_many:
        weights = check_sample_weight(weights, len(y), allow_all_zero=True) if len(y) else weights
        return MultilabelSamples(X, check_labels(y), weights)
    if len(y):
        # A few labels show their kind. Repeated, because scikit-learn warns where most labels
        # differ, as in a small partition.
        check_classification_targets(np.repeat(np.unique(y)[:100], 3))
        weights = check_sample_weight(weights, len(y), allow_all_zero=True)
    return Samples(X, y, weights)


def check_sample_weight(
    sample_weight: Any, n_samples: int, *, allow_all_zero: bool = False
) -> Array:
    """Return the non-negative row weights (N,), float64, ones for None."""
    if sample_weight is None:
        return np.ones(n_samples)
    return _check_sample_weight(
        to_numpy(sample_weight),
        np.broadcast_to(np.float64(0.0), (n_samples, 1)),
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=allow_all_zero,
    )


def resolve_placement(estimator: Any, X: Any) -> Placement:
    """Return where and in which precision ``estimator`` computes with ``X``."""
    return place(resolve_device(estimator.device, X), resolve_dtype(estimator.dtype, dtype_of(X)))
