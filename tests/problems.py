"""Small problems for the engine's tests."""

from dataclasses import replace
from itertools import islice

import numpy as np
import torch

from skorchless._engine.costs import Costs
from skorchless._engine.curvature.feature_moments import centered_objective
from skorchless._engine.objective import PenalizedNLL, weights_of_centred, weights_of_raw
from skorchless._engine.placement import place
from skorchless._engine.rows.block_sizes import BlockSizes
from skorchless._engine.rows.memory import TensorRows
from skorchless._engine.solvers.descent import SearchLine, descend, point_at
from skorchless._engine.solvers.full_batch import minimize_full_batch
from skorchless._engine.solvers.one_model import OneModel
from skorchless._engine.solvers.quasi_newton import LBFGSDirections
from skorchless._engine.solvers.small_table import minimize_one_model
from skorchless._engine.solvers.strategy import ClassHessianSchedule

CPU = torch.device("cpu")
SMALL_BLOCKS = BlockSizes(block_bytes=1, min_block_rows=7)


def on_cpu(dtype=torch.float64, **options):
    """Return the placement of a computation on the CPU, with other costs or sizes of blocks."""
    return replace(place(CPU, dtype), **options)


def make_objective(
    n_classes=3,
    n_rows=40,
    n_features=5,
    *,
    alphas=(0.1,),
    l1_ratio=0.0,
    fit_intercept=True,
    dtype=torch.float64,
    weights=None,
    X=None,
    seed=0,
    costs=Costs(),
    block_sizes=BlockSizes(),
):
    """Return an objective, and the X, codes and weights that it is made of."""
    generator = torch.Generator().manual_seed(seed)
    if X is None:
        X = torch.randn(n_rows, n_features, generator=generator, dtype=torch.float64)
    X = X.to(dtype)
    codes = torch.arange(len(X)) % n_classes
    codes = codes[torch.randperm(len(X), generator=generator)]
    if weights is None:
        weights = torch.ones(len(X), dtype=dtype)
    weights = weights.to(dtype)
    columns = weights.view(len(X), -1)  # (N, F): one for all models, or one for each
    placement = on_cpu(dtype, costs=costs, block_sizes=block_sizes)
    fold = torch.arange(len(alphas)).clamp(max=columns.shape[1] - 1)
    objective = PenalizedNLL(
        rows=TensorRows(X, (codes[:, None], columns), placement),
        n_classes=n_classes,
        fit_intercept=fit_intercept,
        alpha=torch.tensor(alphas, dtype=torch.float64),
        l1_ratio=torch.as_tensor(l1_ratio, dtype=torch.float64).expand(len(alphas)),
        total_weight=columns.double().sum(0)[fold],
        fold=fold,
        label=torch.zeros_like(fold),
    )
    return objective, X, codes, weights


def make_labels(n_labels=3, *, alphas=(0.1,), weights=None, codes=None, l1_ratio=0.0, **options):
    """Return an objective of several labels for each penalty, and its X, codes and weights.

    Models come by penalty, then by label. Codes are (N, L), of bytes. Weights are (N,), of all
    models, (N, F), a fold for each penalty, or (N, F, L), a fold for each penalty and label.
    """
    single, X, _, _ = make_objective(2, **options)
    generator = torch.Generator().manual_seed(7)
    if codes is None:
        share = torch.linspace(0.3, 0.7, n_labels)
        codes = (torch.rand(len(X), n_labels, generator=generator) < share).to(torch.uint8)
    weights = torch.ones(len(X)).to(X) if weights is None else weights.to(X)
    columns = weights.view(len(X), -1)
    of_penalty, label = (
        each.flatten()
        for each in torch.meshgrid(
            torch.arange(len(alphas)), torch.arange(n_labels), indexing="ij"
        )
    )
    fold = of_penalty.clamp(max=columns.shape[1] - 1)
    fold = of_penalty * n_labels + label if weights.ndim == 3 else fold
    objective = replace(
        single,
        rows=TensorRows(X, (codes, columns), single.rows.placement),
        alpha=torch.tensor(alphas, dtype=torch.float64)[of_penalty],
        l1_ratio=torch.as_tensor(l1_ratio, dtype=torch.float64).expand(len(alphas))[of_penalty],
        total_weight=columns.double().sum(0)[fold],
        fold=fold,
        label=label,
    )
    return objective, X, codes, columns


def data_of(objective, m):
    """Return the X, codes, weights and penalty of model ``m`` of several, as oracles take them."""
    X, codes, weights = objective.rows.whole()
    column, label = int(objective.fold[m]), int(objective.label[m])
    return X, codes[:, label].long(), weights[:, column], float(objective.alpha[m])


