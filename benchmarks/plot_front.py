"""Draw the figure of the front page from what the benchmarks wrote: three questions side by side.

`python benchmarks/plot_front.py docs/ordinary.csv docs/benchmarks.md docs/front` writes
`docs/front-light.svg` and `docs/front-dark.svg`. The first panel has a dot for each
table, the others have seconds.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from plot_ordinary import FASTER, SLOWER
from plot_ordinary import STYLE as STYLE_OF_ORDINARY

INKS = {"light": "#24292f", "dark": "#e6edf3"}
FAINT = "#8b919a66"
TICKS = (0.5, 1, 2, 5, 10, 30, 100)
# The rows of the benchmarks' tables that are drawn, and what they are called.
TO_THE_OPTIMUM = {
    "skorchless, lbfgs": "skorchless",
    "cyanure, catalyst-miso, 80 epochs": "cyanure",
    "scikit-learn-intelex, lbfgs, 600 iterations": "scikit-learn-intelex",
    "LogisticRegression, newton-cg, tol=5e-5": "scikit-learn, newton-cg",
    "LogisticRegression, lbfgs, 900 iterations": "scikit-learn, lbfgs",
}
GRID = {
    "TorchLogisticClassifierCV()": "TorchLogisticClassifierCV",
    "GridSearchCV(TorchLogisticClassifier())": "one fit after the other",
    "LogisticRegressionCV(n_jobs=2)": "LogisticRegressionCV",
}


def seconds_of(page, question, names):
    """Return seconds by what a row is called, from the first table below a question."""
    _, _, below = page.partition(question)
    lines = below[below.index("\n|") + 1 :].partition("\n\n")[0].splitlines()
    table = pd.read_csv(io.StringIO("\n".join(lines)), sep="|", skipinitialspace=True)
    table = table.rename(columns=str.strip).drop(index=0)  # the rule below the names
    seconds = dict(zip(table.iloc[:, 1].str.strip(), table["seconds"].astype(float), strict=True))
    return pd.Series({shown: seconds[name] for name, shown in names.items()})


def draw_tables(ax, ratios):
    """Draw the ratio of each table as a dot, in order, on a logarithmic scale."""
    ratios = np.sort(ratios)
    ax.scatter(
        *(ratios, np.linspace(0, 1, len(ratios))),
        s=11,
        c=np.where(ratios >= 1, FASTER, SLOWER),
        linewidths=0,
    )
    mean = np.exp(np.log(ratios).mean())
    ax.axvline(mean, color=FASTER, linewidth=1.2, linestyle=":")
    ax.annotate(f"geometric mean {mean:.1f}x", (mean, 0), (5, 0), textcoords="offset points")
    ax.axvline(1, linewidth=1, color=mpl.rcParams["text.color"])
    ax.set(xscale="log", xlim=(0.4, 130), ylim=(-0.06, 1.06), yticks=[])
    ax.set_xticks(TICKS, [f"{tick:g}x" for tick in TICKS])
    ax.minorticks_off()
    ax.grid(axis="x", color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel("times as long: scikit-learn's best")
    ax.set_title(f"{len(ratios)} ordinary tables, defaults")


def draw_bars(ax, seconds, title):
    """Draw the seconds of each, from zero, and their ratio to those of the first one."""
    colors = [FASTER, *[FAINT] * (len(seconds) - 1)]
    ax.barh(range(len(seconds)), seconds, 0.66, color=colors)
    for y, each in enumerate(seconds):
        said = f"{each:.1f} s" if each < 10 else f"{each:.0f} s"
        said += f", {each / seconds.iloc[0]:.2g}x" if y else ""
        ax.annotate(said, (each, y), (4, 0), textcoords="offset points", va="center_baseline")
    ax.set_yticks(range(len(seconds)), seconds.index)
    ax.set(xticks=[], xlim=(0, 1.45 * seconds.max()), ylim=(len(seconds) - 0.4, -0.6))
    ax.set_title(title)


def style(ax):
    """Leave of a panel what says something."""
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.patch.set_visible(False)


def draw(table, page):
    """Return the figure of the fits of a table, and of two questions of a page."""
    fits = table[table["distance"].notna()]
    to_optimum = seconds_of(page, "0.1 % of the optimum on MNIST, C=1?", TO_THE_OPTIMUM)
    grid = seconds_of(page, "## How long does a choice of C take on MNIST", GRID)
    figure = Figure(figsize=(9.2, 2.3), layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.subplots(1, 3)
    draw_tables(axes[0], fits["ratio"].to_numpy())
    draw_bars(axes[1], to_optimum, "MNIST, to 0.1 % of the optimum")
    draw_bars(axes[2], grid, "MNIST, 10 penalties x 5 folds")
    for ax in axes:
        style(ax)
    return figure


def main():
    """Write the figure for light and for dark pages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("page", type=Path, help="docs/benchmarks.md")
    parser.add_argument("stem", help="the figures' path, before -light.svg")
    options = parser.parse_args()
    for theme, ink in INKS.items():
        inks = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), ink)
        ours = {
            "svg.hashsalt": "front",
            "font.size": 8.5,
            "axes.titlesize": 9.5,
            "axes.titleweight": "bold",
        }
        with mpl.rc_context(STYLE_OF_ORDINARY | inks | ours):
            figure = draw(pd.read_csv(options.csv), options.page.read_text("utf-8"))
            path = f"{options.stem}-{theme}.svg"
            FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
