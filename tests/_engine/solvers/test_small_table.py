"""A fit of one model to a small table: scikit-learn's optimum, by either method."""

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import oracles
import pytest
import torch
from problems import (
    CPU,
    by_one_model,
    fit,
    history,
    make_objective,
    model_and_state,
    of_teacher,
    random_weights,
    raw,
    weights_with_zeros,
)
from scipy import sparse
from scipy.optimize import minimize_scalar

from skorchless._engine.costs import Costs
from skorchless._engine.placement import place
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.rows.streamed import StreamedRows
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.one_model import OneModel, State
from skorchless._engine.solvers.quasi_newton import N_PAIRS
from skorchless._engine.solvers.small_table import LBFGSStep, NewtonStep, line_search
from skorchless._engine.solvers.strategy import Pace

METHODS = {"lbfgs": False, "newton": True}


def without_hessians(model):
    """Return the directions of L-BFGS to which no Hessian is ever due."""
    return LBFGSStep(model, 0.0, lambda _n_before: Pace(math.inf))


@pytest.fixture(params=METHODS)
def solve(request):
    """Return a function that gives the progress of every iteration of one method."""
    return partial(history, by_one_model, by_newton=METHODS[request.param])


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("weights", [None, weights_with_zeros()], ids=["plain", "weighted"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_it_finds_the_optimum_of_scikit_learn(solve, n_classes, fit_intercept, weights, offset):
    objective, X, codes, weights = make_objective(
        n_classes,
        X=make_objective()[1] + offset,
        fit_intercept=fit_intercept,
        weights=weights,
    )
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=fit_intercept)
    last = solve(objective, tol=1e-11)[-1]
    torch.testing.assert_close(last.W[0], expected, rtol=1e-6, atol=1e-7)


def test_it_has_the_row_weights_of_its_fold(solve):
    weights = torch.stack([weights_with_zeros(), weights_with_zeros().flip(0)], dim=1)
    objective, X, codes, _ = make_objective(weights=weights, alphas=(0.1, 0.2))
    for m, alpha in enumerate((0.1, 0.2)):
        expected = oracles.optimum(X, codes, weights[:, m], alpha, fit_intercept=True)
        last = solve(objective.take(torch.tensor([m])), tol=1e-11)[-1]
        torch.testing.assert_close(last.W[0], expected, rtol=1e-6, atol=1e-7)


def test_from_any_start_it_ends_at_the_same_optimum(solve):
    objective, *data = make_objective()
    expected = oracles.optimum(*data, 0.1, fit_intercept=True)
    W = objective.center_over_classes(10.0 * random_weights(objective))
    last = solve(objective, tol=1e-11, W=W)[-1]
    torch.testing.assert_close(last.W[0], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_float32_features_lead_near_the_optimum_of_float64(solve, fit_intercept):
    objective, X, codes, weights = make_objective(
        X=make_objective()[1].float(), dtype=torch.float32, fit_intercept=fit_intercept
    )
    expected = oracles.optimum(X.double(), codes, weights, 0.1, fit_intercept=fit_intercept)
    last = solve(objective, tol=1e-6)[-1]
    assert last.W.dtype == torch.float64
    torch.testing.assert_close(last.W[0], expected, rtol=0, atol=1e-5)


def streamed(X, columns, placement):
    return StreamedRows(torch.from_numpy(X), columns, placement)


def partitioned(X, columns, placement):
    pytest.importorskip("dask", reason="needs the extra dask")
    import dask

    from skorchless._engine.rows.dask import DaskRows

    lengths = [13, 1, 26]
    ends = np.cumsum([0, *lengths])
    parts = [
        dask.delayed(rows_of)(X[a:b], tuple(column[a:b] for column in columns), placement)
        for a, b in pairwise(ends)
    ]
    return DaskRows(parts, lengths, X.shape[1], placement)


FORMS = {
    "uint8": lambda X, *rest: rows_of(X.astype(np.uint8), *rest),
    "CSR": lambda X, *rest: rows_of(sparse.csr_array(X), *rest),
    "CSC": lambda X, *rest: rows_of(sparse.csc_array(X), *rest),
    "CSR of int64": lambda X, *rest: rows_of(sparse.csr_array(X.astype(np.int64)), *rest),
    "streamed": streamed,
    "Dask": partitioned,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_rows_of_any_kind_lead_to_the_optimum_of_dense_ones(form, fit_intercept):
    X = make_objective()[1].mul(2).round().abs()
    objective, X, codes, weights = make_objective(
        X=X, weights=weights_with_zeros(), fit_intercept=fit_intercept
    )
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=fit_intercept)
    rows = FORMS[form](X.numpy(), (codes[:, None], weights[:, None]), place(CPU, torch.float64))
    objective = replace(objective, rows=rows)
    last = history(by_one_model, objective, tol=1e-11, by_newton=True)[-1]
    torch.testing.assert_close(last.W[0], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("constant", "fit_intercept"), [(0.0, False), (0.0, True), (1e9, True)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_constant_features_get_no_coefficient_without_a_penalty(
    solve, scale, constant, fit_intercept, dtype
):
    X = scale * make_objective()[1]
    X[:, 3] = constant
    objective, *_ = make_objective(X=X, alphas=(0.0,), dtype=dtype, fit_intercept=fit_intercept)
    last = solve(objective, tol=1e-6, max_iter=100)[-1]
    assert (last.W[..., 3] == 0).all()
    assert torch.isfinite(last.W).all()
    assert (last.W[..., :3] != 0).all()


def test_duplicate_features_without_a_penalty_share_the_best_value(solve):
    X = make_objective()[1]
    single, *_ = make_objective(2, X=X, alphas=(0.0,))
    twice, *_ = make_objective(2, X=torch.cat([X, X[:, :1]], dim=1), alphas=(0.0,))
    expected = solve(single)[-1]
    last = solve(twice)[-1]
    assert last.status == Status.CONVERGED
    assert float(last.value) == pytest.approx(float(expected.value), rel=1e-12)
    torch.testing.assert_close(last.W[0, 0, 0] + last.W[0, 0, 5], expected.W[0, 0, 0])


@pytest.mark.parametrize(("size", "dtype"), [(1e30, torch.float32), (1e200, torch.float64)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_squares_that_overflow_leave_the_weights_finite(solve, fit_intercept, size, dtype):
    X = size * make_objective()[1]
    objective, *_ = make_objective(X=X, fit_intercept=fit_intercept, dtype=dtype)
    with np.errstate(all="warn"):  # and, as every warning is an error here, NumPy silent
        last = solve(objective, max_iter=50)[-1]
    assert last.W.isfinite().all()
    assert last.status == Status.STALLED
    assert float(last.value) <= math.log(3) + 1e-6  # of no features


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_first_length_is_exact_along_the_direction(n_classes, fit_intercept):
    objective, *data = make_objective(
        n_classes, weights=weights_with_zeros(), fit_intercept=fit_intercept
    )
    W = 0.1 * random_weights(objective)
    model, state = model_and_state(objective, W)
    d = -state.grad
    reached = line_search(model, state, d, is_plain=True)
    options = {"n_classes": n_classes, "fit_intercept": fit_intercept}
    _, grad = oracles.value_and_grad(W[0], *data, 0.1, **options)
    hessian = oracles.hessian(W[0], *data, 0.1, **options)
    along = raw(model, d).flatten()
    step = -(grad.flatten() @ along) / (along @ hessian @ along)
    torch.testing.assert_close(raw(model, reached.u).flatten(), W[0].flatten() + step * along)


@pytest.mark.parametrize("length", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_step_that_is_too_short_or_too_long_ends_near_the_minimum_along_it(n_classes, length):
    objective, *data = make_objective(n_classes, weights=weights_with_zeros())
    W = objective.center_over_classes(random_weights(objective))
    model, state = model_and_state(objective, W)
    d = length * NewtonStep(model).at(state)

    def value(u):
        options = {"n_classes": n_classes, "fit_intercept": True}
        return float(oracles.value_and_grad(raw(model, u), *data, 0.1, **options)[0])

    least = minimize_scalar(lambda step: value(state.u + step * d), bounds=(0, 10)).fun
    reached = value(line_search(model, state, d, is_plain=False).u)
    assert reached - least < 0.1 * (value(state.u) - least)


@pytest.mark.parametrize("length", [0.3, 1.0, 1.7, 50.0])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_the_state_that_a_line_search_returns_is_that_at_its_weights(n_classes, length):
    objective, *_ = make_objective(n_classes, weights=weights_with_zeros())
    W = objective.center_over_classes(random_weights(objective))
    model, state = model_and_state(objective, W)
    d = length * NewtonStep(model).at(state)
    reached = line_search(model, state, d, is_plain=False)
    assert reached.value < state.value
    for found, expected in zip(reached, model.state_at(reached.u), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_newton_ends_without_a_hessian_at_the_last_point(monkeypatch):
    points = []
    hessian = OneModel.hessian
    monkeypatch.setattr(OneModel, "hessian", lambda *args: (points.append(1), hessian(*args))[1])
    objective, *_ = make_objective(alphas=(1e-3,))
    steps = history(by_one_model, objective, tol=1e-4, by_newton=True)
    assert steps[-1].status.tolist() == [Status.CONVERGED]
    assert len(points) == len(steps)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_newton_direction_solves_the_newton_equation(n_classes, fit_intercept):
    objective, *data = make_objective(
        n_classes, weights=weights_with_zeros(), fit_intercept=fit_intercept
    )
    W = objective.center_over_classes(random_weights(objective))
    model, state = model_and_state(objective, W)
    options = {"n_classes": n_classes, "fit_intercept": fit_intercept}
    hessian = oracles.hessian(W[0], *data, 0.1, **options)  # singular along common intercepts
    _, grad = oracles.value_and_grad(W[0], *data, 0.1, **options)
    direction = raw(model, NewtonStep(model).at(state))
    torch.testing.assert_close(hessian @ direction.flatten(), -grad.flatten())


def test_newton_converges_quadratically():
    objective, *_ = make_objective(alphas=(1e-3,))
    steps = history(by_one_model, objective, tol=1e-12, by_newton=True)
    max_violation = [float(p.max_violation) for p in steps]
    assert len(max_violation) < 10
    assert max_violation[-1] < 10 * max_violation[-2] ** 2 + 1e-15


def test_from_the_inverse_of_its_hessian_lbfgs_steps_as_newton_does():
    model, state = model_and_state(make_objective(2)[0])
    step = without_hessians(model)
    step.make_hessians(state)
    np.testing.assert_allclose(step.at(state), NewtonStep(model).at(state), rtol=1e-4)
    assert step.method == "lbfgs-hessian"
    assert not step.is_plain


def test_with_the_inverses_of_classes_a_direction_has_no_part_that_all_classes_share():
    objective = make_objective(4)[0]
    W = objective.center_over_classes(random_weights(objective))
    model, state = model_and_state(objective, W)
    step = without_hessians(model)
    step.make_hessians(state)
    of_classes = step.at(state).reshape(4, -1)
    np.testing.assert_allclose(of_classes.sum(0), 0.0, atol=1e-12)
    assert step.at(state) @ state.grad < 0.0


def test_at_the_best_model_without_features_equal_classes_take_newtons_step():
    objective = make_objective(3, n_rows=60)[0]
    model, state = model_and_state(objective, torch.zeros(objective.weights_shape))
    step = without_hessians(model)
    step.make_hessians(state, is_shared=True)
    np.testing.assert_allclose(step.at(state), NewtonStep(model).at(state), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_a_slow_fit_makes_the_hessian_of_each_class(n_classes):
    costs = Costs(cheap_hessian_passes=0.0, dear_iterations=0.0)  # not at once, but soon
    objective, *data = make_objective(
        n_classes, n_rows=400, n_features=30, alphas=(1e-6,), costs=costs
    )
    first, *_, last = history(by_one_model, objective, tol=1e-9, by_newton=False)
    assert first.method == "lbfgs"
    assert last.method == "lbfgs-hessian"
    expected = oracles.optimum(*data, 1e-6, fit_intercept=True)
    torch.testing.assert_close(last.W[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("fails", [False, True])
def test_the_hessians_that_a_fit_has_made_are_counted(fails):
    made = []

    def inverse_hessians(_p, *, is_shared, n_before):
        made.append((is_shared, n_before))
        return None if fails else torch.eye(N_WEIGHTS, dtype=torch.float64)[None]

    model = SimpleNamespace(
        inverse_diagonal=lambda _p: np.ones(N_WEIGHTS), inverse_hessians=inverse_hessians
    )
    step = LBFGSStep(model, 1e-9, lambda n_before: Pace(math.inf, max_iter=1 + n_before))
    states = [state_of(np.full(N_WEIGHTS, float(i)), np.ones(N_WEIGHTS)) for i in range(6)]
    step.make_hessians(states[0], is_shared=True)
    for state in states:
        step.at(state)
    # Due after two iterations, and three more; after each where none has been made.
    assert made == [(True, 0), *([(False, 0)] * 5 if fails else [(False, 1), (False, 2)])]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_correlated_features_get_their_hessian_sooner(n_classes):
    def n_iterations_without(kind):
        costs = Costs(cheap_hessian_passes=0.0)  # none at once
        steps = fit(of_teacher(1000, 40, n_classes, kind, costs=costs), tol=1e-9)
        return [step.method for step in steps].count("lbfgs")

    assert n_iterations_without("correlated") < Costs().min_iterations - 1
    assert n_iterations_without("scaled") == Costs().min_iterations - 1


N_WEIGHTS = 8


def state_of(u, grad):
    """Return a state of which weights and gradient alone are known."""
    return State(u, margins=None, value=0.0, grad=grad, violation=0.0, proba=None)


@pytest.mark.parametrize("n_states", [1, 2, 4, N_PAIRS + 5])
def test_the_lbfgs_direction_is_that_of_dense_updates(n_states):
    generator = np.random.default_rng(0)
    root = generator.standard_normal((N_WEIGHTS, N_WEIGHTS))
    curvature = root @ root.T + np.eye(N_WEIGHTS)
    visited = generator.standard_normal((n_states, N_WEIGHTS))
    states = [state_of(u, curvature @ u) for u in visited]
    diagonal = generator.uniform(0.5, 2.0, N_WEIGHTS)
    step = without_hessians(SimpleNamespace(inverse_diagonal=lambda _p: diagonal))
    *_, direction = (step.at(state) for state in states)
    pairs = [(b.u - a.u, b.grad - a.grad) for a, b in pairwise(states)]
    pairs = pairs[-N_PAIRS:]
    H = np.eye(N_WEIGHTS)
    if pairs:
        s, y = pairs[-1]
        H = np.diag(diagonal) * (s @ y / (y @ (diagonal * y)))
    for s, y in pairs:
        # Nocedal & Wright, equation 6.17.
        left = np.eye(N_WEIGHTS) - np.outer(s, y) / (y @ s)
        H = left @ H @ left.T + np.outer(s, s) / (y @ s)
    np.testing.assert_allclose(direction, -H @ states[-1].grad, rtol=1e-7, atol=1e-7)
    assert step.is_plain == (n_states == 1)


def test_lbfgs_learns_no_pair_without_curvature_and_forgets_all():
    u, grad = np.ones(N_WEIGHTS), np.arange(1.0, N_WEIGHTS + 1)
    model = SimpleNamespace(inverse_diagonal=lambda _p: np.ones(N_WEIGHTS))
    step = without_hessians(model)
    step.at(state_of(u, grad))
    direction = step.at(state_of(2 * u, grad - u))  # curved downwards
    np.testing.assert_array_equal(direction, u - grad)
    assert step.is_plain
    step.at(state_of(3 * u, grad + u))
    assert not step.is_plain
    step.forget()
    assert step.is_plain


def test_a_direction_uphill_leads_nowhere_higher():
    model, state = model_and_state(make_objective()[0])
    reached = line_search(model, state, state.grad, is_plain=False)
    assert reached is None or reached.value <= state.value


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_told(method):
    objective, *_ = make_objective()
    first, *_ = history(by_one_model, objective, by_newton=METHODS[method])
    assert first.method == method
