"""Adam and SGD take torch.optim's steps, over minibatches that a seed decides."""

from dataclasses import replace
from itertools import islice

import oracles
import pytest
import torch
from problems import alone, make_labels, make_objective, random_weights

from skorchless._engine.solvers import minibatch
from skorchless._engine.solvers.base import Patience, Status
from skorchless._engine.solvers.minibatch import (
    GROUP_SIZE,
    SGD,
    Adam,
    Sampling,
    minimize_minibatch,
)

OPTIMIZERS = [Adam(0.01), SGD(0.05, 0.9), SGD(0.05, 0.0)]


def solve(objective, optimizer, n_epochs, *, seed=0, shuffle=True, W=None, **options):
    W = torch.zeros(objective.weights_shape, dtype=torch.float64) if W is None else W
    generator = torch.Generator().manual_seed(seed)
    options = {"patience": Patience(0.0, float("inf")), **options}
    epochs = minimize_minibatch(
        objective, W, optimizer=optimizer, sampling=Sampling(16, shuffle, generator), **options
    )
    return list(islice(epochs, n_epochs))


def solve_with_torch(objective, data, optimizer, n_epochs, *, n_classes, seed=0):
    """Return weights after epochs of torch.optim on autograd gradients."""
    X, codes, weights = data
    W = torch.zeros(objective.weights_shape[1:], dtype=torch.float64, requires_grad=True)
    if isinstance(optimizer, Adam):
        reference = torch.optim.Adam([W], lr=optimizer.learning_rate)
    else:
        reference = torch.optim.SGD([W], lr=optimizer.learning_rate, momentum=optimizer.momentum)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(X), generator=generator).split(16):
            reference.zero_grad()
            share = weights[batch]  # of mean 1 over all rows, not over the batch
            nll = oracles.penalized_nll(
                W, X[batch], codes[batch], share, 0.0, n_classes=n_classes, fit_intercept=True
            )
            penalty = 0.5 * 0.1 * (W[:, :-1] ** 2).sum()
            (nll * share.sum() / len(batch) + penalty).backward()
            reference.step()
    return W.detach()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_are_those_of_torch_optim(optimizer, n_classes, weighted):
    weights = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weights = weights / weights.mean() if weighted else None
    objective, *data = make_objective(n_classes, weights=weights)
    expected = solve_with_torch(objective, data, optimizer, 3, n_classes=n_classes)
    torch.testing.assert_close(
        solve(objective, optimizer, 3)[-1].W[0], expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=str)
def test_the_seed_decides_the_order(optimizer):
    objective, *_ = make_objective()
    first, again, other = (solve(objective, optimizer, 2, seed=s)[-1].W for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_global_generator_is_not_used():
    objective, *_ = make_objective()
    before = torch.get_rng_state()
    solve(objective, Adam(0.01), 2)
    assert torch.equal(torch.get_rng_state(), before)


def drawn_rows(n_rows, sampling):
    """Return the numbers of the rows in the order in which an epoch takes them."""
    objective, *_ = make_objective(X=torch.arange(n_rows)[:, None])
    return torch.cat([X[..., 0].flatten() for X, *_ in sampling.groups(objective)]).tolist()


def test_without_shuffling_rows_come_in_order():
    sampling = Sampling(4, False, torch.Generator())
    assert drawn_rows(10, sampling) == list(range(10))


def test_an_epoch_takes_every_row_once():
    n_rows = 4 * GROUP_SIZE + 10  # more than are gathered at once
    drawn = drawn_rows(n_rows, Sampling(4, True, torch.Generator().manual_seed(0)))
    assert drawn != list(range(n_rows))
    assert sorted(drawn) == list(range(n_rows))


@pytest.mark.parametrize("n_rows", [3, 4, 5])
@pytest.mark.parametrize("size", [4, 64])
def test_an_epoch_may_be_shorter_than_a_minibatch(n_rows, size):
    drawn = drawn_rows(n_rows, Sampling(size, False, torch.Generator()))
    assert drawn == list(range(n_rows))


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=str)
def test_buffers_continue_an_optimiser_as_if_it_had_not_stopped(optimizer):
    objective, *_ = make_objective()
    whole = solve(objective, optimizer, 4, shuffle=False)[-1]
    half = solve(objective, optimizer, 2, shuffle=False)[-1]
    rest = solve(objective, optimizer, 2, shuffle=False, W=half.W, buffers=half.buffers)[-1]
    assert torch.equal(rest.W, whole.W)


def test_the_callers_tensors_are_not_changed():
    objective, *_ = make_objective()
    W = random_weights(objective)
    half = solve(objective, Adam(0.01), 1, W=W)[-1]
    before = {name: buffer.clone() for name, buffer in half.buffers.items()}
    solve(objective, Adam(0.01), 1, W=W, buffers=half.buffers)
    assert torch.equal(W, random_weights(objective))
    assert all(torch.equal(half.buffers[name], buffer) for name, buffer in before.items())


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=str)
def test_the_record_of_an_epoch_does_not_change_with_the_next(optimizer):
    objective, *_ = make_objective()
    at_once = solve(objective, optimizer, 3)
    for n_epochs, record in enumerate(at_once, start=1):
        alone = solve(objective, optimizer, n_epochs)[-1]
        torch.testing.assert_close(record.W, alone.W, rtol=0, atol=0)
        torch.testing.assert_close(record.buffers, alone.buffers, rtol=0, atol=0)


