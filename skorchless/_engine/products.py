"""What is computed with one block of rows, X (B, P): a tensor or a `SparseBlock`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.sparse import csc_array, csr_array, issparse
from torch import Tensor

from skorchless._engine.placement import as_tensor
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.workers import n_workers, share

Block = Any  # Tensor or SparseBlock

with warnings.catch_warnings():
    # torch says once in a process that CSR tensors are in beta, and torch 2.11 that they are not
    # checked, even where it is told so: here, not in the midst of a fit.
    warnings.filterwarnings("ignore", "Sparse (CSR tensor support|invariant checks)")
    torch.sparse_csr_tensor([0, 1], [0], [1.0], (1, 1), check_invariants=False)


class SparseBlock:
    """A block of sparse rows, in CSR or CSC format; the other one is made when it is asked for.

    The memory may be the caller's: nothing is sorted or added up in place.

    Products are torch's, with `by_row` and `by_column`: on one thread they take as long as SciPy's
    for one vector, and half or a third of it for ten.
    """

    def __init__(
        self,
        X: csr_array | csc_array,
        csc: csc_array | None = None,
        sizes: BlockSizes = BlockSizes(),
    ) -> None:
        self._given = X
        self._sizes = sizes
        self._tensors: dict[tuple[str, int], list[Tensor]] = {}  # by format and number of shares
        if csc is not None:
            self.csc = csc

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and features."""
        return self._given.shape

    @cached_property
    def csr(self) -> csr_array:
        """The block (B, P) in CSR format."""
        return in_format(self._given, "csr")

    @cached_property
    def csc(self) -> csc_array:
        """The block (B, P) in CSC format."""
        return in_format(self._given, "csc")

    @property
    def by_row(self) -> list[Tensor]:
        """The rows of the block (B, P) as CSR tensors: one, or one for each share of workers."""
        return self._as_tensors("csr")

    @property
    def by_column(self) -> list[Tensor]:
        """The rows of the transpose (P, B) as CSR tensors, as those of `by_row`."""
        return self._as_tensors("csc")

    @cached_property
    def rows(self) -> list[tuple[slice, csr_array]]:
        """Slices of rows, and these rows."""
        return _row_shares(self.csr, self._sizes.n_entry_shares(self.csr.nnz, self.shape[1]))

    def _as_tensors(self, name: str) -> list[Tensor]:
        """Return rows of the block or its transpose as CSR tensors, in the same memory."""
        n_shares = self._sizes.n_entry_shares(self._given.nnz)
        if n_shares > 1 and n_workers() == 1:
            n_shares = 1
        if (name, n_shares) not in self._tensors:
            X = self.csr if name == "csr" else self.csc.T
            self._tensors[name, n_shares] = [
                csr_tensor(as_tensor(X.indptr), as_tensor(X.indices), as_tensor(X.data), X.shape)
                for _, X in _row_shares(X, n_shares)
            ]
        return self._tensors[name, n_shares]

    @property
    def summed(self) -> csr_array | csc_array:
        """The block (B, P) with each entry stored once, in the format that is at hand."""
        return summed(self.csc if self.has_columns else self.csr)

    def squared(self) -> SparseBlock:
        """Return a block of the squares."""
        entries = self.summed
        squares = type(entries)(entries)  # 8 us; of the three arrays 20
        squares.data = entries.data**2
        return SparseBlock(squares, sizes=self._sizes)

    @property
    def has_columns(self) -> bool:
        """Whether columns are at hand: given, or made because features were selected."""
        return self._given.format == "csc" or "csc" in vars(self)


def in_format(X: csr_array | csc_array, name: str) -> csr_array | csc_array:
    """Return ``X`` in the format ``name``: itself, or a copy with each entry stored once."""
    other = X.asformat(name)
    if other is not X:
        other.sum_duplicates()  # its indices are sorted already
    return other


