"""The record of an iteration, and patience: how long a loss may not fall."""

import torch

from skorchless._engine.solvers.base import Patience, Progress, Status, join


def exhausted_at(losses, tol, n_iter_no_change):
    patience = Patience(tol, n_iter_no_change)
    for number, loss in enumerate(losses):
        if patience.is_exhausted(torch.tensor([loss])):
            return number
    return None


def test_it_runs_out_after_as_many_losses_that_do_not_fall():
    assert exhausted_at([1.0, 0.5, 0.5, 0.6, 0.5], tol=0.0, n_iter_no_change=3) == 4


def test_a_fall_renews_it():
    assert exhausted_at([1.0, 1.0, 0.9, 0.9, 0.8, 0.8], tol=0.0, n_iter_no_change=2) is None


def test_a_fall_by_less_than_tol_is_none():
    assert exhausted_at([1.0, 0.99, 0.985], tol=0.1, n_iter_no_change=2) == 2


def test_slow_progress_adds_up_to_a_fall():
    assert exhausted_at([1.0 - 0.04 * i for i in range(20)], tol=0.1, n_iter_no_change=4) is None


def test_losses_of_a_batch_run_out_one_by_one():
    patience = Patience(0.0, 1)
    patience.is_exhausted(torch.tensor([1.0, 1.0]))
    assert patience.is_exhausted(torch.tensor([0.5, 1.0])).tolist() == [False, True]


def test_infinite_patience_never_runs_out():
    assert exhausted_at([1.0] * 100, tol=0.0, n_iter_no_change=float("inf")) is None


def progress(values, status=Status.RUNNING, method="a"):
    """Return the record of an iteration of models whose numbers are all ``values``."""
    values = torch.tensor(values)
    W = values[:, None, None].expand(-1, 2, 3)
    statuses = torch.full((len(values),), int(status))
    return Progress(W, values, statuses, values, {"step": values}, method)


def test_parts_are_joined_in_the_order_of_all_models():
    first = (torch.tensor([1]), progress([2.0]))
    last = (torch.tensor([2, 0]), progress([30.0, 10.0], Status.CONVERGED, "b"))
    record = join([first, last])
    assert record.value.tolist() == record.max_violation.tolist() == [10.0, 2.0, 30.0]
    assert record.W[:, 0, 0].tolist() == [10.0, 2.0, 30.0]
    assert record.status.tolist() == [Status.CONVERGED, Status.RUNNING, Status.CONVERGED]
    assert record.method == "b"
    # Those of a part are not those of all.
    assert record.buffers == {}


def test_one_part_of_all_models_is_the_record():
    latest = progress([4.0, 5.0])
    assert join([(torch.tensor([0, 1]), latest)]) is latest


def test_weights_are_made_once_and_not_before_they_are_read():
    made = []
    record = progress([1.0, 2.0]).map_weights(lambda W: made.append(1) or 3 * W)
    whole = join([(torch.tensor([0, 2]), record), (torch.tensor([1]), progress([4.0]))])
    whole = whole.map_weights(torch.neg)
    assert not made
    for _ in range(2):
        assert whole.W[:, 0, 0].tolist() == [-3.0, -4.0, -6.0]
        assert record.take(torch.tensor([1])).W[:, 0, 0].tolist() == [6.0]
    assert made == [1]


def test_a_record_that_is_there_already_is_not_moved():
    record = progress([1.0])
    assert record.on(torch.device("cpu")) is record
