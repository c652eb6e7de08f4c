"""A fitted classifier as a torch module and as scikit-learn's LogisticRegression."""

import pickle

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import scale
from torch import nn

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV


@pytest.fixture(params=[load_iris, load_breast_cancer], ids=["three", "two"])
def data(request):
    X, y = request.param(return_X_y=True)
    return X, np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_module_gives_the_log_probabilities(data, dtype):
    X, y = data
    clf = TorchLogisticClassifier(max_iter=500, tol=1e-2).fit(X.astype(dtype), y)
    module = clf.to_module()
    assert [type(layer) for layer in module] == [nn.Linear, nn.LogSoftmax]
    with torch.no_grad():
        log_proba = module(torch.tensor(X.astype(dtype))).numpy()
    assert log_proba.dtype == dtype
    np.testing.assert_allclose(
        log_proba, clf.predict_log_proba(X.astype(dtype)), rtol=1e-3, atol=1e-4
    )


def test_module_can_be_trained_on_and_is_a_copy(data):
    X, y = data
    clf = TorchLogisticClassifier(max_iter=500).fit(X, y)
    before = clf.coef_.copy()
    module = clf.to_module()
    labels = torch.tensor(np.searchsorted(clf.classes_, y))
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    nn.NLLLoss()(module(torch.tensor(X)), labels).backward()
    optimizer.step()
    assert (module[0].weight.detach().numpy()[-1] != before[-1]).any()
    np.testing.assert_array_equal(clf.coef_, before)


def test_sklearn_model_predicts_the_same(data):
    X, y = data
    clf = TorchLogisticClassifier(C=0.5, max_iter=500).fit(X, y)
    model = clf.to_sklearn()
    assert type(model) is LogisticRegression
    assert model.C == 0.5
    np.testing.assert_allclose(model.predict_proba(X), clf.predict_proba(X), rtol=1e-7, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), clf.predict(X))
    assert model.n_iter_.tolist() == [clf.n_iter_]


@pytest.mark.parametrize("refit", [True, False])
def test_a_search_gives_the_model_with_the_penalty_that_it_chose(data, refit):
    X, y = data
    X = scale(X)
    search = TorchLogisticClassifierCV(
        Cs=[1e-3, 0.1], l1_ratios=[0.5, 1.0], cv=3, refit=refit, fit_intercept=False, tol=1e-3
    ).fit(X, y)
    model = search.to_sklearn()
    assert type(model) is LogisticRegression
    assert (model.C, model.l1_ratio) == (search.C_, search.l1_ratio_)
    assert (model.fit_intercept, model.tol) == (False, 1e-3)
    assert model.n_iter_.tolist() == [search.n_iter_.max()]
    expected = search.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-7, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), search.predict(X))
    with torch.no_grad():
        log_proba = search.to_module()(torch.tensor(X)).numpy()
    np.testing.assert_allclose(log_proba, np.log(expected), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_sklearn_model_can_be_fitted_again(data, l1_ratio):
    X, y = data
    X = scale(X[:, :3])
    clf = TorchLogisticClassifier(
        C=0.1, l1_ratio=l1_ratio, class_weight="balanced", max_iter=5000, random_state=0
    ).fit(X, y)
    refitted = clf.to_sklearn().fit(X, y)
    np.testing.assert_allclose(refitted.predict_proba(X), clf.predict_proba(X), atol=0.02)


def test_sklearn_model_keeps_feature_names():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    model = TorchLogisticClassifier().fit(frame, y).to_sklearn()
    assert model.feature_names_in_.tolist() == frame.columns.tolist()


@pytest.mark.parametrize("estimator", [TorchLogisticClassifier, TorchLogisticClassifierCV])
@pytest.mark.parametrize("method", ["to_module", "to_sklearn"])
def test_an_unfitted_classifier_has_nothing_to_convert(method, estimator):
    with pytest.raises(NotFittedError):
        getattr(estimator(), method)()


@pytest.fixture(params=["dense", "sparse"])
def several_labels(request):
    """Return samples with three labels of each, from thresholds of the features of iris."""
    X, y = load_iris(return_X_y=True)
    Y = np.c_[y == 1, y == 2, X[:, 0] + X[:, 1] > 9].astype(int)
    return scale(X), csr_array(Y) if request.param == "sparse" else Y


@pytest.mark.parametrize(
    "estimator",
    [
        TorchLogisticClassifier(C=0.5, class_weight="balanced"),
        TorchLogisticClassifier(l1_ratio=1.0, fit_intercept=False),
        TorchLogisticClassifierCV(Cs=[0.01, 1.0], cv=3),
        TorchLogisticClassifierCV(Cs=[0.01, 1.0], cv=3, per_label=True),
    ],
    ids=str,
)
def test_several_labels_become_one_vs_rest_of_logistic_regressions(several_labels, estimator):
    X, Y = several_labels
    clf = clone(estimator).fit(X, Y)
    model = pickle.loads(pickle.dumps(clf.to_sklearn()))
    assert type(model) is OneVsRestClassifier
    reference = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    for name in ("predict", "predict_proba", "decision_function"):
        found, expected = getattr(model, name)(X), getattr(clf, name)(X)
        assert type(found) is type(getattr(reference, name)(X))
        assert issparse(found) == issparse(expected)
        assert found.dtype == expected.dtype
        if issparse(found):
            found, expected = found.toarray(), expected.toarray()
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)
    for name in ("classes_", "n_classes_", "multilabel_", "n_features_in_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(reference, name))
    assert model.score(X, Y) == accuracy_score(Y, clf.predict(X))
    Cs = np.broadcast_to(getattr(clf, "C_", getattr(clf, "C", None)), 3)
    assert [each.C for each in model.estimators_] == Cs.tolist()
    assert [each.fit_intercept for each in model.estimators_] == [clf.fit_intercept] * 3


def test_a_model_of_several_labels_can_be_fitted_again(several_labels):
    X, Y = several_labels
    clf = TorchLogisticClassifier(C=0.1, tol=1e-8, max_iter=1000).fit(X, Y)
    refitted = clf.to_sklearn().fit(X, Y)
    np.testing.assert_allclose(refitted.predict_proba(X), clf.predict_proba(X), atol=1e-5)


def test_the_module_of_several_labels_gives_the_probability_of_each(several_labels):
    X, Y = several_labels
    clf = TorchLogisticClassifier().fit(X, Y)
    module = clf.to_module()
    assert [type(layer) for layer in module] == [nn.Linear, nn.Sigmoid]
    with torch.no_grad():
        proba = module(torch.tensor(X)).numpy()
    np.testing.assert_allclose(proba, clf.predict_proba(X), rtol=1e-12)


def test_labels_of_one_value_and_names_of_features_are_converted_too():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    Y = np.c_[y == 0, y >= 0, y < 0].astype(int)
    with pytest.warns(UserWarning, match="one value alone"):
        clf = TorchLogisticClassifier().fit(frame, Y)
    model = clf.to_sklearn()
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    np.testing.assert_array_equal(model.predict(frame), clf.predict(frame))
    with torch.no_grad():
        proba = clf.to_module()(torch.tensor(frame.to_numpy())).numpy()
    np.testing.assert_allclose(proba[:, 1:], np.tile([1.0, 0.0], (150, 1)), atol=1e-12)
