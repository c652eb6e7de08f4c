"""The steps of a pipeline before its classifier: fitted once where training samples are the same.

That is the same as to fit them for each permutation of the labels where they do not look at y.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from sklearn import preprocessing
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline

from skorchless.estimators._data.samples import Samples
from skorchless.estimators._scaler import GlobalStandardScaler
from skorchless.estimators._sklearn_private import _safe_indexing
from skorchless.inference._tasks import Task

# They ignore y, and transform each sample by itself: training and test samples together as apart.
IGNORE_Y = (
    *(CountVectorizer, GlobalStandardScaler, MissingIndicator, PCA, SimpleImputer),
    *(TfidfTransformer, TfidfVectorizer, TruncatedSVD, VarianceThreshold),
    *(preprocessing.Binarizer, preprocessing.KBinsDiscretizer, preprocessing.MaxAbsScaler),
    *(preprocessing.MinMaxScaler, preprocessing.Normalizer, preprocessing.OneHotEncoder),
    *(preprocessing.OrdinalEncoder, preprocessing.PolynomialFeatures),
    *(preprocessing.PowerTransformer, preprocessing.QuantileTransformer),
    *(preprocessing.RobustScaler, preprocessing.SplineTransformer, preprocessing.StandardScaler),
)


def ignores_y(transformer: Any) -> bool:
    """Return whether ``transformer`` is known to ignore y, and to treat each sample by itself."""
    if type(transformer) is Pipeline:
        return all(ignores_y(step) for _, step in transformer.steps)
    if type(transformer) is FeatureUnion:
        return all(ignores_y(part) for _, part in transformer.transformer_list)
    if type(transformer) is ColumnTransformer:
        parts = [part for _, part, _ in transformer.transformers]
        return all(ignores_y(part) for part in [*parts, transformer.remainder])
    if type(transformer) is preprocessing.FunctionTransformer:
        return transformer.func is None or isinstance(transformer.func, np.ufunc)
    return transformer in ("passthrough", "drop", None) or type(transformer) in IGNORE_Y


def with_last_step(estimator: Any, classifier: Any) -> Any:
    """Return ``classifier`` in the place of the last step, or of ``estimator``."""
    if not isinstance(estimator, Pipeline):
        return classifier
    changed = copy(estimator)
    changed.steps = [*estimator.steps[:-1], (estimator.steps[-1][0], classifier)]
    return changed


def by_training_set(
    estimator: Any, samples: Samples, tasks: list[Task]
) -> Iterator[tuple[list[Task], Any, Any]]:
    """Yield the ``tasks`` of each training set, the estimator with fitted steps, and their X.

    Without steps, all tasks once and X as it is.
    """
    if not isinstance(estimator, Pipeline) or len(estimator.steps) == 1:
        yield tasks, estimator, samples.X
        return
    of_sets: dict[bytes, list[Task]] = {}
    for task in tasks:
        of_sets.setdefault(task.train.tobytes(), []).append(task)
    for of_set in of_sets.values():
        train, codes = of_set[0].train, of_set[0].codes
        pipeline = clone(estimator)
        steps = pipeline[:-1]  # the pipeline's own, which are fitted here
        steps.fit(_safe_indexing(samples.X, train), samples.classes[codes[train]])
        yield of_set, pipeline, steps.transform(samples.X)
