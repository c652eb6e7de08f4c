"""What the README promises is what CI runs."""

import re
from pathlib import Path

import pandas as pd
import pytest
from packaging.requirements import Requirement
from scipy.stats import gmean

import skorchless

ROOT = Path(__file__).parents[1]
MAIN_JOB = "python -m pip install -c constraints.txt . && skorchless compare"
TESTS = "python -m pip install nox && python -m nox -s tests"

pytestmark = pytest.mark.skipif(
    not (ROOT / ".ci").exists(), reason="the tests are away from their checkout"
)


@pytest.mark.parametrize("line", [MAIN_JOB, TESTS])
def test_the_readme_sets_everything_up_in_one_line(line):
    assert f"```sh\n{line}\n```" in (ROOT / "README.md").read_text()


def test_ci_calls_the_readmes_test_line():
    assert TESTS in (ROOT / ".ci" / "run").read_text().splitlines()


def test_everything_is_pinned_torch_for_every_python():
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert [pin for pin in pins if not re.match(r"#|[\w.-]+==\d", pin)] == []
    of_torch = [Requirement(pin) for pin in pins if pin.startswith("torch==")]
    for version in ("3.11", "3.12", "3.13"):
        found = [pin for pin in of_torch if pin.marker.evaluate({"python_version": version})]
        assert len(found) == 1


def test_the_figures_of_the_front_page_are_those_of_the_file():
    table = pd.read_csv(ROOT / "docs" / "ordinary.csv")
    fits = table[table["distance"].notna()]
    on_one = fits["ratio on one thread"].fillna(fits["ratio"])
    lost = fits[fits["ratio"] < 1]
    milliseconds = lost["ratio"] * lost["ms"]
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    for said in [
        f"takes {gmean(fits['ratio']):.1f} times as long",
        f"of {len(fits)} ordinary tables, and {gmean(on_one):.1f} times",
        f"{len(lost)} of them, which take it {milliseconds.min():.0f} to "
        f"{milliseconds.max():.0f} milliseconds",
    ]:
        assert said in readme


def test_everything_that_is_versioned_has_this_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {skorchless.__version__}\n" in citation
    [newest, *_] = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert newest == skorchless.__version__
    pickles = ROOT / "tests" / "estimators" / "pickles"
    assert (pickles / f"skorchless-{skorchless.__version__}.pickle").exists()


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.md")), ids=str)
def test_issue_templates_ask_for_the_versions(path):
    assert "skorchless.show_versions()" in path.read_text("utf-8")
