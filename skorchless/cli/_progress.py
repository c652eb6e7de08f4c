"""ProgressLine: what the command line writes to stderr while it works."""

from __future__ import annotations

import sys


class ProgressLine:
    """Writes to stderr; what ends in "..." stays open, and the next text completes its line."""

    def __init__(self, *, is_silent: bool, tells_data: bool = False) -> None:
        self._is_silent = is_silent
        self._tells_data = tells_data  # on a pipe too
        self._is_open = False

    def __call__(self, text: str) -> None:
        """Write ``text``."""
        is_step = text.endswith("...") or text.startswith("done") or not text
        if self._is_silent and (is_step or not self._tells_data):
            return
        self._is_open = text.endswith("...")
        sys.stderr.write(text + (" " if self._is_open else "\n"))
        sys.stderr.flush()

    def warn(self, message: Warning | str) -> None:
        """Write a warning of Python as a line of its own, on a pipe too."""
        self.close()
        sys.stderr.write(f"skorchless: warning: {in_a_line(message)}\n")

    def close(self) -> None:
        """End a line that is open, so that what follows begins its own."""
        if self._is_open:
            sys.stderr.write("\n")
            self._is_open = False


def in_a_line(message: object) -> str:
    """Return what an error or a warning says, in one line."""
    return " ".join(str(message).split())
