"""The engine's weights (M, K, D) and the fitted attributes of a linear model, one as the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.placement import Placement
from skorchless._engine.products import Block, logits
from skorchless._engine.rows.containers import map_rows_of

# The logit of a label of several that has one value alone: beyond 37 its probability is 1 in
# float64.
CONSTANT_LOGIT = 40.0


def dense_coef(estimator: Any) -> Array:
    """Return ``coef_`` (K, P) as an array, also where `sparsify` has made it a sparse matrix."""
    return estimator.coef_.toarray() if issparse(estimator.coef_) else estimator.coef_


def pack_weights(estimator: Any) -> Tensor:
    """Return the engine's weights (1, K, D) of a fitted estimator, to go on from."""
    columns = [dense_coef(estimator)]
    if estimator.fit_intercept:
        intercept = estimator.intercept_
        if estimator.multilabel_:
            # A label that had one value alone: adam would need thousands of steps to come back.
            intercept = np.where(np.abs(intercept) == CONSTANT_LOGIT, 0.0, intercept)
        columns.append(intercept[:, None])
    return torch.from_numpy(np.concatenate(columns, axis=1))[None]


def weights_of_predictions(estimator: Any) -> Tensor:
    """Return the weights (K, P + 1) that predict, with an intercept whether it was fitted or not.

    A label of several that has one value alone is told by its intercept.
    """
    return torch.from_numpy(np.column_stack([dense_coef(estimator), estimator.intercept_]))


def linear_attributes(W: Tensor, n_features: int, of_labels: dict[str, Any]) -> dict[str, Any]:
    """Return what prediction needs: of the weights (1, K, D), as NumPy of their dtype, and labels.

    ``of_labels`` are the attributes that say what the labels are.
    """
    weights = W[0].cpu().numpy()
    coef = weights[:, :n_features]
    if not coef.flags.forc:
        coef = coef.copy()
    has_intercept = weights.shape[1] > n_features
    intercept = weights[:, -1].copy() if has_intercept else np.zeros_like(coef[:, 0])
    return {"coef_": coef, "intercept_": intercept, **of_labels}


def logits_of_rows(X: Any, W: Tensor, placement: Placement) -> Tensor:
    """Return the logits (N, K') of the rows ``X`` (N, P) for the weights ``W`` (K', D)."""

    def of_rows(block: Block) -> Tensor:
        return logits(block, W).T  # (B, K')

    return map_rows_of(of_rows, X, placement, values_per_row=len(W))
