"""Dask collections are fitted where they are, to what the same samples give in memory."""

import os
import pickle
import signal
from threading import Lock

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from recorder import Recorder
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from small_tables import standardized

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

dask = pytest.importorskip("dask", reason="needs the extra dask")
pytest.importorskip("dask.dataframe", reason="needs the extra dask")
pytest.importorskip("distributed", reason="needs the extra dask")

import dask.array as da  # noqa: E402
import dask.dataframe as dd  # noqa: E402
from dask.bag import from_sequence  # noqa: E402
from distributed import Client, LocalCluster  # noqa: E402

X, Y = standardized(load_iris)
WEIGHTS = np.random.RandomState(0).rand(len(Y))
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
UNEVEN = (40, 1, 0, 69, 40)
TIGHT = TorchLogisticClassifier(tol=1e-9, max_iter=1000)


def array(values, chunks=UNEVEN):
    """Return a Dask array of ``values``, chunked along its first axis alone."""
    return da.from_array(values, chunks=(chunks, *values.shape[1:]))


def of_unknown_size(collection):
    """Return a Dask array that does not know how many rows it has."""
    blocks = [
        da.from_delayed(block, (np.nan, *collection.shape[1:]), collection.dtype)
        for block in np.ravel(collection.to_delayed())
    ]
    return da.concatenate(blocks, allow_unknown_chunksizes=True)


def frame(values, n_partitions=3):
    return dd.from_pandas(values, npartitions=n_partitions, sort=False)


def assert_same_model(found, expected, atol=1e-6):
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=atol)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, atol=atol)
    np.testing.assert_array_equal(found.classes_, expected.classes_)
    assert found.coef_.dtype == expected.coef_.dtype


COLLECTIONS = {
    "one chunk": (array(X, (150,)), array(Y, (150,))),
    "partitions of different length, one empty": (array(X), array(Y)),
    "y in other chunks": (array(X), array(Y, (75, 75))),
    "unknown sizes": (of_unknown_size(array(X)), of_unknown_size(array(Y))),
    "frame and series": (frame(FRAME), frame(pd.Series(Y))),
    "frame and array": (frame(FRAME), frame(pd.Series(Y)).to_dask_array()),
    "sparse": (array(X).map_blocks(sparse.csr_matrix), array(Y)),
    "labels as a column": (array(X), array(Y[:, None])),
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_the_optimum_is_that_of_the_samples_in_memory(name):
    assert_same_model(clone(TIGHT).fit(*COLLECTIONS[name]), clone(TIGHT).fit(X, Y))


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 1: 0.0, 2: 1.0}])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_sample_and_class_weights_count(class_weight, l1_ratio):
    clf = clone(TIGHT).set_params(class_weight=class_weight, l1_ratio=l1_ratio)
    found = clone(clf).fit(array(X), array(Y), sample_weight=array(WEIGHTS))
    expected = clf.fit(X, Y, sample_weight=WEIGHTS)
    if isinstance(class_weight, dict):
        # A class without weight has no best intercept: it falls until nothing changes any more.
        np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-6)
        np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-5)
        between = [np.diff(clf.intercept_[[0, 2]]) for clf in (found, expected)]
        np.testing.assert_allclose(*between, atol=1e-5)
    else:
        assert_same_model(found, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]"])
@pytest.mark.parametrize("Estimator", [TorchLogisticClassifier, TorchLogisticClassifierCV])
def test_nullable_labels_are_exact(Estimator, dtype):
    ids = 2**60 + Y  # float64 has one value for all three
    labels = frame(pd.Series(ids, dtype=dtype))
    clf = Estimator().fit(frame(FRAME), labels)
    assert clf.classes_.tolist() == np.unique(ids).tolist()
    assert clf.score(frame(FRAME), labels) == Estimator().fit(FRAME, ids).score(FRAME, ids) < 1


def test_labels_may_be_names_and_small_types_stay():
    pixels, digits = load_digits(return_X_y=True)
    images = array(pixels.astype(np.uint8), (1000, 797))
    names = np.char.add("digit ", digits.astype(str))
    # At the default tol two fits of float32, whose sums come in any order, differ by 1e-3.
    clf = TorchLogisticClassifier(C=0.01, tol=1e-5)
    found = clone(clf).fit(images, array(names, (1000, 797)))
    assert_same_model(found, clone(clf).fit(pixels.astype(np.uint8), names), atol=1e-3)
    assert found.coef_.dtype == np.float32


