"""Pictures show the values of their samples, pixel for pixel, and say what is no picture."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits

from skorchless.plotting import plot_image, plot_images
from skorchless.plotting._images import as_rows

X, Y = load_digits(return_X_y=True)


def drawn(ax):
    (image,) = ax.images
    return image


def test_a_flat_row_is_drawn_as_a_square_of_its_values():
    np.testing.assert_array_equal(drawn(plot_image(X[0])).get_array(), X[0].reshape(8, 8))


def test_a_picture_is_grey_unsmoothed_and_without_axes():
    ax = plot_image(X[0])
    assert drawn(ax).get_cmap().name == "gray"
    assert drawn(ax).get_interpolation() == "none"
    assert not ax.axison
    assert ax.get_title() == ""


@pytest.mark.parametrize(
    "image",
    [
        np.arange(6).reshape(2, 3),
        [[0, 1], [2, 3]],
        torch.eye(3),
        np.ones((2, 2, 3)),
        np.eye(2) > 0,
    ],
    ids=["oblong", "list", "tensor", "colours", "truth values"],
)
def test_other_pictures_are_drawn_as_they_are(image):
    np.testing.assert_array_equal(drawn(plot_image(image)).get_array(), np.asarray(image))


def test_a_title_and_an_axes_of_ones_own():
    _, ax = plt.subplots()
    assert plot_image(X[0], f"label {Y[0]}", ax) is ax
    assert ax.get_title() == "label 0"


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros(10), "square number of values, got 10"),
        (np.zeros(0), "square number of values, got 0"),
        (np.zeros((2, 2, 2)), r"flat, got \(2, 2, 2\)"),
        (np.zeros((0, 3)), r"flat, got \(0, 3\)"),
        (3.0, r"flat, got \(\)"),
        (["a", "b"], "real numbers, got dtype <U1"),
        (np.zeros(4, complex), "real numbers, got dtype complex128"),
    ],
)
def test_what_is_no_picture_is_an_error_that_opens_no_figure(image, message):
    with pytest.raises(ValueError, match=message):
        plot_image(image)
    with pytest.raises(ValueError, match=message):
        plot_images([X[0], image])
    assert plt.get_fignums() == []


@pytest.mark.parametrize("container", [np.asarray, list, torch.as_tensor, pd.DataFrame])
def test_pictures_are_drawn_in_order(container):
    figure = plot_images(container(X[:6]), titles=Y[:6])
    for ax, row, label in zip(figure.axes, X[:6], Y[:6], strict=True):
        np.testing.assert_array_equal(drawn(ax).get_array(), row.reshape(8, 8))
        assert ax.get_title() == str(label)
    assert tuple(figure.get_size_inches()) == (12, 6)


@pytest.mark.parametrize(
    ("n_images", "rows", "shape"),
    [(6, 2, (2, 3)), (5, 2, (2, 3)), (3, 1, (1, 3)), (2, 5, (2, 1)), (5, 4, (3, 2))],
)
def test_rows_are_as_many_as_asked_for_where_there_are_enough_pictures(n_images, rows, shape):
    figure = plot_images(X[:n_images], rows=rows, figsize=(4, 3))
    assert len(figure.axes) == n_images
    assert figure.axes[0].get_gridspec().get_geometry() == shape
    assert tuple(figure.get_size_inches()) == (4, 3)


def test_titles_rows_and_pictures_have_to_fit():
    with pytest.raises(ValueError, match="as many as images, got 2 for 3 images"):
        plot_images(X[:3], titles=["a", "b"])
    with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
        plot_images(X[:3], rows=0)
    with pytest.raises(ValueError, match="at least one image, got none"):
        plot_images(X[:0])
    assert plt.get_fignums() == []


def test_a_title_is_text_whatever_it_has_in_it():
    ax = plot_image(X[0], title=r"$5 and \frac$")
    ax.figure.draw_without_rendering()
    assert ax.get_title() == r"$5 and \frac$"


def test_rows_of_a_frame_go_by_place_not_by_index():
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=[2, 1, 0])
    assert as_rows(frame, np.array([0])).tolist() == [[1]]
    assert as_rows([[1], [2]], np.array([1])).tolist() == [[2]]
    assert as_rows(csr_array([[1, 0], [0, 2]]), np.array([1])).tolist() == [[0, 2]]
