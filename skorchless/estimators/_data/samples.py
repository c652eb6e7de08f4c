"""Samples of a fit, read from what a caller gave: X with its labels and weights.

Those in memory are here; `_dask` has those of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from skorchless._arrays import Array
from skorchless._cores import shared_among_cores
from skorchless._engine.placement import Placement, as_tensor
from skorchless._engine.products import n_bytes
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.memory import Rows
from skorchless.estimators._data.validation import check_can_be_split, encode_known_labels


@dataclass(frozen=True)
class Samples:
    """Samples in memory, with their labels or label codes (N,) and weights (N,)."""

    X: Any
    labels: Array
    weights: Array

    @property
    def n_samples(self) -> int:
        """The number of samples."""
        return len(self.labels)

    def __sizeof__(self) -> int:
        """Return the bytes of all three: by them a cluster decides what to move."""
        return sum(n_bytes(part) for part in (self.X, self.labels, self.weights))

    def classes(self) -> Array:
        """Return the labels that occur, sorted."""
        return np.unique(self.labels)

    def encode(self, classes: Array, name: str) -> Samples:
        """Return the samples with codes among ``classes``; raise for any other label."""
        return replace(self, labels=encode_known_labels(self.labels, classes, name))

    def class_totals(self, n_classes: int) -> Array:
        """Return weight and number (2, n_classes) of the samples of each class; labels are codes.

        Samples of weight 0 are not counted.
        """
        weights = (self.weights, self.weights > 0)
        return np.array([np.bincount(self.labels, each, n_classes) for each in weights])

    def take(self, index: Array) -> Samples:
        """Return the samples ``index``."""
        return Samples(self.X[index], self.labels[index], self.weights[index])

    def split(
        self, test_size: float, classes: Array, by_class: Array, rng: np.random.RandomState
    ) -> tuple[Samples, Samples]:
        """Return training and validation samples, every class in both by its share.

        Samples of weight 0, their own or that of their class ``by_class`` (n_classes,), are in
        neither, as if they were missing.
        """
        index = np.flatnonzero(self.weights * by_class[self.labels])
        check_can_be_split(self.labels[index], classes)
        train, test = train_test_split(
            index, test_size=test_size, stratify=self.labels[index], random_state=rng
        )
        return self.take(train), self.take(test)

    @shared_among_cores
    def rows(
        self, placement: Placement, by_class: Array, unit: Array, counts: Array | None = None
    ) -> Rows:
        """Return the rows for the engine; labels are codes.

        A row's weights in folds are its own, times that of its class (n_classes,), times how
        often it is in each fold, ``counts`` (N, F) or once in one, over the ``unit`` (F,). Rows
        without weight in any fold are left out: they must not guide a fit.
        """
        weights = (self.weights * by_class[self.labels])[:, None]
        weights = weights / unit if counts is None else counts * weights / unit
        columns = (as_tensor(self.labels), as_tensor(weights).to(placement.dtype))
        rows = rows_of(self.X, columns, placement)
        if weights.all():
            return rows
        has_weight = weights.any(1)
        return rows if has_weight.all() else rows.subset(as_tensor(np.flatnonzero(has_weight)))
