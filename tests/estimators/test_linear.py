"""Predictions: one product, read in four ways, where X is and of the kind that X is."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn import config_context
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skorchless import TorchLogisticClassifier

METHODS = ["decision_function", "predict_proba", "predict_log_proba", "predict"]


@pytest.fixture(scope="module", params=[load_breast_cancer, load_digits], ids=["two", "many"])
def fitted(request):
    X, y = request.param(return_X_y=True)
    return TorchLogisticClassifier(max_iter=500).fit(X, y), X


def test_scores_are_the_product_with_the_coefficients(fitted):
    clf, X = fitted
    expected = X @ clf.coef_.T + clf.intercept_
    expected = expected.ravel() if len(clf.classes_) == 2 else expected
    np.testing.assert_allclose(clf.decision_function(X), expected, rtol=1e-9, atol=1e-9)


def test_probabilities_are_finite_and_sum_to_one(fitted):
    clf, X = fitted
    proba = clf.predict_proba(1e6 * X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)


def test_probabilities_are_the_softmax_of_the_scores(fitted):
    clf, X = fitted
    scores = clf.decision_function(X)
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros_like(scores), scores])
    expected = log_softmax(scores, axis=1)
    np.testing.assert_allclose(clf.predict_log_proba(X), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(clf.predict_proba(X), np.exp(expected), rtol=1e-9, atol=1e-12)


def test_log_probabilities_do_not_underflow(fitted):
    clf, X = fitted
    log_proba = clf.predict_log_proba(1e4 * X)
    assert np.isfinite(log_proba).all()
    assert log_proba.min() < -800  # exp of it is 0 in float64


def test_the_predicted_class_is_the_most_probable_one(fitted):
    clf, X = fitted
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[clf.predict_proba(X).argmax(1)])


def test_predictions_are_those_of_scikit_learn_with_the_same_coefficients(fitted):
    clf, X = fitted
    sklearn_clf = LogisticRegression()
    for name in ("coef_", "intercept_", "classes_"):
        setattr(sklearn_clf, name, getattr(clf, name))
    for method in METHODS:
        np.testing.assert_allclose(
            getattr(clf, method)(X), getattr(sklearn_clf, method)(X), rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("method", METHODS)
def test_prediction_before_fit_is_an_error(method):
    with pytest.raises(NotFittedError):
        getattr(TorchLogisticClassifier(), method)([[0.0]])


@pytest.mark.parametrize("method", METHODS)
def test_tensors_give_what_arrays_give_as_numpy(fitted, method):
    clf, X = fitted
    predicted = getattr(clf, method)(torch.tensor(X))
    assert isinstance(predicted, np.ndarray)
    # Not to the bit: a BLAS rounds by the alignment of its input.
    np.testing.assert_allclose(predicted, getattr(clf, method)(X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_tensors_give_tensors_with_array_api_dispatch(fitted, method):
    clf, X = fitted
    tensor = torch.tensor(X)
    with config_context(array_api_dispatch=True):
        predicted = getattr(clf, method)(tensor)
    assert isinstance(predicted, torch.Tensor)
    assert predicted.device == tensor.device
    np.testing.assert_allclose(predicted.numpy(), getattr(clf, method)(X), rtol=1e-9, atol=1e-12)


def test_string_labels_are_numpy_even_with_dispatch():
    X = np.array([[0.0], [1.0]])
    clf = TorchLogisticClassifier().fit(X, ["no", "yes"])
    with config_context(array_api_dispatch=True):
        assert clf.predict(torch.tensor(X)).tolist() == ["no", "yes"]


def test_score_is_the_weighted_accuracy():
    X = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    clf = TorchLogisticClassifier(C=100.0).fit(X, [0, 0, 1, 1])
    assert clf.score(X, [0, 0, 1, 0]) == 0.75
    assert clf.score(X, [0, 0, 1, 0], sample_weight=[1, 1, 1, 0]) == 1.0
    assert clf.score(torch.tensor(X), torch.tensor([0, 0, 1, 0])) == 0.75
    with config_context(array_api_dispatch=True):
        assert clf.score(torch.tensor(X), torch.tensor([0, 0, 1, 0])) == 0.75


def test_single_precision_samples_do_not_lower_a_double_precision_fit(fitted):
    clf, X = fitted
    assert clf.predict_proba(X.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("method", METHODS)
def test_one_sample_is_predicted_as_among_many(fitted, method):
    clf, X = fitted
    whole = getattr(clf, method)(X)
    np.testing.assert_allclose(getattr(clf, method)(X[7:8]), whole[7:8], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_beyond_float32_still_give_probabilities(n_classes):
    X = np.array([[-3e20, 2e20], [1e21, 1e21], [0.0, 0.0]], dtype=np.float32)
    clf = TorchLogisticClassifier().fit(X / np.float32(1e21), np.arange(3) % n_classes)
    # Weights of a fit that went too far: 1e20 times 1e19 is infinite in float32, and the sum of
    # an infinity and its opposite is none.
    clf.coef_ = np.array([[1e19, -2e19], [0.0, 1e19], [-1e19, 1e18]][: len(clf.coef_)], np.float32)
    exact = X.astype(float) @ clf.coef_.T.astype(float)
    expected = exact.argmax(1) if n_classes == 3 else (exact[:, 0] > 0).astype(int)
    np.testing.assert_array_equal(clf.predict(X[:2]), expected[:2])
    for values in (clf.predict_proba(X), clf.predict_log_proba(X), clf.decision_function(X)):
        assert np.isfinite(values).all()
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1.0, rtol=1e-6)
