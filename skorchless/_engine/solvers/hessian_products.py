"""The exact Hessian of sparse rows, by its products: two with X, and none of X with itself.

The Gram matrix of a thousand sparse columns is dense: with 2,000 rows that show 1 % of 20,000
features, an L1 fit that leaves 1,100 of them took eleven times as long with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.blocks import Block
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.rows import Rows
from skorchless._engine.solvers.newton import MAX_PRODUCTS

# A step takes about so many products of the Hessian, and each multiplication with an entry of a
# sparse X about as long as so many of a dense one.
N_PRODUCTS = 60
ENTRY_COST = 60
# What takes ten times as long as the rest of an iteration still pays: it saves two iterations of
# three, half of the time on 20,000 x 50,000 with 13,000 coefficients left.
MAX_COST = 10.0


def are_products_cheap(objective: PenalizedNLL, worth: float) -> bool:
    """Return whether a step by products costs little, and less than with the Hessian itself."""
    n_stored = objective.rows.n_stored
    if n_stored is None:
        return False
    n_models, n_weight_rows, n_columns = objective.weights_shape
    by_products = ENTRY_COST * N_PRODUCTS * 2 * n_stored * n_models * n_weight_rows
    by_matrix = n_models * (n_weight_rows * n_columns) ** 2 * objective.rows.n_rows
    return by_products <= min(by_matrix, MAX_COST * worth * MAX_PRODUCTS)


@dataclass(frozen=True)
class HessianProducts:
    """The Hessian of each model at some weights, with a ridge, as a `quadratic.Matrix`."""

    objective: PenalizedNLL  # of these models
    rows: Rows  # with the curvature of all models for a last column, (N, all, K)
    models: Tensor  # (M,), which of all they are
    diagonal: Tensor  # (M, K * D)
    scale: Tensor  # (M, 1), of the sum over rows; 0 where the Hessian is not known
    added: Tensor  # (M, K * D), to its diagonal; 1 where the Hessian is not known

    @classmethod
    def at(cls, objective: PenalizedNLL, W: Tensor, ridge: float) -> HessianProducts:
        """Return the Hessians at ``W`` (M, K, D), with ``ridge`` times their diagonal added."""
        nll, W_block = objective.nll, W.to(objective.rows.placement.dtype)

        def curvature_of(X: Block, _codes: Tensor, weights: Tensor) -> Tensor:
            return nll.row_curvature(W_block, X, weights).permute(2, 0, 1)

        n_outputs = W.shape[0] * W.shape[1]
        rows = objective.rows.beside(objective.rows.map_rows(curvature_of, n_outputs=n_outputs))

        def diagonal_of(X: Block, *columns: Tensor) -> tuple[Tensor]:
            return (nll.hessian_diagonal(X, columns[-1].permute(1, 2, 0)),)

        (total,) = rows.map_sum(diagonal_of, n_outputs=n_outputs)
        scale = 1.0 / objective.total_weight[:, None]
        shrinkage = objective.shrinkage.expand_as(W).flatten(1)
        diagonal = total.flatten(1) * scale + shrinkage
        ridges = ridge * (diagonal + diagonal.amax(1, keepdim=True))
        # Squares of features may overflow, and p * (1 - p) underflow: then it is the identity.
        is_known = diagonal.isfinite().all(1, keepdim=True) & diagonal.any(1, keepdim=True)
        return cls(
            objective,
            rows,
            torch.arange(len(W), device=W.device),
            torch.where(is_known, diagonal + ridges, 1.0),
            torch.where(is_known, scale, 0.0),
            torch.where(is_known, shrinkage + ridges, 1.0),
        )

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, K * D) with ``vectors`` (M, K * D)."""
        models, nll = self.models, self.objective.nll
        V = vectors.view(self.objective.weights_shape).to(self.rows.placement.dtype)

        def hvp_of(X: Block, *columns: Tensor) -> tuple[Tensor]:
            curvature = columns[-1]
            if len(models) < curvature.shape[1]:
                curvature = curvature[:, models]
            return (nll.hvp(V, X, curvature.permute(1, 2, 0)),)

        (product,) = self.rows.map_sum(hvp_of, n_outputs=V.shape[0] * V.shape[1])
        product = torch.where(self.scale > 0, product.flatten(1), 0.0)
        return torch.addcmul(self.added * vectors, self.scale, product)

    def take(self, models: Tensor) -> HessianProducts:
        """Return the matrices of ``models``, an index into all M."""
        return HessianProducts(
            self.objective.take(models),
            self.rows,
            self.models[models],
            self.diagonal[models],
            self.scale[models],
            self.added[models],
        )
