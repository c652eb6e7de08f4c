"""Public docstrings are complete numpydoc: every parameter, return and section in its place."""

import importlib
import inspect
import re

import pytest

import skorchless
from skorchless import comparison, datasets, inference, plotting

numpydoc = pytest.importorskip("numpydoc.validate")
validate, Validator = numpydoc.validate, numpydoc.Validator

PACKAGES = [
    "skorchless",
    "skorchless.comparison",
    "skorchless.datasets",
    "skorchless.inference",
    "skorchless.plotting",
]
# A summary starts on the first line (GL01) and may be all there is (ES01). "See Also" and
# examples are asked of classes and functions, not of each method (SA01, EX01). What is returned
# has a name, as in scikit-learn (RT02).
NOT_ASKED = {"GL01", "ES01", "SA01", "EX01", "RT02"}
# scikit-learn's own methods, documented there.
INHERITED = {"set_callbacks", "get_metadata_routing", "get_params", "set_params", "set_output"}


def public_names():
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            yield f"{package}.{name}"
            value = getattr(module, name)
            if inspect.isclass(value):
                for method, _ in inspect.getmembers(value, inspect.isfunction):
                    is_ours = not method.startswith(("_", "set_")) and method not in INHERITED
                    if is_ours and "sklearn" not in getattr(value, method).__module__:
                        yield f"{package}.{name}.{method}"


@pytest.mark.parametrize("name", list(public_names()))
def test_docstring_is_complete(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in NOT_ASKED]
    assert errors == []


@pytest.mark.parametrize("name", list(public_names()))
def test_what_docstrings_share_is_filled_in(name):
    assert re.search(r"^ *\{\w+\}$", Validator._load_obj(name).__doc__, re.MULTILINE) is None


@pytest.mark.parametrize(
    "value",
    [
        *(skorchless.TorchLogisticClassifier, skorchless.GlobalStandardScaler),
        *(datasets.fetch_mnist, datasets.load_mnist_pickle),
        *(comparison.compare, comparison.default_models, comparison.Comparison),
        *(comparison.column_preprocessor, plotting.plot_image, plotting.plot_images),
        *(plotting.LossCurveDisplay, plotting.CoefficientImageDisplay),
        *(plotting.MisclassifiedDisplay, plotting.RegularizationPathDisplay),
        inference.permutation_test_score,
    ],
)
def test_public_classes_and_functions_have_an_example(value):
    assert ">>> " in inspect.getdoc(value)
