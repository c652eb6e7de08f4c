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
from skorchless.comparison._record import BASELINE
from skorchless.plotting import CoefficientImageDisplay, plot_image
from skorchless.plotting._axes import axes_in_rows
from skorchless.plotting._images import as_image

# Classes beyond which the numbers of a confusion matrix are too small to read, and its labels.
MOST_NUMBERS, MOST_LABELS = 15, 40
LONGEST_LABEL = 20
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
MARKERS = "os^DvP*X"  # so that models are told apart without colours too
MISTAKES_IN_A_ROW = 4
SPEAKS_FOR, SPEAKS_AGAINST = "#b2182b", "#2166ac"  # the ends of RdBu_r


def draw_accuracy(ax: Any, table: pd.DataFrame, n_test: int) -> None:
    """Draw the accuracy of each model, with its interval, against the time of its fit."""
    baseline = table["accuracy"].get(BASELINE) if table["fit_seconds"].hasnans else None
    table = table[table["fit_seconds"].notna()]
    # A fit can be too short for the clock, and zero has no place on a logarithmic axis.
    seconds = table["fit_seconds"].clip(lower=1e-6)
    # Up and down in turns, because models of one kind come out near each other.
    offsets = cycle([(6, 5), (6, -11)])
    for name, x, y, offset in zip(table.index, seconds, table["accuracy"], offsets, strict=False):
        low, high = accuracy_interval(y, n_test)
        ax.errorbar(x, y, [[y - low], [high - y]], marker="o", capsize=3)
        ax.annotate(
            shortened(name), (x, y), offset, textcoords="offset points", parse_math=False, zorder=3
        )
    ax.set(xscale="log", xlabel="seconds to fit", ylabel="accuracy")
    # Room for the names, of points at the edges too.
    ax.set_xlim(seconds.min() / 2, seconds.max() * 5)
    ax.margins(y=0.15)
    # In plain numbers: powers of ten are no times that one knows by heart. Within few decades
    # they are too few.
    is_wide = seconds.max() > 100 * seconds.min()
    ax.xaxis.set_major_locator(LogLocator(subs=(1,) if is_wide else (1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(alpha=0.3)
    if baseline is not None:
        ax.axhline(baseline, color="gray", linestyle=":", zorder=0)
        ax.annotate(
            BASELINE,
            (1, baseline),
            (-4, 3),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            horizontalalignment="right",
            fontsize="small",
        )


def draw_confusion(figure: Any, matrix: Array, classes: Array) -> None:
    """Draw how many samples of each class (rows) are taken for each class (columns)."""
    n_classes, ax = len(classes), figure.add_subplot()
    display = ConfusionMatrixDisplay(
        matrix, display_labels=[shortened(label) for label in classes]
    )
    display.plot(
        ax=ax,
        colorbar=False,
        cmap="Blues",
        include_values=n_classes <= MOST_NUMBERS,
        values_format="d",
        xticks_rotation="vertical" if are_long(classes) else 0,
        text_kw={"fontsize": 7},
    )
    if n_classes > MOST_LABELS:
        ax.set(xticks=[], yticks=[])
    ax.set(xlabel="predicted", ylabel="true")


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


def draw_pixel_coefficients(figure: Any, classifier: Any, image_shape: tuple[int, int]) -> None:
    """Draw the coefficients of each class as a picture."""
    CoefficientImageDisplay.from_estimator(
        classifier, image_shape=image_shape, ax=figure.add_subplot()
    )


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
    figure: Any, X: Any, y: Array, predictions: Array, image_shape: tuple[int, int]
) -> None:
    """Draw the first samples as pictures, with true and predicted label."""
    # As many in a row however many there are, so that all pictures have one size.
    rows = -(-len(y) // MISTAKES_IN_A_ROW)
    places = axes_in_rows(rows * MISTAKES_IN_A_ROW, rows, figure)
    for place, row, true, predicted in zip(places, X, y, predictions, strict=False):
        title = f"true {shortened(true)}\npredicted {shortened(predicted)}"
        plot_image(as_image(row, image_shape), title, ax=place)
        place.title.set_fontsize(8)
    for place in places[len(y) :]:
        place.set_axis_off()


def are_long(labels: Any) -> bool:
    """Tell whether labels need to stand upright below a picture."""
    return max(len(str(label)) for label in labels) > 2


def shortened(label: Any) -> str:
    """Return a label as text that can be drawn, in no more letters than there is room for."""
    # A picture with a control character in it is no XML, and not shown at all.
    text = "".join(letter if letter.isprintable() else UNPRINTABLE for letter in str(label))
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"
