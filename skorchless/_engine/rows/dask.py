"""Rows on a cluster: the same functions, sent to where each partition of X lives.

Needs Dask, of the extra ``dask``; it runs on whatever scheduler Dask is set to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import dask
import numpy as np
import torch
from dask.delayed import Delayed, delayed
from torch import Tensor

from skorchless._cores import shared_among_cores
from skorchless._engine.placement import Placement
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.memory import BlockFunction, Rows


class DaskMatrix:
    """X (N, P) in ``parts``, tasks that return arrays or CSR matrices of some rows."""

    cpu_kind = "Dask"

    def __init__(
        self, parts: Sequence[Delayed], lengths: Sequence[int], n_features: int, dtype: Any
    ) -> None:
        self.parts = parts
        self.lengths = lengths
        self.shape = (sum(lengths), n_features)
        self.dtype = dtype

    def __getitem__(self, index: np.ndarray[Any, Any]) -> DaskMatrix:
        """Return the rows ``index``, in ascending order."""
        starts = np.cumsum([0, *self.lengths])
        chosen = [
            index[(index >= start) & (index < end)] - start for start, end in pairwise(starts)
        ]
        parts = [part[rows] for part, rows in zip(self.parts, chosen, strict=True)]
        return DaskMatrix(parts, [len(rows) for rows in chosen], self.shape[1], self.dtype)


@rows_of.register
def _(X: DaskMatrix, columns: tuple[()], placement: Placement) -> Rows:
    parts = [delayed(rows_of)(part, columns, placement) for part in X.parts]
    return DaskRows(parts, X.lengths, X.shape[1], placement)


class DaskRows(Rows):
    """Rows in ``parts``, tasks that return `LocalRows` with ``lengths`` rows.

    A partition that is lost with its worker is computed anew, by Dask, from where it came from.
    """

    def __init__(
        self,
        parts: Sequence[Delayed],
        lengths: Sequence[int],
        n_features: int,
        placement: Placement,
    ) -> None:
        filled = [(part, n) for part, n in zip(parts, lengths, strict=True) if n]
        self._parts = [part for part, _ in filled]
        self._lengths = [n for _, n in filled]
        self.n_rows = sum(self._lengths)
        self.n_features = n_features
        self.placement = placement

    def map_reduce(
        self,
        function: BlockFunction,
        combine: Callable[..., Tensor],
        values_per_row: int | None,
        *,
        keeps_dtype: bool = False,
    ) -> tuple[Tensor, ...]:
        # One task of its own, not a copy of the weights in each that needs them.
        function = delayed(function, pure=False, traverse=False)
        results = [
            _call(part, "map_reduce", function, combine, values_per_row, keeps_dtype=keeps_dtype)
            for part in self._parts
        ]
        fan_in = self.placement.block_sizes.fan_in
        while len(results) > 1:
            results = [
                _combined(results[i : i + fan_in], combine) for i in range(0, len(results), fan_in)
            ]
        (totals,) = dask.compute(*results)
        return totals

    def map_rows(self, function: Callable[..., Tensor], values_per_row: int) -> Tensor:
        function = delayed(function, pure=False, traverse=False)
        parts = [_call(part, "map_rows", function, values_per_row) for part in self._parts]
        return torch.cat(dask.compute(*parts))

    def gather(self, index: Tensor, *, append_one: bool = False) -> tuple[Tensor, ...]:
        order = index.argsort(stable=True)
        taken = [
            _call(part, "gather", rows, append_one=append_one)
            for part, rows in zip(self._parts, self._by_part(index[order]), strict=True)
            if len(rows)
        ]
        back = order.argsort()
        columns = zip(*dask.compute(*taken), strict=True)
        return tuple(torch.cat(column)[back] for column in columns)

    def _by_part(self, index: Tensor) -> list[Tensor]:
        """Return which of the rows ``index`` (B,), in ascending order, each partition has."""
        ends = torch.tensor(self._lengths).cumsum(0)
        chosen = torch.tensor_split(index, torch.searchsorted(index.contiguous(), ends)[:-1])
        starts = [0, *ends.tolist()]
        return [rows - start for rows, start in zip(chosen, starts, strict=False)]

    def ready_to_select(self) -> Rows:
        parts = dask.persist(*(_call(part, "ready_to_select") for part in self._parts))
        return self._like(parts, self._lengths, self.n_features)

    def select_features(self, features: Tensor) -> Rows:
        chosen = delayed(features, pure=False, traverse=False)
        parts = dask.persist(*(_call(part, "select_features", chosen) for part in self._parts))
        rows = self._like(parts, self._lengths, len(features))
        rows.center = None if self.center is None else self.center[features]
        return rows

    def beside(self, other: Any) -> Rows:
        of_others: Any  # cloned, because a view would be sent with all the memory behind it
        if isinstance(other, DaskRows):
            of_others = other._parts
        else:
            of_others = [part.clone() for part in other.split(self._lengths)]
        parts = [
            part.beside(of_other) for part, of_other in zip(self._parts, of_others, strict=True)
        ]
        return self._like(parts, self._lengths, self.n_features)

    def subset(self, index: Tensor) -> Rows:
        chosen = self._by_part(index)
        parts = [
            _call(part, "subset", rows) for part, rows in zip(self._parts, chosen, strict=True)
        ]
        return self._like(parts, [len(rows) for rows in chosen], self.n_features)

    def centered(self, center: Tensor) -> Rows:
        parts = [_call(part, "centered", center) for part in self._parts]
        rows = self._like(parts, self._lengths, self.n_features)
        rows.center = center.to(self.placement.dtype)
        return rows

    def _like(self, parts: Sequence[Delayed], lengths: Sequence[int], n_features: int) -> DaskRows:
        rows = DaskRows(parts, lengths, n_features, self.placement)
        rows.center = self.center
        return rows


@delayed(pure=False)
@shared_among_cores
def _call(part: Rows, method: str, *args: Any, **options: Any) -> Any:
    return getattr(part, method)(*args, **options)


@delayed(pure=False)
@shared_among_cores
def _combined(
    results: list[tuple[Tensor, ...]], combine: Callable[..., Tensor]
) -> tuple[Tensor, ...]:
    total, *others = results
    for other in others:
        total = tuple(combine(a, b) for a, b in zip(total, other, strict=True))
    return total
