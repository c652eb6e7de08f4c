"""Newton's directions: of the inverse Hessian, and none where the objective is flat."""

import oracles
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.solvers.descent import Point, descend
from skorchless._engine.solvers.newton import NewtonDirections, is_newton_cheap


def point_at(objective, W):
    return Point(W, *objective.value_and_grad(W))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_direction_solves_the_newton_equation(n_classes, fit_intercept):
    objective, *data = make_objective(n_classes, fit_intercept=fit_intercept)
    W = random_weights(objective)
    point = point_at(objective, W)
    hessian = oracles.hessian(
        W[0], *data, 0.1, n_classes=n_classes, fit_intercept=fit_intercept
    )  # (K * D, K * D); singular along shifts of all intercepts
    direction = NewtonDirections(objective).at(point)
    torch.testing.assert_close(hessian @ direction.flatten(), -point.grad.flatten())


def test_a_flat_model_leaves_the_directions_of_the_others(monkeypatch):
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X = torch.cat([X, X[:, :1]], dim=1)  # without a penalty the objective is flat
    batch, *_ = make_objective(2, X=X, alphas=(0.1, 0.0, 1.0))
    W = random_weights(batch)
    point = point_at(batch, W)
    together = NewtonDirections(batch).at(point)
    n_flat = []
    of_flat = NewtonDirections._step_where_curved

    def counted(self, hessian, grad):
        n_flat.append(len(hessian))
        return of_flat(self, hessian, grad)

    monkeypatch.setattr(NewtonDirections, "_step_where_curved", counted)
    for m in range(3):
        one = torch.tensor([m])
        alone = NewtonDirections(batch.take(one)).at(point.take(one))
        torch.testing.assert_close(together[m], alone[0])
    NewtonDirections(batch).at(point)
    assert n_flat == [1, 1]


def test_it_converges_quadratically():
    objective, *_ = make_objective(alphas=(1e-3,))
    W = torch.zeros(objective.weights_shape).double()
    start = point_at(objective, W)
    remaining = [
        float(p.remaining)
        for p in descend(objective, start, NewtonDirections(objective), tol=1e-12)
    ]
    assert len(remaining) < 10
    assert remaining[-1] < 10 * remaining[-2] ** 2 + 1e-15


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_constant_features_of_any_scale_are_not_moved(scale):
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X = torch.cat([X * scale, torch.zeros(40, 1).double()], dim=1)
    objective, *_ = make_objective(X=X, alphas=(0.0,))
    direction = NewtonDirections(objective).at(point_at(objective, random_weights(objective)))
    assert (direction[..., 3] == 0).all()
    assert torch.isfinite(direction).all()


def test_models_of_a_batch_go_where_each_goes_alone():
    weights = torch.rand(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    batch, *_ = make_objective(alphas=(0.1, 1.0), weights=weights)
    W = random_weights(batch)
    together = NewtonDirections(batch).at(point_at(batch, W))
    for m, alpha in enumerate((0.1, 1.0)):
        alone, *_ = make_objective(alphas=(alpha,), weights=weights[:, m])
        direction = NewtonDirections(alone).at(point_at(alone, W[m : m + 1]))
        torch.testing.assert_close(together[m], direction[0])


def test_where_squares_overflow_it_is_the_gradient():
    objective, *_ = make_objective(X=1e30 * torch.ones(40, 2), dtype=torch.float32)
    W = torch.zeros(objective.weights_shape).double()
    point = point_at(objective, W)
    torch.testing.assert_close(NewtonDirections(objective).at(point), -point.grad)


def test_it_is_cheap_only_while_the_hessian_is_small():
    def is_cheap(n_features, n_rows):
        return is_newton_cheap(
            make_objective(n_classes=2, n_rows=n_rows, n_features=n_features)[0]
        )

    assert is_cheap(30, 569)
    assert not is_cheap(300, 5000)
    assert not is_cheap(30, 500_000)
