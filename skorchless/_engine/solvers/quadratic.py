"""The least point of a quadratic plus an L1 penalty, for M models at once: a proximal step.

An iteration takes one product with the curvature and none with X. Conjugate gradients move the
weights that are not zero, or that the penalty does not hold there, as if their signs were known.
When more than a few of them have changed their sign they are set to zero, and the next round
moves the others.

References
----------
Bertsekas, Projected Newton methods for optimization problems with simple constraints (1982),
https://doi.org/10.1137/0320018: steps of a free set that are projected; his bounds are our zeros.
Dostal & Schoeberl, Minimizing quadratic functions subject to bound constraints with the rate of
convergence and finite termination (2005), section 3,
https://doi.org/10.1023/B:COAP.0000049888.80264.25: when conjugate gradients go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from skorchless._engine.objective import smallest_subgradient, soft_threshold

# A round ends when the free weights' residual, in the metric of the diagonal, is so much smaller.
CG_REDUCTION = 0.3
MIN_CURVATURE = 1e-12  # in the metric
# Where the quadratic does not decrease, this share of the signs that changed still may; then this
# share of those, and so on to none.
CROSSING_LEFT = 0.5
# The rounds after it let no more change, but this share of the weights that move always. With no
# such memory 2,000 x 20,000 sparse with 1,480 weights left took 100 products in a step for 43:
# each round ran into the same signs again.
MIN_CROSSING = 0.01
# What a step by the diagonal alone is shortened by, until the quadratic decreases.
BACKTRACK = 0.25


class Matrix(Protocol):
    """A symmetric matrix for each of M models, known by its products."""

    @property
    def diagonal(self) -> Tensor:
        """The diagonal (M, n)."""

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, n) with ``vectors`` (M, n)."""

    def take(self, models: Tensor) -> Matrix:
        """Return the matrices of ``models``, an index into all M."""


@dataclass(frozen=True)
class Quadratic:
    """The function ``grad @ (z - w) + (z - w) @ B @ (z - w) / 2`` of z, for M models."""

    w: Tensor  # (M, n)
    grad: Tensor  # (M, n)
    B: Matrix


