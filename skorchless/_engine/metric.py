"""The curvature of the objective to multiply by: the quadratic of a proximal step is made of it.

The twin of `preconditioner`, which has its inverse: with an L1 penalty there is no closed form of
the least point of a quadratic, and `solvers.quadratic` finds it by products alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skorchless._engine.class_curvature import apply_by_group, groups, map_class_hessians
from skorchless._engine.curvature import SOFTMAX_CURVATURE, feature_curvature
from skorchless._engine.objective import PenalizedNLL


@dataclass(frozen=True)
class Metric:
    """An approximate Hessian in the coordinates of centred features."""

    mean: Tensor | None  # (P,); None: no intercept
    multiply: Callable[[Tensor, Tensor], Tensor]  # vectors (R, M, K, D) of models
    all_diagonals: Tensor  # (M, K, D), of those that it was made for
    squared_range: Tensor | None  # (P,), of each feature; None: the curvature is not known
    models: Tensor  # (M,), of those that it was made for

    def take(self, models: Tensor) -> Metric:
        """Return the metric of ``models``, an index into all M."""
        return replace(self, models=self.models[models])

    def apply(self, vectors: Tensor) -> Tensor:
        """Return the products (R, M, K, D) with R vectors of each model."""
        return self.multiply(vectors, self.models)

    @property
    def diagonal(self) -> Tensor:
        """The diagonal (M, K, D)."""
        return self.all_diagonals[self.models]


def shared_metric(objective: PenalizedNLL) -> Metric:
    """Return the curvature for all classes and models, from the rows' moments alone."""
    n_features = objective.rows.n_features
    features = feature_curvature(objective)
    moments = SOFTMAX_CURVATURE * features.moments
    penalty = objective.shrinkage  # (M, 1, D)

    def multiply(vectors: Tensor, models: Tensor) -> Tensor:
        by_W = vectors[..., :n_features]
        product = by_W @ moments if moments.ndim == 2 else by_W * moments
        by_b = SOFTMAX_CURVATURE * vectors[..., n_features:]
        return torch.cat([product, by_b], dim=-1) + penalty[models] * vectors

    diagonal = moments.diagonal() if moments.ndim == 2 else moments
    diagonal = torch.nn.functional.pad(
        diagonal, (0, int(objective.fit_intercept)), value=SOFTMAX_CURVATURE
    )
    diagonals = (diagonal + penalty).expand(objective.weights_shape)
    models = torch.arange(len(diagonals), device=diagonals.device)
    return Metric(features.mean, multiply, diagonals, features.squared_range, models)


def class_metric(
    objective: PenalizedNLL, W: Tensor, shared: Metric, damping: float
) -> Metric | None:
    """Return each class's own Hessian at ``W`` (M, K, D), as `class_preconditioner` its inverse.

    None where the rows' moments are not known or a class has no curvature.
    """
    if shared.squared_range is None:
        return None
    group = groups(objective)
    n_groups = int(group.max()) + 1
    dtype = objective.rows.placement.dtype
    hessians = W.new_empty(n_groups, *W.shape[1:], W.shape[-1], dtype=dtype)  # (groups, K, D, D)
    ridge = damping * shared.squared_range
    of_classes = map_class_hessians(
        lambda hessian: hessian, objective, W, shared.mean, ridge, group
    )
    for g, k, hessian in of_classes:
        hessians[g, k] = hessian
    diagonals = hessians.diagonal(dim1=2, dim2=3)  # (groups, K, D)
    if not (diagonals.isfinite() & (diagonals > 0)).all():
        return None

    def multiply(vectors: Tensor, models: Tensor) -> Tensor:
        return apply_by_group(torch.bmm, hessians, group[models], vectors)

    models = torch.arange(len(W), device=W.device)
    return Metric(
        shared.mean, multiply, diagonals.to(W.dtype)[group], shared.squared_range, models
    )
