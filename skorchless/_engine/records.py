"""Some models of a record of M: a dataclass whose tensors have the models as first axis.

A field whose metadata are `SHARED` is the same for all models, and stays whole.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

Record = TypeVar("Record")

SHARED = {"is_shared": True}


def take(tensor: Tensor, models: Tensor) -> Tensor:
    """Return ``tensor`` (M, ...) of ``models``, in the order of axes that it has in memory."""
    if tensor.ndim == 3 and tensor.stride(0) < tensor.stride(2):
        return tensor.movedim(2, 0).index_select(1, models).movedim(0, 2)
    return tensor[models]


def take_models(record: Record, models: Tensor) -> Record:
    """Return ``record`` for ``models``, an index (M',) into all M."""
    return _map_tensors(lambda tensor: take(tensor, models), record)


def put_models(record: Record, models: Tensor, other: Record) -> Record:
    """Return ``record`` with that of ``models``, an index (M',), replaced by ``other``."""
    return _map_tensors(lambda tensor, new: tensor.index_copy(0, models, new), record, other)


def _map_tensors(function: Any, record: Any, *others: Any) -> Any:
    changed = {}
    for each in fields(record):
        values = [getattr(part, each.name) for part in (record, *others)]
        if "is_shared" in each.metadata:
            continue
        if isinstance(values[0], Tensor):
            changed[each.name] = function(*values)
        elif is_dataclass(values[0]):
            changed[each.name] = _map_tensors(function, *values)
    return replace(record, **changed)
