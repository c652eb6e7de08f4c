"""The command line: reads arguments, calls the package, prints. The only module that prints.

The table goes to stdout, progress and errors to stderr. A user's mistake is one sentence and
exit code 2, found before the work begins wherever it can be.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import skorchless
from skorchless.comparison import compare, default_models
from skorchless.comparison._compare import Split, draw_split
from skorchless.comparison._save import ENDINGS, check_save_path, save_table
from skorchless.datasets import fetch_mnist

EXIT_DONE, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130  # argparse's, and a shell's for Ctrl-C

COMPARE_HELP = """\
Fit models on the same samples and print one table: accuracy and log loss of
the test samples, seconds to fit and to predict, size of the pickled model.
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
    progress = ProgressLine()
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

    def __init__(self) -> None:
        self._is_open = False

    def __call__(self, text: str) -> None:
        """Write ``text``."""
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
        choices=("digits", "mnist"),
        default="digits",
        help="digits (default) come with scikit-learn; mnist is downloaded once",
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
        help=f"save the table; the ending says how: {', '.join(ENDINGS)}",
    )


def run_compare(arguments: argparse.Namespace, progress: ProgressLine) -> None:
    """Run ``skorchless compare``."""
    if arguments.save is not None:
        check_save_path(arguments.save)
    if arguments.data_home is not None and arguments.data != "mnist":
        raise ValueError("--data-home is for mnist; the digits come with scikit-learn.")
    models = _choose_models(arguments)
    split = _load_split(arguments, progress)
    _print(_describe(arguments.data, split))
    comparison = compare(
        split.X,
        split.y,
        X_test=split.X_test,
        y_test=split.y_test,
        models=models,
        progress=progress,
    )
    try:
        if arguments.save is not None:
            save_table(comparison.table, arguments.save)
    finally:
        # Last, so that the file is there even if nobody reads on; always, so that a disk that has
        # become full does not cost the result.
        _print(f"\n{comparison}")


def _choose_models(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the default models that ``--models`` names, in its order; all without it."""
    known = default_models(device=arguments.device, random_state=arguments.seed)
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
    """Return the digits, split by ``--seed``, or MNIST in the course's split."""
    if arguments.data == "digits":
        return draw_split(*load_digits(return_X_y=True), random_state=arguments.seed)
    progress("loading mnist ...")
    mnist = fetch_mnist(data_home=arguments.data_home)
    progress("done")
    return Split(mnist.data, mnist.target, mnist.data_valid, mnist.target_valid)


def _describe(name: str, split: Split) -> str:
    """Return one line that says what the models are fitted and tested on."""
    return (
        f"{name}: {len(split.y):,} training and {len(split.y_test):,} test samples, "
        f"{split.X.shape[1]} features, {len(np.unique(split.y))} classes"
    )


def _print(text: str) -> None:
    """Print to stdout at once: in a terminal the order with stderr is that of events."""
    print(text, flush=True)  # noqa: T201, this is the command line
