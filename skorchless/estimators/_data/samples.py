"""Samples of a fit in memory: X with labels and weights, and labels as codes.

`dask.py` has those of a cluster, with the same methods.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight

from skorchless._arrays import Array
from skorchless._cores import shared_among_cores
from skorchless._engine.placement import Placement, as_tensor
from skorchless._engine.products import n_bytes
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.memory import Rows


@dataclass(frozen=True)
class Samples:
    """Samples with labels (N,) and weights (N,); labels are codes once there are ``classes``."""

    X: Any
    labels: Array
    weights: Array
    classes: Array = field(default_factory=partial(np.empty, 0))  # none before `encode`

    @property
    def n_samples(self) -> int:
        """The number of samples."""
        return len(self.labels)

    def __sizeof__(self) -> int:
        """Return the bytes of all three: by them a cluster decides what to move."""
        return sum(n_bytes(part) for part in (self.X, self.labels, self.weights))

    def distinct_labels(self) -> Array:
        """Return the labels that occur, sorted."""
        return np.unique(self.labels)

    def encode(self, classes: Array, name: str) -> Samples:
        """Return the samples with codes among ``classes``; raise for any other label."""
        codes = encode_labels(self.labels, classes, name)
        return replace(self, labels=codes, classes=classes)

    @cached_property
    def class_totals(self) -> Array:
        """Weight and number (2, n_classes) of the samples of each class; weight 0 is no sample."""
        weights, n_classes = (self.weights, self.weights > 0), len(self.classes)
        return np.array([np.bincount(self.labels, each, n_classes) for each in weights])

    def split(
        self, test_size: float, class_weights: Array, rng: np.random.RandomState
    ) -> tuple[Samples, Samples]:
        """Return training and validation samples, every class in both by its share.

        Samples of weight 0, their own or that of their class in ``class_weights`` (n_classes,),
        are in neither, as if they were missing.
        """
        index = np.flatnonzero(self.weights * class_weights[self.labels])
        single = self.classes[np.bincount(self.labels[index], minlength=len(self.classes)) == 1]
        if len(single):
            raise ValueError(
                "early_stopping=True sets samples of each class aside. Pass others as X_val and "
                f"y_val, or leave out classes of a single sample: {as_shown(single)}."
            )
        train, test = train_test_split(
            index, test_size=test_size, stratify=self.labels[index], random_state=rng
        )
        return self._take(train), self._take(test)

    def _take(self, index: Array) -> Samples:
        columns = self.labels[index], self.weights[index]
        return Samples(self.X[index], *columns, self.classes)

    @shared_among_cores
    def rows(
        self,
        placement: Placement,
        class_weights: Array,
        mean_weight: Array,
        counts: Array | None = None,
    ) -> Rows:
        """Return the rows for the engine; labels are codes.

        A row's weights in folds are its own, times that of its class (n_classes,), times how
        often it is in each fold, ``counts`` (N, F) or once in one, over the ``mean_weight`` (F,).
        Rows without weight in any fold are left out: they must not guide a fit.
        """
        weights = (self.weights * class_weights[self.labels])[:, None]
        weights = weights / mean_weight if counts is None else counts * weights / mean_weight
        columns = (as_tensor(self.labels), as_tensor(weights).to(placement.dtype))
        rows = rows_of(self.X, columns, placement)
        if weights.all():
            return rows
        has_weight = weights.any(1)
        return rows if has_weight.all() else rows.subset(as_tensor(np.flatnonzero(has_weight)))


def encode_labels(y: Array, classes: Array, name: str) -> Array:
    """Return the code (N,) of each label among ``classes``; raise for any other label."""
    if {y.dtype.kind, classes.dtype.kind} == {"i", "u"}:
        # NumPy searches them as float64, in which labels beyond 2**53 merge.
        y, classes = y.astype(object), classes.astype(object)
    codes = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    is_unknown = classes[codes] != y
    if is_unknown.any():
        raise ValueError(
            f"{name} has labels that are not among the classes {as_shown(classes)}: "
            f"{as_shown(np.unique(y[is_unknown]))}."
        )
    return codes


def check_has_two_classes(classes: Array) -> Array:
    """Return ``classes``; raise where there is nothing to tell apart."""
    if len(classes) < 2:
        raise ValueError(
            "This solver needs samples of at least 2 classes in the data, but the data "
            f"contains only one class: {as_shown(classes)[0]!r}"
        )
    return classes


def as_shown(labels: Array) -> list[Any]:
    """Return labels as a message shows them, dates as dates."""
    shown: list[Any] = (labels.astype(str) if labels.dtype.kind in "mM" else labels).tolist()
    return shown


def weigh_classes(class_weight: Any, classes: Array, totals: Array) -> Array:
    """Return the weight (n_classes,) of each class, whose samples weigh ``totals`` in all."""
    if class_weight is None:
        return np.ones(len(classes))
    with np.errstate(divide="ignore"):  # a class whose samples all weigh 0
        # One sample for each class: 'balanced' depends on the weight of a class alone.
        class_weights = compute_class_weight(
            class_weight, classes=classes, y=classes, sample_weight=totals
        )
    if not ((class_weights >= 0) & np.isfinite(class_weights) | (totals == 0)).all():
        raise ValueError(f"class_weight must be finite and not negative, got {class_weight!r}.")
    class_weights = np.where(totals > 0, class_weights, 0.0)
    if not class_weights.any():
        raise ValueError(
            f"class_weight={class_weight!r} leaves no sample with a weight above zero."
        )
    return class_weights