def alone(objective, m):
    """Return the objective of model ``m`` of several, made of its own codes and weights alone."""
    X, codes, weights, _ = data_of(objective, m)
    single = objective.take(torch.tensor([m]))
    columns = (codes[:, None], weights[:, None])
    rows = TensorRows(X, columns, objective.rows.placement)
    zero = torch.zeros(1, dtype=torch.int64)
    return replace(single, rows=rows, fold=zero, label=zero)


def random_weights(objective, seed=1):
    """Return weights (M, K, D) drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(objective.weights_shape, generator=generator, dtype=torch.float64)


def weights_with_zeros(n_rows=40):
    """Return row weights of which each fifth is 0."""
    weights = torch.rand(n_rows, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weights[::5] = 0.0
    return weights


def by_descent(objective, moments, W, *, tol, schedule=None):
    """Yield the progress of L-BFGS for all models; of no ``schedule``, that of the cost model."""
    center = None if objective.center is None else objective.center[:-1]
    start = point_at(objective, weights_of_centred(W, center))
    schedule = schedule or ClassHessianSchedule.of(objective)
    directions = LBFGSDirections(objective, start, moments, schedule)
    for progress in descend(objective, start, directions, tol=tol):
        yield progress.map_weights(lambda W: weights_of_raw(W, center))


def by_one_model(objective, moments, W, *, tol, by_newton):
    """Yield the progress of the solver of one small table."""
    yield from minimize_one_model(objective, moments, W, tol=tol, by_newton=by_newton)


def history(minimize, objective, *, tol=1e-9, max_iter=1000, W=None, **options):
    """Return the progress of each iteration of ``minimize``, from weights ``W`` or zeros."""
    W = torch.zeros(objective.weights_shape, dtype=torch.float64) if W is None else W
    return list(islice(minimize(*centered_objective(objective), W, tol=tol, **options), max_iter))


def of_teacher(n_rows, n_features, n_classes, kind="plain", **options):
    """Return an objective of labels that a linear teacher has drawn, for C=1.

    Features are standard normal, "correlated", or "scaled" by factors up to some hundred.
    """
    generator = np.random.default_rng(0)
    X = generator.standard_normal((n_rows, n_features))
    if kind == "correlated":
        rank = max(1, min(n_features, n_rows) // 5)
        factors = generator.standard_normal((n_rows, rank)) / np.sqrt(rank)
        X = 0.3 * X + factors @ generator.standard_normal((rank, n_features))
    teacher = 2.0 * generator.standard_normal((n_features, n_classes)) / np.sqrt(n_features)
    y = (X @ teacher + generator.gumbel(size=(n_rows, n_classes))).argmax(1)
    if kind == "scaled":
        X *= np.exp(2.0 * generator.standard_normal(n_features))
    options.setdefault("alphas", (1.0 / n_rows,))
    objective, _, codes, _ = make_objective(n_classes, X=torch.from_numpy(X), **options)
    codes.copy_(torch.from_numpy(y))
    return objective


def fit(objective, tol=1e-4, max_iter=1000):
    """Return the progress of each iteration from zero weights."""
    W = torch.zeros(objective.weights_shape)
    return list(islice(minimize_full_batch(objective, W, tol=tol), max_iter))


def model_and_state(objective, W=None):
    """Return the model of an objective, and its state at raw weights ``W`` (1, K, D)."""
    W = torch.zeros(objective.weights_shape).double() if W is None else W
    model = OneModel(*centered_objective(objective))
    return model, model.state_at(model.of_weights(W[0].numpy()))


def raw(model, u):
    """Return the weights (K, D) of raw features of ``u``."""
    return torch.from_numpy(model.weights_of(u))


class Downhill:
    """Directions of steepest descent, in units of ``length`` (M,) of a gradient."""

    method = "downhill"
    is_exact = False
    logits_change = None

    def __init__(self, length=1.0):
        self.length = torch.as_tensor(length).double().view(-1, 1, 1)

    def at(self, point):
        return -point.grad * self.length

    def forget(self, _):
        pass

    def keep(self, _):
        pass


def line_along(objective, direction):
    """Return the line from zero weights along ``direction`` times the gradient there."""
    start = point_at(objective, torch.zeros(objective.weights_shape).double())
    d = direction * start.grad
    slope = (d * start.grad).sum((1, 2)).clamp(max=0.0)
    return SearchLine(objective, start, d, slope, torch.zeros_like(slope))
