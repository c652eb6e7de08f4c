"""Quasi-Newton: the two-loop recursion and the BFGS update, from any first approximation."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import oracles
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.curvature.feature_moments import feature_moments
from skorchless._engine.curvature.hessian_approximation import (
    class_hessians,
    diagonal_approximation,
)
from skorchless._engine.records import take_models
from skorchless._engine.solvers import quasi_newton
from skorchless._engine.solvers.descent import Point, point_at
from skorchless._engine.solvers.quasi_newton import (
    N_PAIRS,
    BFGSCurvature,
    LBFGSDirections,
    LBFGSMemory,
)
from skorchless._engine.solvers.strategy import ClassHessianSchedule


def points(objective, n_points):
    """Return points on a crooked line, along which a convex objective has curvature."""
    step, W = random_weights(objective, 1), random_weights(objective, 2)
    steps = [step + 0.3 * random_weights(objective, seed) for seed in range(n_points)]
    Ws = [W + sum(steps[:i], torch.zeros_like(W)) for i in range(n_points)]
    return [point_at(objective, W) for W in Ws]


def directions_of(kind, objective, start, interval=math.inf):
    """Return directions or a curvature whose class Hessians are due every ``interval`` or more."""
    return kind(objective, start, feature_moments(objective), ClassHessianSchedule(interval))


def changes_of(visited, model=0):
    """Return the last pairs of changes (s, y) of one model's weights and gradient."""
    flat = [(point.W[model].flatten(), point.grad[model].flatten()) for point in visited]
    pairs = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(flat)]
    return pairs[-N_PAIRS:]


def two_loop(grad, changes, inverse):
    """Return -H @ grad by Nocedal & Wright's algorithm 7.4."""
    q, alphas = grad, []
    for s, y in reversed(changes):
        alphas.append(s @ q / (s @ y))
        q = q - alphas[-1] * y
    s, y = changes[-1]
    r = inverse @ q * (s @ y) / (y @ inverse @ y)
    for (s, y), alpha in zip(changes, reversed(alphas), strict=True):
        r = r + s * (alpha - y @ r / (s @ y))
    return -r


def bfgs(changes, first):
    """Return the BFGS matrix, an update after the other (Nocedal & Wright, equation 6.19)."""
    s, y = changes[-1]
    B = first * (y @ s) / (s @ first @ s)
    for s, y in changes:
        Bs = B @ s
        B = B - torch.outer(Bs, Bs) / (s @ Bs) + torch.outer(y, y) / (y @ s)
    return B


def dense(approximation):
    """Return the Hessian approximation of the first model as a matrix."""
    n_weights = approximation.diagonal[0].numel()
    n_models = len(approximation.diagonal)
    unit = torch.eye(n_weights, dtype=torch.float64).expand(n_models, -1, -1)
    return approximation.multiply(unit)[0]


