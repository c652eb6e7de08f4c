"""The full-batch solver: descent to the optimum by the method that suits the problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from skorchless._engine.curvature.feature_moments import (
    FeatureMoments,
    centered_objective,
    find_dummies,
    have_different_ranges,
    may_be_far,
    scaling_moments,
)
from skorchless._engine.objective import PenalizedNLL, weights_of_centred, weights_of_raw
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.rows.workers import in_turns, share
from skorchless._engine.solvers.base import Progress, Status, join
from skorchless._engine.solvers.descent import Directions, descend, point_at, point_with_logits
from skorchless._engine.solvers.newton_cg import NewtonCGDirections
from skorchless._engine.solvers.proximal import ProximalDirections
from skorchless._engine.solvers.quasi_newton import LBFGSDirections
from skorchless._engine.solvers.row_space import row_space
from skorchless._engine.solvers.small_table import minimize_one_model
from skorchless._engine.solvers.strategy import (
    ClassHessianSchedule,
    float32_rounding,
    is_float32_near_enough,
    is_newton_cg_cheap,
    is_newton_cheap,
    is_newton_for_rows,
    is_row_space_cheap,
    is_row_space_precise,
    is_small_table,
    multiplies_many_columns,
    row_space_pace,
    row_space_schedule,
    row_space_seconds,
)
from skorchless._engine.solvers.working_set import minimize_by_working_sets

Minimizer = Callable[..., Iterator[Progress]]

# Columns beyond which a matrix of all pairs of features takes a millisecond, for which fits in
# several threads need no turns: two fits of 1,000 x 1,500 take 0.6 times as long as in turns.
MAX_COLUMNS_IN_TURNS = 256


@torch.inference_mode()
def minimize_full_batch(objective: PenalizedNLL, W: Tensor, *, tol: float) -> Iterator[Progress]:
    """Yield the progress of each iteration; stop when no gradient entry exceeds ``tol``.

    With an L1 penalty, when no entry of the smallest subgradient does.
    """
    n_models, n_weight_rows, n_columns = objective.weights_shape
    is_small = n_columns <= MAX_COLUMNS_IN_TURNS and objective.rows.are_one_block(
        values_per_row=n_models * n_weight_rows
    )
    steps = _minimize(objective, W.to(objective.rows.placement.sum_dtype), tol)
    yield from in_turns(steps) if is_small else steps


def _minimize(objective: PenalizedNLL, W: Tensor, tol: float) -> Iterator[Progress]:
    """Yield the progress of fits, with and without an L1 penalty apart."""
    W = objective.center_over_classes(W)
    if len(W) == 1:
        yield from _minimize_alike(objective, W, tol)
        return
    has_l1 = objective.alpha * objective.l1_ratio > 0
    if has_l1.any() and not has_l1.all():
        # A fit without an L1 penalty takes a fifth of the time of one with it.
        parts = [(~has_l1).nonzero()[:, 0], has_l1.nonzero()[:, 0]]
        objectives = [objective.take(models) for models in parts]
    elif not is_newton_cheap(objective) and have_different_ranges(objective):
        parts = [(objective.fold == fold).nonzero()[:, 0] for fold in objective.folds]
        objectives = [objective.take(models).of_own_rows() for models in parts]
    else:
        yield from _minimize_alike(objective, W, tol)
        return
    solvers = (
        _minimize(part, W[models], tol) for part, models in zip(objectives, parts, strict=True)
    )
    yield from _in_turns(objective, zip(parts, solvers, strict=True))


def _minimize_alike(objective: PenalizedNLL, W: Tensor, tol: float) -> Iterator[Progress]:
    """Yield the progress of fits of one kind, by the weights of centred features."""
    has_l1 = objective.has_l1
    if has_l1 and objective.rows.n_features > objective.costs.max_matrix_features:
        # Few features will matter, and those of each working set are centred by themselves.
        if may_be_far(objective):
            objective = centered_objective(objective)[0].centered(None)
        yield from _uncentred(minimize_by_working_sets, objective, W, tol)
        return
    objective, moments = centered_objective(objective)
    if has_l1:
        directions_of = partial(ProximalDirections, moments=moments, tol=tol)
        yield from _uncentred(partial(_descend, directions_of), objective, W, tol)
    else:
        yield from _minimize_smooth(objective, moments, W, tol)


def _uncentred(
    minimize: Minimizer, objective: PenalizedNLL, W: Tensor, tol: float
) -> Iterator[Progress]:
    """Yield the progress of ``minimize`` by the weights of features as they are.

    Only the intercept changes: the coefficients and the objective are the same.
    """
    center = None if objective.center is None else objective.center[:-1]

    def of_raw(W: Tensor) -> Tensor:
        W = weights_of_raw(W, center)
        # An L1 penalty leaves coefficients whose sum over classes moves intercepts together.
        return objective.center_over_classes(W) if objective.has_l1 else W

    start = objective.center_over_dummies(weights_of_centred(W, center))
    for progress in minimize(objective, start, tol=tol):
        yield progress.map_weights(of_raw)


def _minimize_smooth(
    objective: PenalizedNLL, moments: FeatureMoments, W: Tensor, tol: float
) -> Iterator[Progress]:
    """Yield the progress of fits without an L1 penalty, by float32 where that is near enough."""
    # Along what the dummies of a category have in common the penalty alone is curved. Scaled by
    # feature, steps lead there: 20,000 x 80 dummies end 2e-4 above the optimum, kept out 1e-5. An
    # exact Hessian knows the penalty, and 400 x 18 take 0.6 times as long without the search.
    if not (is_newton_cheap(objective) and bool((objective.ridge > 0).all())):
        objective = replace(objective, dummies=find_dummies(objective, moments))
    if is_float32_near_enough(objective, moments, tol):
        assert isinstance(objective.rows, TensorRows | SparseRows)  # noqa: S101
        is_copied = not is_small_table(objective)  # which makes a copy itself
        rows = objective.rows.rounded(torch.float32, is_copied=is_copied)
        rounded = replace(objective, rows=rows)
        rest = tol - float32_rounding(moments)
        for progress in _minimize_in_dtype(rounded, moments, W, rest, is_rounded=True):
            states = progress.status.tolist()
            if Status.STALLED in states:
                W = progress.W
                break
            yield progress
            if Status.RUNNING not in states:
                return
    yield from _minimize_in_dtype(objective, moments, W, tol)


def _minimize_in_dtype(
    objective: PenalizedNLL,
    moments: FeatureMoments,
    W: Tensor,
    tol: float,
    *,
    is_rounded: bool = False,
) -> Iterator[Progress]:
    """Yield the progress of fits without an L1 penalty, in the row space when that is due."""
    if multiplies_many_columns(objective):
        objective = replace(objective, rows=objective.rows.ready_to_select())
    by_features = partial(_minimize_by_features, is_rounded=is_rounded)
    seconds = row_space_seconds(objective)
    if math.isinf(seconds) or not is_row_space_precise(moments):
        # The pace needs a number after each iteration, for which a GPU would have to wait.
        yield from by_features(objective, moments, W, tol)
        return
    if not is_row_space_cheap(objective, seconds):
        pace = row_space_pace(objective, seconds)
        for progress in by_features(objective, moments, W, tol):
            yield progress
            if pace.is_due(max(progress.max_violation.tolist()), tol):
                break
        if Status.RUNNING not in progress.status.tolist():
            return
        W = progress.W
    for progress in _uncentred(partial(_minimize_by_rows, moments), objective, W, tol):
        if len(W) == 1 and int(progress.status) == Status.STALLED:
            # Features that are nearly alike may be told apart where rows are not.
            yield from by_features(objective, moments, progress.W, tol)
            return
        yield progress


def _minimize_by_rows(
    moments: FeatureMoments, objective: PenalizedNLL, W: Tensor, *, tol: float
) -> Iterator[Progress]:
    """Yield the progress of fits without an L1 penalty in the row space, by centred features."""
    space = row_space(objective)
    if space is None:
        schedule = ClassHessianSchedule.of(objective)
        yield from _descend(_lbfgs(scaling_moments(moments), schedule), objective, W, tol=tol)
        return
    square, moments = space.objective, space.moments
    V = space.from_features(W)
    by_newton = is_newton_for_rows(objective) or is_newton_cheap(square)
    minimize = partial(minimize_one_model, by_newton=by_newton)
    if len(W) == 1 and (by_newton or is_small_table(square)):
        yield from minimize(square, moments, V, tol=tol, space=space)
        return
    tol = tol / space.grad_ratio
    if by_newton:
        steps = _minimize_each(partial(minimize, tol=tol), square, moments, V)
    else:
        steps = _descend(_lbfgs(moments, row_space_schedule(square)), square, V, tol=tol)
    for progress in steps:
        yield replace(
            progress.map_weights(space.to_features),
            max_violation=progress.max_violation * space.grad_ratio,
            method="row-space",
        )


def _minimize_by_features(
    objective: PenalizedNLL, moments: FeatureMoments, W: Tensor, tol: float, *, is_rounded: bool
) -> Iterator[Progress]:
    """Yield the progress of fits without an L1 penalty, by the weights of features."""
    by_newton, moments = is_newton_cheap(objective), scaling_moments(moments)
    minimize_small = partial(minimize_one_model, tol=tol, by_newton=by_newton)
    if by_newton or is_small_table(objective):
        yield from _minimize_each(minimize_small, objective, moments, W)
        return
    if is_newton_cg_cheap(objective):
        directions_of = partial(NewtonCGDirections, moments=moments, tol=tol)
        # The logits that are kept gather the roundings of all steps: years in float32 would end
        # at a gradient a hundred times ``tol``. Of a rounded copy a fit that stalls goes on.
        keeps_logits = is_rounded or objective.rows.placement.dtype is torch.float64
        minimize = partial(_descend_in_parts, directions_of, keeps_logits=keeps_logits)
        yield from _uncentred(minimize, objective, W, tol)
        return
    schedule = ClassHessianSchedule.of(objective)
    minimize = partial(_descend, _lbfgs(moments, schedule))
    yield from _uncentred(minimize, objective, W, tol)


def _descend(
    directions_of: Callable[..., Directions],
    objective: PenalizedNLL,
    W: Tensor,
    *,
    tol: float,
    keeps_logits: bool = False,
) -> Iterator[Progress]:
    """Yield the progress of a descent from ``W``, weights of centred features."""
    start = (point_with_logits if keeps_logits else point_at)(objective, W)
    for progress in descend(objective, start, directions_of(objective, start), tol=tol):
        yield progress.map_weights(lambda latest: latest.to(W.dtype))


def _descend_in_parts(
    directions_of: Callable[..., Directions],
    objective: PenalizedNLL,
    W: Tensor,
    *,
    tol: float,
    keeps_logits: bool,
) -> Iterator[Progress]:
    """Yield the progress of descents from ``W``, of some models on each worker."""
    costs = objective.costs
    n_at_once = max(1, costs.max_part_weights // W[0].numel())
    n_parts = max(-(-len(W) // n_at_once), 2 if len(W) >= costs.min_divided_models else 1)
    parts = torch.arange(len(W), device=W.device).tensor_split(n_parts)
    solvers = [
        _descend(
            directions_of, objective.take(of_part), W[of_part], tol=tol, keeps_logits=keeps_logits
        )
        for of_part in parts
    ]
    if len(parts) == 1:
        yield from solvers[0]
        return
    by_workers = partial(share, max_ahead=len(parts))
    yield from _in_turns(objective, zip(parts, solvers, strict=True), by_workers)


def _lbfgs(moments: FeatureMoments, schedule: ClassHessianSchedule) -> Callable[..., Directions]:
    return partial(LBFGSDirections, moments=moments, schedule=schedule)


def _minimize_each(
    minimize: Minimizer, objective: PenalizedNLL, moments: FeatureMoments, W: Tensor
) -> Iterator[Progress]:
    """Yield the progress of fits that ``minimize`` makes model by model."""
    if W.shape[0] == 1 and W.is_cpu:
        yield from minimize(objective, moments, W)
        return
    models = list(torch.arange(W.shape[0], device=W.device)[:, None])
    solvers = [minimize(objective.take(of_model), moments, W[of_model]) for of_model in models]
    yield from _in_turns(objective, zip(models, solvers, strict=True))


def _in_turns(
    objective: PenalizedNLL,
    parts: Iterable[tuple[Tensor, Iterator[Progress]]],
    call: Callable[..., Iterator[Progress | None]] = map,
) -> Iterator[Progress]:
    """Yield the joint progress of the solvers of parts of the models, iteration by iteration."""
    models, solvers = zip(*parts, strict=True)
    device = objective.alpha.device
    latest: dict[int, Progress] = {}  # by part
    while True:
        turn = enumerate(call(lambda solver: next(solver, None), solvers))
        new = {part: progress for part, progress in turn if progress is not None}
        if not new:
            return
        latest |= new
        parts_of_all = [(models[part], progress.on(device)) for part, progress in latest.items()]
        method = list(new.values())[-1].method
        yield replace(join(parts_of_all), method=method)
