"""compare: fit models on one split and measure each in the same way.

It never prints: `Comparison` has the text, and whoever wants to see progress passes a function.
"""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pandas as pd
from sklearn.exceptions import FitFailedWarning

from skorchless._arrays import Array
from skorchless._engine.placement import resolve_device
from skorchless._tables.notes import as_lines
from skorchless.comparison._comparison import Comparison
from skorchless.comparison._conditions import describe_conditions
from skorchless.comparison._data import Data, resolve_data
from skorchless.comparison._models import check_models, resolve_models
from skorchless.comparison._preprocessor import column_preprocessor
from skorchless.comparison._scores import (
    baseline_of,
    label_table,
    predictions_of,
    probabilities_of,
    scores_of,
)
from skorchless.comparison._split import TEST_SIZE, Split

COSTS = ["fit_seconds", "predict_seconds", "size_bytes"]


def compare(
    X: Any,
    y: Any = None,
    *,
    target: Any = None,
    drop: Iterable[Any] = (),
    classes: bool = False,
    read_params: Mapping[str, Any] | None = None,
    X_test: Any = None,
    y_test: Any = None,
    test_size: float = TEST_SIZE,
    models: Mapping[str, Any] | Iterable[str] | None = None,
    device: Any = "auto",
    random_state: Any = None,
    image_shape: tuple[int, int] | None = None,
    progress: Callable[[str], object] | None = None,
) -> Comparison:
    """Fit models one after the other on the same samples and measure what each gives and costs.

    Parameters
    ----------
    X : {array-like, frame, tensor} of shape (n_samples, n_features), str, Path or binary file
        Samples, or a table that has the labels too, or the file of one, as
        :func:`~skorchless.datasets.read_table` takes it. Frames are those of pandas and polars
        and Arrow tables. Columns of text are read as numbers, dates or booleans where they are,
        as from a file; a first column without a name that numbers the rows, and columns of which
        nearly every row has a text of its own, are left out, and said. Models of your own get all
        other columns of a ``target``'s table, with types, and samples beside ``y`` as they are.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
        The labels of ``X``, in an array, a frame or a tensor: one for each sample, or zeros and
        ones in a column for each of several labels, as a sparse matrix too. The columns of a
        frame name them.
    target : str or list of str, default=None
        The column of a table that has the labels, in the place of ``y``, or several columns of
        two values each, as a list or with commas. Rows without a label are left out, and so are
        the classes of a single row.
    drop : iterable of str, default=()
        Columns of a table that models do not learn from.
    classes : bool, default=False
        Whether numbers of the ``target`` are labels, however many there are.
    read_params : dict, default=None
        Parameters of :func:`~skorchless.datasets.read_table` for a file: ``sep``, ``encoding``,
        ``header``, ``na``.
    X_test : {array-like, frame, tensor} of shape (n_test, n_features), default=None
        Samples to test on. None sets a part of ``X`` aside, stratified unless there are several
        labels.
    y_test : array-like of shape (n_test,) or (n_test, n_labels), default=None
        The labels of ``X_test``.
    test_size : float or int, default=0.25
        The fraction or number of samples to set aside where ``X_test`` is None.
    models : dict of str to estimator, or iterable of str, default=None
        The classifiers to compare. They are cloned, not fitted themselves. None means
        `default_models`, and names those of them, or classifiers of scikit-learn such as
        ``"HistGradientBoostingClassifier"`` with their defaults; where ``X`` is a frame, each
        behind a `column_preprocessor` of it. Named ones that take one label alone are fitted to
        each of several by :class:`~sklearn.multiclass.OneVsRestClassifier`; wrap your own.
    device : str or torch.device, default='auto'
        The device of the default models; ignored where ``models`` is a dict.
    random_state : int, RandomState instance or None, default=None
        Seeds the split and the models that are named.
    image_shape : tuple of int, default=None
        Height and width where samples are images; `Comparison.to_html` then draws coefficients
        and mistakes as pictures.
    progress : callable, default=None
        Called with one line of text for each remark on the data, for a model when its fit begins,
        ending in "...", and when it has been measured. None is silent, but for a warning of what
        was left out of the data.

    Returns
    -------
    comparison : Comparison
        The table and the fitted models. Beside the models, the table has a row of what always
        answering the commonest class would give, or the commonest value of each label.

    Raises
    ------
    ValueError
        If samples and labels do not fit together, ``y_test`` has a label that ``y`` has not,
        ``models`` are no classifiers, ``image_shape`` is not that of the samples, a number of a
        frame is infinite, the ``target`` is a quantity, a column of several labels has other
        than two values, or no model could be fitted.

    Warns
    -----
    sklearn.exceptions.FitFailedWarning
        If a model fails; its row has no numbers, and the others are measured.
    sklearn.exceptions.DataConversionWarning
        If labels, one for each sample, come as an array or frame of one column.

    See Also
    --------
    default_models : The models where none are given.
    column_preprocessor : What goes before them where samples are a data frame.
    skorchless.datasets.read_table : Reads the file of a table.

    Notes
    -----
    Times are of a single run in this process, one model at a time. On a GPU, the first model
    there also pays for starting the device.

    Several labels are split at random: scikit-learn stratifies by one label, and there may be as
    many combinations of several as there are samples. A rare label can be missing on either side;
    pass ``X_test`` and ``y_test`` to split otherwise. Where a label has no ones, neither true nor
    predicted, its F1 counts 0, as wherever scikit-learn warns of it.

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
    {'logistic': 1.0, 'stump': 0.66, 'commonest class': 0.32}

    A table has the labels in one of its columns:

    >>> iris = load_iris(as_frame=True).frame
    >>> comparison = compare(iris, target="target", models=["lbfgs"], random_state=0)
    >>> comparison.table.index.tolist()
    ['lbfgs', 'commonest class']

    Samples may have several labels:

    >>> from sklearn.datasets import make_multilabel_classification
    >>> X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    >>> comparison = compare(X, Y, models=["forest"], random_state=0)
    >>> comparison.table.columns[:4].tolist()
    ['subset_accuracy', 'f1_micro', 'f1_macro', 'log_loss']
    >>> comparison.label_table["f1"].unstack("model").shape
    (3, 2)
    """
    # Wrong models and devices cost no reading of a file.
    models = check_models(models)
    if not isinstance(models, Mapping):
        resolve_device(device, None)
    data = resolve_data(
        X,
        y,
        target=target,
        drop=drop,
        classes=classes,
        read_params=dict(read_params or {}),
        X_test=X_test,
        y_test=y_test,
        test_size=test_size,
        random_state=random_state,
        is_left_alone=isinstance(models, Mapping),
        progress=progress,
    )
    split = data.split
    _check_image_shape(image_shape, split.X)
    unfitted = resolve_models(
        models,
        device=device,
        random_state=random_state,
        preprocessor=column_preprocessor(split.X) if data.is_table else None,
        n_samples=len(split.y),
        is_multilabel=split.is_multilabel,
    )
    # Before the fits, which would be lost with whatever cannot be described.
    conditions = data.facts | describe_conditions(split, random_state)
    notes = _say(data, progress)
    measured, failures = _fit_all(unfitted, split, progress)
    return Comparison(
        **_tables(unfitted, measured, split),
        models={name: unfitted[name] for name in measured},
        X_test=split.X_test,
        y_test=split.y_test,
        classes=split.classes,
        predictions={name: result.predictions for name, result in measured.items()},
        probabilities={
            name: result.probabilities
            for name, result in measured.items()
            if result.probabilities is not None
        },
        conditions=conditions,
        image_shape=image_shape,
        notes=notes,
        failures=failures,
    )


