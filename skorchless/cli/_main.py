"""main: reads arguments, runs the command, turns errors into a sentence and an exit code.

The table goes to stdout, errors to stderr, and progress too where that is a terminal. A user's
mistake is one sentence and exit code 2, found before the work begins wherever it can be.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from skorchless.cli._arguments import IMAGE_SHAPES, build_parser, check_arguments
from skorchless.cli._progress import ProgressLine, in_a_line

EXIT_DONE, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130  # argparse's, and a shell's for Ctrl-C


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
    arguments = build_parser().parse_args(argv)
    is_file = getattr(arguments, "data", None) not in IMAGE_SHAPES
    progress = ProgressLine(is_silent=not sys.stderr.isatty(), tells_data=is_file)
    try:
        check_arguments(arguments)
        # Not above: what is answered before this line need not wait for torch.
        from skorchless.cli._compare import run_compare

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
    except Exception as error:
        progress.close()
        if arguments.traceback:
            traceback.print_exc()
        sys.stderr.write(f"skorchless: error: {_sentence(error)}\n")
        return EXIT_ERROR
    return EXIT_DONE


def _sentence(error: Exception) -> str:
    """Return what an error says to a user: of the data, of the machine, or of a fault of ours."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for these data and models."
    if isinstance(error, (ValueError, OSError, ImportError)):
        return in_a_line(error)
    return (
        f"a fault of skorchless, not of the data: {type(error).__name__}: {in_a_line(error)}. "
        "Please report it, with what --traceback shows."
    )
