"""Text of separated fields to a frame, by pandas, in the dialect and encoding of its first lines.

Types are given by `columns`; the few that cannot wait are asked of pandas here, because text that
it has made a number of is lost: 01234, and 1.234 where it means a thousand.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
import pandas as pd

from skorchless._arrays import Array
from skorchless._tables.dialect import COMMENTS, Dialect, resolve_dialect, stripped
from skorchless._tables.notes import Note, quote
from skorchless._tables.numbers import AMBIGUOUS, number_parts, number_style, plain_signs
from skorchless._tables.texts import Language

# What database clients write below a table.
RULE = r"[-=+|: ]*"
ROW_COUNT = r"\(\d[\d,. ]* rows?(?: affected)?\)"
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before that of UTF-16, which it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
FALLBACK_ENCODINGS = ("cp1252", "latin-1")  # the last one takes any bytes
# The dialect is told by 200 lines, or by as many as there are in 1 MB: by 7 of 20,000 columns.
SAMPLE_LINES, SAMPLE_BYTES, CHUNK = 200, 1_000_000, 65_536
# Values that are looked at before pandas reads all: 1,000 rows of ordinary tables.
SAMPLE_VALUES, SAMPLE_ROWS, FEWEST_ROWS = 200_000, 1_000, 20
FURTHER_ROWS = 300  # of a third of the file, of two thirds and of its end
# Lines within one field that are rows of the table by their separators; of few fields, many lines.
FEWEST_SWALLOWED, MANY_SWALLOWED = 5, 40
# Numbers that pandas would read otherwise than their owner, or not exactly.
MISREAD = re.compile(r"[+-]?(?:0\d|\d*[.,]|\d{16})")
CODE = re.compile(r"0\d+|\d{16,}")
ROW_NAMES = "the header has a name less than the rows: the first field is taken for a row's name"
# Looked at without pandas, which takes milliseconds for each of 20,000 columns.
PLAIN = {mark: re.compile(rf"[+-]?\d*\{mark}?\d+(?:[eE][+-]?\d+)?") for mark in ".,"}
OPEN = re.compile(rf"[+-]?{AMBIGUOUS}")

Opener = Callable[[], BinaryIO]


def read_delimited(
    open_bytes: Opener, encoding: str | None, **how: Any
) -> tuple[pd.DataFrame, Language, list[Note]]:
    """Return a table of text, what it says of its language, and what is to be said of it.

    ``how`` are the other parameters of `_read`.
    """
    # The first lines may have no letter of what comes after them.
    encodings = [encoding] if encoding else [_encoding(_head(open_bytes)), *FALLBACK_ENCODINGS]
    for name in encodings:
        try:
            frame, language, notes = _read(open_bytes, name, **how)
        except UnicodeError:
            continue
        if not encoding and not name.startswith("utf"):
            notes.insert(0, Note(None, f"the text is no UTF-8 and is read as {name}"))
        return frame, language, notes
    raise ValueError(f"it is no text in {encoding}; name another encoding.")


def _read(
    open_bytes: Opener,
    encoding: str,
    *,
    path: Path | None = None,
    sep: str | None,
    header: bool | None,
    na: Collection[str],
    untyped: Collection[str],
) -> tuple[pd.DataFrame, Language, list[Note]]:
    """Return what `read_delimited` does, of text in a known encoding.

    ``path`` is that of a file that is not compressed, which pandas reads twice as fast by itself.
    """

    def open_text() -> TextIO:
        return io.TextIOWrapper(open_bytes(), encoding, newline="")

    dialect = resolve_dialect(_sample(open_text()), sep, header)
    names = [name.strip() for name in dialect.names]
    options: dict[str, Any] = {
        "sep": r"\s+" if dialect.separator == " " else dialect.separator,
        "quotechar": dialect.quote,
        "escapechar": dialect.escape,
        "doublequote": dialect.escape is None,
        "skipinitialspace": dialect.skips_blanks,
        "header": None,
        "index_col": False,
        "keep_default_na": False,
        "na_values": ["", *na],
    }
    untyped_places = {names.index(name) for name in untyped if name in names}
    rows = _some_rows(open_text, open_bytes, encoding, dialect)
    language, texts, with_commas = _look(rows, dialect, untyped_places)
    # Commas that separate fields are in quotes where they are decimal: those stay text.
    options["decimal"] = "," if language.decimal == "," and dialect.separator != "," else "."
    if not any(rows):
        frame = pd.DataFrame(columns=range(dialect.width), dtype="str")
    elif path is not None and not any("\n" in name for name in names):
        options |= {"skiprows": dialect.n_lines_above, "encoding": encoding}
        frame = _frame(lambda: nullcontext(path), open_text, dialect, options, texts)
    else:
        frame = _frame(lambda: _rows(open_text, dialect), open_text, dialect, options, texts)
    frame.columns = pd.Index(names)
    said = [f"left out above the header: {quote(line)}" for line in dialect.skipped]
    if not dialect.has_header and header is None:
        are_named = f"columns are named {names[0]!r} and so on"
        said.append(f"the first line is taken for data: {are_named}")
    if dialect.has_row_names:
        said.append(ROW_NAMES)
    notes = [Note(None, text) for text in said]
    notes += [
        Note(names[j], "decimal commas")
        for j in with_commas
        if pd.api.types.is_numeric_dtype(frame.dtypes.iloc[j])
    ]
    frame = _without_comments(frame, notes)
    return frame, language, notes


def _head(open_bytes: Opener) -> bytes:
    """Return the first bytes: some hundreds of lines, or of long lines some tens."""
    head = b""
    with open_bytes() as file:
        while len(head) < SAMPLE_BYTES and (chunk := file.read(CHUNK)):
            head += chunk
            if head.count(b"\n") + head.count(b"\r") > SAMPLE_LINES:
                break
    return head


def _encoding(head: bytes) -> str:
    """Return the encoding of a text by its first bytes."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    head = head.rstrip(b"\0")
    # Every other byte of Latin letters in UTF-16 is zero.
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if head[start::2].count(0) > len(head) / 4:
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return FALLBACK_ENCODINGS[0]
    return "utf-8"


