"""A table from a file: CSV, Parquet or Feather, told by the ending. For the command line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd

ENDINGS = (".csv", ".csv.gz", ".parquet", ".feather")
SEPARATORS = ",;\t|"


def read_table(path: Path) -> pd.DataFrame:
    """Return the table in the file ``path``; raise one sentence for what can not be read."""
    ending = next((e for e in ENDINGS if path.name.lower().endswith(e)), None)
    if ending is None:
        raise ValueError(
            f"cannot read {str(path)!r}: the ending must be {', '.join(ENDINGS[:-1])} or "
            f"{ENDINGS[-1]}."
        )
    try:
        frame = _read(path, ending)
    except ImportError as error:
        raise ImportError(
            f"cannot read {str(path)!r}: {ending} files need pyarrow; get it by "
            "`python -m pip install pyarrow`, or with the extra skorchless[arrow]."
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise _type_of_failure(error)(f"cannot read {str(path)!r}: {_reason(error)}") from error
    frame.columns = frame.columns.map(str)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()].tolist()
        raise ValueError(f"cannot read {str(path)!r}: columns stand there twice: {twice}.")
    return frame


def _type_of_failure(error: Exception) -> type[Exception]:
    """Return OSError for a file that can not be opened, ValueError for one that makes no table."""
    return OSError if isinstance(error, OSError) else ValueError


def _read(path: Path, ending: str) -> pd.DataFrame:
    """Return the table in the file, by the reader of its ending."""
    if ending == ".parquet":
        return pd.read_parquet(path)
    if ending == ".feather":
        return pd.read_feather(path)
    return _with_dates(pd.read_csv(path, sep=_separator(path, ending)))


def _with_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a CSV file, which has no types, with the columns of ISO dates as dates."""
    for name in frame.columns:
        if pd.api.types.is_string_dtype(frame[name]):
            try:
                frame[name] = pd.to_datetime(frame[name], format="ISO8601")
            except ValueError:
                continue
    return frame


def _separator(path: Path, ending: str) -> str:
    """Return what separates the names in the first line: the commonest candidate."""
    opener = gzip.open if ending == ".csv.gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return max(SEPARATORS, key=file.readline().count)


def _reason(error: Exception) -> str:
    """Return what an error of a reader says, in a line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    text = " ".join(str(error).split())
    return text if text.endswith(".") else f"{text}."
