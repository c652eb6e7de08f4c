"""When the curvature of the classes is looked at again, and how far it is trusted."""

from __future__ import annotations

from skorchless._engine.class_curvature import (
    DAMPING_DECAY,
    FIRST_DAMPING,
    iterations_before_classes,
)
from skorchless._engine.objective import PenalizedNLL


class Refresh:
    """A count of iterations, which tells at which of them a refresh is due.

    They are twice as far apart each time: where the first ones are far from the optimum, a later
    one is near, and none of them costs more than the passes since the last.
    """

    def __init__(self, objective: PenalizedNLL) -> None:
        self._interval = self._n_left = iterations_before_classes(objective)
        self.damping = FIRST_DAMPING / DAMPING_DECAY  # of the last one that was due

    def count(self) -> bool:
        """Count an iteration; return whether the classes are to be looked at now."""
        is_due = self._n_left <= 0
        if is_due:
            self._interval *= 2
            self._n_left = self._interval
            self.damping *= DAMPING_DECAY
        self._n_left -= 1
        return is_due
