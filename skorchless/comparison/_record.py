"""Record: the fields of a `Comparison`, for what draws and writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from skorchless._arrays import Array

# The row of a comparison's table that is no model.
BASELINE = "commonest class"


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

    @property
    def scores(self) -> pd.DataFrame:
        """The rows of the table that are of fitted models."""
        return self.table.loc[list(self.models)]
