"""The class preconditioner: the inverse of each class's own Hessian, from a sample of rows."""

import math

import numpy as np
import oracles
import pytest
import torch
from problems import make_objective, n_lbfgs_iterations, random_weights
from sklearn.datasets import load_digits

from skorchless._engine import class_preconditioner as module
from skorchless._engine.class_preconditioner import (
    class_preconditioner,
    iterations_before_classes,
)
from skorchless._engine.preconditioner import shared_preconditioner
from skorchless._engine.solvers import lbfgs


def blocks_of(objective, W):
    """Return the operator of each class as a matrix (K, D, D)."""
    applied = class_preconditioner(objective, W, shared_preconditioner(objective))
    n_columns = W.shape[2]
    unit = torch.eye(n_columns, dtype=torch.float64)[:, None, None].expand(-1, *W.shape[:2], -1)
    return applied.apply(unit)[:, 0].movedim(0, 2)


@pytest.fixture
def without_shrinkage(monkeypatch):
    monkeypatch.setattr(module, "SHRINKAGE_TO_GRAM", 0.0)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_of_few_rows_it_is_the_inverse_of_each_classs_hessian(
    n_classes, fit_intercept, without_shrinkage
):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, *data = make_objective(n_classes, weights=weights, fit_intercept=fit_intercept)
    W = random_weights(objective)
    hessian = oracles.hessian(W[0], *data, 0.1, n_classes=n_classes, fit_intercept=fit_intercept)
    n_columns = W.shape[2]
    for k, block in enumerate(blocks_of(objective, W)):
        own = slice(k * n_columns, (k + 1) * n_columns)
        torch.testing.assert_close(block, torch.linalg.inv(hessian[own, own]))


def test_a_sample_of_many_rows_is_near_the_whole(monkeypatch, without_shrinkage):
    objective, *_ = make_objective(n_rows=20_000)
    W = 3.0 * random_weights(objective)  # most rows are classified beyond doubt
    sampled = blocks_of(objective, W)
    monkeypatch.setattr(module, "MIN_DRAWN_ROWS", 20_000)
    whole = blocks_of(objective, W)
    assert not torch.equal(sampled, whole)
    for part, full in zip(sampled, whole, strict=True):
        spectrum = np.linalg.eigvals(part.numpy() @ np.linalg.inv(full.numpy())).real
        assert 0.8 < spectrum.min() < spectrum.max() < 1.25


def test_rows_are_drawn_by_their_curvature(monkeypatch, without_shrinkage):
    # One row in a hundred is not saturated and has all the curvature of its feature.
    X = torch.zeros(10_000, 2).double()
    X[:, 0], X[::100, 0], X[::100, 1] = 30.0, 0.0, 1.0
    objective, *_ = make_objective(2, X=X, fit_intercept=False, alphas=(1e-3,))
    W = torch.tensor([[[1.0, 0.0]]]).double()
    monkeypatch.setattr(module, "MIN_DRAWN_ROWS", 50)
    (block,) = blocks_of(objective, W)
    assert float(block[1, 1]) == pytest.approx(1 / (0.25 / 100 + 1e-3), rel=1e-6)


def test_weights_of_any_scale_give_the_same_operator():
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    blocks = [
        blocks_of(objective, random_weights(objective))
        for objective, *_ in (make_objective(weights=weights), make_objective(weights=9 * weights))
    ]
    torch.testing.assert_close(*blocks)


@pytest.mark.parametrize("alpha", [0.0, 1e-9])
def test_constant_and_duplicate_columns_do_not_blow_it_up(alpha):
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X = torch.cat([X, X[:, :1], torch.full((40, 1), 7.0, dtype=torch.float64)], dim=1)
    objective, *_ = make_objective(X=X, alphas=(alpha,))
    for block in blocks_of(objective, 0.1 * random_weights(objective)):
        assert np.linalg.eigvalsh(block.numpy()).max() < 1e5


def test_where_no_row_has_curvature_there_is_none():
    objective, *_ = make_objective(2, alphas=(0.0,))
    shared = shared_preconditioner(objective)
    saturated = 1e6 * random_weights(objective)
    assert class_preconditioner(objective, saturated, shared) is None


def test_where_squares_overflow_there_is_none():
    objective, *_ = make_objective(X=1e30 * torch.ones(40, 2), dtype=torch.float32)
    shared = shared_preconditioner(objective)
    assert class_preconditioner(objective, random_weights(objective), shared) is None


def test_it_comes_later_the_more_it_costs():
    def iterations(**shape):
        return iterations_before_classes(make_objective(**shape)[0])

    assert iterations(n_rows=1000, n_features=20) == module.MIN_ITERATIONS
    assert module.MIN_ITERATIONS < iterations(n_rows=1000, n_features=150) < math.inf
    assert iterations(n_rows=100, n_features=150) == math.inf  # larger than X itself


def test_it_saves_iterations(monkeypatch):
    X, y = load_digits(return_X_y=True)
    objective, _, codes, _ = make_objective(n_classes=10, X=torch.from_numpy(X), alphas=(1e-3,))
    codes.copy_(torch.from_numpy(y))
    n_iterations = n_lbfgs_iterations(objective)
    monkeypatch.setattr(lbfgs, "iterations_before_classes", lambda _: math.inf)
    assert n_iterations < n_lbfgs_iterations(objective) / 2
