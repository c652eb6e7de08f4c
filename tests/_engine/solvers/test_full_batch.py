"""The full-batch solver ends at one optimum whatever method suits the size."""

import math
from dataclasses import replace

import oracles
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.solvers import full_batch, one_model, proximal, strategy
from skorchless._engine.solvers.base import Status
from skorchless._engine.solvers.full_batch import minimize_full_batch

# What each method is made to be chosen by, of the questions that the solver asks.
SMOOTH = {
    "newton": {"is_newton_cheap": True},
    "lbfgs of a small table": {},
    "lbfgs": {"is_small_table": False},
    "row-space": {"is_small_table": False, "row_space_pace": 2},
}
L1 = {"proximal-newton": True, "proximal-bfgs": False}
MATRIX_FEATURES = {"all features": 10**6, "working sets": 0}


def choose(monkeypatch, method):
    """Make the solver choose a method of `SMOOTH`."""
    answers = {
        "is_newton_cheap": False,
        "is_small_table": True,
        "row_space_pace": math.inf,
    }
    answers |= SMOOTH[method]
    after = answers.pop("row_space_pace")
    n_passes = 0.0 if after < math.inf else math.inf
    monkeypatch.setattr(full_batch, "row_space_pace", lambda _: strategy.Pace(n_passes, after))
    # What a small table of two classes goes on with has tests of its own.
    monkeypatch.setattr(one_model, "hessian_pace", lambda _: strategy.Pace(math.inf))
    for question, answer in answers.items():
        monkeypatch.setattr(full_batch, question, lambda *_, answer=answer: answer)


