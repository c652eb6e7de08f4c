"""The table of a comparison as people read it: rounded, with units, aligned. It never measures."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

SIZE_UNITS = ("kB", "MB", "GB")
HEADINGS = {
    "accuracy": "accuracy",
    "subset_accuracy": "subset accuracy",
    "f1_micro": "micro F1",
    "f1_macro": "macro F1",
    "log_loss": "log loss",
    "fit_seconds": "fit seconds",
    "predict_seconds": "predict seconds",
    "size_bytes": "pickled size",
}


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of a comparison's ``table`` as text; a missing one is "-"."""
    formats = {name: _format(name, table[name]) for name in table.columns}
    return pd.DataFrame(
        {HEADINGS[name]: _texts(table[name], text) for name, text in formats.items()},
        index=table.index.rename(None),
    )


def align(texts: pd.DataFrame) -> str:
    """Return a frame of text as one string with aligned columns, two spaces apart."""
    return texts.to_string(col_space=[len(name) + 1 for name in texts.columns])


def _texts(column: pd.Series[float], text: Callable[[float], str]) -> list[str]:
    """Return the ``text`` of each number of a column."""
    return ["-" if math.isnan(value) else text(value) for value in column]


def _format(name: str, column: pd.Series[float]) -> Callable[[float], str]:
    """Return the format of the column of that name."""
    if name == "size_bytes":
        return format_size
    return _seconds_format(column) if name.endswith("seconds") else "{:.4f}".format


def _seconds_format(seconds: pd.Series[float]) -> Callable[[float], str]:
    """Return the format of a column of seconds: as many decimals for all, so that they align."""
    # Two digits of the quickest: a single run is not repeatable to more.
    quickest = max(seconds.min(), 1e-6) if seconds.notna().any() else 1.0
    decimals = max(0, 1 - math.floor(math.log10(quickest)))
    return f"{{:.{decimals}f}}".format


def format_size(n_bytes: float) -> str:
    """Return a number of bytes in the largest decimal unit of which there is at least one."""
    size = n_bytes / 1000
    for unit in SIZE_UNITS[:-1]:
        # What would be rounded to 1000.0 belongs to the next unit.
        if size < 999.95:
            return f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {SIZE_UNITS[-1]}"