def minimize_quadratic(
    quadratic: Quadratic,
    threshold: Tensor,
    *,
    reduction: float,
    min_violation: float,
    max_crossing: float,
    max_iter: int,
) -> Tensor:
    """Return z (M, n), near the least of ``quadratic`` plus ``threshold @ abs(z)``.

    It ends when no violation of optimality exceeds ``reduction`` times the largest one at the
    start, or ``min_violation``, or after ``max_iter`` products. A round ends when more than the
    share ``max_crossing`` of the weights that move has changed its sign.
    """
    search = _Search.begin(quadratic, threshold, max_crossing)
    target = (reduction * search.violation()).clamp(min=min_violation)
    models = torch.arange(len(target), device=target.device)
    z = quadratic.w.clone()
    has_moved, n_products = True, 0
    while n_products < max_iter:
        if has_moved:
            is_left = search.violation() > target
            n_left = int(is_left.count_nonzero())
            if not n_left:
                break
            if 2 * n_left <= len(models):
                # Few of a grid's candidates need long: 15 fits of MNIST take 20 s for 25.
                z[models] = search.z
                left = is_left.nonzero()[:, 0]
                search, target, models = search.take(left), target[left], models[left]
        has_moved = search.advance()
        n_products += 1
    z[models] = search.z
    return z


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return inner products (M, 1)."""
    return torch.linalg.vecdot(a, b).unsqueeze(1)


class _Round(NamedTuple):
    """Where each model is, and how far conjugate gradients have come from there."""

    z: Tensor  # (M, n)
    grad: Tensor  # (M, n), of the quadratic
    residual: Tensor  # (M, n), the smallest subgradient
    free: Tensor  # (M, n), the inverse diagonal; 0 for weights that are not to move
    sign: Tensor  # (M, n), that weights are to keep
    reached: Tensor  # (M, n), the point at the end of the step so far
    rest: Tensor  # (M, n), what the step leaves of minus the residual
    p: Tensor  # (M, n), the next direction
    rho: Tensor  # (M, 1), the squared norm of the rest
    min_rho: Tensor  # (M, 1)
    crossing_share: Tensor  # (M, 1), of the weights that move: so many may change their sign
    max_crossing: Tensor  # (M, 1), the number of these
    is_ended: Tensor  # (M, 1), whether the next product is for a look at the trial
    trial: Tensor  # (M, n)
    share: Tensor  # (M, 1), of the step, where the trial is shorter
    step: Tensor  # (M, 1), of the last trial by the diagonal alone

    def merge(self, models: Tensor, other: _Round) -> _Round:
        """Return this round with that of ``models`` (M, 1) replaced by ``other``."""
        if models.all():
            return other
        if not models.any():
            return self
        return _Round(*(torch.where(models, b, a) for a, b in zip(self, other, strict=True)))


def _let_fewer_cross(now: _Round) -> tuple[Tensor, Tensor, Tensor]:
    """Return how many signs (M, 1) a shorter step changes, its share (M, 1) and end (M, n)."""
    d = now.reached - now.z
    at_zero = torch.where(now.reached * now.sign < 0, -now.z / d, torch.inf)
    is_before = (at_zero > 0) & (at_zero < now.share)
    n_left = (CROSSING_LEFT * is_before.sum(1, keepdim=True)).long()
    share = torch.where(is_before, at_zero, torch.inf).sort(1).values.gather(1, n_left)
    return n_left, share, torch.where(at_zero <= share, 0.0, now.z + share * d)


class _Search:
    """The rounds of all models."""

    _round: _Round

    def __init__(self, B: Matrix, threshold: Tensor) -> None:
        self._B = B
        self._diagonal = B.diagonal
        self._inverse = 1.0 / self._diagonal
        self._threshold = threshold
        self._has_threshold = threshold.sign()
        per_model = threshold[:, :1]
        self._not_ended = torch.zeros_like(per_model, dtype=torch.bool)
        self._no_share = torch.full_like(per_model, torch.inf)
        self._first_step = torch.full_like(per_model, 1.0 / BACKTRACK)

    @classmethod
    def begin(cls, quadratic: Quadratic, threshold: Tensor, max_crossing: float) -> _Search:
        """Return the search from ``quadratic.w``."""
        search = cls(quadratic.B, threshold)
        crossing_share = torch.full_like(threshold[:, :1], max_crossing)
        search._round = search._begin(quadratic.w, quadratic.grad, crossing_share)
        return search

    def take(self, models: Tensor) -> _Search:
        """Return the search of ``models`` alone, an index into all M."""
        search = _Search(self._B.take(models), self._threshold[models])
        search._round = _Round(*(part[models] for part in self._round))
        return search

    @property
    def z(self) -> Tensor:
        """The current point (M, n)."""
        return self._round.z

    def violation(self) -> Tensor:
        """Return the largest violation of optimality (M,)."""
        return self._round.residual.abs().amax(1)

    def advance(self) -> bool:
        """Take one product with B for each model; return whether any point has moved."""
        now = self._round
        if now.is_ended is self._not_ended or not now.is_ended.any():
            self._round = self._slide(now, self._B.multiply(now.p))
        elif now.is_ended.all():
            move = now.trial - now.z
            self._round = self._judge(now, move, self._B.multiply(move))
        else:
            move = torch.where(now.is_ended, now.trial - now.z, now.p)
            product = self._B.multiply(move)
            slid = self._slide(now, product)
            self._round = slid.merge(now.is_ended, self._judge(now, move, product))
        return self._round.z is not now.z

    def _begin(self, z: Tensor, grad: Tensor, crossing_share: Tensor) -> _Round:
        """Return a new round from ``z``, where the quadratic's gradient is ``grad``."""
        residual = smallest_subgradient(z, grad, self._threshold)
        rest = -residual
        sign = torch.where(z == 0, rest, z).sign()
        is_free = sign.abs()
        free = self._inverse * is_free
        p = rest * free
        rho = _dot(rest, p)
        return _Round(
            z=z,
            grad=grad,
            residual=residual,
            free=free,
            sign=sign * self._has_threshold,
            reached=z,
            rest=rest,
            p=p,
            rho=rho,
            min_rho=CG_REDUCTION**2 * rho,
            crossing_share=crossing_share,
            max_crossing=crossing_share * is_free.sum(1, keepdim=True),
            is_ended=self._not_ended,
            trial=z,
            share=self._no_share,
            step=self._first_step,
        )

    def _slide(self, now: _Round, product: Tensor) -> _Round:
        """Return the round after a step along ``p``, or the next one where it ends."""
        curvature = _dot(now.p, product)
        is_curved = curvature > MIN_CURVATURE * _dot(now.p, self._diagonal * now.p)
        step = torch.where(is_curved, now.rho / curvature, 0.0)
        reached = torch.addcmul(now.reached, step, now.p)
        rest = torch.addcmul(now.rest, step, product, value=-1)
        scaled = rest * now.free
        rho = _dot(rest, scaled)
        p = torch.addcmul(scaled, rho / now.rho, now.p)
        after = now._replace(reached=reached, rest=rest, p=p, rho=rho)
        # -1 for each weight that has changed its sign, else 0: a mask takes twice as long.
        crossing = (reached * now.sign).clamp_(max=0.0).sign_()
        n_crossing = -crossing.sum(1, keepdim=True)
        is_ended = (rho <= now.min_rho) | (n_crossing > now.max_crossing) | ~is_curved
        if not is_ended.any():
            return after
        # Where no curvature is left but rounding, a look tells whether the step is worth anything.
        is_free = is_ended & is_curved & (n_crossing == 0)
        trial = torch.addcmul(reached, reached, crossing)
        after = after._replace(is_ended=is_ended & ~is_free, trial=trial)
        if not is_free.any():
            return after
        return after.merge(is_free, self._go_on(after, reached))

    def _go_on(self, last: _Round, z: Tensor) -> _Round:
        """Return the round from ``z``, the end of ``last``, on which no sign has changed."""
        new = self._begin(z, last.grad - last.residual - last.rest, last.crossing_share)
        # While most of the violation lies where the last round's was, its directions still hold.
        rho = _dot(new.rest, new.rest * last.free)
        same = new._replace(
            free=last.free,
            sign=last.sign,
            p=last.p,
            rho=rho,
            min_rho=CG_REDUCTION**2 * rho,
            max_crossing=last.max_crossing,
        )
        return new.merge((rho > 0) & (2.0 * rho >= new.rho), same)

    def _judge(self, now: _Round, move: Tensor, product: Tensor) -> _Round:
        """Return a new round from where the trial is lower, else a shorter one to look at."""
        by_penalty = _dot(self._threshold, now.trial.abs() - now.z.abs())
        half_way = torch.add(now.grad, product, alpha=0.5)
        is_lower = _dot(move, half_way) + by_penalty < 0
        grad = now.grad + product
        if is_lower.all():
            return self._begin(now.trial, grad, now.crossing_share)
        n_left, share, shorter = _let_fewer_cross(now)
        is_last = share.isinf()
        step = torch.where(is_last, BACKTRACK * now.step, now.step)
        shorter = torch.where(is_last, self._by_diagonal(now, step), shorter)
        # Where no weight moves there is none to divide by.
        fewer = now.crossing_share * (n_left / now.max_crossing.clamp(min=1.0)).clamp(max=1.0)
        fewer = fewer.clamp(min=MIN_CROSSING)
        again = now._replace(crossing_share=fewer, trial=shorter, share=share, step=step)
        if not is_lower.any():
            return again
        return again.merge(is_lower, self._begin(now.trial, grad, now.crossing_share))

    def _by_diagonal(self, now: _Round, step: Tensor) -> Tensor:
        """Return the least point (M, n) of the penalty and ``1 / step`` times the diagonal."""
        step = step * self._inverse
        return soft_threshold(now.z - step * now.grad, step * self._threshold)
