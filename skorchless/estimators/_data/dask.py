"""Samples on a cluster: Dask collections, read, predicted and transformed by partition.

A partition is a task that gives `Samples` in the memory of a worker: what is done with samples in
memory is done with each, there. Needs Dask, of the extra ``dask``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NoReturn

import dask
import dask.array as da
import numpy as np
import pandas as pd
from dask.delayed import Delayed, delayed
from scipy.sparse import issparse
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skorchless._arrays import Array, to_numpy
from skorchless._cores import shared_among_cores
from skorchless._engine.placement import Placement
from skorchless._engine.rows.dask import DaskMatrix, DaskRows
from skorchless.estimators._data.samples import Samples
from skorchless.estimators._data.validation import (
    READABLE_DTYPES,
    check_sample_weight,
    encode_known_labels,
    is_dask,
)
from skorchless.estimators._sklearn_private import _get_output_config


def read_dask_samples(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool
) -> DaskSamples:
    """Return the samples of Dask collections, each partition read and checked by a worker."""
    # Persisted: read and converted once, and anew where a worker is lost.
    parts = dask.persist(*_read_tasks(estimator, X, y, sample_weight, reset=reset))
    facts = dask.compute(*(delayed(PartitionSummary.of, pure=False)(part) for part in parts))
    _check_totals(facts, n_features=X.shape[1])
    filled = [(part, fact) for part, fact in zip(parts, facts, strict=True) if fact.n_samples]
    parts, facts = zip(*filled, strict=True)
    return DaskSamples(parts, facts, n_features=X.shape[1])


def map_dask_samples(
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

    It gets X, labels, zeros where ``y`` is None, and weights. A partition is gone when it has
    returned. ``options`` are those of scikit-learn's ``check_array`` for X.
    """
    tasks = _read_tasks(estimator, X, y, sample_weight, reset=reset, **options)
    function = delayed(function, pure=False, traverse=False)
    facts, results = zip(
        *dask.compute(*(_describe_and_map(function, task) for task in tasks)), strict=True
    )
    _check_totals(facts, n_features=X.shape[1])
    filled = [result for result, fact in zip(results, facts, strict=True) if fact.n_samples]
    return sum(fact.n_samples for fact in facts), filled


def _check_totals(facts: Sequence[PartitionSummary], n_features: int) -> None:
    """Raise where there is no sample in any partition, or none with a weight."""
    if not any(fact.n_samples for fact in facts):
        raise ValueError(
            f"Found array with 0 sample(s) (shape=(0, {n_features})) while a minimum of 1 is "
            "required."
        )
    if not any(fact.weight for fact in facts):
        raise ValueError("Sample weights must contain at least one non-zero number.")


def _read_tasks(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool, **options: Any
) -> list[Delayed]:
    """Return the tasks that read the partitions as samples."""
    _check_features(estimator, X, reset=reset)
    partitions = _partitions(X)
    columns = [
        _column_partitions(X, len(partitions), column, name)
        for name, column in (("y", y), ("sample_weight", sample_weight))
    ]
    return [
        _read_partition(number, *of_part, options)
        for number, of_part in enumerate(zip(partitions, *columns, strict=True))
    ]


def _check_features(estimator: Any, X: Any, *, reset: bool) -> None:
    """Raise where features are not those of a fit before, or not whole in each partition."""
    if not hasattr(X, "_meta") or not hasattr(X, "ndim"):
        raise TypeError(f"X is a Dask {type(X).__name__}; pass a Dask array or data frame.")
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead: a Dask {type(X).__name__}. A single "
            "feature is a frame or an array of one column."
        )
    if isinstance(X, da.Array):
        if X.numblocks[1] > 1:
            raise ValueError(
                f"X is chunked along its features, {X.shape[1]} of them into {X.numblocks[1]} "
                "chunks, but each partition needs all of them: X.rechunk({1: -1}) joins them."
            )
        example = np.broadcast_to(np.float32(0.0), (1, X.shape[1]))
    else:
        example = X._meta
    validate_data(estimator, example, reset=reset, skip_check_array=True)


def _partitions(collection: Any) -> list[Delayed]:
    """Return the partitions of an array or a data frame, in their order."""
    parts = np.ravel(collection.to_delayed())
    if len(parts) != collection.npartitions:
        # Dask has merged some: of parquet files of which few columns are read, and so of X
        # others than of y.
        parts = np.ravel(collection.to_delayed(optimize_graph=False))
    return list(parts)


