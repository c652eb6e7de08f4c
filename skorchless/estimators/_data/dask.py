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
    is_multilabel: bool
    weight: float

    @classmethod
    def of(cls, part: Any) -> PartitionSummary:
        """Return the summary of a partition's `Samples`."""
        labels, weight = part.distinct_labels(), float(part.weights.sum())
        return cls(part.n_samples, part.X.dtype, labels, part.is_multilabel, weight)


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
    def is_multilabel(self) -> bool:
        """Whether there are several labels."""
        return self.summaries[0].is_multilabel

    @property
    def n_labels(self) -> int:
        """The number of labels of a sample."""
        return len(self.summaries[0].labels) if self.is_multilabel else 1

    @property
    def n_classes(self) -> int:
        """The number of values of a label."""
        return 2 if self.is_multilabel else len(self.classes)

    @property
    def label_attributes(self) -> dict[str, Any]:
        """The fitted attributes that say what encoded labels are."""
        of_labels = {"multilabel_": self.is_multilabel, "sparse_labels_": False}
        return {"classes_": self.classes, **of_labels}

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
        """The labels (N,) or (N, L), brought to the driver."""
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
        if "labels" in vars(self) and not self.is_multilabel:
            vars(encoded)["labels"] = np.searchsorted(classes, self.labels)
        return encoded

    @cached_property
    def class_totals(self) -> Array:
        """Weight and number (2, L, n_classes) of each class's samples; weight 0 is no sample."""
        return np.sum(dask.compute(*(part.class_totals for part in self.parts)), axis=0)

    def select_labels(self, labels: Array) -> DaskSamples:
        """Return the samples with some of the labels."""
        if not self.is_multilabel:
            return self
        parts = [part.select_labels(labels) for part in self.parts]
        summaries = [replace(summary, labels=labels) for summary in self.summaries]
        return DaskSamples(parts, summaries, self.n_features, self.classes[labels])

    def row_weights(self, class_weights: Array) -> Array:
        """Return the weights (N, L') of samples times those of their classes, on the driver."""
        parts = dask.compute(*(part.row_weights(class_weights) for part in self.parts))
        return np.concatenate(parts)

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
