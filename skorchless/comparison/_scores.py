"""What predictions score: those of one label for each sample, or of several."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from skorchless._arrays import Array, to_numpy
from skorchless.comparison._split import Split

LABEL_COLUMNS = ["share", "precision", "recall", "f1"]
COUNTS = ["true_negatives", "false_positives", "false_negatives", "true_positives"]


def scores_of(split: Split, predictions: Array, probabilities: Array | None) -> dict[str, float]:
    """Return the scores of ``predictions`` for the test samples, by column of the table."""
    accuracy = float(accuracy_score(split.y_test, predictions))
    loss = _log_loss(split, probabilities)
    if not split.is_multilabel:
        return {"accuracy": accuracy, "log_loss": loss}
    # What has neither ones nor predicted ones counts 0, as where scikit-learn warns.
    f1 = {
        f"f1_{average}": float(
            f1_score(split.y_test, predictions, average=average, zero_division=0.0)
        )
        for average in ("micro", "macro")
    }
    return {"subset_accuracy": accuracy, **f1, "log_loss": loss}


def predictions_of(model: Any, X: Any) -> Array:
    """Return the labels that ``model`` predicts, (N,) or (N, L), as NumPy."""
    found = to_numpy(model.predict(X))
    return np.asarray(found.toarray() if issparse(found) else found)


def probabilities_of(model: Any, X: Any, y: Array) -> Array | None:
    """Return probabilities of classes (N, K), or of a one for each label (N, L); None without any.

    ``y`` are the labels that ``model`` was fitted to.
    """
    if not hasattr(model, "predict_proba"):
        return None
    found = model.predict_proba(X)
    if not isinstance(found, list):
        return np.asarray(to_numpy(found))
    # Forests and others give an array for each label, of the values that they have seen of it.
    return np.column_stack(
        [
            p[:, 1] if p.shape[1] == 2 else np.full(len(p), float(column[0]))
            for p, column in zip(map(to_numpy, found), y.T, strict=True)
        ]
    )


def baseline_of(split: Split) -> tuple[str, Array, Array]:
    """Return the name, labels and probabilities of always answering what is commonest.

    That is the commonest training label, or the commonest value of each of several; the
    probabilities are shares.
    """
    model = DummyClassifier(strategy="prior").fit(np.zeros((len(split.y), 1)), split.y)
    zeros = np.zeros((len(split.y_test), 1))
    name = "commonest values" if split.is_multilabel else "commonest class"
    probabilities = probabilities_of(model, zeros, split.y)
    assert probabilities is not None  # noqa: S101, a prior has them
    return name, model.predict(zeros), probabilities


def label_table(split: Split, predictions: Mapping[str, Array]) -> pd.DataFrame:
    """Return a row for each label and model: the share of ones, and how they are predicted."""
    tables = {name: _of_each_label(split, predicted) for name, predicted in predictions.items()}
    stacked = pd.concat(tables, names=["model", "label"])
    in_order = [(label, name) for label in split.classes for name in predictions]
    return stacked.swaplevel().loc[in_order]


def _of_each_label(split: Split, predictions: Array) -> pd.DataFrame:
    """Return a row for each label of one model. A share of none is NaN."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        split.y_test, predictions, average=None, zero_division=np.nan
    )
    scores = np.column_stack([split.y_test.mean(axis=0), precision, recall, f1])
    counts = multilabel_confusion_matrix(split.y_test, predictions).reshape(-1, 4)
    of_scores = pd.DataFrame(scores, index=split.classes, columns=LABEL_COLUMNS)
    return of_scores.join(pd.DataFrame(counts, index=split.classes, columns=COUNTS))


def _log_loss(split: Split, probabilities: Array | None) -> float:
    """Return the mean negative log-likelihood of the test labels; NaN without probabilities."""
    if probabilities is None:
        return math.nan
    if split.is_multilabel:
        pairs = zip(split.y_test.T, probabilities.T, strict=True)
        return float(np.mean([log_loss(y, p, labels=[0, 1]) for y, p in pairs]))
    # The columns are the training labels in order; the test samples need not have all of them.
    return float(log_loss(split.y_test, probabilities, labels=split.classes))
