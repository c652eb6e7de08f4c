"""The parameters of TorchLogisticClassifier do what their names say."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from small_tables import standardized

from skorchless import TorchLogisticClassifier

X, Y = load_iris(return_X_y=True)
DIGITS, DIGIT_LABELS = load_digits(return_X_y=True)
SOLVERS = ["lbfgs", "adam", "sgd"]
MINIBATCH = ["adam", "sgd"]


def fit(**parameters):
    return TorchLogisticClassifier(**parameters).fit(X, Y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_seed_gives_the_same_bits(solver):
    clf = TorchLogisticClassifier(solver=solver, random_state=7, max_iter=200)
    first, second = (clone(clf).fit(DIGITS, DIGIT_LABELS) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, second.coef_)
    np.testing.assert_array_equal(first.loss_curve_, second.loss_curve_)


def test_another_seed_gives_another_order():
    first, second = (fit(solver="adam", max_iter=2, random_state=seed) for seed in (0, 1))
    assert (first.coef_ != second.coef_).any()


def test_random_state_instance_goes_on_from_fit_to_fit():
    rng = np.random.RandomState(0)
    clf = TorchLogisticClassifier(solver="adam", max_iter=2, random_state=rng)
    assert (clf.fit(X, Y).coef_.copy() != clf.fit(X, Y).coef_).any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_global_generators_are_neither_read_nor_moved(solver):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002, the legacy generator is the global one
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    clf = TorchLogisticClassifier(solver=solver, max_iter=50, tol=0.1, random_state=0)
    clf.set_params(early_stopping=True)
    clf.fit(X, Y).to_module()
    assert torch.equal(torch.get_rng_state(), torch_before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    torch.manual_seed(1)
    np.testing.assert_array_equal(clf.fit(X, Y).coef_, clf.fit(X, Y).coef_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_fitted_state_holds_no_torch_object(solver):
    clf = TorchLogisticClassifier(solver=solver, max_iter=50 if solver == "lbfgs" else 2)
    clf.fit(torch.tensor(X), torch.tensor(Y))
    if solver in MINIBATCH:
        clf.partial_fit(torch.tensor(X), torch.tensor(Y))
    for name, value in vars(clf).items():
        assert not type(value).__module__.startswith("torch"), name


@pytest.mark.parametrize("solver", SOLVERS)
def test_shapes_and_lengths_of_the_fitted_attributes(solver):
    clf = fit(solver=solver, max_iter=50 if solver == "lbfgs" else 2, device="cpu")
    assert clf.coef_.shape == (3, 4)
    assert clf.intercept_.shape == (3,)
    assert clf.classes_.tolist() == [0, 1, 2]
    assert isinstance(clf.n_iter_, int)
    assert clf.loss_curve_.shape == (clf.n_iter_,)
    assert clf.validation_scores_ is None
    assert clf.validation_loss_curve_ is None
    assert clf.device_ == "cpu"
    binary = clone(clf).fit(X[:100], Y[:100])
    assert binary.coef_.shape == (1, 4)
    assert binary.intercept_.shape == (1,)


@pytest.mark.parametrize("solver", SOLVERS)
def test_training_loss_falls(solver):
    clf = fit(solver=solver, max_iter=50 if solver == "lbfgs" else 5)
    assert (np.diff(clf.loss_curve_) < 0).all()


@pytest.mark.parametrize("solver", MINIBATCH)
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_minibatch_solvers_come_near_the_optimum(solver, C):
    Z = StandardScaler().fit_transform(X)
    optimum = TorchLogisticClassifier(C=C, tol=1e-9).fit(Z, Y).loss_curve_[-1]
    clf = TorchLogisticClassifier(
        C=C, solver=solver, max_iter=1000, tol=1e-6, learning_rate_init=1e-2, random_state=0
    )
    assert clf.fit(Z, Y).loss_curve_[-1] == pytest.approx(optimum, rel=0.02)


def test_intercept_is_zero_without_fit_intercept():
    assert fit(fit_intercept=False).intercept_.tolist() == [0.0, 0.0, 0.0]


def test_intercept_is_not_penalised():
    # Under the strongest penalty only the class frequencies are left.
    labels = np.r_[Y[:100], np.zeros(50, dtype=int)]
    clf = TorchLogisticClassifier(C=1e-12, tol=1e-10).fit(X, labels)
    np.testing.assert_allclose(clf.predict_proba(X)[0], [100 / 150, 50 / 150], atol=1e-6)


def test_tol_is_the_largest_gradient_entry_per_unit_of_weight():
    clf = fit(tol=1e-5)
    codes = np.eye(3)[Y]
    residual = (clf.predict_proba(X) - codes) / len(Y)
    gradient = np.abs(residual.T @ X + clf.coef_ / len(Y)).max()
    assert gradient <= 1e-5
    assert fit(tol=1e-2).n_iter_ < clf.n_iter_


def test_max_iter_too_small_for_lbfgs_warns_with_the_gradient_that_is_left():
    with pytest.warns(ConvergenceWarning, match="failed to converge after 2 .* tol=0.0001"):
        clf = fit(max_iter=2)
    assert clf.n_iter_ == 2


def test_float32_at_its_limit_says_so():
    with pytest.warns(ConvergenceWarning, match="any further in float32; .* dtype='float64'"):
        TorchLogisticClassifier(tol=0.0, max_iter=1000).fit(X.astype(np.float32), Y)


WINE, WINE_LABELS = standardized(load_wine)
# Each took the noise of its objective for progress, and went on for more than 300 iterations.
AT_THE_LIMIT = {
    "newton": ((WINE, WINE_LABELS), {"C": 100}),
    "newton, unscaled": (load_breast_cancer(return_X_y=True), {"C": 100}),
    "l-bfgs": ((DIGITS, DIGIT_LABELS), {"C": 100}),
    "proximal": ((WINE, WINE_LABELS), {"C": 100, "l1_ratio": 1}),
    "proximal, unscaled": ((X, Y), {"C": 1e4, "l1_ratio": 0.5}),
}


@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_float32_ends_soon_after_it_has_reached_the_optimum(name):
    (data, labels), parameters = AT_THE_LIMIT[name]
    clf = TorchLogisticClassifier(tol=0.0, max_iter=300, **parameters)
    with pytest.warns(ConvergenceWarning, match="any further in float32"):
        clf.fit(data.astype(np.float32), labels)
    exact = clone(clf).set_params(tol=1e-8).fit(data, labels)
    assert clf.loss_curve_[-1] == pytest.approx(exact.loss_curve_[-1], rel=1e-4)
    reached = np.flatnonzero(clf.loss_curve_ <= (1 + 1e-4) * exact.loss_curve_[-1])[0]
    assert clf.n_iter_ - reached < 60


def test_float32_goes_on_while_the_gradient_falls_and_the_objective_can_not_tell():
    # The violation is 3e-6 where the objective has not moved for ten iterations.
    clf = TorchLogisticClassifier(l1_ratio=0.5, C=0.01, tol=1e-6)
    assert clf.fit(DIGITS.astype(np.float32), DIGIT_LABELS).n_iter_ < 100


def test_a_tol_that_float32_may_not_reach_is_told_where_max_iter_ends_the_fit():
    single, short = X.astype(np.float32), TorchLogisticClassifier(max_iter=2)
    with pytest.warns(ConvergenceWarning, match="scale the features; .* dtype='float64'"):
        clone(short).set_params(tol=1e-8).fit(single, Y)
    for clf, data in ((short, single), (clone(short).set_params(tol=1e-8), X)):
        with pytest.warns(ConvergenceWarning, match="max_iter or scale the features.$"):
            clf.fit(data, Y)


def test_epochs_too_few_to_tell_convergence_are_taken_as_wanted():
    assert fit(solver="adam", max_iter=5, n_iter_no_change=5).n_iter_ == 5


def test_epochs_that_end_while_the_loss_falls_warn():
    with pytest.warns(ConvergenceWarning, match="adam failed to converge after 6 .* training"):
        fit(solver="adam", max_iter=6, n_iter_no_change=5)


def test_adam_stops_when_the_loss_stops_falling():
    clf = fit(solver="adam", max_iter=10_000, tol=1e-2, n_iter_no_change=3)
    assert clf.n_iter_ < 10_000
    assert clf.loss_curve_[-4] - clf.loss_curve_[-1] < 1e-2
    assert clf.loss_curve_[0] - clf.loss_curve_[-4] > 1e-2


def test_without_shuffle_the_seed_does_not_matter():
    first, second = (
        fit(solver="sgd", shuffle=False, max_iter=3, random_state=seed) for seed in (0, 1)
    )
    np.testing.assert_array_equal(first.coef_, second.coef_)


def test_batch_size_momentum_and_learning_rate_matter():
    plain = fit(solver="sgd", max_iter=3, random_state=0).coef_
    for other in ({"batch_size": 10}, {"momentum": 0.0}, {"learning_rate_init": 1e-2}):
        changed = fit(solver="sgd", max_iter=3, random_state=0, **other).coef_
        assert np.abs(changed - plain).max() > 1e-4


def test_warm_start_goes_on_where_the_fit_before_ended():
    cold = TorchLogisticClassifier().fit(DIGITS, DIGIT_LABELS)
    warm = TorchLogisticClassifier(warm_start=True).fit(DIGITS, DIGIT_LABELS)
    assert warm.fit(DIGITS, DIGIT_LABELS).n_iter_ < cold.n_iter_ / 3
    assert cold.fit(DIGITS, DIGIT_LABELS).n_iter_ == cold.n_iter_


def test_warm_start_works_without_an_intercept():
    clf = TorchLogisticClassifier(warm_start=True, fit_intercept=False).fit(X, Y)
    n_iter = clf.n_iter_
    assert clf.fit(X, Y).n_iter_ < n_iter
    assert (clf.intercept_ == 0).all()


def test_warm_start_of_adam_lowers_the_loss_further():
    clf = TorchLogisticClassifier(solver="adam", max_iter=2, warm_start=True, random_state=0)
    first = clf.fit(X, Y).loss_curve_[-1]
    assert clf.fit(X, Y).loss_curve_[-1] < first


def test_warm_start_on_other_data_is_an_error_that_keeps_the_fit():
    clf = TorchLogisticClassifier(warm_start=True).fit(X, Y)
    before = clf.coef_.copy()
    with pytest.raises(ValueError, match="same classes"):
        clf.fit(X[:100], Y[:100])
    with pytest.raises(ValueError, match="on 4 features, but X has 3 features"):
        clf.fit(X[:, :3], Y)
    np.testing.assert_array_equal(clf.coef_, before)
    assert clf.n_features_in_ == 4


def test_early_stopping_ends_the_fit_and_keeps_the_weights_of_the_lowest_validation_loss():
    train, valid, y_train, y_valid = train_test_split(DIGITS, DIGIT_LABELS, random_state=0)
    losses = []

    class Recorder:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            losses.append(log_loss(y_valid, fitted_estimator.predict_proba(valid)))

    clf = TorchLogisticClassifier(
        solver="adam", max_iter=500, early_stopping=True, n_iter_no_change=4, random_state=0
    )
    clf.set_callbacks(Recorder()).fit(train, y_train, X_val=valid, y_val=y_valid)
    *losses, kept = losses  # the last task is the fit itself
    assert clf.n_iter_ == len(clf.validation_scores_) == len(losses) < 500
    np.testing.assert_allclose(clf.validation_loss_curve_, losses, rtol=1e-6)
    assert kept == pytest.approx(min(losses))
    assert min(losses[:-4]) - min(losses[-4:]) < clf.tol
    assert clf.score(valid, y_valid) > 0.94


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_sets_samples_aside_for_every_solver(solver):
    clf = TorchLogisticClassifier(
        solver=solver,
        early_stopping=True,
        validation_fraction=0.2,
        max_iter=200,
        tol=0.05,
        random_state=0,
    ).fit(X, Y)
    # 30 samples: every score is a multiple of 1/30.
    np.testing.assert_allclose((clf.validation_scores_ * 30) % 1, 0, atol=1e-9)


def test_validation_samples_without_early_stopping_are_only_scored():
    with_validation = TorchLogisticClassifier(random_state=0).fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_array_equal(with_validation.coef_, fit(random_state=0).coef_)
    assert with_validation.validation_scores_[-1] == pytest.approx(with_validation.score(X, Y))
    nll = log_loss(Y, with_validation.predict_proba(X))
    assert with_validation.validation_loss_curve_[-1] == pytest.approx(nll, rel=1e-6)
    assert len(with_validation.validation_loss_curve_) == with_validation.n_iter_


@pytest.mark.parametrize(
    ("X_val", "y_val", "message"),
    [
        (X, None, "X_val and y_val go together, but y_val is None"),
        (None, Y, "X_val and y_val go together, but X_val is None"),
        (X[:, :2], Y, "2 features"),
        (X, Y + 1, r"y_val has labels that are not among the classes \[0, 1, 2\]: \[3\]"),
    ],
)
def test_bad_validation_samples_are_an_error(X_val, y_val, message):
    with pytest.raises(ValueError, match=message):
        TorchLogisticClassifier().fit(X, Y, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize("solver", MINIBATCH)
def test_partial_fit_is_one_epoch_of_fit(solver):
    parameters = {"solver": solver, "shuffle": False, "learning_rate_init": 0.01}
    whole = TorchLogisticClassifier(max_iter=3, **parameters).fit(X, Y)
    chunks = TorchLogisticClassifier(**parameters)
    for _ in range(3):
        chunks.partial_fit(X, Y, classes=[0, 1, 2])
    # iris has equal classes: the constant model from which fit starts is zero, as here.
    np.testing.assert_allclose(chunks.coef_, whole.coef_, rtol=1e-12)
    np.testing.assert_allclose(chunks.loss_curve_, whole.loss_curve_)
    assert chunks.n_iter_ == 3


def test_partial_fit_learns_from_a_stream_whose_chunks_lack_classes():
    Z = StandardScaler().fit_transform(X)
    clf = TorchLogisticClassifier(solver="adam", learning_rate_init=0.05, random_state=0)
    order = np.random.RandomState(0).permutation(len(Y))
    for _ in range(20):
        for chunk in np.array_split(order, 15):
            clf.partial_fit(Z[chunk], Y[chunk], classes=[0, 1, 2])
    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.score(Z, Y) > 0.9


def test_partial_fit_goes_on_after_fit():
    clf = fit(solver="adam", max_iter=2, random_state=0)
    before = clf.loss_curve_.copy()
    clf.partial_fit(X, Y)
    assert clf.n_iter_ == 3
    assert clf.loss_curve_[:2].tolist() == before.tolist()
    assert clf.loss_curve_[2] < before[1]


def test_partial_fit_refuses_what_it_can_not_do():
    clf = TorchLogisticClassifier(solver="adam")
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        clf.partial_fit(X, Y)
    with pytest.raises(ValueError, match="only one class"):
        clf.partial_fit(X, Y, classes=[0])
    with pytest.raises(ValueError, match=r"y has labels that are not among .*: \[2\]"):
        clf.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(NotFittedError):
        clf.predict(X)
    clf.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not the same as on last call"):
        clf.partial_fit(X, Y, classes=[0, 1, 3])
    with pytest.raises(ValueError, match="class_weight='balanced' is not supported"):
        clf.set_params(class_weight="balanced").partial_fit(X, Y)
    with pytest.raises(ValueError, match="does not support early_stopping"):
        clf.set_params(class_weight=None, early_stopping=True).partial_fit(X, Y)


def test_lbfgs_has_no_partial_fit():
    assert not hasattr(TorchLogisticClassifier(), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        TorchLogisticClassifier().partial_fit(X, Y)
    assert hasattr(TorchLogisticClassifier(solver="sgd"), "partial_fit")


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32"), torch.float32])
def test_dtype_decides_the_precision(dtype):
    assert fit(dtype=dtype).coef_.dtype == np.float32
    single = X.astype(np.float32)
    assert TorchLogisticClassifier(dtype="float64").fit(single, Y).coef_.dtype == np.float64


def test_tensors_fit_as_arrays_do():
    arrays = TorchLogisticClassifier().fit(X, Y)
    tensors = TorchLogisticClassifier().fit(torch.tensor(X), torch.tensor(Y))
    np.testing.assert_allclose(tensors.coef_, arrays.coef_, rtol=1e-6)
    np.testing.assert_array_equal(tensors.classes_, arrays.classes_)
    assert tensors.score(torch.tensor(X), torch.tensor(Y)) == arrays.score(X, Y)


def test_tensors_that_require_gradients_go_in():
    data = torch.tensor(X, requires_grad=True)
    clf = TorchLogisticClassifier().fit(data, torch.tensor(Y), sample_weight=torch.ones(len(Y)))
    np.testing.assert_array_equal(clf.predict(data), clf.predict(X))


@pytest.mark.parametrize("device", [torch.device("cpu"), torch.device("cpu", 0), "cpu:0", "CPU"])
def test_device_may_be_any_name_of_the_cpu(device):
    assert fit(device=device).device_ == "cpu"


@pytest.mark.gpu
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_gpu_finds_what_the_cpu_finds(solver, cuda):
    parameters = {"solver": solver, "random_state": 0, "max_iter": 300 if solver == "lbfgs" else 3}
    cpu = TorchLogisticClassifier(device="cpu", **parameters).fit(X, Y)
    for data in (X, torch.tensor(X, device=cuda)):
        gpu = TorchLogisticClassifier(device=cuda, **parameters).fit(data, Y)
        np.testing.assert_allclose(gpu.coef_, cpu.coef_, atol=1e-3)
        assert gpu.device_.startswith("cuda")
        assert isinstance(gpu.predict(data), np.ndarray)
        np.testing.assert_array_equal(gpu.predict(X), cpu.predict(X))
