"""load_table: a frame from a file, told by the ending of its name, with a type for each column."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import importlib
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Collection
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import numpy as np
import pandas as pd

from skorchless._files import (
    COMPRESSIONS,
    DATA_ENDINGS,
    JSON,
    SHEETS,
    TEXTS,
    check_package,
    check_pyarrow,
    listed,
)
from skorchless._tables.columns import type_columns
from skorchless._tables.delimited import Opener, read_delimited
from skorchless._tables.dialect import first_of_width, is_data
from skorchless._tables.names import with_names
from skorchless._tables.notes import Note, list_names, quote
from skorchless._tables.texts import Language

# What the first bytes of a stream say of its format; names of files say it by their ending.
MAGIC = {b"PAR1": ".parquet", b"ARROW1": ".feather", b"PK\x03\x04": ".zip", b"\x1f\x8b": ".gz"}
MAGIC |= {b"\x28\xb5\x2f\xfd": ".zst", b"BZh": ".bz2", b"\xfd7zXZ": ".xz"}
MAGIC |= {b"{": ".jsonl", b"[{": ".jsonl"}
DECOMPRESSORS: dict[str, Callable[[Any], Any]]
DECOMPRESSORS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# Members of an archive that are no file of its owner: folders, and what systems add.
NO_FILES = re.compile(r"/$|^__MACOSX/|(?:^|/)\.[^/]*$")
SHEET_ROWS = 200


def load_table(
    path: Any,
    *,
    target: str | Collection[str] = (),
    sep: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    na: Collection[str] = (),
    drop: Collection[str] = (),
) -> tuple[pd.DataFrame, list[Note]]:
    """Return the table of a file, and what is to be said of it, by `read_table`'s parameters."""
    name = path if isinstance(path, (str, Path)) else getattr(path, "name", "the stream")
    cannot = f"cannot read {str(name)!r}"
    untyped = (target,) if isinstance(target, str) else target
    try:
        frame, language, notes = _read(path, sep, encoding, header, na, untyped)
        if not frame.shape[1]:
            raise ValueError("it is empty.")
    except OSError as error:
        raise OSError(f"{cannot}: {_reason(error)}") from error
    except ImportError as error:
        raise ImportError(f"{cannot}: {error}") from error
    except READER_ERRORS as error:
        raise ValueError(f"{cannot}: {_reason(error)}") from error
    frame, found = with_names(frame, drop)
    notes += found
    frame, found = type_columns(frame, language=language, missing=na, untyped=untyped)
    return frame, notes + found


