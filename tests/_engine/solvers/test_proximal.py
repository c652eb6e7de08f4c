"""Proximal steps: the quadratic that they minimise, and the optimum that they reach."""

from dataclasses import replace
from itertools import pairwise

import oracles
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.curvature import grad_of_centred, weights_of_centred
from skorchless._engine.metric import shared_metric
from skorchless._engine.solvers import newton, proximal, refresh
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.descent import Point, descend
from skorchless._engine.solvers.proximal import (
    BFGSCurvature,
    HessianCurvature,
    ProximalDirections,
)


def points(objective, n_points):
    """Return points that get nearer to each other."""
    W = random_weights(objective, 0)
    Ws = [W + 0.5**i * random_weights(objective, i) for i in range(n_points)]
    return [Point(W, *objective.value_and_grad(W)) for W in Ws]


def matrix_of(quadratic):
    """Return the matrices (M, n, n) that the quadratic multiplies by."""
    unit = torch.eye(quadratic.w.shape[1]).double()
    columns = [quadratic.B.multiply(row.expand_as(quadratic.w)) for row in unit]
    return torch.stack(columns, dim=2)


def updated(objective, visited):
    """Return the dense BFGS matrix of one model, by its recursion from the scaled metric."""
    metric = shared_metric(objective)
    shape = objective.weights_shape
    unit = torch.eye(shape[1] * shape[2]).double().view(-1, *shape)
    B0 = metric.apply(unit).flatten(1)
    pairs = [
        (
            weights_of_centred(b.W - a.W, metric.mean).flatten(),
            grad_of_centred(b.grad - a.grad, metric.mean).flatten(),
        )
        for a, b in pairwise(visited)
    ][-10:]
    s, y = pairs[-1]
    B = B0 * (s @ y) / (s @ B0 @ s)
    for s, y in pairs:
        Bs = B @ s
        B = B - torch.outer(Bs, Bs) / (s @ Bs) + torch.outer(y, y) / (s @ y)
    return B


@pytest.fixture
def without_classes(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: float("inf"))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_points", [2, 4, 15])
@pytest.mark.usefixtures("without_classes")
def test_the_compact_form_is_the_bfgs_recursion(n_points, n_classes, fit_intercept):
    objective, *_ = make_objective(n_classes, l1_ratio=0.5, fit_intercept=fit_intercept)
    visited = points(objective, n_points)
    curvature = BFGSCurvature(objective, visited[0])
    for point in visited:
        quadratic = curvature.at(point)
    expected = updated(objective, visited)
    (matrix,) = matrix_of(quadratic)
    torch.testing.assert_close(matrix, expected, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(quadratic.B.diagonal[0], expected.diagonal(), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_where_it_is_cheap_the_curvature_is_the_hessian(n_classes):
    X = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).double()
    X[:, [1, 4]] += 10.0
    objective, X, *data = make_objective(n_classes, X=X, l1_ratio=0.5)
    (point,) = points(objective, 1)
    quadratic = HessianCurvature(objective).at(point)
    # By the weights of features that are centred where they lie far from zero.
    mean = X.mean(0) * torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0])
    W = weights_of_centred(point.W, mean)[0]
    expected = oracles.hessian(
        W, X - mean, *data, 0.1, n_classes=n_classes, fit_intercept=True, l1_ratio=0.5
    )
    torch.testing.assert_close(matrix_of(quadratic)[0], expected, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(quadratic.B.diagonal[0], expected.diagonal(), rtol=1e-6, atol=1e-8)


def test_a_hessian_that_overflows_or_vanishes_still_gives_a_direction():
    huge, *_ = make_objective(X=1e30 * torch.ones(40, 2), dtype=torch.float32, l1_ratio=0.5)
    (point,) = points(huge, 1)
    assert ProximalDirections(huge, point).at(point).isfinite().all()
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
    X[:, 1] = 0.0
    empty, *_ = make_objective(X=X, l1_ratio=1.0)
    (point,) = points(empty, 1)
    assert ProximalDirections(empty, point).at(point).isfinite().all()
    W = 1e6 * point.W  # where every p * (1 - p) underflows
    certain = Point(W, *empty.value_and_grad(W))
    assert not empty.hessian(W).any()
    assert ProximalDirections(empty, certain).at(certain).isfinite().all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [HessianCurvature, BFGSCurvature])
def test_the_matrices_of_some_models_are_those_of_the_batch(kind, n_classes, monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 2)
    objective, *_ = make_objective(n_classes, alphas=(0.01, 0.1, 1.0), l1_ratio=0.5)
    visited = points(objective, 5)
    arguments = (objective,) if kind is HessianCurvature else (objective, visited[0])
    curvature = kind(*arguments)
    for point in visited:
        quadratic = curvature.at(point)
    some = torch.tensor([2, 0])
    part = replace(quadratic, B=quadratic.B.take(some), w=quadratic.w[some])
    torch.testing.assert_close(matrix_of(part), matrix_of(quadratic)[some])
    torch.testing.assert_close(part.B.diagonal, quadratic.B.diagonal[some])


def start_of(objective):
    W = torch.zeros(objective.weights_shape).double()
    return Point(W, *objective.value_and_grad(W))


def minimize(objective, tol=1e-9):
    start = start_of(objective)
    *_, last = descend(objective, start, ProximalDirections(objective, start), tol=tol)
    return last


