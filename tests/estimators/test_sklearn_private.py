"""What the package uses of scikit-learn's private names: all of it in one module, and listed."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn import base
from sklearn.callback import CallbackSupportMixin

import skorchless
from skorchless.estimators import _sklearn_private

ROOT = Path(skorchless.__file__).parent
HOUSE = Path(_sklearn_private.__file__)
OTHERS = sorted(path for path in ROOT.rglob("*.py") if path != HOUSE)

PRIVATE_IMPORTS = {
    "sklearn.base._fit_context",
    "sklearn.linear_model._base.SparseCoefMixin",
    "sklearn.utils._safe_indexing",
    "sklearn.utils._param_validation.Interval",
    "sklearn.utils._param_validation.StrOptions",
    "sklearn.utils._param_validation.validate_parameter_constraints",
    "sklearn.utils.metadata_routing._raise_for_params",
    "sklearn.utils.metadata_routing._routing_enabled",
    "sklearn.utils.multiclass._check_partial_fit_first_call",
    "sklearn.utils.validation._check_method_params",
    "sklearn.utils.validation._check_sample_weight",
}
PRIVATE_ATTRIBUTES = {
    "__metadata_request__score",
    "_init_callback_context",
    "_kwargs",
    "_parent_callback_ctx",
    "_response_method",
    "_score_func",
    "_sign",
    "_skl_callbacks",
}

# What scikit-learn reads of an estimator's class, where it is written.
SET_BY_ESTIMATORS = {"_parameter_constraints"}


def is_private(name):
    is_special = name.startswith("__") and name.endswith("__")
    return name.startswith("_") and not is_special


def private_imports_of(path):
    """Return the dotted names that a module imports from scikit-learn's private parts."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    of_sklearn = {name for name in found if name.split(".")[0] == "sklearn"}
    return {name for name in of_sklearn if any(map(is_private, name.split(".")))}


def attributes_of(path):
    """Return the attributes that a module reads, by a dot or a text, or that its classes set."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.ClassDef):
            found |= {
                target.id
                for statement in node.body
                for target in getattr(statement, "targets", [getattr(statement, "target", None)])
                if isinstance(target, ast.Name)
            }
    return found


def import_anew():
    """Run the module once more, beside the one that the package has imported."""
    spec = importlib.util.spec_from_file_location("anew", HOUSE)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_the_private_names_are_exactly_these():
    assert private_imports_of(HOUSE) == PRIVATE_IMPORTS
    exported = {name.split(".")[-1] for name in PRIVATE_IMPORTS}
    attributes = {name for name in attributes_of(HOUSE) if is_private(name)}
    assert attributes - exported == PRIVATE_ATTRIBUTES | SET_BY_ESTIMATORS


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_uses_private_names(path):
    assert private_imports_of(path) == set()
    assert attributes_of(path) & PRIVATE_ATTRIBUTES == set()


@pytest.mark.parametrize(
    ("owner", "name"), [(base, "_fit_context"), (CallbackSupportMixin, "_init_callback_context")]
)
def test_a_name_that_is_gone_is_told_with_the_versions_that_have_it(owner, name, monkeypatch):
    monkeypatch.delattr(owner, name)
    monkeypatch.setattr(sklearn, "__version__", "1.12.3")
    with pytest.raises(ImportError) as caught:
        import_anew()
    message = str(caught.value)
    assert "version 1.12.3" in message
    assert name in message
    assert "known to work with 1.9.x: install 'scikit-learn>=1.9,<1.10'" in message


def test_an_older_scikit_learn_is_told_where_an_estimator_is_imported():
    code = """
import sklearn.callback, sklearn.linear_model, sklearn.model_selection
del sklearn.callback.CallbackSupportMixin  # as before 1.9
from skorchless import TorchLogisticClassifier
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: skorchless uses private names of scikit-learn")


def test_the_version_that_is_known_to_work_is_the_one_that_is_tested():
    assert sklearn.__version__.startswith(f"{_sklearn_private.KNOWN_TO_WORK}.")
