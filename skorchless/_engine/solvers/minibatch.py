"""Adam and momentum SGD over shuffled minibatches; one iteration is one epoch.

The gradient of a minibatch is an unbiased estimate of the objective's: row weights have mean 1
over the training set, and the penalty counts in full in every step. The update rules are those of
`torch.optim` on plain tensors, whose state can be stored; an update of 7,850 weights takes a third
of the time of `torch.optim.Adam(fused=True)`.

An L1 penalty is not part of the gradient: each step ends with its proximal map, in the step's own
metric, which is soft thresholding and leaves exact zeros (Yun, Lozano & Yang, A general family of
stochastic proximal gradient methods for deep learning, 2020, https://arxiv.org/abs/2007.07484).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL, soft_threshold
from skorchless._engine.solvers.base import Patience, Progress, Status
from skorchless._engine.solvers.sparse_minibatch import (
    active_columns,
    are_wide_sparse,
    of_columns,
    run_sparse_epoch,
    sparse_batches,
    to_all_columns,
    to_columns,
    with_penalties,
)

Buffers = dict[str, Tensor]

# Some minibatches: X (batches, B, D) with a one for the intercept, the targets (batches, L, B) and
# the shares (batches, 1 or L, B), row weights divided by the rows of a minibatch.
Group = tuple[Tensor, Tensor, Tensor]

# Minibatches whose rows are gathered, and whose losses are added up, at once. An epoch over MNIST
# has 782 steps, whose products take 30 us each: groups of 8, with the intercept's ones beside the
# rows, save a fifth of its time. Of minibatches of 1,000 they save nothing: the C library returns
# 16 MB to the system after each group, and to get them again takes a fifth of the time.
GROUP_SIZE = 8
MAX_GROUP_ENTRIES = 2**20


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba (2015), algorithm 1, https://arxiv.org/abs/1412.6980, with their defaults."""

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def init(self, W: Tensor) -> Buffers:
        """Return the moments before the first step."""
        return {"first": torch.zeros_like(W), "second": torch.zeros_like(W)}

    def idle_matrix(self, shrinkage: Tensor) -> None:
        """Return None: a step without a gradient is not linear."""

    def step(
        self, W: Tensor, grad: Tensor, buffers: Buffers, n_steps: int, threshold: Tensor | None
    ) -> None:
        """Move ``W`` in place, for the ``n_steps``-th time; ``grad`` is overwritten."""
        first = buffers["first"].lerp_(grad, 1 - self.beta_1)
        second = buffers["second"].lerp_(grad.square_(), 1 - self.beta_2)
        # The bias corrections go into epsilon and the step size: numbers in place of tensors.
        correction = math.sqrt(1 - self.beta_2**n_steps)
        root = torch.sqrt(second, out=grad).add_(self.epsilon * correction)
        step_size = self.learning_rate * correction / (1 - self.beta_1**n_steps)
        W.addcdiv_(first, root, value=-step_size)
        if threshold is not None:
            # The penalty's slope is constant: only the second moment's correction concerns it.
            W.copy_(soft_threshold(W, self.learning_rate * correction * threshold / root))


@dataclass(frozen=True)
class SGD:
    """Gradient descent with heavy-ball momentum, as `torch.optim.SGD` computes it."""

    learning_rate: float
    momentum: float

    def init(self, W: Tensor) -> Buffers:
        """Return the velocity before the first step."""
        return {"velocity": torch.zeros_like(W)}

    def idle_matrix(self, shrinkage: Tensor) -> Tensor:
        """Return the matrices (M, 2, 2) by which a step without a gradient moves its model.

        That is (weight, velocity); ``shrinkage`` is (M,).
        """
        momentum = torch.full_like(shrinkage, self.momentum)
        of_weight = [1.0 - self.learning_rate * shrinkage, -self.learning_rate * momentum]
        return torch.stack([*of_weight, shrinkage, momentum], dim=1).view(-1, 2, 2)

    def step(
        self,
        W: Tensor,
        grad: Tensor,
        buffers: Buffers,
        n_steps: int,  # noqa: ARG002
        threshold: Tensor | None,
    ) -> None:
        """Move ``W`` in place; the number of steps does not matter."""
        velocity = buffers["velocity"].mul_(self.momentum).add_(grad)
        W.add_(velocity, alpha=-self.learning_rate)
        if threshold is not None:
            # The step that a constant gradient takes in the end. By the learning rate alone the
            # penalty would count for a tenth at a momentum of 0.9.
            step_size = self.learning_rate / (1.0 - self.momentum)
            W.copy_(soft_threshold(W, step_size * threshold))


