"""Samples on a cluster: Dask collections, read by partition.

A partition is a task that gives `Samples` in the memory of a worker; what is done with samples in
memory is done with each, there. Needs Dask, of the extra ``dask``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NoReturn

import dask
import numpy as np
from dask.delayed import Delayed, delayed
from sklearn.utils.validation import validate_data

from skorchless._arrays import Array
from skorchless._cores import shared_among_cores
from skorchless._engine.placement import Placement
from skorchless._engine.rows.dask import DaskMatrix, DaskRows
from skorchless._partitions import column_partitions, features_of, partitions_of


def read_tasks(
    read: Callable[..., Any], estimator: Any, X: Any, y: Any, sample_weight: Any, *, reset: bool
) -> list[Delayed]:
    """Return the tasks that ``read`` the partitions, by their number, X, y and weights."""
    validate_data(estimator, features_of(X), reset=reset, skip_check_array=True)
    parts = partitions_of(X)
    of_y = column_partitions(X, len(parts), y, "y")
    of_weight = column_partitions(X, len(parts), sample_weight, "sample_weight")
    task = delayed(read, pure=False)
    columns = zip(parts, of_y, of_weight, strict=True)
    return [task(number, *of_part) for number, of_part in enumerate(columns)]


def samples_of(tasks: list[Delayed], n_features: int) -> DaskSamples:
    """Return the samples that ``tasks`` read, each on a worker."""
    # Persisted: read and converted once, and anew where a worker is lost.
    parts = dask.persist(*tasks)
    of_part = delayed(PartitionSummary.of, pure=False)
    summaries = dask.compute(*(of_part(part) for part in parts))
    _check_totals(summaries, n_features)
    filled = [pair for pair in zip(parts, summaries, strict=True) if pair[1].n_samples]
    parts, summaries = zip(*filled, strict=True)
    return DaskSamples(parts, summaries, n_features)


def map_tasks(
    function: Callable[..., Any], tasks: list[Delayed], n_features: int
) -> tuple[int, list[Any]]:
    """Return the number of samples, and what ``function`` returns for each partition's.

    It gets X, labels and weights. A partition is gone when it has returned.
    """
    function = delayed(function, pure=False, traverse=False)
    pairs = dask.compute(*(_summarize_and_map(function, task) for task in tasks))
    summaries = [summary for summary, _ in pairs]
    _check_totals(summaries, n_features)
    results = [result for summary, result in pairs if summary.n_samples]
    return sum(summary.n_samples for summary in summaries), results


def _check_totals(summaries: Sequence[PartitionSummary], n_features: int) -> None:
    """Raise where there is no sample in any partition, or none with a weight."""
    if not any(summary.n_samples for summary in summaries):
        raise ValueError(
            f"Found array with 0 sample(s) (shape=(0, {n_features})) while a minimum of 1 is "
            "required."
        )
    if not any(summary.weight for summary in summaries):
        raise ValueError("Sample weights must contain at least one non-zero number.")


@dataclass(frozen=True)
class PartitionSummary:
    """What the driver knows of a partition."""

    n_samples: int
    dtype: np.dtype[Any]
    labels: Array  # distinct
    weight: float

    @classmethod
    def of(cls, part: Any) -> PartitionSummary:
        """Return the summary of a partition's `Samples`."""
        return cls(part.n_samples, part.X.dtype, part.distinct_labels(), float(part.weights.sum()))


@delayed(pure=False)
@shared_among_cores
def _summarize_and_map(function: Callable[..., Any], part: Any) -> tuple[PartitionSummary, Any]:
    """Return the summary of a partition, and what ``function`` returns for it."""
    result = function(part.X, part.labels, part.weights) if part.n_samples else None
    return PartitionSummary.of(part), result


@dataclass(frozen=True)
class DaskSamples:
    """Samples of which each of ``parts``, tasks, has some; the methods are those of `Samples`."""

    parts: Sequence[Delayed]
    summaries: Sequence[PartitionSummary]
    n_features: int
    classes: Array = field(default_factory=partial(np.empty, 0))  # none before `encode`

    @property
    def n_samples(self) -> int:
        """The number of samples."""
        return sum(self._lengths)

    @property
    def _lengths(self) -> list[int]:
        """The number of samples of each part."""
        return [summary.n_samples for summary in self.summaries]

    @cached_property
    def X(self) -> DaskMatrix:
        """The samples without labels and weights."""
        dtype = np.result_type(*(summary.dtype for summary in self.summaries))
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

    def distinct_labels(self) -> Array:
        """Return the labels that occur, sorted."""
        return np.unique(np.concatenate([summary.labels for summary in self.summaries]))

    def encode(self, classes: Array, name: str) -> DaskSamples:
        """Return the samples with codes among ``classes``; raise for any other label."""
        parts = [part.encode(classes, name) for part in self.parts]
        encoded = replace(self, parts=parts, classes=classes)
        # What has been brought to the driver is not brought again.
        if "weights" in vars(self):
            vars(encoded)["weights"] = self.weights
        if "labels" in vars(self):
            vars(encoded)["labels"] = np.searchsorted(classes, self.labels)
        return encoded

    @cached_property
    def class_totals(self) -> Array:
        """Weight and number (2, n_classes) of the samples of each class; weight 0 is no sample."""
        return np.sum(dask.compute(*(part.class_totals for part in self.parts)), axis=0)

    def split(self, *_: Any) -> NoReturn:
        """Raise: rows stay where they are."""
        raise ValueError(
            "early_stopping=True sets random samples aside, which it does not for a Dask "
            "collection: pass validation samples as X_val and y_val."
        )

    def rows(
        self,
        placement: Placement,
        class_weights: Array,
        mean_weight: Array,
        counts: Array | None = None,
    ) -> DaskRows:
        """Return the rows for the engine; labels are codes, and ``counts`` those of all rows."""
        of_parts: Sequence[Array | None] = [None] * len(self.parts)
        if counts is not None:
            of_parts = np.split(counts, np.cumsum(self._lengths)[:-1])
        parts = [
            part.rows(placement, class_weights, mean_weight, of_part)
            for part, of_part in zip(self.parts, of_parts, strict=True)
        ]
        parts = dask.persist(*parts)
        # Rows without weight are left out where they are.
        lengths = dask.compute(*(part.n_rows for part in parts))
        return DaskRows(parts, lengths, self.n_features, placement)
