"""The least point of a quadratic plus an L1 penalty, against scipy on split variables."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from skorchless._engine.objective import smallest_subgradient
from skorchless._engine.solvers.l1_quadratic import Precision, Quadratic, minimize_quadratic

SIZE = 12


@dataclass(frozen=True)
class CountedMatrix:
    """Matrices (M, n, n) that note for how many models each product is."""

    entries: torch.Tensor
    diagonal: torch.Tensor
    sizes: list

    @classmethod
    def of(cls, entries, diagonal=None):
        return cls(entries, entries.diagonal(dim1=1, dim2=2) if diagonal is None else diagonal, [])

    def multiply(self, vectors):
        self.sizes.append(len(vectors))
        return (self.entries @ vectors[..., None])[..., 0]


def make(seed=0, condition=0.0):
    """Return the matrix B and a quadratic with it, of one model."""
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(SIZE, 2 * SIZE, generator=generator).double()
    factor *= torch.logspace(0, condition, SIZE).double()[:, None]
    B = factor @ factor.T / SIZE
    w = torch.randn(1, SIZE, generator=generator).double()
    grad = torch.randn(1, SIZE, generator=generator).double() * B.diagonal().sqrt()
    return B, Quadratic(w, grad, CountedMatrix.of(B[None]))


def solve(quadratic, threshold, reduction=1e-10, min_violation=0.0, max_iter=5000):
    precision = Precision(reduction, min_violation, max_crossing=0.05, max_iter=max_iter)
    return minimize_quadratic(quadratic, threshold, precision)


def least_of_split(B, quadratic, threshold):
    """Return the least point by L-BFGS-B, of positive and negative parts."""
    B, w, grad = B.numpy(), quadratic.w[0].numpy(), quadratic.grad[0].numpy()
    threshold = threshold[0].numpy()

    def value_and_grad(parts):
        z = parts[:SIZE] - parts[SIZE:]
        slope = grad + B @ (z - w)
        value = (grad + slope) @ (z - w) / 2 + threshold @ (parts[:SIZE] + parts[SIZE:])
        return value, np.concatenate([slope + threshold, threshold - slope])

    start = np.concatenate([np.maximum(w, 0), np.maximum(-w, 0)])
    found = minimize(
        value_and_grad,
        start,
        jac=True,
        bounds=[(0, None)] * len(start),
        options={"ftol": 0.0, "gtol": 1e-11, "maxiter": 10_000, "maxfun": 100_000},
    )
    return found.x[:SIZE] - found.x[SIZE:], found.fun


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("strength", [0.01, 0.3, 1.0])
def test_it_is_the_point_that_scipy_finds(seed, strength):
    B, quadratic = make(seed)
    threshold = strength * quadratic.grad.abs().mean() * torch.ones(1, SIZE).double()
    threshold[:, -1] = 0.0  # an intercept
    expected, _ = least_of_split(B, quadratic, threshold)
    z = solve(quadratic, threshold)[0].numpy()
    np.testing.assert_allclose(z, expected, atol=1e-5 * np.abs(expected).max())
    is_zero = np.abs(expected) < 1e-6 * np.abs(expected).max()
    assert (z[is_zero] == 0.0).all()


@pytest.mark.parametrize("condition", [0.0, 2.0, 4.0])
def test_the_end_is_where_the_violation_is_so_much_smaller(condition):
    B, quadratic = make(condition=condition)
    threshold = 0.3 * quadratic.grad.abs()
    z = solve(quadratic, threshold, reduction=1e-6)
    slope = quadratic.grad + (z - quadratic.w) @ B
    start = smallest_subgradient(quadratic.w, quadratic.grad, threshold).abs().max()
    assert smallest_subgradient(z, slope, threshold).abs().max() <= 1e-6 * start


def test_without_a_threshold_it_is_a_linear_system():
    B, quadratic = make()
    z = solve(quadratic, torch.zeros(1, SIZE).double())
    expected = quadratic.w - torch.linalg.solve(B, quadratic.grad[0])
    torch.testing.assert_close(z, expected)


def test_many_weights_at_once_and_one_by_one_are_both_quick():
    # A scale of 1e4 between features: steps by the diagonal alone take thousands of products.
    B, quadratic = make(condition=4.0)
    matrix = CountedMatrix.of(B[None], diagonal=torch.ones(1, SIZE).double())
    plain = Quadratic(quadratic.w, quadratic.grad, matrix)
    solve(plain, 0.01 * quadratic.grad.abs(), reduction=1e-6)
    assert len(matrix.sizes) < 20 * SIZE


def test_a_batch_ends_where_each_model_ends_alone():
    parts = [make(seed) for seed in range(3)]
    Bs = torch.stack([B for B, _ in parts])
    batch = Quadratic(
        torch.cat([q.w for _, q in parts]),
        torch.cat([q.grad for _, q in parts]),
        CountedMatrix.of(Bs),
    )
    thresholds = torch.tensor([0.0, 0.3, 3.0]).double()[:, None] * batch.grad.abs()
    together = solve(batch, thresholds)
    for m, (_, alone) in enumerate(parts):
        torch.testing.assert_close(together[m : m + 1], solve(alone, thresholds[m : m + 1]))


def test_the_least_point_is_not_left():
    B, quadratic = make()
    threshold = 0.3 * quadratic.grad.abs()
    z = solve(quadratic, threshold)
    again = Quadratic(z, quadratic.grad + (z - quadratic.w) @ B, quadratic.B)
    torch.testing.assert_close(solve(again, threshold), z)
    zero = Quadratic(torch.zeros_like(z), quadratic.grad, quadratic.B)
    assert torch.equal(solve(zero, 2 * quadratic.grad.abs()), torch.zeros_like(z))


def test_a_diagonal_that_is_too_small_shortens_the_steps_by_it():
    B, quadratic = make(seed=3)
    matrix = CountedMatrix.of(50 * B[None], diagonal=B.diagonal()[None])
    scaled = Quadratic(quadratic.w, quadratic.grad, matrix)
    threshold = 0.3 * quadratic.grad.abs()
    expected, _ = least_of_split(50 * B, scaled, threshold)
    np.testing.assert_allclose(solve(scaled, threshold)[0].numpy(), expected, atol=1e-6)


def test_more_weights_than_the_curvature_has_ranks_take_no_long_way_round():
    # As a working set of more features than rows; the ridge is all that holds the others.
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(300, 60, generator=generator).double()
    B = factor @ factor.T / 60 + 1e-6 * torch.eye(300).double()
    matrix = CountedMatrix.of(B[None])
    w, grad = (
        torch.zeros(1, 300).double(),
        (factor @ torch.randn(60, generator=generator).double()),
    )
    grad = grad[None]
    quadratic = Quadratic(w, grad, matrix)
    threshold = torch.full((1, 300), 0.1 * float(grad.abs().max())).double()
    z = solve(quadratic, threshold, reduction=0.1)
    slope = grad + z @ B
    violation = smallest_subgradient(z, slope, threshold).abs().max()
    assert violation <= 0.1 * smallest_subgradient(w, grad, threshold).abs().max()
    assert len(matrix.sizes) < 60


@pytest.mark.parametrize("size", [1e-170, 1e170])
def test_it_ends_where_squares_are_beyond_the_range_of_numbers(size):
    _, quadratic = make()
    tiny = Quadratic(quadratic.w, size * quadratic.grad, quadratic.B)
    z = solve(tiny, torch.zeros(1, SIZE).double(), reduction=0.1)
    torch.testing.assert_close(z, quadratic.w)
    assert not quadratic.B.sizes


def test_it_ends_at_a_violation_that_is_small_enough():
    _, quadratic = make(condition=4.0)
    threshold = 0.3 * quadratic.grad.abs()
    z = solve(quadratic, threshold, reduction=0.0, min_violation=0.05)
    slope = quadratic.grad + quadratic.B.multiply(z - quadratic.w)
    violation = smallest_subgradient(z, slope, threshold).abs().max()
    assert 1e-4 < violation <= 0.05


def test_it_takes_no_more_products_than_allowed():
    _, quadratic = make(condition=4.0)
    solve(quadratic, 0.3 * quadratic.grad.abs(), reduction=0.0, max_iter=7)
    assert len(quadratic.B.sizes) == 7


def test_who_has_ended_leaves_the_batch():
    quadratics = [make(seed, 4.0 * (6 - seed) / 6) for seed in range(7)]
    Bs = torch.stack([B for B, _ in quadratics])
    w, grad = (torch.cat([getattr(q, name) for _, q in quadratics]) for name in ("w", "grad"))
    batch = Quadratic(w, grad, CountedMatrix.of(Bs))
    together = solve(batch, 0.3 * grad.abs())
    assert sorted(batch.B.sizes, reverse=True) == batch.B.sizes
    assert len(set(batch.B.sizes)) >= 3
    for m, (_, alone) in enumerate(quadratics):
        expected = solve(alone, 0.3 * alone.grad.abs())[0]
        torch.testing.assert_close(together[m], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("null", [0.0, -1e-9])
def test_a_direction_without_curvature_is_not_followed_to_infinity(null):
    # As rounding leaves a singular Hessian; the intercepts have no kink to stop at.
    B, _ = make()
    eigenvalues, Q = torch.linalg.eigh(B)
    eigenvalues[0] = null * eigenvalues[-1]
    singular = CountedMatrix.of(((Q * eigenvalues) @ Q.T)[None])
    w = torch.ones(1, SIZE).double()
    grad = (Q[:, 1] + 1e-9 * Q[:, 0])[None]
    z = solve(Quadratic(w, grad, singular), torch.zeros(1, SIZE).double(), max_iter=50)
    assert z.isfinite().all()
    assert z.abs().max() < 1e3


def test_a_step_that_changes_too_many_signs_is_not_tried_again():
    # Nearly as many weights as ranks: each round would run into the same signs.
    generator = torch.Generator().manual_seed(3)
    factor = torch.randn(300, 320, generator=generator).double()
    B = factor @ factor.T / 320
    w = 0.3 * torch.randn(1, 300, generator=generator).double()
    w[torch.rand(1, 300, generator=generator) < 0.3] = 0.0
    grad = (B @ torch.randn(300, generator=generator).double())[None]
    matrix = CountedMatrix.of(B[None])
    threshold = torch.full((1, 300), 0.03 * float(grad.abs().median())).double()
    z = solve(Quadratic(w, grad, matrix), threshold, reduction=0.01)
    start = smallest_subgradient(w, grad, threshold).abs().max()
    end = smallest_subgradient(z, grad + (z - w) @ B, threshold).abs().max()
    assert end <= 0.01 * start
    assert len(matrix.sizes) <= 50  # 64 without a memory of what was refused
