"""The scores of a grid's candidates on the samples that each fold leaves out.

TorchLogisticClassifierCV calls it. All candidates of a fold are predicted by one product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.metrics import get_scorer
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.placement import place
from skorchless.estimators._data.samples import MultilabelSamples, Samples
from skorchless.estimators._fit.grid import Grid
from skorchless.estimators._fit.labels import bytes_at_once, constant_labels, with_constants
from skorchless.estimators._sklearn_private import (
    _check_method_params,
    parameters_of,
    with_all_classes,
)
from skorchless.estimators._weights import logits_of_rows

if TYPE_CHECKING:
    from skorchless.estimators._data.dask import DaskSamples


def resolve_scorer(scoring: Any) -> Any:
    """Return the scorer that ``scoring`` means, accuracy for None."""
    return get_scorer("accuracy" if scoring is None else scoring)


def weights_for(scorer: Any, sample_weight: Any) -> dict[str, Any]:
    """Return ``sample_weight`` as a parameter of ``scorer``, if there is one and it can weigh."""
    if sample_weight is None:
        return {}
    parameters = parameters_of(scorer)
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    return {"sample_weight": sample_weight} if takes_any or "sample_weight" in parameters else {}


def score_folds(
    grid: Grid,
    W: Tensor,
    samples: Samples | DaskSamples,
    classes: Array,
    scorer: Any,
    score_params: dict[str, Any],
    make_model: Callable[..., Any],
    *,
    per_label: bool = False,
) -> Array:
    """Return the scores (n_folds, n_l1_ratios, n_cs) of candidates ``W`` (M, K, D).

    Or, ``per_label``, those of each label, (n_folds, n_l1_ratios, n_cs, L). ``make_model`` gets
    weights (1, K, D), X, its logits, C and l1_ratio, and returns what a scorer sees.
    """
    assert grid.folds is not None  # noqa: S101
    X, y, K = samples.X, samples.labels, W.shape[1]
    scorer = (
        scorer if samples.is_multilabel and not per_label else with_all_classes(scorer, classes)
    )
    penalties = [(float(C), float(ratio)) for ratio in grid.l1_ratios for C in grid.Cs]
    columns = [slice(label, label + 1) for label in range(K)] if per_label else [slice(K)]
    scores = []
    for (train, test), of_fold in zip(grid.folds, torch.split(W, len(penalties)), strict=True):
        X_test, y_test = X[test], y[test]
        if samples.is_multilabel:
            constants = constant_labels(MultilabelSamples(X, y[train], samples.weights[train]))
            of_fold = with_constants(of_fold, constants, X.shape[1])
        params = _check_method_params(X, score_params, indices=test)
        for (C, ratio), weights, logits in zip(
            penalties, torch.split(of_fold, 1), _logits_of(X_test, of_fold), strict=True
        ):
            for own in columns:
                model = make_model(weights[:, own], X_test, logits[:, own], C=C, l1_ratio=ratio)
                labels = column_of(y_test, own.start) if per_label else y_test
                scores.append(call_scorer(scorer, model, X_test, labels, params))
    return np.reshape(scores, (*grid.shape, K) if per_label else grid.shape)


def _logits_of(X: Any, W: Tensor) -> Iterator[Tensor]:
    """Yield the logits (N, K) of each candidate ``W`` (candidates, K, D)."""
    # One product for as many as the memory takes, (N, candidates * K).
    n_logits = X.shape[0] * W.shape[1] * W.dtype.itemsize
    for some in torch.split(W, max(1, bytes_at_once(X) // n_logits)):
        # Cloned: a cluster would be sent the memory of all folds with a view of one.
        logits = logits_of_rows(X, some.flatten(0, 1).clone(), place(W.device, W.dtype))
        yield from torch.split(logits, W.shape[1], 1)


def column_of(labels: Any, label: int) -> Array:
    """Return the values (N,) of a label, of labels (N, L), which may be sparse."""
    column: Any = labels[:, [label]]
    return np.ravel(column.toarray() if issparse(column) else column)


def call_scorer(scorer: Any, model: Any, X: Any, y: Array, params: dict[str, Any]) -> float:
    """Return the score of ``model``, whose predictions are NumPy, as ``y`` is, whatever X is."""
    with config_context(array_api_dispatch=False):
        score = scorer(model, X, y, **params)
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ValueError(f"scoring must return a number, got {score!r}.") from None
