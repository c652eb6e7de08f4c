"""Small problems for the engine's tests."""

from itertools import islice

import torch

from skorchless._engine.objective import PenalizedNLL
from skorchless._engine.placement import place
from skorchless._engine.rows import TensorRows
from skorchless._engine.solvers.descent import Point, descend
from skorchless._engine.solvers.lbfgs import LBFGSDirections

CPU = torch.device("cpu")


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
    fold = torch.arange(len(alphas)).clamp(max=columns.shape[1] - 1)
    objective = PenalizedNLL(
        rows=TensorRows(X, (codes, columns), place(CPU, dtype)),
        n_classes=n_classes,
        fit_intercept=fit_intercept,
        alpha=torch.tensor(alphas, dtype=torch.float64),
        l1_ratio=torch.as_tensor(l1_ratio, dtype=torch.float64).expand(len(alphas)),
        total_weight=columns.double().sum(0)[fold],
        fold=fold,
    )
    return objective, X, codes, weights


def random_weights(objective, seed=1):
    """Return weights (M, K, D) drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(objective.weights_shape, generator=generator, dtype=torch.float64)


def n_lbfgs_iterations(objective, tol=1e-6, max_iter=1000):
    """Return how many iterations L-BFGS takes from zero weights, ``max_iter`` for more."""
    W = torch.zeros(objective.weights_shape, dtype=torch.float64)
    start = Point(W, *objective.value_and_grad(W))
    iterations = descend(objective, start, LBFGSDirections(objective, start), tol=tol)
    return sum(1 for _ in islice(iterations, max_iter))
