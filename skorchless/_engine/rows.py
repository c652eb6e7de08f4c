"""Where rows live, and the one operation on them: map a function over blocks and add up.

The objective and the preconditioner call it; what kind of container holds X ends here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from skorchless._engine.placement import Placement

# A block that stays in a core's L2 cache between the two products of a pass: blocks of about
# 2 MiB run a pass over MNIST (10 classes, 2 cores) in 30 ms, the whole matrix at once in 56 ms.
CPU_BLOCK_BYTES = 2 * 2**20
# A GPU wants few large kernels; the bound keeps the logits and a converted block small.
GPU_BLOCK_BYTES = 256 * 2**20
MIN_BLOCK_ROWS = 64

BlockFunction = Callable[..., tuple[Tensor, ...]]


class TensorRows:
    """Rows of a tensor, with the columns (labels, row weights) that go with them.

    ``X`` (N, P) keeps its own dtype; a block is converted to ``placement.dtype`` as it is read,
    so uint8 images need no float copy. ``columns`` are tensors whose first axis is N.
    """

    def __init__(self, X: Tensor, columns: tuple[Tensor, ...], placement: Placement) -> None:
        self.placement = placement
        self.n_rows, self.n_features = X.shape
        self._X = X.to(placement.device)
        self._columns = tuple(column.to(placement.device) for column in columns)

    def map_sum(self, function: BlockFunction, n_outputs: int = 1) -> tuple[Tensor, ...]:
        """Return the sums over row blocks of what ``function(X_block, *columns)`` returns.

        ``n_outputs`` is the number of values that the function holds for each row (the M * K
        logits): where it exceeds P, it and not P bounds the block.
        """
        sums: tuple[Tensor, ...] | None = None
        step = self._block_rows(n_outputs)
        for start in range(0, self.n_rows, step):
            block = slice(start, start + step)
            X = self._X[block].to(self.placement.dtype)  # (B, P)
            parts = function(X, *(column[block] for column in self._columns))
            parts = tuple(part.to(self.placement.sum_dtype) for part in parts)
            sums = parts if sums is None else tuple(map(torch.add, sums, parts))
        assert sums is not None, "a Rows object has at least one row"  # noqa: S101
        return sums

    def map_rows(self, function: Callable[[Tensor], Tensor], n_outputs: int) -> Tensor:
        """Return what ``function(X_block)`` returns for each row, in the order of the rows."""
        step = self._block_rows(n_outputs)
        dtype = self.placement.dtype
        return torch.cat([function(block.to(dtype)) for block in torch.split(self._X, step)])

    def take(self, index: Tensor) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, converted, and of each column."""
        X = self._X.index_select(0, index).to(self.placement.dtype)  # (B, P)
        return (X, *(column.index_select(0, index) for column in self._columns))

    def thin(self, every: int) -> TensorRows:
        """Return a view of each ``every``-th row."""
        columns = tuple(column[::every] for column in self._columns)
        return TensorRows(self._X[::every], columns, self.placement)

    def _block_rows(self, n_outputs: int) -> int:
        """Return the number of rows of a block."""
        on_cpu = self.placement.device.type == "cpu"
        block_bytes = CPU_BLOCK_BYTES if on_cpu else GPU_BLOCK_BYTES
        row_bytes = max(self.n_features, n_outputs) * self.placement.dtype.itemsize
        return max(MIN_BLOCK_ROWS, block_bytes // row_bytes)
