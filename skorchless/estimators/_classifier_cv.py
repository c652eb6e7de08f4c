"""TorchLogisticClassifierCV: the parameters, the recipe of a fit, and what a fit stores."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skorchless._engine.objective import constant_model
from skorchless._engine.placement import Placement
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless.estimators._candidates import (
    Candidates,
    candidates_shortfall,
    run_candidates,
)
from skorchless.estimators._grid import (
    Choice,
    Grid,
    best_on_average,
    build_grid_objective,
    check_Cs,
    check_folds,
    check_l1_ratios,
    mean_of_best,
)
from skorchless.estimators._inputs import (
    Array,
    apply_class_weight,
    check_sample_weight,
    check_X_y,
    encode_labels,
    fitted_state_kept_on_error,
    to_numpy,
)
from skorchless.estimators._linear import LinearPredictionMixin, predictions_in_numpy
from skorchless.estimators._monitor import CallbackTasks, as_metadata
from skorchless.estimators._problem import Samples, linear_attributes, resolve_placement
from skorchless.estimators._scoring import (
    resolve_scorer,
    score_folds,
    takes_sample_weight,
    with_all_classes,
)


class TorchLogisticClassifierCV(CallbackSupportMixin, LinearPredictionMixin, BaseEstimator):
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
        The shares of the L1 penalty. Only ``(0.0,)``, the L2 penalty, is supported so far.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    cv : int, cross-validation generator or iterable, default=None
        The splits: 5 stratified folds for None, so many for an int, or any splitter of
        :mod:`sklearn.model_selection`, or pairs of training and test indices.
    scoring : str, callable or None, default=None
        The score to choose by, as :func:`~sklearn.metrics.get_scorer` names it, or a callable
        ``scorer(estimator, X, y)``. None is accuracy. A scorer is given a fitted
        `TorchLogisticClassifier` whose scores of the test samples are already known.
    refit : bool, default=True
        Whether to fit the best penalty to all samples. Otherwise the model is the mean over
        folds of each fold's best one.
    class_weight : dict or 'balanced', default=None
        Weights of the classes, ``{label: weight}``; labels left out weigh 1. 'balanced'
        weighs classes by the inverse of their (weighted) frequency among all samples.
    max_iter : int, default=100
        The largest number of iterations of a candidate.
    tol : float, default=1e-4
        A candidate has converged when no entry of its objective's gradient exceeds ``tol``.
    verbose : int, default=0
        1 prints one row for each iteration: its number, how many of the candidates have
        finished, the largest gradient entry of any, and seconds since the start.
    device : str or torch.device, default='auto'
        Where to fit, as in `TorchLogisticClassifier`.
    dtype : {'float32', 'float64'} or None, default=None
        The precision of products with ``X``, as in `TorchLogisticClassifier`.
    random_state : int, RandomState instance or None, default=None
        Not used: the fit has no chance in it, and a splitter has a ``random_state`` of its own.

    Attributes
    ----------
    C_ : float
        The C with the highest mean score; the first of equal ones. Without ``refit``, the mean
        of each fold's best.
    l1_ratio_ : float
        The l1_ratio that goes with ``C_``.
    Cs_ : ndarray of shape (n_cs,)
        The values of C.
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
        The values of l1_ratio.
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        The score of each candidate on the samples that its fold leaves out.
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_cs, n_classes, n_features + 1)
        The coefficients of each candidate, and its intercept last where there is one. Two
        classes have one row.
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        The iterations of each candidate.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients; one row where there are two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts; zeros where ``fit_intercept=False``.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where ``X`` was a frame whose column names are all strings.
    device_ : str
        The device on which the last fit ran.

    See Also
    --------
    TorchLogisticClassifier : One penalty.
    sklearn.linear_model.LogisticRegressionCV : The same choice, one fit after the other.

    Notes
    -----
    A candidate takes memory of its own for its weights and the last curvature pairs of
    L-BFGS: about 40 numbers of 8 bytes for each weight. The products with ``X`` take none,
    however many candidates there are, because rows are read in blocks.

    Fitted attributes are those of ``LogisticRegressionCV(use_legacy_attributes=False)``.

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
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like"],
        "fit_intercept": ["boolean"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "refit": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "device": [str, torch.device],
        "dtype": [None, str, type, np.dtype, torch.dtype],
        "random_state": ["random_state"],
    }

    C_: float
    l1_ratio_: float
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
        self.refit = refit
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.device = device
        self.dtype = dtype
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit every candidate, choose a penalty, and fit it to all samples.

        Parameters
        ----------
        X : {array-like, tensor} of shape (n_samples, n_features)
            Training samples: an array, a frame, or a tensor on any device, used as it is.
        y : {array-like, tensor} of shape (n_samples,)
            Their labels: numbers or strings, at least two different ones.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples, in fits and in scores; None weighs all alike.
        **params : dict
            What the splitter and the scorer ask for, such as ``groups``, where scikit-learn's
            ``enable_metadata_routing`` is on.

        Returns
        -------
        self : TorchLogisticClassifierCV
            The fitted estimator.

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
        given = {"X": X, "y": y, "metadata": as_metadata(sample_weight)}
        with fitted_state_kept_on_error(self):
            Cs, l1_ratios = check_Cs(self.Cs), check_l1_ratios(self.l1_ratios)
            X, y = check_X_y(self, X, y, reset=True)
            placement = resolve_placement(self, X)
            classes, codes = encode_labels(y)
            weights = check_sample_weight(sample_weight, len(codes))
            for_split, for_score = self._route(sample_weight, params)
            splits = check_cv(self.cv, y, classifier=True).split(X, y, **for_split)
            grid = Grid(Cs, l1_ratios, check_folds(splits, len(codes)), len(codes))
            weights = apply_class_weight(self.class_weight, classes, codes, weights)
            samples = Samples(X, codes, weights)
            tasks = self._begin_tasks(grid, classes, placement.dtype, given)
            solve = partial(
                self._solve, samples=samples, n_classes=len(classes), placement=placement
            )
            candidates = solve(grid, tasks=tasks)
            scores = score_folds(
                *(grid, candidates.W.to(placement.dtype), X, y),
                classes=classes,
                scorer=resolve_scorer(self.scoring),
                score_params=for_score,
                parameters=self._shared_parameters(),
            )
            chosen, refitted = self._choose(grid, candidates, scores, solve)
            self._store(grid, candidates, scores, chosen, classes, placement)
            tasks.end_fit(chosen.W)
        self._warn(scores, candidates, refitted, placement.dtype)
        return self

    # As LogisticRegressionCV's, whose score is not always accuracy.
    def score(self, X: Any, y: Any, **score_params: Any) -> float:  # type: ignore[override]
        """Return the score that ``scoring`` means on the given samples and labels.

        Parameters
        ----------
        X : {array-like, tensor} of shape (n_samples, n_features)
            The samples.
        y : {array-like, tensor} of shape (n_samples,)
            Their labels.
        **score_params : dict
            ``sample_weight``, where the metric takes it; with scikit-learn's
            ``enable_metadata_routing`` whatever the scorer asks for.

        Returns
        -------
        score : float
            The score, accuracy by default.
        """
        check_is_fitted(self)
        _raise_for_params(score_params, self, "score", allow=["sample_weight"])
        if _routing_enabled():
            score_params = process_routing(self, "score", **score_params).scorer.score
        score_params = {name: to_numpy(value) for name, value in score_params.items()}
        scorer = with_all_classes(resolve_scorer(self.scoring), self.classes_)
        with predictions_in_numpy():
            return float(scorer(self, X, to_numpy(y), **score_params))

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what metadata the splitter and the scorer ask for.

        Returns
        -------
        routing : sklearn.utils.metadata_routing.MetadataRouter
            The requests of `fit` and `score`.
        """
        for_scorer = MethodMapping().add(caller="fit", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split")
            )
            .add(
                scorer=resolve_scorer(self.scoring),
                method_mapping=for_scorer.add(caller="score", callee="score"),
            )
        )

    def _route(
        self, sample_weight: Any, params: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the splitter and what the scorer get of the metadata of a fit."""
        if _routing_enabled():
            routed = process_routing(self, "fit", sample_weight=sample_weight, **params)
            return routed.splitter.split, routed.scorer.score
        is_weighted = takes_sample_weight(resolve_scorer(self.scoring))
        if sample_weight is None or not is_weighted:
            return {}, {}
        return {}, {"sample_weight": sample_weight}

    def _begin_tasks(
        self, grid: Grid, classes: Array, dtype: torch.dtype, given: dict[str, Any]
    ) -> CallbackTasks:
        """Return the callbacks' tasks, one for each candidate, after telling of the fit."""

        def fitted_attributes(W: Tensor) -> dict[str, Any]:
            return linear_attributes(W.to(dtype), self.n_features_in_, classes)

        context = self._init_callback_context(max_subtasks=len(grid.C), sequential_subtasks=False)
        tasks = CallbackTasks(self, context, given, fitted_attributes)
        tasks.begin_fit()
        return tasks

    def _solve(
        self,
        grid: Grid,
        *,
        samples: Samples,
        n_classes: int,
        placement: Placement,
        tasks: CallbackTasks | None = None,
        W: Tensor | None = None,
    ) -> Candidates:
        """Return the fitted candidates of ``grid``, from the weights ``W`` (M, K, D) on."""
        objective = build_grid_objective(grid, samples, n_classes, self.fit_intercept, placement)
        solver = minimize_full_batch(
            objective, constant_model(objective) if W is None else W, tol=self.tol
        )
        verbose = 0 if tasks is None else self.verbose
        return run_candidates(solver, max_iter=self.max_iter, tasks=tasks, verbose=verbose)

    def _shared_parameters(self) -> dict[str, Any]:
        """Return the parameters that TorchLogisticClassifier has too."""
        names = ("fit_intercept", "class_weight", "max_iter", "tol", "device", "dtype")
        return {name: getattr(self, name) for name in names}

    def _choose(
        self,
        grid: Grid,
        candidates: Candidates,
        scores: Array,
        solve: Callable[..., Candidates],
    ) -> tuple[Choice, Candidates | None]:
        """Return the penalty and weights that the scores choose, and the fit to all samples."""
        if not self.refit:
            return mean_of_best(grid, candidates.W, scores), None
        best = best_on_average(grid, candidates.W, scores)
        refitted = solve(grid.to_all_samples(best), W=best.W)
        return replace(best, W=refitted.W), refitted

    def _store(
        self,
        grid: Grid,
        candidates: Candidates,
        scores: Array,
        chosen: Choice,
        classes: Array,
        placement: Placement,
    ) -> None:
        """Set the fitted attributes, all at once and last of all."""
        W = candidates.W.to(placement.dtype).cpu()
        self.__dict__.update(
            linear_attributes(chosen.W.to(placement.dtype), self.n_features_in_, classes),
            C_=chosen.C,
            l1_ratio_=chosen.l1_ratio,
            Cs_=grid.Cs,
            l1_ratios_=grid.l1_ratios,
            scores_=scores,
            coefs_paths_=W.view(*grid.shape, *W.shape[1:]).numpy(),
            n_iter_=candidates.n_iter.cpu().numpy().reshape(grid.shape),
            device_=str(placement.device),
        )

    def _warn(
        self,
        scores: Array,
        candidates: Candidates,
        refitted: Candidates | None,
        dtype: torch.dtype,
    ) -> None:
        """Warn of scores that are no numbers and of fits that did not converge."""
        if np.isnan(scores).any():
            n_nan = int(np.isnan(scores).sum())
            message = f"{n_nan} of {scores.size} scores are NaN, and count as the lowest."
            warnings.warn(message, UserWarning, stacklevel=4)
        for fitted in (candidates, refitted):
            if fitted and (shortfall := candidates_shortfall(fitted, self.tol, dtype)):
                # 4: past `fit` and scikit-learn's wrapper of it, to the line that called it.
                warnings.warn(shortfall, ConvergenceWarning, stacklevel=4)
