"""A sparse X is fitted and predicted as the same X, dense."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV
from skorchless._engine import placement

CONTAINERS = [
    *(sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array),
    sparse.lil_array,
]


def scaled(load):
    X, y = load(return_X_y=True)
    return MaxAbsScaler().fit_transform(X), y


def wide(n_classes):
    """Return 300 samples of 2,000 features, most of them 0: more than a Gram matrix is for."""
    X = sparse.random(300, 2000, 0.02, random_state=0, format="csr")
    codes = np.asarray(X[:, : 100 * n_classes].toarray()).reshape(300, n_classes, 100).sum(2)
    return X, codes.argmax(1)


def assert_same_fit(clf, X, y, atol=1e-7, **fit_params):
    dense = clone(clf).fit(X.toarray(), y, **fit_params)
    found = clone(clf).fit(X, y, **fit_params)
    np.testing.assert_allclose(found.coef_, dense.coef_, atol=atol)
    np.testing.assert_allclose(found.intercept_, dense.intercept_, atol=atol)
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        of_dense, of_sparse = getattr(dense, method)(X.toarray()), getattr(found, method)(X)
        np.testing.assert_allclose(of_sparse, of_dense, atol=max(1e-5, 10 * atol))
    np.testing.assert_array_equal(found.predict(X), dense.predict(X.toarray()))
    assert found.score(X, y) == dense.score(X.toarray(), y)
    assert found.coef_.dtype == dense.coef_.dtype


def test_float32_features_far_from_zero_converge_to_tol():
    X, y = wide(3)
    X = X.tolil()
    X[:, 0] = 500.0 + np.random.default_rng(0).standard_normal((300, 1))
    X = X.tocsr().astype("f4")
    found = TorchLogisticClassifier(C=1.0).fit(X, y)
    assert found.solver_ == "newton-cg"
    X = X.astype("f8")
    coef, intercept = found.coef_.astype("f8"), found.intercept_.astype("f8")
    error = softmax(X @ coef.T + intercept, axis=1)
    error[np.arange(300), y] -= 1.0
    grad = X.T @ error / 300 + coef.T / 300
    # With logits that gather the roundings of all steps a fit ended at 45 times ``tol``.
    assert np.abs(grad).max() < 3e-4


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_digits])
def test_the_optimum_is_that_of_the_dense_samples(load, fit_intercept, l1_ratio):
    X, y = scaled(load)
    clf = TorchLogisticClassifier(
        C=0.5, l1_ratio=l1_ratio, fit_intercept=fit_intercept, tol=1e-8, max_iter=1000
    )
    assert_same_fit(clf, sparse.csr_array(X), y, atol=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n_features", [300, 2000])
def test_entries_that_are_stored_in_parts_are_their_sum(n_features, l1_ratio):
    X, y = wide(2)
    X = X[:, :n_features]
    X.data = np.ceil(2**10 * X.data) / 2**10  # parts of few digits have an exact sum
    first = np.random.RandomState(0).randint(2, 9, X.nnz) * X.data
    parts, indices = np.stack([first, X.data - first], axis=1).ravel(), np.repeat(X.indices, 2)
    in_parts = sparse.csr_array((parts, indices, 2 * X.indptr), shape=X.shape)
    clf = TorchLogisticClassifier(C=10, l1_ratio=l1_ratio, tol=1e-8, max_iter=1000)
    expected, found = clone(clf).fit(X, y), clone(clf).fit(in_parts, y)
    assert found.n_iter_ == expected.n_iter_
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-9)
    np.testing.assert_allclose(
        found.decision_function(in_parts), expected.decision_function(X), atol=1e-9
    )


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_many_features_too(n_classes, l1_ratio):
    clf = TorchLogisticClassifier(C=10, l1_ratio=l1_ratio, tol=1e-9, max_iter=1000)
    assert_same_fit(clf, *wide(n_classes), atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*failed to converge")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_minibatches_take_the_same_steps(solver, l1_ratio):
    X, y = wide(3)
    clf = TorchLogisticClassifier(solver=solver, max_iter=7, random_state=0, l1_ratio=l1_ratio)
    assert_same_fit(clf, X, y, atol=1e-12)
    stream = clone(clf).partial_fit(X[:150], y[:150], classes=[0, 1, 2])
    dense = clone(clf).partial_fit(X[:150].toarray(), y[:150], classes=[0, 1, 2])
    np.testing.assert_allclose(
        stream.partial_fit(X[150:], y[150:]).coef_,
        dense.partial_fit(X[150:].toarray(), y[150:]).coef_,
        atol=1e-12,
    )


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64, np.bool_])
def test_minibatches_of_every_format_and_type_leave_it_as_it_was(container, dtype, solver):
    X, y = wide(2)
    X = (10 * X).ceil().astype(dtype)
    given = container(X)
    parts = [vars(given)[name] for name in ("data", "indices", "indptr") if name in vars(given)]
    before = [part.copy() for part in parts]
    for part in parts:
        part.flags.writeable = False
    weights = np.arange(len(y)) % 3.0
    clf = TorchLogisticClassifier(solver=solver, max_iter=2, random_state=0)
    dense = clone(clf).fit(X.toarray(), y, weights).partial_fit(X.toarray(), y, [0, 1], weights)
    clf.fit(given, y, weights).partial_fit(given, y, [0, 1], weights)
    rounding = {"rtol": 1e-3, "atol": 1e-6} if clf.coef_.dtype == np.float32 else {"rtol": 1e-9}
    np.testing.assert_allclose(clf.coef_, dense.coef_, **rounding)
    assert all(np.array_equal(*pair) for pair in zip(parts, before, strict=True))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_rate_too_large_for_sparse_samples_is_an_error(solver):
    X, y = wide(2)
    clf = TorchLogisticClassifier(solver=solver, max_iter=2, learning_rate_init=1e300, C=1e-3)
    with pytest.raises(ValueError, match="lower learning_rate_init"):
        clf.fit(X, y)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.bool_])
def test_every_format_and_type_will_do(container, dtype):
    X, y = wide(2)
    X = (X != 0).astype(dtype)
    # By different methods, which end 2e-4 apart at 1e-6 and 1e-3 at the default tol.
    expected = TorchLogisticClassifier(tol=1e-7).fit(X.toarray(), y)
    found = TorchLogisticClassifier(tol=1e-7).fit(container(X), y)
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-4)
    assert found.coef_.dtype == (np.float64 if dtype is np.float64 else np.float32)
    probabilities = found.predict_proba(container(X))
    np.testing.assert_allclose(probabilities, expected.predict_proba(X.toarray()), atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*failed to converge")
def test_weights_and_validation_samples_are_used():
    X, y = scaled(load_digits)
    weights = np.random.RandomState(0).randint(0, 3, len(y)).astype(float)
    # By different methods, so that coefficients agree as far as the gradient over the penalty.
    clf = TorchLogisticClassifier(class_weight="balanced", tol=1e-10, max_iter=200)
    assert_same_fit(clf, sparse.csr_array(X), y, sample_weight=weights)
    early = TorchLogisticClassifier(solver="adam", early_stopping=True, max_iter=20, tol=0.1)
    early.set_params(random_state=0, n_iter_no_change=3)
    assert_same_fit(early, sparse.csr_array(X), y)
    given = clone(clf).fit(sparse.csr_array(X), y, X_val=sparse.csr_array(X[:50]), y_val=y[:50])
    dense = clone(clf).fit(X, y, X_val=X[:50], y_val=y[:50])
    assert given.validation_scores_[-1] == dense.validation_scores_[-1]
    losses = [fitted.validation_loss_curve_[-1] for fitted in (given, dense)]
    assert losses[0] == pytest.approx(losses[1])


@pytest.mark.parametrize("l1_ratios", [(0.0,), (0.0, 1.0)])
def test_a_grid_chooses_the_same(l1_ratios):
    X, y = scaled(load_iris)
    # At C=0.1 and l1_ratio=1 two classes have the same weights: their ties are rounding.
    grid = TorchLogisticClassifierCV(Cs=[0.3, 1.0, 10.0], l1_ratios=l1_ratios, cv=3, tol=1e-9)
    dense, found = clone(grid).fit(X, y), clone(grid).fit(sparse.csr_array(X), y)
    assert (found.C_, found.l1_ratio_) == (dense.C_, dense.l1_ratio_)
    np.testing.assert_allclose(found.scores_, dense.scores_)
    np.testing.assert_allclose(found.coefs_paths_, dense.coefs_paths_, atol=1e-4)


def test_words_and_categories_go_through_pipelines():
    texts = ["a good film", "a bad film", "good", "bad and long", "long but good", "bad"] * 5
    y = ["yes", "no", "yes", "no", "yes", "no"] * 5
    model = make_pipeline(CountVectorizer(), TorchLogisticClassifier(C=10))
    assert model.fit(texts, y).predict(["good good", "so bad"]).tolist() == ["yes", "no"]
    search = GridSearchCV(model, {"torchlogisticclassifier__C": [0.1, 1.0]}, cv=3).fit(texts, y)
    assert search.best_score_ == 1.0
    one_hot = make_pipeline(OneHotEncoder(), TorchLogisticClassifier())
    assert one_hot.fit([["a"], ["b"]] * 5, [0, 1] * 5).predict([["b"]]).tolist() == [1]


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "contains NaN"), (np.inf, "contains infinity")]
)
def test_what_is_not_finite_is_refused_and_nothing_is_lost(value, message):
    X, y = wide(2)
    clf = TorchLogisticClassifier().fit(X, y)
    coef = clf.coef_
    X = X.copy()
    X.data[3] = value
    for refused in (lambda: clf.fit(X, y), lambda: clf.predict(X)):
        with pytest.raises(ValueError, match=message):
            refused()
    assert clf.coef_ is coef


def test_another_device_than_the_cpu_is_refused(monkeypatch):
    X, y = wide(2)
    monkeypatch.setattr(placement, "available_devices", lambda: ["cpu", "cuda:0"])
    with pytest.raises(ValueError, match="sparse X is computed on the CPU"):
        TorchLogisticClassifier(device="cuda").fit(X, y)


def test_no_more_memory_than_the_entries_is_asked_for():
    # Dense it would be 8 TB.
    n = 1_000_000
    X = sparse.csr_array((np.ones(n), np.arange(n), np.arange(n + 1)), shape=(n, n))
    clf = TorchLogisticClassifier(max_iter=1, tol=10.0).fit(X, np.arange(n) % 2)
    assert clf.predict(X[:5]).shape == (5,)