def summed(X: csr_array | csc_array, dtype: Any = None) -> csr_array | csc_array:
    """Return ``X`` with each entry stored once: itself, or a copy in the other format.

    The copy is in ``dtype``, None for that of X.
    """
    # SciPy notes this on X. Where it is not so, methods of X that need it would sort in place.
    if X.has_canonical_format:
        return X
    # Not sort_indices of a copy, which takes four times as long for 200 entries a row.
    X = X.astype(dtype or X.dtype, copy=False)
    return in_format(X, "csr" if X.format == "csc" else "csc")


def row_slice(X: csr_array, rows: slice) -> csr_array:
    """Return some rows of ``X``, in the same memory."""
    # SciPy copies a slice: 100,000 entries take a millisecond.
    ends = X.indptr[rows.start : rows.stop + 1]
    entries = slice(ends[0], ends[-1])
    parts = (X.data[entries], X.indices[entries], ends - ends[0])
    return csr_array(parts, shape=(len(ends) - 1, X.shape[1]))


def _row_shares(X: csr_array, n_shares: int) -> list[tuple[slice, csr_array]]:
    """Return slices of rows with about equal numbers of entries, and these rows."""
    if n_shares == 1:
        return [(slice(0, X.shape[0]), X)]
    ends = np.searchsorted(X.indptr, np.linspace(0, X.nnz, n_shares + 1)[1:-1])
    ends = np.unique([0, *ends, X.shape[0]])
    slices = [slice(*rows) for rows in pairwise(ends.tolist())]
    return [(rows, row_slice(X, rows)) for rows in slices]


