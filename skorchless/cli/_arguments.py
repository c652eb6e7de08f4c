"""The arguments of the command line, and what can be known of them before anything is read.

Nothing is imported here that `skorchless --version` would wait for.
"""

from __future__ import annotations

import argparse
import codecs
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import skorchless
from skorchless._files import DATA_ENDINGS, REPORT_ENDINGS, TABLE_ENDINGS, check_save_path
from skorchless._versions import version_of

DESCRIPTION = str(skorchless.__doc__).partition("\n")[0]
# Data that need no file, with the height and width of their images.
IMAGE_SHAPES = {"digits": (8, 8), "mnist": (28, 28)}
FILE_OPTIONS = ("target", "drop", "classes", "na", "sep", "encoding", "no-header")
# What other programs call our options.
SYNONYMS = {"--separator": "--sep", "--delimiter": "--sep", "--delim": "--sep"}
COMPARE_HELP = """\
Fit models on the same samples and print one table: accuracy and log loss of
the test samples, seconds to fit and to predict, size of the pickled model.

Of a file, a share of the rows is set aside to test, in each class. Columns of
numbers are scaled, others become one column for each category, rare categories
share one; what is missing is filled in and marked. Rows without a label are
left out. What was not plain about a column is said on stderr.

With several targets each row has several labels: the table has the share of
rows with all of them right, micro and macro F1; --report has them by label.
"""
MODELS_HELP = """\
models:
  adam    logistic regression, 782 steps of Adam: the course's run
  lbfgs   logistic regression, fitted to its optimum
  forest  random forest, on all cores
and any classifier of scikit-learn, such as HistGradientBoostingClassifier.
"""


class Parser(argparse.ArgumentParser):
    """A parser that names the option that an unknown one may have been meant for."""

    def error(self, message: str) -> NoReturn:
        """Exit with what is wrong, and what may have been meant."""
        unknown = message.removeprefix("unrecognized arguments: ").split() or [""]
        known = [option for parser in self._parsers() for option in parser._option_string_actions]
        name = unknown[0].partition("=")[0]
        alike = [SYNONYMS[name]] if name in SYNONYMS else get_close_matches(name, known, n=1)
        if message.startswith("unrecognized") and alike:
            message += f"; did you mean {alike[0]}?"
        super().error(message)

    def _parsers(self) -> Iterator[argparse.ArgumentParser]:
        """Yield this parser and those of its commands."""
        yield self
        for action in self._actions:
            if isinstance(action.choices, dict):
                yield from action.choices.values()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    # The name is given: under `python -m` it would be __main__.py.
    parser = Parser("skorchless", description=DESCRIPTION)
    # What decides what a fit gives, not loaded for it.
    others = ", ".join(f"{name} {version_of(name)}" for name in ("torch", "scikit-learn"))
    version = f"skorchless {skorchless.__version__} ({others})"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_compare(commands)
    return parser


def _seed(text: str) -> int:
    """Return a seed, from what is typed."""
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"must be from 0 to {2**32 - 1}, got {text!r}")
    return int(text)


def _test_size(text: str) -> float:
    """Return a share or a number of rows, from what is typed."""
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not (0 < size < 1 or (size >= 1 and size.is_integer())):
        raise argparse.ArgumentTypeError(
            f"must be a share between 0 and 1 or a number of rows, got {text!r}"
        )
    return size if size < 1 else int(size)


def _separator(text: str) -> str:
    """Return a separator, from what can be typed in a shell."""
    separator = {"tab": "\t", "\\t": "\t", "blank": " "}.get(text, text)
    if len(separator) != 1:
        raise argparse.ArgumentTypeError(f"must be one character, tab or blank, got {text!r}")
    return separator


def _encoding(text: str) -> str:
    """Return the name of an encoding that Python knows."""
    try:
        codec = codecs.lookup(text)
        "".encode(codec.name)  # some are none of text
        return codec.name
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"must be an encoding such as utf-8, cp1252 or shift-jis, got {text!r}"
        ) from None


def _add_compare(commands: Any) -> None:
    """Add the command ``compare`` and its arguments."""
    parser = commands.add_parser(
        "compare",
        help="fit models side by side and print one table",
        description=COMPARE_HELP,
        epilog=MODELS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "data",
        nargs="?",
        default="digits",
        help="digits (default) come with scikit-learn; mnist is downloaded once; or a file, "
        f"{', '.join(DATA_ENDINGS)}, compressed too; - is stdin",
    )
    add("--models", metavar="NAMES", help="which of those below, as in adam,forest")
    add("--device", default="auto", help="cpu, cuda, mps, ... (default: auto)")
    add("--seed", type=_seed, default=0, help="for the split and the models (default: 0)")
    add(
        "--test-size",
        metavar="SIZE",
        type=_test_size,
        default=0.25,
        help="share or number of rows to test on (default: 0.25)",
    )
    _add_outputs(add)
    _add_file_options(parser.add_argument_group("options of files").add_argument)


def _add_outputs(add: Any) -> None:
    """Add where things are kept and written."""
    add("--data-home", metavar="FOLDER", help="where mnist is kept (default: scikit-learn's)")
    add(
        "--save",
        metavar="FILE",
        type=Path,
        help=f"save the table; the ending says how: {', '.join(TABLE_ENDINGS)}",
    )
    add(
        "--report",
        metavar="FILE",
        type=Path,
        help="write a page with table, pictures and conditions: .html",
    )
    add("--traceback", action="store_true", help="show where in the code an error arose")


def _add_file_options(add: Any) -> None:
    """Add what says how a file is to be read."""
    add(
        "--target",
        metavar="COLUMN",
        action="append",
        help="the column that has the labels; several, of two values each, with commas",
    )
    add(
        "--drop",
        metavar="COLUMN",
        action="append",
        default=[],
        help="columns not to learn from: one, or several with commas",
    )
    add("--classes", action="store_true", help="numbers of the target are labels, however many")
    add(
        "--na",
        metavar="TEXT",
        action="append",
        default=[],
        help="a text that stands for a missing value",
    )
    add("--sep", type=_separator, help="what separates columns: a character, tab or blank")
    add("--encoding", type=_encoding, help="of text, as in cp1252 (default: found)")
    add(
        "--no-header",
        action="store_true",
        help="the first line has data; columns are 'column 1' ...",
    )


def check_arguments(arguments: argparse.Namespace) -> None:
    """Raise for what can be known to fail before anything is read."""
    for option, endings in (("save", TABLE_ENDINGS), ("report", REPORT_ENDINGS)):
        if (path := getattr(arguments, option)) is None:
            continue
        check_save_path(path, endings)
        if path.resolve() == Path(arguments.data).resolve():
            raise ValueError(f"--{option} would replace {arguments.data!r}, which is to be read.")
    if arguments.data_home is not None and arguments.data != "mnist":
        raise ValueError("--data-home is for mnist, which is kept there.")
    if arguments.data in IMAGE_SHAPES:
        for option in FILE_OPTIONS:
            if getattr(arguments, option.replace("-", "_")):
                raise ValueError(
                    f"--{option} is for files; {arguments.data} has labels of its own."
                )
