"""The full-batch solver takes the method that suits the size, and ends at one optimum."""

import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.solvers import full_batch, newton
from skorchless._engine.solvers.full_batch import minimize_full_batch


def optimum(objective, W=None, tol=1e-10):
    W = torch.zeros(objective.weights_shape) if W is None else W
    *_, last = minimize_full_batch(objective, W, tol=tol)
    return last.W


def test_a_small_problem_is_solved_by_newton_and_a_large_one_by_lbfgs(monkeypatch):
    monkeypatch.setattr(full_batch, "LBFGSDirections", None)  # calling it would raise
    objective, *_ = make_objective()
    small = optimum(objective)
    monkeypatch.undo()
    monkeypatch.setattr(newton, "MAX_PRODUCTS", 0)
    monkeypatch.setattr(full_batch, "NewtonDirections", None)
    torch.testing.assert_close(optimum(objective), small, rtol=0, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.1, 0.0])
def test_what_all_classes_have_in_common_at_the_start_is_dropped(alpha):
    objective, *_ = make_objective(n_classes=3, alphas=(alpha,))
    W = random_weights(objective)
    shifted = W + torch.arange(W.shape[2])
    torch.testing.assert_close(
        optimum(objective, shifted), optimum(objective, W), rtol=0, atol=1e-7
    )
