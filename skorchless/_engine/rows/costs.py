"""The cost model of sharing: what work takes on one core, and into how many shares it is cut.

`rows` and `blocks` ask it. The number of workers has no say: the shares decide how sums are
rounded, and a fit is to have the same bits on any machine of a kind.
"""

from __future__ import annotations

# What a row costs a function that returns some values for it, in seconds: for each byte of the row
# that is read, for each of its entries and each value that is returned, and for each of these
# values. Measured on a core of 2 GHz for 4 to 5,000 features and 1 to 1,000 values, float32 and
# float64; the estimate is right within a factor of two.
SECONDS_PER_BYTE = 1.5e-10
SECONDS_PER_PRODUCT = 1.5e-10
SECONDS_PER_OUTPUT = 1e-8
# What a share is worth at least: to hand it to a worker takes 0.05 ms, and Python, which works
# for one thread at a time, 0.1 ms of each. Shares of 0.25 ms take up to twice as long in all.
MIN_SHARE_SECONDS = 1e-3
# The same of a sparse product, in stored entries: 0.7 ms for one vector, more for several. With
# 2**17 a lasso of 20,000 x 50,000, 0.16 % of them stored, takes a third longer.
MIN_SHARE_ENTRIES = 2**19
# The same of matrices that are read once, in bytes: 1 ms. Shares of 4 MB of the class Hessians of
# MNIST, 25 MB, took 1.3 times as long together as by torch's own threads.
MIN_SHARE_BYTES = 2**23
# Up to 16 shares, their number is a power of two: then two, four or eight workers have equal work.
# With more of them, one share more or less does not matter.
MAX_EVEN_SHARES = 16
# The rows of a block, and what a function holds for them. Of 1 MB a pass takes up to twice as long
# as of 4 MB, of 8 MB up to a fifth longer.
BLOCK_BYTES = 2**22
# Fewer rows multiply slowly, however wide they are.
MIN_BLOCK_ROWS = 64


def n_row_blocks(n_rows: int, n_features: int, values_per_row: int | None, itemsize: int) -> int:
    """Return into how many blocks dense rows are cut.

    ``values_per_row`` is how many values a function holds for each row, None as many as the row
    has; ``itemsize`` is the size of a value in bytes.
    """
    of_row = n_features * itemsize * SECONDS_PER_BYTE
    of_output = n_features * SECONDS_PER_PRODUCT + SECONDS_PER_OUTPUT
    seconds = n_rows * (of_row + (values_per_row or 1) * of_output)
    widest = max(1, n_features, values_per_row or 0)
    most_rows = max(MIN_BLOCK_ROWS, BLOCK_BYTES // (widest * itemsize))
    return max(even_shares(seconds / MIN_SHARE_SECONDS), -(-n_rows // most_rows))


def n_entry_shares(n_entries: int, n_added: int = 0) -> int:
    """Return into how many shares a product of ``n_entries`` stored entries is cut.

    ``n_added`` is how many sums each share has that are added to those of the others.
    """
    return even_shares(n_entries / (MIN_SHARE_ENTRIES + n_added))


def even_shares(n_worth: float) -> int:
    """Return the largest power of two within ``n_worth`` shares and `MAX_EVEN_SHARES`."""
    return min(MAX_EVEN_SHARES, 2 ** max(0, int(n_worth).bit_length() - 1))
