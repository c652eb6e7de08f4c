"""A fit of one model to a small table in memory, in as few operations as can be.

Where a pass over the rows takes less than a millisecond, a fit takes what the interpreter takes:
`descent` and `quasi_newton`, written for many models on any rows, need three times as long for an
iteration here. The methods are theirs, L-BFGS and Newton's. Features are centred and scaled to a
curvature of 1, and the logits along a direction are kept, so that a line search makes no pass.

References
----------
Byrd, Nocedal & Schnabel, Representations of quasi-Newton matrices and their use in limited
memory methods (1994), theorem 2.2, https://doi.org/10.1007/BF01582063.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.linalg.lapack import dposv
from torch import Tensor

from skorchless._engine.feature_moments import FeatureMoments
from skorchless._engine.objective import MIN_CLASS_SHARE, PenalizedNLL
from skorchless._engine.rows import Rows
from skorchless._engine.solvers.base import Progress, Status
from skorchless._engine.solvers.descent import (
    LEVEL_ROUNDINGS,
    SUFFICIENT_DECREASE,
    Watch,
    to_host,
)
from skorchless._engine.solvers.quasi_newton import MIN_CURVATURE, N_PAIRS

Vector = np.ndarray[Any, Any]  # (K * D,), float64
MAX_BACKTRACKS = 40  # to 1e-12 of the step at least
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class State:
    """Where a fit is: the weights of centred and scaled features, and what is known there."""

    u: Vector
    logits: Tensor  # (K, N)
    value: float
    grad: Vector
    violation: float  # the largest entry of the gradient by the features as they are
    proba: Tensor  # (K, N)


class OneModel:
    """The objective of one model by the weights of centred and scaled features."""

    def __init__(self, objective: PenalizedNLL, moments: FeatureMoments) -> None:
        self.X, codes, weights = _whole(objective.rows)
        self.n_features = self.X.shape[1]
        self.eps = torch.finfo(self.X.dtype).eps
        self.shape = objective.weights_shape[1:]
        weights = weights[:, int(objective.fold)][None].to(torch.float64)
        self.weights = weights / float(objective.total_weight)  # (1, N)
        self.codes = codes[None]
        self._targets = self.codes.to(torch.float64) if objective.n_classes == 2 else None
        self._minus_weights = -self.weights
        shares = torch.bincount(codes, self.weights[0]).numpy()
        curvature = max(float((shares * (1.0 - shares)).mean()), MIN_CLASS_SHARE)
        variance = np.ones(self.shape[1])
        variance[: self.n_features] = to_host(moments.variance)
        self.is_constant = variance == 0.0
        variance[self.is_constant] = 1.0
        self.mean = None if objective.mean is None else to_host(objective.mean)
        center = objective.center
        self._center = None if center is None else to_host(center)
        ridge = float(objective.ridge) * to_host(objective.is_penalized)
        # The inverse root of the diagonal of the Hessian at the best model that ignores X.
        self.scale = 1.0 / np.sqrt(curvature * variance + ridge)  # (D,)
        self.penalty_weight = np.tile(ridge * self.scale**2, self.shape[0])

    def weights_of(self, u: Vector) -> Vector:
        """Return the weights (K, D) of the features as they are."""
        W: Vector = u.reshape(self.shape) * self.scale
        if self._center is not None:
            W[:, -1] -= W @ self._center
        return W

    def of_weights(self, W: Vector) -> Vector:
        """Return ``u`` of weights (K, D) of the features as they are."""
        if self._center is not None:
            intercept, W = W @ self._center, W.copy()
            W[:, -1] += intercept
        return (W / self.scale).ravel()

    def logits(self, u: Vector) -> Tensor:
        """Return the logits (K, N), or their change for a change ``u``."""
        W = u.reshape(self.shape) * self.scale
        by_X = torch.from_numpy(W[:, : self.n_features]).to(self.X.dtype) @ self.X.T
        if self.mean is None:
            return by_X.to(torch.float64)
        intercept = W[:, -1] - W[:, :-1] @ self.mean
        return by_X.to(torch.float64).add_(torch.from_numpy(intercept)[:, None])

    def value(self, u: Vector, logits: Tensor) -> float:
        """Return the mean NLL and the penalty."""
        return self.nll(logits) + 0.5 * self.squared_penalty(u)

    def nll(self, logits: Tensor) -> float:
        """Return the mean NLL."""
        if self._targets is not None:
            # reduction=2: the sum.
            return torch.binary_cross_entropy_with_logits(
                logits, self._targets, self.weights, None, 2
            ).item()
        of_rows = torch.logsumexp(logits, 0) - logits.gather(0, self.codes)[0]
        return torch.dot(of_rows, self.weights[0]).item()

    def squared_penalty(self, u: Vector) -> float:
        """Return twice the L2 penalty."""
        return float((self.penalty_weight * u * u).sum())

    def proba(self, logits: Tensor) -> Tensor:
        """Return the probabilities (K, N) of each class, of the second one where K = 1."""
        return torch.sigmoid(logits) if self._targets is not None else torch.softmax(logits, 0)

    def state(self, u: Vector, logits: Tensor, value: float) -> State:
        """Return the state at ``u``, whose logits and value are known."""
        proba = self.proba(logits)
        if self._targets is not None:
            residual = torch.sub(proba, self._targets).mul_(self.weights)
        else:
            residual = torch.mul(proba, self.weights)
            residual.scatter_add_(0, self.codes, self._minus_weights)
        by_X = (residual.to(self.X.dtype) @ self.X).numpy()  # (K, P)
        grad = np.empty(self.shape)
        grad[:, : self.n_features] = by_X
        if self.mean is not None:
            grad[:, -1] = by_b = residual.sum(1).numpy()
            grad[:, :-1] -= by_b[:, None] * self.mean
        grad *= self.scale
        grad = grad.ravel()
        grad += self.penalty_weight * u
        raw = grad.reshape(self.shape) / self.scale
        if self._center is not None:
            raw += raw[:, -1:] * self._center
        return State(u, logits, value, grad, float(np.abs(raw).max()), proba)


def _whole(rows: Rows) -> tuple[Tensor, ...]:
    """Return X (N, P), dense, and the columns of all rows, on the host."""
    if rows.are_in_memory and rows.n_stored is None:
        return rows.whole()
    index = torch.arange(rows.n_rows, device=rows.placement.device)
    return tuple(part.cpu() for part in rows.take(index))


def minimize_one_model(
    model: OneModel, W: Tensor, *, tol: float, by_newton: bool, max_iter: float
) -> Iterator[Progress]:
    """Yield the progress of each iteration from ``W`` (1, K, D); stop as `descend` does.

    The weights are those of the features as they are.

    Or after ``max_iter``, when something dearer is due, with a model that still runs.
    """
    iterations = _iterate(model, W, tol=tol, by_newton=by_newton, max_iter=max_iter)
    while True:
        # What overflows is no step, and a `Status`, where NumPy would print a warning. Not across
        # a yield, which would silence the caller too.
        with np.errstate(over="ignore", invalid="ignore"):
            progress = next(iterations, None)
        if progress is None:
            return
        yield progress


def _iterate(
    model: OneModel, W: Tensor, *, tol: float, by_newton: bool, max_iter: float
) -> Iterator[Progress]:
    """Yield what `minimize_one_model` does."""
    directions = NewtonStep(model) if by_newton else LBFGSStep(math.prod(model.shape))
    u = model.of_weights(to_host(W[0]))
    logits = model.logits(u)
    state = model.state(u, logits, model.value(u, logits))
    watch = Watch(state.value, state.violation, is_exact=by_newton)
    direction = directions.at(state)
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        new = line_search(model, state, direction, is_plain=directions.is_plain)
        if new is None:
            directions.forget()
        state = new or state
        direction = directions.at(state)
        status = watch.status(
            state.value,
            state.violation,
            _dot(state.grad, direction),
            tol=tol,
            rounding=model.eps,
            has_failed=new is None,
        )
        yield _progress(model, state, status, directions.method)
        if status != Status.RUNNING:
            return


def _progress(model: OneModel, state: State, status: Status, method: str) -> Progress:
    """Return what the fit's driver sees of an iteration."""
    value, violation = np.array([[state.value], [state.violation]])
    return Progress(
        torch.from_numpy(model.weights_of(state.u)[None]),
        torch.from_numpy(value),
        torch.from_numpy(np.array([int(status)])),
        torch.from_numpy(violation),
        method=method,
    )


