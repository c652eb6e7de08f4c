"""The names of the package: loaded when they are asked for, and there in every other respect."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import skorchless

ESTIMATORS = ["GlobalStandardScaler", "TorchLogisticClassifier", "TorchLogisticClassifierCV"]
FUNCTIONS = ["show_versions"]
SUBPACKAGES = ["comparison", "datasets", "inference", "plotting"]


def run(code):
    """Return what a process of its own prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_importing_the_package_loads_the_standard_library_alone():
    code = """
import sys
before = {*sys.modules}  # site may have loaded something
import skorchless
loaded = {name.partition(".")[0] for name in {*sys.modules} - before}
print(loaded - sys.stdlib_module_names)
"""
    assert run(code) == "{'skorchless'}\n"


def test_threads_that_ask_at_once_get_the_same():
    code = """
import sys, threading
import skorchless

names = dir(skorchless) * 2
found, barrier = [], threading.Barrier(len(names))

def ask(name):
    barrier.wait()
    found.append((name, id(getattr(skorchless, name))))

threads = [threading.Thread(target=ask, args=[name]) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == len(names)
assert {*found} == {(name, id(getattr(skorchless, name))) for name in names}
assert skorchless.TorchLogisticClassifier is vars(skorchless)["TorchLogisticClassifier"]
print(skorchless.comparison.compare.__module__)
"""
    assert run(code) == "skorchless.comparison._compare\n"


def test_dir_shows_names_that_are_not_loaded():
    assert dir(skorchless) == sorted([*ESTIMATORS, *FUNCTIONS, *SUBPACKAGES, "__version__"])


def test_a_star_imports_the_names_that_are_no_package():
    namespace = {}
    exec("from skorchless import *", namespace)  # noqa: S102
    assert {*ESTIMATORS, *FUNCTIONS} <= {*namespace}


def test_a_reloaded_package_has_the_same_classes():
    before = skorchless.TorchLogisticClassifier
    assert importlib.reload(skorchless).TorchLogisticClassifier is before


def test_an_unknown_name_is_the_ordinary_error():
    with pytest.raises(AttributeError, match="^module 'skorchless' has no attribute 'fit'$"):
        skorchless.fit  # noqa: B018
    with pytest.raises(ImportError, match="^cannot import name 'fit' from 'skorchless'"):
        exec("from skorchless import fit")  # noqa: S102


def test_type_checkers_are_told_every_name():
    tree = ast.parse(Path(skorchless.__file__).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    told = [alias.name for node in block.body for alias in node.names]
    assert sorted(told) == sorted(ESTIMATORS + FUNCTIONS + SUBPACKAGES)
