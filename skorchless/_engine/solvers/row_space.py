"""Fits of more features than rows with an L2 penalty, by as many unknowns a class as rows.

The optimum lies in the span of the rows, W = A X with X centred: with the Cholesky factor L of the
Gram matrix of the rows, X X' = L L', and V = A L, the logits are V L' and the squared norm of W is
that of V. So V are the weights of the same model on the rows of L, which are square; all models
share L.

References
----------
Hastie & Tibshirani, Efficient quadratic regularization for expression arrays (2004), section 2,
https://doi.org/10.1093/biostatistics/kxh010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.products import Block, logits, weighted_sum
from skorchless._engine.rows.memory import LocalRows, Rows, TensorRows

# A choice: added to the diagonal of the Gram matrix, as a share of its mean, because centred rows
# are linearly dependent. Raised tenfold while rounding lets the factorisation fail.
RIDGE = 1e-12
MAX_RIDGE = 1e-8


@dataclass(frozen=True)
class RowSpace:
    """The objective by the weights of the rows of L, and the way there and back."""

    objective: PenalizedNLL  # of the rows of L
    whole: PenalizedNLL  # of the rows themselves
    L: Tensor  # (N, N), lower triangular

    @cached_property
    def grad_ratio(self) -> float:
        """How many times larger a gradient entry of the features may be than any of these."""
        return math.sqrt(len(self.L)) * (1.0 + self.whole.largest_center)

    @cached_property
    def moments(self) -> FeatureMoments:
        """The moments of the columns of L, whose rows are centred, as if all weighed the same."""
        return FeatureMoments(self.objective.rows, self.objective.mean, self.L.square().mean(0))

    def violation(self, W: Tensor) -> float:
        """Return the largest violation of optimality by the features, at their weights (M, K, D).

        Where one feature outweighs all others, or rows are nearly alike, they predict what
        `objective` does only to its rounding.
        """
        _, grad = self.whole.value_and_grad(W)
        return float(self.whole.violation(W, grad).max())

    def from_features(self, W: Tensor) -> Tensor:
        """Return the weights (M, K, N + 1) that predict as ``W`` (M, K, D) does."""
        rows, dtype = self.whole.rows, self.L.dtype
        if not W[..., : rows.n_features].any():
            return torch.nn.functional.pad(W[..., rows.n_features :], (len(self.L), 0)).to(dtype)
        coef, intercept = W[..., : rows.n_features].flatten(0, 1), W[..., rows.n_features :]

        def logits_of(X: Block, *_columns: Tensor) -> Tensor:
            return logits(*_precise(X, coef, rows)).T

        Z = rows.map_rows(logits_of, values_per_row=len(coef)).to(dtype)
        if self.whole.fit_intercept:
            of_mean = self.whole.of_block(W)[..., rows.n_features :] - intercept
            Z = Z + of_mean.flatten().to(dtype)
        V = torch.linalg.solve_triangular(self.L, Z, upper=False)  # (N, M * K)
        V = V.T.reshape(*W.shape[:2], len(self.L))
        return torch.cat([V, intercept], dim=-1)

    def to_features(self, V: Tensor) -> Tensor:
        """Return the weights (M, K, D) of the features of weights ``V`` (M, K, N + 1)."""
        n_rows, rows = len(self.L), self.whole.rows
        of_rows = V[..., :n_rows].flatten(0, 1).T  # (N, M * K)
        A = torch.linalg.solve_triangular(self.L.T, of_rows, upper=True)

        def sums(X: Block, *columns: Tensor) -> tuple[Tensor]:
            return (weighted_sum(*_precise(X, columns[-1].T, rows)),)

        beside = rows.beside(A)
        (W,) = beside.map_sum(sums, values_per_row=A.shape[1])  # (M * K, P)
        if self.whole.mean is not None:
            W = W - A.sum(0)[:, None] * self.whole.mean
        W = W.view(*V.shape[:2], -1).to(V.dtype)
        return torch.cat([W, V[..., n_rows:]], dim=-1)


def _precise(X: Block, weights: Tensor, rows: Rows) -> tuple[Block, Tensor]:
    """Return a block and what it is multiplied with in one dtype: of a dense one that of sums."""
    # What is small in L is large in the weights, and with it the rounding of float32.
    if isinstance(X, Tensor):
        return X.to(weights.dtype), weights
    return X, weights.to(rows.placement.dtype)


def row_space(objective: PenalizedNLL) -> RowSpace | None:
    """Return the row space of an objective whose rows are in memory, None where it fails."""
    rows = objective.rows
    assert isinstance(rows, LocalRows)  # noqa: S101
    gram = rows.gram(objective.mean)
    share = RIDGE
    while share <= MAX_RIDGE:
        ridge = share * float(gram.diagonal().mean())
        regular = gram.clone()
        regular.diagonal().add_(ridge)
        L, info = torch.linalg.cholesky_ex(regular)
        if not info and ridge > 0.0 and bool(L.diagonal().isfinite().all()):
            placement = replace(rows.placement, dtype=rows.placement.sum_dtype)
            codes, weights = rows.columns
            columns = (codes, weights.to(placement.dtype))
            mean = torch.zeros_like(L[0]) if objective.fit_intercept else None
            of_L = TensorRows(L, columns, placement)
            square = replace(objective, rows=of_L, mean=mean, dummies=None)
            return RowSpace(square, objective, L)
        share *= 10.0
    return None
