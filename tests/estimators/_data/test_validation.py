"""Bad input gets one clear error, and what was fitted before is still there."""

import warnings
from copy import copy
from numbers import Real
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skorchless import (
    GlobalStandardScaler,
    TorchLogisticClassifier,
    TorchLogisticClassifierCV,
)
from skorchless.estimators._data.validation import READABLE_DTYPES, check_X, check_X_y

X, Y = load_iris(return_X_y=True)
SOLVERS = ["lbfgs", "adam", "sgd"]


def replaced(value):
    changed = X.copy()
    changed[3, 1] = value
    return changed


WEIGHTS = np.ones(len(Y))
BAD_INPUTS = {
    "nan": (replaced(np.nan), Y, None, "NaN"),
    "inf": (replaced(np.inf), Y, None, "infinity"),
    "one class": (X, np.zeros(len(Y)), None, "at least 2 classes"),
    "empty": (X[:0], Y[:0], None, "0 sample"),
    "no features": (X[:, :0], Y, None, "0 feature"),
    "1-d X": (X[:, 0], Y, None, "Expected 2D array, got 1D array"),
    "3-d X": (X[None], Y[:1], None, "dim 3"),
    "2-d y": (X, np.column_stack([Y, Y]), None, "Unknown label type: multiclass-multioutput"),
    "continuous y": (X, Y + 0.5 * X[:, 0], None, "Unknown label type: continuous"),
    "y with nan": (X, np.where(Y == 0, np.nan, Y), None, "NaN"),
    "no y": (X, None, None, "requires y to be passed"),
    "lengths differ": (X, Y[:-1], None, "inconsistent numbers of samples"),
    "complex": (X + 1j, Y, None, "Complex data not supported"),
    "strings": (X.astype(str).astype(object) + "a", Y, None, "could not convert"),
    "numbers as text": (X.astype(str), Y, None, "array of text, dtype <U32, where numbers"),
    "negative weights": (X, Y, -WEIGHTS, "Negative values"),
    "all-zero weights": (X, Y, 0 * WEIGHTS, "at least one non-zero"),
    "weights with nan": (X, Y, np.nan * WEIGHTS, "NaN"),
    "too few weights": (X, Y, WEIGHTS[:-1], "sample_weight.shape"),
}


def state_of(estimator):
    return {name: np.copy(value) for name, value in vars(estimator).items()}


def assert_same_state(estimator, before):
    after = state_of(estimator)
    assert after.keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


