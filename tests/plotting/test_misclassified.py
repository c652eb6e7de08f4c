"""The pictures are the mistakes and nothing else, the most confident one first."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier

from skorchless import TorchLogisticClassifier
from skorchless.plotting import MisclassifiedDisplay

X, Y = load_digits(return_X_y=True)
IMAGES = np.arange(5 * 4.0).reshape(5, 4)
TRUE = np.array(["a", "b", "a", "b", "a"])
PREDICTED = np.array(["a", "a", "b", "b", "b"])
CONFIDENCE = np.array([0.9, 0.7, 0.9, 0.8, 0.7])


def test_mistakes_are_drawn_by_falling_confidence_and_equal_ones_in_order():
    display = MisclassifiedDisplay.from_predictions(IMAGES, TRUE, PREDICTED, CONFIDENCE)
    drawn = [ax.images[0].get_array() for ax in display.ax_]
    np.testing.assert_array_equal(drawn, IMAGES[[2, 1, 4]].reshape(3, 2, 2))
    assert [ax.get_title() for ax in display.ax_] == [
        "true a\npredicted b\n(0.900)",
        "true b\npredicted a\n(0.700)",
        "true a\npredicted b\n(0.700)",
    ]


def test_the_confidence_is_that_of_the_predicted_label_not_of_the_likeliest():
    samples, labels = X[Y < 2][:30], Y[Y < 2][:30]
    model = FixedThresholdClassifier(LogisticRegression(C=1e-5), threshold=0.05)
    predicted = model.fit(samples, labels).predict(samples)
    assert predicted.min() == 1  # because of the threshold, whatever is likeliest
    display = MisclassifiedDisplay.from_estimator(model, samples, labels, n_images=30)
    of_predicted = model.predict_proba(samples)[:, 1]
    np.testing.assert_array_equal(display.confidence, -np.sort(-of_predicted[labels == 0]))


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


@pytest.mark.parametrize("container", [torch.tensor, csr_array, pd.DataFrame, np.ndarray.tolist])
def test_samples_of_any_kind_and_an_oblong_shape(container):
    display = MisclassifiedDisplay.from_predictions(
        *(container(IMAGES), torch.tensor([0, 1, 0, 1, 0]), torch.tensor([0, 0, 1, 1, 1])),
        torch.tensor(CONFIDENCE),
        image_shape=(1, 4),
        n_images=1,
    )
    np.testing.assert_array_equal(display.images, IMAGES[2].reshape(1, 1, 4))


def test_without_a_mistake_it_says_so():
    display = MisclassifiedDisplay.from_predictions(IMAGES, TRUE, TRUE, CONFIDENCE)
    (ax,) = display.ax_
    assert [text.get_text() for text in ax.texts] == ["no mistakes"]
    assert not ax.images


def test_it_draws_within_a_subplot():
    figure, (_, ax) = plt.subplots(1, 2)
    display = MisclassifiedDisplay.from_predictions(IMAGES, TRUE, PREDICTED, CONFIDENCE, ax=ax)
    assert display.figure_ is figure
    assert len(figure.axes) == 2 + 3


def test_bad_input_is_an_error_that_opens_no_figure():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MisclassifiedDisplay.from_predictions(IMAGES, TRUE[:3], PREDICTED, CONFIDENCE)
    with pytest.raises(ValueError, match="n_images must be at least 1, got 0"):
        MisclassifiedDisplay.from_predictions(IMAGES, TRUE, PREDICTED, CONFIDENCE, n_images=0)
    with pytest.raises(ValueError, match="square number of values, got 3"):
        MisclassifiedDisplay.from_predictions(IMAGES[:, :3], TRUE, PREDICTED, CONFIDENCE)
    with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
        MisclassifiedDisplay.from_predictions(IMAGES, TRUE, PREDICTED, CONFIDENCE, rows=0)
    assert plt.get_fignums() == []
