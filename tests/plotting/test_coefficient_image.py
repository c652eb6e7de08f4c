"""Each class has a picture of its own weights, and one scale for all says how large they are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skorchless import GlobalStandardScaler, TorchLogisticClassifier
from skorchless.plotting import CoefficientImageDisplay

X, Y = load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def clf():
    return TorchLogisticClassifier(C=0.01).fit(X, Y)


def titles_of(display):
    return [ax.get_title() for ax in display.ax_]


def test_each_class_has_a_picture_of_its_coefficients(clf):
    display = CoefficientImageDisplay.from_estimator(clf)
    for image, row in zip(display.images_, clf.coef_, strict=True):
        np.testing.assert_array_equal(image.get_array(), row.reshape(8, 8))
    assert titles_of(display) == list("0123456789")
    assert [image.axes for image in display.images_] == list(display.ax_)


def test_all_pictures_have_one_scale_centred_at_zero(clf):
    display = CoefficientImageDisplay.from_estimator(clf)
    largest = np.abs(clf.coef_).max()
    assert {image.get_clim() for image in display.images_} == {(-largest, largest)}
    assert {image.get_cmap().name for image in display.images_} == {"RdBu_r"}
    assert display.colorbar_.vmax == pytest.approx(largest)


def test_two_classes_have_one_picture_that_says_for_whom():
    clf = TorchLogisticClassifier(C=0.01).fit(X, np.where(Y % 2, "odd", "even"))
    display = CoefficientImageDisplay.from_estimator(clf)
    assert titles_of(display) == ["odd (not even)"]
    np.testing.assert_array_equal(display.coefs, clf.coef_.reshape(1, 8, 8))


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier(C=0.01)),
        LogisticRegression(tol=1.0),
    ],
    ids=["a pipeline", "scikit-learn's own"],
)
def test_any_linear_classifier_can_be_drawn(model):
    model.fit(X, Y)
    coef = (model[-1] if hasattr(model, "steps") else model).coef_
    display = CoefficientImageDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.coefs, coef.reshape(10, 8, 8))


def test_sparse_coefficients_and_zeros_alone_can_be_drawn():
    clf = TorchLogisticClassifier(l1_ratio=1.0, C=1e-6).fit(X, Y).sparsify()
    display = CoefficientImageDisplay.from_estimator(clf)
    assert not display.coefs.any()
    assert display.images_[0].get_clim() == (-1, 1)


def test_features_that_are_no_square_need_a_shape(clf):
    narrow = TorchLogisticClassifier(C=0.01).fit(X[:, :60], Y)
    with pytest.raises(ValueError, match="square number of values, got 60"):
        CoefficientImageDisplay.from_estimator(narrow)
    with pytest.raises(ValueError, match=r"image_shape=\(6, 9\) does not hold the 60 values"):
        CoefficientImageDisplay.from_estimator(narrow, image_shape=(6, 9))
    display = CoefficientImageDisplay.from_estimator(narrow, image_shape=(6, 10))
    np.testing.assert_array_equal(display.coefs, narrow.coef_.reshape(10, 6, 10))


def test_it_draws_within_a_subplot_and_as_it_is_told(clf):
    figure, (left, right) = plt.subplots(1, 2)
    display = CoefficientImageDisplay.from_estimator(
        clf, ax=right, rows=5, image_kw={"cmap": "PuOr"}
    )
    assert display.figure_ is figure
    assert {ax.figure for ax in display.ax_} == {figure}
    assert min(ax.get_position().x0 for ax in display.ax_) >= left.get_position().x1
    assert display.ax_[0].get_gridspec().get_geometry() == (5, 2)
    assert display.images_[0].get_cmap().name == "PuOr"
    assert not right.axison


def test_an_axes_without_room_for_several_is_refused(clf):
    ax = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="ax must be one of a figure's subplots"):
        CoefficientImageDisplay.from_estimator(clf, ax=ax)


@pytest.mark.parametrize("model", [SVC(kernel="linear"), LinearRegression()])
def test_rows_that_are_not_those_of_classes_are_refused(model):
    with pytest.raises(ValueError, match="has no row of coefficients for each class"):
        CoefficientImageDisplay.from_estimator(model.fit(X, Y))
    assert plt.get_fignums() == []


def test_what_has_no_coefficients_is_said():
    with pytest.raises(NotFittedError, match="TorchLogisticClassifier has no coef_"):
        CoefficientImageDisplay.from_estimator(TorchLogisticClassifier())
