"""What holds for any data at all: random shapes, types, scales, labels and weights.

`nox -s tests` draws a few dozen cases of each, the same ones every time; `nox -s fuzz` draws
thousands of new ones.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from skorchless import GlobalStandardScaler, TorchLogisticClassifier

SOLVERS = ["lbfgs", "adam", "sgd"]
DTYPES = ["float64", "float32", "float16", "uint8", "int32", "int64"]
LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
}
LABELS = {
    "numbers": lambda codes: codes,
    "negative": lambda codes: -3 * codes,
    "floats": lambda codes: codes * 1.0,
    "text": lambda codes: np.array([f"label {code:03}" for code in codes]),
    "objects": lambda codes: np.array([f"ß{code:03}" for code in codes], dtype=object),
}


@dataclass
class Problem:
    """Samples, labels, and weights of which some are zero."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray


@st.composite
def problems(draw, dtypes=DTYPES, max_exponent=0, max_classes=5, min_samples=1):
    """Return a problem; each class has a sample with a weight above zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    n_classes = draw(st.integers(2, max_classes), label="n_classes")
    n_samples = n_classes * draw(st.integers(min_samples, 8), label="samples a class")
    n_features = draw(st.integers(1, 12), label="n_features")
    codes = rng.permutation(np.arange(n_samples) % n_classes)
    X = rng.normal(size=(n_samples, n_features)) + rng.normal(size=(n_classes, n_features))[codes]
    if draw(st.booleans(), label="a constant column"):
        X[:, 0] = 1.0
    if draw(st.booleans(), label="a column twice"):
        X[:, -1] = X[:, 0]
    dtype = draw(st.sampled_from(dtypes), label="dtype")
    if np.dtype(dtype).kind == "f":
        limit = max_exponent if dtype != "float16" else min(max_exponent, 3)
        X = X * 10.0 ** draw(st.integers(-limit, limit), label="power of ten")
    else:
        X = np.clip(20 * X + 100, 0, 255)
    X = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)), label="layout")](X.astype(dtype))
    X.flags.writeable = False
    weights = rng.integers(0, 3, n_samples).astype(float)
    weights[np.unique(codes, return_index=True)[1]] = 1.0
    y = LABELS[draw(st.sampled_from(sorted(LABELS)), label="labels")](codes)
    return Problem(X, y, weights)


def tame_problems(**options):
    """Return problems in float64 whose optimum is found to many digits."""
    return problems(dtypes=["float64"], min_samples=2, **options)


def fit(problem, sample_weight=None, **parameters):
    """Return a fit; that it may not have converged is not the question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # scikit-learn's guess that a few samples of many whole numbers are a regression.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        clf = TorchLogisticClassifier(random_state=0, **parameters)
        return clf.fit(problem.X, problem.y, sample_weight=sample_weight)


def fit_or_refusal(problem, **parameters):
    """Return a fit, or the text of the ValueError that refuses it."""
    try:
        return fit(problem, **parameters)
    except ValueError as error:
        return str(error)


def fit_far(problem, sample_weight=None, **parameters):
    """Return a fit to the optimum."""
    parameters = {"tol": 1e-10, "max_iter": 2000, "C": 0.5, **parameters}
    return fit(problem, sample_weight, **parameters)


def assert_same_model(one, other, X, atol=1e-5):
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=atol)


@pytest.mark.parametrize("solver", SOLVERS)
@given(data=st.data())
def test_probabilities_sum_to_one_and_the_largest_is_predicted(solver, data):
    problem = data.draw(problems(max_exponent=30))
    max_iter = 20 if solver == "lbfgs" else 3
    clf = fit_or_refusal(problem, solver=solver, max_iter=max_iter)
    if isinstance(clf, str):
        # A fixed learning rate can be too large for the scale: then in so many words.
        assert solver != "lbfgs"
        assert "Scale the features, or lower learning_rate_init" in clf
        return
    proba, log_proba = clf.predict_proba(problem.X), clf.predict_log_proba(problem.X)
    scores = clf.decision_function(problem.X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.exp(log_proba), proba, rtol=1e-5, atol=1e-30)
    likeliest = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
    np.testing.assert_array_equal(clf.predict(problem.X), clf.classes_[likeliest])
    np.testing.assert_array_equal(clf.classes_, np.unique(problem.y))


@pytest.mark.parametrize("solver", SOLVERS)
@given(problem=problems(dtypes=["float64", "float32"], min_samples=3))
def test_the_loss_falls(solver, problem):
    parameters = {"lbfgs": {}, "adam": {"max_iter": 4}, "sgd": {"max_iter": 4}}[solver]
    clf = fit(problem, solver=solver, **parameters)
    slack = 1e-4 * abs(clf.loss_curve_[0])
    assert clf.loss_curve_[-1] <= clf.loss_curve_[0] + slack
    if solver == "lbfgs":
        assert (np.diff(clf.loss_curve_) <= slack).all()


