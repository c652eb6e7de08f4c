"""Run benchmarks one after another and write what they print as a page of the documentation.

Each is a process of its own, so that none finds the threads and the memory of the one before.
"""

import argparse
import ast
import datetime
import subprocess
import sys
from pathlib import Path

from measure import environment

HERE = Path(__file__).parent
SCRIPTS = [
    *("bench_epoch", "bench_optimum", "bench_defaults", "bench_predict"),
    "bench_ordinary",
    *("bench_sparse_mnist", "bench_wide", "bench_onehot"),
    "bench_read",
    *(
        "bench_grid",
        "bench_labels",
        "bench_batch",
        "bench_memory",
        "bench_scaling",
        "bench_busy",
        "bench_dask",
    ),
]
# A longer table is behind a line that opens it.
MOST_ROWS = 30
# The figures are drawn by `plot_front.py`, from this page too, and `plot_ordinary.py`.
INTRODUCTION = """# Benchmarks

```{image} front-light.svg
:class: only-light
:alt: 81 tables, MNIST to 0.1 % of the optimum, and a grid of 10 penalties by 5 folds
```

```{image} front-dark.svg
:class: only-dark
:alt: 81 tables, MNIST to 0.1 % of the optimum, and a grid of 10 penalties by 5 folds
```

Each of the 81 tables, and predictions, by kind:

```{image} ordinary.svg
:class: dark-light
:alt: One dot for each table on a logarithmic scale, how many times as long as skorchless the \
best solver of scikit-learn takes; right of the line at 1x, skorchless is faster.
```

Below are the tables, which `python -m nox -s bench` measured: every model in the same run, in
turns, as medians. Ratios are to skorchless; the last row is a floor that no implementation can go
below on this machine: bytes over its read rate, or arithmetic over its best rate of a matrix
product, whichever takes longer. Each table is one script in `benchmarks/`.
"""


def section(name: str) -> str:
    """Return the question of a script, what it says of itself, and its table."""
    script = HERE / f"{name}.py"
    question, *rest = (ast.get_docstring(ast.parse(script.read_text())) or "").split("\n\n")
    print(f"{question}", file=sys.stderr, flush=True)
    command = [sys.executable, "-W", "ignore", str(script)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return "\n\n".join([f"## {question}", *rest, fold(run.stdout.strip())])


def fold(printed: str) -> str:
    """Return what a script printed, a long table at its beginning behind a line that opens it."""
    table, gap, rest = printed.partition("\n\n")
    n_rows = table.count("\n") - 1
    if n_rows <= MOST_ROWS:
        return printed
    return f"<details>\n<summary>All {n_rows} rows</summary>\n\n{table}\n\n</details>{gap}{rest}"


def main() -> None:
    """Print the page, or write it where ``--write`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=SCRIPTS, metavar="NAME", help="such as epoch")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="for instance docs/benchmarks.md"
    )
    options = parser.parse_args()
    names = [f"bench_{name.removeprefix('bench_')}" for name in options.names]
    if unknown := set(names) - set(SCRIPTS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {SCRIPTS}")
    measured = f"Measured on {datetime.date.today():%Y-%m-%d}: {environment()}."
    page = "\n\n".join([INTRODUCTION.strip(), measured, *map(section, names)]) + "\n"
    if options.write is None:
        print(page)
    else:
        options.write.write_text(page)


if __name__ == "__main__":
    main()
