"""Several labels are fitted, and predicted, as OneVsRestClassifier(LogisticRegression()) does."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from recorder import Recorder
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

N_ROWS, N_FEATURES, N_LABELS = 120, 5, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, N_FEATURES))
TEACHER = 2.0 * RNG.normal(size=(N_FEATURES, N_LABELS))
Y = (X @ TEACHER + RNG.logistic(size=(N_ROWS, N_LABELS)) > [0.0, 1.0, -1.0, 2.0]).astype(int)
WEIGHTS = RNG.random(N_ROWS)
WEIGHTS[::7] = 0.0
WIDE = RNG.normal(size=(40, 90))
TIGHT = {"tol": 1e-9, "max_iter": 1000}
MINIBATCH = ["adam", "sgd"]
PREDICTIONS = ["predict", "predict_proba", "decision_function", "predict_log_proba"]


def fit(X=X, Y=Y, sample_weight=None, **parameters):
    return TorchLogisticClassifier(**{**TIGHT, **parameters}).fit(X, Y, sample_weight)


def one_vs_rest(X=X, Y=Y, sample_weight=None, **parameters):
    """Return scikit-learn's models of all labels, and their coefficients with intercepts."""
    if parameters.get("l1_ratio", 0.0) > 0:
        defaults = {"solver": "saga", "max_iter": 100_000, "random_state": 0}
    else:
        defaults = {
            "solver": "newton-cholesky" if X.shape[1] < 50 else "lbfgs",
            "max_iter": 10_000,
        }
    model = OneVsRestClassifier(LogisticRegression(**{"tol": 1e-10, **defaults, **parameters}))
    if sample_weight is None:
        return model.fit(X, Y)
    with config_context(enable_metadata_routing=True):
        model.estimator.set_fit_request(sample_weight=True)
        return model.fit(X, Y, sample_weight=sample_weight)


def assert_same_coefficients(found, expected, atol=1e-5):
    coef = np.vstack([each.coef_ for each in expected.estimators_])
    intercept = np.hstack([each.intercept_ for each in expected.estimators_])
    np.testing.assert_allclose(found.coef_, coef, rtol=0, atol=atol)
    np.testing.assert_allclose(found.intercept_, intercept, rtol=0, atol=atol)


