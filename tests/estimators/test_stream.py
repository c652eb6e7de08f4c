"""A stream: whatever chunks come from, one `partial_fit` each."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import SGDClassifier

from skorchless import TorchLogisticClassifier

RNG = np.random.default_rng(0)
N_ROWS, CHUNK = 3000, 200
CLASSES = ["no", "perhaps", "yes"]
FEATURES = ["a", "b", "c", "d"]
WEIGHTS = RNG.normal(size=(len(FEATURES), len(CLASSES)))
X = RNG.normal(size=(N_ROWS, len(FEATURES)))
Y = np.array(CLASSES)[(X @ WEIGHTS + RNG.gumbel(size=(N_ROWS, len(CLASSES)))).argmax(1)]
STREAM = TorchLogisticClassifier(solver="adam", learning_rate_init=0.01, random_state=0)


def of_arrays(_folder):
    """Yield slices of arrays."""
    for start in range(0, N_ROWS, CHUNK):
        yield X[start : start + CHUNK], Y[start : start + CHUNK]


def of_parquet(folder):
    """Yield batches of a parquet file, as pyarrow reads them."""
    pq = pytest.importorskip("pyarrow.parquet")
    pd.DataFrame(X, columns=FEATURES).assign(label=Y).to_parquet(folder / "rows.parquet")
    with pq.ParquetFile(folder / "rows.parquet") as file:
        for batch in file.iter_batches(batch_size=CHUNK):
            yield batch.select(FEATURES).to_pandas(), batch["label"].to_pandas()


def of_tables(folder):
    """Yield pyarrow's tables as they are."""
    pa = pytest.importorskip("pyarrow")
    for samples, labels in of_parquet(folder):
        yield pa.Table.from_pandas(samples), pa.array(labels)


def of_csv(folder):
    """Yield the chunks of a CSV file, as pandas reads them."""
    path = folder / "rows.csv"
    pd.DataFrame(X, columns=FEATURES).assign(label=Y).to_csv(path, index=False)
    for frame in pd.read_csv(path, chunksize=CHUNK):
        yield frame[FEATURES], frame["label"]


def fit(chunks):
    clf = TorchLogisticClassifier(**STREAM.get_params())
    for samples, labels in chunks:
        clf.partial_fit(samples, labels, classes=CLASSES)
    return clf


@pytest.mark.parametrize("source", [of_parquet, of_tables, of_csv])
def test_a_stream_of_anything_is_a_stream_of_arrays(source, tmp_path):
    found = fit(source(tmp_path))
    np.testing.assert_allclose(found.coef_, fit(of_arrays(tmp_path)).coef_, rtol=1e-9)
    assert found.n_iter_ == N_ROWS // CHUNK


def test_a_model_of_a_stream_is_as_good_as_scikit_learns(tmp_path):
    theirs = SGDClassifier(loss="log_loss", random_state=0)
    for samples, labels in of_arrays(tmp_path):
        theirs.partial_fit(samples, labels, classes=CLASSES)
    assert fit(of_arrays(tmp_path)).score(X, Y) >= theirs.score(X, Y) - 0.01


def test_classes_are_all_that_were_named_whatever_a_chunk_shows():
    clf = fit([(X[:50], np.full(50, "yes")), (X[50:90], np.full(40, "no"))])
    assert clf.classes_.tolist() == CLASSES
    assert clf.predict_proba(X).shape == (N_ROWS, 3)
    assert set(clf.predict(X)) <= set(CLASSES)


def test_a_class_that_was_not_named_is_an_error_and_the_stream_goes_on(tmp_path):
    (first, labels), (second, more), *_ = of_arrays(tmp_path)
    clf, undisturbed = fit([(first, labels)]), fit([(first, labels), (second, more)])
    before = clf.coef_.copy()
    with pytest.raises(ValueError, match=r"y has labels that are not among .*: \['never'\]"):
        clf.partial_fit(second, np.where(more == "no", "never", more))
    np.testing.assert_array_equal(clf.coef_, before)
    clf.partial_fit(second, more)
    np.testing.assert_array_equal(clf.coef_, undisturbed.coef_)


def test_an_empty_chunk_is_an_error_and_the_stream_goes_on(tmp_path):
    (first, labels), (second, more), *_ = of_arrays(tmp_path)
    clf = fit([(first, labels)])
    with pytest.raises(ValueError, match="0 sample"):
        clf.partial_fit(first[:0], labels[:0])
    undisturbed = fit([(first, labels), (second, more)])
    np.testing.assert_array_equal(clf.partial_fit(second, more).coef_, undisturbed.coef_)


def test_an_empty_stream_fits_nothing():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        fit([]).predict(X)
