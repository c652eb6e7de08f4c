"""Samples of a fit in memory: X with labels and weights, and labels as codes; or several labels.

`dask.py` has those of a cluster, with the same methods.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
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
    is_multilabel: ClassVar[bool] = False

    @property
    def n_samples(self) -> int:
        """The number of samples."""
        return int(self.labels.shape[0])

    @property
    def n_labels(self) -> int:
        """The number of labels of a sample."""
        return 1

    @property
    def n_classes(self) -> int:
        """The number of values of a label."""
        return 2 if self.is_multilabel else len(self.classes)

    def __sizeof__(self) -> int:
        """Return the bytes of all three: by them a cluster decides what to move."""
        return sum(n_bytes(part) for part in (self.X, self.labels, self.weights))

    def distinct_labels(self) -> Array:
        """Return the labels that occur, sorted."""
        return np.unique(self.labels)

    @property
    def label_attributes(self) -> dict[str, Any]:
        """The fitted attributes that say what encoded labels are."""
        of_labels = {"multilabel_": self.is_multilabel, "sparse_labels_": issparse(self.labels)}
        return {"classes_": self.classes, **of_labels}

    def encode(self, classes: Array, name: str) -> Samples:
        """Return the samples with codes among ``classes``; raise for any other label."""
        codes = encode_labels(self.labels, classes, name)
        return replace(self, labels=codes, classes=classes)

    def select_labels(self, labels: Array) -> Samples:  # noqa: ARG002
        """Return these samples: they have one label alone."""
        return self

    @cached_property
    def class_totals(self) -> Array:
        """Weight and number (2, 1, n_classes) of each class's samples; weight 0 is no sample."""
        weights, n_classes = (self.weights, self.weights > 0), len(self.classes)
        return np.array([[np.bincount(self.labels, each, n_classes)] for each in weights])

    def row_weights(self, class_weights: Array) -> Array:
        """Return the weights (N, 1) of samples times those of their classes, (1, n_classes)."""
        weights: Array = self.weights * class_weights[0][self.labels]
        return weights[:, None]

    def split(
        self, test_size: float, class_weights: Array, rng: np.random.RandomState
    ) -> tuple[Samples, Samples]:
        """Return training and validation samples, every class in both by its share.

        Samples of weight 0, their own or that of their class in ``class_weights`` (1, n_classes),
        are in neither, as if they were missing.
        """
        index = np.flatnonzero(self.row_weights(class_weights))
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
        labels, weights = self.labels[index], self.weights[index]
        return type(self)(self.X[index], labels, weights, self.classes)

    @shared_among_cores
    def rows(
        self,
        placement: Placement,
        class_weights: Array,
        mean_weight: Array,
        counts: Array | None = None,
    ) -> Rows:
        """Return the rows for the engine; labels are codes.

        A row's weights are its own, times those of its classes, (L' or 1, n_classes), times how
        often it is in each fold, ``counts`` (N, F) or once in one, over ``mean_weight`` (F, L').
        Rows without weight in any fold are left out: they must not guide a fit.
        """
        weights = self.row_weights(class_weights)[:, None] / mean_weight  # (N, F, L')
        if counts is not None:
            weights *= counts[..., None]
        weights = weights.reshape(len(weights), -1)
        codes = as_tensor(self.labels).view(self.n_samples, -1)
        columns = (codes, as_tensor(weights).to(placement.dtype))
        rows = rows_of(self.X, columns, placement)
        if weights.all():
            return rows
        has_weight = weights.any(1)
        return rows if has_weight.all() else rows.subset(as_tensor(np.flatnonzero(has_weight)))


