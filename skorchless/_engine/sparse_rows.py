"""Rows of a SciPy matrix in CSR format, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from skorchless._engine.blocks import to_dense
from skorchless._engine.placement import Placement
from skorchless._engine.rows import LocalRows, Rows

# Of what a function holds for the rows of a block. Few large blocks: the gradient of each has as
# many entries as there are weights, however few of its features a block shows.
BLOCK_VALUES = 2**22


class CSRRows(LocalRows):
    """Rows of a CSR array ``X`` (N, P); ``columns`` are tensors whose first axis is N."""

    def __init__(self, X: csr_array, columns: tuple[Any, ...], placement: Placement) -> None:
        super().__init__(X, columns, placement)
        self.n_stored = X.nnz
        self._dtype = np.dtype(str(placement.dtype).removeprefix("torch."))

    def take(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, dense and converted, and of each column.

        With ``append_one`` X has a last column of ones: what an intercept is multiplied with.
        """
        X = torch.ones(len(index), self.n_features + int(append_one), dtype=self.placement.dtype)
        X[:, : self.n_features] = to_dense(self._X[index.numpy()])
        return (X, *(column.index_select(0, index) for column in self._columns))

    def select_features(self, features: Tensor) -> Rows:
        """Return the rows with ``features`` (P',) alone, a copy of those columns."""
        return CSRRows(self._X[:, features.numpy()], self._columns, self.placement)

    def _block_rows(self, n_outputs: int) -> int:
        """Return the number of rows of a block."""
        return max(1, BLOCK_VALUES // n_outputs)

    def __getitem__(self, rows: slice) -> csr_array:
        """Return some rows of X (B, P), converted."""
        is_all = rows.start == 0 and rows.stop >= self.n_rows  # SciPy copies what it slices
        X = self._X if is_all else self._X[rows]
        return X.astype(self._dtype, copy=False)
