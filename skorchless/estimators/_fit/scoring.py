"""The scores of a grid's candidates on the samples that each fold leaves out.

TorchLogisticClassifierCV calls it. All candidates of a fold are predicted by one product.
"""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

import numpy as np
import torch
from sklearn.metrics import get_scorer
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.placement import place
from skorchless.estimators._classifier import TorchLogisticClassifier
from skorchless.estimators._data.read import AnySamples
from skorchless.estimators._fit.grid import Grid
from skorchless.estimators._linear import linear_attributes, logits_of_rows, predictions_in_numpy
from skorchless.estimators._sklearn_private import (
    _check_method_params,
    metric_options,
    score_function_of,
    with_metric_options,
)


class ScoredClassifier(TorchLogisticClassifier):
    """A classifier with coef_, intercept_ and classes_ whose logits of some samples are known."""

    # Of which samples, by which coefficients; a scorer may fit it anew, or a clone of it.
    _known: tuple[Any, Array, Tensor] | None = None

    def _logits(self, X: Any) -> Tensor:
        """Return the logits (N, K), without a product where they are known."""
        if self._known is not None:
            known_X, known_coef, known_logits = self._known
            if X is known_X and self.coef_ is known_coef:
                return known_logits
        return super()._logits(X)


def scored_classifier(
    W: Tensor, X: Any, logits: Tensor, classes: Array, **parameters: Any
) -> ScoredClassifier:
    """Return a classifier of the weights (1, K, D) whose ``logits`` (N, K) of X are known."""
    model = ScoredClassifier(**parameters)
    model.__dict__.update(linear_attributes(W, X.shape[1], classes))
    model.n_features_in_ = X.shape[1]
    model._known = (X, model.coef_, logits)
    return model


def resolve_scorer(scoring: Any) -> Any:
    """Return the scorer that ``scoring`` means, accuracy for None."""
    return get_scorer("accuracy" if scoring is None else scoring)


def with_all_classes(scorer: Any, classes: Array) -> Any:
    """Return ``scorer``, told of all ``classes`` where its metric asks for them."""
    # A test set may lack a class, and log loss then does not know what a column belongs to.
    metric = score_function_of(scorer)
    parameters = {} if metric is None else signature(metric).parameters
    if "labels" not in parameters:
        return scorer
    options = {"labels": classes}
    average = metric_options(scorer).get("average", "binary")
    if len(classes) == 2 and "pos_label" in parameters and average == "binary":
        options["pos_label"] = classes[1]
    return with_metric_options(scorer, **options)


def weights_for(scorer: Any, sample_weight: Any) -> dict[str, Any]:
    """Return ``sample_weight`` as a parameter of ``scorer``, if there is one and it can weigh."""
    if sample_weight is None:
        return {}
    parameters = signature(score_function_of(scorer) or scorer).parameters
    takes_any = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    return {"sample_weight": sample_weight} if takes_any or "sample_weight" in parameters else {}


def _as_number(score: Any) -> float:
    """Return what a scorer has returned, or raise where it is no number."""
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ValueError(f"scoring must return a number, got {score!r}.") from None


def score_folds(
    grid: Grid,
    W: Tensor,
    samples: AnySamples,
    classes: Array,
    scorer: Any,
    *,
    score_params: dict[str, Any],
    parameters: dict[str, Any],
) -> Array:
    """Return the scores (n_folds, n_l1_ratios, n_cs) of candidates ``W`` (M, K, D).

    ``parameters`` are those of the classifiers that a scorer sees, beside C and l1_ratio.
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
        known = logits_of_rows(X_test, of_fold.flatten(0, 1).clone(), place(W.device, W.dtype))
        for (C, ratio), weights, known_scores in zip(
            penalties, torch.split(of_fold, 1), torch.split(known, W.shape[1], 1), strict=True
        ):
            model = scored_classifier(
                weights, X_test, known_scores, classes, C=C, l1_ratio=ratio, **parameters
            )
            with predictions_in_numpy():
                scores.append(_as_number(scorer(model, X_test, y_test, **params)))
    return np.reshape(scores, grid.shape)
