"""show_versions: what a bug report is to be pasted with, and nothing of the user's own."""

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from threadpoolctl import threadpool_limits

import skorchless
from skorchless import _versions
from skorchless._cores import n_usable_cores


@pytest.fixture
def shown(capsys):
    """Return the lines that are printed, by name."""
    skorchless.show_versions()
    parts = [line.partition("   ") for line in capsys.readouterr().out.splitlines()]
    return {name: value.strip() for name, _, value in parts}


def test_versions_are_those_that_the_packages_give_themselves(shown):
    expected = {
        "skorchless": skorchless.__version__,
        "scikit-learn": sklearn.__version__,
        "torch": version("torch"),
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "joblib": version("joblib"),
        "threadpoolctl": version("threadpoolctl"),
    }
    assert {name: shown[name] for name in expected} == expected
    assert shown["Python"].endswith(platform.python_version())


def test_cores_devices_and_torchs_blas_are_told(shown):
    assert shown["cores"].endswith(f"may use {n_usable_cores()}")
    assert shown["devices"].split(", ")[0] == "cpu"
    assert (shown["torch's CUDA"] == "none") == (torch.version.cuda is None)
    assert torch.backends.cpu.get_cpu_capability() in shown["torch's BLAS"]
    assert shown["torch's threads"] == str(torch.get_num_threads())


def test_thread_pools_are_told_with_their_threads(capsys):
    with threadpool_limits(1, user_api="blas"):
        skorchless.show_versions()
    pools = [line for line in capsys.readouterr().out.splitlines() if " openblas " in line]
    assert pools
    assert all(pool.endswith(", 1 threads") for pool in pools)


def test_what_the_environment_says_of_threads_is_told_and_nothing_else(monkeypatch, capsys):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("SECRET", "of mine")
    skorchless.show_versions()
    out = capsys.readouterr().out
    assert "OMP_WAIT_POLICY" in out
    assert "of mine" not in out
    assert str(Path.home()) not in out


def test_a_package_that_is_missing_is_told_too(monkeypatch, capsys):
    monkeypatch.setattr(_versions, "OPTIONAL", ("no-such-package",))
    skorchless.show_versions()
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("no-such"))
    assert line.split(maxsplit=1)[1] == "not installed"


def test_a_checkout_that_is_not_installed_knows_its_version():
    source = Path(skorchless.__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(source)!r}); import skorchless._versions as v; "
    command = [sys.executable, "-S", "-c", code + "print(v.version_of('skorchless'))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == skorchless.__version__
