"""Sphinx configuration. `python -m nox -s docs` builds with it; a warning is an error."""

import sys
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

from skorchless import __version__

sys.path.insert(0, str(Path(__file__).parent))
from architecture_picture import draw

project = "skorchless"
author = "the skorchless developers"
copyright = "2026, the skorchless developers"  # noqa: A001, Sphinx's name
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "skorchless"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 5,
}
# Pages without others beside or below them have nothing to list at their side; the lecture's go on
# in one order, and their code needs the width.
PAGES = (
    "index",
    "benchmarks",
    "architecture",
    "faq",
    "changelog",
    "search",
    "genindex",
    "lecture/*",
)
html_sidebars = {name: [] for name in PAGES}

autosummary_generate = True
default_role = "py:obj"  # a name in backticks is a link to what it names
autodoc_typehints = "none"
# The template of a class lists its methods, the inherited ones that are ours among them.
numpydoc_show_class_members = False

extlinks = {
    "doi": ("https://doi.org/%s", "doi:%s"),
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # pages link to each other's headings
# References to scikit-learn's classes are written as such, and resolved without a network where
# they can be.
suppress_warnings = ["ref.class", "ref.func"]

# The lecture: each script is run, and its page has what it printed and drew.
sphinx_gallery_conf = {
    "examples_dirs": "examples/lecture",
    "gallery_dirs": "lecture",
    "within_subsection_order": "FileNameSortKey",
    "ignore_pattern": r"course_data\.py",
    "doc_module": ("skorchless",),
    "backreferences_dir": None,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
}

# Formulas are MathML, which browsers draw by themselves: MathJax would come from the network.
html_math_renderer = "mathml"


def setup(app):
    """Draw the picture of the architecture, and add the renderer of formulas."""
    draw(Path(app.srcdir) / "generated" / "architecture.svg")

    def visit_math(writer, node):
        writer.body.append(tex2mathml(node.astext()))
        raise SkipNode

    def visit_math_block(writer, node):
        formula = tex2mathml(node.astext(), as_block=True)
        # A keyboard scrolls only what can have the focus.
        writer.body.append(f'<p style="overflow-x: auto" tabindex="0">{formula}</p>')
        raise SkipNode

    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
