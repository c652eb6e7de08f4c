"""What the name of a file says: which endings can be read and written, and whether a path can be.

The command line checks its arguments by these, so pandas and torch are not imported here.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

TEXTS, JSON, SHEETS = (".csv", ".tsv", ".txt", ".data"), (".jsonl", ".json"), (".xlsx",)
DATA_ENDINGS = (*TEXTS, *JSON, *SHEETS, ".parquet", ".feather")
COMPRESSIONS = (".gz", ".zip", ".bz2", ".xz", ".zst")
TABLE_ENDINGS = (".csv", ".parquet", ".feather")
REPORT_ENDINGS = (".html", ".htm")


def check_save_path(path: Path, endings: tuple[str, ...]) -> None:
    """Raise unless ``path`` can be saved to: to be called before the work is done."""
    cannot, folder = f"cannot save to {str(path)!r}", str(path.parent)
    if path.suffix.lower() not in endings:
        raise ValueError(f"{cannot}: the ending must be {listed(endings)}.")
    if path.suffix.lower() in {".parquet", ".feather"}:
        check_pyarrow(f"{cannot}: ")
    if path.is_dir():
        raise IsADirectoryError(f"{cannot}: it is a folder.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{cannot}: there is no folder {folder!r}.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{cannot}: the folder {folder!r} is not writable.")


def check_pyarrow(cannot: str = "") -> None:
    """Raise unless pyarrow, an optional dependency, is installed."""
    check_package("pyarrow", f"{cannot}.parquet, .feather and .zst files", "arrow")


def check_package(name: str, users: str, extra: str) -> None:
    """Raise unless an optional dependency is installed, which ``users`` need."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{users} need {name}; get it by `python -m pip install {name}`, or with the extra "
            f"skorchless[{extra}]."
        ) from error


def listed(words: tuple[str, ...]) -> str:
    """Return words as a sentence lists them."""
    return f"{', '.join(words[:-1])} or {words[-1]}"
