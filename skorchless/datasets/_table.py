"""read_table: a table from a file, each column with its type."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from skorchless._tables.files import load_table
from skorchless._tables.notes import as_lines


def read_table(
    path: Any,
    *,
    target: str | Collection[str] | None = None,
    sep: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    na: Collection[str] = (),
) -> pd.DataFrame:
    """Read a table from a file and give each column its type, as its owner means it.

    Parameters
    ----------
    path : str, Path or binary file
        A file whose name ends in ``.csv``, ``.tsv``, ``.txt``, ``.data``, ``.jsonl``, ``.json``,
        ``.xlsx`` (extra ``excel``), ``.parquet`` or ``.feather`` (extra ``arrow``); where it is
        compressed, ``.gz``, ``.zip``, ``.bz2``, ``.xz`` or ``.zst`` (extra ``arrow``) follows. An
        open file is told by its first bytes.
    target : str or list of str, default=None
        The names of columns that are left as they stand: labels may read "NA" or "007".
    sep : str, default=None
        What separates fields of text. None looks at the first lines.
    encoding : str, default=None
        The encoding of text. None looks for a byte order mark, then tries UTF-8, then
        Windows-1252.
    header : bool, default=None
        Whether the first line has the names of columns. None looks at it; without names columns
        are ``column 1``, ``column 2`` and so on.
    na : collection of str, default=()
        Texts that count as missing in every column, beside the empty one.

    Returns
    -------
    frame : pandas.DataFrame of shape (n_samples, n_columns)
        The table; the names of its columns are text. Numbers may be written with a decimal comma
        or point, separated thousands, signs, units, per cent; dates and times in any common
        order, that of day and month decided by the whole column; booleans in words. Up to 5 % of
        other texts among them, or one of ten, count as missing, and marks such as "NA", "?" and
        "-" always do.
        Any other column is text. Lists of one length and records become as many columns.
        ``frame.attrs["notes"]`` has a sentence for each column that was not plain.

    Raises
    ------
    ValueError
        If the file is of another kind or cannot be parsed, or a column's name stands there twice.
    OSError
        If the file cannot be opened.
    ImportError
        If reading it needs a package that is not installed.

    See Also
    --------
    skorchless.comparison.compare : Reads its tables by this function.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skorchless.datasets import read_table
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "sales.csv")
    ...     _ = path.write_text("day;price\\n31.5.2024;1,5\\n1.6.2024;?\\n2.6.2024;1.002,25\\n")
    ...     frame = read_table(path)
    >>> frame["price"].tolist()
    [1.5, nan, 1002.25]
    >>> frame.attrs["notes"][0].partition("; 1 of")[0]
    'price: decimal commas; thousands separated by points'
    """
    frame, notes = load_table(
        path, target=target or (), sep=sep, encoding=encoding, header=header, na=na
    )
    frame.attrs["notes"] = as_lines(notes)
    return frame
