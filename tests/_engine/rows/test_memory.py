"""Rows: a function mapped over blocks and added up, without a copy of X."""

import pickle
from functools import partial

import numpy as np
import problems
import pytest
import torch

from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.workers import sharing

CPU = torch.device("cpu")
X = torch.arange(70, dtype=torch.float64).reshape(35, 2)
COLUMN = torch.arange(35)
# Four rows of X in each block.
on_cpu = partial(problems.on_cpu, block_sizes=BlockSizes(block_bytes=4 * 2 * 8, min_block_rows=1))


def test_map_sum_adds_up_what_each_block_gives():
    seen = []

    def sums(block, column):
        seen.append(len(block))
        return block.sum(0), (block[:, 0] * column).sum()

    total, product = TensorRows(X, (COLUMN,), on_cpu(torch.float64)).map_sum(sums)
    torch.testing.assert_close(total, X.sum(0))
    torch.testing.assert_close(product, (X[:, 0] * COLUMN).sum())
    assert sum(seen) == 35
    assert set(seen) == {3, 4}  # nine blocks, as equal as they can be


def test_values_held_for_each_row_bound_the_block():
    seen = []

    def sums(block):
        seen.append(len(block))
        return (block.sum(),)

    TensorRows(X, (), on_cpu(torch.float64)).map_sum(sums, values_per_row=8)
    assert max(seen) == 1


@pytest.mark.parametrize(
    ("n_rows", "n_features", "values_per_row", "expected"),
    [
        pytest.param(2_000, 100, 1, 1, id="not worth a worker"),
        pytest.param(20_000, 100, 10, 4, id="worth a few"),
        pytest.param(40_000, 100, 10, 8, id="worth fourteen, cut into a power of two"),
        pytest.param(1_000_000, 100, 1, 191, id="as many as fit the cache"),
    ],
)
def test_rows_are_cut_by_what_a_worker_is_worth(n_rows, n_features, values_per_row, expected):
    X = torch.zeros(1, 1).expand(n_rows, n_features)
    placed = TensorRows(X, (), problems.on_cpu())
    # As the blocks decide how sums are rounded, the workers have no say in them.
    with sharing(lambda: 3):
        assert placed._n_blocks(values_per_row) == expected
    assert placed._n_blocks(values_per_row) == expected


def test_no_block_is_empty():
    lengths = []
    placed = TensorRows(X[:2], (), on_cpu(torch.float64))
    placed.map_sum(
        lambda block: lengths.append(len(block)) or (block.sum(),), values_per_row=10**6
    )
    assert lengths == [1, 1]
    placed = TensorRows(torch.ones(3, 10**6), (), on_cpu(torch.float64))
    assert placed.map_max(lambda block: (block.amax(0),))[0].sum() == 10**6


def test_rows_of_one_block_are_told_from_those_that_are_shared():
    placed = TensorRows(X, (), on_cpu(torch.float64))  # nine blocks
    assert not placed.are_one_block(values_per_row=1)
    assert placed.subset(torch.arange(4)).are_one_block(values_per_row=1)
    assert not DeviceRows(X[:4], (), on_cpu(torch.float64)).are_one_block(values_per_row=1)


@pytest.mark.parametrize("n_workers", [2, 5])
def test_sums_have_the_same_bits_whoever_adds_them(n_workers, set_torch_threads):
    set_torch_threads(n_workers)
    X = torch.randn(203, 7, generator=torch.Generator().manual_seed(0))
    placed = TensorRows(X, (), on_cpu(torch.float32))
    alone = placed.map_sum(lambda block: (block.sum(0), block.T @ block))
    with sharing(lambda: n_workers):
        together = placed.map_sum(lambda block: (block.sum(0), block.T @ block))
        in_order = placed.map_rows(lambda block: 2 * block, values_per_row=7)
    assert all(map(torch.equal, alone, together))
    assert torch.equal(in_order, 2 * X)


def test_sums_are_added_in_float64_whatever_the_dtype():
    ones = torch.full((1000, 1), 0.1, dtype=torch.float32)
    (total,) = TensorRows(ones, (), on_cpu(torch.float32)).map_sum(lambda b: (b.sum(),))
    assert total.dtype == torch.float64
    # A running float32 sum of these is off by 1e-5 and more.
    assert float(total) == pytest.approx(1000 * float(ones[0, 0]), rel=1e-7)


