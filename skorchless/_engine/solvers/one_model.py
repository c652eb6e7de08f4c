"""A fit of one model to a small table in memory, in as few operations as possible.

Where a pass over the rows takes less than a millisecond, most of the time of a fit is the
interpreter's: an iteration of `descent` and `quasi_newton`, written for many models on any rows,
takes three times as long here. The methods are L-BFGS and Newton's, on a copy of X whose features
are centred and scaled to a curvature of 1. The logits along a direction are kept, so that a line
search makes no product.

References
----------
Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithm 7.4,
https://doi.org/10.1007/978-0-387-40065-5.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.linalg.blas import daxpy, ddot
from scipy.linalg.lapack import dposv, dpotrs
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments
from skorchless._engine.objective import MIN_CLASS_SHARE, PenalizedNLL
from skorchless._engine.rows.memory import LocalRows, Rows
from skorchless._engine.solvers.base import Progress, Status
from skorchless._engine.solvers.descent import (
    LEVEL_ROUNDINGS,
    MIN_OBJECTIVE,
    SUFFICIENT_DECREASE,
    Watch,
    to_host,
)
from skorchless._engine.solvers.quasi_newton import MIN_CURVATURE, N_PAIRS
from skorchless._engine.solvers.row_space import RowSpace
from skorchless._engine.solvers.strategy import (
    hessian_pace,
    is_hessian_cheap,
    row_space_hessian_pace,
)

Vector = np.ndarray[Any, Any]  # float64: of weights (K * D,), or of rows as `State` says
MAX_BACKTRACKS = 40  # to 1e-12 of the step at least
EPS = float(np.finfo(np.float64).eps)
# A step is corrected where the minimum along it is further away than by this share, a choice, and
# not beyond this ratio. A fit then takes a tenth to a quarter fewer iterations: the margins are
# there, and the slope takes a tenth of the time of an iteration or less.
MIN_CORRECTION = 0.1
MAX_RATIO = 4.0
# Of four classes and more the values take longer than the iterations that they save: 0.8 to 1.05
# times as fast on 10 tables, of three classes 1.0 to 1.2 times.
MAX_CORRECTED_CLASSES = 3
# Rows for each column beyond which X is copied by column: products take 0.4 to 0.8 times as long.
TALL = 20
# Entries up to which operations of BLAS on vectors stay on one core.
MAX_BLAS_ENTRIES = 10_000
# Entries that are centred and scaled at a time, 1 MB of float64: 256 kB take up to twice as long.
STANDARDIZED_ENTRIES = 2**17
# A choice: added to a Hessian that is inverted, whose diagonal is about 1. It is above rounding,
# and below any curvature that matters.
RIDGE = 1e-6
# The decrease, in units of that which ends a fit, below which the last Hessian tells as well as a
# new one that the fit has ended: the point is so near that it has hardly changed.
LAST_DECREASE = 0.1
# Beyond, softplus(x) is x in float64.
SOFTPLUS_LIMIT = 40.0


class Point(NamedTuple):
    """The weights of centred and scaled features, with what a line search asks for."""

    u: Vector
    margins: Vector  # (N,) of two classes, else (K, N)
    value: float
    proba: Vector  # as the margins; with two classes of the other one


class State(NamedTuple):
    """The weights of centred and scaled features, with the objective there."""

    u: Vector
    margins: Vector  # (N,) of two classes, else (K, N)
    value: float
    grad: Vector
    violation: float  # the largest entry of the gradient by the features as they are
    proba: Vector  # as the margins


class OneModel:
    """The objective of one model by the weights of centred and scaled features.

    Margins are the logits less that of a row's own class; with two classes, that of the other one.

    Products with X, exponentials and logarithms are torch's, which are on one core and vectorised;
    all else is NumPy's, which takes a third of the time for a small array.
    """

    def __init__(
        self, objective: PenalizedNLL, moments: FeatureMoments, dtype: torch.dtype | None = None
    ) -> None:
        self.objective = objective
        X, *columns = _whole(objective.rows)
        codes, weights = (column.numpy() for column in columns)
        self._n_copied = objective.rows.placement.block_sizes.copied_entries
        self.shape = n_weight_rows, n_columns = objective.weights_shape[1:]
        self.is_binary = objective.n_classes == 2
        codes = codes[:, int(objective.label)]
        total = float(objective.total_weight)
        self.weights = np.divide(weights[:, int(objective.fold)], total, dtype=np.float64)  # (N,)
        shares = np.bincount(codes, self.weights)
        curvature = max(float(shares.dot(1.0 - shares)) / len(shares), MIN_CLASS_SHARE)
        n_features = X.shape[1]
        self._mean, self._center = np.zeros(n_columns), np.zeros(n_columns)
        variance = np.ones(n_columns)
        variance[:n_features] = to_host(moments.variance)
        self.is_constant = variance == 0.0
        variance[self.is_constant] = 1.0
        self.has_intercept = objective.fit_intercept
        if moments.mean is not None:
            self._mean[:n_features] = self._center[:n_features] = to_host(moments.mean)
        if objective.rows.center is not None:
            self._center[:n_features] += to_host(objective.rows.center)
        ridge = np.full(n_columns, float(objective.alpha) * (1.0 - float(objective.l1_ratio)))
        ridge[n_features:] = 0.0
        # The inverse root of the diagonal of the Hessian at the best model that ignores X.
        self.scale = 1.0 / np.sqrt(curvature * variance + ridge)  # (D,)
        self.penalty_weight = np.concatenate([ridge * self.scale**2] * n_weight_rows)
        self.X = self._standardized(X, dtype or objective.rows.placement.dtype)
        self.eps = torch.finfo(self.X.dtype).eps
        if self.is_binary:
            self._signs = 1.0 - 2.0 * codes
        else:
            self._own = codes * len(X) + np.arange(len(X))
            self._own_weights = np.zeros((n_weight_rows, len(X)))
            self._own_weights.ravel()[self._own] = self.weights

    def _standardized(self, X: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the centred and scaled features (N, D), and a column of the intercept."""
        (n_rows, n_features), n_columns = X.shape, self.shape[1]
        is_tall = n_rows > TALL * n_columns
        shape = (n_columns, n_rows) if is_tall else (n_rows, n_columns)
        Z = torch.empty(shape, dtype=dtype)
        Z = Z.T if is_tall else Z
        Z[:, n_features:] = float(self.scale[-1])
        features = Z[:, :n_features]
        scale, shift = (
            torch.from_numpy(v[:n_features]).to(Z.dtype)
            for v in (self.scale, -self._mean * self.scale)
        )
        step = max(1, STANDARDIZED_ENTRIES // max(1, n_features))
        for start in range(0, n_rows, step):
            part = slice(start, start + step)
            # In the dtype of Z: float64 read for float32 would take twice as long.
            given = X[part] if X.dtype == Z.dtype else features[part].copy_(X[part])
            torch.addcmul(shift, given, scale, out=features[part])
        return Z

    def weights_of(self, u: Vector) -> Vector:
        """Return the weights (K, D) of the features as they are."""
        W: Vector = u.reshape(self.shape) * self.scale
        if self.has_intercept:
            W[:, -1] -= W.dot(self._center)
        return W

    def of_weights(self, W: Vector) -> Vector:
        """Return ``u`` of weights (K, D) of the features as they are."""
        if self.has_intercept:
            intercept, W = W @ self._center, W.copy()
            W[:, -1] += intercept
        return (W / self.scale).ravel()

    def center_over_dummies(self, u: Vector) -> Vector:
        """Return ``u``, or a step, less what the dummies of each category have in common."""
        if self.objective.dummies is None:
            return u
        W = torch.from_numpy(u.reshape(self.shape) * self.scale)[None]
        return (self.objective.center_over_dummies(W)[0].numpy() / self.scale).ravel()

    def _to_torch(self, array: Vector) -> Tensor:
        """Return ``array`` in the dtype of X."""
        tensor = torch.from_numpy(array)
        return tensor if self.X.dtype is torch.float64 else tensor.to(self.X.dtype)

    def margins(self, u: Vector) -> Vector:
        """Return the margins, or their change for a change ``u``."""
        weights = self._to_torch(u)
        if self.is_binary:
            # A product with a vector takes four fifths of the time of one with a matrix of a row.
            return torch.mv(self.X, weights).numpy() * self._signs
        logits = torch.mm(weights.view(self.shape), self.X.T).numpy()
        return np.subtract(logits, logits.take(self._own), dtype=np.float64)

    def at(self, u: Vector, margins: Vector) -> Point:
        """Return the point ``u``, whose margins are known."""
        if self.is_binary:
            proba, on_torch = self.proba(margins), torch.from_numpy(margins)
            of_rows = torch.nn.functional.softplus(on_torch, 1.0, SOFTPLUS_LIMIT).numpy()
        else:
            proba, of_rows = _proba_and_nll(margins)
        value = _dot(of_rows, self.weights) + 0.5 * self.doubled_penalty(u)
        return Point(u, margins, value, proba)

    def proba(self, margins: Vector) -> Vector:
        """Return the probabilities (K, N); with two classes those of the other one, (N,)."""
        if self.is_binary:
            probabilities: Vector = torch.sigmoid(torch.from_numpy(margins)).numpy()
            return probabilities
        return _proba_and_nll(margins)[0]

    def doubled_penalty(self, u: Vector) -> float:
        """Return twice the L2 penalty."""
        return _dot(self.penalty_weight * u, u)

    def state(self, point: Point) -> State:
        """Return the state at ``point``."""
        u, margins, value, proba = point
        weighted = proba * self.weights
        if self.is_binary:
            residual = weighted * self._signs
            by_u = torch.mv(self.X.T, self._to_torch(residual)).numpy()
        else:
            residual = weighted - self._own_weights
            by_u = torch.mm(self._to_torch(residual), self.X).numpy().ravel()
        grad = by_u + self.penalty_weight * u
        return State(u, margins, value, grad, float(np.abs(self.raw_grad(grad)).max()), proba)

    def raw_grad(self, grad: Vector) -> Vector:
        """Return the gradient (K, D) by the weights of the features as they are."""
        of_raw: Vector = grad.reshape(self.shape) / self.scale
        if self.has_intercept:
            of_raw += of_raw[:, -1:] * self._center
        return of_raw

    def hessian(self, p: Vector) -> Tensor:
        """Return the Hessian (K * D, K * D) of the NLL from the probabilities."""
        function = self._hessian_of_two if self.is_binary else self._hessian
        return self._in_blocks(function, self._to_torch(p), self._to_torch(self.weights))

    def _in_blocks(self, function: Callable[..., Tensor], *of_rows: Tensor) -> Tensor:
        """Return the sum of what ``function`` makes of blocks of X and of ``of_rows`` (..., N)."""
        n_weights = math.prod(self.shape)
        # At least as many rows as weights: of fewer, sums take as long as products.
        step = max(n_weights, self._n_copied // n_weights)
        total = function(self.X[:step], *(each[..., :step] for each in of_rows))
        for start in range(step, len(self.X), step):
            part = slice(start, start + step)
            total += function(self.X[part], *(each[..., part] for each in of_rows))
        return total

    def _hessian_of_two(self, X: Tensor, p: Tensor, weights: Tensor) -> Tensor:
        return (X.T * torch.addcmul(p, p, p, value=-1.0).mul_(weights)) @ X

    def _hessian(self, X: Tensor, p: Tensor, weights: Tensor) -> Tensor:
        """Return the Hessian (K * D, K * D) of some rows."""
        of_all = (p.T[:, :, None] * X[:, None]).flatten(1)  # (B, K * D)
        hessian = torch.mm(of_all.T * -weights, of_all)
        of_classes = ((p * weights)[:, None] * X.T) @ X  # (K, D, D)
        blocks = hessian.view(*self.shape, *self.shape)
        blocks.diagonal(dim1=0, dim2=2).add_(of_classes.permute(1, 2, 0))
        return hessian

    def inverse_hessians(self, p: Vector, *, is_shared: bool = False) -> Tensor | None:
        """Return the inverse (K, D, D) of each class's own Hessian and a ridge, None if it fails.

        Of two classes it is that of the Hessian. Where it ``is_shared`` it is (1, D, D), of the
        mean of the classes.
        """
        hessians = self.hessian(p)[None] if self.is_binary else self._of_classes(p, is_shared)
        ridge = self.penalty_weight[: self.shape[1]] + RIDGE
        hessians.diagonal(dim1=1, dim2=2).add_(torch.from_numpy(ridge))
        factors, info = torch.linalg.cholesky_ex(hessians)
        return None if info.any() else torch.cholesky_inverse(factors).to(torch.float64)

    def _of_classes(self, p: Vector, is_shared: bool) -> Tensor:
        """Return the Hessian (K, D, D) of the NLL by each class's weights, or (1, D, D)."""
        # With equal shares the Hessian of all classes is this times that of each, and 0 along
        # equal weights of all.
        curvature = p * (1.0 - p) * self.weights * (len(p) / (len(p) - 1))
        curvature = curvature.mean(0, keepdims=True) if is_shared else curvature

        def of_block(X: Tensor, curvature: Tensor) -> Tensor:
            return torch.stack([(X.T * of_class) @ X for of_class in curvature])

        return self._in_blocks(of_block, self._to_torch(curvature))

    def state_at(self, u: Vector) -> State:
        """Return the state at ``u``, whose margins are not known."""
        return self.state(self.at(u, self.margins(u)))


def _proba_and_nll(margins: Vector) -> tuple[Vector, Vector]:
    """Return the probabilities (K, N) of several classes, and the NLL (N,) of each row."""
    largest = margins.max(0)
    proba = torch.from_numpy(margins - largest).exp_().numpy()
    total = proba.sum(0)
    proba /= total
    nll = torch.from_numpy(total).log_().numpy()
    nll += largest
    return proba, nll


def _whole(rows: Rows) -> tuple[Tensor, ...]:
    """Return X (N, P), dense, and the columns of all rows, on the host."""
    if isinstance(rows, LocalRows) and rows.are_in_memory and rows.n_stored is None:
        return rows.whole()
    index = torch.arange(rows.n_rows, device=rows.placement.device)
    return tuple(part.cpu() for part in rows.gather(index))


def minimize_one_model(
    objective: PenalizedNLL,
    moments: FeatureMoments,
    W: Tensor,
    *,
    tol: float,
    by_newton: bool,
    space: RowSpace | None = None,
) -> Iterator[Progress]:
    """Yield the progress of each iteration from ``W`` (1, K, D), weights of features as they are.

    Stop as `descend` does. The rows of ``objective`` may be those of a row ``space``: violations
    are those by its features.
    """
    with _quiet():
        model = OneModel(objective, moments, torch.float64 if by_newton else None)
        state = model.state_at(model.center_over_dummies(model.of_weights(to_host(W[0]))))
        directions = NewtonStep(model, tol) if by_newton else _lbfgs_step(model, state, space)
        pace = hessian_pace(objective) if space is None else row_space_hessian_pace(objective)
        # The row space has a penalty: no class lowers the objective for ever.
        least = MIN_OBJECTIVE if space is None else 0.0
        watch = Watch(state.value, math.inf, is_exact=by_newton, min_objective=least)
        direction = model.center_over_dummies(directions.at(state))
    status = Status.RUNNING
    while status == Status.RUNNING:
        with _quiet():
            new = line_search(model, state, direction, is_plain=directions.is_plain)
            if new is None:
                directions.forget()
            state = new or state
            if isinstance(directions, LBFGSStep) and pace.is_due(state.violation, tol):
                directions.start_from(model.inverse_hessians(state.proba))
            direction = model.center_over_dummies(directions.at(state))
            slope = _dot(state.grad, direction)
            violation = state.violation if space is None else space.grad_ratio * state.violation
            if space is not None and violation > tol and watch.is_level(state.value, slope, tol):
                violation = space.violation(model.raw_grad(state.grad))
            at_state = (state.value, violation, slope, tol)
            status = watch.status(*at_state, rounding=model.eps, has_failed=new is None)
            method = directions.method if space is None else "row-space"
            progress = _progress(model, state, status, violation, method)
        yield progress


def _lbfgs_step(model: OneModel, state: State, space: RowSpace | None) -> LBFGSStep:
    """Return the directions of L-BFGS from ``state`` on, from a Hessian where that is cheap."""
    directions = LBFGSStep()
    if space is not None or is_hessian_cheap(model.objective):
        directions.start_from(model.inverse_hessians(state.proba, is_shared=True))
    return directions


def _quiet() -> np.errstate:
    """Return a context without NumPy's warnings: what overflows is no step, and a `Status`."""
    # None is open across a yield, which would silence the caller too.
    return np.errstate(over="ignore", invalid="ignore")


def _progress(
    model: OneModel, state: State, status: Status, violation: float, method: str
) -> Progress:
    value, of_status, of_violation = (
        torch.from_numpy(np.array([each])) for each in (state.value, int(status), violation)
    )

    def weights() -> Tensor:
        with _quiet():
            return torch.from_numpy(model.weights_of(state.u)[None])

    return Progress(weights, value, of_status, of_violation, method=method)


def _dot(a: Vector, b: Vector) -> float:
    """Return an inner product, on one core."""
    # SciPy's takes half of the time of NumPy's.
    if len(a) <= MAX_BLAS_ENTRIES:
        product: float = ddot(a, b)
        return product
    return float(torch.dot(torch.from_numpy(a), torch.from_numpy(b)))


def _add(total: Vector, a: Vector, share: float) -> None:
    """Add ``share * a`` to ``total``, on one core."""
    if len(a) <= MAX_BLAS_ENTRIES:
        daxpy(a, total, a=share)
    else:
        torch.from_numpy(total).add_(torch.from_numpy(a), alpha=share)


def line_search(model: OneModel, state: State, d: Vector, *, is_plain: bool) -> State | None:
    """Return a lower state along ``d``, None where there is none.

    The first step is 1, or where no curvature is known yet the one that is exact along ``d``,
    corrected to the minimum of the parabola of its slopes at both ends.
    """
    change, slope = model.margins(d), min(_dot(state.grad, d), 0.0)
    step = _exact_step(model, state, d, change, slope) if is_plain else 1.0

    if model.shape[0] <= MAX_CORRECTED_CLASSES:
        step *= _correction(model, state, step, d, change, slope)
    for _ in range(MAX_BACKTRACKS):
        point = model.at(state.u + step * d, state.margins + step * change)
        if point.value <= state.value + SUFFICIENT_DECREASE * step * slope:
            return model.state(point)
        if point.value <= state.value + LEVEL_ROUNDINGS * model.eps * abs(state.value):
            new = model.state(point)
            if _dot(new.grad, d) <= (2 * SUFFICIENT_DECREASE - 1) * slope:
                return new
        excess = point.value - state.value - step * slope
        parabola = -slope * step * step / (2 * excess) if excess > 0 else 0.0
        step = min(max(parabola, 0.1 * step), 0.5 * step)
    return None


def _correction(
    model: OneModel, state: State, step: float, d: Vector, change: Vector, slope: float
) -> float:
    """Return the ratio of the best step to ``step``, by the slopes at both ends."""
    weighted = model.proba(state.margins + step * change) * model.weights
    at_end = _dot(weighted.ravel(), change.ravel())
    at_end += _dot(model.penalty_weight * (state.u + step * d), d)
    fall = slope - at_end
    if math.isnan(fall):
        return 1.0
    ratio = max(slope / fall, 1 / MAX_RATIO) if fall < slope / MAX_RATIO else MAX_RATIO
    return ratio if abs(ratio - 1.0) > MIN_CORRECTION else 1.0


def _exact_step(model: OneModel, state: State, d: Vector, change: Vector, slope: float) -> float:
    """Return the step to the minimum of the quadratic along ``d``."""
    of_rows = state.proba * change
    if model.is_binary:
        of_rows *= change - of_rows
    else:
        of_rows = (of_rows * (change - of_rows.sum(0))).sum(0)
    curvature = _dot(of_rows, model.weights) + model.doubled_penalty(d)
    step = -slope / curvature if curvature > 0.0 else 1.0
    return step if np.isfinite(step) else 1.0


def _by_class(matrices: Tensor, v: Vector) -> Vector:
    """Return the products (K * D,) of the matrices (K, D, D) of classes, or one (1, D, D) of all.

    Less their mean over classes, along which the objective is flat.
    """
    n_columns = matrices.shape[1]
    if len(v) == n_columns:
        of_one: Vector = torch.mv(matrices[0], torch.from_numpy(v)).numpy()
        return of_one
    of_classes = torch.from_numpy(v).view(-1, n_columns)
    if len(matrices) == 1:
        products = torch.mm(of_classes, matrices[0])
    else:
        # A batch of products takes five times as long.
        pairs = zip(matrices, of_classes, strict=True)
        products = torch.stack([torch.mv(*pair) for pair in pairs])
    result: Vector = products.sub_(products.mean(0)).view(-1).numpy()
    return result


class LBFGSStep:
    """The inverse BFGS matrix of the last pairs, from the identity or the inverse of a Hessian."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[Vector, Vector, float]] = deque(maxlen=N_PAIRS)  # s, y, s'y
        self._scale = 1.0  # of the identity
        self._inverse: Tensor | None = None  # (K, D, D), or (1, D, D) of all classes
        self._last: State | None = None

    @property
    def method(self) -> str:
        """What the directions are made of."""
        return "lbfgs" if self._inverse is None else "lbfgs-hessian"

    @property
    def is_plain(self) -> bool:
        """Whether no curvature is known yet."""
        return self._inverse is None and not self._pairs

    def start_from(self, inverse: Tensor | None) -> None:
        """Go on from the ``inverse`` of a Hessian, without the pairs so far; None: as before."""
        if inverse is not None:
            self._inverse, self._last = inverse, None
            self._pairs.clear()

    def at(self, state: State) -> Vector:
        """Return the direction from ``state``, after the pair that led there is learnt."""
        last, self._last = self._last, state
        if last is not None and state is not last:
            self._learn(state.u - last.u, state.grad - last.grad)
        r, shares = -state.grad, []
        for s, y, s_y in reversed(self._pairs):
            shares.append(_dot(s, r) / s_y)
            _add(r, y, -shares[-1])
        if self._inverse is None:
            r *= self._scale
        else:
            r = _by_class(self._inverse, r)
        for s, y, s_y in self._pairs:
            _add(r, s, shares.pop() - _dot(y, r) / s_y)
        return r

    def _learn(self, s: Vector, y: Vector) -> None:
        s_y, y_y = _dot(s, y), _dot(y, y)
        if s_y > MIN_CURVATURE * y_y:
            self._pairs.append((s, y, s_y))
            self._scale = s_y / y_y

    def forget(self) -> None:
        """Drop all pairs, and the Hessian."""
        self._pairs.clear()
        self._inverse = None


class NewtonStep:
    """The exact Hessian solved with."""

    method = "newton"
    is_plain = False

    def __init__(self, model: OneModel, tol: float = 0.0) -> None:
        self._model = model
        self._tol = tol
        self._factor: Vector | None = None  # of the last Hessian
        # A feature that does not vary has no gradient: any curvature above 0 will do.
        n_classes = model.shape[0]
        self._diagonal = model.penalty_weight + np.concatenate([model.is_constant] * n_classes)
        # Along equal weights of all classes the Hessian is singular and the gradient 0: curvature
        # there changes no step.
        of_classes = np.eye(model.shape[1]) / n_classes
        self._added = np.tile(of_classes, (n_classes, n_classes)) if n_classes > 1 else None

    def at(self, state: State) -> Vector:
        """Return the direction from ``state``."""
        if self._factor is not None and state.violation <= self._tol:
            step, _ = dpotrs(self._factor, state.grad)
            if _dot(step, state.grad) < LAST_DECREASE * self._tol * state.value:
                return np.negative(step)
        hessian = self._model.hessian(state.proba).numpy()
        if self._added is not None:
            hessian += self._added
        np.einsum("ii->i", hessian)[:] += self._diagonal  # a view of the diagonal
        # Factorisation and solution by torch take six times as long.
        factor, step, info = dposv(hessian, state.grad)
        if info == 0 and (factor.diagonal() ** 2 > 10.0 * EPS * hessian.diagonal()).all():
            self._factor = factor
            return np.negative(step)
        self._factor = None
        return -self._step_where_curved(hessian, state.grad)

    def _step_where_curved(self, hessian: Vector, grad: Vector) -> Vector:
        """Return the step by the pseudo-inverse: none where the objective is flat."""
        if not np.isfinite(hessian).all():
            return grad
        curvature, basis = np.linalg.eigh(hessian)
        is_real = curvature > 10.0 * EPS * len(grad) * curvature[-1]
        inverse = np.divide(1.0, curvature, where=is_real, out=np.zeros_like(curvature))
        step: Vector = basis @ (inverse * (basis.T @ grad))
        return step

    def forget(self) -> None:
        """Drop the last Hessian."""
        self._factor = None
