"""The picture of docs/architecture.md: folders, and the imports from one to another.

`docs/conf.py` draws it before each build, from the code as it is.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

PACKAGE = Path(__file__).parent.parent / "skorchless"
INK, LINE, ESTIMATORS, ENGINE = "#7a7f87", "#8b919a", "#2b86d9", "#d2691e"
# Folder, or the modules of `_engine` itself: center (x, y), color.
BOXES = {
    "cli": (2.0, 6.0, INK),
    "comparison": (2.0, 5.0, INK),
    "plotting": (0.4, 3.0, INK),
    "inference": (3.6, 4.2, INK),
    "datasets": (0.4, 5.0, INK),
    "_tables": (0.4, 4.0, INK),
    "estimators": (2.0, 3.4, ESTIMATORS),
    "estimators._fit": (2.0, 2.5, ESTIMATORS),
    "estimators._data": (0.4, 1.6, ESTIMATORS),
    "_engine.solvers": (3.6, 1.6, ENGINE),
    "_engine.curvature": (3.6, 0.8, ENGINE),
    "_engine": (2.0, 0.0, ENGINE),
    "_engine.rows": (2.0, -0.9, ENGINE),
}
WIDTH, HEIGHT = 1.25, 0.42


def folder_of(module):
    """Return the box of a dotted module name, None where it has none."""
    parts = module.split(".")[1:]
    while parts and ".".join(parts) not in BOXES:
        parts.pop()
    return ".".join(parts) or None


def arrows():
    """Return how many modules of a folder import from each other folder."""
    found = Counter()
    for path in PACKAGE.rglob("*.py"):
        own = ".".join(["skorchless", *path.relative_to(PACKAGE).with_suffix("").parts])
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skorchless"):
                ends = folder_of(own), folder_of(node.module)
                if None not in ends and ends[0] != ends[1]:
                    found[ends] += 1
    return found


def draw(path):
    """Write the picture as SVG."""
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "architecture", "font.size": 9}):
        figure = Figure(figsize=(6.8, 6.4))
        FigureCanvasSVG(figure)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(-0.4, 4.4), ylim=(-1.3, 6.4))
        ax.axis("off")
        for (start, end), number in sorted(arrows().items()):
            (x0, y0, color), (x1, y1, _) = BOXES[start], BOXES[end]
            bend = 0.0 if x0 != x1 or abs(y0 - y1) < 1.1 else 0.35
            arrow = FancyArrowPatch(
                *((x0, y0), (x1, y1)),
                connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>",
                mutation_scale=8,
                linewidth=0.5 + 0.08 * number,
                shrinkA=22,
                shrinkB=22,
                color=color,
                alpha=0.45,
            )
            ax.add_patch(arrow)
        for name, (x, y, color) in BOXES.items():
            box = FancyBboxPatch(
                *((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT),
                boxstyle="round,pad=0.02",
                facecolor="white",
                edgecolor=color,
            )
            ax.add_patch(box)
            label = "objective, nll, ..." if name == "_engine" else name.removeprefix("_engine.")
            label = label.removeprefix("estimators.")
            ax.text(x, y, label, ha="center", va="center", color=color)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, metadata={"Date": None})