FIRST = {
    "diagonal": lambda objective, _: diagonal_approximation(objective, feature_moments(objective)),
    "class Hessians": lambda objective, W: class_hessians(
        objective, W, feature_moments(objective), 1e-3, as_factors=False
    ),
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("n_points", [2, 4, 15])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_direction_is_that_of_the_two_loop_recursion(n_classes, n_points, first):
    objective, *_ = make_objective(n_classes, n_rows=400)
    visited = points(objective, n_points)
    due = max(1, n_points - 2)  # with pairs before and after
    interval = math.inf if first == "diagonal" else due
    directions = directions_of(LBFGSDirections, objective, visited[0], interval)
    for point in visited:
        direction = directions.at(point)
    inverse = torch.linalg.inv(dense(FIRST[first](objective, visited[due].W)))
    expected = two_loop(visited[-1].grad.flatten(), changes_of(visited), inverse)
    torch.testing.assert_close(direction.flatten(), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("n_points", [2, 4, 15])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_matrix_is_that_of_one_update_after_the_other(n_classes, n_points, first):
    objective, *_ = make_objective(n_classes, n_rows=400)
    visited = points(objective, n_points)
    due = max(1, n_points - 2)
    interval = math.inf if first == "diagonal" else due
    curvature = directions_of(BFGSCurvature, objective, visited[0], interval)
    for point in visited:
        matrix = curvature.at(point)
    expected = bfgs(changes_of(visited), dense(FIRST[first](objective, visited[due].W)))
    columns = [matrix.multiply(unit[None])[0] for unit in torch.eye(len(expected)).double()]
    torch.testing.assert_close(torch.stack(columns, 1), expected, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(matrix.diagonal[0], expected.diagonal(), rtol=1e-8, atol=1e-10)


def length_of_least(objective, data, W, d, alpha):
    """Return the step to the least point along ``d`` (K, D) of the quadratic at ``W`` (K, D)."""
    options = {"n_classes": objective.n_classes, "fit_intercept": objective.fit_intercept}
    _, grad = oracles.value_and_grad(W, *data, alpha, **options)
    hessian = oracles.hessian(W, *data, alpha, **options)
    return -(grad.flatten() @ d.flatten()) / (d.flatten() @ hessian @ d.flatten())


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_first_direction_is_the_scaled_gradient_at_its_exact_length(n_classes, fit_intercept):
    alphas = (0.1, 3.0)
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, *data = make_objective(
        n_classes, alphas=alphas, weights=weights, fit_intercept=fit_intercept
    )
    start = point_at(objective, random_weights(objective))
    direction = directions_of(LBFGSDirections, objective, start).at(start)
    diagonal = diagonal_approximation(objective, feature_moments(objective)).diagonal
    for m, alpha in enumerate(alphas):
        d = -start.grad[m] / diagonal[m]
        step = length_of_least(objective, data, start.W[m], d, alpha)
        torch.testing.assert_close(direction[m], step * d)


def test_a_direction_that_overflows_keeps_its_length():
    X = 1e30 * make_objective()[1]
    objective, *_ = make_objective(X=X, dtype=torch.float32, alphas=(0.0,))
    start = point_at(objective, torch.zeros(objective.weights_shape).double())
    assert directions_of(LBFGSDirections, objective, start).at(start).isfinite().all()


def test_a_pair_without_curvature_changes_nothing():
    objective, *_ = make_objective()
    visited = points(objective, 3)
    directions = directions_of(LBFGSDirections, objective, visited[0])
    for point in visited:
        direction = directions.at(point)
    # The same point again: no change of weights, no change of gradient.
    torch.testing.assert_close(directions.at(visited[-1]), direction)


@pytest.mark.parametrize("kind", [LBFGSDirections, BFGSCurvature])
def test_a_change_that_is_not_finite_is_not_learnt(kind):
    objective, *_ = make_objective(alphas=(0.1, 0.1))
    start, lost, found = points(objective, 3)
    lost = replace(lost, grad=lost.grad.index_fill(0, torch.tensor([0]), torch.inf))
    learnt = directions_of(kind, objective, start)
    for point in (start, lost, found):
        last = learnt.at(point)
    # What comes back from infinity is no change either: the first model knows nothing.
    plain = directions_of(kind, objective, found).at(found)
    if kind is LBFGSDirections:
        torch.testing.assert_close(last[0], plain[0])
    else:
        torch.testing.assert_close(last.diagonal[0], plain.diagonal[0])


def test_forgetting_one_model_leaves_the_others():
    objective, *_ = make_objective(alphas=(0.1, 0.1))
    visited = points(objective, 4)
    directions, forgetful = (
        directions_of(LBFGSDirections, objective, visited[0]) for _ in range(2)
    )
    for point in visited:
        direction = directions.at(point)
        forgetful.at(point)
    forgetful.forget(torch.tensor([0]))
    first, second = forgetful.at(visited[-1])
    torch.testing.assert_close(second, direction[1])
    # As from the start: the scaled gradient, at its exact length.
    torch.testing.assert_close(
        first, directions_of(LBFGSDirections, objective, visited[-1]).at(visited[-1])[0]
    )


PARTS = {"class Hessians": class_hessians, "where these fail": lambda *_, **__: None}


@pytest.mark.parametrize("hessians", PARTS)
@pytest.mark.parametrize("kind", [LBFGSDirections, BFGSCurvature])
def test_the_models_kept_go_on_as_in_the_batch(kind, hessians, monkeypatch):
    monkeypatch.setattr(quasi_newton, "class_hessians", PARTS[hessians])
    objective, *_ = make_objective(n_rows=400, alphas=(0.01, 0.1, 1.0))
    visited = points(objective, 14)
    part = torch.tensor([0, 2])
    whole, kept = (directions_of(kind, objective, visited[0], 3) for _ in range(2))
    vectors = random_weights(objective, 7).flatten(1)

    def values(found, models):
        return found if kind is LBFGSDirections else found.multiply(vectors[models])

    for i, point in enumerate(visited):
        # Past the last class Hessians: fewer models would be grouped otherwise.
        if i == 13:
            kept.keep(part)
        expected = whole.at(point)
        found = kept.at(point if i < 13 else take_models(point, part))
    torch.testing.assert_close(values(found, part), values(expected, range(3))[part])
    # Without a new pair the scale is that of the last one.
    last = torch.tensor([1])
    kept.keep(last)
    found = kept.at(take_models(point, part[last]))
    expected = whole.at(take_models(point, torch.arange(3)))
    torch.testing.assert_close(values(found, part[last]), values(expected, range(3))[part[last]])


@pytest.mark.parametrize("kind", [LBFGSDirections, BFGSCurvature])
def test_class_hessians_come_when_due_and_are_damped_less_each_time(kind, monkeypatch):
    seen = []

    def counted(objective, W, moments, damping, *, as_factors):
        seen.append((float(W.sum()), damping))

    monkeypatch.setattr(quasi_newton, "class_hessians", counted)
    objective, *_ = make_objective()
    visited = points(objective, 12)
    directions = directions_of(kind, objective, visited[0], 2)
    for point in visited:
        directions.at(point)
    due = [float(visited[i].W.sum()) for i in (2, 4, 8)]
    assert seen == [
        (W, pytest.approx(damping)) for W, damping in zip(due, (1e-3, 1e-4, 1e-5), strict=True)
    ]


def test_the_method_tells_whether_class_hessians_are_in_use():
    objective, *_ = make_objective(n_rows=400)
    visited = points(objective, 3)
    directions = directions_of(LBFGSDirections, objective, visited[0], 2)
    methods = []
    for point in visited:
        directions.at(point)
        methods.append(directions.method)
    assert methods == ["lbfgs", "lbfgs", "lbfgs-hessian"]


def filled(n_pairs, *, by_inverse=True, n_models=2):
    """Return a memory of pairs of which s is all the pair's number and y twice that."""
    W = torch.zeros(n_models, 1, 3).double()
    objective, *_ = make_objective(2, n_features=3, fit_intercept=False, alphas=(0.1,) * n_models)
    approximation = diagonal_approximation(objective, feature_moments(objective))
    memory = LBFGSMemory(Point(W, W[:, 0, 0], W), approximation, by_inverse=by_inverse)
    for number in range(1, n_pairs + 1):
        total = number * (number + 1) / 2
        memory.update(Point(W + total, W[:, 0, 0], 2 * (W + total)))
    return memory


@pytest.mark.parametrize("by_inverse", [True, False])
def test_the_oldest_pair_makes_room_for_the_newest(by_inverse):
    memory = filled(N_PAIRS + 3, by_inverse=by_inverse)
    numbers = np.arange(4, N_PAIRS + 4)
    products = memory.in_order()
    # Three entries each: s @ y of a pair and those before, the oldest first.
    np.testing.assert_allclose(np.triu(products[0][1]), np.triu(6.0 * numbers[:, None] * numbers))
    diagonal = memory.approximation.diagonal[1, 0].numpy()
    of_first = (4.0 / diagonal).sum() if by_inverse else diagonal.sum()
    np.testing.assert_allclose(products[1][1], of_first * numbers[:, None] * numbers)


def test_a_pair_without_curvature_is_zeros_for_its_model_alone():
    memory = filled(0)
    W = torch.ones(2, 1, 3).double()
    memory.update(Point(W, W[:, 0, 0], W * torch.tensor([1.0, -1.0])[:, None, None]))
    assert memory.has_pairs.tolist() == [True, False]
    place = memory.order[-1]
    assert memory.basis[:, place].tolist() == [[1.0] * 3, [0.0] * 3]
    assert not memory.basis[1].any()


def test_models_are_forgotten_and_left_out():
    memory = filled(2)
    memory.forget(torch.tensor([0]))
    assert memory.has_pairs.tolist() == [False, True]
    memory.keep(torch.tensor([1]))
    assert memory.has_pairs.tolist() == [True]
    assert memory.basis.shape == (1, 2 * N_PAIRS, 3)
    assert memory.products.shape == (1, 2 * N_PAIRS, N_PAIRS)
