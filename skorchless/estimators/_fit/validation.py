"""Validation samples, scored after each iteration, and when their loss ends a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from skorchless._engine.objective import evaluate
from skorchless._engine.rows.memory import Rows
from skorchless._engine.solvers.base import Patience


@dataclass
class Validation:
    """Rows scored after each iteration, losses and accuracies so far, and the best weights.

    ``patience`` None scores without stopping, and keeps the last weights. The loss decides, not
    the accuracy: on few samples that stands still for epochs while the model still learns. On
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
