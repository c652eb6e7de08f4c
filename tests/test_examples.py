"""The examples of the documentation run, on fewer rows, and show what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="the tests are away from their checkout"
)


def numbers_of(name, n_rows):
    """Return the numbers that an example prints, run on ``n_rows``."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), str(n_rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(number) for number in re.findall(r"0\.\d{4}", done.stdout)]


@pytest.mark.slow
def test_of_many_categories_a_forest_learns_less():
    logistic, forest, best = numbers_of("categories.py", 20_000)
    assert forest < logistic < best


@pytest.mark.slow
def test_a_stream_ends_near_the_weights_it_was_drawn_by():
    pytest.importorskip("pyarrow")
    pytest.importorskip("rich")
    ours, best = numbers_of("stream.py", 250_000)
    assert ours == pytest.approx(best, abs=0.01)