CLASSIFIERS = {
    "lbfgs": TorchLogisticClassifier(),
    "adam": TorchLogisticClassifier(solver="adam", max_iter=2),
    "sgd": TorchLogisticClassifier(solver="sgd", max_iter=2),
    "cv": TorchLogisticClassifierCV(Cs=2, cv=2),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_is_refused_and_the_fit_before_is_kept(case, name):
    bad_X, bad_y, weights, message = BAD_INPUTS[case]
    columns = ["a", "b", "c", "d"]
    clf = clone(CLASSIFIERS[name])
    clf.fit(pd.DataFrame(X, columns=columns), Y)
    before = state_of(clf)
    with pytest.raises(ValueError, match=message):
        clf.fit(bad_X, bad_y, sample_weight=weights)
    assert_same_state(clf, before)
    assert clf.predict(pd.DataFrame(X, columns=columns)).shape == Y.shape


@pytest.mark.parametrize("case", ["nan", "inf", "empty", "continuous y", "2-d y"])
def test_a_refused_partial_fit_keeps_the_one_before(case):
    bad_X, bad_y, weights, message = BAD_INPUTS[case]
    clf = TorchLogisticClassifier(solver="adam").partial_fit(X, Y, classes=[0, 1, 2])
    before = state_of(clf)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(bad_X, bad_y, sample_weight=weights)
    assert_same_state(clf, before)


def test_a_failed_first_fit_leaves_an_unfitted_estimator():
    clf = TorchLogisticClassifier()
    with pytest.raises(ValueError, match="NaN"):
        clf.fit(pd.DataFrame(replaced(np.nan), columns=list("abcd")), Y)
    assert vars(clf).keys() == vars(TorchLogisticClassifier()).keys()


@pytest.mark.parametrize("name", ["lbfgs", "cv"])
def test_an_interrupted_fit_keeps_the_one_before(name):
    clf = clone(CLASSIFIERS[name]).fit(X, Y)
    before = state_of(clf)

    class Interrupt:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    clf.set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:, :2], Y)
    clf.set_callbacks()
    assert_same_state(clf, before)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_prediction_needs_the_features_of_the_fit(method):
    clf = TorchLogisticClassifier().fit(X, Y)
    with pytest.raises(ValueError, match="3 features, but .* expecting 4 features"):
        getattr(clf, method)(X[:, :3])
    with pytest.raises(ValueError, match="3 features, but .* expecting 4 features"):
        getattr(clf, method)(torch.tensor(X[:, :3]))


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (torch.tensor(replaced(np.nan)), ValueError, "Input X contains NaN"),
        (torch.tensor(replaced(np.inf)), ValueError, "Input X contains infinity"),
        (torch.tensor(X)[0], ValueError, "Expected 2D array, got 1D array"),
        (torch.tensor(X)[None], ValueError, "dim 3"),
        (torch.tensor(X)[:0], ValueError, "0 sample"),
        (torch.tensor(X + 1j), ValueError, "Complex data not supported"),
        (torch.tensor(X).to_sparse(), TypeError, "Sparse data was passed"),
    ],
)
def test_a_bad_tensor_gets_the_error_of_a_bad_array(bad, error, message):
    clf = TorchLogisticClassifier().fit(X, Y)
    before = state_of(clf)
    with pytest.raises(error, match=message):
        clf.fit(bad, torch.tensor(Y)[: len(bad)])
    assert_same_state(clf, before)
    with pytest.raises(error, match=message):
        clf.predict(bad)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_what_is_finite_though_its_sum_is_not_is_no_infinity(kind):
    large = kind(np.full((2, 2), 3e38, dtype=np.float32))
    with pytest.raises(ValueError, match="at least 2 classes"):
        TorchLogisticClassifier().fit(large, [1, 1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "newton"}, "'solver' parameter .* must be a str among"),
        ({"C": 0.0}, "'C' parameter .* must be a float in the range"),
        ({"C": -1}, "'C' parameter"),
        ({"l1_ratio": 1.5}, "'l1_ratio' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"tol": -1e-3}, "'tol' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"learning_rate_init": 0.0}, "'learning_rate_init' parameter"),
        ({"momentum": 1.0}, "'momentum' parameter"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter"),
        ({"class_weight": "even"}, "'class_weight' parameter"),
        ({"fit_intercept": "yes"}, "'fit_intercept' parameter"),
        ({"random_state": "seed"}, "'random_state' parameter"),
        ({"device": 3.0}, "'device' parameter"),
    ],
)
def test_a_bad_parameter_is_named(parameters, message):
    assert_refused(parameters, InvalidParameterError, message)


def assert_refused(parameters, error, message):
    clf = TorchLogisticClassifier().fit(X, Y).set_params(**parameters)
    before = state_of(clf)
    with pytest.raises(error, match=message):
        clf.fit(X, Y)
    assert_same_state(clf, before)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"device": "cuda:99"}, r"device='cuda:99' is not available; this machine has: cpu"),
        ({"device": "tpu"}, r"device='tpu' is not available; this machine has: cpu"),
        ({"dtype": "float16"}, "dtype='float16' is not supported; use None, 'float32'"),
        ({"class_weight": {0: -1.0}}, "class_weight must be finite and not negative"),
        ({"class_weight": {0: np.nan}}, "class_weight must be finite and not negative"),
        ({"class_weight": {0: np.inf}}, "class_weight must be finite and not negative"),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, "leaves no sample with a weight above zero"),
    ],
)
def test_an_unusable_parameter_says_what_would_do(parameters, message):
    assert_refused(parameters, ValueError, message)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_go_in_and_their_names_are_kept(frame):
    data = frame({name: X[:, i] for i, name in enumerate(["a", "b", "c", "d"])})
    clf = TorchLogisticClassifier().fit(data, Y)
    assert clf.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    expected = TorchLogisticClassifier().fit(X, Y).predict(X)
    np.testing.assert_array_equal(clf.predict(data), expected)


