"""What the docstrings of several classes and methods say, written once."""

from __future__ import annotations

import inspect
import re
from typing import TypeVar

Class = TypeVar("Class", bound=type)

SHARED = {
    "X": """
X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
    The samples.""",
    "X_train": """
X : {array-like, sparse matrix, tensor, Dask collection} of shape (n_samples, n_features)
    Training samples: an array, a frame, or a tensor on any device, used as it is; or
    a Dask array or frame, fitted where its partitions live, with ``y`` and
    ``sample_weight`` of the same partitions.""",
    "y": """
y : {array-like, sparse, tensor, Dask collection} of shape (n_samples,) or (n_samples, n_labels)
    Their labels.""",
    "y_train": """
y : {array-like, sparse, tensor, Dask collection} of shape (n_samples,) or (n_samples, n_labels)
    Their labels: numbers or strings, at least two different ones. Or several labels of each,
    in two columns or more of 0 and 1: each label has a model of its own, all fitted together.""",
    "y_ignored": """
y : None
    Ignored.""",
    "sample_weight": """
sample_weight : {array-like, Dask collection} of shape (n_samples,), default=None
    Non-negative weights of the samples; None weighs all alike.""",
    "copy": """
copy : bool, default=None
    Whether to leave ``X`` untouched; None means as the parameter ``copy`` says.""",
    "returns_self": """
Returns
-------
self : object
    The fitted estimator.""",
    "raises": """
Raises
------
NotFittedError
    If the estimator has not been fitted.
ValueError
    If ``X`` has infinite values, NaN (which the scaler takes), or another number of
    features than in `fit`.""",
    "fit_intercept": """
fit_intercept : bool, default=True
    Whether to fit an intercept.""",
    "linear_attributes": """
coef_ : ndarray of shape (1, n_features), (n_classes, n_features) or (n_labels, n_features)
    Coefficients; one row where there are two classes.
intercept_ : ndarray of shape (1,), (n_classes,) or (n_labels,)
    Intercepts; zeros where ``fit_intercept=False``. A label with one value alone has
    coefficients of zero and the intercept 40 or -40, whose probability is 1 or 0.
classes_ : ndarray of shape (n_classes,) or (n_labels,)
    The labels, sorted; of several labels, the numbers of their columns.
multilabel_ : bool
    Whether ``y`` had several labels of each sample.
sparse_labels_ : bool
    Whether they were sparse, and `predict` gives them so.
device_ : str
    The device on which the last fit ran.""",
    "features": """
n_features_in_ : int
    Number of features seen during `fit`.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features, where ``X`` was a frame whose column names are all strings.""",
}
SHARED["takes_X"] = "\nParameters\n----------" + SHARED["X"]


def documented(cls: Class) -> Class:
    """Return ``cls``, each line ``{name}`` of its docstring and its methods' as in `SHARED`."""
    # Of a method that is there for some parameters, available_if keeps the function as fn.
    methods = [getattr(member, "fn", member) for member in vars(cls).values()]
    for owner in [cls, *filter(inspect.isfunction, methods)]:
        if doc := owner.__doc__:
            doc = inspect.cleandoc(doc) + "\n"
            doc = re.sub(r"^\{(\w+)\}$", lambda name: SHARED[name[1]][1:], doc, flags=re.M)
            owner.__doc__ = doc
    return cls