def _sample(text: TextIO) -> str:
    """Return the first lines of a text, whole ones unless there is but one."""
    with text:
        sample = text.read(CHUNK)
        while len(sample) < SAMPLE_BYTES and len(sample.splitlines()) < SAMPLE_LINES:
            more = text.read(CHUNK)
            if not more:
                return sample
            sample += more
    return sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample


def _look(
    rows: list[list[str]], dialect: Dialect, untyped: Collection[int]
) -> tuple[Language, set[int], list[int]]:
    """Return what some rows say of their language.

    That is the language, the columns that have to stay text, and those with decimal commas.
    """
    texts = set(untyped)
    decimals: dict[int, str] = {}
    for j in range(dialect.width):
        fields = [row[j].strip() for row in rows if j < len(row) and row[j].strip()]
        if j in untyped or not any(map(MISREAD.match, fields)):
            continue
        if any(map(CODE.fullmatch, fields)):
            texts.add(j)
            continue
        mark, is_open = _decimal_of(fields)
        if mark is not None:
            decimals[j] = mark
        elif is_open:
            texts.add(j)  # decided by `columns`, and said
    decimal = "," if "," in decimals.values() else "." if decimals else None
    with_commas = [j for j, mark in decimals.items() if mark == ","]
    return Language(dialect.separator, decimal), texts, with_commas


