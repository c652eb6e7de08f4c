"""The command line. The only part of the package that prints."""

from skorchless.cli._main import main

__all__ = ["main"]
