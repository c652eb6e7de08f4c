"""Tables and pages to files, whole or not at all, in the format of their ending."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write ``table``, its index as a column, to ``path``."""
    frame, ending = table.reset_index(), path.suffix.lower()
    write_whole(path, lambda scratch: _write(frame, scratch, ending))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Replace ``path`` by what ``write`` puts into a file beside it, once that is whole."""
    target = path.resolve()  # of a symbolic link, so that the link stays
    # Short: the name of the file may be as long as names can be.
    scratch = target.with_name(f".{os.getpid()}.tmp")
    try:
        write(scratch)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _write(frame: pd.DataFrame, path: Path, ending: str) -> None:
    """Write ``frame`` in the format of ``ending``."""
    if ending == ".csv":
        frame.to_csv(path, index=False)
    elif ending == ".parquet":
        frame.to_parquet(path, engine="pyarrow", index=False)
    else:
        frame.to_feather(path)
