"""Tables and pages to files, whole or not at all, in the format of their ending."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from skorchless.datasets._table import check_pyarrow, listed

TABLE_ENDINGS = (".csv", ".parquet", ".feather")
REPORT_ENDINGS = (".html", ".htm")


def check_save_path(path: Path, endings: tuple[str, ...]) -> None:
    """Raise unless ``path`` can be saved to: to be called before the work is done."""
    if path.suffix.lower() not in endings:
        raise ValueError(f"cannot save to {str(path)!r}: the ending must be {listed(endings)}.")
    if path.suffix.lower() in {".parquet", ".feather"}:
        check_pyarrow(f"cannot save to {str(path)!r}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot save to {str(path)!r}: it is a folder.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot save to {str(path)!r}: there is no folder {str(path.parent)!r}."
        )
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"cannot save to {str(path)!r}: the folder {str(path.parent)!r} is not writable."
        )


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
