"""The preconditioner: an inverse of X's curvature plus the penalty, and never infinite."""

import numpy as np
import pytest
import torch
from problems import make_objective, n_lbfgs_iterations

from skorchless._engine import curvature, preconditioner
from skorchless._engine.curvature import DAMPING, SOFTMAX_CURVATURE
from skorchless._engine.preconditioner import shared_preconditioner
from skorchless._engine.solvers import lbfgs, refresh


def dense(applied, n_columns):
    """Return the operator on one row of weights as a matrix."""
    # As so many gradients of one model with one row of weights.
    unit = torch.eye(n_columns, dtype=torch.float64)[:, None]  # (D, 1, D)
    return torch.stack([applied.apply(row[None, None])[0, 0, 0] for row in unit]).numpy()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("max_spectral", [1500, 0], ids=["spectral", "diagonal"])
def test_it_is_symmetric_and_positive_definite(fit_intercept, max_spectral, monkeypatch):
    monkeypatch.setattr(curvature, "MAX_MATRIX_FEATURES", max_spectral)
    objective, *_ = make_objective(fit_intercept=fit_intercept)
    matrix = dense(shared_preconditioner(objective), objective.weights_shape[-1])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
    assert (np.linalg.eigvalsh(matrix) > 0).all()


def test_it_is_the_inverse_of_damped_curvature_plus_penalty():
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, X, _, weights = make_objective(weights=weights)
    matrix = dense(shared_preconditioner(objective), 6)
    share = (weights / weights.sum()).numpy()
    ones = np.column_stack([X.numpy(), np.ones(40)])
    # In the coordinates of centred features the penalty is on W alone.
    mean = share @ X.numpy()
    to_centred = np.eye(6)
    to_centred[5, :5] = mean
    damping = SOFTMAX_CURVATURE * DAMPING * np.ptp(X.numpy(), axis=0) ** 2
    penalty = np.diag([*(0.1 + damping), 0.0])
    curvature = SOFTMAX_CURVATURE * (ones.T * share) @ ones
    centred = np.linalg.inv(to_centred)
    expected = np.linalg.inv(centred.T @ curvature @ centred + penalty)
    np.testing.assert_allclose(centred @ expected @ centred.T, matrix, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 1e-8, 1.0])
def test_constant_and_duplicate_columns_stay_finite(alpha):
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X = torch.cat([X, X[:, :1], torch.full((40, 1), 7.0, dtype=torch.float64)], dim=1)
    objective, *_ = make_objective(X=X, alphas=(alpha,))
    matrix = dense(shared_preconditioner(objective), 6)
    assert np.isfinite(matrix).all()
    # No direction is scaled up beyond what the damping of the real ones lets through.
    least = DAMPING * float((X.amax(0) - X.amin(0))[:3].min()) ** 2
    assert np.linalg.eigvalsh(matrix).max() < 100 / (SOFTMAX_CURVATURE * least)


def test_features_whose_squares_overflow_stay_finite():
    X = 1e30 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    objective, *_ = make_objective(X=X, dtype=torch.float32)
    applied = shared_preconditioner(objective)
    assert applied.squared_range is None
    assert np.isfinite(dense(applied, 4)).all()


@pytest.mark.parametrize("max_matrix", [1500, 0], ids=["matrix", "diagonal"])
def test_it_saves_iterations_on_features_of_different_scales(max_matrix, monkeypatch):
    X = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective, *_ = make_objective(X=X * torch.logspace(-3, 3, 6).double(), alphas=(1e-3,))
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: float("inf"))
    monkeypatch.setattr(curvature, "MAX_MATRIX_FEATURES", max_matrix)
    preconditioned = n_lbfgs_iterations(objective)
    identity = preconditioner.Preconditioner(None, lambda grad, _: grad, None, torch.arange(1))
    monkeypatch.setattr(lbfgs, "shared_preconditioner", lambda _: identity)
    assert preconditioned < n_lbfgs_iterations(objective) / 2


def test_a_part_of_many_rows_serves(monkeypatch):
    objective, *_ = make_objective(n_rows=5000)
    full = dense(shared_preconditioner(objective), 6)
    monkeypatch.setattr(curvature, "MIN_GRAM_ROWS", 1000)
    part = dense(shared_preconditioner(objective), 6)
    assert not np.array_equal(part, full)
    np.testing.assert_allclose(part.diagonal(), full.diagonal(), rtol=0.2)


def test_rows_without_weight_among_the_thinned_ones_leave_it_finite(monkeypatch):
    monkeypatch.setattr(curvature, "MIN_GRAM_ROWS", 1)
    monkeypatch.setattr(curvature, "GRAM_ROWS_PER_FEATURE", 4)
    weights = torch.ones(40, dtype=torch.float64)
    weights[::2] = 0.0  # the very rows that thinning keeps
    objective, *_ = make_objective(weights=weights)
    assert np.isfinite(dense(shared_preconditioner(objective), 6)).all()


@pytest.mark.parametrize("max_matrix", [1500, 0], ids=["matrix", "diagonal"])
def test_what_few_rows_show_is_damped(max_matrix, monkeypatch):
    monkeypatch.setattr(curvature, "MAX_MATRIX_FEATURES", max_matrix)
    monkeypatch.setattr(curvature, "MIN_GRAM_ROWS", 40_000)
    # Two features of the same size: one in half of the rows, one in a single row.
    X = torch.zeros(40_000, 2).double()
    X[::2, 0], X[0, 1] = 2.0, 2.0
    objective, *_ = make_objective(2, X=X, alphas=(0.0,), fit_intercept=False)
    often, once = dense(shared_preconditioner(objective), 2).diagonal()
    plain = 1 / (SOFTMAX_CURVATURE * X.square().mean(0).numpy())
    assert often == pytest.approx(plain[0], rel=1e-3)
    assert once < plain[1] / 4


@pytest.mark.parametrize("max_matrix", [1500, 0], ids=["matrix", "diagonal"])
def test_it_follows_the_scale_of_each_feature(max_matrix, monkeypatch):
    monkeypatch.setattr(curvature, "MAX_MATRIX_FEATURES", max_matrix)
    scale = torch.tensor([1e-3, 1.0, 1.0, 1e3, 1.0]).double()
    X = make_objective()[1]
    plain, scaled = (
        dense(shared_preconditioner(make_objective(X=X * by, alphas=(0.0,))[0]), 6)[:5, :5]
        for by in (torch.ones(5), scale)
    )
    np.testing.assert_allclose(scaled * np.outer(scale, scale), plain, rtol=1e-6, atol=1e-9)


def test_a_part_of_the_models_is_scaled_as_in_the_batch():
    objective, *_ = make_objective(alphas=(0.1, 1.0, 10.0))
    shared = shared_preconditioner(objective)
    grad = torch.randn(2, 3, 3, 6, generator=torch.Generator().manual_seed(0)).double()
    part = torch.tensor([2, 0])
    torch.testing.assert_close(shared.take(part).apply(grad[:, part]), shared.apply(grad)[:, part])
