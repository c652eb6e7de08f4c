"""The numbers behind the pictures, on answers that can be counted by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skorchless import TorchLogisticClassifier
from skorchless.comparison._measures import (
    coefficients_of,
    largest_confusion,
    reliability,
    wrong_alone,
)

X, Y = load_iris(return_X_y=True)
NAMES = [f"x{j}" for j in range(4)]


def test_reliability_is_the_share_of_right_answers_in_tenths_of_the_confidence():
    # 20 samples, two of each confidence; of the k-th pair one is right, of the last five both.
    confidence = np.repeat(np.linspace(0.5, 0.95, 10), 2)
    probabilities = np.column_stack([confidence, 1 - confidence])
    predictions = np.zeros(20, int)
    y = np.array([0, 1] * 5 + [0, 0] * 5)
    means, accuracies = reliability(y, predictions, probabilities)
    np.testing.assert_allclose(means, np.linspace(0.5, 0.95, 10))
    np.testing.assert_allclose(accuracies, [0.5] * 5 + [1.0] * 5)


def test_equal_confidences_share_a_bin():
    means, accuracies = reliability(
        np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]), np.full((4, 2), 0.5)
    )
    assert means.tolist() == accuracies.tolist() == [0.5]


def test_a_sample_is_wrong_alone_where_all_others_are_right():
    y = np.array([0, 0, 0, 0])
    predictions = {"a": np.array([1, 1, 0, 0]), "b": np.array([0, 1, 0, 2])}
    alone = wrong_alone(y, predictions)
    assert {name: indices.tolist() for name, indices in alone.items()} == {"a": [0], "b": [3]}


def test_the_largest_confusion_is_off_the_diagonal():
    assert largest_confusion(np.array([[9, 1], [4, 9]])) == (1, 0, 4)
    assert largest_confusion(np.diag([3, 3]))[2] == 0


@pytest.mark.parametrize("scaled", [False, True])
def test_coefficients_are_those_of_the_last_step(scaled):
    clf = TorchLogisticClassifier()
    model = (make_pipeline(StandardScaler(), clf) if scaled else clf).fit(X, Y)
    found = coefficients_of(model)
    np.testing.assert_array_equal(found.weights, clf.coef_)
    assert found.classifier is clf
    assert found.names == NAMES


def test_names_are_those_of_the_columns():
    frame = load_iris(as_frame=True).data
    names = frame.columns.tolist()
    logistic = LogisticRegression(max_iter=1000)
    assert coefficients_of(logistic.fit(frame, Y)).names == names
    assert coefficients_of(make_pipeline(StandardScaler(), logistic).fit(frame, Y)).names == names


def test_the_largest_coefficients_come_first():
    clf = LogisticRegression().fit(X[:100], Y[:100])
    clf.coef_ = csr_array([[0.5, -2.0, 0.0, 1.0]])
    weights, names = coefficients_of(clf).largest(3)
    assert names == ["x1", "x3", "x0"]
    np.testing.assert_array_equal(weights, [[-2.0, 1.0, 0.5]])


def test_a_forest_has_none():
    assert coefficients_of(RandomForestClassifier(2).fit(X, Y)) is None
