"""Rows of a SciPy matrix in CSR format, multiplied by SciPy on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from skorchless._engine.placement import Placement
from skorchless._engine.rows import Rows

# Of what a function holds for the rows of a block. Few large blocks: the gradient of each has as
# many entries as there are weights, however few of its features a block shows.
BLOCK_VALUES = 2**22


class CSRRows(Rows):
    """Rows of a CSR array ``X`` (N, P); ``columns`` are tensors, or arrays like X.

    SciPy's products, on one core, take 27 ms for 10 columns of scores of a million rows with
    5 entries each, those of torch 35 ms, and torch would need a copy of the transpose.
    """

    def __init__(self, X: csr_array, columns: tuple[Any, ...], placement: Placement) -> None:
        self.placement = placement
        self.n_rows, self.n_features = X.shape
        self.n_parts = torch.get_num_threads()  # of a dense minibatch
        self._X = X
        self._columns = columns
        self._dtype = np.dtype(str(placement.dtype).removeprefix("torch."))

    def scores(self, X: csr_array, W: Tensor) -> Tensor:
        """Return the scores (1, K', B) of a block for the weights ``W`` (K', D)."""
        n_features = X.shape[1]
        scores = self._convert(X) @ W[:, :n_features].T.contiguous().numpy()  # (B, K')
        return torch.from_numpy(scores).T[None] + W[None, :, n_features:].sum(2, keepdim=True)

    def weighted_sum(self, X: csr_array, weights: Tensor) -> Tensor:
        """Return the sums (K', P) of a block's rows by ``weights`` (1, K', B)."""
        return torch.from_numpy(X.T @ weights[0].T.contiguous().numpy()).T

    def squares_about(self, X: csr_array, center: Tensor, weights: Tensor) -> Tensor:
        """Return the sums (P,) of squares about ``center`` (P,), by ``weights`` (B,)."""
        # Of a zero the square about the center is the center's; the entries have the rest.
        data = X.data * (X.data - 2.0 * center.numpy()[X.indices])
        rest = csr_array((data, X.indices, X.indptr), shape=X.shape)
        return self.weighted_sum(rest, weights[None, None])[0] + center.square() * weights.sum()

    def extremes(self, X: csr_array) -> Tensor:
        """Return the smallest and the largest value (2, P) of each feature."""
        return torch.from_numpy(np.stack([X.min(axis=0).toarray(), X.max(axis=0).toarray()]))

    def dense(self, X: csr_array) -> Tensor:
        """Return a block as a tensor (B, P)."""
        return torch.from_numpy(X.toarray())

    def take(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, dense and converted, and of each column.

        With ``append_one`` X has a last column of ones: what an intercept is multiplied with.
        """
        X = torch.ones(len(index), self.n_features + int(append_one), dtype=self.placement.dtype)
        X[:, : self.n_features] = self.dense(self._X[index.numpy()])
        return (X, *(column.index_select(0, index) for column in self._columns))

    def select_features(self, features: Tensor) -> Rows:
        """Return the rows with ``features`` (P',) alone, a copy of those columns."""
        return CSRRows(self._X[:, features.numpy()], self._columns, self.placement)

    def beside(self, other: Rows) -> Rows:
        """Return these rows with X of the same rows in ``other`` for one more column, as it is."""
        assert isinstance(other, CSRRows)  # noqa: S101
        return CSRRows(self._X, (*self._columns, other._X), self.placement)

    def thin(self, every: int) -> Rows:
        """Return each ``every``-th row."""
        if every == 1:
            return self
        columns = tuple(column[::every] for column in self._columns)
        return CSRRows(self._X[::every], columns, self.placement)

    def _blocks(self, n_outputs: int) -> Iterator[tuple[Any, ...]]:
        """Yield X (B, P), converted, and the columns of each block."""
        step = max(1, BLOCK_VALUES // n_outputs)
        if step >= self.n_rows:  # SciPy copies what it slices
            yield (self._convert(self._X), *self._columns)
            return
        for start in range(0, self.n_rows, step):
            block = slice(start, start + step)
            yield (self._convert(self._X[block]), *(column[block] for column in self._columns))

    def _convert(self, X: csr_array) -> csr_array:
        """Return ``X`` in the dtype of products."""
        return X.astype(self._dtype, copy=False)
