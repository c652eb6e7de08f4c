"""The fits of a batch of tasks on the same features: a model each, which share the passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.objective import PenalizedNLL, intercept_only_weights
from skorchless._engine.placement import Placement, as_tensor
from skorchless._engine.rows.containers import rows_of
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless.estimators._classifier import TorchLogisticClassifier
from skorchless.estimators._data.samples import Samples, weights_of_classes
from skorchless.estimators._fit.loop import FitResult, drive
from skorchless.inference._tasks import Task


def fit_tasks(
    classifier: TorchLogisticClassifier,
    X: Any,
    samples: Samples,
    tasks: list[Task],
    placement: Placement,
) -> FitResult:
    """Return the fit of one model for each of ``tasks``; ``X`` (N, P) are the features of all."""
    codes, label = _label_codes(tasks, samples.n_classes)
    weights, column = _row_weights(classifier.class_weight, samples, tasks)
    n_samples = np.count_nonzero(weights, axis=1)
    means = weights.sum(1) / n_samples
    weights /= means[:, None]  # 1 in the mean, as in a fit by itself
    alpha = 1.0 / classifier.C / means / n_samples

    def to_engine(values: Any, dtype: torch.dtype = placement.sum_dtype) -> Tensor:
        return torch.as_tensor(values, dtype=dtype, device=placement.device)

    row_weights = as_tensor(weights.T).to(placement.dtype)
    objective = PenalizedNLL(
        rows=rows_of(X, (as_tensor(codes), row_weights), placement),
        n_classes=samples.n_classes,
        fit_intercept=classifier.fit_intercept,
        alpha=to_engine(alpha[column]),
        l1_ratio=to_engine(np.full(len(tasks), classifier.l1_ratio)),
        total_weight=to_engine(n_samples[column]),
        fold=to_engine(column, torch.int64),
        label=to_engine(label, torch.int64),
    )
    W = intercept_only_weights(objective)
    solver = minimize_full_batch(objective, W, tol=classifier.tol)
    return drive(solver, W, max_iter=classifier.max_iter)


def _label_codes(tasks: list[Task], n_classes: int) -> tuple[Array, Array]:
    """Return the codes (N, L) of the permutations of ``tasks``, and which one each task has."""
    permutations = [task.permutation for task in tasks]
    _, first, label = np.unique(permutations, return_index=True, return_inverse=True)
    # Passes gather less of bytes; the loss of more than two classes has to have indices.
    dtype = np.uint8 if n_classes == 2 else np.int64
    return np.array([tasks[number].codes for number in first], dtype).T, label


def _row_weights(class_weight: Any, samples: Samples, tasks: list[Task]) -> tuple[Array, Array]:
    """Return the different weights (F, N) of training samples, and which ones each task has."""
    # Without class weights all permutations share the weights of a fold.
    keys = [
        number if class_weight is not None else task.train.tobytes()
        for number, task in enumerate(tasks)
    ]
    columns: dict[Any, int] = {}
    column = np.array([columns.setdefault(key, len(columns)) for key in keys])
    weights = np.empty((len(columns), samples.n_samples))
    _, first = np.unique(column, return_index=True)
    for of_task, task in zip(weights, (tasks[number] for number in first), strict=True):
        # A bootstrap has samples more than once.
        of_task[:] = np.bincount(task.train, minlength=samples.n_samples)
        of_task *= samples.weights
        if class_weight is not None:
            of_classes = weights_of_classes(class_weight, samples.classes, task.class_totals)
            of_task *= of_classes[task.codes]
    return weights, column
