"""A fit of one model to a small table in memory: its line search, L-BFGS and Newton's method.

Where a pass over the rows takes less than a millisecond, most of the time of a fit is the
interpreter's: an iteration of `descent` and `quasi_newton`, written for many models on any rows,
takes three times as long. The logits along a direction are kept, so that a line search makes no
product.

References
----------
Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithm 7.4,
https://doi.org/10.1007/978-0-387-40065-5.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
import torch
from scipy.linalg.lapack import dposv, dpotrs
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Progress, Status
from skorchless._engine.solvers.descent import (
    LEVEL_ROUNDINGS,
    MIN_OBJECTIVE,
    SUFFICIENT_DECREASE,
    Watch,
    to_host,
)
from skorchless._engine.solvers.one_model import OneModel, RowTerms, State, Vector, add, dot
from skorchless._engine.solvers.quasi_newton import MIN_CURVATURE, N_PAIRS
from skorchless._engine.solvers.row_space import RowSpace
from skorchless._engine.solvers.strategy import (
    Pace,
    hessian_pace,
    is_hessian_cheap,
    row_space_hessian_pace,
)

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
# As `MIN_OBJECTIVE`, where there is a penalty: the objective has a least value. With 1e-3 clusters
# of 37 x 3,600 and 150 x 8,000 of mixed scales end 2 % above it, and with 0 ten fits of C=1e4 in
# the row space are not done after 100 iterations that take 17 to 41.
MIN_PENALIZED_OBJECTIVE = 1e-5
# The cosine of a step and the change of the gradient below which features count as correlated. Of
# plain tables it is above 0.75, of those with neighbours correlated by 0.9 below 0.7 after two to
# four iterations.
MIN_PLAIN_COSINE = 0.7
# The decrease, in units of that which ends a fit, below which the last Hessian tells as well as a
# new one that the fit has ended: the point is so near that it has hardly changed.
LAST_DECREASE = 0.1


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

    Stop as `descend` does. The rows of ``objective`` may be those of a row ``space``: ``W`` are
    weights there, and those that are yielded, and violations, are by the features of X.
    """
    with _quiet():
        model = OneModel(objective, moments, torch.float64 if by_newton else None)
        state = model.state_at(model.center_over_dummies(model.of_weights(to_host(W[0]))))
        directions = NewtonStep(model, tol) if by_newton else _lbfgs_step(model, state, tol, space)
        least = MIN_PENALIZED_OBJECTIVE if model.has_l2 else MIN_OBJECTIVE
        watch = Watch(state.value, math.inf, is_exact=by_newton, min_objective=least)
        direction = model.center_over_dummies(directions.at(state))
    status = Status.RUNNING
    while status == Status.RUNNING:
        with _quiet():
            new = line_search(model, state, direction, is_plain=directions.is_plain)
            if new is None:
                directions.forget()
            state = new or state
            direction = model.center_over_dummies(directions.at(state))
            slope = dot(state.grad, direction)
            weights: Callable[[], Tensor] = partial(_weights, model, state, space)
            bound = violation = state.violation * (1.0 if space is None else space.grad_ratio)
            if space is not None and watch.is_level(state.value, slope, tol):
                # They take a pass over X: once for the check and for the caller.
                weights = cache(weights)
                violation = space.violation(weights())
            at_state = (state.value, violation, slope, tol)
            status = watch.status(*at_state, rounding=model.eps, has_failed=new is None)
            if bound <= tol < violation:
                status = Status.STALLED  # at the optimum of rows that are not near enough
            method = directions.method if space is None else "row-space"
            progress = _progress(weights, state.value, status, violation, method)
        yield progress


def _lbfgs_step(model: OneModel, state: State, tol: float, space: RowSpace | None) -> LBFGSStep:
    """Return the directions of L-BFGS from ``state`` on, from a Hessian where that is cheap."""
    pace_of: Callable[[int], Pace] = partial(hessian_pace, model.objective)
    if space is not None:
        # Its rows are few: each Hessian is made of all.
        pace_of = lambda _n_before: row_space_hessian_pace(model.objective)  # noqa: E731
    directions = LBFGSStep(model, tol, pace_of)
    if space is not None or is_hessian_cheap(model.objective):
        directions.make_hessians(state, is_shared=True)
    return directions


def _quiet() -> np.errstate:
    """Return a context without NumPy's warnings: what overflows is no step, and a `Status`."""
    # None is open across a yield, which would silence the caller too.
    return np.errstate(over="ignore", invalid="ignore")


def _progress(
    weights: Callable[[], Tensor], value: float, status: Status, violation: float, method: str
) -> Progress:
    of_value, of_status, of_violation = (
        torch.from_numpy(np.array([each])) for each in (value, int(status), violation)
    )
    return Progress(weights, of_value, of_status, of_violation, method=method)


