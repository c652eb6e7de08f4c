"""The losses that are drawn are those that the fit has stored."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.plotting import LossCurveDisplay

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def clf():
    return TorchLogisticClassifier(solver="adam", max_iter=3).fit(X, Y, X_val=X, y_val=Y)


def labels_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_training_and_validation_are_drawn_against_the_iteration(clf):
    display = LossCurveDisplay.from_estimator(clf)
    np.testing.assert_array_equal(display.training_line_.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(display.training_line_.get_ydata(), clf.loss_curve_)
    np.testing.assert_array_equal(display.validation_line_.get_ydata(), clf.validation_loss_curve_)
    assert labels_of(display) == ["training", "validation"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("iteration", "loss")


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "in a pipeline"])
def test_without_validation_samples_there_is_one_line(wrapped):
    model = TorchLogisticClassifier()
    model = (make_pipeline(GlobalStandardScaler(), model) if wrapped else model).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model)
    assert display.validation_line_ is None
    assert labels_of(display) == ["training"]


def test_scikit_learns_own_can_be_drawn():
    theirs = MLPClassifier((), tol=1.0, n_iter_no_change=3, random_state=0).fit(X, Y)
    display = LossCurveDisplay.from_estimator(theirs)
    np.testing.assert_array_equal(display.training_line_.get_ydata(), theirs.loss_curve_)


def test_a_single_iteration_can_be_seen():
    display = LossCurveDisplay([0.5]).plot()
    assert display.training_line_.get_marker() == "."
    assert LossCurveDisplay(np.ones(100)).plot().training_line_.get_marker() == "None"


def test_it_draws_where_it_is_told_and_as_it_is_told(clf):
    figure, (_, ax) = plt.subplots(1, 2)
    display = LossCurveDisplay.from_estimator(
        clf, ax=ax, training_kw={"color": "red"}, validation_kw={"lw": 3, "label": "held out"}
    )
    assert (display.ax_, display.figure_) == (ax, figure)
    assert display.training_line_.get_color() == "red"
    assert display.validation_line_.get_linewidth() == 3
    assert labels_of(display) == ["training", "held out"]


def test_a_logarithmic_axes_stays_one():
    _, ax = plt.subplots()
    ax.set_xscale("log")
    assert LossCurveDisplay([3.0, 2.0, 1.0]).plot(ax=ax).ax_.get_xscale() == "log"


def test_what_has_no_losses_is_said():
    with pytest.raises(NotFittedError, match="TorchLogisticClassifier has no loss_curve_"):
        LossCurveDisplay.from_estimator(TorchLogisticClassifier())
    with pytest.raises(ValueError, match="LogisticRegression has no loss_curve_") as error:
        LossCurveDisplay.from_estimator(LogisticRegression().fit(X / 10, Y))
    assert not isinstance(error.value, NotFittedError)
    assert plt.get_fignums() == []
