"""Curvature pairs: the newest ones, of those that tell something."""

import torch

from skorchless._engine.solvers.descent import Point
from skorchless._engine.solvers.pairs import N_PAIRS, CurvaturePairs


def filled(n_pairs, n_models=2):
    """Return pairs of which s is the number of the pair, y twice that."""
    W = torch.zeros(n_models, 1, 3).double()
    pairs = CurvaturePairs(Point(W, torch.zeros(n_models).double(), W))
    for number in range(1, n_pairs + 1):
        s = torch.full((n_models, 3), float(number)).double()
        pairs.image[:, pairs.learn(s, 2 * s)] = 3 * s
    return pairs


def test_the_oldest_pair_makes_room_for_the_newest():
    pairs = filled(N_PAIRS + 3)
    assert pairs.S[0, pairs.by_age, 0].tolist() == [float(i) for i in range(4, N_PAIRS + 4)]
    assert torch.equal(pairs.Y, 2 * pairs.S)
    assert torch.equal(pairs.image, 3 * pairs.S)


def test_a_pair_without_curvature_is_zeros_for_its_model_alone():
    pairs = filled(0)
    s = torch.ones(2, 3).double()
    place = pairs.learn(s, torch.tensor([[1.0], [-1.0]]) * s)
    assert pairs.S[:, place].tolist() == [[1.0] * 3, [0.0] * 3]
    assert pairs.Y[:, place].tolist() == [[1.0] * 3, [0.0] * 3]


def test_products_are_in_order_of_age():
    pairs = filled(N_PAIRS + 3)
    numbers = torch.arange(4, N_PAIRS + 4).double()
    expected = 6 * numbers[:, None] * numbers
    torch.testing.assert_close(pairs.products(pairs.S, pairs.Y)[1], expected)


def test_models_are_forgotten_and_left_out():
    pairs = filled(2)
    pairs.forget(torch.tensor([True, False]))
    assert not pairs.S[0].any()
    assert pairs.image[1].any()
    pairs.keep(torch.tensor([1]))
    assert pairs.S.shape == pairs.image.shape == (1, N_PAIRS, 3)
    assert pairs.Y.any()
