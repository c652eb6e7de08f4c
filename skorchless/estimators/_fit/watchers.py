"""Who is told of each iteration: callbacks, validation samples, the table of ``verbose``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skorchless._engine.objective import evaluate
from skorchless._engine.rows.memory import Rows
from skorchless._engine.solvers.base import Patience, Progress
from skorchless.estimators._sklearn_private import _init_callback_context, has_callbacks
from skorchless.estimators._weights import linear_attributes


def as_given(X: Any, y: Any, sample_weight: Any) -> dict[str, Any]:
    """Return the samples of a fit as scikit-learn's callbacks take them."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": y, "metadata": metadata}


class CallbackTasks:
    """A fit and its parts, of which scikit-learn's callbacks, if there are any, are told."""

    def __init__(
        self,
        estimator: Any,
        given: dict[str, Any],
        of_labels: dict[str, Any],
        dtype: torch.dtype,
        *,
        n_tasks: int,
        in_order: bool = True,
    ) -> None:
        self._arguments = {"estimator": estimator, **given}
        self._of_labels = of_labels
        self._dtype = dtype
        self._task: Any = None
        self._context: Any = None
        # Contexts of four iterations take 0.04 ms; all of LogisticRegression's fit to 1,000 x 10
        # takes 2.7 ms.
        if has_callbacks(estimator):
            self._context = _init_callback_context(
                estimator, max_subtasks=n_tasks, sequential_subtasks=in_order
            )
            self._context.call_on_fit_task_begin(**self._arguments)

    def end_fit(self, W: Tensor) -> None:
        """Report the weights (1, K, D) after the fit."""
        self._end(self._context, lambda: W)

    def begin(
        self, weights: Callable[[], Tensor], name: str = "iteration", number: int | None = None
    ) -> None:
        """Announce a part of the fit, with what makes the weights (1, K, D) before it.

        It has a number where parts end in any order.
        """
        if self._context is not None:
            self._task = self._context.subcontext(task_name=name, task_id=number)
            self._task.call_on_fit_task_begin(**self._with_attributes(weights))

    def end(self, weights: Callable[[], Tensor]) -> bool:
        """Report the weights (1, K, D) after it; return whether a callback asks to stop."""
        return self._end(self._task, weights)

    def _end(self, task: Any, weights: Callable[[], Tensor]) -> bool:
        return task is not None and task.call_on_fit_task_end(**self._with_attributes(weights))

    def _with_attributes(self, weights: Callable[[], Tensor]) -> dict[str, Any]:
        """Return a hook's arguments: the samples, and what makes a fitted estimator."""
        n_features = self._arguments["estimator"].n_features_in_

        def attributes() -> dict[str, Any]:
            return linear_attributes(weights().to(self._dtype), n_features, self._of_labels)

        return {**self._arguments, "reconstruction_attributes": attributes}


class ProgressTable:
    """The table that ``verbose`` prints: one row an iteration, its seconds and method last."""

    def __init__(self, *names: str) -> None:
        self._names = [*names, "seconds"]
        self._start = time.perf_counter()

    def add_row(self, *values: float, method: str = "") -> None:
        """Print a row: whole numbers as they are, others to 5 digits; names before the first."""
        if values[0] == 1:
            names = "".join(f"{name:>12}" for name in self._names)
            print(f"{names}  {'solver':<15}" if method else names)  # noqa: T201, verbose prints
        cells = [
            f"{value:12d}" if isinstance(value, int) else f"{value:12.5f}" for value in values
        ]
        seconds = time.perf_counter() - self._start
        of_method = f"  {method:<15}" if method else ""
        print(f"{''.join(cells)}{seconds:12.2f}{of_method}", flush=True)  # noqa: T201


