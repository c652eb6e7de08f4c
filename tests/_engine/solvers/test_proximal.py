"""Proximal steps: the quadratic that they minimise, and the optimum that they reach."""

import math
from itertools import pairwise

import oracles
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import centered_objective, feature_moments
from skorchless._engine.curvature.hessian_approximation import diagonal_approximation
from skorchless._engine.objective import weights_of_raw
from skorchless._engine.records import take_models
from skorchless._engine.solvers import quasi_newton
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.descent import Point, descend, point_at
from skorchless._engine.solvers.proximal import HessianCurvature, ProximalDirections
from skorchless._engine.solvers.quasi_newton import BFGSCurvature
from skorchless._engine.solvers.strategy import ClassHessianSchedule

METHODS = ["hessian", "bfgs"]


def points(objective, n_points):
    """Return points that get nearer to each other."""
    W = random_weights(objective, 0)
    Ws = [W + 0.5**i * random_weights(objective, i) for i in range(n_points)]
    return [point_at(objective, W) for W in Ws]


def matrix_of(B):
    """Return the matrices (M, n, n) that ``B`` multiplies by."""
    n_models, n_weights = B.diagonal.shape
    unit = torch.eye(n_weights).double()
    columns = [B.multiply(row.expand(n_models, -1)) for row in unit]
    return torch.stack(columns, dim=2)


def bfgs(objective, start, interval=math.inf):
    """Return a BFGS curvature whose class Hessians are due after ``interval`` points."""
    schedule = ClassHessianSchedule(interval)
    return BFGSCurvature(objective, start, feature_moments(objective), schedule)


def updated(objective, visited):
    """Return the dense BFGS matrix of one model, by its recursion from the scaled diagonal."""
    first = diagonal_approximation(objective, feature_moments(objective))
    B = torch.diag(first.diagonal[0].flatten())
    pairs = [((b.W - a.W).flatten(), (b.grad - a.grad).flatten()) for a, b in pairwise(visited)]
    s, y = pairs[-1]
    B = B * (s @ y) / (s @ B @ s)
    for s, y in pairs[-10:]:
        Bs = B @ s
        B = B - torch.outer(Bs, Bs) / (s @ Bs) + torch.outer(y, y) / (s @ y)
    return B


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_points", [2, 4, 15])
def test_the_compact_form_is_the_bfgs_recursion(n_points, n_classes, fit_intercept):
    objective, *_ = make_objective(n_classes, l1_ratio=0.5, fit_intercept=fit_intercept)
    objective, _ = centered_objective(objective)
    visited = points(objective, n_points)
    curvature = bfgs(objective, visited[0])
    for point in visited:
        B = curvature.at(point)
    expected = updated(objective, visited)
    torch.testing.assert_close(matrix_of(B)[0], expected, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(B.diagonal[0], expected.diagonal(), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_where_it_is_cheap_the_curvature_is_the_hessian(n_classes):
    X = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).double()
    X[:, [1, 4]] += 10.0
    objective, X, *data = make_objective(n_classes, X=X, l1_ratio=0.5)
    objective, moments = centered_objective(objective)
    (point,) = points(objective, 1)
    B = HessianCurvature(objective).at(point)
    expected = oracles.hessian(
        *(point.W[0], X - X.mean(0), *data, 0.1),
        n_classes=n_classes,
        fit_intercept=True,
        l1_ratio=0.5,
    )
    torch.testing.assert_close(matrix_of(B)[0], expected, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(B.diagonal[0], expected.diagonal(), rtol=1e-6, atol=1e-8)
    directions = ProximalDirections(objective, point, moments)
    assert directions.method == "proximal-newton"


def direction_at(objective, W):
    """Return the direction of the first step from ``W``."""
    start = point_at(objective, W)
    return ProximalDirections(objective, start, feature_moments(objective)).at(start)


WITHOUT_HESSIANS = Costs(max_proximal_ratio=0.0)


@pytest.fixture(params=[Costs(max_proximal_ratio=math.inf), WITHOUT_HESSIANS], ids=METHODS)
def costs(request):
    """Return costs by which directions are of an exact Hessian, or of a BFGS matrix."""
    return request.param


def test_a_hessian_that_overflows_or_vanishes_still_gives_a_direction(costs):
    X = 1e30 * torch.ones(40, 2)
    huge, *_ = make_objective(X=X, dtype=torch.float32, l1_ratio=0.5, costs=costs)
    X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
    X[:, 1] = 0.0
    empty, *_ = make_objective(X=X, l1_ratio=1.0, costs=costs)
    certain = 1e6 * random_weights(empty)  # where every p * (1 - p) underflows
    assert not empty.hessian(certain).any()
    starts = [(huge, random_weights(huge)), (empty, random_weights(empty)), (empty, certain)]
    for objective, W in starts:
        direction = direction_at(objective, W)
        assert direction.isfinite().all()
        assert direction.any()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", METHODS)
def test_the_matrices_of_some_models_are_those_of_the_batch(kind, n_classes):
    objective, *_ = make_objective(n_classes, n_rows=400, alphas=(0.01, 0.1, 1.0), l1_ratio=0.5)
    visited = points(objective, 5)
    of_all = HessianCurvature(objective) if kind == "hessian" else bfgs(objective, visited[0], 2)
    for point in visited:
        B = of_all.at(point)
    some = torch.tensor([2, 0])
    part = take_models(B, some)
    torch.testing.assert_close(matrix_of(part), matrix_of(B)[some])
    torch.testing.assert_close(part.diagonal, B.diagonal[some])


def history(objective, tol):
    """Return the progress of a fit from zero weights, by those of features as they are."""
    centered, moments = centered_objective(objective)
    start = point_at(centered, torch.zeros(objective.weights_shape).double())
    directions = ProximalDirections(centered, start, moments, tol=tol)
    center = None if centered.center is None else centered.center[:-1]
    return [
        progress.map_weights(lambda W: weights_of_raw(W, center))
        for progress in descend(centered, start, directions, tol=tol)
    ]


def far_from_zero(offset, **options):
    """Return an objective of features that lie about ``offset``."""
    X = torch.randn(600, 40, generator=torch.Generator().manual_seed(0)).double() + offset
    return make_objective(3, X=X, alphas=(0.01,), l1_ratio=1.0, **options)


def test_a_step_is_precise_enough_for_features_far_from_zero():
    # Their gradients are the centred ones plus the mean times the intercept's.
    objective, *data = far_from_zero(1000.0, costs=WITHOUT_HESSIANS)
    last = history(objective, tol=1e-4)[-1]
    assert (last.max_violation <= 1e-4).all()
    violation = oracles.smallest_subgradient(
        last.W[0], *data, 0.01, n_classes=3, fit_intercept=True, l1_ratio=1.0
    )
    assert float(violation.abs().max()) <= 1.01e-4


def test_features_far_from_zero_take_hardly_more_iterations():
    near, far = (len(history(far_from_zero(offset)[0], tol=1e-4)) for offset in (0.0, 50.0))
    assert far <= near + 3


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.2, 1.0])
def test_the_end_is_the_optimum(n_classes, fit_intercept, l1_ratio, costs):
    objective, *data = make_objective(
        n_classes, l1_ratio=l1_ratio, alphas=(0.4,), fit_intercept=fit_intercept, costs=costs
    )
    last = history(objective, tol=1e-9)[-1]
    violation = oracles.smallest_subgradient(
        last.W[0], *data, 0.4, n_classes=n_classes, fit_intercept=fit_intercept, l1_ratio=l1_ratio
    )
    assert last.status == Status.CONVERGED
    assert float(violation.abs().max()) <= 1e-9
    assert float(violation.abs().max()) == pytest.approx(float(last.max_violation), abs=1e-13)
    assert (last.W == 0).any()


