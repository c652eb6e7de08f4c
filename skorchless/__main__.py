"""The process of the command: ``skorchless`` and ``python -m skorchless`` start here.

What is set for the whole process is set here, before torch is loaded, and nowhere else: a program
that calls `skorchless.cli.main` has settings of its own.
"""

import os
import sys

from skorchless.cli import main

# How often a thread of GNU OpenMP looks for work before it sleeps. By default, 300,000, it keeps a
# core for milliseconds, from the very thread that it waits for where other processes want cores.
# The engine has no use for these threads; other models of a comparison may have. An epoch of Adam
# by OpenMP, MNIST on two idle cores, took as long with 10,000 as with the default, and three times
# as long with OMP_WAIT_POLICY=passive, which means 0.
SPIN_COUNT = "10000"
# What a user sets to decide it: for GNU's OpenMP, for any, for LLVM's and Intel's.
WAIT_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")


def run() -> int:
    """Run the command line in a process of its own; return its exit code."""
    if not any(name in os.environ for name in WAIT_VARIABLES):
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT  # read once, when torch loads its OpenMP
    return main()


if __name__ == "__main__":
    sys.exit(run())
