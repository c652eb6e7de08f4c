"""L-BFGS for M models at once, started from the curvature of X.

Every quantity has a leading axis M: each model has its own step size, curvature pairs and
status; they share the passes over the rows. Weights are held in the dtype of sums whatever the
dtype of X, so that a float32 fit does not stall at float32's resolution of the objective.

References
----------
Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithms 3.1, 7.4 and 7.5,
https://doi.org/10.1007/978-0-387-40065-5; their H_k^0 is our preconditioner, gamma_k our scale.
Hager & Zhang, A new conjugate gradient method with guaranteed descent and an efficient line
search (2005), section 3, https://doi.org/10.1137/030601880: acceptance near the optimum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.preconditioner import Preconditioner, curvature_preconditioner
from skorchless._engine.solvers.base import Progress, Status

N_PAIRS = 10  # scipy's and scikit-learn's default
SUFFICIENT_DECREASE = 1e-4  # Nocedal & Wright's c_1
MAX_BACKTRACKS = 30
# A float32 gradient of unscaled features may never fall below `tol`. So many iterations in which
# the objective moves by less than its own rounding end a fit that would only shuffle noise.
MAX_IDLE_ITERATIONS = 10


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products (M,) of weights (M, K, D)."""
    return torch.linalg.vecdot(a.flatten(1), b.flatten(1))


def _per_model(values: Tensor) -> Tensor:
    """Return ``values`` (M,) shaped to multiply weights (M, K, D)."""
    return values[:, None, None]


@dataclass(frozen=True)
class _Point:
    """Weights with the objective there."""

    W: Tensor  # (M, K, D)
    value: Tensor  # (M,)
    grad: Tensor  # (M, K, D)

    def where(self, taken: Tensor, other: _Point) -> _Point:
        """Return this point for the models ``taken`` (M,), ``other`` for the rest."""
        mask = _per_model(taken)
        return _Point(
            torch.where(mask, self.W, other.W),
            torch.where(taken, self.value, other.value),
            torch.where(mask, self.grad, other.grad),
        )


class _InverseHessian:
    """The last curvature pairs of each model, on top of the preconditioner."""

    def __init__(self, preconditioner: Preconditioner, n_models: int) -> None:
        self._preconditioner = preconditioner
        self._pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=N_PAIRS)
        self._scale = preconditioner.inverse.new_ones(n_models)  # (M,)

    def apply(self, grad: Tensor) -> Tensor:
        """Return H @ grad (M, K, D) by the two-loop recursion (algorithm 7.4)."""
        q = grad
        alphas = []
        for s, y, rho in reversed(self._pairs):
            alpha = rho * _dot(s, q)
            q = q - _per_model(alpha) * y
            alphas.append(alpha)
        r = _per_model(self._scale) * self._preconditioner.apply(q)
        for (s, y, rho), alpha in zip(self._pairs, reversed(alphas), strict=True):
            r = r + _per_model(alpha - rho * _dot(y, r)) * s
        return r

    def update(self, old: _Point, new: _Point) -> None:
        """Learn the curvature between two points; models with none there skip the pair."""
        s, y = new.W - old.W, new.grad - old.grad
        sy = _dot(s, y)
        # rho = 0 makes a pair a no-op in both loops: that is how one model of a batch skips it.
        useful = sy > torch.finfo(sy.dtype).eps * _dot(y, y)
        self._pairs.append((s, y, torch.where(useful, 1.0 / sy, 0.0)))
        scale = sy / _dot(y, self._preconditioner.apply(y))
        self._scale = torch.where(useful, scale, self._scale)

    def forget(self, models: Tensor) -> None:
        """Drop all pairs of ``models`` (M,)."""
        self._pairs = deque(
            ((s, y, torch.where(models, 0.0, rho)) for s, y, rho in self._pairs), N_PAIRS
        )


