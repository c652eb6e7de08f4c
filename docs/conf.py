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
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
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