def test_it_ends_when_patience_with_the_loss_runs_out():
    # Under so large a penalty the loss soon stands still.
    objective, *_ = make_objective(alphas=(1e3,))
    *before, last = solve(objective, SGD(1e-4, 0.0), 100, patience=Patience(1e-7, 3))
    assert last.status == Status.CONVERGED
    assert all(p.status == Status.RUNNING for p in before)
    losses = [float(p.value) for p in (*before, last)]
    assert min(losses[-3:]) > min(losses[:-3]) - 1e-7


def test_the_value_is_the_objective_before_each_update():
    objective, *data = make_objective(alphas=(0.0,))
    (first,) = solve(objective, SGD(1e-12, 0.0), 1)
    zeros = torch.zeros(objective.weights_shape[1:])
    expected = oracles.penalized_nll(zeros.double(), *data, 0.0, n_classes=3, fit_intercept=True)
    assert float(first.value) == pytest.approx(float(expected), rel=1e-9)


def soft(W, threshold):
    return W.sign() * (W.abs() - threshold).clamp(min=0.0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_an_l1_penalty_thresholds_each_step_in_its_own_metric(optimizer):
    objective, *_ = make_objective(alphas=(0.1,), l1_ratio=1.0)
    plain, *_ = make_objective(alphas=(0.1,), l1_ratio=0.0)
    plain = plain.take(torch.tensor([0]))
    plain.alpha[0] = 0.0  # the same steps without any penalty
    W = 0.01 * random_weights(objective)
    rows = objective.rows.n_rows
    one_batch = {"patience": Patience(0.0, float("inf"))}
    ends = []
    for each in (objective, plain):
        sampling = Sampling(rows, False, torch.Generator())
        (end,) = islice(
            minimize_minibatch(each, W, optimizer=optimizer, sampling=sampling, **one_batch), 1
        )
        ends.append(end)
    thresholded, moved = ends
    if isinstance(optimizer, Adam):
        # After one step the root of the corrected second moment is the gradient's size.
        grad = moved.buffers["first"] / (1 - optimizer.beta_1)
        step_size = optimizer.learning_rate / (grad.abs() + optimizer.epsilon)
    else:
        step_size = optimizer.learning_rate / (1 - optimizer.momentum)
    expected = soft(moved.W[0], 0.1 * step_size * torch.ones(3, 6).double())
    expected[:, -1] = moved.W[0, :, -1]  # intercepts have no penalty
    torch.testing.assert_close(thresholded.W[0], expected)
    assert (expected == 0).any()


LABEL_WEIGHTS = torch.rand(
    (40, 1, 3), generator=torch.Generator().manual_seed(2), dtype=torch.float64
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("weights", [None, LABEL_WEIGHTS], ids=["plain", "weights of labels"])
def test_labels_take_the_steps_of_separate_fits_with_the_same_minibatches(
    weights, l1_ratio, optimizer
):
    objective, *_ = make_labels(weights=weights, alphas=(0.02,), l1_ratio=l1_ratio)
    if weights is not None:  # with which goes a penalty of each label's own
        objective = replace(objective, alpha=torch.tensor([0.02, 0.1, 0.05]).double())
    records = solve(objective, optimizer, 3)
    for m in range(3):
        separate = solve(alone(objective, m), optimizer, 3)
        for together, by_itself in zip(records, separate, strict=True):
            torch.testing.assert_close(together.W[m], by_itself.W[0], rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(together.value[m], by_itself.value[0])
    assert records[-1].W.shape == objective.weights_shape


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=str)
def test_buffers_continue_the_optimiser_of_all_labels(optimizer):
    objective, *_ = make_labels()
    whole = solve(objective, optimizer, 4, shuffle=False)[-1]
    half = solve(objective, optimizer, 2, shuffle=False)[-1]
    rest = solve(objective, optimizer, 2, shuffle=False, W=half.W, buffers=half.buffers)[-1]
    assert torch.equal(rest.W, whole.W)


@pytest.mark.parametrize(("n_labels", "n_minibatches"), [(3, 2), (6, 2), (12, 1), (50, 1)])
def test_the_more_labels_have_logits_the_fewer_minibatches_are_held(
    monkeypatch, n_labels, n_minibatches
):
    monkeypatch.setattr(minibatch, "MAX_GROUP_ENTRIES", 2 * 4 * 6)  # 2 x 4 rows of 6 columns
    objective, *_ = make_labels(n_labels)
    held = [len(X) for X, *_ in Sampling(4, False, torch.Generator()).groups(objective)]
    assert held == [n_minibatches] * (10 // n_minibatches)


def test_labels_end_together_when_patience_with_their_mean_loss_runs_out():
    objective, *_ = make_labels(alphas=(1.0,), fit_intercept=False)
    optimizer, patience = SGD(0.1, 0.0), {"patience": Patience(1e-4, 3)}
    records = solve(objective, optimizer, 60, **patience)
    lengths = {len(solve(alone(objective, m), optimizer, 60, **patience)) for m in range(3)}
    separate = [solve(alone(objective, m), optimizer, 60) for m in range(3)]
    losses = [float(sum(each.value for each in of)) / 3 for of in zip(*separate, strict=True)]
    best, n_stale, n_epochs = float("inf"), 0, 0
    while n_stale < 3:
        has_fallen = losses[n_epochs] < best - 1e-4
        best, n_stale = (losses[n_epochs], 0) if has_fallen else (best, n_stale + 1)
        n_epochs += 1
    assert len(records) == n_epochs
    assert lengths != {n_epochs}
    assert records[-1].status.tolist() == [Status.CONVERGED] * 3
    assert all(record.status.tolist() == [Status.RUNNING] * 3 for record in records[:-1])
