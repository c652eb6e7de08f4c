"""Descent reaches the optimum by either method, for a batch of models as for each alone."""

from itertools import islice

import numpy as np
import oracles
import pytest
import torch
from problems import make_objective
from scipy.optimize import minimize

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers import descent
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.descent import MAX_IDLE_ITERATIONS, Lowest, Point, descend
from skorchless._engine.solvers.lbfgs import LBFGSDirections
from skorchless._engine.solvers.newton import NewtonDirections

METHODS = {
    "lbfgs": LBFGSDirections,
    "newton": lambda objective, _: NewtonDirections(objective),
}


@pytest.fixture(params=METHODS)
def solve(request):
    """Return a function that gives the progress of every iteration of one method."""

    def history(objective, *, tol=1e-9, max_iter=1000, W=None):
        W = torch.zeros(objective.weights_shape).double() if W is None else W
        start = Point(W, *objective.value_and_grad(W))
        directions = METHODS[request.param](objective, start)
        return list(islice(descend(objective, start, directions, tol=tol), max_iter))

    return history


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
def test_a_batch_of_models_ends_where_each_ends_alone(solve, n_classes):
    alphas = (1e-3, 0.1, 10.0)
    weights = torch.rand(40, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    batch, *_, weights = make_objective(n_classes, alphas=alphas, weights=weights)
    together = solve(batch, tol=1e-10)[-1].W
    for m, alpha in enumerate(alphas):
        alone, *_ = make_objective(n_classes, alphas=(alpha,), weights=weights[:, m])
        expected = solve(alone, tol=1e-10)[-1].W[0]
        torch.testing.assert_close(together[m], expected, atol=1e-7, rtol=0)


def test_a_converged_model_is_not_moved_while_others_go_on(solve):
    objective, *_ = make_objective(alphas=(1.0, 1e-6))
    history = solve(objective)
    statuses = torch.stack([progress.status for progress in history])  # (iterations, M)
    first = int((statuses == Status.CONVERGED).sum(0).argmax())
    done = int((statuses[:, first] == Status.CONVERGED).nonzero()[0])
    assert done < len(history) - 1
    for progress in history[done:]:
        assert torch.equal(progress.W[first], history[done].W[first])


@pytest.fixture
def models_in_passes(monkeypatch):
    """Return a list to which each pass over the rows adds how many models it is for."""
    n_models = []
    value_and_grad = PenalizedNLL.value_and_grad

    def counted(self, W):
        n_models.append(len(W))
        return value_and_grad(self, W)

    monkeypatch.setattr(PenalizedNLL, "value_and_grad", counted)
    return n_models


def test_a_model_that_has_stopped_costs_nothing_any_more(solve, models_in_passes):
    objective, *_ = make_objective(alphas=(10.0, 1e-2, 1e-6))
    history = solve(objective)
    n_running = [3, *(int((p.status == Status.RUNNING).sum()) for p in history)]
    assert n_running[0] == 3
    assert 0 < n_running[-2] < 3
    # A pass at the start, and in each iteration one for those that run; a line search that goes
    # on adds one for a part of them.
    in_order = iter(models_in_passes)
    assert all(n in in_order for n in [3, *n_running[:-1]])
    assert max(models_in_passes[-2:]) <= n_running[-3]


class Uphill:
    """Directions that lead the second model too far, and the others straight down."""

    def at(self, point):
        return -point.grad * torch.tensor([1.0, 1e4, 1.0]).double()[:, None, None]

    def forget(self, _):
        pass

    def keep(self, _):
        raise AssertionError("no model has stopped")


def test_a_line_search_goes_on_for_those_alone_that_need_it(models_in_passes):
    objective, *_ = make_objective(alphas=(0.1, 0.1, 0.1))
    W = torch.zeros(objective.weights_shape).double()
    start = Point(W, *objective.value_and_grad(W))
    progress = next(descend(objective, start, Uphill(), tol=0.0))
    assert models_in_passes[:2] == [3, 3]
    assert set(models_in_passes[2:]) == {1}
    assert (progress.value < start.value).all()
    torch.testing.assert_close(progress.W[0], -start.grad[0])


def test_a_model_stalls_by_its_own_failures_when_others_leave(monkeypatch):
    objective, *_ = make_objective(alphas=(0.1, 0.1, 0.1))
    W = torch.ones(objective.weights_shape).double()
    start = Point(W, torch.tensor([3.0, 3.0, 3.0]), W)
    done = Point(W, torch.tensor([1.0, 2.0, 3.0]), W * torch.tensor([0.0, 1, 1])[:, None, None])
    part = torch.tensor([1, 2])
    script = iter(
        [
            # The first model converges, the third finds no step; then the third finds none again.
            (done, torch.tensor([False, False, True])),
            (
                Point(W[part], torch.tensor([1.0, 3.0]), W[part]),
                torch.tensor([False, True]),
            ),
        ]
    )
    monkeypatch.setattr(descent, "_line_search", lambda *_: next(script))

    class Anywhere(Uphill):
        def at(self, point):
            return -point.grad

        def keep(self, _):
            pass

    first, second = islice(descend(objective, start, Anywhere(), tol=0.5), 2)
    assert first.status.tolist() == [Status.CONVERGED, Status.RUNNING, Status.RUNNING]
    assert second.status.tolist() == [Status.CONVERGED, Status.RUNNING, Status.STALLED]


@pytest.mark.parametrize("n_backtracks", [1, 2, 3])
def test_the_last_backtrack_counts(n_backtracks, monkeypatch, models_in_passes):
    objective, *_ = make_objective(alphas=(0.1,))
    W = torch.zeros(objective.weights_shape).double()
    start = Point(W, *objective.value_and_grad(W))
    steps = []
    while not (steps and steps[-1]):  # how many it takes
        monkeypatch.setattr(descent, "MAX_BACKTRACKS", len(steps))
        _, not_found = descent._line_search(objective, start, -(10.0**n_backtracks) * start.grad)
        steps.append(not bool(not_found))
    needed = len(steps) - 1
    assert needed > 0
    models_in_passes.clear()
    reached, not_found = descent._line_search(objective, start, -(10.0**n_backtracks) * start.grad)
    assert not not_found
    assert float(reached.value) < float(start.value)
    assert len(models_in_passes) == needed + 1


@pytest.mark.parametrize("tol", [1e-2, 1e-5, 1e-9])
def test_it_has_converged_when_no_gradient_entry_exceeds_tol(solve, tol):
    objective, *data = make_objective()
    *before, last = solve(objective, tol=tol)
    _, grad = oracles.value_and_grad(last.W[0], *data, 0.1, n_classes=3, fit_intercept=True)
    assert last.status == Status.CONVERGED
    assert float(grad.abs().max()) <= tol
    assert float(grad.abs().max()) == pytest.approx(float(last.remaining), rel=1e-3, abs=1e-14)
    assert all(p.status == Status.RUNNING and p.remaining > tol for p in before)


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


def test_progress_is_a_new_lowest_value_or_half_the_violation():
    lowest = Lowest(*torch.tensor([[1.0, 1.0, 1.0], [0.1, 0.1, 0.1]]).double(), torch.zeros(3))
    # Noise that rises and falls; a value that falls; a violation that does, to half in two steps.
    for value, violation, n_idle in [
        ([1.3, 0.9, 1.0], [0.1, 0.1, 0.07], [1, 0, 1]),
        ([1.0, 0.8, 1.0], [0.08, 0.1, 0.04], [2, 0, 0]),
        ([1.2, 0.8, 1.0], [0.1, 0.1, 0.03], [3, 1, 1]),
        ([1.0, 0.8 - 1e-9, 1.0], [0.06, 0.1, 0.01], [4, 2, 0]),
    ]:
        lowest = lowest.after(*torch.tensor([value, violation]).double(), rounding=1e-7)
        assert lowest.n_idle.tolist() == n_idle


def test_separable_classes_without_a_penalty_go_on_lowering_the_objective(solve):
    X = torch.tensor([[-1.0], [-2.0], [1.0], [2.0]])
    objective, *_ = make_objective(2, X=X, alphas=(0.0,))
    objective.rows._columns[0].copy_(torch.tensor([0, 0, 1, 1]))
    last = solve(objective, tol=1e-8)[-1]
    assert last.status == Status.CONVERGED
    assert float(last.value) < 1e-6
