"""The scores of tasks: batches of them are fitted together, and each model is scored."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from torch import Tensor

from skorchless._engine.nll import n_weight_rows
from skorchless._engine.placement import Placement
from skorchless._engine.products import Block, logits
from skorchless._engine.rows.containers import map_rows_of
from skorchless._fitted import final_step
from skorchless.estimators._classifier import TorchLogisticClassifier
from skorchless.estimators._data.read import read_samples, resolve_placement
from skorchless.estimators._data.samples import Samples
from skorchless.estimators._fit.labels import bytes_at_once, bytes_of_weights
from skorchless.estimators._fit.loop import finite_weights, full_batch_message
from skorchless.estimators._fit.scoring import call_scorer
from skorchless.estimators._sklearn_private import _safe_indexing
from skorchless.estimators._weights import linear_attributes
from skorchless.inference._batch import fit_tasks
from skorchless.inference._steps import by_training_set, with_last_step
from skorchless.inference._tasks import BYTES_PER_SAMPLE, Task

Item = TypeVar("Item")


@dataclass(frozen=True)
class Experiment:
    """What is fitted and scored for each permutation of the labels."""

    estimator: Any  # a TorchLogisticClassifier, or a pipeline that ends with one
    samples: Samples  # X as it was given
    scorer: Any  # None: accuracy


def in_batches(experiment: Experiment, tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Yield ``tasks`` in lists whose rows take half of the memory that a batch may take."""
    samples = experiment.samples
    return _batched(tasks, bytes_at_once(samples.X) // (2 * BYTES_PER_SAMPLE * samples.n_samples))


def score_tasks(experiment: Experiment, tasks: list[Task]) -> dict[tuple[int, int], float]:
    """Return the score of each of ``tasks``, by its permutation and fold."""
    # A model of fewer classes has another shape: it is fitted by itself.
    scores = {task.key: _score_alone(experiment, task) for task in tasks if task.lacks_a_class}
    whole = [task for task in tasks if not task.lacks_a_class]
    samples = experiment.samples
    for of_set, estimator, X in by_training_set(experiment.estimator, samples, whole):
        classifier = clone(final_step(estimator))
        classifier._validate_params()
        X = read_samples(classifier, X, samples.classes[samples.labels], reset=True).X
        n_weights = n_weight_rows(samples.n_classes) * (X.shape[1] + 1)
        penalties = {"has_l1": classifier.l1_ratio > 0, "has_penalty": np.isfinite(classifier.C)}
        per_model = bytes_of_weights(X, n_weights, **penalties)
        n_at_once = bytes_at_once(X) // (2 * per_model)
        for batch in _batched(of_set, n_at_once):
            scores |= _score_batch(experiment, batch, estimator, classifier, X)
    return scores


def _batched(items: Iterable[Item], n_at_once: int) -> Iterator[list[Item]]:
    """Yield lists of ``n_at_once`` items, but at least of one, and the rest of them."""
    iterator = iter(items)
    while batch := list(islice(iterator, max(1, n_at_once))):
        yield batch


def _score_batch(
    experiment: Experiment,
    tasks: list[Task],
    estimator: Any,
    classifier: TorchLogisticClassifier,
    X: Any,
) -> dict[tuple[int, int], float]:
    """Return the scores of ``tasks`` by one fit to ``X`` (N, P), the features of all samples.

    ``estimator`` has the fitted steps that made them, and ``classifier`` knows their names.
    """
    placement = resolve_placement(classifier, X)
    fit = fit_tasks(classifier, X, experiment.samples, tasks, placement)
    if message := full_batch_message(fit, classifier.tol, placement.dtype):
        # 6: past the functions from here to the line that called permutation_test_score.
        warnings.warn(message, ConvergenceWarning, stacklevel=6)
    W = finite_weights(fit.W, classifier.solver, placement.dtype)
    scores = (
        _accuracies(W, X, tasks, placement)
        if experiment.scorer is None
        else _scores_of_models(experiment, tasks, estimator, classifier, W)
    )
    return dict(zip((task.key for task in tasks), scores, strict=True))


def _accuracies(W: Tensor, X: Any, tasks: list[Task], placement: Placement) -> list[float]:
    """Return the accuracy of the model of each of ``tasks``, whose weights ``W`` are (M, K, D)."""

    def predict(block: Block) -> Tensor:
        of_models = logits(block, W.flatten(0, 1)).view(*W.shape[:2], -1)  # (M, K, B)
        codes = of_models[:, 0] > 0 if W.shape[1] == 1 else of_models.argmax(1)
        return codes.to(torch.int32).T

    n_logits = W.shape[0] * W.shape[1]
    codes = map_rows_of(predict, X, placement, values_per_row=n_logits).cpu().numpy()  # (N, M)
    return [
        float(np.mean(of_model[task.test] == task.codes[task.test]))
        for of_model, task in zip(codes.T, tasks, strict=True)
    ]


def _scores_of_models(
    experiment: Experiment,
    tasks: list[Task],
    estimator: Any,
    classifier: TorchLogisticClassifier,
    W: Tensor,
) -> list[float]:
    """Return what the scorer says of the model of each of ``tasks``, with ``W`` (M, K, D)."""
    scores = []
    for task, weights in zip(tasks, torch.split(W, 1), strict=True):
        fitted: Any = copy(classifier)
        of_labels = experiment.samples.label_attributes
        vars(fitted).update(linear_attributes(weights, classifier.n_features_in_, of_labels))
        scores.append(_score(experiment, task, with_last_step(estimator, fitted)))
    return scores


def _score_alone(experiment: Experiment, task: Task) -> float:
    """Return the score of ``task`` by a fit of its own, as scikit-learn makes it."""
    samples, train = experiment.samples, task.train
    params = {} if (samples.weights == 1).all() else {"sample_weight": samples.weights[train]}
    labels = samples.classes[task.codes[train]]
    fitted = clone(experiment.estimator)
    fitted.fit(_safe_indexing(samples.X, train), labels, **params)
    return _score(experiment, task, fitted)


def _score(experiment: Experiment, task: Task, fitted: Any) -> float:
    """Return the score of ``fitted``, an estimator, on the test samples of ``task``."""
    samples = experiment.samples
    X, y = _safe_indexing(samples.X, task.test), samples.classes[task.codes[task.test]]
    return call_scorer(experiment.scorer or get_scorer("accuracy"), fitted, X, y, {})