def _weights(model: OneModel, state: State, space: RowSpace | None) -> Tensor:
    """Return the weights (1, K, D) of the features as they are, of X where rows have a space."""
    with _quiet():
        W = torch.from_numpy(model.weights_of(state.u)[None])
    return W if space is None else space.to_features(W)


def line_search(model: OneModel, state: State, d: Vector, *, is_plain: bool) -> State | None:
    """Return a lower state along ``d``, None where there is none.

    The first step is 1, or where no curvature is known yet the one that is exact along ``d``,
    corrected to the minimum of the parabola of its slopes at both ends.
    """
    change, slope = model.margins(d), min(dot(state.grad, d), 0.0)
    step = _exact_step(model, state, d, change, slope) if is_plain else 1.0
    terms: RowTerms | None = None  # those at the step, once they are known
    if model.shape[0] <= MAX_CORRECTED_CLASSES:
        terms = model.row_terms(state.margins + step * change)
        end_slope = dot((terms.proba * model.weights).ravel(), change.ravel())
        end_slope += dot(model.penalty_weight * (state.u + step * d), d)
        ratio = _correction(slope, end_slope)
        if ratio != 1.0:
            step, terms = step * ratio, None
    for _ in range(MAX_BACKTRACKS):
        if terms is None:
            terms = model.row_terms(state.margins + step * change)
        point = model.at(state.u + step * d, terms)
        if point.value <= state.value + SUFFICIENT_DECREASE * step * slope:
            return model.state(point)
        if point.value <= state.value + LEVEL_ROUNDINGS * model.eps * abs(state.value):
            new = model.state(point)
            if dot(new.grad, d) <= (2 * SUFFICIENT_DECREASE - 1) * slope:
                return new
        excess = point.value - state.value - step * slope
        parabola = -slope * step * step / (2 * excess) if excess > 0 else 0.0
        step, terms = min(max(parabola, 0.1 * step), 0.5 * step), None
    return None


def _correction(slope: float, end_slope: float) -> float:
    """Return the ratio of the best step to the one at whose ends the slopes are these."""
    fall = slope - end_slope
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
    curvature = dot(of_rows, model.weights) + model.doubled_penalty(d)
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
    """The inverse BFGS matrix of the last pairs, from a diagonal or the inverse of a Hessian.

    ``pace_of(n_before)`` is the pace that tells when the next Hessian is due.
    """

    def __init__(self, model: OneModel, tol: float, pace_of: Callable[[int], Pace]) -> None:
        self._model = model
        self._tol = tol
        self._pace_of = pace_of
        self._pace, self._n_hessians = pace_of(0), 0
        self._pairs: deque[tuple[Vector, Vector, float]] = deque(maxlen=N_PAIRS)  # s, y, s'y
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

    def make_hessians(self, state: State, *, is_shared: bool = False) -> None:
        """Go on from the Hessian of each class at ``state``, without pairs, or from a shared one.

        Where it fails all stays as it is.
        """
        inverse = self._model.inverse_hessians(
            state.proba, is_shared=is_shared, n_before=self._n_hessians
        )
        if inverse is not None:
            self._inverse = inverse
            self._pairs.clear()
            self._n_hessians += 1
        self._pace = self._pace_of(self._n_hessians)

    def at(self, state: State) -> Vector:
        """Return the direction from ``state``, once for each iteration.

        The pair that led there is learnt first, and a Hessian made where it is due.
        """
        self._follow(state)
        r, shares = -state.grad, []
        for s, y, s_y in reversed(self._pairs):
            shares.append(dot(s, r) / s_y)
            add(r, y, -shares[-1])
        if self._inverse is not None:
            r = _by_class(self._inverse, r)
        elif self._pairs:
            diagonal, (_, y, s_y) = self._model.inverse_diagonal(state.proba), self._pairs[-1]
            r *= diagonal
            r *= s_y / dot(diagonal * y, y)
        for s, y, s_y in self._pairs:
            add(r, s, shares.pop() - dot(y, r) / s_y)
        return r

    def _follow(self, state: State) -> None:
        """Learn the pair that led to ``state``, and make the Hessian where it is due."""
        last, self._last = self._last, state
        if last is None:
            return
        if state is not last:
            self._learn(state.u - last.u, state.grad - last.grad)
        if self._pace.is_due(state.violation, self._tol, are_correlated=self._are_correlated):
            self.make_hessians(state)

    @property
    def _are_correlated(self) -> bool:
        """Whether features are, as far as the last pair tells: the gradient turned from the step.

        Once a Hessian is known no pair tells it.
        """
        if self._inverse is not None or not self._pairs:
            return False
        s, y, s_y = self._pairs[-1]
        return s_y * s_y < MIN_PLAIN_COSINE**2 * dot(y, y) * dot(s, s)

    def _learn(self, s: Vector, y: Vector) -> None:
        s_y = dot(s, y)
        if s_y > MIN_CURVATURE * dot(y, y):
            self._pairs.append((s, y, s_y))

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
            if dot(step, state.grad) < LAST_DECREASE * self._tol * state.value:
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
