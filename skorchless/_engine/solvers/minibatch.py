"""Adam and momentum SGD over shuffled minibatches; one iteration is one epoch.

The gradient of a minibatch is an unbiased estimate of the objective's: row weights have mean 1
over the training set, and the penalty counts in full in every step. The update rules are those
of `torch.optim`, written on plain tensors: their state is then data that can be stored, and an
update of 7,850 weights takes a third of the time of `torch.optim.Adam(fused=True)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Patience, Progress, Status

Buffers = dict[str, Tensor]

# Rows are gathered, and losses added up, for so many minibatches at once: an epoch of MNIST (64
# rows a minibatch) takes 80 ms for 95 ms.
GROUP_SIZE = 8


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba (2015), algorithm 1, https://arxiv.org/abs/1412.6980, with their defaults."""

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def init(self, W: Tensor) -> Buffers:
        """Return the moments before the first step."""
        zeros = torch.zeros_like(W)
        return {"n_steps": torch.zeros(()), "first": zeros, "second": zeros.clone()}

    def step(self, W: Tensor, grad: Tensor, buffers: Buffers) -> None:
        """Move ``W`` in place."""
        n_steps = buffers["n_steps"].add_(1).item()
        first = buffers["first"].lerp_(grad, 1 - self.beta_1)
        second = buffers["second"].lerp_(grad.square(), 1 - self.beta_2)
        # The bias corrections go into epsilon and the step size: numbers in place of tensors.
        correction = math.sqrt(1 - self.beta_2**n_steps)
        root = second.sqrt().add_(self.epsilon * correction)
        step_size = self.learning_rate * correction / (1 - self.beta_1**n_steps)
        W.addcdiv_(first, root, value=-step_size)


@dataclass(frozen=True)
class SGD:
    """Gradient descent with heavy-ball momentum, as `torch.optim.SGD` computes it."""

    learning_rate: float
    momentum: float

    def init(self, W: Tensor) -> Buffers:
        """Return the velocity before the first step."""
        return {"velocity": torch.zeros_like(W)}

    def step(self, W: Tensor, grad: Tensor, buffers: Buffers) -> None:
        """Move ``W`` in place."""
        velocity = buffers["velocity"].mul_(self.momentum).add_(grad)
        W.add_(velocity, alpha=-self.learning_rate)


@dataclass(frozen=True)
class Sampling:
    """How an epoch is cut into minibatches."""

    batch_size: int
    shuffle: bool
    generator: torch.Generator

    def groups(self, objective: PenalizedNLL) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield X (B, D), codes (B,) and row weights (B,) of some minibatches at a time."""
        rows = objective.rows
        # Drawn on the CPU, so that a seed gives the same order on every device.
        if self.shuffle:
            order = torch.randperm(rows.n_rows, generator=self.generator)
        else:
            order = torch.arange(rows.n_rows)
        for index in torch.split(order.to(rows.placement.device), self.batch_size * GROUP_SIZE):
            X, codes, weights = rows.take(index, append_one=objective.fit_intercept)
            yield X, codes, weights


def _run_epoch(
    objective: PenalizedNLL, W: Tensor, optimizer: Adam | SGD, buffers: Buffers, sampling: Sampling
) -> Tensor:
    """Move ``W`` (K, D) through one epoch; return the objective (1,), of each batch before it."""
    size = sampling.batch_size
    shrinkage = objective.shrinkage[0].to(W.dtype)
    loss = torch.zeros_like(objective.total_weight)
    for X, codes, weights in sampling.groups(objective):
        # The mean over a minibatch is in its weights: one division for the group. The last
        # minibatch of an epoch may have fewer rows.
        n_rows = torch.full_like(weights, size)
        n_rows[len(X) // size * size :] = len(X) % size
        shares = weights / n_rows
        nlls = []
        for start in range(0, len(X), size):
            batch = slice(start, start + size)
            nll, grad = objective.minibatch_nll_and_grad(W, X[batch], codes[batch], shares[batch])
            nlls.append(nll)
            optimizer.step(W, grad.addcmul_(shrinkage, W), buffers)
        loss += torch.dot(torch.cat(nlls), n_rows)
    return loss / objective.total_weight + objective.penalty_and_grad(W)[0]


def _copy_buffers(buffers: Buffers, W: Tensor) -> Buffers:
    """Return copies beside ``W``; a step count stays on the CPU, where it is read."""
    return {
        name: buffer.clone() if buffer.ndim == 0 else buffer.to(W, copy=True)
        for name, buffer in buffers.items()
    }


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

    One model only, ``W`` (1, K, D): a grid of models shares passes over all rows, not steps.
    ``buffers`` of an earlier `Progress` continue its optimiser.
    """
    (W,) = W.to(objective.rows.placement.dtype, copy=True)  # (K, D)
    buffers = optimizer.init(W) if buffers is None else _copy_buffers(buffers, W)
    status = torch.tensor([Status.RUNNING])
    while status == Status.RUNNING:
        value = _run_epoch(objective, W, optimizer, buffers, sampling)
        if patience.is_exhausted(value):
            status = torch.tensor([Status.CONVERGED])
        yield Progress(W[None], value, status, value, buffers)