def _column_partitions(X: Any, n_partitions: int, column: Any, name: str) -> list[Any]:
    """Return the partitions of a column of ``X``, of the same rows as those of X."""
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
    arrays = isinstance(X, da.Array) and isinstance(column, da.Array)
    if arrays and not np.isnan([X.shape[0], column.shape[0]]).any():
        check_consistent_length(X, column)
        column = column.rechunk({0: X.chunks[0]})
    partitions = _partitions(column)
    if len(partitions) != n_partitions:
        raise ValueError(
            f"X has {n_partitions} partitions and {name} has {len(partitions)}, but they must be "
            "of the same rows. Make both from one frame, or repartition one of them."
        )
    return partitions


@delayed(pure=False)
def _read_partition(
    number: int, X: Any, y: Any, sample_weight: Any, options: dict[str, Any]
) -> Samples:
    """Return a partition as samples, checked; it may have no row."""
    options = {"accept_sparse": "csr", "dtype": READABLE_DTYPES, **options}
    X = check_array(X, ensure_min_samples=0, input_name="X", **options)
    y = np.zeros(X.shape[0]) if y is None else column_or_1d(to_numpy(y))
    if pd.isna(y).any():
        raise ValueError("Input y contains NaN.")
    n_rows = {"X": X.shape[0], "y": len(y)}
    if sample_weight is None:
        sample_weight = np.ones(len(y))
    else:
        sample_weight = column_or_1d(sample_weight)
        n_rows["sample_weight"] = len(sample_weight)
    if len(set(n_rows.values())) > 1:
        counts = ", ".join(f"{n} in {name}" for name, n in n_rows.items())
        raise ValueError(f"Partition {number} has inconsistent numbers of rows: {counts}.")
    if len(y):
        # A few labels tell their kind. Repeated, because scikit-learn warns where most differ,
        # as those of a small partition do.
        check_classification_targets(np.repeat(np.unique(y)[:100], 3))
        sample_weight = check_sample_weight(sample_weight, len(y), allow_all_zero=True)
    return Samples(X, y, sample_weight)


@dataclass(frozen=True)
class PartitionSummary:
    """What the driver knows of a partition."""

    n_samples: int
    dtype: np.dtype[Any]
    classes: Array
    weight: float

    @classmethod
    def of(cls, part: Samples) -> PartitionSummary:
        """Return the facts of a partition."""
        return cls(part.n_samples, part.X.dtype, part.classes(), float(part.weights.sum()))


@delayed(pure=False)
@shared_among_cores
def _describe_and_map(function: Callable[..., Any], part: Samples) -> tuple[PartitionSummary, Any]:
    """Return the facts of a partition, and what ``function`` returns for it."""
    result = function(part.X, part.labels, part.weights) if part.n_samples else None
    return PartitionSummary.of(part), result


@dataclass(frozen=True)
class DaskSamples:
    """Samples of which each of ``parts``, tasks, has some; the methods are those of `Samples`."""

    parts: Sequence[Delayed]
    facts: Sequence[PartitionSummary]
    n_features: int

    @property
    def n_samples(self) -> int:
        """The number of samples."""
        return sum(self._lengths)

    @property
    def _lengths(self) -> list[int]:
        """The number of samples of each part."""
        return [fact.n_samples for fact in self.facts]

    @cached_property
    def X(self) -> DaskMatrix:
        """The samples without labels and weights."""
        dtype = np.result_type(*(fact.dtype for fact in self.facts))
        parts = [part.X for part in self.parts]
        return DaskMatrix(parts, self._lengths, self.n_features, dtype)

    @cached_property
    def labels(self) -> Array:
        """The labels (N,), brought to the driver."""
        return np.concatenate(dask.compute(*(part.labels for part in self.parts)))

    @cached_property
    def weights(self) -> Array:
        """The weights (N,), brought to the driver."""
        return np.concatenate(dask.compute(*(part.weights for part in self.parts)))

    def classes(self) -> Array:
        """Return the labels that occur, sorted."""
        return np.unique(np.concatenate([fact.classes for fact in self.facts]))

    def encode(self, classes: Array, name: str) -> DaskSamples:
        """Return the samples with codes among ``classes``; raise for any other label."""
        encoded = replace(self, parts=[part.encode(classes, name) for part in self.parts])
        # What has been brought to the driver is not asked for again.
        brought = vars(self).keys() & {"labels", "weights"}
        vars(encoded).update({each: getattr(self, each) for each in brought})
        if "labels" in brought:
            vars(encoded)["labels"] = encode_known_labels(self.labels, classes, name)
        return encoded

    def class_totals(self, n_classes: int) -> Array:
        """Return weight and number (2, n_classes) of the samples of each class; labels are codes.

        Samples of weight 0 are not counted.
        """
        return np.sum(dask.compute(*(part.class_totals(n_classes) for part in self.parts)), axis=0)

    def split(
        self,
        test_size: float,  # noqa: ARG002
        classes: Array,  # noqa: ARG002
        by_class: Array,  # noqa: ARG002
        rng: np.random.RandomState,  # noqa: ARG002
    ) -> NoReturn:
        """Raise: rows stay where they are."""
        raise ValueError(
            "early_stopping=True sets random samples aside, which it does not for a Dask "
            "collection: pass validation samples as X_val and y_val."
        )

    def rows(
        self, placement: Placement, by_class: Array, unit: Array, counts: Array | None = None
    ) -> DaskRows:
        """Return the rows for the engine; labels are codes, and ``counts`` those of all rows."""
        of_parts: Sequence[Array | None] = [None] * len(self.parts)
        if counts is not None:
            of_parts = np.split(counts, np.cumsum(self._lengths)[:-1])
        parts = [
            part.rows(placement, by_class, unit, of_part)
            for part, of_part in zip(self.parts, of_parts, strict=True)
        ]
        parts = dask.persist(*parts)
        # Rows without weight are left out where they are.
        lengths = dask.compute(*(part.n_rows for part in parts))
        return DaskRows(parts, lengths, self.n_features, placement)


