"""Descent for M models at once: a direction, a line search, and when to stop.

`quasi_newton`, `newton_cg` and `proximal` make the directions. Each model has its own step size
and status; all share the passes over the rows. Weights are held in the dtype of sums whatever the
dtype of X, so that a float32 fit does not stall at float32's resolution of the objective; but for
those of `newton_cg` on a float32 copy of X, whose fit goes on in float64 where it stalls.
Decisions on a model are made on the host, where an operation on a few numbers takes a third of the
time of one of torch's.

A fit ends where no entry of the gradient exceeds ``tol``, nor the decrease that the next step
expects ``tol`` times the objective. The gradient alone says little where classes are many: 100
classes of 20,000 x 512 would end after 3 iterations, 73 percent above the optimum. It is that of
the objective per unit of weight, scikit-learn's meaning of ``tol``; with an L1 penalty the
smallest subgradient, whose entries are the violations of optimality.

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
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL, dot
from skorchless._engine.records import put_models, take_models
from skorchless._engine.solvers.base import Progress, Status, join

Numbers = np.ndarray[Any, Any]  # (M,), on the host

SUFFICIENT_DECREASE = 1e-4  # Nocedal & Wright's c_1
# After two steps that are too long, one pass tries several shorter ones, each of them this share
# of the one before. A choice: four passes of eight reach 1e-17 of the step.
N_TRIALS = 8
TRIAL_RATIO = 0.3
MAX_TRIAL_PASSES = 4
# A sum over rows is off by some roundings. With one alone, Newton's last step on breast cancer is
# refused for being 1e-16 uphill, and the fit is left at a gradient of 1e-10.
LEVEL_ROUNDINGS = 10.0
# A float32 gradient of unscaled features may never fall below `tol`. After 10 iterations without
# progress a fit would only shuffle noise: with 15, the violation is 5 percent lower on average.
MAX_IDLE_ITERATIONS = 10
# Progress is a new lowest value, by more than its rounding, or a violation below half the lowest.
# Measured from the last value instead of the lowest, noise looks like progress, because it lowers
# what it has raised before. Of 156 float32 fits with a `tol` of 0 (13 data sets, L1 and L2
# penalties, C from 0.01 to 10,000) 14 went on for 600 iterations; now 4 do, which still get
# better.
VIOLATION_DROP = 0.5
# ``tol`` also bounds the expected decrease, as a share of the objective or of this, the larger of
# the two: without a penalty separable classes lower the objective by a constant share for ever.
# With 2 ``tol`` fits of more features than rows take a tenth fewer iterations, but that of the
# standardised digits ends 2e-4 above LogisticRegression's.
MIN_OBJECTIVE = 1e-3


@dataclass(frozen=True)
class Point:
    """Weights with the objective there."""

    W: Tensor  # (M, K, D)
    value: Tensor  # (M,)
    grad: Tensor  # (M, K, D)
    logits: Tensor | None = None  # (M, K, N), where directions tell how they change


class Directions(Protocol):
    """Where to go from each point of a descent."""

    is_exact: bool  # whether the expected decrease is that of the Hessian, and ends a fit alone

    @property
    def method(self) -> str:
        """What `Progress.method` says."""

    @property
    def logits_change(self) -> Tensor | None:
        """By how much the latest direction changes the logits (M, K, N); None: not known."""

    def at(self, point: Point) -> Tensor:
        """Return the direction (M, K, D) of the step from ``point``, which follows the last."""

    def forget(self, models: Tensor) -> None:
        """Drop what was learnt of ``models``, an index, whose last direction led nowhere."""

    def keep(self, models: Tensor) -> None:
        """Go on with ``models`` alone, an index into all M."""


def to_host(values: Tensor) -> Numbers:
    """Return ``values`` as a NumPy array."""
    return values.cpu().numpy()


def point_at(objective: PenalizedNLL, W: Tensor) -> Point:
    """Return the point of the weights ``W`` (M, K, D)."""
    return Point(W, *objective.value_and_grad(W))


def point_with_logits(objective: PenalizedNLL, W: Tensor) -> Point:
    """Return the point of the weights ``W`` (M, K, D), in the dtype of X, with its logits."""
    W = W.to(objective.rows.placement.dtype)
    logits = objective.logits(W)
    return Point(W, *objective.value_and_grad_at(W, logits), logits)


@dataclass(frozen=True)
class SearchLine:
    """The line of a search: where it starts, and its direction."""

    objective: PenalizedNLL
    start: Point
    direction: Tensor  # (M, K, D)
    slope: Tensor  # (M,), with an L1 penalty an upper bound of it
    l1_change: Tensor  # (M,), of the L1 penalty by a step of size 1
    logits_change: Tensor | None = None  # (M, K, N), as well; None: not known

    def point(self, step: Tensor) -> Point:
        """Return the point after ``step`` (M, 1, 1)."""
        step = step.to(self.start.W.dtype)
        W = torch.addcmul(self.start.W, step, self.direction)
        if self.logits_change is None or self.start.logits is None:
            return point_at(self.objective, W)
        logits = torch.addcmul(self.start.logits, step, self.logits_change)
        return Point(W, *self.objective.value_and_grad_at(W, logits), logits)

    def is_acceptable(self, step: Any, value: Tensor, slope: Any) -> Tensor:
        """Return whether ``value``, of the objective after ``step``, is a sufficient decrease.

        ``slope`` returns that of the smooth part there.
        """
        old, shape = self.start.value, (-1, *[1] * (value.ndim - 1))
        old, slope_at_start = old.view(shape), self.slope.view(shape)
        armijo = value <= old + SUFFICIENT_DECREASE * step * slope_at_start
        if armijo.all():
            return armijo
        # Where the decrease drowns in the rounding of the value, the slope still tells: Hager &
        # Zhang's approximate condition (4.1), which lets a fit reach a tight `tol`.
        rounding = LEVEL_ROUNDINGS * relative_rounding(self.objective)
        is_level = value <= old + rounding * old.abs()
        limit = (2 * SUFFICIENT_DECREASE - 1) * slope_at_start
        return armijo | (is_level & (slope() + self.l1_change.view(shape) <= limit))


def relative_rounding(objective: PenalizedNLL) -> float:
    """Return the relative error of the objective: that of products with X."""
    return torch.finfo(objective.rows.placement.dtype).eps


def line_search(line: SearchLine) -> tuple[Point, Tensor]:
    """Return the next point, and the index of the models for which there is none.

    They stay where they are. The first step that is tried is 1, the second ends at the minimum of
    a parabola.
    """
    trial, left = _try_step(line, torch.ones_like(line.slope))
    if not left.numel():
        return trial, left
    line = take_models(line, left)
    excess = trial.value[left] - line.start.value - line.slope
    step = (-line.slope / (2 * excess)).nan_to_num(0.0).clamp(0.1, 0.5)
    second, refused = _try_step(line, step)
    lost = left[:0]
    if refused.numel():
        line = take_models(line, refused)
        step = _shorter_step(line, TRIAL_RATIO * step[refused])
        # Models without a step are evaluated once more where they are.
        second = put_models(second, refused, line.point(step[:, None, None]))
        lost = left[refused[step == 0.0]]
    return put_models(trial, left, second), lost


def _try_step(line: SearchLine, step: Tensor) -> tuple[Point, Tensor]:
    """Return the points after ``step`` (M,), and the index of those that will not do."""
    trial = line.point(step[:, None, None])
    accepted = line.is_acceptable(step, trial.value, lambda: dot(trial.grad, line.direction))
    return trial, (~accepted).nonzero()[:, 0]


def _shorter_step(line: SearchLine, longest: Tensor) -> Tensor:
    """Return the longest step (M,) up to ``longest`` that will do, 0 where there is none."""
    ratios = TRIAL_RATIO ** torch.arange(N_TRIALS, dtype=longest.dtype, device=longest.device)
    step = torch.zeros_like(longest)
    for i in range(MAX_TRIAL_PASSES):
        trials = longest[:, None] * ratios * TRIAL_RATIO ** (i * N_TRIALS)  # (M, trials)
        value, slope, _ = line.objective.along(line.start.W, line.direction, trials)
        accepted = line.is_acceptable(trials, value, lambda slope=slope: slope)
        longest_of_all = (accepted * trials).amax(1)
        step = torch.where(step > 0.0, step, longest_of_all)
        if (step > 0.0).all():
            break
    return step


@dataclass
class Watch:
    """The progress of a model, which tells when its fit has converged or stalled.

    ``is_exact`` says whether the decrease that a step expects is that of an exact Hessian. By a
    quasi-Newton matrix it may be a tenth of what is left: then the last decrease counts as well.
    """

    value: float
    violation: float
    is_exact: bool = False
    min_objective: float = MIN_OBJECTIVE
    lowest: float = field(init=False)
    n_idle: int = 0
    has_failed: bool = False  # the last line search found no step

    def __post_init__(self) -> None:
        self.lowest = self.value

    def is_level(self, value: float, slope: float | None, tol: float) -> bool:
        """Return whether the decrease that is expected after another iteration is within ``tol``.

        ``slope`` is that of the next step, None where its decrease does not matter.
        """
        if slope is None:
            return True
        decrease = -0.5 * slope if self.is_exact else max(-0.5 * slope, self.value - value)
        return decrease <= tol * max(abs(value), self.min_objective)

    def status(
        self,
        value: float,
        violation: float,
        slope: float | None,
        tol: float,
        *,
        rounding: float,
        has_failed: bool = False,
    ) -> Status:
        """Return the status after another iteration; ``rounding`` is that of values, relative.

        ``slope`` is as in `is_level`.
        """
        is_level, self.value = self.is_level(value, slope, tol), value
        has_failed_twice, self.has_failed = has_failed and self.has_failed, has_failed
        is_lower = self.lowest - value > rounding * abs(value)
        is_nearer = violation < VIOLATION_DROP * self.violation
        self.lowest = value if is_lower else self.lowest
        self.violation = violation if is_nearer else self.violation
        self.n_idle = 0 if is_lower or is_nearer else self.n_idle + 1
        if violation <= tol and is_level:
            return Status.CONVERGED
        if has_failed_twice or self.n_idle >= MAX_IDLE_ITERATIONS:
            return Status.STALLED
        return Status.RUNNING


def descend(
    objective: PenalizedNLL,
    start: Point,
    directions: Directions,
    *,
    tol: float,
    bounds_decrease: bool = True,
) -> Iterator[Progress]:
    """Yield the progress of each iteration until all models have stopped.

    A model that has stopped leaves the batch. ``bounds_decrease``: what is expected, by ``tol``.
    """
    rounding, device = relative_rounding(objective), start.value.device
    running = torch.arange(len(start.value), device=device)
    violation = objective.violation(start.W, start.grad)
    at_start = zip(start.value.tolist(), violation.tolist(), strict=True)
    watches = [Watch(*state, directions.is_exact) for state in at_start]
    line = _next_line(objective, start, directions)
    ended: list[tuple[Tensor, Progress]] = []
    left = list(range(len(watches)))
    while left:
        point, lost = line_search(line)
        # Where the learnt direction leads nowhere, the gradient itself may.
        directions.forget(lost)
        violation = line.objective.violation(point.W, point.grad)
        if bounds_decrease or bool((violation > tol).any()):
            line = _next_line(line.objective, point, directions)
        slopes = line.slope.tolist() if bounds_decrease else [None] * len(watches)
        now = zip(watches, point.value.tolist(), violation.tolist(), slopes, strict=True)
        failed = set(lost.tolist())
        status = [
            int(watch.status(value, at, slope, tol, rounding=rounding, has_failed=m in failed))
            for m, (watch, value, at, slope) in enumerate(now)
        ]
        state = (point.W, point.value, torch.tensor(status, device=device), violation)
        latest = Progress(*state, method=directions.method)
        yield join([*ended, (running, latest)])
        left = [m for m, of_model in enumerate(status) if of_model == Status.RUNNING]
        if 0 < len(left) < len(status):
            watches = [watches[m] for m in left]
            index = torch.tensor(left, device=device)
            stopped = latest.status.nonzero()[:, 0]
            ended.append((running[stopped], latest.take(stopped)))
            running, line = running[index], take_models(line, index)
            directions.keep(index)


def _next_line(objective: PenalizedNLL, point: Point, directions: Directions) -> SearchLine:
    direction = objective.center_over_classes(directions.at(point))
    direction = objective.center_over_dummies(direction)
    l1_change = objective.l1_change(point.W, direction)
    slope = dot(point.grad, direction) + l1_change
    # Where rounding makes it an ascent, no increase is to be called sufficient.
    slope = slope.clamp(max=0.0)
    return SearchLine(objective, point, direction, slope, l1_change, directions.logits_change)