@given(problem=tame_problems())
def test_sample_weights_equal_repetition(problem):
    repeats = problem.weights.astype(int)
    repeated = Problem(problem.X.repeat(repeats, axis=0), problem.y.repeat(repeats), None)
    weighted = fit_far(problem, sample_weight=problem.weights)
    assert_same_model(weighted, fit_far(repeated), problem.X)


@given(problem=tame_problems(), seed=st.integers(0, 100))
def test_the_order_of_rows_does_not_matter(problem, seed):
    order = np.random.default_rng(seed).permutation(len(problem.y))
    shuffled = Problem(problem.X[order], problem.y[order], None)
    assert_same_model(fit_far(problem), fit_far(shuffled), problem.X)


@given(problem=tame_problems(), constant=st.sampled_from([-5.0, 0.0, 1.0, 100.0]))
def test_a_constant_column_changes_nothing(problem, constant):
    column = np.full((len(problem.y), 1), constant)
    wider = Problem(np.hstack([problem.X, column]), problem.y, None)
    ours, with_constant = fit_far(problem), fit_far(wider)
    np.testing.assert_allclose(
        with_constant.predict_proba(wider.X), ours.predict_proba(problem.X), atol=1e-5
    )
    np.testing.assert_allclose(with_constant.coef_[:, -1], 0.0, atol=1e-5)


@given(problem=tame_problems(), factor=st.sampled_from([1e-3, 0.5, 7.0, 1e3]))
def test_weights_and_C_scaled_together_change_nothing(problem, factor):
    ours = fit_far(problem, sample_weight=problem.weights)
    scaled = fit_far(problem, sample_weight=factor * problem.weights, C=0.5 / factor)
    assert_same_model(ours, scaled, problem.X)


@given(problem=tame_problems(), seed=st.integers(0, 100))
def test_a_permutation_of_labels_permutes_the_coefficients(problem, seed):
    classes, codes = np.unique(problem.y, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(classes))
    ours = fit_far(Problem(problem.X, codes, None))
    permuted = fit_far(Problem(problem.X, order[codes], None))
    if len(classes) == 2:
        np.testing.assert_allclose(
            permuted.coef_, ours.coef_ * (1 if order[0] == 0 else -1), atol=1e-5
        )
    else:
        np.testing.assert_allclose(permuted.coef_[order], ours.coef_, atol=1e-5)


@given(problem=tame_problems())
def test_float32_and_float64_agree(problem):
    single = Problem(problem.X.astype(np.float32), problem.y, None)
    ours, rounded = fit_far(problem), fit_far(single, tol=1e-6)
    np.testing.assert_allclose(
        rounded.predict_proba(single.X), ours.predict_proba(problem.X), atol=2e-3
    )


@given(problem=tame_problems(max_classes=3))
def test_kinds_of_data_give_the_same_model(problem):
    ours = fit_far(problem)
    for layout in LAYOUTS.values():
        other = fit_far(Problem(layout(problem.X), problem.y, None))
        assert_same_model(ours, other, problem.X)


def test_a_hundred_classes_of_a_sample_each():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 20)), np.char.mod("label %d", rng.permutation(100))
    clf = fit(Problem(X, y, None), C=1e3, max_iter=1000)
    assert clf.predict_proba(X).shape == (100, 100)
    assert clf.score(X, y) == 1.0


@given(problem=problems(max_exponent=15))
def test_the_scaler_gives_mean_zero_and_deviation_one_and_goes_back(problem):
    X = problem.X.astype(np.float64)
    assume(X.std() > 1e-12 * np.abs(X).max())
    scaler = GlobalStandardScaler().fit(X)
    scaled = scaler.transform(X)
    np.testing.assert_allclose(scaled.mean(), 0.0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(scaler.inverse_transform(scaled), X, atol=1e-9 * np.abs(X).max())


@given(problem=problems(), at=st.integers(0, 100))
def test_the_scaler_learns_from_parts_what_it_learns_from_the_whole(problem, at):
    X, cut = problem.X, at % (len(problem.X) + 1)
    parts = [part for part in (X[:cut], X[cut:]) if len(part)]
    scaler = GlobalStandardScaler()
    for part in parts:
        scaler.partial_fit(part)
    whole = GlobalStandardScaler().fit(X)
    np.testing.assert_allclose(
        [scaler.mean_, scaler.var_], [whole.mean_, whole.var_], rtol=1e-6, atol=1e-12
    )
    assert scaler.n_samples_seen_ == whole.n_samples_seen_
