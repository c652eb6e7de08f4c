"""What predictions score: scikit-learn's metrics, on answers that can be counted by hand too."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from skorchless.comparison._scores import (
    COUNTS,
    baseline_of,
    label_table,
    predictions_of,
    probabilities_of,
    scores_of,
)
from skorchless.comparison._split import Split

X, Y = make_multilabel_classification(200, 5, n_classes=3, random_state=0)
SPLIT = Split(X[:150], Y[:150], X[150:], Y[150:], np.array(["a", "b", "c"]))
LOGISTIC = LogisticRegression()
MODELS = [
    OneVsRestClassifier(LOGISTIC),
    MultiOutputClassifier(LOGISTIC),
    ClassifierChain(LOGISTIC),
    RandomForestClassifier(10, random_state=0),
    MLPClassifier((), solver="lbfgs", max_iter=2000, random_state=0),
]


def split_of(y, y_test):
    """Return a split of labels alone."""
    y, y_test = np.array(y), np.array(y_test)
    classes = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
    return Split(np.zeros((len(y), 1)), y, np.zeros((len(y_test), 1)), y_test, classes)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_probabilities_of_ones_are_those_by_which_models_predict(model):
    model.fit(SPLIT.X, SPLIT.y)
    probabilities = probabilities_of(model, SPLIT.X_test, SPLIT.y)
    assert probabilities.shape == SPLIT.y_test.shape
    if not isinstance(model, ClassifierChain):  # whose later labels depend on the earlier ones
        np.testing.assert_array_equal(probabilities > 0.5, model.predict(SPLIT.X_test))


@pytest.mark.parametrize("value", [0, 1])
def test_a_label_of_one_value_in_training_has_that_value_for_certain(value):
    y = SPLIT.y.copy()
    y[:, 1] = value
    forest = RandomForestClassifier(5, random_state=0).fit(SPLIT.X, y)
    assert forest.predict_proba(SPLIT.X_test)[1].shape == (50, 1)
    assert set(probabilities_of(forest, SPLIT.X_test, y)[:, 1]) == {float(value)}


def test_a_model_without_probabilities_has_none():
    model = OneVsRestClassifier(LinearSVC()).fit(SPLIT.X, SPLIT.y)
    assert probabilities_of(model, SPLIT.X_test, SPLIT.y) is None
    assert np.isnan(scores_of(SPLIT, model.predict(SPLIT.X_test), None)["log_loss"])


def test_sparse_predictions_are_arrays():
    model = OneVsRestClassifier(LOGISTIC).fit(SPLIT.X, csr_array(SPLIT.y))
    found = predictions_of(model, SPLIT.X_test)
    np.testing.assert_array_equal(found, model.predict(SPLIT.X_test).toarray())


def test_scores_of_several_labels_count_by_hand():
    split = split_of([[0, 1], [1, 0]], [[1, 1], [1, 0], [0, 1], [0, 0]])
    predictions = np.array([[1, 1], [0, 0], [0, 1], [1, 0]])
    probabilities = np.array([[0.5, 0.9]] * 4)
    scores = scores_of(split, predictions, probabilities)
    assert list(scores) == ["subset_accuracy", "f1_micro", "f1_macro", "log_loss"]
    assert scores["subset_accuracy"] == 0.5  # the first and the third
    assert scores["f1_micro"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert scores["f1_macro"] == pytest.approx((0.5 + 1.0) / 2)
    losses = -np.log(0.5), -(np.log(0.9) + np.log(0.1)) / 2
    assert scores["log_loss"] == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_the_labels_of_the_table_score_as_each_by_itself(model):
    predictions = model.fit(SPLIT.X, SPLIT.y).predict(SPLIT.X_test)
    table = label_table(SPLIT, {"it": predictions, "zeros": np.zeros_like(predictions)})
    assert table.index.tolist() == [(y, name) for y in "abc" for name in ("it", "zeros")]
    for j, name in enumerate("abc"):
        true, predicted, row = SPLIT.y_test[:, j], predictions[:, j], table.loc[(name, "it")]
        assert row["share"] == true.mean()
        for score, column in ((precision_score, "precision"), (recall_score, "recall")):
            assert row[column] == score(true, predicted, zero_division=np.nan)
        assert row["f1"] == pytest.approx(f1_score(true, predicted))
        assert row[COUNTS].tolist() == [
            np.sum((true == a) & (predicted == b)) for a, b in ((0, 0), (0, 1), (1, 0), (1, 1))
        ]


@pytest.mark.filterwarnings("error")
def test_a_share_of_none_is_no_number_and_counts_nothing_in_the_mean():
    split = split_of([[0, 1, 0], [1, 0, 1]], [[0, 1, 1], [0, 0, 0]])
    predictions = np.array([[0, 1, 0], [0, 0, 0]])
    table = label_table(split, {"it": predictions}).droplevel("model")
    # Neither has the first label; nothing is given the third one.
    expected = pd.DataFrame(
        {"precision": [np.nan, 1, np.nan], "recall": [np.nan, 1, 0], "f1": [np.nan, 1, 0]}
    )
    np.testing.assert_array_equal(table[[*expected]], expected)
    assert scores_of(split, predictions, None)["f1_macro"] == pytest.approx(1 / 3)


def test_the_baseline_is_the_commonest_value_of_each_label():
    split = split_of([[0, 1]] * 2 + [[0, 0]] + [[1, 1]], [[0, 1], [1, 0], [0, 0]])
    name, predictions, shares = baseline_of(split)
    assert name == "commonest values"
    assert predictions.tolist() == [[0, 1]] * 3
    np.testing.assert_allclose(shares, [[0.25, 0.75]] * 3)


def test_one_label_a_sample_scores_as_ever():
    split = split_of(["a", "b", "b"], ["a", "b"])
    name, predictions, shares = baseline_of(split)
    assert (name, predictions.tolist()) == ("commonest class", ["b", "b"])
    scores = scores_of(split, predictions, shares)
    assert scores == {"accuracy": 0.5, "log_loss": log_loss(["a", "b"], [[1 / 3, 2 / 3]] * 2)}
    assert list(scores) == ["accuracy", "log_loss"]
