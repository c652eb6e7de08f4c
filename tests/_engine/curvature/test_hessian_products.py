"""Products with the Hessian of sparse rows are those of the Hessian."""

from dataclasses import replace

import pytest
import torch
from problems import make_objective, random_weights
from scipy import sparse

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.hessian_products import HessianProducts
from skorchless._engine.records import take_models
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.sparse import SparseRows
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless._engine.solvers.strategy import are_products_cheap

RIDGE = 1e-3


def both(n_rows=60, n_features=8, density=0.3, **options):
    """Return an objective of dense rows and that of the same rows, sparse."""
    X = sparse.random(n_rows, n_features, density, random_state=0, format="csr")
    n_models = len(options.get("alphas", (0.1,)))
    weights = torch.rand(n_rows, n_models, generator=torch.Generator().manual_seed(1))
    dense, _, codes, weights = make_objective(
        X=torch.from_numpy(X.toarray()), weights=weights.double(), **options
    )
    rows = SparseRows(sparse.csr_array(X), (codes[:, None], weights), dense.rows.placement)
    return dense, replace(dense, rows=rows)


@pytest.mark.parametrize("block_values", [20, 10**6])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_products_and_diagonal_are_those_of_the_hessian(n_classes, fit_intercept, block_values):
    dense, rows = both(
        n_classes=n_classes,
        fit_intercept=fit_intercept,
        alphas=(0.1, 3.0, 0.5),
        block_sizes=BlockSizes(sparse_block_values=block_values),
    )
    W = random_weights(dense)
    hessian = dense.hessian(W)
    products = HessianProducts.at(rows, W, RIDGE)
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    of_features = torch.ones(W.shape[2]).double()
    if fit_intercept:
        of_features[-1] = 0.0  # the largest entry's share is not for the intercept
    of_largest = diagonal.amax(1, keepdim=True) * of_features.repeat(W.shape[1])
    ridge = RIDGE * (diagonal + of_largest)
    torch.testing.assert_close(products.diagonal, diagonal + ridge)
    vectors = random_weights(dense, seed=2).flatten(1)
    expected = (hessian @ vectors[..., None])[..., 0] + ridge * vectors
    torch.testing.assert_close(products.multiply(vectors), expected)
    part = torch.tensor([2, 0])
    torch.testing.assert_close(take_models(products, part).multiply(vectors[part]), expected[part])


def test_where_the_hessian_is_not_known_it_is_the_identity():
    _, rows = both(n_classes=2)
    rows = replace(rows, alpha=torch.zeros(1).double())
    W = torch.full(rows.weights_shape, 1e300, dtype=torch.float64)  # no row is in doubt
    vectors = random_weights(rows).flatten(1)
    torch.testing.assert_close(HessianProducts.at(rows, W, 0.0).multiply(vectors), vectors)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_where_no_row_is_in_doubt_the_diagonal_is_positive_and_that_of_the_products(n_classes):
    _, rows = both(n_classes=n_classes, l1_ratio=0.5)
    W = torch.full(rows.weights_shape, 1e300, dtype=torch.float64)
    W[:, 1:] *= -1.0
    products = HessianProducts.at(rows, W, RIDGE)
    assert (products.diagonal > 0).all()
    unit = torch.eye(products.diagonal.shape[1]).double()
    columns = torch.cat([products.multiply(row[None]) for row in unit])
    torch.testing.assert_close(columns.diagonal(), products.diagonal[0])


def test_they_are_cheap_where_x_is_sparse_and_the_weights_are_many():
    few, many = both(n_features=8), both(n_rows=300, n_features=3000, density=0.01)
    assert not are_products_cheap(few[0], 20.0)  # dense
    assert not are_products_cheap(many[0], 20.0)
    assert not are_products_cheap(few[1], 20.0)  # the matrix is cheaper
    assert are_products_cheap(many[1], 20.0)
    assert not are_products_cheap(many[1], 0.1)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_fit_by_products_ends_where_one_by_the_matrix_does(n_classes, monkeypatch):
    costs = Costs(max_matrix_features=0, n_products=0)  # products of sparse rows cost nothing
    dense, rows = both(n_classes=n_classes, alphas=(0.01, 0.03), l1_ratio=0.9, costs=costs)
    made = []

    def noted(*args, at=HessianProducts.at):
        made.append(args[0])
        return at(*args)

    monkeypatch.setattr(HessianProducts, "at", noted)
    start = torch.zeros(dense.weights_shape).double()
    (*_, by_matrix), (*_, by_products) = (
        minimize_full_batch(objective, start, tol=1e-9) for objective in (dense, rows)
    )
    assert made
    assert all(objective.rows.n_stored is not None for objective in made)
    assert (by_products.max_violation <= 1e-9).all()
    torch.testing.assert_close(by_products.value, by_matrix.value)
    torch.testing.assert_close(by_products.W, by_matrix.W, rtol=0.0, atol=1e-6)
