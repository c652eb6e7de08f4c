"""Nothing that a caller hands over is written to: X, labels and weights, whatever holds them."""

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Y = np.arange(24) % 2
WEIGHTS = np.arange(24) % 5 / 2  # some of them 0: such rows are left out


def counts(n_features):
    """Return 24 samples of small whole numbers, about a dozen of them above 0."""
    rng = np.random.default_rng(0)
    X = rng.poisson(12 / n_features, size=(24, n_features)).astype(float)
    X[:, 0] += 2 * Y
    return X


def shuffled(X):
    """Return a sparse matrix whose indices are out of order within each row (CSC: column)."""
    major = np.repeat(np.arange(len(X.indptr) - 1), np.diff(X.indptr))
    order = np.lexsort((np.random.default_rng(1).random(len(major)), major))
    return type(X)((X.data[order], X.indices[order], X.indptr), shape=X.shape)


def stored_twice(X):
    """Return a sparse matrix that stores each entry as two halves."""
    halves, indices = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2)
    return shuffled(type(X)((halves, indices, 2 * X.indptr), shape=X.shape))


def with_wide_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def locked(X):
    """Return an array or a sparse matrix that cannot be written to."""
    for part in parts_of(X):
        part.flags.writeable = False
    return X


def mapped(X, folder):
    """Return an array or a sparse matrix as joblib gives large ones to its workers."""
    joblib.dump(X, folder / "X.joblib")
    return joblib.load(folder / "X.joblib", mmap_mode="r")


def polars_frame(X):
    return pytest.importorskip("polars").DataFrame(X)


def dask_array(X):
    pytest.importorskip("dask", reason="needs the extra dask")
    import dask.array as da

    return da.from_array(X, chunks=(15, *X.shape[1:])).persist(scheduler="synchronous")


def dask_array_of_csr(X):
    blocks = dask_array(X).map_blocks(lambda rows: stored_twice(sparse.csr_matrix(rows)))
    return blocks.persist(scheduler="synchronous")


DENSE = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "uint8": lambda X: X.astype(np.uint8),
    "tensor": torch.tensor,
    "strided tensor": lambda X: torch.tensor(X.T).T,
    "pandas": pd.DataFrame,
    "polars": polars_frame,
    "dask": dask_array,
    "read-only": lambda X: locked(X.copy()),
}
SPARSE = {
    "CSR": sparse.csr_matrix,
    "CSC": sparse.csc_array,
    "CSR, unsorted": lambda X: shuffled(sparse.csr_matrix(X)),
    "CSC, unsorted": lambda X: shuffled(sparse.csc_matrix(X)),
    "CSR, stored twice": lambda X: stored_twice(sparse.csr_array(X)),
    "CSC, stored twice": lambda X: stored_twice(sparse.csc_array(X)),
    "CSR, 64-bit indices": lambda X: with_wide_indices(stored_twice(sparse.csr_array(X))),
    "CSR of small integers": lambda X: shuffled(sparse.csr_array(X.astype(np.uint8))),
    "CSR, read-only": lambda X: locked(stored_twice(sparse.csr_matrix(X))),
    "CSC, read-only": lambda X: locked(with_wide_indices(shuffled(sparse.csc_matrix(X)))),
    "dask of CSR": dask_array_of_csr,
}
CLASSIFIERS = {
    "lbfgs": TorchLogisticClassifier(tol=0.01),
    "L1": TorchLogisticClassifier(l1_ratio=1.0, tol=0.01),
    "adam": TorchLogisticClassifier(solver="adam", max_iter=2, l1_ratio=0.5),
    "early stopping": TorchLogisticClassifier(solver="sgd", max_iter=2, early_stopping=True),
    "grid": TorchLogisticClassifierCV(Cs=2, cv=2, l1_ratios=[0.0, 1.0], tol=0.01),
}
# Hessians; their products with a sparse X, for an L1 penalty; working sets, and variances alone.
FEW, SOME, MANY = 6, 400, 1600


def parts_of(X):
    """Return the arrays that hold what is in ``X``, and those that they are views of."""
    if sparse.issparse(X):
        return [X.data, X.indices, X.indptr]
    if isinstance(X, np.ndarray):
        return [X] if X.base is None or not isinstance(X.base, np.ndarray) else [X, X.base]
    if isinstance(X, torch.Tensor):
        return [X.numpy()]
    if hasattr(X, "dask"):
        return [part for block in X.to_delayed().ravel() for part in parts_of(block.compute())]
    return [X.to_numpy()]


