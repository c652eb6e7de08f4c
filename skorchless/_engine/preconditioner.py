"""What L-BFGS starts its inverse Hessian from, and near the optimum goes on with.

At first the inverse of the features' curvature, the same for all classes and models: one factor,
or one eigendecomposition where penalties differ, serves them all. Later that of each class.
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

# What solves for gradients (R, M, K, P) of models (M,).
Solve = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Preconditioner:
    """An approximate inverse Hessian, applied to gradients.

    With an intercept it acts in the coordinates of centred features.
    """

    mean: Tensor | None  # (P,); None: no intercept
    solve: Solve  # in the coordinates of centred features
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
    solve_features = _factorised(features.moments, objective.ridge)
    if solve_features is None:
        solve_features = _decomposed(features.moments, objective.ridge)

    def solve(grad: Tensor, models: Tensor) -> Tensor:
        step = solve_features(grad[..., :n_features], models)
        return torch.cat([step, grad[..., n_features:] / SOFTMAX_CURVATURE], dim=-1)

    models = torch.arange(len(objective.ridge), device=objective.ridge.device)
    return Preconditioner(features.mean, solve, features.squared_range, models)


def _factorised(moments: Tensor, ridge: Tensor) -> Solve | None:
    """Return how to solve by a Cholesky factor, None where models need several or it fails."""
    if moments.ndim == 1 or (ridge != ridge[0]).any():
        return None
    # An eigendecomposition takes twelve times as long: 200 ms of 784 features, on one core.
    matrix = SOFTMAX_CURVATURE * moments
    matrix.diagonal().add_(ridge[0])
    scale = matrix.diagonal().rsqrt()  # to unit diagonal: units of 1e9 are no rounding
    L, info = torch.linalg.cholesky_ex(matrix * scale * scale[:, None])
    rounding = torch.finfo(L.dtype).eps * len(L)
    if info or not (L.diagonal().square() > rounding).all():
        return None

    def solve(grad: Tensor, models: Tensor) -> Tensor:  # noqa: ARG001, all are alike
        columns = (grad * scale).flatten(0, -2).T
        return _solve_factored(L, columns).T.view_as(grad) * scale

    return solve


def _decomposed(moments: Tensor, ridge: Tensor) -> Solve:
    """Return how to solve by eigenvectors, which serve any ridges (M,)."""
    basis: Tensor | None = None
    if moments.ndim == 2:
        moments, basis = torch.linalg.eigh(moments)
        # A feature of scale 1 beside one of 1e9 drowns in the rounding of eigh.
        moments.clamp_(min=torch.finfo(moments.dtype).eps * len(moments) * moments[-1])
    inverse = 1.0 / (SOFTMAX_CURVATURE * moments + ridge[:, None])  # (M, P)

    def solve(grad: Tensor, models: Tensor) -> Tensor:
        scale = inverse[models][:, None]
        return grad * scale if basis is None else ((grad @ basis) * scale) @ basis.T

    return solve


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
    """Return the solutions (..., D, columns) for Cholesky factors ``L`` (..., D, D)."""
    # Not cholesky_solve, which copies the factors each time.
    half = torch.linalg.solve_triangular(L, columns, upper=False)
    return torch.linalg.solve_triangular(L.mT, half, upper=True)
