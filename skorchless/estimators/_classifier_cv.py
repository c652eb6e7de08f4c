"""TorchLogisticClassifierCV: the parameters, the recipe of a fit, and what a fit stores."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skorchless._arrays import Array, is_dask, to_numpy
from skorchless._cores import shared_among_cores
from skorchless._engine.objective import PenalizedNLL, intercept_only_weights
from skorchless._engine.placement import Placement, place
from skorchless._engine.solvers.base import Progress
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless.estimators._classifier import TorchLogisticClassifier
from skorchless.estimators._convert import ConversionMixin
from skorchless.estimators._data.read import AnySamples, read_samples, resolve_placement
from skorchless.estimators._data.samples import check_has_two_classes
from skorchless.estimators._data.validation import fitted_state_kept_on_error, labels_to_score
from skorchless.estimators._docs import documented
from skorchless.estimators._fit.grid import (
    BestPenalty,
    Grid,
    check_Cs,
    check_folds,
    check_l1_ratios,
    choose,
    grid_of_one,
)
from skorchless.estimators._fit.labels import (
    constant_labels,
    constants_warning,
    fit_groups,
    label_groups,
    with_constants,
)
from skorchless.estimators._fit.loop import (
    FitResult,
    Watcher,
    finite_weights,
    full_batch_message,
)
from skorchless.estimators._fit.objective import objectives_of
from skorchless.estimators._fit.scoring import (
    call_scorer,
    column_of,
    resolve_scorer,
    score_folds,
    weights_for,
)
from skorchless.estimators._fit.watchers import CallbackTasks, CandidatesWatcher, as_given
from skorchless.estimators._linear import SHARED_CONSTRAINTS, LinearPredictionMixin
from skorchless.estimators._sklearn_private import (
    CallbackSupportMixin,
    Interval,
    ScoreRoutedToScorerMixin,
    StrOptions,
    _fit_context,
    _raise_for_params,
    _routing_enabled,
    has_callbacks,
    with_all_classes,
)
from skorchless.estimators._weights import (
    linear_attributes,
    logits_of_rows,
    weights_of_predictions,
)

# What the labels are of a model of one label of several.
ONE_LABEL: dict[str, Any] = {
    "classes_": np.arange(2),
    "multilabel_": False,
    "sparse_labels_": False,
}


@documented
class TorchLogisticClassifierCV(
    ScoreRoutedToScorerMixin,
    CallbackSupportMixin,
    ConversionMixin,
    LinearPredictionMixin,
    BaseEstimator,
):
    """Logistic regression with its penalty chosen by cross-validation, all fits as one batch.

    Every penalty on every fold is one of M candidates, the numbers of ``Cs``, ``l1_ratios``
    and folds multiplied. They share each pass over ``X``: a fold is a column of sample weights,
    zero where a sample is left out, and the products of all candidates are one. A candidate
    that has converged leaves the batch. Each one is the model that `TorchLogisticClassifier`
    with ``solver='lbfgs'`` fits to that fold, and the choice is that of
    :class:`~sklearn.linear_model.LogisticRegressionCV`.

    Parameters
    ----------
    Cs : int or array-like of shape (n_cs,), default=10
        Inverses of the strength of the penalty, above 0; or how many, on a logarithmic scale
        from 1e-4 to 1e4.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        The shares of the L1 penalty, which makes coefficients zero, each tried with each C: 0 is
        ridge, 1 is lasso, in between is the elastic net.
    {fit_intercept}
    cv : int, cross-validation generator or iterable, default=None
        The splits: 5 stratified folds for None, that number of them for an int, or any splitter of
        :mod:`sklearn.model_selection`, or pairs of training and test indices.
    scoring : str, callable or None, default=None
        The score to choose by, as :func:`~sklearn.metrics.get_scorer` names it, or a callable
        ``scorer(estimator, X, y)``. None is accuracy. A scorer is given a
        `TorchLogisticClassifier` with ``coef_``, ``intercept_`` and ``classes_``, whose logits
        of the test samples are already computed.
    per_label : bool, default=False
        Whether each label of several has a penalty of its own, by scores of that label alone;
        otherwise one penalty is chosen, by scores of all labels together. Ignored where ``y`` has
        one column.
    refit : bool, default=True
        Whether to fit the best penalty to all samples. Otherwise the model is the mean over
        folds of each fold's best one.
    class_weight : dict or 'balanced', default=None
        Weights of the classes, ``{label: weight}``; labels left out weigh 1. 'balanced'
        weighs classes by the inverse of their (weighted) frequency among all samples.
    max_iter : int, default=100
        The largest number of iterations of a candidate.
    tol : float, default=1e-4
        A candidate has converged when neither its largest violation of optimality exceeds
        ``tol`` nor the expected decrease of its objective ``tol`` times the objective: see
        `TorchLogisticClassifier`.
    verbose : int, default=0
        1 prints one row for each iteration: its number, how many of the candidates have
        finished, the largest violation of optimality of any, seconds since the start, and the
        method, as in ``solver_``.
    device : str or torch.device, default='auto'
        Where to fit, as in `TorchLogisticClassifier`.
    dtype : {'float32', 'float64'} or None, default=None
        The precision of products with ``X``, as in `TorchLogisticClassifier`.
    random_state : int, RandomState instance or None, default=None
        Not used: the fit is deterministic, and a splitter has a ``random_state`` of its own.

    Attributes
    ----------
    C_ : float or ndarray of shape (n_labels,)
        The C with the highest mean score; the first of equal ones. Without ``refit``, the mean
        of each fold's best. One for each label with ``per_label``.
    l1_ratio_ : float or ndarray of shape (n_labels,)
        The l1_ratio that goes with ``C_``.
    Cs_ : ndarray of shape (n_cs,)
        The values of C.
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
        The values of l1_ratio.
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        The score of each candidate on the samples that its fold leaves out. With ``per_label``
        there is one more axis, of the labels.
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_cs, n_classes, n_features + 1)
        The coefficients of each candidate, and its intercept last where there is one. Two
        classes have one row, several labels one each.
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        The iterations of each candidate.
    solver_ : str
        The method of the last iteration, as in `TorchLogisticClassifier`.
    {linear_attributes}
    {features}

    See Also
    --------
    TorchLogisticClassifier : One penalty.
    sklearn.linear_model.LogisticRegressionCV : The same choice, one fit after the other.

    Notes
    -----
    A candidate takes memory of its own for its weights and the last curvature pairs of
    L-BFGS: about 40 numbers of 8 bytes for each weight, 100 with an L1 penalty. The products
    with ``X`` take none, however many candidates there are, because rows are read in blocks.
    Beside that there are one number a sample for each fold, at most as much as ``X`` for the
    curvature of the classes, and, when a fold is scored, its test samples and their scores.
    With an L1 penalty and more than 1,500 features up to a quarter of ``X`` is copied; of a
    sparse ``X`` up to 60 %, three times, and all of it by columns, or by rows where it is CSC.

    Fitted attributes are those of ``LogisticRegressionCV(use_legacy_attributes=False)``, and so
    is the choice; but a penalty with a score that is NaN in any fold counts as the worst there,
    where LogisticRegressionCV prefers it. With ``class_weight='balanced'`` the weights are those
    of all samples, in every fold.

    scikit-learn's callbacks see a task for each candidate, which begins and ends when it has
    finished. One that asks to stop ends the search: what has not converged is scored as it is,
    the model is the mean over folds of the best penalty's candidates, and there is no refit.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skorchless import TorchLogisticClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TorchLogisticClassifierCV(scoring="neg_log_loss").fit(X, y)
    >>> round(clf.C_, 2)
    166.81
    >>> clf.scores_.shape
    (5, 1, 10)
    >>> round(clf.score(X, y), 3)
    -0.041
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012, scikit-learn's convention
        **SHARED_CONSTRAINTS,
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "per_label": ["boolean"],
        "refit": ["boolean"],
    }

    C_: float | Array
    l1_ratio_: float | Array
    Cs_: Array
    l1_ratios_: Array
    scores_: Array
    coefs_paths_: Array
    n_iter_: Array
    device_: str

    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = (0.0,),
        fit_intercept: bool = True,
        cv: Any = None,
        scoring: Any = None,
        per_label: bool = False,
        refit: bool = True,
        class_weight: Any = None,
        max_iter: int = 100,
        tol: float = 1e-4,
        verbose: int = 0,
        device: Any = "auto",
        dtype: Any = None,
        random_state: Any = None,
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.scoring = scoring
        self.per_label = per_label
        self.refit = refit
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.device = device
        self.dtype = dtype
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    @shared_among_cores
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit every candidate, choose a penalty, and fit it to all samples.

        Parameters
        ----------
        {X_train}
        {y_train}
        sample_weight : {array-like, Dask collection} of shape (n_samples,), default=None
            Non-negative weights of the samples, in fits, and in scores where the scorer takes
            them; None weighs all alike.
        **params : dict
            What the splitter and the scorer ask for, such as ``groups``, where scikit-learn's
            ``enable_metadata_routing`` is on.

        {returns_self}

        Raises
        ------
        ValueError
            If the input or a parameter is not as described, or a fold has no sample to fit
            or to score; what was fitted before is kept.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` or the precision ended a candidate before it had converged.
        UserWarning
            If a score is NaN; it counts as the lowest.
        """
        _raise_for_params(params, self, "fit")
        with fitted_state_kept_on_error(self):
            penalties = check_Cs(self.Cs), check_l1_ratios(self.l1_ratios)
            samples = read_samples(self, X, y, sample_weight, reset=True)
            placement = resolve_placement(self, samples.X)
            classes = check_has_two_classes(samples.distinct_labels())
            scorer = resolve_scorer(self.scoring)
            folds, score_params = self._split(samples, scorer, sample_weight, params)
            grid = Grid(*penalties, folds)
            given, n_tasks = as_given(X, y, sample_weight), math.prod(grid.shape)
            encoded = samples.encode(classes, "y")
            of_labels, constants = encoded.label_attributes, constant_labels(encoded)
            tasks = CallbackTasks(
                *(self, given, of_labels, placement.dtype), n_tasks=n_tasks, in_order=False
            )
            watcher = CandidatesWatcher(tasks, n_tasks, verbose=self.verbose)
            candidates = self._fit_grid(encoded, placement, grid, watcher=watcher)
            W = candidates.W.to(placement.dtype)
            scores = self._scores(grid, W, encoded, samples, scorer, score_params)
            fits, chosen = [candidates], choose(grid, candidates.W, scores, refit=self.refit)
            if self.refit and not candidates.is_stopped_early:
                fits += self._refit(encoded, placement, chosen)
            W = finite_weights(chosen.W, "lbfgs", placement.dtype)
            W = with_constants(W, constants, self.n_features_in_)
            self._store(W, of_labels, placement, grid, candidates, chosen, scores)
            tasks.end_fit(W)
        for of_constants in constants_warning(constants):
            warnings.warn(of_constants, UserWarning, stacklevel=4)
        for category, message in search_warnings(fits, scores, self.tol, placement.dtype):
            # 4: past our wrapper and scikit-learn's, to the line that called fit.
            warnings.warn(message, category, stacklevel=4)
        return self

    @shared_among_cores
    def score(self, X: Any, y: Any, sample_weight: Any = None, **score_params: Any) -> float:
        """Return the score that ``scoring`` means on the given samples and labels.

        Parameters
        ----------
        {X}
        {y}
        sample_weight : {array-like, Dask collection} of shape (n_samples,), default=None
            Their weights, for a scorer that takes them.
        **score_params : dict
            What else the scorer asks for, where scikit-learn's ``enable_metadata_routing`` is
            on.

        Returns
        -------
        score : float
            The score, accuracy by default; with ``per_label`` the mean of those of the labels.

        {raises}
        """
        _raise_for_params(score_params, self, "score")
        check_is_fitted(self)
        scorer, model = resolve_scorer(self.scoring), self
        if is_dask(X):
            samples = read_samples(self, X, y, sample_weight, reset=False)
            X, y = samples.X, samples.labels
            sample_weight = None if sample_weight is None else samples.weights
            W = weights_of_predictions(self)[None]
            logits = logits_of_rows(X, W[0], place(W.device, W.dtype))
            of_labels = {name: getattr(self, name) for name in ONE_LABEL}
            model = self._model_of(of_labels, W, X, logits)
        if _routing_enabled():
            if sample_weight is not None:
                score_params = {**score_params, "sample_weight": sample_weight}
            score_params = process_routing(self, "score", **score_params).scorer.score
        else:
            score_params = weights_for(scorer, sample_weight)
        score_params = {name: to_numpy(value) for name, value in score_params.items()}
        y = labels_to_score(self, y)
        if not self.multilabel_:
            scorer = with_all_classes(scorer, self.classes_)
        if not (self.multilabel_ and self.per_label):
            return call_scorer(scorer, model, X, y, score_params)
        scorer = with_all_classes(scorer, ONE_LABEL["classes_"])
        logits, W = model._logits(X), weights_of_predictions(self)[None]
        scores = []
        for label in self.classes_:
            own = slice(label, label + 1)
            of_label = self._model_of(ONE_LABEL, W[:, own], X, logits[:, own])
            scores.append(call_scorer(scorer, of_label, X, column_of(y, label), score_params))
        return float(np.mean(scores))

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what metadata the splitter and the scorer ask for.

        Returns
        -------
        routing : sklearn.utils.metadata_routing.MetadataRouter
            The requests of `fit` and `score`.
        """
        of_splitter = MethodMapping().add(caller="fit", callee="split")
        of_scorer = MethodMapping().add(caller="fit", callee="score")
        of_scorer.add(caller="score", callee="score")
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(splitter=self.cv, method_mapping=of_splitter)
        return router.add(scorer=resolve_scorer(self.scoring), method_mapping=of_scorer)

    def _split(
        self, samples: AnySamples, scorer: Any, sample_weight: Any, params: dict[str, Any]
    ) -> tuple[list[tuple[Array, Array]], dict[str, Any]]:
        """Return the folds, and what the scorer gets of the metadata of a fit."""
        y, weights = samples.labels, None if sample_weight is None else samples.weights
        for_split: dict[str, Any] = {}
        if _routing_enabled():
            params = {name: to_numpy(value) for name, value in params.items()}
            routed = process_routing(self, "fit", sample_weight=weights, **params)
            for_split, for_score = routed.splitter.split, routed.scorer.score
        else:
            for_score = weights_for(scorer, weights)
        splits = check_cv(self.cv, y, classifier=True).split(samples.X, y, **for_split)
        return check_folds(splits, samples.n_samples, for_score.get("sample_weight")), for_score

    def _fit_grid(
        self,
        samples: AnySamples,
        placement: Placement,
        grid: Grid,
        *,
        W: Tensor | None = None,
        watcher: Watcher | None = None,
    ) -> FitResult:
        """Return the fitted candidates of ``grid``, from the weights ``W`` (M, L * K, D) on."""
        n_labels, weighs = samples.n_labels, self.class_weight is not None
        groups = label_groups(samples, grid, has_weights=weighs, is_joint=has_callbacks(self))

        def start(labels: Array, objective: PenalizedNLL) -> tuple[Tensor, Iterator[Progress]]:
            if W is None:
                first = intercept_only_weights(objective)
            else:
                first = W.view(len(W), n_labels, -1, W.shape[2])[:, labels]
                first = first.reshape(objective.weights_shape)
            return first, minimize_full_batch(objective, first, tol=self.tol)

        problems = objectives_of(self, samples, placement, grid, groups)
        return fit_groups(problems, start, n_labels, max_iter=self.max_iter, watcher=watcher)

    def _scores(
        self,
        grid: Grid,
        W: Tensor,
        encoded: AnySamples,
        samples: AnySamples,
        scorer: Any,
        score_params: dict[str, Any],
    ) -> Array:
        """Return the scores of candidates ``W`` (M, K, D) on ``samples`` as they were given."""
        per_label = self.per_label and samples.is_multilabel
        of_labels = ONE_LABEL if per_label else encoded.label_attributes
        make_model = partial(self._model_of, of_labels)
        classes, options = of_labels["classes_"], {"per_label": per_label}
        return score_folds(grid, W, samples, classes, scorer, score_params, make_model, **options)

    def _refit(
        self, samples: AnySamples, placement: Placement, chosen: BestPenalty
    ) -> list[FitResult]:
        """Return the fits of the penalties that are chosen, whose weights become theirs."""
        penalties = np.stack(np.broadcast_arrays(chosen.C, chosen.l1_ratio), axis=-1)
        if penalties.ndim == 1:
            fit = self._fit_grid(samples, placement, grid_of_one(*penalties), W=chosen.W)
            chosen.W[:] = fit.W
            return [fit]
        fits = []
        for penalty in np.unique(penalties, axis=0):
            labels = np.flatnonzero((penalties == penalty).all(1))
            part, W = samples.select_labels(labels), chosen.W[:, labels]
            fits.append(self._fit_grid(part, placement, grid_of_one(*penalty), W=W))
            chosen.W[:, labels] = fits[-1].W
        return fits

    def _store(
        self,
        W: Tensor,
        of_labels: dict[str, Any],
        placement: Placement,
        grid: Grid,
        candidates: FitResult,
        chosen: BestPenalty,
        scores: Array,
    ) -> None:
        """Set the fitted attributes, all at once."""
        paths = candidates.W.to(placement.dtype).cpu().numpy()
        self.__dict__.update(
            linear_attributes(W, self.n_features_in_, of_labels),
            C_=chosen.C,
            l1_ratio_=chosen.l1_ratio,
            Cs_=grid.Cs,
            l1_ratios_=grid.l1_ratios,
            scores_=scores,
            coefs_paths_=paths.reshape(*grid.shape, *paths.shape[1:]),
            n_iter_=np.array(candidates.n_iter).reshape(grid.shape),
            solver_=candidates.method,
            device_=str(placement.device),
        )

    def _model_of(
        self, of_labels: dict[str, Any], W: Tensor, X: Any, logits: Tensor, **penalty: Any
    ) -> ScoredClassifier:
        """Return a classifier of the weights (1, K, D) whose ``logits`` (N, K) of X are known."""
        names = ("fit_intercept", "class_weight", "max_iter", "tol", "device", "dtype")
        parameters: dict[str, Any] = {name: getattr(self, name) for name in names}
        model = ScoredClassifier(**parameters, **penalty)
        model.n_features_in_ = self.n_features_in_
        model.__dict__.update(linear_attributes(W, self.n_features_in_, of_labels))
        model._known = (X, model.coef_, logits)
        return model


class ScoredClassifier(TorchLogisticClassifier):
    """What a scorer sees: a fitted classifier whose logits of some samples are known."""

    # Samples, coefficients and logits. A scorer may ask for other samples, or fit the model anew.
    _known: tuple[Any, Array, Tensor] | None = None

    def _logits(self, X: Any) -> Tensor:
        """Return the logits (N, K), without a product where they are known."""
        known = self._known_logits(X)
        # A copy: what a scorer does to its scores is not to change what it asks for next.
        return super()._logits(X) if known is None else known.clone()

    def _are_positive(self, X: Any) -> Tensor:
        """Return the labels (N, L) as bytes, of several labels."""
        known = self._known_logits(X)
        return super()._are_positive(X) if known is None else (known > 0).to(torch.uint8)

    def _known_logits(self, X: Any) -> Tensor | None:
        """Return the logits (N, K) where they are known."""
        if self._known is None:
            return None
        known_X, known_coef, known_logits = self._known
        return known_logits if X is known_X and self.coef_ is known_coef else None


def search_warnings(
    fits: list[FitResult], scores: Array, tol: float, dtype: torch.dtype
) -> Iterator[tuple[type[Warning], str]]:
    """Yield the warnings of scores that are NaN and of fits that did not converge."""
    if n_nan := int(np.isnan(scores).sum()):
        yield UserWarning, f"{n_nan} of {scores.size} scores are NaN, and count as the lowest."
    for fitted in fits:
        if message := full_batch_message(fitted, tol, dtype):
            yield ConvergenceWarning, message
