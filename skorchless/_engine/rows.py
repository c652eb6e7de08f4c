"""Where rows live, and the one operation on them: map a function over blocks and add up.

The objective and the curvature call it; what kind of container holds X ends here. What a block of
X is, its rows alone know: they multiply it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from skorchless._engine.placement import Placement

# A block has one part for each core, and a part stays in its core's cache between the two
# products of a pass: over the whole of MNIST at once (10 classes, 2 cores) they take 56 ms.
CPU_PART_BYTES = 3 * 2**19
# A GPU wants few large kernels; the bound keeps the logits and a converted block small.
GPU_BLOCK_BYTES = 256 * 2**20
MIN_PART_ROWS = 64

Block = Any  # of X (B, P): a tensor, or what else the rows can multiply
BlockFunction = Callable[..., tuple[Tensor, ...]]


class Rows(ABC):
    """Rows of X, with the columns (labels, row weights) that go with them.

    X (N, P) keeps its own dtype; a block is converted to ``placement.dtype`` as it is read, so
    uint8 images need no float copy.
    """

    placement: Placement
    n_rows: int
    n_features: int
    n_parts: int  # among which a product is shared

    def map_sum(self, function: BlockFunction, n_outputs: int = 1) -> tuple[Tensor, ...]:
        """Return the sums over row blocks of what ``function(X_block, *columns)`` returns.

        ``n_outputs`` is the number of values that the function holds for each row (the M * K
        logits): where it exceeds P, it and not P bounds the block.
        """
        sums: tuple[Tensor, ...] | None = None
        for block in self._blocks(n_outputs):
            parts = function(*block)
            if sums is None:
                sums = tuple(part.to(self.placement.sum_dtype) for part in parts)
            else:
                for total, part in zip(sums, parts, strict=True):
                    total += part
        assert sums is not None, "a Rows object has at least one row"  # noqa: S101
        return sums

    def map_rows(self, function: Callable[..., Tensor], n_outputs: int) -> Tensor:
        """Return what ``function(X_block, *columns)`` returns for each row, in their order."""
        return torch.cat([function(*block) for block in self._blocks(n_outputs)])

    @abstractmethod
    def _blocks(self, n_outputs: int) -> Iterator[tuple[Any, ...]]:
        """Yield X, converted, and the columns of each block."""

    @abstractmethod
    def scores(self, X: Block, W: Tensor) -> Tensor:
        """Return the scores (parts, K', B / parts) of a block for the weights ``W`` (K', D)."""

    @abstractmethod
    def weighted_sum(self, X: Block, weights: Tensor) -> Tensor:
        """Return the sums (K', P) of a block's rows by ``weights`` (parts, K', B / parts)."""

    @abstractmethod
    def squares_about(self, X: Block, center: Tensor, weights: Tensor) -> Tensor:
        """Return the sums (P,) of squares about ``center`` (P,), by ``weights`` (B,)."""

    @abstractmethod
    def extremes(self, X: Block) -> Tensor:
        """Return the smallest and the largest value (2, P) of each feature."""

    @abstractmethod
    def dense(self, X: Block) -> Tensor:
        """Return a block as a tensor (B, P)."""

    @abstractmethod
    def take(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, dense and converted, and of each column.

        With ``append_one`` X has a last column of ones: what an intercept is multiplied with.
        """

    @abstractmethod
    def select_features(self, features: Tensor) -> Rows:
        """Return the rows with ``features`` (P',) alone, a copy of those columns."""

    @abstractmethod
    def beside(self, other: Rows) -> Rows:
        """Return these rows with X of the same rows in ``other`` for one more column, as it is."""

    @abstractmethod
    def thin(self, every: int) -> Rows:
        """Return each ``every``-th row."""


class TensorRows(Rows):
    """Rows of a tensor ``X`` (N, P); ``columns`` are tensors whose first axis is N."""

    def __init__(self, X: Tensor, columns: tuple[Tensor, ...], placement: Placement) -> None:
        self.placement = placement
        self.n_rows, self.n_features = X.shape
        # A GPU divides a product by itself.
        self.n_parts = torch.get_num_threads() if placement.device.type == "cpu" else 1
        self._X = X.to(placement.device)
        self._columns = tuple(column.to(placement.device) for column in columns)

    def scores(self, X: Tensor, W: Tensor) -> Tensor:
        """Return the scores (parts, K', B / parts) of a block for the weights ``W`` (K', D)."""
        # Rows of scores, not columns: a reduction over classes then runs along contiguous
        # memory, and the gradient is `residual @ X`, three times faster than `X.T @ residual`.
        X = self._in_parts(X.to(W.dtype))
        W = W.expand(len(X), -1, -1)
        if W.shape[2] == X.shape[2]:
            return torch.bmm(W, X.mT)
        return torch.baddbmm(W[..., X.shape[2] :], W[..., : X.shape[2]], X.mT)

    def weighted_sum(self, X: Tensor, weights: Tensor) -> Tensor:
        """Return the sums (K', P) of a block's rows by ``weights`` (parts, K', B / parts)."""
        return torch.bmm(weights, X.view(len(weights), weights.shape[2], X.shape[1])).sum(0)

    def squares_about(self, X: Tensor, center: Tensor, weights: Tensor) -> Tensor:
        """Return the sums (P,) of squares about ``center`` (P,), by ``weights`` (B,)."""
        return ((X - center) * weights.sqrt()[:, None]).square().sum(0)

    def extremes(self, X: Tensor) -> Tensor:
        """Return the smallest and the largest value (2, P) of each feature."""
        return torch.stack([X.amin(0), X.amax(0)])

    def dense(self, X: Tensor) -> Tensor:
        """Return a block as a tensor (B, P)."""
        return X

    def take(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, converted, and of each column.

        With ``append_one`` X has a last column of ones: what an intercept is multiplied with.
        """
        dtype = self.placement.dtype
        X = self._X.new_empty(len(index), self.n_features + int(append_one), dtype=dtype)
        features = X[:, : self.n_features]
        X[:, self.n_features :] = 1.0
        if self._X.dtype is dtype:
            torch.index_select(self._X, 0, index, out=features)
        else:
            features.copy_(self._X.index_select(0, index))
        return (X, *(column.index_select(0, index) for column in self._columns))

    def select_features(self, features: Tensor) -> Rows:
        """Return the rows with ``features`` (P',) alone, a copy of those columns."""
        # Not index_select, which takes seven times as long for a hundred of 5,000 columns.
        X = self._X.gather(1, features.expand(self.n_rows, -1))
        return TensorRows(X, self._columns, self.placement)

    def beside(self, other: Rows) -> Rows:
        """Return these rows with X of the same rows in ``other`` for one more column, as it is."""
        assert isinstance(other, TensorRows)  # noqa: S101
        return TensorRows(self._X, (*self._columns, other._X), self.placement)

    def thin(self, every: int) -> Rows:
        """Return a view of each ``every``-th row."""
        columns = tuple(column[::every] for column in self._columns)
        return TensorRows(self._X[::every], columns, self.placement)

    def _in_parts(self, X: Tensor) -> Tensor:
        """Return a view (parts, B, P) of rows ``X`` (N', P), one part a core."""
        # Ten columns are too few to share a product among cores well; the rows are many. Each
        # core takes the product of its own rows: a pass over MNIST takes 28 ms for 38 ms.
        n_parts = self.n_parts if len(X) % self.n_parts == 0 else 1
        return X.view(n_parts, len(X) // n_parts, X.shape[1])

    def _blocks(self, n_outputs: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield X (B, P), converted, and the columns of each block."""
        step = self._block_rows(n_outputs)
        for start in range(0, self.n_rows, step):
            block = slice(start, start + step)
            X = self._X[block].to(self.placement.dtype)
            yield (X, *(column[block] for column in self._columns))

    def _block_rows(self, n_outputs: int) -> int:
        """Return the number of rows of a block, the same for each core."""
        on_cpu = self.placement.device.type == "cpu"
        part_bytes = CPU_PART_BYTES if on_cpu else GPU_BLOCK_BYTES
        row_bytes = max(self.n_features, n_outputs) * self.placement.dtype.itemsize
        return self.n_parts * max(MIN_PART_ROWS, part_bytes // row_bytes)