def test_names_of_features_are_kept_and_checked():
    clf = TorchLogisticClassifier().fit(frame(FRAME), frame(pd.Series(Y)))
    assert clf.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame(FRAME.rename(columns={"a": "z"})))


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
@pytest.mark.parametrize("samples", [array(X), of_unknown_size(array(X)), array(X).astype("f4")])
def test_predictions_are_lazy_and_those_of_the_samples_in_memory(method, samples, monkeypatch):
    clf = TorchLogisticClassifier().fit(X, NAMES)
    expected = getattr(clf, method)(samples.compute())
    with monkeypatch.context() as context:
        context.setattr(TorchLogisticClassifier, "_logits", refuse_all_but_one_row(clf))
        found = getattr(clf, method)(samples)
    assert isinstance(found, da.Array)
    assert found.dtype == expected.dtype
    assert found.shape[1:] == expected.shape[1:]
    computed = found.compute()
    assert computed.dtype == expected.dtype
    if method == "predict":
        np.testing.assert_array_equal(computed, expected)
    else:
        np.testing.assert_allclose(computed, expected, rtol=1e-5)


def test_lazy_predictions_are_those_of_the_model_they_were_asked_of():
    clf = TorchLogisticClassifier().fit(X, Y)
    expected = clf.predict_proba(X)
    found = clf.predict_proba(array(X))
    clf.fit(-X, Y)
    np.testing.assert_allclose(found.compute(), expected)


def test_what_predicts_elsewhere_has_no_callback_and_no_state_of_a_fit():
    clf = TorchLogisticClassifier(solver="adam", max_iter=2, random_state=0)
    callback = Recorder()
    callback.lock = Lock()  # which no process can send to another
    clf.set_callbacks(callback).fit(X, Y).partial_fit(X, Y)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(clf)
    pickle.dumps(clf.predict(array(X)))


def refuse_all_but_one_row(clf, logits=TorchLogisticClassifier._logits):
    def one_row(self, X):
        assert len(X) == 1, "a partition was predicted before it was asked for"
        return logits(self, X)

    return one_row


def test_predictions_of_frames_of_two_classes_are_lazy_too():
    clf = TorchLogisticClassifier().fit(FRAME, Y == 2)
    found = clf.decision_function(frame(FRAME))
    assert isinstance(found, da.Array)
    np.testing.assert_allclose(found.compute(), clf.decision_function(FRAME))


