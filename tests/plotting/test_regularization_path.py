"""What is drawn is what the estimator has: lines of folds, their mean, and the chosen C."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from skorchless import TorchLogisticClassifierCV
from skorchless.plotting import RegularizationPathDisplay

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def clf():
    return TorchLogisticClassifierCV(Cs=[10.0, 0.1, 1.0], cv=3, scoring="neg_log_loss").fit(X, Y)


def fitted_by_scikit_learn(*, use_legacy_attributes):
    model = LogisticRegressionCV(
        Cs=3,
        cv=3,
        l1_ratios=(0.0,),
        scoring="accuracy",
        max_iter=5000,
        use_legacy_attributes=use_legacy_attributes,
    )
    return model.fit(X, Y)


def test_it_draws_a_line_for_each_fold_and_their_mean(clf):
    display = RegularizationPathDisplay.from_estimator(clf)
    ascending = [1, 2, 0]
    assert len(display.fold_lines_) == 3
    for line, scores in zip(display.fold_lines_, clf.scores_[:, 0], strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [0.1, 1.0, 10.0])
        np.testing.assert_array_equal(line.get_ydata(), scores[ascending])
    np.testing.assert_array_equal(
        display.mean_line_.get_ydata(), clf.scores_.mean((0, 1))[ascending]
    )


def test_it_marks_the_chosen_C_and_names_the_axes(clf):
    display = RegularizationPathDisplay.from_estimator(clf)
    assert set(display.chosen_line_.get_xdata()) == {clf.C_}
    assert display.ax_.get_xscale() == "log"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("C", "negative log loss")
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["each fold", "mean", "C = 10"]


def test_it_draws_where_it_is_told_and_as_it_is_told(clf):
    figure, (_, ax) = plt.subplots(1, 2)
    display = RegularizationPathDisplay.from_estimator(
        clf, ax=ax, fold_kw={"color": "red"}, mean_kw={"marker": "s"}, chosen_kw={"lw": 3}
    )
    assert (display.ax_, display.figure_) == (ax, figure)
    assert display.fold_lines_[0].get_color() == "red"
    assert display.mean_line_.get_marker() == "s"
    assert display.chosen_line_.get_linewidth() == 3


def test_no_penalty_is_drawn_beyond_the_others():
    display = RegularizationPathDisplay(np.array([np.inf, 1.0]), np.array([[0.9, 0.8]]), np.inf)
    display.plot()
    np.testing.assert_array_equal(display.mean_line_.get_xdata(), [1.0, 10.0])
    assert set(display.chosen_line_.get_xdata()) == {10.0}
    assert [text.get_text() for text in display.ax_.texts] == ["no penalty"]


def test_scikit_learns_own_can_be_drawn():
    theirs = LogisticRegressionCV(
        Cs=3,
        cv=3,
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
        scoring="accuracy",
        max_iter=5000,
    ).fit(X, Y)
    display = RegularizationPathDisplay.from_estimator(theirs)
    np.testing.assert_array_equal(display.scores, theirs.scores_[:, 0])
    assert display.score_name == "accuracy"


def test_the_name_of_a_scorer():
    def how_good(estimator, X, y):
        return 1.0

    clf = TorchLogisticClassifierCV(Cs=2, cv=2, scoring=how_good).fit(X, Y)
    assert RegularizationPathDisplay.from_estimator(clf).ax_.get_ylabel() == "how good"
    clf = TorchLogisticClassifierCV(Cs=2, cv=2).fit(X, Y)
    assert RegularizationPathDisplay.from_estimator(clf).ax_.get_ylabel() == "accuracy"


def test_what_can_not_be_drawn_is_said(clf):
    with pytest.raises(NotFittedError, match="TorchLogisticClassifierCV has no scores_"):
        RegularizationPathDisplay.from_estimator(TorchLogisticClassifierCV())
    with pytest.raises(ValueError, match="LogisticRegression has no scores_") as error:
        RegularizationPathDisplay.from_estimator(LogisticRegression().fit(X / 10, Y))
    assert not isinstance(error.value, NotFittedError)
    with pytest.raises(ValueError, match=r"l1_ratio=0.5 is not among those of the fit: \[0.0\]"):
        RegularizationPathDisplay.from_estimator(clf, l1_ratio=0.5)
    legacy = fitted_by_scikit_learn(use_legacy_attributes=True)
    with pytest.raises(ValueError, match="use_legacy_attributes=True"):
        RegularizationPathDisplay.from_estimator(legacy)


def test_a_ratio_that_was_fitted_is_drawn(clf):
    display = RegularizationPathDisplay.from_estimator(clf, l1_ratio=0.0)
    np.testing.assert_array_equal(display.scores, clf.scores_[:, 0])
