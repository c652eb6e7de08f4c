"""Rows that are read block by block give what the same rows give on the device."""

from dataclasses import replace

import pytest
import torch
from problems import CPU, on_cpu

from skorchless._engine.placement import place
from skorchless._engine.products import logits
from skorchless._engine.rows import streamed as streamed_rows
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.streamed import StreamedRows

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CODES = torch.arange(40) % 3


SMALL_BLOCKS = BlockSizes(block_bytes=1, gpu_block_bytes=1, min_block_rows=7)


@pytest.mark.parametrize("values", [X, X.float(), (10 * X).to(torch.uint8), X.to(torch.bfloat16)])
def test_streamed_rows_are_those_of_the_tensor(values):
    assert_same_rows(values, on_cpu(block_sizes=SMALL_BLOCKS))


@pytest.mark.gpu
def test_a_gpu_reads_them_through_pinned_memory(cuda):
    for values, dtype in ((X, torch.float64), ((10 * X).to(torch.uint8), torch.float32)):
        assert_same_rows(values, replace(place(cuda, dtype), block_sizes=SMALL_BLOCKS))


def assert_same_rows(values, placement):
    whole, streamed = (kind(values, (CODES,), placement) for kind in (TensorRows, StreamedRows))
    W = X[:2].to(placement.device, placement.dtype)

    def of_block(block, codes):
        return (logits(block, W) * codes).sum(1), block.sum(0)

    index = torch.tensor([39, 0, 5, 5], device=placement.device)
    features = torch.tensor([2, 0], device=placement.device)
    torch.testing.assert_close(streamed.map_sum(of_block), whole.map_sum(of_block))
    for append_one in (True, False):
        expected = whole.gather(index, append_one=append_one)
        torch.testing.assert_close(streamed.gather(index, append_one=append_one), expected)
    third, center = torch.arange(0, 40, 3), torch.ones(3)
    for change in (
        lambda rows: rows.subset(third),
        lambda rows: rows.centered(center),
        lambda rows: rows.centered(center).subset(third).select_features(features),
    ):
        expected, found = change(whole), change(streamed)
        torch.testing.assert_close(found.gather(index[1:]), expected.gather(index[1:]))
        of_rows = {"function": lambda block, *_columns: block, "values_per_row": 3}
        torch.testing.assert_close(found.map_rows(**of_rows), expected.map_rows(**of_rows))
    for part in (streamed, whole):
        selected = part.select_features(features)
        (total,) = part.beside(selected).map_sum(lambda _X, _codes, other: (other.sum(0),))
        torch.testing.assert_close(total, values.to(total)[:, features].sum(0))
    assert streamed._X.data_ptr() == values.data_ptr()


@pytest.mark.parametrize(("n_free", "n_kept", "is_whole"), [(8, 0, False), (8, 4, True)])
def test_what_fits_beside_what_torch_has_left_over_lies_on_the_gpu(
    n_free, n_kept, is_whole, monkeypatch
):
    # In eighths of X; torch holds 5 more, of which n_kept are left over from earlier fits.
    unit = X.nbytes // 8
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (n_free * unit, 10**9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 5 * unit)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: (5 - n_kept) * unit)
    assert streamed_rows.fits(X, torch.device("cuda")) == is_whole
    assert streamed_rows.fits(X, CPU)


def test_a_subset_that_does_not_fit_is_streamed_too(monkeypatch):
    monkeypatch.setattr(streamed_rows, "fits", lambda X, _device: len(X) < 20)
    rows = rows_of(X.numpy(), (CODES,), on_cpu(block_sizes=SMALL_BLOCKS))
    assert type(rows) is StreamedRows
    large, small = rows.subset(torch.arange(20)), rows.subset(torch.arange(19))
    of_large, of_all = torch.arange(1, 20, 2), torch.arange(0, 40, 2)
    for subset in (large.subset(of_large), rows.subset(of_all).subset(of_large)):
        assert type(subset) is TensorRows
    X_of_subset, codes = rows.subset(of_all).subset(of_large).gather(torch.arange(10))
    torch.testing.assert_close(X_of_subset, X[of_all][of_large])
    assert codes.tolist() == CODES[of_all][of_large].tolist()
    monkeypatch.setattr(streamed_rows, "fits", lambda *_: False)
    X_of_subset, codes = rows.subset(of_all).subset(of_large).gather(torch.arange(10))
    torch.testing.assert_close(X_of_subset, X[of_all][of_large])
    assert codes.tolist() == CODES[of_all][of_large].tolist()
    assert [type(large), type(small)] == [StreamedRows, TensorRows]
    torch.testing.assert_close(large.map_rows(lambda X, _: X, values_per_row=3), X[:20])
    torch.testing.assert_close(small.map_rows(lambda X, _: X, values_per_row=3), X[:19])
