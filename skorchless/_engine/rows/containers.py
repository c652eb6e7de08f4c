"""Which rows a container of X becomes: the one place that asks what kind it is.

`dask_rows` registers another kind where Dask is in use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import torch
from scipy.sparse import csc_array, csr_array, issparse

from skorchless._engine.placement import Placement, as_tensor
from skorchless._engine.rows.memory import Rows, TensorRows
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.rows.streamed import device_rows


@singledispatch
def rows_of(X: Any, columns: tuple[torch.Tensor, ...], placement: Placement) -> Rows:
    """Return the rows of ``X`` (N, P), an array, a tensor or a SciPy matrix, CSR or CSC."""
    if issparse(X):
        in_format = csc_array if X.format == "csc" else csr_array
        return SparseRows(in_format(X), columns, placement)
    return device_rows(as_tensor(X), columns, placement)


def map_rows_of(
    function: Callable[[Any], torch.Tensor], X: Any, placement: Placement, *, values_per_row: int
) -> torch.Tensor:
    """Return what ``function(X_block)`` returns for each row of ``X``, in their order.

    ``function`` makes new memory, and of one block its result is returned as it is, in whatever
    order of axes. One block needs no sharing, whose preparations take as long as the logits of
    iris.
    """
    rows = rows_of(X, (), placement)
    if isinstance(rows, TensorRows) and rows.are_one_block(values_per_row):
        return function(rows[:])
    return rows.map_rows(function, values_per_row=values_per_row)
