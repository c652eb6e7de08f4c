"""Rows in host memory, or mapped into it, that a GPU too small for them reads block by block."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor

from skorchless._engine.placement import Placement
from skorchless._engine.rows import LocalRows, Rows, TensorRows

# What is left of a GPU's memory is for blocks, their scores, and the curvature.
MAX_SHARE = 0.7
# Blocks on their way to the GPU. Without a bound the host would read on, into memory that is
# locked, while the GPU computes.
MAX_IN_FLIGHT = 2


def device_rows(X: Tensor, columns: tuple[Any, ...], placement: Placement) -> Rows:
    """Return rows of ``X`` (N, P): on the device where it fits, else streamed to it."""
    if fits(X, placement.device):
        return TensorRows(X, columns, placement)
    return StreamedRows(X, columns, placement)


def fits(X: Tensor, device: torch.device) -> bool:
    """Return whether ``X`` may lie on ``device`` whole."""
    if device.type != "cuda" or X.device.type == "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    # What torch keeps of earlier fits is free too.
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return X.nbytes <= MAX_SHARE * (free + kept)


class StreamedRows(LocalRows):
    """Rows of a tensor ``X`` (N, P) in host memory; columns and blocks are on the device."""

    def __init__(self, X: Tensor, columns: tuple[Any, ...], placement: Placement) -> None:
        super().__init__(X, columns, placement)
        self._in_flight: deque[Any] = deque()

    def take(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, converted, and of each column."""
        X = self._to_device(self._X[index.cpu()]).to(self.placement.dtype)
        if append_one:
            X = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
        return (X, *(column.index_select(0, index) for column in self._columns))

    def select_features(self, features: Tensor) -> Rows:
        """Return the rows with ``features`` (P',) alone, a copy of those columns."""
        X = self._X.gather(1, features.cpu().expand(self.n_rows, -1))
        return device_rows(X, self._columns, self.placement)

    def thin(self, every: int, first: int = 0) -> Rows:
        """Return each ``every``-th row from the ``first`` on."""
        kept = slice(first, None, every)
        columns = tuple(column[kept] for column in self._columns)
        return device_rows(self._X[kept], columns, self.placement)

    def __getitem__(self, rows: slice) -> Tensor:
        """Return some rows of X (B, P), converted."""
        return self._to_device(self._X[rows]).to(self.placement.dtype)

    def _to_device(self, X: Tensor) -> Tensor:
        """Return a copy of rows on the device, in their own dtype."""
        if self.placement.device.type != "cuda":
            return X.to(self.placement.device, copy=True)
        if len(self._in_flight) == MAX_IN_FLIGHT:
            self._in_flight.popleft().synchronize()
        # From pinned memory the copy goes on while the next rows are read. torch keeps the
        # pinned memory of a block for the next one, when the copy is done.
        pinned = torch.empty(X.shape, dtype=X.dtype, pin_memory=True).copy_(X)
        on_device = pinned.to(self.placement.device, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record(torch.cuda.current_stream(self.placement.device))
        self._in_flight.append(copied)
        return on_device