def test_a_score_is_counted_by_partition():
    clf = TorchLogisticClassifier().fit(FRAME, NAMES)
    found = clf.score(frame(FRAME), frame(pd.Series(NAMES)), frame(pd.Series(WEIGHTS)))
    assert found == pytest.approx(clf.score(FRAME, NAMES, WEIGHTS), rel=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_validation_samples_may_be_on_either_side():
    clf = TorchLogisticClassifier(max_iter=5, tol=0.0, early_stopping=True, n_iter_no_change=9)
    given = [
        (array(X), array(Y), X, Y),
        (array(X), array(Y), array(X), array(Y)),
        (X, Y, array(X), array(Y)),
    ]
    expected = clf.fit(X, Y, X_val=X, y_val=Y).validation_scores_
    for *train, X_val, y_val in given:
        found = clone(clf).fit(*train, X_val=X_val, y_val=y_val)
        np.testing.assert_allclose(found.validation_scores_, expected)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", "roc_auc_ovr"])
@pytest.mark.parametrize("cv", [3, ShuffleSplit(2, random_state=0)])
def test_a_grid_chooses_the_same_penalty(cv, scoring):
    clf = TorchLogisticClassifierCV(
        Cs=[0.1, 10.0], l1_ratios=[0.0, 1.0], cv=cv, scoring=scoring, tol=1e-8, max_iter=1000
    )
    expected = clone(clf).fit(X, NAMES, sample_weight=WEIGHTS)
    found = clone(clf).fit(array(X), array(NAMES), sample_weight=array(WEIGHTS))
    assert (found.C_, found.l1_ratio_) == (expected.C_, expected.l1_ratio_)
    np.testing.assert_allclose(found.scores_, expected.scores_, rtol=1e-6)
    assert_same_model(found, expected, atol=1e-5)
    score = found.score(array(X), array(NAMES), array(WEIGHTS))
    assert score == pytest.approx(found.score(X, NAMES, WEIGHTS))


@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")  # of Dask's own
def test_partitions_of_parquet_files_stay_those_of_both(tmp_path):
    # Dask merges files of which few columns are read: here those of y, and not those of X.
    table = FRAME.assign(**{f"more {j}": X[:, 0] for j in range(20)}, label=NAMES)
    frame(table, 8).to_parquet(tmp_path)
    rows = dd.read_parquet(tmp_path)
    y = (rows["label"] == "setosa").astype(int)
    found = clone(TIGHT).fit(rows.drop(columns="label"), y)
    assert_same_model(found, clone(TIGHT).fit(table.drop(columns="label"), Y == 0))
    few = rows[["a"]].fillna(0)
    assert len(clone(TIGHT).fit(few, y).predict(few).compute()) == len(Y)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_minibatches_are_those_of_the_samples_in_memory(solver):
    clf = TorchLogisticClassifier(solver=solver, max_iter=2, random_state=0)
    assert_same_model(clone(clf).fit(array(X), array(Y)), clone(clf).fit(X, Y))
    stream = clf.partial_fit(array(X), array(Y), classes=[0, 1, 2])
    expected = clone(clf).partial_fit(X, Y, classes=[0, 1, 2])
    assert_same_model(stream, expected)


def test_partitions_may_be_of_several_types():
    blocks = [array(X[:70].astype(np.float32), (70,)), array(np.rint(X[70:]).astype(int), (80,))]
    mixed = np.r_[X[:70].astype(np.float32), np.rint(X[70:])]
    found = clone(TIGHT).fit(da.concatenate(blocks), array(Y, (70, 80)))
    assert_same_model(found, clone(TIGHT).fit(mixed, Y))


def test_columns_of_pandas_own_types_are_numbers():
    typed = FRAME.astype({"a": "Float64", "b": "float32"})
    found = clone(TIGHT).fit(frame(typed), frame(pd.Series(Y, dtype="Int64")))
    assert_same_model(found, clone(TIGHT).fit(typed, Y))
    assert found.predict(frame(typed)).compute().tolist() == found.predict(typed).tolist()


def test_many_classes_in_small_partitions_warn_of_nothing():
    y = np.arange(150) % 50
    clf = TorchLogisticClassifier(max_iter=100, tol=0.1)
    assert len(clf.fit(array(X, (30,) * 5), array(y, (30,) * 5)).classes_) == 50


LABELS = np.c_[Y == 1, Y == 2, X[:, 0] + X[:, 1] > 0].astype(int)
LABEL_FRAME = pd.DataFrame(LABELS, columns=list("pqr"))
OF_LABELS = {
    "arrays": (array(X), array(LABELS)),
    "y in other chunks": (array(X), array(LABELS, (75, 75))),
    "unknown sizes": (of_unknown_size(array(X)), of_unknown_size(array(LABELS))),
    "frames": (frame(FRAME), frame(LABEL_FRAME)),
    "bytes": (array(X), array(LABELS.astype(np.uint8))),
    "bools": (array(X), array(LABELS.astype(bool))),
}


@pytest.mark.parametrize("name", OF_LABELS)
def test_several_labels_are_those_of_the_samples_in_memory(name):
    given = OF_LABELS[name]
    found, expected = clone(TIGHT).fit(*given), clone(TIGHT).fit(X, LABELS)
    assert_same_model(found, expected)
    assert (found.multilabel_, found.sparse_labels_) == (True, False)
    assert found.score(*given) == pytest.approx(expected.score(X, LABELS))
    samples = FRAME if name == "frames" else X
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        lazy, of_memory = getattr(found, method)(given[0]), getattr(expected, method)(X)
        assert isinstance(lazy, da.Array)
        assert lazy.dtype == of_memory.dtype
        assert lazy.shape[1] == 3
        np.testing.assert_allclose(lazy.compute(), getattr(found, method)(samples), rtol=1e-9)


@pytest.mark.parametrize("working_memory", [1024, 1e-3], ids=["one group", "groups"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {1: 3.0}])
def test_weights_of_several_labels_count(class_weight, working_memory):
    clf = clone(TIGHT).set_params(class_weight=class_weight)
    expected = clone(clf).fit(X, LABELS, sample_weight=WEIGHTS)
    with config_context(working_memory=working_memory):
        found = clf.fit(array(X), array(LABELS), sample_weight=array(WEIGHTS))
    assert_same_model(found, expected, atol=1e-5)


@pytest.mark.parametrize("parameters", [{}, {"per_label": True}, {"scoring": "f1_micro"}], ids=str)
def test_a_grid_over_several_labels_is_that_of_the_samples_in_memory(parameters):
    clf = TorchLogisticClassifierCV(Cs=[0.1, 10.0], cv=3, tol=1e-8, max_iter=1000, **parameters)
    expected = clone(clf).fit(X, LABELS)
    found = clf.fit(array(X), array(LABELS))
    np.testing.assert_array_equal(found.C_, expected.C_)
    np.testing.assert_allclose(found.scores_, expected.scores_)
    assert_same_model(found, expected, atol=1e-4)
    assert found.score(array(X), array(LABELS)) == pytest.approx(expected.score(X, LABELS))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_minibatches_of_several_labels_are_those_of_the_samples_in_memory(solver):
    clf = TorchLogisticClassifier(solver=solver, max_iter=2, random_state=0)
    given = (array(X), array(LABELS))
    assert_same_model(clone(clf).fit(*given), clone(clf).fit(X, LABELS))
    stream = clone(clf).partial_fit(*given, classes=range(3)).partial_fit(*given)
    expected = clone(clf).partial_fit(X, LABELS, classes=range(3)).partial_fit(X, LABELS)
    assert_same_model(stream, expected)


def test_a_label_of_one_value_in_all_partitions_is_named():
    labels = np.c_[LABELS, np.zeros(len(Y), dtype=int)]
    with pytest.warns(UserWarning, match=r"3 \(all 0\)"):
        clf = TorchLogisticClassifier().fit(array(X), array(labels))
    assert (clf.predict(X)[:, 3] == 0).all()


BAD_LABELS = {
    "other values": (array(2 * LABELS), "values 0 and 1"),
    "more values": (array(LABELS + LABELS[::-1]), "Unknown label type: multiclass-multioutput"),
    "not a number": (array(np.where(LABELS, np.nan, 0.0)), "contains NaN"),
    "another length": (array(LABELS)[:-1], "inconsistent numbers of samples"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_of_several_are_one_error_and_the_fit_before_stays(name):
    labels, message = BAD_LABELS[name]
    clf = TorchLogisticClassifier().fit(X, LABELS)
    before = vars(clf).copy()
    with pytest.raises(ValueError, match=message):
        clf.fit(array(X), labels)
    assert vars(clf) == before


BAD = {
    "features in chunks": (
        (da.from_array(X, chunks=(50, 2)), array(Y)),
        (ValueError, "chunked along its features, 4 of them into 2 chunks"),
    ),
    "one dimension": ((array(Y), array(Y)), (ValueError, "Expected 2D array, got 1D")),
    "y in memory": ((array(X), Y), (TypeError, "y must be one too")),
    "another length": ((array(X), array(Y)[:-1]), (ValueError, "inconsistent numbers of samples")),
    "other partitions": (
        (frame(FRAME, 3), frame(pd.Series(Y), 2).to_dask_array()),
        (ValueError, "X has 3 partitions and y has 2"),
    ),
    "other divisions": (
        (dd.from_pandas(FRAME, 3), dd.from_pandas(pd.Series(Y), 3).partitions[[2, 1, 0]]),
        (ValueError, "X and y have different divisions"),
    ),
    "a series for X": (
        (frame(FRAME)["a"], frame(pd.Series(Y))),
        (ValueError, "got 1D array instead: a Dask Series. A single feature is a frame"),
    ),
    "other lengths of partitions": (
        (of_unknown_size(array(X, (100, 50))), of_unknown_size(array(Y, (90, 60)))),
        (ValueError, "has inconsistent numbers of rows: "),
    ),
    "no rows": ((array(X[:0], (0,)), array(Y[:0], (0,))), (ValueError, "0 sample(s)")),
    "NaN": ((array(np.where(X > 1, np.nan, X)), array(Y)), (ValueError, "Input X contains NaN")),
    "one class": ((array(X), array(Y * 0)), (ValueError, "contains only one class")),
    "numbers to predict": ((array(X), array(X[:, 0])), (ValueError, "Unknown label type")),
    "labels that are missing": (
        (frame(FRAME), frame(pd.Series(np.where(NAMES == "setosa", None, NAMES)))),
        (ValueError, "Input y contains NaN"),
    ),
    "a bag": (
        (from_sequence([1, 2]), array(Y)),
        (TypeError, "X is a Dask Bag; pass a Dask array or data frame"),
    ),
    "words": (
        (frame(FRAME.assign(a="word")), frame(pd.Series(Y))),
        (ValueError, "could not convert string to float"),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_error_and_the_fit_before_stays(name):
    samples, (error, message) = BAD[name]
    clf = TorchLogisticClassifier().fit(X, Y)
    before = dict(vars(clf))
    with pytest.raises(error) as raised:
        clf.fit(*samples)
    assert message in str(raised.value)
    assert vars(clf) == before


@pytest.mark.parametrize("weights", [-WEIGHTS, 0 * WEIGHTS])
def test_weights_must_be_weights(weights):
    with pytest.raises(ValueError, match=r"[Nn]egative|non-zero"):
        TorchLogisticClassifier().fit(array(X), array(Y), sample_weight=array(weights))


def test_weights_of_a_single_partition_may_be_zero():
    weights = np.r_[np.zeros(40), np.ones(110)]
    found = clone(TIGHT).fit(array(X), array(Y), sample_weight=array(weights))
    assert_same_model(found, clone(TIGHT).fit(X, Y, sample_weight=weights))


def test_random_samples_are_not_set_aside():
    with pytest.raises(ValueError, match="pass validation samples as X_val and y_val"):
        TorchLogisticClassifier(early_stopping=True).fit(array(X), array(Y))


def test_the_device_is_the_workers_cpu():
    with pytest.raises(ValueError, match="is not available|Dask X is computed on the CPU"):
        TorchLogisticClassifier(device="cuda").fit(array(X), array(Y))
    assert TorchLogisticClassifier().fit(array(X), array(Y)).device_ == "cpu"


def test_predictions_need_a_fit_and_its_features():
    with pytest.raises(NotFittedError):
        TorchLogisticClassifier().predict(array(X))
    with pytest.raises(ValueError, match="X has 3 features, but TorchLogisticClassifier is"):
        TorchLogisticClassifier().fit(X, Y).predict(array(X[:, :3]))


RAW = np.where(np.arange(600).reshape(150, 4) % 7 == 0, np.nan, 5.0 + X)


@pytest.mark.parametrize("samples", [array(RAW), frame(pd.DataFrame(RAW))], ids=["array", "frame"])
def test_a_scaler_measures_by_partition_and_transforms_lazily(samples):
    expected = GlobalStandardScaler().fit(RAW, sample_weight=WEIGHTS)
    weights = array(WEIGHTS) if isinstance(samples, da.Array) else frame(pd.Series(WEIGHTS))
    found = GlobalStandardScaler().fit(samples, sample_weight=weights)
    assert (found.mean_, found.scale_) == pytest.approx((expected.mean_, expected.scale_))
    assert found.n_samples_seen_ == pytest.approx(WEIGHTS.sum(), rel=1e-12)
    scaled = found.transform(samples)
    assert isinstance(scaled, da.Array)
    np.testing.assert_allclose(scaled.compute(), expected.transform(RAW))
    np.testing.assert_allclose(found.inverse_transform(scaled).compute(), RAW)


def test_a_scaler_goes_on_from_partition_to_partition():
    scaler = GlobalStandardScaler().partial_fit(array(X[:100], (60, 40))).partial_fit(X[100:])
    assert scaler.mean_ == pytest.approx(GlobalStandardScaler().fit(X).mean_)
    assert scaler.n_samples_seen_ == 150


@pytest.mark.parametrize("options", [{}, {"copy": False}])
@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_a_scaler_never_writes_into_what_dask_holds(method, options):
    held = array(X.copy()).persist()
    scaler = GlobalStandardScaler(copy=False).fit(X)
    lazy = getattr(scaler, method)(held, **options)
    expected = getattr(scaler, method)(X.copy(), copy=True)
    for _ in range(2):
        np.testing.assert_allclose(lazy.compute(), expected)
    np.testing.assert_array_equal(held.compute(), X)


def test_a_scaler_gives_arrays_alone():
    scaler = GlobalStandardScaler().set_output(transform="pandas").fit(frame(FRAME))
    with pytest.raises(ValueError, match="is transformed to a Dask array"):
        scaler.transform(frame(FRAME))


def test_a_scaler_keeps_sparse_partitions_sparse():
    samples = array(X).map_blocks(sparse.csr_matrix)
    with pytest.raises(ValueError, match="Cannot center sparse matrices"):
        GlobalStandardScaler().fit(samples)
    scaled = GlobalStandardScaler(with_mean=False).fit(samples).transform(samples)
    assert sparse.issparse(scaled.partitions[0].compute())
    expected = GlobalStandardScaler(with_mean=False).fit_transform(X)
    np.testing.assert_allclose(scaled.compute().toarray(), expected)


def test_a_scaler_copies_partitions_that_dask_holds():
    raw = 3.0 * X + 1.0
    samples = array(raw.copy()).persist(scheduler="synchronous")
    scaled = GlobalStandardScaler(copy=False).fit(samples).transform(samples)
    expected = GlobalStandardScaler().fit_transform(raw)
    for _ in range(2):
        np.testing.assert_allclose(scaled.compute(), expected)
    np.testing.assert_array_equal(samples.compute(), raw)


def test_scaler_and_classifier_are_a_pipeline_on_a_cluster():
    model = make_pipeline(GlobalStandardScaler(), clone(TIGHT))
    found = clone(model).fit(array(X), array(Y))
    assert_same_model(found[-1], model.fit(X, Y)[-1])
    assert found.score(array(X), array(Y)) == model.score(X, Y)
    assert isinstance(found.predict(array(X)), da.Array)


@pytest.fixture(scope="module")
def cluster():
    """Start two worker processes."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


DIGITS, OF_DIGITS = standardized(load_digits)
N_DIGITS = (500, 500, 500, 297)


@pytest.mark.slow
@pytest.mark.dask
@pytest.mark.usefixtures("client")
def test_two_workers_give_the_coefficients_of_one_process():
    weights = np.random.RandomState(0).rand(len(OF_DIGITS))
    clf = TorchLogisticClassifier(tol=1e-8, max_iter=1000)
    samples = [array(values, N_DIGITS) for values in (DIGITS, OF_DIGITS, weights)]
    found = clone(clf).fit(*samples)
    assert_same_model(found, clone(clf).fit(DIGITS, OF_DIGITS, weights), atol=1e-5)
    score = found.score(*samples)
    assert score == pytest.approx(found.score(DIGITS, OF_DIGITS, weights), rel=1e-12)
    proba = found.predict_proba(samples[0])
    assert log_loss(OF_DIGITS, proba.compute()) == pytest.approx(
        log_loss(OF_DIGITS, found.predict_proba(DIGITS))
    )


@pytest.mark.slow
@pytest.mark.dask
@pytest.mark.usefixtures("client")
def test_two_workers_choose_the_penalty_of_one_process():
    # In memory by another method: coefficients agree as far as the gradient over the penalty.
    clf = TorchLogisticClassifierCV(Cs=3, cv=3, tol=1e-8, max_iter=1000)
    found = clone(clf).fit(array(DIGITS, N_DIGITS), array(OF_DIGITS, N_DIGITS))
    expected = clf.fit(DIGITS, OF_DIGITS)
    assert found.C_ == expected.C_
    assert_same_model(found, expected, atol=1e-4)


class Killer:
    """A callback that kills a worker of ``client``'s after the third iteration."""

    def __init__(self, client):
        self.client = client
        self.n_iterations = 0
        self.killed = None

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.n_iterations += 1
        if self.n_iterations == 3:
            pids = self.client.run(os.getpid)
            self.killed = min(pids.values())
            os.kill(self.killed, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.dask
def test_a_fit_goes_on_when_a_worker_is_killed(client):
    clf = TorchLogisticClassifier(tol=1e-10, max_iter=1000)
    killer = Killer(client)
    found = clone(clf).set_callbacks(killer)
    found.fit(array(DIGITS, N_DIGITS), array(OF_DIGITS, N_DIGITS))
    assert killer.n_iterations > 10
    client.wait_for_workers(2)
    assert killer.killed not in client.run(os.getpid).values()
    assert_same_model(found, clf.fit(DIGITS, OF_DIGITS), atol=1e-5)


@pytest.mark.slow
@pytest.mark.dask
@pytest.mark.usefixtures("client")
def test_an_error_of_a_task_reaches_the_caller_as_it_was_raised():
    def unreadable(block):
        raise OSError("part-0003.parquet is not there")

    samples = array(X).map_blocks(unreadable, meta=np.empty((0, 4)))
    clf = TorchLogisticClassifier().fit(X, Y)
    before = clf.coef_
    with pytest.raises(OSError, match=r"^part-0003\.parquet is not there$"):
        clf.fit(samples, array(Y))
    assert clf.coef_ is before


@pytest.mark.slow
@pytest.mark.dask
@pytest.mark.usefixtures("client")
def test_a_grid_search_runs_on_joblibs_dask_backend():
    search = GridSearchCV(TorchLogisticClassifier(), {"C": [0.01, 1.0]}, cv=3)
    expected = clone(search).fit(X, Y)
    with parallel_config(backend="dask"):
        found = clone(search).fit(X, Y)
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    assert found.best_params_ == expected.best_params_
