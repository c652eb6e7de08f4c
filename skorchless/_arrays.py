"""What every folder knows of arrays: their type, and how any of them becomes NumPy.

Arrays of CuPy, JAX and other array API namespaces are read as NumPy or torch without a copy. torch
is imported where an array needs it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def is_tensor(array: Any) -> bool:
    """Return whether ``array`` is a tensor of torch's."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def is_foreign(array: Any) -> bool:
    """Return whether ``array`` is of an array API namespace other than NumPy's and torch's."""
    is_known = isinstance(array, np.ndarray | np.generic) or is_tensor(array)
    return not is_known and hasattr(array, "__array_namespace__")


def is_dask(array: Any) -> bool:
    """Return whether ``array`` is a Dask collection; there is none before Dask is imported."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(array)


def as_known(array: Any) -> Any:
    """Return a foreign array as NumPy, or as a tensor where it is on a GPU; others as they are."""
    if not is_foreign(array):
        return array
    from torch.utils.dlpack import from_dlpack as tensor_from_dlpack

    # NumPy first, because it keeps read-only memory read-only. torch reads other devices and
    # bfloat16, which NumPy cannot.
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


def to_numpy(array: Any) -> Any:
    """Return a tensor, a foreign array, or pandas' nullable integers or bools as NumPy.

    All else is returned as it is.
    """
    array = as_known(array)
    if is_tensor(array):
        return array.detach().cpu().numpy()
    # scikit-learn would convert nullable integers to float64, in which labels beyond 2**53 merge.
    dtype = _numpy_dtype(array)
    is_exact = dtype is not None and dtype.kind in "iub" and not np.any(np.asarray(array.isna()))
    return array.to_numpy(dtype=dtype) if is_exact else array


def _numpy_dtype(array: Any) -> np.dtype[Any] | None:
    """Return NumPy's counterpart of the nullable pandas dtype of a column or one-column frame."""
    dtypes: Any = getattr(array, "dtypes", getattr(array, "dtype", None))
    dtype = dtypes.iloc[0] if hasattr(dtypes, "iloc") and len(dtypes) == 1 else dtypes
    return getattr(dtype, "numpy_dtype", None)
