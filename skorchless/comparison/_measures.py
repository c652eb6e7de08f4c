"""The numbers behind a comparison's pictures. It never draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.calibration import calibration_curve
from sklearn.pipeline import Pipeline

from skorchless.estimators._inputs import Array

N_BINS = 10


def standard_error(accuracy: Any, n_samples: int) -> Any:
    """Return the standard error of an accuracy measured on so many samples."""
    return np.sqrt(accuracy * (1 - accuracy) / n_samples)


def reliability(y: Array, predictions: Array, probabilities: Array) -> tuple[Array, Array]:
    """Return mean confidence and accuracy (n_bins,) of predictions in order of confidence.

    Confidence is the probability of the predicted label. The bins are of equal size, and fewer
    where many confidences are the same.
    """
    confidence = probabilities.max(axis=1)
    accuracies, means = calibration_curve(
        y == predictions, confidence, n_bins=N_BINS, strategy="quantile", pos_label=True
    )
    return means, accuracies


def wrong_alone(y: Array, predictions: dict[str, Array]) -> dict[str, Array]:
    """Return the indices of the samples that each model, and no other one, gets wrong."""
    is_wrong = {name: predicted != y for name, predicted in predictions.items()}
    n_wrong = np.sum(list(is_wrong.values()), axis=0)
    return {name: np.flatnonzero(wrong & (n_wrong == 1)) for name, wrong in is_wrong.items()}


def largest_confusion(matrix: Array) -> tuple[int, int, int]:
    """Return the true class, the predicted class and the number of the commonest mistake."""
    mistakes = matrix - np.diag(np.diag(matrix))
    true, predicted = np.unravel_index(mistakes.argmax(), matrix.shape)
    return int(true), int(predicted), int(mistakes[true, predicted])


@dataclass(frozen=True)
class Coefficients:
    """The weights (K, P) of a linear classifier, of two classes (1, P), and the P names."""

    classifier: Any
    weights: Array
    names: list[str]

    def largest(self, n_features: int) -> tuple[Array, list[str]]:
        """Return the weights and names of the features with the largest weight, that first."""
        order = np.argsort(-np.abs(self.weights).max(axis=0), kind="stable")[:n_features]
        return self.weights[:, order], [self.names[j] for j in order]


def coefficients_of(model: Any) -> Coefficients | None:
    """Return the coefficients of ``model`` or of a pipeline's last step; None without any."""
    before, classifier = None, model
    if isinstance(model, Pipeline):
        before, classifier = model[:-1], model[-1]
    if getattr(classifier, "coef_", None) is None or not hasattr(classifier, "classes_"):
        return None
    coef = classifier.coef_
    weights = coef.toarray() if issparse(coef) else np.atleast_2d(coef)
    names = getattr(classifier, "feature_names_in_", None)
    if names is None and before is not None and hasattr(before, "get_feature_names_out"):
        names = before.get_feature_names_out()
    if names is None:
        names = [f"x{j}" for j in range(weights.shape[1])]
    return Coefficients(classifier, weights, [str(name) for name in names])