PARAMETERS = {
    "plain": {},
    "balanced": {"class_weight": "balanced"},
    "weights of classes": {"class_weight": {0: 0.5, 1: 3.0}},
    "weight of one class": {"class_weight": {1: 3.0}},
    "L1": {"l1_ratio": 1.0, "C": 0.3},
    "elastic net": {"l1_ratio": 0.5, "C": 0.1, "class_weight": "balanced"},
    "no intercept": {"fit_intercept": False},
    "weak penalty": {"C": 100.0},
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "sample weights"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_coefficients_are_those_of_logistic_regression_for_each_label(name, weights):
    found = fit(sample_weight=weights, **PARAMETERS[name])
    assert_same_coefficients(found, one_vs_rest(sample_weight=weights, **PARAMETERS[name]))
    assert found.coef_.shape == (N_LABELS, N_FEATURES)
    assert found.intercept_.shape == (N_LABELS,)
    assert found.classes_.tolist() == list(range(N_LABELS))
    assert (found.multilabel_, found.sparse_labels_) == (True, False)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_more_features_than_rows_have_the_same_coefficients(class_weight):
    labels = Y[: len(WIDE)]
    found = fit(WIDE, labels, class_weight=class_weight)
    assert_same_coefficients(found, one_vs_rest(WIDE, labels, class_weight=class_weight))


SAMPLES = {
    "float32": lambda X: X.astype(np.float32),
    "by column": np.asfortranarray,
    "CSR": sparse.csr_array,
    "CSC": sparse.csc_matrix,
    "frame": lambda X: pd.DataFrame(X, columns=list("abcde")),
    "tensor": torch.tensor,
}
LABELS = {
    "bool": lambda Y: Y.astype(bool),
    "float64": lambda Y: Y.astype(float),
    "uint8, by column": lambda Y: np.asfortranarray(Y.astype(np.uint8)),
    "object": lambda Y: Y.astype(object),
    "lists": lambda Y: Y.tolist(),
    "frame": lambda Y: pd.DataFrame(Y, columns=["p", "q", "r", "s"]),
    "nullable frame": lambda Y: pd.DataFrame(Y).astype("Int64"),
    "tensor": torch.tensor,
    "bool tensor": lambda Y: torch.tensor(Y).bool(),
}
SPARSE_LABELS = {
    "CSR": sparse.csr_array,
    "CSC": sparse.csc_array,
    "CSC matrix": sparse.csc_matrix,
    "CSR of bool": lambda Y: sparse.csr_array(Y.astype(bool)),
    "COO of float64": lambda Y: sparse.coo_array(Y.astype(float)),
    "LIL": sparse.lil_array,
    "with zeros": lambda Y: sparse.csr_array(
        (Y.ravel(), np.tile(np.arange(N_LABELS), N_ROWS), np.arange(0, Y.size + 1, N_LABELS)),
        shape=Y.shape,
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_any_kind_give_the_same_model(name):
    given = SAMPLES[name](X)
    found = fit(given)
    is_single = name == "float32"
    assert found.coef_.dtype == (np.float32 if is_single else np.float64)
    assert_same_coefficients(found, one_vs_rest(), atol=1e-4 if is_single else 1e-5)
    np.testing.assert_array_equal(found.predict(given), fit().predict(X))


@pytest.mark.parametrize("name", LABELS)
def test_dense_labels_of_any_kind_give_the_same_model(name):
    found = fit(Y=LABELS[name](Y))
    np.testing.assert_array_equal(found.coef_, fit().coef_)
    predicted = found.predict(X)
    assert isinstance(predicted, np.ndarray)
    assert predicted.dtype == np.int64


@pytest.mark.parametrize("name", SPARSE_LABELS)
def test_sparse_labels_give_the_same_model_and_sparse_predictions(name):
    given = SPARSE_LABELS[name](Y)
    before = given.copy()
    found, expected = fit(Y=given), one_vs_rest(Y=sparse.csr_array(Y))
    assert (given != before).nnz == 0
    assert_same_coefficients(found, expected)
    predicted, theirs = found.predict(X), expected.predict(X)
    assert sparse.issparse(predicted)
    assert (predicted.format, predicted.dtype) == (theirs.format, theirs.dtype)
    np.testing.assert_array_equal(predicted.toarray(), theirs.toarray())
    assert found.score(X, given) == expected.score(X, sparse.csr_array(Y))
    assert found.score(X, Y) == found.score(X, given)


def test_entries_stored_twice_are_added_before_they_are_checked():
    twice = sparse.csr_array((np.ones(3), np.array([0, 0, 1]), np.array([0, 2, 3])), shape=(2, 2))
    with pytest.raises(ValueError, match=r"must have the values 0 and 1 .* got \[1\. 2\.\]"):
        fit(X[:2], twice)
    assert twice.nnz == 3


@pytest.mark.parametrize("method", PREDICTIONS)
def test_predictions_are_those_of_one_vs_rest(method):
    found, expected = fit(), one_vs_rest()
    if method == "predict_log_proba":
        theirs = np.log(expected.predict_proba(X))
    else:
        theirs = getattr(expected, method)(X)
    ours = getattr(found, method)(X)
    assert ours.shape == (N_ROWS, N_LABELS)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_log_probabilities_are_finite_where_probabilities_vanish():
    clf = fit()
    clf.intercept_ = clf.intercept_ - 2000.0
    assert (clf.predict_proba(X) == 0).any()
    log_proba = clf.predict_log_proba(X)
    np.testing.assert_allclose(log_proba, clf.decision_function(X), rtol=1e-12)


def test_the_score_is_the_share_of_samples_with_all_labels_right():
    found, expected = fit(), one_vs_rest()
    assert found.score(X, Y) == expected.score(X, Y) < 1
    assert found.score(X, Y, WEIGHTS) == pytest.approx(expected.score(X, Y, WEIGHTS))


@pytest.mark.parametrize("method", PREDICTIONS)
def test_with_array_api_dispatch_tensors_give_tensors(method):
    clf = fit()
    with config_context(array_api_dispatch=True):
        found = getattr(clf, method)(torch.tensor(X))
        assert clf.score(torch.tensor(X), torch.tensor(Y)) == pytest.approx(clf.score(X, Y))
    assert isinstance(found, torch.Tensor)
    assert found.dtype == (torch.int64 if method == "predict" else torch.float64)
    np.testing.assert_allclose(found, getattr(clf, method)(X), rtol=1e-12)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.csc_array, torch.tensor])
def test_logits_beyond_the_range_of_float32_have_the_right_sign(kind):
    clf = fit(X.astype(np.float32), tol=1e-4)
    clf.coef_[:] = [1e3, -1e3, 1.0, 1.0, 1.0]
    far = np.full((2, N_FEATURES), 3e38, dtype=np.float32)
    far[1, 0] = 0.0
    exact = far.astype(np.float64) @ clf.coef_.T.astype(np.float64) + clf.intercept_
    assert (exact > 0).tolist() == [[True] * N_LABELS, [False] * N_LABELS]
    np.testing.assert_array_equal(clf.predict(kind(far)), exact > 0)


def test_the_estimator_says_that_it_takes_several_labels():
    assert get_tags(TorchLogisticClassifier()).classifier_tags.multi_label


def test_names_of_features_are_kept_and_checked():
    frame = pd.DataFrame(X, columns=list("abcde"))
    clf = fit(frame)
    assert clf.feature_names_in_.tolist() == list("abcde")
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame.rename(columns={"a": "z"}))


