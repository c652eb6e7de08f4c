"""Labels are fitted in groups that fit the memory, to the same coefficients."""

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning

from skorchless import TorchLogisticClassifier
from skorchless.estimators._data.samples import MultilabelSamples
from skorchless.estimators._fit import labels as fit_labels
from skorchless.estimators._fit.grid import Grid, grid_of_one
from skorchless.estimators._fit.labels import constant_labels, label_groups

RNG = np.random.default_rng(0)
N_ROWS, N_LABELS = 100, 7
X = RNG.normal(size=(N_ROWS, 4))
Y = (X @ RNG.normal(size=(4, N_LABELS)) + RNG.normal(size=(N_ROWS, N_LABELS)) > 0).astype(np.uint8)
TIGHT = {"tol": 1e-9, "max_iter": 1000}


@pytest.fixture
def n_groups(monkeypatch):
    """Return a list with the number of groups of each fit."""
    numbers, given = [], fit_labels.label_groups

    def counted(*arguments, **options):
        groups = given(*arguments, **options)
        numbers.append(len(groups))
        return groups

    monkeypatch.setattr("skorchless.estimators._classifier.label_groups", counted)
    return numbers


def samples(n_labels=N_LABELS, n_features=4):
    return MultilabelSamples(
        np.ones((10, n_features)), np.ones((10, n_labels), dtype=np.uint8), np.ones(10)
    )


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"class_weight": "balanced"}, {"l1_ratio": 1.0, "C": 0.5}, {"fit_intercept": False}],
    ids=str,
)
def test_many_groups_give_the_coefficients_of_one(kind, parameters, n_groups):
    clf = TorchLogisticClassifier(**TIGHT, **parameters)
    one = clf.fit(X, kind(Y))
    coef, intercept, losses = one.coef_, one.intercept_, one.loss_curve_
    with config_context(working_memory=1e-3):
        many = clf.fit(X, kind(Y))
    assert n_groups == [1, N_LABELS]  # some of one label alone
    np.testing.assert_allclose(many.coef_, coef, atol=1e-6)
    np.testing.assert_allclose(many.intercept_, intercept, atol=1e-6)
    # The mean over labels, of which those that end sooner keep their last.
    assert len(many.loss_curve_) == many.n_iter_
    assert many.loss_curve_[-1] == pytest.approx(losses[-1], rel=1e-8)


def test_a_warm_start_goes_on_in_groups(n_groups):
    clf = TorchLogisticClassifier(**TIGHT, warm_start=True)
    with config_context(working_memory=1e-3):
        first = clf.fit(X, Y).n_iter_
        assert clf.fit(X, Y).n_iter_ < first
    assert n_groups == [N_LABELS, N_LABELS]


@pytest.mark.parametrize("solved", [range(N_LABELS), [0], [N_LABELS - 1]], ids=str)
def test_one_group_that_has_not_converged_is_one_warning(solved):
    labels = np.tile((X[:, :1] > 0).astype(np.uint8), N_LABELS)  # far from where it starts
    labels[:, solved] = (np.arange(N_ROWS) % 2)[:, None]  # the constant model nearly
    clf = TorchLogisticClassifier(max_iter=3, tol=1e-2, C=1e3)
    with config_context(working_memory=1e-3), warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf.fit(X, labels)
    assert [w.category for w in record] == [ConvergenceWarning] * (len(solved) < N_LABELS)
    assert clf.n_iter_ == (3 if record else len(clf.loss_curve_))


def test_validation_scores_are_those_of_all_labels_and_keep_them_together(n_groups):
    with config_context(working_memory=1e-3):
        clf = TorchLogisticClassifier(tol=1e-3).fit(X, Y, X_val=X, y_val=Y)
    assert n_groups == [1]
    assert clf.validation_scores_[-1] == pytest.approx(clf.score(X, Y))


def test_groups_cover_all_labels_in_order():
    with config_context(working_memory=1e-3):
        groups = label_groups(samples(), grid_of_one(1.0, 0.0), has_weights=False)
    assert np.concatenate(groups).tolist() == list(range(N_LABELS))
    assert max(map(len, groups)) <= 1


def test_groups_are_smaller_where_each_model_takes_more():
    few = {"has_weights": False}
    many = samples(10_000)
    with config_context(working_memory=1):
        plain, l1, searched, weighted, wide = (
            len(groups)
            for groups in (
                label_groups(many, grid_of_one(1.0, 0.0), **few),
                label_groups(many, grid_of_one(1.0, 1.0), **few),
                label_groups(many, Grid(np.ones(5), np.zeros(1), [None] * 3), **few),
                label_groups(many, grid_of_one(1.0, 0.0), has_weights=True),
                label_groups(samples(10_000, 40), grid_of_one(1.0, 0.0), **few),
            )
        )
    assert plain < weighted
    assert plain < l1 < searched
    assert plain < wide


def test_groups_are_larger_where_x_is_sparse_and_no_pairs_are_kept():
    dense = samples(1000, n_features=120)
    few = sparse.csr_array(dense.X)
    many = sparse.vstack([few] * 11, format="csr")  # 110 entries a feature
    tall = sparse.vstack([few[:, :9]] * 110, format="csr")

    def n_groups(X, C=1.0):
        of_X = MultilabelSamples(X, dense.labels, dense.weights)
        with config_context(working_memory=1):
            return len(label_groups(of_X, grid_of_one(C, 0.0), has_weights=False))

    assert n_groups(dense.X) == n_groups(many) == n_groups(few, C=np.inf) > n_groups(few)
    assert n_groups(tall) == n_groups(tall.toarray())


def test_labels_of_one_value_are_found_among_samples_with_weight():
    labels = np.array([[0, 1, 1], [0, 1, 0], [1, 1, 0]], dtype=np.uint8)
    weights = np.array([1.0, 1.0, 0.0])
    for kind in (np.asarray, sparse.csc_array):
        found = constant_labels(MultilabelSamples(X[:3], kind(labels), weights))
        assert found.tolist() == [0, 1, -1]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_a_fit_in_groups_makes_no_floats_of_all_labels(kind):
    wide = np.zeros((2_000, 500), dtype=np.uint8)
    wide[:, ::50] = RNG.integers(0, 2, (2_000, 10), dtype=np.uint8)
    wide[0], wide[1] = 1, 0
    features = RNG.normal(size=(2_000, 2))
    clf, labels = TorchLogisticClassifier(max_iter=2, tol=1.0), kind(wide)
    with config_context(working_memory=0.5):
        clf.fit(features, labels)  # what is made once does not count
        tracemalloc.start()
        clf.fit(features, labels)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # Bytes of all labels, some masks of them while they are checked, and no more.
    assert peak < 5 * wide.size
