"""Dask collections, partition by partition: what the estimators ask Dask for.

Needs Dask, of the extra ``dask``, so it is imported where X is a Dask collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import Delayed, delayed
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length

from skorchless._arrays import Array, is_dask


def features_of(X: Any) -> Any:
    """Return an array or a frame with the features of ``X``; raise unless partitions have all."""
    if not hasattr(X, "_meta") or not hasattr(X, "ndim"):
        raise TypeError(f"X is a Dask {type(X).__name__}; pass a Dask array or data frame.")
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead: a Dask {type(X).__name__}. A single "
            "feature is a frame or an array of one column."
        )
    if not isinstance(X, da.Array):
        return X._meta
    if X.numblocks[1] > 1:
        raise ValueError(
            f"X is chunked along its features, {X.shape[1]} of them into {X.numblocks[1]} "
            "chunks, but each partition needs all of them: X.rechunk({1: -1}) joins them."
        )
    return np.broadcast_to(np.float32(0.0), (1, X.shape[1]))


def partitions_of(collection: Any) -> list[Delayed]:
    """Return the partitions of an array or a data frame, in their order."""
    parts = np.ravel(collection.to_delayed())
    if len(parts) != collection.npartitions:
        # Dask merges parquet files of which few columns are read: others for X than for y.
        parts = np.ravel(collection.to_delayed(optimize_graph=False))
    return list(parts)


def column_partitions(X: Any, n_partitions: int, column: Any, name: str) -> Sequence[Any]:
    """Return the partitions of ``column``, of the same rows as those of X; None for each of None.

    Raise where they are known to be of other rows.
    """
    if column is None:
        return [None] * n_partitions
    if not is_dask(column):
        raise TypeError(
            f"X is a Dask collection, and {name} must be one too, of the same partitions; got "
            f"{type(column).__name__}. dask.array.from_array or dask.dataframe.from_pandas makes "
            "one."
        )
    divisions = [of.divisions for of in (X, column) if getattr(of, "known_divisions", False)]
    if len(set(divisions)) == 2:
        raise ValueError(f"X and {name} have different divisions: not the same rows.")
    are_arrays = isinstance(X, da.Array) and isinstance(column, da.Array)
    if are_arrays and not np.isnan([X.shape[0], column.shape[0]]).any():
        check_consistent_length(X, column)
        column = column.rechunk({0: X.chunks[0]})
    partitions = partitions_of(column)
    if len(partitions) != n_partitions:
        raise ValueError(
            f"X has {n_partitions} partitions and {name} has {len(partitions)}, but they must be "
            "of the same rows. Make both from one frame, or repartition one of them."
        )
    return partitions


def row_of(X: Any) -> Any:
    """Return one made-up row of the kind of rows that the partitions of ``X`` have."""
    if not isinstance(X, da.Array):
        return X._meta_nonempty.iloc[:1]
    make_row = type(X._meta) if issparse(X._meta) else np.zeros
    return make_row((1, X.shape[1]), dtype=X.dtype)


def map_lazily(model: Any, method: str, X: Any, example: Array) -> da.Array:
    """Return a Dask array of what ``method`` of ``model`` returns for each partition of ``X``.

    Results have the dtype of ``example``, and its axes but the first.
    """
    parts = partitions_of(X)
    lengths = X.chunks[0] if isinstance(X, da.Array) else [np.nan] * len(parts)
    task = delayed(_map_partition, pure=False)
    model = delayed(model, pure=False, traverse=False)
    blocks = [
        da.from_delayed(
            task(model, method, part, example), (n_rows, *example.shape[1:]), meta=example[:0]
        )
        for part, n_rows in zip(parts, lengths, strict=True)
    ]
    return da.concatenate(blocks, allow_unknown_chunksizes=True)


def _map_partition(model: Any, method: str, X: Any, example: Array) -> Array:
    """Return what ``method`` returns for the rows ``X``; without rows, none like ``example``."""
    return getattr(model, method)(X) if X.shape[0] else example[:0]
