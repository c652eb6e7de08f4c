"""The command line: reads arguments, calls the package, prints. The only module that prints.

The table goes to stdout, errors to stderr, and progress too where that is a terminal. A user's
mistake is one sentence and exit code 2, found before the work begins wherever it can be.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import skorchless
from skorchless.comparison import Comparison, compare, default_models
from skorchless.comparison._preprocessor import (
    check_numbers,
    column_preprocessor,
    describe_columns,
)
from skorchless.comparison._save import (
    REPORT_ENDINGS,
    TABLE_ENDINGS,
    check_save_path,
    save_table,
)
from skorchless.comparison._split import Split, draw_split
from skorchless.comparison._target import list_names, take_target
from skorchless.datasets import fetch_mnist
from skorchless.datasets._table import ENDINGS as FILE_ENDINGS
from skorchless.datasets._table import read_table

EXIT_DONE, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130  # argparse's, and a shell's for Ctrl-C

DESCRIPTION = str(skorchless.__doc__).partition("\n")[0]
# Data that need no file, with the height and width of their images.
IMAGE_SHAPES = {"digits": (8, 8), "mnist": (28, 28)}
COMPARE_HELP = """\
Fit models on the same samples and print one table: accuracy and log loss of
the test samples, seconds to fit and to predict, size of the pickled model.

Of a file, a quarter of the rows is set aside to test, in each class. Columns
of numbers are scaled, others are one column a category, seldom ones together;
what is missing is filled in and marked. Rows without a label are left out.
"""
MODELS_HELP = """\
models:
  adam    logistic regression, one epoch of Adam: the course's run
  lbfgs   logistic regression, fitted to its optimum
  forest  random forest, on all cores
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None means those of the process.

    Returns
    -------
    exit_code : int
        0 when done, 2 for a user's mistake, 130 when interrupted.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, and with code 2 for arguments that do not parse.
    """
    arguments = _parser().parse_args(argv)
    progress = ProgressLine(is_silent=not sys.stderr.isatty())
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_where: progress.warn(message)
            run_compare(arguments, progress)
    except KeyboardInterrupt:
        progress.close()
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the pipe has left (`| head`): no one to tell. What is still in the buffer
        # would raise again when Python flushes it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except (ValueError, OSError, ImportError) as error:
        progress.close()
        sys.stderr.write(f"skorchless: error: {_in_a_line(error)}\n")
        return EXIT_ERROR
    return EXIT_DONE


class ProgressLine:
    """Writes to stderr; what ends in "..." stays open, and the next text completes its line."""

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self._is_open = False

    def __call__(self, text: str) -> None:
        """Write ``text``."""
        if self._is_silent:
            return
        self._is_open = text.endswith("...")
        sys.stderr.write(text + (" " if self._is_open else "\n"))
        sys.stderr.flush()

    def warn(self, message: Warning | str) -> None:
        """Write a warning of Python as a line of its own, on a pipe too."""
        self.close()
        sys.stderr.write(f"skorchless: warning: {_in_a_line(message)}\n")

    def close(self) -> None:
        """End a line that is open, so that what follows begins its own."""
        if self._is_open:
            sys.stderr.write("\n")
            self._is_open = False


def _in_a_line(message: object) -> str:
    """Return what an error or a warning says, in one line."""
    return " ".join(str(message).split())


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    # The name is given: under `python -m` it would be __main__.py.
    parser = argparse.ArgumentParser("skorchless", description=DESCRIPTION)
    parser.add_argument(
        "--version", action="version", version=f"skorchless {skorchless.__version__}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_compare(commands)
    return parser


def _seed(text: str) -> int:
    """Return a seed, from what is typed."""
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"must be from 0 to {2**32 - 1}, got {text!r}")
    return int(text)


def _add_compare(commands: Any) -> None:
    """Add the command ``compare`` and its arguments."""
    parser = commands.add_parser(
        "compare",
        help="fit models side by side and print one table",
        description=COMPARE_HELP,
        epilog=MODELS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "data",
        nargs="?",
        default="digits",
        help="digits (default) come with scikit-learn; mnist is downloaded once; or a file, "
        f"{', '.join(FILE_ENDINGS)}",
    )
    parser.add_argument(
        "--target", metavar="COLUMN", help="the column of a file that has the labels"
    )
    parser.add_argument(
        "--models", metavar="NAMES", help="which of those below, as in adam,forest"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps, ... (default: auto)")
    parser.add_argument(
        "--seed", type=_seed, default=0, help="for the split and the models (default: 0)"
    )
    parser.add_argument(
        "--data-home", metavar="FOLDER", help="where mnist is kept (default: scikit-learn's)"
    )
    parser.add_argument(
        "--save",
        metavar="FILE",
        type=Path,
        help=f"save the table; the ending says how: {', '.join(TABLE_ENDINGS)}",
    )
    parser.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        help="write a page with table, pictures and conditions: .html",
    )


def run_compare(arguments: argparse.Namespace, progress: ProgressLine) -> None:
    """Run ``skorchless compare``."""
    _check_arguments(arguments)
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
    progress: ProgressLine,
) -> None:
    """Write the files that are asked for; one that can not be written does not cost the other."""
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


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Raise for what can be known to fail before anything is read."""
    if arguments.save is not None:
        check_save_path(arguments.save, TABLE_ENDINGS)
    if arguments.report is not None:
        check_save_path(arguments.report, REPORT_ENDINGS)
    for option in ("save", "report"):
        path = getattr(arguments, option)
        if path is not None and path.resolve() == Path(arguments.data).resolve():
            raise ValueError(f"--{option} would replace {arguments.data!r}, which is to be read.")
    if arguments.data_home is not None and arguments.data != "mnist":
        raise ValueError("--data-home is for mnist, which is kept there.")
    if arguments.target is not None and arguments.data in IMAGE_SHAPES:
        raise ValueError(f"--target is for files; {arguments.data} has labels of its own.")


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


def _load_split(
    arguments: argparse.Namespace, progress: ProgressLine
) -> tuple[Split, dict[str, str]]:
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
