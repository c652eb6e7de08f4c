"""Each container of X becomes the rows that can read it."""

import sys

import numpy as np
import pytest
import torch
from scipy import sparse

from skorchless._engine.placement import place
from skorchless._engine.products import to_dense
from skorchless._engine.rows.containers import map_rows_of, rows_of
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.rows.sparse import SparseRows

X = np.eye(40)


@pytest.mark.parametrize(
    ("container", "kind"),
    [
        (np.asarray, TensorRows),
        (torch.from_numpy, TensorRows),
        (sparse.csr_array, SparseRows),
        (sparse.csr_matrix, SparseRows),
        (sparse.csc_array, SparseRows),
        (sparse.csc_matrix, SparseRows),
    ],
)
def test_the_rows_are_those_of_the_container(container, kind):
    rows = rows_of(container(X), (), place(torch.device("cpu"), torch.float64))
    assert type(rows) is kind
    assert (rows.n_rows, rows.n_features) == X.shape
    assert sys.getsizeof(rows) >= 40 * 8  # what a cluster sees: no less than the entries take
    torch.testing.assert_close(rows.map_rows(to_dense, values_per_row=40), torch.eye(40).double())


@pytest.mark.parametrize("container", [np.asarray, torch.from_numpy, sparse.csr_array])
@pytest.mark.parametrize("n_rows", [40, 60_000])  # in one block, and in more
def test_rows_are_mapped_in_their_order(container, n_rows):
    def twice(block):
        return (2 * to_dense(block).T).T  # new memory

    wide = np.tile(X, (n_rows // 40, 1))
    placement = place(torch.device("cpu"), torch.float64)
    mapped = map_rows_of(twice, container(wide), placement, values_per_row=40)
    assert mapped.shape == wide.shape
    np.testing.assert_array_equal(mapped, 2 * wide)
