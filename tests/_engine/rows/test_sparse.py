"""Rows of a CSR or CSC array give what the same rows give as a tensor."""

import pickle

import numpy as np
import pytest
import torch
from problems import on_cpu
from scipy import sparse

from skorchless._engine import products as blocks
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.sparse import SparseRows

N_ROWS, N_FEATURES = 50, 7
DENSE = sparse.random(N_ROWS, N_FEATURES, 0.3, random_state=0, format="csr").toarray()
DENSE[:, 2] = 0.0
DENSE[:, 3] = -np.arange(N_ROWS) - 1.0  # no zero, and none above
COLUMN = torch.arange(float(N_ROWS)).double()


@pytest.fixture(params=[1, 3 * N_FEATURES, 10**6])
def block_values(request):
    return request.param


def placed(block_values, dtype=torch.float64):
    """Return the placement of rows whose products are shared."""
    sizes = BlockSizes(sparse_block_values=block_values, min_share_entries=10)
    return on_cpu(dtype, block_sizes=sizes)


@pytest.fixture(params=[sparse.csr_array, sparse.csc_array])
def both(request, block_values):
    """Return a function that returns the rows of an array in a sparse format and as a tensor."""

    def rows_of(X=DENSE, dtype=torch.float64):
        placement = placed(block_values, dtype)
        columns = (COLUMN.to(dtype),)
        return (
            SparseRows(request.param(X), columns, placement),
            TensorRows(torch.from_numpy(X), columns, placement),
        )

    return rows_of


def sums(rows, values_per_row=1):
    """Return what fits ask of rows, added up over all blocks."""
    W = torch.randn(3, rows.n_features + 1, generator=torch.Generator().manual_seed(0))
    W = W.to(rows.placement.dtype)

    def of_block(X, column):
        scores = blocks.logits(X, W)
        without_intercept = blocks.logits(X, W[:, :-1])
        return (
            blocks.weighted_sum(X, scores * column),
            without_intercept.sum(1),
            blocks.weighted_squares(X, column[None]),
            *blocks.weighted_moments(X, column[None]),
            blocks.to_dense(X).sum(0),
        )

    return rows.map_sum(of_block, values_per_row)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_and_squares_are_those_of_the_dense_rows(dtype, both):
    by_csr, by_tensor = both(dtype=dtype)
    torch.testing.assert_close(sums(by_csr), sums(by_tensor), rtol=1e-5, atol=1e-5)
    assert sums(by_csr)[0].dtype == torch.float64


def stored_in_parts(X, dtype):
    """Return a compressed array that stores each entry of ``X`` in two parts, in falling order."""
    major = np.repeat(np.arange(len(X.indptr) - 1), np.diff(X.indptr))
    order = np.repeat(np.lexsort((-X.indices, major)), 2)
    parts = (X.data[order] / 2).astype(dtype)
    return type(X)((parts, X.indices[order], 2 * X.indptr), shape=X.shape)


@pytest.mark.parametrize("dtype", [np.float64, np.int8])  # an int8 ends at 127
def test_an_entry_that_is_stored_in_parts_is_their_sum(dtype, both):
    rows, by_tensor = both(2.0 * np.rint(100 * DENSE.clip(-1)))
    parts = stored_in_parts(rows._X, dtype)
    rows = SparseRows(parts, rows.columns, rows.placement)
    before = [part.copy() for part in (parts.data, parts.indices, parts.indptr)]
    features = torch.tensor([1, 3, 6])
    for change in (
        lambda rows: rows,
        lambda rows: rows.ready_to_select(),
        lambda rows: rows.select_features(features),
    ):
        found, expected = change(rows), change(by_tensor)
        torch.testing.assert_close(sums(found), sums(expected))
        extremes = [
            of.map_max(lambda X, _: tuple(blocks.extremes(X)))[1] for of in (found, expected)
        ]
        torch.testing.assert_close(*extremes)
    for part, was in zip((parts.data, parts.indices, parts.indptr), before, strict=True):
        np.testing.assert_array_equal(part, was)


@pytest.mark.parametrize("mean", [None, torch.linspace(-1.0, 2.0, N_FEATURES).double()])
@pytest.mark.parametrize("given", [np.float64, np.float32, np.int8])
def test_the_products_of_rows_are_those_of_the_dense_rows_less_the_mean(given, mean, both):
    X = np.rint(20 * DENSE.clip(-2)).astype(given)
    for rows in (of := both(X, dtype=torch.float32)[0], of.subset(torch.tensor([1, 4, 30]))):
        expected, *_ = rows.gather(torch.arange(rows.n_rows))
        expected = expected.double() if mean is None else expected - mean
        found = rows.gram(mean)
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, expected @ expected.T, rtol=1e-12, atol=1e-9)


def test_the_products_of_rows_are_those_of_entries_stored_in_parts(both):
    rows, _ = both(2.0 * np.rint(30 * DENSE.clip(-1)))
    expected = torch.from_numpy(rows._X.toarray() @ rows._X.toarray().T)
    # The square of an entry, and its sum, do not fit an int8.
    parts = stored_in_parts(rows._X, np.int8)
    found = SparseRows(parts, rows.columns, rows.placement).gram(None)
    torch.testing.assert_close(found, expected)