def test_other_feature_names_at_prediction_are_an_error():
    data = pd.DataFrame(X, columns=list("abcd"))
    clf = TorchLogisticClassifier().fit(data, Y)
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(data.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["setosa", "versicolor", "virginica"])[Y],
        np.array(["setosa", "versicolor", "virginica"], dtype=object)[Y],
        pd.Series(["setosa", "versicolor", "virginica"])[Y].reset_index(drop=True),
        pd.Series(Y).map({0: "a", 1: "b", 2: "c"}).astype("category"),
        pl.Series(np.array(["a", "b", "c"])[Y]),
        (Y * 10 - 5).tolist(),
        Y.astype(float),
        Y > 0,
    ],
    ids=["str", "object", "pandas", "category", "polars", "list", "float", "bool"],
)
def test_labels_of_any_kind_come_back_as_they_are(labels):
    clf = TorchLogisticClassifier().fit(X, labels)
    expected = np.asarray(labels)
    np.testing.assert_array_equal(clf.classes_, np.unique(expected))
    predicted = clf.predict(X)
    assert set(predicted) <= set(expected)
    assert np.mean(predicted == expected) > 0.95


IDS = 2**60 + Y  # float64 has one value for all three
NULLABLE = {
    "Int64": pd.Series(IDS, dtype="Int64"),
    "UInt64": pd.Series(IDS, dtype="UInt64"),
    "array": pd.array(IDS, dtype="Int64"),
    "Index": pd.Index(IDS, dtype="Int64"),
    "int64[pyarrow]": pd.Series(IDS, dtype="int64[pyarrow]"),
    "boolean": pd.Series(Y > 1, dtype="boolean"),
    "bool[pyarrow]": pd.Series(Y > 1, dtype="bool[pyarrow]"),
}
OF_NULLABLE = pytest.mark.parametrize("name", NULLABLE)


def exact(name):
    """Return the labels as NumPy's integers or bools, which hold them exactly."""
    return Y > 1 if name.startswith("bool") else IDS.astype("u8" if name == "UInt64" else "i8")


@OF_NULLABLE
def test_nullable_labels_are_the_integers_that_they_are(name):
    labels, expected = NULLABLE[name], TorchLogisticClassifier().fit(X, exact(name))
    clf = TorchLogisticClassifier().fit(X, labels)
    assert clf.classes_.dtype == exact(name).dtype
    np.testing.assert_array_equal(clf.classes_, np.unique(exact(name)))
    np.testing.assert_array_equal(clf.predict(X), expected.predict(X))
    assert clf.score(X, labels) == expected.score(X, exact(name)) < 1


@OF_NULLABLE
def test_nullable_labels_of_validation_samples_and_chunks_are_exact(name):
    clf = TorchLogisticClassifier(solver="adam", max_iter=3, random_state=0)
    clf.fit(X, NULLABLE[name], X_val=X, y_val=NULLABLE[name])
    expected = clone(clf).fit(X, exact(name), X_val=X, y_val=exact(name))
    np.testing.assert_array_equal(clf.validation_scores_, expected.validation_scores_)
    chunks = clone(clf).partial_fit(X, NULLABLE[name], classes=NULLABLE[name])
    np.testing.assert_array_equal(chunks.classes_, np.unique(exact(name)))
    np.testing.assert_array_equal(
        chunks.coef_, clone(clf).partial_fit(X, exact(name), np.unique(exact(name))).coef_
    )


@OF_NULLABLE
def test_nullable_labels_of_a_search_are_exact(name):
    weights = {label: 1 + label % 3 for label in np.unique(exact(name)).tolist()}
    parameters = {"Cs": 2, "cv": 3, "class_weight": weights}
    clf = TorchLogisticClassifierCV(**parameters).fit(X, NULLABLE[name])
    expected = TorchLogisticClassifierCV(**parameters).fit(X, exact(name))
    np.testing.assert_array_equal(clf.coef_, expected.coef_)
    np.testing.assert_array_equal(clf.scores_, expected.scores_)
    assert clf.score(X, NULLABLE[name]) == expected.score(X, exact(name)) < 1


def test_a_column_of_nullable_labels_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        clf = TorchLogisticClassifier().fit(X, NULLABLE["Int64"].to_frame())
    assert clf.classes_.tolist() == np.unique(IDS).tolist()


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "boolean"])
def test_a_missing_nullable_label_is_an_error(dtype):
    labels = pd.Series([None, *(Y[1:] > 0)], dtype=dtype)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        TorchLogisticClassifier().fit(X, labels)


def test_signed_and_unsigned_labels_are_compared_exactly():
    adam = TorchLogisticClassifier(solver="adam", max_iter=1, random_state=0)
    clf = adam.fit(X, IDS, X_val=X, y_val=IDS.astype(np.uint64))
    expected = clone(adam).fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_array_equal(clf.validation_scores_, expected.validation_scores_)


