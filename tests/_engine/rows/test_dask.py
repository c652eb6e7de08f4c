"""Rows on a cluster give what the same rows give in memory, on any of Dask's schedulers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import CPU, make_objective, random_weights
from scipy import sparse

from skorchless._engine.placement import place
from skorchless._engine.products import to_dense
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.full_batch import minimize_full_batch

dask = pytest.importorskip("dask", reason="needs the extra dask")

from skorchless._engine.rows.dask import DaskMatrix, DaskRows  # noqa: E402

LENGTHS = [10, 0, 7, 1, 23]


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def both(**options):
    """Return one objective of rows in memory and of the same rows in partitions."""
    weights = torch.rand(41, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, X, codes, weights = make_objective(
        n_rows=41, weights=weights, block_sizes=BlockSizes(fan_in=2), **options
    )
    parts = [
        dask.delayed(TensorRows)(*part, objective.rows.placement)
        for part in zip(
            torch.split(X, LENGTHS),
            zip(
                *(torch.split(column[:, None], LENGTHS) for column in (codes, weights)),
                strict=True,
            ),
            strict=True,
        )
    ]
    rows = DaskRows(parts, LENGTHS, X.shape[1], objective.rows.placement)
    return objective, replace(objective, rows=rows)


def test_value_gradient_and_hessian_are_those_of_the_rows_in_memory():
    in_memory, by_partition = both(alphas=(0.1, 3.0))
    W = random_weights(in_memory)
    direction, steps = random_weights(in_memory, seed=2), torch.tensor([[0.0, 0.5]]).double()
    for mean in (None, torch.arange(5.0).double()):
        expected, found = (
            (
                *objective.centered(mean).value_and_grad(W),
                objective.centered(mean).hessian(W),
                *objective.centered(mean).along(W, direction, steps.expand(2, 2)),
            )
            for objective in (in_memory, by_partition)
        )
        torch.testing.assert_close(found, expected)


def fits_of_both(**options):
    """Return the progress of each iteration in memory, and of the rows in partitions."""
    return [
        list(minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-9))
        for objective in both(alphas=(0.01,), **options)
    ]


@pytest.mark.parametrize(("n_features", "l1_ratio"), [(5, 0.0), (5, 0.5), (1600, 0.5)])
def test_a_fit_goes_the_same_way(n_features, l1_ratio):
    # 1,600 features with an L1 penalty are fitted by working sets.
    in_memory, by_partition = fits_of_both(n_features=n_features, l1_ratio=l1_ratio)
    assert len(in_memory) == len(by_partition)
    torch.testing.assert_close(by_partition[-1].W, in_memory[-1].W)


def test_more_features_than_rows_end_at_the_same_optimum():
    # In memory by the products of rows, which no partition has of the others' rows.
    in_memory, by_partition = (fit[-1] for fit in fits_of_both(n_features=1600))
    assert in_memory.method == "row-space"
    assert by_partition.method != "row-space"
    torch.testing.assert_close(by_partition.W, in_memory.W, rtol=0.0, atol=1e-6)


def test_rows_are_taken_in_any_order_and_more_than_once():
    index = torch.tensor([40, 3, 16, 10, 3, 17, 9])
    expected, found = (objective.rows.gather(index, append_one=True) for objective in both())
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("chosen", [[0, 9, 10, 40], [12], list(range(41))], ids=len)
def test_a_subset_is_counted_over_all_partitions(chosen):
    expected, found = (objective.rows.subset(torch.tensor(chosen)) for objective in both())
    assert found.n_rows == expected.n_rows
    index = torch.arange(found.n_rows)
    torch.testing.assert_close(found.gather(index), expected.gather(index))


def test_partitions_are_centered_each_where_it_is():
    center = torch.arange(5.0)
    expected, found = (objective.rows.centered(center) for objective in both())
    index = torch.arange(found.n_rows)
    torch.testing.assert_close(found.gather(index), expected.gather(index))
    column, features = torch.arange(41), torch.tensor([1, 3])
    for change in (
        lambda rows: rows,
        lambda rows: rows.subset(index[::2]),
        lambda rows: rows.beside(column),
        lambda rows: rows.ready_to_select().select_features(features),
    ):
        torch.testing.assert_close(change(found).center, change(expected).center)


def test_the_range_is_that_of_all_partitions():
    in_memory, by_partition = both()
    (largest,) = by_partition.rows.map_max(lambda X, *_columns: (X.amax(0),))
    torch.testing.assert_close(largest, in_memory.rows.gather(torch.arange(41))[0].amax(0))


def test_a_column_beside_is_a_tensor_or_other_rows():
    beside = torch.randn(41, 2, generator=torch.Generator().manual_seed(0)).double()
    for objective in both():
        rows = objective.rows.beside(beside)
        torch.testing.assert_close(rows.map_rows(lambda *columns: columns[-1], 2), beside)
        part = objective.rows.select_features(torch.tensor([1, 3]))
        both_columns = rows.beside(part).map_rows(lambda *columns: torch.cat(columns[-2:], 1), 4)
        X, *_ = rows.gather(torch.arange(41))
        torch.testing.assert_close(both_columns, torch.cat([beside, X[:, [1, 3]]], 1))


def arrays_in(thing):
    """Yield the arrays and tensors that an object of the engine or of SciPy holds."""
    if isinstance(thing, torch.Tensor) and thing.layout is torch.sparse_csr:
        yield from (thing.crow_indices(), thing.col_indices(), thing.values())
    elif isinstance(thing, np.ndarray | torch.Tensor):
        yield thing
    else:
        parts = thing if isinstance(thing, tuple) else getattr(thing, "__dict__", {}).values()
        for part in parts:
            yield from arrays_in(part)


def memory_held_by(rows):
    """Return the bytes of all that rows hold, shared memory once."""
    held = (torch.as_tensor(array) for array in arrays_in(rows))
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in held}.values())


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_the_result_of_a_task_does_not_grow(dtype, monkeypatch):
    results = []
    persist = dask.persist

    def noting(*tasks):
        persisted = persist(*tasks)
        results.extend((rows, memory_held_by(rows)) for rows in dask.compute(*persisted))
        return persisted

    monkeypatch.setattr(dask, "persist", noting)
    X = sparse.random(41, 1600, 0.02, format="csr", random_state=0)
    X.data = np.ceil(10 * X.data)
    objective, *_ = make_objective(X=torch.from_numpy(X.toarray()), l1_ratio=0.9, alphas=(0.02,))
    make = dask.delayed(SparseRows)
    columns, placement = objective.rows.columns, objective.rows.placement
    parts = noting(make(sparse.csr_array(X.astype(dtype)), columns, placement))
    objective = replace(objective, rows=DaskRows(parts, [41], 1600, placement))
    *_, last = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-6)
    assert last.status == Status.CONVERGED
    assert len(results) > 3  # X, X to select from, and working sets
    for rows, held in results:
        assert memory_held_by(rows) == held <= rows.__sizeof__()


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_a_matrix_in_partitions_has_its_rows_in_order(make):
    X = np.arange(82.0).reshape(41, 2)
    parts = [dask.delayed(make)(part) for part in np.split(X, np.cumsum(LENGTHS)[:-1])]
    matrix = DaskMatrix(parts, LENGTHS, 2, X.dtype)
    index = np.array([0, 9, 10, 17, 18, 40])
    rows = rows_of(matrix[index], (), place(CPU, torch.float64))
    np.testing.assert_array_equal(rows.map_rows(to_dense, values_per_row=2), X[index])
    assert matrix[index].shape == (6, 2)
