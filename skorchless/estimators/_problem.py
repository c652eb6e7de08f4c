"""From input and parameters to what the engine solves: samples, objective, solver.

The classifiers call it; it checks only what depends on several arguments at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL, constant_model
from skorchless._engine.placement import (
    Placement,
    as_tensor,
    dtype_of,
    place,
    place_beside,
    resolve_device,
    resolve_dtype,
)
from skorchless._engine.solvers.base import Patience, Progress
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless._engine.solvers.minibatch import SGD, Adam, Sampling, minimize_minibatch
from skorchless.estimators._inputs import (
    Array,
    as_shown,
    check_sample_weight,
    check_X_y,
    is_dask,
    weigh_classes,
)
from skorchless.estimators._linear import pack_weights
from skorchless.estimators._monitor import Validation
from skorchless.estimators._samples import Samples

if TYPE_CHECKING:
    from skorchless.estimators._dask import DaskSamples

AnySamples: TypeAlias = "Samples | DaskSamples"


def read_samples(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, reset: bool
) -> AnySamples:
    """Return the samples that a caller gave, checked against each other."""
    if is_dask(X):
        # Imported where it is used: Dask is optional.
        from skorchless.estimators._dask import read_dask_samples

        return read_dask_samples(estimator, X, y, sample_weight, reset=reset)
    X, y = check_X_y(estimator, X, y, reset=reset)
    return Samples(X, y, check_sample_weight(sample_weight, len(y)))


def resolve_placement(estimator: Any, X: Any) -> Placement:
    """Return where and in which precision ``estimator`` computes with ``X``."""
    return place(resolve_device(estimator.device, X), resolve_dtype(estimator.dtype, dtype_of(X)))


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


def build_objective(
    samples: AnySamples,
    classes: Array,
    estimator: Any,
    placement: Placement,
    *,
    unit: float | None = None,
) -> PenalizedNLL:
    """Return the objective of ``samples``, whose labels are codes, under the penalty.

    ``unit`` divides the weights. With their mean, the default, the objective is per unit of
    weight, and weights of any scale do not overflow.
    """
    totals, sizes = samples.class_totals(len(classes))
    by_class = weigh_classes(estimator.class_weight, classes, totals)
    # Samples of weight 0 do not count: as if they were missing.
    total, n_samples = float(totals @ by_class), int(sizes[by_class > 0].sum())
    unit = total / n_samples if unit is None else unit

    def per_model(value: float) -> Tensor:
        return torch.full((1,), value, dtype=placement.sum_dtype, device=placement.device)

    return PenalizedNLL(
        rows=samples.rows(placement, by_class, np.array([unit])),
        n_classes=len(classes),
        fit_intercept=estimator.fit_intercept,
        # Divided in this order, because C * total overflows sooner.
        alpha=per_model(1.0 / estimator.C / total * (total / unit / n_samples)),
        l1_ratio=per_model(estimator.l1_ratio),
        total_weight=per_model(n_samples),
        fold=torch.zeros(1, dtype=torch.int64, device=placement.device),
    )


def first_weights(estimator: Any, objective: PenalizedNLL, classes: Array) -> Tensor:
    """Return the constant model, or the fit before where it is continued, (1, K, D)."""
    if not (estimator.warm_start and hasattr(estimator, "coef_")):
        return constant_model(objective)
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
    return pack_weights(estimator)


def build_solver(
    estimator: Any,
    objective: PenalizedNLL,
    W: Tensor,
    rng: np.random.RandomState,
    buffers: dict[str, Array] | None = None,
) -> Iterator[Progress]:
    """Return the iterations of the estimator's solver from the weights ``W`` (1, K, D)."""
    W = W.to(objective.rows.placement.device)
    if estimator.solver == "lbfgs":
        return minimize_full_batch(objective, W, tol=estimator.tol)
    generator = torch.Generator().manual_seed(int(rng.randint(2**31 - 1)))
    # With early stopping the validation loss alone decides, not the training loss.
    n_iter_no_change = np.inf if estimator.early_stopping else estimator.n_iter_no_change
    return minimize_minibatch(
        objective,
        W,
        optimizer=build_optimizer(estimator),
        sampling=Sampling(estimator.batch_size, estimator.shuffle, generator),
        patience=Patience(estimator.tol, n_iter_no_change),
        buffers=None if buffers is None else {k: as_tensor(v) for k, v in buffers.items()},
    )


def build_optimizer(estimator: Any) -> Adam | SGD:
    """Return the update rule of the estimator's minibatch solver."""
    if estimator.solver == "adam":
        return Adam(estimator.learning_rate_init)
    return SGD(estimator.learning_rate_init, estimator.momentum)


@dataclass(frozen=True)
class Stream:
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

    def after(self, progress: Progress) -> Stream:
        """Return the stream after one more epoch."""
        buffers = {name: buffer.cpu().numpy() for name, buffer in progress.buffers.items()}
        return replace(self, n_calls=self.n_calls + 1, buffers=buffers)


def continued_stream(estimator: Any) -> Stream:
    """Return the stream that ``estimator`` goes on with, its optimiser a new one where it changed.

    Without an intercept the buffers have a column less, and those of an intercept that comes later
    would be out of step.
    """
    optimizer = (estimator.solver, bool(estimator.fit_intercept))
    stream: Stream | None = getattr(estimator, "_stream", None)
    if stream is None:
        return Stream(optimizer, check_random_state(estimator.random_state).randint(2**31 - 1))
    if stream.optimizer != optimizer:
        return replace(stream, optimizer=optimizer, buffers=None)
    return stream