def _dot(a: Vector, b: Vector) -> float:
    """Return an inner product."""
    # Of more entries NumPy's own would take all cores.
    return float(np.dot(a, b) if len(a) <= MAX_DOT else (a * b).sum())


MAX_DOT = 10_000


def line_search(model: OneModel, state: State, d: Vector, *, is_plain: bool) -> State | None:
    """Return a lower state along ``d``, None where there is none.

    The first step is 1, or where no curvature is known yet the one that is exact along ``d``.
    """
    change, slope = model.logits(d), min(_dot(state.grad, d), 0.0)
    step = _exact_step(model, state, d, change, slope) if is_plain else 1.0
    for _ in range(MAX_BACKTRACKS):
        u, logits = state.u + step * d, torch.add(state.logits, change, alpha=step)
        value = model.value(u, logits)
        if value <= state.value + SUFFICIENT_DECREASE * step * slope:
            return model.state(u, logits, value)
        if value <= state.value + LEVEL_ROUNDINGS * model.eps * abs(state.value):
            new = model.state(u, logits, value)
            if _dot(new.grad, d) <= (2 * SUFFICIENT_DECREASE - 1) * slope:
                return new
        excess = value - state.value - step * slope
        parabola = -slope * step * step / (2 * excess) if excess > 0 else 0.0
        step = min(max(parabola, 0.1 * step), 0.5 * step)
    return None


