"""Section: a part of a report, for the modules that make them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pandas as pd

from skorchless.comparison._pictures import Picture


@dataclass(frozen=True)
class Section:
    """A heading, what it is about, and its table of texts and pictures."""

    heading: str
    text: str
    pictures: list[Picture] = field(default_factory=list)
    table: pd.DataFrame | None = None  # columns by group and name

    @property
    def groups(self) -> list[list[Any]]:
        """The columns of the table, those of a group together."""
        columns = [] if self.table is None else list(self.table.columns)
        return [list(group) for _, group in groupby(columns, key=lambda column: column[0])]
