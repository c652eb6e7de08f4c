"""``skorchless compare``: reads the data, compares models on them, writes and prints the table."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sklearn.datasets import load_digits

from skorchless.cli._arguments import IMAGE_SHAPES
from skorchless.cli._progress import ProgressLine
from skorchless.comparison import Comparison, compare
from skorchless.datasets import fetch_mnist

DESCRIPTIONS = {
    "digits": "digits, scikit-learn's",
    "mnist": "MNIST, the course's training and validation images",
}


def run_compare(arguments: argparse.Namespace, progress: ProgressLine) -> None:
    """Run ``skorchless compare``."""
    comparison = compare(
        **_data(arguments, progress),
        models=arguments.models,
        device=arguments.device,
        test_size=arguments.test_size,
        random_state=arguments.seed,
        image_shape=IMAGE_SHAPES.get(arguments.data),
        progress=progress,
    )
    if arguments.data in DESCRIPTIONS:
        described = {"data": DESCRIPTIONS[arguments.data]} | comparison.conditions
        comparison = replace(comparison, conditions=described)
    try:
        _write_files(arguments, comparison, progress)
    finally:
        # Last, so that the files are there even if nobody reads on; always, so that a disk that
        # has become full does not cost the result.
        progress("")
        # At once: in a terminal the order with stderr is that of events.
        print(comparison, flush=True)  # noqa: T201, this is the command line


def _data(arguments: argparse.Namespace, progress: ProgressLine) -> dict[str, Any]:
    """Return the samples and labels, or the file that has both, as `compare` takes them."""
    if arguments.data == "digits":
        X, y = load_digits(return_X_y=True)
        return {"X": X, "y": y}
    if arguments.data == "mnist":
        progress("loading mnist ...")
        mnist = fetch_mnist(data_home=arguments.data_home)
        progress("done")
        X_test, y_test = mnist.data_valid, mnist.target_valid
        return {"X": mnist.data, "y": mnist.target, "X_test": X_test, "y_test": y_test}
    return {
        "X": _file(arguments.data),
        "target": arguments.target,
        "drop": arguments.drop,
        "classes": arguments.classes,
        "read_params": {
            "sep": arguments.sep,
            "encoding": arguments.encoding,
            "header": False if arguments.no_header else None,
            "na": arguments.na,
        },
    }


def _file(name: str) -> Any:
    """Return a path, or an open stream; raise where it is neither and not meant to be one."""
    path = Path(name)
    if name == "-":
        return sys.stdin.buffer
    if path.exists() and not path.is_file() and not path.is_dir():
        return path.open("rb")  # a pipe, as in <(zcat table.csv.gz), can be read once
    if not path.suffix and not path.is_file():
        raise ValueError(f"{name!r} is neither {' nor '.join(IMAGE_SHAPES)} nor a file.")
    return path


def _write_files(
    arguments: argparse.Namespace, comparison: Comparison, progress: ProgressLine
) -> None:
    """Write the files that are asked for; one that cannot be written does not cost the other."""
    try:
        if arguments.save is not None:
            comparison.save(arguments.save)
    finally:
        if arguments.report is not None:
            progress(f"writing {arguments.report} ...")
            comparison.to_html(arguments.report, title=_title(arguments, comparison))
            progress("done")


def _title(arguments: argparse.Namespace, comparison: Comparison) -> str:
    """Return the heading of a report."""
    target = comparison.conditions.get("target")
    if target is None:
        return f"Models of {arguments.data}, side by side"
    name = "a table" if arguments.data == "-" else Path(arguments.data).name
    return f"Predicting {target} of {name}"
