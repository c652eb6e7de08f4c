"""What plots and comparisons read from a fitted estimator, a pipeline or a search."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skorchless._arrays import Array


def final_step(estimator: Any) -> Any:
    """Return ``estimator``, of a pipeline its last step."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def fitted_model_with(attribute: str, estimator: Any) -> Any:
    """Return the model with ``attribute`` at the end of a pipeline, or that a search chose.

    Raise where there is none.
    """
    last = final_step(estimator)
    while not hasattr(last, attribute) and hasattr(last, "best_estimator_"):
        last = final_step(last.best_estimator_)
    if not hasattr(last, attribute):
        text = f"This {type(last).__name__} has no {attribute}; pass a fitted estimator that has."
        # scikit-learn's naming rule: what a fit has set ends in an underscore.
        is_fitted = any(name.endswith("_") and name[0] != "_" for name in vars(last))
        raise ValueError(text) if is_fitted else NotFittedError(text)
    return last


def class_weights_of(classifier: Any) -> Array | None:
    """Return the weights (K, P) of a fitted linear classifier, (1, P) for two classes.

    Of several labels, a row for each.

    None for other models: a forest, a regression, one row for each pair of classes.
    """
    coef, classes = (getattr(classifier, name, None) for name in ("coef_", "classes_"))
    if coef is None or classes is None:
        return None
    weights: Array = coef.toarray() if issparse(coef) else np.atleast_2d(coef)
    # Three classes have three pairs, so the number of rows does not tell.
    are_of_pairs = hasattr(classifier, "support_vectors_") and len(classes) > 2
    is_multilabel = getattr(classifier, "multilabel_", False)
    expected = 1 if len(classes) == 2 and not is_multilabel else len(classes)
    return weights if len(weights) == expected and not are_of_pairs else None


def confidence_of(y_pred: Array, proba: Array, classes: Array) -> Array:
    """Return the probability (N,) of each predicted label, among those (N, K) of ``classes``.

    It need not be the largest: a classifier may have a threshold of its own.
    """
    order = np.argsort(classes)
    columns = order[np.searchsorted(classes, y_pred, sorter=order)]
    return proba[np.arange(len(y_pred)), columns]
