"""A fit takes little memory beside X, whatever the type of X."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# In a process of its own: the peak of this one's memory is whatever an earlier test took.
SCRIPT = """
import warnings
from pathlib import Path
import numpy as np
from skorchless import TorchLogisticClassifier, TorchLogisticClassifierCV

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

rng = np.random.default_rng(0)
X = rng.integers(0, 255, (50_000, 784), dtype=np.uint8).astype("{dtype}")
y = rng.integers(0, 10, len(X))
model = {model}
warnings.simplefilter("ignore")
model.fit(X[:500], y[:500])  # what libraries load at the first fit is not counted
before = memory("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # resets the peak
model.fit(X, y)
print(memory("VmHWM") - before)
"""


def memory_above_X(model, dtype):
    """Return the bytes that a fit of ``model`` (source) takes beside X of ``dtype``."""
    return int(run(SCRIPT.format(dtype=dtype, model=model)))


def run(script):
    """Return what ``script`` prints, run in a process of its own."""
    # The C library's own default. Left to itself it raises the threshold as blocks are freed, and
    # then keeps some of those: the same fit took 48 MB once and 98 MB the next time.
    env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(128 * 2**10)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc"
)


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(
    ("parameters", "limit"),
    [
        # Two refreshes of the preconditioner, which is the largest thing in a fit: 53 MB.
        ("max_iter=25, tol=0.0", 80e6),
        ("solver='adam', max_iter=1", 20e6),
    ],
    ids=["lbfgs", "adam"],
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_fit_of_50000_images_takes_at_most_half_of_their_float32(dtype, parameters, limit):
    assert memory_above_X(f"TorchLogisticClassifier({parameters})", dtype) < limit


OUT_OF_CORE = """
import resource
import warnings
import numpy as np
from skorchless import TorchLogisticClassifier

# Of memory that is the process's own: pages of the file are the kernel's to take back.
resource.setrlimit(resource.RLIMIT_DATA, (1_500_000_000, 1_500_000_000))
X = np.memmap({path!r}, "float32", "r", shape=({n_rows}, 784))
y = np.arange({n_rows}) % 2
warnings.simplefilter("ignore")  # of so few iterations
clf = TorchLogisticClassifier(max_iter=5).fit(X, y)
print(clf.loss_curve_[0] - clf.loss_curve_[-1], clf.score(X, y))
"""


@pytest.mark.slow
@needs_proc
def test_a_file_of_4_GB_is_fitted_in_less_than_1_5_GB(tmp_path):
    n_rows, rows_at_once = 1_280_000, 64_000
    block = np.random.default_rng(0).standard_normal((rows_at_once, 784), dtype=np.float32)
    block[1::2, 0] += 2.0  # class 1
    path = tmp_path / "rows.f32"
    with path.open("wb") as file:
        for _ in range(n_rows // rows_at_once):
            block.tofile(file)
    assert path.stat().st_size > 4e9
    try:
        printed = run(OUT_OF_CORE.format(path=str(path), n_rows=n_rows))
    finally:
        path.unlink()
    gain, score = map(float, printed.split())
    assert gain > 0
    assert score > 0.8  # the best there is: 0.841


@pytest.mark.slow
@needs_proc
def test_fifty_candidates_on_50000_images_take_less_than_400_MB():
    # Labels at random: 500 scores for each row, were they all there at once, take 100 MB alone.
    grid = "TorchLogisticClassifierCV(max_iter=8, tol=0.0, refit=False)"
    assert memory_above_X(grid, "float32") < 400e6
