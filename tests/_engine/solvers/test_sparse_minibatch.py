"""Minibatches of wide sparse rows take the steps of the same rows, dense."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from problems import alone, make_labels, make_objective, random_weights
from scipy import sparse

from skorchless._engine.placement import place
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.solvers.base import Patience
from skorchless._engine.solvers.minibatch import SGD, Adam, Sampling, minimize_minibatch
from skorchless._engine.solvers.sparse_minibatch import MIN_FEATURES, MissedSteps

OPTIMIZERS = [Adam(0.01), SGD(0.05, 0.9), SGD(0.05, 0.0)]
N_ROWS = 50
CPU = torch.device("cpu")


def some_rows(first_feature=0, seed=0):
    """Return X (N, P) where 80 features have an entry; the first row has none."""
    X = np.zeros((N_ROWS, MIN_FEATURES))
    part = sparse.random(N_ROWS - 1, 80, 0.05, random_state=seed).toarray()
    X[1:, first_feature : first_feature + 80] = part
    return X


def both(X, dtype=torch.float64, **options):
    """Return the objectives of the rows ``X``, sparse and dense, with weights."""
    weights = torch.rand(N_ROWS, generator=torch.Generator().manual_seed(1)).double()
    weights = weights / weights.mean()
    dense, _, codes, _ = make_objective(
        X=torch.from_numpy(X), weights=weights, dtype=dtype, **options
    )
    X = sparse.csr_array(X.astype(str(dtype).removeprefix("torch.")))
    rows = SparseRows(X, (codes[:, None], weights[:, None].to(dtype)), place(CPU, dtype))
    return replace(dense, rows=rows), dense


def epochs(objective, optimizer, n_epochs=3, *, W=None, buffers=None):
    """Return the records of some epochs."""
    W = torch.zeros(objective.weights_shape) if W is None else W
    solver = minimize_minibatch(
        objective,
        W,
        optimizer=optimizer,
        sampling=Sampling(7, True, torch.Generator().manual_seed(0)),
        patience=Patience(0.0, float("inf")),
        buffers=buffers,
    )
    return list(islice(solver, n_epochs))


def assert_same_records(found, expected, rtol=1e-9, atol=1e-13):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.W, other.W, rtol=rtol, atol=atol)
        torch.testing.assert_close(one.value, other.value, rtol=rtol, atol=atol)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.0, 0.0), (0.3, 0.0), (0.003, 0.5), (0.003, 1)])
def test_steps_are_those_of_the_dense_rows(alpha, l1_ratio, n_classes, fit_intercept, optimizer):
    options = {"alphas": (alpha,), "l1_ratio": l1_ratio, "n_classes": n_classes}
    by_sparse, by_dense = both(some_rows(), fit_intercept=fit_intercept, **options)
    found, expected = epochs(by_sparse, optimizer), epochs(by_dense, optimizer)
    assert_same_records(found, expected)
    assert found[-1].W.any()
    assert torch.equal(found[-1].W == 0, expected[-1].W == 0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_weights_of_features_without_an_entry_shrink_too(l1_ratio, optimizer):
    options = {"alphas": (0.3,), "l1_ratio": l1_ratio}
    by_sparse, by_dense = both(some_rows(), **options)
    W = random_weights(by_dense)
    found = epochs(by_sparse, optimizer, W=W)
    assert_same_records(found, epochs(by_dense, optimizer, W=W))
    assert (found[-1].W[..., 100:-1].abs() < W[..., 100:-1].abs()).any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_single_precision_gives_the_same_to_its_rounding(optimizer):
    by_sparse, by_dense = both(some_rows(), torch.float32)
    found = epochs(by_sparse, optimizer)
    assert found[-1].W.dtype == torch.float32
    assert_same_records(found, epochs(by_dense, optimizer), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=str)
@pytest.mark.parametrize("kinds", ["sss", "sds", "dsd", "dds"])
def test_an_optimiser_goes_on_between_chunks_of_other_features_and_kinds(kinds, optimizer):
    chunks = [both(some_rows(first, seed=first)) for first in (0, 1000, 40)]

    def stream(kinds):
        W, buffers = None, None
        for chunk, kind in zip(chunks, kinds, strict=True):
            (record,) = epochs(chunk["sd".index(kind)], optimizer, 1, W=W, buffers=buffers)
            W, buffers = record.W, record.buffers
            yield record

    assert_same_records(stream(kinds), stream("ddd"))


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=str)
def test_buffers_are_those_of_the_features_seen_and_the_record_of_an_epoch_stays(optimizer):
    by_sparse, _ = both(some_rows())
    at_once = epochs(by_sparse, optimizer)
    for n_epochs, record in enumerate(at_once, start=1):
        alone = epochs(by_sparse, optimizer, n_epochs)[-1]
        torch.testing.assert_close(record.W, alone.W, rtol=0, atol=0)
        torch.testing.assert_close(record.buffers, alone.buffers, rtol=0, atol=0)
    n_columns = np.count_nonzero(some_rows().any(axis=0)) + 1
    assert {len(b) for b in at_once[-1].buffers.values() if b.ndim} == {n_columns}


def test_entries_that_are_stored_twice_or_in_any_order_are_added():
    X = some_rows()
    by_sparse, by_dense = both(X)
    halves = sparse.csr_array(X)
    for name in ("indices", "data"):
        # Each entry in two halves, the rows from right to left.
        of_rows = np.split(getattr(halves, name), halves.indptr[1:-1])
        setattr(halves, name, np.concatenate([np.repeat(row[::-1], 2) for row in of_rows]))
    halves.indptr *= 2
    halves.data /= 2
    rows = SparseRows(halves, by_sparse.rows.columns, by_sparse.rows.placement)
    found = epochs(replace(by_sparse, rows=rows), OPTIMIZERS[1])
    assert_same_records(found, epochs(by_dense, OPTIMIZERS[1]))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=str)
def test_a_minibatch_may_have_no_entry(optimizer, fit_intercept):
    X = some_rows()
    X[:-1] = 0.0
    by_sparse, by_dense = both(X, fit_intercept=fit_intercept)
    assert_same_records(epochs(by_sparse, optimizer), epochs(by_dense, optimizer))


def test_no_minibatch_is_made_dense(monkeypatch):
    by_sparse, _ = both(some_rows())
    monkeypatch.setattr(sparse.csr_array, "toarray", None)  # calling it would raise
    epochs(by_sparse, OPTIMIZERS[0])
    epochs(by_sparse, OPTIMIZERS[1])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_missed_steps_come_to_what_each_of_them_does(momentum):
    optimizer, shrinkage = SGD(0.05, momentum), 0.3
    W, velocity = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0)).double()
    missed = MissedSteps(optimizer.idle_matrix(torch.tensor([shrinkage]).double()), W)
    found = W.clone(), velocity.clone()
    for column in (0, 3, 3, 5, 0, 1, 1, 1, 2):
        used = torch.tensor([column])
        for values, latest in zip(found, missed.take(used, *found), strict=True):
            values[used] = latest
        of_column = [values[column] for values in found]  # views
        optimizer.step(of_column[0], shrinkage * of_column[0], {"velocity": of_column[1]}, 1, None)
        missed.count(used)
        optimizer.step(W, shrinkage * W, {"velocity": velocity}, 1, None)
    torch.testing.assert_close(missed.take(torch.arange(6), *found), (W, velocity))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("of_labels", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_labels_take_the_steps_of_separate_fits_to_the_dense_rows(
    fit_intercept, of_labels, l1_ratio, optimizer
):
    X = some_rows()
    shape = (N_ROWS, 1, 3) if of_labels else (N_ROWS,)
    weights = torch.rand(shape, generator=torch.Generator().manual_seed(1)).double()
    dense, _, *columns = make_labels(
        X=torch.from_numpy(X),
        weights=weights,
        alphas=(0.003,),
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
    )
    rows = SparseRows(sparse.csr_array(X), tuple(columns), dense.rows.placement)
    dense = replace(dense, alpha=dense.alpha * (torch.arange(3.0) + 1.0 if of_labels else 1.0))
    found = epochs(replace(dense, rows=rows), optimizer)
    for m in range(3):
        expected = epochs(alone(dense, m), optimizer)
        for together, by_itself in zip(found, expected, strict=True):
            torch.testing.assert_close(together.W[m], by_itself.W[0], rtol=1e-9, atol=1e-13)
            torch.testing.assert_close(together.value[m], by_itself.value[0])
