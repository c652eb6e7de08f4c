"""Columns of zeros and ones: from which containers, and what is said of other columns."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import coo_array, csr_matrix

from skorchless.comparison._indicator import constant_labels, has_label_columns, indicator

Y = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    "container",
    [
        np.asarray,
        *(csr_matrix, coo_array, torch.tensor, np.ndarray.tolist, pd.DataFrame),
        *(lambda Y: Y.astype(bool), lambda Y: Y.astype(float), lambda Y: Y.astype(object)),
        lambda Y: pd.DataFrame(Y).astype("boolean"),
        lambda Y: pd.DataFrame(Y).astype({0: bool, 1: "Int64"}),
    ],
)
def test_zeros_and_ones_of_any_container_are_numbered_labels(container):
    assert has_label_columns(container(Y))
    values, names = indicator(container(Y))
    np.testing.assert_array_equal(values, Y)
    assert (values.dtype, names.tolist()) == (np.int64, [0, 1, 2])


def test_integers_keep_their_dtype():
    assert indicator(Y.astype(np.uint8))[0].dtype == np.uint8


@pytest.mark.parametrize("package", ["pandas", "polars", "pyarrow"])
def test_columns_of_frames_are_names(package):
    frame = pd.DataFrame(Y, columns=["a", "b", "c"])
    if package == "polars":
        frame = pytest.importorskip("polars").from_pandas(frame)
    if package == "pyarrow":
        frame = pytest.importorskip("pyarrow").Table.from_pandas(frame)
    assert has_label_columns(frame)
    values, names = indicator(frame)
    np.testing.assert_array_equal(values, Y)
    assert names.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    "y", [[0, 1], np.zeros((4, 1)), pd.DataFrame({"y": [0, 1]}), ["ab", "cd"], np.zeros((2, 2, 2))]
)
def test_one_column_of_labels_is_none_of_several(y):
    assert not has_label_columns(y)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 1], [1, 2]], "labels of zeros and ones, and column 1 has 1, 2"),
        ([[1, 2], [2, 1]], "^several columns of y must be labels .* column 0 has 1, 2"),
        ([[0, 1], [1, -1]], "column 1 has 1, -1"),
        ([[0, 1, 2], [1, 2, 0]], "^multiclass-multioutput is not supported: several columns of y"),
        ([["no", "x"], ["yes", "z"]], "^multiclass-multioutput is not .* column 0 has no, yes"),
        ([[0.5, 1.0], [0.0, 2.5]], "^continuous-multioutput is not supported: .* 0 has 0.5, 0.0"),
        ([[0.0, np.nan], [1.0, 0.0]], "y has 1 missing labels; leave these samples out"),
        ([[0, None], [pd.NA, 1]], "y has 2 missing labels; leave these samples out"),
    ],
)
@pytest.mark.parametrize("container", [np.array, pd.DataFrame])
def test_other_values_are_named_with_their_column(container, values, message):
    assert has_label_columns(container(values))
    with pytest.raises(ValueError, match=message):
        indicator(container(values))


@pytest.mark.parametrize(
    "y", [[{1, 2}, {2}], [[1], [1, 2]], [(1, 2, 3), ()], pd.Series([["a"], ["a", "b"]])]
)
def test_lists_of_labels_are_told_how_to_become_columns(y):
    with pytest.raises(ValueError, match="y has lists or sets of labels; .*MultiLabelBinarizer"):
        has_label_columns(y)


def test_labels_that_never_change_are_told():
    Y = np.array([[0, 1, 1], [0, 0, 1]])
    notes = constant_labels(Y, np.array(["a", "b", "c"]))
    assert [(note.column, note.text.partition(":")[0]) for note in notes] == [
        ("a", "always 0 in training"),
        ("c", "always 1 in training"),
    ]
    assert all(note.is_loss for note in notes)
