"""The curvature of classes: each one's own Hessian, from a sample of rows, here its inverse."""

import math

import numpy as np
import oracles
import pytest
import torch
from problems import make_objective, n_lbfgs_iterations, random_weights
from sklearn.datasets import load_digits

from skorchless._engine import class_curvature as module
from skorchless._engine.class_curvature import iterations_before_classes
from skorchless._engine.preconditioner import class_preconditioner, shared_preconditioner
from skorchless._engine.solvers import refresh


def blocks_of(objective, W, damping=0.0):
    """Return the operator of each class as a matrix (K, D, D)."""
    applied = class_preconditioner(objective, W, shared_preconditioner(objective), damping)
    n_columns = W.shape[2]
    unit = torch.eye(n_columns, dtype=torch.float64)[:, None, None].expand(-1, *W.shape[:2], -1)
    return applied.apply(unit)[:, 0].movedim(0, 2)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_of_few_rows_it_is_the_inverse_of_each_classs_hessian(n_classes, fit_intercept):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, *data = make_objective(n_classes, weights=weights, fit_intercept=fit_intercept)
    W = random_weights(objective)
    hessian = oracles.hessian(W[0], *data, 0.1, n_classes=n_classes, fit_intercept=fit_intercept)
    n_columns = W.shape[2]
    for k, block in enumerate(blocks_of(objective, W)):
        own = slice(k * n_columns, (k + 1) * n_columns)
        torch.testing.assert_close(block, torch.linalg.inv(hessian[own, own]))


def test_a_sample_of_many_rows_is_near_the_whole(monkeypatch):
    objective, *_ = make_objective(n_rows=20_000)
    W = 3.0 * random_weights(objective)  # most rows are classified beyond doubt
    sampled = blocks_of(objective, W)
    monkeypatch.setattr(module, "MIN_DRAWN_ROWS", 20_000)
    whole = blocks_of(objective, W)
    assert not torch.equal(sampled, whole)
    for part, full in zip(sampled, whole, strict=True):
        spectrum = np.linalg.eigvals(part.numpy() @ np.linalg.inv(full.numpy())).real
        assert 0.8 < spectrum.min() < spectrum.max() < 1.25


def test_rows_are_drawn_by_their_curvature(monkeypatch):
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
    for block in blocks_of(objective, 0.1 * random_weights(objective), damping=1e-3):
        assert np.linalg.eigvalsh(block.numpy()).max() < 1e5


def test_where_no_row_has_curvature_there_is_none():
    objective, *_ = make_objective(2, alphas=(0.0,))
    shared = shared_preconditioner(objective)
    saturated = 1e6 * random_weights(objective)
    assert class_preconditioner(objective, saturated, shared, 1e-3) is None


def test_where_squares_overflow_there_is_none():
    objective, *_ = make_objective(X=1e30 * torch.ones(40, 2), dtype=torch.float32)
    shared = shared_preconditioner(objective)
    assert class_preconditioner(objective, random_weights(objective), shared, 1e-3) is None


def test_damping_is_that_of_the_curvature_in_squared_ranges():
    objective, X, *_ = make_objective(2, fit_intercept=False)
    W = random_weights(objective)
    (plain,), (damped,) = (torch.linalg.inv(blocks_of(objective, W, d)) for d in (0.0, 0.01))
    p = torch.sigmoid(X @ W[0, 0])
    expected = 0.01 * (p * (1 - p)).mean() * (X.amax(0) - X.amin(0)).square()
    torch.testing.assert_close(damped - plain, expected.diag())


def grid_objective(n_penalties, n_folds=2):
    """Return an objective of each penalty on each fold, the weaker penalties first."""
    alphas = tuple(0.1 * 10**c for c in range(n_penalties)) * n_folds
    weights = torch.rand(40, n_folds, generator=torch.Generator().manual_seed(2)).double()
    weights = weights.repeat_interleave(n_penalties, 1)
    return make_objective(alphas=alphas, weights=weights)


def test_models_of_similar_penalties_share_the_mean_of_their_hessians(monkeypatch):
    monkeypatch.setattr(module, "MAX_GROUPS", 2)
    monkeypatch.setattr(module, "_n_affordable", lambda _: 2)
    objective, X, codes, weights = grid_objective(2)
    W = random_weights(objective)
    shared = shared_preconditioner(objective)
    applied = class_preconditioner(objective, W, shared, 0.0)
    grad = random_weights(objective, 3)
    step = applied.apply(grad[None])[0]
    hessians = [
        oracles.hessian(
            *(W[m], X, codes, weights[:, m], float(objective.alpha[m])),
            n_classes=3,
            fit_intercept=True,
        )
        for m in range(4)
    ]
    for pair in ([0, 2], [1, 3]):  # the folds of each penalty
        mean = (hessians[pair[0]] + hessians[pair[1]]) / 2
        for k in range(3):
            own = slice(6 * k, 6 * k + 6)
            expected = torch.linalg.solve(mean[own, own], grad[pair, k].T).T
            torch.testing.assert_close(step[pair, k], expected)


def test_all_hessians_together_are_no_larger_than_X():
    few, *_ = make_objective(n_rows=1000, n_features=5, alphas=(1e-3, 1.0, 1e3, 1e6))
    W = random_weights(few)
    group = module.groups(few)
    assert group.tolist() == [0, 0, 1, 2]
    assert len(group.unique()) == module.MAX_GROUPS
    narrow, *_ = make_objective(n_rows=50, n_features=5, alphas=(1e-3, 1.0, 1e3, 1e6))
    n_groups = len(module.groups(narrow).unique())
    assert n_groups * W.shape[1] * W.shape[2] ** 2 <= 50 * 5
    assert n_groups == 2


@pytest.mark.parametrize("n_folds", [1, 5])
def test_folds_of_one_penalty_are_one_group(n_folds):
    # 33 of 50 samples in one fold, 34 in another: the same C, and penalties 3 % apart.
    of_folds = torch.linspace(1.0, 1.03, n_folds)
    penalties = torch.tensor([1e-3, 1e-1, 1e1])
    alphas = (of_folds[:, None] * penalties).flatten().tolist()
    objective, *_ = make_objective(n_rows=1000, n_features=5, alphas=tuple(alphas))
    assert module.groups(objective).view(n_folds, 3).unique(dim=0).tolist() == [[0, 1, 2]]
    one, *_ = make_objective(n_rows=1000, n_features=5, alphas=tuple(alphas[::3]))
    assert module.groups(one).tolist() == [0] * n_folds
    none, *_ = make_objective(n_rows=1000, n_features=5, alphas=(0.0, 0.0, 1.0))
    assert module.groups(none).tolist() == [0, 0, 1]


def test_a_part_of_the_models_is_scaled_as_in_the_batch(monkeypatch):
    monkeypatch.setattr(module, "_n_affordable", lambda _: 3)
    objective, *_ = grid_objective(3)
    W = random_weights(objective)
    applied = class_preconditioner(objective, W, shared_preconditioner(objective), 1e-3)
    grad = torch.stack([random_weights(objective, seed) for seed in (3, 4)])
    part = torch.tensor([5, 1])
    step = applied.take(part).apply(grad[:, part])
    torch.testing.assert_close(step, applied.apply(grad)[:, part])


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
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: math.inf)
    assert n_iterations < n_lbfgs_iterations(objective) / 2
