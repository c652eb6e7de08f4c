"""The pictures are the mistakes and nothing else, the most confident one first."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skorchless import TorchLogisticClassifier
from skorchless.plotting import MisclassifiedDisplay

X, Y = load_digits(return_X_y=True)
IMAGES = np.arange(5 * 4.0).reshape(5, 4)
TRUE = np.array(["a", "b", "a", "b", "a"])
PREDICTED = np.array(["a", "a", "b", "b", "b"])
PROBA = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])


def test_mistakes_are_drawn_by_falling_confidence_and_equal_ones_in_order():
    display = MisclassifiedDisplay.from_predictions(IMAGES, TRUE, PREDICTED, PROBA)
    drawn = [ax.images[0].get_array() for ax in display.ax_]
    np.testing.assert_array_equal(drawn, IMAGES[[2, 1, 4]].reshape(3, 2, 2))
    assert [ax.get_title() for ax in display.ax_] == [
        "true a\npredicted b\n(0.900)",
        "true b\npredicted a\n(0.700)",
        "true a\npredicted b\n(0.700)",
    ]


def test_the_probability_of_the_predicted_label_is_enough():
    display = MisclassifiedDisplay.from_predictions(
        IMAGES, TRUE, PREDICTED, [0.9, 0.6, 0.7, 0.8, 0.8]
    )
    np.testing.assert_array_equal(display.confidence, [0.8, 0.7, 0.6])


def test_from_estimator_predicts_by_itself():
    clf = TorchLogisticClassifier().fit(X[:1000], Y[:1000])
    test, labels = X[1000:], Y[1000:]
    display = MisclassifiedDisplay.from_estimator(clf, test, labels, n_images=5, rows=1)
    predicted, confidence = clf.predict(test), clf.predict_proba(test).max(axis=1)
    mistakes = np.flatnonzero(predicted != labels)
    chosen = mistakes[np.argsort(-confidence[mistakes])[:5]]
    np.testing.assert_array_equal(display.images, test[chosen].reshape(5, 8, 8))
    np.testing.assert_array_equal(display.y_true, labels[chosen])
    np.testing.assert_array_equal(display.y_pred, predicted[chosen])
    assert display.ax_[0].get_gridspec().get_geometry() == (1, 5)


def test_tensors_and_an_oblong_shape():
    display = MisclassifiedDisplay.from_predictions(
        *(torch.tensor(IMAGES), torch.tensor([0, 1, 0, 1, 0]), torch.tensor([0, 0, 1, 1, 1])),
        torch.tensor(PROBA),
        image_shape=(1, 4),
        n_images=1,
    )
    np.testing.assert_array_equal(display.images, IMAGES[2].reshape(1, 1, 4))


def test_without_a_mistake_it_says_so():
    display = MisclassifiedDisplay.from_predictions(IMAGES, TRUE, TRUE, PROBA)
    (ax,) = display.ax_
    assert [text.get_text() for text in ax.texts] == ["no mistakes"]
    assert not ax.images


def test_it_draws_within_a_subplot():
    figure, (_, ax) = plt.subplots(1, 2)
    display = MisclassifiedDisplay.from_predictions(IMAGES, TRUE, PREDICTED, PROBA, ax=ax)
    assert display.figure_ is figure
    assert len(figure.axes) == 2 + 3


def test_bad_input_is_an_error_that_opens_no_figure():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MisclassifiedDisplay.from_predictions(IMAGES, TRUE[:3], PREDICTED, PROBA)
    with pytest.raises(ValueError, match="n_images must be at least 1, got 0"):
        MisclassifiedDisplay.from_predictions(IMAGES, TRUE, PREDICTED, PROBA, n_images=0)
    with pytest.raises(ValueError, match="square number of values, got 3"):
        MisclassifiedDisplay.from_predictions(IMAGES[:, :3], TRUE, PREDICTED, PROBA)
    assert plt.get_fignums() == []