def optimum(objective, W=None, tol=1e-10):
    """Return the weights that a fit ends with, and how its last step was found."""
    W = torch.zeros(objective.weights_shape) if W is None else W
    *_, last = minimize_full_batch(objective, W, tol=tol)
    return last.W, last.method


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_features", [5, 60])
@pytest.mark.parametrize("method", SMOOTH)
def test_every_method_ends_at_the_optimum_of_scikit_learn(
    method, n_features, n_classes, monkeypatch
):
    choose(monkeypatch, method)
    objective, X, codes, weights = make_objective(n_classes, n_features=n_features)
    W, how = optimum(objective)
    assert how == method.split(" ")[0]
    expected = oracles.optimum(X, codes, weights, 0.1, fit_intercept=True)
    torch.testing.assert_close(W[0], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", SMOOTH)
def test_no_ground_is_lost_where_one_method_hands_over_to_the_next(method, monkeypatch):
    choose(monkeypatch, method)
    interval = 3
    monkeypatch.setattr(
        full_batch.ClassHessianSchedule,
        "of",
        lambda _, first=None: strategy.ClassHessianSchedule(interval, first),
    )
    objective, *data = make_objective(n_rows=400, alphas=(1e-4,))
    W = torch.zeros(objective.weights_shape)
    history = list(minimize_full_batch(objective, W, tol=1e-10))
    assert len({progress.method for progress in history}) == (1 if method == "newton" else 2)
    values = torch.stack([progress.value[0] for progress in history])
    assert (values.diff() <= 1e-12).all()
    options = {"n_classes": 3, "fit_intercept": True}
    for progress in history:
        value, _ = oracles.value_and_grad(progress.W[0], *data, 1e-4, **options)
        assert float(progress.value[0]) == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize("method", SMOOTH)
@pytest.mark.parametrize("alpha", [0.1, 0.0])
def test_what_all_classes_have_in_common_at_the_start_is_dropped(alpha, method, monkeypatch):
    if method == "row-space" and alpha == 0.0:
        method = "lbfgs"  # there is none without a penalty
    choose(monkeypatch, method)
    objective, *_ = make_objective(n_classes=3, alphas=(alpha,))
    W = objective.center_over_classes(random_weights(objective))
    shifted = W + torch.arange(W.shape[2])
    torch.testing.assert_close(
        optimum(objective, shifted)[0], optimum(objective, W)[0], rtol=0, atol=1e-7
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


@pytest.mark.parametrize("method", ["newton", "lbfgs of a small table", "lbfgs"])
def test_a_flat_model_leaves_the_others_as_they_are_alone(method, monkeypatch):
    choose(monkeypatch, method)
    X = make_objective()[1]
    X = torch.cat([X, X[:, :1]], dim=1)  # without a penalty the objective is flat
    alphas = (0.1, 0.0, 1.0)
    objective, *data = make_objective(2, X=X, alphas=alphas)
    W, _ = optimum(objective)
    for m in (0, 2):
        expected = oracles.optimum(*data, alphas[m], fit_intercept=True)
        torch.testing.assert_close(W[m], expected, rtol=0, atol=1e-7)
    single, *data = make_objective(2, X=X[:, :5], alphas=(0.0,))
    expected, _ = optimum(single)
    coef = W[1, 0, :5] + torch.nn.functional.pad(W[1, 0, 5:6], (0, 4))
    torch.testing.assert_close(coef, expected[0, 0, :5], rtol=0, atol=1e-6)


def records_are_kept(objective):
    """Return whether no record of a fit has changed by its end."""
    solver = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-9)
    records = [(record, record.W.clone(), record.value.clone()) for record in solver]
    assert len(records) > 2
    return all(
        torch.equal(record.W, W) and torch.equal(record.value, value)
        for record, W, value in records
    )


@pytest.mark.parametrize("method", SMOOTH)
def test_the_record_of_an_iteration_does_not_change_with_the_next(method, monkeypatch):
    choose(monkeypatch, method)
    assert records_are_kept(make_objective(alphas=(0.01, 0.1))[0])


@pytest.mark.parametrize("method", L1)
@pytest.mark.parametrize("max_features", MATRIX_FEATURES)
def test_with_an_l1_penalty_neither_does_it(method, max_features, monkeypatch):
    monkeypatch.setattr(proximal, "is_proximal_newton_cheap", lambda *_: L1[method])
    monkeypatch.setattr(full_batch, "MAX_MATRIX_FEATURES", MATRIX_FEATURES[max_features])
    assert records_are_kept(make_objective(alphas=(0.01, 0.1), l1_ratio=1.0)[0])


@pytest.fixture
def n_copies(monkeypatch):
    """Return a list with an entry for each float32 copy of X; tables of any size are copied."""
    monkeypatch.setattr(strategy, "MIN_ROUNDED_ENTRIES", 0)
    monkeypatch.setattr(strategy, "is_newton_cheap", lambda _: False)
    monkeypatch.setattr(full_batch, "is_newton_cheap", lambda _: False)
    copies, rounded = [], TensorRows.rounded

    def counted(self, dtype):
        copies.append(dtype)
        return rounded(self, dtype)

    monkeypatch.setattr(TensorRows, "rounded", counted)
    return copies


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("is_small", [True, False])
@pytest.mark.parametrize(("scale", "tol"), [(1.0, 1e-4), (1e-3, 1e-7), (10.0, 1e-3)])
def test_a_fit_by_a_float32_copy_is_as_near_as_tol(
    scale, tol, is_small, n_classes, n_copies, monkeypatch
):
    monkeypatch.setattr(full_batch, "is_small_table", lambda _: is_small)
    X = scale * make_objective()[1]
    objective, *data = make_objective(n_classes, X=X, alphas=(1e-3,))
    W, _ = optimum(objective, tol=tol)
    assert n_copies == [torch.float32]
    _, grad = oracles.value_and_grad(W[0], *data, 1e-3, n_classes=n_classes, fit_intercept=True)
    assert float(grad.abs().max()) <= tol


@pytest.mark.parametrize(
    ("X", "tol"),
    [
        (make_objective()[1], 1e-6),
        (1e3 * make_objective()[1], 1e-4),
        (make_objective()[1] + 30.0, 1e-4),
        (make_objective()[1].float(), 1e-4),
    ],
    ids=["tight tol", "large features", "far features", "float32"],
)
def test_where_float32_is_too_coarse_there_is_no_copy(X, tol, n_copies):
    objective, *_ = make_objective(X=X, dtype=X.dtype)
    optimum(objective, tol=tol)
    assert n_copies == []


def test_where_float32_stalls_the_fit_goes_on_with_X_itself(n_copies, monkeypatch):
    steps_in_dtype = full_batch._minimize_in_dtype

    def stalled(objective, *args):
        steps = steps_in_dtype(objective, *args)
        if objective.rows.placement.dtype == torch.float64:
            return steps
        before, last = next(steps), next(steps)
        return iter([before, replace(last, status=torch.tensor([int(Status.STALLED)]))])

    monkeypatch.setattr(full_batch, "_minimize_in_dtype", stalled)
    objective, *data = make_objective(alphas=(0.1,))
    *_, last = minimize_full_batch(objective, torch.zeros(objective.weights_shape), tol=1e-4)
    assert n_copies == [torch.float32]
    assert last.status.tolist() == [Status.CONVERGED]
    expected = oracles.optimum(*data, 0.1, fit_intercept=True)
    torch.testing.assert_close(last.W[0], expected, rtol=0, atol=1e-2)
