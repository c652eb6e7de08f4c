"""The NLL of a block: of the models that it concerns, and of minibatches."""

import oracles
import pytest
import torch
from problems import make_objective, random_weights

from skorchless._engine import nll
from skorchless._engine.rows.block_sizes import BlockSizes


@pytest.fixture
def rows_multiplied(monkeypatch):
    """Return a list to which each product adds its number of rows times that of models."""
    n_rows = []

    def counted(X, W, original=nll.logits):
        n_rows.append(len(X) * len(W))
        return original(X, W)

    monkeypatch.setattr(nll, "logits", counted)
    return n_rows


def test_rows_without_weight_in_a_fold_cost_it_nothing(rows_multiplied):
    # As unshuffled folds are: each leaves out 10 rows that lie together; no one has the last 10.
    n_folds = 3
    weights = torch.ones(40, n_folds).double()
    for f in range(n_folds):
        weights[10 * f : 10 * f + 10, f] = 0.0
    weights[30:] = 0.0
    sizes = BlockSizes(block_bytes=1, min_block_rows=5)
    objective, X, codes, weights = make_objective(
        alphas=(0.1,) * n_folds, weights=weights, block_sizes=sizes
    )
    W = random_weights(objective)
    values, grads = objective.value_and_grad(W)
    assert sum(rows_multiplied) == 20 * n_folds * W.shape[1]
    for m in range(n_folds):
        value, grad = oracles.value_and_grad(
            W[m], X, codes, weights[:, m], 0.1, n_classes=3, fit_intercept=True
        )
        torch.testing.assert_close(values[m], value)
        torch.testing.assert_close(grads[m], grad)


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


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_nll_and_gradient_of_a_minibatch_are_those_of_autograd(n_classes, fit_intercept):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    objective, *data = make_objective(
        n_classes, weights=weights, alphas=(0.0,), fit_intercept=fit_intercept
    )
    W = random_weights(objective)[0]
    X, codes, shares = objective.rows.gather(torch.arange(40), append_one=fit_intercept)
    nlls, grad = objective.nll.minibatch_nll_and_grad(W, X, codes[None], shares.T)
    value, expected = oracles.value_and_grad(
        W, *data, 0.0, n_classes=n_classes, fit_intercept=fit_intercept
    )
    torch.testing.assert_close(nlls.sum(), value * weights.sum())
    torch.testing.assert_close(grad, expected * weights.sum())
