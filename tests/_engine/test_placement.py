"""Device and dtype are decided once, with errors that say what there is."""

import numpy as np
import pytest
import torch

from skorchless._engine import placement
from skorchless._engine.placement import (
    as_tensor,
    available_devices,
    place,
    resolve_device,
    resolve_dtype,
)

CPU = torch.device("cpu")


def test_auto_is_the_tensors_own_device():
    assert resolve_device("auto", torch.zeros(1, device="meta")) == torch.device("meta")


def test_auto_is_cuda_where_there_is_one_else_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto", np.zeros(1)) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto", np.zeros(1)) == torch.device("cuda")


def test_a_device_by_name_is_taken_if_it_is_there(monkeypatch):
    monkeypatch.setattr(placement, "available_devices", lambda: ["cpu", "cuda:0", "cuda:1"])
    for name in ("cpu", "cuda", "cuda:0", "cuda:1", torch.device("cuda", 1)):
        assert resolve_device(name, None) == torch.device(name)
    for name in ("cuda:2", "mps", "nonsense"):
        with pytest.raises(ValueError, match="this machine has: cpu, cuda:0, cuda:1"):
            resolve_device(name, None)


@pytest.mark.parametrize("device", ["cpu:0", "CPU", "Cpu:0", torch.device("cpu", 0)])
def test_the_cpu_has_other_names(device):
    assert resolve_device(device, None) == CPU


def test_a_device_may_be_spelt_in_any_case_and_with_its_only_number(monkeypatch):
    monkeypatch.setattr(placement, "available_devices", lambda: ["cpu", "cuda:0", "mps"])
    for name, device in {"CUDA:0": "cuda:0", "CUDA": "cuda", "mps:0": "mps"}.items():
        assert resolve_device(name, None) == torch.device(device)
    assert resolve_device("AUTO", torch.zeros(1)) == CPU
    for name in ("cpu:1", "mps:1", "CUDA:1"):
        with pytest.raises(ValueError, match=f"device='{name}' is not available"):
            resolve_device(name, None)


def test_the_machines_devices_are_listed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert available_devices() == ["cpu", "cuda:0", "cuda:1", "mps"]


@pytest.mark.parametrize(
    ("X_dtype", "expected"),
    [
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        *((dtype, torch.float32) for dtype in (torch.float16, torch.bfloat16, torch.uint8)),
        *((dtype, torch.float32) for dtype in (torch.int8, torch.int16, torch.uint16, torch.bool)),
        *((dtype, torch.float64) for dtype in (torch.int32, torch.uint32)),
        *((dtype, torch.float64) for dtype in (torch.int64, torch.uint64)),
    ],
)
def test_a_dtype_is_computed_in_the_smallest_float_that_holds_it(X_dtype, expected):
    assert resolve_dtype(None, X_dtype) == expected


@pytest.mark.parametrize(
    "dtype", ["float64", "f8", float, np.float64, np.dtype("float64"), torch.float64]
)
def test_a_dtype_may_be_spelt_in_any_way(dtype):
    assert resolve_dtype(dtype, torch.uint8) == torch.float64


@pytest.mark.parametrize("dtype", ["float16", "int8", "nonsense", object, torch.bfloat16])
def test_other_dtypes_are_an_error(dtype):
    with pytest.raises(ValueError, match="use None, 'float32' or 'float64'"):
        resolve_dtype(dtype, torch.float32)


def test_sums_are_in_float64_but_on_a_device_without():
    assert place(CPU, torch.float32).sum_dtype == torch.float64
    assert place(torch.device("mps"), torch.float32).sum_dtype == torch.float32
    with pytest.raises(ValueError, match="has no float64"):
        place(torch.device("mps"), torch.float64)


def test_as_tensor_shares_memory_also_of_read_only_arrays():
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    tensor = as_tensor(array)  # torch's warning would be an error
    assert tensor.data_ptr() == array.__array_interface__["data"][0]
    assert not array.flags.writeable


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0)[::-1], np.arange(6.0).reshape(3, 2)[::-1][:1], np.arange(6.0).astype(">f8")],
    ids=["reversed", "a row of what is reversed", "big-endian"],
)
def test_what_torch_can_not_share_is_copied(array):
    np.testing.assert_array_equal(as_tensor(array).numpy(), array)


def test_a_tensor_is_cut_from_its_graph():
    tensor = torch.ones(2, requires_grad=True)
    assert not as_tensor(tensor).requires_grad
