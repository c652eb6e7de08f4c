"""Rows in host memory, or mapped into it, that a GPU too small for them reads block by block."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor

from skorchless._engine.placement import Placement
from skorchless._engine.rows.memory import LocalRows, Rows, TensorRows, gather_columns, gather_rows

# A choice: the rest of a GPU's memory is for blocks, their logits, and the curvature.
MAX_SHARE = 0.7
# Blocks on their way to the GPU: one is read while another is copied. Without a bound the host
# would read on, into memory that is locked, while the GPU computes.
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

    def gather(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        X = self._read(gather_rows(self._X, self._of_X(index)))
        if append_one:
            X = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
        return (X, *self._columns_of(index))

    def select_features(self, features: Tensor) -> Rows:
        X = gather_columns(self._own_rows(), features.cpu())
        rows = device_rows(X, self.columns, self.placement)
        return rows if self.center is None else rows.centered(self.center[features])

    def subset(self, index: Tensor) -> Rows:
        """Return the rows ``index`` (n,) alone, on the device if they fit."""
        if not fits(self._X[: len(index)], self.placement.device):
            return super().subset(index)
        X = gather_rows(self._X, self._of_X(index))
        rows = TensorRows(X, self._columns_of(index), self.placement)
        return rows if self.center is None else rows.centered(self.center)

    def __getitem__(self, rows: slice) -> Tensor:
        return self._read(self._block(rows))

    def _of_X(self, index: Tensor) -> Tensor:
        index = index.cpu()
        return index if self._index is None else self._index[index]

    def _read(self, X: Tensor) -> Tensor:
        X = self._to_device(X).to(self.placement.dtype)
        return X if self.center is None else X - self.center

    def _to_device(self, X: Tensor) -> Tensor:
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
