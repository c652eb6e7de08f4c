"""The curvature of X, measured once a fit: what L-BFGS starts its inverse Hessian from.

The Hessian of the NLL is a sum over rows of (softmax curvature) x (row outer product). Its rows'
part is the same for every class and every model, so one eigendecomposition serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.rows import TensorRows

# Beyond this many features a factorisation (P^3) costs more than the passes it saves, and the
# variances alone are used.
MAX_MATRIX_FEATURES = 1500
# A second moment of so many rows for each feature guides as well as that of all rows: on MNIST
# 8 x 784 of the 50,000 rows save 0.35 s of 0.4 s and cost no iteration.
GRAM_ROWS_PER_FEATURE = 8
MIN_GRAM_ROWS = 2**12
# The mean of p * (1 - p) over rows near the optimum. It weighs X's curvature against the
# penalty; the overall scale is L-BFGS's own business. 0.01 to 0.1 serve equally well on MNIST,
# digits, wine, iris and breast cancer.
SOFTMAX_CURVATURE = 0.03
# How many times the rounding of one product the sums of a Gram matrix may be off by.
ROUNDING_FACTOR = 10.0


@dataclass(frozen=True)
class Preconditioner:
    """An approximate inverse Hessian, applied to gradients.

    With an intercept it acts in the coordinates of centred features, where intercept and
    coefficients hardly interact: ``W x + b = W (x - mean) + (b + W mean)``.
    """

    mean: Tensor | None  # (P,); None: no intercept
    solve: Callable[[Tensor], Tensor]  # in the coordinates of centred features
    gram: Tensor | None  # (P, P), the rows' second moments; None: too many features

    def apply(self, grad: Tensor) -> Tensor:
        """Return the directions (R, M, K, D) to which R gradients (R, M, K, D) are scaled."""
        if self.mean is None:
            return self.solve(grad)
        by_W, by_b = grad[..., :-1], grad[..., -1:]
        step = self.solve(torch.cat([by_W - by_b * self.mean, by_b], dim=-1))
        step[..., -1] -= step[..., :-1] @ self.mean
        return step


def shared_preconditioner(objective: PenalizedNLL) -> Preconditioner:
    """Return the preconditioner for all classes and models, from the rows' moments alone."""
    n_features = objective.rows.n_features
    has_matrix = n_features <= MAX_MATRIX_FEATURES
    rows = thinned(objective.rows, max(MIN_GRAM_ROWS, GRAM_ROWS_PER_FEATURE * n_features))
    mean = _weighted_mean(rows) if objective.fit_intercept else None
    moments = _second_moments(rows, mean, _gram if has_matrix else _squares)
    basis: Tensor | None = None
    gram: Tensor | None = None
    if not torch.isfinite(moments).all():
        # Squares overflow, or no row has weight: the curvature is not known.
        curvature = moments.new_ones(n_features)
    elif has_matrix:
        curvature, basis = torch.linalg.eigh(moments)
        eps = torch.finfo(rows.placement.dtype).eps
        curvature = _replace_rounding(curvature, moments, basis, eps)
        gram = (basis * curvature) @ basis.T
    else:
        # A feature that does not vary has no gradient either: any curvature will do.
        curvature = torch.where(moments > 0, moments, 1.0)
    inverse = 1.0 / (SOFTMAX_CURVATURE * curvature + objective.alpha[:, None])  # (M, P)

    def solve(grad: Tensor) -> Tensor:
        by_W = grad[..., :n_features]
        if basis is None:
            step = by_W * inverse[:, None]
        else:
            step = ((by_W @ basis) * inverse[:, None]) @ basis.T
        return torch.cat([step, grad[..., n_features:] / SOFTMAX_CURVATURE], dim=-1)

    return Preconditioner(mean, solve, gram)


def thinned(rows: TensorRows, n_rows: int) -> TensorRows:
    """Return about ``n_rows`` of the rows, or all of them where they are fewer."""
    return rows.thin(max(1, rows.n_rows // n_rows))


def _replace_rounding(curvature: Tensor, moments: Tensor, basis: Tensor, eps: float) -> Tensor:
    """Return ``curvature`` (P,) with the mean in place of what may as well be 0."""
    # X does not vary there and the gradient is all rounding, which 1 / curvature would blow up
    # until it steers the fit: digits, whose corner pixels are constant, then take 1,361
    # iterations at C=1000 where 229 are enough. Each direction is held against the variances of
    # its own features, because a feature of scale 1 beside one of 1e4 is no rounding (in float32
    # raw breast cancer takes 32 iterations for 115); and against what eigh itself is off by.
    of_moments = ROUNDING_FACTOR * eps * (moments.diagonal() @ basis.square())
    of_eigh = torch.finfo(curvature.dtype).eps * len(curvature) * curvature.max()
    mean = curvature.mean()
    is_real = curvature > torch.maximum(of_moments, of_eigh)
    return torch.where(is_real, curvature, mean if mean > 0 else 1.0)


def _row_weights(weights: Tensor) -> Tensor:
    """Return one weight a row (B,): the mean over models where each has its own."""
    return weights if weights.ndim == 1 else weights.mean(1)


def _weighted_mean(rows: TensorRows) -> Tensor:
    """Return the weighted mean (P,) of the rows."""

    def sums(X: Tensor, _codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = _row_weights(weights)
        return weights @ X, weights.sum()

    total, weight = rows.map_sum(sums)
    # Where no row of a thinned set has weight, or sums overflow, any finite centre will do.
    return (total / weight).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


def _gram(X: Tensor) -> Tensor:
    """Return the second moments (P, P) of all pairs of features."""
    return X.T @ X


def _squares(X: Tensor) -> Tensor:
    """Return the second moments (P,) of each feature alone."""
    return X.square().sum(0)


def _second_moments(
    rows: TensorRows, mean: Tensor | None, moments: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the weighted ``moments`` of the rows about their mean, per unit of weight."""
    center = 0.0 if mean is None else mean.to(rows.placement.dtype)

    def sums(X: Tensor, _codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = _row_weights(weights)
        return moments((X - center) * weights.sqrt()[:, None]), weights.sum()

    total, weight = rows.map_sum(sums, n_outputs=rows.n_features)
    return total / weight
