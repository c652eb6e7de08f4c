"""``skorchless compare``: reads the data, compares models on them, writes and prints the table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from skorchless.cli._arguments import IMAGE_SHAPES
from skorchless.comparison import Comparison, compare, default_models
from skorchless.comparison._preprocessor import (
    check_numbers,
    column_preprocessor,
    describe_columns,
)
from skorchless.comparison._save import save_table
from skorchless.comparison._split import Split, draw_split
from skorchless.comparison._target import list_names, take_target
from skorchless.datasets import fetch_mnist, read_table

Progress = Callable[[str], None]


def run_compare(arguments: argparse.Namespace, progress: Progress) -> None:
    """Run ``skorchless compare``."""
    # Wrong names of models and devices cost no reading of a file.
    _choose_models(arguments, preprocessor=None)
    split, conditions = _load_split(arguments, progress)
    preprocessor = column_preprocessor(split.X) if isinstance(split.X, pd.DataFrame) else None
    progress(_describe(Path(arguments.data).name, split, conditions.get("left out")))
    comparison = compare(
        split.X,
        split.y,
        X_test=split.X_test,
        y_test=split.y_test,
        models=_choose_models(arguments, preprocessor),
        random_state=arguments.seed,
        image_shape=IMAGE_SHAPES.get(arguments.data),
        progress=progress,
    )
    try:
        _write_files(arguments, comparison, conditions, progress)
    finally:
        # Last, so that the files are there even if nobody reads on; always, so that a disk that
        # has become full does not cost the result.
        progress("")
        _print(str(comparison))


def _write_files(
    arguments: argparse.Namespace,
    comparison: Comparison,
    conditions: dict[str, str],
    progress: Progress,
) -> None:
    """Write the files that are asked for; one that cannot be written does not cost the other."""
    try:
        if arguments.save is not None:
            save_table(comparison.table, arguments.save)
    finally:
        if arguments.report is not None:
            progress(f"writing {arguments.report} ...")
            described = replace(comparison, conditions=conditions | comparison.conditions)
            described.to_html(arguments.report, title=_title(arguments))
            progress("done")


def _title(arguments: argparse.Namespace) -> str:
    """Return the heading of a report."""
    if arguments.target is None:
        return f"Models of {arguments.data}, side by side"
    return f"Predicting {arguments.target} of {Path(arguments.data).name}"


def _choose_models(arguments: argparse.Namespace, preprocessor: Any) -> dict[str, Any]:
    """Return the default models that ``--models`` names, in its order; all without it."""
    known = default_models(
        device=arguments.device, random_state=arguments.seed, preprocessor=preprocessor
    )
    if arguments.models is None:
        return known
    names = arguments.models.replace(",", " ").split()
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(
            f"--models must name some of {', '.join(known)}, got {arguments.models!r}."
        )
    return {name: known[name] for name in names}


def _load_split(arguments: argparse.Namespace, progress: Progress) -> tuple[Split, dict[str, str]]:
    """Return the data, split by ``--seed`` or as the course does, and what they are, in words."""
    if arguments.data == "digits":
        split = draw_split(*load_digits(return_X_y=True), random_state=arguments.seed)
        return split, {"data": "digits, scikit-learn's"}
    progress(f"loading {arguments.data} ...")
    if arguments.data == "mnist":
        mnist = fetch_mnist(data_home=arguments.data_home)
        split = Split(mnist.data, mnist.target, mnist.data_valid, mnist.target_valid)
        conditions = {"data": "MNIST, the course's training and validation images"}
    else:
        split, conditions = _load_file(Path(arguments.data), arguments.target, arguments.seed)
    progress("done")
    return split, conditions


def _load_file(path: Path, target: str | None, seed: int) -> tuple[Split, dict[str, str]]:
    """Return the rows of a table that have a label, split, and what they are, in words."""
    if not path.suffix and not path.is_file():
        raise ValueError(f"{str(path)!r} is neither {' nor '.join(IMAGE_SHAPES)} nor a file.")
    frame = read_table(path)
    if target is None:
        raise ValueError(
            f"say which column of {str(path)!r} has the labels, by --target: "
            f"{list_names(list(frame.columns))}."
        )
    X, y = take_target(frame, target)
    check_numbers(X)
    conditions = {"data": str(path), "target": target, **describe_columns(X)}
    if len(X) < len(frame):
        conditions["left out"] = f"{len(frame) - len(X):,} rows without a label"
    return draw_split(X, y, random_state=seed), conditions


def _describe(name: str, split: Split, left_out: str | None) -> str:
    """Return one line that says what the models are fitted and tested on."""
    return (
        f"{name}: {len(split.y):,} training and {len(split.y_test):,} test samples, "
        f"{split.X.shape[1]} features, {len(np.unique(split.y))} classes"
        + (f"; {left_out} left out" if left_out else "")
    )


def _print(text: str) -> None:
    """Print to stdout at once: in a terminal the order with stderr is that of events."""
    print(text, flush=True)  # noqa: T201, this is the command line
