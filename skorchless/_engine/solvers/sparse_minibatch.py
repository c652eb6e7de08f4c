"""Epochs over minibatches of wide sparse rows, which stay sparse; `minibatch` calls it.

Weights and buffers are (n, K), a row for each column that can move: a product with a CSR matrix
reads and writes whole rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.products import csr_products, csr_tensor
from skorchless._engine.rows.memory import Rows
from skorchless._engine.rows.sparse import SparseRows

Buffers = dict[str, Tensor]

# Below, a dense minibatch of 64 rows takes less time: up to 800 features where a row has 8
# entries, up to 2,500 where it has 50.
MIN_FEATURES = 1_500
# Minibatches whose rows are gathered at once: SciPy takes 80 us for 64 rows and 100 us for 400.
GROUP_SIZE = 8


class Optimizer(Protocol):
    """An update rule, as `minibatch` has them."""

    def step(
        self, W: Tensor, grad: Tensor, buffers: Buffers, n_steps: int, threshold: Tensor | None
    ) -> None:
        """Move ``W`` in place, for the ``n_steps``-th time; ``grad`` may be overwritten."""

    def idle_matrix(self, shrinkage: Tensor) -> Tensor | None:
        """Return the matrices (M, 2, 2) by which a step without a gradient moves its model."""


def are_wide_sparse(rows: Rows) -> bool:
    """Return whether minibatches of ``rows`` are to stay sparse."""
    return isinstance(rows, SparseRows) and rows.n_features >= MIN_FEATURES


def with_penalties(objective: PenalizedNLL) -> PenalizedNLL:
    """Return the objective with the models whose penalties differ: one where all are alike."""
    penalties = torch.stack([objective.alpha, objective.l1_ratio])
    are_alike = bool((penalties == penalties[:, :1]).all())
    return objective.take(torch.tensor([0])) if are_alike else objective


def _sparse_rows(objective: PenalizedNLL) -> SparseRows:
    """Return the rows of an objective that `are_wide_sparse`."""
    assert isinstance(objective.rows, SparseRows)  # noqa: S101
    return objective.rows


def active_columns(objective: PenalizedNLL, W: Tensor, buffers: Buffers | None) -> Tensor:
    """Return the columns (n,) of ``W`` (K, D) that can move; the others are and stay zero.

    The intercept, and features with an entry in a row, a weight, or a part in ``buffers``.
    """
    rows = _sparse_rows(objective)
    is_active = W.any(0)
    is_active[: rows.n_features] |= rows.used_features()
    is_active[rows.n_features :] = True
    if buffers is not None:
        is_active[buffers.get("columns", slice(None))] = True
    return is_active.nonzero()[:, 0]


def of_columns(objective: PenalizedNLL, columns: Tensor) -> PenalizedNLL:
    """Return the objective of the active ``columns`` (n,): all other weights are 0."""
    features = columns[: len(columns) - int(objective.fit_intercept)]
    return replace(objective, rows=_sparse_rows(objective).renumber_features(features))


def to_columns(values: Tensor, columns: Tensor, source: Tensor | None = None) -> Tensor:
    """Return the ``columns`` of ``values``, (n, K).

    The values are (K, D), or (n', K) of the columns ``source``, which are among ``columns``.
    """
    if source is None:
        return values[:, columns].T.contiguous()
    spread = values.new_zeros(len(columns), values.shape[1])
    return spread.index_copy_(0, torch.searchsorted(columns, source), values)


def to_all_columns(values: Tensor, columns: Tensor, n_columns: int) -> Tensor:
    """Return values (n, K) of ``columns`` as (K, D), zeros elsewhere."""
    # NumPy asks for huge pages: 4 x 2**20 of its zeros take 16 ms, of torch's 64. A row for each
    # column here too, so that coefficients are a view.
    dtype = str(values.dtype).removeprefix("torch.")
    spread = torch.from_numpy(np.zeros((n_columns, values.shape[1]), dtype))
    return spread.index_copy_(0, columns, values).T


@dataclass(frozen=True)
class SparseBatch:
    """A minibatch of B rows, with the columns alone that have an entry in it."""

    used: Tensor  # (n',), those columns, ascending
    by_row: Tensor  # X (B, n'), a CSR tensor
    by_column: Tensor  # its transpose (n', B), a CSR tensor
    codes: Tensor  # (L, B)
    shares: Tensor  # (1 or L, B), row weights divided by B


def _as_batch(
    indptr: Tensor, indices: Tensor, data: Tensor, codes: Tensor, weights: Tensor
) -> SparseBatch:
    """Return rows in CSR format, with codes (B, L) and weights (B, 1 or L), as a minibatch."""
    # One sort of the entries gives the columns, their new numbers, and the transpose.
    ascending, order = indices.sort()
    used, numbers, counts = torch.unique_consecutive(
        ascending, return_inverse=True, return_counts=True
    )
    numbers = torch.empty_like(numbers).index_copy_(0, order, numbers)
    rows = torch.repeat_interleave(indptr.diff()).index_select(0, order)
    starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    n_rows, n_used = len(codes), len(used)
    return SparseBatch(
        used=used.long(),
        by_row=csr_tensor(indptr, numbers, data, (n_rows, n_used)),
        by_column=csr_tensor(starts, rows, data.index_select(0, order), (n_used, n_rows)),
        codes=codes.T,
        shares=weights.T / n_rows,
    )


def sparse_batches(
    objective: PenalizedNLL, order: Tensor, batch_size: int
) -> Iterator[SparseBatch]:
    """Yield minibatches of the rows in ``order`` (N,)."""
    rows, append_one = _sparse_rows(objective), objective.fit_intercept
    for group in torch.split(order, GROUP_SIZE * batch_size):
        X, *columns = rows.take_sparse(group, append_one=append_one)
        indptr, indices, data = (torch.from_numpy(part) for part in (X.indptr, X.indices, X.data))
        for start in range(0, len(group), batch_size):
            batch = slice(start, start + batch_size)
            ends = indptr[start : start + batch_size + 1].long()
            entries = slice(int(ends[0]), int(ends[-1]))
            in_batch = (column[batch] for column in columns)
            yield _as_batch(ends - ends[0], indices[entries], data[entries], *in_batch)


def _nll_and_grad(objective: PenalizedNLL, W: Tensor, batch: SparseBatch) -> tuple[Tensor, Tensor]:
    """Return the NLL (M,) of a minibatch, times its rows, and the gradient of its mean (n', K).

    ``W`` (n', K) are the weights of the columns in use.
    """
    logits = csr_products([batch.by_row], W.T)  # (K, B)
    nll, residual = objective.nll.each_and_residual(logits, batch.codes, batch.shares)
    grad = csr_products([batch.by_column], residual).T
    return nll.sum(1, dtype=objective.total_weight.dtype) * nll.shape[1], grad


Batches = Iterable[SparseBatch]


def run_sparse_epoch(
    objective: PenalizedNLL, W: Tensor, optimizer: Optimizer, buffers: Buffers, batches: Batches
) -> Tensor:
    """Move ``W`` (n, M * K) through an epoch; return objectives (M,), of each batch before it."""
    ridge = with_penalties(objective).ridge
    matrix = None if objective.has_l1 else optimizer.idle_matrix(ridge)
    if matrix is None:
        loss = _move_all(objective, W, optimizer, buffers, batches)
    else:
        loss = _move_used(objective, W, optimizer, buffers, batches, matrix)
    of_models = W.T.reshape(len(loss), -1, len(W))
    return loss / objective.total_weight + objective.penalty(of_models)


def _move_all(
    objective: PenalizedNLL, W: Tensor, optimizer: Optimizer, buffers: Buffers, batches: Batches
) -> Tensor:
    """Take steps that move all columns of ``W``; return the sums of the NLL (M,)."""
    penalized = with_penalties(objective)
    shrinkage = penalized.shrinkage[:, 0].T.to(W.dtype)  # (n, 1 or M)
    threshold = penalized.threshold[:, 0].T.to(W.dtype) if objective.has_l1 else None
    loss = torch.zeros_like(objective.total_weight)
    for batch in batches:
        nll, of_used = _nll_and_grad(objective, W.index_select(0, batch.used), batch)
        grad = (shrinkage * W).index_add_(0, batch.used, of_used)
        optimizer.step(W, grad, buffers, int(buffers["n_steps"].add_(1)), threshold)
        loss += nll
    return loss


def _move_used(
    objective: PenalizedNLL,
    W: Tensor,
    optimizer: Optimizer,
    buffers: Buffers,
    batches: Batches,
    matrix: Tensor,
) -> Tensor:
    """Take the steps of `_move_all`, each column's when a minibatch uses it, or at the end.

    A step without a gradient multiplies (weight, velocity) by ``matrix`` (1 or M, 2, 2), and all
    steps that a column has missed by a power of it: the method is the same, with other roundings.
    """
    velocity = buffers["velocity"]
    shrinkage = with_penalties(objective).shrinkage[:, 0].T.to(W.dtype)  # (n, 1 or M)
    loss = torch.zeros_like(objective.total_weight)
    missed = MissedSteps(matrix, W)
    for batch in batches:
        W_used, velocity_used = missed.take(batch.used, W, velocity)
        nll, grad = _nll_and_grad(objective, W_used, batch)
        grad.addcmul_(shrinkage.index_select(0, batch.used), W_used)
        n_steps = int(buffers["n_steps"].add_(1))
        optimizer.step(W_used, grad, {"velocity": velocity_used}, n_steps, None)
        W.index_copy_(0, batch.used, W_used)
        velocity.index_copy_(0, batch.used, velocity_used)
        missed.count(batch.used)
        loss += nll
    W[:], velocity[:] = missed.take(torch.arange(len(W)), W, velocity)
    return loss


class MissedSteps:
    """How many steps of this epoch each of n columns has missed, and their joint effect."""

    def __init__(self, matrix: Tensor, W: Tensor) -> None:
        self._matrix = matrix
        self._n_steps = 0
        self._n_taken = torch.zeros(len(W), dtype=torch.int64)
        self._powers = torch.eye(2).to(matrix).expand(1, *matrix.shape)  # (T, 1 or M, 2, 2)
        self._rounded = self._powers.to(W.dtype)

    def count(self, used: Tensor) -> None:
        """Count one more step, which the columns ``used`` have taken."""
        self._n_steps += 1
        self._n_taken[used] = self._n_steps
        if len(self._powers) == self._n_steps:
            others = self._powers[-1] @ self._matrix @ self._powers
            self._powers = torch.cat([self._powers, others])
            self._rounded = self._powers.to(self._rounded.dtype)

    def take(self, columns: Tensor, W: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights and the velocity (n', K) of ``columns`` after all steps so far."""
        n_missed = self._n_steps - self._n_taken.index_select(0, columns)
        power = self._rounded.index_select(0, n_missed)  # (n', 1 or M, 2, 2)
        W, velocity = W.index_select(0, columns), velocity.index_select(0, columns)
        return (
            power[..., 0, 0] * W + power[..., 0, 1] * velocity,
            power[..., 1, 0] * W + power[..., 1, 1] * velocity,
        )