def test_the_range_of_a_feature_has_its_zeros(both):
    for rows in both():
        extremes = rows.map_rows(lambda X, _: blocks.extremes(X)[None], values_per_row=1)
        smallest, largest = extremes[:, 0].amin(0), extremes[:, 1].amax(0)
        np.testing.assert_array_equal(smallest.numpy(), DENSE.min(0))
        np.testing.assert_array_equal(largest.numpy(), DENSE.max(0))


@pytest.mark.parametrize("block_values", [40])
def test_blocks_hold_no_more_values_than_asked_for(both):
    lengths = []
    rows, _ = both()
    rows.map_rows(lambda X, _: lengths.append(X.shape[0]) or torch.zeros(1), values_per_row=4)
    assert lengths == [10] * 5


@pytest.mark.parametrize("append_one", [True, False])
def test_rows_are_taken_dense_in_any_order(append_one, both):
    index = torch.tensor([3, 3, 49, 0])
    by_csr, by_tensor = (rows.gather(index, append_one=append_one) for rows in both())
    torch.testing.assert_close(by_csr, by_tensor)


def test_some_features_some_rows_and_rows_beside_are_those_of_the_tensor(both):
    features = torch.tensor([1, 3, 6])
    selected = [rows.select_features(features) for rows in both()]
    torch.testing.assert_close(sums(selected[0]), sums(selected[1]))
    subsets = [rows.subset(torch.arange(0, 50, 3)) for rows in both()]
    assert subsets[0].n_rows == subsets[1].n_rows == 17
    torch.testing.assert_close(sums(subsets[0]), sums(subsets[1]))
    for whole, part in zip(both(), selected, strict=True):
        W = torch.ones(1, len(features)).double()
        (total,) = whole.beside(part).map_sum(
            lambda _X, _column, other: (blocks.logits(other, W).sum(),)  # noqa: B023
        )
        assert float(total) == pytest.approx(DENSE[:, features].sum())


@pytest.mark.parametrize("given", [np.uint8, np.int64, np.bool_])
def test_small_types_are_converted_block_by_block(given, both):
    X = (DENSE != 0).astype(given)
    by_csr, by_tensor = both(X, dtype=torch.float32)
    torch.testing.assert_close(sums(by_csr), sums(by_tensor), rtol=1e-5, atol=1e-4)
    assert by_csr._X.dtype == given


def test_rows_that_were_in_use_are_sent_to_another_process(both):
    rows, _ = both()
    part = rows.select_features(torch.tensor([1, 3, 6]))
    for used in (rows, part):
        expected = sums(used)
        torch.testing.assert_close(sums(pickle.loads(pickle.dumps(used))), expected)


def test_selected_features_of_small_types_are_converted(both):
    X = (DENSE != 0).astype(np.uint8)
    by_csr, by_tensor = (
        rows.select_features(torch.tensor([0, 4])) for rows in both(X, dtype=torch.float32)
    )
    torch.testing.assert_close(sums(by_csr), sums(by_tensor), rtol=1e-5, atol=1e-4)


def test_columns_of_a_csc_array_are_selected_and_weighed_without_a_copy_by_row(monkeypatch):
    # A counter, as those of `test_counters`.
    X = sparse.csc_array(DENSE)
    rows = SparseRows(X, (COLUMN,), placed(10**6))  # all rows are one block
    copied = []
    tocsr = sparse.csc_array.tocsr
    monkeypatch.setattr(
        sparse.csc_array,
        "tocsr",
        lambda self, copy=False: copied.append(self.shape[1]) or tocsr(self, copy),
    )
    part = rows.select_features(torch.tensor([1, 3]))
    W = torch.ones(1, 2).double()
    (total,) = rows.beside(part).map_sum(
        lambda whole, _, some: (blocks.weighted_sum(whole, blocks.logits(some, W)),)
    )
    expected = DENSE[:, [1, 3]].sum(1) @ DENSE
    torch.testing.assert_close(total[0], torch.from_numpy(expected))
    assert set(copied) == {2}


@pytest.mark.parametrize("n_columns", [1, 11, 12, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("in_format", [sparse.csr_array, sparse.csc_array])
def test_products_with_any_number_of_columns_are_scipys(n_columns, dtype, in_format):
    X = sparse.random(40, 9, 0.3, random_state=0, format="csr").tolil()
    X[[0, 17, 39]] = 0.0  # rows without entries
    X = sparse.csr_array(X)
    rows = SparseRows(in_format(X), (), placed(10**6, torch.float64))
    block = rows.rounded(dtype, is_copied=True).ready_to_select()[slice(0, 40)]
    W = torch.randn(n_columns, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    weights = torch.randn(n_columns, 40, generator=torch.Generator().manual_seed(1)).to(dtype)
    tol = {"rtol": 1e-5, "atol": 1e-5} if dtype is torch.float32 else {}
    expected = torch.from_numpy(X @ W.double().numpy().T).T
    torch.testing.assert_close(blocks.logits(block, W), expected.to(dtype), **tol)
    expected = torch.from_numpy(X.T @ weights.double().numpy().T).T
    torch.testing.assert_close(blocks.weighted_sum(block, weights), expected.to(dtype), **tol)


def test_rounded_rows_are_read_in_float32_and_x_stays_as_it_is(both):
    rows, _ = both()
    rounded = rows.rounded(torch.float32, is_copied=True)
    dense = rounded.map_rows(lambda X, _column: blocks.to_dense(X), values_per_row=1)
    torch.testing.assert_close(dense, torch.from_numpy(DENSE).float())
    assert rounded.columns[0].dtype == torch.float32
    assert rows._X.dtype == np.float64
