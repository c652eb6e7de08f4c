"""Where `partial_fit` goes on: the optimiser's state and the random numbers of the next call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skorchless._arrays import Array
from skorchless._engine.solvers.base import Progress


@dataclass(frozen=True)
class PartialFitState:
    """Where the next `partial_fit` goes on, in plain NumPy.

    Random numbers come from a seed and the number of calls, not from a generator that lives on:
    a call that fails moves nothing, nor does one of a copy.
    """

    optimizer: tuple[str, bool]  # solver and fit_intercept, to which the buffers belong
    seed: int
    n_calls: int = 0
    buffers: dict[str, Array] | None = None

    @property
    def rng(self) -> np.random.RandomState:
        """The random numbers of the next call."""
        return np.random.RandomState([self.seed, self.n_calls])

    def after(self, progress: Progress) -> PartialFitState:
        """Return the state after one more epoch."""
        buffers = {name: buffer.cpu().numpy() for name, buffer in progress.buffers.items()}
        return replace(self, n_calls=self.n_calls + 1, buffers=buffers)


def continued_state(estimator: Any) -> PartialFitState:
    """Return the state that ``estimator`` goes on from, its optimiser a new one where it changed.

    Without an intercept the buffers have a column less, and those of an intercept that comes later
    would be out of step.
    """
    optimizer = (estimator.solver, bool(estimator.fit_intercept))
    state: dict[str, Any] | None = getattr(estimator, "_stream", None)
    if state is None:
        return PartialFitState(
            optimizer, check_random_state(estimator.random_state).randint(2**31 - 1)
        )
    stream = PartialFitState(**state)
    if stream.optimizer != optimizer:
        return replace(stream, optimizer=optimizer, buffers=None)
    return stream
