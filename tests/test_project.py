"""What the README promises is what CI runs."""

from pathlib import Path

import pytest

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


def test_torch_is_pinned():
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()
