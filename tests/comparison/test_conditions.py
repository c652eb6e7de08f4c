"""What a comparison remembers of how it was made."""

import platform
from importlib.metadata import version

import numpy as np
import pytest
import scipy.sparse
import sklearn

from skorchless.comparison._conditions import describe_conditions
from skorchless.comparison._split import Split


def test_sizes_seed_versions_and_machine_are_named():
    X, y = scipy.sparse.eye_array(1200, 3, format="csr"), np.arange(1200) % 3
    found = describe_conditions(Split(X, y, X[:300], y[:300], np.arange(3)), 7)
    assert found["samples"] == "1,200 to train, 300 to test"
    assert (found["features"], found["classes"], found["seed"]) == ("3", "3", "7")
    assert f"scikit-learn {sklearn.__version__}" in found["versions"].split(", ")
    assert f"torch {version('torch')}" in found["versions"].split(", ")
    assert found["Python"].endswith(platform.python_version())
    assert platform.machine() in found["machine"]


@pytest.mark.parametrize(
    ("X", "features"),
    [(np.zeros((4, 8, 8)), "64"), (np.array(["a", "b"] * 2), None), (["a", "b"] * 2, None)],
)
def test_samples_that_are_no_matrix_are_described_too(X, features):
    split = Split(X, np.arange(4), X[:2], np.arange(2), np.arange(4))
    assert describe_conditions(split, None).get("features") == features


def test_several_labels_are_counted_as_such():
    Y = np.eye(4, 3, dtype=int)
    found = describe_conditions(Split(Y, Y, Y[:1], Y[:1], np.array(["a", "b", "c"])), None)
    assert found["labels"] == "3"
    assert "classes" not in found