# Minibatches, validation, callbacks' curves


def minibatch(solver, **parameters):
    parameters = {"max_iter": 3, "learning_rate_init": 0.01, "random_state": 0, **parameters}
    return TorchLogisticClassifier(solver=solver, **parameters)


@pytest.mark.parametrize("solver", MINIBATCH)
@pytest.mark.parametrize("class_weight", [None, {0: 0.5, 1: 4.0}], ids=["", "class weights"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_minibatch_solvers_train_each_label_as_if_alone(solver, class_weight, l1_ratio):
    clf = minibatch(solver, C=0.1, l1_ratio=l1_ratio, class_weight=class_weight).fit(X, Y)
    losses = []
    for label in range(N_LABELS):
        single = clone(clf).fit(X, Y[:, label])
        np.testing.assert_allclose(clf.coef_[label], single.coef_[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(clf.intercept_[label], single.intercept_[0], rtol=1e-9)
        losses.append(single.loss_curve_)
    np.testing.assert_allclose(clf.loss_curve_, np.mean(losses, axis=0), rtol=1e-9)


@pytest.mark.parametrize("solver", MINIBATCH)
def test_minibatch_steps_are_those_of_torch_on_the_module(solver):
    module = torch.nn.Linear(N_FEATURES, N_LABELS, dtype=torch.float64)
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    clf = minibatch(solver, C=np.inf, shuffle=False, batch_size=32, max_iter=2)
    start = clone(clf).set_params(warm_start=True)
    start.coef_, start.intercept_ = np.zeros((N_LABELS, N_FEATURES)), np.zeros(N_LABELS)
    start.classes_, start.n_features_in_ = np.arange(N_LABELS), N_FEATURES
    start.multilabel_, start.sparse_labels_ = True, False
    start.fit(X, Y)
    options = {"lr": 0.01} | ({"momentum": 0.9} if solver == "sgd" else {})
    optimizer = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[solver](
        module.parameters(), **options
    )
    inputs, targets = torch.tensor(X), torch.tensor(Y).double()
    for _ in range(2):
        for batch in torch.arange(N_ROWS).split(32):
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                module(inputs[batch]), targets[batch], reduction="sum"
            )
            (loss / len(batch)).backward()
            optimizer.step()
    np.testing.assert_allclose(start.coef_, module.weight.detach(), rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(start.intercept_, module.bias.detach(), rtol=1e-7, atol=1e-10)


def test_wide_sparse_samples_train_as_dense_ones():
    wide = sparse.random(N_ROWS, 1600, 0.01, random_state=0, format="csr")
    for solver in MINIBATCH:
        clf = minibatch(solver, C=0.1, class_weight={1: 2.0}).fit(wide, Y)
        dense = clone(clf).fit(wide.toarray(), Y)
        np.testing.assert_allclose(clf.coef_, dense.coef_, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("solver", ["lbfgs", *MINIBATCH])
def test_validation_curves_are_the_mean_log_loss_and_the_share_of_samples_all_right(solver):
    clf = minibatch(solver, max_iter=100, tol=1e-2).fit(X[:80], Y[:80], X_val=X[80:], y_val=Y[80:])
    proba = clf.predict_proba(X[80:])
    of_labels = [log_loss(Y[80:, label], proba[:, label]) for label in range(N_LABELS)]
    assert clf.validation_loss_curve_[-1] == pytest.approx(np.mean(of_labels), rel=1e-6)
    expected = accuracy_score(Y[80:], clf.predict(X[80:]))
    assert clf.validation_scores_[-1] == pytest.approx(expected)
    assert len(clf.validation_scores_) == len(clf.loss_curve_) == clf.n_iter_


@pytest.mark.parametrize("as_labels", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("solver", ["lbfgs", *MINIBATCH])
def test_early_stopping_keeps_the_weights_of_the_best_validation_loss(solver, as_labels):
    clf = minibatch(solver, max_iter=200, early_stopping=True, n_iter_no_change=2, tol=2e-3, C=1e4)
    clf.fit(X, as_labels(Y))
    train, test = train_test_split(
        np.arange(N_ROWS), test_size=0.1, random_state=np.random.RandomState(0)
    )
    proba = clf.predict_proba(X[test])
    of_labels = -np.where(Y[test], np.log(proba), np.log1p(-proba)).mean()
    assert clf.validation_loss_curve_.min() == pytest.approx(of_labels, rel=1e-6)
    assert len(train) == 108


def test_the_loss_curve_is_the_mean_objective_of_the_labels():
    clf = fit(C=0.5)
    z = clf.decision_function(X)
    objective = np.logaddexp(0.0, np.where(Y, -z, z)).mean(0)
    objective += (clf.coef_**2).sum(1) / (2 * 0.5 * N_ROWS)
    assert clf.loss_curve_[-1] == pytest.approx(objective.mean(), rel=1e-9)
    assert (np.diff(clf.loss_curve_) <= 1e-12).all()


def test_verbose_prints_a_row_for_each_iteration(capsys):
    clf = fit(verbose=1, tol=1e-3)
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1 + clf.n_iter_
    assert lines[0].split()[:2] == ["iter", "objective"]


def test_a_callback_is_told_of_each_iteration_with_models_of_all_labels():
    recorder = Recorder()  # which asks each model for predictions of the shape of y
    clf = TorchLogisticClassifier(tol=1e-3).set_callbacks(recorder).fit(X, Y)
    tasks = [event[1:] for event in recorder.events if event[0] == "end"]
    assert len(tasks) == clf.n_iter_ + 1  # and of the fit itself
    assert all(coef.shape == (N_LABELS, N_FEATURES) for coef in recorder.coefs.values())
    np.testing.assert_array_equal(recorder.coefs[tasks[-1]], clf.coef_)


def test_a_callback_stops_the_fit_of_all_labels():
    recorder = Recorder(stop_after=2)
    clf = TorchLogisticClassifier(tol=1e-9).set_callbacks(recorder).fit(X, Y)
    assert clf.n_iter_ == 2


# Continuing a fit


def test_a_warm_start_goes_on_from_the_coefficients():
    clf = fit(warm_start=True, C=0.5)
    n_first = clf.n_iter_
    clf.set_params(C=0.6).fit(X, Y)
    assert clf.n_iter_ < n_first
    assert_same_coefficients(clf, one_vs_rest(C=0.6))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y[:, :3], r"same classes: it had \[0, 1, 2, 3\], y has \[0, 1, 2\]"),
        (Y.argmax(1), "it had several columns of them, y has one"),
    ],
    ids=["other number", "one column"],
)
def test_a_warm_start_takes_the_same_labels_alone(labels, message):
    clf = fit(warm_start=True)
    before = vars(clf).copy()
    with pytest.raises(ValueError, match=message):
        clf.fit(X, labels)
    assert vars(clf) == before


def test_a_warm_start_of_one_column_does_not_go_on_with_several():
    clf = fit(Y=Y @ [1, 1, 1, 0], warm_start=True)  # of four classes, as there are four labels
    assert clf.classes_.tolist() == list(range(N_LABELS))
    before = vars(clf).copy()
    with pytest.raises(ValueError, match="it had one column of them, y has several"):
        clf.fit(X, Y)
    assert vars(clf) == before


@pytest.mark.parametrize("solver", MINIBATCH)
@pytest.mark.parametrize("between", [lambda clf: clf, lambda clf: pickle.loads(pickle.dumps(clf))])
@pytest.mark.parametrize("as_labels", [np.asarray, sparse.csr_array])
def test_partial_fit_trains_each_label_as_if_alone(solver, between, as_labels):
    clf = minibatch(solver)
    singles = [clone(clf) for _ in range(N_LABELS)]
    for part in (slice(0, 50), slice(50, 120)):
        clf.partial_fit(X[part], as_labels(Y[part]), classes=np.arange(N_LABELS))
        clf = between(clf)
        for label, single in enumerate(singles):
            single.partial_fit(X[part], Y[part, label], classes=[0, 1])
    coef = np.vstack([single.coef_ for single in singles])
    np.testing.assert_allclose(clf.coef_, coef, rtol=1e-9, atol=1e-12)
    mean = np.mean([single.loss_curve_ for single in singles], axis=0)
    np.testing.assert_allclose(clf.loss_curve_, mean, rtol=1e-9)
    assert sparse.issparse(clf.predict(X)) == (as_labels is sparse.csr_array)


PARTIAL_FIT_ERRORS = {
    "other number of labels": ((X, Y[:, :3]), "3 labels"),
    "one column": ((X, Y[:, 0]), "one column of labels"),
    "other values": ((X, 2 * Y), "0 and 1"),
    "other features": ((X[:, :3], Y), "3 features"),
    "not a number": ((X, np.where(Y, np.nan, 0.0)), "NaN"),
}


@pytest.mark.parametrize("name", PARTIAL_FIT_ERRORS)
def test_a_failing_partial_fit_leaves_nothing_moved(name):
    given, message = PARTIAL_FIT_ERRORS[name]
    clf = minibatch("adam").partial_fit(X, Y, classes=range(N_LABELS))
    before = vars(clf).copy()
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(*given)
    assert vars(clf) == before


def test_partial_fit_of_one_column_does_not_go_on_with_several():
    clf = minibatch("adam").partial_fit(X, Y[:, 0], classes=[0, 1])
    with pytest.raises(ValueError, match="several columns of labels"):
        clf.partial_fit(X, Y[:, :2])
    with pytest.raises(ValueError, match="classes.* first call"):
        minibatch("adam").partial_fit(X, Y)
    with pytest.raises(ValueError, match="4 labels"):
        minibatch("adam").partial_fit(X, Y, classes=[0, 1])


def test_partial_fit_takes_labels_by_their_numbers_alone():
    for classes in ([0, 1, 2, 7], ["a", "b", "c", "d"], [1, 2, 3, 4]):
        with pytest.raises(ValueError, match=r"whose classes are np.arange\(4\); got"):
            minibatch("adam").partial_fit(X, Y, classes=classes)


# Labels of one value


CONSTANT = Y.copy()
CONSTANT[:, 1], CONSTANT[:, 3] = 1, 0


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("solver", ["lbfgs", *MINIBATCH])
def test_labels_of_one_value_are_predicted_as_it_with_one_warning(
    solver, class_weight, fit_intercept
):
    clf = TorchLogisticClassifier(
        solver=solver, fit_intercept=fit_intercept, class_weight=class_weight, random_state=0
    )
    if solver != "lbfgs":
        clf.set_params(max_iter=2)
    with pytest.warns(UserWarning, match=r"value: 1 \(all 1\), 3 \(all 0\)\.$") as record:
        clf.fit(X, CONSTANT)
    assert [warning.filename for warning in record] == [__file__]
    predicted, proba = clf.predict(X), clf.predict_proba(X)
    for label in (1, 3):
        assert (predicted[:, label] == CONSTANT[:, label]).all()
        np.testing.assert_allclose(proba[:, label], CONSTANT[:, label], atol=1e-12)
        assert (clf.coef_[label] == 0).all()
    others = clone(clf).fit(X, CONSTANT[:, [0, 2]])
    np.testing.assert_allclose(clf.coef_[[0, 2]], others.coef_, rtol=0, atol=1e-3)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_constant_label_does_not_move_the_others(fit_intercept):
    with pytest.warns(UserWarning, match="one value alone"):
        clf = fit(Y=CONSTANT, fit_intercept=fit_intercept)
    expected = one_vs_rest(Y=CONSTANT[:, [0, 2]], fit_intercept=fit_intercept)
    coef = np.vstack([each.coef_ for each in expected.estimators_])
    np.testing.assert_allclose(clf.coef_[[0, 2]], coef, rtol=0, atol=1e-5)


def test_a_label_of_one_value_among_samples_with_weight_is_constant():
    weights = np.where(Y[:, 0] == 1, 1.0, 0.0)
    with pytest.warns(UserWarning, match=r"0 \(all 1\)"):
        clf = fit(sample_weight=weights)
    assert (clf.predict(X)[:, 0] == 1).all()


def test_the_warning_names_ten_labels_and_how_many_more():
    zeros = np.zeros((N_ROWS, 13), dtype=int)
    zeros[:, 0] = Y[:, 0]
    with pytest.warns(UserWarning, match=r"10 \(all 0\) and 2 others\.$"):
        fit(Y=zeros)


# Bad input


BAD = {
    "other values": (2 * Y, r"values 0 and 1 .* got \[0 2\]"),
    "minus one": (2 * Y - 1, r"values 0 and 1 .* got \[-1  1\]"),
    "more values": (Y + Y[::-1], "Unknown label type: multiclass-multioutput"),
    "fractions": (Y + 0.5, "Unknown label type: continuous-multioutput"),
    "text": (np.array(["no", "yes"])[Y], "Unknown label type: multiclass-multioutput"),
    "NaN": (np.where(Y, np.nan, 0.0), "Input y contains NaN"),
    "NaN of a tensor": (torch.tensor(np.where(Y, np.nan, 0.0)), "Input y contains NaN"),
    "missing": (pd.DataFrame(Y).astype("Int64").mask(Y == 1), "Input y contains NaN"),
    "infinity": (np.where(Y, np.inf, 0.0), "Input y contains infinity"),
    "wrong length": (Y[:-1], r"inconsistent numbers of samples: \[120, 119\]"),
    "three axes": (np.stack([Y, Y], axis=2), "Found array with dim 3"),
    "ragged lists": ([row[: 2 + i % 2] for i, row in enumerate(Y.tolist())], "legacy multi-label"),
    "ragged from one": ([row[: 1 + i % 2] for i, row in enumerate(Y.tolist())], "legacy|sequence"),
    "sets": ([set(np.flatnonzero(row)) for row in Y], "Unknown label type"),
    "complex": (Y.astype(complex), "Complex data not supported"),
    "no column": (Y[:, :0], "0 feature|at least one"),
    "sparse, other values": (sparse.csr_array(2 * Y), r"values 0 and 1 .* got \[2\]"),
    "sparse NaN": (sparse.csr_array(np.where(Y, np.nan, 0.0)), "Input y contains NaN"),
    "sparse fractions": (sparse.csr_array(Y * 0.5), "label type|values 0 and 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_labels_are_one_clear_error_and_the_fit_before_is_kept(name):
    labels, message = BAD[name]
    clf = fit()
    before = vars(clf).copy()
    with pytest.raises(ValueError, match=message):
        clf.fit(X, labels)
    assert vars(clf) == before
    with pytest.raises(ValueError, match=message):
        TorchLogisticClassifier().fit(X, labels)


def test_one_column_is_taken_as_labels_of_one_kind_with_scikit_learns_warning():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        clf = fit(Y=Y[:, :1])
    assert not clf.multilabel_
    np.testing.assert_array_equal(clf.coef_, fit(Y=Y[:, 0]).coef_)


VALIDATION_ERRORS = {
    "one column": (Y[:, 0], "y_val has one column of labels, but the fit has several"),
    "other number": (Y[:, :3], "y_val has 3 labels, but 4 are fitted"),
    "other values": (Y + 1, "0 and 1"),
}


@pytest.mark.parametrize("name", VALIDATION_ERRORS)
def test_validation_labels_are_of_the_same_kind_and_number(name):
    labels, message = VALIDATION_ERRORS[name]
    clf = fit()
    before = vars(clf).copy()
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y, X_val=X, y_val=labels)
    assert vars(clf) == before


def test_validation_labels_of_several_columns_need_a_fit_of_several():
    with pytest.raises(
        ValueError, match="y_val has several columns of labels, but the fit has one"
    ):
        TorchLogisticClassifier().fit(X, Y[:, 0], X_val=X, y_val=Y)


def test_a_fit_of_another_kind_replaces_the_one_before():
    clf = fit(Y=sparse.csr_array(Y))
    clf.fit(X, Y[:, 0])
    assert (clf.multilabel_, clf.sparse_labels_) == (False, False)
    assert clf.predict(X).shape == (N_ROWS,)
    clf.fit(X, Y)
    assert clf.predict(X).shape == (N_ROWS, N_LABELS)
    assert isinstance(clf.predict(X), np.ndarray)


# Tools of scikit-learn


def test_an_unfitted_classifier_raises():
    with pytest.raises(NotFittedError):
        TorchLogisticClassifier().predict(X)


@pytest.mark.parametrize("as_labels", [np.asarray, sparse.csr_array])
def test_pickling_and_cloning(as_labels):
    clf = fit(Y=as_labels(Y))
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert type(again.predict(X)) is type(clf.predict(X))
    assert not hasattr(clone(clf), "multilabel_") or not clone(clf).multilabel_
    assert not hasattr(clone(clf), "coef_")


EXACT = LogisticRegression(solver="newton-cholesky", tol=1e-10)


def test_a_pipeline_and_a_grid_search():
    model = make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier(**TIGHT))
    grid = {"torchlogisticclassifier__C": [0.01, 1.0]}
    search = GridSearchCV(model, grid, cv=KFold(3), scoring="f1_macro").fit(X, Y)
    reference = make_pipeline(GlobalStandardScaler(), OneVsRestClassifier(EXACT))
    grid = {"onevsrestclassifier__estimator__C": [0.01, 1.0]}
    expected = GridSearchCV(reference, grid, cv=KFold(3), scoring="f1_macro").fit(X, Y)
    scores = (each.cv_results_["mean_test_score"] for each in (search, expected))
    np.testing.assert_allclose(*scores, rtol=1e-9)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_cross_val_predict(method):
    ours = TorchLogisticClassifier(**TIGHT)
    theirs = OneVsRestClassifier(EXACT)
    found, expected = (
        cross_val_predict(each, StandardScaler().fit_transform(X), Y, cv=KFold(3), method=method)
        for each in (ours, theirs)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_that_an_earlier_version_pickled_has_one_kind_of_labels():
    clf = fit(Y=Y[:, 0])
    del clf.multilabel_, clf.sparse_labels_
    assert clf.predict(X).shape == (N_ROWS,)
    assert clf.predict_proba(X).shape == (N_ROWS, 2)


def make_pair(n_samples=60):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_samples, 3))
    return X, (X[:, :2] + rng.normal(size=(n_samples, 2)) > 0).astype(int)


@pytest.mark.parametrize("seed", range(5))
def test_a_constant_label_has_balanced_weights_whatever_rounding_leaves(seed):
    X, Y = make_pair()
    Y[:, 1] = 1
    weights = np.random.RandomState(seed).rand(len(X))
    with pytest.warns(UserWarning, match="one value alone"):
        clf = TorchLogisticClassifier(class_weight="balanced").fit(X, Y, weights)
    assert clf.predict(X)[:, 1].all()


@pytest.mark.parametrize(
    "make", [pl.DataFrame, lambda Y: pa.table(dict(zip("ab", Y.T, strict=True)))]
)
def test_labels_of_polars_and_arrow_are_columns(make):
    X, Y = make_pair()
    expected = TorchLogisticClassifier().fit(X, Y)
    np.testing.assert_array_equal(TorchLogisticClassifier().fit(X, make(Y)).coef_, expected.coef_)


@pytest.mark.parametrize("convert", [pd.DataFrame, np.ndarray.tolist, lambda Y: Y.astype(object)])
@pytest.mark.parametrize(
    "clf", [TorchLogisticClassifier(), TorchLogisticClassifierCV(Cs=2, per_label=True)]
)
def test_what_can_be_fitted_can_be_scored(clf, convert):
    X, Y = make_pair()
    assert clf.fit(X, convert(Y)).score(X, convert(Y)) == clf.score(X, Y)


@pytest.mark.parametrize("wrong", [lambda Y: Y[:, 0], lambda Y: np.column_stack([Y, Y])])
@pytest.mark.parametrize(
    "clf", [TorchLogisticClassifier(), TorchLogisticClassifierCV(Cs=2, per_label=True)]
)
def test_another_number_of_labels_is_not_scored(clf, wrong):
    X, Y = make_pair()
    clf.fit(X, Y)
    with pytest.raises(ValueError, match="labels, but the fit has 2 columns"):
        clf.score(X, wrong(Y))


def test_adam_leaves_the_constant_of_a_fit_before():
    X, Y = make_pair()
    constant = Y.copy()
    constant[:, 1] = 0
    clf = TorchLogisticClassifier(solver="adam", warm_start=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the constant, and of convergence
        clf.fit(X, constant).fit(X, Y)
    assert abs(clf.intercept_[1]) < 2.0


@pytest.mark.parametrize("n_rows", [N_ROWS, 60_000])  # in one block, and in more
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_predictions_lie_by_row_however_many_samples_there_are(prediction, n_rows):
    clf, many = fit(tol=1e-3), np.tile(X, (n_rows // N_ROWS, 1))
    assert getattr(clf, prediction)(many).flags.c_contiguous
    with config_context(array_api_dispatch=True):
        assert getattr(clf, prediction)(torch.from_numpy(many)).is_contiguous()
