"""The metric multiplies by the curvature that the preconditioner inverts."""

import oracles
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine import curvature
from skorchless._engine.curvature import grad_of_centred, weights_of_raw
from skorchless._engine.metric import class_metric, shared_metric
from skorchless._engine.preconditioner import class_preconditioner, shared_preconditioner


def through_metric(metric, W):
    """Return the gradients (R, M, K, D) of which the preconditioner makes ``W`` again."""
    centred = curvature.weights_of_centred(W, metric.mean)
    product = metric.apply(centred)
    if metric.mean is None:
        return product
    by_b = product[..., -1:]
    return torch.cat([product[..., :-1] + by_b * metric.mean, by_b], dim=-1)


def batch(**options):
    """Return an objective of three models, and two vectors of each."""
    objective, *_ = make_objective(alphas=(0.1, 1.0, 10.0), n_rows=200, l1_ratio=0.5, **options)
    return objective, torch.stack([random_weights(objective, seed) for seed in (3, 4)])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("max_matrix", [1500, 0], ids=["matrix", "diagonal"])
def test_the_shared_metric_is_undone_by_the_preconditioner(fit_intercept, max_matrix, monkeypatch):
    monkeypatch.setattr(curvature, "MAX_MATRIX_FEATURES", max_matrix)
    objective, vectors = batch(fit_intercept=fit_intercept)
    back = shared_preconditioner(objective).apply(
        through_metric(shared_metric(objective), vectors)
    )
    torch.testing.assert_close(back, vectors)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_that_of_classes_is_undone_by_theirs(n_classes, fit_intercept):
    objective, vectors = batch(n_classes=n_classes, fit_intercept=fit_intercept)
    W = random_weights(objective)
    metric = class_metric(objective, W, shared_metric(objective), 1e-3)
    inverse = class_preconditioner(objective, W, shared_preconditioner(objective), 1e-3)
    torch.testing.assert_close(inverse.apply(through_metric(metric, vectors)), vectors)


def test_of_few_rows_it_is_each_classs_hessian_with_the_ridge_part_alone():
    objective, *data = make_objective(l1_ratio=0.25, fit_intercept=False)
    W = random_weights(objective)
    hessian = oracles.hessian(W[0], *data, 0.1, n_classes=3, fit_intercept=False, l1_ratio=0.25)
    metric = class_metric(objective, W, shared_metric(objective), 0.0)
    unit = torch.eye(5).double()[:, None, None].expand(-1, 1, 3, -1)
    for k, block in enumerate(metric.apply(unit)[:, 0].movedim(1, 0)):
        own = slice(5 * k, 5 * k + 5)
        torch.testing.assert_close(block, hessian[own, own])


@pytest.mark.parametrize("make", [shared_metric, None], ids=["shared", "classes"])
def test_the_diagonal_is_the_diagonal(make):
    objective, vectors = batch()
    metric = shared_metric(objective)
    if make is None:
        metric = class_metric(objective, vectors[0], metric, 1e-3)
    for column in range(6):
        unit = torch.zeros(1, *objective.weights_shape).double()
        unit[..., column] = 1.0
        diagonal = metric.apply(unit)[0, ..., column]
        torch.testing.assert_close(metric.diagonal[..., column], diagonal)


def test_a_part_of_the_models_is_multiplied_as_in_the_batch():
    objective, vectors = batch()
    part = torch.tensor([2, 0])
    shared = shared_metric(objective)
    for metric in (shared, class_metric(objective, vectors[0], shared, 1e-3)):
        taken = metric.take(part)
        torch.testing.assert_close(taken.apply(vectors[:, part]), metric.apply(vectors)[:, part])
        torch.testing.assert_close(taken.diagonal, metric.diagonal[part])


def test_there_is_none_of_classes_where_none_has_curvature_or_squares_overflow():
    flat, *_ = make_objective(2, alphas=(0.0,))
    assert class_metric(flat, 1e6 * random_weights(flat), shared_metric(flat), 1e-3) is None
    huge, *_ = make_objective(X=1e30 * torch.ones(40, 2), dtype=torch.float32)
    metric = shared_metric(huge)
    assert metric.squared_range is None
    assert metric.diagonal.isfinite().all()
    assert class_metric(huge, random_weights(huge), metric, 1e-3) is None


def test_weights_of_raw_and_gradients_of_centred_features_go_together():
    objective, (W, direction) = batch()
    mean = torch.arange(5).double()
    _, grad = objective.value_and_grad(W)
    along = (grad * weights_of_raw(direction, mean)).sum()
    torch.testing.assert_close((grad_of_centred(grad, mean) * direction).sum(), along)
