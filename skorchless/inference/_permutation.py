"""permutation_test_score: the score of a classifier beside those of permuted labels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from numbers import Integral
from operator import itemgetter
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.model_selection import permutation_test_score as one_after_the_other
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets

from skorchless._arrays import Array, is_dask, to_numpy
from skorchless._cores import shared_among_cores
from skorchless._fitted import final_step
from skorchless.estimators._classifier import TorchLogisticClassifier
from skorchless.estimators._data.read import check_sample_weight
from skorchless.estimators._data.samples import Samples, check_has_two_classes
from skorchless.estimators._data.validation import is_multilabel
from skorchless.estimators._sklearn_private import (
    Interval,
    StrOptions,
    _routing_enabled,
    has_callbacks,
    validate_parameter_constraints,
)
from skorchless.inference._scores import Experiment, in_batches, score_tasks
from skorchless.inference._steps import ignores_y
from skorchless.inference._tasks import Task, draw_tasks

CONSTRAINTS: dict[str, list[Any]] = {
    "groups": ["array-like", None],
    "cv": ["cv_object"],
    "n_permutations": [Interval(Integral, 1, None, closed="left")],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    "params": [dict, None],
}


def permutation_test_score(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    n_permutations: int = 100,
    n_jobs: int | None = None,
    random_state: Any = 0,
    verbose: int = 0,
    scoring: Any = None,
    params: dict[str, Any] | None = None,
) -> tuple[float, Array, float]:
    """Tell whether a cross-validated score could be that of labels that mean nothing.

    It is :func:`sklearn.model_selection.permutation_test_score`, with the same splits and the
    same permutations of the labels for the same ``random_state``. A
    :class:`~skorchless.TorchLogisticClassifier` is fitted to all folds of all permutations as one
    batch, whose models share each pass over ``X``; so is one at the end of a ``Pipeline`` whose
    other steps do not look at ``y``, which are fitted once for each different training set.

    Parameters
    ----------
    estimator : TorchLogisticClassifier, or any other classifier or pipeline
        With ``solver='lbfgs'`` and no callbacks it is fitted in batches. Everything else goes to
        scikit-learn's function as it is: other estimators, labels of several columns,
        ``scikit-learn``'s metadata routing, and ``params`` other than ``sample_weight``.
    X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
        The samples.
    y : array-like of shape (n_samples,)
        Their labels.
    groups : array-like of shape (n_samples,), default=None
        Labels are permuted within each group. Splitters that take groups get them.
    cv : int, splitter or iterable, default=None
        As in scikit-learn: 5 stratified folds by default.
    n_permutations : int, default=100
        The number of permutations.
    n_jobs : int, default=None
        Where scikit-learn's function does the work, its number of processes. A batch takes the
        cores that a fit takes.
    random_state : int, RandomState instance or None, default=0
        Seeds the permutations.
    verbose : int, default=0
        1 prints a row after each batch: its last permutation, and the fits so far.
    scoring : str or callable, default=None
        As in scikit-learn; None is the estimator's ``score``, accuracy. Accuracy is computed for
        a batch at once; any other scorer is called for each fold of each permutation.
    params : dict, default=None
        Parameters of ``fit``: ``{"sample_weight": ...}``.

    Returns
    -------
    score : float
        The mean score over folds, of the labels as they are.
    permutation_scores : ndarray of shape (n_permutations,)
        That of each permutation.
    pvalue : float
        ``(C + 1) / (n_permutations + 1)``, where ``C`` permutations score as high or higher.

    Raises
    ------
    ValueError
        If the input or a parameter is not as described, or a training set has one class alone.

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` or the precision ended models before they had converged: one warning for
        each batch.

    See Also
    --------
    sklearn.model_selection.permutation_test_score : One fit after the other.

    Notes
    -----
    Permutations are fitted in batches that take no more memory than ``X``, or 256 MB where it is
    smaller, and no more than scikit-learn's ``working_memory``.

    Stratified folds differ from permutation to permutation, as they do in scikit-learn. The steps
    of a pipeline are then fitted for each fold of each permutation, and nothing is shared; pass
    ``cv=KFold(5, shuffle=True)``, or scale ``X`` before, for folds that are the same.

    References
    ----------
    .. [1] M. Ojala, G. C. Garriga, "Permutation Tests for Studying Classifier Performance",
       Journal of Machine Learning Research 11, 2010, section 3.1, test 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skorchless import TorchLogisticClassifier
    >>> from skorchless.inference import permutation_test_score
    >>> X, y = load_iris(return_X_y=True)
    >>> score, permutation_scores, pvalue = permutation_test_score(
    ...     TorchLogisticClassifier(), X, y, n_permutations=50
    ... )
    >>> round(score, 3), permutation_scores.shape, round(pvalue, 3)
    (0.973, (50,), 0.02)
    """
    options = {"n_permutations": n_permutations, "random_state": random_state, "verbose": verbose}
    options |= {"groups": groups, "cv": cv, "n_jobs": n_jobs, "scoring": scoring, "params": params}
    validate_parameter_constraints(CONSTRAINTS, options, caller_name="permutation_test_score")
    if not _can_share_passes(estimator, X, y, params):
        score, permutation_scores, pvalue = one_after_the_other(estimator, X, y, **options)
        return float(score), permutation_scores, float(pvalue)
    y = check_array(to_numpy(y), ensure_2d=False, dtype=None, input_name="y")
    X, y, groups = indexable(X, column_or_1d(y, warn=True), groups)
    check_classification_targets(y)
    weights = check_sample_weight((params or {}).get("sample_weight"), len(y))
    samples = Samples(X, y, weights).encode(check_has_two_classes(np.unique(y)), "y")
    scorer = check_scoring(estimator, scoring=scoring)
    is_accuracy = scoring in (None, "accuracy")
    experiment = Experiment(estimator, samples, None if is_accuracy else scorer)
    splitter = check_cv(cv, y, classifier=True)
    rng = check_random_state(random_state)
    tasks = draw_tasks(samples, splitter, groups, n_permutations, rng)
    score, *of_permutations = _mean_scores(experiment, tasks, verbose)
    permutation_scores = np.array(of_permutations)
    n_as_high = int((permutation_scores >= score).sum())
    return score, permutation_scores, (n_as_high + 1.0) / (n_permutations + 1)


def _can_share_passes(estimator: Any, X: Any, y: Any, params: dict[str, Any] | None) -> bool:
    """Return whether the fits of ``estimator`` can be one batch."""
    is_pipeline, classifier = isinstance(estimator, Pipeline), final_step(estimator)
    return (
        type(classifier) is TorchLogisticClassifier
        and classifier.solver == "lbfgs"
        and not classifier.early_stopping
        and not classifier.warm_start
        and not (is_pipeline and (estimator.memory or not ignores_y(estimator[:-1])))
        and not any(has_callbacks(each) for each in (estimator, classifier))
        and set(params or {}) <= (set() if is_pipeline else {"sample_weight"})
        and not _routing_enabled()
        and not is_dask(X)
        and not is_multilabel(y)
    )


@shared_among_cores
def _mean_scores(experiment: Experiment, tasks: Iterator[Task], verbose: int) -> list[float]:
    """Return the mean score over the folds of each permutation."""
    scores: dict[tuple[int, int], float] = {}
    for batch in in_batches(experiment, tasks):
        scores |= score_tasks(experiment, batch)
        if verbose:
            print(f"permutation {batch[-1].permutation}: {len(scores)} fits")  # noqa: T201
    by_permutation = groupby(sorted(scores), key=itemgetter(0))
    return [float(np.mean([scores[key] for key in keys])) for _, keys in by_permutation]