def test_intercepts_of_centered_features_add_up_to_zero(costs):
    centered, moments = centered_objective(make_objective(l1_ratio=0.9, costs=costs)[0])
    start = point_at(centered, torch.zeros(centered.weights_shape).double())
    *_, last = descend(centered, start, ProximalDirections(centered, start, moments), tol=1e-9)
    assert float(last.W[..., -1].sum()) == pytest.approx(0.0, abs=1e-12)


def test_a_batch_of_models_ends_where_each_ends_alone(costs):
    alphas = (1e-3, 0.03, 10.0)
    batch, *_ = make_objective(alphas=alphas, l1_ratio=0.7, costs=costs)
    together = history(batch, tol=1e-10)[-1]
    for m, alpha in enumerate(alphas):
        objective, *_ = make_objective(alphas=(alpha,), l1_ratio=0.7, costs=costs)
        alone = history(objective, tol=1e-10)[-1]
        torch.testing.assert_close(together.W[m], alone.W[0], atol=1e-7, rtol=0)
        assert torch.equal(together.W[m] == 0, alone.W[0] == 0)


def test_forgetting_one_model_leaves_the_others():
    objective, *_ = make_objective(alphas=(0.1, 0.1), l1_ratio=0.5)
    visited = points(objective, 4)
    whole, forgetful = (bfgs(objective, visited[0]) for _ in range(2))
    for point in visited:
        whole.at(point)
        forgetful.at(point)
    forgetful.forget(torch.tensor([0]))
    kept, lost = (matrix_of(of.at(visited[-1])) for of in (whole, forgetful))
    torch.testing.assert_close(kept[1], lost[1])
    # The scale of the last pair alone is kept: s @ y / (s @ B_0 @ s).
    diagonal = diagonal_approximation(objective, feature_moments(objective)).diagonal[0].flatten()
    before, after = (Point(p.W[0], p.value, p.grad[0]) for p in visited[-2:])
    s, y = (after.W - before.W).flatten(), (after.grad - before.grad).flatten()
    torch.testing.assert_close(lost[0], torch.diag(diagonal) * (s @ y) / (s @ (diagonal * s)))


def test_the_models_kept_go_on_as_in_the_batch():
    objective, *_ = make_objective(n_rows=400, alphas=(0.01, 0.1, 1.0), l1_ratio=0.5)
    visited = points(objective, 13)
    part = torch.tensor([0, 2])
    whole, kept = (bfgs(objective, visited[0], 4) for _ in range(2))
    for i, point in enumerate(visited):
        if i == 11:
            kept.keep(part)
        expected = whole.at(point)
        B = kept.at(point if i < 11 else take_models(point, part))
    torch.testing.assert_close(matrix_of(B), matrix_of(expected)[part])


def test_class_hessians_save_iterations(monkeypatch):
    X = torch.randn(2000, 8, generator=torch.Generator().manual_seed(0)).double()
    options = {"alphas": (1e-4,), "l1_ratio": 0.5, "costs": WITHOUT_HESSIANS}
    objective, _, codes, _ = make_objective(n_classes=4, X=X, **options)
    codes.copy_((X[:, :4] * torch.tensor([1.0, 3.0, 9.0, 27.0])).argmax(1))
    with_classes = len(history(objective, tol=1e-7))
    monkeypatch.setattr(quasi_newton, "class_hessians", lambda *_, **__: None)
    assert with_classes < len(history(objective, tol=1e-7))
