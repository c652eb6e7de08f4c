"""Notes: what was not plain about a table, a sentence for each column, most of all in 20 lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from skorchless._arrays import Array

MOST_LINES = 20
# Names and values that a sentence quotes at most, and the letters of one.
MOST_NAMES, MOST_VALUES = 10, 3
LONGEST_VALUE = 40


@dataclass(frozen=True)
class Note:
    """What is to be said of one column, or of the whole table where ``column`` is None."""

    column: str | None
    text: str
    is_loss: bool = False  # of rows, columns or values, or of the sense of the result


def as_lines(notes: Iterable[Note]) -> list[str]:
    """Return notes as at most 20 lines, losses first; the same of several columns is one line."""
    columns: dict[str, list[str]] = {}
    for note in sorted(notes, key=lambda note: not note.is_loss):
        names = columns.setdefault(note.text, [])
        if note.column is not None and note.column not in names:
            names.append(note.column)
    lines = [
        f"{list_names(names, quoted=False)}: {text}" if names else text
        for text, names in columns.items()
    ]
    if len(lines) > MOST_LINES:
        n_left = len(lines) - MOST_LINES + 1
        lines[MOST_LINES - 1 :] = [f"{n_left:,} more remarks of this kind"]
    return lines


def list_names(names: Iterable[Any], *, quoted: bool = True) -> str:
    """Return names, or the first ten of them, as a sentence lists them."""
    texts = [quote(name) if quoted else shorten(str(name)) for name in names]
    more = f" and {len(texts) - MOST_NAMES:,} more" if len(texts) > MOST_NAMES else ""
    return ", ".join(texts[:MOST_NAMES]) + more


def did_you_mean(name: str, names: Iterable[Any]) -> str:
    """Return the end of a sentence on a wrong name: the nearest of ``names``, if one is near."""
    known = {str(known).lower(): known for known in names}
    alike = get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {known[alike[0]]!r}?" if alike else "."


def missing_text(texts: Array, counts: Array, n_rows: int) -> str:
    """Return which texts (n_texts,) count as missing, the commonest first, in how many rows."""
    order = np.argsort(-counts, kind="stable")
    named = [quote(texts[i]) for i in order[:MOST_VALUES]]
    if len(order) > MOST_VALUES:
        named.append("the like")
    listed = " or ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
    n_missing = int(counts.sum())
    is_are, count_s = ("is", "counts") if n_missing == 1 else ("are", "count")
    return f"{n_missing:,} of {n_rows:,} values {is_are} {listed} and {count_s} as missing"


def quote(value: Any) -> str:
    """Return a value in quotes, on one line, not too long."""
    return f"'{shorten(str(value))}'"


def shorten(text: str) -> str:
    """Return a text on one line, with an ellipsis for what is beyond 40 letters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_VALUE else f"{line[: LONGEST_VALUE - 1]}…"
