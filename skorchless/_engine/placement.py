"""Where arithmetic happens and in which precision: estimators decide it here, once.

No global setting of torch is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse

from skorchless._engine.costs import Costs
from skorchless._engine.rows.block_sizes import BlockSizes

FLOAT_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_NAMED = {np.dtype(name): dtype for name, dtype in FLOAT_DTYPES.items()}
# float32 tells whole numbers apart up to 2**24: a Unix time in seconds would be off by a minute.
WIDE_INTEGERS = (torch.int32, torch.int64, torch.uint32, torch.uint64)
# The dtypes that a tensor X may have: not float8, complex, quantised or bit types.
TENSOR_DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
    *(torch.int8, torch.uint8, torch.int16, torch.uint16, *WIDE_INTEGERS),
)


@dataclass(frozen=True)
class Placement:
    """The device, the dtype of products with X, the dtype of sums over blocks, and the costs."""

    device: torch.device
    dtype: torch.dtype
    sum_dtype: torch.dtype
    costs: Costs = Costs()
    block_sizes: BlockSizes = BlockSizes()


def available_devices() -> list[str]:
    """Return the names of the devices of this machine, the CPU first."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def resolve_device(device: str | torch.device, X: Any) -> torch.device:
    """Return the device that a fit on ``X`` uses; raise if it is asked for and not there."""
    if isinstance(device, str) and device.lower() == "auto":
        if isinstance(X, torch.Tensor):
            return X.device
        if _cpu_kind(X):
            return torch.device("cpu")
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = available_devices()
    resolved = _named(device)
    # "cuda" without a number is the current CUDA device, so "cuda:0" must be there.
    name = "cuda:0" if str(resolved) == "cuda" else str(resolved)
    if resolved is None or name not in available:
        raise ValueError(
            f"device={str(device)!r} is not available; this machine has: {', '.join(available)}. "
            "device='auto' takes one of these."
        )
    if (kind := _cpu_kind(X)) and resolved.type != "cpu":
        raise ValueError(
            f"A {kind} X is computed on the CPU, not on device={str(device)!r}. Use device='auto'."
        )
    return resolved


def _named(device: str | torch.device) -> torch.device | None:
    """Return the device of a name in any case; "cpu:0" is the CPU, None is no device."""
    try:
        named = torch.device(device.lower() if isinstance(device, str) else device)
    except RuntimeError:
        return None
    is_only_one = named.type in ("cpu", "mps") and named.index == 0
    return torch.device(named.type) if is_only_one else named


def _cpu_kind(X: Any) -> str | None:
    """Return the kind of an X that is computed on the CPU alone, else None."""
    return "sparse" if issparse(X) else getattr(X, "cpu_kind", None)


def dtype_of(X: Any) -> torch.dtype:
    """Return torch's name for the dtype of an array, a tensor or a SciPy matrix."""
    if isinstance(X, torch.Tensor):
        return X.dtype
    # NumPy makes the name anew each time, in 4 us.
    dtype: torch.dtype = _NAMED.get(X.dtype) or getattr(torch, X.dtype.name)
    return dtype


def exact_float_dtype(X_dtype: torch.dtype) -> torch.dtype:
    """Return float32 where it holds each value of ``X_dtype`` exactly, else float64.

    float64 holds 64-bit integers exactly up to 2**53.
    """
    return torch.float64 if X_dtype in (torch.float64, *WIDE_INTEGERS) else torch.float32


def resolve_dtype(dtype: Any, X_dtype: torch.dtype) -> torch.dtype:
    """Return float32 or float64: as asked, else the one that holds X."""
    if dtype is None:
        return exact_float_dtype(X_dtype)
    name = str(dtype).removeprefix("torch.") if isinstance(dtype, torch.dtype) else _name(dtype)
    if name not in FLOAT_DTYPES:
        raise ValueError(f"dtype={dtype!r} is not supported; use None, 'float32' or 'float64'.")
    return FLOAT_DTYPES[name]


def _name(dtype: Any) -> str | None:
    try:
        return np.dtype(dtype).name
    except TypeError:
        return None


def place(device: torch.device, dtype: torch.dtype) -> Placement:
    """Return the placement of a computation on ``device`` in ``dtype``, with default costs."""
    if device.type == "mps" and dtype is torch.float64:
        raise ValueError("device='mps' has no float64; pass dtype='float32' or device='cpu'.")
    # Sums of 50,000 float32 terms lose the digits that a line search compares, so blocks are
    # added up in float64; Apple's GPUs have none.
    sum_dtype = torch.float32 if device.type == "mps" else torch.float64
    return Placement(device, dtype, sum_dtype)


def place_beside(X: Any, placement: Placement) -> Placement:
    """Return ``placement``, or the CPU for rows ``X`` of a kind that is computed there alone."""
    return place(torch.device("cpu"), placement.dtype) if _cpu_kind(X) else placement


def as_tensor(array: Any) -> torch.Tensor:
    """Return ``array`` as a tensor that shares its memory wherever torch can read it."""
    if isinstance(array, torch.Tensor):
        return array.detach()
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if any(stride < 0 for stride in array.strides):
        array = array.copy()  # ascontiguousarray keeps the strides of a single row
    return torch.from_numpy(_as_writeable_view(array))


class _WriteableView:
    """Present the memory of a read-only array as writeable, to read from it."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self.owner = array


def _as_writeable_view(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a view that torch takes without a warning; the engine never writes into X."""
    # joblib hands workers read-only memory maps. torch warns about each of them, and a copy
    # would double the memory of the largest fits.
    return array if array.flags.writeable else np.asarray(_WriteableView(array))
