"""TorchLogisticClassifier: the parameters, the recipe of a fit, and what a fit stores."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skorchless._arrays import Array, is_dask, to_numpy
from skorchless._cores import shared_among_cores
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.placement import Placement, place_beside
from skorchless._engine.solvers.base import Patience, Progress
from skorchless.estimators._convert import ConversionMixin
from skorchless.estimators._data.lazy import snapshot
from skorchless.estimators._data.read import (
    AnySamples,
    map_partitions,
    read_samples,
    resolve_placement,
)
from skorchless.estimators._data.samples import (
    check_has_two_classes,
    check_same_kind,
    weigh_classes,
)
from skorchless.estimators._data.validation import fitted_state_kept_on_error, labels_to_score
from skorchless.estimators._docs import documented
from skorchless.estimators._fit.grid import grid_of_one
from skorchless.estimators._fit.labels import (
    constant_labels,
    constants_warning,
    fit_groups,
    join_labels,
    label_groups,
    with_constants,
)
from skorchless.estimators._fit.loop import convergence_message, finite_weights
from skorchless.estimators._fit.objective import build_objective, objectives_of
from skorchless.estimators._fit.solver import build_solver, continued_state, first_weights
from skorchless.estimators._fit.watchers import CallbackTasks, ModelWatcher, Validation, as_given
from skorchless.estimators._linear import (
    SHARED_CONSTRAINTS,
    LinearPredictionMixin,
    returns_tensors,
)
from skorchless.estimators._sklearn_private import (
    CallbackSupportMixin,
    ChangedParametersMixin,
    Interval,
    StrOptions,
    _check_partial_fit_first_call,
    _fit_context,
    has_callbacks,
)
from skorchless.estimators._weights import linear_attributes, pack_weights

MINIBATCH_SOLVERS = ("adam", "sgd")


def _uses_minibatches(estimator: TorchLogisticClassifier) -> bool:
    """Tell whether ``partial_fit`` exists, or say why not."""
    if estimator.solver not in MINIBATCH_SOLVERS:
        raise AttributeError(
            f"partial_fit is not available for solver={estimator.solver!r}, which needs all "
            "rows at once; use solver='adam' or 'sgd'."
        )
    return True


@documented
class TorchLogisticClassifier(
    ChangedParametersMixin,
    CallbackSupportMixin,
    ConversionMixin,
    LinearPredictionMixin,
    BaseEstimator,
):
    r"""Logistic regression on torch: linear scores, log-softmax, negative log-likelihood.

    Every solver on every device minimises the objective of scikit-learn's
    :class:`~sklearn.linear_model.LogisticRegression`, so that at the optimum the two agree:

    .. math::
        \min_{W, b}\; \frac{\sum_i s_i\, \mathrm{nll}_i(W, b)}{\sum_i s_i}
        + \frac{1}{C \sum_i s_i} \left( \frac{1 - \rho}{2} \lVert W \rVert_2^2
        + \rho \lVert W \rVert_1 \right)

    where :math:`s_i` is the sample weight times the class weight, :math:`\rho` is
    ``l1_ratio`` and the intercept :math:`b` is never penalised. Two classes have one row of
    weights (the logistic loss); more have one row each (multinomial, softmax). Several labels
    of each sample are as many models of two classes, which share each pass over ``X``.

    Parameters
    ----------
    C : float, default=1.0
        Inverse of the strength of the penalty, above 0. ``np.inf`` means no penalty.
    l1_ratio : float, default=0.0
        The share of the L1 penalty, which makes coefficients zero: 0 is ridge, 1 is lasso, in
        between is the elastic net.
    {fit_intercept}
    class_weight : dict or 'balanced', default=None
        Weights of the classes, ``{label: weight}``; labels left out weigh 1. 'balanced'
        weighs classes by the inverse of their (weighted) frequency.
    solver : {'lbfgs', 'adam', 'sgd'}, default='lbfgs'
        - 'lbfgs' uses all rows in each iteration and converges to the optimum. Features are
          centred and scaled inside, so that they need not have the same scale. A dearer
          method takes over when the iterations so far have cost as much: see ``solver_``.
          A Hessian that costs less than an iteration (a few dozen weights, or few rows) is
          used from the start. With an L1 penalty the steps are proximal: to the least point
          of a quadratic plus the penalty, so that zeros are exact.
        - 'adam' and 'sgd' go through shuffled minibatches; an iteration is an epoch. They
          come near the optimum within few epochs, and can learn from a stream
          (`partial_fit`). With an L1 penalty each step ends with soft thresholding; the
          noise of minibatches moves many weights away from zero again.
    max_iter : int, default=100
        The largest number of iterations: epochs for 'adam' and 'sgd'.
    tol : float, default=1e-4
        For 'lbfgs', the fit has converged when two conditions hold. No entry of the
        objective's gradient exceeds ``tol``, as in `LogisticRegression`. And the objective is
        not expected to fall by more than ``tol`` times its value (or ``tol / 1000``, where it
        is below 1e-3) in the next iteration: with many classes the gradient alone is small
        long before the optimum.

        With an L1 penalty the gradient is the smallest subgradient:
        :math:`\max(|g| - \lambda, 0)` for a coefficient of zero, :math:`|g \pm \lambda|`
        for others, with the gradient :math:`g` of all else and
        :math:`\lambda = \rho / (C \sum_i s_i)`.

        'adam' and 'sgd' have converged when the training loss has not fallen by ``tol`` for
        ``n_iter_no_change`` epochs; with ``early_stopping``, when the validation loss has not.
    batch_size : int, default=64
        Samples in a minibatch. Ignored by 'lbfgs', as are the next three.
    learning_rate_init : float, default=1e-3
        The step size of 'adam' and 'sgd'.
    momentum : float, default=0.9
        The momentum of 'sgd', in [0, 1).
    shuffle : bool, default=True
        Whether to draw a new order of the samples for each epoch.
    early_stopping : bool, default=False
        Whether to stop when the validation loss has not fallen by ``tol`` for
        ``n_iter_no_change`` iterations, and to keep the weights with the lowest one. The
        validation samples are ``X_val`` of `fit`, or else set aside from the training
        samples, stratified: at least two of each class.
    validation_fraction : float, default=0.1
        The fraction of training samples to set aside for ``early_stopping``.
    n_iter_no_change : int, default=5
        The number of iterations without improvement after which to stop.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the previous fit.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of the samples and the validation split. A fit that fails draws nothing
        from an instance. torch's global generator is neither read nor changed.
    verbose : int, default=0
        1 prints one row for each iteration: its number, the objective (training loss plus
        penalty, as in ``loss_curve_``), validation loss and accuracy where there are
        validation samples, seconds since the start, and the method, as in ``solver_``.
    device : str or torch.device, default='auto'
        Where to fit: 'cpu', 'cuda', 'cuda:1', 'mps'. 'auto' means the device of ``X`` where
        ``X`` is a tensor, else the first CUDA device, else the CPU. A sparse ``X`` is fitted
        on the CPU. Predictions are made where the samples are.
    dtype : {'float32', 'float64'} or None, default=None
        The precision of products with ``X``. None keeps float32 and float64 as they come,
        computes 32- and 64-bit integers in float64 and all else (smaller integers, bools,
        float16, bfloat16) in float32, which holds them exactly: a block of rows at a time,
        without a converted copy of ``X``. 'lbfgs' reads a float64 ``X`` through a float32
        copy where its rounding is far below ``tol``, and for eight models or classes and
        more keeps a sparse ``X`` of up to 16 million entries by row and by column.

    Attributes
    ----------
    {linear_attributes}
    n_iter_ : int
        Iterations (epochs) run by the last fit; by all calls of `partial_fit` together.
    solver_ : str
        The method of the last iteration: 'adam' or 'sgd', or of 'lbfgs' one of

        - 'newton', the exact Hessian;
        - 'lbfgs', which starts from the variances of the features;
        - 'lbfgs-hessian', which starts from the Hessian of each class, of a sample of rows;
        - 'row-space', by as many unknowns a class as rows, where there are more features;
        - 'newton-cg', by products of the Hessian, for several models or classes of a sparse
          ``X`` with more features than rows;
        - 'proximal-newton' and 'proximal-lbfgs', with an L1 penalty;
        - 'working-sets', the same on the features that matter, beyond 1,500 features.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        The objective after each iteration of 'lbfgs'; for 'adam' and 'sgd', its mean over
        the minibatches of each epoch, each taken before its update.
    validation_scores_ : ndarray of shape (`n_iter_`,) or None
        The validation accuracy after each iteration, of several labels the subset accuracy;
        None without validation samples.
    validation_loss_curve_ : ndarray of shape (`n_iter_`,) or None
        The validation loss after each iteration: the mean negative log-likelihood, without
        penalty; None without validation samples.
    {features}

    See Also
    --------
    sklearn.linear_model.LogisticRegression : The same model on the CPU.
    GlobalStandardScaler : One mean and one scale for all features.
    skorchless.plotting.LossCurveDisplay : The losses of a fit as a picture.

    Notes
    -----
    All fitted attributes are NumPy arrays or plain Python: a model fitted on a GPU can be
    unpickled and predicts on a machine that has none.

    Several labels are fitted by 'lbfgs' in groups that take no more memory than ``X`` does, or
    256 MB where it is smaller, and no more than scikit-learn's ``working_memory``; in one group
    where there are validation samples or callbacks. Their ``loss_curve_`` is the mean over
    labels, ``n_iter_`` the largest of any, and early stopping is by the mean loss. Minibatch
    solvers move all labels in each step.

    The order of minibatches makes 'adam' and 'sgd' sensitive to repeating a sample where
    'lbfgs' is not: only when a minibatch holds all samples are integer sample weights the
    same as repetitions.

    Minibatches of a sparse ``X`` of 1,500 features and more stay sparse; the steps are those of
    the same samples, dense. 'sgd' moves the features of a minibatch, and the others when they are
    next used. 'adam', and 'sgd' with an L1 penalty, move in each step all features that have had
    an entry so far.

    ``max_iter`` epochs of 'adam' or 'sgd' that are too few for ``n_iter_no_change`` to tell
    convergence are taken as wanted: no ConvergenceWarning is given.

    References
    ----------
    .. [1] J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd ed., 2006, chapter 7,
       :doi:`10.1007/978-0-387-40065-5`.
    .. [2] R. H. Byrd, J. Nocedal, R. B. Schnabel, "Representations of quasi-Newton matrices
       and their use in limited memory methods", Mathematical Programming 63, 1994,
       :doi:`10.1007/BF01582063`.
    .. [3] J. D. Lee, Y. Sun, M. A. Saunders, "Proximal Newton-type methods for minimizing
       composite functions", SIAM Journal on Optimization 24, 2014,
       :doi:`10.1137/130921428`.
    .. [4] D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015,
       :arxiv:`1412.6980`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skorchless import TorchLogisticClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TorchLogisticClassifier().fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 0])
    >>> clf.predict_proba(X[:2]).round(2)
    array([[0.98, 0.02, 0.  ],
           [0.97, 0.03, 0.  ]])
    >>> round(clf.score(X, y), 3)
    0.973
    >>> TorchLogisticClassifier(l1_ratio=1, C=0.1).fit(X, y).coef_.round(2)
    array([[ 0.  ,  0.  , -1.77,  0.  ],
           [ 0.  ,  0.  ,  0.  ,  0.  ],
           [ 0.  ,  0.  ,  1.79,  0.  ]])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012, scikit-learn's convention
        **SHARED_CONSTRAINTS,
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "solver": [StrOptions({"lbfgs", *MINIBATCH_SOLVERS})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "shuffle": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
    }

    n_iter_: int
    solver_: str
    loss_curve_: Array
    validation_scores_: Array | None
    validation_loss_curve_: Array | None
    device_: str
    _stream: dict[str, Any] | None  # see `PartialFitState`

    def __init__(
        self,
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        class_weight: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        tol: float = 1e-4,
        batch_size: int = 64,
        learning_rate_init: float = 1e-3,
        momentum: float = 0.9,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        device: Any = "auto",
        dtype: Any = None,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.device = device
        self.dtype = dtype

    @_fit_context(prefer_skip_nested_validation=True)
    @shared_among_cores
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> Self:
        """Fit the model to training samples.

        Parameters
        ----------
        {X_train}
        {y_train}
        {sample_weight}
        X_val : {array-like, sparse, tensor, Dask} of shape (n_val, n_features), default=None
            Validation samples, scored after each iteration. In a ``Pipeline``, transform
            them as ``X`` is with ``Pipeline(..., transform_input=["X_val"])``.
        y_val : array-like of shape (n_val,) or (n_val, n_labels), default=None
            The labels of ``X_val``, of the kinds that ``y`` may be.

        {returns_self}

        Raises
        ------
        ValueError
            If the input or a parameter is not as described; what was fitted before is kept.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` or the precision ended the fit before it had converged.
        UserWarning
            If a label of several has one value alone.
        """
        with fitted_state_kept_on_error(self):
            train = read_samples(self, X, y, sample_weight, reset=True)
            placement = resolve_placement(self, train.X)
            classes = check_has_two_classes(train.distinct_labels())
            train = train.encode(classes, "y")
            rng = check_random_state(self.random_state)
            train, validation = self._set_validation_aside(train, placement, rng, X_val, y_val)
            of_labels, constants = train.label_attributes, constant_labels(train)
            given = as_given(X, y, sample_weight)
            tasks = CallbackTasks(self, given, of_labels, placement.dtype, n_tasks=self.max_iter)
            watcher = ModelWatcher(tasks, validation, verbose=self.verbose)
            grid, n_labels = grid_of_one(self.C, self.l1_ratio), train.n_labels
            is_joint = self.solver != "lbfgs" or validation is not None or has_callbacks(self)
            weighs = self.class_weight is not None
            groups = label_groups(train, grid, has_weights=weighs, is_joint=is_joint)
            problems = objectives_of(self, train, placement, grid, groups)
            del train  # so that a cluster holds only the rows that are made from it

            def start(labels: Array, objective: PenalizedNLL) -> tuple[Tensor, Iterator[Progress]]:
                W = first_weights(self, objective, of_labels, labels)
                return W, build_solver(self, objective, W, rng)

            fit = fit_groups(problems, start, n_labels, max_iter=self.max_iter, watcher=watcher)
            W = fit.W if validation is None or validation.best_W is None else validation.best_W
            W = finite_weights(W, self.solver, placement.dtype)
            W = with_constants(W, constants, self.n_features_in_)
            tasks.end_fit(W)
            self._store(W, of_labels, placement, watcher.losses, validation, fit.method)
        for of_constants in constants_warning(constants):
            warnings.warn(of_constants, UserWarning, stacklevel=4)
        if message := convergence_message(self, fit, placement.dtype):
            # 4: past our wrapper and scikit-learn's, to the line that called fit.
            warnings.warn(message, ConvergenceWarning, stacklevel=4)
        return self

    @available_if(_uses_minibatches)
    @_fit_context(prefer_skip_nested_validation=True)
    @shared_among_cores
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on fitting for one epoch over the given samples.

        Exists for ``solver='adam'`` and ``'sgd'``. The objective of a call is that of its own
        samples, ``C`` included; the optimiser's state is kept from call to call. After a change
        of ``solver`` or ``fit_intercept`` the optimiser starts anew, from the coefficients so far.
        A call that fails changes nothing: the next one goes on as if it had not been made.

        Parameters
        ----------
        {X}
        {y}
        classes : array-like of shape (n_classes,) or (n_labels,), default=None
            All labels that any chunk may have, or, of several labels, ``np.arange(n_labels)``;
            needed in the first call.
        {sample_weight}

        {returns_self}

        Raises
        ------
        ValueError
            If ``classes`` is missing in the first call, ``y`` has a label outside of them,
            or ``class_weight='balanced'`` or ``early_stopping`` is set, which need all
            samples at once.
        """
        self._check_partial_fit_parameters()
        with fitted_state_kept_on_error(self):
            is_first = _check_partial_fit_first_call(self, to_numpy(classes))
            check_has_two_classes(self.classes_)
            chunk = read_samples(self, X, y, sample_weight, reset=is_first)
            placement = resolve_placement(self, chunk.X)
            if not is_first:
                check_same_kind(chunk, self.multilabel_, "y")
            chunk = chunk.encode(self.classes_, "y")
            grid = grid_of_one(self.C, self.l1_ratio)
            objective = build_objective(self, chunk, placement, grid, mean_weight=1.0)
            W = torch.zeros(objective.weights_shape) if is_first else pack_weights(self)
            W, stream = W.view(objective.weights_shape), continued_state(self)
            progress = next(build_solver(self, objective, W, stream.rng, stream.buffers))
            losses = [] if is_first else self.loss_curve_.tolist()
            W = join_labels(progress.W, chunk.n_labels)
            W = finite_weights(W, self.solver, placement.dtype)
            losses.append(float(progress.value.mean()))
            self._store(W, chunk.label_attributes, placement, losses)
            self._stream = vars(stream.after(progress))
        return self

    @shared_among_cores
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the given samples and labels.

        Of several labels it is the subset accuracy: a sample counts if all its labels are right.

        Parameters
        ----------
        {X}
        {y}
        {sample_weight}

        Returns
        -------
        score : float
            The weighted fraction of samples whose label, or all of them, is predicted.

        {raises}
        """
        if not is_dask(X):
            if not returns_tensors(X):
                check_is_fitted(self)
                y, sample_weight = labels_to_score(self, y), to_numpy(sample_weight)
            return float(super().score(X, y, sample_weight))
        check_is_fitted(self)
        # Partitions lose the names of their features when they are read, after a check.
        nameless = snapshot(self)
        vars(nameless).pop("feature_names_in_", None)
        weigh = partial(_weigh_hits, nameless)
        _, counts = map_partitions(weigh, self, X, y, sample_weight, reset=False)
        hits, total = np.sum(counts, axis=0)
        return float(hits / total)

    def _check_partial_fit_parameters(self) -> None:
        """Raise for parameters that need all samples at once."""
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported by partial_fit, which does not know "
                "all labels; pass the weights as a dict, from "
                "sklearn.utils.class_weight.compute_class_weight."
            )
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")

    def _set_validation_aside(
        self,
        train: AnySamples,
        placement: Placement,
        rng: np.random.RandomState,
        X_val: Any,
        y_val: Any,
    ) -> tuple[AnySamples, Validation | None]:
        """Return the training samples, and the validation samples given or split from them."""
        if (X_val is None) != (y_val is None):
            missing = "y_val" if y_val is None else "X_val"
            raise ValueError(f"X_val and y_val go together, but {missing} is None.")
        if X_val is not None:
            others = read_samples(self, X_val, y_val, reset=False)
            check_same_kind(others, train.is_multilabel, "y_val")
            others = others.encode(train.classes, "y_val")
        elif self.early_stopping:
            class_weights = weigh_classes(self.class_weight, train)
            train, others = train.split(self.validation_fraction, class_weights, rng)
        else:
            return train, None
        patience = Patience(self.tol, self.n_iter_no_change) if self.early_stopping else None
        unweighted = np.ones((1, train.n_classes)), np.ones((1, 1))
        rows = others.rows(place_beside(others.X, placement), *unweighted)
        return train, Validation(rows, train.n_labels, patience)

    def _store(
        self,
        W: Tensor,
        of_labels: dict[str, Any],
        placement: Placement,
        losses: list[float],
        validation: Validation | None = None,
        method: str = "",
    ) -> None:
        """Set the fitted attributes, all at once and last of all."""
        self.__dict__.update(
            linear_attributes(W, self.n_features_in_, of_labels),
            n_iter_=len(losses),
            solver_=method or self.solver,
            loss_curve_=np.array(losses),
            validation_scores_=None if validation is None else np.array(validation.accuracies),
            validation_loss_curve_=None if validation is None else np.array(validation.losses),
            device_=str(placement.device),
            # Where partial_fit would go on belongs to the weights that are now replaced.
            _stream=None,
        )


def _weigh_hits(estimator: Any, X: Any, labels: Array, weights: Array) -> tuple[float, float]:
    """Return the weight of the samples whose label, or all, is predicted, and that of all."""
    hits = estimator.predict(X) == labels_to_score(estimator, labels)
    hits = hits.all(1) if estimator.multilabel_ else hits
    return float(weights @ hits), float(weights.sum())
