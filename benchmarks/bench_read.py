"""How long does it take to read a CSV file, each column with its type?

500,000 rows of 18 columns of decimals, 6 of integers, 4 of categories, dates and labels, as
`pandas.read_csv` reads it without dates; the same with a stray text in three columns, and with
decimal commas, which `read_csv` leaves as text. And 20,000 columns of 1,000 rows.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from measure import alternate, ratio, show

from skorchless.datasets import read_table


def tall(n_rows=500_000):
    """Return a table of 30 columns."""
    rng = np.random.default_rng(0)
    days = rng.integers(0, 1000, n_rows)
    columns = {
        **{f"x{j}": rng.normal(size=n_rows).round(4) for j in range(18)},
        **{f"i{j}": rng.integers(0, 1000, n_rows) for j in range(6)},
        **{f"c{j}": rng.choice(list("abcdefgh"), n_rows) for j in range(4)},
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"),
        "y": rng.choice(["yes", "no"], n_rows),
    }
    return pd.DataFrame(columns)


def wide(n_columns=20_000):
    """Return a table of 1,000 rows."""
    values = np.random.default_rng(0).normal(size=(1000, n_columns)).round(3)
    return pd.DataFrame(values, columns=[f"x{j}" for j in range(n_columns)])


def main():
    """Print the table."""
    table = {}
    frame = tall()
    stray = frame.astype({"x0": object, "x1": object, "i0": object})
    for name, text in (("x0", "?"), ("x1", "NA"), ("i0", "unknown")):
        stray.loc[len(stray) // 2, name] = text
    with TemporaryDirectory() as folder:
        files = {
            "500,000 x 30": lambda path: frame.to_csv(path, index=False),
            "500,000 x 30, three stray texts": lambda path: stray.to_csv(path, index=False),
            "500,000 x 30, decimal commas": lambda path: frame.to_csv(
                path, index=False, sep=";", decimal=","
            ),
            "1,000 x 20,000": lambda path: wide().to_csv(path, index=False),
        }
        for name, write in files.items():
            path = Path(folder, "t.csv")
            write(path)
            sep = ";" if "commas" in name else ","
            measured = alternate(
                {
                    "read_table": lambda path=path: read_table(path),
                    "read_csv": lambda path=path, sep=sep: pd.read_csv(path, sep=sep),
                }
            )
            ours, theirs = (seconds for seconds, _ in measured.values())
            table[name] = {
                "read_table, s": f"{ours:.2f}",
                "pandas.read_csv, s": f"{theirs:.2f}",
                "ratio to read_csv": ratio(ours, theirs),
            }
    show(table)


if __name__ == "__main__":
    main()
