"""Labels in groups that fit the memory, and the fits of their models as those of estimators.

The engine has a model for each label of each candidate. Callbacks and fitted attributes see one
estimator for each candidate, with a row of weights for each label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn import get_config
from torch import Tensor

from skorchless._arrays import Array
from skorchless._engine.costs import Costs
from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.products import n_bytes
from skorchless._engine.solvers.base import Progress, Status
from skorchless.estimators._fit.grid import Grid
from skorchless.estimators._fit.loop import FitResult, Watcher, drive
from skorchless.estimators._weights import CONSTANT_LOGIT

if TYPE_CHECKING:
    from skorchless.estimators._data.dask import DaskSamples
    from skorchless.estimators._data.samples import Samples

# Numbers of 8 bytes that a solver keeps for each weight: ten pairs of changes and what is made of
# them, with an L1 penalty those of its quadratic; by Newton-CG vectors alone, as many as the peak
# of 128 labels of 20,000 x 50,000 shows.
NUMBERS_PER_WEIGHT = 40
NUMBERS_PER_L1_WEIGHT = 100
NUMBERS_PER_NEWTON_CG_WEIGHT = 15
# A choice: labels that take no more than this are fitted together, however small X is.
MIN_GROUP_BYTES = 2**28
# What gives the first weights of a group of labels, and the solver that goes on from them.
Start: TypeAlias = Callable[[Array, PenalizedNLL], tuple[Tensor, Iterator[Progress]]]


def label_groups(
    samples: Samples | DaskSamples, grid: Grid, *, has_weights: bool, is_joint: bool = False
) -> list[Array]:
    """Return the labels that are fitted at once, in groups that take no more memory than X does.

    Or 256 MB, where X is smaller; and no more than scikit-learn's ``working_memory``. With
    ``has_weights`` each label has row weights of its own. All are one group where ``is_joint``:
    steps, scores or callbacks are those of all.
    """
    labels = np.arange(samples.n_labels)
    if is_joint or len(labels) == 1:
        return [labels]
    n_weights = math.prod(grid.shape) * (samples.X.shape[1] + 1)
    has_l1, has_penalty = bool(grid.l1_ratios.any()), bool(np.isfinite(grid.Cs).all())
    of_weights = bytes_of_weights(samples.X, n_weights, has_l1=has_l1, has_penalty=has_penalty)
    of_rows = samples.n_samples * (1 + (8 * grid.shape[0] if has_weights else 0))
    n_at_once = max(1, bytes_at_once(samples.X) // (of_weights + of_rows))
    return np.array_split(labels, -(-len(labels) // n_at_once))


def bytes_of_weights(X: Any, n_weights: int, *, has_l1: bool, has_penalty: bool) -> int:
    """Return the bytes that a solver keeps for so many weights of the features of ``X``."""
    if has_l1:
        return 8 * n_weights * NUMBERS_PER_L1_WEIGHT
    by_newton_cg = has_penalty and issparse(X) and Costs().are_few_entries(X.nnz, *X.shape)
    return 8 * n_weights * (NUMBERS_PER_NEWTON_CG_WEIGHT if by_newton_cg else NUMBERS_PER_WEIGHT)


def bytes_at_once(X: Any) -> int:
    """Return the bytes that the models of a batch may take beside ``X``."""
    working_memory = int(get_config()["working_memory"] * 2**20)
    return min(max(MIN_GROUP_BYTES, n_bytes(X)), working_memory)


def of_estimators(solver: Iterator[Progress], n_labels: int) -> Iterator[Progress]:
    """Yield the progress of estimators whose ``n_labels`` models ``solver`` fits.

    The objective is the mean over labels, and an estimator runs as long as one of its models.
    """
    if n_labels == 1:
        yield from solver
        return
    for progress in solver:
        status = progress.status.view(-1, n_labels)
        is_running = (status == Status.RUNNING).any(1)
        yield replace(
            progress.map_weights(lambda W: join_labels(W, n_labels)),
            value=progress.value.view(-1, n_labels).mean(1),
            status=torch.where(is_running, int(Status.RUNNING), status.amax(1)),
            max_violation=progress.max_violation.view(-1, n_labels).amax(1),
        )


def join_labels(W: Tensor, n_labels: int) -> Tensor:
    """Return weights (M * L, K, D) of models as those of estimators, (M, L * K, D)."""
    return W.view(-1, n_labels * W.shape[1], W.shape[2])


def fit_groups(
    problems: Iterator[tuple[Array, PenalizedNLL]],
    start: Start,
    n_labels: int,
    *,
    max_iter: int,
    watcher: Watcher | None,
) -> FitResult:
    """Return the fit of all labels: those of the groups, each from its ``start`` on, joined."""
    fits: list[FitResult] = []
    for labels, objective in problems:
        first, solver = start(labels, objective)
        solver, first = of_estimators(solver, len(labels)), join_labels(first, len(labels))
        fit = drive(solver, first, max_iter=max_iter, watcher=watcher)
        if len(labels) == n_labels:
            return fit
        if not fits:
            # By column, so that coefficients are a view; and the weights of a group are not kept.
            n_models, _, n_columns = fit.W.shape
            dtype = objective.rows.placement.dtype
            W = fit.W.new_empty(n_models, n_columns, n_labels, dtype=dtype).mT
        W[:, labels] = fit.W.to(dtype)
        fits.append(replace(fit, W=W))
    return _join(fits, W)


def _join(fits: list[FitResult], W: Tensor) -> FitResult:
    """Return the fits of groups of labels as one, with the weights ``W`` (M, L, D) of all."""
    of_candidates = zip(*(fit.status for fit in fits), strict=True)
    return FitResult(
        W=W,
        n_iter=np.max([fit.n_iter for fit in fits], axis=0).tolist(),
        status=[min(each) if Status.RUNNING in each else max(each) for each in of_candidates],
        max_violation=np.max([fit.max_violation for fit in fits], axis=0).tolist(),
        method=fits[-1].method,
        is_stopped_early=any(fit.is_stopped_early for fit in fits),
    )


def constant_labels(samples: Samples | DaskSamples) -> Array:
    """Return the value (L,) of each label that has one alone, -1 of all others."""
    if not samples.is_multilabel:
        return np.array([-1])
    _, sizes = samples.class_totals
    return np.where(sizes[:, 0] == 0, 1, np.where(sizes[:, 1] == 0, 0, -1))


def with_constants(W: Tensor, constants: Array, n_features: int) -> Tensor:
    """Return weights (M, K, D) by which labels of one value are that, with an intercept."""
    is_constant = constants >= 0
    if is_constant.any():
        W = torch.nn.functional.pad(W, (0, n_features + 1 - W.shape[2]))
        W[:, is_constant] = 0.0
        logits = CONSTANT_LOGIT * (2 * torch.from_numpy(constants[is_constant]) - 1)
        W[:, is_constant, -1] = logits.to(W)
    return W


def constants_warning(constants: Array) -> Iterator[str]:
    """Yield what a user is told of labels of one value, if there are any."""
    if len(labels := np.flatnonzero(constants >= 0)):
        shown = ", ".join(f"{label} (all {constants[label]})" for label in labels[:10])
        more = f" and {len(labels) - 10} others" if len(labels) > 10 else ""
        yield (
            "Labels that have one value alone in the training samples with a weight are predicted "
            f"as that value: {shown}{more}."
        )
