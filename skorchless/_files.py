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


def check_pyarrow(wish: str) -> None:
    """Raise unless pyarrow, an optional dependency, is installed; ``wish`` says what fails."""
    check_package("pyarrow", f"{wish}: .parquet, .feather and .zst files", "arrow")


def check_package(name: str, wish: str, extra: str) -> None:
    """Raise unless an optional dependency is installed; ``wish`` says what needs it."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{wish} need {name}; get it by `python -m pip install {name}`, or with the extra "
            f"skorchless[{extra}]."
        ) from error


def listed(words: tuple[str, ...]) -> str:
    """Return words as a sentence lists them."""
    return f"{', '.join(words[:-1])} or {words[-1]}"
