"""The numbers behind a comparison's pictures. It never draws."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.pipeline import Pipeline

from skorchless._arrays import Array
from skorchless._fitted import class_weights_of, confidence_of, final_step
from skorchless.comparison._preprocessor import column_of, feature_name

# Samples in a bin of a reliability curve: with 20 its accuracy is known to about 0.1.
SAMPLES_IN_A_BIN = 20
MOST_BINS = 10


def accuracy_interval(accuracy: float, n_samples: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of an accuracy that was measured on ``n_samples``."""
    n_right = round(accuracy * n_samples)
    interval = binomtest(n_right, n_samples).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def reliability(
    y: Array, predictions: Array, probabilities: Array, classes: Array
) -> tuple[Array, Array]:
    """Return mean confidence and accuracy (n_bins,) of predictions in order of confidence.

    Confidence is the probability of the predicted label. The bins are of equal size, up to ten,
    and fewer where samples are few or many confidences are the same.
    """
    n_bins = max(1, min(MOST_BINS, len(y) // SAMPLES_IN_A_BIN))
    # Sums of float32 may exceed one by their rounding.
    confidence = confidence_of(predictions, probabilities, classes).clip(0.0, 1.0)
    accuracies, means = calibration_curve(
        y == predictions, confidence, n_bins=n_bins, strategy="quantile", pos_label=True
    )
    return means, accuracies


def by_label(
    y: Array, predictions: Array, probabilities: Array
) -> tuple[Array, Array, Array, Array]:
    """Return labels (N, L) as N * L samples of two classes, as `reliability` takes them."""
    ones = probabilities.ravel()
    return y.ravel(), predictions.ravel(), np.column_stack([1 - ones, ones]), np.array([0, 1])


def wrong_alone(y: Array, predictions: dict[str, Array]) -> dict[str, Array]:
    """Return the indices of the samples that each model, and no other one, gets wrong.

    Of several labels (N, L) one that is wrong is enough.
    """
    is_wrong = {
        name: (predicted != y).reshape(len(y), -1).any(axis=1)
        for name, predicted in predictions.items()
    }
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
        """Return the weights and names of the features with the largest weight, that first.

        Categories of one column stand together, at the place of the first of them.
        """
        order = np.argsort(-np.abs(self.weights).max(axis=0), kind="stable")[:n_features]
        columns = list(dict.fromkeys(column_of(self.names[j]) for j in order))
        together = sorted(order, key=lambda j: columns.index(column_of(self.names[j])))
        return self.weights[:, together], [self.names[j] for j in together]


def coefficients_of(model: Any) -> Coefficients | None:
    """Return the coefficients of ``model`` or of a pipeline's last step; None without any."""
    classifier = final_step(model)
    weights = class_weights_of(classifier)
    if weights is None:
        return None
    names = getattr(classifier, "feature_names_in_", None)
    if names is None and isinstance(model, Pipeline):
        with suppress(AttributeError, ValueError):  # where the steps know none
            names = [feature_name(str(name)) for name in model[:-1].get_feature_names_out()]
    if names is None or len(names) != weights.shape[1]:
        names = [f"x{j}" for j in range(weights.shape[1])]
    return Coefficients(classifier, weights, [str(name) for name in names])
