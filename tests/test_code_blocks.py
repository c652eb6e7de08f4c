"""The code of README.md, CONTRIBUTING.md and the pages of docs/ runs as it stands there.

Python is executed, and the numbers that it shows in comments are compared. Commands of this
package are run; those of pip and nox must name what there is.
"""

import ast
import re
import shlex
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from skorchless.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NO_PAGES = {"_build", "generated", "lecture", "examples"}  # scripts, and what a build writes
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
PAGES = [page for page in PAGES if NO_PAGES.isdisjoint(page.relative_to(ROOT).parts)]
MARKS = {"scaling.md": (pytest.mark.dask, pytest.mark.slow)}  # a cluster of two processes

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the tests are away from their checkout")


def blocks_of(page):
    """Return the fenced blocks of a page, but for those that are directives."""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    return [t for t in tokens if t.type == "fence" and not t.info.startswith("{")]


def code_of(page, mnist):
    """Return the blocks of code that read MNIST, or those that do not."""
    return [b for b in blocks_of(page) if b.info != "text" and ("mnist" in b.content) == mnist]


PARTS = [
    pytest.param(page, with_mnist, id=page.name + "-mnist" * with_mnist, marks=marks)
    for page in PAGES
    for with_mnist, marks in [(False, MARKS.get(page.name, ())), (True, pytest.mark.mnist)]
    if code_of(page, with_mnist)
]


def run_python(block, page, namespace):
    """Execute a block, and compare the values of expressions with the comments behind them."""
    lines = block.content.splitlines()
    for node in ast.parse(block.content).body:
        comment = lines[node.end_lineno - 1][node.end_col_offset :].lstrip(" #")
        ast.increment_lineno(node, block.map[0] + 1)  # so that a traceback shows the page
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), page, "eval"), namespace)  # noqa: S307
            assert agrees(value, comment), f"line {node.lineno}: {value!r}, not {comment!r}"
        else:
            exec(compile(ast.Module([node], []), page, "exec"), namespace)  # noqa: S102


def agrees(value, comment):
    """Return whether a value is what a comment that begins with numbers shows, to its digits."""
    if not re.match(r"[(\[]*-?\d", comment):
        return True
    values = np.ravel(value).tolist()
    shown = re.findall(r"-?\d+(?:\.\d+)?", comment)[: len(values)]
    decimals = [len(text.partition(".")[2]) for text in shown]
    return len(shown) == len(values) and [*map(round, values, decimals)] == [*map(float, shown)]


def run_commands(text):
    """Run the commands of this package; check that what others name is there."""
    sessions = re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    for command in re.split(r"\n|&&", text):
        match shlex.split(command.partition(" -- ")[0], comments=True):  # up to pytest's own
            case ["skorchless", *arguments]:
                assert main(arguments) == 0
            case ["python", "-m", "nox", *words]:
                assert {*words} <= {"-l", "-s", *sessions}
            case ["python", "-m", "pip", "install", *words]:
                known = {"-c", "constraints.txt", "-e", ".", "", "--group", "nox", "-U", "pip"}
                assert {*re.split(r"[][, ]", " ".join(words))} <= known | {*extras, *groups}
            case [] | ["pre-commit", "install"]:
                pass
            case _:
                pytest.fail(f"nobody has said how to check {command!r}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work where the files are that pages read; leave no figure behind."""
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 2)), columns=["price", "age"])
    table = table.assign(shop=["Bern", "Chur", "", "Bern"] * 100, returned=["yes", "no"] * 200)
    table.to_csv("sales.csv", index=False)
    np.eye(200, 784, dtype=np.float32).tofile("rows.f32")
    np.save("labels.npy", np.arange(200) % 2)
    yield
    plt.close("all")


@pytest.fixture
def scheduler(folder, monkeypatch):
    """Let an address mean this process; write a folder that is read in parts."""
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    Path("sales").mkdir()
    pd.read_csv("sales.csv").drop(columns="shop").to_parquet("sales/0.parquet")
    connect, start = distributed.Client.__init__, distributed.LocalCluster
    any_port, threads = {"dashboard_address": ":0"}, {"processes": False}

    def connect_here(self, address=None, **options):
        to = threads | any_port if address == "scheduler:8786" else {"address": address}
        connect(self, **to, **options)

    monkeypatch.setattr(distributed.Client, "__init__", connect_here)
    monkeypatch.setattr(distributed, "LocalCluster", lambda **given: start(**given, **any_port))
    yield
    distributed.default_client().close()


@pytest.mark.parametrize(("page", "with_mnist"), PARTS)
def test_the_code_of_a_page_runs_and_shows_what_it_gives(page, with_mnist, folder, request):
    for fixture in ["mnist"] * with_mnist + ["scheduler"] * (page.name == "scaling.md"):
        request.getfixturevalue(fixture)
    namespace = {"__name__": "__main__"}
    for block in code_of(page, with_mnist):
        if block.info == "python":
            run_python(block, page, namespace)
        else:
            run_commands(block.content)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_is_found_and_is_code_or_output(page):
    in_text = re.findall(r"^ *```+ *(\w+)$", page.read_text("utf-8"), re.MULTILINE)
    assert [block.info for block in blocks_of(page)] == in_text
    assert {*in_text} <= {"python", "sh", "text"}


def test_numbers_in_a_comment_are_compared_to_their_digits():
    right = [(0.04642, "0.0464, of ten"), ((569, 8), "(569, 8)"), ("text", "no number")]
    wrong = [(0.0466, "0.0464"), (-1.0, "1.0"), ((0.1, 5), "0.1"), (np.ones(2), "[1.0, 2.0]")]
    assert all(agrees(*pair) for pair in right)
    assert not any(agrees(*pair) for pair in wrong)
