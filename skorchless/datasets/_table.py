"""A table from a file: CSV, Parquet or Feather, told by the ending."""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from skorchless._files import DATA_ENDINGS, check_pyarrow, listed

SEPARATORS = ",;\t|"
# Patterns of dates that can be nothing else, with their formats.
DATES = {r"\d{4}-\d\d-\d\d.*": "ISO8601", r"\d\d?\.\d\d?\.\d{4}": "%d.%m.%Y"}
DECIMAL_COMMA = r"-?\d+,\d+"


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table from a file, as the command line does.

    In a CSV file the separator is the commonest of comma, semicolon, tab and bar in its first
    line; columns of numbers with a decimal comma become numbers, and columns of dates dates.

    Parameters
    ----------
    path : str or Path
        A file whose name ends in ``.csv``, ``.csv.gz``, ``.tsv``, ``.parquet`` or ``.feather``.
        The last two need pyarrow, of the extra ``arrow``.

    Returns
    -------
    frame : pandas.DataFrame of shape (n_samples, n_columns)
        The table; the names of its columns are text.

    Raises
    ------
    ValueError
        If the file is of another kind or cannot be parsed, or a column's name stands there twice.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skorchless.datasets import read_table
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "sales.csv")
    ...     _ = path.write_text("day;price\\n2024-05-01;1,5\\n2024-05-02;2,25\\n")
    ...     frame = read_table(path)
    >>> frame["price"].tolist()
    [1.5, 2.25]
    """
    path = Path(path)
    cannot = f"cannot read {str(path)!r}"
    ending = next((e for e in DATA_ENDINGS if path.name.lower().endswith(e)), None)
    if ending is None:
        raise ValueError(
            f"{cannot}: the ending must be {listed(DATA_ENDINGS)}; save other tables as one of "
            "these."
        )
    if ending in {".parquet", ".feather"}:
        check_pyarrow(cannot)
    try:
        frame = _read(path, ending)
    except OSError as error:
        raise OSError(f"{cannot}: {_reason(error)}") from error
    except (ValueError, EOFError, NotImplementedError, zlib.error, Warning) as error:
        raise ValueError(f"{cannot}: {_reason(error)}") from error
    frame.columns = frame.columns.map(str)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].tolist()
        raise ValueError(f"{cannot}: columns stand there twice: {twice}.")
    return frame


def _read(path: Path, ending: str) -> pd.DataFrame:
    """Return the table in the file, by the reader of its ending."""
    if ending not in {".parquet", ".feather"}:
        return _with_dates(_read_csv(path, ending))
    frame = pd.read_parquet(path) if ending == ".parquet" else pd.read_feather(path)
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()  # a column that pandas has made the index
    return _without_objects(frame)


def _read_csv(path: Path, ending: str) -> pd.DataFrame:
    """Return the table in a CSV file, whose separators may be those of another language."""
    # Whole, so that a column has one type from its first row to its last; and no column is taken
    # for an index, which would shift all names by one.
    options: dict[str, Any] = {
        "sep": _separator(path, ending),
        "low_memory": False,
        "index_col": False,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame = pd.read_csv(path, **options)
        if options["sep"] != "," and any(_matches(frame[name], DECIMAL_COMMA) for name in frame):
            frame = pd.read_csv(path, decimal=",", **options)
    return frame


def _separator(path: Path, ending: str) -> str:
    """Return what separates the names in the first line: the commonest outside of quotes."""
    opener = gzip.open if ending == ".csv.gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        header = next((line for line in file if line.strip()), "")
    return max(SEPARATORS, key=re.sub('"[^"]*"', "", header).count)


def _matches(column: pd.Series[Any], pattern: str) -> bool:
    """Tell a column of text of which every value is of a pattern."""
    values = column.dropna()
    if not len(values) or not pd.api.types.is_string_dtype(values):
        return False
    return bool(values.str.fullmatch(pattern).all())


def _with_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a CSV file, which has no types, with columns of dates as dates."""
    for name in frame.columns:
        for pattern, date_format in DATES.items():
            if _matches(frame[name], pattern):
                with suppress(ValueError):
                    frame[name] = pd.to_datetime(frame[name], format=date_format)
    return frame


def _without_objects(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with columns of Python's dates and decimals as dates and numbers."""
    for name in frame.columns:
        kind = pd.api.types.infer_dtype(frame[name]) if frame[name].dtype == object else ""
        if kind == "date":
            frame[name] = frame[name].astype("datetime64[s]")
        elif kind == "decimal":
            frame[name] = frame[name].astype("float64")
    return frame


def _reason(error: Exception) -> str:
    """Return what an error of a reader says, in a line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8; save it as 'CSV UTF-8'."
    text = " ".join(str(error).split())
    return text if text.endswith(".") else f"{text}."
