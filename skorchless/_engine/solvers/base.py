"""What all solvers share: the record of an iteration, why a model stops, and patience.

A solver is a generator: given an objective and first weights it yields a `Progress` for each
iteration until every model has stopped. Its caller decides how many iterations to take; a solver
never prints or warns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property

import torch
from torch import Tensor

from skorchless._engine.records import take_models


class Status(IntEnum):
    """Whether a model is still being solved, and why not."""

    RUNNING = 0
    CONVERGED = 1
    STALLED = 2  # no step lowers the objective in this precision


@dataclass(frozen=True)
class Progress:
    """M models after an iteration."""

    # (M, K, D), or what makes them: most callers read those of the last iteration alone.
    weights: Tensor | Callable[[], Tensor]
    value: Tensor  # (M,)
    status: Tensor  # (M,) of Status
    # (M,), which ``tol`` is compared with: of optimality, or the loss of a minibatch solver
    max_violation: Tensor
    buffers: dict[str, Tensor] = field(default_factory=dict)  # which a later call goes on with
    method: str = ""  # how the last step was found

    @cached_property
    def W(self) -> Tensor:
        """The weights (M, K, D)."""
        return self.weights() if callable(self.weights) else self.weights

    def map_weights(self, function: Callable[[Tensor], Tensor]) -> Progress:
        """Return this record with what ``function`` makes of the weights, once they are read."""
        return replace(self, weights=lambda: function(self.W))

    def on(self, device: torch.device) -> Progress:
        """Return this record on ``device``."""
        if self.value.device == device:
            return self
        names = ("value", "status", "max_violation")
        moved = {name: getattr(self, name).to(device) for name in names}
        return replace(self.map_weights(lambda W: W.to(device)), **moved)

    def take(self, models: Tensor) -> Progress:
        """Return the record of ``models``, an index (M',)."""
        return take_models(replace(self, weights=self.W), models)


def join(parts: Sequence[tuple[Tensor, Progress]]) -> Progress:
    """Return the progress of models from that of ``parts``, each with its index into all M.

    The last one says how steps are found.
    """
    if len(parts) == 1:
        return parts[0][1]
    indices, records = zip(*parts, strict=True)
    n_models = sum(map(len, indices))

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        whole = tensors[0].new_empty(n_models, *tensors[0].shape[1:])
        for index, tensor in zip(indices, tensors, strict=True):
            whole.index_copy_(0, index, tensor)
        return whole

    return Progress(
        lambda: joined([record.W for record in records]),
        joined([record.value for record in records]),
        joined([record.status for record in records]),
        joined([record.max_violation for record in records]),
        method=records[-1].method,
    )


class Patience:
    """Tells when M losses have not fallen by ``tol`` for ``n_iter_no_change`` reports.

    A fall is measured from the end of the last one, so that slow progress adds up.
    """

    def __init__(self, tol: float, n_iter_no_change: float) -> None:
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self._reference: Tensor | None = None  # (M,)
        self._n_stale: Tensor | int = 0  # (M,)

    def is_exhausted(self, loss: Tensor) -> Tensor:
        """Take the next losses (M,); return which of them have run out (M,)."""
        if self._reference is None:
            self._reference = torch.full_like(loss, torch.inf)
        has_fallen = loss < self._reference - self.tol
        self._n_stale = torch.where(has_fallen, 0, self._n_stale + 1)
        self._reference = torch.where(has_fallen, loss, self._reference)
        return self._n_stale >= self.n_iter_no_change
