"""The command line: reads arguments, calls the package, prints. The only module that prints.

The table goes to stdout, errors to stderr, and progress too where that is a terminal. A user's
mistake is one sentence and exit code 2, found before the work begins wherever it can be.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import skorchless
from skorchless.comparison import compare, default_models
from skorchless.comparison._compare import Split, draw_split
from skorchless.comparison._preprocessor import column_preprocessor
from skorchless.comparison._report import REPORT_ENDINGS
from skorchless.comparison._save import TABLE_ENDINGS, check_save_path, save_table
from skorchless.comparison._target import list_names, take_target
from skorchless.datasets import fetch_mnist
from skorchless.datasets._table import ENDINGS as FILE_ENDINGS
from skorchless.datasets._table import read_table

EXIT_DONE, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130  # argparse's, and a shell's for Ctrl-C

# Data that need no file, with the height and width of their images.
IMAGE_SHAPES = {"digits": (8, 8), "mnist": (28, 28)}
COMPARE_HELP = """\
Fit models on the same samples and print one table: accuracy and log loss of
the test samples, seconds to fit and to predict, size of the pickled model.

Of a file, a quarter of the rows is set aside to test, in each class. Columns
of numbers are scaled, others are one column a category, of at least ten
rows; what is missing is filled in and marked. Rows without a label are left
out.
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
        sentence = " ".join(str(error).split())
        sys.stderr.write(f"skorchless: error: {sentence}\n")
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

    def close(self) -> None:
        """End a line that is open, so that what follows begins its own."""
        if self._is_open:
            sys.stderr.write("\n")
            self._is_open = False


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    # The name is given: under `python -m` it would be __main__.py.
    parser = argparse.ArgumentParser("skorchless", description=skorchless.__doc__)
    parser.add_argument(
        "--version", action="version", version=f"skorchless {skorchless.__version__}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_compare(commands)
    return parser


def _seed(text: str) -> int:
    """Return a seed, from what is typed."""
    seed = int(text)
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError(f"must be from 0 to {2**32 - 1}, got {seed}")
    return seed


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
    split = _load_split(arguments, progress)
    is_frame = isinstance(split.X, pd.DataFrame)
    preprocessor = column_preprocessor(split.X) if is_frame else None
    name = Path(arguments.data).name
    progress(_describe(name, split))
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
        if arguments.save is not None:
            save_table(comparison.table, arguments.save)
        if arguments.report is not None:
            progress(f"writing {arguments.report} ...")
            comparison.to_html(arguments.report, title=f"Models of {name}, side by side")
            progress("done")
    finally:
        # Last, so that the files are there even if nobody reads on; always, so that a disk that
        # has become full does not cost the result.
        progress("")
        _print(str(comparison))


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Raise for what can be known to fail before anything is read."""
    if arguments.save is not None:
        check_save_path(arguments.save, TABLE_ENDINGS)
    if arguments.report is not None:
        check_save_path(arguments.report, REPORT_ENDINGS)
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


def _load_split(arguments: argparse.Namespace, progress: ProgressLine) -> Split:
    """Return the data, split by ``--seed``; MNIST in the course's split."""
    if arguments.data == "digits":
        return draw_split(*load_digits(return_X_y=True), random_state=arguments.seed)
    progress(f"loading {arguments.data} ...")
    if arguments.data == "mnist":
        mnist = fetch_mnist(data_home=arguments.data_home)
        split = Split(mnist.data, mnist.target, mnist.data_valid, mnist.target_valid)
    else:
        split = _load_file(Path(arguments.data), arguments.target, arguments.seed)
    progress("done")
    return split


def _load_file(path: Path, target: str | None, seed: int) -> Split:
    """Return the rows of a table that have a label, split."""
    if not path.suffix:
        raise ValueError(f"{str(path)!r} is neither {' nor '.join(IMAGE_SHAPES)} nor a file.")
    frame = read_table(path)
    if target is None:
        raise ValueError(
            f"say which column of {str(path)!r} has the labels, by --target: "
            f"{list_names(list(frame.columns))}."
        )
    X, y = take_target(frame, target)
    return draw_split(X, y, random_state=seed)


def _describe(name: str, split: Split) -> str:
    """Return one line that says what the models are fitted and tested on."""
    return (
        f"{name}: {len(split.y):,} training and {len(split.y_test):,} test samples, "
        f"{split.X.shape[1]} features, {len(np.unique(split.y))} classes"
    )


def _print(text: str) -> None:
    """Print to stdout at once: in a terminal the order with stderr is that of events."""
    print(text, flush=True)  # noqa: T201, this is the command line
