"""What a comparison remembers of how it was made."""

import platform

import numpy as np
import pytest
import scipy.sparse
import sklearn
import torch

from skorchless.comparison._conditions import describe_conditions


def test_sizes_seed_versions_and_machine_are_named():
    X, y = scipy.sparse.eye_array(1200, 3, format="csr"), np.arange(1200) % 3
    found = describe_conditions(X, y, y[:300], 7)
    assert found["samples"] == "1,200 to train, 300 to test"
    assert (found["features"], found["classes"], found["seed"]) == ("3", "3", "7")
    assert f"scikit-learn {sklearn.__version__}" in found["versions"].split(", ")
    assert f"torch {torch.__version__}" in found["versions"].split(", ")
    assert found["Python"].endswith(platform.python_version())
    assert platform.machine() in found["machine"]


@pytest.mark.parametrize(
    ("X", "features"),
    [(np.zeros((4, 8, 8)), "64"), (np.array(["a", "b"] * 2), None), (["a", "b"] * 2, None)],
)
def test_samples_that_are_no_matrix_are_described_too(X, features):
    assert describe_conditions(X, np.arange(4), np.arange(2), None).get("features") == features
