"""The pictures of a comparison: each function draws one into what it is given."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter
from sklearn.metrics import ConfusionMatrixDisplay

from skorchless._arrays import Array
from skorchless.comparison._measures import accuracy_interval
from skorchless.comparison._pictures import FONT_SIZE
from skorchless.comparison._record import Record
from skorchless.plotting import CoefficientImageDisplay, plot_image
from skorchless.plotting._axes import axes_in_rows
from skorchless.plotting._images import as_image

# Classes beyond which the numbers of a confusion matrix are too small to read, and its labels.
MOST_NUMBERS, MOST_LABELS = 15, 40
# In points, the width of a confusion matrix and that of a cell of one label's; the heights of the
# numbers in them; the width of a letter or digit, as a share of its height.
CONFUSION_POINTS, LABEL_CELL_POINTS = 200.0, 34.0
SMALLEST_NUMBER, LARGEST_NUMBER = 7.0, 14.0
LETTER_WIDTH = 0.6
LONGEST_LABEL, LONGEST_TITLE = 20, 18
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
MARKERS = "os^DvP*X"  # so that models are told apart without colours too
MISTAKES_IN_A_ROW, LABELS_IN_A_ROW, IMAGES_IN_A_ROW = 4, 3, 4
ACCURACY_SIZE = (4.2, 3.0)  # inches
SPEAKS_FOR, SPEAKS_AGAINST = "#b2182b", "#2166ac"  # the ends of RdBu_r


def draw_accuracy(
    ax: Any, scores: pd.DataFrame, n_test: int, baseline: tuple[str, float] | None = None
) -> None:
    """Draw the accuracy of each model, with its interval, against the time of its fit.

    ``scores`` are the rows of fitted models, the accuracy first; ``baseline`` is a name and an
    accuracy.
    """
    accuracy = scores.iloc[:, 0]
    intervals = np.array([accuracy_interval(value, n_test) for value in accuracy])
    # A fit can be too short for the clock, and zero has no place on a logarithmic axis.
    seconds = scores["fit_seconds"].clip(lower=1e-6)
    # Up and down in turns, because models of one kind come out near each other.
    offsets = cycle([(6, 5), (6, -11)])
    for name, x, y, (low, high), offset in zip(
        scores.index, seconds, accuracy, intervals, offsets, strict=False
    ):
        ax.errorbar(x, y, [[y - low], [high - y]], marker="o", capsize=3)
        ax.annotate(
            shortened(name), (x, y), offset, textcoords="offset points", parse_math=False, zorder=3
        )
    ax.set(xscale="log", xlabel="seconds to fit", ylabel=str(accuracy.name).replace("_", " "))
    # Room for the names, of points at the edges too.
    ax.set_xlim(seconds.min() / 2, seconds.max() * 5)
    margin = 0.15 * np.ptp(intervals)
    ax.set_ylim(intervals.min() - margin, intervals.max() + margin)
    # In plain numbers: powers of ten are no times that one knows by heart. Within few decades
    # they are too few.
    is_wide = seconds.max() > 100 * seconds.min()
    ax.xaxis.set_major_locator(LogLocator(subs=(1,) if is_wide else (1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(alpha=0.3)
    if baseline is not None:
        _draw_baseline(ax, *baseline)


def _draw_baseline(ax: Any, name: str, accuracy: float) -> None:
    """Draw a line at the accuracy of no model; beyond the axis, which is the models', a number."""
    bottom, top = ax.get_ylim()
    is_beside = bottom <= accuracy <= top
    text = name if is_beside else f"{name}: {accuracy:.4f} {'↓' if accuracy < bottom else '↑'}"
    if is_beside:
        ax.axhline(accuracy, color="gray", linestyle=":", zorder=0)
    ax.annotate(
        text,
        (1, min(max(accuracy, bottom), top)),
        (-4, -11 if accuracy > top else 3),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        horizontalalignment="right",
        fontsize="small",
    )


def accuracy_picture(comparison: Record) -> dict[str, Any]:
    """Return what draws the accuracy of each model against time, its size and what it shows."""
    scores, n_test = comparison.scores, len(comparison.y_test)
    accuracy = str(scores.columns[0]).replace("_", " ").capitalize()
    pairs = zip(scores.index, scores.iloc[:, 0], scores["fit_seconds"], strict=True)
    points = (f"{name} {value:.4f} in {seconds:.3g} seconds" for name, value, seconds in pairs)
    return {
        "draw": lambda figure: draw_accuracy(
            figure.add_subplot(), scores, n_test, comparison.baseline
        ),
        "figsize": ACCURACY_SIZE,
        "alt": f"{accuracy} against seconds to fit: {'; '.join(points)}.",
    }


def draw_confusion(figure: Any, matrix: Array, classes: Array) -> None:
    """Draw how many samples of each class (rows) are taken for each class (columns)."""
    n_classes, ax = len(classes), figure.add_subplot()
    _draw_matrix(ax, matrix, classes, cell=CONFUSION_POINTS / n_classes)
    if n_classes > MOST_LABELS:
        ax.set(xticks=[], yticks=[])
    ax.set(xlabel="predicted", ylabel="true")


