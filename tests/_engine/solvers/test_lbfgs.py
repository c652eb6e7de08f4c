"""L-BFGS's directions: those of the two-loop recursion from the preconditioner."""

from itertools import pairwise

import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.preconditioner import shared_preconditioner
from skorchless._engine.solvers import lbfgs, pairs, refresh
from skorchless._engine.solvers.descent import Point
from skorchless._engine.solvers.lbfgs import LBFGSDirections


def points(objective, n_points):
    """Return points on a straight line, along which a convex objective has curvature."""
    step, W = random_weights(objective, 1), random_weights(objective, 2)
    steps = [step + 0.3 * random_weights(objective, seed) for seed in range(n_points)]
    Ws = [W + sum(steps[:i], torch.zeros_like(W)) for i in range(n_points)]
    return [Point(W, *objective.value_and_grad(W)) for W in Ws]


def two_loop(objective, visited):
    """Return -H @ grad of one model by Nocedal & Wright's algorithm 7.4."""
    shared = shared_preconditioner(objective)

    def inverse(vector):
        return shared.apply(vector.view_as(visited[0].grad)[None])[0].flatten()

    changes = [((b.W - a.W).flatten(), (b.grad - a.grad).flatten()) for a, b in pairwise(visited)][
        -pairs.N_PAIRS :
    ]
    q, alphas = visited[-1].grad.flatten(), []
    for s, y in reversed(changes):
        alphas.append(s @ q / (s @ y))
        q = q - alphas[-1] * y
    s, y = changes[-1]
    r = inverse(q) * (s @ y) / (y @ inverse(y))
    for (s, y), alpha in zip(changes, reversed(alphas), strict=True):
        r = r + s * (alpha - y @ r / (s @ y))
    return -r.view_as(visited[0].grad)


@pytest.mark.parametrize("n_points", [2, 4, 15])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_compact_form_is_the_two_loop_recursion(n_classes, n_points, monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: float("inf"))
    objective, *_ = make_objective(n_classes)
    visited = points(objective, n_points)
    directions = LBFGSDirections(objective, visited[0])
    for point in visited:
        direction = directions.at(point)
    torch.testing.assert_close(direction, two_loop(objective, visited), rtol=1e-8, atol=1e-8)


def test_the_first_direction_is_the_preconditioned_gradient():
    objective, *_ = make_objective()
    (start,) = points(objective, 1)
    expected = -shared_preconditioner(objective).apply(start.grad[None])[0]
    torch.testing.assert_close(LBFGSDirections(objective, start).at(start), expected)


def test_a_pair_without_curvature_changes_nothing():
    objective, *_ = make_objective()
    visited = points(objective, 3)
    directions = LBFGSDirections(objective, visited[0])
    for point in visited:
        direction = directions.at(point)
    # The same point again: no change of weights, no change of gradient.
    torch.testing.assert_close(directions.at(visited[-1]), direction)


def test_forgetting_one_model_leaves_the_others():
    objective, *_ = make_objective(alphas=(0.1, 0.1))
    visited = points(objective, 4)
    directions, forgetful = (LBFGSDirections(objective, visited[0]) for _ in range(2))
    for point in visited:
        direction = directions.at(point)
        forgetful.at(point)
    forgetful.forget(torch.tensor([True, False]))
    first, second = forgetful.at(visited[-1])
    torch.testing.assert_close(second, direction[1])
    scale = forgetful._scale[0]  # gamma alone is kept
    plain = -scale * shared_preconditioner(objective).apply(visited[-1].grad[None])[0, 0]
    torch.testing.assert_close(first, plain)


def test_the_models_kept_go_on_as_in_the_batch(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 3)
    objective, *_ = make_objective(n_rows=400, alphas=(0.01, 0.1, 1.0))
    visited = points(objective, 14)
    part = torch.tensor([0, 2])
    whole, kept = (LBFGSDirections(objective, visited[0]) for _ in range(2))
    for i, point in enumerate(visited):
        # Past the last look at the classes: fewer models would be grouped otherwise.
        if i == 12:
            kept.keep(part)
        expected = whole.at(point)
        direction = kept.at(point if i < 12 else point.take(part))
    torch.testing.assert_close(direction, expected[part])
    # Without a new pair the scale is that of the last one.
    last = torch.tensor([1])
    kept.keep(last)
    torch.testing.assert_close(kept.at(point.take(part[last])), whole.at(point)[part[last]])


def test_the_models_kept_go_on_where_the_classes_can_not_be_weighed(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 3)
    monkeypatch.setattr(lbfgs, "class_preconditioner", lambda *_: None)
    objective, *_ = make_objective(alphas=(0.01, 0.1, 1.0))
    visited = points(objective, 6)
    part = torch.tensor([0, 2])
    whole, kept = (LBFGSDirections(objective, visited[0]) for _ in range(2))
    kept.keep(part)
    for point in visited:
        expected, direction = whole.at(point), kept.at(point.take(part))
    torch.testing.assert_close(direction, expected[part])


def test_what_is_known_of_the_classes_is_trusted_more_each_time(monkeypatch):
    dampings = []

    def seen(objective, W, shared, damping):
        dampings.append(damping)

    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 1)
    monkeypatch.setattr(lbfgs, "class_preconditioner", seen)
    objective, *_ = make_objective()
    visited = points(objective, 8)
    directions = LBFGSDirections(objective, visited[0])
    for point in visited:
        directions.at(point)
    assert dampings == pytest.approx([1e-3, 1e-4, 1e-5])


def test_later_directions_know_the_classes(monkeypatch):
    monkeypatch.setattr(refresh, "iterations_before_classes", lambda _: 2)
    objective, *_ = make_objective()
    visited = points(objective, 8)
    directions = LBFGSDirections(objective, visited[0])
    seen = []
    for point in visited:
        directions.at(point)
        seen.append(directions._preconditioner)
    # At the points 2 and 2 + 4, twice as far apart each time.
    assert [a is not b for a, b in pairwise(seen)] == [
        *(False, True),
        *(False, False, False, True),
        False,
    ]
