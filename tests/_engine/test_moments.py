"""Moments of all entries of a matrix, in float64, batch by batch."""

import numpy as np
import pytest
import torch

from skorchless._engine.moments import EMPTY, entry_moments, merge
from skorchless._engine.placement import place
from skorchless._engine.rows.memory import TensorRows

RNG = np.random.RandomState(0)
X = RNG.normal(2.0, 5.0, size=(50, 4))


def moments_of(X, weights=None, dtype=torch.float64):
    X = torch.as_tensor(X)
    weights = torch.ones(len(X)).double() if weights is None else torch.as_tensor(weights)
    return entry_moments(TensorRows(X, (weights,), place(torch.device("cpu"), dtype)))


def test_mean_and_variance_are_numpys():
    moments = moments_of(X)
    assert moments.mean == pytest.approx(X.mean(), rel=1e-14)
    assert moments.variance == pytest.approx(X.var(), rel=1e-14)
    assert moments.weight == X.size


def test_nan_counts_for_nothing():
    holed = np.where(RNG.uniform(size=X.shape) < 0.3, np.nan, X)
    moments = moments_of(holed)
    assert moments.mean == pytest.approx(np.nanmean(holed), rel=1e-14)
    assert moments.variance == pytest.approx(np.nanvar(holed), rel=1e-14)
    assert moments_of(np.full((3, 2), np.nan)) == EMPTY


def test_weights_equal_repetition():
    repeats = RNG.randint(0, 4, size=len(X))
    weighted, repeated = moments_of(X, repeats.astype(float)), moments_of(X.repeat(repeats, 0))
    assert weighted.mean == pytest.approx(repeated.mean, rel=1e-13)
    assert weighted.variance == pytest.approx(repeated.variance, rel=1e-13)


def test_merged_batches_are_all_at_once():
    merged = EMPTY
    for batch in (X[:1], X[1:20], X[20:]):
        merged = merge(merged, moments_of(batch))
    assert merged.mean == pytest.approx(X.mean(), rel=1e-14)
    assert merged.variance == pytest.approx(X.var(), rel=1e-14)
    assert merge(EMPTY, EMPTY) == EMPTY


def test_a_large_mean_does_not_cancel_the_variance():
    ones = np.where(RNG.uniform(size=(2000, 5)) < 0.5, -1.0, 1.0)
    assert moments_of(1e8 + ones).variance == pytest.approx(ones.var(), rel=1e-9)


def test_float32_is_summed_in_float64():
    single = (1000 + X).astype(np.float32)
    moments = moments_of(single, dtype=torch.float32)
    assert moments.mean == pytest.approx(single.mean(dtype=np.float64), rel=1e-12)
    assert moments.variance == pytest.approx(single.var(dtype=np.float64), rel=1e-10)
