"""Sphinx configuration. `python -m nox -s docs` builds with it; a warning is an error."""

from skorchless import __version__

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
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = "skorchless"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
# Only the reference has a second level to list.
PAGES = ("index", "start", "grid", "sparse", "data", "scaling", "benchmarks", "changelog")
html_sidebars = {name: [] for name in PAGES}

autosummary_generate = True
autodoc_typehints = "none"
# The template of a class lists its methods, the inherited ones that are ours among them.
numpydoc_show_class_members = False

extlinks = {
    "doi": ("https://doi.org/%s", "doi:%s"),
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
}
myst_enable_extensions = ["dollarmath"]
# References to scikit-learn's classes are written as such, and resolved without a network where
# they can be.
suppress_warnings = ["ref.class", "ref.func"]
