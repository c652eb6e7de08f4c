"""Rows in memory, and the one operation on rows of any kind: add up a function of each block.

The objective and the curvature call it, and do not know what kind of container holds X.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor

from skorchless._engine.placement import Placement
from skorchless._engine.products import Block, n_bytes
from skorchless._engine.rows.workers import row_slices, share

# A choice: results that wait for an earlier one, before they are added up, take at most 64 MB.
MAX_HELD_BYTES = 2**26

BlockFunction = Callable[..., tuple[Tensor, ...]]


class Rows(ABC):
    """Rows of X, with the columns (labels, row weights) that go with them.

    X (N, P) keeps its own dtype; a block is converted to ``placement.dtype`` as it is read, so
    uint8 images need no float copy. A function of a block may run in another process, and must not
    refer to the rows, which would be sent along.
    """

    placement: Placement
    n_rows: int
    n_features: int
    n_stored: int | None = None  # entries that a sparse X stores; None where X is dense
    are_in_memory: bool = False  # this process's own, on the CPU
    center: Tensor | None = None  # (P,), subtracted from each row that is read; None: nothing is

    @property
    def n_entries(self) -> int:
        """How many entries X has in memory: those that are stored, where it is sparse."""
        return self.n_rows * self.n_features if self.n_stored is None else self.n_stored

    def map_sum(
        self,
        function: BlockFunction,
        values_per_row: int | None = None,
        *,
        keeps_dtype: bool = False,
    ) -> tuple[Tensor, ...]:
        """Return the sums over row blocks of what ``function(X_block, *columns)`` returns.

        ``values_per_row`` is the number of values that the function holds for each row (the M * K
        logits): where it exceeds P, it and not P bounds the block. None: as many as X has there.
        Sums have the dtype of sums, or with ``keeps_dtype`` that of what is added up.
        """
        return self.map_reduce(function, torch.add, values_per_row, keeps_dtype=keeps_dtype)

    def map_max(self, function: BlockFunction) -> tuple[Tensor, ...]:
        """Return the entrywise maximum over row blocks of what ``function`` returns."""
        return self.map_reduce(function, torch.maximum, None)

    @abstractmethod
    def map_reduce(
        self,
        function: BlockFunction,
        combine: Callable[..., Tensor],
        values_per_row: int | None,
        *,
        keeps_dtype: bool = False,
    ) -> tuple[Tensor, ...]:
        """Return what ``combine``, add or maximum, makes of all that ``function`` returns."""

    @abstractmethod
    def map_rows(self, function: Callable[..., Tensor], values_per_row: int) -> Tensor:
        """Return what ``function(X_block, *columns)`` returns for each row, in their order."""

    def map_each(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Yield what ``function`` of an item, and of these rows, returns, in order."""
        return map(function, items)

    def are_one_block(self, values_per_row: int) -> bool:  # noqa: ARG002
        """Return whether the calling thread alone goes through all rows, on the CPU."""
        return False

    @abstractmethod
    def gather(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        """Return the rows ``index`` (B,) of X, dense and converted, and of each column.

        With ``append_one`` X has a last column of ones: what an intercept is multiplied with.
        """

    def ready_to_select(self) -> Rows:
        """Return the same rows, a sparse X by column as well: for selections and products."""
        return self

    @abstractmethod
    def select_features(self, features: Tensor) -> Rows:
        """Return the rows with ``features`` (P',) alone, a copy of those columns."""

    @abstractmethod
    def beside(self, other: Any) -> Rows:
        """Return these rows with one more column: a tensor, or X of the same rows in ``other``."""

    @abstractmethod
    def subset(self, index: Tensor) -> Rows:
        """Return the rows ``index`` (n,) alone, in ascending order."""

    @abstractmethod
    def centered(self, center: Tensor) -> Rows:
        """Return these rows less ``center`` (P,); X is dense."""


class LocalRows(Rows):
    """Rows in the memory of this process, or mapped into it."""

    def __init__(self, X: Any, columns: tuple[Any, ...], placement: Placement) -> None:
        self.placement = placement
        self.n_rows, self.n_features = X.shape
        self._X = X
        self._index: Tensor | None = None  # (n_rows,), which rows of X these are; None: all
        self.columns = tuple(_to_device(column, placement.device) for column in columns)
        self.are_in_memory = placement.device.type == "cpu"
        self._max_rows = self.n_rows  # of a block: fewer once one has not fit

    def map_reduce(
        self,
        function: BlockFunction,
        combine: Callable[..., Tensor],
        values_per_row: int | None,
        *,
        keeps_dtype: bool = False,
    ) -> tuple[Tensor, ...]:
        totals: tuple[Tensor, ...] | None = None
        for parts in self._results(function, values_per_row):
            if totals is None:
                sum_dtype = self.placement.sum_dtype
                totals = parts if keeps_dtype else tuple(part.to(sum_dtype) for part in parts)
            else:
                for total, part in zip(totals, parts, strict=True):
                    combine(total, part, out=total)
        assert totals is not None, "a Rows object has at least one row"  # noqa: S101
        return totals

    def map_rows(self, function: Callable[..., Tensor], values_per_row: int) -> Tensor:
        return torch.cat(list(self._results(function, values_per_row)))

    def map_each(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        return share(function, items, 0) if self.are_in_memory else map(function, items)

    def are_one_block(self, values_per_row: int) -> bool:
        return self.are_in_memory and self._n_blocks(values_per_row) == 1

    def whole(self) -> tuple[Any, ...]:
        """Return X, converted unless it is float64, and the columns."""
        is_as_precise = self._X.dtype == torch.float64 and self.center is None
        X = self._own_rows() if is_as_precise else self[slice(0, self.n_rows)]
        return (X, *self.columns)

    def gram(self, mean: Tensor | None) -> Tensor:
        """Return the products (N, N) of all pairs of rows less ``mean`` (P,), in dtype of sums."""
        # A part of the features at a time: of small types or a file no whole copy is made.
        X, dtype = self._own_rows(), self.placement.sum_dtype
        step = max(1, self.placement.block_sizes.gram_entries // max(1, self.n_rows))
        total = torch.zeros(self.n_rows, self.n_rows, dtype=dtype, device=self.placement.device)
        center = torch.zeros(self.n_features, dtype=dtype, device=total.device)
        for part in (self.center, mean):
            if part is not None:
                center += part

        def product(features: slice) -> Tensor:
            of_features = X[:, features].to(total.device, dtype) - center[features]
            return of_features @ of_features.T

        parts = [slice(start, start + step) for start in range(0, self.n_features, step)]
        for part in share(product, parts, 1):
            total += part
        return total

    def beside(self, other: Any) -> Rows:
        return self._with(columns=(*self.columns, _to_device(other, self.placement.device)))

    def subset(self, index: Tensor) -> Rows:
        # X itself stays as it is: a copy of nearly all rows could be more than memory holds.
        index = index.to(self._X.device)
        return self._with(
            n_rows=len(index),
            _index=index if self._index is None else self._index[index],
            columns=self._columns_of(index),
        )

    def centered(self, center: Tensor) -> Rows:
        return self._with(center=center.to(self.placement.device, self.placement.dtype))

    def _with(self, **state: Any) -> Self:
        # Not `copy`, which calls `__getstate__`: that copies the rows of a subset.
        other = object.__new__(type(self))
        vars(other).update({**vars(self), **state})
        return other

    def _columns_of(self, index: Tensor) -> tuple[Tensor, ...]:
        return tuple(column.index_select(0, index.to(column.device)) for column in self.columns)

    def _columns_in(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Return the columns, row weights among them, with numbers of ``dtype``."""
        return tuple(c.to(dtype) if c.is_floating_point() else c for c in self.columns)

    def _own_rows(self) -> Any:
        """Return these rows of X, in its own dtype: X itself where they are all of it."""
        return self._X if self._index is None else gather_rows(self._X, self._index)

    def _block(self, rows: slice) -> Tensor:
        return self._X[rows] if self._index is None else gather_rows(self._X, self._index[rows])

    def __sizeof__(self) -> int:
        """Return the bytes of X and its columns, by which a cluster decides where to compute."""
        of_X = n_bytes(self._X) * self.n_rows // max(1, self._X.shape[0])
        return of_X + sum(n_bytes(column) for column in self.columns)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to send to another process: of a view its own rows alone."""
        # torch would send all memory behind a view: 200 MB in place of the 200 kB of thinned
        # rows, 1.2 s of a fit of 8 s.
        columns = tuple(_without_rest(column) for column in self.columns)
        X = _without_rest(self._own_rows())
        return {**vars(self), "_X": X, "_index": None, "columns": columns}

    def _results(self, function: Callable[..., Any], values_per_row: int | None) -> Iterator[Any]:
        """Yield what ``function`` returns for each block, in their order."""
        if not self.are_in_memory:
            return self._results_of_device(function, values_per_row)
        blocks = self._blocks(values_per_row)
        if len(blocks) == 1:
            return iter([self._call(function, blocks[0])])
        n_entries = (self.n_features + 1) * (values_per_row or self.n_features)
        max_ahead = MAX_HELD_BYTES // (n_entries * self.placement.sum_dtype.itemsize)
        return share(partial(self._call, function), blocks, max_ahead)

    def _blocks(self, values_per_row: int | None) -> list[slice]:
        """Return the blocks of all rows: the same whatever the number of workers."""
        n_blocks = min(self.n_rows, self._n_blocks(values_per_row))
        ends = [self.n_rows * i // n_blocks for i in range(n_blocks + 1)]
        return [slice(*block) for block in pairwise(ends)]

    def _n_blocks(self, values_per_row: int | None) -> int:
        placement = self.placement
        return placement.block_sizes.n_row_blocks(
            self.n_rows, self.n_features, values_per_row, placement.dtype.itemsize
        )

    def _call(self, function: Callable[..., Any], block: slice) -> Any:
        columns = self.columns
        # A slice of each tensor takes longer than a product with few rows.
        is_whole = block.start == 0 and block.stop >= self.n_rows
        if not is_whole or not all(isinstance(column, Tensor) for column in columns):
            columns = tuple(column[block] for column in columns)
        return function(self[block], *columns)

    def _results_of_device(
        self, function: Callable[..., Any], values_per_row: int | None
    ) -> Iterator[Any]:
        """Yield what ``function`` returns for each block, halved where a device has no memory."""
        sizes = self.placement.block_sizes
        values = sizes.gpu_block_bytes // self.placement.dtype.itemsize
        n_rows = values // max(1, self.n_features, values_per_row or 0)
        step, start = min(max(sizes.min_block_rows, n_rows), self._max_rows), 0
        while start < self.n_rows:
            result = self._call_in_memory(function, slice(start, start + step))
            if result is not None:
                start += step
                yield result
            elif step > 1:
                self._max_rows = step = step // 2
            else:
                raise MemoryError(
                    f"{self.placement.device} has too little memory left for the logits and "
                    f"gradients of a single row of {self.n_features} features."
                )

    def _call_in_memory(self, function: Callable[..., Any], block: slice) -> Any:
        # None where a device has no memory left. Not raised again: an exception would hold on to
        # the memory of the failed call.
        try:
            return self._call(function, block)
        except torch.OutOfMemoryError:
            return None

    @abstractmethod
    def __getitem__(self, rows: slice) -> Block:
        """Return some rows of X, converted."""


class TensorRows(LocalRows):
    """Rows of a tensor ``X`` (N, P); ``columns`` are tensors whose first axis is N."""

    def __init__(self, X: Tensor, columns: tuple[Any, ...], placement: Placement) -> None:
        super().__init__(X.to(placement.device), columns, placement)

    def gather(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        dtype = self.placement.dtype
        X = self._X.new_empty(len(index), self.n_features + int(append_one), dtype=dtype)
        features = X[:, : self.n_features]
        X[:, self.n_features :] = 1.0
        index = index.to(self._X.device)
        of_X = index if self._index is None else self._index[index]
        if self._X.dtype is dtype:
            torch.index_select(self._X, 0, of_X, out=features)
        else:
            features.copy_(gather_rows(self._X, of_X))
        if self.center is not None:
            features -= self.center
        return (X, *self._columns_of(index))

    def rounded(self, dtype: torch.dtype, *, is_copied: bool) -> Rows:
        """Return these rows to be read in ``dtype``, of which there is a copy if ``is_copied``."""
        placement = replace(self.placement, dtype=dtype)
        columns = self._columns_in(dtype)
        if not is_copied:
            return self._with(placement=placement, columns=columns)
        X = self._own_rows()
        rounded = torch.empty(X.shape, dtype=dtype, device=X.device)
        slices = row_slices(X)
        deque(share(lambda rows: rounded[rows].copy_(X[rows]), slices, len(slices)), maxlen=0)
        return TensorRows(rounded, columns, placement)

    def select_features(self, features: Tensor) -> Rows:
        X = gather_columns(self._own_rows(), features)
        rows = TensorRows(X, self.columns, self.placement)
        return rows if self.center is None else rows.centered(self.center[features])

    def __getitem__(self, rows: slice) -> Tensor:
        X = self._block(rows).to(self.placement.dtype)
        return X if self.center is None else X - self.center


# torch has few operations for unsigned integers of more than one byte. Signed ones of the same
# width hold the same bits.
SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def gather_rows(X: Tensor, index: Tensor) -> Tensor:
    """Return the rows ``index`` (n,) of ``X`` (N, P), in its own dtype."""
    return _signed(X).index_select(0, index).view(X.dtype)


def gather_columns(X: Tensor, features: Tensor) -> Tensor:
    """Return the columns ``features`` (P',) of ``X`` (N, P), in its own dtype."""
    # Not index_select, which takes seven times as long for a hundred of 5,000 columns.
    return _signed(X).gather(1, features.expand(len(X), -1)).view(X.dtype)


def _signed(X: Tensor) -> Tensor:
    return X.view(SIGNED.get(X.dtype, X.dtype))


def _without_rest(array: Any) -> Any:
    is_view = isinstance(array, Tensor) and array.untyped_storage().nbytes() > array.nbytes
    return array.clone() if is_view else array


def _to_device(column: Any, device: torch.device) -> Any:
    # X of other rows is there already.
    return column.to(device) if isinstance(column, Tensor) else column