def map_lazily(estimator: Any, method: str, X: Any) -> da.Array:
    """Return what ``method`` of ``estimator`` gives for each partition of X, once computed."""
    check_is_fitted(estimator)
    _check_features(estimator, X, reset=False)
    if method == "transform" and _get_output_config(method, estimator)["dense"] != "default":
        raise ValueError(
            "A Dask collection is transformed to a Dask array: set_output(transform='default')."
        )
    estimator = _frozen(estimator)
    partitions = _partitions(X)
    if isinstance(X, da.Array):
        make_row = type(X._meta) if issparse(X._meta) else np.zeros
        lengths, row = X.chunks[0], make_row((1, X.shape[1]), dtype=X.dtype)
    else:
        lengths, row = [np.nan] * len(partitions), X._meta_nonempty.iloc[:1]
    # What is given for a row tells the dtype, and the shape of the others.
    example = getattr(estimator, method)(row)
    model = delayed(estimator, pure=False, traverse=False)
    blocks = [
        da.from_delayed(
            delayed(_map_partition, pure=False)(model, method, part, example),
            (n_rows, *example.shape[1:]),
            meta=example[:0],
        )
        for part, n_rows in zip(partitions, lengths, strict=True)
    ]
    return da.concatenate(blocks, allow_unknown_chunksizes=True)


def _frozen(estimator: Any) -> Any:
    """Return a copy of ``estimator`` as it is now, with what its predictions need alone."""
    # It is computed with later, when the original may have been fitted to something else. Its
    # callbacks, the optimiser's state and the coefficients of a grid stay here.
    frozen = copy(estimator)
    for name in list(vars(frozen)):
        if name.startswith("_") or name == "coefs_paths_":
            delattr(frozen, name)
    if hasattr(frozen, "copy"):
        frozen.copy = True  # a partition may be a result that Dask keeps for other tasks too
    return frozen


def _map_partition(estimator: Any, method: str, X: Any, example: Array) -> Array:
    """Return what ``method`` gives for the rows ``X``: for no row, none like ``example``."""
    return getattr(estimator, method)(X) if X.shape[0] else example[:0]


def accuracy(estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
    """Return the weighted fraction of samples whose label is predicted, counted by partition."""
    check_is_fitted(estimator)
    nameless = _frozen(estimator)  # names are checked beforehand, and samples have none
    vars(nameless).pop("feature_names_in_", None)
    count = partial(_weigh_hits, nameless)
    _, counts = map_dask_samples(count, estimator, X, y, sample_weight, reset=False)
    hits, total = np.sum(counts, axis=0)
    return float(hits / total)


def _weigh_hits(estimator: Any, X: Any, labels: Array, weights: Array) -> tuple[float, float]:
    """Return the weight of the samples whose label is predicted, and that of all."""
    return float(weights @ (estimator.predict(X) == labels)), float(weights.sum())