def _exact_step(model: OneModel, state: State, d: Vector, change: Tensor, slope: float) -> float:
    """Return the step to the least point of the quadratic along ``d``."""
    p = state.proba
    mean = (p * change).sum(0) if len(p) > 1 else p[0] * change[0]
    of_rows = (p * change * (change - mean)).sum(0)
    curvature = torch.dot(of_rows, model.weights[0]).item() + model.squared_penalty(d)
    step = -slope / curvature if curvature > 0.0 else 1.0
    return step if np.isfinite(step) else 1.0


class LBFGSStep:
    """The inverse BFGS matrix of the last pairs, from a multiple of the identity (theorem 2.2).

    In the compact form of Byrd et al., whose S_k, Y_k, R_k, D_k and gamma_k are ours: a third of
    the operations of the two-loop recursion.
    """

    method = "lbfgs"

    def __init__(self, n_weights: int) -> None:
        self._basis = torch.zeros(2 * N_PAIRS, n_weights, dtype=torch.float64)  # S, then Y
        self._by_Y = np.zeros((2 * N_PAIRS, N_PAIRS))  # products of the basis with Y
        self._order: list[int] = []  # places of the pairs, the oldest first
        self._scale = 1.0  # gamma
        self._last: State | None = None

    @property
    def is_plain(self) -> bool:
        """Whether no curvature is known yet."""
        return not self._order

    def at(self, state: State) -> Vector:
        """Return the direction from ``state``, after the pair that led there is learnt."""
        last, self._last = self._last, state
        if last is not None and state is not last:
            self._learn(state.u - last.u, state.grad - last.grad)
        if not self._order:
            return -self._scale * state.grad
        order = np.array(self._order)
        of_grad = self._products(state.grad)
        Sg, Yg = of_grad[order], of_grad[N_PAIRS + order]
        SY = self._by_Y[order[:, None], order]
        YY = self._by_Y[N_PAIRS + order[:, None], order]
        inverse = np.linalg.inv(np.triu(SY))
        p = inverse @ Sg
        q = np.diagonal(SY) * p + self._scale * (YY @ p - Yg)
        weights = np.zeros(2 * N_PAIRS)
        weights[order], weights[N_PAIRS + order] = q @ inverse, -self._scale * p
        by_pairs = torch.mv(self._basis.T, torch.from_numpy(weights)).numpy()
        return -self._scale * state.grad - by_pairs

    def _learn(self, s: Vector, y: Vector) -> None:
        """Put a pair in the place of the oldest."""
        place = self._order[0] if len(self._order) == N_PAIRS else len(self._order)
        of_y = self._products(y)
        s_y, y_y = _dot(s, y), _dot(y, y)
        if not s_y > MIN_CURVATURE * y_y:
            return
        self._order = [*(self._order[1:] if place in self._order else self._order), place]
        self._basis[place], self._basis[N_PAIRS + place] = map(torch.from_numpy, (s, y))
        of_y[place], of_y[N_PAIRS + place] = s_y, y_y
        self._by_Y[:, place] = of_y
        self._by_Y[N_PAIRS + place] = of_y[N_PAIRS:]
        self._scale = s_y / y_y

    def _products(self, vector: Vector) -> Vector:
        """Return the products (2 * pairs,) of the basis with a vector."""
        # torch's, because NumPy's would take all cores.
        products: Vector = torch.mv(self._basis, torch.from_numpy(vector)).numpy()
        return products

    def forget(self) -> None:
        """Drop all pairs."""
        self._order = []


