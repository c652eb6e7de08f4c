"""partial_fit is a transaction: it goes on after a change of parameters, and undoes what fails."""

import copy

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skorchless import TorchLogisticClassifier
from skorchless._engine.rows.memory import TensorRows

X, Y = load_iris(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(Y))
X, Y = X[ORDER], Y[ORDER]
SOLVERS = ["adam", "sgd"]
RATE = 0.01


def streaming(solver="adam", **parameters):
    parameters = {"learning_rate_init": RATE, "random_state": 0, **parameters}
    return TorchLogisticClassifier(solver=solver, **parameters)


def after_one_call(solver="adam", **parameters):
    return streaming(solver, **parameters).partial_fit(X, Y, classes=[0, 1, 2])


def gradient(clf):
    """Return the gradient of the objective at the weights of ``clf``, by coef and intercept."""
    intercept = clf.intercept_ if clf.fit_intercept else np.zeros(3)
    logits = X @ clf.coef_.T + intercept
    residual = softmax(logits, axis=1) - np.eye(3)[Y]
    of_coef = residual.T @ X / len(Y) + clf.coef_ / (clf.C * len(Y))
    return of_coef, residual.mean(axis=0) * clf.fit_intercept


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("had_intercept", [True, False])
def test_it_goes_on_from_the_coefficients_after_fit_intercept_changed(solver, had_intercept):
    clf = after_one_call(solver, fit_intercept=had_intercept)
    clf.set_params(fit_intercept=not had_intercept, batch_size=len(Y))
    grads = gradient(clf)
    before = clf.coef_, clf.intercept_ * (not had_intercept)
    clf.partial_fit(X, Y)
    for old, new, grad in zip(before, (clf.coef_, clf.intercept_), grads, strict=True):
        # The first step of an optimiser that starts anew.
        step = grad / (np.abs(grad) + 1e-8) if solver == "adam" else grad
        np.testing.assert_allclose(new, old - RATE * step, rtol=1e-9, atol=1e-12)
    assert clf.n_iter_ == 2
    assert (clf.intercept_ == 0).all() == had_intercept


@pytest.mark.parametrize("had_intercept", [True, False])
@pytest.mark.parametrize("solver", ["lbfgs", *SOLVERS])
def test_a_warm_start_goes_on_after_fit_intercept_solver_and_dtype_changed(solver, had_intercept):
    clf = TorchLogisticClassifier(solver=solver, max_iter=5, n_iter_no_change=5, tol=0.1)
    clf.set_params(fit_intercept=had_intercept, warm_start=True).fit(X.astype(np.float32), Y)
    clf.sparsify()
    clf.set_params(solver="lbfgs", fit_intercept=not had_intercept, tol=1e-8, max_iter=500)
    reference = LogisticRegression(fit_intercept=not had_intercept, tol=1e-10, max_iter=10_000)
    reference.fit(X, Y)
    np.testing.assert_allclose(clf.fit(X, Y).coef_, reference.coef_, atol=1e-5)
    assert clf.coef_.dtype == np.float64


