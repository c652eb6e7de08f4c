"""What L-BFGS starts its inverse Hessian from, and near the optimum goes on with.

At first the inverse of the features' curvature, the same for all classes and models: one
eigendecomposition serves them all. Later that of each class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from skorchless._engine.class_curvature import apply_by_group, groups, map_class_hessians
from skorchless._engine.curvature import (
    SOFTMAX_CURVATURE,
    feature_curvature,
    grad_of_centred,
    weights_of_raw,
)
from skorchless._engine.objective import PenalizedNLL


@dataclass(frozen=True)
class Preconditioner:
    """An approximate inverse Hessian, applied to gradients.

    With an intercept it acts in the coordinates of centred features.
    """

    mean: Tensor | None  # (P,); None: no intercept
    solve: Callable[[Tensor, Tensor], Tensor]  # of models, in the coordinates of centred features
    squared_range: Tensor | None  # (P,), of each feature; None: the curvature is not known
    models: Tensor  # (M,), of those that it was made for

    def take(self, models: Tensor) -> Preconditioner:
        """Return the preconditioner of ``models``, an index into all M."""
        return replace(self, models=self.models[models])

    def apply(self, grad: Tensor) -> Tensor:
        """Return the directions (R, M, K, D) to which R gradients (R, M, K, D) are scaled."""
        step = self.solve(grad_of_centred(grad, self.mean), self.models)
        return weights_of_raw(step, self.mean)


def shared_preconditioner(objective: PenalizedNLL) -> Preconditioner:
    """Return the preconditioner for all classes and models, from the rows' moments alone."""
    n_features = objective.rows.n_features
    features = feature_curvature(objective)
    basis: Tensor | None = None
    curvature = features.moments
    if curvature.ndim == 2:
        curvature, basis = torch.linalg.eigh(curvature)
        # A feature of scale 1 beside one of 1e9 drowns in the rounding of eigh.
        curvature.clamp_(min=torch.finfo(curvature.dtype).eps * n_features * curvature[-1])
    inverse = 1.0 / (SOFTMAX_CURVATURE * curvature + objective.ridge[:, None])  # (M, P)

    def solve(grad: Tensor, models: Tensor) -> Tensor:
        by_W = grad[..., :n_features]
        scale = inverse[models][:, None]
        step = by_W * scale if basis is None else ((by_W @ basis) * scale) @ basis.T
        return torch.cat([step, grad[..., n_features:] / SOFTMAX_CURVATURE], dim=-1)

    models = torch.arange(len(inverse), device=inverse.device)
    return Preconditioner(features.mean, solve, features.squared_range, models)


def class_preconditioner(
    objective: PenalizedNLL, W: Tensor, shared: Preconditioner, damping: float
) -> Preconditioner | None:
    """Return the inverse of each class's own Hessian at ``W`` (M, K, D), from a sample of rows.

    One for each group of models. ``damping`` is in squared ranges of the features. None where the
    rows' moments are not known or a Hessian can not be factorised in this precision.
    """
    if shared.squared_range is None:
        return None
    group = groups(objective)
    ridge = damping * shared.squared_range
    factorised = map_class_hessians(
        torch.linalg.cholesky_ex, objective, W, shared.mean, ridge, group
    )
    n_groups = int(group.max()) + 1
    dtype = objective.rows.placement.dtype
    factors = W.new_empty(n_groups, *W.shape[1:], W.shape[-1], dtype=dtype)  # (groups, K, D, D)
    # One at a time into its place: the Hessians of MNIST, 25 MB, are never there twice.
    for g, k, (L, info) in factorised:
        factors[g, k] = L
        if info or not L.diagonal().isfinite().all():
            return None

    def solve(grad: Tensor, models: Tensor) -> Tensor:
        return apply_by_group(_solve_factored, factors, group[models], grad)

    models = torch.arange(len(W), device=W.device)
    return Preconditioner(shared.mean, solve, shared.squared_range, models)


def _solve_factored(L: Tensor, columns: Tensor) -> Tensor:
    """Return the solutions (K, D, columns) of systems with Cholesky factors ``L`` (K, D, D)."""
    # Not cholesky_solve, which copies the factors each time.
    half = torch.linalg.solve_triangular(L, columns, upper=False)
    return torch.linalg.solve_triangular(L.mT, half, upper=True)
