"""What is computed with one block of rows: products, and what else its kind decides.

A block of X (B, P) is a tensor or, of the kind that is registered after it, a SciPy array in CSR
format. These functions are all that is asked of it; where the other rows are does not matter.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, issparse
from torch import Tensor

Block = Any  # Tensor or csr_array


def n_cores(device: torch.device) -> int:
    """Return among how many parts a product is shared: a GPU divides it by itself."""
    return torch.get_num_threads() if device.type == "cpu" else 1


def n_bytes(array: Any) -> int:
    """Return the bytes that the values of an array, a tensor or a SciPy matrix take."""
    parts = (array.data, array.indices, array.indptr) if issparse(array) else (array,)
    return sum(getattr(part, "nbytes", 0) for part in parts)


@singledispatch
def scores(X: Block, W: Tensor) -> Tensor:
    """Return the scores (parts, K', B / parts) of a block for the weights ``W`` (K', D)."""
    # Rows of scores, not columns: a reduction over classes then runs along contiguous
    # memory, and the gradient is `residual @ X`, three times faster than `X.T @ residual`.
    X = _in_parts(X)
    W = W.expand(len(X), -1, -1)
    if W.shape[2] == X.shape[2]:
        return torch.bmm(W, X.mT)
    return torch.baddbmm(W[..., X.shape[2] :], W[..., : X.shape[2]], X.mT)


def _in_parts(X: Tensor) -> Tensor:
    """Return a view (parts, B', P) of rows ``X`` (B, P), one part a core."""
    # Ten columns are too few to share a product among cores well; the rows are many. Each
    # core takes the product of its own rows: a pass over MNIST takes 28 ms for 38 ms.
    n_parts = n_cores(X.device)
    n_parts = n_parts if len(X) % n_parts == 0 else 1
    return X.view(n_parts, len(X) // n_parts, X.shape[1])


# SciPy's products, on one core, take 27 ms for 10 columns of scores of a million rows with 5
# entries each, those of torch 35 ms, and torch would need a copy of the transpose.
@scores.register
def _(X: csr_array, W: Tensor) -> Tensor:
    n_features = X.shape[1]
    products = X @ W[:, :n_features].T.contiguous().numpy()  # (B, K')
    return torch.from_numpy(products).T[None] + W[None, :, n_features:].sum(2, keepdim=True)


@singledispatch
def weighted_sum(X: Block, weights: Tensor) -> Tensor:
    """Return the sums (K', P) of a block's rows by ``weights`` (parts, K', B / parts)."""
    return torch.bmm(weights, X.view(len(weights), weights.shape[2], X.shape[1])).sum(0)


@weighted_sum.register
def _(X: csr_array, weights: Tensor) -> Tensor:
    return torch.from_numpy(X.T @ weights[0].T.contiguous().numpy()).T


@singledispatch
def squares_about(X: Block, center: Tensor, weights: Tensor) -> Tensor:
    """Return the sums (P,) of squares about ``center`` (P,), by ``weights`` (B,)."""
    return ((X - center) * weights.sqrt()[:, None]).square().sum(0)


@squares_about.register
def _(X: csr_array, center: Tensor, weights: Tensor) -> Tensor:
    # Of a zero the square about the center is the center's; the entries have the rest.
    data = X.data * (X.data - 2.0 * center.numpy()[X.indices])
    rest = csr_array((data, X.indices, X.indptr), shape=X.shape)
    return weighted_sum(rest, weights[None, None])[0] + center.square() * weights.sum()


@singledispatch
def extremes(X: Block) -> Tensor:
    """Return the smallest and the largest value (2, P) of each feature."""
    return torch.stack([X.amin(0), X.amax(0)])


@extremes.register
def _(X: csr_array) -> Tensor:
    # Raveled: older SciPy has a row of a matrix for it.
    return torch.from_numpy(np.stack([f(axis=0).toarray().ravel() for f in (X.min, X.max)]))


@singledispatch
def to_dense(X: Block) -> Tensor:
    """Return a block as a tensor (B, P)."""
    return X


@to_dense.register
def _(X: csr_array) -> Tensor:
    return torch.from_numpy(X.toarray())
