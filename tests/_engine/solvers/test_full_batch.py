"""The full-batch solver takes the method that suits the size, and ends at one optimum."""

import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.solvers import full_batch, newton
from skorchless._engine.solvers.base import Status
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


def test_with_and_without_an_l1_penalty_each_model_is_fitted_as_if_alone():
    alphas, l1_ratios = (0.01, 0.1, 0.3, 0.02), torch.tensor([0.5, 0.0, 1.0, 0.0]).double()
    objective, *_ = make_objective(alphas=alphas, l1_ratio=l1_ratios)
    W = random_weights(objective)
    history = list(minimize_full_batch(objective, W, tol=1e-9))
    lengths = []
    for m, l1_ratio in enumerate(l1_ratios):
        model = torch.tensor([m])
        alone = list(minimize_full_batch(objective.take(model), W[model], tol=1e-9))
        lengths.append(len(alone))
        assert float(history[0].value[m]) == pytest.approx(float(alone[0].value), rel=1e-12)
        torch.testing.assert_close(history[-1].W[m], alone[-1].W[0], rtol=0, atol=1e-7)
        assert (history[-1].W[m] == 0).any() == (l1_ratio > 0)
    assert len(history) == max(lengths)
    assert history[-1].status.tolist() == [Status.CONVERGED] * 4


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("max_products", [newton.MAX_PRODUCTS, 0])
@pytest.mark.parametrize("max_features", [full_batch.MAX_MATRIX_FEATURES, 0])
def test_the_record_of_an_iteration_does_not_change_with_the_next(
    l1_ratio, max_products, max_features, monkeypatch
):
    monkeypatch.setattr(newton, "MAX_PRODUCTS", max_products)
    monkeypatch.setattr(full_batch, "MAX_MATRIX_FEATURES", max_features)
    objective, *_ = make_objective(alphas=(0.01, 0.1), l1_ratio=l1_ratio)
    solver = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-9)
    records = [(record, record.W.clone(), record.value.clone()) for record in solver]
    assert len(records) > 2
    for record, W, value in records:
        assert torch.equal(record.W, W)
        assert torch.equal(record.value, value)
