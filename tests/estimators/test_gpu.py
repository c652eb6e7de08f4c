"""Every kind of fit finds on a GPU what it finds on the CPU."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from skorchless import GlobalStandardScaler, TorchLogisticClassifier, TorchLogisticClassifierCV

RNG = np.random.default_rng(0)
DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS, DIGIT = DIGITS[:400] / 16, DIGIT[:400]
SETS = (DIGIT[:, None] // np.array([1, 2, 4]) % 2).astype(int)  # three labels
WEIGHTS = RNG.integers(1, 4, len(DIGIT)).astype(float)
WIDE = RNG.normal(size=(40, 300)) * np.exp(RNG.normal(size=300))
SIDE = (WIDE[:, :3].sum(1) > 0).astype(int)
TALL = RNG.normal(size=(20_000, 30)) @ np.linalg.qr(RNG.normal(size=(30, 30)))[0] ** 3
PARITY = (TALL[:, 0] + RNG.logistic(size=len(TALL)) > 0) + 2 * (TALL[:, 1] > 0)

OPTIMUM = {"tol": 1e-9, "max_iter": 1000}
EPOCHS = {"max_iter": 3, "random_state": 0}

# name: (data, parameters, arguments of fit)
FITS = {
    "ten classes": ((DIGITS, DIGIT), OPTIMUM, {}),
    "two classes": ((DIGITS, DIGIT % 2), OPTIMUM, {}),
    "newton": ((DIGITS[:, :9], DIGIT % 2), OPTIMUM, {}),
    "many rows": ((TALL, PARITY), OPTIMUM, {}),
    "more features than rows": ((WIDE, SIDE), OPTIMUM, {}),
    "no intercept": ((DIGITS, DIGIT), OPTIMUM | {"fit_intercept": False}, {}),
    "elastic net": ((DIGITS, DIGIT), OPTIMUM | {"l1_ratio": 0.5, "C": 0.1}, {}),
    "lasso of two classes": ((WIDE, SIDE), OPTIMUM | {"l1_ratio": 1.0, "C": 0.1}, {}),
    "lasso by working sets": (
        (np.hstack([WIDE, RNG.normal(size=(40, 1500))]), SIDE),
        OPTIMUM | {"l1_ratio": 1.0, "C": 0.1},
        {},
    ),
    "row weights": ((DIGITS, DIGIT), OPTIMUM, {"sample_weight": WEIGHTS}),
    "balanced classes": ((DIGITS, DIGIT % 3 > 0), OPTIMUM | {"class_weight": "balanced"}, {}),
    "labels": ((DIGITS, SETS), OPTIMUM, {}),
    "balanced labels": ((DIGITS, SETS), OPTIMUM | {"class_weight": "balanced"}, {}),
    "labels with a constant": ((DIGITS, SETS * [1, 0, 1]), OPTIMUM, {}),
    "adam": ((DIGITS, DIGIT), EPOCHS | {"solver": "adam"}, {}),
    "adam with an L1 penalty": ((DIGITS, DIGIT), EPOCHS | {"solver": "adam", "l1_ratio": 1.0}, {}),
    "adam of labels": ((DIGITS, SETS), EPOCHS | {"solver": "adam"}, {}),
    "sgd": ((DIGITS, DIGIT), EPOCHS | {"solver": "sgd"}, {"sample_weight": WEIGHTS}),
    "early stopping": (
        (DIGITS, DIGIT),
        {"solver": "adam", "max_iter": 20, "early_stopping": True, "random_state": 0},
        {},
    ),
    "samples to validate": (
        (DIGITS, DIGIT),
        EPOCHS | {"solver": "adam"},
        {"X_val": DIGITS[:50], "y_val": DIGIT[:50]},
    ),
}


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:Labels that have one value:UserWarning")
@pytest.mark.filterwarnings("ignore:adam failed to converge")
@pytest.mark.parametrize("is_there", [False, True], ids=["array", "tensor"])
@pytest.mark.parametrize("name", FITS)
def test_a_fit_on_a_gpu_is_that_of_the_cpu(name, is_there, cuda):
    (X, y), parameters, arguments = FITS[name]
    expected = TorchLogisticClassifier(device="cpu", **parameters).fit(X, y, **arguments)
    given = torch.tensor(X, device=cuda) if is_there else X
    found = TorchLogisticClassifier(device=cuda, **parameters).fit(given, y, **arguments)
    assert found.device_.startswith("cuda")
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, atol=1e-6)
    np.testing.assert_allclose(found.predict_proba(given), expected.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(found.predict(given), expected.predict(X))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_the_defaults_end_as_near_on_a_gpu(dtype, scale, cuda):
    X = (DIGITS * scale).astype(dtype)
    cpu, gpu = (
        TorchLogisticClassifier(max_iter=1000, device=d).fit(X, DIGIT) for d in ("cpu", cuda)
    )
    assert gpu.n_iter_ < 1000
    np.testing.assert_allclose(gpu.predict_proba(X), cpu.predict_proba(X), atol=1e-2)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("data", "parameters"),
    [
        ((DIGITS, DIGIT), {}),
        ((DIGITS, DIGIT), {"scoring": "neg_log_loss", "l1_ratios": [0.0, 0.5]}),
        ((DIGITS, SETS), {"per_label": True}),
        ((WIDE, SIDE), {}),
    ],
    ids=["accuracy", "elastic net", "labels", "more features than rows"],
)
def test_a_search_on_a_gpu_is_that_of_the_cpu(data, parameters, cuda):
    X, y = data
    options = OPTIMUM | {"Cs": [0.01, 1.0], "cv": 3} | parameters
    expected = TorchLogisticClassifierCV(device="cpu", **options).fit(X, y)
    for given in (X, torch.tensor(X, device=cuda)):
        found = TorchLogisticClassifierCV(device=cuda, **options).fit(given, y)
        np.testing.assert_allclose(found.scores_, expected.scores_, atol=1e-6)
        np.testing.assert_array_equal(found.C_, expected.C_)
        np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-6)


@pytest.mark.gpu
def test_a_fit_goes_on_from_one_device_to_the_other(cuda):
    fits = {}
    for devices in (("cpu", "cpu"), ("cpu", cuda), (cuda, "cpu")):
        clf = TorchLogisticClassifier(solver="adam", random_state=0)
        for device in devices:
            clf.set_params(device=device).partial_fit(DIGITS, DIGIT, classes=range(10))
        fits[devices] = clf.coef_
    expected = fits.pop(("cpu", "cpu"))
    for found in fits.values():
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.gpu
def test_scaled_tensors_are_fitted_where_they_are(cuda):
    pipeline = make_pipeline(GlobalStandardScaler(), TorchLogisticClassifier(tol=1e-8))
    expected = pipeline.fit(DIGITS, DIGIT).predict_proba(DIGITS)
    given = torch.tensor(DIGITS, device=cuda)
    np.testing.assert_allclose(
        pipeline.fit(given, DIGIT).predict_proba(given), expected, atol=1e-6
    )
    assert pipeline[-1].device_.startswith("cuda")


@pytest.mark.gpu
def test_a_fit_leaves_the_state_of_torch_as_it_was(cuda):
    before = torch.cuda.get_rng_state(cuda), torch.get_rng_state()
    settings = torch.backends.cuda.matmul.allow_tf32, torch.get_float32_matmul_precision()
    for solver in ("lbfgs", "adam"):
        TorchLogisticClassifier(solver=solver, max_iter=500, random_state=0, device=cuda).fit(
            DIGITS.astype(np.float32), DIGIT
        )
    for old, new in zip(
        before, (torch.cuda.get_rng_state(cuda), torch.get_rng_state()), strict=True
    ):
        assert torch.equal(old, new)
    assert settings == (
        torch.backends.cuda.matmul.allow_tf32,
        torch.get_float32_matmul_precision(),
    )
