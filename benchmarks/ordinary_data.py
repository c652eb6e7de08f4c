"""The problems of `bench_ordinary`: drawn tables by kind and shape, and those of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from scipy.signal import lfilter
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.preprocessing import StandardScaler, normalize

SHAPES = [  # rows, features, classes
    *((150, 4, 3), (700, 8, 2), (1_000, 10, 2), (2_000, 20, 2), (2_000, 100, 2), (2_000, 500, 2)),
    *((2_000, 1_000, 2), (500, 2_000, 2), (2_000, 5_000, 2), (100, 10_000, 2), (300, 5_000, 5)),
    *((10_000, 100, 10), (20_000, 50, 50), (50_000, 54, 7), (100_000, 10, 2), (100_000, 30, 2)),
]
FLOAT32_SHAPES = [
    *((2_000, 20, 2), (2_000, 1_000, 2), (500, 2_000, 2), (10_000, 100, 10), (100_000, 30, 2)),
]
CLUSTER_SHAPES = [(100_000, 10), (100, 1_000), (10_000, 10)]
EMBEDDING_SHAPES = [(15_000, 384, 80), (20_000, 512, 100)]
TABLES = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "digits": load_digits,
}


@dataclass(frozen=True)
class Problem:
    """Samples and labels that ``make`` draws or loads, always the same."""

    kind: str
    name: str
    make: Callable[[], tuple[Any, Any]]
    dtype: str = "float64"

    def load(self) -> tuple[Any, Any]:
        """Return X and the labels, codes from 0."""
        X, y = self.make()
        return X.astype(self.dtype), y


def draw_labels(X, n_classes, rng):
    """Return labels from a logistic model of all features, logits of deviation 2; each occurs."""
    logits = X @ rng.standard_normal((X.shape[1], n_classes))
    y = (logits * (2 / logits.std()) + rng.gumbel(size=logits.shape)).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return y


def draw_plain(n_samples, n_features, n_classes):
    """Draw standard normal features."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    return X, draw_labels(X, n_classes, rng)


def draw_correlated(n_samples, n_features, n_classes):
    """Draw normal features, of which neighbours have a correlation of 0.9."""
    rng = np.random.default_rng(0)
    X = lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], rng.standard_normal((n_samples, n_features)))
    return X, draw_labels(X, n_classes, rng)


def draw_mixed(n_samples, n_features, n_classes):
    """Draw normal features whose deviations are e^(2z), with a standard normal z."""
    X, y = draw_plain(n_samples, n_features, n_classes)
    return X * np.exp(2 * np.random.default_rng(1).standard_normal(n_features)), y


def draw_clusters(n_samples, n_features, n_classes):
    """Draw two clusters for each class, in half of the features."""
    n_informative = min(n_features // 2, 20)
    return make_classification(
        *(n_samples, n_features), n_informative=n_informative, n_classes=n_classes, random_state=0
    )


def draw_embeddings(n_samples, n_features, n_classes):
    """Draw rows of norm 1, a mean of all beside those of classes, with a falling spectrum."""
    rng = np.random.default_rng(0)
    y = np.arange(n_samples) % n_classes
    means = rng.standard_normal((n_classes, n_features))
    X = 2 * rng.standard_normal(n_features) + means[y]
    X += rng.standard_normal((n_samples, n_features))
    return normalize(X / np.sqrt(np.arange(1, n_features + 1))), y


def draw_text(n_samples, n_features, n_classes, n_words=120):
    """Draw documents of words with Zipf's frequencies, a fifth of them words of the class."""
    rng = np.random.default_rng(0)
    y = np.arange(n_samples) % n_classes
    ranks = n_features ** rng.random((n_samples, n_words))
    of_class = rng.random(ranks.shape) < 0.2
    columns = ranks.astype(int) - 1 + of_class * (y * (n_features // n_classes))[:, None]
    indptr = n_words * np.arange(n_samples + 1)
    words = (np.ones(columns.size), columns.ravel() % n_features, indptr)
    X = sparse.csr_array(words, shape=(n_samples, n_features))
    X.sum_duplicates()
    return normalize(X), y


def draw_rare(n_samples, n_features):
    """Draw normal features with a class of one row in a hundred."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    logits = X @ rng.standard_normal(n_features) * (2 / np.sqrt(n_features))
    logits += rng.logistic(size=n_samples)
    return X, (logits > np.quantile(logits, 0.99)).astype(int)


def draw_expressions(n_samples, n_features, n_classes):
    """Draw lognormal features: more of them than rows, and some values a hundred times others."""
    X, y = draw_correlated(n_samples, n_features, n_classes)
    return np.exp(X), y


def draw_dummies(n_samples, n_columns, n_categories):
    """Draw categories of Zipf's frequencies, as dense columns of 0 and 1."""
    rng = np.random.default_rng(0)
    codes = (n_categories ** rng.random((n_samples, n_columns))).astype(int) - 1
    X = (codes[:, :, None] == np.arange(n_categories)).reshape(n_samples, -1).astype(float)
    return X, draw_labels(X, 2, rng)


def load_table(name, is_standardised):
    """Return a table that comes with scikit-learn."""
    X, y = TABLES[name](return_X_y=True)
    return (StandardScaler().fit_transform(X) if is_standardised else X), y


def describe(n_samples, n_features, n_classes):
    """Return the name of a shape."""
    return f"{n_samples:,} x {n_features:,}, {n_classes} classes"


def drawn(kind, draw, shapes):
    """Return a problem for each shape."""
    return [Problem(kind, describe(*shape), partial(draw, *shape)) for shape in shapes]


GRID_KINDS = {
    "plain": draw_plain,
    "correlated": draw_correlated,
    "mixed scales": draw_mixed,
}


def list_problems(dtype: str | None = None) -> list[Problem]:
    """Return the problems, all in one dtype, or in float64 and a few in float32 as well."""
    problems = [
        *(p for kind, draw in GRID_KINDS.items() for p in drawn(kind, draw, SHAPES)),
        *(
            Problem("tables", f"{name}, {state}", partial(load_table, name, state != "raw"))
            for name in TABLES
            for state in ("raw", "standardised")
        ),
        *drawn("clusters", draw_clusters, [(*s, k) for s in CLUSTER_SHAPES for k in (2, 3, 10)]),
        *drawn("embeddings", draw_embeddings, EMBEDDING_SHAPES),
        *drawn("sparse text", draw_text, [(5_000, 130_000, 20)]),
        Problem("others", "100,000 x 20, a rare class", partial(draw_rare, 100_000, 20)),
        Problem("others", "72 x 7,000, lognormal", partial(draw_expressions, 72, 7_000, 2)),
        Problem("others", "20,000 x 80, zeros and ones", partial(draw_dummies, 20_000, 4, 20)),
    ]
    if dtype is not None:
        return [replace(problem, dtype=dtype) for problem in problems]
    again = {describe(*shape) for shape in FLOAT32_SHAPES}
    return problems + [
        replace(problem, dtype="float32")
        for problem in problems
        if problem.kind in ("plain", "mixed scales") and problem.name in again
    ]
