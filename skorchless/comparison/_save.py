"""A table to a file, whole or not at all, in the format of its ending. For the command line."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pandas as pd

ENDINGS = (".csv", ".parquet", ".feather")


def check_save_path(path: Path) -> None:
    """Raise unless a table can be saved to ``path``: to be called before the work is done."""
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"cannot save to {str(path)!r}: the ending must be {_listed(ENDINGS)}.")
    if path.suffix.lower() != ".csv":
        _check_pyarrow(path)
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
    """Write ``table``, its index as a column, to ``path``; replace it only by a whole file."""
    target = path.resolve()  # of a symbolic link, so that the link stays
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        _write(table.reset_index(), scratch, target.suffix.lower())
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


def _check_pyarrow(path: Path) -> None:
    """Raise unless pyarrow, an optional dependency, is installed."""
    try:
        importlib.import_module("pyarrow")
    except ImportError as error:
        raise ImportError(
            f"cannot save to {str(path)!r}: {path.suffix} files need pyarrow; get it by "
            "`python -m pip install pyarrow`, or with the extra skorchless[arrow]."
        ) from error


def _listed(words: tuple[str, ...]) -> str:
    """Return words as a sentence lists them."""
    return f"{', '.join(words[:-1])} or {words[-1]}"
