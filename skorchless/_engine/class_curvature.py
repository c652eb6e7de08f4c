"""The curvature of the objective, class by class: what a fit goes by near the optimum.

The softmax part of a class's curvature, p * (1 - p), is near zero for most rows there and differs
from class to class; `curvature`, which starts a fit, knows nothing of it. L-BFGS takes 81
iterations on MNIST (C=1, to 0.1 % of the optimum) without this module and 25 with it.

Models whose penalties are close have much the same curvature. They share a Hessian, so that all
Hessians together stay smaller than X.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from skorchless._engine.blocks import Block
from skorchless._engine.costs import MIN_SHARE_BYTES, even_shares
from skorchless._engine.curvature import MAX_MATRIX_FEATURES, thinned
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.rows import Rows
from skorchless._engine.workers import share

Result = TypeVar("Result")

# The softmax part changes much in the first iterations.
MIN_ITERATIONS = 5
# The time of the Hessians in passes over the rows is so many times D * D / N.
COST = 0.4
# Rows drawn for each class, by their share of its curvature, for each column of its Hessian.
DRAWN_ROWS_PER_COLUMN = 2
MIN_DRAWN_ROWS = 2**10
# The rows that they are drawn from.
MAX_CANDIDATE_ROWS = 2**16
# Ten penalties from 1e-4 to 1e4 on five folds of MNIST take 24 iterations each with 2, 3 or 6
# groups, 32 with one; each group takes as much memory as K Gram matrices.
MAX_GROUPS = 3
# Penalties within this factor count as one.
SAME_PENALTY = 1.05
# As in `curvature`, and ten times less each time, because what is near the optimum is to be
# trusted: at a constant damping MNIST takes 25 iterations to tol=1e-4 for 32, but features that
# are highly correlated take 150 for 58.
FIRST_DAMPING = 1e-3
DAMPING_DECAY = 0.1


def iterations_before_classes(objective: PenalizedNLL) -> float:
    """Return after how many iterations `class_hessians` pay; infinity for never."""
    n_features, n_columns = objective.rows.n_features, objective.weights_shape[2]
    if n_features > MAX_MATRIX_FEATURES or _n_affordable(objective) < 1:
        return math.inf
    # By then the passes have cost what it costs, so that it never doubles the time of a fit.
    return max(MIN_ITERATIONS, COST * n_columns**2 / objective.rows.n_rows)


def _n_affordable(objective: PenalizedNLL) -> int:
    """Return how many Hessians of each class have no more entries than X."""
    _, n_weight_rows, n_columns = objective.weights_shape
    n_entries = objective.rows.n_rows * objective.rows.n_features
    return n_entries // (n_weight_rows * n_columns**2)


def groups(objective: PenalizedNLL) -> Tensor:
    """Return the group (M,) of each model, from 0 on: those of similar penalties."""
    rank = _ranks(objective.alpha)
    n_ranks = int(rank.max()) + 1
    n_groups = min(n_ranks, MAX_GROUPS, _n_affordable(objective))
    return rank * n_groups // n_ranks


def _ranks(alpha: Tensor) -> Tensor:
    """Return the rank (M,) of each penalty, the same for penalties that hardly differ.

    The folds of one C differ as their weights do.
    """
    order = alpha.argsort()
    ranks: list[int] = []
    rank, smallest = -1, -1.0  # and the smallest penalty of that rank
    for value in alpha[order].tolist():
        if smallest < 0.0 or value > SAME_PENALTY * smallest:
            rank, smallest = rank + 1, value
        ranks.append(rank)
    return torch.empty_like(order).scatter_(0, order, torch.tensor(ranks).to(order.device))


def apply_by_group(
    function: Callable[[Tensor, Tensor], Tensor],
    matrices: Tensor,
    group: Tensor,
    vectors: Tensor,
) -> Tensor:
    """Return what ``function`` makes of ``vectors`` (R, M, K, D) and their groups' matrices.

    It gets those of one ``group`` (M,) at a time: of ``matrices`` (groups, K, D, D) and, in their
    dtype, columns (K, D, columns).
    """
    result = torch.empty_like(vectors)
    for g, of_classes in enumerate(matrices):
        mine = (group == g).nonzero()[:, 0]
        columns = vectors[:, mine].permute(2, 3, 0, 1).to(matrices.dtype)  # (K, D, R, M')
        applied = _apply_by_class(function, of_classes, columns.flatten(2)).view_as(columns)
        result[:, mine] = applied.permute(2, 3, 0, 1).to(vectors.dtype)
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


def map_class_hessians(
    function: Callable[[Tensor], Result],
    objective: PenalizedNLL,
    W: Tensor,
    mean: Tensor | None,
    ridge: Tensor,
    group: Tensor,
) -> Iterator[tuple[int, int, Result]]:
    """Yield group, class and what ``function`` makes of its Hessian (D, D) at ``W`` (M, K, D).

    Of a sample of rows. ``group`` (M,) is that of each model, of `groups`.
    In the coordinates of features centred by ``mean``, with the L2 penalty, and with ``ridge``
    (P,) added for each unit of softmax curvature.
    """
    rows = thinned(objective.rows, MAX_CANDIDATE_ROWS)
    dtype = rows.placement.dtype
    part = torch.nn.functional.one_hot(group).T.to(dtype)  # (groups, M)
    part /= part.sum(1, keepdim=True)
    penalty = part @ objective.shrinkage[:, 0].to(dtype)  # (groups, D)
    damping = torch.zeros_like(penalty[0])  # (D,)
    damping[: rows.n_features] = ridge
    curvature = _row_curvature(objective, W, rows, part)  # (groups, K, rows)

    def of_class(item: tuple[int, int]) -> tuple[int, int, Result]:
        g, k = item
        hessian = _class_hessian(rows, curvature[g, k], mean)
        hessian.diagonal().add_(penalty[g] + curvature[g, k].mean() * damping)
        return g, k, function(hessian)

    # One class at a time: a product with few rows is not worth several cores, classes are.
    items = itertools.product(range(len(part)), range(W.shape[1]))
    yield from rows.map_each(of_class, list(items))


def _row_curvature(objective: PenalizedNLL, W: Tensor, rows: Rows, part: Tensor) -> Tensor:
    """Return the second derivative of each row's loss by its scores, (groups, K, rows).

    ``part`` (groups, M) is what each model adds to the mean of a group.
    """
    W = W.to(rows.placement.dtype)
    mean_weight = objective.total_weight / objective.rows.n_rows  # (M,)
    part, nll = part / mean_weight.to(part.dtype), objective.nll

    def of_block(X: Block, _codes: Tensor, weights: Tensor) -> Tensor:
        curvature = nll.curvature(W, X, weights)  # (M, K, B)
        return torch.tensordot(part, curvature, 1).permute(2, 0, 1)

    return rows.map_rows(of_block, n_outputs=W.shape[0] * W.shape[1]).permute(1, 2, 0)


def _class_hessian(rows: Rows, curvature: Tensor, mean: Tensor | None) -> Tensor:
    """Return the mean of ``curvature`` (rows,) times row outer product (D, D), from a sample."""
    n_columns = rows.n_features + int(mean is not None)
    n_drawn = max(MIN_DRAWN_ROWS, DRAWN_ROWS_PER_COLUMN * n_columns)
    if rows.n_rows > n_drawn:
        # Systematic sampling, each row by its share of the curvature: a row that is classified
        # beyond doubt has none. On MNIST 2,000 rows drawn so serve as well as 10,000 others.
        shares = curvature.cumsum(0, dtype=rows.placement.sum_dtype)
        points = (torch.arange(n_drawn, device=shares.device) + 0.5) * (shares[-1] / n_drawn)
        index = torch.searchsorted(shares, points).clamp_(max=rows.n_rows - 1)
        weight = None
    else:
        index = torch.arange(rows.n_rows, device=curvature.device)
        weight = curvature / curvature.mean()
    X = rows.take(index, append_one=mean is not None)[0]  # (rows, D)
    if mean is not None:
        X[:, :-1] -= mean.to(X.dtype)
    X_weighted = X if weight is None else X * weight[:, None]
    return (X_weighted.T @ X).mul_(curvature.mean() / len(index))