def _some_rows(
    open_text: Callable[[], TextIO], open_bytes: Opener, encoding: str, dialect: Dialect
) -> list[list[str]]:
    """Return the first rows and, of a large file, some further down: it may be sorted."""
    n_rows = max(FEWEST_ROWS, min(SAMPLE_ROWS, SAMPLE_VALUES // max(dialect.width, 1)))
    rows: list[list[str]] = []
    # A field may be longer than Python's reader takes.
    with _rows(open_text, dialect) as text, suppress(csv.Error):
        rows.extend(islice(dialect.reader(text), n_rows))
    with open_bytes() as file:
        if not isinstance(file, (io.BufferedReader, io.BytesIO)) or encoding.startswith("utf-16"):
            return rows  # a compressed file would be unpacked for it
        size = file.seek(0, io.SEEK_END)
        for share in (1 / 3, 2 / 3, 1.0):
            file.seek(max(0, int(share * size) - CHUNK))
            # The last line may be cut, as the first one may.
            lines = file.read(CHUNK).decode(encoding, "replace").splitlines(keepends=True)[1:]
            lines = lines[-min(n_rows, FURTHER_ROWS) :]
            further = dialect.reader(io.StringIO("".join(lines), newline=""))
            with suppress(csv.Error):
                rows += [row for row in further if len(row) == dialect.width]
    return rows


def _decimal_of(fields: list[str]) -> tuple[str | None, bool]:
    """Return the decimal mark of a column's numbers, and whether they leave open which it is."""
    for mark, pattern in PLAIN.items():
        if all(map(pattern.fullmatch, fields)):
            with_mark = [field for field in fields if mark in field]
            is_open = bool(with_mark) and all(map(OPEN.fullmatch, with_mark))
            return mark if with_mark and not is_open else None, is_open
    column = plain_signs(pd.Series(fields, dtype="str"))
    style = number_style(number_parts(column), np.ones(len(column)), None, "")
    has_mark = not style.example and column.str.contains("[.,]", regex=True).any()
    return style.decimal if has_mark else None, bool(style.example)


def _rows(open_text: Callable[[], TextIO], dialect: Dialect) -> TextIO:
    """Return a text at its first row."""
    text = open_text()
    for _ in range(dialect.n_lines_above):
        text.readline()
    return text


def _frame(
    open_rows: Callable[[], AbstractContextManager[Any]],
    open_text: Callable[[], TextIO],
    dialect: Dialect,
    options: dict[str, Any],
    texts: Collection[int],
) -> pd.DataFrame:
    """Return the rows below the header, by pandas; columns are named by their place."""

    def read(width: int, columns: list[int] | None = None) -> pd.DataFrame:
        with open_rows() as rows, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            types = dict.fromkeys(texts if columns is None else columns, "str")
            return pd.read_csv(rows, names=range(width), usecols=columns, dtype=types, **options)

    width = dialect.width
    try:
        frame = read(width)
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        frame = read(width := _widest_row(open_text, dialect))
    _check_quotes(frame, dialect)
    # pandas reads by pieces, of which some were numbers and others text.
    are_mixed = [pd.api.types.is_object_dtype(dtype) for dtype in frame.dtypes]
    if mixed := [j for j in range(dialect.width) if are_mixed[j]]:
        texts_of_mixed = read(width, mixed)
        frame = frame.drop(columns=mixed).join(texts_of_mixed)[[*frame.columns]]
    return frame.iloc[:, : dialect.width] if width > dialect.width else frame


def _check_quotes(frame: pd.DataFrame, dialect: Dialect) -> None:
    """Raise for a field of many rows: its quote is never closed, or by another one far below."""
    for j, dtype in enumerate(frame.dtypes):
        if not isinstance(dtype, pd.StringDtype):
            continue
        texts = frame.iloc[:, j].dropna()
        texts = texts[texts.str.contains("\n", regex=False)]
        n_lines = texts.str.count("\n")
        has_rows = texts.str.count(re.escape(dialect.separator)) >= (dialect.width - 1) * n_lines
        # Letters have commas too, but not on hundreds of lines.
        has_rows &= n_lines >= (FEWEST_SWALLOWED if dialect.width > 3 else MANY_SWALLOWED)
        if has_rows.any():
            row = texts.index[has_rows][0]
            raise ValueError(
                f"row {row + 1:,} has a quote that is not closed: {quote(texts[row])} goes on for "
                f"{n_lines[row]:,} lines. Delete the quote, or write it twice."
            )


def _widest_row(open_text: Callable[[], TextIO], dialect: Dialect) -> int:
    """Return the most fields of a row; raise where fields beyond the header's are not empty."""
    widest = width = dialect.width
    with _rows(open_text, dialect) as text:
        reader = dialect.reader(text)
        for n_rows, record in enumerate(reader, start=1):
            if sum(field.count("\n") for field in record) >= MANY_SWALLOWED:
                raise ValueError(
                    f"row {n_rows:,} has a quote that is not closed; delete it, or write it twice."
                )
            if len(stripped(record)) > width:
                line = dialect.n_lines_above + getattr(reader, "line_num", n_rows)
                where = "the header has" if dialect.has_header else "the first row has"
                raise ValueError(
                    f"line {line:,} has {len(record):,} fields where {where} {width:,}: quote the "
                    "field that has a separator in it, or delete the line."
                )
            widest = max(widest, len(record))
    return widest


def _without_comments(frame: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    """Return a table without rows of no value, comments, rules and repeated headers."""
    if frame.shape[1] == 1 or not len(frame):
        return frame  # pandas has left out blank lines
    first = frame.iloc[:, 0]
    is_out: Array = first.isna().to_numpy(copy=True)
    if is_out.any():
        is_out[is_out] = frame[is_out].isna().all(axis=1)
    rule = frame.iloc[0].dropna()
    if all(isinstance(value, str) and re.fullmatch(RULE, value) for value in rule):
        is_out[0] = True
    if isinstance(first.dtype, pd.StringDtype):
        is_said = _are_comments(frame) | _are_headers(frame)
        if n_lines := int(is_said.sum()):
            notes.append(Note(None, f"lines that are no rows, {n_lines:,}, are left out"))
        is_out |= is_said
    return frame[~is_out].reset_index(drop=True) if is_out.any() else frame


def _are_comments(frame: pd.DataFrame) -> Array:
    """Tell rows (N,) whose first field alone is filled, by a comment or the number of rows."""
    first = frame.iloc[:, 0]
    is_count = first.str.fullmatch(rf"\0+|{ROW_COUNT}", na=False)
    begins = first.str.startswith(COMMENTS, na=False) | is_count
    found: Array = begins.to_numpy(dtype=bool, copy=True)
    if found.any():
        found[found] = frame[found].iloc[:, 1:].isna().all(axis=1)
    return found


def _are_headers(frame: pd.DataFrame) -> Array:
    """Tell rows (N,) that are the header again, of files that were joined."""
    found: Array = (frame.iloc[:, 0] == frame.columns[0]).to_numpy(dtype=bool, copy=True)
    if found.any():
        found[found] = (frame[found] == list(frame.columns)).all(axis=1)
    return found