@dataclass(frozen=True)
class Sampling:
    """How an epoch is cut into minibatches."""

    batch_size: int
    shuffle: bool
    generator: torch.Generator

    def order(self, n_rows: int) -> Tensor:
        """Return the rows in the order of an epoch."""
        # Drawn on the CPU, so that a seed gives the same order on every device.
        if self.shuffle:
            return torch.randperm(n_rows, generator=self.generator)
        return torch.arange(n_rows)

    def groups(self, objective: PenalizedNLL) -> Iterator[Group]:
        """Yield some minibatches of one size at a time, until an epoch is over."""
        rows = objective.rows
        order = self.order(rows.n_rows)
        n_whole = rows.n_rows - rows.n_rows % self.batch_size
        whole, rest = order[:n_whole], order[n_whole:]
        # Rows are dense here: of 100,000 one-hot columns a group is a single minibatch.
        n_models, n_weight_rows, n_columns = objective.weights_shape
        n_entries = self.batch_size * max(n_columns, n_models * n_weight_rows)
        n_grouped = max(1, min(GROUP_SIZE, MAX_GROUP_ENTRIES // n_entries))
        groups = [
            (index, self.batch_size) for index in torch.split(whole, n_grouped * self.batch_size)
        ]
        # The last minibatch of an epoch may have fewer rows.
        groups = [(index, size) for index, size in [*groups, (rest, len(rest))] if len(index)]

        def gather(group: tuple[Tensor, int]) -> Group:
            index, size = group
            X, codes, weights = rows.gather(index, append_one=objective.fit_intercept)
            X, codes, shares = (
                part.view(-1, size, part.shape[1]) for part in (X, codes, weights / size)
            )
            # As the loss wants them, once: in each step that takes 8 us of 50 labels.
            return X, objective.nll.targets(codes.mT.contiguous(), X.dtype), shares.mT

        # Steps come one after another; meanwhile a worker gathers the rows of the next ones.
        yield from rows.map_each(gather, groups)


def _run_epoch(
    objective: PenalizedNLL, W: Tensor, optimizer: Adam | SGD, buffers: Buffers, sampling: Sampling
) -> Tensor:
    """Move ``W`` (M * K, D) through an epoch; return objectives (M,), of each batch before it."""
    penalized = with_penalties(objective)
    shrinkage = penalized.shrinkage[:, 0].to(W.dtype)  # (1 or M, D)
    threshold = penalized.threshold[:, 0].to(W.dtype) if objective.has_l1 else None
    loss = torch.zeros_like(objective.total_weight)
    n_steps = int(buffers["n_steps"])
    nll = objective.nll
    for group in sampling.groups(objective):
        logits = []  # (M * K, B) of each minibatch
        for X, targets, shares in zip(*group, strict=True):
            logits.append(W @ X.T)
            grad = nll.residual(logits[-1], targets, shares) @ X
            n_steps += 1
            optimizer.step(W, grad.addcmul_(shrinkage, W), buffers, n_steps, threshold)
        # In each step the loss would take a quarter of the time of two classes, 20 features.
        nlls = nll.each(torch.stack(logits), *group[1:])  # (batches, M, B)
        loss += nlls.sum((0, 2), dtype=loss.dtype) * nlls.shape[2]
    buffers["n_steps"].fill_(n_steps)
    return loss / objective.total_weight + objective.penalty(W.view(len(loss), -1, W.shape[1]))


def _map_buffers(function: Callable[[Tensor], Tensor], buffers: Buffers) -> Buffers:
    """Return buffers with ``function`` applied to those that have two axes, as weights do."""
    return {name: function(b) if b.ndim == 2 else b for name, b in buffers.items()}


def _copy_buffers(buffers: Buffers, W: Tensor) -> Buffers:
    """Return copies beside ``W``; a step count stays on the CPU, where it is read."""
    return {
        name: buffer.clone() if buffer.ndim == 0 else buffer.to(W, copy=True)
        for name, buffer in buffers.items()
    }


def _epochs(
    objective: PenalizedNLL,
    W: Tensor,
    buffers: Buffers | None,
    optimizer: Adam | SGD,
    sampling: Sampling,
) -> Iterator[tuple[Tensor, Tensor, Buffers]]:
    """Yield objectives (M,), the weights (M * K, D) and the buffers after each epoch.

    Wide sparse rows stay sparse: the buffers (n, M * K) are those of some ``columns``.
    """
    n_columns, columns, state = W.shape[1], None, dict(buffers or {})
    before = state.pop("columns", None)
    if are_wide_sparse(objective.rows):
        columns = active_columns(objective, W, buffers)
        objective, W = of_columns(objective, columns), to_columns(W, columns)
        state = _map_buffers(lambda b: to_columns(b, columns, before), state)
    elif before is not None:
        state = _map_buffers(lambda b: to_all_columns(b, before, n_columns), state)
    W = W.to(objective.rows.placement.dtype)
    state = state or {"n_steps": torch.zeros((), dtype=torch.int64), **optimizer.init(W)}
    while True:
        # Steps move copies in place: the caller's weights, and those of earlier epochs, stay.
        W, state = W.clone(), _copy_buffers(state, W)
        if columns is None:
            yield _run_epoch(objective, W, optimizer, state, sampling), W, state
        else:
            order = sampling.order(objective.rows.n_rows)
            batches = sparse_batches(objective, order, sampling.batch_size)
            value = run_sparse_epoch(objective, W, optimizer, state, batches)
            yield value, to_all_columns(W, columns, n_columns), {**state, "columns": columns}


@torch.inference_mode()
def minimize_minibatch(
    objective: PenalizedNLL,
    W: Tensor,
    *,
    optimizer: Adam | SGD,
    sampling: Sampling,
    patience: Patience,
    buffers: Buffers | None = None,
) -> Iterator[Progress]:
    """Yield the progress of each epoch; stop when ``patience`` with the loss runs out.

    The models ``W`` (M, K, D) are one, or those of several labels of the same rows and penalty,
    which take their steps, and end, together: a grid shares passes over all rows, not steps.
    ``buffers`` of an earlier `Progress` continue its optimiser.
    """
    steps = _epochs(objective, W.flatten(0, 1), buffers, optimizer, sampling)
    for value, latest, state in steps:
        is_exhausted = bool(patience.is_exhausted(value.mean(0, keepdim=True)))
        status = torch.tensor([Status.CONVERGED if is_exhausted else Status.RUNNING])
        yield Progress(latest.view(W.shape), value, status.expand(len(W)), value, state)
        if is_exhausted:
            return
