"""``python -m skorchless`` is the command ``skorchless``."""

import sys

from skorchless.cli import main

if __name__ == "__main__":
    sys.exit(main())
