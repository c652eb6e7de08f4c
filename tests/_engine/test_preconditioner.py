"""The preconditioner: an inverse of X's curvature plus the penalty, and never infinite."""

import numpy as np
import pytest
import torch
from problems import make_objective, n_lbfgs_iterations

from skorchless._engine import preconditioner
from skorchless._engine.preconditioner import SOFTMAX_CURVATURE, shared_preconditioner
from skorchless._engine.solvers import lbfgs


def dense(applied, n_columns):
    """Return the operator on one row of weights as a matrix."""
    # As so many gradients of one model with one row of weights.
    unit = torch.eye(n_columns, dtype=torch.float64)[:, None]  # (D, 1, D)
    return torch.stack([applied.apply(row[None, None])[0, 0, 0] for row in unit]).numpy()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("max_spectral", [1500, 0], ids=["spectral", "diagonal"])
def test_it_is_symmetric_and_positive_definite(fit_intercept, max_spectral, monkeypatch):
    monkeypatch.setattr(preconditioner, "MAX_MATRIX_FEATURES", max_spectral)
    objective, *_ = make_objective(fit_intercept=fit_intercept)
    matrix = dense(shared_preconditioner(objective), objective.weights_shape[-1])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
    assert (np.linalg.eigvalsh(matrix) > 0).all()


def test_it_is_the_inverse_of_curvature_plus_penalty():
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, X, _, weights = make_objective(weights=weights)
    matrix = dense(shared_preconditioner(objective), 6)
    share = (weights / weights.sum()).numpy()
    ones = np.column_stack([X.numpy(), np.ones(40)])
    # In the coordinates of centred features the penalty is on W alone.
    mean = share @ X.numpy()
    to_centred = np.eye(6)
    to_centred[5, :5] = mean
    penalty = np.diag([0.1] * 5 + [0.0])
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
    # No direction is scaled up beyond what the least varying real one is, or the penalty asks.
    assert np.linalg.eigvalsh(matrix).max() < 1e4


def test_features_whose_squares_overflow_stay_finite():
    X = 1e30 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    objective, *_ = make_objective(X=X, dtype=torch.float32)
    applied = shared_preconditioner(objective)
    assert applied.gram is None
    assert np.isfinite(dense(applied, 4)).all()


@pytest.mark.parametrize("max_matrix", [1500, 0], ids=["matrix", "diagonal"])
def test_it_saves_iterations_on_features_of_different_scales(max_matrix, monkeypatch):
    X = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective, *_ = make_objective(X=X * torch.logspace(-3, 3, 6).double(), alphas=(1e-3,))
    monkeypatch.setattr(lbfgs, "iterations_before_classes", lambda _: float("inf"))
    monkeypatch.setattr(preconditioner, "MAX_MATRIX_FEATURES", max_matrix)
    preconditioned = n_lbfgs_iterations(objective)
    identity = preconditioner.Preconditioner(None, lambda grad: grad, None)
    monkeypatch.setattr(lbfgs, "shared_preconditioner", lambda _: identity)
    assert preconditioned < n_lbfgs_iterations(objective) / 2


def test_a_part_of_many_rows_serves(monkeypatch):
    objective, *_ = make_objective(n_rows=5000)
    full = dense(shared_preconditioner(objective), 6)
    monkeypatch.setattr(preconditioner, "MIN_GRAM_ROWS", 1000)
    part = dense(shared_preconditioner(objective), 6)
    assert not np.array_equal(part, full)
    np.testing.assert_allclose(part.diagonal(), full.diagonal(), rtol=0.2)


def test_rows_without_weight_among_the_thinned_ones_leave_it_finite(monkeypatch):
    monkeypatch.setattr(preconditioner, "MIN_GRAM_ROWS", 1)
    monkeypatch.setattr(preconditioner, "GRAM_ROWS_PER_FEATURE", 4)
    weights = torch.ones(40, dtype=torch.float64)
    weights[::2] = 0.0  # the very rows that thinning keeps
    objective, *_ = make_objective(weights=weights)
    assert np.isfinite(dense(shared_preconditioner(objective), 6)).all()
