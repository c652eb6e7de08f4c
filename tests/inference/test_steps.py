"""Steps of a pipeline: which ones do not look at y, and how often they are fitted."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.estimators._data.samples import Samples
from skorchless.inference._steps import IGNORE_Y, by_training_set, ignores_y, with_last_step
from skorchless.inference._tasks import Task


class OfUser(StandardScaler):
    """A scaler that may do what it likes with y."""


def columns(transformer, remainder="drop"):
    """Return a transformer of the first column, and of the ``remainder``."""
    return ColumnTransformer([("first", transformer, [0])], remainder=remainder)


@pytest.mark.parametrize("transformer_class", IGNORE_Y)
def test_steps_that_ignore_y_do_not_require_it(transformer_class):
    assert not transformer_class().__sklearn_tags__().target_tags.required


def subtract_mean(X):
    return X - X.mean(0)


@pytest.mark.parametrize(
    ("transformer", "expected"),
    [
        *[(StandardScaler(), True), (GlobalStandardScaler(), True), ("passthrough", True)],
        *[(SelectKBest(), False), (LinearDiscriminantAnalysis(), False), (OfUser(), False)],
        *[(TargetEncoder(), False), (make_pipeline(PCA(), SelectKBest()), False)],
        *[(make_pipeline(PCA(), StandardScaler()), True), (make_union(PCA()), True)],
        *[(make_union(PCA(), SelectKBest()), False), (columns(PCA()), True)],
        *[(columns(SelectKBest()), False), (columns("drop", SelectKBest()), False)],
        *[(FunctionTransformer(np.log1p), True), (FunctionTransformer(), True)],
        # It may mix the samples of a training set with those of its test set.
        (FunctionTransformer(subtract_mean), False),
    ],
    ids=lambda value: str(value).split(" at 0x")[0],
)
def test_what_looks_at_y_is_told_apart(transformer, expected):
    assert ignores_y(transformer) == expected


def test_the_last_step_is_replaced_in_a_copy():
    pipeline, other = make_pipeline(StandardScaler(), TorchLogisticClassifier()), object()
    changed = with_last_step(pipeline, other)
    assert changed[0] is pipeline[0]
    assert changed[1] is other
    assert pipeline[1] is not other
    assert with_last_step(pipeline[1], other) is other


def test_tasks_of_the_same_training_samples_share_the_steps():
    X = np.random.RandomState(0).randn(6, 2)
    samples = Samples(X, np.arange(6) % 2, np.ones(6), np.arange(2))
    trains = [np.arange(3), np.arange(3, 6), np.arange(3)]
    tasks = [
        Task(i, 0, samples.labels, train, train, np.ones(2)) for i, train in enumerate(trains)
    ]
    pipeline = make_pipeline(StandardScaler(), TorchLogisticClassifier())
    groups = list(by_training_set(pipeline, samples, tasks))
    assert [[task.permutation for task in of_set] for of_set, _, _ in groups] == [[0, 2], [1]]
    for of_set, fitted, of_steps in groups:
        assert_allclose(fitted[0].mean_, X[of_set[0].train].mean(0))
        assert_array_equal(of_steps, fitted[0].transform(X))
    assert not hasattr(pipeline[0], "mean_")
