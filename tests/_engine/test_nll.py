"""The NLL of a block: of the models that it concerns, and of minibatches."""

import oracles
import pytest
import torch
from problems import data_of, make_labels, make_objective, random_weights


@pytest.mark.parametrize("n_classes", [2, 3])
def test_row_curvature_is_the_diagonal_of_the_hessian_of_a_single_row(n_classes):
    X = torch.ones(1, 1).double()
    objective, X, codes, weights = make_objective(
        n_classes, X=X, alphas=(0.0,), fit_intercept=False, weights=torch.tensor([2.0])
    )
    W = random_weights(objective)
    curvature = objective.nll.curvature(W, X, weights[:, None])  # (1, K, 1)
    expected = oracles.hessian(
        *(W[0], X, codes, weights, 0.0), n_classes=n_classes, fit_intercept=False
    )
    torch.testing.assert_close(curvature.flatten(), 2.0 * expected.diagonal())


def minibatch_nll_and_grad(objective, W):
    """Return the NLL (M, B) of each row and the gradient (M * K, D), as a step takes them."""
    X, codes, shares = objective.rows.gather(torch.arange(40), append_one=objective.fit_intercept)
    nll, logits = objective.nll, W @ X.T
    targets = nll.targets(codes.T, X.dtype)
    return nll.each(logits, targets, shares.T), nll.residual(logits, targets, shares.T) @ X


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_nll_and_gradient_of_a_minibatch_are_those_of_autograd(n_classes, fit_intercept):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, *data = make_objective(
        n_classes, weights=weights, alphas=(0.0,), fit_intercept=fit_intercept
    )
    W = random_weights(objective)[0]
    nlls, grad = minibatch_nll_and_grad(objective, W)
    value, expected = oracles.value_and_grad(
        W, *data, 0.0, n_classes=n_classes, fit_intercept=fit_intercept
    )
    torch.testing.assert_close(nlls.sum(), value * weights.sum())
    torch.testing.assert_close(grad, expected * weights.sum())


@pytest.mark.parametrize("weights_of", ["all labels", "each label"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_minibatch_of_several_labels_has_the_nll_and_gradient_of_each(weights_of, fit_intercept):
    shape = (40, 1, 3) if weights_of == "each label" else (40,)
    weights = torch.rand(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, *_ = make_labels(weights=weights, alphas=(0.0,), fit_intercept=fit_intercept)
    W = random_weights(objective)
    nlls, grad = minibatch_nll_and_grad(objective, W.flatten(0, 1))
    for m in range(3):
        value, expected = oracles.value_and_grad(
            W[m], *data_of(objective, m), n_classes=2, fit_intercept=fit_intercept
        )
        total = objective.total_weight[m]
        torch.testing.assert_close(nlls[m].sum(), value * total)
        torch.testing.assert_close(grad[m : m + 1], expected * total)