DATES = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[ns]")
DATE = "2020-01-0{}T00:00:00.000000000"


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (np.array(["setosa", "versicolor", "virginica", "odd"]), "'odd'"),
        (np.array([10.5, 20.5, 30.5, 40.5]).astype(object).astype(str), "'40.5'"),
        (np.append(DATES, DATES[2:] + 1), "'2020-01-03T00:00:00.000000001'"),
    ],
    ids=["text", "text of numbers", "dates"],
)
def test_a_class_too_small_to_be_split_is_named(labels, shown):
    clf = TorchLogisticClassifier(early_stopping=True)
    with pytest.raises(ValueError, match=r"early_stopping=True.*single sample: \[") as refused:
        clf.fit(np.vstack([X, X[:1]]), labels[np.append(Y, 3)])
    assert shown in str(refused.value)


def test_dates_are_named_as_dates():
    clf = TorchLogisticClassifier(warm_start=True).fit(X, DATES[Y])
    one, two = [DATE.format(1)], [DATE.format(1), DATE.format(2)]
    for arguments, message in [
        ((X[Y == 0], DATES[Y[Y == 0]]), f"only one class: {one[0]!r}"),
        ((X[Y < 2], DATES[Y[Y < 2]]), f"y has {two}"),
    ]:
        with pytest.raises(ValueError) as refused:  # noqa: PT011, compared whole below
            clf.fit(*arguments)
        assert message in str(refused.value)
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        clf.fit(X[Y < 2], DATES[Y[Y < 2]], X_val=X, y_val=DATES[Y])
    assert f"not among the classes {two}: {[DATE.format(3)]}" in str(refused.value)


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int8", "int64", "uint64", "float16", "bool", ">f4", "longdouble"]
)
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_any_real_dtype_goes_in(dtype, solver):
    data = (X * 2).astype(dtype)
    clf = TorchLogisticClassifier(solver=solver, max_iter=500 if solver == "lbfgs" else 3)
    is_wide = dtype in ("longdouble", "int64", "uint64")
    expected = np.float64 if is_wide else np.float32
    assert clf.fit(data, Y).coef_.dtype == expected
    assert clf.predict_proba(data).dtype == expected