def test_map_rows_keeps_the_order():
    doubled = TensorRows(X, (), on_cpu(torch.float64)).map_rows(lambda b: 2 * b, values_per_row=2)
    torch.testing.assert_close(doubled, 2 * X)


def test_map_rows_gives_the_columns_too():
    placed = TensorRows(X, (COLUMN,), on_cpu(torch.float64))
    products = placed.map_rows(lambda block, column: block[:, 0] * column, values_per_row=1)
    torch.testing.assert_close(products, X[:, 0] * COLUMN)


@pytest.mark.parametrize("is_copied", [True, False])
def test_rounded_rows_are_read_in_float32_with_or_without_a_copy(is_copied):
    fine = X + 1e-12
    rows = TensorRows(fine, (COLUMN,), on_cpu(torch.float64))
    rounded = rows.subset(COLUMN[::2]).rounded(torch.float32, is_copied=is_copied)
    read = rounded.map_rows(lambda block, _column: block, values_per_row=2)
    assert torch.equal(read, fine[::2].float())
    whole, column = rounded.whole()
    assert torch.equal(whole, fine[::2].float() if is_copied else fine[::2])
    assert torch.equal(column, COLUMN[::2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_take_appends_a_one_for_the_intercept(dtype):
    index = torch.tensor([30, 2])
    (block,) = TensorRows(X.to(dtype), (), on_cpu(torch.float32)).gather(index, append_one=True)
    assert block.dtype == torch.float32
    assert block.tolist() == [[60.0, 61.0, 1.0], [4.0, 5.0, 1.0]]


def test_take_returns_rows_and_columns():
    index = torch.tensor([30, 2, 2])
    block, column = TensorRows(X, (COLUMN,), on_cpu(torch.float32)).gather(index)
    torch.testing.assert_close(block, X[index].float())
    assert column.tolist() == [30, 2, 2]


def test_a_subset_has_its_own_rows_alone_without_a_copy_of_X():
    rows = TensorRows(X, (COLUMN,), on_cpu(torch.float64))
    subset = rows.subset(torch.arange(1, 35, 2)).subset(torch.tensor([0, 5, 16]))
    assert subset.n_rows == 3
    block, column = subset.gather(torch.tensor([2, 0]))
    torch.testing.assert_close(block, X[[33, 1]])
    assert column.tolist() == [33, 1]
    torch.testing.assert_close(subset.map_rows(lambda b, _: b, values_per_row=2), X[[1, 11, 33]])
    assert subset._X.data_ptr() == X.data_ptr()


def test_centered_rows_are_read_less_their_center():
    center = torch.tensor([1.0, 2.0])
    rows = TensorRows(X.int(), (COLUMN,), on_cpu(torch.float64)).centered(center)
    (total,) = rows.map_sum(lambda block, _: (block.sum(0),))
    torch.testing.assert_close(total, (X - center).sum(0))
    block, _ = rows.subset(torch.tensor([3, 7])).gather(torch.tensor([1]), append_one=True)
    assert block.tolist() == [[14.0 - 1.0, 15.0 - 2.0, 1.0]]
    (total,) = rows.select_features(torch.tensor([1])).map_sum(lambda b, _: (b.sum(0),))
    torch.testing.assert_close(total, (X - center).sum(0)[1:])


GRAM_DATA = torch.randint(0, 250, (9, 23), generator=torch.Generator().manual_seed(0))
CENTER = torch.linspace(-3.0, 100.0, 23).double()
MEAN = torch.linspace(50.0, 7.0, 23).double()


@pytest.fixture(params=[1, 10**6], ids=["feature by feature", "at once"])
def placed(request):
    """Return the placement of rows that are multiplied some features at a time."""
    sizes = BlockSizes(gram_entries=request.param)
    return problems.on_cpu(torch.float32, block_sizes=sizes)


@pytest.mark.parametrize("mean", [None, MEAN])
@pytest.mark.parametrize("center", [None, CENTER])
@pytest.mark.parametrize("given", [torch.float64, torch.float32, torch.uint8, torch.uint16])
def test_the_products_of_rows_are_those_of_the_centered_rows(given, center, mean, placed):
    rows = TensorRows(GRAM_DATA.to(given), (), placed)
    chosen, expected = torch.tensor([1, 2, 7]), GRAM_DATA.double()
    if center is not None:
        rows, expected = rows.centered(center), expected - center.float()
    if mean is not None:
        expected = expected - mean
    for own, X_of_own in ((rows, expected), (rows.subset(chosen), expected[chosen])):
        gram = own.gram(mean)
        assert gram.dtype == torch.float64
        torch.testing.assert_close(gram, X_of_own @ X_of_own.T, rtol=1e-12, atol=1e-9)


def test_the_products_of_rows_of_a_file_are_those_of_the_rows(tmp_path, placed):
    values = GRAM_DATA.numpy().astype(np.float32)
    values.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", np.float32, mode="c", shape=values.shape)
    gram = rows_of(mapped, (), placed).gram(MEAN)
    expected = GRAM_DATA.double() - MEAN
    torch.testing.assert_close(gram, expected @ expected.T, rtol=1e-12, atol=1e-9)


UNSIGNED = [torch.uint8, torch.uint16, torch.uint32, torch.uint64]


@pytest.mark.parametrize("dtype", [*UNSIGNED, torch.bool, torch.int64, torch.bfloat16])
def test_rows_and_features_of_any_dtype_can_be_chosen(dtype):
    rows = TensorRows(X.to(dtype), (COLUMN,), on_cpu(torch.float64))
    expected = X.to(dtype).double()
    chosen, features = torch.tensor([3, 30]), torch.tensor([1])
    torch.testing.assert_close(rows.gather(chosen)[0], expected[chosen])
    subset = rows.subset(chosen).select_features(features)
    torch.testing.assert_close(
        subset.map_rows(lambda block, _: block, values_per_row=1), expected[chosen][:, features]
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.int64])
def test_small_types_are_converted_a_block_at_a_time(dtype):
    small = X.to(dtype)
    seen = []

    def sums(block):
        seen.append((block.dtype, len(block)))
        return (block.sum(0),)

    kept = TensorRows(small, (), on_cpu(torch.float32))
    (total,) = kept.map_sum(sums)
    torch.testing.assert_close(total, small.double().sum(0))
    assert {dtype for dtype, _ in seen} == {torch.float32}
    assert max(length for _, length in seen) == 7  # of float32, eight rows at most: five blocks
    assert kept._X is small


@pytest.mark.parametrize(
    "arrange", [lambda t: t.T.contiguous().T, lambda t: t.repeat(1, 2)[:, :2]]
)
def test_strided_rows_are_rows(arrange):
    (total,) = TensorRows(arrange(X), (), on_cpu(torch.float64)).map_sum(lambda b: (b.sum(0),))
    torch.testing.assert_close(total, X.sum(0))


class DeviceRows(TensorRows):
    """Rows that are read as those of a device are."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.are_in_memory = False


def test_a_block_that_does_not_fit_is_halved_until_it_does():
    seen = []

    def sums(block):
        if len(block) > 1:
            raise torch.OutOfMemoryError("no memory")
        seen.append(int(block[0, 0]))
        return (block.sum(0),)

    placed = DeviceRows(X, (), on_cpu(torch.float64))
    (total,) = placed.map_sum(sums)
    torch.testing.assert_close(total, X.sum(0))
    assert seen == X[:, 0].tolist()
    assert placed._max_rows == 1  # the next pass does not try again
    torch.testing.assert_close(placed.map_rows(lambda b: sums(b)[0][None], values_per_row=2), X)


def test_of_a_subset_its_own_rows_alone_are_sent():
    whole = torch.zeros(10_000, 2).double()
    rows = TensorRows(whole, (whole[:, 0],), on_cpu(torch.float64))
    subset = rows.subset(torch.arange(0, 10_000, 1000))
    sent = pickle.dumps(subset)
    assert len(sent) < 5_000
    index = torch.arange(10)
    torch.testing.assert_close(pickle.loads(sent).gather(index), subset.gather(index))


def test_a_single_row_that_does_not_fit_is_an_error():
    def sums(_block):
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(MemoryError, match="cpu has too little memory left for .* of 2 features"):
        DeviceRows(X, (), on_cpu(torch.float64)).map_sum(sums)
