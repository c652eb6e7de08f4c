"""The five-minute start as a notebook: it runs from top to bottom, and shows what it should."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

START = Path(__file__).parents[1] / "docs" / "start.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not START.exists(), reason="the tests are away from their checkout"),
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return what each cell shows, by kind of content; two cells show what the page has made."""
    folder = tmp_path_factory.mktemp("notebook")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"price": rng.normal(size=400), "shop": ["Bern", "Chur"] * 200})
    table.assign(returned=rng.choice(["yes", "no"], 400)).to_csv(folder / "sales.csv", index=False)
    blocks = MarkdownIt().parse(START.read_text("utf-8"))
    sources = [block.content for block in blocks if block.info == "python"]
    cells = [nbformat.v4.new_code_cell(source) for source in [*sources, "comparison", "search"]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    place = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=place).execute()
    outputs = [[out.get("data", {}) for out in cell.outputs] for cell in notebook.cells]
    return {cell.source: of_cell for cell, of_cell in zip(notebook.cells, outputs, strict=True)}


def test_a_comparison_is_a_table_and_a_picture(shown):
    [data] = shown["comparison"]
    assert "<th>lbfgs</th>" in data["text/html"]
    assert '<svg role="img"' in data["text/html"]


def test_a_fitted_search_shows_its_parameters_and_results_but_no_long_array(shown):
    [data] = shown["search"]
    for name in ("scoring", "n_features_in_", "coefs_paths_", "C_"):
        assert name in data["text/html"]
    # 5 folds, 10 penalties, 10 classes and 65 numbers each are 32,500 in coefs_paths_ alone.
    assert data["text/html"].count("0.") < 2_000


def test_a_fitted_pipeline_is_a_diagram(shown):
    [of_models] = [out for source, out in shown.items() if "comparison.models" in source]
    assert "TorchLogisticClassifier" in of_models[-1]["text/html"]
