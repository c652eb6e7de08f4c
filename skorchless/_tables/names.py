"""Names of columns: text, each of its own; a column without one that numbers the rows goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from skorchless._tables.notes import Note, did_you_mean, list_names

# What writers of tables call a column that has no name of its own.
NAMELESS = {"", "Unnamed: 0", "__index_level_0__"}


def with_names(frame: pd.DataFrame, drop: Collection[str] = ()) -> tuple[pd.DataFrame, list[Note]]:
    """Return a frame whose columns' names are text, without row numbers, and what is said of it.

    Columns of ``drop`` go first: a name that stands there twice is an error, and so is one to drop
    that no column has.
    """
    texts = _texts(frame.columns)
    drop = _columns_to_drop(texts, drop)
    # By place, because frames may name columns by anything.
    frame = frame.set_axis(range(len(texts)), axis=1)
    kept = [
        j
        for j, text in enumerate(texts)
        if text not in drop and not (text == "" and frame[j].isna().all())
    ]
    if len(kept) < len(texts):  # otherwise all would be copied
        frame = frame[kept].set_axis(range(len(kept)), axis=1)
        texts = [texts[j] for j in kept]
    twice = [name for name, count in Counter(filter(None, texts)).items() if count > 1]
    if twice:
        raise ValueError(
            f"columns stand there twice: {list_names(twice)}; rename or drop all but one of each."
        )
    names = [text or _free_name(j, texts) for j, text in enumerate(texts, start=1)]
    notes = []
    if len(names) > 1 and texts[0] in NAMELESS and any(texts[1:]) and _are_numbers(frame[0]):
        frame, names = frame.drop(columns=0), names[1:]
        notes = [Note(None, "the first column, without a name, numbers the rows and is left out")]
    return frame.set_axis(names, axis=1), notes


def _free_name(place: int, names: list[str]) -> str:
    """Return a name for the column at a place that no other one has."""
    name = f"column {place}"
    return name if name not in names else f"column {place} without a name"


def at_commas(names: Iterable[str], columns: Collection[str]) -> list[str]:
    """Return names of columns, once each: as they are, or several with commas between them."""
    parts = [[name] if name in columns else name.split(",") for name in names]
    return list(dict.fromkeys(part.strip() for several in parts for part in several))


def _columns_to_drop(names: list[str], drop: Collection[str]) -> set[str]:
    """Return the names to drop; raise for those that no column has."""
    parts = {*at_commas(drop, names)}
    if unknown := sorted(parts - {*names}):
        hint = did_you_mean(unknown[0], names)
        raise ValueError(
            f"drop names {list_names(unknown)}, which no column is called{hint} There is "
            f"{list_names(names)}."
        )
    return parts


def _texts(names: Iterable[Any]) -> list[str]:
    """Return names as text, missing ones as empty."""
    return ["" if pd.api.types.is_scalar(n) and pd.isna(n) else str(n).strip() for n in names]


def _are_numbers(column: pd.Series[Any]) -> bool:
    """Tell whole numbers of which each stands there once."""
    is_whole = pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans
    return bool(is_whole and column.is_unique)