def csr_tensor(indptr: Tensor, indices: Tensor, data: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a CSR tensor of ``shape`` from its parts."""
    return torch.sparse_csr_tensor(indptr, indices, data, shape, check_invariants=False)


def csr_products(shares: list[Tensor], vectors: Tensor) -> Tensor:
    """Return the products (K', n) of CSR tensors, n rows together, with ``vectors`` (K', m)."""
    # Shared here and not as blocks of X: the sums of shares need not be added.
    # One vector takes half the time of a matrix that has one column.
    right = vectors.squeeze(0) if len(vectors) == 1 else vectors.T.contiguous()
    if len(shares) == 1:
        product = _csr_product(shares[0], right)
    else:
        product = torch.cat(list(share(lambda X: _csr_product(X, right), shares, len(shares))))
    return product.unsqueeze(0) if product.ndim == 1 else product.T


# Columns from which on a float32 product takes less time as sums of weighted rows: the same for 8
# to 10 columns, two fifths to three quarters of it for 16 to 20, a sixth to a quarter for 100.
# float64 has no such kernel.
MIN_BAG_COLUMNS = 8


def _csr_product(X: Tensor, right: Tensor) -> Tensor:
    """Return the product of a CSR tensor (n, m) with ``right``, (m,) or (m, K')."""
    if right.ndim == 1 or right.shape[1] < MIN_BAG_COLUMNS or right.dtype is not torch.float32:
        return X @ right
    return torch.nn.functional.embedding_bag(
        X.col_indices(),
        right,
        X.crow_indices(),
        mode="sum",
        per_sample_weights=X.values(),
        include_last_offset=True,
    )


def _sums_of_rows(X: SparseBlock, weights: Tensor) -> Tensor:
    """Return the sums (K', P) of a block's rows by ``weights`` (K', B), from its rows alone."""
    # SciPy's products with a transpose: torch takes forty times as long.
    right = weights.numpy()[0] if len(weights) == 1 else weights.T.contiguous().numpy()
    first, *others = share(lambda rows: rows[1].T @ right[rows[0]], X.rows, len(X.rows))
    for other in others:
        first += other
    total = torch.from_numpy(first)
    return total.unsqueeze(0) if total.ndim == 1 else total.T


def n_bytes(array: Any) -> int:
    """Return the bytes that the values of an array, a tensor or a SciPy matrix take."""
    parts = (array.data, array.indices, array.indptr) if issparse(array) else (array,)
    return sum(getattr(part, "nbytes", 0) for part in parts)


# Entries that are squared at a time: 1 MB of float64, which stays in a core's cache. 256 kB take
# 1.2 times as long on five tables of 100 x 1,000 to 5,000 x 100.
SQUARED_ENTRIES = 2**17


def logits(X: Block, W: Tensor) -> Tensor:
    """Return the logits (K', B) of a block for the weights ``W`` (K', D)."""
    n_features = X.shape[1]
    if isinstance(X, SparseBlock):
        products = csr_products(X.by_row, W[:, :n_features])
        return products + W[:, n_features:] if W.shape[1] > n_features else products
    # Rows of logits, not columns: a reduction over classes then runs along contiguous
    # memory, and the gradient is `residual @ X`, three times faster than `X.T @ residual`.
    if len(W) == 1:
        # A product with a vector takes four fifths of the time.
        product = torch.mv(X, W[0, :n_features])[None]
        return product if W.shape[1] == n_features else product.add_(W[:, -1:])
    if W.shape[1] == n_features:
        return W @ X.T
    return torch.addmm(W[:, n_features:], W[:, :n_features], X.T)


def weighted_sum(X: Block, weights: Tensor) -> Tensor:
    """Return the sums (K', P) of a block's rows by ``weights`` (K', B)."""
    if isinstance(X, SparseBlock):
        return csr_products(X.by_column, weights) if X.has_columns else _sums_of_rows(X, weights)
    return torch.mv(X.T, weights[0])[None] if len(weights) == 1 else weights @ X


def weighted_squares(X: Block, weights: Tensor) -> Tensor:
    """Return the sums (K', P) of the squares of a block's rows by ``weights`` (K', B)."""
    if isinstance(X, SparseBlock):
        return weighted_sum(X.squared(), weights)
    return weights @ X.square()


def weighted_moments(X: Block, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums (K', P) of a block's rows and of their squares by ``weights`` (K', B)."""
    if isinstance(X, SparseBlock):
        return weighted_sum(X, weights), weighted_squares(X, weights)
    # A part at a time: new memory for all squares takes longer than their sum. On an H100 the
    # 1,200 parts of MNIST took 55 ms of a fit's 180.
    n_rows = max(1, SQUARED_ENTRIES // max(1, X.shape[1])) if X.is_cpu else len(X)
    total, squares = weights @ X, weights[:, :n_rows] @ X[:n_rows].square()
    for start in range(n_rows, len(X), n_rows):
        part = slice(start, start + n_rows)
        squares.addmm_(weights[:, part], X[part].square())
    return total, squares


# Entries of the rows that are compared as one, a choice: of 10 to 54 features torch's `amin` takes
# 3 to 20 times as long row by row, of 300 twice as long.
REDUCED_ENTRIES = 2**11


def _reduced(X: Tensor, reduce: Callable[..., Tensor]) -> Tensor:
    """Return what ``reduce``, a minimum or a maximum, makes of the rows (B, P): (P,)."""
    n_rows, n_features = X.shape
    n_together = REDUCED_ENTRIES // n_features if n_features else 0
    if n_together < 2 or n_rows < n_together or not X.is_contiguous():
        return reduce(X, 0)
    n_whole = n_rows - n_rows % n_together
    of_whole = reduce(X[:n_whole].view(-1, n_together * n_features), 0)
    return reduce(torch.cat([of_whole.view(n_together, n_features), X[n_whole:]]), 0)


def extremes(X: Block) -> Tensor:
    """Return the smallest and the largest value (2, P) of each feature."""
    if not isinstance(X, SparseBlock):
        return torch.stack([_reduced(X, torch.amin), _reduced(X, torch.amax)])
    # By column, or SciPy would convert once for the least values and once for the largest.
    columns = in_format(X.summed, "csc")
    of_columns = (columns.min(axis=0), columns.max(axis=0))
    # Older SciPy returns a row of a matrix.
    return torch.from_numpy(np.stack([values.toarray().ravel() for values in of_columns]))


def to_dense(X: Block) -> Tensor:
    """Return a block as a tensor (B, P)."""
    return torch.from_numpy(X.csr.toarray()) if isinstance(X, SparseBlock) else X
