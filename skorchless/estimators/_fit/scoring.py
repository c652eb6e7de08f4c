"""The scores of a grid's candidates on the samples that each fold leaves out.

TorchLogisticClassifierCV calls it. All candidates of a fold are predicted by one product.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn import config_context
from sklearn.metrics import get_scorer
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.placement import place
from skorchless.estimators._data.samples import Samples
from skorchless.estimators._fit.grid import Grid
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
) -> Array:
    """Return the scores (n_folds, n_l1_ratios, n_cs) of candidates ``W`` (M, K, D).

    ``make_model`` gets weights (1, K, D), X, its logits, classes, C and l1_ratio, and returns what
    a scorer sees.
    """
    assert grid.folds is not None  # noqa: S101
    X, y = samples.X, samples.labels
    scorer = with_all_classes(scorer, classes)
    penalties = [(float(C), float(ratio)) for ratio in grid.l1_ratios for C in grid.Cs]
    scores = []
    for (_, test), of_fold in zip(grid.folds, torch.split(W, len(penalties)), strict=True):
        X_test, y_test = X[test], y[test]
        params = _check_method_params(X, score_params, indices=test)
        # One product for all candidates, (N, candidates * K).
        # Cloned: a cluster would be sent the memory of all folds with a view of one.
        logits = logits_of_rows(X_test, of_fold.flatten(0, 1).clone(), place(W.device, W.dtype))
        for (C, ratio), weights, own_logits in zip(
            penalties, torch.split(of_fold, 1), torch.split(logits, W.shape[1], 1), strict=True
        ):
            model = make_model(weights, X_test, own_logits, classes, C=C, l1_ratio=ratio)
            scores.append(call_scorer(scorer, model, X_test, y_test, params))
    return np.reshape(scores, grid.shape)


def call_scorer(scorer: Any, model: Any, X: Any, y: Array, params: dict[str, Any]) -> float:
    """Return the score of ``model``, whose predictions are NumPy, as ``y`` is, whatever X is."""
    with config_context(array_api_dispatch=False):
        score = scorer(model, X, y, **params)
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ValueError(f"scoring must return a number, got {score!r}.") from None
