"""An approximate Hessian of M models, to multiply by and to solve with.

`solvers.quasi_newton` starts from a diagonal, which costs nothing. Near the optimum the softmax
part of a class's curvature, p * (1 - p), is near zero for most rows and differs from class to
class, as does the Hessian of each class, made of a sample of rows. L-BFGS takes 81 iterations on
MNIST (C=1, to 0.1 % of the optimum) without class Hessians and 25 with them.

Models of similar penalties have similar curvatures and share class Hessians, which all together
stay smaller than X.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from skorchless._engine.curvature.feature_moments import FeatureMoments, thinned
from skorchless._engine.objective import MIN_CLASS_SHARE, PenalizedNLL, class_shares
from skorchless._engine.products import Block
from skorchless._engine.records import SHARED
from skorchless._engine.rows.block_sizes import MIN_SHARE_BYTES, even_shares
from skorchless._engine.rows.memory import Rows
from skorchless._engine.rows.workers import share

# Penalties within this factor count as one: those of the folds of one C differ by some percent.
SAME_PENALTY = 1.05
# The fractions of its multiples are spread evenly, and fall in with no cycle of rows. Random
# numbers take 20 times as long.
GOLDEN_RATIO = (5.0**0.5 + 1.0) / 2.0


@dataclass(frozen=True)
class HessianApproximation:
    """A diagonal for each model, or a matrix for each class of each group of models."""

    diagonal: Tensor  # (M, K, D)
    group: Tensor  # (M,), of each model
    matrices: Tensor | None = field(default=None, metadata=SHARED)  # (groups, K, D, D)
    are_factors: bool = False  # lower Cholesky factors, which can be solved with alone

    def multiply(self, vectors: Tensor) -> Tensor:
        """Return the products (M, R, K * D) with R vectors of each model."""
        if self.matrices is None:
            return vectors * self.diagonal.flatten(1)[:, None]
        return self._apply(torch.bmm, vectors)

    def solve(self, vectors: Tensor) -> Tensor:
        """Return the solutions (M, R, K * D) for R vectors of each model."""
        if self.matrices is None:
            return vectors / self.diagonal.flatten(1)[:, None]
        return self._apply(_solve_factored, vectors)

    def _apply(self, function: Callable[[Tensor, Tensor], Tensor], vectors: Tensor) -> Tensor:
        """Return what ``function`` makes of ``vectors`` (M, R, K * D) and their matrices."""
        assert self.matrices is not None  # noqa: S101
        shape = (*vectors.shape[:2], *self.diagonal.shape[1:])  # (M, R, K, D)
        result = torch.empty_like(vectors)
        for g, of_classes in enumerate(self.matrices):
            mine = (self.group == g).nonzero()[:, 0]
            if not len(mine):
                continue
            columns = vectors.view(shape)[mine].permute(2, 3, 0, 1)  # (K, D, M', R)
            columns = columns.to(of_classes.dtype)
            applied = _apply_by_class(function, of_classes, columns.flatten(2)).view_as(columns)
            result[mine] = applied.permute(2, 3, 0, 1).flatten(2).to(vectors.dtype)
        return result


def _apply_by_class(
    function: Callable[[Tensor, Tensor], Tensor], matrices: Tensor, columns: Tensor
) -> Tensor:
    """Return what ``function`` makes of ``matrices`` (K, D, D) and ``columns`` (K, D, n)."""
    n_shares = even_shares(matrices.nbytes / MIN_SHARE_BYTES) if matrices.is_cpu else 1
    n_shares = min(n_shares, len(matrices))
    parts = list(zip(matrices.tensor_split(n_shares), columns.tensor_split(n_shares), strict=True))
    applied = list(share(lambda part: function(*part), parts, n_shares))
    return applied[0] if n_shares == 1 else torch.cat(applied)


def _solve_factored(L: Tensor, columns: Tensor) -> Tensor:
    """Return the solutions (..., D, columns) for Cholesky factors ``L`` (..., D, D)."""
    # Not cholesky_solve, which copies the factors each time.
    half = torch.linalg.solve_triangular(L, columns, upper=False)
    return torch.linalg.solve_triangular(L.mT, half, upper=True)


def diagonal_approximation(
    objective: PenalizedNLL, moments: FeatureMoments
) -> HessianApproximation:
    """Return the diagonal at the best model that ignores X, as if features were uncorrelated.

    An entry is the mean of p * (1 - p), by the class shares, times the feature's variance, and
    the L2 penalty.
    """
    p = class_shares(objective)  # (M, classes)
    p = p[:, 1:] if objective.n_classes == 2 else p
    curvature = (p * (1.0 - p)).clamp(min=MIN_CLASS_SHARE)[..., None]  # (M, K, 1)
    spread = torch.ones_like(objective.is_penalized)  # (D,), the intercept's is 1
    # A feature that does not vary has no gradient: any value above 0 will do.
    spread[: len(moments.variance)] = torch.where(moments.variance > 0, moments.variance, 1.0)
    group = torch.zeros(len(p), dtype=torch.int64, device=p.device)
    return HessianApproximation(curvature * spread + objective.shrinkage, group)


def class_hessians(
    objective: PenalizedNLL,
    W: Tensor,
    moments: FeatureMoments,
    damping: float,
    *,
    as_factors: bool,
) -> HessianApproximation | None:
    """Return each class's own Hessian at ``W`` (M, K, D), of a sample of rows, for each group.

    ``damping`` is in squared ranges of the features, for each unit of softmax curvature, and only
    where rows are drawn. With ``as_factors`` they are Cholesky factors. None where one has no
    curvature or cannot be factorised in this precision.
    """
    group = groups(objective)
    rows = thinned(objective.rows, objective.costs.max_candidate_rows)
    dtype = rows.placement.dtype
    part = torch.nn.functional.one_hot(group).T.to(dtype)  # (groups, M)
    part /= part.sum(1, keepdim=True)
    penalty = part @ objective.shrinkage[:, 0].to(dtype)  # (groups, D)
    ridge = torch.zeros_like(penalty[0])  # (D,)
    if rows.n_rows > n_drawn_rows(objective):
        ridge[: rows.n_features] = damping * moments.squared_range
    curvature = _row_curvature(objective, W, rows, part)  # (groups, K, rows)

    def of_class(item: tuple[int, int]) -> Tensor | None:
        hessian = _class_hessian(rows, curvature[item], objective)
        diagonal = hessian.diagonal()
        diagonal.add_(penalty[item[0]] + curvature[item].mean() * ridge)
        if as_factors:
            hessian, _ = torch.linalg.cholesky_ex(hessian)
            diagonal = hessian.diagonal()
        # A failed factorisation has zeros or NaN on its diagonal.
        return hessian if bool((diagonal.isfinite() & (diagonal > 0)).all()) else None

    # A worker makes the Hessian of one class, whose product is too small to be shared. Each is
    # copied to its place at once: the Hessians of MNIST, 25 MB, never exist twice.
    items = list(itertools.product(range(len(part)), range(W.shape[1])))
    matrices = W.new_empty(len(part), *W.shape[1:], W.shape[-1], dtype=dtype)
    for item, matrix in zip(items, rows.map_each(of_class, items), strict=True):
        if matrix is None:
            return None
        matrices[item] = matrix
    diagonal = matrices.diagonal(dim1=2, dim2=3).to(W.dtype)[group]
    return HessianApproximation(diagonal, group, matrices, as_factors)


def n_affordable(objective: PenalizedNLL) -> int:
    """Return how many Hessians of each class have together no more entries than X."""
    _, n_weight_rows, n_columns = objective.weights_shape
    n_entries = objective.rows.n_rows * objective.rows.n_features
    return n_entries // (n_weight_rows * n_columns**2)


def groups(objective: PenalizedNLL) -> Tensor:
    """Return the group (M,) of each model, from 0 on: those of similar penalties."""
    rank = _ranks(objective.alpha)
    n_ranks = int(rank.max()) + 1
    n_groups = max(1, min(n_ranks, objective.costs.max_groups, n_affordable(objective)))
    return rank * n_groups // n_ranks


def _ranks(alpha: Tensor) -> Tensor:
    """Return the rank (M,) of each penalty, the same for penalties that hardly differ."""
    order = alpha.argsort()
    ranks: list[int] = []
    rank, smallest = -1, -1.0  # and the smallest penalty of that rank
    for value in alpha[order].tolist():
        if smallest < 0.0 or value > SAME_PENALTY * smallest:
            rank, smallest = rank + 1, value
        ranks.append(rank)
    return torch.empty_like(order).scatter_(0, order, torch.tensor(ranks).to(order.device))


def _row_curvature(objective: PenalizedNLL, W: Tensor, rows: Rows, part: Tensor) -> Tensor:
    """Return the second derivative of each row's loss by its logits, (groups, K, rows).

    ``part`` (groups, M) is the share of each model in the mean of a group.
    """
    W = objective.of_block(W)
    mean_weight = objective.total_weight / objective.rows.n_rows  # (M,)
    part, nll = part / mean_weight.to(part.dtype), objective.nll

    def of_block(X: Block, _codes: Tensor, weights: Tensor) -> Tensor:
        curvature = nll.curvature(W, X, weights)  # (M, K, B)
        return torch.tensordot(part, curvature, 1).permute(2, 0, 1)

    return rows.map_rows(of_block, values_per_row=W.shape[0] * W.shape[1]).permute(1, 2, 0)


def n_drawn_rows(objective: PenalizedNLL) -> int:
    """Return how many rows are drawn for each class, of more."""
    costs = objective.costs
    return max(costs.min_drawn_rows, costs.drawn_rows_per_column * objective.weights_shape[-1])


def n_hessian_rows(objective: PenalizedNLL, n_before: int = 0) -> int:
    """Return how many rows a Hessian of a small table is made of: all, or those that are drawn.

    More of them after ``n_before`` others in the same fit, which have not led to its end. Of less
    than twice as many rows all are taken: to copy those that are drawn takes time as well.
    """
    n_rows, costs = objective.rows.n_rows, objective.costs
    n_drawn = n_drawn_rows(objective) * costs.drawn_rows_growth**n_before
    return n_drawn if n_rows >= 2 * n_drawn else n_rows


def drawn_rows(curvature: Tensor, n_drawn: int) -> Tensor:
    """Return the index (n_drawn,) of rows that are drawn by their ``curvature`` (N,).

    Systematic sampling: one row from each of as many stretches that have the same curvature, at a
    place that differs from one to the next, so that rows which come in cycles cause no bias.
    """
    until = curvature.cumsum(0)
    stretches = torch.arange(n_drawn, dtype=until.dtype, device=until.device)
    points = (stretches + (GOLDEN_RATIO * stretches) % 1.0) * (until[-1] / n_drawn)
    index = torch.searchsorted(until, points, right=True)  # no row without curvature
    return index.clamp_(max=len(until) - 1)


def _class_hessian(rows: Rows, curvature: Tensor, objective: PenalizedNLL) -> Tensor:
    """Return the mean of ``curvature`` (rows,) times row outer product (D, D), from a sample."""
    n_drawn = n_drawn_rows(objective)
    if rows.n_rows > n_drawn:
        index, weight = drawn_rows(curvature.to(rows.placement.sum_dtype), n_drawn), None
    else:
        index = torch.arange(rows.n_rows, device=curvature.device)
        weight = curvature / curvature.mean()
    X = rows.gather(index, append_one=objective.fit_intercept)[0]  # (rows, D)
    if objective.mean is not None:
        X[:, :-1] -= objective.mean.to(X.dtype)
    X_weighted = X if weight is None else X * weight[:, None]
    return (X_weighted.T @ X).mul_(curvature.mean() / len(index))
