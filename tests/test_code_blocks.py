"""The code of README.md, CONTRIBUTING.md and the pages of docs/ runs as it stands there.

Python is executed, and the values that it shows in comments are compared. Commands of this package
are run; those of pip and nox must name what there is. Tables are compared with what is printed.
"""

import ast
import re
import shlex
import tomllib
from itertools import zip_longest
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
NOT_PRINTED = {"data.md", "devices.md"}  # the text is of scripts that take long, and of an error
MARKS = {
    ("scaling.md", False): [pytest.mark.dask, pytest.mark.slow],  # a cluster of two processes
    ("start.md", True): [pytest.mark.slow],  # a random forest
}

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the tests are away from their checkout")
LITERAL = r'True|False|None|"[^"]*"'


def blocks_of(page):
    """Return the fenced blocks of a page, but for those that are directives."""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    return [t for t in tokens if t.type == "fence" and not t.info.startswith("{")]


def code_of(page, mnist):
    """Return the blocks of code that read MNIST, or those that do not, and what they print."""
    chosen, is_chosen = [], False
    for block in blocks_of(page):
        is_printed = block.info == "text"
        is_chosen = is_chosen if is_printed else ("mnist" in block.content) == mnist
        if is_chosen and not (is_printed and page.name in NOT_PRINTED):
            chosen.append(block)
    return chosen


PARTS = [
    pytest.param(
        *(page, with_mnist),
        id=page.name + "-mnist" * with_mnist,
        marks=MARKS.get((page.name, with_mnist), []) + [pytest.mark.mnist] * with_mnist,
    )
    for page in PAGES
    for with_mnist in (False, True)
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
    """Return whether a value is what a comment shows, numbers to their digits; words show none."""
    if re.match(LITERAL, comment):
        value = value.item() if isinstance(value, np.generic) else value
        shown = map(ast.literal_eval, re.findall(LITERAL, comment))
        return any(type(value) is type(each) and value == each for each in shown)
    if not re.match(r"[(\[]*-?\d", comment):
        return True
    values = np.ravel(value).tolist()
    shown = re.findall(r"-?\d+(?:\.\d+)?", comment)[: len(values)]
    decimals = [len(text.partition(".")[2]) for text in shown]
    return len(shown) == len(values) and [*map(round, values, decimals)] == [*map(float, shown)]


def cells_of(text):
    """Return the cells of each line of a table; two blanks are between them."""
    return [re.split(r" {2,}", line.strip()) for line in text.strip().splitlines()]


def same_table(shown, printed):
    """Return whether two tables have the same names, shape and, near enough, the same cells."""
    (names, *shown), (names_printed, *printed) = cells_of(shown), cells_of(printed)
    if names != names_printed or [*map(len, shown)] != [*map(len, printed)]:
        return False
    # Aligned by the last column: the names of rows have no name themselves.
    return all(
        same_cell(name or "", *cells)
        for rows in zip(shown, printed, strict=True)
        for name, *cells in zip_longest(*(line[::-1] for line in (names, *rows)))
    )


def same_cell(name, shown, printed):
    """Return whether two cells are the same: seconds to any number, bytes to 5 percent."""
    (number, unit), (number_printed, unit_printed) = (
        re.fullmatch(r"([\d.]*) ?(.*)", cell).groups() for cell in (shown, printed)
    )
    if unit != unit_printed or bool(number) != bool(number_printed):
        return False
    tolerance = {"abs": np.inf if "seconds" in name else 0.005, "rel": 0.05 if unit else 0.0}
    return not number or float(number_printed) == pytest.approx(float(number), **tolerance)


def run_commands(text):
    """Run the commands of this package; check that what others name is there."""
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")
    [pythons] = re.findall(r"^PYTHONS = (\(.*\))$", noxfile, re.MULTILINE)
    sessions = re.findall(r"@nox\.session\ndef (\w+)", noxfile)
    sessions += [f"tests-{version}" for version in ast.literal_eval(pythons)]
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
            case ["python", script, *words] if script.startswith("benchmarks/"):
                source = (ROOT / script).read_text("utf-8")
                assert all(word in source for word in words if word.startswith("--"))
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
    table.assign(complained=["no", "no", "yes", "no", "no"] * 80).to_csv("orders.csv", index=False)
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
def test_the_code_of_a_page_runs_and_shows_what_it_gives(
    page, with_mnist, folder, request, capsys
):
    for fixture in ["mnist"] * with_mnist + ["scheduler"] * (page.name == "scaling.md"):
        request.getfixturevalue(fixture)
    namespace = {"__name__": "__main__"}
    for block in code_of(page, with_mnist):
        if block.info == "text":
            printed = capsys.readouterr().out
            assert same_table(block.content, printed), f"not\n{block.content}, but\n{printed}"
            continue
        capsys.readouterr()
        if block.info == "python":
            run_python(block, page, namespace)
        else:
            run_commands(block.content)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_is_found_and_is_code_or_output(page):
    in_text = re.findall(r"^ *```+ *(\w+)$", page.read_text("utf-8"), re.MULTILINE)
    assert [block.info for block in blocks_of(page)] == in_text
    assert {*in_text} <= {"python", "sh", "text"}


def test_what_a_comment_shows_is_compared_numbers_to_their_digits():
    right = [
        *((0.04642, "0.0464, of ten"), ((569, 8), "(569, 8)"), ("text", "no value")),
        *((np.bool_(True), "True"), (None, "None, not there"), ("cpu", '"cuda" or "cpu"')),
    ]
    wrong = [
        *((0.0466, "0.0464"), (-1.0, "1.0"), ((0.1, 5), "0.1"), (np.ones(2), "[1.0, 2.0]")),
        *((False, "True"), (1, "True"), ("mps", '"cuda" or "cpu"'), (0, "None")),
    ]
    assert all(agrees(*pair) for pair in right)
    assert not any(agrees(*pair) for pair in wrong)


def test_tables_are_compared_but_for_seconds():
    shown = "      log loss  fit seconds   size\nadam    1.9679         0.01  6.6 kB"
    other = "      log loss  fit seconds  size\nadam    1.9681       17.123  6.7 kB"
    assert same_table(shown, other)
    for old, new in [
        *(("log", "logarithmic"), ("adam", "sgd"), ("1.9681", "1.98"), ("kB", "MB")),
        *(("1.9681", "nan"), ("6.7", "7.7"), (" kB", " kB  1"), ("17.123", "soon")),
    ]:
        assert not same_table(shown, other.replace(old, new))
    assert not same_table(shown, f"{other}\nlbfgs   1.9681       17.123  6.7 kB")
