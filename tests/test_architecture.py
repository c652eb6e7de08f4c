"""The arrows point one way, and importing the package does nothing.

LAYERS is the rule of folders: a module imports from its own row or from rows above it, never from
below. Within a row there are no cycles.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import skorchless

ROOT = Path(skorchless.__file__).parent

# Folders, each of which imports those above it and none below.
LAYERS = [
    ["_arrays", "_files", "_fitted", "_partitions"],
    ["_engine", "_cores"],
    ["_engine.curvature"],
    ["_engine.solvers"],
    ["_versions"],
    ["estimators._sklearn_private"],
    ["estimators._data"],
    ["estimators"],
    ["inference"],
    ["plotting"],
    ["_tables"],
    ["datasets"],
    ["comparison"],
    ["cli"],
    ["__main__"],
]
# What the engine knows of the world: torch, NumPy, SciPy and the language.
ENGINE_MAY_IMPORT = {
    "torch",
    "numpy",
    "scipy",
    "skorchless",
    "__future__",
    "collections",
    "dataclasses",
} | {*("abc", "enum", "functools", "itertools", "math", "typing")}
# What single modules know beside: Dask, threads, and how to keep a notice of torch's from being
# shown.
ALSO_IMPORTED = {
    "_engine.rows.dask": {"dask"},
    "_engine.products": {"warnings"},
    "_engine.rows.workers": {
        *("concurrent", "contextlib", "contextvars", "ctypes"),
        *("os", "threading"),
    },
}
ALSO_CALLED = {
    "estimators._fit.solver": {"manual_seed"},
    "_engine.curvature.feature_moments": {"manual_seed"},
}
GLOBAL_SETTINGS = {
    *("manual_seed", "set_num_threads", "set_num_interop_threads", "set_default_dtype"),
    *("set_default_device", "set_float32_matmul_precision", "use_deterministic_algorithms"),
    *("set_rng_state", "set_grad_enabled"),
}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


def imported_by(tree):
    """Yield the dotted name of everything that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(tree):
    """Return the modules of this package that a module imports."""
    found = set()
    for name in imported_by(tree):
        if name.startswith("skorchless"):
            parts = name.split(".")[1:]
            while parts and ".".join(parts) not in MODULES:
                parts.pop()
            found.add(".".join(parts))
    return found


def layer_of(name):
    fitting = [
        (len(prefix), row)
        for row, prefixes in enumerate(LAYERS)
        for prefix in prefixes
        if name == prefix or name.startswith(prefix + ".")
    ]
    return max(fitting)[1] if fitting else None


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_its_place_and_imports_only_from_above(name):
    if name in {"", "_engine"}:
        pytest.skip("the public names; the glossary")
    place = layer_of(name)
    assert place is not None, f"{name} has no row in LAYERS"
    for imported in own_imports(MODULES[name]) - {"", name}:
        assert layer_of(imported) <= place, f"{name} imports {imported}, which is further down"


def test_there_are_no_import_cycles():
    # The top-level module only gathers names; the command line reads its version.
    graph = {name: own_imports(tree) - {name, ""} for name, tree in MODULES.items() if name}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_estimators_are_five_floors():
    """Values are passed down, so that a reader of one module need not climb through all."""
    floors = {}
    inside = {name: tree for name, tree in MODULES.items() if name.startswith("estimators")}
    graph = {name: own_imports(tree) & inside.keys() - {name} for name, tree in inside.items()}
    for name in TopologicalSorter(graph).static_order():
        floors[name] = 1 + max((floors[below] for below in graph[name]), default=0)
    assert max(floors.values()) <= 5


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("_engine")])
def test_the_engine_knows_only_torch_and_numpy(name):
    imported = {full.split(".")[0] for full in imported_by(MODULES[name])}
    assert imported <= ENGINE_MAY_IMPORT | ALSO_IMPORTED.get(name, set())


def output_calls(tree):
    """Return the calls and imports by which a module prints, warns, or reads files."""
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    of_warnings = {name for name in {*called, *imported_by(tree)} if name.startswith("warnings.")}
    quiet = {"warnings.catch_warnings", "warnings.filterwarnings"}
    return called & {"print", "input", "open", "exec", "eval"} | of_warnings - quiet


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("_engine")])
def test_the_engine_neither_prints_nor_warns(name):
    assert not output_calls(MODULES[name])


@pytest.mark.parametrize(
    "line", ["print(1)", "import warnings\nwarnings.warn('x')", "from warnings import warn"]
)
def test_a_module_that_prints_or_warns_would_be_noticed(line):
    assert output_calls(ast.parse(line))


@pytest.mark.parametrize(
    "name", [name for name in MODULES if not name.startswith(("estimators", "_engine"))]
)
def test_only_estimators_speak_scikit_learns_estimator_language(name):
    language = ("sklearn.base.BaseEstimator", "sklearn.utils.validation", "sklearn.utils._param")
    assert not [full for full in imported_by(MODULES[name]) if full.startswith(language)]


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name.startswith(("datasets", "_tables"))]
)
def test_loaders_need_no_torch(name):
    assert "torch" not in {full.split(".")[0] for full in imported_by(MODULES[name])}


@pytest.mark.parametrize("name", MODULES)
def test_no_global_setting_is_touched(name):
    called = {
        node.func.attr
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    # A Generator of one's own is seeded by a method of the same name.
    assert not called & GLOBAL_SETTINGS - ALSO_CALLED.get(name, set())


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_loaded_by_bare_pickle_or_torch_load(name):
    loads = [
        ast.unparse(node.func)
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    assert not {"pickle.load", "pickle.loads", "torch.load", "joblib.load"} & set(loads)


@pytest.mark.parametrize(
    ("package", "names"),
    [
        (
            "skorchless",
            [
                *("GlobalStandardScaler", "TorchLogisticClassifier", "TorchLogisticClassifierCV"),
                "show_versions",
            ],
        ),
        (
            "skorchless.plotting",
            [
                *("CoefficientImageDisplay", "LossCurveDisplay", "MisclassifiedDisplay"),
                *("RegularizationPathDisplay", "plot_image", "plot_images"),
            ],
        ),
        ("skorchless.inference", ["permutation_test_score"]),
        ("skorchless.datasets", ["fetch_mnist", "load_mnist_pickle", "read_table"]),
        (
            "skorchless.comparison",
            ["Comparison", "column_preprocessor", "compare", "default_models"],
        ),
    ],
)
def test_the_public_names_are_exactly_these(package, names):
    module = import_module(package)
    assert sorted(module.__all__) == names
    assert all(hasattr(module, name) for name in names)


def test_everything_in_memory_works_without_dask():
    code = """
import sys
sys.modules["dask"] = None  # as if it were not installed
import numpy as np
from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV
X, y = np.random.RandomState(0).randn(30, 2), np.arange(30) % 2
X = GlobalStandardScaler().fit_transform(X)
for clf in (TorchLogisticClassifier(), TorchLogisticClassifierCV(Cs=2, cv=2)):
    clf.fit(X, y).predict(X)
    clf.score(X, y)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_changes_no_global_state_and_warns_of_nothing():
    code = """
import sys, torch, numpy
def state():
    return (
        torch.get_rng_state().tolist(), torch.get_num_threads(), torch.get_default_dtype(),
        torch.get_float32_matmul_precision(), torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        numpy.random.get_state()[1].tolist(),
    )
before = state()
import skorchless.cli, skorchless.comparison, skorchless.datasets, skorchless.inference
import skorchless.plotting
from skorchless import *
assert "skorchless.estimators" in sys.modules
assert state() == before
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
