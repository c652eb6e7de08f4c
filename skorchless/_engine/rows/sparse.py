"""Rows of a SciPy matrix in CSR or CSC format, on the CPU."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from skorchless._engine.placement import Placement
from skorchless._engine.products import SparseBlock, in_format, n_bytes, row_slice
from skorchless._engine.rows.memory import LocalRows, Rows


class SparseRows(LocalRows):
    """Rows of a CSR or CSC array ``X`` (N, P); ``columns`` are tensors whose first axis is N.

    ``by_column`` is the same X in CSC format, where that is there too.
    """

    def __init__(
        self,
        X: csr_array | csc_array,
        columns: tuple[Any, ...],
        placement: Placement,
        by_column: csc_array | None = None,
    ) -> None:
        self._dtype = np.dtype(str(placement.dtype).removeprefix("torch."))
        # Columns are of use where no value has to be converted first.
        super().__init__(X if X.dtype == self._dtype else X.tocsr(), columns, placement)
        self.n_stored = X.nnz
        self._by_column = by_column

    @cached_property
    def _all(self) -> SparseBlock | None:
        """All rows, where nothing has to be converted."""
        is_as_it_is = self._X.dtype == self._dtype
        return self._as_block(self._X, self._by_column) if is_as_it_is else None

    def _as_block(self, X: csr_array | csc_array, csc: csc_array | None = None) -> SparseBlock:
        return SparseBlock(X, csc, self.placement.block_sizes)

    @property
    def _by_row(self) -> csr_array:
        return self._X if self._all is None else self._all.csr

    def gather(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        X = torch.ones(len(index), self.n_features + int(append_one), dtype=self.placement.dtype)
        X[:, : self.n_features] = torch.from_numpy(self._by_row[index.numpy()].toarray())
        return (X, *self._columns_of(index))

    def take_sparse(self, index: Tensor, *, append_one: bool) -> tuple[Any, ...]:
        """Return what `gather` does, but X in CSR format."""
        X = self._by_row_with_one if append_one else self._by_row
        X = X[index.numpy()].astype(self._dtype, copy=False)
        return (X, *self._columns_of(index))

    @cached_property
    def _by_row_with_one(self) -> csr_array:
        X = self._by_row
        ends = X.indptr[1:]
        indices = np.insert(X.indices, ends, self.n_features)
        shape = (self.n_rows, self.n_features + 1)
        indptr = X.indptr + np.arange(self.n_rows + 1, dtype=X.indptr.dtype)
        return csr_array((np.insert(X.data, ends, 1), indices, indptr), shape=shape)

    def gram(self, mean: Tensor | None) -> Tensor:
        X = self._by_row.astype(np.float64, copy=False)
        total = torch.from_numpy((X @ X.T).toarray())
        if mean is None:
            return total
        by_mean = torch.from_numpy(X @ mean.numpy())
        return total - by_mean - by_mean[:, None] + mean @ mean

    def used_features(self) -> Tensor:
        """Return for which features (P,) a row has an entry."""
        is_used = np.zeros(self.n_features, dtype=bool)
        is_used[self._by_row.indices] = True
        return torch.from_numpy(is_used)

    def renumber_features(self, features: Tensor) -> SparseRows:
        """Return the rows with ``features`` (P',), in order, which have all the entries."""
        X = self._by_row
        numbers = np.zeros(self.n_features, dtype=X.indices.dtype)
        numbers[features.numpy()] = np.arange(len(features))
        shape = (self.n_rows, len(features))
        X = csr_array((X.data, numbers[X.indices], X.indptr), shape=shape)
        return SparseRows(X, self.columns, self.placement)

    def ready_to_select(self) -> SparseRows:
        """Return the rows, converted and with X in both formats."""
        # By columns a selection takes a tenth of the time, and the gradient less than half.
        if self._all is not None and self._all.has_columns:
            return self
        X = self._X.astype(self._dtype, copy=False)
        return SparseRows(X, self.columns, self.placement, in_format(X, "csc"))

    def rounded(self, dtype: torch.dtype, *, is_copied: bool) -> SparseRows:  # noqa: ARG002
        """Return these rows with a copy of X in ``dtype``."""
        X = self._by_row
        values = X.data.astype(str(dtype).removeprefix("torch."))
        X = csr_array((values, X.indices, X.indptr), shape=X.shape)
        return SparseRows(X, self._columns_in(dtype), replace(self.placement, dtype=dtype))

    def select_features(self, features: Tensor) -> Rows:
        block = self.ready_to_select()._all
        assert block is not None, "rows that are ready are converted"  # noqa: S101
        X = block.csc[:, features.numpy()]
        # In both formats from the start: what Dask holds as a task's result does not grow later.
        return SparseRows(X.tocsr(), self.columns, self.placement, X)

    def beside(self, other: Any) -> Rows:
        rows = SparseRows(self._X, (*self.columns, other), self.placement, self._by_column)
        rows._all = self._all
        return rows

    def subset(self, index: Tensor) -> Rows:
        return SparseRows(self._by_row[index.numpy()], self._columns_of(index), self.placement)

    def centered(self, center: Tensor) -> Rows:
        raise NotImplementedError("centred rows of a sparse X would be dense")

    def _blocks(self, values_per_row: int | None) -> list[slice]:
        blocks = super()._blocks(values_per_row)
        if len(blocks) > 1:
            self._by_row  # noqa: B018, converted once, before several workers ask for it
        return blocks

    def _n_blocks(self, values_per_row: int | None) -> int:
        sizes = self.placement.block_sizes
        n_rows = max(1, sizes.sparse_block_values // (values_per_row or 1))
        n_entries = sizes.converted_entries if self._all is None else self._X.nnz
        return max(-(-self.n_rows // n_rows), -(-self._X.nnz // max(1, n_entries)), 1)

    def __sizeof__(self) -> int:
        return super().__sizeof__() + n_bytes(self._by_column)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_all", None)
        return state

    def __getitem__(self, rows: slice) -> SparseBlock:
        if rows.start == 0 and rows.stop >= self.n_rows and self._all is not None:
            return self._all
        return self._as_block(row_slice(self._by_row, rows).astype(self._dtype, copy=False))
