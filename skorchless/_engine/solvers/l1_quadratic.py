"""The minimum of a quadratic plus an L1 penalty: a proximal step.

An iteration takes one product with the curvature and none with X. Each round runs conjugate
gradients on the free weights (not zero, or zero with a violated optimality condition) with their
signs fixed. When more than a few of them have changed their sign, those are set to zero and a new
round starts. Each model is solved by itself; the products of all are one call.

References
----------
Bertsekas, Projected Newton methods for optimization problems with simple constraints (1982),
https://doi.org/10.1137/0320018: steps of a free set that are projected; his bounds are our zeros.
Dostal & Schoeberl, Minimizing quadratic functions subject to bound constraints with the rate of
convergence and finite termination (2005), section 3,
https://doi.org/10.1023/B:COAP.0000049888.80264.25: when conjugate gradients go on.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from skorchless._engine.objective import smallest_subgradient, soft_threshold
from skorchless._engine.records import take_models

# A choice: a round ends when the residual of the free weights, scaled by the diagonal, has fallen
# to this share.
CG_REDUCTION = 0.3
# A choice, some thousand times the rounding of float64: less curvature, as a share of the
# diagonal's, is none.
MIN_CURVATURE = 1e-12
# If a projected step does not decrease the quadratic, this share of its sign changes is kept and
# the step tried again, down to none.
CROSSING_LEFT = 0.5
# Later rounds inherit the lowered limit, but never below this share of the free weights. Without
# it 2,000 x 20,000 sparse with 1,480 weights left took 100 products in a step instead of 43: each
# round ran into the same signs again.
MIN_CROSSING = 0.01
# A choice: a step by the diagonal alone is shortened to this share until the quadratic decreases.
BACKTRACK = 0.25

# Yields a vector (n,), is sent its product with the curvature, and writes where it is to a tensor.
Search = Generator[Tensor, Tensor, None]


class Matrix(Protocol):
    """A symmetric matrix for each of M models, a record known by its products."""

    @property
    def diagonal(self) -> Tensor:
        """The diagonal (M, n)."""

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, n) with ``vectors`` (M, n)."""


@dataclass(frozen=True)
class Quadratic:
    """The function ``grad @ (z - w) + (z - w) @ B @ (z - w) / 2`` of z, for M models."""

    w: Tensor  # (M, n)
    grad: Tensor  # (M, n)
    B: Matrix


@dataclass(frozen=True)
class Precision:
    """How precisely a quadratic is solved."""

    reduction: float  # of the largest violation of optimality
    min_violation: float  # that is worth the effort
    max_crossing: float  # share of the free weights that may change their sign in a round
    max_iter: int = 100  # products


def minimize_quadratic(quadratic: Quadratic, threshold: Tensor, precision: Precision) -> Tensor:
    """Return z (M, n), near the minimum of ``quadratic`` plus ``threshold @ abs(z)``."""
    z = quadratic.w.clone()
    diagonal = quadratic.B.diagonal
    searches = {
        m: _search(z[m], quadratic.grad[m], diagonal[m], threshold[m], precision)
        for m in range(z.shape[0])
    }
    vectors = {
        m: vector for m, search in searches.items() if (vector := next(search, None)) is not None
    }
    B, models = quadratic.B, list(searches)
    for _ in range(precision.max_iter):
        if not vectors:
            break
        if list(vectors) != models:
            models = list(vectors)
            B = take_models(quadratic.B, torch.tensor(models, device=z.device))
        products = B.multiply(torch.stack(list(vectors.values())))
        vectors = {
            m: vector
            for m, product in zip(models, products, strict=True)
            if (vector := _send(searches[m], product)) is not None
        }
    return z


def _send(search: Search, product: Tensor) -> Tensor | None:
    """Return the next vector of ``search``, None where it has ended."""
    try:
        return search.send(product)
    except StopIteration:
        return None


def _search(
    z: Tensor, grad: Tensor, diagonal: Tensor, threshold: Tensor, precision: Precision
) -> Search:
    """Move ``z`` (n,), in place, to the minimum; ``grad`` is the quadratic's at ``z``."""
    inverse, has_threshold, share = 1.0 / diagonal, threshold.sign(), precision.max_crossing
    residual = smallest_subgradient(z, grad, threshold)
    target = max(precision.reduction * float(residual.abs().max()), precision.min_violation)
    goes_on = False
    while float(residual.abs().max()) > target:
        rest = -residual
        if not goes_on:
            sign = torch.where(z == 0, rest, z).sign()
            free, held = inverse * sign.abs(), sign * has_threshold
            limit = share * float(sign.abs().sum())
            p = rest * free
            rho = float(rest @ p)
        if not 0.0 < rho < torch.inf:
            # Numbers overflow or underflow: without a step rounds would not end.
            return
        min_rho, reached, is_curved, n_crossing = CG_REDUCTION**2 * rho, z, True, 0
        while is_curved and rho > min_rho and n_crossing <= limit:
            product = yield p
            curvature = float(p @ product)
            is_curved = curvature > MIN_CURVATURE * float(p @ (diagonal * p))
            step = rho / curvature if is_curved else 0.0
            reached = torch.add(reached, p, alpha=step)
            rest = torch.sub(rest, product, alpha=step)
            scaled = rest * free
            rho, last = float(rest @ scaled), rho
            p = torch.add(scaled, p, alpha=rho / last)
            n_crossing = int((reached * held < 0).sum())
        # Where signs change, or curvature is rounding alone, `_project` checks the step.
        if goes_on := is_curved and n_crossing == 0:
            grad = grad - residual - rest
            z.copy_(reached)
        else:
            grad, share = yield from _project(
                z, grad, reached, held, inverse, threshold, share, limit
            )
        residual = smallest_subgradient(z, grad, threshold)
        if goes_on:
            # While most of the violation is that of the free weights, the directions hold.
            rho = float(residual @ (residual * free))
            of_all = float(residual @ (residual * inverse))
            goes_on = rho > 0.0 and 2.0 * rho >= of_all


def _project(
    z: Tensor,
    grad: Tensor,
    reached: Tensor,
    held: Tensor,
    inverse: Tensor,
    threshold: Tensor,
    share: float,
    limit: float,
) -> Generator[Tensor, Tensor, tuple[Tensor, float]]:
    """Move ``z`` towards ``reached``, weights that change their sign to zero.

    Return the gradient there, and the share of the free weights that may change their sign next.
    """
    d = reached - z
    at_zero = torch.where(reached * held < 0, -z / d, torch.inf)  # the share of the step
    trial = torch.where(at_zero.isfinite(), 0.0, reached)
    length, step = torch.inf, 1.0
    while True:
        move = trial - z
        product = yield move
        by_penalty = float(threshold @ (trial.abs() - z.abs()))
        if float(move @ torch.add(grad, product, alpha=0.5)) + by_penalty < 0.0:
            z.copy_(trial)
            return grad + product, share
        before = at_zero[(at_zero > 0) & (at_zero < length)].sort().values
        n_left = int(CROSSING_LEFT * len(before))
        share = max(MIN_CROSSING, share * min(1.0, n_left / max(limit, 1.0)))
        if len(before):
            length = float(before[n_left])
            trial = torch.where(at_zero <= length, 0.0, torch.add(z, d, alpha=length))
        else:
            scaled = step * inverse
            trial = soft_threshold(z - scaled * grad, scaled * threshold)
            step *= BACKTRACK
            length = 0.0