@pytest.mark.parametrize("solver", SOLVERS)
def test_it_goes_on_in_the_dtype_of_each_chunk(solver):
    clf, in_double = after_one_call(solver), after_one_call(solver)
    for dtype in ("float32", "float64", "float16", "float32"):
        chunk = X.astype("float16").astype(dtype)
        clf.partial_fit(chunk, Y)
        in_double.partial_fit(chunk.astype(np.float64), Y)
        assert clf.coef_.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_allclose(clf.coef_, in_double.coef_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_sparsify_in_between_changes_nothing(solver):
    clf, undisturbed = (after_one_call(solver, l1_ratio=1.0, C=0.1) for _ in range(2))
    clf.sparsify().partial_fit(X, Y)
    np.testing.assert_array_equal(clf.coef_, undisturbed.partial_fit(X, Y).coef_)


def interrupted_epoch(monkeypatch, fault):
    def fail(*_arguments, **_options):
        raise fault

    monkeypatch.setattr(TensorRows, "gather", fail)
    return {}


def interrupted_store(monkeypatch, fault):
    """Raise when all is stored: the stream is the last."""

    def store(estimator, name, value):
        object.__setattr__(estimator, name, value)
        if name == "_stream":
            raise fault

    monkeypatch.setattr(TorchLogisticClassifier, "__setattr__", store)
    return {}


FAILURES = {
    "an unknown label": lambda _: {"y": Y + 1},
    "other features": lambda _: {"X": X[:, :3]},
    "not a number": lambda _: {"X": np.where(X > 5, np.nan, X)},
    "no samples": lambda _: {"X": X[:0], "y": Y[:0]},
    "a negative weight": lambda _: {"sample_weight": -np.ones(len(Y))},
    "other classes": lambda _: {"classes": [0, 1, 2, 3]},
    "infinite weights": lambda _: {"learning_rate_init": 1e308},
    "an interrupted epoch": lambda patch: interrupted_epoch(patch, KeyboardInterrupt()),
    "no memory": lambda patch: interrupted_epoch(patch, MemoryError()),
    "an interrupt at the end": lambda patch: interrupted_store(patch, KeyboardInterrupt()),
}


def fail_to_go_on(clf, failure, monkeypatch):
    """Call partial_fit in a way that raises, and put the parameters back."""
    with monkeypatch.context() as patch:
        arguments = {"X": X, "y": Y, "classes": [0, 1, 2], **FAILURES[failure](patch)}
        rate = arguments.pop("learning_rate_init", RATE)
        clf.set_params(learning_rate_init=rate)
        with pytest.raises((ValueError, KeyboardInterrupt, MemoryError)):
            clf.partial_fit(**arguments)
    clf.set_params(learning_rate_init=RATE)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_fails_leaves_nothing_moved(failure, solver, monkeypatch):
    clf, undisturbed = after_one_call(solver), after_one_call(solver)
    before = vars(clf).copy()
    fail_to_go_on(clf, failure, monkeypatch)
    assert vars(clf) == before
    for model in (clf, undisturbed):
        model.partial_fit(X, Y)
    np.testing.assert_array_equal(clf.coef_, undisturbed.coef_)
    np.testing.assert_array_equal(clf.loss_curve_, undisturbed.loss_curve_)


@pytest.mark.parametrize("failure", [name for name in FAILURES if "other" not in name])
def test_a_first_call_that_fails_leaves_the_estimator_and_its_generator_as_they_were(
    failure, monkeypatch
):
    clf = streaming(random_state=np.random.RandomState(7))
    undisturbed = clone(clf).set_params(random_state=np.random.RandomState(7))
    fail_to_go_on(clf, failure, monkeypatch)
    with pytest.raises(NotFittedError):
        clf.predict(X)
    assert not hasattr(clf, "n_features_in_")
    for model in (clf, undisturbed):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    np.testing.assert_array_equal(clf.coef_, undisturbed.coef_)


@pytest.mark.parametrize("solver", ["lbfgs", *SOLVERS])
def test_a_fit_that_fails_draws_nothing_from_a_generator_that_is_given(solver):
    rng = np.random.RandomState(7)
    expected = np.random.RandomState(7).randint(2**31 - 1)
    clf = TorchLogisticClassifier(solver=solver, early_stopping=True, random_state=rng)
    bad_validation = {"X_val": X[:, :2], "y_val": Y}
    with pytest.raises(ValueError, match="2 features"):
        clf.fit(X, Y, **bad_validation)
    with pytest.raises(ValueError, match="class_weight"):  # after the split
        clf.set_params(class_weight={0: -1.0}).fit(X, Y)
    assert rng.randint(2**31 - 1) == expected


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_and_its_original_go_on_apart(copied, solver):
    original, undisturbed = after_one_call(solver), after_one_call(solver)
    of_copy = copied(original)
    for _ in range(2):
        of_copy.partial_fit(X, Y)
    for model in (original, undisturbed):
        model.partial_fit(X, Y)
    np.testing.assert_array_equal(original.coef_, undisturbed.coef_)
    np.testing.assert_array_equal(of_copy.coef_, undisturbed.partial_fit(X, Y).coef_)


def test_each_call_draws_an_order_of_its_own(monkeypatch):
    orders, draw = [], torch.randperm
    monkeypatch.setattr(
        torch,
        "randperm",
        lambda *given, **named: orders.append(draw(*given, **named)) or orders[-1],
    )
    after_one_call().partial_fit(X, Y)
    first, second = orders
    assert not torch.equal(first, second)
