"""The curvature of X, measured once a fit: what L-BFGS starts its inverse Hessian from.

The Hessian of the NLL is a sum over rows of (softmax curvature) x (row outer product). Its rows'
part is the same for every class and every model, so one eigendecomposition serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
# The curvature that is added to that of X, in squares of each feature's range: as if so large a
# share of all rows showed the feature at its largest. What few rows show would else be learnt
# first, from them alone: without it, MNIST at C=1e4 is at 1.0 of its NLL (0.18) after 10
# iterations, and at 0.3 with it.
DAMPING = 1e-4


@dataclass(frozen=True)
class Preconditioner:
    """An approximate inverse Hessian, applied to gradients.

    With an intercept it acts in the coordinates of centred features, where intercept and
    coefficients hardly interact: ``W x + b = W (x - mean) + (b + W mean)``.
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
        if self.mean is None:
            return self.solve(grad, self.models)
        by_W, by_b = grad[..., :-1], grad[..., -1:]
        step = self.solve(torch.cat([by_W - by_b * self.mean, by_b], dim=-1), self.models)
        step[..., -1] -= step[..., :-1] @ self.mean
        return step


def shared_preconditioner(objective: PenalizedNLL) -> Preconditioner:
    """Return the preconditioner for all classes and models, from the rows' moments alone."""
    n_features = objective.rows.n_features
    has_matrix = n_features <= MAX_MATRIX_FEATURES
    rows = thinned(objective.rows, max(MIN_GRAM_ROWS, GRAM_ROWS_PER_FEATURE * n_features))
    mean = _weighted_mean(rows) if objective.fit_intercept else None
    moments = _second_moments(rows, mean, _gram if has_matrix else _squares)
    squared_range = _squared_range(objective.rows)
    is_known = bool(torch.isfinite(moments).all())
    basis: Tensor | None = None
    if not is_known:
        # Squares overflow, or no row has weight.
        curvature = moments.new_ones(n_features)
    elif has_matrix:
        moments.diagonal().add_(DAMPING * squared_range)
        curvature, basis = torch.linalg.eigh(moments)
        # A feature of scale 1 beside one of 1e9 drowns in the rounding of eigh.
        curvature.clamp_(min=torch.finfo(curvature.dtype).eps * n_features * curvature[-1])
    else:
        curvature = moments + DAMPING * squared_range
    inverse = 1.0 / (SOFTMAX_CURVATURE * curvature + objective.alpha[:, None])  # (M, P)

    def solve(grad: Tensor, models: Tensor) -> Tensor:
        by_W = grad[..., :n_features]
        scale = inverse[models][:, None]
        step = by_W * scale if basis is None else ((by_W @ basis) * scale) @ basis.T
        return torch.cat([step, grad[..., n_features:] / SOFTMAX_CURVATURE], dim=-1)

    models = torch.arange(len(inverse), device=inverse.device)
    return Preconditioner(mean, solve, squared_range if is_known else None, models)


def thinned(rows: TensorRows, n_rows: int) -> TensorRows:
    """Return about ``n_rows`` of the rows, or all of them where they are fewer."""
    return rows.thin(max(1, rows.n_rows // n_rows))


def _squared_range(rows: TensorRows) -> Tensor:
    """Return the squared difference (P,) of each feature's largest and smallest value."""

    def extremes(X: Tensor, *_columns: Tensor) -> Tensor:
        return torch.stack([X.amin(0), X.amax(0)])[None]

    blocks = rows.map_rows(extremes, n_outputs=rows.n_features).to(rows.placement.sum_dtype)
    squared = (blocks[:, 1].amax(0) - blocks[:, 0].amin(0)).square()
    # A feature that does not vary has no gradient: any value above 0 will do.
    mean = squared.mean()
    return torch.where(squared > 0, squared, mean if mean > 0 else 1.0)


def _weighted_mean(rows: TensorRows) -> Tensor:
    """Return the weighted mean (P,) of the rows."""

    def sums(X: Tensor, _codes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        weights = weights.mean(1)  # over folds
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
        weights = weights.mean(1)  # over folds
        return moments((X - center) * weights.sqrt()[:, None]), weights.sum()

    total, weight = rows.map_sum(sums, n_outputs=rows.n_features)
    return total / weight
