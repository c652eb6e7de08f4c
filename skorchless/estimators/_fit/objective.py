"""The objective of samples under the penalties of a grid: a model for each candidate and label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skorchless._arrays import Array
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.placement import Placement
from skorchless.estimators._data.samples import Samples, weigh_classes
from skorchless.estimators._fit.grid import Grid

if TYPE_CHECKING:
    from skorchless.estimators._data.dask import DaskSamples


def build_objective(
    estimator: Any,
    samples: Samples | DaskSamples,
    placement: Placement,
    grid: Grid,
    *,
    mean_weight: float | None = None,
) -> PenalizedNLL:
    """Return the objective of encoded ``samples``, of all labels of all candidates of ``grid``.

    The labels of a candidate lie together. Weights are divided by ``mean_weight``. With their
    mean in each fold, the default, the objective is per unit of weight, and weights of any scale
    neither overflow nor vanish.
    """
    class_weights = weigh_classes(estimator.class_weight, samples)  # (L', n_classes)
    counts = None if grid.folds is None else fold_counts(grid.folds, samples.n_samples)
    n_samples, means = _sizes_and_means(samples, class_weights, counts)
    if mean_weight is not None:
        means = np.full_like(means, mean_weight)
    n_labels, n_with_weights = samples.n_labels, means.shape[1]
    folds, l1_ratios, Cs = (np.repeat(each, n_labels) for each in grid.candidates)
    labels = np.tile(np.arange(n_labels), len(folds) // n_labels)
    # The first one's, where all labels share their weights.
    with_weights = np.minimum(labels, n_with_weights - 1)
    columns = folds * n_with_weights + with_weights
    # Divided in this order, because C * total overflows sooner.
    alpha = 1.0 / Cs / means.ravel()[columns] / n_samples[with_weights]

    def to_engine(values: Array, dtype: torch.dtype = placement.sum_dtype) -> torch.Tensor:
        return torch.from_numpy(values).to(placement.device, dtype)

    shares = None  # a fold's are counted by a pass
    if grid.folds is None:
        totals = samples.class_totals[0] * class_weights  # (L, n_classes)
        shares = to_engine((totals / totals.sum(1, keepdims=True))[labels])
    return PenalizedNLL(
        rows=samples.rows(placement, class_weights, means, counts),
        n_classes=samples.n_classes,
        fit_intercept=estimator.fit_intercept,
        alpha=to_engine(alpha),
        l1_ratio=to_engine(l1_ratios),
        total_weight=to_engine(n_samples[with_weights]),
        fold=to_engine(columns, torch.int64),
        label=to_engine(labels, torch.int64),
        shares=shares,
    )


def _sizes_and_means(
    samples: Samples | DaskSamples, class_weights: Array, counts: Array | None
) -> tuple[Array, Array]:
    """Return the number of samples (L',) and the mean weight in each fold (F, L')."""
    if counts is not None:
        means = fold_means(counts, samples.row_weights(class_weights))
        return np.full(means.shape[1], samples.n_samples), means
    totals, sizes = (each[: len(class_weights)] for each in samples.class_totals)
    # Samples of weight 0 do not count: as if they were missing.
    n_samples = (sizes * (class_weights > 0)).sum(1)
    return n_samples, (totals * class_weights).sum(1)[None] / n_samples


def objectives_of(
    estimator: Any,
    samples: Samples | DaskSamples,
    placement: Placement,
    grid: Grid,
    groups: list[Array],
) -> Iterator[tuple[Array, PenalizedNLL]]:
    """Yield each group of labels, and the objective of its models."""
    *others, last = groups
    for labels in others:
        yield labels, build_objective(estimator, samples.select_labels(labels), placement, grid)
    objective = build_objective(estimator, samples.select_labels(last), placement, grid)
    del samples  # so that a cluster holds only the rows that are made from it
    yield last, objective


def fold_counts(folds: list[tuple[Array, Array]], n_samples: int) -> Array:
    """Return how often (N, F) each sample is in each fold's training set."""
    # A bootstrap may draw a sample twice.
    counts = [np.bincount(train, minlength=n_samples) for train, _ in folds]
    dtype = np.min_scalar_type(max(of_fold.max() for of_fold in counts))
    return np.stack(counts, axis=1, dtype=dtype, casting="unsafe")


def fold_means(counts: Array, weights: Array) -> Array:
    """Return the mean weights (F, L') of all samples in each fold; a sample left out weighs 0.

    ``weights`` are (N, L').
    """
    # Fold by fold: a product of all would be another copy of counts, in float64.
    means = np.array([(of_fold[:, None] * weights).mean(0) for of_fold in counts.T])
    if not means.all():
        raise ValueError(
            f"Split {np.argmin(means.min(1))} of cv has no training sample with a weight above "
            "zero."
        )
    return means
