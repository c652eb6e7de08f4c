"""The arguments of the command line, and what can be known of them before anything is read.

Nothing is imported here that `skorchless --version` would wait for.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import skorchless
from skorchless._files import DATA_ENDINGS, REPORT_ENDINGS, TABLE_ENDINGS, check_save_path

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


def build_parser() -> argparse.ArgumentParser:
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
        f"{', '.join(DATA_ENDINGS)}",
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


def check_arguments(arguments: argparse.Namespace) -> None:
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
