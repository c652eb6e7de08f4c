"""Record: the fields of a `Comparison`, for what draws and writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from skorchless._arrays import Array


@dataclass(frozen=True, eq=False)
class Record:
    """What was measured; `Comparison` says what each field is, and shows them."""

    table: pd.DataFrame
    models: dict[str, Any]
    X_test: Any
    y_test: Array
    classes: Array
    predictions: dict[str, Array]
    probabilities: dict[str, Array]
    conditions: dict[str, str]
    image_shape: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    label_table: pd.DataFrame | None = None

    @property
    def is_multilabel(self) -> bool:
        """Whether samples have several labels each."""
        return self.y_test.ndim == 2

    @property
    def accuracy(self) -> str:
        """What the accuracy of the table's first column is called."""
        return str(self.table.columns[0]).replace("_", " ")

    @property
    def baseline(self) -> tuple[str, float] | None:
        """The name and the accuracy of the row that is no model; None without any."""
        others = self.table.drop(index=[*self.models, *self.failures])
        return next(((str(name), float(value)) for name, value in others.iloc[:, 0].items()), None)

    @property
    def scores(self) -> pd.DataFrame:
        """The rows of the table that are of fitted models."""
        return self.table.loc[list(self.models)]
