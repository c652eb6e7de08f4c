"""Validation samples: set aside or given, scored after each iteration, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.objective import evaluate
from skorchless._engine.placement import Placement, place_beside
from skorchless._engine.rows.memory import Rows
from skorchless._engine.solvers.base import Patience
from skorchless.estimators._data.read import AnySamples, read_samples
from skorchless.estimators._data.validation import weigh_classes


@dataclass
class Validation:
    """Rows scored after each iteration, losses and accuracies so far, and the best weights.

    ``patience`` None scores without stopping, and keeps the last weights. The loss decides, not
    the accuracy: of few samples that stands still for epochs while the model still learns. On
    digits it ended Adam after 15 epochs at a test accuracy of 0.87; the loss falls for 293
    epochs, to 0.96.
    """

    rows: Rows
    patience: Patience | None
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_W: Tensor | None = None  # (1, K, D)
    is_exhausted: bool = False

    def score(self, W: Tensor) -> tuple[float, float]:
        """Return the NLL and the accuracy of the weights (1, K, D)."""
        loss, accuracy = (float(value) for value in evaluate(W[0], self.rows))
        self.losses.append(loss)
        self.accuracies.append(accuracy)
        if self.patience is not None:
            self.is_exhausted = bool(self.patience.is_exhausted(torch.tensor([loss])))
            if loss < self.best_loss:
                self.best_loss, self.best_W = loss, W.clone()
        return loss, accuracy

    def best_of(self, last_W: Tensor) -> Tensor:
        """Return the weights (1, K, D) to keep: those of the lowest loss where it ends the fit."""
        return last_W if self.best_W is None else self.best_W


def set_validation_aside(
    estimator: Any,
    train: AnySamples,
    classes: Array,
    given: tuple[Any, Any],
    placement: Placement,
    rng: np.random.RandomState,
) -> tuple[AnySamples, Validation | None]:
    """Return the training samples, and the validation samples given or split from them."""
    X_val, y_val = given
    if (X_val is None) != (y_val is None):
        missing = "y_val" if y_val is None else "X_val"
        raise ValueError(f"X_val and y_val go together, but {missing} is None.")
    if X_val is not None:
        validation = read_samples(estimator, X_val, y_val, reset=False).encode(classes, "y_val")
    elif estimator.early_stopping:
        by_class = weigh_classes(
            estimator.class_weight, classes, train.class_totals(len(classes))[0]
        )
        train, validation = train.split(estimator.validation_fraction, classes, by_class, rng)
    else:
        return train, None
    stops = estimator.early_stopping
    patience = Patience(estimator.tol, estimator.n_iter_no_change) if stops else None
    placement = place_beside(validation.X, placement)
    rows = validation.rows(placement, np.ones(len(classes)), unit=np.ones(1))
    return train, Validation(rows, patience)