@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a[::-1, ::-1][::-1, ::-1],
        lambda a: np.flip(np.flip(a, 0).copy(), 0),
    ],
    ids=["fortran", "strided", "views", "negative strides"],
)
def test_memory_order_does_not_matter(arrange):
    expected = TorchLogisticClassifier().fit(X, Y).coef_
    np.testing.assert_allclose(
        TorchLogisticClassifier().fit(arrange(X), Y).coef_, expected, atol=1e-6
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_read_only_input_goes_in_and_no_input_is_written_to(solver):
    data, labels, weights = X.copy(), Y.copy(), WEIGHTS.copy()
    for array in (data, labels, weights):
        array.flags.writeable = False
    clf = TorchLogisticClassifier(solver=solver, max_iter=50 if solver == "lbfgs" else 2)
    clf.fit(data, labels, sample_weight=weights).predict(data)
    np.testing.assert_array_equal(data, X)


def test_scaler_keeps_its_state_when_a_fit_fails():
    scaler = GlobalStandardScaler().fit(X)
    before = state_of(scaler)
    for bad in (replaced(np.inf), X[:0], X[:, 0], X + 1j):
        with pytest.raises(ValueError):  # noqa: PT011, each has its own message
            scaler.fit(bad)
        assert_same_state(scaler, before)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e25, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_of_any_finite_scale_give_finite_coefficients_or_one_error(dtype, scale, solver):
    clf = TorchLogisticClassifier(solver=solver, max_iter=5).fit(X, Y)
    before = state_of(clf)
    try:
        clf.fit((X * scale).astype(dtype), Y)
    except ValueError as error:
        assert "Scale the features" in str(error)  # noqa: PT017, one of two ways to end well
        assert_same_state(clf, before)
    assert np.isfinite(clf.coef_).all()


def test_weights_that_overflow_are_an_error_that_keeps_the_fit_before():
    parameters = {"solver": "sgd", "learning_rate_init": 1e300}
    assert_refused(parameters, ValueError, "infinite or NaN weights. Scale the features")


@pytest.mark.parametrize(
    "estimator", [TorchLogisticClassifier(), TorchLogisticClassifierCV(), GlobalStandardScaler()]
)
def test_the_defaults_are_valid(estimator):
    name = type(estimator).__name__
    validate_parameter_constraints(estimator._parameter_constraints, estimator.get_params(), name)


def test_of_several_parameters_that_are_not_valid_the_first_by_name_is_told():
    with pytest.raises(
        InvalidParameterError, match="The 'C' parameter of TorchLogisticClassifier"
    ):
        TorchLogisticClassifier(tol=-1, C=-1).fit(X, Y)


def test_a_subclass_has_its_own_parameters():
    class Ridge(TorchLogisticClassifier):
        _parameter_constraints: ClassVar = {"alpha": [Interval(Real, 0, None, closed="neither")]}

        def __init__(self, alpha=1.0):
            super().__init__(C=1 / alpha if alpha else 1.0)
            self.alpha = alpha

    assert Ridge(alpha=2.0).fit(X, Y).get_params() == {"alpha": 2.0}
    with pytest.raises(InvalidParameterError, match="The 'alpha' parameter of Ridge"):
        Ridge(alpha=0).fit(X, Y)


def outcome_of(check, estimator, X, y, reset):
    """Return the error or the checked input, warnings, and what is set of the features."""
    estimator = copy(estimator)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = check(estimator, X, y, reset)
        except (TypeError, ValueError) as error:
            return type(error), str(error)
    features = {
        name: vars(estimator).get(name) for name in ("n_features_in_", "feature_names_in_")
    }
    return result, [str(warning.message) for warning in caught], features


def by_scikit_learn(estimator, X, y, reset):
    options = {"reset": reset, "accept_sparse": ("csr", "csc"), "dtype": READABLE_DTYPES}
    if y is None:
        return validate_data(estimator, X, **options)
    X, y = validate_data(estimator, X, y, **options)
    check_classification_targets(y)
    return X, y


def by_us(estimator, X, y, reset):
    if y is None:
        return check_X(estimator, X, reset=reset)
    return check_X_y(estimator, X, y, reset=reset)


with warnings.catch_warnings():
    # Whether NumPy's warning of it is an error depends on what else is collected.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    MATRIX = np.asmatrix(X)
ARRAYS = {
    "float64": X,
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "other byte order": X.astype(X.dtype.newbyteorder()),
    "integers": X.astype(np.uint8),
    "bools": X > 2,
    "objects": X.astype(object),
    "by column": np.asfortranarray(X),
    "some columns": np.column_stack([X, X])[:, :4],
    "backwards": X[::-1, ::-1],
    "matrix": MATRIX,
    "masked": np.ma.masked_array(X, X > 5),
    "fewer features": X[:, :3],
    "no row": X[:0],
    "one axis": X[0],
    "nan": replaced(np.nan),
    "infinity": replaced(np.inf),
    "finite, with an infinite sum": replaced(1e308) + 1e307,
}
LABELS = {
    "integers": Y,
    "bools": Y > 0,
    "small integers": Y.astype(np.int8) - 1,
    "wide": np.where(Y > 0, np.uint64(np.iinfo(np.uint64).max), np.uint64(0)),
    "all different": np.arange(len(Y)),
    "half of them different": np.arange(len(Y)) // 2,
    "more than half of them different": np.arange(len(Y)) * 76 // len(Y),
    "floats": Y.astype(float),
    "continuous": Y + 0.5,
    "text": Y.astype(str),
    "bytes": Y.astype(str).astype(bytes),
    "column": Y[:, None],
    "too few": Y[:-1],
    "every second": np.repeat(Y, 2)[::2],
    "list": Y.tolist(),
}


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_is_checked_as_scikit_learn_checks_it(kind, names, reset):
    training = pd.DataFrame(X, columns=list("abcd")) if names else X
    clf = TorchLogisticClassifier().fit(training, Y)
    ours, theirs = (
        outcome_of(check, clf, ARRAYS[kind], None, reset) for check in (by_us, by_scikit_learn)
    )
    assert_same_outcome(ours, theirs)


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_checked_as_scikit_learn_checks_them(kind):
    clf = TorchLogisticClassifier()
    ours, theirs = (
        outcome_of(check, clf, X, LABELS[kind], True) for check in (by_us, by_scikit_learn)
    )
    assert_same_outcome(ours, theirs)


def assert_same_outcome(ours, theirs):
    np.testing.assert_equal(ours, theirs)
    for our, their in zip(arrays_of(ours), arrays_of(theirs), strict=True):
        assert (type(our), our.dtype, our.strides) == (type(their), their.dtype, their.strides)


def arrays_of(outcome):
    checked = outcome[0] if isinstance(outcome[0], tuple) else outcome[:1]
    return [part for part in checked if isinstance(part, np.ndarray)]
