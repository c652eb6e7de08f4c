"""The elastic net: saga's optimum, exact zeros, and what scikit-learn does with them."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from scipy.special import expit, logsumexp, softmax
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import l1_min_c
from small_tables import standardized

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV

RATIOS = [0.0, 0.15, 0.5, 0.9, 1.0]
TIGHT = {"tol": 1e-9, "max_iter": 3000}


def synthetic(n_classes):
    """Return 2,000 samples of 5,000 features, of which 50 matter."""
    rng = np.random.RandomState(0)
    X = rng.randn(2000, 5000)
    coef = np.zeros((5000, n_classes))
    coef[rng.choice(5000, 50, replace=False)] = rng.randn(50, n_classes)
    return X, (X @ coef + rng.gumbel(size=(2000, n_classes))).argmax(1)


DATASETS = {
    "breast_cancer": lambda: standardized(load_breast_cancer),
    "wine": lambda: standardized(load_wine),
    "digits": lambda: standardized(load_digits),
    "synthetic_2": lambda: synthetic(2),
    "synthetic_3": lambda: synthetic(3),
}


def cases(Cs_of):
    """Return every dataset with its Cs and every l1_ratio; the larger ones are slow."""
    slow = {"digits", "synthetic_2", "synthetic_3"}
    return [
        pytest.param(
            *(name, C, ratio),
            marks=[pytest.mark.slow] if name in slow else [],
        )
        for name, Cs in Cs_of.items()
        for C in Cs
        for ratio in RATIOS
    ]


def objective(model, X, y, C, l1_ratio):
    """Return the mean NLL plus the penalty, from their formulas."""
    scores = X @ model.coef_.T + model.intercept_
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    nll = logsumexp(scores, axis=1) - scores[np.arange(len(y)), y]
    ridge, lasso = (model.coef_**2).sum(), np.abs(model.coef_).sum()
    return nll.mean() + ((1 - l1_ratio) / 2 * ridge + l1_ratio * lasso) / (C * len(y))


def violation(model, X, y, C, l1_ratio):
    """Return the largest violation of the subgradient conditions."""
    scores = X @ model.coef_.T + model.intercept_
    if scores.shape[1] == 1:
        residual = expit(scores) - y[:, None]
    else:
        residual = softmax(scores, axis=1) - np.eye(scores.shape[1])[y]
    residual /= len(y)
    strength = 1 / (C * len(y))
    grad = residual.T @ X + strength * (1 - l1_ratio) * model.coef_
    lasso = strength * l1_ratio
    of_coef = np.where(
        model.coef_ == 0,
        np.maximum(np.abs(grad) - lasso, 0),
        np.abs(grad + lasso * np.sign(model.coef_)),
    )
    return max(of_coef.max(), np.abs(residual.sum(0)).max())


AS_THEY_COME = [load_breast_cancer, load_wine, load_iris]  # of all scales
ALL_CS = [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0]


@pytest.mark.parametrize(
    ("name", "C", "l1_ratio"),
    cases(
        {
            **dict.fromkeys(("breast_cancer", "wine", "digits"), ALL_CS),
            "synthetic_2": [1e-3, 1e-2, 1.0, 100.0],
            "synthetic_3": [1e-2, 1.0],
        }
    ),
)
def test_no_optimality_condition_is_violated_by_more_than_tol(name, C, l1_ratio):
    X, y = DATASETS[name]()
    tol = 1e-6
    clf = TorchLogisticClassifier(C=C, l1_ratio=l1_ratio, tol=tol, max_iter=1000).fit(X, y)
    assert violation(clf, X, y, C, l1_ratio) <= 1.001 * tol


@pytest.mark.parametrize(
    ("name", "C", "l1_ratio"),
    cases(
        {
            # With a weaker penalty 20,000 epochs are not the end of saga.
            "breast_cancer": [1e-3, 1e-2, 0.1],
            "wine": [1e-3, 1e-2, 0.1, 1.0],
            "digits": [1e-3, 1e-2],
        }
    ),
)
def test_the_optimum_is_that_of_saga_run_to_the_end(name, C, l1_ratio):
    X, y = DATASETS[name]()
    ours = TorchLogisticClassifier(C=C, l1_ratio=l1_ratio, **TIGHT).fit(X, y)
    saga = LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver="saga", tol=1e-9, max_iter=20_000, random_state=0
    ).fit(X, y)
    expected = objective(saga, X, y, C, l1_ratio)
    if saga.coef_.any():
        assert objective(ours, X, y, C, l1_ratio) == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(ours.coef_, saga.coef_, atol=1e-4)
        np.testing.assert_allclose(ours.intercept_, saga.intercept_, atol=1e-4)
    else:
        # saga then stops before its intercept is right.
        share = np.bincount(y) / len(y)
        assert objective(ours, X, y, C, l1_ratio) == pytest.approx(-share @ np.log(share))
    if l1_ratio > 0:
        np.testing.assert_array_equal(ours.coef_ == 0, saga.coef_ == 0)


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_intercepts_are_those_of_saga_where_features_are_far_from_zero(form):
    X, y = load_iris(return_X_y=True)
    ours = TorchLogisticClassifier(C=0.1, l1_ratio=0.5, **TIGHT).fit(form(X), y)
    saga = LogisticRegression(
        C=0.1, l1_ratio=0.5, solver="saga", tol=1e-9, max_iter=20_000, random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(ours.intercept_, saga.intercept_, atol=1e-4)


@pytest.mark.parametrize("n_features", [20, 1600])  # at once, and by working sets
def test_intercepts_add_up_to_zero_where_coefficients_do_not(n_features):
    X, y = make_classification(
        60, n_features, n_informative=6, n_classes=3, shift=1.0, random_state=0
    )
    clf = TorchLogisticClassifier(C=0.3, l1_ratio=0.9).fit(X, y)
    assert abs(clf.coef_.sum(0)).max() > 1e-2
    assert clf.intercept_.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
@pytest.mark.parametrize("load", AS_THEY_COME)
def test_features_of_all_scales_end_at_the_optimum_too(load, l1_ratio):
    X, y = load(return_X_y=True)
    clf = TorchLogisticClassifier(C=0.1, l1_ratio=l1_ratio, tol=1e-6, max_iter=1000).fit(X, y)
    assert violation(clf, X, y, 0.1, l1_ratio) <= 1.001e-6


@pytest.mark.parametrize("C", ALL_CS)
def test_the_lasso_without_an_intercept_is_that_of_liblinear(C):
    X, y = standardized(load_breast_cancer)
    ours = TorchLogisticClassifier(C=C, l1_ratio=1.0, fit_intercept=False, **TIGHT).fit(X, y)
    liblinear = LogisticRegression(
        C=C,
        l1_ratio=1.0,
        fit_intercept=False,
        solver="liblinear",
        tol=1e-7,
        max_iter=1000,
        random_state=0,
    ).fit(X, y)
    expected = objective(liblinear, X, y, C, 1.0)
    assert objective(ours, X, y, C, 1.0) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(ours.coef_ == 0, liblinear.coef_ == 0)


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("C", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_iris])
def test_single_precision_converges_on_duplicate_features(load, C, l1_ratio):
    X, y = standardized(load)
    X = np.hstack([X, X, np.ones((len(X), 1))]).astype(np.float32)
    clf = TorchLogisticClassifier(C=C, l1_ratio=l1_ratio, tol=1e-5, max_iter=300)
    assert clf.fit(X, y).n_iter_ < 100  # and no ConvergenceWarning


def test_many_features_of_a_grid_are_fitted_as_one_by_one():
    X, y = wide_iris()
    grid = {"Cs": [0.02, 0.1, 0.5], "l1_ratios": [0.0, 0.5, 1.0]}
    folds = list(StratifiedKFold(2).split(X, y))
    cv = TorchLogisticClassifierCV(**grid, cv=folds, tol=1e-7, max_iter=1000).fit(X, y)
    for f, (train, _) in enumerate(folds):
        for r, l1_ratio in enumerate(grid["l1_ratios"]):
            for c, C in enumerate(grid["Cs"]):
                alone = TorchLogisticClassifier(C=C, l1_ratio=l1_ratio, tol=1e-7, max_iter=1000)
                alone.fit(X[train], y[train])
                coef = cv.coefs_paths_[f, r, c, :, :-1]
                np.testing.assert_allclose(coef, alone.coef_, atol=1e-4)
                if l1_ratio > 0:
                    np.testing.assert_array_equal(coef == 0, alone.coef_ == 0)


def test_what_is_left_after_too_few_iterations_is_of_all_features():
    X, y = wide_iris()
    clf = TorchLogisticClassifier(C=1.0, l1_ratio=1.0, max_iter=2)
    with pytest.warns(match="largest violation of optimality is") as caught:
        clf.fit(X, y)
    reported = float(re.search(r"optimality is ([\d.e+-]+),", str(caught[0].message)).group(1))
    assert reported >= 0.5 * violation(clf, X, y, 1.0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(("n_classes", "l1_ratio"), [(2, 0.5), (2, 1.0), (3, 1.0)])
def test_of_many_features_saga_keeps_the_same(n_classes, l1_ratio):
    X, y = synthetic(n_classes)
    C = 0.01
    ours = TorchLogisticClassifier(C=C, l1_ratio=l1_ratio, **TIGHT).fit(X, y)
    saga = LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver="saga", tol=1e-8, max_iter=2000, random_state=0
    ).fit(X, y)
    expected = objective(saga, X, y, C, l1_ratio)
    assert objective(ours, X, y, C, l1_ratio) == pytest.approx(expected, rel=1e-7)
    np.testing.assert_array_equal(ours.coef_ == 0, saga.coef_ == 0)
    assert ours.coef_.any()


@pytest.mark.parametrize("C", [10.0, 100.0])
@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_where_saga_does_not_get_to_the_end_its_objective_is_higher(name, C):
    X, y = DATASETS[name]()
    ours = TorchLogisticClassifier(C=C, l1_ratio=1.0, **TIGHT).fit(X, y)
    saga = LogisticRegression(C=C, l1_ratio=1.0, solver="saga", tol=0, max_iter=500)
    with pytest.warns(match="max_iter was reached"):
        saga.fit(X, y)
    assert objective(ours, X, y, C, 1.0) < objective(saga, X, y, C, 1.0)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_smallest_C_with_a_coefficient_is_l1_min_c(fit_intercept):
    X, y = standardized(load_breast_cancer)
    # As many samples of either class: l1_min_c takes the intercept for one more feature.
    keep = np.concatenate([np.flatnonzero(y == c)[:200] for c in (0, 1)])
    X, y = X[keep], y[keep]
    smallest = l1_min_c(X, y, loss="log", fit_intercept=fit_intercept)
    assert_first_coefficient_at(smallest, X, y, fit_intercept=fit_intercept)


def wide_iris():
    """Return iris beside 2,000 features of noise: more than a Gram matrix is made for."""
    X, y = standardized(load_iris)
    return np.hstack([X, 0.1 * np.random.RandomState(0).randn(len(y), 2000)]), y


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("load", [*AS_THEY_COME, wide_iris])
def test_the_smallest_C_with_a_coefficient_is_that_of_its_closed_form(
    load, fit_intercept, l1_ratio
):
    X, y = load() if load is wide_iris else load(return_X_y=True)
    n_classes = y.max() + 1
    share = np.bincount(y) / len(y) if fit_intercept else np.full(n_classes, 1 / n_classes)
    smallest = l1_ratio / np.abs(X.T @ (np.eye(n_classes)[y] - share)).max()
    assert_first_coefficient_at(smallest, X, y, fit_intercept=fit_intercept, l1_ratio=l1_ratio)


def assert_first_coefficient_at(smallest, X, y, l1_ratio=1.0, **parameters):
    for factor, has_any in ((1 - 1e-3, False), (1 + 1e-3, True)):
        clf = TorchLogisticClassifier(
            C=factor * smallest, l1_ratio=l1_ratio, **TIGHT, **parameters
        )
        assert clf.fit(X, y).coef_.any() == has_any


def test_a_penalty_without_strength_is_none():
    X, y = standardized(load_iris)
    plain, lasso = (
        TorchLogisticClassifier(C=np.inf, l1_ratio=ratio, tol=1e-3).fit(X, y) for ratio in (0, 1)
    )
    np.testing.assert_array_equal(lasso.coef_, plain.coef_)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_minibatch_solvers_with_all_samples_in_a_batch_reach_the_same_zeros(solver, l1_ratio):
    X, y = standardized(load_wine)
    exact = TorchLogisticClassifier(C=0.1, l1_ratio=l1_ratio, **TIGHT).fit(X, y)
    clf = TorchLogisticClassifier(
        C=0.1,
        l1_ratio=l1_ratio,
        solver=solver,
        batch_size=len(y),
        learning_rate_init=0.02 if solver == "adam" else 0.1,
        max_iter=3000,
        tol=0,
        n_iter_no_change=3000,
    ).fit(X, y)
    np.testing.assert_allclose(clf.coef_, exact.coef_, atol=1e-4)
    np.testing.assert_array_equal(clf.coef_ == 0, exact.coef_ == 0)
    assert clf.loss_curve_[-1] == pytest.approx(exact.loss_curve_[-1], rel=1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_minibatches_leave_exact_zeros(solver):
    X, y = standardized(load_breast_cancer)
    clf = TorchLogisticClassifier(
        C=0.01,
        l1_ratio=1.0,
        solver=solver,
        learning_rate_init=0.01,
        max_iter=50,
        n_iter_no_change=50,
        random_state=0,
    ).fit(X, y)
    assert 0 < (clf.coef_ == 0).sum() < 30


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_stream_leaves_exact_zeros(solver):
    X, y = standardized(load_breast_cancer)
    clf = TorchLogisticClassifier(C=1e-4, l1_ratio=1.0, solver=solver, learning_rate_init=0.01)
    for _ in range(3):
        clf.partial_fit(X, y, classes=[0, 1])
    assert not clf.coef_.any()
    assert clf.intercept_.any()


def test_weights_are_repetitions():
    X, y = standardized(load_wine)
    times = np.random.RandomState(0).randint(0, 4, len(y))
    clf = TorchLogisticClassifier(C=0.1, l1_ratio=0.7, **TIGHT)
    weighted = clone(clf).fit(X, y, sample_weight=times)
    repeated = clone(clf).fit(X.repeat(times, 0), y.repeat(times))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-7)
    np.testing.assert_array_equal(weighted.coef_ == 0, repeated.coef_ == 0)


def test_single_precision_finds_the_same_zeros():
    X, y = standardized(load_breast_cancer)
    clf = TorchLogisticClassifier(C=0.1, l1_ratio=1.0, tol=1e-5)
    single, double = clone(clf).fit(X.astype("f4"), y), clf.fit(X, y)
    assert single.coef_.dtype == np.float32
    np.testing.assert_array_equal(single.coef_ == 0, double.coef_ == 0)
    np.testing.assert_allclose(single.coef_, double.coef_, atol=1e-3)


def test_a_warm_start_goes_on_from_what_was_sparse():
    X, y = standardized(load_wine)
    clf = TorchLogisticClassifier(C=0.1, l1_ratio=1.0, warm_start=True, **TIGHT).fit(X, y)
    n_iter = clf.n_iter_
    assert clf.sparsify().fit(X, y).n_iter_ == 1 < n_iter
    expected = TorchLogisticClassifier(C=0.3, l1_ratio=0.5, **TIGHT).fit(X, y)
    clf.set_params(C=0.3, l1_ratio=0.5).fit(X, y)
    np.testing.assert_allclose(clf.coef_, expected.coef_, atol=1e-6)


def with_single_and_grid(C):
    """Return the mark of a test for an ``estimator`` of either kind, both lasso fits at ``C``."""
    single = TorchLogisticClassifier(C=C, l1_ratio=1.0)
    grid = TorchLogisticClassifierCV(Cs=[C], l1_ratios=[1.0], cv=3)
    return pytest.mark.parametrize("estimator", [single, grid], ids=["single", "CV"])


@with_single_and_grid(C=0.1)
def test_sparse_coefficients_predict_the_same_and_come_back(estimator):
    X, y = standardized(load_wine)
    clf = clone(estimator).fit(X, y)
    coef, scores, proba = clf.coef_.copy(), clf.decision_function(X), clf.predict_proba(X)
    assert clf.sparsify() is clf
    assert issparse(clf.coef_)
    assert clf.coef_.nnz == (coef != 0).sum()
    np.testing.assert_array_equal(clf.decision_function(X), scores)
    np.testing.assert_array_equal(clf.predict_proba(X), proba)
    assert clf.densify() is clf
    np.testing.assert_array_equal(clf.coef_, coef)


def test_a_sparse_model_can_be_taken_elsewhere():
    X, y = standardized(load_wine)
    clf = TorchLogisticClassifier(C=0.1, l1_ratio=1.0).fit(X, y)
    weight, proba = clf.to_module()[0].weight.detach().numpy().copy(), clf.predict_proba(X)
    clf.sparsify()
    np.testing.assert_array_equal(clf.to_module()[0].weight.detach().numpy(), weight)
    np.testing.assert_allclose(clf.to_sklearn().predict_proba(X), proba)


@with_single_and_grid(C=0.05)
def test_select_from_model_keeps_the_support(estimator):
    X, y = standardized(load_wine)
    selector = SelectFromModel(estimator).fit(X, y)
    support = (selector.estimator_.coef_ != 0).any(0)
    assert 0 < support.sum() < X.shape[1]
    np.testing.assert_array_equal(selector.get_support(), support)
    of_sklearn = SelectFromModel(
        LogisticRegression(C=0.05, l1_ratio=1.0, solver="saga", tol=1e-6, max_iter=5000)
    )
    np.testing.assert_array_equal(selector.get_support(), of_sklearn.fit(X, y).get_support())


def test_select_from_model_keeps_the_support_of_an_elastic_net_by_a_small_threshold():
    X, y = standardized(load_wine)
    elastic_net = TorchLogisticClassifier(C=0.05, l1_ratio=0.5)
    selector = SelectFromModel(elastic_net, threshold=1e-10).fit(X, y)
    support = (selector.estimator_.coef_ != 0).any(0)
    assert 0 < support.sum() < X.shape[1]
    np.testing.assert_array_equal(selector.get_support(), support)


@pytest.mark.parametrize(("l1_ratio", "name"), [(0, "l2"), (0.5, "elasticnet"), (1, "l1")])
def test_the_penalty_has_a_name_but_is_no_parameter(l1_ratio, name):
    clf = TorchLogisticClassifier(l1_ratio=l1_ratio)
    assert clf.penalty == name
    assert "penalty" not in clf.get_params()
    assert not hasattr(TorchLogisticClassifierCV(), "penalty")  # chosen by the fit


def test_a_fit_that_did_not_converge_says_by_how_much():
    X, y = standardized(load_breast_cancer)
    with pytest.warns(match=r"converge after 2 iteration\(s\): the largest violation of opt"):
        clf = TorchLogisticClassifier(l1_ratio=1.0, max_iter=2).fit(X, y)
    assert clf.n_iter_ == 2


def test_each_candidate_of_a_grid_is_at_the_optimum_of_a_fit_of_its_own():
    X, y = standardized(load_wine)
    grid = {"Cs": [0.01, 0.1, 1.0], "l1_ratios": [0.0, 0.5, 1.0]}
    search = TorchLogisticClassifierCV(**grid, cv=3, **TIGHT).fit(X, y)
    for f, (train, _) in enumerate(StratifiedKFold(3).split(X, y)):
        for r, l1_ratio in enumerate(search.l1_ratios_):
            for c, C in enumerate(search.Cs_):
                alone = TorchLogisticClassifier(C=C, l1_ratio=l1_ratio, **TIGHT)
                coef = search.coefs_paths_[f, r, c, :, :-1]
                expected = alone.fit(X[train], y[train]).coef_
                np.testing.assert_allclose(coef, expected, atol=1e-6)
                if l1_ratio > 0:
                    np.testing.assert_array_equal(coef == 0, expected == 0)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy"])
@pytest.mark.parametrize(
    ("load", "Cs"),
    [(load_iris, [0.1, 1.0]), (load_wine, [0.1, 1.0]), (load_breast_cancer, [0.01, 0.1])],
)
def test_a_grid_chooses_what_logistic_regression_cv_chooses(load, Cs, scoring):
    X, y = standardized(load)
    grid = {"Cs": Cs, "l1_ratios": [0.0, 0.5, 1.0], "cv": 3, "scoring": scoring}
    ours = TorchLogisticClassifierCV(**grid, tol=1e-8, max_iter=1000).fit(X, y)
    theirs = LogisticRegressionCV(
        **grid, solver="saga", tol=1e-8, max_iter=20_000, use_legacy_attributes=False
    ).fit(X, y)
    assert (ours.C_, ours.l1_ratio_) == (theirs.C_, theirs.l1_ratio_)
    np.testing.assert_allclose(ours.scores_, theirs.scores_, atol=1e-6)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


def test_a_grid_without_a_refit_takes_the_mean_of_each_folds_best():
    X, y = standardized(load_wine)
    search = TorchLogisticClassifierCV(
        Cs=[0.1, 1.0], l1_ratios=[0.5, 1.0], cv=3, refit=False, scoring="neg_log_loss"
    ).fit(X, y)
    best = search.scores_.reshape(3, -1).argmax(1)
    ratios, Cs = np.unravel_index(best, (2, 2))
    assert search.l1_ratio_ == pytest.approx(search.l1_ratios_[ratios].mean())
    assert pytest.approx(search.Cs_[Cs].mean()) == search.C_
    np.testing.assert_allclose(
        search.coef_, search.coefs_paths_[range(3), ratios, Cs, :, :-1].mean(0)
    )
