"""Descent for M models at once: a direction, a line search, and when to stop.

Where a direction comes from is the business of `lbfgs`, `newton` and `proximal`. Each model has
its own step size and status; they share the passes over the rows. Weights are held in the dtype of
sums whatever the dtype of X, so that a float32 fit does not stall at float32's resolution of the
objective.

References
----------
Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithm 3.1,
https://doi.org/10.1007/978-0-387-40065-5: backtracking.
Hager & Zhang, A new conjugate gradient method with guaranteed descent and an efficient line
search (2005), section 3, https://doi.org/10.1137/030601880: acceptance near the optimum.
Lee, Sun & Saunders, Proximal Newton-type methods for minimizing composite functions (2014),
section 2, https://doi.org/10.1137/130921428: the decrease to ask for where there is an L1 penalty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Progress, Status

SUFFICIENT_DECREASE = 1e-4  # Nocedal & Wright's c_1
MAX_BACKTRACKS = 30
# A sum over rows is off by some roundings. With one alone, Newton's last step on breast cancer is
# refused for being 1e-16 uphill, and the fit is left at a gradient of 1e-10.
LEVEL_ROUNDINGS = 10.0
# A float32 gradient of unscaled features may never fall below `tol`. After 10 iterations without
# progress a fit would only shuffle noise: with 15, the violation is 5 percent lower on average.
MAX_IDLE_ITERATIONS = 10
# Progress is a new lowest value, by more than its rounding, or a violation below half the lowest.
# Measured from the last value instead of the lowest, noise looks like progress: what it has raised
# once, it lowers again. Of 156 float32 fits with a `tol` of 0 (13 data sets, L1 and L2 penalties,
# C from 0.01 to 10,000) 14 went on for 600 iterations; now 4 do, which still get better.
VIOLATION_DROP = 0.5


@dataclass(frozen=True)
class Point:
    """Weights with the objective there."""

    W: Tensor  # (M, K, D)
    value: Tensor  # (M,)
    grad: Tensor  # (M, K, D)

    def take(self, models: Tensor) -> Point:
        """Return this point for ``models``, an index into all M."""
        return Point(self.W[models], self.value[models], self.grad[models])

    def put(self, models: Tensor, other: Point) -> Point:
        """Return this point with that of ``models`` replaced by ``other``."""
        return Point(
            self.W.index_copy(0, models, other.W),
            self.value.index_copy(0, models, other.value),
            self.grad.index_copy(0, models, other.grad),
        )


class Directions(Protocol):
    """Where to go from each point of a descent."""

    def at(self, point: Point) -> Tensor:
        """Return the direction (M, K, D) of the step from ``point``, which follows the last."""

    def forget(self, models: Tensor) -> None:
        """Drop what was learnt of ``models`` (M,), whose last direction led nowhere."""

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products (M,) of weights (M, K, D)."""
    return torch.linalg.vecdot(a.flatten(1), b.flatten(1))


def _per_model(values: Tensor) -> Tensor:
    """Return ``values`` (M,) shaped to multiply weights (M, K, D)."""
    return values[:, None, None]


@dataclass(frozen=True)
class Ray:
    """Where a line search starts, and along what."""

    start: Point
    direction: Tensor  # (M, K, D)
    l1_change: Tensor  # (M,), of the L1 penalty by a step of size 1
    slope: Tensor  # (M,), with an L1 penalty an upper bound of it

    def take(self, models: Tensor) -> Ray:
        """Return this ray for ``models``, an index into all M."""
        return Ray(
            self.start.take(models),
            self.direction[models],
            self.l1_change[models],
            self.slope[models],
        )


def _is_acceptable(ray: Ray, step: Tensor, new: Point, rounding: float) -> Tensor:
    """Return for which models (M,) the new point is a sufficient decrease."""
    old = ray.start.value
    armijo = new.value <= old + SUFFICIENT_DECREASE * step * ray.slope
    # Where the decrease drowns in the rounding of the value, the slope still tells: Hager &
    # Zhang's approximate condition (4.1), which lets a fit reach a tight `tol`.
    is_level = new.value <= old + LEVEL_ROUNDINGS * rounding * old.abs()
    new_slope = dot(new.grad, ray.direction) + ray.l1_change
    is_flatter = new_slope <= (2 * SUFFICIENT_DECREASE - 1) * ray.slope
    return armijo | (is_level & is_flatter)


def _shorter(ray: Ray, step: Tensor, new: Point) -> Tensor:
    """Return the next step sizes (M,): a parabola's minimum, within [0.1, 0.5] of the last."""
    excess = new.value - ray.start.value - step * ray.slope
    parabola = -ray.slope * step * step / (2 * excess)
    return torch.clamp(parabola.nan_to_num(0.0), 0.1 * step, 0.5 * step)


def _relative_rounding(objective: PenalizedNLL) -> float:
    """Return the relative error of the objective: that of products with X."""
    return torch.finfo(objective.rows.placement.dtype).eps