class NewtonStep:
    """The exact Hessian solved with."""

    method = "newton"
    is_plain = False

    def __init__(self, model: OneModel) -> None:
        self._model = model
        X = model.X.to(torch.float64)
        if model.mean is not None:
            X = torch.cat([X - torch.from_numpy(model.mean), X.new_ones(len(X), 1)], dim=1)
        self._X = X * torch.from_numpy(model.scale)  # (N, D)
        # A feature that does not vary has no gradient: any curvature above 0 will do.
        of_constant = np.tile(model.is_constant, model.shape[0])
        self._added = torch.diag(torch.from_numpy(model.penalty_weight + of_constant))
        if model.shape[0] > 1:
            # Along what all classes have in common the Hessian is singular, and the gradient 0:
            # a curvature there moves no step.
            blocks = self._added.view(*model.shape, *model.shape)
            blocks.diagonal(dim1=1, dim2=3).add_(1.0 / model.shape[0])

    def at(self, state: State) -> Vector:
        """Return the direction from ``state``."""
        hessian = self.hessian(state.proba).numpy()
        # One call: factorisation and solution by torch take six times as long.
        factor, step, info = dposv(hessian, state.grad)
        pivots = np.square(np.diagonal(factor))
        if info == 0 and (pivots > 10.0 * EPS * np.diagonal(hessian)).all():
            return np.negative(step)
        return -self._step_where_curved(hessian, state.grad)

    def hessian(self, p: Tensor) -> Tensor:
        """Return the Hessian (K * D, K * D) by scaled weights, from the probabilities (K, N)."""
        X, weights = self._X, self._model.weights
        if p.shape[0] == 1:
            hessian = (X.T * (p - p * p).mul_(weights)) @ X
        else:
            weighted = p * weights  # (K, N)
            of_all = (p.T[:, :, None] * X[:, None]).flatten(1)  # (N, K * D)
            hessian = torch.mm(of_all.T * -weights, of_all)
            of_classes = (weighted[:, None] * X.T) @ X  # (K, D, D)
            blocks = hessian.view(*self._model.shape, *self._model.shape)
            blocks.diagonal(dim1=0, dim2=2).add_(of_classes.permute(1, 2, 0))
        return hessian.add_(self._added)

    def _step_where_curved(self, hessian: Vector, grad: Vector) -> Vector:
        """Return the step (K * D,) by the pseudo-inverse: none where the objective is flat."""
        if not np.isfinite(hessian).all():
            return grad
        curvature, basis = np.linalg.eigh(hessian)
        is_real = curvature > 10.0 * EPS * len(grad) * curvature[-1]
        inverse = np.divide(1.0, curvature, where=is_real, out=np.zeros_like(curvature))
        step: Vector = basis @ (inverse * (basis.T @ grad))
        return step

    def forget(self) -> None:
        """Drop nothing: each direction stands alone."""