def _is_acceptable(
    old: _Point, new: _Point, step: Tensor, direction: Tensor, rounding: float
) -> Tensor:
    """Return for which models (M,) the new point is a sufficient decrease."""
    slope, new_slope = _dot(old.grad, direction), _dot(new.grad, direction)
    armijo = new.value <= old.value + SUFFICIENT_DECREASE * step * slope
    # Where the decrease drowns in the rounding of the value, the slope still tells: Hager &
    # Zhang's approximate condition (4.1), which lets a fit reach a tight `tol`.
    is_level = new.value <= old.value + rounding * old.value.abs()
    approximate = is_level & (new_slope <= (2 * SUFFICIENT_DECREASE - 1) * slope)
    return armijo | approximate


def _shorter(step: Tensor, old: _Point, new: _Point, direction: Tensor) -> Tensor:
    """Return the next step sizes (M,): a parabola's minimum, within [0.1, 0.5] of the last."""
    slope = _dot(old.grad, direction)
    excess = new.value - old.value - step * slope
    parabola = -slope * step * step / (2 * excess)
    return torch.clamp(parabola.nan_to_num(0.0), 0.1 * step, 0.5 * step)


def _relative_rounding(objective: PenalizedNLL) -> float:
    """Return the relative error of the objective: that of products with X."""
    return torch.finfo(objective.rows.placement.dtype).eps


def _line_search(
    objective: PenalizedNLL, start: _Point, direction: Tensor, active: Tensor
) -> tuple[_Point, Tensor]:
    """Return the next point, and which of the ``active`` models (M,) found none."""
    step = torch.ones_like(start.value)
    rounding = _relative_rounding(objective)
    pending = active
    reached = start
    for _ in range(MAX_BACKTRACKS):
        W = start.W + _per_model(step) * direction
        trial = _Point(W, *objective.value_and_grad(W))
        accepted = pending & _is_acceptable(start, trial, step, direction, rounding)
        reached = trial.where(accepted, reached)
        pending = pending & ~accepted
        if not pending.any():
            break
        step = torch.where(pending, _shorter(step, start, trial, direction), step)
    return reached, pending


def _as_statuses(is_converged: Tensor, is_stalled: Tensor) -> Tensor:
    """Return a `Status` for each model (M,)."""
    status = torch.where(is_stalled, int(Status.STALLED), int(Status.RUNNING))
    return torch.where(is_converged, int(Status.CONVERGED), status)


@torch.inference_mode()
def minimize_lbfgs(objective: PenalizedNLL, W: Tensor, *, tol: float) -> Iterator[Progress]:
    """Yield the progress of each iteration; stop when no gradient entry exceeds ``tol``.

    The gradient is that of the objective per unit of weight, scikit-learn's meaning of ``tol``.
    """
    inverse_hessian = _InverseHessian(curvature_preconditioner(objective), len(W))
    W = W.to(objective.rows.placement.sum_dtype)
    point = _Point(W, *objective.value_and_grad(W))
    active = torch.ones_like(point.value, dtype=torch.bool)  # (M,)
    is_stalled = failed = ~active
    n_idle = torch.zeros_like(point.value)  # (M,)
    rounding = _relative_rounding(objective)
    while active.any():
        direction = -inverse_hessian.apply(point.grad)
        new_point, not_found = _line_search(objective, point, direction, active)
        inverse_hessian.update(point, new_point)
        # A search that fails along the learnt direction may succeed along the plain one.
        inverse_hessian.forget(not_found)
        is_idle = point.value - new_point.value <= rounding * new_point.value.abs()
        n_idle = torch.where(is_idle, n_idle + 1, 0)
        is_stalled = is_stalled | (not_found & failed) | (n_idle >= MAX_IDLE_ITERATIONS)
        failed = not_found
        point = new_point
        remaining = point.grad.abs().amax((1, 2))  # (M,)
        is_converged = remaining <= tol
        active = ~(is_converged | is_stalled)
        yield Progress(point.W, point.value, _as_statuses(is_converged, is_stalled), remaining)
