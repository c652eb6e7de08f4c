"""Record: the fields of a `Comparison`, for what draws and writes them."""

from __future__ import annotations

from dataclasses import dataclass
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