@pytest.fixture(params=["hessian", "bfgs"])
def curvature(request, monkeypatch):
    if request.param == "bfgs":
        monkeypatch.setattr(newton, "MAX_PRODUCTS", 0)


def test_a_step_is_precise_enough_for_features_far_from_zero(monkeypatch):
    # Their gradients are the centred ones plus the mean times the intercept's.
    monkeypatch.setattr(newton, "MAX_PRODUCTS", 0)
    X = torch.randn(600, 40, generator=torch.Generator().manual_seed(0)).double() + 1000.0
    objective, *_ = make_objective(3, X=X, alphas=(0.01,), l1_ratio=1.0)
    start = start_of(objective)
    directions = ProximalDirections(objective, start, tol=1e-4)
    *_, last = descend(objective, start, directions, tol=1e-4)
    assert (last.remaining <= 1e-4).all()


def test_features_far_from_zero_take_hardly_more_iterations():
    n_iterations = {}
    for offset in (0.0, 50.0):
        X = torch.randn(600, 40, generator=torch.Generator().manual_seed(0)).double() + offset
        objective, *_ = make_objective(3, X=X, alphas=(0.01,), l1_ratio=1.0)
        start = start_of(objective)
        directions = ProximalDirections(objective, start, tol=1e-4)
        n_iterations[offset] = len(list(descend(objective, start, directions, tol=1e-4)))
    assert n_iterations[50.0] <= n_iterations[0.0] + 3


@pytest.mark.usefixtures("curvature")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.2, 1.0])
def test_the_end_is_the_optimum(n_classes, fit_intercept, l1_ratio):
    objective, *data = make_objective(
        n_classes, l1_ratio=l1_ratio, alphas=(0.4,), fit_intercept=fit_intercept
    )
    last = minimize(objective)
    violation = oracles.smallest_subgradient(
        last.W[0], *data, 0.4, n_classes=n_classes, fit_intercept=fit_intercept, l1_ratio=l1_ratio
    )
    assert last.status == Status.CONVERGED
    assert float(violation.abs().max()) <= 1e-9
    assert float(violation.abs().max()) == pytest.approx(float(last.remaining), abs=1e-13)
    assert (last.W == 0).any()
    if n_classes > 2 and fit_intercept:
        assert float(last.W[..., -1].sum()) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.usefixtures("curvature")
def test_a_batch_of_models_ends_where_each_ends_alone():
    alphas = (1e-3, 0.03, 10.0)
    batch, *_ = make_objective(alphas=alphas, l1_ratio=0.7)
    together = minimize(batch, tol=1e-10)
    for m, alpha in enumerate(alphas):
        alone = minimize(make_objective(alphas=(alpha,), l1_ratio=0.7)[0], tol=1e-10)
        torch.testing.assert_close(together.W[m], alone.W[0], atol=1e-7, rtol=0)
        assert torch.equal(together.W[m] == 0, alone.W[0] == 0)


@pytest.mark.usefixtures("without_classes")
def test_forgetting_one_model_leaves_the_others():
    objective, *_ = make_objective(alphas=(0.1, 0.1), l1_ratio=0.5)
    visited = points(objective, 4)
    whole, forgetful = (BFGSCurvature(objective, visited[0]) for _ in range(2))
    for point in visited:
        whole.at(point)
        forgetful.at(point)
    forgetful.forget(torch.tensor([True, False]))
    kept, lost = (matrix_of(c.at(visited[-1])) for c in (whole, forgetful))
    torch.testing.assert_close(kept[1], lost[1])
    scale = forgetful._scale[0]  # sigma alone is kept
    unit = torch.eye(18).double().view(-1, 1, 3, 6).expand(-1, 2, -1, -1)
    plain = scale * shared_metric(objective).apply(unit)[:, 0].flatten(1)
    torch.testing.assert_close(lost[0], plain)


def test_the_models_kept_go_on_as_in_the_batch(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 3)
    objective, *_ = make_objective(n_rows=400, alphas=(0.01, 0.1, 1.0), l1_ratio=0.5)
    visited = points(objective, 13)
    part = torch.tensor([0, 2])
    whole, kept = (BFGSCurvature(objective, visited[0]) for _ in range(2))
    for i, point in enumerate(visited):
        if i == 11:
            kept.keep(part)
        expected = whole.at(point)
        quadratic = kept.at(point if i < 11 else point.take(part))
    torch.testing.assert_close(matrix_of(quadratic), matrix_of(expected)[part])
    torch.testing.assert_close(quadratic.grad, expected.grad[part])


def test_looking_at_the_classes_saves_iterations(monkeypatch):
    monkeypatch.setattr(newton, "MAX_PRODUCTS", 0)
    X = torch.randn(2000, 8, generator=torch.Generator().manual_seed(0)).double()
    objective, _, codes, _ = make_objective(n_classes=4, X=X, alphas=(1e-4,), l1_ratio=0.5)
    codes.copy_((X[:, :4] * torch.tensor([1.0, 3.0, 9.0, 27.0])).argmax(1))

    def n_iterations():
        start = start_of(objective)
        directions = ProximalDirections(objective, start)
        return sum(1 for _ in descend(objective, start, directions, tol=1e-7))

    with_classes = n_iterations()
    monkeypatch.setattr(proximal, "class_metric", lambda *_: None)
    assert with_classes < n_iterations()