def _say(data: Data, progress: Callable[[str], object] | None) -> tuple[str, ...]:
    """Return what is to be said of the data; tell it, or warn of what was lost."""
    notes = tuple(as_lines(data.notes))
    if progress is not None:
        for line in notes:
            progress(line)
        progress(data.summary)
    elif losses := as_lines(note for note in data.notes if note.is_loss):
        warnings.warn("\n".join(losses), UserWarning, stacklevel=3)
    return notes


def _tables(
    names: Iterable[str], measured: dict[str, _Measurement], split: Split
) -> dict[str, pd.DataFrame]:
    """Return the table, with a row for each model, empty for one that failed, and a baseline.

    Beside it, where there are several labels, the table of these.
    """
    rows = {name: measured[name].row if name in measured else {} for name in names}
    predictions = {name: result.predictions for name, result in measured.items()}
    baseline, commonest, shares = baseline_of(split)
    scores = scores_of(split, commonest, shares)
    if baseline not in rows:
        rows[baseline], predictions[baseline] = scores, commonest
    index = pd.Index(list(rows), name="model")
    table = pd.DataFrame(rows.values(), columns=[*scores, *COSTS], index=index)
    if not split.is_multilabel:
        return {"table": table}
    return {"table": table, "label_table": label_table(split, predictions)}


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


@dataclass(frozen=True)
class _Measurement:
    """A model's row of the table, and what it predicts for the test samples."""

    row: dict[str, float]
    predictions: Array  # (N,), or zeros and ones (N, L)
    probabilities: Array | None  # (N, K), or of ones (N, L)


def _fit_all(
    models: dict[str, Any], split: Split, progress: Callable[[str], object] | None
) -> tuple[dict[str, _Measurement], dict[str, str]]:
    """Fit the models; return what was measured of each, and why others failed."""
    measured, failures = {}, {}
    for number, (name, model) in enumerate(models.items(), start=1):
        if progress is not None:
            progress(f"fitting {name} ({number} of {len(models)}) ...")
        try:
            measured[name] = _fit_and_measure(model, split)
        except Exception as error:  # whatever a classifier may raise: the others go on
            failures[name] = " ".join(f"{type(error).__name__}: {error}".split())
            warnings.warn(f"{name} failed: {failures[name]}", FitFailedWarning, stacklevel=3)
            continue
        if progress is not None:
            progress(f"done in {measured[name].row['fit_seconds']:.2f} s")
    if not measured:
        why = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        raise ValueError(f"no model could be fitted. {why}")
    return measured, failures


def _fit_and_measure(model: Any, split: Split) -> _Measurement:
    """Fit ``model``, time it and score it."""
    start = perf_counter()
    model.fit(split.X, split.y)
    fitted = perf_counter()
    # As NumPy within the time: labels still on their way from a GPU are not there yet.
    predictions = predictions_of(model, split.X_test)
    predicted = perf_counter()
    probabilities = probabilities_of(model, split.X_test, split.y)
    row = {
        **scores_of(split, predictions, probabilities),
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
        "size_bytes": _pickled_size(model),
    }
    return _Measurement(row, predictions, probabilities)


def _pickled_size(model: Any) -> float:
    """Return the bytes of the pickled ``model``; NaN where it has a part without a pickle."""
    try:
        return len(pickle.dumps(model))
    except (pickle.PicklingError, AttributeError, TypeError):
        return math.nan
