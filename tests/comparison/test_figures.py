"""What the pictures of a report have in them: numbers, names and places of what is drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from skorchless import TorchLogisticClassifier
from skorchless.comparison import _figures


@pytest.fixture
def figure():
    return Figure(layout="constrained")


def texts_of(ax):
    return [text.get_text() for text in ax.texts]


def test_a_confusion_matrix_shows_its_numbers_and_labels(figure):
    matrix = np.array([[3, 1], [0, 5]])
    _figures.draw_confusion(figure, matrix, np.array(["a", "b"]))
    (ax,) = figure.axes
    np.testing.assert_array_equal(ax.images[0].get_array(), matrix)
    assert texts_of(ax) == ["3", "1", "0", "5"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def width_of(text, figure):
    figure.draw_without_rendering()
    return text.get_window_extent().width


@pytest.mark.parametrize("largest", [7, 450, 12_345, 1_234_567])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_numbers_are_as_large_as_their_cells_allow(largest, n_classes):
    figure = Figure((3.6, 3.6), layout="constrained")
    matrix = np.full((n_classes, n_classes), largest)
    _figures.draw_confusion(figure, matrix, np.arange(n_classes))
    text = figure.axes[0].texts[0]
    width = width_of(text, figure)
    cell = figure.axes[0].bbox.width / n_classes
    assert text.get_text() == f"{largest:,}"
    # Those that are too long for a cell in any size that can be read come in the smallest one.
    assert width < cell or text.get_fontsize() == _figures.SMALLEST_NUMBER
    assert width > 0.5 * cell or text.get_fontsize() > 9


@pytest.mark.parametrize(("labels", "angle"), [(["yes", "no"], 0), (["a" * 30, "no"], 90)])
def test_labels_stand_upright_where_they_are_wider_than_a_cell(figure, labels, angle):
    _figures.draw_confusion(figure, np.eye(2, dtype=int), np.array(labels))
    assert figure.axes[0].get_xticklabels()[0].get_rotation() == angle


@pytest.mark.parametrize(("n_labels", "n_places"), [(2, 3), (3, 3), (4, 6)])
def test_each_label_has_a_matrix_of_its_own(figure, n_labels, n_places):
    matrices = np.arange(4 * n_labels).reshape(-1, 2, 2)
    names = [f"${j}$" for j in range(n_labels)]
    _figures.draw_label_confusion(figure, matrices, names)
    assert len(figure.axes) == n_places
    for ax, matrix, name in zip(figure.axes, matrices, names, strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), matrix)
        assert ax.get_title() == name
        assert [label.get_text() for label in ax.get_xticklabels()] == ["no", "yes"]
    assert not any(ax.axison for ax in figure.axes[n_labels:])
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("predicted", "true")


def test_numbers_and_then_labels_are_left_out_where_there_are_too_many(figure):
    for n_classes, n_labels in ((16, 16), (41, 0)):
        figure.clear()
        _figures.draw_confusion(figure, np.eye(n_classes, dtype=int), np.arange(n_classes))
        (ax,) = figure.axes
        assert texts_of(ax) == []
        assert len(ax.get_xticks()) == n_labels


def test_reliability_shows_each_models_curve_beside_the_diagonal(figure):
    curve = (np.array([0.5, 0.9]), np.array([0.4, 1.0]))
    _figures.draw_reliability(figure, {"a": curve, "_b": curve})
    (ax,) = figure.axes
    diagonal, *lines = ax.lines
    assert diagonal.get_slope() == 1
    for line in lines:
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack(curve))
    legend = [text.get_text().strip() for text in figure.legends[0].get_texts()]
    assert legend == ["as sure as right", "a", "_b"]
    assert len({line.get_marker() for line in lines}) == 2


@pytest.mark.parametrize("quickest", [0.0, 0.01, 1.0, 12.0])
def test_times_are_labelled_in_plain_numbers(figure, quickest):
    table = pd.DataFrame(
        {"accuracy": [0.9, 0.8], "fit_seconds": [quickest, 12.0]}, index=["now", "later"]
    )
    ax = figure.add_subplot()
    _figures.draw_accuracy(ax, table, 100)
    figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert len(labels) >= 3
    assert all(float(label.replace("\N{MINUS SIGN}", "-")) > 0 for label in labels)
    assert texts_of(ax) == ["now", "later"]


def table_of_accuracies(*accuracies):
    columns = {"accuracy": accuracies, "fit_seconds": [0.1 * 2**i for i in range(len(accuracies))]}
    return pd.DataFrame(columns, index=[f"m{i}" for i in range(len(accuracies))])


@pytest.mark.parametrize(
    ("accuracy", "text"), [(0.1, "prior: 0.1000 ↓"), (0.96, "prior"), (1.0, "prior: 1.0000 ↑")]
)
def test_the_axis_is_that_of_the_models_wherever_the_baseline_is(figure, accuracy, text):
    ax, alone = figure.subplots(1, 2)
    scores = table_of_accuracies(0.95, 0.97)
    _figures.draw_accuracy(alone, scores, 10_000)
    _figures.draw_accuracy(ax, scores, 10_000, ("prior", accuracy))
    assert ax.get_ylim() == alone.get_ylim()
    low, high = ax.get_ylim()
    assert 0.93 < low < 0.95
    assert 0.97 < high < 0.99
    assert texts_of(ax)[-1] == text
    assert low <= ax.texts[-1].xy[1] <= high
    lines = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert len(lines) == (accuracy == 0.96)


def test_pixels_are_drawn_as_images_of_each_class(figure):
    X, y = load_digits(return_X_y=True)
    clf = TorchLogisticClassifier(C=0.01).fit(X, y)
    _figures.draw_pixel_coefficients(figure, clf, (8, 8))
    drawn = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    np.testing.assert_array_equal(drawn, clf.coef_.reshape(10, 8, 8))


def test_images_of_labels_have_their_names(figure):
    X, y = load_digits(return_X_y=True)
    clf = RidgeClassifier().fit(X, np.column_stack([y > 4, y % 2, y == 0]).astype(int))
    _figures.draw_pixel_coefficients(figure, clf, (8, 8), np.array(["> 4", "odd", "$0$"]))
    titles = [ax.get_title() for ax in figure.axes if ax.images]
    assert titles == ["> 4", "odd", "$0$"]


def test_coefficients_of_two_classes_are_bars(figure):
    _figures.draw_coefficients(figure, np.array([[2.0, -1.0]]), ["age", "size"], ["no", "yes"])
    ax = figure.axes[0]
    assert [bar.get_width() for bar in ax.patches] == [2.0, -1.0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["age", "size"]
    # The first feature is the uppermost.
    assert ax.yaxis_inverted()
    assert ax.get_xlabel() == "coefficient, for yes"


def test_named_coefficients_are_rows_of_colours_for_each_class(figure):
    weights, labels = np.array([[2.0, 0.0], [0.0, -1.0]]), ["no", "yes"]
    long = "a name of more letters than fit"
    _figures.draw_coefficients(figure, weights, ["age", long], np.array(["no", "yes"]))
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), weights.T)
    assert ax.images[0].get_clim() == (-2, 2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["age", "a name of more lett…"]
    assert [label.get_text() for label in ax.get_xticklabels()] == labels


@pytest.mark.parametrize(("n_images", "n_places"), [(3, 4), (6, 8)])
def test_mistakes_are_pictures_of_one_size_with_both_labels(figure, n_images, n_places):
    X = np.arange(n_images * 4.0).reshape(n_images, 4)
    _figures.draw_mistakes(figure, X, [["true 0", "predicted 1"]] * n_images, (2, 2))
    assert len(figure.axes) == n_places
    drawn = [ax.images[0].get_array() for ax in figure.axes[:n_images]]
    np.testing.assert_array_equal(drawn, X.reshape(n_images, 2, 2))
    assert {ax.get_title() for ax in figure.axes[:n_images]} == {"true 0\npredicted 1"}
    assert not any(ax.axison for ax in figure.axes)


def test_labels_are_drawn_in_few_letters_that_can_be_drawn():
    assert _figures.shortened("a" * 30) == "a" * 19 + "…"
    assert _figures.shortened("a\x01\n\ud800b") == "a���b"
    assert _figures.shortened(7) == "7"
