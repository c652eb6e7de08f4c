"""The report of a comparison: which pictures and words it has. The page is report.html.jinja."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
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
    accuracy_picture,
    draw_confusion,
    draw_mistakes,
    draw_reliability,
)
from skorchless.comparison._measures import (
    by_label,
    largest_confusion,
    reliability,
    wrong_alone,
)
from skorchless.comparison._pictures import Picture, Section, render
from skorchless.comparison._record import Record
from skorchless.comparison._report_coefficients import coefficient_sections
from skorchless.comparison._report_labels import MISSED, WRONG, label_sections, mistake_lines
from skorchless.comparison._table import format_table
from skorchless.plotting._images import as_rows

MOST_MISTAKES = 2 * MISTAKES_IN_A_ROW


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
    accuracy = comparison.scores.iloc[:, 0]
    text = f"Highest {comparison.accuracy}: {_best(accuracy, accuracy.max())}."
    if comparison.is_multilabel:
        f1 = comparison.scores["f1_macro"]
        text += f" Highest macro F1: {_best(f1, f1.max())}."
    losses = comparison.scores["log_loss"].dropna()
    if len(losses):
        text += f" Lowest log loss: {_best(losses, losses.min())}."
    if comparison.baseline is not None:
        what, a = ("value of each label", "a") if comparison.is_multilabel else ("class", "an")
        text += (
            f" Always answering the commonest {what} has {a} {comparison.accuracy} of "
            f"{comparison.baseline[1]:.4f}."
        )
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
    if comparison.label_table is not None:
        yield from label_sections(comparison, comparison.label_table)
    else:
        yield _confusion_section(comparison)
    if comparison.probabilities:
        yield _reliability_section(comparison)
    yield from coefficient_sections(comparison)
    if len(comparison.models) > 1:
        yield _mistakes_section(comparison)


def _accuracy_section(comparison: Record) -> Section:
    """Return accuracy against time."""
    text = "Further up is better, further left is faster."
    if comparison.is_multilabel:
        text += " Subset accuracy is the share of test samples whose labels are all right."
    text += (
        " The bars are the 95 % interval (Wilson) of "
        "each accuracy by itself, for other test samples of the same kind. Whether one model is "
        "better than another, on the same samples, is told by what each alone gets wrong, below."
    )
    heading = f"{comparison.accuracy.capitalize()} against fit time"
    return Section(heading, text, [render(**accuracy_picture(comparison))])


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
    answers = {
        name: (comparison.y_test, comparison.predictions[name], probabilities)
        for name, probabilities in comparison.probabilities.items()
    }
    curves = {
        name: reliability(*by_label(*answer))
        if comparison.is_multilabel
        else reliability(*answer, comparison.classes)
        for name, answer in answers.items()
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
        f"The {comparison.y_test.size:,} predictions in order of the probability of the predicted "
        f"{'value' if comparison.is_multilabel else 'label'}, in up to ten groups of equal size: "
        "the mean of that probability, and the share "
        "that is right. Below the dotted line a model is too sure of itself, above it not sure "
        "enough, but for chance, which is large where samples are few."
    )
    return Section("Reliability", text, [picture])


def _mistakes_section(comparison: Record) -> Section:
    """Return what each model alone gets wrong: how much, and the pictures where there are some."""
    alone = wrong_alone(comparison.y_test, comparison.predictions)
    counts = ", ".join(f"{name} {len(indices):,}" for name, indices in alone.items())
    what = "that one model gets wrong and all others get right"
    if comparison.is_multilabel:
        what = "of which one model gets a label wrong and all others get every label right"
    text = f"Of the {len(comparison.y_test):,} test samples, those {what}: {counts}."
    pictures = []
    if comparison.image_shape is not None:
        text += f" Under each name are the first {MOST_MISTAKES} of them."
        if comparison.is_multilabel:
            text += f" {MISSED} is a label that was missed, {WRONG} one that was given wrongly."
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
    pairs = zip(comparison.y_test[indices], comparison.predictions[name][indices], strict=True)
    if comparison.is_multilabel:
        titles = [mistake_lines(*pair, comparison.classes) for pair in pairs]
    else:
        titles = [[f"true {true}", f"predicted {predicted}"] for true, predicted in pairs]
    X = as_rows(comparison.X_test, indices)
    return render(
        partial(draw_mistakes, X=X, titles=titles, image_shape=image_shape),
        (4.2, 1.4 * -(-len(titles) // MISTAKES_IN_A_ROW)),
        alt=f"Samples that {name} alone gets wrong: {'; '.join(map(', '.join, titles))}.",
        caption=name,
    )
