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

# Beyond this many features the eigendecomposition (P^3) costs more than the passes it saves, and
# the variances alone are used.
MAX_SPECTRAL_FEATURES = 1500
# The Gram matrix of every n-th row guides as well, and beyond this many rows it would cost
# (N P^2) more than the passes it saves.
MAX_GRAM_ROWS = 2**16
# The mean of p * (1 - p) over rows near the optimum. It weighs X's curvature against the
# penalty; the overall scale is L-BFGS's own business. 0.01 to 0.1 serve equally well on MNIST,
# digits, wine, iris and breast cancer.
SOFTMAX_CURVATURE = 0.03
# How many times the rounding of one product the sums of a Gram matrix may be off by.
ROUNDING_FACTOR = 10.0


@dataclass(frozen=True)
class Preconditioner:
    """An approximate inverse Hessian, applied to gradients (M, K, D).

    With an intercept it acts in the coordinates of centred features, where intercept and
    coefficients do not interact: ``W x + b = W (x - mean) + (b + W mean)``.
    """

    basis: Tensor | None  # (P, P), columns are eigenvectors; None: the coordinate axes
    inverse: Tensor  # (M, P), 1 / (curvature + alpha)
    mean: Tensor | None  # (P,); None: no intercept
    inverse_of_intercept: float

    def apply(self, grad: Tensor) -> Tensor:
        """Return the direction (M, K, D) to which ``grad`` (M, K, D) is scaled."""
        n_features = self.inverse.shape[1]
        by_W = grad[..., :n_features]
        if self.mean is not None:
            by_b = grad[..., n_features:]  # (M, K, 1)
            by_W = by_W - by_b * self.mean
        if self.basis is None:
            step = by_W * self.inverse[:, None]
        else:
            step = ((by_W @ self.basis) * self.inverse[:, None]) @ self.basis.T
        if self.mean is None:
            return step
        step_b = by_b * self.inverse_of_intercept - (step @ self.mean)[..., None]
        return torch.cat([step, step_b], dim=-1)


def curvature_preconditioner(objective: PenalizedNLL) -> Preconditioner:
    """Return the preconditioner that suits the shape of the objective's data."""
    rows = objective.rows.thin(max(1, objective.rows.n_rows // MAX_GRAM_ROWS))
    mean = _weighted_mean(rows) if objective.fit_intercept else None
    is_spectral = rows.n_features <= MAX_SPECTRAL_FEATURES
    moments = _second_moments(rows, mean, _gram if is_spectral else _squares)
    basis: Tensor | None = None
    if not torch.isfinite(moments).all():
        # Squares overflow, or no row has weight: the curvature is not known.
        curvature = moments.new_ones(rows.n_features)
    elif is_spectral:
        curvature, basis = torch.linalg.eigh(moments)
        eps = torch.finfo(rows.placement.dtype).eps
        curvature = _replace_rounding(curvature, moments, basis, eps)
    else:
        # A feature that does not vary has no gradient either: any curvature will do.
        curvature = torch.where(moments > 0, moments, 1.0)
    return Preconditioner(
        basis=basis,
        inverse=1.0 / (SOFTMAX_CURVATURE * curvature + objective.alpha[:, None]),
        mean=mean,
        inverse_of_intercept=1.0 / SOFTMAX_CURVATURE,
    )


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