@dataclass
class Validation:
    """Rows scored after each iteration, losses and accuracies so far, and the best weights.

    ``patience`` None scores without stopping, and keeps the last weights. The loss decides, not
    the accuracy: on few samples that stands still for epochs while the model still learns. On
    digits it ended Adam after 15 epochs at a test accuracy of 0.87; the loss falls for 293
    epochs, to 0.96.
    """

    rows: Rows
    n_labels: int
    patience: Patience | None
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_W: Tensor | None = None  # (1, K, D), those of the lowest loss, where it ends the fit
    is_exhausted: bool = False

    def score(self, W: Tensor) -> tuple[float, float]:
        """Return the NLL and the accuracy of the weights (1, L * K, D)."""
        of_labels = W.view(self.n_labels, -1, W.shape[2])
        loss, accuracy = (float(value) for value in evaluate(of_labels, self.rows))
        self.losses.append(loss)
        self.accuracies.append(accuracy)
        if self.patience is not None:
            self.is_exhausted = bool(self.patience.is_exhausted(torch.tensor([loss])))
            if loss < self.best_loss:
                self.best_loss, self.best_W = loss, W.clone()
        return loss, accuracy


class ModelWatcher:
    """Watches one model: each iteration is a task, scored on validation samples."""

    def __init__(
        self, tasks: CallbackTasks, validation: Validation | None, *, verbose: int
    ) -> None:
        self._losses: list[list[float]] = []  # of each fit of a group of labels
        self._n_rows: list[int] = []  # of weights, of each group
        self._tasks = tasks
        self._validation = validation
        self._verbose = verbose
        # Not "train loss": it includes the penalty, which the validation loss does not.
        of_validation = () if validation is None else ("valid loss", "valid acc")
        self._table = ProgressTable("iter", "objective", *of_validation)

    @property
    def losses(self) -> list[float]:
        """The objective after each iteration, the mean over labels; groups keep their last."""
        if len(self._losses) == 1:
            return self._losses[0]
        longest = max(map(len, self._losses))
        curves = [np.pad(losses, (0, longest - len(losses)), "edge") for losses in self._losses]
        means: list[float] = np.average(curves, axis=0, weights=self._n_rows).tolist()
        return means

    def before(self, number: int, weights: Callable[[], Tensor]) -> None:
        """Take what makes the weights (1, K, D) before an iteration."""
        if number == 1:
            self._losses.append([])
            self._n_rows.append(weights().shape[1])
        self._tasks.begin(weights)

    def after(self, number: int, progress: Progress, ended: list[int]) -> bool:  # noqa: ARG002
        """Take an iteration; return whether to stop."""
        self._losses[-1].append(float(progress.value))
        scores = () if self._validation is None else self._validation.score(progress.W)
        if self._verbose:
            self._table.add_row(number, self._losses[-1][-1], *scores, method=progress.method)
        is_stopped = self._tasks.end(lambda: progress.W)
        return is_stopped or (self._validation is not None and self._validation.is_exhausted)


class CandidatesWatcher:
    """Watches a batch of candidates: each is a task, from its first weights to its last.

    Both ends are announced when it has finished.
    """

    def __init__(self, tasks: CallbackTasks, n_candidates: int, *, verbose: int) -> None:
        self._tasks = tasks
        self._n_candidates = n_candidates
        self._n_finished = 0
        self._verbose = verbose
        self._first_W: Tensor | None = None
        self._table = ProgressTable("iter", "finished", "of", "violation")

    def before(self, number: int, weights: Callable[[], Tensor]) -> None:  # noqa: ARG002
        """Take what makes the weights (M, K, D) before an iteration."""
        self._first_W = weights() if self._first_W is None else self._first_W

    def after(self, number: int, progress: Progress, ended: list[int]) -> bool:
        """Take an iteration; return whether to stop."""
        first_W, is_stopped = self._first_W, False
        assert first_W is not None  # noqa: S101
        if number == 1:
            self._n_finished = 0  # of this group of labels
        for m in ended:
            self._tasks.begin(_of_model(lambda: first_W, m), "candidate", m)
            is_stopped |= self._tasks.end(_of_model(lambda: progress.W, m))
        self._n_finished += len(ended)
        if self._verbose:
            counts = (number, self._n_finished, self._n_candidates)
            violation = float(progress.max_violation.max())
            self._table.add_row(*counts, violation, method=progress.method)
        return is_stopped


def _of_model(weights: Callable[[], Tensor], m: int) -> Callable[[], Tensor]:
    """Return what makes the weights (1, K, D) of a model from what makes those of all."""
    return lambda: weights()[m : m + 1]
