"""The objective of samples under the penalties of a grid: one model for each candidate."""

from __future__ import annotations

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
    """Return the objective of encoded ``samples``, of all candidates of ``grid``.

    Weights are divided by ``mean_weight``. With their mean in each fold, the default, the
    objective is per unit of weight, and weights of any scale neither overflow nor vanish.
    """
    totals, sizes = samples.class_totals
    class_weights = weigh_classes(estimator.class_weight, samples.classes, totals)
    if grid.folds is None:
        # Samples of weight 0 do not count: as if they were missing.
        n_samples, counts = int(sizes[class_weights > 0].sum()), None
        if mean_weight is None:
            mean_weight = float(totals @ class_weights) / n_samples
        means = np.array([mean_weight])
    else:
        n_samples, counts = samples.n_samples, fold_counts(grid.folds, samples.n_samples)
        means = fold_means(counts, samples.weights * class_weights[samples.labels])
    folds, l1_ratios, Cs = grid.candidates
    # Divided in this order, because C * total overflows sooner.
    alpha = 1.0 / Cs / means[folds] / n_samples

    def to_engine(values: Array, dtype: torch.dtype = placement.sum_dtype) -> torch.Tensor:
        return torch.from_numpy(values).to(placement.device, dtype)

    shares = totals * class_weights / (totals @ class_weights)
    return PenalizedNLL(
        rows=samples.rows(placement, class_weights, means, counts),
        n_classes=len(samples.classes),
        fit_intercept=estimator.fit_intercept,
        alpha=to_engine(alpha),
        l1_ratio=to_engine(l1_ratios),
        total_weight=to_engine(np.full_like(alpha, n_samples)),
        fold=to_engine(folds, torch.int64),
        # A fold's are counted by a pass.
        shares=to_engine(np.array([shares] * len(Cs))) if grid.folds is None else None,
    )


def fold_counts(folds: list[tuple[Array, Array]], n_samples: int) -> Array:
    """Return how often (N, F) each sample is in each fold's training set."""
    # A bootstrap may draw a sample twice.
    counts = [np.bincount(train, minlength=n_samples) for train, _ in folds]
    dtype = np.min_scalar_type(max(of_fold.max() for of_fold in counts))
    return np.stack(counts, axis=1, dtype=dtype, casting="unsafe")


def fold_means(counts: Array, weights: Array) -> Array:
    """Return the mean weight (F,) of all samples in each fold; a sample left out weighs 0."""
    # Fold by fold: a product of all would be another copy of counts, in float64.
    means = np.array([(of_fold * weights).mean() for of_fold in counts.T])
    if not means.all():
        raise ValueError(
            f"Split {np.argmin(means)} of cv has no training sample with a weight above zero."
        )
    return means
