"""Draw the ratios of `bench_ordinary` from the CSV that it wrote: one row a problem, by kind.

`python benchmarks/plot_ordinary.py docs/ordinary.csv docs/ordinary.svg`; its colours are chosen
for a light and for a dark page, with nothing behind them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK, FAINT = "#7a7f87", "#8b919a55"  # a contrast of 4 to white and of 4.5 to a dark page
FASTER, SLOWER, GLUM = "#2b86d9", "#d2691e", "#8f63d2"
NEAR = 2e-3  # bench_ordinary's: further above the optimum, a dot is hollow
ROW_INCHES = 0.165
TICKS = (0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
LABEL = {  # left of the column, all at one distance
    "xytext": (-144, 0),
    "xycoords": ("axes fraction", "data"),
    "textcoords": "offset points",
    "verticalalignment": "center_baseline",
}
STYLE = {
    "font.size": 8,
    "font.family": "sans-serif",
    "svg.fonttype": "none",  # letters stay text
    "svg.hashsalt": "ordinary",  # the same file from the same figures
    "text.color": INK,
    "xtick.color": INK,
    "axes.edgecolor": FAINT,
}
# How a dot looks: faster, slower, and where skorchless ends further above the optimum.
LEGEND = [
    ("skorchless is faster", {"marker": "o", "color": FASTER}),
    ("slower", {"marker": "o", "color": SLOWER}),
    ("hollow: ends further than 2e-3 above the optimum", {"marker": "o", "mfc": "none"}),
    ("at least", {"marker": ">"}),
    ("glum", {"marker": "|", "color": GLUM, "markeredgewidth": 1.6}),
]


def split(table):
    """Return the groups of two columns: each kind goes to the one that is shorter so far."""
    columns, heights = ([], []), [0, 0]
    for kind, rows in table.groupby("kind", sort=False):
        i = heights.index(min(heights))
        columns[i].append((kind, rows))
        heights[i] += len(rows) + 2
    return columns, max(heights)


def draw_row(ax, y, row):
    """Draw the ratio of one problem at height ``y``, on a line from 1x to it."""
    color = FASTER if row["ratio"] >= 1 else SLOWER
    is_near = not row["distance"] > NEAR  # predictions have none
    ax.plot([1, row["ratio"]], [y, y], color=color, linewidth=0.8, alpha=0.5)
    marker = "o" if row["is reached"] else ">"
    dot = {"markersize": 4.5, "color": color, "clip_on": False}
    if not is_near:
        dot["markerfacecolor"] = "none"
    ax.plot(row["ratio"], y, marker, **dot)
    ax.plot(row["ratio to glum"], y, "|", color=GLUM, markersize=6, markeredgewidth=1.6)
    ax.annotate(row["problem"], (0, y), **LABEL)


def draw_column(ax, groups):
    """Draw groups below each other, each under its name."""
    y = 0
    for kind, rows in groups:
        ax.annotate(kind, (0, y), fontweight="bold", **LABEL)
        for _, row in rows.iterrows():
            y += 1
            draw_row(ax, y, row)
        y += 2


def style(ax, limits, height):
    """Give a column its scale, its grid, and the line at 1x."""
    ax.set(xscale="log", xlim=limits, ylim=(height - 1, -1), yticks=[])
    ticks = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    ax.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    ax.tick_params(which="both", length=0, labeltop=True)
    ax.minorticks_off()
    ax.grid(axis="x", color=FAINT, linewidth=0.6)
    ax.axvline(1, color=INK, linewidth=1.2)
    ax.spines[:].set_visible(False)
    ax.patch.set_visible(False)


def draw(table):
    """Return the figure."""
    columns, height = split(table)
    ratios = table[["ratio", "ratio to glum"]]
    limits = (min(0.5, ratios.min().min() / 1.15), ratios.max().max() * 1.15)
    figure = Figure(figsize=(10.4, 0.9 + ROW_INCHES * height))
    figure.patch.set_visible(False)
    axes = figure.subplots(1, 2)
    inches = figure.get_figheight()
    edges = {"top": 1 - 0.62 / inches, "bottom": 0.28 / inches}
    figure.subplots_adjust(left=0.2, right=0.985, wspace=0.8, **edges)
    for ax, groups in zip(axes, columns, strict=True):
        draw_column(ax, groups)
        style(ax, limits, height)
    handles = [
        Line2D([], [], **{"linestyle": "", "markersize": 5, "color": INK, "label": label} | look)
        for label, look in LEGEND
    ]
    place = {"loc": "upper left", "bbox_to_anchor": (0, 1), "ncols": len(handles)}
    figure.legend(handles=handles, frameon=False, handletextpad=0.1, columnspacing=1.2, **place)
    return figure


def main():
    """Write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("svg", type=Path)
    options = parser.parse_args()
    with mpl.rc_context(STYLE):
        FigureCanvasSVG(draw(pd.read_csv(options.csv))).print_svg(
            options.svg, metadata={"Date": None}
        )


if __name__ == "__main__":
    main()
