"""Into how many blocks and shares work on rows is cut, by what it takes on one core.

The number of workers has no say: the shares decide how sums are rounded, and a fit is to have the
same bits on any machine of a kind. A `Placement` hands the sizes to its rows.
"""

from __future__ import annotations

from dataclasses import dataclass

# What a share is worth at least: to hand it to a worker takes 0.05 ms, and Python, which works
# for one thread at a time, 0.1 ms of each. Shares of 0.25 ms take up to twice as long in all.
MIN_SHARE_SECONDS = 1e-3
# The same of matrices that are read once, in bytes: 1 ms. Shares of 4 MB of the class Hessians of
# MNIST, 25 MB, took 1.3 times as long together as by torch's own threads.
MIN_SHARE_BYTES = 2**23
# Up to 16 shares, their number is a power of two: then two, four or eight workers have equal work.
# With more of them, one share more or less does not matter.
MAX_EVEN_SHARES = 16


@dataclass(frozen=True)
class BlockSizes:
    """How large blocks are, and the time of a function that returns some values for each row."""

    # In seconds: for each byte of the row that is read, for each of its entries and each value
    # that is returned, and for each of these values. Measured on a core of 2 GHz for 4 to 5,000
    # features and 1 to 1,000 values, float32 and float64; right within a factor of two.
    seconds_per_byte: float = 1.5e-10
    seconds_per_product: float = 1.5e-10
    seconds_per_output: float = 1e-8
    # The rows of a block, and what a function holds for them. With 1 MB a pass takes up to twice
    # as long as with 4 MB, with 8 MB up to a fifth longer.
    block_bytes: int = 2**22
    # Fewer rows multiply slowly, however wide they are.
    min_block_rows: int = 64
    # A GPU wants few large kernels; the bound keeps the logits and a converted block small.
    gpu_block_bytes: int = 2**28
    # What a function holds for a block of sparse rows. Few large blocks: the gradient of each has
    # as many entries as there are weights, however few of its features a block shows.
    sparse_block_values: int = 2**22
    # Stored entries that are converted at a time: 32 MB of float64 at most.
    converted_entries: int = 2**22
    # A share of a sparse product, in stored entries: 0.7 ms for one vector, more for several. With
    # 2**17 a lasso of 20,000 x 50,000, 0.16 % of them stored, takes a third longer.
    min_share_entries: int = 2**19
    # Entries of X that are converted at a time for the products of rows: 4 MB of float64.
    gram_entries: int = 2**19
    # Entries of X that `one_model` copies or multiplies at a time: 256 kB, which stay in a core's
    # cache.
    copied_entries: int = 2**15
    # Results of partitions that a task on a cluster adds up: a tree of them leaves one.
    fan_in: int = 8

    def n_row_blocks(
        self, n_rows: int, n_features: int, values_per_row: int | None, itemsize: int
    ) -> int:
        """Return into how many blocks dense rows are cut.

        ``values_per_row`` is how many values a function holds for each row, None as many as the
        row has; ``itemsize`` is the size of a value in bytes.
        """
        of_row = n_features * itemsize * self.seconds_per_byte
        of_output = n_features * self.seconds_per_product + self.seconds_per_output
        seconds = n_rows * (of_row + (values_per_row or 1) * of_output)
        widest = max(1, n_features, values_per_row or 0)
        most_rows = max(self.min_block_rows, self.block_bytes // (widest * itemsize))
        return max(even_shares(seconds / MIN_SHARE_SECONDS), -(-n_rows // most_rows))

    def n_entry_shares(self, n_entries: int, n_added: int = 0) -> int:
        """Return into how many shares a product of ``n_entries`` stored entries is cut.

        ``n_added`` is how many sums each share has that are added to those of the others.
        """
        return even_shares(n_entries / (self.min_share_entries + n_added))


def even_shares(n_worth: float) -> int:
    """Return the largest power of two within ``n_worth`` shares and `MAX_EVEN_SHARES`."""
    return min(MAX_EVEN_SHARES, 2 ** max(0, int(n_worth).bit_length() - 1))
