"""The curvature of the objective, class by class: what L-BFGS goes on with near the optimum.

The softmax part of a class's curvature, p * (1 - p), is near zero for most rows there and differs
from class to class; `preconditioner`, which starts a fit, knows nothing of it. L-BFGS takes 81
iterations on MNIST (C=1, to 0.1 % of the optimum) without this module and 25 with it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.preconditioner import MAX_MATRIX_FEATURES, Preconditioner, thinned
from skorchless._engine.rows import TensorRows

# The softmax part changes much in the first iterations.
MIN_ITERATIONS = 5
# The time of the Hessians in passes over the rows is so many times D * D / N.
COST = 0.4
# Rows drawn for each class, by their share of its curvature, for each column of its Hessian.
DRAWN_ROWS_PER_COLUMN = 2
MIN_DRAWN_ROWS = 2**10
# The rows that they are drawn from.
MAX_CANDIDATE_ROWS = 2**16
# The part of a Hessian that is the moments of all rows: so that it has no flat direction where
# the drawn rows do not vary. 0.003 to 0.1 serve equally well on MNIST.
SHRINKAGE_TO_GRAM = 0.03


def iterations_before_classes(objective: PenalizedNLL) -> float:
    """Return after how many iterations `class_preconditioner` pays; infinity for never."""
    n_models, n_weight_rows, n_columns = objective.weights_shape
    n_rows, n_features = objective.rows.n_rows, objective.rows.n_features
    n_entries = n_models * n_weight_rows * n_columns**2
    if n_features > MAX_MATRIX_FEATURES or n_entries > n_rows * n_features:
        return math.inf
    # By then the passes have cost what it costs, so that it never doubles the time of a fit.
    return max(MIN_ITERATIONS, COST * n_columns**2 / n_rows)


def class_preconditioner(
    objective: PenalizedNLL, W: Tensor, shared: Preconditioner
) -> Preconditioner | None:
    """Return the inverse of each class's own Hessian at ``W`` (M, K, D), from a sample of rows.

    None where the rows' moments are not known or a Hessian can not be factorised in this
    precision.
    """
    if shared.gram is None:
        return None
    rows = thinned(objective.rows, MAX_CANDIDATE_ROWS)
    gram = shared.gram.new_ones(W.shape[-1]).diag()
    gram[: rows.n_features, : rows.n_features] = shared.gram
    gram = gram.to(rows.placement.dtype)
    ridge = objective.shrinkage.to(gram.dtype).repeat_interleave(W.shape[1], 0)[:, 0]  # (M * K, D)
    factors = gram.new_empty(*W.shape, W.shape[-1])  # (M, K, D, D)
    # One at a time into its place: the Hessians of MNIST, 25 MB, are never there twice.
    for curvature, factor, penalty in zip(
        _row_curvature(objective, W, rows), factors.flatten(0, 1), ridge, strict=True
    ):
        hessian = _class_hessian(rows, curvature, gram, shared.mean)
        hessian.diagonal().add_(penalty)
        L, info = torch.linalg.cholesky_ex(hessian)
        factor.copy_(L)
        if info or not factor.diagonal().isfinite().all():
            return None

    def solve(grad: Tensor) -> Tensor:
        columns = grad.movedim(0, -1).to(factors.dtype)  # (M, K, D, R)
        # Not cholesky_solve, which copies the factors each time.
        half = torch.linalg.solve_triangular(factors, columns, upper=False)
        step = torch.linalg.solve_triangular(factors.mT, half, upper=True)
        return step.movedim(-1, 0).to(grad.dtype)

    return Preconditioner(shared.mean, solve, shared.gram)


def _row_curvature(objective: PenalizedNLL, W: Tensor, rows: TensorRows) -> Tensor:
    """Return the second derivative of each row's loss by each of its scores, (M * K, rows)."""
    W = W.to(rows.placement.dtype)

    def of_block(X: Tensor, _codes: Tensor, weights: Tensor) -> Tensor:
        return objective.block_curvature(W, X, weights).flatten(0, 1).T

    curvature = rows.map_rows(of_block, n_outputs=W.shape[0] * W.shape[1]).T
    mean_weight = objective.total_weight / objective.rows.n_rows  # (M,)
    return curvature / mean_weight.repeat_interleave(W.shape[1])[:, None].to(curvature.dtype)


def _class_hessian(
    rows: TensorRows, curvature: Tensor, gram: Tensor, mean: Tensor | None
) -> Tensor:
    """Return the mean of ``curvature`` (rows,) times row outer product (D, D), from a sample."""
    n_columns = len(gram)
    n_drawn = max(MIN_DRAWN_ROWS, DRAWN_ROWS_PER_COLUMN * n_columns)
    if rows.n_rows > n_drawn:
        # Systematic sampling, each row by its share of the curvature: a row that is classified
        # beyond doubt has none. On MNIST 2,000 rows drawn so serve as well as 10,000 others.
        shares = curvature.cumsum(0, dtype=rows.placement.sum_dtype)
        points = (torch.arange(n_drawn, device=shares.device) + 0.5) * (shares[-1] / n_drawn)
        index = torch.searchsorted(shares, points).clamp_(max=rows.n_rows - 1)
        share = None
    else:
        index = torch.arange(rows.n_rows, device=curvature.device)
        share = curvature / curvature.mean()
    X = rows.take(index, append_one=mean is not None)[0]  # (rows, D)
    if mean is not None:
        X[:, :-1] -= mean.to(X.dtype)
    X_weighted = X if share is None else X * share[:, None]
    mean_curvature = float(curvature.mean())
    return torch.addmm(
        gram,
        X_weighted.T,
        X,
        beta=SHRINKAGE_TO_GRAM * mean_curvature,
        alpha=(1 - SHRINKAGE_TO_GRAM) * mean_curvature / len(index),
    )
