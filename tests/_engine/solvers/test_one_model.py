"""The objective of one model of a small table: values, gradients and Hessians of autograd."""

import numpy as np
import oracles
import pytest
import torch
from problems import make_objective, model_and_state, random_weights, raw, weights_with_zeros

from skorchless._engine.costs import Costs
from skorchless._engine.rows.block_sizes import BlockSizes


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_are_those_of_features_as_they_are(n_classes, fit_intercept):
    X = make_objective()[1] + 30.0
    objective, X, codes, weights = make_objective(
        n_classes, X=X, weights=weights_with_zeros(), fit_intercept=fit_intercept
    )
    W = random_weights(objective)
    given = W.clone()
    model, state = model_and_state(objective, W)
    assert torch.equal(W, given)
    torch.testing.assert_close(raw(model, state.u), W[0])
    logits = W[0, :, :5] @ X.T + (W[0, :, 5:] if fit_intercept else 0.0)
    if n_classes == 2:
        margins = logits[0] * (1 - 2 * codes)
    else:
        margins = logits - logits.gather(0, codes[None])
    np.testing.assert_allclose(state.margins, margins, rtol=1e-7)
    proba = margins.sigmoid() if n_classes == 2 else logits.softmax(0)
    np.testing.assert_allclose(state.proba, proba, rtol=1e-7)
    value, grad = oracles.value_and_grad(
        W[0], X, codes, weights, 0.1, n_classes=n_classes, fit_intercept=fit_intercept
    )
    assert state.value == pytest.approx(float(value), rel=1e-12)
    assert state.violation == pytest.approx(float(grad.abs().max()), rel=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_rows", [40, 5000])
def test_the_hessian_is_that_of_all_rows(n_rows, n_classes):
    sizes = BlockSizes(copied_entries=3000)  # of 5,000 rows in several parts
    objective, *data = make_objective(
        n_classes, n_rows=n_rows, fit_intercept=False, block_sizes=sizes
    )
    W = objective.center_over_classes(random_weights(objective))
    model, state = model_and_state(objective, W)
    expected = oracles.hessian(W[0], *data, 0.1, n_classes=n_classes, fit_intercept=False)
    scale = np.tile(model.scale, model.shape[0])
    hessian = (model.hessian(state.proba).numpy() + np.diag(model.penalty_weight)) / np.outer(
        scale, scale
    )
    np.testing.assert_allclose(hessian, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("proba", [0.5, 0.1, 1e-4])
def test_the_diagonal_is_that_of_the_hessian_where_all_rows_have_one_curvature(proba):
    objective = make_objective(2, alphas=(0.3,))[0]
    model, _ = model_and_state(objective, torch.zeros(objective.weights_shape))
    of_rows = proba * (1.0 - proba) * model.X.square().mean(0).numpy()
    expected = 1.0 / (of_rows + model.penalty_weight)
    inverse = model.inverse_diagonal(np.full(40, proba))
    np.testing.assert_allclose(inverse[:-1], expected[:-1], rtol=1e-6)


def test_an_intercept_goes_further_than_features_with_a_penalty_and_not_for_ever():
    model, _ = model_and_state(make_objective(2, alphas=(0.3,))[0])
    inverse = model.inverse_diagonal(np.full(40, 1e-6))
    assert 2.0 * inverse[:-1].max() < inverse[-1] < 100.0 * inverse[:-1].max()


def hessians_by_class(model, W, *data, is_shared=False):
    """Return autograd's Hessian (K, D, D) of each class, or (1, D, D), by the model's weights."""
    n_classes, n_columns = W.shape[1] if W.shape[1] > 1 else 2, W.shape[2]
    hessian = oracles.hessian(W[0], *data, 0.0, n_classes=n_classes, fit_intercept=False)
    blocks = hessian.reshape(W.shape[1], n_columns, W.shape[1], n_columns)
    of_classes = np.einsum("kikj->kij", blocks)
    if n_classes > 2:
        of_classes = n_classes / (n_classes - 1) * of_classes
    of_classes = of_classes.mean(0, keepdims=True) if is_shared else of_classes
    penalty = np.diag(model.penalty_weight[:n_columns])
    return of_classes * np.outer(model.scale, model.scale) + penalty


@pytest.mark.parametrize("n_rows", [40, 5000])
@pytest.mark.parametrize("is_shared", [False, True])
def test_the_hessian_of_each_class_is_inverted_by_itself(is_shared, n_rows):
    sizes = BlockSizes(copied_entries=3000)  # of 5,000 rows in several parts
    costs = Costs(min_drawn_rows=n_rows)
    options = {"fit_intercept": False, "block_sizes": sizes, "costs": costs}
    objective, *data = make_objective(4, n_rows=n_rows, **options)
    W = objective.center_over_classes(random_weights(objective))
    model, state = model_and_state(objective, W)
    expected = np.linalg.inv(hessians_by_class(model, W, *data, is_shared=is_shared))
    inverses = model.inverse_hessians(state.proba, is_shared=is_shared)
    np.testing.assert_allclose(inverses, expected, rtol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    "kind", ["normal", "in cycles", "some without weight", "a feature that hardly varies"]
)
def test_of_many_rows_a_sample_tells_the_hessian(kind, n_classes):
    X = make_objective(n_rows=8000)[1]
    weights = torch.ones(8000, dtype=torch.float64)
    if kind == "in cycles":
        X = X[:8].repeat(1000, 1)  # one of eight rows drawn alike would be a single one
    elif kind == "some without weight":
        X[::2], weights[::2] = 100.0, 0.0
    elif kind == "a feature that hardly varies":
        X[:, 2] = 0.0
        X[[3, 70], 2] = 50.0
    costs = Costs(min_drawn_rows=1001)
    objective, *data = make_objective(
        n_classes, X=X, weights=weights, costs=costs, fit_intercept=False
    )
    zeros = torch.zeros(objective.weights_shape, dtype=torch.float64)
    for W in (zeros, objective.center_over_classes(random_weights(objective))):
        model, state = model_and_state(objective, W)
        inverses = model.inverse_hessians(state.proba).numpy()
        ratios = np.linalg.eigvals(inverses @ hessians_by_class(model, W, *data)).real
        assert 0.7 < ratios.min() <= ratios.max() < 1.4
        of_all = np.linalg.inv(hessians_by_class(model, W, *data))
        assert not np.allclose(inverses, of_all, rtol=1e-3)
        of_more = model.inverse_hessians(state.proba, n_before=1).numpy()  # here all rows
        np.testing.assert_allclose(of_more, of_all, rtol=1e-4)
