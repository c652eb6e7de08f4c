"""The numbers behind the pictures, on answers that can be counted by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skorchless import TorchLogisticClassifier
from skorchless.comparison._measures import (
    Coefficients,
    accuracy_interval,
    by_label,
    coefficients_of,
    largest_confusion,
    reliability,
    wrong_alone,
)

X, Y = load_iris(return_X_y=True)
NAMES = [f"x{j}" for j in range(4)]


def test_reliability_is_the_share_of_right_answers_in_groups_by_confidence():
    # 200 samples, 20 of each confidence; of the first five groups every other one is right.
    confidence = np.repeat(np.linspace(0.5, 0.95, 10), 20)
    probabilities = np.column_stack([confidence, 1 - confidence])
    y = np.concatenate([np.tile([0, 1], 50), np.zeros(100, int)])
    means, accuracies = reliability(y, np.zeros(200, int), probabilities, np.array([0, 1]))
    np.testing.assert_allclose(means, np.linspace(0.5, 0.95, 10))
    np.testing.assert_allclose(accuracies, [0.5] * 5 + [1.0] * 5)


def test_confidence_is_that_of_the_predicted_label():
    probabilities = np.tile([0.9, 0.1], (4, 1))
    means, _ = reliability(np.zeros(4), np.ones(4), probabilities, np.array([0, 1]))
    np.testing.assert_allclose(means, [0.1])


@pytest.mark.parametrize(("n_samples", "n_bins"), [(4, 1), (60, 3), (1000, 10)])
def test_few_samples_have_few_groups(n_samples, n_bins):
    proba = np.linspace(0.5, 1.0 + 1e-7, n_samples)  # more than one by rounding
    y = np.zeros(n_samples)
    means, _ = reliability(y, y, np.column_stack([proba, 1 - proba]), np.array([0, 1]))
    assert len(means) == n_bins


def test_equal_confidences_share_a_group():
    y = np.tile([0, 0, 1, 1], 50)
    found = reliability(y, np.zeros(200, int), np.full((200, 2), 0.5), np.array([0, 1]))
    assert [values.tolist() for values in found] == [[0.5], [0.5]]


def test_the_interval_of_an_accuracy_is_wilsons():
    # Of Newcombe (1998), table I: 81 of 263, and 0 of 20.
    np.testing.assert_allclose(accuracy_interval(81 / 263, 263), [0.2553, 0.3662], atol=5e-5)
    np.testing.assert_allclose(accuracy_interval(0.0, 20), [0.0, 0.1611], atol=5e-5)


def test_a_sample_is_wrong_alone_where_all_others_are_right():
    y = np.array([0, 0, 0, 0])
    predictions = {"a": np.array([1, 1, 0, 0]), "b": np.array([0, 1, 0, 2])}
    alone = wrong_alone(y, predictions)
    assert {name: indices.tolist() for name, indices in alone.items()} == {"a": [0], "b": [3]}


def test_of_several_labels_one_that_is_wrong_is_enough():
    y = np.zeros((3, 2), int)
    predictions = {
        "a": np.array([[0, 1], [1, 1], [0, 0]]),
        "b": np.array([[0, 0], [0, 1], [1, 0]]),
    }
    alone = wrong_alone(y, predictions)
    assert {name: indices.tolist() for name, indices in alone.items()} == {"a": [0], "b": [2]}


def test_each_label_of_a_sample_is_an_answer_with_a_probability():
    y, predictions = np.array([[0, 1]] * 10), np.array([[0, 0]] * 10)
    means, accuracies = reliability(*by_label(y, predictions, np.array([[0.25, 0.25]] * 10)))
    assert (means.tolist(), accuracies.tolist()) == ([0.75], [0.5])


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


@pytest.mark.parametrize("model", [RandomForestClassifier(2), SVC(kernel="linear")])
def test_a_forest_and_pairs_of_classes_have_none(model):
    assert coefficients_of(model.fit(X, Y)) is None


def test_two_labels_have_a_row_each_where_two_classes_have_one():
    clf = RidgeClassifier().fit(X, np.column_stack([Y == 0, Y == 1]).astype(int))
    clf.multilabel_ = True  # what this package's classifiers say of themselves
    np.testing.assert_array_equal(coefficients_of(clf).weights, clf.coef_)
    assert coefficients_of(RidgeClassifier().fit(X, Y == 0)).weights.shape == (1, 4)


def test_features_without_names_are_numbered():
    unnamed = FunctionTransformer(np.log1p)
    model = make_pipeline(unnamed, StandardScaler(), LogisticRegression(max_iter=1000))
    assert coefficients_of(model.fit(X, Y)).names == NAMES


def test_categories_of_a_column_stand_together_at_the_place_of_the_largest():
    names = ["age", "city = Bern", "size", "city = Chur", "city = Zug"]
    coefficients = Coefficients(None, np.array([[2.0, -3.0, 1.0, 0.5, 0.1]]), names)
    weights, found = coefficients.largest(4)
    assert found == ["city = Bern", "city = Chur", "age", "size"]
    assert weights.tolist() == [[-3.0, 0.5, 2.0, 1.0]]
