"""Adam and momentum SGD over shuffled minibatches; one iteration is one epoch.

The gradient of a minibatch is an unbiased estimate of the objective's: row weights have mean 1
over the training set, and the penalty counts in full in every step. The update rules are those
of `torch.optim`, written on plain tensors: their state is then data that can be stored, and an
update of 7,850 weights takes a third of the time of `torch.optim.Adam(fused=True)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.solvers.base import Patience, Progress, Status

Buffers = dict[str, Tensor]


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
        second = buffers["second"].mul_(self.beta_2)
        second.addcmul_(grad, grad, value=1 - self.beta_2)
        root = (second / (1 - self.beta_2**n_steps)).sqrt_().add_(self.epsilon)
        W.addcdiv_(first, root, value=-self.learning_rate / (1 - self.beta_1**n_steps))


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

    def batches(self, n_rows: int, device: torch.device) -> tuple[Tensor, ...]:
        """Return the row numbers of each minibatch of one epoch."""
        # Drawn on the CPU, so that a seed gives the same order on every device.
        if self.shuffle:
            order = torch.randperm(n_rows, generator=self.generator)
        else:
            order = torch.arange(n_rows)
        return torch.split(order.to(device), self.batch_size)


def _run_epoch(
    objective: PenalizedNLL,
    W: Tensor,
    optimizer: Adam | SGD,
    buffers: Buffers,
    batches: tuple[Tensor, ...],
) -> Tensor:
    """Move ``W`` through one epoch; return the objective (M,), each batch before its update."""
    rows = objective.rows
    shrinkage = objective.shrinkage.to(W.dtype)
    loss = torch.zeros_like(objective.total_weight)
    for index in batches:
        batch_loss, grad = objective.block_loss_and_grad(W, *rows.take(index))
        loss += batch_loss
        optimizer.step(W, (grad / len(index)).addcmul_(shrinkage, W), buffers)
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

    ``buffers`` of an earlier `Progress` continue its optimiser.
    """
    placement = objective.rows.placement
    W = W.to(placement.device, placement.dtype, copy=True)
    buffers = optimizer.init(W) if buffers is None else _copy_buffers(buffers, W)
    is_running = torch.ones(len(W), dtype=torch.bool, device=placement.device)  # (M,)
    while is_running.any():
        before = W.clone()
        batches = sampling.batches(objective.rows.n_rows, placement.device)
        value = _run_epoch(objective, W, optimizer, buffers, batches)
        # A model that has stopped stays where it stopped while the others of its batch go on.
        W.copy_(torch.where(is_running[:, None, None], W, before))
        is_running &= ~patience.is_exhausted(value)
        status = torch.where(is_running, int(Status.RUNNING), int(Status.CONVERGED))
        yield Progress(W, value, status, value, buffers)
