"""Arrays of CuPy, JAX and other array API namespaces, read as NumPy or torch without a copy.

`_inputs` calls it for whatever a user hands over; nothing after it sees another namespace.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.dlpack import from_dlpack as tensor_from_dlpack


def is_foreign(array: Any) -> bool:
    """Return whether ``array`` is of an array API namespace other than NumPy's and torch's."""
    is_known = isinstance(array, np.ndarray | np.generic | torch.Tensor)
    return not is_known and hasattr(array, "__array_namespace__")


def as_known(array: Any) -> Any:
    """Return a foreign array as NumPy, or as a tensor where it is on a GPU; others as they are."""
    if not is_foreign(array):
        return array
    # NumPy first: it knows which memory is read-only. torch reads what NumPy cannot: other
    # devices, and bfloat16.
    for from_dlpack in (np.from_dlpack, tensor_from_dlpack):
        try:
            return from_dlpack(array)
        except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
            reason = error
    kind = f"{type(array).__module__}.{type(array).__qualname__}"
    raise TypeError(
        f"An array of type {kind} is read by DLPack, which fails for this one ({reason}): pass "
        "a NumPy array or a torch tensor instead."
    ) from reason