def draw_label_confusion(figure: Any, matrices: Array, names: list[str]) -> None:
    """Draw how often each label (L, 2, 2) is missed, and found where it is not."""
    places = _places(figure, len(names), LABELS_IN_A_ROW)
    for place, matrix, name in zip(places, matrices, names, strict=True):
        _draw_matrix(place, matrix, np.array(["no", "yes"]), cell=LABEL_CELL_POINTS)
        place.set_title(shortened(name, LONGEST_TITLE), parse_math=False, fontsize=FONT_SIZE - 1)
        place.set(xlabel="", ylabel="")
    figure.supxlabel("predicted", fontsize=FONT_SIZE)
    figure.supylabel("true", fontsize=FONT_SIZE)


def _draw_matrix(ax: Any, matrix: Array, classes: Array, *, cell: float) -> None:
    """Draw a confusion matrix whose cells are about ``cell`` points wide."""
    labels = [shortened(label) for label in classes]
    most_digits = len(f"{matrix.max():,}")
    size = min(0.5 * cell, 0.8 * cell / (LETTER_WIDTH * most_digits))
    is_wide = LETTER_WIDTH * FONT_SIZE * max(map(len, labels)) > cell
    display = ConfusionMatrixDisplay(matrix, display_labels=labels)
    display.plot(
        ax=ax,
        colorbar=False,
        cmap="Blues",
        include_values=len(classes) <= MOST_NUMBERS,
        values_format=",d",
        xticks_rotation="vertical" if is_wide else 0,
        text_kw={"fontsize": min(max(size, SMALLEST_NUMBER), LARGEST_NUMBER)},
    )


def draw_reliability(figure: Any, curves: dict[str, tuple[Array, Array]]) -> None:
    """Draw accuracy against confidence for each model; on the diagonal they are the same."""
    ax = figure.add_subplot()
    ax.axline((1, 1), slope=1, color="gray", linestyle=":", label="as sure as right")
    for (name, curve), marker in zip(curves.items(), cycle(MARKERS), strict=False):
        # A space, because matplotlib leaves out of a legend what begins with an underscore.
        ax.plot(*curve, marker=marker, markersize=5, label=f" {shortened(name)}")
    ax.set(xlabel="confidence of the prediction", ylabel="accuracy")
    ax.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)


def draw_pixel_coefficients(
    figure: Any, classifier: Any, image_shape: tuple[int, int], names: Array | None = None
) -> None:
    """Draw the coefficients of each class, or label of ``names``, as a picture."""
    ax = figure.add_subplot()
    if names is None:
        CoefficientImageDisplay.from_estimator(classifier, image_shape=image_shape, ax=ax)
        return
    images = np.reshape(classifier.coef_, (-1, *image_shape))
    rows = -(-len(images) // IMAGES_IN_A_ROW)
    CoefficientImageDisplay(images, [shortened(name) for name in names]).plot(ax=ax, rows=rows)


def draw_coefficients(figure: Any, weights: Array, names: list[str], classes: Array) -> None:
    """Draw coefficients (K, P): bars for two classes, else a colour for each feature and class."""
    ax = figure.add_subplot()
    ax.set_yticks(range(len(names)), [shortened(name) for name in names])
    if len(weights) == 1:
        # Two classes have one row of weights, for the second one.
        colors = [SPEAKS_FOR if weight > 0 else SPEAKS_AGAINST for weight in weights[0]]
        ax.barh(range(len(names)), weights[0], color=colors)
        ax.axvline(0, color="gray", linewidth=0.8)
        ax.invert_yaxis()
        ax.set(xlabel=f"coefficient, for {shortened(classes[-1])}")
        ax.grid(axis="x", alpha=0.3)
        return
    largest = float(np.abs(weights).max()) or 1.0
    image = ax.imshow(weights.T, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    columns = [shortened(label) for label in classes]
    ax.set_xticks(range(len(columns)), columns, rotation="vertical" if are_long(columns) else 0)
    if len(columns) > MOST_LABELS:
        ax.set(xticks=[], xlabel="classes")
    figure.colorbar(image, label="coefficient")


def draw_mistakes(
    figure: Any, X: Any, titles: list[list[str]], image_shape: tuple[int, int]
) -> None:
    """Draw the first samples as pictures, with what is true and what was predicted."""
    places = _places(figure, len(titles), MISTAKES_IN_A_ROW)
    for place, row, lines in zip(places, X, titles, strict=True):
        title = "\n".join(shortened(line, LONGEST_TITLE) for line in lines)
        plot_image(as_image(row, image_shape), title, ax=place)
        place.title.set_fontsize(8)


def _places(figure: Any, n_places: int, in_a_row: int) -> Array:
    """Return axes (n_places,), as many in a row however many there are: all have one size."""
    rows = -(-n_places // in_a_row)
    places = axes_in_rows(rows * in_a_row, rows, figure)
    for place in places[n_places:]:
        place.set_axis_off()
    return places[:n_places]


def are_long(labels: Any) -> bool:
    """Tell whether labels need to stand upright below a picture."""
    return max(len(str(label)) for label in labels) > 2


def shortened(label: Any, longest: int = LONGEST_LABEL) -> str:
    """Return a label as text that can be drawn, in no more letters than there is room for."""
    # A picture with a control character in it is no XML, and not shown at all.
    text = "".join(letter if letter.isprintable() else UNPRINTABLE for letter in str(label))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