# What readers and decompressors raise of files that are not what their names say.
READER_ERRORS: tuple[type[Exception], ...] = (ValueError, EOFError, RuntimeError, KeyError)
READER_ERRORS += (Warning, csv.Error, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def _read(
    path: Any,
    sep: str | None,
    encoding: str | None,
    header: bool | None,
    na: Collection[str],
    untyped: Collection[str],
) -> tuple[pd.DataFrame, Language, list[Note]]:
    """Return a table without types, by the reader of its format."""
    if isinstance(path, (str, Path)):
        open_bytes, ending = _by_name(Path(path))
    else:
        open_bytes, ending = _by_first_bytes(path.read())
    if ending not in TEXTS and (sep is not None or encoding is not None):
        raise ValueError("sep and encoding are for text, and this is none.")
    if ending in {".parquet", ".feather", *JSON} and header is not None:
        raise ValueError("header is for text and sheets; this format has names of its own.")
    if ending in {".parquet", ".feather"}:
        check_pyarrow()
        with open_bytes() as file:
            frame = pd.read_parquet(file) if ending == ".parquet" else pd.read_feather(file)
        notes = []
        if any(name is not None for name in frame.index.names):
            frame = frame.reset_index()  # a column that pandas has made the index
        elif not isinstance(frame.index, pd.RangeIndex):
            notes = [Note(None, "the index, which has no name, is left out")]
        return _without(frame.reset_index(drop=True), na), Language(), notes
    if ending in SHEETS:
        return _read_sheet(open_bytes, header, na)
    if ending in JSON:
        with io.TextIOWrapper(open_bytes(), "utf-8-sig") as lines:
            records = _records(lines)
        if len(records) == 1 and _are_columns(records[0]):
            records = records[0]  # as pandas' to_json writes
        return _without(pd.DataFrame(records).reset_index(drop=True), na), Language(), []
    is_plain = isinstance(path, (str, Path)) and Path(path).suffix.lower() not in COMPRESSIONS
    sep = "\t" if ending == ".tsv" and sep is None else sep
    how = {"path": Path(path) if is_plain else None, "sep": sep, "header": header}
    return read_delimited(open_bytes, encoding, **how, na=na, untyped=untyped)


def _without(frame: pd.DataFrame, na: Collection[str]) -> pd.DataFrame:
    """Return a frame without the values that are missing as texts, or as numbers."""
    if not na:
        return frame
    numbers = pd.to_numeric(pd.Series(list(na), dtype="str"), errors="coerce").dropna()
    are_texts = frame.map(lambda value: isinstance(value, str) and value.strip() in na)
    are_booleans = [pd.api.types.is_bool_dtype(dtype) for dtype in frame.dtypes]
    return frame.mask(are_texts | (frame.isin(numbers.tolist()) & ~np.array(are_booleans)))


def _are_columns(record: Any) -> bool:
    """Tell a record whose values are all lists, or all records, of one length: columns."""
    if not isinstance(record, dict) or len(record) < 2:
        return False
    kinds = {type(value) for value in record.values()}
    lengths = {len(value) for value in record.values()} if kinds <= {list, dict} else {0}
    return len(kinds) == 1 and len(lengths) == 1 and max(lengths) > 1


def _records(lines: TextIO) -> list[Any]:
    """Return the records of JSON, one a line or in one list."""
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("["):
        return cast(list[Any], json.loads(first + lines.read()))
    records = []
    for number, line in enumerate(chain([first], lines), start=1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number:,} is no JSON: {error.msg}.") from error
    return records


def _by_name(path: Path) -> tuple[Opener, str]:
    """Return what opens a file, decompressed, and the ending that says what it is."""
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    packed = endings.pop() if endings and endings[-1] in COMPRESSIONS else None
    ending = endings[-1] if endings else ".csv"
    if packed != ".zip" and ending not in DATA_ENDINGS:
        raise ValueError(
            f"the ending must be {listed(DATA_ENDINGS)}, or one of these and "
            f"{listed(COMPRESSIONS)}; save other tables as one of these."
        )
    if packed is None:
        return lambda: path.open("rb"), ending
    return _unpacked(lambda: path, packed, ending)


def _by_first_bytes(data: bytes | str) -> tuple[Opener, str]:
    """Return what opens the bytes of a stream, decompressed, and the ending of their format."""
    if isinstance(data, str):
        data = data.encode()
    begin = re.sub(rb"[ \t\r\n]", b"", data[:64].removeprefix(codecs.BOM_UTF8))
    ending = next((ending for mark, ending in MAGIC.items() if begin.startswith(mark)), ".csv")
    if ending == ".zip" and b"xl/" in data:
        ending = ".xlsx"
    if ending not in COMPRESSIONS:
        return lambda: io.BytesIO(data), ending
    open_bytes, _ = _unpacked(lambda: io.BytesIO(data), ending, "")
    with open_bytes() as file:
        return _by_first_bytes(file.read())


def _unpacked(source: Callable[[], Any], packing: str, ending: str) -> tuple[Opener, str]:
    """Return what opens a compressed path or stream, and the ending of what is in it."""
    if packing in DECOMPRESSORS:
        return lambda: cast(BinaryIO, DECOMPRESSORS[packing](source())), ending
    if packing == ".zst":
        check_pyarrow()
        with importlib.import_module("pyarrow").input_stream(source(), "zstd") as stream:
            data = stream.read()
        return lambda: io.BytesIO(data), ending
    with zipfile.ZipFile(source()) as archive:
        names = [name for name in archive.namelist() if not NO_FILES.search(name)]
    if len(names) != 1:
        raise ValueError(
            f"the archive must have one file in it, and has {list_names(names) or 'none'}."
        )
    ending = Path(names[0]).suffix.lower() or ending
    return lambda: cast(BinaryIO, zipfile.ZipFile(source()).open(names[0])), ending


def _read_sheet(
    open_bytes: Opener, header: bool | None, na: Collection[str]
) -> tuple[pd.DataFrame, Language, list[Note]]:
    """Return the first sheet of a workbook, and a note where it has others."""
    check_package("openpyxl", ".xlsx files", "excel")
    with open_bytes() as file, pd.ExcelFile(file, engine="openpyxl") as book:
        names = book.sheet_names
        if not names:
            raise ValueError("the workbook has charts and no sheet.")
        for name in names:
            sheet = pd.read_excel(
                book,
                sheet_name=name,
                header=None,
                dtype=object,
                keep_default_na=False,
                na_values=["", *na],
            )
            frame = sheet.dropna(how="all").dropna(how="all", axis=1).reset_index(drop=True)
            if len(frame):
                break
    notes = []
    if len(names) > 1:
        notes = [Note(None, f"of {len(names)} sheets {quote(name)} is read")]
    if len(frame):
        frame, found = _with_header(frame, header)
        notes += found
    return frame.infer_objects(), Language(), notes


def _with_header(frame: pd.DataFrame, has_header: bool | None) -> tuple[pd.DataFrame, list[Note]]:
    """Return the rows of a sheet below the header, with its names, and what was above it."""
    head = frame.iloc[:SHEET_ROWS].astype(object).where(frame.iloc[:SHEET_ROWS].notna(), "")
    records = [[str(value) for value in row] for row in head.to_numpy()]
    start = first_of_width(records, frame.shape[1])
    notes = [
        Note(None, f"left out above the header: {quote(' '.join(record))}")
        for record in records[:start]
    ]
    if has_header is None:
        has_header = not is_data(records[start], records[start + 1 :])
    names = records[start] if has_header else [f"column {j + 1}" for j in range(frame.shape[1])]
    frame = frame.iloc[start + has_header :].reset_index(drop=True)
    return frame.set_axis(names, axis=1), notes


def _reason(error: Exception) -> str:
    """Return what an error of a reader says, in a line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}."
    text = " ".join(str(error).split())
    return text if text.endswith(".") else f"{text}."
