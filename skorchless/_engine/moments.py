"""Weight, mean and squared deviation of all entries of a matrix, merged batch by batch.

The scaler calls it. NaN entries are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skorchless._engine.rows.memory import Rows


@dataclass(frozen=True)
class Moments:
    """Total weight of the entries, their mean, and their weighted squared deviations from it."""

    weight: float
    mean: float
    squared_deviation: float

    @property
    def variance(self) -> float:
        """The population variance; 0 where there is no entry."""
        return self.squared_deviation / self.weight if self.weight > 0 else 0.0


EMPTY = Moments(0.0, 0.0, 0.0)


def entry_moments(rows: Rows) -> Moments:
    """Return the moments of the entries of ``rows``, whose one column is the row weights."""
    sum_dtype = rows.placement.sum_dtype

    def weight_and_sum(X: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        seen = (~torch.isnan(X)).sum(1, dtype=sum_dtype)
        return (seen * weights).sum(), (X.nansum(1, dtype=sum_dtype) * weights).sum()

    weight, total = (float(value) for value in rows.map_sum(weight_and_sum))
    if weight == 0.0:
        return EMPTY
    mean = total / weight

    # Two passes, the mean first: sum(x^2) - n * mean^2 cancels where the mean is large. The
    # second sum corrects the rounding of the mean (Chan, Golub & LeVeque 1983, eq. 1.7).
    def deviations(X: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        deviation = X.to(sum_dtype) - mean
        squares = deviation.square().nansum(1)
        return (squares * weights).sum(), (deviation.nansum(1) * weights).sum()

    squares, drift = (float(value) for value in rows.map_sum(deviations))
    return Moments(weight, mean + drift / weight, max(squares - drift * drift / weight, 0.0))


def merge(first: Moments, second: Moments) -> Moments:
    """Return the moments of two batches together (Chan, Golub & LeVeque 1983, eq. 2.1)."""
    weight = first.weight + second.weight
    if weight == 0.0:
        return EMPTY
    gap = second.mean - first.mean
    return Moments(
        weight,
        first.mean + gap * second.weight / weight,
        first.squared_deviation
        + second.squared_deviation
        + gap * gap * first.weight * second.weight / weight,
    )
