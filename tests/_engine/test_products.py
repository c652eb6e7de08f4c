"""What is computed with one block of rows: as NumPy does."""

import numpy as np
import pytest
import torch

from skorchless._engine import products


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("n_rows", "n_features"), [(1, 3), (700, 3), (2051, 10), (5000, 1), (4096, 2), (30, 3000)]
)
def test_the_range_of_a_feature_is_that_of_all_rows(n_rows, n_features, order):
    X = np.random.default_rng(0).normal(size=(n_rows, n_features)).astype(np.float32, order=order)
    smallest, largest = products.extremes(torch.from_numpy(X))
    np.testing.assert_array_equal(smallest, X.min(0))
    np.testing.assert_array_equal(largest, X.max(0))


@pytest.mark.parametrize("row", [0, 2050])
def test_a_range_that_is_not_known_is_not_hidden(row):
    X = torch.ones(2051, 10)
    X[row, 4] = torch.nan
    assert products.extremes(X).isnan().sum(1).tolist() == [1, 1]
