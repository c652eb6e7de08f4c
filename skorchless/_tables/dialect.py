"""What separates and quotes the fields of a text, and where its header is, by its first lines.

The dialect that gives most rows one number of fields is taken. Of the 183 texts that
`tests/datasets/corpus.py` had when it was chosen, each given as UTF-8, DuckDB's sniffer was right
for 172, clevercsv's for 167 and `csv.Sniffer` for 154, a sketch of this one for 181. pyarrow and
polars take what they are told.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TextIO

# In the order in which they are taken where two fit as well.
SEPARATORS = (",", ";", "\t", "|", ":", "^", "~", " ")
COMMENTS = ("#", "%", "//")
BLANKS = re.compile(r"[ \t]+")
# What machine learners write, as in "+1 3:0.5 7:1".
LIBSVM = re.compile(r"[+-]?\d+(?:\.\d+)?(?:\s+\d+:[-+.\deE]+)+\s*")
# What a doubtful separator counts less than another that explains as much, and how much of a
# dialect's fit plain fields are: choices, which decide where several give all rows one width.
DOUBT, PLAIN_SHARE = 0.95, 0.2
# Control characters, as a share of the letters, beyond which a file is no text.
MOST_CONTROLS = 0.01
# What holds for this share of the rows is the rule of the table, and the others are its faults.
MOST_ROWS = 0.9
# Fields of a record that are looked at one by one, where tables are wide.
MOST_FIELDS = 200
NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?\s*")
# A sample of fewer records is a whole file, so that its last record is not cut short; and records
# that tell a habit from chance.
FEWEST_CUT = 20


@dataclass(frozen=True)
class Dialect:
    """How fields and rows of a text are told apart."""

    separator: str
    quote: str = '"'
    escape: str | None = None
    skips_blanks: bool = False  # between a separator and the quote of a field
    width: int = 1  # fields of a row
    n_lines_above: int = 0  # of the first row, header included
    names: tuple[str, ...] = ()
    has_row_names: bool = False  # the first field of each row, for which there is no name
    has_header: bool = True
    skipped: tuple[str, ...] = ()  # lines above the header

    def reader(self, lines: TextIO) -> Iterator[list[str]]:
        """Return the records of lines."""
        if self.separator == " ":  # or a tab, and any number of both
            lines = (BLANKS.sub(" ", line.strip()) + "\n" for line in lines)  # type: ignore[assignment]
        return csv.reader(
            lines,
            delimiter=self.separator,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
            skipinitialspace=self.skips_blanks,
        )


def resolve_dialect(sample: str, separator: str | None, has_header: bool | None) -> Dialect:
    """Return the dialect that explains most of the first lines."""
    sample = sample.rstrip("\0")
    if not sample.strip():
        raise ValueError("it is empty.")
    if len(re.findall(r"[\0-\x08\x0e-\x1f]", sample)) > MOST_CONTROLS * len(sample):
        raise ValueError("it is no text.")
    lines = sample.splitlines()[:FEWEST_CUT]
    if all(map(LIBSVM.fullmatch, filter(str.strip, lines))):
        raise ValueError(
            "it is in the format of libsvm: read it by sklearn.datasets.load_svmlight_file, and "
            "compare its X and y in Python."
        )
    above = 0
    # Excel's own line.
    if found := re.match(r'"?sep=(.)"?(?:\r\n?|\n)', sample, re.IGNORECASE):
        separator = separator or found[1]
        above, sample = 1, sample[found.end() :]
    dialects = list(_candidates(sample, separator))
    fits = [_fit(dialect, _records(dialect, sample)[0]) for dialect in dialects]
    best = dialects[fits.index(max(fits))]  # the first one of the best
    return _with_header(best, sample, above, has_header)


def _candidates(sample: str, separator: str | None) -> Iterator[Dialect]:
    """Yield the dialects that a text may be of."""
    for mark in SEPARATORS if separator is None else (separator,):
        literal = re.escape(mark)
        skips_blanks = mark not in "\t " and re.search(f"{literal} +[\"']", sample) is not None
        plain = Dialect(mark, skips_blanks=skips_blanks)
        yield plain
        if '\\"' in sample:
            yield replace(plain, escape="\\")
        if "'" in sample and re.search(
            rf"(?m)(?:^|{literal}) *'[^'\n]*' *(?:{literal}|\r?$)", sample
        ):
            yield replace(plain, quote="'")


def _fit(dialect: Dialect, records: list[list[str]]) -> float:
    """Return how well a dialect explains records: 1.0 if all have one width and plain fields."""
    width, n_alike = _commonest([len(record) for record in records])
    if width < 2:
        return 0.0
    share = n_alike / len(records)
    if dialect.separator == " ":
        n_rows = sum(len(record) == width for record in records[1:])
        if n_rows < MOST_ROWS * len(records[1:]) or len(records[0]) not in {width - 1, width}:
            return 0.0  # sentences
        share = 1.0
    fields = [field for record in records for field in record[:MOST_FIELDS] if field.strip()]
    fields = fields[: MOST_FIELDS * FEWEST_CUT]
    others = set(SEPARATORS[:4]) - {dialect.separator}
    n_plain = sum(
        _is_number(field) or (others.isdisjoint(field) and "  " not in field.strip())
        for field in fields
    )
    # Texts and times have these within too.
    doubt = DOUBT if dialect.separator in ":^~ " else 1.0
    return share * doubt * (1 - PLAIN_SHARE + PLAIN_SHARE * n_plain / max(len(fields), 1))


def _records(dialect: Dialect, sample: str) -> tuple[list[list[str]], list[int]]:
    """Return records that are neither blank nor comments, and the line on which each ends."""
    reader = dialect.reader(io.StringIO(sample, newline=""))
    records: list[list[str]] = []
    ends: list[int] = []
    try:
        for number, record in enumerate(reader, start=1):
            # A field that is the mark alone is the name of a column: "#,name,price".
            is_comment = bool(record) and record[0].startswith(COMMENTS)
            is_name = len(record) > 1 and not records and record[0].strip() in COMMENTS
            is_name = is_name and dialect.separator != " "
            if any(field.strip() for field in record) and (is_name or not is_comment):
                records.append(record)
                ends.append(getattr(reader, "line_num", number))
    except csv.Error as error:
        if not records:
            raise ValueError(f"{error}.") from error
    # The last one may be cut.
    n_whole = len(records) - (len(records) > FEWEST_CUT)
    return records[:n_whole], ends[:n_whole]


def _commonest(widths: list[int]) -> tuple[int, int]:
    """Return the commonest number of fields, and how many records have it."""
    return Counter(widths).most_common(1)[0] if widths else (1, 0)


def _with_header(dialect: Dialect, sample: str, above: int, has_header: bool | None) -> Dialect:
    """Return a dialect with its names and the number of lines above the first row."""
    records, ends = _records(dialect, sample)
    if not records:
        raise ValueError("it has comments alone.")
    width, _ = _commonest(list(map(len, records[1:] or records)))
    # Separators at the ends of all lines make no column.
    width = min(width, max(len(stripped(record)) for record in records))
    start = first_of_width(records, width)
    header, line, rows = records[start], ends[start], records[start + 1 :]
    has_row_names = False
    if has_header is None:
        has_header = not is_data(header, rows)
        are_numbers = all(map(_is_number, header))
        if (are_numbers or not has_header) and (
            names := _names_in_comment(dialect, sample, line, width)
        ):
            header, has_header, line = names, True, line - 1
    if not has_header:
        header = [f"column {j + 1}" for j in range(width)]
        line = ends[start - 1] if start else 0
    elif len(header) == width - 1 and _have_row_names(rows):
        header, has_row_names = ["", *header], True
    elif not any(name.strip() for name in header[width:]):
        header = header[:width]
    return replace(
        dialect,
        width=len(header),
        n_lines_above=line + above,
        names=tuple(header),
        has_header=has_header,
        has_row_names=has_row_names,
        skipped=tuple(map(" ".join, records[:start])),
    )


def first_of_width(records: list[list[str]], width: int) -> int:
    """Return the place of the header, or of the first row; titles above are narrower."""
    # Of a title in a wide line, the first field alone is filled.
    are_wide = [
        len(record) >= width and (width == 1 or len(stripped(record)) > 1) for record in records
    ]
    start = are_wide.index(True) if any(are_wide) else 0
    are_names_above = start > 0 and len(records[start - 1]) == width - 1
    if are_names_above and is_data(records[start], records[start + 1 :]):
        return start - 1
    return start


def _have_row_names(rows: list[list[str]]) -> bool:
    """Tell rows whose first field is a name of their own that R has no header for."""
    names = [row[0] for row in rows]
    n_whole = sum(len(stripped(row)) == len(row) for row in rows)
    return len(set(names)) == len(names) and n_whole >= MOST_ROWS * len(rows)


def _names_in_comment(dialect: Dialect, sample: str, line: int, width: int) -> list[str] | None:
    """Return the names in a comment on the line above the first row; None without such a line."""
    lines = sample.splitlines()
    if line < 2 or not lines[line - 2].startswith(COMMENTS):
        return None
    names = next(dialect.reader(io.StringIO(lines[line - 2].lstrip("".join(COMMENTS)))))
    return names if len(names) == width else None


def stripped(record: list[str]) -> list[str]:
    """Return a record without the empty fields at its end."""
    end = len(record)
    while end and not record[end - 1].strip():
        end -= 1
    return record[:end]


def is_data(header: list[str], rows: list[list[str]]) -> bool:
    """Tell a first record that is a row like those below it rather than their header.

    It has a number in every column of numbers; whole numbers in order may be names.
    """
    if not rows or len(header) != len(rows[0]):
        return False
    columns = [
        [row[j] for row in rows if j < len(row) and row[j].strip()] for j in range(len(header))
    ]
    are_again = all(name in column for name, column in zip(header, columns, strict=True))
    if are_again and len(header) > 1 and len(rows) >= FEWEST_CUT:
        return True  # names are not in their own columns
    of_numbers = [
        name
        for name, column in zip(header, columns, strict=True)
        if column and all(map(_is_number, column))
    ]
    if not of_numbers or not all(map(_is_number, of_numbers)):
        return False
    named = [field.strip() for field in header if _is_number(field)]
    are_names = all(field.isdecimal() for field in named) and len(set(named)) == len(named)
    if not are_names:
        return True
    # Names of columns count on by one: 0, 1, 2 or 2019, 2020.
    numbers = [int(field) for field in named]
    return len(numbers) < 2 or numbers != list(range(numbers[0], numbers[0] + len(numbers)))


def _is_number(field: str) -> bool:
    """Tell a field that is a number, with a decimal comma or point."""
    return NUMBER.fullmatch(field) is not None
