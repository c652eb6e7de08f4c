"""Rows in host memory, or mapped into it, that a GPU too small for them reads block by block."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from skorchless._engine.placement import Placement
from skorchless._engine.rows import LocalRows, Rows, TensorRows

# What is left of a GPU's memory is for blocks, their scores, and the curvature.
MAX_SHARE = 0.7


def fits(X: Tensor, device: torch.device) -> bool:
    """Return whether ``X`` may lie on ``device`` whole."""
    if device.type != "cuda" or X.device == device:
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return X.nbytes <= MAX_SHARE * free


class StreamedRows(TensorRows):
    """Rows of a tensor ``X`` (N, P) in host memory; columns and blocks are on the device."""

    def __init__(self, X: Tensor, columns: tuple[Any, ...], placement: Placement) -> None:
        of_none = TensorRows(X[:0], columns, placement)  # the columns, on the device
        LocalRows.__init__(self, X, of_none._columns, placement)

    def take(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, converted, and of each column."""
        X = self._to_device(self._X[index.cpu()])
        rows = TensorRows(X, (), self.placement)
        (X,) = rows.take(torch.arange(len(index), device=X.device), append_one=append_one)
        return (X, *(column.index_select(0, index) for column in self._columns))

    def select_features(self, features: Tensor) -> Rows:
        """Return the rows with ``features`` (P',) alone, a copy of those columns."""
        X = self._X.gather(1, features.cpu().expand(self.n_rows, -1))
        kind = TensorRows if fits(X, self.placement.device) else StreamedRows
        return kind(X, self._columns, self.placement)

    def __getitem__(self, rows: slice) -> Tensor:
        """Return some rows of X (B, P), converted."""
        return self._to_device(self._X[rows]).to(self.placement.dtype)

    def _to_device(self, X: Tensor) -> Tensor:
        """Return a copy of rows on the device, in their own dtype."""
        # From pinned memory the copy goes on while the next rows are read. torch keeps the
        # pinned memory of a block for the next one, when the copy is done.
        is_cuda = self.placement.device.type == "cuda"
        pinned = torch.empty(X.shape, dtype=X.dtype, pin_memory=is_cuda).copy_(X)
        return pinned.to(self.placement.device, non_blocking=True)