@dataclass(frozen=True)
class MultilabelSamples(Samples):
    """Samples with labels (N, L), 0 or 1, an array or CSC; the classes are the columns."""

    is_multilabel = True

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return int(self.labels.shape[1])

    def distinct_labels(self) -> Array:
        """Return the numbers of the labels."""
        return np.arange(self.n_labels)

    def encode(self, classes: Array, name: str) -> MultilabelSamples:
        """Return the samples with ``classes``; raise where their number is another."""
        if self.n_labels != len(classes):
            raise ValueError(f"{name} has {self.n_labels} labels, but {len(classes)} are fitted.")
        if not np.array_equal(classes, self.distinct_labels()):
            raise ValueError(
                f"{name} has {self.n_labels} columns of labels, whose classes are "
                f"np.arange({self.n_labels}); got classes={as_shown(classes)}."
            )
        return replace(self, classes=classes)

    def select_labels(self, labels: Array) -> MultilabelSamples:
        """Return the samples with some of the labels, dense."""
        if len(labels) == self.n_labels and not issparse(self.labels):
            return self
        chosen: Any = self.labels[:, labels]
        chosen = chosen.toarray() if issparse(chosen) else chosen
        return replace(self, labels=chosen, classes=self.classes[labels])

    def rows(self, *arguments: Any) -> Rows:
        """Return the rows for the engine, with the labels dense."""
        dense = self.select_labels(self.distinct_labels()) if issparse(self.labels) else self
        return super(MultilabelSamples, dense).rows(*arguments)

    @cached_property
    def class_totals(self) -> Array:
        """Weight and number (2, L, 2) of the samples of each value; weight 0 is no sample."""
        totals, labels = [], self.labels
        for weights in (self.weights, (self.weights > 0).astype(np.float64)):
            # Not a product of dense labels, which would be made floats.
            is_sparse = issparse(labels)
            ones = labels.T @ weights if is_sparse else np.einsum("nl,n->l", labels, weights)
            totals.append(np.stack([weights.sum() - ones, ones], axis=1))
        weight, sizes = totals
        # Of a value that no sample has, rounding may leave a weight that is not 0.
        return np.stack([np.where(sizes > 0, np.maximum(weight, 0.0), 0.0), sizes])

    def row_weights(self, class_weights: Array) -> Array:
        """Return the weights (N, L) of samples times those of their values, (L, 2).

        Without weights of values, (1, 2), all labels have one column.
        """
        if len(class_weights) < self.n_labels:
            return self.weights[:, None] * class_weights[:, 0]
        return self.weights[:, None] * np.where(
            self.labels, class_weights[:, 1], class_weights[:, 0]
        )

    def split(
        self, test_size: float, class_weights: Array, rng: np.random.RandomState
    ) -> tuple[Samples, Samples]:
        """Return training and validation samples; those of weight 0 are in neither."""
        del class_weights  # a value of weight 0 leaves the other labels of a sample
        index = np.flatnonzero(self.weights)
        train, test = train_test_split(index, test_size=test_size, random_state=rng)
        return self._take(train), self._take(test)


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


def check_same_kind(samples: Any, is_multilabel: bool, name: str) -> None:
    """Raise where ``samples`` have several labels and those of the fit one, or the reverse."""
    if samples.is_multilabel != is_multilabel:
        has, fitted = ("one column", "several") if is_multilabel else ("several columns", "one")
        raise ValueError(f"{name} has {has} of labels, but the fit has {fitted}.")


def as_shown(labels: Array) -> list[Any]:
    """Return labels as a message shows them, dates as dates."""
    shown: list[Any] = (labels.astype(str) if labels.dtype.kind in "mM" else labels).tolist()
    return shown


def weigh_classes(class_weight: Any, samples: Any) -> Array:
    """Return the weight (L, n_classes) of each class of each label of ``samples``.

    Without a ``class_weight`` one row of ones serves all labels.
    """
    if class_weight is None:
        return np.ones((1, samples.n_classes))
    classes = np.arange(2) if samples.is_multilabel else samples.classes
    totals = samples.class_totals[0]
    return np.array([weights_of_classes(class_weight, classes, of_label) for of_label in totals])


def weights_of_classes(class_weight: Any, classes: Array, totals: Array) -> Array:
    """Return the weight (n_classes,) of each class, whose samples weigh ``totals`` in all."""
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
