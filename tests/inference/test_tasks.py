"""The tasks of a permutation test: which samples are fitted and scored, with which labels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold, KFold

from skorchless.estimators._data.samples import Samples
from skorchless.inference._tasks import draw_tasks


def tasks_of(splitter, groups=None, n_permutations=2):
    """Return the tasks of 12 samples of three classes."""
    samples = Samples(
        np.ones((12, 1)), np.arange(12) % 3, np.arange(12.0), np.array(["a", "b", "c"])
    )
    return list(draw_tasks(samples, splitter, groups, n_permutations, np.random.RandomState(0)))


def test_each_fold_of_each_permutation_is_a_task():
    tasks = tasks_of(KFold(3))
    assert [task.key for task in tasks] == [(p, fold) for p in range(3) for fold in range(3)]
    for task in tasks:
        assert_array_equal(np.sort([*task.train, *task.test]), np.arange(12))


def test_the_first_permutation_is_the_labels_as_they_are():
    first, *_, last = tasks_of(KFold(2))
    assert_array_equal(first.codes, np.arange(12) % 3)
    assert_array_equal(np.bincount(last.codes), [4, 4, 4])
    assert (first.codes != last.codes).any()


@pytest.mark.parametrize("kind", [list, np.array])
def test_labels_stay_in_their_group(kind):
    groups = kind([0, 1] * 6)
    for task in tasks_of(GroupKFold(2), groups, 5):
        for group in (0, 1):
            own = np.array(groups) == group
            assert_array_equal(np.sort(task.codes[own]), np.sort((np.arange(12) % 3)[own]))


def test_classes_weigh_what_their_training_samples_do():
    for task in tasks_of(KFold(2)):
        expected = [sum(i for i in task.train if task.codes[i] == code) for code in range(3)]
        assert_array_equal(task.class_totals, expected)
        assert task.lacks_a_class == (0 in expected)
