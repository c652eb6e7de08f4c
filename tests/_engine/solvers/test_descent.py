"""Descent reaches the optimum by any method, for a batch of models as for each alone."""

import math
from functools import partial

import numpy as np
import oracles
import pytest
import torch
from problems import Downhill, by_descent, by_one_model, history, line_along, make_objective
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from skorchless._engine.curvature.feature_moments import feature_moments
from skorchless._engine.solvers import descent
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.descent import (
    MAX_IDLE_ITERATIONS,
    Point,
    Watch,
    descend,
    line_search,
    point_at,
)
from skorchless._engine.solvers.quasi_newton import LBFGSDirections
from skorchless._engine.solvers.strategy import ClassHessianSchedule

METHODS = {
    "descent": by_descent,
    "one model, lbfgs": partial(by_one_model, by_newton=False),
    "one model, newton": partial(by_one_model, by_newton=True),
}


@pytest.fixture(params=METHODS)
def solve(request):
    """Return a function that gives the progress of every iteration of one method."""
    return partial(history, METHODS[request.param])


solve_batch = partial(history, by_descent)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_it_finds_the_optimum_that_scipy_finds(solve, n_classes, fit_intercept):
    objective, *data = make_objective(n_classes, fit_intercept=fit_intercept)
    _, n_weight_rows, n_columns = objective.weights_shape

    def value_and_grad(flat):
        value, grad = oracles.value_and_grad(
            torch.tensor(flat).view(n_weight_rows, n_columns),
            *data,
            0.1,
            n_classes=n_classes,
            fit_intercept=fit_intercept,
        )
        return float(value), grad.numpy().ravel()

    start = np.zeros(n_weight_rows * n_columns)
    expected = minimize(value_and_grad, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    last = solve(objective)[-1]
    assert float(last.value) == pytest.approx(expected.fun, rel=1e-12)
    np.testing.assert_allclose(last.W[0].numpy().ravel(), expected.x, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_batch_of_models_ends_where_each_ends_alone(n_classes):
    alphas = (1e-3, 0.1, 10.0)
    weights = torch.rand(40, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    batch, *_, weights = make_objective(n_classes, alphas=alphas, weights=weights)
    together = solve_batch(batch, tol=1e-10)[-1].W
    for m, alpha in enumerate(alphas):
        alone, *_ = make_objective(n_classes, alphas=(alpha,), weights=weights[:, m])
        expected = solve_batch(alone, tol=1e-10)[-1].W[0]
        torch.testing.assert_close(together[m], expected, atol=1e-7, rtol=0)


def test_a_converged_model_is_not_moved_while_others_go_on():
    objective, *_ = make_objective(alphas=(1.0, 1e-6))
    history = solve_batch(objective)
    statuses = torch.stack([progress.status for progress in history])  # (iterations, M)
    first = int((statuses == Status.CONVERGED).sum(0).argmax())
    done = int((statuses[:, first] == Status.CONVERGED).nonzero()[0])
    assert done < len(history) - 1
    for progress in history[done:]:
        assert torch.equal(progress.W[first], history[done].W[first])


@pytest.mark.parametrize("length", [1e3, 1e7, 1e13])
def test_a_step_far_too_long_is_cut_as_far_as_it_has_to_be(length):
    objective, *_ = make_objective(alphas=(0.1,))
    reached, lost = line_search(line_along(objective, -length))
    assert not len(lost)
    assert float(reached.value) < float(line_search(line_along(objective, -1e-3))[0].value)


def test_models_whose_steps_are_cut_in_other_passes_end_where_each_ends_alone():
    objective, *_ = make_objective(alphas=(0.1, 0.1, 0.1))
    lengths = torch.tensor([30.0, 1e9, 1.0]).double()[:, None, None]
    together, _ = line_search(line_along(objective, -lengths))
    for m, length in enumerate(lengths):
        alone = make_objective(alphas=(0.1,))[0]
        expected, _ = line_search(line_along(alone, -length))
        torch.testing.assert_close(together.W[m], expected.W[0])


def test_uphill_a_model_does_not_rise_and_another_still_falls():
    objective, *_ = make_objective(alphas=(0.1, 1.0))
    line = line_along(objective, torch.tensor([[[1.0]], [[-1.0]]]).double())
    reached, _ = line_search(line)
    assert reached.value[0] <= line.start.value[0]
    assert reached.value[1] < 0.99 * line.start.value[1]


def test_a_model_stalls_by_its_own_failures_when_others_leave(monkeypatch):
    objective, *_ = make_objective(alphas=(0.1, 0.1, 0.1))
    W = torch.ones(objective.weights_shape).double()
    start = Point(W, torch.tensor([1.1, 3.0, 3.0]), W)
    done = Point(W, torch.tensor([1.0, 2.0, 3.0]), W * torch.tensor([0.0, 1, 1])[:, None, None])
    part = torch.tensor([1, 2])
    script = iter(
        [
            # The first model converges, the third finds no step; then the third finds none again.
            (done, torch.tensor([2])),
            (Point(W[part], torch.tensor([1.0, 3.0]), W[part]), torch.tensor([1])),
        ]
    )
    monkeypatch.setattr(descent, "line_search", lambda _: next(script))
    iterations = descend(objective, start, Downhill(), tol=0.5)
    first, second = next(iterations), next(iterations)
    assert first.status.tolist() == [Status.CONVERGED, Status.RUNNING, Status.RUNNING]
    assert second.status.tolist() == [Status.CONVERGED, Status.RUNNING, Status.STALLED]


@pytest.mark.parametrize("tol", [1e-2, 1e-5, 1e-9])
def test_it_has_converged_when_no_gradient_entry_exceeds_tol(solve, tol):
    objective, *data = make_objective()
    *before, last = solve(objective, tol=tol)
    _, grad = oracles.value_and_grad(last.W[0], *data, 0.1, n_classes=3, fit_intercept=True)
    assert last.status == Status.CONVERGED
    assert float(grad.abs().max()) <= tol
    assert float(grad.abs().max()) == pytest.approx(float(last.max_violation), rel=1e-3, abs=1e-14)
    assert all(p.status == Status.RUNNING for p in before)


@pytest.mark.parametrize("alpha", [1e-2, 0.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_features_in_large_units_do_not_end_a_fit_by_their_small_gradients(
    solve, n_classes, alpha
):
    # No entry of the first gradient exceeds tol: what a step promises does, and it is unit-free.
    X = make_objective()[1]
    plain, *_ = make_objective(n_classes, X=X, alphas=(alpha,))
    small, *_ = make_objective(n_classes, X=X * 1e-3, alphas=(alpha * 1e-6,))
    optimum = float(solve(plain)[-1].value)
    *_, last = solve(small, tol=1e-3)
    assert last.status == Status.CONVERGED
    assert float(last.value) == pytest.approx(optimum, rel=1e-2)


@pytest.fixture(scope="module")
def many_classes():
    """Return an objective of 50 classes, and the optimum that scikit-learn's Newton-CG finds."""
    generator = torch.Generator().manual_seed(0)
    X, teacher = torch.randn(2, 500, 100, generator=generator, dtype=torch.float64)
    objective, _, codes, weights = make_objective(n_classes=50, X=X, alphas=(1e-5,))
    codes.copy_((X @ teacher[:50].T).argmax(1))
    clf = LogisticRegression(C=200.0, solver="newton-cg", tol=1e-7).fit(X, codes)
    W = torch.from_numpy(np.column_stack([clf.coef_, clf.intercept_]))
    data = (X, codes, weights, 1e-5)
    value, _ = oracles.value_and_grad(W, *data, n_classes=50, fit_intercept=True)
    return objective, float(value)


@pytest.mark.parametrize("method", ["descent", "one model, lbfgs"])
def test_many_classes_do_not_end_a_fit_by_their_small_gradients(method, many_classes):
    objective, optimum = many_classes
    *before, last = history(METHODS[method], objective, tol=1e-4)
    assert last.status == Status.CONVERGED
    assert float(last.value) == pytest.approx(optimum, rel=1e-3)
    early = next(p for p in before if float(p.max_violation) <= 1e-4)
    assert float(early.value) > 1.01 * optimum


def test_the_gradient_alone_ends_a_descent_that_asks_for_no_more(many_classes):
    objective, optimum = many_classes
    start = point_at(objective, torch.zeros(objective.weights_shape).double())
    schedule = ClassHessianSchedule(math.inf)
    directions = LBFGSDirections(objective, start, feature_moments(objective), schedule)
    *before, last = descend(objective, start, directions, tol=1e-3, bounds_decrease=False)
    assert last.status == Status.CONVERGED
    assert all(float(p.max_violation) > 1e-3 for p in before)
    assert float(last.value) > 1.01 * optimum


def test_weights_that_sum_to_zero_over_classes_keep_doing_so(solve):
    # Softmax would not notice; the intercepts would no longer be LogisticRegression's.
    objective, *_ = make_objective(n_classes=4, alphas=(1e-3,))
    W = solve(objective)[-1].W
    torch.testing.assert_close(W.sum(1), torch.zeros_like(W.sum(1)), rtol=0, atol=1e-12)


def test_the_objective_never_rises(solve):
    objective, *_ = make_objective(alphas=(1e-4,))
    values = np.array([float(p.value) for p in solve(objective)])
    assert (np.diff(values) <= 1e-15).all()


def test_from_the_optimum_one_iteration_is_enough(solve):
    objective, *_ = make_objective()
    W = solve(objective)[-1].W
    assert len(solve(objective, W=W, tol=1e-8)) == 1


def test_an_unreachable_tol_ends_when_only_rounding_is_left(solve):
    X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    X = X * torch.tensor([1.0, 1e2, 1e3, 1e4])
    objective, *_ = make_objective(X=X, dtype=torch.float32, alphas=(1e-2,))
    history = solve(objective, tol=0.0)
    assert history[-1].status == Status.STALLED
    assert len(history) < 200
    # It gave up where the optimum is, not before.
    exact, *_ = make_objective(X=X, alphas=(1e-2,))
    optimum = float(solve(exact)[-1].value)
    assert float(history[-1].value) == pytest.approx(optimum, rel=1e-5)
    assert len(history) > MAX_IDLE_ITERATIONS


def statuses(values, violations, *, slope=-1.0, tol=0.0, failures=(), **options):
    """Return the status of a model after each of some iterations, the first at its start."""
    watch = Watch(values[0], violations[0], **options)
    return [
        (watch.status(*now, slope, tol, rounding=1e-7, has_failed=i in failures), watch.n_idle)
        for i, now in enumerate(zip(values, violations, strict=True))
    ]


@pytest.mark.parametrize(
    ("values", "violations", "n_idle"),
    [
        ([1.0, 1.3, 1.0, 1.2, 1.0], [0.1, 0.1, 0.08, 0.1, 0.06], [1, 2, 3, 4, 5]),
        ([1.0, 0.9, 0.8, 0.8, 0.8 - 1e-9], [0.1, 0.1, 0.1, 0.1, 0.1], [1, 0, 0, 1, 2]),
        ([1.0, 1.0, 1.0, 1.0, 1.0], [0.1, 0.07, 0.04, 0.03, 0.01], [1, 2, 0, 1, 0]),
    ],
    ids=["noise", "value", "violation, by half in two steps"],
)
def test_progress_is_a_new_lowest_value_or_half_the_violation(values, violations, n_idle):
    seen = statuses(values, violations)
    assert [status for status, _ in seen] == [Status.RUNNING] * len(values)
    assert [n for _, n in seen] == n_idle


def test_a_model_stalls_after_many_idle_iterations():
    n_level = MAX_IDLE_ITERATIONS
    seen = [status for status, _ in statuses([1.0] * n_level, [0.1] * n_level)]
    assert seen == [*[Status.RUNNING] * (n_level - 1), Status.STALLED]


def test_a_model_stalls_after_two_failures_in_a_row():
    seen = [status for status, _ in statuses([1.0] * 5, [0.1] * 5, failures=(0, 2, 3))]
    assert seen == [*[Status.RUNNING] * 3, Status.STALLED, Status.RUNNING]


@pytest.mark.parametrize(
    ("change", "has_converged"),
    [
        ({}, True),
        ({"violations": [0.1, 0.02]}, False),
        ({"slope": -0.1}, False),
        ({"slope": -0.1, "is_exact": True}, False),
        ({"slope": None, "values": [2.0, 1.0]}, True),
        ({"values": [1.02, 1.0]}, False),
        ({"values": [1.02, 1.0], "is_exact": True}, True),
        # Of lower objectives it is a share of a thousandth.
        ({"values": [0.0, 0.0], "slope": -1.9e-5}, True),
        ({"values": [0.0, 0.0], "slope": -2.1e-5}, False),
    ],
)
def test_a_model_converges_when_tol_bounds_gradient_and_decrease(change, has_converged):
    # In units of tol: the gradient 1, half the slope 1 and the last decrease 0.9 of the objective.
    given = {"values": [1.009, 1.0], "violations": [0.1, 0.01], "slope": -0.02} | change
    *_, (status, _) = statuses(**given, tol=0.01)
    assert status == (Status.CONVERGED if has_converged else Status.RUNNING)


def test_the_last_decrease_is_that_of_the_last_iteration_alone():
    watch = Watch(value=3.0, violation=1.0)
    seen = [watch.status(2.0, 0.0, 0.0, 0.01, rounding=1e-7) for _ in range(2)]
    assert seen == [Status.RUNNING, Status.CONVERGED]


def test_separable_classes_without_a_penalty_go_on_lowering_the_objective(solve):
    X = torch.tensor([[-1.0], [-2.0], [1.0], [2.0]])
    objective, *_ = make_objective(2, X=X, alphas=(0.0,))
    objective.rows.columns[0][:, 0].copy_(torch.tensor([0, 0, 1, 1]))
    last = solve(objective, tol=1e-8)[-1]
    assert last.status == Status.CONVERGED
    assert float(last.value) < 1e-6
