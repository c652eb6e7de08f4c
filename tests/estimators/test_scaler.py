"""GlobalStandardScaler: StandardScaler's conventions with one mean and one scale."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skorchless import GlobalStandardScaler

RNG = np.random.RandomState(0)
X = RNG.normal(5.0, 3.0, size=(40, 7))


def test_mean_variance_and_scale_are_those_of_all_entries():
    scaler = GlobalStandardScaler().fit(X)
    assert scaler.mean_ == pytest.approx(X.mean(), rel=1e-12)
    assert scaler.var_ == pytest.approx(X.var(), rel=1e-12)
    assert scaler.scale_ == pytest.approx(X.std(), rel=1e-12)
    assert scaler.n_samples_seen_ == 40
    assert {type(scaler.mean_), type(scaler.var_), type(scaler.scale_)} == {float}


def test_the_scaler_is_standard_scaler_on_one_long_column():
    expected = StandardScaler().fit_transform(X.reshape(-1, 1)).reshape(X.shape)
    np.testing.assert_allclose(GlobalStandardScaler().fit_transform(X), expected, rtol=1e-12)


def test_inverse_transform_undoes_transform():
    scaler = GlobalStandardScaler().fit(X)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-12)


def test_without_mean_or_std_that_step_is_left_out():
    np.testing.assert_allclose(
        GlobalStandardScaler(with_std=False).fit_transform(X), X - X.mean(), rtol=1e-12
    )
    np.testing.assert_allclose(
        GlobalStandardScaler(with_mean=False).fit_transform(X), X / X.std(), rtol=1e-12
    )


@pytest.mark.parametrize("with_std", [True, False])
@pytest.mark.parametrize("with_mean", [True, False])
def test_attributes_are_none_where_those_of_standard_scaler_are(with_mean, with_std):
    ours, theirs = (
        Scaler(with_mean=with_mean, with_std=with_std).fit(X)
        for Scaler in (GlobalStandardScaler, StandardScaler)
    )
    for name in ("mean_", "var_", "scale_"):
        assert (getattr(ours, name) is None) == (getattr(theirs, name) is None), name


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e9])
def test_constant_input_has_scale_one(value):
    scaler = GlobalStandardScaler().fit(np.full((100, 30), value))
    assert scaler.scale_ == 1.0
    np.testing.assert_allclose(scaler.transform(np.full((2, 30), value)), 0.0, atol=1e-6)


def test_nan_is_ignored_in_fit_and_kept_in_transform():
    holed = X.copy()
    holed[::3, 2] = np.nan
    scaler = GlobalStandardScaler().fit(holed)
    assert scaler.mean_ == pytest.approx(np.nanmean(holed), rel=1e-12)
    assert scaler.scale_ == pytest.approx(np.nanstd(holed), rel=1e-12)
    np.testing.assert_array_equal(np.isnan(scaler.transform(holed)), np.isnan(holed))


def test_sample_weights_equal_repetition():
    repeats = RNG.randint(0, 4, size=len(X))
    weighted = GlobalStandardScaler().fit(X, sample_weight=repeats)
    repeated = GlobalStandardScaler().fit(X.repeat(repeats, axis=0))
    assert weighted.mean_ == pytest.approx(repeated.mean_, rel=1e-12)
    assert weighted.var_ == pytest.approx(repeated.var_, rel=1e-12)
    assert weighted.n_samples_seen_ == repeated.n_samples_seen_


@pytest.mark.parametrize("n_chunks", [2, 13])
def test_partial_fit_on_chunks_equals_fit(n_chunks):
    weights = RNG.uniform(size=len(X))
    whole = GlobalStandardScaler().fit(X, sample_weight=weights)
    chunked = GlobalStandardScaler()
    for rows in np.array_split(np.arange(len(X)), n_chunks):
        chunked.partial_fit(X[rows], sample_weight=weights[rows])
    assert chunked.mean_ == pytest.approx(whole.mean_, rel=1e-12)
    assert chunked.var_ == pytest.approx(whole.var_, rel=1e-12)
    assert chunked.n_samples_seen_ == pytest.approx(whole.n_samples_seen_, rel=1e-12)


# Not (0,): a chunk without weights makes StandardScaler drop the fraction of what came before.
@pytest.mark.parametrize("weighted", [(), (1,), (0, 1)])
def test_samples_seen_are_counted_or_weighed_as_by_standard_scaler(weighted):
    weights = RNG.uniform(size=(2, 20))
    ours, theirs = GlobalStandardScaler(), StandardScaler()
    for chunk, rows in enumerate(np.split(X[:, :1], 2)):
        for scaler in (ours, theirs):
            scaler.partial_fit(rows, sample_weight=weights[chunk] if chunk in weighted else None)
    assert ours.n_samples_seen_ == pytest.approx(theirs.n_samples_seen_, rel=1e-12)
    assert type(ours.n_samples_seen_) is (float if weighted else int)


def test_fit_forgets_what_partial_fit_has_seen():
    scaler = GlobalStandardScaler().partial_fit(100 * X).fit(X)
    assert scaler.mean_ == pytest.approx(X.mean())
    assert scaler.n_samples_seen_ == 40


def test_partial_fit_on_other_features_is_an_error():
    scaler = GlobalStandardScaler().partial_fit(X)
    with pytest.raises(ValueError, match="3 features"):
        scaler.partial_fit(X[:, :3])
    assert scaler.n_samples_seen_ == 40


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("float64", "float64"),
        *((name, "float32") for name in ("float32", "float16", "uint8", "int16", "bool")),
        *((name, "float64") for name in ("int32", "int64", "uint32", "uint64")),
    ],
)
@pytest.mark.parametrize("make", [np.asarray, torch.tensor, sparse.csr_array])
def test_floats_keep_their_type_and_all_else_becomes_the_float_that_holds_it(
    given, expected, make
):
    if make is sparse.csr_array and given == "float16":
        pytest.skip("scipy has no sparse float16")
    data = make(np.abs(X).astype(given))
    scaled = GlobalStandardScaler(with_mean=False).fit_transform(data)
    assert str(scaled.dtype).removeprefix("torch.") == expected


def test_wide_integers_are_not_rounded_before_they_are_centred():
    # float32 knows times of today only to two minutes.
    seconds = 1_800_000_000 + RNG.randint(0, 86_400, size=(500, 1))
    expected = (seconds - seconds.mean()) / seconds.std()
    for data in (seconds, torch.tensor(seconds)):
        scaled = np.asarray(GlobalStandardScaler().fit_transform(data))
        np.testing.assert_allclose(scaled, expected, atol=1e-12)


@pytest.mark.parametrize("filled_with", [-999_999.0, 1e200])
@pytest.mark.parametrize("make", [np.asarray, torch.tensor, sparse.csr_array])
def test_samples_without_weight_might_as_well_be_missing(make, filled_with):
    doubled = np.vstack([X, np.full_like(X, filled_with)])
    weights = np.repeat([1.0, 0.0], len(X))
    scaler = GlobalStandardScaler(with_mean=False).fit(make(doubled), sample_weight=weights)
    assert scaler.mean_ == pytest.approx(X.mean(), rel=1e-12)
    assert scaler.scale_ == pytest.approx(X.std(), rel=1e-12)


def test_a_large_mean_does_not_drown_the_variance():
    shifted = X + 1e8
    assert GlobalStandardScaler().fit(shifted).scale_ == pytest.approx(X.std(), rel=1e-7)


def test_copy_decides_whether_the_input_is_overwritten():
    for data in (X.copy(), torch.tensor(X)):
        GlobalStandardScaler().fit_transform(data)
        np.testing.assert_array_equal(np.asarray(data), X)
        scaled = GlobalStandardScaler(copy=False).fit_transform(data)
        assert np.shares_memory(np.asarray(scaled), np.asarray(data))


@pytest.mark.parametrize("number", [np.array(1.0), torch.tensor(1.0)], ids=["array", "tensor"])
def test_a_number_is_no_matrix(number):
    with pytest.raises(ValueError, match="Expected 2D"):
        GlobalStandardScaler().fit(number)


@pytest.mark.parametrize("n_rows", [50, 600_000])
def test_a_tensor_that_requires_grad_is_scaled_without_a_graph(n_rows):
    data = torch.arange(2.0 * n_rows).view(n_rows, 2).requires_grad_()
    scaler = GlobalStandardScaler().fit(data)
    for is_copied in (True, False):
        scaled = scaler.transform(data, copy=is_copied)
        assert not scaled.requires_grad
        assert float(scaled.mean()) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_large_arrays_of_either_order_are_those_of_numpy(order, dtype):
    large = np.arange(3_000_000).reshape(-1, 3).astype(dtype, order=order)
    scaled = GlobalStandardScaler().fit_transform(large)
    expected = (large.astype(np.float64) - large.mean(dtype=np.float64)) / large.std(
        dtype=np.float64
    )
    np.testing.assert_allclose(scaled, expected, rtol=1e-3, atol=1e-4)
    assert scaled.flags.f_contiguous == (order == "F")


@pytest.mark.parametrize("of_scaler", [True, False])
@pytest.mark.parametrize("container", [np.array, torch.tensor, sparse.csr_array])
def test_copy_of_a_call_comes_before_that_of_the_scaler(container, of_scaler):
    scaler = GlobalStandardScaler(copy=of_scaler, with_mean=False).fit(X)
    for method in (scaler.transform, scaler.inverse_transform):
        data = container(X)
        values = np.asarray(data.data if sparse.issparse(data) else data)  # a view
        before = values.copy()
        method(data, copy=True)
        np.testing.assert_array_equal(values, before)
        method(data, copy=False)
        assert (values != before).all()


def test_metadata_is_asked_for_as_by_standard_scaler():
    requests = [
        str(Scaler().get_metadata_routing()) for Scaler in (GlobalStandardScaler, StandardScaler)
    ]
    assert requests[0] == requests[1]


class Listener:
    """A callback that writes down what it is told."""

    def __init__(self):
        self.heard = []

    def setup(self, estimator, context):
        self.heard.append(("setup", context.task_name, context.max_subtasks))

    def teardown(self, estimator, context):
        self.heard.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X, y):
        self.heard.append(("begin", context.task_name, X.shape, y))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        mean = float(fitted_estimator.transform(X).mean())
        self.heard.append(("end", context.task_name, metadata["sample_weight"].sum(), round(mean)))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_callbacks_hear_what_they_hear_of_standard_scaler(method):
    heard = []
    for Scaler in (GlobalStandardScaler, StandardScaler):
        listener = Listener()
        scaler = Scaler().set_callbacks(listener)
        getattr(scaler, method)(X[:, :1], sample_weight=np.ones(40))
        heard.append(listener.heard)
    assert heard[0] == heard[1]
    assert [event[0] for event in heard[0]] == ["setup", "begin", "end", "teardown"]


def test_a_callback_that_fails_leaves_the_scaler_as_it_was():
    class Fails(Listener):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("full disk")

    scaler = GlobalStandardScaler().fit(X)
    before = dict(vars(scaler))
    scaler.set_callbacks(Fails())
    with pytest.raises(RuntimeError, match="full disk"):
        scaler.partial_fit(100 * X)
    assert vars(scaler.set_callbacks()) == before


def test_read_only_input_is_copied_where_it_can_not_be_overwritten():
    locked = X.copy()
    locked.flags.writeable = False
    scaled = GlobalStandardScaler(copy=False).fit_transform(locked)
    np.testing.assert_array_equal(locked, X)
    np.testing.assert_allclose(scaled, GlobalStandardScaler().fit_transform(X))
    matrix = sparse.csr_array(X)
    matrix.data.flags.writeable = False
    scaled = GlobalStandardScaler(copy=False, with_mean=False).fit_transform(matrix)
    np.testing.assert_array_equal(matrix.toarray(), X)
    np.testing.assert_allclose(scaled.toarray(), X / X.std())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.uint8])
def test_tensors_stay_tensors(dtype):
    tensor = torch.tensor(np.abs(X)).to(dtype)
    scaler = GlobalStandardScaler().fit(tensor)
    scaled = scaler.transform(tensor)
    assert isinstance(scaled, torch.Tensor)
    assert scaled.device == tensor.device
    reference = tensor.double().numpy()
    np.testing.assert_allclose(
        scaled.numpy(), (reference - reference.mean()) / reference.std(), rtol=1e-4, atol=1e-5
    )
    for value in vars(scaler).values():
        assert not isinstance(value, torch.Tensor)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_input_counts_its_zeros(container):
    dense = np.where(X > 5, X, 0.0)
    weights = RNG.uniform(size=len(X))
    scaler = GlobalStandardScaler(with_mean=False).fit(container(dense), sample_weight=weights)
    expected = GlobalStandardScaler(with_mean=False).fit(dense, sample_weight=weights)
    assert scaler.scale_ == pytest.approx(expected.scale_, rel=1e-12)
    scaled = scaler.transform(container(dense))
    assert sparse.issparse(scaled)
    np.testing.assert_allclose(scaled.toarray(), expected.transform(dense), rtol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform(scaled).toarray(), dense, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.int8])  # an int8 ends at 127
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array])
def test_an_entry_that_is_stored_in_two_parts_is_their_sum(container, dtype):
    whole = container(np.where(X > 5, 20 * X.round(), 0.0))
    halves, indices = (np.repeat(part, 2) for part in (whole.data / 2, whole.indices))
    parts = container((halves.astype(dtype), indices, 2 * whole.indptr), shape=whole.shape)
    weights = RNG.uniform(size=len(X))
    scaler = GlobalStandardScaler(with_mean=False).fit(parts, sample_weight=weights)
    expected = GlobalStandardScaler(with_mean=False).fit(whole.toarray(), sample_weight=weights)
    assert scaler.mean_ == pytest.approx(expected.mean_, rel=1e-12)
    assert scaler.var_ == pytest.approx(expected.var_, rel=1e-12)
    scaled = expected.transform(whole.toarray())
    np.testing.assert_allclose(scaler.transform(parts).toarray(), scaled, rtol=1e-6)


def test_a_sparse_matrix_without_entries_is_constant():
    assert GlobalStandardScaler(with_mean=False).fit(sparse.csr_array((5, 3))).scale_ == 1.0


def test_sparse_input_can_not_be_centred():
    with pytest.raises(ValueError, match="pass `with_mean=False`"):
        GlobalStandardScaler().fit(sparse.csr_array(X))


def test_feature_names_go_through():
    frame = pd.DataFrame(X, columns=[f"pixel_{i}" for i in range(7)])
    scaler = GlobalStandardScaler().set_output(transform="pandas").fit(frame)
    scaled = scaler.transform(frame)
    assert scaled.columns.tolist() == frame.columns.tolist()
    assert scaler.get_feature_names_out().tolist() == frame.columns.tolist()


def test_polars_output():
    pl = pytest.importorskip("polars")
    scaled = GlobalStandardScaler().set_output(transform="polars").fit_transform(X)
    assert isinstance(scaled, pl.DataFrame)


def test_transform_before_fit_is_an_error():
    for method in ("transform", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(GlobalStandardScaler(), method)(X)


@pytest.mark.gpu
def test_gpu_tensors_stay_on_the_gpu(cuda):
    tensor = torch.tensor(X, device=cuda)
    scaled = GlobalStandardScaler().fit_transform(tensor)
    assert scaled.device == tensor.device
    np.testing.assert_allclose(scaled.cpu(), GlobalStandardScaler().fit_transform(X), rtol=1e-9)


def test_what_varies_by_rounding_alone_is_constant_as_for_scikit_learn():
    column = np.where(np.arange(300) % 2, 1.0, np.nextafter(1.0, 2.0))[:, None]
    assert StandardScaler().fit(column).scale_ == [1.0]
    assert GlobalStandardScaler().fit(column).scale_ == 1.0


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("parameter", ["copy", "with_mean", "with_std"])
def test_a_parameter_that_is_no_truth_value_is_refused(parameter, method):
    scaler = GlobalStandardScaler(**{parameter: "yes"})
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter .* must be"):
        getattr(scaler, method)(np.eye(2))


def test_a_copy_that_a_callback_takes_at_the_end_can_go_on():
    class Copies:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context, **_): ...

        def on_fit_task_end(self, estimator, context, **_):
            self.copy = copy.deepcopy(estimator)

    copies = Copies()
    GlobalStandardScaler().set_callbacks(copies).fit(X[:20])
    whole = copies.copy.set_callbacks().partial_fit(X[20:])
    assert whole.mean_ == pytest.approx(X.mean())
    assert whole.scale_ == pytest.approx(X.std())
