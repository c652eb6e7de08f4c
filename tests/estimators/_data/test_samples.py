"""Columns of labels, 0 or 1: as bytes or sparse, and as the samples of one kind otherwise."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.utils.class_weight import compute_class_weight

from skorchless.estimators._data.samples import MultilabelSamples, weigh_classes
from skorchless.estimators._data.validation import check_labels, is_multilabel

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, (20, 3), dtype=np.uint8)
WEIGHTS = RNG.random(20)
WEIGHTS[::4] = 0.0
KINDS = {"dense": np.asarray, "sparse": sparse.csc_array}


def samples(kind="dense", Y=Y, weights=WEIGHTS):
    return MultilabelSamples(np.ones((len(Y), 2)), KINDS[kind](Y), weights)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (Y, True),
        (Y[:, :1], False),
        (Y[:, 0], False),
        (Y.tolist(), True),
        (Y[:, :1].tolist(), False),
        (Y[:, 0].tolist(), False),
        (list("ab"), False),
        (["ab", "cd"], False),
        ([], False),
        (None, False),
        (pd.DataFrame(Y), True),
        (pd.Series(Y[:, 0]), False),
        (torch.tensor(Y), True),
        (sparse.csr_array(Y), True),
        (sparse.csr_array(Y[:, :1]), False),
    ],
)
def test_labels_of_more_than_one_column_are_several(y, expected):
    assert is_multilabel(y) is expected


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32, object])
def test_dense_labels_become_bytes(dtype):
    found = check_labels(np.asfortranarray(Y.astype(dtype)))
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, Y)


def test_bytes_are_not_copied():
    assert np.shares_memory(check_labels(Y), Y)


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_labels_become_csc_of_bytes(make):
    found = check_labels(make(Y.astype(float)))
    assert (found.format, found.dtype) == ("csc", np.uint8)
    np.testing.assert_array_equal(found.toarray(), Y)


@pytest.mark.parametrize("kind", KINDS)
def test_totals_are_weights_and_numbers_of_each_value(kind):
    totals, sizes = samples(kind).class_totals
    for label in range(3):
        np.testing.assert_allclose(totals[label], np.bincount(Y[:, label], WEIGHTS))
        np.testing.assert_array_equal(sizes[label], np.bincount(Y[WEIGHTS > 0, label]))


@pytest.mark.parametrize("kind", KINDS)
def test_balanced_weights_are_those_of_scikit_learn_for_each_label(kind):
    own = samples(kind).encode(np.arange(3), "y")
    found = weigh_classes("balanced", own)
    for label in range(3):
        expected = compute_class_weight(
            "balanced", classes=np.arange(2), y=Y[:, label], sample_weight=WEIGHTS
        )
        np.testing.assert_allclose(found[label], expected)


def test_row_weights_are_those_of_samples_times_those_of_their_values():
    of_values = np.array([[1.0, 2.0], [0.5, 3.0], [0.0, 1.0]])
    expected = WEIGHTS[:, None] * np.take_along_axis(of_values, Y.T, axis=1).T
    np.testing.assert_allclose(samples().row_weights(of_values), expected)
    np.testing.assert_allclose(samples().row_weights(np.ones((1, 2))), WEIGHTS[:, None])


@pytest.mark.parametrize("kind", KINDS)
def test_selected_labels_are_dense_bytes_of_these_alone(kind):
    chosen = samples(kind).encode(np.arange(3), "y").select_labels(np.array([2, 0]))
    assert chosen.labels.dtype == np.uint8
    np.testing.assert_array_equal(chosen.labels, Y[:, [2, 0]])
    assert chosen.classes.tolist() == [2, 0]
    assert chosen.weights is WEIGHTS


@pytest.mark.parametrize("kind", KINDS)
def test_a_split_takes_each_sample_with_weight_once(kind):
    own = samples(kind)
    train, test = own.split(0.2, np.ones((1, 2)), np.random.RandomState(0))
    assert train.n_samples + test.n_samples == np.count_nonzero(WEIGHTS)
    taken = np.concatenate([train.weights, test.weights])
    assert sorted(taken) == sorted(WEIGHTS[WEIGHTS > 0])
    assert train.is_multilabel
    assert test.labels.shape[1] == 3


def test_labels_of_another_number_or_other_classes_are_refused():
    with pytest.raises(ValueError, match="y_val has 3 labels, but 2 are fitted"):
        samples().encode(np.arange(2), "y_val")
    with pytest.raises(ValueError, match=r"np.arange\(3\); got classes=\[0, 2, 5\]"):
        samples().encode(np.array([0, 2, 5]), "y")


@pytest.mark.parametrize("kind", KINDS)
def test_no_floats_are_made_of_all_labels(kind):
    large = RNG.integers(0, 2, (4_000, 100), dtype=np.uint8)
    own = samples(kind, large, np.ones(4_000)).encode(np.arange(100), "y")
    tracemalloc.start()
    own.class_totals  # noqa: B018
    own.select_labels(np.arange(10))
    own.row_weights(np.ones((1, 2)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A sparse product of bytes with floats makes floats of its entries, half of all here.
    assert peak < (large.size if kind == "dense" else 6 * large.size)
