"""The optimum is LogisticRegression's: the same objective and the same coefficients."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight
from small_tables import standardized

from skorchless import TorchLogisticClassifier


def overlapping_blobs(n_classes):
    """Return samples that no plane separates: an unpenalised fit has an optimum."""
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(n_classes), 60)
    return rng.randn(len(y), 4) + 0.7 * rng.randn(n_classes, 4)[y], y


DATASETS = {
    "iris": lambda: standardized(load_iris),
    "wine": lambda: standardized(load_wine),
    "digits": lambda: standardized(load_digits),
    "breast_cancer": lambda: standardized(load_breast_cancer),
    "overlapping_2": lambda: overlapping_blobs(2),
    "overlapping_3": lambda: overlapping_blobs(3),
}
CASES = [
    (name, C)
    for name in DATASETS
    for C in (1e-3, 1.0, 1e3, np.inf)
    if np.isfinite(C) or name.startswith("overlapping")
]


def objective(model, X, y, weights, C):
    """Return the objective per unit of weight, in float64, straight from its formula."""
    scores = X @ model.coef_.T + model.intercept_
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    codes = np.searchsorted(model.classes_, y)
    nll = logsumexp(scores, axis=1) - scores[np.arange(len(y)), codes]
    penalty = 0.5 * (model.coef_**2).sum() / C
    return (weights @ nll + penalty) / weights.sum()


def fit_both(X, y, sample_weight=None, **parameters):
    ours = TorchLogisticClassifier(tol=1e-10, max_iter=5000, **parameters)
    # newton-cg, because scikit-learn's lbfgs stops short of a tolerance as tight as this.
    theirs = LogisticRegression(tol=1e-10, max_iter=5000, solver="newton-cg", **parameters)
    return ours.fit(X, y, sample_weight=sample_weight), theirs.fit(
        X, y, sample_weight=sample_weight
    )


def assert_same_optimum(X, y, sample_weight=None, **parameters):
    ours, theirs = fit_both(X, y, sample_weight, **parameters)
    weights = np.ones(len(y)) if sample_weight is None else sample_weight
    if "class_weight" in parameters:
        weights = weights * compute_sample_weight(parameters["class_weight"], y)
    C = parameters.get("C", 1.0)
    expected = objective(theirs, X, y, weights, C)
    assert objective(ours, X, y, weights, C) == pytest.approx(expected, rel=1e-6)
    # Within 1e-3 of the largest coefficient, or of 1 where all are small.
    scale = max(1.0, np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-3 * scale)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=0, atol=1e-3 * scale)
    return ours, theirs


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("name", "C"), CASES)
def test_optimum_is_that_of_logistic_regression(name, C, fit_intercept):
    X, y = DATASETS[name]()
    assert_same_optimum(X, y, C=C, fit_intercept=fit_intercept)


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_sample_weights_count_as_in_logistic_regression(name):
    X, y = DATASETS[name]()
    assert_same_optimum(X, y, np.random.RandomState(0).exponential(size=len(y)))


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.2, 1: 5.0}])
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_class_weights_count_as_in_logistic_regression(name, class_weight):
    X, y = DATASETS[name]()
    assert_same_optimum(X, y, class_weight=class_weight)


@pytest.mark.parametrize("weight", [0.1, 0.2, 0.5, 0.7, 1.0, 2.0])
def test_last_digits_of_the_gradient_are_not_lost_in_those_of_the_objective(weight):
    # Newton's last steps leave the objective level to its rounding, sometimes above it.
    X, y = DATASETS["breast_cancer"]()
    clf = TorchLogisticClassifier(tol=1e-10, class_weight={0: weight, 1: 1 / weight}).fit(X, y)
    assert clf.n_iter_ < 12


def test_balanced_class_weights_are_balanced_by_sample_weight():
    # compute_sample_weight knows no sample weights, so only the two models are compared.
    X, y = DATASETS["wine"]()
    weights = np.random.RandomState(0).exponential(size=len(y))
    ours, theirs = fit_both(X, y, weights, class_weight="balanced")
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)


def test_probabilities_are_those_of_logistic_regression():
    X, y = DATASETS["digits"]()
    ours, theirs = fit_both(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-5)
    assert (ours.predict(X) == theirs.predict(X)).all()


def test_integer_sample_weights_are_repetitions():
    X, y = DATASETS["wine"]()
    repeats = np.random.RandomState(0).randint(0, 4, size=len(y))
    parameters = {"tol": 1e-10, "max_iter": 1000}
    weighted = TorchLogisticClassifier(**parameters).fit(X, y, sample_weight=repeats)
    repeated = TorchLogisticClassifier(**parameters).fit(
        X.repeat(repeats, axis=0), y.repeat(repeats)
    )
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-8)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_scaling_weights_and_penalty_together_changes_nothing(factor):
    X, y = DATASETS["wine"]()
    plain = TorchLogisticClassifier().fit(X, y)
    scaled = TorchLogisticClassifier(C=1.0 / factor).fit(
        X, y, sample_weight=np.full(len(y), factor)
    )
    np.testing.assert_allclose(scaled.coef_, plain.coef_, rtol=1e-9)


def test_float32_finds_the_optimum_of_float64():
    X, y = DATASETS["breast_cancer"]()
    double = TorchLogisticClassifier(tol=1e-6).fit(X, y)
    single = TorchLogisticClassifier(tol=1e-6).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, double.coef_, atol=1e-3)


def test_features_of_any_scale_converge_within_the_default_iterations():
    X, y = load_breast_cancer(return_X_y=True)  # scales from 1e-3 to 1e3
    fitted = TorchLogisticClassifier().fit(X, y)  # a ConvergenceWarning would be an error
    reference = LogisticRegression(tol=1e-8, max_iter=100_000).fit(X, y)
    weights = np.ones(len(y))
    expected = objective(reference, X, y, weights, C=1.0)
    assert objective(fitted, X, y, weights, C=1.0) == pytest.approx(expected, rel=1e-3)