def held(*inputs):
    """Return the bytes of inputs, and what a SciPy matrix has noted of its format."""
    inputs = [data for data in inputs if data is not None]
    noted = [sorted(vars(data)) for data in inputs if sparse.issparse(data)]
    return [part.tobytes() for data in inputs for part in parts_of(data)], noted


def use(clf, X, y, weights):
    """Call each public method of a classifier that takes samples."""
    clf.fit(X, y, sample_weight=weights)
    if isinstance(clf, TorchLogisticClassifier):
        clf.fit(X, y, X_val=X, y_val=y)
    if getattr(clf, "solver", None) == "adam":
        for _ in range(2):
            clf.partial_fit(X, y, classes=[0, 1], sample_weight=weights)
    for method in (clf.predict, clf.predict_proba, clf.predict_log_proba, clf.decision_function):
        np.asarray(method(X))
    clf.score(X, y, sample_weight=weights)


def columns_beside(X):
    """Return labels and weights that cannot be written to, where X is a Dask collection its."""
    y, weights = locked(Y.copy()), locked(WEIGHTS.copy())
    return (dask_array(y), dask_array(weights)) if hasattr(X, "dask") else (y, weights)


def assert_untouched_by_classifier(name, X):
    y, weights = columns_beside(X)
    before = held(X, y, weights)
    clf = clone(CLASSIFIERS[name])
    if hasattr(X, "dask"):
        if name == "early stopping":
            pytest.skip("a Dask collection is not split")
        import dask

        with dask.config.set(scheduler="synchronous"):
            use(clf, X, y, weights)
    else:
        use(clf, X, y, weights)
    assert held(X, y, weights) == before


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("container", DENSE)
def test_a_classifier_leaves_dense_samples_as_they_are(container, name):
    assert_untouched_by_classifier(name, DENSE[container](counts(FEW)))


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("container", SPARSE)
def test_a_classifier_leaves_sparse_samples_as_they_are(container, name):
    assert_untouched_by_classifier(name, SPARSE[container](counts(FEW)))


@pytest.mark.parametrize(
    ("name", "n_features"),
    [("lbfgs", MANY), ("L1", SOME), ("L1", MANY), ("grid", SOME), ("grid", MANY)],
)
@pytest.mark.parametrize("container", SPARSE)
def test_many_sparse_features_are_left_as_they_are(container, name, n_features):
    assert_untouched_by_classifier(name, SPARSE[container](counts(n_features)))


@pytest.mark.parametrize("name", ["lbfgs", "L1"])
def test_many_dense_features_are_left_as_they_are(name):
    assert_untouched_by_classifier(name, counts(MANY))


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("make", [np.asarray, *map(SPARSE.get, ("CSR, unsorted", "CSC"))])
def test_memory_maps_of_joblib_are_read(make, name, tmp_path):
    assert_untouched_by_classifier(name, mapped(make(counts(FEW)), tmp_path))


@pytest.mark.parametrize("container", [*DENSE, *SPARSE])
def test_a_scaler_leaves_samples_as_they_are(container):
    X = (DENSE | SPARSE)[container](counts(FEW))
    _, weights = columns_beside(X)
    before = held(X, weights)
    scaler = GlobalStandardScaler(with_mean=container in DENSE)
    scaler.fit(X, sample_weight=weights).partial_fit(X)
    for method in (scaler.transform, scaler.inverse_transform, scaler.fit_transform):
        scaled = method(X)
        getattr(scaled, "compute", lambda: None)()
    assert held(X, weights) == before


def test_a_matrix_that_shares_its_indices_with_another_leaves_the_other_right():
    # As a term-document matrix does with one of its weighted kin.
    texts = [" ".join(f"w{i * j % 30}" for j in range(1, 20)) for i in range(24)]
    words = CountVectorizer(dtype=np.float64).fit_transform(texts)
    expected = words.toarray()
    logs = sparse.csr_matrix((np.log1p(words.data), words.indices, words.indptr), words.shape)
    TorchLogisticClassifier(l1_ratio=1.0).fit(logs, Y)
    np.testing.assert_array_equal(words.toarray(), expected)
