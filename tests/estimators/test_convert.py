"""A fitted classifier as a torch module and as scikit-learn's LogisticRegression."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
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
