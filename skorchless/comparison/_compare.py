"""compare: fit models on one split and measure each in the same way.

It never prints: `Comparison` has the text, and whoever wants to see progress passes a function.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss

from skorchless._arrays import Array, to_numpy
from skorchless.comparison._comparison import Comparison
from skorchless.comparison._conditions import describe_conditions
from skorchless.comparison._models import default_models
from skorchless.comparison._preprocessor import check_numbers, column_preprocessor
from skorchless.comparison._split import TEST_SIZE, Split, resolve_split


def compare(
    X: Any,
    y: Any,
    *,
    X_test: Any = None,
    y_test: Any = None,
    test_size: float = TEST_SIZE,
    models: Mapping[str, Any] | None = None,
    device: Any = "auto",
    random_state: Any = None,
    image_shape: tuple[int, int] | None = None,
    progress: Callable[[str], object] | None = None,
) -> Comparison:
    """Fit models one after the other on the same samples and measure what each gives and costs.

    Parameters
    ----------
    X : {array-like, frame, tensor} of shape (n_samples, n_features)
        Samples, handed to the models as they are: models of your own have to take them.
    y : {array-like, tensor} of shape (n_samples,)
        Their labels.
    X_test : {array-like, frame, tensor} of shape (n_test, n_features), default=None
        Samples to test on. None sets a part of ``X`` aside, stratified.
    y_test : {array-like, tensor} of shape (n_test,), default=None
        The labels of ``X_test``.
    test_size : float or int, default=0.25
        The fraction or number of samples to set aside where ``X_test`` is None.
    models : dict of str to estimator, default=None
        The classifiers to compare. They are cloned, not fitted themselves. None means
        `default_models`; where ``X`` is a pandas frame, behind a `column_preprocessor` of it.
    device : str or torch.device, default='auto'
        The device of the default models; ignored where ``models`` is given.
    random_state : int, RandomState instance or None, default=None
        Seeds the split and the default models.
    image_shape : tuple of int, default=None
        Height and width where samples are images; `Comparison.to_html` then draws coefficients
        and mistakes as pictures.
    progress : callable, default=None
        Called with one line of text when a model's fit begins, ending in "...", and with
        another one when the model has been measured. None is silent.

    Returns
    -------
    comparison : Comparison
        The table and the fitted models.

    Raises
    ------
    ValueError
        If samples and labels do not fit together, ``y_test`` has a label that ``y`` has not,
        ``models`` is no dict of names and classifiers, ``image_shape`` is not that of the
        samples, or a number of a frame is infinite.

    See Also
    --------
    default_models : The models where none are given.
    column_preprocessor : What goes before them where samples are a data frame.

    Notes
    -----
    Times are of a single run in this process, one model at a time. On a GPU, the first model
    there also pays for starting the device.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skorchless import TorchLogisticClassifier
    >>> from skorchless.comparison import compare
    >>> X, y = load_iris(return_X_y=True)
    >>> stump = DecisionTreeClassifier(max_depth=1)
    >>> models = {"logistic": TorchLogisticClassifier(), "stump": stump}
    >>> comparison = compare(X, y, models=models, random_state=0)
    >>> comparison.table.columns.tolist()
    ['accuracy', 'log_loss', 'fit_seconds', 'predict_seconds', 'size_bytes']
    >>> comparison.table["accuracy"].round(2).to_dict()
    {'logistic': 1.0, 'stump': 0.66}
    """
    if models is None:
        models = default_models(
            device=device, random_state=random_state, preprocessor=_preprocessor_of(X, X_test)
        )
    fitted = _unfitted_clones(models)
    split = resolve_split(X, y, X_test, y_test, test_size, random_state)
    _check_image_shape(image_shape, split.X)
    # Before the fits, which would be lost with whatever cannot be described.
    conditions = describe_conditions(split.X, split.y, split.y_test, random_state)
    measured = {}
    for number, (name, model) in enumerate(fitted.items(), start=1):
        if progress is not None:
            progress(f"fitting {name} ({number} of {len(fitted)}) ...")
        measured[name] = _fit_and_measure(model, split)
        if progress is not None:
            progress(f"done in {measured[name].row['fit_seconds']:.2f} s")
    rows = [result.row for result in measured.values()]
    return Comparison(
        table=pd.DataFrame(rows, index=pd.Index(list(fitted), name="model")),
        models=fitted,
        X_test=split.X_test,
        y_test=split.y_test,
        classes=np.unique(split.y),
        predictions={name: result.predictions for name, result in measured.items()},
        probabilities={
            name: result.probabilities
            for name, result in measured.items()
            if result.probabilities is not None
        },
        conditions=conditions,
        image_shape=image_shape,
    )


def _preprocessor_of(X: Any, X_test: Any) -> Any:
    """Return what goes before every default model: of a frame, a transformer of its columns."""
    if not isinstance(X, pd.DataFrame):
        return None
    for frame in (X, X_test):
        if isinstance(frame, pd.DataFrame):
            check_numbers(frame)
    return column_preprocessor(X)


def _check_image_shape(image_shape: Any, X: Any) -> None:
    """Raise unless ``image_shape`` is None or the height and width of the samples."""
    if image_shape is None:
        return
    shape, n_features = tuple(image_shape), getattr(X, "shape", (0, 0))[-1]
    if len(shape) != 2 or math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape must be a height and a width whose product is the number of features, "
            f"{n_features}; got {image_shape!r}."
        )


def _unfitted_clones(models: Mapping[str, Any]) -> dict[str, Any]:
    """Return a clone of each model; raise for what is no classifier before anything is fitted."""
    if not isinstance(models, Mapping) or not models:
        raise ValueError(
            f"models must be a dict of names and classifiers with at least one entry, "
            f"got {models!r}."
        )
    for name, model in models.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"models must have names for keys, that is text, got {name!r}.")
        if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "predict")):
            raise ValueError(
                f"models[{name!r}] must be an unfitted classifier, an instance with fit and "
                f"predict, got {model!r}."
            )
    return {name: clone(model) for name, model in models.items()}


@dataclass(frozen=True)
class _Measurement:
    """A model's row of the table, and what it predicts for the test samples."""

    row: dict[str, float]
    predictions: Array  # (N,)
    probabilities: Array | None  # (N, K)


def _fit_and_measure(model: Any, split: Split) -> _Measurement:
    """Fit ``model``, time it and score it."""
    start = perf_counter()
    model.fit(split.X, split.y)
    fitted = perf_counter()
    # As NumPy within the time: labels still on their way from a GPU are not there yet.
    predictions = to_numpy(model.predict(split.X_test))
    predicted = perf_counter()
    probabilities = None
    if hasattr(model, "predict_proba"):
        probabilities = to_numpy(model.predict_proba(split.X_test))
    row = {
        "accuracy": float(accuracy_score(split.y_test, predictions)),
        "log_loss": _log_loss(probabilities, split),
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
        "size_bytes": _pickled_size(model),
    }
    return _Measurement(row, predictions, probabilities)


def _log_loss(probabilities: Array | None, split: Split) -> float:
    """Return the mean negative log-likelihood of the test labels; NaN without probabilities."""
    if probabilities is None:
        return math.nan
    # The columns are the training labels in order; the test samples need not have all of them.
    return float(log_loss(split.y_test, probabilities, labels=np.unique(split.y)))


def _pickled_size(model: Any) -> float:
    """Return the bytes of the pickled ``model``; NaN where it has a part without a pickle."""
    try:
        return len(pickle.dumps(model))
    except (pickle.PicklingError, AttributeError, TypeError):
        return math.nan
