"""The report of a comparison: which pictures and words it has. The page is report.html.jinja."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import Pipeline

from skorchless._arrays import Array
from skorchless._fitted import final_step
from skorchless.comparison._figures import (
    MISTAKES_IN_A_ROW,
    are_long,
    draw_accuracy,
    draw_coefficients,
    draw_confusion,
    draw_mistakes,
    draw_pixel_coefficients,
    draw_reliability,
)
from skorchless.comparison._measures import (
    coefficients_of,
    largest_confusion,
    reliability,
    wrong_alone,
)
from skorchless.comparison._pictures import Picture, render
from skorchless.comparison._record import BASELINE, Record
from skorchless.comparison._table import format_table
from skorchless.plotting._images import as_rows

MOST_MISTAKES = 2 * MISTAKES_IN_A_ROW
MOST_FEATURES = 15
COEFFICIENTS = (
    "Red speaks for a class, blue against it; each model has a scale of its own. Of many "
    "features, those with the largest coefficients, of scaled columns where there is a scaler; "
    "the categories of one column stand together."
)


@dataclass(frozen=True)
class Section:
    """A heading, what it is about, and its pictures."""

    heading: str
    text: str
    pictures: list[Picture]


def render_report(comparison: Record, title: str) -> str:
    """Return the whole page. What comes from data or models is escaped by the template."""
    # Every string that is put in is escaped; a name that the template has wrong is an error.
    environment = Environment(
        loader=PackageLoader("skorchless.comparison", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        title=title,
        summary=_summary(comparison),
        table=format_table(comparison.table),
        sections=list(_sections(comparison)),
        models={
            name: (_kind(model), _describe(model)) for name, model in comparison.models.items()
        },
        notes=comparison.notes,
        conditions=comparison.conditions,
    )


def _summary(comparison: Record) -> str:
    """Return the result in a sentence."""
    accuracy = comparison.scores["accuracy"]
    text = f"Highest accuracy: {_best(accuracy, accuracy.max())}."
    losses = comparison.scores["log_loss"].dropna()
    if len(losses):
        text += f" Lowest log loss: {_best(losses, losses.min())}."
    if BASELINE in comparison.table.index:
        baseline = float(comparison.table["accuracy"][BASELINE])
        text += f" Always answering the commonest class has an accuracy of {baseline:.4f}."
    for name, reason in comparison.failures.items():
        text += f" {name} failed: {reason}"
    return text


def _best(column: pd.Series[Any], value: float) -> str:
    """Return who has the best ``value`` of a column."""
    return f"{', '.join(column.index[column == value])} ({value:.4f})"


def _kind(model: Any) -> str:
    """Return what a model is: the first line of its documentation."""
    kind = type(final_step(model))
    return (inspect.getdoc(kind) or kind.__name__).partition("\n")[0]


def _describe(model: Any) -> str:
    """Return a model with its parameters; of a pipeline, the last step and what comes before."""
    if not isinstance(model, Pipeline):
        return f"{model!r} on {model.device_}" if hasattr(model, "device_") else repr(model)
    *steps, last = (step for _, step in model.steps)
    before = ", ".join(type(step).__name__ for step in steps)
    return f"{_describe(last)}, after {before}" if steps else _describe(last)


def _sections(comparison: Record) -> Iterator[Section]:
    """Yield the sections that have something to show."""
    yield _accuracy_section(comparison)
    yield _confusion_section(comparison)
    if comparison.probabilities:
        yield _reliability_section(comparison)
    if pictures := list(_coefficient_pictures(comparison)):
        yield Section("Coefficients", COEFFICIENTS, pictures)
    if len(comparison.models) > 1:
        yield _mistakes_section(comparison)


def _accuracy_section(comparison: Record) -> Section:
    """Return accuracy against time."""
    table = comparison.table
    points = (
        f"{name} {row.accuracy:.4f} in {row.fit_seconds:.3g} seconds"
        for name, row in comparison.scores.iterrows()
    )
    picture = render(
        lambda figure: draw_accuracy(figure.add_subplot(), table, len(comparison.y_test)),
        (4.2, 3.0),
        alt=f"Accuracy against seconds to fit: {'; '.join(points)}.",
    )
    text = (
        "Further up is better, further left is faster. The bars are the 95 % interval (Wilson) of "
        "each accuracy by itself, for other test samples of the same kind. Whether one model is "
        "better than another, on the same samples, is told by what each alone gets wrong, below."
    )
    return Section("Accuracy against fit time", text, [picture])


def _confusion_section(comparison: Record) -> Section:
    """Return a confusion matrix for each model."""
    classes = comparison.classes
    text = (
        "A row is a true class, a column a predicted one; what is off the diagonal is a mistake."
    )
    pictures = []
    for name, predicted in comparison.predictions.items():
        matrix = confusion_matrix(comparison.y_test, predicted, labels=classes)
        alt = f"Confusion matrix of {name}: {matrix.trace():,} of {matrix.sum():,} right."
        true, taken, number = largest_confusion(matrix)
        if number:
            alt += f" Commonest mistake: {classes[true]} taken for {classes[taken]}, {number:,}."
        pictures.append(
            render(
                partial(draw_confusion, matrix=matrix, classes=classes),
                (3.6, 3.6),
                alt=alt,
                caption=name,
            )
        )
    return Section("Confusion matrices", text, pictures)


def _reliability_section(comparison: Record) -> Section:
    """Return how often each model is right when it is so sure."""
    curves = {
        name: reliability(
            comparison.y_test, comparison.predictions[name], probabilities, comparison.classes
        )
        for name, probabilities in comparison.probabilities.items()
    }
    ends = (
        f"{name}: {accuracy[0]:.2f} right where it is least sure ({confidence[0]:.2f}), "
        f"{accuracy[-1]:.2f} where it is most sure ({confidence[-1]:.2f})"
        for name, (confidence, accuracy) in curves.items()
    )
    picture = render(
        partial(draw_reliability, curves=curves),
        (4.2, 3.4 + 0.2 * (len(curves) // 2)),
        alt=f"Accuracy against confidence. {'; '.join(ends)}.",
    )
    text = (
        f"The {len(comparison.y_test):,} predictions in order of the probability of the predicted "
        "label, in up to ten groups of equal size: the mean of that probability, and the share "
        "that is right. Below the dotted line a model is too sure of itself, above it not sure "
        "enough, but for chance, which is large where samples are few."
    )
    return Section("Reliability", text, [picture])


def _coefficient_pictures(comparison: Record) -> Iterator[Picture]:
    """Yield the coefficients of each linear model: all as images, or the largest by name."""
    shape = comparison.image_shape
    for name, model in comparison.models.items():
        coefficients = coefficients_of(model)
        if coefficients is None:
            continue
        if shape is not None and coefficients.weights.shape[1] == math.prod(shape):
            yield render(
                partial(
                    draw_pixel_coefficients, classifier=coefficients.classifier, image_shape=shape
                ),
                (5.2, 2.5),
                alt=f"Coefficients of {name} as images, one for each class.",
                caption=name,
            )
        else:
            weights, names = coefficients.largest(MOST_FEATURES)
            yield render(
                partial(
                    draw_coefficients, weights=weights, names=names, classes=comparison.classes
                ),
                (4.2, 1.2 + 0.2 * len(names) + (1.2 if are_long(comparison.classes) else 0.0)),
                alt=f"Largest coefficients of {name}: {', '.join(names)}.",
                caption=name,
            )


def _mistakes_section(comparison: Record) -> Section:
    """Return what each model alone gets wrong: how much, and the pictures where there are some."""
    alone = wrong_alone(comparison.y_test, comparison.predictions)
    n_test = len(comparison.y_test)
    counts = ", ".join(f"{name} {len(indices):,}" for name, indices in alone.items())
    text = f"Of {n_test:,} test samples, only this model is wrong on: {counts}."
    pictures = []
    if comparison.image_shape is not None:
        text += f" Under each name the first {MOST_MISTAKES} of them."
        pictures = [
            _picture_of_mistakes(comparison, name, indices[:MOST_MISTAKES], comparison.image_shape)
            for name, indices in alone.items()
            if len(indices)
        ]
    return Section("What each model alone gets wrong", text, pictures)


def _picture_of_mistakes(
    comparison: Record, name: str, indices: Array, image_shape: tuple[int, int]
) -> Picture:
    """Return the samples of ``indices`` as pictures."""
    y, predicted = comparison.y_test[indices], comparison.predictions[name][indices]
    X = as_rows(comparison.X_test, indices)
    pairs = ", ".join(f"{a} taken for {b}" for a, b in zip(y, predicted, strict=True))
    return render(
        partial(draw_mistakes, X=X, y=y, predictions=predicted, image_shape=image_shape),
        (4.2, 1.4 * -(-len(y) // MISTAKES_IN_A_ROW)),
        alt=f"Samples that {name} alone gets wrong: {pairs}.",
        caption=name,
    )
