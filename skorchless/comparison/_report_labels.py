"""What a report says of several labels: a table of them, and the confusion of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless.comparison._figures import LABELS_IN_A_ROW, draw_label_confusion
from skorchless.comparison._pictures import Picture, Section, render
from skorchless.comparison._record import Record
from skorchless.comparison._scores import COUNTS

# Labels whose confusion is drawn: four rows.
MOST_DRAWN = 4 * LABELS_IN_A_ROW
MISSED, WRONG = "\N{MINUS SIGN}", "+"
HEADINGS = {"precision": "precision", "recall": "recall", "f1": "F1"}


def label_sections(comparison: Record, labels: pd.DataFrame) -> Iterator[Section]:
    """Yield the sections on ``labels``, a comparison's table of them."""
    text = (
        "Share: of the test samples that have the label. Precision: of those that a model gives "
        "the label, the share that has it. Recall: of those that have it, the share that is "
        "given it. F1 is their harmonic mean; macro F1 is its mean over the labels, and micro F1 "
        "counts all labels together. A dash is a share of none, which counts 0 in the mean."
    )
    yield Section("Scores by label", text, table=_table_of(comparison, labels))
    yield _confusion_section(comparison, labels)


def mistake_lines(true: Array, predicted: Array, names: Array) -> list[str]:
    """Return which labels (L,) of a sample are missed, and which are given wrongly."""
    missed, wrong = (
        ", ".join(map(str, names[chosen])) for chosen in (true > predicted, true < predicted)
    )
    return [f"{sign} {listed}" for sign, listed in ((MISSED, missed), (WRONG, wrong)) if listed]


def _table_of(comparison: Record, labels: pd.DataFrame) -> pd.DataFrame:
    """Return texts with a row for each label, and the models side by side.

    Of the baseline, which gives a label to all samples or to none, it has F1 alone.
    """
    columns = {}
    for name in labels.index.get_level_values("model").unique():
        scores = labels.xs(name, level="model")
        columns[("", "share")] = scores["share"]
        shown = HEADINGS if name in comparison.models else {"f1": HEADINGS["f1"]}
        columns |= {(name, heading): scores[score] for score, heading in shown.items()}
    return pd.DataFrame(columns).map(lambda value: "-" if math.isnan(value) else f"{value:.3f}")


def _confusion_section(comparison: Record, labels: pd.DataFrame) -> Section:
    """Return a small confusion matrix for each label and model."""
    models = list(comparison.models)
    counts = np.stack(
        [labels.xs(name, level="model")[COUNTS].to_numpy().reshape(-1, 2, 2) for name in models]
    )  # (n_models, L, 2, 2)
    # The labels with the most mistakes, in the order of the table.
    n_wrong = counts[:, :, 0, 1].sum(axis=0) + counts[:, :, 1, 0].sum(axis=0)
    drawn = np.sort(np.argsort(-n_wrong, kind="stable")[:MOST_DRAWN])
    text = (
        "A row is whether a sample has the label, a column whether it is given it: at the top "
        "right those that are given it wrongly, at the bottom left those that are missed."
    )
    if len(drawn) < len(n_wrong):
        text += f" Of {len(n_wrong):,} labels, the {MOST_DRAWN} with the most mistakes."
    names = [str(comparison.classes[j]) for j in drawn]
    pictures = [
        _confusion_picture(model, matrices[drawn], names)
        for model, matrices in zip(models, counts, strict=True)
    ]
    return Section("Confusion by label", text, pictures)


def _confusion_picture(model: str, matrices: Array, names: list[str]) -> Picture:
    """Return the confusion (L, 2, 2) of labels by one model."""
    said = (
        f"{name}: {matrix[1, 0]:,} missed, {matrix[0, 1]:,} wrongly given"
        for name, matrix in zip(names, matrices, strict=True)
    )
    return render(
        partial(draw_label_confusion, matrices=matrices, names=names),
        (4.6, 0.5 + 1.5 * -(-len(names) // LABELS_IN_A_ROW)),
        alt=f"Confusion of {model} by label. {'; '.join(said)}.",
        caption=model,
    )
