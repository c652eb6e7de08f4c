"""What scikit-learn's tests promise of any logistic regression holds for these two as well."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from recorder import Recorder
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import brier_score_loss, get_scorer, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import l1_min_c
from sklearn.utils.class_weight import compute_class_weight
from small_tables import standardized

from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV

X, Y = standardized(load_iris)
PROBLEMS = {2: (X[50:], Y[50:] - 1), 3: (X, Y)}  # the two classes that no plane separates
OF_EITHER_SIZE = pytest.mark.parametrize("n_classes", PROBLEMS)
IN_EITHER_FORM = pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.csc_matrix])
SOLVERS = {
    "lbfgs": {"tol": 1e-10, "max_iter": 1000},
    "adam": {"max_iter": 3, "shuffle": False},  # the same steps for the same weights
    "sgd": {"max_iter": 3, "shuffle": False},
}
BY_EVERY_SOLVER = pytest.mark.parametrize("solver", SOLVERS)
TIGHT = SOLVERS["lbfgs"]
# The penalty bends the objective by 1 / (C * n): a gradient of 1e-10 is less than 1e-7 from the
# optimum for C * n up to 1000.
NEAR = {"rtol": 0, "atol": 1e-7}


def fitted(X, y, sample_weight=None, solver="lbfgs", **parameters):
    clf = TorchLogisticClassifier(solver=solver, **{**SOLVERS[solver], **parameters})
    return clf.fit(X, y, sample_weight=sample_weight)


def assert_same_model(one, other, **tolerance):
    np.testing.assert_allclose(one.coef_, other.coef_, **(tolerance or NEAR))
    np.testing.assert_allclose(one.intercept_, other.intercept_, **(tolerance or NEAR))


def uneven(n_classes):
    """Return samples of which the first class has few."""
    X, y = PROBLEMS[n_classes]
    return X[40:], y[40:]


# ---- The optimum


@pytest.mark.parametrize("parameters", [{}, {"C": 100}, {"fit_intercept": False}], ids=str)
@IN_EITHER_FORM
def test_a_handful_of_samples_is_learnt_without_an_error(form, parameters):
    corners = np.array([[-2.0, 0.5], [0.5, 2.0], [1.5, 1.5], [2.0, -2.0]])
    for y in ([0, 1, 1, 1], [0, 1, 1, 2]):
        y = np.array(y)
        clf = TorchLogisticClassifier(**{"C": 10, **parameters}).fit(form(corners), y)
        np.testing.assert_array_equal(clf.predict(form(corners)), y)
        np.testing.assert_array_equal(clf.predict_proba(form(corners)).argmax(1), y)


@OF_EITHER_SIZE
def test_a_yes_or_no_feature_gets_the_logarithm_of_its_odds(n_classes):
    counts = np.array([[30, 12, 8], [5, 20, 25]])[:, :n_classes]  # of classes without, with it
    x = np.repeat([0.0, 1.0], counts.sum(1))[:, None]
    y = np.concatenate([np.repeat(np.arange(n_classes), row) for row in counts])
    clf = fitted(x, y, C=np.inf)
    without, with_it = np.log(counts / counts.sum(1, keepdims=True))
    if n_classes == 2:
        without, with_it = np.diff(without), np.diff(with_it)
    else:
        without, with_it = without - without.mean(), with_it - with_it.mean()
    np.testing.assert_allclose(clf.intercept_, without, atol=1e-7)
    np.testing.assert_allclose(clf.coef_[:, 0], with_it - without, atol=1e-7)


@OF_EITHER_SIZE
def test_at_the_optimum_the_penalty_holds_what_the_samples_pull(n_classes):
    X, y = uneven(n_classes)
    clf = fitted(X, y, C=0.5)
    pull = (np.eye(n_classes)[y] - clf.predict_proba(X)).T
    pull = pull if n_classes > 2 else pull[1:]
    np.testing.assert_allclose(clf.coef_ / 0.5, pull @ X, atol=1e-7)
    np.testing.assert_allclose(pull.sum(1), 0, atol=1e-7)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [1e-3, 1.0, 150.0])
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])  # adam has a step size for each weight
def test_the_coefficients_of_all_classes_add_up_to_zero(solver, C, fit_intercept):
    clf = fitted(X, Y, solver=solver, C=C, fit_intercept=fit_intercept, tol=1e-4)
    # Sums of rounded steps: a few units in the last place of each.
    np.testing.assert_allclose(clf.coef_.sum(0), 0, atol=1e-12 * max(1, C))
    assert clf.intercept_.sum() == pytest.approx(0, abs=1e-12 * max(1, C))


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_without_a_penalty_they_add_up_to_zero_too(fit_intercept):
    mixed, y = overlapping(3)
    clf = fitted(mixed, y, C=np.inf, fit_intercept=fit_intercept)
    np.testing.assert_allclose(clf.coef_.sum(0), 0, atol=1e-12)
    reference = LogisticRegression(
        C=np.inf, solver="newton-cg", fit_intercept=fit_intercept, tol=1e-10
    ).fit(mixed, y)
    assert_same_model(clf, reference, atol=1e-6)


def overlapping(n_classes):
    """Return samples of classes that no plane separates."""
    rng = np.random.RandomState(0)
    y = np.arange(150) % n_classes
    return rng.randn(150, 3) + 0.5 * rng.randn(n_classes, 3)[y], y


@OF_EITHER_SIZE
def test_no_penalty_is_the_limit_of_a_weak_one(n_classes):
    mixed, y = overlapping(n_classes)
    assert_same_model(fitted(mixed, y, C=np.inf), fitted(mixed, y, C=1e9), atol=1e-6)


@OF_EITHER_SIZE
def test_without_a_penalty_the_unit_of_a_feature_does_not_matter(n_classes):
    mixed, y = overlapping(n_classes)
    units = np.array([1e-2, 1.0, 1e2])
    plain, scaled = fitted(mixed, y, C=np.inf), fitted(mixed * units, y, C=np.inf)
    np.testing.assert_allclose(scaled.coef_ * units, plain.coef_, atol=1e-6)
    np.testing.assert_allclose(scaled.intercept_, plain.intercept_, atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@OF_EITHER_SIZE
def test_a_shift_of_a_feature_moves_the_intercept_alone(n_classes, l1_ratio):
    data, y = PROBLEMS[n_classes]
    shift = np.array([3.0, -2.0, 0.0, 10.0])
    plain = fitted(data, y, l1_ratio=l1_ratio)
    moved = fitted(data + shift, y, l1_ratio=l1_ratio)
    # With L1 alone a class's intercept is free up to one number: probabilities are compared.
    np.testing.assert_allclose(moved.coef_, plain.coef_, atol=1e-5)
    np.testing.assert_allclose(
        moved.predict_proba(data + shift), plain.predict_proba(data), atol=1e-6
    )


def test_more_features_than_samples_and_hardly_a_penalty_converge():
    wide, y = make_classification(n_samples=10, n_features=20, random_state=42)
    clf = TorchLogisticClassifier(C=1e30).fit(wide, y)  # a warning would be an error
    assert clf.n_iter_ < clf.max_iter
    assert clf.score(wide, y) == 1.0


def test_one_feature_is_enough():
    x, y = X[:, 2:3], Y
    assert_same_model(fitted(x, y), LogisticRegression(solver="newton-cg", tol=1e-10).fit(x, y))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("large", [1e30, 1e100, 1e150])
def test_large_values_end_in_finite_numbers(large):
    clf = TorchLogisticClassifier().fit([[0.0], [large]], [0, 1])
    assert np.isfinite(clf.coef_).all()
    assert np.isfinite(clf.predict_proba([[0.0], [large]])).all()


def test_the_loss_of_softmax_is_lower_than_that_of_one_against_the_rest():
    few, y = make_classification(
        n_samples=30, n_features=20, n_classes=3, n_informative=10, random_state=1
    )
    softmax = TorchLogisticClassifier().fit(few, y).predict_proba(few)
    one_by_one = OneVsRestClassifier(TorchLogisticClassifier()).fit(few, y).predict_proba(few)
    assert log_loss(y, softmax) < log_loss(y, one_by_one)


# ---- Weights


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@OF_EITHER_SIZE
@BY_EVERY_SOLVER
def test_weights_of_classes_are_weights_of_their_samples(solver, n_classes, l1_ratio):
    data, y = uneven(n_classes)
    by_class = {0: 3.0, 1: 0.5, 2: 2.0}
    parameters = {"solver": solver, "l1_ratio": l1_ratio, "C": 0.5}
    of_samples = np.array([by_class[label] for label in y])
    assert_same_model(
        fitted(data, y, class_weight=by_class, **parameters),
        fitted(data, y, of_samples, **parameters),
    )


@OF_EITHER_SIZE
@IN_EITHER_FORM
def test_balanced_is_the_dict_of_the_inverse_frequencies(form, n_classes):
    data, y = uneven(n_classes)
    labels = np.unique(y)
    by_class = dict(
        zip(labels, compute_class_weight("balanced", classes=labels, y=y), strict=True)
    )
    balanced = fitted(form(data), y, class_weight="balanced")
    assert_same_model(balanced, fitted(form(data), y, class_weight=by_class))


@BY_EVERY_SOLVER
def test_weights_of_classes_and_of_samples_multiply(solver):
    weights = np.random.RandomState(0).rand(len(Y))
    by_class = {0: 0.2, 1: 4.0}  # a label that is left out weighs 1
    both = fitted(X, Y, weights, solver=solver, class_weight=by_class)
    product = weights * np.array([0.2, 4.0, 1.0])[Y]
    assert_same_model(both, fitted(X, Y, product, solver=solver))


def test_weights_of_classes_are_found_by_labels_that_are_words():
    names = load_iris().target_names[Y]
    words = fitted(X, names, class_weight={"virginica": 5.0, "setosa": 0.5})
    assert_same_model(words, fitted(X, Y, class_weight={2: 5.0, 0: 0.5}))


def test_a_weight_for_a_class_that_does_not_occur_is_not_used():
    assert_same_model(
        fitted(X, Y, class_weight={0: 2.0, 1: 1.0, 2: 1.0, 7: 9.0}),
        fitted(X, Y, class_weight={0: 2.0}),
    )


@pytest.mark.parametrize("how", ["of the class", "of its samples"])
def test_a_class_without_weight_stays_known_and_is_never_predicted(how):
    if how == "of the class":
        clf = fitted(X, Y, class_weight={1: 0.0})
    else:
        clf = fitted(X, Y, np.where(Y == 1, 0.0, 1.0))
    assert clf.classes_.tolist() == [0, 1, 2]
    assert set(clf.predict(X)) == {0, 2}
    assert clf.predict_proba(X)[:, 1].max() < 1e-6


def test_classes_without_weight_are_not_validated_on():
    of_a_class = {
        "class_weight": {2: 0.0},
        "solver": "adam",
        "early_stopping": True,
        "max_iter": 3,
    }
    clf = TorchLogisticClassifier(**of_a_class, random_state=0)
    sentinels = np.where(Y[:, None] == 2, 1e30, X)
    losses = clf.fit(sentinels, Y).validation_loss_curve_
    np.testing.assert_allclose(losses, clone(clf).fit(X, Y).validation_loss_curve_)
    assert losses.max() < 2.0
    once = np.append(Y[:100], 2)  # a class of a single sample, which cannot be split
    assert clf.fit(X[:101], once).classes_.tolist() == [0, 1, 2]


def with_rows_of_no_weight(X, y, filled_with=-999_999):
    """Return X, y and weights with as many rows again of a sentinel, that weigh 0, in between."""
    order = np.random.RandomState(0).permutation(2 * len(y))
    labels = np.concatenate([y, np.roll(y, 1)])
    weights = np.repeat([1.0, 0.0], len(y))
    return (
        np.vstack([X, np.full_like(X, filled_with)])[order],
        labels[order],
        weights[order],
        order,
    )


# n_features and n_samples, and parameters: each method that a fit may take.
METHODS = {
    "newton": (6, 150, {}),
    "lbfgs": (120, 600, {}),
    "lbfgs from a diagonal": (1600, 60, {}),
    "proximal": (120, 600, {"l1_ratio": 1.0, "C": 0.3}),
    "elastic net": (120, 600, {"l1_ratio": 0.5, "C": 0.1}),
    "working sets": (1600, 60, {"l1_ratio": 1.0, "C": 0.5}),
    "adam": (20, 300, {"solver": "adam", "max_iter": 3, "random_state": 0}),
    "sgd": (20, 300, {"solver": "sgd", "max_iter": 3, "random_state": 0}),
    "early stopping": (20, 300, {"early_stopping": True, "random_state": 0}),
}


@pytest.mark.parametrize("form", [np.asarray, torch.as_tensor, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("method", METHODS)
def test_samples_without_weight_might_as_well_be_missing(method, form):
    n_features, n_samples, parameters = METHODS[method]
    X, y = make_classification(n_samples, n_features, n_informative=4, n_classes=3, random_state=0)
    X_all, y_all, weights, order = with_rows_of_no_weight(X, y)
    kept = order[weights > 0]
    clf = TorchLogisticClassifier(**parameters)
    weighted = clone(clf).fit(form(X_all), y_all, sample_weight=weights)
    plain = clf.fit(form(X[kept]), y[kept])
    assert weighted.n_iter_ == plain.n_iter_
    assert_same_model(weighted, plain, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(weighted.loss_curve_, plain.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_a_search_does_not_see_samples_without_weight(l1_ratio):
    X, y = make_classification(600, 120, n_informative=4, n_classes=3, random_state=0)
    X_all, y_all, weights, order = with_rows_of_no_weight(X, y)
    fold = np.full(len(y_all), -1)  # -1: in no test set
    fold[weights > 0] = np.arange(len(y)) % 3
    parameters = {"Cs": [0.1, 1.0], "l1_ratios": [l1_ratio]}
    search = TorchLogisticClassifierCV(cv=PredefinedSplit(fold), **parameters)
    weighted = search.fit(X_all, y_all, sample_weight=weights)
    kept = order[weights > 0]
    of_kept = PredefinedSplit(np.arange(len(y)) % 3)
    plain = TorchLogisticClassifierCV(cv=of_kept, **parameters).fit(X[kept], y[kept])
    np.testing.assert_array_equal(weighted.n_iter_, plain.n_iter_)
    np.testing.assert_allclose(weighted.coefs_paths_, plain.coefs_paths_, atol=1e-9)
    assert_same_model(weighted, plain, atol=1e-9)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_a_fold_does_not_see_outliers_that_it_leaves_out(l1_ratio):
    X, y = make_classification(1500, 120, n_informative=4, n_classes=3, random_state=0)
    X[-3:] *= 1e6
    folds = list(KFold(3).split(X))
    search = TorchLogisticClassifierCV(
        Cs=[0.1], l1_ratios=[l1_ratio], cv=[folds[2], folds[0]], refit=False, max_iter=30
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of the fold with the outliers
        search.fit(X, y)
    train, _ = folds[2]
    alone = TorchLogisticClassifier(C=0.1, l1_ratio=l1_ratio).fit(X[train], y[train])
    assert search.n_iter_[0, 0, 0] <= alone.n_iter_ + 1
    np.testing.assert_allclose(search.coefs_paths_[0, 0, 0, :, :-1], alone.coef_, atol=2e-2)


def test_validation_samples_are_drawn_from_those_that_weigh_something():
    # All but 30 samples weigh nothing: a tenth of all would hardly have one of them.
    weights = np.zeros(len(Y))
    weights[::5] = 1.0
    parameters = {"solver": "adam", "early_stopping": True, "random_state": 0, "max_iter": 3}
    clf = TorchLogisticClassifier(**parameters).fit(X, Y, sample_weight=weights)
    plain = TorchLogisticClassifier(**parameters).fit(X[::5], Y[::5])
    assert np.isfinite(clf.validation_loss_curve_).all()
    np.testing.assert_allclose(clf.validation_loss_curve_, plain.validation_loss_curve_)
    assert_same_model(clf, plain)


@pytest.mark.parametrize("class_weight", [{0: 1.0, 1: 10.0, 2: 1.0}, "balanced"], ids=str)
@pytest.mark.parametrize("estimator", [TorchLogisticClassifier, TorchLogisticClassifierCV])
def test_weights_that_are_passed_in_are_not_written_to(estimator, class_weight):
    weights = np.repeat([1.0, 2.0], 75)
    before, dict_before = weights.copy(), str(class_weight)
    estimator(class_weight=class_weight).fit(X, Y, sample_weight=weights)
    np.testing.assert_array_equal(weights, before)
    assert str(class_weight) == dict_before


NUMBERS = np.arange(len(Y)) % 3
KINDS_OF_WEIGHTS = {
    "list": NUMBERS.tolist(),
    "pandas": pd.Series(NUMBERS, index=np.arange(len(Y))[::-1]),
    "tensor": torch.tensor(NUMBERS),
    "float16": NUMBERS.astype(np.float16),
    "uint8": NUMBERS.astype(np.uint8),
    "strided": np.repeat(NUMBERS, 2)[::2],
}


@pytest.mark.parametrize("kind", KINDS_OF_WEIGHTS)
def test_weights_of_any_kind_count_as_numbers(kind):
    clf = fitted(X, Y, KINDS_OF_WEIGHTS[kind])
    assert_same_model(clf, fitted(X, Y, NUMBERS.astype(float)))


def test_weights_that_are_true_or_false_choose_samples():
    chosen = np.arange(len(Y)) % 2 == 0
    assert_same_model(fitted(X, Y, chosen), fitted(X[chosen], Y[chosen]))


def test_one_number_weighs_all_samples():
    assert_same_model(fitted(X, Y, 4.0), fitted(X, Y, C=4.0))


# ---- Containers and dtypes


SMALL_DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "float16"]
WIDE_DTYPES = ["int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("dtype", [*SMALL_DTYPES, *WIDE_DTYPES])
@OF_EITHER_SIZE
def test_small_and_whole_numbers_are_the_numbers_that_they_are(n_classes, dtype):
    data, y = PROBLEMS[n_classes]
    data = np.round(np.abs(4 * data)).astype(dtype)
    exact = fitted(data.astype(np.float64), y)
    is_wide = dtype in WIDE_DTYPES  # computed in float64: the same numbers, the same bits
    clf = fitted(data, y) if is_wide else fitted(data, y, tol=1e-6)
    assert clf.coef_.dtype == (np.float64 if is_wide else np.float32)
    # The gradient of 1e-6 divided by the curvature of the penalty, for 150 samples and C=1.
    assert_same_model(clf, exact, atol=1e-12 if is_wide else 2e-4)


TENSOR_ONLY = {"bfloat16": torch.bfloat16}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [*SMALL_DTYPES, *WIDE_DTYPES, *TENSOR_ONLY])
def test_every_dtype_takes_every_method(dtype, method):
    n_features, _, parameters = METHODS[method]
    whole = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 9, (60, n_features))
    y = np.arange(60) % 3
    data = torch.tensor(whole).to(TENSOR_ONLY[dtype]) if dtype in TENSOR_ONLY else whole
    data = data if dtype in TENSOR_ONLY else whole.astype(dtype)
    clf = TorchLogisticClassifier(**parameters, dtype="float64").fit(data, y)
    exact = clone(clf).fit(whole.astype(np.float64), y)
    assert_same_model(clf, exact, atol=1e-9)
    np.testing.assert_allclose(clf.predict_proba(data), exact.predict_proba(whole), atol=1e-9)


@pytest.mark.parametrize("dtype", [*SMALL_DTYPES, *WIDE_DTYPES])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_every_dtype_may_be_sparse(form, l1_ratio, dtype):
    if dtype == "float16":
        pytest.skip("SciPy has no sparse matrices of float16")
    whole = np.random.default_rng(0).integers(0, 2, (60, 1600)) * (1 if dtype == "bool" else 5)
    y = np.arange(60) % 3
    clf = TorchLogisticClassifier(l1_ratio=l1_ratio, C=0.01, dtype="float64")
    exact = clone(clf).fit(form(whole.astype(np.float64)), y)
    assert_same_model(clf.fit(form(whole.astype(dtype)), y), exact, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "complex64"])
def test_a_tensor_that_can_not_be_computed_with_is_an_error_of_one_sentence(dtype):
    data = torch.tensor(X).to(getattr(torch, dtype))
    for estimator in (TorchLogisticClassifier(), TorchLogisticClassifierCV()):
        with pytest.raises(ValueError, match="Complex data|float8_e4m3fn.*X.float"):
            estimator.fit(data, Y)


def test_probabilities_of_lists_of_whole_numbers_sum_to_one_in_double():
    clf = TorchLogisticClassifier().fit([[-1, 0], [0, 1], [1, 1]], [0, 1, 1])
    proba = clf.predict_proba([[-1, 0], [0, 1], [1, 1]])
    assert proba.dtype == clf.coef_.dtype == np.float64
    np.testing.assert_allclose(proba.sum(1), 1.0, atol=1e-15)


@pytest.mark.parametrize("parameters", [{}, {"C": 1e4}, {"l1_ratio": 1.0}], ids=str)
@pytest.mark.parametrize("start", [2**24, 1_700_000_000])
def test_whole_numbers_beyond_single_precision_are_told_apart(start, parameters):
    number = start + np.arange(200)[:, None] % 100
    y = number[:, 0] >= start + 50
    # A gradient of 1e-8 leaves room: in units of the feature it is 1e-15 of an intercept.
    clf = TorchLogisticClassifier(tol=1e-8, max_iter=30, **parameters).fit(number, y)
    assert clf.score(number, y) == 1.0
    near = TorchLogisticClassifier(tol=1e-8, **parameters).fit(number - start, y)
    np.testing.assert_allclose(clf.coef_, near.coef_, rtol=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n_features", [5, 300, 1600])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_far_from_zero_are_fitted_as_those_near_it(dtype, n_features, l1_ratio):
    near = np.random.default_rng(0).normal(size=(300, n_features)).astype(dtype)
    y = (near[:, :3].sum(1) > 0).astype(int)
    offset = dtype(1e4 if dtype == np.float32 else 1e9)
    far = near + offset
    # Under tol the coefficients of both are this near the optimum; a warning is an error.
    clf = TorchLogisticClassifier(C=0.1, l1_ratio=l1_ratio).fit(far, y)
    exact = fitted((far - offset).astype(np.float64), y, C=0.1, l1_ratio=l1_ratio, tol=1e-7)
    np.testing.assert_allclose(clf.coef_, exact.coef_, atol=5e-3)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("offset", "spread"), [(1.7e9, 1e7), (1e5, 1e4), (0.0, 1e7)])
def test_the_unit_of_a_feature_far_from_zero_does_not_hold_the_intercept(
    offset, spread, dtype, l1_ratio
):
    rng = np.random.default_rng(0)
    near = rng.normal(size=(500, 3))
    y = (near.sum(1) + rng.logistic(size=500) > 0).astype(int)
    far = (offset + spread * near).astype(dtype)
    clf = TorchLogisticClassifier(l1_ratio=l1_ratio, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # tol is that of the far feature
        clf.fit(far, y)
    # In units of the spread the penalty is nothing: the optimum is that without one.
    optimum = fitted(((far.astype(np.float64) - offset) / spread), y, C=np.inf)
    assert clf.loss_curve_[-1] == pytest.approx(optimum.loss_curve_[-1], rel=1e-5)


@pytest.mark.parametrize("C", [1.0, np.inf])
def test_a_constant_far_from_zero_has_no_coefficient(C):
    far = np.column_stack([X, np.full(len(X), 1e9)])
    clf = fitted(far, Y, C=C, tol=1e-4)
    np.testing.assert_allclose(clf.coef_[:, -1], 0.0, atol=1e-20)


@IN_EITHER_FORM
@BY_EVERY_SOLVER
def test_single_precision_in_is_single_precision_out(solver, form):
    single = form(X.astype(np.float32))
    clf = fitted(single, Y.astype(np.float32), np.ones(len(Y)), solver=solver, tol=1e-4)
    assert {clf.coef_.dtype, clf.intercept_.dtype} == {np.dtype(np.float32)}
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert getattr(clf, method)(single).dtype == np.float32
        assert getattr(clf, method)(form(X)).dtype == np.float64  # the wider of the two
    assert clf.predict(single).dtype == np.float32  # a label, and labels were given as that


@BY_EVERY_SOLVER
def test_a_file_is_fitted_as_the_array_in_it(solver, tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    clf, plain = fitted(mapped, Y, solver=solver), fitted(X, Y, solver=solver)
    np.testing.assert_array_equal(clf.coef_, plain.coef_)
    np.testing.assert_array_equal(clf.predict_proba(mapped), plain.predict_proba(X))


FRAME = pd.DataFrame(X, columns=list("abcd"))
CONTAINERS = {
    "lists": lambda: X.tolist(),
    "objects": lambda: X.astype(object),
    "masked": lambda: np.ma.masked_array(X, mask=False),
    "other byte order": lambda: X.astype(X.dtype.newbyteorder()),
    "pandas": lambda: FRAME,
    "pandas, nullable": lambda: FRAME.convert_dtypes(),
    "pyarrow": lambda: pytest.importorskip("pyarrow").Table.from_pandas(FRAME),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_holds_the_samples_does_not_matter(name):
    data = CONTAINERS[name]()
    clf, plain = fitted(data, Y), fitted(X, Y)
    assert_same_model(clf, plain)
    np.testing.assert_array_equal(clf.predict(data), plain.predict(X))
    names = getattr(clf, "feature_names_in_", np.array([]))
    assert names.tolist() == (list("abcd") if name.startswith(("pandas", "pyarrow")) else [])


def with_long_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def with_halves_apart(X):
    """Return a matrix of two entries for each place, whose sum is the entry."""
    X = sparse.coo_array(X)
    place = tuple(np.tile(axis, 2) for axis in X.coords)
    return sparse.coo_array((np.tile(X.data / 2, 2), place), shape=X.shape)


def in_disorder(X):
    """Return a matrix whose entries are listed from the last column to the first."""
    X = sparse.csr_array(X)
    rows = np.split(np.arange(X.nnz), X.indptr[1:-1])
    order = np.concatenate([row[::-1] for row in rows])
    return sparse.csr_array((X.data[order], X.indices[order], X.indptr), shape=X.shape)


def with_explicit_zeros(X):
    place = tuple(axis.ravel() for axis in np.indices(X.shape))
    return sparse.csr_array((X.ravel(), place), shape=X.shape)


def that_is_read_only(X):
    X = sparse.csr_array(X)
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda X: with_long_indices(sparse.csr_array(X)), id="int64 csr"),
        pytest.param(lambda X: with_long_indices(sparse.csr_matrix(X)), id="int64 csr_matrix"),
        pytest.param(lambda X: with_long_indices(sparse.csc_array(X)), id="int64 csc"),
        *(sparse.coo_matrix, sparse.bsr_array, sparse.dok_array),
        *(with_halves_apart, in_disorder, with_explicit_zeros, that_is_read_only),
    ],
)
@BY_EVERY_SOLVER
def test_how_a_sparse_matrix_is_stored_does_not_matter(solver, arrange):
    dense = np.where(X > 0, X, 0.0)
    data = arrange(dense)
    clf, plain = fitted(data, Y, solver=solver), fitted(dense, Y, solver=solver)
    assert_same_model(clf, plain)
    np.testing.assert_allclose(clf.predict_proba(data), plain.predict_proba(dense), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("class_weight", [None, "balanced", {"setosa": 2.0, "virginica": 0.5}])
@OF_EITHER_SIZE
def test_tensors_with_words_for_labels_and_with_weights_are_fitted_as_arrays(
    n_classes, class_weight, dtype
):
    data, y = PROBLEMS[n_classes]
    data, names = data.astype(dtype), np.array(["setosa", "virginica", "other"])[y]
    weights = np.random.RandomState(0).rand(len(y)).astype(dtype)
    parameters = {"class_weight": class_weight, "C": 0.01, "tol": 1e-6}
    plain = fitted(data, names, weights, **parameters)
    with config_context(array_api_dispatch=True):
        clf = fitted(torch.tensor(data), names, torch.tensor(weights), **parameters)
        proba, labels = (f(torch.tensor(data)) for f in (clf.predict_proba, clf.predict))
    assert_same_model(clf, plain, rtol=1e-6, atol=1e-6)
    assert clf.coef_.dtype == dtype
    np.testing.assert_allclose(proba, plain.predict_proba(data), atol=1e-6)
    np.testing.assert_array_equal(labels, plain.predict(data))


@OF_EITHER_SIZE
def test_a_fit_to_tensors_can_be_gone_on_with(n_classes):
    data, y = (torch.tensor(values) for values in PROBLEMS[n_classes])
    with config_context(array_api_dispatch=True):
        clf = TorchLogisticClassifier(warm_start=True).fit(data, y)
        n_iter = clf.n_iter_
        assert clf.predict(data).shape == y.shape
        assert clf.fit(data, y).n_iter_ < n_iter


# ---- Labels and predictions


@BY_EVERY_SOLVER
@OF_EITHER_SIZE
def test_what_the_labels_are_called_does_not_matter(n_classes, solver):
    data, y = PROBLEMS[n_classes]
    numbers = fitted(data, y, solver=solver)
    for names in (["bar", "baz", "foo"], [-1, 0, 1], [-2.5e9, 0.0, 7.0], [False, True, None]):
        if None in names[:n_classes]:
            continue
        names = np.array(names[:n_classes])
        clf = fitted(data, names[y], solver=solver)
        np.testing.assert_array_equal(clf.coef_, numbers.coef_)
        np.testing.assert_array_equal(clf.classes_, names)
        np.testing.assert_array_equal(clf.predict(data), names[numbers.predict(data)])


@pytest.mark.parametrize("estimator", [TorchLogisticClassifier, TorchLogisticClassifierCV])
def test_a_single_class_is_refused_in_the_words_of_logistic_regression(estimator):
    messages = []
    for model in (LogisticRegression(), estimator()):
        with pytest.raises(ValueError, match="only one class: .*setosa") as caught:
            model.fit(X[:50], np.full(50, "setosa"))
        messages.append(str(caught.value))
    # But for the label, which is shown as the user wrote it.
    assert messages[0].replace("np.str_('setosa')", "'setosa'") == messages[1]


def test_labels_of_more_than_one_kind_are_refused():
    with pytest.raises(ValueError, match="Unknown label type"):
        TorchLogisticClassifier().fit(X, np.array([1, "a", 2], dtype=object)[Y])


def test_labels_in_a_column_are_flattened_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector y"):
        clf = fitted(X, Y[:, None])
    assert_same_model(clf, fitted(X, Y))


@OF_EITHER_SIZE
def test_of_equal_scores_the_first_class_is_predicted(n_classes):
    data, y = PROBLEMS[n_classes]
    clf = fitted(data, y, fit_intercept=False)
    nothing = np.zeros((3, 4))
    assert (clf.decision_function(nothing) == 0).all()
    np.testing.assert_array_equal(clf.predict(nothing), clf.classes_[[0, 0, 0]])
    np.testing.assert_allclose(clf.predict_proba(nothing), 1 / n_classes)


@OF_EITHER_SIZE
def test_coefficients_may_be_written_to(n_classes):
    data, y = PROBLEMS[n_classes]
    clf = fitted(data, y)
    clf.coef_[:] = 0
    clf.intercept_[:] = 0
    assert (clf.decision_function(data) == 0).all()


@OF_EITHER_SIZE
@IN_EITHER_FORM
def test_predictions_are_those_of_logistic_regression_with_these_coefficients(form, n_classes):
    data, y = PROBLEMS[n_classes]
    ours, theirs = fitted(data, y), LogisticRegression().fit(data, y)
    theirs.coef_, theirs.intercept_ = ours.coef_, ours.intercept_
    for method in ("decision_function", "predict_proba", "predict_log_proba", "predict"):
        of_ours, of_theirs = (getattr(model, method)(form(data)) for model in (ours, theirs))
        np.testing.assert_allclose(of_ours, of_theirs, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.coo_matrix, np.asarray])
def test_sparse_coefficients_and_sparse_samples_go_together(form):
    clf = fitted(X, Y, l1_ratio=1.0, C=0.1)
    scores = clf.decision_function(X)
    np.testing.assert_allclose(clf.sparsify().decision_function(form(X)), scores, rtol=1e-12)
    np.testing.assert_allclose(clf.densify().decision_function(form(X)), scores, rtol=1e-12)


def test_labels_that_the_model_does_not_know_are_scored_as_wrong():
    clf = fitted(X, Y)
    assert clf.score(X, np.where(Y == 0, 9, Y)) == pytest.approx(clf.score(X, Y) - 1 / 3)


# ---- Iterations


DIGITS = standardized(load_digits)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 4])
def test_too_few_iterations_are_all_made_and_warned_of_once(max_iter, l1_ratio):
    clf = TorchLogisticClassifier(max_iter=max_iter, tol=1e-12, l1_ratio=l1_ratio)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(*DIGITS)
    assert [warning.category for warning in caught] == [ConvergenceWarning]
    assert f"lbfgs failed to converge after {max_iter} iteration(s)" in str(caught[0].message)
    assert "Increase max_iter or scale the features" in str(caught[0].message)
    assert clf.n_iter_ == max_iter


def test_a_fit_that_did_not_converge_is_told_in_the_same_first_words():
    messages = []
    for model in (LogisticRegression, TorchLogisticClassifier):
        with pytest.warns(ConvergenceWarning) as caught:
            model(max_iter=2, tol=1e-12).fit(*DIGITS)
        messages.append(str(caught[0].message))
    assert messages[0].startswith("lbfgs failed to converge after 2 iteration(s) ")
    assert messages[1].startswith("lbfgs failed to converge after 2 iteration(s): ")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("fit_intercept", [True, False])
@OF_EITHER_SIZE
def test_a_callback_sees_the_model_that_fewer_iterations_end_with(n_classes, fit_intercept):
    data, y = PROBLEMS[n_classes]
    recorder = Recorder()
    parameters = {"fit_intercept": fit_intercept, "C": 100.0}
    clf = TorchLogisticClassifier(**parameters).set_callbacks(recorder).fit(data, y)
    assert clf.n_iter_ > 2
    for i in range(clf.n_iter_):
        shorter = TorchLogisticClassifier(max_iter=i + 1, **parameters).fit(data, y)
        np.testing.assert_array_equal(recorder.coefs["iteration", i], shorter.coef_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("warm_start", [True, False])
@BY_EVERY_SOLVER
def test_one_iteration_more_is_a_small_step_if_and_only_if_it_starts_warm(
    solver, warm_start, fit_intercept
):
    clf = TorchLogisticClassifier(
        solver=solver,
        warm_start=warm_start,
        fit_intercept=fit_intercept,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(X, Y)
    before = clf.coef_.copy()
    clf.set_params(max_iter=1).fit(X, Y)
    assert (np.abs(clf.coef_ - before).sum() < 1.0) == warm_start


def test_a_path_of_warm_starts_ends_at_the_optimum_of_each_penalty():
    warm = TorchLogisticClassifier(warm_start=True, **TIGHT)
    for C in (1e-3, 0.1, 5.0, 0.01):  # stronger again at the end
        assert_same_model(warm.set_params(C=C).fit(X, Y), fitted(X, Y, C=C))


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_fits_that_start_warm_again_and_again_do_not_drift(l1_ratio):
    cold = TorchLogisticClassifier(l1_ratio=l1_ratio, tol=1e-6).fit(X, Y)
    warm = TorchLogisticClassifier(l1_ratio=l1_ratio, tol=1e-6, warm_start=True)
    for _ in range(5):
        warm.fit(X, Y)
    of_cold, of_warm = (log_loss(Y, clf.predict_proba(X)) for clf in (cold, warm))
    assert of_warm == pytest.approx(of_cold, rel=1e-5)


# ---- L1 and elastic net


def elastic_net(clf, X, y, C, l1_ratio):
    """Return the objective of an elastic net, up to a factor, from its formula."""
    ridge, lasso = (clf.coef_**2).sum() / 2, np.abs(clf.coef_).sum()
    loss = log_loss(y, clf.predict_proba(X), normalize=False)
    return C * loss + (1 - l1_ratio) * ridge + l1_ratio * lasso


@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("C", [0.1, 1.0, 100.0])
@OF_EITHER_SIZE
def test_each_share_of_L1_has_an_optimum_of_its_own(n_classes, C, l1_ratio):
    data, y = PROBLEMS[n_classes]
    own = elastic_net(fitted(data, y, C=C, l1_ratio=l1_ratio), data, y, C, l1_ratio)
    for other in (0.0, 1.0):
        clf = fitted(data, y, C=C, l1_ratio=other)
        assert own < elastic_net(clf, data, y, C, l1_ratio)


@OF_EITHER_SIZE
def test_between_the_two_penalties_there_is_no_jump(n_classes):
    data, y = overlapping(n_classes)
    for end, near in [(0.0, 1e-9), (1.0, 1 - 1e-9)]:
        proba = [fitted(data, y, l1_ratio=r).predict_proba(data) for r in (end, near)]
        np.testing.assert_allclose(*proba, atol=1e-6)


def test_just_above_the_smallest_useful_C_a_lasso_converges_to_few_features():
    data, y = X[:100], Y[:100]
    for factor in (1.05, 1.5, 10 ** (10 / 29)):
        clf = TorchLogisticClassifier(C=factor * l1_min_c(data, y, loss="log"), l1_ratio=1.0)
        assert 0 < (clf.set_params(tol=1e-8).fit(data, y).coef_ != 0).sum() <= 2


def test_constant_columns_without_an_intercept_are_fitted_alike_dense_and_sparse():
    rng = np.random.RandomState(0)
    data = np.column_stack([X[50:], rng.randn(100, 3), np.ones((100, 2))])
    y = Y[50:] - 1
    parameters = {"l1_ratio": 1.0, "C": 1.0, "fit_intercept": False}
    dense, thin = fitted(data, y, **parameters), fitted(sparse.csr_array(data), y, **parameters)
    theirs = LogisticRegression(solver="liblinear", tol=1e-10, max_iter=10_000, **parameters)
    expected = elastic_net(theirs.fit(data, y), data, y, 1.0, 1.0)
    for clf in (dense, thin):
        assert elastic_net(clf, data, y, 1.0, 1.0) == pytest.approx(expected, rel=1e-8)
        # The two columns are one: how a weight is split between them is not determined.
        np.testing.assert_allclose(clf.coef_[:, :-2], theirs.coef_[:, :-2], atol=1e-4)
        assert clf.coef_[0, -2:].sum() == pytest.approx(theirs.coef_[0, -2:].sum(), abs=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 0.9])
def test_C_is_what_sgd_classifier_calls_alpha(l1_ratio):
    data, y = overlapping(2)
    C = 0.1
    sgd = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        l1_ratio=l1_ratio,
        alpha=1 / (C * len(y)),
        fit_intercept=False,
        max_iter=2000,
        tol=None,
        random_state=0,
    ).fit(data, y)
    clf = fitted(data, y, C=C, l1_ratio=l1_ratio, fit_intercept=False)
    np.testing.assert_allclose(sgd.coef_, clf.coef_, atol=0.02)  # of its random steps


def test_l1_ratio_is_a_number():
    with pytest.raises(ValueError, match="'l1_ratio' parameter .* Got None"):
        TorchLogisticClassifier(l1_ratio=None).fit(X, Y)


# ---- The choice of the penalty


def search(X, y, sample_weight=None, **parameters):
    defaults = {"Cs": [0.01, 1.0, 100.0], "cv": 3, "tol": 1e-8, "max_iter": 1000}
    return TorchLogisticClassifierCV(**{**defaults, **parameters}).fit(X, y, sample_weight)


@OF_EITHER_SIZE
def test_the_weaker_the_penalty_the_larger_the_coefficients_of_each_fold(n_classes):
    clf = search(*PROBLEMS[n_classes], Cs=10)
    norms = (clf.coefs_paths_[..., :-1] ** 2).sum((-1, -2))
    assert norms.shape == (3, 1, 10)
    assert (np.diff(norms, axis=2) > 0).all()


@OF_EITHER_SIZE
def test_a_grid_of_both_penalties_has_a_place_for_each_candidate(n_classes):
    clf = search(*PROBLEMS[n_classes], l1_ratios=[0.0, 1.0], cv=4)
    n_rows = n_classes if n_classes > 2 else 1
    assert clf.scores_.shape == clf.n_iter_.shape == (4, 2, 3)
    assert clf.coefs_paths_.shape == (4, 2, 3, n_rows, 5)
    assert clf.coef_.shape == (n_rows, 4)


def test_each_place_holds_the_score_of_its_penalty():
    Cs, l1_ratios = [0.05, 1.0, 10.0], [0.1, 0.9]
    clf = search(X, Y, Cs=Cs, l1_ratios=l1_ratios, scoring="neg_log_loss")
    for i, l1_ratio in enumerate(l1_ratios):
        for j, C in enumerate(Cs):
            alone = TorchLogisticClassifier(C=C, l1_ratio=l1_ratio, **TIGHT)
            expected = cross_val_score(alone, X, Y, cv=3, scoring="neg_log_loss")
            np.testing.assert_allclose(clf.scores_[:, i, j], expected, rtol=1e-4)


@OF_EITHER_SIZE
def test_it_chooses_what_a_grid_search_chooses(n_classes):
    data, y = overlapping(n_classes)
    Cs, l1_ratios = np.logspace(-3, 3, 4), [0.0, 0.5, 1.0]
    parameters = {"cv": StratifiedKFold(5), "scoring": "neg_log_loss"}
    clf = search(data, y, Cs=Cs, l1_ratios=l1_ratios, **parameters)
    alone = TorchLogisticClassifier(**TIGHT)
    grid = GridSearchCV(alone, {"C": Cs, "l1_ratio": l1_ratios}, **parameters).fit(data, y)
    assert grid.best_params_ == {"C": clf.C_, "l1_ratio": clf.l1_ratio_}
    assert clf.scores_.mean(0).max() == pytest.approx(grid.best_score_, rel=1e-6)


def test_the_order_of_Cs_is_kept():
    up, down = search(X, Y, Cs=[0.01, 1.0, 100.0]), search(X, Y, Cs=[100.0, 1.0, 0.01])
    assert down.Cs_.tolist() == [100.0, 1.0, 0.01]
    np.testing.assert_array_equal(down.scores_[:, :, ::-1], up.scores_)
    np.testing.assert_allclose(down.coefs_paths_[:, :, ::-1], up.coefs_paths_, atol=1e-4)


def test_a_scorer_is_asked_once_for_each_candidate_and_once_by_score():
    asked = []

    def scorer(model, X, y):
        asked.append((model.l1_ratio, model.C) if hasattr(model, "C") else "all")
        return 0.8 if asked[-1] == (0.5, 3.0) else 0.1

    clf = search(X, Y, Cs=[1, 3, 4], l1_ratios=[0, 0.5], cv=2, scoring=scorer)
    assert asked == 2 * [(0, 1), (0, 3), (0, 4), (0.5, 1), (0.5, 3), (0.5, 4)]
    assert (clf.l1_ratio_, clf.C_) == (0.5, 3.0)
    assert clf.score(X, Y) == 0.1
    assert asked[12:] == ["all"]


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@OF_EITHER_SIZE
def test_one_candidate_and_a_refit_are_a_fit(n_classes, l1_ratio):
    data, y = PROBLEMS[n_classes]
    clf = search(data, y, Cs=[0.5], l1_ratios=[l1_ratio], tol=1e-10)
    assert_same_model(clf, fitted(data, y, C=0.5, l1_ratio=l1_ratio))


@OF_EITHER_SIZE
def test_one_candidate_without_a_refit_is_the_mean_of_the_fits_to_folds(n_classes):
    data, y = PROBLEMS[n_classes]
    clf = search(data, y, Cs=[0.5], refit=False, tol=1e-10)
    folds = [
        fitted(data[train], y[train], C=0.5) for train, _ in StratifiedKFold(3).split(data, y)
    ]
    mean = np.mean([fold.coef_ for fold in folds], axis=0)
    np.testing.assert_allclose(clf.coef_, mean, **NEAR)
    assert (clf.C_, clf.l1_ratio_) == (0.5, 0.0)


@pytest.mark.parametrize("with_routing", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_folds_without_a_class_are_scored_by_the_probabilities_of_all(n_classes, with_routing):
    names = np.array(list("aabbcc"))[: 2 * n_classes]
    numbers = np.arange(2.0 * n_classes)[:, None]
    with config_context(enable_metadata_routing=with_routing):
        clf = search(
            numbers, names, Cs=[1e-6, 1.0], cv=KFold(n_classes), scoring="neg_brier_score"
        )
    # No fold has seen the class that it is tested on: the less it learns the better.
    assert clf.C_ == 1e-6
    for fold, (_, test) in enumerate(KFold(n_classes).split(numbers)):
        of_fold = TorchLogisticClassifier().fit(numbers, names)
        of_fold.coef_ = clf.coefs_paths_[fold, 0, 0, :, :-1]
        of_fold.intercept_ = clf.coefs_paths_[fold, 0, 0, :, -1]
        positive = {"pos_label": "b"} if n_classes == 2 else {}
        expected = brier_score_loss(
            names[test], of_fold.predict_proba(numbers[test]), labels=clf.classes_, **positive
        )
        assert -clf.scores_[fold, 0, 0] == pytest.approx(expected)


def test_folds_that_are_tested_on_the_class_they_lack_have_no_sample_right():
    assert (search(X, Y, cv=KFold(3), scoring="accuracy").scores_ == 0).all()


@OF_EITHER_SIZE
def test_weights_are_repetitions_in_a_search_too(n_classes):
    data, y = PROBLEMS[n_classes]
    repeats = np.random.RandomState(0).randint(0, 4, len(y))
    group = np.arange(len(y)) % 3
    of_weighted = [(group != g, group == g) for g in range(3)]
    of_repeated = [(train.repeat(repeats), test.repeat(repeats)) for train, test in of_weighted]
    weighted = search(data, y, repeats, cv=of_weighted, scoring="neg_log_loss")
    repeated = search(
        data.repeat(repeats, 0), y.repeat(repeats), cv=of_repeated, scoring="neg_log_loss"
    )
    np.testing.assert_allclose(weighted.scores_, repeated.scores_, rtol=1e-4)
    assert weighted.C_ == repeated.C_
    assert_same_model(weighted, repeated, atol=1e-4)


def test_weights_reach_a_scorer_that_asks_for_them_and_no_other():
    weights = np.where(Y == 0, 5.0, 1.0)
    data = (X[:, :2], Y)
    without_routing = search(*data, weights)
    with config_context(enable_metadata_routing=True):
        asks = get_scorer("accuracy").set_score_request(sample_weight=True)
        asks_not = get_scorer("accuracy").set_score_request(sample_weight=False)
        weighted, unweighted = (search(*data, weights, scoring=s) for s in (asks, asks_not))
        score = weighted.score(*data, sample_weight=weights)
        with pytest.raises(TypeError, match="unexpected argument.*sample_weight"):
            unweighted.score(*data, sample_weight=weights)
    np.testing.assert_allclose(weighted.scores_, without_routing.scores_)
    assert score == pytest.approx(without_routing.score(*data, sample_weight=weights))
    assert (unweighted.scores_ < weighted.scores_).all()  # setosa is easy
    # Weights are in the fits of both.
    np.testing.assert_array_equal(unweighted.coefs_paths_, weighted.coefs_paths_)