def _try_step(objective: PenalizedNLL, ray: Ray, step: Tensor) -> tuple[Point, Tensor]:
    """Return the point at the step sizes (M,) along a ray, and for whom (M,) it will do."""
    W = ray.start.W + _per_model(step) * ray.direction
    trial = Point(W, *objective.value_and_grad(W))
    return trial, _is_acceptable(ray, step, trial, _relative_rounding(objective))


def _line_search(objective: PenalizedNLL, start: Point, direction: Tensor) -> tuple[Point, Tensor]:
    """Return the next point, and for which models (M,) there is none: they stay at ``start``."""
    l1_change = objective.l1_change(start.W, direction)
    # Where rounding makes it an ascent, no increase is to be called sufficient.
    slope = (dot(start.grad, direction) + l1_change).clamp(max=0.0)
    ray = Ray(start, direction, l1_change, slope)
    step = torch.ones_like(ray.slope)
    trial, accepted = _try_step(objective, ray, step)
    if accepted.all():
        return trial, ~accepted
    return _backtrack(objective, ray, step, trial, accepted)


def _backtrack(
    objective: PenalizedNLL, ray: Ray, step: Tensor, trial: Point, accepted: Tensor
) -> tuple[Point, Tensor]:
    """Return what `_line_search` does, by shorter steps for those whose ``trial`` was too far.

    The others need no further pass: of 50 models, one is nearly always left behind.
    """
    reached = ray.start
    is_found = torch.zeros_like(accepted)
    pending = torch.arange(len(step), device=step.device)
    n_backtracks = 0
    while True:
        done, left = accepted.nonzero()[:, 0], (~accepted).nonzero()[:, 0]
        reached = reached.put(pending[done], trial.take(done))
        is_found[pending[done]] = True
        if not len(left) or n_backtracks == MAX_BACKTRACKS:
            return reached, ~is_found
        n_backtracks += 1
        step = _shorter(ray, step, trial)[left]
        objective, ray, pending = objective.take(left), ray.take(left), pending[left]
        trial, accepted = _try_step(objective, ray, step)


@dataclass(frozen=True)
class Lowest:
    """The lowest value and violation (M,) so far, and for how many iterations there was none."""

    value: Tensor
    violation: Tensor
    n_idle: Tensor

    def after(self, value: Tensor, violation: Tensor, rounding: float) -> Lowest:
        """Return the lowest after one more iteration; values differ by more than ``rounding``."""
        is_lower = self.value - value > rounding * value.abs()
        is_nearer = violation < VIOLATION_DROP * self.violation
        return Lowest(
            torch.where(is_lower, value, self.value),
            torch.where(is_nearer, violation, self.violation),
            torch.where(is_lower | is_nearer, 0, self.n_idle + 1),
        )

    def take(self, models: Tensor) -> Lowest:
        """Return what is known of ``models``, an index into all M."""
        return Lowest(self.value[models], self.violation[models], self.n_idle[models])


def as_statuses(is_converged: Tensor, is_stalled: Tensor) -> Tensor:
    """Return a `Status` for each model (M,)."""
    is_stalled = is_stalled & ~is_converged
    return Status.CONVERGED * is_converged + Status.STALLED * is_stalled


def descend(
    objective: PenalizedNLL, start: Point, directions: Directions, *, tol: float
) -> Iterator[Progress]:
    """Yield the progress of each iteration; stop when no entry of the gradient exceeds ``tol``.

    The gradient is that of the objective per unit of weight, scikit-learn's meaning of ``tol``;
    with an L1 penalty the smallest subgradient, whose entries are the violations of optimality.
    A model that has stopped leaves the batch, and costs nothing any more.
    """
    point = start
    rounding = _relative_rounding(objective)
    running = torch.arange(len(start.value), device=start.value.device)
    none = torch.zeros_like(running)
    lowest = Lowest(point.value, objective.violation(point.W, point.grad), none)
    failed = none > 0
    record = Progress(point.W, point.value, none, point.value)  # of all models
    while True:
        direction = objective.without_shift(directions.at(point))
        new_point, not_found = _line_search(objective, point, direction)
        # A search that fails along the learnt direction may succeed along the plain one.
        directions.forget(not_found)
        point = new_point
        remaining = objective.violation(point.W, point.grad)
        lowest = lowest.after(point.value, remaining, rounding)
        is_stalled = (not_found & failed) | (lowest.n_idle >= MAX_IDLE_ITERATIONS)
        failed = not_found
        status = as_statuses(remaining <= tol, is_stalled)
        latest = Progress(point.W, point.value, status, remaining)
        record = record.put(running, latest)
        yield record
        left = (status == Status.RUNNING).nonzero()[:, 0]
        if not len(left):
            return
        if len(left) < len(running):
            running, failed = running[left], failed[left]
            point, lowest = point.take(left), lowest.take(left)
            objective = objective.take(left)
            directions.keep(left)
