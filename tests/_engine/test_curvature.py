"""What guides a fit: rows without a bias, features less what lies far from zero, folds alike."""

import numpy as np
import pytest
import torch
from problems import make_objective

from skorchless._engine.curvature import (
    MIN_GRAM_ROWS,
    center_of_far,
    have_different_ranges,
    thinned,
)
from skorchless._engine.rows import TensorRows
from skorchless._engine.solvers.full_batch import minimize_full_batch


def rows_of(X, dtype=torch.float64):
    return make_objective(X=torch.as_tensor(X), dtype=dtype, n_classes=2)[0].rows


def shares_of_cycle(rows, period):
    place_in_cycle = rows.take(torch.arange(rows.n_rows))[0][:, 0].long() % period
    return np.bincount(place_in_cycle, minlength=period) / rows.n_rows


@pytest.mark.parametrize("period", [2, 5, 10])
def test_rows_that_come_in_cycles_are_thinned_without_a_bias(period):
    rows = rows_of(torch.arange(100_000.0)[:, None])
    few = thinned(rows, 2000)
    assert few.n_rows == 2000
    # Four standard deviations of a share of 2,000 draws.
    np.testing.assert_allclose(shares_of_cycle(few, period), 1 / period, atol=4 / 2000**0.5 / 2)


def test_thinned_rows_are_the_same_each_time_and_in_order():
    rows = rows_of(torch.arange(10_000.0)[:, None])
    first, second = (thinned(rows, 100).take(torch.arange(100))[0][:, 0] for _ in range(2))
    assert torch.equal(first, second)
    assert (first.diff() > 0).all()
    assert thinned(rows, 9_999) is rows


@pytest.mark.parametrize(
    ("dtype", "far", "near"), [(torch.float32, 10.0, 2.0), (torch.float64, 1e6, 1e4)]
)
def test_features_are_far_that_their_precision_can_not_hold(dtype, far, near):
    X = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    center = center_of_far(rows_of(X + torch.tensor([0.0, far, -far]), dtype))
    assert center[0] == 0.0
    torch.testing.assert_close(center[1:], torch.tensor([far, -far]).to(center), atol=0.1, rtol=0)
    assert center_of_far(rows_of(X + torch.tensor([0.0, near / 2, 0.0]), dtype)) is None


def test_a_constant_is_centered_to_exactly_zero():
    X = torch.full((50, 1), 0.1, dtype=torch.float64)
    rows = rows_of(X)
    assert not rows.centered(center_of_far(rows)).take(torch.arange(50))[0].any()


def test_the_far_are_known_by_few_rows():
    seen = []

    class CountedRows(TensorRows):
        def map_reduce(self, *arguments):
            seen.append(self.n_rows)
            return super().map_reduce(*arguments)

    rows = rows_of(torch.rand(50_000, 2))
    rows.__class__ = CountedRows
    center_of_far(rows)
    assert seen[0] < 2 * MIN_GRAM_ROWS


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_a_fit_ends_by_the_gradient_of_features_as_they_are_given(l1_ratio):
    X = 1e7 + torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
    objective, *_ = make_objective(X=X, l1_ratio=l1_ratio, alphas=(0.01,))
    W = torch.zeros(objective.weights_shape)
    *_, last = minimize_full_batch(objective, W, tol=1e-5)
    near, *_ = make_objective(X=X - 1e7, l1_ratio=l1_ratio, alphas=(0.01,))
    W_near = last.W.clone()
    W_near[..., -1] += 1e7 * last.W[..., :-1].sum(-1)
    grad = near.subgradient(W_near, near.value_and_grad(W_near)[1])
    # That of an intercept counts 1e7 times for each feature; its own rounding is 1e-9 here.
    assert float(grad[..., :-1].abs().max()) <= 1e-5
    assert float(grad[..., -1].abs().max()) <= 1e-8
    assert float(last.remaining) <= 1e-5


def test_folds_are_told_apart_by_the_range_of_a_feature():
    X = torch.rand(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    folds = torch.ones(60, 2)
    folds[:20, 0] = folds[20:40, 1] = 0.0
    objective, *_ = make_objective(X=X, alphas=(0.1, 0.1), weights=folds)
    assert not have_different_ranges(objective)
    X[0, 1] = 1e3  # in the second fold alone
    objective, *_ = make_objective(X=X, alphas=(0.1, 0.1), weights=folds)
    assert have_different_ranges(objective)
    assert not have_different_ranges(objective.take(torch.tensor([0])))
