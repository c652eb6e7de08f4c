"""The solver that an estimator's parameters name, and what it starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.objective import PenalizedNLL, intercept_only_weights
from skorchless._engine.placement import as_tensor
from skorchless._engine.solvers.base import Patience, Progress
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless._engine.solvers.minibatch import SGD, Adam, Sampling, minimize_minibatch
from skorchless.estimators._data.samples import as_shown
from skorchless.estimators._weights import pack_weights


def first_weights(
    estimator: Any, objective: PenalizedNLL, of_labels: dict[str, Any], labels: Array
) -> Tensor:
    """Return the constant models, or those of the fit before where it is continued, (L, K, D)."""
    if not (estimator.warm_start and hasattr(estimator, "coef_")):
        return intercept_only_weights(objective)
    if of_labels["multilabel_"] != estimator.multilabel_:
        had, has = (
            ("several columns", "one") if estimator.multilabel_ else ("one column", "several")
        )
        raise ValueError(
            f"warm_start=True continues a fit of labels of the same kind: it had {had} of them, y "
            f"has {has}."
        )
    classes = of_labels["classes_"]
    if not np.array_equal(classes, estimator.classes_):
        raise ValueError(
            "warm_start=True continues a fit on the same classes: it had "
            f"{as_shown(estimator.classes_)}, y has {as_shown(classes)}."
        )
    n_features = estimator.coef_.shape[1]
    if n_features != objective.rows.n_features:
        raise ValueError(
            f"warm_start=True continues a fit on {n_features} features, but X has "
            f"{objective.rows.n_features} features."
        )
    W = pack_weights(estimator).view(-1, *objective.weights_shape[1:])
    return W[labels]


def build_solver(
    estimator: Any,
    objective: PenalizedNLL,
    W: Tensor,
    rng: np.random.RandomState,
    buffers: dict[str, Array] | None = None,
) -> Iterator[Progress]:
    """Return the iterations of the estimator's solver from the weights ``W`` (L, K, D)."""
    W = W.to(objective.rows.placement.device)
    if estimator.solver == "lbfgs":
        return minimize_full_batch(objective, W, tol=estimator.tol)
    if estimator.solver == "adam":
        optimizer: Adam | SGD = Adam(estimator.learning_rate_init)
    else:
        optimizer = SGD(estimator.learning_rate_init, estimator.momentum)
    generator = torch.Generator().manual_seed(int(rng.randint(2**31 - 1)))
    # With early stopping the validation loss alone decides, not the training loss.
    n_iter_no_change = np.inf if estimator.early_stopping else estimator.n_iter_no_change
    return minimize_minibatch(
        objective,
        W,
        optimizer=optimizer,
        sampling=Sampling(estimator.batch_size, estimator.shuffle, generator),
        patience=Patience(estimator.tol, n_iter_no_change),
        buffers=None if buffers is None else {k: as_tensor(v) for k, v in buffers.items()},
    )


@dataclass(frozen=True)
class PartialFitState:
    """Where the next `partial_fit` goes on, in plain NumPy.

    Random numbers come from a seed and the number of calls, not from a generator that lives on:
    a call that fails moves nothing, nor does one of a copy.
    """

    optimizer: tuple[str, bool]  # solver and fit_intercept, to which the buffers belong
    seed: int
    n_calls: int = 0
    buffers: dict[str, Array] | None = None

    @property
    def rng(self) -> np.random.RandomState:
        """The random numbers of the next call."""
        return np.random.RandomState([self.seed, self.n_calls])

    def after(self, progress: Progress) -> PartialFitState:
        """Return the state after one more epoch."""
        buffers = {name: buffer.cpu().numpy() for name, buffer in progress.buffers.items()}
        return replace(self, n_calls=self.n_calls + 1, buffers=buffers)


def continued_state(estimator: Any) -> PartialFitState:
    """Return the state that ``estimator`` goes on from, its optimiser a new one where it changed.

    Without an intercept the buffers have a column less, and those of an intercept that comes later
    would be out of step.
    """
    optimizer = (estimator.solver, bool(estimator.fit_intercept))
    state: dict[str, Any] | None = getattr(estimator, "_stream", None)
    if state is None:
        return PartialFitState(
            optimizer, check_random_state(estimator.random_state).randint(2**31 - 1)
        )
    stream = PartialFitState(**state)
    if stream.optimizer != optimizer:
        return replace(stream, optimizer=optimizer, buffers=None)
    return stream
