"""What all solvers share: the record of an iteration, why a model stops, and patience.

A solver is a generator: given an objective and first weights it yields a `Progress` for each
iteration until every model has stopped. Its caller decides how many iterations to take; a solver
never prints or warns.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

import torch
from torch import Tensor

from skorchless._engine.records import put_models


class Status(IntEnum):
    """Whether a model is still being solved, and why not."""

    RUNNING = 0
    CONVERGED = 1
    STALLED = 2  # no step lowers the objective in this precision


@dataclass(frozen=True)
class Progress:
    """M models after an iteration."""

    W: Tensor  # (M, K, D)
    value: Tensor  # (M,)
    status: Tensor  # (M,) of Status
    # (M,), which ``tol`` is compared with: of optimality, or the loss of a minibatch solver
    max_violation: Tensor
    buffers: dict[str, Tensor] = field(default_factory=dict)  # which a later call goes on with
    method: str = ""  # how the last step was found

    def on(self, device: torch.device) -> Progress:
        """Return this record on ``device``."""
        if self.W.device == device:
            return self
        names = ("W", "value", "status", "max_violation")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def put(self, models: Tensor, latest: Progress) -> Progress:
        """Return this record, without buffers, with ``models`` replaced by those of ``latest``."""
        if models.shape[0] == self.value.shape[0]:
            return latest
        return put_models(replace(self, method=latest.method, buffers={}), models, latest)


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
