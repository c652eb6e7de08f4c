"""main: reads arguments, runs the command, turns errors into a sentence and an exit code.

The table goes to stdout, errors to stderr, and progress too where that is a terminal. A user's
mistake is one sentence and exit code 2, found before the work begins wherever it can be.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from skorchless.cli._arguments import build_parser, check_arguments

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
    progress = ProgressLine(is_silent=not sys.stderr.isatty())
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
