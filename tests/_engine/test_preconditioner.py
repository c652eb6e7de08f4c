"""The preconditioner: an inverse of X's curvature plus the penalty, and never infinite."""

import numpy as np
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine import preconditioner
from skorchless._engine.preconditioner import SOFTMAX_CURVATURE, curvature_preconditioner
from skorchless._engine.solvers import lbfgs


def dense(applied, n_columns):
    """Return the operator on one row of weights as a matrix."""
    unit = torch.eye(n_columns, dtype=torch.float64)[:, None]  # (D, 1, D): a batch of one each
    return torch.stack([applied.apply(row[None])[0, 0] for row in unit]).numpy()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("max_spectral", [1500, 0], ids=["spectral", "diagonal"])
def test_it_is_symmetric_and_positive_definite(fit_intercept, max_spectral, monkeypatch):
    monkeypatch.setattr(preconditioner, "MAX_SPECTRAL_FEATURES", max_spectral)
    objective, *_ = make_objective(fit_intercept=fit_intercept)
    matrix = dense(curvature_preconditioner(objective), objective.weights_shape[-1])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
    assert (np.linalg.eigvalsh(matrix) > 0).all()


def test_it_is_the_inverse_of_curvature_plus_penalty():
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, X, _, weights = make_objective(weights=weights)
    matrix = dense(curvature_preconditioner(objective), 6)
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
    applied = curvature_preconditioner(objective)
    # No direction is scaled up beyond what the least varying real one is, or the penalty asks.
    assert float(applied.inverse.max()) < 1e4
    assert torch.isfinite(applied.apply(random_weights(objective))).all()


def test_features_whose_squares_overflow_stay_finite():
    X = 1e30 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    objective, *_ = make_objective(X=X, dtype=torch.float32)
    assert torch.isfinite(curvature_preconditioner(objective).inverse).all()


@pytest.mark.parametrize("max_spectral", [1500, 0], ids=["spectral", "diagonal"])
def test_it_saves_iterations_on_features_of_different_scales(max_spectral, monkeypatch):
    X = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective, *_ = make_objective(X=X * torch.logspace(-3, 3, 6).double(), alphas=(1e-3,))
    W = torch.zeros(objective.weights_shape)

    def n_iterations():
        return sum(1 for _ in lbfgs.minimize_lbfgs(objective, W, tol=1e-6))

    monkeypatch.setattr(preconditioner, "MAX_SPECTRAL_FEATURES", max_spectral)
    preconditioned = n_iterations()

    class Identity:
        inverse = torch.ones(1, 6, dtype=torch.float64)

        def apply(self, grad):
            return grad

    monkeypatch.setattr(lbfgs, "curvature_preconditioner", lambda _: Identity())
    assert preconditioned < n_iterations() / 2


def test_a_thinned_gram_matrix_serves_for_many_rows(monkeypatch):
    objective, *_ = make_objective(n_rows=5000)
    full = curvature_preconditioner(objective).inverse
    monkeypatch.setattr(preconditioner, "MAX_GRAM_ROWS", 1000)
    thinned = curvature_preconditioner(objective).inverse
    torch.testing.assert_close(thinned, full, rtol=0.2, atol=0)


def test_rows_without_weight_among_the_thinned_ones_leave_it_finite(monkeypatch):
    monkeypatch.setattr(preconditioner, "MAX_GRAM_ROWS", 20)
    weights = torch.ones(40, dtype=torch.float64)
    weights[::2] = 0.0  # the very rows that thinning keeps
    objective, *_ = make_objective(weights=weights)
    applied = curvature_preconditioner(objective)
    assert torch.isfinite(applied.apply(random_weights(objective))).all()
