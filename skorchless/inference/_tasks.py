"""The tasks of a permutation test: each fold of each permutation, drawn as scikit-learn does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skorchless._arrays import Array
from skorchless.estimators._data.samples import Samples

# What a task takes for each sample: its index in one side of the split (8), its code (8, and 8 as
# they are stacked), its weight (8, and 4 in a rounded copy), and its predicted code (4).
BYTES_PER_SAMPLE = 40


@dataclass(frozen=True)
class Task:
    """A fold of a permutation: the labels of all samples, and those to fit and to score."""

    permutation: int  # 0: the labels as they are
    fold: int
    codes: Array  # (N,), of the permuted labels
    train: Array
    test: Array
    class_totals: Array  # (n_classes,), the weight of each class's training samples

    @property
    def key(self) -> tuple[int, int]:
        """The permutation and the fold."""
        return self.permutation, self.fold

    @property
    def lacks_a_class(self) -> bool:
        """Whether a class has no training sample with a weight."""
        return not self.class_totals.all()


def draw_tasks(
    samples: Samples, splitter: Any, groups: Any, n_permutations: int, rng: np.random.RandomState
) -> Iterator[Task]:
    """Yield the tasks of the labels as they are, and then of permutations of them."""
    every = np.arange(samples.n_samples)
    for permutation in range(n_permutations + 1):
        # Drawn one by one: the splitter may draw from the same generator.
        order = _permuted(every, groups, rng) if permutation else every
        codes = samples.labels[order]
        splits = splitter.split(samples.X, samples.classes[codes], groups)
        for fold, split in enumerate(splits):
            train, test = (every[index] for index in split)  # masks and lists become indices
            totals = np.bincount(codes[train], samples.weights[train], samples.n_classes)
            yield Task(permutation, fold, codes, train, test, totals)


def _permuted(every: Array, groups: Any, rng: np.random.RandomState) -> Array:
    """Return a permutation of ``every`` sample, within groups where there are some."""
    if groups is None:
        return rng.permutation(every)
    order, groups = every.copy(), np.asarray(groups)
    for group in np.unique(groups):
        order[groups == group] = rng.permutation(every[groups == group])
    return order
